"""When a slice grew worse is found to the day, and what was always so did not begin."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.slices.since import began


def gaps(seed: int, level: np.ndarray, rows: int = 40, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Gaps of a slice of so many rows a day, beside 400 others with an error rate of .1."""
    chance = np.random.default_rng(seed)
    days = len(level)
    rate = np.clip(0.1 + level + noise * chance.standard_normal(days), 0, 1)
    gap = chance.binomial(rows, rate) / rows - chance.binomial(400, 0.1, days) / 400
    return gap, np.full(days, rows * 400 / (rows + 400))


def test_the_day_is_found():
    level = np.where(np.arange(120) >= 90, 0.15, 0.0)
    places = [found.place for seed in range(40) if (found := began(*gaps(seed, level), 0.09)) is not None]
    assert len(places) == 40
    assert abs(np.array(places) - 90).max() <= 5
    found = began(*gaps(1, level), 0.09)
    assert found is not None
    assert found.first <= 90 <= found.last
    assert not found.worse
    assert found.after - found.before == pytest.approx(0.15, abs=0.04)


def test_what_was_worse_before_says_so():
    level = np.where(np.arange(120) >= 90, 0.35, 0.15)
    found = began(*gaps(3, level), 0.09)
    assert found is not None
    assert found.worse


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("level", [0.0, 0.2])
def test_what_was_always_so_did_not_begin(level, noise):
    runs = 300
    assert sum(began(*gaps(seed, np.full(120, level), noise=noise), 0.09) is not None for seed in range(runs)) <= 6


def test_what_became_better_did_not_begin():
    level = np.where(np.arange(120) >= 60, 0.0, 0.3)
    assert began(*gaps(2, level), 0.09) is None


def test_days_without_rows_are_passed_over():
    level = np.where(np.arange(60) >= 40, 0.4, 0.0)
    gap, size = gaps(4, level)
    gap[::2], size[::2] = np.nan, 0.0
    found = began(gap, size, 0.09)
    assert found is not None
    assert abs(found.place - 41) <= 3
    assert found.place % 2 == 1


def test_few_days_and_no_days_tell_nothing():
    assert began(np.zeros(0), np.zeros(0), 0.1) is None
    assert began(np.array([0.0, 0.0, 0.0, 0.9, 0.9]), np.full(5, 100.0), 0.1) is None
    assert began(np.full(50, np.nan), np.zeros(50), 0.1) is None
    assert began(np.zeros(50), np.ones(50), 0.0) is None
    with pytest.raises(ValueError, match="one gap"):
        began(np.zeros(3), np.zeros(2), 0.1)
