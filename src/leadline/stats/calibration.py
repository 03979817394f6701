"""Expected calibration error from binned sums, its floor, and its interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf

from leadline.stats.arrays import Floats, floats, require
from leadline.stats.proportion import Z95


def calibration_error(n: ArrayLike, predicted: ArrayLike, actual: ArrayLike) -> float:
    """Expected calibration error Σ (n_b / n) |mean outcome - mean probability|, in [0, 1].

    n          rows by bin, shape (bins,), >= 0, not all 0
    predicted  Σ of probabilities by bin, 0 <= predicted <= n
    actual     Σ of 0/1 outcomes by bin, 0 <= actual <= n

    Biased upwards: read it next to `calibration_floor`. Raises ValueError outside those ranges.
    Source: Naeini, Cooper, Hauskrecht (2015).

    >>> calibration_error([10, 10], [2.0, 7.0], [3, 5])
    0.15
    """
    rows, p, y = _bins(n, predicted, actual)
    return float(np.abs(y - p).sum() / rows.sum())


def calibration_floor(n: ArrayLike, actual: ArrayLike) -> float:
    """About what `calibration_error` comes to for a perfectly calibrated model with these rows, in [0, 1].

    Σ (n_b / n) sqrt(2/π) sqrt(ȳ_b (1 - ȳ_b) / n_b). Arguments and errors as in `calibration_error`. METHODS §9.

    >>> round(calibration_floor([100, 100], [20, 70]), 4)
    0.0342
    """
    rows, _, y = _bins(n, actual, actual)
    share = np.divide(y, rows, out=np.zeros_like(rows), where=rows > 0)
    return float(np.sqrt(2 / np.pi * rows * share * (1 - share)).sum() / rows.sum())


def calibration_interval(
    n: ArrayLike, predicted: ArrayLike, actual: ArrayLike, critical: float = Z95, deff: float = 1.0
) -> tuple[float, float]:
    """Two-sided interval for the calibration error that infinitely many rows would show in these bins, in [0, 1].

    n, predicted, actual   as in `calibration_error`
    critical               quantile of the normal or t distribution, > 0
    deff                   design effect > 0 of the outcomes

    Both ends allow for the upward bias, so the interval may lie far below `calibration_error`; low is 0 where a
    calibrated model could have given these rows.
    High: error + critical · sd of the signed gaps, which bounds the error from below whatever the true gaps are.
    Low: the true gaps are a multiple of the observed ones; the least multiple at which the error's mean + critical · sd
    (folded normal gaps) reaches the observed error.
    Raises ValueError outside the ranges. Assumes independent rows (deff 1) and bins fixed beforehand.
    Source: ours, a test inverted; simulated in tests/stats (a basic bootstrap covers .38 to .95 there).

    >>> low, high = calibration_interval([100, 100], [20.0, 70.0], [23, 66])
    >>> low, round(high, 3)
    (0.0, 0.098)
    """
    rows, p, y = (part[floats(n) > 0] for part in _bins(n, predicted, actual))
    require(deff > 0 and critical > 0, "deff and critical must be > 0")
    weight, gap = rows / rows.sum(), (y - p) / rows
    error = float(weight @ np.abs(gap))
    share = (y + 0.5) / (rows + 1)
    noise = deff * share * (1 - share) / np.maximum(rows - 1, 1.0)
    spread = float(weight @ (np.abs(gap) - error) ** 2) * deff / float(rows.sum())  # how rows fall into the bins
    high = min(error + critical * float(np.sqrt(weight**2 @ noise + spread)), 1.0)

    def excess(multiple: float) -> float:
        """Mean + critical · sd of the error at these gaps, less the observed error."""
        true, sd = multiple * np.abs(gap), np.sqrt(noise)
        mean = sd * np.sqrt(2 / np.pi) * np.exp(-((true / sd) ** 2) / 2) + true * erf(true / sd / np.sqrt(2))
        variance = weight**2 @ np.maximum(true**2 + noise - mean**2, 0.0) + multiple**2 * spread
        return float(weight @ mean + critical * np.sqrt(variance)) - error

    if excess(0.0) >= 0:
        return 0.0, high
    from scipy.optimize import brentq  # noqa: PLC0415  # loading it takes longer than all that is left to do

    return float(brentq(excess, 0.0, 1.0)) * error, high


def _bins(n: ArrayLike, predicted: ArrayLike, actual: ArrayLike) -> tuple[Floats, Floats, Floats]:
    rows, p, y = floats(n), floats(predicted), floats(actual)
    require(rows.shape == p.shape == y.shape and rows.ndim == 1, "n, predicted and actual need the same bins")
    slack = 1e-9 * rows + 1e-12  # sums of fixed-point probabilities may round past n
    require((rows >= 0).all() and rows.sum() > 0, "rows by bin must be >= 0 and not all 0")
    require(
        (p >= 0) & (p <= rows + slack) & (y >= 0) & (y <= rows + slack), "sums must lie between 0 and n in each bin"
    )
    return rows, p, np.minimum(y, rows)
