"""What a column does to a metric: against weighing every row, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, recall_score

from leadline.drift.impact import Outcomes, impact, nearest, tolerance
from leadline.metrics import MetricCall, build
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array, Sums

BLOCKS, BINS = 12, 5
ORACLES = {
    "accuracy": accuracy_score,
    "recall": recall_score,
    "f1": f1_score,
    "mcc": matthews_corrcoef,
}


def metric(name: str) -> Metric:
    return build(MetricCall(name), "binary", ())


@dataclass
class Rows:
    block: Array
    bin: Array
    predicted: Array
    actual: Array


def rows(n: int = 6000, seed: int = 3, bins: int = BINS) -> Rows:
    """The more to the right a bin lies, the worse is the model."""
    rng = np.random.default_rng(seed)
    bin_ = rng.integers(0, bins, n)
    actual = rng.random(n) < 0.4
    wrong = rng.random(n) < 0.1 + 0.08 * bin_
    return Rows(rng.integers(0, BLOCKS, n), bin_, np.where(wrong, ~actual, actual).astype(int), actual.astype(int))


def outcomes(of: Metric, given: Rows, bins: int = BINS) -> Outcomes:
    counts = np.zeros((BLOCKS, bins, 3, 3))
    np.add.at(counts, (given.block, given.bin, given.predicted, given.actual), 1.0)
    weight = counts.sum((-2, -1))
    sums = Sums(weight, weight, weight, np.zeros_like(weight), counts, counts)
    return Outcomes(of.parts(sums), weight, weight.sum(axis=0) <= 0, np.full(bins, -1))


def shares(given: Rows, bins: int = BINS) -> Array:
    return np.bincount(given.bin, minlength=bins) / len(given.bin)


LATER = np.array([[0.05, 0.1, 0.15, 0.3, 0.4], [0.2, 0.2, 0.2, 0.2, 0.2], [0.9, 0.1, 0.0, 0.0, 0.0]])


@pytest.mark.parametrize("name", ORACLES)
def test_the_effect_is_that_of_weighing_every_row(name: str) -> None:
    of, given = metric(name), rows()
    p = shares(given)
    found = impact(of, outcomes(of, given), p, LATER)
    assert found is not None
    reference = ORACLES[name](given.actual, given.predicted)
    assert found.reference == pytest.approx(reference)
    for place, q in enumerate(LATER):
        weighed = ORACLES[name](given.actual, given.predicted, sample_weight=(q / p)[given.bin])
        assert found.value[place] == pytest.approx(weighed - reference, abs=1e-12)


def test_for_a_mean_it_is_the_change_of_shares_times_the_mean_of_each_bin() -> None:
    of, given = metric("accuracy"), rows()
    p, right = shares(given), given.predicted == given.actual
    mean = np.array([right[given.bin == place].mean() for place in range(BINS)])
    found = impact(of, outcomes(of, given), p, LATER)
    assert found is not None
    np.testing.assert_allclose(found.value, (LATER - p) @ mean, atol=1e-12)
    np.testing.assert_allclose(found.of_bins, mean)


def test_no_change_of_the_column_does_nothing() -> None:
    of, given = metric("f1"), rows()
    found = impact(of, outcomes(of, given), shares(given), shares(given)[None])
    assert found is not None
    assert abs(found.value[0]) < 1e-15
    assert found.low[0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", ["accuracy", "recall"])
def test_the_interval_covers(name: str) -> None:
    """Of the effect that more rows would show, .90 or more of 150 times."""
    of, large = metric(name), rows(400_000, seed=99)
    p = shares(large)
    truth = impact(of, outcomes(of, large), p, LATER)
    assert truth is not None
    covered = np.zeros(len(LATER))
    for seed in range(150):
        small = rows(3000, seed=seed)
        found = impact(of, outcomes(of, small), p, LATER)
        assert found is not None
        covered += (found.low <= truth.value) & (truth.value <= found.high)
    assert (covered[[0, 2]] / 150 >= 0.9).all()


def test_values_without_labels_in_the_reference_widen_the_interval() -> None:
    of, given = metric("accuracy"), rows()
    made = outcomes(of, given, BINS + 1)
    p = shares(given, BINS + 1)
    q = np.array([*(0.7 * p[:-1]), 0.3])[None]
    found = impact(of, made, p, q)
    assert found is not None
    assert found.unknown[0] == pytest.approx(0.3)
    assert found.value[0] == pytest.approx(0, abs=1e-12)  # they count as average
    assert found.low[0] <= 0.3 * (0 - found.reference) + 1e-9
    assert found.high[0] >= 0.3 * (1 - found.reference) - 1e-9


def test_numbers_beyond_the_reference_count_like_the_nearest() -> None:
    of, given = metric("accuracy"), rows()
    made, p = outcomes(of, given, BINS + 1), shares(given, BINS + 1)
    like = nearest(np.arange(BINS + 1.0), ~made.few)
    q = np.zeros((1, BINS + 1))
    q[0, -1] = 1.0
    found = impact(of, replace(made, like=like), p, q)
    assert found is not None
    assert found.reference + found.value[0] == pytest.approx(found.of_bins[-2])
    assert found.unknown[0] == 1


@pytest.mark.parametrize("name", ["accuracy", "recall"])
def test_a_few_rows_do_not_stand_for_many(name: str) -> None:
    """Ten rows that were all right say little of a third of a window: these may do as any other bin."""
    of, given = metric(name), rows()
    extra = np.full(10, BINS)
    given.block, given.bin = np.append(given.block, np.arange(10)), np.append(given.bin, extra)
    given.predicted, given.actual = (
        np.append(given.predicted, np.ones(10, int)),
        np.append(given.actual, np.ones(10, int)),
    )
    made, p = outcomes(of, given, BINS + 1), shares(given, BINS + 1)
    few = np.arange(BINS + 1) == BINS
    made = replace(made, few=few, like=nearest(np.arange(BINS + 1.0), ~few))
    many = np.array([[*(0.7 * p[:-1] / p[:-1].sum()), 0.3], p])
    found = impact(of, made, p, many)
    assert found is not None
    kept = 0.7 * (found.of_bins[:-1] * p[:-1]).sum() / p[:-1].sum()
    if name == "accuracy":  # of recall it depends on how many positives there are, too
        assert found.reference + found.value[0] == pytest.approx(kept + 0.3 * found.of_bins[-2])
        assert found.reference + found.low[0] <= kept + 0.3 * found.of_bins[:-1].min()
        assert found.reference + found.high[0] >= kept + 0.3 * found.of_bins[:-1].max()
    assert found.high[0] - found.low[0] >= 0.3 * np.ptp(found.of_bins[:-1])
    assert np.isnan(found.of_bins[-1])
    assert found.unknown.tolist() == [pytest.approx(0.3), 0]
    assert (found.value[1], found.high[1]) == (pytest.approx(0, abs=1e-12), pytest.approx(0, abs=1e-12))


def test_unknown_rows_may_be_all_that_a_metric_looks_at() -> None:
    """Recall looks at positives only: 2 % of unknown rows may be half as many as the positives."""
    of, given = metric("recall"), rows()
    rare = given.actual.astype(bool) & (np.arange(len(given.actual)) % 10 > 0)
    given.actual = np.where(rare, 0, given.actual)
    made, p = outcomes(of, given, BINS + 1), shares(given, BINS + 1)
    found = impact(of, made, p, np.array([*(0.98 * p[:-1]), 0.02])[None])
    assert found is not None
    assert found.high[0] - found.low[0] > 0.25


def test_one_block_says_nothing_of_how_sure_it_is() -> None:
    of, given = metric("accuracy"), rows()
    given.block[:] = 0
    found = impact(of, outcomes(of, given), shares(given), LATER)
    assert found is not None
    assert np.isfinite(found.value).all()
    assert np.isnan(found.low).all()


def test_without_labels_there_is_no_effect() -> None:
    of = metric("accuracy")
    nothing = Outcomes(np.zeros((BLOCKS, BINS, 5)), np.zeros((BLOCKS, BINS)), np.ones(BINS, bool), np.full(BINS, -1))
    assert impact(of, nothing, np.full(BINS, 0.2), LATER) is None


def test_without_positives_recall_has_no_effect() -> None:
    of, given = metric("recall"), rows()
    given.actual[:] = 0
    assert impact(of, outcomes(of, given), shares(given), LATER) is None


def test_two_percent_of_the_errors_are_harmless() -> None:
    assert tolerance(metric("accuracy"), 0.9) == pytest.approx(0.002)
    assert tolerance(metric("false_positive_rate"), 0.1) == pytest.approx(0.002)
    assert tolerance(build(MetricCall("mae"), "regression", ()), 50.0) == pytest.approx(1.0)
