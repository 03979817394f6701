"""Values of a column that come up or are gone: told from all partitions, as a single one has few rows of each value."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from leadline.quality.comparison import CHANCE
from leadline.quality.fault import Episode, Fault, Figure
from leadline.quality.faults.null_jump import quoted_name
from leadline.quality.faults.sentinel import is_sentinel
from leadline.quality.grid import Ints
from leadline.quality.summary import Column, Partitions
from leadline.quality.words import percent, quoted
from leadline.values import ALL_ROWS, Scalar

#: the share of rows that a value needs to be told of, and how many rows of it there are
LEAST, LEAST_ROWS = 0.01, 10
#: a value is new, or gone, where the time without it is so many times as long as any other one, in rows of it
LONGER = 3.0
#: partitions with rows that there have to be before it came, or after it was gone
LEAST_BEFORE, LEAST_AFTER = 7, 1


def new_category(log: Partitions) -> Iterator[Episode]:
    """A value of which there was no row for so long that it is no accident, given how frequent it has been since."""
    for column in _categories(log):
        for at, value in enumerate(column.values):
            first = _came(column, at)
            if first is not None and not is_sentinel(value):
                yield _new(column, at, value, first)


def vanished_category(log: Partitions) -> Iterator[Episode]:
    """A value of which there has been no row for so long that it is no accident, given how frequent it was."""
    for column in _categories(log):
        turned = column.at(slice(None, None, -1))
        for at, value in enumerate(column.values):
            last = _came(turned, at, LEAST_AFTER)
            if last is not None:
                yield _gone(log, column, at, value, len(log) - last)


def _categories(log: Partitions) -> Iterator[Column]:
    return (each for each in log.columns if each.complete and each.text and each.slice == ALL_ROWS)


def _came(column: Column, at: int, least: int = LEAST_BEFORE) -> int | None:
    """The partition in which a value came up, where it is new; else None."""
    counts, known = column.value_counts[:, at], column.known
    some = np.flatnonzero(counts)
    if not len(some) or counts.sum() < LEAST_ROWS:
        return None
    first = int(some[0])
    if (known[:first] > 0).sum() < least:
        return None
    rows = int(known[first:].sum())
    share = (int(counts.sum()) - 1) / rows  # the first one is there because we look at where it came
    without = share * int(known[:first].sum())
    if (
        share < LEAST
        or without < -math.log(CHANCE)
        or without < LONGER * share * _longest(counts[first:], known[first:])
    ):
        return None
    return first


def _longest(counts: Ints, known: Ints) -> int:
    """The most rows in a run of partitions without the value."""
    longest = run = 0
    for n, rows in zip(counts, known, strict=True):
        run = 0 if n else run + int(rows)
        longest = max(longest, run)
    return longest


def _new(column: Column, at: int, value: Scalar, first: int) -> Episode:
    now = int(column.value_counts[first:, at].sum()), int(column.known[first:].sum())
    fault = Fault(
        "new_category",
        (column.name,),
        f"{quoted(value)} in {percent(now[0] / now[1])} of the rows",
        "never before",
        "Look at where the new value comes from, and whether the model was trained on it.",
        now[0] / max(int(column.rows[first:].sum()), 1),
        (Figure("category_share", (0, int(column.known[:first].sum())), now),),
        where=_where(column.name, value),
        detail=(value,),
    )
    last = int(np.flatnonzero(column.value_counts[:, at])[-1])
    return Episode(fault, first, last, not _went(column, at))


def _went(column: Column, at: int) -> bool:
    """Whether the value is gone again."""
    return _came(column.at(slice(None, None, -1)), at, LEAST_AFTER) is not None


def _gone(log: Partitions, column: Column, at: int, value: Scalar, first: int) -> Episode:
    begin = int(np.flatnonzero(column.value_counts[:, at])[0])
    past = int(column.value_counts[:first, at].sum()), int(column.known[begin:first].sum())
    fault = Fault(
        "vanished_category",
        (column.name,),
        f"{quoted(value)} in no row",
        f"before in {percent(past[0] / past[1])}",
        "Look at whether the value has another name now, or whether its rows are left out.",
        past[0] / past[1],
        (Figure("category_share", past, (0, int(column.known[first:].sum()))),),
        where=_where(column.name, value),
        detail=(value,),
    )
    return Episode(fault, first, len(log) - 1, ongoing=True)


def _where(name: str, value: Scalar) -> str:
    literal = "'" + str(value).replace("'", "''") + "'"
    return f"{quoted_name(name)} = {literal}"
