"""How sure figures are that are made of two windows: of the sums of each, whose rows may move together by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from leadline.stats.arrays import Floats, floats, require
from leadline.stats.design import designs
from leadline.stats.groups import Spreads, own_size, spreads, successive_spreads


@dataclass(frozen=True, slots=True)
class Influences:
    """What the rows of some grains add to the errors of figures, to first order.

    rows      Σ over rows of the squared influence: the variance if rows were independent; shape (figures,)
    grains    Σ of the influences by grain, shape (figures, grains)
    size      what a grain weighs in a figure (rows, positives, a ratio's ΣB), shape (figures, grains)
    entities  Σ of the influences by hash group of users, and their sizes, shape (figures, groups) each; or None
    """

    rows: Floats
    grains: Floats
    size: Floats
    entities: tuple[Floats, Floats] | None = None

    def __add__(self, other: Influences) -> Influences:
        """Of both, where the grains are the same ones: what happens on a day then happens to both sides."""
        both = None
        if self.entities is not None and other.entities is not None:
            both = self.entities[0] + other.entities[0], self.entities[1] + other.entities[1]
        return Influences(self.rows + other.rows, self.grains + other.grains, self.size + other.size, both)


@dataclass(frozen=True, slots=True)
class Errors:
    """Standard errors of figures, shape (figures,), with the degrees of freedom that tell them (infinite: normal)."""

    se: Floats
    df: Floats

    def __getitem__(self, index: slice) -> Errors:
        return Errors(self.se[index], self.df[index])

    def half(self, chance: float = 0.05) -> Floats:
        """Half the width of intervals that miss with this chance, two-sided.

        >>> Errors(np.array([2.0]), np.array([np.inf])).half().round(2).tolist()
        [3.92]
        """
        return np.asarray(self.se * stdtrit(self.df, 1 - chance / 2))

    def certain(self, figures: Floats, chance: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Which figures lie apart from 0 if that may happen by chance this often, for all of them together.

        Bonferroni: each gets an equal part of the chance.

        >>> Errors(np.ones(2), np.full(2, np.inf)).certain(np.array([2.1, 3.0]), 0.05).tolist()
        [False, True]
        """
        known = np.isfinite(self.se) & np.isfinite(figures)
        each = chance / max(int(known.sum()), 1)
        return known & (np.abs(figures) > self.half(each)) & (self.se > 0)


def influences(
    slope_a: ArrayLike,
    slope_b: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    moments: tuple[ArrayLike, ArrayLike, ArrayLike],
    size: ArrayLike,
    unit: ArrayLike | None = None,
) -> Influences:
    """The influences of the rows of a window on figures that are made of ratios ΣA / ΣB by slice.

    slope_a, slope_b   how the figures change with A and B of a slice, shape (figures, slices)
    a, b               sums by grain, shape (grains, slices)
    moments            ΣA², ΣAB, ΣB² over rows of the window, shape (slices,) each
    size               as in `Influences`
    unit               at least this variance of A - B · ratio for each unit of B, shape (slices,); None for none

    Raises ValueError where shapes do not go together.
    """
    by_a, by_b, top, bottom = floats(slope_a), floats(slope_b), floats(a), floats(b)
    aa, ab, bb = (floats(each) for each in moments)
    require(by_a.shape == by_b.shape and top.shape == bottom.shape, "slopes and sums must have the same slices")
    require(by_a.shape[1] == top.shape[1] == len(aa), "slopes and sums must have the same slices")
    total_a, total_b = top.sum(axis=0), bottom.sum(axis=0)
    ratio = np.divide(total_a, total_b, out=np.zeros_like(total_a), where=total_b > 0)
    residual = np.maximum(aa - 2 * ratio * ab + ratio**2 * bb, 0.0)
    if unit is not None:
        residual = np.maximum(residual, floats(unit) * total_b)
    # A = (A - ratio B) + ratio B: the slope along B with the ratio kept, and that across
    along = by_a * ratio + by_b
    across = ab - ratio * bb
    rows = (by_a**2 * residual + 2 * by_a * along * across + along**2 * bb).sum(axis=1)
    by_grain = by_a @ top.T + by_b @ bottom.T
    return Influences(np.maximum(rows, 0.0), by_grain, np.broadcast_to(size, by_grain.shape))


def errors(sides: Sequence[Influences], histories: Sequence[Influences | None] | None = None) -> Errors:
    """Standard errors of figures from the influences of the rows of independent windows.

    sides       of each window; rows of one grain may move together, as in `design` (DESIGN §7)
    histories   of the grains before each window, in the order of time, for windows of fewer than 7 grains

    Degrees of freedom are Welch's and Satterthwaite's.
    """
    known = [None] * len(sides) if histories is None else histories
    variances, freedoms = [], []
    for side, before in zip(sides, known, strict=True):
        count = len(side.rows)
        grains = spreads(side.rows, side.grains, side.size) if side.size.shape[1] > 1 else Spreads.unknown(count)
        past = Spreads.unknown(count)
        if before is not None and before.size.shape[1] > 1:
            past = successive_spreads(before.rows, before.grains, before.size)
        entity = Spreads.unknown(count) if side.entities is None else spreads(side.rows, *side.entities)
        size = np.array([own_size(each) if each.sum() > 0 else 0.0 for each in side.size])
        chosen = designs(grains, past, entity, size)
        variances.append(side.rows * chosen.deff)
        freedoms.append(np.full(count, np.inf) if chosen.df is None else chosen.df)
    variance = np.sum(variances, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        lost = sum(part**2 / df for part, df in zip(variances, freedoms, strict=True))
        df = np.where(lost > 0, variance**2 / lost, np.inf)
    return Errors(np.sqrt(variance), np.asarray(df))
