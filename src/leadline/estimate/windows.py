"""Estimates of successive windows, with the intervals and the standing that were known when each was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.estimate.track import KEPT, Kept, covered, kept, loses
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Estimator:
    """One of the estimators of a task, plain before finer.

    name     as results say it: `cbpe`, ...
    earned   whether it is used only once its record is better than that of those before it; else until it is worse
    """

    name: str
    earned: bool = False


@dataclass(frozen=True, slots=True)
class Estimates:
    """The estimates of one metric in successive windows, and the record as it is now.

    value, low, high   shape (windows,); NaN where there is none
    chosen             which of the estimators made each: its place among them
    figures            what labels showed; NaN for windows that have not matured
    constant           the reference's figure
    then               by window: what was known of the estimator when it made the estimate
    now                what is known by now
    band_windows, band_covered   as in `TrackRecord`
    """

    value: Array
    chosen: Ints
    low: Array
    high: Array
    figures: Array
    constant: float
    then: tuple[Kept, ...]
    now: Kept
    band_windows: int
    band_covered: float | None


#: matured windows before a record decides between estimators: it costs nothing to be wrong about two that are alike
LEAST_OF_PAIRS = 8
#: how much larger errors must be, too: a finer estimator is a little worse in calm and far better in a shift
MATERIAL = 1.1
#: windows whose spread is drawn, the newest ones that have no record to take a band from; drawing is dear
MOST_DRAWN = 100


@dataclass(frozen=True, slots=True)
class Made:
    """Estimates of one metric before they have ends, and what was known of the estimator when each was made.

    chosen   by window, the place of the estimator whose estimate it is
    """

    value: Array
    chosen: Ints
    figures: Array
    constant: float
    rows: Array
    then: tuple[Kept, ...]


def made(
    estimators: Sequence[Estimator],
    values: Array,
    figures: Array,
    constant: float,
    rows: Array,
    known_before: Sequence[int],
) -> Made:
    """Put estimates beside what labels showed, and choose the estimator of each window by the record of that time.

    estimators    plain before finer; each takes the place of the one chosen before it unless its errors over the last
                  40 matured windows that both estimated were larger by a tenth and by more than chance, or, if it has
                  to earn that, where the other's were
    values        by estimator and window, in order of time, shape (estimators, windows); NaN where there is none
    figures       what labels showed; NaN for windows that have not matured
    constant      the reference's figure
    rows          rows that each estimate is of
    known_before  by window, how many of the first windows had matured when it was estimated
    """
    errors = np.abs(values - figures)
    places = [_choice(estimators, values[:, place], errors[:, :known]) for place, known in enumerate(known_before)]
    chosen = np.array(places, np.int64)
    value = values[chosen, np.arange(len(chosen))]
    then = tuple(
        kept(value[:known], figures[:known], constant, rows[:known], float(rows[place]) or None)
        for place, known in enumerate(known_before)
    )
    return Made(value, chosen, figures, constant, rows, then)


def _choice(estimators: Sequence[Estimator], values: Array, errors: Array) -> int:
    """The place of the estimator that is used, from each one's estimate and its errors until then."""
    best = 0
    for place, each in enumerate(estimators[1 : len(values)], start=1):
        if each.earned:
            better = bool(np.isfinite(values[place])) and _lost(errors[best], errors[place])
        else:
            better = not _lost(errors[place], errors[best])
        best = place if better else best
    return best


def _lost(mine: Array, other: Array) -> bool:
    told = np.flatnonzero(np.isfinite(mine) & np.isfinite(other))[-KEPT:]
    mine, other = mine[told], other[told]
    return bool(mine.sum() > MATERIAL * other.sum()) and loses(mine, other, LEAST_OF_PAIRS)


def to_draw(every: Sequence[Made]) -> Array:
    """The places of the windows whose spread has to be drawn, for at least one of the metrics."""
    count = len(every[0].then) if every else 0
    young = [place for place in range(count) if any(each.then[place].half is None for each in every)]
    return np.array(young[-MOST_DRAWN:], dtype=np.int64)


def with_ends(metric: Metric, each: Made, drawn: Array, spread: tuple[Array, Array] | None) -> Estimates:
    """Estimates with the band of their record, or with the spread (low and high of the windows `drawn`)."""
    half = np.array([np.nan if known.half is None else known.half for known in each.then])
    ends = np.stack([-half, half])
    if spread is not None:
        ends[:, drawn] = np.where(np.isfinite(ends[:, drawn]), ends[:, drawn], np.stack(spread))
    bands = np.array([np.nan if known.band is None else known.band for known in each.then])
    low, high = np.clip(each.value + ends, metric.low, metric.high)
    now = kept(each.value, each.figures, each.constant, each.rows)
    record = covered(each.value, each.figures, bands)
    return Estimates(each.value, each.chosen, low, high, each.figures, each.constant, each.then, now, *record)
