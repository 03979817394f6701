"""Bounded samples of rows: those with the least md5 of their id, so that every run and engine takes the same."""

from __future__ import annotations

from collections.abc import Sequence

import ibis.expr.types as ir
import pyarrow as pa

from leadline.engine import Engine


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
