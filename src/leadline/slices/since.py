"""Since when a slice is worse than the other rows: always, or since a grain of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leadline.stats.arrays import Floats, floats, require

#: grains before and after a change, at least: one bad day is not since then
LEAST_GRAINS = 3
#: by how much the best change has to lower the weighted sum of squares, in units of the variance
CLEAR = 15.0
#: changes that are this much worse may have been when it began, too: twice the logarithm of the likelihood, 95 %
NEAR = 3.84


@dataclass(frozen=True, slots=True)
class Began:
    """When the distance between a slice and the other rows grew.

    place          the first grain with the larger distance
    first, last    the grains in which it may just as well have grown
    before, after  the mean distance up to then, and since
    worse          whether the slice was worse than the others before, too, by more than chance
    """

    place: int
    first: int
    last: int
    before: float
    after: float
    worse: bool


def began(gap: Floats, size: Floats, variance: float) -> Began | None:
    """The grain since which the slice is further away from the other rows; None where there is no telling one.

    gap       mean error of the slice less that of the other rows, by grain in the order of time; NaN where either has
              no rows
    size      what each grain's gap weighs, >= 0: n m / (n + m) of the rows of both
    variance  of a row's error, >= 0: a gap's own is variance / size, or more

    The one change of level that explains most, where it explains 15 times the variance and the level grows. The
    variance is that of the gaps around both levels, so that days that differ by themselves need a larger change; of
    slices whose distance is the same throughout at most 1 in 100 is said to have begun (simulated in tests/slices).
    Raises ValueError outside those ranges. Assumes grains that do not move together.
    Source: least squares for one change of mean; Hawkins (1977), JASA 72, 180-186.

    >>> began(np.array([0.0] * 6 + [0.5] * 4), np.full(10, 400.0), 0.1).place
    6
    """
    gaps, weight = floats(gap), floats(size)
    require(gaps.shape == weight.shape and gaps.ndim == 1, "one gap and size a grain")
    require((weight >= 0).all() and np.isfinite(weight).all() and variance >= 0, "sizes and variance must be >= 0")
    known = np.flatnonzero(np.isfinite(gaps) & (weight > 0))
    if len(known) < 2 * LEAST_GRAINS:
        return None
    y, w = gaps[known], weight[known]
    total, summed = np.cumsum(w), np.cumsum(w * y)
    splits = np.arange(LEAST_GRAINS, len(y) - LEAST_GRAINS + 1)
    w0, w1 = total[splits - 1], total[-1] - total[splits - 1]
    before, after = summed[splits - 1] / w0, (summed[-1] - summed[splits - 1]) / w1
    gain = np.where(after > before, w0 * w1 / total[-1] * (after - before) ** 2, 0.0)
    best = int(np.argmax(gain))
    levels = np.where(np.arange(len(y)) < splits[best], before[best], after[best])
    spread = max(float(w @ (y - levels) ** 2) / (len(y) - 2), variance)
    if spread <= 0 or gain[best] < CLEAR * spread:
        return None
    near = splits[gain > gain[best] - NEAR * spread]
    worse = before[best] > 2 * np.sqrt(spread / w0[best])
    first, place, last = (int(known[split]) for split in (near[0], splits[best], near[-1]))
    return Began(place, first, last, float(before[best]), float(after[best]), bool(worse))
