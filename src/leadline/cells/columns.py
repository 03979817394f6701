"""Cells of columns: how often each value of a feature, score or prediction occurs, by grain (DESIGN §2).

First the reference is read for what fixes the bins: a sample of its numbers, and its categories. Then all rows are
counted by grain and fine cell in one statement, and put together to bins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from leadline.cells.bins import (
    FIRST,
    LEAST_TIMES,
    MISSING,
    MOST_CATEGORIES,
    MOST_KNOWN,
    Bins,
    Grid,
    Ints,
    category_bins,
    grid,
    numeric_bins,
)
from leadline.cells.fill import Cells, fill
from leadline.cells.plan import Key, Piece
from leadline.engine import Engine
from leadline.engine.engine import small_table
from leadline.metrics.sums import Array, Measure

#: share of a cell's width below which a number counts as 0
NOTHING = 2.0**-60
#: fine cells of a column that a grain fills, about
USUAL_CELLS = 160


@dataclass(frozen=True, slots=True)
class Column:
    """A column whose values are counted.

    name     as the user calls it
    role     what it is to the model
    column   its name in the rows
    kind     numeric: finite doubles, NULL where there is none; text; or codes 0, 1, ... of `classes`, others missing
    """

    name: str
    role: Literal["feature", "score", "prediction"]
    column: str
    kind: Literal["numeric", "text", "codes"]
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Categories:
    """The categories that the reference has, the most frequent first.

    known   up to 5,000 of them; the first 200 have a bin each
    every   whether these are all
    """

    known: tuple[str, ...]
    every: bool

    @property
    def codes(self) -> int:
        """Number of codes: missing, a category each, the rest, new."""
        return FIRST + len(self.named) + 2

    @property
    def named(self) -> tuple[str, ...]:
        """Those with a bin."""
        return self.known[:MOST_CATEGORIES]


Scale = Grid | Categories


def scales(columns: Sequence[Column], known: Mapping[str, Categories], numbers: pa.Table | None) -> dict[str, Scale]:
    """By column name what the reference fixes.

    known     the categories of the text columns
    numbers   a sample of the reference's numeric columns; None where there are none
    """
    fixed: dict[str, Scale] = {}
    for each in columns:
        if each.kind == "codes":
            fixed[each.column] = Categories(each.classes, True)
        elif each.kind == "text":
            fixed[each.column] = known[each.column]
        elif numbers is not None:
            fixed[each.column] = grid(_known(numbers, each.column))
    return fixed


def _known(table: pa.Table, name: str) -> Array:
    """The values of a column that are there. By DLPack: `to_numpy` imports pandas where that is installed."""
    column = table.column(name).combine_chunks().drop_null()
    return np.asarray(np.from_dlpack(column) if len(column) else np.zeros(0), np.float64)


def categories(engine: Engine, reference: ir.Table, columns: Sequence[Column]) -> tuple[int, dict[str, Categories]]:
    """The number of the reference's rows, and by column the categories of texts.

    Of equally frequent ones the first by md5, for engines order text differently. A text that says who a row is about
    has no categories: its values are gone the next day, and that is no drift.
    """
    text = [each.column for each in columns if each.kind == "text"]
    counted = reference.aggregate(n=reference.count())
    pieces = [counted.select(place=ibis.literal(-1, "int32"), n="n", value=ibis.null("string"))]
    for place, name in enumerate(text):
        counts = reference.group_by(value=reference[name]).aggregate(n=lambda t: t.count())
        counts = counts.filter(counts.value.notnull())
        counts = counts.order_by([ibis.desc("n"), engine.md5(counts.value)]).limit(MOST_KNOWN + 1)
        pieces.append(counts.select(place=ibis.literal(place, "int32"), n="n", value="value"))
    found = engine.run(ibis.union(*pieces) if len(pieces) > 1 else pieces[0]).to_pylist()
    rows = next(row["n"] for row in found if row["place"] == -1)
    by_column: dict[str, list[tuple[int, str]]] = {name: [] for name in text}
    for row in found:
        if row["place"] >= 0:
            by_column[text[row["place"]]].append((-row["n"], row["value"]))
    return rows, {name: _categories(sorted(values)) for name, values in by_column.items()}


def _categories(values: Sequence[tuple[int, str]]) -> Categories:
    """Of the most frequent values of a column and how often each comes, negative."""
    if -sum(times for times, _ in values) < LEAST_TIMES * len(values):
        return Categories((), False)
    return Categories(tuple(value for _, value in values[:MOST_KNOWN]), len(values) <= MOST_KNOWN)


def code_names(columns: Sequence[Column]) -> dict[str, str]:
    """By column the name of its code in rows that `coded` made."""
    return {each.column: f"code_{place}" for place, each in enumerate(columns)}


def coded(
    engine: Engine, rows: ir.Table, columns: Sequence[Column], fixed: Mapping[str, Scale], kept: Sequence[str]
) -> ir.Table:
    """Rows with `code_0`, ..., the fine code of each column's value, and the columns that are to be kept."""
    names = code_names(columns)
    joined = rows
    codes: dict[str, ir.Value] = {}
    for place, each in enumerate(columns):
        known = fixed[each.column]
        if each.kind == "text" and isinstance(known, Categories):
            joined = _joined(engine, joined, rows[each.column], known, place)
    for place, each in enumerate(columns):
        value, scale = joined[each.column], fixed[each.column]
        if isinstance(scale, Grid):
            code = numeric_code(value, scale)
        elif each.kind == "codes":
            code = ibis.ifelse(value < len(each.classes), value.cast("int16") + FIRST, MISSING).fill_null(MISSING)
        else:
            new = FIRST + len(scale.named) + (1 if scale.every else 0)
            code = ibis.ifelse(value.isnull(), MISSING, joined[f"found_{place}"].coalesce(new))
        codes[names[each.column]] = code.cast("int16")
    return joined.select(*kept, **codes)


