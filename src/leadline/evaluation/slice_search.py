"""The search for slices that a model fails for: reads the rows of a window in codes, then what is found in all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from leadline.cells.fill import fill
from leadline.cells.plan import Key, Piece, group_size
from leadline.cells.series import Series
from leadline.engine import Engine
from leadline.evaluation.arrays import array, values
from leadline.evaluation.estimates import Evaluation, rolling
from leadline.evaluation.found import FoundSlice, FoundSlices
from leadline.evaluation.leaves import SAMPLE
from leadline.evaluation.sampling import among_least, sample
from leadline.evaluation.searched import Searched, read_bins, where, with_codes
from leadline.log.features import FEATURE, searchable
from leadline.log.reading import Log, open_reference
from leadline.metrics import MetricCall, build
from leadline.metrics.metric import SUM, WEIGHT, Metric
from leadline.metrics.row_errors import RowError, row_error
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


def find_slices(evaluation: Evaluation, log: Log, rows: ir.Table, served: frozenset[str]) -> FoundSlices | None:
    """Look for slices with more errors than the other rows; None where there is nothing to look at.

    rows     facts, with features; weighed where labels are a sample
    served   what facts can serve (`choice.has`)
    """
    window = search_window(evaluation)
    names = searchable(evaluation.spec, log.described)
    columns = [f"{FEATURE}{place}" for place, name in enumerate(log.described) if name in names]
    errors = errors_of(evaluation, served)
    if window is None or not columns or not errors:
        return None
    searched = _searched(evaluation, log, rows, columns)
    if not searched:
        return None
    chosen, looked = _search(evaluation, log.engine, rows, searched, errors, window)
    return _read(evaluation, log, rows, searched, chosen, window, looked)


def search_window(evaluation: Evaluation) -> tuple[int, int] | None:
    """The longest objective's latest window, or the last 28 days with labels; longer where it has few of them."""
    latest, labelled = evaluation.latest(), evaluation.total.labelled
    if latest is None:
        return None
    begin, after = latest
    if not evaluation.spec.objectives:
        begin = max(rolling(evaluation.grain, evaluation.series.first, USUAL, after)[0], 0)
    while begin > 0 and labelled[begin:after].sum() < ENOUGH_ROWS:
        begin = max(after - 2 * (after - begin), 0)
    return (begin, after) if labelled[begin:after].sum() >= LEAST_ROWS else None


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


def _search(
    evaluation: Evaluation,
    engine: Engine,
    rows: ir.Table,
    searched: Sequence[Searched],
    errors: Sequence[RowError],
    window: tuple[int, int],
) -> tuple[list[_Chosen], int]:
    """The slices of each metric, best first, and how many rows were looked at."""
    first, (begin, after) = evaluation.series.first, window
    inside = rows.filter(rows.grain >= first + begin, rows.grain < first + after)
    told = {f"error_{place}": error.of(inside) for place, error in enumerate(errors)}
    inside = inside.filter(ibis.or_(*(value.notnull() for value in told.values())))
    weight = ["weight"] if "weight" in inside.columns else []
    md5 = engine.md5(inside.id.cast("string"))
    # not the digits that the sample is chosen by, nor those of hash groups
    half = (md5.substr(8, 1) < "8").cast("int8")
    needed = dict.fromkeys(each.column for each in searched)
    read = inside.select(
        *needed, *weight, grain=(inside.grain - (first + begin)).cast("int32"), half=half, md5=md5, **told
    )
    labelled = int(evaluation.total.labelled[begin:after].sum())
    read = among_least(read, read.md5, MOST_ROWS, labelled)
    coded = with_codes(engine, read, searched)
    codes = [f"code_{place}" for place in range(len(searched))]
    table = engine.run(coded.select(*codes, *weight, *told, "grain", "half"))
    columns = [Column(array(table, code), each.size, each.ordered) for code, each in zip(codes, searched, strict=True)]
    grain, half_of = array(table, "grain").astype(np.int64), array(table, "half") == 1
    weights = _floats(table, "weight") if weight else None
    found = []
    for place, error in enumerate(errors):
        of_row = _floats(table, f"error_{place}")
        usable = np.isfinite(of_row) if weights is None else np.isfinite(of_row) & (weights > 0)
        if np.count_nonzero(usable) < LEAST_ROWS:
            continue
        every = Rows(columns, of_row, grain, weights).where(usable)
        depth = 3 if _work(every) * len(errors) <= MOST_WORK else 2
        slices = find(every, half_of[usable], depth, chance=FALSE_FINDS / len(errors))
        found += [_Chosen(error, each) for each in slices[:MOST_SLICES]]
    return found, table.num_rows


def _floats(table: object, name: str) -> NDArray[np.float64]:
    found = values(table, name)
    return np.asarray(found, np.float64)


