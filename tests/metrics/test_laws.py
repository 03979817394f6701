"""What a metric's documentation says of sign, scale and ties; and that sums of parts are the sums of the whole."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.metrics import METRICS, UnknownMetric, build, metric
from leadline.metrics.confusion import macro_recall, mcc
from leadline.metrics.evaluate import evaluate
from leadline.metrics.metric import F1
from leadline.metrics.multiclass import macro_f1, macro_precision, weighted_f1, weighted_precision
from leadline.values import Undefined
from metrics_of import day, evaluated, evaluation
from oracles import ORACLES, draw

RNG = np.random.default_rng(5)
LABEL = RNG.lognormal(0, 1, 200)
GUESS = LABEL * RNG.lognormal(0, 0.4, 200)


def number(call, predicted=GUESS, actual=LABEL):
    return evaluated(day("regression", predicted, actual), call)


@pytest.mark.parametrize("call", ["mae", "rmse", "bias", "pinball(quantile=0.9)"])
def test_is_in_the_labels_unit(call):
    assert number(call, 8 * GUESS, 8 * LABEL) == pytest.approx(8 * number(call))


@pytest.mark.parametrize("call", ["mape", "smape", "wape", "r2"])
def test_has_no_unit(call):
    assert number(call, 8 * GUESS, 8 * LABEL) == pytest.approx(number(call))


def test_mse_is_in_the_units_square():
    assert number("mse", 8 * GUESS, 8 * LABEL) == pytest.approx(64 * number("mse"))


def test_bias_is_above_0_where_predictions_are_too_high():
    assert number("bias", LABEL + 1) == pytest.approx(1)
    assert number("bias", LABEL - 1) == pytest.approx(-1)


def test_r2_does_not_change_when_all_is_shifted_and_says_what_it_loses():
    assert number("r2", GUESS + 1e3, LABEL + 1e3) == pytest.approx(number("r2"), abs=1e-8)


def test_pinball_costs_q_a_unit_too_low_and_1_less_q_too_high():
    assert number("pinball(quantile=0.9)", LABEL - 1) == pytest.approx(0.9)
    assert number("pinball(quantile=0.9)", LABEL + 1) == pytest.approx(0.1)


@pytest.fixture(scope="module")
def scored():
    score = np.round(RNG.random(300) * 50) / 50
    return score, (RNG.random(300) < score).astype(int)


def ranked(call, score, actual):
    return evaluated(day("binary", (score >= 0.5).astype(int), actual, score), call)


def test_auc_of_the_other_class_is_what_is_left_to_1(scored):
    score, actual = scored
    assert ranked("roc_auc", score, 1 - actual) == pytest.approx(1 - ranked("roc_auc", score, actual))


def test_auc_of_scores_that_are_not_in_order_with_the_labels_is_a_half():
    score, actual = np.array([0.4] * 298 + [0.1, 0.9]), np.tile([0, 0, 1, 1], 75)
    assert ranked("roc_auc", score, actual) == pytest.approx(0.5, abs=1e-2)


def test_auc_of_one_score_for_all_is_undefined(scored):
    why = "all scores are 0.4, so that no row comes before another"
    assert ranked("roc_auc", np.full(300, 0.4), scored[1]) == Undefined(why)


def test_auc_of_scores_beyond_probabilities_is_that_of_their_order(scored):
    score, actual = scored
    assert ranked("roc_auc", 100 * score - 20, actual) == pytest.approx(ranked("roc_auc", score, actual), abs=1e-3)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("task", list(METRICS))
def test_sums_of_parts_are_the_sums_of_the_whole(task, weighted):
    rows = draw(task, 7)
    found = evaluation(rows, weighted, ORACLES[task])
    sums = found.series.sums()
    for each in found.metrics:
        added = each.parts(sums[0:5].total() + sums[5:12].total())
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(each.value(added[None])[0])
        whole = evaluate(each, sums[0:12]).value
        if isinstance(whole, Undefined):
            assert not np.isfinite(value), each.name
        else:
            assert value == pytest.approx(whole, rel=1e-12), each.name


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("task", list(METRICS))
def test_a_metric_that_is_a_ratio_is_its_ratio(task, weighted):
    """Its value is ΣA / ΣB or the root of that, and its variance, where the figure is not bent, the ratio's."""
    found = evaluation(draw(task, 7), weighted, ORACLES[task])
    sums = found.series.sums().total()
    told = set()
    for each in found.metrics:
        parts = each.parts(sums)
        ratio = each.as_ratio(parts)
        value = each.value(parts[None])[0]
        if ratio is None or not np.isfinite(value):
            continue
        top, bottom, aa, ab, bb = ratio
        assert value == pytest.approx(np.sqrt(top / bottom) if each.rooted else top / bottom, rel=1e-9), each.name
        residual = (aa - 2 * top / bottom * ab + (top / bottom) ** 2 * bb) / bottom**2
        if not isinstance(each, F1):
            assert each.row_variance(parts[None])[0] == pytest.approx(residual, rel=0.02, abs=1e-12), each.name
        told.add(type(each).__name__)
    wanted = {"binary": {"Share", "F1", "CountRatio", "Mean"}, "multiclass": {"Share", "F1", "Mean"}}
    assert told >= wanted.get(task, {"Mean", "RatioOfSums"})


