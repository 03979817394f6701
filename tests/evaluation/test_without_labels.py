"""Estimates without labels from end to end: what is filled in, what is kept, what is said, and what is refused."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

import leadline
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.run import evaluate_log
from leadline.metrics import METRICS as BY_TASK
from leadline.metrics import MetricCall, build
from leadline.spec.load import from_mapping

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, REFERENCE, ROWS = 90, 20, 300


def logit(score: np.ndarray) -> np.ndarray:
    return np.log(score / (1 - score))


def log(
    seed: int = 1,
    days: int = DAYS,
    rows: int = ROWS,
    covariate: float = 0.0,
    concept: float = 0.0,
    kinds: float = 0.0,
    late: int = 5,
) -> tuple[pa.Table, pa.Table]:
    """Predictions and outcomes of a calibrated model; from day 50 on the scores move, or what they mean does.

    covariate   how far the inputs move, in logits
    concept     how far the meaning of a score moves, in logits
    kinds       how far the two kinds of rows lie from their scores, in logits; their shares move from day 50 on
    late        days after which a label is known
    """
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows)
    moved = day >= 50
    score = 1 / (1 + np.exp(-(rng.normal(size=len(day)) * 1.5 - 0.5 + covariate * moved)))
    kind = rng.random(len(day)) < np.where(moved, 0.85, 0.5) if kinds else rng.random(len(day)) < 0.5
    meant = 1 / (1 + np.exp(-(logit(score) + concept * moved + kinds * np.where(kind, 1, -1))))
    label = rng.random(len(day)) < meant
    times = [
        START + timedelta(days=int(each), minutes=int(minute))
        for each, minute in zip(day, np.tile(range(rows), days), strict=True)
    ]
    predictions = pa.table(
        {"id": np.arange(len(day)), "at": times, "score": score, "kind": np.where(kind, "a", "b").tolist()}
    )
    known = day + late < days
    outcomes = pa.table(
        {
            "id": np.arange(len(day))[known],
            "label": label[known],
            "known": [time + timedelta(days=late) for time, told in zip(times, known, strict=True) if told],
        }
    )
    return predictions, outcomes


def declared(predictions: pa.Table, outcomes: pa.Table, **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "model": "planted",
        "task": "binary",
        "predictions": {
            "source": predictions,
            "columns": {"id": "id", "timestamp": "at", "score": "score"},
            "features": more.pop("features", []),
        },
        "outcomes": {
            "source": outcomes,
            "columns": {"id": "id", "value": "label", "observed_at": "known"},
            "matures_after": "5d",
        },
        "timezone": "UTC",
        "window": "1d",
        "metrics": ["recall", "precision", "roc_auc", "accuracy", "brier", "log_loss", "predicted_positive_rate"],
        "reference": {"until": START + timedelta(days=REFERENCE)},
    } | more


def evaluation(*tables: pa.Table, **more: Any) -> Evaluation:
    return evaluate_log(from_mapping(declared(*tables, **more)))


def both(result: leadline.Result, metric: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Estimates and figures of labels by start of the window."""
    mine = [each for each in result.estimates if each["metric"] == metric and each["slice"] is None]
    return tuple(
        {each["window_start"]: each for each in mine if bool(each["estimator"]) is kind} for kind in (True, False)
    )


def record(result: leadline.Result, metric: str) -> dict[str, Any]:
    (found,) = [each for each in result.track_record if each["metric"] == metric]
    return found


@pytest.fixture(scope="module")
def shifted() -> leadline.Result:
    return leadline.check(declared(*log(covariate=1.0)))


METRICS = ["recall", "precision", "roc_auc", "accuracy", "brier", "log_loss"]


@pytest.mark.parametrize("metric", METRICS)
def test_every_window_after_the_reference_has_both_series(shifted, metric):
    estimates, figures = both(shifted, metric)
    assert len(figures) == DAYS
    assert list(estimates) == list(figures)[REFERENCE:]
    assert {each["status"] for each in estimates.values()} == {"estimated"}
    young = list(figures)[-5:]
    assert all(figures[day]["labelled"] == 0 and figures[day]["value"] is None for day in young)
    for each in estimates.values():
        assert each["low"] <= each["value"] <= each["high"]
        assert (each["n"], each["labelled"]) == (ROWS, 0)
        assert "cannot be seen without labels" in each["why"]


