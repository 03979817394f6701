"""The reference: which rows later windows are compared with, and the slice values that it fixes (DESIGN §3)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from leadline.engine import Engine
from leadline.engine.engine import small_table
from leadline.log.calendar import Grain
from leadline.log.profile import Profile, cutoff
from leadline.log.reading import Log, open_reference
from leadline.spec.model import BinSlice, SliceEntry, Spec, WhereSlice
from leadline.values import Note, Scalar, Slice

MOST_VALUES = 100
MISSING, OTHER, FIRST = 0, 1, 2
OTHER_VALUE = "(other)"
GUESSED_SHARE = 0.25
GUESSED_DAYS = 30
SAMPLE = 20_000


@dataclass(frozen=True)
class Partition:
    """A declared slice entry with the values that the reference fixed for it.

    parts    names of the slices that it is made of (one, or those of a cross)
    condition   whether it parts the rows by a condition, so that its slice is where that holds
    values   for each code from 2 on the values of the parts, the most frequent first; code 0 is missing, 1 is other
    """

    name: str
    parts: tuple[str, ...]
    values: tuple[tuple[Scalar, ...], ...]
    condition: bool = False

    @property
    def codes(self) -> int:
        """Number of codes."""
        return len(self.values) + FIRST

    def slice(self, code: int) -> Slice:
        """The slice that a code stands for."""
        if code == MISSING:
            return Slice(tuple((part, None) for part in self.parts))
        if code == OTHER:
            return Slice(tuple((part, OTHER_VALUE) for part in self.parts))
        return Slice(tuple(zip(self.parts, self.values[code - FIRST], strict=True)))


@dataclass(frozen=True)
class Reference:
    """What the reference fixed, and a fingerprint that changes with the spec or with what was fixed.

    edges   1,023 quantiles of the reference's scores, where scores are no probabilities; else None
    until   rows with an event time before this are the reference (UTC); None where it has a source of its own
    guessed True where the spec does not say
    """

    until: datetime | None
    guessed: bool
    rows: int | None
    partitions: tuple[Partition, ...]
    versions: tuple[str, ...]
    edges: tuple[float, ...] | None
    fingerprint: str
    notes: tuple[Note, ...]


def reference(log: Log, spec: Spec, found: Profile, predictions: ir.Table, moment: datetime, grain: Grain) -> Reference:
    """Find the reference among the predictions that count, and read what it fixes."""
    notes: list[Note] = []
    entries = [entry for entry in spec.slices if all(part.name in log.slices for part in spec.parts(entry))]
    unbounded = not probabilities(found)
    needed = bool(entries) or unbounded
    rows_of = predictions
    until = spec.reference_until.astimezone(UTC) if spec.reference_until is not None else None
    if spec.reference is not None and spec.reference.source is not None:
        opened = open_reference(spec, log.engine).predictions
        rows_of = opened.filter(opened.id.notnull(), opened.timestamp.notnull())
    elif spec.reference is None and needed:
        until = _guess(log, spec, found, predictions, moment, grain)
        if until is not None:
            shown = until.astimezone(spec.zone).strftime("%Y-%m-%d %H:%M").removesuffix(" 00:00")
            text = (
                f"The reference is guessed: the predictions before {shown}, the first mature quarter (30 days at most)."
            )
            notes.append(Note("reference_guessed", text))
    if spec.reference is not None and until is not None and _covers_all(until, found, moment):
        shown = until.astimezone(spec.zone).strftime("%Y-%m-%d")
        text = (
            f"The reference lasts until {shown}, and no prediction is newer: nothing can be compared with it, so that"
        )
        notes.append(Note("reference_covers_all", f"{text} causes and drift are left out. Declare an earlier `until`."))
    if until is not None:
        rows_of = rows_of.filter(rows_of.timestamp < ibis.literal(until.replace(tzinfo=None), "timestamp(6)"))
    present = set(rows_of.columns)
    for entry in [each for each in entries if not present >= {f"slice_{part.name}" for part in spec.parts(each)}]:
        entries.remove(entry)
        text = f"Slice {entry.name!r} is left out: the reference's source has not all of its columns."
        notes.append(Note("slice_left_out", text))
    partitions, versions, rows = _values(log, spec, entries, rows_of, predictions)
    if entries and not rows:
        notes.append(Note("reference_empty", "The reference has no rows: all slice values are shown as (other)."))
    edges = _edges(log, rows_of) if unbounded else None
    content = [declared(spec), str(until), [[each.name, each.values] for each in partitions], edges]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return Reference(until, spec.reference is None, rows, partitions, versions, edges, digest, tuple(notes))


def _covers_all(until: datetime, found: Profile, moment: datetime) -> bool:
    """Whether all predictions that are known at the moment (naive UTC) are before the reference's end."""
    return found.last is not None and min(found.last, moment) < until.replace(tzinfo=None)


def declared(spec: Spec) -> Any:
    """The declaration as plain values, without the places of databases: they may hold a password."""

    def without_url(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_url(each) for key, each in value.items() if key != "url"}
        return [without_url(each) for each in value] if isinstance(value, list) else value

    return without_url(spec.model_dump(mode="json"))


