"""How much more a figure varies from look to look than independent rows would, from earlier looks alone.

A detector that bets as if rows were independent cries wolf where they are not: rows of one week share the week's
weather, campaign, outage. Its growth is therefore divided by phi, the variance between looks over that within them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri, erf

from leadline.stats.arrays import Floats, floats, require

LEARNING = 5
"""Looks with a figure that must lie before the first one that is fed."""
CONFIDENCE = 0.9
"""Chance with which phi is at least the truth, where looks differ independently."""


def overdispersion(shares: ArrayLike, variances: ArrayLike, floor: ArrayLike | None = None) -> Floats:
    """By which phi >= 1 the growth of each look is to be divided, told from the looks before it.

    shares      the look's figure (a share, a mean loss, an AUC), shape (..., looks); NaN where a look has none
    variances   its variance if rows were independent, >= 0; not read where the figure is NaN
    floor       a lower bound for phi by look, such as the design effect of entities; NaN where there is none. It must
                be known before the look as well.

    Returns phi, shape (..., looks); NaN where fewer than `LEARNING` earlier looks have a figure: such a look cannot be
    fed. Raises ValueError outside those ranges.

    From squared steps between neighbouring looks, d² = (x_i - x_{i-1})² / (v_i + v_{i-1}), so that a lasting change of
    level counts once, and without the largest of them, so that it does not count at all. With k steps,
    phi = 90 % upper bound of (Σ d² - max d²) / (k - E[max of k χ²₁]), which is about χ²_ν / ν with
    ν = 2 k² / (3 k - 1) - 1.35 / k: the first part is von Neumann's for successive steps, the second, for the one left
    out, fitted to simulated quantiles (within 2 % of them from k = 3 on).
    A step between two looks without any variance (no errors at all) counts 1, what independent rows give on average.

    Assumes that looks differ independently from one another. Slow waves over many looks are seen in part only: they
    are changes, and are reported as such. Simulated in tests/stats; see docs/explanation/detector.md.
    Source: von Neumann et al. (1941), Ann. Math. Stat. 12, 153-162; tempering: METHODS §3.1.

    >>> week = np.array([0.10, 0.12, 0.09, 0.11, 0.10, 0.12, 0.11, 0.30])
    >>> overdispersion(week, week * (1 - week) / 200).round(2).tolist()
    [nan, nan, nan, nan, nan, 3.96, 2.82, 1.86]
    """
    figure, variance = np.broadcast_arrays(floats(shares), floats(variances))
    known = ~np.isnan(figure)
    require(figure.ndim > 0, "figures by look are needed")
    require(~known | (np.isfinite(figure) & np.isfinite(variance) & (variance >= 0)), "variances must be >= 0")
    step = _squared_steps(figure, variance, known)
    looks = figure.shape[-1]
    steps = np.cumsum(~np.isnan(step), axis=-1)
    kept = np.cumsum(np.nan_to_num(step), axis=-1) - np.fmax.accumulate(np.nan_to_num(step), axis=-1)
    phi = np.maximum(kept * _upper(looks)[steps], 1.0)
    earlier = np.full(figure.shape, np.nan)
    earlier[..., 1:] = np.where(np.cumsum(known, axis=-1) >= LEARNING, phi, np.nan)[..., :-1]
    if floor is None:
        return earlier
    return np.where(np.isnan(earlier), np.nan, np.fmax(earlier, floats(floor)))


def _squared_steps(figure: Floats, variance: Floats, known: NDArray[np.bool_]) -> Floats:
    """d² from the last look with a figure to this one; NaN where there is no such step."""
    place = np.where(known, np.arange(figure.shape[-1]), -1)
    before = np.full(figure.shape, -1)
    before[..., 1:] = np.maximum.accumulate(place, axis=-1)[..., :-1]
    there = np.maximum(before, 0)
    step = figure - np.take_along_axis(figure, there, -1)
    usual = variance + np.take_along_axis(variance, there, -1)
    squared = np.divide(step * step, usual, out=np.ones_like(step), where=usual > 0)
    return np.where(known & (before >= 0), squared, np.nan)


@lru_cache(maxsize=8)
def _upper(looks: int) -> Floats:
    """What the sum of k steps but the largest is multiplied by, for k = 0 ... looks; read only from k = 2 on."""
    k = np.arange(2.0, looks + 1)
    freedom = 2 * k * k / (3 * k - 1) - 1.35 / k
    factor = freedom / chdtri(freedom, CONFIDENCE) / (k - _largest(k))
    table = np.concatenate([[0.0, 0.0], factor])[: looks + 1]
    table.flags.writeable = False
    return table


def _largest(k: Floats) -> Floats:
    """Mean of the largest of k squared standard normal numbers: ∫ (1 - P(|Z| < z)^k) 2z dz."""
    node, weight = np.polynomial.legendre.leggauss(200)
    z = 6 * (node + 1)
    below = erf(z / np.sqrt(2))
    missing = -np.expm1(k[:, None] * np.log(below))
    return np.asarray(missing @ (6 * weight * 2 * z))
