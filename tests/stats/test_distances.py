"""Distances against scipy and textbook sums; their means under no change against simulation (METHODS §5)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from leadline.stats.distances import (
    Array,
    absolute_difference,
    hellinger,
    js_distance,
    js_divergence,
    largest_difference,
    psi,
    total_variation,
    usual_js_divergence,
    usual_largest_difference,
    usual_psi,
    usual_total_variation,
    usual_wasserstein,
    wasserstein,
)

ZIPF = 1 / np.arange(1, 257) ** 0.8


def shares(k: int, zipf: bool) -> Array:
    law = ZIPF[:k] if zipf else np.ones(k)
    return np.asarray(law / law.sum())


pairs = st.integers(2, 30).flatmap(
    lambda k: st.tuples(*[st.lists(st.integers(0, 50), min_size=k, max_size=k).filter(any) for _ in range(2)])
)


@given(pairs)
def test_distances_equal_scipy_s(counts: tuple[list[int], list[int]]) -> None:
    p, q = (np.array(each) / sum(each) for each in counts)
    at = np.cumsum(np.arange(len(p)) + 1.0)
    assert js_distance(p, q) == pytest.approx(jensenshannon(p, q), abs=1e-9)
    assert wasserstein(p, q, at) == pytest.approx(wasserstein_distance(at, at, p, q), abs=1e-9)
    assert hellinger(p, q) == pytest.approx(np.sqrt(max(0.0, 1 - np.sqrt(p * q).sum())), abs=1e-7)
    assert largest_difference(p, q) == max(abs(a - b) for a, b in zip(p, q, strict=True))
    assert absolute_difference(p, q) == pytest.approx(sum(abs(a - b) for a, b in zip(p, q, strict=True)))


@given(pairs)
def test_distances_are_0_for_the_same_and_do_not_depend_on_the_side(counts: tuple[list[int], list[int]]) -> None:
    p, q = (np.array(each) / sum(each) for each in counts)
    for distance in (largest_difference, total_variation, js_divergence, hellinger):
        assert distance(p, p) == 0
        assert distance(p, q) == pytest.approx(distance(q, p), abs=1e-12)
    assert psi(p, p, 100.0, 100.0) == 0
    assert psi(p, q, 100.0, 70.0) == pytest.approx(psi(q, p, 70.0, 100.0))


@given(pairs)
def test_distances_lie_in_their_ranges(counts: tuple[list[int], list[int]]) -> None:
    p, q = (np.array(each) / sum(each) for each in counts)
    assert 0 <= largest_difference(p, q) <= total_variation(p, q) * (1 + 1e-12) <= 1 + 1e-9
    assert 0 <= js_divergence(p, q) <= np.log(2) + 1e-12
    assert 0 <= hellinger(p, q) <= 1 + 1e-12
    assert psi(p, q, 1e3, 1e3) >= 0


def test_psi_equals_the_textbook_s_where_every_bin_has_many_rows() -> None:
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.25, 0.35, 0.4])
    assert psi(p, q, 1e9, 1e9) == pytest.approx(((p - q) * np.log(p / q)).sum(), rel=1e-6)


def test_bins_without_rows_on_either_side_do_not_count() -> None:
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.25, 0.35, 0.4])
    more = [np.append(each, [0.0, 0.0]) for each in (p, q)]
    assert psi(*more, 100.0, 200.0) == psi(p, q, 100.0, 200.0)
    assert js_divergence(*more) == js_divergence(p, q)


@pytest.mark.parametrize(
    ("k", "zipf", "m"), [(10, True, 1000), (10, False, 300), (50, False, 2000), (256, True, 20_000)]
)
def test_means_under_no_change_equal_those_of_draws(k: int, zipf: bool, m: int) -> None:
    """Within 5 % where every bin expects 5 rows or more, as METHODS §12 asks."""
    rng, p, n, at = np.random.default_rng(8), shares(k, zipf), 50_000, np.arange(k) * 1.5
    h, draws = 1 / n + 1 / m, 1500
    assert m * p.min() >= 5
    ours, theirs = rng.multinomial(n, p, draws) / n, rng.multinomial(m, p, draws) / m
    means = {
        usual_total_variation(p, h): total_variation(ours, theirs),
        usual_wasserstein(p, at, h): wasserstein(ours, theirs, at),
        usual_js_divergence(k, h): js_divergence(ours, theirs),
        usual_psi(k, h): psi(ours, theirs, n, m),
        usual_largest_difference(p, h, rng): largest_difference(ours, theirs),
    }
    for usual, found in means.items():
        assert found.mean() == pytest.approx(usual, rel=0.05)
    for distance in (js_distance, hellinger):
        assert distance(ours, theirs).mean() == pytest.approx(np.sqrt(usual_js_divergence(k, h)), rel=0.05)


def test_chance_alone_reaches_common_thresholds() -> None:
    """256 categories, 2,000 rows, nothing changed: Jensen-Shannon distance .141 and PSI .117 (METHODS §5)."""
    rng, p, m, n = np.random.default_rng(9), shares(256, zipf=True), 2000, 1_000_000
    ours, theirs = rng.multinomial(n, p, 200) / n, rng.multinomial(m, p, 200) / m
    assert js_distance(ours, theirs).mean() == pytest.approx(0.141, abs=0.015)
    assert psi(ours, theirs, n, m).mean() == pytest.approx(0.117, abs=0.015)
