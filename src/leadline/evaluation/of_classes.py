"""Estimates of the windows of a model of several classes: what the scores of its classes meant in the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from leadline.cells.fill import Cells
from leadline.estimate.calibrator import Calibrator
from leadline.estimate.classes import class_calibrators, class_spread
from leadline.estimate.windows import Estimator
from leadline.evaluation.classes import ClassCells
from leadline.evaluation.without_labels import (
    NOTHING_OLD_ENOUGH,
    SCORES_KEEP_THEIR_MEANING,
    SCORES_MEAN_THE_SAME,
    TOO_MANY_CELLS,
    Range,
    WithoutLabels,
)
from leadline.metrics.expected import ClassSums, can_expect, expected_of_classes, figure
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array
from leadline.values import Undefined


@dataclass(frozen=True)
class OfClasses(WithoutLabels):
    """Each row is expected to be of each class with the chance that its scores, and its leaf, had in the reference.

    names     the classes, in the order of their codes
    classes   rows with the chances of the classes, once they are read; or why there are none
    """

    estimators = (Estimator("cbpe"), Estimator("leaf_cbpe"))
    assumes = SCORES_KEEP_THEIR_MEANING
    assumes_of_version = SCORES_MEAN_THE_SAME
    reads = "a score of each class"

    names: Sequence[str] = ()
    classes: ClassCells | Undefined | None = None

    def expects(self, metric: Metric) -> bool:
        return can_expect(metric)

    def unfit(self, metric: Metric) -> str | None:
        return self._fits.why if isinstance(self._fits, Undefined) else None

    def figures(self, ranges: Sequence[Range]) -> Array:
        rows = [self._rows] if self._rows.leaves is None else [self._rows, self._rows.leaves.chances]
        every = [expected_of_classes(self._sums(each, ranges)) for each in rows]
        return np.array([[figure(metric, found) for metric in self.fitted_metrics] for found in every])

    def spread(self, ranges: Sequence[Range]) -> Mapping[str, tuple[Array, Array]]:
        fitted = self.sums[: self.fitted_until].total()
        counts, squares = fitted.counts[:, :-1], fitted.squares[:, :-1]
        rows = self._rows if self._rows.leaves is None else self._rows.leaves.chances
        return class_spread(self.fitted_metrics, self.calibrators, counts, squares, self._sums(rows, ranges))

    @property
    def read_cells(self) -> Cells | None:
        return self._rows.by_prediction

    @property
    def fitted_rows(self) -> int:
        """Labelled rows of the reference that estimates are fitted on."""
        return int(self.sums.labelled[: self.fitted_until].sum())

    @property
    def calibrators(self) -> Mapping[str, Calibrator]:
        """By class, in the order of their codes, what its score meant; only where metrics are fitted."""
        if isinstance(self._fits, Undefined):
            raise TypeError(f"there are no estimates: {self._fits.why}")
        return self._fits

    @property
    def _rows(self) -> ClassCells:
        if not isinstance(self.classes, ClassCells):
            raise TypeError("the rows were not read with the chances of their classes")
        return self.classes

    @cached_property
    def _fits(self) -> Mapping[str, Calibrator] | Undefined:
        if isinstance(self.classes, Undefined):
            return self.classes
        if isinstance(self.classes, ClassCells):
            return self.classes.fits
        if not all(("scores", name) in self.series.pieces for name in self.names):
            return Undefined(TOO_MANY_CELLS)
        if not self.fitted_until:
            return Undefined(NOTHING_OLD_ENOUGH)
        return class_calibrators({name: self.sums.scores[name][: self.fitted_until].total() for name in self.names})

    def _sums(self, rows: ClassCells, ranges: Sequence[Range]) -> ClassSums:
        return rows.sums(self.groups(ranges), len(ranges))
