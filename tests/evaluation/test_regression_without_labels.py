"""Estimates of a regression without labels from end to end, against brute force on the rows."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

import leadline
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.losses import LossCells
from leadline.evaluation.run import evaluate_log
from leadline.spec.load import from_mapping

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, REFERENCE, ROWS = 70, 20, 150
METRICS = ["mae", "mse", "rmse", "bias"]


def log(
    seed: int = 1, days: int = DAYS, rows: int = ROWS, inputs: bool = True, worse: float = 1.0, late: int = 5
) -> tuple[pa.Table, pa.Table]:
    """A model that errs more and too high for one kind; from day 40 on that kind is frequent, or errs by more.

    inputs   whether the share of the kind moves, from .2 to .7
    worse    by what the errors of the kind are multiplied from day 40 on
    late     days after which a label is known
    """
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows)
    moved = day >= 40
    kind = rng.random(len(day)) < np.where(moved & inputs, 0.7, 0.2)
    prediction = np.round(rng.uniform(0, 10, len(day)), 3)
    error = np.where(kind, rng.normal(2, 4, len(day)), rng.normal(0, 1, len(day)))
    error *= np.where(kind & moved, worse, 1.0)
    times = [
        START + timedelta(days=int(each), minutes=int(minute))
        for each, minute in zip(day, np.tile(range(rows), days), strict=True)
    ]
    numbers = np.arange(len(day))
    words = np.where(kind, "a", "b").tolist()
    predictions = pa.table({"id": numbers, "at": times, "said": prediction, "kind": words})
    known = day + late < days
    outcomes = pa.table(
        {
            "id": numbers[known],
            "value": (prediction - error)[known],
            "known": [time + timedelta(days=late) for time, told in zip(times, known, strict=True) if told],
        }
    )
    return predictions, outcomes


def declared(predictions: pa.Table, outcomes: pa.Table, **more: Any) -> dict[str, Any]:
    columns = {"id": "id", "timestamp": "at", "prediction": "said", **more.pop("columns", {})}
    return {
        "version": 1,
        "model": "amounts",
        "task": "regression",
        "predictions": {"source": predictions, "columns": columns, "features": more.pop("features", "auto")},
        "outcomes": {
            "source": outcomes,
            "columns": {"id": "id", "value": "value", "observed_at": "known"},
            "matures_after": "5d",
        },
        "timezone": "UTC",
        "window": "1d",
        "metrics": METRICS,
        "reference": {"until": START + timedelta(days=REFERENCE)},
    } | more


def both(result: leadline.Result, metric: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Estimates and figures of labels by start of the window."""
    mine = [each for each in result.estimates if each["metric"] == metric and each["slice"] is None]
    return tuple(
        {each["window_start"]: each for each in mine if bool(each["estimator"]) is kind} for kind in (True, False)
    )


def record(result: leadline.Result, metric: str) -> dict[str, Any]:
    (found,) = [each for each in result.track_record if each["metric"] == metric]
    return found


def printed(result: leadline.Result) -> str:
    told = io.StringIO()
    Console(file=told, width=100).print(result)
    return " ".join(told.getvalue().split())


@pytest.fixture(scope="module")
def shifted() -> leadline.Result:
    return leadline.check(declared(*log()))


@pytest.mark.parametrize("metric", METRICS)
def test_every_window_after_the_reference_has_both_series(shifted, metric):
    estimates, figures = both(shifted, metric)
    assert list(estimates) == list(figures)[REFERENCE:]
    for each in estimates.values():
        assert (each["status"], each["estimator"], each["labelled"]) == ("estimated", "leaf_dle", 0)
        assert each["low"] <= each["value"] <= each["high"]
        assert "cannot be seen without labels" in each["why"]
        assert "the largest" in each["why"]
    methods = [each["interval"] for each in estimates.values()]
    assert methods == ["resampled"] * 24 + ["conformal"] * (len(methods) - 24)


