"""What a metric would be if slices had kept the shares that they had in the reference."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from leadline.metrics.call import MetricCall
from leadline.metrics.metric import PRIOR_ROWS, Ends, Metric, divided
from leadline.metrics.sums import Array, Sums
from leadline.stats.design import Designs
from leadline.stats.scale import log_interval, logit_interval, wald
from leadline.values import Undefined

#: the parameter that the name of such a metric has, and the key of an objective
PARAMETER = "frozen_mix"
#: share of the reference's mix that may have no rows in a window before it has no figure
MOST_LOST = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenMix(Metric):
    """R* = Σ w_g A_g / B_g over slices, for a metric ΣA / ΣB: w_g is the slice's share of ΣB in the reference.

    inner    the metric
    by       name of the slices
    group    for each code of the slices the number of its group, or -1: slices with few rows in the reference stand
             together, and those that it has not do not count
    shares   of the groups, adding up to 1; none before the reference is read

    A group without rows in a window is left out and the others' shares are stretched, if it is no more than 5 % of the
    mix. The shares are taken as given: intervals are of the window's rows alone. (A directly standardised rate.)
    """

    inner: Metric
    by: str
    group: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()

    @classmethod
    def around(cls, inner: Metric, by: str) -> FrozenMix | Undefined:
        """The metric at the reference's mix of some slices; `Undefined` where it is no ratio of sums.

        >>> from leadline.metrics import build
        >>> FrozenMix.around(build("recall", "binary"), "carrier").name
        'recall(frozen_mix=carrier)'
        >>> FrozenMix.around(build("mcc", "binary"), "carrier").why
        'it is no ratio of sums over rows'
        """
        if inner.histogram is not None or type(inner).as_ratio is Metric.as_ratio:
            return Undefined("it is no ratio of sums over rows")
        return cls(
            name=named(inner.name, by),
            better=inner.better,
            low=inner.low,
            high=inner.high,
            needs=inner.needs | {"slices"},
            measures=inner.measures,
            undefined=inner.undefined,
            summary=f"{inner.name} as it would be if slices of {by} had the shares that they had in the reference.",
            inner=inner,
            by=by,
        )

    def fixed(self, group: Array, shares: Array) -> FrozenMix:
        """The same, with the mix that the reference has."""
        return replace(self, group=tuple(int(each) for each in group), shares=tuple(float(each) for each in shares))

    @property
    def rooted(self) -> bool:
        return self.inner.rooted

    def parts(self, sums: Sums) -> Array:
        """A, B, A², AB and B² of the groups, one after the other, shape (..., 5 · groups)."""
        found = [self.inner.as_ratio(self.inner.parts(each)) for each in sums.slices[self.by]]
        by_slice = np.stack([each for each in found if each is not None], axis=-1)  # ..., 5, slices
        member = np.array(self.group)[:, None] == np.arange(len(self.shares))
        by_group = by_slice @ member.astype(np.float64)
        return np.asarray(by_group.reshape(*by_group.shape[:-2], -1))

    def _groups(self, parts: Array) -> tuple[Array, Array]:
        """The five sums by group, shape (..., 5, groups), and the shares of those that have rows."""
        sums = parts.reshape(*parts.shape[:-1], 5, len(self.shares))
        kept = np.where(sums[..., 1, :] > 0, np.array(self.shares), 0.0)
        return sums, divided(kept, kept.sum(axis=-1, keepdims=True))

    def _lost(self, parts: Array) -> Array:
        sums = parts.reshape(*parts.shape[:-1], 5, len(self.shares))
        return np.asarray(np.where(sums[..., 1, :] > 0, 0.0, np.array(self.shares)).sum(axis=-1))

    def _ratio(self, parts: Array) -> Array:
        sums, shares = self._groups(parts)
        return np.asarray(np.nansum(shares * divided(sums[..., 0, :], sums[..., 1, :]), axis=-1))

    def value(self, parts: Array) -> Array:
        ratio = self._ratio(parts)
        shown = np.sqrt(np.maximum(ratio, 0.0)) if self.rooted else ratio
        return np.where(self._lost(parts) <= MOST_LOST, shown, np.nan)

    def why(self, parts: Array) -> str:
        lost = float(self._lost(parts))
        if lost > 1 - 1e-9:
            return self.undefined
        return f"slices of {self.by} that are {100 * lost:.0f} % of the reference's mix have no rows"

    def row_variance(self, parts: Array) -> Array:
        """Of the ratio, also where the figure is its root; a group's rows vary as if two more were like all rows."""
        sums, shares = self._groups(parts)
        a, b, aa, ab, bb = np.moveaxis(sums, -2, 0)
        top, bottom, *squares = (each.sum(axis=-1, keepdims=True) for each in (a, b, aa, ab, bb))
        mean, more = divided(top, bottom), PRIOR_ROWS * divided(squares[2], bottom)
        usual = divided(squares[0] - 2 * mean * squares[1] + mean**2 * squares[2], bottom)
        ratio = (a + more * mean) / (b + more)
        left = np.maximum(aa - 2 * ratio * ab + ratio**2 * bb + more * usual, 0.0) / (b + more)
        return np.asarray(np.nansum(shares**2 * divided(left, b), axis=-1))

    def slope(self, parts: Array) -> Array:
        sums, shares = self._groups(parts)
        a, b = sums[..., 0, :], sums[..., 1, :]
        by_a = np.nan_to_num(divided(shares, b))
        return np.concatenate([by_a, -by_a * np.nan_to_num(divided(a, b))], axis=-1)

    def size(self, parts: Array) -> Array:
        return np.asarray(parts.reshape(*parts.shape[:-1], 5, len(self.shares))[..., 1, :].sum(axis=-1))

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        ratio, spread = self._ratio(parts), variance * design.deff
        if math.isfinite(self.low) and math.isfinite(self.high):
            # the other formulas' prior: two rows of the usual weight, in the middle of the range
            rows = self._rows(parts) / design.deff
            centre = (ratio * rows + (self.low + self.high) / 2 * PRIOR_ROWS) / (rows + PRIOR_ROWS)
            spread = np.where(spread > 0, spread, (centre - self.low) * (self.high - centre) / rows)
            low, high = logit_interval(centre, spread, design.critical, self.low, self.high)
            return np.minimum(low, ratio), np.maximum(high, ratio), "sandwich"
        some = spread > 0  # rows that are all the same say nothing of the spread
        if self.low == 0:
            low, high = log_interval(np.where(some, ratio, 1.0), spread, design.critical)
        else:
            low, high = wald(ratio, spread, design.critical)
        if self.rooted:
            low, high = np.sqrt(np.maximum(low, 0.0)), np.sqrt(np.maximum(high, 0.0))
        return np.where(some, low, np.nan), np.where(some, high, np.nan), "sandwich"

    def _rows(self, parts: Array) -> Array:
        """How many rows of equal weight, alike in all groups, would say as much."""
        sums, shares = self._groups(parts)
        return divided(
            np.ones(parts.shape[:-1]), np.nansum(shares**2 * divided(sums[..., 4, :], sums[..., 1, :] ** 2), -1)
        )


def named(metric: str, by: str) -> str:
    """The name of a metric at the reference's mix of some slices.

    >>> named("f_beta(beta=2)", "carrier:origin")
    "f_beta(beta=2, frozen_mix='carrier:origin')"
    """
    call = MetricCall.parse(metric)
    return str(replace(call, parameters=(*call.parameters, (PARAMETER, by))))
