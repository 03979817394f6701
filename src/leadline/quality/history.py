"""Partition by partition: what is usual, what is not, and what it is called.

Each partition is judged by those before it in which the column was in order; one with a fault does not become part of
what is usual. A fault that lasts for 14 partitions does: the column is from then on judged by what it has become. So
does the fourth fault in eight weeks: that is how the column is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from leadline.quality.comparison import Comparison, Key, Pair
from leadline.quality.fault import Fault
from leadline.quality.faults import BESIDE, FAULTS, OF_LOG
from leadline.quality.faults.null_jump import LEAST_RISE_OF_SLICE
from leadline.quality.grid import Ints
from leadline.quality.memory import LEAST, Memory
from leadline.quality.rules import ALPHA, OVER, Unusual, clusters, unusual
from leadline.quality.statistics import Watched, watched
from leadline.quality.stretch import shown
from leadline.quality.summary import Column, Partitions, log_at, shares
from leadline.stats.arrays import Floats
from leadline.values import ALL_ROWS

#: partitions without a sighting that do not end a fault: a weekend and a day
GAP = 3


@dataclass(frozen=True, slots=True)
class Sighting:
    """A fault in a partition.

    partition   its number
    group       the same for sightings of one partition that go together; None where it goes with no other
    usual       the partitions with which its column was compared
    """

    partition: int
    fault: Fault
    group: int | None = None
    usual: Ints = field(default_factory=lambda: np.zeros(0, np.int64), compare=False)


@dataclass(frozen=True)
class _Looked:
    """A log as it is gone through.

    whole    the columns of all rows
    of       their statistics
    owner    shape (M,), the place in `log.columns` of the column of each statistic
    place    of each column and slice in `log.columns`
    missing  shape (P, columns), share of missing values, NaN without rows
    level    the chance that is left to one statistic to look unusual by accident
    alpha    the same for all of them in a partition
    """

    log: Partitions
    whole: tuple[Column, ...]
    of: Watched
    owner: Ints
    place: Mapping[Key, int]
    missing: Floats
    level: float
    alpha: float


def sightings(log: Partitions, closely: int = 0, alpha: float = ALPHA) -> tuple[Sighting, ...]:
    """The faults of all partitions, in the order of time.

    closely  the first partition of which all columns are looked at that may have changed at all; before it, to save
             time, only those that the rules call unusual
    alpha    chance of any false alarm in a partition that is left to the rules learnt from history
    """
    looked = _looked(log, alpha)
    memory, log_memory = Memory.of(len(log), len(log.columns)), Memory.of(len(log), 1)
    deviations = np.full((len(log), len(looked.of)), np.nan)
    present = np.stack([column.rows > 0 for column in log.columns], axis=1) if log.columns else np.zeros((len(log), 0))
    found: list[Sighting] = []
    told: dict[str, Sighting] = {}  # by column the last fault of its values that has a name
    for now in range(len(log)):
        usual = log_memory.before(now, 0)
        before = log_at(log, usual)
        of_log = _log_faults(looked, now, before)
        mine = [Sighting(now, fault, usual=usual) for fault in of_log]
        if log.rows[now]:
            rules = unusual(looked.of, now, memory.looked_back(now)[:, looked.owner], log.season)
            deviations[now] = rules.t
            recent = deviations[max(0, now - OVER + 1) : now + 1]
            mine += _of_columns(looked, now, memory, before, rules, recent, told, now >= closely)
        told |= {name: each for each in mine for name in each.fault.columns if _of_values(each.fault)}
        faulty = {looked.place[name, each.fault.slice] for each in mine for name in each.fault.columns}
        memory.learn(now, present[now].astype(bool), faulty)
        whole = any(not each.fault.columns and each.fault.kind != "missing_partition" for each in mine)
        log_memory.learn(now, np.ones(1, bool), [0] if whole else [])
        found += mine
    return tuple(found)


def _looked(log: Partitions, alpha: float) -> _Looked:
    whole = tuple(column for column in log.columns if column.slice == ALL_ROWS)
    place = {(column.name, column.slice): at for at, column in enumerate(log.columns)}
    of = watched(whole)
    owner = np.array([place[whole[column].name, ALL_ROWS] for column in of.columns], np.int64)
    missing = [shares(column.missing, column.rows) for column in log.columns]
    share = np.stack(missing, axis=1) if missing else np.zeros((len(log), 0))
    return _Looked(log, whole, of, owner, place, share, alpha / max(len(of), 1), alpha)


def _log_faults(looked: _Looked, now: int, before: Partitions) -> list[Fault]:
    """The first fault of the log as a whole that has a name."""
    if len(before) < LEAST or not looked.log.complete[now] or looked.log.closed[now]:
        return []
    compared = Comparison({}, before, log_at(looked.log, [now]), looked.level)
    return next((found for each in OF_LOG if (found := list(each(compared)))), [])


def _of_columns(
    looked: _Looked,
    now: int,
    memory: Memory,
    before: Partitions,
    rules: Unusual,
    recent: Floats,
    told: Mapping[str, Sighting],
    closely: bool,
) -> list[Sighting]:
    """The faults of columns: those with a name, those that go on, and what is only unusual."""
    alarms = rules.alarms(looked.alpha)
    if not closely and not len(alarms):
        return []
    pairs = _pairs(looked, now, memory)
    alarmed = _names(looked, alarms)
    sliced = any(where != ALL_ROWS for _, where in pairs)
    slices = _slices(looked.log, now) if sliced else {}
    compared = Comparison(
        pairs, before, log_at(looked.log, [now]), looked.level, slices, suspects=None if closely else frozenset(alarmed)
    )
    named = named_faults(compared)
    left = _unexplained(looked, alarms, named)
    going_on = list(_going_on(looked.log, _names(looked, left), told, now))
    left = _unexplained(looked, alarms, [*named, *(each.fault for each in going_on)])
    found = [Sighting(now, fault, usual=_usual(pairs, fault)) for fault in named]
    return [*found, *going_on, *_grouped(looked, memory, rules, left, recent, now)]


def _pairs(looked: _Looked, now: int, memory: Memory) -> dict[Key, Pair]:
    """Columns of which enough partitions are known, with those; of slices those that miss many values."""
    pairs: dict[Key, Pair] = {}
    many = looked.missing[now] >= LEAST_RISE_OF_SLICE
    for at, column in enumerate(looked.log.columns):
        if column.rows[now] and (column.slice == ALL_ROWS or many[at]):
            before = memory.before(now, at)
            before = before[column.rows[before] > 0]
            if len(before) >= LEAST:
                pairs[column.name, column.slice] = Pair(column, before, now, looked.log.season)
    return pairs


def _slices(log: Partitions, now: int) -> dict[tuple[str, str], int]:
    """By column and entry how many slices have rows."""
    return dict(
        Counter(
            (column.name, column.slice.parts[0][0])
            for column in log.columns
            if column.slice != ALL_ROWS and column.rows[now]
        )
    )


def named_faults(compared: Comparison) -> list[Fault]:
    """The faults of columns that have a name, each column's by the first that explains it."""
    named: list[Fault] = []
    for each in FAULTS:
        of_kind = list(each(compared))
        named += of_kind
        if of_kind and each not in BESIDE:
            compared = compared.explaining(frozenset(name for fault in of_kind for name in fault.columns))
    return named


