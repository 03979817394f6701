"""The reading that drift stands on: every feature, score and prediction, by grain and bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import ibis
import ibis.expr.types as ir
import numpy as np

from leadline.cells.bins import FIRST, MISSING, Bins, Ints, category_bins, ranked_bins
from leadline.cells.columns import (
    Column,
    Scale,
    bins_of,
    categories,
    counted,
    folded,
    outcomes_of,
    scales,
    usual_cells,
)
from leadline.cells.fill import Cells
from leadline.cells.plan import MOST_CELLS, binned
from leadline.cells.series import UNLABELLED, Series, grid
from leadline.engine import Engine
from leadline.evaluation.columns import EXPECTED, ColumnCells, Columns, of_outcomes
from leadline.evaluation.drifts import latest_drifts
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.joint_reading import joint_moments, reference_means, samples
from leadline.evaluation.leaves import with_chance
from leadline.evaluation.of_scores import OfScores
from leadline.evaluation.sampling import sample
from leadline.evaluation.vector_reading import vector_sums
from leadline.log.calendar import Grain
from leadline.log.chance import CHANCE
from leadline.log.facts import GROUPS, Facts
from leadline.log.features import FEATURE, VECTOR
from leadline.log.labels import Codes
from leadline.log.looks import hash_group
from leadline.log.profile import Profile
from leadline.log.reading import Log, open_reference
from leadline.log.reference import guessed_end
from leadline.metrics.expected import bin_scores
from leadline.metrics.sums import Array, Measure
from leadline.spec.model import ListScores, Spec
from leadline.values import Span, Undefined

#: rows of the reference from which the cells of numbers are made
SAMPLE = 20_000
#: share of the reference's rows that may lack a label before scores are asked instead
FEW_UNLABELLED = 0.05
#: classes whose scores are watched
MOST_SCORES = 10
#: blocks of the reference whose differences tell how sure an effect is; fewer grains are no blocks
BLOCKS, LEAST_BLOCKS = GROUPS, 8


@dataclass(frozen=True)
class _Place:
    """Where the grains of a log are: numbers of the first and last, and the range of their times in naive UTC."""

    grain: Grain
    first: int
    last: int
    span: tuple[datetime, datetime]

    @property
    def grains(self) -> int:
        return self.last - self.first + 1

    def placed(self, rows: ir.Table) -> ir.Table:
        """Rows with `place`, the place of their grain."""
        number = self.grain.number(rows.timestamp, *self.span) - self.first
        return rows.mutate(place=number.cast("int32"))


def columns_of(
    evaluation: Evaluation, log: Log, found: Profile, known: Facts, thresholds: Sequence[float]
) -> Columns | Undefined:
    """The columns of an evaluation; read only where the cells of its metrics do not hold them.

    thresholds   that bins of scores are told by
    """
    spec = evaluation.spec
    own = spec.reference is not None and spec.reference.source is not None
    if not log.features and spec.task != "regression" and not own:
        end = evaluation.without_labels.reference_end
        return counted_columns(spec, evaluation.series, evaluation.codes, evaluation.grain, end)
    return read_columns(evaluation, log, found, known, thresholds)


def watched(spec: Spec, log: Log, coding: Codes) -> list[Column]:
    """The columns whose values are counted: features, scores, and the prediction."""
    columns = spec.predictions.columns
    found = []
    for place, name in enumerate(log.features):
        kind = log.predictions[f"{FEATURE}{place}"].type()
        found.append(Column(name, "feature", f"{FEATURE}{place}", "text" if kind.is_string() else "numeric"))
    if columns.score is not None:
        found.append(Column(columns.score, "score", "score", "numeric"))
    classes = coding.classes[:MOST_SCORES] if spec.task == "multiclass" else ()
    found += [
        Column(_score_name(spec, name), "score", f"score_{place}", "numeric")
        for place, name in enumerate(classes)
        if f"score_{place}" in log.predictions.columns
    ]
    name = columns.prediction or "prediction"
    if spec.task == "regression":
        found.append(Column(name, "prediction", "prediction_value", "numeric"))
    else:
        every = ("negative", "positive") if spec.task == "binary" else coding.classes
        found.append(Column(name, "prediction", "predicted", "codes", every))
    return found


def _score_name(spec: Spec, of: str) -> str:
    scores = spec.predictions.columns.scores
    return f"{scores.list}[{of}]" if isinstance(scores, ListScores) else str((scores or {}).get(of, of))


def read_columns(
    evaluation: Evaluation,
    log: Log,
    found: Profile,
    known: Facts,
    thresholds: Sequence[float] = (),
) -> Columns | Undefined:
    """Read every feature, score and prediction.

    thresholds   that bins of scores are told by

    Undefined where there are no rows, or there would be too many cells.
    """
    if found.first is None or found.last is None:
        return Undefined("there are no rows")
    columns = watched(evaluation.spec, log, evaluation.codes)
    span = (found.first, max(found.last, found.newest or found.last, known.moment))
    place = _fitting(evaluation.grain, (evaluation.series.first, evaluation.series.last), span, len(columns))
    if place is None:
        return Undefined("the histograms of the columns would make too many cells: choose a longer window")
    rows = place.placed(known.predictions)
    reference = _reference(evaluation, log, rows, place, columns)
    if isinstance(reference, Undefined):
        return reference
    columns = [each for each in columns if each.name not in reference.left_out]
    fixed = _scales(log.engine, reference.rows, columns)
    fine = counted(log.engine, rows, columns, fixed, place.grains)
    if reference.own:
        base = counted(log.engine, reference.rows, columns, fixed, reference.place.grains)
    else:
        base = {name: cells.where(cells.keys["grain"] < reference.place.grains) for name, cells in fine.items()}
    outcomes = _Outcomes(evaluation, log.engine, known, reference, columns, fixed)
    labelled, expected = outcomes.labelled(), outcomes.expected(thresholds)
    made = []
    for each in columns:
        bins = bins_of(fixed[each.column], base[each.column])
        found_of, without = (of.get(each.column) for of in (labelled, expected))
        made.append(
            ColumnCells(
                column=each,
                bins=bins,
                rows=folded(fine[each.column], bins),
                reference=folded(base[each.column], bins),
                outcomes=folded(found_of, bins) if found_of else None,
                expected=folded(without, bins) if without else None,
            )
        )
    found_columns = Columns(
        columns=tuple(made),
        grain=place.grain,
        first=place.first,
        grains=place.grains,
        reference=None if reference.own else (0, reference.place.grains),
        reference_grains=reference.place.grains,
        blocks=outcomes.blocks,
        by_rows=outcomes.by_rows,
        left_out=reference.left_out,
    )
    return _with_joint(evaluation, log.engine, rows, reference, columns, fixed, found_columns)


def _with_joint(
    evaluation: Evaluation,
    engine: Engine,
    rows: ir.Table,
    reference: _Reference,
    columns: Sequence[Column],
    fixed: Mapping[str, Scale],
    found: Columns,
) -> Columns:
    """With what was asked for of columns together."""
    asked, joint, read = evaluation.spec.multivariate, None, None
    if "reconstruction" in asked:
        of_bins = [(each.column, each.bins, _by_bin(each)) for each in found.columns]
        own = reference.rows if reference.own else None
        grains = found.grains, found.reference_grains
        joint = joint_moments(engine, rows, own, columns, fixed, reference_means(of_bins), grains)
    latest = latest_drifts(evaluation.spec, found, (), evaluation.series.classes, evaluation.as_of).windows
    if "classifier" in asked and latest and found.columns:
        begin, after, _ = latest[0]
        inside = rows.filter((rows.place >= begin) & (rows.place < after))
        cells = found.columns[0]
        counts = np.bincount(cells.rows.keys["grain"], cells.rows.rows, found.grains)
        bins = {each.column.column: each.bins for each in found.columns}
        before, now = (reference.rows, int(cells.reference.rows.sum())), (inside, int(counts[begin:after].sum()))
        read = samples(engine, before, now, columns, fixed, bins)
    vectors = tuple(
        vector_sums(engine, name, column, (rows, found.grains), (reference.rows, found.reference_grains), reference.own)
        for name, column in reference.vectors.items()
    )
    return replace(found, joint=joint, samples=read, vectors=vectors)


def _by_bin(of: ColumnCells) -> Array:
    """Rows of the reference by bin."""
    return np.bincount(of.reference.keys["bin"], of.reference.rows, len(of.bins)).astype(np.float64)


@dataclass(frozen=True)
class _Reference:
    """The reference's rows, under the names of the log's columns; where its grains are, and what it lacks.

    vectors   by the user's name the columns of vectors that both have
    """

    rows: ir.Table
    place: _Place
    own: bool
    left_out: Mapping[str, str]
    vectors: Mapping[str, str]


def _reference(
    evaluation: Evaluation, log: Log, rows: ir.Table, place: _Place, columns: Sequence[Column]
) -> _Reference | Undefined:
    declared = evaluation.spec.reference
    if declared is not None and declared.source is not None:
        return _own_reference(evaluation.spec, log, evaluation.codes, place.grain, columns)
    after = _until(place, evaluation.without_labels.reference_end, rows, log.engine)
    if after == 0:
        return Undefined("the reference has no whole window of time")
    whole = replace(place, last=place.first + after - 1)
    return _Reference(rows.filter(rows.place < after), whole, False, {}, _vectors(log))


@dataclass(frozen=True)
class _Outcomes:
    """What became of the reference's rows, by column: what effects on metrics are told by."""

    evaluation: Evaluation
    engine: Engine
    known: Facts
    reference: _Reference
    columns: Sequence[Column]
    fixed: Mapping[str, Scale]

    @property
    def by_rows(self) -> bool:
        """Whether there are too few grains for blocks of them."""
        return self.reference.place.grains < LEAST_BLOCKS

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return BLOCKS if self.by_rows else min(BLOCKS, self.reference.place.grains)

    @property
    def _grains(self) -> int:
        """How many grains of the evaluation are in the reference."""
        place = self.reference.place
        return self.evaluation.grain.number_of(place.grain.start(place.last + 1)) - self.evaluation.series.first

    @property
    def _rows(self) -> ir.Table:
        """The facts of the reference, with their block."""
        first = self.evaluation.series.first
        rows = self.known.table.filter(self.known.table.grain < first + self._grains)
        block = hash_group(self.engine, rows.id)
        if not self.by_rows:
            block = ((rows.grain - first) * self.blocks / self._grains).floor()
        return rows.mutate(block=block.cast("int32"))

    @property
    def _none(self) -> bool:
        return self.evaluation.spec.label is None or self.reference.own

    def _cells(self, rows: ir.Table, measures: Sequence[Measure]) -> dict[str, Cells]:
        missing = self.evaluation.codes.missing
        return outcomes_of(self.engine, rows, self.columns, self.fixed, self.blocks, missing, measures)

    def labelled(self) -> dict[str, Cells]:
        """Rows with a label, by block, prediction, label and fine code."""
        if self._none:
            return {}
        rows = self._rows
        rows = rows.filter(rows.actual < self.evaluation.codes.missing)
        if CHANCE in rows.columns:  # a row that was chosen for labelling stands for others like it
            weight = rows.weight if "weight" in rows.columns else ibis.literal(1.0)
            rows = rows.mutate(weight=weight / rows[CHANCE])
        metrics = of_outcomes(self.evaluation.metrics)
        return self._cells(rows, list({each.name: each for metric in metrics for each in metric.measures}.values()))

    def expected(self, thresholds: Sequence[float]) -> dict[str, Cells]:
        """Rows of a binary model without a label, with the sum of what their calibrated scores let expect.

        None where nearly all rows have a label, or scores could not be calibrated.
        """
        fit = self.evaluation.without_labels
        if self._none or not isinstance(fit, OfScores) or not fit.fitted_metrics:
            return {}
        if CHANCE in self.known.table.columns:
            return {}
        total = self.evaluation.total
        rows, labelled = (float(each[: self._grains].sum()) for each in (total.rows, total.labelled))
        if labelled >= (1 - FEW_UNLABELLED) * rows:
            return {}
        unlabelled = self._rows.filter(self._rows.actual >= self.evaluation.codes.missing)
        scored = binned(unlabelled, {"score": "score"}, thresholds, None)
        scored = with_chance(self.engine, scored, fit.calibrator, fit.of_versions)
        return self._cells(scored, [Measure(EXPECTED, lambda facts: facts.chance, 1.0)])


