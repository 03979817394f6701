from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.stats.calibration import (
    brier_parts,
    calibration_error,
    calibration_floor,
    calibration_interval,
    equal_count_bins,
    squared_calibration_error,
    within_bins,
)


def binned(seed: int, n: int, bins: int = 10, bend: float = 1.0):
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    y = rng.random(n) < p**bend
    place = (p * bins).astype(int)
    return tuple(np.bincount(place, part, bins) for part in (np.ones(n), p, y))


cases = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(1, 20), st.floats(0.2, 4))


@given(cases)
def test_against_rows(case):
    rng = np.random.default_rng(case[0])
    n, p, y = binned(*case)
    brute = 0.0
    for b in rng.permutation(len(n)):
        if n[b]:
            brute += n[b] / n.sum() * abs(y[b] / n[b] - p[b] / n[b])
    assert calibration_error(n, p, y) == pytest.approx(brute, abs=1e-12)


@given(cases, st.floats(0.5, 5), st.floats(0.5, 20))
def test_the_interval_is_in_range_and_widens(case, critical, deff):
    state = binned(*case)
    low, high = calibration_interval(*state, critical, deff)
    assert 0 <= low <= calibration_error(*state) + 1e-9
    assert calibration_error(*state) <= high <= 1
    wider = calibration_interval(*state, critical, deff * 1.5)
    assert wider[0] <= low + 1e-9
    assert high <= wider[1] + 1e-9


def test_with_many_rows_the_error_is_known():
    n, p, y = np.array([1e8, 1e8]), np.array([2e7, 7e7]), np.array([3e7, 7.5e7])
    assert calibration_error(n, p, y) == pytest.approx(0.075)
    assert calibration_interval(n, p, y) == pytest.approx((0.075, 0.075), abs=2e-4)


def test_without_any_gap_low_is_zero():
    assert calibration_interval([10, 0, 10], [2, 0, 7], [2, 0, 7])[0] == 0


@pytest.mark.parametrize(("n", "bins"), [(500, 10), (500, 20), (10_000, 10)])
def test_the_floor_is_what_calibrated_models_show(n, bins):
    """METHODS row 12: within 10 %. Mean of 400 runs: its own error is about 1.5 %."""
    states = [binned(seed, n, bins) for seed in range(400)]
    shown = np.mean([calibration_error(*state) for state in states])
    floor = np.mean([calibration_floor(state[0], state[2]) for state in states])
    assert floor == pytest.approx(shown, rel=0.1)


@pytest.mark.parametrize(("n", "bins"), [(100, 10), (500, 20), (10_000, 16)])
def test_the_squared_error_is_unbiased(n, bins):
    """METHODS row 12: within two standard errors of 0 where the model is calibrated, of the truth where not."""
    for bend, seed in ((1.0, 0), (1.5, 1)):
        shown = []
        for run in range(600):
            rows, p, y = binned(seed * 1000 + run, n, bins, bend)
            shown.append(float(squared_calibration_error(rows, rows, p, y)))
        many, p, y = binned(99, 2_000_000, bins, bend)
        truth = 0.0 if bend == 1 else float((many * ((y - p) / many) ** 2).sum() / many.sum())
        # shares of a bin's rows differ with their scores, which adds a little to what chance is taken for
        assert abs(np.mean(shown) - truth) <= 2.5 * np.std(shown) / 600**0.5 + 1e-4 * (bend != 1)


@given(cases)
def test_briers_parts_add_up(case):
    """METHODS row 12: to 1e-12."""
    seed, n, bins, bend = case
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    y = (rng.random(n) < p**bend).astype(float)
    place = (p * bins).astype(int)
    rows, scored, positives, squares, products = (
        np.bincount(place, part, bins) for part in (np.ones(n), p, y, p * p, p * y)
    )
    reliability, resolution, uncertainty = brier_parts(rows, scored, positives)
    rest = within_bins(rows, scored, positives, squares, products)
    assert reliability - resolution + uncertainty + rest == pytest.approx(np.mean((p - y) ** 2), abs=1e-12)


def test_parts_of_many_windows_are_those_of_each():
    state = [np.stack(part) for part in zip(*(binned(seed, 50) for seed in range(4)), strict=True)]
    for place in range(4):
        alone = brier_parts(*(part[place] for part in state))
        assert [float(part[place]) for part in brier_parts(*state)] == pytest.approx([float(part) for part in alone])
    assert np.isnan(brier_parts(np.zeros((1, 3)), np.zeros((1, 3)), np.zeros((1, 3)))).all()
    assert np.isnan(squared_calibration_error([1, 1], [1, 1], [0.5, 0.5], [0, 1]))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=200), st.integers(1, 20))
def test_joined_bins_are_neighbours_and_hold_about_equally_many(rows, bins):
    place = equal_count_bins(rows, bins)
    assert (np.diff(place) >= 0).all()
    assert (np.diff(place) <= 1).all()
    assert place[0] == 0
    assert place[-1] < bins
    held = np.bincount(place, rows)
    assert (np.abs(held - sum(rows) / bins) <= max(rows) + sum(rows) / bins).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: calibration_error([0, 0], [0, 0], [0, 0]),
        lambda: calibration_error([1, 1], [2, 0], [0, 0]),
        lambda: calibration_error([1, 1], [0, 0], [-1, 0]),
        lambda: calibration_error([1, 1], [0, 0], [0]),
        lambda: calibration_interval([1], [0.5], [1], deff=0),
    ],
)
def test_refusals(call):
    with pytest.raises(ValueError, match=r"bin|deff"):
        call()
