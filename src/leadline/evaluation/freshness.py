"""How old the newest row is: of all rows and of slices, when a window ended and now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np

from leadline.engine import Engine
from leadline.log.calendar import Grain
from leadline.log.reference import Reference, coded
from leadline.metrics.evaluate import Evaluated, Range
from leadline.metrics.runs import SuccessAge
from leadline.metrics.service import Freshness
from leadline.metrics.sums import Array
from leadline.values import Interval, Undefined

Place = tuple[int | None, int | None]
"""The partition and the code of a slice; none of both for all rows."""
#: the method of an interval that has no width, as nothing is left to chance
EXACT = "exact"


NO_ROWS = "no rows"


@dataclass(frozen=True, slots=True)
class Age:
    """How long ago something last was.

    last   seconds since 1970; -inf where it never was, and `never` says so
    end    the time at which it is asked for
    """

    last: float
    end: datetime
    never: str

    @property
    def evaluated(self) -> Evaluated:
        """In seconds, from 0 on; nothing of it is left to chance."""
        if not np.isfinite(self.last):
            return Evaluated(Undefined(self.never))
        seconds = max(self.end.timestamp() - self.last, 0.0)
        return Evaluated(seconds, Interval(seconds, seconds, EXACT))

    def reaches(self, seconds: float) -> datetime:
        """When it was, or will be, so long ago."""
        return datetime.fromtimestamp(self.last, UTC) + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Newest:
    """When the newest row came, as seconds since 1970 by grain; -inf in a grain without rows.

    now     the time that was asked for, else the clock: the one figure that would be blind to a log that stopped if it
            were told as of the newest row
    grain, first   of the first place in the arrays
    """

    by_place: Mapping[Place, Array]
    grain: Grain
    first: int
    now: datetime

    def ages(self, where: Place, windows: Sequence[Range]) -> list[Evaluated]:
        """Seconds from the newest row to the end of each window; of the last one, to now."""
        times = self.by_place.get(where)
        if times is None:
            return [Evaluated(Undefined(NO_ROWS)) for _ in windows]
        latest = np.maximum.accumulate(times)
        ends = [self.now if after >= len(times) else self._end(after) for _, after in windows]
        return [
            Age(float(latest[after - 1]), end, NO_ROWS).evaluated for (_, after), end in zip(windows, ends, strict=True)
        ]

    def age(self, where: Place) -> Age:
        """Of the newest row of all or of a slice."""
        times = self.by_place.get(where)
        return Age(-np.inf if times is None else float(times.max()), self.now, NO_ROWS)

    def _end(self, after: int) -> datetime:
        return min(self.grain.start(self.first + after), self.now)


def asked_for(metrics: Iterable[object]) -> bool:
    """Whether a metric needs the times of the newest rows."""
    return any(isinstance(each, Freshness) and not isinstance(each, SuccessAge) for each in metrics)


def newest(
    engine: Engine,
    predictions: ir.Table,
    fixed: Reference,
    grain: Grain,
    first: int,
    last: int,
    span: tuple[datetime, datetime],
    now: datetime,
) -> Newest:
    """Read the newest time of each grain and slice, in one statement.

    predictions  the deliveries that count, with the columns of slices
    span         naive UTC times between which all of theirs lie
    """
    kept = [name for name in predictions.columns if name == "timestamp" or name.startswith("slice_")]
    rows = coded(engine, predictions.select(*kept), fixed.partitions, ())
    rows = rows.mutate(grain=grain.number(rows.timestamp, *span) - first)
    rows = engine.shared(rows.filter(rows.grain.between(0, last - first)))
    pieces = []
    for place in (-1, *range(len(fixed.partitions))):
        code = ibis.literal(-1, "int64") if place < 0 else rows[f"slice_code_{place}"].cast("int64")
        grouped = rows.group_by(place=ibis.literal(place, "int64"), code=code, grain=rows.grain)
        pieces.append(grouped.aggregate(newest=lambda t: t.timestamp.max()))
    by_place: dict[Place, Array] = {}
    for row in engine.run(ibis.union(*pieces) if len(pieces) > 1 else pieces[0]).to_pylist():
        where: Place = (None, None) if row["place"] < 0 else (row["place"], row["code"])
        times = by_place.setdefault(where, np.full(last - first + 1, -np.inf))
        times[row["grain"]] = row["newest"].replace(tzinfo=UTC).timestamp()
    return Newest(by_place, grain, first, now)
