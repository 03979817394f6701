"""Labelled rows by kind: by leaf of the tree over features and by score, or of a regression by leaf of its loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from leadline.cells.fill import Cells, Ints
from leadline.cells.series import Series
from leadline.evaluation.leaves import LeafCells
from leadline.evaluation.losses import LossCells
from leadline.metrics.metric import SQUARE, SQUARE_SUM, SUM, SUM_OF_SQUARES, WEIGHT, Mean, Metric
from leadline.metrics.sums import LINEAR_BINS, Array
from leadline.stats.shift import Figure, merged, of_equal_rows
from leadline.why.shift import KindRows, of_counts, of_loss

#: rows of the reference that a leaf needs in a score bin to be a kind of its own
LEAST_ROWS = 50
#: wide bins of scores where there are no leaves
EQUAL_ROWS, EIGHTHS = 16, 8
#: grains before a window that tell how much grains differ
HISTORY = 28

Range = tuple[int, int]
Read = Callable[[int, int], KindRows]
"""The first grain and the one after the last → the rows by kind."""


@dataclass(frozen=True)
class Kinds:
    """Rows of a model by kind, for the metrics that can be read from them.

    fitted_until   number of leading grains that are the reference
    """

    series: Series
    leaves: LeafCells | None
    losses: dict[str, LossCells]
    fitted_until: int

    def of(self, metric: Metric) -> tuple[Read, Figure, Array] | None:
        """How rows are read for a metric, its figure of their sums, and what of these counts rows; None without."""
        if isinstance(metric, Mean) and metric.measure.name in self.losses:
            losses = self.losses[metric.measure.name]
            return lambda begin, after: _by_loss(losses, metric.measure.name, begin, after), *of_loss(metric)
        counted = metric.histogram is None and not metric.measures and "labels" in metric.needs
        if not counted or self._coded is None:
            return None
        cells, kind = self._coded
        classes = self.series.classes
        return lambda begin, after: _by_count(cells, kind, classes, begin, after), *of_counts(metric, classes)

    @cached_property
    def _coded(self) -> tuple[Cells, Ints] | None:
        """Labelled rows with a score, and the number of the kind of each cell."""
        if self.series.classes != 2:
            return None
        if self.leaves is not None:
            cells = self.leaves.cells
            leaf, wide, leaves = cells.keys["leaf"], cells.keys["wide"], self.leaves.tree.leaves
        elif ("scores", "") in self.series.pieces:
            cells, bins = self.series.binned(("scores", ""))
            known = (cells.keys["actual"] < self.series.classes) & (cells.keys["grain"] < self.fitted_until)
            of_bin = np.bincount(cells.keys["bin"][known], weights=cells.rows[known], minlength=len(bins))
            wide = wide_bins(bins, of_bin.astype(np.float64))[cells.keys["bin"]]
            leaf, leaves = np.zeros(len(cells), np.int64), 1
        else:
            return None
        labelled = cells.keys["actual"] < self.series.classes
        cells, leaf, wide = cells.where(labelled), leaf[labelled], wide[labelled]
        inside = cells.keys["grain"] < self.fitted_until
        count = int(wide.max(initial=0)) + 1
        rows = np.bincount((leaf * count + wide)[inside], weights=cells.rows[inside], minlength=leaves * count)
        return cells, merged(rows.reshape(leaves, count), LEAST_ROWS)[leaf, wide]


def wide_bins(bins: Array, rows: Array) -> Ints:
    """The wide score bin of each bin: 16 of about equally many rows of the reference, parted where one is wide.

    bins   as `Series.binned` gives them
    rows   of the reference by bin

    Scores that are rare in the reference lie in wide bins of equal rows, together with ones that are frequent: there a
    bin ends at multiples of an eighth, too, so that scores which were never seen are told from them.
    """
    most = max(float(bins[:, 0].max(initial=0.0)) + 1, LINEAR_BINS)
    eighth = np.asarray(bins[:, 0] * EIGHTHS // most, np.int64)
    both = of_equal_rows(rows, EQUAL_ROWS) * EIGHTHS + eighth
    return np.asarray(np.unique(both, return_inverse=True)[1], np.int64)


def _by_count(cells: Cells, kind: Ints, classes: int, begin: int, after: int) -> KindRows:
    inside = (cells.keys["grain"] >= begin) & (cells.keys["grain"] < after)
    cells, kind_of = cells.where(inside), kind[inside]
    side, kinds = classes + 1, int(kind.max(initial=0)) + 1
    outcome = cells.keys["predicted"] * side + cells.keys["actual"]
    shape = (after - begin, kinds, side * side)
    at = ((cells.keys["grain"] - begin) * kinds + kind_of) * side * side + outcome
    sums = np.bincount(at, weights=cells.weight, minlength=int(np.prod(shape))).reshape(shape)
    squares = np.bincount(kind_of * side * side + outcome, weights=cells.square, minlength=kinds * side * side)
    moments = squares.reshape(kinds, side * side, 1) * np.eye(side * side)
    return KindRows(sums.astype(np.float64), moments)


def _by_loss(losses: LossCells, name: str, begin: int, after: int) -> KindRows:
    cells = losses.cells.where((losses.cells.keys["grain"] >= begin) & (losses.cells.keys["grain"] < after))
    of_cells = cells.losses[name]
    sums = np.zeros((after - begin, losses.tree.leaves, 2))
    np.add.at(sums, (cells.keys["grain"] - begin, cells.keys["leaf"]), of_cells[:, [WEIGHT, SUM]])
    moments = np.zeros((losses.tree.leaves, 2, 2))
    products = of_cells[:, [SQUARE, SQUARE_SUM, SQUARE_SUM, SUM_OF_SQUARES]].reshape(-1, 2, 2)
    np.add.at(moments, cells.keys["leaf"], products)
    return KindRows(sums, moments)
