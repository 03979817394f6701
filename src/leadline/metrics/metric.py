"""What a metric is: a pure function of parts that add, with its variance and its interval.

All methods work on many windows at once: arrays have any leading axes, the last one holds the parts.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from leadline.metrics.sums import Array, Measure, Sums
from leadline.stats.design import Designs
from leadline.stats.proportion import jaccard_wilson, share_interval
from leadline.stats.scale import log_interval, logit_interval, wald

Ends = tuple[Array, Array, str]
"""Low and high of each window (NaN where there is no interval), and the name of the formula."""
PRIOR_ROWS = 2.0
"""Rows added, spread evenly over the cells, before a variance is taken: an empty cell's is unknown, not 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric(ABC):
    """A figure that is read from sums.

    name      as written in a declaration, with its parameters
    better    "higher", "lower" or None: which side is good
    low, high the figure's range
    needs     what facts must have: "labels", "score", "probabilities", "scores", "prediction", "feedback", "latency_s",
              "error"
    measures  what has to be summed for it beside the counts
    histogram "scores", "errors" or "latencies" where it reads one
    of        classes whose score histograms it reads; "" is a binary model's only one
    undefined why there is no figure, where it can only be one thing
    summary   one sentence for the reference
    """

    name: str
    better: str | None
    low: float = 0.0
    high: float = 1.0
    needs: frozenset[str] = frozenset({"labels"})
    measures: tuple[Measure, ...] = ()
    histogram: str | None = None
    of: tuple[str, ...] = ("",)
    undefined: str = "no labelled rows"
    summary: str = ""

    @abstractmethod
    def parts(self, sums: Sums) -> Array:
        """The few sums that the figure is read from, shape (..., parts): those of two windows add."""

    @abstractmethod
    def value(self, parts: Array) -> Array:
        """The figure, shape (...); NaN where there is none, which `evaluate` turns into `Undefined`."""

    def why(self, parts: Array) -> str:
        """Why one window, shape (parts,), has no figure."""
        return self.undefined

    @property
    def waits(self) -> bool:
        """Whether it waits for labels or feedback, so that young rows make it provisional."""
        return bool(self.needs & {"labels", "feedback"})

    @property
    def of_time(self) -> bool:
        """Whether a stretch of time without rows has a figure, too."""
        return False

    # The rest is asked only of windows that have a figure.

    @abstractmethod
    def row_variance(self, parts: Array) -> Array:
        """The figure's variance if rows were independent, shape (...)."""

    @abstractmethod
    def slope(self, parts: Array) -> Array:
        """What one more of each leading part adds to the figure; Σ slope · parts = 0. Shape (..., parts or fewer).

        Variance and slope may both be taken of a figure that rises with the metric's own (F1: TP in the union).
        """

    @abstractmethod
    def size(self, parts: Array) -> Array:
        """What a group of rows weighs in the figure, shape (...)."""

    def rows(self, parts: Array) -> Array:
        """How many rows (of one weight) the figure rests on, shape (...)."""
        return self.size(parts)

    @abstractmethod
    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        """The 95 % interval."""

    def as_ratio(self, parts: Array) -> Array | None:
        """ΣA, ΣB, ΣA², ΣAB, ΣB² of the ratio ΣA / ΣB that the figure is, shape (..., 5); None where it is none.

        Squares and products are those of the rows' weighted A and B. Of a `rooted` metric the ratio is the square.
        """
        del parts
        return None

    @property
    def rooted(self) -> bool:
        """Whether the figure is the square root of its ratio."""
        return False

    def bound(self, parts: Array) -> Array:
        """The figure of the rows lies within `value` ± this; 0 where the sums are exact."""
        return np.zeros(parts.shape[:-1])


NONE_DECIDED = "no labelled rows with a prediction"
Mask = Callable[[int], Array]
"""Number of classes → weights of the cells of the (k + 1) × (k + 1) counts."""


def project(cells: Array, *masks: Array) -> list[Array]:
    """Σ mask · cells over the last two axes, for each mask."""
    return [np.tensordot(cells, mask, 2) for mask in masks]


