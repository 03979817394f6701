"""Partitions of a log as data quality compares them: read from the engine as sums, a few statements for all columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from leadline.cells.fill import Cells, fill
from leadline.cells.plan import Key, Piece
from leadline.engine import Engine
from leadline.log.calendar import Grain, local_time
from leadline.log.columns import as_text, number
from leadline.log.features import FEATURE
from leadline.log.profile import Profile
from leadline.log.reading import Log
from leadline.log.reference import Reference
from leadline.quality.grid import INNER, LAST, LEAST, MOST, WIDTH, Ints
from leadline.quality.summary import (
    A_NUMBER,
    A_TIME,
    BLANK,
    BROKEN,
    FIRST,
    FORMS,
    MOST_NUMBERS,
    MOST_WORDS,
    NUMBER,
    SENTINEL_NUMBERS,
    SENTINEL_WORDS,
    TIME,
    TRUTH,
    TRUTHS,
    WORDS,
    Column,
    Partitions,
    counted,
    origin,
)
from leadline.spec.model import ColumnSlice, Spec
from leadline.stats.arrays import Floats
from leadline.values import Scalar, Slice

#: rows that a partition has on average, so that a share of it says something
ENOUGH = 100
#: partitions that are looked at, the last ones
MOST_PARTITIONS = 400
#: values that are kept on the engine, so that the source is read once; of more it is read for each statement
MOST_KEPT = 20_000_000
#: values of a declared slice whose missing values are counted, the most frequent ones
MOST_SLICES = 30
#: from here on doubles are whole, and engines that count in 64 bits cannot take the floor of all of them
EXACT = 2.0**53
#: values that an estimate of their number may be off by before all are counted
MARGIN = 1.5


@dataclass(frozen=True)
class Asked:
    """A column to be looked at: the user's name, and ours in the rows."""

    name: str
    column: str
    text: bool


@dataclass(frozen=True)
class Partitioning:
    """Where in time partitions lie: partition 0 is grain `first`.

    grain   a unit of an hour, a day, a week or a month
    count   how many there are
    """

    grain: Grain
    first: int
    count: int

    @property
    def season(self) -> int:
        """Partitions in a season."""
        return {"h": 24, "d": 7 if self.grain.count == 1 else 1}.get(self.grain.unit, 1)


def placed(spec: Spec, found: Profile, moment: datetime, grain: Grain) -> Partitioning | None:
    """The finest partitions that have enough rows on average, the last 400 of them; None where there are no rows.

    grain   of the evaluation: nothing finer is looked at
    moment  the knowledge time, naive UTC
    """
    if found.first is None or found.last is None or found.first > moment:
        return None
    begin, end = found.first.replace(tzinfo=UTC), min(found.last, moment).replace(tzinfo=UTC)
    best = None
    for each in (Grain("h", 1, spec.timezone), Grain("d", 1, spec.timezone), Grain("d", 7, spec.timezone)):
        if each.unit == "h" and grain.unit != "h":
            continue
        first, last = each.number_of(begin), each.number_of(end)
        best = Partitioning(each, max(first, last + 1 - MOST_PARTITIONS), min(last + 1 - first, MOST_PARTITIONS))
        if found.rows / (last + 1 - first) >= ENOUGH:
            return best
    month = Grain("mo", 1, spec.timezone)
    first, last = month.number_of(begin), month.number_of(end)
    return Partitioning(month, max(first, last + 1 - MOST_PARTITIONS), min(last + 1 - first, MOST_PARTITIONS))


def asked(spec: Spec, log: Log) -> tuple[Asked, ...]:
    """The features, the score, the prediction, and whom the rows are about."""
    table, roles = log.predictions, spec.predictions.columns
    found = [
        Asked(name, f"{FEATURE}{place}", table[f"{FEATURE}{place}"].type().is_string())
        for place, name in enumerate(log.features)
    ]
    named = {each.name for each in found}
    for role, name in (("score", roles.score), ("prediction", roles.prediction), ("entity", roles.entity)):
        if name is not None and name not in named and role in table.columns:
            kind = table[role].type()
            found.append(Asked(name, role, not (kind.is_numeric() or kind.is_boolean()) or role == "entity"))
            named.add(name)
    return tuple(found)


