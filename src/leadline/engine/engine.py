"""What every engine can do: tell a table's columns, run an expression, keep a result."""

from __future__ import annotations

import itertools
import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.json as pa_json
from ibis.backends.sql.compilers.base import SQLGlotCompiler
from sqlglot import exp

from leadline.spec.fields import Files, Memory, TableSource
from leadline.values import EngineError, InputError


class WithoutIsFinite(SQLGlotCompiler):  # type: ignore[misc]  # Ibis has no types
    """Ibis' compiler for an engine that has no function `isfinite`, but does not drop comparisons either."""

    __slots__ = ()

    def visit_ScalarUDF(self, op: Any, **kw: Any) -> Any:  # noqa: N802  # Ibis' name
        if self.__sql_name__(op) == "isfinite":
            return self.f.abs(*kw.values()) < self.POS_INF
        return super().visit_ScalarUDF(op, **kw)


class Engine(ABC):
    """One open connection. Expressions are written once in Ibis, compiled to the engine's SQL and run as text.

    Ibis' own execution is not used: it imports pandas, which costs a second of every short run.
    Times are handled as naive timestamps in UTC: casting a zoned timestamp drops the zone on some engines.
    Local clock time is made from them in `leadline.log.calendar`, with one table of offsets for all engines.
    """

    name: str
    #: Ibis' compiler, taken without its backend: loading one imports pandas
    compiler: SQLGlotCompiler
    #: True where a shared subexpression of one statement is computed once, so that `shared` has nothing to do
    shares_subexpressions = True

    def __init__(self) -> None:
        token = secrets.token_hex(4)  # two evaluations may share a user's connection
        self._names = (f"leadline_{token}_{number}" for number in itertools.count(1))
        self._shared: dict[str, ir.Table] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def read(self, source: Files | TableSource | Memory, text_columns: frozenset[str] = frozenset()) -> ir.Table:
        """The table of a source. `text_columns` are read as text where the file has no types (ids such as `007`)."""

    def run(self, expression: ir.Table) -> pa.Table:
        """The rows of an expression. Used for cells and bounded samples only.

        Times come as naive UTC, whole numbers as int64. Raises EngineError where one does not fit.
        """
        return conformed(self._fetch(expression), expression.schema())

    @abstractmethod
    def _fetch(self, expression: ir.Table) -> pa.Table:
        """The rows of an expression in the types that the engine gives."""

    def scalars(self, *tables: ir.Table) -> list[dict[str, Any]]:
        """The rows of tables of one row each, by one statement."""
        names = [[f"c{place}_{at}" for at in range(len(table.columns))] for place, table in enumerate(tables)]
        kinds = {
            name: kind
            for table, mine in zip(tables, names, strict=True)
            for name, kind in zip(mine, table.schema().values(), strict=True)
        }
        pieces = []
        for place, (table, mine) in enumerate(zip(tables, names, strict=True)):
            own = dict(zip(mine, table.columns, strict=True))
            columns = {name: table[own[name]] if name in own else ibis.null(kind) for name, kind in kinds.items()}
            pieces.append(table.select(place=ibis.literal(place, "int64"), **columns))
        if not pieces:
            return []
        rows = {
            row["place"]: row for row in self.run(ibis.union(*pieces) if len(pieces) > 1 else pieces[0]).to_pylist()
        }
        return [
            {column: rows[place][name] for name, column in zip(names[place], table.columns, strict=True)}
            for place, table in enumerate(tables)
        ]

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

    def about_distinct(self, value: ir.Value) -> ir.Value:
        """About how many values there are; engines err differently, by a few percent. For descriptions only."""
        return value.approx_nunique()

    def distinct(self, key: ir.Value) -> ir.Value | None:
        """How many values a key has, or fewer; None where `repeats` is a cheaper proof."""
        return self.hash(key).nunique(where=key.notnull())  # engines have a hash of NULL, too

    def repeats(self, table: ir.Table, column: str) -> tuple[int, ir.Table | None]:
        """How many rows have no value in a column, and the hashes (`several`) of values that may come twice, if any."""
        several = self.several(table, column)
        found = self.run(
            several.aggregate(
                hashes=several.several_hash.count(),
                missing=several.deliveries.sum(where=several.several_hash.isnull()),
            )
        ).to_pylist()[0]
        return found["missing"] or 0, several if found["hashes"] else None

    def several(self, table: ir.Table, column: str) -> ir.Table:
        """The hashes of the values of a column that may come twice, as `several_hash`; NULL for those that are NULL."""
        key = table[column]
        hashed = self.hash(key)
        hashed = ibis.ifelse(key.notnull(), hashed, ibis.null(hashed.type()))  # engines have a hash of NULL, too
        counts = table.group_by(several_hash=hashed).aggregate(deliveries=lambda t: t.count())
        return self.keep(counts.filter((counts.deliveries > 1) | counts.several_hash.isnull()))

    def shared(self, expression: ir.Table) -> ir.Table:
        """An expression that one statement uses several times, so that its rows are scanned once."""
        if not self.shares_subexpressions:
            return self.keep(expression)
        name = self._next_name()
        self._shared[name] = expression
        return ibis.table(expression.schema(), name=name)

    def sql(self, expression: ir.Table) -> str:
        """The engine's SQL of an expression; names are quoted by construction.

        What is shared stands in a common table expression. Ibis finds common subexpressions by itself, but pushes
        filters and columns into each use first, and then they are no longer common.
        """
        tree = self._tree(expression)
        for name, part in reversed(self._parts(tree).items()):
            tree = tree.with_(exp.to_identifier(name, quoted=True), as_=part)
            first = tree.find(exp.With)
            if first is not None:  # what is shared has to stand before the parts that use it
                first.set("expressions", [first.expressions[-1], *first.expressions[:-1]])
        return str(tree.sql(dialect=self.compiler.dialect))

    def _parts(self, tree: exp.Query) -> dict[str, exp.Query]:
        """What is shared and used in a query by name, each after what it uses itself."""
        found: dict[str, exp.Query] = {}
        for table in tree.find_all(exp.Table):
            if table.name in self._shared and table.name not in found:
                part = self._tree(self._shared[table.name])
                found |= self._parts(part) | {table.name: part}
        return found

    def _tree(self, expression: ir.Table) -> exp.Query:
        """What `ibis.to_sql` writes out, before it is written."""
        tree: exp.Query = self.compiler.to_sqlglot(expression.unbind())
        return tree

    def parsed_time(self, text: ir.StringValue) -> ir.Value:
        """Text that holds an ISO 8601 time → naive UTC timestamp, as if in UTC without an offset; else NULL."""
        return self.without_zone(text.try_cast("timestamp('UTC')"))

    def _next_name(self) -> str:
        return next(self._names)


