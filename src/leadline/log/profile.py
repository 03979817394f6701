"""What one pass over an opened log says, before anything is joined or grouped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import ibis.expr.types as ir

from leadline.log.chance import CHANCE, asked_of
from leadline.log.columns import number, truth
from leadline.log.reading import LABEL, Log
from leadline.spec.model import Spec
from leadline.values import InputError


@dataclass(frozen=True)
class Profile:
    """Counts and ranges over the deliveries.

    rows, without_id, without_time   deliveries of predictions; those that have no id or no time cannot be used
    missing              by number column: rows without a finite value
    first, last          range of the event time, naive UTC; None where there are no usable rows
    newest               newest known_at of predictions and outcomes: the default `as_of`
    newest_outcome       newest known_at of the outcomes that say it, else None
    low, high            by number column: range of the finite values
    labels               of a binary model: rows, positive (as declared), values (different ones, where a positive one
                         is declared), other (neither boolean nor 0/1), low, high
    chances              of labels with a label_probability: labels, without (nothing said), unusable (no number, or
                         not in (0, 1]); nothing where the labels are no sample
    strange_feedback     by kind of feedback: outcomes that are neither boolean nor 0/1
    strange_errors       predictions whose number that is to say whether they failed is neither 0 nor 1
    label_rows           deliveries that bring a label
    outcome_rows         by kind with a table of its own: deliveries with an id
    repeated             tables in which an id may come more than once, `predictions` and kinds: the hashes of such
                         ids (`Engine.several`), None where nobody has looked for them yet
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
    missing: Mapping[str, int]
    labels: Mapping[str, float | None]
    chances: Mapping[str, int]
    strange_feedback: Mapping[str, int]
    label_rows: int
    outcome_rows: Mapping[str, int]
    repeated: Mapping[str, ir.Table | None]
    strange_errors: int = 0


def profile(log: Log, spec: Spec) -> Profile:
    """Read the log's small columns once."""
    table = log.predictions
    single = ("score", "weight", "latency_s", "baseline")
    numbers = [name for name in table.columns if name in single or name.startswith("score_")]
    # plain counts and extremes only: engines answer them several times as fast as conditional ones
    asked: dict[str, ir.Value] = {
        "rows": table.count(),
        "times": table.timestamp.count(),
        "first": table.timestamp.min(),
        "last": table.timestamp.max(),
        "known": table.known_at.max(),
    }
    for name in numbers:
        column = table[name]
        asked |= {f"low_{name}": column.min(), f"high_{name}": column.max(), f"count_{name}": column.count()}
    own_kinds = [name.removeprefix("known_at_") for name in table.columns if name.startswith("known_at_")]
    for kind in own_kinds:
        asked[f"newest_{kind}"] = table[f"known_at_{kind}"].max(where=table[f"value_{kind}"].notnull())
    for name in [name for name in table.columns if name.startswith("value_")]:
        asked |= _of_values(name.removeprefix("value_"), table[name], spec)
    if "error" in table.columns and table.error.type().is_numeric():
        asked["odd_errors"] = _neither(table.error)
    if f"{CHANCE}_{LABEL}" in table.columns:
        asked |= asked_of(table[f"{CHANCE}_{LABEL}"], table[f"value_{LABEL}"])
    tables = {"predictions": table, **log.outcomes}
    aggregates = {"predictions": asked} | {
        kind: _of_outcomes(kind, outcomes, spec) for kind, outcomes in log.outcomes.items()
    }
    for name, each in tables.items():
        distinct = log.engine.distinct(each.id)
        aggregates[name] |= {"rows": each.count()}
        aggregates[name] |= {} if distinct is None else {"ids": each.id.count(), "distinct": distinct}
    rows = log.engine.scalars(*(each.aggregate(**aggregates[name]) for name, each in tables.items()))
    by_table = dict(zip(tables, rows, strict=True))
    repeated: dict[str, ir.Table | None] = {}
    for name, each in tables.items():
        counts = by_table[name]
        if "distinct" in counts:
            repeated |= {} if counts["distinct"] == counts["ids"] else {name: None}
            continue
        missing, hashes = log.engine.repeats(each, "id")
        counts["ids"] = counts["rows"] - missing
        repeated |= {} if hashes is None else {name: hashes}
    row = by_table.pop("predictions")
    said = {name: value for each in (row, *by_table.values()) for name, value in each.items()}
    newest_of = [row[f"newest_{kind}"] for kind in own_kinds]
    newest_of += [found.get("newest") for found in by_table.values()]
    outcome_rows = {kind: found["ids"] for kind, found in by_table.items()}
    newest_outcome = max((value for value in newest_of if value is not None), default=None)
    newest = max((value for value in (row["known"], newest_outcome) if value is not None), default=None)
    return Profile(
        rows=row["rows"],
        without_id=row["rows"] - row["ids"],
        without_time=row["rows"] - row["times"],
        first=row["first"],
        last=row["last"],
        newest=newest,
        newest_outcome=newest_outcome,
        low={name: row[f"low_{name}"] for name in numbers if row[f"low_{name}"] is not None},
        high={name: row[f"high_{name}"] for name in numbers if row[f"high_{name}"] is not None},
        missing={name: row["rows"] - row[f"count_{name}"] for name in numbers},
        labels={name.removeprefix("label_"): value for name, value in said.items() if name.startswith("label_")},
        chances={
            name.removeprefix("chance_"): value or 0 for name, value in said.items() if name.startswith("chance_")
        },
        strange_feedback={
            name.removeprefix("strange_"): value or 0 for name, value in said.items() if name.startswith("strange_")
        },
        label_rows=said.get("labels") or 0,
        outcome_rows=outcome_rows,
        repeated=repeated,
        strange_errors=row.get("odd_errors") or 0,
    )


