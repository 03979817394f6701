"""Metrics of the order of scores, and of their calibration: read from histograms on the fixed grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leadline.metrics.metric import Metric
from leadline.metrics.sums import LINEAR_BINS, Array, Histogram, Sums
from leadline.stats.auc import auc, auc_gradient, binning_bound, delong_variance, score_newcombe
from leadline.stats.average_precision import (
    average_precision,
    average_precision_gradient,
    average_precision_interval,
    average_precision_range,
)
from leadline.stats.calibration import calibration_error, calibration_floor, calibration_interval
from leadline.stats.counts import group_influence, row_variance
from leadline.stats.design import Design
from leadline.values import Interval, Undefined

SCORED = frozenset({"labels", "score"})
CALIBRATED = frozenset({"labels", "score", "probabilities"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking(Metric):
    """A figure of one class's scores against the rest; `of` is "" for binary."""

    of: str = ""

    def _histogram(self, sums: Sums) -> Histogram:
        return sums.scores[self.of]

    def _missing(self, sums: Sums) -> Undefined | None:
        found = self._histogram(sums)
        positive, negative = found.positives.sum() > 0, found.negatives.sum() > 0
        if positive and negative:
            return None
        if not positive and not negative:
            return Undefined("no labelled rows with a score")
        return Undefined("one class only: no actual " + ("negatives" if positive else "positives"))

    def _slopes(self, histogram: Histogram) -> tuple[Array, Array]:
        raise NotImplementedError

    def row_variance(self, sums: Sums) -> float:
        found = self._histogram(sums)
        of_negative, of_positive = self._slopes(found)
        return row_variance(of_negative, found.negative_squares) + row_variance(of_positive, found.positive_squares)

    def influence(self, total: Sums, groups: Sums) -> tuple[Array, Array]:
        of_negative, of_positive = self._slopes(self._histogram(total))
        by_group = self._histogram(groups)
        influence = group_influence(of_negative, by_group.negatives) + group_influence(of_positive, by_group.positives)
        return influence, by_group.positives.sum(axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RocAuc(Ranking):
    """Area under the ROC curve; ties, and scores of one bin, count half."""

    def _slopes(self, histogram: Histogram) -> tuple[Array, Array]:
        return auc_gradient(histogram.negatives, histogram.positives)

    def value(self, sums: Sums) -> float | Undefined:
        found = self._histogram(sums)
        return self._missing(sums) or float(auc(found.negatives, found.positives))

    def bound(self, sums: Sums) -> float:
        found = self._histogram(sums)
        return float(binning_bound(found.negatives, found.positives))

    def interval(self, sums: Sums, value: float, variance: float, design: Design) -> Interval | None:
        found = self._histogram(sums)
        rows = [
            _effective(found.positives, found.positive_squares),
            _effective(found.negatives, found.negative_squares),
        ]
        spread = delong_variance(found.negatives, found.positives, found.negative_squares, found.positive_squares)
        low, high = score_newcombe(
            value, max(rows[0], 1.0), max(rows[1], 1.0), float(spread), design.critical, design.deff
        )
        return Interval(low, high, design.named("score_newcombe"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePrecision(Ranking):
    """Mean of precision over the steps of recall, without interpolation."""

    def _slopes(self, histogram: Histogram) -> tuple[Array, Array]:
        return average_precision_gradient(histogram.negatives, histogram.positives)

    def value(self, sums: Sums) -> float | Undefined:
        found = self._histogram(sums)
        return self._missing(sums) or float(average_precision(found.negatives, found.positives))

    def bound(self, sums: Sums) -> float:
        found = self._histogram(sums)
        value = float(average_precision(found.negatives, found.positives))
        low, high = average_precision_range(found.negatives, found.positives)
        return max(value - float(low), float(high) - value)

    def interval(self, sums: Sums, value: float, variance: float, design: Design) -> Interval | None:
        found = self._histogram(sums)
        low, high = average_precision_interval(
            value, variance, _effective(found.positives, found.positive_squares), design.critical, design.deff
        )
        return Interval(low, high, design.named("delta"))


def _effective(weights: Array, squares: Array) -> float:
    total, square = float(np.sum(weights)), float(np.sum(squares))
    return total * total / square if square > 0 else 0.0


CALIBRATION_BINS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationError(Metric):
    """Expected calibration error in 16 bins of equal width, or the floor that a calibrated model would show."""

    of: str = ""
    floor: bool = False

    def _bins(self, histogram: Histogram) -> tuple[Array, Array, Array]:
        """Rows, Σ score and positives by bin; shape (..., 16)."""
        place = (histogram.bins[:, 0] // (LINEAR_BINS // CALIBRATION_BINS)).astype(int)
        member = (place[:, None] == np.arange(CALIBRATION_BINS)).astype(float)
        return (
            (histogram.negatives + histogram.positives) @ member,
            histogram.scored @ member,
            histogram.positives @ member,
        )

    def value(self, sums: Sums) -> float | Undefined:
        rows, scored, positives = self._bins(sums.scores[self.of])
        if not rows.sum() > 0:
            return Undefined("no labelled rows with a score")
        return calibration_floor(rows, positives) if self.floor else calibration_error(rows, scored, positives)

    def row_variance(self, sums: Sums) -> float:
        rows, _, positives = self._bins(sums.scores[self.of])
        share = np.divide(positives, rows, out=np.zeros_like(rows), where=rows > 0)
        return float((rows * share * (1 - share)).sum() / rows.sum() ** 2)

    def influence(self, total: Sums, groups: Sums) -> tuple[Array, Array]:
        rows, scored, positives = self._bins(total.scores[self.of])
        group_rows, group_scored, group_positives = self._bins(groups.scores[self.of])
        side = np.sign(positives - scored)
        error = float(np.abs(positives - scored).sum() / rows.sum())
        weight = group_rows.sum(axis=1)
        influence: Array = ((group_positives - group_scored) @ side - error * weight) / rows.sum()
        return influence, weight

    def interval(self, sums: Sums, value: float, variance: float, design: Design) -> Interval | None:
        if self.floor:
            return None
        low, high = calibration_interval(*self._bins(sums.scores[self.of]), design.critical, design.deff)
        return Interval(low, high, design.named("folded_normal"))


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
        CalibrationError(
            name="calibration_error",
            better="lower",
            needs=CALIBRATED,
            histogram="scores",
            summary="Mean gap between score and share of positives, by 16 bins of the score; never below its floor by much.",
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
