"""What a score meant in the reference: the share of positives by score bin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leadline.metrics.expected import bin_scores
from leadline.metrics.sums import Array, Histogram
from leadline.stats.isotonic import isotonic
from leadline.values import Undefined, counted

#: labelled rows with a score that a reference needs
LEAST_ROWS = 300
#: of either class
LEAST_OF_CLASS = 20


@dataclass(frozen=True, slots=True)
class Calibrator:
    """The chance of a positive by score bin, which never falls as the score rises.

    chance      shape (bins,), in [0, 1]
    reference   the labelled rows that it was fitted on, by bin, without other axes
    """

    chance: Array
    reference: Histogram


def calibrator(reference: Histogram) -> Calibrator | Undefined:
    """Isotonic regression of the labels on the score bins of the reference; always, however good the scores look.

    reference   labelled rows by bin, shape (bins,) each, on the fixed grid of probabilities

    Bins that the reference lacks get what lies between their neighbours, by the score; beyond its ends the nearest.
    Undefined, and why, for a reference from which nothing can be learnt.
    """
    rows = [
        float(np.divide(each.sum() ** 2, square.sum(), out=np.zeros(()), where=square.sum() > 0))
        for each, square in (
            (reference.negatives, reference.negative_squares),
            (reference.positives, reference.positive_squares),
        )
    ]
    labelled = int(sum(rows))
    if not labelled:
        return Undefined("the reference has no labelled rows with a score, or all weigh nothing")
    if labelled < LEAST_ROWS:
        return Undefined(
            f"the reference has {counted(labelled, 'labelled row')} with a score; at least {LEAST_ROWS} are needed"
        )
    for few, one in zip(rows, ("negative", "positive"), strict=True):
        if few < LEAST_OF_CLASS:
            are = counted(int(few), f"{one} label") if few >= 1 else f"no {one} label"
            return Undefined(f"the reference has {are}; at least {LEAST_OF_CLASS} are needed")
    weight = reference.negatives + reference.positives
    if (weight > 0).sum() < 2:
        return Undefined("all scores of the reference are the same")
    return Calibrator(fitted(reference.positives, weight, bin_scores(reference.bins)), reference)


def fitted(positives: Array, weight: Array, scores: Array) -> Array:
    """Isotonic steps by bin, in [0, 1]; bins without rows between their neighbours, by the middle score of each.

    All have shape (bins,); some weight is above 0.
    """
    steps = isotonic(positives, weight)
    known = np.isfinite(steps)
    return np.asarray(np.clip(np.interp(scores, scores[known], steps[known]), 0.0, 1.0))
