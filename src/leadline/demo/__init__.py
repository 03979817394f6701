"""A real log that ships with the package: a year of flights from New York, and what a model said of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from leadline.evaluation.result import Result, check

DECLARATION: Final = Path(__file__).with_name("data") / "leadline.yaml"
#: before the last flights' labels are in, so that there are provisional windows
AS_OF: Final = "2013-12-30"

ABOUT: Final = (
    "All flights from New York's three airports, April to December 2013, scored before departure by a model that was"
    " trained on January to March: will this one arrive more than 15 minutes late? The data is real; nothing is planted."
)
MISSING: Final = (
    "Those are the cancelled and diverted flights. They are not like the others: they cluster on days of storms and of"
    " air traffic stops, and are more frequent among the flights that the model flagged. What the figures say holds for"
    " flights that arrived."
)


def run(progress: Callable[[str], None] | None = None) -> Result:
    """The evaluation of the flights log, as it was known on 30 December 2013."""
    return check(DECLARATION, as_of=AS_OF, progress=progress)