@pytest.mark.parametrize("metric", METRICS)
def test_estimates_follow_inputs_that_move(shifted, metric):
    found = record(shifted, metric)
    assert (found["status"], found["estimator"], found["windows"]) == ("in_use", "leaf_dle", 40)
    assert found["mean_error"] < 0.6 * found["constant_error"]
    assert found["band_covered"] >= 0.75


@pytest.mark.parametrize("metric", METRICS)
def test_estimates_equal_brute_force_on_the_rows(metric):
    predictions, outcomes = log(days=30, rows=100)
    evaluation = evaluate_log(from_mapping(declared(predictions, outcomes)))
    name = {"mae": "absolute_error", "bias": "error"}.get(metric, "squared_error")
    leaves = evaluation.losses[name]
    assert isinstance(leaves, LossCells)
    # the leaf of each row, from its name in words
    kind, said = np.array(predictions["kind"].to_pylist()), np.array(predictions["said"].to_pylist())
    leaf = np.array([_leaf(leaves.tree.names(), *row) for row in zip(kind, said, strict=True)])
    known = len(outcomes)
    error = said[:known] - np.array(outcomes["value"].to_pylist())
    loss = {"mae": np.abs(error), "bias": error}.get(metric, error**2)
    reference = np.arange(known) < REFERENCE * 100
    means = np.array([loss[reference & (leaf[:known] == g)].mean() for g in range(leaves.tree.leaves)])
    estimates = [each for each in evaluation.without_labels.estimates() if each.metric == metric]
    for place, each in enumerate(estimates):
        rows = slice((REFERENCE + place) * 100, (REFERENCE + place + 1) * 100)
        plain = means[leaf[rows]].mean()
        assert each.value == pytest.approx(np.sqrt(plain) if metric == "rmse" else plain, rel=1e-9)


def _leaf(names: list[str], kind: str, said: float) -> int:
    """The one leaf whose words hold for a row; edges are written with six digits, and predictions have four."""
    found = []
    for place, name in enumerate(names):
        holds = True
        for part in name.split(", "):
            if part.startswith("kind"):
                listed = kind in part[part.index("(") + 1 : -1]
                holds &= listed if " in (" in part and "not in" not in part else not listed
            elif part != "all rows":
                low, high = -np.inf, np.inf
                words = part.split(" ")
                if ">=" in words:
                    low = float(words[-1])
                if "<=" in words:
                    low = float(words[0])
                if "<" in words:
                    high = float(words[-1])
                holds &= low <= said < high
        found += [place] if holds else []
    (place,) = found
    return place


def test_inputs_explain_what_they_moved(shifted):
    assert {each.metric for each in shifted.content.changes} == set(METRICS)
    for each in shifted.content.changes:
        assert not each.shown, each
        assert each.by_inputs + each.by_labels + (each.by_unseen or 0.0) == pytest.approx(
            each.value - each.reference_value
        )
    mae = next(each for each in shifted.content.changes if each.metric == "mae")
    assert mae.by_inputs > 0.5
    assert not [each for each in shifted.content.leaf_changes if each.shown]
    assert "rows of a kind are predicted as well as in the reference" in printed(shifted)


def test_errors_that_grow_are_told_and_for_which_rows():
    result = leadline.check(declared(*log(inputs=False, worse=3.0)))
    changed = {each.metric: each for each in result.content.changes}
    assert changed["mae"].shown
    assert changed["mae"].by_labels > 0.3
    assert abs(changed["mae"].by_inputs) < 0.1
    shown = [each for each in result.content.leaf_changes if each.shown]
    assert shown
    assert all("kind in (a)" in each.rows or "kind not in (b)" in each.rows for each in shown)
    assert all(each.change > 0 for each in shown)
    said = printed(result)
    assert "rows of a kind are no longer predicted as they were in the reference" in said
    assert "the absolute error is" in said
    assert "larger on average than in the reference" in said


def test_without_features_the_prediction_alone_makes_the_leaves():
    predictions, outcomes = log()
    evaluation = evaluate_log(from_mapping(declared(predictions, outcomes, features=[])))
    for leaves in evaluation.losses.values():
        assert isinstance(leaves, LossCells)
        assert {of.name for of in leaves.tree.features} == {"prediction"}


