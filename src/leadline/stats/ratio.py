"""Variance of a ratio of sums R = ΣA / ΣB: means, losses, WAPE, precision, costs a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from leadline.stats.arrays import Floats, Number, floats, plain, require
from leadline.stats.groups import group_variance


def sandwich_variance(n: Number, a: Number, b: Number, aa: Number, ab: Number, bb: Number) -> Number:
    """Variance of R = ΣA / ΣB over independent rows, from sums.

    n            rows, > 1
    a, b         ΣA and ΣB, b != 0
    aa, ab, bb   ΣA², ΣAB, ΣB² (of weighted rows: of wA and wB)

    Returns the variance in the unit of R², >= 0. Raises ValueError outside those ranges.
    Assumes independent rows. Source: linearisation, Cochran (1977) 6.13, with n/(n-1); a mean (B = 1) gets s²/n.

    >>> a = np.array([1.0, 2.0, 4.0])
    >>> bool(np.isclose(sandwich_variance(3, a.sum(), 3.0, a @ a, a.sum(), 3.0), a.var(ddof=1) / 3))
    True
    """
    rows, top, bottom = floats(n), floats(a), floats(b)
    require((rows > 1) & (bottom != 0) & np.isfinite(top), "a ratio's variance needs more than one row and ΣB not 0")
    ratio = top / bottom
    residual = floats(aa) - 2 * ratio * floats(ab) + ratio * ratio * floats(bb)
    variance: Number = plain(np.maximum(residual, 0.0) / (bottom * bottom) * rows / (rows - 1))
    return variance


def ratio_influence(a: ArrayLike, b: ArrayLike) -> Floats:
    """What each group adds to R = ΣA / ΣB beyond its share: (A_g - R B_g) / ΣB, shape (groups,), sum 0.

    a, b   sums of A and of B by group; Σb != 0, else ValueError

    >>> ratio_influence([1, 3], [2, 2]).tolist()
    [-0.25, 0.25]
    """
    top, bottom = floats(a), floats(b)
    total = bottom.sum()
    require(top.shape == bottom.shape and total != 0, "a ratio needs ΣB other than 0")
    return np.asarray((top - top.sum() / total * bottom) / total)


def clustered_variance(a: ArrayLike, b: ArrayLike) -> float:
    """Variance of R = ΣA / ΣB over independent groups (days, users' hash groups) whose rows may move together.

    a, b   sums of A and of B by group, shape (groups,); b >= 0, at least 2 above 0

    Returns `group_variance` of the ratio, for groups of one size G/(G-1) Σ (A_g - R B_g)² / (ΣB)².
    Raises ValueError outside those ranges.

    >>> clustered_variance([1, 3], [2, 2])
    0.25
    """
    return group_variance(ratio_influence(a, b), b)
