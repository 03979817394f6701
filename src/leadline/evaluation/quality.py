"""Data quality of a log: partitions read, judged one after the other, and what is odd of them as findings."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np

from leadline.evaluation.declared import as_expected, declared_rules, missing_columns
from leadline.evaluation.partitions import Asked, Rows, placed, read_partitions, rows_of
from leadline.log.calendar import Grain
from leadline.log.profile import Profile
from leadline.log.reading import Log
from leadline.log.reference import Reference
from leadline.quality.declared import broken_rules
from leadline.quality.episodes import Answer, Common, Likeness, Question, answered, episodes, questions
from leadline.quality.fault import Episode, Fault, Relation, Together
from leadline.quality.faults import COUNTED, counted
from leadline.quality.findings import as_it_is, finding, ranked, standing, within
from leadline.quality.history import sightings
from leadline.quality.memory import LASTING
from leadline.quality.onset import onset
from leadline.quality.standing import standing_faults
from leadline.quality.summary import Partitions
from leadline.spec.model import Spec
from leadline.values import ALL_ROWS, Finding, Window

#: findings that are told, at most
MOST = 10
#: other columns that are asked whether a new value goes along with what an old one did
MOST_RELATED = 12
#: hours of the first day of an episode and of the day before it
HOURS = 48


def quality(
    log: Log,
    spec: Spec,
    found: Profile,
    fixed: Reference | None,
    moment: datetime,
    grain: Grain,
    since: datetime | None = None,
    now: datetime | None = None,
) -> tuple[Finding, ...]:
    """What is odd about the data from some time on, what matters most first.

    found    the profile of the log
    fixed    the values of slices; None for none
    moment   the knowledge time, naive UTC
    grain    of the evaluation: no finer partitions are looked at
    since    with a time zone; all partitions that are looked at where None
    now      when it is asked how old the newest prediction is, with a time zone; never where None
    """
    place = placed(spec, found, moment, grain)
    if place is None:
        return ()
    rows = rows_of(log, spec, found, moment, place)
    partitions = read_partitions(rows, spec, found, fixed, moment)
    asked = Window(since or partitions.starts[0], partitions.ends[-1])
    begin = bisect_left(partitions.starts, asked.start)
    every = episodes(partitions, sightings(partitions, max(0, begin - LASTING)))
    broken, always = broken_rules(partitions, declared_rules(rows, spec))
    late, stale = as_expected(spec, partitions, found, now) if now is not None else ((), ())
    mine = within(partitions, (*broken, *late, *every), asked)
    settled = answered(mine, {question: _answer(rows, question) for question in questions(mine)})
    settled = ranked(partitions, settled, asked)[:MOST]
    settled = _counted(rows, partitions, settled, asked)
    first = [as_it_is(fault, asked) for fault in (*stale, *missing_columns(log, spec))]
    first += [standing(fault, partitions, asked) for fault in always]
    last = [standing(fault, partitions, asked) for fault in standing_faults(partitions)]
    return (*first, *(finding(partitions, each, asked) for each in settled), *last)[:MOST]


def _answer(rows: Rows, question: Question) -> Answer:
    return _common(rows, question) if isinstance(question, Together) else _related(rows, question)


def _common(rows: Rows, question: Together) -> Common:
    """Rows in which all of the columns have no value, and the fewest in which one of them has none."""
    table = rows.table.filter(rows.table.place.between(question.first, question.last))
    missing = [table[_column(rows, name).column].isnull() for name in question.columns]
    each = {f"missing_{at}": mine.sum() for at, mine in enumerate(missing)}
    row = rows.engine.run(table.aggregate(all=ibis.and_(*missing).sum(), **each)).to_pylist()[0]
    return Common(row["all"] or 0, min(row[name] or 0 for name in each))


def _related(rows: Rows, question: Relation) -> tuple[Likeness, ...]:
    """How the rows of the two values, and all others before the new one came, lie in other columns."""
    table = rows.table
    value = table[_column(rows, question.column).column]
    before = table.place < question.first
    group = ibis.cases(
        (before & (value == question.old), 0),
        (~before & (value == question.new), 1),
        (before, 2),
        else_=ibis.null("int64"),
    )
    others = [at for at, each in enumerate(rows.columns) if each.name != question.column]
    return tuple(_likeness(rows, group, at) for at in others[:MOST_RELATED])


def _likeness(rows: Rows, group: ir.Value, at: int) -> Likeness:
    """Rows of the three groups by a column's values where it has few, else by their bins."""
    column = rows.table[rows.columns[at].column]
    key = column.cast("string") if rows.few[at] else rows.bin(at).cast("string")
    grouped = rows.table.select(group=group, key=key)
    grouped = grouped.filter(grouped.group.notnull()).group_by("group", "key").aggregate(n=lambda t: t.count())
    table = rows.engine.run(grouped).to_pylist()
    place = {key: number for number, key in enumerate(dict.fromkeys(row["key"] for row in table))}
    counts = np.zeros((3, len(place)), np.int64)
    for row in table:
        counts[row["group"], place[row["key"]]] += row["n"]
    return Likeness(counts[0], counts[1], counts[0] + counts[2])


