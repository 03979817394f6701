"""Which slices tell something of their own: those that are as short as they can be, and not told by others already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leadline.slices.search import MISSING, Column, Condition, Conditions
from leadline.stats.arrays import Floats
from leadline.stats.comparison import Difference, grouped_difference

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
#: a condition is kept if it makes the distance between the slice and the other rows this many times as large
SHARPER = 1.25
#: a range takes in a neighbouring code whose rows are this part as far from the others as the slice, not by chance
ALIKE = 0.5
#: a slice is kept if it has at least this part of its excess errors outside the slices before it
OWN = 0.5


@dataclass(frozen=True)
class Rows:
    """The rows that slices are looked for in.

    columns   features in codes
    errors    >= 0, shape (rows,)
    groups    the number of each row's group from 0 on, such as its day; None where rows are independent
    weights   what rows count for; None where all count alike
    """

    columns: Sequence[Column]
    errors: Floats
    groups: Ints | None = None
    weights: Floats | None = None

    def inside(self, conditions: Conditions) -> Bools:
        """Which rows fulfil the conditions."""
        found = np.ones(len(self.errors), np.bool_)
        for each in conditions:
            codes = self.columns[each.column].codes
            found &= (codes >= each.low) & (codes <= each.high) if each.low < each.high else codes == each.low
        return found

    def where(self, chosen: Bools) -> Rows:
        """Only some of the rows."""
        return Rows(
            [Column(column.codes[chosen], column.size, column.ordered) for column in self.columns],
            self.errors[chosen],
            None if self.groups is None else self.groups[chosen],
            None if self.weights is None else self.weights[chosen],
        )

    def sums(self, chosen: Bools) -> tuple[float, float]:
        """Size and errors of some rows."""
        if self._wrong is not None:
            return float(np.count_nonzero(chosen)), float(np.count_nonzero(chosen & self._wrong))
        errors = self.errors[chosen]
        if self.weights is None:
            return float(len(errors)), float(errors.sum())
        weights = self.weights[chosen]
        return float(weights.sum()), float(weights @ errors)

    @cached_property
    def _wrong(self) -> Bools | None:
        """The rows with errors, where these are 0 or 1 and all rows count alike: then counting does."""
        plain = self.weights is None and bool(((self.errors == 0) | (self.errors == 1)).all())
        return self.errors > 0 if plain else None

    @cached_property
    def _total(self) -> tuple[float, float]:
        return self.sums(np.ones(len(self.errors), np.bool_))

    def mean(self, chosen: Bools) -> float:
        """The mean error of some rows; 0 where there are none."""
        size, error = self.sums(chosen)
        return error / size if size > 0 else 0.0

    def gap(self, some: Bools, around: Bools) -> float:
        """The mean error of some rows less that of all rows outside `around`; 0 where either has no rows."""
        size, error = self.sums(some)
        within, errors = (size, error) if around is some else self.sums(around)
        other, others = self._total[0] - within, self._total[1] - errors
        return error / size - others / other if size > 0 and other > 0 else 0.0

    def difference(self, inside: Bools, outside: Bools) -> Difference:
        """The mean error of some rows less that of others, and how sure it is."""
        sides = [self._by_group(chosen) for chosen in (inside, outside)]
        size, error, square = (np.stack(each) for each in zip(*sides, strict=True))
        return grouped_difference(size, error, square, self._inflation)

    def _by_group(self, chosen: Bools) -> tuple[Floats, Floats, Floats]:
        """Size, errors and squared errors of some rows in each group."""
        groups = np.zeros(np.count_nonzero(chosen), np.int64) if self.groups is None else self.groups[chosen]
        count = 1 if self.groups is None else int(self.groups.max(initial=0)) + 1
        error = self.errors[chosen]
        weight = np.ones(len(error)) if self.weights is None else self.weights[chosen]
        parts = (weight, weight * error, weight * error * error)
        size, summed, square = (np.bincount(groups, weights=each, minlength=count).astype(np.float64) for each in parts)
        return size, summed, square

    @cached_property
    def _inflation(self) -> float:
        if self.weights is None:
            return 1.0
        return float(self.weights @ self.weights) / float(self.weights.sum())


def distinct(rows: Rows, found: Sequence[Conditions], count: int, least: int, most: int) -> list[Conditions]:
    """The first slices of a list that tell something of their own, each with no more conditions than it needs.

    found   slices, the best first
    count   how many to keep, at most
    least   rows of a slice outside those before it, at least
    most    rows of a slice, at most

    A condition, or one end of a range, is given up where without it the slice's distance to the other rows is nearly as
    large (`SHARPER`), or where the rows that it leaves out may be just as bad. A range takes in the neighbouring code
    where its rows are nearly as bad. What is left is dropped unless at least half of its excess errors (`OWN`) lie
    outside the slices that are kept already, by more than chance. Slices with more rows than `most` are dropped: half
    of all rows are no slice of them.
    """
    kept: list[Conditions] = []
    told = np.zeros(len(rows.errors), np.bool_)
    seen: set[Conditions] = set()
    for one in found:
        inside = rows.inside(one)
        if not _own(rows, inside, told, least):  # what is told already is told with fewer conditions, too, mostly
            continue
        short = _stretched(rows, _shortened(rows, one, inside, most), most)
        if short in seen:
            continue
        seen.add(short)
        inside = rows.inside(short) if short != one else inside
        if np.count_nonzero(inside) > most or not _own(rows, inside, told, least):
            continue
        if rows.difference(inside & ~told, ~(inside | told)).least <= 0:
            continue
        kept.append(short)
        told |= inside
        if len(kept) == count:
            break
    return kept


def _own(rows: Rows, inside: Bools, told: Bools, least: int) -> bool:
    """Whether enough of a slice's excess errors lie outside the slices that are kept already."""
    left = inside & ~told
    if np.count_nonzero(left) < least:
        return False
    excess = rows.gap(inside, inside) * rows.sums(inside)[0]
    return rows.gap(left, inside | told) * rows.sums(left)[0] >= OWN * excess


