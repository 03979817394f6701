"""How much a figure varies between groups (days, hash groups of users), against what independent rows would give.

A figure's error is, to first order, a sum of influences, one a row. Rows of one group may move together, so what counts
is the sum of the influences of each group.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtr, chdtri

from leadline.stats.arrays import Floats, floats, require

#: share of the largest steps between neighbouring grains that are left out
TRIMMED = 0.1


@dataclass(frozen=True, slots=True)
class Spread:
    """What groups say of a figure's variance.

    phi        variance over groups / variance over rows, >= 0; 1 means that rows of a group do not move together
    groups     groups with rows, >= 2
    effective  of how many groups of equal size they have the worth, (Σ size)² / Σ size², in [1, groups]
    size       rows in a row's own group, on average: Σ size² / Σ size
    """

    phi: float
    groups: int
    effective: float
    size: float

    def at(self, size: float) -> float:
        """The design effect, >= 1, in groups of another size: phi's excess over 1 is in proportion to the size.

        >>> Spread(phi=3.0, groups=28, effective=28.0, size=200.0).at(100.0)
        2.0
        """
        return 1 + max(self.phi - 1, 0.0) * size / self.size


def own_size(size: ArrayLike) -> float:
    """Rows in a row's own group, on average: Σ size² / Σ size; size >= 0 by group, not all 0.

    >>> own_size([100, 0, 300])
    250.0
    """
    rows = floats(size)
    require((rows >= 0).all() and rows.sum() > 0, "sizes must be >= 0 and not all 0")
    return float(rows @ rows / rows.sum())


def group_variance(influence: ArrayLike, size: ArrayLike) -> float:
    """Variance of a figure over independent groups: (G-1)/G Σ (influence_g / (1 - size_g / Σ size))².

    influence   sum of the rows' influences by group, shape (groups,); they add up to 0
    size        what the group weighs in the figure (rows, positives, a ratio's ΣB), >= 0, at least 2 groups above 0.
                Groups without size and influence are left out: they hold no evidence and would count in G.

    Returns the variance in the unit of figure², >= 0. Raises ValueError outside those ranges.
    Assumes independent groups. For groups of one size it is G/(G-1) Σ influence²; a group that outweighs the others
    draws the figure to itself, and the division makes up for that (without it 95 % intervals cover .87 at 7 groups of
    lognormal(1) size). Source: linearised delete-one jackknife, the CR3 of Cameron and Miller (2015), J. Hum. Res. 50.

    >>> group_variance([0.25, -0.25], [2, 2])
    0.25
    """
    part, rows = floats(influence), floats(size)
    require(part.shape == rows.shape and part.ndim == 1 and np.isfinite(part).all(), "one influence and size a group")
    require((rows >= 0).all() and (rows > 0).sum() > 1, "at least 2 groups must have a size above 0")
    groups = int(((rows > 0) | (part != 0)).sum())
    freed = part / (1 - rows / rows.sum())
    return float((groups - 1) / groups * (freed @ freed))


def spread(row_variance: float, influence: ArrayLike, size: ArrayLike) -> Spread | None:
    """Compare the variance over groups with that over rows; None where the groups cannot tell.

    row_variance   the figure's variance if rows were independent, >= 0
    influence, size   as in `group_variance`

    None: fewer than 2 groups with rows, or a row variance of 0 (a share of exactly 0 or 1: nothing varies yet).
    Raises ValueError outside those ranges.

    >>> spread(0.125, [0.25, -0.25, 0], [2, 2, 0])
    Spread(phi=2.0, groups=2, effective=2.0, size=2.0)
    """
    rows = floats(size)
    require(row_variance >= 0 and (rows >= 0).all(), "row_variance and sizes must be >= 0")
    filled = int((rows > 0).sum())
    if filled < 2 or row_variance == 0:
        return None
    own = own_size(rows)
    return Spread(group_variance(influence, rows) / row_variance, filled, float(rows.sum()) / own, own)


@dataclass(frozen=True, slots=True)
class Spreads:
    """`Spread` of many figures at once; arrays of shape (figures,), meaningless where `known` is False."""

    known: NDArray[np.bool_]
    phi: Floats
    groups: Floats
    effective: Floats
    size: Floats

    @classmethod
    def unknown(cls, count: int) -> Spreads:
        """Of this many figures whose groups cannot tell."""
        none = np.full(count, np.nan)
        return cls(np.zeros(count, np.bool_), none, none, none, none)

    def at(self, size: Floats) -> Floats:
        """As `Spread.at`, for each figure."""
        return np.asarray(1 + np.maximum(self.phi - 1, 0.0) * size / self.size)


def spreads(row_variance: ArrayLike, influence: ArrayLike, size: ArrayLike) -> Spreads:
    """`spread` of many figures at once, not `known` where that is None.

    row_variance      shape (figures,)
    influence, size   shape (figures, groups); groups that are not a figure's have 0 in both

    Raises ValueError outside the ranges of `spread`.

    >>> spreads([0.125], [[0.25, -0.25, 0]], [[2, 2, 0]]).phi.tolist()
    [2.0]
    """
    rows, part, variance = floats(size), floats(influence), floats(row_variance)
    require(part.shape == rows.shape and np.isfinite(part).all(), "one influence and size a group")
    require((variance >= 0).all() and (rows >= 0).all(), "row_variance and sizes must be >= 0")
    total, squared = rows.sum(-1, keepdims=True), (rows * rows).sum(-1)
    filled = (rows > 0).sum(-1)
    known = (filled > 1) & (variance > 0)
    counted = ((rows > 0) | (part != 0)).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        freed = part / (1 - rows / total)
        phi = (counted - 1) / counted * (freed * freed).sum(-1) / variance
        own = squared / total[..., 0]
        return Spreads(known, phi, floats(filled), total[..., 0] / own, own)


def successive_spreads(row_variance: ArrayLike, influence: ArrayLike, size: ArrayLike) -> Spreads:
    """How much figures vary from one grain to the next, against what independent rows would give.

    row_variance, influence, size   as in `spreads`; groups in the order of time

    phi is the mean of the squared steps between neighbouring grains, each in units of what independent rows would
    give, without the largest tenth of them, divided by what that leaves of a chi-squared variable's mean. So a lasting
    change of level, which is one step, does not count as a difference between grains: with the plain variance the days
    after a drop have intervals so wide that the drop cannot be told any more. `effective` is lowered to two thirds of
    the degrees of freedom, as steps that share a grain are not independent.
    Raises ValueError outside the ranges of `spread`. Assumes grains whose own ups and downs are independent; slow
    waves over several grains are seen in part. Simulated in tests/stats.
    Source: von Neumann et al. (1941), Ann. Math. Stat. 12, 153-162, for the steps; the trimming is ours.

    >>> figure = np.r_[np.tile([0.0, 1.0], 7), np.tile([9.0, 10.0], 7)]
    >>> part = [(figure - figure.mean()) / 28]
    >>> for way in (spreads, successive_spreads):
    ...     print(round(float(way([1 / 28], part, [np.ones(28)]).phi[0]), 1))
    21.3
    0.7
    """
    plain = spreads(row_variance, influence, size)
    rows, part, variance = floats(size), floats(influence), floats(row_variance)
    total = rows.sum(-1, keepdims=True)
    filled = rows > 0
    place = np.where(filled, np.arange(rows.shape[-1]), -1)
    before = np.concatenate([np.full((len(rows), 1), -1), np.maximum.accumulate(place, axis=1)[:, :-1]], axis=1)
    pair = filled & (before >= 0)
    earlier = np.maximum(before, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        away = part * total / rows  # the grain's figure less that of all
        share = 1 / rows
        step = away - np.take_along_axis(away, earlier, 1)
        usual = (variance[:, None] * total) * (share + np.take_along_axis(share, earlier, 1))
        squares = np.sort(np.where(pair, step * step / usual, np.inf), axis=1)
    pairs = pair.sum(-1)
    kept = pairs - (pairs * TRIMMED).astype(int)
    summed = np.cumsum(np.where(np.isfinite(squares), squares, 0.0), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.take_along_axis(summed, np.maximum(kept - 1, 0)[:, None], 1)[:, 0] / kept
        phi = mean / _left_of_chi_squared(kept / pairs)
    known = plain.known & (pairs > 0) & np.isfinite(phi)
    return Spreads(known, phi, plain.groups, 1 + (plain.effective - 1) * 2 / 3, plain.size)


def _left_of_chi_squared(share: Floats) -> Floats:
    """Mean of a chi-squared variable (1 degree of freedom) below its quantile at `share`, in (0, 1]."""
    edge = chdtri(1, 1 - share)
    return np.where(share < 1, chdtr(3, edge) / share, 1.0)


def jackknife_variance(values: ArrayLike) -> float:
    """Variance of any smooth figure from its values with one group left out in turn: (G-1)/G Σ (v_g - v̄)².

    values   shape (groups,), at least 2, finite; groups of about the same size

    Returns the variance in the unit of value². Raises ValueError outside those ranges.
    Assumes independent groups and a smooth figure (not a median). Source: Quenouille, Tukey; Efron (1982), ch. 3.

    >>> rows = np.array([1.0, 2.0, 4.0])
    >>> leaving_out = (rows.sum() - rows) / 2
    >>> bool(np.isclose(jackknife_variance(leaving_out), rows.var(ddof=1) / 3))
    True
    """
    left = floats(values)
    require(
        left.ndim == 1 and len(left) > 1 and np.isfinite(left).all(), "the jackknife needs at least 2 finite values"
    )
    apart: Floats = left - left.mean()
    return float((len(left) - 1) / len(left) * (apart @ apart))
