"""Where tests put rows so that an engine evaluates them: one small class an engine."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from leadline.engine import Engine
from leadline.engine.duckdb import DuckDB

ENGINES = ("duckdb", "spark", "postgres")
#: statements that the whole suite may run on Spark, and the slow tests beside it: each costs a second or more
MOST_SPARK_JOBS = 44 + 63


class Home:
    """An engine with tables of ours. `sources` may be given in a spec; `live` are tables of an Ibis connection."""

    def put(self, name: str, table: pa.Table) -> None:
        raise NotImplementedError

    def source(self, name: str) -> Any:
        """What a spec names: `{engine: ..., table: ...}`, or a frame where the engine is embedded."""
        raise NotImplementedError

    def live(self, name: str) -> Any:
        """An Ibis table on a connection that stands for the user's."""
        raise NotImplementedError

    def open(self) -> Engine:
        raise NotImplementedError

    def state(self) -> Any:
        """What must be the same after a check as before: tables, views, settings."""
        raise NotImplementedError

    def sources(self, **tables: pa.Table) -> dict[str, Any]:
        for name, table in tables.items():
            self.put(name, table)
        return {name: self.source(name) for name in tables}


class DuckDBHome(Home):
    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'Asia/Tokyo'")
        self.tables: dict[str, pa.Table] = {}

    def put(self, name: str, table: pa.Table) -> None:
        self.tables[name] = table
        self.connection.register("arriving", table)
        self.connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS FROM arriving')
        self.connection.unregister("arriving")

    def source(self, name: str) -> Any:
        return self.tables[name]

    def live(self, name: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ibis 12 calls what DuckDB has deprecated
            return ibis.duckdb.from_connection(self.connection).table(name)

    def open(self) -> Engine:
        return DuckDB(self.connection)

    def state(self) -> Any:
        asked = (
            "SELECT table_name FROM duckdb_tables() ORDER BY 1",
            "SELECT view_name FROM duckdb_views() ORDER BY 1",
            "SELECT name, value FROM duckdb_settings() ORDER BY 1",
            "SELECT database_name FROM duckdb_databases() ORDER BY 1",
        )
        return [self.connection.sql(each).fetchall() for each in asked]


class SparkHome(Home):
    def __init__(self, session: Any) -> None:
        self.session = session
        _counting()

    def put(self, name: str, table: pa.Table) -> None:
        usual = self.session.conf.get("spark.sql.timestampType")
        self.session.conf.set("spark.sql.timestampType", "TIMESTAMP_NTZ")  # else a naive time becomes an instant
        self.session.createDataFrame(table).createOrReplaceTempView(name)
        self.session.conf.set("spark.sql.timestampType", usual)

    def source(self, name: str) -> Any:
        return {"engine": "spark", "table": name}

    def live(self, name: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ibis' backend imports pandas, and pyspark warns of pandas 3
            backend = ibis.pyspark.from_connection(self.session)
        self.session.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")  # Ibis has set it to UTC
        return backend.table(name)

    def open(self) -> Engine:
        from leadline.engine.spark import Spark  # pyspark is slow to load

        return Spark(self.session)

    def state(self) -> Any:
        names = ("spark.sql.session.timeZone", "spark.sql.ansi.enabled", "spark.sql.timestampType")
        settings = {name: self.session.conf.get(name, None) for name in names}
        cached = self.session._jsparkSession.sharedState().cacheManager().isEmpty()
        return sorted(table.name for table in self.session.catalog.listTables()), settings, cached


def _counting() -> None:
    """Count the statements that are run on Spark, once for the session; the one too many fails its test."""
    from leadline.engine.spark import Spark  # pyspark is slow to load

    if hasattr(Spark, "jobs"):
        return
    fetch = Spark._fetch
    Spark.jobs = 0  # type: ignore[attr-defined]

    def counted(self: Spark, expression: ir.Table) -> pa.Table:
        Spark.jobs += 1  # type: ignore[attr-defined]
        assert Spark.jobs <= MOST_SPARK_JOBS, "too many Spark jobs: put more into one table"  # type: ignore[attr-defined]
        return fetch(self, expression)

    Spark._fetch = counted  # type: ignore[method-assign]


class PostgresHome(Home):
    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute("SET TimeZone = 'Asia/Tokyo'")

    def put(self, name: str, table: pa.Table) -> None:
        from leadline.engine.postgres import _sql_type

        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(_sql_type(field)))  # type: ignore[arg-type]
            for field in table.schema
        )
        self.connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))
        self.connection.execute(sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(name), columns))
        copying = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))
        with self.connection.cursor() as cursor, cursor.copy(copying) as copy:
            for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
                copy.write_row(row)

    def source(self, name: str) -> Any:
        return {"engine": "postgres", "table": name, "url": self.url}

    def live(self, name: str) -> Any:
        backend = ibis.postgres.from_connection(self.connection)
        self.connection.execute("SET TimeZone = 'Asia/Tokyo'")  # Ibis has set it to UTC
        return backend.table(name)

    def open(self) -> Engine:
        from leadline.engine.postgres import Postgres

        return Postgres(self.connection)

    def state(self) -> Any:
        asked = (
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v', 'm', 'f', 'p') ORDER BY 1",
            "SELECT name, setting FROM pg_settings WHERE name IN ('TimeZone', 'DateStyle', 'extra_float_digits')",
        )
        status = self.connection.info.transaction_status
        return [self.connection.execute(each).fetchall() for each in asked], status


@contextmanager
def home_of(engine: str, fixture: Callable[[str], Any]) -> Iterator[Home]:
    """A home of an engine; `fixture` gives the value of a session's fixture."""
    if engine == "duckdb":
        duck = DuckDBHome()
        yield duck
        duck.connection.close()
    elif engine == "spark":
        session = fixture("spark")
        usual = session.conf.get("spark.sql.session.timeZone")
        session.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
        yield SparkHome(session)
        session.conf.set("spark.sql.session.timeZone", usual)
    else:
        postgres = PostgresHome(fixture("postgres_url"))
        yield postgres
        postgres.connection.close()


@pytest.fixture
def home(engine: str, request: pytest.FixtureRequest) -> Iterator[Home]:
    """Tables on the engine that a test's parameter `engine` names, in a session whose zone is not UTC."""
    with home_of(engine, request.getfixturevalue) as found:
        yield found


def cells(evaluation: Any) -> Mapping[tuple[Any, ...], Any]:
    """All cells of an evaluation by the name of their piece and their keys; those of equal keys are added."""
    found: dict[tuple[Any, ...], Any] = {}
    every = dict(evaluation.series.pieces)
    if evaluation.baseline is not None:
        every |= {("baseline", *name): piece for name, piece in evaluation.baseline.pieces.items()}
    for place, seen in enumerate(evaluation.looks):
        for series in [seen.counts, *([seen.ranked] if seen.ranked else [])]:
            every |= {("look", place, *name): piece for name, piece in series.pieces.items()}
    for name, piece in every.items():
        keys = sorted(piece.keys)
        for at in range(len(piece)):
            key = (name, tuple((each, int(piece.keys[each][at])) for each in keys))
            sums = [
                float(piece.rows[at]),
                float(piece.weight[at]),
                float(piece.square[at]),
                *(float(x) for loss in piece.losses.values() for x in loss[at]),
            ]
            before = found.get(key, [0.0] * len(sums))
            found[key] = [one + other for one, other in zip(before, sums, strict=True)]
    return {key: sums for key, sums in found.items() if any(sums)}
