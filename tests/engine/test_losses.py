"""Leaves of the trees on losses are the same on every engine: the sample, the trees, and the rows by leaf."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from homes import Home, home_of
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.findings import findings
from leadline.evaluation.losses import LossCells
from leadline.evaluation.run import evaluate_log
from leadline.spec.load import from_mapping
from leadline.values import Finding

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS, DAYS = 120, 20
LOSSES = {"absolute_error", "squared_error", "error"}


def tables() -> dict[str, pa.Table]:
    """Kinds that are predicted badly or too high; missing values, rare words, quotes, rows without a prediction."""
    chance = random.Random(5)
    predictions: dict[str, list[Any]] = {name: [] for name in ("id", "at", "said", "Kind of", "x")}
    labels: dict[str, list[Any]] = {"id": [], "value": []}
    for number in range(ROWS * DAYS):
        kind = chance.choice(["a", 'B "quoted"', "ünï", None, f"rare {number % 50}"])
        x = chance.choice([None, chance.gauss(0, 1), float("nan")])
        said = None if number % 97 == 0 else chance.uniform(0, 100)
        spread = 9.0 if kind == "ünï" else 1.0
        values = (number, START + timedelta(minutes=number * 1440 / ROWS), said, kind, x)
        for name, value in zip(predictions, values, strict=True):
            predictions[name].append(value)
        labels["id"].append(number)
        labels["value"].append((said or 0.0) + chance.gauss(2.0 if kind is None else 0.0, spread))
    return {"predictions": pa.table(predictions), "outcomes": pa.table(labels)}


def evaluated(home: Home, labelled: int = ROWS * DAYS, search: bool = False) -> Evaluation:
    made = tables()
    sources = home.sources(predictions=made["predictions"], outcomes=made["outcomes"].slice(0, labelled))
    return evaluate_log(
        from_mapping(
            {
                "version": 1,
                "model": "losses",
                "task": "regression",
                "predictions": {
                    "source": sources["predictions"],
                    "columns": {"id": "id", "timestamp": "at", "prediction": "said"},
                },
                "outcomes": {"source": sources["outcomes"], "columns": {"id": "id", "value": "value"}},
                "timezone": "UTC",
                "window": "1d",
                "metrics": ["mae", "rmse", "bias"],
                "reference": {"until": "2024-01-11"},
                "check_columns": False,
                "find_faults": False,
                "objectives": [{"metric": "mae", "at_most": 50, "window": "7d"}],
            }
        ),
        search=search,
    )


def leaves(found: Evaluation, loss: str) -> LossCells:
    one = found.losses[loss]
    assert isinstance(one, LossCells)
    return one


@pytest.fixture(scope="module")
def expected() -> Evaluation:
    with home_of("duckdb", lambda _: None) as home:
        return evaluated(home)


def test_every_row_with_a_prediction_is_in_one_leaf(expected: Evaluation) -> None:
    assert set(expected.losses) == LOSSES
    rows = tables()["predictions"]["said"].to_pylist()
    for loss in LOSSES:
        found = leaves(expected, loss)
        assert found.cells.rows.sum() == sum(said is not None for said in rows)
        assert any("ünï" in name for name in leaves(expected, "absolute_error").tree.names())


@pytest.mark.postgres
def test_leaves_are_the_same_on_postgres(expected: Evaluation, request: pytest.FixtureRequest) -> None:
    same_on("postgres", expected, request.getfixturevalue)


@pytest.mark.spark
@pytest.mark.slow
def test_leaves_are_the_same_on_spark(expected: Evaluation, request: pytest.FixtureRequest) -> None:
    same_on("spark", expected, request.getfixturevalue)


def same_on(engine: str, expected: Evaluation, fixture: Callable[[str], Any]) -> None:
    with home_of(engine, fixture) as home:
        found = evaluated(home)
    for loss in LOSSES:
        mine, its = leaves(expected, loss), leaves(found, loss)
        assert its.tree == mine.tree
        for key in ("grain", "leaf"):
            assert its.cells.keys[key].tolist() == mine.cells.keys[key].tolist()
        assert its.cells.rows.tolist() == mine.cells.rows.tolist()
        for theirs, ours in zip(its.cells.losses[loss], mine.cells.losses[loss], strict=True):
            assert theirs == pytest.approx(ours, rel=1e-12, abs=1e-9)
    values = [each.value for each in expected.without_labels.estimates()]
    assert [each.value for each in found.without_labels.estimates()] == pytest.approx(values, rel=1e-12)


def slices_on(home: Home) -> list[Finding]:
    """What is found where only the reference has labels."""
    evaluation = evaluated(home, labelled=ROWS * 10, search=True)
    assert evaluation.found is not None
    return findings(evaluation, evaluation.found)


@pytest.mark.postgres
def test_slices_of_rows_without_labels_are_the_same_on_postgres(request: pytest.FixtureRequest) -> None:
    with home_of("duckdb", lambda _: None) as home:
        (mine,) = slices_on(home)
    assert mine.columns == ("Kind of",)
    assert mine.evidence[0].estimator == "leaf_dle"
    with home_of("postgres", request.getfixturevalue) as home:
        (its,) = slices_on(home)
    assert (its.what, its.where, its.examples) == (mine.what, mine.where, mine.examples)
