"""NannyML: estimates by window of a file that bench/estimates.py wrote: CBPE, or DLE for a regression.

usage: nannyml_estimates.py TASK ROWS.parquet ESTIMATES.json

TASK is binary, multiclass or regression.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml as nml
import pandas as pd

METRICS = {
    "binary": {name: name for name in ("roc_auc", "accuracy", "f1", "precision", "recall")},
    "multiclass": {"roc_auc": "roc_auc", "accuracy": "accuracy", "macro_f1": "f1"},
    "regression": {name: name for name in ("mae", "rmse")},
}
SCORE = "score_"
KEPT = ["at", "score", "prediction", "label", "reference"]


def estimator_of(task: str, rows: pd.DataFrame) -> nml.CBPE | nml.DLE:
    shared = {
        "y_pred": "prediction",
        "y_true": "label",
        "timestamp_column_name": "at",
        "metrics": list(METRICS[task].values()),
        "chunk_period": "D",
    }
    if task == "regression":
        return nml.DLE(feature_column_names=[name for name in rows.columns if name not in (*KEPT, "key")], **shared)
    scores = {name.removeprefix(SCORE): name for name in rows.columns if name.startswith(SCORE)}
    probabilities = "score" if task == "binary" else scores
    return nml.CBPE(problem_type=f"classification_{task}", y_pred_proba=probabilities, **shared)


def main() -> None:
    task, rows = sys.argv[1], pd.read_parquet(sys.argv[2]).drop(columns="window")
    started = time.perf_counter()
    estimator = estimator_of(task, rows)
    estimator.fit(rows[rows["reference"] & rows["label"].notna()].astype({"label": int} if task == "binary" else {}))
    analysis = rows[~rows["reference"]].drop(columns="label")
    found = estimator.estimate(analysis).filter(period="analysis").to_df()
    took = time.perf_counter() - started
    days = [str(pd.Timestamp(each).date()) for each in found["chunk", "start_date"]]
    estimates = {
        ours: dict(zip(days, map(float, found[theirs, "value"]), strict=True)) for ours, theirs in METRICS[task].items()
    }
    Path(sys.argv[3]).write_text(json.dumps({"seconds": took, "estimates": estimates}))


if __name__ == "__main__":
    main()
