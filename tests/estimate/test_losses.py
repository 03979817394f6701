"""Mean losses of leaves, what is expected from them, and their intervals, against brute force by row and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.estimate.leaves import LeafRows, Tree, Words
from leadline.estimate.losses import (
    can_expect_loss,
    expected_loss,
    leaf_means,
    leaf_variances,
    loss_tree,
    resampled_loss,
    stretch,
    tell_the_label,
)
from leadline.metrics.regression import pinball, regression_metrics
from leadline.stats.tree import Split
from leadline.values import Undefined

METRIC = {metric.name: metric for metric in regression_metrics()}


def sums(leaf: np.ndarray, loss: np.ndarray, weight: np.ndarray, leaves: int) -> np.ndarray:
    """Rows, Σw, Σw², Σwx, Σw²x, Σw²x² by leaf, row by row."""
    found = np.zeros((leaves, 6))
    for g, x, w in zip(leaf, loss, weight, strict=True):
        found[g] += [1, w, w * w, w * x, w * w * x, w * w * x * x]
    return found


def rows_of(leaf: np.ndarray, weight: np.ndarray, leaves: int) -> LeafRows:
    return LeafRows(np.bincount(leaf, weight, leaves), np.bincount(leaf, weight**2, leaves))


def test_only_means_of_a_loss_are_expected():
    assert {name for name, metric in METRIC.items() if can_expect_loss(metric)} == {"mae", "mse", "rmse", "bias"}
    assert not can_expect_loss(pinball("pinball", 0.9))


@pytest.mark.parametrize("name", ["mae", "mse", "rmse", "bias"])
def test_an_estimate_equals_brute_force_by_row(name):
    rng = np.random.default_rng(1)
    leaf, error, weight = rng.integers(0, 4, 800), rng.normal(0.3, 2, 800), rng.integers(1, 4, 800).astype(float)
    loss = {"mae": np.abs(error), "bias": error}.get(name, error**2)
    means = leaf_means(sums(leaf, loss, weight, 4))
    new, of_new = rng.integers(0, 3, 100), rng.integers(1, 4, 100).astype(float)
    by_row = [np.average(loss[leaf == g], weights=weight[leaf == g]) for g in new]
    plain = np.average(by_row, weights=of_new)
    found = expected_loss(METRIC[name], rows_of(new, of_new, 4), means)
    assert found == pytest.approx(np.sqrt(plain) if name == "rmse" else plain)


@pytest.mark.parametrize("name", ["mae", "mse", "rmse", "bias"])
def test_the_estimate_of_the_reference_is_its_figure(name):
    rng = np.random.default_rng(2)
    leaf, loss, weight = rng.integers(0, 5, 400), rng.gamma(1.0, 3.0, 400), rng.random(400)
    reference = sums(leaf, loss, weight, 5)
    found = expected_loss(METRIC[name], rows_of(leaf, weight, 5), leaf_means(reference))
    assert found == pytest.approx(float(METRIC[name].value(reference.sum(axis=0))))


def test_a_leaf_without_labels_is_expected_to_lose_what_all_rows_do():
    reference = sums(np.array([0, 0, 2]), np.array([1.0, 3.0, 5.0]), np.ones(3), 3)
    assert leaf_means(reference).tolist() == [2.0, 3.0, 5.0]
    assert leaf_variances(reference).tolist() == [2.0, 0.0, 0.0]


def test_no_rows_have_no_estimate():
    none = LeafRows(np.zeros((1, 2)), np.zeros((1, 2)))
    assert np.isnan(expected_loss(METRIC["mae"], none, np.array([1.0, 2.0]))).all()
    low, high = resampled_loss(METRIC["mae"], sums(np.array([0, 1]), np.ones(2), np.ones(2), 2), none)
    assert np.isnan([low, high]).all()


def test_losses_that_do_not_vary_have_no_interval():
    reference = sums(np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 2.0, 2.0]), np.ones(4), 2)
    ends = resampled_loss(METRIC["mae"], reference, LeafRows(np.ones((1, 2)), np.ones((1, 2))))
    assert np.isnan(ends).all()


@pytest.mark.parametrize("name", ["mae", "rmse", "bias"])
def test_an_interval_of_independent_rows_covers_the_figure_of_the_labels(name):
    """Of 200 windows, whose leaves' losses are skewed and whose shares of leaves differ from the reference's."""
    rng = np.random.default_rng(3)
    scale = np.array([1.0, 2.0, 6.0])

    def drawn(rows: int, shares: list[float]) -> tuple[np.ndarray, np.ndarray]:
        leaf = rng.choice(3, rows, p=shares)
        error = rng.normal(0, scale[leaf])
        return leaf, {"mae": np.abs(error), "rmse": error**2, "bias": error}[name]

    inside, widths = [], []
    for _ in range(200):
        leaf, loss = drawn(1000, [0.6, 0.3, 0.1])
        reference = sums(leaf, loss, np.ones(1000), 3)
        leaf, loss = drawn(300, [0.2, 0.3, 0.5])
        rows = rows_of(leaf, np.ones(300), 3)
        figure = np.sqrt(loss.mean()) if name == "rmse" else loss.mean()
        estimate = float(expected_loss(METRIC[name], rows, leaf_means(reference)))
        window = LeafRows(rows.weight[None], rows.square[None])
        low, high = (float(each[0]) for each in resampled_loss(METRIC[name], reference, window))
        inside.append(estimate + low <= figure <= estimate + high)
        widths.append(high - low)
    assert 0.90 <= np.mean(inside) <= 0.99
    assert np.min(widths) > 0


def test_windows_that_move_together_stretch_the_interval():
    rng = np.random.default_rng(4)
    alone, together = ([], [])
    for found, common in ((alone, 0.0), (together, 2.0)):
        for _ in range(40):
            leaf = rng.integers(0, 2, 200)
            loss = 10 + rng.normal(0, 1, 200) + common * rng.normal()
            found.append(sums(leaf, loss, np.ones(200), 2))
    independent, moving = (stretch(np.sum(each, axis=0), np.stack(each)) for each in (alone, together))
    assert 1.0 <= independent < 1.3
    # a window's sum varies by 200 (1 + 200 · 4) in place of 200 · (1 + 4)
    assert moving == pytest.approx(np.sqrt((1 + 200 * 4) / 5), rel=0.35)
    few = np.stack(together[:6])
    assert stretch(few.sum(axis=0), few) == 1.0


def test_an_interval_is_as_much_wider_as_windows_vary_more():
    reference = sums(np.arange(100) % 2, np.random.default_rng(5).gamma(2.0, 2.0, 100), np.ones(100), 2)
    rows = LeafRows(np.array([[50.0, 30.0]]), np.array([[50.0, 30.0]]))
    plain, wide = (np.array(resampled_loss(METRIC["mae"], reference, rows, each)) for each in (1.0, 3.0))
    assert wide == pytest.approx(3 * plain)


# Trees --------------------------------------------------------------------------------------------------------------


def test_a_tree_finds_where_losses_are_large():
    rng = np.random.default_rng(6)
    prediction, kind = rng.uniform(0, 10, 4000), rng.integers(0, 2, 4000)
    loss = np.abs(rng.normal(0, np.where(kind == 1, 5.0, 1.0)))
    found = loss_tree(["prediction", "kind"], [prediction, Words(kind, ("a", "b"))], loss)
    assert isinstance(found, Tree)
    assert isinstance(found.root, Split)
    assert found.root.column == 1


def test_bins_of_the_prediction_alone_make_leaves():
    rng = np.random.default_rng(7)
    prediction = rng.uniform(0, 10, 5000)
    found = loss_tree(["prediction"], [prediction], np.abs(rng.normal(0, 1 + prediction)))
    assert isinstance(found, Tree)
    assert 2 <= found.leaves <= 32
    assert all("prediction" in name for name in found.names())


@pytest.mark.parametrize(
    ("losses", "why"),
    [
        (np.zeros(0), "no labelled rows with a prediction"),
        (np.ones(1000), "nothing that is known before the label"),
        (np.where(np.arange(1000) == 3, 1e200, 1.0), "too large for double precision"),
        (np.where(np.arange(1000) == 3, np.inf, 1.0), "too large for double precision"),
    ],
)
def test_why_there_is_no_tree(losses, why):
    found = loss_tree(["prediction"], [np.arange(float(len(losses)))], losses)
    assert isinstance(found, Undefined)
    assert why in found.why


def test_features_that_know_the_label_are_found_out():
    rng = np.random.default_rng(8)
    label = rng.normal(0, 3, 4000)
    prediction, noise = label + rng.normal(0, 1, 4000), rng.normal(size=4000)
    errors = prediction - label
    assert tell_the_label(["prediction", "label"], [prediction, label], errors)
    assert not tell_the_label(["prediction", "noise"], [prediction, noise], errors)
    assert not tell_the_label(["prediction"], [prediction], errors)
    assert not tell_the_label(["prediction", "noise"], [prediction, noise], errors * 1e200)
