"""Evidently: on which looks its default tests fail. usage: alarms_evidently.py ROWS.parquet OUT.json

ROWS has the columns stream, metric, look, reference, y_true, y_pred and y_score. Tests are those that Evidently makes
itself when it is given a reference (`include_tests=True`); one report a look, as its user would write it.

metric accuracy   the tests of the whole `ClassificationPreset`, and drift of a column that says which rows are wrong
other metrics     the test of that metric alone
"""

import json
import sys
from pathlib import Path

import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, Regression, Report
from evidently.metrics import MAE, Precision, Recall, RocAuc, ValueDrift
from evidently.presets import ClassificationPreset

BINARY = DataDefinition(
    numerical_columns=["y_score"],
    categorical_columns=["y_true", "y_pred", "wrong"],
    classification=[
        BinaryClassification(target="y_true", prediction_labels="y_pred", prediction_probas="y_score", pos_label=1)
    ],
)
LABELS = DataDefinition(
    categorical_columns=["y_true", "y_pred", "wrong"],
    classification=[BinaryClassification(target="y_true", prediction_labels="y_pred", pos_label=1)],
)
REGRESSION = DataDefinition(
    numerical_columns=["y_true", "y_pred"], regression=[Regression(target="y_true", prediction="y_pred")]
)
ASKED = {
    "accuracy": {"quality": ClassificationPreset, "drift": lambda: ValueDrift(column="wrong")},
    "recall": {"quality": Recall},
    "precision": {"quality": Precision},
    "roc_auc": {"quality": RocAuc},
    "mae": {"quality": MAE},
}


def dataset(rows, metric):
    if metric == "mae":
        return Dataset.from_pandas(rows[["y_true", "y_pred"]], data_definition=REGRESSION)
    rows = rows.astype({"y_true": int, "y_pred": int})
    rows["wrong"] = (rows["y_true"] != rows["y_pred"]).astype(int)
    if metric == "roc_auc":
        return Dataset.from_pandas(rows[["y_true", "y_pred", "y_score", "wrong"]], data_definition=BINARY)
    return Dataset.from_pandas(rows[["y_true", "y_pred", "wrong"]], data_definition=LABELS)


rows = pd.read_parquet(sys.argv[1])
found = {}
for (stream, metric), each in rows.groupby(["stream", "metric"], sort=False):
    reference = dataset(each[each["reference"]], metric)
    for name, asked in ASKED[metric].items():
        fired = []
        for look, current in each[~each["reference"]].groupby("look", sort=True):
            said = Report([asked()], include_tests=True).run(dataset(current, metric), reference).dict()
            statuses = [str(test["status"]) for test in said["tests"]]
            if any(status.endswith(("FAIL", "ERROR")) for status in statuses):
                fired.append(int(look))
        found.setdefault(name, {})[stream] = fired
Path(sys.argv[2]).write_text(json.dumps(found))
