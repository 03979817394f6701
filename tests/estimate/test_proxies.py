"""Grades of proxies: what they are made of, and how often one that tells nothing is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadline.cells.fill import Cells
from leadline.cells.series import Series
from leadline.estimate.proxies import grade
from leadline.values import ProxyGrade, Window

WINDOW = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=28))


def series(day, flag, wrong, weight=None, mature=None, entity=None) -> Series:
    """The cells of rows of a binary model, each row a cell: predicted 1, and the label 0 where that is wrong."""
    n = len(day)
    known = np.asarray(flag) >= 0  # -1: the condition cannot be told
    w = np.ones(n) if weight is None else np.asarray(weight, float)
    x = np.where(known, flag, 0).astype(float)
    keys = {
        "grain": np.asarray(day, np.int64),
        "predicted": np.ones(n, np.int64),
        "actual": np.where(np.asarray(wrong) < 0, 2, 1 - np.asarray(wrong)).astype(np.int64),
        "mature": np.ones(n, np.int64) if mature is None else np.asarray(mature, np.int64),
    }
    if entity is not None:
        keys["group"] = np.asarray(entity, np.int64)
    sums = np.stack([known, known * w, known * w**2, w * x, w**2 * x, w**2 * x], axis=1).astype(float)
    cells = Cells(keys, np.ones(n, np.int64), w, w**2, {"proxy_p": sums})
    return Series({("total",): cells}, 0, max(int(np.max(day, initial=0)), 0), 2)


def graded(*rows, until: int = 28, **more) -> ProxyGrade:
    return grade("p", series(*rows, **more), until, WINDOW)


def world(seed: int, days: int = 28, rows: int = 60, tells: float = 0.0, uneven: float = 0.0):
    """Rows whose predictions are wrong, and meet the condition, with chances that differ from day to day."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows)
    wrong_share = 0.2 * np.exp(uneven * rng.standard_normal(days))
    flag_share = 0.1 * np.exp(uneven * rng.standard_normal(days))
    wrong = rng.random(len(day)) < np.minimum(wrong_share[day], 0.9)
    flag = rng.random(len(day)) < np.minimum(flag_share[day] + tells * wrong, 0.9)
    return day, flag.astype(int), wrong.astype(int)


def test_is_what_counting_says():
    day, flag, wrong = world(1, tells=0.2)
    rng = np.random.default_rng(2)
    weight = rng.integers(1, 9, len(day)) / 4
    flag[rng.random(len(day)) < 0.1] = -1
    wrong[rng.random(len(day)) < 0.1] = -1
    mature = day < 25
    found = graded(day, flag, wrong, weight=weight, mature=mature, until=25)
    some = mature & (flag >= 0) & (wrong >= 0)
    f, w, y = flag[some] == 1, weight[some], wrong[some] == 1
    assert found.n == some.sum()
    assert found.wrong == pytest.approx(w[y].sum() / w.sum())
    assert found.flagged == pytest.approx(w[f].sum() / w.sum())
    assert found.precision == pytest.approx(w[f & y].sum() / w[f].sum())
    assert found.recall == pytest.approx(w[f & y].sum() / w[y].sum())
    assert found.precision_low < found.precision < found.precision_high
    assert found.kept


def test_users_that_differ_widen_the_intervals():
    day, flag, wrong = world(3, tells=0.2)
    entity = np.where(
        wrong, np.random.default_rng(0).integers(0, 4, len(day)), np.random.default_rng(1).integers(0, 16, len(day))
    )
    plain, by_user = graded(day, flag, wrong), graded(day, flag, wrong, entity=entity)
    assert by_user.precision == plain.precision
    assert by_user.precision_high - by_user.precision_low > plain.precision_high - plain.precision_low


@pytest.mark.parametrize("uneven", [0.0, 0.5])
def test_of_proxies_that_tell_nothing_few_are_kept(uneven):
    """In 28 days, and in 5; measured .005 to .018 of 400."""
    for days in (28, 5):
        kept = sum(bool(graded(*world(seed, days, uneven=uneven), until=days).kept) for seed in range(400))
        print(f"{days} days, uneven {uneven}: {kept / 400:.4f} kept")
        assert kept <= 0.025 * 400 + 2 * np.sqrt(0.025 * 400)


def test_one_that_tells_is_kept_and_one_that_tells_the_contrary_is_not():
    assert graded(*world(5, tells=0.3)).kept
    day, flag, wrong = world(5, tells=0.3)
    against = graded(day, flag, 1 - wrong)
    assert against.kept is False
    assert against.precision_high < against.wrong


@pytest.mark.parametrize(
    ("flag", "wrong", "why"),
    [
        (0, 1, "no labelled row meets the condition"),
        (1, 0, "no prediction is wrong"),
        (-1, 1, "no row has a prediction, a label and what the condition needs"),
        (1, -1, "no row has a prediction, a label and what the condition needs"),
    ],
)
def test_what_cannot_be_graded_says_why(flag, wrong, why):
    found = graded(np.arange(20), np.full(20, flag), np.full(20, wrong), until=20)
    assert (found.kept, found.precision, found.why) == (None, None, why)


def test_no_mature_row_and_no_row_at_all():
    day, flag, wrong = world(1)
    assert graded(day, flag, wrong, until=0).why == "no row is old enough for its label"
    nothing = np.zeros(0, np.int64)
    assert graded(nothing, nothing, nothing, until=1).why.startswith("no row has a prediction")


def test_one_giant_weight_keeps_nothing():
    day, flag, wrong = world(1)
    weight = np.ones(len(day))
    weight[np.flatnonzero((flag == 1) & (wrong == 1))[0]] = 1e9
    assert graded(day, flag, wrong, weight=weight).kept is False