def test_features_that_hold_the_label_are_not_learnt_from():
    predictions, outcomes = log()
    known = dict(zip(outcomes["id"].to_pylist(), outcomes["value"].to_pylist(), strict=True))
    told = pa.array([known.get(each) for each in predictions["id"].to_pylist()])
    evaluation = evaluate_log(from_mapping(declared(predictions.append_column("told", told), outcomes)))
    for leaves in evaluation.losses.values():
        assert isinstance(leaves, LossCells)
        assert [of.name for of in leaves.tree.features] == ["prediction"]


def test_the_label_in_the_predictions_own_frame_is_no_feature():
    predictions, outcomes = log(days=30, rows=50)
    blank = [None] * (len(predictions) - len(outcomes))
    for name in ("value", "known"):
        column = pa.chunked_array([*outcomes[name].chunks, pa.array(blank, outcomes[name].type)])
        predictions = predictions.append_column(name, column)
    leaves = evaluate_log(from_mapping(declared(predictions, predictions))).losses["absolute_error"]
    assert isinstance(leaves, LossCells)
    assert [of.name for of in leaves.tree.features] == ["prediction", "kind"]


def test_weights_of_two_change_nothing_and_order_does_not_matter():
    predictions, outcomes = log(days=40)
    order = np.random.default_rng(5).permutation(len(predictions))
    weighted = predictions.append_column("weight", pa.array(np.full(len(predictions), 2.0)))
    plain = leadline.check(declared(predictions, outcomes, features=["kind"]))
    other = leadline.check(
        declared(weighted.take(pa.array(order)), outcomes, features=["kind"], columns={"weight": "weight"})
    )
    for metric in METRICS:
        one, two = ([each["value"] for each in both(result, metric)[0].values()] for result in (plain, other))
        assert one == pytest.approx(two, rel=1e-9)


def test_an_estimator_that_loses_to_the_constant_withdraws():
    """Shares of the kinds that jump from day to day, while errors are those of the other kind."""
    predictions, outcomes = log(days=90, inputs=False)
    rng = np.random.default_rng(6)
    kind = np.array(predictions["kind"].to_pylist())
    day = np.arange(len(predictions)) // ROWS
    jumps = rng.random(90)[day] > rng.random(len(day))
    kind = np.where(day < REFERENCE, kind, np.where(jumps, "a", "b"))
    predictions = predictions.set_column(3, "kind", pa.array(kind.tolist()))
    result = leadline.check(declared(predictions, outcomes))
    assert record(result, "mae")["status"] == "withdrawn"
    newest = list(both(result, "mae")[0].values())[-1]
    assert (newest["status"], newest["value"]) == ("undefined", None)
    assert newest["why"].startswith("withdrawn: over the last 40 windows")


def test_a_reference_whose_losses_few_rows_make_says_so(shifted):
    predictions, outcomes = log(days=40)
    said = np.array(predictions["said"].to_pylist())
    said[::1000] += 500
    heavy = leadline.check(declared(predictions.set_column(2, "said", pa.array(said)), outcomes))
    remark = "few rows of the reference make its losses: they tell as much as 3 equal ones"
    newest = {metric: list(both(heavy, metric)[0].values())[-1]["why"] for metric in METRICS}
    assert newest["rmse"].endswith(remark)
    assert "few rows" not in newest["bias"]
    assert not any("few rows" in each["why"] for each in shifted.estimates if each["estimator"])


# Bad input ----------------------------------------------------------------------------------------------------------


def undefined(predictions: pa.Table, outcomes: pa.Table, **more: Any) -> str:
    result = leadline.check(declared(predictions, outcomes, **more))
    assert [each for each in result.estimates if each["estimator"]] == []
    (why,) = {each["why"] for each in result.track_record}
    assert {each["status"] for each in result.track_record} == {"undefined"}
    assert "without labels cannot be made" in printed(result)
    assert "estimates_reference" not in {note.code for note in result.notes}
    return why


def changed(values: Any) -> tuple[pa.Table, pa.Table]:
    predictions, outcomes = log(days=30, rows=50)
    said = values(np.array(predictions["said"].to_pylist()))
    return predictions.set_column(2, "said", pa.array(said)), outcomes


