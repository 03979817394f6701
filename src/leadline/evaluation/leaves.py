"""The second reading that estimates by leaf need: a sample of the reference for the tree, and the rows by leaf."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from leadline.cells.fill import Cells, Ints, fill
from leadline.cells.plan import MOST_CELLS, Key, Piece
from leadline.cells.series import UNLABELLED
from leadline.engine import Engine
from leadline.estimate.calibrator import Calibrator
from leadline.estimate.leaves import (
    MISSING,
    RARE,
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
#: by how much bins of a version are numbered higher than those of the one before it
OF_VERSION = 2**30


@dataclass(frozen=True)
class LeafCells:
    """Rows with a score by grain, prediction, label, leaf and wide score bin, with the sum of their calibrated chance.

    reference   labelled rows of the reference by label, leaf and fine score bin
    wide        wide bin of each fine score bin
    """

    tree: Tree
    cells: Cells
    reference: Cells
    wide: Ints


def leaf_cells(
    engine: Engine,
    rows: ir.Table,
    names: tuple[str, ...],
    fit: Calibrator,
    of_versions: Mapping[str, Calibrator],
    fitted_until: int,
    labelled_rows: int,
    first: int,
    grains: int,
) -> tuple[LeafCells | Undefined, pa.Table]:
    """Fit the tree on the reference and count the rows of all grains by its leaves; and the sample it was fitted on.

    rows          facts with the bins of the score, as the plan makes them, and with features
    names         the user's names of the features, which are the first of the columns that describe rows
    of_versions   versions that have a calibrator of their own, on the same bins
    fitted_until  number of leading grains that are in the reference
    labelled_rows how many labelled rows with a score these have
    first         number of the first grain
    """
    known = _known(fit, of_versions)
    rows = _with_bin(rows, of_versions).mutate(grain=(rows.grain - first).cast("int64"))
    labelled = rows.filter(of_reference(rows, fitted_until))
    columns = ["score_bin", "actual", *(name for name in rows.columns if name.startswith(FEATURE))]
    found = sample(engine, labelled, columns, SAMPLE, labelled_rows)
    tree = _tree(found, names, known)
    if isinstance(tree, Undefined):
        return tree, found
    wide = wide_bins(fit.reference)
    size = int(wide.max()) + 1
    if grains * tree.leaves * size * 2 > MOST_CELLS:
        return Undefined("the leaves of all windows would make too many cells"), found
    rows = rows.mutate(leaf=leaf_of(tree, tree.root, [rows[f"{FEATURE}{place}"] for place in range(len(names))]))
    coded = _joined(engine, rows, known, place=known.place, wide=wide[known.place])
    keys = (
        Key("grain", coded.grain, grains),
        Key("predicted", coded.predicted, 3),
        Key("actual", coded.actual, 3),
        Key("leaf", coded.leaf, tree.leaves),
        Key("wide", coded.wide, size),
    )
    fine = (
        Key("actual", coded.actual, 3),
        Key("leaf", coded.leaf, tree.leaves),
        Key("bin", coded.place, len(fit.reference.bins)),
    )
    filled = fill(
        engine,
        coded,
        [
            Piece(("leaves",), keys, (Measure(CHANCE, lambda facts: facts.chance, 1.0),)),
            Piece(("reference",), fine, (), of_reference(coded, fitted_until)),
        ],
    )
    return LeafCells(tree, filled["leaves",], filled["reference",], wide), found


@dataclass(frozen=True, slots=True)
class _Known:
    """What a score bin tells of a row, together with its version where that has a calibrator of its own.

    bins     version and bin as one number, rising
    place    which of the calibrator's bins it is
    chance   calibrated
    """

    bins: Ints
    place: Ints
    chance: Array


def _known(fit: Calibrator, of_versions: Mapping[str, Calibrator]) -> _Known:
    every = [fit, *of_versions.values()]
    bins = np.arange(len(every))[:, None] * OF_VERSION + _packed(fit.reference.bins)
    places = np.tile(np.arange(bins.shape[1]), len(every))
    return _Known(bins.ravel(), places, np.concatenate([each.chance for each in every]))


def _with_bin(rows: ir.Table, versions: Iterable[str]) -> ir.Table:
    """The rows with a score, with the number of `_Known.bins` of each as `score_bin`."""
    packed = ((rows.linear_score.cast("int64") * 1024 + rows.logit_score) * 1024 + rows.step_score).cast("int64")
    each = [(rows.version.cast("string") == name, number) for number, name in enumerate(versions, start=1)]
    bins = ibis.cases(*each, else_=0).cast("int64") * OF_VERSION + packed if each else packed
    return rows.filter(rows.score.notnull()).mutate(score_bin=bins)


def of_reference(rows: ir.Table, fitted_until: int, unlabelled: int = UNLABELLED) -> ir.BooleanValue:
    """The rows that estimates are fitted on; `unlabelled` is the code of no label."""
    return (rows.grain < fitted_until) & rows.mature & (rows.actual < unlabelled)


def with_chance(engine: Engine, rows: ir.Table, fit: Calibrator, of_versions: Mapping[str, Calibrator]) -> ir.Table:
    """The rows with a score, and with the chance of a positive that it stands for as `chance`.

    rows          facts with the bins of the score, as the plan makes them
    of_versions   versions that have a calibrator of their own, on the same bins
    """
    joined = _joined(engine, _with_bin(rows, of_versions), _known(fit, of_versions))
    return joined.drop("known_bin", "score_bin")


def _joined(engine: Engine, rows: ir.Table, known: _Known, **by_bin: Ints) -> ir.Table:
    """Rows with the chance of their score bin. By a join: a chain of comparisons would reckon the bin in each anew."""
    columns = {"known_bin": known.bins, CHANCE: known.chance, **by_bin}
    of_bin = engine.lookup(pa.table({name: column(values) for name, values in columns.items()}))
    return rows.join(of_bin, rows.score_bin == of_bin.known_bin)


def leaf_sums(leaves: LeafCells, cells: Cells, groups: Ints, count: int) -> LeafSums:
    """Sums of some of the cells in groups of windows: `groups` says the number, 0 to count - 1, of each cell."""
    shape = (count, 3, leaves.tree.leaves, int(leaves.wide.max()) + 1)
    place = (groups * 3 + cells.keys["predicted"]) * leaves.tree.leaves + cells.keys["leaf"]
    place = place * shape[-1] + cells.keys["wide"]
    weight, chance = (
        np.bincount(place, weights=values, minlength=math.prod(shape)).reshape(shape)
        for values in (cells.weight, cells.losses[CHANCE][:, 3])
    )
    return LeafSums(weight.astype(np.float64), chance.astype(np.float64))


def _tree(found: pa.Table, names: tuple[str, ...], known: _Known) -> Tree | Undefined:
    """The tree on a sample of labelled rows."""
    columns = [f"{FEATURE}{place}" for place in range(len(names))]
    at = np.searchsorted(known.bins, array(found, "score_bin"))
    chance = known.chance[np.minimum(at, len(known.bins) - 1)]
    labels = array(found, "actual").astype(np.float64)
    return grown(names, [values(found, column) for column in columns], labels - chance, labels)


def _packed(bins: Array) -> Ints:
    return np.asarray((bins[:, 0] * 1024 + bins[:, 1]) * 1024 + bins[:, 2], np.int64)


def leaf_of(tree: Tree, node: Split | int, columns: Sequence[ir.Value]) -> ir.Value:
    """The number of a row's leaf as an expression of the tree's features, which are columns of one table."""
    if isinstance(node, int):
        return ibis.literal(node, "int8")
    of, value = tree.features[node.column], columns[node.column]
    low, high = (leaf_of(tree, side, columns) for side in (node.low, node.high))
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
