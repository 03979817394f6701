"""The pipeline around the model: its runs as sums for objectives, and what is wrong with them as findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from leadline.evaluation.freshness import Age
from leadline.log.calendar import Grain
from leadline.log.runs import Run
from leadline.metrics.evaluate import Evaluated, Range
from leadline.metrics.runs import RunRate, SuccessAge
from leadline.metrics.sums import Array, Sums
from leadline.report.words import day, elapsed, named, promised
from leadline.spec.model import Spec
from leadline.stats.proportion import share_interval
from leadline.values import ALL_ROWS, Estimate, Finding, Judgement, Slice, Status, Verdict, Window, counted
from leadline.why.components import Expected, Kind, Told, Trouble, told, troubles

#: days in which runs are looked at where no objective has a longer window
DAYS = 28
#: what breaks so long after something went wrong with a component, at most, may be its doing
FOLLOWS = timedelta(days=7)
#: broken promises that are named
BROKEN = 2
#: runs that are named
NAMED = 5
#: what is measured by kind
MEASURED = {
    Kind.LATE: "pause_s",
    Kind.OVERDUE: "pause_s",
    Kind.LONG: "duration_s",
    Kind.STALE: "input_age_s",
}
NEXT = {
    Kind.FAILED: "Look at the log of {last}.",
    Kind.LATE: "See whether its schedule was held up, or what it waits for.",
    Kind.LONG: "Compare the size of its inputs, and the machine, with those of the runs before {first}.",
    Kind.OVERDUE: "See why no training succeeds, and whether the model in production is still the one that should be.",
    Kind.STALE: "See what fills its inputs, and since when that has delivered nothing.",
}


@dataclass(frozen=True)
class Pipeline:
    """The runs that were known `now`, in the order of time.

    expected   what is declared of components, by name
    window     the stretch of time in which they are looked at; it ends now
    now        the time that was asked for, else the clock: a pipeline that stopped is silent
    """

    runs: tuple[Run, ...]
    expected: Mapping[str, Expected]
    window: Window
    now: datetime

    @classmethod
    def of(cls, spec: Spec, runs: tuple[Run, ...], now: datetime) -> Pipeline:
        """The runs, and what a spec says of them."""
        declared = {} if spec.runs is None else spec.runs.components
        expected = {
            name: Expected(each.expected_every, each.inputs_within, each.trains) for name, each in declared.items()
        }
        span = max([DAYS, *(each.window.days or DAYS for each in spec.objectives)])
        return cls(runs, expected, Window(now - timedelta(days=span), now), now)

    @property
    def components(self) -> tuple[str, ...]:
        """The names of all components."""
        return tuple(sorted({*self.expected, *(run.component for run in self.runs)}))

    def grains(self, grain: Grain, first: int) -> int:
        """How many grains there are from `first` to now."""
        return max(grain.number_of(self.now) + 1 - first, 0)

    def sums(self, metric: RunRate | SuccessAge, grain: Grain, first: int, grains: int) -> Sums:
        """The runs that a metric is about, by the grain in which that became known, as rows."""
        mine = [each for name in self._components_of(metric) for each in self._about(metric, name)]
        place = np.array([grain.number_of(each.at) - first for each in mine], dtype=np.int64)
        wrong = np.array([each.wrong for each in mine], dtype=np.float64)
        inside = (place >= 0) & (place < grains)

        def by_grain(weight: Array | None) -> Array:
            return np.bincount(place[inside], weight, minlength=grains).astype(np.float64)

        rows, hits = by_grain(None), by_grain(wrong[inside])
        nothing = np.zeros((grains, 2, 2))
        measure = metric.measure.name if isinstance(metric, RunRate) else metric.name
        losses = {measure: np.stack([rows, rows, rows, hits, hits, hits], axis=-1)}
        return Sums(rows, rows, rows, 0 * rows, nothing, nothing, losses)

    def _about(self, metric: RunRate | SuccessAge, component: str) -> Sequence[Told]:
        found = self._told.get(component, {})
        if isinstance(metric, RunRate):
            return found.get(metric.wrong, ())
        return [each for each in found.get("failed", ()) if not each.wrong]

    @cached_property
    def _told(self) -> Mapping[str, Mapping[str, tuple[Told, ...]]]:
        return told(self.runs, self.expected, self.window, self.now)

    def _components_of(self, metric: RunRate | SuccessAge) -> tuple[str, ...]:
        if metric.component:
            return (metric.component,)
        declared = isinstance(metric, SuccessAge) and bool(self.expected)
        return tuple(self.expected) if declared else self.components

    def age(self, metric: SuccessAge, end: datetime | None = None) -> Age:
        """Of the last success by `end`, or now; of several components that which lacks it most, of those declared."""
        moment = self.now if end is None else min(end, self.now)
        last = dict.fromkeys(self._components_of(metric), -np.inf)
        for name in last:
            ends = [each.at for each in self._about(metric, name) if each.at <= moment]
            last[name] = max(ends).timestamp() if ends else -np.inf
        oldest = min(last, key=lambda name: last[name], default=None)
        if oldest is None:
            return Age(-np.inf, moment, metric.undefined)
        return Age(last[oldest], moment, f"{named(oldest)} has not succeeded yet")

    def ages(
        self, metric: SuccessAge, grain: Grain, first: int, grains: int, windows: Sequence[Range]
    ) -> list[Evaluated]:
        """Seconds since the last success at the end of each window; of the last one of the log, now."""
        ends = [None if after >= grains else grain.start(first + after) for _, after in windows]
        return [self.age(metric, end).evaluated for end in ends]

    def findings(self, zone: ZoneInfo, judgements: Sequence[Judgement] = ()) -> list[Finding]:
        """What is wrong with the components, in the order in which it began: on the time line of the metrics.

        judgements   of the objectives: promises that broke soon after are named beside it
        """
        found = troubles(self.runs, self.expected, self.window, self.now)
        return [_finding(each, self.window, zone, judgements) for each in found]


def _finding(trouble: Trouble, window: Window, zone: ZoneInfo, judgements: Sequence[Judgement]) -> Finding:
    named_ = _Named(trouble.runs, zone)
    do = NEXT[trouble.kind].format(first=named_.first, last=named_.last)
    return Finding(
        kind=trouble.kind.value,
        what=f"{named(trouble.component)} {_SAID[trouble.kind](trouble, zone)}.",
        slice=ALL_ROWS,
        window=window,
        next=" ".join([*_broken(trouble, judgements, zone), do]),
        since=trouble.since,
        rows=len(trouble.runs),
        evidence=(_evidence(trouble, window),),
        examples=tuple(run.id for run in trouble.runs[-NAMED:] if run.id is not None),
    )


def _broken(trouble: Trouble, judgements: Sequence[Judgement], zone: ZoneInfo) -> Iterator[str]:
    """The promises that broke soon after a trouble began, in sentences."""
    after = [
        (each.since.astimezone(zone).date() - trouble.since.astimezone(zone).date(), each)
        for each in judgements
        if each.status is Verdict.BREACHED and each.since is not None and not each.metric.startswith("run_")
    ]
    soon = [pair for pair in after if timedelta() <= pair[0] <= FOLLOWS]
    for later, each in sorted(soon, key=lambda pair: (pair[0], pair[1].slice != ALL_ROWS))[:BROKEN]:
        of = "" if each.slice == ALL_ROWS else f" of {named(each.slice)}"
        when = f"{counted(later.days, 'day')} after this began" if later else "the day on which this began"
        yield f"{each.metric} {promised(each)}{of} broke {when}."


@dataclass(frozen=True)
class _Named:
    """How the first and the last of some runs are called."""

    runs: Sequence[Run]
    zone: ZoneInfo

    @property
    def first(self) -> str:
        return day(self.runs[0].started, self.zone) if self.runs else "it"

    @property
    def last(self) -> str:
        if not self.runs:
            return "it"
        run = self.runs[-1]
        return f"the run of {day(run.started, self.zone)}" if run.id is None else f"run {named(run.id)}"


def _evidence(trouble: Trouble, window: Window) -> Estimate:
    """The figure that a trouble rests on."""
    n, where = trouble.judged, Slice((("component", trouble.component),))
    if trouble.kind in (Kind.LONG, Kind.STALE):
        window = Window(trouble.since, window.end)
    if trouble.kind is Kind.FAILED:
        low, high = share_interval(float(len(trouble.runs)), float(n))
        share = len(trouble.runs) / n
        return Estimate(
            "run_failure_rate", where, None, window, share, low, high, n, n, Status.REALISED, interval="wilson"
        )
    metric, size = MEASURED[trouble.kind], trouble.size
    if size is None:
        return Estimate(metric, where, None, window, None, None, None, n, n, Status.UNDEFINED, "it has never run")
    return Estimate(metric, where, None, window, size.total_seconds(), None, None, n, n, Status.REALISED)


def _failed(trouble: Trouble, zone: ZoneInfo) -> str:
    failed = trouble.runs
    said = f"failed in {len(failed):,} of {counted(trouble.judged, 'run')}, "
    said += f"on {day(failed[0].started, zone)}" if len(failed) == 1 else f"first on {day(failed[0].started, zone)}"
    if not trouble.lasting:
        return f"{said}; it has succeeded since"
    if trouble.succeeded is None:
        return f"{said}; it has never succeeded"
    return f"{said}; it has not succeeded since {day(trouble.succeeded, zone)}"


def _usual(trouble: Trouble, begin: str) -> str:
    usual = _every(trouble.usual or timedelta())
    return f"it is {begin} {usual}" if trouble.declared else f"it usually {begin.removeprefix('to ')}s {usual}"


def _every(time: timedelta) -> str:
    """A pause in words.

    >>> _every(timedelta(days=1)), _every(timedelta(days=7))
    ('every day', 'every 7 days')
    """
    return f"every {elapsed(time).removeprefix('1 ')}"


def _late(trouble: Trouble, zone: ZoneInfo) -> str:
    if trouble.size is None or trouble.usual is None:
        return f"has never run; it is to start {_every(trouble.usual or timedelta())}"
    late = elapsed(trouble.size - trouble.usual)
    if trouble.lasting:
        return f"was due on {day(trouble.since, zone)} and is {late} late; {_usual(trouble, 'to start')}"
    when = f"on {day(trouble.runs[-1].started, zone)}"
    times = (
        f"{len(trouble.runs):,} times, by up to {late}, last {when}" if len(trouble.runs) > 1 else f"by {late} {when}"
    )
    return f"started late {times}; {_usual(trouble, 'to start')}"


def _overdue(trouble: Trouble, zone: ZoneInfo) -> str:
    if trouble.succeeded is None or trouble.size is None:
        return f"has never succeeded; {_usual(trouble, 'to succeed')}"
    ago = elapsed(trouble.size)
    return f"last succeeded on {day(trouble.succeeded, zone)}, {ago} ago; {_usual(trouble, 'to succeed')}"


def _long(trouble: Trouble, zone: ZoneInfo) -> str:
    size, usual = elapsed(trouble.size or timedelta()), elapsed(trouble.usual or timedelta())
    if len(trouble.runs) > 1:
        first = day(trouble.runs[0].started, zone)
        often = f"in {len(trouble.runs):,} of {counted(trouble.judged, 'run')} since {first}"
        return f"took up to {size} {often}, usually {usual}"
    run = trouble.runs[0]
    if run.succeeded is None:
        return f"has been running for {size} since {day(run.started, zone)}, usually {usual}"
    return f"took {size} on {day(run.started, zone)}, usually {usual}"


def _stale(trouble: Trouble, zone: ZoneInfo) -> str:
    size, usual = elapsed(trouble.size or timedelta()), elapsed(trouble.usual or timedelta())
    beside = f"{usual} is the most" if trouble.declared else f"usually {usual}"
    first = day(trouble.runs[0].started, zone)
    if len(trouble.runs) > 1:
        often = f"in {len(trouble.runs):,} of {counted(trouble.judged, 'run')} since {first}"
        return f"read inputs up to {size} old {often}; {beside}"
    return f"read inputs {size} old on {first}; {beside}"


_SAID = {Kind.FAILED: _failed, Kind.LATE: _late, Kind.LONG: _long, Kind.OVERDUE: _overdue, Kind.STALE: _stale}
