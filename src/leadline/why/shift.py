"""Whether the data or the world changed: the terms of a change over kinds of rows, with what is sure of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leadline.metrics.metric import Mean, Metric
from leadline.metrics.sums import Array, Sums
from leadline.stats.difference import Errors, Influences, errors
from leadline.stats.shift import Figure, Shift, shift


@dataclass(frozen=True, slots=True)
class KindRows:
    """Labelled rows of some grains by kind: of counts, Σw by (predicted, actual); of a loss, Σw and Σwx.

    sums      by grain, shape (grains, kinds, sums)
    moments   Σ over rows of the products of what each adds to the sums, shape (kinds, sums, sums)
    """

    sums: Array
    moments: Array

    @property
    def total(self) -> Array:
        """Over all grains, shape (kinds, sums)."""
        return np.asarray(self.sums.sum(axis=0))


def of_counts(metric: Metric, classes: int) -> tuple[Figure, Array]:
    """The figure of a metric from counts by (predicted, actual), flat on the last axis, and what of them is a row."""
    side = classes + 1

    def figure(counts: Array) -> Array:
        square = counts.reshape(*counts.shape[:-1], side, side)
        nothing = np.zeros(square.shape[:-2])
        with np.errstate(divide="ignore", invalid="ignore"):
            return metric.value(metric.parts(Sums(nothing, nothing, nothing, nothing, square, square)))

    return figure, np.ones(side * side)


def of_loss(metric: Mean) -> tuple[Figure, Array]:
    """The figure of a mean of losses from (Σw, Σwx), and what of these is a row."""

    def figure(sums: Array) -> Array:
        weight, total = sums[..., 0], sums[..., 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(weight > 0, total / weight, np.nan)
            return np.sqrt(np.maximum(mean, 0.0)) if metric.rooted else mean

    return figure, np.array([1.0, 0.0])


def told_apart(
    first: KindRows, second: KindRows, before: KindRows, figure: Figure, rows: Array
) -> tuple[Shift, Errors] | None:
    """The terms of the change from the first to the second window, with their errors; None where nothing can be told.

    before   the grains before the second window, for where it has few of its own

    Nothing can be told of numbers too large for their squares.
    """
    if not all(np.isfinite(each.moments).all() for each in (first, second, before)):
        return None
    found = shift(first.total, second.total, figure, rows)
    if found is None:
        return None
    sides = [_influences(each, slope, rows) for each, slope in zip((first, second), found.slopes, strict=True)]
    earlier = _influences(before, found.slopes[1], rows) if len(before.sums) > 1 else None
    histories: Sequence[Influences | None] = [None, earlier]
    return found, errors(sides, histories)


def _influences(side: KindRows, slope: Array, rows: Array) -> Influences:
    by_rows = np.einsum("tks,ksr,tkr->t", slope, side.moments, slope)
    by_grain = np.einsum("tks,gks->tg", slope, side.sums)
    size = np.broadcast_to((side.sums @ rows).sum(axis=1), by_grain.shape)
    return Influences(np.maximum(by_rows, 0.0), by_grain, size)
