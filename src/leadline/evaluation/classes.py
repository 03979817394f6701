"""The second reading that estimates of several classes need: chances that add up to 1 in each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from leadline.engine import Engine
from leadline.estimate.calibrator import Calibrator
from leadline.evaluation.leaves import column
from leadline.evaluation.without_labels import NOT_PROBABILITIES
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

    fits    by class, in the order of their codes, what its score meant in the reference
    pieces  ("chances",) by prediction, ("chances", class) by bin of the class's score
    """

    fits: Mapping[str, Calibrator]
    pieces: Mapping[tuple[str | int, ...], Cells]

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


def class_cells(
    engine: Engine,
    rows: ir.Table,
    fits: Mapping[str, Calibrator],
    metrics: Sequence[Metric],
    first: int,
    grains: int,
) -> ClassCells:
    """Read the chances of all rows with a score of each class.

    rows     facts
    fits     by class, in the order of their codes
    metrics  those that are to be estimated
    first    number of the first grain

    These are never more cells than the first reading had for the same metrics.
    """
    k = len(fits)
    known = _with_chances(engine, rows, fits)
    grain = Key("grain", known.grain - first, grains)
    chances = tuple(_chance(code) for code in range(k))
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


def _chance(code: int) -> Measure:
    name = f"{CLASS_CHANCE}{code}"
    return Measure(name, lambda facts: facts[name], 1.0)


def _with_chances(engine: Engine, rows: ir.Table, fits: Mapping[str, Calibrator]) -> ir.Table:
    """Rows with a score of each class, the bin of each score, and the chance of each class; chances add up to 1."""
    scores = [f"score_{code}" for code in range(len(fits))]
    weight = [name for name in ("weight",) if name in rows.columns]
    rows = rows.filter(reduce(and_, (rows[score].notnull() for score in scores)))
    rows = rows.select("grain", "predicted", *weight, *scores)
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
    bins_of = [f"bin_{code}" for code in range(len(fits))]
    return engine.shared(found.select("grain", "predicted", *weight, *scores, *bins_of, **chances))
