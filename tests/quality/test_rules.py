"""Rules one by one: which alarms go together, the hour of a beginning, and sentences."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.quality.onset import onset
from leadline.quality.rules import MANY, clusters


def test_statistics_of_one_column_and_those_that_go_along_are_one_group():
    random = np.random.default_rng(1)
    common = random.normal(0, 1, 30)
    deviations = np.stack([common, common + 0.1 * random.normal(0, 1, 30), *random.normal(0, 1, (2, 30))], axis=1)
    alarms, columns = np.arange(4), np.array([0, 1, 2, 2])
    assert clusters(alarms, columns, list("abcd"), deviations) == [[0, 1], [2, 3]]


def test_the_same_statistic_of_many_columns_at_once_is_one_group():
    deviations = np.random.default_rng(2).normal(0, 1, (30, MANY))
    alarms = np.arange(MANY)
    assert len(clusters(alarms, alarms, ["level"] * MANY, deviations)) == 1
    assert len(clusters(alarms[1:], alarms, ["level"] * MANY, deviations)) == MANY - 1


def test_no_alarms_make_no_groups():
    assert clusters(np.zeros(0, int), np.arange(3), ["a", "b", "c"], np.zeros((30, 3))) == []


def test_the_hour_of_a_beginning_is_the_likeliest_of_all_breaks():
    random = np.random.default_rng(3)
    for begin in (1, 9, 40):
        rows = random.integers(20, 60, 48)
        hits = random.binomial(rows, np.where(np.arange(48) >= begin, 0.6, 0.05))
        assert onset(hits, rows) == begin
    assert onset(random.binomial(50, 0.2, 48), np.full(48, 50)) is None
    assert onset(np.zeros(48), np.zeros(48)) is None


def test_hits_are_no_more_than_rows():
    with pytest.raises(ValueError, match="hits"):
        onset([3], [2])
