"""What every engine can do: tell a table's columns, run an expression, keep a result."""

from __future__ import annotations

import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.json as pa_json

from leadline.spec.fields import Files, Memory, TableSource
from leadline.values import InputError


class Engine(ABC):
    """One open connection. Expressions are written once in Ibis, compiled to the engine's SQL and run as text.

    Ibis' own execution is not used: it imports pandas, which costs a second of every short run.
    Times are handled as naive timestamps in UTC: casting a zoned timestamp drops the zone on some engines.
    Local clock time is made from them in `leadline.log.calendar`, with one table of offsets for all engines.
    """

    name: str
    dialect: str
    #: True where a shared subexpression of one statement is computed once, so that `shared` has nothing to do
    shares_subexpressions = True

    def __init__(self) -> None:
        self._names = (f"leadline_{number}" for number in itertools.count(1))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def read(self, source: Files | TableSource | Memory, text_columns: frozenset[str] = frozenset()) -> ir.Table:
        """The table of a source. `text_columns` are read as text where the file has no types (ids such as `007`)."""

    @abstractmethod
    def run(self, expression: ir.Table) -> pa.Table:
        """The rows of an expression. Used for cells and bounded samples only."""

    @abstractmethod
    def keep(self, expression: ir.Table) -> ir.Table:
        """Compute an expression once and keep it on the engine until `close`."""

    @abstractmethod
    def lookup(self, table: pa.Table) -> ir.Table:
        """Bring a small table to the engine, to be joined."""

    @abstractmethod
    def explain(self, expression: ir.Table) -> str:
        """The engine's plan for an expression."""

    @abstractmethod
    def without_zone(self, time: ir.Value) -> ir.Value:
        """A timestamp that carries a zone → naive timestamp in UTC, whatever the session's zone is."""

    @abstractmethod
    def md5(self, text: ir.StringValue) -> ir.StringValue:
        """Lower-case hexadecimal md5 of a text's UTF-8 bytes: the same on every engine."""

    @abstractmethod
    def close(self) -> None:
        """Drop what was kept; end the connection if it is our own."""

    def hash(self, key: ir.Value) -> ir.Value:
        """Some 64-bit hash of a key. Engines differ: only for finding what *may* be equal, never for a result."""
        return key.hash()

    def unique(self, table: ir.Table, column: str) -> bool:
        """True where no value of a column comes twice (NULL aside): a cheap proof. False: it may or may not."""
        key = table[column]
        counts = self.run(table.aggregate(rows=key.count(), distinct=self.hash(key).nunique())).to_pylist()[0]
        return bool(counts["rows"] == counts["distinct"])

    def shared(self, expression: ir.Table) -> ir.Table:
        """An expression that one statement uses several times, so that its rows are scanned once."""
        return expression if self.shares_subexpressions else self.keep(expression)

    def sql(self, expression: ir.Table) -> str:
        """The engine's SQL of an expression; names are quoted by construction."""
        return str(ibis.to_sql(expression, dialect=self.dialect))

    def parsed_time(self, text: ir.StringValue) -> ir.Value:
        """Text that holds ISO 8601 times, with or without an offset → naive timestamp, in UTC where it had one."""
        return text.try_cast("timestamp(6)")

    def _next_name(self) -> str:
        return next(self._names)


def unbound(schema: pa.Schema, name: str, **where: Any) -> ir.Table:
    """An Ibis table of this schema and name. Types that Ibis does not know are a clear error naming the column."""
    columns: Mapping[str, Any] = {}
    try:
        columns = dict(ibis.Schema.from_pyarrow(schema).items())
    except (TypeError, NotImplementedError, KeyError) as problem:
        raise InputError(f"a column of {name!r} has a type that cannot be read: {problem}") from problem
    return ibis.table(columns, name=name, **where)


def arrow_table(source: Any) -> pa.Table:
    """A frame of any library that speaks the Arrow PyCapsule interface, as a table that shares its memory.

    Raises InputError naming the column where a column mixes kinds of values.
    """
    if isinstance(source, pa.Table):
        return source
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source])
    if not hasattr(source, "__arrow_c_stream__"):
        raise InputError(
            f"a source of the type {type(source).__name__} cannot be read: give a path, a pandas or Polars frame,"
            " an Arrow table, a DuckDB relation or an Ibis table"
        )
    try:
        return pa.table(source)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as problem:
        raise InputError(f"a column holds values of several kinds: {str(problem).strip().splitlines()[0]}") from problem


def small_table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """A small Arrow table from rows of text, numbers, booleans and None.

    By way of JSON: `pa.array` of a list imports pandas where that is installed, which takes a second.

    >>> small_table([{"a": 1, "b": "x"}, {"a": None, "b": "y"}], pa.schema({"a": pa.int64(), "b": pa.string()})).num_rows
    2
    """
    if not rows:
        return schema.empty_table()
    lines = "\n".join(json.dumps(dict(row), allow_nan=False) for row in rows)
    options = pa_json.ParseOptions(explicit_schema=schema)
    return pa_json.read_json(pa.BufferReader(lines.encode()), parse_options=options)
