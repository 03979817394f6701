"""A length of time that is cut off by the end of the data: rows whose time plus length lie after it are not there."""

from __future__ import annotations

from collections.abc import Iterator
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
#: how near that is, in partitions and as a share of what is left, and by how many the largest values have to fall
NEAR, NEAR_SHARE, FALLS = 1.5, 0.05, 4.0
#: share of the values before that the limit now leaves out
LEAST = 0.02


def not_yet_there(log: Partitions) -> Iterator[Episode]:
    """The largest value falls by a day a day, as where rows are kept only once the length of time is over."""
    days = np.array([(each - log.starts[0]) / timedelta(days=1) for each in (*log.starts, log.ends[-1])])
    for column in log.columns:
        if column.text or column.slice != ALL_ROWS:
            continue
        for unit, length in UNITS:
            found = _cut(column, days, length)
            if found is not None:
                yield _episode(log, column, unit, *found)
                break


def _cut(column: Column, days: Floats, length: float) -> tuple[int, float, float, int, int] | None:
    """Where it began, the last day that is reached, the largest value there may be now, and rows beyond it before."""
    some = np.flatnonzero(column.known > 0)
    latest = some[-LATEST:]
    if len(latest) < LATEST or not np.isfinite(column.high[latest]).all():
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
    if not len(began):
        return None
    first = int(began[0])
    most = (limit - float(days[latest[-1]])) / length
    before = column.counts[free[free < first]].sum(axis=0)
    beyond = int(before[column.ends[0] >= most].sum())
    if beyond < LEAST * before.sum():
        return None
    return first, limit, most, beyond, int(before.sum())


def _episode(
    log: Partitions, column: Column, unit: str, first: int, limit: float, most: float, beyond: int, before: int
) -> Episode:
    one = unit.removesuffix("s")
    day = log.starts[0] + timedelta(days=limit)
    fault = Fault(
        "cut_off",
        (column.name,),
        f"cut off by the end of the data at {day:%Y-%m-%d}: the largest value falls by one {one} each {one}",
        f"now at most {number(most)} {unit}, where before {percent(beyond / before)} of the values were larger",
        "The end of the data does that, not the world: rows with larger values are not there yet. Leave out the last"
        " rows, or compare with what was known as early before.",
        beyond / before,
        (Figure("beyond_share", (beyond, before), (0, int(column.known[-1]))),),
        detail=("by time",),
    )
    return Episode(fault, first, len(log) - 1, ongoing=True)
