"""Reading what happened around a model: a short list in the declaration, or a small table."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True, order=True)
class Happened:
    """Something that happened. `at` has a zone; `kind` is None where it was not said."""

    at: datetime
    name: str
    kind: str | None = None


def read_events(spec: Spec, moment: datetime) -> tuple[tuple[Happened, ...], tuple[Note, ...]]:
    """The events that a spec declares up to `moment` (naive UTC), in the order of time.

    Rows without a time or a name are left out and said. Raises InputError naming a column that is missing or no time.
    """
    latest = moment.replace(tzinfo=UTC)
    declared = spec.events
    if not isinstance(declared, Events):
        found = [Happened(spec.moment(each.at).astimezone(UTC), each.name, each.kind) for each in declared]
        return tuple(sorted(each for each in found if each.at <= latest)), ()
    columns = declared.columns
    with open_engine([declared.source]) as engine:
        table = engine.read(declared.source)
        for role, name in columns.model_dump().items():
            if name is not None:
                require(table, role, name, "events", ("events", "columns", role))
        times = Times(engine, spec.timezone, table, [columns.at], "events")
        rows = table.select(
            at=times.instant(columns.at),
            name=as_text(table[columns.name]),
            kind=ibis.null("string") if columns.kind is None else as_text(table[columns.kind]),
        )
        usable = rows.at.notnull() & rows.name.notnull()
        row = engine.run(rows.aggregate(unusable=(~usable).sum(), rows=rows.count())).to_pylist()[0]
        known = rows.filter(usable, rows.at <= ibis.literal(moment, "timestamp(6)"))
        newest = engine.run(known.order_by(ibis.desc("at")).limit(MOST_EVENTS)).to_pylist()
    notes = []
    if row["unusable"]:
        have = "has" if row["unusable"] == 1 else "have"
        text = f"{counted(int(row['unusable']), 'event')} {have} no readable time or no name: left out."
        notes.append(Note("events_unusable", text))
    if len(newest) == MOST_EVENTS and row["rows"] > MOST_EVENTS:
        notes.append(
            Note("events_cut", f"Of {counted(int(row['rows']), 'event')} the newest {MOST_EVENTS:,} are read.")
        )
    found = [Happened(each["at"].replace(tzinfo=UTC), str(each["name"]), each["kind"]) for each in newest]
    return tuple(sorted(found, key=lambda each: (each.at, each.name, each.kind or ""))), tuple(notes)
