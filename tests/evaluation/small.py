"""Logs of a few rows, told in the test that uses them, and ways to look at what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

import leadline
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.run import evaluate_log
from leadline.spec.load import from_mapping
from leadline.spec.model import PredictionColumns, Spec

Row = Mapping[str, Any]
_TIMES = ("timestamp", "received_at", "observed_at")


def at(text: str) -> datetime:
    """A moment in UTC.

    >>> at("2024-01-01T06").isoformat()
    '2024-01-01T06:00:00+00:00'
    """
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def table(rows: Sequence[Row]) -> pa.Table:
    """Rows as a table; times are written as text in UTC, what a row does not say is null."""
    names = dict.fromkeys(name for row in rows for name in row)
    filled = [{name: _moment(name, row.get(name)) for name in names} for row in rows]
    return pa.Table.from_pylist(filled)


def _moment(name: str, value: Any) -> Any:
    return at(value) if name in _TIMES and isinstance(value, str) else value


def spec(predictions: Any, outcomes: Any = None, **declared: Any) -> Spec:
    """A declaration with nothing guessed: columns called like their part play it, `label` is the outcome.

    predictions, outcomes   rows, or anything else that a source may be
    declared   keys of the declaration, and the parts of `predictions` and `outcomes`
    """
    predictions, outcomes = (_rows(each) for each in (predictions, outcomes))
    named = declared.pop("named", None)
    known = set(getattr(predictions, "column_names", ()) if named is None else named)
    parts = {name: name for name in PredictionColumns.model_fields if name in known}
    mapping: dict[str, Any] = {
        "version": 1,
        "model": "small",
        "task": "binary",
        "metrics": ["accuracy"],
        "predictions": {"source": predictions, "columns": parts | declared.pop("columns", {})},
    }
    for word in ("threshold", "thresholds", "features"):
        if word in declared:
            mapping["predictions"][word] = declared.pop(word)
    labelled = known if outcomes is None else {*getattr(outcomes, "column_names", ()), "label"}
    if "label" in labelled:
        times = {name: name for name in ("observed_at", "received_at") if name in labelled and outcomes is not None}
        times |= {"observed_at": "observed_at"} if "observed_at" in labelled else {}
        mapping["outcomes"] = {"columns": {"value": "label", **times}}
        if outcomes is not None:
            mapping["outcomes"]["source"] = outcomes
    for word in ("matures_after", "absent", "where"):
        if word in declared:
            mapping["outcomes"][word] = declared.pop(word)
    return from_mapping(mapping | declared)


def _rows(source: Any) -> Any:
    return table(source) if isinstance(source, list) else source


def check(predictions: Any, outcomes: Any = None, as_of: str | None = None, **declared: Any) -> leadline.Result:
    return leadline.check(spec(predictions, outcomes, **declared), as_of=None if as_of is None else at(as_of))


def evaluation(predictions: Any, outcomes: Any = None, as_of: str | None = None, **declared: Any) -> Evaluation:
    return evaluate_log(spec(predictions, outcomes, **declared), None if as_of is None else at(as_of))


def found(
    result: leadline.Result, metric: str = "accuracy", where: Row | None = None, version: str | None = None
) -> list[dict[str, Any]]:
    """The figures of labels of a metric of all rows, or of one slice, in the order of their windows."""
    return [
        each
        for each in result.estimates
        if (each["metric"], each["slice"], each["version"], each["estimator"]) == (metric, where, version, None)
    ]


def one(
    result: leadline.Result, metric: str = "accuracy", where: Row | None = None, version: str | None = None
) -> dict[str, Any]:
    """The only estimate of its kind."""
    (each,) = found(result, metric, where, version)
    return each


def days(result: leadline.Result, metric: str = "accuracy", key: str = "value") -> dict[str, Any]:
    """The start of each window → something of its estimate. Midnights in UTC are written as dates."""
    return {each["window_start"].removesuffix("T00:00:00Z"): each[key] for each in found(result, metric)}


def slices(result: leadline.Result, metric: str = "accuracy", key: str = "n") -> dict[tuple[Any, ...], Any]:
    """The values of a slice → something of its estimate."""
    return {
        tuple(each["slice"].values()): each[key]
        for each in result.estimates
        if each["metric"] == metric and each["slice"] is not None
    }


def notes(result: leadline.Result) -> dict[str, str]:
    return {note.code: note.text for note in result.notes}


def row(key: Any, timestamp: str, score: float | None, label: Any = None, **more: Any) -> dict[str, Any]:
    """A prediction with its label."""
    return {"id": key, "timestamp": timestamp, "score": score, "label": label, **more}
