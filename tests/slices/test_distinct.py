"""What is kept of a list of slices: each tells something of its own, with no more conditions than it needs."""

from __future__ import annotations

import numpy as np

from leadline.slices.distinct import Rows, distinct
from leadline.slices.search import Column, Condition

COUNT = 20_000
CHANCE = np.random.default_rng(0)
KIND = CHANCE.integers(1, 5, COUNT).astype(np.uint8)
HOUR = CHANCE.integers(1, 11, COUNT).astype(np.uint8)
OTHER = CHANCE.integers(1, 4, COUNT).astype(np.uint8)
COLUMNS = [Column(KIND, 5), Column(HOUR, 11, True), Column(OTHER, 4)]
KIND_2, LATE, OTHER_1 = Condition(0, 2, 2), Condition(1, 8, 10), Condition(2, 1, 1)


def rows(rate: np.ndarray, **more: object) -> Rows:
    return Rows(COLUMNS, (np.random.default_rng(1).random(COUNT) < rate).astype(float), **more)  # type: ignore[arg-type]


def kept(rate: np.ndarray, *found: tuple[Condition, ...]) -> list[tuple[Condition, ...]]:
    return distinct(rows(rate), found, 20, 32, COUNT // 2)


def test_a_condition_that_adds_nothing_is_given_up():
    assert kept(0.1 + 0.2 * (KIND == 2), (KIND_2, OTHER_1)) == [(KIND_2,)]


def test_conditions_that_matter_stay():
    both = (KIND == 2) & (HOUR >= 8)
    assert kept(0.1 + 0.3 * both, (KIND_2, LATE, OTHER_1)) == [(KIND_2, LATE)]


def test_a_range_with_two_ends_is_opened_where_one_will_do():
    assert kept(0.1 + 0.2 * (HOUR >= 6), (Condition(1, 6, 9),)) == [(Condition(1, 6, 10),)]
    inner = (HOUR >= 4) & (HOUR <= 6)
    assert kept(0.1 + 0.2 * inner, (Condition(1, 4, 6),)) == [(Condition(1, 4, 6),)]


def test_what_is_told_already_is_not_told_again():
    rate = 0.1 + 0.2 * (KIND == 2)
    again = [(KIND_2,), (KIND_2, LATE), (Condition(1, 1, 5), OTHER_1)]
    assert kept(rate, *again) == [(KIND_2,)]


def test_slices_that_overlap_are_kept_where_each_has_errors_of_its_own():
    rate = 0.1 + 0.2 * ((KIND == 2) | (HOUR >= 8))
    assert kept(rate, (KIND_2,), (LATE,)) == [(KIND_2,), (LATE,)]


def test_half_of_all_rows_is_no_slice():
    assert kept(0.1 + 0.2 * (HOUR >= 4), (Condition(1, 4, 10),)) == []


def test_no_more_are_kept_than_asked_for():
    rate = 0.1 + 0.2 * ((KIND == 2) | (KIND == 3))
    each = [(KIND_2,), (Condition(0, 3, 3),)]
    assert distinct(rows(rate), each, 1, 32, COUNT // 2) == each[:1]


def test_a_difference_between_days_does_not_keep_a_condition():
    """The other condition holds on two days, which are bad for all."""
    days = np.arange(COUNT) % 20
    bad = np.isin(days, [3, 4])
    columns = [*COLUMNS[:2], Column((1 + bad).astype(np.uint8), 3)]
    rate = np.clip(0.1 + 0.15 * (KIND == 2) + 0.3 * bad, 0, 1)
    found = [(KIND_2, Condition(2, 2, 2))]
    by_day = Rows(columns, rows(rate).errors, groups=days)
    assert distinct(by_day, found, 5, 32, COUNT // 2) == [(KIND_2,)]
