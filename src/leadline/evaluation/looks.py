"""What the detectors of objectives look at: which calendars of looks there are, and the cells of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from leadline.cells.fill import Cells
from leadline.cells.plan import Key, Piece, bin_keys, group_size, pack
from leadline.cells.series import Series
from leadline.log.calendar import Grain
from leadline.log.facts import GROUPS
from leadline.log.labels import Codes
from leadline.log.looks import Looks, look_of
from leadline.log.profile import Profile
from leadline.log.reading import LABEL
from leadline.log.reference import FIRST, Reference
from leadline.metrics.errors import ERROR_BINS, SIZES
from leadline.metrics.metric import Metric, Unserved
from leadline.metrics.ranking import RocAuc
from leadline.metrics.regression import ABSOLUTE, SQUARED
from leadline.metrics.runs import RunRate
from leadline.metrics.service import Freshness, Throughput
from leadline.metrics.sums import Array, Histogram, Measure, Sums
from leadline.spec.model import Objective, Spec

#: slices whose AUC is detected: each needs histograms by look and hash group
MOST_RANKED = 20
#: cells of a look's scores that occur, about: both classes of 64 bins in 16 groups
RANKED_CELLS = 600
USUAL_SIZE_BINS = 300
WEEKS_A_YEAR = 365.25 / 7
REVISED = "revised"


@dataclass(frozen=True)
class Watched:
    """A calendar of looks, and the objectives that are judged on it.

    metrics  of its objectives, once each
    slices   metric → names of the slice entries for which it is promised
    begin    number of the first look
    looks    how many there are that have closed
    """

    calendar: Looks
    metrics: tuple[Metric, ...]
    slices: Mapping[str, frozenset[str]]
    begin: int
    looks: int

    @property
    def year(self) -> float:
        """Looks in a year."""
        return self.calendar.weeks * WEEKS_A_YEAR


def calendar_of(objective: Objective, metric: Metric, spec: Spec, grain: Grain) -> Looks:
    """The looks of one objective."""
    waits = {table.name: table.matures_after for table in spec.outcome_tables}
    kind = metric.name if metric.name in waits else LABEL if "labels" in metric.needs else ""
    return Looks(look_of(objective, grain), kind, waits.get(kind, timedelta()))


def watched(
    spec: Spec, by_objective: Mapping[str, Metric], found: Profile, grain: Grain, moment: datetime
) -> tuple[Watched, ...]:
    """The calendars of the objectives that a detector judges."""
    metrics: dict[Looks, dict[str, Metric]] = {}
    slices: dict[Looks, dict[str, frozenset[str]]] = {}
    for objective in spec.objectives:
        metric = by_objective[objective.figure]
        if not_detected(objective, metric, spec) is not None:
            continue
        calendar = calendar_of(objective, metric, spec, grain)
        metrics.setdefault(calendar, {})[metric.name] = metric
        named = slices.setdefault(calendar, {})
        named[metric.name] = named.get(metric.name, frozenset()) | frozenset(objective.slices)
    made = []
    for calendar, judged in metrics.items():
        begin, after = calendar.range(found, moment)
        grouped = any(isinstance(metric, RocAuc) for metric in judged.values())
        looks = replace(calendar, grouped=grouped)
        made.append(Watched(looks, tuple(judged.values()), slices[calendar], begin, after - begin))
    return tuple(made)


def not_detected(objective: Objective, metric: Metric, spec: Spec) -> str | None:
    """Why no detector judges an objective; None where one does."""
    if isinstance(metric, Unserved):
        return metric.undefined
    if isinstance(metric, RunRate):
        return "runs are few: their interval judges it"
    if isinstance(metric, Freshness):
        return "it is known at any time, and nothing of it is left to chance"
    if objective.rule != "detector":
        return f"the rule `{objective.rule}` judges it"
    if "labels" in metric.needs and spec.label is not None and spec.label.label_probability is not None:
        # counts of rows that were chosen for labelling say nothing of all rows
        return "labels are a sample, which no detector takes in: its interval judges it"
    if metric.histogram == "scores" and not isinstance(metric, RocAuc):
        return f"{metric.name} needs finer bins of scores than a detector's looks have: its interval judges it"
    return None


def look_pieces(
    rows: ir.Table,
    every: Sequence[Watched],
    fixed: Reference,
    coding: Codes,
    thresholds: int,
    before: bool = False,
) -> Iterator[Piece]:
    """The cells of all calendars: ("look", place, "total"), ("look", place, "slice", partition), and histograms.

    rows    facts with the codes of slices, bins of scores, and `look_packs` as columns
    before  for rows of replaced labels: with what the row's latest label says of the look
    """
    for each in _calendars(rows, every, fixed, coding, thresholds, before):
        yield from each.all()


def look_packs(
    rows: ir.Table, every: Sequence[Watched], fixed: Reference, coding: Codes, thresholds: int, before: bool = False
) -> dict[str, Key]:
    """By column: what the keys of all slices of a calendar have in common, packed once; NULL in rows of no cell."""
    return {
        name: key
        for each in _calendars(rows, every, fixed, coding, thresholds, before)
        for name, key in each.packs.items()
    }


def _calendars(
    rows: ir.Table, every: Sequence[Watched], fixed: Reference, coding: Codes, thresholds: int, before: bool
) -> Iterator[_Pieces]:
    for place, each in enumerate(every):
        if f"look_{place}" in rows.columns and each.looks:
            yield _Pieces(rows, place, each, fixed, coding, thresholds, before)


class _Pieces:
    """The pieces of one calendar."""

    def __init__(
        self,
        rows: ir.Table,
        place: int,
        of: Watched,
        fixed: Reference,
        coding: Codes,
        thresholds: int,
        before: bool,
    ) -> None:
        self.rows, self.place, self.of, self.fixed, self.coding = rows, place, of, fixed, coding
        self.thresholds = thresholds
        name = f"look_{place}"
        self.inside = rows[name].notnull()
        self.grain = Key("grain", rows[name] - of.begin, of.looks)
        said = f"{name}_before" if before else name
        self.label = rows[f"{said}_label_value"] if f"{said}_label_value" in rows.columns else None
        self.actual = rows[f"{said}_actual"] if f"{said}_actual" in rows.columns else None
        self.hit = rows[f"{said}_hit"] if f"{said}_hit" in rows.columns else None
        self.revised = rows[f"{said}_revised"] if f"{said}_revised" in rows.columns else None

    def all(self) -> Iterator[Piece]:
        yield self._piece(("total",), (), self.of.metrics)
        for index, partition in enumerate(self.fixed.partitions):
            judged = [metric for metric in self.of.metrics if partition.name in self.of.slices[metric.name]]
            if judged:
                yield self._piece(("slice", index), (self._code(index),), judged)
        yield from self._histograms()

    @cached_property
    def packs(self) -> dict[str, Key]:
        """By column: the keys that all pieces of counts have, and those that all of a class's scores have."""
        missing = self.coding.missing
        actual = self.actual if self.actual is not None else ibis.literal(missing, "int16")
        outcome = (Key("predicted", self.rows.predicted, missing + 1), Key("actual", actual, missing + 1))
        found = {self._column("counts"): pack([self.grain, *self._group(), *outcome], self.inside)}
        if self.actual is None or not self._ranked:
            return found
        group = Key("group", self.rows.group if "group" in self.rows.columns else self.rows.id_group, GROUPS)
        edges = None if self.fixed.edges is None else len(self.fixed.edges)
        for of in self._ranked:
            code, score = self._class(of)
            grid = bin_keys(self.rows, score, self.thresholds, edges, coarse=True)
            hit = Key("actual", (self.actual == code).cast("int8"), 2)
            where = self.inside & (self.actual < missing) & self.rows[score].notnull()
            found[self._column("scores", of)] = pack([self.grain, group, hit, *grid], where)
        return found

    def _column(self, kind: str, of: str = "") -> str:
        return f"packed_look_{self.place}_{kind}_{of}"

    def _packed(self, kind: str, of: str = "") -> Key:
        """One of the packs, as the column that holds it."""
        name = self._column(kind, of)
        return replace(self.packs[name], expression=self.rows[name])

    @property
    def _ranked(self) -> tuple[str, ...]:
        """The classes whose scores are ranked."""
        return tuple(dict.fromkeys(name for each in self.of.metrics if isinstance(each, RocAuc) for name in each.of))

    def _class(self, of: str) -> tuple[int, str]:
        """The code of a class, and the name of its score."""
        code = self.coding.classes.index(of) if self.coding.task == "multiclass" else 1
        return code, f"score_{code}" if self.coding.task == "multiclass" else "score"

    def _group(self) -> tuple[Key, ...]:
        return (Key("group", self.rows.group, group_size(True)),) if "group" in self.rows.columns else ()

    def _code(self, index: int) -> Key:
        return Key("slice", self.rows[f"slice_code_{index}"], self.fixed.partitions[index].codes)

    def _piece(self, name: tuple[str | int, ...], keys: tuple[Key, ...], metrics: Sequence[Metric]) -> Piece:
        measures = {each.name: self._seen(each) for metric in metrics for each in metric.measures}
        if self.revised is not None and name == ("total",):
            revised = self.revised
            measures[REVISED] = Measure(f"{self._prefix}{REVISED}", lambda _: revised.nullif(False), 1.0, counted=True)
        common = self._packed("counts")
        expected = self._expected((*keys, *self._group()))
        return Piece(
            ("look", self.place, *name),
            (*keys, common),
            tuple(measures.values()),
            common.expression.notnull(),
            expected,
        )

    @property
    def _prefix(self) -> str:
        return f"look {self.place}: "

    def _seen(self, measure: Measure) -> Measure:
        """The measure as the look saw its rows."""

        outcome = {"actual": self.actual, "label_value": self.label, f"hit_{self.of.calendar.kind}": self.hit}
        known = {name: value for name, value in outcome.items() if value is not None}

        def expression(rows: ir.Table) -> ir.Value:
            seen: Any = _Seen({name: rows[name] for name in rows.columns} | known)
            return measure.expression(seen)

        return Measure(self._prefix + measure.name, expression, measure.bound, measure.counted)

    def _histograms(self) -> Iterator[Piece]:
        if any(_reads(metric, "scores") for metric in self.of.metrics):
            yield from self._scores()
        for kind in SIZES:
            if any(_reads(metric, kind) for metric in self.of.metrics):
                seen: Any = _Seen({name: self.rows[name] for name in self.rows.columns} | {"label_value": self.label})
                bin_ = SIZES[kind](seen)
                key = Key("size", bin_, ERROR_BINS)
                where = self.inside & bin_.notnull()
                for name, keys in self._parted(kind):
                    yield Piece(name, (self.grain, *keys, key), (), where, self._expected(keys) * USUAL_SIZE_BINS)

    def _scores(self) -> Iterator[Piece]:
        if self.actual is None:
            return
        for of in self._ranked:
            common = self._packed("scores", of)
            where = common.expression.notnull()
            for name, keys in self._parted("scores", of, most=FIRST + MOST_RANKED):
                expected = self._expected(keys) * RANKED_CELLS
                kept = where if len(name) < 5 else where & (keys[0].expression < FIRST + MOST_RANKED)
                yield Piece(name, (*keys, common), (), kept, expected)

    def _parted(
        self, kind: str, *of: str, most: int | None = None
    ) -> Iterator[tuple[tuple[str | int, ...], tuple[Key, ...]]]:
        """Names and keys of the histograms of all rows and of the slices that are judged by such a metric."""
        yield ("look", self.place, kind, *of), ()
        for index, partition in enumerate(self.fixed.partitions):
            judged = [metric for metric in self.of.metrics if partition.name in self.of.slices[metric.name]]
            if any(
                (metric.histogram == kind) or (kind == "errors" and ABSOLUTE in metric.measures) for metric in judged
            ):
                code = self._code(index)
                size = code.size if most is None else min(code.size, most)
                yield ("look", self.place, f"slice_{kind}", index, *of), (replace(code, filled=size),)

    def _expected(self, keys: Sequence[Key]) -> int:
        found = self.of.looks
        for key in keys:
            if key.name not in ("grain", "actual", "predicted"):
                found *= key.filled or key.size
        return found * 4


