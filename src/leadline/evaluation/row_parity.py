"""`leadline.row_parity`: two tables joined by their ids, and how far each column agrees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ibis
import ibis.expr.types as ir

from leadline.engine import Engine, open_engine
from leadline.evaluation.column_types import Form, Paired, paired, value
from leadline.evaluation.partitions import EXACT
from leadline.log.columns import as_text
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
#: characters of an example
LONGEST = 200
NAMES = ("left", "right")
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

    Rows without an id, or whose id comes more than once in a table, are counted and left out. Texts are equal or not,
    and so are times, as moments. Text that holds numbers is compared with numbers as what it holds. Lists are equal
    where they are equally long and each element is. Structs, maps and bytes are not compared, and named. Raises
    InputError where a column is missing or the tables live on different engines.
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
    by = asked.by
    found = _columns(engine, left, right, asked)
    columns = [each for each in found if each.form is not None]
    if not columns:
        held = "".join(f"; {each.name}: {' and '.join(dict.fromkeys(each.types))}" for each in found)
        raise InputError(f"the tables have no column in common that can be compared{held}")
    if len(columns) > MOST_COLUMNS:
        raise InputError(f"{len(columns)} columns are more than {MOST_COLUMNS}: name those to be compared (columns)")
    one, other = _ids(engine, left, by), _ids(engine, right, by)
    joined = engine.keep(_joined(engine, _once(left, by), _once(right, by), columns, asked))
    pairs = int(engine.run(joined.aggregate(n=joined.count())).to_pylist()[0]["n"])
    both = [_Both(joined, at, each, asked.tolerance) for at, each in enumerate(columns)]
    every = [
        compared(each.of.name, _with_examples(engine, each, counts))
        for each, counts in zip(both, _counted(engine, joined, both, pairs, asked.order is not None), strict=True)
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
        one["without"],
        other["without"],
        tuple((each.name, " and ".join(dict.fromkeys(each.types))) for each in found if each.form is None),
    )


def _columns(engine: Engine, left: ir.Table, right: ir.Table, asked: _Asked) -> tuple[Paired, ...]:
    """The columns that both have or that are asked for, and as what each can be compared."""
    by, columns, entity, order = asked.by, asked.columns, asked.entity, asked.order
    for table, side in zip((left, right), asked.names, strict=True):
        wanted = [by, *(columns or ())] + ([each for each in (entity, order) if each] if table is right else [])
        for name in wanted:
            if name not in table.columns:
                shown = ", ".join(map(repr, table.columns[:20]))
                raise InputError(f"{side} has no column {name!r}; its columns are {shown}")
    if entity is not None and order is None:
        raise InputError("entity needs order: the column that says which row of an entity comes before which")
    both = [name for name in left.columns if name in right.columns and name != by]
    return paired(engine, left, right, both if columns is None else list(columns))


def _once(table: ir.Table, by: str) -> ir.Table:
    """The rows whose id comes once."""
    copies = table.mutate(leadline_copies=table[by].count().over(ibis.window(group_by=table[by])))
    return copies.filter(copies.leadline_copies == 1).drop("leadline_copies")


def _ids(engine: Engine, table: ir.Table, by: str) -> dict[str, int]:
    """Rows, those of them without an id, and ids that come more than once."""
    groups = table.group_by(key=table[by]).aggregate(n=lambda t: t.count())
    several = groups.filter(groups.key.notnull())
    row = engine.run(several.aggregate(repeated=(several.n > 1).sum())).to_pylist()[0]
    rows = engine.run(table.aggregate(rows=table.count(), without=as_text(table[by]).isnull().sum())).to_pylist()[0]
    return {"rows": int(rows["rows"]), "without": int(rows["without"] or 0), "repeated": int(row["repeated"] or 0)}


def _unmatched(engine: Engine, table: ir.Table, other: ir.Table, by: str) -> int:
    """Ids of a table that the other has not got."""
    mine = table.select(key=as_text(table[by])).distinct()
    keys = other.select(key=as_text(other[by])).distinct()
    left = mine.filter(mine.key.notnull()).anti_join(keys, "key")
    return int(engine.run(left.aggregate(n=left.count())).to_pylist()[0]["n"])


def _joined(engine: Engine, left: ir.Table, right: ir.Table, columns: Sequence[Paired], asked: _Asked) -> ir.Table:
    """A row for each id in both: `id`, and of each column left_0, right_0, ..., in the form in which it is compared.

    Of a text that is compared as a number text_0, ... is what stands there.
    """
    by, entity, order = asked.by, asked.entity, asked.order
    sides = []
    for place, (table, side) in enumerate(((left, "left"), (right, "right"))):
        given: dict[str, ir.Value] = {"id": as_text(table[by])}
        for at, each in enumerate(columns):
            mine = value(engine, table[each.name], each)
            given[f"{side}_{at}"] = mine
            if each.text_side == place:
                given[f"text_{at}"] = table[each.name].cast("string")
            if side == "right" and order is not None:
                keys = ibis.window(group_by=table[entity] if entity else None, order_by=table[order])
                given |= {f"before_{at}": mine.lag().over(keys), f"after_{at}": mine.lead().over(keys)}
        sides.append(table.select(**given))
    return sides[0].inner_join(sides[1], "id")


@dataclass(frozen=True)
class _Both:
    """A column of the rows that both tables have.

    rows       as `_joined` gives them
    at         its place among the columns
    tolerance  of numbers: absolute, and relative to the right
    """

    rows: ir.Table
    at: int
    of: Paired
    tolerance: tuple[float, float]

    @property
    def is_number(self) -> bool:
        """Whether it is compared as numbers."""
        return self.of.form is Form.NUMBER

    def side(self, name: str) -> ir.Value:
        """The values of `left` or `right`, or on the right those of the row `before` or `after`."""
        return self.rows[f"{name}_{self.at}"]

    @property
    def text(self) -> ir.StringValue | None:
        """What stands where a text is compared as a number."""
        return None if self.of.text_side is None else self.rows[f"text_{self.at}"]

    def there(self, side: int) -> ir.BooleanValue:
        """Whether the left (0) or the right (1) has a value: a text that is no number is one, too."""
        name = f"text_{self.at}" if self.of.text_side == side else f"{NAMES[side]}_{self.at}"
        return self.rows[name].notnull()

    @property
    def words(self) -> ir.BooleanValue | None:
        """Whether there is a text that is no number; None where no text is compared as a number."""
        if self.text is None or self.of.text_side is None:
            return None
        return self.text.notnull() & self.side(NAMES[self.of.text_side]).isnull()

    @property
    def differs(self) -> ir.BooleanValue:
        """Whether both have a value, and not the same."""
        same = self.same(self.side("left"), self.side("right"))
        return self.there(0) & self.there(1) & ~same.fill_null(False)

    def same(self, left: ir.Value, right: ir.Value) -> ir.BooleanValue:
        """Whether two values are the same; NULL where either is missing."""
        if self.of.form is not None and self.of.form.is_list:
            return (left.length() == right.length()) & (self._apart(left, right).length() == 0)
        return self._close(left, right) if self.is_number else left == right

    def _close(self, left: ir.Value, right: ir.Value) -> ir.BooleanValue:
        return (left - right).abs() <= self.tolerance[0] + self.tolerance[1] * right.abs()

    def _apart(self, left: ir.Value, right: ir.Value) -> ir.ArrayValue:
        """The places at which two lists are not the same."""

        def apart(place: ir.IntegerValue) -> ir.BooleanValue:
            one, other = left[place], right[place]
            same = one == other  # of doubles NaN, too, on all engines
            if self.of.form is Form.NUMBERS:
                same = same | self._close(one, other)
            return ~ibis.ifelse(one.isnull() | other.isnull(), one.isnull() & other.isnull(), same)

        return ibis.range(0, ibis.least(left.length(), right.length())).filter(apart)


def _counted(engine: Engine, rows: ir.Table, both: Sequence[_Both], pairs: int, lag: bool) -> list[Counts]:
    """One statement over all columns, and one more over those that differ, for the cause."""
    types = [each.of.types if each.of.differs else None for each in both]
    if not pairs:
        return [Counts(0, 0, 0, 0, 0, types=each) for each in types]
    sums: dict[str, ir.Value] = {}
    for each in both:
        left, right = each.there(0), each.there(1)
        sums |= {
            f"both_null_{each.at}": (~left & ~right).sum(),
            f"only_left_{each.at}": (left & ~right).sum(),
            f"only_right_{each.at}": (~left & right).sum(),
            f"different_{each.at}": each.differs.sum(),
        }
    row = engine.run(rows.aggregate(**sums)).to_pylist()[0]
    found = [_counts(pairs, row, at, kinds) for at, kinds in enumerate(types)]
    causes: dict[str, ir.Value] = {}
    for each, counts in zip(both, found, strict=True):
        causes |= _causes(each, counts, lag)
    if not causes:
        return found
    explained = engine.run(rows.aggregate(**causes)).to_pylist()[0]
    return [_explained(counts, each, explained) for each, counts in zip(both, found, strict=True)]


def _counts(pairs: int, row: Mapping[str, int | None], at: int, types: tuple[str, str] | None) -> Counts:
    both_null, only_left, only_right, different = (int(row[f"{side}_{at}"] or 0) for side in SIDES)
    return Counts(pairs, both_null, only_left, only_right, different, types=types)


def _causes(each: _Both, counts: Counts, lag: bool) -> dict[str, ir.Value]:
    """How many of the rows that do not agree each possible cause explains; what is tried has a name of its own."""
    left, right = each.side("left"), each.side("right")
    tried: dict[str, ir.Value] = {}
    if counts.different:
        if each.is_number:
            tried |= _number_causes(each, left, right)
        elif each.of.form is Form.TEXT:
            tried |= {"case": left.strip().lower() == right.strip().lower()}
        else:
            tried |= {"length": left.length() != right.length()}
        if each.words is not None:
            tried["words"] = each.words
        if lag:
            tried |= {
                "lag": each.same(left, each.side("before")),
                "lead": each.same(left, each.side("after")),
            }
        tried = {name: each.differs & condition.fill_null(False) for name, condition in tried.items()}
    if counts.only_left or counts.only_right:
        one = each.there(0) != each.there(1)
        tried |= {f"default:{place}": one & mark for place, mark in enumerate(_marks(each))}
    return {f"{name}|{each.at}": condition.fill_null(False).sum() for name, condition in tried.items()}


def _marks(each: _Both) -> list[ir.BooleanValue]:
    """Whether the value of one table is one of those that stand for none, as `_stands_for` names them."""
    if each.of.form is not None and each.of.form.is_list:
        return []
    shown = each.side("left").coalesce(each.side("right"))
    found = [shown == mark for mark in MARKS] if each.is_number else []
    text = each.text if each.is_number else shown
    return found if text is None else found + [text.strip().lower() == word for word in SENTINEL_WORDS]


def _stands_for(each: _Both, place: int) -> Scalar:
    marks: tuple[Scalar, ...] = (*MARKS, *SENTINEL_WORDS) if each.is_number else SENTINEL_WORDS
    return marks[place]


def _number_causes(each: _Both, left: ir.Value, right: ir.Value) -> dict[str, ir.BooleanValue]:
    tried = {"sign": each.same(left, -right)}
    for place, (factor, _) in enumerate(FACTORS):
        tried[f"unit:{place}"] = each.same(left, right * factor)
        tried[f"unit:-{place}"] = each.same(left * factor, right)
    for decimals in DECIMALS:
        half = 0.5 * 10.0**-decimals * (1 + 1e-9)
        tried[f"rounding:{decimals}"] = ((left - right).abs() <= half) & (
            _whole(left, decimals) | _whole(right, decimals)
        )
    return tried


def _whole(value_: ir.Value, decimals: int) -> ir.BooleanValue:
    """Whether a number has no more decimals than these."""
    scaled = ibis.least(value_.abs() * 10.0**decimals, EXACT)
    return (scaled - (scaled + 0.5).floor()).abs() <= 1e-6


def _explained(counts: Counts, each: _Both, row: Mapping[str, int | None]) -> Counts:
    """With the best candidate of each cause."""
    best: dict[str, tuple[int, str]] = {}
    for key, rows in row.items():
        name, _, column = key.rpartition("|")
        cause, _, detail = name.partition(":")
        if int(column) == each.at and int(rows or 0) > best.get(cause, (0, ""))[0]:
            best[cause] = int(rows or 0), detail
    return replace(
        counts,
        explained={cause: rows for cause, (rows, _) in best.items()},
        detail={cause: _detail(each, cause, detail) for cause, (_, detail) in best.items() if detail},
    )


def _detail(each: _Both, cause: str, detail: str) -> Scalar:
    """What a candidate stands for."""
    if cause == "unit":
        factor = FACTORS[abs(int(detail))][0]
        return f"{factor:g}" if not detail.startswith("-") else f"{1 / factor:.3g}"
    return quoted(_stands_for(each, int(detail))) if cause == "default" else int(detail)


def _with_examples(engine: Engine, each: _Both, counts: Counts) -> Counts:
    """With a few rows that do not agree, those with the least md5 of their id."""
    if not (counts.different or counts.only_left or counts.only_right):
        return counts
    shown = {side: each.side(side) for side in NAMES}
    if each.of.form is not None and each.of.form.is_list:
        shown = {side: cell.cast("string") for side, cell in shown.items()}
    if each.text is not None and each.of.text_side is not None:
        shown[NAMES[each.of.text_side]] = each.text
    chosen = each.rows.filter(each.differs | (each.there(0) != each.there(1))).select(id="id", **shown)
    table = engine.run(chosen.order_by(engine.md5(chosen.id)).limit(EXAMPLES)).to_pylist()
    return replace(counts, examples=tuple((row["id"], *(_plain(row[side]) for side in NAMES)) for row in table))


def _plain(value_: Scalar) -> Scalar:
    """A value as an example shows it: a long text, such as of a list, from its beginning."""
    if isinstance(value_, str) and len(value_) > LONGEST:
        return f"{value_[:LONGEST]}…"
    return None if isinstance(value_, float) and not math.isfinite(value_) else value_
