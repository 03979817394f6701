"""Metrics of models that choose one of several classes.

Rows count in the confusion metrics where they have both a label and a prediction. A class that a window does not have
has no recall there (not 0), and one that is never predicted no precision: averages leave it out, as scikit-learn does
with `zero_division=nan`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir
import numpy as np

from leadline.metrics.confusion import DECIDED, LABELS, MacroRecall, macro_ends, macro_recall, mcc
from leadline.metrics.losses import LEAST, MOST_LOSS
from leadline.metrics.metric import F1, NONE_DECIDED, CountFunction, Ends, Figure, Mask, Mean, MeanShare, Metric, Share
from leadline.metrics.ranking import RocAuc, effective
from leadline.metrics.sums import Array, Measure, Sums
from leadline.stats.auc import auc, auc_gradient, binning_bound, delong_variance, score_newcombe
from leadline.stats.design import Designs
from leadline.stats.macro import macro_f1_interval

SCORES = frozenset({"labels", "scores"})
PROBABILITIES = SCORES | {"probabilities"}
Changes = tuple[Array, Array, Array, Array]


# Averages over classes ------------------------------------------------------------------------------------------


def macro_precision(right: Array, predicted: Array, actual: Array) -> Changes:
    """Mean of the precisions of the classes that are predicted."""
    value, by_right, none, by_rows = macro_recall(right, actual, predicted)
    return value, by_right, by_rows, none


def macro_f1(right: Array, predicted: Array, actual: Array) -> Changes:
    """Mean of the F1 of the classes that occur or are predicted."""
    rows = predicted + actual
    classes = (rows > 0).sum(-1, keepdims=True)
    f1 = np.divide(2 * right, rows, out=np.zeros_like(rows), where=rows > 0)
    each = np.divide(1.0, rows * classes, out=np.zeros_like(rows), where=rows > 0)
    return f1.sum(-1) / classes[..., 0], 2 * each, -f1 * each, -f1 * each


def weighted_precision(right: Array, predicted: Array, actual: Array) -> Changes:
    """Mean of the precisions of the classes that are predicted, by how often they occur."""
    found = predicted > 0
    rows = np.where(found, actual, 0.0)
    total = rows.sum(-1, keepdims=True)
    precision = np.divide(right, predicted, out=np.zeros_like(right), where=found)
    value = (rows * precision).sum(-1, keepdims=True) / total
    each = np.divide(rows, predicted * total, out=np.zeros_like(right), where=found & (total > 0))
    return value[..., 0], each, -each * precision, np.where(found, (precision - value) / total, 0.0)


def weighted_f1(right: Array, predicted: Array, actual: Array) -> Changes:
    """Mean of the classes' F1, by how often they occur."""
    rows, total = predicted + actual, actual.sum(-1, keepdims=True)
    f1 = np.divide(2 * right, rows, out=np.zeros_like(rows), where=rows > 0)
    value = (actual * f1).sum(-1, keepdims=True) / total
    each = np.divide(actual, rows * total, out=np.zeros_like(rows), where=rows > 0)
    return value[..., 0], 2 * each, -each * f1, (f1 - value) / total - each * f1


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroPrecision(CountFunction):
    """The mean of the classes' precisions, with the interval that is put together from the classes' own."""

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        counts, squares = self.counts(parts)
        return *macro_ends(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1), squares.sum(-1), design), "mover"


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroF1(CountFunction):
    """The mean of the classes' F1, likewise."""

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        counts, squares = self.counts(parts)
        rows = counts * (counts.sum((-2, -1)) / squares.sum((-2, -1)))[:, None, None]
        ends = np.array(
            [
                macro_f1_interval(each.T, float(critical), float(deff))
                for each, critical, deff in zip(rows, design.critical, design.deff, strict=True)
            ]
        )
        return ends[:, 0], ends[:, 1], "mover"


def averages() -> tuple[Metric, ...]:
    """Figures of the whole confusion matrix, without parameters."""

    def right(name: str, summary: str) -> Metric:
        return Share(
            name=name,
            better="higher",
            needs=DECIDED,
            hits=_diagonal,
            of_cells=_decided,
            undefined=NONE_DECIDED,
            summary=summary,
        )

    def average(kind: type[CountFunction], function: Figure, summary: str, **more: str | float) -> Metric:
        told = {"undefined": NONE_DECIDED} | more
        return kind(name=function.__name__, better="higher", needs=DECIDED, function=function, summary=summary, **told)  # type: ignore[arg-type]  # `undefined` and `low`

    same = "the same as accuracy, as every row has one class."
    recall = "Mean of the recalls of the classes that occur."
    precision = "Mean of the precisions of the classes that are predicted"
    return (
        right("accuracy", "Share of labelled rows predicted right."),
        replace(average(MacroRecall, macro_recall, recall), name="balanced_accuracy"),
        average(MacroRecall, macro_recall, recall),
        average(MacroPrecision, macro_precision, f"{precision}."),
        average(MacroF1, macro_f1, "Mean of the F1 of the classes that occur or are predicted."),
        *(right(f"micro_{name}", f"{name.capitalize()} over all classes at once: {same}") for name in _AVERAGED),
        right("weighted_recall", f"Mean of the classes' recalls, by how often they occur: {same}"),
        average(
            CountFunction,
            weighted_precision,
            f"{precision}, by how often they occur.",
            undefined="no class that occurs is predicted",
        ),
        average(CountFunction, weighted_f1, "Mean of the classes' F1, by how often they occur."),
        average(
            CountFunction,
            mcc,
            "Matthews' correlation of prediction and label, for several classes (Gorodkin 2004).",
            undefined="one class only, among labels or predictions",
            low=-1.0,
        ),
    )


