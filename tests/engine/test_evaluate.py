"""One evaluation has the same cells on every engine, whatever the task, the types and the names of its columns."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from homes import ENGINES, Home, cells, home_of
from leadline.engine.duckdb import DuckDB
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.run import evaluate_log
from leadline.log.columns import number
from leadline.spec.fields import Files, Memory
from leadline.spec.load import from_mapping
from leadline.spec.where import Condition, to_ibis
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
    assert (found.newest is None) == (expected.newest is None)
    if found.newest is not None and expected.newest is not None:
        assert {where: times.tolist() for where, times in found.newest.by_place.items()} == {
            where: times.tolist() for where, times in expected.newest.by_place.items()
        }


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
    service = random.Random(2)
    seconds = [service.choice([service.expovariate(4), -1.0, math.nan, 0.0, None]) for _ in range(rows)]
    failures = [service.choice(["time out", "", None, " ", "no, no, no, no answer"]) for _ in range(rows)]
    predictions |= {"took": pa.array(seconds, pa.float64()), "failure": pa.array(failures, pa.string())}
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
                "columns": {"id": "id", "timestamp": "at", "score": "score", "weight": "weight", "entity": "who"}
                | {"latency_s": "took", "error": "failure"},
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
            "metrics": ["accuracy", "roc_auc", "brier", "log_loss", "throughput", "freshness"],
            "proxies": [
                {"name": "slow", "where": "took > 0.2"},
                {"name": "twice", "value": "2 * took - words(failure)"},
                {"name": "again", "same": "price", "within": "2h"},
                {"text": "failure", "blocked": ["no answer", "time-out"], "is_json": True},
                {"name": "unlike", "value": "failure"},
            ],
            "baseline": {"score": "other model"},
            "objectives": [
                {"metric": "accuracy", "at_least": 0.4, "window": "1d", "slices": ["price"]},
                {"metric": "latency_p95", "at_most": 0.9, "window": "1d", "slices": ["price"]},
            ],
        }
    )


@dataclass(frozen=True)
class Live:
    """An evaluation of predictions on the user's own connection, with labels as a frame that is brought there.

    unchanged   whether tables, views and settings are as they were
    kept, run   the engine's plans of what was kept, and of what was fetched
    """

    found: Evaluation
    unchanged: bool
    kept: list[str]
    run: list[str]


_live: dict[str, Live] = {}


@pytest.fixture
def live(engine: str, home: Home) -> Live:
    """One for each engine: it is run once."""
    if engine not in _live:
        tables = binary_tables()
        wide = tables["predictions"]
        for unused in range(50):
            wide = wide.append_column(f"unused {unused}", pa.array([1.5] * len(wide)))
        home.put("predictions", wide)
        source = home.live("predictions")
        before = home.state()
        with watched(home) as (kept, run):
            found = evaluate_log(binary(source, tables["labels"]))
        _live[engine] = Live(found, home.state() == before, kept, run)
    return _live[engine]


@contextmanager
def watched(home: Home) -> Iterator[tuple[list[str], list[str]]]:
    """The plans of all that is kept and run on an engine meanwhile."""
    with home.open() as opened:
        kind: Any = type(opened)
    keep, fetch = kind.keep, kind._fetch
    kept: list[str] = []
    run: list[str] = []

    def kept_(self: Any, expression: Any) -> Any:
        kept.append(self.explain(expression))
        return keep(self, expression)

    def run_(self: Any, expression: Any) -> Any:
        run.append(self.explain(expression))
        return fetch(self, expression)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kind, "keep", kept_)
        patched.setattr(kind, "_fetch", run_)
        yield kept, run


@pytest.mark.parametrize("engine", ENGINES)
def test_a_live_table_has_the_same_cells(live: Live) -> None:
    same(live.found, evaluate_log(binary(**binary_tables())))
    assert len(estimated(live.found)) > 500


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_left_on_a_user_s_connection(live: Live) -> None:
    assert live.unchanged


@pytest.mark.parametrize("engine", ENGINES)
def test_cells_scan_each_source_once(engine: str, live: Live) -> None:
    """The one statement that counts reads predictions and labels once; Spark keeps the facts first, and reads those."""
    plan = PHYSICAL[engine](live.kept[-1] if engine == "spark" else live.run[-1])
    predictions, labels = SCANS[engine]
    assert len(re.findall(predictions, plan)) == 1
    assert len(re.findall(labels, plan)) == 1
    if engine == "spark":
        leaves = re.findall(r"\+- InMemoryTableScan", PHYSICAL[engine](live.run[-1]))
        assert live.found.baseline is not None
        looked = sum(len(each.counts.pieces) for each in live.found.looks)
        assert len(leaves) == len(live.found.series.pieces) + len(live.found.baseline.pieces) + looked


@pytest.mark.parametrize("engine", ["duckdb", "spark"])  # PostgreSQL reads whole rows
def test_only_needed_columns_are_read(engine: str, live: Live) -> None:
    assert not any("unused" in PHYSICAL[engine](plan) for plan in (*live.kept, *live.run))


def test_wide_parquet_files_are_scanned_once_and_nan_in_them_is_missing(tmp_path: Path) -> None:
    """pyarrow leaves NaN out of the ranges that a file states, and DuckDB believes these (duckdb/duckdb#25521)."""
    tables = binary_tables()
    scores = pa.array([0.25, math.nan, 0.75, math.nan] * (len(tables["predictions"]) // 4), pa.float64())
    place = tables["predictions"].column_names.index("score")
    tables["predictions"] = tables["predictions"].set_column(place, "score", scores)
    wide = tables["predictions"]
    for unused in range(50):
        wide = wide.append_column(f"unused {unused}", pa.array([1.5] * len(wide)))
    files = {"predictions": str(tmp_path / "predictions.parquet"), "labels": str(tmp_path / "labels.parquet")}
    pq.write_table(wide, files["predictions"])
    pq.write_table(tables["labels"], files["labels"])
    with home_of("duckdb", str) as home, watched(home) as (kept, run):
        found = evaluate_log(binary(**files))
    same(found, evaluate_log(binary(**tables)))
    assert run[-1].count("PARQUET_SCAN") == 2
    assert not any("unused" in plan for plan in (*kept, *run))


@pytest.mark.parametrize("values", [[1.0, 1.0], [0.1, 2.5], [0.1, None], [math.inf, -1.0], []], ids=str)
def test_numbers_and_conditions_on_a_parquet_file_that_hides_nan(values: list[float | None], tmp_path: Path) -> None:
    table = pa.table({"x": pa.array([*values, math.nan, *values], pa.float64())})
    pq.write_table(table, tmp_path / "x.parquet")
    conditions = ["x > 1", "NOT x <= 1", "x <> 1", "x BETWEEN 0 AND 3", "x = 1", "x IS NULL"]
    with DuckDB() as engine:
        sources = (Files("", str(tmp_path / "x.parquet")), Memory(table))
        for t in map(engine.read, sources):
            known = [value for value in table["x"].to_pylist() if value is not None and math.isfinite(value)]
            x = number(t.x, "x")
            assert engine.run(t.aggregate(n=x.count())).to_pylist() == [{"n": len(known)}]
            assert sorted(engine.run(t.filter(x.notnull()).select(x=x))["x"].to_pylist()) == sorted(known)
        one, other = (
            engine.scalars(*(t.aggregate(n=to_ibis(Condition.parse(text), t).sum()) for text in conditions))
            for t in map(engine.read, sources)
        )
        assert one == other


def _spark_physical(plan: str) -> str:
    return plan[plan.index("== Physical Plan ==") :]


PHYSICAL: dict[str, Callable[[str], str]] = {"duckdb": str, "postgres": str, "spark": _spark_physical}
#: how a scan of the predictions and one of the labels look
SCANS = {
    "duckdb": (r"Table: [\w.]*predictions", r"Projections:\s+id, value, seen|Projections: id, value, seen"),
    "postgres": (r"Seq Scan on public\.predictions", r"Seq Scan on pg_temp[\w.]*leadline_\w+_1\b"),
    "spark": (r"LocalTableScan \[id#\w+, ", r"LocalTableScan \[other_id#"),
}


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