def _reads(metric: Metric, kind: str) -> bool:
    """Whether the bets on a metric are read from histograms of scores, errors or latencies."""
    if kind == "scores":
        return isinstance(metric, RocAuc)
    return metric.histogram == kind or (kind == "errors" and not {ABSOLUTE, SQUARED}.isdisjoint(metric.measures))


class _Seen(dict[str, Any]):
    """Columns as expressions of measures and bins read them, as if they were a table of facts."""

    __getattr__ = dict.__getitem__

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self)


@dataclass(frozen=True)
class Seen:
    """What the looks of one calendar saw. Arrays have one place for each look.

    counts   sums by look, of all rows and of slices; their errors, where they are wanted
    ranked   histograms of scores by look and hash group, group within look
    revised  rows of which now something else is known than the look knew
    """

    of: Watched
    counts: Series
    ranked: Series | None
    revised: int

    def sums(
        self, index: int | None = None, code: int | None = None, ranked: Mapping[str, Histogram] | None = None
    ) -> Sums:
        """Sums by look, of all rows or of a slice. `ranked`: its `scores`, where they have been told."""
        ranked = self.scores(index, code) if ranked is None else ranked
        sums = self.counts.sums(index, code)
        return replace(sums, scores={of: each.folded(GROUPS) for of, each in ranked.items()})

    def entities(self, index: int | None = None, code: int | None = None) -> Sums | None:
        """Sums by look and hash group of entities, where one is declared."""
        return self.counts.entities(index, code)

    def scores(self, index: int | None = None, code: int | None = None) -> dict[str, Histogram]:
        """Histograms of scores by class, and by look and hash group, shape (looks × groups, bins)."""
        return {} if self.ranked is None else self.ranked.scores(index, code)


