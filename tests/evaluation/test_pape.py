"""Leaf-PAPE from end to end: where it is used, when, and what its use says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import leadline
from leadline.estimate.windows import LEAST_OF_PAIRS
from leadline.evaluation.run import evaluate_log
from leadline.spec.load import from_mapping

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, REFERENCE, ROWS, MOVED, KINDS = 45, 10, 1_000, 15, 10


def log(seed: int = 1, tilt: float = 1.5) -> tuple[pa.Table, pa.Table]:
    """Ten kinds of rows, whose scores are too high for the first and too low for the last, and whose shares move.

    Each has about 120 rows in a score bin of the reference, so that half of what a leaf adds is drawn towards 0.

    tilt   from day 15 on the share of a kind is exp(tilt · z), z from -1 to 1
    """
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(DAYS), ROWS)
    z = np.linspace(-1, 1, KINDS)
    share = np.exp(tilt * z) / np.exp(tilt * z).sum()
    kind = np.where(day >= MOVED, rng.choice(KINDS, len(day), p=share), rng.integers(0, KINDS, len(day)))
    score = 1.5 * rng.normal(size=len(day)) - 0.5
    label = rng.random(len(day)) < 1 / (1 + np.exp(-(score + 1.2 * z[kind])))
    times = [START + timedelta(days=int(each), seconds=place % ROWS) for place, each in enumerate(day)]
    predictions = pa.table(
        {
            "id": np.arange(len(day)),
            "at": times,
            "score": 1 / (1 + np.exp(-score)),
            "kind": [f"kind {each}" for each in kind],
        }
    )
    known = [time + timedelta(days=3) for time in times]
    outcomes = pa.table({"id": np.arange(len(day)), "label": label, "known": known})
    return predictions, outcomes.filter(pa.array(day + 3 < DAYS))


def declared(predictions: pa.Table, outcomes: pa.Table) -> dict[str, Any]:
    return {
        "version": 1,
        "model": "kinds",
        "task": "binary",
        "predictions": {
            "source": predictions,
            "columns": {"id": "id", "timestamp": "at", "score": "score"},
            "features": ["kind"],
        },
        "outcomes": {
            "source": outcomes,
            "columns": {"id": "id", "value": "label", "observed_at": "known"},
            "matures_after": "3d",
        },
        "timezone": "UTC",
        "window": "1d",
        "metrics": ["roc_auc", "precision", "recall", "brier"],
        "reference": {"until": START + timedelta(days=REFERENCE)},
    }


def by_day(result: leadline.Result, metric: str) -> list[tuple[str, float, Any]]:
    """Estimator, estimate and figure of labels of each window after the reference."""
    mine = [each for each in result.estimates if each["metric"] == metric]
    figures = {each["window_start"]: each["value"] for each in mine if not each["estimator"]}
    return [(each["estimator"], each["value"], figures[each["window_start"]]) for each in mine if each["estimator"]]


@pytest.fixture(scope="module")
def moved() -> leadline.Result:
    return leadline.check(declared(*log()))


def figures(**more: Any) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """What each estimator expects by metric and window, what labels show, and the metrics' names."""
    without = evaluate_log(from_mapping(declared(*log(**more)))).without_labels
    ranges = [(day, day + 1) for day in range(REFERENCE, DAYS)]
    shown = [
        [metric.value(metric.parts(without.sums)[begin:after].sum(axis=0)) for begin, after in ranges]
        for metric in without.fitted_metrics
    ]
    return without.figures(ranges), np.array(shown), [metric.name for metric in without.fitted_metrics]


def test_a_planted_shift_is_followed_where_a_leaf_alone_cannot_follow_it():
    expected, shown, names = figures()
    assert expected.shape == (3, len(names), DAYS - REFERENCE)
    assert np.isnan(expected[2, :, : MOVED - REFERENCE]).all()  # nothing has moved yet
    assert np.isfinite(expected[2, :, MOVED - REFERENCE :]).all()
    errors = dict(zip(names, np.abs(expected - shown)[..., MOVED - REFERENCE : -3].mean(-1).T, strict=True))
    for metric, of_plain, of_leaf in (("precision", 0.3, 0.5), ("brier", 0.4, 0.7), ("recall", 0.5, 1.0)):
        plain, by_leaf, weighted = errors[metric]
        assert weighted < of_plain * plain, metric
        assert weighted < of_leaf * by_leaf, metric


@pytest.mark.parametrize("tilt", [0.0, 5.0], ids=["nothing moved", "too much moved"])
def test_the_gate_is_shut_without_a_shift_and_in_too_large_a_one(tilt):
    expected, _, _ = figures(tilt=tilt)
    assert np.isnan(expected[2]).all()
    assert np.isfinite(expected[:2]).all()


def test_it_is_used_once_it_was_better_and_says_so(moved):
    said = [estimator for estimator, _, _ in by_day(moved, "precision")]
    first = said.index("leaf_pape")
    # eight windows that moved have to have matured, which takes three days
    assert first == MOVED - REFERENCE + LEAST_OF_PAIRS + 2
    assert set(said[:first]) == {"leaf_cbpe"}
    assert set(said[first:]) == {"leaf_pape"}
    (found,) = [each for each in moved.track_record if each["metric"] == "precision"]
    assert (found["estimator"], found["status"]) == ("leaf_pape", "in_use")
    errors = np.array([abs(value - figure) for _, value, figure in by_day(moved, "precision")[:-3]])
    assert errors[first:].mean() < 0.4 * errors[MOVED - REFERENCE : first].mean()
    for estimate in moved.estimates:
        if estimate["estimator"] == "leaf_pape":
            assert estimate["low"] <= estimate["value"] <= estimate["high"]


def test_what_was_chosen_then_is_what_is_chosen_now(moved):
    earlier = by_day(leadline.check(declared(*log()), as_of=START + timedelta(days=40)), "precision")
    now = by_day(moved, "precision")
    days = len(earlier) - 1  # the last day is not over
    assert days == 40 - REFERENCE
    assert [each[0] for each in earlier[:days]] == [each[0] for each in now[:days]]
    assert "leaf_pape" in [each[0] for each in earlier[:days]]
    assert [each[1] for each in earlier[:days]] == pytest.approx([each[1] for each in now[:days]], abs=1e-12)


def test_what_inputs_explain_does_not_depend_on_a_record(moved):
    found = evaluate_log(from_mapping(declared(*log())))
    without, latest = found.without_labels, (REFERENCE, DAYS - 3)
    names = [metric.name for metric in without.fitted_metrics]
    by_leaf = without.figures([latest])[1, names.index("brier"), 0]
    assert without.expected(latest)[names.index("brier")] == by_leaf
    (change,) = [each for each in moved.content.changes if each.metric == "brier"]
    assert change.value - change.by_labels == pytest.approx(by_leaf)
