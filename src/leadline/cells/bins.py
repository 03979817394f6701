"""Fixed edges of a column's values, made from the reference alone.

Rows are counted in up to some 256 fine cells, whose edges are multiples of a power of two: which cell a number is in
takes one multiplication and a floor, exact on every engine, where fifty quantiles would take a tree of comparisons
(measured five times as slow). The fine cells are then put together to at most 50 bins of about equal mass. Both depend
on the reference only, so that bins of two windows, two engines and two runs are the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from leadline.metrics.sums import Array

Ints = NDArray[np.int64]

#: bins of a numeric column, at most, beside those for what has no place among the reference's values
MOST_BINS = 50
#: rows that a value has on average where each has a bin; of values that come less often others are to be expected
LEAST_TIMES = 5
#: categories that have a bin of their own
MOST_CATEGORIES = 200
#: categories of the reference that are told from new ones
MOST_KNOWN = 5_000
#: fine cells of one stretch of a numeric column; of each where there are several
CELLS, CELLS_OF_MANY = 256, 128
#: a cell with a larger share of the reference, in more than one value, is too coarse
COARSE_SHARE = 1 / 40
#: share of the reference that may lie in coarse cells
COARSE_ENOUGH = 0.05
#: how often a stretch is halved where its cells are too coarse
HALVINGS = 3
#: share of a stretch's width from which on a gap between its values parts it
WIDE_GAP = 0.1
#: share of the reference that may lie beyond either end of the cells
BEYOND = 0.0005

#: binary digits of a number in a cell of its own: what comes after them is surely rounding
DIGITS, LEAST_EXPONENT = 41, -900
#: share of all rows below which what is left of a sum is rounding
ROUNDING = 1e-9
#: numbers beyond this count as this
LARGEST = 1e300

#: codes of a row's value that every kind of column has
MISSING, FIRST = 0, 1


@dataclass(frozen=True, slots=True)
class Stretch:
    """Numbers from `low` on in `cells` cells that are `width` wide, the last of which reaches to the next stretch.

    width   a power of two; the edges are its multiples, but for `low` where another stretch ends
    """

    low: float
    width: float
    cells: int

    @property
    def first(self) -> int:
        """How many widths the first edge lies above 0."""
        return math.floor(self.low / self.width)

    @property
    def last(self) -> float:
        """The lower edge of the last cell."""
        return max((self.first + self.cells - 1) * self.width, self.low)


@dataclass(frozen=True, slots=True)
class Grid:
    """The fine cells of a numeric column: one below, those of the stretches in rising order, one above.

    high       where the cell above begins
    discrete   the reference has so few values, each so often, that each has a cell for itself
    """

    stretches: tuple[Stretch, ...]
    high: float
    discrete: bool

    @property
    def cells(self) -> int:
        """Number of fine cells, those below and above too."""
        return sum(each.cells for each in self.stretches) + 2

    @property
    def codes(self) -> int:
        """Number of codes: missing, and the cells."""
        return FIRST + self.cells

    def edges(self) -> Array:
        """The lower edge of each cell and, last, what no number reaches; shape (cells + 1,)."""
        found = [-math.inf]
        for each in self.stretches:
            found += [each.low, *((each.first + place) * each.width for place in range(1, each.cells))]
        return np.array([*found, self.high, math.inf])


def grid(values: Array) -> Grid:
    """The fine cells for a column of which the reference has these finite numbers, or a sample of them.

    values   shape (n,), in any order; without any, all numbers are in one of two cells, below 0 or not
    """
    found = np.sort(np.clip(np.asarray(values, np.float64), -LARGEST, LARGEST))
    if not len(found):
        return Grid((Stretch(0.0, 1.0, 1),), 1.0, False)
    distinct = np.unique(found)
    discrete = len(distinct) <= MOST_BINS and len(found) >= LEAST_TIMES * len(distinct)
    inner = found if discrete else found[slice(*_usual(len(found)))]
    stretches = _stretches(found, CELLS, 0)
    for halvings in range(HALVINGS + 1):
        if _fine(found, stretches, discrete):
            break
        stretches = _stretches(inner, CELLS_OF_MANY if halvings else CELLS, halvings)
    return Grid(stretches, _high(stretches), discrete)


def _usual(n: int) -> tuple[int, int]:
    """The places of sorted values that are left when the furthest of both ends are left out."""
    beyond = math.floor(n * BEYOND)
    return beyond, n - beyond


def _stretches(values: Array, cells: int, halvings: int) -> tuple[Stretch, ...]:
    """Sorted values in 2^halvings stretches of about equal mass, each in up to `cells` cells of equal width."""
    parts = [values]
    for _ in range(halvings):
        parts = [half for part in parts for half in _halves(part)]
    found = [_stretch(float(part[0]), math.nextafter(float(part[-1]), math.inf), cells) for part in parts]
    found[0] = replace(found[0], low=found[0].first * found[0].width)
    return tuple(found)


def _high(stretches: tuple[Stretch, ...]) -> float:
    """Where the cell above begins."""
    last = stretches[-1]
    return (last.first + last.cells) * last.width


def _halves(part: Array) -> list[Array]:
    """Two parts of about equal mass, or on both sides of a wide gap; equal values are in one.

    The part itself where all its values are equal.
    """
    quarter = len(part) // 4
    gaps = np.diff(part[quarter : len(part) - quarter])
    widest = int(gaps.argmax()) if len(gaps) else 0
    if len(gaps) and gaps[widest] > WIDE_GAP * (part[-1] - part[0]):
        cut = quarter + widest + 1
    else:
        middle = part[len(part) // 2]
        cut = int(np.searchsorted(part, middle)) or int(np.searchsorted(part, middle, side="right"))
    return [part[:cut], part[cut:]] if 0 < cut < len(part) else [part]


def _stretch(low: float, high: float, cells: int) -> Stretch:
    """Cells for the numbers in [low, high); as few as the width, a power of two, allows."""
    exponent = max(math.frexp(max(abs(low), abs(high)))[1] - DIGITS, LEAST_EXPONENT)
    each = (high - low) / (cells - 1)
    width = 2.0 ** max(exponent, math.ceil(math.log2(each)) if each > 0 else exponent)
    return Stretch(low, width, max(math.ceil(high / width) - math.floor(low / width), 1))


def _fine(values: Array, stretches: tuple[Stretch, ...], discrete: bool) -> bool:
    """Whether few of the sorted values are in cells that hold many of them, in more than one value."""
    edges = Grid(stretches, _high(stretches), discrete).edges()
    cell = np.searchsorted(edges, values, side="right") - 1
    rows = np.bincount(cell, minlength=len(edges))
    first = np.concatenate([[True], values[1:] != values[:-1]])
    kinds = np.bincount(cell[first], minlength=len(edges))
    if discrete:
        return bool((kinds <= 1).all())
    coarse = (rows > COARSE_SHARE * len(values)) & (kinds > 1)
    return bool(rows[coarse].sum() <= COARSE_ENOUGH * len(values))


class Kind(StrEnum):
    """What a bin of a column holds."""

    MISSING = "missing"
    RANGE = "range"
    BELOW = "below"
    ABOVE = "above"
    UNSEEN = "unseen"
    CATEGORY = "category"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of a column.

    kinds    of each bin
    names    of each bin, for people
    low, high   ends of ranges [low, high), infinite beyond the reference's; NaN where a bin is no range
    centre   a number that stands for the bin: the mean of the reference's rows in it, as far as cells tell; else NaN
    of       the bin of each fine code
    numeric  whether the column holds numbers
    known    whether all categories of the reference are known, so that new ones can be told
    """

    kinds: tuple[Kind, ...]
    names: tuple[str, ...]
    low: Array
    high: Array
    centre: Array
    of: Ints
    numeric: bool
    known: bool = True

    def __len__(self) -> int:
        return len(self.kinds)

    def places(self, *kinds: Kind) -> Ints:
        """The places of the bins of these kinds."""
        return np.flatnonzero([kind in kinds for kind in self.kinds])


