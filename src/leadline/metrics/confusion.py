"""Binary metrics that are read from the confusion counts."""

from __future__ import annotations

import math

import numpy as np

from leadline.metrics.metric import F1, CountFunction, CountRatio, Mask, Metric, Share
from leadline.metrics.sums import Array


def cells(*places: tuple[int, int], weight: float = 1.0) -> Mask:
    """The mask of some (predicted, actual) places of binary counts.

    >>> cells((1, 1))(2).tolist()
    [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    mask = np.zeros((3, 3))
    for place in places:
        mask[place] = weight
    mask.setflags(write=False)
    return lambda classes: mask


TP, FP, FN, TN = (1, 1), (1, 0), (0, 1), (0, 0)
UNSCORED = ((2, 0), (2, 1))  # a label, but neither score nor prediction
LABELS = frozenset({"labels"})
DECIDED = frozenset({"labels", "prediction"})


def _mcc(counts: Array) -> float:
    """Matthews' correlation of a 2 × 2 matrix [predicted, actual]; NaN where a row or column is empty."""
    tn, fn, fp, tp = counts[0, 0], counts[0, 1], counts[1, 0], counts[1, 1]
    below = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return float((tp * tn - fp * fn) / math.sqrt(below)) if below > 0 else math.nan


def _balanced_accuracy(counts: Array) -> float:
    """Mean of recall and specificity; NaN where a class is missing."""
    actual = counts.sum(axis=0)
    return float((counts[1, 1] / actual[1] + counts[0, 0] / actual[0]) / 2) if actual.min() > 0 else math.nan


def f_beta(beta: float) -> Metric:
    """F-beta: recall counts beta times as much as precision (van Rijsbergen 1979)."""
    b2 = beta * beta
    top = cells(TP, weight=1 + b2)
    bottom_mask = cells(TP, weight=1 + b2)(2) + cells(FN, weight=b2)(2) + cells(FP)(2)
    return CountRatio(
        name=f"f_beta(beta={beta:g})",
        better="higher",
        needs=DECIDED,
        top=top,
        bottom=lambda classes: bottom_mask,
        undefined="no actual and no predicted positives",
        summary="(1 + β²) TP / ((1 + β²) TP + β² FN + FP).",
    )


def cost(name: str, tp: float, fp: float, fn: float, tn: float, better: str) -> Metric:
    """Mean cost (or value) of a labelled row, by its place in the confusion matrix, in the matrix's own unit."""
    mask = np.zeros((3, 3))
    for place, price in ((TP, tp), (FP, fp), (FN, fn), (TN, tn)):
        mask[place] = price
    return CountRatio(
        name=name,
        better=better,
        low=-math.inf,
        high=math.inf,
        needs=DECIDED,
        top=lambda classes: mask,
        bottom=cells(TP, FP, FN, TN),
        undefined="no labelled rows with a prediction",
        summary="Mean of the cost matrix over labelled rows.",
    )


def binary_confusion() -> tuple[Metric, ...]:
    """The metrics without parameters."""

    def share(
        name: str, better: str | None, hits: Mask, of: Mask, undefined: str, summary: str, needs=DECIDED
    ) -> Metric:  # type: ignore[no-untyped-def]
        return Share(name=name, better=better, hits=hits, of=of, undefined=undefined, summary=summary, needs=needs)

    decided = cells(TP, FP, FN, TN)
    return (
        share(
            "accuracy",
            "higher",
            cells(TP, TN),
            decided,
            "no labelled rows with a prediction",
            "Share of labelled rows predicted right.",
        ),
        share(
            "precision",
            "higher",
            cells(TP),
            cells(TP, FP),
            "no predicted positives",
            "Share of predicted positives that are positive.",
        ),
        share(
            "recall",
            "higher",
            cells(TP),
            cells(TP, FN),
            "no actual positives",
            "Share of actual positives that were predicted positive.",
        ),
        share(
            "specificity",
            "higher",
            cells(TN),
            cells(TN, FP),
            "no actual negatives",
            "Share of actual negatives that were predicted negative.",
        ),
        share(
            "false_positive_rate",
            "lower",
            cells(FP),
            cells(TN, FP),
            "no actual negatives",
            "Share of actual negatives that were predicted positive.",
        ),
        share(
            "false_negative_rate",
            "lower",
            cells(FN),
            cells(TP, FN),
            "no actual positives",
            "Share of actual positives that were predicted negative.",
        ),
        share(
            "positive_rate",
            None,
            cells(TP, FN, UNSCORED[1]),
            cells(TP, FP, FN, TN, *UNSCORED),
            "no labelled rows",
            "Share of labelled rows that are positive.",
            LABELS,
        ),
        share(
            "predicted_positive_rate",
            None,
            cells(TP, FP, (1, 2)),
            cells(TP, FP, FN, TN, (0, 2), (1, 2)),
            "no rows with a prediction",
            "Share of rows, labelled or not, that were predicted positive.",
            frozenset({"prediction"}),
        ),
        F1(
            name="f1",
            better="higher",
            needs=DECIDED,
            hits=cells(TP),
            of=cells(TP, FP, FN),
            undefined="no actual and no predicted positives",
            summary="Harmonic mean of precision and recall.",
        ),
        CountFunction(
            name="balanced_accuracy",
            better="higher",
            needs=DECIDED,
            function=_balanced_accuracy,
            undefined="one class only",
            summary="Mean of recall and specificity.",
        ),
        CountFunction(
            name="mcc",
            better="higher",
            low=-1.0,
            needs=DECIDED,
            function=_mcc,
            undefined="one class only, among labels or predictions",
            summary="Matthews' correlation of prediction and label.",
        ),
    )
