"""Whether a new value is larger than the ones before it let expect."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from leadline.stats.arrays import floats, require


def p_above(value: float, history: ArrayLike, least_spread: float = 0.0) -> float:
    """The chance that a new value is as large as this one or larger, if it comes from where the history does.

    value         finite
    history       shape (n,), n >= 2, finite
    least_spread  >= 0: a history that happened to be quieter than this is taken to spread so much; one of them is > 0

    Raises ValueError outside those ranges. Assumes independent, normal values: of durations take logarithms.
    Source: the predictive t of a normal sample, t = (x - mean) / (s sqrt(1 + 1 / n)) with n - 1 degrees of freedom
    (Geisser 1993, Predictive Inference, 2.2); METHODS §8.

    >>> round(p_above(3.0, [1.0, 2.0, 3.0, 2.0]), 3)
    0.177
    """
    past = floats(history)
    n = len(past)
    require(n >= 2 and np.isfinite(past).all() and np.isfinite(value) and least_spread >= 0, "two finite values needed")
    spread = max(float(past.std(ddof=1)), least_spread)
    require(spread > 0, "a history that does not vary needs a least spread")
    return float(stdtr(n - 1, -(value - past.mean()) / (spread * np.sqrt(1 + 1 / n))))
