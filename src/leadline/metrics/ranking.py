"""Metrics of the order of scores: read from histograms on the fixed grid."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from leadline.metrics.metric import Ends, Metric
from leadline.metrics.sums import Array, Sums
from leadline.stats.auc import auc, auc_gradient, binning_bound, delong_variance, score_newcombe
from leadline.stats.average_precision import (
    average_precision,
    average_precision_gradient,
    average_precision_interval,
    average_precision_range,
)
from leadline.stats.design import Designs

SCORED = frozenset({"labels", "score"})


def effective(weights: Array, squares: Array) -> Array:
    """Rows of equal weight that would say as much: (Σw)² / Σw² over the last axis, at least 1."""
    total, square = weights.sum(-1), squares.sum(-1)
    return np.asarray(np.maximum(np.divide(total * total, square, out=np.ones_like(total), where=square > 0), 1.0))


def histogram(sums: Sums, of: str) -> Array:
    """Negatives, positives, and squared weights of both, by bin, one after the other; shape (..., 4 × bins)."""
    found = sums.scores[of]
    return np.concatenate([found.negatives, found.positives, found.negative_squares, found.positive_squares], axis=-1)


def quarters(parts: Array) -> tuple[Array, Array, Array, Array]:
    """The four histograms again."""
    bins = parts.shape[-1] // 4
    return parts[..., :bins], parts[..., bins : 2 * bins], parts[..., 2 * bins : 3 * bins], parts[..., 3 * bins :]


def both_classes(parts: Array) -> Array:
    """Where there are positives and negatives, shape (...)."""
    negatives, positives, *_ = quarters(parts)
    return np.asarray((negatives.sum(-1) > 0) & (positives.sum(-1) > 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking(Metric):
    """A figure of one class's scores against the rest."""

    def parts(self, sums: Sums) -> Array:
        return histogram(sums, self.of[0])

    def value(self, parts: Array) -> Array:
        known = both_classes(parts)
        found = np.full(known.shape, np.nan)
        found[known] = self._value(*quarters(parts[known])[:2])
        return found

    def why(self, parts: Array) -> str:
        negatives, positives, *_ = quarters(parts)
        if positives.sum() > 0:
            return "one class only: no actual negatives"
        return "one class only: no actual positives" if negatives.sum() > 0 else "no labelled rows with a score"

    @abstractmethod
    def _value(self, negatives: Array, positives: Array) -> Array: ...

    @abstractmethod
    def _slopes(self, negatives: Array, positives: Array) -> tuple[Array, Array]: ...

    def slope(self, parts: Array) -> Array:
        negatives, positives, *_ = quarters(parts)
        return np.concatenate(self._slopes(negatives, positives), axis=-1)

    def row_variance(self, parts: Array) -> Array:
        return np.asarray((self.slope(parts) ** 2 * parts[..., parts.shape[-1] // 2 :]).sum(-1))

    def size(self, parts: Array) -> Array:
        return np.asarray(quarters(parts)[1].sum(-1))


@dataclass(frozen=True, slots=True, kw_only=True)
class RocAuc(Ranking):
    """Area under the ROC curve; ties, and scores of one bin, count half."""

    def _value(self, negatives: Array, positives: Array) -> Array:
        return auc(negatives, positives)

    def _slopes(self, negatives: Array, positives: Array) -> tuple[Array, Array]:
        return auc_gradient(negatives, positives)

    def bound(self, parts: Array) -> Array:
        return binning_bound(*quarters(parts)[:2])

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        negatives, positives, negative_squares, positive_squares = quarters(parts)
        low, high = score_newcombe(
            value,
            effective(positives, positive_squares),
            effective(negatives, negative_squares),
            delong_variance(negatives, positives, negative_squares, positive_squares),
            design.critical,
            design.deff,
        )
        return low, high, "score_newcombe"


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePrecision(Ranking):
    """Mean of precision over the steps of recall, without interpolation."""

    def _value(self, negatives: Array, positives: Array) -> Array:
        return average_precision(negatives, positives)

    def _slopes(self, negatives: Array, positives: Array) -> tuple[Array, Array]:
        return average_precision_gradient(negatives, positives)

    def bound(self, parts: Array) -> Array:
        negatives, positives, *squares = quarters(parts)
        weighted = not all(map(np.array_equal, (negatives, positives), squares))
        value = average_precision(negatives, positives)
        low, high = average_precision_range(negatives, positives, weighted)
        return np.maximum(value - low, high - value)

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        _, positives, _, squares = quarters(parts)
        rows = effective(positives, squares)
        return *average_precision_interval(value, rows, variance, design.critical, design.deff), "delta"


def binary_ranking() -> tuple[Metric, ...]:
    """Both are exact where all scores of a bin are equal, else within their bound."""
    return (
        RocAuc(
            name="roc_auc",
            better="higher",
            needs=SCORED,
            histogram="scores",
            summary="Chance that a positive scores above a negative.",
        ),
        AveragePrecision(
            name="average_precision",
            better="higher",
            needs=SCORED,
            histogram="scores",
            summary="Area under the precision-recall steps.",
        ),
    )
