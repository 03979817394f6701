"""Two versions, or two periods, side by side: the difference of every metric and slice, and what it is made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

from leadline.evaluation.estimates import Evaluation, interval_of
from leadline.evaluation.result import evaluated, moment
from leadline.evaluation.why import Divided, mix_rate_value, sliced, slices_of
from leadline.log.reference import FIRST
from leadline.metrics.evaluate import Evaluated, evaluate_windows
from leadline.metrics.frozen_mix import FrozenMix
from leadline.metrics.metric import Metric, Unserved
from leadline.metrics.sums import Sums
from leadline.report.compare import CompareContent, CompareReport, Side, compare_csv, compare_document, compare_summary
from leadline.report.words import days
from leadline.spec.words import instead
from leadline.stats.mover import difference_interval
from leadline.values import ALL_ROWS, Compared, Estimate, InputError, MixRate, Slice, Status, Trend, Undefined
from leadline.why.same_days import difference_on_same_days
from leadline.why.split import Split, split

Range = tuple[int, int]
Pair = tuple[str, str]
#: chance of calling any difference certain where there is none: half for all rows, half for all slices together
CHANCE = 0.05
#: days (or other grains) that two versions share, from which on they are compared on these alone
SHARED = 7


@dataclass(frozen=True)
class Half:
    """One side: what it is called, which version (its code; None for all), and the places of its grains."""

    name: str
    version: int | None
    place: Range


@dataclass(frozen=True)
class Comparing:
    """The comparison of two sides of an evaluation.

    together   both sides have the same grains
    """

    of: Evaluation
    halves: tuple[Half, Half]
    together: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be known of the sides to read their difference."""
        begin, after = (side(each.place[at] for each in self.halves) for at, side in enumerate((max, min)))
        if self.halves[0].version != self.halves[1].version or begin >= after:
            return ()
        shared = days(self.of.window(begin, after), self.of.spec.zone)
        text = f"The periods overlap ({shared}): the rows that both have make the difference smaller"
        return (f"{text} and its interval wider than those of periods apart.",)

    def compared(self) -> list[Compared]:
        """All rows and each slice, metric by metric."""
        rows = [self._compared(metric, None, None, ALL_ROWS) for metric in self._metrics(self.of.metrics)]
        slices = []
        for place, partition in enumerate(self.of.reference.partitions):
            for code in self.of.codes_with_rows(place):
                if partition.condition and code != FIRST:
                    continue
                where = self.of.slice_of(partition, code)
                metrics = self._metrics(self.of.slice_metrics)
                slices += [self._compared(metric, place, code, where) for metric in metrics if self._rows(place, code)]
        return [*_told(rows, self._better, self._freedom), *_told(slices, self._better, self._freedom)]

    def mix_rates(self) -> list[MixRate]:
        """The differences of all rows, split over the declared slices."""
        found = []
        windows = [self.of.window(*half.place) for half in self.halves]
        for place, partition in enumerate(self.of.reference.partitions):
            codes = tuple(self.of.codes_with_rows(place))
            sums = [[self._sums(half, place, code) for code in codes] for half in self.halves]
            for metric in self._metrics(self.of.metrics):
                if metric.histogram is not None:
                    continue
                sides = [
                    sliced(metric, each, [None] * len(codes), half.place)
                    for half, each in zip(self.halves, sums, strict=True)
                ]
                if sides[0] is None or sides[1] is None:
                    continue
                told = split(sides[0], sides[1], metric.rooted, self.together)
                if isinstance(told, Split):
                    divided = Divided(metric, partition, place, codes, told)
                    found.append(
                        mix_rate_value(
                            metric, partition.name, told, windows[0], windows[1], slices_of(self.of, divided)
                        )
                    )
        return found

    def sides(self) -> tuple[Side, Side]:
        """What is compared, for people."""
        first, second = (
            Side(
                half.name, self.of.window(*half.place), int(self._sums(half, None, None).rows[slice(*half.place)].sum())
            )
            for half in self.halves
        )
        return first, second

    # One metric of one slice -------------------------------------------------------------------------------------

    @staticmethod
    def _metrics(metrics: Sequence[Metric]) -> list[Metric]:
        return [metric for metric in metrics if not isinstance(metric, Unserved | FrozenMix)]

    @property
    def _better(self) -> dict[str, str | None]:
        return {metric.name: metric.better for metric in (*self.of.metrics, *self.of.slice_metrics)}

    @property
    def _freedom(self) -> float:
        return max(min(after - begin for begin, after in (half.place for half in self.halves)) - 1.0, 1.0)

    def _sums(self, half: Half, place: int | None, code: int | None) -> Sums:
        key = half, place, code
        if key not in self._made:
            self._made[key] = self.of.series.sums(place, code, half.version)
        return self._made[key]

    @cached_property
    def _made(self) -> dict[tuple[Half, int | None, int | None], Sums]:
        """Sums, made once for each side and slice."""
        return {}

    def _rows(self, place: int | None, code: int | None) -> int:
        return int(sum(self._sums(half, place, code).rows[slice(*half.place)].sum() for half in self.halves))

    def _compared(self, metric: Metric, place: int | None, code: int | None, where: Slice) -> Compared:
        sides = [self._estimate(metric, half, place, code, where) for half in self.halves]
        (before, first), (after, second) = sides
        found = None
        ends = [
            (each.value, each.interval.low, each.interval.high)
            for each in (first, second)
            if each.interval is not None and not isinstance(each.value, Undefined)
        ]
        if len(ends) == len(sides):
            found = self._on_same_days(metric, place, code) or difference_interval(ends[0], ends[1])
        none = before.value is None or after.value is None
        value = None if before.value is None or after.value is None else after.value - before.value
        low, high = (None, None) if found is None or none else found[1:]
        trend = Trend.NEW if not before.n and after.n else Trend.VANISHED if before.n and not after.n else Trend.UNCLEAR
        return Compared(metric.name, where, before, after, value, low, high, trend)

    def _on_same_days(self, metric: Metric, place: int | None, code: int | None) -> tuple[float, float, float] | None:
        """What days that move both sides leave of the difference; None where it is not a ratio of the same days."""
        if not self.together or metric.histogram is not None or metric.rooted:
            return None
        ratios = [metric.as_ratio(metric.parts(self._sums(half, place, code))) for half in self.halves]
        if ratios[0] is None or ratios[1] is None:
            return None
        begin, after = self.halves[0].place
        told = difference_on_same_days(ratios[0][begin:after], ratios[1][begin:after])
        if told is None or not told[1].se[0] > 0:
            return None
        half = float(told[1].half()[0])
        return told[0], told[0] - half, told[0] + half

    def _estimate(
        self, metric: Metric, half: Half, place: int | None, code: int | None, where: Slice
    ) -> tuple[Estimate, Evaluated]:
        sums = self._sums(half, place, code)
        users = None
        if metric.histogram is None and not self.of.series.few_entities:
            users = self.of.series.entities(place, code, half.version)
        found = evaluate_windows(metric, sums, [half.place], users)[0]
        begin, after = half.place
        rows, labelled, young = (int(part[begin:after].sum()) for part in (sums.rows, sums.labelled, sums.immature))
        version = None if half.version is None else half.name
        window = self.of.window(begin, after)
        if isinstance(found.value, Undefined):
            why, nothing = found.value.why if rows else "no rows", Status.UNDEFINED
            return Estimate(metric.name, where, version, window, None, None, None, rows, labelled, nothing, why), found
        low, high, method = interval_of(found)
        status = Status.PROVISIONAL if young else Status.REALISED
        remark = f"{young:,} of {rows:,} rows are too young for their label" if young else None
        ends = (found.value, low, high, rows, labelled, status, remark, method, found.bound)
        return Estimate(metric.name, where, version, window, *ends), found


