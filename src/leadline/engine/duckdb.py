"""DuckDB: the embedded default. Reads files and Arrow data, keeps everything in memory, spills to disk."""

from __future__ import annotations

import difflib
import glob
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.sql import compilers
from sqlglot import exp

from leadline.engine.engine import Engine, arrow_table, unbound
from leadline.spec.fields import Files, Memory, TableSource
from leadline.values import EngineError, InputError

PARQUET = (".parquet", ".pq")
CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.zst", ".txt")
JSON = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
#: integer ids that leave at most this many gaps a row are proved unique by a bit each: measured 7 times as fast as
#: counting distinct ones
_DENSE = 64
#: what a check may hold in memory unless LEADLINE_MEMORY_LIMIT says otherwise; beyond that DuckDB writes to disk
MEMORY = "1GB"
ARROW = (".arrow", ".feather", ".ipc")


@ibis.udf.scalar.builtin(name="epoch_us", signature=(("timestamp",), "int64"))
def _epoch_us(time): ...  # type: ignore[no-untyped-def]  # a declaration that Ibis reads, not a function


@ibis.udf.scalar.builtin(name="make_timestamp", signature=(("int64",), "timestamp"))
def _make_timestamp(microseconds): ...  # type: ignore[no-untyped-def]  # a declaration that Ibis reads, not a function


@ibis.udf.scalar.builtin(name="md5", signature=(("string",), "string"))
def _md5(text): ...  # type: ignore[no-untyped-def]  # a declaration that Ibis reads, not a function


@ibis.udf.agg.builtin(name="bitstring_agg", signature=(("int64", "int64", "int64"), "string"))
def _bitstring_agg(value, low, high): ...  # type: ignore[no-untyped-def]  # a declaration that Ibis reads, not a function


@ibis.udf.scalar.builtin(name="bit_count", signature=(("string",), "int64"))
def _bit_count(bits): ...  # type: ignore[no-untyped-def]  # a declaration that Ibis reads, not a function


