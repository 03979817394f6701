"""Area under the ROC curve from histograms of scores: value, variance, interval, and what the bins may hide.

Everywhere: `negatives` and `positives` are rows (or their weights) by bin, in rising order of score, shape (..., bins);
leading axes are slices or windows. Both classes must be present, else ValueError.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from leadline.stats.arrays import Each, Floats, Number, floats, plain, require
from leadline.stats.proportion import Z95


def auc(negatives: ArrayLike, positives: ArrayLike) -> Floats:
    """Chance that a positive scores above a negative, ties half; in [0, 1], shape (...).

    Exact for scores that are constant within a bin, else within `binning_bound`. Weights may be real.
    Source: Mann and Whitney (1947); equals sklearn roc_auc_score on the bin numbers.

    >>> float(auc([2, 1, 0], [0, 1, 2]))
    0.9444444444444444
    """
    neg, pos = _both(negatives, positives)
    below = np.cumsum(neg, axis=-1) - neg / 2
    area = (pos * below).sum(-1) / (pos.sum(-1) * neg.sum(-1))
    return np.asarray(np.clip(area, 0.0, 1.0))  # weights may round it past 1


def auc_gradient(negatives: ArrayLike, positives: ArrayLike) -> tuple[Floats, Floats]:
    """What one further row in each bin adds to the AUC: of negatives, of positives; shape (..., bins) each.

    Σ negatives · first = Σ positives · second = 0, so these are influences: give them to `row_variance` and
    `group_influence` of `counts.py` for rows that move together.

    >>> of_negative, of_positive = auc_gradient([2, 1, 0], [0, 1, 2])
    >>> [round(float(g), 3) for g in of_positive]
    [-0.204, -0.037, 0.019]
    """
    neg, pos = _both(negatives, positives)
    n, p = neg.sum(-1, keepdims=True), pos.sum(-1, keepdims=True)
    beaten = (np.cumsum(neg, -1) - neg / 2) / n
    beating = 1 - (np.cumsum(pos, -1) - pos / 2) / p
    area = (pos * beaten).sum(-1, keepdims=True) / p
    return (beating - area) / n, (beaten - area) / p


def delong_variance(
    negatives: ArrayLike,
    positives: ArrayLike,
    negative_squares: ArrayLike | None = None,
    positive_squares: ArrayLike | None = None,
) -> Floats:
    """Variance of the AUC over independent rows, shape (...).

    *_squares   Σ of squared weights by bin for weighted rows; left out, the counts are counts of rows

    A class with one row adds nothing (its spread is unknown), so use it inside `score_newcombe` only.
    Source: DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44, 837-845; exact for the binned score.

    >>> round(float(delong_variance([2, 1, 0], [0, 1, 2])), 6)
    0.006173
    """
    neg, pos = _both(negatives, positives)
    total = np.zeros(neg.shape[:-1])
    squares = (
        neg if negative_squares is None else negative_squares,
        pos if positive_squares is None else positive_squares,
    )
    for gradient, count, square in zip(auc_gradient(neg, pos), (neg, pos), map(floats, squares), strict=True):
        free = 1 - square.sum(-1) / count.sum(-1) ** 2  # (n - 1) / n for rows of weight 1
        part = (square * gradient**2).sum(-1)
        total = total + np.divide(part, free, out=np.zeros_like(part), where=free > 1e-12)
    return np.asarray(total)


def without_self_pairs(area: ArrayLike, negatives: ArrayLike, positives: ArrayLike, pairs: ArrayLike) -> Floats:
    """The expected AUC of rows that are each positive by chance, from the `auc` of their expected numbers; shape (...).

    area        `auc` of Σ(1 - c) and Σc by bin, for rows that are positive with chance c; NaN where there is none
    negatives, positives   Σ(1 - c) and Σc over all rows
    pairs       Σ c(1 - c): what `auc` takes for pairs of a positive and a negative and is a row with itself, a tie

    NaN where no pair is left. The correction is of the order of 1 / rows.

    >>> chance = np.array([0.25, 0.75])  # of two rows, so that only rows of different labels make a pair
    >>> without_self_pairs(auc(1 - chance, chance), 1.0, 1.0, (chance * (1 - chance)).sum()).item()
    0.9
    """
    product = floats(negatives) * floats(positives)
    left = product - floats(pairs)
    found = np.full(np.broadcast(floats(area), left).shape, np.nan)
    np.divide(floats(area) * product - floats(pairs) / 2, left, out=found, where=left > 1e-9 * product)
    return np.asarray(np.clip(found, 0.0, 1.0))


def told_apart(
    negatives: ArrayLike, positives: ArrayLike, of_negative: ArrayLike = 1.0, of_positive: ArrayLike = 1.0
) -> Floats:
    """How well kinds tell positive rows from negative ones, as an AUC that rows did not choose themselves; shape (...).

    negatives, positives       rows (or their weights) by kind, in any order, shape (..., kinds)
    of_negative, of_positive   the weight of one row of a kind; 1 for counts

    Each row is scored by how many positives there are in its kind for a negative, among the rows without itself and the
    one it is compared with; so kinds that tell nothing are at .5 or below, however few rows they have. NaN where a side
    has no rows.
    Source: leave-pair-out cross-validation, Airola et al. (2011), Comput. Stat. Data Anal. 55, 1828-1844.

    >>> float(told_apart([10, 10], [10, 10])), float(told_apart([90, 10], [10, 90]))
    (0.25, 0.9)
    """
    neg, pos = floats(negatives), floats(positives)
    fewer_neg, fewer_pos = np.maximum(neg - floats(of_negative), 0.0), np.maximum(pos - floats(of_positive), 0.0)
    kinds = neg.shape[-1]
    # positives of the pair's positive row over negatives, against those of its negative row; both multiplied out
    mine, other = (a[..., None, :] * b[..., :, None] for a, b in ((fewer_pos, fewer_neg), (neg, pos)))
    wins = np.where(np.eye(kinds, dtype=bool), 0.5, np.sign(mine - other) / 2 + 0.5)
    pairs = neg.sum(-1) * pos.sum(-1)
    won = (neg[..., :, None] * pos[..., None, :] * wins).sum((-2, -1))
    return np.asarray(np.divide(won, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0))


def binning_bound(negatives: ArrayLike, positives: ArrayLike) -> Floats:
    """The AUC of the rows lies, for certain, within `auc` ± this; shape (...), in [0, 1/2].

    Half the share of (negative, positive) pairs that fall into one bin. Mostly 6 to 12 times the real error.

    >>> float(binning_bound([2, 1, 0], [0, 1, 2]))
    0.05555555555555555
    """
    neg, pos = _both(negatives, positives)
    return np.asarray((neg * pos).sum(-1) / (2 * neg.sum(-1) * pos.sum(-1)))


def score_newcombe(
    area: Number, positives: Number, negatives: Number, variance: Number, critical: Each = Z95, deff: Each = 1.0
) -> tuple[Number, Number]:
    """Two-sided interval for an AUC that holds its coverage with few positives, where DeLong's own falls to .75.

    area                   AUC in [0, 1]
    positives, negatives   rows of each class, >= 1; for weighted rows (Σw)²/Σw²
    variance               `delong_variance`, >= 0
    critical               quantile of the normal or t distribution, > 0
    deff                   design effect > 0: how much rows that move together raise the variance

    Returns {θ: |θ - area| <= critical · sqrt(deff · ρ · V(θ))}, inside [0, 1]; V is Hanley and McNeil's variance under
    exponential scores, ρ = max(1, (t/z)² variance / V(area)), where t is Student's with 1.5 times (the smaller class's
    rows less 1) degrees of freedom: where DeLong's variance takes over, it is itself an estimate.
    Raises ValueError outside those ranges.
    Source: Newcombe (2006), Stat. Med. 25, 559-573 (method 5); METHODS §4, B3. The t is ours, its degrees of freedom
    chosen by simulation: without it .926 are covered where 20 positives spread twice as wide as negatives (AUC .85).

    >>> low, high = score_newcombe(0.95, 10, 490, 0.0009)
    >>> round(low, 3), round(high, 3)
    (0.817, 0.987)
    """
    a, p, n, var = np.broadcast_arrays(floats(area), floats(positives), floats(negatives), floats(variance))
    require(
        (a >= 0) & (a <= 1) & (p >= 1) & (n >= 1) & (var >= 0), "an AUC's interval needs both classes, AUC in [0, 1]"
    )
    require((floats(deff) > 0) & (floats(critical) > 0), "deff and critical must be > 0")

    def newcombe(theta: Floats) -> Floats:
        """Variance of an AUC of theta."""
        more = (p + n) / 2 - 1
        spread = 1 + more * (1 - theta) / (2 - theta) + more * theta / (1 + theta)
        variance: Floats = theta * (1 - theta) * spread / (p * n)
        return variance

    inside = np.clip(a, 0.5 / p, 1 - 0.5 / p)
    unsure = (stdtrit(np.maximum(1.5 * (np.minimum(p, n) - 1), 1.0), 0.975) / Z95) ** 2
    scale = critical * np.sqrt(deff * np.maximum(1.0, unsure * var / newcombe(inside)))

    def edge(outside: float) -> Floats:
        """Bisection between `outside`, which is rejected, and the area itself, which is not."""
        far, near = np.full(a.shape, outside), a.copy()
        for _ in range(60):
            middle = (far + near) / 2
            accepted = np.abs(middle - a) <= scale * np.sqrt(newcombe(middle))
            far, near = np.where(accepted, far, middle), np.where(accepted, middle, near)
        return far

    return plain(edge(0.0)), plain(edge(1.0))


def _both(negatives: ArrayLike, positives: ArrayLike) -> tuple[Floats, Floats]:
    neg, pos = floats(negatives), floats(positives)
    require(neg.shape == pos.shape and neg.ndim > 0, "negatives and positives need the same bins")
    require((neg >= 0).all() and (pos >= 0).all(), "rows by bin must be >= 0")
    require((neg.sum(-1) > 0) & (pos.sum(-1) > 0), "both classes must be present")
    return neg, pos