_AVERAGED = ("precision", "recall", "f1")


def _decided(classes: int) -> Array:
    mask = np.zeros((classes + 1, classes + 1))
    mask[:-1, :-1] = 1
    return mask


def _diagonal(classes: int) -> Array:
    mask = np.zeros((classes + 1, classes + 1))
    np.fill_diagonal(mask[:-1, :-1], 1)
    return mask


# One class ------------------------------------------------------------------------------------------------------

Place = tuple[int | slice, int | slice]
EVERY, KNOWN = slice(None), slice(None, -1)


def _cells(*places: Place) -> Mask:
    def mask(classes: int) -> Array:
        found = np.zeros((classes + 1, classes + 1))
        for place in places:
            found[place] = 1
        return found

    return mask


def precision(name: str, code: int) -> Metric:
    """Of the rows predicted to be of a class, the share that is."""
    return Share(
        name=name,
        better="higher",
        needs=DECIDED,
        hits=_cells((code, code)),
        of_cells=_cells((code, KNOWN)),
        undefined="no rows predicted to be of this class",
    )


def recall(name: str, code: int) -> Metric:
    """Of the rows of a class, the share that was predicted to be."""
    return Share(
        name=name,
        better="higher",
        needs=DECIDED,
        hits=_cells((code, code)),
        of_cells=_cells((KNOWN, code)),
        undefined="no rows of this class",
    )


def f1(name: str, code: int) -> Metric:
    """Harmonic mean of a class's precision and recall."""
    return F1(
        name=name,
        better="higher",
        needs=DECIDED,
        hits=_cells((code, code)),
        of_cells=_cells((code, KNOWN), (KNOWN, code)),
        undefined="no rows of this class, and none predicted to be",
    )


def predicted_rate(name: str, code: int) -> Metric:
    """Share of rows, labelled or not, that were predicted to be of a class."""
    return Share(
        name=name,
        better=None,
        needs=frozenset({"prediction"}),
        hits=_cells((code, EVERY)),
        of_cells=_cells((KNOWN, EVERY)),
        undefined="no rows with a prediction",
    )


def class_rate(name: str, code: int) -> Metric:
    """Share of labelled rows that are of a class."""
    return Share(
        name=name,
        better=None,
        needs=LABELS,
        hits=_cells((EVERY, code)),
        of_cells=_cells((EVERY, KNOWN)),
        undefined="no labelled rows",
    )


def confusion(name: str, predicted: int, actual: int) -> Metric:
    """One place of the confusion matrix, as a share of the labelled rows that have a prediction."""
    return Share(
        name=name,
        better=None,
        needs=DECIDED,
        hits=_cells((predicted, actual)),
        of_cells=_decided,
        undefined=NONE_DECIDED,
    )


# Scores ---------------------------------------------------------------------------------------------------------


