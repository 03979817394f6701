"""The search for slices that a model fails for: reads the rows of a window in codes, then what is found in all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import comb

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from leadline.cells.fill import Cells, fill
from leadline.cells.plan import Key, Piece, group_size, pack
from leadline.cells.series import Series
from leadline.estimate.leaves import WORDS
from leadline.evaluation.arrays import array, column, values
from leadline.evaluation.estimates import Evaluation, rolling
from leadline.evaluation.expected_errors import ExpectedErrors, can_be_expected, expected_errors
from leadline.evaluation.found import FoundSlice, FoundSlices
from leadline.evaluation.leaves import SAMPLE
from leadline.evaluation.sampling import among_least, half, halves, sample
from leadline.evaluation.searched import Searched, read_bins, where, with_codes
from leadline.log.features import FEATURE, searchable
from leadline.log.reading import Log, open_reference
from leadline.metrics import MetricCall, build
from leadline.metrics.metric import Metric
from leadline.metrics.row_errors import RowError, row_error
from leadline.metrics.sums import Measure
from leadline.slices.distinct import Rows
from leadline.slices.find import FALSE_FINDS, candidates, find
from leadline.slices.search import Column, Conditions
from leadline.spec.finite import is_infinite
from leadline.values import Scalar, Slice, Span

#: rows that are looked at one by one; of more those with the least md5 of the id
MOST_ROWS = 1_000_000
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
#: slices of several metrics that have this part of their rows in common are one
ALIKE = 0.8
#: ids of rows of each slice
EXAMPLES = 5
#: counts of joint codes that searches of three conditions may make together, about: they take a third of a second
MOST_WORK = 20_000_000
#: joint codes of three columns, about
CELLS = 30_000
#: the metric whose errors stand for those of metrics that hold nothing against a single row
USUAL_METRIC = {"binary": "accuracy", "multiclass": "accuracy", "regression": "mae"}


@dataclass(frozen=True)
class _Chosen:
    """A slice before it is read in all rows.

    examples  ids of some of its rows that are worse than it is on average
    """

    error: RowError
    conditions: Conditions
    examples: tuple[str, ...]


@dataclass(frozen=True)
class _Asked:
    """What is looked at.

    rows      facts with features
    window    places of the grains in which slices are looked for, and about how many rows they have
    expected  what errors are, where labels are missing; None where they are those of labels
    """

    evaluation: Evaluation
    log: Log
    rows: ir.Table
    searched: Sequence[Searched]
    errors: Sequence[RowError]
    window: tuple[int, int]
    count: int
    expected: ExpectedErrors | None = None

    def measures(self, error: RowError) -> tuple[Measure, ...]:
        """What has to be summed by cell for an error."""
        return error.metric.measures if self.expected is None else self.expected.measures(error)

    def recent(self) -> ir.Table:
        """The rows of the window."""
        first, (begin, after) = self.evaluation.series.first, self.window
        return self.rows.filter(self.rows.grain >= first + begin, self.rows.grain < first + after)

    def inside(self, conditions: Conditions, rows: ir.Table) -> ir.BooleanValue:
        """Whether rows are in a slice; never NULL."""
        return ibis.and_(*(self.searched[each.column].inside(each, rows) for each in conditions))


def find_slices(
    evaluation: Evaluation,
    log: Log,
    rows: ir.Table,
    served: frozenset[str],
    thresholds: Sequence[float],
    of_reference: pa.Table | None = None,
) -> FoundSlices | None:
    """Look for slices with more errors than the other rows; None where there is nothing to look at.

    rows         facts, with features; weighed where labels are a sample
    served       what facts can serve (`choice.has`)
    thresholds   that bins of scores are told by
    of_reference a sample of the reference with the features, where one was read already

    Where the latest window has no labels, the errors are those that the reference lets expect (`expected_errors`).
    """
    names = searchable(evaluation.spec, log.described)
    columns = [f"{FEATURE}{place}" for place, name in enumerate(log.described) if name in names]
    errors = errors_of(evaluation, served)
    if not columns or not errors:
        return None
    window, counted = search_window(evaluation), evaluation.total.labelled
    unlabelled, expected = _unlabelled_window(evaluation), None
    if unlabelled is not None:
        can_be = errors_of(evaluation, served, can_be_expected)
        expected = expected_errors(evaluation, log, rows, can_be, columns, thresholds, unlabelled)
        if expected is not None:
            rows, errors, window, counted = expected.rows, list(expected.errors), unlabelled, evaluation.total.rows
    if window is None:
        return None
    searched = _searched(evaluation, log, rows, columns, of_reference)
    if not searched:
        return None
    count = int(counted[slice(*window)].sum())
    asked = _Asked(evaluation, log, rows, searched, errors, window, count, expected)
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


def errors_of(
    evaluation: Evaluation, served: frozenset[str], usable: Callable[[RowError], bool] = lambda _: True
) -> list[RowError]:
    """What is held against rows: by the objectives' metrics, as far as these hold anything against a single row.

    For metrics of ranks and for calibration the log loss stands, for others and without objectives the usual metric.

    usable   which errors may be held against rows; for others the usual metric stands, too
    """
    task, classes = evaluation.spec.task, evaluation.codes.classes

    def made(name: str) -> Metric | None:
        metric = build(MetricCall(name), task, classes)
        return metric if metric.needs <= served else None

    asked = [evaluation.objective_metrics[each.figure] for each in evaluation.spec.objectives]
    found: dict[tuple[object, ...], RowError] = {}
    for metric in [*asked, *([] if asked else [made(USUAL_METRIC[task])])]:
        if metric is None:
            continue
        ranks = metric.histogram == "scores" and task != "regression"
        stand_ins = (made("log_loss") if ranks else None, made(USUAL_METRIC[task]))
        errors = (row_error(each, evaluation.series.classes) for each in (metric, *stand_ins) if each is not None)
        error = next((each for each in errors if each is not None and usable(each)), None)
        if error is not None:
            found.setdefault(error.key, error)
    return list(found.values())[:MOST_METRICS]


def _searched(
    evaluation: Evaluation, log: Log, rows: ir.Table, columns: Sequence[str], read: pa.Table | None
) -> list[Searched]:
    """The features in codes, from a sample of the reference; of all rows where it has too few."""
    reference = evaluation.spec.reference
    if reference is not None and reference.source is not None:
        return _of_source(evaluation, log, columns)
    version, versions = evaluation.spec.predictions.columns.version, evaluation.reference.versions
    # those of the reference are not all
    known = {} if version is None or len(versions) < 2 else {version: versions[:WORDS]}
    if read is not None and len(read) >= LEAST_ROWS:
        return read_bins(read, log, columns, known)
    end = evaluation.without_labels.reference_end
    until = 0 if end is None else evaluation.grain.number_of(end) - evaluation.series.first
    counted = evaluation.total.rows
    if counted[: max(until, 0)].sum() < LEAST_ROWS:
        until = len(counted)
    before = rows.filter(rows.grain < evaluation.series.first + until)
    return read_bins(sample(log.engine, before, columns, SAMPLE, int(counted[:until].sum())), log, columns, known)


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
    hashed, parted = engine.md5(rows.id.cast("string")), halves(engine, rows)
    grain = (rows.grain - (asked.evaluation.series.first + asked.window[0])).cast("int32")
    needed = dict.fromkeys(each.column for each in asked.searched)
    read = rows.select(*needed, id=rows.id.cast("string"), grain=grain, md5=hashed, **parted, **told)
    read = read.filter(ibis.or_(*(read[f"error_{place}"].notnull() for place in range(len(asked.errors)))))
    read = among_least(read, read.md5, MOST_ROWS, asked.count)
    codes = [f"code_{place}" for place in range(len(asked.searched))]
    table = engine.run(with_codes(engine, read, asked.searched).select(*codes, *told, *parted, "grain", "id", "md5"))
    columns = [
        Column(array(table, code), each.size, each.ordered) for code, each in zip(codes, asked.searched, strict=True)
    ]
    day, first_half = array(table, "grain").astype(np.int64), half(table)
    found: list[_Chosen] = []
    same = _Same(Rows(columns, np.zeros(table.num_rows)))
    for place, error in enumerate(asked.errors):
        errors, weight = _floats(table, f"error_{place}"), f"weight_{place}"
        weighed = _floats(table, weight) if weight in told else None
        usable = np.isfinite(errors) if weighed is None else np.isfinite(errors) & (weighed > 0)
        if np.count_nonzero(usable) < LEAST_ROWS or not _have_squares(errors[usable], weighed):
            continue
        every = Rows(columns, errors, day, weighed).where(usable)
        depth = 3 if _work(every) * len(asked.errors) <= MOST_WORK else 2
        chance = FALSE_FINDS / len(asked.errors)
        held = None if asked.expected is None else asked.expected.held.get(error.metric.name)
        if held is None:
            slices = find(every, first_half[usable], depth, chance=chance)
        else:  # both halves of these rows were told by the same other rows: what confirms are labels
            slices = held.confirmed(candidates(every, depth), asked.searched, chance)
        ids = np.flatnonzero(usable)
        for each in slices[:MOST_SLICES]:
            inside = every.inside(each)
            worse = inside & (every.errors >= every.mean(inside))
            found.append(_Chosen(error, same.as_told(each), _examples(table, ids[worse])))
    return found, table.num_rows


class _Same:
    """Slices by several metrics that are nearly the same rows are told in the words of the first."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._told: list[tuple[Conditions, NDArray[np.bool_]]] = []

    def as_told(self, conditions: Conditions) -> Conditions:
        """The conditions of an earlier slice of nearly the same rows; else these."""
        inside = self._rows.inside(conditions)
        for earlier, rows in self._told:
            if np.count_nonzero(inside & rows) >= ALIKE * np.count_nonzero(inside | rows):
                return earlier
        self._told.append((conditions, inside))
        return conditions


