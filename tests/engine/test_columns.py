"""Cells of columns are the same on every engine, and those of a brute-force count."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from homes import Home, home_of
from leadline.cells.bins import Kind
from leadline.cells.fill import Cells
from leadline.evaluation.columns import Columns
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.run import evaluate_log
from leadline.spec.load import from_mapping

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS, DAYS, REFERENCE = 150, 16, 10
KINDS = ["a", 'B "quoted"', "ünï", "it's", ""]


def predictions() -> pa.Table:
    """Columns of all kinds: tails, counts, NaN and infinity, text, codes, ids, nothing, always the same."""
    chance = random.Random(5)
    rows: list[dict[str, Any]] = []
    for number in range(ROWS * DAYS):
        late = number >= ROWS * REFERENCE
        rows.append(
            {
                "id": number,
                "at": START + timedelta(minutes=number * 1440 / ROWS),
                "score": round(chance.uniform(0.02, 0.98), 3),
                "Amount": chance.choice([math.nan, math.inf, None, math.exp(chance.gauss(2, 1.5)), -1.0, 0.0]),
                "count": chance.choice([0, 1, 2, 3, 17]) if not late else chance.choice([0, 1, 2, 9]),
                "kind": chance.choice(KINDS) if not late else chance.choice([*KINDS, "new", None]),
                "number as text": chance.choice(["1.5", "7", "x", None]),
                "id as text": f"user {chance.randrange(7000)}",
                "flag": chance.choice([True, False, None]),
                "nothing": None,
                "constant": 4.25,
                "day": START.date(),
                "vector": None
                if number % 7 == 0
                else [1.0, 2.0]
                if number % 9 == 0
                else [chance.gauss(0, 1) for _ in range(4)],
            }
        )
    kinds = {"Amount": pa.float64(), "nothing": pa.float64(), "count": pa.int32(), "flag": pa.bool_()}
    names = list(rows[0])
    return pa.table({name: pa.array([row[name] for row in rows], kinds.get(name)) for name in names})


def labels() -> pa.Table:
    chance = random.Random(6)
    ids = [number for number in range(ROWS * DAYS) if number % 11]
    return pa.table({"id": ids, "label": [chance.random() < 0.4 for _ in ids]})


def evaluated(home: Home) -> Evaluation:
    sources = home.sources(predictions=predictions(), outcomes=labels())
    features = {
        name: {}
        for name in (
            "Amount",
            "count",
            "kind",
            "id as text",
            "flag",
            "nothing",
            "constant",
            "day",
            "vector",
            "not there",
        )
    }
    return evaluate_log(
        from_mapping(
            {
                "version": 1,
                "model": "columns",
                "task": "binary",
                "predictions": {
                    "source": sources["predictions"],
                    "columns": {"id": "id", "timestamp": "at", "score": "score"},
                    "features": features | {"number as text": {"type": "numeric"}},
                },
                "outcomes": {"source": sources["outcomes"], "columns": {"id": "id", "value": "label"}},
                "timezone": "UTC",
                "window": "1d",
                "metrics": ["accuracy"],
                "reference": {"until": "2024-01-11"},
                "find_slices": False,
                "find_faults": False,
                "multivariate": ["reconstruction", "classifier", "embeddings"],
            }
        ),
        search=True,
    )


def columns(found: Evaluation) -> Columns:
    assert isinstance(found.columns, Columns)
    return found.columns


@pytest.fixture(scope="module")
def expected() -> Evaluation:
    with home_of("duckdb", lambda _: None) as home:
        return evaluated(home)


def by_bin(cells: Cells, names: tuple[str, ...], grains: int) -> list[dict[str, int]]:
    found: list[dict[str, int]] = [{} for _ in range(grains)]
    for grain, place, n in zip(cells.keys["grain"], cells.keys["bin"], cells.rows, strict=True):
        found[grain][names[place]] = int(n)
    return found


def test_columns_equal_a_brute_force_count(expected: Evaluation) -> None:
    found, rows = columns(expected), predictions().to_pylist()
    assert [each.column.name for each in found.columns] == [
        "Amount", "count", "kind", "id as text", "flag", "nothing", "constant", "number as text", "score", "prediction",
    ]  # fmt: skip
    for each in found.columns:
        counted = by_bin(each.rows, each.bins.names, DAYS)
        for place, row in enumerate(rows):
            day, value = place // ROWS, row.get(each.column.name, row["score"] >= 0.5)
            counted[day][each.bins.names[bin_of(each.column.name, value, each.bins)]] -= 1
        assert all(not left for day in counted for left in day.values()), each.column.name
        reference = int(each.reference.rows.sum())
        assert reference == ROWS * REFERENCE


def bin_of(name: str, value: Any, bins: Any) -> int:
    """The place of the bin of a value, as the bins' own names and ends tell it."""
    if name == "prediction":
        return list(bins.names).index("positive" if value else "negative")
    if name == "number as text" and value is not None:
        value = float(value) if value != "x" else math.nan
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return int(bins.places(Kind.MISSING)[0])
    if isinstance(value, str):
        new = bins.places(Kind.UNSEEN if bins.known else Kind.REST)[0]
        named = [*bins.names[1:-2]]
        return 1 + named.index(value) if value in named else int(rest_or_new(value, bins, new))
    inside = np.flatnonzero((bins.low <= value) & (value < bins.high))
    return int(inside[0]) if len(inside) else int(bins.places(Kind.UNSEEN)[0])


