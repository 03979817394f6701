"""Estimates of versions of a model: those that the reference holds, and those that it does not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import leadline
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.of_scores import OfScores
from leadline.evaluation.run import evaluate_log
from leadline.spec.load import from_mapping

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, REFERENCE, ROWS = 60, 20, 300


def log(
    share: Any, moved: float = 0.0, kinds: float = 0.0, seed: int = 1, names: tuple[str | None, str] = ("v1", "v2")
) -> pa.Table:
    """Predictions and labels of two versions; those of the first mean what they say.

    share   of rows of the second version by day
    moved   by how many logits the scores of the second are too low
    kinds   how far two kinds of rows lie from their scores, in logits; the shares of the kinds move from day 40 on
    """
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(DAYS), ROWS)
    second = rng.random(len(day)) < np.array([share(each) for each in range(DAYS)])[day]
    score = 1.5 * rng.normal(size=len(day)) - 0.5
    kind = rng.random(len(day)) < np.where(day < 40, 0.5, 0.8)
    meant = score + moved * second + kinds * np.where(kind, 1, -1)
    times = [START + timedelta(days=int(each), minutes=place % ROWS) for place, each in enumerate(day)]
    known = day + 5 < DAYS
    label = rng.random(len(day)) < 1 / (1 + np.exp(-meant))
    return pa.table(
        {
            "id": np.arange(len(day)),
            "at": times,
            "score": 1 / (1 + np.exp(-score)),
            "version": [names[each] for each in second.astype(int)],
            "kind": np.where(kind, "a", "b").tolist(),
            "label": pa.array(label, mask=~known),
        }
    )


def declared(table: pa.Table, **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "model": "versions",
        "task": "binary",
        "predictions": {
            "source": table,
            "columns": {"id": "id", "timestamp": "at", "score": "score", "version": "version"},
            "features": more.pop("features", []),
        },
        "outcomes": {"source": table, "columns": {"id": "id", "value": "label"}, "matures_after": "5d"},
        "timezone": "UTC",
        "window": "1d",
        "metrics": ["accuracy", "precision"],
        "reference": {"until": START + timedelta(days=REFERENCE)},
    } | more


def of_scores(found: Evaluation) -> OfScores:
    assert isinstance(found.without_labels, OfScores)
    return found.without_labels


def said(result: leadline.Result, metric: str = "accuracy") -> list[str]:
    """Why, of each estimate of all rows."""
    return [each["why"] for each in result.estimates if each["metric"] == metric and each["estimator"]]


def codes(result: leadline.Result) -> dict[str, str]:
    return {note.code: note.text for note in result.notes}


# A version that the reference does not hold ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def replaced() -> leadline.Result:
    """From day 30 on nearly all rows are of the second version, whose scores mean something else."""
    return leadline.check(declared(log(lambda day: 0.9 if day >= 30 else 0.0, moved=1.0)))


def test_windows_of_a_new_version_say_what_is_assumed_of_it(replaced):
    whys = said(replaced)
    first = 30 - REFERENCE
    assert all("version" not in why for why in whys[:first])
    assumed = "most rows are of version 'v2', which the reference does not hold: assumes that its scores mean what"
    assert all(f"{assumed} those of 'v1' meant" in why for why in whys[first:])


def test_its_own_matured_windows_are_the_evidence(replaced):
    whys = said(replaced)
    first = 30 - REFERENCE
    # a window is known five days after its end
    assert whys[first].endswith("(no window of it had matured)")
    assert whys[first + 4].endswith("(no window of it had matured)")
    assert "(1 window of it had matured, off by 0." in whys[first + 5]
    assert "(15 windows of it had matured, off by 0." in whys[first + 19]
    mine = [each for each in replaced.estimates if each["metric"] == "accuracy"]
    labels = [each for each in mine if not each["estimator"] and each["version"] is None]
    figures = {each["window_start"]: each["value"] for each in labels}
    matured = [each for each in mine if each["estimator"]][first:][:25]
    errors = [abs(each["value"] - figures[each["window_start"]]) for each in matured]
    assert f"(25 windows of it had matured, off by {np.mean(errors):.3g} on average)" in whys[-1]


def test_a_note_says_since_when(replaced):
    text = codes(replaced)["estimates_of_new_version"]
    assert text.startswith("From 2024-01-31 on most predictions of a window are of version 'v2', which the reference")
    assert "explained by inputs may be the new version's doing" in text
    assert "assume that its scores mean what those of 'v1' meant" in text


def test_nothing_is_said_of_versions_that_the_reference_holds():
    result = leadline.check(declared(log(lambda day: 0.5 if day < REFERENCE else 1.0)))
    assert not [why for why in said(result) if "version" in why]
    assert not {"estimates_of_new_version", "versions_calibrated_apart"} & set(codes(result))


def test_nothing_is_said_where_most_rows_are_of_a_known_version():
    result = leadline.check(declared(log(lambda day: 0.4 if day >= 30 else 0.0)))
    assert not [why for why in said(result) if "version" in why]


def test_a_version_of_few_labels_of_the_reference_is_not_held_by_it():
    result = leadline.check(declared(log(lambda day: 0.01 if day < REFERENCE else 1.0)))
    assert re.search(
        r"most rows are of version 'v2', of which the reference has \d\d labels: assumes", said(result)[-1]
    )


def test_a_reference_without_versions():
    names = (None, "v2")
    table = log(lambda day: 0.0 if day < REFERENCE else 0.9, names=names)
    other = pa.array(["v3" if place % 7 == 0 and place > 40 * ROWS else None for place in range(len(table))])
    versions = pa.array([b or a for a, b in zip(table["version"].to_pylist(), other.to_pylist(), strict=True)])
    table = table.set_column(table.column_names.index("version"), "version", versions)
    assert "its scores mean what those of earlier versions meant" in said(leadline.check(declared(table)))[-1]


def test_regressions_and_several_classes_say_it_too():
    table = log(lambda day: 1.0 if day >= 30 else 0.0)
    value = np.array(table["score"].to_pylist())
    noise = np.random.default_rng(2).normal(size=len(table))
    known = ~np.array(table["label"].is_null().to_pylist())
    table = table.append_column("value", pa.array(value + 0.1 * noise * (1 + value), mask=~known))
    columns = {"id": "id", "timestamp": "at", "prediction": "score", "version": "version"}
    regression = declared(
        table,
        task="regression",
        metrics=["mae"],
        predictions={"source": table, "columns": columns, "features": ["kind"]},
        outcomes={"source": table, "columns": {"id": "id", "value": "value"}, "matures_after": "5d"},
    )
    why = said(leadline.check(regression), "mae")[-1]
    assert "assumes that it predicts rows of a kind as well as 'v1' did" in why
    both = table.append_column("other", pa.array(1 - value))
    classes = pa.array([None if label is None else "yes" if label else "no" for label in table["label"].to_pylist()])
    both = both.append_column("class", classes)
    columns = {"id": "id", "timestamp": "at", "version": "version", "scores": {"yes": "score", "no": "other"}}
    several = declared(
        both,
        task="multiclass",
        metrics=["accuracy"],
        predictions={"source": both, "columns": columns},
        outcomes={"source": both, "columns": {"id": "id", "value": "class"}, "matures_after": "5d"},
    )
    assert "assumes that its scores mean what those of 'v1' meant" in said(leadline.check(several))[-1]


# Versions that the reference holds, and that differ ----------------------------------------------------------------


def half_then_all(day: int) -> float:
    return 0.5 if day < 30 else 1.0


@pytest.mark.parametrize("features", [[], ["kind"]], ids=["score", "leaves"])
def test_versions_that_surely_differ_have_their_own_calibrators(features):
    """Both are in the reference; afterwards only one is. Their calibration together would fit neither."""
    table = log(half_then_all, moved=1.2, kinds=0.8 if features else 0.0)
    apart = leadline.check(declared(table, features=features))
    assert "'v1' and 'v2' mean different things" in codes(apart)["versions_calibrated_apart"]
    blind = declared(table, features=features)
    del blind["predictions"]["columns"]["version"]
    together = leadline.check(blind)
    for metric in ("accuracy", "precision"):
        mine, other = (
            next(each for each in result.track_record if each["metric"] == metric) for result in (apart, together)
        )
        assert mine["mean_error"] < (0.7 if metric == "precision" else 1.0) * other["mean_error"], metric
        assert {each["estimator"] for each in apart.estimates} <= {None, "cbpe", "leaf_cbpe"}


def test_versions_that_do_not_differ_share_one():
    without = of_scores(evaluate_log(from_mapping(declared(log(half_then_all)))))
    assert without.of_versions == {}


def test_each_rows_chance_is_that_of_its_own_version():
    """Against rows: the estimate of a window is the mean over its rows of what their version's calibrator says."""
    table = log(half_then_all, moved=1.2)
    without = of_scores(evaluate_log(from_mapping(declared(table))))
    assert list(without.of_versions) == ["v1", "v2"]
    score, version = np.array(table["score"].to_pylist()), np.array(table["version"].to_pylist())
    label, day = table["label"].to_pylist(), np.arange(len(table)) // ROWS
    for name, fit in without.of_versions.items():
        mine = (version == name) & (day < REFERENCE)
        found = float(fit.reference.positives.sum())
        assert found == sum(label[row] for row in np.flatnonzero(mine))
    grid = without.calibrator.reference.bins
    linear = np.floor(np.minimum(score, 1 - 2**-40) * 512)
    logit = np.floor((np.log(score / (1 - score)) + 15) * 512 / 30)
    place = np.searchsorted(grid[:, 0] * 1024 + grid[:, 1], linear * 1024 + logit)
    chance = np.where(version == "v1", without.of_versions["v1"].chance[place], without.of_versions["v2"].chance[place])
    right = np.where(score >= 0.5, chance, 1 - chance)
    for begin in (20, 28, 45):  # of both versions, of both, of one
        (expected,) = without.figures([(begin, begin + 1)])[0, :1, 0]
        assert expected == pytest.approx(right[day == begin].mean())


def test_leaves_of_versions_on_rows():
    """The chance that leaves add to is each row's own, in the sums by leaf too."""
    table = log(half_then_all, moved=1.2, kinds=0.8)
    found = evaluate_log(from_mapping(declared(table, features=["kind"])))
    without, leaves = of_scores(found), found.leaves
    assert leaves is not None
    fitted = leaves.cells.keys["grain"] < REFERENCE
    summed = leaves.cells.losses["chance"][fitted, 3].sum()
    own = [fit.reference for fit in without.of_versions.values()]
    chances = [fit.chance for fit in without.of_versions.values()]
    rows = [each.negatives + each.positives for each in own]
    assert summed == pytest.approx(sum(float(a @ b) for a, b in zip(rows, chances, strict=True)), rel=1e-6)
    assert without.figures([(25, 26)]).shape == (2, 2, 1)  # what is weighted would be one calibrator
