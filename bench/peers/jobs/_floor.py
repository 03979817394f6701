"""The floor: the cells of the issue by hand-written DuckDB SQL, and five metrics per day from them in numpy.

A cell is (day, predicted, actual, bin of the score). The bins are the fixed grid, the union of 512 linear and 512
logit edges: with q = floor(score * 2^32 + 0.5) the linear bin is q >> 23 (511 at most) and the logit bin floor((ln(q /
(2^32 - q)) + 15) * 512 / 30) (0 to 511). Both grow with the score, so the pair orders the rows; the counts and the
histogram are one GROUP BY of one packed integer.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DAY_US = 86_400_000_000
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def cells(rows: str) -> str:
    """SQL: (key, n) from SQL rows with `timestamp`, `score`, `predicted` and `actual` (0 or 1)."""
    return f"""
        select ((((epoch_us(timestamp) // {DAY_US}) * 2 + predicted) * 2 + actual) * 512 + least(q >> 23, 511)) * 512
               + greatest(least(floor((ln(inside / (4294967296 - inside)) + 15) * 512 / 30), 511), 0)::bigint as key,
               count(*) as n
        from (
            select timestamp, predicted::bigint as predicted, actual::bigint as actual,
                   floor(score * 4294967296 + 0.5)::bigint as q, greatest(least(q, 4294967295), 1) as inside
            from ({rows})
        )
        group by key"""


def five(key: Ints, n: Ints) -> dict[str, Floats]:
    """ROC AUC (ties within a bin count half), F1, precision, recall and accuracy, each one value a day in order."""
    grid, actual, predicted, day = key % 2**18, key // 2**18 % 2, key // 2**19 % 2, key // 2**20
    place, inverse = np.unique((day * 2**18 + grid) * 2 + predicted, return_inverse=True)
    positive = np.bincount(inverse, n * actual, len(place))
    negative = np.bincount(inverse, n * (1 - actual), len(place))
    first = np.flatnonzero(np.diff(place // 2**19, prepend=-1))
    below = np.cumsum(negative) - negative
    below -= np.repeat(below[first], np.diff(first, append=len(place)))
    won = np.add.reduceat(positive * (below + negative / 2), first)
    p, m = np.add.reduceat(positive, first), np.add.reduceat(negative, first)
    said = place % 2
    tp, fp = np.add.reduceat(positive * said, first), np.add.reduceat(negative * said, first)
    return {
        "roc_auc": won / (p * m),
        "f1": 2 * tp / (p + tp + fp),
        "precision": tp / (tp + fp),
        "recall": tp / p,
        "accuracy": (tp + m - fp) / (p + m),
    }


def digest(metrics: dict[str, Floats]) -> dict[str, float]:
    return {
        "windows": len(metrics["f1"]),
        "roc_auc_first": round(float(metrics["roc_auc"][0]), 6),
        "roc_auc_last": round(float(metrics["roc_auc"][-1]), 6),
        "f1_first": round(float(metrics["f1"][0]), 9),
        "f1_last": round(float(metrics["f1"][-1]), 9),
    }
