"""Overdispersion: known before the look, right as often as it says, and not moved by changes and incidents."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from leadline.stats.overdispersion import LEARNING, MEMORY, confidence_among, overdispersion


def normal_looks(seed, runs, looks, phi=3.0):
    """Figures that vary `phi` times as much as their variance of 1 says."""
    return np.random.default_rng(seed).normal(0, phi**0.5, (runs, looks)), np.ones((runs, looks))


@pytest.mark.parametrize("confidence", [0.9, 0.983])
@pytest.mark.parametrize("looks", [LEARNING, 11, 14, 26, 52, 104, 150])
def test_phi_is_large_enough_as_often_as_promised(looks, confidence):
    figure, variance = normal_looks(1, 8000, looks + 1, phi=30.0)
    phi = overdispersion(figure, variance, confidence=confidence)[:, looks]
    under = np.mean(phi < 30)
    print(f"{under:.4f} of {1 - confidence:.3f}")
    assert under == pytest.approx(1 - confidence, abs=0.003 + 3 * np.sqrt(confidence * (1 - confidence) / 8000))


def test_phi_is_the_formula_of_its_docstring():
    figure, variance = normal_looks(2, 4, 31)
    variance = variance * np.random.default_rng(3).uniform(0.5, 2, variance.shape)
    steps, left = 29, 3
    squares = np.sort(np.diff(figure[:, :30]) ** 2 / (variance[:, 1:30] + variance[:, :29]))[:, : steps - left]
    largest = np.sort(np.random.default_rng(4).chisquare(1, (200_000, steps)))[:, -left:].sum(axis=1).mean()
    freedom = 2 * steps**2 / (3 * steps - 1) - 1.35 / steps - 0.9 * (left - 1)
    upper = squares.sum(axis=1) / (steps - largest) * freedom / chi2.ppf(0.1, freedom)
    assert np.allclose(overdispersion(figure, variance)[:, 30], np.maximum(upper, 1), rtol=2e-3)


def test_a_look_does_not_tell_of_itself_nor_of_later_ones():
    figure, variance = normal_looks(5, 1, 40)
    changed = figure.copy()
    changed[:, 25:] += 50
    before = overdispersion(figure, variance)[0]
    assert np.isnan(before[:LEARNING]).all()
    assert np.isfinite(before[LEARNING:]).all()
    assert np.array_equal(before[:26], overdispersion(changed, variance)[0, :26], equal_nan=True)


def test_looks_without_a_figure_are_passed_over():
    figure, variance = normal_looks(6, 3, 40)
    gaps, silent = np.full((3, 80), np.nan), np.full((3, 80), np.nan)
    gaps[:, ::2], silent[:, ::2] = figure, variance
    assert np.allclose(overdispersion(gaps, silent)[:, ::2], overdispersion(figure, variance), equal_nan=True)
    assert np.isnan(overdispersion(np.full(20, np.nan), np.full(20, np.nan))).all()


def test_what_is_long_ago_is_forgotten():
    figure, variance = normal_looks(7, 1, 2 * MEMORY)
    wild = figure.copy()
    wild[:, : MEMORY // 2] *= 20
    steady, moved = overdispersion(figure, variance)[0], overdispersion(wild, variance)[0]
    assert moved[MEMORY] > 5 * steady[MEMORY]
    assert moved[-1] == steady[-1]


def test_a_lasting_change_and_an_incident_leave_phi_about_as_it_was():
    figure, variance = normal_looks(8, 2000, 53, phi=1.0)
    steady = np.median(overdispersion(figure, variance)[:, 52])
    for start, end in ((30, 53), (30, 33), (30, 31)):
        moved = figure.copy()
        moved[:, start:end] += 40
        assert np.median(overdispersion(moved, variance)[:, 52]) < 1.3 * steady


def test_looks_without_errors_break_nothing():
    none = overdispersion(np.zeros(30), np.zeros(30))
    assert np.isfinite(none[LEARNING:]).all()
    assert none[-1] < 3
    suddenly = np.r_[np.zeros(20), np.ones(10)]
    assert np.isfinite(overdispersion(suddenly, np.zeros(30))[LEARNING:]).all()


def test_rare_errors_count_as_independent_ones():
    """Where looks have one error or none, steps have a mean square of 1, as the doc of a step without variance says."""
    random = np.random.default_rng(9)
    share = random.binomial(50, 0.02, (4000, 105)) / 50
    phi = overdispersion(share, share * (1 - share) / 50)
    assert 1.2 < np.median(phi[:, 104]) < 2.2


def test_a_floor_is_the_least():
    figure, variance = normal_looks(10, 1, 20, phi=0.1)
    floor = np.where(np.arange(20) % 2, 4.0, np.nan)
    with_floor = overdispersion(figure[0], variance[0], floor)
    plain = overdispersion(figure[0], variance[0])
    assert np.array_equal(with_floor, np.where(np.isnan(plain), np.nan, np.fmax(plain, floor)), equal_nan=True)
    assert (with_floor[7::2] == 4).all()


def test_one_stream_is_as_one_of_many():
    figure, variance = normal_looks(11, 6, 30)
    together = overdispersion(figure.reshape(2, 3, 30), variance.reshape(2, 3, 30))
    assert np.array_equal(together[1, 2], overdispersion(figure[5], variance[5]), equal_nan=True)
    assert overdispersion(np.zeros(0), np.zeros(0)).shape == (0,)


def test_more_streams_need_more_confidence():
    found = [confidence_among(n) for n in (1, 5, 50, 1000)]
    assert found == sorted(found)
    assert found[0] == 0.9
    with pytest.raises(ValueError, match="stream"):
        confidence_among(0)


@pytest.mark.parametrize(
    ("figure", "variance", "confidence"),
    [([0.1], [-1.0], 0.9), ([0.1], [np.nan], 0.9), ([np.inf], [1.0], 0.9), ([0.1], [1.0], 1.0)],
)
def test_what_tells_nothing_of_spread_is_refused(figure, variance, confidence):
    with pytest.raises(ValueError, match="must"):
        overdispersion(figure, variance, confidence=confidence)
