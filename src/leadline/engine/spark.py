"""Apache Spark: the distributed engine of reference. Needs `leadline[spark]` and Java 17."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from leadline.engine.engine import Engine, arrow_table, unbound
from leadline.spec.fields import Files, Memory, TableSource
from leadline.values import EngineError, InputError


@ibis.udf.scalar.builtin(name="md5", signature=(("string",), "string"))
def _md5(text): ...  # type: ignore[no-untyped-def]  # a declaration that Ibis reads, not a function


class _Options(ibis.config.Config):
    """What Ibis' compiler asks before it writes a column or a number.

    Loading Ibis' own backend for Spark would set it too, but that imports pandas, and pyspark then warns of pandas 3.
    """

    treat_nan_as_null: bool = False


class Spark(Engine):
    """The user's session, or the active one. The session's time zone is UTC while we use it, and set back after."""

    name = "spark"
    dialect = "pyspark"
    shares_subexpressions = False  # Spark inlines a common table expression: each use would scan the source again

    def __init__(self, session: SparkSession | None = None) -> None:
        super().__init__()
        self._session = session or SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()
        self._zone = self._session.conf.get("spark.sql.session.timeZone")
        self._session.conf.set("spark.sql.session.timeZone", "UTC")
        self._kept: list[str] = []
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
        self._kept.append(name)
        return unbound(frame.limit(0).toArrow().schema, name)

    def run(self, expression: ir.Table) -> pa.Table:
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
        frame.createOrReplaceTempView(name)
        self._kept.append(name)
        return ibis.table(expression.schema(), name=name)

    def lookup(self, table: pa.Table) -> ir.Table:
        name = self._next_name()
        self._session.createDataFrame(table).createOrReplaceTempView(name)
        self._kept.append(name)
        return unbound(table.schema, name)

    def explain(self, expression: ir.Table) -> str:
        return str(self._session.sql(f"EXPLAIN EXTENDED {self.sql(expression)}").collect()[0][0])

    def without_zone(self, time: ir.Value) -> ir.Value:
        return time.cast("timestamp(6)")  # the session is in UTC

    def md5(self, text: ir.StringValue) -> ir.StringValue:
        return _md5(text)

    def close(self) -> None:
        for name in self._kept:
            if self._session.catalog.isCached(name):
                self._session.catalog.uncacheTable(name)
            self._session.catalog.dropTempView(name)
        self._kept.clear()
        if self._zone is not None:
            self._session.conf.set("spark.sql.session.timeZone", self._zone)


def _first_line(problem: BaseException) -> str:
    return str(problem).strip().splitlines()[0]
