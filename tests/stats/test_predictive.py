"""The predictive t against SciPy's own, and how often it is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from leadline.stats.predictive import p_above


def test_is_the_t_test_of_one_new_value():
    """Of two samples, one of a single value: the pooled test's t is the predictive one."""
    rng = np.random.default_rng(0)
    for n in (2, 5, 40):
        past, new = rng.normal(3, 2, n), float(rng.normal(5, 2))
        wanted = stats.ttest_ind([new], past, alternative="greater").pvalue
        assert p_above(new, past) == pytest.approx(wanted)


def test_is_uniform_where_nothing_changed():
    rng = np.random.default_rng(1)
    p = np.array([p_above(each[0], each[1:]) for each in rng.standard_normal((4000, 9))])
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_a_quiet_history_has_a_least_spread():
    assert p_above(1.01, [1.0] * 10, 0.05) > 0.4
    with pytest.raises(ValueError, match="least spread"):
        p_above(1.01, [1.0] * 10)
    with pytest.raises(ValueError, match="two finite values"):
        p_above(1.0, [1.0])
