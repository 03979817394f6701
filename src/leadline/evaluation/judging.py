"""What is said of the objectives: from cells to judgements, by the rule that each declares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from leadline.estimate.few_labels import Sample, evaluate_sample
from leadline.evaluation.acknowledged import concerns, look_of, without_effect
from leadline.evaluation.estimates import LEFT_OUT, Evaluation, interval_of, why_none
from leadline.evaluation.freshness import Age
from leadline.evaluation.looks import MOST_RANKED, Seen, calendar_of, not_detected
from leadline.evaluation.promises import Promises, relative
from leadline.log.reference import FIRST
from leadline.metrics.evaluate import Evaluated, evaluate_windows
from leadline.metrics.metric import Metric
from leadline.metrics.ranking import RocAuc
from leadline.metrics.runs import RunRate, SuccessAge
from leadline.metrics.sums import Array, Sums
from leadline.objectives import bets
from leadline.objectives.budget import budget
from leadline.objectives.detector import Breach as Found
from leadline.objectives.detector import Story, fold
from leadline.objectives.interval import verdict
from leadline.objectives.planning import LEARNT
from leadline.report.words import days, interval
from leadline.spec.model import Objective
from leadline.stats.design import Designs
from leadline.stats.detector import anytime_interval
from leadline.values import ALL_ROWS, Breach, Judgement, Note, Slice, Span, Target, Undefined, Verdict

#: where there is an objective for slices, half of its false alarms are left for them
HALF = 0.5
CONFIDENCE = 0.95
#: about how many times as far from the figure the ends of a 99.9 % interval are as those of a 95 % one (t, 28 days)
STRICTER = 1.8


@dataclass(frozen=True)
class Judged:
    """One slice for which an objective is judged.

    index, code   of its partition in the reference, and of the slice in it; None for all rows
    """

    where: Slice
    index: int | None = None
    code: int | None = None


@dataclass(frozen=True)
class Watch:
    """What the detector of an objective says of one slice."""

    seen: Seen
    stream: bets.Stream
    parts: Array
    story: Story


@dataclass(frozen=True)
class Judging:
    """The judgements of an evaluation."""

    of: Evaluation

    def judgements(self) -> list[Judgement]:
        """Each objective for all rows and for each value of its slices."""
        found: list[Judgement] = []
        for objective in self.of.spec.objectives:
            metric = self.of.objective_metrics[objective.figure]
            watched = self.watched(objective)
            found += [self._judged(objective, metric, each, watched.get(each)) for each in self.slices(objective)]
            found += self._left_out(objective, metric)
        return found

    def notes(self) -> Iterator[Note]:
        """What of the objectives' declaration does nothing, or the opposite of what is usually meant."""
        for objective in self.of.spec.objectives:
            yield from wrong_side(objective, self.of.objective_metrics[objective.figure])
            seen = self._seen(objective, self.of.objective_metrics[objective.figure])
            slices = [each.where for each in self.slices(objective)]
            yield from without_effect(objective, self.of.spec, seen, slices)

    def slices(self, objective: Objective) -> list[Judged]:
        """All rows, and the slices of an objective that have rows. Of a condition only where it holds, for the other
        rows were promised nothing."""
        found = [Judged(ALL_ROWS)]
        for index, partition in enumerate(self.of.reference.partitions):
            if partition.name in objective.slices:
                codes = self.of.codes_with_rows(index)
                codes = [code for code in codes if not partition.condition or code == FIRST]
                found += [Judged(self.of.slice_of(partition, code), index, code) for code in codes]
        return found

    @cached_property
    def promises(self) -> Promises:
        """What the objectives promise in numbers."""
        return Promises(self.of)

    def target(self, objective: Objective, each: Judged) -> Target | Undefined:
        """What an objective promises for a slice."""
        key = objective.figure, objective.target, objective.no_worse_than, objective.by, each
        if key not in self._targets:
            metric = self.of.objective_metrics[objective.figure]
            self._targets[key] = self.promises.target(objective, metric, each.index, each.code)
        return self._targets[key]

    @cached_property
    def _targets(self) -> dict[object, Target | Undefined]:
        """Targets that were told, for objectives that differ in window or budget only."""
        return {}

    # Detectors --------------------------------------------------------------------------------------------------

    def watched(self, objective: Objective) -> dict[Judged, Watch]:
        """What the objective's detector says, by slice; empty where another rule judges, or no look has closed."""
        metric = self.of.objective_metrics[objective.figure]
        seen = self._seen(objective, metric)
        if seen is None:
            return {}
        before = self._looks_before(self.promises.begin(objective), seen)
        if before >= seen.of.looks:
            return {}
        made: dict[Judged, tuple[bets.Stream, Array]] = {}
        for each in self.slices(objective):
            target = self.target(objective, each)
            if isinstance(target, Target) and self._has_bet(metric, each):
                made[each] = self._stream(metric, target, seen, each)
        found: dict[Judged, Watch] = {}
        for of_slices in (False, True):
            some = [each for each in made if (each.code is not None) == of_slices]
            streams = [made[each][0] for each in some]
            restarts = [self._restarts(objective, seen, each) for each in some]
            alpha, slots = self.budget(objective, of_slices)
            stories = fold(streams, alpha, seen.of.year, slots, restarts, before)
            for each, story in zip(some, stories, strict=True):
                found[each] = Watch(seen, *made[each], story)
        return found

    def budget(self, objective: Objective, of_slices: bool) -> tuple[float, int]:
        """The false alarms a year that all rows, or all slices together, may have, and among how many."""
        if not objective.slices:
            return objective.false_alarms, 1
        return objective.false_alarms * HALF, self._slots(objective) if of_slices else 1

    def _seen(self, objective: Objective, metric: Metric) -> Seen | None:
        if not_detected(objective, metric, self.of.spec) is not None:
            return None
        calendar = calendar_of(objective, metric, self.of.spec, self.of.grain)
        same = (each for each in self.of.looks if replace(each.of.calendar, grouped=False) == calendar)
        found = next(same, None)
        return found if found is not None and found.of.looks and found.counts.pieces else None

    def _slots(self, objective: Objective) -> int:
        """How many slices the reference fixed: their share of false alarms is spread over all of them."""
        chosen = [each for each in self.of.reference.partitions if each.name in objective.slices]
        return max(sum(1 if partition.condition else partition.codes for partition in chosen), 1)

    @staticmethod
    def _has_bet(metric: Metric, each: Judged) -> bool:
        """AUC is detected in the largest slices only."""
        return not isinstance(metric, RocAuc) or each.code is None or each.code < FIRST + MOST_RANKED

    @staticmethod
    def _looks_before(begin: datetime | None, seen: Seen) -> int:
        """How many leading looks hold predictions from before a time."""
        if begin is None:
            return 0
        due = begin + seen.of.calendar.wait
        number = seen.of.calendar.grain.number_of(due)
        number += seen.of.calendar.grain.start(number) < due
        return max(number - seen.of.begin, 0)

    def _stream(self, metric: Metric, target: Target, seen: Seen, each: Judged) -> tuple[bets.Stream, Array]:
        key = metric.name, target, seen.of.calendar, each
        if key not in self._streams:
            scores = seen.scores(each.index, each.code)
            sums = seen.sums(each.index, each.code, scores)
            entities = seen.entities(each.index, each.code)
            ranked = scores.get(metric.of[0]) if isinstance(metric, RocAuc) else None
            made = bets.stream(metric, sums, target, entities, ranked)
            self._streams[key] = made, metric.parts(sums)
        return self._streams[key]

    @cached_property
    def _streams(self) -> dict[object, tuple[bets.Stream, Array]]:
        """Streams that were made, for objectives that differ in window or budget only."""
        return {}

    def _restarts(self, objective: Objective, seen: Seen, each: Judged) -> frozenset[int]:
        """Looks at whose beginning the evidence about a slice starts anew, because somebody saw to it."""
        return frozenset(
            max(look_of(entry, self.of.spec, seen), 0)
            for entry in objective.acknowledged
            if concerns(entry, each.where)
        )

    def breaches(self, metric: Metric, watch: Watch) -> Iterator[Breach]:
        """What the detector found, with the times of predictions and the figures since."""
        calendar, begin = watch.seen.of.calendar, watch.seen.of.begin
        year = watch.seen.of.year
        for each in watch.story.breaches:
            last = watch.seen.of.looks if each.cleared is None else each.cleared
            value, low, high = _since(metric, watch, each, last, year)
            yield Breach(
                since=max(calendar.grain.start(begin + each.since) - calendar.wait, self.of.window(0, 1).start),
                found=calendar.grain.start(begin + each.found + 1),
                cleared=None if each.cleared is None else calendar.grain.start(begin + each.cleared + 1),
                value=value,
                low=low,
                high=high,
            )

    # Judgements -------------------------------------------------------------------------------------------------

    def _judged(self, objective: Objective, metric: Metric, each: Judged, watch: Watch | None) -> Judgement:
        target, span, end = self.target(objective, each), objective.window, self.of.complete_until(metric)
        age = self.of.age(metric, (each.index, each.code))
        if age is not None and isinstance(target, Target):
            return self._aged(objective, metric, each, age, target)
        breaches = () if watch is None else tuple(self.breaches(metric, watch))
        lasting = breaches[-1] if breaches and breaches[-1].cleared is None else None
        of_runs = isinstance(metric, RunRate)
        silent = None if of_runs else self._silent(metric, span)
        nothing = Judgement(
            metric=metric.name,
            slice=each.where,
            target=target,
            window=span,
            window_end=silent,
            status=Verdict.NO_DATA if lasting is None else Verdict.BREACHED,
            value=None,
            low=None,
            high=None,
            since=None if lasting is None else lasting.since,
            n=0,
            rule="interval" if watch is None else "detector",
            breaches=breaches,
            relative=relative(objective, metric),
        )
        if silent is not None:
            return replace(nothing, why=f"no predictions since {self._last_day():%Y-%m-%d}")
        if not end:
            return replace(nothing, why=self._none_mature())
        if isinstance(target, Undefined):
            return replace(nothing, status=Verdict.UNDEFINED, why=target.why)
        if objective.no_worse_than == "reference" and end <= self.promises.grains:
            return replace(nothing, why="no row after the reference is old enough for its label")
        if isinstance(metric, RunRate):
            sums, entities = self.of.of_runs(metric), None
        else:
            sums, entities = self.of.sums(each.index, each.code), self.of.entities(each.index, each.code)
        windows = _Windows(metric, sums, entities, self.of.sample(each.index, each.code), self.of, span, target)
        found, rows, status, why = windows.judged([end])[0]
        since: datetime | None = None
        if watch is None:
            since = windows.since(end) if status is Verdict.BREACHED else None
        elif lasting is not None:
            status, why, since = Verdict.BREACHED, None, lasting.since
        elif status is Verdict.BREACHED and self._called(windows, watch, end):
            nothing = replace(nothing, rule="interval")
            since = windows.since(end)
        else:
            status, why = _undetected(status, why, watch, each.where)
        if status in (Verdict.HOLDS, Verdict.UNCERTAIN) and each.where == ALL_ROWS:
            foreseen = self._foreseen(metric, target, end)
            status, why = (status, why) if foreseen is None else (Verdict.AT_RISK, foreseen)
        low, high, method = interval_of(found)
        value = None if isinstance(found.value, Undefined) else found.value
        return replace(
            nothing,
            window_end=self.of.window(*self.of.rolling(span, end)).end,
            status=status,
            value=value,
            low=low,
            high=high,
            since=since,
            n=rows,
            why=why,
            interval=method,
            budget=budget(metric, target, value, None if watch is None else _latest(metric, watch)),
        )

    def _called(self, windows: _Windows, watch: Watch, end: int) -> bool:
        """Whether the interval calls a breach, as the detector cannot yet tell how much looks differ.

        Then the window has to be plainly on the wrong side. What was called lasts, also when the detector has learnt,
        for as long as no window since then was on the right side, or could be: else a breach would end only because
        the other rule is slower.
        """
        known = np.flatnonzero(np.isfinite(watch.story.phi))
        if len(known) < LEARNT:
            return windows.plain([end])
        calendar = watch.seen.of.calendar
        learnt = calendar.grain.start(watch.seen.of.begin + int(known[LEARNT - 1]) + 1) - calendar.wait
        first, last = (self.of.grain.number_of(each) - self.of.series.first for each in (windows.since(end), learnt))
        # a window that ends with the look from which on the detector knows was never judged by its interval
        last -= self.of.grain.start(self.of.series.first + last) == learnt
        return windows.plain(range(first + 1, min(last, end) + 1))

    def _foreseen(self, metric: Metric, target: Target, end: int) -> str | None:
        """What the newest estimate without labels says, if it is of a younger window and all on the wrong side."""
        after = self.of.grain.start(self.of.series.first + end)
        newest = next((each for each in reversed(self.of.estimated) if each.metric == metric.name), None)
        if newest is None or newest.value is None or newest.window.start < after:
            return None
        if newest.low is None or newest.high is None or target.met(newest.low) or target.met(newest.high):
            return None
        shown, between = interval(newest.value, newest.low, newest.high)
        return f"without labels it is estimated to be {shown} {between} on {days(newest.window, self.of.spec.zone)}"

    def _none_mature(self) -> str:
        return "no row is old enough for its label" if self.of.labels.predictions else "no rows"

    def _last_day(self) -> datetime:
        return self.of.window(0, self.of.series.grains).end.astimezone(self.of.spec.zone)

    def _aged(self, objective: Objective, metric: Metric, each: Judged, age: Age, target: Target) -> Judgement:
        """How old the newest row, or the last success, is now: nothing is left to chance or to be waited for."""
        found = age.evaluated
        of_runs = self.of.of_runs(metric) if isinstance(metric, SuccessAge) else None
        rows = int((self.of.sums(each.index, each.code) if of_runs is None else of_runs).rows.sum())
        status, why = verdict(found, target, rows, rows)
        low, high, method = interval_of(found)
        breached = status is Verdict.BREACHED
        value, why = (None, found.value.why) if isinstance(found.value, Undefined) else (found.value, why)
        return Judgement(
            metric=metric.name,
            slice=each.where,
            target=target,
            window=objective.window,
            window_end=age.end,
            status=status,
            value=value,
            low=low,
            high=high,
            since=age.reaches(target.limit) if breached and target.side == "at_most" else None,
            n=rows,
            why=why,
            interval=method,
        )

    def _silent(self, metric: Metric, span: Span) -> datetime | None:
        """The end of the span whose labels should be in at the time that was asked for, if the log ended before it."""
        of = self.of
        wait = of.spec.label.matures_after if of.spec.label and metric.waits else timedelta()
        if not of.asked or of.as_of - wait <= of.grain.start(of.series.last):
            return None
        begin, end = of.grain.rolling(span, of.grain.number_of(of.as_of - wait))
        return of.grain.window(begin, end).end if begin > of.series.last else None

    def _left_out(self, objective: Objective, metric: Metric) -> Iterator[Judgement]:
        """What is said of slices that cannot be told, because their column is gone: nobody knows, which is not fine."""
        told = {partition.name for partition in self.of.reference.partitions}
        for entry in self.of.spec.slices:
            if entry.name in objective.slices and entry.name not in told:
                yield Judgement(
                    metric=metric.name,
                    slice=Slice(tuple((part.name, LEFT_OUT) for part in self.of.spec.parts(entry))),
                    target=objective.target or Undefined(f"the slice {entry.name!r} is left out"),
                    window=objective.window,
                    window_end=None,
                    status=Verdict.NO_DATA,
                    value=None,
                    low=None,
                    high=None,
                    since=None,
                    n=0,
                    why=f"the slice {entry.name!r} is left out",
                    relative=relative(objective, metric),
                )


