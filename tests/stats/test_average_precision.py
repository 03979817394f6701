from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from leadline.stats.average_precision import (
    average_precision,
    average_precision_gradient,
    average_precision_interval,
    average_precision_range,
)

histograms = (
    st.integers(1, 12)
    .flatmap(lambda bins: st.tuples(*2 * [st.lists(st.integers(0, 6), min_size=bins, max_size=bins)]))
    .filter(lambda pair: sum(pair[1]) > 0)
)


def rows(negatives, positives):
    bins = np.arange(len(negatives))
    score = np.concatenate([np.repeat(bins, negatives), np.repeat(bins, positives)])
    return np.repeat([0, 1], [sum(negatives), sum(positives)]), score


@given(histograms)
def test_against_sklearn(case):
    assert float(average_precision(*case)) == pytest.approx(average_precision_score(*rows(*case)), abs=1e-12)


@given(histograms, st.integers(0, 2**32 - 1))
def test_weighted_against_sklearn(case, seed):
    label, score = rows(*case)
    weight = np.random.default_rng(seed).uniform(0.1, 3, len(label))
    by_bin = [np.bincount(score[label == y], weight[label == y], len(case[0])) for y in (0, 1)]
    oracle = average_precision_score(label, score, sample_weight=weight)
    assert float(average_precision(*by_bin)) == pytest.approx(oracle, abs=1e-12)


@given(histograms)
def test_the_gradient_is_the_change_by_a_further_row(case):
    neg, pos = np.array(case, dtype=float)
    of_negative, of_positive = average_precision_gradient(neg, pos)
    assert of_negative @ neg + of_positive @ pos == pytest.approx(0, abs=1e-12)
    step = 1e-6
    for place in np.flatnonzero(neg):
        more = np.eye(len(neg))[place] * step
        change = float(average_precision(neg + more, pos) - average_precision(neg - more, pos)) / (2 * step)
        assert change == pytest.approx(of_negative[place], abs=1e-5)
    for place in np.flatnonzero(pos):
        more = np.eye(len(neg))[place] * step
        change = float(average_precision(neg, pos + more) - average_precision(neg, pos - more)) / (2 * step)
        assert change == pytest.approx(of_positive[place], abs=1e-5)


@given(histograms, st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_coarser_bins_stay_in_their_range(case, seed, width):
    """Rows whose order the bins hide, ties among them or not, with weights or without."""
    neg, pos = np.array(case)
    groups = np.arange(len(neg)) // width
    value = float(average_precision(neg, pos))
    low, high = average_precision_range(*(np.bincount(groups, part) for part in (neg, pos)))
    assert float(low) - 1e-9 <= value <= float(high) + 1e-9
    weight = np.random.default_rng(seed).uniform(0.05, 3, len(neg))
    heavy = neg * weight, pos * weight
    low, high = average_precision_range(*(np.bincount(groups, part) for part in heavy), weighted=True)
    assert float(low) - 1e-9 <= float(average_precision(*heavy)) <= float(high) + 1e-9


def test_the_range_is_reached():
    """One bin of 2 negatives and 2 positives, all orders of rows without ties; the high end needs a tie."""
    values = {average_precision_score(order, [4, 3, 2, 1]) for order in permutations([0, 0, 1, 1])}
    low, high = average_precision_range([2], [2])
    assert float(low) == pytest.approx(min(values))
    assert float(high) == pytest.approx(max(values))
    _, high = average_precision_range([2, 1], [2, 0])
    assert float(high) == pytest.approx(average_precision_score([0, 1, 1, 0, 0], [3, 2, 2, 1, 1]))


def test_bins_of_one_class_hide_only_ties():
    """Ties of positives alone raise the value: its precision is that at the end of the tie."""
    neg, pos = [3, 0, 2, 0], [0, 2, 0, 5]
    low, high = average_precision_range(neg, pos)
    assert float(high) == pytest.approx(float(average_precision(neg, pos)))
    assert float(low) == pytest.approx(average_precision_score([0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1], range(12)))


def test_leading_axes_are_slices():
    rng = np.random.default_rng(3)
    neg, pos = rng.integers(0, 9, (2, 4, 8)) + np.eye(8, dtype=int)[0]
    assert average_precision(neg, pos)[2] == pytest.approx(float(average_precision(neg[2], pos[2])))
    assert average_precision_gradient(neg, pos)[0][2] == pytest.approx(average_precision_gradient(neg[2], pos[2])[0])
    assert average_precision_range(neg, pos)[0][2] == pytest.approx(float(average_precision_range(neg[2], pos[2])[0]))


@given(st.floats(1e-3, 1), st.integers(1, 1000), st.floats(0, 0.2), st.floats(0.5, 12), st.floats(0.5, 20))
def test_the_interval_holds_the_value_and_has_a_width(value, positives, variance, critical, deff):
    low, high = average_precision_interval(value, positives, variance, critical, deff)
    assert 0 <= low <= value <= high <= 1
    assert low < high


@pytest.mark.parametrize(
    "call",
    [
        lambda: average_precision([1, 1], [0, 0]),
        lambda: average_precision([1, 1], [1]),
        lambda: average_precision([1, 1], [1, -1]),
        lambda: average_precision_interval(0.0, 1, 0.1),
        lambda: average_precision_interval(0.5, 0, 0.1),
        lambda: average_precision_interval(0.5, 1, 0.1, deff=0),
    ],
)
def test_refusals(call):
    with pytest.raises(ValueError, match=r"positive|bins|rows by bin|deff"):
        call()
