"""From facts to cells: one statement, one small table, decoded into arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leadline.cells.plan import Piece, packed
from leadline.engine import Engine
from leadline.metrics.sums import Measure
from leadline.values import EngineError

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """The cells of one piece: its keys and its sums as columns of equal length.

    keys      name → integers
    rows      rows of each cell (negative in a correction)
    weight, square   Σw and Σw²; the rows themselves where they have no weights
    losses    measure → shape (cells, 6): rows, Σw, Σw², Σwx, Σw²x, Σw²x²
    """

    keys: Mapping[str, Ints]
    rows: Ints
    weight: NDArray[np.float64]
    square: NDArray[np.float64]
    losses: Mapping[str, NDArray[np.float64]]

    def where(self, chosen: NDArray[np.bool_] | Ints | slice) -> Cells:
        """The cells for which `chosen` is true, or at these places."""
        return Cells(
            {name: key[chosen] for name, key in self.keys.items()},
            self.rows[chosen],
            self.weight[chosen],
            self.square[chosen],
            {name: sums[chosen] for name, sums in self.losses.items()},
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __add__(self, other: Cells) -> Cells:
        """The cells of both; equal keys may then stand in several rows, which add."""
        return Cells(
            {name: np.concatenate([key, other.keys[name]]) for name, key in self.keys.items()},
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.weight, other.weight]),
            np.concatenate([self.square, other.square]),
            {name: np.concatenate([sums, other.losses[name]]) for name, sums in self.losses.items()},
        )

    def __neg__(self) -> Cells:
        return Cells(
            self.keys, -self.rows, -self.weight, -self.square, {name: -sums for name, sums in self.losses.items()}
        )


def statement(facts: ir.Table, pieces: Sequence[Piece]) -> ir.Table:
    """All pieces in one statement over the same facts, so that an engine reads the rows once."""
    weighted = "weight" in facts.columns
    every = list({measure.name: measure for piece in pieces for measure in piece.measures}.values())
    parts = []
    for place, piece in enumerate(pieces):
        rows = facts if piece.where is None else facts.filter(piece.where)
        columns = {
            f"{name}_{index}": value
            for index, measure in enumerate(every)
            for name, value in _sums(facts, measure, weighted).items()
        }
        if weighted:
            columns = {"weight": _total(facts.weight), "square": _total(facts.weight * facts.weight)} | columns
        unwanted = {index for index, measure in enumerate(every) if measure not in piece.measures}
        asked = {name: value for name, value in columns.items() if not _of_measure(name, unwanted)}
        grouped = rows.group_by(key=packed(piece.keys)).aggregate(**asked, rows=lambda t: t.count())
        shown = {
            name: grouped[name] if name in asked else ibis.literal(0, value.type()) for name, value in columns.items()
        }
        key = grouped.key.cast("int64")  # one key alone may be narrower than several that are packed
        parts.append(grouped.select(place=ibis.literal(place, "int32"), key=key, rows=grouped.rows, **shown))
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def _of_measure(name: str, places: set[int]) -> bool:
    *_, place = name.rpartition("_")
    return place.isdigit() and int(place) in places


def _sums(facts: ir.Table, measure: Measure, weighted: bool) -> dict[str, ir.Value]:
    x = measure.expression(facts)
    if measure.counted:
        return {"n": x.count()}
    if weighted:
        w = ibis.ifelse(x.notnull(), facts.weight, ibis.null("float64"))
        w2 = w * w
        weighted_sums = {"w": w, "ww": w2, "wx": w * x, "wwx": w2 * x, "wwxx": w2 * x * x}
        return {"n": x.count()} | {name: _total(value) for name, value in weighted_sums.items()}
    square = Measure(measure.name, measure.expression, None if measure.bound is None else measure.bound**2)
    return {"n": x.count(), "wx": _summed(x, measure), "wwxx": _summed(x * x, square)}


def _summed(x: ir.Value, measure: Measure) -> ir.Value:
    """A sum in integers of `unit` where the measure is bounded; every engine rounds half up this way."""
    return _total(x if measure.unit is None else (x / measure.unit + 0.5).floor().cast("int64"))


def _total(x: ir.Value) -> ir.Value:
    """A sum that is 0 where there is nothing to add."""
    return x.sum().coalesce(ibis.literal(0, x.type()))


def fill(engine: Engine, facts: ir.Table, pieces: Sequence[Piece]) -> dict[tuple[str | int, ...], Cells]:
    """Run the statement and take its result apart."""
    table = engine.run(statement(facts, pieces))
    weighted = "weight" in facts.columns
    measures = list({measure.name: measure for piece in pieces for measure in piece.measures}.values())
    place, key, rows = (_ints(table, name) for name in ("place", "key", "rows"))
    # in the order of the keys, so that sums of sums come out the same whatever order an engine delivers
    summed = weighted or not all(measure.counted for measure in measures)
    # the numbers of pieces in one or two bytes, which numpy sorts without comparing
    order = np.argsort(place.astype(np.min_scalar_type(len(pieces))), kind="stable")
    edges = np.searchsorted(place[order], np.arange(len(pieces) + 1))
    floats = {name: _floats(table, name) for name in table.column_names if name not in ("place", "key", "rows")}
    found: dict[tuple[str | int, ...], Cells] = {}
    for index, piece in enumerate(pieces):
        mine = order[edges[index] : edges[index + 1]]
        if summed:
            mine = mine[np.argsort(key[mine], kind="stable")]
        counts = rows[mine]
        losses = {}
        for number, measure in enumerate(measures):
            if measure in piece.measures:
                losses[measure.name] = _loss(floats, number, measure, mine, weighted)
        found[piece.name] = Cells(
            _unpacked(key[mine], piece),
            counts,
            floats["weight"][mine] if weighted else counts.astype(np.float64),
            floats["square"][mine] if weighted else counts.astype(np.float64),
            losses,
        )
    return found


def _loss(
    floats: Mapping[str, NDArray[np.float64]], number: int, measure: Measure, mine: Ints, weighted: bool
) -> NDArray[np.float64]:
    n = floats[f"n_{number}"][mine]
    if measure.counted:
        parts = [n] * 6
    elif weighted:
        parts = [n, *(floats[f"{name}_{number}"][mine] for name in ("w", "ww", "wx", "wwx", "wwxx"))]
    else:
        unit = measure.unit or 1.0
        square_unit = (
            Measure(measure.name, measure.expression, None if measure.bound is None else measure.bound**2).unit or 1.0
        )
        total = floats[f"wx_{number}"][mine] * unit
        parts = [n, n, n, total, total, floats[f"wwxx_{number}"][mine] * square_unit]
    return np.stack(parts, axis=1)


def _unpacked(key: Ints, piece: Piece) -> dict[str, Ints]:
    found: dict[str, Ints] = {}
    for each in reversed([part for whole in piece.keys for part in whole.plain()]):
        key, found[each.name] = np.divmod(key, each.size)
    return found


def _ints(table: pa.Table, name: str) -> Ints:
    column = table.column(name).combine_chunks()
    if column.null_count:
        raise EngineError(
            f"the cells' {name} has no value in {column.null_count:,} rows: a row of the facts has no key"
        )
    return _plain(column.cast(pa.int64()))


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    column = table.column(name).combine_chunks()
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.int64())  # a sum that does not fit raises here
    return _plain(column.cast(pa.float64()))


def _plain(column: pa.Array) -> NDArray[Any]:
    """The column's own memory as an array. By DLPack: `to_numpy` imports pandas where that is installed."""
    empty = np.zeros(0, np.int64 if pa.types.is_integer(column.type) else np.float64)
    return np.from_dlpack(column) if len(column) else empty
