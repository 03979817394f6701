"""How much more of a metric a model has than the baseline, on the same rows: a mean of differences, row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from leadline.metrics.metric import F1, Ends, Mask, Mean, Metric, Share
from leadline.metrics.sums import Array, Measure
from leadline.stats.design import Designs
from leadline.values import Undefined

#: what the name of such a metric ends with
OVER_BASELINE = "_over_baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference(Mean):
    """Mean difference of model and baseline over the rows for which both have a figure.

    steps  whether a row's difference is -1, 0 or 1: one of the two is right
    """

    steps: bool

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        # Mean's own, by its zero-argument name: a class with slots is made anew, and super() would not find it
        low, high, formula = Mean.interval(self, parts, value, variance, design)
        return np.maximum(low, self.low), high, formula


def over_baseline(metric: Metric) -> Difference | Undefined:
    """The metric of a model less that of the baseline; `Undefined` where that is no mean over the same rows.

    >>> from leadline.metrics import build
    >>> over_baseline(build("recall", "binary")).name
    'recall_over_baseline'
    >>> over_baseline(build("precision", "binary")).why
    'which rows it looks at depends on what is predicted'
    """
    if isinstance(metric, Share) and not isinstance(metric, F1):
        looked_at = metric.of_cells(2)[:2, :2]
        if not np.array_equal(looked_at[0], looked_at[1]):
            return Undefined("which rows it looks at depends on what is predicted")
        measure = _measure(metric, lambda rows: _of_counts(rows, metric.hits, metric.of_cells), 1.0)
        return _difference(metric, measure, high=1.0, steps=True)
    if type(metric) is Mean and not metric.root:
        of = metric.measure
        measure = _measure(metric, lambda rows: of.expression(rows) - of.expression(as_baseline(rows)), of.bound)
        return _difference(metric, measure, high=math.inf if of.bound is None else of.bound, steps=False)
    return Undefined("it is no mean over rows")


def _measure(metric: Metric, expression: Any, bound: float | None) -> Measure:
    return Measure(f"{metric.name}{OVER_BASELINE}", expression, bound)


def _difference(metric: Metric, measure: Measure, high: float, steps: bool) -> Difference:
    return Difference(
        name=measure.name,
        better=metric.better,
        low=-high,
        high=high,
        needs=frozenset({"labels", "baseline"}),
        measure=measure,
        measures=(measure,),
        undefined="no labelled rows for which model and baseline both have a figure",
        summary=f"Mean of {metric.name} less that of the baseline, row by row.",
        steps=steps,
    )


def _of_counts(rows: ir.Table, hits: Mask, of: Mask) -> ir.Value:
    """1 where only the model hits, -1 where only the baseline does, 0 where both or none do; NULL for other rows."""
    hit, looked_at = hits(2), of(2)

    def figure(predicted: ir.Value) -> ir.Value:
        cells = [(p, a) for p in (0, 1) for a in (0, 1) if looked_at[p, a]]
        return ibis.cases(
            *(((predicted == p) & (rows.actual == a), ibis.literal(float(hit[p, a]))) for p, a in cells),
            else_=ibis.null("float64"),
        )

    return figure(rows.predicted) - figure(rows.baseline_predicted)


def as_baseline(rows: ir.Table) -> Any:
    """Facts as they would be if the baseline were the model: what expressions of measures and bins read of them."""
    label = {"label_value": rows.label_value} if "label_value" in rows.columns else {}
    return SimpleNamespace(score=rows.baseline, prediction_value=rows.baseline, actual=rows.actual, **label)
