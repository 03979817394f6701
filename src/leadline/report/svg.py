"""One small chart: a metric over successive windows with its interval, as an inline SVG that needs no style sheet.

It draws in the colour of the text around it, so that it reads on a light page, on a dark one, and in grey.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from leadline.report.markup import Markup, tag
from leadline.report.words import day, days, numbers
from leadline.values import Estimate, ReliabilityBin, Status, counted


@dataclass(frozen=True)
class Box:
    """The size of a chart in pixels, and whether it has labels on its axes."""

    width: int
    height: int
    axes: bool

    @property
    def left(self) -> int:
        return 52 if self.axes else 2

    @property
    def right(self) -> int:
        return self.width - (56 if self.axes else 4)

    @property
    def bottom(self) -> int:
        return self.height - (20 if self.axes else 3)

    @property
    def top(self) -> int:
        return 8 if self.axes else 3


SPARK = Box(150, 28, axes=False)
CHART = Box(720, 170, axes=True)
#: pixels that a mark has at least, so that it is seen and can be pointed at
LEAST_MARK = 2.0


@dataclass(frozen=True)
class Mark:
    """Something that happened, to be marked on the axis of time; both times are the same where it did not last.

    number   under which it is told beside the chart
    """

    start: datetime
    end: datetime
    name: str
    number: int | None = None


@dataclass(frozen=True)
class _Scale:
    box: Box
    first: float
    last: float
    low: float
    high: float

    def x(self, each: Estimate) -> float:
        """The middle of a window."""
        return self.at((each.window.start.timestamp() + each.window.end.timestamp()) / 2)

    def at(self, moment: float) -> float:
        """A moment, in seconds since 1970."""
        part = (moment - self.first) / (self.last - self.first)
        return round(self.box.left + part * (self.box.right - self.box.left), 1)

    def y(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        return round(
            self.box.bottom - (inside - self.low) / (self.high - self.low) * (self.box.bottom - self.box.top), 1
        )


def chart(
    points: Sequence[Estimate],
    title: str,
    zone: ZoneInfo,
    limits: Sequence[float] = (),
    box: Box = SPARK,
    marks: Sequence[Mark] = (),
) -> Markup:
    """A line through the windows' values and a band for their intervals; a gap where a window has no value.

    points   of one metric, slice and version, in order of time, at least one
    limits   what was promised, as dashed lines across
    marks    what happened: numbered marks as dotted lines upright, others as bars; names are shown when pointed at
    Provisional windows are dashed, with hollow dots.
    """
    known = [each for each in points if each.value is not None]
    scale = _scale(points, limits, box)
    inside = [each for each in marks if each.end.timestamp() >= scale.first and each.start.timestamp() <= scale.last]
    parts: list[Markup] = []
    if known:
        parts += [*_axes(scale, points, zone)] if box.axes else []
        parts += _marks(inside, scale, zone)
        parts += [_band(run, scale) for run in _runs(points) if len(run) > 1]
        parts += _limits(limits, scale)
        for run in _runs(points):
            parts += _line(run, scale)
        parts += _last(known[-1], scale)
    return tag(
        "svg",
        tag("title", title),
        tag("desc", _described(points, known, zone, limits, inside)),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {box.width} {box.height}",
        width=box.width,
        height=box.height,
        role="img",
        font_family="inherit",
        font_size=11,
        fill="currentColor",
    )


def trace(values: Sequence[float | None], title: str, box: Box = SPARK) -> Markup:
    """A bare line through figures of successive windows that begins at 0; a gap where one has no value.

    values   at least two
    """
    known = [each for each in values if each is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    width, height = box.right - box.left, box.bottom - box.top
    runs: list[list[tuple[float, float]]] = [[]]
    for at, each in enumerate(values):
        if each is None:
            runs.append([])
            continue
        x, y = box.left + at * width / (len(values) - 1), box.bottom - (each - low) / (high - low or 1.0) * height
        runs[-1].append((round(x, 1), round(y, 1)))
    ends = f"{' to '.join(numbers(known[0], known[-1]))}, at most {numbers(high)[0]}" if known else "no value"
    return tag(
        "svg",
        tag("title", title),
        tag("desc", ends),
        *(tag("path", d=_path(run), fill="none", stroke="currentColor", stroke_width=1.2) for run in runs if run),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {box.width} {box.height}",
        width=box.width,
        height=box.height,
        role="img",
    )


def _scale(points: Sequence[Estimate], limits: Sequence[float], box: Box) -> _Scale:
    values = [each.value for each in points if each.value is not None]
    ends = sorted(end for each in points for end in (each.low, each.high) if each.value is not None and end is not None)
    # One window of three rows has an interval from end to end: the outer twentieth of the ends does not set the scale.
    trimmed = ends[len(ends) // 20 : len(ends) - len(ends) // 20]
    every = [*values, *trimmed, *limits] or [0.0]
    low, high = min(every), max(every)
    room = (high - low) * 0.04 or abs(high) * 0.1 or 1.0
    first, last = points[0].window.start.timestamp(), points[-1].window.end.timestamp()
    return _Scale(box, first, last, low - room, high + room)


def _runs(points: Sequence[Estimate]) -> Iterator[list[Estimate]]:
    """Stretches of windows that all have a value."""
    run: list[Estimate] = []
    for each in points:
        if each.value is None:
            if run:
                yield run
            run = []
        else:
            run.append(each)
    if run:
        yield run


def _band(run: Sequence[Estimate], scale: _Scale) -> Markup:
    sure = [each for each in run if each.low is not None and each.high is not None]
    upper = [f"{scale.x(each):g},{scale.y(each.high):g}" for each in sure if each.high is not None]
    lower = [f"{scale.x(each):g},{scale.y(each.low):g}" for each in reversed(sure) if each.low is not None]
    path = f"M{'L'.join([*upper, *lower])}Z" if upper else "M0,0"
    return tag("path", d=path, fill_opacity="0.15", stroke="none")


#: figures that no label to come will change
SOLID = (Status.REALISED, Status.FEW_LABELS)


def _line(run: Sequence[Estimate], scale: _Scale) -> Iterator[Markup]:
    """Solid as far as all labels are in, dashed from there; a run of one window is a dot."""
    place = [(scale.x(each), scale.y(each.value)) for each in run if each.value is not None]
    young = next((at for at, each in enumerate(run) if each.status not in SOLID), len(run))
    stroke = {"fill": "none", "stroke": "currentColor", "stroke_linejoin": "round"}
    width = 1.5 if scale.box.axes else 1.2
    if young > 1:
        yield tag("path", d=_path(place[:young]), stroke_width=width, **stroke)
    if young < len(run) and len(run) > 1:
        yield tag("path", d=_path(place[max(young - 1, 0) :]), stroke_width=width, stroke_dasharray="2 2", **stroke)
    if len(run) == 1 and young:
        yield tag("circle", cx=place[0][0], cy=place[0][1], r=1.5)
    radius = 2.5 if scale.box.axes else 1.8
    for x, y in place[young:]:
        yield tag("circle", cx=x, cy=y, r=radius, fill="none", stroke="currentColor")


def _path(place: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g},{y:g}" for x, y in place)


def _limits(limits: Sequence[float], scale: _Scale) -> Iterator[Markup]:
    for limit in dict.fromkeys(limits):
        y = scale.y(limit)
        yield tag(
            "path",
            d=f"M{scale.box.left},{y:g}H{scale.box.right}",
            stroke="currentColor",
            stroke_width=1,
            stroke_dasharray="6 3",
            stroke_opacity="0.7",
        )
        if scale.box.axes:
            yield tag("text", f"{limit:g}", x=scale.box.right + 6, y=y + 4, font_weight="bold")


def _marks(marks: Sequence[Mark], scale: _Scale, zone: ZoneInfo) -> Iterator[Markup]:
    numbered_at: dict[float, list[int]] = {}
    for mark in marks:
        start, end = (min(max(each.timestamp(), scale.first), scale.last) for each in (mark.start, mark.end))
        x, top, bottom = scale.at(start), scale.box.top, scale.box.bottom
        shown = tag("title", f"{mark.name}, {day(mark.start, zone)}")
        if mark.number is None:
            width = round(max(scale.at(end) - x, LEAST_MARK), 1)
            yield tag("g", shown, tag("rect", x=x, y=top, width=width, height=bottom - top, fill_opacity="0.2"))
        else:
            numbered_at.setdefault(x, []).append(mark.number)
            path = f"M{x:g},{top}V{bottom}"
            dotted = tag("path", d=path, stroke="currentColor", stroke_dasharray="1 3", stroke_opacity="0.8")
            yield tag("g", shown, dotted)
    for x, numbered in sorted(numbered_at.items()):
        yield tag("text", ", ".join(map(str, numbered)), x=x + 3, y=scale.box.bottom - 4, fill_opacity="0.7")


def _last(each: Estimate, scale: _Scale) -> Iterator[Markup]:
    if each.value is not None and each.status in SOLID:
        yield tag("circle", cx=scale.x(each), cy=scale.y(each.value), r=2)


def _axes(scale: _Scale, points: Sequence[Estimate], zone: ZoneInfo) -> Iterator[Markup]:
    box = scale.box
    faint = {"stroke": "currentColor", "stroke_opacity": "0.2"}
    for value in ticks(scale.low, scale.high):
        y = scale.y(value)
        yield tag("path", d=f"M{box.left},{y:g}H{box.right}", **faint)
        yield tag("text", f"{value:,.10g}", x=box.left - 6, y=y + 4, text_anchor="end", fill_opacity="0.7")
    first, last = points[0], points[-1]
    shown = (
        ((first, "start"), (points[len(points) // 2], "middle"), (last, "end"))
        if len(points) > 4
        else ((first, "start"),)
    )
    for each, anchor in shown:
        x = {"start": box.left, "end": box.right}.get(anchor, scale.x(each))
        label = day(each.window.start, zone)
        yield tag("text", label, x=x, y=box.height - 5, text_anchor=anchor, fill_opacity="0.7")


def ticks(low: float, high: float) -> list[float]:
    """Two to five round numbers between `low` and `high`.

    >>> ticks(-0.04, 1.02), ticks(0.27, 0.93), ticks(1200, 1900)
    ([0.0, 0.5, 1.0], [0.4, 0.6, 0.8], [1200.0, 1400.0, 1600.0, 1800.0])
    """
    power = 10.0 ** math.floor(math.log10(high - low))
    step = next(size * power for size in (0.1, 0.2, 0.5, 1, 2, 5) if (high - low) / (size * power) < 5)
    places = max(0, 1 - math.floor(math.log10(step)))
    return [round(at * step, places) for at in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _described(
    points: Sequence[Estimate],
    known: Sequence[Estimate],
    zone: ZoneInfo,
    limits: Sequence[float],
    marks: Sequence[Mark],
) -> str:
    """The chart in words, for those who do not see it."""
    values = [(each.value, each) for each in known if each.value is not None]
    if not values:
        return f"{counted(len(points), 'window')}, none of which has a value"
    lowest, highest = (choose(values, key=lambda pair: pair[0]) for choose in (min, max))
    young = sum(each.status is Status.PROVISIONAL for each in known)
    said = [f"{counted(len(points), 'window')} from {day(points[0].window.start, zone)} on"]
    for name, (value, each) in (("lowest", lowest), ("highest", highest), ("last", values[-1])):
        said.append(f"{name} {numbers(value)[0]} on {days(each.window, zone)}")
    said += [f"{len(points) - len(known)} without a value"] if len(known) < len(points) else []
    said += [f"{young} provisional"] if young else []
    said += [f"promised {limit:g}" for limit in dict.fromkeys(limits)]
    said += [f"{each.number} began on {day(each.start, zone)}" for each in marks if each.number is not None]
    return "; ".join(said)


# Reliability --------------------------------------------------------------------------------------------------------

SQUARE = Box(330, 300, axes=True)


def reliability_chart(now: Sequence[ReliabilityBin], before: Sequence[ReliabilityBin], title: str) -> Markup:
    """How often scores came true against what they said, both on the same scale: full dots with their intervals, hollow
    ones for the reference, and a dashed line where they would be the same.

    now, before   bins in rising order of score; `now` has at least one
    """
    box = SQUARE
    most = max(max(each.predicted, each.observed_high) for each in (*now, *before))
    most = next((edge for edge in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75) if most <= edge), 1.0)
    right = box.width - 12

    def x(value: float) -> float:
        return round(box.left + value / most * (right - box.left), 1)

    def y(value: float) -> float:
        return round(box.bottom - min(value, most) / most * (box.bottom - box.top), 1)

    parts = []
    for value in ticks(0.0, most):
        parts.append(tag("path", d=f"M{box.left},{y(value):g}H{right}", stroke="currentColor", stroke_opacity="0.2"))
        label = f"{value:g}"
        parts.append(tag("text", label, x=box.left - 6, y=y(value) + 4, text_anchor="end", fill_opacity="0.7"))
        parts.append(tag("text", label, x=x(value), y=box.height - 5, text_anchor="middle", fill_opacity="0.7"))
    parts.append(tag("text", "came true", x=box.left + 4, y=box.top + 10, fill_opacity="0.7"))
    parts.append(tag("text", "score", x=right, y=box.bottom - 6, text_anchor="end", fill_opacity="0.7"))
    same = f"M{x(0):g},{y(0):g}L{x(most):g},{y(most):g}"
    parts.append(tag("path", d=same, stroke="currentColor", stroke_dasharray="6 3", stroke_opacity="0.7"))
    for each in before:
        place = {"cx": x(each.predicted), "cy": y(each.observed)}
        parts.append(tag("circle", **place, r=2.5, fill="none", stroke="currentColor", stroke_opacity="0.6"))
    for each in now:
        ends = f"M{x(each.predicted):g},{y(each.observed_low):g}V{y(each.observed_high):g}"
        parts.append(tag("path", d=ends, stroke="currentColor", stroke_opacity="0.5"))
        parts.append(tag("circle", cx=x(each.predicted), cy=y(each.observed), r=3))
    said = [f"said {each.predicted:.3g}, came true {each.observed:.3g}" for each in now]
    return tag(
        "svg",
        tag("title", title),
        tag("desc", "; ".join(said)),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {box.width} {box.height}",
        width=box.width,
        height=box.height,
        role="img",
        font_family="inherit",
        font_size=11,
        fill="currentColor",
    )
