"""One evaluation has the same cells on every engine, whatever the task, the types and the names of its columns."""

from __future__ import annotations

import math
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from homes import ENGINES, Home, cells
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.run import evaluate_log
from leadline.spec.load import from_mapping
from leadline.values import InputError

ZONE = "America/New_York"
ODD = 'sel"ect `from` \\ ünï'  # spaces, quotes, SQL words, a backslash, more than ASCII


def same(found: Evaluation, expected: Evaluation) -> None:
    """The same keys and integers; sums of doubles to 1e-12 of what was added (DESIGN §2)."""
    ours, theirs = cells(found), cells(expected)
    # a few of the keys: pytest's own comparison of thousands takes minutes
    assert sorted(map(str, ours.keys() ^ theirs.keys()))[:6] == []
    for key, sums in ours.items():
        assert sums == pytest.approx(theirs[key], rel=1e-12, abs=1e-12), key
    assert found.labels == expected.labels
    assert found.notes == expected.notes
    assert found.as_of == expected.as_of
    assert found.reference.partitions == expected.reference.partitions
    assert found.reference.versions == expected.reference.versions


def estimated(found: Evaluation) -> list[Any]:
    return [each for each in found.estimates() if each.value is not None]


# Binary -------------------------------------------------------------------------------------------------------------


def binary_tables(rows: int = 400) -> dict[str, pa.Table]:
    """Naive times around both changes of the clock; weights in quarters, so that their sums are exact."""
    chance = random.Random(1)
    start = datetime(2023, 11, 1)
    times = [start + timedelta(minutes=chance.randrange(10 * 1440)) for _ in range(rows)]
    odd = [math.nan, math.inf, -math.inf, None]

    def number(usual: float) -> float | None:
        return usual if chance.random() > 0.05 else chance.choice(odd)

    predictions = {
        "id": pa.array(range(rows), pa.int64()),
        "at": pa.array(times, pa.timestamp("us")),
        "score": pa.array([number(chance.choice([0.0, 1.0, chance.random()])) for _ in range(rows)], pa.float64()),
        "weight": pa.array([number(chance.randrange(1, 9) / 4) for _ in range(rows)], pa.float64()),
        "other model": pa.array([number(chance.random()) for _ in range(rows)], pa.float64()),
        "who": pa.array([chance.choice([1, 2, 3, 40, None]) for _ in range(rows)], pa.int64()),
        "price": pa.array([chance.choice([Decimal("1.50"), Decimal("-2.25"), None]) for _ in range(rows)]),
        "when": pa.array([at.date() if chance.random() > 0.1 else None for at in times], pa.date32()),
        "ratio": pa.array([chance.choice([0.1, 1.0, 10.0, 2.5, math.nan]) for _ in range(rows)], pa.float64()),
    }
    known = [at.replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC) + timedelta(hours=chance.randrange(60)) for at in times]
    labels = {
        "id": [place for place in range(rows) if place % 7],
        "value": [chance.choice([0, 1, 1, None]) for place in range(rows) if place % 7],
        "seen": [at for place, at in enumerate(known) if place % 7],
    }
    return {"predictions": pa.table(predictions), "labels": pa.table(labels)}


def binary(predictions: Any, labels: Any) -> Any:
    return from_mapping(
        {
            "version": 1,
            "model": "m",
            "task": "binary",
            "predictions": {
                "source": predictions,
                "columns": {"id": "id", "timestamp": "at", "score": "score", "weight": "weight", "entity": "who"},
                "thresholds": [0.25],
            },
            "outcomes": {
                "source": labels,
                "columns": {"id": "id", "value": "value", "observed_at": "seen"},
                "matures_after": "1d",
                "absent": 0,
            },
            "timezone": ZONE,
            "window": "1h",
            "slices": ["price", "when", "ratio", {"cross": ["price", "ratio"]}],
            "metrics": ["accuracy", "roc_auc", "brier", "log_loss"],
            "baseline": {"score": "other model"},
            "objectives": [{"metric": "accuracy", "at_least": 0.4, "window": "1d", "slices": ["price"]}],
        }
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_live_table_is_evaluated_where_it_is_and_nothing_is_left_there(home: Home) -> None:
    """Predictions on the user's own connection, labels as a frame that is brought there."""
    tables = binary_tables()
    home.put("predictions", tables["predictions"])
    live = home.live("predictions")
    before = home.state()
    found = evaluate_log(binary(live, tables["labels"]))
    assert home.state() == before
    same(found, evaluate_log(binary(**tables)))
    assert len(estimated(found)) > 500


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])  # what is tried here does not depend on the engine
def test_nothing_is_left_after_an_error(home: Home) -> None:
    tables = binary_tables(20)
    home.put("predictions", tables["predictions"].drop_columns("score"))
    live = home.live("predictions")
    before = home.state()
    with pytest.raises(InputError, match="score"):
        evaluate_log(binary(live, tables["labels"]))
    assert home.state() == before