def _shortened(rows: Rows, conditions: Conditions, inside: Bools, most: int) -> Conditions:
    """Without the conditions and ends of ranges that it can do without; the most dispensable first."""
    while True:
        gap = rows.gap(inside, inside)
        wider = []
        for shorter in _shorter(rows.columns, conditions):
            around = rows.inside(shorter)
            if np.count_nonzero(around) > most:
                continue
            before = rows.gap(around, around)
            if before > 0 and (gap < SHARPER * before or rows.difference(inside, around & ~inside).least <= 0):
                wider.append((before, shorter, around))
        if not wider:
            return conditions
        _, conditions, inside = max(wider, key=lambda each: each[0])


def _stretched(rows: Rows, conditions: Conditions, most: int) -> Conditions:
    """With ranges that take in neighbouring codes whose rows are bad, too, the worst first.

    The best of many ranges is too narrow: by chance the rows at its ends look better than they are.
    """
    while True:
        inside = rows.inside(conditions)
        gap, worse = rows.gap(inside, inside), []
        for wider in _wider(rows.columns, conditions):
            around = rows.inside(wider)
            added = rows.difference(around & ~inside, ~around)
            if np.count_nonzero(around) <= most and added.value >= ALIKE * gap and added.least > 0:
                worse.append((added.value, wider))
        if not worse:
            return conditions
        _, conditions = max(worse)


def _wider(columns: Sequence[Column], conditions: Conditions) -> Iterator[Conditions]:
    """The slice with one more code at either end of a range."""
    for place, each in enumerate(conditions):
        if not columns[each.column].ordered or each.low == MISSING:
            continue
        for low, high in ((each.low - 1, each.high), (each.low, each.high + 1)):
            if low >= 1 and high < columns[each.column].size:
                yield (*conditions[:place], Condition(each.column, low, high), *conditions[place + 1 :])


def _shorter(columns: Sequence[Column], conditions: Conditions) -> Iterator[Conditions]:
    """The slice without one of its conditions, or with one end of a range left open."""
    for place, each in enumerate(conditions):
        before, after = conditions[:place], conditions[place + 1 :]
        if len(conditions) > 1:
            yield (*before, *after)
        last = columns[each.column].size - 1
        if columns[each.column].ordered and each.low > 1 and each.high < last:
            yield (*before, Condition(each.column, 1, each.high), *after)
            yield (*before, Condition(each.column, each.low, last), *after)
