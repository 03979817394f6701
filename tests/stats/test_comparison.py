"""Tests of one mean against another: scipy as the oracle, and promises that are simulated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from leadline.stats.comparison import grouped_difference, hypergeometric_tail, welch_tail


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_the_tail_is_fishers(a, b, c, d):
    """a, b: hits and misses of the slice; c, d: of the others."""
    mine = hypergeometric_tail(a, a + b, a + c, a + b + c + d)
    oracle = stats.fisher_exact([[a, b], [c, d]], alternative="greater").pvalue
    assert mine == pytest.approx(oracle, rel=1e-9, abs=1e-12)


def test_the_tail_of_a_million_rows():
    oracle = stats.hypergeom.sf(2_099, 1_000_000, 100_000, 20_000)
    assert hypergeometric_tail(2_100, 20_000, 100_000, 1_000_000) == pytest.approx(oracle, rel=1e-6)


def test_counts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="fit"):
        hypergeometric_tail(5, 4, 5, 10)


@given(st.lists(st.floats(-9, 9), min_size=2, max_size=20), st.lists(st.floats(-9, 9), min_size=2, max_size=20))
def test_the_other_tail_is_welchs(values, others):
    x, y = np.array(values), np.array(others)
    assume(min(x.var(), y.var()) > 1e-6)
    mine = welch_tail(x, y)
    oracle = stats.ttest_ind(x, y, equal_var=False, alternative="greater").pvalue
    assert mine == pytest.approx(oracle, rel=1e-6, abs=1e-9)


def test_the_scale_of_weights_does_not_matter():
    chance = np.random.default_rng(1)
    x, y, w, v = (chance.random(30) for _ in range(4))
    assert welch_tail(x, y, w, v) == pytest.approx(welch_tail(x, y, 1e6 * w, 1e6 * v))
    assert welch_tail(x, y, np.ones(30), np.ones(30)) == pytest.approx(welch_tail(x, y))


def test_rows_that_say_nothing_are_no_evidence():
    assert welch_tail(np.array([1.0, 1.0]), np.array([0.0, 0.0])) == 1.0
    assert welch_tail(np.array([1.0]), np.array([0.0, 0.5])) == 1.0
    assert welch_tail(np.array([]), np.array([0.0, 0.5])) == 1.0
    assert welch_tail(np.array([9.0, 1.0, 1.0]), np.array([0.0, 0.5]), np.array([1.0, 0.0, 0.0])) == 1.0


def by_day(errors: np.ndarray, inside: np.ndarray, days: np.ndarray, count: int) -> tuple[np.ndarray, ...]:
    sides = [
        [np.bincount(days[chosen], weights=w[chosen], minlength=count) for chosen in (inside, ~inside)]
        for w in (np.ones(len(errors)), errors, errors**2)
    ]
    return tuple(np.array(side) for side in sides)


def test_without_groups_it_is_the_difference_of_two_samples():
    chance = np.random.default_rng(2)
    errors, inside = (chance.random(4_000) < 0.2).astype(float), chance.random(4_000) < 0.1
    found = grouped_difference(*by_day(errors, inside, np.zeros(4_000, int), 1))
    assert found.value == pytest.approx(errors[inside].mean() - errors[~inside].mean())
    pooled = errors.var() * (1 / inside.sum() + 1 / (~inside).sum())
    assert found.error == pytest.approx(np.sqrt(pooled), rel=0.02)
    assert found.least < found.ends[0] < found.value < found.ends[1]


def test_what_moves_a_whole_day_does_not_count_for_a_slice_of_one_day():
    """A bad day, and a slice that is all of it, or some of it."""
    days = np.repeat(np.arange(10), 100)
    errors = np.where(days == 3, np.tile([0.0, 1.0], 500), 0.0)
    whole = grouped_difference(*by_day(errors, days == 3, days, 10))
    assert whole.value == pytest.approx(0.5)
    assert whole.least == -np.inf
    some = grouped_difference(*by_day(errors, (days == 3) & (np.arange(1000) % 4 < 2), days, 10))
    assert some.value == pytest.approx(0.0)


@pytest.mark.parametrize("days", [4, 14, 28])
def test_it_is_at_least_that_in_99_of_100_runs(days):
    """Days that differ by themselves, more so for the slice: the side that the search looks at errs in 1 of 100."""
    chance, runs, wrong = np.random.default_rng(days), 600, 0
    for _ in range(runs):
        rate = np.clip(0.2 + 0.05 * chance.standard_normal(days), 0.01, 0.9)
        size = np.stack([chance.integers(20, 60, days), chance.integers(300, 600, days)])
        own = rate if days < 7 else np.clip(rate + 0.04 * chance.standard_normal(days), 0.01, 0.9)
        error = np.stack([chance.binomial(size[0], own), chance.binomial(size[1], rate)]).astype(float)
        wrong += grouped_difference(size.astype(float), error, error).least > 0
    assert wrong <= 0.022 * runs


def test_one_giant_weight_is_no_evidence():
    size = np.array([[1e6, 1.0, 1.0], [50.0, 50.0, 50.0]])
    error = np.array([[1e6, 0.0, 0.0], [5.0, 5.0, 5.0]])
    heavy = (1e12 + 152) / (1e6 + 152)
    assert grouped_difference(size, error, error, heavy).least < 0


def test_a_side_without_rows_tells_nothing():
    size = np.array([[0.0, 0.0], [5.0, 5.0]])
    assert grouped_difference(size, size, size).least == -np.inf
    with pytest.raises(ValueError, match="two sides"):
        grouped_difference(size[:1], size[:1], size[:1])
