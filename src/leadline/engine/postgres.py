"""PostgreSQL: tables that a team already has there. Needs `leadline[postgres]`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import ibis
import ibis.expr.types as ir
import psycopg
import pyarrow as pa
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.postgres import PostgresCompiler
from psycopg import sql

from leadline.engine.engine import Engine, WithoutIsFinite, arrow_table, plain, unbound
from leadline.spec.fields import Files, Memory, TableSource
from leadline.values import EngineError, InputError


@ibis.udf.scalar.builtin(name="timezone", signature=(("string", "timestamp"), "timestamp"))
def _timezone(zone, time): ...  # type: ignore[no-untyped-def]  # a declaration that Ibis reads, not a function


@ibis.udf.scalar.builtin(name="md5", signature=(("string",), "string"))
def _md5(text): ...  # type: ignore[no-untyped-def]  # a declaration that Ibis reads, not a function


class _Compiler(WithoutIsFinite, PostgresCompiler):  # type: ignore[misc]  # Ibis has no types
    """Ibis' compiler; PostgreSQL casts booleans to `integer` and to no other number."""

    __slots__ = ()

    def visit_Cast(self, op: Any, *, arg: Any, to: Any) -> Any:  # noqa: N802  # Ibis' name
        if op.arg.dtype.is_boolean() and to.is_numeric():
            arg = self.cast(arg, ibis.dtype("int32"))
        return super().visit_Cast(op, arg=arg, to=to)

    def visit_TryCast(self, op: Any, *, arg: Any, to: Any) -> Any:  # noqa: N802  # Ibis' name
        """PostgreSQL 15 has no cast that gives NULL for what it cannot read: only what it surely reads is cast."""
        readable = _NUMBER if to.is_floating() else _TIME if to.is_timestamp() else None
        if not op.arg.dtype.is_string() or readable is None:
            raise NotImplementedError(f"try_cast from {op.arg.dtype} to {to}")
        return self.if_(self.binop(sge.RegexpLike, arg, sge.convert(readable)), self.cast(arg, to))


_NUMBER = r"^\s*[+-]?([0-9]{1,250}[.]?[0-9]{0,250}|[.][0-9]{1,250})([eE][+-]?[0-9]{1,2})?\s*$"
_DAY = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|[0-9]{4}-(0[13-9]|1[0-2])-(29|30)|[0-9]{4}-(0[13578]|1[02])-31"
_LEAP = "([0-9][0-9](0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29"
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
_OFFSET = "[Zz]|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?"
_TIME = rf"^\s*({_DAY}|{_LEAP})([T ]{_CLOCK}\s*({_OFFSET})?)?\s*$"

#: what results depend on
_SETTINGS = {"TimeZone": "UTC", "DateStyle": "ISO, YMD", "extra_float_digits": "1"}


