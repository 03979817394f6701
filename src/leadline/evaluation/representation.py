"""Who comes, week by week: the share of each declared slice, how much of it is flagged, and how well it is served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from leadline.evaluation.estimates import Evaluation
from leadline.log.reference import Partition
from leadline.metrics import METRICS, MetricCall, build
from leadline.metrics.frozen_mix import FrozenMix
from leadline.metrics.metric import Metric, Unserved
from leadline.metrics.rates import slice_share
from leadline.metrics.sums import Sums
from leadline.values import Representation, Represented, Span

FLAGGED = "predicted_positive_rate"
#: weeks that are told, the newest, and slices of one partition, the first
MOST_WEEKS, MOST_SLICES = 104, 100


def representation(of: Evaluation) -> Representation:
    """The declared slices of an evaluation over whole weeks, or over its windows where these are longer.

    Empty where no slices are declared, or where there are not two such weeks.
    """
    weeks = _Weeks(of)
    if len(weeks.places) < 2 or not of.reference.partitions:
        return Representation((), ())
    return Representation(tuple(of.window(*place) for place in weeks.places), tuple(weeks.slices()))


@dataclass(frozen=True)
class _Weeks:
    of: Evaluation

    @cached_property
    def places(self) -> list[tuple[int, int]]:
        """Of the newest weeks whose days are all in the log."""
        grain, series, declared = self.of.grain, self.of.series, self.of.spec.window
        begin, after = grain.window_at(declared, series.first)
        span = Span(7, "d") if grain.unit in ("h", "d") and after - begin < grain.in_a_week else declared
        every = grain.tumbling(span, series.first, series.last)
        whole = [
            (begin - series.first, after - series.first)
            for begin, after in every
            if begin >= series.first and after - 1 <= series.last
        ]
        return whole[-MOST_WEEKS:]

    def slices(self) -> Iterator[Represented]:
        """Each slice of each partition."""
        for place, partition in enumerate(self.of.reference.partitions):
            metric = self._metric(partition)
            for code in self.of.codes_with_rows(place)[:MOST_SLICES]:
                sums = self.of.series.ledger_sums(place, code)
                yield Represented(
                    self.of.slice_of(partition, code),
                    self._values(slice_share(), sums),
                    () if self._flagged is None else self._values(self._flagged, sums),
                    None if metric is None else metric.name,
                    () if metric is None else self._values(metric, sums),
                )

    @cached_property
    def _flagged(self) -> Metric | None:
        spec = self.of.spec
        if FLAGGED not in METRICS[spec.task]:
            return None
        metric = build(MetricCall(FLAGGED), spec.task, self.of.codes.classes)
        return None if isinstance(metric, Unserved) else metric

    def _metric(self, partition: Partition) -> Metric | None:
        """What was promised of these slices, or of others, else the first that slices have, if it is read from sums."""
        if self.of.sampled is not None:
            return None
        objectives = self.of.spec.objectives
        here = [self.of.objective_metrics[each.figure] for each in objectives if partition.name in each.slices]
        every = [*here, *self.of.objective_metrics.values(), *self.of.slice_metrics]
        told = {metric.name for metric in self.of.slice_metrics} - {"share", FLAGGED}
        plain = (each for each in every if each.histogram is None and not isinstance(each, FrozenMix | Unserved))
        return next((each for each in plain if each.name in told), None)

    def _values(self, metric: Metric, sums: Sums) -> tuple[float | None, ...]:
        """The metric by week; None where it has no value, or where its labels are still to come."""
        parts = metric.parts(sums)
        running = np.concatenate([np.zeros((1, *parts.shape[1:])), np.cumsum(parts, axis=0)])
        begins, ends = np.array(self.places).T
        values = metric.value(running[ends] - running[begins])
        known = np.isfinite(values) & ((ends <= self.of.mature_until) | ("labels" not in metric.needs))
        return tuple(float(value) if told else None for value, told in zip(values, known, strict=True))
