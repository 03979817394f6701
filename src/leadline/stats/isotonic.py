"""Isotonic regression by pooling adjacent violators."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from leadline.stats.arrays import Floats, floats, require


def isotonic(totals: ArrayLike, weights: ArrayLike) -> Floats:
    """The non-decreasing steps that are nearest to the means totals / weights, by squares weighted with `weights`.

    totals    Σ weight · y by bin, in rising order of the bins, shape (bins,)
    weights   Σ weight by bin, >= 0, some above 0; a bin of weight 0 has no step of its own

    Returns shape (bins,), NaN in bins of weight 0; Σ weight · step = Σ totals.
    Raises ValueError outside those ranges.
    Source: Ayer et al. (1955), Ann. Math. Stat. 26, 641-647; equals sklearn.isotonic.isotonic_regression.

    >>> isotonic([1, 0, 3], [1, 1, 3]).tolist()
    [0.5, 0.5, 1.0]
    """
    total, weight = floats(totals), floats(weights)
    require(total.shape == weight.shape and weight.ndim == 1, "totals and weights need the same bins")
    require((weight >= 0).all() and weight.sum() > 0 and np.isfinite(total).all(), "weights must be >= 0, some above")
    filled = np.flatnonzero(weight)
    # blocks that have been pooled so far, each with its sums and its number of bins; their means rise
    sums: list[float] = []
    sizes: list[float] = []
    bins: list[int] = []
    for added, width in zip(total[filled].tolist(), weight[filled].tolist(), strict=True):
        value, size, count = added, width, 1
        while sums and sums[-1] * size >= value * sizes[-1]:
            value += sums.pop()
            size += sizes.pop()
            count += bins.pop()
        sums.append(value)
        sizes.append(size)
        bins.append(count)
    steps = np.full(total.shape, np.nan)
    steps[filled] = np.repeat(np.array(sums) / np.array(sizes), bins)
    return steps