def test_too_little_reference():
    why = undefined(*log(days=30, rows=20))
    assert why == "the reference has 400 labelled rows with a prediction; at least 500 are needed"


def test_a_reference_without_labels():
    predictions, outcomes = log(days=30, rows=50)
    assert "no labelled rows with a prediction" in undefined(predictions, outcomes.slice(REFERENCE * 50))


def test_constant_predictions():
    assert undefined(*changed(lambda said: said * 0 + 5)) == "all predictions of the reference are the same"


def test_errors_that_are_too_large():
    why = undefined(*changed(lambda said: np.where(np.arange(len(said)) == 7, 1e200, said)), metrics=["mae"])
    assert "too large for double precision" in why


def test_a_reference_that_holds_all_windows():
    why = undefined(*log(days=30, rows=50), reference={"until": START + timedelta(days=60)})
    assert why == "no window begins after the reference"


def test_perfect_predictions():
    predictions, outcomes = log(days=30, rows=50)
    right = outcomes.set_column(1, "value", predictions["said"].slice(0, len(outcomes)))
    assert "nothing that is known before the label tells" in undefined(predictions, right)


def test_metrics_that_are_no_mean_of_a_loss_say_so():
    result = leadline.check(declared(*log(days=40), metrics=["mae", "r2", "p90_absolute_error"]))
    for metric in ("r2", "p90_absolute_error"):
        assert both(result, metric)[0] == {}
        assert record(result, metric)["why"] == (
            "only mae, mse, rmse and bias of a regression are estimated without labels"
        )
    assert record(result, "mae")["status"] == "in_use"


def test_windows_without_rows_or_without_predictions():
    predictions, outcomes = log(days=40, rows=50)
    said = np.array(predictions["said"].to_pylist())
    said[30 * 50 : 31 * 50] = np.nan
    said[31 * 50] = np.nan
    predictions = predictions.set_column(2, "said", pa.array(said)).slice(0, 35 * 50)
    predictions = pa.concat_tables([predictions, log(days=40, rows=50)[0].slice(36 * 50)])
    estimates = list(both(leadline.check(declared(predictions, outcomes)), "mae")[0].values())
    assert estimates[10]["why"] == "no rows with a prediction"
    assert estimates[11]["why"].endswith("1 rows without a prediction are left out")
    assert estimates[15]["why"] == "no rows"
    assert estimates[10]["value"] is estimates[15]["value"] is None


def test_one_giant_weight_is_one_row():
    """Its window is then that row, and the estimate the mean loss of its leaf."""
    predictions, outcomes = log(days=30, rows=100)
    weight = np.ones(len(predictions))
    weight[25 * 100] = 1e12
    weighted = predictions.append_column("weight", pa.array(weight))
    evaluation: Evaluation = evaluate_log(
        from_mapping(declared(weighted, outcomes, features=["kind"], columns={"weight": "weight"}))
    )
    leaves = evaluation.losses["absolute_error"]
    assert isinstance(leaves, LossCells)
    of_day = [each for each in evaluation.without_labels.estimates() if each.metric == "mae"][5]
    groups = np.full(evaluation.series.grains, 0)
    reference = leaves.losses("absolute_error", np.where(np.arange(30) < REFERENCE, groups, -1), 1)[0]
    means = reference[:, 3] / reference[:, 1]
    assert min(abs(means - of_day.value)) < 1e-6


def test_an_objective_is_at_risk_where_the_newest_estimate_is_all_on_the_wrong_side():
    promise = {"metric": "mae", "at_most": 2.0, "window": "14d"}
    harder = log(days=43)  # from day 40 on, and these have no labels yet
    (said,) = leadline.check(declared(*harder, objectives=[promise])).objectives
    assert said["status"] == "at_risk"
    assert said["why"].startswith("without labels it is estimated to be ")
    assert said["value"] < 2.0
    (same,) = leadline.check(declared(*log(days=43, inputs=False), objectives=[promise])).objectives
    assert (same["status"], same["why"]) == ("holds", None)