def _scales(engine: Engine, reference: ir.Table, columns: Sequence[Column]) -> dict[str, Scale]:
    """What the reference fixes, from its rows: its categories, and a sample of its numbers."""
    numeric = [each.column for each in columns if each.kind == "numeric"]
    if not engine.shares_subexpressions:
        text = [each.column for each in columns if each.kind == "text"]
        reference = engine.keep(reference.select("id", *numeric, *text))
    rows, known = categories(engine, reference, columns)
    return scales(columns, known, sample(engine, reference, numeric, SAMPLE, rows) if numeric else None)


def counted_columns(
    spec: Spec, series: Series, coding: Codes, grain: Grain, reference_end: datetime | None
) -> Columns | Undefined:
    """Score and prediction of a model without features, from the cells of the metrics; nothing is read again.

    Scores only where they were counted for all rows; their bins are those of the fixed grid, put together.
    """
    if reference_end is None:
        return Undefined("the reference has no whole window of time")
    after = int(np.clip(grain.number_of(reference_end) - series.first, 0, series.grains))
    if not after:
        return Undefined("the reference has no whole window of time")
    total = series.pieces["total",]
    blocks = min(BLOCKS, after)
    name = spec.predictions.columns.prediction or "prediction"
    classes = ("negative", "positive") if spec.task == "binary" else coding.classes
    predicted = total.keys["predicted"]
    code = np.where(predicted < coding.missing, predicted + FIRST, MISSING)
    prediction = Column(name, "prediction", "predicted", "codes", classes)
    every = [_of_cells(prediction, total, code, category_bins(classes, known=True, rest=False), after, blocks, coding)]
    scored = series.pieces.get(("scores", ""))
    column = spec.predictions.columns.score
    if scored is not None and column is not None and len(scored):
        packed = grid(scored)
        known, at = np.unique(packed, return_inverse=True)
        points = bin_scores(np.stack([known >> 20, known >> 10 & 1023, known & 1023], axis=1).astype(np.float64))
        values, at_value = np.unique(points, return_inverse=True)
        place = at_value[at]
        early = scored.keys["grain"] < after
        reference = np.bincount(place[early], weights=scored.rows[early], minlength=len(values)).astype(np.float64)
        bins = ranked_bins(values, reference)
        without = _without(total, scored, series.grains)
        score = Column(column, "score", "score", "numeric")
        cells, codes = _joined(scored, place + FIRST, without)
        every.append(_of_cells(score, cells, codes, bins, after, blocks, coding))
    return Columns(tuple(every), grain, series.first, series.grains, (0, after), after, blocks, False, {})


