"""`leadline backtest` from end to end."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cli.conftest import BREACHED, HOLDS


def test_it_replays_and_exits_with_0_whatever_fired(leadline, log):
    done = leadline("backtest", log.declare(HOLDS, BREACHED))
    assert (done.code, done.err) == (0, "")
    assert "What would have fired?" in done.out
    assert "Who would have cried wolf?" in done.out
    assert "\x1b" not in done.out


def test_json_is_one_document_and_nothing_else(leadline, log):
    path = log.declare(HOLDS, BREACHED)
    found = json.loads(leadline("backtest", path, "--format", "json").out)
    assert found["schema"] == 1
    assert {each["look"] for each in found["objectives"]} == {"7d"}
    early = json.loads(leadline("backtest", path, "--format", "json", "--as-of", "2024-01-20").out)
    assert {each["looks"] for each in early["objectives"]} == {2}


def test_what_cannot_be_used_exits_with_2(leadline, log, tmp_path, monkeypatch):
    done = leadline("backtest", log.declare(HOLDS), "--as-of", "soon")
    assert (done.code, "write a time such as" in done.err) == (2, True)
    assert leadline("backtest", "there/is/none.yaml").code == 2
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    done = leadline("backtest")
    assert (done.code, "there is no leadline.yaml here" in done.err) == (2, True)


def test_the_json_document_is_as_documented(leadline, log):
    page = (Path(__file__).parents[2] / "docs" / "reference" / "backtest.md").read_text()
    parts = {part.partition("\n")[0]: part for part in page.split("\n## ")[1:]}
    keys = {name: set(re.findall(r"^\| `(\w+)`", part, re.MULTILINE)) for name, part in parts.items()}
    found = json.loads(leadline("backtest", log.declare(HOLDS, BREACHED), "--format", "json").out)
    objectives = found["objectives"]
    nested = {
        "backtest": [found],
        "objectives": objectives,
        "breaches": [breach for each in objectives for breach in each["breaches"]],
        "rules": [rule for each in objectives for rule in each["rules"]],
        "alarms": [alarm for each in objectives for rule in each["rules"] for alarm in rule["alarms"]],
    }
    assert keys.keys() == nested.keys()
    for name, entries in nested.items():
        assert entries, name
        assert all(entry.keys() == keys[name] for entry in entries), name
