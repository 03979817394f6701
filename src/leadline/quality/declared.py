"""Rows that break what is declared of a feature, and predictions that do not come as expected, as faults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from leadline.quality.fault import Episode, Fault, Figure
from leadline.quality.grid import Ints
from leadline.quality.memory import LEAST
from leadline.quality.summary import Partitions
from leadline.quality.words import number, percent
from leadline.values import Scalar

#: share of the partitions from the first on in which a rule is broken for it to have been always so
ALWAYS = 0.8
#: partitions without a broken row that do not end an episode
GAP = 3


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What is declared of a feature's values, and the rows that break it.

    name    its key in the declaration: `min`, `max`, `allowed`, `not_null`, `unique`, `matches`
    words   what is declared: "at least 0"
    broken  what a row does that breaks it: "below 0"
    where   a condition for such rows; None where there is none
    hits    shape (P,), rows that break it
    rows    shape (P,), rows that could
    """

    name: str
    column: str
    words: str
    broken: str
    where: str | None
    hits: Ints
    rows: Ints


def words_of(name: str, declared: Scalar | Sequence[Scalar]) -> tuple[str, str]:
    """What is declared, and what a row does that breaks it.

    >>> words_of("min", 0.0), words_of("not_null", True)
    (('at least 0', 'below 0'), ('a value in every row', 'missing'))
    """
    if name in ("min", "max") and isinstance(declared, int | float):
        side = ("at least", "below") if name == "min" else ("at most", "above")
        return f"{side[0]} {number(float(declared))}", f"{side[1]} {number(float(declared))}"
    if name == "allowed" and not isinstance(declared, str | int | float | None):
        shown = ", ".join(map(str, declared[:5])) + (" and others" if len(declared) > 5 else "")
        return f"one of {shown}", "with a value that is not allowed"
    if name == "matches":
        return f"text that matches {declared}", f"with text that does not match {declared}"
    if name == "unique":
        return "a value of its own in every row", "with a value that another row has as well"
    return "a value in every row", "missing"


def broken_rules(log: Partitions, rules: Sequence[Rule]) -> tuple[tuple[Episode, ...], tuple[Fault, ...]]:
    """The runs of partitions in which a rule is broken, and the rules that have been broken in all of the log."""
    always = [rule for rule in rules if _always(rule)]
    runs = [each for rule in rules if rule not in always for each in _runs(log, rule)]
    return tuple(runs), tuple(_fault(rule, slice(0, len(log))) for rule in always)


def _always(rule: Rule) -> bool:
    some, present = np.flatnonzero(rule.hits > 0), rule.rows > 0
    return bool(len(some) and some[0] <= LEAST and (rule.hits[present] > 0).mean() >= ALWAYS)


def _runs(log: Partitions, rule: Rule) -> Iterator[Episode]:
    some = np.flatnonzero(rule.hits > 0)
    if not len(some):
        return
    cuts = np.flatnonzero(np.diff(some) > GAP) + 1
    for run in np.split(some, cuts):
        first, last = int(run[0]), int(run[-1])
        over = not log.rows[last + 1 :].any()
        yield Episode(_fault(rule, slice(first, last + 1)), first, last, over)


def _fault(rule: Rule, span: slice) -> Fault:
    hits, rows = int(rule.hits[span].sum()), int(rule.rows[span].sum())
    before = int(rule.hits[: span.start].sum()), int(rule.rows[: span.start].sum())
    return Fault(
        rule.name,
        (rule.column,),
        f"{rule.broken} in {percent(hits / rows)} of the rows",
        f"declared is {rule.words}",
        f"Look at these rows{f': {rule.where}' if rule.where else ''}; or correct what is declared of the feature.",
        hits / rows,
        (Figure("broken_share", before, (hits, rows)),),
        where=rule.where,
        detail=(rule.name,),
    )


def stale(
    log: Partitions, newest: datetime, now: datetime, within: timedelta, closed: NDArray[np.bool_]
) -> Fault | None:
    """The newest prediction is older than it may be; days on which none are expected do not count.

    newest  of the predictions, with a time zone
    now     when it is asked, with a time zone
    closed  shape (P,), partitions on which nothing is expected; those after the log's last are open
    """
    age = now - newest
    for start, end, shut in zip(log.starts, log.ends, closed, strict=True):
        if shut:
            age -= max(min(end, now) - max(start, newest), timedelta())
    if age <= within:
        return None
    hours = age / timedelta(hours=1)
    shown = f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.0f} days"
    return Fault(
        "freshness",
        (),
        f"the newest prediction is {shown} old",
        f"declared is at most {within / timedelta(hours=1):g} hours",
        "Look at whether the job ran, and whether its rows went elsewhere.",
        1.0,
    )


def row_counts(
    log: Partitions, at_least: float | None, at_most: float | None, closed: NDArray[np.bool_]
) -> tuple[Episode, ...]:
    """Days with fewer or more rows than declared, of a log with a partition a day; the last one may not be over."""
    judged = log.complete & ~closed
    few = judged & (log.rows < (at_least if at_least is not None else 0))
    many = judged & (log.rows > (at_most if at_most is not None else np.inf))
    found = []
    for name, out, limit in (("at_least", few, at_least), ("at_most", many, at_most)):
        for run in _in_a_row(np.flatnonzero(out), judged):
            rows = log.rows[run]
            shown = f"{rows.min():,}" if rows.min() == rows.max() else f"{rows.min():,} to {rows.max():,}"
            fault = Fault(
                "volume",
                (),
                f"{shown} rows a day",
                f"declared is {name.replace('_', ' ')} {number(float(limit or 0))} a day",
                "Look at what sends the rows: is a source missing, or does one come twice?",
                1.0,
                detail=(name,),
            )
            found.append(Episode(fault, int(run[0]), int(run[-1]), not judged[run[-1] + 1 :].any()))
    return tuple(found)


def _in_a_row(places: Ints, judged: NDArray[np.bool_]) -> list[Ints]:
    """Places that follow each other; those that are not judged, such as closed days, part no two."""
    if not len(places):
        return []
    skipped = np.cumsum(~judged)
    return np.split(places, np.flatnonzero(np.diff(places - skipped[places]) > 1) + 1)
