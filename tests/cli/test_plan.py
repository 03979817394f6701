"""`leadline plan` from end to end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import leadline as package
from cli.conftest import BREACHED, HOLDS


def test_it_says_how_long_and_exits_with_0_whatever_is_broken(leadline, log):
    done = leadline("plan", log.declare(HOLDS, BREACHED))
    assert (done.code, done.err) == (0, "")
    assert "How long would it take to find out?" in done.out
    assert "\x1b" not in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_the_json_document_is_as_documented(leadline, log):
    page = (Path(__file__).parents[2] / "docs" / "reference" / "plan.md").read_text()
    parts = {part.partition("\n")[0]: part for part in page.split("\n## ")[1:]}
    keys = {name: set(re.findall(r"^\| `(\w+)`", part, re.MULTILINE)) for name, part in parts.items()}
    found = json.loads(leadline("plan", log.declare(HOLDS, BREACHED), "--format", "json").out)
    drops = [drop for each in found["plans"] for drop in each["drops"]]
    for name, entries in {"plan": [found], "plans": found["plans"], "drops": drops}.items():
        assert entries, name
        assert all(entry.keys() == keys[name] for entry in entries), name
    assert all((drop["days"] is None) == (drop["why"] is not None) for drop in drops)


def test_python_says_the_same(leadline, log):
    path = log.declare(HOLDS, BREACHED)
    plans = package.plan(str(path))
    assert json.loads(plans.to_json()) == json.loads(leadline("plan", path, "--format", "json").out)
    assert len(plans) == len(list(plans)) > 2
    assert repr(plans).startswith(f"<{len(plans)} plans as of 20")


def test_without_objectives_there_is_nothing_to_plan(leadline, log):
    done = leadline("plan", log.declare())
    assert (done.code, "there is nothing to plan for" in done.out) == (0, True)


def test_the_rule_interval_has_no_plan(leadline, log):
    of_interval = HOLDS.replace("28d}", "28d, rule: interval}")
    (each,) = json.loads(leadline("plan", log.declare(of_interval), "-f", "json").out)["plans"]
    assert (each["value"], each["why"]) == (None, "the rule `interval` judges it")
    said = leadline("plan", str(log.directory / "leadline.yaml")).out
    assert "recall ≥ 0.1 over 28 days: the rule `interval` judges it." in said
    assert "a look every" not in said
    assert "Days on average" not in said


def test_what_cannot_be_used_exits_with_2(leadline, tmp_path, monkeypatch):
    assert leadline("plan", "there/is/none.yaml").code == 2
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    done = leadline("plan")
    assert (done.code, "there is no leadline.yaml here" in done.err) == (2, True)
