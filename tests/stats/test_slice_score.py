"""The score rises with errors, and its bound holds for every part of a slice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.stats.slice_score import slice_score, slice_score_bound

alphas = st.floats(0.05, 1.0)
losses = st.lists(st.sampled_from([0.0, 0.0, 0.25, 1.0, 3.0]), min_size=1, max_size=8)


@given(losses, st.integers(0, 40), st.integers(1, 4), alphas)
def test_no_part_of_a_slice_scores_more_than_its_bound(errors, others, least, alpha):
    mine = np.array(errors)
    whole, total = len(mine) + others, float(mine.sum()) + others * 0.3
    if total == 0:
        return
    bound = slice_score_bound(np.array([len(mine)]), [mine.sum()], [mine.max()], least, whole, total, alpha)[0]
    for bits in range(1, 2 ** len(mine)):
        part = mine[[bool(bits >> place & 1) for place in range(len(mine))]]
        if len(part) >= least:
            score = slice_score(np.array([len(part)]), [part.sum()], whole, total, alpha)[0]
            assert score <= bound + 1e-9 * max(1.0, abs(bound))


@given(st.floats(1, 99), st.floats(0, 50), st.floats(0.5, 0.999))
def test_above_0_are_slices_with_that_share_of_the_others_errors_in_excess(size, error, alpha):
    """The meaning of α that the docstring states."""
    whole, total = 100.0, 60.0
    average = total / whole
    excess = error - size * average
    wanted = (1 - alpha) / alpha * (whole - size) * average
    score = slice_score([size], [error], whole, total, alpha)[0]
    if abs(excess - wanted) > 1e-6:
        assert (score > 0) == (excess > wanted)


def test_nothing_scores_where_there_are_no_errors_or_no_rows():
    assert slice_score([3.0], [0.0], 10.0, 0.0, 0.9)[0] == -np.inf
    assert slice_score([0.0], [0.0], 10.0, 1.0, 0.9)[0] == -np.inf
    assert slice_score_bound([3.0], [1.0], 1.0, 5.0, 10.0, 2.0, 0.9)[0] == -np.inf


def test_what_is_out_of_range_is_refused():
    with pytest.raises(ValueError, match="alpha"):
        slice_score([1.0], [1.0], 10.0, 1.0, 0.0)
    with pytest.raises(ValueError, match=">= 0"):
        slice_score([-1.0], [1.0], 10.0, 1.0, 0.9)
