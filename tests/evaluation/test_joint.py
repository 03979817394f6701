"""Features together, end to end: what each column alone does not show is found, and quiet logs are quiet."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

import leadline
from leadline.evaluation.columns import Columns
from leadline.values import Drift, InputError

DAYS, REFERENCE, A_DAY = 35, 21, 200


def table(turned: bool, days: int = DAYS, seed: int = 1) -> pa.Table:
    """`second` goes with `first`; in the last week against it, if turned. Each alone is always the same."""
    rng = np.random.default_rng(seed)
    count = days * A_DAY
    first, other = rng.normal(size=(2, count))
    late = np.arange(count) >= (days - 7) * A_DAY
    second = np.where(late & turned, -1.0, 1.0) * 0.9 * first + np.sqrt(0.19) * other
    missing = rng.random(count) < 0.05
    at = np.datetime64("2024-01-01", "us") + (np.arange(count) * (86_400_000_000 // A_DAY)).astype("timedelta64[us]")
    return pa.table(
        {
            "id": np.arange(count),
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "first": pa.array(first * 1000 + 5, mask=missing),
            "second": second,
            "third": rng.normal(size=count),
            "same": np.full(count, 7.0),
            "kind": pa.array(rng.choice(["a", "b", "c"], count)),
            "said": rng.random(count) < 0.5,
            "label": rng.random(count) < 0.5,
        }
    )


def declared(rows: pa.Table, **more: Any) -> Mapping[str, Any]:
    return {
        "version": 1,
        "model": "together",
        "task": "binary",
        "predictions": {"source": rows, "columns": {"id": "id", "timestamp": "at", "prediction": "said"}},
        "outcomes": {"columns": {"value": "label"}},
        "timezone": "UTC",
        "window": "1d",
        "metrics": ["accuracy"],
        "reference": {"until": "2024-01-22"},
        "find_slices": False,
        "find_faults": False,
        "multivariate": ["reconstruction", "classifier"],
        "objectives": [{"metric": "accuracy", "at_least": 0.3, "window": "7d"}],
    } | more


def check(rows: pa.Table, **more: Any) -> leadline.Result:
    return leadline.check(declared(rows, **more))


@pytest.fixture(scope="module")
def turned() -> leadline.Result:
    return check(table(True))


@pytest.fixture(scope="module")
def quiet() -> leadline.Result:
    return check(table(False))


def together(result: leadline.Result) -> dict[str, Drift]:
    return {each.column: each for each in result.content.drift if each.role == "together"}


def notes(result: leadline.Result) -> list[str]:
    return [each.text for each in result.content.notes if each.code == "multivariate"]


def test_no_column_alone_drifts_but_they_do_together(turned: leadline.Result) -> None:
    assert {each.column for each in turned.content.drift if each.drifted} == {"numeric features", "features"}
    found = [each for each in turned.findings if each.kind == "drift"]
    reconstruction, classifier = found
    assert reconstruction.since == datetime(2024, 1, 29, tzinfo=UTC)
    assert set(reconstruction.columns[:2]) == {"first", "second"}
    assert "do not go together as they did since 2024-01-29" in reconstruction.what
    assert set(classifier.columns[:2]) == {"first", "second"}
    shown = {each.metric for each in classifier.evidence}
    assert shown >= {"classifier_auc of features", "classifier_importance of kind"}
    assert all(each.effect is None for each in found)


def test_the_table_has_the_error_by_window_and_the_document_the_latest(turned: leadline.Result) -> None:
    rows = [row for row in turned.drift if row["role"] == "together"]
    assert [row["verdict"] for row in rows] == ["not_drifted"] * 7 + ["unclear"] * 7
    assert {row["distance"] for row in rows} == {"reconstruction_change"}
    latest = [row for row in json.loads(turned.to_json())["drift"] if row["role"] == "together"]
    assert [(row["column"], row["distance"]) for row in latest] == [
        ("numeric features", "reconstruction_change"),
        ("features", "classifier_auc"),
    ]


def test_a_quiet_log_is_quiet_and_says_so(quiet: leadline.Result) -> None:
    assert not any(each.drifted for each in together(quiet).values())
    assert [each for each in quiet.findings if each.kind == "drift"] == []
    text = io.StringIO()
    Console(file=text, width=200).print(quiet)
    shown = text.getvalue()
    assert "Numeric features go together as they did" in shown
    assert "A classifier cannot tell the rows of this window from the reference's" in shown
    assert "Numeric features go together as they did" in quiet.to_html()


def test_sums_are_those_of_the_rows(quiet: leadline.Result) -> None:
    columns = quiet.evaluation.columns
    assert isinstance(columns, Columns)
    joint = columns.joint
    assert joint is not None
    assert joint.names == ("first", "second", "third", "same")
    rows = table(False)
    second, third = (np.asarray(rows[name]).reshape(DAYS, A_DAY) for name in ("second", "third"))
    apart = joint.rows.products / A_DAY - joint.rows.sums[:, :, None] * joint.rows.sums[:, None, :] / A_DAY**2
    ours = apart[:, 1, 2] / np.sqrt(apart[:, 1, 1] * apart[:, 2, 2])
    expected = [np.corrcoef(*pair)[0, 1] for pair in zip(second, third, strict=True)]
    np.testing.assert_allclose(ours, expected, atol=0.02)  # numbers are counted in steps
    np.testing.assert_array_equal(joint.rows.rows, A_DAY)
    np.testing.assert_array_equal(joint.reference.sums, joint.rows.sums[:REFERENCE])


def test_a_reference_of_its_own_is_compared_with() -> None:
    early = table(False, REFERENCE)
    late = table(True, 14, seed=2)
    at = np.asarray(late["at"]) + np.timedelta64(30, "D")
    late = late.set_column(1, "at", pa.array(at, pa.timestamp("us", "UTC")))
    found = check(late, reference={"source": early.drop_columns(["label"])}, outcomes={"columns": {"value": "label"}})
    rows = [row["verdict"] for row in found.drift if row["role"] == "together"]
    assert rows == ["not_drifted"] * 7 + ["unclear"] * 7


def test_what_cannot_be_told_says_so() -> None:
    few = table(False).drop_columns(["first", "second"])
    assert notes(check(few, multivariate=["reconstruction"])) == [
        "Fewer than two numeric features vary in the reference: there is nothing to put together."
    ]
    short = check(table(False, days=5), reference={"until": "2024-01-03"})
    assert notes(short) == ["The reference has fewer than four windows: how well rows are put together is not told."]
    without = table(False).drop_columns(["first", "second", "third", "same", "kind"])
    assert len(notes(check(without))) == 2


def test_a_log_without_rows_or_without_later_ones_has_nothing_to_tell() -> None:
    assert together(check(table(False).slice(0, 0))) == {}
    assert together(check(table(False, days=20))) == {}


def test_it_is_not_looked_at_unasked() -> None:
    found = check(table(True), multivariate=[])
    assert together(found) == {}
    assert found.evaluation.joint is None


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"multivariate": ["pca"]}, "multivariate"),
        ({"multivariate": ["classifier", "classifier"]}, "asked for twice"),
        ({"check_columns": False}, "check_columns: false leaves out"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(more: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        check(table(False, days=2), **more)


# Vectors ------------------------------------------------------------------------------------------------------------


def with_vectors(moved: bool, days: int = DAYS) -> pa.Table:
    """Vectors of eight numbers that move in the last week; some are missing, too short, or hold NaN."""
    rng = np.random.default_rng(9)
    rows = table(False, days)
    count = rows.num_rows
    values = rng.normal(size=(count, 8)) + 1
    values[(days - 7) * A_DAY :, 3] += 2.5 * moved
    lists: list[list[float] | None] = values.tolist()
    lists[::40] = [None] * len(lists[::40])
    lists[7::400] = [[1.0, 2.0]] * len(lists[7::400])
    lists[9::400] = [[np.nan] * 8] * len(lists[9::400])
    return rows.append_column("vector", pa.array(lists, pa.list_(pa.float64())))


def test_vectors_that_moved_are_found() -> None:
    found = check(with_vectors(True), multivariate=["embeddings"])
    (each,) = [each for each in found.findings if each.kind == "drift"]
    assert each.columns == ("vector",)
    assert each.since == datetime(2024, 1, 29, tzinfo=UTC)
    assert "The vectors in vector lie elsewhere since 2024-01-29: maximum mean discrepancy" in each.what
    latest = next(one for one in found.content.drift if one.role == "embedding")
    assert {one.name for one in latest.distances} == {"mmd", "norm", "cosine"}
    assert latest.missing == pytest.approx(0.03, abs=0.005)
    by_window = {(row["window_start"], row["verdict"]) for row in found.drift if row["role"] == "embedding"}
    assert sorted(verdict for _, verdict in by_window) == ["not_drifted"] * 7 + ["unclear"] * 7


def test_vectors_that_lie_where_they_lay_are_quiet() -> None:
    found = check(with_vectors(False), multivariate=["embeddings"])
    assert not any(each.drifted for each in found.content.drift if each.role == "embedding")
    assert notes(found) == []


def test_vectors_of_a_reference_of_its_own() -> None:
    early, late = with_vectors(False, REFERENCE), with_vectors(True, 14)
    at = np.asarray(late["at"]) + np.timedelta64(30, "D")
    late = late.set_column(1, "at", pa.array(at, pa.timestamp("us", "UTC")))
    source = early.drop_columns(["label"])
    found = check(late, reference={"source": source}, multivariate=["embeddings"])
    assert [each.drifted for each in found.content.drift if each.role == "embedding"] == [True]
    without = check(late, reference={"source": source.drop_columns(["vector"])}, multivariate=["embeddings"])
    assert [each.role for each in without.content.drift if each.role == "embedding"] == []


@pytest.mark.parametrize("values", [[[1.0, 2.0]], [None], [[]], [[float("nan")]]])
def test_vectors_that_say_nothing_say_so(values: list[Any]) -> None:
    rows = table(False)
    same = pa.array(values * rows.num_rows, pa.list_(pa.float64()))
    found = check(rows.append_column("vector", same), multivariate=["embeddings"])
    assert [each for each in found.content.drift if each.role == "embedding"] == []
    assert len(notes(found)) == 1
    assert "where they lie is not told" in notes(found)[0]


def test_without_vectors_there_is_nothing_to_look_at() -> None:
    assert notes(check(table(False), multivariate=["embeddings"])) == [
        "No feature is a list of numbers: there are no vectors to look at."
    ]
