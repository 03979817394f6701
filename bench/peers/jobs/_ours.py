"""Leadline's own side: one declaration, one call.

What Leadline loads when first used is loaded with the imports, as the others load theirs: modules only, nothing is
compiled, computed or connected before the clock of `check` starts.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

METRICS = ["roc_auc", "f1", "precision", "recall", "accuracy"]
LOADED_WHEN_USED = (
    "leadline.evaluation.result",
    "leadline.engine.duckdb",
    "ibis.formats.pyarrow",
    "ibis.expr.types.groupby",
)


def load() -> Any:
    for name in LOADED_WHEN_USED:
        importlib.import_module(name)
    return importlib.import_module("leadline")


def one_file(log: str, slices: list[object]) -> dict[str, object]:
    columns = {"id": "id", "timestamp": "timestamp", "score": "y_pred_proba", "prediction": "y_pred"}
    # no features: the other columns would else be read for estimates by leaf, which no other side makes
    return {
        "version": 1,
        "model": "bench",
        "task": "binary",
        "predictions": {"source": log, "columns": columns, "threshold": 0.5, "features": []},
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


def _days(row: Mapping[str, Any]) -> int:
    return (datetime.fromisoformat(row["window_end"]) - datetime.fromisoformat(row["window_start"])).days


def digest(result: Any) -> Mapping[str, float]:
    """Of the days' estimates. All estimates, with their intervals, are computed when `estimates` is first asked for."""
    rows = [row for row in result.estimates if row["slice"] is None and row["estimator"] is None and _days(row) == 1]
    rows.sort(key=lambda row: row["window_start"])
    auc, f1 = ([row["value"] for row in rows if row["metric"] == name] for name in ("roc_auc", "f1"))
    return {
        "windows": len(f1),
        "roc_auc_first": auc[0],
        "roc_auc_last": auc[-1],
        "f1_first": f1[0],
        "f1_last": f1[-1],
    }
