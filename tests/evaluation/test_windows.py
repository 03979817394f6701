"""DESIGN §3: windows tumble in the declared time zone. Each test is named after its rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from evaluation.small import check, days, evaluation, found, notes, row
from leadline.log.calendar import Grain
from leadline.values import Span

NEW_YORK = "America/New_York"


def every(hours: int, first: str, count: int) -> list[dict[str, Any]]:
    """A row each `hours`, all of them right."""
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)
    return [
        {"id": f"p{n}", "timestamp": start + timedelta(hours=hours * n), "score": 0.9, "label": True}
        for n in range(count)
    ]


def test_days_of_a_change_of_clocks_have_23_or_25_hours() -> None:
    spring = check(every(1, "2024-03-09T05", 72), timezone=NEW_YORK)
    assert days(spring, key="n") == {
        "2024-03-09T05:00:00Z": 24, "2024-03-10T05:00:00Z": 23, "2024-03-11T04:00:00Z": 24, "2024-03-12T04:00:00Z": 1,
    }  # fmt: skip
    autumn = check(every(1, "2024-11-02T04", 73), timezone=NEW_YORK)
    assert days(autumn, key="n") == {
        "2024-11-02T04:00:00Z": 24, "2024-11-03T04:00:00Z": 25, "2024-11-04T05:00:00Z": 24,
    }  # fmt: skip


def test_windows_are_half_open() -> None:
    rows = [row(key, time, 0.9, True) for key, time in zip(
        "abc", ("2024-01-01T23:59:59.999999", "2024-01-02T00:00:00", "2024-01-02T00:00:00.000001"), strict=True
    )]  # fmt: skip
    assert days(check(rows), key="n") == {"2024-01-01": 1, "2024-01-02": 2}


def test_of_very_many_windows_those_without_rows_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(f"p{n}", f"20{n:02}-01-01", 0.9, True, carrier="ab"[n % 2]) for n in range(12)]
    promise = {"metric": "accuracy", "at_least": 0.5, "window": "7d", "slices": ["carrier"]}
    declared = {"metrics": ["accuracy", "roc_auc"], "slices": ["carrier"], "objectives": [promise]}
    usual = check(rows, **declared)
    assert len(found(usual)) == 4019 + 1  # and the latest 7 days, over which slices are told
    monkeypatch.setattr("leadline.evaluation.estimates.MOST_WINDOWS", 1000)
    few = check(rows, **declared)
    assert len(found(few)) == 12 + 1
    assert [each for each in usual.estimates if each["slice"] is None and each["n"]] == [
        each for each in few.estimates if each["slice"] is None
    ]
    assert list(few.objectives) == list(usual.objectives)
    assert "4,019 windows of 1d (2000-01-01 to 2011-01-01)" in notes(few)["windows_left_out"]
    assert "windows_left_out" not in notes(usual)


def test_windows_of_an_hour_a_week_and_a_month() -> None:
    rows = every(12, "2024-01-30T06", 8)  # Tuesday the 30th to Friday the 2nd, twice a day
    hours = check(rows[:2], window="1h", timezone="Asia/Kathmandu")  # whose hours begin at a quarter past
    assert [each["n"] for each in found(hours)] == [1, *[0] * 11, 1]
    assert found(hours)[0]["window_start"] == "2024-01-30T05:15:00Z"
    weeks = check(every(24, "2024-01-27", 4), window="1w")  # Saturday to Tuesday
    assert [(each["window_start"], each["window_end"], each["n"]) for each in found(weeks)] == [
        ("2024-01-22T00:00:00Z", "2024-01-29T00:00:00Z", 2),
        ("2024-01-29T00:00:00Z", "2024-02-05T00:00:00Z", 2),
    ]
    months = check(rows, window="1mo", timezone=NEW_YORK)
    assert [(each["window_start"], each["window_end"], each["n"]) for each in found(months)] == [
        ("2024-01-01T05:00:00Z", "2024-02-01T05:00:00Z", 4),
        ("2024-02-01T05:00:00Z", "2024-03-01T05:00:00Z", 4),
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_windows_of_days_are_anchored_on_monday_1970_01_05(count: int) -> None:
    result = check(every(24, "2024-01-01T12", 12), window=f"{count}d", timezone=NEW_YORK)
    anchor = datetime(1970, 1, 5)
    for each in found(result):
        start = datetime.fromisoformat(each["window_start"]) - timedelta(hours=5)  # winter time in New York
        assert (start.replace(tzinfo=None) - anchor) % timedelta(days=count) == timedelta()
    assert sum(each["n"] for each in found(result)) == 12


def test_days_before_the_anchor_are_counted_too() -> None:
    result = check(every(24, "1969-12-30T12", 10), window="3d")
    assert [(each["window_start"][:10], each["n"]) for each in found(result)] == [
        ("1969-12-30", 3), ("1970-01-02", 3), ("1970-01-05", 3), ("1970-01-08", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("windows", "unit", "count"),
    [
        (("1d", "28d"), "d", 1),
        (("7d", "28d"), "d", 7),
        (("6d", "4d"), "d", 2),
        (("1w", "28d"), "d", 7),
        (("1w", "1mo"), "d", 1),
        (("1mo",), "mo", 1),
        (("1h", "1mo"), "h", 1),
    ],
)
def test_the_grain_is_the_largest_unit_that_divides_all(windows: tuple[str, ...], unit: str, count: int) -> None:
    grain = Grain.dividing([Span.parse(each) for each in windows], "UTC")
    assert (grain.unit, grain.count) == (unit, count)


def test_windows_add_up_whatever_the_grain() -> None:
    rows = every(5, "2024-01-01", 60)
    objectives = [{"metric": "recall", "at_least": 0.5, "window": "1h"}]
    coarse, fine = (check(rows, window="3d", timezone=NEW_YORK, objectives=each) for each in ([], objectives))
    assert [(each["window_start"], each["n"]) for each in found(coarse)] == [
        (each["window_start"], each["n"]) for each in found(fine)
    ]


def test_a_window_without_rows_is_shown_with_its_reason() -> None:
    result = check([row("a", "2024-01-01", 0.9, True), row("b", "2024-01-03", 0.9, True)])
    assert days(result, key="status") == {"2024-01-01": "realised", "2024-01-02": "undefined", "2024-01-03": "realised"}
    assert days(result, key="why")["2024-01-02"] == "no rows"


NAIVE = pa.table(
    {
        "id": ["a", "b"],
        "timestamp": pa.array([datetime(2024, 7, 1, 23), datetime(2024, 7, 2, 1)], pa.timestamp("us")),
        "score": [0.9, 0.9],
        "label": [True, True],
    }
)


def test_naive_times_are_read_in_the_declared_zone_and_the_result_says_so() -> None:
    result = check(NAIVE, timezone=NEW_YORK)
    assert days(result, key="n") == {"2024-07-01T04:00:00Z": 1, "2024-07-02T04:00:00Z": 1}
    assert notes(result)["naive_times"] == f"Times without a zone were read as clock time in {NEW_YORK}."
    assert notes(check(NAIVE))["naive_times"].endswith("clock time in UTC.")
    zoned = NAIVE.set_column(1, "timestamp", NAIVE["timestamp"].cast(pa.timestamp("us", "UTC")))
    assert "naive_times" not in notes(check(zoned, timezone=NEW_YORK))


def test_naive_times_of_outcomes_are_said_too() -> None:
    zoned = NAIVE.set_column(1, "timestamp", NAIVE["timestamp"].cast(pa.timestamp("us", "UTC")))
    outcomes = NAIVE.select(["id", "label", "timestamp"]).rename_columns(["id", "label", "observed_at"])
    result = check(zoned.drop_columns("label"), outcomes, timezone=NEW_YORK)
    assert result.as_of.isoformat() == "2024-07-02T05:00:00+00:00"  # one o'clock in New York
    assert "naive_times" in notes(result)


def test_clock_times_that_come_twice_or_never_are_read_as_python_does() -> None:
    clocks = [datetime(2024, 3, 10, 2, 30), datetime(2024, 11, 3, 1, 30)]  # skipped; twice
    rows = pa.table({"id": ["a", "b"], "timestamp": pa.array(clocks, pa.timestamp("us")), "score": [0.9, 0.9]})
    result = evaluation(rows, timezone=NEW_YORK, metrics=["predicted_positive_rate"], window="1h")
    assert [result.grain.start(result.series.first + n).isoformat() for n in (0, result.series.grains - 1)] == [
        "2024-03-10T07:00:00+00:00", "2024-11-03T05:00:00+00:00",
    ]  # fmt: skip


@pytest.mark.parametrize("zone", ["UTC", NEW_YORK])
def test_times_as_text_may_say_their_offset(zone: str) -> None:
    texts = {"a": "2024-07-01T12:00:00Z", "b": "2024-07-01 14:00:00+02:00", "c": "2024-07-01T08:00:00-0400"}
    rows = pa.table({"id": list(texts), "timestamp": list(texts.values()), "score": [0.9] * 3, "label": [1] * 3})
    result = check(rows, window="1h", timezone=zone)
    assert [(each["window_start"], each["n"]) for each in found(result)] == [("2024-07-01T12:00:00Z", 3)]
    assert "naive_times" not in notes(result)


def test_dates_are_the_first_moment_of_the_day_in_the_declared_zone() -> None:
    days_ = pa.array([datetime(2024, 7, 1), datetime(2024, 7, 2)], pa.timestamp("us")).cast(pa.date32())
    result = check(NAIVE.set_column(1, "timestamp", days_), timezone=NEW_YORK)
    assert days(result, key="n") == {"2024-07-01T04:00:00Z": 1, "2024-07-02T04:00:00Z": 1}
