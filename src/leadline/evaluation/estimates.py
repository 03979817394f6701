"""One evaluation: a spec and its log → a `Result` (DESIGN §6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from leadline.cells.series import Series
from leadline.log.calendar import Grain
from leadline.log.labels import Codes
from leadline.log.reference import Partition, Reference, shown
from leadline.metrics.evaluate import HISTORY, Evaluated, evaluate
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
    Target,
    Undefined,
    Verdict,
    Window,
)

BASELINE = "(baseline)"


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate_log` found; estimates and judgements are made from its cells when asked for."""

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

    def _tumbling(self) -> Iterator[tuple[int, int, Window]]:
        """The report's windows: places in the arrays (cut to the log), and the whole window."""
        first, last = self.series.first, self.series.last
        for begin, after in self.grain.tumbling(
            self.spec.window, self.grain.window_at(self.spec.window, first)[0], last
        ):
            yield max(begin - first, 0), min(after - first, last - first + 1), self.grain.window(begin, after)

    def rolling(self, span: Span, after: int) -> tuple[int, int]:
        """Places of the rolling window that ends with the grain before `after`, cut to the log."""
        begin, end = self.grain.rolling(span, self.series.first + after)
        return max(begin - self.series.first, 0), end - self.series.first

    # Estimates --------------------------------------------------------------------------------------------------

    def estimates(self) -> list[Estimate]:
        """All estimates: every window for all rows, objectives' slices too; other slices once, over the latest window."""
        found = list(self._of_all_rows(self.series, None, None))
        if len(self.reference.versions) > 1:
            for code, version in enumerate(self.reference.versions):
                found += self._of_all_rows(self.series, code, version)
        if self.baseline is not None:
            found += self._of_all_rows(self.baseline, None, BASELINE)
        for place, partition in enumerate(self.reference.partitions):
            found += self._of_slices(place, partition)
        return found

    def _of_all_rows(self, series: Series, version: int | None, name: str | None) -> Iterator[Estimate]:
        sums = series.sums(version=version)
        for metric in self.metrics:
            for begin, after, window in self._tumbling():
                yield self._estimate(metric, sums, begin, after, window, ALL_ROWS, name, None, None)

    def _of_slices(self, place: int, partition: Partition) -> Iterator[Estimate]:
        by_window = [each.name for each in self._objectives_of(partition)]
        latest = self._latest()
        for code in self._codes_with_rows(place):
            sums = self.series.sums(place, code)
            where = self.slice_of(partition, code)
            for metric in self.slice_metrics:
                if metric.name in by_window and metric.histogram is None:
                    for begin, after, window in self._tumbling():
                        yield self._estimate(metric, sums, begin, after, window, where, None, place, code)
                elif latest is not None:
                    begin, after = latest
                    yield self._estimate(
                        metric, sums, begin, after, self._window(begin, after), where, None, place, code
                    )

    def _codes_with_rows(self, place: int) -> list[int]:
        cells = self.series.pieces["slice", place]
        return sorted({int(code) for code in cells.keys["slice"]})

    def _latest(self) -> tuple[int, int] | None:
        """The longest objective's latest window; without objectives all that is mature."""
        if not self.mature_until:
            return None
        if not self.spec.objectives:
            return 0, self.mature_until
        return min(self.rolling(each.window, self.mature_until) for each in self.spec.objectives)

    def _objectives_of(self, partition: Partition) -> list[Metric]:
        return [
            self.objective_metrics[str(each.metric)] for each in self.spec.objectives if partition.name in each.slices
        ]

    def slice_of(self, partition: Partition, code: int) -> Slice:
        """The slice of a code, with bins written as ranges."""
        written = shown(partition, self.spec)
        found = partition.slice(code)
        return Slice(tuple((name, written.get(name, {}).get(value, value)) for name, value in found.parts))

    def _estimate(
        self,
        metric: Metric,
        sums: Sums,
        begin: int,
        after: int,
        window: Window,
        where: Slice,
        version: str | None,
        place: int | None,
        code: int | None,
    ) -> Estimate:
        found = self._evaluated(metric, sums, begin, after, place, code)
        inside = sums[begin:after]
        rows, labelled, young = (int(part.sum()) for part in (inside.rows, inside.labelled, inside.immature))
        if isinstance(found.value, Undefined):
            why = "no rows" if not rows else found.value.why
            return Estimate(
                metric.name, where, version, window, None, None, None, rows, labelled, Status.UNDEFINED, why
            )
        status = Status.PROVISIONAL if young else Status.REALISED
        why = f"{young:,} of {rows:,} rows are too young for their label" if young else None
        low, high, method = (
            (None, None, None)
            if found.interval is None
            else (found.interval.low, found.interval.high, found.interval.method)
        )
        return Estimate(
            metric.name,
            where,
            version,
            window,
            found.value,
            low,
            high,
            rows,
            labelled,
            status,
            why,
            method,
            found.bound,
        )

    def _evaluated(
        self, metric: Metric, sums: Sums, begin: int, after: int, place: int | None = None, code: int | None = None
    ) -> Evaluated:
        history = sums[max(0, begin - HISTORY) : begin] if begin else None
        grouped = self._entities(place, code) if metric.histogram is None else None
        return evaluate(metric, sums[begin:after], history, None if grouped is None else grouped[begin:after].total())

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
            found.append(self._judged(objective, metric, self._total, ALL_ROWS, None, None))
            for place, partition in enumerate(self.reference.partitions):
                if partition.name in objective.slices:
                    for code in self._codes_with_rows(place):
                        where = self.slice_of(partition, code)
                        found.append(self._judged(objective, metric, self.series.sums(place, code), where, place, code))
        return found

    def _judged(
        self, objective: Objective, metric: Metric, sums: Sums, where: Slice, place: int | None, code: int | None
    ) -> Judgement:
        target, span = objective.target, objective.window
        end = self.mature_until
        if not end:
            why = "no rows" if not self.labels.predictions else "no row is old enough for its label"
            return Judgement(metric.name, where, target, span, None, Verdict.NO_DATA, None, None, None, None, 0, why)
        begin, after = self.rolling(span, end)
        found = self._evaluated(metric, sums, begin, after, place, code)
        inside = sums[begin:after]
        rows = int(inside.rows.sum())
        status, why = verdict(found, target, rows, float(inside.labelled.sum()) if "labels" in metric.needs else rows)
        since = self._since(metric, target, span, sums, end, place, code) if status is Verdict.BREACHED else None
        value = None if isinstance(found.value, Undefined) else found.value
        low, high, method = (
            (None, None, None)
            if found.interval is None
            else (found.interval.low, found.interval.high, found.interval.method)
        )
        return Judgement(
            metric.name,
            where,
            target,
            span,
            self._window(begin, after).end,
            status,
            value,
            low,
            high,
            since,
            rows,
            why,
            method,
        )

    def _since(
        self, metric: Metric, target: Target, span: Span, sums: Sums, end: int, place: int | None, code: int | None
    ) -> datetime:
        """Start of the last grain of the first window of the unbroken run of breached ones that ends now."""
        first = end
        while first > 1:
            begin, after = self.rolling(span, first - 1)
            found = self._evaluated(metric, sums, begin, after, place, code)
            inside = sums[begin:after]
            before, _ = verdict(found, target, float(inside.rows.sum()), float(inside.labelled.sum()))
            if before is not Verdict.BREACHED:
                break
            first -= 1
        return self.grain.start(self.series.first + first - 1)
