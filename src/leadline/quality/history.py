"""Partition by partition: what is usual, what is not, and what it is called.

Each partition is judged by those before it in which the column was in order; one with a fault does not become part of
what is usual. A fault that lasts for 14 partitions does: the column is from then on judged by what it has become.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leadline.quality.comparison import Comparison, Key, Pair
from leadline.quality.fault import Fault
from leadline.quality.faults import BESIDE, FAULTS, OF_LOG
from leadline.quality.faults.null_jump import LEAST_RISE_OF_SLICE
from leadline.quality.grid import Ints
from leadline.quality.rules import ALPHA, OVER, Unusual, clusters, unusual
from leadline.quality.statistics import Watched, watched
from leadline.quality.summary import Column, Partitions, log_at
from leadline.quality.words import number, percent
from leadline.values import ALL_ROWS

#: partitions that are looked back to: eight weeks of days
BACK = 56
#: partitions that have to be known of a column before the next one is judged
LEAST = 7
#: partitions after which what was a fault is how things are
LASTING = 14
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


@dataclass
class _Memory:
    """Which partitions of each of several columns are taken for usual: changed as the fold goes on."""

    usual: NDArray[np.bool_]  # (P, columns)
    begin: NDArray[np.int64]  # (columns,): nothing before is looked at
    broken: NDArray[np.int64]  # (columns,): partitions with a fault in a row

    @classmethod
    def of(cls, partitions: int, columns: int) -> _Memory:
        return cls(np.zeros((partitions, columns), bool), np.zeros(columns, np.int64), np.zeros(columns, np.int64))

    def before(self, now: int, column: int) -> NDArray[np.int64]:
        """The last partitions that are usual for a column."""
        begin = max(int(self.begin[column]), now - BACK)
        return begin + np.flatnonzero(self.usual[begin:now, column])

    def learn(self, now: int, column: int, fault: bool) -> None:
        if not fault:
            self.usual[now, column], self.broken[column] = True, 0
            return
        self.broken[column] += 1
        if self.broken[column] == LASTING:
            self.begin[column] = now - LASTING + 1
            self.usual[now - LASTING + 1 : now + 1, column] = True
            self.broken[column] = 0


def sightings(log: Partitions, alpha: float = ALPHA) -> tuple[Sighting, ...]:
    """The faults of all partitions, in the order of time.

    alpha   chance of any false alarm in a partition that is left to the rules learnt from history
    """
    whole = [column for column in log.columns if column.slice == ALL_ROWS]
    of = watched(whole)
    memory, log_memory = _Memory.of(len(log), len(log.columns)), _Memory.of(len(log), 1)
    place = {id(column): at for at, column in enumerate(log.columns)}
    mine = np.array([place[id(whole[column])] for column in of.columns], np.int64)
    deviations = np.full((len(log), len(of)), np.nan)
    level = alpha / max(len(of), 1)
    found: list[Sighting] = []
    told: dict[str, tuple[int, Fault]] = {}  # by column the last fault of its values that has a name
    for now in range(len(log)):
        of_log = _log_faults(log, now, log_memory, level)
        found += [Sighting(now, fault) for fault in of_log]
        if not log.rows[now]:
            log_memory.learn(now, 0, False)
            continue
        pairs = _pairs(log, now, memory)
        if not pairs:
            _learn_all(log, now, memory, set())
            log_memory.learn(now, 0, bool(of_log))
            continue
        before = log_at(log, log_memory.before(now, 0))
        compared = Comparison(pairs, before, log_at(log, [now]), level, _slices(log, now) if _sliced(pairs) else {})
        named = _named(compared)
        found += [Sighting(now, fault, usual=_usual(pairs, fault)) for fault in named]
        rules = unusual(of, now, _history(now, memory, mine), log.season)
        deviations[now] = rules.t
        alarms = rules.alarms(alpha)
        left = _unexplained(of, alarms, whole, named)
        going_on = _going_on({whole[column].name for column in of.columns[left]}, told, now)
        found += [Sighting(now, fault, usual=_usual(pairs, fault)) for fault in going_on]
        left = _unexplained(of, alarms, whole, [*named, *going_on])
        told |= {
            name: (now, fault) for fault in (*named, *going_on) for name in fault.columns if not _of_missing(fault)
        }
        found += _grouped(of, rules, left, whole, deviations[max(0, now - OVER + 1) : now + 1], now)
        broken = {(name, fault.slice) for fault in (*named, *going_on) for name in fault.columns}
        broken |= {(whole[column].name, ALL_ROWS) for column in of.columns[left]}
        _learn_all(log, now, memory, broken)
        log_memory.learn(now, 0, bool(of_log) or any(not fault.columns for fault in named))
    return tuple(found)


def _usual(pairs: Mapping[Key, Pair], fault: Fault) -> Ints:
    of = [pair.places for name in fault.columns if (pair := pairs.get((name, fault.slice))) is not None]
    return of[0] if of else np.zeros(0, np.int64)


def _going_on(alarmed: set[str], told: Mapping[str, tuple[int, Fault]], now: int) -> list[Fault]:
    """Faults with a name of columns that still look unusual, though not so plainly that they are named again."""
    faults = [told[name][1] for name in sorted(alarmed) if name in told and now - told[name][0] <= GAP]
    return list(dict.fromkeys(faults))


def _of_missing(fault: Fault) -> bool:
    return fault.kind == "null_jump"


def _sliced(pairs: Mapping[Key, Pair]) -> bool:
    return any(where != ALL_ROWS for _, where in pairs)


def _log_faults(log: Partitions, now: int, memory: _Memory, level: float) -> list[Fault]:
    before = memory.before(now, 0)
    if len(before) < LEAST or not log.complete[now]:
        return []
    compared = Comparison({}, log_at(log, before), log_at(log, [now]), level)
    for each in OF_LOG:
        of_kind = list(each(compared))
        if of_kind:
            return of_kind
    return []


def _pairs(log: Partitions, now: int, memory: _Memory) -> dict[Key, Pair]:
    """Columns of which enough partitions are known, with those; of slices those that miss more values than before."""
    pairs: dict[Key, Pair] = {}
    for at, column in enumerate(log.columns):
        if not column.rows[now] or (column.slice != ALL_ROWS and not _misses_more(column, now, memory, at)):
            continue
        before = memory.before(now, at)
        before = before[column.rows[before] > 0]
        if len(before) >= LEAST:
            pairs[column.name, column.slice] = Pair(column, before, now, log.season)
    return pairs


def _misses_more(column: Column, now: int, memory: _Memory, at: int) -> bool:
    """A quick look at a slice, of which there are many."""
    share = column.missing[now] / column.rows[now]
    if share < LEAST_RISE_OF_SLICE:
        return False
    before = memory.before(now, at)
    return bool(share - column.missing[before].sum() / max(int(column.rows[before].sum()), 1) >= LEAST_RISE_OF_SLICE)


def _slices(log: Partitions, now: int) -> dict[tuple[str, str], int]:
    """By column and entry how many slices have rows."""
    counted = Counter(
        (column.name, column.slice.parts[0][0])
        for column in log.columns
        if column.slice != ALL_ROWS and column.rows[now]
    )
    return dict(counted)


def _named(compared: Comparison) -> list[Fault]:
    named: list[Fault] = []
    for each in FAULTS:
        of_kind = list(each(compared))
        named += of_kind
        if each not in BESIDE:
            compared = compared.explaining(frozenset(name for fault in of_kind for name in fault.columns))
    return named


def _history(now: int, memory: _Memory, mine: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the partitions just before are usual, for each statistic; shape (H, M)."""
    first = max(0, now - BACK)
    usual = memory.usual[first:now] & (np.arange(first, now)[:, None] >= memory.begin)
    enough = usual.sum(axis=0) >= LEAST
    return np.asarray((usual & enough)[:, mine], bool)


