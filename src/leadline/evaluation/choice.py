"""Which metrics an evaluation shows, for all rows and for slices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from leadline.log.labels import Codes
from leadline.log.profile import Profile
from leadline.log.reading import PROXY, Log
from leadline.metrics import DEFAULTS, METRICS, MetricCall, build
from leadline.metrics.frozen_mix import FrozenMix
from leadline.metrics.metric import Metric, Share, Unserved
from leadline.metrics.paired import Difference, over_baseline
from leadline.metrics.ranking import Ranking
from leadline.metrics.rates import feedback_rate, proxy_mean, proxy_rate
from leadline.metrics.registry import DEFAULT_COUNT
from leadline.metrics.runs import RunRate, SuccessAge
from leadline.metrics.service import Freshness
from leadline.metrics.thresholds import AtThreshold
from leadline.spec.model import NumberProxy, Objective, Spec
from leadline.spec.words import instead
from leadline.values import InputError, Undefined


def has(spec: Spec, log: Log, found: Profile) -> frozenset[str]:
    """What the facts of this log can serve: the words of `Metric.needs`."""
    columns = log.predictions.columns
    words = {"prediction"}
    if spec.label is not None:
        words.add("labels")
    if spec.baseline is not None:
        words.add("baseline")
    words |= {word for word in ("latency_s", "error") if word in columns}
    if spec.runs is not None:
        words.add("runs")
    if "score" in columns:
        words.add("score")
        low, high = found.low.get("score", 0.0), found.high.get("score", 0.0)
        if low >= 0 and high <= 1:
            words.add("probabilities")
    of_classes = [name for name in columns if name.startswith("score_")]
    if of_classes:
        words.add("scores")
        if all(found.low.get(name, 0.0) >= 0 and found.high.get(name, 0.0) <= 1 for name in of_classes):
            words.add("probabilities")
    return frozenset(words)


def has_chances(spec: Spec, found: Profile) -> bool:
    """Whether the scores of a binary model may be read as probabilities of its positive class."""
    scored = spec.task == "binary" and spec.predictions.columns.score is not None
    return scored and found.low.get("score", 0.0) >= 0 and found.high.get("score", 0.0) <= 1


#: what is shown unasked of the columns that tell how the service does
SERVED = {"latency_s": "latency_p95", "error": "error_rate", "runs": "run_failure_rate"}
#: why a metric has no figure where the log lacks what it needs, the most telling first
LACKS = {
    "labels": "no outcomes are declared",
    "prediction": "no predictions are declared",
    "scores": "no scores of the classes are declared",
    "score": "no score is declared",
    "probabilities": "scores are not probabilities",
    "latency_s": "no column of latencies is declared",
    "error": "no column of errors is declared",
    "runs": "no runs are declared",
}


def _lack(needs: frozenset[str]) -> str:
    return next(why for word, why in LACKS.items() if word in needs)


def _with_scores(built: Metric, coding: Codes, log: Log) -> Metric:
    """A metric of classes' scores, read from those classes that have scores."""
    of = tuple(name for name in built.of if f"score_{coding.classes.index(name)}" in log.predictions.columns)
    return (
        replace(built, of=of)
        if of
        else Unserved.of_name(built.name, "no scores of this class are declared", built.better)
    )


