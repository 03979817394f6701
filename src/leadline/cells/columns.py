"""Cells of columns: how often each value of a feature, score or prediction occurs, by grain (DESIGN §2).

First the reference is read for what fixes the bins: a sample of its numbers, and its categories. Then all rows are
counted by grain and fine cell in one statement, and put together to bins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leadline.cells.bins import (
    FIRST,
    MISSING,
    MOST_CATEGORIES,
    MOST_KNOWN,
    UNUSABLE,
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
from leadline.log.features import RAW
from leadline.metrics.sums import Array, Measure
from leadline.spec.finite import is_finite

#: new categories that are named
MOST_NEWCOMERS = 5
#: numbers beyond this have squares whose sum a double does not hold
LARGEST = 1e140
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
        """Number of codes: missing, unusable, a category each, the rest, new."""
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

    Of equally frequent ones the first by md5, for engines order text differently.
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
    return rows, {
        name: Categories(tuple(value for _, value in sorted(values)[:MOST_KNOWN]), len(values) <= MOST_KNOWN)
        for name, values in by_column.items()
    }


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
            raw = joined[each.column + RAW] if each.column + RAW in joined.columns else None
            if raw is None:
                code = numeric_code(value, scale).coalesce(MISSING)
            else:
                finite = is_finite(raw)  # NULL where there is nothing: on Spark, Ibis takes NaN itself for that
                code = ibis.cases((finite, numeric_code(raw, scale)), (finite.isnull(), MISSING), else_=UNUSABLE)
        elif each.kind == "codes":
            code = ibis.ifelse(value < len(each.classes), value.cast("int16") + FIRST, MISSING).fill_null(MISSING)
        else:
            new = FIRST + len(scale.named) + (1 if scale.every else 0)
            code = ibis.ifelse(value.isnull(), MISSING, joined[f"found_{place}"].coalesce(new))
        codes[names[each.column]] = code.cast("int16")
    return joined.select(*kept, **codes)


def numeric_code(value: ir.Value, of: Grid) -> ir.Value:
    """The fine code of a finite double; NULL where it is NULL. Multiplied by powers of two only, which is exact."""

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

    return chosen(0, last).cast("int16") * 3 + value.sign().cast("int16") + (FIRST + 1)


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
    kept = [name for name in rows.columns if name not in used and not name.endswith(RAW)]
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


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a column's values by grain, shape (grains,) each; NaN where there is nothing to tell.

    rows, missing, unusable   rows; without a value; with one that is NaN, infinite or no number
    distinct         values that differ, about: engines estimate it differently, by a few percent
    zeros, negatives   of a numeric column
    low, high, mean, deviation   of its values; the deviation is that of the rows, not of their sample
    new              categories that the reference does not have; NaN where that cannot be told
    newcomers        the most frequent of them, with the place of the grain in which each was first
    length           mean length of texts, in characters
    numbers          share of the texts that read as a number
    """

    rows: Array
    missing: Array
    unusable: Array
    distinct: Array
    zeros: Array
    negatives: Array
    low: Array
    high: Array
    mean: Array
    deviation: Array
    length: Array
    numbers: Array
    new: Array
    newcomers: tuple[tuple[str, int], ...] = ()


def nothing_known(grains: int) -> Summary:
    """The summary of a column of which nothing was read."""
    nothing: dict[str, Any] = {each.name: np.full(grains, np.nan) for each in fields(Summary)}
    return Summary(**nothing | {"newcomers": ()})


def summaries(
    engine: Engine,
    rows: ir.Table,
    columns: Sequence[Column],
    fixed: Mapping[str, Scale],
    counts: Mapping[str, Cells],
    grains: int,
    values: bool = True,
) -> dict[str, Summary]:
    """The summaries of the columns.

    rows     with `place`, the place of a row's grain, and the columns
    counts   by column its rows by grain and fine code
    values   whether rows are read once more for what the counts do not tell: extremes, means, deviations, distinct
             values, lengths of texts; else these are NaN
    """
    asked: dict[str, ir.Value] = {}
    for place, each in enumerate(columns if values else ()):
        value, scale = rows[each.column], fixed[each.column]
        if isinstance(scale, Grid):
            off = ibis.ifelse(value.abs() < LARGEST, value - scale.middle, value.sign() * LARGEST)
            asked |= {
                f"low_{place}": value.min(),
                f"high_{place}": value.max(),
                f"off_{place}": off.sum(),
                f"squares_{place}": (off * off).sum(),
            }
        elif each.kind == "text":
            asked |= {
                f"length_{place}": value.length().sum(),
                f"numbers_{place}": value.try_cast("float64").count(),
            }
        if each.kind != "codes":
            asked[f"distinct_{place}"] = engine.about_distinct(value)
    found: dict[str, Array] = {}
    if asked:
        table = engine.run(rows.group_by("place").aggregate(**asked))
        at = np.asarray(np.from_dlpack(table.column("place").combine_chunks().cast(pa.int64())))
        for name in asked:
            found[name] = np.full(grains, np.nan)
            found[name][at] = _filled(table, name)
    made = {
        each.column: _summary(place, each, fixed[each.column], counts[each.column], found, grains)
        for place, each in enumerate(columns)
    }
    return made | _with_newcomers(engine, rows, fixed, counts, made, grains)


