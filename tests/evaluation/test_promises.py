"""No worse than the reference: the limit is made of the reference alone, once, and judged from there on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

import leadline
from evaluation.small import spec
from leadline.evaluation.judging import Judging
from leadline.evaluation.run import evaluate_log
from leadline.values import InputError, Target

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
UNTIL = MONDAY + timedelta(weeks=4)
PROMISE = {"metric": "recall", "no_worse_than": "reference", "by": 0.02, "window": "28d"}


def log(weeks: Sequence[float], a_day: int = 40, seed: int = 0, **columns: Any) -> list[dict[str, Any]]:
    """Rows of positives, of which a share is missed: one share for each week."""
    random = np.random.default_rng(seed)
    return [
        {"id": f"{seed}-{day}-{place}", "timestamp": MONDAY + timedelta(days=day, minutes=20 * place),
         "prediction": bool(random.random() >= weeks[day // 7]), "label": True,
         "observed_at": MONDAY + timedelta(days=day, minutes=20 * place + 30), **columns}
        for day in range(7 * len(weeks)) for place in range(a_day)
    ]  # fmt: skip


def declared(rows: Sequence[dict[str, Any]], *objectives: dict[str, Any], **more: Any) -> Any:
    """A declaration of rows that hold their own labels, with a reference of four weeks."""
    parts = {"metrics": ["recall"], "reference": {"until": UNTIL.isoformat()}, "matures_after": "1d"} | more
    return spec(rows, objectives=list(objectives), **parts)


def judged(of: Any, weeks: int) -> dict[str, Any]:
    """The only judgement after some weeks, as the document shows it."""
    (found,) = leadline.check(of, as_of=MONDAY + timedelta(weeks=weeks, days=1)).objectives
    return dict(found)


# The limit ----------------------------------------------------------------------------------------------------------


def test_the_limit_is_the_worse_end_of_the_reference_s_own_interval_and_the_tolerance() -> None:
    rows = log([0.2] * 4 + [0.1] * 6)
    alone = judged(declared(rows, {"metric": "recall", "at_least": 0.5, "window": "28d"}), 4)
    assert alone["window_end"] == "2024-01-29T00:00:00Z"
    said = judged(declared(rows, PROMISE), 10)
    assert said["target"] == {
        "at_least": pytest.approx(alone["low"] - 0.02, abs=1e-12),
        "no_worse_than": "reference",
        "by": 0.02,
    }


def test_of_a_loss_the_limit_lies_above() -> None:
    random = np.random.default_rng(1)
    rows = [
        {"id": f"{day}-{place}", "timestamp": MONDAY + timedelta(days=day, minutes=place), "prediction": 5.0,
         "label": 5.0 + random.exponential(1.0 if day < 56 else 3.0)}
        for day in range(84) for place in range(30)
    ]  # fmt: skip
    promise = {**PROMISE, "metric": "mae", "by": 0.5}
    of = declared(rows, promise, task="regression", metrics=["mae"])
    said = judged(of, 12)
    mean = np.mean([abs(each["label"] - 5.0) for each in rows[: 28 * 30]])
    assert mean + 0.5 < said["target"]["at_most"] < mean + 0.8
    assert said["status"] == "breached"
    assert said["since"] == "2024-02-25T00:00:00Z"  # labels are due a day later, from Monday on


def test_each_slice_is_compared_with_its_own_reference() -> None:
    rows = log([0.1] * 12, carrier="good") + log([0.5] * 4 + [0.52] * 8, seed=1, carrier="bad")
    rows += log([0.5] * 12, 1, seed=2, carrier="few")
    of = declared(rows, {**PROMISE, "by": 0.05, "slices": ["carrier"]}, slices=["carrier"])
    found = {str(each["slice"]): each for each in leadline.check(of, as_of=MONDAY + timedelta(weeks=12)).objectives}
    good, bad = (found[f"{{'carrier': '{name}'}}"] for name in ("good", "bad"))
    assert 0.78 < good["target"]["at_least"] < 0.86
    assert 0.37 < bad["target"]["at_least"] < 0.46
    assert (good["status"], bad["status"]) == ("holds", "holds")
    few = found["{'carrier': 'few'}"]
    assert few["status"] == "undefined"
    assert few["why"] == "28 reference labels, at least 30 are needed"
    assert few["target"] == {"no_worse_than": "reference", "by": 0.05}


def test_a_limit_that_could_not_be_broken_is_no_promise_that_holds() -> None:
    said = judged(declared(log([0.9] * 8), {**PROMISE, "by": 0.5}), 8)
    assert said["status"] == "undefined"
    assert said["why"] == "a limit that far from the reference could not be broken"


# The detector -------------------------------------------------------------------------------------------------------


def test_a_model_that_got_worse_is_found_and_one_that_did_not_is_not() -> None:
    worse = judged(declared(log([0.1] * 10 + [0.35] * 4), PROMISE), 14)
    assert worse["status"] == "breached"
    assert worse["since"] == "2024-03-10T00:00:00Z"
    same = judged(declared(log([0.1] * 14), PROMISE), 14)
    assert (same["status"], same["breaches"]) == ("holds", [])


def test_looks_of_the_reference_made_the_limit_and_are_no_evidence() -> None:
    # two bad weeks in the reference: judged by its own limit it would be broken there
    rows = log([0.1, 0.1, 0.9, 0.9] + [0.1] * 8)
    of = declared(rows, PROMISE)
    evaluation = evaluate_log(of, MONDAY + timedelta(weeks=12, days=1))
    (watch,) = Judging(evaluation).watched(evaluation.spec.objectives[0]).values()
    # labels are due a day later, so the fifth look, from Monday to Monday, has still rows of the reference
    assert np.isneginf(watch.story.evidence[:5]).all()
    assert np.isfinite(watch.stream.phi[5:]).all()
    assert judged(of, 12)["breaches"] == []


def test_one_run_says_what_earlier_runs_said_though_labels_come_late_and_are_corrected() -> None:
    rows = log([0.1] * 8 + [0.4] * 6)
    predictions = [{key: each[key] for key in ("id", "timestamp", "prediction")} for each in rows]
    labels = [{key: each[key] for key in ("id", "label", "observed_at")} for each in rows]
    for each in labels[: 28 * 40 : 3]:  # in the reference: three weeks late, and other labels then
        each["observed_at"] += timedelta(days=21)
        each["label"] = False
    parts = {"metrics": ["recall"], "reference": {"until": UNTIL.isoformat()}, "matures_after": "1d"}
    of = spec(predictions, labels, objectives=[PROMISE], **parts)
    said = [judged(of, weeks) for weeks in (5, 8, 11, 14)]
    assert len({each["target"]["at_least"] for each in said}) == 1
    last = said[-1]["breaches"]
    assert len(last) == 1
    for weeks, each in zip((5, 8, 11, 14), said, strict=True):
        then = (MONDAY + timedelta(weeks=weeks, days=1)).isoformat()
        assert [found["found"] for found in each["breaches"]] == [
            found["found"] for found in last if found["found"] <= then
        ]


def test_objectives_of_one_metric_do_not_mix() -> None:
    rows = log([0.1] * 8 + [0.35] * 6)
    limit = judged(declared(rows, PROMISE), 14)["target"]["at_least"]
    promises = [
        PROMISE,
        {"metric": "recall", "at_least": limit, "window": "28d"},
        {"metric": "recall", "at_least": limit, "window": "3d"},
        {"metric": "recall", "at_least": limit, "window": "28d", "look": "14d"},
        {**PROMISE, "by": 0.3},
        {**PROMISE, "window": "7d", "rule": "interval"},
    ]
    of = declared(rows, *promises)
    together = [dict(each) for each in leadline.check(of, as_of=MONDAY + timedelta(weeks=14, days=1)).objectives]
    alone = [judged(declared(rows, promise), 14) for promise in promises]
    assert together == alone
    evaluation = evaluate_log(of, MONDAY + timedelta(weeks=14, days=1))
    judging = Judging(evaluation)
    watched = [watch for promise in evaluation.spec.objectives[:4] for watch in judging.watched(promise).values()]
    fed = [int(np.isfinite(watch.story.evidence).sum()) for watch in watched]
    assert fed[:2] == [9, 14]
    assert fed[2] > 90
    assert fed[3] in (6, 7)


# Nothing to compare with --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weeks", "more", "status", "why"),
    [
        (2, {}, "undefined", "the reference's labels are due on 2024-01-30"),
        (8, {"reference": {"until": "2023-12-01"}}, "undefined", "no rows before 2023-12-01, where the reference ends"),
        (8, {"reference": {"until": "2024-01-01T12:00:00"}}, "undefined", "no rows before 2024-01-01 12:00"),
        (4, {}, "no_data", "no row after the reference is old enough for its label"),
    ],
)
def test_where_there_is_nothing_to_compare_with_it_says_why(
    weeks: int, more: dict[str, Any], status: str, why: str
) -> None:
    said = judged(declared(log([0.1] * 8), PROMISE, **more), weeks)
    assert said["status"] == status
    assert why in said["why"]
    assert said["value"] is None


def test_a_reference_without_positives_has_no_recall() -> None:
    rows = log([0.1] * 8)
    for each in rows[: 28 * 40]:
        each["label"] = False
    assert "0 reference labels" in judged(declared(rows, PROMISE), 8)["why"]


def test_without_labels_it_is_undefined() -> None:
    rows = [{key: each[key] for key in ("id", "timestamp", "prediction")} for each in log([0.1] * 8)]
    of = spec(rows, objectives=[PROMISE], reference={"until": UNTIL.isoformat()}, metrics=["predicted_positive_rate"])
    (said,) = leadline.check(of).objectives
    assert (said["status"], said["why"]) == ("undefined", "no outcomes are declared")


def test_one_giant_weight_is_no_reference() -> None:
    rows = log([0.1] * 8)
    for number, each in enumerate(rows):
        each["weight"] = 1e9 if number == 7 else 1.0
    assert "1 reference labels" in judged(declared(rows, PROMISE), 8)["why"]


# What is shown ------------------------------------------------------------------------------------------------------


def test_reports_say_what_the_limit_was_made_from() -> None:
    rows = log([0.1] * 8 + [0.35] * 4, carrier="B6") + log([0.1] * 12, 1, seed=1, carrier="few")
    of = declared(rows, {**PROMISE, "slices": ["carrier"]}, slices=["carrier"])
    result = leadline.check(of, as_of=MONDAY + timedelta(weeks=12, days=1))
    limit = result.objectives[0]["target"]["at_least"]
    shown = f"recall ≥ {limit:.3f} (reference − 0.02)"
    html = result.to_html()
    assert shown in html
    assert "recall ≥ reference − 0.02" in html
    assert "1 objective (3 with their slices)" in repr(result)


# Refused ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("promise", "more", "said"),
    [
        ({"by": None}, {}, "'by' is missing: how much worse it may be"),
        ({"by": -0.1}, {}, "a number of at least 0 is needed, found -0.1"),
        ({"no_worse_than": None, "at_least": 0.6}, {}, "by goes with no_worse_than"),
        ({"at_least": 0.6}, {}, "at_least and no_worse_than are both given"),
        ({"no_worse_than": "last week"}, {}, "only reference is known here"),
        ({}, {"reference": None}, "no reference is declared, and a guessed one would move the promise"),
        ({}, {"reference": {"source": "reference.parquet"}}, "a reference with a source of its own has no labels"),
        ({"metric": "predicted_positive_rate"}, {}, "neither better nor worse: promise at_least or at_most"),
        ({"by": 2}, {}, "recall lies between 0 and 1, it cannot get worse by more than 2; did you mean 0.02"),
    ],
)
def test_what_cannot_be_promised_is_refused(promise: dict[str, Any], more: dict[str, Any], said: str) -> None:
    asked = {key: value for key, value in {**PROMISE, **promise}.items() if value is not None}
    with pytest.raises(InputError, match=said):
        leadline.check(declared(log([0.1] * 6, 2), asked, **more))


# Extreme targets ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "limit", "status"), [
    ("at_least", 0.0, "holds"), ("at_most", 1.0, "holds"), ("at_least", 1.0, "breached"), ("at_most", 0.0, "breached"),
])  # fmt: skip
def test_promises_at_the_ends_of_the_range(side: str, limit: float, status: str) -> None:
    said = judged(declared(log([0.2] * 12), {"metric": "recall", side: limit, "window": "28d"}), 12)
    assert said["status"] == status
    assert said["target"] == {side: limit}
    assert said["budget_spent"] is None or np.isfinite(said["budget_spent"])
    perfect = judged(declared(log([0.0] * 12), {"metric": "recall", "at_least": 1.0, "window": "28d"}), 12)
    assert perfect["status"] in ("holds", "uncertain")
    assert perfect["breaches"] == []


@pytest.mark.parametrize("metric", ["f1", "f_beta(beta=2)", "balanced_accuracy", "accuracy", "precision"])
@pytest.mark.parametrize("limit", [0.0, 1.0])
@pytest.mark.parametrize("side", ["at_least", "at_most"])
def test_other_metrics_stand_the_ends_of_their_range(metric: str, limit: float, side: str) -> None:
    rows = log([0.2] * 8)
    for number, each in enumerate(rows):
        each["label"] = bool(number % 2)
    promise = {"metric": metric, side: limit, "window": "28d"}
    said = judged(declared(rows, promise), 8)
    target = Target(side, limit)
    assert (said["status"] == "holds") == target.met(said["low"]) == target.met(said["high"])
    assert said["status"] != "undefined"
