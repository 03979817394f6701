"""Where a formula has no value, there is none, and a reason: never NaN, 0 or an error."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from leadline.metrics import METRICS
from leadline.metrics.evaluate import evaluate
from leadline.metrics.metric import Unserved
from leadline.values import Undefined
from metrics_of import day, evaluated
from oracles import ORACLES

ONES, ZEROS = np.ones(5, int), np.zeros(5, int)
SCORES = np.array([0.1, 0.4, 0.6, 0.8, 0.9])
NOTHING = np.array([np.nan] * 5)


def binary(actual, score=SCORES):
    with np.errstate(invalid="ignore"):
        predicted = np.where(np.isnan(score), -1, score >= 0.5).astype(int)
    return day("binary", predicted, actual, score)


def numbers(actual, predicted=SCORES):
    return day("regression", np.asarray(predicted, float), np.asarray(actual, float))


@pytest.mark.parametrize(
    ("rows", "call", "why"),
    [
        (binary(ZEROS), "recall", "no actual positives"),
        (binary(ONES), "specificity", "no actual negatives"),
        (binary(ONES, SCORES / 2), "precision", "no predicted positives"),
        (binary(ZEROS, SCORES / 2), "f1", "no actual and no predicted positives"),
        (binary(ZEROS), "roc_auc", "one class only: no actual positives"),
        (binary(ONES), "average_precision", "one class only: no actual negatives"),
        (binary(ONES), "balanced_accuracy", "one class only"),
        (binary(ONES), "mcc", "one class only, among labels or predictions"),
        (binary(-ONES), "accuracy", "no labelled rows with a prediction"),
        (binary(-ONES), "mcc", "no labelled rows with a prediction"),
        (binary(-ONES), "positive_rate", "no labelled rows"),
        (binary(-ONES), "brier", "no labelled rows"),
        (binary(ONES, NOTHING), "roc_auc", "no labelled rows with a score"),
        (binary(ONES, NOTHING), "calibration_error", "no labelled rows with a score"),
        (binary(ONES, NOTHING), "predicted_positive_rate", "no rows with a prediction"),
        (numbers(NOTHING), "mae", "no labelled rows with a prediction"),
        (numbers(NOTHING), "r2", "no labelled rows with a prediction"),
        (numbers(NOTHING), "wape", "no labelled rows with a prediction"),
        (numbers(NOTHING), "p90_absolute_error", "no labelled rows with a prediction"),
        (numbers(ZEROS), "mape", "no rows with a label other than 0"),
        (numbers(ZEROS), "wape", "all labels are 0"),
        (numbers(ONES), "r2", "the labels do not vary"),
        (numbers(ONES * 1e9 + SCORES * 1e-6), "r2", "the labels do not vary"),
        (numbers(-ONES), "rmsle", "a label or prediction is -1 or less, which has no logarithm"),
        (numbers(ONES * 1e13), "p90_absolute_error", "the quantile lies above 1.1e+12"),
        (numbers(ONES * 1e200), "mse", "the sums are too large for double precision"),
    ],
)
def test_says_why(rows, call, why):
    assert evaluated(rows, call) == Undefined(why)


@pytest.mark.parametrize("task", list(METRICS))
def test_an_empty_window_has_no_figure(task):
    """In a log that has rows on another day, and with a history."""
    from metrics_of import metrics_and_sums

    known = {"binary": binary(np.array([0, 1, 0, 1, 1])), "regression": numbers(SCORES * 2)}
    four = np.array([0, 1, 2, 3, 0])
    known["multiclass"] = day("multiclass", four, four, np.eye(4)[four])
    rows = replace(known[task], day=np.full(5, 2))
    rows = replace(rows, day=np.array([0, 0, 2, 2, 2]))
    metrics, sums = metrics_and_sums(rows, [*ORACLES[task], "share"])
    for metric in metrics:
        found = evaluate(metric, sums[1:2], sums[0:1])
        assert isinstance(found.value, Undefined), metric.name
        assert found.interval is None


@pytest.mark.parametrize(
    ("rows", "call"),
    [
        (numbers(SCORES), "mae"),
        (numbers(SCORES), "bias"),
        (numbers(SCORES), "r2"),
        (binary(np.array([0, 0, 1, 1, 1]), np.array([0, 0, 1.0, 1, 1])), "brier"),
        (binary(ONES), "cost(fn=1)"),
        (day("regression", np.array([3.0]), np.array([2.0])), "rmse"),
    ],
)
def test_rows_that_tell_no_spread_give_no_interval_or_one_of_some_width(rows, call):
    value, interval = evaluated(rows, call), evaluated(rows, call, interval=True)
    assert math.isfinite(value)
    assert interval is None or interval.low < interval.high


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("recall(class=dgo)", "no prediction and no label is of the class 'dgo'; did you mean 'dog'?"),
        ("confusion(predicted=cat, actual=cow)", "no prediction and no label is of the class 'cow'"),
        ("roc_auc(class=cow)", "no prediction and no label is of the class 'cow'"),
    ],
)
def test_a_class_that_the_log_has_not(call, why):
    four = np.array([0, 1, 2, 3])
    found = evaluated(day("multiclass", four, four, np.eye(4)), call)
    assert isinstance(found, Undefined)
    assert found.why.startswith(why)


def test_scores_that_are_no_probabilities_have_no_log_loss():
    assert evaluated(binary(np.array([0, 1, 0, 1, 1]), SCORES * 3), "log_loss") == Undefined(
        "scores are not probabilities"
    )


def test_a_metric_that_is_not_served_is_undefined_everywhere():
    from metrics_of import metrics_and_sums

    _, sums = metrics_and_sums(binary(ONES), ["recall"])
    assert evaluate(Unserved.of_name("x", "because"), sums).value == Undefined("because")
