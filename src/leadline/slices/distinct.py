"""Which slices tell something of their own: those that are as short as they can be, and not told by others already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leadline.slices.search import Column, Condition, Conditions
from leadline.stats.arrays import Floats
from leadline.stats.comparison import Difference, grouped_difference

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
#: a condition is kept if it makes the distance between the slice and the other rows this many times as large
SHARPER = 1.25
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
        if self.weights is None:
            return float(np.count_nonzero(chosen)), float(self.errors[chosen].sum())
        return float(self.weights[chosen].sum()), float(self.weights[chosen] @ self.errors[chosen])

    def gap(self, inside: Bools, outside: Bools) -> float:
        """The mean error of some rows less that of others; 0 where either has no rows."""
        (size, error), (other, others) = self.sums(inside), self.sums(outside)
        return error / size - others / other if size > 0 and other > 0 else 0.0

    def difference(self, inside: Bools, outside: Bools) -> Difference:
        """The same with what it is at least."""
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
    large (`SHARPER`), or where the rows that it leaves out may be just as bad. What is left is dropped unless at
    least half of its excess errors (`OWN`) lie outside the slices that are kept already, by more than chance. Slices
    with more rows than `most` are dropped: half of all rows are no slice of them.
    """
    kept: list[Conditions] = []
    told = np.zeros(len(rows.errors), np.bool_)
    seen: set[Conditions] = set()
    for one in found:
        inside = rows.inside(one)
        if not _own(rows, inside, told, least):  # what is told already is told with fewer conditions, too, mostly
            continue
        short = _shortened(rows, one, inside, most)
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
    excess = rows.gap(inside, ~inside) * rows.sums(inside)[0]
    return rows.gap(left, ~(inside | told)) * rows.sums(left)[0] >= OWN * excess


def _shortened(rows: Rows, conditions: Conditions, inside: Bools, most: int) -> Conditions:
    """Without the conditions and ends of ranges that it can do without; the most dispensable first."""
    while True:
        gap = rows.gap(inside, ~inside)
        wider = []
        for shorter in _shorter(rows.columns, conditions):
            around = rows.inside(shorter)
            if np.count_nonzero(around) > most:
                continue
            before = rows.gap(around, ~around)
            if before > 0 and (gap < SHARPER * before or rows.difference(inside, around & ~inside).least <= 0):
                wider.append((before, shorter, around))
        if not wider:
            return conditions
        _, conditions, inside = max(wider, key=lambda each: each[0])


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
