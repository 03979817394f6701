"""What looks say of a promise, as bets against it: one stream of evidence for each metric, target and slice.

A promise about a ratio is a promise about a mean of rows: ΣA/ΣB ≥ c says that A - cB is 0 or more on average. So every
confusion metric becomes a bet on a few kinds of rows, without a delta method (Waudby-Smith & Ramdas 2024, betting).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.metrics.errors import SizeQuantile, error_edges
from leadline.metrics.metric import (
    F1,
    ROWS,
    SQUARE,
    SUM,
    SUM_OF_SQUARES,
    WEIGHT,
    CountRatio,
    Mean,
    MeanShare,
    Metric,
    Share,
    divided,
)
from leadline.metrics.paired import Difference
from leadline.metrics.ranking import RocAuc, both_classes, quarters
from leadline.metrics.regression import ABSOLUTE, SQUARED
from leadline.metrics.sums import Array, Histogram, Sums
from leadline.stats.auc import binning_bound
from leadline.stats.growth import (
    effective_counts,
    group_areas,
    growth_of_figures,
    growth_of_gains,
    growth_of_groups,
    growth_of_losses,
    growth_of_sums,
    jaccard_target,
    mean_of_cells,
    mean_of_groups,
    share_gains,
)
from leadline.stats.overdispersion import confidence_among, overdispersion
from leadline.values import Target

#: a promise of 0 or 1 is taken as this near to it: one row would else be proof, and no number holds that
NEAREST = 1e-6
#: correlation of the rows of one look that is assumed as long as too few looks tell it: only what is plain is found
UNLEARNT = 0.1
#: by how much bins may blur an AUC: the real error is mostly 6 to 12 times smaller
HIDDEN = 0.1
#: positives in a group of rows whose AUC is one bet
GROUP_POSITIVES = 5.0


@dataclass(frozen=True)
class Stream:
    """What looks say of one promise. Arrays by look; NaN where a look has no figure.

    value     the figure of each look, as evidence reads it (of F1: the share TP / (TP + FP + FN))
    variance  its variance if rows were independent
    size      how many rows (of one weight) the figure rests on
    floor     how much more groups of entities differ than groups of independent rows, over the looks before; at least 1
    against   growth of the evidence that the promise is broken, shape (looks, bets)
    behind    growth of the evidence that it is kept, shape (looks, bets)
    """

    value: Array
    variance: Array
    size: Array
    floor: Array
    against: Array
    behind: Array


def stream(
    metric: Metric, sums: Sums, target: Target, entities: Sums | None = None, ranked: Histogram | None = None
) -> Stream:
    """The stream of one slice.

    sums      by look
    entities  by look and hash group of entities: rows of one entity stand or fall together
    ranked    for AUC: scores by look and hash group, shape (looks × groups, bins)
    """
    parts = metric.parts(sums)
    value, variance = _figure(metric, parts)
    if isinstance(metric, SizeQuantile):
        value, variance = _within(metric.sizes(sums), target.limit)
    if isinstance(metric, CountRatio):
        value, variance = _gained(metric, sums, target)
    if isinstance(metric, RocAuc) and ranked is not None:
        value, variance = mean_of_groups(group_figures(ranked, len(parts)))
        value = np.where(_in_order(parts), value, np.nan)
    size = np.asarray(metric.rows(parts), dtype=np.float64)
    floor = np.ones(len(parts))
    if entities is not None and metric.histogram is None:
        floor = _clustered(metric, parts, entities)
    phi = spread(value, variance, size, floor, 1)
    with np.errstate(over="ignore", invalid="ignore"):
        grown = [_growth(metric, sums, parts, side, ranked, phi) for side in (target, _opposite(target))]
    told = np.all([np.isfinite(each).all(axis=-1) for each in grown], axis=0)
    value = np.where(told, value, np.nan)
    against, behind = (np.where(told[:, None], each, 0.0) for each in grown)
    return Stream(value, variance, size, floor, against, behind)


def spread(value: Array, variance: Array, size: Array, floor: Array, slots: int) -> Array:
    """How much more looks differ than independent rows, told from the looks before; shape (..., looks).

    value, variance, size, floor   as in `Stream`, shape (..., looks)
    slots                          among how many slices a budget of false alarms is shared

    As long as too few looks tell it, rows of a look are taken to be as alike as `UNLEARNT` says. NaN where a look has
    no figure.
    """
    known = np.isfinite(value)
    with np.errstate(over="ignore", invalid="ignore"):  # steps too large for their squares make phi infinite
        told = overdispersion(value, np.where(known, variance, np.nan), floor, confidence_among(slots))
    assumed = np.maximum(1.0 + UNLEARNT * size, floor)
    return np.where(known, np.where(np.isnan(told), assumed, told), np.nan)


def _opposite(target: Target) -> Target:
    return Target("at_most" if target.side == "at_least" else "at_least", target.limit)


def _figure(metric: Metric, parts: Array) -> tuple[Array, Array]:
    """The figure of each look and its variance; a variance is of the figure that bets are about."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        value = metric.value(parts)
        if isinstance(metric, Share):
            value = np.where(np.isfinite(value), parts[..., 0] / parts[..., 1], np.nan)
        if isinstance(metric, Mean) and metric.root:
            value = value**2
        variance = np.full(value.shape, np.nan)
        known = np.isfinite(value)
        if known.any():
            variance[known] = metric.row_variance(parts[known])
        # numbers too large for their squares: such a look has no figure
        value = np.where(np.isfinite(value) & np.isfinite(variance) & (variance >= 0), value, np.nan)
    return value, variance


