"""Sums of numeric columns and of their products by grain: from these it can be told how columns go together.

Numbers are counted in whole steps of their range in the reference, so that the sums are integers, the same on every
engine and in any order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from leadline.cells.bins import Grid
from leadline.engine import Engine
from leadline.metrics.sums import Array
from leadline.stats.arrays import over_runs

#: steps between the ends of a column's range in the reference, at least; at most twice as many
STEPS = 256
#: share of a step below which a difference counts as 0
NOTHING = 2.0**-60


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over the rows of windows, which add up.

    rows      shape (windows,)
    sums      of each column, shape (windows, d)
    products  of each pair of columns, symmetric, shape (windows, d, d)
    """

    rows: Array
    sums: Array
    products: Array

    def total(self) -> Moments:
        """All windows as one."""
        return Moments(*(each.sum(axis=0, keepdims=True) for each in self._arrays))

    def of(self, places: Sequence[tuple[int, int]]) -> Moments:
        """Of runs of windows, from one place to before another, each as one."""
        return Moments(*(over_runs(each, places) for each in self._arrays))

    @property
    def _arrays(self) -> tuple[Array, Array, Array]:
        return self.rows, self.sums, self.products


@dataclass(frozen=True, slots=True)
class Steps:
    """How the numbers of a column are counted.

    column     its name in the rows
    low, high  numbers beyond count as these: a thousandth of the reference, about
    width      of a step, a power of two
    missing    the number that stands for none: the mean of the reference
    """

    column: str
    low: float
    high: float
    width: float
    missing: float


def steps(column: str, of: Grid, missing: float) -> Steps | None:
    """The steps of a column with these cells; None where it is always the same, or its range is no number.

    >>> from leadline.cells.bins import grid
    >>> steps("x", grid(np.arange(100.0)), 49.5).width
    0.25
    """
    low, high = of.stretches[0].low, of.high
    if not (high > low and math.isfinite((high - low) * STEPS) and math.isfinite(missing)):
        return None
    return Steps(column, low, high, 2.0 ** math.floor(math.log2((high - low) / STEPS)), missing)


def _steps_of(value: ir.Value, of: Steps) -> ir.Value:
    """How many whole steps a number lies above the low end, 0 to 512."""
    inside = ibis.least(ibis.greatest(value, ibis.literal(of.low, "float64")), ibis.literal(of.high, "float64"))
    above = inside - ibis.literal(of.low, "float64")
    # what is next to nothing would become 0 by the product, which is an error on PostgreSQL
    above = ibis.ifelse(above < of.width * NOTHING, ibis.literal(0.0), above)
    count = (above * ibis.literal(1 / of.width, "float64")).floor().cast("int64")
    usual = math.floor((min(max(of.missing, of.low), of.high) - of.low) / of.width)
    return ibis.ifelse(value.isnull(), ibis.literal(usual, "int64"), count)


def moments(engine: Engine, rows: ir.Table, columns: Sequence[Steps], grains: int) -> Moments:
    """The moments of the columns by grain, in steps.

    rows   with `place`, the place of a row's grain, and the columns: finite doubles or NULL
    """
    d = len(columns)
    steps_of = {f"z_{at}": _steps_of(rows[each.column], each) for at, each in enumerate(columns)}
    counted = rows.select(place=rows.place, **steps_of)
    asked = {f"sum_{at}": counted[f"z_{at}"].sum() for at in range(d)}
    pairs = [(first, second) for first in range(d) for second in range(first, d)]
    asked |= {f"product_{one}_{two}": (counted[f"z_{one}"] * counted[f"z_{two}"]).sum() for one, two in pairs}
    table = engine.run(counted.group_by("place").aggregate(**asked, rows=lambda t: t.count()))
    at = _numbers(table, "place").astype(np.int64)
    found = Moments(np.zeros(grains), np.zeros((grains, d)), np.zeros((grains, d, d)))
    found.rows[at] = _numbers(table, "rows")
    for one in range(d):
        found.sums[at, one] = _numbers(table, f"sum_{one}")
    for one, two in pairs:
        found.products[at, one, two] = found.products[at, two, one] = _numbers(table, f"product_{one}_{two}")
    return found


def _numbers(table: pa.Table, name: str) -> Array:
    """A column of whole numbers as doubles. By DLPack: `to_numpy` imports pandas where that is installed."""
    column = table.column(name).combine_chunks().cast(pa.int64())
    return np.from_dlpack(column).astype(np.float64) if len(column) else np.zeros(0)
