"""Acknowledgements of breaches: which slices they are of, and which of them do nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from leadline.evaluation.looks import Seen
from leadline.report.words import day
from leadline.spec.model import Acknowledged, Acknowledgement, Objective, Spec
from leadline.spec.words import instead
from leadline.values import ALL_ROWS, Note, Slice


def look_of(entry: Acknowledged, spec: Spec, seen: Seen) -> int:
    """The look in which an acknowledgement lies, from 0; below 0 before the first one."""
    return seen.of.calendar.grain.number_of(spec.moment(_when(entry))) - seen.of.begin


def concerns(entry: Acknowledged, where: Slice) -> bool:
    """Whether an acknowledgement is of a slice: one that names no slice is of all rows and all slices.

    >>> concerns(Acknowledgement(at="2026-06-15", slice={"carrier": "DL"}), Slice((("carrier", "DL"),)))
    True
    """
    of = _slice(entry)
    return not of or of == _written(where)


def without_effect(objective: Objective, spec: Spec, seen: Seen | None, slices: Sequence[Slice]) -> Iterator[Note]:
    """A note for each acknowledgement of an objective that changes nothing, or nothing yet.

    seen     the looks of the objective; None where no detector judges it or no look has closed
    slices   for which the objective is judged, all rows among them
    """
    for entry in objective.acknowledged:
        why = _why(entry, spec, seen, slices)
        if why is not None:
            of = "".join(f", {name}={value}" for name, value in _slice(entry).items())
            text = f"The acknowledgement of {_when(entry)} ({objective.figure}{of}) has no effect"
            yield Note("acknowledgement_without_effect", f"{text}{why}.")


def _why(entry: Acknowledged, spec: Spec, seen: Seen | None, slices: Sequence[Slice]) -> str | None:
    if not any(concerns(entry, where) for where in slices):
        names = [", ".join(f"{name}={value}" for name, value in _written(each).items()) for each in slices]
        of = ", ".join(f"{name}={value}" for name, value in _slice(entry).items())
        return f": no slice of the objective is {of}{instead(of, [name for name in names if name])}"
    if seen is None:
        return ": no detector judges the objective, or no look of it has closed yet"
    place, looks = look_of(entry, spec, seen), seen.of.looks
    begin, end = (day(seen.of.calendar.grain.start(seen.of.begin + each), spec.zone) for each in (0, looks))
    if place < 0:
        return f": it lies before the first look, which began on {begin}"
    return f" yet: it lies after the last look, which closed on {end}" if place >= looks else None


def _when(entry: Acknowledged) -> date | datetime:
    return entry.at if isinstance(entry, Acknowledgement) else entry


def _slice(entry: Acknowledged) -> dict[str, str]:
    return {name: str(value) for name, value in entry.slice.items()} if isinstance(entry, Acknowledgement) else {}


def _written(where: Slice) -> dict[str, str]:
    return {name: str(value) for name, value in where.parts} if where != ALL_ROWS else {}