def numeric_bins(of: Grid, reference: Array) -> Bins:
    """At most 50 bins of about equal mass of the reference, and those for what is missing or beyond it.

    reference   the reference's rows by fine code, shape (grid.codes,)

    A cell with so much mass that it would fill a bin is one of its own. Where the reference has few values, each is a
    bin, and all others are in one that is unseen.
    """
    edges = of.edges()
    rows = reference[FIRST:]
    inner = rows[1:-1]
    if of.discrete:
        bin_of, count = _each(inner)
    else:
        bin_of, count = _equal(inner)
    low, high, centre = _ends(edges[1:-1], inner, bin_of, count)
    kinds = [Kind.MISSING, Kind.BELOW, *[Kind.RANGE] * count, Kind.ABOVE]
    cell_bin = np.concatenate([[1], np.where(bin_of >= 0, bin_of + 2, count + 3), [count + 2]])
    shown = [f"{each:g}" for each in low]
    if not of.discrete:
        shown = [*map(_range_name, low, high)]
    ends = _range_name(-math.inf, edges[1]), _range_name(of.high, math.inf)
    names = ["(missing)", ends[0], *shown, ends[1]]
    after: list[float] = []
    if of.discrete:
        kinds.append(Kind.UNSEEN)
        names.append("(between)")
        after = [np.nan]
    return Bins(
        kinds=tuple(kinds),
        names=tuple(names),
        low=np.array([np.nan, -math.inf, *low, of.high, *after]),
        high=np.array([np.nan, edges[1], *high, math.inf, *after]),
        centre=np.array([np.nan, edges[1], *centre, of.high, *after]),
        of=np.concatenate([[0], cell_bin]).astype(np.int64),
        numeric=True,
    )


