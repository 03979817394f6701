"""What an objective promises in numbers. Of most that is declared; of some it is read from the log, here and once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np

from leadline.cells.series import Series
from leadline.evaluation.estimates import Evaluation
from leadline.log.calendar import Grain
from leadline.metrics.evaluate import evaluate_windows
from leadline.metrics.frozen_mix import FrozenMix
from leadline.metrics.metric import Metric, Share, Unserved
from leadline.metrics.sums import Array, Sums
from leadline.report.words import day
from leadline.spec.model import Objective
from leadline.stats.mix_rate import pooled
from leadline.values import Relative, Target, Undefined, counted
from leadline.why.split import LEAST

#: rows of equal weight that a reference must have to promise anything by
LEAST_ROWS = 30
_INSTANT = timedelta(microseconds=1)


def with_frozen_mixes(found: Evaluation) -> Evaluation:
    """An evaluation whose metrics at a frozen mix know the reference's mix."""
    wanted = {metric.name: metric for metric in found.metrics if isinstance(metric, FrozenMix)}
    if not wanted:
        return found
    promises = Promises(found)
    fixed = {name: promises.frozen(metric) for name, metric in wanted.items()}
    return replace(
        found,
        metrics=tuple(fixed.get(metric.name, metric) for metric in found.metrics),
        objective_metrics={name: fixed.get(metric.name, metric) for name, metric in found.objective_metrics.items()},
    )


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
        lacks = self._lacks()
        if lacks is not None:
            return lacks
        if isinstance(metric, FrozenMix):
            metric = metric.inner  # at its own mix the reference is what it is
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

    def _lacks(self) -> Undefined | None:
        """Why the reference promises nothing yet."""
        if not self.grains:
            return Undefined(f"no rows before {self._until_text}, where the reference ends")
        if self.due > self.of.as_of:
            return Undefined(f"the reference's labels are due on {day(self.due, self.of.spec.zone)}")
        return None

    def frozen(self, metric: FrozenMix) -> Metric:
        """A metric at the mix that the reference has, as it was known when its labels were due; undefined where that
        cannot be told."""
        lacks = Undefined("labels are a sample, of which no mix is told") if self.of.sampled else self._lacks()
        place = next((at for at, each in enumerate(self.of.reference.partitions) if each.name == metric.by), None)
        if place is None:
            lacks = Undefined(f"the slice {metric.by!r} is left out")
        if lacks is not None or place is None:
            return Unserved.of_name(metric.name, "" if lacks is None else lacks.why, metric.better)
        codes = range(self.of.reference.partitions[place].codes)
        found = [metric.inner.as_ratio(metric.inner.parts(self._then.ledger_sums(place, code))) for code in codes]
        sums = np.stack([each for each in found if each is not None])[:, : self.grains].sum(axis=1)
        worth = np.divide(sums[:, 1] ** 2, sums[:, 4], out=np.zeros(len(sums)), where=sums[:, 4] > 0)
        if not worth.any():
            return Unserved.of_name(metric.name, f"the reference has no mix: {metric.undefined}", metric.better)
        group = np.where(worth > 0, pooled(worth, worth, LEAST), -1)
        known, number = np.unique(group[group >= 0], return_inverse=True)
        group[group >= 0] = number
        shares = np.bincount(group[group >= 0], weights=sums[group >= 0, 1], minlength=len(known))
        return metric.fixed(group, shares / shares.sum())

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
