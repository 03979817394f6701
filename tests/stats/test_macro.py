from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from leadline.stats.counts import delta_interval, gradient
from leadline.stats.macro import macro_f1_interval, macro_recall_interval, mean_interval
from leadline.stats.proportion import jaccard_wilson, share_interval

confusions = st.integers(2, 5).flatmap(
    lambda k: st.lists(st.integers(0, 40), min_size=k * k, max_size=k * k).map(
        lambda cells: np.array(cells).reshape(k, k)
    )
)


def macro_f1(c: np.ndarray) -> float:
    both = c.sum(0) + c.sum(1)
    return float((2 * c.diagonal()[both > 0] / both[both > 0]).mean())


@given(confusions.filter(lambda c: c.sum() > 0))
def test_the_interval_holds_sklearns_value(c):
    actual, predicted = (np.repeat(part.ravel(), c.ravel()) for part in np.indices(c.shape))
    value = f1_score(actual, predicted, average="macro", zero_division=0)
    assert macro_f1(c) == pytest.approx(value)
    low, high = macro_f1_interval(c)
    assert 0 <= low <= value + 1e-12
    assert value <= high + 1e-12
    assert high <= 1 + 1e-12
    assert low < high


def test_a_class_that_is_nowhere_counts_for_nothing():
    c = np.array([[50, 0, 4], [0, 0, 0], [6, 0, 40]])
    assert macro_f1_interval(c) == pytest.approx(macro_f1_interval(c[np.ix_([0, 2], [0, 2])]))


def test_with_many_rows_it_is_the_delta_method():
    """So the closed form of the correlations is right: they enter both."""
    c = 1e5 * np.array([[50.0, 5, 2], [9, 25, 3], [2, 4, 15]])
    low, high = macro_f1_interval(c)
    oracle = delta_interval(macro_f1, c, 0.0, 1.0)
    assert (high - low) == pytest.approx(oracle[1] - oracle[0], rel=1e-3)
    assert gradient(macro_f1, c).ravel() @ c.ravel() == pytest.approx(0, abs=1e-6)


def test_one_part_is_its_own_mean():
    low, high = share_interval(8, 10)
    assert mean_interval([0.8], [low], [high]) == pytest.approx((low, high))
    assert macro_recall_interval([8], [10]) == pytest.approx((low, high))
    low, high = jaccard_wilson(30, 0, 0)
    assert macro_f1_interval([[30]]) == pytest.approx((low, high))


def test_parts_that_err_together_help_less():
    values, lows, highs = [0.5, 0.5], [0.4, 0.4], [0.6, 0.6]
    assert mean_interval(values, lows, highs, np.ones((2, 2))) == pytest.approx((0.4, 0.6))
    assert mean_interval(values, lows, highs) == pytest.approx((0.5 - 0.1 / 2**0.5, 0.5 + 0.1 / 2**0.5))
    assert mean_interval(values, lows, highs, [[1, -1], [-1, 1]]) == pytest.approx((0.5, 0.5))


def test_a_design_effect_widens_as_fewer_rows_do():
    assert macro_recall_interval([40, 80], [50, 90], deff=2.0) == pytest.approx(
        macro_recall_interval([20, 40], [25, 45])
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda: mean_interval([], [], []),
        lambda: mean_interval([0.5], [0.6], [0.7]),
        lambda: mean_interval([0.5], [0.4], [0.7], np.eye(2)),
        lambda: macro_f1_interval([[1, 2]]),
        lambda: macro_f1_interval([[0, 0], [0, 0]]),
        lambda: macro_recall_interval([1], [0]),
        lambda: macro_recall_interval([1], [2], deff=0.0),
    ],
)
def test_refusals(call):
    with pytest.raises(ValueError, match=r"value|correlation|confusion|counts|hits|deff"):
        call()
