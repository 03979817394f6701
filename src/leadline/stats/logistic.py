"""Logistic regression of an outcome on one number, from binned counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from leadline.stats.arrays import Floats, floats, require

#: Newton's steps; from the middle of the data it takes about six
MOST_STEPS, CLOSE = 60, 1e-12


def logistic_fit(x: ArrayLike, negatives: ArrayLike, positives: ArrayLike) -> tuple[Floats, Floats]:
    """Intercept and slope of logit P(y = 1) = a + b x by maximum likelihood, shape (...) each.

    x          the number, one a bin, finite where the bin has rows, shape (..., bins)
    negatives, positives   rows (or their weights) by bin, >= 0, shape (..., bins)

    NaN where there is no finite fit: one class only, one value of x only, or a value of x that parts the classes.
    Newton's method on the concave likelihood, its steps halved where they go too far.

    >>> a, b = logistic_fit([0.0, 1.0], [3.0, 1.0], [1.0, 3.0])
    >>> bool(np.allclose([a, b], [-np.log(3), 2 * np.log(3)]))
    True
    """
    neg, pos = floats(negatives), floats(positives)
    require(neg.shape == pos.shape, "negatives and positives need the same bins")
    place = np.broadcast_to(floats(x), pos.shape)
    require((neg >= 0) & (pos >= 0), "rows by bin must be >= 0")
    rows = neg + pos
    some = rows > 0
    require(np.isfinite(place) | ~some, "x must be finite where there are rows")
    told = _overlap(place, neg, pos)
    centre = _mean(np.where(some, place, 0.0), rows)
    z = np.where(some, place - centre[..., None], 0.0)
    scale = np.sqrt(_mean(z * z, rows))
    told = told & (scale > 0)
    z = z / np.where(told, scale, 1.0)[..., None]
    share = np.clip(_mean(np.divide(pos, rows, out=np.zeros_like(rows), where=some), rows), 1e-12, 1 - 1e-12)
    a, b = np.log(share / (1 - share)), np.zeros(share.shape)
    best = _likelihood(a, b, z, neg, pos)
    for _ in range(MOST_STEPS):
        mu = expit(a[..., None] + b[..., None] * z)
        gap, spread = pos - rows * mu, rows * mu * (1 - mu)
        ga, gb = gap.sum(-1), (gap * z).sum(-1)
        haa, hab, hbb = spread.sum(-1), (spread * z).sum(-1), (spread * z * z).sum(-1)
        det = haa * hbb - hab * hab
        safe = np.where(told & (det > 0), det, 1.0)
        da, db = (hbb * ga - hab * gb) / safe, (haa * gb - hab * ga) / safe
        step = np.where(told & (det > 0), 1.0, 0.0)
        for _ in range(40):
            found = _likelihood(a + step * da, b + step * db, z, neg, pos)
            worse = found < best - 1e-13 * np.abs(best)
            if not worse.any():
                break
            step = np.where(worse, step / 2, step)
        a, b, best = a + step * da, b + step * db, found
        if (np.abs(step * da) + np.abs(step * db) <= CLOSE * (1 + np.abs(a) + np.abs(b))).all():
            break
    slope = b / np.where(told, scale, 1.0)
    return np.where(told, a - slope * centre, np.nan), np.where(told, slope, np.nan)


def logistic_influence(
    x: ArrayLike, negatives: ArrayLike, positives: ArrayLike, intercept: ArrayLike, slope: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """What one more row in each bin adds to the slope, of negatives and of positives, and what moving a bin's rows
    adds for each unit of x, of both classes together in size; shape (..., bins) each.

    Arguments as in `logistic_fit`, and its result. Σ negatives · first + Σ positives · second = 0, so that these are
    influences. The third is a bound of the first order: |change of slope| <= Σ third · |change of x|.
    """
    neg, pos = floats(negatives), floats(positives)
    b = floats(slope)[..., None]
    place = np.where(neg + pos > 0, np.broadcast_to(floats(x), pos.shape), 0.0)
    mu = expit(floats(intercept)[..., None] + b * place)
    spread = (neg + pos) * mu * (1 - mu)
    haa, hab, hbb = (part.sum(-1)[..., None] for part in (spread, spread * place, spread * place * place))
    det = haa * hbb - hab * hab
    direction = (haa * place - hab) / det
    tilt = mu * (1 - mu) * b * direction
    moved = neg * np.abs(-mu * haa / det - tilt) + pos * np.abs((1 - mu) * haa / det - tilt)
    return -mu * direction, (1 - mu) * direction, moved


def _overlap(x: Floats, neg: Floats, pos: Floats) -> NDArray[np.bool_]:
    """Where no value of x parts the classes."""
    ends = [(np.where(part > 0, x, np.inf).min(-1), np.where(part > 0, x, -np.inf).max(-1)) for part in (neg, pos)]
    (low_n, high_n), (low_p, high_p) = ends
    return np.asarray((high_n > low_p) & (high_p > low_n) & np.isfinite(low_n) & np.isfinite(low_p))


def _mean(values: Floats, rows: Floats) -> Floats:
    total = rows.sum(-1)
    return np.asarray((values * rows).sum(-1) / np.where(total > 0, total, 1.0))


def _likelihood(a: Floats, b: Floats, z: Floats, neg: Floats, pos: Floats) -> Floats:
    at = a[..., None] + b[..., None] * z
    return np.asarray(-(pos * np.logaddexp(0.0, -at) + neg * np.logaddexp(0.0, at)).sum(-1))
