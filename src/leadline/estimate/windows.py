"""Estimates of successive windows, with the intervals and the standing that were known when each was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leadline.estimate.calibrator import Calibrator
from leadline.estimate.resampling import resampled
from leadline.estimate.track import Kept, covered, kept
from leadline.metrics.expected import Scored, expected, figure
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array


@dataclass(frozen=True, slots=True)
class Estimates:
    """The estimates of one metric in successive windows, and the record as it is now.

    value, low, high   shape (windows,); NaN where there is none
    constant           the reference's figure
    then               by window: what was known of the estimator when it made the estimate
    now                what is known by now
    band_windows, band_covered   as in `TrackRecord`
    """

    value: Array
    low: Array
    high: Array
    constant: float
    then: tuple[Kept, ...]
    now: Kept
    band_windows: int
    band_covered: float | None


def estimated(
    metrics: Sequence[Metric],
    fit: Calibrator,
    scored: Scored,
    figures: Sequence[Array],
    constants: Sequence[float],
    known_before: Sequence[int],
) -> list[Estimates]:
    """The estimates of each metric, put beside what labels showed of windows before.

    scored        rows of the windows, shape (windows, 3, bins), in order of time
    figures       by metric what labels showed, shape (windows,); NaN for windows that have not matured
    constants     by metric the reference's figure
    known_before  by window, how many of the first windows had matured when it was estimated
    """
    found = expected(scored, fit.chance)
    values = [figure(metric, found) for metric in metrics]
    thens = [
        tuple(kept(value[:known], shown[:known], constant) for known in known_before)
        for value, shown, constant in zip(values, figures, constants, strict=True)
    ]
    # few windows have no record to take a band from, and drawing is dear
    young = np.array(
        [any(then[place].half is None for then in thens) for place in range(len(known_before))], dtype=bool
    )
    drawn = resampled(metrics, fit, scored[young]) if young.any() else {}
    made = []
    for metric, value, shown, constant, then in zip(metrics, values, figures, constants, thens, strict=True):
        half = np.array([np.nan if each.half is None else each.half for each in then])
        ends = np.stack([-half, half])
        if drawn:
            ends[:, young] = np.where(np.isfinite(ends[:, young]), ends[:, young], drawn[metric.name])
        bands = np.array([np.nan if each.band is None else each.band for each in then])
        low, high = np.clip(value + ends, metric.low, metric.high)
        record = covered(value, shown, bands)
        made.append(Estimates(value, low, high, constant, then, kept(value, shown, constant), *record))
    return made
