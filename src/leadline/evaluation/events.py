"""What happened around the model, with what the metrics did before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from leadline.evaluation.estimates import Evaluation
from leadline.log.events import Happened
from leadline.metrics.metric import Metric
from leadline.values import EventEffect
from leadline.why.before_after import Step, before_after

Range = tuple[int, int]
VERSION = "version"
#: events are candidates for a change that began within so long of them
NEAR = timedelta(days=7)


@dataclass(frozen=True)
class Around:
    """An event in an evaluation: the places of the grains before and after it, of one that lasted while it did; or why
    there are none."""

    event: Happened
    before: Range
    after: Range
    why: str | None = None


@dataclass(frozen=True)
class Happenings:
    """The events of an evaluation: those that are declared, and the first day of each version but the first."""

    of: Evaluation

    @cached_property
    def events(self) -> list[Happened]:
        """In the order of time; one that is told twice counts once."""
        return sorted(dict.fromkeys([*self.of.events, *self._versions()]), key=lambda each: (each.at, each.name))

    def _versions(self) -> Iterator[Happened]:
        if len(self.of.reference.versions) < 2:
            return
        begins = {}
        for code, name in enumerate(self.of.reference.versions):
            rows = np.flatnonzero(self.of.series.sums(version=code).rows)
            if len(rows):
                begins[name] = int(rows[0])
        first = min(begins.values(), default=0)
        for name, begin in begins.items():
            if begin > first:
                yield Happened(self.of.grain.start(self.of.series.first + begin), f"version {name}", VERSION)

    def near(self, moment: datetime) -> list[tuple[timedelta, Happened]]:
        """The events that may have caused a change that began at a moment, and how far apart, nearest first."""
        apart = [(_apart(each, moment), each) for each in self.events]
        return [pair for pair in sorted(apart, key=lambda pair: pair[0]) if pair[0] <= NEAR]

    def steps(self, metrics: Sequence[Metric]) -> Iterator[tuple[Around, Metric, Step | None]]:
        """What each metric that is a ratio did at each event, in the order of time; None where nobody can tell.

        Nothing where labels were chosen for labelling: a few days have too few of them.
        """
        if self.of.sampled is not None:
            return
        ratios = [(metric, metric.as_ratio(metric.parts(self.of.total))) for metric in metrics]
        for each in self._around:
            others = self._quiet(each)
            for metric, ratio in ratios:
                if ratio is not None:
                    told = each.why is None
                    step = before_after(ratio, each.before, each.after, others, metric.rooted) if told else None
                    yield each, metric, step

    def effect(self, each: Around, metric: Metric, step: Step | None) -> EventEffect:
        """The same as a value."""
        event = each.event
        about = event.name, event.kind, event.at, event.until, metric.name
        if each.why is not None:
            return EventEffect(*about, why=each.why)
        windows = self.of.window(*each.before), self.of.window(*each.after)
        if step is None:
            return EventEffect(*about, *windows, why=metric.undefined)
        half = float(step.sure.half()[0])
        change = step.after - step.before
        low, high = (change - half, change + half) if half > 0 else (None, None)
        return EventEffect(*about, *windows, step.before, step.after, change, low, high, step.as_large)

    @cached_property
    def _around(self) -> list[Around]:
        return [self._place(each) for each in self.events]

    def _place(self, event: Happened) -> Around:
        """The grains to compare: two weeks before and two weeks after it, or as long as it lasted; a week where there
        is no more."""
        begin, after = self._grains(event)
        week, mature = self.of.grain.in_a_week, self.of.mature_until
        if event.until is None:
            room = min(begin, mature - after)
            length = next((each for each in (2 * week, week) if each <= room), 0)
            behind = (after, after + length)
        else:
            length = next((each for each in (2 * week, week) if each <= begin), 0)
            behind = (begin, min(after, mature))
        if begin < week or not length or behind[0] >= behind[1]:
            return Around(event, (0, 0), (0, 0), self._too_short(event, begin < week))
        return Around(event, (begin - length, begin), behind)

    def _too_short(self, event: Happened, before: bool) -> str:
        if before:
            return "the log has less than a week before it"
        if event.until is None:
            return "the log has less than a week after it whose labels should be in"
        return "the log has no labels of it that should be in"

    def _grains(self, event: Happened) -> tuple[int, int]:
        """The first grain that it touches, and the first one after it: the same where it falls between two."""
        grain, first = self.of.grain, self.of.series.first
        ends = [event.at if event.until is None else event.until]
        begin, after = (grain.number_of(each) for each in (event.at, *ends))
        return begin - first, after + (grain.start(after) < ends[0]) - first

    def _quiet(self, each: Around) -> list[int]:
        """Places at which nothing is known to have happened in as long windows, within what is mature."""
        first, second = each.before[1] - each.before[0], each.after[1] - each.after[0]
        if each.why is not None:
            return []
        places = np.arange(first, self.of.mature_until - second + 1)
        for other in self._around:
            begin, after = self._grains(other.event)
            places = places[(places + second <= begin) | (places - first >= after)]
        return [int(place) for place in places]


def _apart(event: Happened, moment: datetime) -> timedelta:
    """How long before a moment an event was over, or after it that it began; nothing while it lasts."""
    end = event.at if event.until is None else event.until
    return max(event.at - moment, moment - end, timedelta(0))
