"""What cannot be used is refused in a sentence that says what, where and what to do: an InputError, exit code 2."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import leadline
from evaluation.small import at, check, one, row, spec, table
from leadline.values import InputError

ROWS = [row(f"p{n}", f"2024-01-0{n + 1}", 0.9, True) for n in range(4)]
FRAME = pd.DataFrame(
    {"id": range(4), "timestamp": pd.date_range("2024-01-01", periods=4), "score": [0.9] * 4, "label": [True] * 4}
)


def refused(match: str, *arguments: Any, **declared: Any) -> None:
    with pytest.raises(InputError, match=match) as found:
        check(*arguments, **declared)
    assert found.value.exit_code == 2


@pytest.mark.parametrize(
    ("part", "column", "match"),
    [
        ("id", "idd", r": there is no column 'idd'; did you mean 'id'\? The columns are 'id', 'timestamp', "),
        ("timestamp", "time", r": there is no column 'time'; did you mean 'timestamp'\?"),
        ("score", "scores", r": there is no column 'scores'; did you mean 'score'\?"),
        ("weight", "xyz", r": there is no column 'xyz'; the columns are"),
        ("entity", "", ": it is empty"),
    ],
)
def test_a_missing_column_is_named_with_the_nearest(part: str, column: str, match: str) -> None:
    refused(rf"predictions\.columns\.{part}{match}", ROWS, columns={part: column})


def test_a_missing_column_of_the_outcomes_is_named() -> None:
    outcomes = [{"id": "p0", "lable": True}]
    refused(r"outcomes\.columns\.value: there is no column 'label'; did you mean 'lable'\?", ROWS, table(outcomes))
    feedback = [{"name": "click", "columns": {"value": "clicked"}}]
    refused(r"feedback 'click'\.columns\.value: there is no column 'clicked'", ROWS, feedback=feedback)
    refused(r"there is no column 'gone'", ROWS, baseline={"score": "gone"})


@pytest.mark.parametrize(
    ("column", "values", "match"),
    [
        ("timestamp", [1, 2, 3, 4], r"predictions: column 'timestamp' has the type int64 and is to be a time: give"),
        ("timestamp", [0.5] * 4, r"has the type float64 and is to be a time"),
        ("timestamp", [True] * 4, r"has the type bool"),
        ("score", [datetime(2024, 1, 1)] * 4, r"column 'score' has the type timestamp\(6\) and is to be a number"),
        ("score", [[0.1]] * 4, r"column 'score' has the type array<float64> and is to be a number"),
        (
            "label",
            [date(2024, 1, 1)] * 4,
            r"labels in column 'label' have the type date: say which value is",
        ),
        ("label", [1, 2, 1, 2], r"numbers from 1 to 2, not 0 and 1: say which is `positive`"),
        ("label", [0.0, 0.5, 1, 1], r"numbers from 0 to 1, not 0 and 1: say which is `positive`"),
        ("label", ["late", "on time", "late", None], r"text such as 'late', 'on time': say which is `positive`"),
    ],
)
def test_a_column_of_the_wrong_type_is_refused(column: str, values: list[Any], match: str) -> None:
    refused(match, FRAME.assign(**{column: values}), named=list(FRAME))


def test_whole_numbers_that_can_only_be_years_are_times() -> None:
    result = check(FRAME.assign(timestamp=[2020, 2021, 2021, 2022]), named=list(FRAME), window="1mo")
    assert [note.code for note in result.notes if "year" in note.code] == ["years_as_times"]
    assert result.as_of.isoformat() == "2022-01-01T00:00:00+00:00"


def test_a_positive_class_that_never_comes_is_said() -> None:
    rows = [{**each, "label": "late"} for each in ROWS]
    result = check(rows, positive="yes")
    assert [note.text for note in result.notes if note.code == "positive_never_seen"] == [
        "No label equals the positive class 'yes': check `positive`."
    ]
    assert one(check(rows, positive="yes", window="1mo"), "accuracy")["value"] == 0.0


@pytest.mark.parametrize(
    ("as_of", "match"),
    [
        ("yesterday", r"as of 'yesterday': write a time such as 2013-12-30 or 2013-12-30T12:00:00Z, or now"),
        (5, "as of 5: give a datetime, a date or text"),
        (datetime(2024, 1, 2), "cannot be told: the outcomes have no `observed_at`"),
    ],
)
def test_an_as_of_that_is_no_time_is_refused(as_of: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        leadline.check(spec(ROWS), as_of=as_of)


def test_an_as_of_may_be_text_a_date_or_a_time_in_the_declared_zone() -> None:
    declared = spec(ROWS, timezone="America/New_York")
    for as_of in (
        "2024-02-01",
        date(2024, 2, 1),
        datetime(2024, 2, 1),
        at("2024-02-01T05"),
        pd.Timestamp("2024-02-01"),
    ):
        assert leadline.check(declared, as_of=as_of).as_of == at("2024-02-01T05")
    assert abs(leadline.check(declared, as_of="now").as_of - datetime.now(tz=at("2024-01-01").tzinfo)).days == 0


def test_sources_on_different_engines_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("id,timestamp,score\n")
    refused(
        r"the sources live on different engines \(duckdb, postgres\): put them on one",
        str(path),
        {"engine": "postgres", "table": "outcomes", "url": "postgresql://nowhere"},
        named=["id", "timestamp", "score"],
    )


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    named = ["id", "timestamp", "score"]
    refused("no such file, and no file matches", str(tmp_path / "*.parquet"), named=named)
    (tmp_path / "empty.parquet").write_bytes(b"")
    refused("empty.parquet' cannot be read", str(tmp_path / "empty.parquet"), named=named)
    (tmp_path / "empty.csv").write_bytes(b"")
    refused("empty.csv' is empty: it has not even a line with the names of columns", str(tmp_path / "empty.csv"),
            named=named)  # fmt: skip
    (tmp_path / "cut.csv").write_text("id,timestamp,score\n1,2024-01-01,0.5\n2,2024-01-02,0.5\n3,2024")
    refused("cut.csv': the columns cannot be told apart, for not all lines", str(tmp_path / "cut.csv"), named=named)
    refused("emty.csv': no such file, .*; did you mean 'empty.csv'", str(tmp_path / "emty.csv"), named=named)
    (tmp_path / "other.csv").write_text("id,timestamp,score\n")
    refused("files must be of one kind", str(tmp_path / "*"), named=named)


def test_a_column_of_several_kinds_is_named() -> None:
    with pytest.raises(InputError, match=r"a column holds values of several kinds.*column mixed"):
        leadline.check(predictions=FRAME.assign(mixed=[1, "a", 2, "b"]))


def test_a_source_that_is_no_table_is_refused() -> None:
    with pytest.raises(InputError, match="a source of the type object cannot be read: give a path"):
        leadline.check(predictions=object())


def test_labels_of_more_classes_than_a_classifier_has_are_refused() -> None:
    rows = [row(f"p{n}", "2024-01-01", None, f"c{n}", prediction="c0") for n in range(250)]
    refused("more than 200 classes", rows, task="multiclass", columns={"score": None})


def test_absent_has_to_be_a_class() -> None:
    rows = [row("a", "2024-01-01", None, "cat", prediction="cat")]
    refused(
        "absent: 'cow' is not one of the classes cat", rows, task="multiclass", columns={"score": None}, absent="cow"
    )


def test_too_many_rows_to_sum_in_doubles_are_undefined_and_no_infinity() -> None:
    rows = pl.DataFrame(FRAME.drop(columns="score")).with_columns(prediction=pl.lit(1e308), label=pl.lit(-1e308))
    result = check(rows, named=["id", "timestamp", "prediction", "label"], task="regression", metrics=["mae", "rmse"])
    assert {each["status"] for each in result.estimates} == {"undefined"}


@pytest.mark.parametrize("values", [[2, 0, 1, 1], ["clicked", "1", "0", "no"], [0.5, 0.0, 1.0, None]], ids=str)
def test_feedback_that_is_neither_true_nor_false_is_refused(values: list[Any]) -> None:
    clicks = table([{"id": f"p{n}", "clicked": value} for n, value in enumerate(values)])
    feedback = [{"name": "click", "source": clicks, "columns": {"value": "clicked"}}]
    refused(r"feedback 'click': \d values? in column 'clicked' .* neither true and false nor 1 and 0", ROWS,
            feedback=feedback)  # fmt: skip
    own = [{**each, "clicked": value} for each, value in zip(ROWS, values, strict=True)]
    refused("feedback 'click'", own, feedback=[{"name": "click", "columns": {"value": "clicked"}}])


def test_what_an_absent_outcome_means_is_one_of_its_values() -> None:
    refused(r"outcomes: absent: 'cat' is neither true nor false, 1 nor 0", ROWS, absent="cat")
    refused(r"outcomes: absent: '2' is neither", [{**each, "label": 1} for each in ROWS], absent=2, positive=1)
    clicks = {"name": "click", "source": table([{"id": "p0", "clicked": 1}]), "columns": {"value": "clicked"}}
    refused(r"feedback 'click': absent: 'no' is neither", ROWS, feedback=[{**clicks, "absent": "no"}])


def test_a_version_called_as_the_baseline_is_refused() -> None:
    versions = [{**each, "version": version} for each, version in zip(ROWS, ["(baseline)", "b"] * 2, strict=True)]
    refused(r"a version is called '\(baseline\)'", versions, baseline={"constant": 0.5})


@pytest.mark.parametrize(
    ("metric", "limit", "match"),
    [
        ("recall", 60, r"objectives\[0\]: recall is between 0 and 1, not 60; did you mean 0\.6\?"),
        ("recall", -0.1, r"recall is between 0 and 1, not -0\.1$"),
        ("log_loss", -1, r"log_loss is between 0 and 36\.0437, not -1$"),
    ],
)
def test_a_promise_that_says_nothing_is_refused(metric: str, limit: float, match: str) -> None:
    refused(match, ROWS, objectives=[{"metric": metric, "at_least": limit, "window": "1d"}])
