"""A small result made by hand, with everything that a report has to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leadline.report.document import Content
from leadline.values import (
    ALL_ROWS,
    Estimate,
    Judgement,
    Labels,
    Note,
    Slice,
    Span,
    Status,
    Target,
    Verdict,
    Window,
)

START = datetime(2024, 3, 1, tzinfo=UTC)
LABELS = Labels(1000, 950, 900, 70, 0, 0, 0, 0)

# What a stranger may put into a feature, a model's name or a note (RELIABILITY §5, row 8).
PAYLOADS = (
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "<!-- <iframe src=//evil>",
    "]]><x/>",
    "&lt;script&gt;",
    "&#x3c;b&#x3e;",
    "</svg><foreignObject><body onload=alert(1)>",
    "{{constructor.constructor('alert(1)')()}}",
    "\x00\x08\x1b[2J\x1b]0;title\x07",
    "\u202eevil\u202c\u2066",
    "\ufeff\ufffe\uffff",
    "\ud800",
    "line\nbreak\r\n\u2028 and \u2029",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "a" * 5000,
    "日本語" * 100,
)


def window(day: int, days: int = 1) -> Window:
    return Window(START + timedelta(days=day), START + timedelta(days=day + days))


def estimate(metric: str = "recall", where: Slice = ALL_ROWS, day: int = 0, days: int = 1, **changed: Any) -> Estimate:
    known: dict[str, Any] = {
        "version": None,
        "window": window(day, days),
        "value": 0.7,
        "low": 0.6,
        "high": 0.8,
        "n": 100,
        "labelled": 95,
        "status": Status.REALISED,
        "interval": "wilson",
    }
    return Estimate(metric, where, **(known | changed))


def judgement(status: Verdict = Verdict.HOLDS, where: Slice = ALL_ROWS, **changed: Any) -> Judgement:
    value = {Verdict.BREACHED: (0.4, 0.3, 0.5), Verdict.UNCERTAIN: (0.6, 0.5, 0.7), Verdict.HOLDS: (0.7, 0.6, 0.8)}
    now = value.get(status, (None, None, None))
    known: dict[str, Any] = {
        "metric": "recall",
        "target": Target("at_least", 0.55),
        "window": Span(28, "d"),
        "window_end": START + timedelta(days=28),
        "value": now[0],
        "low": now[1],
        "high": now[2],
        "since": START if status is Verdict.BREACHED else None,
        "n": 500,
        "why": None if now[0] is not None else "no labels",
        "interval": "wilson",
    }
    known |= changed
    return Judgement(slice=where, status=status, **known)


def of(name: str, value: Any) -> Slice:
    return Slice(((name, value),))


@pytest.fixture
def content() -> Callable[..., Content]:
    """Makes a content; all that is not given is small and healthy."""

    def make(
        estimates: Sequence[Estimate] = tuple(estimate(day=day) for day in range(5)),
        objectives: Sequence[Judgement] = (judgement(),),
        **changed: Any,
    ) -> Content:
        known: dict[str, Any] = {
            "model": "flight-delay",
            "task": "binary",
            "zone": "America/New_York",
            "as_of": START + timedelta(days=40),
            "labels": LABELS,
            "notes": (),
            "better": {"recall": "higher", "precision": "higher", "mae": "lower", "share": None},
            "fingerprint": "abc",
        }
        return Content(estimates=estimates, objectives=objectives, **(known | changed))

    return make


@pytest.fixture
def hostile(content: Callable[..., Content]) -> Content:
    """Every payload as a slice's value, a slice's name, a model, a version, a reason and a note."""
    values = [of("carrier", each) for each in PAYLOADS]
    statuses = (Verdict.BREACHED, Verdict.UNCERTAIN, Verdict.NO_DATA, Verdict.HOLDS)
    judged = [
        judgement(statuses[at % 4], where, why=PAYLOADS[at] if at % 4 == 2 else None) for at, where in enumerate(values)
    ]
    estimates = [estimate(day=day) for day in range(28)]
    estimates += [estimate(day=day, version=each) for each in PAYLOADS[:3] for day in range(3)]
    estimates += [estimate("precision", where, 0, 28, value=0.2, low=0.1, high=0.3) for where in values]
    estimates += [estimate("precision", of(each, 1), 0, 28) for each in PAYLOADS]
    estimates += [estimate("precision", ALL_ROWS, 0, 28)]
    return content(
        estimates,
        (judgement(), *judged),
        model=PAYLOADS[0] + PAYLOADS[1],
        notes=tuple(Note("x", each) for each in PAYLOADS),
    )
