"""Slices that are found where labels are missing, against the labels that the check does not see."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import leadline
from evaluation.small import spec
from leadline.values import Finding, Status

START = datetime(2024, 1, 1, tzinfo=UTC)
CLASSES = ("ant", "bee", "cow")
#: days with labels, which are the reference, and all days
KNOWN, DAYS, A_DAY = 25, 56, 160
WINDOW = slice((DAYS - 28) * A_DAY, DAYS * A_DAY)
#: no other findings
ALONE = {"check_columns": False, "find_faults": False}
HARM = pytest.mark.parametrize("heavy", [False, True])


class World:
    """A log with features that say nothing, but for rows of kind b with a size of 7 or more: they are `bad`."""

    def __init__(self, seed: int, days: int = DAYS, a_day: int = A_DAY) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows = days * a_day
        self.day = np.arange(self.rows) // a_day
        self.features = {
            "kind": self.rng.choice(["a", "b", "c"], self.rows),
            "size": np.round(self.rng.uniform(0, 10, self.rows), 3),
            "colour": self.rng.choice(list("pqrstu"), self.rows),
            "noise": self.rng.normal(size=self.rows),
        }
        self.bad = (self.features["kind"] == "b") & (self.features["size"] >= 7)

    def table(self, labels: Any, **columns: Any) -> pa.Table:
        """The log; labels are known of the first 25 days."""
        minutes = np.arange(self.rows) * (1440 * (self.day[-1] + 1)) // self.rows
        known = {name: pa.array(values) for name, values in (self.features | columns).items()}
        times = [START + timedelta(minutes=int(each)) for each in minutes]
        mask = self.day >= KNOWN
        return pa.table({"id": np.arange(self.rows), "timestamp": times, **known, "label": pa.array(labels, mask=mask)})

    def inside(self, finding: Finding) -> Any:
        """The rows of a slice that the last 28 days have."""
        found = np.zeros(self.rows, bool)
        found[WINDOW] = True
        parts = dict(finding.slice.parts)
        found &= self.features["kind"] == parts.pop("kind")
        found &= self.features["size"] >= float(str(parts.pop("size"))[1:].split(",")[0])
        assert not parts
        return found


def regression(seed: int = 1, harm: float = 3.0, heavy: bool = False, **size: int) -> tuple[World, pa.Table, Any]:
    """Errors are `harm` times as large in the slice; the table, and the absolute error of each row."""
    world = World(seed, **size)
    errors = world.rng.standard_t(3, world.rows) if heavy else world.rng.normal(size=world.rows)
    errors = errors * np.where(world.bad, harm, 1.0)
    prediction = np.round(world.rng.uniform(0, 100, world.rows), 2)
    return world, world.table(prediction - errors, prediction=prediction), abs(errors)


def classes(seed: int = 1, unsure: float = 0.3) -> tuple[World, pa.Table, Any, Any]:
    """Scores of the slice are less sure; the table, predictions and labels of all rows."""
    world = World(seed)
    logits = world.rng.normal(size=(world.rows, 3)) * 2 * np.where(world.bad, unsure, 1.0)[:, None]
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (world.rng.random(world.rows)[:, None] > scores.cumsum(1)).sum(1).clip(0, 2)
    predicted, names = scores.argmax(1), np.array(CLASSES)
    columns = {f"score of {name}": scores[:, code] for code, name in enumerate(CLASSES)}
    return world, world.table(names[labels], prediction=names[predicted], **columns), predicted, labels


def found(table: pa.Table, **declared: Any) -> list[Finding]:
    if declared["task"] == "multiclass":
        declared |= {"columns": {"scores": {name: f"score of {name}" for name in CLASSES}}}
    reference = {"until": START + timedelta(days=KNOWN)}
    result = leadline.check(spec(table, matures_after="1d", reference=reference, **ALONE, **declared))
    return [each for each in result.findings if each.kind == "slice"]


@pytest.mark.parametrize(("metric", "shown", "power"), [("rmse", "rmse", 2), ("wape", "mae", 1)])
def test_the_losses_of_a_regression(metric: str, shown: str, power: int) -> None:
    world, table, losses = regression()
    objective = {"metric": metric, "at_most": 100, "window": "28d"}
    (finding,) = found(table, task="regression", metrics=["mae", "rmse", "wape"], objectives=[objective])
    inside = world.inside(finding)
    assert (inside & world.bad).sum() > 0.9 * (inside | world.bad)[WINDOW].sum()
    assert finding.rows == inside.sum()
    estimate, whole = finding.evidence
    assert (estimate.metric, estimate.status, estimate.labelled) == (shown, Status.ESTIMATED, 0)
    assert estimate.estimator == "leaf_dle"
    for each, rows in ((estimate, inside[WINDOW]), (whole, np.ones(28 * A_DAY, bool))):
        assert each.low is not None
        assert each.high is not None
        assert each.low <= (losses[WINDOW][rows] ** power).mean() ** (1 / power) <= each.high
    assert f"expected {shown}" in finding.what
    assert finding.what.endswith("Labels are not in: errors are as large as such rows had in the reference.")
    assert finding.since is None
    assert set(finding.examples) <= set(np.flatnonzero(inside).astype(str))


def test_a_weighted_regression() -> None:
    world, table, losses = regression(2)
    weights = world.rng.integers(1, 5, world.rows).astype(float)
    (finding,) = found(table.append_column("weight", pa.array(weights)), task="regression", metrics=["mae"])
    inside, estimate = world.inside(finding), finding.evidence[0]
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low <= np.average(losses[inside], weights=weights[inside]) <= estimate.high


def falsely(seeds: range, heavy: bool, **size: int) -> int:
    tables = (regression(seed, 1.0, heavy, **size)[1] for seed in seeds)
    return sum(bool(found(table, task="regression", metrics=["mae"])) for table in tables)


@HARM
def test_where_losses_are_alike_nothing_is_found(heavy: bool) -> None:
    assert falsely(range(3), heavy, a_day=80) <= 1


@pytest.mark.slow
@HARM
def test_where_losses_are_alike_something_is_found_in_5_of_100_runs_at_most(heavy: bool) -> None:
    assert falsely(range(100), heavy) <= 5


@pytest.mark.parametrize("row", [0, 1, 2, 3])
def test_a_label_too_large_for_its_square_leaves_nothing_to_expect(row: int) -> None:
    """Whichever half of the reference it is in."""
    _, table, _ = regression(a_day=60)
    labels = table["label"].to_pylist()
    labels[row] = 1e200
    table = table.set_column(table.column_names.index("label"), "label", pa.array(labels))
    assert found(table, task="regression", metrics=["mae"]) == []


@pytest.mark.parametrize("missing", ["prediction", "kind", "labels of all but few"])
def test_what_is_missing_is_no_error(missing: str) -> None:
    _, table, _ = regression(a_day=100)
    if missing == "labels of all but few":
        values = [value if place < 300 else None for place, value in enumerate(table["label"].to_pylist())]
        missing = "label"
    else:
        values = [None if place % 3 == 0 else value for place, value in enumerate(table[missing].to_pylist())]
    table = table.set_column(table.column_names.index(missing), missing, pa.array(values))
    told = found(table, task="regression", metrics=["mae"])
    assert len(told) == (missing != "label")


def test_a_name_that_is_given_to_large_losses_of_one_half_is_not_told() -> None:
    """What the labels of the other half do not confirm is no slice, however sure the tree is of it."""
    world, table, losses = regression(5, harm=1.0)
    grown = np.array(
        [hashlib.md5(str(each).encode(), usedforsecurity=False).hexdigest()[8] < "8" for each in range(world.rows)]
    )
    large = losses > np.quantile(losses, 0.8)
    name = np.where(large & grown & (world.day < KNOWN), "named", "other")
    name[(name == "other") & (world.rng.random(world.rows) < 0.15)] = "named"
    table = table.append_column("name", pa.array(name))
    assert found(table, task="regression", metrics=["mae"]) == []


def test_the_scores_of_several_classes() -> None:
    world, table, predicted, labels = classes()
    (finding,) = found(table, task="multiclass", metrics=["accuracy"])
    inside = world.inside(finding)
    assert (inside & world.bad).sum() > 0.9 * (inside | world.bad)[WINDOW].sum()
    estimate, whole = finding.evidence
    right = predicted == labels
    assert estimate.value == pytest.approx(right[inside].mean(), abs=0.06)
    assert whole.value == pytest.approx(right[WINDOW].mean(), abs=0.02)
    assert (estimate.n, estimate.labelled, estimate.status) == (inside.sum(), 0, Status.ESTIMATED)
    assert estimate.estimator == "cbpe"
    assert "by their scores" in finding.what
    assert "Labels are not in" in finding.what


@pytest.mark.parametrize("metric", ["recall(class=bee)", "roc_auc"])
def test_the_metric_of_an_objective_of_several_classes(metric: str) -> None:
    """Of a metric of ranks the usual one stands: what its errors are is told by labels alone."""
    world, table, predicted, labels = classes(3, unsure=0.1)
    objective = {"metric": metric, "at_least": 0.1, "window": "28d"}
    (finding,) = found(table, task="multiclass", metrics=["accuracy", metric], objectives=[objective])
    inside = world.inside(finding)
    looked = labels == 1 if metric == "recall(class=bee)" else labels >= 0
    estimate = finding.evidence[0]
    assert estimate.metric == ("accuracy" if metric == "roc_auc" else metric)
    assert estimate.value == pytest.approx((predicted == labels)[inside & looked].mean(), abs=0.1)


def quiet(seeds: range) -> int:
    tables = (classes(seed, unsure=1.0)[1] for seed in seeds)
    return sum(bool(found(table, task="multiclass", metrics=["accuracy"])) for table in tables)


def test_where_scores_are_alike_nothing_is_found() -> None:
    assert quiet(range(2)) <= 1


@pytest.mark.slow
def test_where_scores_are_alike_something_is_found_in_5_of_100_runs_at_most() -> None:
    assert quiet(range(100)) <= 5


def test_a_binary_model_that_is_judged_by_its_ranks() -> None:
    """Unlabelled rows have no rank among labels: of their usual error what scores let expect is told."""
    world = World(4)
    score = np.where(world.bad, world.rng.choice([0.4, 0.6], world.rows), world.rng.choice([0.1, 0.9], world.rows))
    labels = world.rng.random(world.rows) < score
    objective = {"metric": "roc_auc", "at_least": 0.1, "window": "28d"}
    (finding,) = found(world.table(labels, score=score), task="binary", metrics=["roc_auc"], objectives=[objective])
    inside = world.inside(finding)
    estimate = finding.evidence[0]
    assert estimate.metric == "accuracy"
    assert estimate.value == pytest.approx(((score >= 0.5) == labels)[inside].mean(), abs=0.06)
