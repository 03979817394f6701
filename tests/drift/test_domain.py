"""A classifier tells two samples apart where they differ, out of fold."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from leadline.drift.domain import domain


def alike(rng: np.random.Generator, rows: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return rng.integers(0, 10, (rows, 4))


def test_alike_samples_cannot_be_told_apart() -> None:
    rng = np.random.default_rng(1)
    found = [domain(alike(rng, 300), alike(rng, 300), [True] * 4, importances=False) for _ in range(12)]
    away = np.array([each.auc - 0.5 for each in found]) / found[0].floor
    assert abs(away.mean()) < 3 / np.sqrt(12)
    assert np.abs(away).max() < 4
    assert np.isnan(found[0].importances).all()


def test_it_does_as_well_as_scikit_learn_s_boosting() -> None:
    rng = np.random.default_rng(2)
    before, after = alike(rng, 500), alike(rng, 500)
    after[:, 1] = np.minimum(after[:, 1] + rng.integers(0, 4, 500), 9)
    after[:, 2] = np.where(rng.random(500) < 0.3, 7, after[:, 2])
    found = domain(before, after, [True] * 4)
    codes, late = np.concatenate([before, after]), np.repeat([0, 1], 500)
    theirs = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, learning_rate=0.2, early_stopping=False)
    chance = cross_val_predict(theirs, codes, late, cv=4, method="predict_proba")[:, 1]
    assert found.auc == pytest.approx(roc_auc_score(late, chance), abs=0.03)
    assert set(np.argsort(-found.importances)[:2]) == {1, 2}
    assert np.abs(found.importances[[0, 3]]).max() < 0.03


def test_what_only_two_columns_tell_together_is_found() -> None:
    rng = np.random.default_rng(3)
    before, after = alike(rng, 800), alike(rng, 800)
    after[:, 1] = (after[:, 0] + rng.integers(0, 3, 800)) % 10  # each column alone is as before
    found = domain(before, after, [True] * 4)
    assert found.auc > 0.7
    assert set(np.argsort(-found.importances)[:2]) == {0, 1}


def test_the_floor_is_that_of_the_rank_sum() -> None:
    rng = np.random.default_rng(4)
    areas = [roc_auc_score(np.repeat([0, 1], 40), rng.random(80)) for _ in range(2000)]
    found = domain(rng.integers(0, 3, (40, 1)), rng.integers(0, 3, (40, 1)), [True], importances=False)
    assert found.floor == pytest.approx(np.std(areas), rel=0.05)


def test_samples_of_different_sizes_count_as_much_and_the_same_rows_give_the_same_answer() -> None:
    rng = np.random.default_rng(5)
    before, after = alike(rng, 900), alike(rng, 300)
    first, again = (domain(before, after, [False] * 4) for _ in range(2))
    assert first.auc == again.auc
    assert abs(first.auc - 0.5) < 4 * first.floor


def test_columns_without_any_difference_are_no_error() -> None:
    constant = np.zeros((50, 2), np.int64)
    found = domain(constant, constant, [True, False])
    assert found.auc == 0.5
    assert found.importances.tolist() == [0.0, 0.0]
