"""Estimates of a regression's windows from predictions alone: how large the losses of such rows were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from leadline.cells.fill import Cells, Ints
from leadline.estimate.losses import (
    FEW_LOSSES,
    LEAST_ROWS,
    LEAST_WINDOWS,
    can_expect_loss,
    equal_losses,
    expected_loss,
    leaf_means,
    resampled_loss,
    stretch,
)
from leadline.estimate.windows import Estimator
from leadline.evaluation.losses import LossCells
from leadline.evaluation.without_labels import NOTHING_OLD_ENOUGH, Range, WithoutLabels
from leadline.metrics.metric import ROWS, Mean, Metric
from leadline.metrics.sums import Array, Measure
from leadline.values import Undefined, counted

NO_MEAN = "only mae, mse, rmse and bias of a regression are estimated without labels"


@dataclass(frozen=True)
class OfLosses(WithoutLabels):
    """Each row is expected to lose what rows of its leaf lost in the reference.

    losses   rows by leaf of the tree of each loss, by the loss's name, or why there is no tree
    """

    estimators = (Estimator("leaf_dle"),)
    assumes = (
        "assumes that rows of a kind are predicted as well as they were in the reference, and that its losses hold the"
        " largest that are to be expected; whether that is so cannot be seen without labels"
    )
    assumes_of_version = "it predicts rows of a kind as well as {} did"
    reads = "a prediction"

    losses: Mapping[str, LossCells | Undefined] = field(default_factory=dict)

    def expects(self, metric: Metric) -> bool:
        return can_expect_loss(metric)

    def unfit(self, metric: Metric) -> str | None:
        if not can_expect_loss(metric):
            return NO_MEAN
        if self._too_few is not None:
            return self._too_few
        found = self.losses.get(_loss(metric).name)  # none before the rows are read again
        return found.why if isinstance(found, Undefined) else None

    def figures(self, ranges: Sequence[Range]) -> Array:
        groups = self.groups(ranges)
        every = []
        for metric in self.fitted_metrics:
            cells, windows = self._learnt[_loss(metric).name]
            every.append(expected_loss(metric, cells.rows(groups, len(ranges)), leaf_means(windows.sum(axis=0))))
        return np.array([every])

    def spread(self, ranges: Sequence[Range]) -> Mapping[str, tuple[Array, Array]]:
        groups = self.groups(ranges)
        found = {}
        for metric in self.fitted_metrics:
            cells, windows = self._learnt[_loss(metric).name]
            reference, rows = windows.sum(axis=0), cells.rows(groups, len(ranges))
            found[metric.name] = resampled_loss(metric, reference, rows, stretch(reference, windows))
        return found

    @property
    def read_cells(self) -> Cells | None:
        return next((each.cells for each in self.losses.values() if isinstance(each, LossCells)), None)

    @property
    def recorded(self) -> Sequence[Metric]:
        return self.of_labels

    def remarks(self, metric: Metric) -> list[str]:
        _, windows = self._learnt[_loss(metric).name]
        equal = equal_losses(windows.sum(axis=(0, 1)))
        if metric.low < 0 or equal >= FEW_LOSSES:
            return []
        return [f"few rows of the reference make its losses: they tell as much as {counted(round(equal), 'equal one')}"]

    # The leaves --------------------------------------------------------------------------------------------------

    @property
    def to_fit(self) -> list[Measure]:
        """The losses that trees are needed for; none where there is nothing to estimate."""
        return list(dict.fromkeys(_loss(metric) for metric in self.fitted_metrics))

    @property
    def fitted_rows(self) -> int:
        """Labelled rows with a prediction that estimates are fitted on."""
        if not self._wanted:
            return 0
        sums = self.sums.losses[_loss(self._wanted[0]).name]
        return int(sums[: self.fitted_until, ROWS].sum())

    @cached_property
    def _too_few(self) -> str | None:
        """Why the reference has not enough to learn from."""
        if not self.fitted_until:
            return NOTHING_OLD_ENOUGH
        found = self.fitted_rows
        if found >= LEAST_ROWS:
            return None
        rows = counted(found, "labelled row") if found else "no labelled rows"
        return f"the reference has {rows} with a prediction; at least {LEAST_ROWS} are needed"

    @cached_property
    def _learnt(self) -> dict[str, tuple[LossCells, Array]]:
        """By loss: the rows by leaf, and the sums of the loss by window of the reference and leaf."""
        return {
            name: (cells, cells.losses(name, *self._of_reference))
            for name, cells in self.losses.items()
            if isinstance(cells, LossCells)
        }

    @cached_property
    def _of_reference(self) -> tuple[Ints, int]:
        """The reference's windows as groups of its grains, its grains themselves where the windows are few."""
        begins = [begin for begin, *_ in self.windows if begin < self.fitted_until]
        groups = np.full(self.series.grains, -1)
        if len(begins) < LEAST_WINDOWS:
            begins = list(range(self.fitted_until))
        groups[: self.fitted_until] = np.searchsorted(begins, np.arange(self.fitted_until), side="right") - 1
        return groups, len(begins)


def _loss(metric: Metric) -> Measure:
    if not isinstance(metric, Mean):
        raise TypeError(f"{metric.name} is no mean of a loss")
    return metric.measure
