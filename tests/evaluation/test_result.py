"""What `leadline.check` takes and gives."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import leadline
from evaluation.small import at, check, found, notes, one, row, spec, table
from leadline.values import InputError

# The document -------------------------------------------------------------------------------------------------------

ESTIMATE = {
    "metric", "slice", "version", "window_start", "window_end", "value", "low", "high", "n", "labelled", "status",
    "why", "interval",
}  # fmt: skip
OBJECTIVE = {
    "metric", "slice", "target", "window", "window_end", "status", "value", "low", "high", "since", "n",
}  # fmt: skip
LABELS = {"predictions", "mature", "labelled", "missing", "repeated", "conflicting", "orphaned", "withdrawn"}


def daily(wrong: list[int], of: int = 50, start: str = "2024-01-01T12", **more: Any) -> list[dict[str, Any]]:
    """For each day how many of its rows are wrong; the label is known an hour later."""
    rows = []
    for day, bad in enumerate(wrong):
        moment = at(start) + timedelta(days=day)
        rows += [
            row(f"{day}:{n}", moment, 0.9, n >= bad, observed_at=moment + timedelta(hours=1), **more) for n in range(of)
        ]
    return rows


PROMISE = {"metric": "accuracy", "at_least": 0.8, "window": "3d", "rule": "interval"}


def test_the_document_has_all_keys_of_the_contract_and_no_nan() -> None:
    rows = daily([0, 5, 10, 2], carrier="A")
    result = check(rows, slices=["carrier"], objectives=[{**PROMISE, "slices": ["carrier"]}])
    document = json.loads(result.to_json(), parse_constant=pytest.fail)
    assert document.keys() >= {"schema", "model", "as_of", "estimates", "objectives", "labels", "notes"}
    assert (document["schema"], document["as_of"]) == (1, "2024-01-04T13:00:00Z")
    assert all(each.keys() >= ESTIMATE for each in document["estimates"])
    assert all(each.keys() >= OBJECTIVE for each in document["objectives"])
    assert document["labels"].keys() == LABELS
    assert all(note.keys() == {"code", "text"} for note in document["notes"])
    assert {json.dumps(each["slice"]) for each in document["objectives"]} == {"null", '{"carrier": "A"}'}
    assert document["objectives"][0]["target"] == {"at_least": 0.8}


def test_the_document_is_written_to_a_file_too(tmp_path: Path) -> None:
    result = check(daily([0]))
    text = result.to_json(tmp_path / "result.json", indent=2)
    assert (tmp_path / "result.json").read_text() == text + "\n"
    assert result.to_html(tmp_path / "report.html").startswith("<!")
    assert (tmp_path / "report.html").read_text().startswith("<!")


# Tables -------------------------------------------------------------------------------------------------------------


def test_estimates_and_objectives_are_flat_tables() -> None:
    rows = [*daily([0, 5], carrier="A"), row("x", "2024-01-02", 0.9, True, carrier=None)]
    result = check(rows, slices=["carrier"], objectives=[PROMISE])
    for each, keys in ((result.estimates, ESTIMATE), (result.objectives, OBJECTIVE)):
        arrow = each.to_arrow()
        assert len(each) == len(list(each)) == arrow.num_rows == len(each.to_frame())
        assert set(arrow.column_names) >= keys
        assert each[0] == next(iter(each))
        assert pa.table(each).equals(arrow)  # by the Arrow PyCapsule interface
        assert pl.DataFrame(each).height == len(each)
        assert str(len(each)) in repr(each)
    arrow = result.estimates.to_arrow()
    assert arrow.schema.field("window_start").type == pa.timestamp("us", "UTC")
    assert arrow.schema.field("value").type == pa.float64()
    assert set(arrow["slice"].to_pylist()) == {None, '{"carrier": "A"}', '{"carrier": null}'}
    assert result.objectives.to_arrow()["target"].to_pylist() == ['{"at_least": 0.8}']


def test_an_empty_table_of_objectives_keeps_its_columns() -> None:
    objectives = check(daily([0])).objectives
    assert list(objectives) == []
    assert objectives.to_arrow().schema.field("since").type == pa.timestamp("us", "UTC")
    assert list(objectives.to_frame().columns) == objectives.to_arrow().column_names


# What comes in ------------------------------------------------------------------------------------------------------

ROWS = table(daily([0, 5, 10, 2], of=20, carrier="A"))


def test_frames_of_all_libraries_give_equal_results_and_are_left_as_they_were() -> None:
    ids = duckdb.connect()
    ids.register("rows", ROWS)
    pandas, polars = ROWS.to_pandas(), pl.DataFrame(ROWS)
    kept = pandas.copy(deep=True), polars.clone()
    answers = {
        kind: leadline.check(predictions=source, timezone="UTC", matures_after="0d", slices=["carrier"])
        for kind, source in {
            "arrow": ROWS,
            "pandas": pandas,
            "polars": polars,
            "lazy batches": ROWS.combine_chunks().to_batches()[0],
            "duckdb": ids.sql("SELECT * FROM rows"),
        }.items()
    }
    first = answers.pop("arrow")
    for kind, other in answers.items():
        assert list(other.estimates) == list(first.estimates), kind
        assert other.labels == first.labels, kind
    pd.testing.assert_frame_equal(pandas, kept[0])
    assert polars.equals(kept[1])


def test_the_shortest_call_is_one_line() -> None:
    result = leadline.check(ROWS)
    assert result.spec.task == "binary"
    assert result.spec.predictions.columns.score == "score"
    assert result.labels.labelled == 80
    assert any(note.code == "inferred" for note in result.notes)


def test_predictions_and_outcomes_may_be_apart() -> None:
    predictions, outcomes = ROWS.drop_columns(["label", "observed_at"]), ROWS.select(["id", "label", "observed_at"])
    result = leadline.check(predictions=predictions, outcomes=outcomes, task="binary", slices=["carrier"])
    assert result.labels.labelled == 80


def test_a_declaration_may_be_a_path_a_mapping_or_typed(tmp_path: Path) -> None:
    ROWS.to_pandas().to_csv(tmp_path / "log.csv", index=False)
    mapping = {
        "version": 1, "model": "m", "task": "binary", "metrics": ["accuracy"],
        "predictions": {"source": "log.csv", "columns": {"id": "id", "timestamp": "timestamp", "score": "score"}},
        "outcomes": {"columns": {"value": "label", "observed_at": "observed_at"}},
    }  # fmt: skip
    (tmp_path / "leadline.yaml").write_text(json.dumps(mapping))  # JSON is YAML
    mapping["predictions"]["source"] = str(tmp_path / "log.csv")  # type: ignore[index]
    answers = [
        list(leadline.check(each).estimates)
        for each in (tmp_path / "leadline.yaml", str(tmp_path / "leadline.yaml"), mapping,
                     leadline.load(tmp_path / "leadline.yaml"))
    ]  # fmt: skip
    assert answers[1:] == answers[:1] * 3
    assert [each["value"] for each in answers[0]] == [1.0, 0.75, 0.5, 0.9]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({}, r"give a declaration \(a path, a mapping or a Spec\), or predictions=\.\.\."),
        ({"spec": spec(ROWS), "predictions": ROWS}, "not both"),
        ({"spec": spec(ROWS), "window": "1w"}, "not both"),
        ({"predictions": ROWS, "slises": ["carrier"]}, "unknown word 'slises'.*did you mean 'slices'"),
        ({"predictions": ROWS, "task": "binry"}, "'binry' is not one of binary, multiclass, regression; did you mean"),
        ({"spec": "nowhere.yaml"}, "nowhere.yaml: there is no such file"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        leadline.check(**arguments)


def test_progress_is_told_in_words() -> None:
    words: list[str] = []
    leadline.check(spec(ROWS), progress=words.append)
    assert words
    assert all(isinstance(each, str) for each in words)


# Versions, baseline, what-if, feedback ------------------------------------------------------------------------------


def test_versions_are_evaluated_each_and_together() -> None:
    rows = [*daily([0], of=10, version="m1"), *daily([5], of=10, start="2024-01-01T06", version="m2")]
    rows = [{**each, "id": f"{each['version']}{each['id']}"} for each in rows]
    result = check(rows)
    assert [one(result, version=each)["value"] for each in (None, "m1", "m2")] == [0.75, 1.0, 0.5]
    assert {each["version"] for each in check(rows[:10]).estimates} == {None}


@pytest.mark.parametrize(("baseline", "accuracy"), [({"constant": 0.9}, 0.5), ({"score": "old"}, 1.0)])
def test_a_baseline_is_evaluated_beside_the_model(baseline: dict[str, Any], accuracy: float) -> None:
    rows = [row(f"p{n}", "2024-01-01", 0.4, n < 5, old=0.8 if n < 5 else 0.3) for n in range(10)]
    result = check(rows, baseline=baseline, metrics=["accuracy", "brier", "roc_auc"])
    assert one(result)["value"] == 0.5
    assert one(result, version="(baseline)")["value"] == accuracy
    brier = {"constant": (0.01 + 0.81) / 2, "score": (0.04 + 0.09) / 2}[next(iter(baseline))]
    assert one(result, "brier", version="(baseline)")["value"] == pytest.approx(brier, abs=1e-9)
    assert one(result, "roc_auc", version="(baseline)")["value"] == {0.5: 0.5, 1.0: 1.0}[accuracy]


def test_thresholds_are_what_if_metrics() -> None:
    rows = [row(f"p{n}", "2024-01-01", n / 10, n >= 3) for n in range(10)]
    result = check(rows, metrics=["recall", "accuracy"], threshold=0.5, thresholds=[0.3, 0.8])
    assert one(result, "recall")["value"] == 5 / 7
    assert one(result, "recall(threshold=0.3)")["value"] == 1.0
    assert one(result, "recall(threshold=0.8)")["value"] == 2 / 7
    assert one(result, "accuracy(threshold=0.3)")["value"] == 1.0


def test_feedback_is_a_rate_and_absence_counts_once_due() -> None:
    predictions = [{"id": f"p{n}", "timestamp": "2024-01-01", "score": 0.5} for n in range(10)]
    predictions += [{"id": "late", "timestamp": "2024-01-08", "score": 0.5}]
    clicks = table([{"id": f"p{n}", "value": n < 2, "observed_at": "2024-01-02"} for n in range(4)])
    columns = {"value": "value", "observed_at": "observed_at"}
    feedback = {"name": "click", "source": clicks, "columns": columns, "absent": 0, "matures_after": "3d"}
    result = check(predictions, as_of="2024-01-09", feedback=[feedback], metrics=["predicted_positive_rate"])
    assert [(each["value"], each["n"]) for each in found(result, "click") if each["n"]] == [(0.2, 10), (None, 1)]
    seen = check(predictions, as_of="2024-01-02", feedback=[feedback], metrics=["predicted_positive_rate"])
    assert found(seen, "click")[0]["value"] == 0.5  # two of the four that said anything
    assert result.labels.orphaned == 0


# Objectives ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "objective", "status"),
    [
        ([2, 2, 2], PROMISE, "holds"),
        ([30, 30, 30], PROMISE, "breached"),
        ([10, 10, 10], PROMISE, "uncertain"),
        ([30, 30, 30], {"metric": "accuracy", "at_most": 0.6, "window": "3d"}, "holds"),
        ([0, 0, 0], {"metric": "specificity", "at_least": 0.6, "window": "3d"}, "undefined"),
    ],
)
def test_an_objective_is_breached_when_the_interval_lies_wholly_on_the_wrong_side(
    wrong: list[int], objective: dict[str, Any], status: str
) -> None:
    result = check(daily(wrong), objectives=[objective])
    (judged,) = result.objectives
    assert judged["status"] == status
    assert judged["why"] if status == "undefined" else judged["low"] < judged["value"] < judged["high"]
    assert result.exit_code() == {"breached": 1, "undefined": 4}.get(status, 0)
    assert result.exit_code(allow_no_data=True) == (1 if status == "breached" else 0)


def test_an_objective_without_labels_has_no_data() -> None:
    rows = [{**each, "label": None} for each in daily([0, 0])]
    result = check(table(rows), objectives=[PROMISE])
    (judged,) = result.objectives
    assert (judged["status"], judged["why"], judged["n"]) == ("no_data", "no labels", 100)
    assert result.exit_code() == 4


def test_since_is_the_day_on_which_a_breach_began() -> None:
    of_days = {**PROMISE, "window": "1d"}
    (judged,) = check(daily([2] * 6 + [45] * 4), objectives=[of_days]).objectives  # a planted drop on the 7th
    assert (judged["status"], judged["since"]) == ("breached", "2024-01-07T00:00:00Z")
    ended = [45] * 2 + [2] * 4 + [45] * 3  # an earlier breach that ended is not this one
    (judged,) = check(daily(ended), objectives=[of_days]).objectives
    assert (judged["status"], judged["since"]) == ("breached", "2024-01-07T00:00:00Z")
    (judged,) = check(daily([2] * 12), objectives=[PROMISE]).objectives
    assert judged["since"] is None


def test_a_breach_from_the_first_day_on_began_then() -> None:
    (judged,) = check(daily([45] * 5), objectives=[{**PROMISE, "window": "1d"}]).objectives
    assert judged["since"] == "2024-01-01T00:00:00Z"


def test_objectives_are_judged_for_their_slices_too() -> None:
    rows = daily([0, 0, 0], carrier="A") + [
        {**each, "id": "b" + each["id"]} for each in daily([50, 50, 50], of=50, carrier="B")
    ]
    objective = {**PROMISE, "at_least": 0.4, "slices": ["carrier"]}
    result = check(rows, slices=["carrier"], objectives=[objective])
    judged = {(each["slice"] or {}).get("carrier"): (each["status"], each["n"]) for each in result.objectives}
    assert judged == {None: ("holds", 300), "A": ("holds", 150), "B": ("breached", 150)}
    assert "reference_guessed" in notes(result)


def test_a_result_says_in_one_line_what_it_is() -> None:
    result = check(daily([0, 5, 10, 2]), objectives=[PROMISE])
    assert repr(result) == "<Result of 'small' as of 2024-01-04 13:00 UTC: 1 objective: 1 holds.>"
