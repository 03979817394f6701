"""Metrics of models that predict a number. Rows count that have both a prediction and a label."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np

from leadline.metrics.errors import SizeQuantile
from leadline.metrics.metric import (
    NONE_DECIDED,
    ROWS,
    SQUARE,
    SQUARE_SUM,
    SUM,
    SUM_OF_SQUARES,
    WEIGHT,
    Ends,
    Mean,
    Metric,
    RatioOfSums,
    divided,
)
from leadline.metrics.sums import Array, Measure, Sums
from leadline.stats.design import Designs
from leadline.stats.scale import log_interval

NUMBERS = frozenset({"labels", "prediction"})


def _error(facts: ir.Table) -> ir.Value:
    return facts.prediction_value - facts.label_value


def _label(facts: ir.Table) -> ir.Value:
    """The label, of rows that have a prediction."""
    return ibis.ifelse(facts.prediction_value.notnull(), facts.label_value, ibis.null("float64"))


def _relative(facts: ir.Table) -> ir.Value:
    size = ibis.ifelse(facts.label_value == 0, ibis.null("float64"), facts.label_value.abs())
    return _error(facts).abs() / size


def _symmetric(facts: ir.Table) -> ir.Value:
    size = facts.prediction_value.abs() + facts.label_value.abs()
    return ibis.ifelse(size == 0, 0.0, 2 * _error(facts).abs() / ibis.ifelse(size == 0, 1.0, size))


def _squared_log(facts: ir.Table) -> ir.Value:
    """NULL where a logarithm does not exist; the inner choice keeps it from being taken there on any engine."""
    predicted, label = facts.prediction_value, facts.label_value
    fine = (predicted > -1) & (label > -1)
    gap = (ibis.ifelse(fine, predicted, 0.0) + 1).ln() - (ibis.ifelse(fine, label, 0.0) + 1).ln()
    return ibis.ifelse(fine, gap * gap, ibis.null("float64"))


def _too_low(facts: ir.Table) -> ir.Value:
    predicted, label = facts.prediction_value, facts.label_value
    return ((predicted <= -1) | (label <= -1)).cast("float64") + 0 * _error(facts)


ABSOLUTE = Measure("absolute_error", lambda facts: _error(facts).abs())
SQUARED = Measure("squared_error", lambda facts: _error(facts) * _error(facts))
SIGNED = Measure("error", _error)
RELATIVE = Measure("relative_error", _relative)
SYMMETRIC = Measure("symmetric_error", _symmetric, 2.0)
SQUARED_LOG = Measure("squared_log_error", _squared_log)
TOO_LOW = Measure("too_low", _too_low, 1.0)
SIZE = Measure("label_size", lambda facts: _label(facts).abs())
ERROR_SIZE = Measure("error_label_size", lambda facts: _error(facts).abs() * facts.label_value.abs())
LABEL = Measure("label", _label)
LABEL_2 = Measure("label_2", lambda facts: _label(facts) * facts.label_value)
LABEL_3 = Measure("label_3", lambda facts: _label(facts) * facts.label_value * facts.label_value)
ERROR_LABEL = Measure("squared_error_label", lambda facts: _error(facts) * _error(facts) * facts.label_value)
ERROR_LABEL_2 = Measure(
    "squared_error_label_2",
    lambda facts: _error(facts) * _error(facts) * facts.label_value * facts.label_value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogError(Mean):
    """RMSLE: a mean that does not exist in a window where a label or prediction is -1 or less."""

    def parts(self, sums: Sums) -> Array:
        return np.concatenate([sums.losses[self.measure.name], sums.losses[TOO_LOW.name][..., SUM, None]], axis=-1)

    def value(self, parts: Array) -> Array:
        # not super(): with slots a dataclass is made anew and super() would look for the old one
        return np.where(parts[..., -1] > 0, np.nan, Mean.value(self, parts))

    def why(self, parts: Array) -> str:
        return "a label or prediction is -1 or less, which has no logarithm" if parts[-1] > 0 else self.undefined


#: Σy² / Σ(y - ȳ)² up to which double precision holds R² itself, and the fourth moments of its variance
MOST_LEVEL, MOST_LEVEL_OF_VARIANCE = 1e12, 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class RSquared(Metric):
    """1 - Σ(error²) / Σ(label - mean label)².

    Its variance is that of the linearised ratio, from moments up to the fourth. All moments are taken about 0: where
    the labels' mean is far from 0 against their spread, what is lost in the differences is reported as `bound`.
    """

    def parts(self, sums: Sums) -> Array:
        """Σw, Σy, Σy², Σe², rows; and with squared weights Σ1, Σe², Σe⁴, Σy, Σy², Σy³, Σy⁴, Σe²y, Σe²y²."""
        losses = sums.losses
        return np.stack(
            [
                losses[measure.name][..., part]
                for measure, part in (
                    (LABEL, WEIGHT),
                    (LABEL, SUM),
                    (LABEL_2, SUM),
                    (SQUARED, SUM),
                    (LABEL, ROWS),
                    (LABEL, SQUARE),
                    (SQUARED, SQUARE_SUM),
                    (SQUARED, SUM_OF_SQUARES),
                    (LABEL, SQUARE_SUM),
                    (LABEL, SUM_OF_SQUARES),
                    (LABEL_3, SQUARE_SUM),
                    (LABEL_2, SUM_OF_SQUARES),
                    (ERROR_LABEL, SQUARE_SUM),
                    (ERROR_LABEL_2, SQUARE_SUM),
                )
            ],
            axis=-1,
        )

    @staticmethod
    def _read(parts: Array) -> tuple[Array, Array, Array, Array]:
        """Mean label, Σ(y - ȳ)² (NaN where it is lost), 1 - R², and Σy² / Σ(y - ȳ)²."""
        weight, first, second, error = (parts[..., place] for place in range(4))
        mean = divided(first, weight)
        spread = second - first * mean
        spread = np.where(spread > second / MOST_LEVEL, spread, np.nan)
        return mean, spread, error / spread, second / spread

    def value(self, parts: Array) -> Array:
        return 1 - self._read(parts)[2]

    def why(self, parts: Array) -> str:
        return "the labels do not vary" if parts[4] > 0 else NONE_DECIDED

    def bound(self, parts: Array) -> Array:
        _, _, ratio, level = self._read(parts)
        lost = ratio * level * 2.0**-48
        return np.where(lost > 1e-10, lost, 0.0)

    def row_variance(self, parts: Array) -> Array:
        mean, spread, ratio, level = self._read(parts)
        one, ee, eeee, y, yy, yyy, yyyy, eey, eeyy = (parts[..., place] for place in range(5, 14))
        crossed = eeyy - 2 * mean * eey + mean**2 * ee
        fourth = yyyy - 4 * mean * yyy + 6 * mean**2 * yy - 4 * mean**3 * y + mean**4 * one
        variance = (eeee - 2 * ratio * crossed + ratio**2 * fourth) / spread**2
        told = (level < MOST_LEVEL_OF_VARIANCE) & (parts[..., 4] > 2)
        return np.where(told, np.maximum(variance, 0.0), 0.0)

    def slope(self, parts: Array) -> Array:
        mean, spread, ratio, _ = self._read(parts)
        rate = ratio / spread
        return np.stack([rate * mean**2, -2 * mean * rate, rate, -1 / spread], axis=-1)

    def size(self, parts: Array) -> Array:
        return parts[..., 0]

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        some = variance > 0
        low, high = log_interval(np.where(some, 1 - value, 1.0), variance * design.deff, design.critical)
        return np.where(some, 1 - high, np.nan), np.where(some, 1 - low, np.nan), "sandwich"


def _mean(name: str, measure: Measure, summary: str, **more: object) -> Metric:
    given = {"better": "lower", "high": math.inf, "undefined": NONE_DECIDED} | more
    return Mean(name=name, needs=NUMBERS, measure=measure, measures=(measure,), summary=summary, **given)  # type: ignore[arg-type]  # fields of Mean


def regression_metrics() -> tuple[Metric, ...]:
    """The metrics without parameters."""
    return (
        _mean("mae", ABSOLUTE, "Mean absolute error, in the label's unit."),
        _mean("rmse", SQUARED, "Root of the mean squared error, in the label's unit.", root=True),
        _mean("mse", SQUARED, "Mean squared error, in the label's unit squared."),
        _mean("bias", SIGNED, "Mean of prediction - label, in the label's unit.", better=None, low=-math.inf),
        _mean(
            "mape",
            RELATIVE,
            "Mean of |error| / |label|, as a share; rows with a label of 0 have none and are left out.",
            undefined="no rows with a label other than 0",
        ),
        _mean(
            "smape",
            SYMMETRIC,
            "Mean of 2 |error| / (|prediction| + |label|), between 0 and 2; 0 where both are 0.",
            high=2.0,
        ),
        RatioOfSums(
            name="wape",
            better="lower",
            high=math.inf,
            needs=NUMBERS,
            top=ABSOLUTE,
            bottom=SIZE,
            product=ERROR_SIZE,
            measures=(ABSOLUTE, SIZE, ERROR_SIZE),
            undefined=NONE_DECIDED,
            nothing="all labels are 0",
            summary="Σ |error| / Σ |label|, as a share.",
        ),
        LogError(
            name="rmsle",
            better="lower",
            high=math.inf,
            needs=NUMBERS,
            measure=SQUARED_LOG,
            measures=(SQUARED_LOG, TOO_LOW),
            root=True,
            undefined=NONE_DECIDED,
            summary="Root of the mean squared difference of ln(1 + prediction) and ln(1 + label).",
        ),
        RSquared(
            name="r2",
            better="higher",
            low=-math.inf,
            needs=NUMBERS,
            measures=(LABEL, LABEL_2, LABEL_3, SQUARED, ERROR_LABEL, ERROR_LABEL_2),
            summary="1 - Σ error² / Σ (label - mean label)², the mean that of the window.",
        ),
        error_quantile("median_absolute_error", 0.5, "Median of |error|, in the label's unit, rounded up to its bin."),
        error_quantile("p90_absolute_error", 0.9, "90 % of |error| are at most this, in the label's unit."),
    )


def error_quantile(name: str, q: float, summary: str = "") -> Metric:
    """A quantile of the absolute errors; the smallest one that has a share of at least q at or below it."""
    return SizeQuantile(
        name=name,
        better="lower",
        high=math.inf,
        needs=NUMBERS,
        q=q,
        count=ABSOLUTE,
        measures=(ABSOLUTE,),
        histogram="errors",
        undefined=NONE_DECIDED,
        summary=summary,
    )


def pinball(name: str, q: float, summary: str = "") -> Metric:
    """Mean loss of a prediction of the q-quantile: q a unit too low, 1 - q a unit too high (Koenker, Bassett 1978)."""
    return _mean(name, Measure(f"pinball_{q!r}", _pinball(q)), summary)


def _pinball(q: float) -> Callable[[ir.Table], ir.Value]:
    def loss(facts: ir.Table) -> ir.Value:
        low = facts.label_value - facts.prediction_value
        return ibis.ifelse(low >= 0, q * low, (q - 1) * low)

    return loss
