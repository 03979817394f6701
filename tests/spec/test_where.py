"""Conditions: what may stand in one, where errors point, and that they mean what DuckDB says they mean."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import hypothesis.strategies as st
import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlglot
from hypothesis import assume, given

from leadline.spec.where import ALLOWED, MAX_DEPTH, MAX_LENGTH, Condition, ConditionError, to_ibis

# Names that break whatever is put together as text.
NUMBERS = ["i", '"a b"', '"größe"', '"f32"']
TEXTS = ['"select"', '"say ""hi"""']
SCHEMA = pa.schema(
    {
        "i": pa.int64(),
        "a b": pa.int16(),
        "größe": pa.float64(),
        "f32": pa.float32(),
        "select": pa.string(),
        'say "hi"': pa.string(),
        "flag": pa.bool_(),
        "d": pa.date32(),
        "t": pa.timestamp("us"),
    }
)

small = st.integers(-20, 20)
words = st.sampled_from(["", "a", "A", "ab", "b%", "it's", 'q"', "ß", "Ünï", "a_b", "null", "\\", "-- x", "; drop"])
days = st.dates(date(2020, 1, 1), date(2020, 1, 9))
midnight = datetime(2020, 1, 1)  # a column without a time zone
moments = st.integers(0, 200_000).map(lambda seconds: midnight + timedelta(seconds=seconds))
floats = st.floats(-20, 20, width=32).map(lambda x: round(x * 4) / 4) | st.sampled_from([float("nan"), float("inf")])
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "i": small,
    "a b": small,
    "größe": floats,
    "f32": floats | st.just(0.1),
    "select": words,
    'say "hi"': words,
    "flag": st.booleans(),
    "d": days,
    "t": moments,
}
tables = st.lists(st.fixed_dictionaries({name: st.none() | cells for name, cells in CELLS.items()}), max_size=12).map(
    lambda rows: pa.Table.from_pylist(rows, schema=SCHEMA)
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


number_literals = small.map(str) | st.sampled_from(["0.1", "1.5", "-0.25", "1e1", ".5"])
text_literals = words.map(quoted)
numbers = st.recursive(
    st.sampled_from(NUMBERS) | number_literals,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(" ".join),
        inner.map(lambda x: f"({x})"),
        inner.map(lambda x: f"- {x}"),
        inner.map(lambda x: f"ABS({x})"),
        st.tuples(inner, st.sampled_from(["/ 4", "% 7", "/ -3"])).map(" ".join),
        st.sampled_from(TEXTS).map(lambda x: f"length({x})"),
        st.tuples(inner, inner).map(lambda x: f"coalesce({x[0]}, {x[1]})"),
    ),
    max_leaves=4,
)
texts = st.recursive(
    st.sampled_from(TEXTS) | text_literals,
    lambda inner: st.one_of(
        inner.map(lambda x: f"lower({x})"),
        inner.map(lambda x: f"Upper({x})"),
        st.tuples(inner, inner).map(lambda x: f"coalesce({x[0]}, {x[1]})"),
    ),
    max_leaves=2,
)
date_values = days.map(lambda x: f"DATE '{x}'") | days.map(lambda x: f"'{x}'")
time_values = moments.map(lambda x: f"TIMESTAMP '{x}'") | moments.map(lambda x: f"'{x}'") | date_values
compared = st.sampled_from(["=", "<>", "!=", "<", "<=", ">", ">="])
inside = st.sampled_from(["IN", "NOT IN"])
between = st.sampled_from(["BETWEEN", "NOT BETWEEN"])


def listed(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, min_size=1, max_size=4).map(lambda each: f"({', '.join(each)})")


