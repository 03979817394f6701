"""Why a metric changed since the reference: the data or the world, who comes and how well they are served."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.kinds import HISTORY, Kinds
from leadline.evaluation.losses import LossCells
from leadline.log.reference import Partition
from leadline.metrics.frozen_mix import FrozenMix
from leadline.metrics.metric import Metric, Unserved
from leadline.metrics.runs import RunRate, SuccessAge
from leadline.metrics.service import Freshness
from leadline.metrics.sums import Array, Sums
from leadline.stats.difference import Errors
from leadline.stats.shift import DATA, UNSEEN, WORLD, Shift
from leadline.values import ALL_ROWS, Change, MixRate, MixRateTerm, Slice, Window
from leadline.why.shift import told_apart
from leadline.why.split import Sliced, Split, split

Range = tuple[int, int]
#: what stands for the values of slices with too few rows
SMALL = "(small)"


@dataclass(frozen=True)
class Divided:
    """The change of a metric split over one partition.

    place, codes   of the partition in the reference, and of its slices, in the order in which they were split
    """

    metric: Metric
    partition: Partition
    place: int
    codes: tuple[int, ...]
    split: Split

    def members(self, group: int) -> list[int]:
        """The codes of the slices in a group."""
        return [code for code, of in zip(self.codes, self.split.group, strict=True) if of == group]

    def code(self, group: int) -> int | None:
        """The code of the one slice that a group is; None for the small ones together."""
        if self.split.small and group == self.split.groups - 1:
            return None
        return self.members(group)[0]


@dataclass(frozen=True)
class Why:
    """What explains the changes of an evaluation's metrics between its reference and its latest window."""

    of: Evaluation

    # What is compared --------------------------------------------------------------------------------------------

    @cached_property
    def ranges(self) -> tuple[Range, Range] | None:
        """Places of the reference and of the latest window with all labels in, as far as it lies after it."""
        latest, end = self.of.latest(), self.of.without_labels.reference_end
        fitted = self.of.without_labels.fitted_until
        if latest is None or end is None or not fitted or self.of.sampled is not None:
            return None
        number = self.of.grain.number_of(end)
        begin = max(latest[0], number + (self.of.grain.start(number) < end) - self.of.series.first, fitted)
        return ((0, fitted), (begin, latest[1])) if begin < latest[1] else None

    @cached_property
    def metrics(self) -> list[Metric]:
        """The metrics that may be explained: those of rows, not of runs or of the time since the last row."""
        others = Unserved | FrozenMix | RunRate | SuccessAge | Freshness
        return [metric for metric in self.of.metrics if not isinstance(metric, others)]

    # Data or world -----------------------------------------------------------------------------------------------

    def changes(self) -> list[Change]:
        """What changed, by cause: from labels of like rows where they can be told, else from estimates without labels.

        One for each metric that has either.
        """
        estimated = {each.metric: each for each in self.of.changes()}
        names = dict.fromkeys((*(metric.name for metric, *_ in self.shifts), *estimated))
        told = {metric.name: self._change(metric, found, sure) for metric, found, sure in self.shifts}
        order = [metric.name for metric in self.of.metrics if metric.name in names]
        record = {each.metric: each.estimator for each in self.of.without_labels.track_record()}
        return [told[name] if name in told else replace(estimated[name], estimator=record.get(name)) for name in order]

    @cached_property
    def shifts(self) -> list[tuple[Metric, Shift, Errors]]:
        """The changes of the metrics that are read from labels of like rows, with their terms."""
        if self.ranges is None:
            return []
        (_, fitted), (begin, after) = self.ranges
        losses = {name: each for name, each in self.of.losses.items() if isinstance(each, LossCells)}
        kinds = Kinds(self.of.series, self.of.leaves, losses, fitted)
        found = []
        for metric in self.metrics:
            reading = kinds.of(metric)
            if reading is None:
                continue
            read, figure, rows = reading
            told = told_apart(read(0, fitted), read(begin, after), read(max(begin - HISTORY, 0), begin), figure, rows)
            if told is not None and self._same(metric, told[0]):
                found.append((metric, *told))
        return found

    def _same(self, metric: Metric, told: Shift) -> bool:
        """Whether it is told of all rows that the metric is read from: some may have a label and no score."""
        parts = metric.parts(self.of.total)
        every = [metric.value(parts[begin:after].sum(axis=0)[None])[0] for begin, after in self.ranges or ()]
        return bool(np.allclose(every, [told.before, told.after], rtol=1e-9, atol=1e-12))

    def _change(self, metric: Metric, told: Shift, sure: Errors) -> Change:
        terms, half = told.terms.tolist(), sure.half().tolist()
        ends = [
            (term - wide, term + wide) if wide > 0 else (None, None) for term, wide in zip(terms, half, strict=True)
        ]
        return Change(
            metric=metric.name,
            slice=ALL_ROWS,
            window=self._windows[1],
            reference_value=told.before,
            value=told.after,
            by_inputs=terms[DATA],
            by_labels=terms[WORLD],
            low=ends[WORLD][0],
            high=ends[WORLD][1],
            by_unseen=terms[UNSEEN],
            inputs_low=ends[DATA][0],
            inputs_high=ends[DATA][1],
            unseen_low=ends[UNSEEN][0],
            unseen_high=ends[UNSEEN][1],
            unseen_share=told.new,
        )

    @property
    def _windows(self) -> tuple[Window, Window]:
        assert self.ranges is not None  # noqa: S101  # nothing is told without
        return self.of.window(*self.ranges[0]), self.of.window(*self.ranges[1])

    # Mix and rate ------------------------------------------------------------------------------------------------

    @cached_property
    def divided(self) -> list[Divided]:
        """The changes of the metrics that are ratios, split over each partition that tells slices apart."""
        if self.ranges is None:
            return []
        found = []
        metrics = [metric for metric in self.metrics if metric.histogram is None]
        for place, partition in enumerate(self.of.reference.partitions):
            codes = tuple(self.of.codes_with_rows(place))
            sums = [self.of.series.ledger_sums(place, code) for code in codes]
            users = [self.of.entities(place, code) for code in codes]
            for metric in metrics:
                sides = [sliced(metric, sums, users, each) for each in self.ranges]
                if sides[0] is None or sides[1] is None:
                    continue
                told = split(sides[0], sides[1], metric.rooted)
                if isinstance(told, Split):
                    found.append(Divided(metric, partition, place, codes, told))
        return found

    def mix_rates(self) -> list[MixRate]:
        """The same as values, with the names of slices; then the slices that were found, each beside all other rows."""
        told = [
            mix_rate_value(each.metric, each.partition.name, each.split, *self._windows, slices_of(self.of, each))
            for each in self.divided
        ]
        return [*told, *self._found()]

    def _found(self) -> Iterator[MixRate]:
        found = self.of.found
        if found is None or found.basis is not None or self.ranges is None:
            return
        known = {metric.name for metric in self.metrics}
        for place, one in enumerate(found.slices):
            metric = one.error.metric
            if metric.name not in known or metric.histogram is not None:
                continue
            codes = (place, -1 - place)  # the slice, and all other rows
            sums, users = [found.series.sums(code) for code in codes], [found.series.entities(code) for code in codes]
            sides = [sliced(metric, sums, users, each) for each in self.ranges]
            if sides[0] is None or sides[1] is None:
                continue
            told = split(sides[0], sides[1], metric.rooted)
            if isinstance(told, Split) and not told.small:
                slices = [Slice(((one.said, inside),)) for inside in ("true", "false")]
                yield mix_rate_value(metric, one.said, told, *self._windows, slices, found=True)