def class_auc(name: str, of: str) -> Metric:
    """Chance that a row of the class has a higher score for it than a row of another class."""
    return RocAuc(name=name, better="higher", needs=PROBABILITIES, histogram="scores", of=(of,))


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroAuc(Metric):
    """Mean of the classes' one-vs-rest AUC, over the classes that occur.

    The same rows are in every class's AUC, and the histograms do not say how the classes' errors go together, so the
    row variance takes them as perfectly correlated, which is the most there can be. The variance between grains, which
    windows of 7 grains and more use, needs no such assumption.
    """

    def parts(self, sums: Sums) -> Array:
        """Negatives and positives by class and bin, then their squared weights; shape (..., 4 × classes × bins)."""
        found = [sums.scores[name] for name in self.of]
        bins = max(each.negatives.shape[-1] for each in found)

        def stacked(*names: str) -> Array:
            each = [getattr(one, name) for one in found for name in names]
            widened = [np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, bins - x.shape[-1])]) for x in each]
            return np.concatenate(widened, axis=-1)

        counts = stacked("negatives", "positives")
        return np.concatenate([counts, stacked("negative_squares", "positive_squares")], axis=-1)

    def _split(self, parts: Array) -> tuple[Array, Array, Array, Array, Array]:
        """Negatives, positives, their squares, shape (..., classes, bins), and which classes have an AUC."""
        each = parts.reshape(*parts.shape[:-1], 2, len(self.of), 2, -1)
        negatives, positives = each[..., 0, :, 0, :], each[..., 0, :, 1, :]
        known = (negatives.sum(-1) > 0) & (positives.sum(-1) > 0)
        # classes without an AUC get some rows here, and no say in the result
        some = known[..., None]
        squares = each[..., 1, :, 0, :], each[..., 1, :, 1, :]
        filled = [np.where(some, of, 1.0) for of in (negatives, positives, *squares)]
        return filled[0], filled[1], filled[2], filled[3], known

    @staticmethod
    def _mean(values: Array, known: Array) -> Array:
        count = known.sum(-1)
        total = np.where(known, values, 0.0).sum(-1)
        return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))

    def value(self, parts: Array) -> Array:
        negatives, positives, _, _, known = self._split(parts)
        return self._mean(auc(negatives, positives), known)

    def why(self, parts: Array) -> str:
        return "one class only" if parts.any() else "no labelled rows with a score"

    def row_variance(self, parts: Array) -> Array:
        *histograms, known = self._split(parts)
        of_negative, of_positive = auc_gradient(*histograms[:2])
        each = (of_negative**2 * histograms[2]).sum(-1) + (of_positive**2 * histograms[3]).sum(-1)
        return self._mean(np.sqrt(each), known) ** 2

    def slope(self, parts: Array) -> Array:
        negatives, positives, _, _, known = self._split(parts)
        share = (known / known.sum(-1, keepdims=True))[..., None]
        slopes = np.stack([share * slope for slope in auc_gradient(negatives, positives)], axis=-2)
        return slopes.reshape(*parts.shape[:-1], -1)

    def size(self, parts: Array) -> Array:
        each = parts.reshape(*parts.shape[:-1], 2, len(self.of), 2, -1)
        return np.asarray(each[..., 0, :, 1, :].sum((-2, -1)))

    def bound(self, parts: Array) -> Array:
        negatives, positives, _, _, known = self._split(parts)
        return self._mean(binning_bound(negatives, positives), known)

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        negatives, positives, negative_squares, positive_squares, known = self._split(parts)
        low, high = score_newcombe(
            auc(negatives, positives),
            effective(positives, positive_squares),
            effective(negatives, negative_squares),
            delong_variance(negatives, positives, negative_squares, positive_squares),
            design.critical[:, None],
            design.deff[:, None],
        )
        return self._mean(low, known), self._mean(high, known), "score_newcombe"


def macro_auc(classes: Sequence[str]) -> Metric:
    """The metric `roc_auc` without a class."""
    return MacroAuc(name="roc_auc", better="higher", needs=PROBABILITIES, histogram="scores", of=tuple(classes))


def _scored(facts: ir.Table) -> list[ir.Value]:
    names = [name for name in facts.columns if name.startswith("score_") and name[6:].isdigit()]
    return [facts[f"score_{code}"] for code in sorted(int(name[6:]) for name in names)]


def _of_actual(facts: ir.Table) -> ir.Value:
    """The score of the row's own class: 0 for a class without scores (the model thinks it impossible)."""
    scores = _scored(facts)
    cases = [(facts.actual == code, score) for code, score in enumerate(scores)]
    return ibis.cases(*cases, else_=scores[0] * 0.0)


def _labelled(classes: int, value: Callable[[ir.Table], ir.Value]) -> Callable[[ir.Table], ir.Value]:
    return lambda facts: ibis.ifelse(facts.actual < classes, value(facts), ibis.null("float64"))


def log_loss(classes: Sequence[str]) -> Metric:
    """As scikit-learn since 1.5: the scores of a row are not made to add up to 1."""

    def loss(facts: ir.Table) -> ir.Value:
        score = _of_actual(facts)
        return ibis.ifelse(score.isnull(), score, -ibis.greatest(ibis.least(score, 1 - LEAST), LEAST).ln())

    measure = Measure("log_loss", _labelled(len(classes), loss), MOST_LOSS)
    return Mean(
        name="log_loss",
        better="lower",
        high=MOST_LOSS,
        needs=PROBABILITIES,
        measure=measure,
        measures=(measure,),
        undefined="no labelled rows with scores",
    )


def top_k_accuracy(name: str, k: int, classes: Sequence[str]) -> Metric:
    """Share of labelled rows whose class is among the k best scored.

    Of equal scores the later class comes first, as in scikit-learn. A row that lacks a score is left out.
    """

    def hit(facts: ir.Table) -> ir.Value:
        scores, own = _scored(facts), _of_actual(facts)
        before = [
            ((score > own) | ((score == own) & (facts.actual < code))).cast("int64")
            for code, score in enumerate(scores)
        ]
        known = facts.actual < len(scores)
        return ((sum(before[1:], before[0]) < k) & known).cast("float64")

    measure = Measure(f"top_{k}", _labelled(len(classes), hit), 1.0)
    return MeanShare(
        name=name,
        better="higher",
        needs=SCORES,
        measure=measure,
        measures=(measure,),
        undefined="no labelled rows with scores",
    )