def ranges(of: st.SearchStrategy[str], ends: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(of, between, ends, ends).map(lambda x: f"{x[0]} {x[1]} {x[2]} AND {x[3]}")


patterns = st.sampled_from(["'a%'", "'_'", "'%''%'", "'%'", "''", "'A_'", "'%ß%'"])
simple = st.one_of(
    st.tuples(numbers, compared, numbers).map(" ".join),
    st.tuples(texts, compared, texts).map(" ".join),
    st.tuples(st.just("d"), compared, date_values | st.just("t")).map(" ".join),
    st.tuples(st.just("t"), compared, time_values).map(" ".join),
    st.tuples(numbers, inside, listed(number_literals)).map(" ".join),
    st.tuples(texts, inside, listed(text_literals)).map(" ".join),
    st.tuples(st.just("d"), inside, listed(days.map(lambda x: f"'{x}'"))).map(" ".join),
    ranges(numbers, numbers),
    ranges(st.just("d"), date_values),
    st.tuples(texts, st.sampled_from(["LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE"]), patterns).map(" ".join),
    st.tuples(st.sampled_from([*NUMBERS, *TEXTS, "flag", "d", "t"]), st.sampled_from(["IS NULL", "IS NOT NULL"])).map(
        " ".join
    ),
    st.sampled_from(["flag", "flag = TRUE", "flag <> true", "flag IS TRUE", "flag IS NOT FALSE", "flag IN (true)"]),
)
conditions = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR", "and"]), inner).map(" ".join),
        inner.map(lambda x: f"NOT {x}"),
        inner.map(lambda x: f"({x})"),
    ),
    max_leaves=5,
)


def _nan_is_null(table: pa.Table) -> pa.Table:
    """NaN is a missing number, on every engine."""
    return pa.table(
        {name: pc.if_else(pc.is_nan(x), None, x) if pa.types.is_floating(x.type) else x
         for name, x in zip(table.column_names, table.columns, strict=True)}
    )  # fmt: skip


@given(tables, conditions)
def test_a_condition_means_what_duckdb_says(table: pa.Table, text: str) -> None:
    try:
        condition = Condition.parse(text)
    except ConditionError:
        assume(False)
    with duckdb.connect() as connection:
        rows = table.append_column("row", pa.array(range(len(table)), pa.int64()))
        connection.register("t", _nan_is_null(rows))
        expected = connection.sql(f"SELECT ({text}) FROM t ORDER BY row").fetchall()
        connection.register("t", rows)
        schema = ibis.Schema.from_pyarrow(rows.schema)
        source = ibis.table(schema, name="t")
        asked = source.select(row=source.row, found=to_ibis(condition, source)).order_by("row").select("found")
        found = connection.sql(ibis.to_sql(asked, dialect="duckdb")).fetchall()
    assert found == expected