class DuckDB(Engine):
    """An own in-memory connection, or the user's (an Ibis table's), whose settings are left as they are."""

    name = "duckdb"
    compiler = compilers.duckdb.compiler

    def __init__(self, connection: duckdb.DuckDBPyConnection | None = None) -> None:
        super().__init__()
        self._own = connection is None
        self._connection = connection or _own_connection()
        self._zone = self._connection.sql("SELECT current_setting('TimeZone')").fetchall()[0][0]
        self._connection.execute("SET TimeZone = 'UTC'")
        self._registered: list[str] = []
        self._attached: dict[str, str] = {}

    def read(self, source: Files | TableSource | Memory, text_columns: frozenset[str] = frozenset()) -> ir.Table:
        table = self._read(source, text_columns)
        # nanoseconds with a zone, as pandas has them: DuckDB neither compares nor converts them
        zoned = [
            name for name, kind in table.schema().items() if kind.is_timestamp() and kind.timezone and kind.scale == 9
        ]
        return table.mutate(**{name: table[name].cast("timestamp('UTC', 6)") for name in zoned}) if zoned else table

    def _read(self, source: Files | TableSource | Memory, text_columns: frozenset[str]) -> ir.Table:
        if isinstance(source, Memory):
            return (
                source.value
                if isinstance(source.value, ir.Table)
                else self.lookup(_distinct(arrow_table(source.value)))
            )
        try:
            relation = self._files(source.path, text_columns) if isinstance(source, Files) else self._table(source)
        except (duckdb.Error, pa.ArrowInvalid, OSError) as problem:
            raise InputError(f"{str(source)!r} cannot be read: {_first_line(problem)}") from problem
        if not self._own:
            return self.lookup(relation.to_arrow_table())
        name = self._next_name()
        relation.create_view(name)
        return unbound(relation.limit(0).to_arrow_table().schema, name)

    def _table(self, source: TableSource) -> duckdb.DuckDBPyRelation:
        """A table of a DuckDB file, attached for reading only."""
        if source.url is None:
            raise InputError(f"{str(source)!r}: give the DuckDB file as `url`")
        if source.url not in self._attached:
            name = self._next_name()
            file = exp.Literal.string(source.url).sql("duckdb")
            self._connection.execute(
                f"ATTACH {file} AS {name} (READ_ONLY)"
            )  # quoted by sqlglot: ATTACH binds no values
            self._attached[source.url] = name
        path = [self._attached[source.url], source.database or "main", source.table]
        return self._connection.table(".".join(exp.to_identifier(part, quoted=True).sql("duckdb") for part in path))

    def _files(self, path: str, text_columns: frozenset[str]) -> duckdb.DuckDBPyRelation:
        files = files_of(path)
        kinds = [kind for kind in (PARQUET, CSV, JSON, ARROW) if any(file.lower().endswith(kind) for file in files)]
        if len(kinds) != 1:
            raise InputError(
                f"{path!r}: files must be of one kind, .parquet, .csv, .json or .arrow; found {', '.join(files[:3])}"
            )
        if kinds[0] is PARQUET:
            return self._connection.read_parquet(files, union_by_name=True)
        if kinds[0] is CSV:
            if not any(Path(file).stat().st_size for file in files):
                raise InputError(f"{path!r} is empty: it has not even a line with the names of columns")
            read: Any = self._connection.read_csv  # takes a list of files, which its types do not say
            found: duckdb.DuckDBPyRelation = read(files, union_by_name=True, sample_size=-1)
            if len(found.columns) == 1 and any(mark in found.columns[0] for mark in ",;\t|"):
                raise InputError(
                    f"{path!r}: the columns cannot be told apart, for not all lines have as many values as the first,"
                    f" {found.columns[0]!r}; the last line may have been cut off"
                )
            as_text = {name: "VARCHAR" for name in found.columns if name in text_columns}
            return read(files, union_by_name=True, sample_size=-1, dtype=as_text) if as_text else found
        if kinds[0] is JSON:
            return self._connection.read_json(files, union_by_name=True)  # type: ignore[arg-type]  # takes a list
        return self._connection.from_arrow(
            pa.concat_tables([_read_arrow(file) for file in files], promote_options="permissive")
        )

    def _fetch(self, expression: ir.Table) -> pa.Table:
        try:
            return self._connection.sql(self.sql(expression)).to_arrow_table()
        except (duckdb.ConversionException, duckdb.OutOfRangeException) as problem:
            raise InputError(f"a value cannot be used: {_first_line(problem)}") from problem
        except duckdb.Error as problem:
            raise EngineError(f"DuckDB: {_first_line(problem)}") from problem

    def keep(self, expression: ir.Table) -> ir.Table:
        if not self._own:  # a user's database gets no table of ours
            return self.lookup(self.run(expression))
        name = self._next_name()
        try:
            self._connection.sql(self.sql(expression)).create(name)
        except duckdb.Error as problem:
            raise EngineError(f"DuckDB: {_first_line(problem)}") from problem
        return ibis.table(expression.schema(), name=name)

    def lookup(self, table: pa.Table) -> ir.Table:
        name = self._next_name()
        self._connection.register(name, table)
        self._registered.append(name)
        return unbound(table.schema, name)

    def explain(self, expression: ir.Table) -> str:
        return str(self._connection.sql(self.sql(expression)).explain())

    def without_zone(self, time: ir.Value) -> ir.Value:
        return _make_timestamp(_epoch_us(time))  # twenty times as fast as `timezone('UTC', time)`: measured

    def md5(self, text: ir.StringValue) -> ir.StringValue:
        return _md5(text)

    def distinct(self, key: ir.Value) -> ir.Value | None:
        return None

    def repeats(self, table: ir.Table, column: str) -> tuple[int, ir.Table | None]:
        missing = self._dense(table, column)
        return super().repeats(table, column) if missing is None else (missing, None)

    def _dense(self, table: ir.Table, column: str) -> int | None:
        """Rows without a value, where the values are whole numbers with few gaps, none of which comes twice."""
        key = table[column]
        if not key.type().is_integer():
            return None
        asked = {"low": key.min(), "high": key.max(), "filled": key.count(), "rows": table.count()}
        span = self.run(table.aggregate(**asked)).to_pylist()[0]
        if not span["filled"] or span["high"] - span["low"] > _DENSE * span["filled"] or span["high"] >= 2**63:
            return None
        bits = _bit_count(_bitstring_agg(key.cast("int64"), span["low"], span["high"]))
        if self.run(table.aggregate(distinct=bits)).to_pylist()[0]["distinct"] != span["filled"]:
            return None
        return int(span["rows"] - span["filled"])

    def close(self) -> None:
        for name in self._registered:
            self._connection.unregister(name)
        self._registered.clear()
        for name in self._attached.values():
            self._connection.execute(f"DETACH {name}")
        self._attached.clear()
        if self._own:
            self._connection.close()
        else:
            self._connection.execute(f"SET TimeZone = {exp.Literal.string(self._zone).sql('duckdb')}")


