"""`leadline export`, and a check whose objectives stand in OpenSLO documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import BREACHED, DECLARATION, HOLDS
from leadline import spec

FOREIGN = """\
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: latency}
spec:
  service: small
  indicator: {metadata: {name: latency}, spec: {thresholdMetric: {metricSource: {type: Prometheus, spec: {q: x}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{op: lte, value: 1, target: 0.9}]
"""


def pointing(log, name="slos.yaml"):
    """A declaration that reads its objectives from a file beside it."""
    path = log.directory / "other.yaml"
    path.write_text(DECLARATION.replace("objectives:", f"objectives: {{openslo: {name}}}"))
    return str(path)


def test_objectives_are_exported_and_checked_alike(leadline, log):
    declared = log.declare(HOLDS, BREACHED)
    done = leadline("export", "--openslo", declared)
    assert (done.code, done.err) == (0, "")
    assert leadline("export", "--openslo", declared, "--output", str(log.directory / "slos.yaml")).out == ""
    assert (log.directory / "slos.yaml").read_text() == done.out
    other = pointing(log)
    assert spec.load(other).objectives == spec.load(declared).objectives
    results = [json.loads(leadline("check", path, "--format", "json").out) for path in (declared, other)]
    assert results[0] == results[1]


def test_what_is_left_out_is_noted_whatever_is_asked_for(leadline, log):
    text = leadline("export", "--openslo", log.declare(HOLDS)).out
    (log.directory / "slos.yaml").write_text(text + FOREIGN)
    for more in ([], ["--metrics", "recall"], ["--slices", "all"]):
        found = json.loads(leadline("check", pointing(log), "--format", "json", *more).out)
        (told,) = [note["text"] for note in found["notes"] if note["code"] == "openslo_skipped"]
        assert "its metric source is 'Prometheus', not 'leadline': left out." in told
        assert len(found["objectives"]) == 1


def test_an_objective_that_cannot_be_kept_is_told_with_its_line(leadline, log):
    text = leadline("export", "--openslo", log.declare(HOLDS.replace("0.1", "60"))).out
    (log.directory / "slos.yaml").write_text(text)
    done = leadline("check", pointing(log))
    assert done.code == 2
    line = 1 + text.splitlines().index("kind: SLO")
    assert f"slos.yaml:{line - 1}: SLO 'small-recall-28d': objectives[0]: recall is between 0 and 1, not 60" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["export", "leadline.yaml"], "say in which form: --openslo"),
        (["export", "--openslo", "none.yaml"], "there is no such file"),
        (["export", "--openslo", "leadline.yaml", "--output", "none/slos.yaml"], "there is no directory"),
        (["export", "--openslo", "empty.yaml"], "has no objectives to export"),
        (["check", "other.yaml"], "slos.yaml: there is no such file; `leadline export --openslo` writes one"),
    ],
)
def test_what_is_wrong_is_said(leadline, log, monkeypatch, arguments, said):
    monkeypatch.chdir(log.directory)
    Path(log.declare()).rename("empty.yaml")
    log.declare(HOLDS)
    pointing(log)
    done = leadline(*arguments)
    assert done.code == 2
    assert said in done.err


def test_without_a_declaration_it_says_what_to_do(leadline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = leadline("export", "--openslo")
    assert done.code == 2
    assert "there is no leadline.yaml here: name one (leadline export --openslo FILE)" in done.err
