"""What is wrong with the components of a pipeline: each kind planted and found, and hardly anything on quiet days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from leadline.log.runs import Run
from leadline.values import Window
from leadline.why.components import Expected, Kind, Trouble, troubles

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
WINDOW = Window(NOW - 28 * DAY, NOW)


def daily(name: str = "features", days: int = 60, seed: int = 0) -> list[Run]:
    """Runs at about three every morning that take about half an hour, the last one today."""
    rng = np.random.default_rng(seed)
    found = []
    for back in range(days - 1, -1, -1):
        start = NOW.replace(hour=3) - back * DAY + timedelta(minutes=float(rng.normal(0, 5)))
        end = start + timedelta(minutes=30 * float(rng.lognormal(0, 0.15)))
        found.append(Run(name, start, end, True, start - 2 * HOUR * float(rng.lognormal(0, 0.2)), f"{name}-{back}"))
    return found


def changed(runs: list[Run], back: int, **fields: object) -> list[Run]:
    """The runs, that of so many days ago with other fields."""
    from dataclasses import replace

    place = len(runs) - 1 - back
    return [replace(run, **fields) if index == place else run for index, run in enumerate(runs)]


def found(runs: list[Run], now: datetime = NOW, **expected: Expected) -> list[Trouble]:
    return troubles(runs, expected, Window(now - 28 * DAY, now), now)


def only(runs: list[Run], **expected: Expected) -> Trouble:
    (trouble,) = found(runs, **expected)
    return trouble


# Nothing --------------------------------------------------------------------------------------------------------------


def test_of_quiet_pipelines_few_have_anything():
    """Five components, watched on 100 days: .05 is the budget of each evaluation; measured .03."""
    alarmed = 0
    for seed in range(100):
        runs = [run for place in range(5) for run in daily(f"c{place}", seed=1000 * place + seed)]
        alarmed += bool(found(runs))
    print(f"{alarmed} of 100 quiet pipelines have something wrong")
    assert alarmed <= 7


def test_no_runs_and_few_runs_are_nothing_wrong():
    assert found([]) == []
    assert found(daily(days=3)) == []


def test_order_of_the_runs_does_not_matter():
    runs = changed(daily(), 3, succeeded=False)
    assert found(runs[::-1]) == found(runs)


# Failures -------------------------------------------------------------------------------------------------------------


def test_failures_of_the_window_and_whether_they_last():
    runs = changed(changed(daily(), 5, succeeded=False), 3, succeeded=False)
    trouble = only(runs)
    assert (trouble.kind, trouble.component, trouble.lasting) == (Kind.FAILED, "features", False)
    assert [run.id for run in trouble.runs] == ["features-5", "features-3"]
    assert trouble.since == runs[-6].started
    assert trouble.judged == 28
    lasting = only(changed(changed(daily(), 1, succeeded=False), 0, succeeded=False))
    assert lasting.lasting
    assert lasting.succeeded == daily()[-3].finished
    assert found(changed(daily(), 40, succeeded=False)) == []  # long ago


def test_a_run_that_crashed_without_an_end_has_failed():
    assert only(changed(daily(), 2, succeeded=False, finished=None)).kind is Kind.FAILED


# Late -----------------------------------------------------------------------------------------------------------------


def test_a_run_that_does_not_come_is_late_by_what_is_declared_or_usual():
    stopped = daily()[:-2]  # two mornings without a run
    declared = only(stopped, features=Expected(every=DAY))
    assert (declared.kind, declared.lasting, declared.declared, declared.runs) == (Kind.LATE, True, True, ())
    assert declared.since == stopped[-1].started + DAY
    assert declared.size == NOW - stopped[-1].started
    usual = only(stopped)
    assert (usual.kind, usual.lasting, usual.declared) == (Kind.LATE, True, False)
    assert abs(usual.usual - DAY) < timedelta(minutes=10)


def test_a_run_that_came_late_is_told_with_the_run():
    start = NOW.replace(hour=14) - 4 * DAY
    runs = changed(daily(), 4, started=start, finished=start + HOUR / 2, inputs_at=start - 2 * HOUR)
    trouble = only(runs, features=Expected(every=DAY))
    assert (trouble.kind, trouble.lasting, [run.id for run in trouble.runs]) == (Kind.LATE, False, ["features-4"])


def test_a_tenth_and_a_minute_more_than_declared_are_not_late():
    assert found(daily()[:-1], features=Expected(every=timedelta(days=1.5))) == []
    every = timedelta(seconds=(NOW - daily()[-1].started).total_seconds() / 1.05)
    assert found(daily(days=1), features=Expected(every=every)) == []


def test_one_that_is_declared_and_never_ran_is_late():
    trouble = only(daily("other"), features=Expected(every=DAY))
    assert (trouble.kind, trouble.component, trouble.runs, trouble.size) == (Kind.LATE, "features", (), None)


# Long -----------------------------------------------------------------------------------------------------------------


def test_a_run_longer_than_its_history():
    runs = daily()
    trouble = only(changed(runs, 2, finished=runs[-3].started + 3 * HOUR))
    assert (trouble.kind, trouble.size, trouble.lasting) == (Kind.LONG, 3 * HOUR, False)
    assert abs(trouble.usual - HOUR / 2) < timedelta(minutes=5)
    assert [run.id for run in trouble.runs] == ["features-2"]


def test_a_run_that_goes_on_for_too_long():
    trouble = only(changed(daily(), 0, finished=None, succeeded=None))
    assert (trouble.kind, trouble.lasting) == (Kind.LONG, True)
    assert trouble.size == NOW - daily()[-1].started


def test_some_longer_than_usual_are_not_told_nor_one_that_failed():
    runs = daily()
    assert found(changed(runs, 2, finished=runs[-3].started + 40 * timedelta(minutes=1))) == []
    assert only(changed(runs, 2, finished=runs[-3].started + 3 * HOUR, succeeded=False)).kind is Kind.FAILED


def test_what_lasts_becomes_the_usual():
    """Runs that take thrice as long from 20 days ago on are told until it is how they are."""
    from dataclasses import replace

    runs = [
        replace(run, finished=run.started + 3 * (run.finished - run.started)) if index >= 40 else run
        for index, run in enumerate(daily())
    ]
    trouble = only(runs)
    assert trouble.kind is Kind.LONG
    assert [run.id for run in trouble.runs] == [f"features-{back}" for back in range(19, 14, -1)]
    assert not trouble.lasting


# Training and inputs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["train", "model_training", "retrain-weekly", "Refit"])
def test_a_training_that_does_not_succeed_is_overdue(name):
    runs = [Run(name, NOW - back * DAY, NOW - back * DAY + HOUR, back > 35) for back in range(100, 0, -7)]
    overdue = [each for each in found(runs, **{name: Expected(every=7 * DAY)}) if each.kind is Kind.OVERDUE]
    (trouble,) = overdue
    assert trouble.since == trouble.succeeded + 7 * DAY
    assert trouble.lasting
    learnt = [each for each in found(runs) if each.kind is Kind.OVERDUE]
    assert len(learnt) == 1
    assert learnt[0].declared is False


def test_whether_a_component_trains_can_be_declared():
    runs = [Run("nightly", NOW - 40 * DAY, NOW - 40 * DAY + HOUR, True)]
    assert only(runs, nightly=Expected(every=7 * DAY, trains=True)).kind is Kind.OVERDUE
    assert only(runs, nightly=Expected(every=7 * DAY)).kind is Kind.LATE
    trained = [Run("train", NOW - 4 * DAY, NOW - 4 * DAY + HOUR, True)]
    assert found(trained, train=Expected(every=7 * DAY)) == []
    assert only([Run("train", NOW - DAY, NOW, False)], train=Expected(every=7 * DAY, trains=False)).kind is Kind.FAILED


def test_inputs_that_are_old_by_what_is_declared_or_usual():
    runs = changed(daily(), 0, inputs_at=daily()[-1].started - 3 * DAY)
    declared = only(runs, features=Expected(inputs_within=DAY))
    usual = only(runs)
    for trouble in (declared, usual):
        assert (trouble.kind, trouble.size, trouble.lasting) == (Kind.STALE, 3 * DAY, True)
    assert declared.usual == DAY
    assert abs(usual.usual - 2 * HOUR) < HOUR / 2


def test_troubles_come_in_the_order_in_which_they_began():
    runs = changed(daily(), 2, succeeded=False) + changed(daily("train", seed=5), 6, succeeded=False)
    since = [trouble.since for trouble in found(runs)]
    assert len(since) == 2
    assert since == sorted(since)
