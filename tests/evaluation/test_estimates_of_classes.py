"""Estimates without labels of models that choose one of several classes: brute force, NannyML, and what is refused."""

from __future__ import annotations

import base64
import json
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sk
from sklearn.isotonic import IsotonicRegression

import leadline
from leadline.cli.terminal import rendered
from leadline.report.text import Report

START = datetime(2024, 1, 1, tzinfo=UTC)
NAMES = ("ant", "bee", "cow")
ORACLE = json.loads((Path(__file__).parents[1] / "estimate" / "oracles" / "nannyml_cbpe_multiclass.json").read_text())
METRICS = [
    "accuracy",
    "macro_f1",
    "macro_precision",
    "macro_recall",
    "micro_f1",
    "weighted_f1",
    "weighted_precision",
    "recall(class=bee)",
    "precision(class=ant)",
    "f1(class=cow)",
    "class_rate(class=ant)",
    "roc_auc",
    "roc_auc(class=cow)",
    "log_loss",
    "top_k_accuracy(k=2)",
    "mcc",
    "predicted_rate(class=bee)",
]


def log(days: int = 40, rows: int = 120, seed: int = 1, moved: float = 0.0, meaning: float = 1.0) -> dict[str, Any]:
    """Rows of a model of three classes whose scores are too sure of themselves; from day 20 on the inputs move.

    moved     how far the logit of the first class moves
    meaning   by how much the logits are multiplied that labels are drawn with, from day 20 on
    """
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows)
    logits = rng.normal(size=(len(day), 3)) * 1.5
    logits[:, 0] += moved * (day >= 20)
    score = np.exp(1.4 * logits) / np.exp(1.4 * logits).sum(axis=1, keepdims=True)
    score = np.clip(np.round(score * 64), 1, 63) / 64  # one score a bin, so that bins lose nothing
    sure = np.where(day >= 20, meaning, 1.0)[:, None]
    chance = np.exp(sure * logits) / np.exp(sure * logits).sum(axis=1, keepdims=True)
    actual = (rng.random(len(day))[:, None] > chance.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return {"day": day, "score": score, "actual": actual, "predicted": score.argmax(axis=1)}


def tables(found: dict[str, Any], labelled: int | None = None) -> tuple[pa.Table, pa.Table]:
    """As predictions and outcomes; labels come at once, and those from day `labelled` on are missing."""
    day = found["day"]
    place = np.concatenate([np.arange(count) for count in np.unique(day, return_counts=True)[1]])
    seconds = place * 86_000 // (place.max() + 1)
    times = np.datetime64(START.replace(tzinfo=None), "us") + (day * 86_400 + seconds).astype("timedelta64[s]")
    names = np.array(NAMES)
    predictions = pa.table(
        {
            "id": np.arange(len(day)),
            "at": times,
            "prediction": names[found["predicted"]],
            **{name: found["score"][:, code] for code, name in enumerate(NAMES)},
        }
    )
    known = day < (day.max() + 1 if labelled is None else labelled)
    return predictions, pa.table({"id": np.arange(len(day))[known], "label": names[found["actual"]][known]})


def declared(predictions: pa.Table, outcomes: pa.Table, **more: Any) -> dict[str, Any]:
    columns = {
        "id": "id",
        "timestamp": "at",
        "prediction": "prediction",
        "scores": {name: name for name in NAMES},
    } | more.pop("columns", {})
    return {
        "version": 1,
        "model": "animals",
        "task": "multiclass",
        "predictions": {"source": predictions, "columns": columns},
        "outcomes": {"source": outcomes, "columns": {"id": "id", "value": "label"}, "matures_after": "0d"},
        "timezone": "UTC",
        "window": "1d",
        "metrics": METRICS,
        "reference": {"until": START + timedelta(days=20)},
    } | more


def both(result: leadline.Result, metric: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    mine = [each for each in result.estimates if each["metric"] == metric and each["slice"] is None]
    return [e for e in mine if e["estimator"]], [e for e in mine if not e["estimator"]]


def calibrated(found: dict[str, Any], reference: np.ndarray) -> np.ndarray:
    """The chances of each row's classes: scikit-learn's isotonic regression by class, made to add up to 1."""
    each = [
        IsotonicRegression(out_of_bounds="clip")
        .fit(found["score"][reference, code], found["actual"][reference] == code)
        .predict(found["score"][:, code])
        for code in range(3)
    ]
    chance = np.stack(each, axis=1)
    return chance / chance.sum(axis=1, keepdims=True)


def by_brute_force(found: dict[str, Any], day: int, metric: str, chance: np.ndarray) -> float:
    """Of one day: each row three times, once with each label, weighed by its chance."""
    mine = found["day"] == day
    predicted, score, weight = found["predicted"][mine], found["score"][mine], chance[mine].ravel()
    labels, thrice = np.tile(np.arange(3), mine.sum()), np.repeat(predicted, 3)
    shown = {"sample_weight": weight}
    if metric == "roc_auc":
        each = [by_brute_force(found, day, f"roc_auc(class={name})", chance) for name in NAMES]
        return float(np.mean(each))
    code = NAMES.index(metric.split("class=")[1][:-1]) if "class=" in metric else None
    if metric.startswith("roc_auc"):
        share = chance[mine][:, code]
        pairs, own = share.sum() * (1 - share).sum(), (share * (1 - share)).sum()
        area = sk.roc_auc_score(labels == code, np.repeat(score[:, code], 3), **shown)
        return float((area * pairs - own / 2) / (pairs - own))  # no row is a pair with itself
    if metric.startswith("class_rate"):
        return float(chance[mine][:, code].mean())
    if metric == "log_loss":
        return float(-(chance[mine] * np.log(score)).sum(axis=1).mean())
    if metric.startswith("top_k"):
        best = np.argsort(-score - np.arange(3) * 1e-9, axis=1)[:, :2]  # of equal scores the later class first
        return float(np.take_along_axis(chance[mine], best, axis=1).sum(axis=1).mean())
    if metric == "mcc":
        return float(sk.matthews_corrcoef(labels, thrice, **shown))
    if metric == "accuracy":
        return float(np.take_along_axis(chance[mine], predicted[:, None], axis=1).mean())
    name = metric.split("(", maxsplit=1)[0]
    kind, _, of = name.partition("_")
    function = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}[of or kind]
    if code is not None:
        return float(function(labels == code, thrice == code, **shown))
    return float(function(labels, thrice, average=kind, **shown))


@pytest.fixture(scope="module")
def rows() -> dict[str, Any]:
    return log(moved=1.0)


@pytest.fixture(scope="module")
def result(rows: dict[str, Any]) -> leadline.Result:
    return leadline.check(declared(*tables(rows, labelled=35)))


@pytest.mark.parametrize("metric", METRICS[:-1])
def test_equals_rows_each_with_all_labels(rows, result, metric):
    chance = calibrated(rows, rows["day"] < 20)
    estimates, figures = both(result, metric)
    assert len(estimates) == len(figures) - 20 == 20
    for day in (20, 29, 39):
        assert estimates[day - 20]["value"] == pytest.approx(by_brute_force(rows, day, metric, chance), abs=1e-7)
        assert estimates[day - 20]["low"] is None or estimates[day - 20]["low"] <= estimates[day - 20]["value"]


def test_a_metric_without_labels_is_not_estimated(result):
    assert both(result, METRICS[-1])[0] == []
    assert {each["metric"] for each in result.track_record} == set(METRICS[:-1])


@pytest.mark.parametrize("metric", ["accuracy", "macro_recall", "class_rate(class=ant)"])
def test_follows_inputs_that_move(result, metric):
    (record,) = [each for each in result.track_record if each["metric"] == metric]
    assert (record["status"], record["windows"]) == ("in_use", 15)
    assert record["mean_error"] < record["constant_error"]


def test_each_has_an_interval_but_losses(result):
    for metric in METRICS[:-1]:
        methods = {each["interval"] for each in both(result, metric)[0]}
        assert methods == ({None} if metric in ("log_loss", "top_k_accuracy(k=2)") else {"resampled"}), metric


def test_changes_are_told_apart(result):
    for change in result.content.changes:
        assert change.by_inputs + change.by_labels == pytest.approx(change.value - change.reference_value)
        assert not change.shown or change.metric == "log_loss"
    other = leadline.check(declared(*tables(log(rows=300, meaning=0.2)), metrics=["accuracy"]))
    (change,) = other.content.changes
    assert change.shown
    assert change.by_labels < -0.1
    assert abs(change.by_inputs) < 0.03


@pytest.mark.slow
def test_intervals_cover_where_scores_keep_their_meaning():
    """Of 228 windows each; that of the mean of AUCs is wide, as these are taken for perfectly correlated."""
    metrics = [
        "accuracy",
        "macro_f1",
        "recall(class=bee)",
        "roc_auc",
        "roc_auc(class=cow)",
        "mcc",
        "weighted_precision",
    ]
    hits: dict[str, list[bool]] = {metric: [] for metric in metrics}
    for seed in range(12):
        result = leadline.check(declared(*tables(log(seed=seed + 10, moved=0.5)), metrics=metrics))
        for metric in metrics:
            estimates, figures = both(result, metric)
            for estimate, figure in zip(estimates, figures[20:], strict=True):
                if estimate["interval"] == "resampled":
                    hits[metric].append(estimate["low"] <= figure["value"] <= estimate["high"])
    covered = {metric: np.mean(mine) for metric, mine in hits.items()}
    assert min(covered.values()) > 0.92
    assert max(share for metric, share in covered.items() if metric != "roc_auc") < 0.98


# By leaf ------------------------------------------------------------------------------------------------------------


def of_two_kinds(worse: float = 0.0) -> tuple[dict[str, Any], np.ndarray]:
    """Rows of which some are hard: .6 of their labels are drawn without regard to the scores; from day 20 on most are.

    worse   how much more of them from day 20 on
    """
    found, rng = log(days=40, rows=300, seed=5), np.random.default_rng(6)
    late = found["day"] >= 20
    hard = rng.random(len(late)) < np.where(late, 0.7, 0.2)
    blind = hard & (rng.random(len(late)) < 0.6 + worse * late)
    found["actual"] = np.where(blind, rng.integers(0, 3, len(late)), found["actual"])
    return found, hard


def with_kinds(found: dict[str, Any], hard: np.ndarray, **more: Any) -> leadline.Result:
    predictions, outcomes = tables(found)
    spec = declared(predictions.append_column("kind of", pa.array(np.where(hard, "hard", "easy"))), outcomes, **more)
    spec["predictions"]["features"] = ["kind of"]
    return leadline.check(spec)


@pytest.fixture(scope="module")
def kinds() -> tuple[dict[str, Any], np.ndarray, leadline.Result]:
    found, hard = of_two_kinds()
    return found, hard, with_kinds(found, hard)


@pytest.mark.parametrize("metric", METRICS[:-1])
def test_equals_rows_with_the_chances_of_their_leaves(kinds, metric):
    """Each kind and prediction adds what its rows of the reference had beyond their chance, drawn towards 0."""
    found, hard, result = kinds
    reference, label = found["day"] < 20, np.eye(3)[found["actual"]]
    chance = calibrated(found, reference)
    more = np.zeros((2, 3, 3))
    for predicted in range(3):
        mine = reference & (found["predicted"] == predicted)
        for kind in (0, 1):
            rows = mine & (hard == kind)
            more[kind, predicted] = (label - chance)[rows].sum(axis=0) / (rows.sum() + 100)
        share = (mine & hard).sum() / mine.sum()
        more[:, predicted] -= (1 - share) * more[0, predicted] + share * more[1, predicted]
    refined = np.maximum(chance + more[hard.astype(int), found["predicted"]], 0.0)
    refined /= refined.sum(axis=1, keepdims=True)
    estimates, _ = both(result, metric)
    for day in (20, 27):  # before a record may tell that chances of scores alone are better
        assert estimates[day - 20]["estimator"] == "leaf_cbpe"
        assert estimates[day - 20]["value"] == pytest.approx(by_brute_force(found, day, metric, refined), abs=1e-7)


def test_kinds_of_rows_that_become_more_are_seen_by_leaf(kinds):
    found, _, result = kinds
    of_scores = leadline.check(declared(*tables(found)))
    for metric in ("accuracy", "macro_f1", "roc_auc", "log_loss"):
        (mine,), (plain,) = (
            [each for each in some.track_record if each["metric"] == metric] for some in (result, of_scores)
        )
        assert mine["mean_error"] < 0.8 * plain["mean_error"], metric
    assert not any(each.shown for each in result.content.leaf_changes)


def test_the_kind_of_rows_that_are_predicted_worse_is_named():
    found, hard = of_two_kinds(worse=0.4)
    result = with_kinds(found, hard, metrics=["accuracy"])
    (change,) = [each for each in result.content.leaf_changes if each.shown]
    assert change.rows == "kind of in (hard)"
    right = found["predicted"] == found["actual"]
    before, after = (
        (right - calibrated(found, found["day"] < 20)[np.arange(len(right)), found["predicted"]])[of & hard].mean()
        for of in (found["day"] < 20, found["day"] >= 20)
    )
    assert (change.reference, change.value) == pytest.approx((before, after), abs=1e-7)
    assert "Of 100 rows with kind of in (hard)" in (
        said := " ".join(rendered(Report(result.content), to_terminal=False).split())
    )
    assert "fewer are predicted right than their scores meant" in said


def test_a_feature_that_is_the_label_makes_no_leaves():
    found, _ = of_two_kinds()
    right = found["predicted"] == found["actual"]
    estimates, _ = both(with_kinds(found, right, metrics=["accuracy"]), "accuracy")
    assert {each["estimator"] for each in estimates} == {"cbpe"}


# NannyML ------------------------------------------------------------------------------------------------------------


def hundredths(packed: str) -> np.ndarray:
    found = np.frombuffer(zlib.decompress(base64.b64decode(packed)), "<u2").reshape(101, 101, 3, 3)
    return np.repeat(np.argwhere(found), found[found > 0], axis=0)


@pytest.fixture(scope="module")
def cards() -> leadline.Result:
    """Its reference is ten days, and each chunk a day."""
    reference = hundredths(ORACLE["reference"])
    parts = [*np.array_split(reference, 10), *map(hundredths, ORACLE["chunks"])]
    every = np.concatenate(parts)
    score = np.stack([every[:, 0], every[:, 1], 100 - every[:, 0] - every[:, 1]], axis=1) / 100
    found = {
        "day": np.repeat(np.arange(20), [len(each) for each in parts]),
        "score": score,
        "predicted": every[:, 2],
        "actual": every[:, 3],
    }
    metrics = ["roc_auc", "accuracy", "macro_f1", "macro_precision", "macro_recall"]
    return leadline.check(declared(*tables(found), metrics=metrics, reference={"until": START + timedelta(days=10)}))


#: ours → NannyML's, and the errors over its ten chunks and the constant's in METHODS 1.2, where they are told
PEER = {
    "roc_auc": ("roc_auc", 0.0337, 0.078),
    "macro_f1": ("f1", 0.0372, 0.099),
    "accuracy": ("accuracy", 0.0378, 0.097),
    "macro_precision": ("precision", None, None),
    "macro_recall": ("recall", None, None),
}


@pytest.mark.parametrize("metric", PEER)
def test_equals_nannyml_in_every_chunk(cards, metric):
    estimates, figures = both(cards, metric)
    name, error, constant = PEER[metric]
    assert [each["value"] for each in figures[10:]] == pytest.approx(ORACLE["realised"][name], abs=2e-4)
    values = [each["value"] for each in estimates]
    assert values == pytest.approx(ORACLE["always_calibrated"][name], abs=3e-4)
    assert values == pytest.approx(ORACLE["estimated"][name], abs=1.5e-3)  # it leaves scores that look calibrated
    (record,) = [each for each in cards.track_record if each["metric"] == metric]
    if error is not None:
        errors = np.abs(np.subtract(ORACLE["estimated"][name], ORACLE["realised"][name]))
        assert errors.mean() == pytest.approx(error, abs=6e-5)
        assert record["mean_error"] == pytest.approx(error, abs=1.5e-3)
        assert record["constant_error"] == pytest.approx(constant, abs=1e-3)


# Bad input ----------------------------------------------------------------------------------------------------------


def undefined(found: dict[str, Any], labelled: int | None = None, **more: Any) -> str:
    result = leadline.check(declared(*tables(found, labelled), **{"metrics": ["accuracy", "macro_f1"]} | more))
    assert [each for each in result.estimates if each["estimator"]] == []
    assert {each["status"] for each in result.track_record} == {"undefined"}
    assert result.content.changes == []
    (why,) = {each["why"] for each in result.track_record}
    return why


@pytest.fixture(scope="module")
def few() -> dict[str, Any]:
    return log(days=30, rows=40)


def test_too_little_reference():
    assert "300 are needed" in undefined(log(days=30, rows=8))


def test_a_reference_without_labels(few):
    none = few | {"actual": few["actual"]}
    predictions, outcomes = tables(none)
    late = outcomes.slice(20 * 40)
    result = leadline.check(declared(predictions, late, metrics=["accuracy"]))
    assert "no labelled rows" in result.track_record[0]["why"]


def test_a_class_that_never_occurs_in_the_reference(few):
    actual = np.where((few["day"] < 20) & (few["actual"] == 1), 0, few["actual"])
    assert undefined(few | {"actual": actual}) == (
        "class 'bee' against the rest: the reference has no positive label; at least 20 are needed"
    )


def test_scores_of_a_class_that_are_all_the_same(few):
    score = few["score"].copy()
    score[:, 2] = 0.25
    assert undefined(few | {"score": score}) == "class 'cow' against the rest: all scores of the reference are the same"


@pytest.mark.parametrize("scale", [3.0, -1.0])
def test_scores_outside_0_and_1(few, scale):
    assert undefined(few | {"score": few["score"] * scale}) == "scores are not probabilities"


def test_a_class_without_scores(few):
    why = undefined(few, columns={"scores": {"ant": "ant", "bee": "bee"}})
    assert why == "no score of class 'cow' is declared: estimates need one for each class"
    assert undefined(few, columns={"scores": None}) == "no scores of the classes are declared"


def test_too_many_classes():
    names = [f"c{code}" for code in range(9)]
    rng = np.random.default_rng(3)
    rows = pa.table(
        {
            "id": np.arange(900),
            "at": np.datetime64("2024-01-01", "us") + (np.arange(900) * 3600).astype("timedelta64[s]"),
            "prediction": np.array(names)[rng.integers(0, 9, 900)],
            **{name: rng.random(900) for name in names},
        }
    )
    outcomes = pa.table({"id": np.arange(900), "label": np.array(names)[np.arange(900) % 9]})
    columns = {"scores": {name: name for name in names}}
    result = leadline.check(declared(rows, outcomes, metrics=["accuracy"], columns=columns))
    (record,) = result.track_record
    assert record["why"] == "the model has 9 classes; estimates are made for up to 8"


def test_a_reference_that_holds_all_windows(few):
    why = undefined(few, reference={"until": START + timedelta(days=60)})
    assert why == "no window begins after the reference"


def test_no_labels_are_declared(few):
    spec = declared(*tables(few), metrics=["predicted_rate(class=ant)"])
    del spec["outcomes"]
    assert list(leadline.check(spec).track_record) == []


def test_rows_that_lack_the_score_of_one_class(few):
    score = few["score"].copy()
    score[few["day"] == 25, 1] = np.nan
    score[np.flatnonzero(few["day"] == 26)[:3], 0] = np.nan
    estimates, _ = both(leadline.check(declared(*tables(few | {"score": score}), metrics=["accuracy"])), "accuracy")
    assert (estimates[5]["value"], estimates[5]["why"]) == (None, "no rows with a score of each class")
    assert estimates[6]["why"].endswith("; 3 rows without a score of each class are left out")
    chance = calibrated(few | {"score": np.nan_to_num(score, nan=0.5)}, (few["day"] < 20))
    whole = few | {"day": np.where(np.isnan(score).any(axis=1), -1, few["day"])}
    assert estimates[6]["value"] == pytest.approx(by_brute_force(whole, 26, "accuracy", chance), abs=1e-7)


def test_a_row_for_which_no_class_has_a_chance_counts_as_the_reference_did(few):
    score, actual = few["score"].copy(), few["actual"].copy()
    low = score < 0.2  # none of the class below it in the reference, so that a row of low scores has no chance at all
    actual = np.where(low[np.arange(len(actual)), actual], score.argmax(axis=1), actual)
    score[few["day"] == 29] = 1 / 64
    estimates, _ = both(
        leadline.check(declared(*tables(few | {"score": score, "actual": actual}), metrics=["class_rate(class=bee)"])),
        "class_rate(class=bee)",
    )
    assert estimates[9]["value"] == pytest.approx((actual[few["day"] < 20] == 1).mean(), abs=1e-7)


def test_a_class_in_the_metrics_before_the_others_keeps_its_scores(few):
    one, other = (
        both(leadline.check(declared(*tables(few), metrics=metrics)), "accuracy")[0]
        for metrics in (["accuracy"], ["roc_auc(class=cow)", "accuracy"])
    )
    assert [each["value"] for each in one] == [each["value"] for each in other]


def test_a_giant_weight_and_weights_that_are_all_the_same(few):
    predictions, outcomes = tables(few)
    weight = np.ones(len(predictions))
    columns = {"weight": "weight"}

    def estimated(weights: np.ndarray) -> list[dict[str, Any]]:
        weighed = predictions.append_column("weight", pa.array(weights))
        return both(
            leadline.check(declared(weighed, outcomes, metrics=["accuracy", "roc_auc"], columns=columns)), "accuracy"
        )[0]

    plain = both(leadline.check(declared(predictions, outcomes, metrics=["accuracy", "roc_auc"])), "accuracy")[0]
    assert [e["value"] for e in estimated(weight)] == pytest.approx([e["value"] for e in plain], abs=1e-7)
    one = np.flatnonzero(few["day"] == 22)[0]
    weight[one] = 1e6
    chance = calibrated(few, few["day"] < 20)
    assert estimated(weight)[2]["value"] == pytest.approx(chance[one, few["predicted"][one]], abs=1e-3)


def test_no_rows_and_a_guessed_reference(few):
    predictions, outcomes = tables(few)
    found = leadline.check(declared(predictions.slice(0, 0), outcomes.slice(0, 0), metrics=["accuracy"]))
    assert [each["status"] for each in found.track_record] == ["undefined"]
    guessed = leadline.check(declared(predictions, outcomes, metrics=["accuracy"], reference=None))
    assert guessed.track_record[0]["reference_end"] == "2024-01-09T00:00:00Z"
    assert guessed.track_record[0]["status"] == "in_use"
    assert "estimates_reference" in {note.code for note in guessed.notes}
