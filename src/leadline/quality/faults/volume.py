"""Partitions without rows, and far fewer or more rows than usual."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

import numpy as np

from leadline.quality.comparison import Comparison
from leadline.quality.fault import Fault
from leadline.quality.grid import Ints
from leadline.quality.words import percent
from leadline.stats.prediction import predicted

#: rows have to fall to this share of what was expected, or rise to this many times it
FALL, RISE = 0.7, 1.5
#: share of partitions at the same place of the season that may have been without rows
CLOSED = 0.5


def missing_partition(found: Comparison) -> Iterator[Fault]:
    """No rows, where the same day of earlier weeks had some."""
    if found.now.rows[0]:
        return
    same = _same_place(found)
    if len(same) and (same == 0).mean() <= CLOSED:
        yield Fault(
            "missing_partition",
            (),
            "no predictions at all",
            f"usually about {np.median(same[same > 0]):,.0f} a {_unit(found)}",
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
    if usual.p([math.log(rows)])[0] >= found.level or not (rows < FALL * expected or rows > RISE * expected):
        return
    fewer = rows < expected
    than = f"{percent(1 - rows / expected)} fewer than" if fewer else f"{rows / expected:.2g} times as many as"
    yield Fault(
        "volume",
        (),
        f"{rows:,} rows, {than} usual",
        f"usually about {expected:,.0f} a {_unit(found)}",
        "Look at what sends the rows: is a source missing, or does one come twice?",
        1.0,
        detail=("fewer" if fewer else "more",),
    )


def _same_place(found: Comparison) -> Ints:
    """Rows of the partitions before at the same place of the season."""
    season = found.now.season
    if season == 1:
        return found.before.rows
    place = found.now.starts[0]
    same = [_place(each, season) == _place(place, season) for each in found.before.starts]
    return found.before.rows[np.array(same, bool)] if same else found.before.rows


def _place(start: datetime, season: int) -> tuple[int, ...]:
    """Where in its season a partition begins: the day of the week, of hours the hour as well."""
    return (start.weekday(),) if season == 7 else (start.weekday(), start.hour)


def _unit(found: Comparison) -> str:
    hours = (found.now.ends[0] - found.now.starts[0]).total_seconds() / 3600
    return "hour" if hours < 2 else "day" if hours < 30 else "week" if hours < 24 * 8 else "month"
