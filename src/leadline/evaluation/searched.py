"""Features as slices are told apart by them: in codes on the engine, as conditions, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pyarrow as pa

from leadline.cells.plan import count_edges
from leadline.engine import Engine
from leadline.engine.engine import small_table
from leadline.estimate.leaves import EMPTY, MISSING, RARE, Codes, Ints, Words
from leadline.evaluation.arrays import values
from leadline.log.features import FEATURE
from leadline.log.reading import Log
from leadline.log.reference import OTHER_VALUE
from leadline.slices.bins import bins, is_free_text, lengths
from leadline.slices.search import Condition
from leadline.spec.where import MAX_LENGTH, ConditionError
from leadline.spec.where import Condition as Where
from leadline.values import Scalar

#: so many words are named where none of them is meant
FEW = 3
#: finite numbers lie between minus this and this
LARGEST = 1.7976931348623157e308


@dataclass(frozen=True)
class Searched:
    """A feature by which slices are looked for.

    column    of facts
    stored    the type of the user's column
    codes     how its values, or the lengths of its texts, become codes; with the user's name of the column
    length    whether it is the length of the text
    """

    column: str
    stored: dt.DataType
    codes: Codes
    length: bool = False

    @property
    def name(self) -> str:
        """The user's name of the column."""
        return self.codes.name

    @property
    def size(self) -> int:
        """How many codes there are."""
        return 2 + len(self.codes.words if self.codes.edges is None else self.codes.edges)

    @property
    def ordered(self) -> bool:
        """Whether it is a number."""
        return self.codes.edges is not None

    # On the engine ----------------------------------------------------------------------------------------------

    def value(self, rows: ir.Table) -> ir.Value:
        """The number or word of each row of facts."""
        value = rows[self.column]
        return value.length().cast("float64") if self.length else value

    def inside(self, condition: Condition, rows: ir.Table) -> ir.BooleanValue:
        """Whether rows of facts fulfil a condition; never NULL."""
        value = self.value(rows)
        if condition.low == MISSING:
            return value.isnull()
        if self.codes.edges is None:
            if condition.low == RARE:
                return (value.notnull() & ~value.isin(self.codes.words)) if self.codes.words else value.notnull()
            return (value == self.codes.words[condition.low - RARE - 1]).fill_null(False)
        low, high = self._ends(condition)
        found = value.notnull()
        found = found if low is None else found & (value >= low)
        return (found if high is None else found & (value < high)).fill_null(False)

    def _ends(self, condition: Condition) -> tuple[float | None, float | None]:
        """The edges that a range of a number lies between."""
        edges = self.codes.edges or ()
        low = edges[condition.low - 2] if condition.low > 1 else None
        return low, edges[condition.high - 1] if condition.high <= len(edges) else None

    def _one(self, low: float | None, high: float | None) -> int | None:
        """The only whole number in a range, of a column that has no others."""
        whole = self.length or self.stored.is_integer()
        return int(low) if whole and low is not None and high == low + 1 and low.is_integer() else None

    def codes_of(self, table: pa.Table) -> Ints:
        """The codes of the rows of a table with the columns of facts, shape (rows,)."""
        found = values(table, self.column)
        return self.codes.of(lengths(found) if self.length and isinstance(found, Words) else found)

    # For people -------------------------------------------------------------------------------------------------

    def part(self, condition: Condition) -> tuple[str, Scalar]:
        """A condition as a part of a `Slice`: the value, None where missing, or a range such as `[6, 12)`."""
        name = f"length({self.name})" if self.length else self.name
        if condition.low == MISSING:
            return name, None
        if self.codes.edges is None:
            return name, OTHER_VALUE if condition.low == RARE else self.codes.words[condition.low - RARE - 1]
        low, high = self._ends(condition)
        one = self._one(low, high)
        if one is not None:
            return name, one
        left = "(-inf" if low is None else f"[{low:.10g}"
        return name, f"{left}, {'inf' if high is None else f'{high:.10g}'})"

    def said(self, condition: Condition) -> str:
        """A condition in words: `carrier = EV`, `15 <= hour < 18`, `gust is missing`."""
        name = f"length of {self.name}" if self.length else self.name
        if condition.low == MISSING:
            return f"{self.name} is missing"
        if self.codes.edges is None:
            if condition.low > RARE:
                return f"{name} = {self.codes.words[condition.low - RARE - 1] or EMPTY}"
            if len(self.codes.words) <= FEW:
                return f"{name} is none of {', '.join(word or EMPTY for word in self.codes.words)}"
            return f"{name} is none of the {len(self.codes.words)} most frequent"
        if self.stored.is_boolean():
            return f"{name} = {'false' if condition.low == 1 else 'true'}"
        low, high = self._ends(condition)
        one = self._one(low, high)
        if one is not None:
            return f"{name} = {one}"
        if low is None and high is None:
            return f"{name} is known"
        if low is None:
            return f"{name} < {high:.10g}"
        return f"{name} >= {low:.10g}" if high is None else f"{low:.10g} <= {name} < {high:.10g}"

    def where(self, condition: Condition, infinite: bool) -> str | None:
        """The condition over the user's own column, for `where:` of a slice; None where it cannot be written.

        infinite   whether the column holds infinities, which count as missing here
        """
        column = _quoted(self.name)
        if self.length:
            column = f"length({column})"
        text = self.codes.edges is None
        if self.stored.is_boolean():
            return self._where_boolean(condition, column)
        if (text and infinite) or (not text and self.stored.is_string() and not self.length):
            return None
        if condition.low == MISSING:
            missing = f"{column} IS NULL"
            return f"({missing} OR abs({column}) > {LARGEST!r})" if infinite else missing
        if text:
            literals = [_literal(word, self.stored) for word in self.codes.words]
            if condition.low > RARE:
                return f"{column} = {literals[condition.low - RARE - 1]}"
            return f"{column} NOT IN ({', '.join(literals)})" if literals else f"{column} IS NOT NULL"
        low, high = self._ends(condition)
        one = self._one(low, high)
        if one is not None:
            return f"{column} = {one}"
        if infinite and low is None:
            low = -LARGEST
        parts = [] if low is None else [f"{column} >= {_number(low)}"]
        parts += [] if high is None else [f"{column} < {_number(high)}"]
        parts += [f"{column} <= {LARGEST!r}"] if infinite and high is None else []
        return " AND ".join(parts) or f"{column} IS NOT NULL"

    def _where_boolean(self, condition: Condition, column: str) -> str | None:
        if condition.low == MISSING:
            return f"{column} IS NULL"
        if self.codes.edges is not None:
            holds = {number == 2 for number in range(condition.low, condition.high + 1)}
        elif condition.low == RARE:
            holds = {word == "true" for word in ("false", "true") if word not in self.codes.words}
        else:
            holds = {self.codes.words[condition.low - RARE - 1] == "true"}
        written = {frozenset((True,)): column, frozenset((False,)): f"NOT {column}"}
        return written.get(frozenset(holds), f"{column} IS NOT NULL" if holds else None)


