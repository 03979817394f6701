"""Metrics of calibration: whether a score of 0.3 comes true three times in ten. Read from histograms on the fixed grid.

Bins of equal width are unions of the grid's, and the sum of scores is kept with each: all but the slope are exact.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
from scipy.special import expit, logit

from leadline.metrics.metric import Ends, Metric, RatioOfSums
from leadline.metrics.ranking import quarters
from leadline.metrics.sums import LINEAR_BINS, LOGIT_BINS, LOGIT_RANGE, Array, Histogram, Measure, Sums
from leadline.stats.calibration import (
    brier_parts,
    calibration_error,
    calibration_floor,
    calibration_interval,
    squared_calibration_error,
)
from leadline.stats.design import Designs
from leadline.stats.logistic import logistic_fit, logistic_influence
from leadline.stats.proportion import share_interval
from leadline.stats.scale import wald

CALIBRATED = frozenset({"labels", "score", "probabilities"})
NONE_SCORED = "no labelled rows with a score"

CALIBRATION_BINS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration(Metric):
    """A figure of scores and labels in 16 bins of equal width. Its histogram keeps the sum of scores, too."""

    needs: frozenset[str] = CALIBRATED
    histogram: str | None = "scores"

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

    def why(self, parts: Array) -> str:
        return NONE_SCORED

    def size(self, parts: Array) -> Array:
        return np.asarray(quarters(parts)[0].sum(-1))


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationError(Calibration):
    """Expected calibration error, or the floor that a calibrated model would show."""

    floor: bool = False

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

    def row_variance(self, parts: Array) -> Array:
        rows, _, positives, squares = quarters(parts)
        share = np.divide(positives, rows, out=np.zeros_like(rows), where=rows > 0)
        return np.asarray((squares * share * (1 - share)).sum(-1) / rows.sum(-1) ** 2)

    def slope(self, parts: Array) -> Array:
        rows, scored, positives, _ = quarters(parts)
        total = rows.sum(-1, keepdims=True)
        side, error = np.sign(positives - scored), np.abs(positives - scored).sum(-1, keepdims=True) / total
        return np.concatenate([-error / total * np.ones_like(rows), -side / total, side / total], axis=-1)

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        ends = np.full((len(value), 2), np.nan)
        if not self.floor:
            for place, each in enumerate(parts):
                rows, scored, positives = (part / self._unit(each) for part in quarters(each)[:3])
                critical, deff = float(design.critical[place]), float(design.deff[place])
                ends[place] = calibration_interval(rows, scored, positives, critical, deff)
        return ends[:, 0], ends[:, 1], "folded_normal"


def _gaps(parts: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Of each bin its weight in all rows, the share of positives, its gap to the mean score, the variance of the share,
    and the rows that it is worth."""
    rows, scored, positives, squares = quarters(parts)
    several = np.divide(rows * rows, squares, out=np.zeros_like(rows), where=squares > 0)
    share = np.divide(positives, rows, out=np.zeros_like(rows), where=rows > 0)
    gap = np.divide(positives - scored, rows, out=np.zeros_like(rows), where=rows > 0)
    smooth = (share * several + 0.5) / (several + 1)  # a bin whose rows are all alike is not known for certain
    noise = np.where(several > 0, smooth * (1 - smooth) / np.maximum(several, 1.0), 0.0)
    weight = np.divide(rows, rows.sum(-1, keepdims=True), out=np.zeros_like(rows), where=rows > 0)
    return weight, share, gap, noise, several


@dataclass(frozen=True, slots=True, kw_only=True)
class SquaredDistance(Calibration):
    """Σ weight · distance² over bins, where the distance is that of the share of positives from something.

    Its variance has three parts: of the shares where the distance is large, of their squares where it is small, and of
    how rows fall into the bins.
    """

    @abstractmethod
    def _distance(self, parts: Array) -> Array:
        """By bin, shape (..., bins)."""

    @abstractmethod
    def _unbiased(self, parts: Array) -> Array:
        """The figure without the upward bias of chance, shape (...)."""

    def row_variance(self, parts: Array) -> Array:
        weight, _, _, noise, _ = _gaps(parts)
        rows, _, _, squares = quarters(parts)
        distance = self._distance(parts)
        square = distance * distance
        fall = (weight * (square - (weight * square).sum(-1, keepdims=True)) ** 2).sum(-1)
        of_shares = (weight**2 * (4 * square * noise + 2 * noise**2)).sum(-1)
        return np.asarray(of_shares + fall * squares.sum(-1) / rows.sum(-1) ** 2)

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        centre = self._unbiased(parts)
        low, high = wald(np.where(np.isfinite(centre), centre, value), variance * design.deff, design.critical)
        low, high = np.maximum(low, self.low), np.minimum(high, self.high)
        return np.minimum(low, value), np.maximum(high, value), "delta"


