from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.stats.scale import log_interval, logit_interval, wald

variances = st.floats(0, 1e6)


@given(st.floats(-1e6, 1e6), variances, st.floats(0.5, 13))
def test_wald_is_symmetric(value, variance, critical):
    low, high = wald(value, variance, critical)
    assert (low + high) / 2 == pytest.approx(value, abs=1e-6)
    assert high - low == pytest.approx(2 * critical * variance**0.5, abs=1e-6)


@given(st.floats(1e-9, 1e6), variances, st.floats(0.5, 13))
def test_log_interval_stays_above_zero_and_scales(value, variance, critical):
    low, high = log_interval(value, variance, critical)
    assert 0 < low <= value <= high < np.inf
    assert log_interval(10 * value, 100 * variance, critical) == pytest.approx((10 * low, 10 * high))


@given(st.floats(1e-6, 1 - 1e-6), variances, st.floats(0.5, 13))
def test_logit_interval_stays_in_its_range_and_mirrors(share, variance, critical):
    low, high = logit_interval(share, variance, critical)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    wide = logit_interval(2 * share - 1, 4 * variance, critical, -1.0, 1.0)
    assert wide == pytest.approx((2 * low - 1, 2 * high - 1), abs=1e-9)


def test_on_a_wide_scale_they_agree_with_wald():
    plain = wald(0.5, 1e-8, 2.0)
    assert log_interval(0.5, 1e-8, 2.0) == pytest.approx(plain, abs=1e-7)
    assert logit_interval(0.5, 1e-8, 2.0) == pytest.approx(plain, abs=1e-7)


def test_arrays():
    low, high = wald(np.array([0.0, 1.0]), np.array([1.0, 4.0]), 1.0)
    assert (low.tolist(), high.tolist()) == ([-1.0, -1.0], [1.0, 3.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda: wald(0.0, -1.0, 2.0),
        lambda: wald(float("nan"), 1.0, 2.0),
        lambda: wald(0.0, 1.0, 0.0),
        lambda: log_interval(0.0, 1.0, 2.0),
        lambda: logit_interval(1.0, 1.0, 2.0),
        lambda: logit_interval(-1.0, 1.0, 2.0, -1.0, 1.0),
    ],
)
def test_refusals(call):
    with pytest.raises(ValueError, match="needs"):
        call()