def _within(sizes: Array, limit: float) -> tuple[Array, Array]:
    """Share of the errors or latencies of each look, by bin, that are not surely above a limit, and its variance."""
    within = error_edges()[: sizes.shape[-1]] < limit
    rows = sizes.sum(-1)
    share = divided(sizes[..., within].sum(-1), rows)
    return share, divided(share * (1 - share), rows)


def _clustered(metric: Metric, parts: Array, entities: Sums) -> Array:
    """How much more groups of entities differ than groups of independent rows: over all looks before, at least 1."""
    groups = metric.parts(entities)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        known = np.isfinite(metric.value(parts))
        between, within = np.zeros(len(parts)), np.zeros(len(parts))
        if known.any():
            slope = metric.slope(parts[known])
            influence = (groups[known][..., : slope.shape[-1]] * slope[:, None, :]).sum(-1)
            count = influence.shape[-1]
            between[known] = (influence**2).sum(-1) * count / (count - 1)
            within[known] = metric.row_variance(parts[known])
        before = np.concatenate([[0.0], np.cumsum(between)[:-1]]), np.concatenate([[0.0], np.cumsum(within)[:-1]])
        return np.asarray(np.maximum(np.where(before[1] > 0, before[0] / before[1], 1.0), 1.0))


def _in_order(parts: Array) -> NDArray[np.bool_]:
    """Which looks are fed: those before which most looks had scores far enough apart for their bins to tell an order.

    parts   of an AUC by look

    A model may give all its scores between .50 and .51: then all rows of a look share a bin, which looks like an AUC of
    .5 and is none. Told from the looks before, so that scores that become all the same are found.
    """
    negatives, positives, *_ = quarters(parts)
    known = both_classes(parts)
    hidden = np.full(len(parts), np.nan)
    hidden[known] = binning_bound(negatives[known], positives[known])
    told = np.flatnonzero(known)
    fed = np.ones(len(parts), dtype=bool)
    for place, look in enumerate(told):
        fed[look] = np.median(hidden[told[: max(place, 1)]]) <= HIDDEN
    return fed


def _growth(metric: Metric, sums: Sums, parts: Array, target: Target, ranked: Histogram | None, phi: Array) -> Array:
    side, limit = (1.0 if target.side == "at_least" else -1.0), target.limit
    if isinstance(metric, F1):
        return _of_share(parts[..., 0], parts[..., 1], parts[..., 3], jaccard_target(inside(limit)), side)
    if isinstance(metric, Share):
        return _of_share(parts[..., 0], parts[..., 1], parts[..., 3], limit, side)
    if isinstance(metric, CountRatio):
        counts, gains = _of_ratio(metric, sums, target)
        if gains.size and gains.min() < 0 < gains.max():  # else no row, or every row, breaks the promise
            return growth_of_gains(counts, gains)
    if isinstance(metric, MeanShare):
        return _of_share(parts[..., SUM], parts[..., WEIGHT], parts[..., SQUARE], limit, side)
    if isinstance(metric, SizeQuantile):
        within, _ = _within(metric.sizes(sums), limit)
        rows = parts[..., WEIGHT]
        return _of_share(rows * np.nan_to_num(within), rows, parts[..., SQUARE], metric.q, -side)
    if isinstance(metric, Difference) and has_bet(metric):
        return of_difference(metric, parts, limit, side)
    if isinstance(metric, Mean) and metric.low == 0 and side < 0 and limit > 0:
        return _of_losses(metric, sums, parts, limit**2 if metric.root else limit)
    if isinstance(metric, RocAuc) and ranked is not None:
        figures = group_figures(ranked, len(parts))
        share = inside(limit)
        return growth_of_groups(figures, share) if side > 0 else growth_of_groups(1 - figures, 1 - share)
    value, variance = _figure(metric, parts)
    square = limit**2 if isinstance(metric, Mean) and metric.root else limit
    return growth_of_figures(side * value, variance, np.maximum(metric.size(parts), 1e-300), side * square, phi)


