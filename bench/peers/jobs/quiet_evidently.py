"""Evidently: which columns its drift preset calls drifted, on ten quiet days and five of the later ones."""

import sys

import pandas as pd
from _c import emit, path, phase
from _quiet import LATER, NO_FEATURES, of_frame, summed
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

phase("import")
unused = NO_FEATURES - {"timestamp"}
production, reference = (pd.read_parquet(path(name)).drop(columns=unused, errors="ignore") for name in sys.argv[1:3])
numbers, text = of_frame(reference)
phase("read")
definition = DataDefinition(numerical_columns=numbers, categorical_columns=text)
before = Dataset.from_pandas(reference[numbers + text], data_definition=definition)
days = {str(day): rows for day, rows in production.groupby(production["timestamp"].dt.floor("D"))}
quiet, later = ([day for day in days if (day < LATER) is early] for early in (True, False))
called = []
for day in [*quiet[:: max(len(quiet) // 10, 1)], *later[:: max(len(later) // 5, 1)]]:
    rows = Dataset.from_pandas(days[day][numbers + text], data_definition=definition)
    for metric in Report([DataDriftPreset()]).run(rows, before).dict()["metrics"]:
        name = str(metric.get("metric_name") or metric.get("metric_id"))
        if "ValueDrift" in name:
            column = name.split("column=")[1].split(",", maxsplit=1)[0]
            threshold = float(name.split("threshold=")[1].rstrip(")"))
            value = metric["value"]
            called.append((column, day, bool(value < threshold if "p_value" in name else value >= threshold)))
phase("calculate")
emit(**summed(called, text))
