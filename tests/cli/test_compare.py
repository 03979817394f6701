"""`leadline compare` from end to end."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

from cli.conftest import HOLDS

PERIODS = ("--periods", "2024-01-01..2024-01-20", "2024-01-20..2024-02-10")


def test_it_compares_and_exits_with_0(leadline, log):
    done = leadline("compare", log.declare(HOLDS), *PERIODS)
    assert (done.code, done.err) == (0, "")
    assert "What changed?" in done.out
    assert "\x1b" not in done.out


def test_json_is_as_documented_and_csv_has_a_line_for_each_difference(leadline, log):
    page = (Path(__file__).parents[2] / "docs" / "reference" / "compare.md").read_text()
    parts = {part.partition("\n")[0]: part for part in page.split("\n## ")[1:]}
    keys = {name: set(re.findall(r"^\| `(\w+)`", part, re.MULTILINE)) for name, part in parts.items()}
    found = json.loads(leadline("compare", log.declare(HOLDS), *PERIODS, "--format", "json").out)
    assert found.keys() == keys["compare"]
    assert all(side.keys() == keys["sides"] for side in found["sides"])
    assert found["differences"]
    assert all(each.keys() == keys["differences"] for each in found["differences"])
    table = leadline("compare", log.declare(HOLDS), *PERIODS, "--format", "csv").out
    assert len(list(csv.DictReader(io.StringIO(table)))) == len(found["differences"])


def test_what_cannot_be_used_exits_with_2(leadline, log):
    path = log.declare(HOLDS)
    for asked, says in (
        ((), "say what to compare"),
        (("--by", "carrier", "B6", "DL"), "only versions are compared so"),
        (("--by", "version", "v1", "v2"), "by a column of their own"),
        (("--periods", "yesterday", "today"), "write START..END"),
    ):
        done = leadline("compare", path, *asked)
        assert (done.code, says in done.err) == (2, True), done.err