def ranked_bins(values: Array, reference: Array) -> Bins:
    """At most 50 bins of about equal mass of the reference, for numbers that are known as one of these points only.

    values      rising, at least one
    reference   the reference's rows by point

    Codes: 0 missing, then the points.
    """
    bin_of, count = _equal(reference)
    edges = np.concatenate([[-math.inf], (values[:-1] + values[1:]) / 2, [math.inf]])
    low, high, _ = _ends(edges, reference, bin_of, count)
    weight = np.bincount(bin_of, weights=reference, minlength=count)
    sums = np.bincount(bin_of, weights=reference * values, minlength=count)
    usual = np.bincount(bin_of, weights=values, minlength=count) / np.bincount(bin_of, minlength=count)
    return Bins(
        kinds=(Kind.MISSING, *[Kind.RANGE] * count),
        names=("(missing)", *map(_range_name, low, high)),
        low=np.array([np.nan, *low]),
        high=np.array([np.nan, *high]),
        centre=np.array([np.nan, *np.divide(sums, weight, out=usual, where=weight > 0)]),
        of=np.concatenate([[0], bin_of + FIRST]).astype(np.int64),
        numeric=True,
    )


def _range_name(low: float, high: float) -> str:
    """A range in words.

    >>> _range_name(1.0, 2.5), _range_name(-math.inf, 0.0), _range_name(3.0, math.inf)
    ('[1, 2.5)', 'below 0', '3 or more')
    """
    if not math.isfinite(low):
        return f"below {high:g}" if math.isfinite(high) else "any number"
    return f"[{low:g}, {high:g})" if math.isfinite(high) else f"{low:g} or more"


def _ends(edges: Array, rows: Array, bin_of: Ints, count: int) -> tuple[Array, Array, Array]:
    """Of each bin its low and high end, and the mean of its rows if those of a cell lie in its middle."""
    inside = bin_of >= 0
    ends = np.clip(edges, -LARGEST, LARGEST)
    middles = ends[:-1] / 2 + ends[1:] / 2
    weight = np.bincount(bin_of[inside], weights=rows[inside], minlength=count)
    sums = np.bincount(bin_of[inside], weights=(rows * middles)[inside], minlength=count)
    low = np.array([edges[:-1][bin_of == place].min() for place in range(count)])
    high = np.array([edges[1:][bin_of == place].max() for place in range(count)])
    centre = np.clip(np.maximum(low, -LARGEST) / 2 + np.minimum(high, LARGEST) / 2, -LARGEST, LARGEST)
    return low, high, np.divide(sums, weight, out=centre, where=weight > 0)


def _equal(rows: Array) -> tuple[Ints, int]:
    """The bin of each cell, and the number of bins: up to 50 of about equal mass.

    A cell that would fill a bin is one of its own; the others share what mass is left.
    """
    total = rows.sum()
    full = rows >= total / MOST_BINS
    rest = max(total - rows[full].sum(), total * ROUNDING)  # cells without rows fill no bin
    least = rest / max(MOST_BINS - full.sum(), 1) if total else 1.0
    while True:
        found, count = _filled(rows, least)
        if count <= MOST_BINS:
            return found, count
        least *= 1.1  # bins before a full cell are cut short


def _filled(rows: Array, least: float) -> tuple[Ints, int]:
    """The bin of each cell, so that bins have at least so many rows, but for those before a full cell and the last."""
    found = np.zeros(len(rows), np.int64)
    place, inside = 0, 0.0
    for cell, n in enumerate(rows):
        if inside > 0 and n >= least:
            place, inside = place + 1, 0.0
        found[cell] = place
        inside += n
        if inside >= least * (1 - 1e-9) and cell + 1 < len(rows):
            place, inside = place + 1, 0.0
    if place and inside <= 0:  # nothing of the reference is left for the last
        found[found == place] = place - 1
        place -= 1
    return found, place + 1


def _each(rows: Array) -> tuple[Ints, int]:
    """A bin for each cell with rows; -1 for those without."""
    some = rows > 0
    return np.where(some, np.cumsum(some) - 1, -1), int(some.sum())


def category_bins(names: Sequence[str], known: bool, rest: bool) -> Bins:
    """A bin for each of the most frequent categories, and for what is missing, less frequent, or new.

    names   the categories that have a bin, the most frequent first
    known   whether every category of the reference is told from new ones
    rest    whether the reference has further ones

    Codes: 0 missing, 1.. categories, then the rest, then new ones.
    """
    kinds = (Kind.MISSING, *[Kind.CATEGORY] * len(names), Kind.REST, Kind.UNSEEN)
    shown = ("(missing)", *names, "(rest)" if rest else "(none)", "(new)")
    none = np.full(len(kinds), np.nan)
    return Bins(kinds, shown, none, none, none, np.arange(len(kinds)), numeric=False, known=known)
