"""CSV: flat, complete, and nothing that a spreadsheet runs."""

from __future__ import annotations

import csv as reader
import io
import json

import pytest

from leadline.report.csv import COLUMNS, FORMULA, csv
from leadline.values import Verdict
from report.conftest import PAYLOADS, estimate, judgement, of


def rows(content):
    return list(reader.DictReader(io.StringIO(csv(content), newline="")))


def test_a_line_each(content):
    found = rows(content())
    assert [each["kind"] for each in found] == ["objective", *["estimate"] * 5]
    assert tuple(found[0]) == COLUMNS
    assert found[0]["at_least"] == "0.55"
    assert found[1]["window_start"] == "2024-03-01T00:00:00Z"


def test_numbers_stay_numbers(content):
    found = rows(content([estimate(value=-0.25, low=-0.5, high=1e-300)], ()))[0]
    assert (found["value"], found["low"], float(found["high"])) == ("-0.25", "-0.5", 1e-300)


def test_no_value_is_empty(content):
    found = rows(content((), [judgement(Verdict.NO_DATA)]))[0]
    assert (found["value"], found["low"], found["why"]) == ("", "", "no labels")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_begins_like_a_formula(content, payload):
    text = payload.encode("utf-8", "replace").decode()
    found = rows(content([estimate(where=of(text, text), version=text)], [judgement(Verdict.NO_DATA, why=text)]))
    for row in found:
        for name, cell in row.items():
            if name not in ("value", "low", "high", "n", "labelled", "at_least", "at_most", "bound"):
                assert not cell.strip(" ").startswith(FORMULA), (name, cell)
    assert json.loads(found[1]["slice"]) == {text.replace("\x00", "\x00"): text}
