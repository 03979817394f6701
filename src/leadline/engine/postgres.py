"""PostgreSQL: tables that a team already has there. Needs `leadline[postgres]`."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir
import psycopg
import pyarrow as pa
from psycopg import sql

from leadline.engine.engine import Engine, arrow_table, unbound
from leadline.spec.fields import Files, Memory, TableSource
from leadline.values import EngineError, InputError


@ibis.udf.scalar.builtin(name="timezone", signature=(("string", "timestamp"), "timestamp"))
def _timezone(zone, time): ...  # type: ignore[no-untyped-def]  # a declaration that Ibis reads, not a function


@ibis.udf.scalar.builtin(name="md5", signature=(("string",), "string"))
def _md5(text): ...  # type: ignore[no-untyped-def]  # a declaration that Ibis reads, not a function


class Postgres(Engine):
    """An own connection by URL (closed at the end), or the user's."""

    name = "postgres"
    dialect = "postgres"

    def __init__(self, connection: psycopg.Connection[Any] | str) -> None:
        super().__init__()
        self._own = isinstance(connection, str)
        try:
            self._connection = psycopg.connect(connection) if isinstance(connection, str) else connection
            self._zone = self._one("SHOW TimeZone")
            self._connection.execute("SET TimeZone = 'UTC'")
        except psycopg.Error as problem:  # the URL may hold a password and is not shown
            raise EngineError(f"PostgreSQL: {_first_line(problem)}") from problem
        self._kept: list[str] = []

    def _one(self, statement: str) -> Any:
        row = self._connection.execute(statement).fetchone()
        return row[0] if row else None

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
        columns = {column: _ibis_type(kind) for column, kind in rows}
        return ibis.table(columns, name=source.table, database=source.database)

    def run(self, expression: ir.Table) -> pa.Table:
        schema = expression.schema().to_pyarrow()
        try:
            rows = self._connection.execute(self.sql(expression).encode()).fetchall()
        except psycopg.Error as problem:
            self._connection.rollback()
            raise EngineError(f"PostgreSQL: {_first_line(problem)}") from problem
        columns = list(zip(*rows, strict=True)) or [()] * len(schema)
        return pa.Table.from_arrays(
            [_array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
        )

    def keep(self, expression: ir.Table) -> ir.Table:
        name = self._next_name()
        body = sql.SQL(self.sql(expression))  # type: ignore[arg-type]  # compiled by Ibis, names quoted by construction
        statement = sql.SQL("CREATE TEMPORARY TABLE {} AS {}").format(sql.Identifier(name), body)
        try:
            self._connection.execute(statement)
        except psycopg.Error as problem:
            self._connection.rollback()
            raise EngineError(f"PostgreSQL: {_first_line(problem)}") from problem
        self._kept.append(name)
        return ibis.table(expression.schema(), name=name)

    def lookup(self, table: pa.Table) -> ir.Table:
        name = self._next_name()
        result = unbound(table.schema, name)
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(_sql_type(field.type)))
            for field in table.schema
        )
        names = sql.SQL(", ").join(map(sql.Identifier, table.column_names))
        with self._connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE TEMPORARY TABLE {} ({})").format(sql.Identifier(name), columns))
            with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(name), names)) as copy:
                for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
                    copy.write_row(row)
        self._kept.append(name)
        return result

    def explain(self, expression: ir.Table) -> str:
        statement = sql.SQL("EXPLAIN {}").format(sql.SQL(self.sql(expression)))  # type: ignore[arg-type]  # as in `keep`
        return "\n".join(row[0] for row in self._connection.execute(statement).fetchall())

    def without_zone(self, time: ir.Value) -> ir.Value:
        return _timezone("UTC", time)

    def md5(self, text: ir.StringValue) -> ir.StringValue:
        return _md5(text)

    def hash(self, key: ir.Value) -> ir.Value:
        return key

    def close(self) -> None:
        for name in self._kept:
            self._connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))
        self._kept.clear()
        if self._own:
            self._connection.close()
        else:
            self._connection.execute("SELECT set_config('TimeZone', %s, false)", [self._zone])


_TYPES = {
    "smallint": "int16", "integer": "int32", "bigint": "int64", "real": "float32", "double precision": "float64",
    "text": "string", "uuid": "uuid", "boolean": "boolean", "date": "date", "bytea": "binary", "jsonb": "json",
    "json": "json", "timestamp without time zone": "timestamp(6)", "timestamp with time zone": "timestamp('UTC', 6)",
}  # fmt: skip


def _ibis_type(kind: str) -> str:
    if kind.startswith(("character", "varchar", "bpchar")):
        return "string"
    if kind.startswith("numeric"):
        return "decimal" + kind.removeprefix("numeric")
    if kind.startswith("timestamp("):
        return "timestamp('UTC', 6)" if kind.endswith("with time zone") else "timestamp(6)"
    return _TYPES.get(kind, "unknown")


def _sql_type(kind: pa.DataType) -> str:
    for test, name in (
        (pa.types.is_boolean, "boolean"), (pa.types.is_integer, "bigint"), (pa.types.is_floating, "double precision"),
        (pa.types.is_date, "date"), (pa.types.is_timestamp, "timestamp"),
    ):  # fmt: skip
        if test(kind):
            return "timestamptz" if name == "timestamp" and kind.tz else name
    return "text"


def _array(values: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    if pa.types.is_integer(kind):  # sums arrive as Decimal
        values = tuple(None if value is None else int(value) for value in values)
    if pa.types.is_floating(kind):
        values = tuple(None if value is None else float(value) for value in values)
    return pa.array(values, type=kind)


def _first_line(problem: BaseException) -> str:
    return str(problem).strip().splitlines()[0]