@dataclass(frozen=True, slots=True, kw_only=True)
class SquaredCalibrationError(SquaredDistance):
    """The squared calibration error, `unbiased` or as Brier's reliability."""

    unbiased: bool

    def value(self, parts: Array) -> Array:
        rows, scored, positives, _ = quarters(parts)
        return self._unbiased(parts) if self.unbiased else brier_parts(rows, scored, positives)[0]

    def why(self, parts: Array) -> str:
        return "no bin has two labelled rows" if quarters(parts)[0].sum() > 0 else NONE_SCORED

    def _distance(self, parts: Array) -> Array:
        return _gaps(parts)[2]

    def _unbiased(self, parts: Array) -> Array:
        rows, scored, positives, _ = quarters(parts)
        return squared_calibration_error(rows, _gaps(parts)[4], scored, positives)

    def slope(self, parts: Array) -> Array:
        weight, _, gap, _, _ = _gaps(parts)
        total = quarters(parts)[0].sum(-1, keepdims=True)
        mean = (weight * gap * gap).sum(-1, keepdims=True)
        return np.concatenate([-(gap * gap + mean) / total, -2 * gap / total, 2 * gap / total], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution(SquaredDistance):
    """How much the bins' shares of positives differ: what the scores tell apart."""

    def value(self, parts: Array) -> Array:
        rows, scored, positives, _ = quarters(parts)
        return brier_parts(rows, scored, positives)[1]

    def _distance(self, parts: Array) -> Array:
        weight, share, _, _, _ = _gaps(parts)
        return np.asarray(share - (weight * share).sum(-1, keepdims=True))

    def _unbiased(self, parts: Array) -> Array:
        weight, share, _, _, several = _gaps(parts)
        noise = np.where(several > 1.5, share * (1 - share) / np.maximum(several - 1, 0.5), 0.0)
        # the mean of all moves with the bins, which takes as much away as its own variance
        return np.asarray(self.value(parts) - (weight * noise).sum(-1) + (weight**2 * noise).sum(-1))

    def slope(self, parts: Array) -> Array:
        distance = self._distance(parts)
        weight, share, *_ = _gaps(parts)
        total = quarters(parts)[0].sum(-1, keepdims=True)
        mean = (weight * distance * distance).sum(-1, keepdims=True)
        of_rows = (distance * distance - 2 * distance * share - mean) / total
        return np.concatenate([of_rows, np.zeros_like(distance), 2 * distance / total], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertainty(Calibration):
    """Brier's score of the share of positives said of every row."""

    def value(self, parts: Array) -> Array:
        rows, scored, positives, _ = quarters(parts)
        return brier_parts(rows, scored, positives)[2]

    def row_variance(self, parts: Array) -> Array:
        """Of the share of positives, as the slope."""
        rows, _, positives, squares = (part.sum(-1) for part in quarters(parts))
        share = positives / rows
        return np.asarray(share * (1 - share) * squares / rows**2)

    def slope(self, parts: Array) -> Array:
        rows, scored, positives, _ = quarters(parts)
        total = rows.sum(-1, keepdims=True)
        share = positives.sum(-1, keepdims=True) / total
        ones = np.ones_like(rows)
        return np.concatenate([-share / total * ones, np.zeros_like(scored), ones / total], axis=-1)

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        rows, _, positives, squares = (part.sum(-1) for part in quarters(parts))
        several = rows**2 / squares / design.deff
        low, high = share_interval(np.minimum(positives / rows, 1.0) * several, several, design.critical)
        ends = low * (1 - low), high * (1 - high)
        most = np.where((low <= 0.5) & (high >= 0.5), 0.25, np.maximum(*ends))
        return np.minimum(*ends), np.maximum(most, value), "wilson"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSlope(Metric):
    """Slope of a logistic regression of the label on the logit of the score, which is cut at ±15.

    The rows of a bin stand at the logit of their mean score; `bound` is how far that may move the slope, to the first
    order and twice over.
    """

    needs: frozenset[str] = CALIBRATED
    histogram: str | None = "scores"

    def parts(self, sums: Sums) -> Array:
        """Negatives, positives, squared weights of both, Σ score, and rows times the ends of the bin, by bin."""
        found = sums.scores[self.of[0]]
        low, high = _ends(found)
        rows = found.negatives + found.positives
        each = (found.negatives, found.positives, found.negative_squares, found.positive_squares, found.scored)
        return np.concatenate([*each, rows * low, rows * high], axis=-1)

    @staticmethod
    def _split(parts: Array) -> tuple[Array, ...]:
        return tuple(np.split(parts, 7, axis=-1))

    def _fit(self, parts: Array) -> tuple[Array, Array, Array, Array]:
        """Where each bin stands, how far its rows may be from there, intercept and slope."""
        negatives, positives, _, _, scored, low, high = self._split(parts)
        rows = negatives + positives
        mean, low, high = (
            np.divide(each, rows, out=np.zeros_like(rows), where=rows > 0) for each in (scored, low, high)
        )
        x = np.clip(logit(np.clip(mean, 0.0, 1.0)), low, high)
        intercept, slope = logistic_fit(x, negatives, positives)
        return x, np.maximum(x - low, high - x), intercept, slope

    def value(self, parts: Array) -> Array:
        return self._fit(parts)[3]

    def why(self, parts: Array) -> str:
        negatives, positives, *_ = self._split(parts)
        if not (negatives + positives).any():
            return NONE_SCORED
        if not (negatives.any() and positives.any()):
            return f"one class only: no actual {'positives' if negatives.any() else 'negatives'}"
        return "a score parts the classes, or all scores are the same: any slope fits"

    def _influence(self, parts: Array) -> tuple[Array, Array, Array]:
        negatives, positives, *_ = self._split(parts)
        x, _, intercept, slope = self._fit(parts)
        return logistic_influence(x, negatives, positives, intercept, slope)

    def row_variance(self, parts: Array) -> Array:
        of_negative, of_positive, _ = self._influence(parts)
        _, _, negative_squares, positive_squares, *_ = self._split(parts)
        return np.asarray((of_negative**2 * negative_squares + of_positive**2 * positive_squares).sum(-1))

    def slope(self, parts: Array) -> Array:
        return np.concatenate(self._influence(parts)[:2], axis=-1)

    def size(self, parts: Array) -> Array:
        negatives, positives, *_ = self._split(parts)
        return np.asarray((negatives + positives).sum(-1))

    def bound(self, parts: Array) -> Array:
        return np.asarray(2 * (self._influence(parts)[2] * self._fit(parts)[1]).sum(-1))

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        low, high = wald(value, variance * design.deff, design.critical)
        some = variance > 0
        return np.where(some, low, np.nan), np.where(some, high, np.nan), "sandwich"


def score_ends(found: Histogram) -> tuple[Array, Array]:
    """The least and the greatest score of each bin, in [0, 1], shape (bins,) each."""
    linear, place = found.bins[:, 0], found.bins[:, 1] * found.span
    width = 2 * LOGIT_RANGE / LOGIT_BINS
    first, last = place <= 0, place + found.span >= LOGIT_BINS
    low = np.maximum(linear / LINEAR_BINS, np.where(first, 0.0, expit(place * width - LOGIT_RANGE)))
    upper = np.where(last, 1.0, expit((place + found.span) * width - LOGIT_RANGE))
    high = np.minimum(np.minimum((linear + found.span) / LINEAR_BINS, 1.0), upper)
    return low, np.maximum(high, low)


def _ends(found: Histogram) -> tuple[Array, Array]:
    """The ends of each bin in logits, cut at ±15."""
    with np.errstate(divide="ignore"):
        low, high = (np.clip(logit(each), -LOGIT_RANGE, LOGIT_RANGE) for each in score_ends(found))
    return low, high


def _observed(facts: ir.Table) -> ir.Value:
    """The label as 0 or 1, of rows that have a score."""
    return ibis.ifelse((facts.actual < 2) & facts.score.notnull(), facts.actual.cast("float64"), ibis.null("float64"))


def _expected(facts: ir.Table) -> ir.Value:
    return ibis.ifelse(facts.actual < 2, facts.score, ibis.null("float64"))


OBSERVED = Measure("observed", _observed, 1.0)
EXPECTED = Measure("expected", _expected, 1.0)
BOTH = Measure("observed_expected", lambda facts: _observed(facts) * facts.score, 1.0)


def binary_calibration() -> tuple[Metric, ...]:
    """All need scores in [0, 1]. Only the slope depends on where in its bin a score lies, and says how much."""
    return (
        CalibrationError(
            name="calibration_error",
            better="lower",
            summary="Mean gap between score and share of positives, by 16 bins of the score; see its floor.",
        ),
        CalibrationError(
            name="calibration_floor",
            better=None,
            floor=True,
            summary="What the calibration error comes to for a calibrated model with these rows.",
        ),
        SquaredCalibrationError(
            name="calibration_error_squared",
            better="lower",
            low=-0.25,
            unbiased=True,
            summary="Mean squared gap between score and share of positives, by 16 bins of the score, less what chance"
            " adds: about 0, and as often below, for a calibrated model.",
        ),
        RatioOfSums(
            name="calibration_ratio",
            better=None,
            high=math.inf,
            needs=CALIBRATED,
            top=OBSERVED,
            bottom=EXPECTED,
            product=BOTH,
            measures=(OBSERVED, EXPECTED, BOTH),
            undefined=NONE_SCORED,
            nothing="all scores are 0",
            summary="Positives observed in positives expected, Σ label / Σ score: above 1 where scores are too low.",
        ),
        CalibrationSlope(
            name="calibration_slope",
            better=None,
            low=-math.inf,
            high=math.inf,
            summary="Slope of a logistic regression of the label on the score's logit: 1 for a calibrated model, below"
            " 1 where scores are too extreme.",
        ),
        SquaredCalibrationError(
            name="brier_reliability",
            better="lower",
            unbiased=False,
            summary="Brier's part that recalibration removes: mean squared gap by 16 bins of the score.",
        ),
        Resolution(
            name="brier_resolution",
            better="higher",
            high=0.25,
            summary="Brier's part that telling rows apart saves: variance of the share of positives over 16 bins.",
        ),
        Uncertainty(
            name="brier_uncertainty",
            better=None,
            high=0.25,
            summary="Brier's part that is the labels' own: ȳ (1 - ȳ), ȳ the share of positives.",
        ),
    )
