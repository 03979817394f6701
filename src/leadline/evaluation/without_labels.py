"""Estimates of the windows after the reference, from predictions alone, and the score that is kept of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from leadline.cells.fill import Cells, Ints
from leadline.cells.series import UNLABELLED, Series
from leadline.estimate.calibrator import Calibrator, calibrator
from leadline.estimate.classes import class_calibrators, class_spread
from leadline.estimate.leaves import LeafSums, added, corrections
from leadline.estimate.resampling import Refits, refits, resampled
from leadline.estimate.windows import Estimates, Made, made, to_draw, with_ends
from leadline.evaluation.classes import NOT_PROBABILITIES, ClassCells
from leadline.evaluation.leaves import LeafCells, leaf_sums
from leadline.log.calendar import Grain
from leadline.log.reference import Reference, guessed_end
from leadline.metrics.expected import Scored, can_expect, expected, expected_of_classes, figure
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array, Sums
from leadline.spec.model import Spec
from leadline.values import ALL_ROWS, Estimate, Note, Standing, Status, TrackRecord, Undefined, Window

CBPE, LEAF_CBPE = "cbpe", "leaf_cbpe"
#: windows that are estimated together; more would only take more memory
TOGETHER = 64
#: what an interval before 20 windows have matured does not hold, said with each estimate
ASSUMES = (
    "assumes that a score means what it meant in the reference; whether it still does cannot be seen without labels"
)
NO_WINDOW = "no window begins after the reference"
NOTHING_OLD_ENOUGH = "the reference has no whole window of time whose rows are old enough for their label"
TOO_MANY_CELLS = "the scores of all windows would make too many cells: choose a coarser window"
Range = tuple[int, int]
Place = tuple[int, int, Window]


@dataclass(frozen=True)
class WithoutLabels:
    """Estimates of the windows of a model of two or several classes, made when asked for.

    What is its own stands under "Fitted on it" and "By leaf"; regressions put theirs in its place.

    windows        the tumbling windows of the log: places in the arrays, and the whole window
    mature_until   number of leading grains whose rows are all mature
    leaves         rows by leaf of a tree over features, where there are features that tell more than the score
    names          the classes of a model of several, in the order of their codes
    classes        of a model of several classes: rows with the chances of the classes, once they are read; or why
                   there are none
    """

    spec: Spec
    grain: Grain
    series: Series
    reference: Reference
    metrics: Sequence[Metric]
    sums: Sums
    windows: Sequence[Place]
    mature_until: int
    leaves: LeafCells | None = None
    names: Sequence[str] = ()
    classes: ClassCells | Undefined | None = None

    # The reference -----------------------------------------------------------------------------------------------

    @cached_property
    def reference_end(self) -> datetime | None:
        """The end of the rows that estimates are fitted on; the reference's where it is part of the log."""
        if self.reference.until is not None:
            return self.reference.until
        total = self.series.pieces["total",]
        mature = total.keys["mature"] == 1
        rows = np.bincount(total.keys["grain"][mature], weights=total.rows[mature]).astype(int)
        return guessed_end(
            self.grain, {self.series.first + int(place): int(rows[place]) for place in np.flatnonzero(rows)}
        )

    @cached_property
    def _fitted_until(self) -> int:
        """Number of leading grains that are all in the reference and mature."""
        if self.reference_end is None:
            return 0
        whole = self.grain.number_of(self.reference_end) - self.series.first
        return int(np.clip(whole, 0, self.mature_until))

    @cached_property
    def _after(self) -> list[Place]:
        """The windows that begin after the reference."""
        end = self.reference_end
        return [] if end is None else [each for each in self.windows if each[2].start >= end]

    def notes(self) -> list[Note]:
        """Which rows estimates are fitted on, where the declaration does not say."""
        if not self._estimable or self.reference.until is not None or self.reference_end is None:
            return []
        shown = self.reference_end.astimezone(self.spec.zone).strftime("%Y-%m-%d %H:%M").removesuffix(" 00:00")
        why = "The reference is guessed" if self.spec.reference is None else "The reference has a source of its own"
        text = (
            f"{why}: estimates without labels are fitted on the first mature quarter, the predictions before {shown}."
        )
        return [Note("estimates_reference", text)]

    # Fitted on it ------------------------------------------------------------------------------------------------

    @cached_property
    def _wanted(self) -> list[Metric]:
        """The metrics that need labels and can be expected."""
        if self.spec.label is None or self.spec.label.label_probability is not None:
            return []  # labels of rows that were chosen for labelling make estimates of their own
        return [metric for metric in self.metrics if can_expect(metric)]

    @cached_property
    def _of_classes(self) -> bool:
        """Whether the model chooses one of several classes."""
        return self.spec.task == "multiclass"

    @property
    def _estimable(self) -> Sequence[Metric]:
        """Those of the wanted metrics that this kind of model has estimates of."""
        return self._wanted

    @cached_property
    def _fitted_metrics(self) -> list[Metric]:
        """The metrics that have estimates."""
        return [metric for metric in self._wanted if self.why_none(metric) is None]

    @property
    def estimators(self) -> tuple[str, str]:
        """What the estimator is called, and the one that refines it."""
        return CBPE, LEAF_CBPE

    @property
    def assumes(self) -> str:
        """What an interval before 20 windows have matured does not hold, said with each estimate."""
        return ASSUMES

    @property
    def reads(self) -> str:
        """What a row needs for an estimate."""
        return "a score of each class" if self._of_classes else "a score"

    def remarks(self, metric: Metric) -> list[str]:
        """What else is to be said of a metric's estimates."""
        del metric
        return []

    def why_none(self, metric: Metric) -> str | None:
        """Why a metric has no estimates; None where it has."""
        del metric  # all that are wanted are read from the same rows
        fit = self._class_fits if self._of_classes else self._fit
        if isinstance(fit, Undefined):
            return fit.why
        return None if self._after else NO_WINDOW

    def rows_read(self) -> Array:
        """Rows that have what an estimate needs, by grain."""
        found, cells = np.zeros(self.series.grains), self._with_score
        if cells is not None:
            found += np.bincount(cells.keys["grain"], weights=cells.rows, minlength=self.series.grains)
        return found

    @cached_property
    def _class_fits(self) -> Mapping[str, Calibrator] | Undefined:
        """By class, in the order of their codes, what its score meant in the reference."""
        if isinstance(self.classes, Undefined):
            return self.classes
        if isinstance(self.classes, ClassCells):
            return self.classes.fits
        if not all(("scores", name) in self.series.pieces for name in self.names):
            return Undefined(TOO_MANY_CELLS)
        if not self._fitted_until:
            return Undefined(NOTHING_OLD_ENOUGH)
        return class_calibrators({name: self.sums.scores[name][: self._fitted_until].total() for name in self.names})

    @cached_property
    def _fit(self) -> Calibrator | Undefined:
        if self.reference.edges is not None or ("scores", "") not in self.series.pieces:
            return Undefined(self._no_scores())
        if not self._fitted_until:
            return Undefined(NOTHING_OLD_ENOUGH)
        return calibrator(self.sums.scores[""][: self._fitted_until].total())

    def _no_scores(self) -> str:
        if self.reference.edges is not None:
            return NOT_PROBABILITIES
        if self.spec.predictions.columns.score is None:
            return "no score is declared"
        return TOO_MANY_CELLS

    def scored(self, ranges: Sequence[Range]) -> Scored:
        """The rows of some ranges of grains that do not overlap."""
        return self.series.scored(self._groups(ranges), len(ranges))

    def _groups(self, ranges: Sequence[Range]) -> Ints:
        """Of each grain the place of its range among these, or -1."""
        groups = np.full(self.series.grains, -1)
        for group, (begin, after) in enumerate(ranges):
            groups[begin:after] = group
        return groups

    # By leaf ------------------------------------------------------------------------------------------------------

    @property
    def first_after(self) -> int | None:
        """The place of the first grain after the reference; None without estimates."""
        return self._after[0][0] if self._found else None

    @property
    def usable(self) -> dict[str, Estimates]:
        """Estimates by metric; none where nothing could be fitted."""
        return self._found

    @property
    def fitted_metrics(self) -> Sequence[Metric]:
        """The metrics that have estimates, in the order of `figures`."""
        return self._fitted_metrics

    @property
    def to_refine(self) -> Calibrator | None:
        """The calibrator of a binary model that leaves would refine; None where there is nothing to estimate."""
        if self._of_classes or not self._fitted_metrics or isinstance(self._fit, Undefined):
            return None
        return self._fit

    @property
    def to_join(self) -> Mapping[str, Calibrator] | None:
        """The calibrators of several classes with which rows are to be read again; None where that is for nothing."""
        if not self._of_classes or not self._fitted_metrics or isinstance(self._class_fits, Undefined):
            return None
        return self._class_fits

    @property
    def fitted_until(self) -> int:
        """Number of leading grains that estimates are fitted on."""
        return self._fitted_until

    @property
    def fitted_rows(self) -> int:
        """Labelled rows with a score that estimates are fitted on."""
        cells = self.series.pieces["scores", ""]
        fitted = (cells.keys["grain"] < self._fitted_until) & (cells.keys["actual"] < UNLABELLED)
        return int(cells.rows[fitted].sum())

    @cached_property
    def _corrections(self) -> Array:
        if self.leaves is None:
            return np.zeros((1, 1))
        cells = self.leaves.cells
        labelled = cells.where((cells.keys["grain"] < self._fitted_until) & (cells.keys["actual"] < UNLABELLED))
        group = np.zeros(len(labelled), np.int64)
        positive = labelled.keys["actual"] == 1
        reference = leaf_sums(self.leaves, labelled, group, 1)
        positives = leaf_sums(self.leaves, labelled.where(positive), group[positive], 1)
        return corrections(LeafSums(reference.weight[0], reference.chance[0]), positives.weight[0])

    def chance(self, fit: Calibrator, ranges: Sequence[Range]) -> Array:
        """The chance of a positive by range, prediction and score bin, or by score bin alone without leaves."""
        if self.leaves is None:
            return fit.chance
        cells, groups = self.leaves.cells, self._groups(ranges)
        cells = cells.where(groups[cells.keys["grain"]] >= 0)
        rows = leaf_sums(self.leaves, cells, groups[cells.keys["grain"]], len(ranges))
        more = added(rows, self._corrections)
        return np.clip(fit.chance + more[..., self.leaves.wide], 0.0, 1.0)

    @cached_property
    def _refits(self) -> Refits | None:
        """The calibrator of references that were drawn again; made once, for all windows."""
        return None if isinstance(self._fit, Undefined) else refits(self._fit)

    # Estimates ---------------------------------------------------------------------------------------------------

    @cached_property
    def _known_before(self) -> list[int]:
        """By window, how many of the first had matured when it could be estimated: at its end, or by now if young."""
        wait = self.spec.label.matures_after if self.spec.label else timedelta()
        ripe = [window.end + wait for *_, window in self._after[: self._ripe]]
        return [
            self._ripe if place >= self._ripe else bisect_right(ripe, window.end)
            for place, (*_, window) in enumerate(self._after)
        ]

    @cached_property
    def _ripe(self) -> int:
        """How many of the windows have matured: the first ones."""
        return sum(after <= self.mature_until for _, after, _ in self._after)

    @cached_property
    def _found(self) -> dict[str, Estimates]:
        """Estimates by metric; none where nothing could be fitted."""
        if not self._fitted_metrics:
            return {}
        ranges = [each[:2] for each in self._after]
        together = [ranges[start : start + TOGETHER] for start in range(0, len(ranges), TOGETHER)]
        values = np.concatenate([self.figures(some) for some in together], axis=-1)
        every = [self._made(metric, values[:, row]) for row, metric in enumerate(self._fitted_metrics)]
        drawn = to_draw(every)
        spread = self.spread([ranges[place] for place in drawn.tolist()]) if len(drawn) else {}
        return {
            metric.name: with_ends(metric, each, drawn, spread.get(metric.name))
            for metric, each in zip(self._fitted_metrics, every, strict=True)
        }

    def figures(self, ranges: Sequence[Range]) -> Array:
        """What is expected of ranges of grains: by estimator, plain before finer, metric and range."""
        if isinstance(self.classes, ClassCells):
            every = [expected_of_classes(self.classes.sums(self._groups(ranges), len(ranges)))]
        elif isinstance(self._fit, Undefined):
            return np.full((1, len(self._fitted_metrics), len(ranges)), np.nan)
        else:
            scored, chances = self.scored(ranges), [self._fit.chance]
            chances += [self.chance(self._fit, ranges)] if self.leaves else []
            every = [expected(scored, chance) for chance in chances]
        return np.array([[figure(metric, found) for metric in self._fitted_metrics] for found in every])

    def spread(self, ranges: Sequence[Range]) -> dict[str, tuple[Array, Array]]:
        """By metric what to add to the best estimates of ranges for the ends of their intervals; low and high."""
        if isinstance(self.classes, ClassCells):
            rows = self.classes.sums(self._groups(ranges), len(ranges))
            fitted = self.sums[: self._fitted_until].total()
            counts, squares = fitted.counts[:, :-1], fitted.squares[:, :-1]
            return class_spread(self._fitted_metrics, self.classes.fits, counts, squares, rows)
        if isinstance(self._fit, Undefined) or self._refits is None:
            return {}
        return resampled(self._fitted_metrics, self._refits, self.scored(ranges), self.chance(self._fit, ranges))

    def _made(self, metric: Metric, values: Array) -> Made:
        by_grain = metric.parts(self.sums)
        shown = metric.value(np.stack([by_grain[begin:after].sum(axis=0) for begin, after, _ in self._after]))
        figures = np.where(np.arange(len(shown)) < self._ripe, shown, np.nan)
        constant = float(metric.value(by_grain[: self._fitted_until].sum(axis=0)[None])[0])
        finer = values[1] if len(values) > 1 else None
        return made(values[0], finer, figures, constant, np.array(self._read, float), self._known_before)

    def estimates(self) -> list[Estimate]:
        """One for each metric and window after the reference that has rows with a score."""
        found = []
        rows = [int(self.sums.rows[begin:after].sum()) for begin, after, _ in self._after]
        for metric in self._fitted_metrics:
            made = self._found[metric.name]
            for place, (*_, window) in enumerate(self._after):
                found.append(self._estimate(metric, made, place, window, rows[place], self._read[place]))
        return found

    @cached_property
    def _read(self) -> list[int]:
        """By window after the reference, how many rows have what an estimate needs."""
        of_grains = self.rows_read()
        return [int(of_grains[begin:after].sum()) for begin, after, _ in self._after]

    @property
    def _with_score(self) -> Cells | None:
        """Cells that hold each row with its scores once."""
        if isinstance(self.classes, ClassCells):
            return self.classes.by_prediction
        return self.series.pieces.get(("scores", ""))

    def _estimate(self, metric: Metric, made: Estimates, place: int, window: Window, rows: int, read: int) -> Estimate:
        value, band = float(made.value[place]), made.then[place]
        why = None
        if band.withdrawn:
            why = f"withdrawn: {_lost(band.error, band.constant, band.windows)}"
        elif not np.isfinite(value):
            why = "no rows" if not rows else f"no rows with {self.reads}" if not read else metric.undefined
        if why is not None:
            return Estimate(
                metric.name,
                ALL_ROWS,
                None,
                window,
                None,
                None,
                None,
                rows,
                0,
                Status.UNDEFINED,
                why,
                estimator=self.estimators[int(made.refined[place])],
            )
        low, high = float(made.low[place]), float(made.high[place])
        told = np.isfinite(low) and np.isfinite(high)
        said = [f"{rows - read:,} rows without {self.reads} are left out"] if read < rows else []
        said += self.remarks(metric)
        return Estimate(
            metric=metric.name,
            slice=ALL_ROWS,
            version=None,
            window=window,
            value=value,
            low=low if told else None,
            high=high if told else None,
            n=rows,
            labelled=0,
            status=Status.ESTIMATED,
            why="; ".join([self.assumes, *said]),
            interval=("conformal" if band.half is not None else "resampled") if told else None,
            estimator=self.estimators[int(made.refined[place])],
        )

    def track_record(self) -> list[TrackRecord]:
        """One for each metric that could be estimated, or why it cannot."""
        return [self._record(metric) for metric in self._wanted]

    def _record(self, metric: Metric) -> TrackRecord:
        if metric.name not in self._found:
            why = self.why_none(metric)
            return TrackRecord(metric.name, ALL_ROWS, None, self.estimators[0], Standing.UNDEFINED, why=why)
        made = self._found[metric.name]
        now, constant = made.now, made.constant
        return TrackRecord(
            metric=metric.name,
            slice=ALL_ROWS,
            version=None,
            estimator=self.estimators[int(made.refined[-1])],
            status=Standing.WITHDRAWN if now.withdrawn else Standing.IN_USE,
            reference_end=self.reference_end,
            reference_value=constant if np.isfinite(constant) else None,
            windows=now.windows,
            mean_error=now.error,
            constant_error=now.constant,
            band=now.band,
            band_windows=made.band_windows,
            band_covered=made.band_covered,
            why=_lost(now.error, now.constant, now.windows) if now.withdrawn else None,
        )


def _lost(error: float | None, constant: float | None, windows: int) -> str:
    return (
        f"over the last {windows} windows it was off by {error:.3g} on average, the reference's figure by"
        f" {constant:.3g}"
    )