def rest_or_new(value: str, bins: Any, new: int) -> int:
    return int(bins.places(Kind.REST)[0]) if value in ids_of_reference() else new


@cache
def ids_of_reference() -> set[str]:
    return set(predictions().slice(0, ROWS * REFERENCE)["id as text"].to_pylist())


def test_outcomes_of_the_reference_equal_brute_force(expected: Evaluation) -> None:
    known = dict(zip(labels()["id"].to_pylist(), labels()["label"].to_pylist(), strict=True))
    rows = predictions().slice(0, ROWS * REFERENCE).to_pylist()
    for each in columns(expected).columns:
        if each.column.name != "count":
            continue
        cells = each.outcomes
        assert cells is not None
        left: dict[tuple[int, ...], int] = {}
        for key in zip(
            *(cells.keys[name] for name in ("block", "predicted", "actual", "bin")), cells.rows, strict=True
        ):
            left[tuple(int(part) for part in key[:4])] = int(key[4])
        for row in rows:
            if row["id"] in known:
                block = row["id"] // ROWS * columns(expected).blocks // REFERENCE
                place = bin_of("count", row["count"], each.bins)
                left[block, int(row["score"] >= 0.5), int(known[row["id"]]), place] -= 1
        assert not any(left.values())


@pytest.mark.postgres
def test_columns_are_the_same_on_postgres(expected: Evaluation, request: pytest.FixtureRequest) -> None:
    same_on("postgres", expected, request.getfixturevalue)


@pytest.mark.spark
@pytest.mark.slow
def test_columns_are_the_same_on_spark(expected: Evaluation, request: pytest.FixtureRequest) -> None:
    same_on("spark", expected, request.getfixturevalue)


def same_on(engine: str, expected: Evaluation, fixture: Callable[[str], Any]) -> None:
    with home_of(engine, fixture) as home:
        found = evaluated(home)
    joint, other = columns(expected).joint, columns(found).joint
    assert joint is not None
    assert other is not None
    assert joint.names == other.names
    for name in ("rows", "sums", "products"):
        for part in ("rows", "reference"):
            assert np.array_equal(getattr(getattr(joint, part), name), getattr(getattr(other, part), name))
    drawn, again = columns(expected).samples, columns(found).samples
    assert drawn is not None
    assert again is not None
    for name in ("before", "place", "after"):
        assert np.array_equal(getattr(drawn, name), getattr(again, name))
    for vectors, others in zip(columns(expected).vectors, columns(found).vectors, strict=True):
        assert vectors.dimensions == others.dimensions == 4
        assert np.array_equal(vectors.missing, others.missing)
        assert vectors.rows is not None
        assert others.rows is not None
        np.testing.assert_allclose(vectors.rows.phi, others.rows.phi, atol=1e-9)
        np.testing.assert_allclose(vectors.rows.unit, others.rows.unit, atol=1e-9)
    for ours, theirs in zip(columns(expected).columns, columns(found).columns, strict=True):
        assert ours.bins.names == theirs.bins.names
        for name in ("rows", "reference", "outcomes"):
            assert same(getattr(ours, name), getattr(theirs, name)), (name, ours.column.name)


def same(ours: Cells, theirs: Cells) -> bool:
    keys = all(np.array_equal(ours.keys[name], theirs.keys[name]) for name in ours.keys)
    return keys and np.array_equal(ours.rows, theirs.rows)
