"""Which of several estimators is used, and with which ends."""

from __future__ import annotations

import numpy as np

from leadline.estimate.windows import LEAST_OF_PAIRS, MOST_DRAWN, Estimator, Made, made, to_draw, with_ends
from leadline.metrics import build

ACCURACY = build("accuracy", "binary")
WINDOWS = 60
ROWS = np.full(WINDOWS, 500.0)
KNOWN = [max(place - 5, 0) for place in range(WINDOWS)]


def figures(seed: int = 1) -> np.ndarray:
    return 0.8 + 0.02 * np.random.default_rng(seed).normal(size=WINDOWS)


ESTIMATORS = (Estimator("plain"), Estimator("finer"), Estimator("finest", earned=True))


def of(*values: np.ndarray) -> Made:
    return made(ESTIMATORS, np.stack(values), figures(), 0.8, ROWS, KNOWN)


def test_the_finer_estimator_is_used_until_it_was_materially_worse():
    truth = figures()
    noise = np.random.default_rng(2).normal(size=WINDOWS)
    plain, worse, hardly = truth + 0.01 * noise, truth + 0.02 * noise, truth + 0.0105 * noise
    found = of(plain, worse)
    assert found.chosen[: LEAST_OF_PAIRS + 5].all()
    assert not found.chosen[-20:].any()
    assert np.where(found.chosen == 1, worse, plain).tolist() == found.value.tolist()
    assert of(plain, hardly).chosen.all()  # surely worse, but by a twentieth
    assert of(plain, truth).chosen.all()
    assert not of(plain).chosen.any()


def test_an_estimator_that_has_to_earn_its_use_is_not_used_before_it_was_materially_better():
    truth = figures()
    noise = np.random.default_rng(2).normal(size=WINDOWS)
    finer, better, hardly = truth + 0.02 * noise, truth + 0.01 * noise, truth + 0.0195 * noise
    found = of(truth + 0.03 * noise, finer, better)
    assert (found.chosen[: LEAST_OF_PAIRS + 5] == 1).all()
    assert (found.chosen[-20:] == 2).all()
    assert np.where(found.chosen == 2, better, finer).tolist() == found.value.tolist()
    assert (of(finer, finer, hardly).chosen == 1).all()  # surely better, but by a fortieth
    # it is compared with what would else be used: here the plain one, once the finer one has lost to it
    plain_again = of(truth + 0.0105 * noise, finer, better).chosen
    assert set(plain_again.tolist()) <= {0, 1}
    assert (plain_again[-20:] == 0).all()


def test_an_estimator_is_not_used_nor_judged_where_it_has_nothing_to_say():
    truth = figures()
    noise = np.random.default_rng(2).normal(size=WINDOWS)
    plain, better = truth + 0.02 * noise, truth + 0.01 * noise
    every_third = np.where(np.arange(WINDOWS) % 3 == 0, better, np.nan)
    found = of(plain, plain, every_third)
    used = found.chosen == 2
    assert used[-20:].sum() == np.isfinite(every_third[-20:]).sum() > 0
    assert not used[np.isnan(every_third)].any()
    assert not used[: 3 * LEAST_OF_PAIRS].any()  # eight windows that it estimated have to have matured
    assert np.isfinite(found.value).all()


def test_windows_without_a_record_are_drawn_the_newest_first():
    truth = figures()
    found = of(truth)
    assert to_draw([found]).tolist() == list(range(25))  # 20 have matured when window 25 ends
    never = made(ESTIMATORS, np.full((1, 300), 0.8), np.full(300, np.nan), 0.8, np.ones(300), [0] * 300)
    assert to_draw([never]).tolist() == list(range(300 - MOST_DRAWN, 300))
    assert to_draw([]).tolist() == []


def test_ends_come_from_the_record_or_from_draws_and_keep_to_the_range():
    truth = figures()
    found = of(truth + 0.01)
    drawn = to_draw([found])
    spread = np.full(25, -0.5), np.full(25, 0.5)
    ends = with_ends(ACCURACY, found, drawn, spread)
    assert (ends.high[:25] == 1.0).all()
    assert np.allclose(ends.high[25:] - ends.value[25:], 0.01)
    assert np.allclose(ends.value[25:] - ends.low[25:], 0.01)
    assert (ends.band_windows, ends.band_covered) == (35, 1.0)
    assert np.isnan(with_ends(ACCURACY, found, drawn, None).low[:25]).all()
