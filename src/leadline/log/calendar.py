"""Local clock time, grains and windows of the declared time zone (DESIGN §3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir

from leadline.values import Span, Window

#: days and weeks count from here: a Monday
ANCHOR = date(1970, 1, 5)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Grain:
    """The unit of time of the cells: an hour, a number of days, or a month. Numbered; a window is a run of numbers.

    unit    "h", "d" or "mo"
    count   days in a grain of days, else 1
    zone    IANA name of the declared time zone
    """

    unit: str
    count: int
    zone: str

    @classmethod
    def dividing(cls, spans: Iterable[Span], zone: str) -> Grain:
        """The largest unit that divides all of these windows.

        >>> Grain.dividing([Span.parse("1d"), Span.parse("28d")], "UTC").count
        1
        >>> Grain.dividing([Span.parse("1w"), Span.parse("28d")], "UTC").count
        7
        """
        asked = tuple(spans)
        units = {span.unit for span in asked}
        if "h" in units:
            return cls("h", 1, zone)
        if units == {"mo"}:
            return cls("mo", 1, zone)
        days = [span.days for span in asked if span.days is not None]
        return cls("d", 1 if "mo" in units else math.gcd(*days), zone)

    @property
    def _shift(self) -> timedelta:
        """Minutes by which the zone's hours begin off the hours of UTC (India: 30)."""
        offset = ZoneInfo(self.zone).utcoffset(datetime(2020, 1, 1))  # clock time of that zone
        return (offset or timedelta()) % _HOUR

    @property
    def in_a_week(self) -> int:
        """How many of these grains make a week, at least 1.

        >>> Grain("d", 2, "UTC").in_a_week
        3
        """
        if self.unit == "h":
            return 24 * 7
        return max(7 // self.count, 1) if self.unit == "d" else 1

    @property
    def in_a_day(self) -> int:
        """How many of these grains make a day, at least 1."""
        return 24 if self.unit == "h" else 1

    def number(self, instant: ir.Value, first: datetime, last: datetime) -> ir.Value:
        """The grain's number of each naive UTC timestamp in [first, last], as an Ibis integer."""
        if self.unit == "h":
            hours = (instant + ibis.interval(seconds=int(self._shift.total_seconds()))).truncate("h")
            return (hours.epoch_seconds() / 3600).floor().cast("int64")
        local = local_time(instant, self.zone, first, last)
        if self.unit == "mo":
            return (local.year().cast("int64") * 12 + local.month().cast("int64") - 1).cast("int64")
        days = local.date().delta(ibis.date(ANCHOR), unit="day").cast("int64")
        return days if self.count == 1 else (days / self.count).floor().cast("int64")

    def number_of(self, instant: datetime) -> int:
        """The same for one moment in Python; `instant` carries a time zone.

        >>> Grain("d", 1, "America/New_York").number_of(datetime(1970, 1, 6, 3, tzinfo=UTC))
        0
        """
        if self.unit == "h":
            return math.floor((instant.timestamp() + self._shift.total_seconds()) / 3600)
        local = instant.astimezone(ZoneInfo(self.zone))
        if self.unit == "mo":
            return local.year * 12 + local.month - 1
        return (local.date() - ANCHOR).days // self.count

    def start(self, number: int) -> datetime:
        """When a grain begins, in UTC.

        >>> Grain("mo", 1, "UTC").start(2013 * 12 + 4).isoformat()
        '2013-05-01T00:00:00+00:00'
        """
        if self.unit == "h":
            return datetime.fromtimestamp(number * 3600, UTC) - self._shift
        if self.unit == "mo":
            day = date(number // 12, number % 12 + 1, 1)
        else:
            day = ANCHOR + timedelta(days=number * self.count)
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)

    def window(self, first: int, after: int) -> Window:
        """The window of the grains first, ..., after - 1."""
        return Window(self.start(first), self.start(after))

    def tumbling(self, span: Span, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The tumbling windows of a span that touch the grains first..last, as (first grain, grain after).

        Windows of days count from Monday 1970-01-05, months are the calendar's.
        """
        begin = first
        while begin <= last:
            begin, after = self.window_at(span, begin)
            yield begin, after
            begin = after

    def window_at(self, span: Span, number: int) -> tuple[int, int]:
        """The tumbling window of a span that holds a grain."""
        if span.unit == self.unit and self.unit != "d":
            return number, number + 1
        if self.unit == "h":
            day = Grain("d", 1, self.zone).number_of(self.start(number))
            begin, after = Grain("d", 1, self.zone).window_at(span, day)
            return tuple(self.number_of(Grain("d", 1, self.zone).start(edge)) for edge in (begin, after))  # type: ignore[return-value]  # two in, two out
        if span.unit == "mo":
            month = Grain("mo", 1, self.zone)
            holding = month.number_of(self.start(number))
            return self.number_of(month.start(holding)), self.number_of(month.start(holding + 1))
        grains = (span.days or 1) // self.count
        begin = number // grains * grains
        return begin, begin + grains

    def rolling(self, span: Span, after: int) -> tuple[int, int]:
        """The window of a span that ends where grain `after` begins.

        A month that ends inside a month begins at the same day of the month before.
        """
        if self.unit == "mo":
            return after - 1, after
        if span.unit == self.unit == "h":
            return after - 1, after
        end = self.start(after).astimezone(ZoneInfo(self.zone))
        if span.unit == "mo":
            year, month = divmod(end.year * 12 + end.month - 2, 12)
            begins = date(year, month + 1, 1) + timedelta(days=end.day - 1)
            begins = (
                min(begins, date(end.year, end.month, 1) - timedelta(days=1)) if begins.month == end.month else begins
            )
        elif self.unit == "d":
            return after - (span.days or 1) // self.count, after
        else:
            begins = end.date() - timedelta(days=span.days or 1)
        start = datetime.combine(begins, end.time(), ZoneInfo(self.zone))
        return self.number_of(start.astimezone(UTC)), after


def offsets(zone: str, first: datetime, last: datetime) -> list[tuple[datetime, timedelta]]:
    """The zone's offsets from UTC between two naive UTC times: (naive UTC time until which it holds, offset).

    The last entry holds until `datetime.max`. Found by bisection over Python's own time zone data, so that every
    engine uses the same: they carry different editions, and DuckDB's own conversion was measured 16 times slower.
    """
    tz = ZoneInfo(zone)

    def offset(at: datetime) -> timedelta:
        found = at.replace(tzinfo=UTC).astimezone(tz).utcoffset()
        return found if found is not None else timedelta()

    edge = timedelta(days=2)
    at = max(first, datetime.min + edge) - edge
    end = min(last, datetime.max - 4 * edge) + edge
    found: list[tuple[datetime, timedelta]] = []
    step = timedelta(days=10)
    while at < end:
        after = min(at + step, end)
        if offset(at) != offset(after):
            low, high = at, after
            while high - low > timedelta(seconds=1):
                middle = (low + (high - low) / 2).replace(microsecond=0)
                low, high = (middle, high) if offset(middle) == offset(at) else (low, middle)
            found.append((high.replace(microsecond=0), offset(at)))
        at = after
    found.append((datetime.max, offset(end)))
    return found


def local_time(instant: ir.Value, zone: str, first: datetime, last: datetime) -> ir.Value:
    """Naive UTC timestamps in [first, last] → naive clock time in the zone, the same on every engine."""
    return _shifted(instant, [(until, offset) for until, offset in offsets(zone, first, last)])


def utc_time(clock: ir.Value, zone: str, first: datetime, last: datetime) -> ir.Value:
    """Naive clock times of the zone in [first, last] → naive UTC timestamps.

    Of the two readings of a repeated hour the earlier is taken; a skipped clock time is read with the offset before
    it: what Python does (PEP 495, fold=0).
    """
    found = offsets(zone, first, last)
    following = [offset for _, offset in found[1:]]
    edges = [
        until + max(pair)
        for (until, before), after in zip(found, following, strict=False)
        for pair in [(before, after)]
    ]
    return _shifted(clock, [(edge, -offset) for edge, (_, offset) in zip([*edges, datetime.max], found, strict=True)])


def _shifted(value: ir.Value, steps: list[tuple[datetime, timedelta]]) -> ir.Value:
    def plus(offset: timedelta) -> ir.Value:
        return value + ibis.interval(seconds=int(offset.total_seconds())) if offset else value

    *earlier, (_, final) = steps
    if not earlier:
        return plus(final)
    return ibis.cases(
        *((value < ibis.literal(until, "timestamp(6)"), plus(offset)) for until, offset in earlier), else_=plus(final)
    )
