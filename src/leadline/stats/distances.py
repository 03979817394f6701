"""How far two histograms lie apart, and how far they would by chance alone.

p and q are shares of the bins, shape (..., k), 0 or more, adding up to 1; further axes are worked out at once. For
descriptions only: nothing here is a test. Under "no change" both histograms are drawn from the same shares, n and m
independent rows, and h = 1 / n + 1 / m.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

Array = NDArray[np.float64]


def largest_difference(p: Array, q: Array) -> Array:
    """L∞: the largest difference of two shares, in [0, 1]. Breck et al. (2019), Data validation for machine learning.

    >>> round(float(largest_difference(np.array([0.5, 0.5]), np.array([0.8, 0.2]))), 12)
    0.3
    """
    return np.asarray(np.abs(p - q).max(axis=-1))


def total_variation(p: Array, q: Array) -> Array:
    """Half of L1, in [0, 1]: the share of the rows that would have to change their bin.

    >>> round(float(total_variation(np.array([0.5, 0.5]), np.array([0.8, 0.2]))), 12)
    0.3
    """
    return np.asarray(np.abs(p - q).sum(axis=-1) / 2)


def absolute_difference(p: Array, q: Array) -> Array:
    """L1: the sum of the differences of all shares, in [0, 2]."""
    return 2 * total_variation(p, q)


def wasserstein(p: Array, q: Array, at: Array) -> Array:
    """First Wasserstein (earth mover's) distance of rows that all lie at the bins' places, in the units of `at`.

    at   where the bins lie, rising, shape (k,)

    >>> float(wasserstein(np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([2.0, 5.0])))
    3.0
    """
    apart = np.abs(np.cumsum(p - q, axis=-1)[..., :-1])
    return np.asarray((apart * np.diff(at)).sum(axis=-1))


def js_divergence(p: Array, q: Array) -> Array:
    """Jensen-Shannon divergence in nats, in [0, ln 2]. Lin (1991), IEEE Trans. Inf. Theory 37, 145-151.

    >>> round(float(js_divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0]))), 4)
    0.6931
    """
    middle = np.where((p + q) > 0, (p + q) / 2, 1.0)
    found = xlogy(p, p / middle) + xlogy(q, q / middle)  # exactly 0 where they are equal
    return np.asarray(np.maximum(found.sum(axis=-1) / 2, 0.0))


def js_distance(p: Array, q: Array) -> Array:
    """Root of the Jensen-Shannon divergence in nats, in [0, sqrt(ln 2)]: a metric.

    The same with logarithms to base 2, as some libraries take them, is 1.2011 times as large.
    """
    return np.asarray(np.sqrt(js_divergence(p, q)))


def hellinger(p: Array, q: Array) -> Array:
    """Hellinger distance, in [0, 1].

    >>> float(hellinger(np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    1.0
    """
    return np.asarray(np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum(axis=-1) / 2))


def psi(p: Array, q: Array, n: Array | float, m: Array | float) -> Array:
    """Population stability index Σ (p - q) ln(p / q), 0 or more, with half a row added to each bin.

    n, m   rows of p and of q, shape (...)

    Only bins that have rows on either side count.
    """
    used = (p > 0) | (q > 0)
    bins = used.sum(axis=-1)

    def smoothed(shares: Array, rows: Array | float) -> Array:
        size = np.asarray(rows, np.float64)[..., None]
        return np.where(used, (shares * size + 0.5) / (size + bins[..., None] / 2), 1.0)

    ours, theirs = smoothed(p, n), smoothed(q, m)
    return np.asarray(((ours - theirs) * np.log(ours / theirs)).sum(axis=-1))


# How far apart they are on average where nothing changed ------------------------------------------------------------


def usual_total_variation(p: Array, h: float) -> float:
    """Mean of the total variation under no change; within 1 % where every bin expects 5 rows or more.

    >>> round(usual_total_variation(np.full(4, 0.25), 0.01), 4)
    0.0691
    """
    return float(np.sqrt(2 / np.pi) / 2 * np.sqrt(p * (1 - p) * h).sum())


def usual_wasserstein(p: Array, at: Array, h: float) -> float:
    """Mean of the Wasserstein distance under no change, in the units of `at`; within 2 %."""
    below = np.cumsum(p)[:-1]
    spread = np.sqrt(np.maximum(below * (1 - below), 0.0) * h)
    return float(np.sqrt(2 / np.pi) * (spread * np.diff(at)).sum())


def usual_js_divergence(k: int, h: float) -> float:
    """Mean of the Jensen-Shannon divergence of k bins under no change; within 2 % where every bin expects 5 rows.

    Its root is the mean of the Jensen-Shannon and of the Hellinger distance, within 3 %.
    """
    return (k - 1) * h / 8


def usual_psi(k: int, h: float) -> float:
    """Mean of the population stability index of k bins under no change; within 2 % where every bin expects 5 rows.

    >>> usual_psi(11, 0.01)
    0.1
    """
    return (k - 1) * h


def usual_largest_difference(p: Array, h: float, rng: np.random.Generator, draws: int = 2000) -> float:
    """Mean of the largest difference under no change, by drawing normal differences; within 1 %."""
    drawn = rng.standard_normal((draws, len(p))) * np.sqrt(p)
    drawn -= p * drawn.sum(axis=1, keepdims=True)  # differences of shares add up to 0
    return float(np.abs(drawn).max(axis=1).mean() * np.sqrt(h))
