"""What is watched of every column from partition to partition, and by how much it has to change to matter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from leadline.quality.grid import Ints, quantiles
from leadline.quality.summary import BLANK, NUMBER, Column, shares
from leadline.stats.arrays import Floats

#: a share has to change by one point, a level by a tenth of the usual deviation, a spread by a tenth
LEAST_SHARE, LEAST_LEVEL, LEAST_SPREAD = 0.01, 0.1, 0.1
#: of numbers that are all the same, what is no change but rounding
ROUNDING = 1e-6
#: partitions that say how far values go
FIRST = 28


@dataclass(frozen=True, slots=True)
class Values:
    """One statistic of one column over P partitions; shape (P,) each.

    value    NaN where a partition has none
    error    standard error that it has from its rows alone
    least    how much it has to change to matter
    hits, n  of a share: what it is made of; else None
    """

    value: Floats
    error: Floats
    least: Floats
    hits: Ints | None = None
    n: Ints | None = None


@dataclass(frozen=True, slots=True)
class Statistic:
    """Something to be watched: its name and words, and whether it is of texts, of numbers (False) or of both (None)."""

    name: str
    words: str
    text: bool | None
    of: Callable[[Column], Values]


def _share(hits: Ints, n: Ints) -> Values:
    share = shares(hits, n)
    smooth = (hits + 0.5) / (n + 1)
    least = np.full(len(n), LEAST_SHARE)
    return Values(share, np.sqrt(smooth * (1 - smooth) / np.maximum(n, 1)), least, hits, n)


def _missing(column: Column) -> Values:
    return _share(column.missing, column.rows)


def _zeros(column: Column) -> Values:
    zero = (column.bins == 0) & (column.origin == 0)
    return _share(column.counts[:, zero].sum(axis=1), column.known)


def _negatives(column: Column) -> Values:
    zeros = column.counts[:, (column.bins == 0) & (column.origin == 0)].sum(axis=1)
    return _share(column.counts[:, column.ends[1] <= 0].sum(axis=1) - zeros, column.known)


def _whole(column: Column) -> Values:
    return _share(column.whole, column.known)


def _numbers(column: Column) -> Values:
    return _share(column.forms[:, NUMBER], column.known)


def _blank(column: Column) -> Values:
    return _share(column.forms[:, BLANK], column.known)


def _top(column: Column) -> Values:
    """The share of the value that is the most frequent one over all partitions."""
    if not column.complete or not column.values:
        return _share(np.zeros_like(column.known), np.zeros_like(column.known))
    return _share(column.value_counts[:, most_frequent(column)], column.known)


def most_frequent(column: Column) -> int:
    """The place of the value that is the most frequent one over all partitions."""
    return int(np.argmax(column.value_counts.sum(axis=0)))


def _length(column: Column) -> Values:
    """None where the column has few values: their lengths are an accident."""
    if column.complete:
        nothing: Floats = np.full(len(column.rows), np.nan)
        return Values(nothing, nothing, nothing)
    return _level(column)


def _level(column: Column) -> Values:
    mean, deviation = _moments(column)
    usual = np.nanmedian(deviation) if np.isfinite(deviation).any() else np.nan
    error = deviation / np.sqrt(np.maximum(column.known, 1))
    least = np.maximum(LEAST_LEVEL * usual, ROUNDING * np.abs(mean))
    return Values(mean, error, least)


def _spread(column: Column) -> Values:
    """The logarithm of the deviation; none where all values are the same."""
    _, deviation = _moments(column)
    logarithm = np.log(np.where(deviation > 0, deviation, np.nan))
    error = 1 / np.sqrt(2 * np.maximum(column.known, 1))  # that of normal values; the history says more
    return Values(logarithm, error, np.full(len(error), LEAST_SPREAD))


def _moments(column: Column) -> tuple[Floats, Floats]:
    """Mean and deviation of the values by partition, held to a wide range so that a single wild one does not move them.

    The range is that of the first partitions, so that it does not change when more come: from three times as far below
    to three times as far above as 98 % of their values go.
    """
    first = np.flatnonzero(column.known > 0)[:FIRST]
    if not len(first):
        nothing: Floats = np.full(len(column.rows), np.nan)
        return nothing, nothing
    low, high = quantiles(column.bins, column.counts[first].sum(axis=0), np.array([0.01, 0.99]))
    low, high = low + column.origin, high + column.origin
    middle = np.clip((column.ends[0] + column.ends[1]) / 2, low - 2 * (high - low), high + 2 * (high - low))
    n = np.where(column.known > 0, column.known, np.nan)
    mean = column.counts @ middle / n
    square = np.maximum(column.counts @ middle**2 / n - mean**2, 0.0)
    tiny = 1e-12 * (column.counts @ middle**2) / n
    return mean, np.sqrt(np.where(square <= tiny, 0.0, square))


STATISTICS: tuple[Statistic, ...] = (
    Statistic("missing_share", "the share of missing values", None, _missing),
    Statistic("level", "the mean", False, _level),
    Statistic("spread", "the spread of the values", False, _spread),
    Statistic("zero_share", "the share of zeros", False, _zeros),
    Statistic("negative_share", "the share of negative values", False, _negatives),
    Statistic("whole_share", "the share of whole numbers", False, _whole),
    Statistic("length", "the mean length of the texts", True, _length),
    Statistic("number_share", "the share of texts that are numbers", True, _numbers),
    Statistic("blank_share", "the share of blank texts", True, _blank),
    Statistic("top_share", "the share of the most frequent value", True, _top),
)


def over(column: Column, statistic: Statistic, places: Ints) -> float:
    """A statistic of all rows of some partitions, as if they were one: shape (), NaN where they have none."""
    values = statistic.of(column)
    if values.hits is not None and values.n is not None:
        return float(shares(values.hits[places].sum(keepdims=True), values.n[places].sum(keepdims=True))[0])
    rows = column.known[places]
    if not rows.any():
        return math.nan
    if statistic.name != "spread":
        known = rows > 0
        return float(np.average(values.value[places][known], weights=rows[known]))
    mean, deviation = (each[places][rows > 0] for each in _moments(column))
    rows = rows[rows > 0]
    square = float(np.average(deviation**2 + mean**2, weights=rows) - np.average(mean, weights=rows) ** 2)
    return math.log(square) / 2 if square > 0 else math.nan


@dataclass(frozen=True)
class Watched:
    """Statistics of all columns over P partitions, M of them.

    columns     place of the column of each, shape (M,)
    statistics  of each
    value, error, least   shape (P, M)
    hits, n     shape (P, M); n is -1 where it is no share
    """

    columns: Ints
    statistics: tuple[Statistic, ...]
    value: Floats
    error: Floats
    least: Floats
    hits: Ints
    n: Ints

    def __len__(self) -> int:
        return len(self.statistics)


def watched(columns: Sequence[Column]) -> Watched:
    """The statistics of these columns, which have as many partitions each; those that never vary are left out."""
    of: list[tuple[int, Statistic, Values]] = []
    for place, column in enumerate(columns):
        for statistic in STATISTICS:
            if statistic.text in (None, column.text):
                values = statistic.of(column)
                known = values.value[np.isfinite(values.value)]
                if len(known) and known.min() < known.max():
                    of.append((place, statistic, values))
    partitions = len(columns[0].rows) if columns else 0

    def stacked(name: str) -> Floats:
        found = [getattr(values, name) for _, _, values in of]
        return np.stack(found, axis=1) if found else np.zeros((partitions, 0))

    none = np.full(partitions, -1)
    hits = [none if values.hits is None else values.hits for _, _, values in of]
    rows = [none if values.n is None else values.n for _, _, values in of]
    counts = [np.stack(each, axis=1) if of else np.zeros((partitions, 0), np.int64) for each in (hits, rows)]
    return Watched(
        np.array([place for place, _, _ in of], np.int64),
        tuple(statistic for _, statistic, _ in of),
        stacked("value"),
        stacked("error"),
        stacked("least"),
        *counts,
    )