def conformed(table: pa.Table, schema: ibis.Schema) -> pa.Table:
    """A result with the expression's types: engines sum integers in wider types, and Spark's times have a zone.

    >>> wide = pa.table({"n": [1]}, schema=pa.schema({"n": pa.decimal128(38, 0)}))
    >>> conformed(wide, ibis.schema({"n": "int64"})).schema.field("n").type
    DataType(int64)
    """
    for place, (name, kind) in enumerate(schema.items()):
        column = table.column(place)
        if kind.is_integer() and not pa.types.is_integer(column.type):
            wanted = pa.int64()
        elif kind.is_timestamp() and kind.timezone is None and column.type != pa.timestamp("us"):
            table = table.set_column(place, name, column.cast(pa.timestamp("us"), safe=False))  # nanoseconds are cut
            continue
        else:
            continue
        try:
            table = table.set_column(place, name, column.cast(wanted))
        except pa.ArrowInvalid as problem:
            raise EngineError(f"a whole number of the column {name!r} does not fit in 64 bits") from problem
    return table


def plain(table: pa.Table) -> pa.Table:
    """A table without encodings that only Arrow has: dictionaries, nanoseconds, half floats, views, columns of NULL."""
    fields = [field.with_type(_plain_type(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields), safe=False)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if pa.types.is_float16(kind):
        return pa.float64()
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return pa.string()
    return kind


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
    except ValueError as problem:  # pandas' own, such as two columns of one name
        raise InputError(f"the frame cannot be read: {str(problem).strip().splitlines()[0]}") from problem


def small_table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """A small Arrow table from rows of text, numbers, booleans and None.

    By way of JSON: `pa.array` of a list imports pandas where that is installed, which takes a second.

    >>> small_table([{"a": 1}, {"a": None}], pa.schema({"a": pa.int64()})).num_rows
    2
    """
    if not rows:
        return schema.empty_table()
    lines = "\n".join(json.dumps(dict(row), allow_nan=False) for row in rows)
    options = pa_json.ParseOptions(explicit_schema=schema)
    return pa_json.read_json(pa.BufferReader(lines.encode()), parse_options=options)
