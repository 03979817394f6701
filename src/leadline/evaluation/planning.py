"""How long would it take to find out: plans of all objectives of an evaluation, from what their looks were like."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from leadline.evaluation.judging import Judged, Judging, Watch
from leadline.evaluation.looks import not_detected
from leadline.evaluation.promises import relative
from leadline.evaluation.result import check
from leadline.metrics.metric import Metric
from leadline.metrics.ranking import RocAuc
from leadline.objectives.bets import group_figures
from leadline.objectives.planning import advice, drops, looks_to_find, usual, with_rows
from leadline.report.document import rfc3339
from leadline.report.plan import PlanContent, PlanReport, plan_document
from leadline.spec.model import Objective, Spec
from leadline.values import Drop, Plan, Span, Target, Undefined

DAY = timedelta(days=1)


@dataclass(frozen=True, repr=False)
class Plans:
    """The answer of `leadline.plan`: a sequence of plans, as text (`rich.print`) and JSON too."""

    content: PlanContent

    def __iter__(self) -> Iterator[Plan]:
        return iter(self.content.plans)

    def __len__(self) -> int:
        return len(self.content.plans)

    def to_json(self) -> str:
        """The JSON document (docs/reference/document.md)."""
        return json.dumps(plan_document(self.content), ensure_ascii=False, allow_nan=False)

    def __rich__(self) -> PlanReport:
        return PlanReport(self.content)

    def __repr__(self) -> str:
        return f"<{len(self)} plans as of {rfc3339(self.content.as_of)}>"


def plan(spec: Spec | str | Path | Mapping[str, Any] | None = None, **asked: Any) -> Plans:
    """How long it would take to find a drop, for each objective and slice; takes what `leadline.check` takes.

    Reckoned for the volume, the base rate, the spread between looks and the delay of labels that the log shows.
    """
    return plans(Judging(check(spec, **asked).evaluation))


def plans(judging: Judging) -> Plans:
    """The plans of an evaluation."""
    found = [each for objective in judging.of.spec.objectives for each in _of_objective(judging, objective)]
    spec = judging.of.spec
    return Plans(PlanContent(spec.model, spec.task, spec.timezone, judging.of.as_of, tuple(found)))


def _of_objective(judging: Judging, objective: Objective) -> Iterator[Plan]:
    metric = judging.of.objective_metrics[objective.figure]
    watched = judging.watched(objective)
    for each in judging.slices(objective):
        watch = watched.get(each)
        target = judging.target(objective, each)
        if isinstance(target, Undefined):
            yield _none(objective, metric, each, target, target.why)
        elif watch is None:
            why = not_detected(objective, metric, judging.of.spec) or "no look has closed"
            yield _none(objective, metric, each, target, why)
        else:
            yield _planned(judging, objective, metric, each, target, watch)


def _none(
    objective: Objective,
    metric: Metric,
    each: Judged,
    target: Target | Undefined,
    why: str,
    watch: Watch | None = None,
) -> Plan:
    return Plan(
        metric=metric.name,
        slice=each.where,
        target=target,
        relative=relative(objective, metric),
        window=objective.window,
        look=objective.window if watch is None else _span(watch),
        value=None,
        rows=0.0,
        overdispersion=1.0,
        wait=0.0,
        false_alarms=0.0,
        drops=(),
        advice=(),
        why=why,
    )


def _span(watch: Watch) -> Span:
    grain = watch.seen.of.calendar.grain
    return Span(grain.count, grain.unit)


def _planned(
    judging: Judging, objective: Objective, metric: Metric, each: Judged, target: Target, watch: Watch
) -> Plan:
    of = watch.seen.of
    kept = np.ones(of.looks, dtype=bool)
    for breach in watch.story.breaches:
        kept[breach.since : of.looks if breach.cleared is None else breach.cleared] = False
    scores = watch.seen.scores(each.index, each.code)
    ranked = scores.get(metric.of[0]) if isinstance(metric, RocAuc) else None
    groups = None if ranked is None else group_figures(ranked, of.looks)
    sums = watch.seen.sums(each.index, each.code, scores)
    found = usual(metric, target, sums, watch.parts, watch.stream, watch.story.phi, groups, kept)
    if isinstance(found, Undefined):
        found = usual(
            metric, target, sums, watch.parts, watch.stream, watch.story.phi, groups, np.ones(of.looks, dtype=bool)
        )
    if isinstance(found, Undefined):
        return _none(objective, metric, each, target, found.why, watch)
    alpha, slots = judging.budget(objective, of_slices=each.index is not None)
    share = alpha / slots
    days = 7 / of.calendar.weeks
    wait = of.calendar.wait / DAY
    made: list[Drop] = []
    said: tuple[str, ...] = ()
    for size, after in drops(metric, target, found.value):
        looks = looks_to_find(found, target, after, share, of.year)
        # a drop begins in the middle of a look on average, and its labels are due `wait` after the predictions
        when = looks if isinstance(looks, Undefined) else (looks + 0.5) * days + wait
        made.append(Drop(size, after, when))
        if not isinstance(looks, Undefined) and not said:
            twice = looks_to_find(with_rows(found, 2.0), target, after, share, of.year)
            said = tuple(advice(found, size, looks, wait, days, twice))
    return Plan(
        metric=metric.name,
        slice=each.where,
        target=target,
        relative=relative(objective, metric),
        window=objective.window,
        look=_span(watch),
        value=found.value,
        rows=found.rows,
        overdispersion=found.overdispersion,
        wait=wait,
        false_alarms=share,
        drops=tuple(made),
        advice=said,
    )
