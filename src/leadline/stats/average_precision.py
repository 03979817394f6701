"""Average precision from histograms of scores.

Everywhere: `negatives` and `positives` are rows (or their weights) by bin, in rising order of score, shape (..., bins).
There must be a positive, else ValueError.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma

from leadline.stats.arrays import Each, Floats, Number, floats, plain, require
from leadline.stats.proportion import Z95
from leadline.stats.scale import logit_interval


def average_precision(negatives: ArrayLike, positives: ArrayLike) -> Floats:
    """Precision at each positive's own bin, averaged over the positives; in (0, 1], shape (...).

    A bin is one block of ties. Equals sklearn average_precision_score on the bin numbers.

    >>> round(float(average_precision([2, 1, 0], [0, 1, 2])), 4)
    0.9167
    """
    _, pos, found, taken = _descending(negatives, positives)
    return np.asarray((pos * _share(found, taken)).sum(-1) / pos.sum(-1))


def average_precision_gradient(negatives: ArrayLike, positives: ArrayLike) -> tuple[Floats, Floats]:
    """What one further row in each bin adds to the average precision: of negatives, of positives; shape (..., bins).

    Σ negatives · first + Σ positives · second = 0 (doubling all rows changes nothing), so these are influences:
    give them to `row_variance` and `group_influence` of `counts.py`.

    >>> of_negative, of_positive = average_precision_gradient([2, 1, 0], [0, 1, 2])
    >>> bool(np.isclose(of_negative @ [2, 1, 0] + of_positive @ [0, 1, 2], 0))
    True
    """
    _, pos, found, taken = _descending(negatives, positives)
    total = pos.sum(-1, keepdims=True)
    precision = _share(found, taken)
    value = (pos * precision).sum(-1, keepdims=True) / total
    weight = _share(pos, taken)  # d(precision_b)/d(count_k) is -TP/D² or FP/D² for every b at or below k
    of_negative = -_after(weight * precision) / total
    of_positive = (precision + _after(weight * (1 - precision)) - value) / total
    return of_negative[..., ::-1], of_positive[..., ::-1]


def average_precision_range(
    negatives: ArrayLike, positives: ArrayLike, weighted: bool = False
) -> tuple[Floats, Floats]:
    """Lowest and highest average precision that rows with this histogram can have, for certain; shape (...) each.

    weighted   rows have weights of any size; without, the counts are whole rows and the lower end is tight

    Highest: in each bin the positives come first, as one tie. Lowest: they come last, one by one.

    >>> low, high = average_precision_range([1, 1], [1, 1])
    >>> round(float(low), 3), round(float(high), 3)
    (0.5, 0.833)
    """
    neg, pos, found, taken = _descending(negatives, positives)
    total = pos.sum(-1)
    before, misses = found - pos, taken - found
    best = (pos * _share(found, taken - neg)).sum(-1) / total
    first, last = misses + before, misses + found
    with np.errstate(divide="ignore", invalid="ignore"):
        passed = np.log(last / first) if weighted else digamma(last + 1) - digamma(first + 1)
    lost = np.where((misses > 0) & (pos > 0), misses * np.where(first > 0, passed, 0.0), 0.0)
    return np.asarray((pos - lost).sum(-1) / total), np.asarray(best)


def average_precision_interval(
    value: Number, positives: Number, variance: Number, critical: Each = Z95, deff: Each = 1.0
) -> tuple[Number, Number]:
    """Two-sided interval for an average precision: logit scale, never of width 0.

    value      in (0, 1]
    positives  rows, >= 1; for weighted rows (Σw)²/Σw²
    variance   `row_variance` of `average_precision_gradient`, >= 0
    critical   quantile of the normal or t distribution, > 0
    deff       design effect > 0

    Returns low < high in (0, 1), and 1 itself as the high end of a value of 1. At a perfect value the rows show no
    variance; it is taken to be at least half that of a share of the positives, at half a positive from the end.
    Raises ValueError outside those ranges. Simulated in tests/stats from 10 positives on.

    >>> low, high = average_precision_interval(1.0, 20, 0.0)
    >>> round(low, 3), high
    (0.843, 1.0)
    """
    v, p, var = np.broadcast_arrays(floats(value), floats(positives), floats(variance))
    require((v > 0) & (v <= 1) & (p >= 1) & (var >= 0), "average precision lies in (0, 1] and needs a positive")
    require((floats(deff) > 0) & (floats(critical) > 0), "deff and critical must be > 0")
    inside = np.minimum(v, 1 - 0.5 / p)
    least = inside * (1 - inside) / (2 * p)
    low, high = logit_interval(inside, deff * np.maximum(var, least), critical)
    return plain(np.minimum(low, v)), plain(np.where(v == 1, 1.0, np.maximum(high, v)))


def _descending(negatives: ArrayLike, positives: ArrayLike) -> tuple[Floats, Floats, Floats, Floats]:
    """Negatives and positives from the highest bin down, positives found and rows taken so far."""
    neg, pos = floats(negatives)[..., ::-1], floats(positives)[..., ::-1]
    require(neg.shape == pos.shape and neg.ndim > 0, "negatives and positives need the same bins")
    require((neg >= 0).all() and (pos >= 0).all(), "rows by bin must be >= 0")
    require(pos.sum(-1) > 0, "average precision needs a positive")
    found = np.cumsum(pos, -1)
    return neg, pos, found, found + np.cumsum(neg, -1)


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def _after(values: Floats) -> Floats:
    """Sum of this and all later values."""
    return np.cumsum(values[..., ::-1], -1)[..., ::-1]
