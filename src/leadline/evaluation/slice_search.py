"""The search for slices that a model fails for: reads the rows of a window in codes, then what is found in all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leadline.cells.fill import Cells, fill
from leadline.cells.plan import Key, Piece, binned, group_size
from leadline.cells.series import Series
from leadline.engine import Engine
from leadline.evaluation.arrays import array, values
from leadline.evaluation.estimates import Evaluation, rolling
from leadline.evaluation.found import FoundSlice, FoundSlices
from leadline.evaluation.leaves import CHANCE, SAMPLE, with_chance
from leadline.evaluation.sampling import among_least, sample
from leadline.evaluation.searched import Searched, read_bins, where, with_codes
from leadline.log.facts import GROUPS
from leadline.log.features import FEATURE, searchable
from leadline.log.reading import Log, open_reference
from leadline.metrics import MetricCall, build
from leadline.metrics.metric import SQUARE_SUM, SUM, Metric
from leadline.metrics.row_errors import RowError, row_error
from leadline.metrics.sums import Measure
from leadline.slices.distinct import Rows
from leadline.slices.find import FALSE_FINDS, find
from leadline.slices.search import Column, Conditions
from leadline.spec.finite import is_infinite
from leadline.values import Scalar, Slice, Span

#: rows that are looked at one by one; of more those with the least md5 of the id
MOST_ROWS = 2_000_000
#: rows of the window, at least: it is made longer until it has them
ENOUGH_ROWS = 2_000
#: rows with an error that is known, below which nothing is looked for
LEAST_ROWS = 500
#: the window where no objective names one
USUAL = Span(28, "d")
#: metrics whose errors are looked at: each is a search of its own
MOST_METRICS = 3
#: slices of a metric that are read in all rows
MOST_SLICES = 10
#: what part of the rows either half of the entities must have, else rows are parted
LEAST_HALF = 0.3
#: ids of rows of each slice
EXAMPLES = 5
#: counts of joint codes that searches of three conditions may make together, about: they take a second
MOST_WORK = 70_000_000
#: joint codes of three columns, about
CELLS = 30_000
#: the metric whose errors stand for those of metrics that hold nothing against a single row
USUAL_METRIC = {"binary": "accuracy", "multiclass": "accuracy", "regression": "mae"}


@dataclass(frozen=True)
class _Chosen:
    """A slice before it is read in all rows."""

    error: RowError
    conditions: Conditions


@dataclass(frozen=True)
class _Asked:
    """What is looked at.

    rows      facts with features; where errors are expected, those with a score, and its chance
    window    places of the grains in which slices are looked for, and about how many rows they have
    """

    evaluation: Evaluation
    log: Log
    rows: ir.Table
    searched: Sequence[Searched]
    errors: Sequence[RowError]
    window: tuple[int, int]
    count: int

    @property
    def expected(self) -> bool:
        """Whether errors are what scores say of rows without labels."""
        return self.errors[0].expected

    def recent(self) -> ir.Table:
        """The rows of the window."""
        first, (begin, after) = self.evaluation.series.first, self.window
        return self.rows.filter(self.rows.grain >= first + begin, self.rows.grain < first + after)

    def inside(self, conditions: Conditions, rows: ir.Table) -> ir.BooleanValue:
        """Whether rows are in a slice; never NULL."""
        return ibis.and_(*(self.searched[each.column].inside(each, rows) for each in conditions))


def find_slices(
    evaluation: Evaluation, log: Log, rows: ir.Table, served: frozenset[str], thresholds: Sequence[float]
) -> FoundSlices | None:
    """Look for slices with more errors than the other rows; None where there is nothing to look at.

    rows         facts, with features; weighed where labels are a sample
    served       what facts can serve (`choice.has`)
    thresholds   that bins of scores are told by

    Where the latest window has no labels, but scores that were calibrated on the reference, the errors are those that
    the scores let expect.
    """
    names = searchable(evaluation.spec, log.described)
    columns = [f"{FEATURE}{place}" for place, name in enumerate(log.described) if name in names]
    errors = errors_of(evaluation, served)
    if not columns or not errors:
        return None
    window = search_window(evaluation)
    counted = evaluation.total.labelled
    fit = evaluation.without_labels.to_refine
    unlabelled = _unlabelled_window(evaluation)
    if fit is not None and unlabelled is not None:
        errors = [replace(error, expected=True) for error in errors if error.measure is None]
        rows = with_chance(log.engine, binned(rows, {"score": "score"}, thresholds, None), fit)
        window, counted = unlabelled, evaluation.total.rows
    if window is None or not errors:
        return None
    searched = _searched(evaluation, log, rows, columns)
    if not searched:
        return None
    asked = _Asked(evaluation, log, rows, searched, errors, window, int(counted[slice(*window)].sum()))
    chosen, looked = _search(asked)
    return _read(asked, chosen, looked)


def search_window(evaluation: Evaluation) -> tuple[int, int] | None:
    """The longest objective's latest window, or the last 28 days with labels; longer where it has few of them."""
    latest, labelled = evaluation.latest(), evaluation.total.labelled
    if latest is None:
        return None
    begin, after = _no_longer(evaluation, latest)
    while begin > 0 and labelled[begin:after].sum() < ENOUGH_ROWS:
        begin = max(after - 2 * (after - begin), 0)
    return (begin, after) if labelled[begin:after].sum() >= LEAST_ROWS else None


