"""Our realised performance by day equals NannyML's on the same rows (bench/oracles makes its side)."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pyarrow as pa
import pytest

import leadline

ORACLES = Path(__file__).parent / "oracles"
ORACLE = json.loads((ORACLES / "nannyml_realised.json").read_text())
#: ours by NannyML's name, where they differ
NAMES = {"msle": "rmsle"}


def rows(task: str) -> pa.Table:
    spec = importlib.util.spec_from_file_location("oracle_table", ORACLES / "table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return pa.table(module.rows(task, ORACLE["seed"]))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_equals_nannyml_in_every_day(task):
    metrics = list(dict.fromkeys(NAMES.get(name, name) for name in ORACLE[task]))
    columns = {"id": "id", "timestamp": "timestamp", "prediction": "prediction"}
    columns |= {"score": "score"} if task == "binary" else {}
    table = rows(task)
    declared = {
        "version": 1,
        "model": "oracle",
        "task": task,
        "predictions": {"source": table, "columns": columns},
        "outcomes": {"source": table, "columns": {"id": "id", "value": "label"}, "matures_after": "0d"},
        "timezone": "UTC",
        "window": "1d",
        "metrics": metrics,
    }
    found = leadline.check(declared).estimates
    for name, wanted in ORACLE[task].items():
        mine = [row for row in found if row["metric"] == NAMES.get(name, name) and row["estimator"] is None]
        assert len(mine) == len(wanted)
        for row, theirs in zip(sorted(mine, key=lambda row: row["window_start"]), wanted, strict=True):
            value = row["value"] ** 2 if name == "msle" else row["value"]
            assert value == pytest.approx(theirs, rel=1e-7, abs=(row["bound"] or 0.0) + 1e-9), (name, row)
