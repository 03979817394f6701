"""Chances of several classes are the same on every engine: bins, the tables that are joined, and the sums."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from homes import Home, home_of
from leadline.evaluation.classes import ClassCells
from leadline.evaluation.run import evaluate_log
from leadline.spec.load import from_mapping

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS, DAYS = 100, 20
NAMES = ("a", 'B "quoted"', "ünï")
Sums = dict[tuple[Any, ...], tuple[Any, ...]]


def tables() -> dict[str, pa.Table]:
    """Scores of many digits, at the ends of their range, and missing; rows without a prediction."""
    chance = random.Random(4)
    predictions: dict[str, list[Any]] = {name: [] for name in ("id", "at", "predicted", *NAMES, "Kind of")}
    labels: dict[str, list[Any]] = {"id": [], "label": []}
    for number in range(ROWS * DAYS):
        weights = [chance.gauss(0, 1) ** 4 + 1e-9 for _ in NAMES]
        scores: list[float | None] = [weight / sum(weights) for weight in weights]
        label = chance.choices(NAMES, weights)[0]
        kind = chance.choice(["x", 'K "quoted"', None])
        if kind is None:  # the tree has something to find
            label = chance.choice(NAMES)
        predicted = NAMES[weights.index(max(weights))] if number % 50 else None
        if number % 40 == 7:
            scores = [1.0, 0.0, 0.0]
        if number % 60 == 11:
            scores[number % 3] = [None, float("nan")][number // 60 % 2]
        at = START + timedelta(minutes=number * 1440 / ROWS)
        for name, value in zip(predictions, (number, at, predicted, *scores, kind), strict=True):
            predictions[name].append(value)
        labels["id"].append(number)
        labels["label"].append(label)
    return {"predictions": pa.table(predictions), "outcomes": pa.table(labels)}


def cells(home: Home) -> Sums:
    sources = home.sources(**tables())
    columns = {"id": "id", "timestamp": "at", "prediction": "predicted", "scores": {name: name for name in NAMES}}
    found = evaluate_log(
        from_mapping(
            {
                "version": 1,
                "model": "classes",
                "task": "multiclass",
                "predictions": {"source": sources["predictions"], "columns": columns},
                "outcomes": {"source": sources["outcomes"], "columns": {"id": "id", "value": "label"}},
                "timezone": "UTC",
                "window": "1d",
                "metrics": ["accuracy", "roc_auc(class=a)", "log_loss"],
                "reference": {"until": "2024-01-11"},
            }
        )
    ).classes
    assert isinstance(found, ClassCells)
    assert found.leaves is not None
    of_leaves = {("leaf", *name): piece for name, piece in found.leaves.chances.pieces.items()}
    summed = {}
    for name, piece in (found.pieces | of_leaves | {("right",): found.leaves.right}).items():
        keys = [piece.keys[key].tolist() for key in sorted(piece.keys, reverse=True)]
        # a logarithm may differ in its last bit, after which a loss may be rounded to the next multiple of 2^-32
        losses = [values[:, 3].round(6 if key == "log_loss" else 12).tolist() for key, values in piece.losses.items()]
        for key, rows, *sums in zip(zip(*keys, strict=True), piece.rows.tolist(), *losses, strict=True):
            summed[*name, *key] = (rows, *sums)
    return summed


@pytest.fixture(scope="module")
def expected() -> Sums:
    with home_of("duckdb", lambda _: None) as home:
        return cells(home)


def test_every_row_with_a_score_of_each_class_is_in_one_cell(expected: Sums) -> None:
    complete = sum(None not in row and not any(map(math.isnan, row)) for row in scores())
    by_prediction = {key: sums for key, sums in expected.items() if len(key) == 3}
    by_bin = {key: sums for key, sums in expected.items() if key[1] == "a"}
    assert sum(sums[0] for sums in by_prediction.values()) == complete < ROWS * DAYS
    assert sum(sums[0] for sums in by_bin.values()) == complete
    for rows, *chances, _ in by_prediction.values():
        assert sum(chances) == pytest.approx(rows, abs=1e-7)
    assert {key[1] for key in by_prediction} == {0, 1, 2}  # the best score predicts where nothing else does


def scores() -> list[tuple[float | None, ...]]:
    table = tables()["predictions"]
    return list(zip(*(table[name].to_pylist() for name in NAMES), strict=True))


@pytest.mark.postgres
def test_chances_are_the_same_on_postgres(expected: Sums, request: pytest.FixtureRequest) -> None:
    same_on("postgres", expected, request.getfixturevalue)


@pytest.mark.spark
@pytest.mark.slow
def test_chances_are_the_same_on_spark(expected: Sums, request: pytest.FixtureRequest) -> None:
    same_on("spark", expected, request.getfixturevalue)


def same_on(engine: str, expected: Sums, fixture: Callable[[str], Any]) -> None:
    with home_of(engine, fixture) as home:
        assert cells(home) == expected
