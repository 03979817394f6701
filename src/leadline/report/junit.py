"""Objectives as JUnit XML, which every CI shows: one test case an objective and slice."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET  # written here, never read

from leadline.report.document import Content, rfc3339
from leadline.report.words import declared, interval, length, printable
from leadline.values import Judgement, Verdict, counted

# What XML 1.0 cannot hold, not even escaped. `printable` has written most of it as text already.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SKIPPED = (Verdict.NO_DATA, Verdict.UNDEFINED)


def junit(content: Content) -> str:
    r"""A breached objective is a failure; one that cannot be judged is skipped, with the reason; all others pass.

    >>> from leadline.report.junit import _text
    >>> _text("a\x00b"), _text("carrier=\ufffe")
    ('a\\x00b', 'carrier=\\ufffe')
    """
    counts: dict[str, Any] = {
        "tests": str(len(content.objectives)),
        "failures": str(sum(each.status is Verdict.BREACHED for each in content.objectives)),
        "errors": "0",
        "skipped": str(sum(each.status in SKIPPED for each in content.objectives)),
    }
    suites = ET.Element("testsuites", name="leadline", **counts)
    suite = ET.SubElement(
        suites, "testsuite", name=_text(content.model), timestamp=rfc3339(content.as_of), time="0", **counts
    )
    for each in content.objectives:
        _case(suite, content, each)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _case(suite: ET.Element, content: Content, each: Judgement) -> None:
    name = f"{each.metric} {declared(each)} over {length(each.window)}, {each.slice}"
    case = ET.SubElement(
        suite, "testcase", classname=_text(f"{content.model}.{each.metric}"), name=_text(name), time="0"
    )
    value, between = interval(each.value, each.low, each.high)
    end = "" if each.window_end is None else f", window until {rfc3339(each.window_end)}"
    said = f"{each.status.value}: {value} {between}".rstrip() + f" of {counted(each.n, 'row')}{end}"
    if each.since is not None:
        said += f", breached since {rfc3339(each.since)}"
    if each.why:
        said += f" ({each.why})"
    if each.status is Verdict.BREACHED:
        failure = ET.SubElement(case, "failure", type="breached", message=_text(said))
        failure.text = _text(f"{name}: {said}")
    elif each.status in SKIPPED:
        ET.SubElement(case, "skipped", message=_text(f"{each.status.value}: {each.why or 'no value'}"))
    else:
        ET.SubElement(case, "system-out").text = _text(said)


def _text(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", printable(text))
