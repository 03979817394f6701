"""Bounded samples of rows: those with the least md5 of their id, so that every run and engine takes the same."""

from __future__ import annotations

from collections.abc import Sequence

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leadline.engine import Engine
from leadline.evaluation.arrays import array
from leadline.log.facts import GROUPS

#: what part of the rows either half of the entities must have, else rows are parted
LEAST_HALF = 0.3


def sample(engine: Engine, rows: ir.Table, columns: Sequence[str], most: int, count: int) -> pa.Table:
    """Some columns of about `most` of `count` rows, in the order of the md5 of their id; all where they are fewer."""
    chosen = rows.select(*columns, order=engine.md5(rows.id.cast("string")))
    # sums are the same whatever order an engine delivers
    return engine.run(among_least(chosen, chosen.order, most, count)).sort_by("order")


def among_least(rows: ir.Table, md5: ir.StringValue, most: int, count: int) -> ir.Table:
    """About `most` of `count` rows. By a limit for the md5, for engines would sort all rows to find the least of them.

    md5   of the rows' ids
    """
    return rows.filter(md5.substr(0, 8) < f"{most * 16**8 // count:08x}") if count > most else rows


def halves(engine: Engine, rows: ir.Table) -> dict[str, ir.Value]:
    """Columns that part rows in two by the md5 of their id, and by their entity where one is declared; for `half`."""
    # not the digits that samples are chosen by, nor those of hash groups
    found: dict[str, ir.Value] = {"half": (engine.md5(rows.id.cast("string")).substr(8, 1) < "8").cast("int8")}
    if "group" in rows.columns:
        found["entities"] = (rows.group < GROUPS // 2).cast("int8")
    return found


def half(table: pa.Table) -> NDArray[np.bool_]:
    """Which rows are in the first half: of the entities, or of the rows where these are too few. From `halves`."""
    if "entities" in table.column_names and len(table):
        found = array(table, "entities") == 1
        if LEAST_HALF <= found.mean() <= 1 - LEAST_HALF:
            return np.asarray(found)
    return np.asarray(array(table, "half") == 1)
