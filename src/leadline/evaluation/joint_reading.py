"""The reading that multivariate drift stands on: sums of products by grain, and samples of coded rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from leadline.cells.bins import Bins, Grid
from leadline.cells.columns import Column, Scale, code_names, coded
from leadline.cells.moments import Moments, Steps, moments, steps
from leadline.engine import Engine
from leadline.evaluation.arrays import array
from leadline.evaluation.sampling import sample
from leadline.metrics.sums import Array

#: numeric features that are looked at together; each pair costs the engine a sum
MOST_COLUMNS = 30
#: rows of the window that a classifier is given, and as many of the reference; fewer tell nothing
SAMPLE, LEAST = 3_000, 100

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class JointMoments:
    """The numeric features together.

    names       of the features, at least two
    rows        of the log, by grain
    reference   by its own grains
    """

    names: tuple[str, ...]
    rows: Moments
    reference: Moments


@dataclass(frozen=True)
class Samples:
    """Rows of the features, in bins.

    names     of the features
    ordered   by feature, whether its bins are in the order of numbers
    before    rows of the reference, shape (rows, features)
    place     the grain of each of them
    after     rows of the latest window
    """

    names: tuple[str, ...]
    ordered: tuple[bool, ...]
    before: Ints
    place: Ints
    after: Ints


def joint_moments(
    engine: Engine,
    rows: ir.Table,
    reference: ir.Table | None,
    columns: Sequence[Column],
    fixed: Mapping[str, Scale],
    means: Mapping[str, float],
    grains: tuple[int, int],
) -> JointMoments | None:
    """Read them; None where fewer than two features are numbers.

    rows        with `place`, the place of a row's grain
    reference   the same, of a source of its own; None where it is the first grains of the rows
    means       of the reference, by column
    grains      how many the rows have, and the reference
    """
    asked: dict[str, Steps] = {}
    for each in columns:
        scale = fixed[each.column]
        if each.role == "feature" and isinstance(scale, Grid):
            known = steps(each.column, scale, means[each.column])
            asked |= {} if known is None else {each.name: known}
    asked = dict(list(asked.items())[:MOST_COLUMNS])
    if len(asked) < 2:
        return None
    found = moments(engine, rows, list(asked.values()), grains[0])
    if reference is None:
        own = found.of([(place, place + 1) for place in range(grains[1])])
    else:
        own = moments(engine, reference, list(asked.values()), grains[1])
    return JointMoments(tuple(asked), found, own)


def samples(
    engine: Engine,
    reference: tuple[ir.Table, int],
    window: tuple[ir.Table, int],
    columns: Sequence[Column],
    fixed: Mapping[str, Scale],
    bins: Mapping[str, Bins],
) -> Samples | None:
    """Read rows of the reference and of a window; None without features, or where either has fewer than 100 rows.

    reference, window   rows with `id` and `place`, and how many there are
    bins                by column
    """
    features = [each for each in columns if each.role == "feature"]
    if not features or min(reference[1], window[1]) < LEAST:
        return None

    def read(rows: ir.Table, count: int, most: int) -> tuple[Ints, Ints]:
        found = coded(engine, rows, features, fixed, ["id", "place"])
        names = code_names(features)
        table = sample(engine, found, [*names.values(), "place"], most, count)
        codes = [bins[name].of[array(table, code).astype(np.int64)] for name, code in names.items()]
        return np.stack(codes, axis=1), array(table, "place").astype(np.int64)

    before, place = read(*reference, 2 * SAMPLE)
    after, _ = read(*window, SAMPLE)
    ordered = tuple(bins[each.column].numeric for each in features)
    return Samples(tuple(each.name for each in features), ordered, before, place, after)


def reference_means(columns: Sequence[tuple[Column, Bins, Array]]) -> dict[str, float]:
    """By numeric column the mean of the reference, as its bins tell it; NaN where it has no number.

    columns   with their bins and the reference's rows by bin
    """
    found = {}
    for column, bins, rows in columns:
        known = np.isfinite(bins.centre)
        total = rows[known].sum()
        found[column.column] = float((bins.centre[known] * rows[known]).sum() / total) if total > 0 else float("nan")
    return found