@pytest.mark.parametrize(
    "function",
    [macro_recall, macro_precision, macro_f1, weighted_precision, weighted_f1, mcc],
    ids=lambda f: f.__name__,
)
def test_derivatives_are_those_of_the_figure(function):
    """Against central differences, and the sum of slope · count is 0: doubling all rows changes nothing."""
    counts = np.random.default_rng(1).uniform(1, 30, (4, 4))
    counts[2] = 0  # a class that is never predicted

    def read(cells):
        return function(cells.diagonal(), cells.sum(1), cells.sum(0))

    value, by_right, by_predicted, by_actual = read(counts)
    slope = by_predicted[:, None] + by_actual[None, :] + np.diag(by_right)
    assert float(value) == pytest.approx(float(read(2 * counts)[0]))
    assert (slope * counts).sum() == pytest.approx(0, abs=1e-12)
    for place in zip(*np.nonzero(counts), strict=True):
        step = np.zeros_like(counts)
        step[place] = 1e-5
        change = (read(counts + step)[0] - read(counts - step)[0]) / 2e-5
        assert slope[place] == pytest.approx(float(change), abs=1e-8)


@pytest.mark.parametrize(
    ("call", "task", "says"),
    [
        ("recal", "binary", "did you mean 'recall'"),
        ("recall", "multiclass", "recall needs class: write recall(class=...)"),
        ("f_beta(beta=0)", "binary", "f_beta: beta is to be above 0, not 0"),
        ("pinball(quantile=1)", "regression", "pinball: quantile is to be between 0 and 1, not 1"),
        ("top_k_accuracy(k=1.5)", "multiclass", "top_k_accuracy: k is to be a whole number from 1 on, not 1.5"),
        ("recall(limit=3)", "binary", "recall has no parameter 'limit': it takes threshold"),
        ("predicted_positive_rate(threshold=0.3)", "binary", "it takes none"),
        ("f_beta(beta=high)", "binary", "f_beta: beta is to be a number, not 'high'"),
    ],
)
def test_a_declaration_that_cannot_be_read_says_why(call, task, says):
    with pytest.raises(UnknownMetric, match=says.replace("(", r"\(").replace(")", r"\)").replace("?", r"\?")):
        metric(call, task)


@pytest.mark.parametrize(("call", "task"), [(call, task) for task, calls in ORACLES.items() for call in calls], ids=str)
def test_is_named_as_it_was_declared_and_has_a_side_or_none(call, task):
    built = build(call, task, ("cat", "dog", "eel", "fox"))
    assert built.name == call
    assert built.better in ("higher", "lower", None)
    assert METRICS[task][call.partition("(")[0]].summary
