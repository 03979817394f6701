"""Drift of every column, by window: distances, what they are by chance, and what the column does to a metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from leadline.cells.bins import Bins, Kind
from leadline.cells.fill import Cells, Ints
from leadline.drift.distances import KINDS, scale
from leadline.drift.impact import SURELY, Impact, Outcomes, impact, nearest, tolerance
from leadline.drift.quiet import Histograms, Measured, measured
from leadline.evaluation.columns import EXPECTED, ColumnCells, Columns, of_outcomes
from leadline.log.calendar import Grain
from leadline.metrics.frozen_mix import FrozenMix
from leadline.metrics.metric import SUM, Metric
from leadline.metrics.sums import Array, Sums
from leadline.report.words import percent
from leadline.spec.model import Spec
from leadline.stats.proportion import share_interval
from leadline.stats.shift import NEW_ROWS
from leadline.values import (
    ALL_ROWS,
    Distance,
    Drift,
    DriftVerdict,
    Effect,
    Estimate,
    Span,
    Status,
    Window,
)

#: windows in the reference from which on they tell how windows differ; fewer are told by shorter ones
ENOUGH_WINDOWS = 8
#: windows in a row that have to drift before it is said since when
LASTING = 3
NO_ROWS = "no rows"
NO_LABELS = "the reference has no labelled rows: what the column does to a metric cannot be told"
FEW_LABELS = "the reference has too few labelled rows to tell what the column does to a metric"
BY_SCORES = "rows of the reference without a label count by their calibrated scores"
UNKNOWN = "of the rows have values for which the reference has no labels, or too few"
Place = tuple[int, int, Window]


def began(windows: Sequence[tuple[Window, bool]], latest: Window) -> datetime | None:
    """When the first of the drifted windows began that lead up to the end of `latest`.

    windows   those with rows, in the order of time, and whether each drifted

    None where fewer than three in a row drifted, unless these reach back to its start.
    """
    inside = [each for each in windows if each[0].end <= latest.end]
    in_a_row = [window for window, _ in takewhile(itemgetter(1), reversed(inside))]
    since = in_a_row[-1].start if in_a_row else None
    lasting = since is not None and (len(in_a_row) >= LASTING or since <= latest.start)
    return since if lasting else None


def figure(each: Drift, metric: str, value: float, why: str) -> Estimate:
    """A figure that a finding of drift rests on; it has no interval, `why` says what it means."""
    return Estimate(metric, ALL_ROWS, None, each.window, value, None, None, each.rows, 0, Status.REALISED, why)


def distance_figure(each: Drift, of: Distance) -> Estimate:
    """A distance, beside what it is by chance; it has a limit."""
    why = f"by chance {of.floor:.3g} on average, quiet windows stay below {of.limit:.3g}"
    return figure(each, f"{of.name} of {each.column}", of.value, why)


@dataclass(frozen=True)
class Compared:
    """A column beside its reference.

    reference  its rows by bin, as one window
    shown      the windows that are compared
    impacts    by metric what the column does to it
    """

    cells: ColumnCells
    reference: Histograms
    shown: Histograms
    measured: Measured
    impacts: tuple[tuple[Metric, Impact], ...]


@dataclass(frozen=True)
class Drifts:
    """Drift of the columns of one evaluation, worked out when asked for.

    metrics   for which it is told what a column does to them, the most important first
    classes   number of classes
    span      length of the windows
    windows   those that are compared, which do not overlap: places in the arrays, and the whole window
    """

    spec: Spec
    columns: Columns
    metrics: Sequence[Metric]
    classes: int
    span: Span
    windows: tuple[Place, ...]

    @cached_property
    def compared(self) -> tuple[Compared, ...]:
        """The columns beside the reference; none where no window begins after it."""
        found = []
        for column in self.columns.columns if self.windows else ():
            own, shown, parts = self._histograms(column)
            if own.rows.any():
                distances = _measured(column, own, shown, parts)
                impacts = tuple(self._impacts(column, own, shown))
                found.append(Compared(column, own.total(), shown, distances, impacts))
        return tuple(found)

    def since(self, name: str, latest: Window) -> datetime | None:
        """When a column's drift in `latest` began, as `began` says."""
        column = next(each for each in self.columns.columns if each.column.name == name)
        own, shown, parts = self._histograms(column)
        drifted = _measured(column, own, shown, parts).drifted if self.windows else ()
        every = zip(self.windows, drifted, shown.rows > 0, strict=True)
        return began([(window, bool(each)) for (_, _, window), each, some in every if some], latest)

    @cached_property
    def of_columns(self) -> tuple[tuple[Drift, ...], ...]:
        """By column its windows."""
        return tuple(tuple(self._of(each)) for each in self.compared)

    @cached_property
    def every(self) -> tuple[Drift, ...]:
        """All columns in all windows."""
        return tuple(each for column in self.of_columns for each in column)

    def _of(self, of: Compared) -> Iterator[Drift]:
        since = None
        distances, shares = _distances(of.measured), _shares(of.cells.bins, of.shown)
        cells = of.cells.rows
        counted = np.bincount(cells.keys["grain"], weights=cells.rows, minlength=self.columns.grains)
        for place, (begin, after, window) in enumerate(self.windows):
            rows = int(counted[begin:after].sum())
            drifted = bool(of.measured.drifted[place])
            if rows:
                since = (since or window.start) if drifted else None
            verdict, why = self._verdict(rows, drifted, of, place)
            yield Drift(
                column=of.cells.column.name,
                role=of.cells.column.role,
                window=window,
                rows=rows,
                verdict=verdict,
                distances=distances[place] if rows else (),
                effects=_effects(of.impacts, place) if rows else (),
                **shares[place],
                since=since if rows else None,
                why=why,
            )

    def _histograms(self, column: ColumnCells) -> tuple[Histograms, Histograms, float]:
        """The reference in windows of its own, the windows, and how many of the former are as long as one of these."""
        places = [(begin, after) for begin, after, _ in self.windows]
        own, parts = self._own(column)
        return own, _by_window(column.rows, places, len(column.bins), self.columns.grains), parts

    def _own(self, column: ColumnCells) -> tuple[Histograms, float]:
        """The reference in windows of its own, and how many of these are as long as a window that is compared."""
        places, parts = self.own_places
        return _by_window(column.reference, places, len(column.bins), self.columns.reference_grains), parts

    @cached_property
    def own_places(self) -> tuple[Sequence[tuple[int, int]], float]:
        """Where the reference's own windows begin and end, and how many of them are as long as one that is compared.

        As long as that where there are enough of them, else weeks, else days, else grains.
        """
        count, grain = self.columns.reference_grains, self.columns.grain
        grains = _grains(self.span, grain)
        lengths = [length for length in (grains, grain.in_a_week, grain.in_a_day, 1) if length <= grains]
        length = next((length for length in lengths if count // length >= ENOUGH_WINDOWS), lengths[-1])
        # the first windows may be longer by what is left over: none is cut short
        blocks = max(count // length, 1)
        cuts = [count - length * (blocks - place) for place in range(blocks)]
        places = [(0 if not place else cut, cut + length) for place, cut in enumerate(cuts)]
        return places, grains / length

    def _impacts(self, column: ColumnCells, own: Histograms, shown: Histograms) -> list[tuple[Metric, Impact]]:
        bins = len(column.bins)
        labelled, expected = (
            None if cells is None else _sums(cells, self.columns.blocks, bins, self.classes)
            for cells in (column.outcomes, _with_expected(column))
        )
        found = []
        for metric in self.metrics:
            # what is expected of rows without a label is told of counts only
            sums = labelled if metric.measures or expected is None else expected
            if sums is None or not all(measure.name in sums.losses for measure in metric.measures):
                continue
            few = _few(sums, column.bins)
            like = nearest(column.bins.centre, ~few)
            outcomes = Outcomes(metric.parts(sums), sums.labelled, few, like)
            made = impact(metric, outcomes, own.total().shares[0], shown.shares)
            found += [] if made is None else [(metric, made)]
        return found

    def _verdict(self, rows: int, drifted: bool, of: Compared, place: int) -> tuple[DriftVerdict, str | None]:
        if not rows:
            return DriftVerdict.NO_DATA, NO_ROWS
        why = NO_LABELS if not of.impacts else BY_SCORES if of.cells.expected is not None else None
        if not drifted:
            return DriftVerdict.NOT_DRIFTED, why
        said = [_said(metric, each, place) for metric, each in of.impacts]
        if DriftVerdict.EXPLAINS in said:
            return DriftVerdict.EXPLAINS, why
        if said and all(each == DriftVerdict.HARMLESS for each in said):
            return DriftVerdict.HARMLESS, why
        if of.impacts:
            unknown = max(float(each.unknown[place]) for _, each in of.impacts)
            why = f"{percent(unknown)} {UNKNOWN}" if unknown > 0 else FEW_LABELS
        return DriftVerdict.UNCLEAR, why


def _few(sums: Sums, bins: Bins) -> NDArray[np.bool_]:
    """Bins with too few labelled rows to stand for many others, and those that reach beyond nearly all numbers."""
    weight, square = sums.labelled.sum(axis=0), sums.squares.sum(axis=(0, -2, -1))
    rows = np.divide(weight**2, square, out=np.zeros(len(weight)), where=square > 0)
    found = np.asarray(rows < NEW_ROWS)
    found[bins.places(Kind.BELOW, Kind.ABOVE)] = True
    return found


def _measured(column: ColumnCells, own: Histograms, shown: Histograms, parts: float) -> Measured:
    of = scale(column.bins.centre, own.total().weight[0]) if column.bins.numeric else None
    return measured(own, shown, of, parts)


def tolerated(drifts: Drifts, name: str) -> float:
    """The largest effect on a metric that is harmless, in its unit."""
    impacts = [each for of in drifts.compared for metric, each in of.impacts if metric.name == name]
    metric = next(metric for metric in drifts.metrics if metric.name == name)
    return max(tolerance(metric, impacts[0].reference), 1e-300) if impacts else 1.0


def _said(metric: Metric, of: Impact, place: int) -> DriftVerdict:
    """What an effect is: one that counts, none to speak of, or one that is too unsure."""
    value, low, high = (float(each[place]) for each in (of.value, of.low, of.high))
    most = tolerance(metric, of.reference)
    if abs(value) >= most and (low > 0 or high < 0):
        return DriftVerdict.EXPLAINS
    if abs(value) < most and max(abs(low), abs(high)) < SURELY * most:
        return DriftVerdict.HARMLESS
    return DriftVerdict.UNCLEAR


def _effects(impacts: Sequence[tuple[Metric, Impact]], place: int) -> tuple[Effect, ...]:
    """Those that can be told, first the one that is largest beside what would be harmless."""
    found = []
    for metric, of in impacts:
        value, low, high = (float(each[place]) for each in (of.value, of.low, of.high))
        if np.isfinite(value):
            ends = (low, high) if np.isfinite(low) else (None, None)
            share = abs(value) / max(tolerance(metric, of.reference), 1e-300)
            found.append((share, Effect(metric.name, value, *ends)))
    return tuple(each for _, each in sorted(found, key=lambda pair: -pair[0]))


def _distances(found: Measured) -> list[tuple[Distance, ...]]:
    """The distances of each window; without those that it does not have."""
    by_kind = []
    for kind in KINDS:
        each = found.distances[kind.name]
        arrays = (each.value, each.floor, each.high, each.excess)
        limits = [None] * len(each.value) if each.limit is None else each.limit.tolist()
        by_kind.append([(kind.name, *row) for row in zip(*(array.tolist() for array in arrays), limits, strict=True)])
    return [tuple(Distance(*row) for row in rows if math.isfinite(row[1])) for rows in zip(*by_kind, strict=True)]


def _shares(bins: Bins, shown: Histograms) -> list[dict[str, float | None]]:
    """Of each window the shares of rows without a value and with one that the reference does not have."""
    rows, shares = shown.rows, shown.shares
    known = np.maximum(rows, 1.0)
    missing = shares[:, bins.places(Kind.MISSING)].sum(axis=1)
    columns = {"missing": missing}
    unseen = bins.places(Kind.UNSEEN)
    if len(unseen) and bins.known:
        share = np.minimum(shares[:, unseen].sum(axis=1), 1.0)
        low, high = share_interval(share * known, known)
        columns |= {"unseen": share, "unseen_low": low, "unseen_high": high}
    lists = {name: np.asarray(values).tolist() for name, values in columns.items()}
    return [
        {name: values[place] for name, values in lists.items()} if some else {} for place, some in enumerate(rows > 0)
    ]


def _grains(span: Span, grain: Grain) -> int:
    """About how many grains a window has."""
    days = 30 if span.unit == "mo" else span.days
    if days is None or grain.unit == "mo":
        return 1
    return max(days * 24 if grain.unit == "h" else days // grain.count, 1)


def _by_window(cells: Cells, places: Sequence[tuple[int, int]], bins: int, grains: int) -> Histograms:
    """Windows that do not overlap, by bin."""
    of = np.full(grains, -1)
    for place, (begin, after) in enumerate(places):
        of[begin:after] = place
    inside = cells.where(of[cells.keys["grain"]] >= 0)
    at: Ints = of[inside.keys["grain"]] * bins + inside.keys["bin"]
    shape = (len(places), bins)

    def summed(values: Array) -> Array:
        return np.bincount(at, weights=values, minlength=len(places) * bins).reshape(shape).astype(np.float64)

    return Histograms(summed(inside.weight), summed(inside.square))


def _with_expected(column: ColumnCells) -> Cells | None:
    """The outcomes of a column, with those that are expected of rows without a label; None where there are none."""
    cells = column.expected
    if cells is None:
        return None
    positive = cells.losses[EXPECTED][:, SUM]
    mean = np.divide(positive, cells.weight, out=np.zeros(len(cells)), where=cells.weight > 0)
    found = None if column.outcomes is None else replace(column.outcomes, losses={})
    for label, share in ((0, 1 - mean), (1, mean)):
        keys = {**cells.keys, "actual": np.full(len(cells), label)}
        part = replace(cells, keys=keys, weight=cells.weight * share, square=cells.square * share, losses={})
        found = part if found is None else found + part
    return found


def _sums(cells: Cells, blocks: int, bins: int, classes: int) -> Sums:
    """The sums of labelled rows by block and bin, of which metrics read their parts."""
    k = classes + 1
    at = cells.keys["block"] * bins + cells.keys["bin"]
    size = blocks * bins
    place = (at * k + cells.keys["predicted"]) * k + cells.keys["actual"]

    def by(where: Ints, values: Array, *more: int) -> Array:
        found = np.bincount(where, weights=values, minlength=size * int(np.prod(more)))
        return found.reshape(blocks, bins, *more).astype(np.float64)

    weight = by(at, cells.weight)
    return Sums(
        rows=weight,
        all_rows=weight,
        labelled=weight,
        immature=np.zeros_like(weight),
        counts=by(place, cells.weight, k, k),
        squares=by(place, cells.square, k, k),
        losses={
            name: np.stack([by(at, sums[:, part]) for part in range(sums.shape[1])], axis=-1)
            for name, sums in cells.losses.items()
        },
    )


def effect_metrics(promised: Sequence[Metric], shown: Sequence[Metric]) -> tuple[Metric, ...]:
    """The metrics for which effects are told: those that are promised, else the first that is shown.

    Of a promise at the reference's mix it is the metric itself.
    """
    plain = (metric.inner if isinstance(metric, FrozenMix) else metric for metric in promised)
    return of_outcomes(list({metric.name: metric for metric in plain}.values())) or of_outcomes(shown)[:1]


def tumbling_drifts(spec: Spec, columns: Columns, metrics: Sequence[Metric], classes: int) -> Drifts:
    """Drift in the windows of the declaration that begin after the reference; by grain where grains are longer."""
    grain, first, last = columns.grain, columns.first, columns.first + columns.grains - 1
    own = Span(grain.count, grain.unit)
    span = spec.window if _fits(spec.window, grain) else own
    begin, _ = grain.window_at(span, first)
    found = [
        (max(low - first, 0), min(high - first, last - first + 1), grain.window(low, high))
        for low, high in grain.tumbling(span, begin, last)
    ]
    end = grain.start(first + columns.reference_end)
    return Drifts(spec, columns, metrics, classes, span, tuple(each for each in found if each[2].start >= end))


def latest_drifts(spec: Spec, columns: Columns, metrics: Sequence[Metric], classes: int, as_of: datetime) -> Drifts:
    """Drift in one window, of the longest objective's length and up to the last grain that is over.

    Without objectives it is as long as the declaration's windows; where the log is too short, it begins with the end of
    the reference.
    """
    grain, first = columns.grain, columns.first
    spans = [objective.window for objective in spec.objectives] or [spec.window]
    after = columns.grains
    while after > columns.reference_end + 1 and grain.start(first + after) > as_of:
        after -= 1
    ranges = {span: grain.rolling(span, first + after)[0] - first for span in spans if _fits(span, grain)}
    span, begin = min(ranges.items(), key=lambda item: item[1], default=(Span(grain.count, grain.unit), after - 1))
    begin = max(begin, columns.reference_end)
    windows = ((begin, after, grain.window(first + begin, first + after)),) if begin < after else ()
    return Drifts(spec, columns, metrics, classes, span, windows)


def _fits(span: Span, grain: Grain) -> bool:
    """Whether windows of a span are made of whole grains."""
    return Grain.dividing([span, Span(grain.count, grain.unit)], grain.zone) == grain
