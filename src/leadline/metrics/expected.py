"""Sums as they are expected of rows without labels, from the chance that each is positive.

The state is the rows by prediction and score bin; what is read of it are ordinary `Sums`, with expected rows in place
of counted ones, so that every metric is read as it is from labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import SimpleNamespace
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from leadline.metrics.metric import Metric, divided
from leadline.metrics.multiclass import MacroAuc, class_auc
from leadline.metrics.ranking import RocAuc
from leadline.metrics.sums import LINEAR_BINS, LOGIT_BINS, LOGIT_RANGE, Array, Histogram, Measure, Sums
from leadline.stats.auc import without_self_pairs

#: what the names of measures begin with that tell a loss as if the label were 0, or 1
IF_LABEL = ("if 0: ", "if 1: ")
#: what the names of the columns begin with that hold the chance of a class, before its code
CLASS_CHANCE = "chance_"
#: words of `Metric.needs` that scores with their calibration can serve
SERVED = frozenset({"labels", "prediction", "score", "scores", "probabilities"})


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows with a score, labelled or not, by prediction and score bin; shape (..., 3, bins).

    The first axis, where there is one, is windows. Predictions are 0, 1, and 2 where there is none.

    rows     rows
    weight   Σw; the rows themselves where they have no weights
    square   Σw²
    scored   Σw · score, where a metric asks for it, else 0
    losses   by measure, shape (..., 3, bins, 2, 6): the sums of `Sums.losses`, as if all labels were 0, and 1
    bins     as in `Histogram`
    """

    rows: Array
    weight: Array
    square: Array
    scored: Array
    losses: Mapping[str, Array] = field(default_factory=dict)
    bins: Array = field(default_factory=lambda: np.zeros((0, 3)))

    def __getitem__(self, index: Any) -> Scored:
        return self._each(lambda array: array[index])

    def total(self) -> Scored:
        """The sum over the first axis."""
        return self._each(lambda array: array.sum(axis=0))

    def _each(self, change: Callable[[Array], Array]) -> Scored:
        plain = {each.name: change(getattr(self, each.name)) for each in fields(self)[:4]}
        return replace(self, **plain, losses={name: change(sums) for name, sums in self.losses.items()})


def measures_if(metrics: Sequence[Metric]) -> tuple[Measure, ...]:
    """What has to be summed by score bin so that the losses of these metrics can be expected: each as if 0 and if 1."""
    wanted = {each.name: each for metric in metrics if can_expect(metric) for each in metric.measures}
    return tuple(_as_if(measure, label) for measure in wanted.values() for label in (0, 1))


def _as_if(measure: Measure, label: int) -> Measure:
    def expression(facts: ir.Table) -> ir.Value:
        return measure.expression(SimpleNamespace(score=facts.score, actual=ibis.literal(label, "int8")))

    return Measure(IF_LABEL[label] + measure.name, expression, measure.bound)


def can_expect(metric: Metric) -> bool:
    """Whether the metric of a binary or multiclass model needs labels, and can be read without them."""
    return "labels" in metric.needs and metric.needs <= SERVED


@dataclass(frozen=True, slots=True)
class Expected:
    """Sums as they are expected, and what of them is a row paired with itself: by class Σ c(1 - c), shape (...)."""

    sums: Sums
    self_pairs: Mapping[str, Array]


def expected(scored: Scored, chance: Array) -> Expected:
    """The sums that rows have on average, if each is positive with the chance of its cell.

    chance   P(label = 1), or the share of a cell's rows that are positive; in [0, 1], broadcast to (..., 3, bins)

    All rows count as labelled and old enough. Equal to the sums of the labels where `chance` is each cell's own share.
    """
    shares = (1.0 - chance, chance)
    weights, squares = ([of * share for share in shares] for of in (scored.weight, scored.square))
    counts, square_counts = (
        np.stack([*(each.sum(-1) for each in pair), np.zeros(pair[0].shape[:-1])], axis=-1)
        for pair in (weights, squares)
    )
    rows = np.broadcast_to(scored.rows.sum((-2, -1)), counts.shape[:-2])
    losses = {
        name: np.asarray(sum((sums[..., label, :] * shares[label][..., None]).sum((-3, -2)) for label in (0, 1)))
        for name, sums in scored.losses.items()
    }
    histogram = Histogram(
        negatives=weights[0].sum(-2),
        positives=weights[1].sum(-2),
        negative_squares=squares[0].sum(-2),
        positive_squares=squares[1].sum(-2),
        scored=np.broadcast_to(scored.scored.sum(-2), weights[0].sum(-2).shape),  # the same in every draw of labels
        bins=scored.bins,
    )
    sums = Sums(
        rows=rows,
        all_rows=rows,
        labelled=rows,
        immature=np.zeros_like(rows),
        counts=counts,
        squares=square_counts,
        losses=losses,
        scores={"": histogram},
    )
    return Expected(sums, {"": np.asarray((squares[1] * shares[0]).sum((-2, -1)))})