def choose(
    spec: Spec, log: Log, found: Profile, coding: Codes, all_slices: bool, components: Sequence[str] = ()
) -> tuple[tuple[Metric, ...], tuple[Metric, ...], dict[str, Metric]]:
    """Metrics of all rows, of slices, and by objective. Those of the objectives come first (DESIGN §9).

    components  of which there are runs
    """
    feedback, proxies = {each.name for each in spec.feedback}, {each.name: each for each in spec.every_proxy}
    edges = tuple(sorted(set(spec.predictions.thresholds) | set(thresholds(spec))))

    def made(call: MetricCall) -> Metric:
        if call.name in feedback:
            return feedback_rate(call.name)
        if call.name in proxies:
            if f"{PROXY}{call.name}" not in log.predictions.columns:
                return Unserved.of_name(call.name, "it cannot be read")
            return (proxy_mean if isinstance(proxies[call.name], NumberProxy) else proxy_rate)(call.name)
        built = build(call, spec.task, coding.classes)
        if not built.needs <= served:
            return Unserved.of_name(built.name, _lack(built.needs - served), built.better)
        if isinstance(built, Ranking) and same_score is not None:
            why = f"all scores are {same_score:g}, so that no row comes before another"
            return Unserved.of_name(built.name, why, built.better)
        if isinstance(built, RunRate | SuccessAge) and built.component and built.component not in components:
            why = f"there are no runs of {built.component!r}{instead(built.component, components)}"
            return Unserved.of_name(built.name, why, built.better)
        if built.histogram == "scores" and spec.task == "multiclass":
            return _with_scores(built, coding, log)
        return built.among(edges) if isinstance(built, AtThreshold) else built

    served = has(spec, log, found)
    same_score = _same_score(spec, found)
    of_objectives = {
        objective.figure: _compared(index, objective, made(objective.metric))
        for index, objective in enumerate(spec.objectives)
    }
    _reachable(spec, of_objectives)
    # beside the figure at the reference's mix stands the one of the rows as they came
    inner = [metric.inner for metric in of_objectives.values() if isinstance(metric, FrozenMix)]
    if isinstance(spec.metrics, tuple):
        asked = [made(call) for call in spec.metrics]
    elif spec.metrics == "all":
        names = [name for name, definition in METRICS[spec.task].items() if not definition.required]
        asked = [made(MetricCall(name)) for name in names]
        # the age of the newest row depends on when one asks: two checks of the same log would differ unasked
        asked = [metric for metric in asked if not isinstance(metric, Unserved | Freshness)]
    else:
        candidates = [made(MetricCall(name)) for name in DEFAULTS[spec.task] if name not in of_objectives]
        asked = [metric for metric in candidates if not isinstance(metric, Unserved)][:DEFAULT_COUNT]
    what_if = [
        made(replace(call, parameters=(("threshold", at),)))
        for at in spec.predictions.thresholds
        for call in _confusion_calls(of_objectives, asked, spec)
    ]
    # what was declared is shown
    rates = [feedback_rate(each.name) for each in spec.feedback]
    rates += [made(MetricCall(each.name)) for each in spec.every_proxy]
    rates += [made(MetricCall(name)) for word, name in SERVED.items() if word in served]
    total = {metric.name: metric for metric in (*of_objectives.values(), *inner, *asked, *what_if, *rates)}
    # a histogram for every slice is dear: unasked, slices have only what the counts and sums say
    every_metric = all_slices or isinstance(spec.metrics, tuple)
    of_slices = [
        metric
        for name, metric in total.items()
        if not isinstance(metric, FrozenMix) and (every_metric or metric.histogram is None or name in of_objectives)
    ]
    names = ["share", "predicted_positive_rate"]
    if any(entry.sensitive for entry in spec.slices):
        names.append("calibration_ratio" if spec.task == "binary" else "mae")
    who = [made(MetricCall(name)) for name in names if name in METRICS[spec.task]]
    who = [metric for metric in who if not isinstance(metric, Unserved) or metric.name == "share"]
    slices = {metric.name: metric for metric in (*who, *of_slices)}
    slices = {name: metric for name, metric in slices.items() if not isinstance(metric, RunRate | SuccessAge)}
    return tuple(total.values()), tuple(slices.values()), of_objectives


def observable(metric: Metric, unobserved: Sequence[int], names: Sequence[str]) -> Metric:
    """The metric; undefined where it is read from rows of a predicted class whose outcomes are never observed.

    unobserved   codes of these classes; `names` are those of all

    Without labels of predicted negatives recall is 1, whatever the model does.

    >>> observable(build(MetricCall("recall"), "binary"), [0], ["no", "yes"]).undefined
    'outcomes of rows that are predicted no are never observed'
    >>> observable(build(MetricCall("precision"), "binary"), [0], ["no", "yes"]).undefined
    'no predicted positives'
    """
    if not unobserved or "labels" not in metric.needs or isinstance(metric, Unserved):
        return metric
    if isinstance(metric, Share) and not metric.of_cells(len(names))[list(unobserved), : len(names)].any():
        return metric
    whose = " or ".join(names[code] for code in unobserved)
    why = f"outcomes of rows that are predicted {whose} are never observed"
    return Unserved.of_name(metric.name, why, metric.better)


