"""Which model really answered: planted exchanges are named, and other rows, slow changes and new versions are not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import leadline
from evaluation.small import spec
from leadline.values import Finding
from leadline.why.wrong_model import LEAST_ROWS, like_older, stepped

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, CHANGED, A_DAY = 90, 60, 200

Scores = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Day and true logit of each row → logits of its score."""


def table(day: np.ndarray, own: dict[str, np.ndarray], columns: dict[str, Callable[[np.ndarray], Any]]) -> pa.Table:
    """Rows with an id and the time of their day, columns of their own, and those that are made of the day."""
    start = np.datetime64(MONDAY.replace(tzinfo=None), "us")
    times = pa.array(start + day * np.timedelta64(86_400_000_000, "us"), pa.timestamp("us", "UTC"))
    made = {name: make(day) for name, make in columns.items()}
    return pa.table({"id": np.arange(len(day)), "timestamp": times, **own, **made})


def log(score: Scores, truth: Callable[[np.ndarray], Any] = lambda _: -0.5, seed: int = 3, **columns: Any) -> pa.Table:
    """Rows whose labels follow a logit with the mean `truth` of their day."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(DAYS), A_DAY)
    logit = rng.normal(truth(day), 1.2, len(day))
    own = {
        "score": 1 / (1 + np.exp(-score(day, logit))),
        "label": rng.random(len(day)) < 1 / (1 + np.exp(-logit)),
    }
    return table(day, own, columns)


def found(rows: pa.Table, **declared: Any) -> list[Finding]:
    declared = {"metrics": ["accuracy"], "features": [], **declared}
    checked = leadline.check(spec(rows, reference={"until": "2024-01-31"}, **declared))
    return [each for each in checked.findings if each.kind == "wrong_model"]


def exchanged(day: np.ndarray, logit: np.ndarray) -> np.ndarray:
    """From a day on another model answers, which knows little."""
    noise = np.random.default_rng(9).normal(0.8, 1, len(day))
    return np.where(day < CHANGED, logit, 0.2 * logit + noise)


def right(_: np.ndarray, logit: np.ndarray) -> np.ndarray:
    return logit


# Under its own name --------------------------------------------------------------------------------------------------


def test_a_model_that_was_exchanged_under_the_same_name_is_named() -> None:
    (told,) = found(log(exchanged, version=lambda day: np.full(len(day), "v1")))
    assert told.what.startswith("The scores of version 'v1' are not those that were validated: ")
    assert " fewer are positive than they meant. Since 2024-03-01." in told.what
    assert told.since == MONDAY + timedelta(days=CHANGED)
    assert told.rows == (DAYS - CHANGED) * A_DAY
    assert told.effect is not None
    assert told.effect.value < -0.05


def test_without_versions_it_is_the_model() -> None:
    (told,) = found(log(exchanged))
    whole = leadline.check(spec(log(exchanged), metrics=["accuracy"], features=[], reference={"until": "2024-01-31"}))
    assert {each.kind for each in whole.findings}.isdisjoint({"world_changed", "data_changed", "never_seen"})
    assert told.what.startswith("The scores of the model are not those that were validated: ")
    assert "Other rows that came all at once would look alike" in told.next


def test_an_older_version_under_the_newer_ones_name_is_told() -> None:
    """v1 answers until 10, v2 was validated until 30, and from 60 on v1 answers again where v2 is written."""

    def score(day: np.ndarray, logit: np.ndarray) -> np.ndarray:
        return np.where((day < 10) | (day >= CHANGED), 0.3 * logit - 1, logit)

    (told,) = found(log(score, version=lambda day: np.where(day < 10, "v1", "v2")))
    said = "The scores of version 'v2' are spread as those of 'v1' were, not as its own in the reference."
    assert told.what == f"{said} Since 2024-03-01."
    assert told.since == MONDAY + timedelta(days=CHANGED)


@pytest.mark.parametrize(
    ("score", "truth"),
    [
        pytest.param(right, lambda day: np.where(day < CHANGED, -0.5, 0.7), id="other rows come all at once"),
        pytest.param(lambda day, logit: logit + np.clip((day - 35) / 50, 0, 1), lambda _: -0.5, id="a model that ages"),
        pytest.param(
            lambda day, logit: np.where((day >= CHANGED) & (day < CHANGED + 7), 1.5, 1) * logit,
            lambda _: -0.5,
            id="a week that is over",
        ),
    ],
)
def test_what_is_no_other_model_is_not(score: Scores, truth: Callable[[np.ndarray], Any]) -> None:
    assert not found(log(score, truth))


@pytest.mark.parametrize("runs", [10, pytest.param(60, marks=pytest.mark.slow)])
def test_days_that_differ_are_no_other_model(runs: int) -> None:
    """Waves of other rows, by day and by fortnight, whose scores come true."""
    named = 0
    for seed in range(runs):
        rng = np.random.default_rng(1000 + seed)
        waves = rng.normal(0, 0.5, DAYS) + np.repeat(rng.normal(0, 0.5, -(-DAYS // 14)), 14)[:DAYS]
        named += len(found(log(right, lambda day, waves=waves: -0.5 + waves[day], seed)))
    assert named <= 0.02 * runs


# A new version -------------------------------------------------------------------------------------------------------


def versions(third: float) -> pa.Table:
    """Three versions of 30 days each, whose scores have these means."""
    means = {"v1": -1.0, "v2": 0.5, "v3": third}
    name = np.array(list(means))

    def score(day: np.ndarray, logit: np.ndarray) -> np.ndarray:
        return logit - logit.mean() + np.array(list(means.values()))[day // 30]

    return log(score, version=lambda day: name[day // 30])


def test_a_new_version_that_scores_as_an_older_one_is_named() -> None:
    (told,) = found(versions(-1.0))
    said = "The scores of version 'v3' are spread as those of 'v1' were, not as those of 'v2' before it."
    assert told.what == f"{said} Since 2024-03-01."
    assert told.since == MONDAY + timedelta(days=60)
    assert told.rows == 14 * A_DAY


@pytest.mark.parametrize("third", [0.5, 1.5], ids=["as the last one", "as none before"])
def test_a_version_of_its_own_or_fitted_again_is_not(third: float) -> None:
    assert not found(versions(third))


def test_few_rows_tell_nothing() -> None:
    low, high = np.full((14, 2), [4.0, 1.0]), np.full((14, 2), [1.0, 4.0])
    assert low.sum() < LEAST_ROWS
    assert like_older(low, high, [low]) is None
    assert like_older(low * 100, high * 100, [low]) is None
    assert like_older(low * 100, high * 100, [high * 90, low * 90]) == 1
    assert stepped(np.vstack([low, low, high]), 14, 42, 14) is None
    assert stepped(np.vstack([low, low, high]) * 100, 14, 42, 14) == (28, pytest.approx(0.6))


# Predicted classes ---------------------------------------------------------------------------------------------------


def classes(
    said: Callable[[np.ndarray, np.ndarray], np.ndarray],
    seed: int = 3,
    waves: float = 0.0,
    more: float = 0.0,
    **columns: Any,
) -> pa.Table:
    """Rows of three classes.

    said    day and true logits of each row, shape (rows, 3) → those by which the model predicts
    waves   how far the logits swing by day and fortnight
    more    how much more of the first class comes from day `CHANGED` on
    """
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(DAYS), A_DAY)
    swing = rng.normal(0, waves, (DAYS, 3)) + np.repeat(rng.normal(0, waves, (-(-DAYS // 14), 3)), 14, axis=0)[:DAYS]
    logits = rng.normal(0, 1.5, (len(day), 3)) + swing[day]
    logits[:, 0] += more * (day >= CHANGED)
    names = np.array(["cat", "dog", "fox"])
    own = {
        "prediction": names[said(day, logits).argmax(axis=1)],
        "label": names[(logits + rng.gumbel(0, 1, logits.shape)).argmax(axis=1)],
    }
    return table(day, own, columns)


def found_of_classes(rows: pa.Table, **declared: Any) -> list[Finding]:
    return found(rows, **{"task": "multiclass", **declared})


def leaning(day: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """From a day on another model answers, which says fox too often."""
    return logits + np.outer(day >= CHANGED, [0, 0, 1.5])


def test_another_model_of_several_classes_is_named() -> None:
    (told,) = found_of_classes(classes(leaning, version=lambda day: np.full(len(day), "v1")))
    assert told.what.startswith("The predictions of version 'v1' are not those that were validated: ")
    assert " fewer are right than before. Since 2024-03-01." in told.what
    assert told.rows == (DAYS - CHANGED) * A_DAY


def test_a_new_version_that_predicts_as_an_older_one_is_named() -> None:
    def answer(day: np.ndarray, logits: np.ndarray) -> np.ndarray:
        return logits + np.outer(day // 30 == 1, [0, 1.5, 0])

    (told,) = found_of_classes(classes(answer, version=lambda day: np.array(["v1", "v2", "v3"])[day // 30]))
    assert told.what.startswith(
        "The predictions of version 'v3' are spread as those of 'v1' were, not as those of 'v2'"
    )


def test_two_classes_without_scores_are_looked_at_too() -> None:
    table = log(exchanged)
    predicted = pa.array(np.asarray(table["score"]) > 0.5)
    table = table.drop_columns("score").append_column("prediction", predicted)
    (told,) = found_of_classes(table, task="binary")
    assert "fewer are right than before. Since 2024-03-01." in told.what


def the_same(_: np.ndarray, logits: np.ndarray) -> np.ndarray:
    return logits


def test_more_rows_of_a_class_are_no_other_model() -> None:
    assert not found_of_classes(classes(the_same, more=1.2))


@pytest.mark.parametrize("runs", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_classes_that_come_in_waves_are_no_other_model(runs: int) -> None:
    named = sum(len(found_of_classes(classes(the_same, seed, waves=0.4))) for seed in range(runs))
    assert named <= 0.02 * runs


# Numbers -------------------------------------------------------------------------------------------------------------

Numbers = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Day and expected label of each row → predictions."""


