"""Errors of rows without labels: what calibrated scores, or the losses of such rows in the reference, let expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from leadline.cells.fill import Cells
from leadline.cells.plan import binned
from leadline.engine import Engine
from leadline.estimate.leaves import LeafRows, Tree
from leadline.estimate.losses import can_expect_loss, leaf_means, leaf_variances, loss_tree, tell_the_label
from leadline.evaluation.arrays import array, column, values
from leadline.evaluation.classes import with_class_chances
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.found import Basis
from leadline.evaluation.leaves import CHANCE, SAMPLE, leaf_of, with_chance
from leadline.evaluation.losses import PREDICTION, numbers
from leadline.evaluation.of_classes import OfClasses
from leadline.evaluation.of_losses import OfLosses
from leadline.evaluation.of_scores import OfScores
from leadline.evaluation.sampling import half, halves, sample
from leadline.evaluation.searched import Searched
from leadline.log.features import FEATURE
from leadline.log.reading import Log
from leadline.metrics.expected import CLASS_CHANCE
from leadline.metrics.metric import SQUARE, SQUARE_SUM, SUM, SUM_OF_SQUARES, WEIGHT
from leadline.metrics.regression import SIGNED
from leadline.metrics.row_errors import EXPECTED_LOSS, RowError
from leadline.metrics.sums import Array, Measure
from leadline.slices.distinct import Rows
from leadline.slices.find import confirmed
from leadline.slices.search import Column, Conditions
from leadline.values import Undefined

CBPE = "what calibrated scores let expect"
LEAF_DLE = "as large as such rows had in the reference"
#: what the names of columns begin with that hold the variance of a loss, before the measure's name
VARIANCE = "variance_"


@dataclass(frozen=True)
class Held:
    """Labelled rows of the reference that had no part in what is expected of others, with their losses.

    table   with the features, and as `loss` what the rows lost
    """

    table: pa.Table

    def confirmed(self, chosen: list[Conditions], searched: Sequence[Searched], chance: float) -> list[Conditions]:
        """The slices whose rows lost more in the reference, too: by Welch's test, and with days that move together."""
        columns = [Column(each.codes_of(self.table).astype(np.int8), each.size, each.ordered) for each in searched]
        weights = array(self.table, "weight") if "weight" in self.table.column_names else None
        grains = array(self.table, "grain").astype(np.int64)
        rows = Rows(columns, array(self.table, "loss"), grains - grains.min(), weights)
        return [
            each
            for each in confirmed(rows, chosen, chance)
            if rows.difference(rows.inside(each), ~rows.inside(each)).least > 0
        ]


@dataclass(frozen=True)
class ExpectedErrors:
    """What is held against rows without labels.

    rows     facts with features, and with what errors are expected from; without those of which nothing is expected
    errors   those that can be expected
    held     by metric, labelled rows that confirm what the losses of other rows let expect
    classes  of the model
    """

    rows: ir.Table
    errors: Sequence[RowError]
    basis: Basis
    classes: int
    held: Mapping[str, Held] = field(default_factory=dict)

    def measures(self, error: RowError) -> tuple[Measure, ...]:
        """What has to be summed by cell for an error."""
        if error.measure is None:
            return tuple(_column(f"{CLASS_CHANCE}{code}", 1.0) for code in range(1, self.classes))
        name = error.measure.name
        expected = Measure(name, lambda facts: facts[f"{EXPECTED_LOSS}{name}"])
        return expected, _column(f"{VARIANCE}{name}")

    def as_labelled(self, cells: Cells) -> Cells:
        """The cells as if labels had come as they are expected: each row counts for each class as likely as it is.

        A loss is the mean that is expected; its square has the variance, too, so that intervals hold what labels will
        differ by.
        """
        none = np.zeros_like(cells.rows)
        chances = {code: cells.losses.get(f"{CLASS_CHANCE}{code}") for code in range(1, self.classes)}
        weight, square = cells.weight, cells.square
        found = []
        for code, sums in chances.items():
            if sums is not None:
                keys = {**cells.keys, "actual": np.full(len(cells), code)}
                found.append(Cells(keys, none, sums[:, SUM], sums[:, SQUARE_SUM], {}))
                weight, square = weight - sums[:, SUM], square - sums[:, SQUARE_SUM]
        losses = {name: _with_variance(cells.losses, name) for name in cells.losses if VARIANCE + name in cells.losses}
        total = Cells({**cells.keys, "actual": none}, cells.rows, weight, square, losses)
        for each in found:
            total = total + each
        return total


