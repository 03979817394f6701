"""What one pass over an opened log says, before anything is joined or grouped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import ibis.expr.types as ir

from leadline.log.reading import LABEL, Log
from leadline.values import InputError


@dataclass(frozen=True)
class Profile:
    """Counts and ranges over the deliveries.

    rows, without_id, without_time   deliveries of predictions; those that have no id or no time cannot be used
    first, last          range of the event time, naive UTC; None where there are no usable rows
    newest               newest known_at of predictions and outcomes: the default `as_of`
    newest_outcome       newest known_at of the outcomes that say it, else None
    not_finite           by number column: NaN, infinite or unreadable values, read as missing
    low, high            by number column: range of the finite values
    outcome_rows         by kind with a table of its own: deliveries with an id
    repeated             tables in which an id comes more than once: `predictions` and kinds
    """

    rows: int
    without_id: int
    without_time: int
    first: datetime | None
    last: datetime | None
    newest: datetime | None
    newest_outcome: datetime | None
    low: Mapping[str, float]
    high: Mapping[str, float]
    negative_weights: int
    missing: Mapping[str, int]
    outcome_rows: Mapping[str, int]
    repeated: frozenset[str]


def profile(log: Log) -> Profile:
    """Read the log's small columns once."""
    table = log.predictions
    numbers = [name for name in table.columns if name in ("score", "weight", "baseline") or name.startswith("score_")]
    usable = table.id.notnull() & table.timestamp.notnull()
    asked: dict[str, ir.Value] = {
        "rows": table.count(),
        "without_id": table.id.isnull().sum(),
        "without_time": (table.id.notnull() & table.timestamp.isnull()).sum(),
        "first": table.timestamp.min(where=table.id.notnull()),
        "last": table.timestamp.max(where=table.id.notnull()),
        "known": table.known_at.max(where=usable),
    }
    for name in numbers:
        asked |= {
            f"low_{name}": table[name].min(),
            f"high_{name}": table[name].max(),
            f"missing_{name}": table[name].isnull().sum(),
        }
    if "weight" in table.columns:
        asked["negative"] = (table.weight < 0).sum()
    own_kinds = [name.removeprefix("known_at_") for name in table.columns if name.startswith("known_at_")]
    for kind in own_kinds:
        asked[f"newest_{kind}"] = table[f"known_at_{kind}"].max(where=usable & table[f"value_{kind}"].notnull())
    row = log.engine.run(table.aggregate(**asked)).to_pylist()[0]
    newest_of = [row[f"newest_{kind}"] for kind in own_kinds]
    repeated = set() if log.engine.unique(table, "id") else {"predictions"}
    outcome_rows: dict[str, int] = {}
    for kind, outcomes in log.outcomes.items():
        counts: dict[str, ir.Value] = {"rows": outcomes.id.count()}
        if "known_at" in outcomes.columns:
            counts["newest"] = outcomes.known_at.max(where=outcomes.id.notnull())
        found = log.engine.run(outcomes.aggregate(**counts)).to_pylist()[0]
        newest_of.append(found.get("newest"))
        outcome_rows[kind] = found["rows"]
        if not log.engine.unique(outcomes, "id"):
            repeated.add(kind)
    newest_outcome = max((value for value in newest_of if value is not None), default=None)
    newest = max((value for value in (row["known"], newest_outcome) if value is not None), default=None)
    return Profile(
        rows=row["rows"],
        without_id=row["without_id"] or 0,
        without_time=row["without_time"] or 0,
        first=row["first"],
        last=row["last"],
        newest=newest,
        newest_outcome=newest_outcome,
        low={name: row[f"low_{name}"] for name in numbers if row[f"low_{name}"] is not None},
        high={name: row[f"high_{name}"] for name in numbers if row[f"high_{name}"] is not None},
        negative_weights=row.get("negative") or 0,
        missing={name: row[f"missing_{name}"] or 0 for name in numbers},
        outcome_rows=outcome_rows,
        repeated=frozenset(repeated),
    )


def as_of(asked: datetime | None, found: Profile, log: Log) -> datetime:
    """The knowledge time of an evaluation, naive UTC: as asked, else the newest that the data know (DESIGN §3).

    Raises InputError where an earlier time is asked for and the labels do not say when they became known.
    """
    if asked is None:
        if found.newest is None:
            return datetime(1970, 1, 1)  # noqa: DTZ001  # an empty log; naive UTC as everywhere on an engine
        return found.newest
    moment = asked.astimezone(UTC).replace(tzinfo=None)
    if LABEL not in log.timed and found.newest is not None and moment < found.newest:
        raise InputError(
            f"as of {asked.isoformat()} cannot be told: the outcomes have no `observed_at` or `received_at` column, so nobody"
            f" knows which labels were in by then; declare one, or ask for {found.newest.isoformat()}Z or later"
        )
    return moment