def _quoted(name: str) -> str:
    """A column's name as it is written in a condition: in double quotes where it must be."""
    try:
        plain = Where.parse(f"{name} IS NULL").columns == (name,)
    except ConditionError:
        plain = False
    return name if plain else '"' + name.replace('"', '""') + '"'


def _literal(word: str, stored: dt.DataType) -> str:
    return _number(float(word)) if stored.is_numeric() else "'" + word.replace("'", "''") + "'"


def _number(value: float) -> str:
    """A number as short as it can be, and exact."""
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def where(searched: Sequence[Searched], conditions: Sequence[Condition], infinite: frozenset[str]) -> str | None:
    """All conditions of a slice as one that can be pasted into a declaration; None where it cannot be written."""
    parts = [searched[each.column].where(each, searched[each.column].name in infinite) for each in conditions]
    written = [part for part in parts if part is not None]
    text = " AND ".join(written)
    return text if len(written) == len(parts) and len(text) <= MAX_LENGTH else None


def read_bins(
    table: pa.Table, log: Log, columns: Sequence[str], known: Mapping[str, Sequence[str]] | None = None
) -> list[Searched]:
    """The features that tell rows apart, from a sample of rows.

    table     the sample, with the columns of facts
    columns   of these, which
    known     by the user's name, the words of those that are known without a sample
    """
    names = dict(zip((f"{FEATURE}{place}" for place in range(len(log.described))), log.described.items(), strict=True))
    found = []
    for column in columns:
        (name, stored), value = names[column], values(table, column)
        if known is not None and name in known:
            found.append(Searched(column, stored, Codes(name, None, tuple(sorted(known[name])))))
            continue
        long = isinstance(value, Words) and is_free_text(value)
        codes = bins(name, lengths(value) if long and isinstance(value, Words) else value)
        if codes is not None:
            found.append(Searched(column, stored, codes, long))
    return found


def with_codes(engine: Engine, rows: ir.Table, searched: Sequence[Searched]) -> ir.Table:
    """Rows with the code of each feature as `code_0`, `code_1`, ..."""
    joined = rows
    for place, each in enumerate(searched):
        if each.codes.edges is None and each.codes.words:
            # by a join: a chain of comparisons of words was measured to take twice as long
            known = [{f"word_{place}": word, f"found_{place}": code + 2} for code, word in enumerate(each.codes.words)]
            types = pa.schema({f"word_{place}": pa.string(), f"found_{place}": pa.int64()})
            lookup = engine.lookup(small_table(known, types))
            joined = joined.left_join(lookup, joined[each.column] == lookup[f"word_{place}"])
    codes = {}
    for place, each in enumerate(searched):
        if each.codes.edges is None:
            code = joined[f"found_{place}"].coalesce(RARE) if each.codes.words else ibis.literal(RARE)
        else:
            code = count_edges(each.value(joined), each.codes.edges) + 1
        missing = each.value(joined).isnull()
        codes[f"code_{place}"] = ibis.ifelse(missing, ibis.literal(MISSING), code).cast("int8")
    return joined.select(*rows.columns, **codes)
