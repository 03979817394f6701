"""Quantiles of a positive quantity (absolute error, latency) from a histogram with fixed edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from leadline.stats.arrays import Floats, floats, require
from leadline.stats.proportion import Z95


def quantile(counts: ArrayLike, edges: ArrayLike, q: float) -> tuple[float, float]:
    """The q-quantile, rounded up to the end of its bin, and how much too high that may be.

    counts   rows (or weights) by bin, shape (bins,), >= 0, not all 0
    edges    shape (bins + 1,), rising, finite but perhaps the last; bin b holds edges[b] < x <= edges[b + 1] or
             edges[b] <= x < edges[b + 1]: both ends are counted to it
    q        in (0, 1)

    Returns (value, bound): the smallest x with a share of at least q at or below it lies in [value - bound, value].
    Raises ValueError outside those ranges, and where the quantile lies in a last bin without an end.

    >>> quantile([5, 4, 1], [0.0, 1.0, 2.0, 4.0], 0.9)
    (2.0, 1.0)
    """
    rows, ends = _histogram(counts, edges, q)
    place = _bin(rows, q * rows.sum())
    require(np.isfinite(ends[place + 1]), "the quantile lies in the last bin, which has no end")
    return float(ends[place + 1]), float(ends[place + 1] - ends[place])


def quantile_interval(
    counts: ArrayLike, edges: ArrayLike, q: float, critical: float = Z95, deff: float = 1.0
) -> tuple[float, float]:
    """Two-sided interval for the q-quantile: ranks n q ± critical · sqrt(n q (1 - q)), read off the histogram.

    counts, edges, q   as in `quantile`
    critical           quantile of the normal or t distribution, > 0
    deff               design effect > 0 of the share of rows below the quantile

    Returns (low, high), low the start and high the end of a bin, so the bins only widen it. high is inf where even the
    highest row may well lie below the quantile (n too small for q), or where it falls into a last bin without an end.
    Raises ValueError outside those ranges.
    Assumes independent rows (deff 1). Source: the score test of the share q at each x, inverted (order statistics,
    Conover (1999) 3.2). Wilson's ends are not used: they take the variance at the wrong share.

    >>> quantile_interval([50, 40, 10], [0.0, 1.0, 2.0, 4.0], 0.5)
    (0.0, 2.0)
    >>> quantile_interval([5, 4, 1], [0.0, 1.0, 2.0, 4.0], 0.9)
    (1.0, inf)
    """
    rows, ends = _histogram(counts, edges, q)
    require(deff > 0 and critical > 0, "deff and critical must be > 0")
    passed = np.cumsum(rows)
    n = float(passed[-1])
    away = critical * float(np.sqrt(deff * n * q * (1 - q)))
    above = np.flatnonzero(passed > n * q + away)
    return float(ends[_bin(rows, n * q - away)]), float(ends[above[0] + 1]) if len(above) else float("inf")


def _histogram(counts: ArrayLike, edges: ArrayLike, q: float) -> tuple[Floats, Floats]:
    rows, ends = floats(counts), floats(edges)
    require(rows.ndim == 1 and len(ends) == len(rows) + 1, "edges: one more than bins")
    require((rows >= 0).all() and rows.sum() > 0 and (np.diff(ends) > 0).all(), "counts >= 0, edges rising")
    require(0 < q < 1 and np.isfinite(ends[:-1]).all(), "q must lie in (0, 1) and the edges be finite")
    return rows, ends


def _bin(rows: Floats, rank: float) -> int:
    """The first filled bin at whose end `rank` rows have passed."""
    passed = np.cumsum(rows)
    place = int(np.searchsorted(passed, min(rank, float(passed[-1])) * (1 - 1e-12)))
    return int(place + np.argmax(rows[place:] > 0))
