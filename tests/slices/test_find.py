"""What is planted is found, first and by its name; and nothing is found in nothing (METHODS §12, row 9)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from leadline.slices.find import find
from leadline.slices.search import Column, Condition
from slices.worlds import ROWS, world


def planted_first(seeds: range, inside: float = 0.2) -> int:
    """In how many runs the planted slice is the first one found, exactly."""
    count = 0
    for seed in seeds:
        rows, slice_, half = world(seed, inside=inside)
        found = find(rows, half, 2)
        count += bool(found) and bool((rows.inside(found[0]) == slice_).all())
    return count


def test_the_planted_slice_comes_first():
    assert planted_first(range(15)) >= 13
    assert planted_first(range(15), inside=0.35) >= 14


@pytest.mark.slow
def test_the_planted_slice_comes_first_in_90_of_100_runs():
    assert planted_first(range(100)) >= 90  # 99 of them
    assert planted_first(range(100), inside=0.35) >= 95  # all of them


def ranges_found(seeds: range) -> int:
    """In how many runs the first slice is the planted one or nearly: a range may end a code too early or late."""
    count = 0
    for seed in seeds:
        rows, slice_, half = world(seed, ordered=True)
        found = find(rows, half, 2)
        if found:
            inside = rows.inside(found[0])
            count += (inside & slice_).sum() > 0.6 * (inside | slice_).sum()
    return count


def test_a_planted_range_comes_first():
    assert ranges_found(range(12)) >= 9


@pytest.mark.slow
def test_a_planted_range_comes_first_in_85_of_100_runs():
    assert ranges_found(range(100)) >= 85  # 92 of them


def falsely(seeds: range, ordered: bool) -> int:
    count = 0
    for seed in seeds:
        rows, _, half = world(seed, planted=False, ordered=ordered)
        count += bool(find(rows, half, 2))
    return count


def test_where_nothing_is_planted_hardly_anything_is_found():
    assert falsely(range(20), ordered=False) <= 2
    assert falsely(range(20), ordered=True) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("ordered", [False, True])
def test_where_nothing_is_planted_something_is_found_in_5_of_100_runs_at_most(ordered):
    assert falsely(range(1000, 1300), ordered) <= 15


def test_nor_of_losses_with_a_long_tail():
    wrong = 0
    for seed in range(20):
        rows, _, half = world(seed, planted=False)
        losses = np.random.default_rng(100 + seed).pareto(2.5, ROWS)
        wrong += bool(find(replace(rows, errors=losses), half, 2))
    assert wrong <= 2


def test_a_planted_loss_and_a_weighted_one_are_found():
    chance = np.random.default_rng(105)
    rows, slice_, half = world(5, planted=False)
    losses = chance.exponential(1.0, ROWS) * np.where(slice_, 2.2, 1.0)
    for weights in (None, chance.exponential(1.0, ROWS)):
        found = find(replace(rows, errors=losses, weights=weights), half, 2)
        assert (rows.inside(found[0]) == slice_).all()


def test_days_that_are_bad_are_no_slice():
    """Errors differ by day, and a feature is the same all day: it is told from the days, of which there are few."""
    chance = np.random.default_rng(106)
    rows, _, half = world(6, planted=False)
    days = np.arange(ROWS) // (ROWS // 28)
    rate = np.clip(0.1 + 0.05 * chance.standard_normal(days.max() + 1), 0.01, 0.5)
    errors = (chance.random(ROWS) < rate[days]).astype(float)
    weekday = replace(rows.columns[2], codes=(1 + days % 4).astype(np.uint8), size=5)
    columns = [*rows.columns[:2], weekday, *rows.columns[3:]]
    assert find(replace(rows, columns=columns, errors=errors, groups=days), half, 2) == []


def test_the_half_that_is_searched_does_not_decide_alone():
    """Errors that are planted in the searched half only are not confirmed."""
    rows, slice_, half = world(8, planted=False)
    errors = rows.errors.copy()
    errors[slice_ & half] = np.random.default_rng(0).random((slice_ & half).sum()) < 0.5
    assert find(replace(rows, errors=errors), half, 2) == []


@pytest.mark.parametrize("errors", [np.zeros(ROWS), np.ones(ROWS)])
def test_one_class_of_errors_has_no_slices(errors):
    rows, _, half = world(1)
    assert find(replace(rows, errors=errors), half, 3) == []


def test_no_rows_have_no_slices():
    rows, _, half = world(1)
    none = np.zeros(ROWS, bool)
    assert find(rows.where(none), half[none], 2) == []
    assert find(rows, none, 2) == []
    assert find(rows, ~none, 2) == []


def test_three_conditions_are_found_where_they_are_asked_for():
    rows, slice_, half = world(3, planted=False)
    third = Column((1 + np.arange(ROWS) % 2).astype(np.uint8), 3)
    slice_ &= third.codes == 1
    errors = (np.random.default_rng(103).random(ROWS) < np.where(slice_, 0.6, 0.1)).astype(float)
    rows = replace(rows, columns=[*rows.columns[:2], third, *rows.columns[3:]], errors=errors)
    assert find(rows, half, 3)[0] == (Condition(0, 3, 3), Condition(1, 2, 2), Condition(2, 1, 1))
    assert len(find(rows, half, 2)[0]) == 2
