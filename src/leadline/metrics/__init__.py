"""Metrics as pure functions of sums. `METRICS` has them all, by task."""

from leadline.metrics.call import MetricCall
from leadline.metrics.registry import DEFAULTS, METRICS, Definition, UnknownMetric, build, metric

__all__ = ["DEFAULTS", "METRICS", "Definition", "MetricCall", "UnknownMetric", "build", "metric"]