@dataclass(frozen=True)
class Rows:
    """The rows of the partitions on their engine, to be counted.

    table     `id`, `place` (the partition), `hour` (of the day) and the columns; what one statement uses often
    raw       the same, with the columns of slices
    few       by column, whether it has few values, about
    origins   by column, from where its grid is counted
    """

    engine: Engine
    place: Partitioning
    columns: tuple[Asked, ...]
    table: ir.Table
    raw: ir.Table
    few: tuple[bool, ...]
    origins: tuple[float, ...]

    def bin(self, at: int) -> ir.Value:
        """The code of the bin of a column's values, of texts of their lengths; NULL where there is none."""
        value = self.table[self.columns[at].column]
        size = value.length().cast("float64") if self.columns[at].text else value
        return bin_code(size - self.origins[at] if self.origins[at] else size)


def rows_of(log: Log, spec: Spec, found: Profile, moment: datetime, place: Partitioning) -> Rows:
    """The deliveries that lie in these partitions.

    moment  the knowledge time, naive UTC
    """
    table, columns = log.predictions, asked(spec, log)
    first, last = found.first, found.last
    assert first is not None  # noqa: S101  # `placed` says so
    assert last is not None  # noqa: S101
    table = table.filter(table.timestamp.notnull(), table.timestamp <= ibis.literal(moment, "timestamp(6)"))
    at = (place.grain.number(table.timestamp, first, last) - place.first).cast("int64")
    hour = local_time(table.timestamp, spec.timezone, first, last).hour().cast("int64")
    own = {each.column: _value(table[each.column], each) for each in columns}
    slices = [name for name in table.columns if name.startswith("slice_")]
    raw = table.select("id", *slices, place=at, hour=hour, **own)
    raw = raw.filter(raw.place >= 0, raw.place < place.count)
    if found.rows * len(columns) <= MOST_KEPT:
        raw = table = log.engine.keep(raw)
    else:
        table = log.engine.shared(raw.drop(*slices))
    return Rows(log.engine, place, columns, table, raw, *first_look(log.engine, table, columns))


def read_partitions(rows: Rows, spec: Spec, found: Profile, fixed: Reference | None, moment: datetime) -> Partitions:
    """Read the sums of all columns.

    fixed   the values of slices; None for none
    moment  the knowledge time, naive UTC
    """
    place, columns = rows.place, rows.columns
    whole, sums, hours = read_columns(rows, "predictions" in found.repeated)
    missed = [columns[at] for at, each in enumerate(whole) if each.missing.any()]
    sliced = [] if fixed is None else _slices(rows, spec, fixed, missed)
    starts = tuple(place.grain.start(place.first + at).astimezone(spec.zone) for at in range(place.count))
    ends = tuple(place.grain.start(place.first + at + 1).astimezone(spec.zone) for at in range(place.count))
    end = moment.replace(tzinfo=UTC)
    return Partitions(
        starts,
        ends,
        np.asarray(sums["rows"], np.int64),
        np.asarray(sums["ids"], np.int64),
        np.asarray(sums["different"], np.int64),
        hours,
        (*whole, *sliced),
        np.array([each <= end for each in ends], bool),
        np.array([_closed(spec, start, end) for start, end in zip(starts, ends, strict=True)], bool),
        place.season,
    )


def read_columns(rows: Rows, repeated: bool) -> tuple[list[Column], Mapping[str, NDArray[np.float64] | Ints], Ints]:
    """The columns of all rows, what is counted of the rows themselves, and rows by hour.

    repeated   whether ids may come more than once, so that different ones have to be counted
    """
    columns = rows.columns
    values = _values(rows)
    wide = [at for at in range(len(columns)) if not values[at].complete]
    sums = _sums(rows, wide, repeated)
    cells = _filled(rows, wide)
    every = np.asarray(sums["rows"], np.int64)
    whole = [
        _column(each, at, sums, cells, rows.origins[at], values[at])
        if at in wide
        else counted(each.name, each.text, every, rows.origins[at], values[at].values, values[at].counts)
        for at, each in enumerate(columns)
    ]
    return whole, sums, _hours(cells["hours",], rows.place.count)


