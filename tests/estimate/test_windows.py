"""Which of two estimators is used, and with which ends."""

from __future__ import annotations

import numpy as np

from leadline.estimate.windows import LEAST_OF_PAIRS, MOST_DRAWN, made, to_draw, with_ends
from leadline.metrics import build

ACCURACY = build("accuracy", "binary")
WINDOWS = 60
ROWS = np.full(WINDOWS, 500.0)
KNOWN = [max(place - 5, 0) for place in range(WINDOWS)]


def figures(seed: int = 1) -> np.ndarray:
    return 0.8 + 0.02 * np.random.default_rng(seed).normal(size=WINDOWS)


def test_the_finer_estimator_is_used_until_it_was_materially_worse():
    truth = figures()
    noise = np.random.default_rng(2).normal(size=WINDOWS)
    plain, worse, hardly = truth + 0.01 * noise, truth + 0.02 * noise, truth + 0.0105 * noise
    found = made(plain, worse, truth, 0.8, ROWS, KNOWN)
    assert found.refined[: LEAST_OF_PAIRS + 5].all()
    assert not found.refined[-20:].any()
    assert np.where(found.refined, worse, plain).tolist() == found.value.tolist()
    assert made(plain, hardly, truth, 0.8, ROWS, KNOWN).refined.all()  # surely worse, but by a twentieth
    assert made(plain, truth, truth, 0.8, ROWS, KNOWN).refined.all()
    assert not made(plain, None, truth, 0.8, ROWS, KNOWN).refined.any()


def test_windows_without_a_record_are_drawn_the_newest_first():
    truth = figures()
    found = made(truth, None, truth, 0.8, ROWS, KNOWN)
    assert to_draw([found]).tolist() == list(range(25))  # 20 have matured when window 25 ends
    never = made(np.full(300, 0.8), None, np.full(300, np.nan), 0.8, np.ones(300), [0] * 300)
    assert to_draw([never]).tolist() == list(range(300 - MOST_DRAWN, 300))
    assert to_draw([]).tolist() == []


def test_ends_come_from_the_record_or_from_draws_and_keep_to_the_range():
    truth = figures()
    found = made(truth + 0.01, None, truth, 0.8, ROWS, KNOWN)
    drawn = to_draw([found])
    spread = np.full(25, -0.5), np.full(25, 0.5)
    ends = with_ends(ACCURACY, found, drawn, spread)
    assert (ends.high[:25] == 1.0).all()
    assert np.allclose(ends.high[25:] - ends.value[25:], 0.01)
    assert np.allclose(ends.value[25:] - ends.low[25:], 0.01)
    assert (ends.band_windows, ends.band_covered) == (35, 1.0)
    assert np.isnan(with_ends(ACCURACY, found, drawn, None).low[:25]).all()
