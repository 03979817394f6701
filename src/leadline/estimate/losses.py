"""Leaf-DLE: how large the loss of a kind of rows was in the reference, told by a shallow tree.

Direct loss estimation (DLE) predicts the loss of each row. Here the prediction is the mean of the row's leaf, over
features and the model's own prediction, so that a window needs no more than its rows by leaf: post-stratification
(METHODS 1.4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri, stdtrit

from leadline.estimate.leaves import TELLS_THE_LABEL, LeafRows, Tree, Values, shallow_tree
from leadline.estimate.resampling import DRAWS, SEED
from leadline.metrics.metric import ROWS, SQUARE, SQUARE_SUM, SUM, SUM_OF_SQUARES, WEIGHT, Mean, Metric, divided
from leadline.metrics.regression import ABSOLUTE, SIGNED, SQUARED
from leadline.metrics.sums import Array
from leadline.values import Undefined

#: losses that are estimated, and the metrics that are their means or the root of one
LOSSES = (ABSOLUTE, SQUARED, SIGNED)
#: labelled rows with a prediction that a reference needs
LEAST_ROWS = 500
#: more than for scores, whose calibration already tells the most
MOST_LEAVES = 48
#: equal losses below which it is said that few rows of the reference make the mean
FEW_LOSSES = 100
#: windows of the reference from which they tell how far windows vary
LEAST_WINDOWS = 7


def can_expect_loss(metric: Metric) -> bool:
    """Whether a metric of a regression is the mean of a loss that is estimated, or its root: mae, mse, rmse, bias."""
    return isinstance(metric, Mean) and metric.measure in LOSSES


def loss_tree(names: Sequence[str], columns: Sequence[Values], losses: Array) -> Tree | Undefined:
    """The tree on the losses of a sample of the reference, or why there is none.

    columns   values by feature, at least one
    losses    shape (rows,)
    """
    if not len(losses):
        return Undefined("the reference has no labelled rows with a prediction")
    with np.errstate(over="ignore"):
        too_large = not np.isfinite(losses @ losses)
    if too_large:
        return Undefined("losses of the reference are too large for double precision: look for wrong labels")
    tree, _ = shallow_tree(names, columns, losses, MOST_LEAVES)
    if tree.leaves < 2:
        return Undefined("nothing that is known before the label tells how large the loss is")
    return tree


def tell_the_label(names: Sequence[str], columns: Sequence[Values], errors: Array) -> bool:
    """Whether features tell more than half of what the prediction does not tell of its error: they know the label.

    columns   values by feature; the first is the prediction
    errors    prediction - label, shape (rows,)
    """
    with np.errstate(over="ignore"):
        usable = len(errors) and np.isfinite(errors @ errors)
    if len(names) < 2 or not usable:
        return False
    by_prediction, by_all = (shallow_tree(names[:some], columns[:some], errors, MOST_LEAVES)[1] for some in (1, None))
    return by_all < (1 - TELLS_THE_LABEL) * by_prediction


def leaf_means(reference: Array) -> Array:
    """The mean loss of each leaf in the reference, shape (leaves,); that of all rows where a leaf has none.

    reference   sums of the loss by leaf as in `Sums.losses`, shape (leaves, 6)

    Not drawn towards the mean of all rows: the estimate of the reference itself is then its figure.
    """
    total = reference.sum(axis=0)
    means = divided(reference[:, SUM], reference[:, WEIGHT])
    return np.where(np.isfinite(means), means, divided(total[SUM], total[WEIGHT]))


def expected_loss(metric: Metric, rows: LeafRows, means: Array) -> Array:
    """The figure that is expected of rows: Σ weight of the leaf · mean loss of the leaf / Σ weight, or its root.

    means   shape (leaves,), or broadcast to that of the rows

    Shape (...); NaN where there are no rows. Source: post-stratification, Holt and Smith (1979).

    >>> from leadline.metrics.regression import regression_metrics
    >>> mae = regression_metrics()[0]
    >>> float(expected_loss(mae, LeafRows(np.array([30.0, 10.0]), np.array([30.0, 10.0])), np.array([1.0, 5.0])))
    2.0
    """
    return _figure(metric, _summed(rows, means), rows)


def _summed(rows: LeafRows, means: Array) -> Array:
    return np.asarray((rows.weight * means).sum(-1))


def _figure(metric: Metric, summed: Array, rows: LeafRows) -> Array:
    """A metric of rows from their expected Σ weight · loss."""
    parts = np.zeros((*summed.shape, 6))
    parts[..., WEIGHT], parts[..., SUM] = rows.weight.sum(-1), summed
    return metric.value(parts)


def leaf_variances(reference: Array) -> Array:
    """The variance of the loss of a leaf's rows, shape (leaves,), from sums by leaf; 0 for a leaf of one row."""
    means, rows = leaf_means(reference), reference[:, ROWS]
    left = reference[:, SUM_OF_SQUARES] - 2 * means * reference[:, SQUARE_SUM] + means**2 * reference[:, SQUARE]
    left = np.where(rows > 1, np.maximum(left, 0.0) * rows / np.maximum(rows - 1, 1), 0.0)
    return np.divide(left, reference[:, SQUARE], out=np.zeros_like(left), where=reference[:, SQUARE] > 0)


