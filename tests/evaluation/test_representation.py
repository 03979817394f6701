"""Who comes, week by week: against a loop over rows, and where there is nothing to tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import leadline
from evaluation.small import spec
from leadline.report.html import html

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def log(days: int = 40, a_day: int = 30) -> pa.Table:
    rng = np.random.default_rng(5)
    day = np.repeat(np.arange(days), a_day)
    start = np.datetime64(MONDAY.replace(tzinfo=None), "us")
    return pa.table(
        {
            "id": np.arange(len(day)),
            "timestamp": pa.array(start + day * np.timedelta64(86_400_000_000, "us"), pa.timestamp("us", "UTC")),
            "prediction": rng.random(len(day)) < 0.4,
            "label": rng.random(len(day)) < 0.5,
            "country": rng.choice(["DE", "FR", None], len(day), p=[0.5, 0.4, 0.1]),
        }
    )


def checked(table: pa.Table, **declared: Any) -> leadline.Result:
    parts = {"metrics": ["recall", "precision"], "features": [], "slices": ["country"]} | declared
    return leadline.check(spec(table, **parts))


def test_figures_are_those_of_the_rows() -> None:
    table = log()
    said, label, country = (np.array(table[name].to_pylist()) for name in ("prediction", "label", "country"))
    day = np.repeat(np.arange(40), 30)
    objective = {"metric": "precision", "at_least": 0.1, "window": "14d", "slices": ["country"]}
    found = checked(table, objectives=[objective], matures_after="9d").content.representation
    assert [each.start for each in found.windows] == [MONDAY + timedelta(days=7 * week) for week in range(5)]
    assert {str(each.slice) for each in found.slices} == {"country=DE", "country=FR", "country=(missing)"}
    for each in found.slices:
        name = None if "missing" in str(each.slice) else str(each.slice).removeprefix("country=")
        assert each.metric == "precision"
        for week in range(5):
            rows = (day // 7 == week) & (country == name)
            assert each.share[week] == pytest.approx(rows.sum() / 210)
            assert each.predicted_positive_rate[week] == pytest.approx(said[rows].mean())
            if week < 4:
                assert each.values[week] == pytest.approx(label[rows & said].mean())
            else:
                assert each.values[week] is None  # labels of its last days are still to come


def test_windows_that_are_longer_than_a_week_are_kept_and_two_are_needed() -> None:
    months = checked(log(91), window="1mo").content.representation.windows
    assert [(each.start.month, each.end.month) for each in months] == [(1, 2), (2, 3), (3, 4)]
    assert checked(log(13)).content.representation.slices == ()
    assert checked(log(), slices=[]).content.representation.slices == ()
    assert checked(log().slice(0, 0)).content.representation.slices == ()


def test_models_of_other_tasks_have_shares_and_their_metric() -> None:
    table = log()
    for name in ("prediction", "label"):
        table = table.set_column(table.column_names.index(name), name, table[name].cast("int8").cast("float64"))
    found = checked(table, task="regression", metrics=["mae"]).content.representation
    assert {each.metric for each in found.slices} == {"mae"}
    assert {each.predicted_positive_rate for each in found.slices} == {()}


def test_the_report_draws_them() -> None:
    page = html(checked(log()).content)
    assert "Who comes, over 5 weeks" in page
    assert "<title>share, country=DE</title>" in page
