"""Estimates of successive windows, with the intervals and the standing that were known when each was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leadline.estimate.track import KEPT, Kept, covered, kept, loses
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array


@dataclass(frozen=True, slots=True)
class Estimates:
    """The estimates of one metric in successive windows, and the record as it is now.

    value, low, high   shape (windows,); NaN where there is none
    refined            whether each is of the finer estimator
    constant           the reference's figure
    then               by window: what was known of the estimator when it made the estimate
    now                what is known by now
    band_windows, band_covered   as in `TrackRecord`
    """

    value: Array
    refined: Array
    low: Array
    high: Array
    constant: float
    then: tuple[Kept, ...]
    now: Kept
    band_windows: int
    band_covered: float | None


#: matured windows before the plain estimator can take over: it costs nothing to be wrong about two that are alike
LEAST_OF_PAIRS = 8
#: how much larger its errors must be, too: a finer estimator is a little worse in calm and far better in a shift
MATERIAL = 1.1
#: windows whose spread is drawn, the newest ones that have no record to take a band from; drawing is dear
MOST_DRAWN = 100


@dataclass(frozen=True, slots=True)
class Made:
    """Estimates of one metric before they have ends, and what was known of the estimator when each was made.

    refined   by window, whether the estimate is the refined one
    """

    value: Array
    refined: Array
    figures: Array
    constant: float
    rows: Array
    then: tuple[Kept, ...]


def made(
    plain: Array, refined: Array | None, figures: Array, constant: float, rows: Array, known_before: Sequence[int]
) -> Made:
    """Put estimates beside what labels showed, and take the refined ones unless these lost to the plain ones.

    plain         estimates, shape (windows,), in order of time; NaN where there is none
    refined       those of a finer estimator, which is used until its errors over the last 40 matured windows were
                  larger than the plain one's by a tenth and by more than chance; None where there is none
    figures       what labels showed; NaN for windows that have not matured
    constant      the reference's figure
    rows          rows that each estimate is of
    known_before  by window, how many of the first windows had matured when it was estimated
    """
    chosen = np.array(
        [refined is not None and not _lost(plain, refined, figures, known) for known in known_before], bool
    )
    value = plain if refined is None else np.where(chosen, refined, plain)
    then = tuple(
        kept(value[:known], figures[:known], constant, rows[:known], float(rows[place]) or None)
        for place, known in enumerate(known_before)
    )
    return Made(value, chosen, figures, constant, rows, then)


def _lost(plain: Array, refined: Array, figures: Array, known: int) -> bool:
    errors = np.abs(np.stack([refined, plain])[:, :known] - figures[:known])
    told = np.flatnonzero(np.isfinite(errors).all(axis=0))[-KEPT:]
    mine, other = errors[:, told]
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
    return Estimates(each.value, each.refined, low, high, each.constant, each.then, now, *record)
