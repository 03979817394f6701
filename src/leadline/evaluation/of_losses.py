"""Estimates of a regression's windows from predictions alone: how large the losses of such rows were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from leadline.cells.fill import Ints
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
from leadline.evaluation.losses import LossCells
from leadline.evaluation.without_labels import NO_WINDOW, Range, WithoutLabels
from leadline.metrics.metric import ROWS, Mean, Metric
from leadline.metrics.sums import Array, Measure
from leadline.report.words import counted
from leadline.values import Undefined

LEAF_DLE = "leaf_dle"
ASSUMES = (
    "assumes that rows of a kind are predicted as well as they were in the reference, and that its losses hold the"
    " largest that are to be expected; whether that is so cannot be seen without labels"
)
NO_MEAN = "only mae, mse, rmse and bias of a regression are estimated without labels"


@dataclass(frozen=True)
class OfLosses(WithoutLabels):
    """The same for a regression: each row is expected to lose what rows of its leaf lost in the reference.

    losses   rows by leaf of the tree of each loss, by the loss's name, or why there is no tree
    """

    losses: Mapping[str, LossCells | Undefined] = field(default_factory=dict)

    @cached_property
    def _wanted(self) -> list[Metric]:
        if self.spec.label is None or self.spec.label.label_probability is not None:
            return []  # labels of rows that were chosen for labelling make estimates of their own
        return [metric for metric in self.metrics if "labels" in metric.needs]

    @cached_property
    def _estimable(self) -> list[Metric]:
        return [metric for metric in self._wanted if can_expect_loss(metric)]

    @property
    def estimators(self) -> tuple[str, str]:
        return LEAF_DLE, LEAF_DLE

    @property
    def assumes(self) -> str:
        return ASSUMES

    @property
    def reads(self) -> str:
        return "a prediction"

    @property
    def to_fit(self) -> list[Measure]:
        """The losses that trees are needed for; none where there is nothing to estimate."""
        if self._too_few is not None or not self._after:
            return []
        return list(dict.fromkeys(_loss(metric) for metric in self._estimable))

    @property
    def fitted_rows(self) -> int:
        """Labelled rows with a prediction that estimates are fitted on."""
        if not self._estimable:
            return 0
        sums = self.sums.losses[_loss(self._estimable[0]).name]
        return int(sums[: self.fitted_until, ROWS].sum())

    @cached_property
    def _too_few(self) -> str | None:
        """Why the reference has not enough to learn from."""
        if not self.fitted_until:
            return "the reference has no whole window of time whose rows are old enough for their label"
        found = self.fitted_rows
        if found >= LEAST_ROWS:
            return None
        rows = counted(found, "labelled row") if found else "no labelled rows"
        return f"the reference has {rows} with a prediction; at least {LEAST_ROWS} are needed"

    def remarks(self, metric: Metric) -> list[str]:
        _, windows = self._fitted(metric)
        equal = equal_losses(windows.sum(axis=(0, 1)))
        if metric.low < 0 or equal >= FEW_LOSSES:
            return []
        return [f"few rows of the reference make its losses: they tell as much as {counted(round(equal), 'equal one')}"]

    def why_none(self, metric: Metric) -> str | None:
        if not can_expect_loss(metric):
            return NO_MEAN
        if self._too_few is not None:
            return self._too_few
        if not self._after:
            return NO_WINDOW
        found = self.losses[_loss(metric).name]
        return found.why if isinstance(found, Undefined) else None

    def rows_read(self) -> Array:
        found = np.zeros(self.series.grains)
        cells = next((each.cells for each in self.losses.values() if isinstance(each, LossCells)), None)
        if cells is not None:
            np.add.at(found, cells.keys["grain"], cells.rows)
        return found

    def figures(self, ranges: Sequence[Range]) -> Array:
        groups = self._groups(ranges)
        every = []
        for metric in self._fitted_metrics:
            cells, windows = self._fitted(metric)
            every.append(expected_loss(metric, cells.rows(groups, len(ranges)), leaf_means(windows.sum(axis=0))))
        return np.array([every])

    def spread(self, ranges: Sequence[Range]) -> dict[str, tuple[Array, Array]]:
        groups = self._groups(ranges)
        found = {}
        for metric in self._fitted_metrics:
            cells, windows = self._fitted(metric)
            reference, rows = windows.sum(axis=0), cells.rows(groups, len(ranges))
            found[metric.name] = resampled_loss(metric, reference, rows, stretch(reference, windows))
        return found

    def _fitted(self, metric: Metric) -> tuple[LossCells, Array]:
        """The rows by leaf, and the sums of the loss by window of the reference and leaf."""
        name = _loss(metric).name
        cells = self.losses[name]
        if isinstance(cells, Undefined):
            raise TypeError(f"{metric.name} has no estimates: {cells.why}")
        return cells, cells.losses(name, *self._of_reference)

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
