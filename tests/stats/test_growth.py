"""Laws of growth: what it is for one row, that it adds up, and that it is fair while the promise is just kept."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, fbeta_score, roc_auc_score

from leadline.stats.growth import (
    LOSS_STAKES,
    ODDS,
    SHIFTS,
    effective_counts,
    f_beta_gains,
    group_areas,
    growth_of_figures,
    growth_of_gains,
    growth_of_groups,
    growth_of_losses,
    growth_of_sums,
    jaccard_target,
    mean_of_cells,
    mean_of_groups,
    share_gains,
)

targets = st.floats(0.02, 0.98)


@given(targets, st.integers(1, 30))
def test_a_share_at_its_limit_is_a_fair_bet(target, rows):
    errors = np.arange(rows + 1)
    chance = np.array([comb(rows, k) for k in errors]) * (1 - target) ** errors * target ** (rows - errors)
    growth = growth_of_gains(np.stack([rows - errors, errors], axis=1), share_gains(target))
    assert np.allclose(chance @ np.exp(growth), 1.0)


@given(targets, targets)
def test_a_share_that_is_kept_is_a_losing_bet(target, better):
    share = target + (1 - target) * better
    growth = growth_of_gains(np.eye(2), share_gains(target))
    assert (np.array([share, 1 - share]) @ np.exp(growth) <= 1).all()


@given(targets, st.floats(0.3, 3), st.floats(0.01, 0.99))
def test_an_f_beta_at_its_limit_is_a_fair_bet(target, beta, missed):
    gains = f_beta_gains(target, beta)
    lost = missed * gains[1] + (1 - missed) * gains[2]
    hits = lost / (lost - gains[0])  # so that the mean gain is 0
    chance = np.array([hits, (1 - hits) * missed, (1 - hits) * (1 - missed)])
    assert np.allclose(chance @ np.exp(growth_of_gains(np.eye(3), gains)), 1.0)


def test_the_bet_on_a_share_is_the_likelihood_ratio_of_methods():
    limit, odds = 0.1, 0.1 / 0.9 * np.array(ODDS)
    share = odds / (1 + odds)
    expected = 7 * np.log(share / limit) + 193 * np.log((1 - share) / (1 - limit))
    assert np.allclose(growth_of_gains([[193, 7]], share_gains(0.9))[0], expected, rtol=1e-12)


@given(targets, st.floats(0.01, 100))
def test_only_ratios_of_gains_matter(target, scale):
    for gains in (share_gains(target), f_beta_gains(target, 2.0)):
        counts = np.arange(2.0, 2 + len(gains))[None]
        assert np.allclose(growth_of_gains(counts, gains), growth_of_gains(counts, scale * gains))


def test_cells_without_gain_and_cells_of_equal_gain_change_nothing():
    plain = growth_of_gains([[30, 9]], share_gains(0.8))
    assert np.allclose(growth_of_gains([[11, 19, 4, 5, 77]], [0.2, 0.2, -0.8, -0.8, 0.0]), plain)


@pytest.mark.parametrize("target", [0.3, 0.6, 0.9])
def test_the_jaccard_index_stands_for_f1(target):
    random = np.random.default_rng(1)
    for _ in range(200):
        actual, predicted = random.integers(0, 2, (2, 12))
        actual[0] = predicted[0] = 1
        hits, errors = int((actual & predicted).sum()), int((actual != predicted).sum())
        gain = np.array([hits, errors]) @ share_gains(jaccard_target(target))
        assert (gain >= -1e-12) == (f1_score(actual, predicted) >= target - 1e-12)


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_gains_stand_for_f_beta(beta):
    random = np.random.default_rng(2)
    for _ in range(200):
        actual, predicted = random.integers(0, 2, (2, 12))
        actual[0] = 1
        cells = [(actual & predicted).sum(), (actual > predicted).sum(), (actual < predicted).sum()]
        gain = np.array(cells) @ f_beta_gains(0.55, beta)
        assert (gain >= 0) == (fbeta_score(actual, predicted, beta=beta) >= 0.55)


def test_looks_and_slices_stand_beside_each_other():
    random = np.random.default_rng(3)
    counts = random.integers(0, 50, (4, 6, 3))
    gains = np.array([1.0, -2.0, -0.5])
    together = growth_of_gains(counts, gains)
    assert together.shape == (4, 6, 8)
    assert np.allclose(together[2, 3], growth_of_gains(counts[2, 3][None], gains)[0])
    assert np.allclose(growth_of_gains(counts.sum(1, keepdims=True), gains)[:, 0], together.sum(1))
    assert not growth_of_gains(np.zeros((1, 3)), gains).any()


@pytest.mark.parametrize(
    ("counts", "gains"),
    [
        ([[1, 2]], [1.0, 1.0]),
        ([[1, 2]], [-1.0, 0.0]),
        ([[1, 2]], [1.0, -1.0, 0.0]),
        ([1, 2], [1.0, -1.0]),
        ([[1, -2]], [1.0, -1.0]),
        ([[1, np.nan]], [1.0, -1.0]),
        ([[1, 2]], [1.0, np.nan]),
    ],
)
def test_gains_that_cannot_be_bet_on_are_refused(counts, gains):
    with pytest.raises(ValueError, match=r"counts|rows|gain"):
        growth_of_gains(counts, gains)


@pytest.mark.parametrize("target", [0.0, 1.0, np.nan])
def test_targets_without_room_are_refused(target):
    for made in (jaccard_target, share_gains, lambda c: f_beta_gains(c, 1)):
        with pytest.raises(ValueError, match="inside"):
            made(target)


losses = st.lists(st.floats(0, 50), min_size=1, max_size=20)


@given(losses, st.floats(0.05, 20))
def test_sums_never_say_more_than_the_losses(found, limit):
    x = np.array(found)
    exact = growth_of_losses(np.ones((1, len(x))), x, limit)
    bound = growth_of_sums([len(x)], [x.sum()], [(x * x).sum()], limit)
    assert (bound <= exact + 1e-6 * (1 + abs(exact))).all()


@given(losses, st.floats(0.05, 20))
def test_losses_at_their_limit_are_a_fair_bet(found, limit):
    x = np.array([0.0, *found])
    high = x.max() + limit
    x = np.append(x, high)
    mean = x.mean()
    if mean <= limit:
        return
    share = limit / mean  # the rest of the rows lose nothing
    growth = growth_of_losses(np.eye(len(x)), x, limit)
    assert np.allclose(share * np.exp(growth).mean(axis=0) + (1 - share) * (1 - np.array(LOSS_STAKES)), 1.0)


def test_losses_of_0_and_1_are_errors():
    limit = 0.1
    by_loss = growth_of_losses([[180, 20]], [0.0, 1.0], limit)[0]
    share = limit + np.array(LOSS_STAKES) * (1 - limit)
    assert np.allclose(by_loss, 20 * np.log(share / limit) + 180 * np.log((1 - share) / (1 - limit)))


def test_lower_edges_of_bins_say_less_than_the_losses():
    x = np.random.default_rng(4).lognormal(0, 1, 500)
    edges = 1.01 ** np.arange(-800, 800)
    place = np.searchsorted(edges, x, side="right") - 1
    binned = growth_of_losses(np.bincount(place, minlength=len(edges))[None], edges, 1.2)
    exact = growth_of_losses(np.ones((1, 500)), x, 1.2)
    assert (binned <= exact).all()
    assert (binned >= exact - 500 * 0.5 * 0.02).all()


@pytest.mark.parametrize("limit", [0.0, -1.0, np.inf, np.nan])
def test_a_promised_loss_must_be_above_0(limit):
    with pytest.raises(ValueError, match="> 0"):
        growth_of_losses([[1, 1]], [0.0, 1.0], limit)
    with pytest.raises(ValueError, match="> 0"):
        growth_of_sums([1], [1], [1], limit)


def test_losses_and_sums_below_0_are_refused():
    with pytest.raises(ValueError, match=">= 0"):
        growth_of_losses([[1, 1]], [-1.0, 1.0], 1.0)
    with pytest.raises(ValueError, match=">= 0"):
        growth_of_losses([[-1, 1]], [0.0, 1.0], 1.0)
    with pytest.raises(ValueError, match="one loss"):
        growth_of_losses([[1, 1]], [1.0], 1.0)
    with pytest.raises(ValueError, match=">= 0"):
        growth_of_sums([1], [-1.0], [1.0], 1.0)


@given(st.floats(0.0, 0.98), st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_groups_are_fair_bets_and_gaps_are_none(limit, found):
    values = np.array(found)
    growth = growth_of_groups(np.append(values, np.nan)[None], limit)
    assert np.isfinite(growth).all()
    assert np.allclose(growth, growth_of_groups(values[None], limit))
    low, high = 0.0, 1.0
    fair = np.array([1 - limit, limit])
    assert np.allclose(fair @ np.exp(growth_of_groups([[low], [high]], limit)), 1.0)


def test_a_look_without_groups_adds_nothing():
    assert not growth_of_groups(np.full((2, 3), np.nan), 0.8).any()


@pytest.mark.parametrize(("values", "limit"), [([[1.2]], 0.5), ([[-0.1]], 0.5), ([0.5], 0.5), ([[0.5]], 1.0)])
def test_groups_out_of_range_are_refused(values, limit):
    with pytest.raises(ValueError, match=r"limit|lie"):
        growth_of_groups(values, limit)


def test_areas_of_merged_groups_are_those_of_their_rows():
    random = np.random.default_rng(5)
    neg, pos = random.poisson(3.0, (16, 12)), random.poisson(0.2, (16, 12))
    found = group_areas(neg, pos)
    merged = min(int(pos.sum()) // 5, 16)
    home = np.arange(16) * merged // 16
    assert np.isnan(found[merged:]).all()
    for group in range(merged):
        n, p = neg[home == group].sum(0), pos[home == group].sum(0)
        if n.sum() and p.sum():
            score = np.concatenate([np.repeat(np.arange(12), n), np.repeat(np.arange(12), p)])
            label = np.repeat([0, 1], [n.sum(), p.sum()])
            assert found[group] == pytest.approx(roc_auc_score(label, score))
        else:
            assert np.isnan(found[group])


def test_areas_of_one_class_or_of_no_rows_are_unknown():
    assert np.isnan(group_areas(np.zeros((2, 16, 4)), np.ones((2, 16, 4)))).all()
    assert np.isnan(group_areas(np.zeros((16, 4)), np.zeros((16, 4)))).all()
    few = group_areas(np.ones((16, 4)), np.eye(16, 4))  # 4 positives: one group
    assert np.isfinite(few).sum() == 1
    with pytest.raises(ValueError, match=">= 0"):
        group_areas([[-1.0]], [[1.0]])
    with pytest.raises(ValueError, match="same"):
        group_areas([[1.0]], [[1.0, 2.0]])


def test_figures_are_bet_on_as_normal_ones():
    random = np.random.default_rng(6)
    values, variances, rows = random.normal(0.8, 0.05, 9), random.uniform(1, 2, 9) / 400, random.uniform(50, 200, 9)
    phi = random.uniform(1, 4, 9)
    growth = growth_of_figures(values, variances, rows, 0.8, phi)
    assert not growth[0].any()
    for look in range(1, 9):
        n = rows[:look]
        error = np.sqrt((variances[:look] * n * n).sum() / n.sum() / rows[look] * phi[look])
        normal = np.array([-0.5 * ((0.8 - values[look]) / error - d) ** 2 for d in (*SHIFTS, 0.0)])
        assert np.allclose(growth[look] / phi[look], normal[:-1] - normal[-1])


def test_figures_are_judged_by_earlier_looks_alone():
    values, variances, rows, phi = np.full(6, 0.7), np.full(6, 0.01), np.full(6, 80.0), np.full(6, 2.0)
    usual = growth_of_figures(values, variances, rows, 0.8, phi)
    unsure = np.where(np.arange(6) == 5, 100.0, variances)
    assert np.array_equal(growth_of_figures(values, unsure, rows, 0.8, phi), usual)
    together = growth_of_figures(np.stack([values, values]), variances, rows, 0.8, phi)
    assert np.array_equal(together, np.stack([usual, usual]))
    unknown = np.where(np.arange(6) == 3, np.nan, phi)
    assert np.isfinite(growth_of_figures(values, variances, rows, 0.8, unknown)).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.floats(1e2, 1e30))
def test_a_wild_look_blinds_no_later_one(seed, wild, times):
    random = np.random.default_rng(seed)
    values, variances, rows, phi = np.full(30, 0.7), random.uniform(1, 2, 30) / 400, np.full(30, 80.0), np.full(30, 2.0)
    places = random.choice(20, wild, replace=False)
    usual = growth_of_figures(values, variances, rows, 0.8, phi)
    values[places] *= times
    variances[places] *= times
    found = growth_of_figures(values, variances, rows, 0.8, phi)
    # from 20 looks on, of which three may weigh ten times the median, a look says at least half of what it said
    assert (found[20:].max(axis=-1) > 0.25 * usual[20:].max(axis=-1)).all()


def test_looks_without_figure_rows_or_earlier_variance_add_nothing():
    rows, variances = [50, 50, 0, 50, 50], [0, 0, np.nan, 0.1, 0.1]
    growth = growth_of_figures([1.0, 1.0, np.nan, 0.5, 0.5], variances, rows, 0.8, np.ones(5))
    assert not growth[:4].any()
    assert growth[4].any()
    right = {"values": [0.5], "variances": [0.1], "rows": [9.0], "limit": 0.8, "overdispersion": [1.0]}
    for wrong in (
        {"variances": [-1.0]},
        {"rows": [0.0]},
        {"values": [np.inf]},
        {"limit": np.nan},
        {"overdispersion": [0.5]},
    ):
        with pytest.raises(ValueError, match=r"must|needed"):
            growth_of_figures(**right | wrong)


@given(targets)
def test_the_mirrored_bet_is_fair_at_the_limit_and_wins_above_it(target):
    growth = growth_of_gains(np.eye(2), -share_gains(target))
    assert np.allclose(np.array([target, 1 - target]) @ np.exp(growth), 1.0)
    assert (growth[0] > 0).all()
    groups = growth_of_groups([[0.0], [1.0]], 1 - target)
    assert np.allclose(np.array([target, 1 - target]) @ np.exp(groups), 1.0)


def test_means_and_variances_are_those_of_the_rows():
    random = np.random.default_rng(7)
    counts, gains = random.integers(0, 9, (4, 3)), np.array([1.5, -2.0, 0.25])
    counts[1] = 0
    mean, variance = mean_of_cells(counts, gains)
    assert np.isnan([mean[1], variance[1]]).all()
    for look in (0, 2, 3):
        rows = np.repeat(gains, counts[look])
        assert mean[look] == pytest.approx(rows.mean())
        assert variance[look] == pytest.approx(rows.var() / len(rows))
    share = mean_of_cells([[30, 10]], share_gains(0.6))
    assert share[1][0] == pytest.approx(0.75 * 0.25 / 40)
    with pytest.raises(ValueError, match="one gain"):
        mean_of_cells([[1, 2]], [1.0])


def test_means_of_groups_leave_out_those_without_a_figure():
    values = np.array([[0.5, np.nan, 0.9, 0.7], [np.nan, np.nan, 0.4, np.nan]])
    mean, variance = mean_of_groups(values)
    found = values[0, [0, 2, 3]]
    assert mean[0] == pytest.approx(found.mean())
    assert variance[0] == pytest.approx(found.var(ddof=1) / 3)
    assert np.isnan([mean[1], variance[1]]).all()


def test_weights_count_for_what_they_are_worth():
    random = np.random.default_rng(8)
    weights, cells = random.lognormal(0, 1, 30), random.integers(0, 3, 30)
    counts = np.bincount(cells, weights, 3)[None]
    squares = np.bincount(cells, weights**2, 3)[None]
    found = effective_counts(counts, squares)
    assert found.sum() == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert np.allclose(found / found.sum(), counts / counts.sum())
    assert np.allclose(effective_counts(7 * counts, 49 * squares), found)
    whole = np.array([[3.0, 4.0], [0.0, 0.0]])
    assert np.array_equal(effective_counts(whole, whole), whole)
    for wrong in ([[1.0]], [[-1.0, 1.0]]):
        with pytest.raises(ValueError, match=r"weights|shape"):
            effective_counts([[1.0, 1.0]], wrong)
