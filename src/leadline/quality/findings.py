"""Episodes as findings: sentences with the day on which it began, and figures with intervals."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from leadline.quality.fault import Episode, Fault, Figure, subject
from leadline.quality.rules import ALPHA
from leadline.quality.summary import Partitions
from leadline.stats.proportion import share_interval
from leadline.values import ALL_ROWS, Estimate, Finding, Slice, Status, Window

#: what counts less among findings: those that ended, those that began long ago
ENDED, OLD = 0.5, 0.3
#: times before after which what only looks unusual is usual
OFTEN = 3
#: what is told only while it is new
NEWS = ("unusual", "volume", "new_category", "vanished_category", "renamed_category")


def ranked(log: Partitions, found: Sequence[Episode], window: Window) -> tuple[Episode, ...]:
    """The episodes that touch a window, what matters most first.

    What comes and goes is told of the last time, which knows how often it was so before; what looks unusual again and
    again is usual. What has a name comes before what only looks unusual. Then what is most of the rows of its
    partitions before what is few, what is there still before what has ended, and what began in the window before what
    is older. Of what is alike in this, within a factor of two, that first which touches more rows of the window.
    """

    def order(each: Episode) -> tuple[bool, int, float, int, tuple[str, ...]]:
        _, halvings = math.frexp(_weight(log, each, window))
        return _vague(each), -halvings, -_rows(log, each, window.start), each.first, each.fault.columns

    mine = [each for each in within(log, found, window) if not (_vague(each) and len(each.earlier) >= OFTEN)]
    latest = {each.fault.key: each for each in sorted(mine, key=lambda each: each.first)}
    return tuple(sorted(latest.values(), key=order))


def _vague(each: Episode) -> bool:
    return each.fault.kind == "unusual"


def within(log: Partitions, found: Sequence[Episode], window: Window) -> tuple[Episode, ...]:
    """The episodes that touch a window. What is no longer new once it has lasted is left out where it began before.

    What only looks unusual, and that in one partition, is left out where so much is to be expected by chance of the
    partitions of the window: half of the chance of a false alarm is for the newest one, half for all others together.
    """
    newest = int(np.flatnonzero(log.rows)[-1]) if log.rows.any() else -1
    others = sum(start < window.end and end > window.start for start, end in zip(log.starts, log.ends, strict=True)) - 1
    return tuple(
        each
        for each in found
        if log.starts[each.first] < window.end
        and _end(log, each) > window.start
        and (log.ends[each.first] > window.start or each.fault.kind not in NEWS or _declared(each))
        and (
            each.seen > 1
            or not _vague(each)
            or each.fault.chance < ALPHA / 2 / (1 if each.first == newest else max(others, 1))
        )
    )


def _declared(each: Episode) -> bool:
    """Whether it breaks what is declared, which no time makes usual: of volumes those name their limit."""
    return each.fault.kind == "volume" and each.fault.detail[:1] in (("at_least",), ("at_most",))


def _end(log: Partitions, each: Episode) -> datetime:
    return max(log.ends[-1], log.ends[each.last]) if each.ongoing else log.ends[each.last]


def _weight(log: Partitions, each: Episode, window: Window) -> float:
    weight = each.fault.share * (1.0 if each.ongoing else ENDED)
    return weight * (OLD if log.ends[each.first] <= window.start else 1.0)


def _rows(log: Partitions, each: Episode, begin: datetime | None = None) -> float:
    """How many rows it touches; where a beginning is given, from there on: none where it has ended before."""
    first = each.first if begin is None else max(each.first, bisect_right(log.ends, begin))
    rows = log.rows
    if each.fault.slice != ALL_ROWS:
        rows = next((of.rows for of in log.columns if of.slice == each.fault.slice), rows)
    return each.fault.share * float(rows[first : _after(log, each)].sum())


def _after(log: Partitions, each: Episode) -> int:
    return len(log) if each.ongoing else each.last + 1


def finding(log: Partitions, each: Episode, window: Window) -> Finding:
    """One episode."""
    fault = each.fault
    span = Window(each.since or log.starts[each.first], log.ends[_after(log, each) - 1])
    return Finding(
        kind=fault.kind,
        what=_sentence(log, each),
        slice=fault.slice,
        window=window,
        next=fault.next,
        columns=fault.columns,
        since=span.start,
        rows=round(_rows(log, each)) if each.rows is None else each.rows,
        evidence=tuple(estimate for figure in fault.figures for estimate in _estimates(log, each, span, figure)),
        where=fault.where,
    )


def as_it_is(fault: Fault, window: Window) -> Finding:
    """A fault of now, whenever it began."""
    before = f"; {fault.before}" if fault.before else ""
    return Finding(
        kind=fault.kind,
        what=f"{subject(fault)}{fault.what}{before}.",
        slice=fault.slice,
        window=window,
        next=fault.next,
        columns=fault.columns,
    )


def standing(fault: Fault, log: Partitions, window: Window) -> Finding:
    """A fault that has been there in all of the log."""
    return Finding(
        kind=fault.kind,
        what=f"{subject(fault)}{fault.what}{f'; {fault.before}' if fault.before else ''};"
        " it has been so in all of the log.",
        slice=fault.slice,
        window=window,
        next=fault.next,
        columns=fault.columns,
        rows=round(fault.share * int(log.rows.sum())),
        where=fault.where,
    )


def _sentence(log: Partitions, each: Episode) -> str:
    fault = each.fault
    hourly = log.ends[0] - log.starts[0] < timedelta(hours=2)
    begin = day(each.since or log.starts[each.first], hourly or each.since is not None)
    if each.ongoing:
        when = f" since {begin}"
    else:
        last = log.ends[each.last] - timedelta(hours=1) if not hourly else log.ends[each.last]
        end = day(last, hourly)
        when = f" on {begin}" if end == begin else f" from {begin} to {end}"
        if begin != end and begin.startswith(end):  # the end is a day, the beginning an hour of it
            when = f" on {end} from {begin.removeprefix(end).strip()} on"
    before = f"; {fault.before}" if fault.before else ""
    if each.earlier:
        times = {1: "once before", 2: "twice before"}.get(len(each.earlier), f"{len(each.earlier)} times before")
        before += f"; it was so {times}, until {day(log.ends[each.earlier[-1]] - timedelta(hours=1), False)}"
    elif "never" not in fault.before:
        before += "; never so before"
    return f"{subject(fault)}{fault.what}{when}{before}."


def day(moment: datetime, clock: bool) -> str:
    """A moment in its own time zone: the date, with the clock where that matters."""
    midnight = not (moment.hour or moment.minute)
    return f"{moment:%Y-%m-%d %H:%M}" if clock and not midnight else f"{moment:%Y-%m-%d}"


def _estimates(log: Partitions, each: Episode, span: Window, figure: Figure) -> tuple[Estimate, ...]:
    """Before, from the first partition that it was compared with, and now."""
    where, begin = each.fault.slice, min(each.usual, default=0)
    found = []
    if each.first and figure.before is not None:
        before = Window(log.starts[begin], log.starts[each.first])
        found = [_estimate(figure.name, where, before, *figure.before)]
    return (*found, _estimate(figure.name, where, span, *figure.now))


def _estimate(name: str, where: Slice, window: Window, hits: int, rows: int) -> Estimate:
    if not rows:
        return Estimate(name, where, None, window, None, None, None, 0, 0, Status.UNDEFINED, "no rows")
    low, high = share_interval(float(hits), float(rows))
    return Estimate(name, where, None, window, hits / rows, low, high, rows, rows, Status.REALISED, interval="wilson")