def regression(
    said: Numbers, mean: Callable[[np.ndarray], Any] = lambda _: 0.0, seed: int = 3, **columns: Any
) -> pa.Table:
    """Rows whose expected label is `mean` of their day and spreads with 30 around it, their labels with 10 more."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(DAYS), A_DAY)
    expected = rng.normal(mean(day), 30, len(day))
    return table(day, {"prediction": said(day, expected), "label": rng.normal(expected, 10)}, columns)


def found_of_numbers(rows: pa.Table, **declared: Any) -> list[Finding]:
    return found(rows, **{"task": "regression", "metrics": ["mae"], **declared})


def knows_less(day: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """From a day on another model answers, which knows less, and says more."""
    noise = np.random.default_rng(9).normal(40, 30, len(day))
    return np.where(day < CHANGED, expected, 0.3 * expected + noise)


def as_expected(_: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return expected


@pytest.mark.parametrize("columns", [{}, {"w": lambda day: 1.0 + day % 3}], ids=["rows", "weights"])
def test_another_model_that_predicts_numbers_is_named(columns: dict[str, Any]) -> None:
    """Predictions on both sides of 0; labels stay where they were, so they lie below what is predicted now."""
    table = regression(knows_less, version=lambda day: np.full(len(day), "v1"), **columns)
    (told,) = found_of_numbers(table, **({"columns": {"weight": "w"}} if columns else {}))
    assert told.what.startswith("The predictions of version 'v1' are not those that were validated: ")
    assert told.what.endswith(" higher than it was. Since 2024-03-01.")
    above = float(told.what.split("prediction less label, is ")[1].split()[0])
    said, label = (np.asarray(table[name])[CHANGED * A_DAY :] for name in ("prediction", "label"))
    late = (said - label)[said > 30]
    assert above == pytest.approx(np.mean(late), rel=0.25)
    assert told.rows == (DAYS - CHANGED) * A_DAY


def test_numbers_of_an_older_version_under_the_newer_ones_name_are_told() -> None:
    def said(day: np.ndarray, expected: np.ndarray) -> np.ndarray:
        return np.where((day < 10) | (day >= CHANGED), 0.3 * expected - 10, expected)

    (told,) = found_of_numbers(regression(said, version=lambda day: np.where(day < 10, "v1", "v2")))
    expected = "The predictions of version 'v2' are spread as those of 'v1' were, not as its own in the reference."
    assert told.what == f"{expected} Since 2024-03-01."


def test_a_new_version_that_predicts_numbers_as_an_older_one_is_named() -> None:
    def said(day: np.ndarray, expected: np.ndarray) -> np.ndarray:
        return expected + np.where(day // 30 == 1, 25, 0)

    (told,) = found_of_numbers(regression(said, version=lambda day: np.array(["v1", "v2", "v3"])[day // 30]))
    expected = "The predictions of version 'v3' are spread as those of 'v1' were, not as those of 'v2' before it."
    assert told.what == f"{expected} Since 2024-03-01."


@pytest.mark.parametrize(
    ("said", "mean"),
    [
        pytest.param(as_expected, lambda day: np.where(day < CHANGED, 0, 25), id="other rows come all at once"),
        pytest.param(lambda day, each: each + np.clip(day - 35, 0, 40), lambda _: 0.0, id="a model that ages"),
        pytest.param(
            lambda day, each: np.where((day >= CHANGED) & (day < CHANGED + 7), 1.5, 1) * each,
            lambda _: 0.0,
            id="a week that is over",
        ),
        pytest.param(lambda day, _: np.zeros(len(day)), lambda _: 0.0, id="one number for all"),
    ],
)
def test_numbers_of_the_same_model_are_not_named(said: Numbers, mean: Callable[[np.ndarray], Any]) -> None:
    assert not found_of_numbers(regression(said, mean))


@pytest.mark.parametrize("named", [True, False], ids=["as an older one", "as none before"])
def test_without_labels_new_versions_that_predict_numbers_are_looked_at(named: bool) -> None:
    def said(day: np.ndarray, expected: np.ndarray) -> np.ndarray:
        return expected + np.array([0, 25, 0 if named else 60])[day // 30]

    table = regression(said, version=lambda day: np.array(["v1", "v2", "v3"])[day // 30]).drop_columns("label")
    columns = {"id": "id", "timestamp": "timestamp", "prediction": "prediction", "version": "version"}
    checked = leadline.check(
        {
            "version": 1,
            "model": "numbers",
            "task": "regression",
            "timezone": "UTC",
            "window": "1d",
            "predictions": {"source": table, "columns": columns, "features": []},
            "reference": {"until": "2024-01-31"},
        }
    )
    assert [each.what[:27] for each in checked.findings if each.kind == "wrong_model"] == [
        "The predictions of version "
    ] * named


@pytest.mark.parametrize("moved", ["rows", "model"])
def test_features_tell_other_rows_from_another_model(moved: str) -> None:
    """A model that leaves out half of what a feature says: rows with more of it are predicted too low."""
    rng = np.random.default_rng(5)
    day = np.repeat(np.arange(DAYS), A_DAY)
    feature = rng.normal(0, 1, len(day)) + (day >= CHANGED) * (moved == "rows")
    shift = 15.0 * (day >= CHANGED) * (moved == "model")
    table = regression(lambda _, each: each + 15 * feature + shift, x=lambda _: feature)
    label = np.asarray(table["label"]) + 30 * feature
    table = table.set_column(table.column_names.index("label"), "label", pa.array(label))
    kept = {"find_slices": False, "find_faults": False}
    assert bool(found_of_numbers(table, features=["x"], **kept)) == (moved == "model")
    (told,) = found_of_numbers(table, **kept)  # without the feature nobody can tell
    assert ("no features tell" in told.next) == (told.kind == "wrong_model")


@pytest.mark.parametrize("runs", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_numbers_that_come_in_waves_are_no_other_model(runs: int) -> None:
    named = 0
    for seed in range(runs):
        rng = np.random.default_rng(1000 + seed)
        waves = rng.normal(0, 12, DAYS) + np.repeat(rng.normal(0, 12, -(-DAYS // 14)), 14)[:DAYS]
        named += len(found_of_numbers(regression(as_expected, lambda day, waves=waves: waves[day], seed)))
    assert named <= 0.02 * runs
