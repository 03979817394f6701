"""No worse than the reference, whose limit is made of it alone, once; or than the baseline, row by row."""

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
from leadline.metrics import build
from leadline.metrics.evaluate import evaluate_windows
from leadline.metrics.sums import Sums
from leadline.objectives.bets import stream
from leadline.objectives.detector import fold
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
    assert np.isfinite(watch.story.evidence[5:]).all()
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


def test_a_model_that_stays_as_it_was_is_rarely_found_worse() -> None:
    """The reference is four weeks of 280 labels, so its own figure is uncertain; the promise has no tolerance."""
    random = np.random.default_rng(11)
    recall = build("recall", "binary")
    found: dict[float, list[int]] = {0.8: [], 0.65: []}
    for share in found:
        for _ in range(60):
            right = random.binomial(40, np.where(np.arange(7 * 56) < 7 * 30, 0.8, share)).astype(float)
            (reference,) = evaluate_windows(recall, _hits(right[:28], 40), [(0, 28)])
            assert reference.interval is not None
            weekly = right.reshape(-1, 7).sum(axis=1)
            made = stream(recall, _hits(weekly, 280), Target("at_least", reference.interval.low))
            (story,) = fold([made], 0.05, 52.18, 1, [frozenset()], first=4)
            found[share] += [breach.found - 29 for breach in story.breaches[:1]]
    assert len(found[0.8]) <= 4  # 5 % by the detector's luck, and 2.5 % by the reference's
    assert len(found[0.65]) == 60
    assert 0 < np.mean(found[0.65]) < 6


def _hits(right: Any, rows: int) -> Sums:
    """Sums of looks, or days, of actual positives."""
    one = np.full(len(right), float(rows))
    counts = np.zeros((len(right), 3, 3))
    counts[:, 1, 1], counts[:, 0, 1] = right, rows - right
    return Sums(rows=one, all_rows=one, labelled=one, immature=0 * one, counts=counts, squares=counts)


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


@pytest.mark.parametrize(
    ("metric", "why"),
    [("mae", "the reference's figure has no interval"), ("r2", "the reference has no figure: the labels do not vary")],
)
def test_errors_that_are_all_the_same_are_no_reference(metric: str, why: str) -> None:
    rows = [
        {"id": f"{day}-{place}", "timestamp": MONDAY + timedelta(days=day, minutes=place), "prediction": 1.0,
         "label": 2.0 if day < 28 else float(place)}
        for day in range(56) for place in range(10)
    ]  # fmt: skip
    of = declared(rows, {**PROMISE, "metric": metric}, task="regression", metrics=["mae"])
    assert judged(of, 8)["why"] == why


def test_without_labels_it_is_undefined() -> None:
    rows = [{key: each[key] for key in ("id", "timestamp", "prediction")} for each in log([0.1] * 8)]
    of = spec(rows, objectives=[PROMISE], reference={"until": UNTIL.isoformat()}, metrics=["predicted_positive_rate"])
    (said,) = leadline.check(of).objectives
    assert (said["status"], said["why"]) == ("undefined", "no outcomes are declared")


def test_one_giant_weight_is_no_reference() -> None:
    rows = log([0.1] * 8)
    for number, each in enumerate(rows):
        each["weight"] = 1e9 if number == 7 else 1.0
    assert "1 reference label," in judged(declared(rows, PROMISE), 8)["why"]


# The baseline -------------------------------------------------------------------------------------------------------


