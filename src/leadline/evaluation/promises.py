"""What an objective promises in numbers. Of most that is declared; of some it is read from the log, here and once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np

from leadline.cells.series import Series
from leadline.evaluation.estimates import Evaluation
from leadline.log.calendar import Grain
from leadline.metrics.evaluate import evaluate_windows
from leadline.metrics.metric import Metric, Share, Unserved
from leadline.metrics.sums import Array, Sums
from leadline.report.words import day
from leadline.spec.model import Objective
from leadline.values import Relative, Target, Undefined, counted

#: rows of equal weight that a reference must have to promise anything by
LEAST_ROWS = 30
_INSTANT = timedelta(microseconds=1)


def relative(objective: Objective, metric: Metric) -> Relative | None:
    """How an objective was declared that names no limit; None for one that does."""
    if objective.no_worse_than is None or objective.by is None:
        return None
    return Relative("at_least" if metric.better == "higher" else "at_most", objective.no_worse_than, objective.by)


@dataclass(frozen=True)
class Promises:
    """The promises of an evaluation.

    One to be no worse than the reference has a limit of its own for each slice: that end of the reference's 95 %
    interval which is the worse one, and from there the tolerance (METHODS §3.1). So chance in the reference's figure
    does not break the promise. The limit is read from what was known when the reference's labels were due, so that it
    stays what it is; only of metrics that read histograms of scores or errors, which have no such memory, later labels
    of the reference move it.
    """

    of: Evaluation

    def target(
        self, objective: Objective, metric: Metric, index: int | None = None, code: int | None = None
    ) -> Target | Undefined:
        """The limit of an objective for all rows, or for a slice: the place of its partition and its code."""
        if objective.target is not None:
            return objective.target
        if isinstance(metric, Unserved):
            return Undefined(metric.undefined)
        assert objective.by is not None  # noqa: S101  # it comes with no_worse_than
        if objective.no_worse_than == "baseline":  # what is judged is the difference already
            side = "at_least" if metric.better == "higher" else "at_most"
            return Target(side, -objective.by if side == "at_least" else objective.by)
        if not self.grains:
            return Undefined(f"no rows before {self._until_text}, where the reference ends")
        if self.due > self.of.as_of:
            return Undefined(f"the reference's labels are due on {day(self.due, self.of.spec.zone)}")
        series = self.of.series if metric.histogram is not None else self._then
        sums, entities = series.sums(index, code), None if series.few_entities else series.entities(index, code)
        rows = _effective_rows(metric, sums, self.grains)
        if rows < LEAST_ROWS:
            return Undefined(f"{counted(round(rows), 'reference label')}, at least {LEAST_ROWS} are needed")
        (found,) = evaluate_windows(metric, sums, [(0, self.grains)], entities)
        if isinstance(found.value, Undefined):
            return Undefined(f"the reference has no figure: {found.value.why}")
        if found.interval is None:
            return Undefined("the reference's figure has no interval")
        higher = metric.better == "higher"
        limit = found.interval.low - objective.by if higher else found.interval.high + objective.by
        if not metric.low < limit < metric.high:
            return Undefined("a limit that far from the reference could not be broken")
        return Target("at_least" if higher else "at_most", limit)

    def begin(self, objective: Objective) -> datetime | None:
        """When the predictions begin that are judged, where earlier ones made the promise; else None."""
        return self._until if objective.no_worse_than == "reference" else None

    @property
    def _until(self) -> datetime:
        until = self.of.reference.until
        return datetime.min.replace(tzinfo=UTC) if until is None else until

    @property
    def _until_text(self) -> str:
        return day(self._until, self.of.spec.zone)

    @cached_property
    def grains(self) -> int:
        """How many leading grains the reference has; one that its end cuts is not among them."""
        of = self.of
        after = 0 if of.reference.until is None else of.grain.number_of(self._until) - of.series.first
        return min(max(after, 0), of.series.grains)

    @cached_property
    def due(self) -> datetime:
        """When the labels of the reference are all due: the end of the day (or coarser grain) of the latest."""
        return self._ledger.start(self._day + 1)

    @property
    def _ledger(self) -> Grain:
        """What lags of labels are counted in."""
        grain = self.of.grain
        return Grain("d", 1, grain.zone) if grain.unit == "h" else grain

    @property
    def _day(self) -> int:
        label = self.of.spec.label
        wait = timedelta() if label is None else label.matures_after
        return self._ledger.number_of(self._until + wait - _INSTANT)

    @cached_property
    def _then(self) -> Series:
        """All counts as they were known when the reference's labels were due."""
        series, grain = self.of.series, self.of.grain
        if "lag" not in series.pieces["total",].keys:
            return series  # labels without a time are known from the start
        numbers = range(series.first, series.last + 1)
        days = np.array([self._ledger.number_of(grain.start(each)) for each in numbers]) if grain.unit == "h" else None
        return series.known_by(self._day, days)


def _effective_rows(metric: Metric, sums: Sums, grains: int) -> float:
    """Rows of equal weight that say as much as those that the figure of the first grains is read from (Kish)."""
    if isinstance(metric, Share):
        parts = metric.parts(sums)[:grains].sum(axis=0)
        return _kish(parts[1], parts[3])
    used = slice(None, -1) if "labels" in metric.needs else slice(None)
    return _kish(sums.counts[:grains, :, used].sum(), sums.squares[:grains, :, used].sum())


def _kish(total: Array | float, squares: Array | float) -> float:
    return float(total) ** 2 / float(squares) if squares > 0 else 0.0
