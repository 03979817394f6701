"""Metrics of rows by the real path, in a line."""

from __future__ import annotations

import numpy as np

from leadline.evaluation.run import evaluate_log
from leadline.metrics.evaluate import evaluate
from leadline.spec.load import from_mapping
from oracles import Rows


def day(task, predicted, actual, score=None, weight=None) -> Rows:
    """Rows of one day."""
    n = len(predicted)
    return Rows(task, np.zeros(n, int), predicted, actual, np.ones(n) if weight is None else weight, score)


def evaluation(rows: Rows, weighted: bool, metrics, **more):
    """Frames in memory → facts → cells; `table` stands for the rows' own."""
    given = more.pop("table", None)
    table = rows.table(weighted) if given is None else given
    mapping = {
        "version": 1,
        "model": "m",
        "task": rows.task,
        "predictions": {"source": table, "columns": rows.columns(weighted)},
        "outcomes": {"source": table, "columns": {"id": "id", "value": "y"}},
        "window": "1d",
        "metrics": list(metrics),
    }
    return evaluate_log(from_mapping(mapping | more))


def metrics_and_sums(rows: Rows, calls):
    """The metrics, and the sums of all rows by day."""
    found = evaluation(rows, False, calls)
    return found.metrics, found.series.sums()


def evaluated(rows: Rows, call: str, interval: bool = False):
    """The metric's value or `Undefined` over all days, or its interval."""
    (metric,), sums = metrics_and_sums(rows, [call])
    found = evaluate(metric, sums)
    return found.interval if interval else found.value