def _of_outcomes(kind: str, outcomes: ir.Table, spec: Spec) -> dict[str, ir.Value]:
    asked: dict[str, ir.Value] = {}
    if "known_at" in outcomes.columns:
        asked["newest"] = outcomes.known_at.max(where=outcomes.id.notnull())
    if CHANCE in outcomes.columns:
        asked |= asked_of(outcomes[CHANCE], outcomes.value)
    return asked | _of_values(kind, outcomes.value, spec)


def _of_values(kind: str, value: ir.Value, spec: Spec) -> dict[str, ir.Value]:
    """What is asked of the values of one kind of outcome."""
    if kind != LABEL:
        return {} if value.type().is_boolean() else {f"strange_{kind}": _neither(value)}
    asked: dict[str, ir.Value] = {"labels": value.count()}
    if spec.task != "binary":
        return asked
    asked["label_rows"] = value.count()
    if spec.positive is not None:
        asked |= {"label_positive": truth(value, spec.positive, "label").sum()}
        return asked if value.type().is_boolean() else asked | {"label_values": value.nunique()}
    if value.type().is_numeric():
        numbers = number(value, "label")
        asked |= {"label_low": numbers.min(), "label_high": numbers.max()}
        return asked if value.type().is_integer() else asked | {"label_other": _neither(value)}
    return asked | {"label_other": _neither(value)} if value.type().is_string() else asked


def _neither(value: ir.Value) -> ir.Value:
    """How many values are neither true nor false, 1 nor 0."""
    kind = value.type()
    if kind.is_numeric():
        found = number(value, "")
        return ((found != 0) & (found != 1)).sum()
    return (~value.lower().isin(["0", "1", "true", "false"])).sum() if kind.is_string() else value.count()


def cutoff(spec: Spec, moment: datetime) -> datetime:
    """Rows with an event time at or before this are mature as of `moment`; both naive UTC."""
    wait = spec.label.matures_after if spec.label else timedelta()
    return max(moment, datetime.min + wait) - wait


def as_of(asked: datetime | None, found: Profile, log: Log) -> datetime:
    """The knowledge time of an evaluation, naive UTC: as asked, else the newest that the data know (DESIGN §3).

    Raises InputError where an earlier time is asked for and the labels do not say when they became known.
    """
    if asked is None:
        if found.newest is None:
            return datetime.now(UTC).replace(tzinfo=None)  # an empty log: nothing is known up to now
        return found.newest
    moment = asked.astimezone(UTC).replace(tzinfo=None)
    own = {name.removeprefix("value_") for name in log.predictions.columns if name.startswith("value_")}
    timeless = (own | log.outcomes.keys()) - log.timed
    if timeless and found.newest is not None and moment < found.newest:
        raise InputError(
            f"as of {asked.isoformat()} cannot be told: the outcomes have no `observed_at` or `received_at` column, so"
            f" nobody knows which labels were in by then; declare one, or ask for {found.newest.isoformat()}Z or later"
        )
    return moment
