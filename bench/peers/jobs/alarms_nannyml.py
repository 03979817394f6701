"""NannyML: on which looks its default thresholds alarm. usage: alarms_nannyml.py ROWS.parquet OUT.json

ROWS has the columns stream, metric, look, reference, y_true, y_pred and y_score; each look becomes a day, and each day
a chunk. Thresholds are left at their default and learnt from the reference's looks.
"""

import json
import sys
from pathlib import Path

import nannyml as nml
import pandas as pd

rows = pd.read_parquet(sys.argv[1])
rows["timestamp"] = pd.Timestamp("2000-01-01") + pd.to_timedelta(rows["look"], unit="D")
found = {}
for (stream, metric), each in rows.groupby(["stream", "metric"], sort=False):
    regression = metric == "mae"
    scores = {"y_pred_proba": "y_score"} if not regression else {}
    calculator = nml.PerformanceCalculator(
        problem_type="regression" if regression else "classification_binary",
        y_pred="y_pred",
        y_true="y_true",
        timestamp_column_name="timestamp",
        metrics=[metric],
        chunk_period="D",
        **scores,
    )
    typed = each if regression else each.astype({"y_true": int, "y_pred": int})
    calculator.fit(typed[typed["reference"]])
    told = calculator.calculate(typed[~typed["reference"]]).filter(period="analysis").to_df()
    days = pd.to_datetime(told["chunk", "start_date"]).dt.normalize()
    looks = (days - pd.Timestamp("2000-01-01")).dt.days
    found[stream] = [int(look) for look, alert in zip(looks, told[metric, "alert"], strict=True) if alert]
Path(sys.argv[2]).write_text(json.dumps(found))
