"""The rule `detector`: what looks hold, that the verdict is a fold over them, and how a breach begins and ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

import leadline
from evaluation.small import spec, table
from leadline.evaluation.judging import Judging
from leadline.evaluation.looks import Seen
from leadline.evaluation.run import evaluate_log
from leadline.metrics import METRICS, MetricCall, build
from leadline.metrics.metric import Metric
from leadline.values import InputError

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
PROMISE = {"metric": "recall", "at_least": 0.7, "window": "28d"}


def log(weeks: Sequence[float], a_day: int = 60, seed: int = 0, **columns: Any) -> list[dict[str, Any]]:
    """Rows of positives, of which a share is missed: one share for each week."""
    random = np.random.default_rng(seed)
    rows = []
    for day in range(7 * len(weeks)):
        for place in range(a_day):
            missed = random.random() < weeks[day // 7]
            at = MONDAY + timedelta(days=day, minutes=20 * place)
            rows.append(
                {"id": f"{day}-{place}", "timestamp": at, "prediction": not missed, "label": True,
                 "observed_at": at + timedelta(hours=2), **columns}
            )  # fmt: skip
    return rows


def declared(rows: Sequence[dict[str, Any]], *objectives: dict[str, Any], **more: Any) -> Any:
    """A declaration of rows that hold their own labels."""
    return spec(rows, objectives=list(objectives), metrics=["recall"], **{"matures_after": "0d", **more})


def looks(of: Any, as_of: datetime | None = None) -> Seen:
    """What the only calendar of looks saw."""
    (seen,) = evaluate_log(of, as_of).looks
    return seen


def judged(of: Any, as_of: datetime | None = None) -> dict[str, Any]:
    """The only judgement, as the document shows it."""
    (found,) = leadline.check(of, as_of=as_of).objectives
    return dict(found)


def built(name: str) -> Metric:
    return build(MetricCall(name), "binary")


# What a look holds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "look", "unit", "count"),
    [("28d", None, "d", 7), ("7d", None, "d", 7), ("3d", None, "d", 1), ("1h", None, "h", 1), ("1mo", None, "d", 7),
     ("28d", "1d", "d", 1), ("28d", "14d", "d", 14), ("1d", "1mo", "mo", 1)],
)  # fmt: skip
def test_a_look_is_a_week_for_long_windows_and_can_be_declared(
    window: str, look: str | None, unit: str, count: int
) -> None:
    promise = {**PROMISE, "window": window} | ({"look": look} if look else {})
    grain = looks(declared(log([0.1] * 3, 2), promise)).of.calendar.grain
    assert (grain.unit, grain.count) == (unit, count)


def test_a_look_holds_the_rows_that_matured_in_it_with_the_labels_known_when_it_closed() -> None:
    def row(name: str, day: int, known: int) -> dict[str, Any]:
        at = MONDAY + timedelta(days=day, hours=1)
        return {"id": name, "timestamp": at, "prediction": True, "label": True,
                "observed_at": MONDAY + timedelta(days=known, hours=2)}  # fmt: skip

    rows = [
        row("known in time", 0, 3),
        row("matures in the next look", 5, 5),
        row("known after its look closed", 1, 8),
        row("the last one tells how far the log goes", 20, 20),
    ]
    seen = looks(declared(rows, PROMISE, matures_after="3d"))
    assert seen.of.looks == 2  # the third week has not closed
    assert seen.sums().rows.tolist() == [2, 1]
    assert seen.sums().labelled.tolist() == [1, 1]
    assert seen.revised == 1


def test_a_prediction_that_was_delivered_after_its_look_closed_is_in_none() -> None:
    rows = log([0.2, 0.2, 0.2], 3)
    for number, each in enumerate(rows):
        each["received_at"] = each["timestamp"] + timedelta(days=10 if number < 4 else 0)
    assert looks(declared(rows, PROMISE)).sums().rows.tolist() == [17, 21]


def test_a_label_that_was_corrected_stays_in_its_look_as_it_was() -> None:
    rows = log([0.0, 0.0, 0.0], 2)
    labels = [{"id": each["id"], "label": True, "observed_at": each["observed_at"]} for each in rows]
    labels.append({"id": "0-0", "label": False, "observed_at": MONDAY + timedelta(days=9)})  # after its look closed
    labels.append({"id": "0-1", "label": False, "observed_at": MONDAY + timedelta(days=5)})  # before
    predictions = [{key: each[key] for key in ("id", "timestamp", "prediction")} for each in rows]
    of = spec(predictions, labels, objectives=[PROMISE], metrics=["recall"])  # fmt: skip
    seen = looks(of)
    counts = seen.sums().counts
    assert counts[:, 1, 1].tolist() == [13, 14]
    assert counts[:, 1, 0].tolist() == [1, 0]
    assert seen.revised == 1


def test_an_absent_outcome_counts_as_declared_once_its_look_closed() -> None:
    rows = log([0.0, 0.0], 2)
    predictions = [{key: each[key] for key in ("id", "timestamp", "prediction")} for each in rows]
    labels = [{"id": each["id"], "label": True, "observed_at": each["observed_at"]} for each in rows[::2]]
    labels[0]["observed_at"] = MONDAY + timedelta(days=7, hours=1)  # one hour after its look closed
    of = spec(predictions, labels, objectives=[PROMISE], metrics=["recall"], absent=False)  # fmt: skip
    seen = looks(of)
    assert seen.sums().counts[0, 1].tolist() == [8, 6, 0]
    assert seen.revised == 1


def test_many_labels_that_came_after_their_look_are_said() -> None:
    rows = log([0.2] * 6, 20)
    assert "looks_revised" not in {note.code for note in leadline.check(declared(rows, PROMISE)).notes}
    for each in rows[::20]:
        each["observed_at"] = each["timestamp"] + timedelta(days=9)
    found = {note.code: note.text for note in leadline.check(declared(rows, PROMISE)).notes}
    assert "came or changed afterwards" in found["looks_revised"]


# The verdict is a fold ------------------------------------------------------------------------------------------


def test_one_run_says_what_a_run_every_week_said() -> None:
    shares = [0.2] * 10 + [0.6] * 6 + [0.1] * 14
    rows = log(shares)
    for each in rows[::7]:  # labels that come months late change reported figures, but no story
        each["observed_at"] = each["timestamp"] + timedelta(days=40)
    of = declared(rows, PROMISE)
    whole = judged(of, MONDAY + timedelta(weeks=30))["breaches"]
    assert len(whole) == 1
    assert whole[0]["cleared"] is not None
    found, cleared = (datetime.fromisoformat(whole[0][key]) for key in ("found", "cleared"))
    for week in range(6, 31, 2):
        then = MONDAY + timedelta(weeks=week)
        said = judged(of, then)
        assert [(each["since"], each["found"]) for each in said["breaches"]] == [
            (each["since"], each["found"]) for each in whole if found <= then
        ]
        assert (said["status"] == "breached") == (found <= then < cleared)


def test_a_breach_says_since_when_and_how_much_beside_the_figure_of_the_window() -> None:
    said = judged(declared(log([0.2] * 12 + [0.55] * 3), PROMISE), MONDAY + timedelta(weeks=15))
    (breach,) = said["breaches"]
    assert said["status"] == "breached"
    assert said["rule"] == "detector"
    assert said["since"] == breach["since"] == "2024-03-25T00:00:00Z"
    assert breach["low"] < 0.45 < breach["high"]
    assert breach["value"] < said["value"]
    assert said["budget_spent"] == pytest.approx((1 - said["value"]) / 0.3)


def test_a_breach_is_cleared_by_an_acknowledgement_and_comes_back_while_the_model_is_bad() -> None:
    rows = log([0.2] * 12 + [0.6] * 8)
    promise = {**PROMISE, "acknowledged": ["2024-04-22"]}
    first, second = judged(declared(rows, promise), MONDAY + timedelta(weeks=20))["breaches"]
    assert first["cleared"] == "2024-04-29T00:00:00Z"
    assert second["since"] >= "2024-04-22"
    assert second["cleared"] is None


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"at": "2024-04-01", "slice": {"carrier": "bbd"}}, "carrier=bbd) has no effect: no slice of the objective is"),
        ({"at": "2024-04-01", "slice": {"carrier": "bbd"}}, "did you mean 'carrier=bad'?"),
        ("2023-12-24", "no effect: it lies before the first look, which began on 2024-01-01."),
        ("2024-05-21", "no effect yet: it lies after the last look, which closed on 2024-05-20."),
        ("9999-12-31", "no effect yet"),
        ("0001-01-01", "before the first look"),
    ],
)
def test_an_acknowledgement_that_does_nothing_is_said(entry: Any, said: str) -> None:
    rows = log([0.2] * 20, 3, carrier="good") + [
        {**each, "id": f"b{each['id']}"} for each in log([0.2] * 20, 3, carrier="bad")
    ]
    promise = {
        **PROMISE,
        "slices": ["carrier"],
        "acknowledged": [entry, {"at": "2024-04-01", "slice": {"carrier": "bad"}}],
    }
    found = leadline.check(declared(rows, promise, slices=["carrier"]), as_of=MONDAY + timedelta(weeks=20))
    (text,) = [note.text for note in found.notes if note.code == "acknowledgement_without_effect"]
    assert said in text


def test_slices_share_the_other_half_of_the_budget_and_are_found_on_their_own() -> None:
    rows = log([0.2] * 20, 40, carrier="good") + [
        {**each, "id": "b" + each["id"]} for each in log([0.2] * 10 + [0.65] * 10, 20, seed=1, carrier="bad")
    ]
    promise = {**PROMISE, "at_least": 0.6, "slices": ["carrier"]}
    of = declared(rows, promise, slices=["carrier"])
    found = {str(each["slice"]): each for each in leadline.check(of, as_of=MONDAY + timedelta(weeks=20)).objectives}
    statuses = {name: each["status"] for name, each in found.items()}
    assert statuses == {"None": "holds", "{'carrier': 'good'}": "holds", "{'carrier': 'bad'}": "breached"}
    acknowledged = {"at": "2024-04-28", "slice": {"carrier": "bad"}}
    of = declared(rows, {**promise, "acknowledged": [acknowledged]}, slices=["carrier"])
    found = {str(each["slice"]): each for each in leadline.check(of, as_of=MONDAY + timedelta(weeks=20)).objectives}
    assert [each["cleared"] is None for each in found["{'carrier': 'bad'}"]["breaches"]] == [False, True]


def test_a_window_on_the_wrong_side_without_enough_evidence_is_at_risk() -> None:
    rows = log([0.2] * 8 + [0.9], 6)
    said = judged(declared(rows, {**PROMISE, "window": "7d"}), MONDAY + timedelta(weeks=9))
    assert said["status"] in ("at_risk", "breached")
    few = judged(declared(log([0.46], 20), {**PROMISE, "window": "7d"}), MONDAY + timedelta(weeks=1))
    assert few["status"] == "at_risk"
    assert "not yet enough" in few["why"]


def test_what_is_plain_is_a_breach_while_the_detector_still_learns() -> None:
    rows = log([0.2] * 4 + [0.8] * 2, 5)
    said = judged(declared(rows, {**PROMISE, "window": "14d"}), MONDAY + timedelta(weeks=6))
    assert (said["status"], said["rule"], said["breaches"]) == ("breached", "interval", [])
    assert "2024-01-29" <= said["since"] <= "2024-02-09"


def test_what_the_interval_called_lasts_until_a_window_could_be_right() -> None:
    """The detector needs longer, having met the drop while it learnt how much looks differ: no green weeks between."""
    weeks = [0.28, 0.16] * 5 + [0.42] * 8 + [0.2] * 5
    of = declared(log(weeks, 20), {**PROMISE, "window": "14d"})
    said = [judged(of, MONDAY + timedelta(weeks=week)) for week in (12, 13, 14, 17, 21)]
    assert [(each["status"], each["rule"]) for each in said[:4]] == [("breached", "interval")] * 4
    assert len({each["since"] for each in said[:4]}) == 1
    assert said[-1]["status"] == "holds"


def test_before_any_look_has_closed_the_interval_judges() -> None:
    said = judged(declared(log([0.9]), PROMISE))
    assert said["rule"] == "interval"
    assert said["status"] == "breached"


def test_streams_are_made_of_the_looks_own_counts() -> None:
    rows = log([0.2, 0.5, 0.3], 10)
    evaluation = evaluate_log(declared(rows, PROMISE), MONDAY + timedelta(weeks=3))
    (watch,) = Judging(evaluation).watched(evaluation.spec.objectives[0]).values()
    missed = [sum(not each["prediction"] for each in rows[70 * week : 70 * week + 70]) for week in range(3)]
    # the fifth bet is on odds of a miss 1.75 times those promised: .3 / .7 · 1.75 = .75, a share of 3 in 7
    worse = 3 / 7
    expected = [each * np.log(worse / 0.3) + (70 - each) * np.log((1 - worse) / 0.7) for each in missed]
    assert watch.stream.against[:, 4] == pytest.approx(expected)
    assert watch.stream.value == pytest.approx([1 - each / 70 for each in missed])


# Other metrics ----------------------------------------------------------------------------------------------------


def test_a_regressions_loss_and_quantile_are_found_by_their_errors() -> None:
    random = np.random.default_rng(3)
    rows = []
    for day in range(7 * 16):
        for place in range(30):
            at = MONDAY + timedelta(days=day, minutes=place)
            error = random.exponential(1.0 if day < 70 else 2.0)
            rows.append({"id": f"{day}-{place}", "timestamp": at, "prediction": 10.0, "label": 10.0 + error})
    promises = [
        {"metric": "mae", "at_most": 1.2, "window": "28d"},
        {"metric": "rmse", "at_most": 1.8, "window": "28d"},
        {"metric": "absolute_error_quantile(quantile=0.9)", "at_most": 3.0, "window": "28d"},
        {"metric": "bias", "at_least": -3.0, "window": "28d"},
    ]
    of = spec(rows, task="regression", metrics=["mae"], objectives=promises)
    found = leadline.check(of, as_of=MONDAY + timedelta(weeks=16)).objectives
    by_metric = {each["metric"]: each for each in found}
    assert by_metric["mae"]["status"] == by_metric["rmse"]["status"] == "breached"
    assert by_metric["mae"]["since"] == "2024-03-11T00:00:00Z"
    assert by_metric["absolute_error_quantile(quantile=0.9)"]["status"] == "breached"
    assert by_metric["bias"]["status"] == "holds"


def test_auc_is_found_by_groups_of_rows_and_in_slices() -> None:
    random = np.random.default_rng(5)
    rows = []
    for day in range(7 * 20):
        for place in range(60):
            label = bool(random.random() < 0.3)
            shift = 1.6 if day < 84 else 0.2
            score = 1 / (1 + np.exp(-random.normal(shift if label else 0.0)))
            at = MONDAY + timedelta(days=day, minutes=place)
            rows.append({"id": f"{day}-{place}", "timestamp": at, "score": score, "label": label, "carrier": place % 2})
    promise = {"metric": "roc_auc", "at_least": 0.75, "window": "28d", "slices": ["carrier"]}
    of = spec(rows, metrics=["roc_auc"], objectives=[promise], slices=["carrier"])  # fmt: skip
    for each in leadline.check(of, as_of=MONDAY + timedelta(weeks=20)).objectives:
        assert each["status"] == "breached", each
        assert "2024-03-18" <= each["since"] <= "2024-04-01"


def ranked(weeks: int, squeezed: float = 1.0, constant_from: int | None = None) -> list[dict[str, Any]]:
    """Rows with an AUC of about .85. Scores are squeezed to the upper side of .5, and all the same from a week on."""
    random = np.random.default_rng(5)
    rows = []
    for day in range(7 * weeks):
        for place in range(60):
            label = bool(random.random() < 0.3)
            score = 0.5 + squeezed * (1 / (1 + np.exp(-random.normal(1.5 * label))) - 0.5 * (squeezed == 1))
            score = 0.5 if constant_from is not None and day >= 7 * constant_from else score
            at = MONDAY + timedelta(days=day, minutes=place)
            rows.append({"id": f"{day}-{place}", "timestamp": at, "score": float(score), "label": label})
    return rows


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision"])
@pytest.mark.parametrize("squeezed", [0.03, 0.01, 0.001])
def test_scores_too_close_together_for_the_bins_of_a_look_break_no_promise(metric: str, squeezed: float) -> None:
    promise = {"metric": metric, "at_least": 0.65, "window": "28d"}
    of = spec(ranked(16, squeezed), metrics=[metric], objectives=[promise])
    said = judged(of, MONDAY + timedelta(weeks=16))
    assert said["breaches"] == []
    assert said["status"] in ("holds", "uncertain")
    if squeezed == 0.001:  # one bin of the fine grid
        assert said["why"] == "the bins that it is read from hide as much as lies between it and the limit"


@pytest.mark.parametrize(
    "metric",
    [name for name, each in METRICS["binary"].items() if not each.required and built(name).histogram == "scores"],
)
def test_every_metric_of_scores_can_be_promised_alone(metric: str) -> None:
    better = built(metric).better or "higher"
    promise = {"metric": metric, "at_least" if better == "higher" else "at_most": 0.1, "window": "28d"}
    of = spec(ranked(9), objectives=[promise])
    said = judged(of, MONDAY + timedelta(weeks=9))
    assert said["value"] is not None
    assert said["rule"] == ("detector" if metric == "roc_auc" else "interval")
    (plan,), (replay,) = leadline.plan(of, as_of=MONDAY + timedelta(weeks=9)), leadline.backtest(of).objectives
    if metric != "roc_auc":
        assert (
            plan.why
            == replay.why
            == f"{metric} needs finer bins of scores than a detector's looks have: its interval judges it"
        )


def test_the_auc_over_several_classes_can_be_promised_alone() -> None:
    random = np.random.default_rng(1)
    scores = random.dirichlet([1, 1, 1], (7 * 9, 20))
    rows = [
        {"id": f"{day}-{place}", "timestamp": MONDAY + timedelta(days=day, minutes=place), "prediction": "a",
         "label": random.choice(["a", "b", "c"]), "p_a": a, "p_b": b, "p_c": c}
        for day, of_day in enumerate(scores) for place, (a, b, c) in enumerate(of_day)
    ]  # fmt: skip
    promise = {"metric": "roc_auc", "at_least": 0.45, "window": "28d"}
    columns = {"scores": {"a": "p_a", "b": "p_b", "c": "p_c"}}
    of = spec(rows, task="multiclass", columns=columns, objectives=[promise])
    said = judged(of, MONDAY + timedelta(weeks=9))
    assert (said["rule"], said["value"] is not None) == ("interval", True)


def test_scores_that_became_all_the_same_break_a_promise_of_order() -> None:
    promise = {"metric": "roc_auc", "at_least": 0.75, "window": "28d"}
    of = spec(ranked(20, constant_from=14), metrics=["roc_auc"], objectives=[promise])
    said = judged(of, MONDAY + timedelta(weeks=20))
    assert (said["status"], said["since"]) == ("breached", "2024-04-08T00:00:00Z")


def test_scores_that_are_all_the_same_are_in_no_order() -> None:
    promises = [
        {"metric": name, "at_least": 0.2, "window": "28d"} for name in ("roc_auc", "average_precision", "accuracy")
    ]
    of = spec(ranked(12, constant_from=0), metrics=["roc_auc"], objectives=promises)
    found = leadline.check(of, as_of=MONDAY + timedelta(weeks=12)).objectives
    said = {each["metric"]: (each["status"], each["why"]) for each in found}
    why = "all scores are 0.5, so that no row comes before another"
    assert said == {"roc_auc": ("undefined", why), "average_precision": ("undefined", why), "accuracy": ("holds", None)}


def test_a_rate_of_feedback_is_judged_on_its_own_calendar() -> None:
    rows = log([0.2] * 14, 30)
    random = np.random.default_rng(2)
    clicks = [
        {"id": each["id"], "clicked": bool(random.random() < (0.4 if number < 2100 else 0.15)),
         "seen_at": each["timestamp"] + timedelta(hours=1)}
        for number, each in enumerate(rows)
    ]  # fmt: skip
    feedback = [{"name": "click", "source": table(clicks), "columns": {"value": "clicked",
                 "observed_at": "seen_at"}, "matures_after": "1d"}]  # fmt: skip
    promise = {"metric": "click", "at_least": 0.3, "window": "28d"}
    said = judged(declared(rows, promise, feedback=feedback), MONDAY + timedelta(weeks=14, days=1))
    assert said["status"] == "breached"
    assert said["rule"] == "detector"


@pytest.mark.parametrize("wild", [1e6, 1e80, 1e160, 1e300])
def test_a_number_too_large_for_its_square_breaks_nothing(wild: float) -> None:
    random = np.random.default_rng(1)
    rows = [
        {"id": f"{day}-{place}", "timestamp": MONDAY + timedelta(days=day, minutes=place), "label": 0.0,
         "prediction": wild if (day, place) == (50, 0) else random.normal()}
        for day in range(7 * 14) for place in range(20)
    ]  # fmt: skip
    promises = [
        {"metric": name, "at_most": 2.0, "window": "28d"} for name in ("mae", "rmse", "mse", "p90_absolute_error")
    ]
    of = spec(rows, task="regression", metrics=["mae"], objectives=promises)
    moment = MONDAY + timedelta(weeks=14)
    found = leadline.check(of, as_of=moment).objectives
    assert len(found) == 4
    assert len(leadline.plan(of, as_of=moment)) == 4


@pytest.mark.parametrize("wild", [1e6, 1e9, 1e60])
def test_a_breach_by_one_wild_row_is_cleared_by_a_few_looks_of_health(wild: float) -> None:
    random = np.random.default_rng(2)
    label = random.uniform(5, 15, (7 * 30, 20))
    predicted = label + random.normal(size=label.shape)
    predicted[100, 0] += wild
    rows = [
        {"id": f"{day}-{place}", "timestamp": MONDAY + timedelta(days=day, minutes=place),
         "label": label[day, place], "prediction": predicted[day, place]}
        for day in range(7 * 30) for place in range(20)
    ]  # fmt: skip
    promises = [
        {"metric": name, "at_most": limit, "window": "28d"}
        for name, limit in (("mae", 1.2), ("rmse", 1.5), ("mse", 2.0), ("wape", 0.12), ("mape", 0.14), ("bias", 0.5))
    ]
    promises.append({"metric": "r2", "at_least": 0.7, "window": "28d"})
    of = spec(rows, task="regression", metrics=["mae"], objectives=promises)
    found = {each["metric"]: each for each in leadline.check(of, as_of=MONDAY + timedelta(weeks=30)).objectives}
    assert {each["status"] for each in found.values()} == {"holds"}
    assert len(found["rmse"]["breaches"]) == 1
    for each in found.values():
        for breach in each["breaches"]:
            assert breach["since"] == "2024-04-08T00:00:00Z"
            assert breach["cleared"] <= "2024-05-06T00:00:00Z"


# Bad input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("promise", "said"),
    [
        ({"look": "3 days"}, "is not a window"),
        ({"false_alarms": 0}, "a number above 0"),
        ({"false_alarms": 5}, "a number below 1 is needed"),
        ({"rule": "interval", "look": "7d"}, "look is for the rule `detector`"),
        ({"acknowledged": ["yesterday"]}, "a date or time is written"),
        ({"acknowledged": [{"at": "2024-01-01", "slice": {"carrier": "B6"}}]}, "is not a slice of it"),
    ],
)
def test_what_cannot_be_meant_is_refused(promise: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        declared(log([0.1], 2), {**PROMISE, **promise})