def _same_score(spec: Spec, found: Profile) -> float | None:
    """The score of all rows of a binary model, where they have one in common; a baseline may have others."""
    low, high = found.low.get("score"), found.high.get("score")
    return low if low == high and found.rows > 1 and spec.baseline is None else None


def _reachable(spec: Spec, of_objectives: Mapping[str, Metric]) -> None:
    """Refuse a promise that says nothing or can never be kept, such as a recall of 60 instead of 0.6."""
    for index, objective in enumerate(spec.objectives):
        metric, target = of_objectives[objective.figure], objective.target
        if isinstance(metric, Unserved):
            continue
        if target is None:
            if isinstance(metric, Freshness | RunRate):
                by = "at_most, in seconds" if isinstance(metric, Freshness) else "at_most"
                text = f"{metric.name} is not told of a reference: promise it by {by}"
                raise InputError(f"objectives[{index}]: {text}", ("objectives", index))
            _comparable(index, metric, objective.by or 0.0)
            continue
        if isinstance(metric, RunRate | SuccessAge) and objective.slices:
            plain = metric.name.partition("(")[0]
            text = f"{plain} has no slices: name a component, as in {plain}(component=training)"
            raise InputError(f"objectives[{index}]: {text}", ("objectives", index))
        limit = target.limit
        if metric.low <= limit <= metric.high:
            continue
        share = 1 < limit <= 100 and (metric.low, metric.high) == (0, 1)
        ends = (
            f"between {metric.low:g} and {metric.high:g}" if math.isfinite(metric.high) else f"{metric.low:g} or more"
        )
        text = f"objectives[{index}]: {metric.name} is {ends}, not {limit:g}"
        raise InputError(f"{text}; did you mean {limit / 100:g}?" if share else text, ("objectives", index))


def _compared(index: int, objective: Objective, metric: Metric) -> Metric:
    """What an objective judges: a metric, at the reference's mix, or how much more of it than of the baseline's."""
    if objective.frozen_mix is not None and not isinstance(metric, Unserved):
        frozen = FrozenMix.around(metric, objective.frozen_mix)
        if isinstance(frozen, Undefined):
            text = f"{metric.name} cannot be told at a frozen mix: {frozen.why}"
            raise InputError(f"objectives[{index}]: {text}", ("objectives", index))
        return frozen
    if objective.no_worse_than != "baseline" or isinstance(metric, Unserved):
        return metric
    found = over_baseline(metric)
    if isinstance(found, Undefined):
        text = f"{metric.name} cannot be compared with the baseline's row by row: {found.why}"
        raise InputError(f"objectives[{index}]: {text}", ("objectives", index))
    return found


def _comparable(index: int, metric: Metric, by: float) -> None:
    """Refuse to be no worse than something where nobody knows what is worse, or where it could never be worse."""
    place = ("objectives", index)
    if metric.better is None:
        text = f"more of {metric.name} is neither better nor worse: promise at_least or at_most instead"
        raise InputError(f"objectives[{index}]: {text}", place)
    if by >= (metric.high if isinstance(metric, Difference) else metric.high - metric.low):
        percent = f"; did you mean {by / 100:g}?" if 1 <= by <= 100 else ""
        text = f"{metric.name} lies between {metric.low:g} and {metric.high:g}, it cannot get worse by more than {by:g}"
        raise InputError(f"objectives[{index}]: {text}{percent}", place)


def _confusion_calls(of_objectives: Mapping[str, Metric], asked: Sequence[Metric], spec: Spec) -> list[MetricCall]:
    """Metrics for which a what-if threshold makes sense, once each."""
    names = dict.fromkeys([*of_objectives, *(metric.name for metric in asked)])
    known = METRICS[spec.task]
    return [MetricCall(name) for name in names if name in known and ("threshold", float) in known[name].optional]


def thresholds(spec: Spec) -> Iterator[float]:
    """Thresholds named as parameters of metrics."""
    calls = [objective.metric for objective in spec.objectives]
    if isinstance(spec.metrics, tuple):
        calls += spec.metrics
    for call in calls:
        for name, value in call.parameters:
            if name == "threshold" and isinstance(value, int | float):
                yield float(value)
