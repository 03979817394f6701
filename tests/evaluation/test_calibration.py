"""The calibration that a check reports: over the latest window whose labels are in, beside the reference."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit, logit

import leadline
from evaluation.small import check, notes

DAYS, ROWS = 70, 150


def log(distorted: bool = True) -> pa.Table:
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(DAYS), ROWS)
    x = rng.normal(size=len(day)) * 1.3 - 1
    label = rng.random(len(day)) < expit(x)
    score = expit(np.where((day >= 42) & distorted, 2.5 * x, x))
    start = np.datetime64("2024-01-01T12:00:00", "us")
    at = pa.array(start + day.astype("timedelta64[D]"), pa.timestamp("us", "UTC"))
    return pa.table(
        {
            "id": np.arange(len(day)),
            "timestamp": at,
            "score": score,
            "label": label,
            "side": np.where(day % 2 == 0, "a", "b"),
        }
    )


def checked(table: pa.Table, **declared: Any) -> leadline.Result:
    objective = {"metric": "roc_auc", "at_least": 0.6, "window": "28d"}
    known = {"objectives": [objective], "metrics": [], "window": "7d", "reference": {"until": "2024-02-05"}}
    return check(table, **(known | declared))


@pytest.fixture(scope="module")
def result() -> leadline.Result:
    return checked(log())


def test_reliability_is_of_the_latest_window_and_of_the_reference(result):
    (found,) = json.loads(result.to_json())["calibration"]
    assert found["slice"] is None
    assert (found["window_start"], found["window_end"]) == ("2024-02-12T00:00:00Z", "2024-03-11T00:00:00Z")
    table = log()
    score, label = table["score"].to_numpy(), np.asarray(table["label"])
    day = np.repeat(np.arange(DAYS), ROWS)
    for name, rows in (("bins", day >= 42), ("reference", day < 35)):
        assert sum(each["n"] for each in found[name]) == rows.sum()
        for each in found[name]:
            mine = rows & (score >= each["low"]) & (score < each["high"])
            assert mine.sum() == pytest.approx(each["n"], abs=1)
            assert each["observed_low"] <= label[mine].mean() <= each["observed_high"]


def test_a_recalibration_is_advised_in_words(result):
    text = notes(result)["recalibrate"]
    assert "calibration explains" in text
    assert "Fit an isotonic map of the scores" in text
    assert "recalibrate" not in notes(checked(log(distorted=False)))


def test_the_report_draws_it(result):
    page = result.to_html()
    assert "Do scores come true?" in page
    assert page.count("Share of positives against the score") == 1
    assert "Hollow dots are the reference." in page


def test_slices_of_objectives_that_read_scores_have_theirs():
    objective = {"metric": "roc_auc", "at_least": 0.6, "window": "28d", "slices": ["side"]}
    found = json.loads(checked(log(), slices=["side"], objectives=[objective]).to_json())["calibration"]
    assert [each["slice"] for each in found] == [None, {"side": "a"}, {"side": "b"}]
    assert sum(each["n"] for each in found[1]["bins"]) == 14 * ROWS
    table = log()
    mine = (np.repeat(np.arange(DAYS), ROWS) >= 42) & (np.asarray(table["side"]) == "a")
    score, label = table["score"].to_numpy()[mine], np.asarray(table["label"])[mine]
    for each in found[1]["bins"]:
        here = (score >= each["low"]) & (score < each["high"])
        assert here.sum() == pytest.approx(each["n"], abs=1)
        assert label[here].mean() == pytest.approx(each["observed"])


def test_without_a_declared_reference_it_is_the_first_quarter_and_never_the_window():
    found = json.loads(checked(log(), reference=None, objectives=[], metrics=["roc_auc"]).to_json())["calibration"]
    assert found[0]["window_start"] > "2024-01-15"
    assert sum(each["n"] for each in found[0]["reference"]) == pytest.approx(DAYS * ROWS / 4, rel=0.2)


@pytest.mark.parametrize("what", ["no probabilities", "no labels"])
def test_without_what_it_needs_there_is_none(what):
    table = log()
    if what == "no probabilities":
        found = checked(table.set_column(2, "score", [logit(table["score"].to_numpy())]))
    else:
        found = checked(table.set_column(3, "label", [pa.nulls(len(table), pa.bool_())]), metrics=["roc_auc"])
    assert json.loads(found.to_json())["calibration"] == []
    assert "Do scores come true?" not in found.to_html()