def test_all_metrics_that_need_labels_are_estimated_from_the_first_window_on():
    """Those of calibration, too: they read the mean score of each bin, which is the same in every draw of labels."""
    result = leadline.check(declared(*log(covariate=1.0), metrics="all"))
    named = [name for name, each in BY_TASK["binary"].items() if not each.required]
    needing = {name for name in named if "labels" in build(MetricCall(name), "binary").needs}
    assert {each["metric"] for each in result.track_record} == needing
    for metric in needing:
        first = next(iter(both(result, metric)[0].values()))
        assert (first["status"], first["value"] is None) == ("estimated", False), first


def test_a_metric_without_labels_is_not_estimated(shifted):
    assert both(shifted, "predicted_positive_rate")[0] == {}
    assert {each["metric"] for each in shifted.track_record} == set(METRICS)


@pytest.mark.parametrize("metric", METRICS)
def test_estimates_follow_inputs_that_move(shifted, metric):
    """Better than the constant where that moves, and unbiased: the mean error is within what chance allows."""
    estimates, figures = both(shifted, metric)
    known = [day for day in estimates if figures[day]["status"] == "realised"]
    errors = np.array([estimates[day]["value"] - figures[day]["value"] for day in known])
    constant = np.array([record(shifted, metric)["reference_value"] - figures[day]["value"] for day in known])
    assert np.abs(errors).mean() < (0.5 if metric == "recall" else 1.0) * np.abs(constant).mean()
    assert abs(errors.mean()) < 0.3 * np.abs(errors).mean() + 3 * errors.std() / np.sqrt(len(errors))


def test_the_record_is_that_of_the_last_forty_windows(shifted):
    estimates, figures = both(shifted, "recall")
    known = [day for day in estimates if figures[day]["status"] == "realised"][-40:]
    errors = [abs(estimates[day]["value"] - figures[day]["value"]) for day in known]
    found = record(shifted, "recall")
    assert (found["status"], found["windows"]) == ("in_use", 40)
    assert found["mean_error"] == pytest.approx(np.mean(errors))
    assert found["band"] == sorted(errors)[36]  # ceil(41 * 0.9) = 37th
    assert found["band_covered"] >= 0.75


def test_bands_come_from_labels_as_soon_as_twenty_windows_have_matured(shifted):
    estimates, _ = both(shifted, "accuracy")
    methods = [each["interval"] for each in estimates.values()]
    # window 25 ends when windows 0 to 19 have been known for a day; labels take five days
    assert methods == ["resampled"] * 24 + ["conformal"] * (len(methods) - 24)


def test_an_estimate_is_what_it_was_when_it_was_made(shifted):
    """As of an earlier day the same windows have the same estimates, and the same bands from their record."""
    earlier = leadline.check(declared(*log(covariate=1.0)), as_of=START + timedelta(days=75))
    then, now = both(earlier, "roc_auc")[0], both(shifted, "roc_auc")[0]
    days = list(then)[:-1]  # the last day is not over
    assert len(days) == 55
    # bins of scores that came later are empty there, so that sums are rounded in another order
    assert [then[day]["value"] for day in days] == pytest.approx([now[day]["value"] for day in days], abs=1e-12)
    mature = days[:-6]
    low = [now[day]["low"] for day in mature if now[day]["interval"] == "conformal"]
    assert [then[day]["low"] for day in mature if then[day]["interval"] == "conformal"] == pytest.approx(low, abs=1e-12)


def test_the_inputs_explain_a_covariate_shift(shifted):
    for each in shifted.content.changes:
        assert not each.shown, each
        assert each.by_inputs + each.by_labels + (each.by_unseen or 0.0) == pytest.approx(
            each.value - each.reference_value
        )
    recall = next(each for each in shifted.content.changes if each.metric == "recall")
    assert recall.by_inputs > 0.1


def test_a_concept_shift_is_told_and_no_estimate_hides_it():
    result = leadline.check(declared(*log(concept=-1.2)))
    changed = {each.metric: each for each in result.content.changes}
    assert changed["precision"].shown
    assert changed["precision"].by_labels < -0.1
    assert abs(changed["precision"].by_inputs) < 0.02
    said = printed(result)
    assert "a score no longer means what it meant in the reference" in said
    assert "cannot be seen without labels" in said


