"""What rules learnt from history do on numbers without a change, and what one break of many columns becomes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from leadline.quality.episodes import episodes
from leadline.quality.fault import Episode, Fault
from leadline.quality.faults import FAULTS, OF_LOG, OVER_TIME
from leadline.quality.findings import ranked
from leadline.quality.history import sightings
from leadline.quality.memory import BACK, LASTING, LEAST
from leadline.quality.standing import STANDING
from leadline.spec.model import FEATURE_RULES
from leadline.values import Window
from quality import tables
from quality.summaries import partitions

DAYS, ROWS = 30, 200


def quiet(random: np.random.Generator, columns: int, days: int = DAYS, rows: int = ROWS, between: float = 0.05):
    """Columns of normal values whose mean and missing share vary from day to day, without a trend."""
    place = np.repeat(np.arange(days), rows)
    frame = {}
    for at in range(columns):
        values = random.normal(10, 2, len(place)) + random.normal(0, 2 * between, days)[place]
        values[random.random(len(place)) < 0.05] = np.nan
        frame[f"x{at}"] = values
    return frame, place


def begun(frame, place):
    log = partitions(frame, place)
    return episodes(log, sightings(log))


def test_days_without_a_change_are_left_alone():
    found = days = 0
    for seed in range(4):
        frame, place = quiet(np.random.default_rng(seed), 50)
        found += len({each.first for each in begun(frame, place)})
        days += DAYS - LEAST
    assert found / days <= 0.07


def told(log, window=28):
    """What a check tells of the last partitions, and what the rules found of them."""
    asked = Window(log.starts[-window], log.ends[-1])
    every = episodes(log, sightings(log, max(0, len(log) - window - LASTING)))
    return ranked(log, every, asked), [each for each in every if each.first >= len(log) - window]


def test_of_checks_of_four_weeks_without_a_change_hardly_any_tells_something_unusual():
    logs = [tables.uneventful(np.random.default_rng([seed, 1]), days=70) for seed in range(10)]
    checks = [told(log) for log in logs]
    vague = [[any(each.fault.kind == "unusual" for each in some) for some in check] for check in checks]
    assert sum(mine for mine, _ in vague) <= 1
    assert sum(found for _, found in vague) >= 3  # on single days, as often as a check of that day may be wrong


@pytest.mark.slow
def test_one_of_ten_checks_of_four_weeks_without_a_change_tells_something_unusual_at_most():
    checks = [told(tables.uneventful(np.random.default_rng([seed, 2])))[0] for seed in range(100)]
    assert sum(any(each.fault.kind == "unusual" for each in check) for check in checks) <= 10


@pytest.mark.parametrize(
    ("moved", "is_told"),
    [({45: 1.0}, True), ({45: 0.5}, False), ({45: 0.5, 46: 0.9}, True), ({59: 0.6}, True), ({59: 0.1}, False)],
)
def test_what_is_unusual_is_told_where_it_is_plain_lasts_or_is_new(moved, is_told):
    frame, place = quiet(np.random.default_rng(3), 2, days=60)
    for day, by in moved.items():
        frame["x0"] = frame["x0"] + by * (place == day)
    mine, found = told(partitions(frame, place))
    first = min(moved)
    assert any(each.first == first and each.fault.columns == ("x0",) for each in mine) == is_told
    assert any(each.first == first for each in found) == (max(moved.values()) >= 0.5)


def test_what_touches_more_rows_comes_first_where_shares_are_alike():
    log = partitions({"x": np.ones(600)}, np.repeat(np.arange(6), 100), 6)
    asked = Window(log.starts[0], log.ends[-1])

    def fault(name, share, first):
        return Episode(Fault("new_category", (name,), "", "", "", share), first, 5, ongoing=True)

    found = [fault("late", 0.014, 5), fault("early", 0.011, 1), fault("large", 0.5, 5), fault("old", 0.011, 2)]
    assert [each.fault.columns[0] for each in ranked(log, found, asked)] == ["large", "early", "old", "late"]


@pytest.mark.slow
def test_at_most_7_of_100_days_of_50_columns_and_6_statistics_have_a_finding():
    found = days = 0
    for seed in range(40):
        frame, place = quiet(np.random.default_rng([seed, 5]), 50)
        found += len({each.first for each in begun(frame, place)})
        days += DAYS - LEAST
    assert found / days <= 0.07


@pytest.mark.parametrize("seed", [3, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(100, 120))])
def test_a_break_of_40_columns_that_go_together_is_told_in_two_findings_at_most(seed):
    random = np.random.default_rng(seed)
    frame, place = quiet(random, 10)
    common = random.normal(0, 1, DAYS)[place]
    frame |= {f"y{at}": common + random.normal(0, 1, len(place)) for at in range(40)}
    broken = place >= DAYS - 3
    for at in range(40):
        frame[f"y{at}"] = np.where(broken, frame[f"y{at}"] * 0.3 + 9, frame[f"y{at}"])
    late = [each for each in begun(frame, place) if each.first >= DAYS - 4]
    assert 1 <= len(late) <= 2
    assert {name for each in late for name in each.fault.columns} >= {f"y{at}" for at in range(40)}


def test_what_lasts_becomes_usual_and_its_end_is_no_fault_of_its_own():
    frame, place = quiet(np.random.default_rng(4), 3, days=BACK)
    frame["x0"] = np.where(place >= 20, frame["x0"] * 1000, frame["x0"])
    (only,) = (each for each in begun(frame, place) if each.fault.kind == "unit_change")
    assert only.first == 20
    assert only.ongoing
    assert only.last == BACK - 1


def test_the_order_and_the_names_of_columns_do_not_matter():
    frame, place = quiet(np.random.default_rng(5), 4)
    frame["x1"] = np.where(place >= 22, -frame["x1"], frame["x1"])
    turned = {name: frame[name] for name in reversed(frame)}
    assert [each.fault for each in begun(frame, place)] == [each.fault for each in begun(turned, place)]
    renamed = begun({f"{name}?": values for name, values in frame.items()}, place)
    assert [each.fault.columns for each in renamed] == [
        tuple(f"{name}?" for name in each.fault.columns) for each in begun(frame, place)
    ]


@pytest.mark.parametrize("days", [0, 1, LEAST])
def test_of_a_short_log_nothing_is_said(days):
    frame, place = quiet(np.random.default_rng(6), 2, days=max(days, 1))
    log = partitions(
        {name: values[: days * ROWS] for name, values in frame.items()}, place[: days * ROWS], max(days, 1)
    )
    assert sightings(log) == ()


def test_a_column_without_any_value_is_no_fault_of_a_day():
    _, place = quiet(np.random.default_rng(7), 1)
    assert begun({"x": np.full(len(place), np.nan)}, place) == ()


def test_every_fault_is_explained():
    text = (Path(__file__).parents[2] / "docs" / "reference" / "faults.md").read_text()
    explained = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    functions = (*FAULTS, *OF_LOG, *OVER_TIME, *STANDING)
    named = {each.__name__ for each in functions} - {"not_yet_there"}  # it is told as `cut_off`
    others = {"null_join_keys", "renamed_category", "fan_out", "unusual", "missing_column", "freshness"}
    assert explained == named | others | set(FEATURE_RULES)