class Postgres(Engine):
    """An own connection by URL, closed at the end, or the user's.

    All is done in one transaction that is rolled back: tables and settings of ours vanish with it. On an own
    connection it sees one state of the database.
    """

    name = "postgres"
    compiler = _Compiler()

    def __init__(self, connection: psycopg.Connection[Any] | str) -> None:
        super().__init__()
        self._stack = ExitStack()
        try:
            if isinstance(connection, str):
                self._connection = self._stack.enter_context(psycopg.connect(connection))
                self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            else:
                self._connection = connection
            self._stack.enter_context(self._connection.transaction(force_rollback=True))
            for name, value in _SETTINGS.items():
                self._connection.execute("SELECT set_config(%s, %s, true)", [name, value])
        except psycopg.Error as problem:  # the URL may hold a password and is not shown
            self._stack.close()
            raise EngineError(f"PostgreSQL: {_first_line(problem)}") from problem

    def read(self, source: Files | TableSource | Memory, text_columns: frozenset[str] = frozenset()) -> ir.Table:
        if isinstance(source, Memory):
            return source.value if isinstance(source.value, ir.Table) else self.lookup(arrow_table(source.value))
        if isinstance(source, Files):
            raise InputError(
                f"{str(source)!r} is a file and the other sources are on PostgreSQL: load it into a table there"
            )
        path = sql.Identifier(*([source.database] if source.database else []), source.table)
        rows = self._connection.execute(
            "SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
            " WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            [path.as_string(self._connection)],
        ).fetchall()
        if not rows:
            raise InputError(f"PostgreSQL has no table {str(source)!r}")
        kinds = {column: _ibis_type(kind) for column, kind in rows}
        table = ibis.table(kinds, name=source.table, database=source.database)
        return table.mutate(**{name: table[name].cast("string") for name, kind in kinds.items() if kind == "unknown"})

    def _execute(self, statement: sql.SQL | sql.Composed) -> psycopg.Cursor[Any]:
        try:
            return self._connection.execute(statement)
        except psycopg.Error as problem:
            raise EngineError(f"PostgreSQL: {_first_line(problem)}") from problem

    def _composed(self, expression: ir.Table) -> sql.SQL:
        return sql.SQL(self.sql(expression))  # names are quoted by construction

    def _fetch(self, expression: ir.Table) -> pa.Table:
        cursor = self._execute(self._composed(expression))
        rows = cursor.fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * len(expression.columns)
        kinds = [_arrow_type(kind) for kind in expression.schema().values()]
        arrays = [_array(values, kind) for values, kind in zip(columns, kinds, strict=True)]
        return pa.Table.from_arrays(arrays, names=list(expression.columns))

    def keep(self, expression: ir.Table) -> ir.Table:
        name = self._next_name()
        self._execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS {}").format(
                sql.Identifier(name), self._composed(expression)
            )
        )
        self._execute(sql.SQL("ANALYZE {}").format(sql.Identifier(name)))
        return ibis.table(expression.schema(), name=name)

    def lookup(self, table: pa.Table) -> ir.Table:
        name = self._next_name()
        table = plain(table)
        result = unbound(table.schema, name)
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(_sql_type(field))) for field in table.schema
        )
        names = sql.SQL(", ").join(map(sql.Identifier, table.column_names))
        self._execute(sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(sql.Identifier(name), columns))
        copying = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(name), names)
        try:
            with self._connection.cursor() as cursor, cursor.copy(copying) as copy:
                for batch in table.to_batches(max_chunksize=10_000):
                    for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                        copy.write_row(row)
        except psycopg.Error as problem:
            raise EngineError(f"PostgreSQL: {_first_line(problem)}") from problem
        self._execute(sql.SQL("ANALYZE {}").format(sql.Identifier(name)))
        return result

    def explain(self, expression: ir.Table) -> str:
        rows = self._execute(sql.SQL("EXPLAIN VERBOSE {}").format(self._composed(expression))).fetchall()
        return "\n".join(row[0] for row in rows)

    def without_zone(self, time: ir.Value) -> ir.Value:
        return _timezone("UTC", time)

    def md5(self, text: ir.StringValue) -> ir.StringValue:
        return _md5(text)

    def hash(self, key: ir.Value) -> ir.Value:
        return key

    def about_distinct(self, value: ir.Value) -> ir.Value:
        return value.nunique()  # PostgreSQL estimates none

    def close(self) -> None:
        self._stack.close()


_TYPES = {
    "smallint": "int16", "integer": "int32", "bigint": "int64", "real": "float32", "double precision": "float64",
    "text": "string", "uuid": "uuid", "boolean": "boolean", "date": "date", "bytea": "binary", "jsonb": "json",
    "json": "json", "timestamp without time zone": "timestamp(6)", "timestamp with time zone": "timestamp('UTC', 6)",
}  # fmt: skip


def _ibis_type(kind: str) -> str:
    """Ibis' name of a type; "unknown" for what is read as text."""
    if kind.endswith("[]"):
        inner = _ibis_type(kind.removesuffix("[]"))
        return inner if inner == "unknown" else f"array<{inner}>"
    if kind.startswith(("character", "varchar", "bpchar")):
        return "string"
    if kind.startswith("numeric"):
        return "decimal" + kind.removeprefix("numeric")
    if kind.startswith("timestamp("):
        return "timestamp('UTC', 6)" if kind.endswith("with time zone") else "timestamp(6)"
    return _TYPES.get(kind, "unknown")


def _sql_type(field: pa.Field) -> str:
    kind = field.type
    for test, name in (
        (pa.types.is_boolean, "boolean"), (pa.types.is_uint64, "numeric"), (pa.types.is_integer, "bigint"),
        (pa.types.is_floating, "double precision"), (pa.types.is_decimal, "numeric"), (pa.types.is_date, "date"),
        (pa.types.is_timestamp, "timestamp"), (pa.types.is_string, "text"), (pa.types.is_binary, "bytea"),
    ):  # fmt: skip
        if test(kind):
            return "timestamptz" if name == "timestamp" and kind.tz else name
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"{_sql_type(kind.value_field)}[]"
    raise InputError(f"the column {field.name!r} has the type {kind}, which PostgreSQL does not take: leave it out")


def _arrow_type(kind: Any) -> pa.DataType | None:
    """What a column of a result is fetched as; None where Arrow may choose."""
    if kind.is_integer():
        return pa.int64()
    if kind.is_floating():
        return pa.float64()
    if kind.is_timestamp():
        return pa.timestamp("us", kind.timezone)
    return pa.bool_() if kind.is_boolean() else pa.string() if kind.is_string() else None


def _array(values: tuple[Any, ...], kind: pa.DataType | None) -> pa.Array:
    if kind is not None and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):  # sums arrive as Decimal
        number = int if pa.types.is_integer(kind) else float
        values = tuple(None if value is None else number(value) for value in values)
    try:
        return pa.array(values, type=kind)
    except OverflowError as problem:
        raise EngineError("a whole number does not fit in 64 bits") from problem


def _first_line(problem: BaseException) -> str:
    return str(problem).strip().splitlines()[0]
