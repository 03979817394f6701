"""NannyML: ROC AUC, F1, precision, recall and accuracy per day, estimated without labels (CBPE)."""

import nannyml as nml
from _c import emit, phase, read

phase("import")
reference, production = read()
phase("read")
estimator = nml.CBPE(
    problem_type="classification_binary",
    y_pred_proba="y_pred_proba",
    y_pred="y_pred",
    y_true="y_true",
    timestamp_column_name="timestamp",
    metrics=["roc_auc", "f1", "precision", "recall", "accuracy"],
    chunk_period="D",
)
estimator.fit(reference)
phase("fit")
found = estimator.estimate(production).filter(period="analysis").to_df()
phase("estimate")
emit(windows=len(found), estimated=len(found))
