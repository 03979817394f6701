"""Intervals for a mean over classes, put together from the classes' own intervals (MOVER).

Near 0 or 1 a class's interval is lopsided, and so must be that of the mean: the delta method covers .89 where a class
has 2 to 4 rows, this .95.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from leadline.stats.arrays import Floats, floats, require
from leadline.stats.proportion import Z95, jaccard_wilson, share_interval


def mean_interval(
    values: ArrayLike, lows: ArrayLike, highs: ArrayLike, correlation: ArrayLike | None = None
) -> tuple[float, float]:
    """Two-sided interval for the mean of figures that have intervals: the distances to their ends, added as errors are.

    values, lows, highs   shape (parts,), low <= value <= high
    correlation           of the figures' errors, shape (parts, parts); left out, they are independent

    Returns low and high around the mean, with the parts' coverage. Raises ValueError outside those ranges.
    Source: Zou and Donner (2008), Stat. Med. 27, 1693-1702; with correlation Zou (2008).

    >>> low, high = mean_interval([0.5, 0.9], [0.4, 0.6], [0.6, 1.0])
    >>> round(low, 3), round(high, 3)
    (0.542, 0.771)
    """
    value, low, high = floats(values), floats(lows), floats(highs)
    require(value.ndim == 1 and value.shape == low.shape == high.shape and len(value) > 0, "one low and high a value")
    require((low <= value) & (value <= high), "values must lie in their intervals")
    shared = np.eye(len(value)) if correlation is None else floats(correlation)
    require(shared.shape == (len(value), len(value)), "the correlation must be square, a row a value")

    def reach(parts: Floats) -> float:
        return float(np.sqrt(np.maximum(parts @ shared @ parts, 0.0)) / len(value))

    mean = float(value.mean())
    return mean - reach(value - low), mean + reach(high - value)


def macro_recall_interval(
    hits: ArrayLike, n: ArrayLike, critical: float = Z95, deff: float = 1.0
) -> tuple[float, float]:
    """Two-sided interval for the mean of the classes' recalls (balanced accuracy), in [0, 1].

    hits, n    rows predicted right and rows, by class, 0 <= hits <= n, n > 0
    critical   quantile of the normal or t distribution, > 0
    deff       design effect > 0

    Raises ValueError outside those ranges. Assumes that classes are independent: each row is in one.

    >>> low, high = macro_recall_interval([9, 400], [10, 490])
    >>> round(low, 3), round(high, 3)
    (0.705, 0.908)
    """
    require(deff > 0, "deff must be > 0")
    right, rows = floats(hits) / deff, floats(n) / deff
    low, high = share_interval(right, rows, critical)
    return mean_interval(right / rows, low, high)


def macro_f1_interval(confusion: ArrayLike, critical: float = Z95, deff: float = 1.0) -> tuple[float, float]:
    """Two-sided interval for the mean of the classes' F1, in [0, 1].

    confusion  rows (or weights) by (actual, predicted), shape (classes, classes), >= 0, not all 0; a class that is
               neither actual nor predicted anywhere is left out, as in sklearn's macro average
    critical   quantile of the normal or t distribution, > 0
    deff       design effect > 0

    Raises ValueError outside those ranges. A row counted wrong lowers two classes at once, so their errors correlate:
    by the delta method, with two rows added as in `delta_interval`. Covers from some 20 rows a class on (tests/stats).

    >>> low, high = macro_f1_interval([[50, 5, 2], [5, 25, 3], [2, 3, 5]])
    >>> round(low, 3), round(high, 3)
    (0.601, 0.809)
    """
    cells = floats(confusion)
    require(cells.ndim == 2 and cells.shape[0] == cells.shape[1], "a confusion matrix is square")
    require((cells >= 0).all() and cells.sum() > 0 and deff > 0, "counts must be >= 0 and not all 0, deff > 0")
    used = np.flatnonzero(cells.sum(0) + cells.sum(1))
    cells = cells[np.ix_(used, used)]
    tp = cells.diagonal()
    fp, fn = cells.sum(0) - tp, cells.sum(1) - tp
    low, high = jaccard_wilson(tp, fp, fn, deff, critical)
    more = cells + 2 / cells.size
    # F1_k = 2 c_kk / D_k, D_k = row sum + column sum. A row in (k, l) lowers F1_k by F1_k / D_k, and F1_l likewise.
    whole = more.sum(0) + more.sum(1)
    f1 = 2 * more.diagonal() / whole
    wrong = whole - 2 * more.diagonal()
    covariance = (more + more.T) * np.outer(f1 / whole, f1 / whole)
    np.fill_diagonal(covariance, (wrong * f1**2 + more.diagonal() * (2 - 2 * f1) ** 2) / whole**2)
    sd = np.sqrt(covariance.diagonal())
    sd[sd == 0] = 1.0  # the only class of all rows
    correlation = covariance / np.outer(sd, sd)
    np.fill_diagonal(correlation, 1.0)
    return mean_interval(2 * tp / (2 * tp + fp + fn), low, high, correlation)
