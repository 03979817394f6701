"""Labels that are a sample: figures of all rows, what is refused, and what is said."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import leadline
from evaluation.small import check, found, notes, one, spec
from leadline.cli.terminal import rendered
from leadline.report.text import Report
from leadline.stats.pseudo_labels import PseudoLabels, auc, estimated, ratio, row_moments, strata_of
from leadline.values import InputError

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = 4_000


def log(seed: int = 1, rows: int = ROWS, days: int = 28, scale: float = 1.0, response: float = 1.0):
    """Predictions, and labels of about 500 of them, both as tables; and all labels."""
    rng = np.random.default_rng(seed)
    score = rng.beta(1, 3, rows).round(4)
    label = rng.random(rows) < score
    chance = (0.05 + 0.2 * np.sqrt(score * (1 - score))).round(4)
    labelled = (rng.random(rows) < chance) & (rng.random(rows) < response)
    times = [START + timedelta(days=days) * (place / rows) for place in range(rows)]
    predictions = pa.table(
        {
            "id": np.arange(rows),
            "timestamp": times,
            "score": score,
            "site": np.where(rng.random(rows) < 0.5, "a", "b").tolist(),
            "weight": rng.uniform(0.5, 2, rows).round(3),
        }
    )
    outcomes = pa.table(
        {
            "id": np.arange(rows)[labelled],
            "label": label[labelled].astype(int),
            "label_probability": chance[labelled] * scale,
        }
    )
    return predictions, outcomes, label.astype(int)


def sampled(predictions, outcomes, weighted=False, **declared):
    """The result of labels that are a sample, in windows of 28 days."""
    named = {*predictions.column_names, "label"} - (set() if weighted else {"weight"})
    usual = {"window": "28d", "reference": {"until": "2025-01-01"}}
    usual |= {"threshold": 0.3} if declared.get("task", "binary") == "binary" else {}
    made = spec(predictions, outcomes, named=named, **usual | declared)
    mapping = {name: getattr(made, name) for name in made.model_fields_set}
    columns = {**made.outcomes.columns.model_dump(exclude_none=True), "label_probability": "label_probability"}
    mapping["outcomes"] = made.outcomes.model_copy(update={"columns": type(made.outcomes.columns)(**columns)})
    return leadline.check(mapping)


def cells(predictions, outcomes, weighted):
    """Each row as a cell: moments, whether it is a labelled positive, predicted class."""
    count = predictions.num_rows
    score, chance, label = predictions["score"].to_numpy(), np.full(count, np.nan), np.zeros(count, int)
    chance[outcomes["id"].to_numpy()] = outcomes["label_probability"].to_numpy()
    label[outcomes["id"].to_numpy()] = outcomes["label"].to_numpy()
    weight = predictions["weight"].to_numpy() if weighted else 1.0
    return row_moments(score, chance, weight), label == 1, (score >= 0.3).astype(int), score


@pytest.mark.parametrize("weighted", [False, True])
def test_the_figures_are_those_of_the_rows(weighted):
    """The path over cells says what the formula says of the rows themselves."""
    predictions, outcomes, _ = log()
    result = sampled(
        predictions, outcomes, weighted=weighted, metrics=["accuracy", "precision", "recall", "f1", "positive_rate"]
    )
    moments, positive, predicted, _ = cells(predictions, outcomes, weighted)
    end = found(result, "recall")[0]["window_end"]
    inside = np.array([at.timestamp() < _time(end) for at in predictions["timestamp"].to_pylist()])
    rows = PseudoLabels.of(moments[inside], positive[inside], predicted[inside])
    p = predicted[inside] * 1.0
    of = {
        "accuracy": ratio(rows, (1 - p, p), (1, 1)),
        "precision": ratio(rows, (0, p), (p, p)),
        "recall": ratio(rows, (0, p), (0, 1)),
        "positive_rate": ratio(rows, (0, 1), (1, 1)),
    }
    for metric, figure in of.items():
        first_window = found(result, metric)[0]
        assert first_window["status"] == "few_labels"
        assert first_window["value"] == pytest.approx(estimated(rows, figure).value, abs=1e-8), metric


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_the_auc_is_that_of_the_rows_up_to_its_bins():
    predictions, outcomes, _ = log()
    result = sampled(predictions, outcomes, metrics=["roc_auc"])
    moments, positive, _, score = cells(predictions, outcomes, False)
    second = found(result, "roc_auc")[0]
    inside = np.array([at.timestamp() < _time(second["window_end"]) for at in predictions["timestamp"].to_pylist()])
    bins = np.unique(score[inside], return_inverse=True)[1]
    known = moments[inside, 5] > 0
    strata = strata_of(np.bincount(bins, weights=known))[bins]
    rows = PseudoLabels.of(moments[inside], positive[inside], strata)
    assert second["value"] == pytest.approx(estimated(rows, auc(rows, bins)).value, abs=second["bound"] + 2e-3)
    assert second["low"] < second["value"] < second["high"]


def test_all_metrics_have_a_figure_of_few_labels():
    predictions, outcomes, _ = log()
    result = sampled(predictions, outcomes, metrics="all")
    for each in result.estimates:
        if each["window_start"] == "2023-12-25T00:00:00Z" and each["value"] is not None:
            needs_none = each["metric"] in ("predicted_positive_rate", "share", "throughput")
            assert each["status"] == ("realised" if needs_none else "few_labels"), each["metric"]
            assert needs_none or "that were chosen for labelling" in each["why"]


def test_labels_of_every_row_with_probability_1_say_what_labels_of_every_row_say():
    predictions, _, label = log(rows=1_500)
    outcomes = pa.table({"id": np.arange(1_500), "label": label, "label_probability": np.ones(1_500)})
    names = ["accuracy", "recall", "f1", "mcc", "brier", "average_precision"]
    few = sampled(predictions, outcomes, metrics=names)
    all_of_them = check(
        predictions.drop_columns(["weight"]),
        outcomes.drop_columns(["label_probability"]),
        window="28d",
        threshold=0.3,
        metrics=names,
        reference={"until": "2025-01-01"},
    )
    for name in names:
        for ours, theirs in zip(found(few, name), found(all_of_them, name), strict=True):
            assert ours["value"] == pytest.approx(theirs["value"], abs=1e-9), name
            assert (ours["status"], theirs["status"]) == ("few_labels", "realised")


def test_slices_versions_thresholds_and_objectives_are_estimated_too():
    predictions, outcomes, label = log()
    predictions = predictions.append_column("version", pa.array(["v1", "v2"] * (ROWS // 2)))
    result = sampled(
        predictions,
        outcomes,
        slices=["site"],
        thresholds=[0.5],
        metrics=["recall", "roc_auc"],
        objectives=[{"metric": "recall", "at_least": 0.1, "window": "28d", "slices": ["site"]}],
    )
    score = predictions["score"].to_numpy()
    for each in result.estimates:
        if each["value"] is None or each["metric"] in ("share", "predicted_positive_rate"):
            continue
        assert each["status"] == "few_labels", each
    what_if = found(result, "recall(threshold=0.5)")[0]
    exact = ((score >= 0.5) & (label == 1)).sum() / label.sum()
    assert what_if["low"] < exact < what_if["high"]
    assert {each["slice"]["site"] for each in result.estimates if each["slice"] and each["metric"] == "recall"} == {
        "a",
        "b",
    }
    assert {each["version"] for each in found(result, "recall", version="v1")} == {"v1"}
    (total, *_) = result.content.objectives
    assert total.value is not None


def test_windows_of_many_days_are_clustered_by_day():
    predictions, outcomes, _ = log()
    result = sampled(
        predictions,
        outcomes,
        window="1d",
        metrics=["recall"],
        objectives=[{"metric": "recall", "at_least": 0.1, "window": "14d"}],
    )
    assert {each["status"] for each in found(result, "recall") if each["n"] < 200} == {"undefined"}
    (judged,) = result.content.objectives
    assert judged.interval == "clustered"


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_other_tasks_weigh_their_labels(task):
    rng = np.random.default_rng(5)
    rows = 3_000
    chance = rng.uniform(0.1, 0.5, rows).round(3)
    labelled = rng.random(rows) < chance
    if task == "regression":
        prediction = rng.normal(10, 3, rows)
        label = prediction + rng.normal(0, 1 + 4 * (chance < 0.3), rows)  # errors are larger where fewer are labelled
        metric, exact = "mae", np.abs(prediction - label)
    else:
        prediction = rng.choice(["x", "y", "z"], rows)
        right = rng.random(rows) < np.where(chance < 0.3, 0.4, 0.9)
        label = np.where(right, prediction, "x")
        metric, exact = "accuracy", prediction == label
    predictions = pa.table(
        {
            "id": np.arange(rows),
            "timestamp": [START + timedelta(seconds=n) for n in range(rows)],
            "prediction": prediction,
        }
    )
    outcomes = pa.table(
        {"id": np.arange(rows)[labelled], "label": label[labelled], "label_probability": chance[labelled]}
    )
    result = sampled(predictions, outcomes, task=task, metrics=[metric])
    weight = 1 / chance[labelled]
    ours = one(result, metric)
    assert ours["value"] == pytest.approx((weight * exact[labelled]).sum() / weight.sum(), rel=1e-9)
    assert ours["low"] < exact.mean() < ours["high"]
    assert not ours["low"] < exact[labelled].mean() < ours["high"]  # the labelled rows are not like all


# What is refused, and what is said ----------------------------------------------------------------------------------


def with_chance(outcomes, chance):
    return outcomes.set_column(2, "label_probability", pa.array(chance))


@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.5])
def test_a_probability_that_is_none_is_refused(wrong):
    predictions, outcomes, _ = log()
    values = outcomes["label_probability"].to_pylist()
    with pytest.raises(InputError, match=r"1 of \d+ labels has a 'label_probability' that is no probability"):
        sampled(predictions, with_chance(outcomes, [wrong, *values[1:]]))


def test_a_comma_in_a_probability_is_refused():
    predictions, outcomes, _ = log()
    texts = [str(value).replace(".", ",") for value in outcomes["label_probability"].to_pylist()]
    with pytest.raises(InputError, match="a point and not a comma"):
        sampled(predictions, with_chance(outcomes, texts))


def test_probabilities_as_text_with_a_point_are_read():
    predictions, outcomes, _ = log()
    texts = [str(value) for value in outcomes["label_probability"].to_pylist()]
    result = sampled(predictions, with_chance(outcomes, texts), metrics=["recall"])
    assert found(result, "recall") == found(sampled(predictions, outcomes, metrics=["recall"]), "recall")


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_labels_of_which_none_says_its_probability_are_refused(nothing):
    predictions, outcomes, _ = log()
    values = pa.array([nothing] * outcomes.num_rows, pa.float64())
    with pytest.raises(InputError, match="nobody knows which rows they stand for"):
        sampled(predictions, outcomes.set_column(2, "label_probability", values))


def test_labels_that_just_came_are_left_out_and_counted():
    """To take them for what they are would say that rows without a label are like them."""
    predictions, outcomes, label = log()
    free = [key for key in range(ROWS) if key not in set(outcomes["id"].to_pylist()) and label[key]][:300]
    more = pa.table({"id": free, "label": [1] * 300, "label_probability": pa.array([None] * 300, pa.float64())})
    result = sampled(predictions, pa.concat_tables([outcomes, more], promote_options="permissive"), metrics=["recall"])
    assert found(result, "recall") == found(sampled(predictions, outcomes, metrics=["recall"]), "recall")
    assert notes(result)["without_label_probability"].startswith("300 labels do not say")
    assert result.labels.labelled == outcomes.num_rows


def test_few_labels_have_no_figure_and_say_so():
    predictions, outcomes, _ = log()
    result = sampled(predictions, outcomes.slice(0, 99), metrics=["recall"])
    first = found(result, "recall")[0]
    assert first["value"] is None
    assert first["why"].startswith("too few labels: 99, and 100 are needed")


def test_one_rare_row_does_not_decide_alone():
    predictions, outcomes, _ = log()
    values = outcomes["label_probability"].to_pylist()
    result = sampled(predictions, with_chance(outcomes, [1e-6, *values[1:]]), metrics=["recall"])
    first = found(result, "recall")[0]
    assert first["value"] is None
    assert "that they say as much as 1" in first["why"]


def test_probabilities_that_were_not_those_of_the_choice_are_noticed():
    predictions, outcomes, _ = log(scale=0.5)
    first = found(sampled(predictions, outcomes, metrics=["recall"]), "recall")[0]
    assert first["value"] is None
    assert "were not chosen with the probabilities" in first["why"]


def test_rows_that_came_back_without_a_label_do_no_harm_and_are_told():
    predictions, outcomes, label = log(response=0.65)
    first = found(sampled(predictions, outcomes, metrics=["positive_rate"]), "positive_rate")[0]
    assert first["low"] < label.mean() < first["high"]
    assert "% of the rows, the others" in first["why"]


def test_where_most_did_not_come_back_nothing_is_said():
    predictions, outcomes, _ = log(response=0.3)
    first = found(sampled(predictions, outcomes, metrics=["recall"]), "recall")[0]
    assert first["value"] is None
    assert first["why"].startswith("the labels stand for")


def test_days_that_were_not_chosen_from_are_told():
    predictions, outcomes, _ = log()
    early = outcomes.filter(pc.less(outcomes["id"], 2_200))
    result = sampled(
        predictions,
        early,
        window="1d",
        metrics=["recall"],
        objectives=[{"metric": "recall", "at_least": 0.1, "window": "28d"}],
        slices=["site"],
    )
    told = [each for each in found(result, "recall") if each["status"] == "few_labels"]
    assert told
    assert "none are from" in told[-1]["why"]


def test_an_absent_label_cannot_mean_anything_else_than_not_chosen():
    predictions, outcomes, _ = log()
    with pytest.raises(InputError, match="was not chosen"):
        sampled(predictions, outcomes, absent=0, matures_after="1d")


def test_no_rows_and_no_labels():
    predictions, outcomes, _ = log()
    empty = sampled(predictions.slice(0, 0), outcomes.slice(0, 0), metrics=["recall"])
    assert all(each["value"] is None for each in empty.estimates)
    none = sampled(predictions, outcomes.slice(0, 0), metrics=["recall"])
    assert {each["why"] for each in none.estimates} == {"no labels"}


def test_a_later_delivery_of_a_label_brings_its_probability():
    """So a second round of choosing raises the probability of labels that are there already."""
    predictions, outcomes, _ = log()
    result = sampled(predictions, outcomes, metrics=["recall"])
    lower = with_chance(outcomes, [value / 2 for value in outcomes["label_probability"].to_pylist()])
    both = pa.concat_tables([lower, outcomes])
    assert found(sampled(predictions, both, metrics=["recall"]), "recall") == found(result, "recall")


def test_labels_in_the_rows_of_the_predictions():
    predictions, outcomes, _ = log()
    label, chance = [None] * ROWS, [None] * ROWS
    for key, value, probability in zip(*(outcomes[name].to_pylist() for name in outcomes.column_names), strict=True):
        label[key], chance[key] = value, probability
    whole = predictions.append_column("label", pa.array(label)).append_column("label_probability", pa.array(chance))
    result = leadline.check(whole, threshold=0.3, window="28d", metrics=["recall"], slices=[], features=["site"])
    apart = sampled(predictions, outcomes, weighted=True, metrics=["recall"])
    assert [each["value"] for each in found(result, "recall")] == [each["value"] for each in found(apart, "recall")]


def test_rows_that_were_not_chosen_are_not_called_missing():
    predictions, outcomes, _ = log()
    result = sampled(predictions, outcomes, metrics=["recall"])
    told = " ".join(rendered(Report(result.content), to_terminal=False).split())
    assert "never got one" not in told
    assert "chosen for labelling with known probabilities" in told


def test_a_corrected_label_counts_once():
    """With the times at which labels came to be known, what was replaced stands in the ledger and is taken back."""
    predictions, outcomes, _ = log()
    count = outcomes.num_rows
    first, second = (pa.array([START + timedelta(days=30 + day)] * count) for day in (0, 1))
    wrong = outcomes.set_column(1, "label", pa.array([1] * count)).append_column("received_at", first)
    right = outcomes.append_column("received_at", second)
    result = sampled(predictions, pa.concat_tables([wrong, right]), metrics=["recall", "roc_auc", "brier"])
    alone = sampled(predictions, right, metrics=["recall", "roc_auc", "brier"])
    for metric in ("recall", "roc_auc", "brier"):
        assert [each["value"] for each in found(result, metric)] == [each["value"] for each in found(alone, metric)]
    before = sampled(predictions, pa.concat_tables([wrong, right]), metrics=["positive_rate"])
    assert result.labels.labelled == before.labels.labelled == count
