"""Whether a new value is larger than the ones before it let expect."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

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
    mean, spread, n = _next(history, least_spread)
    require(np.isfinite(value), "the value must be finite")
    return float(stdtr(n - 1, -(value - mean) / spread))


def limit_above(chance: float, history: ArrayLike, least_spread: float = 0.0) -> float:
    """What a new value exceeds with this chance, if it comes from where the history does; the inverse of `p_above`.

    chance  in (0, 1)

    >>> round(limit_above(0.177, [1.0, 2.0, 3.0, 2.0]), 2)
    3.0
    """
    require(0 < chance < 1, "a chance lies between 0 and 1")
    mean, spread, n = _next(history, least_spread)
    return float(mean - spread * stdtrit(n - 1, chance))


def _next(history: ArrayLike, least_spread: float) -> tuple[float, float, int]:
    """Mean and scale of the next value, and how many there were."""
    past = floats(history)
    n = len(past)
    require(n >= 2 and np.isfinite(past).all() and least_spread >= 0, "two finite values needed")
    spread = max(float(past.std(ddof=1)), least_spread)
    require(spread > 0, "a history that does not vary needs a least spread")
    return float(past.mean()), float(spread * np.sqrt(1 + 1 / n)), n
