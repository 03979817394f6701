"""The promise of the whole path from sums to interval: 95 % intervals cover the truth in .93 to .985 of runs.

Windows of G grains after 28 grains of history, with rows that move together within a grain (correlation .02) or do not.
A window of one grain without history is `within_grain` and promises nothing where rows move together: not tested here.
As in tests/stats: the band is opened by three standard errors of the simulated share; seeds are fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from leadline.metrics import build
from leadline.metrics.evaluate import HISTORY, evaluate_windows
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Histogram, Sums

LOW, HIGH = 0.93, 0.985
ROWS, BINS = 200, 64


@pytest.fixture(params=[400, pytest.param(2000, marks=pytest.mark.slow)])
def reps(request) -> int:
    return request.param


def sums(counts=None, losses=None, scores=None) -> Sums:
    """Sums by grain of a log whose other parts are empty."""
    grains = len(next(each for each in (counts, losses, scores) if each is not None))
    none = np.zeros(grains)
    counts = np.zeros((grains, 3, 3)) if counts is None else counts
    by_measure = {} if losses is None else {"absolute_error": losses}
    histograms = {}
    if scores is not None:
        negatives, positives = scores[:, 0], scores[:, 1]
        grid = np.stack([np.arange(BINS)] * 2 + [np.zeros(BINS)], axis=1).astype(float)
        histograms[""] = Histogram(negatives, positives, negatives, positives, 0 * negatives, grid)
    return Sums(none, none, none, none, counts, counts, by_measure, histograms)


def beta(rng, mean: float, correlation: float, size: int) -> np.ndarray:
    """Shares of grains that give rows this correlation within a grain."""
    if not correlation:
        return np.full(size, mean)
    total = 1 / correlation - 1
    return rng.beta(mean * total, (1 - mean) * total, size)


def accuracy(rng, correlation, grains):
    right = rng.binomial(ROWS, beta(rng, 0.8, correlation, grains))
    counts = np.zeros((grains, 3, 3))
    counts[:, 1, 1], counts[:, 0, 1] = right, ROWS - right
    return build("accuracy", "binary"), sums(counts), 0.8


def f1(rng, correlation, grains):
    right = rng.binomial(60, beta(rng, 0.5, correlation, grains))
    low = rng.binomial(60 - right, 0.5)
    counts = np.zeros((grains, 3, 3))
    counts[:, 1, 1], counts[:, 1, 0], counts[:, 0, 1], counts[:, 0, 0] = right, low, 60 - right - low, ROWS - 60
    return build("f1", "binary"), sums(counts), 2 * 0.5 / 1.5


def roc_auc(rng, correlation, grains):
    """A day moves the positives' scores: `correlation` is the share of their variance that is the day's."""
    positives, shift = 50, 1.2
    day = rng.normal(size=(grains, 1)) * correlation**0.5
    high = shift + day + rng.normal(size=(grains, positives)) * (1 - correlation) ** 0.5
    low = rng.normal(size=(grains, ROWS - positives))

    def by_bin(scores):
        place = np.minimum((expit(scores) * BINS).astype(int), BINS - 1) + BINS * np.arange(grains)[:, None]
        return np.bincount(place.ravel(), minlength=BINS * grains).reshape(grains, BINS).astype(float)

    return (
        build("roc_auc", "binary"),
        sums(scores=np.stack([by_bin(low), by_bin(high)], axis=1)),
        norm.cdf(shift / 2**0.5),
    )


def mae(rng, correlation, grains):
    """Errors are gamma with a mean that moves from day to day."""
    mean = np.ones((grains, 1))
    if correlation:
        mean = rng.gamma(1 / correlation, correlation, size=(grains, 1))
    errors = rng.gamma(2.0, mean / 2, size=(grains, ROWS))
    n, total, squares = np.full(grains, float(ROWS)), errors.sum(1), (errors**2).sum(1)
    return build("mae", "regression"), sums(losses=np.stack([n, n, n, total, total, squares], axis=1)), 1.0


@pytest.mark.parametrize("grains", [1, 2, 4, 7, 28])
@pytest.mark.parametrize("correlation", [0, 0.02])
@pytest.mark.parametrize("kind", [accuracy, f1, roc_auc, mae], ids=lambda kind: kind.__name__)
def test_covers(kind, correlation, grains, reps):
    rng = np.random.default_rng([len(kind.__name__), int(correlation * 100), grains])
    block = HISTORY + grains
    metric, by_grain, truth = kind(rng, correlation, reps * block)
    assert isinstance(metric, Metric)
    windows = [(run * block + HISTORY, (run + 1) * block) for run in range(reps)]
    found = [each.interval for each in evaluate_windows(metric, by_grain, windows)]
    covered = float(np.mean([each is not None and each.low <= truth <= each.high for each in found]))
    print(f"covers {covered:.4f} of {reps}")
    # the bins' own bound is added to both ends of an AUC's interval, which only widens it
    room = [3 * (edge * (1 - edge) / reps) ** 0.5 for edge in (LOW, HIGH)]
    assert LOW - room[0] <= covered <= HIGH + room[1] + (0.01 if kind is roc_auc else 0)


@pytest.mark.parametrize("kind", [accuracy, f1, roc_auc, mae], ids=lambda kind: kind.__name__)
def test_one_grain_without_a_history_is_marked(kind):
    metric, by_grain, _ = kind(np.random.default_rng(0), 0.02, 3)
    (found,) = evaluate_windows(metric, by_grain, [(0, 1)])
    assert found.interval is not None
    assert found.interval.method == "within_grain"


def test_seven_grains_are_clustered():
    metric, by_grain, _ = accuracy(np.random.default_rng(0), 0.02, 40)
    found = evaluate_windows(metric, by_grain, [(30, 37), (30, 36)])
    assert [each.interval and each.interval.method for each in found] == ["clustered", "wilson"]


def test_users_who_move_together_widen_the_interval():
    """16 groups of users, each nearly always right or nearly always wrong, the same every day."""
    rng = np.random.default_rng(0)
    rate = rng.choice([0.05, 0.95], 16)
    right = rng.binomial(40, np.tile(rate, (35, 1)))
    counts = np.zeros((35, 16, 3, 3))
    counts[..., 1, 1], counts[..., 0, 1] = right, 40 - right
    by_group = sums(counts)
    by_grain = sums(counts.sum(1))
    metric = build("accuracy", "binary")
    (plain,), (users,) = (evaluate_windows(metric, by_grain, [(28, 35)], each) for each in (None, by_group))
    assert users.interval.method == "entity"
    assert users.interval.high - users.interval.low > 4 * (plain.interval.high - plain.interval.low)
    assert users.value == plain.value