def equal_losses(total: Array) -> float:
    """How many equal losses would tell as much of their mean: (Σwx)² / Σw²x²; of losses that are not below 0.

    total   sums of the loss over all rows as in `Sums.losses`, shape (6,)

    Small where a few rows make most of the mean; infinite where all losses are 0. Source: Kish (1965), Survey Sampling.

    >>> equal_losses(np.array([3.0, 3.0, 3.0, 2 + 2 + 2, 6.0, 4 + 4 + 4]))
    3.0
    """
    squares = float(total[SUM_OF_SQUARES])
    return float(total[SUM]) ** 2 / squares if squares > 0 else math.inf


def stretch(reference: Array, windows: Array) -> float:
    """By how much windows lie farther from their estimates than they would if rows were independent; at least 1.

    reference   sums of the loss by leaf, shape (leaves, 6)
    windows     the same by window of the reference, shape (windows, leaves, 6)

    The root of Σ(Σw(x - m))² / Σ(Σw²·variance), and for few windows the quantile of a t distribution in place of a
    normal one. 1 below 7 windows, of which nothing can be told.
    Source: overdispersion by Pearson's statistic, McCullagh and Nelder (1989), 4.5.
    """
    left = (windows[..., SUM] - windows[..., WEIGHT] * leaf_means(reference)).sum(-1)
    by_rows = (windows[..., SQUARE] * leaf_variances(reference)).sum(-1)
    count = int((by_rows > 0).sum())
    if count < LEAST_WINDOWS:
        return 1.0
    ratio = float((left[by_rows > 0] ** 2).sum() / by_rows.sum()) * count / (count - 1)
    return math.sqrt(max(ratio, 1.0)) * float(stdtrit(count - 1, 0.975) / ndtri(0.975))


def resampled_loss(
    metric: Metric, reference: Array, rows: LeafRows, stretched: float = 1.0, level: float = 0.95
) -> tuple[Array, Array]:
    """What to add to each estimate for the ends of its interval: low and high, shape (windows,).

    reference   sums of the loss by leaf, shape (leaves, 6)
    rows        of the windows, shape (windows, leaves)
    stretched   by how much windows vary more than independent rows: `stretch`
    level       coverage, in (0, 1)

    In each of 200 draws the mean loss of each leaf is drawn, and from it that of each window's rows in the leaf: gamma
    distributed with the leaf's mean and variance, normal where losses have both signs; the seed is fixed. The rows by
    leaf are seen, so that they are not drawn. Covers the chance in the reference and in the labels to come, and *not* a
    change of the losses of a leaf; too narrow where the variance of losses hangs on a few rows. NaN where there is no
    figure, and where no leaf's losses vary.
    """
    means, variance = leaf_means(reference), leaf_variances(reference)
    rng, signed = np.random.default_rng(SEED), metric.low < 0

    def shares(square: Array, weight: Array) -> Array:
        """The part of a row's variance that is left in a mean of rows."""
        return np.divide(square, weight**2, out=np.zeros_like(weight), where=weight > 0)

    of_reference = variance * shares(reference[:, SQUARE], reference[:, WEIGHT])
    again = _drawn(rng, np.broadcast_to(means, (DRAWS, len(means))), of_reference, signed)
    of_rows = variance * shares(rows.square, rows.weight)
    drawn = _drawn(rng, np.broadcast_to(again[:, None, :], (DRAWS, *rows.weight.shape)), of_rows, signed)
    centre = _summed(rows, means)
    values = _figure(metric, centre + stretched * (_summed(rows, drawn) - centre), rows) - _figure(metric, centre, rows)
    known = np.isfinite(values).all(axis=0) & (values.max(axis=0) > values.min(axis=0))
    ends = np.full((2, len(known)), np.nan)
    if known.any():
        ends[:, known] = np.quantile(values[:, known], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends[0], ends[1]


def _drawn(rng: np.random.Generator, means: Array, variance: Array, signed: bool) -> Array:
    """Numbers with these means and variances, of the shape of `means`; the mean itself where there is no variance."""
    variance = np.broadcast_to(variance, means.shape)
    if signed:
        return means + np.sqrt(variance) * rng.standard_normal(means.shape)
    varies = (variance > 0) & (means > 0)
    scale = np.divide(variance, means, out=np.ones_like(means), where=varies)
    found = rng.gamma(np.where(varies, means / scale, 1.0), scale)
    return np.where(varies, found, means)
