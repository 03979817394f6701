"""An alarm with a budget of false alarms: evidence that a promise has been broken since some unknown look.

Evidence is wealth: on each possible start of the trouble a small stake, 1 / (looks a year), is bet (`growth`), and what
all starts and bets have come to is compared with 1 / α. As long as the promise is kept, the chance that it ever gets
there within a year of looks is at most α, however often one looks (Ville's inequality).
Everywhere: logarithms are natural; leading axes (...) are streams (slices, objectives).
Source: e-detectors, Shin, Ramdas, Rinaldo (2024), NEJSDS 2, 229-260; start weights and tempering by phi: METHODS §3.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leadline.stats.arrays import Each, Floats, Number, floats, plain, require


def evidence(growth: ArrayLike, overdispersion: ArrayLike, start: float) -> Floats:
    """Log score after each look: `>= ln(1 / α)` is an alarm.

    growth           from `leadline.stats.growth`, shape (..., looks, bets)
    overdispersion   phi >= 1 by look, shape (..., looks); a look with NaN is not fed: the score stays as it was
    start            weight of each possible start, in (0, 1]: 1 / (looks a year)

    Returns ln of the mean over bets of W, where after each look W = (W + start) e^(growth / phi), starting from 0;
    shape (..., looks), -inf before the first look that is fed. Raises ValueError outside those ranges.
    The promise of α in a year is proved for phi = 1 and independent rows, and simulated for estimated phi.

    >>> evidence([[0.0], [1.0], [3.0]], [1, np.nan, 2], 0.5).round(3).tolist()
    [-0.693, -0.693, 1.5]
    """
    gained, phi = floats(growth), floats(overdispersion)
    require(gained.ndim > 1 and phi.shape == gained.shape[:-1], "growth must be (..., looks, bets), phi (..., looks)")
    require(gained.shape[-1] > 0 and np.isfinite(gained).all(), "growth must be finite, with a bet at least")
    require(np.isnan(phi) | (phi >= 1), "phi must be >= 1, or NaN")
    require(0 < start <= 1, "the weight of a start must lie in (0, 1]")
    wealth = np.full((*gained.shape[:-2], gained.shape[-1]), -np.inf)
    score = np.empty(phi.shape)
    for look in range(phi.shape[-1]):
        now = phi[..., look, None]
        fed = np.logaddexp(wealth, np.log(start)) + gained[..., look, :] / now
        wealth = np.where(np.isnan(now), wealth, fed)
        score[..., look] = np.logaddexp.reduce(wealth, axis=-1)
    return np.asarray(score - np.log(gained.shape[-1]))


def change(growth: ArrayLike, overdispersion: ArrayLike, look: int) -> int:
    """The look from which the evidence at `look` comes: the start for which the best single bet has grown most.

    growth, overdispersion   as in `evidence`, of one stream: shapes (looks, bets) and (looks,)
    look                     where the evidence is read, in [0, looks)

    The maximum likelihood estimate of the look at which the promise began to be broken; of equal ones the latest.
    Raises ValueError outside those ranges.

    >>> change([[-1.0], [-0.5], [2.0], [-0.1], [3.0]], np.ones(5), 4)
    2
    """
    gained, phi = floats(growth), floats(overdispersion)
    require(gained.ndim == 2 and phi.shape == gained.shape[:1], "growth must be (looks, bets), phi (looks,)")
    require(0 <= look < len(gained), "the look must be one of those given")
    told = ~np.isnan(phi[: look + 1, None])
    tempered = np.divide(gained[: look + 1], phi[: look + 1, None], out=np.zeros_like(gained[: look + 1]), where=told)
    back = np.cumsum(tempered[::-1], axis=0).max(axis=1)
    return int(look - np.argmax(back))


def e_bonferroni(log_scores: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Which streams alarm, so that the chance of any false alarm among them stays at most alpha: W >= streams / alpha.

    log_scores   from `evidence`, shape (..., streams); -inf without evidence
    alpha        budget for all streams together, in (0, 1)

    Holds under any dependence between streams, and for alarms that once raised stay raised.

    >>> e_bonferroni(np.log([100.0, 30.0, 1.0]), 0.05).tolist()
    [True, False, False]
    """
    score = _scores(log_scores, alpha)
    return np.asarray(score >= np.log(score.shape[-1]) - np.log(alpha))


def e_bh(log_scores: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Which streams to report, so that at most a share alpha of those reported is expected to be false.

    log_scores, alpha   as in `e_bonferroni`

    The k streams with most evidence, for the largest k whose k-th has W >= streams / (k alpha); ties are all in.
    Holds under any dependence, at one look chosen in any way; not for the union over many looks.
    Source: Wang, Ramdas (2022), JRSS B 84, 822-852.

    >>> e_bh(np.log([100.0, 30.0, 1.0]), 0.05).tolist()
    [True, True, False]
    """
    score = _scores(log_scores, alpha)
    streams = score.shape[-1]
    falling = -np.sort(-score, axis=-1)
    enough = falling + np.log(np.arange(1, streams + 1)) >= np.log(streams) - np.log(alpha)
    # the least of those that are enough: falling scores, so all above the last of them
    least = np.where(enough, falling, np.inf).min(axis=-1, keepdims=True, initial=np.inf)
    return np.asarray((score >= least) & np.isfinite(least))


def _scores(log_scores: ArrayLike, alpha: float) -> Floats:
    score = floats(log_scores)
    require(score.ndim > 0 and score.shape[-1] > 0 and not np.isnan(score).any(), "a score for each stream is needed")
    require(0 < alpha < 1, "alpha must lie in (0, 1)")
    return score


def anytime_interval(
    value: Number, variance: Number, looks: Each, confidence: float = 0.95, starts: int = 1
) -> tuple[Number, Number]:
    """Interval for the mean figure since a change, which may be read after every look and stopped at any.

    value        the figure over the looks since the change
    variance     its variance >= 0, overdispersion included: estimated row variance times phi
    looks        looks since the change began, >= 1
    confidence   chance, in (0, 1), that the interval holds the true mean after all looks alike
    starts       among how many looks the start was chosen (looks a year), >= 1: each gets its share of 1 - confidence

    Returns low and high, not cut to the figure's range. Raises ValueError outside those ranges.
    Wide, as it allows for a start that was picked because it looked worst. Assumes looks of about the same size whose
    figures are nearly normal.
    Source: asymptotic confidence sequence, Waudby-Smith et al. (2024), Ann. Stat. 52, 2613-2640, theorem 2.2; rho made
    for `TIGHTEST` looks.

    >>> low, high = anytime_interval(0.52, 0.0004, 4, starts=52)
    >>> round(low, 3), round(high, 3)
    (0.436, 0.604)
    """
    require(0 < confidence < 1 and starts >= 1, "confidence must lie in (0, 1), starts be >= 1")
    require((floats(variance) >= 0) & (floats(looks) >= 1), "variance >= 0 and looks >= 1 are needed")
    alpha = (1 - confidence) / starts
    spread = -2 * np.log(alpha)
    rho2 = (spread + np.log(spread + 1)) / TIGHTEST
    grown = floats(looks) * rho2 + 1
    half = np.sqrt(floats(variance) * 2 * grown / (grown - 1) * np.log(np.sqrt(grown) / alpha))
    return plain(value - half), plain(value + half)


TIGHTEST = 4.0
"""Looks after a change at which its interval is as narrow as it can be made."""
