"""NannyML: CBPE by window of a file that bench/estimates.py wrote.

usage: nannyml_cbpe.py ROWS.parquet ESTIMATES.json
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

METRICS = ["roc_auc", "accuracy", "f1", "precision", "recall"]


def main() -> None:
    rows = pd.read_parquet(sys.argv[1], columns=["at", "score", "prediction", "label", "reference"])
    started = time.perf_counter()
    estimator = nml.CBPE(
        problem_type="classification_binary",
        y_pred_proba="score",
        y_pred="prediction",
        y_true="label",
        timestamp_column_name="at",
        metrics=METRICS,
        chunk_period="D",
    )
    estimator.fit(rows[rows["reference"] & rows["label"].notna()].astype({"label": int}))
    analysis = rows[~rows["reference"]].drop(columns="label")
    found = estimator.estimate(analysis).filter(period="analysis").to_df()
    took = time.perf_counter() - started
    days = [str(pd.Timestamp(each).date()) for each in found["chunk", "start_date"]]
    estimates = {name: dict(zip(days, map(float, found[name, "value"]), strict=True)) for name in METRICS}
    Path(sys.argv[2]).write_text(json.dumps({"seconds": took, "estimates": estimates}))


if __name__ == "__main__":
    main()