def _told(found: Sequence[Compared], better: dict[str, str | None], freedom: float) -> Iterator[Compared]:
    """The same, with what is certain among all of them."""
    known = [each for each in found if each.low is not None]
    stretch = stdtrit(freedom, 1 - CHANCE / 4 / max(len(known), 1)) / stdtrit(freedom, 0.975)
    for each in found:
        if each.difference is None or each.low is None or each.high is None or each.trend is not Trend.UNCLEAR:
            yield each
            continue
        toward = each.difference - each.low if each.difference > 0 else each.high - each.difference
        trend = Trend.UNCLEAR
        if abs(each.difference) > stretch * toward:
            side = better.get(each.metric)
            good = (each.difference > 0) == (side == "higher")
            trend = Trend.CHANGED if side is None else Trend.BETTER if good else Trend.WORSE
        yield replace(each, trend=trend)


# What is compared ---------------------------------------------------------------------------------------------------


def of_versions(found: Evaluation, names: Pair) -> Comparing:
    """Two versions: on the days that both have, if these are at least 7, else as many days of each next to the change.

    Raises InputError where the log has not both, or no mature rows of one.
    """
    known = found.reference.versions
    if found.spec.predictions.columns.version is None:
        raise InputError("versions are compared by a column of their own: name it under predictions, columns, version")
    for each in names:
        if each not in known:
            raise InputError(f"the log has no predictions of the version {each!r}{instead(each, known)}")
    if names[0] == names[1]:
        raise InputError(f"{names[0]!r} is compared with itself: name two versions")
    codes = [known.index(name) for name in names]
    rows = [found.series.sums(version=code).rows[: found.mature_until] > 0 for code in codes]
    for name, some in zip(names, rows, strict=True):
        if not some.any():
            raise InputError(f"no prediction of the version {name!r} is old enough for its label")
    shared = np.flatnonzero(rows[0] & rows[1])
    if len(shared) >= SHARED:
        place = int(shared[0]), int(shared[-1]) + 1
        first, second = (Half(name, code, place) for name, code in zip(names, codes, strict=True))
        return Comparing(found, (first, second), together=True)
    spans = [(int(each[0]), int(each[-1]) + 1) for each in map(np.flatnonzero, rows)]
    length = min(after - begin for begin, after in spans)
    early = 0 if spans[0] <= spans[1] else 1
    places = [
        (after - length, after) if side == early else (begin, begin + length)
        for side, (begin, after) in enumerate(spans)
    ]
    first, second = (Half(*each) for each in zip(names, codes, places, strict=True))
    return Comparing(found, (first, second), together=False)