def _closed(spec: Spec, start: datetime, end: datetime) -> bool:
    """Whether a day, or an hour of it, is declared as one without rows."""
    expected = spec.predictions.expected
    if expected is None or end - start > timedelta(hours=26):
        return False
    return any(each.holds(start.date()) for each in expected.closed)


def _value(column: ir.Value, each: Asked) -> ir.Value:
    if each.text:
        return column if column.type().is_string() else as_text(column)
    return number(column, each.name)


def first_look(
    engine: Engine, rows: ir.Table, columns: Sequence[Asked], first: int = FIRST
) -> tuple[tuple[bool, ...], tuple[float, ...]]:
    """Which columns have few values, about, and from where the grid of each is counted, from its first partitions."""
    asked_: dict[str, ir.Value] = {}
    for at, each in enumerate(columns):
        value = rows[each.column]
        asked_[f"about_{at}"] = engine.about_distinct(value)
        if not each.text:
            inside = ibis.ifelse((rows.place < first) & (value.abs() < MOST), value, ibis.null("float64"))
            asked_ |= {f"n_{at}": inside.count(), f"x_{at}": inside.sum(), f"xx_{at}": (inside * inside).sum()}
    if not asked_:
        return (), ()
    row = engine.run(rows.aggregate(**asked_)).to_pylist()[0]
    few = [row[f"about_{at}"] <= MARGIN * _most(each) for at, each in enumerate(columns)]
    origins = [
        0.0 if each.text or not row[f"n_{at}"] else origin(row[f"n_{at}"], row[f"x_{at}"], row[f"xx_{at}"])
        for at, each in enumerate(columns)
    ]
    return tuple(few), tuple(origins)


def _most(each: Asked) -> int:
    """How many values a column may have for all of them to be counted."""
    return MOST_WORDS if each.text else MOST_NUMBERS


@dataclass(frozen=True)
class _Counted:
    """Values of a column that are counted each, by partition."""

    values: tuple[Scalar, ...]
    counts: Ints
    complete: bool


def _values(rows: Rows) -> list[_Counted]:
    """All values of columns that have few, of the others those that often stand for a missing one."""
    pieces, columns, count = [], rows.columns, rows.place.count
    for at, each in enumerate(columns):
        value = rows.table[each.column]
        word = value.strip().lower() if each.text else value
        marks = word.isin(SENTINEL_WORDS if each.text else SENTINEL_NUMBERS)
        wanted = rows.table.filter(value.notnull() if rows.few[at] else marks)
        groups = wanted.group_by(place="place", value=wanted[each.column]).aggregate(n=lambda t: t.count())
        pieces.append(
            groups.select(
                at=ibis.literal(at, "int32"),
                place="place",
                n="n",
                text=groups.value if each.text else ibis.null("string"),
                number=ibis.null("float64") if each.text else groups.value,
            )
        )
    if not pieces:
        return []
    table = rows.engine.run(ibis.union(*pieces) if len(pieces) > 1 else pieces[0])
    found: list[dict[Scalar, Ints]] = [{} for _ in columns]
    lists = [table.column(name).to_pylist() for name in ("at", "place", "n", "text", "number")]
    for at, place, n, text, figure in zip(*lists, strict=True):
        value = text if columns[at].text else figure
        found[at].setdefault(value, np.zeros(count, np.int64))[place] += n
    return [_counted(mine, rows.few[at], columns[at], count) for at, mine in enumerate(found)]


def _counted(found: Mapping[Scalar, Ints], few: bool, each: Asked, count: int) -> _Counted:
    complete = few and len(found) <= _most(each)
    values = sorted(found, key=str) if each.text else sorted(found, key=lambda value: float(value or 0))
    if not complete:
        marks: tuple[Scalar, ...] = SENTINEL_WORDS if each.text else SENTINEL_NUMBERS
        values = [value for value in values if (str(value).strip().lower() if each.text else value) in marks]
    counts = np.stack([found[value] for value in values], axis=1) if values else np.zeros((count, 0), np.int64)
    return _Counted(tuple(values), counts, complete)


