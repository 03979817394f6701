from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import matthews_corrcoef

from leadline.stats.counts import delta_interval, delta_variance, gradient, group_influence, row_variance
from leadline.stats.groups import group_variance
from leadline.stats.ratio import clustered_variance

tables = st.lists(st.integers(1, 500), min_size=4, max_size=4).map(lambda cells: np.array(cells, dtype=float))


def precision(c):
    return c[0] / (c[0] + c[1])


def mcc(c):
    tp, fp, fn, tn = c
    return (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


@given(tables)
def test_a_shares_variance_is_that_of_a_share(c):
    share, n = precision(c), c[0] + c[1]
    assert delta_variance(precision, c) == pytest.approx(share * (1 - share) / n, rel=1e-6)


@given(tables)
def test_influences_add_up_to_nothing(c):
    assert gradient(mcc, c) @ c == pytest.approx(0, abs=1e-6)


@given(tables, st.floats(0.5, 20))
def test_weights_of_all_rows_alike_change_nothing(c, weight):
    weighted = delta_variance(mcc, weight * c, weight**2 * c)
    assert weighted == pytest.approx(delta_variance(mcc, c), rel=1e-5, abs=1e-12)


def test_against_the_jackknife_of_rows():
    """MCC by sklearn, leaving out one row of each kind, for as many rows as there are of it."""
    c = np.array([300, 60, 90, 550])
    actual, predicted = np.repeat([1, 0, 1, 0], c), np.repeat([1, 1, 0, 0], c)
    value = matthews_corrcoef(actual, predicted)
    assert mcc(c) == pytest.approx(value)
    first = np.cumsum(c) - c
    without = np.array([matthews_corrcoef(np.delete(actual, i), np.delete(predicted, i)) for i in first])
    n = c.sum()
    mean = (c * without).sum() / n
    jackknife = (n - 1) / n * (c * (without - mean) ** 2).sum()
    assert delta_variance(mcc, c) == pytest.approx(jackknife, rel=5 / n)  # they differ by O(1/n) of themselves


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=9))
def test_groups_of_a_ratio_are_groups_of_counts(groups):
    cells = np.array(groups, dtype=float)
    size = cells.sum(1)
    if (size > 0).sum() < 2 or not cells[:, 0].any():
        return
    slope = gradient(precision, cells.sum(0))
    if not cells[:, 1].any():
        slope = np.zeros(2)
    found = group_variance(group_influence(slope, cells), size)
    assert found == pytest.approx(clustered_variance(cells[:, 0], size), rel=1e-5, abs=1e-12)


def test_empty_cells_have_no_influence_and_counts_stay_as_they_were():
    c = np.array([[3.0, 0.0], [0.0, 2.0]])
    slope = gradient(lambda x: x[0, 0] / x.sum(), c)
    assert slope[0, 1] == slope[1, 0] == 0
    assert c.tolist() == [[3.0, 0.0], [0.0, 2.0]]
    assert group_influence(slope, [c, 2 * c]).tolist() == pytest.approx([0, 0], abs=1e-9)


@given(tables, st.floats(0.5, 10))
def test_delta_interval_holds_the_value(c, deff):
    low, high = delta_interval(mcc, c, -1.0, 1.0, deff=deff)
    assert -1 <= low <= mcc(c) <= high <= 1
    assert low < high


@given(tables)
def test_delta_interval_knows_rows_by_their_weights(c):
    plain = delta_interval(precision, c, 0.0, 1.0)
    weighted = delta_interval(precision, 3 * c, 0.0, 1.0, squares=9 * c)
    assert weighted == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda: gradient(precision, [0, 0]),
        lambda: gradient(precision, [1, -1]),
        lambda: gradient(lambda _: float("nan"), [1, 1]),
        lambda: row_variance([1.0], [1.0, 2.0]),
        lambda: row_variance([1.0], [-1.0]),
        lambda: group_influence([1.0], [[1.0, 2.0]]),
        lambda: delta_interval(precision, [1, 1], 0, 1, deff=0),
    ],
)
def test_refusals(call):
    with pytest.raises(ValueError, match=r"counts|function|squares|shape"):
        call()