def divided(top: Array, bottom: Array) -> Array:
    """top / bottom, NaN where the bottom is not above 0."""
    return np.asarray(np.divide(top, bottom, out=np.full(np.broadcast(top, bottom).shape, np.nan), where=bottom > 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Share(Metric):
    """Weight of some cells of the counts in the weight of others that hold them: recall, accuracy, rates.

    hits, of_cells   cells that count, and cells that are looked at; `hits` are among them. 0 or 1 each.
    """

    hits: Mask
    of_cells: Mask

    def parts(self, sums: Sums) -> Array:
        """Weight of the hits, of all; the same of squared weights; of the rows with both label and prediction."""
        hits, of = self.hits(sums.classes), self.of_cells(sums.classes)
        decided = sums.counts[..., :-1, :-1].sum((-2, -1))
        return np.stack([*project(sums.counts, hits, of), *project(sums.squares, hits, of), decided], axis=-1)

    def value(self, parts: Array) -> Array:
        return divided(parts[..., 0], parts[..., 1])

    def why(self, parts: Array) -> str:
        return NONE_DECIDED if {"labels", "prediction"} <= self.needs and parts[4] == 0 else self.undefined

    def row_variance(self, parts: Array) -> Array:
        share = parts[..., 0] / parts[..., 1]
        hits, of = parts[..., 2], parts[..., 3]
        return np.asarray((hits * (1 - share) ** 2 + np.maximum(of - hits, 0.0) * share**2) / parts[..., 1] ** 2)

    def slope(self, parts: Array) -> Array:
        share, total = parts[..., 0] / parts[..., 1], parts[..., 1]
        return np.stack([1 / total, -share / total], axis=-1)

    def size(self, parts: Array) -> Array:
        return parts[..., 1]

    def as_ratio(self, parts: Array) -> Array | None:
        hits, of, squared_hits, squares = (parts[..., place] for place in range(4))
        return np.stack([hits, of, squared_hits, squared_hits, squares], axis=-1)

    def _effective(self, parts: Array, design: Designs) -> tuple[Array, Array]:
        """Hits and rows that independent rows of equal weight would need to say as much."""
        share = np.minimum(parts[..., 0] / parts[..., 1], 1.0)
        rows = parts[..., 1] ** 2 / parts[..., 3] / design.deff
        # where the rarer outcome has the larger weights, the weighted rows say less than (Σw)²/Σw² of them
        alike = share * (1 - share) * parts[..., 3]
        apart = parts[..., 2] * (1 - share) ** 2 + np.maximum(parts[..., 3] - parts[..., 2], 0.0) * share**2
        less = (parts[..., 3] != parts[..., 1]) & (apart > alike) & (alike > 0)
        rows = rows * np.divide(alike, apart, out=np.ones_like(rows), where=less)
        return share * rows, rows

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        return *share_interval(*self._effective(parts, design), design.critical), "wilson"


@dataclass(frozen=True, slots=True, kw_only=True)
class F1(Share):
    """F1 by way of the share J = TP / (TP + FP + FN): hits are TP, `of_cells` is the union."""

    def value(self, parts: Array) -> Array:
        return divided(2 * parts[..., 0], parts[..., 0] + parts[..., 1])

    def as_ratio(self, parts: Array) -> Array | None:
        """A is 2 for a true positive, and so is B, which is 1 for the other rows of the union."""
        hits, union, squared_hits, squares = (parts[..., place] for place in range(4))
        four = 4 * squared_hits
        return np.stack([2 * hits, hits + union, four, four, 3 * squared_hits + squares], axis=-1)

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        hits, rows = self._effective(parts, design)
        low, high = jaccard_wilson(hits, rows - hits, np.zeros_like(hits), 1.0, design.critical)
        return low, high, "jaccard_wilson"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRatio(Metric):
    """Ratio of two linear functions of the counts: F-beta, costs a row."""

    top: Mask
    bottom: Mask

    def parts(self, sums: Sums) -> Array:
        """Top, bottom; squared weights by top², top · bottom, bottom²; by 1 over the cells that count."""
        top, bottom = self.top(sums.classes), self.bottom(sums.classes)
        used = (bottom > 0).astype(np.float64)
        squares = project(sums.squares, top * top, top * bottom, bottom * bottom, used)
        return np.stack([*project(sums.counts, top, bottom), *squares, *project(sums.counts, used)], axis=-1)

    def value(self, parts: Array) -> Array:
        return divided(parts[..., 0], parts[..., 1])

    @staticmethod
    def _variance(value: Array, bottom: Array, tt: Array, tb: Array, bb: Array) -> Array:
        return np.asarray(np.maximum(tt - 2 * value * tb + value**2 * bb, 0.0) / bottom**2)

    def row_variance(self, parts: Array) -> Array:
        return self._variance(parts[..., 0] / parts[..., 1], parts[..., 1], parts[..., 2], parts[..., 3], parts[..., 4])

    def slope(self, parts: Array) -> Array:
        return np.stack([1 / parts[..., 1], -parts[..., 0] / parts[..., 1] ** 2], axis=-1)

    def size(self, parts: Array) -> Array:
        return parts[..., 1]

    def as_ratio(self, parts: Array) -> Array | None:
        return np.asarray(parts[..., :5])

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            low, high = wald(value, variance * design.deff, design.critical)
            some = variance > 0  # all rows in one cell say nothing of the spread
            return np.where(some, low, np.nan), np.where(some, high, np.nan), "sandwich"
        # the other formulas' prior: two rows of the usual weight, spread over the cells that count
        top, bottom = self.top(2), self.bottom(2)
        used = bottom > 0
        unit = parts[..., 5] / parts[..., 6]
        more = unit * PRIOR_ROWS / used.sum()
        sums = [
            parts[..., place] + more * scale * float((kind * used).sum())
            for place, scale, kind in (
                (0, 1.0, top),
                (1, 1.0, bottom),
                (2, unit, top * top),
                (3, unit, top * bottom),
                (4, unit, bottom * bottom),
            )
        ]
        centre = sums[0] / sums[1]
        smoothed = self._variance(centre, *sums[1:])
        low, high = logit_interval(centre, smoothed * design.deff, design.critical, self.low, self.high)
        return np.minimum(low, value), np.maximum(high, value), "sandwich"


Figure = Callable[[Array, Array, Array], tuple[Array, Array, Array, Array]]
"""Right, predicted and actual rows by class, shape (..., k) each → the figure (...), and how it changes with each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountFunction(Metric):
    """A smooth figure of the rows right, predicted and actual by class, the same when all rows double: MCC, averages.

    function   the figure and its derivatives; NaN where it has no value
    """

    function: Figure

    def parts(self, sums: Sums) -> Array:
        """Counts of the rows that have both prediction and label, then their squared weights."""
        lead = sums.counts.shape[:-2]
        return np.concatenate(
            [sums.counts[..., :-1, :-1].reshape(*lead, -1), sums.squares[..., :-1, :-1].reshape(*lead, -1)], axis=-1
        )

    @staticmethod
    def counts(parts: Array) -> tuple[Array, Array]:
        """Counts and squared weights, [predicted, actual], shape (..., k, k)."""
        k = math.isqrt(parts.shape[-1] // 2)
        both = parts.reshape(*parts.shape[:-1], 2, k, k)
        return both[..., 0, :, :], both[..., 1, :, :]

    def _read(self, counts: Array) -> tuple[Array, Array]:
        """The figure, and its change with each cell."""
        right = np.diagonal(counts, axis1=-2, axis2=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            value, *changes = self.function(right, counts.sum(-1), counts.sum(-2))
        by_right, by_predicted, by_actual = changes
        slope = by_predicted[..., :, None] + by_actual[..., None, :] + by_right[..., None] * np.eye(counts.shape[-1])
        return value, slope

    def value(self, parts: Array) -> Array:
        counts, _ = self.counts(parts)
        return np.where(counts.sum((-2, -1)) > 0, self._read(counts)[0], np.nan)

    def why(self, parts: Array) -> str:
        return self.undefined if parts.any() else NONE_DECIDED

    def row_variance(self, parts: Array) -> Array:
        counts, squares = self.counts(parts)
        return np.asarray((self._read(counts)[1] ** 2 * squares).sum((-2, -1)))

    def slope(self, parts: Array) -> Array:
        counts, _ = self.counts(parts)
        return self._read(counts)[1].reshape(*parts.shape[:-1], -1)

    def size(self, parts: Array) -> Array:
        return np.asarray(self.counts(parts)[0].sum((-2, -1)))

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        counts, squares = self.counts(parts)
        k = counts.shape[-1]
        unit = squares.sum((-2, -1)) / counts.sum((-2, -1))
        more = (unit * PRIOR_ROWS / k**2)[..., None, None]
        centre, slope = self._read(counts + more)
        smoothed = (slope**2 * (squares + unit[..., None, None] * more)).sum((-2, -1))
        low, high = logit_interval(centre, smoothed * design.deff, design.critical, self.low, self.high)
        return np.minimum(low, value), np.maximum(high, value), "delta"


ROWS, WEIGHT, SQUARE, SUM, SQUARE_SUM, SUM_OF_SQUARES = range(6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean(Metric):
    """Mean of one measure over the rows that have it.

    measure  the measure
    root     the figure is the square root of the mean (RMSE, RMSLE)
    """

    measure: Measure
    root: bool = False

    def parts(self, sums: Sums) -> Array:
        return sums.losses[self.measure.name]

    def value(self, parts: Array) -> Array:
        mean = divided(parts[..., SUM], parts[..., WEIGHT])
        return np.sqrt(np.maximum(mean, 0.0)) if self.root else mean

    def row_variance(self, parts: Array) -> Array:
        """Of the mean, also where the figure is its root."""
        mean, rows = parts[..., SUM] / parts[..., WEIGHT], parts[..., ROWS]
        residual = parts[..., SUM_OF_SQUARES] - 2 * mean * parts[..., SQUARE_SUM] + mean**2 * parts[..., SQUARE]
        rounding = 1e-12 * (parts[..., SUM_OF_SQUARES] + mean**2 * parts[..., SQUARE])
        rounding += (self.measure.unit or 0.0) * parts[..., SQUARE]
        residual = np.where(residual > rounding, residual, 0.0)  # all equal, but for the last bits of the sums
        return np.asarray(residual / parts[..., WEIGHT] ** 2 * np.where(rows > 1, rows / np.maximum(rows - 1, 1), 0.0))

    def slope(self, parts: Array) -> Array:
        zero, weight = np.zeros(parts.shape[:-1]), parts[..., WEIGHT]
        return np.stack([zero, -parts[..., SUM] / weight**2, zero, 1 / weight], axis=-1)

    def size(self, parts: Array) -> Array:
        return parts[..., WEIGHT]

    def as_ratio(self, parts: Array) -> Array | None:
        return np.asarray(parts[..., [SUM, WEIGHT, SUM_OF_SQUARES, SQUARE_SUM, SQUARE]])

    @property
    def rooted(self) -> bool:
        return self.root

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        mean = parts[..., SUM] / parts[..., WEIGHT]
        some = (parts[..., ROWS] > 1) & (variance > 0)  # rows that are all the same say nothing of the spread
        if self.low == 0:
            safe = np.where(some, mean, 1.0)  # a variance of losses >= 0 means that their mean is above 0
            low, high = log_interval(safe, variance * design.deff, design.critical)
        else:
            low, high = wald(mean, variance * design.deff, design.critical)
        if self.root:
            low, high = np.sqrt(low), np.sqrt(high)
        return np.where(some, low, np.nan), np.where(some, np.minimum(high, self.high), np.nan), "sandwich"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanShare(Mean):
    """Mean of a measure that is 0 or 1: the share of rows for which it is 1."""

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        rows = parts[..., WEIGHT] ** 2 / parts[..., SQUARE] / design.deff
        return *share_interval(np.minimum(value, 1.0) * rows, rows, design.critical), "wilson"


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioOfSums(Metric):
    """ΣA / ΣB of two measures from 0 on, whose variance needs their squares and product: WAPE, observed / expected.

    top, bottom, product   A, B and AB, for the same rows
    nothing                why there is no figure where rows are there and ΣB is 0
    """

    top: Measure
    bottom: Measure
    product: Measure
    nothing: str

    def parts(self, sums: Sums) -> Array:
        """ΣA, ΣB, rows, ΣA², ΣAB, ΣB², the last three of weighted values."""
        top, bottom = sums.losses[self.top.name], sums.losses[self.bottom.name]
        product = sums.losses[self.product.name]
        return np.stack(
            [
                top[..., SUM],
                bottom[..., SUM],
                top[..., ROWS],
                top[..., SUM_OF_SQUARES],
                product[..., SQUARE_SUM],
                bottom[..., SUM_OF_SQUARES],
            ],
            axis=-1,
        )

    def value(self, parts: Array) -> Array:
        return divided(parts[..., 0], parts[..., 1])

    def why(self, parts: Array) -> str:
        return self.nothing if parts[2] > 0 else self.undefined

    def row_variance(self, parts: Array) -> Array:
        top, bottom, rows, aa, ab, bb = np.moveaxis(parts, -1, 0)
        ratio = top / bottom
        residual = aa - 2 * ratio * ab + ratio**2 * bb
        residual = np.where(residual > 1e-12 * (aa + ratio**2 * bb), residual, 0.0)
        return np.asarray(residual / bottom**2 * np.where(rows > 1, rows / np.maximum(rows - 1, 1), 0.0))

    def slope(self, parts: Array) -> Array:
        return np.stack([1 / parts[..., 1], -parts[..., 0] / parts[..., 1] ** 2], axis=-1)

    def size(self, parts: Array) -> Array:
        return parts[..., 1]

    def as_ratio(self, parts: Array) -> Array | None:
        return np.asarray(parts[..., [0, 1, 3, 4, 5]])

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        some = variance > 0
        low, high = log_interval(np.where(some, value, 1.0), variance * design.deff, design.critical)
        return np.where(some, low, np.nan), np.where(some, high, np.nan), "sandwich"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved(Metric):
    """A metric that this log cannot serve: it has no figure in any window, and says why."""

    @classmethod
    def of_name(cls, name: str, why: str, better: str | None = None) -> Unserved:
        """The metric of this name, undefined for this reason."""
        return cls(name=name, better=better, needs=frozenset(), undefined=why)

    def parts(self, sums: Sums) -> Array:
        return np.zeros((*sums.rows.shape, 1))

    def value(self, parts: Array) -> Array:
        return np.full(parts.shape[:-1], np.nan)

    def row_variance(self, parts: Array) -> Array:
        raise NotImplementedError

    slope = size = row_variance

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        raise NotImplementedError
