"""One evaluation: a spec and its log → a `Result` (DESIGN §6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from leadline.cells.series import Series
from leadline.estimate.maturity import label_names
from leadline.evaluation.nowcasts import ALL, Nowcasts, Place, whole_ages
from leadline.log.calendar import Grain
from leadline.log.labels import Codes
from leadline.log.reference import FIRST, Partition, Reference, shown
from leadline.metrics.evaluate import Evaluated, evaluate_each, evaluate_windows
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Sums
from leadline.objectives.interval import verdict
from leadline.spec.model import Objective, Spec
from leadline.values import (
    ALL_ROWS,
    Estimate,
    Judgement,
    Labels,
    Note,
    Slice,
    Span,
    Status,
    Undefined,
    Verdict,
    Window,
)

BASELINE = "(baseline)"
#: what stands for the values of a slice that cannot be told
LEFT_OUT = "(left out)"


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate_log` found; estimates and judgements are made from its cells when asked for.

    asked   whether `as_of` was asked for: then a log that ended long before it has nothing to say of that time
    """

    spec: Spec
    as_of: datetime
    grain: Grain
    series: Series
    baseline: Series | None
    reference: Reference
    codes: Codes
    metrics: tuple[Metric, ...]
    slice_metrics: tuple[Metric, ...]
    objective_metrics: Mapping[str, Metric]
    labels: Labels
    notes: tuple[Note, ...]
    asked: bool = False

    # Windows ----------------------------------------------------------------------------------------------------

    @cached_property
    def _total(self) -> Sums:
        return self.series.sums()

    @cached_property
    def mature_until(self) -> int:
        """Number of leading grains (from the first) whose rows are all mature."""
        young = self._total.immature.nonzero()[0]
        return int(young[0]) if len(young) else self.series.grains

    def _window(self, begin: int, after: int) -> Window:
        return self.grain.window(self.series.first + begin, self.series.first + after)

    @cached_property
    def _tumbling(self) -> list[tuple[int, int, Window]]:
        """The report's windows: places in the arrays (cut to the log), and the whole window."""
        first, last = self.series.first, self.series.last
        begins = self.grain.window_at(self.spec.window, first)[0]
        return [
            (max(begin - first, 0), min(after - first, last - first + 1), self.grain.window(begin, after))
            for begin, after in self.grain.tumbling(self.spec.window, begins, last)
        ]

    def rolling(self, span: Span, after: int) -> tuple[int, int]:
        """Places of the rolling window that ends with the grain before `after`, cut to the log."""
        return rolling(self.grain, self.series.first, span, after)

    def window(self, begin: int, after: int) -> Window:
        """The window of a range of places."""
        return self._window(begin, after)

    @property
    def total(self) -> Sums:
        """The sums of all rows by grain."""
        return self._total

    def latest(self) -> tuple[int, int] | None:
        """Places of the latest window whose rows are all mature."""
        return self._latest()

    def codes_with_rows(self, place: int) -> list[int]:
        """The codes of a partition that occur."""
        return self._codes_with_rows(place)

    # Estimates --------------------------------------------------------------------------------------------------

    def estimates(self) -> list[Estimate]:
        """All estimates: every window for all rows, objectives' slices too; other slices once, over the latest window.

        All rows have that window, too, so that slices can be compared with them.
        """
        found = list(self._of_all_rows(self.series, None, None))
        if len(self.reference.versions) > 1:
            for code, version in enumerate(self.reference.versions):
                found += self._of_all_rows(self.series, code, version)
        if self.baseline is not None:
            found += self._of_all_rows(self.baseline, None, BASELINE)
        for place, partition in enumerate(self.reference.partitions):
            found += self._of_slices(place, partition)
        return self._with_nowcasts(found)

    def _with_nowcasts(self, estimates: list[Estimate]) -> list[Estimate]:
        """The estimates, with what labels that are still coming are expected to make of the provisional ones."""
        if self.mature_until == self.series.grains:
            return estimates
        names = label_names(self.spec.task, self.codes.classes)
        slices: dict[Slice, Place] = {ALL_ROWS: ALL}
        for place, partition in enumerate(self.reference.partitions):
            slices |= {self.slice_of(partition, code): (place, code) for code in self._codes_with_rows(place)}
        windows = {window: (begin, after) for begin, after, window in (*self._once, *self._tumbling)}
        metrics = {metric.name: metric for metric in (*self.metrics, *self.slice_metrics)}
        late = Nowcasts(self.series, whole_ages(self.series, self.grain, self.as_of), self.mature_until, names)
        return late.beside(estimates, metrics, windows, slices)

    def _of_all_rows(self, series: Series, version: int | None, name: str | None) -> Iterator[Estimate]:
        # users' hash groups are of all versions together, so that only the estimates of all rows read them
        entities = self._entities(None, None) if series is self.series and version is None else None
        sums = series.sums(version=version)
        for metric in self.metrics:
            if series is self.baseline and not metric.needs & {"score", "prediction"}:
                continue  # what it shows does not depend on who predicts
            yield from self._estimates(metric, sums, self._tumbling, ALL_ROWS, name, entities)
            if series is self.series and version is None and self.reference.partitions:
                once = [each for each in self._once if each not in self._tumbling]
                yield from self._estimates(metric, sums, once, ALL_ROWS, name, entities)

    @cached_property
    def _once(self) -> list[tuple[int, int, Window]]:
        """The latest window, for figures that are shown once."""
        latest = self._latest()
        return [] if latest is None else [(*latest, self._window(*latest))]

    def _of_slices(self, place: int, partition: Partition) -> Iterator[Estimate]:
        by_window = {metric.name for metric in self._objectives_of(partition)}
        sums = {code: self.series.sums(place, code) for code in self._codes_with_rows(place)}
        alone = any(self._entities(place, code) is not None for code in sums)
        together: dict[str, list[Evaluated]] = {}
        for metric in self.slice_metrics:
            if self._once and sums and (metric.histogram is not None or not (alone or metric.name in by_window)):
                together[metric.name] = evaluate_each(metric, list(sums.values()), self._once[0][:2])
        for number, code in enumerate(sums):
            where, entities = self.slice_of(partition, code), self._entities(place, code)
            for metric in self.slice_metrics:
                evaluated = [together[metric.name][number]] if metric.name in together else None
                windows = self._tumbling if metric.name in by_window and metric.histogram is None else self._once
                yield from self._estimates(metric, sums[code], windows, where, None, entities, evaluated)

    def _codes_with_rows(self, place: int) -> list[int]:
        cells = self.series.pieces["slice", place]
        return [int(code) for code in np.unique(cells.keys["slice"])]

    def _latest(self) -> tuple[int, int] | None:
        return latest_window(self.spec, self.grain, self.series.first, self.mature_until)

    def _objectives_of(self, partition: Partition) -> list[Metric]:
        return [
            self.objective_metrics[str(each.metric)] for each in self.spec.objectives if partition.name in each.slices
        ]

    def slice_of(self, partition: Partition, code: int) -> Slice:
        """The slice of a code, with bins written as ranges."""
        written = shown(partition, self.spec)
        found = partition.slice(code)
        return Slice(tuple((name, written.get(name, {}).get(value, value)) for name, value in found.parts))

    def _estimates(
        self,
        metric: Metric,
        sums: Sums,
        windows: Sequence[tuple[int, int, Window]],
        where: Slice,
        version: str | None,
        entities: Sums | None,
        evaluated: Sequence[Evaluated] | None = None,
    ) -> Iterator[Estimate]:
        """One metric of one slice in many windows."""
        if evaluated is None:
            evaluated = evaluate_windows(metric, sums, [(begin, after) for begin, after, _ in windows], entities)
        counts = np.stack([sums.rows, sums.labelled, sums.immature])
        running = np.concatenate([np.zeros((3, 1)), np.cumsum(counts, axis=1)], axis=1)
        for found, (begin, after, window) in zip(evaluated, windows, strict=True):
            rows, labelled, young = (int(count) for count in running[:, after] - running[:, begin])
            if isinstance(found.value, Undefined):
                unlabelled = not labelled and "labels" in metric.needs
                why = "no rows" if not rows else "no labels" if unlabelled else found.value.why
                yield Estimate(
                    metric.name, where, version, window, None, None, None, rows, labelled, Status.UNDEFINED, why
                )
                continue
            low, high, method = _interval(found)
            yield Estimate(
                metric=metric.name,
                slice=where,
                version=version,
                window=window,
                value=found.value,
                low=low,
                high=high,
                n=rows,
                labelled=labelled,
                status=Status.PROVISIONAL if young else Status.REALISED,
                why=f"{young:,} of {rows:,} rows are too young for their label" if young else None,
                interval=method,
                bound=found.bound,
            )

    def _entities(self, place: int | None, code: int | None) -> Sums | None:
        key = (place, code)
        if key not in self._grouped:
            self._grouped[key] = self.series.entities(place, code)
        return self._grouped[key]

    @cached_property
    def _grouped(self) -> dict[tuple[int | None, int | None], Sums | None]:
        """Sums by grain and hash group, made once for each slice."""
        return {}

    # Objectives -------------------------------------------------------------------------------------------------

    def judgements(self) -> list[Judgement]:
        """Each objective for all rows and for each value of its slices."""
        found = []
        for objective in self.spec.objectives:
            metric = self.objective_metrics[str(objective.metric)]
            found.append(self._judged(objective, metric, self._total, ALL_ROWS, self._entities(None, None)))
            for place, partition in enumerate(self.reference.partitions):
                if partition.name in objective.slices:
                    for code in self._judged_codes(place, partition):
                        sums, where = self.series.sums(place, code), self.slice_of(partition, code)
                        found.append(self._judged(objective, metric, sums, where, self._entities(place, code)))
            found += self._left_out(objective, metric)
        return found

    def _silent(self, span: Span) -> datetime | None:
        """The end of the span whose labels should be in at the time that was asked for, if the log ended before it."""
        wait = self.spec.label.matures_after if self.spec.label else timedelta()
        if not self.asked or self.as_of - wait <= self.grain.start(self.series.last):
            return None
        begin, end = self.grain.rolling(span, self.grain.number_of(self.as_of - wait))
        return self.grain.window(begin, end).end if begin > self.series.last else None

    def _left_out(self, objective: Objective, metric: Metric) -> Iterator[Judgement]:
        """What is said of slices that cannot be told, because their column is gone: nobody knows, which is not fine."""
        told = {partition.name for partition in self.reference.partitions}
        for entry in self.spec.slices:
            if entry.name in objective.slices and entry.name not in told:
                yield Judgement(
                    metric=metric.name,
                    slice=Slice(tuple((part.name, LEFT_OUT) for part in self.spec.parts(entry))),
                    target=objective.target,
                    window=objective.window,
                    window_end=None,
                    status=Verdict.NO_DATA,
                    value=None,
                    low=None,
                    high=None,
                    since=None,
                    n=0,
                    why=f"the slice {entry.name!r} is left out",
                )

    def _judged_codes(self, place: int, partition: Partition) -> list[int]:
        """Codes that objectives judge: of a condition only where it holds, for the other rows were promised nothing."""
        return [code for code in self._codes_with_rows(place) if not partition.condition or code == FIRST]

    def _judged(
        self, objective: Objective, metric: Metric, sums: Sums, where: Slice, entities: Sums | None
    ) -> Judgement:
        target, span, end = objective.target, objective.window, self.mature_until
        if not end:
            why = "no row is old enough for its label" if self.labels.predictions else "no rows"
            return Judgement(metric.name, where, target, span, None, Verdict.NO_DATA, None, None, None, None, 0, why)
        silent = self._silent(span)
        if silent is not None:
            why = f"no predictions since {self._window(0, self.series.grains).end.astimezone(self.spec.zone):%Y-%m-%d}"
            return Judgement(metric.name, where, target, span, silent, Verdict.NO_DATA, None, None, None, None, 0, why)
        needs_labels = "labels" in metric.needs

        def judged(after: Sequence[int]) -> list[tuple[Evaluated, int, Verdict, str | None]]:
            """The rolling windows that end with the grains before `after`."""
            windows = [self.rolling(span, each) for each in after]
            parts = []
            for found, (begin, stop) in zip(evaluate_windows(metric, sums, windows, entities), windows, strict=True):
                rows = int(sums.rows[begin:stop].sum())
                labelled = int(sums.labelled[begin:stop].sum()) if needs_labels else rows
                parts.append((found, rows, *verdict(found, target, rows, labelled)))
            return parts

        found, rows, status, reason = judged([end])[0]
        since = None
        if status is Verdict.BREACHED:
            earlier = judged(list(range(end - 1, 0, -1))) if end > 1 else []
            run = next((place for place, each in enumerate(earlier) if each[2] is not Verdict.BREACHED), len(earlier))
            since = self.grain.start(self.series.first + end - 1 - run)
        low, high, method = _interval(found)
        return Judgement(
            metric=metric.name,
            slice=where,
            target=target,
            window=span,
            window_end=self._window(*self.rolling(span, end)).end,
            status=status,
            value=None if isinstance(found.value, Undefined) else found.value,
            low=low,
            high=high,
            since=since,
            n=rows,
            why=reason,
            interval=method,
        )


def _interval(found: Evaluated) -> tuple[float | None, float | None, str | None]:
    return (
        (None, None, None)
        if found.interval is None
        else (found.interval.low, found.interval.high, found.interval.method)
    )


def rolling(grain: Grain, first: int, span: Span, after: int) -> tuple[int, int]:
    """Places of the rolling window of a span that ends before place `after`; places count from the grain `first`."""
    begin, end = grain.rolling(span, first + after)
    return max(begin - first, 0), end - first


def latest_window(spec: Spec, grain: Grain, first: int, mature_until: int) -> tuple[int, int] | None:
    """The longest objective's latest window; without objectives all that is mature. Places from the grain `first`."""
    if not mature_until:
        return None
    if not spec.objectives:
        return 0, mature_until
    return min(rolling(grain, first, each.window, mature_until) for each in spec.objectives)