def _unexplained(
    of: Watched, alarms: NDArray[np.int64], whole: Sequence[Column], named: Sequence[Fault]
) -> NDArray[np.int64]:
    """The alarms of columns and aspects that no named fault tells of."""
    values = {name for fault in named if not _of_missing(fault) for name in fault.columns}
    missing = {name for fault in named for name in fault.columns}
    left = [
        place
        for place in alarms
        if whole[of.columns[place]].name not in (missing if of.statistics[place].name == "missing_share" else values)
    ]
    return np.array(left, np.int64)


def _grouped(
    of: Watched,
    rules: Unusual,
    alarms: NDArray[np.int64],
    whole: Sequence[Column],
    deviations: NDArray[np.float64],
    now: int,
) -> list[Sighting]:
    if not len(alarms):
        return []
    found = []
    names = [statistic.name for statistic in of.statistics]
    for number_, group in enumerate(clusters(alarms, of.columns, names, deviations)):
        strongest: dict[int, int] = {}
        for at in sorted(group, key=lambda at: -abs(rules.t[at])):
            strongest.setdefault(int(of.columns[at]), at)
        found += [Sighting(now, _fault(of, rules, at, whole, now), number_) for at in strongest.values()]
    return found


def _fault(of: Watched, rules: Unusual, at: int, whole: Sequence[Column], now: int) -> Fault:
    statistic, value = of.statistics[at], float(of.value[now, at])
    low, high = rules.expected[at] - 4 * rules.spread[at], rules.expected[at] + 4 * rules.spread[at]
    if statistic.name == "level":  # a mean does not lie beyond all values that there have been
        column = whole[int(of.columns[at])]
        low, high = max(low, np.nanmin(column.low)), min(high, np.nanmax(column.high))
    ends = [value, float(low), float(high)]
    if of.n[now, at] > 0:
        shown = [percent(min(max(each, 0.0), 1.0)) for each in ends]
    else:
        shown = [number(float(np.exp(each)) if statistic.name == "spread" else each) for each in ends]
    return Fault(
        "unusual",
        (whole[int(of.columns[at])].name,),
        f"{statistic.words} is {shown[0]}",
        f"usually {shown[1]} to {shown[2]}",
        "Look at what changed in the source of the column at that time; it may also be that the world has changed.",
        1.0,
        detail=(statistic.name,),
    )


def _learn_all(log: Partitions, now: int, memory: _Memory, broken: set[Key]) -> None:
    for at, column in enumerate(log.columns):
        if column.rows[now]:
            memory.learn(now, at, (column.name, column.slice) in broken)
