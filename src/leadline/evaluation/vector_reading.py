"""The reading of columns of vectors: a sample of rows by grain, of which only sums are kept."""

from __future__ import annotations

from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from leadline.drift.embeddings import EmbeddingSums, features, summed
from leadline.engine import Engine
from leadline.evaluation.arrays import array
from leadline.evaluation.sampling import sample
from leadline.metrics.sums import Array

#: rows of the log that are read, and of the reference; fewer where vectors are long: so many numbers
MOST_ROWS, MOST_NUMBERS = 20_000, 8_000_000


@dataclass(frozen=True)
class VectorSums:
    """A column of vectors.

    name        the user's
    dimensions  of the vectors: the most frequent length in the reference; 0 where it has none
    rows        of the log, by grain, as far as they were read; None where the reference has fewer than two that differ
    reference   by its own grains
    missing     share of the rows without such a vector, by grain of the log, and how many were read
    """

    name: str
    dimensions: int
    rows: EmbeddingSums | None
    reference: EmbeddingSums | None
    missing: Array
    read: Array


def vector_sums(
    engine: Engine,
    name: str,
    column: str,
    log: tuple[ir.Table, int],
    reference: tuple[ir.Table, int],
    own: bool,
) -> VectorSums:
    """Read a column of vectors.

    log, reference   rows with `id`, `place` and the column, and how many grains they have
    own              whether the reference has a source of its own; else it is the first grains of the log
    """
    rows, grains = log
    length = _length(engine, reference[0], column)
    most = min(MOST_ROWS, MOST_NUMBERS // max(length, 1))
    vectors, place, missing, every = _read(engine, rows, column, length, most, grains)
    nothing = VectorSums(name, length, None, None, missing, every)
    if own:
        before, before_place, *_ = _read(engine, *reference[:1], column, length, most, reference[1])
    else:
        early = place < reference[1]
        before, before_place = vectors[early], place[early]
    by = features(before) if len(before) > 1 else None
    if by is None:
        return nothing
    ours, theirs = summed(vectors, place, grains, by), summed(before, before_place, reference[1], by)
    return VectorSums(name, length, ours, theirs, missing, every)


def _length(engine: Engine, rows: ir.Table, column: str) -> int:
    """The most frequent length, the least of them where several are as frequent; 0 where there is none."""
    lengths = rows.filter(rows[column].notnull()).select(length=rows[column].length().cast("int64"))
    found = engine.run(lengths.group_by("length").aggregate(n=lambda t: t.count())).to_pylist()
    return min(((-row["n"], row["length"]) for row in found if row["length"]), default=(0, 0))[1]


def _read(
    engine: Engine, rows: ir.Table, column: str, length: int, most: int, grains: int
) -> tuple[Array, NDArray[np.int64], Array, Array]:
    """Vectors and their grains; by grain the share of rows without one, and how many rows were read."""
    count = engine.run(rows.aggregate(n=rows.count())).to_pylist()[0]["n"]
    if not count or not length:
        return np.zeros((0, length)), np.zeros(0, np.int64), np.full(grains, np.nan), np.zeros(grains)
    table = sample(engine, rows.select("id", "place", vector=rows[column]), ["place", "vector"], most, count)
    place = array(table, "place").astype(np.int64)
    lists = table.column("vector").combine_chunks()
    fits = pc.equal(pc.list_value_length(lists), length).fill_null(False)
    at = np.flatnonzero(np.from_dlpack(fits.cast(pa.int8()))) if len(fits) else np.zeros(0, np.int64)
    numbers = lists.filter(fits).flatten().cast(pa.float64()).fill_null(np.nan)
    vectors = np.asarray(np.from_dlpack(numbers) if len(numbers) else np.zeros(0), np.float64).reshape(-1, length)
    known = np.isfinite(vectors).all(axis=1)
    at, vectors = at[known], vectors[known]
    every = np.bincount(place, minlength=grains).astype(np.float64)
    there = np.bincount(place[at], minlength=grains)
    missing = np.asarray(np.divide(every - there, every, out=np.full(grains, np.nan), where=every > 0))
    return vectors, place[at], missing, every
