from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.stats.groups import Spread, group_variance, jackknife_variance, own_size, spread
from leadline.stats.ratio import clustered_variance, ratio_influence

sums = st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 100)), min_size=2, max_size=20).map(
    lambda rows: tuple(np.array(rows).T)
)


@given(sums)
def test_the_jackknife_is_what_leaving_out_each_group_gives(case):
    """A ratio's variance over groups, against brute force: to first order in the groups' influence."""
    a, _ = case
    b = np.full(len(a), 3.0)  # groups of one size: the linearised jackknife is the jackknife
    leaving_out = np.array([np.delete(a, g).sum() / np.delete(b, g).sum() for g in range(len(a))])
    assert clustered_variance(a, b) == pytest.approx(jackknife_variance(leaving_out), rel=1e-9, abs=1e-12)


@given(sums)
def test_groups_of_other_sizes_are_the_jackknife_about_the_whole(case):
    a, b = case
    whole = a.sum() / b.sum()
    leaving_out = np.array([np.delete(a, g).sum() / np.delete(b, g).sum() for g in range(len(a))])
    brute = (len(a) - 1) / len(a) * ((leaving_out - whole) ** 2).sum()
    assert clustered_variance(a, b) == pytest.approx(brute, rel=1e-6, abs=1e-12)


@given(sums, st.floats(0.1, 10))
def test_scale_and_order_of_groups_and_empty_groups_do_not_matter(case, scale):
    a, b = case
    one = clustered_variance(a, b)
    assert clustered_variance(a * scale, b) == pytest.approx(one * scale**2, rel=1e-9, abs=1e-12)
    assert clustered_variance(a[::-1], b[::-1]) == pytest.approx(one, rel=1e-9, abs=1e-12)
    assert clustered_variance(np.append(a, 0), np.append(b, 0)) == pytest.approx(one, rel=1e-9, abs=1e-12)


def test_groups_of_one_row_are_rows():
    values = np.random.default_rng(0).normal(size=40)
    ones = np.ones(40)
    assert clustered_variance(values, ones) == pytest.approx(values.var(ddof=1) / 40)
    found = spread(values.var(ddof=1) / 40, ratio_influence(values, ones), ones)
    assert found is not None
    assert (found.phi, found.groups, found.effective, found.size) == (pytest.approx(1), 40, 40, 1)


def test_spread_says_nothing_where_nothing_can_be_said():
    assert spread(1.0, [0.0], [5]) is None
    assert spread(1.0, [0.0, 0.0], [5, 0]) is None
    assert spread(0.0, [0.0, 0.0], [5, 5]) is None


def test_a_heavy_group_counts_for_less_than_a_group():
    found = spread(1.0, [0.5, -0.25, -0.25], [80, 10, 10])
    assert found is not None
    assert found.groups == 3
    assert found.effective == pytest.approx(100**2 / (80**2 + 200))
    assert found.size == pytest.approx(own_size([80, 10, 10]))


def test_phi_follows_the_size_of_groups_and_stays_at_least_one():
    found = Spread(phi=3.0, groups=20, effective=20.0, size=100.0)
    assert [found.at(size) for size in (0.0, 50.0, 100.0, 200.0)] == [1.0, 2.0, 3.0, 5.0]
    assert Spread(phi=0.4, groups=20, effective=20.0, size=100.0).at(500.0) == 1.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: group_variance([1.0], [1.0]),
        lambda: group_variance([1.0, -1.0], [1.0, 0.0]),
        lambda: group_variance([1.0, -1.0], [1.0, -1.0]),
        lambda: group_variance([float("nan"), -1.0], [1.0, 1.0]),
        lambda: group_variance([1.0, -1.0], [1.0, 1.0, 1.0]),
        lambda: spread(-1.0, [1.0, -1.0], [1.0, 1.0]),
        lambda: own_size([0.0, 0.0]),
        lambda: jackknife_variance([1.0]),
        lambda: jackknife_variance([1.0, float("inf")]),
        lambda: ratio_influence([1.0, 1.0], [1.0, -1.0]),
    ],
)
def test_refusals(call):
    with pytest.raises(ValueError, match=r"group|finite|size|row_variance|ΣB"):
        call()