def _column(rows: Rows, name: str) -> Asked:
    return next(each for each in rows.columns if each.name == name)


def _counted(rows: Rows, partitions: Partitions, found: Sequence[Episode], window: Window) -> tuple[Episode, ...]:
    """With the rows counted that a condition tells, from the hour on in which they began, where rows say which."""
    asked = [at for at, each in enumerate(found) if each.fault.kind in COUNTED]
    if not asked:
        return tuple(found)
    pieces = [_around(rows, found[at], at, len(partitions)) for at in asked]
    counts = np.zeros((len(found), 2, HOURS + 1), np.int64)
    for row in rows.engine.run(ibis.union(*pieces) if len(pieces) > 1 else pieces[0]).to_pylist():
        counts[row["of"], :, row["at"]] = row["hits"] or 0, row["rows"]
    daily = rows.place.grain.unit == "d" and rows.place.grain.count == 1
    settled = list(found)
    for at in asked:
        start, since, begin = partitions.starts[found[at].first], None, HOURS // 2
        if daily and found[at].first and start >= window.start:
            hour = onset(*counts[at, :, :HOURS])
            if hour is not None and hour > begin:
                since, begin = start + timedelta(hours=hour - begin), hour
        hits, of = (int(each) for each in counts[at, :, begin:].sum(axis=-1))
        if of:
            settled[at] = replace(found[at], fault=counted(found[at].fault, hits, of), since=since, rows=hits)
    return tuple(settled)


def _around(rows: Rows, each: Episode, of: int, partitions: int) -> ir.Table:
    """Rows, and those with the fault, by the hour of the first day and the one before; all later ones as one."""
    fault, last = each.fault, partitions - 1 if each.ongoing else each.last
    table = rows.table if fault.slice == ALL_ROWS else rows.raw
    for name, value in fault.slice.parts:
        table = table.filter(table[f"slice_{name}"] == value)
    table = table.filter(table.place.between(each.first - 1, last))
    day = table.place - (each.first - 1)
    at = ibis.ifelse(day < 2, day * 24 + table.hour, HOURS)
    grouped = table.select(of=ibis.literal(of, "int32"), at=at, hit=_touched(rows, table, fault).cast("int64"))
    return grouped.group_by("of", "at").aggregate(rows=lambda t: t.count(), hits=lambda t: t.hit.sum())


def _touched(rows: Rows, table: ir.Table, fault: Fault) -> ir.BooleanValue:
    columns = [table[_column(rows, name).column] for name in fault.columns]
    if fault.kind == "sentinel":
        return (columns[0] == fault.detail[0]).fill_null(False)
    return ibis.and_(*(each.isnull() for each in columns))
