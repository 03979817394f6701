"""Reading what happened around a model: a short list in the declaration, or a small table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import ibis

from leadline.engine import open_engine
from leadline.log.columns import as_text
from leadline.log.reading import Times, require
from leadline.spec.model import Events, Spec
from leadline.values import Note, counted

#: the newest events that are read
MOST_EVENTS = 1_000


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened. Times have a zone; `kind` is None where it was not said, `until` where it did not
    last."""

    at: datetime
    name: str
    kind: str | None = None
    until: datetime | None = None


def read_events(spec: Spec, moment: datetime) -> tuple[tuple[Happened, ...], tuple[Note, ...]]:
    """The events that a spec declares up to `moment` (naive UTC), in the order of time.

    Rows without a time or a name, or that are over before they began, are left out and said. Raises InputError naming a
    column that is missing or no time.
    """
    latest = moment.replace(tzinfo=UTC)
    declared = spec.events
    if not isinstance(declared, Events):
        found = [
            Happened(
                spec.moment(each.at).astimezone(UTC),
                each.name,
                each.kind,
                None if each.until is None else spec.moment(each.until).astimezone(UTC),
            )
            for each in declared
        ]
        return _in_order(each for each in found if each.at <= latest), ()
    columns = declared.columns
    with open_engine([declared.source]) as engine:
        table = engine.read(declared.source)
        for role, name in columns.model_dump().items():
            if name is not None:
                require(table, role, name, "events", ("events", "columns", role))
        times = Times(engine, spec.timezone, table, [columns.at, columns.until], "events")
        rows = table.select(
            at=times.instant(columns.at),
            until=ibis.null("timestamp(6)") if columns.until is None else times.instant(columns.until),
            name=as_text(table[columns.name]),
            kind=ibis.null("string") if columns.kind is None else as_text(table[columns.kind]),
        )
        usable = rows.at.notnull() & rows.name.notnull() & (rows.until.isnull() | (rows.until > rows.at))
        row = engine.run(rows.aggregate(unusable=(~usable).sum(), rows=rows.count())).to_pylist()[0]
        known = rows.filter(usable, rows.at <= ibis.literal(moment, "timestamp(6)"))
        newest = engine.run(known.order_by(ibis.desc("at")).limit(MOST_EVENTS)).to_pylist()
    notes = []
    if row["unusable"]:
        have, ends, it = ("has", "ends", "it") if row["unusable"] == 1 else ("have", "end", "they")
        text = (
            f"{counted(int(row['unusable']), 'event')} {have} no readable time or no name, or {ends} before {it} began:"
            " left out."
        )
        notes.append(Note("events_unusable", text))
    if len(newest) == MOST_EVENTS and row["rows"] > MOST_EVENTS:
        notes.append(
            Note("events_cut", f"Of {counted(int(row['rows']), 'event')} the newest {MOST_EVENTS:,} are read.")
        )
    found = [
        Happened(
            each["at"].replace(tzinfo=UTC),
            str(each["name"]),
            each["kind"],
            None if each["until"] is None else each["until"].replace(tzinfo=UTC),
        )
        for each in newest
    ]
    return _in_order(found), tuple(notes)


def _in_order(found: Iterable[Happened]) -> tuple[Happened, ...]:
    return tuple(sorted(found, key=lambda each: (each.at, each.name, each.kind or "")))
