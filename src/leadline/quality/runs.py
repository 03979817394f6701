"""Sightings of one fault in partitions that follow each other, as episodes that are true from end to end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from leadline.quality.departures import WEEK, departures, in_a_row
from leadline.quality.fault import Episode, Fault
from leadline.quality.history import GAP, Sighting
from leadline.quality.memory import LEAST
from leadline.quality.stretch import column_of, shown
from leadline.quality.summary import Partitions

#: rows after a fault that are too few to say that it is over
FEW = 20


def runs(log: Partitions, found: Sequence[Sighting]) -> Iterator[Episode]:
    """Sightings of one fault, or of one column that is only unusual, in the order of time.

    What an episode says is said of all rows from its first to its last partition: where these do not show the fault
    together, it is told as several. It has ended where partitions after it no longer show it, more than a few in a row
    or up to the end of the log; that they are no longer unusual is not enough, as what lasts becomes usual.
    """
    if found[0].fault.kind == "unusual":
        yield from departures(log, found)
        return
    left = list(found)
    earlier: tuple[int, ...] = ()
    while left:
        first, usual = left[0].partition, tuple(int(each) for each in left[0].usual)
        fault, last = _together(log, left, usual)
        fault, last = _until(log, fault, usual, first, last)
        inside = [each for each in left if each.partition <= last]
        left = left[len(inside) :]
        for places in _before(usual, first, earlier):
            told = over_all(log, fault, places, first, last)
            if told is not None:
                fault, usual = told, places
                break
        ongoing = not _tells(log, fault)[last + 1 :].any()
        yield Episode(fault, first, last, ongoing, earlier, usual=usual, seen=len({each.partition for each in inside}))
        earlier = (*earlier, last)


def _tells(log: Partitions, fault: Fault) -> NDArray[np.bool_]:
    """Which partitions say whether a fault is there; how many rows there are, only those that are over."""
    some = log.rows > 0
    return some if fault.columns or fault.kind == "missing_partition" else some & log.complete


def _before(usual: Sequence[int], first: int, earlier: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The partitions that the figures before are of, what is best first: a stretch of time without a hole.

    A day that only looked unusual belongs to it, an earlier time with the same fault does not if it can be helped.
    """
    if not usual:
        return
    every = tuple(range(usual[0], first))
    hole = next((at for at in range(len(usual) - 1, 0, -1) if usual[at] - usual[at - 1] > 1), 0)
    recent = tuple(usual[hole:]) if usual[-1] == first - 1 and len(usual) - hole >= LEAST else every
    yield from (recent, every) if earlier and earlier[-1] >= usual[0] else (every, recent)


def _together(log: Partitions, found: Sequence[Sighting], usual: Sequence[int]) -> tuple[Fault, int]:
    """The fault of the longest beginning of a run whose partitions show it together, and the last one of these."""
    first = found[0].partition
    for each in reversed(found[1 : in_a_row(found)]):
        fault = over_all(log, found[0].fault, usual, first, each.partition)
        if fault is not None:
            return fault, each.partition
    return over_all(log, found[0].fault, usual, first, first) or found[0].fault, first


def over_all(log: Partitions, fault: Fault, usual: Sequence[int], first: int, last: int) -> Fault | None:
    """The fault as all rows from a first to a last partition show it; None where they do not."""
    places = np.arange(first, last + 1)
    if fault.kind != "missing_partition":
        places = places[log.rows[places] > 0]
    before = np.array(usual, np.int64)
    return shown(log, fault, before[(before < first) & (log.rows[before] > 0)], places)


def _until(log: Partitions, fault: Fault, usual: Sequence[int], first: int, last: int) -> tuple[Fault, int]:
    """The fault, and the last partition that shows it: up to there all together have to."""
    reached = list(_reached(log, fault, usual, last))
    if log.rows[(reached or [last])[-1] + 1 :].sum() < FEW:
        reached.append(len(log) - 1)
    for at in reversed(reached):
        longer = over_all(log, fault, usual, first, at)
        if longer is not None:
            return longer, at
    return fault, last


def _reached(log: Partitions, fault: Fault, usual: Sequence[int], last: int) -> Iterator[int]:
    """Partitions after the last sighting up to which a fault lasts, rising; by the week while it does."""
    places = np.arange(last + 1, len(log))
    if fault.kind != "missing_partition":
        places = places[log.rows[places] > 0]
    at = misses = 0
    while at < len(places) and misses <= GAP:
        week = places[at : at + WEEK]
        if len(week) == WEEK and _lasts(log, fault, usual, week[-1]) and over_all(log, fault, usual, week[0], week[-1]):
            at, misses = at + WEEK, 0
            yield int(week[-1])
            continue
        for place in week:
            shows = _lasts(log, fault, usual, place)
            at, misses = at + 1, 0 if shows else misses + 1
            if shows:
                yield int(place)
            if misses > GAP:
                break


def _lasts(log: Partitions, fault: Fault, usual: Sequence[int], at: int) -> bool:
    """Whether a partition shows the fault; of missing values, whether their share is nearer to it than to the usual."""
    if fault.kind != "null_jump":
        return over_all(log, fault, usual, at, at) is not None
    (figure,) = fault.figures
    if figure.before is None:
        return False
    column = column_of(log, fault.columns[0], fault.slice)
    (past, of), (hits, rows) = figure.before, figure.now
    return bool(column.rows[at]) and column.missing[at] / column.rows[at] >= (past / max(of, 1) + hits / rows) / 2