def printed(result: leadline.Result) -> str:
    told = io.StringIO()
    Console(file=told, width=100).print(result)
    return " ".join(told.getvalue().split())


def test_leaves_see_kinds_of_rows_whose_scores_mean_something_else():
    """The score is wrong by kind, and the kinds' shares move: plain calibration cannot see that, leaves can."""
    tables = log(kinds=1.0)
    plain, by_leaf = (leadline.check(declared(*tables, features=features)) for features in ([], ["kind"]))
    assert record(plain, "accuracy")["estimator"] == "cbpe"
    assert record(by_leaf, "accuracy")["estimator"] == "leaf_cbpe"
    for metric in ("brier", "precision"):
        assert record(by_leaf, metric)["mean_error"] < 0.8 * record(plain, metric)["mean_error"]
    assert not [each for each in by_leaf.content.leaf_changes if each.shown]


def test_leaves_tell_for_which_rows_labels_moved():
    predictions, outcomes = log(kinds=1.0, seed=3)
    kind = np.array(predictions["kind"].to_pylist())[: len(outcomes)] == "a"
    late = np.arange(len(outcomes)) >= 50 * ROWS
    label = np.array(outcomes["label"].to_pylist())
    turned = np.where(kind & late & (np.random.default_rng(4).random(len(label)) < 0.3), False, label)
    outcomes = outcomes.set_column(1, "label", pa.array(turned))
    result = leadline.check(declared(predictions, outcomes, features="auto"))
    shown = [each for each in result.content.leaf_changes if each.shown]
    assert shown
    assert all("kind not in (b)" in each.rows and each.change < 0 for each in shown)
    assert "kind not in (b)" in printed(result)


def test_features_that_hold_the_label_are_not_learnt_from():
    predictions, outcomes = log()
    known = dict(zip(outcomes["id"].to_pylist(), outcomes["label"].to_pylist(), strict=True))
    told = [str(known.get(each)) for each in predictions["id"].to_pylist()]
    found = evaluation(predictions.append_column("told", pa.array(told)), outcomes, features="auto")
    assert found.leaves is None


def test_noise_among_features_does_no_harm():
    predictions, outcomes = log(covariate=1.0)
    rng = np.random.default_rng(8)
    noise = pa.array(rng.normal(size=len(predictions)))
    words = pa.array([f"w{each}" for each in rng.integers(0, 40, len(predictions))])
    tables = predictions.append_column("noise", noise).append_column("words", words), outcomes
    plain, noisy = (leadline.check(declared(*tables, features=features)) for features in ([], "auto"))
    for metric in METRICS:
        assert record(noisy, metric)["mean_error"] < 1.1 * record(plain, metric)["mean_error"]


def test_an_estimator_that_loses_to_the_constant_withdraws():
    """Scores that are moved up and down from day to day, while labels stay as they are."""
    predictions, outcomes = log()
    day = np.arange(len(predictions)) // ROWS
    shift = np.where(day < REFERENCE, 0.0, np.random.default_rng(9).normal(size=DAYS)[day])
    score = np.array(predictions["score"].to_pylist())
    moved = 1 / (1 + np.exp(-(logit(score) + shift)))
    label = pa.array(np.array(outcomes["label"].to_pylist()))
    result = leadline.check(
        declared(predictions.set_column(2, "score", pa.array(moved)), outcomes.set_column(1, "label", label))
    )
    found = record(result, "brier")
    assert found["status"] == "withdrawn"
    assert found["mean_error"] > found["constant_error"]
    newest = list(both(result, "brier")[0].values())[-1]
    assert (newest["status"], newest["value"]) == ("undefined", None)
    assert newest["why"].startswith("withdrawn: over the last 40 windows")
    assert "Estimates of" in printed(result)
    assert "are withdrawn: over the last 40 windows" in printed(result)


# Bad input ----------------------------------------------------------------------------------------------------------


def undefined(predictions: pa.Table, outcomes: pa.Table, **more: Any) -> str:
    result = leadline.check(declared(predictions, outcomes, **more))
    assert [each for each in result.estimates if each["estimator"]] == []
    (why,) = {each["why"] for each in result.track_record}
    assert {each["status"] for each in result.track_record} == {"undefined"}
    assert "without labels cannot be made" in printed(result)
    return why


