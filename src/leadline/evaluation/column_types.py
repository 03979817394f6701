"""The columns of two tables: of what type each is, and as what the values of both can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import ibis
import ibis.expr.types as ir

from leadline.engine import Engine
from leadline.log.columns import as_text, number

#: share of texts beside numbers that have to hold a number for both to be compared as numbers
HOLDS_NUMBERS = 0.5
NUMBERS, TRUTH, TEXT, TIMES, LISTS = "numbers", "true or false", "text", "times", "lists"


class Form(StrEnum):
    """As what values are compared."""

    NUMBER = "number"
    TEXT = "text"
    NUMBERS = "list of numbers"
    TEXTS = "list of texts"

    @property
    def is_list(self) -> bool:
        """Whether element by element."""
        return self in (Form.NUMBERS, Form.TEXTS)


@dataclass(frozen=True)
class Paired:
    """A column of two tables.

    types    of the values in each, in words
    form     as what they are compared; None where they cannot be
    values   where the types differ, how many each table has
    numbers  of these, numbers and texts that hold one
    other    a text that holds none, beside numbers
    """

    name: str
    types: tuple[str, str]
    form: Form | None
    values: tuple[int, int] = (0, 0)
    numbers: tuple[int, int] = (0, 0)
    other: str | None = None

    @property
    def differs(self) -> bool:
        """Whether the values of one table are of another type than those of the other; 0 and 1 are true and false."""
        return all(self.values)

    @property
    def text_side(self) -> int | None:
        """Which table has text where both are compared as numbers; None where neither has."""
        return self.types.index(TEXT) if self.form is Form.NUMBER and TEXT in self.types else None

    @property
    def times(self) -> bool:
        """Whether both are times."""
        return self.types == (TIMES, TIMES)


def paired(engine: Engine, left: ir.Table, right: ir.Table, names: Sequence[str]) -> tuple[Paired, ...]:
    """The columns of two tables that have them all, with what a look at the rows says of those whose types differ."""
    found = [_by_type(name, left[name].type(), right[name].type()) for name in names]
    apart = [each for each in found if _are_apart(each.types)]
    if not apart:
        return tuple(found)
    rows = [_looked(engine, table, apart, side) for side, table in enumerate((left, right))]
    looked = {each.name: _with(each, [row[at] for row in rows]) for at, each in enumerate(apart)}
    return tuple(looked.get(each.name, each) for each in found)


def value(engine: Engine, column: ir.Value, of: Paired) -> ir.Value:
    """A column in the form in which it is compared: a finite double, a text, or a list of them."""
    if of.form is Form.NUMBER:
        return number(column, of.name)
    if of.form is Form.NUMBERS:
        return column.cast("array<float64>")
    if of.form is Form.TEXTS:
        return column.cast("array<string>")
    kind = column.type()
    if of.times:
        if kind.is_timestamp() and kind.timezone is not None:
            column = engine.without_zone(column)
        return column.cast("timestamp(6)").cast("string")
    text = as_text(column)
    return text.strip().lower() if TRUTH in of.types else text


def _by_type(name: str, left: Any, right: Any) -> Paired:
    """What types alone say; numbers beside text are taken for text."""
    words = [_words(kind) for kind in (left, right)]
    types = (words[0] or words[1] or NUMBERS, words[1] or words[0] or NUMBERS)
    if set(types) <= {NUMBERS, TRUTH}:
        return Paired(name, types, Form.NUMBER)
    if types == (LISTS, LISTS):
        elements = {_words(kind.value_type) for kind in (left, right) if kind.is_array()} - {None}
        simple = elements <= {NUMBERS, TRUTH}
        return Paired(name, types, Form.NUMBERS if simple else Form.TEXTS if elements == {TEXT} else None)
    simple = set(types) <= {NUMBERS, TRUTH, TEXT, TIMES, "times of the day", "durations"}
    return Paired(name, types, Form.TEXT if simple else None)


def _words(kind: Any) -> str | None:
    """A type as people call it; None where it says nothing, for no row has a value."""
    if kind.is_null():
        return None
    if kind.is_numeric():
        return NUMBERS
    for test, words in (
        (kind.is_boolean, TRUTH),
        (kind.is_date, TIMES),
        (kind.is_timestamp, TIMES),
        (kind.is_time, "times of the day"),
        (kind.is_interval, "durations"),
        (kind.is_array, LISTS),
        (kind.is_struct, "structs"),
        (kind.is_map, "maps"),
        (kind.is_binary, "bytes"),
    ):
        if test():
            return words
    return TEXT if kind.is_string() or kind.is_uuid() or kind.is_json() or kind.is_inet() else str(kind)


def _are_apart(types: tuple[str, str]) -> bool:
    return types[0] != types[1] and not set(types) <= {NUMBERS, TRUTH}


def _looked(engine: Engine, table: ir.Table, apart: Sequence[Paired], side: int) -> list[tuple[int, int, str | None]]:
    """Of each column: values, those of them that are numbers, and one that is none."""
    asked: dict[str, ir.Value] = {}
    for at, each in enumerate(apart):
        column = table[each.name]
        present, is_number = column.notnull(), ibis.literal(each.types[side] == NUMBERS)
        if each.types[side] == TEXT:
            text = column.cast("string")
            present, is_number = present & (text.strip() != ""), number(text, each.name).notnull()
            asked[f"other_{at}"] = ibis.ifelse(present & ~is_number, text, ibis.null("string")).max()
        asked |= {f"values_{at}": present.sum(), f"numbers_{at}": (present & is_number).sum()}
    row = engine.run(table.aggregate(**asked)).to_pylist()[0]
    return [
        (int(row[f"values_{at}"] or 0), int(row[f"numbers_{at}"] or 0), row.get(f"other_{at}"))
        for at in range(len(apart))
    ]


def _with(each: Paired, looked: Sequence[tuple[int, int, str | None]]) -> Paired:
    (left, right), form = looked, each.form
    if set(each.types) == {NUMBERS, TEXT}:
        texts, numbers, _ = looked[each.types.index(TEXT)]
        form = Form.NUMBER if numbers >= HOLDS_NUMBERS * texts else Form.TEXT
    return Paired(each.name, each.types, form, (left[0], right[0]), (left[1], right[1]), left[2] or right[2])
