"""The change of a metric between two windows, split over slices into mix and rate, with what is sure of each term."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.metrics.metric import PRIOR_ROWS
from leadline.metrics.sums import Array
from leadline.stats.difference import Errors, Influences, errors, influences
from leadline.stats.mix_rate import frozen_mix, mix_rate, mix_rate_slopes, pooled
from leadline.values import Undefined

#: a slice with less of the metric's denominator (in rows of equal weight) is put together with the other small ones;
#: its rate is told where both windows have so much
LEAST = 200.0
A, B, AA, AB, BB = range(5)
PARTS = ("rate", "mix", "excess")
TOTALS = ("total_rate", "total_mix", "change", "frozen")


@dataclass(frozen=True, slots=True)
class Sliced:
    """The sums of a ratio ΣA / ΣB by slice in one window: A, B, A², AB, B² on the last axis, as `Metric.as_ratio`.

    sums      by grain, shape (grains, slices, 5)
    before    of the grains before the window, in the order of time; none or few where it has enough grains of its own
    entities  of the window by hash group of users, shape (groups, slices, 5), where there are users
    """

    sums: Array
    before: Array
    entities: Array | None = None

    def grouped(self, group: NDArray[np.int64]) -> Sliced:
        """The same with slices put together: `group` has the number of each slice's."""
        one = (np.arange(group.max() + 1)[:, None] == group).astype(np.float64)

        def together(sums: Array) -> Array:
            return np.asarray(np.einsum("gs,tsp->tgp", one, sums))

        entities = None if self.entities is None else together(self.entities)
        return Sliced(together(self.sums), together(self.before), entities)

    @property
    def total(self) -> Array:
        """Over the window, shape (slices, 5)."""
        return np.asarray(self.sums.sum(axis=0))


@dataclass(frozen=True, slots=True)
class Split:
    """A change and its terms, in the metric's own unit; slices are groups of those that were given.

    group            number of each given slice's group; the last one holds the small ones where `small`
    small            how many slices are in it; 0 for none
    known            whether both windows have enough of a group to tell its rate, shape (groups,)
    before, after    the metric in both windows
    values_before, values_after   of each group, NaN where it has nothing there
    shares_before, shares_after   of each group in the metric's denominator
    frozen           the metric of the second window with the first one's mix; `lost` of that mix is not in it
    figures, errors  rate and mix of each group; how much more or less of Σ rate it is than its share of the metric;
                     Σ rate, Σ mix, the change, and `frozen`: one after the other
    """

    group: NDArray[np.int64]
    small: int
    known: NDArray[np.bool_]
    before: float
    after: float
    values_before: Array
    values_after: Array
    shares_before: Array
    shares_after: Array
    lost: float
    figures: Array
    errors: Errors

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(self.values_before)

    @property
    def terms(self) -> int:
        """How many of the leading figures are the terms that add up."""
        return 2 * self.groups

    def of(self, name: str) -> slice:
        """Where some figures stand: rate, mix and excess of the groups; total_rate, total_mix, change, frozen."""
        if name in PARTS:
            place = PARTS.index(name)
            return slice(place * self.groups, (place + 1) * self.groups)
        place = len(PARTS) * self.groups + TOTALS.index(name)
        return slice(place, place + 1)

    @property
    def noise(self) -> float:
        """Share of the sum of |terms| that belongs to terms within two standard errors of 0; 0 where all are 0."""
        size = np.abs(self.figures[: self.terms])
        unsure = size <= 2 * self.errors.se[: self.terms]
        return float(size[unsure].sum() / size.sum()) if size.sum() > 0 else 0.0


def split(first: Sliced, second: Sliced, rooted: bool = False, together: bool = False) -> Split | Undefined:
    """Split the change from the first to the second window over the slices, exactly (`mix_rate`).

    rooted    the metric is the root of the ratio: terms are stretched so that they add up to its change
    together  both windows have the same grains (two versions on the same days), which move both

    `Undefined` where a window has no figure, or fewer than two groups of slices tell anything.
    Intervals are of the first order; within them the terms' own stretch counts as known.
    """
    units = [_units(each.total) for each in (first, second)]
    # a ratio that a slice's own B cannot carry (an error without a label to measure it by) is told with the others
    broken = np.any([(each.total[:, B] <= 0) & (each.total[:, A] != 0) for each in (first, second)], axis=0)
    units = [np.where(broken, 1.0, each) for each in units]
    group = pooled(units[0], units[1], LEAST)
    first, second = first.grouped(group), second.grouped(group)
    a0, b0, a1, b1 = first.total[:, A], first.total[:, B], second.total[:, A], second.total[:, B]
    if min(b0.sum(), b1.sum()) <= 0:
        return Undefined("one of the windows has no figure")
    if len(b0) < 2:
        return Undefined("fewer than two slices have enough rows")
    terms = mix_rate(a0, b0, a1, b1)
    before, after = float(a0.sum() / b0.sum()), float(a1.sum() / b1.sum())
    shares_before = b0 / b0.sum()
    frozen = frozen_mix(shares_before, a1, b1)
    change, stretch, of_frozen = after - before, 1.0, 1.0
    values = [np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0) for a, b in ((a0, b0), (a1, b1))]
    if rooted:
        before, after, frozen = (float(np.sqrt(max(each, 0.0))) for each in (before, after, frozen))
        values = [np.sqrt(np.maximum(each, 0.0)) for each in values]
        stretch = 1 / (before + after) if before + after > 0 else 0.0
        of_frozen = 0.5 / frozen if frozen > 0 else 0.0
    weight = (shares_before + b1 / b1.sum()) / 2
    excess = terms.rate - weight * terms.rate.sum()
    totals = [terms.rate.sum(), terms.mix.sum(), change]
    figures = np.concatenate([terms.rate, terms.mix, excess, totals]) * stretch
    slopes = [np.stack(each) * stretch for each in _slopes(a0, b0, a1, b1, weight)]
    level = _frozen_slopes(shares_before, a1, b1) * of_frozen
    nothing = np.zeros((1, len(b0)))
    sides = [
        _influences(first, (np.vstack([slopes[0], nothing]), np.vstack([slopes[1], nothing])), second),
        _influences(second, (np.vstack([slopes[2], level[:1]]), np.vstack([slopes[3], level[1:]])), first),
    ]
    found = errors([sides[0][0] + sides[1][0]]) if together else errors(*zip(*sides, strict=True))
    shares_after = b1 / b1.sum()
    return Split(
        group=group,
        small=_small(units, group),
        known=np.minimum(_units(first.total), _units(second.total)) >= LEAST,
        before=before,
        after=after,
        values_before=values[0],
        values_after=values[1],
        shares_before=shares_before,
        shares_after=shares_after,
        lost=float(shares_before[b1 <= 0].sum()),
        figures=np.append(figures, frozen),
        errors=found,
    )


