"""Our estimates equal NannyML's CBPE on the same rows (bench/oracles makes its side)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from estimate.binned import grid, histogram, scored
from leadline.estimate.calibrator import Calibrator, calibrator
from leadline.metrics import build
from leadline.metrics.expected import expected, figure

ORACLE = json.loads((Path(__file__).parent / "oracles" / "nannyml_cbpe.json").read_text())
METRICS = tuple(ORACLE["car_loan"]["estimated"])
#: of METHODS 1.2, chunks of 5,000: the first chunk
ANCHORS = {
    "car_loan": {"roc_auc": 0.97074, "accuracy": 0.94179, "f1": 0.94303},
    "ma_employment": {"roc_auc": 0.90551, "accuracy": 0.82811, "f1": 0.83250},
}


def ours(name: str, metric: str) -> np.ndarray:
    data = ORACLE[name]
    bins = grid(data["bins"])
    fit = calibrator(histogram(data["reference"], bins))
    assert isinstance(fit, Calibrator)
    return figure(build(metric, "binary"), expected(scored(data["chunks"], bins), fit.chance))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", ["car_loan", "ma_employment"])
def test_equals_nannyml_in_every_chunk(name, metric):
    assert ours(name, metric) == pytest.approx(ORACLE[name]["estimated"][metric], abs=1e-3)


@pytest.mark.parametrize("name", ANCHORS)
def test_the_anchors(name):
    for metric, anchor in ANCHORS[name].items():
        assert ORACLE[name]["estimated"][metric][0] == pytest.approx(anchor, abs=2e-5)
        assert ours(name, metric)[0] == pytest.approx(anchor, abs=1e-3)


@pytest.mark.parametrize("name", ["car_loan", "ma_employment"])
def test_labels_are_read_by_the_same_code(name):
    """The oracle's realised figures, from the same counts with their labels: bins lose next to nothing."""
    data = ORACLE[name]
    counts = np.asarray(data["chunks"], float)
    share = np.divide(counts[:, :, 1], counts.sum(2), out=np.zeros_like(counts[:, :, 1]), where=counts.sum(2) > 0)
    share = np.concatenate([share, np.zeros_like(share[:, :1])], axis=1)
    found = expected(scored(counts, grid(data["bins"])), share).sums
    for metric in METRICS:
        each = build(metric, "binary")
        assert each.value(each.parts(found)) == pytest.approx(data["realised"][metric], abs=2e-4)
