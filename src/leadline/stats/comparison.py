"""Whether some rows have a larger mean than others: exact for 0 and 1, else Welch's; and with rows in groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, stdtr, stdtrit

from leadline.stats.arrays import Floats, floats, require
from leadline.stats.design import FLOOR, MIN_GRAINS, student


def hypergeometric_tail(hits: int, rows: int, all_hits: int, all_rows: int) -> float:
    """The chance that `rows` drawn from `all_rows`, of which `all_hits` are hits, hold at least `hits` of them.

    0 <= hits <= rows <= all_rows, 0 <= all_hits <= all_rows, and the hits fit into what there is

    One side of Fisher's exact test of a slice against the other rows. Raises ValueError outside those ranges.
    Assumes independent rows. Source: Fisher (1935), JRSS 98, 39-82.

    >>> round(hypergeometric_tail(3, 4, 4, 8), 6)  # the lady who tastes tea
    0.242857
    """
    require(0 <= hits <= rows <= all_rows and 0 <= all_hits <= all_rows and hits <= all_hits, "counts do not fit")
    k = np.arange(max(hits, rows - (all_rows - all_hits)), min(rows, all_hits) + 1, dtype=np.float64)
    logs = _log_choose(all_hits, k) + _log_choose(all_rows - all_hits, rows - k) - _log_choose(all_rows, rows)
    return float(min(np.exp(logs).sum(), 1.0))


def _log_choose(n: float, k: Floats | float) -> Floats:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def welch_tail(values: Floats, others: Floats, weights: Floats | None = None, other: Floats | None = None) -> float:
    """The chance of a difference of means at least this large, if the means were the same; one side.

    values, others   finite, shape (rows,) each
    weights, other   what each row counts for, >= 0, of the same shapes; 1 where None

    1.0 where fewer than two rows of either count, or nothing varies: that is no evidence. Raises ValueError for shapes
    that do not fit. Assumes independent rows and nearly normal means; weights that were fixed before the values.
    Source: Welch (1947), Biometrika 34, 28-35, with (Σw)² / Σw² for the number of weighted rows.

    >>> round(welch_tail(np.array([3.0, 4.0, 5.0, 6.0]), np.array([1.0, 2.0, 3.0, 2.0])), 4)
    0.0108
    """
    means, variances, rows = zip(_mean(values, weights), _mean(others, other), strict=True)
    total = sum(variances)
    if min(rows) < 2 or total <= 0:
        return 1.0
    freedom = 1 / sum((v / total) ** 2 / (n - 1) for v, n in zip(variances, rows, strict=True))
    return float(stdtr(freedom, -(means[0] - means[1]) / np.sqrt(total)))


def _mean(values: Floats, weights: Floats | None) -> tuple[float, float, float]:
    """Mean, its variance, and the number of rows or what they are worth."""
    x, w = floats(values), np.ones(len(values)) if weights is None else floats(weights)
    require(x.shape == w.shape, "each row needs one weight")
    total, squares = float(w.sum()), float(w @ w)
    if squares <= 0:
        return 0.0, 0.0, 0.0
    mean, rows = float(w @ x) / total, total**2 / squares
    influence = w * (x - mean) / total
    return mean, float(influence @ influence) * rows / max(rows - 1, 1e-9), rows


@dataclass(frozen=True, slots=True)
class Difference:
    """How much larger the mean of some rows is.

    value     the difference
    error     its standard error; infinite where there is no telling
    freedom   degrees of freedom of Student's t, at least 1
    """

    value: float
    error: float
    freedom: float

    @property
    def least(self) -> float:
        """What it is at least, with 99 % confidence on this one side; -inf where there is no telling."""
        return self.value - float(stdtrit(self.freedom, 0.99)) * self.error

    @property
    def ends(self) -> tuple[float, float]:
        """Its 95 % interval."""
        half = student(self.freedom) * self.error
        return self.value - half, self.value + half


def grouped_difference(size: Floats, error: Floats, square: Floats, inflation: float = 1.0) -> Difference:
    """The mean of some rows less that of others, where the rows of a group, such as a day, may move together.

    size        rows of either side by group, or their weights; >= 0, shape (2, groups)
    error       Σ of what the mean is of, the same shape
    square      Σ of its squares, the same shape
    inflation   Σw² / Σw of weights w, which makes the variance of a mean V / Σw · this; 1 without weights

    Where the first side has rows in at least 7 groups: their own variance, in which what moves both sides cancels out.
    Where it has fewer, these cannot be told from bad days: then only groups with rows of both sides are compared, each
    within itself, as if their rows were independent. The error is infinite where a side has no rows, or no group
    has both.
    Raises ValueError for shapes that do not fit.
    Source: linearised delete-one-group jackknife of both means, as in `group_variance`, with Student's t for as many
    groups as the first side is worth; for few groups a stratified difference.

    >>> size, error = np.array([[50.0], [150.0]]), np.array([[25.0], [15.0]])
    >>> found = grouped_difference(size, error, error)
    >>> found.value, round(found.least, 3)
    (0.4, 0.247)
    """
    n, e, q = floats(size), floats(error), floats(square)
    require(n.ndim == 2 and len(n) == 2 and n.shape == e.shape == q.shape, "two sides by group are needed")
    total = n.sum(axis=1)
    if (total <= 0).any():
        return Difference(0.0, np.inf, 1.0)
    mean = e.sum(axis=1) / total
    spread = np.maximum(q.sum(axis=1) / total - mean**2, 0.0) / total
    share = n / total[:, None]
    filled = int((n[0] > 0).sum())
    if filled >= MIN_GRAINS and share.max() < 1:
        part = (e - mean[:, None] * n) / total[:, None] / (1 - share)
        freed = part[0] - part[1]
        groups = int((n.sum(axis=0) > 0).sum())
        variance = max((groups - 1) / groups * float(freed @ freed), FLOOR * inflation * float(spread.sum()))
        freedom = max(1 / float(share[0] @ share[0]) - 1, 1.0)
        value = float(mean[0] - mean[1])
    else:
        both = (n > 0).all(axis=0)
        if not both.any():
            return Difference(float(mean[0] - mean[1]), np.inf, 1.0)
        n, e, q = n[:, both], e[:, both], q[:, both]
        weight = n[0] * n[1] / n.sum(axis=0)
        level = e.sum(axis=0) / n.sum(axis=0)
        around = float((q - 2 * level * e + level**2 * n).sum() / n.sum())
        value = float(weight @ (e[0] / n[0] - e[1] / n[1]) / weight.sum())
        variance, freedom = inflation * max(around, 0.0) / float(weight.sum()), max(float(n.sum()) - 2, 1.0)
    return Difference(value, float(np.sqrt(variance)), freedom)