# Multiclass ---------------------------------------------------------------------------------------------------------

CLASSES = ["cat", 'O"H', "it's", "\\n", "ünï", "select"]


def multiclass_tables(rows: int = 300) -> dict[str, pa.Table]:
    """Text times with and without offsets, ids as text here and as integers there, odd names of columns and classes."""
    chance = random.Random(2)
    start = datetime(2024, 3, 8, 20)
    times = [start + timedelta(minutes=chance.randrange(4 * 1440)) for _ in range(rows)]
    forms = ["{}", "{}Z", "{}+02:00", "{}.250000", "not a time"]
    weights = [20, 5, 5, 5, 1]
    predictions = {
        f"id {ODD}": [str(place) for place in range(rows)],
        f"at {ODD}": [chance.choices(forms, weights)[0].format(at.isoformat()) for at in times],
        f"said {ODD}": [chance.choice([*CLASSES, None, None]) for _ in range(rows)],
        f"v {ODD}": [chance.choice(["it's", 'a "b"', "\\", None]) for _ in range(rows)],
        f"part {ODD}": [chance.choice(CLASSES) for _ in range(rows)],
        **{f"p {name}": [chance.choice([0.0, 0.5, 1.0, math.nan]) for _ in range(rows)] for name in CLASSES},
    }
    labels = {
        f"ref {ODD}": [place for place in range(-5, rows) if place % 3],
        f"is {ODD}": [chance.choice([*CLASSES, None]) for place in range(-5, rows) if place % 3],
    }
    return {"predictions": pa.table(predictions), "labels": pa.table(labels)}


def multiclass(predictions: Any, labels: Any) -> Any:
    return from_mapping(
        {
            "version": 1,
            "model": "m",
            "task": "multiclass",
            "predictions": {
                "source": predictions,
                "columns": {
                    "id": f"id {ODD}",
                    "timestamp": f"at {ODD}",
                    "prediction": f"said {ODD}",
                    "version": f"v {ODD}",
                    "scores": {name: f"p {name}" for name in CLASSES},
                },
            },
            "outcomes": {"source": labels, "columns": {"id": f"ref {ODD}", "value": f"is {ODD}"}},
            "timezone": ZONE,
            "reference": {"until": "2030-01-01"},
            "slices": [{"column": f"part {ODD}", "name": "part"}, {"name": "w", "where": f"\"{_sql(ODD)}\" = 'cat'"}],
            "metrics": ["accuracy"],
        }
    )


def _sql(name: str) -> str:
    return f"part {name}".replace('"', '""')


@pytest.mark.parametrize("engine", ENGINES)
def test_multiclass_with_odd_names_text_times_and_ids_of_two_types(home: Home) -> None:
    tables = multiclass_tables()
    found = evaluate_log(multiclass(**home.sources(**tables)))
    same(found, evaluate_log(multiclass(**tables)))
    assert Counter(_multiclass_counts(found)) == Counter(_multiclass_oracle(tables))


def _multiclass_counts(found: Evaluation) -> list[tuple[int, int, int]]:
    piece = found.series.pieces["total",]
    keys = zip(*(piece.keys[name].tolist() for name in ("grain", "predicted", "actual")), strict=True)
    return [
        (grain + found.series.first, p, y)
        for (grain, p, y), n in zip(keys, piece.rows.tolist(), strict=True)
        for _ in range(n)
    ]