def slices_of(of: Evaluation, each: Divided) -> list[Slice]:
    """The slices of the groups of a split."""
    codes = [each.code(group) for group in range(each.split.groups)]
    small = Slice(tuple((part, SMALL) for part in each.partition.parts))
    return [small if code is None else of.slice_of(each.partition, code) for code in codes]


def sliced(metric: Metric, sums: Sequence[Sums], users: Sequence[Sums | None], place: Range) -> Sliced | None:
    """A metric's ratio by slice in a range of grains, from each slice's sums by grain, and by grain and hash group of
    users where there are these; None of a metric that is no ratio."""
    begin, after = place
    parts = [metric.as_ratio(metric.parts(each)) for each in sums]
    known = [each for each in parts if each is not None]
    if not known or len(known) < len(parts):
        return None
    by_slice = np.stack(known, axis=1)
    groups = [metric.as_ratio(metric.parts(each[begin:after].total())) for each in users if each is not None]
    grouped = [each for each in groups if each is not None]
    entities: Array | None = np.stack(grouped, axis=1) if len(grouped) == len(sums) else None
    return Sliced(by_slice[begin:after], by_slice[max(begin - HISTORY, 0) : begin], entities)


def mix_rate_value(
    metric: Metric,
    by: str,
    told: Split,
    reference: Window,
    window: Window,
    slices: Sequence[Slice],
    found: bool = False,
) -> MixRate:
    """A split as a value; `slices` are those of its groups."""
    half = told.errors.half()
    low, high = told.figures - half, told.figures + half

    def ends(name: str) -> tuple[float, float, float]:
        place = told.of(name).start
        return float(told.figures[place]), float(low[place]), float(high[place])

    rate, mix, frozen = ends("total_rate"), ends("total_mix"), ends("frozen")
    known = math.isfinite(frozen[0])
    return MixRate(
        metric.name,
        by,
        reference,
        window,
        told.before,
        told.after,
        *rate,
        *mix,
        frozen[0] if known else None,
        max(frozen[1], metric.low) if known else None,
        min(frozen[2], metric.high) if known else None,
        noise=told.noise,
        small=told.small,
        terms=tuple(_terms(told, slices, low, high)),
        found=found,
    )


def _terms(told: Split, slices: Sequence[Slice], low: Array, high: Array) -> Iterator[MixRateTerm]:
    for group, where in enumerate(slices):
        rate, mix = told.of("rate").start + group, told.of("mix").start + group
        before, after = told.values_before[group], told.values_after[group]
        yield MixRateTerm(
            where,
            float(told.shares_before[group]),
            float(told.shares_after[group]),
            float(before) if np.isfinite(before) else None,
            float(after) if np.isfinite(after) else None,
            *(float(each[rate]) for each in (told.figures, low, high)),
            *(float(each[mix]) for each in (told.figures, low, high)),
        )