def _names(looked: _Looked, alarms: Ints) -> set[str]:
    """The columns of statistics."""
    return {looked.whole[column].name for column in looked.of.columns[alarms]}


def _going_on(log: Partitions, alarmed: Iterable[str], told: Mapping[str, Sighting], now: int) -> Iterator[Sighting]:
    """Faults with a name of columns that still look unusual, and that show them still, though not so plainly."""
    last = [told[name] for name in sorted(alarmed) if name in told and now - told[name].partition <= GAP]
    for each in dict.fromkeys(last):
        fault = shown(log, each.fault, each.usual, np.array([now]))
        if fault is not None:
            yield Sighting(now, fault, usual=each.usual)


def _of_values(fault: Fault) -> bool:
    """Whether it has a name, and is about the values that are there."""
    return fault.kind not in ("null_jump", "unusual")


def _usual(pairs: Mapping[Key, Pair], fault: Fault) -> Ints:
    of = [pair.places for name in fault.columns if (pair := pairs.get((name, fault.slice))) is not None]
    return of[0] if of else np.zeros(0, np.int64)


def _unexplained(looked: _Looked, alarms: Ints, named: Sequence[Fault]) -> Ints:
    """The alarms of columns and aspects that no named fault tells of."""
    values = {name for fault in named if _of_values(fault) for name in fault.columns}
    missing = {name for fault in named for name in fault.columns}
    left = []
    for at in alarms:
        name = looked.whole[looked.of.columns[at]].name
        if name not in (missing if looked.of.statistics[at].name == "missing_share" else values):
            left.append(at)
    return np.array(left, np.int64)


def _grouped(looked: _Looked, memory: Memory, rules: Unusual, alarms: Ints, recent: Floats, now: int) -> list[Sighting]:
    """One sighting for each column that is only unusual, with those that go together in one group."""
    if not len(alarms):
        return []
    found, of = [], looked.of
    names = [statistic.name for statistic in of.statistics]
    for group, places in enumerate(clusters(alarms, of.columns, names, recent)):
        strongest: dict[int, int] = {}
        for at in sorted(places, key=lambda at: -abs(rules.t[at])):
            strongest.setdefault(int(of.columns[at]), at)
        for at in strongest.values():
            usual = memory.before(now, int(looked.owner[at]))
            found.append(Sighting(now, _unusual(looked, rules, at), group, usual))
    return found


def _unusual(looked: _Looked, rules: Unusual, at: int) -> Fault:
    """By name only: it is told once it is known how long it lasts (`departures`)."""
    statistic = looked.of.statistics[at]
    return Fault(
        "unusual",
        (looked.whole[int(looked.of.columns[at])].name,),
        statistic.words,
        "",
        "Look at what changed in the source of the column at that time; it may also be that the world has changed.",
        1.0,
        detail=(statistic.name, "above" if rules.t[at] > 0 else "below"),
        chance=min(float(rules.p[at]) * len(rules.p), 1.0),
    )
