"""Delays that are promised, against delays that are simulated."""

from __future__ import annotations

import math

import numpy as np
import pytest

from leadline.stats.detection_delay import expected_delay, expected_looks, false_alarms_a_year
from leadline.stats.detector import evidence
from leadline.stats.growth import growth_of_gains, share_gains

BEFORE, AFTER = 26, 800


def simulated(limit, before, after, rows, phi, alpha=0.05, looks_a_year=52.0, runs=200):
    """Mean looks to the alarm in runs without one before the change, phi known."""
    random = np.random.default_rng(1)
    shares = np.repeat([before, after], [BEFORE, AFTER])
    if phi > 1:
        both = (rows - 1) / (phi - 1) - 1
        shares = random.beta(shares * both, (1 - shares) * both, (runs, BEFORE + AFTER))
    errors = random.binomial(rows, shares, (runs, BEFORE + AFTER))
    growth = growth_of_gains(np.stack([rows - errors, errors], axis=-1), share_gains(1 - limit))
    alarm = evidence(growth, np.full(growth.shape[:-1], phi), 1 / looks_a_year) >= math.log(1 / alpha)
    quiet = ~alarm[:, :BEFORE].any(axis=1)
    after_change = alarm[quiet, BEFORE:]
    assert after_change.any(axis=1).all()
    return float(after_change.argmax(axis=1).mean() + 1)


def grid(rows, factors):
    return [
        (limit, limit * kept, limit * factor, n, phi)
        for limit, kept in ((0.05, 0.8), (0.1, 0.8), (0.1, 1.0), (0.3, 0.9), (0.5, 0.8))
        for n in rows
        for phi in (1.0, 2.0, 3.0)
        for factor in factors
        if limit * factor < 0.95
    ]


def close(settings):
    ratios = []
    for setting in settings:
        told = expected_delay(*setting)
        if told <= 100:
            ratios.append(told / simulated(*setting))
    print(f"{len(ratios)} settings: {min(ratios):.2f} to {max(ratios):.2f}")
    assert min(ratios) > 0.7
    assert max(ratios) < 1.3


def test_delays_are_within_30_percent():
    close(grid((50, 2000), (1.2, 2.0)))


@pytest.mark.slow
def test_delays_are_within_30_percent_all_over():
    close(grid((50, 200, 1000, 2000), (1.1, 1.2, 1.5, 2.0, 3.0)))


@pytest.mark.parametrize(("alpha", "looks_a_year"), [(0.01, 52), (0.05, 365), (0.05, 12), (0.2, 52)])
def test_other_budgets_and_looks(alpha, looks_a_year):
    for setting in ((0.1, 0.08, 0.15, 200, 1.0), (0.3, 0.27, 0.4, 100, 2.0), (0.02, 0.01, 0.03, 1000, 1.0)):
        told = expected_delay(*setting, alpha, looks_a_year)
        assert told == pytest.approx(simulated(*setting, alpha, looks_a_year), rel=0.3)


def test_a_promise_that_is_kept_is_never_found_broken():
    assert expected_delay(0.1, 0.08, 0.1, 200) == math.inf
    assert expected_delay(0.1, 0.08, 0.02, 1e6) == math.inf


def test_a_change_smaller_than_any_bet_waits_for_luck():
    assert expected_delay(0.1, 0.08, 0.1001, 200) == math.inf
    assert expected_looks([-1.0, -1.0], [-0.1, 0.0], [1.0, 1.0]) == math.inf


def test_a_change_that_cannot_be_missed_takes_one_look():
    assert expected_delay(0.1, 0.0, 1.0, 1000) == pytest.approx(1)
    assert expected_delay(0.5, 0.1, 0.9, 5000, 3.0) == pytest.approx(1)


def test_what_makes_it_longer():
    base = {"limit": 0.1, "before": 0.08, "after": 0.15, "rows": 200.0}
    usual = expected_delay(**base)
    for more in ({"rows": 50.0}, {"after": 0.12}, {"overdispersion": 3.0}, {"alpha": 0.001}, {"looks_a_year": 365.0}):
        assert expected_delay(**base | more) > usual


def test_very_long_delays_are_told_without_being_summed_up():
    assert expected_looks([-1e-9], [1e-9], [1e-5]) > 1e6


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 1.0},
        {"before": 0.2},
        {"after": 1.2},
        {"rows": 0},
        {"overdispersion": 0.5},
        {"alpha": 0},
        {"looks_a_year": 0},
    ],
)
def test_what_cannot_be_planned_is_refused(wrong):
    with pytest.raises(ValueError, match=r"must|needed|in \[0, 1\]"):
        expected_delay(**{"limit": 0.1, "before": 0.08, "after": 0.15, "rows": 200} | wrong)
    with pytest.raises(ValueError, match="one growth"):
        expected_looks([1.0], [1.0, 2.0], [1.0])


def test_a_model_at_its_limit_uses_part_of_the_budget():
    """Simulated in test_detector_promise.py: .002 to .02 of runs in the first year for a budget of .05."""
    for alpha in (0.01, 0.05):
        told = false_alarms_a_year(alpha)
        assert 0 < told.at_limit < told.at_most == alpha
    with pytest.raises(ValueError, match="alpha"):
        false_alarms_a_year(0.0)
