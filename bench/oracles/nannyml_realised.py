"""NannyML's realised performance on seeded rows, day by day, as an oracle for our tests.

usage: $PEERS_HOME/venvs/nannyml/bin/python bench/oracles/nannyml_realised.py

Writes tests/metrics/oracles/nannyml_realised.json, which tests/metrics/test_nannyml_oracle.py reads: NannyML's
dependencies cannot be installed beside ours. `bench/peers/build_venvs.py nannyml` makes its environment.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml as nml
import pandas as pd

ORACLES = Path(__file__).resolve().parents[2] / "tests" / "metrics" / "oracles"
sys.path.insert(0, str(ORACLES))
from table import BINARY, REGRESSION, rows  # noqa: E402  # the path has to be there first

REFERENCE_SEED, SEED = 1, 2


def realised(task: str, metrics: tuple[str, ...]) -> dict[str, list[float]]:
    """Metric → one figure a day, in order."""
    scores = {"y_pred_proba": "score"} if task == "binary" else {}
    calculator = nml.PerformanceCalculator(
        problem_type="classification_binary" if task == "binary" else task,
        y_pred="prediction",
        y_true="label",
        timestamp_column_name="timestamp",
        metrics=list(metrics),
        chunk_period="D",
        **scores,
    )
    reference, analysis = (pd.DataFrame(rows(task, seed)).drop(columns="id") for seed in (REFERENCE_SEED, SEED))
    calculator.fit(reference)
    found = calculator.calculate(analysis).filter(period="analysis").to_df()
    return {metric: [float(value) for value in found[metric, "value"]] for metric in metrics}


def main() -> None:
    used = {name: version(name) for name in ("nannyml", "scikit-learn", "pandas", "numpy")}
    oracle = {
        "made_by": "bench/oracles/nannyml_realised.py",
        "versions": {"python": platform.python_version(), **used},
        "seed": SEED,
        "binary": realised("binary", BINARY),
        "regression": realised("regression", REGRESSION),
    }
    (ORACLES / "nannyml_realised.json").write_text(json.dumps(oracle, indent=1) + "\n")


if __name__ == "__main__":
    main()
