"""What a reference has to have, and laws of expected sums."""

from __future__ import annotations

import numpy as np
import pytest

from estimate.binned import grid, histogram, scored
from leadline.estimate.calibrator import Calibrator, calibrator
from leadline.metrics import METRICS, MetricCall, build
from leadline.metrics.expected import bin_scores, can_expect, expected, figure
from leadline.stats.auc import auc, without_self_pairs
from leadline.values import Undefined

BINS = grid([(n * 512 // 10) * 1024 + n * 40 + 60 for n in range(10)])


def reference(negatives, positives):
    counts = np.zeros((2, 2, len(negatives)))
    counts[0, 0], counts[0, 1] = negatives, positives
    return histogram(counts, BINS[: len(negatives)])


@pytest.mark.parametrize(
    ("negatives", "positives", "why"),
    [
        ([0] * 10, [0] * 10, "no labelled rows"),
        ([10] * 10, [10] * 10, "200 labelled rows with a score; at least 300"),
        ([0] * 10, [100] * 10, "no negative label"),
        ([100] * 10, [1] * 10, "10 positive labels; at least 20"),
        ([500] + [0] * 9, [500] + [0] * 9, "all scores of the reference are the same"),
    ],
)
def test_a_reference_that_says_nothing_is_undefined(negatives, positives, why):
    found = calibrator(reference(negatives, positives))
    assert isinstance(found, Undefined)
    assert why in found.why


def test_one_giant_weight_is_one_row():
    found = calibrator(reference([1e9] + [1] * 9, [50] * 10))
    assert isinstance(found, Calibrator)  # each bin's squares are its counts: rows, not weights
    weighted = reference([1e9] + [1] * 9, [50] * 10)
    squares = weighted.negative_squares.copy()
    squares[0] = 1e18
    heavy = type(weighted)(
        weighted.negatives, weighted.positives, squares, weighted.positive_squares, weighted.scored, weighted.bins
    )
    assert calibrator(heavy) == Undefined("the reference has 1 negative label; at least 20 are needed")


def test_chances_rise_with_the_score_and_keep_the_total():
    found = calibrator(reference([90, 80, 85, 60, 50, 0, 30, 20, 10, 5], [5, 20, 10, 40, 50, 0, 70, 80, 90, 95]))
    assert isinstance(found, Calibrator)
    assert (np.diff(found.chance) >= 0).all()
    rows = found.reference.negatives + found.reference.positives
    assert (rows * found.chance).sum() == pytest.approx(found.reference.positives.sum())
    # a bin without rows lies between its neighbours
    assert found.chance[4] < found.chance[5] < found.chance[6]


def every_metric():
    calls = [name for name, definition in METRICS["binary"].items() if not definition.required]
    return [build(MetricCall(name), "binary") for name in calls]


def test_every_metric_that_needs_labels_can_be_expected():
    needs = {metric.name for metric in every_metric() if "labels" in metric.needs}
    assert needs == {metric.name for metric in every_metric() if can_expect(metric)}
    assert needs >= {"recall", "roc_auc", "average_precision", "calibration_error", "mcc", "cost", "brier", "log_loss"}


def test_expected_counts_are_the_mean_of_drawn_labels():
    """Brute force: labels are drawn, rows by rows, and the metrics of the realised counts are averaged."""
    rng = np.random.default_rng(6)
    rows = np.zeros((3, 10))
    rows[0, :5], rows[1, 5:] = 400, 400
    chance = np.linspace(0.05, 0.9, 10)
    state = scored(np.stack([rows[:2], np.zeros((2, 10))], axis=1), BINS)
    found = expected(state, chance)
    share = rng.binomial(rows.astype(int), chance, size=(3000, 3, 10)) / np.maximum(rows, 1)
    drawn = expected(state[None], share).sums
    for name in ("accuracy", "precision", "recall", "f1", "roc_auc", "average_precision", "mcc"):
        metric = build(name, "binary")
        values = metric.value(metric.parts(drawn))
        error = 4 * values.std() / np.sqrt(len(values))
        assert float(figure(metric, found)) == pytest.approx(values.mean(), abs=error + 1e-3), name


def test_auc_without_self_pairs_is_exact_for_pairs():
    """All labellings of a few rows: expected wins over expected pairs."""
    chance = np.array([0.2, 0.5, 0.7, 0.9])
    wins = pairs = 0.0
    for i in range(4):
        for j in range(4):
            if i != j:
                weight = chance[i] * (1 - chance[j])
                pairs += weight
                wins += weight * (i > j)
    found = without_self_pairs(auc(1 - chance, chance), (1 - chance).sum(), chance.sum(), (chance * (1 - chance)).sum())
    assert float(found) == pytest.approx(wins / pairs)
    assert np.isnan(without_self_pairs(0.5, 0.0, 1.0, 0.0))


def test_bins_have_their_middle():
    bins = np.stack([np.arange(512.0), np.zeros(512), np.zeros(512)], axis=1)
    inner = 1 / (1 + np.exp(-((np.arange(512) + 0.5) * 30 / 512 - 15)))
    assert (np.diff(bin_scores(np.stack([np.zeros(512), np.arange(512.0), np.zeros(512)], axis=1)[:100])) > 0).all()
    assert bin_scores(np.array([[0.0, 0.0, 0.0]]))[0] < 1e-6
    assert bin_scores(np.array([[511.0, 511.0, 0.0]]))[0] > 1 - 1e-6
    places = np.clip(np.floor((np.log(inner / (1 - inner)) + 15) * 512 / 30), 0, 511)
    linear = np.minimum(np.floor(inner * 512), 511)
    middle = bin_scores(np.stack([linear, places, np.zeros(512)], axis=1))
    assert np.abs(middle - inner).max() < 1 / 512
    assert len(bins) == 512
