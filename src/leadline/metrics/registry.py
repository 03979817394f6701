"""All metrics by task, with their parameters. Adding one touches its family's file and this list of families."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from leadline.metrics import multiclass
from leadline.metrics.calibration import binary_calibration
from leadline.metrics.call import MetricCall
from leadline.metrics.confusion import binary_confusion, cost, f_beta
from leadline.metrics.losses import binary_losses
from leadline.metrics.metric import Metric, Unserved
from leadline.metrics.ranking import binary_ranking
from leadline.metrics.rates import slice_share
from leadline.metrics.regression import error_quantile, pinball, regression_metrics
from leadline.metrics.runs import RATES, run_rate, success_age
from leadline.metrics.service import latency_quantile, service_metrics
from leadline.metrics.thresholds import AtThreshold


class UnknownMetric(LookupError):  # noqa: N818  # the name says it
    """No metric of this name, or not with these parameters. `candidates` are the names that there are."""

    def __init__(self, name: str, candidates: tuple[str, ...], why: str | None = None) -> None:
        near = difflib.get_close_matches(name, candidates, n=1)
        super().__init__(why or f"there is no metric {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        self.name = name
        self.candidates = candidates


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric of a task before its parameters are filled in.

    required, optional   names and types of the parameters
    build                parameters and the model's classes → the metric
    """

    name: str
    task: str
    summary: str
    build: Callable[[Mapping[str, Any], Sequence[str]], Metric]
    required: tuple[tuple[str, type], ...] = ()
    optional: tuple[tuple[str, type], ...] = ()


Build = Callable[[Mapping[str, Any], Sequence[str]], Metric]


def _plain(task: str, each: Metric) -> Definition:
    """A metric without parameters."""
    return Definition(each.name, task, each.summary, lambda _parameters, _classes: each)


# Binary ---------------------------------------------------------------------------------------------------------


def _what_if(name: str, summary: str, build: Build, **parameters: tuple[tuple[str, type], ...]) -> Definition:
    """A metric that is read from the confusion counts of labelled rows, hence also at another threshold."""

    def at(given: Mapping[str, Any], classes: Sequence[str]) -> Metric:
        inner = build({key: value for key, value in given.items() if key != "threshold"}, classes)
        return AtThreshold.around(inner, float(given["threshold"])) if "threshold" in given else inner

    required, optional = parameters.get("required", ()), parameters.get("optional", ())
    return Definition(name, "binary", summary, at, required, (*optional, ("threshold", float)))


_PRICES = tuple((name, float) for name in ("tp", "fp", "fn", "tn"))


def _price(name: str, better: str) -> Definition:
    def build(parameters: Mapping[str, Any], _classes: Sequence[str]) -> Metric:
        prices = {key: float(parameters.get(key, 0.0)) for key, _ in _PRICES}
        return cost(str(MetricCall(name, tuple(parameters.items()))), **prices, better=better)

    summary = f"Mean {name} of a labelled row by its place in the confusion matrix; a place that is not given is 0."
    return _what_if(name, summary, build, optional=_PRICES)


def _binary() -> tuple[Definition, ...]:
    def plain(each: Metric) -> Definition:
        if {"labels", "prediction"} <= each.needs:
            return _what_if(each.name, each.summary, lambda _parameters, _classes: each)
        return _plain("binary", each)

    beta = _what_if(
        "f_beta",
        f_beta(1.0).summary,
        lambda parameters, _classes: f_beta(float(parameters["beta"])),
        required=(("beta", float),),
    )
    every = (*binary_confusion(), *binary_ranking(), *binary_calibration(), *binary_losses(), slice_share())
    return (*(plain(each) for each in every), beta, _price("cost", "lower"), _price("value", "higher"))


# Multiclass -----------------------------------------------------------------------------------------------------


def _of_class(make: Callable[[str, int], Metric]) -> Build:
    """A metric of the class that the parameter `class` names."""

    def build(parameters: Mapping[str, Any], classes: Sequence[str]) -> Metric:
        return _coded(make, str(parameters["class"]), classes=classes)

    return build


