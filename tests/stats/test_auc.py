from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from leadline.stats.auc import auc, auc_gradient, binning_bound, delong_variance, score_newcombe, told_apart
from leadline.stats.counts import group_influence, row_variance

histograms = (
    st.integers(1, 12)
    .flatmap(lambda bins: st.tuples(*2 * [st.lists(st.integers(0, 6), min_size=bins, max_size=bins)]))
    .filter(lambda pair: min(map(sum, pair)) > 0)
)


def rows(negatives, positives):
    """Label and bin of each row."""
    bins = np.arange(len(negatives))
    score = np.concatenate([np.repeat(bins, negatives), np.repeat(bins, positives)])
    return np.repeat([0, 1], [sum(negatives), sum(positives)]), score


@given(histograms)
def test_auc_against_sklearn(case):
    assert float(auc(*case)) == pytest.approx(roc_auc_score(*rows(*case)), abs=1e-12)


@given(histograms, st.integers(0, 2**32 - 1))
def test_weighted_auc_against_sklearn(case, seed):
    label, score = rows(*case)
    weight = np.random.default_rng(seed).uniform(0.1, 3, len(label))
    bins = len(case[0])
    by_bin = [np.bincount(score[label == y], weight[label == y], bins) for y in (0, 1)]
    assert float(auc(*by_bin)) == pytest.approx(roc_auc_score(label, score, sample_weight=weight), abs=1e-12)


def brute_delong(negatives, positives) -> float:
    """DeLong, DeLong, Clarke-Pearson (1988): placements of each row, one by one."""
    label, score = rows(negatives, positives)
    neg, pos = score[label == 0], score[label == 1]
    wins = (pos[:, None] > neg[None, :]) + (pos[:, None] == neg[None, :]) / 2
    of_positive, of_negative = wins.mean(1), wins.mean(0)
    return sum(part.var(ddof=1) / len(part) for part in (of_positive, of_negative) if len(part) > 1)


@given(histograms)
def test_delong_against_brute_force(case):
    assert float(delong_variance(*case)) == pytest.approx(brute_delong(*case), abs=1e-12)


@given(histograms)
def test_weights_of_all_rows_alike_change_nothing(case):
    neg, pos = np.array(case, dtype=float)
    weighted = delong_variance(3 * neg, 3 * pos, 9 * neg, 9 * pos)
    assert float(weighted) == pytest.approx(float(delong_variance(neg, pos)), abs=1e-12)


@given(histograms)
def test_the_gradient_is_the_change_by_a_further_row(case):
    neg, pos = np.array(case, dtype=float)
    of_negative, of_positive = auc_gradient(neg, pos)
    assert of_negative @ neg == pytest.approx(0, abs=1e-12)
    assert of_positive @ pos == pytest.approx(0, abs=1e-12)
    step = 1e-6
    for place in range(len(neg)):
        more = np.eye(len(neg))[place] * step
        assert float(auc(neg + more, pos) - auc(neg, pos)) / step == pytest.approx(of_negative[place], abs=1e-4)
        assert float(auc(neg, pos + more) - auc(neg, pos)) / step == pytest.approx(of_positive[place], abs=1e-4)


@given(histograms)
def test_influences_of_rows_make_delongs_variance(case):
    neg, pos = np.array(case, dtype=float)
    of_negative, of_positive = auc_gradient(neg, pos)
    n, p = neg.sum(), pos.sum()
    parts = row_variance(of_negative, neg), row_variance(of_positive, pos)
    free = [part * size / (size - 1) if size > 1 else 0.0 for part, size in zip(parts, (n, p), strict=True)]
    assert float(delong_variance(neg, pos)) == pytest.approx(sum(free), abs=1e-12)


@given(histograms, st.integers(0, 2**32 - 1))
def test_influences_of_groups_add_up_to_nothing(case, seed):
    neg, pos = np.array(case)
    rng = np.random.default_rng(seed)
    of_negative, of_positive = auc_gradient(neg, pos)
    by_group = [rng.multinomial(part, np.full(4, 0.25)).T for part in (neg, pos)]
    total = group_influence(of_negative, by_group[0]) + group_influence(of_positive, by_group[1])
    assert total.sum() == pytest.approx(0, abs=1e-12)


@given(histograms, st.integers(1, 6))
def test_coarser_bins_stay_within_their_bound(case, width):
    neg, pos = np.array(case)
    groups = np.arange(len(neg)) // width
    coarse = [np.bincount(groups, part) for part in (neg, pos)]
    assert abs(float(auc(neg, pos) - auc(*coarse))) <= float(binning_bound(*coarse)) + 1e-12


