"""Which columns of a table are distributed otherwise than in the table that a model was trained on."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from leadline.drift.distances import scale
from leadline.drift.quiet import Histograms, measured
from leadline.quality.summary import Column
from leadline.quality.tables import Drifted
from leadline.quality.words import number, quoted
from leadline.stats.arrays import Floats

#: groups of a training table's numbers, with about as many rows in each
GROUPS = 20
MISSING = "missing values"


def drifted(columns: Iterable[Column]) -> tuple[Drifted, ...]:
    """The columns that drifted, the farthest first.

    columns   each over two partitions: training and production

    Texts with so many values that these are not counted each are not compared.
    """
    found = [told for each in columns if (told := _drifted(each)) is not None]
    return tuple(sorted(found, key=lambda each: (-each.js_distance, each.column)))


def _drifted(column: Column) -> Drifted | None:
    if column.text and not column.complete:
        return None
    counts, centre, names = _of_values(column) if column.text else _of_numbers(column)
    counts = np.column_stack([counts, column.missing]).astype(np.float64)
    centre, names = np.append(centre, np.nan), [*names, MISSING]
    some = np.flatnonzero(counts.sum(axis=0))
    counts, centre = counts[:, some], centre[some]
    own, now = (Histograms(counts[[at]], counts[[at]]) for at in (0, 1))
    found = measured(own, now, scale(centre, counts[0]))
    if not found.drifted[0]:
        return None
    distance, moved = found.distances["js_distance"], float(found.distances["wasserstein"].value[0])
    assert distance.limit is not None  # noqa: S101  # this distance decides
    before, after = own.shares[0], now.shares[0]
    most = int(np.abs(after - before).argmax())
    return Drifted(
        column.name,
        float(distance.value[0]),
        float(distance.floor[0]),
        float(distance.limit[0]),
        moved if np.isfinite(moved) else None,
        names[some[most]],
        float(before[most]),
        float(after[most]),
    )


def _of_values(column: Column) -> tuple[Floats, Floats, list[str]]:
    """Rows by value, shape (2, values), no places on a scale, and what the values are called."""
    return (
        np.asarray(column.value_counts, np.float64),
        np.full(len(column.values), np.nan),
        [quoted(each) for each in column.values],
    )


def _of_numbers(column: Column) -> tuple[Floats, Floats, list[str]]:
    """Rows by group of neighbouring bins, shape (2, groups), where these lie, and the range of each."""
    low, high = column.ends
    if not len(low):
        return np.zeros((2, 0)), np.zeros(0), []
    rows = np.asarray(column.counts, np.float64)
    passed = np.cumsum(rows[0]) - rows[0] / 2
    group = np.minimum((passed / max(float(rows[0].sum()), 1.0) * GROUPS).astype(np.int64), GROUPS - 1)
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    summed = np.add.reduceat(rows, starts, axis=1)
    ends = np.append(starts[1:], len(group))
    centre = np.array([_centre(rows, (low + high) / 2, slice(a, b)) for a, b in zip(starts, ends, strict=True)])
    first, last = low[starts], high[ends - 1]
    if column.whole.sum() == column.known.sum():
        first, last = np.ceil(first), np.floor(last)
    return summed, centre, [_range(*each) for each in zip(first, last, strict=True)]


def _centre(rows: Floats, middle: Floats, bins: slice) -> float:
    """Where the rows of training lie; those of production where training has none."""
    weight = rows[0, bins] if rows[0, bins].any() else rows[1, bins]
    return float((weight * middle[bins]).sum() / weight.sum())


def _range(low: float, high: float) -> str:
    """Two numbers with as many digits as tell them apart; one where they are the same."""
    if low >= high:
        return number(low)
    if low == round(low) and high == round(high):
        return f"{number(low)} to {number(high)}"
    places = max(1 - math.floor(math.log10(high - low)), 0)
    return f"{low:.{places}f} to {high:.{places}f}"
