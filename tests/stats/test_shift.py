"""Data, world and never seen add up; each is 0 where its cause is not there; slopes are those of the terms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from leadline.stats.shift import DATA, UNSEEN, WORLD, merged, shift

COUNTS = np.ones(4)


def recall(sums):
    """Of counts by (predicted, actual): 00, 01, 10, 11."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums[..., 3] / (sums[..., 1] + sums[..., 3])


def mean(sums):
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums[..., 1] / sums[..., 0]


def drawn(seed, kinds):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 400, (2, kinds, 4)) * (rng.random((2, kinds, 1)) < 0.8).astype(float)


worlds = st.builds(drawn, st.integers(0, 2**32 - 1), st.integers(1, 30))


@settings(max_examples=300)
@given(worlds)
def test_the_terms_add_up(world):
    found = shift(*world, recall, COUNTS)
    assume(found is not None)
    assert found.terms.sum() == pytest.approx(recall(world[1].sum(0)) - recall(world[0].sum(0)), abs=1e-12)


@given(worlds, st.integers(0, 2**32 - 1))
def test_other_rows_alone_are_the_data_and_like_rows_alone_the_world(world, seed):
    first, _ = world
    rng = np.random.default_rng(seed)
    some = first.sum(1) > 0
    assume(some.sum() > 1 and first[:, 1::2].sum() > 0)
    more = first * rng.uniform(0.5, 2, (len(first), 1))
    found = shift(first, more, recall, COUNTS)
    assert np.abs(found.terms[[WORLD, UNSEEN]]).max() < 1e-9
    other = first.copy()
    other[:, 3], other[:, 1] = first[:, 3] / 2, first[:, 1] + first[:, 3] / 2
    found = shift(first, other, recall, COUNTS)
    assert np.abs(found.terms[[DATA, UNSEEN]]).max() < 1e-9


def test_kinds_that_the_first_window_hardly_knows_stand_alone():
    first = np.array([[500, 20, 100, 80], [5, 1, 2, 2]])
    second = np.array([[500, 20, 100, 80], [200, 150, 50, 50]])
    found = shift(first, second, recall, COUNTS)
    assert found.terms[UNSEEN] == pytest.approx(130 / 300 - 80 / 100)
    assert abs(found.terms[WORLD]) < 1e-9
    assert found.new == pytest.approx(450 / 1150)
    # half as often is a change of how often, not a new kind
    assert shift(first * 20, second, recall, COUNTS).new == 0


def test_windows_that_share_nothing_are_not_told_apart():
    assert shift([[10.0, 0], [0, 0]], [[0, 0], [10, 0]], mean, [1, 0]) is None
    assert shift([[0.0, 0]], [[0.0, 0]], mean, [1, 0]) is None


@settings(max_examples=40)
@given(worlds, st.booleans())
def test_slopes_are_those_of_the_terms(world, losses):
    first, second = world + 60.0  # away from the edge at which a kind is new
    rows, figure = (np.array([1.0, 0, 0, 0]), mean) if losses else (COUNTS, recall)
    found = shift(first, second, figure, rows)
    assume(found is not None)
    scale = max(1.0, float(np.abs(found.terms).max()))
    for window in (0, 1):
        for k in range(min(len(first), 3)):
            for part in range(4):
                ends = []
                for step in (-1e-3, 1e-3):
                    moved = [first.copy(), second.copy()]
                    moved[window][k, part] += step
                    ends.append(shift(*moved, figure, rows).terms)
                brute = (ends[1] - ends[0]) / 2e-3
                assert np.allclose(found.slopes[window][:, k, part], brute, atol=1e-6 * scale, rtol=1e-3)


def test_thin_kinds_are_told_by_their_score_alone():
    kinds = merged([[60, 10], [70, 60], [5, 30]], 50)
    assert kinds[0, 0] != kinds[1, 0] != kinds[2, 0]
    assert kinds[0, 1] == kinds[2, 1] != kinds[1, 1]
    assert sorted(np.unique(kinds)) == list(range(5))
