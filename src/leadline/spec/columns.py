"""What a sample says of its columns: kind, distinct values, range. Read once, for all guesses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

Kind = Literal["text", "number", "boolean", "time", "list", "other"]
LISTED: Final = 200  # more distinct values than this are counted, not kept


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a sample.

    key        the name in lower case, words joined by `_`: `CustomerID` → `customer_id`
    rows       rows of the sample; `known` of them have a value
    distinct   different values among those
    whole      numbers without a fraction
    low, high  range of numbers and times; None without values
    values     the different values, most frequent first, if they are few
    top        share of the most frequent value among the known
    """

    name: str
    key: str
    kind: Kind
    rows: int
    known: int
    distinct: int
    whole: bool
    low: Any
    high: Any
    values: tuple[Any, ...]
    top: float

    @property
    def unique(self) -> bool:
        """A value of its own in every row."""
        return self.rows > 0 and self.distinct == self.rows

    @property
    def zero_one(self) -> bool:
        """True and false, or 0 and 1, or only one of them."""
        return self.kind == "boolean" or (self.kind == "number" and bool(self.values) and set(self.values) <= {0, 1})

    @property
    def share(self) -> bool:
        """Numbers in [0, 1] with fractions."""
        return self.kind == "number" and not self.whole and self.low is not None and self.low >= 0 and self.high <= 1


def key(name: str) -> str:
    """The words of a name, for comparison.

    >>> key("CustomerID"), key("y pred-proba"), key("PM2.5")
    ('customer_id', 'y_pred_proba', 'pm2_5')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", spaced).strip("_").lower()


def columns(table: pa.Table) -> tuple[Column, ...]:
    """What `table`, a sample of at most some ten thousand rows, says of each of its columns.

    >>> columns(pa.table({"late": [True, None, False]}))[0].distinct
    2
    """
    return tuple(_column(name, table.column(index)) for index, name in enumerate(table.column_names))


def plain(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """`array` without dictionary encoding, decimals as doubles, NaN as null."""
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_string_view(array.type):  # few of Arrow's functions know it
        array = array.cast(pa.large_string())
    if pa.types.is_decimal(array.type) or pa.types.is_float16(array.type):
        array = array.cast(pa.float64())
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_finite(array), array, pa.scalar(None, array.type))
    return array


def _kind(type_: pa.DataType) -> Kind:
    if pa.types.is_boolean(type_):
        return "boolean"
    if pa.types.is_integer(type_) or pa.types.is_floating(type_):
        return "number"
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return "text"
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return "time"
    if pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_):
        return "list"
    return "other"


def _column(name: str, array: pa.ChunkedArray) -> Column:
    array = plain(array)
    kind = _kind(array.type)
    known = len(array) - array.null_count
    values: tuple[Any, ...] = ()
    distinct, top, low, high, whole = 0, 0.0, None, None, False
    if known and kind not in ("list", "other"):
        counted = pc.value_counts(pc.drop_null(array.combine_chunks()))
        distinct = len(counted)
        counts = counted.field("counts")
        top = pc.max(counts).as_py() / known
        if distinct <= LISTED and kind != "time":
            order = pc.sort_indices(counts, sort_keys=[("", "descending")])
            values = tuple(counted.field("values").take(order).to_pylist())
        if kind in ("number", "time"):
            ends = pc.min_max(array)
            low, high = _end(ends["min"]), _end(ends["max"])
    whole = kind == "number" and _whole(array)
    return Column(name, key(name), kind, len(array), known, distinct, whole, low, high, values, top)


def _whole(array: pa.ChunkedArray) -> bool:
    return pa.types.is_integer(array.type) or bool(pc.all(pc.equal(pc.floor(array), array), min_count=1).as_py())


def _end(scalar: pa.Scalar) -> Any:
    """A bound as a Python value; times as naive microseconds, for nanoseconds would need pandas."""
    if pa.types.is_timestamp(scalar.type):
        return scalar.cast(pa.timestamp("us"), safe=False).as_py()
    value = scalar.as_py()
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else value
