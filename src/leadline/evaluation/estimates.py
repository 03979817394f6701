"""One evaluation: a spec and its log → a `Result` (DESIGN §6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

import numpy as np

from leadline.cells.series import Series
from leadline.estimate.few_labels import Sample, Sampled, evaluate_sample, said_of
from leadline.estimate.maturity import label_names
from leadline.estimate.proxies import grade
from leadline.evaluation.changes import changes, leaf_changes, loss_changes
from leadline.evaluation.classes import ClassCells
from leadline.evaluation.columns import Columns
from leadline.evaluation.components import Pipeline
from leadline.evaluation.drifts import Drifts, effect_metrics, latest_drifts, tumbling_drifts
from leadline.evaluation.found import FoundSlices
from leadline.evaluation.freshness import EXACT, Age, Newest
from leadline.evaluation.joint import Joint
from leadline.evaluation.leaves import LeafCells
from leadline.evaluation.looks import Seen
from leadline.evaluation.losses import LossCells
from leadline.evaluation.nowcasts import ALL, Nowcasts, Place, whole_ages
from leadline.evaluation.of_classes import OfClasses
from leadline.evaluation.of_losses import OfLosses
from leadline.evaluation.of_scores import OfScores
from leadline.evaluation.without_labels import WithoutLabels
from leadline.log.calendar import Grain
from leadline.log.events import Happened
from leadline.log.labels import Codes
from leadline.log.reading import PROXY
from leadline.log.reference import Partition, Reference, slice_of
from leadline.metrics.evaluate import Evaluated, evaluate_each, evaluate_windows
from leadline.metrics.frozen_mix import FrozenMix
from leadline.metrics.metric import Metric
from leadline.metrics.regression import ABSOLUTE
from leadline.metrics.runs import RunRate, SuccessAge
from leadline.metrics.service import Freshness
from leadline.metrics.sums import Sums
from leadline.report.words import days
from leadline.spec.model import NumberProxy, Spec
from leadline.values import (
    ALL_ROWS,
    Change,
    Estimate,
    Finding,
    Labels,
    LeafChange,
    Note,
    ProxyGrade,
    Slice,
    Span,
    Status,
    Undefined,
    Window,
    counted,
)

BASELINE = "(baseline)"
#: windows of a report (days of 27 years) above which those without rows are left out
MOST_WINDOWS = 10_000
NO_ROWS = Evaluated(Undefined("no rows"))
#: what stands for the values of a slice that cannot be told
LEFT_OUT = "(left out)"


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate_log` found; estimates and judgements are made from its cells when asked for.

    asked   whether `as_of` was asked for: then a log that ended long before it has nothing to say of that time
    looks   what the detectors of the objectives look at
    sampled the labels, where rows were chosen for labelling: figures are then estimates for all rows
    leaves  rows by leaf of a tree over features, for estimates without labels
    losses  the same of a regression, by loss, or why there are none
    classes of a model of several classes: rows with the chances of these, or why there are none; None for others
    events  what is declared to have happened around the model
    data_faults   what is odd about the data, where it was looked for
    columns rows by the value of each feature, score and prediction, or why there are none; None without features
    newest  when the newest rows came, where a metric tells their age
    pipeline  the runs of the pipeline's components, where they are declared
    found   slices that the model fails for; None where there was nothing to look at, or they were not asked for
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
    looks: tuple[Seen, ...] = ()
    sampled: Sampled | None = None
    leaves: LeafCells | None = None
    losses: Mapping[str, LossCells | Undefined] = field(default_factory=dict)
    classes: ClassCells | Undefined | None = None
    events: tuple[Happened, ...] = ()
    data_faults: tuple[Finding, ...] = ()
    columns: Columns | Undefined | None = None
    newest: Newest | None = None
    pipeline: Pipeline | None = None
    found: FoundSlices | None = None

    # Windows ----------------------------------------------------------------------------------------------------

    @cached_property
    def _total(self) -> Sums:
        return replace(self.series.sums(), slices=self._of_partitions(self.series.ledger_sums))

    def _of_partitions(self, sums: Callable[[int, int], Sums | None]) -> dict[str, tuple[Sums, ...]]:
        """Sums by slice of the partitions of which a metric reads them; without those of which some are not known."""
        wanted = {metric.by for metric in self.metrics if isinstance(metric, FrozenMix)}
        found = {}
        for place, partition in enumerate(self.reference.partitions):
            if partition.name in wanted:
                each = [sums(place, code) for code in range(partition.codes)]
                found[partition.name] = tuple(one for one in each if one is not None)
        return {name: each for name, each in found.items() if each}

    @cached_property
    def mature_until(self) -> int:
        """Number of leading grains (from the first) whose rows are all mature."""
        young = self._total.immature.nonzero()[0]
        return int(young[0]) if len(young) else self.series.grains

    def complete_until(self, metric: Metric) -> int:
        """Number of leading grains for which a metric has all that it waits for."""
        if isinstance(metric, RunRate | SuccessAge) and self.pipeline is not None:
            return max(self.pipeline.grains(self.grain, self.series.first), self.series.grains)
        return self.mature_until if metric.waits else self.series.grains

    def window(self, begin: int, after: int) -> Window:
        """The window of some places in the arrays."""
        return self.grain.window(self.series.first + begin, self.series.first + after)

    @cached_property
    def _tumbling(self) -> list[tuple[int, int, Window]]:
        """The report's windows: places in the arrays (cut to the log), and the whole window.

        Where they are very many, only those with rows.
        """
        first, last = self.series.first, self.series.last
        begins = self.grain.window_at(self.spec.window, first)[0]
        every = list(self.grain.tumbling(self.spec.window, begins, last))
        places = [(max(begin - first, 0), min(after - first, last - first + 1)) for begin, after in every]
        if len(every) > MOST_WINDOWS:
            rows = np.concatenate([[0.0], np.cumsum(self._total.rows)])
            filled = [place for place, (begin, after) in enumerate(places) if rows[after] > rows[begin]]
            every, places = [every[place] for place in filled], [places[place] for place in filled]
        return [(*place, self.grain.window(*of)) for place, of in zip(places, every, strict=True)]

    def notes_of_windows(self) -> Iterator[Note]:
        """That windows are left out, where they are."""
        first, last = self.series.first, self.series.last
        begins = self.grain.window_at(self.spec.window, first)[0]
        count = sum(1 for _ in self.grain.tumbling(self.spec.window, begins, last))
        if count > MOST_WINDOWS:
            whole = days(self.window(0, self.series.grains), self.spec.zone)
            text = (
                f"The log makes {count:,} windows of {self.spec.window} ({whole}), of which only those with rows,"
                f" {len(self._tumbling):,}, are told. Check the times, or choose a longer `window`."
            )
            yield Note("windows_left_out", text)

    def rolling(self, span: Span, after: int) -> tuple[int, int]:
        """Places of the rolling window that ends with the grain before `after`, cut to the log."""
        return rolling(self.grain, self.series.first, span, after)

    @property
    def total(self) -> Sums:
        """The sums of all rows by grain."""
        return self._total

    def latest(self) -> tuple[int, int] | None:
        """Places of the latest window whose rows are all mature."""
        return self._latest()

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
        if self.mature_until == self.series.grains or self.sampled is not None:
            return estimates
        names = label_names(self.spec.task, self.codes.classes)
        slices: dict[Slice, Place] = {ALL_ROWS: ALL}
        for place, partition in enumerate(self.reference.partitions):
            slices |= {self.slice_of(partition, code): (place, code) for code in self.codes_with_rows(place)}
        windows = {window: (begin, after) for begin, after, window in (*self._once, *self._tumbling)}
        metrics = {metric.name: metric for metric in (*self.metrics, *self.slice_metrics)}
        late = Nowcasts(self.series, whole_ages(self.series, self.grain, self.as_of), self.mature_until, names)
        return late.beside(estimates, metrics, windows, slices)

    def _of_all_rows(self, series: Series, version: int | None, name: str | None) -> Iterator[Estimate]:
        # users' hash groups are of all versions together, so that only the estimates of all rows read them
        entities = self.entities(None, None) if series is self.series and version is None else None
        sums = self._total if series is self.series and version is None else series.sums(version=version)
        sample = self.sample(None, None, version, series is self.baseline)
        for metric in self.metrics:
            if series is self.baseline and not metric.needs & {"score", "prediction"}:
                continue  # what it shows does not depend on who predicts
            if isinstance(metric, FrozenMix) and (series is not self.series or version is not None):
                continue  # there are no slices of versions
            if isinstance(metric, RunRate | SuccessAge):
                if series is self.series and version is None:
                    ages, of_runs = self._ages(metric, self._tumbling), self.of_runs(metric)
                    yield from self._estimates(metric, of_runs, self._tumbling, ALL_ROWS, None, None, evaluated=ages)
                continue
            if isinstance(metric, Freshness) and version is not None:
                continue  # an old version has no new rows, and that is well
            yield from self._estimates(
                metric, sums, self._tumbling, ALL_ROWS, name, entities, sample, self._ages(metric, self._tumbling)
            )
            if series is self.series and version is None and self.reference.partitions:
                once = [each for each in self._once if each not in self._tumbling]
                ages = self._ages(metric, once)
                yield from self._estimates(metric, sums, once, ALL_ROWS, name, entities, sample, ages)

    @cached_property
    def _once(self) -> list[tuple[int, int, Window]]:
        """The latest window, for figures that are shown once."""
        latest = self._latest()
        return [] if latest is None else [(*latest, self.window(*latest))]

    def _of_slices(self, place: int, partition: Partition) -> Iterator[Estimate]:
        by_window = {metric.name for metric in self._objectives_of(partition)}
        sums = {code: self.series.sums(place, code) for code in self.codes_with_rows(place)}
        alone = any(self.entities(place, code) is not None for code in sums)
        together: dict[str, list[Evaluated]] = {}
        for metric in self.slice_metrics:
            if isinstance(metric, Freshness):
                continue
            if self._once and sums and (metric.histogram is not None or not (alone or metric.name in by_window)):
                together[metric.name] = evaluate_each(metric, list(sums.values()), self._once[0][:2])
        for number, code in enumerate(sums):
            where, entities = self.slice_of(partition, code), self.entities(place, code)
            sample = self.sample(place, code)
            for metric in self.slice_metrics:
                windows = self._tumbling if metric.name in by_window and metric.histogram is None else self._once
                evaluated = [together[metric.name][number]] if metric.name in together else None
                evaluated = evaluated or self._ages(metric, windows, (place, code))
                yield from self._estimates(metric, sums[code], windows, where, None, entities, sample, evaluated)

    def _ages(
        self, metric: Metric, windows: Sequence[tuple[int, int, Window]], where: Place = ALL
    ) -> list[Evaluated] | None:
        """What no sum can tell: how old the newest row, or the last success, was; None for other metrics."""
        places = [(begin, after) for begin, after, _ in windows]
        if isinstance(metric, SuccessAge):
            pipeline = self.pipeline
            return (
                None
                if pipeline is None
                else pipeline.ages(metric, self.grain, self.series.first, self.series.grains, places)
            )
        if not isinstance(metric, Freshness) or self.newest is None:
            return None
        return self.newest.ages(where, places)

    def age(self, metric: Metric, where: Place) -> Age | None:
        """How old the newest row, or the last success, is now; None for metrics that are no age."""
        if isinstance(metric, SuccessAge):
            return None if self.pipeline is None else self.pipeline.age(metric)
        return self.newest.age(where) if isinstance(metric, Freshness) and self.newest is not None else None

    def codes_with_rows(self, place: int) -> list[int]:
        """The codes of a partition that occur."""
        cells = self.series.pieces["slice", place]
        return [int(code) for code in np.unique(cells.keys["slice"])]

    def _latest(self) -> tuple[int, int] | None:
        return latest_window(self.spec, self.grain, self.series.first, self.mature_until)

    def _objectives_of(self, partition: Partition) -> list[Metric]:
        return [self.objective_metrics[each.figure] for each in self.spec.objectives if partition.name in each.slices]

    def slice_of(self, partition: Partition, code: int) -> Slice:
        """The slice of a code, with bins written as ranges."""
        return slice_of(partition, code, self.spec)

    def _estimates(
        self,
        metric: Metric,
        sums: Sums,
        windows: Sequence[tuple[int, int, Window]],
        where: Slice,
        version: str | None,
        entities: Sums | None,
        sample: Sample | None = None,
        evaluated: Sequence[Evaluated] | None = None,
    ) -> Iterator[Estimate]:
        """One metric of one slice in many windows."""
        few = sample is not None and "labels" in metric.needs
        counts = np.stack([sums.rows, sums.labelled, sums.immature])
        running = np.concatenate([np.zeros((3, 1)), np.cumsum(counts, axis=1)], axis=1)
        if few and sample is not None:
            evaluated = evaluate_sample(metric, sample, sums, [(begin, after) for begin, after, _ in windows])
        elif evaluated is None:
            places = [(begin, after) for begin, after, _ in windows]
            some = [running[0, after] > running[0, begin] for begin, after in places]
            filled = [each for each, rows in zip(places, some, strict=True) if rows or metric.of_time]
            by_place = dict(zip(filled, evaluate_windows(metric, sums, filled, entities), strict=True))
            evaluated = [by_place.get(each, NO_ROWS) for each in places]
        for found, (begin, after, window) in zip(evaluated, windows, strict=True):
            rows, labelled, young = (int(count) for count in running[:, after] - running[:, begin])
            young = young if metric.waits else 0
            if isinstance(found.value, Undefined):
                why = why_none(metric, sums, (begin, after)) or found.value.why
                yield Estimate(
                    metric.name, where, version, window, None, None, None, rows, labelled, Status.UNDEFINED, why
                )
                continue
            low, high, method = interval_of(found)
            status = Status.FEW_LABELS if few else Status.PROVISIONAL if young else Status.REALISED
            are = "is too young for its label" if young == 1 else "are too young for their label"
            remark = f"{young:,} of {counted(rows, 'row')} {are}" if young else None
            if few and sample is not None:
                remark = said_of(sample, sums, begin, after)
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
                status=status,
                why=remark,
                interval=method,
                bound=found.bound,
            )

    def sums(self, place: int | None, code: int | None) -> Sums:
        """Sums by grain of all rows or of a slice."""
        return self._total if place is None else self.series.sums(place, code)

    def of_runs(self, metric: RunRate | SuccessAge) -> Sums:
        """Sums by grain of the runs that a metric is about, up to now."""
        runs = Pipeline.of(self.spec, (), self.as_of) if self.pipeline is None else self.pipeline
        return runs.sums(metric, self.grain, self.series.first, self.complete_until(metric))

    def entities(self, place: int | None, code: int | None) -> Sums | None:
        """Sums by grain and hash group of entities, where they are declared and not few; made once for each slice."""
        if self.series.few_entities:
            return None
        key = (place, code)
        if key not in self._grouped:
            found = self.series.entities(place, code)
            if found is not None and place is None:
                found = replace(found, slices=self._of_partitions(self.series.entities))
            self._grouped[key] = found
        return self._grouped[key]

    def sample(
        self, place: int | None, code: int | None, version: int | None = None, of_baseline: bool = False
    ) -> Sample | None:
        """The labels that stand for the rows of a slice or version, where they are a sample."""
        if self.sampled is None:
            return None
        key = (place, code, version, of_baseline)
        if key not in self._samples:
            self._samples[key] = self.sampled.sample(*key)
        return self._samples[key]

    @cached_property
    def _samples(self) -> dict[tuple[int | None, int | None, int | None, bool], Sample]:
        """Samples, made once for each slice and version."""
        return {}

    @cached_property
    def _grouped(self) -> dict[tuple[int | None, int | None], Sums | None]:
        """Sums by grain and hash group, made once for each slice."""
        """Sums by grain and hash group, made once for each slice."""
        return {}

    @cached_property
    def without_labels(self) -> WithoutLabels:
        """Estimates from predictions alone, and the score that is kept of them."""
        known = (
            self.spec,
            self.grain,
            self.series,
            self.reference,
            self.metrics,
            self._total,
            self._tumbling,
            self.mature_until,
        )
        if self.spec.task == "regression":
            return OfLosses(*known, self.losses)
        if self.spec.task == "multiclass":
            return OfClasses(*known, self.codes.classes, self.classes)
        return OfScores(*known, self.leaves)

    @cached_property
    def drifts(self) -> Drifts | None:
        """How the columns of later windows differ from the reference, and what that does to the metrics."""
        if not isinstance(self.columns, Columns):
            return None
        return tumbling_drifts(self.spec, self.columns, self._affected, self.series.classes)

    @cached_property
    def latest_drifts(self) -> Drifts | None:
        """The same of the latest window."""
        if not isinstance(self.columns, Columns):
            return None
        return latest_drifts(self.spec, self.columns, self._affected, self.series.classes, self.as_of)

    @cached_property
    def joint(self) -> Joint | None:
        """What was asked for of features together."""
        if not self.spec.multivariate or self.drifts is None or self.latest_drifts is None:
            return None
        return Joint(self.drifts, self.latest_drifts)

    @property
    def _affected(self) -> tuple[Metric, ...]:
        """The metrics for which it is told what columns do to them."""
        return effect_metrics(list(self.objective_metrics.values()), self.metrics)

    @cached_property
    def estimated(self) -> tuple[Estimate, ...]:
        """Estimates from predictions alone, of the windows after the reference."""
        return tuple(self.without_labels.estimates())

    @cached_property
    def proxies(self) -> tuple[ProxyGrade, ...]:
        """How well each proxy tells of wrong predictions, over all rows whose labels are due."""
        series = self.series if self.sampled is None else self.sampled.series
        told = [each.name for each in self.spec.every_proxy if not isinstance(each, NumberProxy)]
        read = (name for name in told if f"{PROXY}{name}" in series.pieces["total",].losses)
        if self.spec.label is None:
            return ()
        window = self.window(0, max(self.mature_until, 1))
        return tuple(grade(name, series, self.mature_until, window) for name in read)

    @cached_property
    def _since_reference(self) -> tuple[int, int] | None:
        """The latest window with all labels in, as far as it lies after the rows that estimates are fitted on."""
        latest, first = self._latest(), self.without_labels.first_after
        if latest is None or first is None:
            return None
        begin = max(latest[0], first)
        return (begin, latest[1]) if begin < latest[1] else None

    def changes(self) -> list[Change]:
        """What changed since the reference, told apart by what inputs explain and what only labels show."""
        place = self._since_reference
        if place is None:
            return []
        entities = self.entities(None, None)
        return list(
            changes(
                self.without_labels,
                place,
                self.window(*place),
                lambda metric: evaluate_windows(metric, self._total, [place], entities)[0],
            )
        )

    def leaf_changes(self) -> list[LeafChange]:
        """The same by leaf: the mean of label less calibrated chance, of a regression the mean absolute error.

        Of several classes the label is whether the prediction was right.
        """
        place = self._since_reference
        if place is None:
            return []
        known = self.without_labels.fitted_until, place, self.window(*place)
        losses = self.losses.get(ABSOLUTE.name)
        if isinstance(losses, LossCells):
            return loss_changes(losses, ABSOLUTE, *known)
        if isinstance(self.classes, ClassCells) and self.classes.leaves is not None:
            return leaf_changes(self.classes.leaves.right, self.classes.leaves.tree, *known)
        return [] if self.leaves is None else leaf_changes(self.leaves.cells, self.leaves.tree, *known)


def interval_of(found: Evaluated) -> tuple[float | None, float | None, str | None]:
    """Low, high and method; None where there is no interval, or nothing is left to chance."""
    return (
        (None, None, None)
        if found.interval is None or found.interval.method == EXACT
        else (found.interval.low, found.interval.high, found.interval.method)
    )


def why_none(metric: Metric, sums: Sums, window: tuple[int, int]) -> str | None:
    """Why no metric of its kind has a figure in a window (places of grains); None where the metric is to say."""
    begin, after = window
    if isinstance(metric, SuccessAge):
        return None
    if not sums.rows[begin:after].any():
        return metric.undefined if isinstance(metric, RunRate) else "no rows"
    needs_labels = "labels" in metric.needs
    if needs_labels and not sums.labelled[begin:after].any():
        return "no labels"
    weights = sums.counts[begin:after, :, :-1] if needs_labels else sums.counts[begin:after]
    kind = "labelled row" if needs_labels and sums.counts[begin:after].any() else "row"
    return None if weights.any() else f"all weights are 0: no {kind} has one above"


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
