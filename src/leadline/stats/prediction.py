"""Is a new value like the ones before it? Predictive intervals of a series of partitions, many series at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, bdtrc, stdtr, stdtrit

from leadline.stats.arrays import Floats, floats, require

#: a seasonal or a differenced series is taken where its spread is below this share of the plain one's
SEASONAL, DIFFERENCED = 0.8, 0.7
#: seasons that have to have passed before they are told apart
LEAST_SEASONS = 3


@dataclass(frozen=True, slots=True)
class Predicted:
    """What was to be expected of the next value of each series; all of shape (series,).

    expected   its expectation
    spread     the standard deviation of the new value around it
    freedom    degrees of freedom of that
    """

    expected: Floats
    spread: Floats
    freedom: Floats

    def t(self, value: ArrayLike) -> Floats:
        """How many of its spreads a value lies above what was expected; NaN where either is unknown."""
        return (floats(value) - self.expected) / self.spread

    def p(self, value: ArrayLike) -> Floats:
        """Two-sided chance of a value as far off as this one, or farther; 1 where either is unknown."""
        away = np.abs(self.t(value))
        known = np.isfinite(away) & (self.freedom > 0)
        return np.where(known, 2 * stdtr(np.where(known, self.freedom, 1.0), np.where(known, -away, 0.0)), 1.0)


def predicted(history: ArrayLike, error: ArrayLike, season: int = 1, ahead: int = 1) -> Predicted:
    """The next value of each series from its history, by the predictive t distribution.

    history  shape (partitions, series), in the order of time, NaN where a partition is left out or has no value
    error    shape (series,): standard error that the new value has from its own rows alone; 0 where it has none
    season   partitions in a season: 7 days of a week; 1 for none. The position in it is counted back from the new one
    ahead    how many partitions after the last of the history the new one is

    Each series is taken as it is, or with a mean of its own for each position in the season, or by its differences:
    whichever spreads least, where that is less by far (`SEASONAL`, `DIFFERENCED`). The spread is at least `error`, as a
    history that happened to be quiet would make everything unusual.
    Raises ValueError for shapes that do not fit.
    Assumes that partitions, so adjusted, are independent and normal. Source: the predictive t of a normal sample,
    t = (x - mean) / (s sqrt(1 + 1 / n)) with n - 1 degrees of freedom (Geisser 1993, 2.2); simulated in tests/stats.

    >>> one = predicted([[1.0], [2.0], [3.0], [2.0]], [0.0])
    >>> float(one.expected[0]), round(float(one.spread[0]), 3), float(one.freedom[0])
    (2.0, 0.913, 3.0)
    """
    past, floor = floats(history), floats(error)
    require(past.ndim == 2 and floor.shape == past.shape[1:], "history: (partitions, series); error: (series,)")
    require(season >= 1 and ahead >= 1, "season and ahead are at least 1")
    plain = _around(past, np.zeros(len(past), int), 0)
    best = plain
    if season > 1 and len(past) >= LEAST_SEASONS * season:
        back = (len(past) + ahead - 1 - np.arange(len(past))) % season
        best = _better(best, plain, _around(past, back, 0), SEASONAL)
    best = _better(best, plain, _differences(past), DIFFERENCED)
    expected, spread, freedom, inflated = best
    usual = np.fmax(spread, floor) * inflated
    known = (freedom > 0) & (usual > 0)
    return Predicted(np.where(known, expected, np.nan), np.where(known, usual, np.nan), np.where(known, freedom, 0.0))


def p_above(value: float, history: ArrayLike, least_spread: float = 0.0) -> float:
    """The chance that a new value is as large as this one or larger, if it comes from where the history does.

    value         finite
    history       shape (n,), n >= 2, finite
    least_spread  >= 0: a history that happened to be quieter than this is taken to spread so much; one of them is > 0

    Raises ValueError outside those ranges. Assumes independent, normal values: of durations take logarithms.
    Source: as `predicted`, of a series taken as it is.

    >>> round(p_above(3.0, [1.0, 2.0, 3.0, 2.0]), 3)
    0.177
    """
    expected, spread, freedom = _next(history, least_spread)
    require(bool(np.isfinite(value)), "the value must be finite")
    return float(stdtr(freedom, -(value - expected) / spread))


def limit_above(chance: float, history: ArrayLike, least_spread: float = 0.0) -> float:
    """What a new value exceeds with this chance, if it comes from where the history does; the inverse of `p_above`.

    chance  in (0, 1)

    >>> round(limit_above(0.177, [1.0, 2.0, 3.0, 2.0]), 2)
    3.0
    """
    require(0 < chance < 1, "a chance lies between 0 and 1")
    expected, spread, freedom = _next(history, least_spread)
    return float(expected - spread * stdtrit(freedom, chance))


def _next(history: ArrayLike, least_spread: float) -> tuple[float, float, float]:
    """Expectation, spread and degrees of freedom of the next value of one series."""
    past = floats(history)
    n = len(past)
    require(n >= 2 and np.isfinite(past).all() and least_spread >= 0, "two finite values needed")
    (expected,), (spread,), (freedom,), (inflated,) = _around(past[:, None], np.zeros(n, int), 0)
    usual = max(spread, least_spread)
    require(usual > 0, "a history that does not vary needs a least spread")
    return float(expected), float(usual * inflated), float(freedom)


_Fit = tuple[Floats, Floats, Floats, Floats]  # expected, residual spread, degrees of freedom, inflation of the spread


def _around(past: Floats, position: NDArray[np.int64], mine: int) -> _Fit:
    """Around the mean of each position; `mine` is that of the new value."""
    known = np.isfinite(past)
    values = np.where(known, past, 0.0)
    mine_first = np.array([mine, *(each for each in np.unique(position) if each != mine)])
    of = (position == mine_first[:, None]).astype(np.float64)  # (positions, partitions)
    n = of @ known
    means = of @ values / np.maximum(n, 1)
    squares = (np.where(known, values - of.T @ means, 0.0) ** 2).sum(0)
    freedom = np.where(n[0] > 0, known.sum(0) - (n > 0).sum(0), 0.0)
    return means[0], np.sqrt(squares / np.maximum(freedom, 1)), freedom, np.sqrt(1 + 1 / np.maximum(n[0], 1))


def _differences(past: Floats) -> _Fit:
    """Around the last value: the spread of steps between neighbours that are known."""
    steps = np.diff(past, axis=0)
    known = np.isfinite(steps)
    n = known.sum(0)
    spread = np.sqrt((np.where(known, steps, 0.0) ** 2).sum(0) / np.maximum(n, 1))
    last = _last(past)
    return last, spread, np.where(np.isfinite(last), n, 0).astype(np.float64), np.ones(past.shape[1])


def _last(past: Floats) -> Floats:
    """The last known value of each series; NaN where there is none."""
    if not len(past):
        return np.full(past.shape[1], np.nan)
    known = np.isfinite(past)
    place = np.where(known.any(0), len(past) - 1 - np.argmax(known[::-1], axis=0), 0)
    return past[place, np.arange(past.shape[1])]


def _better(best: _Fit, plain: _Fit, other: _Fit, share: float) -> _Fit:
    """By series the other fit, where its spread is below that share of the plain one's and of the best one's."""
    least = np.minimum(best[1], share * plain[1])
    chosen = (other[2] > 0) & (other[1] < least)
    return (
        np.where(chosen, other[0], best[0]),
        np.where(chosen, other[1], best[1]),
        np.where(chosen, other[2], best[2]),
        np.where(chosen, other[3], best[3]),
    )


def binomial_p(hits: ArrayLike, n: ArrayLike, share: ArrayLike) -> Floats:
    """Two-sided chance of as many hits or more (or as few or fewer), twice the smaller tail; at most 1.

    hits, n  0 <= hits <= n, whole numbers
    share    the chance of a hit, in [0, 1]

    Assumes independent rows. Source: the exact binomial tails.

    >>> round(float(binomial_p(8, 1000, 0.001)), 7)
    2.01e-05
    """
    k, p = floats(hits), np.clip(floats(share), 1e-12, 1 - 1e-12)
    m = np.asarray(n, np.int64)  # scipy takes no other
    require((k >= 0) & (k <= m), "0 <= hits <= n")
    above = np.where(k > 0, bdtrc(np.maximum(k - 1, 0), m, p), 1.0)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(bdtr(k, m, p), above)))
