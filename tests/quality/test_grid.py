"""The grid of bins: fixed, symmetric, and fine enough for quantiles and changes of unit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leadline.quality.grid import LAST, LEAST, LEVELS, MOST, WIDTH, bin_of, ends_of, moved, quantiles

numbers = st.floats(-1e12, 1e12, allow_nan=False)


@given(numbers)
def test_a_number_lies_between_the_ends_of_its_bin(value):
    (code,) = bin_of([value])
    (low,), (high,) = ends_of([code])
    size = abs(value)
    if LEAST <= size < MOST:
        assert low * (1 - 1e-6 * np.sign(low)) <= value <= high * (1 + 1e-6 * np.sign(high))
    else:
        assert abs(code) == (LAST if size >= MOST else 0)


@given(st.lists(numbers, max_size=20))
def test_bins_are_symmetric_and_rise(values):
    given_ = np.sort(np.array(values, float))
    code = bin_of(given_)
    assert (np.diff(code) >= 0).all()
    assert (bin_of(-given_) == -code).all()


def test_no_single_precision_number_is_as_near_to_an_edge_as_logarithms_err():
    edges = LEAST * WIDTH ** np.arange(1, LAST - 1)
    near = edges.astype(np.float32)
    for each in (near, np.nextafter(near, np.float32(0)), np.nextafter(near, np.float32(np.inf))):
        step = np.log(each.astype(np.float64) / LEAST) / np.log(WIDTH)
        assert np.abs(step - np.round(step)).min() > 1e-12


@given(st.integers(0, 1000))
def test_quantiles_are_off_by_no_more_than_a_bin(seed):
    random = np.random.default_rng(seed)
    values = random.choice([random.normal(3, 2, 500), random.gamma(2, 50, 500), random.lognormal(0, 2, 500)])
    code, counts = np.unique(bin_of(values), return_counts=True)
    exact = np.quantile(values, LEVELS, method="inverted_cdf")
    assert np.allclose(quantiles(code, counts), exact, rtol=WIDTH - 1 + 1e-9, atol=LEAST)


def test_histograms_on_other_bins_keep_what_fits():
    assert moved(np.array([1, 3]), np.array([[5, 7]]), np.array([0, 3, 4])).tolist() == [[0, 7, 0]]
    assert moved(np.array([1]), np.array([[5]]), np.zeros(0, int)).shape == (1, 0)