def of_periods(found: Evaluation, texts: Pair) -> Comparing:
    """Two periods, START..END each, in whole days (or other grains); what lies beyond the log is left out.

    Raises InputError where one cannot be read, or holds no rows.
    """
    halves = []
    for text in texts:
        edges = _edges(text, found)
        begin, after = map(found.grain.number_of, edges)
        after += found.grain.start(after) < edges[1]
        place = max(begin - found.series.first, 0), min(after - found.series.first, found.series.grains)
        if place[0] >= place[1] or not found.total.rows[slice(*place)].sum():
            raise InputError(f"there are no predictions in {text!r}: the log has {days(_all(found), found.spec.zone)}")
        halves.append(Half(days(found.window(*place), found.spec.zone), None, place))
    return Comparing(found, (halves[0], halves[1]), together=False)


def _edges(text: str, found: Evaluation) -> tuple[datetime, datetime]:
    """Start and end of a period as people write it."""
    start, dots, end = (part.strip() for part in text.partition(".."))
    why = "" if dots else "; there are no two dots between two times"
    edges: list[datetime] = []
    for part in (start, end) if dots else ():
        try:
            edge = moment(part, found.spec)
        except InputError:
            edge = None
        if edge is None:
            why += f"; {part!r} is no time" if part else f"; there is no {'END' if edges else 'START'}"
        else:
            edges.append(edge)
    if not why and edges[0] >= edges[1]:
        why = "; START is not before END"
    if why:
        form = "START..END such as 2013-12-01..2013-12-15, without END itself"
        raise InputError(f"periods: {text!r} is no period: write {form}{why}")
    return edges[0], edges[1]


def _all(found: Evaluation) -> Any:
    return found.window(0, found.series.grains)


@dataclass(frozen=True, repr=False)
class Comparison:
    """The answer of `leadline.compare`: every metric and slice on both sides, with the difference."""

    _comparing: Comparing

    @cached_property
    def content(self) -> CompareContent:
        """The values that all forms are made from."""
        of = self._comparing.of
        return CompareContent(
            of.spec.model,
            of.spec.task,
            of.spec.timezone,
            of.as_of,
            self._comparing.sides(),
            self._comparing.together,
            tuple(self._comparing.compared()),
            tuple(self._comparing.mix_rates()),
            self._comparing.notes,
        )

    @property
    def differences(self) -> tuple[Compared, ...]:
        """One for each metric and slice."""
        return self.content.compared

    def to_json(self, path: str | Path | None = None, *, indent: int | None = None) -> str:
        """The JSON document (docs/reference/compare.md), written to `path` too where one is given."""
        text = json.dumps(compare_document(self.content), indent=indent, ensure_ascii=False, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def to_csv(self) -> str:
        """One line for each metric and slice."""
        return compare_csv(self.content)

    def __repr__(self) -> str:
        """Its summary in one line; `rich.print` prints it whole."""
        return f"<Comparison of {self.content.model!r}: {compare_summary(self.content)}>"

    def __rich__(self) -> CompareReport:
        return CompareReport(self.content)


def compare(
    spec: Any = None,
    *,
    versions: Pair | None = None,
    periods: Pair | None = None,
    predictions: Any = None,
    outcomes: Any = None,
    as_of: datetime | date | str | None = None,
    progress: Callable[[str], None] | None = None,
    **declared: Any,
) -> Comparison:
    """Compare two versions of a model, or two periods: `versions=("v1", "v2")` or `periods=("A..B", "C..D")`.

    Takes what `leadline.check` takes. Raises InputError where the input cannot be used: what, where, and what to do.
    """
    if (versions is None) == (periods is None):
        raise InputError("say what to compare: two versions, or two periods")
    by_version = versions is not None
    found = evaluated(spec, predictions, outcomes, declared, as_of, progress=progress, by_version=by_version)
    if versions is not None:
        first, second = map(str, versions)  # of a column of numbers they are told apart as text, too
        return Comparison(of_versions(found, (first, second)))
    assert periods is not None  # noqa: S101  # one of them is given
    return Comparison(of_periods(found, periods))
