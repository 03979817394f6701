"""A metric in a window: value, interval, and why there is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leadline.metrics.metric import Metric
from leadline.metrics.sums import Sums
from leadline.stats.design import design
from leadline.stats.groups import Spread, own_size, spread
from leadline.values import Interval, Undefined

#: how many earlier grains tell how much grains differ
HISTORY = 28


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What sums say of a metric. `interval` is None where there is no value or no way to tell."""

    value: float | Undefined
    interval: Interval | None = None
    bound: float = 0.0


def evaluate(metric: Metric, window: Sums, history: Sums | None = None, entities: Sums | None = None) -> Evaluated:
    """Value and 95 % interval of a metric in a window.

    window    sums by grain of the window
    history   sums by grain of up to `HISTORY` grains before it; how much they differ widens a short window's interval
    entities  sums of the window by hash group of the entities, where one is declared
    """
    total = window.total()
    value = metric.value(total)
    if isinstance(value, Undefined):
        return Evaluated(value)
    variance = metric.row_variance(total)
    chosen = design(
        _spread(metric, total, window, variance),
        None if history is None else _history(metric, history),
        None if entities is None else _spread(metric, total, entities, variance),
        _size(metric, total, window),
    )
    found = metric.interval(total, value, variance, chosen)
    bound = metric.bound(total)
    if found is not None and bound:
        found = Interval(max(found.low - bound, metric.low), min(found.high + bound, metric.high), found.method)
    return Evaluated(value, found, bound)


def _spread(metric: Metric, total: Sums, groups: Sums, variance: float) -> Spread | None:
    influence, size = metric.influence(total, groups)
    return spread(variance, influence, size)


def _history(metric: Metric, history: Sums) -> Spread | None:
    total = history.total()
    if isinstance(metric.value(total), Undefined):
        return None
    return _spread(metric, total, history, metric.row_variance(total))


def _size(metric: Metric, total: Sums, window: Sums) -> float | None:
    _, size = metric.influence(total, window)
    return own_size(size) if np.sum(size) > 0 else None
