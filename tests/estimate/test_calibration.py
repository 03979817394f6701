"""Reliability bins against rows, and when a recalibration is advised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from leadline.estimate.calibration import recalibration, reliability, shared_bins, with_scores
from leadline.metrics.sums import Sums
from leadline.stats.proportion import wilson
from metrics.test_calibration import sums

GRAINS, ROWS = 60, 150
REFERENCE, WINDOW = (0, 25), (32, 60)


def log(seed: int, said=lambda x: x, true=lambda x: x, rows: int = ROWS):
    """Scores and labels by day; from day 30 on scores are `said` of the logit and labels `true` of it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(GRAINS, rows)) * 1.3 - 1
    late = np.arange(GRAINS)[:, None] >= 30
    score = expit(np.where(late, said(x), x))
    label = (rng.random(x.shape) < expit(np.where(late, true(x), x))).astype(float)
    return score, label


def advised(seed: int, **changed):
    return recalibration(sums(*log(seed, **changed)), REFERENCE, WINDOW)


def test_scores_that_became_too_extreme_are_to_be_recalibrated():
    found = [advised(seed, said=lambda x: 2.2 * x) for seed in range(20)]
    assert sum(each is not None for each in found) >= 19
    for each in filter(None, found):
        assert each.method == "isotonic"
        assert 0.5 < each.explained <= 1
        assert each.brier[2] < each.brier[1]
        assert each.brier[2] == pytest.approx(each.brier[0], abs=0.02)


def test_what_it_would_gain_is_what_the_true_map_gains():
    score, label = log(3, said=lambda x: 2.2 * x, rows=2000)
    found = recalibration(sums(score, label), REFERENCE, WINDOW)
    late_score, late_label = score[slice(*WINDOW)].ravel(), label[slice(*WINDOW)].ravel()
    assert found.brier[1] == pytest.approx(brier_score_loss(late_label, late_score), abs=1e-3)
    mended = expit(logit(late_score) / 2.2)
    assert found.brier[2] == pytest.approx(brier_score_loss(late_label, mended), abs=2e-3)


@pytest.mark.parametrize(
    "changed",
    [{}, {"true": lambda x: 0.3 * x - 1}, {"said": lambda x: -x}],
    ids=["no change", "a weaker relation", "scores turned round"],
)
def test_nothing_is_advised_where_calibration_is_not_what_changed(changed):
    """Of a weaker relation, too, scores are too extreme; but they order rows worse, which no map mends."""
    assert sum(advised(seed, **changed) is not None for seed in range(40)) <= 2


def test_the_map_has_as_much_room_as_positives_can_carry():
    few = [advised(seed, said=lambda x: 4 * x + 2, rows=10) for seed in range(5)]
    assert {each.method for each in few if each is not None} <= {"beta", "Platt"}
    assert any(few)


def test_without_both_classes_nothing_is_said():
    score, label = log(0)
    assert recalibration(sums(score, 0 * label), REFERENCE, WINDOW) is None
    assert recalibration(sums(score, label), (0, 0), WINDOW) is None


# Reliability --------------------------------------------------------------------------------------------------------


def whole(found: Sums):
    return with_scores(found.scores[""]).total()


def test_bins_are_those_of_the_rows():
    score, label = log(1)
    bins = reliability(whole(sums(score, label)), shared_bins(whole(sums(score, label))))
    assert len(bins) == 15
    assert sum(each.n for each in bins) == score.size
    for each in bins:
        mine = (score >= each.low) & (score < each.high)
        assert mine.sum() == pytest.approx(each.n, abs=1)
        assert score[mine].mean() == pytest.approx(each.predicted, abs=1e-3)
        assert each.low <= each.predicted <= each.high
        assert (each.observed_low, each.observed_high) == pytest.approx(wilson(each.observed * each.n, each.n))
    assert max(each.n for each in bins) < 1.3 * score.size / 15


def test_against_scikit_learn():
    score, label = log(2, rows=1000)
    bins = reliability(whole(sums(score, label)), shared_bins(whole(sums(score, label))))
    observed, predicted = calibration_curve(label.ravel(), score.ravel(), n_bins=15, strategy="quantile")
    assert [each.predicted for each in bins] == pytest.approx(predicted, abs=0.005)
    assert [each.observed for each in bins] == pytest.approx(observed, abs=0.02)


def test_without_sums_of_scores_a_bin_is_said_to_lie_in_its_middle():
    found = sums(*log(1)).scores[""].total()
    without = with_scores(replace(found, scored=0 * found.scored))
    assert with_scores(found) is found
    exact, near = (reliability(each, shared_bins(found)) for each in (found, without))
    for one, other in zip(exact, near, strict=True):
        assert one.predicted == pytest.approx(other.predicted, abs=1 / 1024)


def test_no_rows_have_no_bins():
    found = sums(*log(1)).scores[""][0:0].total()
    assert reliability(found, shared_bins(found)) == ()
