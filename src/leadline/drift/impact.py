"""What the change of one column alone does to a metric, in the metric's own unit.

The reference is weighed anew, so that the column is distributed as it was in a window, while rows with the same value
keep the labels and predictions that they had in the reference. What then becomes of the metric, less what it was, is
what who came does, as far as this column tells; how well they were served does not enter. For the mean of a loss it is
Σ (q - p) · L over bins, with L the mean loss of the reference's rows in a bin.

Columns that say the same each get the whole of it: the effects of several columns do not add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array
from leadline.stats.shift import NEW_RATIO

#: share of a window's rows with values that the reference does not know, above which a figure without ends has no
#: interval
MOST_UNKNOWN = 0.05
#: share of the reference's errors, or of its distance from the best figure, below which an effect is harmless; the ends
#: of its interval may be five times as large
HARMLESS, SURELY = 0.02, 5.0


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The reference's labelled rows by block and bin.

    parts     of the metric (`Metric.parts`), shape (blocks, k, parts)
    labelled  rows, or their weight, shape (blocks, k)
    few       bins with too few of them to stand for many rows, or with numbers beyond nearly all, shape (k,)
    like      of each bin the one that stands for it where its own rows do not, -1 for the average row; shape (k,)

    Blocks are runs of days, or parts of the rows chosen by a hash; each leaves out one to tell how sure an effect is.
    """

    parts: Array
    labelled: Array
    few: NDArray[np.bool_]
    like: NDArray[np.int64]


def nearest(centre: Array, known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of each bin the nearest one whose rows are known; -1 where a bin is no number, or there is none.

    centre   where the bins lie, NaN for those that are no numbers; shape (k,)
    known    shape (k,)

    >>> nearest(np.array([np.nan, 1.0, 2.0, 9.0]), np.array([True, True, False, False])).tolist()
    [-1, 1, 1, 1]
    """
    like = np.full(len(centre), -1)
    some = np.flatnonzero(np.isfinite(centre) & known)
    for place in np.flatnonzero(np.isfinite(centre)) if len(some) else ():
        like[place] = some[np.abs(centre[some] - centre[place]).argmin()]
    return like


@dataclass(frozen=True, slots=True)
class Impact:
    """What a column does to a metric in many windows, shape (windows,) each; NaN where it cannot be told.

    reference   the metric over the reference
    value       the change
    low, high   its 95 % interval: jackknife over blocks of the reference, and as far as rows of unknown outcome reach:
                those whose value had few labelled rows as far as the worst and the best bin, the others to any figure
    unknown     share of a window's rows whose value the reference does not know: it has no labelled rows with it, or
                few (`Outcomes.few`) of what is ten times as frequent now. They count like the nearest number that it
                knows, or as average
    of_bins     the metric over the reference's rows in each bin, shape (k,); NaN where it has no figure, or few rows
    """

    reference: float
    value: Array
    low: Array
    high: Array
    unknown: Array
    of_bins: Array


def impact(metric: Metric, outcomes: Outcomes, p: Array, q: Array) -> Impact | None:
    """The change of a metric when a column alone changes from p to q; None where the reference has no figure.

    p   shares of the reference's bins, shape (k,)
    q   shares of the windows' bins, shape (windows, k)
    """
    labelled = outcomes.labelled.sum(axis=0)
    if labelled.sum() <= 0:
        return None
    with np.errstate(all="ignore"):  # what comes of nothing is looked at
        parts = outcomes.parts.sum(axis=0)
        unseen = labelled <= 0
        new = unseen | (outcomes.few & (q > NEW_RATIO * p))
        windows = np.where(new, 0.0, q), np.where(new, q, 0.0)
        reference, value = _changed(metric, parts, labelled, outcomes.like, p, windows)
        if not np.isfinite(reference):
            return None
        half = _half(metric, outcomes, p, windows, value)
        unknown, never = windows[1].sum(axis=1), q[:, unseen].sum(axis=1)
        told = windows[0] @ _each(parts, labelled, outcomes.like)[0]
        # how much of what the metric divides by they could be
        reach = np.where(unknown > 0, 1 / (unknown + metric.size(told)), 0.0)
        without = np.nan_to_num(metric.value(told))
        of_bins = np.where(outcomes.few, np.nan, metric.value(parts))
    # values of which there are few do as those of some bin, what was never seen whatever it may
    usual = of_bins[np.isfinite(of_bins)]
    ends: list[Array] = []
    for side, limit in ((-1, metric.low), (1, metric.high)):
        any_figure = limit if np.isfinite(limit) else reference + value
        most = side * (side * usual).max() if len(usual) else any_figure
        furthest = without * (1 - reach * unknown) + reach * ((unknown - never) * most + never * any_figure)
        further = np.where(unknown > 0, np.maximum(side * (furthest - reference - value), 0.0), 0.0)
        ends.append(value + side * (half + further))
    sure = np.isfinite(ends[0]) & np.isfinite(ends[1])
    if not (np.isfinite(metric.low) and np.isfinite(metric.high)):
        sure &= never <= MOST_UNKNOWN
    low, high = (np.where(sure, end, np.nan) for end in ends)
    return Impact(float(reference), value, low, high, unknown, of_bins)


def _each(parts: Array, labelled: Array, like: NDArray[np.int64]) -> tuple[Array, Array]:
    """Parts of one labelled row of each bin, and of one of what stands for it; shape (k, parts) each."""
    usual = parts.sum(axis=0) / labelled.sum()
    known = labelled > 0
    own = np.where(known[:, None], parts / np.where(known, labelled, 1.0)[:, None], usual)
    standing = np.where((like >= 0)[:, None], own[like], usual)
    return np.where(known[:, None], own, standing), standing


def _changed(
    metric: Metric, parts: Array, labelled: Array, like: NDArray[np.int64], p: Array, windows: tuple[Array, Array]
) -> tuple[Array, Array]:
    """The metric as the reference has it, and its change in each window.

    windows   shares of rows that count like those of their bin, and of those that count like what stands for it
    """
    own, standing = _each(parts, labelled, like)
    reference = metric.value(p @ own)
    return reference, np.asarray(metric.value(windows[0] @ own + windows[1] @ standing) - reference)


def _half(metric: Metric, outcomes: Outcomes, p: Array, windows: tuple[Array, Array], value: Array) -> Array:
    """Half the width of the interval, by leaving out one block after the other; NaN with fewer than two."""
    blocks = np.flatnonzero(outcomes.labelled.sum(axis=1) > 0)
    if len(blocks) < 2:
        return np.full(len(value), np.nan)
    parts, labelled = outcomes.parts.sum(axis=0), outcomes.labelled.sum(axis=0)
    left = []
    for block in blocks:
        others, rows = parts - outcomes.parts[block], labelled - outcomes.labelled[block]
        # a bin that only this block has keeps what it says
        alone = (rows <= 1e-9 * labelled) & (labelled > 0)
        others, rows = np.where(alone[:, None], parts, others), np.where(alone, labelled, rows)
        left.append(_changed(metric, others, rows, outcomes.like, p, windows)[1])
    apart = np.stack(left) - np.mean(left, axis=0)
    count = len(blocks)
    return np.asarray(stdtrit(count - 1, 0.975) * np.sqrt((count - 1) / count * (apart**2).sum(axis=0)))


def tolerance(metric: Metric, reference: float) -> float:
    """The largest effect that is harmless, in the metric's unit: 2 % of how far the reference is from the best figure.

    Of its figure where there is no best one.
    """
    best = metric.high if metric.better == "higher" else metric.low
    return HARMLESS * abs(best - reference if np.isfinite(best) else reference)