@dataclass(frozen=True)
class _Windows:
    """Rolling windows of one slice, judged by the rule `interval`."""

    metric: Metric
    sums: Sums
    entities: Sums | None
    sample: Sample | None
    of: Evaluation
    span: Span
    target: Target

    def judged(self, after: Sequence[int]) -> list[tuple[Evaluated, int, Verdict, str | None]]:
        """The windows that end with the grains before `after`: figure, rows, verdict and why."""
        windows = [self.of.rolling(self.span, each) for each in after]
        needs_labels = "labels" in self.metric.needs
        if needs_labels and self.sample is not None:
            evaluated = evaluate_sample(self.metric, self.sample, self.sums, windows)
        else:
            evaluated = evaluate_windows(self.metric, self.sums, windows, self.entities)
        parts = []
        for found, (begin, stop) in zip(evaluated, windows, strict=True):
            rows = int(self.sums.rows[begin:stop].sum())
            labelled = int(self.sums.labelled[begin:stop].sum()) if needs_labels else rows
            status, why = verdict(found, self.target, rows, labelled)
            if isinstance(found.value, Undefined):
                why = why_none(self.metric, self.sums, (begin, stop)) or why
            parts.append((found, rows, status, why))
        return parts

    def plain(self, after: Sequence[int]) -> bool:
        """Whether an interval that misses once in a thousand is on the wrong side in one of the windows."""
        return any(_plain(found, self.target) for found, *_ in self.judged(after))

    def since(self, end: int) -> datetime:
        """Start of the first grain from whose rolling window on the promise was broken without a break."""
        run, few = 0, 16
        while run < end - 1:  # a few windows first, then more: mostly the promise was kept not long ago
            some = self.judged(list(range(end - 1 - run, max(end - 1 - run - few, 0), -1)))
            kept = next((place for place, each in enumerate(some) if each[2] is not Verdict.BREACHED), None)
            run += len(some) if kept is None else kept
            if kept is not None:
                break
            few *= 2
        return self.of.grain.start(self.of.series.first + end - 1 - run)