def _column(name: str, bound: float | None = None) -> Measure:
    return Measure(name, lambda facts: facts[name], bound)


def _with_variance(losses: Mapping[str, Array], name: str) -> Array:
    found = losses[name].copy()
    found[:, SUM_OF_SQUARES] += losses[VARIANCE + name][:, SQUARE_SUM]
    return found


def can_be_expected(error: RowError) -> bool:
    """Whether the error of a row without a label can be expected."""
    return error.measure is None or (can_expect_loss(error.metric) and error.metric.low >= 0)


def expected_errors(
    evaluation: Evaluation,
    log: Log,
    rows: ir.Table,
    errors: Sequence[RowError],
    columns: Sequence[str],
    thresholds: Sequence[float],
    window: tuple[int, int],
) -> ExpectedErrors | None:
    """What is held against rows without labels; None where nothing can be expected of them.

    rows         facts, with features
    errors       those of which `can_be_expected`
    columns      of the features by which slices are looked for
    thresholds   that bins of scores are told by
    window       places of the grains that labels are missing in

    Of a model of classes the chances of the classes, from scores alone: what leaves add to them was chosen by the
    features that slices are made of, so that slices of the tree's making would be found in all of its rows (in 8 of 100
    logs without any slice). Of a regression, which has no scores, the mean loss of rows of the same leaf. Its tree is
    grown in one half of the reference, the losses of its leaves are read from the other, whose labels also confirm
    what is found. Source: honest trees, Athey and Imbens (2016), PNAS 113, 7353-7360.
    """
    without = evaluation.without_labels
    expected = [replace(error, expected=True) for error in errors]
    if not without.fitted_metrics or not expected:
        return None
    classes = evaluation.series.classes
    if isinstance(without, OfScores):
        scored = binned(rows, {"score": "score"}, thresholds, None)
        known = with_chance(log.engine, scored, without.calibrator, without.of_versions)
        known = known.mutate(**{f"{CLASS_CHANCE}0": 1.0 - known[CHANCE], f"{CLASS_CHANCE}1": known[CHANCE]})
        return ExpectedErrors(known, expected, Basis(without.estimators[0].name, without.assumes, CBPE), classes)
    if isinstance(without, OfClasses):
        known = with_class_chances(log.engine, rows, without.calibrators)
        return ExpectedErrors(known, expected, Basis(without.estimators[0].name, without.assumes, CBPE), classes)
    if isinstance(without, OfLosses):
        return _of_losses(evaluation, without, log, rows, expected, columns, window)
    return None


# Losses of a regression ---------------------------------------------------------------------------------------------


