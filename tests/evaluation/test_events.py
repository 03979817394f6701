"""Events: read from a declaration or a table, with what metrics did around them; candidates for a change."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import leadline
from evaluation.small import spec
from leadline.values import InputError
from leadline.why.before_after import LEAST_OTHERS, before_after

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
PROMISE = {"metric": "accuracy", "at_least": 0.5, "window": "28d"}


def log(accuracy: np.ndarray, a_day: int = 200, seed: int = 0, **columns: Any) -> pa.Table:
    """Rows of days of which a share is right: one share for each day."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(len(accuracy)), a_day)
    start = np.datetime64(MONDAY.replace(tzinfo=None), "us")
    return pa.table(
        {
            "id": np.arange(len(day)),
            "timestamp": pa.array(start + day * np.timedelta64(86_400_000_000, "us"), pa.timestamp("us", "UTC")),
            "prediction": rng.random(len(day)) < accuracy[day],
            "label": np.ones(len(day), bool),
        }
        | {name: make(rng, day) for name, make in columns.items()}
    )


def checked(table: pa.Table, events: Any, **declared: Any) -> leadline.Result:
    parts = {"metrics": ["accuracy"], "features": [], "objectives": [PROMISE], "events": events}
    parts |= {"find_slices": False, "check_columns": False} | declared
    return leadline.check(spec(table, **parts))


def at(day: float) -> str:
    return (MONDAY + timedelta(days=day)).isoformat()


DROP = np.where(np.arange(120) < 80, 0.8, 0.6)


def test_an_event_with_an_effect_is_found_and_one_without_is_not() -> None:
    result = checked(
        log(DROP), [{"at": at(80), "name": "new feature store", "kind": "deploy"}, {"at": at(30), "name": "nothing"}]
    )
    (found,) = [each for each in result.findings if each.kind == "event"]
    assert found.what.startswith("After 'new feature store' (2024-03-21) accuracy went from 0.80")
    assert "it moved as much at no other moment of this log" in found.what
    assert found.next.endswith("leadline compare --periods 2024-03-07..2024-03-21 2024-03-21..2024-04-04.")
    assert found.since == MONDAY + timedelta(days=80)
    assert found.effect is not None
    assert found.effect.low is not None
    assert found.effect.high is not None
    assert found.effect.low < -0.2 < found.effect.high
    assert [each.window.start for each in found.evidence] == [MONDAY + timedelta(days=day) for day in (66, 80)]
    quiet, loud = result.content.events
    assert (quiet.name, loud.name, loud.kind) == ("nothing", "new feature store", "deploy")
    assert quiet.low is not None
    assert quiet.high is not None
    assert quiet.low < 0 < quiet.high
    assert quiet.as_large is not None
    assert loud.as_large == 0


def test_an_event_that_is_told_twice_counts_once() -> None:
    told = {"at": at(80), "name": "new feature store", "kind": "deploy"}
    result = checked(log(DROP), [told, told, {**told, "kind": "incident"}])
    assert [(each.name, each.kind) for each in result.content.events] == [
        ("new feature store", "deploy"),
        ("new feature store", "incident"),
    ]


def test_what_a_metric_often_does_by_itself_is_no_effect() -> None:
    """It goes up and down in waves; an event stands at the beginning of one of them."""
    wave = 0.7 + 0.15 * np.sign(np.sin(np.arange(200) * 2 * np.pi / 28))
    result = checked(log(wave), [{"at": at(98), "name": "innocent"}])
    (told,) = result.content.events
    assert told.as_large is not None
    assert told.as_large > 0.05
    assert not [each for each in result.findings if each.kind == "event"]


def test_windows_are_of_equal_length_and_mature_and_leave_out_what_has_both_sides() -> None:
    def windows(day: float, **declared: Any) -> tuple[float, ...] | str | None:
        (told,) = checked(log(DROP, 20), [{"at": at(day), "name": "it"}], **declared).content.events
        if told.before is None or told.after is None:
            return told.why
        edges = (told.before.start, told.before.end, told.after.start, told.after.end)
        return tuple((edge - MONDAY) / timedelta(days=1) for edge in edges)

    assert windows(50) == (36, 50, 50, 64)
    assert windows(50.5) == (36, 50, 51, 65)  # the day itself is in neither
    assert windows(10) == (3, 10, 10, 17)  # a week where there is no more
    assert windows(3) == "the log has less than a week before it"
    assert windows(110, matures_after="5d") == "the log has less than a week after it whose labels should be in"