def _sums(of: Rows, wide: Sequence[int], repeated: bool) -> dict[str, NDArray[np.float64] | Ints]:
    """By partition: rows, different ids and rows, and of columns with many values how many, and from where to where."""
    engine, rows, columns, count = of.engine, of.table, of.columns, of.place.count
    aggregates: dict[str, ir.Value] = {"rows": rows.count()}
    if repeated:
        aggregates["ids"] = engine.hash(rows.id).nunique() + rows.id.isnull().sum()
    if columns:
        aggregates["different"] = _key(engine, rows, columns).nunique()
    for at in wide:
        value = rows[columns[at].column]
        size = value.length().cast("float64") if columns[at].text else value
        aggregates |= {f"known_{at}": value.count(), f"low_{at}": size.min(), f"high_{at}": size.max()}
        if not columns[at].text:
            inside = ibis.ifelse(value.abs() < EXACT, value, 0.0)
            aggregates[f"whole_{at}"] = (value.notnull() & (inside == inside.floor())).sum()
    table = engine.run(rows.group_by("place").aggregate(**aggregates))
    places = np.array(table.column("place").to_pylist(), np.int64)
    found: dict[str, NDArray[np.float64] | Ints] = {}
    for name in aggregates:
        ends = name.startswith(("low", "high"))
        values = np.full(count, np.nan) if ends else np.zeros(count, np.int64)
        given = table.column(name).to_pylist()
        values[places] = [(np.nan if ends else 0) if each is None else each for each in given]
        found[name] = values
    return {"ids": found["rows"], "different": found["rows"], **found}


def _key(engine: Engine, rows: ir.Table, columns: Sequence[Asked]) -> ir.Value:
    """What rows with the same values have alike.

    A sum of hashes, in which two of a million rows are taken for one with chance .2; the texts of all values where the
    engine has no hash that is a number.
    """
    values = [rows[each.column] for each in columns]
    hashes = [engine.hash(each) for each in values]
    if not all(each.type().is_integer() for each in hashes):
        return ibis.literal("|").join([engine.md5(as_text(each)).fill_null("") for each in values])
    parts = [
        ibis.ifelse(value.isnull(), 0, each % 2**30).cast("int64") * (2 * at + 1)
        for at, (value, each) in enumerate(zip(values, hashes, strict=True))
    ]
    return sum(parts[1:], parts[0])


def _filled(of: Rows, wide: Sequence[int]) -> dict[tuple[str | int, ...], Cells]:
    """All rows by hour, and of columns with many values the rows by bin, texts by what they may be read as."""
    rows, columns, count = of.table, of.columns, of.place.count
    place = Key("place", rows.place, count)
    pieces = [Piece(("hours",), (place, Key("hour", rows.hour, 24)), ())]
    for at in wide:
        value = rows[columns[at].column]
        bins = Key("bin", of.bin(at) + LAST, 2 * LAST + 1)
        pieces.append(Piece(("bins", at), (place, bins), (), value.notnull()))
        if columns[at].text:
            broken = value.re_search(BROKEN).cast("int64")
            form = Key("form", form_code(value) * 2 + broken, 2 * len(FORMS))
            pieces.append(Piece(("forms", at), (place, form), (), value.notnull()))
    return fill(of.engine, rows, pieces)


def bin_code(value: ir.Value) -> ir.Value:
    """The code of a finite double's bin on the fixed grid (`quality.grid.bin_of`)."""
    size = ibis.greatest(ibis.least(value.abs(), MOST * 2), LEAST / 2).cast("float32").cast("float64")
    step = ibis.least(((size / LEAST).ln() / math.log(WIDTH)).floor(), INNER - 1)
    code = ibis.cases((size < LEAST, 0.0), (size >= MOST, float(LAST)), else_=1 + step)
    return (code * ibis.ifelse(value < 0, -1, 1)).cast("int64")


def form_code(value: ir.StringValue) -> ir.Value:
    """What a text may be read as (`quality.summary.form`)."""
    word = value.strip().lower()
    return ibis.cases(
        (word == "", BLANK),
        (word.re_search(A_NUMBER), NUMBER),
        (word.re_search(A_TIME), TIME),
        (word.isin(TRUTHS), TRUTH),
        else_=WORDS,
    ).cast("int64")