def _have_squares(errors: NDArray[np.float64], weights: NDArray[np.float64] | None) -> bool:
    """Whether errors can be reckoned with; one that is too large for its square is all that a mean would tell."""
    heaviest = 1.0 if weights is None else max(float(weights.max()), 1.0)
    with np.errstate(over="ignore"):
        return bool(np.isfinite((heaviest * len(errors) * np.abs(errors).max()) ** 2))


def _examples(table: pa.Table, places: NDArray[np.int64]) -> tuple[str, ...]:
    """The ids of a few of these rows: those with the least md5, which are the same in every run."""
    rows = table.select(["id", "md5"]).take(column(places))
    least = pc.select_k_unstable(rows, EXAMPLES, [("md5", "ascending")])
    return tuple(sorted(rows.column("id").take(least).to_pylist()))


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    found = values(table, name)
    return np.asarray(found, np.float64)


def _work(rows: Rows) -> int:
    """Counts of joint codes of three columns, about."""
    return comb(len(rows.columns), 3) * (len(rows.errors) // 2 + CELLS)


def _read(asked: _Asked, chosen: Sequence[_Chosen], looked: int) -> FoundSlices:
    """What all rows of the log say of the slices, in one statement."""
    series = Series(_cells(asked, chosen) if chosen else {}, *_span(asked.evaluation), asked.evaluation.series.classes)
    infinite = _infinite(asked.log, asked.searched, chosen)
    slices = []
    for each in chosen:
        pairs = [(asked.searched[condition.column], condition) for condition in each.conditions]
        parts: tuple[tuple[str, Scalar], ...] = tuple(feature.part(condition) for feature, condition in pairs)
        slices.append(
            FoundSlice(
                each.error,
                Slice(parts),
                " and ".join(feature.said(condition) for feature, condition in pairs),
                where(asked.searched, each.conditions, infinite),
                tuple(feature.name for feature, _ in pairs),
                each.examples,
            )
        )
    basis = None if asked.expected is None else asked.expected.basis
    features = tuple(dict.fromkeys(each.name for each in asked.searched))
    return FoundSlices(asked.window, series, tuple(slices), looked, features, basis)


def _span(evaluation: Evaluation) -> tuple[int, int]:
    return evaluation.series.first, evaluation.series.last


def _cells(asked: _Asked, chosen: Sequence[_Chosen]) -> dict[tuple[str | int, ...], Cells]:
    """The cells of all rows, of each slice, and of all rows but those."""
    first, _ = _span(asked.evaluation)
    rows, k = asked.rows, asked.evaluation.codes.missing + 1
    keys = [
        Key("grain", rows.grain - first, asked.evaluation.series.grains),
        Key("mature", rows.mature.cast("int8"), 2),
        Key("predicted", rows.predicted, k),
        *([] if asked.expected is not None else [Key("actual", rows.actual, k)]),
    ]
    if "group" in rows.columns:  # they widen the intervals of the window, and are asked for there only
        begin, after = (first + place for place in asked.window)
        recent = (rows.grain >= begin) & (rows.grain < after)
        keys.append(Key("group", ibis.ifelse(recent, rows.group, 0), group_size(True)))
    every_key = pack(keys)
    inside = {f"inside_{place}": asked.inside(each.conditions, rows) for place, each in enumerate(chosen)}
    unread = [name for name in rows.columns if name.startswith(FEATURE)]
    known = asked.log.engine.shared(rows.mutate(key=every_key.expression, **inside).drop(*unread))
    key = (replace(every_key, expression=known.key),)
    measures = [asked.measures(each.error) for each in chosen]
    every = tuple({measure.name: measure for some in measures for measure in some}.values())
    pieces = [
        Piece(("total",), key, every),
        *(Piece(("slice", place), key, some, known[f"inside_{place}"]) for place, some in enumerate(measures)),
    ]
    cells = fill(asked.log.engine, known, pieces)
    if asked.expected is not None:
        cells = {name: asked.expected.as_labelled(each) for name, each in cells.items()}
    total = cells["total",]
    for place in range(len(chosen)):
        mine = cells["slice", place]
        rest = replace(total, losses={name: total.losses[name] for name in mine.losses})
        cells["slice", -1 - place] = rest + -mine
    return cells


def _infinite(log: Log, searched: Sequence[Searched], chosen: Sequence[_Chosen]) -> frozenset[str]:
    """The columns of slices that hold infinities, which count as missing here and not in a condition."""
    used = {searched[condition.column].name for each in chosen for condition in each.conditions}
    floats = [name for name in sorted(used) if log.described[name].is_floating()]
    if log.raw is None or not floats:
        return frozenset()
    asked = {f"c{place}": is_infinite(log.raw[name]).cast("int8").max() for place, name in enumerate(floats)}
    row = log.engine.scalars(log.raw.aggregate(**asked))[0]
    return frozenset(name for place, name in enumerate(floats) if row[f"c{place}"])
