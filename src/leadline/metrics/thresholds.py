"""A what-if: a confusion metric as it would be with another decision threshold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from leadline.metrics.metric import Ends, Metric
from leadline.metrics.sums import Array, Histogram, Sums
from leadline.stats.design import Designs


@dataclass(frozen=True, slots=True, kw_only=True)
class AtThreshold(Metric):
    """`inner` on the counts that score >= threshold gives; exact, as the threshold is an edge of the histogram.

    place   which of the log's sorted thresholds it is, from 1; 0 until `among` has told
    """

    inner: Metric
    threshold: float
    place: int = 0

    @classmethod
    def around(cls, inner: Metric, threshold: float) -> AtThreshold:
        """The what-if of a metric that is read from confusion counts of labelled rows."""
        return cls(
            name=inner.name,
            better=inner.better,
            low=inner.low,
            high=inner.high,
            needs=(inner.needs - {"prediction"}) | {"labels", "score"},
            histogram="scores",
            undefined=inner.undefined,
            summary=inner.summary,
            inner=inner,
            threshold=threshold,
        )

    def among(self, thresholds: tuple[float, ...]) -> AtThreshold:
        """The same, told which of the sorted edges its threshold is."""
        return replace(self, place=thresholds.index(self.threshold) + 1)

    def parts(self, sums: Sums) -> Array:
        if not self.place:
            raise ValueError("say with `among` which of the histogram's edges the threshold is")
        found = sums.scores[""]
        moved = replace(sums, counts=self._counts(found, squares=False), squares=self._counts(found, squares=True))
        return self.inner.parts(moved)

    def _counts(self, found: Histogram, squares: bool) -> Array:
        above = found.bins[:, 2] >= self.place
        negatives = found.negative_squares if squares else found.negatives
        positives = found.positive_squares if squares else found.positives
        counts = np.zeros((*negatives.shape[:-1], 3, 3))
        for actual, weights in ((0, negatives), (1, positives)):
            counts[..., 1, actual] = weights[..., above].sum(axis=-1)
            counts[..., 0, actual] = weights[..., ~above].sum(axis=-1)
        return counts

    def value(self, parts: Array) -> Array:
        return self.inner.value(parts)

    def why(self, parts: Array) -> str:
        return self.inner.why(parts)

    def row_variance(self, parts: Array) -> Array:
        return self.inner.row_variance(parts)

    def slope(self, parts: Array) -> Array:
        return self.inner.slope(parts)

    def size(self, parts: Array) -> Array:
        return self.inner.size(parts)

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        return self.inner.interval(parts, value, variance, design)
