"""Sixteen odd but real tables on which other tools crash, fall silent or say NaN (bench/peers, `fragility`).

Each is eight days of 400 predictions a day, with a feature and a category as slices; one thing is odd about each.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import leadline
from evaluation.small import days, notes

DAYS, PER_DAY = 8, 400
LAST = "2025-01-08"
Frame = pd.DataFrame


def made() -> Frame:
    """The table with nothing odd about it; its labels are as likely as its scores say."""
    r, n = np.random.default_rng(2), DAYS * PER_DAY
    score = r.random(n)
    moments = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(n) * (86_400 // PER_DAY), unit="s")
    return Frame(
        {
            "id": np.arange(n),
            "timestamp": moments,
            "x": r.normal(size=n),
            "c": r.choice(list("abcd"), n),
            "score": score,
            "prediction": (score > 0.5).astype(int),
            "label": (r.random(n) < score).astype(int),
        }
    )


def on_last_day(frame: Frame) -> Any:
    return frame["timestamp"] >= pd.Timestamp(LAST)


def answered(frame: Frame, **declared: Any) -> leadline.Result:
    """Check a table with two slices. Whatever it is, nothing is NaN and what is unknown has a reason."""
    before = frame.copy(deep=True)
    result = leadline.check(
        **{
            "predictions": frame,
            "task": "binary",
            "reference": {"until": "2025-01-03"},
            "slices": ["c", {"name": "x", "bin": {"column": "x", "edges": [-1, 0, 1]}}],
            "metrics": ["roc_auc", "f1", "recall", "share"],
            "positive": 1,
            **declared,
        }
    )
    pd.testing.assert_frame_equal(frame, before)  # never change what you were given
    document = json.loads(result.to_json(), parse_constant=lambda word: pytest.fail(f"{word} in the document"))
    for each in document["estimates"]:
        assert (each["value"] is None) == (each["status"] == "undefined")
        assert each["status"] != "undefined" or each["why"]
    assert result.labels.predictions == len(frame)  # no row is dropped in silence
    return result


def of_slice(result: leadline.Result, name: str) -> dict[Any, int]:
    """Rows by value of a slice, after the whole log."""
    return {
        each["slice"][name]: each["n"]
        for each in result.estimates
        if each["metric"] == "share" and each["slice"] and name in each["slice"]
    }


@pytest.fixture(scope="module")
def usual() -> leadline.Result:
    return answered(made())


def test_nothing_odd(usual: leadline.Result) -> None:
    values = days(usual, "roc_auc")
    assert len(values) == DAYS
    assert all(0.75 < value < 0.92 for value in values.values())
    assert sum(of_slice(usual, "c").values()) == sum(of_slice(usual, "x").values()) == DAYS * PER_DAY


def set_to(column: str, value: Any, rows: Callable[[Frame], Any]) -> Callable[[Frame], None]:
    def change(frame: Frame) -> None:
        frame.loc[rows(frame), column] = value

    return change


def test_a_column_that_is_null_on_a_day_has_rows_that_are_missing() -> None:
    frame = made()
    set_to("x", np.nan, on_last_day)(frame)
    assert of_slice(answered(frame), "x")[None] == PER_DAY


def test_a_column_that_is_null_in_the_reference_still_has_values_later() -> None:
    frame = made()
    set_to("x", np.nan, lambda f: f["timestamp"] < pd.Timestamp("2025-01-03"))(frame)
    found = of_slice(answered(frame), "x")
    assert found.pop(None) == 2 * PER_DAY
    assert set(found) == {"(-inf, -1)", "[-1, 0)", "[0, 1)", "[1, inf)"}  # declared edges do not depend on the data
    assert sum(found.values()) == 6 * PER_DAY


def test_a_constant_column_is_one_slice() -> None:
    assert of_slice(answered(made().assign(x=1.0)), "x") == {"[1, inf)": DAYS * PER_DAY}


def test_infinite_values_are_missing(usual: leadline.Result) -> None:
    frame = made()
    frame.loc[frame.index[::50], "x"] = np.inf
    assert of_slice(answered(frame), "x")[None] == 64
    assert None not in of_slice(usual, "x")


def test_an_unseen_category_is_other() -> None:
    frame = made()
    set_to("c", "NEW", on_last_day)(frame)
    found = of_slice(answered(frame), "c")
    assert found["(other)"] == PER_DAY
    assert "NEW" not in found


def test_a_boolean_column_is_two_slices() -> None:
    frame = made()
    frame["x"] = frame["x"] > 0
    found = of_slice(answered(frame, slices=["x"]), "x")
    assert found.keys() == {True, False}
    assert sum(found.values()) == DAYS * PER_DAY


def test_a_nullable_integer_column_keeps_its_nulls() -> None:
    frame = made()
    frame["x"] = pd.array(np.round(frame["x"]), dtype="Int64")
    frame.loc[frame.index[::9], "x"] = pd.NA
    found = of_slice(answered(frame, slices=["x"]), "x")
    assert found[None] == len(frame.index[::9])
    assert {type(value) for value in found if value != "(other)"} == {int, type(None)}


def test_times_with_a_zone_are_the_same_moments(usual: leadline.Result) -> None:
    frame = made()
    frame["timestamp"] = frame["timestamp"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    assert list(answered(frame).estimates) == list(usual.estimates)


def test_a_day_without_rows_is_a_window_with_a_reason() -> None:
    frame = made()
    frame = frame[~frame["timestamp"].between("2025-01-04", "2025-01-04T23:59:59")].reset_index(drop=True)
    result = answered(frame)
    assert len(days(result, "roc_auc")) == DAYS
    assert (days(result, "f1")["2025-01-04"], days(result, "f1", "why")["2025-01-04"]) == (None, "no rows")


def test_an_empty_table_is_no_data() -> None:
    objective = {"metric": "recall", "at_least": 0.5, "window": "1d"}
    result = answered(made().iloc[:0], objectives=[objective], id="id")
    assert {each["why"] for each in result.estimates} == {"no rows"}
    assert (result.objectives[0]["status"], result.exit_code()) == ("no_data", 4)


def test_rows_out_of_order_make_no_difference(usual: leadline.Result) -> None:
    shuffled = made().sample(frac=1, random_state=0).reset_index(drop=True)
    assert list(answered(shuffled).estimates) == list(usual.estimates)


def test_one_class_only_on_a_day_leaves_undefined_what_needs_both() -> None:
    frame = made()
    set_to("label", 0, on_last_day)(frame)
    result = answered(frame)
    assert days(result, "roc_auc")[LAST] is None
    assert days(result, "roc_auc", "why")[LAST] == "one class only: no actual positives"
    assert days(result, "recall", "why")[LAST] == "no actual positives"
    assert days(result, "f1")[LAST] == 0.0  # there are predicted positives, all of them wrong


def test_labels_that_have_not_come_for_some_are_missing() -> None:
    frame = made().astype({"label": "float64"})
    frame.loc[np.random.default_rng(5).random(len(frame)) < 0.3, "label"] = np.nan
    result = answered(frame)
    assert result.labels.labelled == int(frame["label"].notna().sum())
    assert result.labels.missing == int(frame["label"].isna().sum())
    assert all(0.7 < value < 0.95 for value in days(result, "roc_auc").values())


def test_labels_that_have_not_come_for_a_day_leave_it_undefined() -> None:
    frame = made().astype({"label": "float64"})
    set_to("label", np.nan, on_last_day)(frame)
    result = answered(frame)
    assert {days(result, metric, "why")[LAST] for metric in ("roc_auc", "f1", "recall")} == {"no labels"}
    assert days(result, "recall", "n")[LAST] == PER_DAY


def test_scores_that_are_nan_are_left_out_of_what_needs_scores_and_counted(usual: leadline.Result) -> None:
    frame = made()
    frame.loc[frame.index[::100], "score"] = np.nan
    result = answered(frame)
    assert notes(result)["missing_numbers"] == (
        "32 predictions have no finite score: left out of all figures that need it."
    )
    assert days(result, "f1") == days(usual, "f1")  # the prediction decides
    assert days(result, "roc_auc") != days(usual, "roc_auc")


def test_labels_in_words_give_the_same_answer(usual: leadline.Result) -> None:
    frame = made()
    for column in ("label", "prediction"):
        frame[column] = np.where(frame[column] == 1, "yes", "no")
    assert list(answered(frame, positive="yes").estimates) == list(usual.estimates)


def test_columns_that_differ_in_case_alone_are_refused_and_named():
    with pytest.raises(leadline.InputError, match="columns 'score' and 'Score' differ in upper and lower case alone"):
        answered(made().assign(Score="a"))
