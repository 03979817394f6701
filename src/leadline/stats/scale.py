"""Intervals value ± critical · sd, taken on the scale on which the value's error is nearly normal."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from leadline.stats.arrays import Each, Number, floats, plain, require


def wald(value: Number, variance: Number, critical: Each) -> tuple[Number, Number]:
    """value ± critical · sd: for a figure that may have either sign (bias, R²'s relatives, a difference).

    value, variance   finite, variance >= 0 in the unit of value²
    critical          quantile of the normal or t distribution, > 0

    Raises ValueError outside those ranges. Assumes a nearly normal error.

    >>> wald(1.0, 4.0, 2.0)
    (-3.0, 5.0)
    """
    centre, var = floats(value), floats(variance)
    require(np.isfinite(centre) & (var >= 0) & np.isfinite(var) & (floats(critical) > 0), "wald needs a variance >= 0")
    half = critical * np.sqrt(var)
    return plain(centre - half), plain(centre + half)


def log_interval(value: Number, variance: Number, critical: Each) -> tuple[Number, Number]:
    """value · exp(± critical · sd / value): for a figure that is above 0 (MAE, MSE, log loss, Brier score).

    value      finite, > 0
    variance   finite, >= 0, in the unit of value²

    Returns 0 < low <= value <= high. Raises ValueError outside those ranges: at exactly 0 the rows say
    nothing of a scale. The interval of a root is the root of the interval: RMSE from MSE.
    Assumes a nearly normal error of the logarithm; covers better than `wald` for skewed losses (tests/stats).

    >>> low, high = log_interval(1.0, 0.01, 2.0)
    >>> round(low, 3), round(high, 3)
    (0.819, 1.221)
    """
    centre, var = floats(value), floats(variance)
    require((centre > 0) & np.isfinite(centre) & (var >= 0) & np.isfinite(var), "the log scale needs a value > 0")
    stretch = np.exp(np.minimum(critical * np.sqrt(var) / centre, 300.0))  # beyond, all scales are possible anyway
    return plain(centre / stretch), plain(centre * stretch)


def logit_interval(
    value: Number, variance: Number, critical: Each, low: float = 0.0, high: float = 1.0
) -> tuple[Number, Number]:
    """An interval that stays inside the figure's own range: symmetric on the scale log((v - low) / (high - v)).

    value      low < value < high, as the ends have no place on this scale
    variance   finite, >= 0, in the unit of value²
    low, high  the figure's range: 0 and 1 for average precision, -1 and 1 for MCC (then it is Fisher's z)

    Returns low < interval < high. Raises ValueError outside those ranges.
    Assumes a nearly normal error on that scale.

    >>> low, high = logit_interval(0.9, 0.01, 1.96)
    >>> round(low, 3), round(high, 3)
    (0.505, 0.988)
    """
    centre, var = floats(value), floats(variance)
    require(
        (centre > low) & (centre < high) & (var >= 0) & np.isfinite(var), "the logit scale needs low < value < high"
    )
    span = high - low
    share = (centre - low) / span
    half = critical * np.sqrt(var) / span / (share * (1 - share))
    place = np.log(share) - np.log1p(-share)
    return plain(low + span * expit(place - half)), plain(low + span * expit(place + half))