def probabilities(found: Profile) -> bool:
    """Whether all scores lie in [0, 1]."""
    return found.low.get("score", 0.0) >= 0 and found.high.get("score", 1.0) <= 1


def _edges(log: Log, rows_of: ir.Table) -> tuple[float, ...]:
    """1,023 quantiles of the scores of up to 20,000 reference rows, those with the least md5 of their id."""
    scored = rows_of.filter(rows_of.score.notnull())
    sample = scored.select("score", order=log.engine.md5(scored.id.cast("string"))).order_by("order").limit(SAMPLE)
    scores = np.sort(np.asarray([row["score"] for row in log.engine.run(sample).to_pylist()], dtype=np.float64))
    if not len(scores):
        return ()
    places = np.linspace(0, len(scores) - 1, 1025)[1:-1]
    return tuple(dict.fromkeys(float(score) for score in scores[np.round(places).astype(int)]))


def _guess(
    log: Log, spec: Spec, found: Profile, predictions: ir.Table, moment: datetime, grain: Grain
) -> datetime | None:
    """The end of the grain in which the first mature quarter of the rows is reached; at most 30 days from the first."""
    if found.first is None or found.last is None:
        return None
    mature_until = cutoff(spec, moment)
    table = predictions.filter(predictions.timestamp <= ibis.literal(mature_until, "timestamp(6)"))
    number = grain.number(table.timestamp, found.first, found.last)
    counted = log.engine.run(table.group_by(grain=number).aggregate(n=table.count())).to_pylist()
    return guessed_end(grain, {row["grain"]: row["n"] for row in counted})


def guessed_end(grain: Grain, mature: Mapping[int, int]) -> datetime | None:
    """The end of the guessed reference, from the mature rows by number of the grain; None where there are none."""
    numbers = sorted(mature.items())
    if not numbers:
        return None
    enough = GUESSED_SHARE * sum(mature.values())
    latest = grain.start(numbers[0][0]) + timedelta(days=GUESSED_DAYS)
    seen = 0
    for number, n in numbers:
        seen += n
        end = grain.start(number + 1)
        if seen >= enough or end >= latest:
            return min(end, latest) if number > numbers[0][0] else end
    return grain.start(numbers[-1][0] + 1)


def _values(
    log: Log, spec: Spec, entries: Sequence[SliceEntry], rows_of: ir.Table, predictions: ir.Table
) -> tuple[tuple[Partition, ...], tuple[str, ...], int | None]:
    """The most frequent values of each entry in the reference, and the model versions of the log, in one statement."""
    asked: list[tuple[int, list[str], ir.Table]] = []
    if len(entries) > 1 and not log.engine.shares_subexpressions:
        rows_of = log.engine.keep(rows_of.select(*(name for name in rows_of.columns if name.startswith("slice_"))))
    for place, entry in enumerate(entries):
        if not isinstance(entry, WhereSlice):
            asked.append((place, [f"slice_{part.name}" for part in spec.parts(entry)], rows_of))
    if "version" in predictions.columns:
        asked.append((len(entries), ["version"], predictions))
    if not entries and not asked:
        return (), (), None
    width = max((len(names) for _, names, _ in asked), default=1)
    pieces = [
        rows_of.aggregate(n=rows_of.count()).select(
            place=ibis.literal(-1, "int32"), n="n", **{f"value_{index}": ibis.null("string") for index in range(width)}
        )
    ]
    for place, names, table in asked:
        counts = table.group_by(names).aggregate(n=table.count())
        # ties by md5, for engines order text differently; they write doubles differently, too
        values_ = [counts[name] for name in names]
        ties = [value if value.type().is_floating() else log.engine.md5(value.cast("string")) for value in values_]
        order = [ibis.desc("n"), *ties]
        counts = counts.filter(ibis.or_(*(counts[name].notnull() for name in names))).order_by(order).limit(MOST_VALUES)
        padded = {
            f"value_{i}": counts[names[i]].cast("string") if i < len(names) else ibis.null("string")
            for i in range(width)
        }
        pieces.append(counts.select(place=ibis.literal(place, "int32"), n="n", **padded))
    found = log.engine.run(ibis.union(*pieces) if len(pieces) > 1 else pieces[0]).to_pylist()
    rows = next(row["n"] for row in found if row["place"] == -1)
    by_place: dict[int, list[tuple[int, list[str | None]]]] = {}
    for row in found:
        if row["place"] >= 0:
            by_place.setdefault(row["place"], []).append((row["n"], [row[f"value_{i}"] for i in range(width)]))
    partitions = []
    for place, entry in enumerate(entries):
        parts = spec.parts(entry)
        named = tuple(part.name for part in parts)
        if isinstance(entry, WhereSlice):
            partitions.append(Partition(entry.name, named, ((True,), (False,)), condition=True))
            continue
        if isinstance(entry, BinSlice) and entry.bin.edges is not None:  # declared bins do not depend on the data
            partitions.append(Partition(entry.name, named, tuple((bin_,) for bin_ in range(len(entry.bin.edges) + 1))))
            continue
        columns = [log.predictions[f"slice_{part.name}"] for part in parts]
        typed = [
            (-n, tuple(_typed(text, column) for text, column in zip(texts, columns, strict=False)))
            for n, texts in by_place.get(place, [])
        ]
        typed.sort(key=lambda item: (item[0], [_rank(value) for value in item[1]]))
        partitions.append(Partition(entry.name, named, tuple(values for _, values in typed)))
    versions = tuple(texts[0] for _, texts in by_place.get(len(entries), []) if texts[0] is not None)
    return tuple(partitions), tuple(sorted(versions)), rows