def inside(limit: float) -> float:
    """A promised share that bets can be made on: neither 0 nor 1."""
    return float(np.clip(limit, NEAREST, 1 - NEAREST))


def _of_share(hits: Array, rows: Array, squares: Array, limit: float, side: float) -> Array:
    """`squares` are Σw²: rows of unequal weight say as little as fewer of equal weight."""
    unit = np.divide(rows, squares, out=np.zeros_like(rows), where=squares > 0)
    counts = np.stack([hits * unit, np.maximum(rows - hits, 0.0) * unit], axis=-1)
    return growth_of_gains(counts, side * share_gains(inside(limit)))


def _of_ratio(metric: CountRatio, sums: Sums, target: Target) -> tuple[Array, Array]:
    """Rows by kind, and what a row of each gains: top - limit · bottom, which is 0 or more on average if it is kept."""
    side = 1.0 if target.side == "at_least" else -1.0
    gains = side * (metric.top(sums.classes) - target.limit * metric.bottom(sums.classes))
    used = gains != 0
    return effective_counts(sums.counts[..., used], sums.squares[..., used]), gains[used]


def _gained(metric: CountRatio, sums: Sums, target: Target) -> tuple[Array, Array]:
    """Mean gain of the rows of each look, and its variance."""
    counts, gains = _of_ratio(metric, sums, target)
    return mean_of_cells(counts, gains)


def _of_losses(metric: Mean, sums: Sums, parts: Array, limit: float) -> Array:
    errors = sums.sizes.get("errors")
    if errors is not None and metric.measure in (ABSOLUTE, SQUARED):
        lower = error_edges()[: errors.shape[-1]]
        return growth_of_losses(errors, lower if metric.measure == ABSOLUTE else lower**2, limit)
    weight, square = parts[..., WEIGHT], parts[..., SQUARE]
    some = square > 0
    unit = np.divide(weight, square, out=np.zeros_like(weight), where=some)
    rows = np.where(some, weight * unit, parts[..., ROWS] * 0)
    squares = np.divide(parts[..., SUM_OF_SQUARES], square, out=np.zeros_like(weight), where=some) * rows
    return growth_of_sums(rows, parts[..., SUM] * unit, squares, limit)


def has_bet(metric: Difference) -> bool:
    """Whether a bet that no difference can ruin gets anywhere: not where one can be 36, as of log losses."""
    return metric.high <= 1


def of_difference(metric: Difference, parts: Array, limit: float, side: float) -> Array:
    """Bets on the mean of bounded differences, from their sums; those of -1, 0 and 1 are told apart by these."""
    weight, square = parts[..., WEIGHT], parts[..., SQUARE]
    some = square > 0
    unit = np.divide(weight, square, out=np.zeros_like(weight), where=some)
    rows, total = weight * unit, parts[..., SUM] * unit
    squares = np.divide(parts[..., SUM_OF_SQUARES], square, out=np.zeros_like(weight), where=some) * rows
    if metric.steps:
        more, less = np.maximum(squares + total, 0.0) / 2, np.maximum(squares - total, 0.0) / 2
        counts = np.stack([less, np.maximum(rows - more - less, 0.0), more], axis=-1)
        return np.asarray(growth_of_gains(counts, side * (np.array([-1.0, 0.0, 1.0]) - limit)))
    # a row's gain is at most this, so 1 - gain / most is a loss >= 0, of at most 1 on average while the promise is kept
    most = metric.high - side * limit
    gains = side * (total - limit * rows)
    squared = squares - 2 * limit * total + limit**2 * rows
    losses = np.maximum(rows - gains / most, 0.0)
    return np.asarray(growth_of_sums(rows, losses, np.maximum(rows - 2 * gains / most + squared / most**2, 0.0), 1.0))


def group_figures(ranked: Histogram, looks: int) -> Array:
    """AUC of groups of rows, shape (looks, groups): NaN where a group has one class only."""
    shape = (looks, -1, ranked.positives.shape[-1])
    return group_areas(ranked.negatives.reshape(shape), ranked.positives.reshape(shape), GROUP_POSITIVES)
