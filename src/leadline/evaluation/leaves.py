"""The second reading that estimates by leaf need: a sample of the reference for the tree, and the rows by leaf."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leadline.cells.fill import Cells, Ints, fill
from leadline.cells.plan import MOST_CELLS, Key, Piece
from leadline.engine import Engine
from leadline.estimate.calibrator import Calibrator
from leadline.estimate.leaves import (
    MISSING,
    RARE,
    SCORE_BINS,
    Codes,
    LeafSums,
    Tree,
    below,
    grown,
    wide_bins,
)
from leadline.evaluation.arrays import array, column, values
from leadline.evaluation.sampling import sample
from leadline.log.features import FEATURE
from leadline.metrics.sums import Array, Measure
from leadline.stats.tree import Split
from leadline.values import Undefined

#: rows of the reference that the tree is fitted on
SAMPLE = 40_000
CHANCE = "chance"


@dataclass(frozen=True)
class LeafCells:
    """Rows with a score by grain, prediction, label, leaf and wide score bin, with the sum of their calibrated chance.

    wide   wide bin of each fine score bin
    """

    tree: Tree
    cells: Cells
    wide: Ints


def leaf_cells(
    engine: Engine,
    rows: ir.Table,
    names: tuple[str, ...],
    fit: Calibrator,
    fitted_until: int,
    labelled_rows: int,
    first: int,
    grains: int,
) -> LeafCells | Undefined:
    """Fit the tree on the reference and count the rows of all grains by its leaves.

    rows          facts with the bins of the score, as the plan makes them, and with features
    names         the user's names of the features
    fitted_until  number of leading grains that are in the reference
    labelled_rows how many labelled rows with a score these have
    first         number of the first grain
    """
    rows = _with_bin(rows).mutate(grain=(rows.grain - first).cast("int64"))
    tree = _tree(engine, rows, names, fit, fitted_until, labelled_rows)
    if isinstance(tree, Undefined):
        return tree
    if grains * tree.leaves * SCORE_BINS * 2 > MOST_CELLS:
        return Undefined("the leaves of all windows would make too many cells")
    wide = wide_bins(fit.reference.bins)
    coded = _joined(engine, rows.mutate(leaf=_leaf(tree, tree.root, rows)), fit, wide=wide)
    keys = (
        Key("grain", coded.grain, grains),
        Key("predicted", coded.predicted, 3),
        Key("actual", coded.actual, 3),
        Key("leaf", coded.leaf, tree.leaves),
        Key("wide", coded.wide, SCORE_BINS),
    )
    piece = Piece(("leaves",), keys, (Measure(CHANCE, lambda facts: facts.chance, 1.0),))
    return LeafCells(tree, fill(engine, coded, [piece])["leaves",], wide)


def with_chance(engine: Engine, rows: ir.Table, fit: Calibrator) -> ir.Table:
    """The rows with a score, and with the chance of a positive that it stands for as `chance`.

    rows   facts with the bins of the score, as the plan makes them
    """
    return _joined(engine, _with_bin(rows), fit).drop("known_bin", "score_bin")


def _with_bin(rows: ir.Table) -> ir.Table:
    packed = (rows.linear_score.cast("int64") * 1024 + rows.logit_score) * 1024 + rows.step_score
    return rows.filter(rows.score.notnull()).mutate(score_bin=packed.cast("int64"))


def _joined(engine: Engine, rows: ir.Table, fit: Calibrator, **by_bin: NDArray[Any]) -> ir.Table:
    """Rows with the chance of their score bin. By a join: a chain of comparisons would reckon the bin in each anew."""
    columns = {"known_bin": _packed(fit.reference.bins), CHANCE: fit.chance, **by_bin}
    known = engine.lookup(pa.table({name: column(values) for name, values in columns.items()}))
    return rows.join(known, rows.score_bin == known.known_bin)


def leaf_sums(leaves: LeafCells, cells: Cells, groups: Ints, count: int) -> LeafSums:
    """Sums of some of the cells in groups of windows: `groups` says the number, 0 to count - 1, of each cell."""
    shape = (count, 3, leaves.tree.leaves, SCORE_BINS)
    place = (groups * 3 + cells.keys["predicted"]) * leaves.tree.leaves + cells.keys["leaf"]
    place = place * SCORE_BINS + cells.keys["wide"]
    weight, chance = (
        np.bincount(place, weights=values, minlength=math.prod(shape)).reshape(shape)
        for values in (cells.weight, cells.losses[CHANCE][:, 3])
    )
    return LeafSums(weight.astype(np.float64), chance.astype(np.float64))


def _tree(
    engine: Engine,
    rows: ir.Table,
    names: tuple[str, ...],
    fit: Calibrator,
    fitted_until: int,
    labelled_rows: int,
) -> Tree | Undefined:
    """The tree on about 40,000 labelled rows of the reference, those with the least md5 of the id."""
    labelled = rows.filter(rows.grain < fitted_until, rows.mature, rows.actual < 2)
    columns = [f"{FEATURE}{place}" for place in range(len(names))]
    found = sample(engine, labelled, ["score_bin", "actual", *columns], SAMPLE, labelled_rows)
    bins = _packed(fit.reference.bins)
    chance = fit.chance[np.minimum(np.searchsorted(bins, array(found, "score_bin")), len(bins) - 1)]
    labels = array(found, "actual").astype(np.float64)
    return grown(names, [values(found, column) for column in columns], labels - chance, labels)


def _packed(bins: Array) -> Ints:
    return np.asarray((bins[:, 0] * 1024 + bins[:, 1]) * 1024 + bins[:, 2], np.int64)


def _leaf(tree: Tree, node: Split | int, rows: ir.Table) -> ir.Value:
    """The number of a row's leaf as an expression."""
    if isinstance(node, int):
        return ibis.literal(node, "int8")
    of, value = tree.features[node.column], rows[f"{FEATURE}{node.column}"]
    low, high = (_leaf(tree, side, rows) for side in (node.low, node.high))
    return ibis.ifelse(_among(of, node.codes, value), low, high)


def _among(of: Codes, codes: frozenset[int], value: ir.Value) -> ir.BooleanValue:
    """Whether a value's code is among these; never NULL."""
    if of.edges is not None:
        limit = below(of, codes)
        inside = ibis.literal(False) if limit is None else value < limit
    else:
        words = [word for place, word in enumerate(of.words, start=RARE + 1) if (place in codes) != (RARE in codes)]
        listed = value.isin(words) if words else ibis.literal(False)
        inside = ~listed if RARE in codes else listed
    return ibis.ifelse(value.isnull(), ibis.literal(MISSING in codes), inside)
