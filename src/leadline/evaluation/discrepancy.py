"""`leadline.discrepancy`: what a model gets beside what it was trained on, column by column."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir

from leadline.engine import Engine, open_engine
from leadline.evaluation.partitions import Asked, Partitioning, Rows, first_look, read_columns
from leadline.evaluation.table_drift import drifted
from leadline.log.calendar import Grain
from leadline.log.columns import as_text, number
from leadline.quality.discrepancy import discrepancies
from leadline.quality.tables import Discrepancy
from leadline.spec.frames import source_of
from leadline.values import InputError

#: the two tables as partitions: they have no time
BOTH = Partitioning(Grain("d", 1, "UTC"), 0, 2)


def discrepancy(
    training: Any, production: Any, columns: Sequence[str] | None = None, *, leave_out: Collection[str] = ()
) -> Discrepancy:
    """Compare what a model gets with what it was trained on, and call what differs by its name.

    training, production   a frame of any library that speaks Arrow, the path of a file, or an Ibis table
    columns                those that are compared; all that both have where None
    leave_out              of these, those that are not, such as the id

    Raises InputError where a column is missing, a table has no rows, or the tables live on different engines.
    """
    sources = [source_of(training, "training"), source_of(production, "production")]
    with open_engine(sources) as engine:
        one, other = (engine.read(source) for source in sources)
        return _discrepancy(engine, one, other, columns, leave_out)


def _discrepancy(
    engine: Engine, one: ir.Table, other: ir.Table, columns: Sequence[str] | None, leave_out: Collection[str]
) -> Discrepancy:
    for table, side in ((one, "training"), (other, "production")):
        for name in columns or ():
            if name not in table.columns:
                shown = ", ".join(map(repr, table.columns[:20]))
                raise InputError(f"the table of {side} has no column {name!r}; its columns are {shown}")
    names = [name for name in (columns or one.columns) if name in other.columns and name not in leave_out]
    asked = tuple(
        Asked(name, f"column_{at}", text)
        for at, name in enumerate(names)
        if (text := _as_text(one[name], other[name])) is not None
    )
    if not asked:
        raise InputError("the tables have no column in common that can be compared")
    both = ibis.union(*(_placed(table, at, asked) for at, table in enumerate((one, other))))
    shared = engine.shared(both)
    rows = Rows(engine, BOTH, asked, shared, both, *first_look(engine, shared, asked, first=1))
    found, sums, _ = read_columns(rows, repeated=False)
    training, production = (int(n) for n in sums["rows"])
    if not (training and production):
        raise InputError(f"the table of {'production' if training else 'training'} has no rows")
    faults = discrepancies(found)
    named = {name for fault in faults for name in fault.columns}
    return Discrepancy(
        training,
        production,
        tuple(each.name for each in asked),
        faults,
        drifted([each for each in found if each.name not in named]),
        () if columns is not None else tuple(name for name in one.columns if name not in other.columns),
        () if columns is not None else tuple(name for name in other.columns if name not in one.columns),
    )


def _as_text(one: ir.Value, other: ir.Value) -> bool | None:
    """Whether two columns are compared as text, else as numbers; None where neither can be."""
    kinds = one.type(), other.type()
    if all(kind.is_numeric() or kind.is_boolean() for kind in kinds):
        return False
    return True if all(kind.is_string() or kind.is_primitive() for kind in kinds) else None


def _placed(table: ir.Table, place: int, asked: Sequence[Asked]) -> ir.Table:
    own = {
        each.column: as_text(table[each.name]) if each.text else number(table[each.name], each.name) for each in asked
    }
    return table.select(place=ibis.literal(place, "int64"), hour=ibis.literal(0, "int64"), **own)
