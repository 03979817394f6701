"""The second reading that estimates of several classes need: chances that add up to 1 in a row, alone and by leaf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add, and_
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leadline.cells.fill import Cells, Ints, fill
from leadline.cells.plan import Key, Piece, binned
from leadline.cells.series import UNLABELLED
from leadline.engine import Engine
from leadline.estimate.calibrator import Calibrator
from leadline.estimate.classes import class_corrections
from leadline.estimate.leaves import Tree, grown
from leadline.evaluation.arrays import array, column, values
from leadline.evaluation.leaves import CHANCE, SAMPLE, leaf_of, of_reference
from leadline.evaluation.sampling import sample
from leadline.evaluation.without_labels import NOT_PROBABILITIES
from leadline.log.features import FEATURE
from leadline.log.labels import Codes
from leadline.log.profile import Profile
from leadline.log.reading import Log
from leadline.metrics.expected import CLASS_CHANCE, ClassSums, expected_measure
from leadline.metrics.metric import SQUARE_SUM, SUM, SUM_OF_SQUARES, Mean, Metric
from leadline.metrics.sums import Array, Histogram, Measure
from leadline.values import Undefined

#: classes of a model that has estimates, each of which joins a table to all rows; models of more classes have coarse
#: histograms of scores for all rows, too
MOST_FINE = 8


def not_expected(log: Log, found: Profile, coding: Codes) -> Undefined | None:
    """Why a model of several classes has no estimates whatever its reference; None where it may have."""
    columns = [f"score_{code}" for code in range(len(coding.classes))]
    missing = [name for name, each in zip(coding.classes, columns, strict=True) if each not in log.predictions.columns]
    if len(missing) == len(columns):
        return Undefined("no scores of the classes are declared")
    if missing:
        return Undefined(f"no score of class {missing[0]!r} is declared: estimates need one for each class")
    if len(columns) > MOST_FINE:
        return Undefined(f"the model has {len(columns)} classes; estimates are made for up to {MOST_FINE}")
    if not all(found.low.get(each, 0.0) >= 0 and found.high.get(each, 0.0) <= 1 for each in columns):
        return Undefined(NOT_PROBABILITIES)
    return None


@dataclass(frozen=True)
class ClassCells:
    """Rows with a score of each class, and the chances of the classes, by grain.

    fits     by class, in the order of their codes, what its score meant in the reference
    pieces   ("chances",) by prediction, ("chances", class) by bin of the class's score
    leaves   the same rows with what the leaves of a tree over features add to their chances, where there is a tree
    """

    fits: Mapping[str, Calibrator]
    pieces: Mapping[tuple[str | int, ...], Cells]
    leaves: ClassLeaves | None = None

    @property
    def by_prediction(self) -> Cells:
        """The cells by grain and prediction, which hold each row once."""
        return self.pieces["chances",]

    def sums(self, groups: Ints, count: int) -> ClassSums:
        """The rows in groups of grains.

        groups   of each grain the number of its group, 0 to count - 1, or -1 for a grain that is in none
        """
        k = len(self.fits)
        cells, at = _in_groups(self.by_prediction, groups)
        at, size = at * (k + 1) + cells.keys["predicted"], count * (k + 1)

        def summed(values: NDArray[Any]) -> Array:
            return np.bincount(at, weights=values, minlength=size).reshape(count, k + 1).astype(np.float64)

        chances = [cells.losses[f"{CLASS_CHANCE}{code}"] for code in range(k)]
        of_scores = {str(name[1]): self._by_bin(name, groups, count) for name in self.pieces if len(name) > 1}
        return ClassSums(
            rows=summed(cells.rows),
            weight=summed(cells.weight),
            square=summed(cells.square),
            chance=np.stack([summed(each[:, SUM]) for each in chances], axis=-1),
            variance=np.stack([summed(_variance(each)) for each in chances], axis=-1),
            losses={
                name: np.stack([summed(sums[:, part]).sum(-1) for part in range(sums.shape[1])], axis=-1)
                for name, sums in cells.losses.items()
                if not name.startswith(CLASS_CHANCE)
            },
            scores={name: histogram for name, (histogram, _) in of_scores.items()},
            self_pairs={name: pairs for name, (_, pairs) in of_scores.items()},
        )

    def _by_bin(self, name: tuple[str | int, ...], groups: Ints, count: int) -> tuple[Histogram, Array]:
        """The expected rows of a class and of the others by bin, and Σw² · chance (1 - chance)."""
        cells, group = _in_groups(self.pieces[name], groups)
        bins = self.fits[str(name[1])].reference.bins
        at = group * len(bins) + cells.keys["bin"]
        (chance,) = cells.losses.values()

        def summed(values: Array) -> Array:
            found = np.bincount(at, weights=np.maximum(values, 0.0), minlength=count * len(bins))
            return found.reshape(count, len(bins)).astype(np.float64)

        histogram = Histogram(
            negatives=summed(cells.weight - chance[:, SUM]),
            positives=summed(chance[:, SUM]),
            negative_squares=summed(cells.square - chance[:, SQUARE_SUM]),
            positive_squares=summed(chance[:, SQUARE_SUM]),
            scored=np.zeros((count, len(bins))),
            bins=bins,
        )
        return histogram, summed(_variance(chance)).sum(-1)


def _in_groups(cells: Cells, groups: Ints) -> tuple[Cells, Ints]:
    cells = cells.where(groups[cells.keys["grain"]] >= 0)
    return cells, groups[cells.keys["grain"]]


def _variance(chance: Array) -> Array:
    """Σw² · chance (1 - chance), from the sums of the chance."""
    return np.asarray(np.maximum(chance[:, SQUARE_SUM] - chance[:, SUM_OF_SQUARES], 0.0))


@dataclass(frozen=True)
class ClassLeaves:
    """Rows with a score of each class by the leaves of a tree over features.

    chances   the rows with the chances that their leaves leave them
    right     rows by grain, leaf and whether the prediction was right, as `evaluation.leaves.LeafCells` has labels:
              1 right, 0 wrong, 2 without a label; and the chance that it is, from the scores alone
    """

    tree: Tree
    chances: ClassCells
    right: Cells


def class_cells(
    engine: Engine,
    rows: ir.Table,
    names: tuple[str, ...],
    fits: Mapping[str, Calibrator],
    metrics: Sequence[Metric],
    fitted_until: int,
    labelled_rows: int,
    first: int,
    grains: int,
) -> ClassCells:
    """Read the chances of all rows with a score of each class.

    rows          facts
    names         the user's names of the features, which may be none
    fits          by class, in the order of their codes
    metrics       those that are to be estimated
    fitted_until  number of leading grains that are in the reference
    labelled_rows how many labelled rows these have
    first         number of the first grain

    These are never more cells than the first reading had for the same metrics.
    """
    known = _with_chances(engine, rows, fits, names, first)
    plain = _filled(engine, known, fits, metrics, grains)
    if not names:
        return plain
    leaves = _by_leaf(engine, known, names, fits, metrics, fitted_until, labelled_rows, grains)
    return plain if isinstance(leaves, Undefined) else replace(plain, leaves=leaves)


def _filled(
    engine: Engine,
    known: ir.Table,
    fits: Mapping[str, Calibrator],
    metrics: Sequence[Metric],
    grains: int,
) -> ClassCells:
    k = len(fits)
    grain = Key("grain", known.grain, grains)
    chances = _chances(k)
    losses = {each.measure.name: expected_measure(each.measure, k) for each in metrics if isinstance(each, Mean)}
    pieces = [
        Piece(("chances",), (grain, Key("predicted", known.predicted, k + 1)), (*chances, *losses.values())),
        *(
            Piece(("chances", name), (grain, Key("bin", known[f"bin_{code}"], len(fit.chance))), (chances[code],))
            for code, (name, fit) in enumerate(fits.items())
            if any(name in metric.of for metric in metrics if metric.histogram == "scores")
        ),
    ]
    return ClassCells(fits, fill(engine, known, pieces))


def _by_leaf(
    engine: Engine,
    known: ir.Table,
    names: tuple[str, ...],
    fits: Mapping[str, Calibrator],
    metrics: Sequence[Metric],
    fitted_until: int,
    labelled_rows: int,
    grains: int,
) -> ClassLeaves | Undefined:
    k = len(fits)
    tree = _tree(engine, known, names, k, fitted_until, labelled_rows)
    if isinstance(tree, Undefined):
        return tree
    columns = [known[f"{FEATURE}{place}"] for place in range(len(names))]
    leaf = Key("leaf", leaf_of(tree, tree.root, columns), tree.leaves)
    told = (known.actual < k) & (known.predicted < k)
    right = ibis.ifelse(told, (known.actual == known.predicted).cast("int8"), ibis.literal(UNLABELLED, "int8"))
    chance = ibis.cases(*((known.predicted == code, known[f"{CLASS_CHANCE}{code}"]) for code in range(k)), else_=0.0)
    filled = fill(
        engine,
        known,
        [
            Piece(
                ("reference",),
                (leaf, Key("predicted", known.predicted, k + 1), Key("actual", known.actual, k + 1)),
                _chances(k),
                of_reference(known, fitted_until, k),
            ),
            Piece(
                ("right",),
                (Key("grain", known.grain, grains), leaf, Key("actual", right, 3)),
                (Measure(CHANCE, lambda _: chance, 1.0),),
            ),
        ],
    )
    more = _corrections(filled["reference",], tree.leaves, k)
    refined = engine.shared(_refined(engine, known.mutate(leaf=leaf.expression), more))
    return ClassLeaves(tree, _filled(engine, refined, fits, metrics, grains), filled["right",])


def _tree(
    engine: Engine, known: ir.Table, names: tuple[str, ...], k: int, fitted_until: int, labelled_rows: int
) -> Tree | Undefined:
    """The tree over what the chance of the predicted class leaves of whether it was right."""
    labelled = known.filter(of_reference(known, fitted_until, k) & (known.predicted < k))
    columns = [f"{FEATURE}{place}" for place in range(len(names))]
    chances = [f"{CLASS_CHANCE}{code}" for code in range(k)]
    found = sample(engine, labelled, ["predicted", "actual", *chances, *columns], SAMPLE, labelled_rows)
    predicted, actual = array(found, "predicted"), array(found, "actual")
    right = (actual == predicted).astype(np.float64)
    chance = np.choose(predicted, [array(found, name) for name in chances])
    return grown(names, [values(found, column) for column in columns], right - chance, right)


def _corrections(reference: Cells, leaves: int, k: int) -> Array:
    """What each leaf adds to the chances, shape (leaves, k + 1, k)."""
    at = reference.keys["leaf"] * (k + 1) + reference.keys["predicted"]
    size = leaves * (k + 1)
    summed = [
        np.bincount(at, weights=reference.losses[f"{CLASS_CHANCE}{code}"][:, SUM], minlength=size) for code in range(k)
    ]
    chance = np.stack(summed, axis=-1).reshape(leaves, k + 1, k).astype(np.float64)
    labels = np.bincount(at * k + reference.keys["actual"], weights=reference.weight, minlength=size * k)
    return class_corrections(chance, labels.reshape(leaves, k + 1, k).astype(np.float64))


def _refined(engine: Engine, known: ir.Table, more: Array) -> ir.Table:
    """The rows with what their leaf adds to the chances; none goes below 0, and they add up to 1."""
    k = more.shape[-1]
    columns = {"of_leaf": np.arange(len(more) * (k + 1))}
    columns |= {f"more_{code}": more[..., code].ravel() for code in range(k)}
    table = engine.lookup(pa.table({name: column(values) for name, values in columns.items()}))
    known = known.join(table, known.leaf.cast("int64") * (k + 1) + known.predicted == table.of_leaf)
    bare = known.mutate(
        **{
            f"raised_{code}": ibis.greatest(known[f"{CLASS_CHANCE}{code}"] + known[f"more_{code}"], 0.0)
            for code in range(k)
        }
    )
    total = reduce(add, (bare[f"raised_{code}"] for code in range(k)))
    return bare.mutate(**{f"{CLASS_CHANCE}{code}": bare[f"raised_{code}"] / total for code in range(k)})


def _chances(k: int) -> tuple[Measure, ...]:
    return tuple(_chance(code) for code in range(k))


def _chance(code: int) -> Measure:
    name = f"{CLASS_CHANCE}{code}"
    return Measure(name, lambda facts: facts[name], 1.0)


def _with_chances(
    engine: Engine, rows: ir.Table, fits: Mapping[str, Calibrator], names: tuple[str, ...], first: int
) -> ir.Table:
    """Rows with a score of each class, the bin of each score, and the chance of each class; chances add up to 1.

    What leaves need is left out where there are no features.
    """
    scores = [f"score_{code}" for code in range(len(fits))]
    features = [f"{FEATURE}{place}" for place in range(len(names))]
    kept = ["predicted", *(name for name in ("weight",) if name in rows.columns)]
    kept += ["id", "actual", "mature", *features] if features else []
    rows = rows.filter(reduce(and_, (rows[score].notnull() for score in scores)))
    rows = rows.select(*kept, *scores, grain=(rows.grain - first).cast("int64"))
    found = _alone(engine, rows, fits)
    bins_of = [f"bin_{code}" for code in range(len(fits))]
    chances = [f"{CLASS_CHANCE}{code}" for code in range(len(fits))]
    return engine.shared(found.select("grain", *kept, *scores, *bins_of, *chances))


def with_class_chances(engine: Engine, rows: ir.Table, fits: Mapping[str, Calibrator]) -> ir.Table:
    """The rows with a score of each class, and with the chance of each as `chance_0`, ..., which add up to 1.

    rows   facts
    fits   by class, in the order of their codes, what its score meant in the reference
    """
    scores = [rows[f"score_{code}"] for code in range(len(fits))]
    known = _alone(engine, rows.filter(*(score.notnull() for score in scores)), fits)
    return known.select(*rows.columns, *(f"{CLASS_CHANCE}{code}" for code in range(len(fits))))


def _alone(engine: Engine, rows: ir.Table, fits: Mapping[str, Calibrator]) -> ir.Table:
    """Rows with the bin of the score of each class, and the chance of each from the scores alone; they add up to 1."""
    scores = [f"score_{code}" for code in range(len(fits))]
    found = binned(rows, {score: score for score in scores}, (), None)
    for code, fit in enumerate(fits.values()):
        # by a join, for a chain of comparisons would reckon the bin of the score anew in each of them
        found = found.mutate(
            **{f"packed_{code}": found[f"linear_score_{code}"].cast("int64") * 1024 + found[f"logit_score_{code}"]}
        )
        bins = fit.reference.bins
        packed = (bins[:, 0] * 1024 + bins[:, 1]).astype(np.int64)
        columns = {f"known_{code}": packed, f"bin_{code}": np.arange(len(bins)), f"alone_{code}": fit.chance}
        known = engine.lookup(pa.table({name: column(values) for name, values in columns.items()}))
        found = found.join(known, found[f"packed_{code}"] == known[f"known_{code}"])
    alone = [found[f"alone_{code}"] for code in range(len(fits))]
    total = reduce(add, alone)
    # a row that no class's score speaks for counts as the reference did
    usual = [float(fit.reference.positives.sum()) for fit in fits.values()]
    chances = {
        f"{CLASS_CHANCE}{code}": ibis.ifelse(total > 0, each / total, ibis.literal(usual[code] / sum(usual)))
        for code, each in enumerate(alone)
    }
    return found.mutate(**chances)
