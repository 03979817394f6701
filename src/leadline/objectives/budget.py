"""The error budget of a promise: shown, never paged on. A burn rate says nothing of chance (METHODS §3.3)."""

from __future__ import annotations

from leadline.metrics.metric import MeanShare, Metric, Share
from leadline.values import Budget, Target


def budget(metric: Metric, target: Target, value: float | None, latest: float | None) -> Budget | None:
    """What a window spent of the errors that a promise about a share allows; None for other metrics, and where what is
    allowed are hits, as in a promise of recall of at most .9.

    value, latest   the figure of the window, and of its latest look

    A promise of recall of at least .9 allows to miss 1 in 10.

    >>> from leadline.metrics import build
    >>> from leadline.metrics import MetricCall
    >>> recall = build(MetricCall("recall"), "binary")
    >>> spent = budget(recall, Target("at_least", 0.9), 0.95, 0.8)
    >>> round(spent.spent, 6), round(spent.burn, 6)
    (0.5, 2.0)
    """
    allowed = 1 - target.limit if target.side == "at_least" else target.limit
    if (
        not isinstance(metric, Share | MeanShare)
        or value is None
        or allowed <= 0
        or target.rewards_worse(metric.better)
    ):
        return None

    def of(figure: float) -> float:
        return (1 - figure if target.side == "at_least" else figure) / allowed

    return Budget(of(value), None if latest is None else of(latest))