def _work(rows: Rows) -> int:
    """Counts of joint codes of three columns, about."""
    return comb(len(rows.columns), 3) * (len(rows.errors) // 2 + CELLS)


def _read(
    evaluation: Evaluation,
    log: Log,
    rows: ir.Table,
    searched: Sequence[Searched],
    chosen: Sequence[_Chosen],
    window: tuple[int, int],
    looked: int,
) -> FoundSlices:
    """What all rows of the log say of the slices, in one statement."""
    engine, first = log.engine, evaluation.series.first

    def fulfils(conditions: Conditions, table: ir.Table) -> ir.BooleanValue:
        return ibis.and_(*(searched[each.column].inside(each, table) for each in conditions))

    named = {f"inside_{place}": fulfils(each.conditions, rows) for place, each in enumerate(chosen)}
    unread = [name for name in rows.columns if name.startswith(FEATURE)]
    known = engine.shared(rows.mutate(**named).drop(*unread))
    k = evaluation.codes.missing + 1
    keys = [
        Key("grain", known.grain - first, evaluation.series.grains),
        Key("mature", known.mature.cast("int8"), 2),
        *([Key("group", known.group, group_size(True))] if "group" in known.columns else []),
        Key("predicted", known.predicted, k),
        Key("actual", known.actual, k),
    ]
    measures = {measure.name: measure for each in chosen for measure in each.error.metric.measures}
    pieces = [Piece(("total",), tuple(keys), tuple(measures.values()))]
    for place, each in enumerate(chosen):
        pieces.append(Piece(("slice", place), tuple(keys), each.error.metric.measures, known[f"inside_{place}"]))
    cells = fill(engine, known, pieces) if chosen else {}
    for place, each in enumerate(chosen):
        total = cells["total",]
        wanted = {measure.name: total.losses[measure.name] for measure in each.error.metric.measures}
        whole = type(total)(total.keys, total.rows, total.weight, total.square, wanted)
        cells["slice", -1 - place] = whole + -cells["slice", place]
    series = Series(cells, first, evaluation.series.last, evaluation.series.classes)
    recent = rows.filter(rows.grain >= first + window[0], rows.grain < first + window[1])
    least = [1.0 if each.error.binary else _mean_error(series, place, window) for place, each in enumerate(chosen)]
    asked = [(each.error, fulfils(each.conditions, recent), level) for each, level in zip(chosen, least, strict=True)]
    examples = _examples(engine, recent, asked)
    infinite = _infinite(log, searched, chosen)
    slices = []
    for place, each in enumerate(chosen):
        of = [searched[condition.column] for condition in each.conditions]
        pairs = list(zip(of, each.conditions, strict=True))
        parts: tuple[tuple[str, Scalar], ...] = tuple(feature.part(condition) for feature, condition in pairs)
        slices.append(
            FoundSlice(
                each.error,
                Slice(parts),
                " and ".join(feature.said(condition) for feature, condition in pairs),
                where(searched, each.conditions, infinite),
                tuple(feature.name for feature in of),
                examples.get(place, ()),
            )
        )
    return FoundSlices(window, series, tuple(slices), looked)


def _examples(
    engine: Engine, rows: ir.Table, asked: Sequence[tuple[RowError, ir.BooleanValue, float]]
) -> Mapping[int, tuple[str, ...]]:
    """By place the ids of a few rows of each slice whose error is at least so large, in the order of their md5."""
    if not asked:
        return {}
    bad = {f"bad_{place}": inside & (error.of(rows) >= least) for place, (error, inside, least) in enumerate(asked)}
    known = engine.shared(rows.select(id=rows.id.cast("string"), **bad))
    pieces = []
    for place, name in enumerate(bad):
        worse = known.filter(known[name]).select("id")
        few = worse.order_by(engine.md5(worse.id)).limit(EXAMPLES)
        pieces.append(few.select(place=ibis.literal(place, "int32"), id=few.id))
    found: dict[int, list[str]] = {}
    for row in engine.run(ibis.union(*pieces) if len(pieces) > 1 else pieces[0]).to_pylist():
        found.setdefault(row["place"], []).append(row["id"])
    return {place: tuple(sorted(ids)) for place, ids in found.items()}


def _mean_error(series: Series, place: int, window: tuple[int, int]) -> float:
    """The mean loss of a slice in the window."""
    (losses, *_) = series.sums(place).losses.values()
    total = losses[slice(*window)].sum(axis=0)
    return float(total[SUM] / total[WEIGHT])


def _infinite(log: Log, searched: Sequence[Searched], chosen: Sequence[_Chosen]) -> frozenset[str]:
    """The columns of slices that hold infinities, which count as missing here and not in a condition."""
    used = {searched[condition.column].name for each in chosen for condition in each.conditions}
    floats = [name for name in sorted(used) if log.described[name].is_floating()]
    if log.raw is None or not floats:
        return frozenset()
    asked = {f"c{place}": is_infinite(log.raw[name]).cast("int8").max() for place, name in enumerate(floats)}
    row = log.engine.scalars(log.raw.aggregate(**asked))[0]
    return frozenset(name for place, name in enumerate(floats) if row[f"c{place}"])