@given(
    st.text(max_size=40)
    | st.lists(
        st.sampled_from(list("ab01'\"()*.,;=<>-+/%$?@[]{}:|& "))
        | st.sampled_from(
            [" select ", " in ", " not ", " and ", " case ", " is ", " like ", " over ", "sum(", "date '", " null "]
        )
    ).map("".join)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert Condition.parse(text).columns
    except ConditionError:
        return


T = ibis.table(
    {
        "distance": "int64",
        "carrier": "string",
        "late": "boolean",
        "at": "timestamp('UTC')",
        "local": "timestamp",
        "day": "date",
        "tags": "array<string>",
        "nothing": "null",
        "key": "uuid",
        "price": "decimal(10, 2)",
    },
    name="flights",
)


def pointed(text: str) -> str:
    """The part of `text` that the error points at, and its sentence."""
    with pytest.raises(ConditionError) as refused:
        to_ibis(Condition.parse(text), T)
    sentence, _, rest = str(refused.value).partition("\n")
    line, caret = rest.split("\n")
    return f"{line[caret.index('^') :].split(' ')[0]} | {sentence}"


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("distance > 1 AND (SELECT 1) = 1", "SELECT", "a subquery cannot stand"),
        ("distance IN (SELECT 1)", "SELECT", "a subquery cannot stand"),
        ("distance > 1; DROP TABLE x", ";", "one condition only"),
        ("flights.distance > 1", "flights.distance", "names have one part"),
        ("* = 1", "*", "'*' stands for no single column"),
        ("distance > ?", "?", "parameters cannot stand"),
        ("distance > $1", "$1", "parameters cannot stand"),
        ("distance > 1 AND sum(distance) > 1", "sum(distance)", "'sum' is not a function of conditions"),
        ("lowr(carrier) = 'a'", "lowr(carrier)", "did you mean 'lower'?"),
        ("read_text('/etc/passwd') = carrier", "read_text('/etc/passwd')", "'read_text' is not a function"),
        ("sum(distance) OVER () > 1", "OVER", "a window function cannot stand"),
        ("CASE WHEN late THEN true END", "CASE", "CASE cannot stand"),
        ("distance::text = 'x'", "::text", "casts cannot stand"),
        ("CAST(distance AS DATE) = day", "distance", "casts cannot stand"),
        ("carrier || 'x' = 'y'", "carrier", "cannot stand in a condition"),
        ("carrier COLLATE nocase = 'x'", "COLLATE", "COLLATE cannot stand"),
        ("carrier SIMILAR TO 'x'", "carrier", "cannot stand in a condition"),
        ("tags[1] = 'x'", "[1]", "write IN (...)"),
        ("carrier = NULL", "carrier", "write IS NULL or IS NOT NULL"),
        ("carrier IN ('a', NULL)", "carrier", "nothing equals NULL"),
        ("carrier IN (carrier)", "carrier", "IN takes a list of values"),
        ("distance BETWEEN SYMMETRIC 1 AND 2", "distance", "cannot stand in a condition"),
        ("carrier LIKE 'a!%' ESCAPE '!'", "ESCAPE", "ESCAPE cannot stand"),
        ("carrier LIKE 'a\\%'", "'a\\%'", "cannot hold a backslash"),
        ("carrier LIKE carrier", "carrier", "LIKE takes a pattern in quotes"),
        ("day > DATE '2013-02-30'", "'2013-02-30'", "is not a date"),
        ("at > '2013-02-30 10:00'", "'2013-02-30", "is not a timestamp"),
        ("distance > 99999999999999999999", "99999999999999999999", "whole numbers end at"),
        ("distance > 1e999", "1e999", "too large"),
        ("1 = 1", "1", "names at least one column"),
        ("distance = = 1", "=", "cannot be read"),
        ("select > 1", "select", "a subquery cannot stand"),
        ("from > 1", "from", 'a column of that name is written "from"'),
        ("1 = 1 union", "union", 'a column of that name is written "union"'),
        ("order > 1", "order", "there is no column 'order'"),
        ("distance > 1 AND", "AND", "this cannot be read as a condition, at 'AND'"),
        ("distnce > 1", "distnce", "there is no column 'distnce'; did you mean 'distance'?"),
        ('carrier = "JFK"', '"JFK"', "for the text write 'JFK'"),
        ("carrier = 5", "carrier", "carrier is text, 5 is a number: they cannot be compared; for the text write '5'"),
        ("distance = '5'", "distance", "a number has no quotes"),
        ("late = 1", "late", "write late or NOT late"),
        ("late > true", "late", "no smaller or larger"),
        ("distance", "distance", "this is a number, not a condition"),
        ("distance AND late", "distance", "distance is a number, not a condition"),
        ("carrier + 1 > 2", "carrier", "arithmetic is for numbers"),
        ("lower(distance) = 'x'", "distance)", "where text is needed"),
        ("coalesce(distance, 'x') = 1", "coalesce(distance,", "a number has no quotes"),
        ("coalesce(day, TIMESTAMP '2013-05-01 10:00:00') > day", "coalesce(day,", "write them alike"),
        ("tags = 'x'", "tags", "only IS NULL goes with it"),
        ("at > local", "at", "one of these times has a time zone"),
    ],
)
def test_what_cannot_stand_is_pointed_at(text: str, at: str, said: str) -> None:
    found = pointed(text)
    assert found.startswith(f"{at} | ")
    assert said in found


def test_errors_point_into_the_right_line() -> None:
    with pytest.raises(ConditionError) as refused:
        Condition.parse("distance > 1\n  AND sum(x) > 1")
    assert str(refused.value).endswith("\n      AND sum(x) > 1\n          ^")


@pytest.mark.parametrize("text", ["", "  ", "-- nothing"])
def test_an_empty_condition_is_refused(text: str) -> None:
    with pytest.raises(ConditionError, match="the condition is empty"):
        Condition.parse(text)


@pytest.mark.parametrize("text", ["a = 'x", 'a = "x', "a = 1 /* x"])
def test_an_open_quote_is_refused(text: str) -> None:
    with pytest.raises(ConditionError, match="does not end"):
        Condition.parse(text)


@pytest.mark.parametrize("opened", ["(", "NOT ", "- ", "-(", "abs("])
def test_depth_is_capped(opened: str) -> None:
    closed = ")" * opened.count("(")
    for depth in (MAX_DEPTH * 4, 900):
        text = f"{opened * depth}a{closed * depth} = 1"
        with pytest.raises(ConditionError, match=r"nested deeper|longer than"):
            Condition.parse(text)


