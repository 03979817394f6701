"""Groups that a declaration calls sensitive, beside the others: how often they are selected, found, wrongly flagged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import stdtrit

from leadline.evaluation.estimates import Evaluation, interval_of
from leadline.log.reference import FIRST, MISSING, Partition
from leadline.metrics import MetricCall, build
from leadline.metrics.evaluate import evaluate_windows
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array, Sums
from leadline.report.words import interval, named
from leadline.spec.model import ColumnSlice, SliceEntry
from leadline.stats.difference import Errors
from leadline.values import Effect, Estimate, Finding, Note, Parity, Slice, Status, Undefined
from leadline.why.same_days import difference_on_same_days, log_ratio_on_same_days
from leadline.why.split import BB, A, B

Range = tuple[int, int]
BASE_RATE = "positive_rate"
#: what is compared by task; the base rate first: where it differs, not all of the others can be equal
FIGURES = {
    "binary": (
        BASE_RATE,
        "predicted_positive_rate",
        "recall",
        "false_positive_rate",
        "precision",
        "calibration_ratio",
        "accuracy",
    ),
    "multiclass": ("accuracy",),
    "regression": ("mae", "bias"),
}
#: the rule of thumb of four fifths, in both directions
FOUR_FIFTHS = 1.25
#: chance of any finding where all groups are just at the edge of that rule
CHANCE = 0.05
#: rows of the denominator that a group needs
LEAST_ROWS = 30


@dataclass(frozen=True)
class Group:
    """One group and those that it is compared with; `against` is None for all others together."""

    where: Slice
    sums: Sums
    against: Slice | None
    others: tuple[Sums, ...]


@dataclass(frozen=True)
class Fairness:
    """The parities of an evaluation over its latest window with all labels in."""

    of: Evaluation

    def parities(self) -> list[Parity]:
        """One for each group and figure; none where no slice is called sensitive."""
        return [parity for parity, _ in self._found]

    def findings(self) -> list[Finding]:
        """The groups that are beyond four fifths for certain, among all that is compared; the furthest first.

        That labels differ is no fault of the model, and no finding.
        """
        judged = [
            (parity, parity.ratio, sure)
            for parity, sure in self._found
            if parity.metric != BASE_RATE and parity.ratio is not None and sure is not None
        ]
        found = []
        for parity, ratio, sure in judged:
            beyond = abs(float(np.log(ratio))) - float(np.log(FOUR_FIFTHS))
            if beyond > float(sure.se[0] * stdtrit(sure.df[0], 1 - CHANCE / len(judged))):
                found.append((beyond, parity))
        return [self._finding(parity) for _, parity in sorted(found, key=lambda each: -each[0])]

    def notes(self) -> Iterator[Note]:
        """Which groups are compared with all others because the one that is declared is not in the reference."""
        partitions = {partition.name: partition for partition in self.of.reference.partitions}
        for entry in self.of.spec.slices:
            if not isinstance(entry, ColumnSlice) or entry.against is None or entry.name not in partitions:
                continue
            if _code_against(partitions[entry.name], entry) is None:
                text = f"The reference has no {entry.name}={entry.against}: its groups are compared with all others."
                yield Note("group_not_in_reference", text)

    # What is compared --------------------------------------------------------------------------------------------

    @cached_property
    def _found(self) -> list[tuple[Parity, Errors | None]]:
        """The parities, with the errors of the logarithms of their ratios."""
        place = None if self.of.sampled is not None else self.of.latest()
        if place is None:
            return []
        made = (self._parity(group, metric, place) for group in self._groups() for metric in self._metrics)
        return [each for each in made if each is not None]

    @cached_property
    def _metrics(self) -> list[Metric]:
        """Those that may be told of the task."""
        spec = self.of.spec
        made = (build(MetricCall(name), spec.task, self.of.codes.classes) for name in FIGURES[spec.task])
        return [metric for metric in made if spec.label is not None or "labels" not in metric.needs]

    def _groups(self) -> Iterator[Group]:
        declared = {entry.name: entry for entry in self.of.spec.slices if entry.sensitive}
        for place, partition in enumerate(self.of.reference.partitions):
            if partition.name not in declared:
                continue
            codes = [code for code in self.of.codes_with_rows(place) if code != MISSING]
            sums = {code: self.of.series.ledger_sums(place, code) for code in codes}
            one = _code_against(partition, declared[partition.name])
            against = None if one is None else self.of.slice_of(partition, one)
            for code in codes:
                others = [sums[each] for each in codes if each != code and one in (None, each)]
                if code != one and others and (code == FIRST or not partition.condition):
                    yield Group(self.of.slice_of(partition, code), sums[code], against, tuple(others))

    def _parity(self, group: Group, metric: Metric, place: Range) -> tuple[Parity, Errors | None] | None:
        if not {measure.name for measure in metric.measures} <= group.sums.losses.keys():
            return None  # counts are always there, measures where they are asked for
        begin, after = place
        ratios = [metric.as_ratio(metric.parts(each)) for each in (group.sums, *group.others)]
        mine, *others = [each[begin:after] for each in ratios if each is not None]
        theirs = np.sum(others, axis=0)
        if min(_worth(mine), _worth(theirs)) < LEAST_ROWS:
            return None
        gap, times = difference_on_same_days(theirs, mine), log_ratio_on_same_days(theirs, mine)
        if gap is None:
            return None
        half = float(gap[1].half()[0])
        ends = (gap[0] - half, gap[0] + half) if half > 0 else (None, None)
        ratio: tuple[float | None, ...] = (None, None, None)
        if times is not None and metric.low >= 0:
            wide = float(times[1].half()[0])
            ratio = tuple(float(np.exp(times[0] + step)) for step in (0.0, -wide, wide))
        total = theirs.sum(axis=0)
        value = self._estimate(metric, group, place)
        parity = Parity(
            metric.name, group.where, group.against, value, float(total[A] / total[B]), gap[0], *ends, *ratio
        )
        return parity, None if ratio[0] is None or times is None else times[1]

    def _estimate(self, metric: Metric, group: Group, place: Range) -> Estimate:
        (found,) = evaluate_windows(metric, group.sums, [place])
        rows, labelled = (int(part[slice(*place)].sum()) for part in (group.sums.rows, group.sums.labelled))
        named_ = metric.name, group.where, None, self.of.window(*place)
        if isinstance(found.value, Undefined):
            return Estimate(*named_, None, None, None, rows, labelled, Status.UNDEFINED, found.value.why)
        low, high, method = interval_of(found)
        return Estimate(*named_, found.value, low, high, rows, labelled, Status.REALISED, None, method, found.bound)

    def _finding(self, parity: Parity) -> Finding:
        against = "the others" if parity.against is None else named(parity.against)
        times, between = interval(parity.ratio, parity.ratio_low, parity.ratio_high)
        what = f"{named(parity.metric)} of {named(parity.slice)} is {times} {between} times that of {against}"
        same = (each for each in self.parities() if (each.slice, each.against) == (parity.slice, parity.against))
        base = next((each for each in same if each.metric == BASE_RATE and each.ratio is not None), None)
        if base is not None:
            what += f"; the share of their labels that are positive is {interval(base.ratio, None, None)[0]} times"
        return Finding(
            kind="parity",
            what=f"{what}.",
            slice=parity.slice,
            window=parity.value.window,
            next="See whether that is meant: where base rates differ, not all parities can hold at once.",
            effect=Effect(parity.metric, parity.gap, parity.gap_low, parity.gap_high),
            rows=parity.value.n,
            evidence=(parity.value,),
        )


def _code_against(partition: Partition, entry: SliceEntry) -> int | None:
    """The code of the group that the others are compared with; None for all others together."""
    against = entry.against if isinstance(entry, ColumnSlice) else None
    texts = [str(values[0]) for values in partition.values]
    return FIRST + texts.index(str(against)) if against is not None and str(against) in texts else None


def _worth(ratio: Array) -> float:
    """How many rows of equal weight the denominator is worth."""
    total = ratio.sum(axis=0)
    return float(total[B] ** 2 / total[BB]) if total[BB] > 0 else 0.0
