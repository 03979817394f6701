"""Rules that are learnt from a column's history: what is unusual, with a budget of false alarms for a whole day.

A statistic is unusual where the chance of a value as far off, by the predictive t distribution and, of a share, by the
exact binomial tails as well, is below α over the number of statistics (Bonferroni), and where the change matters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.quality.grid import Ints
from leadline.quality.statistics import Watched
from leadline.stats.arrays import Floats
from leadline.stats.prediction import binomial_p, predicted

#: chance of any false alarm in a partition that is left to all rules together
ALPHA = 0.04
#: correlation of deviations from which on columns go together, and over how many partitions it is taken
CORRELATED, OVER = 0.8, 30
#: so many columns whose same statistic alarms at once have one cause: by accident hardly two would
MANY = 5


@dataclass(frozen=True)
class Unusual:
    """What the rules say of one partition; shape (M,) each.

    t         how many spreads a statistic lies above what was expected; NaN where that is unknown
    expected  what was expected
    spread    how much it may be off
    p         the chance of a value as far off; 1 where unknown
    matters   whether the change is large enough
    """

    t: Floats
    expected: Floats
    spread: Floats
    p: Floats
    matters: NDArray[np.bool_]

    def alarms(self, alpha: float = ALPHA) -> Ints:
        """The places of the statistics that are unusual, p · M < α and a change that matters."""
        return np.flatnonzero((self.p * len(self.p) < alpha) & self.matters)


def unusual(of: Watched, now: int, history: NDArray[np.bool_], season: int) -> Unusual:
    """Judge partition `now` by the partitions before.

    history   shape (H, M), which of the H partitions just before `now` are taken for usual, for each statistic
    season    partitions in a season
    """
    past = slice(now - len(history), now)
    values = np.where(history, of.value[past], np.nan)
    fit = predicted(values, of.error[now], season)
    p = fit.p(of.value[now])
    away = np.abs(of.value[now] - fit.expected)
    is_share = of.n[now] > 0
    if is_share.any():
        hits = np.where(history, of.hits[past], 0).sum(axis=0)
        rows = np.where(history, of.n[past], 0).sum(axis=0)
        share = (hits + 0.5) / (rows + 1)
        exact = binomial_p(np.maximum(of.hits[now], 0), np.maximum(of.n[now], 0), np.where(is_share, share, 0.5))
        p = np.where(is_share & (p < 1), np.maximum(p, exact), p)
    with np.errstate(invalid="ignore"):
        return Unusual(fit.t(of.value[now]), fit.expected, fit.spread, p, away >= of.least[now])


def clusters(alarms: Ints, columns: Ints, names: Sequence[str], deviations: Floats) -> list[list[int]]:
    """Alarms in groups that go together: of one column, or whose deviations go along with each other.

    alarms      places of the statistics that alarm, rising
    columns     shape (M,), the column of each statistic
    names       of the M statistics
    deviations  shape (partitions, M), t of the last partitions, the present one too; NaN where unknown

    Two statistics go together where |correlation| > .8 over the last 30 partitions, and where the same statistic of
    five columns or more alarms at once.
    Source: the idea of one alert for each cluster of correlated columns is GATE's (Shankar et al. 2023).
    """
    recent = deviations[-OVER:, alarms]
    known = np.isfinite(recent).all(axis=0)
    correlation = np.eye(len(alarms))
    filled = np.where(np.isfinite(recent), recent, 0.0)
    spread = filled.std(axis=0)
    usable = (spread > 0) & (known | (np.isfinite(recent).sum(axis=0) >= 3))
    if usable.sum() > 1 and len(filled) > 2:
        some = np.flatnonzero(usable)
        correlation[np.ix_(some, some)] = np.corrcoef(filled[:, some], rowvar=False)
    linked = (np.abs(correlation) > CORRELATED) | (columns[alarms][:, None] == columns[alarms])
    many = {name for name, n in Counter(names[place] for place in alarms).items() if n >= MANY}
    common = np.array([names[place] if names[place] in many else f"{place}" for place in alarms])
    linked |= common[:, None] == common
    return [[int(alarms[place]) for place in group] for group in _connected(linked)]


def _connected(linked: NDArray[np.bool_]) -> Iterator[list[int]]:
    """The connected parts of a graph, by union-find; linked has shape (n, n)."""
    parent = list(range(len(linked)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for one, other in zip(*np.nonzero(np.triu(linked, 1)), strict=True):
        parent[root(int(other))] = root(int(one))
    groups: dict[int, list[int]] = {}
    for place in range(len(linked)):
        groups.setdefault(root(place), []).append(place)
    yield from groups.values()
