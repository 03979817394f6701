"""A log replayed as it became known: the same as checks that are run when each look closes, and as loops over rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import leadline
from evaluation.small import spec, table
from evaluation.test_detector import MONDAY, PROMISE, declared, log
from leadline.values import Breach, BreachReplay, Replay, RuleReplay

WEEK = timedelta(weeks=1)
TROUBLE = [0.2] * 10 + [0.6] * 6 + [0.1] * 14


def replayed(of: Any, as_of: datetime | None = None) -> Replay:
    """The replay of the only objective and slice."""
    (found,) = leadline.backtest(of, as_of=as_of).objectives
    return found


def rule(found: Replay, name: str) -> RuleReplay:
    (each,) = (each for each in found.rules if each.rule == name)
    return each


def weekly(rows: list[dict[str, Any]], weeks: int) -> list[float]:
    """The recall of each week, by a loop."""
    found = []
    for week in range(weeks):
        start = MONDAY + week * WEEK
        said = [each["prediction"] for each in rows if start <= each["timestamp"] < start + WEEK]
        found.append(sum(said) / len(said))
    return found


def windows(rows: list[dict[str, Any]], weeks: int) -> list[float]:
    """The recall of the four weeks up to the end of each week, by a loop."""
    found = []
    for week in range(weeks):
        end = MONDAY + (week + 1) * WEEK
        said = [each["prediction"] for each in rows if end - 4 * WEEK <= each["timestamp"] < end]
        found.append(sum(said) / len(said))
    return found


# The replay is what was said ----------------------------------------------------------------------------------------


def test_it_says_what_a_check_at_the_close_of_each_look_said():
    of = declared(log(TROUBLE), PROMISE)
    found = replayed(of, MONDAY + 30 * WEEK)
    (breach,) = found.breaches
    first_found = first_cleared = first_wrong = None
    for week in range(9, 31):
        then = MONDAY + week * WEEK
        (said,) = leadline.check(of, as_of=then).objectives
        if said["breaches"] and first_found is None:
            first_found = then
            assert said["status"] == "breached"
        if said["breaches"] and said["breaches"][0]["cleared"] and first_cleared is None:
            first_cleared = then
        if then > breach.breach.since and said["value"] < 0.7 and first_wrong is None:
            first_wrong = then
    assert (breach.breach.found, breach.breach.cleared) == (first_found, first_cleared)
    assert breach.window_wrong == first_wrong
    assert breach.lead == first_wrong - first_found
    assert breach.cried_wolf is False


def test_the_replay_of_a_part_is_a_part_of_the_replay():
    rows = log(TROUBLE)
    for each in rows[::7]:  # labels that come months late change no look
        each["observed_at"] = each["timestamp"] + timedelta(days=40)
    of = declared(rows, PROMISE)
    whole = replayed(of, MONDAY + 30 * WEEK)
    for week in (8, 12, 14, 20, 26):
        then = MONDAY + week * WEEK
        part = replayed(of, then)
        assert part.looks == week
        assert [each.breach.found for each in part.breaches] == [
            each.breach.found for each in whole.breaches if each.breach.found <= then
        ]
        for name in ("fixed_threshold",):
            told = [each.at for each in rule(whole, name).alarms if each.at <= then]
            assert [each.at for each in rule(part, name).alarms] == told


def test_usual_rules_fire_where_loops_over_rows_say():
    rows = log(TROUBLE)
    until = (MONDAY + 5 * WEEK).isoformat()
    found = replayed(declared(rows, PROMISE, reference={"until": until}), MONDAY + 30 * WEEK)
    figures, around = weekly(rows, 30), windows(rows, 30)
    ends = [MONDAY + (week + 1) * WEEK for week in range(30)]
    mean, deviation = np.mean(figures[:5]), np.std(figures[:5])
    expected = {
        "fixed_threshold": [week for week in range(30) if figures[week] < 0.7],
        "mean_3_sigma": [week for week in range(5, 30) if abs(figures[week] - mean) > 3 * deviation],
    }
    for name, weeks in expected.items():
        said = rule(found, name)
        assert [each.at for each in said.alarms] == [ends[week] for week in weeks]
        for week, alarm in zip(weeks, said.alarms, strict=True):
            right = any(each < 0.7 for each in around[week : week + 4])
            assert alarm.cried_wolf is (False if right else None if week + 4 > 30 else True)
    assert rule(found, "fixed_threshold").looks == 30
    assert (rule(found, "mean_3_sigma").looks, rule(found, "mean_3_sigma").reference) == (25, 5)
    assert found.broken == sum(each < 0.7 for each in around)
    # after the trouble the model is better than ever: 3σ fires, and the promise is kept
    assert any(each.cried_wolf for each in rule(found, "mean_3_sigma").alarms)


def test_what_labels_say_later_decides_who_cried_wolf():
    """In week 8 the looks saw hits only among labels that came in time; the others show that the promise was broken."""
    rows = log([0.2] * 8 + [0.9] * 2 + [0.2] * 6)
    of_misses = [each for each in rows if not each["prediction"] and each["timestamp"] >= MONDAY + 8 * WEEK]
    late = [each for each in of_misses if each["timestamp"] < MONDAY + 10 * WEEK]
    for each in late:
        each["observed_at"] = each["timestamp"] + timedelta(days=30)
    found = replayed(declared(rows, PROMISE), MONDAY + 16 * WEEK)
    (alarm,) = (each for each in rule(found, "mean_3_sigma").alarms if each.at == MONDAY + 9 * WEEK)
    assert alarm.cried_wolf is False  # it fired as all was too good, and in truth nothing was
    assert not any(each.at == MONDAY + 9 * WEEK for each in rule(found, "fixed_threshold").alarms)


def test_it_reads_the_log_as_check_does():
    rows = pa.Table.from_pylist(log([0.2] * 6, 5))
    found = leadline.backtest(predictions=rows, as_of=MONDAY + 6 * WEEK, objectives=[PROMISE], label="label")
    assert found.objectives[0].looks == 6
    assert "1 objective: 0 breaches found" in repr(found)


# Windows and looks that do not fit -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "look", "wait"),
    [("10d", "7d", "0d"), ("7d", "14d", "0d"), ("1mo", None, "3d"), ("3d", None, "36h"), ("28d", "1mo", "0d")],
)
def test_any_window_any_look_and_any_wait(window, look, wait):
    promise = {**PROMISE, "window": window} | ({"look": look} if look else {})
    of = declared(log([0.2] * 9 + [0.9] * 9), promise, matures_after=wait)
    found = replayed(of, MONDAY + 18 * WEEK)
    assert found.looks
    alarms = [each for each in rule(found, "fixed_threshold").alarms if each.at > MONDAY + 11 * WEEK]
    assert alarms
    assert not any(each.cried_wolf for each in alarms)
    assert found.breaches[0].cried_wolf is False
    assert found.breaches[0].breach.since >= MONDAY + 7 * WEEK


def test_a_breach_that_windows_never_showed_has_no_lead():
    """Half a window of trouble that the good half hides: found all the same, and the promise of the window was kept."""
    found = replayed(declared(log([0.15] * 12 + [0.42] * 2 + [0.15] * 6, 200), PROMISE), MONDAY + 20 * WEEK)
    (breach,) = found.breaches
    assert breach.window_wrong is None
    assert breach.lead is None
    assert breach.cried_wolf is True  # by the yardstick that the other rules are held to, too


def test_lead_is_negative_where_the_window_was_first():
    breach = Breach(MONDAY, MONDAY + 3 * WEEK, None, None, None, None)
    assert BreachReplay(breach, MONDAY + WEEK, False).lead == -2 * WEEK


# What cannot be replayed ---------------------------------------------------------------------------------------------


def test_without_objectives_there_is_nothing_to_replay():
    found = leadline.backtest(declared(log([0.2] * 3, 2)))
    assert found.objectives == ()
    assert "No objectives are declared" in repr(found)


def test_the_rule_interval_has_no_looks():
    found = replayed(declared(log([0.9] * 6, 5), {**PROMISE, "rule": "interval"}))
    assert (found.looks, found.look, found.start, found.breaches, found.rules) == (0, None, None, (), ())
    assert found.why == "its rule `interval` has no looks: leadline check --as-of says what it said at a time"


def test_before_a_look_has_closed_nobody_knows():
    assert replayed(declared(log([0.9]), PROMISE), MONDAY + timedelta(days=5)).why == "no look has closed yet"


def test_few_looks_are_no_reference():
    found = replayed(declared(log([0.2] * 7, 5), PROMISE), MONDAY + 7 * WEEK)
    assert "3 are needed" in str(rule(found, "mean_3_sigma").why)
    assert "3 are needed" in str(rule(found, "p_below_05").why)
    assert rule(found, "fixed_threshold").why is None


def test_looks_without_a_figure_are_not_looked_at():
    rows = log([0.2] * 20, 10)
    for each in rows:
        week = (each["timestamp"] - MONDAY) // WEEK
        each["label"] = week not in (6, 7, 8)  # no positives, no recall
    found = replayed(declared(rows, PROMISE), MONDAY + 20 * WEEK)
    assert rule(found, "fixed_threshold").looks == 17
    assert rule(found, "mean_3_sigma").looks == 12
    quiet = [MONDAY + (week + 1) * WEEK for week in (6, 7, 8)]
    assert not any(alarm.at in quiet for each in found.rules for alarm in each.alarms)


def test_a_metric_that_is_never_defined_says_so():
    rows = [{**each, "label": False} for each in log([0.2] * 20, 3)]
    found = replayed(declared(rows, PROMISE), MONDAY + 20 * WEEK)
    assert found.breaches == ()
    assert [(each.looks, each.alarms) for each in found.rules] == [(0, ())] * 3


def test_slices_are_replayed_on_their_own_and_left_out_ones_say_why():
    rows = log([0.2] * 24, 40, carrier="good") + [
        {**each, "id": "b" + each["id"]} for each in log([0.2] * 12 + [0.7] * 12, 20, seed=1, carrier="bad")
    ]
    promise = {**PROMISE, "at_least": 0.6, "slices": ["carrier"]}
    of = declared(rows, promise, slices=["carrier"])
    found = {str(each.slice): each for each in leadline.backtest(of, as_of=MONDAY + 24 * WEEK).objectives}
    assert [len(found[name].breaches) for name in ("all rows", "carrier=good", "carrier=bad")] == [0, 0, 1]
    assert found["carrier=bad"].breaches[0].cried_wolf is False
    without = [{key: value for key, value in each.items() if key != "carrier"} for each in rows]
    of = declared(without, promise, slices=["carrier"])
    gone = {str(each.slice): each for each in leadline.backtest(of, as_of=MONDAY + 24 * WEEK).objectives}
    assert gone["carrier=(left out)"].why == "the slice 'carrier' is left out"
    assert gone["all rows"].why is None


# Other metrics -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("promise", "declared_too"),
    [
        ({"metric": "mae", "at_most": 1.2}, {}),
        ({"metric": "rmse", "at_most": 1.8}, {}),
        ({"metric": "absolute_error_quantile(quantile=0.9)", "at_most": 3.0}, {}),
        ({"metric": "bias", "at_least": -1.4}, {}),
    ],
)
def test_regressions(promise, declared_too):
    random = np.random.default_rng(3)
    rows = []
    for day in range(7 * 24):
        for place in range(30):
            at = MONDAY + timedelta(days=day, minutes=place)
            error = random.exponential(1.0 if day < 84 else 2.0)
            rows.append({"id": f"{day}-{place}", "timestamp": at, "prediction": 10.0, "label": 10.0 + error})
    of = spec(rows, task="regression", metrics=["mae"], objectives=[{**promise, "window": "28d"}], **declared_too)
    found = replayed(of, MONDAY + 24 * WEEK)
    (breach,) = found.breaches
    assert breach.cried_wolf is False
    alarms = [each.at for each in rule(found, "fixed_threshold").alarms if each.at > MONDAY + 13 * WEEK]
    assert len(alarms) == 11
    assert len(rule(found, "p_below_05").alarms) >= 12


def test_auc_and_f1():
    random = np.random.default_rng(5)
    rows = []
    for day in range(7 * 24):
        for place in range(60):
            label = bool(random.random() < 0.3)
            score = 1 / (1 + np.exp(-random.normal((1.6 if day < 84 else 0.2) if label else 0.0)))
            at = MONDAY + timedelta(days=day, minutes=place)
            rows.append({"id": f"{day}-{place}", "timestamp": at, "score": score, "label": label})
    promises = [{"metric": "roc_auc", "at_least": 0.75, "window": "28d"}, {"metric": "f1", "at_least": 0.55,
                 "window": "28d"}]  # fmt: skip
    of = spec(rows, metrics=["roc_auc"], objectives=promises, threshold=0.5)
    for found in leadline.backtest(of, as_of=MONDAY + 24 * WEEK).objectives:
        assert [each.cried_wolf for each in found.breaches] == [False], found
        assert len(rule(found, "p_below_05").alarms) >= 11


def test_feedback_on_its_own_calendar():
    rows = log([0.2] * 16, 30)
    random = np.random.default_rng(2)
    clicks = [
        {"id": each["id"], "clicked": bool(random.random() < (0.4 if number < 2100 else 0.15)),
         "seen_at": each["timestamp"] + timedelta(hours=1)}
        for number, each in enumerate(rows)
    ]  # fmt: skip
    feedback = [{"name": "click", "source": table(clicks), "columns": {"value": "clicked",
                 "observed_at": "seen_at"}, "matures_after": "1d"}]  # fmt: skip
    promise = {"metric": "click", "at_least": 0.3, "window": "28d"}
    found = replayed(declared(rows, promise, feedback=feedback), MONDAY + timedelta(weeks=16, days=1))
    (breach,) = found.breaches
    assert breach.cried_wolf is False
    assert breach.breach.since >= MONDAY + 9 * WEEK
    assert found.broken > 0


def test_hours_and_weights():
    rows = [{**each, "weight": 0.5 + number % 3} for number, each in enumerate(log([0.1] * 2, 48))]
    for each in rows:
        each["prediction"] = each["prediction"] and each["timestamp"] < MONDAY + timedelta(days=10)
    of = declared(rows, {**PROMISE, "window": "1h"}, matures_after="2h")
    found = replayed(of, MONDAY + 2 * WEEK)
    assert str(found.look) == "1h"
    assert found.breaches
    assert found.breaches[-1].breach.since >= MONDAY + timedelta(days=9)
    assert found.breaches[-1].cried_wolf is False
    assert found.breaches[-1].lead is not None
