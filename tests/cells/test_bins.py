"""Bins of columns: fixed by the reference, about equal in mass, and every number in exactly one."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.cells.bins import FIRST, LEAST_TIMES, MOST_BINS, Bins, Grid, Kind, category_bins, grid, numeric_bins
from leadline.metrics.sums import Array

RNG = np.random.default_rng(7)
#: shapes of columns, 20,000 rows each
SHAPES: dict[str, Callable[[int], Array]] = {
    "normal": lambda n: RNG.normal(size=n),
    "far from 0": lambda n: 1.7e9 + RNG.normal(size=n) * 1000,
    "heavy tail": lambda n: np.exp(RNG.normal(size=n) * 1.5),
    "twelve powers of ten": lambda n: 10.0 ** RNG.uniform(-6, 6, n),
    "a tail on both sides": lambda n: RNG.standard_t(1.5, n),
    "half zeros, then a tail": lambda n: np.where(RNG.random(n) < 0.5, 0.0, np.exp(RNG.normal(size=n) * 2)),
    "two far clusters": lambda n: np.where(RNG.random(n) < 0.5, 1e-6, 1e6) * (1 + RNG.normal(size=n) * 1e-3),
    "counts": lambda n: RNG.poisson(40, n).astype(np.float64),
    "ids": lambda n: RNG.integers(0, 10**9, n).astype(np.float64),
    "small": lambda n: RNG.normal(size=n) * 1e-200,
    "large": lambda n: RNG.normal(size=n) * 1e200,
}


def codes(values: Array, of: Grid) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The fine codes by comparison with the edges."""
    cell = np.searchsorted(of.edges(), values, side="right") - 1
    return np.asarray(FIRST + cell, np.int64)


def binned(values: Array) -> tuple[Grid, Bins, Array]:
    """Cells, bins, and the reference's rows by bin."""
    of = grid(values)
    fine = np.bincount(codes(values, of), minlength=of.codes).astype(np.float64)
    bins = numeric_bins(of, fine)
    return of, bins, np.bincount(bins.of, weights=fine, minlength=len(bins))


@pytest.mark.parametrize("shape", SHAPES)
def test_bins_have_about_equal_mass_whatever_the_shape(shape: str) -> None:
    values = SHAPES[shape](20_000)
    _, bins, rows = binned(values)
    inside = bins.places(Kind.RANGE)
    assert 30 <= len(inside) <= MOST_BINS
    _, largest = np.unique(values, return_counts=True)
    assert rows[inside].max() <= max(0.06 * len(values), 1.05 * largest.max())
    assert rows[bins.places(Kind.BELOW, Kind.ABOVE)].sum() <= 0.002 * len(values)
    assert rows.sum() == len(values)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_number_lies_between_the_ends_of_its_bin(shape: str) -> None:
    values = SHAPES[shape](5_000)
    of, bins, _ = binned(values)
    other = np.concatenate([values * 1.7, -values, [0.0, -0.0, 1e300, -1e300, 5e-324]])
    place = bins.of[codes(other, of)]
    seen = ~np.isin(place, bins.places(Kind.UNSEEN))
    assert (bins.low[place] <= other)[seen].all()
    assert (other < bins.high[place])[seen].all()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=1, max_size=60))
def test_any_numbers_have_cells(numbers: list[float]) -> None:
    values = np.array(numbers)
    of, bins, rows = binned(values)
    edges = of.edges()
    assert (np.diff(edges) > 0).all()
    assert np.isfinite(edges[1:-1]).all()
    assert rows.sum() == len(values)
    assert len(bins) == len(bins.kinds) == len(bins.names) == len(bins.low) == len(bins.centre)


@given(st.sets(st.integers(-(10**6), 10**6), min_size=1, max_size=MOST_BINS))
def test_few_values_have_a_bin_each_and_all_others_are_unseen(numbers: set[int]) -> None:
    values = np.array(sorted(numbers), np.float64)
    of, bins, rows = binned(np.repeat(values, LEAST_TIMES))
    apart = np.diff(values).min(initial=1) * 256 > np.ptp(values)
    if not apart:  # values that lie much nearer to each other than others do may share a cell
        return
    inside = bins.places(Kind.RANGE)
    assert rows[inside].tolist() == [LEAST_TIMES] * len(values)
    (unseen,) = bins.places(Kind.UNSEEN)
    between = (values[:-1] + np.diff(values) / 2)[np.diff(values) > 1]
    if len(between):
        assert (bins.of[codes(between, of)] == unseen).any()


def test_values_that_come_once_are_not_all_that_there_are() -> None:
    """Of 40 ages of a few rows others are to be expected: none is unseen."""
    ages = np.arange(20.0, 60.0)
    _, bins, rows = binned(ages)
    assert not len(bins.places(Kind.UNSEEN))
    assert rows.sum() == len(ages)
    assert len(binned(np.repeat(ages, LEAST_TIMES))[1].places(Kind.UNSEEN)) == 1


def test_a_constant_is_told_from_what_is_nearly_the_same() -> None:
    for value in (0.0, 5.0, -273.15, 1e-12, 1e18):
        of, bins, _ = binned(np.full(100, value))
        near = np.array([value, value * (1 + 1e-6) + 1e-9, value * (1 - 1e-6) - 1e-9])
        kinds = [bins.kinds[place] for place in bins.of[codes(near, of)]]
        assert kinds[0] == Kind.RANGE, value
        assert Kind.RANGE not in kinds[1:], value


def test_a_column_without_numbers_has_bins_too() -> None:
    of = grid(np.zeros(0))
    bins = numeric_bins(of, np.zeros(of.codes))
    assert len(bins) == len(bins.kinds)
    assert math.isinf(bins.high[bins.places(Kind.ABOVE)[0]])


def test_bins_do_not_depend_on_the_order_of_the_reference() -> None:
    values = SHAPES["heavy tail"](3_000)
    shuffled = RNG.permutation(values)
    assert grid(values) == grid(shuffled)


def test_categories_have_a_bin_each_and_new_ones_one() -> None:
    bins = category_bins(("b", "a"), known=True, rest=False)
    assert [bins.names[place] for place in bins.of] == ["(missing)", "b", "a", "(none)", "(new)"]
    assert bins.places(Kind.UNSEEN).tolist() == [4]
