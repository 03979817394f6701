"""A partition beside those before it that are taken for usual: what every fault is found from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from leadline.quality.grid import LEAST, LEVELS, Ints, moved
from leadline.quality.summary import Column, Partitions, shares
from leadline.stats.arrays import Floats
from leadline.stats.prediction import binomial_p, predicted
from leadline.values import ALL_ROWS, Slice

#: the chance that is left to one share of one column to look like a fault by accident
CHANCE = 1e-6
#: partitions from which on their shares say how these vary
LEAST_PARTITIONS = 4
#: how far quantiles may be off for the grid alone, as a share of their size and of their range
GRID_ERROR, RANGE_ERROR = 0.025, 0.01

#: what may be a change at a quick look: of a count in units of a Poisson count's, of distributions as of Kolmogorov's
RESIDUAL, APART = 3.5, 1.6

#: what √n times the distance of two distribution functions stays below in 99 of 100 cases of equal ones
KOLMOGOROV = 1.63

#: quantiles that are farther off than this, in units of what is usual, are as if they were so far off
FARTHEST = 1e6

Key = tuple[str, Slice]


@dataclass(frozen=True)
class Pair:
    """One column in a partition, and in those before it that are taken for usual.

    column   over all partitions
    places   which of them are usual, at least one
    at       the partition
    """

    column: Column
    places: Ints
    at: int
    season: int = 1

    @property
    def name(self) -> str:
        """The column's."""
        return self.column.name

    @cached_property
    def before(self) -> Column:
        """The column in the usual partitions, P >= 1."""
        return self.column.at(self.places)

    @cached_property
    def now(self) -> Column:
        """The column in the partition, P = 1."""
        return self.column.at([self.at])

    @cached_property
    def past(self) -> Column:
        """The partitions before as one."""
        return self.before.pooled()

    @property
    def n(self) -> int:
        """Rows with a value now."""
        return int(self.now.known[0])

    @property
    def quantiles(self) -> Floats:
        """The nineteen quantiles now."""
        return np.asarray(self.column.quantiles[self.at])

    @property
    def sizes(self) -> Floats:
        """The nineteen quantiles of the values other than zero, now."""
        return np.asarray(self.column.sizes[self.at])

    @property
    def sizes_before(self) -> Floats:
        """The same of each partition before, shape (P, 19)."""
        return np.asarray(self.column.sizes[self.places])

    @cached_property
    def changed(self) -> bool:
        """Whether anything may have changed: a quick look, so that few columns have to be looked at closely."""
        column, places, at = self.column, self.places, self.at
        known, n = int(column.known[places].sum()), int(column.known[at])
        if not known or not n:
            return False
        bins = column.counts[places].sum(axis=0)
        counts = (
            (bins, column.counts[at]),
            (column.value_counts[places].sum(axis=0), column.value_counts[at]),
            (column.forms[places].sum(axis=0), column.forms[at]),
            (column.whole[places].sum(keepdims=True), column.whole[at : at + 1]),
            (column.broken[places].sum(keepdims=True), column.broken[at : at + 1]),
        )
        if any(_residual(past, now, known, n) > RESIDUAL for past, now in counts):
            return True
        for ends in (column.low, column.high):
            if not np.nanmin(ends[places]) <= ends[at] <= np.nanmax(ends[places]):
                return True
        apart = np.cumsum(bins / known - column.counts[at] / n)
        return bool(np.abs(apart).max(initial=0.0) * math.sqrt(n) > APART) or self.repeats

    @property
    def repeats(self) -> bool:
        """Whether it has exactly the values of the partition before, as far as sums tell."""
        column, at, last = self.column, self.at, int(self.places[-1])
        return bool(
            column.known[last] == column.known[at]
            and column.low[last] == column.low[at]
            and column.high[last] == column.high[at]
            and (column.counts[last] == column.counts[at]).all()
        )

    def jumped(self, before: Ints, now: int, level: float) -> bool:
        """Whether a share is farther off than its rows (`CHANCE`) and its partitions (`level`) make likely.

        before, now   hits, of the values that are known
        """
        return jumped(before, self.before.known, now, self.n, level, self.season)

    @cached_property
    def middle(self) -> tuple[Floats, Floats]:
        """The usual nineteen quantiles, and how far a partition of as many rows as now may be off each."""
        known = self.column.quantiles[self.places[self.column.known[self.places] > 0]]
        usual = known.mean(axis=0)
        ends = np.concatenate([[usual[0]], usual, [usual[-1]]])
        slope = (ends[2:] - ends[:-2]) / np.where((LEVELS[0] == LEVELS) | (LEVELS[-1] == LEVELS), 1, 2) / 0.05
        from_rows = slope * np.sqrt(LEVELS * (1 - LEVELS) / max(self.n, 1))
        between = np.zeros(len(LEVELS))
        if len(known) > 3:
            between = known.std(axis=0, ddof=1) * np.sqrt(
                (len(known) + 1) / len(known) * (len(known) - 1) / (len(known) - 3)
            )
        grid = GRID_ERROR * np.abs(usual) + RANGE_ERROR * (usual[-1] - usual[0])
        return usual, np.sqrt(np.maximum(between, from_rows) ** 2 + grid**2)

    def away(self, quantiles: Floats, error: Floats | float = 0.0) -> float:
        """How far quantiles lie from the usual ones, in units of what is usual; about 1 where nothing changed.

        error   how far they may be off beside that
        """
        usual, spread = self.middle
        each = (quantiles - usual) / np.maximum(np.hypot(spread, error), LEAST)
        return float(np.sqrt(np.mean(np.clip(each, -FARTHEST, FARTHEST) ** 2)))

    @cached_property
    def stretched(self) -> tuple[float, float]:
        """Of a column far from zero: the middle of its least and largest value, and their distance, over usual ones.

        Where values are multiplied by a number, both are that number; the grid is too coarse there to tell.
        """
        column, places = self.column, self.places[self.column.known[self.places] > 0]
        low, high = float(np.median(column.low[places])), float(np.median(column.high[places]))
        now = float(column.low[self.at]), float(column.high[self.at])
        return (now[0] + now[1]) / (low + high), (now[1] - now[0]) / max(high - low, 1e-300)

    @cached_property
    def is_away(self) -> float:
        """`away` of the values as they are."""
        return self.away(self.quantiles)