def _with_newcomers(
    engine: Engine,
    rows: ir.Table,
    fixed: Mapping[str, Scale],
    counts: Mapping[str, Cells],
    made: Mapping[str, Summary],
    grains: int,
) -> dict[str, Summary]:
    """The summaries of columns in which new categories turned up, with how many and which."""
    asked = {
        name: scale
        for name, scale in fixed.items()
        if isinstance(scale, Categories) and scale.every and (counts[name].keys["code"] == scale.codes - 1).any()
    }
    pieces = []
    for number, (name, scale) in enumerate(asked.items()):
        known = engine.lookup(
            small_table([{"known": value} for value in scale.known], pa.schema({"known": pa.string()}))
        )
        new = rows.filter(rows[name].notnull()).anti_join(known, rows[name] == known.known)
        by_grain = new.group_by("place").aggregate(n=new[name].nunique())
        nothing = ibis.null("string")
        pieces.append(by_grain.select(column=ibis.literal(number), place="place", n="n", value=nothing))
        by_value = new.group_by(value=new[name]).aggregate(n=lambda t: t.count(), place=lambda t: t.place.min())
        # ties by md5, for engines order text differently
        first = by_value.order_by([ibis.desc("n"), engine.md5(by_value.value)]).limit(MOST_NEWCOMERS)
        pieces.append(first.select(column=ibis.literal(number), place="place", n="n", value="value"))
    found = engine.run(ibis.union(*pieces)).to_pylist() if pieces else []
    changed = {}
    for number, name in enumerate(asked):
        mine = [row for row in found if row["column"] == number]
        new_of = np.zeros(grains)
        for row in mine:
            if row["value"] is None:
                new_of[row["place"]] = row["n"]
        named = sorted((-row["n"], row["value"], row["place"]) for row in mine if row["value"] is not None)
        newcomers = tuple((value, place) for _, value, place in named)
        changed[name] = replace(made[name], new=new_of, newcomers=newcomers)
    return changed


def _filled(table: pa.Table, name: str) -> Array:
    """A column of numbers as doubles, NaN where there is none. By JSON's own floats: Arrow's way imports pandas."""
    return np.array([np.nan if value is None else float(value) for value in table.column(name).to_pylist()])


def _summary(
    place: int, column: Column, scale: Scale, counts: Cells, found: Mapping[str, Array], grains: int
) -> Summary:
    code, at = counts.keys["code"], counts.keys["grain"]

    def rows(chosen: NDArray[np.bool_]) -> Array:
        return np.bincount(at[chosen], weights=counts.rows[chosen], minlength=grains).astype(np.float64)

    every = rows(np.ones(len(code), bool))
    missing, unusable = rows(code == MISSING), rows(code == UNUSABLE)
    present = every - missing - unusable
    nothing = np.full(grains, np.nan)
    parts = {name: found.get(f"{name}_{place}", nothing) for name in ("low", "high", "off", "squares")}
    texts = {name: found.get(f"{name}_{place}", nothing) for name in ("length", "numbers")}
    zeros = negatives = mean = deviation = nothing
    if isinstance(scale, Grid):
        sign = np.where(code >= FIRST, (code - FIRST) % 3, -1)
        zeros, negatives = rows(sign == 1), rows(sign == 0)
        off = _divided(parts["off"], present)
        mean = scale.middle + off
        deviation = np.sqrt(np.maximum(_divided(parts["squares"], present) - off**2, 0.0))
    distinct = found.get(f"distinct_{place}", nothing)
    if column.kind == "codes":
        some = np.unique(np.stack([at[code >= FIRST], code[code >= FIRST]]), axis=1)
        distinct = np.bincount(some[0], minlength=grains).astype(np.float64)
    return Summary(
        every,
        missing,
        unusable,
        distinct,
        zeros,
        negatives,
        parts["low"],
        parts["high"],
        mean,
        deviation,
        _divided(texts["length"], present),
        _divided(texts["numbers"], present),
        np.zeros(grains) if isinstance(scale, Categories) and scale.every else nothing,
    )


def _divided(top: Array, bottom: Array) -> Array:
    return np.asarray(np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0))
