"""How the service does that makes the predictions: latency, errors, volume, age. None of it waits for a label."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from leadline.metrics.errors import SizeQuantile
from leadline.metrics.metric import Ends, MeanShare, Metric, divided
from leadline.metrics.sums import Array, Measure, Sums
from leadline.stats.design import Designs
from leadline.stats.rate import rate_interval

#: 1 for rows that have a latency: how many there are, and what they weigh
TIMED = Measure("latency_s", lambda facts: facts.latency_s.notnull().nullif(False).cast("float64"), 1.0)
FAILED = Measure("failed", lambda facts: facts.failed.cast("float64"), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput(Metric):
    """Rows a day of the time that the log covers; weights of rows do not count."""

    @property
    def of_time(self) -> bool:
        return True

    def parts(self, sums: Sums) -> Array:
        if sums.days is None:
            raise ValueError(f"{self.name} needs the time in which the rows were collected")
        return np.stack([sums.rows, sums.days], axis=-1)

    def value(self, parts: Array) -> Array:
        return divided(parts[..., 0], parts[..., 1])

    def row_variance(self, parts: Array) -> Array:
        """Of a Poisson count; days that differ more than such counts widen the interval."""
        return np.asarray(parts[..., 0] / parts[..., 1] ** 2)

    def slope(self, parts: Array) -> Array:
        return np.stack([1 / parts[..., 1], -parts[..., 0] / parts[..., 1] ** 2], axis=-1)

    def size(self, parts: Array) -> Array:
        return parts[..., 1]

    def rows(self, parts: Array) -> Array:
        return parts[..., 0]

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        return *rate_interval(parts[..., 0], parts[..., 1], design.deff, design.critical), "poisson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness(Metric):
    """Seconds since the newest row: no sum of rows, so that `evaluation.freshness` reads it from their times."""

    def parts(self, sums: Sums) -> Array:
        return np.zeros((*sums.rows.shape, 1))

    def value(self, parts: Array) -> Array:
        return np.full(parts.shape[:-1], np.nan)

    def row_variance(self, parts: Array) -> Array:
        raise NotImplementedError

    slope = size = row_variance

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        raise NotImplementedError


def latency_quantile(name: str, q: float, summary: str = "") -> Metric:
    """A quantile of latencies in seconds; the smallest one that has a share of at least q at or below it."""
    return SizeQuantile(
        name=name,
        better="lower",
        high=math.inf,
        needs=frozenset({"latency_s"}),
        q=q,
        count=TIMED,
        measures=(TIMED,),
        histogram="latencies",
        undefined="no rows with a latency",
        summary=summary,
    )


def service_metrics() -> tuple[Metric, ...]:
    """The metrics without parameters."""
    return (
        latency_quantile("latency_p50", 0.5, "Median of the latencies, in seconds, rounded up to its bin."),
        latency_quantile("latency_p95", 0.95, "95 % of the latencies are at most this, in seconds."),
        latency_quantile("latency_p99", 0.99, "99 % of the latencies are at most this, in seconds."),
        MeanShare(
            name="error_rate",
            better="lower",
            needs=frozenset({"error"}),
            measure=FAILED,
            measures=(FAILED,),
            undefined="no rows that say whether they failed",
            summary="Share of the rows that say whether they failed for which they did.",
        ),
        Throughput(
            name="throughput",
            better=None,
            high=math.inf,
            needs=frozenset(),
            undefined="no time has passed",
            summary="Predictions a day, of the time that the log covers.",
        ),
        Freshness(
            name="freshness",
            better="lower",
            high=math.inf,
            needs=frozenset(),
            undefined="no rows",
            summary="Seconds from the newest prediction to the end of the window, at the latest to now.",
        ),
    )
