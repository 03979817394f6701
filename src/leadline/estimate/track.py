"""The score that is kept of an estimator: each estimate against the figure of the labels, once these are in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from leadline.metrics.sums import Array

#: windows that the record looks back at
KEPT = 40
#: matured windows before a band is taken from them
LEAST = 20
#: share of windows that a band is to cover, of the record and of an estimate's interval
BAND, INTERVAL = 0.90, 0.95
#: how sure it must be that the constant is better before an estimator withdraws
SURE = 0.95


@dataclass(frozen=True, slots=True)
class Kept:
    """What was known of an estimator when it made the estimate of one window.

    windows     matured ones, up to 40, with an estimate and a figure from labels
    error       mean of |estimate - figure| over them; None for none
    constant    the same for the reference's figure in place of the estimate
    band        half width that holds 90 % of the errors of estimates like the next; None below 20 windows
    half        the same for 95 %
    withdrawn   whether the constant was better by more than chance
    """

    windows: int
    error: float | None
    constant: float | None
    band: float | None
    half: float | None
    withdrawn: bool


def kept(estimates: Array, figures: Array, constant: float, rows: Array, next_rows: float | None = None) -> Kept:
    """The record of the last 40 windows; the arrays hold windows that have matured, in order of time, shape (windows,).

    estimates, figures   NaN where there is none: such windows do not count
    constant             the reference's figure, the simplest estimator; NaN where there is none
    rows                 rows of each window
    next_rows            rows of the window that the bands are for; as many as is usual where None

    Errors of windows with fewer rows than is usual, the median, are taken to grow as 1/sqrt(rows): an hour of a day
    that has just begun would else pass for as sure as a day.
    """
    known = np.flatnonzero(np.isfinite(estimates) & np.isfinite(figures))[-KEPT:]
    errors = np.abs(estimates[known] - figures[known])
    of_constant = np.abs(constant - figures[known])
    if not len(known):
        return Kept(0, None, None, None, None, False)
    usual = float(np.median(rows[known]))
    of_usual = errors * np.sqrt(np.minimum(1.0, rows[known] / usual))
    wider = 1.0 if next_rows is None else math.sqrt(max(1.0, usual / next_rows))
    band, half = (conformal_width(of_usual, level) for level in (BAND, INTERVAL))
    return Kept(
        len(known),
        float(errors.mean()),
        float(of_constant.mean()) if np.isfinite(constant) else None,
        None if band is None else band * wider,
        None if half is None else half * wider,
        bool(np.isfinite(constant)) and loses(errors, of_constant),
    )


def conformal_width(errors: Array, level: float) -> float | None:
    """Half the width of a band around an estimate that covers the next figure with this chance; None below 20 errors.

    errors   |estimate - figure| of matured windows, in any order
    level    coverage, in (0, 1)

    The ceil((K + 1) · level)-th smallest error. Covers at least `level` if errors of windows could stand in any order;
    less where errors grow from window to window.
    Source: split conformal prediction, Vovk, Gammerman and Shafer (2005); METHODS 1.1.

    >>> conformal_width(np.arange(1.0, 41.0), 0.9)
    37.0
    """
    place = math.ceil((len(errors) + 1) * level - 1e-9)
    if len(errors) < LEAST or place > len(errors):
        return None
    return float(np.sort(errors)[place - 1])


def loses(errors: Array, of_other: Array, least: int = LEAST) -> bool:
    """Whether an estimator's errors are larger than another's by more than chance (one-sided paired t, 95 %).

    Both have shape (windows,). False below `least` windows. Assumes that differences of windows are nearly independent.
    """
    worse = errors - of_other
    if len(worse) < least:
        return False
    spread = float(worse.std(ddof=1)) / math.sqrt(len(worse))
    return float(worse.mean()) > float(stdtrit(len(worse) - 1, SURE)) * spread


def covered(estimates: Array, figures: Array, bands: Array) -> tuple[int, float | None]:
    """Of the last 40 windows that had a band when they were estimated: how many, and the share whose figure it held.

    All have shape (windows,), in order of time; NaN where there is none.
    """
    known = np.flatnonzero(np.isfinite(estimates) & np.isfinite(figures) & np.isfinite(bands))[-KEPT:]
    if not len(known):
        return 0, None
    inside = np.abs(estimates[known] - figures[known]) <= bands[known] * (1 + 1e-12)
    return len(known), float(inside.mean())
