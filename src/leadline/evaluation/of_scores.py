"""Estimates of a binary model's windows from predictions alone: what such scores meant in the reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from leadline.cells.fill import Cells, Ints
from leadline.cells.series import UNLABELLED
from leadline.estimate.calibrator import Calibrator, calibrator
from leadline.estimate.leaves import LeafRows, LeafSums, added, corrections
from leadline.estimate.pape import ByLeaf, importance, reweighted, usable
from leadline.estimate.resampling import Refits, refits, resampled
from leadline.estimate.versions import LEAST_OF_VERSION, differ
from leadline.estimate.windows import Estimator
from leadline.evaluation.leaves import LeafCells, leaf_sums
from leadline.evaluation.without_labels import (
    NOT_PROBABILITIES,
    NOTHING_OLD_ENOUGH,
    SCORES_KEEP_THEIR_MEANING,
    SCORES_MEAN_THE_SAME,
    TOO_MANY_CELLS,
    Range,
    WithoutLabels,
)
from leadline.metrics.expected import Scored, can_expect, expected, figure
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array
from leadline.spec.words import listed
from leadline.values import Note, Undefined


@dataclass(frozen=True)
class OfScores(WithoutLabels):
    """Each row is expected to be positive with the chance that its score, and its leaf, had in the reference.

    leaves   rows by leaf of a tree over features, where there are features that tell more than the score
    """

    estimators = (Estimator("cbpe"), Estimator("leaf_cbpe"), Estimator("leaf_pape", earned=True))
    assumes = SCORES_KEEP_THEIR_MEANING
    assumes_of_version = SCORES_MEAN_THE_SAME
    reads = "a score"

    leaves: LeafCells | None = None

    def expects(self, metric: Metric) -> bool:
        return can_expect(metric)

    def unfit(self, metric: Metric) -> str | None:
        return self._fit.why if isinstance(self._fit, Undefined) else None

    def figures(self, ranges: Sequence[Range]) -> Array:
        scored = self._scored(ranges)
        every = [self._read(scored, self._plain(scored, ranges))]
        if self.leaves is not None:
            every.append(self._read(scored, self._chance(scored, ranges)))
            if not self.of_versions:  # what is weighted is one calibrator
                every.append(self._reweighted(scored, ranges))
        return np.stack(every)

    def _read(self, scored: Scored, chance: Array) -> Array:
        """The figures that are expected of windows, shape (metrics, windows)."""
        found = expected(scored, chance)
        return np.array([figure(metric, found) for metric in self.fitted_metrics])

    def spread(self, ranges: Sequence[Range]) -> Mapping[str, tuple[Array, Array]]:
        scored = self._scored(ranges)
        return resampled(self.fitted_metrics, self._refits, scored, self._chance(scored, ranges))

    def notes(self) -> list[Note]:
        found = super().notes()
        if self.usable and self.of_versions:
            versions = listed([repr(name) for name in self.of_versions])
            text = f"In the reference scores of versions {versions} mean different things: each has its own calibrator."
            found.append(Note("versions_calibrated_apart", text))
        return found

    @property
    def read_cells(self) -> Cells | None:
        return self.series.pieces.get(("scores", ""))

    # The calibrator ----------------------------------------------------------------------------------------------

    @property
    def calibrator(self) -> Calibrator:
        """What a score meant in the reference; only where metrics are fitted."""
        if isinstance(self._fit, Undefined):
            raise TypeError(f"there are no estimates: {self._fit.why}")
        return self._fit

    @property
    def fitted_rows(self) -> int:
        """Labelled rows with a score that estimates are fitted on."""
        cells = self.series.pieces["scores", ""]
        fitted = (cells.keys["grain"] < self.fitted_until) & (cells.keys["actual"] < UNLABELLED)
        return int(cells.rows[fitted].sum())

    @cached_property
    def _fit(self) -> Calibrator | Undefined:
        if self.reference.edges is not None or ("scores", "") not in self.series.pieces:
            return Undefined(self._no_scores())
        if not self.fitted_until:
            return Undefined(NOTHING_OLD_ENOUGH)
        return calibrator(self.sums.scores[""][: self.fitted_until].total())

    def _no_scores(self) -> str:
        if self.reference.edges is not None:
            return NOT_PROBABILITIES
        if self.spec.predictions.columns.score is None:
            return "no score is declared"
        return TOO_MANY_CELLS

    @cached_property
    def _refits(self) -> Refits:
        """The calibrator of references that were drawn again; made once, for all windows."""
        return refits(self.calibrator)

    def _scored(self, ranges: Sequence[Range], version: int | None = None) -> Scored:
        return self.series.scored(self.groups(ranges), len(ranges), version)

    @cached_property
    def of_versions(self) -> dict[str, Calibrator]:
        """Versions that the reference has enough rows of, with what their scores meant, where that surely differs."""
        if isinstance(self._fit, Undefined):
            return {}
        found = {}
        for code, name in enumerate(self._versions.names):
            if self._versions.labelled[code] < LEAST_OF_VERSION:
                continue
            rows = self.series.scores_of_version(code, self.fitted_until)
            fit = calibrator(rows.total())
            if not isinstance(fit, Undefined):
                found[name] = rows, fit
        apart = differ(self._fit, [rows for rows, _ in found.values()])
        return {name: fit for name, (_, fit) in found.items()} if apart else {}

    def _plain(self, scored: Scored, ranges: Sequence[Range]) -> Array:
        """The chance of a positive by score bin; by range and prediction too where versions have their own."""
        every = self.calibrator.chance
        if not self.of_versions:
            return every
        total = scored.weight * every
        for name, fit in self.of_versions.items():
            total = total + self._scored(ranges, self.reference.versions.index(name)).weight * (fit.chance - every)
        chance = np.broadcast_to(every, total.shape).copy()
        return np.divide(total, scored.weight, out=chance, where=scored.weight > 0)

    # By leaf ------------------------------------------------------------------------------------------------------

    def _chance(self, scored: Scored, ranges: Sequence[Range]) -> Array:
        """The chance of a positive by range, prediction and score bin, or by score bin alone without leaves."""
        plain = self._plain(scored, ranges)
        if self.leaves is None:
            return plain
        cells, groups = self.leaves.cells, self.groups(ranges)
        cells = cells.where(groups[cells.keys["grain"]] >= 0)
        rows = leaf_sums(self.leaves, cells, groups[cells.keys["grain"]], len(ranges))
        more = added(rows, self._corrections)
        return np.clip(plain + more[..., self.leaves.wide], 0.0, 1.0)

    @cached_property
    def _corrections(self) -> Array:
        """What labels of the reference had beyond their chance, by leaf and wide score bin."""
        if self.leaves is None:
            return np.zeros((1, 1))
        cells = self.leaves.cells
        labelled = cells.where((cells.keys["grain"] < self.fitted_until) & (cells.keys["actual"] < UNLABELLED))
        group = np.zeros(len(labelled), np.int64)
        positive = labelled.keys["actual"] == 1
        reference = leaf_sums(self.leaves, labelled, group, 1)
        positives = leaf_sums(self.leaves, labelled.where(positive), group[positive], 1)
        return corrections(LeafSums(reference.weight[0], reference.chance[0]), positives.weight[0])

    def _reweighted(self, scored: Scored, ranges: Sequence[Range]) -> Array:
        """The figures with the reference weighted like a window, shape (metrics, windows); NaN where it cannot be."""
        rows, found = self._rows_by_leaf(ranges), np.full((len(self.fitted_metrics), len(ranges)), np.nan)
        reference = self._reference_by_leaf
        fits = np.flatnonzero(usable(reference.rows, rows))
        if len(fits):
            window = LeafRows(rows.weight[fits], rows.square[fits])
            chance = reweighted(reference, importance(reference.rows, window))
            found[:, fits] = self._read(scored[fits], chance[:, None, :])
        return found

    def _rows_by_leaf(self, ranges: Sequence[Range]) -> LeafRows:
        """Rows of ranges by leaf, shape (ranges, leaves)."""
        of, groups = self._leaves, self.groups(ranges)
        cells = of.cells.where(groups[of.cells.keys["grain"]] >= 0)
        at, shape = groups[cells.keys["grain"]] * of.tree.leaves + cells.keys["leaf"], (len(ranges), of.tree.leaves)
        return LeafRows(_summed(at, cells.weight, shape), _summed(at, cells.square, shape))

    @cached_property
    def _reference_by_leaf(self) -> ByLeaf:
        """Labelled rows of the reference by leaf and score bin."""
        of, bins = self._leaves, self.calibrator.reference.bins
        cells, shape = of.reference, (of.tree.leaves, len(bins))
        at = cells.keys["leaf"] * len(bins) + cells.keys["bin"]
        positives = cells.weight * (cells.keys["actual"] == 1)
        return ByLeaf(
            _summed(at, positives, shape), _summed(at, cells.weight, shape), _summed(at, cells.square, shape), bins
        )

    @property
    def _leaves(self) -> LeafCells:
        if self.leaves is None:
            raise TypeError("the rows were not read by leaf")
        return self.leaves


def _summed(at: Ints, values: Array, shape: tuple[int, ...]) -> Array:
    """The sums of values by place in an array of this shape."""
    return np.bincount(at, weights=values, minlength=math.prod(shape)).reshape(shape).astype(np.float64)
