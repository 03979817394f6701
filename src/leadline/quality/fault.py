"""What is found: a fault in a partition, and a fault from its first to its last partition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from leadline.quality.words import listed
from leadline.values import ALL_ROWS, Scalar, Slice


@dataclass(frozen=True, slots=True)
class Figure:
    """A share before and now, to be shown with its interval.

    name     of what: `missing_share`, ...
    before   hits and rows of the partitions before; None where they were not counted
    now      hits and rows
    """

    name: str
    before: tuple[int, int] | None
    now: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Relation:
    """Whether a new value of a column goes along with the same values of other columns as one that vanished.

    first   the partition in which the new one came
    """

    column: str
    old: Scalar
    new: Scalar
    first: int


@dataclass(frozen=True, slots=True)
class Together:
    """Whether columns have no value in the same rows of some partitions, the last one included."""

    columns: tuple[str, ...]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault by its name, as found in one partition.

    kind      its name, that of the function that found it
    columns   what it is about; the first one is named first
    what      how it is now, the beginning of a sentence: "CO is missing in 61 % of the rows"
    before    how it was, the end of that sentence: "before in 2 %, at most in 5 %"
    next      what to look at next, a sentence
    share     of the rows of the partition that it touches, in [0, 1]
    question  what has to be asked of the rows before it can be said; None where nothing
    detail    what tells it from others of its kind and columns
    chance    of what has no name: how likely the partition would look so unusual in some statistic while nothing is
              wrong, in [0, 1]; 0 for what has one
    """

    kind: str
    columns: tuple[str, ...]
    what: str
    before: str
    next: str
    share: float
    figures: tuple[Figure, ...] = ()
    slice: Slice = ALL_ROWS
    where: str | None = None
    question: Relation | Together | None = None
    detail: tuple[Scalar, ...] = ()
    chance: float = 0.0

    @property
    def key(self) -> tuple[str, tuple[str, ...], Slice, tuple[Scalar, ...]]:
        """What makes it the same fault as that of another partition."""
        return self.kind, self.columns, self.slice, self.detail


def subject(fault: Fault) -> str:
    """What it is about, with a colon."""
    names = list(fault.columns[:2] if fault.kind == "swapped_columns" else fault.columns[:1])
    if fault.kind in ("null_join_keys", "null_jump"):
        names = list(fault.columns)
    if not names:
        return ""
    where = f" ({fault.slice})" if fault.slice != ALL_ROWS else ""
    return f"{listed(names, len(names))}{where}: "


@dataclass(frozen=True)
class Episode:
    """A fault from its first to its last partition.

    fault    as it is told: its figures are those of all rows from the first to the last partition
    first, last   the partitions
    ongoing  whether it is there at the end of the log
    earlier  the last partition of each time that it was there before
    group    sightings that go together begin with the same (partition, group); None where it goes with no other
    parts    the episodes that it is made of, to be told instead where it turns out to be none
    since    when it began, where that is known more exactly than by the first partition
    usual    the partitions that it was compared with, and whose figures are those before; none where these are of all
    rows     rows that it touches from then on, where they were counted one by one
    seen     partitions in which it was seen; in those between it may have been too weak for that
    """

    fault: Fault
    first: int
    last: int
    ongoing: bool
    earlier: tuple[int, ...] = ()
    group: tuple[int, int] | None = None
    parts: tuple[Episode, ...] = ()
    since: datetime | None = None
    usual: tuple[int, ...] = ()
    rows: int | None = None
    seen: int = 1
