"""`leadline.row_parity`: two tables joined by their ids, and how far each column agrees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ibis
import ibis.expr.types as ir

from leadline.engine import Engine, open_engine
from leadline.evaluation.partitions import EXACT
from leadline.log.columns import as_text, number
from leadline.quality.faults.unit_change import FACTORS
from leadline.quality.row_parity import ABSOLUTE, RELATIVE, Counts, compared
from leadline.quality.summary import MARKS, SENTINEL_WORDS
from leadline.quality.tables import RowParity
from leadline.quality.words import quoted
from leadline.spec.frames import source_of
from leadline.values import InputError, Scalar

#: rows that do not agree that are shown of a column
EXAMPLES = 5
#: columns of a table that are compared, at most
MOST_COLUMNS = 200
#: how the rows of two tables may differ in a column, as fields of `Counts`
SIDES = ("both_null", "only_left", "only_right", "different")
#: decimals to which a number may have been rounded
DECIMALS = range(7)


def row_parity(
    left: Any,
    right: Any,
    by: str = "id",
    *,
    columns: Sequence[str] | None = None,
    entity: str | None = None,
    order: str | None = None,
    absolute: float = ABSOLUTE,
    relative: float = RELATIVE,
    names: tuple[str, str] = ("the left table", "the right table"),
) -> RowParity:
    """Compare two tables row by row: what a model was served beside what it is trained on or what is computed again.

    left, right   a frame of any library that speaks Arrow, the path of a file, or an Ibis table; `right` is the one
                  that is believed: numbers may differ from it by `absolute + relative * |right|`
    by            the column that identifies a row, of the same name in both
    columns       those that are compared; all that both have where None
    entity, order   columns of `right`, of whose rows, and in which order: then it is looked at whether a value is that
                  of the row before or after
    absolute, relative   how far numbers may differ; at least 0, and 0 both for the very same numbers
    names         what sentences call the tables

    Rows whose id comes more than once in a table are counted and left out. Texts are equal or not; a time is compared
    as text. Raises InputError where a column is missing or the tables live on different engines.
    """
    if not (absolute >= 0 and relative >= 0):
        raise InputError("numbers that agree differ by at least 0: absolute and relative are not negative")
    asked = _Asked(by, tuple(columns) if columns is not None else None, entity, order, (absolute, relative), names)
    sources = [source_of(left, "left"), source_of(right, "right")]
    with open_engine(sources) as engine:
        one, other = (engine.read(source, frozenset({by})) for source in sources)
        return _compared(engine, one, other, asked)


@dataclass(frozen=True)
class _Asked:
    """What is compared, and how: see `row_parity`.

    tolerance   absolute, and relative to the right
    names       of the tables
    """

    by: str
    columns: tuple[str, ...] | None
    entity: str | None
    order: str | None
    tolerance: tuple[float, float]
    names: tuple[str, str]


def _compared(engine: Engine, left: ir.Table, right: ir.Table, asked: _Asked) -> RowParity:
    by, names = asked.by, _names(left, right, asked)
    one, other = _ids(engine, left, by), _ids(engine, right, by)
    shared = engine.keep(_joined(_once(left, by), _once(right, by), names, asked))
    pairs = int(engine.run(shared.aggregate(n=shared.count())).to_pylist()[0]["n"])
    of = {name: _of_type(left[name], right[name]) for name in names}
    found = _counted(engine, shared, of, pairs, asked)
    every = [
        compared(name, _with_examples(engine, shared, at, of[name], asked.tolerance, found[name]))
        for at, name in enumerate(names)
    ]
    ranked = sorted(every, key=lambda each: (-(each.different + each.only_left + each.only_right), each.column))
    others = set(left.columns) ^ set(right.columns) if asked.columns is None else set()
    return RowParity(
        by,
        *asked.names,
        one["rows"],
        other["rows"],
        pairs,
        _unmatched(engine, left, right, by),
        _unmatched(engine, right, left, by),
        one["repeated"],
        other["repeated"],
        tuple(ranked),
        tuple(sorted(others & set(right.columns))),
        tuple(sorted(others & set(left.columns))),
    )


def _names(left: ir.Table, right: ir.Table, asked: _Asked) -> list[str]:
    """The columns to be compared."""
    by, columns, entity, order = asked.by, asked.columns, asked.entity, asked.order
    for table, side in zip((left, right), asked.names, strict=True):
        wanted = [by, *(columns or ())] + ([each for each in (entity, order) if each] if table is right else [])
        for name in wanted:
            if name not in table.columns:
                shown = ", ".join(map(repr, table.columns[:20]))
                raise InputError(f"{side} has no column {name!r}; its columns are {shown}")
    if entity is not None and order is None:
        raise InputError("entity needs order: the column that says which row of an entity comes before which")
    both = [name for name in left.columns if name in right.columns and name != by] if columns is None else list(columns)
    names = [name for name in both if _of_type(left[name], right[name]) is not None]
    if not names:
        raise InputError("the tables have no column in common that can be compared")
    if len(names) > MOST_COLUMNS:
        raise InputError(f"{len(names)} columns are more than {MOST_COLUMNS}: name those to be compared (columns)")
    return names


def _of_type(left: ir.Value, right: ir.Value) -> str | None:
    """How two columns are compared: as numbers or as text; None where their types cannot be."""
    kinds = left.type(), right.type()
    if all(kind.is_numeric() or kind.is_boolean() for kind in kinds):
        return "number"
    if any(kind.is_nested() or kind.is_binary() for kind in kinds):
        return None
    return "text"


def _once(table: ir.Table, by: str) -> ir.Table:
    """The rows whose id comes once."""
    copies = table.mutate(leadline_copies=table[by].count().over(ibis.window(group_by=table[by])))
    return copies.filter(copies.leadline_copies == 1).drop("leadline_copies")


def _ids(engine: Engine, table: ir.Table, by: str) -> dict[str, int]:
    """Rows, and ids that come more than once."""
    groups = table.group_by(key=table[by]).aggregate(n=lambda t: t.count())
    several = groups.filter(groups.key.notnull())
    row = engine.run(several.aggregate(repeated=(several.n > 1).sum())).to_pylist()[0]
    rows = engine.run(table.aggregate(rows=table.count())).to_pylist()[0]
    return {"rows": int(rows["rows"]), "repeated": int(row["repeated"] or 0)}


def _unmatched(engine: Engine, table: ir.Table, other: ir.Table, by: str) -> int:
    """Ids of a table that the other has not got."""
    mine = table.select(key=as_text(table[by])).distinct()
    keys = other.select(key=as_text(other[by])).distinct()
    left = mine.filter(mine.key.notnull()).anti_join(keys, "key")
    return int(engine.run(left.aggregate(n=left.count())).to_pylist()[0]["n"])


def _joined(left: ir.Table, right: ir.Table, names: Sequence[str], asked: _Asked) -> ir.Table:
    """A row for each id in both: `id`, and of each column left_0, right_0, ..., in the type in which it is compared."""
    by, entity, order = asked.by, asked.entity, asked.order
    sides = []
    for table, side, other in ((left, "left", right), (right, "right", left)):
        columns: dict[str, ir.Value] = {"id": as_text(table[by])}
        for at, name in enumerate(names):
            mine, its = table[name], other[name]
            value = number(mine, name) if _of_type(mine, its) == "number" else as_text(mine)
            columns[f"{side}_{at}"] = value
            if side == "right" and order is not None:
                keys = ibis.window(group_by=table[entity] if entity else None, order_by=table[order])
                columns |= {f"before_{at}": value.lag().over(keys), f"after_{at}": value.lead().over(keys)}
        sides.append(table.select(**columns))
    return sides[0].inner_join(sides[1], "id")


def _counted(
    engine: Engine, rows: ir.Table, of: Mapping[str, str | None], pairs: int, asked: _Asked
) -> dict[str, Counts]:
    """One statement over all columns, and one more over those that differ, for the cause."""
    tolerance, lag = asked.tolerance, asked.order is not None
    if not pairs:
        return {name: Counts(0, 0, 0, 0, 0) for name in of}
    sums: dict[str, ir.Value] = {}
    for at, kind in enumerate(of.values()):
        left, right = rows[f"left_{at}"], rows[f"right_{at}"]
        sums |= {
            f"both_null_{at}": (left.isnull() & right.isnull()).sum(),
            f"only_left_{at}": (left.notnull() & right.isnull()).sum(),
            f"only_right_{at}": (left.isnull() & right.notnull()).sum(),
            f"different_{at}": (~_same(left, right, kind, tolerance)).fill_null(False).sum(),
        }
    row = engine.run(rows.aggregate(**sums)).to_pylist()[0]
    found = {name: _counts(pairs, row, at) for at, name in enumerate(of)}
    causes: dict[str, ir.Value] = {}
    for at, (name, kind) in enumerate(of.items()):
        causes |= _causes(rows, at, kind, found[name], tolerance, lag)
    if not causes:
        return found
    explained = engine.run(rows.aggregate(**causes)).to_pylist()[0]
    return {name: _explained(found[name], at, kind, explained) for at, (name, kind) in enumerate(of.items())}


def _counts(pairs: int, row: Mapping[str, int | None], at: int) -> Counts:
    both_null, only_left, only_right, different = (int(row[f"{side}_{at}"] or 0) for side in SIDES)
    return Counts(pairs, both_null, only_left, only_right, different)


def _same(left: ir.Value, right: ir.Value, kind: str | None, tolerance: tuple[float, float]) -> ir.BooleanValue:
    """Whether two values are the same; NULL where either is missing."""
    if kind == "text":
        return left == right
    return (left - right).abs() <= tolerance[0] + tolerance[1] * right.abs()


def _causes(
    rows: ir.Table, at: int, kind: str | None, counts: Counts, tolerance: tuple[float, float], lag: bool
) -> dict[str, ir.Value]:
    """How many of the rows that do not agree each possible cause explains; what is tried has a name of its own."""
    left, right = rows[f"left_{at}"], rows[f"right_{at}"]
    tried: dict[str, ir.Value] = {}
    if counts.different:
        tried |= _number_causes(left, right, tolerance) if kind == "number" else _text_causes(left, right)
        if lag:
            before, after = (_same(left, rows[f"{side}_{at}"], kind, tolerance) for side in ("before", "after"))
            tried |= {"lag": before, "lead": after}
        differs = (~_same(left, right, kind, tolerance)).fill_null(False)
        tried = {name: differs & condition.fill_null(False) for name, condition in tried.items()}
    if counts.only_left or counts.only_right:
        value = left.coalesce(right)
        one = left.isnull() != right.isnull()
        marks: Sequence[Scalar] = MARKS if kind == "number" else SENTINEL_WORDS
        shown = value if kind == "number" else value.strip().lower()
        tried |= {f"default:{place}": one & (shown == mark) for place, mark in enumerate(marks)}
    return {f"{name}|{at}": condition.fill_null(False).sum() for name, condition in tried.items()}


def _number_causes(left: ir.Value, right: ir.Value, tolerance: tuple[float, float]) -> dict[str, ir.BooleanValue]:
    tried = {"sign": _same(left, -right, "number", tolerance)}
    for place, (factor, _) in enumerate(FACTORS):
        tried[f"unit:{place}"] = _same(left, right * factor, "number", tolerance)
        tried[f"unit:-{place}"] = _same(left * factor, right, "number", tolerance)
    for decimals in DECIMALS:
        half = 0.5 * 10.0**-decimals * (1 + 1e-9)
        tried[f"rounding:{decimals}"] = ((left - right).abs() <= half) & (
            _whole(left, decimals) | _whole(right, decimals)
        )
    return tried


def _whole(value: ir.Value, decimals: int) -> ir.BooleanValue:
    """Whether a number has no more decimals than these."""
    scaled = ibis.least(value.abs() * 10.0**decimals, EXACT)
    return (scaled - (scaled + 0.5).floor()).abs() <= 1e-6


def _text_causes(left: ir.Value, right: ir.Value) -> dict[str, ir.BooleanValue]:
    return {"case": left.strip().lower() == right.strip().lower()}


def _explained(counts: Counts, at: int, kind: str | None, row: Mapping[str, int | None]) -> Counts:
    """With the best candidate of each cause."""
    best: dict[str, tuple[int, str]] = {}
    for key, value in row.items():
        name, _, column = key.rpartition("|")
        cause, _, detail = name.partition(":")
        if int(column) == at and int(value or 0) > best.get(cause, (0, ""))[0]:
            best[cause] = int(value or 0), detail
    return replace(
        counts,
        explained={cause: rows for cause, (rows, _) in best.items()},
        detail={cause: _detail(cause, detail, kind) for cause, (_, detail) in best.items() if detail},
    )


def _detail(cause: str, detail: str, kind: str | None) -> Scalar:
    """What a candidate stands for."""
    if cause == "unit":
        factor = FACTORS[abs(int(detail))][0]
        return f"{factor:g}" if not detail.startswith("-") else f"{1 / factor:.3g}"
    if cause == "default":
        return quoted(MARKS[int(detail)] if kind == "number" else SENTINEL_WORDS[int(detail)])
    return int(detail)


def _with_examples(
    engine: Engine, rows: ir.Table, at: int, kind: str | None, tolerance: tuple[float, float], counts: Counts
) -> Counts:
    """With a few rows that do not agree, those with the least md5 of their id."""
    if not (counts.different or counts.only_left or counts.only_right):
        return counts
    left, right = rows[f"left_{at}"], rows[f"right_{at}"]
    differs = (~_same(left, right, kind, tolerance)).fill_null(True) & (left.notnull() | right.notnull())
    chosen = rows.filter(differs).select(id="id", left=left, right=right)
    table = engine.run(chosen.order_by(engine.md5(chosen.id)).limit(EXAMPLES)).to_pylist()
    return replace(counts, examples=tuple((row["id"], _plain(row["left"]), _plain(row["right"])) for row in table))


def _plain(value: Scalar) -> Scalar:
    return None if isinstance(value, float) and not math.isfinite(value) else value
