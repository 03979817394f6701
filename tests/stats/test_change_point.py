"""When a ratio of sums changed its level."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.stats.change_point import change_point


@pytest.mark.parametrize("first", [1, 5, 30])
def test_it_is_the_step_that_leaves_the_least_squares(first: int) -> None:
    rng = np.random.default_rng(first)
    rows = rng.integers(1, 50, 40).astype(float)
    rate = np.where(np.arange(40) < 22, 0.2, 0.5) + rng.normal(0, 0.05, 40)

    def squares(place: int) -> float:
        sides = (slice(place), slice(place, None))
        means = [np.average(rate[side], weights=rows[side]) for side in sides]
        return sum(float(rows[side] @ (rate[side] - mean) ** 2) for side, mean in zip(sides, means, strict=True))

    assert change_point(rate * rows, rows, first) == min(range(first, 40), key=squares)


def test_there_is_none_in_one_grain_or_beyond_the_last() -> None:
    assert change_point([1], [10]) is None
    assert change_point([1, 5], [10, 10], 2) is None
