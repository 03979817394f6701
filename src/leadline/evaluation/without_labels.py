"""Estimates of the windows after the reference, from predictions alone, and the score that is kept of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from leadline.cells.fill import Cells, Ints
from leadline.cells.series import Series
from leadline.estimate.windows import Estimates, Estimator, Made, made, to_draw, with_ends
from leadline.evaluation.versions import VersionRows, version_rows
from leadline.log.calendar import Grain
from leadline.log.reference import Reference, guessed_end
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array, Sums
from leadline.spec.model import Spec
from leadline.values import ALL_ROWS, Estimate, Note, Standing, Status, TrackRecord, Window, counted

#: windows that are estimated together; more would only take more memory
TOGETHER = 64
#: what estimates from scores assume, whatever the number of classes
SCORES_KEEP_THEIR_MEANING = (
    "assumes that a score means what it meant in the reference; whether it still does cannot be seen without labels"
)
SCORES_MEAN_THE_SAME = "its scores mean what those of {} meant"
NO_WINDOW = "no window begins after the reference"
NOTHING_OLD_ENOUGH = "the reference has no whole window of time whose rows are old enough for their label"
TOO_MANY_CELLS = "the scores of all windows would make too many cells: choose a coarser window"
NOT_PROBABILITIES = "scores are not probabilities"
Range = tuple[int, int]
Place = tuple[int, int, Window]


@dataclass(frozen=True)
class WithoutLabels(ABC):
    """Estimates of the windows after the reference, made when asked for.

    What they are read from differs by task: `OfScores` (two classes), `OfClasses` and `OfLosses` (regressions) say what
    of the reference can be learnt, and what is expected of a window then. When, for which windows, with which band and
    which standing is the same for all, and stands here.

    windows        the tumbling windows of the log: places in the arrays, and the whole window
    mature_until   number of leading grains whose rows are all mature
    """

    #: how a window can be estimated, plain before finer
    estimators: ClassVar[tuple[Estimator, ...]]
    #: what an interval before 20 windows have matured does not hold, said with each estimate
    assumes: ClassVar[str]
    #: what else estimates of a new version assume, of those that the reference holds
    assumes_of_version: ClassVar[str]
    #: what a row needs for an estimate
    reads: ClassVar[str]

    spec: Spec
    grain: Grain
    series: Series
    reference: Reference
    metrics: Sequence[Metric]
    sums: Sums
    windows: Sequence[Place]
    mature_until: int

    # What a task says -------------------------------------------------------------------------------------------

    @abstractmethod
    def expects(self, metric: Metric) -> bool:
        """Whether a metric that needs labels can be estimated without them."""

    @abstractmethod
    def unfit(self, metric: Metric) -> str | None:
        """Why nothing can be learnt of a metric from the reference; None where it can."""

    @abstractmethod
    def figures(self, ranges: Sequence[Range]) -> Array:
        """What is expected of ranges of grains that do not overlap: by estimator, metric and range.

        The estimators are the first of `estimators`, the metrics those of `fitted_metrics`, in their order. NaN where
        an estimator has nothing to say of a range.
        """

    @abstractmethod
    def spread(self, ranges: Sequence[Range]) -> Mapping[str, tuple[Array, Array]]:
        """By metric what to add to the best estimates of ranges for the ends of their intervals; low and high."""

    @property
    @abstractmethod
    def read_cells(self) -> Cells | None:
        """Cells, by grain at least, that hold each row which has what an estimate needs once."""

    def expected(self, span: Range) -> Array:
        """What is expected of a range of grains without regard to any record, shape (metrics,): by the finest estimator
        that has not to earn its use.
        """
        found = self.figures([span])
        finest = max(place for place, each in enumerate(self.estimators[: len(found)]) if not each.earned)
        return np.asarray(found[finest, :, 0])

    @property
    def recorded(self) -> Sequence[Metric]:
        """The metrics that the record speaks of, those too that have no estimates."""
        return self._wanted

    def remarks(self, metric: Metric) -> list[str]:
        """What else is to be said of each estimate of a metric."""
        del metric
        return []

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
    def fitted_until(self) -> int:
        """Number of leading grains that are all in the reference and mature: those that estimates are fitted on."""
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
        """Which rows estimates are fitted on, where the declaration does not say, and which versions these lack."""
        return [*self._reference_note(), *self._version_notes()]

    def _reference_note(self) -> Iterator[Note]:
        if not self._wanted or self.reference.until is not None or self.reference_end is None:
            return
        why = "The reference is guessed" if self.spec.reference is None else "The reference has a source of its own"
        shown = self._shown(self.reference_end)
        text = (
            f"{why}: estimates without labels are fitted on the first mature quarter, the predictions before {shown}."
        )
        yield Note("estimates_reference", text)

    def _version_notes(self) -> Iterator[Note]:
        if not self.usable:
            return
        for name in dict.fromkeys(name for name in self._new_versions if name is not None):
            start = self._after[self._new_versions.index(name)][2].start
            text = (
                f"From {self._shown(start)} on most predictions of a window are of {self._versions.unknown(name)}:"
                f" estimates without labels assume that {self._assumed_of_version}. As its labels come, its own windows"
                " show whether that is so. What is said to be explained by inputs may be the new version's doing."
            )
            yield Note("estimates_of_new_version", text)

    def _shown(self, moment: datetime) -> str:
        return moment.astimezone(self.spec.zone).strftime("%Y-%m-%d %H:%M").removesuffix(" 00:00")

    # Versions ----------------------------------------------------------------------------------------------------

    @cached_property
    def _versions(self) -> VersionRows:
        return version_rows(self.series, self.reference.versions, self.fitted_until)

    @cached_property
    def _new_versions(self) -> list[str | None]:
        """By window after the reference, the version of most of its rows, where the reference does not hold it."""
        return [self._versions.new((begin, after)) for begin, after, _ in self._after]

    @property
    def _assumed_of_version(self) -> str:
        return self.assumes_of_version.format(self._versions.known)

    @cached_property
    def _windows_of(self) -> dict[str, NDArray[np.bool_]]:
        """By new version, which windows after the reference are its own."""
        names = np.array([name or "" for name in self._new_versions])
        return {name: names == name for name in set(names.tolist()) - {""}}

    def _of_new_version(self, made: Estimates, place: int) -> list[str]:
        """What is to be said of a window of a new version: what is assumed of it, and what its own labels showed."""
        name = self._new_versions[place]
        if name is None:
            return []
        known = self._known_before[place]
        errors = np.abs(made.value[:known] - made.figures[:known])[self._windows_of[name][:known]]
        errors = errors[np.isfinite(errors)]
        shown = "no window of it had matured"
        if len(errors):
            shown = f"{counted(len(errors), 'window')} of it had matured, off by {errors.mean():.3g} on average"
        return [f"most rows are of {self._versions.unknown(name)}: assumes that {self._assumed_of_version} ({shown})"]

    # What is estimated -------------------------------------------------------------------------------------------

    @cached_property
    def of_labels(self) -> list[Metric]:
        """The metrics that need labels; none where rows were chosen for labelling, which makes estimates of its own."""
        if self.spec.label is None or self.spec.label.label_probability is not None:
            return []
        return [metric for metric in self.metrics if "labels" in metric.needs]

    @cached_property
    def _wanted(self) -> list[Metric]:
        return [metric for metric in self.of_labels if self.expects(metric)]

    @cached_property
    def fitted_metrics(self) -> list[Metric]:
        """The metrics that have estimates."""
        return [metric for metric in self._wanted if self.why_none(metric) is None]

    def why_none(self, metric: Metric) -> str | None:
        """Why a metric has no estimates; None where it has."""
        why = self.unfit(metric)
        return NO_WINDOW if why is None and not self._after else why

    def groups(self, ranges: Sequence[Range]) -> Ints:
        """Of each grain the place of its range among these, or -1."""
        groups = np.full(self.series.grains, -1)
        for group, (begin, after) in enumerate(ranges):
            groups[begin:after] = group
        return groups

    @property
    def first_after(self) -> int | None:
        """The place of the first grain after the reference; None without estimates."""
        return self._after[0][0] if self.usable else None

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
    def usable(self) -> dict[str, Estimates]:
        """Estimates by metric; none where nothing could be fitted."""
        if not self.fitted_metrics:
            return {}
        ranges = [each[:2] for each in self._after]
        together = [ranges[start : start + TOGETHER] for start in range(0, len(ranges), TOGETHER)]
        values = np.concatenate([self.figures(some) for some in together], axis=-1)
        every = [self._made(metric, values[:, row]) for row, metric in enumerate(self.fitted_metrics)]
        drawn = to_draw(every)
        spread = self.spread([ranges[place] for place in drawn.tolist()]) if len(drawn) else {}
        return {
            metric.name: with_ends(metric, each, drawn, spread.get(metric.name))
            for metric, each in zip(self.fitted_metrics, every, strict=True)
        }

    def _made(self, metric: Metric, values: Array) -> Made:
        by_grain = metric.parts(self.sums)
        shown = metric.value(np.stack([by_grain[begin:after].sum(axis=0) for begin, after, _ in self._after]))
        figures = np.where(np.arange(len(shown)) < self._ripe, shown, np.nan)
        constant = float(metric.value(by_grain[: self.fitted_until].sum(axis=0)[None])[0])
        rows = np.array(self._rows_read, float)
        return made(self.estimators, values, figures, constant, rows, self._known_before)

    def estimates(self) -> list[Estimate]:
        """One for each metric that has estimates and each window after the reference."""
        found = []
        rows = [int(self.sums.rows[begin:after].sum()) for begin, after, _ in self._after]
        for metric in self.fitted_metrics:
            made = self.usable[metric.name]
            for place, (*_, window) in enumerate(self._after):
                found.append(self._estimate(metric, made, place, window, rows[place], self._rows_read[place]))
        return found

    @cached_property
    def _rows_read(self) -> list[int]:
        """By window after the reference, how many rows have what an estimate needs."""
        of_grains, cells = np.zeros(self.series.grains), self.read_cells
        if cells is not None:
            of_grains += np.bincount(cells.keys["grain"], weights=cells.rows, minlength=self.series.grains)
        return [int(of_grains[begin:after].sum()) for begin, after, _ in self._after]

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
                estimator=self.estimators[made.chosen[place]].name,
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
            why="; ".join([self.assumes, *self._of_new_version(made, place), *said]),
            interval=("conformal" if band.half is not None else "resampled") if told else None,
            estimator=self.estimators[made.chosen[place]].name,
        )

    def track_record(self) -> list[TrackRecord]:
        """One for each metric that could be estimated, or why it cannot."""
        return [self._record(metric) for metric in self.recorded]

    def _record(self, metric: Metric) -> TrackRecord:
        if metric.name not in self.usable:
            why = self.why_none(metric)
            return TrackRecord(metric.name, ALL_ROWS, None, self.estimators[0].name, Standing.UNDEFINED, why=why)
        made = self.usable[metric.name]
        now, constant = made.now, made.constant
        return TrackRecord(
            metric=metric.name,
            slice=ALL_ROWS,
            version=None,
            estimator=self.estimators[made.chosen[-1]].name,
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
