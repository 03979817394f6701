"""How labels arrive: how complete they are at an age, read from a delay triangle (chain ladder)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from leadline.stats.arrays import Floats, floats, require


def development_factors(cumulative: ArrayLike) -> Floats:
    """f_k = Σ_i C[i, k+1] / Σ_i C[i, k] over the cohorts that have reached age k + 1 (chain ladder).

    cumulative   C[i, k]: what has come of cohort i up to age k, shape (cohorts, ages); NaN where the age is not reached

    Returns shape (ages - 1,); infinite where nothing had come by age k of what came by k + 1, 1 where nothing ever did.
    Raises ValueError where it is no triangle of two ages at least. Assumes that cohorts develop alike.
    Source: Mack (1993), ASTIN Bulletin 23, 213-225, whose example is tested.

    >>> development_factors([[10, 15, 18], [20, 30, float("nan")]]).tolist()
    [1.5, 1.2]
    """
    found = floats(cumulative)
    require(found.ndim == 2 and found.shape[1] > 1, "a triangle has cohorts and at least two ages")
    reached = np.isfinite(found[:, 1:])
    later = np.where(reached, found[:, 1:], 0.0).sum(axis=0)
    earlier = np.where(reached, found[:, :-1], 0.0).sum(axis=0)
    grown = np.divide(later, earlier, out=np.full(len(later), np.inf), where=earlier > 0)
    return np.where((earlier <= 0) & (later <= 0), 1.0, grown)


def at_risk(counts: ArrayLike) -> tuple[Floats, Floats]:
    """What came in each step, and what had come by its end, of the cohorts for which the step is over.

    counts   labels by how many steps are over for their cohort (0..steps) and by the step in which they came, shape
             (steps + 1, steps, ...). A label of a step that is not over for its cohort is left out: it says when the
             others of its step come, but not how many

    Returns came and known, shape (steps, ...) each, 0 <= came <= known.
    They are all that `completeness` needs, and add over logs and slices. 1 - came / known is 1 / f of the chain ladder.

    >>> came, known = at_risk([[0, 0], [4, 1], [6, 3]])  # the step of the 1 is not over
    >>> came.tolist(), known.tolist()
    ([10.0, 3.0], [10.0, 9.0])
    """
    each = floats(counts)
    steps = each.shape[1]
    require(each.shape[0] == steps + 1, "counts need a row for 0, 1, ... up to all steps")
    over = np.arange(steps + 1)[:, None] > np.arange(steps)
    shape = over.shape + (1,) * (each.ndim - 2)
    came = (each * over.reshape(shape)).sum(axis=0)
    known = (np.cumsum(each, axis=1) * over.reshape(shape)).sum(axis=0)
    came = np.maximum(came, 0.0)  # a label that was taken back is one less
    return came, np.maximum(known, came)


def completeness(came: ArrayLike, known: ArrayLike) -> Floats:
    """The share of the labels that come at all, within the ages seen, that have come after each number of steps.

    came, known   as from `at_risk`, shape (steps, ...)

    Returns shape (steps + 1, ...), rising from 0 to 1 where any label came; all 1 where none did.
    F(a) = Π_{k >= a} (1 - came_k / known_k). Labels later than the oldest cohort is old have not been seen: the share
    is of those that come within that age. Assumes that delays do not change with the cohort.
    Source: the chain ladder (Mack 1993), which is the product-limit estimate for delays that are truncated on the right
    (Lagakos, Barraj, De Gruttola 1988, Biometrika 75, 515-523).

    >>> [round(float(share), 3) for share in completeness([10, 3], [10, 9])]
    [0.0, 0.667, 1.0]
    """
    arrived, seen = floats(came), floats(known)
    stay = 1.0 - np.divide(arrived, seen, out=np.zeros_like(arrived), where=seen > 0)
    last = np.ones((1, *stay.shape[1:]))
    return np.concatenate([np.cumprod(stay[::-1], axis=0)[::-1], last])


def completeness_variance(came: ArrayLike, known: ArrayLike, dispersion: float = 1.0) -> Floats:
    """Variance of `completeness`, shape (steps + 1, ...), by the delta method (Greenwood's formula, read backwards).

    came, known   as from `at_risk`
    dispersion    how many times the binomial variance cohorts differ, >= 1 (`dispersion`)

    0 where the share is 0 or 1 for certain. Its simulated coverage is in tests/stats.

    >>> variance = completeness_variance([10, 3], [10, 9])
    >>> round(float(variance[1]), 4)  # that of 6 of 9: 2/3 · 1/3 / 9
    0.0247
    """
    require(dispersion >= 1, "dispersion must be >= 1")
    arrived, seen = floats(came), floats(known)
    rest = seen - arrived
    each = np.divide(arrived, seen * rest, out=np.zeros_like(arrived), where=(seen > 0) & (rest > 0))
    later = np.concatenate([np.cumsum(each[::-1], axis=0)[::-1], np.zeros((1, *each.shape[1:]))])
    return np.asarray(dispersion * completeness(arrived, seen) ** 2 * later)


def dispersion(counts: ArrayLike, over: ArrayLike) -> float:
    """How many times the binomial variance the cohorts' arrivals differ (Pearson), at least 1.

    counts   labels by cohort and step, shape (cohorts, steps)
    over     how many steps are over for each cohort, shape (cohorts,)

    1 where there are not two cohorts to compare. Where it is large, whole days' labels come late together.

    >>> dispersion([[50, 50], [50, 50], [50, 50]], [2, 2, 2])
    1.0
    >>> round(dispersion([[90, 10], [10, 90], [50, 50]], [2, 2, 2]), 2)
    64.0
    """
    each, whole = floats(counts), floats(over)
    known = np.cumsum(each, axis=1)
    usable = (np.arange(each.shape[1]) < whole[:, None]) & (known > 0) & (each >= 0)
    came, seen = np.where(usable, each, 0.0), np.where(usable, known, 0.0)
    total = seen.sum(axis=0)
    share = np.divide(came.sum(axis=0), total, out=np.zeros(len(total)), where=total > 0)
    spread = seen * share * (1 - share)
    told = spread > 0
    free = float((told.sum(axis=0) - 1).clip(min=0).sum())
    if not free:
        return 1.0
    off = np.divide((came - seen * share) ** 2, spread, out=np.zeros_like(spread), where=told)
    return max(1.0, float(off.sum()) / free)


def drawn_completeness(
    came: ArrayLike, known: ArrayLike, draws: int, rng: np.random.Generator, dispersion: float = 1.0
) -> Floats:
    """`completeness` as it might have come out: shape (draws, steps + 1, ...).

    Each step's share is drawn from its binomial distribution with known / dispersion trials; steps of a product-limit
    estimate are uncorrelated, so that they are drawn one by one. Arguments as in `completeness_variance`.

    >>> drawn_completeness([10, 3], [10, 9], 2, np.random.default_rng(0)).shape
    (2, 3)
    """
    arrived, seen = floats(came), floats(known)
    share = np.divide(arrived, seen, out=np.zeros_like(arrived), where=seen > 0)
    trials = np.maximum(np.rint(seen / dispersion), (seen > 0)).astype(np.int64)
    again = rng.binomial(trials, share, size=(draws, *share.shape))
    stay = 1.0 - np.divide(again, trials, out=np.zeros(again.shape), where=trials > 0)
    last = np.ones((draws, 1, *share.shape[1:]))
    return np.concatenate([np.cumprod(stay[:, ::-1], axis=1)[:, ::-1], last], axis=1)
