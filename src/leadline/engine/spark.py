"""Apache Spark: the distributed engine of reference. Needs `leadline[spark]` and Java 17."""

from __future__ import annotations

import re
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from leadline.engine.engine import Engine, WithoutIsFinite, arrow_table, plain, unbound
from leadline.spec.fields import Files, Memory, TableSource
from leadline.values import EngineError, InputError


@ibis.udf.scalar.builtin(name="md5", signature=(("string",), "string"))
def _md5(text): ...  # type: ignore[no-untyped-def]  # a declaration that Ibis reads, not a function


@ibis.udf.scalar.builtin(name="xxhash64", signature=(("string",), "int64"))
def _xxhash64(key): ...  # type: ignore[no-untyped-def]  # a declaration that Ibis reads, not a function


#: what results depend on; a sum that overflows is an error only under ANSI rules
_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
}


class _Options(ibis.config.Config):  # type: ignore[misc]  # Ibis has no types
    """What Ibis' compiler asks before it writes a column or a number.

    Loading Ibis' own backend for Spark would set it too, but that imports pandas, and pyspark then warns of pandas 3.
    """

    treat_nan_as_null: bool = False


class _Compiler(WithoutIsFinite, PySparkCompiler):  # type: ignore[misc]  # Ibis has no types
    """Ibis' compiler, taken without its backend: that imports pandas."""

    __slots__ = ()

    def visit_RegexReplace(self, op: Any, *, arg: Any, pattern: Any, replacement: Any) -> Any:  # noqa: N802
        r"""What a group matched is `\1` to other engines and to Ibis, and `$1` to Java."""
        if isinstance(op.replacement, ops.Literal):
            replacement = sge.convert(re.sub(r"\\(\d)", r"$\1", op.replacement.value.replace("$", r"\$")))
        return self.f.regexp_replace(arg, pattern, replacement)


class Spark(Engine):
    """The user's session, or the active one. The session's time zone is UTC while we use it, and set back after."""

    name = "spark"
    compiler = _Compiler()
    shares_subexpressions = False  # Spark inlines a common table expression: each use would scan the source again

    def __init__(self, session: SparkSession | None = None) -> None:
        super().__init__()
        running = session or SparkSession.getActiveSession()
        self._own = running is None
        self._session = running or SparkSession.builder.getOrCreate()
        self._settings = {name: self._session.conf.get(name, None) for name in _SETTINGS}
        for name, value in _SETTINGS.items():
            self._session.conf.set(name, value)
        self._views: list[str] = []
        self._persisted: list[DataFrame] = []
        if ibis.options.pyspark is None:
            ibis.options.pyspark = _Options()

    def read(self, source: Files | TableSource | Memory, text_columns: frozenset[str] = frozenset()) -> ir.Table:
        if isinstance(source, Memory):
            return source.value if isinstance(source.value, ir.Table) else self.lookup(arrow_table(source.value))
        if isinstance(source, Files):
            raise InputError(f"{str(source)!r} is a file and the other sources are on Spark: make it a Spark table too")
        path = ".".join(
            f"`{part.replace('`', '``')}`" for part in (source.catalog, source.database, source.table) if part
        )
        try:
            frame = self._session.table(path)
        except PySparkException as problem:
            raise InputError(f"Spark has no table {str(source)!r}: {_first_line(problem)}") from problem
        name = self._next_name()
        frame.createOrReplaceTempView(name)
        self._views.append(name)
        return unbound(frame.limit(0).toArrow().schema, name)

    def _fetch(self, expression: ir.Table) -> pa.Table:
        try:
            return self._session.sql(self.sql(expression)).toArrow()
        except PySparkException as problem:
            raise EngineError(f"Spark: {_first_line(problem)}") from problem

    def keep(self, expression: ir.Table) -> ir.Table:
        name = self._next_name()
        try:
            frame = self._session.sql(self.sql(expression)).persist()
        except PySparkException as problem:
            raise EngineError(f"Spark: {_first_line(problem)}") from problem
        self._persisted.append(frame)
        frame.createOrReplaceTempView(name)
        self._views.append(name)
        return ibis.table(expression.schema(), name=name)

    def lookup(self, table: pa.Table) -> ir.Table:
        name = self._next_name()
        table = plain(table)
        self._session.createDataFrame(table).createOrReplaceTempView(name)
        self._views.append(name)
        return unbound(table.schema, name)

    def explain(self, expression: ir.Table) -> str:
        return str(self._session.sql(f"EXPLAIN EXTENDED {self.sql(expression)}").collect()[0][0])

    def without_zone(self, time: ir.Value) -> ir.Value:
        return time.cast("timestamp(6)")  # the session is in UTC

    def md5(self, text: ir.StringValue) -> ir.StringValue:
        return _md5(text)

    def hash(self, key: ir.Value) -> ir.Value:
        return _xxhash64(key.cast("string"))  # Ibis' choice has 32 bits: a hundred thousand ids would already clash

    def close(self) -> None:
        for frame in self._persisted:
            frame.unpersist()
        for name in self._views:
            self._session.catalog.dropTempView(name)
        self._persisted.clear()
        self._views.clear()
        for name, value in self._settings.items():
            if value is None:
                self._session.conf.unset(name)
            else:
                self._session.conf.set(name, value)
        if self._own:
            self._session.stop()


def _first_line(problem: BaseException) -> str:
    return str(problem).strip().splitlines()[0]
