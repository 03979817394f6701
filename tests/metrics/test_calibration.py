"""Metrics of calibration: their intervals cover what many rows would show, and each moves with what it is about."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from leadline.metrics import build
from leadline.metrics.evaluate import HISTORY, evaluate_windows
from leadline.metrics.sums import LINEAR_BINS, LOGIT_BINS, LOGIT_RANGE, Histogram, Sums

NAMES = [
    "calibration_ratio",
    "calibration_slope",
    "calibration_error_squared",
    "brier_reliability",
    "brier_resolution",
    "brier_uncertainty",
]


def grid(score: np.ndarray) -> np.ndarray:
    """The place of each score on the fixed grid, shape (rows, 2)."""
    linear = np.minimum((score * LINEAR_BINS).astype(int), LINEAR_BINS - 1)
    place = np.floor((logit(score) + LOGIT_RANGE) * LOGIT_BINS / (2 * LOGIT_RANGE))
    return np.stack([linear, np.clip(place, 0, LOGIT_BINS - 1).astype(int)], axis=1)


def sums(score: np.ndarray, label: np.ndarray) -> Sums:
    """Sums by grain of scores and labels, shape (grains, rows) each."""
    grains, rows = score.shape
    bins, place = np.unique(grid(score.ravel()), axis=0, return_inverse=True)
    at = np.repeat(np.arange(grains), rows) * len(bins) + place.ravel()

    def by_bin(values: np.ndarray) -> np.ndarray:
        return np.bincount(at, values.ravel(), grains * len(bins)).reshape(grains, len(bins))

    positives, negatives = by_bin(label), by_bin(1.0 - label)
    edges = np.concatenate([bins, np.zeros((len(bins), 1))], axis=1).astype(float)
    found = Histogram(negatives, positives, negatives, positives, by_bin(score), edges)
    none = np.zeros(grains)
    n = np.full(grains, float(rows))

    def measured(value: np.ndarray) -> np.ndarray:
        total, squares = value.sum(1), (value**2).sum(1)
        return np.stack([n, n, n, total, total, squares], axis=1)

    losses = {"observed": measured(label), "expected": measured(score), "observed_expected": measured(label * score)}
    cells = np.zeros((grains, 3, 3))
    return Sums(none, none, none, none, cells, cells, losses, {"": found})


def drawn(rng, grains: int, rows: int, bend: float, lift: float, day: float = 0.0):
    """Scores, and labels whose logit is lift + bend times the score's, and moves from day to day."""
    x = rng.normal(size=(grains, rows)) * 1.2 - 1.5
    moved = lift + bend * x + day * rng.normal(size=(grains, 1))
    return expit(x), (rng.random((grains, rows)) < expit(moved)).astype(float)


CASES = {"calibrated": (1.0, 0.0), "too extreme": (0.6, 0.0), "too low": (1.0, 0.4)}


@pytest.mark.parametrize("grains", [1, 7, 28])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("runs", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_covers(name, case, grains, runs):
    """As in test_intervals; a squared gap that is 0 lies at the end of its range, where more than 95 % is covered."""
    bend, lift = CASES[case]
    rng = np.random.default_rng([len(name), grains, len(case)])
    rows = 300
    metric = build(name, "binary")
    block = HISTORY + grains
    truth = evaluate_windows(metric, sums(*drawn(rng, 1, 1_000_000, bend, lift)), [(0, 1)])[0].value
    if case == "calibrated" and name in ("calibration_error_squared", "brier_reliability"):
        truth = 0.0
    covered = []
    for _ in range(runs // 50):
        by_grain = sums(*drawn(rng, 50 * block, rows, bend, lift))
        windows = [(run * block + HISTORY, (run + 1) * block) for run in range(50)]
        for each in evaluate_windows(metric, by_grain, windows):
            assert each.interval is not None
            covered.append(each.interval.low <= truth <= each.interval.high)
    share = float(np.mean(covered))
    print(f"{name} {case} {grains}: covers {share:.3f} of {runs}")
    assert share >= 0.93 - 3 * (0.93 * 0.07 / runs) ** 0.5