def _without(total: Cells, scored: Cells, grains: int) -> Cells:
    """By grain the rows without a score."""
    left = [
        np.bincount(total.keys["grain"], weights=of_total, minlength=grains).astype(np.float64)
        - np.bincount(scored.keys["grain"], weights=of_scored, minlength=grains)
        for of_total, of_scored in (
            (total.rows, scored.rows),
            (total.weight, scored.weight),
            (total.square, scored.square),
        )
    ]
    rows = np.round(left[0]).astype(np.int64)
    some = rows > 0
    return Cells({"grain": np.flatnonzero(some)}, rows[some], left[1][some], left[2][some], {})


def _joined(scored: Cells, code: Ints, without: Cells) -> tuple[Cells, Ints]:
    """Cells with a score and those without one, and the code of each."""
    none = np.full(len(without), UNLABELLED)
    keys = {name: scored.keys[name] for name in ("grain", "predicted", "actual")}
    more = {"grain": without.keys["grain"], "predicted": none, "actual": none}
    cells = replace(scored, keys=keys, losses={}) + replace(without, keys=more)
    return cells, np.concatenate([code, np.full(len(without), MISSING)])


def _of_cells(
    column: Column, cells: Cells, code: Ints, bins: Bins, after: int, blocks: int, coding: Codes
) -> ColumnCells:
    """One column, from cells by grain, prediction and label, and the fine code of each."""
    grain = cells.keys["grain"]
    plain = folded(replace(cells, keys={"grain": grain, "code": code}, losses={}), bins)
    labelled = (grain < after) & (cells.keys["actual"] < coding.missing)
    keys = {
        "block": grain * blocks // after,
        "predicted": cells.keys["predicted"],
        "actual": cells.keys["actual"],
        "code": code,
    }
    outcomes = folded(replace(cells, keys=keys).where(labelled), bins) if labelled.any() else None
    return ColumnCells(column, bins, plain, plain.where(plain.keys["grain"] < after), outcomes, None)


