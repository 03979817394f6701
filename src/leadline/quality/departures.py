"""What is only unusual, over the stretch of time in which it is so: until it is back at what is usual."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from leadline.quality.fault import Episode
from leadline.quality.history import GAP, Sighting
from leadline.quality.statistics import STATISTICS, Statistic, Values, most_frequent, over
from leadline.quality.summary import Column, Partitions
from leadline.quality.words import number, percent, quoted
from leadline.stats.prediction import Predicted, predicted
from leadline.values import Scalar

#: spreads within which nearly all partitions lie, for sentences
USUALLY = 2.6
#: partitions that are judged together, as to whether it is over or lasts
WEEK = 7


def departures(log: Partitions, found: Sequence[Sighting]) -> Iterator[Episode]:
    """Sightings of one column that is only unusual, in the order of time, as episodes.

    From day to day another statistic may be farthest off: an episode is told by the one that was so most often. It
    lasts until that is nearer to what is usual than to what it was while it was seen.
    """
    column = log.named[found[0].fault.columns[0]]
    earlier: dict[tuple[Scalar, ...], tuple[int, ...]] = {}
    for each in _stretches(log, column, found):
        before = earlier.get(each.fault.detail, ())
        yield replace(each, earlier=before)
        earlier[each.fault.detail] = (*before, each.last)


def _stretches(log: Partitions, column: Column, found: Sequence[Sighting]) -> Iterator[Episode]:
    left = list(found)
    while left:
        size = in_a_row(left)
        run = left[:size]
        (detail, _), *_ = Counter(each.fault.detail for each in run).most_common()
        watched = _Watched.of(log, column, [each for each in run if each.fault.detail == detail])
        first = watched.begin({each.partition for each in run})
        last = watched.end(first, [each.partition for each in left[size:]])
        yield from _stretches(log, column, [each for each in run if each.partition < first])
        yield watched.episode(first, last)
        left = [each for each in left if each.partition > last]


def in_a_row(found: Sequence[Sighting]) -> int:
    """How many of the first sightings follow each other without a gap that ends a fault."""
    apart = (at for at in range(1, len(found)) if found[at].partition - found[at - 1].partition > GAP)
    return next(apart, len(found))


@dataclass(frozen=True)
class _Watched:
    """One statistic of a column that was unusual, always on the same side.

    values   over all partitions
    seen     the sightings, at least one; the partitions that were usual before the first one are what is usual
    """

    log: Partitions
    column: Column
    statistic: Statistic
    values: Values
    seen: Sequence[Sighting]

    @classmethod
    def of(cls, log: Partitions, column: Column, seen: Sequence[Sighting]) -> _Watched:
        statistic = next(each for each in STATISTICS if each.name == seen[0].fault.detail[0])
        return cls(log, column, statistic, statistic.of(column), seen)

    @cached_property
    def departure(self) -> float:
        """How far it lay from what was usual on average while it was seen, to that side."""
        return float(np.mean([self.away(each.partition) for each in self.seen]))

    def usual(self, at: int) -> Predicted:
        """What was to be expected of a partition by those before it that were usual before the first sighting."""
        places = self.seen[0].usual
        places = places[places < at]
        first = int(places[0]) if len(places) else at
        history = np.full((at - first, 1), np.nan)
        history[places - first, 0] = self.values.value[places]
        return predicted(history, np.nan_to_num(self.values.error[at : at + 1]), self.log.season)

    def away(self, at: int) -> float:
        """How far a partition lies from what was to be expected, on the side on which it was unusual."""
        away = float(self.values.value[at] - self.usual(at).expected[0])
        return away if self.seen[0].fault.detail[1] == "above" else -away

    def lasts(self, at: int) -> bool:
        """Whether it is nearer to what it was while it was seen than to what is usual."""
        return self.away(at) >= self.departure / 2

    def begin(self, unusual: set[int]) -> int:
        """The first partition: one in which the column was unusual by another statistic may belong to it."""
        first = self.seen[0].partition
        for at in sorted((each for each in unusual if each < first), reverse=True):
            if first - at > GAP or not self.lasts(at):
                break
            first = at
        return first

    def end(self, first: int, later: Sequence[int]) -> int:
        """The last partition before those that are back at what is usual; `later` ones are unusual for themselves.

        A small step is hidden on many a day: several days after it are judged together. Where too few are left to say
        so, it goes on unless they are too far from what it was.
        """
        last = self._end_by_day(self.seen[0].partition)
        spread = float(self.usual(self.seen[0].partition).spread[0])
        while True:
            another = next((at for at in later if at > last), len(self.log))
            after = last + 1 + np.flatnonzero(self.column.known[last + 1 : another])[:WEEK]
            if not len(after):
                break
            during = first + np.flatnonzero(self.column.known[first : last + 1])
            was, is_ = (float(np.mean([self.away(at) for at in places])) for places in (during, after))
            error = USUALLY * spread / math.sqrt(len(after))
            few = len(after) <= GAP and another == len(self.log)
            if not (is_ > min(error, was / 2) or (few and is_ > was - error)):
                break
            last = self._end_by_day(int(after[-1]))
        return last

    def _end_by_day(self, last: int) -> int:
        """The last partition after which more than a few are nearer to what is usual."""
        for at in range(last + 1, len(self.log)):
            if at - last > GAP + np.count_nonzero(self.column.known[last:at] == 0):
                break
            if self.column.known[at] and self.lasts(at):
                last = at
        return last

    def episode(self, first: int, last: int) -> Episode:
        """As it is told, with the value of all rows from the first to the last partition."""
        mine = [each for each in self.seen if first <= each.partition <= last]
        expected, low, high = self._usually(mine[0].partition)
        value = over(self.column, self.statistic, np.arange(first, last + 1))
        shown = self._words(value)
        ends = self._words(low), self._words(high)
        within = low <= value <= high or shown in ends  # all rows together may lie nearer than each partition does
        before = f"{self._words(expected)} on average" if within else " to ".join(dict.fromkeys(ends))
        fault = replace(
            mine[0].fault,
            what=f"{self._name()} is {shown}",
            before=f"usually {before}",
            chance=min(each.fault.chance for each in mine),
        )
        ongoing = not self.log.rows[last + 1 :].any()
        group = None if mine[0].group is None else (mine[0].partition, mine[0].group)
        usual = tuple(int(each) for each in self.seen[0].usual)
        return Episode(fault, first, last, ongoing, group=group, usual=usual, seen=len(mine))

    def _usually(self, at: int) -> tuple[float, float, float]:
        """What was to be expected of a partition, and from where to where, but not beyond what there has been."""
        fit, values = self.usual(at), self.values.value[self.seen[0].usual]
        expected, spread = float(fit.expected[0]), float(fit.spread[0])
        low, high = expected - USUALLY * spread, expected + USUALLY * spread
        ends = max(low, float(np.nanmin(values))), min(high, float(np.nanmax(values)))
        return (expected, *ends) if ends[0] <= ends[1] else (expected, low, high)

    def _words(self, value: float) -> str:
        if self.values.hits is not None:
            return percent(min(max(value, 0.0), 1.0))
        return number(float(np.exp(value)) if self.statistic.name == "spread" else value)

    def _name(self) -> str:
        if self.statistic.name != "top_share":
            return self.statistic.words
        return f"the share of {quoted(self.column.values[most_frequent(self.column)])}, the most frequent value,"
