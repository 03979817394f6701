"""All metrics by task, with their parameters. Adding one touches its family's file and this list of families."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from leadline.metrics.call import MetricCall
from leadline.metrics.confusion import binary_confusion, cost, f_beta
from leadline.metrics.losses import binary_losses
from leadline.metrics.metric import Metric
from leadline.metrics.ranking import binary_ranking
from leadline.metrics.rates import slice_share
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


def _plain(task: str, each: Metric) -> Definition:
    """A metric that has no parameters but, where it is read from the confusion counts, a what-if threshold."""
    thresholded = task == "binary" and "prediction" in each.needs

    def build(parameters: Mapping[str, Any], classes: Sequence[str]) -> Metric:
        if "threshold" in parameters:
            return AtThreshold.of(each, float(parameters["threshold"]))
        return each

    return Definition(each.name, task, each.summary, build, optional=(("threshold", float),) if thresholded else ())


_PRICES = tuple((name, float) for name in ("tp", "fp", "fn", "tn"))


def _price(name: str, better: str) -> Definition:
    def build(parameters: Mapping[str, Any], classes: Sequence[str]) -> Metric:
        prices = {key: float(parameters.get(key, 0.0)) for key, _ in _PRICES}
        shown = MetricCall(name, tuple(parameters.items()))
        return cost(str(shown), **prices, better=better)

    summary = f"Mean {name} of a labelled row by its place in the confusion matrix; a place that is not given is 0."
    return Definition(name, "binary", summary, build, optional=_PRICES)


def _binary() -> tuple[Definition, ...]:
    plain = (*binary_confusion(), *binary_ranking(), *binary_losses(), slice_share())
    beta = Definition(
        "f_beta",
        "binary",
        f_beta(1.0).summary,
        lambda parameters, classes: f_beta(float(parameters["beta"])),
        required=(("beta", float),),
    )
    return (*(_plain("binary", each) for each in plain), beta, _price("cost", "lower"), _price("value", "higher"))


METRICS: Mapping[str, Mapping[str, Definition]] = {
    "binary": {each.name: each for each in _binary()},
    "multiclass": {},
    "regression": {},
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
