"""Variance of any smooth figure that is a function of counts and does not change when all counts double.

Such a figure's error is, to first order, Σ gradient · count over the cells: a sum over rows, or over days.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from leadline.stats.arrays import Floats, floats, require
from leadline.stats.proportion import Z95
from leadline.stats.scale import logit_interval

PRIOR_ROWS = 2.0


def gradient(function: Callable[[Floats], float], counts: ArrayLike) -> Floats:
    """What one further row in each cell adds to function(counts), by central differences; shape of counts.

    counts   >= 0, not all 0; a confusion matrix of any size. Cells of 0 get 0: no row is there to vary.

    Costs two evaluations a filled cell. Raises ValueError outside those ranges or where the function is not finite.

    >>> [round(float(g), 4) for g in gradient(lambda c: c[0] / c.sum(), [2, 2])]
    [0.125, -0.125]
    """
    cells = floats(counts)
    require((cells >= 0).all() and cells.sum() > 0, "counts must be >= 0 and not all 0")
    slope = np.zeros_like(cells)
    for cell in zip(*np.nonzero(cells), strict=True):
        step = 1e-4 * cells[cell]
        moved = cells.copy()
        moved[cell] = cells[cell] + step
        above = function(moved)
        moved[cell] = cells[cell] - step
        slope[cell] = (above - function(moved)) / (2 * step)
    require(np.isfinite(slope), "the function must be finite around these counts")
    return slope


def row_variance(slope: ArrayLike, squares: ArrayLike) -> float:
    """Σ slope² · squares: the variance over independent rows.

    slope     influence of one row by cell: from `gradient`, `auc_gradient`, ...
    squares   rows by cell, or the sum of their squared weights; >= 0, shape of slope

    >>> row_variance([0.125, -0.125], [2, 2])
    0.0625
    """
    influence, rows = floats(slope), floats(squares)
    require(influence.shape == rows.shape and (rows >= 0).all(), "squares must be >= 0, one for each slope")
    return float((influence**2 * rows).sum())


def group_influence(slope: ArrayLike, by_group: ArrayLike) -> Floats:
    """Σ slope · counts of each group: what it adds to the figure; shape (groups,), for `groups.spread`.

    slope      as in `row_variance`, taken at the groups' total
    by_group   counts or weights, shape (groups, *shape of slope)

    >>> group_influence([0.125, -0.125], [[2, 0], [0, 2]]).tolist()
    [0.25, -0.25]
    """
    influence, cells = floats(slope), floats(by_group)
    require(cells.shape[1:] == influence.shape, "each group must have the shape of slope")
    return np.asarray(cells.reshape(len(cells), -1) @ influence.ravel())


def delta_variance(function: Callable[[Floats], float], counts: ArrayLike, squares: ArrayLike | None = None) -> float:
    """Variance of function(counts) over independent rows by the delta method.

    function   smooth, and the same when all counts double: MCC, balanced accuracy, macro F1, F-beta
    counts     rows or weights by cell, >= 0
    squares    Σ of squared weights by cell; left out, `counts` are rows

    Returns a variance >= 0 in the unit of function². Raises ValueError outside those ranges.
    Assumes independent rows. Source: delta method for multinomial counts, Agresti (2013) 16.1.

    >>> round(delta_variance(lambda c: c[0] / c.sum(), [30, 70]), 8), 0.3 * 0.7 / 100
    (0.0021, 0.0021)
    """
    return row_variance(gradient(function, counts), counts if squares is None else squares)


def delta_interval(
    function: Callable[[Floats], float],
    counts: ArrayLike,
    low: float,
    high: float,
    critical: float = Z95,
    deff: float = 1.0,
    squares: ArrayLike | None = None,
) -> tuple[float, float]:
    """Two-sided interval for function(counts) that stays in its range and has a width where a cell is empty.

    function, counts, squares   as in `delta_variance`
    low, high                   range of the function: 0 and 1 for balanced accuracy, -1 and 1 for MCC
    critical                    quantile of the normal or t distribution, > 0
    deff                        design effect > 0

    Two rows are added, spread evenly over the cells, before the delta method on the logit scale (Agresti and Coull's
    idea: without it balanced accuracy with 10 positives covers .60); the interval is then stretched to hold the value.
    Raises ValueError outside those ranges. Simulated in tests/stats for two classes from 6 positives on.

    >>> low, high = delta_interval(lambda c: c[0] / c.sum(), [0, 20], 0, 1)
    >>> round(low, 3), round(high, 3)
    (0.0, 0.261)
    """
    cells = floats(counts)
    weights = cells if squares is None else floats(squares)
    require((cells >= 0).all() and cells.sum() > 0 and deff > 0, "counts must be >= 0 and not all 0, deff > 0")
    unit = float(weights.sum() / cells.sum())  # the size of a row: 1, or the typical weight
    more = unit * PRIOR_ROWS / cells.size
    value, smoothed = float(function(cells)), cells + more
    variance = row_variance(gradient(function, smoothed), weights + unit * more)
    ends = logit_interval(float(function(smoothed)), deff * variance, critical, low, high)
    return min(ends[0], value), max(ends[1], value)
