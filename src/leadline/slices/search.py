"""The conjunctions of up to three conditions that score best: all of them are looked at, so that none is missed.

Rows come as small codes by column. A condition is a range of neighbouring codes of one column (of an unordered one a
single code), and a slice is what fulfils one condition each of up to three columns. For each set of columns the rows
are counted once by their joint code; every slice over these columns is then a sum of a few of these counts. Sets of
three columns are counted only where the bound of the score leaves room for a slice that would be among the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.stats.arrays import Floats, floats, require
from leadline.stats.slice_score import slice_score, slice_score_bound

Codes = NDArray[np.integer[Any]]
Ints = NDArray[np.int64]
MISSING = 0
#: by how much of all other rows' errors a slice's must be in excess to be found: (1 - α) / α, here 2 %. The .95 of the
#: paper asks for 5 %, which leaves out a slice of 4 % of the rows with twice the errors of the others
ALPHA = 0.98


@dataclass(frozen=True, slots=True)
class Column:
    """A feature of all rows in small codes.

    codes     shape (rows,), 0 <= codes < size
    size      how many codes there may be
    ordered   whether the codes from 1 on follow each other, so that their ranges are conditions; 0 is then missing
    """

    codes: Codes
    size: int
    ordered: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Condition:
    """Rows whose code in a column is at least `low` and at most `high`."""

    column: int
    low: int
    high: int


Conditions = tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """A slice, its score, its rows, and what these sum to: their weight (rows where they have none) and their errors.

    conditions   at most one a column, in the order of the columns
    """

    conditions: Conditions
    score: float
    rows: int
    size: float
    error: float


def search(
    columns: Sequence[Column],
    errors: Floats,
    *,
    count: int,
    depth: int = 2,
    least: int = 32,
    most: int | None = None,
    alpha: float = ALPHA,
    weights: Floats | None = None,
    apart: bool = True,
) -> list[Scored]:
    """The slices with the best `slice_score`, best first; ties in the order of their conditions.

    columns   features of the same rows
    errors    of each row, finite, >= 0, shape (rows,)
    count     how many to find, at least 1; those with a score of 0 or less never are
    depth     conditions of a slice, at most: 1, 2 or 3
    least     rows of a slice, at least
    most      rows of a slice, at most; all where None
    alpha     of the score
    weights   what rows count for, finite, >= 0, shape (rows,)
    apart     whether, of slices over the same columns that overlap, only the best is found: else ranges that differ by
              one code fill the list

    Exact: nothing is sampled and nothing is cut off that could be among the best. Conditions that all rows fulfil are
    none. Raises ValueError outside those ranges.

    >>> kind = Column(np.array([1, 1, 2, 2]).repeat(50), 3)
    >>> found = search([kind], np.array([0.0, 1.0, 0.0, 0.0]).repeat(50), count=5)
    >>> [(each.conditions, each.rows, each.error) for each in found]
    [((Condition(column=0, low=1, high=1),), 100, 50.0)]
    """
    error = floats(errors)
    require(error.ndim == 1 and np.isfinite(error).all() and (error >= 0).all(), "errors must be finite and >= 0")
    require(all(column.codes.shape == error.shape for column in columns), "columns and errors need the same rows")
    require(count >= 1 and depth in (1, 2, 3) and least >= 1, "count and least are at least 1, depth is 1, 2 or 3")
    weight = None if weights is None else floats(weights)
    if weight is not None:
        require(weight.shape == error.shape and np.isfinite(weight).all(), "one finite weight a row is needed")
        require((weight >= 0).all(), "weights must be >= 0")
    size = float(len(error)) if weight is None else float(weight.sum())
    total = float((error if weight is None else error * weight).sum())
    if not columns or size <= 0 or total <= 0:
        return []
    rows = _Rows(columns, error, weight, least)
    limits = least, len(error) if most is None else most
    hunt = _Hunt(rows, limits, (size, total, alpha), _Best(count, apart))
    for place in range(len(columns)):
        hunt.look((place,))
    if depth > 1:
        bounds = {pair: hunt.look(pair, bounded=depth > 2) for pair in combinations(range(len(columns)), 2)}
        if depth > 2:
            hunt.look_at_triples(bounds)
    return hunt.best.found


class _Rows:
    """The rows, the conditions on each column, and what rows fulfil them."""

    def __init__(self, columns: Sequence[Column], error: Floats, weight: Floats | None, least: int) -> None:
        self.columns, self.weighted = columns, weight is not None
        weights = [] if weight is None else [weight]
        summed = error if weight is None else error * weight
        # the sums of errors of 0 and 1 are counts of few rows
        self._plain = weight is None and bool(((error == 0) | (error == 1)).all())
        self._wrong = np.flatnonzero(error) if self._plain else None
        self._sums = [] if self._plain else [*weights, summed]
        rising = np.argsort(error, kind="stable")
        self.low: list[Ints] = []
        self.high: list[Ints] = []
        self.members: list[Floats] = []
        self._most: list[Floats] = []
        for column in columns:
            low, high = _ranges(column)
            members = ((np.arange(column.size) >= low[:, None]) & (np.arange(column.size) <= high[:, None])).astype(
                np.float64
            )
            count = members @ np.bincount(column.codes, minlength=column.size)
            kept = (count >= least) & (count < len(error))
            largest = np.zeros(column.size)
            # in rising order, so that of the rows of a code the largest error is written last
            largest[column.codes[rising]] = error[rising]
            self.low.append(low[kept])
            self.high.append(high[kept])
            self.members.append(members[kept])
            self._most.append((members[kept] * largest).max(axis=1))

    def sums(self, places: tuple[int, ...]) -> tuple[Floats, Floats, Floats]:
        """Rows, size and errors of every slice over some columns; one axis a column, its conditions along it."""
        sizes = [self.columns[place].size for place in places]
        cells = int(np.prod(sizes))
        kind = np.dtype(np.int16 if cells < 2**15 else np.int64)  # a quarter as wide is faster to make
        code = self.columns[places[0]].codes.astype(kind)
        for place in places[1:]:
            code = code * kind.type(self.columns[place].size) + self.columns[place].codes.astype(kind, copy=False)
        at = code.astype(np.intp, copy=False)
        counts = [np.bincount(at, minlength=cells)]
        if self._wrong is not None:
            counts.append(np.bincount(at[self._wrong], minlength=cells))
        else:
            counts += [np.bincount(at, weights=each, minlength=cells) for each in self._sums]
        found = [self._of_conditions(each.reshape(sizes).astype(np.float64), places) for each in counts]
        return (found[0], found[0], found[1]) if len(found) == 2 else (found[0], found[1], found[2])

    def _of_conditions(self, counts: Floats, places: tuple[int, ...]) -> Floats:
        """From one number a joint code to one a slice."""
        for place in places:  # each takes the first axis away and puts its own at the end
            counts = np.tensordot(counts, self.members[place], axes=(0, 1))
        return counts

    def most(self, places: tuple[int, ...]) -> Floats:
        """An error that no row of a slice exceeds, in the shape of `sums`."""
        found = self._most[places[0]]
        for place in places[1:]:
            found = np.minimum(found[..., None], self._most[place])
        return found


def _ranges(column: Column) -> tuple[Ints, Ints]:
    """The first and last codes of the conditions on a column, in their order."""
    if column.ordered:
        ends = [(MISSING, MISSING), *((a, b) for a in range(1, column.size) for b in range(a, column.size))]
    else:
        ends = [(code, code) for code in range(column.size)]
    low, high = np.array(ends, np.int64).T
    return low, high


@dataclass(frozen=True, slots=True)
class _Hunt:
    """One search.

    limits   rows of a slice, at least and at most
    whole    size and errors of all rows, and α
    """

    rows: _Rows
    limits: tuple[int, int]
    whole: tuple[float, float, float]
    best: _Best

    def look(self, places: tuple[int, ...], bounded: bool = False) -> Floats:
        """Offer the slices over some columns; and, if `bounded`, say what no slice within each can score more than."""
        rows, size, error = self.rows.sums(places)
        at = np.flatnonzero(self._promising(size, error) & (rows >= self.limits[0]) & (rows <= self.limits[1]))
        score = slice_score(size.ravel()[at], error.ravel()[at], *self.whole)
        good = score > self.best.limit
        at, score = at[good], score[good]
        if len(at):
            where = np.unravel_index(at, rows.shape)
            low = np.stack([self.rows.low[place][index] for place, index in zip(places, where, strict=True)])
            high = np.stack([self.rows.high[place][index] for place, index in zip(places, where, strict=True)])
            self.best.offer(places, low, high, score, [each.ravel()[at] for each in (rows, size, error)])
        if not bounded:
            return np.zeros(0)
        least = 0.0 if self.rows.weighted else float(self.limits[0])
        bound = slice_score_bound(size, error, self.rows.most(places), least, *self.whole)
        return np.where(rows >= self.limits[0], bound, -np.inf)

    def _promising(self, size: Floats, error: Floats) -> NDArray[np.bool_]:
        """Where the score is above the limit, or nearly: errors lie above a line of sizes there, which is cheap."""
        whole, total, alpha = self.whole
        usual = total / (alpha * whole)
        slope = (self.best.limit + 2 * alpha - 1) * usual
        return np.asarray(error > slope * size + (1 - alpha) * whole * usual - 1e-9 * total)

    def look_at_triples(self, bounds: dict[tuple[int, int], Floats]) -> None:
        """Those of three columns of which each pair leaves room; the most promising first, as they raise the limit."""
        promising = []
        for a, b, c in combinations(range(len(self.rows.columns)), 3):
            room = min(bounds[pair].max(initial=-np.inf) for pair in ((a, b), (a, c), (b, c)))
            promising.append((room, (a, b, c)))
        for room, (a, b, c) in sorted(promising, key=lambda each: (-each[0], each[1])):
            if room <= self.best.limit:
                break
            ab, ac, bc = (bounds[pair] > self.best.limit for pair in ((a, b), (a, c), (b, c)))
            if (ab[:, :, None] & ac[:, None, :] & bc[None, :, :]).any():
                self.look((a, b, c))


class _Best:
    """The best slices so far; `limit` is what a further one must score more than."""

    def __init__(self, count: int, apart: bool) -> None:
        self._count, self._apart = count, apart
        self.limit = 0.0
        self.found: list[Scored] = []

    def offer(self, places: tuple[int, ...], low: Ints, high: Ints, score: Floats, sums: Sequence[Floats]) -> None:
        """Slices over some columns: their first and last codes, shape (columns, slices), score, rows, size, error."""
        order = np.argsort(-score, kind="stable")
        chosen = order[: self._count]
        if self._apart:
            chosen = order[_apart(low[:, order], high[:, order], self._count)]
        for one in chosen.tolist():
            conditions = zip(places, low[:, one].tolist(), high[:, one].tolist(), strict=True)
            rows, size, error = (float(each[one]) for each in sums)
            made = tuple(Condition(*each) for each in conditions)
            self.found.append(Scored(made, float(score[one]), int(rows), size, error))
        self.found.sort(key=lambda each: (-each.score, each.conditions))
        del self.found[self._count :]
        if len(self.found) == self._count:
            self.limit = self.found[-1].score


def _apart(low: Ints, high: Ints, count: int) -> Ints:
    """Places of the first slices of which none overlaps one before it."""
    left = np.arange(low.shape[1])
    chosen: list[int] = []
    while len(left) and len(chosen) < count:
        first = int(left[0])
        chosen.append(first)
        overlap = (low[:, left] <= high[:, [first]]) & (high[:, left] >= low[:, [first]])
        left = left[~overlap.all(axis=0)]
    return np.array(chosen, np.int64)