def numeric_code(value: ir.Value, of: Grid) -> ir.Value:
    """The fine code of a finite double or NULL. Multiplied by powers of two only, which is exact."""

    def scaled(number: ir.Value, width: float) -> ir.Value:
        if width > 1:  # what is next to nothing would become 0, which is an error on PostgreSQL
            number = ibis.ifelse(number.abs() < width * NOTHING, ibis.literal(0.0), number)
        return number * ibis.literal(1 / width, "float64")

    last = len(of.stretches) - 1
    offset, cells = 1, []
    for place, each in enumerate(of.stretches):
        inside = value
        if place == 0:
            inside = ibis.greatest(inside, ibis.literal(each.low - each.width, "float64"))
        inside = ibis.least(inside, ibis.literal(of.high if place == last else each.last, "float64"))
        cells.append(scaled(inside, each.width).floor() + (offset - each.first))
        offset += each.cells

    def chosen(low: int, high: int) -> ir.Value:
        if low == high:
            return cells[low]
        middle = (low + high + 1) // 2
        limit = ibis.literal(of.stretches[middle].low, "float64")
        return ibis.ifelse(value < limit, chosen(low, middle - 1), chosen(middle, high))

    # the lesser and the greater of NULL and a number are the number
    return ibis.ifelse(value.isnull(), MISSING, chosen(0, last).cast("int16") + FIRST)


def _joined(engine: Engine, joined: ir.Table, value: ir.Value, known: Categories, place: int) -> ir.Table:
    named = len(known.named)
    names = f"value_{place}", f"found_{place}"
    rows = [{names[0]: text, names[1]: FIRST + min(number, named)} for number, text in enumerate(known.known)]
    lookup = engine.lookup(small_table(rows, pa.schema({names[0]: pa.string(), names[1]: pa.int16()})))
    return joined.left_join(lookup, value == lookup[names[0]])


def counted(
    engine: Engine, rows: ir.Table, columns: Sequence[Column], fixed: Mapping[str, Scale], grains: int
) -> dict[str, Cells]:
    """By column its rows by grain and fine code.

    rows   with `place`, the place of a row's grain, the columns, and `weight` where rows have weights
    """
    kept = ["place", *(["weight"] if "weight" in rows.columns else [])]
    found = engine.shared(coded(engine, rows, columns, fixed, kept))
    grain = Key("grain", found.place, grains)
    pieces = [
        Piece(("column", name), (grain, Key("code", found[code], fixed[name].codes)), ())
        for name, code in code_names(columns).items()
    ]
    return {str(name[1]): cells for name, cells in fill(engine, found, pieces).items()}


def outcomes_of(
    engine: Engine,
    rows: ir.Table,
    columns: Sequence[Column],
    fixed: Mapping[str, Scale],
    blocks: int,
    classes: int,
    measures: Sequence[Measure],
) -> dict[str, Cells]:
    """By column its rows by block, prediction, label and fine code, with the sums of the measures.

    rows     facts with `block`, 0 to blocks - 1, and the columns
    classes  number of classes; codes from there on are of missing predictions and labels
    """
    used = {each.column for each in columns if each.role == "feature"}
    kept = [name for name in rows.columns if name not in used]
    found = engine.shared(coded(engine, rows, columns, fixed, kept))
    common = [
        Key("block", found.block, blocks),
        Key("predicted", found.predicted, classes + 1),
        Key("actual", found.actual, classes + 1),
    ]
    pieces = [
        Piece(("column", name), (*common, Key("code", found[code], fixed[name].codes)), tuple(measures))
        for name, code in code_names(columns).items()
    ]
    return {str(name[1]): cells for name, cells in fill(engine, found, pieces).items()}


def usual_cells(columns: int, grains: int) -> int:
    """About how many cells so many columns fill in so many grains."""
    return columns * grains * USUAL_CELLS


def bins_of(scale: Scale, reference: Cells) -> Bins:
    """The bins of a column, from the reference's rows by fine code."""
    if isinstance(scale, Grid):
        rows = np.bincount(reference.keys["code"], weights=reference.rows, minlength=scale.codes)
        return numeric_bins(scale, rows.astype(np.float64))
    return category_bins(scale.named, scale.every, len(scale.known) > len(scale.named) or not scale.every)


def folded(cells: Cells, bins: Bins) -> Cells:
    """Cells by bin in place of the fine code, as few as there are."""
    keys = {name: key for name, key in cells.keys.items() if name != "code"} | {"bin": bins.of[cells.keys["code"]]}
    packed = np.zeros(len(cells), np.int64)
    sizes = {name: int(key.max(initial=0)) + 1 for name, key in keys.items()}
    for name, key in keys.items():
        packed = packed * sizes[name] + key
    found, at = np.unique(packed, return_inverse=True)
    left = found
    unpacked: dict[str, Ints] = {}
    for name in reversed(keys):
        left, unpacked[name] = np.divmod(left, sizes[name])

    def summed(values: Array) -> Array:
        return np.bincount(at, weights=values, minlength=len(found)).astype(np.float64)

    losses = {
        name: np.stack([summed(sums[:, part]) for part in range(sums.shape[1])], axis=1)
        for name, sums in cells.losses.items()
    }
    rows = summed(cells.rows.astype(np.float64)).astype(np.int64)
    return Cells(unpacked, rows, summed(cells.weight), summed(cells.square), losses)
