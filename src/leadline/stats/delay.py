"""For planning: how long a detector takes to find a change, before there is any."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from leadline.stats.arrays import require
from leadline.stats.growth import growth_of_gains, share_gains


def expected_delay(
    limit: float,
    before: float,
    after: float,
    rows: float,
    overdispersion: float = 1.0,
    alpha: float = 0.05,
    looks_a_year: float = 52,
) -> float:
    """Looks, on average, from a change of the share of errors until `evidence` alarms; at least 1, inf for never.

    limit            share of errors that was promised not to be exceeded, in (0, 1)
    before, after    share of errors up to the change and from then on, in [0, 1]; before <= limit
    rows             rows of a look, > 0
    overdispersion   phi >= 1 that growth is divided by and that the rows have
    alpha            budget of false alarms a year, in (0, 1)
    looks_a_year     >= 1

    inf where `after` keeps the promise. Raises ValueError outside those ranges.

    >>> round(expected_delay(0.10, 0.08, 0.15, 200), 1), expected_delay(0.10, 0.08, 0.10, 200)
    (4.6, inf)
    """
    require(0 < limit < 1 and 0 <= before <= limit and 0 <= after <= 1, "0 <= before <= limit < 1, after in [0, 1]")
    require(rows > 0 and overdispersion >= 1 and 0 < alpha < 1 and looks_a_year >= 1, "rows > 0, phi >= 1 are needed")
    if after <= limit:
        return math.inf
    bets = growth_of_gains(np.eye(2), share_gains(1 - limit))  # of one hit, of one error
    drift = rows * (after * bets[1] + (1 - after) * bets[0]) / overdispersion
    rising = drift > 0
    drift = drift[rising]
    fall = rows * -(before * bets[1] + (1 - before) * bets[0])[rising] / overdispersion
    deviation = np.sqrt(rows * after * (1 - after) / overdispersion) * (bets[1] - bets[0])[rising]
    head_start = np.log(1 / np.expm1(np.maximum(fall, 1e-3)) - 1 / np.expm1(-drift))
    need = math.log(looks_a_year * bets.shape[1] / alpha) - head_start
    most = int(np.max(need / drift)) * 4 + 50
    looks = np.arange(most)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        waiting = ndtr((need - drift * looks) / (deviation * np.sqrt(looks)))
    waiting[0] = 1.0
    return float(waiting.sum(axis=0).min())
