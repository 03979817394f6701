"""What `leadline.backtest` returns, and `backtest` itself: a log replayed as it became known.

Looks hold what was known when each closed, so one evaluation of today's log is the replay of all earlier ones: only
the windows that alarms are judged by are read as they are known today.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from leadline.evaluation.estimates import LEFT_OUT, Evaluation
from leadline.evaluation.judging import Judged, Judging, Watch
from leadline.evaluation.looks import Watched, not_detected
from leadline.evaluation.promises import relative
from leadline.evaluation.result import evaluated
from leadline.metrics.metric import Metric, Unserved
from leadline.metrics.sums import Array
from leadline.objectives.backtest import (
    Bools,
    Looked,
    beyond_threshold,
    cried_wolf,
    differs_by_p,
    first_wrong,
    outside_three_sigma,
    reference_looks,
)
from leadline.report.backtest import BacktestReport, Replayed, backtest_document, backtest_summary
from leadline.spec.model import Objective
from leadline.values import Alarm, BreachReplay, Replay, RuleReplay, Slice, Span, Target, Undefined

#: the usual rules that learn from a reference, with what they are called in the JSON document
LEARNING: Mapping[str, Callable[[Looked, int], Bools]] = {
    "mean_3_sigma": lambda looked, after: outside_three_sigma(looked.figure, after),
    "p_below_05": differs_by_p,
}
FIXED = "fixed_threshold"
MOMENT = timedelta(microseconds=1)


def replays(found: Evaluation) -> list[Replay]:
    """Each objective for all rows and for each value of its slices."""
    judging = Judging(found)
    made: list[Replay] = []
    for objective in found.spec.objectives:
        metric = found.objective_metrics[objective.figure]
        watched = judging.watched(objective)
        seen = next((watch.seen.of for watch in watched.values()), None)
        schedule = None if seen is None else Schedule.of(found, objective.window, seen)
        for each in judging.slices(objective):
            target = judging.target(objective, each)
            if isinstance(target, Undefined):
                made.append(_untold(metric, objective, each.where, target.why))
            elif schedule is not None and each in watched:
                made.append(_Told(judging, objective, metric, target, each, watched[each], schedule).replay())
            else:
                made.append(
                    _untold(metric, objective, each.where, _why(found, objective, metric, bool(watched)), target)
                )
        told = {partition.name for partition in found.reference.partitions}
        for entry in found.spec.slices:
            if entry.name in objective.slices and entry.name not in told:
                where = Slice(tuple((part.name, LEFT_OUT) for part in found.spec.parts(entry)))
                made.append(_untold(metric, objective, where, f"the slice {entry.name!r} is left out"))
    return made


def _untold(
    metric: Metric, objective: Objective, where: Slice, why: str, target: Target | Undefined | None = None
) -> Replay:
    return Replay(
        metric=metric.name,
        slice=where,
        target=target or objective.target or Undefined(why),
        relative=relative(objective, metric),
        window=objective.window,
        look=None,
        looks=0,
        start=None,
        end=None,
        broken=0,
        breaches=(),
        rules=(),
        why=why,
    )


def _why(found: Evaluation, objective: Objective, metric: Metric, others: bool) -> str:
    """Why the detector says nothing of a slice.

    others   whether it says something of others
    """
    if objective.rule != "detector" and not isinstance(metric, Unserved):
        return f"its rule `{objective.rule}` has no looks: leadline check --as-of says what it said at a time"
    why = not_detected(objective, metric, found.spec)
    if why is not None:
        return why
    return "AUC is detected in the largest slices only" if others else "no look has closed yet"


@dataclass(frozen=True)
class Schedule:
    """When looks close, and which window a check would have shown then; the same for all slices of an objective.

    starts  of each look, and the close of the last
    shown   for each look the looks of that window, first and after, as if the log had no beginning: those of which the
            larger part lies in it, and always the last one
    places  for each look the places of that window in the sums by grain; of the whole look where that is longer
    until   how many looks, from the first on, hold predictions of the declared reference only
    """

    starts: tuple[datetime, ...]
    shown: tuple[tuple[int, int], ...]
    places: tuple[tuple[int, int], ...]
    until: int

    @classmethod
    def of(cls, found: Evaluation, window: Span, seen: Watched) -> Schedule:
        """The schedule of a calendar of looks, for an objective's window."""
        grain, calendar, log_begins = found.grain, seen.calendar, found.series.first
        starts = tuple(calendar.grain.start(seen.begin + look) for look in range(seen.looks + 1))
        shown, places = [], []
        for look, (start, close) in enumerate(pairwise(starts)):
            first, after = grain.rolling(window, grain.number_of(close - calendar.wait))
            opens = grain.start(first) + calendar.wait - (close - start) / 2
            shown.append((min(calendar.grain.number_of(opens - MOMENT) + 1 - seen.begin, look), look + 1))
            begin = min(first, grain.number_of(start - calendar.wait))
            places.append((max(begin - log_begins, 0), max(after - log_begins, 0)))
        reference = found.spec.reference_until
        until = 0 if reference is None else sum(close - calendar.wait <= reference for close in starts[1:])
        return cls(starts, tuple(shown), tuple(places), until)

    @property
    def span(self) -> int:
        """Looks in a window, at most."""
        return max(after - first for first, after in self.shown)


