"""Binary metrics that are read from the confusion counts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from leadline.metrics.metric import F1, NONE_DECIDED, CountFunction, CountRatio, Ends, Mask, Metric, Share
from leadline.metrics.sums import Array
from leadline.stats.design import Designs
from leadline.stats.macro import macro_recall_interval


def cells(*places: tuple[int, int], weight: float = 1.0) -> Mask:
    """The mask of some (predicted, actual) places of binary counts.

    >>> cells((1, 1))(2).tolist()
    [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    mask = np.zeros((3, 3))
    for place in places:
        mask[place] = weight
    mask.setflags(write=False)
    return lambda _: mask


TP, FP, FN, TN = (1, 1), (1, 0), (0, 1), (0, 0)
UNSCORED = ((2, 0), (2, 1))  # a label, but neither score nor prediction
LABELS = frozenset({"labels"})
DECIDED = frozenset({"labels", "prediction"})


def mcc(right: Array, predicted: Array, actual: Array) -> tuple[Array, Array, Array, Array]:
    """Matthews' correlation for any number of classes (Gorodkin 2004); NaN where one class is all there is."""
    rows = predicted.sum(-1, keepdims=True)
    hits = right.sum(-1, keepdims=True)
    top = hits * rows - (predicted * actual).sum(-1, keepdims=True)
    spread_p = rows**2 - (predicted**2).sum(-1, keepdims=True)
    spread_a = rows**2 - (actual**2).sum(-1, keepdims=True)
    below = np.sqrt(np.where((spread_p > 0) & (spread_a > 0), spread_p * spread_a, np.nan))
    value = top / below
    # `rows` is the sum of the rows predicted, so its share of the change is in that of `predicted`
    by_predicted = (hits - actual) / below - value * ((rows - predicted) / spread_p + rows / spread_a)
    by_actual = -predicted / below + value * actual / spread_a
    return value[..., 0], np.broadcast_to(rows / below, right.shape), by_predicted, by_actual


def macro_recall(
    right: Array,
    predicted: Array,  # noqa: ARG001  # fills `Figure`
    actual: Array,
) -> tuple[Array, Array, Array, Array]:
    """Mean of the recalls of the classes that occur."""
    found, classes = actual > 0, (actual > 0).sum(-1, keepdims=True)
    recall = np.divide(right, actual, out=np.zeros_like(actual), where=found)
    by_right = np.divide(1.0, actual * classes, out=np.zeros_like(actual), where=found)
    return recall.sum(-1) / classes[..., 0], by_right, np.zeros_like(actual), -recall * by_right


def _balanced_accuracy(right: Array, predicted: Array, actual: Array) -> tuple[Array, Array, Array, Array]:
    """Mean of recall and specificity; NaN where a class is missing."""
    value, *changes = macro_recall(right, predicted, actual)
    return np.where(actual.min(-1) > 0, value, np.nan), changes[0], changes[1], changes[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroRecall(CountFunction):
    """A mean of the classes' recalls, with the interval that is put together from the classes' own."""

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        counts, squares = self.counts(parts)
        return *macro_ends(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-2), squares.sum(-2), design), "mover"


def macro_ends(right: Array, rows: Array, squares: Array, design: Designs) -> tuple[Array, Array]:
    """Ends of the mean of right / rows over the classes that have rows; shape (windows, k) each."""
    ends = np.empty((len(rows), 2))
    for place in range(len(rows)):
        some = rows[place] > 0
        share = right[place][some] / rows[place][some]
        effective = rows[place][some] ** 2 / squares[place][some]
        ends[place] = macro_recall_interval(
            share * effective, effective, float(design.critical[place]), float(design.deff[place])
        )
    return ends[:, 0], ends[:, 1]


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
        bottom=lambda _: bottom_mask,
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
        top=lambda _: mask,
        bottom=cells(TP, FP, FN, TN),
        undefined=NONE_DECIDED,
        summary="Mean of the cost matrix over labelled rows.",
    )


def binary_confusion() -> tuple[Metric, ...]:
    """The metrics without parameters."""

    def share(
        name: str,
        better: str | None,
        hits: Mask,
        of: Mask,
        undefined: str,
        summary: str,
        needs: frozenset[str] = DECIDED,
    ) -> Metric:
        return Share(
            name=name, better=better, hits=hits, of_cells=of, undefined=undefined, summary=summary, needs=needs
        )

    decided = cells(TP, FP, FN, TN)
    return (
        share(
            "accuracy",
            "higher",
            cells(TP, TN),
            decided,
            NONE_DECIDED,
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
            of_cells=cells(TP, FP, FN),
            undefined="no actual and no predicted positives",
            summary="Harmonic mean of precision and recall.",
        ),
        MacroRecall(
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
            function=mcc,
            undefined="one class only, among labels or predictions",
            summary="Matthews' correlation of prediction and label.",
        ),
    )
