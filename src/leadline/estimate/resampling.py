"""How far an estimate may be off if scores keep their meaning: by drawing the reference and the labels again."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from leadline.estimate.calibrator import Calibrator, fitted
from leadline.metrics.expected import Scored, bin_scores, expected, figure
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array

DRAWS = 200
SEED = 20_240_501
#: bins that are drawn; the fine ones are merged into them, for the spread of a figure hardly depends on their number
MERGED = 64
#: windows that are drawn together; more would only take more memory
TOGETHER = 8


@dataclass(frozen=True, slots=True)
class Refits:
    """A calibrator, and what it would be if the reference were drawn again; on bins that are merged.

    fit       the calibrator itself
    group     the merged bin of each of its bins
    base      its chance by merged bin
    chances   by draw, shape (draws, merged bins)
    """

    fit: Calibrator
    group: Array
    base: Array
    chances: Array
    #: after the draws, so that what is drawn next is independent of them
    _generator: np.random.Generator

    def generator(self) -> np.random.Generator:
        """For the labels: in the same state each time, so that windows come out the same whatever was drawn before."""
        return deepcopy(self._generator)


def refits(fit: Calibrator) -> Refits:
    """Resample the reference 200 times (Poisson) and fit the calibrator to each; the seed is fixed."""
    group = merged(fit.reference.negatives + fit.reference.positives, fit.reference.bins)
    member = _member(group)
    reference, rng = fit.reference, np.random.default_rng(SEED)
    positives, negatives = reference.positives @ member, reference.negatives @ member
    weight = positives + negatives
    some = np.maximum(weight, 1e-300)
    scores = ((reference.positives + reference.negatives) * bin_scores(reference.bins)) @ member / some
    plain = bin_scores(reference.bins) @ member / np.maximum(member.sum(0), 1)
    scores = np.maximum.accumulate(np.where(weight > 0, scores, plain))
    sums = np.stack([positives, negatives])
    squares = np.stack([reference.positive_squares, reference.negative_squares]) @ member
    units = np.divide(squares, sums, out=np.ones_like(sums), where=sums > 0)
    again = units * rng.poisson(sums / units, (DRAWS, *sums.shape))
    chances = np.array(
        [fitted(mine[0], mine.sum(0), scores) if mine.any() else fitted(positives, weight, scores) for mine in again]
    )
    return Refits(fit, group, fitted(positives, weight, scores), chances, rng)


def resampled(
    metrics: Sequence[Metric], again: Refits, scored: Scored, chance: Array, level: float = 0.95
) -> dict[str, tuple[Array, Array]]:
    """What to add to each estimate for the ends of its interval: name of the metric → low and high, shape (windows,).

    again    the calibrator, from `refits`
    scored   rows of the windows, shape (windows, 3, bins), on the calibrator's bins
    chance   of a positive in each cell, broadcast to that shape: the calibrator's, or what a finer estimator adds to it
    level    coverage, in (0, 1)

    In each of 200 draws the reference is resampled (Poisson) and the calibrator fitted again, and the labels of each
    window are drawn from it (binomial); the seed is fixed. Covers the chance in both, and *not* a change of what scores
    mean: measured .6 to .96 for 95 % on data where it changed a little (METHODS 1.1). NaN where there is no figure.
    """
    member, rng = _member(again.group), again.generator()
    coarse = _merged_rows(scored, member, again.group)
    more = (scored.weight * (chance - again.fit.chance)) @ member
    more = np.divide(more, coarse.weight, out=np.zeros_like(more), where=coarse.weight > 0)
    found = {metric.name: np.full((2, len(coarse.rows)), np.nan) for metric in metrics}
    for start in range(0, len(coarse.rows), TOGETHER):
        some_windows = slice(start, start + TOGETHER)
        few = coarse[some_windows]
        drawn = _labels(few, np.clip(again.chances[:, None, None, :] + more[some_windows], 0.0, 1.0), rng)
        centre = expected(few, np.clip(again.base + more[some_windows], 0.0, 1.0))
        sums = expected(few[None], drawn).sums
        for metric in metrics:
            values = metric.value(metric.parts(sums)) - figure(metric, centre)
            known = np.isfinite(values).all(axis=0)  # a figure that some draws do not have has no interval
            if known.any():
                ends = np.quantile(values[:, known], [(1 - level) / 2, (1 + level) / 2], axis=0)
                found[metric.name][:, some_windows][:, known] = ends
    return {name: (ends[0], ends[1]) for name, ends in found.items()}


def merged(weight: Array, bins: Array, most: int = MERGED) -> Array:
    """The number of the wider bin that each bin goes to, rising: about equal weight each, never across a threshold.

    most   wider bins, if there were no thresholds
    """
    share = np.cumsum(weight) / max(weight.sum(), 1e-300)
    quantile = np.minimum((share * most * (1 - 1e-12)).astype(int), most - 1)
    new = np.diff(quantile, prepend=quantile[:1]) + np.diff(bins[:, 2], prepend=bins[:1, 2]) > 0
    return np.cumsum(new)


def _member(group: Array) -> Array:
    """Which merged bin each bin belongs to, 0 or 1, shape (bins, merged bins)."""
    return np.asarray(group[:, None] == np.arange(group.max() + 1), np.float64)


def _merged_rows(scored: Scored, member: Array, group: Array) -> Scored:
    first = np.searchsorted(group, np.arange(member.shape[1]))
    return Scored(
        rows=scored.rows @ member,
        weight=scored.weight @ member,
        square=scored.square @ member,
        scored=scored.scored @ member,
        losses={name: np.einsum("...blp,bg->...glp", sums, member) for name, sums in scored.losses.items()},
        bins=scored.bins[first],
    )


def _labels(rows: Scored, chance: Array, rng: np.random.Generator) -> Array:
    """The share of positives in each cell when labels are drawn, shape (draws, windows, 3, bins)."""
    # rows of equal weight that say as much
    n = np.divide(rows.weight**2, rows.square, out=np.zeros_like(rows.weight), where=rows.square > 0)
    n = np.round(n).astype(np.int64)
    chance = np.broadcast_to(chance, (len(chance), *n.shape))
    drawn = rng.binomial(n, chance)
    return np.where(n > 0, drawn / np.maximum(n, 1), chance)
