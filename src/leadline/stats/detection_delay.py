"""For planning: how long a detector takes to find a change, and how often it cries wolf, before there is either."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_ndtr, ndtr

from leadline.stats.arrays import floats, require
from leadline.stats.growth import growth_of_gains, share_gains

NEAR_BEST = 0.5
"""Share of the bets that do nearly as well as the best one. Chosen by simulation."""
AT_LIMIT = 0.3
"""Share of the budget that is used up by a model that just keeps its promise. Simulated: .02 to .1 where
rows are independent, .15 to .55 where they are not (phi 3 to 50)."""
LONGEST = 100_000
"""Looks beyond which the answer is not refined."""


def expected_looks(
    before: ArrayLike, after: ArrayLike, deviation: ArrayLike, alpha: float = 0.05, looks_a_year: float = 52
) -> float:
    """Looks, on average, from a change until `evidence` alarms; at least 1, inf for never.

    before, after   mean tempered growth of a look (growth / phi) up to the change and from then on, shape (bets,)
    deviation       standard deviation of the tempered growth of a look after the change, >= 0, shape (bets,)
    alpha           budget of false alarms a year, in (0, 1)
    looks_a_year    >= 1: a start weighs 1 / looks_a_year

    inf where no bet grows: a change smaller than half of that which the most careful bet is made for comes up late, by
    luck. Raises ValueError outside those ranges.

    The evidence of each bet after t looks is taken for a random walk with normal steps, and the expectation is
    Σ_t P(T > t) with the inverse Gaussian's P; so a change that is seen in one look takes 1. The wealth to come to is
    bets · looks_a_year / alpha, less what stakes on starts just before and after the change bring with them,
    Σ e^(-j drift), and less what `NEAR_BEST` of the bets have. (The plain ln(looks_a_year · bets / alpha) / drift is up
    to 2.3 times too long for small changes.) Within 30 % of simulated means up to 104 looks, for 50 to 2,000 rows and
    phi 1 to 3.
    Source: Lorden (1971), Ann. Math. Stat. 42, 1897-1908, for the leading term; Wald's first passage; rest ours.

    >>> round(expected_looks([-0.5], [2.0], [1.0]), 1), expected_looks([-0.5], [-0.1], [1.0])
    (3.5, inf)
    """
    fall, drift, step = floats(before), floats(after), floats(deviation)
    require(fall.ndim == 1 and fall.shape == drift.shape == step.shape, "one growth for each bet is needed")
    require(np.isfinite(fall) & np.isfinite(drift) & (step >= 0) & np.isfinite(step), "growth must be finite")
    require(0 < alpha < 1 and looks_a_year >= 1, "alpha must lie in (0, 1), looks_a_year be >= 1")
    bets, rising = len(drift), drift > 0
    if not rising.any():
        return math.inf
    fall, drift = fall[rising], drift[rising]
    step = np.maximum(step[rising], 1e-6 * drift)
    # of starts before the change no more than half a year's worth are left: that is also where nothing falls
    starts = 1 / np.expm1(np.clip(-fall, 2 / looks_a_year, 700.0)) - 1 / np.expm1(-drift)
    need = np.maximum(math.log(looks_a_year * bets / alpha) - math.log(max(bets * NEAR_BEST, 1)) - np.log(starts), 0.1)
    quickest = float(np.min(need / drift))
    if quickest > LONGEST:
        return quickest
    looks = np.arange(1, int(quickest) * 4 + 50)[:, None]
    spread = step * np.sqrt(looks)
    back = np.minimum(2 * drift * need / step**2 + log_ndtr(-(need + drift * looks) / spread), 0.0)
    waiting = ndtr((need - drift * looks) / spread) - np.exp(back)
    return float(1 + np.maximum(waiting, 0.0).sum(axis=0).min())


def expected_delay(
    limit: float,
    before: float,
    after: float,
    rows: float,
    overdispersion: float = 1.0,
    alpha: float = 0.05,
    looks_a_year: float = 52,
) -> float:
    """`expected_looks` for shares: accuracy, recall, precision, specificity, Jaccard index.

    limit            share of errors (1 - metric) that was promised not to be exceeded, in (0, 1)
    before, after    share of errors up to the change and from then on, in [0, 1]; before <= limit
    rows             rows of a look that the metric counts (for recall: actual positives), > 0
    overdispersion   phi >= 1: how much more looks vary than independent rows, and what growth is divided by
    alpha, looks_a_year   as in `expected_looks`

    inf where `after` keeps the promise. Raises ValueError outside those ranges.

    >>> round(expected_delay(0.10, 0.08, 0.15, 200), 1), expected_delay(0.10, 0.08, 0.10, 200)
    (3.6, inf)
    """
    require(0 < limit < 1 and 0 <= before <= limit and 0 <= after <= 1, "0 <= before <= limit < 1, after in [0, 1]")
    require(rows > 0 and overdispersion >= 1, "rows must be > 0 and overdispersion >= 1")
    if after <= limit:
        return math.inf
    hit, error = growth_of_gains(np.eye(2), share_gains(1 - limit))
    tempered = rows / overdispersion
    return expected_looks(
        tempered * (before * error + (1 - before) * hit),
        tempered * (after * error + (1 - after) * hit),
        np.sqrt(tempered * after * (1 - after)) * (error - hit),
        alpha,
        looks_a_year,
    )


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Chance of a false alarm within a year.

    at_most    whatever the model does, as long as the promise is kept at every look: the budget
    at_limit   about, for a model that keeps the promise with nothing to spare; far less with some room
    """

    at_most: float
    at_limit: float


def false_alarms_a_year(alpha: float = 0.05) -> FalseAlarms:
    """What a budget of `alpha`, in (0, 1), a year stands for when phi is estimated; see docs/explanation/detector.md.

    >>> false_alarms_a_year(0.05)
    FalseAlarms(at_most=0.05, at_limit=0.015)
    """
    require(0 < alpha < 1, "alpha must lie in (0, 1)")
    return FalseAlarms(alpha, AT_LIMIT * alpha)
