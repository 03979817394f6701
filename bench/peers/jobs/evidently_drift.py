"""Evidently: its drift preset for 30 columns, run for the first days against the reference, as its user would write it.

It has no windows; a hundred days would take ten minutes. `N` days are timed, and the time of the rest is told by them.
"""

import pandas as pd
from _c import ARGS, SIZE, emit, path, phase
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

NUMERIC = [f"num_{place:02d}" for place in range(20)]
TEXT = [f"cat_{place:02d}" for place in range(10)]

phase("import")
definition = DataDefinition(numerical_columns=NUMERIC, categorical_columns=TEXT)
reference, production = (
    pd.read_parquet(path(name), columns=["timestamp", *NUMERIC, *TEXT]) for name in ("clf_ref", f"clf_{SIZE}")
)
phase("read")
before = Dataset.from_pandas(reference[NUMERIC + TEXT], data_definition=definition)
days = [day[NUMERIC + TEXT] for _, day in production.groupby(production["timestamp"].dt.floor("D"), sort=True)]
phase("days")
asked, called, columns = int(ARGS[0]), 0.0, 0
for day in days[:asked]:
    snapshot = Report([DataDriftPreset()]).run(Dataset.from_pandas(day, data_definition=definition), before).dict()
    for metric in snapshot["metrics"]:
        name = metric.get("metric_name") or metric.get("metric_id")
        if "ValueDrift" in str(name):
            threshold = float(str(name).split("threshold=")[1].rstrip(")"))
            by_p = "p_value" in str(name)
            called += (metric["value"] < threshold) if by_p else (metric["value"] >= threshold)
            columns += 1
phase("calculate")
emit(windows=len(days), days_run=asked, quiet_called=called / columns)
