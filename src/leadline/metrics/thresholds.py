"""A what-if: a confusion metric as it would be with another decision threshold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array, Histogram, Sums
from leadline.stats.design import Design
from leadline.values import Interval, Undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class AtThreshold(Metric):
    """`inner` on the counts that score >= threshold gives. The threshold is an edge of the histogram, so it is exact."""

    inner: Metric
    threshold: float
    place: int = 0

    @classmethod
    def of(cls, inner: Metric, threshold: float) -> AtThreshold:
        """The what-if of a metric that is read from confusion counts."""
        return cls(
            name=inner.name,
            better=inner.better,
            low=inner.low,
            high=inner.high,
            needs=(inner.needs - {"prediction"}) | {"labels", "score"},
            histogram="scores",
            summary=inner.summary,
            inner=inner,
            threshold=threshold,
        )

    def among(self, thresholds: tuple[float, ...]) -> AtThreshold:
        """The same, told which of the sorted edges its threshold is."""
        return replace(self, place=thresholds.index(self.threshold) + 1)

    def _moved(self, sums: Sums) -> Sums:
        found = sums.scores[""]
        return replace(sums, counts=self._counts(found, squares=False), squares=self._counts(found, squares=True))

    def _counts(self, found: Histogram, squares: bool) -> Array:
        above = found.bins[:, 2] >= self.place
        negatives = found.negative_squares if squares else found.negatives
        positives = found.positive_squares if squares else found.positives
        counts = np.zeros((*negatives.shape[:-1], 3, 3))
        for actual, weights in ((0, negatives), (1, positives)):
            counts[..., 1, actual] = weights[..., above].sum(axis=-1)
            counts[..., 0, actual] = weights[..., ~above].sum(axis=-1)
        return counts

    def value(self, sums: Sums) -> float | Undefined:
        return self.inner.value(self._moved(sums))

    def row_variance(self, sums: Sums) -> float:
        return self.inner.row_variance(self._moved(sums))

    def influence(self, total: Sums, groups: Sums) -> tuple[Array, Array]:
        return self.inner.influence(self._moved(total), self._moved(groups))

    def interval(self, sums: Sums, value: float, variance: float, design: Design) -> Interval | None:
        return self.inner.interval(self._moved(sums), value, variance, design)