def _own_connection() -> duckdb.DuckDBPyConnection:
    asked = {name: os.environ.get(f"LEADLINE_{name.upper()}") for name in ("memory_limit", "threads", "temp_directory")}
    settings: dict[str, Any] = {name: value for name, value in asked.items() if value}
    # DuckDB makes the directory when it has to write, and takes it away; its own choice is the user's directory
    spill = Path(tempfile.gettempdir(), f"leadline-{os.getpid()}-{secrets.token_hex(4)}")
    ours = {"preserve_insertion_order": "false", "memory_limit": MEMORY, "temp_directory": str(spill)}
    try:
        connection = duckdb.connect(config={**ours, **settings})
    except duckdb.Error as problem:
        shown = ", ".join(f"LEADLINE_{name.upper()}={value}" for name, value in settings.items())
        raise InputError(f"DuckDB does not take the settings {shown}: {_first_line(problem)}") from problem
    with suppress(duckdb.ParserException):  # before 2.0 there is no such optimizer
        # it lets the reader of a CSV file cast where `try_cast` was asked for: one "N/A" would end the evaluation
        connection.execute("SET disabled_optimizers = 'type_pushdown'")
    return connection


def files_of(source: str) -> list[str]:
    """The files of a path, a glob or a directory, sorted by name. Raises InputError where there is none."""
    path = Path(source).expanduser()
    if path.is_dir():
        known = PARQUET + CSV + JSON + ARROW
        files = sorted(str(file) for file in path.rglob("*") if str(file).lower().endswith(known))
    elif path.exists():
        files = [str(path)]
    else:
        files = sorted(glob.glob(str(path), recursive=True))
    if not files:
        others = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, others, n=1)
        raise InputError(
            f"{source!r}: no such file, and no file matches{f'; did you mean {near[0]!r}?' if near else ''}"
        )
    return files


def _distinct(table: pa.Table) -> pa.Table:
    """The table itself. Raises InputError where DuckDB would take one column for another: case is nothing to it."""
    seen: dict[str, str] = {}
    for name in table.column_names:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise InputError(
                f"columns {other!r} and {name!r} differ in upper and lower case alone, so that the engine takes one for"
                " the other: rename one, or leave it out"
            )
    return table


def _read_arrow(file: str) -> pa.Table:
    with pa.memory_map(file) as mapped:
        try:
            return pa.ipc.open_file(mapped).read_all()
        except pa.ArrowInvalid:
            return pa.ipc.open_stream(mapped).read_all()


def _first_line(problem: BaseException) -> str:
    return str(problem).strip().splitlines()[0]