def test_events_of_a_table_are_those_of_a_list() -> None:
    table = pa.table(
        {
            "at": [at(80), at(30), None, "2024-01-05"],
            "name": ["drop", "quiet", "no time", None],
            "kind": ["a", None, "b", "c"],
        }
    )
    of_table = checked(log(DROP, 20), {"source": table, "columns": {"kind": "kind"}})
    of_list = checked(log(DROP, 20), [{"at": at(30), "name": "quiet"}, {"at": at(80), "name": "drop", "kind": "a"}])
    assert of_table.content.events == of_list.content.events
    (note,) = [each for each in of_table.notes if each.code == "events_unusable"]
    assert note.text == "2 events have no readable time or no name, or end before they began: left out."


def test_what_cannot_be_read_is_refused_and_later_events_are_not_known_yet() -> None:
    table = pa.table({"when": [at(30)], "what": ["it"]})
    with pytest.raises(InputError, match=r"events.columns.at: there is no column 'at'"):
        checked(log(DROP, 5), {"source": table})
    with pytest.raises(InputError, match="number"):
        checked(log(DROP, 5), {"source": pa.table({"at": [1.5], "name": ["it"]})})
    assert checked(log(DROP, 20), [{"at": at(125), "name": "it"}]).content.events == []


def test_a_new_version_is_an_event_and_names_are_given_beside_changes() -> None:
    version = {"version": lambda _, day: np.where(day < 80, "v1", "v2")}
    country = {"country": lambda rng, day: np.where(rng.random(len(day)) < np.where(day < 80, 0.2, 0.5), "DE", "FR")}
    result = checked(
        log(DROP, **version, **country),
        [{"at": at(78), "name": "marketing in Germany"}],
        slices=["country"],
        reference={"until": at(56)},
    )
    (found,) = [each for each in result.findings if each.kind == "event"]
    assert "After 'version v2' (2024-03-21)" in found.what
    assert found.next.endswith(". Also around that time: 'marketing in Germany' (2024-03-19, accuracy -0.166).")
    share = next(each for each in result.findings if each.kind == "share")
    near = "'version v2' (2024-03-21, accuracy -0.203), 'marketing in Germany' (2024-03-19, accuracy -0.166)"
    assert share.next.endswith(f"Around that time: {near}.")


def test_of_one_day_the_event_with_the_larger_effect_comes_first() -> None:
    country = {"country": lambda rng, day: np.where(rng.random(len(day)) < np.where(day < 80, 0.2, 0.5), "DE", "FR")}
    events = [{"at": at(79.5), "name": "a small one"}, {"at": at(80), "name": "b the same day", "kind": "x"}]
    result = checked(log(DROP, **country), events, slices=["country"], reference={"until": at(56)})
    share = next(each for each in result.findings if each.kind == "share")
    assert re.search(r"Around that time: 'b the same day' \(.*\), 'a small one' \(", share.next)


# Events that last ---------------------------------------------------------------------------------------------------


def test_while_an_event_lasts_is_put_beside_the_weeks_before() -> None:
    strike = np.where((np.arange(120) >= 80) & (np.arange(120) < 83), 0.5, 0.8)
    result = checked(log(strike), [{"at": at(80), "until": at(83), "name": "strike"}, {"at": at(100), "name": "none"}])
    (found,) = [each for each in result.findings if each.kind == "event"]
    assert found.what.startswith("During 'strike' (2024-03-21 to 2024-03-23) accuracy went from 0.80")
    assert "it moved as much at no other moment" in found.what
    told = result.content.events[0]
    assert (told.at, told.until) == (MONDAY + timedelta(days=80), MONDAY + timedelta(days=83))
    assert told.before is not None
    assert told.after is not None
    assert (told.after.start, told.after.end) == (told.at, told.until)
    assert told.before.end - told.before.start == timedelta(days=14)