def _no_longer(evaluation: Evaluation, window: tuple[int, int]) -> tuple[int, int]:
    """A window as it is with objectives, else of 28 days at most."""
    if evaluation.spec.objectives:
        return window
    begin = rolling(evaluation.grain, evaluation.series.first, USUAL, window[1])[0]
    return max(begin, window[0]), window[1]


def _unlabelled_window(evaluation: Evaluation) -> tuple[int, int] | None:
    """The last 28 days after the reference, where the latest window has few labels and these have enough rows."""
    latest, after = evaluation.latest(), evaluation.series.grains
    if latest is not None and evaluation.total.labelled[slice(*_no_longer(evaluation, latest))].sum() >= LEAST_ROWS:
        return None
    first = evaluation.without_labels.first_after
    begin = max(rolling(evaluation.grain, evaluation.series.first, USUAL, after)[0], after if first is None else first)
    return (begin, after) if evaluation.total.rows[begin:after].sum() >= LEAST_ROWS else None


def errors_of(evaluation: Evaluation, served: frozenset[str]) -> list[RowError]:
    """What is held against rows: by the objectives' metrics, as far as these hold anything against a single row.

    For metrics of ranks and for calibration the log loss stands, for others and without objectives the usual metric.
    """
    task, classes = evaluation.spec.task, evaluation.codes.classes

    def made(name: str) -> Metric | None:
        metric = build(MetricCall(name), task, classes)
        return metric if metric.needs <= served else None

    asked = [evaluation.objective_metrics[each.figure] for each in evaluation.spec.objectives]
    found: dict[tuple[object, ...], RowError] = {}
    for metric in [*asked, *([] if asked else [made(USUAL_METRIC[task])])]:
        error = None if metric is None else row_error(metric, evaluation.series.classes)
        if error is None and metric is not None:
            ranks = metric.histogram == "scores" and task != "regression"
            stand_in = (made("log_loss") if ranks else None) or made(USUAL_METRIC[task])
            error = None if stand_in is None else row_error(stand_in, evaluation.series.classes)
        if error is not None:
            found.setdefault(error.key, error)
    return list(found.values())[:MOST_METRICS]


def _searched(evaluation: Evaluation, log: Log, rows: ir.Table, columns: Sequence[str]) -> list[Searched]:
    """The features in codes, from a sample of the reference; of all rows where it has too few."""
    reference = evaluation.spec.reference
    if reference is not None and reference.source is not None:
        return _of_source(evaluation, log, columns)
    end = evaluation.without_labels.reference_end
    until = 0 if end is None else evaluation.grain.number_of(end) - evaluation.series.first
    counted = evaluation.total.rows
    if counted[: max(until, 0)].sum() < LEAST_ROWS:
        until = len(counted)
    before = rows.filter(rows.grain < evaluation.series.first + until)
    return read_bins(sample(log.engine, before, columns, SAMPLE, int(counted[:until].sum())), log, columns)


def _of_source(evaluation: Evaluation, log: Log, columns: Sequence[str]) -> list[Searched]:
    """The same, from a reference with a source of its own; without the features that it has not, or of another type."""
    opened = open_reference(evaluation.spec, log.engine)
    own = {name: f"{FEATURE}{place}" for place, name in enumerate(opened.described)}
    names = dict(zip((f"{FEATURE}{place}" for place in range(len(log.described))), log.described, strict=True))
    held = {
        column: opened.predictions[own[names[column]]]
        for column in columns
        if opened.described.get(names[column]) == log.described[names[column]]
    }
    rows = opened.predictions.select("id", **held)
    rows = rows.filter(rows.id.notnull())
    count = log.engine.scalars(rows.aggregate(n=rows.count()))[0]["n"]
    return read_bins(sample(log.engine, rows, list(held), SAMPLE, count), log, list(held))


