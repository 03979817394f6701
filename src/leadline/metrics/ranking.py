"""Metrics of the order of scores, and of their calibration: read from histograms on the fixed grid."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from leadline.metrics.metric import Ends, Metric
from leadline.metrics.sums import LINEAR_BINS, Array, Sums
from leadline.stats.auc import auc, auc_gradient, binning_bound, delong_variance, score_newcombe
from leadline.stats.average_precision import (
    average_precision,
    average_precision_gradient,
    average_precision_interval,
    average_precision_range,
)
from leadline.stats.calibration import calibration_error, calibration_floor, calibration_interval
from leadline.stats.design import Designs

SCORED = frozenset({"labels", "score"})
CALIBRATED = frozenset({"labels", "score", "probabilities"})


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


CALIBRATION_BINS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationError(Metric):
    """Expected calibration error in 16 bins of equal width, or the floor that a calibrated model would show."""

    floor: bool = False

    def parts(self, sums: Sums) -> Array:
        """Rows, Σ score, positives and squared weights of the 16 bins, one after the other."""
        found = sums.scores[self.of[0]]
        place = (found.bins[:, 0] // (LINEAR_BINS // CALIBRATION_BINS)).astype(int)
        member = (place[:, None] == np.arange(CALIBRATION_BINS)).astype(float)
        each = (
            found.negatives + found.positives,
            found.scored,
            found.positives,
            found.negative_squares + found.positive_squares,
        )
        return np.concatenate([values @ member for values in each], axis=-1)

    def value(self, parts: Array) -> Array:
        rows, scored, positives, _ = quarters(parts)
        found = np.full(rows.shape[:-1], np.nan)
        for place in zip(*np.nonzero(rows.sum(-1) > 0), strict=True):
            if self.floor:
                # for weighted rows the floor that as many rows of equal weight would show
                weight = self._unit(parts[place])
                found[place] = calibration_floor(rows[place] / weight, positives[place] / weight)
            else:
                found[place] = calibration_error(rows[place], scored[place], positives[place])
        return found

    @staticmethod
    def _unit(parts: Array) -> float:
        """The size of a row: 1, or Σw² / Σw."""
        rows, _, _, squares = quarters(parts)
        return float(squares.sum() / rows.sum())

    def why(self, parts: Array) -> str:
        return "no labelled rows with a score"

    def row_variance(self, parts: Array) -> Array:
        rows, _, positives, squares = quarters(parts)
        share = np.divide(positives, rows, out=np.zeros_like(rows), where=rows > 0)
        return np.asarray((squares * share * (1 - share)).sum(-1) / rows.sum(-1) ** 2)

    def slope(self, parts: Array) -> Array:
        rows, scored, positives, _ = quarters(parts)
        total = rows.sum(-1, keepdims=True)
        side, error = np.sign(positives - scored), np.abs(positives - scored).sum(-1, keepdims=True) / total
        return np.concatenate([-error / total * np.ones_like(rows), -side / total, side / total], axis=-1)

    def size(self, parts: Array) -> Array:
        return np.asarray(quarters(parts)[0].sum(-1))

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        ends = np.full((len(value), 2), np.nan)
        if not self.floor:
            for place, each in enumerate(parts):
                rows, scored, positives = (part / self._unit(each) for part in quarters(each)[:3])
                critical, deff = float(design.critical[place]), float(design.deff[place])
                ends[place] = calibration_interval(rows, scored, positives, critical, deff)
        return ends[:, 0], ends[:, 1], "folded_normal"


def binary_ranking() -> tuple[Metric, ...]:
    """The first and the last are exact where all scores of a bin are equal, else within their bound."""
    return (
        RocAuc(
            name="roc_auc",
            better="higher",
            needs=SCORED,
            histogram="scores",
            summary="Chance that a positive scores above a negative.",
        ),
        CalibrationError(
            name="calibration_error",
            better="lower",
            needs=CALIBRATED,
            histogram="scores",
            summary="Mean gap between score and share of positives, by 16 bins of the score; see its floor.",
        ),
        CalibrationError(
            name="calibration_floor",
            better=None,
            needs=CALIBRATED,
            histogram="scores",
            floor=True,
            summary="What the calibration error comes to for a calibrated model with these rows.",
        ),
        AveragePrecision(
            name="average_precision",
            better="higher",
            needs=SCORED,
            histogram="scores",
            summary="Area under the precision-recall steps.",
        ),
    )
