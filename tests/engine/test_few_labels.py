"""Few labels have the same cells on every engine, and every engine chooses the same rows for labelling."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from homes import ENGINES, Home, cells
from leadline.engine import open_engine
from leadline.estimate.labelling import Policy, choose
from leadline.evaluation.run import evaluate_log
from leadline.log.reading import sources
from leadline.spec.load import from_mapping
from leadline.spec.model import Spec
from leadline.stats.sampling import row_number

NOW = datetime(2024, 3, 1, tzinfo=UTC)


def tables(rows: int = 600) -> dict[str, pa.Table]:
    chance = random.Random(3)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    scores = [chance.choice([None, 0.0, 1.0, round(chance.random(), 3)]) for _ in range(rows)]
    predictions = {
        "id": pa.array([f"r{row}" for row in range(rows)]),
        "at": pa.array([start + timedelta(hours=row) for row in range(rows)], pa.timestamp("us", "UTC")),
        "score": pa.array(scores, pa.float64()),
        "site": pa.array([chance.choice(["a", "b", None]) for _ in range(rows)]),
        "weight": pa.array([chance.randrange(1, 9) / 4 for _ in range(rows)], pa.float64()),
    }
    some = [row for row in range(rows) if chance.random() < 0.7]
    said = [chance.choice([0.25, 0.5, 0.5, 1.0, None]) for _ in some]
    labels = {
        "id": pa.array([f"r{row}" for row in some]),
        "value": pa.array([chance.choice([0, 1, None]) for _ in some], pa.int64()),
        "p": pa.array(said, pa.float64()),
    }
    return {"predictions": pa.table(predictions), "labels": pa.table(labels)}


def declared(predictions: Any, labels: Any) -> Spec:
    return from_mapping(
        {
            "version": 1,
            "model": "m",
            "task": "binary",
            "predictions": {
                "source": predictions,
                "columns": {"id": "id", "timestamp": "at", "score": "score", "weight": "weight"},
            },
            "outcomes": {"source": labels, "columns": {"value": "value", "label_probability": "p"}},
            "window": "28d",
            "slices": ["site"],
            "metrics": ["recall", "roc_auc", "brier"],
            "reference": {"until": "2024-03-01"},
        }
    )


def picked(spec: Spec) -> tuple[dict[str, float], list[Any], frozenset[str]]:
    between = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 20, tzinfo=UTC)
    with open_engine(sources(spec)) as engine:
        found = choose(spec, engine, Policy(60), NOW, between, earlier={"r1": 0.9, "r599": 0.9})
    return dict(found.probabilities), found.table.column("id").to_pylist(), found.labelled


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_says_the_same(home: Home) -> None:
    there, here = declared(**home.sources(**tables())), declared(**tables())
    ours, theirs = evaluate_log(there), evaluate_log(here)
    assert any(name[0] == "control_scores" for name in ours.series.pieces)
    found, expected = cells(ours), cells(theirs)
    assert found.keys() == expected.keys()
    for key, sums in found.items():
        assert sums == pytest.approx(expected[key], rel=1e-12, abs=1e-12), key
    assert ours.notes == theirs.notes
    for one, other in zip(ours.estimates(), theirs.estimates(), strict=True):
        assert (one.value is None) == (other.value is None)
        if one.value is not None:
            assert one.value == pytest.approx(other.value, rel=1e-9), one
    assert picked(there) == picked(here)


def test_the_rows_that_are_chosen_are_those_with_small_numbers() -> None:
    probabilities, shown, labelled = picked(declared(**tables()))
    assert all(row_number(key) < chance * 2**32 for key, chance in probabilities.items() if key != "r1")
    assert probabilities["r1"] == 0.9  # of an earlier choice
    assert "r599" not in probabilities  # not in this window
    assert set(shown) == set(probabilities) - labelled
    assert labelled