def jumped(
    before: Ints, n_before: Ints, now: int, n: int, level: float, season: int = 1, chance: float = CHANCE
) -> bool:
    """Whether a share is farther off than chance makes likely, both of rows and of partitions.

    Of rows by the exact binomial tails of the pooled share, below `chance`; of partitions by the predictive t of their
    shares, below `level`. Where there were no hits at all, or too few partitions to say how shares vary, rows alone.
    """
    if n == 0 or n_before.sum() == 0:
        return False
    hits, rows = int(before.sum()), int(n_before.sum())
    share = (hits + 0.5) / (rows + 1)
    if float(binomial_p(now, n, share)) >= chance:
        return False
    error = math.sqrt(share * (1 - share) * (1 / n + 1 / rows))
    if len(before) < LEAST_PARTITIONS:
        return math.erfc(abs(now / n - share) / error / math.sqrt(2)) < chance
    if hits in (0, rows):
        return True
    series = shares(before, n_before)[:, None]
    return bool(predicted(series, np.array([error]), season).p([now / n])[0] < level)


def _residual(past: Ints, now: Ints, known: int, n: int) -> float:
    """The largest distance of a count from what its share before leads to expect, in units of a Poisson count's."""
    expected = past * (n / known)
    return float((np.abs(now - expected) / np.sqrt(expected + 1.0)).max(initial=0.0))


def strangeness(before: Ints, now: Ints) -> float:
    """How strange a histogram is: its total variation from all before, over what is usual for it; 1 is the limit.

    before   shape (P, B)
    now      shape (B,)

    Usual is what nine of ten partitions before reach, and what as many independent rows would.
    """
    total, n = before.sum(axis=0), int(now.sum())
    rows = before.sum(axis=1)
    if not total.sum() or not n:
        return 0.0
    share = total / total.sum()
    known = before[rows > 0] / rows[rows > 0, None]
    each = 0.5 * np.abs(known - share).sum(axis=1)
    noise = float(np.sqrt(2 / np.pi) / 2 * np.sqrt(share * (1 - share) / n).sum())
    usual = max(float(np.quantile(each, 0.9)) if len(each) > 3 else 0.0, 1.3 * noise, 1e-9)
    return float(0.5 * np.abs(now / n - share).sum() / usual)


def apartness(before: Ints, now: Ints) -> float:
    """How far a histogram lies from all before, as a shift of it does; 1 is the limit.

    before   shape (P, B), bins in the order of their values
    now      shape (B,)

    The largest distance of the two distribution functions, over what nine of ten partitions before reach, and what
    independent rows do with a chance of one in a hundred (Kolmogorov's 1.63). Unlike total variation, it tells a shift
    of few rows over many bins.
    """
    total, n = before.sum(axis=0), int(now.sum())
    if not total.sum() or not n:
        return 0.0
    shape = np.cumsum(total) / total.sum()
    rows = before.sum(axis=1)
    each = np.abs(np.cumsum(before[rows > 0], axis=1) / rows[rows > 0, None] - shape).max(axis=1)
    noise = KOLMOGOROV * math.sqrt(1 / n + 1 / int(total.sum()))
    usual = max(float(np.quantile(each, 0.9)) if len(each) > 3 else 0.0, noise)
    return float(np.abs(np.cumsum(now) / n - shape).max() / usual)


@dataclass(frozen=True)
class Comparison:
    """Everything that is known of one partition and of those before it.

    pairs     by column and slice; in `open` those of all rows that may have changed and that no fault explains yet
    before    the partitions that are taken for usual, for what is counted of the log as a whole; P >= 1
    now       the partition, P = 1
    level     the chance that is left to one statistic of one column to look unusual by accident
    suspects  names of the columns that may be in `open`; None for all
    slices    by column and entry, how many slices have rows now; of these `pairs` has those only that may have changed
    """

    pairs: Mapping[Key, Pair]
    before: Partitions
    now: Partitions
    level: float
    slices: Mapping[tuple[str, str], int] = field(default_factory=dict)
    suspects: frozenset[str] | None = None
    explained: frozenset[str] = field(default=frozenset())

    @cached_property
    def open(self) -> tuple[Pair, ...]:
        """Columns of all rows that may have changed and are not explained yet."""
        return tuple(
            pair
            for (name, where), pair in self.pairs.items()
            if where == ALL_ROWS
            and name not in self.explained
            and (self.suspects is None or name in self.suspects)
            and pair.changed
        )

    def numbers(self) -> Iterator[Pair]:
        """Those of `open` that hold numbers."""
        return (pair for pair in self.open if not pair.now.text)

    def texts(self) -> Iterator[Pair]:
        """Those of `open` that hold text."""
        return (pair for pair in self.open if pair.now.text)

    def explaining(self, columns: frozenset[str]) -> Comparison:
        """The same, with these columns explained as well."""
        return replace(self, explained=self.explained | columns)


def together(one: Column, other: Column) -> tuple[Ints, Ints, Ints]:
    """Bins that occur in either column, and the counts of both on them."""
    bins = np.union1d(one.bins, other.bins)
    return bins, moved(one.bins, one.counts, bins), moved(other.bins, other.counts, bins)