def _units(total: Array) -> Array:
    """How many rows of equal weight each slice's denominator is worth (Kish)."""
    return np.divide(total[:, B] ** 2, total[:, BB], out=np.zeros(len(total)), where=total[:, BB] > 0)


def _small(units: Sequence[Array], group: NDArray[np.int64]) -> int:
    """How many slices are in the last group because they tell too little alone."""
    alone = pooled(np.append(units[0], 0.0), np.append(units[1], 0.0), LEAST)
    return int((group == alone[-1]).sum())


def _slopes(a0: Array, b0: Array, a1: Array, b1: Array, weight: Array) -> list[list[Array]]:
    """By A and by B of the first and of the second window: slopes of all terms, of their sums, of the change."""
    found = []
    for window, slope in enumerate(mix_rate_slopes(a0, b0, a1, b1)):
        a, b = ((a0, b0), (a1, b1))[window]
        sign = 2 * window - 1
        whole = (np.full(len(b), sign / b.sum()), np.full(len(b), -sign * a.sum() / b.sum() ** 2))
        for rate, mix, change in ((slope.rate_a, slope.mix_a, whole[0]), (slope.rate_b, slope.mix_b, whole[1])):
            total = rate.sum(axis=0)
            excess = rate - weight[:, None] * total
            found.append([*rate, *mix, *excess, total, mix.sum(axis=0), change])
    return found


def _frozen_slopes(share: Array, a: Array, b: Array) -> Array:
    """The slopes of the frozen-mix figure by A and by B of the second window; the first one's mix is taken as given."""
    some = (b > 0) & (share > 0)
    kept = np.where(some, share, 0.0) / max(float(share[some].sum()), 1e-300)
    by_a = np.divide(kept, b, out=np.zeros(len(b)), where=some)
    return np.stack([by_a, -by_a * np.divide(a, b, out=np.zeros(len(b)), where=some)])


def _unit(both: Array) -> Array:
    """Variance of A - B · ratio for each unit of B, by slice, with two rows more that are like the whole.

    Of both windows together: a few rows of a slice that happen to be alike are not sure of themselves.
    """
    whole = both.sum(axis=0)
    mean, more = whole[A] / whole[B], PRIOR_ROWS * whole[BB] / whole[B]
    usual = (whole[AA] - 2 * mean * whole[AB] + mean**2 * whole[BB]) / whole[B]
    ratio = (both[:, A] + more * mean) / (both[:, B] + more)
    left = both[:, AA] - 2 * ratio * both[:, AB] + ratio**2 * both[:, BB] + more * usual
    return np.asarray(np.maximum(left, 0.0) / (both[:, B] + more))


def _influences(side: Sliced, slopes: tuple[Array, Array], other: Sliced) -> tuple[Influences, Influences | None]:
    """What the rows of a window, and those of the grains before it, add to the errors."""
    unit = _unit(side.total + other.total)

    def of(sums: Array) -> Influences:
        by_grain = sums[:, :, B]
        whole = by_grain.sum(axis=1)
        groups = by_grain.shape[1]
        # a rate is told by the slice's own rows, all else by all of them
        everything = np.broadcast_to(whole, (groups, len(whole)))
        size = np.vstack([by_grain.T, everything, by_grain.T, everything[:1].repeat(len(TOTALS), axis=0)])
        moments = sums[:, :, AA].sum(axis=0), sums[:, :, AB].sum(axis=0), sums[:, :, BB].sum(axis=0)
        return influences(*slopes, sums[:, :, A], by_grain, moments, size, unit)

    found = of(side.sums)
    if side.entities is not None:
        users = of(side.entities)
        found = Influences(found.rows, found.grains, found.size, (users.grains, users.size))
    return found, of(side.before) if len(side.before) > 1 else None
