"""Objectives and estimates as one flat CSV table, for spreadsheets and scripts."""

from __future__ import annotations

import csv as writer
import io
import json
from typing import Any, Final

from leadline.report.document import Content, document

COLUMNS: Final = (
    "kind",
    "metric",
    "slice",
    "version",
    "window",
    "window_start",
    "window_end",
    "at_least",
    "at_most",
    "no_worse_than",
    "by",
    "status",
    "value",
    "low",
    "high",
    "n",
    "labelled",
    "since",
    "interval",
    "bound",
    "estimator",
    "why",
    "rule",
    "budget_spent",
    "burn_rate",
)
#: a spreadsheet takes a cell that begins so for a formula, and runs it
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv(content: Content) -> str:
    """A line a judged objective, then one an estimate; `kind` tells which, and what a kind has not is empty.

    Columns are the keys of the JSON document; `slice` is JSON text and empty for all rows; a target stands in
    `at_least` or `at_most`, and what it was made from in `no_worse_than` and `by`. Numbers keep full precision. Text
    that a spreadsheet would run has a `'` before it.
    """
    found = document(content)
    text = io.StringIO()
    lines = writer.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for each in found["objectives"]:
        lines.writerow(_line({"kind": "objective", **each, **each["target"]}))
    for each in found["estimates"]:
        lines.writerow(_line({"kind": "estimate", **each}))
    return text.getvalue()


def _line(row: dict[str, Any]) -> list[Any]:
    return [cell(row.get(column)) for column in COLUMNS]


def cell(value: object) -> object:
    """A value as a spreadsheet takes it: text that it would run has a `'` before it."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        shown = value.replace("\x00", "")
        return f"'{shown}" if shown.lstrip(" ").startswith(FORMULA) else shown
    return value
