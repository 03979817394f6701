"""Versions whose scores mean different things are told apart, and hardly ever those whose scores do not."""

from __future__ import annotations

import numpy as np

from leadline.estimate.calibrator import Calibrator, calibrator
from leadline.estimate.versions import differ
from leadline.metrics.expected import bin_scores, probability_bins
from leadline.metrics.sums import Histogram

BINS = probability_bins()
SCORES = bin_scores(BINS)
DAYS = 20


def version(
    rng: np.random.Generator,
    days: range,
    rows: int,
    moved: float = 0.0,
    of_days: float = 0.0,
    weight: float = 1.0,
    slope: float = 1.0,
) -> Histogram:
    """Labelled rows by day and bin.

    moved     by how many logits labels lie from what the scores say
    of_days   by how many more those of a day do, as a standard deviation
    slope     of the labels' logit by that of the score
    """
    found = np.zeros((2, DAYS, len(BINS)))
    for day in days:
        logit = 1.5 * rng.normal(size=rows) - 0.5
        meant = slope * logit + moved + of_days * rng.normal()
        label = (rng.random(rows) < 1 / (1 + np.exp(-meant))).astype(int)
        place = np.searchsorted(SCORES, 1 / (1 + np.exp(-logit))).clip(0, len(SCORES) - 1)
        np.add.at(found, (label, day, place), weight)
    none = np.zeros_like(found[0])
    return Histogram(found[0], found[1], weight * found[0], weight * found[1], none, BINS)


def together(*versions: Histogram) -> Calibrator:
    found = calibrator(sum((each.total() for each in versions[1:]), versions[0].total()))
    assert isinstance(found, Calibrator)
    return found


def told(*versions: Histogram) -> bool:
    return differ(together(*versions), versions)


def test_versions_that_surely_differ_are_told_apart():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        assert told(version(rng, range(DAYS), 200), version(rng, range(DAYS), 200, moved=1.0)), seed
        # one after the other
        assert told(version(rng, range(10), 400), version(rng, range(10, 20), 400, moved=1.0)), seed


def test_versions_whose_scores_are_only_steeper_differ_too():
    rng = np.random.default_rng(1)
    assert told(version(rng, range(DAYS), 300), version(rng, range(DAYS), 300, slope=0.3))


def test_versions_that_mean_the_same_are_not():
    wrong = {0.0: 0, 0.5: 0}
    for of_days in wrong:
        for seed in range(150):
            rng = np.random.default_rng(seed)
            pair = version(rng, range(12), 80, of_days=of_days), version(rng, range(12, 20), 120, of_days=of_days)
            wrong[of_days] += told(*pair)
    # a thousandth is promised; three of 150 would be 30 times that by chance once in a thousand such tests
    assert max(wrong.values()) <= 2


def test_weights_count_as_what_they_tell():
    """Rows that weigh four each are no more evidence than rows that weigh one."""
    pairs = []
    for weight in (1.0, 4.0):
        rng = np.random.default_rng(3)
        pairs.append([version(rng, range(DAYS), 30, moved=each, weight=weight) for each in (0.0, 0.25)])
    assert told(*pairs[0]) == told(*pairs[1])


def test_too_little_to_tell():
    rng = np.random.default_rng(4)
    few = version(rng, range(3), 500), version(rng, range(3, 6), 500, moved=1.5)
    assert not told(*few)  # six days of two versions
    assert not differ(together(few[0]), few[:1])
    assert not differ(together(few[0]), [])
