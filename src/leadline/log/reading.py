"""Opening a log: the user's tables, with the columns that are needed, under our names and with our types."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from leadline.engine import Engine
from leadline.log import calendar
from leadline.log.columns import as_text, number
from leadline.log.features import FEATURE, VECTOR, features, further, vectors
from leadline.spec import where
from leadline.spec.fields import Files, Memory, TableSource
from leadline.spec.model import (
    AnyProxy,
    ColumnSlice,
    ListScores,
    NumberProxy,
    OutcomeTable,
    Part,
    Proxy,
    Spec,
    TextProxies,
    WhereSlice,
)
from leadline.values import InputError, Note

LABEL = "label"
#: what the names of proxies begin with among our columns
PROXY = "proxy_"
#: how near to an edge, in parts of its number, a value may round to it; and the largest number of a bin
EDGE, LARGEST_BIN = 1e-9, 2.0**62
#: weights beyond these have squares, or sums of squares, that a double does not hold
LEAST_WEIGHT, MOST_WEIGHT = 1e-100, 1e100
FIRST_YEAR, LAST_YEAR = 1900, 2200


@dataclass(frozen=True)
class Log:
    """An opened log on its engine. Nothing has been computed yet.

    predictions  rows as delivered: id, timestamp, known_at, and what the spec names: score, prediction, version,
                 entity, weight, latency_s, error, baseline, score_0.. (multiclass), the columns of slices as
                 slice_COLUMN, features as feature_0.. and, where asked for, lists of numbers as feature_vector_0..
    outcomes     by kind (`label` and the feedback's names): id, value, observed_at, known_at; for a kind that stands
                 in the predictions' own rows there is no entry, and those rows have value_KIND and known_at_KIND.
                 Labels that are a sample have label_probability as delivered
    timed        kinds whose outcomes say when they became known
    slices       where slices are declared: slice columns that exist, as the user calls them
    features     the user's names of feature_0.., as many as are features
    described    the user's names of all feature_0.., each with its type in the user's table: features, then columns of
                 declared slices and the version, by which rows can be told apart, too
    vectors      the user's names of feature_vector_0..
    raw          the predictions' source as it is
    """

    engine: Engine
    predictions: ir.Table
    outcomes: Mapping[str, ir.Table]
    timed: frozenset[str]
    slices: Mapping[str, ir.Value]
    notes: tuple[Note, ...] = ()
    features: tuple[str, ...] = ()
    described: Mapping[str, dt.DataType] = field(default_factory=dict)
    vectors: tuple[str, ...] = ()
    raw: ir.Table | None = None


def sources(spec: Spec) -> list[Files | TableSource | Memory]:
    """All sources that a spec names."""
    named = [spec.predictions.source, *(table.source for table in spec.outcome_tables)]
    return [*named, *([spec.reference.source] if spec.reference and spec.reference.source else [])]


def open_log(spec: Spec, engine: Engine) -> Log:
    """Read the spec's sources on the engine. Raises InputError naming a column that is missing or of no usable type."""
    return _open(spec, engine, spec.predictions.source, spec.outcome_tables)


def open_reference(spec: Spec, engine: Engine) -> Log:
    """The predictions of a reference with a source of its own; its outcomes are not read."""
    if spec.reference is None or spec.reference.source is None:
        raise ValueError("the reference has no source of its own")
    return _open(spec, engine, spec.reference.source, ())


def known_by(log: Log, moment: datetime) -> Log:
    """The log as it was at `moment` (naive UTC): what was delivered later, or lies after it, is left out."""
    limit = ibis.literal(moment, "timestamp(6)")

    def by_then(time: ir.Value) -> ir.BooleanValue:
        return (time <= limit).fill_null(True)  # what does not say when it came to be known always was

    table = log.predictions
    columns = table.columns
    own = [name.removeprefix("known_at_") for name in columns if name.startswith("known_at_")]
    values = {
        name: ibis.ifelse(by_then(table[f"known_at_{kind}"]), table[name], ibis.null(table[name].type()))
        for kind in own
        for name in (f"value_{kind}", f"observed_at_{kind}", f"known_at_{kind}", f"label_probability_{kind}")
        if name in columns
    }
    outcomes = {
        kind: each.filter(by_then(each.known_at)) if "known_at" in each.columns else each
        for kind, each in log.outcomes.items()
    }
    known = table.filter(by_then(table.known_at), by_then(table.timestamp)).mutate(**values)
    return replace(log, predictions=known, outcomes=outcomes)


def _open(spec: Spec, engine: Engine, source: Any, tables: tuple[OutcomeTable, ...]) -> Log:
    columns = spec.predictions.columns
    raw = _read(engine, source, _text_columns(spec), ("predictions",))
    notes: list[Note] = []
    _require_all(raw, spec)
    same_rows = [table for table in tables if table.source == source and table.id == columns.id and table.where is None]
    clocks = [columns.timestamp, columns.received_at]
    clocks += [name for table in same_rows for name in (table.observed_at, table.received_at)]
    times = Times(engine, spec.timezone, raw, clocks, "predictions")
    selected: dict[str, ir.Value] = {"id": raw[columns.id], "timestamp": times.instant(columns.timestamp)}
    received = times.instant(columns.received_at) if columns.received_at else None
    selected["known_at"] = selected["timestamp"] if received is None else received.coalesce(selected["timestamp"])
    for name, column in (
        ("prediction", columns.prediction),
        ("version", columns.version),
        ("entity", columns.entity),
        ("error", columns.error),
    ):
        if column is not None:
            selected[name] = raw[column]
    selected |= _usable_numbers(spec, raw)
    if isinstance(columns.scores, ListScores):
        for index in range(len(columns.scores.classes)):
            selected[f"score_{index}"] = number(raw[columns.scores.list][index], columns.scores.list)
    slices, left_out = _slices(spec, raw)
    notes += left_out
    proxies, unread = _proxies(spec, raw, times)
    notes += unread
    selected |= {f"{PROXY}{name}": value for name, value in proxies.items()}
    selected |= {f"slice_{name}": value for name, value in slices.items()}
    of_model = features(spec, raw)
    described = {**of_model, **further(spec, raw, of_model)}
    selected |= {f"{FEATURE}{place}": value for place, value in enumerate(described.values())}
    lists = vectors(spec, raw)
    selected |= {f"{VECTOR}{place}": value for place, value in enumerate(lists.values())}
    notes += [
        Note("years_as_times", f"The whole numbers in {name!r} are years: each is read as its 1 January.")
        for name in times.years
    ]
    naive = times.naive
    apart: dict[str, tuple[ir.Value, ir.Table, dict[str, ir.Value]]] = {}
    for declared in tables:
        kind = declared.name
        if declared in same_rows:
            own = _outcome_columns(declared, raw, times, _outcome_place(spec, kind))
            if "known_at" in own and received is not None:  # nobody knew the label before its row came
                later = (received > own["known_at"]) | own["known_at"].isnull()
                own["known_at"] = ibis.ifelse(later, received, own["known_at"])
            selected |= {f"{name}_{kind}": value for name, value in own.items()}
            continue
        at = _outcome_place(spec, kind)
        table = _read(engine, declared.source, frozenset({declared.id}), at)
        require(table, "id", declared.id, _shown(kind), (*at, "columns", "id"))
        if declared.where is not None:
            table = table.filter(where.to_ibis(declared.where, table, spec.timezone).fill_null(False))
        clocks = [declared.observed_at, declared.received_at]
        times = Times(engine, spec.timezone, table, clocks, _shown(kind))
        naive |= times.naive
        apart[kind] = table[declared.id], table, _outcome_columns(declared, table, times, at)
    if naive:
        notes.append(Note("naive_times", f"Times without a zone were read as clock time in {spec.timezone}."))
    form = _form_of_ids([raw[columns.id], *(key for key, _, _ in apart.values())])
    selected["id"] = form(raw[columns.id])
    outcomes = {kind: table.select(id=form(key), **own) for kind, (key, table, own) in apart.items()}
    timed = frozenset(table.name for table in tables if table.observed_at is not None or table.received_at is not None)
    types = {name: raw[name].type() for name in described}
    names = tuple(of_model), types, tuple(lists)
    return Log(engine, raw.select(**selected), outcomes, timed, slices, tuple(notes), *names, raw)


def _read(engine: Engine, source: Any, text_columns: frozenset[str], at: tuple[str | int, ...]) -> ir.Table:
    try:
        return engine.read(source, text_columns)
    except InputError as problem:
        raise InputError(str(problem), (*at, "source")) from problem


def _require_all(table: ir.Table, spec: Spec) -> None:
    """Raise InputError for the first column that the predictions lack."""
    for role, name in _roles(spec).items():
        if name is not None:
            require(table, role, name, "predictions", _place(role))


def _place(role: str) -> tuple[str, ...]:
    """Where the declaration names the column of a role."""
    if role == "baseline":
        return ("baseline", "score")
    return ("predictions", "columns", "scores" if role.startswith("score_") else role)


def _outcome_place(spec: Spec, kind: str) -> tuple[str | int, ...]:
    """Where the declaration tells of a kind of outcome."""
    names = [feedback.name for feedback in spec.feedback]
    return ("feedback", names.index(kind)) if kind in names else ("outcomes",)


def _shown(kind: str) -> str:
    return "outcomes" if kind == LABEL else f"feedback {kind!r}"


def _slices(spec: Spec, table: ir.Table) -> tuple[dict[str, ir.Value], list[Note]]:
    """What parts the rows, by the name of a slice. One that cannot be read is left out and said."""
    slices: dict[str, ir.Value] = {}
    notes: list[Note] = []
    for entry in spec.slices:
        for part in spec.parts(entry):
            try:
                slices[part.name] = _slice_value(part, table, spec.timezone)
            except InputError as problem:
                why = str(problem).partition("\n")[0]  # the rest points at a place in a condition
                notes.append(Note("slice_left_out", f"Slice {entry.name!r} is left out: {why}"))
    return slices, notes


def _proxies(spec: Spec, table: ir.Table, times: Times) -> tuple[dict[str, ir.Value], list[Note]]:
    """Whether rows meet a proxy (1, 0 or NULL), or its number. One that cannot be read is left out and said."""
    found: dict[str, ir.Value] = {}
    gone = [each for each in spec.proxies if isinstance(each, TextProxies) and each.text not in table.columns]
    notes = [
        Note(
            "proxy_left_out",
            f"The proxies of the text {each.text!r} are left out: there is no column"
            f" {each.text!r}{_nearest(each.text, table.columns)}",
        )
        for each in gone
    ]
    without_text = {proxy.name for each in gone for proxy in each.proxies}
    for proxy in spec.every_proxy:
        if proxy.name in without_text:
            continue
        try:
            found[proxy.name] = _proxy(proxy, spec, table, times)
        except InputError as problem:
            why = str(problem).partition("\n")[0]
            notes.append(Note("proxy_left_out", f"Proxy {proxy.name!r} is left out: {why}"))
    return found, notes


def _proxy(proxy: AnyProxy, spec: Spec, table: ir.Table, times: Times) -> ir.Value:
    if isinstance(proxy, NumberProxy):
        return number(where.to_number(proxy.value, table, spec.timezone), proxy.name)
    if isinstance(proxy, Proxy):
        return where.to_ibis(proxy.where, table, spec.timezone).cast("int8")
    if proxy.same not in table.columns:
        raise InputError(f"there is no column {proxy.same!r}{_nearest(proxy.same, table.columns)}")
    value, columns = as_text(table[proxy.same]), spec.predictions.columns
    seconds = times.instant(columns.timestamp).epoch_seconds().cast("int64")
    length = int(proxy.within.total_seconds())
    before = ibis.range_window(group_by=value, order_by=seconds, preceding=length, following=0)
    ids = table[columns.id].cast("string")
    another = ids.min().over(before) != ids.max().over(before)  # a delivery of the same row is not another row
    return ibis.ifelse(value.isnull(), ibis.null("int8"), another.cast("int8"))


def _slice_value(part: Part, table: ir.Table, zone: str) -> ir.Value:
    """What parts the rows: a value of the column, the number of a bin, or whether a condition holds."""
    if isinstance(part, WhereSlice):
        return where.to_ibis(part.where, table, zone).fill_null(False)
    column = part.column if isinstance(part, ColumnSlice) else part.bin.column
    if column not in table.columns:
        raise InputError(f"there is no column {column!r}{_nearest(column, table.columns)}")
    value = table[column]
    if isinstance(part, ColumnSlice):
        kind = value.type()
        if kind.is_integer() or kind.is_boolean() or kind.is_string():
            return value
        return number(value, column) if kind.is_floating() else value.cast("string")
    found = number(value, column)
    if part.bin.width is not None:
        inside = found.abs() < LARGEST_BIN * part.bin.width
        bins = ibis.ifelse(inside, found / part.bin.width, ibis.null("float64"))
        # 0.3 / 0.1 is a little below 3, and 0.3 belongs into the bin that begins there
        return (bins + ibis.least(EDGE * ibis.greatest(bins.abs(), 1.0), 0.5)).floor().cast("int64")
    edges = part.bin.edges or ()
    steps = [(found < edge, ibis.literal(index, "int64")) for index, edge in enumerate(edges)]
    return ibis.ifelse(found.isnull(), ibis.null("int64"), ibis.cases(*steps, else_=ibis.literal(len(edges), "int64")))


def _text_columns(spec: Spec) -> frozenset[str]:
    columns = spec.predictions.columns
    return frozenset(name for name in (columns.id, columns.entity, columns.version) if name is not None)


def _numbers(spec: Spec) -> dict[str, str]:
    """Columns that are read as finite doubles: our name → the user's."""
    columns = spec.predictions.columns
    named = {
        "score": columns.score,
        "weight": columns.weight,
        "latency_s": columns.latency_s,
        "baseline": spec.baseline.score if spec.baseline else None,
    }
    if isinstance(columns.scores, dict):
        named |= {f"score_{index}": column for index, column in enumerate(columns.scores.values())}
    return {name: column for name, column in named.items() if column is not None}


def _usable_numbers(spec: Spec, raw: ir.Table) -> dict[str, ir.Value]:
    """These columns, NULL where a number cannot be used."""
    found = {name: number(raw[column], column) for name, column in _numbers(spec).items()}
    if "weight" in found:  # a negative one is as unusable as none, and one whose square is lost
        weight = found["weight"]
        usable = (weight >= 0) & ((weight <= 0) | (weight >= LEAST_WEIGHT)) & (weight <= MOST_WEIGHT)
        found["weight"] = ibis.ifelse(usable, weight, ibis.null("float64"))
    if "latency_s" in found:  # one below 0 is of clocks that disagree
        found["latency_s"] = ibis.ifelse(found["latency_s"] >= 0, found["latency_s"], ibis.null("float64"))
    return found


def _roles(spec: Spec) -> dict[str, str | None]:
    """Role → the column that the spec names for it in the predictions."""
    columns = spec.predictions.columns
    named = {
        role: getattr(columns, role)
        for role in ("id", "timestamp", "prediction", "version", "entity", "error", "received_at")
    }
    return named | dict(_numbers(spec))


def require(table: ir.Table, role: str, column: str, where_: str, at: tuple[str | int, ...]) -> None:
    """Raise InputError, about the place `at` of the declaration, where a table lacks the column of a role."""
    if column not in table.columns:
        nearest = _nearest(column, table.columns)
        text = f"{where_}.columns.{role}: there is no column {column!r}{f'{nearest} The' if nearest else '; the'}"
        raise InputError(f"{text} columns are {_listed(table.columns)}", at)


def _nearest(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def _listed(names: Iterable[str], most: int = 20) -> str:
    shown = list(names)
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(map(repr, shown[:most])) + more


class Times:
    """The time columns of one table as naive UTC timestamps. Naive clock times are read in the declared zone."""

    def __init__(self, engine: Engine, zone: str, table: ir.Table, names: Iterable[str | None], where_: str) -> None:
        self._engine, self._zone, self._table, self._where = engine, zone, table, where_
        present = dict.fromkeys(name for name in names if name is not None and name in table.columns)
        self.years = tuple(name for name in present if self._holds_years(name))
        clocks = [name for name in present if self._clock(name) is not None]
        texts = [name for name in clocks if table[name].type().is_string()]
        self.naive = len(clocks) > len(texts)
        self._ranges = self._range(clocks, texts) if texts or (clocks and zone != "UTC") else None

    def _holds_years(self, name: str) -> bool:
        """Whole numbers that can only be years: nobody counts seconds, milliseconds or days from 1970 to 1900..2200."""
        column = self._table[name]
        if not column.type().is_integer():
            return False
        row = self._engine.run(self._table.aggregate(low=column.min(), high=column.max())).to_pylist()[0]
        return row["low"] is not None and row["low"] >= FIRST_YEAR and row["high"] <= LAST_YEAR

    def _clock(self, name: str) -> ir.Value | None:
        """The column as naive clock time, where it is that."""
        column = self._table[name]
        kind = column.type()
        if kind.is_timestamp():
            return column.cast("timestamp(6)") if kind.timezone is None else None
        if kind.is_date():
            return column.cast("timestamp(6)")
        if name in self.years:
            return ibis.timestamp(column, 1, 1, 0, 0, 0)
        return self._engine.parsed_time(column) if kind.is_string() else None

    def _range(self, names: list[str], texts: list[str]) -> tuple[datetime, datetime] | None:
        edges = {
            f"{edge}_{index}": getattr(self._clock(name), edge)()
            for index, name in enumerate(names)
            for edge in ("min", "max")
        }
        columns = [self._table[name] for name in texts]
        bare = {
            f"bare_{index}": (self._engine.parsed_time(column).notnull() & ~_has_offset(column)).sum()
            for index, column in enumerate(columns)
        }
        row = self._engine.run(self._table.aggregate(**edges, **bare)).to_pylist()[0]
        self.naive |= any(row.pop(name) for name in bare)
        found = [value for value in row.values() if value is not None]
        return (min(found), max(found)) if found else None

    def instant(self, name: str) -> ir.Value:
        """A column as naive UTC timestamps. Raises InputError where it holds no times."""
        column = self._table[name]
        kind = column.type()
        if kind.is_null():
            return ibis.null("timestamp(6)")
        if kind.is_timestamp() and kind.timezone is not None:
            return self._engine.without_zone(column)
        clock = self._clock(name)
        if clock is None:
            raise InputError(
                f"{self._where}: column {name!r} has the type {kind} and is to be a time: give timestamps, dates or"
                " ISO 8601 text (a number does not say its unit or its start)"
            )
        if self._ranges is None or self._zone == "UTC":
            return clock
        local = calendar.utc_time(clock, self._zone, *self._ranges)
        if not kind.is_string():
            return local
        return ibis.ifelse(_has_offset(column), clock, local)


def _has_offset(text: ir.StringValue) -> ir.BooleanValue:
    """Whether a time written as text says its offset from UTC."""
    return text.re_search(r":.*([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$")


def _outcome_columns(
    declared: OutcomeTable, table: ir.Table, times: Times, at: tuple[str | int, ...]
) -> dict[str, ir.Value]:
    """value, observed_at, known_at and label_probability of a kind of outcome, the last three where declared."""
    roles = {
        "value": declared.value,
        "observed_at": declared.observed_at,
        "received_at": declared.received_at,
        "label_probability": declared.label_probability,
    }
    for role, name in roles.items():
        if name is not None:
            require(table, role, name, _shown(declared.name), (*at, "columns", role))
    found = {"value": table[declared.value]}
    if declared.label_probability is not None:
        found["label_probability"] = table[declared.label_probability]
    if declared.observed_at is not None:
        found["observed_at"] = times.instant(declared.observed_at)
    received = times.instant(declared.received_at) if declared.received_at is not None else None
    if received is not None or "observed_at" in found:
        clocks = [clock for clock in (received, found.get("observed_at")) if clock is not None]
        found["known_at"] = clocks[0] if len(clocks) == 1 else clocks[0].coalesce(clocks[1])
    return found


def _form_of_ids(keys: Sequence[ir.Value]) -> Callable[[ir.Value], ir.Value]:
    """How ids are compared: as they are where all tables agree, else as text, in which 7.0 is 7."""
    kinds = [key.type().copy(nullable=True) for key in keys]
    if all(kind.is_integer() for kind in kinds) or (len(set(kinds)) == 1 and not kinds[0].is_floating()):
        return lambda key: key
    return as_text


def labels(log: Log) -> tuple[ir.Value, ir.Table]:
    """The labels' column and its table."""
    if LABEL in log.outcomes:
        return log.outcomes[LABEL].value, log.outcomes[LABEL]
    return log.predictions[f"value_{LABEL}"], log.predictions