def seen(
    every: Sequence[Watched],
    filled: Mapping[tuple[str | int, ...], Cells],
    classes: int,
    days: Callable[[Grain, int, int], Array],
) -> tuple[Seen, ...]:
    """Take the cells of each calendar together. `days`: of looks, from the first to the last number of a grain."""
    return tuple(_seen(place, each, filled, classes, days) for place, each in enumerate(every))


def _seen(
    place: int,
    of: Watched,
    filled: Mapping[tuple[str | int, ...], Cells],
    classes: int,
    days: Callable[[Grain, int, int], Array],
) -> Seen:
    prefix = f"look {place}: "
    counts: dict[tuple[str | int, ...], Cells] = {}
    ranked: dict[tuple[str | int, ...], Cells] = {}
    revised = 0
    for name, cells in filled.items():
        if name[:2] != ("look", place):
            continue
        losses = {key.removeprefix(prefix): sums for key, sums in cells.losses.items()}
        if REVISED in losses:
            revised = int(losses.pop(REVISED)[:, 0].sum())
        keys = dict(cells.keys)
        kept = counts
        if name[2] in ("scores", "slice_scores"):
            keys["grain"] = keys["grain"] * GROUPS + keys.pop("group")
            kept = ranked
        else:
            keys["mature"] = np.ones(len(cells), dtype=np.int64)
        kept[name[2:]] = replace(cells, keys=keys, losses=losses)
    throughput = of.looks and any(isinstance(metric, Throughput) for metric in of.metrics)
    time = days(of.calendar.grain, of.begin, of.begin + of.looks - 1) if throughput else None
    return Seen(
        of,
        Series(counts, 0, of.looks - 1, classes, time),
        Series(ranked, 0, of.looks * GROUPS - 1, classes) if ranked else None,
        revised,
    )
