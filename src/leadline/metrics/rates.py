"""Rates that need no label: the share of a slice, feedback such as clicks, and proxies such as empty answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from leadline.metrics.metric import Ends, Mean, MeanShare, Metric, divided
from leadline.metrics.sums import Array, Measure, Sums
from leadline.stats.design import Designs
from leadline.stats.proportion import share_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceShare(Metric):
    """Rows of the slice in all rows of the window; weights of rows do not count."""

    def parts(self, sums: Sums) -> Array:
        return np.stack([sums.rows, sums.all_rows], axis=-1)

    def value(self, parts: Array) -> Array:
        return divided(parts[..., 0], parts[..., 1])

    def row_variance(self, parts: Array) -> Array:
        share = parts[..., 0] / parts[..., 1]
        return np.asarray(share * (1 - share) / parts[..., 1])

    def slope(self, parts: Array) -> Array:
        return np.stack([1 / parts[..., 1], -parts[..., 0] / parts[..., 1] ** 2], axis=-1)

    def size(self, parts: Array) -> Array:
        return parts[..., 1]

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        rows = parts[..., 1] / design.deff
        return *share_interval(value * rows, rows, design.critical), "wilson"


def slice_share() -> Metric:
    """The metric `share`."""
    return SliceShare(
        name="share", better=None, needs=frozenset(), undefined="no rows", summary="Rows of the slice in all rows."
    )


def feedback_rate(name: str) -> Metric:
    """The metric that a kind of feedback is."""
    return _rate(
        name,
        f"hit_{name}",
        frozenset({"feedback"}),
        "no feedback of this kind",
        "Share of rows with this feedback for which it is positive.",
    )


def proxy_rate(name: str) -> Metric:
    """The metric that a proxy is."""
    return _rate(
        name,
        f"proxy_{name}",
        frozenset(),
        "no rows that say whether they meet the condition",
        "Share of the rows that say whether they meet the condition which do.",
    )


def proxy_mean(name: str) -> Metric:
    """The metric that a number of each row is."""
    measure = Measure(f"proxy_{name}", lambda facts: facts[f"proxy_{name}"])
    return Mean(
        name=name,
        better=None,
        low=-math.inf,
        high=math.inf,
        needs=frozenset(),
        measure=measure,
        measures=(measure,),
        undefined="no rows that have the number",
        summary="Mean of the number over the rows that have it.",
    )


def _rate(name: str, column: str, needs: frozenset[str], undefined: str, summary: str) -> Metric:
    """The share of the rows for which a column of facts is 1, of those for which it is not NULL."""
    measure = Measure(column, lambda facts: facts[column].cast("float64"), 1.0)
    return MeanShare(
        name=name,
        better=None,
        needs=needs,
        measure=measure,
        measures=(measure,),
        undefined=undefined,
        summary=summary,
    )
