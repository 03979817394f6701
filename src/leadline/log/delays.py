"""How late labels are: one statement over a log, asked for where the declaration does not say when they mature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from leadline.log.labels import Codes
from leadline.log.profile import Profile
from leadline.log.reading import LABEL, Log
from leadline.spec.model import Spec

HOUR, DAY = 3600, 86400
HOURS, DAYS = 12, 64
#: ends of the steps of age, in seconds: none, hours up to twelve, days up to sixty-four, then half as long again
EDGES: tuple[int, ...] = (
    0,
    *(hour * HOUR for hour in range(1, HOURS + 1)),
    *(day * DAY for day in range(1, DAYS + 1)),
    *(day * DAY for day in (96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)),
)
#: the first of the long steps
LONG = 1 + HOURS + DAYS
#: values of a slice count on their own where they have so many labels, and this share of all
FEW_LABELS, FEW_OF_ALL = 1_000, 100


@dataclass(frozen=True)
class Arrivals:
    """The labels of some rows by age and delay.

    where    the slice's name and value; None for all rows
    counts   labels by steps that are over for their prediction, by the step in which they came, and by class; shape
             (steps + 1, steps, classes)
    """

    where: tuple[str, str] | None
    counts: NDArray[np.float64]


@dataclass(frozen=True)
class LabelDelays:
    """What a log knows of its labels' delays as of a moment.

    every    arrivals of all rows, then of the slices that have enough labels
    oldest   how old the oldest prediction is
    rows, labelled   predictions, and those that have a label
    """

    every: tuple[Arrivals, ...]
    oldest: timedelta
    rows: int
    labelled: int


def label_delays(log: Log, spec: Spec, found: Profile, codes: Codes, moment: datetime) -> LabelDelays | None:
    """The delays of the labels known at `moment` (naive UTC), by one statement; None where nobody knows them.

    Of a label that was delivered several times the first delivery says when it came, and the last one its class.
    """
    if LABEL not in log.timed or found.first is None:
        return None
    classes = max(codes.missing, 1)
    rows = _labelled(log, found, codes)
    now = ibis.literal(moment, "timestamp(6)").epoch_seconds()
    made, known = rows.timestamp.epoch_seconds(), rows.known_at.epoch_seconds()
    label = rows.code if spec.task != "regression" else ibis.literal(0, "int64")
    parts = {name: rows[name].cast("string") for name in rows.columns if name.startswith("slice_")}
    steps = rows.select(over=_steps_over(now - made), step=_step(known - made), label=label.cast("int64"), **parts)
    table = log.engine.shared(steps.filter(steps.over > 0))
    keys = ["over", "step", "label"]
    pieces = [_counted(table, keys).mutate(place=ibis.literal(-1, "int32"), value=ibis.null("string"))]
    for place, name in enumerate(parts):
        each = _counted(table.filter(table[name].notnull()), [name, *keys]).rename(value=name)
        of_value = each.n.sum().over(ibis.window(group_by=each.value))
        enough = (of_value >= FEW_LABELS) & (of_value * FEW_OF_ALL >= each.n.sum().over(ibis.window()))
        pieces.append(each.mutate(place=ibis.literal(place, "int32"), enough=enough).filter(ibis._.enough))
    columns = ["place", "value", *keys, "n"]
    read = log.engine.run(ibis.union(*(each.select(*columns) for each in pieces)) if parts else pieces[0]).to_pylist()
    found_by: dict[tuple[int, str | None], NDArray[np.float64]] = {}
    for row in read:
        counts = found_by.setdefault((row["place"], row["value"]), np.zeros((len(EDGES) + 1, len(EDGES), classes)))
        if row["step"] < len(EDGES):
            counts[row["over"], row["step"], row["label"]] += row["n"]
    names = [name.removeprefix("slice_") for name in parts]
    every = [Arrivals(None, found_by.pop((-1, None), np.zeros((len(EDGES) + 1, len(EDGES), classes))))]
    ordered = sorted(found_by.items(), key=lambda item: (item[0][0], str(item[0][1])))
    every += [Arrivals((names[place], str(value)), counts) for (place, value), counts in ordered]
    labelled = sum(row["n"] for row in read if row["place"] == -1)
    return LabelDelays(tuple(every), max(moment - found.first, timedelta()), found.rows, labelled)


def _counted(table: ir.Table, keys: Sequence[str]) -> ir.Table:
    return table.group_by(list(keys)).aggregate(n=lambda t: t.count())


def _labelled(log: Log, found: Profile, codes: Codes) -> ir.Table:
    """One row a label: timestamp, known_at, code, and the columns of slices."""
    predictions = log.predictions
    slices = [name for name in predictions.columns if name.startswith("slice_")]
    if f"value_{LABEL}" in predictions.columns:
        code = codes.of_outcomes(predictions, LABEL, f"value_{LABEL}")[f"{LABEL}_code"]
        rows = predictions.select("id", "timestamp", *slices, known_at=predictions[f"known_at_{LABEL}"], code=code)
        rows = rows.filter(rows.code.notnull(), rows.timestamp.notnull(), rows.id.notnull())
        return _once(rows, slices) if "predictions" in found.repeated else rows
    outcomes = log.outcomes[LABEL]
    told = outcomes.select(
        "known_at", other=outcomes.id, code=codes.of_outcomes(outcomes, LABEL, "value")["label_code"]
    )
    told = told.filter(told.code.notnull(), told.other.notnull())
    if LABEL in found.repeated:
        told = told.group_by("other").aggregate(known_at=told.known_at.min(), code=told.code.max())
    made = predictions.select("id", "timestamp", *slices)
    made = made.filter(made.id.notnull(), made.timestamp.notnull())
    if "predictions" in found.repeated:
        made = made.group_by("id").aggregate(
            timestamp=made.timestamp.min(), **{name: made[name].max() for name in slices}
        )
    return made.join(told, made.id == told.other).drop("other")


def _once(rows: ir.Table, slices: Sequence[str]) -> ir.Table:
    return rows.group_by("id").aggregate(
        timestamp=rows.timestamp.min(),
        known_at=rows.known_at.min(),
        code=rows.code.max(),
        **{name: rows[name].max() for name in slices},
    )


def _steps_over(age: ir.Value) -> ir.Value:
    """How many steps are over at an age in seconds."""
    hours, days = 1 + (age / HOUR).floor(), 1 + HOURS + (age / DAY).floor()
    long = [(age < edge, ibis.literal(1 + HOURS + DAYS + place, "int64")) for place, edge in enumerate(EDGES[LONG:])]
    return ibis.cases(
        (age < 0, ibis.literal(0, "int64")),
        (age < DAY, ibis.least(hours, 1 + HOURS).cast("int64")),
        (age < EDGES[LONG], ibis.least(days, 1 + HOURS + DAYS).cast("int64")),
        *long,
        else_=ibis.literal(len(EDGES), "int64"),
    )


def _step(delay: ir.Value) -> ir.Value:
    """The step in which a label came; one without a time, or dated before its prediction, was always known."""
    hours, days = (delay / HOUR).ceil().cast("int64"), HOURS + (delay / DAY).ceil().cast("int64")
    long = [(delay <= edge, ibis.literal(LONG + place, "int64")) for place, edge in enumerate(EDGES[LONG:])]
    return ibis.cases(
        (delay.isnull() | (delay <= 0), ibis.literal(0, "int64")),
        (delay <= HOURS * HOUR, hours),
        (delay <= DAYS * DAY, days),
        *long,
        else_=ibis.literal(len(EDGES), "int64"),
    )
