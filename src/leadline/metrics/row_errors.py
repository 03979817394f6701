"""What a metric holds against a single row: the errors that a search for slices adds up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from leadline.metrics.expected import CLASS_CHANCE
from leadline.metrics.metric import F1, SUM, SUM_OF_SQUARES, WEIGHT, Mean, MeanShare, Metric, RatioOfSums, Share
from leadline.metrics.sums import Array, Measure, Sums

#: what the names of columns begin with that hold the loss that is to be expected, before the measure's name
EXPECTED_LOSS = "expected_"
Cells = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RowError:
    """The error of a row, such that more of it is worse for the metric.

    metric    whose error it is
    classes   of the model
    measure   what it is read from; None for a share, whose errors are cells of the confusion matrix
    right     whether the measure is 1 for rows that are right
    expected  whether it is what is to be expected of a row without a label. Of a share: from the chances of the
              classes, which facts hold as `chance_0`, ...; the row then counts as much as it is likely to be looked
              at. Of a mean of losses: what facts hold as `EXPECTED_LOSS` and the measure's name
    """

    metric: Metric
    classes: int
    measure: Measure | None = None
    right: bool = False
    expected: bool = False

    @property
    def binary(self) -> bool:
        """Whether it is 0 or 1."""
        return self.measure is None or isinstance(self.metric, MeanShare)

    @property
    def key(self) -> tuple[object, ...]:
        """The same for metrics that hold the same against every row, such as recall and false_negative_rate."""
        if self.measure is not None:
            return self.measure.name, self.right
        return tuple(mask.tobytes() for mask in self._cells())

    def of(self, facts: ir.Table) -> ir.Value:
        """From facts: a double from 0 on, and NULL for rows that the metric does not look at."""
        if self.expected and self.measure is not None:
            return facts[f"{EXPECTED_LOSS}{self.measure.name}"]
        if self.expected:
            looked, wrong = (_chance(facts, mask) for mask in self._cells())
            return wrong / looked.nullif(0.0)
        if self.measure is not None:
            value = self.measure.expression(facts).cast("float64")
            return 1.0 - value if self.right else value
        looked, wrong = self._cells()
        cell = facts.predicted.cast("int32") * (self.classes + 1) + facts.actual.cast("int32")
        error = _among(cell, wrong).cast("float64")
        return ibis.ifelse(_among(cell, looked), error, ibis.null("float64"))

    def weight(self, facts: ir.Table) -> ir.Value | None:
        """What a row counts for; None where all count alike."""
        weight = facts.weight if "weight" in facts.columns else None
        if not self.expected or self.measure is not None:
            return weight
        looked = _chance(facts, self._cells()[0])
        return looked if weight is None else weight * looked

    def sums(self, sums: Sums) -> tuple[Array, Array, Array]:
        """The rows that the metric looks at (or their weight), Σ of their errors, and Σ of the squares of these."""
        if self.measure is None:
            size, errors = ((sums.counts * mask).sum((-2, -1)) for mask in self._cells())
            return size, errors, errors
        losses = sums.losses[self.measure.name]
        size, errors = losses[..., WEIGHT], losses[..., SUM]
        if self.right:
            return size, size - errors, size - errors
        return size, errors, errors if self.binary else losses[..., SUM_OF_SQUARES]

    def share(self, value: float) -> float:
        """The share of errors that a figure of the metric stands for, where errors are 0 and 1.

        >>> from leadline.metrics import MetricCall, build
        >>> row_error(build(MetricCall("recall"), "binary", ()), 2).share(0.75)
        0.25
        """
        if isinstance(self.metric, F1):
            return 1 - value / (2 - value)  # of the Jaccard index, which is a share
        return 1 - value if self.metric.better == "higher" else value

    def _cells(self) -> tuple[Cells, Cells]:
        """Which cells (predicted, actual) a share looks at, and which of these are errors; shape (k + 1, k + 1)."""
        if not isinstance(self.metric, Share):
            raise TypeError(f"{self.metric.name} is no share")
        looked, hits = (mask(self.classes) > 0 for mask in (self.metric.of_cells, self.metric.hits))
        return looked, looked & (~hits if self.metric.better == "higher" else hits)


def row_error(metric: Metric, classes: int) -> RowError | None:
    """The error of a row by a metric of a model with so many classes; None where rows have none of their own.

    A share: 1 for rows that count on its bad side, 0 for the others that it looks at. So the errors of recall are the
    false negatives among the actual positives, those of precision the false positives among the predicted ones, and
    those of F1 both, among the rows that are positive by prediction or label. A mean of losses: the loss. A ratio of
    sums, such as WAPE: the top. Metrics of ranks, of quantiles and of the whole matrix have none.
    """
    if isinstance(metric, Share):
        return None if metric.better is None else RowError(metric, classes)
    if isinstance(metric, MeanShare) and metric.better == "higher":
        return RowError(metric, classes, metric.measure, right=True)
    if metric.better == "lower" and isinstance(metric, Mean) and metric.low >= 0:
        return RowError(metric, classes, metric.measure)
    if metric.better == "lower" and isinstance(metric, RatioOfSums):
        return RowError(metric, classes, metric.top)
    return None


def _chance(facts: ir.Table, mask: Cells) -> ir.Value:
    """How likely a row without a label is in one of these cells (predicted, actual); a prediction that is missing is in
    none.
    """
    steps = []
    for predicted, labels in enumerate(mask[:-1, :-1]):
        chances = [facts[f"{CLASS_CHANCE}{code}"] for code in np.flatnonzero(labels).tolist()]
        steps.append((facts.predicted == predicted, reduce(add, chances, ibis.literal(0.0))))
    return ibis.cases(*steps, else_=ibis.literal(0.0))


def _among(cell: ir.IntegerValue, mask: Cells) -> ir.BooleanValue:
    """Whether the number of a row's cell is one of these; by the shorter list."""
    inside, outside = (np.flatnonzero(each).tolist() for each in (mask.ravel(), ~mask.ravel()))
    if not inside:
        return ibis.literal(False)
    return cell.isin(inside) if len(inside) <= len(outside) else ~cell.isin(outside)