def wrong_side(objective: Objective, metric: Metric) -> Iterator[Note]:
    """That a promise is kept by doing worse."""
    target = objective.target
    if target is not None and target.rewards_worse(metric.better):
        larger = "larger" if metric.better == "higher" else "smaller"
        other = "at_least" if target.side == "at_most" else "at_most"
        text = (
            f"{metric.name} is better when {larger}: `{target.side}: {target.limit:g}` is kept by doing worse. Did you"
            f" mean `{other}`?"
        )
        yield Note("promise_on_wrong_side", text)


def _undetected(status: Verdict, why: str | None, watch: Watch, where: Slice) -> tuple[Verdict, str | None]:
    """What the window says where the detector has found no breach: a ticket at most."""
    if status is Verdict.BREACHED:
        return Verdict.AT_RISK, "the window is on the wrong side, but the evidence is not yet enough for a breach"
    if watch.story.ticket and status in (Verdict.HOLDS, Verdict.UNCERTAIN):
        among = "" if where == ALL_ROWS else " among the slices"
        return Verdict.AT_RISK, f"the evidence is enough for a ticket{among}, not for a breach"
    return status, why


def _plain(found: Evaluated, target: Target) -> bool:
    """Whether an interval that misses once in a thousand would be on the wrong side, too."""
    if isinstance(found.value, Undefined) or found.interval is None:
        return False
    end = found.interval.high if target.side == "at_least" else found.interval.low
    return not target.met(found.value + STRICTER * (end - found.value))


def _since(
    metric: Metric, watch: Watch, breach: Found, after: int, year: float
) -> tuple[float | None, float | None, float | None]:
    """The figure of the looks since a breach began, with an interval that holds whenever one looks."""
    looks = slice(breach.since, max(after, breach.found + 1))
    parts = watch.parts[looks].sum(axis=0, keepdims=True)
    value = float(metric.value(parts)[0])
    if not np.isfinite(value):
        return None, None, None
    known = watch.story.phi[: looks.stop]
    phi = float(known[np.isfinite(known)][-1]) if np.isfinite(known).any() else 1.0
    _, critical = anytime_interval(0.0, 1.0, looks.stop - looks.start, CONFIDENCE, math.ceil(year))
    design = Designs(np.array([phi]), np.array([critical]), (None,))
    with np.errstate(over="ignore", invalid="ignore"):
        low, high, _ = metric.interval(parts, np.array([value]), metric.row_variance(parts), design)
    if not np.isfinite(low[0] + high[0]):
        return value, None, None
    return value, float(low[0]), float(high[0])


def _latest(metric: Metric, watch: Watch) -> float | None:
    """The figure of the latest look."""
    value = float(metric.value(watch.parts[-1:])[0])
    return value if np.isfinite(value) else None