def _rank(value: Scalar) -> tuple[float, str]:
    """Doubles in their order, all else in that of its text."""
    return (value, "") if isinstance(value, float) else (0.0, "" if value is None else str(value))


def _typed(text: str | None, column: ir.Value) -> Scalar:
    kind = column.type()
    if text is None:
        return None
    if kind.is_boolean():
        return text.lower() in ("true", "t", "1")
    if kind.is_integer():
        return int(text)
    return float(text) if kind.is_floating() else text


def shown(partition: Partition, spec: Spec) -> Mapping[str, Mapping[Scalar, str]]:
    """How the numbers of bins are written: part → number of the bin → "[6, 12)"."""
    named = {part.name: part for entry in spec.slices for part in spec.parts(entry)}
    found: dict[str, Mapping[Scalar, str]] = {}
    for index, name in enumerate(partition.parts):
        part = named[name]
        if isinstance(part, BinSlice):
            numbers = {values[index] for values in partition.values if values[index] is not None}
            found[name] = {number: _range(part, int(number)) for number in numbers if number is not None}
    return found


def slice_of(partition: Partition, code: int, spec: Spec) -> Slice:
    """The slice of a code, with bins written as ranges."""
    written = shown(partition, spec)
    found = partition.slice(code)
    return Slice(tuple((name, written.get(name, {}).get(value, value)) for name, value in found.parts))


def _range(part: BinSlice, number: int) -> str:
    if part.bin.width is not None:
        return f"[{number * part.bin.width:g}, {(number + 1) * part.bin.width:g})"
    edges = part.bin.edges or ()
    low = f"[{edges[number - 1]:g}" if number > 0 else "(-inf"
    return f"{low}, {edges[number]:g})" if number < len(edges) else f"{low}, inf)"


def coded(engine: Engine, rows: ir.Table, partitions: Sequence[Partition], versions: Sequence[str]) -> ir.Table:
    """Rows with `slice_code_0`, ... and `version_code` instead of the values that slices are made of."""
    raw = [name for name in rows.columns if name.startswith("slice_") or name == "version"]
    codes: dict[str, ir.Value] = {}
    joined = rows
    for place, partition in enumerate(partitions):
        columns = [rows[f"slice_{part}"] for part in partition.parts]
        if partition.values == ((True,), (False,)) and columns[0].type().is_boolean():
            continue
        joined = _joined(engine, joined, partition, place, columns)
    for place, partition in enumerate(partitions):
        values = [joined[f"slice_{part}"] for part in partition.parts]
        if f"found_{place}" not in joined.columns:
            code = ibis.cases((values[0], FIRST), (~values[0], FIRST + 1), else_=MISSING)
        else:
            absent = ibis.and_(*(value.isnull() for value in values))
            code = ibis.ifelse(absent, MISSING, joined[f"found_{place}"].coalesce(OTHER))
        codes[f"slice_code_{place}"] = code.cast("int16")
    if len(versions) > 1:
        steps = [
            (joined.version.cast("string") == name, ibis.literal(code, "int16")) for code, name in enumerate(versions)
        ]
        codes["version_code"] = ibis.cases(*steps, else_=ibis.literal(len(versions), "int16"))
    kept = [name for name in rows.columns if name not in raw]
    return joined.select(*kept, **codes)


def _joined(
    engine: Engine, joined: ir.Table, partition: Partition, place: int, columns: Sequence[ir.Value]
) -> ir.Table:
    names = [f"value_{place}_{index}" for index in range(len(columns))]
    kinds = [pa.field(name, _arrow(column)) for name, column in zip(names, columns, strict=True)]
    found = f"found_{place}"
    rows_of = [
        dict(zip(names, value, strict=True)) | {found: code} for code, value in enumerate(partition.values, start=FIRST)
    ]
    table = small_table(rows_of, pa.schema([*kinds, pa.field(found, pa.int64())]))
    lookup = engine.lookup(table)
    keys = [joined[f"slice_{part}"] for part in partition.parts]
    if len(keys) == 1:
        conditions = [keys[0] == lookup[names[0]]]
    else:
        conditions = [key.identical_to(lookup[name]) for key, name in zip(keys, names, strict=True)]
    return joined.left_join(lookup, conditions)


def _arrow(column: ir.Value) -> pa.DataType:
    """The Arrow type of a slice's values. Ibis' own conversion imports pandas."""
    kind = column.type()
    if kind.is_boolean():
        return pa.bool_()
    if kind.is_integer():
        return pa.int64()
    return pa.float64() if kind.is_floating() else pa.string()
