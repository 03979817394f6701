from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.stats.quantile import quantile, quantile_interval

EDGES = np.concatenate([[0.0], 1.01 ** np.arange(-1000, 1001)])
cases = st.tuples(
    st.lists(st.floats(0.01, 1000), min_size=1, max_size=60), st.sampled_from([0.05, 0.25, 0.5, 0.9, 0.95, 0.99])
)


def histogram(values):
    return np.histogram(values, EDGES)[0]


@given(cases)
def test_the_rows_own_quantile_lies_within_the_bound(case):
    values, q = case
    exact = np.quantile(values, q, method="inverted_cdf")
    value, bound = quantile(histogram(values), EDGES, q)
    assert value - bound - 1e-12 <= exact <= value + 1e-12
    assert bound <= 0.01 * value


@given(cases, st.floats(0.5, 4), st.floats(0.5, 10))
def test_the_interval_holds_the_bin_and_widens(case, critical, deff):
    values, q = case
    counts = histogram(values)
    value, bound = quantile(counts, EDGES, q)
    low, high = quantile_interval(counts, EDGES, q, critical, deff)
    assert low <= value - bound + 1e-12
    assert high >= value - 1e-12
    wider = quantile_interval(counts, EDGES, q, critical, 2 * deff)
    assert wider[0] <= low
    assert wider[1] >= high


@given(cases)
def test_the_interval_is_that_of_order_statistics(case):
    values, q = case
    ranks = np.arange(1, len(values) + 1)
    away = 1.959964 * np.sqrt(len(values) * q * (1 - q))
    ordered = np.sort(values)
    above = ordered[ranks > np.floor(len(values) * q + away)]
    below = ordered[ranks >= len(values) * q - away - 1e-9]
    low, high = quantile_interval(histogram(values), EDGES, q)
    assert low <= below[0] <= low * 1.01 + 1e-9
    assert high == np.inf if not len(above) else high / 1.01 - 1e-9 <= above[0] <= high


def test_a_histogram_counts_weights_as_rows():
    counts = histogram([1.0, 2.0, 3.0])
    assert quantile(0.25 * counts, EDGES, 0.5) == quantile(counts, EDGES, 0.5)


def test_a_last_bin_without_an_end():
    counts, edges = [8, 2], [0.0, 1.0, np.inf]
    assert quantile(counts, edges, 0.5) == (1.0, 1.0)
    assert quantile_interval(counts, edges, 0.5) == (0.0, np.inf)
    with pytest.raises(ValueError, match="no end"):
        quantile(counts, edges, 0.9)


@pytest.mark.parametrize(
    "call",
    [
        lambda: quantile([0, 0], [0, 1, 2], 0.5),
        lambda: quantile([1, 1], [0, 1], 0.5),
        lambda: quantile([1, 1], [0, 2, 1], 0.5),
        lambda: quantile([1, 1], [0, 1, 2], 1.0),
        lambda: quantile([1, 1], [-np.inf, 1, 2], 0.5),
        lambda: quantile_interval([1, 1], [0, 1, 2], 0.5, deff=0.0),
    ],
)
def test_refusals(call):
    with pytest.raises(ValueError, match=r"counts|edges|q must|deff"):
        call()
