"""After how long labels have come: inferred from what a log knows as of a moment."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from leadline.estimate.maturity import inferred, label_names, written
from leadline.log.delays import DAY, EDGES, HOUR, Arrivals, LabelDelays

NAMES = label_names("binary", ())
STEPS = len(EDGES)


def arrivals(age: np.ndarray, delay: np.ndarray, label: np.ndarray, where=None) -> Arrivals:
    """Labels with their age and delay in seconds, of those that are known by now."""
    seen = delay <= age
    over = np.searchsorted(EDGES, age[seen], side="right")
    step = np.searchsorted(EDGES, delay[seen])
    counts = np.zeros((STEPS + 1, STEPS, 2))
    np.add.at(counts, (over[step < STEPS], step[step < STEPS], label[seen][step < STEPS]), 1)
    return Arrivals(where, counts)


def delays(age, delay, label, *slices: Arrivals) -> LabelDelays:
    known = int((delay <= age).sum())
    oldest = timedelta(seconds=float(age.max()))
    return LabelDelays((arrivals(age, delay, label), *slices), oldest, len(age), known)


def drawn(rng, n: int, days: float, slow, fast):
    """Negatives (0) with the delays of `slow`, a tenth of positives with those of `fast`; ages even over the days."""
    label = (rng.random(n) < 0.1).astype(int)
    return rng.uniform(0, days * DAY, n), np.where(label == 1, fast(n), slow(n)), label


def test_it_is_the_age_at_which_the_slowest_class_is_complete():
    rng = np.random.default_rng(0)
    found = drawn(rng, 20_000, 90, lambda n: np.full(n, 30.0 * DAY), lambda n: rng.exponential(5 * DAY, n))
    wait, note = inferred(delays(*found), NAMES)
    assert wait == timedelta(days=30)
    assert note.code == "maturity_inferred"
    assert "30d is inferred, after which 95 % of the negative labels have come (of the other class" in note.text


@pytest.mark.parametrize("mean", [0.05, 0.5, 2.0, 10.0])
def test_labels_that_are_not_in_yet_do_not_make_it_too_short(mean):
    """Of the labels that are in after 40 days 95 % came much earlier: a quantile of these is too short."""
    rng = np.random.default_rng(1)
    age, delay, label = drawn(
        rng, 60_000, 40, lambda n: rng.exponential(mean * DAY, n), lambda n: rng.exponential(mean * DAY, n)
    )
    wait, _ = inferred(delays(age, delay, label), NAMES)
    cut = 1 - np.exp(-40 / mean)  # later ones than the log is long are not seen
    true = -mean * np.log(1 - 0.95 * cut)
    step = max(1 / 24, 0.05 * true) if true <= 0.5 else 1 + 0.05 * true
    assert true - 0.02 * true <= wait / timedelta(days=1) <= true + step


def test_a_slower_slice_makes_it_longer_and_is_named():
    rng = np.random.default_rng(2)
    quick = drawn(rng, 5_000, 60, lambda n: np.full(n, 2.0 * DAY), lambda n: np.full(n, 2.0 * DAY))
    slow = drawn(rng, 2_000, 60, lambda n: np.full(n, 2.0 * DAY), lambda n: np.full(n, 20.0 * DAY))
    every = [np.concatenate(each) for each in zip(quick, slow, strict=True)]
    told = arrivals(*slow, where=("country", "DE"))
    wait, note = inferred(delays(*every, told), NAMES)
    assert wait == timedelta(days=20)
    quick_only, _ = inferred(delays(*quick), NAMES)
    assert quick_only == timedelta(days=2)
    wait, note = inferred(LabelDelays((arrivals(*quick), told), timedelta(days=60), 7000, 7000), NAMES)
    assert wait == timedelta(days=20)
    assert "of the positive labels of country=DE have come" in note.text


def test_hours_stay_hours_and_labels_that_are_there_at_once_need_no_wait():
    n = np.full(200, 1)
    age = np.linspace(0, 40 * DAY, 200)
    assert inferred(delays(age, 3.5 * HOUR * n, n), ("", ""))[0] == timedelta(hours=4)
    assert inferred(delays(age, 0 * n, n), ("", ""))[0] == timedelta()


def test_where_one_class_is_still_to_come_no_row_is_old_enough():
    rng = np.random.default_rng(3)
    age, delay, label = drawn(rng, 20_000, 20, lambda n: np.full(n, 30.0 * DAY), lambda n: rng.exponential(5 * DAY, n))
    wait, note = inferred(delays(age, delay, label), NAMES)
    assert wait == timedelta(days=20)
    assert "all labels so far are positive" in note.text
    assert inferred(delays(age, delay, label), NAMES, absence_means=True)[0] < timedelta(days=20)


def test_a_short_log_is_said():
    rng = np.random.default_rng(4)
    found = drawn(rng, 20_000, 12, lambda n: rng.exponential(9 * DAY, n), lambda n: rng.exponential(9 * DAY, n))
    assert (
        "The log goes back no more than 12d: later labels may not be seen yet."
        in inferred(delays(*found), NAMES)[1].text
    )


def test_few_labels_say_nothing():
    n = np.arange(49)
    wait, note = inferred(delays(n * DAY + DAY, n * 0.0, n % 2), NAMES)
    assert wait == timedelta()
    assert "49 labels are too few to infer it" in note.text


@pytest.mark.parametrize("days", [0.2, 1, 1.5, 30, 36525])
def test_written_is_read_as_no_less(days):
    from leadline.values import duration

    assert timedelta(days=days) <= duration(written(timedelta(days=days)))
