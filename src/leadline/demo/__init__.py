"""A real log that ships with the package: a year of flights from New York, and what a model said of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from leadline.evaluation.judging import Judging
from leadline.evaluation.planning import plans
from leadline.evaluation.result import check
from leadline.report.document import Content
from leadline.values import Note, Plan

DECLARATION: Final = Path(__file__).with_name("data") / "leadline.yaml"
#: before the last flights' labels are in, so that there are provisional windows
AS_OF: Final = "2013-12-30"

ABOUT: Final = (
    "All flights from New York's three airports, April to December 2013, scored before departure by a model that was"
    " trained on January to March: will this one arrive more than 15 minutes late? The data is real, nothing is planted"
    " in it."
)
MISSING: Final = (
    "Flights without a label were cancelled or diverted. They are not like the others: they cluster on days of storms,"
    " and there are more of them among the flights that the model flagged. The figures speak of flights that arrived."
)


@dataclass(frozen=True)
class Shown:
    """What the demo shows: the evaluation, and how long it would take to find out more."""

    content: Content
    plans: tuple[Plan, ...]


def run(progress: Callable[[str], None] | None = None) -> Shown:
    """The evaluation of the flights log as known on 30 December 2013, with what a reader cannot know of its data."""
    found = check(DECLARATION, as_of=AS_OF, progress=progress)
    content = replace(found.content, notes=(Note("missing_flights", MISSING), *found.content.notes))
    return Shown(content, plans(Judging(found.evaluation)).content.plans)
