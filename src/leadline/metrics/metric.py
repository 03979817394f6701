"""What a metric is: a pure function of sums, with its variance and its interval."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from leadline.metrics.sums import Array, Measure, Sums
from leadline.stats.counts import delta_interval, gradient, group_influence, row_variance
from leadline.stats.design import Design
from leadline.stats.proportion import jaccard_wilson, share_interval
from leadline.stats.scale import log_interval, logit_interval, wald
from leadline.values import Interval, Undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric(ABC):
    """A figure that is read from sums.

    name      as written in a declaration, with its parameters
    better    "higher", "lower" or None: which side is good
    low, high the figure's range
    needs     what facts must have: "labels", "score", "probabilities", "scores", "prediction"
    measures  what has to be summed for it beside the counts
    histogram "scores" or "errors" where it reads one
    summary   one sentence for the reference
    """

    name: str
    better: str | None
    low: float = 0.0
    high: float = 1.0
    needs: frozenset[str] = frozenset({"labels"})
    measures: tuple[Measure, ...] = ()
    histogram: str | None = None
    summary: str = ""

    @abstractmethod
    def value(self, sums: Sums) -> float | Undefined:
        """The figure of one window and slice (sums without a grain axis)."""

    @abstractmethod
    def row_variance(self, sums: Sums) -> float:
        """Its variance if rows were independent; called where `value` is defined."""

    @abstractmethod
    def influence(self, total: Sums, groups: Sums) -> tuple[Array, Array]:
        """What each group (first axis) adds to the figure's error, and what it weighs in the figure."""

    @abstractmethod
    def interval(self, sums: Sums, value: float, variance: float, design: Design) -> Interval | None:
        """The 95 % interval; None where there is none."""

    def bound(self, sums: Sums) -> float:
        """The figure of the rows lies within `value` ± this; 0 where the sums are exact."""
        return 0.0


