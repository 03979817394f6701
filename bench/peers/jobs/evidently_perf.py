"""Evidently has no windows: one Report with five metrics, run for each of 100 days, as its user would write it."""

from _c import emit, phase, read
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.metrics import Accuracy, F1Score, Precision, Recall, RocAuc

phase("import")
definition = DataDefinition(
    numerical_columns=["y_pred_proba"],
    categorical_columns=["y_true", "y_pred"],
    classification=[
        BinaryClassification(target="y_true", prediction_labels="y_pred", prediction_probas="y_pred_proba", pos_label=1)
    ],
)
_, production = read()
phase("read")
found = []
for _, day in production.groupby(production["timestamp"].dt.floor("D"), sort=True):
    dataset = Dataset.from_pandas(day.drop(columns="timestamp"), data_definition=definition)
    snapshot = Report([RocAuc(), F1Score(), Precision(), Recall(), Accuracy()]).run(dataset, None).dict()
    found.append({metric["metric_name"].split("(")[0]: metric["value"] for metric in snapshot["metrics"]})
phase("calculate")
first, last = found[0], found[-1]
emit(
    windows=len(found),
    roc_auc_first=first["RocAuc"],
    roc_auc_last=last["RocAuc"],
    f1_first=first["F1Score"],
    f1_last=last["F1Score"],
)