def changed(column: str, values: Any, place: int = 0) -> tuple[pa.Table, pa.Table]:
    tables = list(log(days=40, rows=50))
    index = tables[place].column_names.index(column)
    made = pa.array(values(np.array(tables[place][column].to_pylist())))
    tables[place] = tables[place].set_column(index, column, made)
    return tables[0], tables[1]


def test_too_little_reference():
    assert "labelled rows with a score; at least 300 are needed" in undefined(*log(days=40, rows=10))


def test_a_reference_without_labels():
    predictions, outcomes = log(days=40, rows=50)
    assert "no labelled rows" in undefined(predictions, outcomes.slice(REFERENCE * 50))


def test_one_class():
    assert "no positive label" in undefined(*changed("label", lambda found: found & False, 1), positive=True)


def test_constant_scores():
    assert "all scores of the reference are the same" in undefined(*changed("score", lambda found: found * 0 + 0.3))


@pytest.mark.parametrize("scale", [3.0, -1.0])
def test_scores_outside_0_and_1(scale):
    tables = changed("score", lambda found: found * scale)
    assert undefined(*tables, metrics=["roc_auc", "recall"]) == "scores are not probabilities"


def test_a_reference_that_holds_all_windows():
    why = undefined(*log(days=40, rows=50), reference={"until": START + timedelta(days=60)})
    assert why == "no window begins after the reference"


def test_windows_without_rows_or_without_scores():
    predictions, outcomes = log(days=40, rows=50)
    score = np.array(predictions["score"].to_pylist())
    score[30 * 50 : 31 * 50] = np.nan
    score[31 * 50] = np.nan
    predictions = predictions.set_column(2, "score", pa.array(score)).slice(0, 35 * 50)
    predictions = pa.concat_tables([predictions, log(days=40, rows=50)[0].slice(36 * 50)])
    estimates = list(both(leadline.check(declared(predictions, outcomes)), "accuracy")[0].values())
    assert estimates[10]["why"] == "no rows with a score"
    assert estimates[11]["why"].endswith("1 rows without a score are left out")
    assert estimates[15]["why"] == "no rows"
    assert estimates[10]["value"] is estimates[15]["value"] is None


def test_a_guessed_reference_is_told():
    result = leadline.check(declared(*log(), reference=None))
    assert "estimates_reference" in {note.code for note in result.notes}
    assert record(result, "recall")["reference_end"] == "2024-01-23T00:00:00Z"


def test_equal_rows_in_any_order_and_weights_of_one_are_the_same():
    predictions, outcomes = log(days=50, rows=60, kinds=1.0)
    order = np.random.default_rng(5).permutation(len(predictions))
    weighted = predictions.append_column("weight", pa.array(np.full(len(predictions), 1.0)))
    plain = declared(predictions, outcomes, features=["kind"])
    weights = declared(weighted, outcomes, features=["kind"])
    weights["predictions"]["columns"]["weight"] = "weight"
    results = [
        leadline.check(plain),
        leadline.check(declared(predictions.take(pa.array(order)), outcomes, features=["kind"])),
        leadline.check(weights),
    ]
    values = [[(each["metric"], each["value"], each["low"]) for each in result.estimates] for result in results]
    assert values[0] == values[1]
    for mine, other in zip(values[0], values[2], strict=True):
        assert mine[1] == pytest.approx(other[1], abs=1e-9)


def test_a_check_with_features_needs_neither_pandas_nor_scikit_learn():
    """Each takes up to a second to load; the demo declares seventeen features."""
    code = (
        "import sys, leadline, pathlib; demo = pathlib.Path(leadline.__file__).parent / 'demo' / 'data';"
        "found = leadline.check(demo / 'leadline.yaml', as_of='2013-12-30').track_record[0];"
        "print(found['status'], sorted({'pandas', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("in_use []", 0), done.stderr


def test_an_objective_is_at_risk_where_the_newest_estimate_is_all_on_the_wrong_side():
    promise = {"metric": "recall", "at_least": 0.5, "window": "28d"}
    harder = log(covariate=-2.0, days=54)  # the last four days have no labels yet
    (said,) = leadline.check(declared(*harder, objectives=[promise])).objectives
    assert said["status"] == "at_risk"
    assert said["why"].startswith("without labels it is estimated to be 0.")
    assert said["value"] > 0.5
    (same,) = leadline.check(declared(*log(days=54), objectives=[promise])).objectives
    assert (same["status"], same["why"]) == ("holds", None)
