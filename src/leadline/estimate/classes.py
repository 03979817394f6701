"""What the scores of several classes meant in the reference, and how far estimates from them may be off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from leadline.estimate.calibrator import Calibrator, calibrator
from leadline.estimate.leaves import left_over
from leadline.estimate.resampling import DRAWS, SEED, TOGETHER, refits, resampled
from leadline.metrics.expected import ClassSums, Scored, expected_of_classes, probability_bins
from leadline.metrics.metric import Mean, Metric
from leadline.metrics.multiclass import class_auc
from leadline.metrics.sums import Array, Histogram
from leadline.values import Undefined


def class_calibrators(references: Mapping[str, Histogram]) -> dict[str, Calibrator] | Undefined:
    """For each class, what its score meant: isotonic regression of one class against the rest.

    references   by class, labelled rows by bin of its score, shape (bins,) each

    All are on the bins of `probability_bins`, so that each has a chance for whatever score comes later. The chances of
    a row do not add up to 1: that is for each row to do. Undefined, and why, as soon as one class cannot be learnt.
    """
    fits = {}
    for name, reference in references.items():
        fit = calibrator(on_probability_bins(reference))
        if isinstance(fit, Undefined):
            return Undefined(f"class {name!r} against the rest: {fit.why}")
        fits[name] = fit
    return fits


def class_corrections(chance: Array, labels: Array) -> Array:
    """What each leaf adds to the chances of the classes, by prediction, shape (leaves, k + 1, k); adds up to 0 by row.

    chance   Σw · chance of the labelled rows of the reference by leaf, prediction and class, the same shape
    labels   Σw of those that are of the class

    As `estimate.leaves.corrections`, with the prediction in place of the score bin.
    """
    return left_over(chance.sum(-1), labels - chance)


def on_probability_bins(histogram: Histogram) -> Histogram:
    """The same rows on all bins that a probability can be in; the bins have no thresholds."""
    bins = probability_bins()
    place = np.searchsorted(_packed(bins), _packed(histogram.bins))

    def widened(values: Array) -> Array:
        found = np.zeros((*values.shape[:-1], len(bins)))
        found[..., place] = values
        return found

    return Histogram(
        negatives=widened(histogram.negatives),
        positives=widened(histogram.positives),
        negative_squares=widened(histogram.negative_squares),
        positive_squares=widened(histogram.positive_squares),
        scored=widened(histogram.scored),
        bins=bins,
    )


def _packed(bins: Array) -> Array:
    return bins[:, 0] * 1024 + bins[:, 1]


# Intervals ----------------------------------------------------------------------------------------------------------


def class_spread(
    metrics: Sequence[Metric],
    fits: Mapping[str, Calibrator],
    counts: Array,
    squares: Array,
    rows: ClassSums,
    level: float = 0.95,
) -> dict[str, tuple[Array, Array]]:
    """What to add to each estimate for the ends of its interval: name of the metric → low and high, shape (windows,).

    counts, squares   weight of the labelled rows of the reference by prediction and class, and of their squares;
                      shape (k + 1, k)
    rows              of the windows
    level             coverage, in (0, 1)

    As `estimate.resampling.resampled`, with a fixed seed. The calibrators' chance is drawn by prediction and class: in
    each of 200 draws the reference is resampled (Poisson), and the shares of a prediction's classes move as they do
    there; then labels of each window are drawn from them (multinomial, with the variance that the rows' own chances
    leave). The AUC of a class is one class against the rest, and the mean of several takes these as perfectly
    correlated, which is the most that there can be. Means of losses have none.
    """
    of_counts = [each for each in metrics if each.histogram is None and not isinstance(each, Mean)]
    found = _counted(of_counts, counts, squares, rows, level) if of_counts else {}
    of_scores = [each for each in metrics if each.histogram == "scores"]
    by_class = {
        name: _one_against_rest(fits[name], rows.scores[name], level)
        for name in dict.fromkeys(name for metric in of_scores for name in metric.of)
    }
    for metric in of_scores:
        low, high = np.mean([by_class[name] for name in metric.of], axis=0)
        found[metric.name] = (low, high)
    return found


def _one_against_rest(fit: Calibrator, found: Histogram, level: float) -> tuple[Array, Array]:
    metric = replace(class_auc("roc_auc", ""), of=("",))
    weight, square = found.negatives + found.positives, found.negative_squares + found.positive_squares

    def by_prediction(values: Array) -> Array:
        """A ranking does not read predictions: all rows as if they had none."""
        return np.stack([np.zeros_like(values), np.zeros_like(values), values], axis=-2)

    rows, squares, none = (by_prediction(values) for values in (weight, square, np.zeros_like(weight)))
    scored = Scored(rows, rows, squares, none, bins=found.bins)
    chance = np.divide(found.positives, weight, out=np.zeros_like(weight), where=weight > 0)
    return resampled([metric], refits(fit), scored, chance[..., None, :], level)[metric.name]


def _counted(
    metrics: Sequence[Metric], counts: Array, squares: Array, rows: ClassSums, level: float
) -> dict[str, tuple[Array, Array]]:
    rng = np.random.default_rng(SEED)
    unit = np.divide(squares, counts, out=np.ones_like(counts), where=counts > 0)
    again = unit * rng.poisson(np.broadcast_to(counts / unit, (DRAWS, *counts.shape))).astype(np.float64)
    moved = _shares(again) - _shares(counts)
    found = {metric.name: np.full((2, len(rows.rows)), np.nan) for metric in metrics}
    for start in range(0, len(rows.rows), TOGETHER):
        places = slice(start, start + TOGETHER)
        few = ClassSums(
            rows.rows[places], rows.weight[places], rows.square[places], rows.chance[places], rows.variance[places]
        )
        drawn = replace(few, chance=_labels(few, moved, rng))
        centre, sums = (expected_of_classes(each).sums for each in (few, drawn))
        for metric in metrics:
            values = metric.value(metric.parts(sums)) - metric.value(metric.parts(centre))
            known = np.isfinite(values).all(axis=0)  # a figure that some draws do not have has no interval
            if known.any():
                ends = np.quantile(values[:, known], [(1 - level) / 2, (1 + level) / 2], axis=0)
                found[metric.name][:, places][:, known] = ends
    return {name: (ends[0], ends[1]) for name, ends in found.items()}


def _labels(few: ClassSums, moved: Array, rng: np.random.Generator) -> Array:
    """Weights by prediction and class when labels are drawn, shape (draws, windows, k + 1, k)."""
    shares = _shares(few.chance)
    chance = _shares(np.maximum(shares + moved[:, None], 0.0))
    n = np.divide(few.weight**2, few.square, out=np.zeros_like(few.weight), where=few.square > 0)
    n = np.round(n).astype(np.int64)
    # a draw of as many rows of one chance varies more than one of rows that each have their own
    alike = (shares * (1 - shares)).sum(-1) * few.square
    less = np.sqrt(np.divide(few.variance.sum(-1), alike, out=np.ones_like(alike), where=alike > 0))
    drawn = rng.multinomial(np.broadcast_to(n, chance.shape[:-1]), chance) / np.maximum(n, 1)[..., None]
    far = np.where(n[..., None] > 0, drawn - chance, 0.0) * np.minimum(less, 1.0)[..., None]
    return np.asarray(np.maximum(chance + far, 0.0) * few.weight[..., None])


def _shares(weights: Array) -> Array:
    """Of a prediction's weight that of each class; equal ones where there is none."""
    total = weights.sum(-1, keepdims=True)
    return np.asarray(np.divide(weights, total, out=np.full_like(weights, 1 / weights.shape[-1]), where=total > 0))
