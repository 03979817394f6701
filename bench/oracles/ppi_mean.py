"""Means of few labels and all scores by ppi_py, as an oracle for our tests.

usage: python -m venv DIR && DIR/bin/pip install ppi_python==0.2.3 && DIR/bin/python bench/oracles/ppi_mean.py

Writes tests/stats/oracles/ppi_mean.json, rows and results, which tests/stats/test_pseudo_labels.py reads: ppi_py's
dependencies are not to be installed beside ours.
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

TARGET = Path(__file__).resolve().parents[2] / "tests" / "stats" / "oracles" / "ppi_mean.json"
SEED, ROWS = 1, 240


def case(uniform: bool) -> dict[str, object]:
    """Rows of which some are labelled, and what ppi_py says of the mean of the labels of all."""
    rng = np.random.default_rng(SEED)
    control = rng.beta(1, 3, ROWS).round(6)
    label = (rng.random(ROWS) < control).astype(int)
    chance = np.full(ROWS, 0.25) if uniform else (0.1 + 0.8 * np.sqrt(control * (1 - control))).round(6)
    labelled = rng.random(ROWS) < chance
    some = label[labelled].astype(float), control[labelled], control
    weight = 1 / chance[labelled]
    found = {str(lam): float(np.squeeze(ppi_mean_pointestimate(*some, lam=lam, w=weight))) for lam in (0, 0.5, 1)}
    low, high = (float(np.squeeze(end)) for end in ppi_mean_ci(*some, alpha=0.05, lam=1, w=weight))
    return {
        "control": control.tolist(),
        "label": [int(y) if known else None for y, known in zip(label, labelled, strict=True)],
        "probability": [float(p) if known else None for p, known in zip(chance, labelled, strict=True)],
        "mean_by_lam": found,
        "interval_at_lam_1": [low, high],
    }


if __name__ == "__main__":
    content = {
        "made_by": "bench/oracles/ppi_mean.py",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("ppi-python", "numpy", "scipy")},
        "uniform": case(uniform=True),
        "by_score": case(uniform=False),
    }
    TARGET.write_text(json.dumps(content) + "\n")
