"""Partitions that data quality compares are the same on every engine, and so are its findings."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from homes import Home, home_of
from leadline.evaluation import quality
from leadline.evaluation.run import evaluate_log
from leadline.quality.summary import Partitions
from leadline.spec.load import from_mapping
from leadline.values import Finding

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS, DAYS = 110, 16


def table() -> pa.Table:
    """Numbers that are missing, NaN, huge, negative and far from zero; texts of all kinds; metres from day 14 on."""
    chance = random.Random(5)
    words = ["a", 'B "quoted"', "ünï", "", " N/A ", None, "Ã©", "\ufffd", "12.5", "-3e2", "2024-02-29", "Yes"]
    rows: dict[str, list[Any]] = {name: [] for name in ("id", "at", "score", "metres", "year", "word", "text", "shop")}
    for number in range(ROWS * DAYS):
        day = number // ROWS
        length = chance.gammavariate(3, 2) * (1000 if day >= 14 else 1)
        values = (
            number,
            START + timedelta(minutes=number * 1440 / ROWS),
            round(chance.random(), 3),
            chance.choice([length, length, length, None, float("nan")]),
            chance.choice([2016, 2017, 2020, 2021.5]),
            chance.choice(words),
            f"{chance.choice(['road', 'Straße', 'квартал'])} {chance.randrange(10**6)}",
            chance.choice(["x", "y", None]),
        )
        for name, value in zip(rows, values, strict=True):
            rows[name].append(value)
    rows["metres"][7], rows["metres"][9], rows["metres"][11] = 1e14, -999.0, -0.25
    rows["metres"][-3] = -0.5
    return pa.table(rows)


def found(home: Home) -> tuple[Partitions, tuple[Finding, ...]]:
    sources = home.sources(predictions=table())
    declared = {
        "version": 1,
        "model": "partitions",
        "task": "binary",
        "predictions": {
            "source": sources["predictions"],
            "columns": {"id": "id", "timestamp": "at", "score": "score"},
            "features": {
                "metres": {"min": 0},
                "year": {},
                "word": {"matches": "^[a-zA-Z]"},
                "text": {"unique": True},
                "shop": {},
            },
        },
        "slices": ["shop"],
        "window": "7d",
        "metrics": ["share"],
    }
    read: list[Partitions] = []
    with pytest.MonkeyPatch.context() as patched:
        reading = quality.read_partitions
        patched.setattr(quality, "read_partitions", lambda *given: read.append(reading(*given)) or read[0])
        evaluation = evaluate_log(from_mapping(declared), search=True)
    return read[0], evaluation.data_faults


@pytest.fixture(scope="module")
def ours() -> tuple[Partitions, tuple[Finding, ...]]:
    with home_of("duckdb", lambda _: None) as home:
        return found(home)


def test_what_was_planted_is_found(ours):
    kinds = {(each.kind, each.columns) for each in ours[1]}
    assert {("unit_change", ("metres",)), ("matches", ("word",)), ("min", ("metres",))} <= kinds


@pytest.mark.parametrize("engine", [pytest.param("spark", marks=pytest.mark.slow), "postgres"])
def test_partitions_and_findings_are_those_of_duckdb(home, ours):
    log, findings = found(home)
    for name in ("rows", "ids", "different", "hours"):
        np.testing.assert_array_equal(getattr(log, name), getattr(ours[0], name), err_msg=name)
    assert len(log.columns) == len(ours[0].columns)
    for mine, other in zip(log.columns, ours[0].columns, strict=True):
        assert (mine.name, mine.slice, mine.values, mine.complete) == (
            other.name,
            other.slice,
            other.values,
            other.complete,
        )
        for name in ("rows", "missing", "bins", "counts", "low", "high", "whole", "forms", "broken", "value_counts"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(other, name), err_msg=f"{mine.name} {name}")
    assert findings == ours[1]
