"""What is said of a stretch of time is true of its rows: recomputed from these, never from what was found."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from leadline.quality.episodes import episodes
from leadline.quality.fault import Episode
from leadline.quality.findings import finding
from leadline.quality.history import sightings
from leadline.quality.memory import LASTING
from leadline.values import Finding, Slice, Window
from quality import tables
from quality.summaries import START, partitions

DAYS, ROWS, BEGIN = 60, 200, 40
DAY = np.repeat(np.arange(DAYS), ROWS)
LATE = DAY >= BEGIN


def found(frame, day=DAY, **more) -> tuple[list[Episode], list[Finding]]:
    """The episodes, and what is told of them."""
    log = partitions(frame, day, season=7, **more)
    every = list(episodes(log, sightings(log)))
    asked = Window(log.starts[0], log.ends[-1])
    return every, [finding(log, each, asked) for each in every]


def only(kind: str, frame, day=DAY, **more) -> tuple[Episode, Finding]:
    every, told = found(frame, day, **more)
    (pair,) = (pair for pair in zip(every, told, strict=True) if pair[0].fault.kind == kind)
    return pair


def date(day: int) -> str:
    return f"{START + timedelta(days=day):%Y-%m-%d}"


def before_and_now(told: Finding) -> list[tuple[int, int, float, int]]:
    """Of each figure the days from which to which, the value, and the rows."""
    return [
        ((each.window.start - START).days, (each.window.end - START).days, each.value, each.n) for each in told.evidence
    ]


# Values beyond a limit -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("change", ["up", "down", "shrunk"])
def test_a_shift_of_all_values_is_no_cut(seed, change):
    random = np.random.default_rng([seed, 1])
    day = np.repeat(np.arange(DAYS), 400)
    x = random.normal(size=len(day))
    late = day >= BEGIN
    x = np.where(late, {"up": x + 1, "down": x - 1, "shrunk": 0.6 * x - 0.4}[change], x)
    every, _ = found({"x": x}, day)
    assert "cut_off" not in {each.fault.kind for each in every}
    assert any(each.first == BEGIN and each.ongoing for each in every)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("held", "above"), [(True, True), (False, True), (False, False)])
def test_of_a_cut_no_row_of_the_stretch_lies_beyond_and_the_share_before_is_that_of_the_rows(seed, held, above):
    random = np.random.default_rng([seed, 2])
    x, sign = random.gamma(2, 30, len(DAY)), 1 if above else -1
    limit = np.quantile(x, 0.9 if above else 0.1)
    beyond = LATE & (sign * x > sign * limit)
    keep = np.ones(len(DAY), bool) if held else ~beyond
    x = np.where(beyond, limit, x)[keep]
    day = DAY[keep]
    each, told = only("cut_off", {"x": x}, day)
    assert (each.first, each.ongoing) == (BEGIN, True)
    numbers = re.findall(r"(?:held to|above|below) (-?[\d.]+\d)", told.what)
    said, edge = float(numbers[0]), float(numbers[-1])
    mine = x[day >= BEGIN]
    assert (sign * mine <= sign * said + 0.005 * abs(said)).all()
    ((first, until, share, n), (begin, end, now, rows)) = before_and_now(told)
    assert (begin, end, now, rows) == (BEGIN, DAYS, 0.0, len(mine))
    past = x[(day >= first) & (day < until)]
    assert (until, n) == (BEGIN, len(past))
    assert share == pytest.approx((sign * past > sign * edge).mean(), abs=0.005)


def test_a_level_limit_is_not_the_end_of_the_data():
    random = np.random.default_rng(3)
    x = random.normal(100, 15, len(DAY))
    x[DAY >= BEGIN] = 100 + 0.75 * (x[DAY >= BEGIN] - 100)
    every, _ = found({"x": x, "whole": np.round(x)})
    assert not [each for each in every if each.fault.detail == ("by time",)]


def test_rows_that_are_not_there_before_their_length_of_time_is_over_are_told_with_their_figures():
    random = np.random.default_rng(4)
    days = 150
    day = np.repeat(np.arange(days), 100)
    length = np.floor(random.gamma(2, 40, len(day)))
    there = day + length <= days + 30
    day, length = day[there], length[there]
    each, told = only("cut_off", {"lead_time": length}, day)
    assert each.fault.detail == ("by time",)
    most = int(re.search(r"now at most (\d+) days", told.what)[1])
    assert length[day == days - 1].max() <= most
    _, (begin, end, share, n) = before_and_now(told)
    mine = length[(day >= begin) & (day < end)]
    assert (end, n) == (days, len(mine))
    assert share == pytest.approx((mine > most).mean(), abs=0.03)  # by bins of 5 %
    highest = [length[day == at].max() for at in range(begin, days)]
    assert np.polyfit(np.arange(len(highest)), highest, 1)[0] == pytest.approx(-1, abs=0.25)


# Shares of rows ------------------------------------------------------------------------------------------------------


def test_the_share_missing_is_that_of_all_rows_since_then_though_days_differ():
    random = np.random.default_rng(5)
    sizes = np.where(np.arange(DAYS) % 7 >= 5, 100, 300)
    day = np.repeat(np.arange(DAYS), sizes)
    late, share = day >= BEGIN, np.where(day % 7 >= 5, 0.2, 0.5)
    x = np.where(late & (random.random(len(day)) < share), np.nan, random.normal(size=len(day)))
    _, told = only("null_jump", {"x": x}, day)
    ((first, until, past, n), (begin, end, now, rows)) = before_and_now(told)
    missing = np.isnan(x[late])
    assert (begin, end, now, rows) == (BEGIN, DAYS, pytest.approx(missing.mean()), late.sum())
    assert (first, until, past, n) == (0, BEGIN, 0.0, (day < BEGIN).sum())
    assert told.rows == missing.sum()
    assert f"missing in {100 * missing.mean():.2g} % of the rows since {date(BEGIN)}" in told.what


def test_of_a_slice_the_rows_are_those_of_the_slice():
    random = np.random.default_rng(6)
    shop = random.choice(["a", "b", "c"], len(DAY)).astype(object)
    x = np.where(LATE & (shop == "b") & (random.random(len(DAY)) < 0.5), np.nan, random.normal(size=len(DAY)))
    _, told = only("null_jump", {"x": x, "shop": shop}, slices={"shop": shop})
    mine = np.isnan(x[LATE & (shop == "b")])
    assert told.slice == Slice((("shop", "b"),))
    assert (told.rows, told.evidence[-1].value, told.evidence[-1].n) == (
        mine.sum(),
        pytest.approx(mine.mean()),
        len(mine),
    )


def test_missing_values_have_ended_once_their_share_is_back_at_what_it_was():
    random = np.random.default_rng(7)
    share = np.where((DAY >= 30) & (DAY < 50), 0.6, 0.4)
    x = np.where(random.random(len(DAY)) < share, np.nan, random.normal(size=len(DAY)))
    each, told = only("null_jump", {"x": x})
    assert (each.first, each.last, each.ongoing) == (30, 49, False)
    assert told.evidence[-1].value == pytest.approx(np.isnan(x[(DAY >= 30) & (DAY < 50)]).mean())
    assert f"from {date(30)} to {date(49)}" in told.what


def test_a_value_that_is_in_all_rows_is_not_said_to_have_been_in_the_rows_near_it():
    random = np.random.default_rng(8)
    x = random.normal(100, 25, len(DAY))
    assert not (x == 100).any()
    _, told = only("frozen", {"x": np.where(LATE, 100.0, x)})
    assert f"x: 100 in all rows since {date(BEGIN)}; before values went from" in told.what
    low, high = (float(each) for each in re.search(r"went from (-?[\d.]+) to ([\d.]+);", told.what).groups())
    past = x[~LATE & (DAY >= BEGIN - 56)]
    assert (low, high) == pytest.approx((past.min(), past.max()), rel=0.005)
    ((begin, end, share, n),) = before_and_now(told)
    assert (begin, end, share, n) == (BEGIN, DAYS, 1.0, LATE.sum())


def test_few_rows_after_a_fault_do_not_end_it():
    random = np.random.default_rng(9)
    x = random.gamma(3, 2, len(DAY))
    keep = (DAY < DAYS - 1) | (np.arange(len(DAY)) % ROWS < 5)
    each, _ = only("unit_change", {"x": np.where(LATE, 1000 * x, x)[keep]}, DAY[keep])
    assert (each.first, each.ongoing) == (BEGIN, True)


# Rows of a day -------------------------------------------------------------------------------------------------------


def test_how_many_rows_there_are_is_said_beside_the_same_days_of_the_week():
    random = np.random.default_rng(10)
    weekend = np.arange(DAYS) % 7 >= 5
    usual = np.where(weekend, 200, 400) + random.integers(-8, 9, DAYS)
    sizes = np.where(np.arange(DAYS) >= BEGIN, usual // 2, usual)
    _, told = only("volume", {"x": random.normal(size=sizes.sum())}, np.repeat(np.arange(DAYS), sizes))
    same = [np.mean([sizes[at] for at in range(BEGIN) if at % 7 == day % 7]) for day in range(BEGIN, DAYS)]
    assert told.what.startswith(f"{sizes[BEGIN:].mean():,.0f} rows a day on average")
    assert f"usually about {np.mean(same):,.0f} a day on the same days of the week" in told.what
    assert f"{100 * (1 - sizes[BEGIN:].mean() / np.mean(same)):.2g} % fewer" in told.what
    assert told.rows == sizes[BEGIN:].sum()


def test_a_day_without_rows_has_ended_once_there_are_some_though_that_day_is_not_over():
    random = np.random.default_rng(17)
    day = DAY[(DAY != DAYS - 2) & ((DAY < DAYS - 1) | (np.arange(len(DAY)) % ROWS < 50))]
    log = partitions({"x": random.normal(size=len(day))}, day, season=7)
    log = replace(log, complete=np.arange(DAYS) < DAYS - 1)
    (each,) = episodes(log, sightings(log))
    assert (each.fault.kind, each.first, each.last, each.ongoing) == (
        "missing_partition",
        DAYS - 2,
        DAYS - 2,
        False,
    )


# What goes on --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_a_step_that_shows_in_mean_and_spread_is_one_episode_that_goes_on(seed):
    random = np.random.default_rng([seed, 11])
    x = random.normal(100, 20, len(DAY))
    x = np.where(LATE, 110 + 1.3 * (x - 100), x)
    every, told = found({"x": x})
    (each,) = (each for each in every if each.first >= BEGIN - 1)
    assert each.ongoing
    assert DAYS - BEGIN > LASTING
    (said,) = (each.what for each in told if f"since {date(each_first(each))}" in each.what)
    begin = each.first
    value = float(re.search(r"is ([\d.]+) since", said)[1])
    mine = x[begin <= DAY]
    truth = mine.std() if "spread" in said else mine.mean()
    assert value == pytest.approx(truth, rel=0.02)


def each_first(told: Finding) -> int:
    return (told.since - START).days


def test_a_small_step_is_not_over_because_a_day_looks_usual():
    random = np.random.default_rng(12)
    kind = np.where(random.random(len(DAY)) < np.where(LATE, 0.34, 0.5), "a", random.choice(["b", "c"], len(DAY)))
    every, told = found({"kind": kind.astype(object)})
    (each,) = (each for each in every if each.fault.kind == "unusual" and each.first >= BEGIN)
    assert each.ongoing
    (said,) = (each.what for each in told if each.since >= START + timedelta(days=BEGIN))
    share = (kind[each.first <= DAY] == "a").mean()
    assert f"the share of 'a', the most frequent value, is {100 * share:.2g} % since" in said
    usually = re.search(r"usually ([\d.]+) %(?: to ([\d.]+) %)?", said)
    ends = [float(each) for each in usually.groups() if each]
    assert 100 * share < ends[0] - 0.5  # the sentence does not contradict itself


@pytest.mark.parametrize("change", [lambda x: 1000 * x, lambda x: -x, lambda x: x + 6])
def test_what_lasted_so_long_that_it_was_usual_ends_on_its_last_day_and_its_end_is_no_fault(change):
    random = np.random.default_rng(13)
    x = random.gamma(3, 2, len(DAY))
    during = (DAY >= 20) & (DAY < 45)
    every, told = found({"x": np.where(during, change(x), x)})
    (each,) = every
    assert (each.first, each.last, each.ongoing) == (20, 44, False)
    assert f"from {date(20)} to {date(44)}" in told[0].what


# Of all kinds --------------------------------------------------------------------------------------------------------


def counted(kind: str, values: np.ndarray, detail: tuple) -> np.ndarray:
    """Rows that a fault is about."""
    if kind == "null_jump":
        return np.array([value is None or value != value for value in values])  # noqa: PLR0124
    return np.array([str(value) if isinstance(detail[0], str) else value for value in values]) == detail[0]


@pytest.mark.parametrize("kind", ["null_jump", "sentinel", "new_category"])
@pytest.mark.parametrize("seed", range(5))
def test_rows_figures_and_windows_of_planted_faults_are_those_of_their_rows(kind, seed):
    rows, (name,) = tables.planted(kind, np.random.default_rng([seed, 12]))
    log = rows.summary()
    every = episodes(log, sightings(log))
    (each,) = (each for each in every if each.fault.kind == kind and each.fault.columns == (name,))
    told = finding(log, each, Window(log.starts[0], log.ends[-1]))
    assert each.first == tables.START
    for estimate in told.evidence:
        first, until = ((end - START).days for end in (estimate.window.start, estimate.window.end))
        values = rows.frame[name][(rows.day >= first) & (rows.day < until)]
        if kind == "new_category":  # of the rows that have a value
            values = values[~counted("null_jump", values, ())]
        mine = counted(kind, values, each.fault.detail)
        assert (estimate.value, estimate.n) == (pytest.approx(mine.mean()), len(mine))
    assert told.rows == mine.sum()


def test_a_value_that_stands_for_none_begins_with_its_first_row_though_the_column_was_unusual_before():
    random = np.random.default_rng(14)
    x = random.normal(100, 5, len(DAY))
    x = np.where(DAY == BEGIN - 1, x + 4, x)
    hit = LATE & (random.random(len(DAY)) < 0.1)
    each, told = only("sentinel", {"x": np.where(hit, -999.0, x)})
    assert each.first == BEGIN
    assert told.rows == hit.sum()


@pytest.mark.parametrize("last", [89, 69])
def test_a_step_that_hides_on_many_a_day_goes_on_to_the_end_and_one_that_ended_has_ended(last):
    right = 0
    for seed in range(12):
        random = np.random.default_rng([seed, 15])
        day = np.repeat(np.arange(90), 400)
        x = random.normal(size=len(day)) + 3 / np.sqrt(400) * ((day >= 60) & (day <= last))
        every, _ = found({"x": x}, day)
        mine = [each for each in every if each.fault.detail == ("level", "above") and each.last >= 60]
        right += [(each.ongoing, abs(each.last - last) <= 4) for each in mine] == [(last == 89, True)]
    assert right >= 10


def test_a_share_that_had_always_been_the_same_is_told_with_what_it_was():
    random = np.random.default_rng(16)
    x = random.gamma(4, 2, len(DAY))
    hit = LATE & (random.random(len(DAY)) < 0.1)
    _, told = found({"x": np.where(hit, -x / 10, x)})
    (said,) = (each.what for each in told if "negative" in each.what)
    share = hit[LATE].mean()
    assert said.startswith(f"x: the share of negative values is {100 * share:.2g} % since {date(BEGIN)}; usually none;")
