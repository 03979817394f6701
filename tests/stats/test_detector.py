"""Laws of the detector, against loops and linear arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from leadline.stats.detector import anytime_interval, change, e_bh, e_bonferroni, evidence

growths = arrays(np.float64, (12, 3), elements=st.floats(-5, 5))
phis = arrays(np.float64, (12,), elements=st.one_of(st.floats(1, 5), st.just(np.nan)))


@given(growths, phis)
def test_evidence_is_the_mean_over_bets_of_all_starts(growth, phi):
    found = evidence(growth, phi, 1 / 52)
    fed = ~np.isnan(phi)
    for look in range(12):
        starts = [start for start in range(look + 1) if fed[start]]
        wealth = [
            sum(np.exp(sum(growth[i, bet] / phi[i] for i in range(start, look + 1) if fed[i])) / 52 for start in starts)
            for bet in range(3)
        ]
        if starts:
            assert np.isclose(np.exp(found[look]), np.mean(wealth))
        else:
            assert found[look] == -np.inf


def test_a_look_without_rows_adds_its_start_only():
    growth = np.array([[1.0, -1.0], [0.0, 0.0], [0.5, 0.2]])
    found = np.exp(evidence(growth, np.ones(3), 0.1))
    assert np.isclose(found[1], found[0] + 0.1)


def test_a_look_that_is_not_fed_changes_nothing():
    random = np.random.default_rng(1)
    growth = random.normal(size=(10, 4))
    phi = np.where(np.arange(10) % 3 == 2, np.nan, 1.5)
    fed = ~np.isnan(phi)
    found = evidence(growth, phi, 0.02)
    assert np.allclose(found[fed], evidence(growth[fed], phi[fed], 0.02))
    assert found[2] == found[1]
    assert (evidence(growth, np.full(10, np.nan), 0.02) == -np.inf).all()


def test_streams_are_independent_of_each_other():
    random = np.random.default_rng(2)
    growth, phi = random.normal(size=(3, 2, 10, 4)), random.uniform(1, 3, (3, 2, 10))
    together = evidence(growth, phi, 0.02)
    assert together.shape == (3, 2, 10)
    assert np.allclose(together[2, 1], evidence(growth[2, 1], phi[2, 1], 0.02))


def test_wealth_far_beyond_what_floats_hold():
    assert evidence(np.full((10, 1), 1e4), np.ones(10), 1.0)[-1] == pytest.approx(1e5)
    assert evidence(np.full((10, 1), -1e4), np.ones(10), 1.0)[-1] == pytest.approx(-1e4)


def test_evidence_of_no_looks_is_empty():
    assert evidence(np.zeros((0, 8)), np.zeros(0), 0.1).shape == (0,)


@pytest.mark.parametrize(
    ("growth", "phi", "start"),
    [
        ([[1.0]], [0.5], 0.1),
        ([[np.nan]], [1.0], 0.1),
        ([[1.0]], [1.0, 1.0], 0.1),
        ([[1.0]], [1.0], 0.0),
        ([[1.0]], [1.0], 2.0),
        ([1.0], [1.0], 0.1),
    ],
)
def test_what_is_no_evidence_is_refused(growth, phi, start):
    with pytest.raises(ValueError, match=r"growth|phi|start"):
        evidence(growth, phi, start)


@given(growths, phis, st.integers(0, 11))
def test_the_change_is_the_best_start(growth, phi, look):
    step = np.nan_to_num(growth / phi[:, None])
    best = [max(step[start : look + 1].sum(axis=0)) for start in range(look + 1)]
    found = change(growth, phi, look)
    assert 0 <= found <= look
    assert best[found] >= max(best) - 1e-9


def test_looks_without_rows_do_not_pass_for_a_change():
    growth = np.array([[-1.0], [2.0], [0.0], [0.0], [1.0]])
    assert change(growth, np.ones(5), 4) == 1
    assert change(growth, np.array([1, np.nan, 1, 1, 1.0]), 4) == 4
    with pytest.raises(ValueError, match="look"):
        change(growth, np.ones(5), 5)


def plain_e_bh(wealth, alpha):
    order = sorted(wealth, reverse=True)
    enough = [k for k in range(1, len(order) + 1) if k * order[k - 1] >= len(order) / alpha]
    least = order[max(enough) - 1] if enough else np.inf
    return [w >= least for w in wealth]


@given(st.lists(st.sampled_from([0.0, 1.0, 5.0, 19.0, 33.0, 65.0, 170.0, 1e3, 1e300]), min_size=1, max_size=12))
def test_e_bh_is_the_ten_lines_of_its_paper(wealth):
    with np.errstate(divide="ignore"):
        scores = np.log(wealth)
    assert e_bh(scores, 0.06).tolist() == plain_e_bh(wealth, 0.06)
    assert e_bonferroni(scores, 0.06).tolist() == [w >= len(wealth) / 0.06 for w in wealth]


@given(arrays(np.float64, (5, 7), elements=st.floats(-10, 20)))
def test_looks_are_judged_apart(scores):
    for rule in (e_bh, e_bonferroni):
        together = rule(scores, 0.05)
        assert together.tolist() == [rule(row, 0.05).tolist() for row in scores]
    assert (e_bh(scores, 0.05) >= e_bonferroni(scores, 0.05)).all()


def test_scores_must_be_known_and_alpha_a_share():
    for rule in (e_bh, e_bonferroni):
        with pytest.raises(ValueError, match="score"):
            rule([np.nan], 0.05)
        with pytest.raises(ValueError, match="score"):
            rule([], 0.05)
        with pytest.raises(ValueError, match="alpha"):
            rule([1.0], 1.0)
        assert not rule([-np.inf, -np.inf], 0.05).any()


def test_the_anytime_interval_narrows_and_widens_as_it_should():
    looks = np.arange(1.0, 30)
    low, high = anytime_interval(np.full(29, 0.5), 0.01 / looks, looks)
    assert (np.diff(high - low) < 0).all()
    assert np.allclose((low + high) / 2, 0.5)
    once = 2 * 1.96 * np.sqrt(0.01 / looks)
    assert (high - low > once).all()
    wider = anytime_interval(0.5, 0.01, 3, starts=52)
    assert wider[1] > anytime_interval(0.5, 0.01, 3)[1]
    assert anytime_interval(0.5, 0.0, 3) == (0.5, 0.5)
    for wrong in ({"variance": -1.0}, {"looks": 0}, {"confidence": 1.0}, {"starts": 0}):
        with pytest.raises(ValueError, match=r"needed|lie"):
            anytime_interval(**{"value": 0.5, "variance": 0.01, "looks": 3} | wrong)