def test_one_that_lasts_less_than_a_day_is_that_day_and_one_that_goes_on_ends_with_the_labels() -> None:
    def after(begin: float, end: float, **declared: Any) -> tuple[float, float] | str | None:
        event = {"at": at(begin), "until": at(end), "name": "it"}
        (told,) = checked(log(DROP, 20), [event], **declared).content.events
        if told.after is None:
            return told.why
        return (told.after.start - MONDAY) / timedelta(days=1), (told.after.end - MONDAY) / timedelta(days=1)

    assert after(50.3, 50.6) == (50, 51)
    assert after(50.3, 51.6) == (50, 52)
    assert after(110, 300) == (110, 120)
    assert after(110, 300, matures_after="5d") == (110, 115)
    assert after(118, 119, matures_after="5d") == "the log has no labels of it that should be in"
    assert after(3, 9) == "the log has less than a week before it"


def test_what_is_over_before_it_began_is_refused_or_left_out() -> None:
    with pytest.raises(InputError, match="'it' is over before it began: until has to be later than at"):
        checked(log(DROP, 5), [{"at": at(30), "until": at(30), "name": "it"}])
    table = pa.table({"at": [at(30), at(40)], "until": [at(20), None], "name": ["it", "another"]})
    result = checked(log(DROP, 20), {"source": table, "columns": {"until": "until"}})
    assert [each.name for each in result.content.events] == ["another"]
    (note,) = [each for each in result.notes if each.code == "events_unusable"]
    assert note.text == "1 event has no readable time or no name, or ends before it began: left out."


@pytest.mark.parametrize("runs", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_intervals_of_single_days_cover_where_days_differ(runs: int) -> None:
    """A day alone cannot tell how much days differ: those before it do. In .94 of 3,000 runs; METHODS asks for .93."""
    rng, covered = np.random.default_rng(8), 0
    for _ in range(runs):
        hits = rng.binomial(200, np.clip(0.7 + 0.08 * rng.normal(size=60), 0.05, 0.95)).astype(float)
        rows = np.full(60, 200.0)
        step = before_after(np.stack([hits, rows, hits, hits, rows], axis=1), (30, 44), (44, 45), [])
        assert step is not None
        covered += abs(step.after - step.before) <= step.sure.half()[0]
    assert covered / runs > 0.93 - 3 * (0.07 * 0.93 / runs) ** 0.5


def test_labels_that_were_chosen_tell_nothing_of_events() -> None:
    table = log(DROP, score=lambda rng, day: rng.random(len(day)), chance=lambda _, day: np.full(len(day), 0.5))
    chosen = table.filter(pa.array(np.random.default_rng(1).random(len(table)) < 0.5))
    declared = {
        "version": 1,
        "model": "small",
        "task": "binary",
        "predictions": {
            "source": table.drop_columns(["label", "chance"]),
            "columns": {"id": "id", "timestamp": "timestamp", "score": "score", "prediction": "prediction"},
            "features": [],
        },
        "outcomes": {
            "source": chosen.select(["id", "label", "chance"]),
            "columns": {"value": "label", "label_probability": "chance"},
        },
        "events": [{"at": at(80), "name": "it"}],
    }
    assert leadline.check(declared).content.events == []


def test_one_version_is_no_event() -> None:
    assert checked(log(DROP, 20, version=lambda _, day: np.full(len(day), "v1")), []).content.events == []


# Alone ---------------------------------------------------------------------------------------------------------------


def test_before_and_after_against_a_loop() -> None:
    rng = np.random.default_rng(4)
    hits, rows = rng.integers(0, 50, 60).astype(float), np.full(60, 100.0)
    ratio = np.stack([hits, rows, hits, hits, rows], axis=1)
    step = before_after(ratio, (10, 20), (20, 30), list(range(10, 51)))
    assert step is not None
    assert (step.before, step.after) == (hits[10:20].sum() / 1000, hits[20:30].sum() / 1000)
    moves = [abs(hits[at : at + 10].sum() - hits[at - 10 : at].sum()) / 1000 for at in range(10, 51)]
    assert step.as_large == np.mean([move >= abs(step.after - step.before) - 1e-12 for move in moves])
    few = before_after(ratio, (10, 20), (20, 30), list(range(10, 10 + LEAST_OTHERS - 1)))
    assert few is not None
    assert few.as_large is None
    rooted = before_after(ratio, (10, 20), (20, 30), [], rooted=True)
    assert rooted is not None
    assert rooted.after == step.after**0.5
    assert before_after(ratio * 0, (10, 20), (20, 30), []) is None