def scored(weeks: Sequence[float], a_day: int = 30, seed: int = 0, **columns: Any) -> list[dict[str, Any]]:
    """Rows with a label, a score that tells it (less well in a week with more noise), and a baseline's of noise 1."""
    random = np.random.default_rng(seed)
    rows = []
    for day in range(7 * len(weeks)):
        for place in range(a_day):
            label = bool(random.random() < 0.5)
            score, old = (
                1 / (1 + np.exp(-(2 * label - 1) - noise * random.normal())) for noise in (weeks[day // 7], 1.0)
            )
            at = MONDAY + timedelta(days=day, minutes=20 * place)
            rows.append({"id": f"{seed}-{day}-{place}", "timestamp": at, "score": score, "old": old, "label": label,
                         **columns})  # fmt: skip
    return rows


def beside(rows: Sequence[dict[str, Any]], *objectives: dict[str, Any], **more: Any) -> Any:
    parts = {"metrics": ["recall"], "baseline": {"score": "old"}} | more
    return spec(rows, objectives=list(objectives), **parts)


RIVAL = {"metric": "recall", "no_worse_than": "baseline", "by": 0.05, "window": "28d"}


@pytest.mark.parametrize("metric", ["recall", "accuracy", "specificity", "false_positive_rate", "brier", "log_loss"])
def test_what_is_judged_is_the_difference_on_the_same_rows(metric: str) -> None:
    rows = scored([0.9] * 8)
    for each in rows[::11]:
        each["old"] = None  # in no difference
    of = beside(rows, {**RIVAL, "metric": metric})
    said = judged(of, 8)
    window = [each for each in rows[28 * 30 :] if each["old"] is not None]
    label = np.array([each["label"] for each in window])
    of_both = []
    for name in ("score", "old"):
        score = np.array([each[name] for each in window])
        of_both.append({
            "recall": (score >= 0.5)[label].mean(),
            "accuracy": ((score >= 0.5) == label).mean(),
            "specificity": (score < 0.5)[~label].mean(),
            "false_positive_rate": (score >= 0.5)[~label].mean(),
            "brier": ((score - label) ** 2).mean(),
            "log_loss": -np.log(np.where(label, score, 1 - score)).mean(),
        }[metric])  # fmt: skip
    assert said["metric"] == f"{metric}_over_baseline"
    assert said["value"] == pytest.approx(of_both[0] - of_both[1], abs=1e-8)
    assert said["low"] < said["value"] < said["high"]
    side, limit = ("at_least", -0.05) if metric in ("recall", "accuracy", "specificity") else ("at_most", 0.05)
    assert said["target"] == {side: limit, "no_worse_than": "baseline", "by": 0.05}
    assert said["status"] == ("uncertain" if metric == "recall" else "holds")
    assert said["budget_spent"] is None


@pytest.mark.parametrize("metric", ["recall", "brier", "log_loss"])
def test_a_model_that_fell_behind_its_baseline_is_found(metric: str) -> None:
    rows = scored([0.6] * 10 + [4.0] * 8, 60, carrier="falls") + scored([0.6] * 18, 60, seed=1, carrier="stays")
    of = beside(rows, {**RIVAL, "metric": metric, "slices": ["carrier"]}, slices=["carrier"])
    found = leadline.check(of, as_of=MONDAY + timedelta(weeks=18)).objectives
    falls, stays = (
        each for name in ("falls", "stays") for each in found if each["slice"] and name in str(each["slice"])
    )
    assert falls["status"] == "breached"
    assert "2024-03-04" <= falls["since"] <= "2024-03-18"
    assert (stays["status"], stays["breaches"]) == ("holds", [])
    assert f"{metric}_over_baseline {'≥ -0.05' if metric == 'recall' else '≤ 0.05'}" in leadline.check(of).to_html()


def test_a_model_that_is_its_baseline_is_no_worse() -> None:
    rows = scored([1.0] * 10)
    for each in rows:
        each["old"] = each["score"]
    said = judged(beside(rows, RIVAL), 10)
    assert (said["value"], said["breaches"]) == (0.0, [])
    assert said["status"] == "uncertain"  # rows that are all the same say nothing of the spread


def test_of_a_regression_losses_are_compared() -> None:
    random = np.random.default_rng(4)
    rows = [
        {"id": f"{day}-{place}", "timestamp": MONDAY + timedelta(days=day, minutes=place), "label": 0.0,
         "prediction": random.normal(0, 1.0 if day < 70 else 2.0), "old": random.normal(0, 1.2)}
        for day in range(112) for place in range(40)
    ]  # fmt: skip
    promise = {**RIVAL, "metric": "mae", "by": 0.1}
    said = judged(beside(rows, promise, task="regression", metrics=["mae"]), 16)
    last = rows[84 * 40 :]
    assert said["value"] == pytest.approx(np.mean([abs(each["prediction"]) - abs(each["old"]) for each in last]))
    assert said["status"] == "breached"
    assert "2024-03-04" <= said["since"] <= "2024-03-18"


def test_corrected_labels_entities_and_weights_are_in_the_difference() -> None:
    rows = [
        {**each, "entity": number % 50, "weight": 1.0 + number % 3} for number, each in enumerate(scored([0.7] * 8))
    ]
    wrong = [{"id": each["id"], "label": not each["label"], "observed_at": each["timestamp"]} for each in rows]
    right = [
        {"id": each["id"], "label": each["label"], "observed_at": each["timestamp"] + timedelta(days=5)}
        for each in rows[: 50 * 30]
    ]
    predictions = [{key: value for key, value in each.items() if key != "label"} for each in rows]
    parts = {"baseline": {"score": "old"}, "metrics": ["recall"], "objectives": [RIVAL], "matures_after": "0d"}
    said = judged(spec(predictions, wrong + right, **parts), 8)
    window = rows[28 * 30 :]
    label = np.array([each["label"] if n < 22 * 30 else not each["label"] for n, each in enumerate(window)])
    weight = np.array([each["weight"] for each in window])[label]
    model, old = (np.array([each[name] >= 0.5 for each in window], float)[label] for name in ("score", "old"))
    assert said["value"] == pytest.approx(((model - old) * weight).sum() / weight.sum(), abs=1e-8)
    assert abs(said["value"]) > 0.01
    assert said["interval"] in ("entity", "clustered")
    assert said["rule"] == "detector"


def test_hours_are_compared_with_a_reference_that_ends_inside_a_day() -> None:
    rows = log([0.1] * 2)
    for number, each in enumerate(rows):
        each["observed_at"] += timedelta(days=number % 2)
    promise = {**PROMISE, "window": "1h"}
    until = {"reference": {"until": "2024-01-06T12:00:00"}, "matures_after": "6h", "window": "1h"}
    early, late = (
        leadline.check(declared(rows, promise, **until), as_of=MONDAY + timedelta(days=days)).objectives[0]["target"]
        for days in (6, 13)
    )
    assert early == late
    assert 0.7 < early["at_least"] < 0.9


def test_both_comparisons_and_a_number_of_one_metric_do_not_mix() -> None:
    rows = scored([0.9] * 10)
    promises = [RIVAL, {**PROMISE, "by": 0.05}, {"metric": "recall", "at_least": 0.5, "window": "28d"}]
    parts = {"reference": {"until": UNTIL.isoformat()}}
    together = leadline.check(beside(rows, *promises, **parts), as_of=MONDAY + timedelta(weeks=10, days=1)).objectives
    assert [dict(each) for each in together] == [judged(beside(rows, promise, **parts), 10) for promise in promises]


@pytest.mark.parametrize(
    ("promise", "more", "said"),
    [
        ({}, {"baseline": None}, "no baseline is declared: add one under baseline"),
        ({"metric": "precision"}, {}, "row by row: which rows it looks at depends on what is predicted"),
        ({"metric": "f1"}, {}, "row by row: it is no mean over rows"),
        ({"metric": "roc_auc"}, {}, "row by row: it is no mean over rows"),
        ({"metric": "recall(threshold=0.3)"}, {}, "row by row: it is no mean over rows"),
        ({"metric": "positive_rate"}, {}, "positive_rate_over_baseline is neither better nor worse"),
        ({"by": 1}, {}, "it cannot get worse by more than 1"),
    ],
)
def test_what_is_no_mean_over_the_same_rows_is_refused(
    promise: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        leadline.check(beside(scored([1.0], 3), {**RIVAL, **promise}, **more))


# What is shown ------------------------------------------------------------------------------------------------------


def test_reports_say_what_the_limit_was_made_from() -> None:
    rows = log([0.1] * 8 + [0.35] * 4, carrier="B6") + log([0.1] * 12, 1, seed=1, carrier="few")
    of = declared(rows, {**PROMISE, "slices": ["carrier"]}, slices=["carrier"])
    result = leadline.check(of, as_of=MONDAY + timedelta(weeks=12, days=1))
    limit = result.objectives[0]["target"]["at_least"]
    shown = f"recall ≥ {limit:.3f} (reference - 0.02)"
    html = result.to_html()
    assert shown in html
    assert "recall ≥ reference - 0.02" in html
    assert "1 objective (3 with their slices)" in repr(result)


# Refused ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("promise", "more", "said"),
    [
        ({"by": None}, {}, "'by' is missing: how much worse it may be"),
        ({"by": -0.1}, {}, "a number of at least 0 is needed, found -0.1"),
        ({"no_worse_than": None, "at_least": 0.6}, {}, "by goes with no_worse_than"),
        ({"at_least": 0.6}, {}, "at_least and no_worse_than are both given"),
        ({"no_worse_than": "last week"}, {}, "'last week' is not one of reference, baseline"),
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


@pytest.mark.parametrize(("metric", "promise", "told"), [
    ("recall", {"at_most": 0.9}, True), ("brier", {"at_least": 0.1}, True),
    ("recall", {"at_least": 0.1}, False), ("predicted_positive_rate", {"at_most": 0.9}, False),
])  # fmt: skip
def test_a_promise_that_is_kept_by_doing_worse_is_named_and_has_no_budget(
    metric: str, promise: Any, told: bool
) -> None:
    found = leadline.check(declared(log([0.2] * 8), {"metric": metric, **promise, "window": "28d"}))
    assert any("is kept by doing worse" in note.text for note in found.notes) == told
    assert (found.objectives[0]["budget_spent"] is None) == told or metric == "brier"
