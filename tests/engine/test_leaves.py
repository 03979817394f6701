"""Leaves of a tree over features are the same on every engine: the sample, the tree, and the rows by leaf."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from homes import Home, home_of
from leadline.estimate.leaves import below
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.leaves import LeafCells
from leadline.evaluation.of_scores import OfScores
from leadline.evaluation.run import evaluate_log
from leadline.spec.load import from_mapping
from leadline.stats.tree import Split

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS, DAYS = 120, 20


def tables() -> dict[str, pa.Table]:
    """Kinds whose scores are too low and too high; missing values, words that are rare, quotes and capitals."""
    chance = random.Random(3)
    predictions: dict[str, list[Any]] = {name: [] for name in ("id", "at", "score", "Kind of", "x", "version")}
    labels: dict[str, list[Any]] = {"id": [], "label": []}
    for number in range(ROWS * DAYS):
        kind = chance.choice(["a", 'B "quoted"', "ünï", None, f"rare {number % 50}"])
        x = chance.choice([None, chance.gauss(0, 1), float("nan")])
        score = round(chance.uniform(0.02, 0.98), 3)
        version = chance.choice(["v1", "v2", None])
        meant = score + (0.3 if kind == "ünï" else -0.2 if kind is None else 0.0)
        meant = min(max(meant if version != "v2" else 1 - meant, 0.01), 0.99)
        values = (number, START + timedelta(minutes=number * 1440 / ROWS), score, kind, x, version)
        for name, value in zip(predictions, values, strict=True):
            predictions[name].append(value)
        labels["id"].append(number)
        labels["label"].append(chance.random() < meant)
    return {"predictions": pa.table(predictions), "outcomes": pa.table(labels)}


@pytest.fixture(scope="module", autouse=True)
def versions_of_few_rows_have_a_calibrator() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("leadline.evaluation.of_scores.LEAST_OF_VERSION", 300)
        yield


def evaluated(home: Home) -> Evaluation:
    sources = home.sources(**tables())
    return evaluate_log(from_mapping(declared(sources)))


def declared(sources: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": 1,
        "model": "leaves",
        "task": "binary",
        "predictions": {
            "source": sources["predictions"],
            "columns": {"id": "id", "timestamp": "at", "score": "score", "version": "version"},
        },
        "outcomes": {"source": sources["outcomes"], "columns": {"id": "id", "value": "label"}},
        "timezone": "UTC",
        "window": "1d",
        "metrics": ["accuracy"],
        "reference": {"until": "2024-01-11"},
    }


def cells(leaves: LeafCells) -> dict[tuple[int, ...], tuple[int, float]]:
    keys = [leaves.cells.keys[name].tolist() for name in ("grain", "predicted", "actual", "leaf", "wide")]
    sums = zip(leaves.cells.rows.tolist(), leaves.cells.losses["chance"][:, 3].tolist(), strict=True)
    return dict(zip(zip(*keys, strict=True), sums, strict=True))


def reference(leaves: LeafCells) -> dict[tuple[int, ...], int]:
    keys = [leaves.reference.keys[name].tolist() for name in ("leaf", "actual", "bin")]
    return dict(zip(zip(*keys, strict=True), leaves.reference.rows.tolist(), strict=True))


@pytest.fixture(scope="module")
def expected() -> Evaluation:
    with home_of("duckdb", lambda _: None) as home:
        return evaluated(home)


def test_leaves_equal_brute_force(expected: Evaluation) -> None:
    leaves = expected.leaves
    assert leaves is not None
    assert isinstance(expected.without_labels, OfScores)
    assert list(expected.without_labels.of_versions) == ["v1", "v2"]
    rows = tables()["predictions"].to_pylist()
    names = leaves.tree.names()
    assert any("ünï" in name for name in names)
    counted = np.zeros(leaves.tree.leaves)
    np.add.at(counted, leaves.cells.keys["leaf"], leaves.cells.rows)
    assert counted.sum() == len(rows)
    words = [row["Kind of"] for row in rows]
    numbers = np.array([np.nan if row["x"] is None else row["x"] for row in rows])
    columns = {"Kind of": words, "x": numbers}
    features = leaves.tree.features

    def leaf(node: Split | int, row: int) -> int:
        if isinstance(node, int):
            return node
        of, value = features[node.column], columns[features[node.column].name][row]
        if of.edges is None:
            code = 0 if value is None else of.words.index(value) + 2 if value in of.words else 1
            low = code in node.codes
        else:
            limit = below(of, node.codes)
            low = 0 in node.codes if np.isnan(value) else limit is not None and value < limit
        return leaf(node.low if low else node.high, row)

    by_row = [leaf(leaves.tree.root, row) for row in range(len(rows))]
    assert counted.tolist() == np.bincount(by_row, minlength=leaves.tree.leaves).tolist()
    labels = tables()["outcomes"]["label"].to_pylist()
    found = np.zeros((leaves.tree.leaves, 2))
    np.add.at(found, (leaves.reference.keys["leaf"], leaves.reference.keys["actual"]), leaves.reference.rows)
    first = 10 * ROWS  # the reference has ten days
    assert found.tolist() == [
        [sum(labels[row] is bool(y) for row in range(first) if by_row[row] == number) for y in (0, 1)]
        for number in range(leaves.tree.leaves)
    ]
    assert len(set(leaves.reference.keys["bin"].tolist())) > 100


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
    assert found.leaves is not None
    assert expected.leaves is not None
    assert found.leaves.tree == expected.leaves.tree
    assert cells(found.leaves) == cells(expected.leaves)
    assert reference(found.leaves) == reference(expected.leaves)
