"""The usual rules, against loops over rows; and when an alarm is called a false one."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.objectives.backtest import (
    LEAST,
    Looked,
    beyond_threshold,
    cried_wolf,
    differs_by_p,
    first_wrong,
    outside_three_sigma,
    reference_looks,
)
from leadline.values import Target, Undefined

counts = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=12, max_size=30)


def shares(hits_and_misses: list[tuple[int, int]]) -> Looked:
    """Looks at a share, from hits and misses."""
    hits, misses = np.array(hits_and_misses, dtype=np.float64).T
    rows = hits + misses
    share = np.divide(hits, rows, out=np.full(len(rows), np.nan), where=rows > 0)
    variance = np.divide(share * (1 - share), rows, out=np.full(len(rows), np.nan), where=rows > 0)
    return Looked(share, share, variance, rows)


@given(counts, st.integers(3, 9))
def test_three_sigma_is_that_of_the_looks_learnt_from(looks, after):
    figure = shares(looks).figure
    known = [each for each in figure[:after].tolist() if not math.isnan(each)]
    if len(known) < LEAST:
        return
    fires = outside_three_sigma(figure, after).tolist()
    mean, deviation = statistics.fmean(known), statistics.pstdev(known)
    for look, each in enumerate(figure.tolist()):
        off = abs(each - mean)
        if math.isnan(each) or look < after:
            assert not fires[look]
        elif abs(off - 3 * deviation) > 1e-9:  # equal but for rounding: either is right
            assert fires[look] == (off > 3 * deviation)


@given(counts, st.integers(3, 9))
def test_p_is_that_of_two_shares_of_independent_rows(looks, after):
    known = [each for each in looks[:after] if sum(each)]
    if not known:
        return
    fires = differs_by_p(shares(looks), after).tolist()
    rows = sum(hits + misses for hits, misses in known)
    usual = sum(hits for hits, _ in known) / rows
    # of each look's own share: what looks share is no variance of theirs
    spread = sum(hits * misses / (hits + misses) for hits, misses in known) / rows**2
    for look, (hits, misses) in enumerate(looks):
        if look < after or not hits + misses:
            assert not fires[look]
            continue
        share = hits / (hits + misses)
        error = math.sqrt(share * (1 - share) / (hits + misses) + spread)
        off = abs(share - usual)
        if abs(off - 1.959964 * error) > 1e-6:
            assert fires[look] == (off > 1.959964 * error)


def test_p_fires_about_once_in_twenty_healthy_looks():
    random = np.random.default_rng(1)
    hits = random.binomial(400, 0.8, size=4_000)
    fires = differs_by_p(shares([(int(each), 400 - int(each)) for each in hits]), 1_000)
    assert 0.04 < fires[1_000:].mean() < 0.065


def test_the_target_itself_keeps_the_promise_and_no_figure_breaks_it():
    figure = np.array([0.6, 0.59, np.nan, 0.7])
    assert beyond_threshold(figure, Target("at_least", 0.6)).tolist() == [False, True, False, False]
    assert beyond_threshold(figure, Target("at_most", 0.6)).tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("figures", "inside", "expected"),
    [
        (12, 3, (3, 3)),  # the declared reference
        (12, 2, (3, 3)),  # too short: the first quarter
        (12, 0, (3, 3)),
        (12, 12, (12, 12)),  # all of it: nothing is left to fire on
        (11, 0, None),
        (11, 2, None),
        (0, 0, None),
    ],
)
def test_a_rule_learns_from_the_declared_reference_else_from_the_first_quarter(figures, inside, expected):
    found = reference_looks(np.full(figures, 0.5), inside)
    assert isinstance(found, Undefined) if expected is None else found == expected


def test_looks_without_a_figure_do_not_count_for_a_reference():
    figure = np.where(np.arange(16) % 2 == 0, np.nan, 0.5)
    assert reference_looks(figure, 8) == (8, 4)
    found = reference_looks(figure, 0)
    assert isinstance(found, Undefined)
    assert "has 2 with a figure" in found.why


@given(st.lists(st.sampled_from([True, False, None]), max_size=12), st.integers(1, 5))
def test_an_alarm_cries_wolf_if_every_window_around_it_kept_the_promise(wrong, span):
    found = cried_wolf(wrong, span)
    for look in range(len(wrong)):
        # every stretch of `span` looks that holds this one, by its last look; None for what nobody knows yet
        ends = [end for end in range(len(wrong) + span) if end - span < look <= end]
        around = [wrong[end] if end < len(wrong) else None for end in ends]
        if True in around:
            assert found[look] is False
        elif None in around:
            assert found[look] is None
        else:
            assert found[look] is True


@given(st.lists(st.floats(0, 1), max_size=10), st.integers(0, 10), st.integers(0, 10))
def test_the_first_wrong_window_is_the_first_one(figures, since, after):
    found = first_wrong(np.array(figures), Target("at_least", 0.5), since, after)
    assert found == next((look for look in range(since, min(after, len(figures))) if figures[look] < 0.5), None)
