"""Calibration of an evaluation: reliability over the latest window beside the reference, and what it advises."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from leadline.estimate.calibration import Range, recalibration, reliability, shared_bins, with_scores
from leadline.log.reference import GUESSED_DAYS, GUESSED_SHARE
from leadline.metrics.sums import Histogram
from leadline.values import ALL_ROWS, Note, Reliability

if TYPE_CHECKING:
    from leadline.evaluation.estimates import Evaluation


def reference_range(found: Evaluation) -> Range | None:
    """The grains of the reference whose labels are in; None where it has a source of its own, without labels.

    Where nothing needed a reference, it is what would be guessed: the first mature quarter, 30 days at most.
    """
    if found.spec.reference is not None and found.spec.reference.source is not None:
        return None
    first, mature = found.series.first, found.mature_until
    if found.reference.until is not None:
        after = found.grain.number_of(found.reference.until) - first
    else:
        running = np.cumsum(found.total.rows[:mature])
        after = int(np.searchsorted(running, GUESSED_SHARE * running[-1])) + 1 if mature else 0
        most = found.grain.number_of(found.grain.start(first) + timedelta(days=GUESSED_DAYS)) - first
        after = min(after, max(most, 1))
    after = min(after, mature)
    return (0, after) if after > 0 else None


def latest_range(found: Evaluation) -> Range | None:
    """The latest window whose labels are in, without what is the reference."""
    latest, reference = found.latest(), reference_range(found)
    if latest is None:
        return None
    begin = max(latest[0], reference[1] if reference is not None and reference[1] < latest[1] else 0)
    return begin, latest[1]


def reliabilities(found: Evaluation) -> Iterator[Reliability]:
    """Of all rows, and of the slices of objectives that read scores; nothing where scores are no probabilities."""
    window = latest_range(found)
    if window is None or found.spec.task != "binary" or found.reference.edges is not None:
        return
    if ("scores", "") not in found.series.pieces:
        return
    reference = reference_range(found)
    whole = found.total.scores[""]
    now = with_scores(whole[slice(*window)].total())
    before = None if reference is None else with_scores(whole[slice(*reference)].total())
    joined = shared_bins(now if before is None or not _rows(before) else before)
    if _rows(now):
        then = () if before is None else reliability(before, joined)
        yield Reliability(ALL_ROWS, found.window(*window), reliability(now, joined), then)
    for place, partition in enumerate(found.reference.partitions):
        judged = any(partition.name in objective.slices for objective in found.spec.objectives)
        if not judged or ("slice_scores", place, "") not in found.series.pieces:
            continue
        for code in found.codes_with_rows(place):
            of_slice = with_scores(found.series.sums(place, code).scores[""][slice(*window)].total())
            if _rows(of_slice):
                bins = reliability(of_slice, shared_bins(of_slice))
                yield Reliability(found.slice_of(partition, code), found.window(*window), bins)


def _rows(found: Histogram) -> float:
    return float(found.negatives.sum() + found.positives.sum())


def advice(found: Evaluation) -> Iterator[Note]:
    """That scores should be recalibrated, where that explains why the Brier score rose."""
    window, reference = latest_range(found), reference_range(found)
    probabilities = found.spec.task == "binary" and found.reference.edges is None
    if window is None or reference is None or not probabilities or ("scores", "") not in found.series.pieces:
        return
    if reference[1] > window[0]:
        return
    made = recalibration(found.total, reference, window)
    if made is None:
        return
    before, now, then = made.brier
    yield Note(
        "recalibrate",
        f"Scores no longer come true as often as they say: the Brier score rose from {before:.4g} in the reference to"
        f" {now:.4g}, and calibration explains {100 * made.explained:.0f} % of that, while scores order rows as well as"
        f" before (ROC AUC {made.auc[1]:.3f}, was {made.auc[0]:.3f}). Fit {_article(made.method)} map of the scores on"
        f" the latest labels ({made.positives:,.0f} positives): the Brier score would fall to about {then:.4g}.",
    )


def _article(method: str) -> str:
    return {"isotonic": "an isotonic", "beta": "a beta"}.get(method, "a Platt")
