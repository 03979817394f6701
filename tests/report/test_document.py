"""The JSON document: the keys and types that are promised, whatever the result holds."""

from __future__ import annotations

import json
import re
from types import NoneType
from typing import Any

from leadline.report.document import document
from leadline.values import Standing, Status, Verdict
from report.conftest import estimate, judgement

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NUMBER = (int, float, NoneType)
ESTIMATE: dict[str, Any] = {
    "metric": str,
    "slice": (dict, NoneType),
    "version": (str, NoneType),
    "window_start": str,
    "window_end": str,
    "value": NUMBER,
    "low": NUMBER,
    "high": NUMBER,
    "n": int,
    "labelled": int,
    "status": str,
    "why": (str, NoneType),
    "interval": (str, NoneType),
    "bound": (int, float),
    "estimator": (str, NoneType),
}
RECORD: dict[str, Any] = {
    "metric": str,
    "slice": (dict, NoneType),
    "version": (str, NoneType),
    "estimator": str,
    "status": str,
    "reference_end": (str, NoneType),
    "reference_value": NUMBER,
    "windows": int,
    "mean_error": NUMBER,
    "constant_error": NUMBER,
    "band": NUMBER,
    "band_windows": int,
    "band_covered": NUMBER,
    "why": (str, NoneType),
}
OBJECTIVE: dict[str, Any] = {
    "metric": str,
    "slice": (dict, NoneType),
    "target": dict,
    "window": str,
    "window_end": (str, NoneType),
    "status": str,
    "value": NUMBER,
    "low": NUMBER,
    "high": NUMBER,
    "since": (str, NoneType),
    "n": int,
    "why": (str, NoneType),
    "interval": (str, NoneType),
    "rule": str,
    "breaches": list,
    "budget_spent": NUMBER,
    "burn_rate": NUMBER,
}
TOP = {"schema", "model", "task", "timezone", "as_of", "fingerprint", "estimates", "objectives", "track_record"}
TOP |= {"changes", "leaf_changes"}
TOP |= {"labels", "notes"}
LABELS = {"predictions", "mature", "labelled", "missing", "repeated", "conflicting", "orphaned", "withdrawn"}


def require(found: dict[str, Any]) -> None:
    """The structure of the contract."""
    assert set(found) >= TOP
    assert found["schema"] == 1
    assert set(found["labels"]) == LABELS
    assert all(type(each) is int for each in found["labels"].values())
    assert all(set(each) == {"code", "text"} for each in found["notes"])
    for kind, keys, statuses in (
        ("estimates", ESTIMATE, Status),
        ("objectives", OBJECTIVE, Verdict),
        ("track_record", RECORD, Standing),
    ):
        for row in found[kind]:
            assert set(row) == set(keys)
            for key, types in keys.items():
                assert isinstance(row[key], types), (key, row[key])
                assert not isinstance(row[key], bool)
            assert row["status"] in set(statuses)
            times = [
                row[key] for key in ("window_start", "window_end", "since", "reference_end") if row.get(key) is not None
            ]
            assert all(TIME.fullmatch(each) for each in times)
            assert row.get("value", 0) is not None or row["why"]


def test_structure(content):
    none = {"value": None, "low": None, "high": None, "interval": None, "why": "no rows"}
    judged = [judgement(each) for each in Verdict]
    require(document(content([estimate(), estimate(day=1, status=Status.UNDEFINED, **none)], judged)))


def test_everything_is_json_and_nothing_nan(hostile):
    text = json.dumps(document(hostile), allow_nan=False)
    require(json.loads(text))
