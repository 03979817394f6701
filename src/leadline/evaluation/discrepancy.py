"""`leadline.discrepancy`: what a model gets beside what it was trained on, column by column."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np

from leadline.engine import Engine, open_engine
from leadline.evaluation.column_types import NUMBERS, TEXT, TIMES, TRUTH, Form, Paired, paired, value
from leadline.evaluation.partitions import Asked, Partitioning, Rows, first_look, read_columns
from leadline.evaluation.table_drift import drifted
from leadline.log.calendar import Grain
from leadline.quality.discrepancy import discrepancies
from leadline.quality.fault import Fault, Figure
from leadline.quality.summary import Column
from leadline.quality.tables import Discrepancy
from leadline.quality.words import percent, quoted
from leadline.spec.frames import source_of
from leadline.values import InputError, counted

#: the two tables as partitions: they have no time
BOTH = Partitioning(Grain("d", 1, "UTC"), 0, 2)
#: what to do about values of another type
RETYPE = "Give the column the type that it had in training: to a model, values of another type may be other values."


def discrepancy(
    training: Any, production: Any, columns: Sequence[str] | None = None, *, leave_out: Collection[str] = ()
) -> Discrepancy:
    """Compare what a model gets with what it was trained on, and call what differs by its name.

    training, production   a frame of any library that speaks Arrow, the path of a file, or an Ibis table
    columns                those that are compared; all that both have where None
    leave_out              of these, those that are not, such as the id

    Text that holds numbers is compared with numbers as what it holds, and told as another type. Of lists, structs and
    times it is compared which rows have none, and of lists how long they are; `not_compared` names these columns.
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
    if not names:
        raise InputError("the tables have no column in common that can be compared")
    pairs = paired(engine, one, other, names)
    asked = tuple(
        Asked(each.name, f"column_{at}", _has_values(each) and each.form is Form.TEXT) for at, each in enumerate(pairs)
    )
    both = ibis.union(*(_placed(engine, table, at, asked, pairs) for at, table in enumerate((one, other))))
    shared = engine.shared(both)
    rows = Rows(engine, BOTH, asked, shared, both, *first_look(engine, shared, asked, first=1))
    read, sums, _ = read_columns(rows, repeated=False)
    training, production = (int(n) for n in sums["rows"])
    if not (training and production):
        raise InputError(f"the table of {'production' if training else 'training'} has no rows")
    found = [_without_words(column, each) for column, each in zip(read, pairs, strict=True)]
    faults = discrepancies(found)
    named = {name for fault in faults for name in fault.columns}
    types = [*(_type_fault(each, production) for each in pairs if each.differs), *_lengths(engine, one, other, pairs)]
    return Discrepancy(
        training,
        production,
        tuple(each.name for each in pairs if _has_values(each) or each.differs),
        tuple(sorted((*types, *faults), key=lambda each: (-each.share, each.columns))),
        drifted([each for each in found if each.name not in named]),
        () if columns is not None else tuple(name for name in one.columns if name not in other.columns),
        () if columns is not None else tuple(name for name in other.columns if name not in one.columns),
        tuple((each.name, each.types[0]) for each in pairs if not (_has_values(each) or each.differs)),
    )


def _has_values(each: Paired) -> bool:
    """Whether values are compared, and not only which rows have one: no times, for those of two tables differ."""
    if each.differs and each.form is Form.TEXT:
        return TRUTH in each.types
    return each.form in (Form.NUMBER, Form.TEXT) and TIMES not in each.types


def _placed(engine: Engine, table: ir.Table, place: int, asked: Sequence[Asked], pairs: Sequence[Paired]) -> ir.Table:
    own: dict[str, ir.Value] = {}
    for each, pair in zip(asked, pairs, strict=True):
        column = table[each.name]
        there = ibis.ifelse(column.notnull(), 1.0, ibis.null("float64"))
        own[each.column] = value(engine, column, pair) if _has_values(pair) else there
    return table.select(place=ibis.literal(place, "int64"), hour=ibis.literal(0, "int64"), **own)


def _without_words(column: Column, of: Paired) -> Column:
    """Without the rows whose text is no number beside numbers: they are no missing values, and told by themselves."""
    side = of.text_side
    if side is None:
        return column
    words = np.zeros(2, np.int64)
    words[side] = of.values[side] - of.numbers[side]
    return replace(column, rows=column.rows - words, missing=column.missing - words)


# Types --------------------------------------------------------------------------------------------------------------


def _type_fault(of: Paired, rows: int) -> Fault:
    """That the values of production are of another type than those of training.

    rows   of production
    """
    before, now = (_type(of, side) for side in (0, 1))
    figures: tuple[Figure, ...] = ()
    if NUMBERS in of.types and TEXT in of.types:
        before_share, now_share = zip(of.numbers, of.values, strict=True)
        figures = (Figure("number_share", before_share, now_share),)
    return Fault("type_change", (of.name,), now, f"before {before}", RETYPE, of.values[1] / rows, figures)


def _type(of: Paired, side: int) -> str:
    """What a table has, in words."""
    held, of_all, mine = of.numbers[side], of.values[side], of.types[side]
    if mine != TEXT or NUMBERS not in of.types:
        return mine
    if not held:
        return f"text such as {quoted(of.other)}"
    if held == of_all:
        return "numbers written as text"
    return f"text, of which {percent(held / of_all)} are numbers and others are not, such as {quoted(of.other)}"


def _lengths(engine: Engine, one: ir.Table, other: ir.Table, pairs: Sequence[Paired]) -> Iterator[Fault]:
    """Lists that all were of one length in training and are of another in production."""
    lists = [each.name for each in pairs if each.form is not None and each.form.is_list]
    if not lists:
        return
    ends = []
    for table in (one, other):
        sizes = {f"{end}_{at}": getattr(table[name].length(), end)() for at, name in enumerate(lists) for end in _ENDS}
        ends.append(engine.run(table.aggregate(**sizes, rows=table.count())).to_pylist()[0])
    now = ends[1]
    for at, name in enumerate(lists):
        (low, high), (least, most) = ((row[f"min_{at}"], row[f"max_{at}"]) for row in ends)
        if low is None or least is None or low != high or (least, most) == (low, high):
            continue
        size = counted(int(least), "element") if least == most else f"{least:,} to {most:,} elements"
        yield Fault(
            "type_change",
            (name,),
            f"lists of {size}",
            f"before of {low:,}",
            "Look at what makes the vectors: another version of it may make others.",
            int(now[f"count_{at}"]) / int(now["rows"]),
        )


_ENDS = ("min", "max", "count")
