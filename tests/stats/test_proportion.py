from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from leadline.stats.proportion import jaccard_wilson, share_interval, wilson

counts = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
sizes = st.floats(0.3, 1e6).flatmap(lambda n: st.tuples(st.floats(0, n), st.just(n)))


@given(counts)
def test_wilson_against_scipy(case):
    hits, n = case
    oracle = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert wilson(hits, n) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


@given(counts)
def test_share_interval_ends_at_wilson_or_at_the_exact_limit(case):
    hits, n = case
    oracle = binomtest(hits, n).proportion_ci(1 - 2 * 0.06, method="exact")  # 6 % on either side
    low, high = wilson(hits, n)
    expected = min(low, oracle.low), max(high, oracle.high)
    assert share_interval(hits, n) == pytest.approx(expected, abs=1e-8)


@given(sizes, st.floats(0.5, 5))
def test_an_interval_holds_the_share_and_has_a_width(case, critical):
    hits, n = case
    for interval in (wilson, share_interval):
        low, high = interval(hits, n, critical)
        assert 0 <= low <= hits / n <= high <= 1
        assert low < high


@given(sizes)
def test_share_interval_holds_wilson(case):
    inner, outer = wilson(*case), share_interval(*case)
    assert outer[0] <= inner[0] <= inner[1] <= outer[1]


@given(sizes)
def test_counting_the_others_mirrors_the_interval(case):
    hits, n = case
    for interval in (wilson, share_interval):
        low, high = interval(hits, n)
        mirrored = interval(n - hits, n)
        assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)


@given(sizes, st.floats(0, 1))
def test_more_hits_move_both_ends_up(case, share):
    hits, n = case
    for interval in (wilson, share_interval):
        fewer, more = interval(hits * share, n), interval(hits, n)
        assert fewer[0] <= more[0] + 1e-12
        assert fewer[1] <= more[1] + 1e-12


def test_arrays_give_what_floats_give():
    hits, n = np.array([0.0, 3.0, 9.5]), np.array([10.0, 10.0, 10.0])
    for interval in (wilson, share_interval):
        low, high = interval(hits, n)
        each = [interval(k, m) for k, m in zip(hits.tolist(), n.tolist(), strict=True)]
        assert list(zip(low.tolist(), high.tolist(), strict=True)) == each
        assert all(type(end) is float for pair in each for end in pair)
    assert hits.tolist() == [0.0, 3.0, 9.5]


@pytest.mark.parametrize(("hits", "n"), [(-1, 10), (11, 10), (0, 0), (float("nan"), 10), (1, float("inf"))])
def test_wilson_refuses_what_is_no_share(hits, n):
    for interval in (wilson, share_interval):
        with pytest.raises(ValueError, match="hits"):
            interval(hits, n)


def exact_coverage(n: int, p: float) -> float:
    hits = np.arange(n + 1.0)
    low, high = share_interval(hits, np.full(n + 1, float(n)))
    return float(binom.pmf(hits, n, p) @ ((low <= p) & (p <= high)))


@pytest.mark.parametrize(
    ("n", "p"), [(20, 0.05), (1000, 0.001), (50, 0.04), (40, 0.1), (30, 0.5), (200, 0.1), (500, 0.9), (100, 0.99)]
)
def test_share_interval_covers(n, p):
    """Summed over all outcomes: no chance, no tolerance."""
    assert 0.93 <= exact_coverage(n, p) <= 0.985


def test_share_interval_covers_wherever_few_are_expected():
    """n p from 1 to 2, where Wilson's coverage falls to .916."""
    for n in (20, 50, 200, 1000):
        covered = [exact_coverage(n, expected / n) for expected in np.linspace(1, 2, 101)]
        assert min(covered) >= 0.939  # 1 - 6 %, and the grid may miss the very worst by a little
        assert max(covered) <= 0.986


cells = st.floats(0, 1e5)


@given(cells, cells, cells)
def test_jaccard_wilson_holds_f1_and_does_not_care_which_error(tp, fp, fn):
    if tp + fp + fn < 1e-3:
        return
    low, high = jaccard_wilson(tp, fp, fn)
    assert 0 <= low <= 2 * tp / (2 * tp + fp + fn) + 1e-12
    assert 2 * tp / (2 * tp + fp + fn) <= high + 1e-12
    assert jaccard_wilson(tp, fn, fp) == pytest.approx((low, high), abs=1e-12)


def test_a_design_effect_widens_as_fewer_rows_do():
    assert jaccard_wilson(40, 10, 20, deff=2.0) == pytest.approx(jaccard_wilson(20, 5, 10))


@pytest.mark.parametrize("case", [(0, 0, 0), (-1, 2, 2), (1, 1, float("nan"))])
def test_jaccard_wilson_refuses(case):
    with pytest.raises(ValueError, match="need"):
        jaccard_wilson(*case)
