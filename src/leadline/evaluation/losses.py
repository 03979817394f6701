"""The second reading that estimates of a regression need: a sample of the reference for the trees, the rows by leaf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from leadline.cells.fill import Cells, Ints, fill
from leadline.cells.plan import MOST_CELLS, Key, Piece
from leadline.engine import Engine
from leadline.estimate.leaves import LeafRows, Tree
from leadline.estimate.losses import LOSSES, loss_tree, tell_the_label
from leadline.evaluation import arrays
from leadline.evaluation.leaves import SAMPLE, leaf_of
from leadline.evaluation.sampling import sample
from leadline.log.features import FEATURE
from leadline.metrics.regression import SIGNED
from leadline.metrics.sums import Array, Measure
from leadline.values import Undefined

PREDICTION = "prediction"


@dataclass(frozen=True)
class LossCells:
    """Rows with a prediction by grain and leaf of the tree that was fitted to a loss, with the sums of that loss."""

    tree: Tree
    cells: Cells

    def rows(self, groups: Ints, count: int) -> LeafRows:
        """Rows by group and leaf, shape (count, leaves); `groups` has each grain's group, or -1."""
        of_cells = groups[self.cells.keys["grain"]]
        inside = of_cells >= 0
        at = of_cells[inside] * self.tree.leaves + self.cells.keys["leaf"][inside]
        weight, square = (
            np.bincount(at, weights=values[inside], minlength=count * self.tree.leaves)
            .reshape(count, self.tree.leaves)
            .astype(np.float64)
            for values in (self.cells.weight, self.cells.square)
        )
        return LeafRows(weight, square)

    def losses(self, name: str, groups: Ints, count: int) -> Array:
        """The sums of the loss by group and leaf over the labelled rows, shape (count, leaves, 6)."""
        found = np.zeros((count, self.tree.leaves, 6))
        of_cells = groups[self.cells.keys["grain"]]
        inside = of_cells >= 0
        np.add.at(found, (of_cells[inside], self.cells.keys["leaf"][inside]), self.cells.losses[name][inside])
        return found


def loss_cells(
    engine: Engine,
    rows: ir.Table,
    names: Sequence[str],
    wanted: Sequence[Measure],
    fitted_until: int,
    labelled_rows: int,
    first: int,
    grains: int,
) -> Mapping[str, LossCells | Undefined]:
    """Fit a tree to each loss over the reference and count the rows of all grains by its leaves; by the loss's name.

    rows          facts with features
    names         the user's names of the features
    wanted        the losses
    fitted_until  number of leading grains that are in the reference
    labelled_rows how many labelled rows with a prediction these have
    first         number of the first grain
    """
    rows = rows.filter(rows.prediction_value.notnull())
    known = {f"{FEATURE}{place}": rows[f"{FEATURE}{place - 1}"] for place in range(1, len(names) + 1)}
    known[f"{FEATURE}0"] = rows.prediction_value
    rows = rows.mutate(grain=(rows.grain - first).cast("int64"), **known)
    trees = _trees(engine, rows, [PREDICTION, *names], wanted, fitted_until, labelled_rows)
    found = {name: tree for name, tree in trees.items() if isinstance(tree, Tree)}
    if grains * sum(tree.leaves for tree in found.values()) > MOST_CELLS:
        return dict.fromkeys(trees, Undefined("the leaves of all windows would make too many cells"))
    columns = [rows[f"{FEATURE}{place}"] for place in range(len(known))]
    coded = rows.mutate(**{f"leaf_{name}": leaf_of(tree, tree.root, columns) for name, tree in found.items()})
    pieces = [
        Piece(
            ("losses", measure.name),
            (
                Key("grain", coded.grain, grains),
                Key("leaf", coded[f"leaf_{measure.name}"], found[measure.name].leaves),
            ),
            (measure,),
        )
        for measure in wanted
        if measure.name in found
    ]
    filled = fill(engine, coded, pieces) if pieces else {}
    return {
        name: LossCells(tree, filled["losses", name]) if isinstance(tree, Tree) else tree
        for name, tree in trees.items()
    }


def _trees(
    engine: Engine,
    rows: ir.Table,
    names: Sequence[str],
    wanted: Sequence[Measure],
    fitted_until: int,
    labelled_rows: int,
) -> dict[str, Tree | Undefined]:
    """A tree for each loss, on about 40,000 labelled rows of the reference; the first feature is the prediction."""
    labelled = rows.filter(rows.grain < fitted_until, rows.mature, rows.label_value.notnull())
    places = range(len(names))
    columns = {f"{FEATURE}{place}": labelled[f"{FEATURE}{place}"] for place in places}
    columns |= {measure.name: measure.expression(labelled) for measure in LOSSES}
    found = sample(engine, labelled.select("id", **columns), list(columns), SAMPLE, labelled_rows)
    values = [arrays.values(found, f"{FEATURE}{place}") for place in places]
    losses = {measure.name: numbers(found, measure.name) for measure in LOSSES}
    if len(np.unique(numbers(found, f"{FEATURE}0"))) < 2:
        return {each.name: Undefined("all predictions of the reference are the same") for each in wanted}
    if tell_the_label(names, values, losses[SIGNED.name]):
        names, values = names[:1], values[:1]
    return {each.name: loss_tree(names, values, losses[each.name]) for each in wanted}


def numbers(table: pa.Table, name: str) -> Array:
    """A column of doubles, NaN where NULL."""
    values = arrays.values(table, name)
    if not isinstance(values, np.ndarray):
        raise TypeError(f"{name} holds words")
    return np.asarray(values, np.float64)
