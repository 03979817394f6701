"""Every condition that a slice may have is the same rows by codes, on the engine, and pasted as `where`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from homes import Home, home_of
from leadline.engine import Engine
from leadline.estimate.leaves import MISSING, RARE
from leadline.evaluation.searched import Searched, read_bins, where, with_codes
from leadline.log.features import FEATURE
from leadline.log.reading import Log, open_log
from leadline.slices.search import Condition
from leadline.spec.load import from_mapping
from leadline.spec.where import MAX_LENGTH, to_ibis
from leadline.spec.where import Condition as Where

ROWS = 400
START = datetime(2024, 1, 1, tzinfo=UTC)
#: how columns are to be read that would be guessed otherwise
DECLARED = {
    'Odd "name" of, it\'s': {},
    "from": {},  # a word of SQL
    "whole": {},
    "precise": {},
    "short": {},
    "flag": {},
    "price": {},
    "review": {},
    "code": {"type": "categorical"},
    "half": {"type": "categorical"},
    "yes": {"type": "categorical"},
}


def table() -> pa.Table:
    chance = random.Random(5)

    def some(values: list[Any]) -> list[Any]:
        return [None if chance.random() < 0.1 else chance.choice(values) for _ in range(ROWS)]

    def gaps(values: list[Any]) -> list[Any]:
        return [None if chance.random() < 0.1 else value for value in values]

    words = ["DE", "O'Hare", 'say "hi"', "ünï", "a\\b", "line\nbreak", " pad ", "", "%_", "--", "NULL", "null"]
    rare = [f"rare {number}" for number in range(40)]
    columns = {
        "id": pa.array(range(ROWS)),
        "at": pa.array([START + timedelta(hours=number) for number in range(ROWS)], pa.timestamp("us", "UTC")),
        "score": pa.array([chance.random() for _ in range(ROWS)]),
        "label": pa.array([chance.random() < 0.5 for _ in range(ROWS)]),
        'Odd "name" of, it\'s': pa.array(some(words * 4 + rare)),
        "from": pa.array(some(["b", "c"])),
        "whole": pa.array(some([-3, 0, 1, 2, 2**40]), pa.int64()),
        "precise": pa.array(gaps([chance.gauss(0, 1) for _ in range(ROWS)])),
        "short": pa.array(gaps([round(chance.random(), 1) for _ in range(ROWS)]), pa.float32()),
        "flag": pa.array(some([True, False])),
        "price": pa.array(some([Decimal("0.10"), Decimal("12.35"), Decimal("-7.00"), Decimal("99.99")])),
        "review": pa.array(gaps(["ü" * (number % 23) + str(number) for number in range(ROWS)])),
        "code": pa.array(some([10, 20, 30]), pa.int64()),
        "half": pa.array(some([0.5, 1.0, -2.25])),
        "yes": pa.array(some([True, False])),
    }
    return pa.table(columns)


@contextmanager
def opened(
    rows: pa.Table, declared: dict[str, Any], engine: str = "duckdb", fixture: Callable[[str], Any] = str
) -> Iterator[Log]:
    with home_of(engine, fixture) as home, home.open() as on:
        yield log_of(home, on, rows, declared)


def log_of(home: Home, engine: Engine, rows: pa.Table, declared: dict[str, Any]) -> Log:
    spec = {
        "version": 1,
        "model": "searched",
        "task": "binary",
        "predictions": {
            "source": home.sources(predictions=rows)["predictions"],
            "columns": {"id": "id", "timestamp": "at", "score": "score"},
            "features": declared,
        },
        "outcomes": {"columns": {"value": "label"}, "matures_after": "1d"},
    }
    return open_log(from_mapping(spec), engine)


def every_condition(searched: Searched) -> Iterator[Condition]:
    yield Condition(0, MISSING, MISSING)
    codes = range(1, searched.size)
    for low in codes:
        for high in range(low, searched.size) if searched.ordered else (low,):
            yield Condition(0, low, high)


def compared(log: Log) -> dict[str, int]:
    """Compare all conditions of all columns; by column how many were written as a condition."""
    engine = log.engine
    columns = [f"{FEATURE}{place}" for place in range(len(log.described))]
    sample = engine.run(log.predictions.select(*columns))
    found = read_bins(sample, log, columns)
    assert {each.name for each in found} == set(log.described)
    codes = engine.run(with_codes(engine, log.predictions.select(*columns), found))
    infinite = frozenset({"endless"})
    written = {}
    for place, each in enumerate(found):
        code = np.array(codes.column(f"code_{place}").to_pylist())
        asked, expected, missing = {}, {}, 0
        for number, condition in enumerate(every_condition(each)):
            text = where([each], [condition], infinite)
            asked[f"engine_{number}"] = each.inside(condition, log.predictions).cast("int64").sum()
            expected[f"engine_{number}"] = int(((code >= condition.low) & (code <= condition.high)).sum())
            missing += text is None and expected[f"engine_{number}"] > 0
            if text is not None:
                assert log.raw is not None
                pasted = to_ibis(Where.parse(text), log.raw).fill_null(False)
                asked[f"pasted_{number}"] = pasted.cast("int64").sum()
                expected[f"pasted_{number}"] = expected[f"engine_{number}"]
        of_raw = {name: value for name, value in asked.items() if name.startswith("pasted")}
        of_facts = {name: value for name, value in asked.items() if name.startswith("engine")}
        (counted,) = engine.run(log.predictions.aggregate(**of_facts)).to_pylist()
        if of_raw and log.raw is not None:
            (more,) = engine.run(log.raw.aggregate(**of_raw)).to_pylist()
            counted |= more
        assert {name: count or 0 for name, count in counted.items()} == expected, each.name
        written[each.name] = len(of_raw)
        assert (missing > 0) == (each.name == "text as number")
    return written


def test_a_pasted_condition_is_the_same_rows() -> None:
    with opened(table(), DECLARED) as log:
        written = compared(log)
    assert min(written.values()) >= 3


@pytest.mark.postgres
def test_a_pasted_condition_is_the_same_rows_on_postgres(request: pytest.FixtureRequest) -> None:
    with opened(table(), DECLARED, "postgres", request.getfixturevalue) as log:
        compared(log)


@pytest.mark.spark
@pytest.mark.slow
def test_a_pasted_condition_is_the_same_rows_on_spark(request: pytest.FixtureRequest) -> None:
    with opened(table(), DECLARED, "spark", request.getfixturevalue) as log:
        compared(log)


def test_infinities_count_as_missing_and_the_condition_says_so() -> None:
    values = [None, math.nan, math.inf, -math.inf, *(float(number) for number in range(ROWS - 4))]
    rows = table().append_column("endless", pa.array(values))
    with opened(rows, {"endless": {}}) as log:
        compared(log)


def test_text_that_is_read_as_numbers_has_no_condition() -> None:
    values = [None if number % 9 == 0 else str(number % 31) for number in range(ROWS)]
    rows = table().append_column("text as number", pa.array(values))
    with opened(rows, {"text as number": {"type": "numeric"}}) as log:
        assert compared(log) == {"text as number": 0}


def test_a_condition_that_is_too_long_is_not_written() -> None:
    long = [f"{'x' * (MAX_LENGTH // 30)}{number % 35:02}" for number in range(ROWS)]
    rows = table().append_column("long", pa.array(long))
    with opened(rows, {"long": {}}) as log:
        (found,) = read_bins(log.engine.run(log.predictions.select(f"{FEATURE}0")), log, [f"{FEATURE}0"])
    assert where([found], [Condition(0, RARE, RARE)], frozenset()) is None
    assert where([found], [Condition(0, 2, 2)], frozenset()) is not None


def test_conditions_are_said_as_people_say_them() -> None:
    with opened(table(), DECLARED) as log:
        columns = [f"{FEATURE}{place}" for place in range(len(log.described))]
        by_name = {each.name: each for each in read_bins(log.engine.run(log.predictions), log, columns)}
    said = {
        ("from", 2, 2): ("from = b", ("from", "b"), "\"from\" = 'b'"),
        ("from", 0, 0): ("from is missing", ("from", None), '"from" IS NULL'),
        ("whole", 3, 3): ("whole = 1", ("whole", 1), "whole = 1"),
        ("whole", 1, 2): ("whole < 1", ("whole", "(-inf, 1)"), "whole < 1"),
        ("whole", 2, 5): ("whole >= 0", ("whole", "[0, inf)"), "whole >= 0"),
        ("whole", 1, 5): ("whole is known", ("whole", "(-inf, inf)"), "whole IS NOT NULL"),
        ("flag", 1, 1): ("flag = false", ("flag", "(-inf, 1)"), "NOT flag"),
        ("yes", 3, 3): ("yes = true", ("yes", "true"), "yes"),
        ("code", 2, 2): ("code = 10", ("code", "10"), "code = 10"),
        ("code", 1, 1): (
            "code is none of 10, 20, 30",
            ("code", "(other)"),
            "code NOT IN (10, 20, 30)",
        ),
    }
    for (name, low, high), (words, part, text) in said.items():
        each, condition = by_name[name], Condition(0, low, high)
        assert (each.said(condition), each.part(condition)) == (words, part)
        assert where([each], [condition], frozenset()) == text
    review = by_name["review"]
    assert review.length
    assert review.said(Condition(0, 1, 1)).startswith("length of review < ")
    assert str(where([review], [Condition(0, 1, 1)], frozenset())).startswith("length(review) < ")