def _coded(make: Callable[..., Metric], *names: str, classes: Sequence[str]) -> Metric:
    """`make("", code, ...)`, or a metric that is undefined because the log has no such class."""
    for name in names:
        if name not in classes:
            near = difflib.get_close_matches(name, classes, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            return Unserved.of_name("", f"no prediction and no label is of the class {name!r}{hint}")
    return make("", *(list(classes).index(name) for name in names))


def _multiclass() -> tuple[Definition, ...]:
    class_ = (("class", str),)

    def one(make: Callable[[str, int], Metric]) -> Definition:
        return Definition(make.__name__, "multiclass", str(make.__doc__), _of_class(make), class_)

    def confusion(parameters: Mapping[str, Any], classes: Sequence[str]) -> Metric:
        names = str(parameters["predicted"]), str(parameters["actual"])
        return _coded(multiclass.confusion, *names, classes=classes)

    def auc(parameters: Mapping[str, Any], classes: Sequence[str]) -> Metric:
        if "class" not in parameters:
            return multiclass.macro_auc(classes)
        name = str(parameters["class"])
        return _coded(lambda named, _code: multiclass.class_auc(named, name), name, classes=classes)

    def top_k(parameters: Mapping[str, Any], classes: Sequence[str]) -> Metric:
        return multiclass.top_k_accuracy("", int(parameters["k"]), classes)

    def define(
        name: str, summary: str, build: Build, required: tuple[tuple[str, type], ...] = (), optional: Any = ()
    ) -> Definition:
        return Definition(name, "multiclass", summary, build, required, optional)

    return (
        *(_plain("multiclass", each) for each in multiclass.averages()),
        one(multiclass.precision),
        one(multiclass.recall),
        one(multiclass.f1),
        one(multiclass.predicted_rate),
        one(multiclass.class_rate),
        define("confusion", str(multiclass.confusion.__doc__), confusion, (("predicted", str), ("actual", str))),
        define(
            "roc_auc",
            "Chance that a row of a class has a higher score for it than a row of another class; without `class` the"
            " mean over the classes that occur.",
            auc,
            optional=class_,
        ),
        define(
            "log_loss",
            "Mean of -ln of the score of the actual class, the score cut at 2.2e-16; scores that do not add up to 1"
            " are taken as they are.",
            lambda _parameters, classes: multiclass.log_loss(classes),
        ),
        define("top_k_accuracy", str(multiclass.top_k_accuracy.__doc__).split("\n\n")[0], top_k, (("k", float),)),
        _plain("multiclass", slice_share()),
    )


# Regression -----------------------------------------------------------------------------------------------------


def _regression() -> tuple[Definition, ...]:
    quantile = (("quantile", float),)

    def at(make: Callable[[str, float], Metric]) -> Build:
        return lambda parameters, _classes: make("", float(parameters["quantile"]))

    return (
        *(_plain("regression", each) for each in regression_metrics()),
        Definition(
            "absolute_error_quantile",
            "regression",
            "The smallest x, in the label's unit, with this share of |error| at or below it; rounded up to its bin.",
            at(error_quantile),
            quantile,
        ),
        Definition(
            "pinball",
            "regression",
            "Mean loss of a prediction of this quantile: q a unit too low, 1 - q a unit too high.",
            at(pinball),
            quantile,
        ),
        _plain("regression", slice_share()),
    )


# Of every task ---------------------------------------------------------------------------------------------------


def _service(task: str) -> tuple[Definition, ...]:
    return (
        *(_plain(task, each) for each in service_metrics()),
        Definition(
            "latency_quantile",
            task,
            "The smallest x, in seconds, with this share of the latencies at or below it; rounded up to its bin.",
            lambda parameters, _classes: latency_quantile("", float(parameters["quantile"])),
            (("quantile", float),),
        ),
        *(_of_component(task, partial(run_rate, wrong)) for wrong in RATES),
        _of_component(task, success_age),
    )


def _of_component(task: str, build: Callable[[str], Metric]) -> Definition:
    """A metric of runs, of all components or of one."""
    plain = build("")

    def of(parameters: Mapping[str, Any], _classes: Sequence[str]) -> Metric:
        return build(str(parameters.get("component", "")))

    return Definition(plain.name, task, plain.summary, of, optional=(("component", str),))


METRICS: Mapping[str, Mapping[str, Definition]] = {
    task: {each.name: each for each in (*definitions, *_service(task))}
    for task, definitions in (("binary", _binary()), ("multiclass", _multiclass()), ("regression", _regression()))
}

#: what the value of a parameter must be, beside its type
RANGES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "beta": (lambda value: 0 < value < math.inf, "above 0"),
    "quantile": (lambda value: 0 < value < 1, "between 0 and 1"),
    "k": (lambda value: value >= 1 and value == int(value), "a whole number from 1 on"),
}

#: shown beside the objectives' metrics where the declaration asks for none, in this order, as far as the log has
#: what they need (DESIGN §9)
DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "binary": ("recall", "precision", "roc_auc", "predicted_positive_rate", "f1", "accuracy"),
    "multiclass": ("accuracy", "macro_f1", "log_loss", "balanced_accuracy"),
    "regression": ("mae", "rmse", "bias", "r2"),
}
DEFAULT_COUNT = 4


def metric(call: str | MetricCall, task: str) -> Definition:
    """The definition that a name stands for. Raises UnknownMetric for a name or a parameter that the task has not.

    >>> metric("f_beta(beta=2)", "binary").name
    'f_beta'
    """
    found = MetricCall.parse(call) if isinstance(call, str) else call
    every = METRICS[task]
    if found.name not in every:
        raise UnknownMetric(found.name, tuple(every))
    definition = every[found.name]
    known = dict((*definition.required, *definition.optional))
    given = dict(found.parameters)
    for name, value in given.items():
        if name not in known:
            has = f"it takes {', '.join(known)}" if known else "it takes none"
            raise UnknownMetric(found.name, tuple(every), f"{found.name} has no parameter {name!r}: {has}")
        if known[name] is float and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise UnknownMetric(found.name, tuple(every), f"{found.name}: {name} is to be a number, not {value!r}")
        if name in RANGES and not RANGES[name][0](value):
            raise UnknownMetric(
                found.name, tuple(every), f"{found.name}: {name} is to be {RANGES[name][1]}, not {value!r}"
            )
    missing = [name for name, _ in definition.required if name not in given]
    if missing:
        example = ", ".join(f"{name}=..." for name in missing)
        raise UnknownMetric(
            found.name, tuple(every), f"{found.name} needs {', '.join(missing)}: write {found.name}({example})"
        )
    return definition


def build(call: str | MetricCall, task: str, classes: Sequence[str] = ()) -> Metric:
    """The metric that a name and its parameters stand for, for a model with these classes."""
    found = MetricCall.parse(call) if isinstance(call, str) else call
    built = metric(found, task).build(dict(found.parameters), classes)
    return built if not found.parameters else replace(built, name=str(found))