def _fitting(grain: Grain, numbers: tuple[int, int], span: tuple[datetime, datetime], columns: int) -> _Place | None:
    """The grains of the evaluation, or days or weeks where there would be too many cells; None where even these are."""
    coarser = [Grain.dividing([Span(days, "d")], grain.zone) for days in (1, 7)] if grain.unit != "mo" else []
    usable = [each for each in coarser if grain.unit == "h" or (each.count % grain.count == 0 and each != grain)]
    for each in (grain, *usable):
        first, last = numbers
        if each != grain:
            first, last = (each.number_of(grain.start(number)) for number in numbers)
        if usual_cells(columns, last - first + 1) <= MOST_CELLS:
            return _Place(each, first, last, span)
    return None


def _until(place: _Place, end: datetime | None, rows: ir.Table, engine: Engine) -> int:
    """Number of leading grains that are in the reference."""
    if end is None:
        counts = engine.run(rows.group_by("place").aggregate(n=lambda t: t.count())).to_pylist()
        end = guessed_end(place.grain, {row["place"] + place.first: row["n"] for row in counts})
    return 0 if end is None else int(np.clip(place.grain.number_of(end) - place.first, 0, place.grains))


def _own_reference(
    spec: Spec, log: Log, coding: Codes, grain: Grain, columns: Sequence[Column]
) -> _Reference | Undefined:
    """The rows of a reference with a source of its own."""
    opened = open_reference(spec, log.engine)
    rows = opened.predictions.filter(opened.predictions.id.notnull(), opened.predictions.timestamp.notnull())
    rows = rows.mutate(**coding.of_predictions(rows))
    left_out: dict[str, str] = {}
    selected: dict[str, ir.Value] = {"id": rows.id, "timestamp": rows.timestamp}
    for each in columns:
        if each.role == "feature":
            if each.name not in opened.features:
                left_out[each.name] = "the reference has no such column"
                continue
            theirs = f"{FEATURE}{opened.features.index(each.name)}"
        else:
            theirs = each.column
        if theirs not in rows.columns:
            left_out[each.name] = "the reference has no such column"
            continue
        if rows[theirs].type().is_string() != (each.kind == "text"):
            left_out[each.name] = "the reference has values of another type"
            continue
        selected[each.column] = rows[theirs]
    vectors = {}
    for name, column in _vectors(log).items():
        if name in opened.vectors:
            vectors[name] = column
            selected[column] = rows[_vectors(opened)[name]]
        else:
            left_out[name] = "the reference has no such column of vectors"
    if "weight" in rows.columns:
        selected["weight"] = rows.weight
    rows = rows.select(**selected)
    ends = log.engine.run(rows.aggregate(first=rows.timestamp.min(), last=rows.timestamp.max())).to_pylist()[0]
    if ends["first"] is None:
        return Undefined("the reference has no rows")
    first, last = (grain.number_of(ends[name].replace(tzinfo=UTC)) for name in ("first", "last"))
    place = _Place(grain, first, last, (ends["first"], ends["last"]))
    return _Reference(place.placed(rows), place, True, left_out, vectors)


def _vectors(log: Log) -> dict[str, str]:
    """By the user's name, the column of each vector."""
    return {name: f"{VECTOR}{place}" for place, name in enumerate(log.vectors)}
