"""Two versions or two periods side by side: planted differences are found, none are found where there is none."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

import leadline
from evaluation.small import spec
from evaluation.test_causes import DAYS, FITTED, MONDAY, german
from leadline.evaluation.compare import CHANCE
from leadline.values import ALL_ROWS, InputError, Trend
from leadline.why.same_days import difference_on_same_days


def log(
    rng: np.random.Generator,
    days: int = 40,
    a_day: int = 300,
    served: Any = None,
    worse: float = 0.0,
    wave: float = 0.0,
) -> pa.Table:
    """Rows of which a share is right; `served` says which version judges a day's rows, `worse` what v2 loses in DE.

    wave   how much the days' shares differ, on the scale of the logit; both versions alike
    """
    day = np.repeat(np.arange(days), a_day)
    version = np.array(["v1", "v2"])[(rng.random(len(day)) < 0.5).astype(int)] if served is None else served(day)
    country = rng.choice(["DE", "FR", "IT"], len(day))
    lift = wave * rng.normal(size=days)[day]
    chance = 1 / (1 + np.exp(-(1.5 + lift)))
    chance = np.where((version == "v2") & (country == "DE"), chance - worse, chance)
    label = rng.random(len(day)) < 0.5
    right = rng.random(len(day)) < chance
    start = np.datetime64(MONDAY.replace(tzinfo=None), "us")
    return pa.table(
        {
            "id": np.arange(len(day)),
            "timestamp": pa.array(start + day * np.timedelta64(86_400_000_000, "us"), pa.timestamp("us", "UTC")),
            "version": version,
            "country": country,
            "score": np.where(label == right, 0.6, 0.4) + 0.3 * (rng.random(len(day)) - 0.5),
            "prediction": label == right,
            "label": label,
        }
    )


def compared(table: pa.Table, **asked: Any) -> leadline.Comparison:
    which = {"versions": ("v1", "v2")} if "periods" not in asked else {}
    declared = {name: asked.pop(name) for name in list(asked) if name not in ("versions", "periods")}
    parts = {"metrics": ["accuracy", "roc_auc"], "slices": ["country"], "features": []} | declared
    return leadline.compare(spec(table, **parts), **which | asked)


def test_a_version_that_is_worse_for_one_slice_is_told_so() -> None:
    found = compared(log(np.random.default_rng(0), worse=0.3))
    by_slice = {str(each.slice): each for each in found.differences if each.metric == "accuracy"}
    assert by_slice["country=DE"].trend is Trend.WORSE
    assert by_slice["all rows"].trend is Trend.WORSE
    assert {by_slice[f"country={name}"].trend for name in ("FR", "IT")} == {Trend.UNCLEAR}
    worse = by_slice["country=DE"]
    assert worse.low is not None
    assert worse.high is not None
    assert worse.low < -0.3 < worse.high < -0.2
    assert worse.difference == worse.after.value - worse.before.value
    assert [each.version for each in (worse.before, worse.after)] == ["v1", "v2"]
    text = printed(found)
    assert "Both served on the same days" in text
    assert "Worse metric slice before after difference [95 %] accuracy country=DE 0.8" in text
    assert "of slices: 1 worse" in repr(found) or "of slices: 2 worse" in repr(found)


def test_figures_are_those_of_the_rows() -> None:
    table = log(np.random.default_rng(1), worse=0.2)
    found = compared(table)
    version, country = (np.array(table[name].to_pylist()) for name in ("version", "country"))
    right = np.array(table["prediction"].to_pylist()) == np.array(table["label"].to_pylist())
    for each in found.differences:
        where = np.ones(len(right), bool) if each.slice == ALL_ROWS else country == dict(each.slice.parts)["country"]
        if each.metric == "accuracy":
            for side, estimate in (("v1", each.before), ("v2", each.after)):
                assert estimate.value == pytest.approx(right[where & (version == side)].mean(), abs=1e-12)
                assert estimate.n == (where & (version == side)).sum()
        if each.metric == "share" and each.slice != ALL_ROWS:
            assert each.before.value == pytest.approx((where & (version == "v1")).sum() / (version == "v1").sum())
    for split in found.content.mix_rates:
        assert split.rate + split.mix == pytest.approx(split.after - split.before, abs=1e-12)


def test_versions_one_after_the_other_are_compared_over_as_many_days_next_to_the_change() -> None:
    table = log(np.random.default_rng(2), served=lambda day: np.where(day < 30, "v1", "v2"))
    first, second = compared(table).content.sides
    assert (first.window.start, first.window.end) == (MONDAY + timedelta(days=20), MONDAY + timedelta(days=30))
    assert (second.window.start, second.window.end) == (MONDAY + timedelta(days=30), MONDAY + timedelta(days=40))
    back = compared(table, versions=("v2", "v1")).content.sides
    assert [each.window for each in back] == [second.window, first.window]


def test_slices_that_are_new_or_gone_are_told() -> None:
    table = log(np.random.default_rng(3), served=lambda day: np.where(day < 20, "v1", "v2"))
    country = np.array(table["country"].to_pylist())
    version = np.array(table["version"].to_pylist())
    country = np.where((version == "v2") & (country == "IT"), "ES", country)
    table = table.set_column(table.column_names.index("country"), "country", pa.array(country))
    found = compared(table, reference={"until": (MONDAY + timedelta(days=30)).date().isoformat()})
    trends = {str(each.slice): each.trend for each in found.differences if each.metric == "accuracy"}
    assert trends["country=ES"] is Trend.NEW
    assert trends["country=IT"] is Trend.VANISHED
    gone = next(each for each in found.differences if str(each.slice) == "country=IT" and each.metric == "accuracy")
    assert (gone.difference, gone.after.why) == (None, "no rows")
    assert "New country=ES (2," in printed(found)
    assert "Vanished country=IT (1,988 rows)." in printed(found)


def test_periods_see_what_the_mix_does() -> None:
    periods = [(0, FITTED), (FITTED, DAYS)]
    texts = tuple("..".join((MONDAY + timedelta(days=day)).date().isoformat() for day in each) for each in periods)
    found = compared(german(), periods=texts, metrics=["false_positive_rate"])
    (split,) = found.content.mix_rates
    assert split.mix_high < 0
    assert split.rate_low > 0
    assert "At the mix before it would be 0.12" in printed(found)
    trends = {str(each.slice): each.trend for each in found.differences if each.metric == "false_positive_rate"}
    assert trends["country=DE"] is Trend.WORSE
    shares = {str(each.slice): each.trend for each in found.differences if each.metric == "share"}
    assert shares["country=DE"] is Trend.CHANGED
    assert [side.name for side in found.content.sides] == ["2024-01-01 to 2024-02-25", "2024-02-26 to 2024-03-24"]


@pytest.mark.parametrize("together", [True, False], ids=["same days", "one after the other"])
@pytest.mark.parametrize("runs", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_of_versions_that_are_alike_few_are_told_apart(together: bool, runs: int) -> None:
    """Days differ; nothing else does."""
    told = 0
    for seed in range(runs):
        rng = np.random.default_rng([9, seed])
        served = None if together else lambda day: np.where(day < 20, "v1", "v2")
        found = compared(log(rng, a_day=150, served=served, wave=0.3), metrics=["accuracy", "recall"])
        told += any(each.trend is not Trend.UNCLEAR for each in found.differences)
    assert told <= runs * CHANCE + 3 * (runs * CHANCE * (1 - CHANCE)) ** 0.5


def test_what_moves_both_versions_on_a_day_is_no_difference() -> None:
    wide = compared(log(np.random.default_rng(4), wave=1.0), metrics=["accuracy"])
    each = wide.differences[0]
    assert each.low is not None
    assert each.high is not None
    assert each.before.low is not None
    assert each.before.high is not None
    assert each.high - each.low < (each.before.high - each.before.low) / 2


def test_a_difference_on_the_same_days_covers() -> None:
    """Coverage of the interval where days move both sides; the band as in tests/stats/test_coverage.py."""
    rng, runs, days = np.random.default_rng(10), 600, 28
    covered = []
    for _ in range(runs):
        lift = rng.normal(0, 0.8, days)
        sides = []
        for more in (0.0, 0.3):
            hits = rng.binomial(100, 1 / (1 + np.exp(-(lift + more))))
            n = np.full(days, 100)
            sides.append(np.stack([hits, n, hits, hits, n], axis=1).astype(float))
        told = difference_on_same_days(*sides)
        assert told is not None
        truth = np.mean(1 / (1 + np.exp(-(lift + 0.3)))) - np.mean(1 / (1 + np.exp(-lift)))
        half = float(told[1].half()[0])
        covered.append(abs(told[0] - truth) <= half)
    assert 0.93 - 3 * (0.93 * 0.07 / runs) ** 0.5 <= np.mean(covered)


def test_forms() -> None:
    found = compared(log(np.random.default_rng(5), worse=0.3))
    document = json.loads(found.to_json())
    assert document["same_days"] is True
    assert [side["name"] for side in document["sides"]] == ["v1", "v2"]
    lines = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert len(lines) == len(document["differences"]) == len(found.differences)
    for line, each in zip(lines, document["differences"], strict=True):
        assert (line["metric"], line["trend"]) == (each["metric"], each["trend"])
        assert line["slice"] == ("" if each["slice"] is None else json.dumps(each["slice"]))
        assert line["difference"] == ("" if each["difference"] is None else str(each["difference"]))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"versions": ("v1", "v3")}, "no predictions of the version 'v3'"),
        ({"versions": ("v1", None)}, "no predictions of the version 'None'"),
        ({"versions": ("v1", "v1")}, "'v1' is compared with itself"),
        ({"periods": ("2024-01-01", "2024-01-02")}, "write START..END such as"),
        ({"periods": ("2024-01-02..2024-01-01", "2024-01-02..2024-01-04")}, "'2024-01-02..2024-01-01' is no period"),
        (
            {"periods": ("x..y", "a..b")},
            "^periods: 'x..y' is no period: write START..END .*; 'x' is no time; 'y' is no",
        ),
        ({"periods": ("2024-01-01..", "a..b")}, "there is no END"),
        ({"periods": ("2024-01-02..2024-01-02", "a..b")}, "START is not before END"),
        ({"periods": ("2023-01-01..2023-02-01", "2024-01-02..2024-01-04")}, "there are no predictions in '2023-01"),
        ({"matures_after": "50d"}, "no prediction of the version 'v1' is old enough"),
    ],
)
def test_what_cannot_be_compared_is_refused(asked, says) -> None:
    with pytest.raises(InputError, match=says):
        compared(log(np.random.default_rng(6), a_day=20), **asked)


def test_one_of_the_two_is_asked_for() -> None:
    table = log(np.random.default_rng(7), a_day=5)
    for asked in ({}, {"versions": ("v1", "v2"), "periods": ("a", "b")}):
        with pytest.raises(InputError, match="two versions, or two periods"):
            leadline.compare(spec(table), **asked)
    with pytest.raises(InputError, match="by a column of their own"):
        leadline.compare(spec(table.drop_columns(["version"])), versions=("v1", "v2"))


def printed(found: leadline.Comparison) -> str:
    told = io.StringIO()
    Console(file=told, width=100).print(found)
    return " ".join(told.getvalue().split())


@pytest.mark.parametrize(("second", "shared"), [("2024-01-15..2024-02-01", 5), ("2024-01-20..2024-02-01", 0)])
def test_periods_that_overlap_are_compared_and_it_is_said(second: str, shared: int) -> None:
    found = compared(log(np.random.default_rng(6), a_day=60), periods=("2024-01-05..2024-01-20", second))
    said = [each for each in json.loads(found.to_json())["notes"] if "overlap" in each]
    assert len(said) == (1 if shared else 0)
    assert ("The periods overlap (2024-01-15" in printed(found)) == bool(shared)
