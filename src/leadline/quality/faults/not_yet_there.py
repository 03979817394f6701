"""A length of time that is cut off by the end of the data: rows whose time plus length lie after it are not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from leadline.quality.fault import Episode, Fault, Figure
from leadline.quality.summary import Column, Partitions
from leadline.quality.words import number, percent
from leadline.stats.arrays import Floats
from leadline.values import ALL_ROWS

#: what a length of time is counted in, in days
UNITS: tuple[tuple[str, float], ...] = (
    ("days", 1.0),
    ("hours", 1 / 24),
    ("minutes", 1 / 1440),
    ("seconds", 1 / 86400),
    ("weeks", 7.0),
)
#: partitions at the end that are looked at, and the share of them whose largest value reaches the limit
LATEST, REACHES = 12, 0.6
#: how far the line through the largest values may fall from one a day each day: values that do not fall lie near a
#: limit in the middle of a short stretch, too
OFF_SLOPE = 0.25
#: share of the values that are whole: lengths of time are counted
WHOLE = 0.999
#: how near that is, in partitions and as a share of what is left, and by how many the largest values have to fall
NEAR, NEAR_SHARE, FALLS = 1.5, 0.05, 4.0
#: share of the values before that the limit now leaves out
LEAST = 0.02


def not_yet_there(log: Partitions) -> Iterator[Episode]:
    """The largest value falls by a day a day, as where rows are kept only once the length of time is over.

    Looked for in whole numbers, and told where their largest ones lie along such a line from its first partition on.
    """
    days = np.array([(each - log.starts[0]) / timedelta(days=1) for each in (*log.starts, log.ends[-1])])
    for column in log.columns:
        if column.text or column.slice != ALL_ROWS:
            continue
        for unit, length in UNITS:
            found = _cut(column, days, length)
            if found is not None:
                yield _episode(log, column, unit, found)
                break


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where it began, the last day that is reached, the largest value that there may be now, and how many were larger.

    limit        days after the first partition began
    before, now  rows beyond `most` and rows with a value, before it began and since
    """

    first: int
    limit: float
    most: float
    before: tuple[int, int]
    now: tuple[int, int]


def _cut(column: Column, days: Floats, length: float) -> _Cut | None:
    some = np.flatnonzero(column.known > 0)
    latest = some[-LATEST:]
    if len(latest) < LATEST or column.whole[latest].sum() < WHOLE * column.known[latest].sum():
        return None
    partition = float(np.median(np.diff(days)))
    reached = column.high * length + days[:-1]
    limit = float(reached[latest].max())
    fall = float(column.high[latest[0]] - column.high[latest[-1]]) * length
    near = NEAR * partition + NEAR_SHARE * (limit - days[:-1])
    if (reached >= limit - near)[latest].mean() < REACHES or fall < FALLS * partition:
        return None
    free = some[reached[some] < limit - 5 * NEAR * partition]
    if len(free) < LATEST:
        return None
    usual = float(np.median(column.high[free])) * length
    began = some[limit - days[:-1][some] < usual]
    if len(began) < LATEST or not _falls(column.high[began] * length, days[began]):
        return None
    first = int(began[0])
    most = (limit - float(days[latest[-1]])) / length
    larger = column.ends[0] >= most
    before, now = (column.counts[places].sum(axis=0) for places in (free[free < first], began))
    past = int(before[larger].sum()), int(before.sum())
    if past[0] < LEAST * past[1]:
        return None
    return _Cut(first, limit, most, past, (int(now[larger].sum()), int(now.sum())))


def _falls(highest: Floats, days: Floats) -> bool:
    """Whether the line through the largest values, in days, falls by about one a day."""
    return abs(float(np.polyfit(days - days.mean(), highest, 1)[0]) + 1) <= OFF_SLOPE


def _episode(log: Partitions, column: Column, unit: str, cut: _Cut) -> Episode:
    one = unit.removesuffix("s")
    day = log.starts[0] + timedelta(days=cut.limit)
    share = cut.before[0] / cut.before[1]
    fault = Fault(
        "cut_off",
        (column.name,),
        f"cut off by the end of the data at {day:%Y-%m-%d}: the largest value falls by one {one} each {one}",
        f"now at most {number(cut.most)} {unit}, where before {percent(share)} of the values were larger",
        "The end of the data does that, not the world: rows with larger values are not there yet. Leave out the last"
        " rows, or compare with what was known as early before.",
        share,
        (Figure("beyond_share", cut.before, cut.now),),
        detail=("by time",),
    )
    return Episode(fault, cut.first, len(log) - 1, ongoing=True)
