"""The short form: frames and a few words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from leadline.spec.fields import Files, Memory
from leadline.spec.frames import spec_of_frames
from leadline.spec.model import Spec
from leadline.values import InputError

N = 50
TIMES = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(N)]
LOG = pa.table(
    {
        "prediction_id": range(N),
        "at": TIMES,
        "score": [n / N for n in range(N)],
        "other": [1 - n / N for n in range(N)],
        "carrier": ["B6", "AA"] * (N // 2),
        "late": [n % 3 == 0 for n in range(N)],
        "came": [time + timedelta(days=1) for time in TIMES],
    }
)


def sample(source: Any) -> pa.Table:
    return LOG if isinstance(source, Files) else source.value


def made(predictions: Any = LOG, outcomes: Any = None, **declared: Any) -> Spec:
    return spec_of_frames(predictions, outcomes, declared, sample)[0]


def test_the_shortest_call() -> None:
    labels = LOG.select(["prediction_id", "late", "came"])
    spec = made(LOG.drop_columns(["late", "came"]), labels)
    assert isinstance(spec.predictions.source, Memory)
    assert spec.label is not None
    assert spec.label.source.value is labels
    assert (spec.label.value, spec.label.observed_at, spec.model) == ("late", "came", "model")


def test_the_call_of_the_issue() -> None:
    labels = LOG.select(["prediction_id", "late"])
    spec = made(LOG.drop_columns(["late"]), labels, task="binary", slices=["carrier"])
    assert [entry.name for entry in spec.slices] == ["carrier"]


def test_what_is_given_is_not_guessed() -> None:
    spec = made(
        label="late",
        score="other",
        observed_at="came",
        timestamp="at",
        version="carrier",
        threshold=0.3,
        matures_after="3d",
        absent=False,
        window="1w",
        model="flights",
    )
    assert spec.predictions.columns.score == "other"
    assert spec.predictions.columns.version == "carrier"
    assert spec.predictions.threshold == 0.3
    assert spec.label is not None
    assert (spec.label.value, spec.label.observed_at, spec.label.absent) == ("late", "came", False)
    assert spec.label.matures_after == timedelta(days=3)
    assert (str(spec.window), spec.model) == ("1w", "flights")


def test_a_path_is_a_source_too() -> None:
    assert str(made("x.parquet", label="late").predictions.source) == "x.parquet"


def test_scores_of_classes_are_enough() -> None:
    table = LOG.drop_columns(["score"]).append_column("kind", pa.array(["a", "b"] * (N // 2)))
    spec = made(table, task="multiclass", label="kind", scores={"a": "other", "b": "other"})
    assert spec.predictions.columns.scores == {"a": "other", "b": "other"}


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ({"slice": ["carrier"]}, "unknown word 'slice'; did you mean 'slices'?"),
        ({"task": "binry"}, "task: 'binry' is not one of binary, multiclass, regression; did you mean 'binary'?"),
        ({"metrics": ["recal"], "label": "late"}, "metrics[0]: 'recal' is not a metric of a binary model"),
    ],
)
def test_errors_are_those_of_a_declaration(declared: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError) as refused:
        made(**declared)
    assert text in str(refused.value)


def test_what_cannot_be_inferred_is_listed_with_what_to_do() -> None:
    with pytest.raises(InputError) as refused:
        made(LOG.select(["carrier"]))
    assert [line.split(":")[0] for line in str(refused.value).splitlines()[1:]] == [
        "- id",
        "- timestamp",
        "- outcomes",
        "- score",
    ]


@pytest.mark.parametrize("source", [5, ["a", "b"], ""])
def test_what_is_no_source_is_refused(source: object) -> None:
    with pytest.raises(InputError, match="predictions: a source is a file, a glob, a directory"):
        made(source)


def test_guesses_are_told() -> None:
    said = spec_of_frames(LOG, None, {"label": "late"}, sample)[1]
    assert "score: `score`, decimals in [0, 1]" in said
    assert "outcome value: `late`, as given" in said
