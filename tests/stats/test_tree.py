"""The regression tree against brute force, and that it finds nothing in noise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from leadline.stats.tree import Split, regression_tree


def squares(values):
    return ((values - values.mean()) ** 2).sum() if len(values) else 0.0


def test_the_first_split_is_the_best_of_all():
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 5, (400, 3))
    values = (codes[:, 1] % 2) * 1.0 + 0.1 * rng.normal(size=400)
    root, leaves = regression_tree(codes, values, [True, False, True], 2, 20)
    assert leaves == 2
    assert isinstance(root, Split)
    best = min(
        (squares(values[inside]) + squares(values[~inside]), column)
        for column, ordered in enumerate([True, False, True])
        for some in itertools.chain.from_iterable(itertools.combinations(range(5), n) for n in range(1, 5))
        if not ordered or some == tuple(range(len(some)))
        for inside in [np.isin(codes[:, column], some)]
        if 20 <= inside.sum() <= 380
    )
    inside = np.isin(codes[:, root.column], list(root.codes))
    assert root.column == best[1]
    assert squares(values[inside]) + squares(values[~inside]) == pytest.approx(best[0])


def test_leaves_hold_enough_rows_and_are_not_too_many():
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 30, (5000, 2))
    values = codes[:, 0] + 0.5 * codes[:, 1] + rng.normal(size=5000)
    root, leaves = regression_tree(codes, values, [True, True], 24, 50)
    assert leaves == 24
    assert isinstance(root, Split)
    number = root.leaves(codes)
    assert set(number) == set(range(24))
    assert np.bincount(number).min() >= 50


def test_one_value_or_few_rows_make_one_leaf():
    codes = np.zeros((10, 1), int)
    assert regression_tree(codes, np.arange(10.0), [True], 24, 1) == (0, 1)
    assert regression_tree(codes + np.arange(10)[:, None], np.ones(10), [True], 24, 1) == (0, 1)
    assert regression_tree(codes, np.arange(10.0), [True], 24, 20) == (0, 1)


def test_wrong_input_is_refused():
    codes = np.zeros((2, 1), int)
    with pytest.raises(ValueError, match="same rows"):
        regression_tree(codes, np.zeros(3), [True])
    with pytest.raises(ValueError, match="finite"):
        regression_tree(codes, np.array([0.0, np.nan]), [True])
    with pytest.raises(ValueError, match="ordered"):
        regression_tree(codes, np.zeros(2), [])
    with pytest.raises(ValueError, match="leaf"):
        regression_tree(codes, np.zeros(2), [True], 0)
