"""What changed since the reference: how much the inputs explain, and how much only labels show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.special import stdtrit

from leadline.cells.fill import Cells
from leadline.cells.series import UNLABELLED
from leadline.estimate.leaves import Tree
from leadline.evaluation.leaves import CHANCE
from leadline.evaluation.losses import LossCells
from leadline.evaluation.without_labels import Range, WithoutLabels
from leadline.metrics.evaluate import Evaluated
from leadline.metrics.metric import SQUARE, SQUARE_SUM, SUM, SUM_OF_SQUARES, WEIGHT, Metric, divided
from leadline.metrics.sums import Array, Measure
from leadline.values import ALL_ROWS, Change, LeafChange, Undefined, Window

#: labelled rows of a leaf, in the reference and in the window, below which nothing is said of it
LEAST_ROWS = 50
#: grains from which rows of a grain may stand or fall together in the interval
LEAST_GRAINS = 7
#: the ends of a spread that is not known
UNKNOWN = (np.array([np.nan]), np.array([np.nan]))


def changes(
    without: WithoutLabels, place: Range, window: Window, evaluated: Callable[[Metric], Evaluated]
) -> Iterator[Change]:
    """One for each metric that has a figure of labels in the window and an estimate.

    place      the grains of the window, all mature and after the reference
    evaluated  a metric of the window, from labels
    """
    if not without.usable:
        return
    spread = without.spread([place])
    for metric, found in zip(without.fitted_metrics, without.expected(place), strict=True):
        of_labels, estimates = evaluated(metric), without.usable[metric.name]
        estimate, reference = float(found), estimates.constant
        if isinstance(of_labels.value, Undefined) or not np.isfinite([estimate, reference]).all():
            continue
        more = of_labels.value - estimate
        low = high = None
        below, above = (float(each[0]) for each in spread.get(metric.name, UNKNOWN))
        if of_labels.interval is not None and np.isfinite([below, above]).all():
            # labels of days that move together, and a calibrator that was fitted on few rows
            low = more - float(np.hypot(of_labels.value - of_labels.interval.low, above))
            high = more + float(np.hypot(of_labels.interval.high - of_labels.value, below))
        yield Change(metric.name, ALL_ROWS, window, reference, of_labels.value, estimate - reference, more, low, high)


def leaf_changes(cells: Cells, tree: Tree, fitted_until: int, place: Range, window: Window) -> list[LeafChange]:
    """One for each leaf with enough labelled rows: mean of label - chance in the window, less that of the reference.

    cells   rows by grain, leaf and label, with the sum of their calibrated chance
    """
    labelled = cells.where(cells.keys["actual"] < UNLABELLED)
    return _apart(labelled, tree.names(), _left_by_grain, fitted_until, place, window, chosen=True)


def loss_changes(
    losses: LossCells, measure: Measure, fitted_until: int, place: Range, window: Window
) -> list[LeafChange]:
    """The same of a regression: the mean loss of a leaf in the window, less that of the reference."""

    def by_grain(cells: Cells, begin: int, after: int) -> Sequence[Array]:
        return _loss_by_grain(cells, measure, begin, after)

    return _apart(losses.cells, losses.tree.names(), by_grain, fitted_until, place, window)


ByGrain = Callable[[Cells, int, int], Sequence[Array]]
"""Some cells and a range of grains → by grain Σw, Σwx, and the variance that Σwx has if rows are independent."""


def _apart(
    cells: Cells,
    names: Sequence[str],
    by_grain: ByGrain,
    fitted_until: int,
    place: Range,
    window: Window,
    chosen: bool = False,
) -> list[LeafChange]:
    """How far the mean of x lies from that of the reference in each leaf with enough rows; `names` are the leaves'.

    chosen   leaves were chosen for what x is in the reference: chance has a part in that, and it may as well be as near
             to 0 as its interval reaches
    """
    found = []
    for leaf, name in enumerate(names):
        mine = cells.where(cells.keys["leaf"] == leaf)
        before, after = (by_grain(mine, *ends) for ends in ((0, fitted_until), place))
        if min(before[0].sum(), after[0].sum()) < LEAST_ROWS:
            continue
        (old, old_variance), (new, new_variance) = _mean(*before), _mean(*after)
        grains = min((before[0] > 0).sum(), (after[0] > 0).sum())
        # of all leaves together: some would else lie apart by chance
        sure = float(stdtrit(max(grains - 1, LEAST_GRAINS - 1), 1 - 0.025 / len(names)))
        change, half = new - old, sure * float(np.sqrt(old_variance + new_variance))
        ends = [change - half, change + half]
        if chosen:
            surely = float(np.sign(old)) * max(abs(old) - sure * float(np.sqrt(old_variance)), 0.0)
            alone = sure * float(np.sqrt(new_variance))
            ends += [new - surely - alone, new - surely + alone]
        found.append(LeafChange(name, window, int(after[0].sum()), old, new, change, min(ends), max(ends)))
    return found


def _loss_by_grain(cells: Cells, measure: Measure, begin: int, after: int) -> Sequence[Array]:
    """By grain: Σw, Σw · loss, Σw²(loss - mean)²."""
    inside = cells.where((cells.keys["grain"] >= begin) & (cells.keys["grain"] < after))
    sums = np.zeros((max(after - begin, 1), 6))
    np.add.at(sums, inside.keys["grain"] - begin, inside.losses[measure.name])
    mean = divided(sums[:, SUM].sum(), sums[:, WEIGHT].sum())
    left = sums[:, SUM_OF_SQUARES] - 2 * mean * sums[:, SQUARE_SUM] + mean**2 * sums[:, SQUARE]
    return sums[:, WEIGHT], sums[:, SUM], np.maximum(left, 0.0)


def _left_by_grain(cells: Cells, begin: int, after: int) -> Sequence[Array]:
    """By grain: Σw, Σw(y - c), Σw²c(1 - c)."""
    inside = cells.where((cells.keys["grain"] >= begin) & (cells.keys["grain"] < after))
    at, size = inside.keys["grain"] - begin, max(after - begin, 1)
    chance = inside.losses[CHANCE][:, 3]
    mean = np.divide(chance, inside.weight, out=np.zeros_like(chance), where=inside.weight > 0)
    sums = (inside.weight, inside.weight * (inside.keys["actual"] == 1) - chance, inside.square * mean * (1 - mean))
    return [np.bincount(at, weights=values, minlength=size).astype(np.float64) for values in sums]


def _mean(rows: Array, left: Array, variance: Array) -> tuple[float, float]:
    """Σx / n and its variance: between grains where there are enough, never less than between rows."""
    n = rows.sum()
    mean = float(left.sum() / n)
    of_rows = float(variance.sum() / n**2)
    some = rows > 0
    grains = int(some.sum())
    if grains < LEAST_GRAINS:
        return mean, of_rows
    apart = float(((left - mean * rows)[some] ** 2).sum() / n**2 * grains / (grains - 1))
    return mean, max(apart, of_rows)
