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

#: share of a window's rows with values that the reference has no labels for, above which a figure without ends has no
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
    like      of each bin without labelled rows the one that stands for it, -1 for the average row; shape (k,)

    Blocks are runs of days, or parts of the rows chosen by a hash; each leaves out one to tell how sure an effect is.
    """

    parts: Array
    labelled: Array
    like: NDArray[np.int64]


def nearest(centre: Array, labelled: Array) -> NDArray[np.int64]:
    """For bins without labelled rows the nearest one with such rows; -1 where a bin is no number, or there is none.

    centre     where the bins lie, NaN for those that are no numbers; shape (k,)
    labelled   labelled rows of each, shape (k,)

    >>> nearest(np.array([np.nan, 1.0, 2.0, 9.0]), np.array([5.0, 4.0, 0.0, 0.0])).tolist()
    [-1, 1, 1, 1]
    """
    like = np.full(len(centre), -1)
    known = np.flatnonzero(np.isfinite(centre) & (labelled > 0))
    for place in np.flatnonzero(np.isfinite(centre)) if len(known) else ():
        like[place] = known[np.abs(centre[known] - centre[place]).argmin()]
    return like


@dataclass(frozen=True, slots=True)
class Impact:
    """What a column does to a metric in many windows, shape (windows,) each; NaN where it cannot be told.

    reference   the metric over the reference
    value       the change
    low, high   its 95 % interval: jackknife over blocks of the reference, and as far as rows of unknown outcome reach
    unknown     share of a window's rows whose value has no labelled rows in the reference; they count like the nearest
                number that has, or as average
    of_bins     the metric over the reference's rows in each bin, shape (k,); NaN where it has no figure there
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
        reference, value = _changed(metric, parts, labelled, outcomes.like, p, q)
        if not np.isfinite(reference):
            return None
        half = _half(metric, outcomes, p, q, value)
        unknown = q[:, labelled <= 0].sum(axis=1)
        # how much of what the metric divides by they could be
        known = metric.size(np.where(labelled > 0, q, 0.0) @ _each(parts, labelled, outcomes.like))
        reach = np.where(unknown > 0, unknown / (unknown + known), 0.0)
        of_bins = np.where(labelled > 0, metric.value(parts), np.nan)
    ends: list[Array] = []
    for side, limit in ((-1, metric.low), (1, metric.high)):
        further = reach * (limit - reference - value) if np.isfinite(limit) else 0.0
        ends.append(value + side * half + further)
    told = np.isfinite(ends[0]) & np.isfinite(ends[1])
    if not (np.isfinite(metric.low) and np.isfinite(metric.high)):
        told &= unknown <= MOST_UNKNOWN
    low, high = (np.where(told, end, np.nan) for end in ends)
    return Impact(float(reference), value, low, high, unknown, of_bins)


def _each(parts: Array, labelled: Array, like: NDArray[np.int64]) -> Array:
    """Parts of one labelled row of each bin, or of what stands for it; shape (k, parts)."""
    usual = parts.sum(axis=0) / labelled.sum()
    known = labelled > 0
    own = np.where(known[:, None], parts / np.where(known, labelled, 1.0)[:, None], usual)
    return np.where((known | (like < 0))[:, None], own, own[like])


def _changed(
    metric: Metric, parts: Array, labelled: Array, like: NDArray[np.int64], p: Array, q: Array
) -> tuple[Array, Array]:
    """The metric as the reference has it, and its change in each window."""
    each = _each(parts, labelled, like)
    reference = metric.value(p @ each)
    return reference, np.asarray(metric.value(q @ each) - reference)


def _half(metric: Metric, outcomes: Outcomes, p: Array, q: Array, value: Array) -> Array:
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
        left.append(_changed(metric, others, rows, outcomes.like, p, q)[1])
    apart = np.stack(left) - np.mean(left, axis=0)
    count = len(blocks)
    return np.asarray(stdtrit(count - 1, 0.975) * np.sqrt((count - 1) / count * (apart**2).sum(axis=0)))


def tolerance(metric: Metric, reference: float) -> float:
    """The largest effect that is harmless, in the metric's unit: 2 % of how far the reference is from the best figure.

    Of its figure where there is no best one.
    """
    best = metric.high if metric.better == "higher" else metric.low
    return HARMLESS * abs(best - reference if np.isfinite(best) else reference)
