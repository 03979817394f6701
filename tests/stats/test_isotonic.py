"""Isotonic regression against scikit-learn and its own laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.stats.isotonic import isotonic

rows = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=40)


@given(rows)
def test_equals_scikit_learn(pairs):
    sklearn = pytest.importorskip("sklearn.isotonic")
    weight = np.array([a + b for a, b in pairs], float)
    total = np.array([a for a, _ in pairs], float)
    if not weight.any():
        with pytest.raises(ValueError, match="some above"):
            isotonic(total, weight)
        return
    some = weight > 0
    oracle = sklearn.isotonic_regression(total[some] / weight[some], sample_weight=weight[some])
    found = isotonic(total, weight)
    assert found[some] == pytest.approx(oracle, abs=1e-12)
    assert np.isnan(found[~some]).all()
    assert (found[some] * weight[some]).sum() == pytest.approx(total.sum())


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="same bins"):
        isotonic([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=">= 0"):
        isotonic([1.0, 1.0], [1.0, -1.0])
