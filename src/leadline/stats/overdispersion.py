"""How much more a figure varies from look to look than independent rows would, from earlier looks alone.

A detector that bets as if rows were independent cries wolf where they are not: rows of one week share the week's
weather, campaign, outage. Its growth is therefore divided by phi, the variance between looks over that within them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri, erfc, gammaln

from leadline.stats.arrays import Floats, floats, require

LEARNING = 6
"""Looks with a figure that must lie before the first one that is fed. At their limit, with phi of 3 to 50, .033 of
streams alarm in the first year if it is 3, .020 if it is 6, no fewer if it is 8 or 12 (budget .05)."""
MEMORY = 104
"""Looks that are looked back on: two years of weeks."""
STEPS_PER_INCIDENT = 12
"""One step is left out, and one more for each so many steps: an incident that came and went has two large ones."""


def overdispersion(
    shares: ArrayLike, variances: ArrayLike, floor: ArrayLike | None = None, confidence: float = 0.9
) -> Floats:
    """By which phi >= 1 the growth of each look is to be divided, told from the looks before it.

    shares       the look's figure (a share, a mean loss, an AUC), shape (..., looks); NaN where a look has none
    variances    its variance if rows were independent, >= 0; not read where the figure is NaN
    floor        a lower bound for phi by look, such as the design effect of entities; NaN where there is none. It must
                 be known before the look as well.
    confidence   chance, in (0, 1), with which phi is at least the truth; `confidence_among` for many streams. With .8
                 changes are found a tenth to a fifth sooner, but nothing is left of the budget (first year at the
                 limit, phi 3 to 50: .021 to .034 instead of .009 to .016 of .05) for looks that go in waves.

    Returns phi, shape (..., looks); NaN where fewer than `LEARNING` earlier looks have a figure: such a look cannot be
    fed. Raises ValueError outside those ranges.

    From squared steps between neighbouring looks, d² = (x_i - x_{i-1})² / (v_i + v_{i-1}), so that a lasting change of
    level counts once, and without the largest t = 1 + k // 12 of the k steps of the last `MEMORY` looks, so that
    neither it nor an incident that came and went counts at all. phi is the upper bound of
    (Σ d² - Σ of the t largest) / (k - E[the t largest of k χ²₁]), which is distributed about as χ²_ν / ν with
    ν = 2 k² / (3 k - 1) - 1.35 / k - 0.9 (t - 1): the first part is von Neumann's for successive steps, the others are
    fitted to simulated quantiles.
    A step between two looks without any variance (no errors at all) counts 1, what independent rows give on average.

    Assumes that looks differ independently from one another, and that 5 errors or more are expected in a look at the
    limit: rare bursts among looks without any error pass for incidents. Slow waves over many looks are seen in part
    only: they are changes, and are reported as such. Simulated in tests/stats; see docs/explanation/detector.md.
    Source: von Neumann et al. (1941), Ann. Math. Stat. 12, 153-162; tempering: METHODS §3.1. The trimming is ours.

    >>> week = np.array([0.10, 0.12, 0.09, 0.11, 0.10, 0.12, 0.11, 0.30])
    >>> overdispersion(week, week * (1 - week) / 200).round(2).tolist()
    [nan, nan, nan, nan, nan, nan, 2.82, 1.86]
    """
    figure, variance = np.broadcast_arrays(floats(shares), floats(variances))
    known = ~np.isnan(figure)
    require(figure.ndim > 0, "figures by look are needed")
    require(~known | (np.isfinite(figure) & np.isfinite(variance) & (variance >= 0)), "variances must be >= 0")
    require(0 < confidence < 1, "confidence must lie in (0, 1)")
    step = _squared_steps(figure, variance, known)
    looks = figure.shape[-1]
    phi = np.full(figure.shape, np.nan)
    for look in range(LEARNING, looks):
        recent = np.sort(step[..., max(look - MEMORY, 0) : look], axis=-1)  # NaN last
        steps = (~np.isnan(recent)).sum(-1)
        kept = steps - _left_out(steps)
        below = np.where(np.arange(recent.shape[-1]) < kept[..., None], recent, 0.0).sum(-1)
        upper = below * _factors(confidence)[steps]
        phi[..., look] = np.where(steps >= LEARNING - 1, np.maximum(upper, 1.0), np.nan)
    return phi if floor is None else np.where(np.isnan(phi), np.nan, np.fmax(phi, floats(floor)))


def confidence_among(streams: int) -> float:
    """The confidence for phi that `e_bonferroni` needs among so many streams, >= 1: 1 - 0.1 / streams^(1/3).

    A phi that is too small harms most where much evidence is asked for: among 200 slices, all at their limit, with a
    true phi of 3, nine in ten is not sure enough (false alarms .08 a year instead of .025), and .983 is.

    >>> [round(confidence_among(streams), 3) for streams in (1, 20, 200)]
    [0.9, 0.963, 0.983]
    """
    require(streams >= 1, "there must be a stream")
    return float(1 - 0.1 / streams ** (1 / 3))


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


def _left_out(steps: NDArray[np.int_]) -> NDArray[np.int_]:
    return np.asarray(1 + steps // STEPS_PER_INCIDENT)


@lru_cache(maxsize=8)
def _factors(confidence: float) -> Floats:
    """What the sum of k steps but the largest is multiplied by, for k = 0 ... MEMORY; read only from k = 3 on."""
    k = np.arange(3, MEMORY + 1)
    left = _left_out(k)
    freedom = 2 * k * k / (3 * k - 1) - 1.35 / k - 0.9 * (left - 1)
    largest = np.array([_largest(int(steps), int(count)) for steps, count in zip(k, left, strict=True)])
    table = np.concatenate([[0.0, 0.0, 0.0], freedom / chdtri(freedom, confidence) / (k - largest)])
    table.flags.writeable = False
    return table


def _largest(steps: int, count: int) -> float:
    """Mean sum of the `count` largest of so many squared standard normal numbers Z².

    That is the integral over z of 2z E[min(count, how many |Z| exceed z)], a binomial number.
    """
    width = 0.01
    z = np.arange(width / 2, 12, width)  # midpoints; beyond 12 there is nothing
    exceeding = np.arange(count)[:, None]
    chance = erfc(z / np.sqrt(2))
    fewer = np.exp(
        gammaln(steps + 1) - gammaln(exceeding + 1) - gammaln(steps - exceeding + 1)
        + exceeding * np.log(chance) + (steps - exceeding) * np.log1p(-chance)
    )  # fmt: skip
    return float((count - ((count - exceeding) * fewer).sum(axis=0)) @ (2 * z * width))
