"""Predictive intervals against formulas written out, scipy, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from leadline.stats.prediction import binomial_p, p_above, predicted


def test_a_plain_series_is_the_predictive_t_of_a_normal_sample():
    random = np.random.default_rng(1)
    past = random.normal(5, 2, (20, 3))
    found = predicted(past, np.zeros(3))
    t = (7 - past.mean(0)) / (past.std(0, ddof=1) * np.sqrt(1 + 1 / 20))
    assert np.allclose(found.t(np.full(3, 7.0)), t)
    assert np.allclose(found.p(np.full(3, 7.0)), 2 * stats.t.sf(np.abs(t), 19))


def test_what_is_left_out_does_not_count():
    random = np.random.default_rng(2)
    past = random.normal(0, 1, (12, 1))
    holes = np.insert(past, 6, np.nan, axis=0)
    assert np.allclose(predicted(holes, [0.0]).p([1.0]), predicted(past, [0.0]).p([1.0]))


def test_series_do_not_touch_each_other():
    random = np.random.default_rng(3)
    past = random.normal(0, 1, (30, 4))
    together = predicted(past, np.zeros(4), 7)
    alone = [predicted(past[:, [at]], [0.0], 7) for at in range(4)]
    assert np.allclose(together.expected, [each.expected[0] for each in alone])
    assert np.allclose(together.spread, [each.spread[0] for each in alone])


def test_a_week_that_differs_is_expected_by_its_day():
    random = np.random.default_rng(4)
    days = np.arange(35)
    past = (np.where(days % 7 >= 5, 10.0, 2.0) + random.normal(0, 0.1, 35))[:, None]
    assert abs(predicted(past, [0.0], 7).expected[0] - 2) < 0.2
    assert abs(predicted(past[:-2], [0.0], 7).expected[0] - 10) < 0.2
    assert abs(predicted(past[:-2], [0.0], 7, ahead=3).expected[0] - 2) < 0.2


def test_a_walk_is_expected_where_it_was_last():
    past = np.cumsum(np.random.default_rng(5).normal(0, 1, 60))[:, None]
    assert predicted(past, [0.0]).expected[0] == past[-1, 0]


def test_a_quiet_history_is_no_surprise_for_rows_that_vary():
    assert predicted(np.full((20, 1), 3.0), [0.5]).p([4.0])[0] > 0.05
    assert predicted(np.full((20, 1), 3.0), [0.0]).p([4.0])[0] == 1  # nothing is known of how it varies


@pytest.mark.parametrize("shape", [(0, 1), (1, 1)])
def test_without_a_history_nothing_is_unusual(shape):
    assert predicted(np.zeros(shape), [0.0]).p([9.0])[0] == 1


def test_the_chance_of_a_series_without_a_change_is_what_is_said():
    random = np.random.default_rng(6)
    for length, season in ((10, 1), (28, 7), (56, 7)):
        found = predicted(random.normal(0, 1, (length, 20_000)), np.zeros(20_000), season)
        p = found.p(random.normal(0, 1, 20_000))
        for level in (0.01, 0.001):
            assert (p < level).mean() <= 1.6 * level + 3 * np.sqrt(level / 20_000)


def test_binomial_tails_are_those_of_scipy():
    for hits, n, share in ((3, 10, 0.1), (0, 50, 0.2), (50, 50, 0.9), (8, 1000, 0.001)):
        tails = stats.binom.cdf(hits, n, share), stats.binom.sf(hits - 1, n, share)
        assert np.isclose(binomial_p(hits, n, share), min(1.0, 2 * min(tails)))
    with pytest.raises(ValueError, match="hits"):
        binomial_p(5, 4, 0.5)


def test_the_chance_of_a_larger_value_is_the_t_test_of_one_new_value():
    """Of two samples, one of a single value: the pooled test's t is the predictive one."""
    rng = np.random.default_rng(0)
    for n in (2, 5, 40):
        past, new = rng.normal(3, 2, n), float(rng.normal(5, 2))
        wanted = stats.ttest_ind([new], past, alternative="greater").pvalue
        assert p_above(new, past) == pytest.approx(wanted)


def test_the_chance_of_a_larger_value_is_uniform_where_nothing_changed():
    rng = np.random.default_rng(1)
    p = np.array([p_above(each[0], each[1:]) for each in rng.standard_normal((4000, 9))])
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_a_quiet_history_has_a_least_spread():
    assert p_above(1.01, [1.0] * 10, 0.05) > 0.4
    with pytest.raises(ValueError, match="least spread"):
        p_above(1.01, [1.0] * 10)
    with pytest.raises(ValueError, match="two finite values"):
        p_above(1.0, [1.0])
