"""The hour in which a fault began, from rows by hour around the day of which it was told."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from leadline.stats.arrays import Floats, floats, require

#: the log likelihood that a break has to gain over none
LEAST_GAIN = 10.0


def onset(hits: ArrayLike, rows: ArrayLike) -> int | None:
    """The first hour of the new share, by the most likely single break; None where a break explains little.

    hits, rows   shape (hours,), 0 <= hits <= rows

    Assumes independent rows with one share before and one from the break on, which is higher.
    Source: maximum likelihood of a change point of binomial counts (Hinkley and Hinkley 1970, Biometrika 57, 477-488).

    >>> onset([0, 1, 0, 6, 7, 5], [10, 10, 10, 10, 10, 10])
    3
    """
    k, n = floats(hits), floats(rows)
    require((k >= 0) & (k <= n), "0 <= hits <= rows")
    before_k, before_n = np.concatenate([[0.0], np.cumsum(k)[:-1]]), np.concatenate([[0.0], np.cumsum(n)[:-1]])
    after_k, after_n = k.sum() - before_k, n.sum() - before_n
    gain = _likelihood(before_k, before_n) + _likelihood(after_k, after_n) - _likelihood(k.sum(), n.sum())
    rises = after_k * before_n > before_k * after_n
    gain = np.where(rises & (n > 0), gain, -np.inf)
    place = int(np.argmax(gain))
    return place if gain[place] >= LEAST_GAIN else None


def _likelihood(hits: ArrayLike, rows: ArrayLike) -> Floats:
    """Of counts under their own share."""
    k, n = floats(hits), floats(rows)
    share = np.divide(k, n, out=np.zeros_like(k), where=n > 0)
    return np.asarray(xlogy(k, share) + xlogy(n - k, 1 - share))
