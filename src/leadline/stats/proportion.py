"""Intervals for shares: accuracy, precision, recall, and F1 by way of a share."""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv, ndtr

from leadline.stats.arrays import Each, Floats, Number, floats, plain, require

Z95 = 1.959963984540054
TAIL = 1.2
"""Of the two-sided error (5 %), this multiple may fall on one side where the other cannot err: 6 % of 5 %."""


def wilson(hits: Number, n: Number, critical: Each = Z95) -> tuple[Number, Number]:
    """Two-sided score interval for a share.

    hits      rows that count, 0 <= hits <= n; real-valued, so that weighted or clustered rows can come as n_eff
    n         rows seen, or the effective number of rows, > 0
    critical  quantile of the normal or t distribution, > 0; 1.96 makes a 95 % interval

    Returns low and high in [0, 1], low <= hits / n <= high; never of width 0.
    Raises ValueError outside those ranges.
    Assumes independent rows; for rows that share a day or a user divide hits and n by the design effect.
    Metrics use `share_interval`.
    Source: Wilson (1927), JASA 22, 209-212; no continuity correction.

    >>> low, high = wilson(8, 10)
    >>> round(low, 4), round(high, 4)
    (0.4902, 0.9433)
    """
    k, m = floats(hits), floats(n)
    require(
        (m > 0) & (k >= 0) & (k <= m) & np.isfinite(m) & (floats(critical) > 0), "wilson needs 0 <= hits <= n, n > 0"
    )
    share, z2 = k / m, critical * critical
    centre = (share + z2 / (2 * m)) / (1 + z2 / m)
    half = critical * np.sqrt(share * (1 - share) / m + z2 / (4 * m * m)) / (1 + z2 / m)
    low = np.where(k == 0, 0.0, np.minimum(np.maximum(centre - half, 0.0), share))
    high = np.where(k == m, 1.0, np.maximum(np.minimum(centre + half, 1.0), share))
    return plain(low), plain(high)


def share_interval(hits: Number, n: Number, critical: Each = Z95) -> tuple[Number, Number]:
    """The interval that metrics show for a share: `wilson`, held to its promise where few rows count.

    Arguments and errors as in `wilson`.

    With about one hit expected, Wilson's lower end lies too high: coverage .916 (n p = 1) and .84 (n p = .18). Here it
    is at most the exact binomial limit with a tail of 6 %, and likewise at the upper end with few misses. Coverage for
    n p from 0 to 2 then is .940 at least; the interval is at most 4 % wider, and Wilson's from 7 hits and misses on.
    Source: the idea is the modified Wilson of Brown, Cai, DasGupta (2001), Stat. Sci. 16, 101-133, made continuous in
    hits, as effective numbers are not whole.

    >>> low, high = share_interval(1, 1000)
    >>> round(low, 6), round(wilson(1, 1000)[0], 6), high == wilson(1, 1000)[1]
    (6.2e-05, 0.000177, True)
    """
    k, m = floats(hits), floats(n)
    low, high = wilson(k, m, critical)
    tail = TAIL * 2 * ndtr(-floats(critical))
    floor, ceiling = _exact_low(k, m, tail), 1 - _exact_low(m - k, m, tail)
    return plain(np.minimum(low, floor)), plain(np.maximum(high, ceiling))


def jaccard_wilson(tp: Number, fp: Number, fn: Number, deff: Each = 1.0, critical: Each = Z95) -> tuple[Number, Number]:
    """Two-sided interval for F1 = 2 TP / (2 TP + FP + FN).

    tp, fp, fn  rows, each >= 0, not all 0; real-valued for weighted rows
    deff        design effect > 0 of the share TP / (TP + FP + FN); 1 for independent rows
    critical    quantile of the normal or t distribution, > 0

    Returns low and high in [0, 1] around F1. Raises ValueError outside those ranges.
    Assumes that, given TP + FP + FN, TP is binomial: J = TP / (TP + FP + FN) is a share, and F1 = 2 J / (1 + J)
    rises with it. (Dice and the Jaccard index itself are the same.)
    Source: `share_interval` on J; METHODS §4, simulated in tests/stats.

    >>> low, high = jaccard_wilson(40, 10, 20)
    >>> round(low, 3), round(80 / 110, 3), round(high, 3)
    (0.625, 0.727, 0.81)
    """
    union = floats(tp) + floats(fp) + floats(fn)
    require(
        (floats(tp) >= 0) & (floats(fp) >= 0) & (floats(fn) >= 0) & (floats(deff) > 0),
        "counts >= 0 and deff > 0 needed",
    )
    low, high = share_interval(floats(tp) / deff, union / deff, critical)
    return plain(2 * low / (1 + low)), plain(2 * high / (1 + high))


def _exact_low(hits: Floats, n: Floats, tail: Floats) -> Floats:
    """The share at which `hits` or more have the chance `tail`; 0 without hits (Clopper and Pearson)."""
    some = hits > 0
    return np.asarray(np.where(some, betaincinv(np.where(some, hits, 1.0), n - hits + 1, tail), 0.0))
