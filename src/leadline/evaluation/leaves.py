"""The second reading that estimates by leaf need: a sample of the reference for the tree, and the rows by leaf."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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
    Values,
    Words,
    below,
    grown,
    wide_bins,
)
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
) -> LeafCells | Undefined:
    """Fit the tree on the reference and count the rows of all grains by its leaves.

    rows          facts with the bins of the score, as the plan makes them, and with features
    names         the user's names of the features
    of_versions   versions that have a calibrator of their own, on the same bins
    fitted_until  number of leading grains that are in the reference
    labelled_rows how many labelled rows with a score these have
    first         number of the first grain
    """
    known = _known(fit, of_versions)
    rows = rows.filter(rows.score.notnull()).mutate(
        score_bin=_score_bin(rows, list(of_versions)), grain=(rows.grain - first).cast("int64")
    )
    tree = _tree(engine, rows, names, known, fitted_until, labelled_rows)
    if isinstance(tree, Undefined):
        return tree
    wide = wide_bins(fit.reference)
    size = int(wide.max()) + 1
    if grains * tree.leaves * size * 2 > MOST_CELLS:
        return Undefined("the leaves of all windows would make too many cells")
    # by a join, for a chain of comparisons would reckon the bin of the score anew in each of them
    columns = {"known_bin": known.bins, "place": known.place, "wide": wide[known.place], CHANCE: known.chance}
    of_bin = engine.lookup(pa.table({name: column(values) for name, values in columns.items()}))
    coded = rows.mutate(leaf=leaf_of(tree, tree.root, rows)).join(of_bin, rows.score_bin == of_bin.known_bin)
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
            Piece(("reference",), fine, (), _of_reference(coded, fitted_until)),
        ],
    )
    return LeafCells(tree, filled["leaves",], filled["reference",], wide)


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


def _score_bin(rows: ir.Table, versions: Sequence[str]) -> ir.IntegerValue:
    """The number of `_Known.bins` of each row."""
    packed = ((rows.linear_score.cast("int64") * 1024 + rows.logit_score) * 1024 + rows.step_score).cast("int64")
    if not versions:
        return packed
    each = [(rows.version.cast("string") == name, number) for number, name in enumerate(versions, start=1)]
    return ibis.cases(*each, else_=0).cast("int64") * OF_VERSION + packed


def _of_reference(rows: ir.Table, fitted_until: int) -> ir.BooleanValue:
    """The rows that estimates are fitted on."""
    return (rows.grain < fitted_until) & rows.mature & (rows.actual < UNLABELLED)


def column(values: NDArray[Any]) -> pa.Array:
    """An array as a column of Arrow. From its memory: `pa.array` imports pandas where that is installed."""
    kind = pa.int64() if values.dtype.kind == "i" else pa.float64()
    buffer = pa.py_buffer(np.ascontiguousarray(values).tobytes())
    return pa.Array.from_buffers(kind, len(values), [None, buffer])


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


def _tree(
    engine: Engine,
    rows: ir.Table,
    names: tuple[str, ...],
    known: _Known,
    fitted_until: int,
    labelled_rows: int,
) -> Tree | Undefined:
    """The tree on about 40,000 labelled rows of the reference, those with the least md5 of the id."""
    labelled = rows.filter(_of_reference(rows, fitted_until))
    columns = [f"{FEATURE}{place}" for place in range(len(names))]
    wanted = {name: labelled[name] for name in ("score_bin", "actual", *columns)}
    found = sample(engine, labelled, wanted, labelled_rows)
    at = np.searchsorted(known.bins, _array(found, "score_bin"))
    chance = known.chance[np.minimum(at, len(known.bins) - 1)]
    labels = _array(found, "actual").astype(np.float64)
    return grown(names, [values_of(found, column) for column in columns], labels - chance, labels)


def sample(engine: Engine, rows: ir.Table, columns: Mapping[str, ir.Value], known: int) -> pa.Table:
    """Columns of about 40,000 rows, those with the least md5 of the id; `known` says how many rows there are."""
    chosen = rows.select(**columns, order=engine.md5(rows.id.cast("string")))
    if known > SAMPLE:  # by a limit for the md5, for engines would sort all rows to find the least of them
        chosen = chosen.filter(chosen.order.substr(0, 8) < f"{SAMPLE * 16**8 // known:08x}")
    return engine.run(chosen).sort_by("order")  # sums are the same whatever order an engine delivers


def _array(table: pa.Table, name: str) -> NDArray[Any]:
    """A column's own memory. By DLPack: `to_numpy` imports pandas where that is installed."""
    column = table.column(name).combine_chunks()
    return np.asarray(np.from_dlpack(column) if len(column) else np.zeros(0))


def values_of(table: pa.Table, name: str) -> Values:
    """A column as numbers, NaN for NULL, or as words."""
    column = table.column(name).combine_chunks()
    if pa.types.is_floating(column.type):
        return _filled(column, np.nan)
    coded = column.cast(pa.string()).dictionary_encode()
    return Words(_filled(coded.indices, -1).astype(np.int64), tuple(coded.dictionary.to_pylist()))


def _filled(column: pa.Array, missing: float) -> NDArray[Any]:
    """A column of numbers with a value for NULL. From its memory: Arrow's own way to fill imports pandas."""
    kind = column.type.to_pandas_dtype()
    if not len(column):
        return np.zeros(0, kind)
    values = np.frombuffer(column.buffers()[1], kind, len(column), column.offset * np.dtype(kind).itemsize)
    if not column.null_count:
        return values
    known = np.from_dlpack(column.is_valid().cast(pa.int8()))
    return np.where(known == 1, values, np.array(missing, kind))


def _packed(bins: Array) -> Ints:
    return np.asarray((bins[:, 0] * 1024 + bins[:, 1]) * 1024 + bins[:, 2], np.int64)


def leaf_of(tree: Tree, node: Split | int, rows: ir.Table) -> ir.Value:
    """The number of a row's leaf as an expression."""
    if isinstance(node, int):
        return ibis.literal(node, "int8")
    of, value = tree.features[node.column], rows[f"{FEATURE}{node.column}"]
    low, high = (leaf_of(tree, side, rows) for side in (node.low, node.high))
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