def test_length_is_capped() -> None:
    with pytest.raises(ConditionError, match=f"longer than {MAX_LENGTH}"):
        Condition.parse("a = 1 OR " * MAX_LENGTH + "a = 2")


def test_long_chains_are_not_deep() -> None:
    text = " OR ".join(f"distance = {n}" for n in range(200))
    assert Condition.parse(text).columns == ("distance",)
    assert to_ibis(Condition.parse(text), T).type().is_boolean()


@pytest.mark.parametrize(
    ("text", "zone", "hours"),
    [
        ("at >= TIMESTAMP '2013-05-01 00:00:00'", "America/New_York", 4),
        ("at >= '2013-05-01'", "America/New_York", 4),
        ("at >= DATE '2013-05-01'", "UTC", 0),
        ("at >= TIMESTAMPTZ '2013-05-01 00:00:00+01:00'", "America/New_York", -1),
    ],
)
def test_times_without_a_zone_are_read_in_the_declared_one(text: str, zone: str, hours: int) -> None:
    rows = [datetime(2013, 4, 30, 20, tzinfo=UTC).replace(hour=20), datetime(2013, 5, 1, 12, tzinfo=UTC)]
    rows = [
        datetime.fromtimestamp(datetime(2013, 4, 30, 12, tzinfo=UTC).timestamp() + 3600 * n, UTC) for n in range(30)
    ]
    table = pa.table({"at": pa.array(rows, pa.timestamp("us", "UTC"))})
    source = ibis.table({"at": "timestamp('UTC')"}, name="t")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("t", table)
        asked = source.filter(to_ibis(Condition.parse(text), source, zone)).aggregate(
            first=source["at"].min().epoch_seconds()
        )
        first = connection.sql(ibis.to_sql(asked, dialect="duckdb")).fetchall()[0][0]
    assert first - datetime(2013, 5, 1, tzinfo=UTC).timestamp() == 3600 * hours


def test_division_by_zero_is_null_on_every_engine() -> None:
    source = ibis.table({"a": "int64", "b": "int64"}, name="t")
    for text in ("a / b > 0", "a % b = 0"):
        asked = source.select(found=to_ibis(Condition.parse(text), source))
        with duckdb.connect() as connection:
            connection.register("t", pa.table({"a": [1], "b": [0]}))
            assert connection.sql(ibis.to_sql(asked, dialect="duckdb")).fetchall() == [(None,)]


@pytest.mark.parametrize(
    "text",
    ["nothing = 1", "NOT nothing", "lower(nothing) = 'x'", "nothing + 1 > 2", "nothing LIKE 'x'", "nothing IS TRUE"],
)
def test_a_column_that_is_all_null_gives_no_rows_and_no_error(text: str) -> None:
    source = ibis.table({"nothing": "null"}, name="t")
    asked = source.select(found=to_ibis(Condition.parse(text), source).fill_null(False))
    with duckdb.connect() as connection:
        connection.register("t", pa.table({"nothing": pa.nulls(2, pa.int32())}))
        assert connection.sql(ibis.to_sql(asked, dialect="duckdb")).fetchall() == [(False,), (False,)]


@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
@pytest.mark.parametrize("dialect", ["pyspark", "postgres"])
def test_conditions_compile_for_other_engines(dialect: str) -> None:
    getattr(ibis, dialect)  # Ibis knows a dialect once its engine is loaded
    text = "abs(distance) % 7 = 1 AND lower(carrier) LIKE 'a%' AND day IN ('2013-05-01') AND key = 'x' AND price < 1"
    assert "carrier" in ibis.to_sql(T.filter(to_ibis(Condition.parse(text), T)), dialect=dialect)


def test_every_allowed_node_is_used_by_a_condition() -> None:
    text = """(a = 1.5 AND NOT b <> 'x' OR c < -d AND c <= 1 AND c > 2 AND c >= 3 AND e IN (1)
        AND f BETWEEN 1 AND 2 AND g IS NULL AND h LIKE 'x' AND h ILIKE 'x'
        AND i + 1 - 2 * 3 / 4 % 5 = 6
        AND j = DATE '2020-01-01'
        AND k = true AND lower(l) = upper(l) AND length(l) = abs(m) AND coalesce(n, 1) = 1 AND words(l) > 2)"""
    Condition.parse(text)
    used = {type(node) for node in sqlglot.parse_one(text, dialect="duckdb").walk()}
    assert ALLOWED.keys() <= used
