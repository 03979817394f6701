"""NannyML: realised ROC AUC, F1, precision, recall and accuracy per day."""

import nannyml as nml
from _c import emit, phase, read

phase("import")
reference, production = read()
phase("read")
calculator = nml.PerformanceCalculator(
    problem_type="classification_binary",
    y_pred_proba="y_pred_proba",
    y_pred="y_pred",
    y_true="y_true",
    timestamp_column_name="timestamp",
    metrics=["roc_auc", "f1", "precision", "recall", "accuracy"],
    chunk_period="D",
)
calculator.fit(reference)
phase("fit")
found = calculator.calculate(production).filter(period="analysis").to_df()
phase("calculate")
auc, f1 = found[("roc_auc", "value")], found[("f1", "value")]
emit(windows=len(found), roc_auc_first=auc.iloc[0], roc_auc_last=auc.iloc[-1], f1_first=f1.iloc[0], f1_last=f1.iloc[-1])