def _multiclass_oracle(tables: dict[str, pa.Table]) -> list[tuple[int, int, int]]:
    labels = {str(row[f"ref {ODD}"]): row[f"is {ODD}"] for row in tables["labels"].to_pylist()}
    found = []
    for row in tables["predictions"].to_pylist():
        try:
            at = datetime.fromisoformat(row[f"at {ODD}"])
        except ValueError:
            continue
        local = (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(ZONE))).astimezone(ZoneInfo(ZONE))
        scores = [row[f"p {name}"] for name in CLASSES]
        finite = [score for score in scores if not math.isnan(score)]
        by_score = scores.index(max(finite)) if finite else len(CLASSES)
        said, is_ = row[f"said {ODD}"], labels.get(row[f"id {ODD}"])
        found.append(
            (
                (local.date() - date(1970, 1, 5)).days,
                CLASSES.index(said) if said is not None else by_score,
                CLASSES.index(is_) if is_ is not None else len(CLASSES),
            )
        )
    return found


# Regression ---------------------------------------------------------------------------------------------------------


def regression_tables(rows: int = 300) -> dict[str, pa.Table]:
    """Dates before and after 1970 as times, decimals as labels, negative numbers, NaN and infinity."""
    chance = random.Random(3)
    predictions = {
        "id": [f"ü{place}" for place in range(rows)],
        "day": pa.array([date(1969, 11, 20) + timedelta(days=chance.randrange(90)) for _ in range(rows)], pa.date32()),
        "guess": [chance.choice([-1.5, 0.25, 100.0, math.nan, math.inf]) for _ in range(rows)],
        "size": pa.array([chance.choice([-21, -20, -1, 0, 19, 20, None]) for _ in range(rows)], pa.int32()),
        "list": pa.array([[0.0, float(place)] for place in range(rows)], pa.list_(pa.float64())),
    }
    labels = {
        "id": [f"ü{place}" for place in range(0, rows, 2)],
        "value": pa.array(
            [chance.choice([Decimal("-1.50"), Decimal("99.99"), None]) for _ in range(0, rows, 2)], pa.decimal128(9, 2)
        ),
    }
    return {"predictions": pa.table(predictions), "labels": pa.table(labels)}


def regression(predictions: Any, labels: Any) -> Any:
    return from_mapping(
        {
            "version": 1,
            "model": "m",
            "task": "regression",
            "predictions": {
                "source": predictions,
                "columns": {"id": "id", "timestamp": "day", "prediction": "guess"},
            },
            "outcomes": {"source": labels, "columns": {"id": "id", "value": "value"}, "absent": 3},
            "timezone": "Asia/Kolkata",
            "window": "1mo",
            "reference": {"until": "2030-01-01"},
            "slices": [
                {"name": "size", "bin": {"column": "size", "width": 20}},
                {"name": "edges", "bin": {"column": "size", "edges": [-20, 0, 19.5]}},
            ],
            "metrics": ["mae", "rmse", "bias"],
        }
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_regression_with_decimals_dates_before_1970_and_negative_bins(home: Home) -> None:
    tables = regression_tables()
    found = evaluate_log(regression(**home.sources(**tables)))
    same(found, evaluate_log(regression(**tables)))
    rows: Counter[tuple[str, int]] = Counter()
    for place, partition in enumerate(found.reference.partitions):
        piece = found.series.pieces["slice", place]
        for code, n in zip(piece.keys["slice"].tolist(), piece.rows.tolist(), strict=True):
            value = partition.slice(code).parts[0][1]
            if value is not None:
                rows[partition.name, value] += n
    sizes = [size for size in tables["predictions"]["size"].to_pylist() if size is not None]
    expected = Counter(("size", math.floor(size / 20)) for size in sizes)
    expected += Counter(("edges", sum(size >= edge for edge in (-20, 0, 19.5))) for size in sizes)
    assert rows == expected
    months = {(day.year, day.month) for day in tables["predictions"]["day"].to_pylist()}
    assert found.series.grains == len(months)