@given(histograms)
def test_swapping_the_classes_and_turning_the_order_are_undone(case):
    neg, pos = np.array(case)
    value, variance = float(auc(neg, pos)), float(delong_variance(neg, pos))
    assert float(auc(pos, neg)) == pytest.approx(1 - value)
    assert float(auc(pos[::-1], neg[::-1])) == pytest.approx(value)
    assert float(delong_variance(pos[::-1], neg[::-1])) == pytest.approx(variance)


def test_leading_axes_are_slices():
    rng = np.random.default_rng(3)
    neg, pos = rng.integers(1, 9, (2, 3, 5, 8))
    for function in (auc, delong_variance, binning_bound):
        each = [[float(function(neg[i, j], pos[i, j])) for j in range(5)] for i in range(3)]
        assert function(neg, pos) == pytest.approx(np.array(each))
    assert auc_gradient(neg, pos)[1][2, 4] == pytest.approx(auc_gradient(neg[2, 4], pos[2, 4])[1])


intervals = st.tuples(st.floats(0, 1), st.integers(1, 500), st.integers(1, 5000), st.floats(0, 0.2))


@given(intervals, st.floats(0.5, 12), st.floats(1, 20))
def test_score_newcombe_holds_the_area_and_widens(case, critical, deff):
    low, high = score_newcombe(*case, critical)
    assert 0 <= low <= case[0] <= high <= 1
    assert low < high
    wider = score_newcombe(*case, critical, deff)
    assert wider[0] <= low + 1e-12
    assert high <= wider[1] + 1e-12
    assert wider == pytest.approx(score_newcombe(*case, critical * deff**0.5), abs=1e-9)


@given(intervals)
def test_score_newcombe_ends_where_the_area_is_just_not_rejected(case):
    """By another way: the distance in standard errors at both ends is the critical value."""
    area, p, n, _ = case
    low, high = score_newcombe(area, p, n, 0.0)
    more = (p + n) / 2 - 1
    for end in (low, high):
        if 1e-9 < end < 1 - 1e-9 and abs(end - area) > 1e-9:
            variance = end * (1 - end) / (p * n) * (1 + more * (1 - end) / (2 - end) + more * end / (1 + end))
            assert abs(end - area) / variance**0.5 == pytest.approx(1.959964, rel=1e-4)


def test_score_newcombe_of_arrays():
    area, size, variance = np.array([0.6, 1.0]), np.array([10.0, 20.0]), np.array([0.001, 0.0])
    low, high = score_newcombe(area, size, size, variance)
    assert (low[0], high[0]) == score_newcombe(0.6, 10, 10, 0.001)
    assert (low[1], high[1]) == score_newcombe(1.0, 20, 20, 0.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: auc([0, 0], [1, 1]),
        lambda: auc([1, 1], [0, 0]),
        lambda: auc([1, 1], [1, 1, 1]),
        lambda: auc([1, -1], [1, 1]),
        lambda: auc([1, float("nan")], [1, 1]),
        lambda: score_newcombe(1.1, 10, 10, 0.1),
        lambda: score_newcombe(0.5, 0, 10, 0.1),
        lambda: score_newcombe(0.5, 10, 10, float("nan")),
        lambda: score_newcombe(0.5, 10, 10, 0.1, deff=0.0),
    ],
)
def test_refusals(call):
    with pytest.raises(ValueError, match=r"class|bins|rows by bin|deff"):
        call()


@given(histograms)
def test_kinds_that_tell_rows_apart_against_leaving_each_pair_out(case):
    neg, pos = (np.array(each, dtype=int) for each in case)
    won = 0.0
    for mine in np.repeat(np.arange(len(pos)), pos):
        for other in np.repeat(np.arange(len(neg)), neg):
            left_neg, left_pos = neg.copy(), pos.copy()
            left_neg[other] -= 1
            left_pos[mine] -= 1
            # a ratio of 0 to 0 is as large as any
            ahead = left_pos[mine] * left_neg[other] - left_pos[other] * left_neg[mine]
            won += 0.5 if mine == other else (np.sign(ahead) + 1) / 2
    assert float(told_apart(neg, pos)) == pytest.approx(won / (neg.sum() * pos.sum()))


def test_kinds_that_tell_nothing_are_not_told_apart_by_chance():
    rng = np.random.default_rng(1)
    shares = rng.dirichlet(np.ones(24))
    then, now = rng.multinomial(5_000, shares, 300), rng.multinomial(200, shares, 300)
    assert told_apart(then, now).mean() < 0.51
    with_themselves = np.array(
        [auc(*np.array(pair)[:, np.argsort(pair[1] / (pair[0] + 1e-9))]) for pair in zip(then, now, strict=True)]
    )
    assert with_themselves.mean() > 0.55
    assert np.isnan(told_apart([1, 2], [0, 0]))
    assert float(told_apart([90.0, 10.0], [10.0, 90.0], 0.5, 0.5)) > 0.8
