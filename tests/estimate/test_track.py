"""The record: bands against brute force and simulated coverage; withdrawal when the constant is better."""

from __future__ import annotations

import math

import numpy as np
import pytest

from leadline.estimate.track import KEPT, LEAST, conformal_width, covered, kept, loses


@pytest.mark.parametrize("count", [20, 33, 40])
@pytest.mark.parametrize("level", [0.90, 0.95])
def test_the_band_is_the_ceiling_of_the_rank(count, level):
    errors = np.random.default_rng(count).permutation(np.arange(1.0, count + 1))
    assert conformal_width(errors, level) == math.ceil((count + 1) * level - 1e-9)


def test_no_band_from_few_windows():
    assert conformal_width(np.ones(LEAST - 1), 0.9) is None
    assert conformal_width(np.ones(LEAST), 0.99) is None


def test_the_band_covers_what_it_says():
    rng = np.random.default_rng(3)
    held = []
    for _ in range(4000):
        errors = np.abs(rng.standard_t(3, KEPT + 1))
        held.append(errors[-1] <= conformal_width(errors[:-1], 0.9))
    assert 0.89 <= np.mean(held) <= 0.92


def test_only_the_last_windows_and_known_ones_count():
    estimates = np.concatenate([np.full(30, 100.0), np.full(45, 1.5)])
    figures = np.ones(75)
    figures[-3:] = np.nan
    found = kept(estimates, figures, 3.0, np.ones(75))
    assert (found.windows, found.error, found.constant) == (40, 0.5, 2.0)
    assert found.band == found.half == 0.5
    assert kept(np.array([np.nan]), np.array([1.0]), 1.0, np.ones(1)).windows == 0


def test_windows_of_few_rows_have_wider_bands_and_count_for_what_they_tell():
    """Errors that shrink as 1/sqrt(rows): covered alike in small and in usual windows."""
    rng = np.random.default_rng(6)
    held = {50: [], 800: []}
    for _ in range(3000):
        rows = rng.choice([100.0, 400.0, 400.0, 400.0], KEPT)
        errors = rng.normal(size=KEPT) / np.sqrt(rows)
        for count, each in held.items():
            band = kept(errors, np.zeros(KEPT), np.nan, rows, count).band
            each.append(abs(rng.normal() / np.sqrt(count)) <= band)
    assert 0.88 <= np.mean(held[50]) <= 0.92
    assert np.mean(held[800]) >= 0.90  # no narrower than a usual window's: part of an error does not shrink with rows
    one_row = kept(errors, np.zeros(KEPT), np.nan, rows, 1)
    usual = kept(errors, np.zeros(KEPT), np.nan, rows)
    assert one_row.half == pytest.approx(20 * usual.half)


def test_an_estimator_withdraws_when_the_constant_is_better_by_more_than_chance():
    rng = np.random.default_rng(4)
    figures = 0.8 + 0.01 * rng.normal(size=60)
    assert kept(figures + 0.03 * rng.normal(size=60), figures, 0.8, np.ones(60)).withdrawn
    assert not kept(figures + 0.005 * rng.normal(size=60), figures, 0.8, np.ones(60)).withdrawn
    assert not kept(figures + 0.03 * rng.normal(size=60), figures, math.nan, np.ones(60)).withdrawn
    assert not loses(np.full(LEAST - 1, 9.0), np.ones(LEAST - 1))


def test_an_estimator_that_is_as_good_as_the_constant_is_rarely_withdrawn():
    rng = np.random.default_rng(5)
    withdrawn = []
    for _ in range(500):
        figures = rng.normal(size=40)
        withdrawn.append(kept(0.1 * rng.normal(size=40), figures, 0.1 * rng.normal(), np.ones(40)).withdrawn)
    assert np.mean(withdrawn) <= 0.10


def test_the_record_counts_bands_that_there_were():
    estimates, figures = np.zeros(5), np.array([0.0, 1.0, 2.0, np.nan, 0.5])
    bands = np.array([np.nan, 1.0, 1.0, 1.0, 1.0])
    assert covered(estimates, figures, bands) == (3, pytest.approx(2 / 3))
    assert covered(estimates, figures, np.full(5, np.nan)) == (0, None)