@dataclass(frozen=True)
class _Told:
    """One objective and slice of which a detector tells."""

    judging: Judging
    objective: Objective
    metric: Metric
    target: Target
    each: Judged
    watch: Watch
    schedule: Schedule

    def replay(self) -> Replay:
        """Breaches and usual rules."""
        grain, looks = self.watch.seen.of.calendar.grain, self.watch.seen.of.looks
        now = self._windows_now()
        beyond = beyond_threshold(now, self.target).tolist()
        wrong = [bad if np.isfinite(figure) else None for bad, figure in zip(beyond, now, strict=True)]
        wolf = cried_wolf(wrong, self.schedule.span)
        return Replay(
            metric=self.metric.name,
            slice=self.each.where,
            target=self.target,
            relative=relative(self.objective, self.metric),
            window=self.objective.window,
            look=Span(grain.count, grain.unit),
            looks=looks,
            start=self.schedule.starts[0],
            end=self.schedule.starts[-1],
            broken=sum(each is True for each in wrong),
            breaches=tuple(self._breaches(wolf)),
            rules=tuple(self._rules(wolf)),
        )

    def _windows_then(self) -> Array:
        """The figure of the window at the close of each look, as it was known then."""
        parts = self.watch.parts
        return self._figures([parts[max(first, 0) : after].sum(axis=0) for first, after in self.schedule.shown])

    def _windows_now(self) -> Array:
        """The figure of the same windows as it is known today."""
        parts = self.metric.parts(self.judging.of.sums(self.each.index, self.each.code))
        return self._figures([parts[begin:after].sum(axis=0) for begin, after in self.schedule.places])

    def _figures(self, parts: Array | Sequence[Array]) -> Array:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            figure = self.metric.value(np.asarray(parts))
        return np.where(np.isfinite(figure), figure, np.nan)

    def _breaches(self, wolf: list[bool | None]) -> Iterator[BreachReplay]:
        then = self._windows_then()
        shown = self.judging.breaches(self.metric, self.watch)
        for breach, found in zip(shown, self.watch.story.breaches, strict=True):
            after = self.watch.seen.of.looks if found.cleared is None else found.cleared + 1
            look = first_wrong(then, self.target, found.since, after)
            yield BreachReplay(breach, None if look is None else self.schedule.starts[look + 1], wolf[found.found])

    def _rules(self, wolf: list[bool | None]) -> Iterator[RuleReplay]:
        stream = self.watch.stream
        looked = Looked(
            figure=self._figures(self.watch.parts),
            value=stream.value,
            variance=stream.variance,
            weight=self.metric.size(self.watch.parts),
        )
        known = np.isfinite(looked.figure) & np.isfinite(looked.value) & np.isfinite(looked.variance)
        learnt = reference_looks(np.where(known, looked.figure, np.nan), self.schedule.until)
        for name, rule in LEARNING.items():
            if isinstance(learnt, Undefined):
                yield RuleReplay(name, 0, 0, (), learnt.why)
                continue
            after, count = learnt
            fires = rule(looked, after) & known
            yield RuleReplay(name, count, int(known[after:].sum()), self._alarms(fires, wolf))
        fires = beyond_threshold(looked.figure, self.target)
        yield RuleReplay(FIXED, 0, int(np.isfinite(looked.figure).sum()), self._alarms(fires, wolf))

    def _alarms(self, fires: Bools, wolf: list[bool | None]) -> tuple[Alarm, ...]:
        return tuple(Alarm(self.schedule.starts[look + 1], wolf[look]) for look in np.flatnonzero(fires).tolist())


@dataclass(frozen=True, repr=False)
class Backtest:
    """What would have been said while a log became known: which objectives fired, when, with what lead, and how often
    three usual rules fired and cried wolf."""

    _evaluation: Evaluation

    @cached_property
    def replayed(self) -> Replayed:
        """The values that all forms are made from."""
        found = self._evaluation
        return Replayed(found.spec.model, found.spec.task, found.spec.timezone, found.as_of, tuple(replays(found)))

    @property
    def objectives(self) -> tuple[Replay, ...]:
        """One for each objective and slice."""
        return self.replayed.objectives

    def to_json(self, path: str | Path | None = None, *, indent: int | None = None) -> str:
        """The JSON document (docs/reference/backtest.md), written to `path` too where one is given."""
        text = json.dumps(backtest_document(self.replayed), indent=indent, ensure_ascii=False, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def __repr__(self) -> str:
        """Its summary in one line; `rich.print` prints it whole."""
        return f"<Backtest of {self.replayed.model!r}: {backtest_summary(self.replayed)}>"

    def __rich__(self) -> BacktestReport:
        return BacktestReport(self.replayed)


def backtest(
    spec: Any = None,
    *,
    predictions: Any = None,
    outcomes: Any = None,
    as_of: datetime | date | str | None = None,
    progress: Callable[[str], None] | None = None,
    **declared: Any,
) -> Backtest:
    """Replay a log: what the objectives would have said while it became known, beside three usual rules.

    Takes what `leadline.check` takes, and reads the log once: looks hold what was known when each of them closed.
    `as_of` ends the replay.

    Raises InputError where the input cannot be used: what, where, and what to do.
    """
    return Backtest(evaluated(spec, predictions, outcomes, declared, as_of, progress=progress))
