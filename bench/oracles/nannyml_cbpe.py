"""NannyML's CBPE on its own two binary data sets, chunk by chunk, as an oracle for our estimates.

usage: $PEERS_HOME/venvs/nannyml/bin/python bench/oracles/nannyml_cbpe.py

Writes tests/estimate/oracles/nannyml_cbpe.json, which tests/estimate/test_nannyml_oracle.py reads: NannyML's
dependencies cannot be installed beside ours. The rows are written as counts by score bin, from which we estimate.
`bench/peers/build_venvs.py nannyml` makes its environment.
"""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml as nml
import numpy as np
import pandas as pd

ORACLES = Path(__file__).resolve().parents[2] / "tests" / "estimate" / "oracles"
METRICS = ["roc_auc", "accuracy", "f1", "precision", "recall", "specificity"]
CHUNK = 5_000
KEPT = 10  # chunks that are written: the first half of them, and the last


def binned(scores: pd.Series) -> np.ndarray:
    """The bins of the fixed grid, as in leadline.cells.plan: 1,024 · linear + logit."""
    units = np.floor(scores.to_numpy() * 2**32 + 0.5)
    linear = np.minimum(units // 2**23, 511)
    with np.errstate(divide="ignore"):
        place = (np.log(units / (2**32 - units)) + 15) * 512 / 30
    return (linear * 1024 + np.clip(np.floor(place), 0, 511)).astype(int)


def counts(rows: pd.DataFrame, label: str, bins: np.ndarray) -> list[list[list[int]]]:
    """Rows by prediction, label and bin; shape (2, 2, bins)."""
    place = np.searchsorted(bins, binned(rows["y_pred_proba"]))
    found = np.zeros((2, 2, len(bins)), int)
    np.add.at(found, (rows["y_pred"].astype(int), rows[label].astype(int), place), 1)
    return found.tolist()


def oracle(load: str, label: str) -> dict[str, object]:
    reference, analysis, targets = getattr(nml, load)()
    analysis = analysis.merge(targets, on="id")
    names = {"predicted_probability": "y_pred_proba", "prediction": "y_pred"}
    reference, analysis = reference.rename(columns=names), analysis.rename(columns=names)
    columns = {"y_pred_proba": "y_pred_proba", "y_pred": "y_pred", "y_true": label}
    shared = {"problem_type": "classification_binary", "metrics": METRICS, "chunk_size": CHUNK, **columns}
    estimator, calculator = nml.CBPE(**shared), nml.PerformanceCalculator(**shared)
    estimator.fit(reference)
    calculator.fit(reference)
    estimated = estimator.estimate(analysis).filter(period="analysis").to_df()
    realised = calculator.calculate(analysis).filter(period="analysis").to_df()
    bins = np.unique(np.concatenate([binned(reference["y_pred_proba"]), binned(analysis["y_pred_proba"])]))
    chunks = [analysis.iloc[start : start + CHUNK] for start in range(0, len(analysis), CHUNK)]
    chosen = [*range(KEPT // 2), *range(len(estimated) - KEPT // 2, len(estimated))]
    if len(chunks) > len(estimated):  # a short last chunk joins the one before it
        chunks[-2:] = [pd.concat(chunks[-2:])]
    return {
        "bins": bins.tolist(),
        "reference": counts(reference, label, bins),
        "chunks": [counts(chunks[place], label, bins) for place in chosen],
        "needs_calibration": bool(getattr(estimator, "needs_calibration", True)),
        "estimated": {name: [float(estimated[name, "value"].iloc[place]) for place in chosen] for name in METRICS},
        "realised": {name: [float(realised[name, "value"].iloc[place]) for place in chosen] for name in METRICS},
        "mean_error": {
            name: float((estimated[name, "value"] - realised[name, "value"]).abs().mean()) for name in METRICS
        },
    }


def main() -> None:
    used = {name: version(name) for name in ("nannyml", "scikit-learn", "pandas", "numpy")}
    found = {
        "made_by": "bench/oracles/nannyml_cbpe.py",
        "versions": {"python": platform.python_version(), **used},
        "car_loan": oracle("load_synthetic_car_loan_dataset", "repaid"),
        "ma_employment": oracle("load_us_census_ma_employment_data", "employed"),
    }
    ORACLES.mkdir(parents=True, exist_ok=True)
    (ORACLES / "nannyml_cbpe.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
