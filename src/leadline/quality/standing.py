"""What has been wrong in all of the log: a sensor that never worked, rather than one that just broke."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from leadline.quality.fault import Fault
from leadline.quality.faults.null_jump import quoted_name
from leadline.quality.faults.sentinel import GAP, is_sentinel
from leadline.quality.summary import Column, Partitions
from leadline.quality.words import percent, quoted
from leadline.values import ALL_ROWS, Scalar

#: rows that a column needs before something is said of all of them
LEAST_ROWS = 100
#: share of the rows that a sentinel or a broken text needs
LEAST, LEAST_BROKEN = 0.005, 0.001
#: share of the partitions in which it has to be there for it to have been always so
ALWAYS = 0.8


class Standing(Protocol):
    """Names what is wrong with a column in all of the log. Reads only."""

    def __call__(self, column: Column, /) -> Iterator[Fault]: ...


def always_missing(column: Column) -> Iterator[Fault]:
    """No value in any row."""
    if not column.known.any():
        yield Fault(
            "always_missing",
            (column.name,),
            "no value in any row",
            "",
            "Look at whether the column is filled at all, or under another name.",
            1.0,
        )


def always_the_same(column: Column) -> Iterator[Fault]:
    """One value in all rows."""
    known = int(column.known.sum())
    if known < LEAST_ROWS or np.nanmin(column.low) != np.nanmax(column.high):
        return
    value: Scalar = float(np.nanmin(column.low))
    if column.text:
        some = [value for at, value in enumerate(column.values) if column.value_counts[:, at].any()]
        if not column.complete or len(some) != 1:
            return
        value = some[0]
    yield Fault(
        "always_the_same",
        (column.name,),
        f"{quoted(value)} in every row that has a value",
        "",
        "Look at whether the column is wired up: one value tells a model nothing.",
        1.0,
    )


def always_sentinel(column: Column) -> Iterator[Fault]:
    """A value that often stands for a missing one, far from all others or a word of that meaning."""
    known = int(column.known.sum())
    if known < LEAST_ROWS or np.nanmin(column.low) == np.nanmax(column.high):
        return
    found = []
    for at, value in enumerate(column.values):
        rows = int(column.value_counts[:, at].sum())
        often = value != 0 and is_sentinel(value) and rows >= LEAST * known
        if often and _always(column, column.value_counts[:, at]) and (column.text or _far(column, float(value or 0))):
            found.append((rows, value))
    if found:
        rows, value = max(found, key=lambda each: each[0])
        literal = "'" + str(value).replace("'", "''") + "'" if column.text else f"{value:g}"
        yield Fault(
            "always_sentinel",
            (column.name,),
            f"{quoted(value)} in {percent(rows / known)} of the values",
            "",
            "Look at whether the value stands for a missing one; if so, deliver it as NULL.",
            rows / int(column.rows.sum()),
            where=f"{quoted_name(column.name)} = {literal}",
            detail=(value,),
        )


def always_broken(column: Column) -> Iterator[Fault]:
    """Texts with the characters that a wrong encoding leaves behind."""
    known, broken = int(column.known.sum()), int(column.broken.sum())
    if column.text and known >= LEAST_ROWS and broken >= LEAST_BROKEN * known and _always(column, column.broken):
        yield Fault(
            "always_broken",
            (column.name,),
            f"broken characters (such as � or Ã©) in {percent(broken / known)} of the texts",
            "",
            "Look at the encoding in which the text is written and read: UTF-8 read as Latin-1, or the reverse.",
            broken / int(column.rows.sum()),
        )


def _always(column: Column, hits: np.ndarray) -> bool:
    """Whether most partitions with enough rows have some."""
    enough = column.known >= 1 / LEAST
    if not enough.any():
        return bool(hits[: len(hits) // 2].any() and hits[len(hits) // 2 :].any())
    return bool((hits[enough] > 0).mean() >= ALWAYS)


def _far(column: Column, value: float) -> bool:
    """Whether no other value lies near: 15 bins of 5 % away, or on the other side of zero from all."""
    some = column.counts.sum(axis=0) > 0
    inside = (column.ends[0] <= value) & (value <= column.ends[1])
    places, mine = column.bins[some & ~inside], column.bins[some & inside]
    if not len(places) or not len(mine):
        return False
    return bool(np.abs(places - mine[0]).min() > GAP)


#: of each column, what is wrong in all of the log
STANDING: tuple[Standing, ...] = (always_missing, always_the_same, always_sentinel, always_broken)


def standing_faults(log: Partitions) -> tuple[Fault, ...]:
    """What is wrong with columns in all of the log, the first of each column."""
    found = []
    for column in log.columns:
        if column.slice == ALL_ROWS:
            found += next(([*faults] for each in STANDING if (faults := tuple(each(column)))), [])
    return tuple(found)
