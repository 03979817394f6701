"""What is declared of features and of how predictions come, counted on the engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from leadline.evaluation.partitions import Asked, Rows
from leadline.log.columns import number, text_of
from leadline.log.profile import Profile
from leadline.log.reading import Log
from leadline.quality.declared import Rule, row_counts, stale, words_of
from leadline.quality.fault import Episode, Fault
from leadline.quality.faults.null_jump import quoted_name
from leadline.quality.grid import Ints
from leadline.quality.summary import Partitions
from leadline.spec.model import Feature, Spec
from leadline.values import Scalar


def declared_rules(rows: Rows, spec: Spec) -> tuple[Rule, ...]:
    """Rows that break what is declared of a feature, by partition."""
    of_features = spec.predictions.features
    if not isinstance(of_features, dict):
        return ()
    asked = {each.name: each for each in rows.columns}
    wanted = [
        (asked[name], rule, feature) for name, feature in of_features.items() if name in asked for rule in feature.rules
    ]
    if not wanted:
        return ()
    table = rows.table.mutate(
        **{
            f"copies_{at}": rows.table[each.column].count().over(ibis.window(group_by=rows.table[each.column]))
            for at, (each, rule, _) in enumerate(wanted)
            if rule == "unique"
        }
    )
    sums = {
        f"hits_{at}": _breaks(table, at, each, rule, feature).fill_null(False).sum()
        for at, (each, rule, feature) in enumerate(wanted)
    }
    counted = rows.engine.run(table.group_by("place").aggregate(rows=table.count(), **sums)).to_pylist()
    found = []
    for at, (each, rule, feature) in enumerate(wanted):
        hits, total = _by_place(counted, f"hits_{at}", rows.place.count), _by_place(counted, "rows", rows.place.count)
        words, broken = words_of(rule, getattr(feature, rule))
        found.append(Rule(rule, each.name, words, broken, _where(each, rule, feature), hits, total))
    return tuple(found)


def _by_place(table: Sequence[dict[str, Any]], name: str, count: int) -> Ints:
    found = np.zeros(count, np.int64)
    for row in table:
        found[row["place"]] = row[name] or 0
    return found


def _breaks(table: ir.Table, at: int, each: Asked, rule: str, feature: Feature) -> ir.BooleanValue:
    """Whether a row breaks a rule; NULL where it has no value, but for `not_null`."""
    value = table[each.column]
    if rule == "not_null":
        return value.isnull()
    if rule == "unique":
        return value.notnull() & (table[f"copies_{at}"] > 1)
    if rule == "matches":
        return ~(value if each.text else value.cast("string")).re_search(feature.matches)
    if rule == "allowed":
        values = _values(each, feature)  # among numbers none where words alone are allowed
        return value.notin(values) if values else value.notnull()
    # of text those are judged that are written as numbers: that others are none is a finding of its own
    value = number(value, each.name)
    return value < feature.min if rule == "min" else value > feature.max


def _values(each: Asked, feature: Feature) -> list[Any]:
    """The allowed values in the type of the column; true and false are 1 and 0 among numbers, '7' is 7."""
    if each.text:
        return [text_of(value) for value in feature.allowed]
    return [value for value in map(_as_number, feature.allowed) if value is not None]


def _as_number(value: Scalar) -> float | None:
    try:
        found = None if value is None else float(value)
    except ValueError:
        return None
    return found if found is not None and math.isfinite(found) else None


def _where(each: Asked, rule: str, feature: Feature) -> str | None:
    """The rows that break a rule as a condition of the declaration's own language; None where it cannot say that."""
    name = quoted_name(each.name)
    if rule == "not_null":
        return f"{name} IS NULL"
    if rule == "allowed":
        values = _values(each, feature)
        if not values:
            return f"{name} IS NOT NULL"
        shown = ", ".join("'" + value.replace("'", "''") + "'" if each.text else f"{value:g}" for value in values)
        return f"{name} NOT IN ({shown})"
    if rule in ("min", "max") and not each.text:
        return f"{name} {'<' if rule == 'min' else '>'} {getattr(feature, rule):g}"
    return None


def as_expected(
    spec: Spec, log: Partitions, found: Profile, now: datetime
) -> tuple[tuple[Episode, ...], tuple[Fault, ...]]:
    """Days with too few or too many rows, and that the newest prediction is too old.

    now   when that is asked, with a time zone
    """
    expected = spec.predictions.expected
    if expected is None or found.last is None:
        return (), ()
    daily = log.season == 7
    rows = row_counts(log, expected.at_least, expected.at_most, log.closed) if daily else ()
    if expected.within is None:
        return rows, ()
    late = stale(log, found.last.replace(tzinfo=UTC), now, expected.within, log.closed)
    return rows, () if late is None else (late,)


def missing_columns(log: Log, spec: Spec) -> tuple[Fault, ...]:
    """Features that are declared and that the predictions have not got."""
    of_features = spec.predictions.features
    if of_features == "auto" or log.raw is None:
        return ()
    there = set(log.raw.columns)
    return tuple(
        Fault(
            "missing_column",
            (name,),
            "declared as a feature, and the predictions have no such column",
            "",
            "Look at whether the column has another name now, or correct the declaration.",
            1.0,
        )
        for name in of_features
        if name not in there
    )