def _search(asked: _Asked) -> tuple[list[_Chosen], int]:
    """The slices of each metric, best first, and how many rows were looked at."""
    engine, rows = asked.log.engine, asked.recent()
    told = {f"error_{place}": error.of(rows) for place, error in enumerate(asked.errors)}
    weights = {f"weight_{place}": error.weight(rows) for place, error in enumerate(asked.errors)}
    told |= {name: weight for name, weight in weights.items() if weight is not None}
    md5 = engine.md5(rows.id.cast("string"))
    # not the digits that the sample is chosen by, nor those of hash groups
    halves = {"half": (md5.substr(8, 1) < "8").cast("int8")}
    if "group" in rows.columns:
        halves["entities"] = (rows.group < GROUPS // 2).cast("int8")
    grain = (rows.grain - (asked.evaluation.series.first + asked.window[0])).cast("int32")
    needed = dict.fromkeys(each.column for each in asked.searched)
    read = rows.select(*needed, grain=grain, md5=md5, **halves, **told)
    read = read.filter(ibis.or_(*(read[f"error_{place}"].notnull() for place in range(len(asked.errors)))))
    read = among_least(read, read.md5, MOST_ROWS, asked.count)
    codes = [f"code_{place}" for place in range(len(asked.searched))]
    table = engine.run(with_codes(engine, read, asked.searched).select(*codes, *told, *halves, "grain"))
    columns = [
        Column(array(table, code), each.size, each.ordered) for code, each in zip(codes, asked.searched, strict=True)
    ]
    day, half = array(table, "grain").astype(np.int64), _half(table)
    found = []
    for place, error in enumerate(asked.errors):
        errors, weight = _floats(table, f"error_{place}"), f"weight_{place}"
        weighed = _floats(table, weight) if weight in told else None
        usable = np.isfinite(errors) if weighed is None else np.isfinite(errors) & (weighed > 0)
        if np.count_nonzero(usable) < LEAST_ROWS:
            continue
        every = Rows(columns, errors, day, weighed).where(usable)
        depth = 3 if _work(every) * len(asked.errors) <= MOST_WORK else 2
        slices = find(every, half[usable], depth, chance=FALSE_FINDS / len(asked.errors))
        found += [_Chosen(error, each) for each in slices[:MOST_SLICES]]
    return found, table.num_rows


def _half(table: pa.Table) -> NDArray[np.bool_]:
    """The rows in which slices are looked for: half of the entities, or half of the rows where these are too few."""
    if "entities" in table.column_names and len(table):
        half = array(table, "entities") == 1
        if LEAST_HALF <= half.mean() <= 1 - LEAST_HALF:
            return np.asarray(half)
    return np.asarray(array(table, "half") == 1)


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    found = values(table, name)
    return np.asarray(found, np.float64)


def _work(rows: Rows) -> int:
    """Counts of joint codes of three columns, about."""
    return comb(len(rows.columns), 3) * (len(rows.errors) // 2 + CELLS)


def _read(asked: _Asked, chosen: Sequence[_Chosen], looked: int) -> FoundSlices:
    """What all rows of the log say of the slices, in one statement."""
    series = Series(_cells(asked, chosen) if chosen else {}, *_span(asked.evaluation), asked.evaluation.series.classes)
    recent = asked.recent()
    bad = []
    for place, each in enumerate(chosen):
        size, errors, _ = (float(sums[slice(*asked.window)].sum()) for sums in each.error.sums(series.sums(place)))
        bad.append(asked.inside(each.conditions, recent) & (each.error.of(recent) >= errors / size))
    examples = _examples(asked.log.engine, recent, bad)
    infinite = _infinite(asked.log, asked.searched, chosen)
    slices = []
    for place, each in enumerate(chosen):
        pairs = [(asked.searched[condition.column], condition) for condition in each.conditions]
        parts: tuple[tuple[str, Scalar], ...] = tuple(feature.part(condition) for feature, condition in pairs)
        slices.append(
            FoundSlice(
                each.error,
                Slice(parts),
                " and ".join(feature.said(condition) for feature, condition in pairs),
                where(asked.searched, each.conditions, infinite),
                tuple(feature.name for feature, _ in pairs),
                examples.get(place, ()),
            )
        )
    return FoundSlices(asked.window, series, tuple(slices), looked, asked.expected)


def _span(evaluation: Evaluation) -> tuple[int, int]:
    return evaluation.series.first, evaluation.series.last


def _cells(asked: _Asked, chosen: Sequence[_Chosen]) -> dict[tuple[str | int, ...], Cells]:
    """The cells of all rows, of each slice, and of all rows but those."""
    first, _ = _span(asked.evaluation)
    named = {f"inside_{place}": asked.inside(each.conditions, asked.rows) for place, each in enumerate(chosen)}
    unread = [name for name in asked.rows.columns if name.startswith(FEATURE)]
    known = asked.log.engine.shared(asked.rows.mutate(**named).drop(*unread))
    k = asked.evaluation.codes.missing + 1
    keys = [
        Key("grain", known.grain - first, asked.evaluation.series.grains),
        Key("mature", known.mature.cast("int8"), 2),
        *([Key("group", known.group, group_size(True))] if "group" in known.columns else []),
        Key("predicted", known.predicted, k),
        *([] if asked.expected else [Key("actual", known.actual, k)]),
    ]
    chance = (Measure(CHANCE, lambda facts: facts.chance, 1.0),)
    measures = [chance if asked.expected else each.error.metric.measures for each in chosen]
    every = tuple({measure.name: measure for some in measures for measure in some}.values())
    pieces = [
        Piece(("total",), tuple(keys), every),
        *(Piece(("slice", place), tuple(keys), some, known[f"inside_{place}"]) for place, some in enumerate(measures)),
    ]
    cells = fill(asked.log.engine, known, pieces)
    if asked.expected:
        cells = {name: _as_labelled(each) for name, each in cells.items()}
    total = cells["total",]
    for place in range(len(chosen)):
        mine = cells["slice", place]
        rest = replace(total, losses={name: total.losses[name] for name in mine.losses})
        cells["slice", -1 - place] = rest + -mine
    return cells


def _as_labelled(cells: Cells) -> Cells:
    """Rows with a chance as rows of both labels, with as much weight in either."""
    chance = cells.losses[CHANCE]
    weight, square = chance[:, SUM], chance[:, SQUARE_SUM]
    labels = [
        Cells({**cells.keys, "actual": np.full(len(cells), label)}, rows, weights, squares, {})
        for label, rows, weights, squares in (
            (0, cells.rows, cells.weight - weight, cells.square - square),
            (1, np.zeros_like(cells.rows), weight, square),
        )
    ]
    return labels[0] + labels[1]


def _examples(engine: Engine, rows: ir.Table, bad: Sequence[ir.BooleanValue]) -> Mapping[int, tuple[str, ...]]:
    """By place the ids of a few of the rows for which it holds, in the order of their md5."""
    if not bad:
        return {}
    named = {f"bad_{place}": each for place, each in enumerate(bad)}
    known = engine.shared(rows.select(id=rows.id.cast("string"), **named))
    pieces = []
    for place, name in enumerate(named):
        mine = known.filter(known[name]).select("id")
        few = mine.order_by(engine.md5(mine.id)).limit(EXAMPLES)
        pieces.append(few.select(place=ibis.literal(place, "int32"), id=few.id))
    found: dict[int, list[str]] = {}
    for row in engine.run(ibis.union(*pieces) if len(pieces) > 1 else pieces[0]).to_pylist():
        found.setdefault(row["place"], []).append(row["id"])
    return {place: tuple(sorted(ids)) for place, ids in found.items()}


def _infinite(log: Log, searched: Sequence[Searched], chosen: Sequence[_Chosen]) -> frozenset[str]:
    """The columns of slices that hold infinities, which count as missing here and not in a condition."""
    used = {searched[condition.column].name for each in chosen for condition in each.conditions}
    floats = [name for name in sorted(used) if log.described[name].is_floating()]
    if log.raw is None or not floats:
        return frozenset()
    asked = {f"c{place}": is_infinite(log.raw[name]).cast("int8").max() for place, name in enumerate(floats)}
    row = log.engine.scalars(log.raw.aggregate(**asked))[0]
    return frozenset(name for place, name in enumerate(floats) if row[f"c{place}"])
