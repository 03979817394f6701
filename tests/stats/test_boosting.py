"""Boosted trees give chances that are calibrated, and refuse what has no answer."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import log_loss

from leadline.stats.boosting import boosted


def drawn(rows: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 8, (rows, 3))
    odds = 0.6 * (codes[:, 0] - 3.5) + np.where(codes[:, 1] == 5, 2.0, 0.0)
    return codes, rng.random(rows) < 1 / (1 + np.exp(-odds))


def test_chances_are_as_good_as_scikit_learn_s_on_rows_it_has_not_seen() -> None:
    codes, positive = drawn(2000, 1)
    later, truth = drawn(2000, 2)
    ours = 1 / (1 + np.exp(-boosted(codes, positive, [True, False, True]).log_odds(later)))
    theirs = GradientBoostingClassifier(n_estimators=40, learning_rate=0.2, max_leaf_nodes=8, random_state=0)
    expected = theirs.fit(codes, positive).predict_proba(later)[:, 1]
    assert log_loss(truth, ours) < log_loss(truth, expected) * 1.03
    assert ours.mean() == pytest.approx(truth.mean(), abs=0.03)


def test_names_of_codes_of_unordered_columns_do_not_matter() -> None:
    codes, positive = drawn(600, 3)
    other = np.array([3, 7, 0, 1, 6, 2, 5, 4])[codes]
    first, second = (boosted(each, positive, [False] * 3).log_odds(each) for each in (codes, other))
    np.testing.assert_allclose(first, second)


def test_a_column_that_says_nothing_leaves_the_share() -> None:
    positive = np.repeat([True, False], [30, 90])
    found = boosted(np.zeros((120, 1), np.int64), positive, [True]).log_odds(np.zeros((1, 1), np.int64))
    assert found[0] == pytest.approx(np.log(30 / 90))


@pytest.mark.parametrize("positive", [[True] * 4, [False] * 4, [True, False]])
def test_one_label_alone_is_refused(positive: list[bool]) -> None:
    with pytest.raises(ValueError, match="both labels"):
        boosted(np.zeros((4, 1), np.int64), np.array(positive), [True])
