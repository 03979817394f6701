"""NannyML's CBPE on its own data set of three classes, chunk by chunk, as an oracle for our estimates.

usage: $PEERS_HOME/venvs/nannyml/bin/python bench/oracles/nannyml_cbpe_multiclass.py

Writes tests/estimate/oracles/nannyml_cbpe_multiclass.json, which tests/evaluation/test_estimates_of_classes.py reads:
NannyML's dependencies cannot be installed beside ours. Scores of the data set are whole hundredths that add up to 1, so
the rows are written whole, as counts by the first two scores, prediction and label.

NannyML leaves the scores of a class as they are where they look calibrated to it; we always calibrate. So its estimates
are written twice: as it makes them, and as it makes them when told that each class needs calibration.
`bench/peers/build_venvs.py nannyml` makes its environment.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import zlib
from importlib.metadata import version
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml as nml
import numpy as np
import pandas as pd
from nannyml.performance_estimation.confidence_based import cbpe

ORACLES = Path(__file__).resolve().parents[2] / "tests" / "estimate" / "oracles"
METRICS = ["roc_auc", "accuracy", "f1", "precision", "recall"]
CHUNK = 6_000
CLASSES = ["highstreet_card", "prepaid_card", "upmarket_card"]
SCORES = {name: f"y_pred_proba_{name}" for name in CLASSES}


def counts(rows: pd.DataFrame) -> str:
    """Rows by hundredths of the first and second score, prediction and label: 16-bit, deflated, base64."""
    hundredths = (rows[list(SCORES.values())] * 100).round().astype(int).to_numpy()
    if (hundredths.sum(axis=1) != 100).any():
        raise ValueError("scores are not whole hundredths that add up to 1")
    found = np.zeros((101, 101, 3, 3), "<u2")
    codes = [rows[name].map(CLASSES.index).to_numpy() for name in ("y_pred", "y_true")]
    np.add.at(found, (hundredths[:, 0], hundredths[:, 1], *codes), 1)
    return base64.b64encode(zlib.compress(found.tobytes(), 9)).decode()


def main() -> None:
    reference, analysis, targets = nml.load_synthetic_multiclass_classification_dataset()
    analysis = analysis.merge(targets, on="id")
    shared = {
        "problem_type": "classification_multiclass",
        "metrics": METRICS,
        "chunk_size": CHUNK,
        "y_pred_proba": SCORES,
        "y_pred": "y_pred",
        "y_true": "y_true",
    }

    def estimated() -> dict[str, list[float]]:
        found = nml.CBPE(**shared).fit(reference).estimate(analysis).filter(period="analysis").to_df()
        return {name: found[name, "value"].tolist() for name in METRICS}

    calculator = nml.PerformanceCalculator(**shared).fit(reference)
    as_it_is = estimated()
    cbpe.needs_calibration = lambda *_, **__: True
    always = estimated()
    realised = calculator.calculate(analysis).filter(period="analysis").to_df()
    used = {name: version(name) for name in ("nannyml", "scikit-learn", "pandas", "numpy")}
    found = {
        "made_by": "bench/oracles/nannyml_cbpe_multiclass.py",
        "versions": {"python": platform.python_version(), **used},
        "classes": CLASSES,
        "reference": counts(reference),
        "chunks": [counts(analysis.iloc[start : start + CHUNK]) for start in range(0, len(analysis), CHUNK)],
        "estimated": as_it_is,
        "always_calibrated": always,
        "realised": {name: realised[name, "value"].tolist() for name in METRICS},
    }
    ORACLES.mkdir(parents=True, exist_ok=True)
    (ORACLES / "nannyml_cbpe_multiclass.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