def _of_losses(
    evaluation: Evaluation,
    without: OfLosses,
    log: Log,
    rows: ir.Table,
    errors: Sequence[RowError],
    columns: Sequence[str],
    window: tuple[int, int],
) -> ExpectedErrors | None:
    engine, first = log.engine, evaluation.series.first
    rows = rows.filter(rows.prediction_value.notnull())
    measures = {error.measure.name: error.measure for error in errors if error.measure is not None}
    labelled = rows.filter(rows.grain < first + without.fitted_until, rows.mature, rows.label_value.notnull())
    losses = {name: measure.expression(labelled) for name, measure in (measures | {SIGNED.name: SIGNED}).items()}
    parted = halves(engine, labelled)
    read = ["prediction_value", *columns, "grain", *(["weight"] if "weight" in rows.columns else [])]
    table = sample(
        engine,
        labelled.select("id", *read, **losses, **parted),
        [*read, *losses, *parted],
        2 * SAMPLE,
        without.fitted_rows,
    )
    names = dict(zip((f"{FEATURE}{place}" for place in range(len(log.described))), log.described, strict=True))
    grown, held = half(table), {}
    known_by = ["prediction_value", *columns]
    said, known = [PREDICTION, *(names[each] for each in columns)], [values(table, name)[grown] for name in known_by]
    if tell_the_label(said, known, numbers(table, SIGNED.name)[grown]):
        known_by, said, known = known_by[:1], said[:1], known[:1]
    found = []
    for error in errors:
        if error.measure is None:
            continue
        name = error.measure.name
        lost = numbers(table, name)
        tree = loss_tree(said, known, lost[grown])
        if isinstance(tree, Undefined) or not len(lost[~grown]) or not _have_squares(lost[~grown]):
            continue
        others = table.filter(column((~grown).astype(np.int64)).cast(pa.bool_()))
        others = others.append_column("loss", others[name])
        rows = _with_loss(engine, rows, tree, known_by, others, name, (first + window[0], first + window[1]))
        found.append(error)
        held[error.metric.name] = Held(others)
    basis = Basis(without.estimators[0].name, without.assumes, LEAF_DLE, of_time=False)
    return ExpectedErrors(engine.shared(rows), found, basis, evaluation.series.classes, held) if found else None


def _have_squares(losses: Array) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.isfinite(losses @ losses))


def _with_loss(
    engine: Engine,
    rows: ir.Table,
    tree: Tree,
    known_by: Sequence[str],
    held: pa.Table,
    name: str,
    window: tuple[int, int],
) -> ir.Table:
    """Rows with the mean loss of their leaf, and how much it varies: in rows to come, and in those it was read from."""
    leaf = f"leaf_{name}"
    rows = rows.mutate(**{leaf: leaf_of(tree, tree.root, [rows[each] for each in known_by]).cast("int64")})
    inside = rows.filter(rows.grain >= window[0], rows.grain < window[1])
    weight = inside.weight if "weight" in rows.columns else inside.grain * 0 + 1
    sized = engine.run(
        inside.group_by(leaf).aggregate(w=weight.sum().cast("float64"), ww=(weight * weight).sum().cast("float64"))
    )
    sizes, squares = np.zeros(tree.leaves), np.zeros(tree.leaves)
    sizes[array(sized, leaf)], squares[array(sized, leaf)] = array(sized, "w"), array(sized, "ww")
    weights = array(held, "weight") if "weight" in held.column_names else np.ones(len(held))
    of_leaf, loss = tree.leaf_of([values(held, each) for each in known_by]), array(held, "loss")
    parts = [np.ones(len(loss)), weights, weights**2, weights * loss, weights**2 * loss, weights**2 * loss**2]
    summed = [np.bincount(of_leaf, weights=part, minlength=tree.leaves) for part in parts]
    sums = np.stack(summed, axis=1).astype(np.float64)
    # the mean itself is of a few rows: it is off alike for all rows that share it
    alike = _worth(LeafRows(sizes, squares)) / np.maximum(_worth(LeafRows(sums[:, WEIGHT], sums[:, SQUARE])), 1.0)
    known = {
        f"known_{name}": np.arange(tree.leaves),
        f"{EXPECTED_LOSS}{name}": leaf_means(sums),
        f"{VARIANCE}{name}": leaf_variances(sums) * (1 + alike),
    }
    lookup = engine.lookup(pa.table({each: column(found) for each, found in known.items()}))
    return rows.join(lookup, rows[leaf] == lookup[f"known_{name}"]).drop(leaf, f"known_{name}")


def _worth(rows: LeafRows) -> Array:
    """How many rows of equal weight they are worth: (Σw)² / Σw², by leaf; 0 without rows."""
    return np.divide(rows.weight**2, rows.square, out=np.zeros_like(rows.square), where=rows.square > 0)
