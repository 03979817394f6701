"""Metrics of calibration: their intervals cover what many rows would show, and each moves with what it is about."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from leadline.metrics import build
from leadline.metrics.evaluate import HISTORY, evaluate_windows
from leadline.metrics.sums import LINEAR_BINS, LOGIT_BINS, LOGIT_RANGE, Histogram, Sums
from metrics_of import day, evaluated

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


@pytest.mark.parametrize("grains", [1, 7, pytest.param(28, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("runs", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_covers(case, grains, runs):
    """As in test_intervals; a squared gap that is 0 lies at the end of its range, where more than 95 % is covered."""
    bend, lift = CASES[case]
    rng = np.random.default_rng([grains, len(case)])
    metrics = [build(name, "binary") for name in NAMES]
    whole = sums(*drawn(rng, 1, 500_000, bend, lift))
    truth = {metric.name: evaluate_windows(metric, whole, [(0, 1)])[0].value for metric in metrics}
    if case == "calibrated":
        truth |= {"calibration_error_squared": 0.0, "brier_reliability": 0.0, "calibration_ratio": 1.0}
    covered: dict[str, list[bool]] = {name: [] for name in NAMES}
    block = HISTORY + grains
    for _ in range(runs // 50):
        by_grain = sums(*drawn(rng, 50 * block, 200, bend, lift))
        windows = [(run * block + HISTORY, (run + 1) * block) for run in range(50)]
        for metric in metrics:
            found = [each.interval for each in evaluate_windows(metric, by_grain, windows)]
            true = truth[metric.name]
            covered[metric.name] += [each is not None and each.low <= true <= each.high for each in found]
    shares = {name: float(np.mean(each)) for name, each in covered.items()}
    print(case, grains, shares)
    assert min(shares.values()) >= 0.93 - 3 * (0.93 * 0.07 / runs) ** 0.5


def bent(bend: float, lift: float = 0.0, n: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    score, label = drawn(np.random.default_rng(1), 1, n, bend, lift)
    return score[0], label[0].astype(int)


def shown(name: str, score: np.ndarray, label: np.ndarray) -> float:
    return evaluated(day("binary", (score >= 0.5).astype(int), label, score), name)


def test_the_slope_is_that_of_the_truth_and_the_ratio_says_on_which_side_scores_are():
    for bend in (0.5, 1.0, 2.0):
        assert shown("calibration_slope", *bent(bend)) == pytest.approx(bend, rel=0.05)
    low, high = shown("calibration_ratio", *bent(1.0, 0.5)), shown("calibration_ratio", *bent(1.0, -0.5))
    assert low > 1.2
    assert high < 0.8
    assert shown("calibration_ratio", *bent(1.0)) == pytest.approx(1, abs=0.03)


def test_a_calibrated_model_has_no_squared_error_and_a_bent_one_has():
    assert abs(shown("calibration_error_squared", *bent(1.0))) < 2e-4
    assert shown("calibration_error_squared", *bent(0.4)) > 2e-3
    assert shown("brier_reliability", *bent(0.4)) > shown("calibration_error_squared", *bent(0.4))


def test_scores_at_the_ends_are_cut_and_one_score_for_all_has_no_slope():
    score, label = bent(1.0, n=2000)
    ends = np.where(np.arange(2000) < 20, 0.0, np.where(np.arange(2000) < 40, 1.0, score))
    assert np.isfinite(shown("calibration_slope", ends, label))
    same = shown("calibration_slope", np.full(2000, 0.3), label)
    assert same.why == "a score parts the classes, or all scores are the same: any slope fits"
    parted = shown("calibration_slope", np.where(label == 1, 0.9, 0.1), label)
    assert parted.why.startswith("a score parts the classes")
    assert shown("calibration_ratio", np.zeros(2000), label).why == "all scores are 0"
    assert shown("calibration_error_squared", np.array([0.1]), np.array([1])).why == "no bin has two labelled rows"
