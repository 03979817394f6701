"""A backtest as text and JSON, made by hand."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len
from rich.console import Console

from leadline.report.backtest import BacktestReport, Replayed, backtest_document, backtest_summary
from leadline.values import ALL_ROWS, Alarm, Breach, BreachReplay, Replay, RuleReplay, Slice, Span, Target
from report.conftest import PAYLOADS

START = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = timedelta(weeks=1)
PROMISE = Target("at_least", 0.7)


def rules(*alarms: bool | None, why: str | None = None) -> tuple[RuleReplay, ...]:
    told = tuple(Alarm(START + place * WEEK, each) for place, each in enumerate(alarms))
    learning = (RuleReplay(name, 5, 15, told, None) for name in ("mean_3_sigma", "p_below_05"))
    if why is not None:
        learning = (RuleReplay(name, 0, 0, (), why) for name in ("mean_3_sigma", "p_below_05"))
    return (*learning, RuleReplay("fixed_threshold", 0, 20, told[:1]))


def replay(where: Slice = ALL_ROWS, breaches: tuple[BreachReplay, ...] = (), **more: object) -> Replay:
    said = {"rules": rules(True, True, False, None), **more}
    return Replay(
        "recall", where, PROMISE, Span(28, "d"), Span(7, "d"), 20, START, START + 20 * WEEK, 3, breaches, **said
    )


def untold(why: str) -> Replay:
    return Replay("recall", ALL_ROWS, PROMISE, Span(28, "d"), None, 0, None, None, 0, (), (), why)


BREACH = Breach(START + 9 * WEEK, START + 12 * WEEK, START + 18 * WEEK, 0.5, 0.4, 0.6)
FOUND = BreachReplay(BREACH, START + 14 * WEEK, False)


def replayed(*objectives: Replay, model: str = "small") -> Replayed:
    return Replayed(model, "binary", "UTC", START + 20 * WEEK, objectives)


def printed(content: Replayed, width: int = 100) -> str:
    text = io.StringIO()
    Console(file=text, width=width, highlight=False).print(BacktestReport(content))
    return text.getvalue()


def test_it_says_what_fired_and_who_cried_wolf():
    text = printed(replayed(replay(breaches=(FOUND,)), replay(Slice((("carrier", "B6"),)))))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "1 objective (2 with their slices): 1 breach found." in text
    assert "recall ≥ 0.7 all rows 2024-03-25 2024-03-04 2024-05-06 14 days" in lines
    assert "Leadline's detector 1 1 0 0 40" in lines
    assert "mean ± 3σ of the reference 8 2 4 2 30" in lines
    assert "the target for every look 2 0 2 0 40" in lines
    assert "In 2 of 2 some window broke the promise," in " ".join(text.split())
    assert "the detector found 1 of them" in " ".join(text.split())
    assert "From 2024-01-01 to 2024-05-19, over 2 objectives and slices." in " ".join(text.split())


def test_what_nobody_could_say_is_told():
    text = " ".join(
        printed(replayed(replay(rules=rules(why="too few looks")), untold("no look has closed yet"))).split()
    )
    assert "Rules that need a reference say nothing of 1 objective or slice: too few looks." in text
    assert "What could not be replayed? recall ≥ 0.7 for all rows: no look has closed yet." in text
    many = " ".join(printed(replayed(*[untold("no look has closed yet")] * 9)).split())
    assert "… and 4 more." in many
    assert "Who would have" not in many


def test_a_rule_without_a_look_is_no_perfect_one():
    lines = [
        " ".join(line.split()) for line in printed(replayed(replay(rules=rules(why="too few looks")))).splitlines()
    ]
    assert "mean ± 3σ of the reference no look on which it could fire" in lines
    assert "the target for every look 0 0 0 0 20" in lines


def test_without_objectives():
    assert backtest_summary(replayed()) == "No objectives are declared."
    assert "No objectives are declared." in printed(replayed())
    assert backtest_document(replayed())["objectives"] == []


def test_long_lists_are_cut():
    assert "… and 5 later ones" in printed(replayed(replay(breaches=(FOUND,) * 35)))


@pytest.mark.parametrize("width", [30, 60, 80, 200])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_of_strangers_steer_nothing_and_lines_keep_to_the_width(payload, width):
    where = Slice(((payload, payload),))
    text = printed(replayed(replay(where, (FOUND,)), untold(payload), model=payload), width)
    assert all(cell_len(line) <= width for line in text.split("\n"))
    assert not set("\x00\x08\x1b\u202e\u2066\ufeff") & set(text)


def test_a_summer_clock_makes_no_odd_days():
    zone = ZoneInfo("Europe/Berlin")
    breach = Breach(START, datetime(2024, 3, 25, tzinfo=zone), None, None, None, None)
    content = replayed(replay(breaches=(BreachReplay(breach, datetime(2024, 4, 8, tzinfo=zone), None),)))
    assert "14 days" in printed(content)


def test_the_document_has_the_keys_that_are_promised():
    found = json.loads(json.dumps(backtest_document(replayed(replay(breaches=(FOUND,)), untold("x"))), allow_nan=False))
    assert set(found) == {"schema", "model", "task", "timezone", "as_of", "objectives"}
    told, silent = found["objectives"]
    assert set(told) == set(silent)
    assert told["breaches"] == [
        {"since": "2024-03-04T00:00:00Z", "found": "2024-03-25T00:00:00Z", "cleared": "2024-05-06T00:00:00Z",
         "value": 0.5, "low": 0.4, "high": 0.6, "window_wrong": "2024-04-08T00:00:00Z", "lead_days": 14.0,
         "cried_wolf": False}
    ]  # fmt: skip
    assert told["rules"][2] == {
        "rule": "fixed_threshold",
        "reference": 0,
        "looks": 20,
        "alarms": [{"at": "2024-01-01T00:00:00Z", "cried_wolf": True}],
        "why": None,
    }
    assert (silent["look"], silent["start"], silent["why"]) == (None, None, "x")
