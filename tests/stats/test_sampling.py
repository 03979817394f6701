from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.stats.sampling import FLOOR, UNIFORM, label_probabilities, row_number


@st.composite
def populations(draw):
    """Uncertainty, rows a cell, two partitions of the cells, and a budget."""
    size = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    rows = rng.integers(1, 400, size)
    spread = rng.choice([0.0, 0.1, 0.3, 0.5], size)
    slices = [rng.integers(0, 4, size), rng.integers(0, 2, size)]
    return spread, rows, slices, draw(st.floats(0.001, 1)) * float(rows.sum())


@given(populations())
def test_they_add_up_to_the_budget_and_no_row_is_left_out(case):
    spread, rows, slices, budget = case
    found = label_probabilities(spread, budget, rows, slices)
    assert (rows * found).sum() == pytest.approx(budget, rel=1e-6)
    assert (found <= 1).all()
    assert (found >= UNIFORM * budget / rows.sum() * (1 - 1e-9)).all()


@given(populations(), st.floats(1, 5))
def test_a_larger_budget_gives_no_row_a_smaller_chance(case, more):
    spread, rows, slices, budget = case
    larger = min(budget * more, float(rows.sum()))
    before, after = (label_probabilities(spread, each, rows, slices) for each in (budget, larger))
    assert (after >= before - 1e-9).all()


@given(populations())
def test_slices_get_their_floor_where_the_budget_suffices(case):
    spread, rows, slices, budget = case
    found = label_probabilities(spread, budget, rows, slices)
    parts = [(partition == code) for partition in slices for code in np.unique(partition)]
    if budget * (1 - UNIFORM) >= FLOOR * len(parts):
        for mine in parts:
            assert (rows * found)[mine].sum() >= min(FLOOR, rows[mine].sum()) * (1 - 1e-6)


def test_without_floors_it_is_four_fifths_by_uncertainty():
    spread = np.array([0.1, 0.2, 0.5])
    expected = 0.2 / 3 + 0.8 * spread / spread.sum()
    np.testing.assert_allclose(label_probabilities(spread, 1, floor=0), expected)


def test_where_nothing_is_known_all_rows_are_alike():
    np.testing.assert_allclose(label_probabilities(np.zeros(50), 10), np.full(50, 0.2))


def test_cells_are_rows_that_are_alike():
    spread, rows = np.array([0.1, 0.4]), np.array([30, 10])
    apart = label_probabilities(np.repeat(spread, rows), 8, slices=[np.repeat([0, 1], rows)])
    np.testing.assert_allclose(np.repeat(label_probabilities(spread, 8, rows, [[0, 1]]), rows), apart)


@pytest.mark.parametrize("budget", [0, -1, 5])
def test_a_budget_that_cannot_be_is_an_error(budget):
    with pytest.raises(ValueError, match="budget"):
        label_probabilities([0.5] * 4, budget)


@given(st.text(max_size=20), st.integers(0, 5))
def test_numbers_are_from_the_md5_of_the_id(key, seed):
    digest = hashlib.md5(f"{seed}:{key}".encode(), usedforsecurity=False).hexdigest()
    assert row_number(key, seed) == int(digest[:8], 16)


def test_golden_numbers():
    """They never change: rows would be chosen twice, and probabilities be wrong."""
    assert [row_number(key) for key in ("1", "42", "flight-7", "ä")] == [
        2177472128,  # from coreutils: printf 0:1 | md5sum
        2845920338,
        4105037698,
        2840105616,
    ]


def test_numbers_are_even():
    numbers = np.array([row_number(str(key)) for key in range(20_000)]) / 2**32
    assert np.histogram(numbers, 10, (0, 1))[0] == pytest.approx(np.full(10, 2_000), rel=0.1)