Mask = Callable[[int], Array]
"""Number of classes → weights of the cells of the (k + 1) × (k + 1) counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share(Metric):
    """Weight of some cells of the counts in the weight of others that hold them: recall, accuracy, rates.

    hits, of     cells that count, and cells that are looked at; `hits` are among `of`
    undefined    why there is no figure where `of` is empty
    """

    hits: Mask
    of: Mask
    undefined: str

    def _sums(self, sums: Sums) -> tuple[float, float, float]:
        """Weight of the hits, of all, and the effective number of rows."""
        of = self.of(sums.classes)
        total = float((of * sums.counts).sum())
        return (
            float((self.hits(sums.classes) * sums.counts).sum()),
            total,
            _effective(total, float((of * sums.squares).sum())),
        )

    def value(self, sums: Sums) -> float | Undefined:
        hits, total, _ = self._sums(sums)
        return hits / total if total > 0 else Undefined(self.undefined)

    def row_variance(self, sums: Sums) -> float:
        hits, of = self.hits(sums.classes), self.of(sums.classes)
        hit, total, _ = self._sums(sums)
        share = hit / total
        return float((((hits - share * of) ** 2) * sums.squares).sum()) / total**2

    def influence(self, total: Sums, groups: Sums) -> tuple[Array, Array]:
        hits, of = self.hits(total.classes), self.of(total.classes)
        hit, weight, _ = self._sums(total)
        parts = (groups.counts * of).sum(axis=(1, 2))
        return ((groups.counts * hits).sum(axis=(1, 2)) - hit / weight * parts) / weight, parts

    def interval(self, sums: Sums, value: float, variance: float, design: Design) -> Interval | None:
        _, _, rows = self._sums(sums)
        effective = rows / design.deff
        low, high = share_interval(min(value * effective, effective), effective, design.critical)
        return Interval(low, high, design.named("wilson"))


@dataclass(frozen=True, slots=True, kw_only=True)
class F1(Share):
    """F1 by way of the share J = TP / (TP + FP + FN): hits are TP, `of` is the union."""

    def value(self, sums: Sums) -> float | Undefined:
        hits, total, _ = self._sums(sums)
        return 2 * hits / (hits + total) if total > 0 else Undefined(self.undefined)

    def interval(self, sums: Sums, value: float, variance: float, design: Design) -> Interval | None:
        hits, total, rows = self._sums(sums)
        effective = rows / total if total else 1.0
        low, high = jaccard_wilson(hits * effective, (total - hits) * effective, 0.0, design.deff, design.critical)
        return Interval(low, high, design.named("jaccard_wilson"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRatio(Metric):
    """Ratio of two linear functions of the counts: F-beta, costs a row."""

    top: Mask
    bottom: Mask
    undefined: str

    def _sums(self, sums: Sums) -> tuple[float, float]:
        k = sums.classes
        return float((self.top(k) * sums.counts).sum()), float((self.bottom(k) * sums.counts).sum())

    def value(self, sums: Sums) -> float | Undefined:
        top, bottom = self._sums(sums)
        return top / bottom if bottom > 0 else Undefined(self.undefined)

    def _slope(self, sums: Sums) -> Array:
        top, bottom = self._sums(sums)
        slope: Array = (self.top(sums.classes) - top / bottom * self.bottom(sums.classes)) / bottom
        return slope

    def row_variance(self, sums: Sums) -> float:
        return row_variance(self._slope(sums), sums.squares)

    def influence(self, total: Sums, groups: Sums) -> tuple[Array, Array]:
        return group_influence(self._slope(total), groups.counts), (groups.counts * self.bottom(total.classes)).sum(
            axis=(1, 2)
        )

    def interval(self, sums: Sums, value: float, variance: float, design: Design) -> Interval | None:
        variance *= design.deff
        inside = self.low < value < self.high
        if math.isfinite(self.low) and math.isfinite(self.high):
            if not inside:
                return None
            low, high = logit_interval(value, variance, design.critical, self.low, self.high)
        else:
            low, high = wald(value, variance, design.critical)
        return Interval(low, high, design.named("sandwich"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CountFunction(Metric):
    """Any smooth function of the counts that does not change when all counts double: MCC, macro averages.

    function   of the counts without the places for what is missing, shape (k, k); NaN where it has no value
    undefined  why, where it is NaN
    """

    function: Callable[[Array], float]
    undefined: str

    def value(self, sums: Sums) -> float | Undefined:
        counts = sums.counts[:-1, :-1]
        found = self.function(counts) if counts.sum() > 0 else math.nan
        return found if math.isfinite(found) else Undefined(self.undefined if counts.sum() > 0 else "no labelled rows")

    def row_variance(self, sums: Sums) -> float:
        return row_variance(gradient(self.function, sums.counts[:-1, :-1]), sums.squares[:-1, :-1])

    def influence(self, total: Sums, groups: Sums) -> tuple[Array, Array]:
        slope = gradient(self.function, total.counts[:-1, :-1])
        return group_influence(slope, groups.counts[:, :-1, :-1]), groups.counts[:, :-1, :-1].sum(axis=(1, 2))

    def interval(self, sums: Sums, value: float, variance: float, design: Design) -> Interval | None:
        counts, squares = sums.counts[:-1, :-1], sums.squares[:-1, :-1]
        low, high = delta_interval(self.function, counts, self.low, self.high, design.critical, design.deff, squares)
        return Interval(low, high, design.named("delta"))


ROWS, WEIGHT, SQUARE, SUM, SQUARE_SUM, SUM_OF_SQUARES = range(6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean(Metric):
    """Mean of one measure over the labelled rows that have it.

    of      the measure
    root    the figure is the square root of the mean (RMSE, RMSLE)
    """

    of: Measure
    root: bool = False
    undefined: str = "no labelled rows"

    def _mean(self, sums: Sums) -> tuple[float, Array]:
        parts = sums.losses[self.of.name]
        return float(parts[SUM] / parts[WEIGHT]), parts

    def value(self, sums: Sums) -> float | Undefined:
        if not sums.losses[self.of.name][WEIGHT] > 0:
            return Undefined(self.undefined)
        mean, _ = self._mean(sums)
        return math.sqrt(max(mean, 0.0)) if self.root else mean

    def row_variance(self, sums: Sums) -> float:
        mean, parts = self._mean(sums)
        rows = parts[ROWS]
        if rows < 2:
            return 0.0
        residual = max(parts[SUM_OF_SQUARES] - 2 * mean * parts[SQUARE_SUM] + mean * mean * parts[SQUARE], 0.0)
        return float(residual / parts[WEIGHT] ** 2 * rows / (rows - 1))

    def influence(self, total: Sums, groups: Sums) -> tuple[Array, Array]:
        mean, parts = self._mean(total)
        by_group = groups.losses[self.of.name]
        return (by_group[:, SUM] - mean * by_group[:, WEIGHT]) / parts[WEIGHT], by_group[:, WEIGHT]

    def interval(self, sums: Sums, value: float, variance: float, design: Design) -> Interval | None:
        mean, parts = self._mean(sums)
        if parts[ROWS] < 2 or (variance == 0 and self.low == 0):
            return None
        if self.low == 0 and mean > 0:
            low, high = log_interval(mean, variance * design.deff, design.critical)
        else:
            low, high = wald(mean, variance * design.deff, design.critical)
        if self.root:
            low, high = math.sqrt(max(low, 0.0)), math.sqrt(high)
        return Interval(low, min(high, self.high), design.named("sandwich"))


def _effective(total: float, squares: float) -> float:
    """Effective number of rows of weighted ones: (Σw)² / Σw²."""
    return total * total / squares if squares > 0 else 0.0
