"""Whether scores come true: reliability bins, and when a recalibration would mend what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leadline.metrics import build
from leadline.metrics.calibration import score_ends
from leadline.metrics.evaluate import Evaluated, evaluate_windows
from leadline.metrics.ranking import effective
from leadline.metrics.sums import Histogram, Sums
from leadline.stats.calibration import equal_count_bins
from leadline.stats.proportion import wilson
from leadline.values import ReliabilityBin, Undefined

BINS = 15
#: rows of each class that reference and window need before a recalibration is spoken of
FEW = 50
#: the share of a rise of the Brier score from which on calibration explains it
MOST = 0.5
#: positives from which on a map has room for more than two parameters, and for any rising form
FOR_BETA, FOR_ISOTONIC = 100, 1_000

Range = tuple[int, int]


def with_scores(found: Histogram) -> Histogram:
    """The histogram with sums of scores: those that it has, else of the bins' middles, which is within their width."""
    if found.scored.any():
        return found
    low, high = score_ends(found)
    return replace(found, scored=(found.negatives + found.positives) * (low + high) / 2)


def shared_bins(reference: Histogram, bins: int = BINS) -> NDArray[np.int64]:
    """Which of at most 15 bins, with equally many rows of the reference, each bin of the fine grid belongs to."""
    return equal_count_bins(reference.negatives + reference.positives, bins)


def reliability(found: Histogram, joined: NDArray[np.int64]) -> tuple[ReliabilityBin, ...]:
    """Bins of neighbouring scores that have labelled rows: what was said of them, and how often it came true.

    found    of one window, shape (bins,), with sums of scores (`with_scores`)
    joined   from `shared_bins`

    Intervals are Wilson's, of rows that are taken as independent.
    """
    low, high = score_ends(found)
    made = []
    for place in range(int(joined.max(initial=-1)) + 1):
        mine = joined == place
        positives, negatives = found.positives[mine], found.negatives[mine]
        rows = float(positives.sum() + negatives.sum())
        if not rows > 0:
            continue
        squares = found.positive_squares[mine] + found.negative_squares[mine]
        worth = float(effective(positives + negatives, squares))
        share = min(float(positives.sum()) / rows, 1.0)
        ends = wilson(share * worth, worth)
        said = float(np.clip(found.scored[mine].sum() / rows, low[mine].min(), high[mine].max()))
        edges = float(low[mine].min()), float(high[mine].max())
        made.append(ReliabilityBin(*edges, rows, said, share, *map(float, ends)))
    return tuple(made)


@dataclass(frozen=True)
class Recalibration:
    """A recalibration that would help.

    method      "isotonic", "beta" or "Platt": the freest map that so many positives can carry
    brier       of the reference, of the window, and of the window once it is recalibrated
    auc         of the reference and of the window
    explained   the share of the rise of the Brier score that calibration explains, at most 1
    positives   labelled positives of the window
    """

    method: str
    brier: tuple[float, float, float]
    auc: tuple[float, float]
    explained: float
    positives: float


def recalibration(sums: Sums, reference: Range, window: Range) -> Recalibration | None:
    """A recalibration, where miscalibration explains more than half of a rise of the Brier score, and scores order rows
    as well as they did; else None.

    sums   by grain, with the histogram of a binary model's scores, which are probabilities

    The squared calibration errors are the unbiased ones; their difference has to lie above 0 by more than chance, and
    that of the areas under the ROC curve not (both by MOVER, from the intervals of each).
    Source: METHODS §9; Zou, Donner (2008), Statistics in Medicine 27, 1693-1702 for the differences.
    """
    before, now = (with_scores(sums.scores[""][slice(*each)].total()) for each in (reference, window))
    if min(each.sum() for part in (before, now) for each in (part.negatives, part.positives)) < FEW:
        return None
    rise = _brier(now) - _brier(before)
    if rise <= 0:
        return None
    scored = replace(sums, scores={"": with_scores(sums.scores[""])})
    errors = evaluate_windows(build("calibration_error_squared", "binary"), scored, [reference, window])
    areas = evaluate_windows(build("roc_auc", "binary"), scored, [reference, window])
    of_errors, of_areas = _difference(errors), _difference(areas)
    if of_errors is None or of_areas is None:
        return None
    error = _value(errors[1])
    more = error - _value(errors[0])
    if not (more > MOST * rise and of_errors[0] > 0 and of_areas[0] <= 0 <= of_areas[1]):
        return None
    positives = float(now.positives.sum())
    method = "isotonic" if positives >= FOR_ISOTONIC else "beta" if positives >= FOR_BETA else "Platt"
    brier = (_brier(before), _brier(now), _brier(now) - error)
    return Recalibration(method, brier, (_value(areas[0]), _value(areas[1])), min(more / rise, 1.0), positives)


def _brier(found: Histogram) -> float:
    """The Brier score, as if all scores of a bin of the fine grid were their mean."""
    rows = found.negatives + found.positives
    mean = np.divide(found.scored, rows, out=np.zeros_like(rows), where=rows > 0)
    return float((found.positives * (1 - mean) ** 2 + found.negatives * mean**2).sum() / rows.sum())


def _value(found: Evaluated) -> float:
    return float("nan") if isinstance(found.value, Undefined) else found.value


def _difference(found: list[Evaluated]) -> tuple[float, float] | None:
    """The ends of the second less the first; None where one has no interval."""
    first, second = found
    if first.interval is None or second.interval is None:
        return None
    gap = _value(second) - _value(first)
    below = np.hypot(_value(second) - second.interval.low, first.interval.high - _value(first))
    above = np.hypot(second.interval.high - _value(second), _value(first) - first.interval.low)
    return gap - float(below), gap + float(above)