def _column(
    each: Asked,
    at: int,
    sums: Mapping[str, NDArray[np.float64] | Ints],
    cells: Mapping[tuple[str | int, ...], Cells],
    origin_: float,
    values: _Counted,
) -> Column:
    """A column with many values."""
    rows = np.asarray(sums["rows"], np.int64)
    bins, counts = _histogram(cells["bins", at], len(rows))
    forms, broken = np.zeros((len(rows), len(FORMS)), np.int64), np.zeros(len(rows), np.int64)
    if each.text:
        of = cells["forms", at]
        np.add.at(forms, (of.keys["place"], of.keys["form"] // 2), of.rows)
        np.add.at(broken, of.keys["place"], of.rows * (of.keys["form"] % 2))
    return Column(
        each.name,
        each.text,
        rows,
        rows - np.asarray(sums[f"known_{at}"], np.int64),
        origin_,
        bins,
        counts,
        np.asarray(sums[f"low_{at}"], np.float64),
        np.asarray(sums[f"high_{at}"], np.float64),
        np.zeros(len(rows), np.int64) if each.text else np.asarray(sums[f"whole_{at}"], np.int64),
        forms,
        broken,
        values.values,
        values.counts,
        values.complete,
    )


def _histogram(cells: Cells, count: int) -> tuple[Ints, Ints]:
    bins, at = np.unique(cells.keys["bin"] - LAST, return_inverse=True)
    counts = np.zeros((count, len(bins)), np.int64)
    np.add.at(counts, (cells.keys["place"], at), cells.rows)
    return bins, counts


def _hours(cells: Cells, count: int) -> Ints:
    hours = np.zeros((count, 24), np.int64)
    np.add.at(hours, (cells.keys["place"], cells.keys["hour"]), cells.rows)
    if not hours[:, 1:].any():  # dates only
        hours[:] = 0
    return hours


def _slices(of: Rows, spec: Spec, fixed: Reference, columns: Sequence[Asked]) -> list[Column]:
    """Of the most frequent values of declared columns: how many rows miss a value of each other column."""
    rows, count = of.raw, of.place.count
    entries = {entry.name: entry for entry in spec.slices if isinstance(entry, ColumnSlice)}
    found: list[Column] = []
    for partition in fixed.partitions:
        entry = entries.get(partition.name)
        if entry is None or not columns or f"slice_{partition.parts[0]}" not in rows.columns:
            continue
        key = rows[f"slice_{partition.parts[0]}"]
        values = [value for (value,) in partition.values[:MOST_SLICES]]
        mine = rows.filter(key.isin(values)) if values else rows.limit(0)
        others = [each for each in columns if each.name != entry.column]
        sums = {f"known_{at}": mine[each.column].count() for at, each in enumerate(others)}
        grouped = mine.group_by(place=mine.place, value=mine[f"slice_{partition.parts[0]}"])
        table = of.engine.run(grouped.aggregate(rows=lambda t: t.count(), **sums)).to_pylist()
        by_value: dict[Scalar, list[dict[str, int]]] = {}
        for row in table:
            by_value.setdefault(row["value"], []).append(row)
        for value in values:
            where = Slice(((partition.parts[0], value),))
            found += [_of_slice(each, at, by_value.get(value, []), count, where) for at, each in enumerate(others)]
    return found


def _of_slice(each: Asked, at: int, table: Sequence[Mapping[str, int]], count: int, where: Slice) -> Column:
    rows, missing = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for row in table:
        rows[row["place"]] = row["rows"]
        missing[row["place"]] = row["rows"] - row[f"known_{at}"]
    nothing: Floats = np.full(count, np.nan)
    none = np.zeros((count, 0), np.int64)
    zeros = np.zeros(count, np.int64)
    forms = np.zeros((count, len(FORMS)), np.int64)
    return Column(
        each.name,
        each.text,
        rows,
        missing,
        0.0,
        np.zeros(0, np.int64),
        none,
        nothing,
        nothing,
        zeros,
        forms,
        zeros,
        (),
        none,
        False,
        where,
    )
