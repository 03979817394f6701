"""Partitions without rows, and far fewer or more rows than usual."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

import numpy as np

from leadline.quality.comparison import Comparison
from leadline.quality.fault import Fault
from leadline.quality.grid import Ints
from leadline.quality.summary import Partitions
from leadline.quality.words import percent
from leadline.stats.prediction import LEAST_SEASONS, predicted

#: rows have to fall to this share of what was expected, or rise to this many times it
FALL, RISE = 0.7, 1.5
#: share of partitions at the same place of the season that may have been without rows
CLOSED = 0.5


def missing_partition(found: Comparison) -> Iterator[Fault]:
    """No rows, where the same day of earlier weeks had some."""
    if found.now.rows[0]:
        return
    same = _same_place(found.before, found.now.starts[0], found.now.season)
    if len(same) and (same == 0).mean() <= CLOSED:
        yield Fault(
            "missing_partition",
            (),
            "no predictions at all",
            f"usually about {np.median(same[same > 0]):,.0f} a {_unit(found.now)}",
            "Look at whether the job ran, and whether its rows went elsewhere.",
            1.0,
        )


def volume(found: Comparison) -> Iterator[Fault]:
    """Far fewer or far more rows than such a partition usually has."""
    rows = int(found.now.rows[0])
    if not rows or not found.before.rows.sum():
        return
    past = np.where(found.before.rows > 0, np.log(np.maximum(found.before.rows, 1)), np.nan)
    usual = predicted(past[:, None], np.array([1 / math.sqrt(rows)]), found.now.season)
    expected = float(np.exp(usual.expected[0]))
    if usual.p([math.log(rows)])[0] < found.level and (rows < FALL * expected or rows > RISE * expected):
        fault = rows_of(found.before, found.now)
        if fault is not None:
            yield fault


def rows_of(before: Partitions, now: Partitions) -> Fault | None:
    """How many rows partitions have beside what is usual for the same days; None where they are not far fewer or more.

    before   the partitions that are taken for usual, P >= 1
    now      one or several; those that are not over yet, or closed, do not count
    """
    whole = now.complete & ~now.closed
    if not whole.any() or not before.rows.any():
        return None
    usual = [_usual_rows(before, now, start) for start, over in zip(now.starts, whole, strict=True) if over]
    n, rows, expected = len(usual), float(now.rows[whole].mean()), float(np.mean(usual))
    if not (rows < FALL * expected or rows > RISE * expected):
        return None
    fewer, unit = rows < expected, _unit(now)
    shown = f"{rows:,.0f} rows" + (f" {'an' if unit == 'hour' else 'a'} {unit} on average" if n > 1 else "")
    than = f"{percent(1 - rows / expected)} fewer than" if fewer else f"{rows / expected:.2g} times as many as"
    same = {7: " on the same days of the week", 24: " at the same hours"}.get(now.season, "")
    return Fault(
        "volume",
        (),
        f"{shown}, {than} usual",
        f"usually about {expected:,.0f} {'an' if unit == 'hour' else 'a'} {unit}{same}",
        "Look at what sends the rows: is a source missing, or does one come twice?",
        1.0,
        detail=("fewer" if fewer else "more",),
    )


def _usual_rows(before: Partitions, now: Partitions, start: datetime) -> float:
    """The mean of the partitions at the same place of the season, where there are some; else of all."""
    same = _same_place(before, start, now.season)
    some = same[same > 0] if len(same) >= LEAST_SEASONS else before.rows[before.rows > 0]
    return float(some.mean()) if len(some) else float(before.rows.mean())


def _same_place(before: Partitions, start: datetime, season: int) -> Ints:
    """Rows of the partitions before at the same place of the season."""
    if season == 1:
        return before.rows
    same = [_place(each, season) == _place(start, season) for each in before.starts]
    return before.rows[np.array(same, bool)] if same else before.rows


def _place(start: datetime, season: int) -> tuple[int, ...]:
    """Where in its season a partition begins: the day of the week, of hours the hour as well."""
    return (start.weekday(),) if season == 7 else (start.weekday(), start.hour)


def _unit(log: Partitions) -> str:
    hours = (log.ends[0] - log.starts[0]).total_seconds() / 3600
    return "hour" if hours < 2 else "day" if hours < 30 else "week" if hours < 24 * 8 else "month"
