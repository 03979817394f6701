"""Looks: the stretches of time that a detector takes in one after the other, each as it was known when it closed.

A look holds the predictions whose outcome was due in it, with the outcomes known at its end (DESIGN §8). What comes
later changes reported figures and is counted as revised, but never changes a look: so that one run over a year says
what a run every day would have said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import ibis
import ibis.expr.types as ir

from leadline.engine import Engine
from leadline.log.calendar import Grain
from leadline.log.labels import Codes
from leadline.log.profile import Profile
from leadline.log.reading import LABEL, Log
from leadline.spec.model import Objective, Spec
from leadline.values import Span

#: windows from this length on take in whole weeks, whose days differ
WEEKLY = 7


@dataclass(frozen=True, slots=True)
class Looks:
    """A calendar of looks.

    grain  one look
    kind   the outcome that the rows wait for: `label`, a feedback's name; "" where they wait for none
    wait   how long after a prediction its outcome is due
    grouped  whether rows are told apart by the hash group of their id, where they have no entity
    """

    grain: Grain
    kind: str
    wait: timedelta
    grouped: bool = False

    @property
    def weeks(self) -> float:
        """Looks in a week."""
        return {"h": 168.0, "mo": 12 / 52}.get(self.grain.unit, 7 / self.grain.count)

    def range(self, found: Profile, moment: datetime) -> tuple[int, int]:
        """Numbers of the first look and of the one after the last that has closed by `moment` (naive UTC).

        Equal where none has closed.
        """
        if found.first is None or found.last is None:
            return 0, 0
        begin = self.number_of(found.first + self.wait)
        end = min(self.grain.number_of(_zoned(moment)), self.number_of(found.last + self.wait) + 1)
        return begin, max(begin, end)

    def number_of(self, instant: datetime) -> int:
        """The look in which an outcome falls that is due at a naive UTC time."""
        return self.grain.number_of(_zoned(instant))


def _zoned(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC)


def look_of(objective: Objective, grain: Grain) -> Grain:
    """One look of an objective: as declared; else a week where the window is a week or more, else a day or an hour.

    >>> look_of(Objective(metric="recall", at_least=0.6, window="28d"), Grain("d", 1, "UTC"))
    Grain(unit='d', count=7, zone='UTC')
    """
    span = objective.look
    if span is None:
        days = 28 if objective.window.unit == "mo" else objective.window.days
        span = Span(1, "h") if days is None else Span(7 if days >= WEEKLY else 1, "d")
    return Grain.dividing([span], grain.zone)


def look_columns(
    rows: ir.Table,
    log: Log,
    spec: Spec,
    found: Profile,
    codes: Codes,
    moment: datetime,
    looks: Sequence[Looks],
    until: str | None = None,
) -> dict[str, ir.Value]:
    """For each calendar what a look saw of joined rows, by its place in `looks`; NULL throughout for rows in no look.

    look_0            number of the look; only of looks that have closed, and of predictions that it knew
    look_0_actual     class code of the label that it knew; look_0_label_value for a regression; look_0_hit of feedback
    look_0_revised    whether what it knew is not what is known now

    until  for rows of replaced labels: the column with the time at which the next one counted. Then `look_0` is NULL
           unless the look knew the replaced label, and look_0_before_... is what the row's latest label says of it
    """
    columns: dict[str, ir.Value] = {}
    for place, each in enumerate(looks):
        begin, after = each.range(found, moment)
        if begin == after or (until is not None and each.kind != LABEL):
            continue
        first, last = (found.first or moment), max(found.last or moment, moment)
        span = first, last + each.wait
        due = rows.timestamp if not each.wait else rows.timestamp + _interval(each.wait)
        number = each.grain.number(due, *span)
        inside = number < after
        if spec.predictions.columns.received_at is not None:
            inside &= each.grain.number(rows.known_at, *span) <= number
        name = f"look_{place}"
        if not each.kind:
            columns[name] = ibis.ifelse(inside, number, ibis.null("int64"))
            continue
        kind = each.kind
        nothing = ibis.null("int8")
        code = rows[f"{kind}_code"] if f"{kind}_code" in rows.columns else nothing
        matched = rows[f"matched_{kind}"].fill_null(False) if f"matched_{kind}" in rows.columns else ibis.literal(False)
        absent = codes.absent(kind)
        unknown = ibis.null(code.type()) if absent is None else ibis.literal(absent, code.type())
        known = matched
        if f"known_at_{kind}" in rows.columns:
            known = known & (each.grain.number(rows[f"known_at_{kind}"], *span) <= number).fill_null(True)
        said = ibis.ifelse(known, code, unknown)
        if until is not None:
            inside &= known & (each.grain.number(rows[until], *span) > number)
            columns |= _outcome(codes, kind, f"{name}_before", unknown)
            now = rows.current_code
        else:
            now = ibis.ifelse(matched, code, unknown)
        columns[name] = ibis.ifelse(inside, number, ibis.null("int64"))
        if each.grouped and "entity" not in rows.columns:
            columns["id_group"] = hash_group(log.engine, rows.id)
        columns |= _outcome(codes, kind, name, said)
        columns[f"{name}_revised"] = inside & ~said.identical_to(now)
        if until is not None:
            columns[f"{name}_before_revised"] = inside & ~unknown.identical_to(now)
    return columns


def _outcome(codes: Codes, kind: str, name: str, code: ir.Value) -> dict[str, ir.Value]:
    """The columns that a code of a kind becomes, with the name of a look before them."""
    return {
        f"{name}_{column.partition('_')[0] if kind != LABEL else column}": value
        for column, value in codes.finished(kind, code).items()
    }


def _interval(wait: timedelta) -> ir.Value:
    return ibis.interval(microseconds=wait // timedelta(microseconds=1))


def hash_group(engine: Engine, value: ir.Value) -> ir.Value:
    """0..15 from the md5 of a value's text: the eighth of its hexadecimal digits."""
    digit = engine.md5(value.cast("string")).substr(7, 1)
    return ibis.literal("0123456789abcdef").find(digit).fill_null(0).cast("int64")