@dataclass(frozen=True, slots=True)
class ClassSums:
    """Rows of a model of k classes with the chance of each class, labelled or not; the first axis is windows.

    rows         rows by prediction, the last place for those without one; shape (..., k + 1)
    weight       Σw of them; the rows themselves where they have no weights
    square       Σw²
    chance       Σw · chance by prediction and class, shape (..., k + 1, k)
    variance     Σw² · chance (1 - chance), likewise
    losses       by measure, shape (..., 6): the sums of `Sums.losses`, each row's loss being what is expected of it
    scores       by class: of each bin of its score the expected rows of the class and of the others
    self_pairs   by class Σw² · chance (1 - chance), shape (...)
    """

    rows: Array
    weight: Array
    square: Array
    chance: Array
    variance: Array
    losses: Mapping[str, Array] = field(default_factory=dict)
    scores: Mapping[str, Histogram] = field(default_factory=dict)
    self_pairs: Mapping[str, Array] = field(default_factory=dict)


def expected_of_classes(found: ClassSums) -> Expected:
    """The sums that rows have on average, if each is of a class with the chance of this class.

    All rows count as labelled and old enough.
    """
    counts = np.concatenate([found.chance, np.zeros((*found.chance.shape[:-1], 1))], axis=-1)
    rows = found.rows.sum(-1)
    sums = Sums(
        rows=rows,
        all_rows=rows,
        labelled=rows,
        immature=np.zeros_like(rows),
        counts=counts,
        squares=counts,  # figures without an interval do not read them
        losses=found.losses,
        scores=found.scores,
    )
    return Expected(sums, found.self_pairs)


def expected_measure(measure: Measure, classes: int) -> Measure:
    """The measure as it is expected of a row: Σ over classes of its chance times the measure as if it were the label.

    Read from facts that have a column of chances for each class, `CLASS_CHANCE` and its code.
    """

    def expression(facts: ir.Table) -> ir.Value:
        each = [
            facts[f"{CLASS_CHANCE}{code}"] * measure.expression(_LabelledAs(facts, code)) for code in range(classes)
        ]
        return sum(each[1:], each[0])

    return Measure(measure.name, expression, measure.bound)


class _LabelledAs:
    """Facts as they would be if all labels were of one class: what expressions of measures read of them."""

    def __init__(self, facts: ir.Table, code: int) -> None:
        self._facts, self.columns = facts, facts.columns
        self.actual = ibis.literal(code, "int16")

    def __getitem__(self, name: str) -> ir.Value:
        return self._facts[name]


def figure(metric: Metric, found: Expected) -> Array:
    """The figure that is expected of rows without labels, shape (...); NaN where there is none.

    Ratios of expectations for metrics that are no means: off by the order of 1 / rows.
    """
    if isinstance(metric, MacroAuc):
        each = np.stack([figure(class_auc(metric.name, of), found) for of in metric.of], axis=-1)
        return divided(np.nansum(each, axis=-1), np.isfinite(each).sum(-1))
    value = metric.value(metric.parts(found.sums))
    if isinstance(metric, RocAuc):
        # a row is no pair with itself: its own chances of being positive and negative exclude each other
        (of,) = metric.of
        rows = found.sums.scores[of]
        value = without_self_pairs(value, rows.negatives.sum(-1), rows.positives.sum(-1), found.self_pairs[of])
    return value


def bin_scores(bins: Array) -> Array:
    """The middle score of each bin of the fixed grid, in [0, 1]; shape (bins,).

    bins   shape (bins, 3), as in `Histogram`

    >>> bin_scores(np.array([[256.0, 256.0, 0.0]])).round(4).tolist()
    [0.501]
    """

    linear, logit = bins[:, 0], bins[:, 1]
    bottom = np.where(logit > 0, _logit_edge(logit), 0.0)
    top = np.where(logit < LOGIT_BINS - 1, _logit_edge(logit + 1), 1.0)
    low, high = np.maximum(linear / LINEAR_BINS, bottom), np.minimum((linear + 1) / LINEAR_BINS, top)
    return (low + high) / 2


def probability_bins() -> Array:
    """All bins of the fixed grid that a probability can be in, in rising order, without thresholds; shape (bins, 3).

    >>> bins = probability_bins()
    >>> bins[[0, -1]].tolist()
    [[0.0, 0.0, 0.0], [511.0, 511.0, 0.0]]
    >>> bool((np.diff(bin_scores(bins)) > 0).all())
    True
    """
    of_logits = _logit_edge(np.arange(1.0, LOGIT_BINS))
    # an edge that both have is told twice by a last bit
    edges = np.unique(np.concatenate([np.arange(LINEAR_BINS + 1) / LINEAR_BINS, of_logits[of_logits != 0.5]]))
    middle = (edges[1:] + edges[:-1]) / 2
    linear = np.floor(middle * LINEAR_BINS)
    logit = np.floor((np.log(middle / (1 - middle)) + LOGIT_RANGE) * LOGIT_BINS / (2 * LOGIT_RANGE))
    return np.stack([linear, np.clip(logit, 0, LOGIT_BINS - 1), np.zeros_like(linear)], axis=1)


def _logit_edge(number: Array) -> Array:
    """The score at the lower edge of a logit bin."""
    return np.asarray(1 / (1 + np.exp(-(number * 2 * LOGIT_RANGE / LOGIT_BINS - LOGIT_RANGE))))
