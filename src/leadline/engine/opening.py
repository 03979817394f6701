"""Which engine evaluates a set of sources."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import Any

import ibis.expr.types as ir

from leadline.engine.engine import Engine
from leadline.spec.fields import Files, Memory, TableSource
from leadline.values import InputError

#: engine's name → module, class, extra to install; loaded when first used, as the extras may not be installed
ENGINES = {
    "duckdb": ("leadline.engine.duckdb", "DuckDB", None),
    "spark": ("leadline.engine.spark", "Spark", "spark"),
    "postgres": ("leadline.engine.postgres", "Postgres", "postgres"),
}
_BACKENDS = {"duckdb": "duckdb", "pyspark": "spark", "postgres": "postgres"}


def open_engine(sources: Sequence[Files | TableSource | Memory]) -> Engine:
    """The one engine on which all sources live.

    An Ibis table is evaluated on its own backend; a source with `engine` and `table` on that engine;
    files, frames and Arrow data on an embedded DuckDB.
    Raises InputError where the sources live on different engines, or the engine's extra is not installed.
    """
    tables = [source.value for source in sources if isinstance(source, Memory) and isinstance(source.value, ir.Table)]
    backends = {id(backend): backend for table in tables for backend in [_backend(table)]}
    if len(backends) > 1:
        raise InputError("the sources are Ibis tables of different connections: make them on one connection")
    declared = [source for source in sources if isinstance(source, TableSource)]
    for source in declared:
        if source.engine == "spark" and source.url is not None:
            raise InputError(f"{source}: Spark takes no `url`; the active session is used, or the one of an Ibis table")
        if source.engine != "spark" and source.catalog is not None:
            raise InputError(f"{source}: {source.engine} has no catalogs; name `database` and `table` only")
    names = {source.engine for source in declared} | {_BACKENDS.get(each.name, each.name) for each in backends.values()}
    if any(isinstance(source, Files) for source in sources):
        names.add("duckdb")
    if len(names) > 1:
        raise InputError(f"the sources live on different engines ({', '.join(sorted(names))}): put them on one")
    name = names.pop() if names else "duckdb"
    if backends:
        backend = next(iter(backends.values()))
        return _engine(name, backend._session if name == "spark" else backend.con)
    if name == "postgres":
        urls = {source.url or os.environ.get("LEADLINE_POSTGRES_URL") for source in declared}
        if len(urls) != 1 or None in urls:
            raise InputError(
                "PostgreSQL needs one `url` beside `table`, or the environment variable LEADLINE_POSTGRES_URL"
            )
        return _engine(name, urls.pop())
    return _engine(name, None)


def _backend(table: ir.Table) -> Any:
    return table.get_backend()


def _engine(name: str, connection: Any) -> Engine:
    if name not in ENGINES:
        raise InputError(f"Ibis tables on {name} are not supported yet: there are {', '.join(ENGINES)}")
    module, kind, extra = ENGINES[name]
    try:
        loaded = importlib.import_module(module)
    except ImportError as problem:
        if extra is None:
            raise
        raise InputError(f"the engine {name!r} is not installed: pip install 'leadline[{extra}]'") from problem
    engine: Engine = getattr(loaded, kind)(connection) if connection is not None else getattr(loaded, kind)()
    return engine
