"""Clock times that are some hours off."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from leadline.quality.comparison import CHANCE, LEAST_PARTITIONS, Comparison, strangeness
from leadline.quality.fault import Fault
from leadline.quality.grid import Ints
from leadline.quality.summary import Column
from leadline.stats.arrays import Floats

#: how strange the hours may be once they are moved back (see `strangeness`)
USUAL = 1.5
LEAST_ROWS = 100
HOURS = 24
#: hours that a column of hours has to have values in, and how late the last of them is
LEAST_HOURS, LATEST = 12, 20


def time_zone_shift(found: Comparison) -> Iterator[Fault]:
    """The hours of the day are far more likely as usual ones that were all moved by the same number of hours."""
    if len(found.now) and len(found.before) and found.now.complete[0] and found.now.hours[0].sum() >= LEAST_ROWS:
        yield from _fault("", found.before.hours, found.now.hours[0])
    for pair in found.numbers():
        hours = _hours(pair.before), _hours(pair.now)
        if hours[0] is not None and hours[1] is not None and pair.n >= LEAST_ROWS:
            yield from _fault(pair.name, hours[0], hours[1][0])


def _fault(name: str, before: Ints, now: Ints) -> Iterator[Fault]:
    if strangeness(before, now) <= 1.0:
        return
    usual = (before.sum(axis=0) + 0.5) / (before.sum() + HOURS / 2)
    ratios = {hours: np.log(np.roll(usual, hours) / usual) for hours in range(-11, 13) if hours}
    evidence = {hours: float(now @ ratio) for hours, ratio in ratios.items()}
    hours = max(evidence, key=lambda each: (evidence[each], -abs(each)))
    seen = max(0.0, *(float((before @ ratio).max()) for ratio in ratios.values()))
    if evidence[hours] - seen < -2 * math.log(CHANCE) * _clustering(before, usual):
        return
    if strangeness(before, np.roll(now, -hours)) > USUAL:
        return
    much = f"{abs(hours)} hour{'s' if abs(hours) > 1 else ''} {'later' if hours > 0 else 'earlier'}"
    yield Fault(
        "time_zone_shift",
        (name,) if name else (),
        f"{'all values' if name else 'predictions'} {much} in the day than usual",
        "moved back they are as before",
        "Look at the time zone in which the clock is written and read"
        + (", and whether daylight saving time began or ended." if abs(hours) == 1 else "."),
        1.0,
        detail=(hours,),
    )


def _clustering(before: Ints, usual: Floats) -> float:
    """How much more the counts of partitions vary than those of independent rows; at least 1."""
    expected = before.sum(axis=1, keepdims=True) * usual
    some = expected.sum(axis=1) > 0
    if some.sum() < LEAST_PARTITIONS:
        return 1.0
    return max(1.0, float(((before - expected)[some] ** 2 / expected[some]).sum() / (some.sum() - 1) / (HOURS - 1)))


def _hours(column: Column) -> Ints | None:
    """Rows by hour, where the column has whole numbers from 0 to 23; else None."""
    if not column.complete or column.text or not column.values:
        return None
    values = np.array(column.values, np.float64)
    inside = (values >= 0) & (values < HOURS) & (values == np.round(values))
    if not inside.all() or len(values) < LEAST_HOURS or values.max() < LATEST:
        return None
    found = np.zeros((len(column.rows), HOURS), np.int64)
    found[:, values.astype(int)] = column.value_counts
    return found
