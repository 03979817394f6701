"""JUnit: well-formed whatever the names are, and a verdict is what CI makes of it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from leadline.report.junit import junit
from leadline.values import Verdict
from report.conftest import judgement, of


def test_verdicts(content):
    judged = [judgement(each, of("status", each.value)) for each in Verdict]
    suite = ET.fromstring(junit(content(objectives=judged))).find("testsuite")  # noqa: S314  # our own
    assert suite is not None
    cases = {str(case.get("name")).partition("status=")[2]: [part.tag for part in case] for case in suite}
    assert cases == {
        "holds": ["system-out"],
        "at_risk": ["system-out"],
        "uncertain": ["system-out"],
        "breached": ["failure"],
        "no_data": ["skipped"],
        "undefined": ["skipped"],
    }
    assert [suite.get(each) for each in ("tests", "failures", "errors", "skipped")] == ["6", "1", "0", "2"]


def test_a_failure_tells_numbers_and_since(content):
    failure = ET.fromstring(junit(content(objectives=[judgement(Verdict.BREACHED)]))).find(".//failure")  # noqa: S314  # our own
    assert failure is not None
    for part in ("0.400 [0.300–0.500]", "500 rows", "since 2024-03-01T00:00:00Z"):
        assert part in str(failure.get("message"))


def test_hostile_names_are_well_formed(hostile):
    text = junit(hostile)
    root = ET.fromstring(text.encode("utf-8"))  # noqa: S314  # our own
    assert len(root.findall(".//testcase")) == len(hostile.objectives)
    assert {element.tag for element in root.iter()} == {
        "testsuites",
        "testsuite",
        "testcase",
        "failure",
        "skipped",
        "system-out",
    }
