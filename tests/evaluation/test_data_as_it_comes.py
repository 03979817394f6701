"""Values, types, names and files as they come: a sensible answer, never a crash, NaN or a silent drop."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

import leadline
from evaluation.small import at, check, days, evaluation, found, notes, one, row, slices, table

EARLY = {"until": "2024-02-01"}
SCORES = [0.9, 0.2, 0.8, 0.1, 0.7, 0.3, 0.6, 0.4]
LABELS = [1, 0, 1, 0, 0, 1, 1, 0]  # six of eight are as the scores say
TIMES = pd.date_range("2024-01-01", periods=8, freq="3h", tz="UTC")


def frame(**changed: Any) -> pd.DataFrame:
    """Eight rows of a day; 0.75 are right."""
    return pd.DataFrame({"id": range(8), "timestamp": TIMES, "score": SCORES, "label": LABELS, **changed})


def of(source: Any, **declared: Any) -> leadline.Result:
    """Check with all columns declared and `accuracy`; the document holds no NaN."""
    names = getattr(source, "column_names", getattr(source, "columns", ["id", "timestamp", "score", "label"]))
    result = check(source, named=list(names), **declared)
    json.loads(result.to_json(), parse_constant=lambda word: pytest.fail(f"{word} in the document"))
    return result


# Labels -------------------------------------------------------------------------------------------------------------

YES = [value == 1 for value in LABELS]
WORDS = ["yes" if value else "no" for value in YES]


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        (YES, None),
        (LABELS, None),
        (["1" if value else "0" for value in YES], None),
        (["TRUE" if value else "FALSE" for value in YES], True),
        (WORDS, "yes"),
        (pd.array(WORDS, dtype="string"), "yes"),
        (pd.Categorical(WORDS), "yes"),
        (pd.array(LABELS, dtype="Int64"), 1),
        (pd.array(YES, dtype="boolean"), True),
        ([Decimal(value) for value in LABELS], None),
        ([2 * value + 5 for value in LABELS], 7),
        ([0.5 * value for value in LABELS], 0.5),
        ([not value for value in YES], False),
    ],
    ids=lambda value: str(getattr(value, "dtype", value))[:30],
)
def test_labels_of_any_type(labels: Any, positive: Any) -> None:
    result = of(frame(label=labels), **({} if positive is None else {"positive": positive}))
    assert (one(result)["value"], one(result)["labelled"]) == (0.75, 8)


@pytest.mark.parametrize(
    "labels",
    [
        [1.0, None, *LABELS[2:]],
        pd.array([1, None, *LABELS[2:]], dtype="Int64"),
        pd.array([True, None, *YES[2:]], dtype="boolean"),
        ["1", None, *map(str, LABELS[2:])],
    ],
    ids=["float", "Int64", "boolean", "text"],
)
def test_a_label_that_is_null_has_not_come(labels: Any) -> None:
    result = of(frame(label=labels))
    assert (result.labels.labelled, result.labels.missing, one(result)["labelled"]) == (7, 1, 7)


@pytest.mark.parametrize("positive", [None, 1])
def test_a_label_that_is_nan_has_not_come(positive: Any) -> None:
    rows = pl.DataFrame(frame(label=[1.0, float("nan"), *map(float, LABELS[2:])]))  # Polars keeps NaN
    result = of(rows, **({} if positive is None else {"positive": positive}))
    assert (result.labels.labelled, result.labels.missing) == (7, 1)


def test_classes_that_are_nan_or_numbers_with_a_point_are_read_as_people_mean_them() -> None:
    rows = pl.DataFrame(
        frame(label=[0.0, 1.0, 2.0, float("nan"), 0.0, 1.0, 2.0, 2.0], prediction=[0, 1, 2, 2, 1, 1, 2, 0])
    )
    result = of(rows, task="multiclass", columns={"score": None})
    assert (one(result)["value"], one(result)["labelled"]) == (5 / 7, 7)


def test_an_all_null_label_is_no_label() -> None:
    result = of(frame(label=[None] * 8), metrics=["accuracy", "recall", "roc_auc", "brier"])
    assert {each["why"] for each in result.estimates} == {"no labels"}
    assert result.labels.missing == 8
    said = of(frame(label=[None] * 8), metrics=["accuracy"], positive=True)
    assert {each["why"] for each in said.estimates} == {"no labels"}


# Scores, predictions, weights ---------------------------------------------------------------------------------------


def test_scores_that_are_nan_or_infinite_predict_nothing_and_are_counted() -> None:
    odd = [float("nan"), float("inf"), float("-inf"), None, *SCORES[4:]]
    for source in (frame(score=odd), pl.DataFrame(frame(score=odd)), pa.table(frame(score=odd))):
        result = of(source)
        assert notes(result)["missing_numbers"] == (
            "4 predictions have no finite score: left out of all figures that need it."
        )
        assert (one(result)["value"], one(result)["n"]) == (0.5, 8)  # two of the four that have a score are right


@pytest.mark.parametrize(
    "scores", [[str(score) for score in SCORES], [Decimal(str(score)) for score in SCORES], np.array(SCORES, "float32")]
)
def test_scores_of_any_numeric_type(scores: Any) -> None:
    assert one(of(frame(score=scores)))["value"] == 0.75


def test_an_all_null_score_is_undefined_with_a_reason() -> None:
    result = of(frame(score=[None] * 8), metrics=["accuracy", "roc_auc", "brier"])
    assert {each["status"] for each in result.estimates} == {"undefined"}
    assert all(each["why"] for each in result.estimates)


def test_constant_scores_rank_nothing() -> None:
    result = of(frame(score=[0.5] * 8), metrics=["roc_auc", "average_precision", "brier"])
    for name in ("roc_auc", "average_precision"):
        assert one(result, name)["value"] is None
        assert one(result, name)["why"] == "all scores are 0.5, so that no row comes before another"
    assert one(result, "brier")["value"] == 0.25


def test_scores_at_the_ends_have_a_finite_log_loss() -> None:
    result = of(frame(score=[0.0, 1.0] * 4), metrics=["log_loss", "brier", "roc_auc", "calibration_error"])
    assert all(each["value"] is not None for each in result.estimates)


def test_a_prediction_that_disagrees_with_the_score_counts_and_the_share_is_told() -> None:
    said = [True, False, True, False, True, False, False, None]  # differs from score >= 0.5 once; one is not there
    result = of(frame(prediction=said), metrics=["accuracy"])
    assert notes(result)["disagrees"] == (
        "In 12.5 % of the predictions (1) the prediction is not what a score of 0.5 or more says;"
        " the prediction counts."
    )
    assert one(result)["value"] == 0.625  # 0.6 was right, and False is not
    agree = [score >= 0.5 for score in SCORES]
    assert "disagrees" not in notes(of(frame(prediction=agree)))
    assert "disagrees" not in notes(of(frame()))


@pytest.mark.parametrize("said", [["1", "0"] * 4, [1, 0] * 4, [1.0, 0.0] * 4, ["yes", "no"] * 4, [True, False] * 4])
def test_predictions_need_not_use_the_words_of_the_labels(said: Any) -> None:
    words = "yes" in said or "1" in said
    labels = [("yes" if "yes" in said else "1") if value else "no" for value in YES] if words else WORDS
    result = of(frame(prediction=said, label=labels), positive="1" if "1" in said else "yes")
    assert one(result)["value"] == 0.75


def test_weights_that_cannot_be_used_add_nothing_and_are_counted() -> None:
    weights = [1.0, float("nan"), -1.0, float("inf"), None, 2.0, 0.0, 3.0]
    for source in (frame(weight=weights), pl.DataFrame(frame(weight=weights))):
        result = of(source, metrics=["accuracy", "brier", "roc_auc"])
        assert notes(result)["missing_weights"].startswith("4 predictions have no finite weight from 0 on")
        assert one(result)["value"] == pytest.approx(4 / 6)  # 0 and 7 are right with 1 and 3, 5 is wrong with 2
        assert one(result)["n"] == 8
        brier = (1 * 0.1**2 + 2 * 0.7**2 + 3 * 0.4**2) / 6
        assert one(result, "brier")["value"] == pytest.approx(brier, abs=1e-9)


@pytest.mark.parametrize("weight", [None, 0.0])
def test_no_weight_at_all_is_undefined_and_said(weight: float | None) -> None:
    promise = {"metric": "accuracy", "at_least": 0.5, "window": "28d"}
    result = of(frame(weight=[weight] * 8), metrics=["accuracy", "brier", "roc_auc"], objectives=[promise])
    assert {each["status"] for each in result.estimates} == {"undefined"}
    assert {each["why"] for each in (*result.estimates, *result.objectives)} == {
        "all weights are 0: no row has one above"
    }


def test_no_weight_of_a_labelled_row_is_said() -> None:
    label, weight = [None, *LABELS[1:]], [1.0] + [0.0] * 7
    result = of(frame(label=label, weight=weight), metrics=["accuracy", "predicted_positive_rate"])
    assert one(result)["why"] == "all weights are 0: no labelled row has one above"
    assert one(result, "predicted_positive_rate")["value"] is not None


# Times and ids ------------------------------------------------------------------------------------------------------


def test_times_of_any_resolution_dates_and_text_are_times() -> None:
    naive = TIMES.tz_localize(None)
    words = (TIMES.strftime("%FT%TZ"), TIMES.strftime("%F %T"))
    for times in (TIMES.as_unit("ns"), naive.as_unit("ns"), TIMES.as_unit("s"), naive.as_unit("ms"), *words):
        assert days(of(frame(timestamp=times))) == {"2024-01-01": 0.75}
    assert days(of(frame(timestamp=[date(2024, 1, 1)] * 8))) == {"2024-01-01": 0.75}


def test_conditions_compare_times_of_any_resolution() -> None:
    for times in (TIMES.as_unit("ns"), TIMES.as_unit("us"), TIMES.tz_localize(None).as_unit("ns")):
        late = {"name": "late", "where": "seen >= '2024-01-01T12:00:00'"}
        assert slices(of(frame(seen=times), slices=[late], reference=EARLY)) == {(True,): 4, (False,): 4}


def test_times_that_cannot_be_read_are_left_out_and_counted() -> None:
    texts = ["2024-01-01", "soon", "", None, *TIMES.strftime("%FT%T")[4:]]
    result = of(frame(timestamp=texts))
    assert (result.labels.predictions, notes(result)["without_time"][:1]) == (5, "3")


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (list(range(8)), [float(n) for n in range(8)]),  # pandas makes floats of whole numbers with a gap
        ([float(n) for n in range(8)], list(range(8))),
        (list(range(8)), [str(n) for n in range(8)]),
        ([str(n) for n in range(8)], list(range(8))),
        ([float(n) for n in range(8)], [str(n) for n in range(8)]),
        (np.arange(8, dtype="int32"), np.arange(8, dtype="uint64")),
        ([Decimal(n) for n in range(8)], list(range(8))),
        (pd.Categorical(list("abcdefgh")), list("abcdefgh")),
    ],
)
def test_ids_meet_whatever_their_types(mine: Any, theirs: Any) -> None:
    predictions = frame(id=mine).drop(columns="label")
    outcomes = pd.DataFrame({"id": theirs, "label": LABELS})
    result = check(predictions, outcomes, named=["id", "timestamp", "score"])
    assert (result.labels.labelled, result.labels.orphaned, one(result)["value"]) == (8, 0, 0.75)


def test_ids_of_several_outcomes_of_different_types_meet() -> None:
    predictions = frame().drop(columns="label")
    labels = pd.DataFrame({"id": range(8), "label": LABELS})
    clicks = pd.DataFrame({"id": [str(n) for n in range(8)], "value": LABELS})
    feedback = [{"name": "clicked", "source": clicks, "columns": {"value": "value"}}]
    result = check(predictions, labels, named=["id", "timestamp", "score"], feedback=feedback)
    assert (result.labels.labelled, one(result, "clicked")["value"]) == (8, 0.5)


@pytest.mark.parametrize("ids", [["a", None, None, "b", *"cdef"], [0.5, float("nan"), None, 1.5, 2, 3, 4, 5]])
def test_rows_without_an_id_are_left_out(ids: Any) -> None:
    result = of(pl.DataFrame(frame(id=ids), strict=False))
    assert (result.labels.predictions, notes(result)["without_id"][:1]) == (6, "2")


def test_a_null_id_does_not_hide_that_another_comes_twice() -> None:
    result = of(frame(id=["a", "a", None, "b", *"cdef"]))
    assert (result.labels.predictions, result.labels.conflicting) == (6, 1)


# No rows, one row ---------------------------------------------------------------------------------------------------


def test_no_rows_of_any_kind_are_no_data() -> None:
    untyped = pd.DataFrame({name: pd.Series([], dtype=object) for name in ("id", "timestamp", "score", "label")})
    for source in (frame().iloc[:0], pl.DataFrame(frame()).clear(), pa.table(frame()).slice(0, 0), untyped):
        result = of(source, objectives=[{"metric": "recall", "at_least": 0.5, "window": "7d"}])
        assert result.labels.predictions == 0
        assert {each["why"] for each in result.estimates} == {"no rows"}
        assert (result.objectives[0]["status"], result.exit_code()) == ("no_data", 4)
        assert result.exit_code(allow_no_data=True) == 0


def test_one_row_is_an_answer() -> None:
    result = of(frame().iloc[:1], metrics=["accuracy", "roc_auc", "recall"], objectives=[])
    assert (one(result)["value"], one(result, "recall")["value"]) == (1.0, 1.0)
    assert one(result, "roc_auc")["why"] == "one class only: no actual negatives"


@pytest.mark.parametrize(("labels", "why"), [([1] * 8, "no actual negatives"), ([0] * 8, "no actual positives")])
def test_one_class_only_is_undefined_where_both_are_needed(labels: list[int], why: str) -> None:
    result = of(frame(label=labels), metrics=["roc_auc", "accuracy", "mcc", "balanced_accuracy", "brier"])
    assert one(result, "roc_auc")["why"] == f"one class only: {why}"
    assert one(result)["value"] == 0.5
    assert all(each["value"] is not None or each["why"] for each in result.estimates)


def test_no_outcomes_at_all_still_tell_what_needs_none() -> None:
    result = of(frame().drop(columns="label"), metrics=["accuracy", "predicted_positive_rate"])
    assert one(result)["why"] == "no outcomes are declared"
    assert one(result, "predicted_positive_rate")["value"] == 0.5


# Names --------------------------------------------------------------------------------------------------------------

NAMES = ["my col", 'say "x"', "select", "Größe", "a.b", "it's", "from;--", "timestamp_", "value_label", "score_0", "行"]


def test_columns_may_be_called_anything() -> None:
    rows = frame(**{name: list("abcd") * 2 for name in NAMES})
    result = of(rows, slices=[*NAMES, {"cross": NAMES[:2]}], reference=EARLY)
    found_ = [each["slice"] for each in result.estimates if each["metric"] == "share"]
    assert len(found_) == 4 * (len(NAMES) + 1)
    assert {"Größe": "a"} in found_


def test_parts_may_be_called_anything() -> None:
    names = {"id": "prediction id", "timestamp": 'the "time"', "score": "select", "label": "état"}
    rows = frame().rename(columns=names)
    outcomes = {"columns": {"value": names.pop("label")}}
    mapping = {"version": 1, "model": "m", "task": "binary", "metrics": ["accuracy"], "outcomes": outcomes}
    result = leadline.check({**mapping, "predictions": {"source": rows, "columns": names}})
    assert one(result)["value"] == 0.75


@pytest.mark.parametrize("asked", ["Carrier", "carrier"])
def test_names_that_differ_in_case_only_are_never_taken_for_each_other(asked: str) -> None:
    """DuckDB reads the first column for either name, whatever the quotes: better none than the wrong one."""
    rows = frame(Carrier=list("abcd") * 2, carrier=list("xy") * 4)
    with pytest.raises(leadline.InputError, match="'Carrier' and 'carrier' differ in upper and lower case alone"):
        of(rows, slices=[asked], reference=EARLY)


# Slices -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        pd.Categorical(["a", "b", None, "a"] * 2),
        pd.array([1, 2, None, 1] * 2, dtype="Int64"),
        [Decimal("1.5"), Decimal("2.5"), None, Decimal("1.5")] * 2,
        [date(2024, 1, 1), date(2024, 1, 2), None, date(2024, 1, 1)] * 2,
        [datetime(2024, 1, 1), datetime(2024, 1, 2), None, datetime(2024, 1, 1)] * 2,
        [[1], [2], None, [1]] * 2,
        [{"a": 1}, {"a": 2}, None, {"a": 1}] * 2,
        [b"a", b"b", None, b"a"] * 2,
    ],
    ids=["categorical", "Int64", "decimal", "date", "time", "list", "struct", "bytes"],
)
def test_slices_by_columns_of_any_type(values: Any) -> None:
    found_ = slices(of(pa.table(frame(x=values)), slices=["x"], reference=EARLY))
    assert sorted(found_.values()) == [2, 2, 4]
    assert found_[None,] == 2


def test_an_all_null_slice_is_missing() -> None:
    assert slices(of(frame(x=[None] * 8), slices=["x"], reference=EARLY)) == {(None,): 8}


def test_a_slice_whose_column_is_gone_is_a_finding_and_the_monitor_goes_on() -> None:
    objective = {"metric": "accuracy", "at_least": 0.1, "window": "1d", "slices": ["gone", "x"]}
    result = of(frame(x=["a", "b"] * 4), slices=["gone", "x"], objectives=[objective], reference=EARLY)
    assert notes(result)["slice_left_out"].startswith("Slice 'gone' is left out: there is no column 'gone'")
    judged = {tuple((each["slice"] or {}).items()): each["status"] for each in result.objectives}
    assert judged[("gone", "(left out)"),] == "no_data"  # nobody knows: that is not fine
    assert judged[("x", "a"),] in ("holds", "uncertain")
    assert result.exit_code() == 4


def test_a_slice_whose_column_has_another_type_is_a_finding() -> None:
    rows = frame(x=["a", "b"] * 4, when=TIMES)
    bad = [{"name": "n", "where": "x > 5"}, {"name": "m", "bin": {"column": "when", "width": 2}}]
    result = of(rows, slices=[*bad, "x"], reference=EARLY)
    assert slices(result) == {("a",): 4, ("b",): 4}
    assert [note.code for note in result.notes].count("slice_left_out") == 2


# Files --------------------------------------------------------------------------------------------------------------


def texts() -> pd.DataFrame:
    return frame(id=[f"00{n}" for n in range(8)], timestamp=TIMES.strftime("%FT%TZ"))


def written(where: Path, form: str, rows: pd.DataFrame) -> Path:
    path = where / f"log.{form}"
    if form == "csv":
        rows.to_csv(path, index=False)
    elif form == "jsonl":
        path.write_text("\n".join(json.dumps(each) for each in rows.to_dict("records")) + "\n")
    elif form == "parquet":
        rows.to_parquet(path)
    else:
        pyarrow.feather.write_feather(pa.Table.from_pandas(rows), path, compression="uncompressed")
    return path


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "arrow"])
def test_files_of_any_form_and_ids_that_begin_with_zeros(tmp_path: Path, form: str) -> None:
    predictions = str(written(tmp_path, form, texts().drop(columns="label")))
    outcomes = written(tmp_path / "..", "csv", texts()[["id", "label"]])
    result = check(predictions, str(outcomes), named=["id", "timestamp", "score"])
    assert (result.labels.labelled, result.labels.orphaned, one(result)["value"]) == (8, 0, 0.75)


@pytest.mark.parametrize("form", ["csv", "parquet", "arrow"])
def test_files_without_rows(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, form, texts().iloc[:0])
    assert one(of(str(path)))["why"] == "no rows"


def test_globs_are_read_by_name_and_not_by_position(tmp_path: Path) -> None:
    pq.write_table(pa.table(frame()).slice(0, 4), tmp_path / "1.parquet")
    pq.write_table(pa.table(frame()).slice(4).select(["label", "score", "id", "timestamp"]), tmp_path / "2.parquet")
    assert one(of(str(tmp_path / "*.parquet")))["value"] == 0.75
    assert one(of(str(tmp_path)))["n"] == 8


def test_a_column_that_vanishes_half_way_is_missing_from_there_on(tmp_path: Path) -> None:
    rows = pa.table(frame(x=["a", "b"] * 4, y=range(8)))
    pq.write_table(rows.slice(0, 4), tmp_path / "1.parquet")
    pq.write_table(rows.slice(4).drop_columns(["x", "y"]), tmp_path / "2.parquet")
    assert slices(of(str(tmp_path / "*.parquet"), slices=["x"], reference=EARLY)) == {("a",): 2, ("b",): 2, (None,): 4}


def test_a_column_that_is_retyped_half_way_goes_on(tmp_path: Path) -> None:
    rows = pa.table(frame())
    pq.write_table(rows.append_column("x", pa.array([1, 2] * 4)).slice(0, 4), tmp_path / "1.parquet")
    pq.write_table(rows.append_column("x", pa.array(["1", "b"] * 4)).slice(4), tmp_path / "2.parquet")
    assert slices(of(str(tmp_path / "*.parquet"), slices=["x"], reference=EARLY)) == {
        ("1",): 4, ("2",): 2, ("b",): 2,
    }  # fmt: skip


def test_a_feature_that_nobody_asks_for_may_be_of_any_type_in_each_file(tmp_path: Path) -> None:
    for name, values in (("1", [[1], [2]] * 4), ("2", TIMES)):
        part = pa.table(frame()).append_column("x", pa.array(values))
        pq.write_table(part.slice(4 * (int(name) - 1), 4), tmp_path / f"{name}.parquet")
    assert one(of(str(tmp_path / "*.parquet")))["value"] == 0.75


def test_rows_in_the_test_helper_are_what_they_say() -> None:
    assert table([row("a", "2024-01-01", 0.5)])["label"].to_pylist() == [None]
    assert found(of(frame()))[0]["n"] == evaluation(pa.table(frame())).labels.predictions


@pytest.mark.parametrize("positive", [True, 1, "true", "1", False, 0])
@pytest.mark.parametrize("absent", [True, 1, "1", False, 0, "false"])
@pytest.mark.parametrize("labels", [[True, False], [1, 0]], ids=["boolean", "0/1"])
def test_absent_means_the_same_however_true_and_false_are_written(labels: Any, absent: Any, positive: Any) -> None:
    rows = [row(f"p{n}", f"2024-01-0{n + 1}", 0.9) for n in range(4)]
    outcomes = table([{"id": f"p{n}", "label": label} for n, label in enumerate(labels)])
    result = check(rows, outcomes, absent=absent, positive=positive, metrics=["positive_rate"], window="1w")
    means_true = absent in (True, "1")
    same = means_true == (positive in (True, "true", "1"))
    assert one(result, "positive_rate")["value"] == (1 + 2 * same) / 4


def test_more_than_two_labels_are_said() -> None:
    words = [row(f"p{n}", "2024-01-01", 0.9, label) for n, label in enumerate(["yes", "no", "maybe", "no"])]
    assert notes(check(words, positive="yes"))["more_than_two_labels"] == (
        "The labels have 3 different values: all but 'yes' count as negative."
    )
    assert "more_than_two_labels" not in notes(check([words[0], words[1], words[3]], positive="yes"))


def test_predictions_without_a_version_are_in_no_version_s_figures() -> None:
    versions = ["a", "b", None, "a"]
    rows = [row(f"p{n}", "2024-01-01", 0.9, True, version=version) for n, version in enumerate(versions)]
    result = check(rows)
    assert notes(result)["without_version"].startswith("1 prediction has no version")
    assert [one(result, version=version)["n"] for version in ("a", "b", None)] == [2, 1, 4]


def test_versions_beyond_the_hundred_most_frequent_are_said() -> None:
    rows = [row(f"p{n}", "2024-01-01", 0.9, True, version=f"v{n % 102}") for n in range(202)]
    assert notes(check(rows))["without_version"].startswith("2 predictions have no version, or not one of the 100")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_without_a_zone_of_any_resolution_are_inferred(unit: str) -> None:
    moments = pa.array([1_760_918_400_123_456_789 // 10 ** {"s": 9, "ms": 6, "us": 3, "ns": 0}[unit]] * 3)
    log = pa.table(
        {"id": [1, 2, 3], "at": moments.cast(pa.timestamp(unit)), "score": [0.1, 0.2, 0.9], "label": [0, 1, 1]}
    )
    assert one(leadline.check(log), "recall")["value"] == 0.5


@pytest.mark.parametrize("first", [2**63 - 5, 2**63, 2**64 - 10])
def test_ids_of_any_size_are_compared(first: int) -> None:
    ids = pa.array([first + n for n in range(10)], pa.uint64())
    log = pa.table({"id": ids, "timestamp": [at("2024-01-01")] * 10, "score": [0.9] * 10})
    outcomes = pa.table({"id": ids.slice(5), "label": [True, True, True, True, False]})
    result = check(log, outcomes)
    assert (one(result)["value"], result.labels.labelled, result.labels.orphaned) == (0.8, 5, 0)


def test_text_among_the_numbers_of_a_csv_file_is_missing(tmp_path: Path) -> None:
    lines = [f"{n},2024-01-01T{n:02}:00:00Z,{n / 20},{n % 2}" for n in range(20)]
    (tmp_path / "log.csv").write_text("\n".join(["id,timestamp,score,label", *lines, "20,2024-01-01T20:00:00Z,N/A,1"]))
    named = ["id", "timestamp", "score", "label"]
    result = check(str(tmp_path / "log.csv"), named=named, metrics=["log_loss", "roc_auc"])
    assert notes(result)["missing_numbers"] == (
        "1 prediction has no finite score: left out of all figures that need it."
    )
    assert one(result, "roc_auc")["n"] == 21
