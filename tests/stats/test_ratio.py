from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.stats.groups import jackknife_variance
from leadline.stats.ratio import sandwich_variance

pairs = st.lists(st.tuples(st.floats(-50, 50), st.floats(0.5, 20)), min_size=2, max_size=30).map(
    lambda rows: tuple(np.array(rows).T)
)


def from_rows(a: np.ndarray, b: np.ndarray) -> float:
    return sandwich_variance(len(a), a.sum(), b.sum(), a @ a, a @ b, b @ b)


@given(pairs)
def test_sandwich_against_the_residuals_of_rows(case):
    a, b = case
    residual = a - a.sum() / b.sum() * b
    brute = residual.var(ddof=1) * len(a) / b.sum() ** 2
    assert from_rows(a, b) == pytest.approx(brute, rel=1e-9, abs=1e-9)


def test_sandwich_is_near_the_jackknife():
    rng = np.random.default_rng(1)
    a, b = rng.gamma(2, size=4000), rng.gamma(5, size=4000)
    leaving_out = (a.sum() - a) / (b.sum() - b)
    # The two differ by O(1/n) of themselves: 1/4000, times a few
    assert from_rows(a, b) == pytest.approx(jackknife_variance(leaving_out), rel=5e-3)


@given(pairs, st.floats(0.1, 10))
def test_scale_of_rows_and_units(case, scale):
    a, b = case
    one = from_rows(a, b)
    assert from_rows(a * scale, b * scale) == pytest.approx(one, rel=1e-7, abs=1e-9)
    assert from_rows(a * scale, b) == pytest.approx(one * scale**2, rel=1e-7, abs=1e-9)


def test_arrays_give_one_variance_each():
    n, b = np.array([3.0, 3.0]), np.array([3.0, 3.0])
    a, aa = np.array([7.0, 3.0]), np.array([21.0, 3.0])
    assert sandwich_variance(n, a, b, aa, a, b).tolist() == pytest.approx([7 / 9, 0.0])


@pytest.mark.parametrize("case", [(1, 1.0, 1.0), (3, 1.0, 0.0), (3, float("nan"), 1.0)])
def test_refusals(case):
    with pytest.raises(ValueError, match="ratio"):
        sandwich_variance(*case, 1.0, 1.0, 1.0)
