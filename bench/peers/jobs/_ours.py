"""Leadline's own side: one declaration, one call. The libraries that Leadline loads when first used are loaded with the
imports."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

METRICS = ["roc_auc", "f1", "precision", "recall", "accuracy"]
LOADED_WHEN_USED = ("numpy", "pyarrow.parquet", "duckdb", "sqlglot", "ibis", "pydantic", "scipy.stats", "yaml")


def load() -> Any:
    for name in LOADED_WHEN_USED:
        importlib.import_module(name)
    return importlib.import_module("leadline")


def one_file(log: str, slices: list[object]) -> dict[str, object]:
    columns = {"id": "id", "timestamp": "timestamp", "score": "y_pred_proba", "prediction": "y_pred"}
    return {
        "version": 1,
        "model": "bench",
        "task": "binary",
        "predictions": {"source": log, "columns": columns, "threshold": 0.5},
        "positive": 1,
        "outcomes": {"source": log, "columns": {"id": "id", "value": "y_true"}, "matures_after": "0d"},
        "timezone": "UTC",
        "window": "1d",
        "slices": slices,
        "metrics": METRICS,
    }


def two_files(predictions: str, outcomes: str) -> dict[str, object]:
    columns = {"id": "prediction_id", "timestamp": "timestamp", "score": "score", "prediction": "predicted"}
    known = {"id": "prediction_id", "value": "value", "observed_at": "observed_at"}
    return {
        "version": 1,
        "model": "bench",
        "task": "binary",
        "predictions": {"source": predictions, "columns": columns, "threshold": 0.5},
        "positive": True,
        "outcomes": {"source": outcomes, "columns": known, "matures_after": "0d"},
        "timezone": "UTC",
        "window": "1d",
        "metrics": METRICS,
    }


def digest(result: Any) -> Mapping[str, float]:
    rows = [row for row in result.estimates.to_arrow().to_pylist() if row["slice"] is None]
    rows.sort(key=lambda row: row["window_start"])
    auc, f1 = ([row["value"] for row in rows if row["metric"] == name] for name in ("roc_auc", "f1"))
    return {
        "windows": len(f1),
        "roc_auc_first": auc[0],
        "roc_auc_last": auc[-1],
        "f1_first": f1[0],
        "f1_last": f1[-1],
    }
