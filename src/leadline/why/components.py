"""What went wrong with the components of a pipeline: runs that failed, were late or long, inputs that were stale.

What is declared (how often a component runs, how old its inputs may be) is compared with; where nothing is, a run is
compared with the runs before it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

import numpy as np

from leadline.log.runs import Run
from leadline.stats.prediction import p_above
from leadline.values import Window

#: chance that anything is found where runs are as they always were, over all that is compared with history
CHANCE = 0.05
#: runs that a history has at least, and at most
LEAST, MOST = 8, 60
#: a duration, a pause or an age is told from so many times the usual one on; histories spread by a twentieth at least
TIMES, SPREAD = 1.5, 0.05
#: so many in a row that are unusual are the new usual
LASTING = 5
#: a declared time may be exceeded by this part of it, and by a minute
SLACK, MINUTE = 0.1, timedelta(minutes=1)
_TRAINS = re.compile(r"(^|[^a-z])(re)?(train|fit)(ing|er|s)?($|[^a-z])")


class Kind(StrEnum):
    """What may be wrong with a component."""

    FAILED = "run_failed"
    LATE = "run_late"
    LONG = "run_long"
    OVERDUE = "retraining_overdue"
    STALE = "inputs_stale"


@dataclass(frozen=True, slots=True)
class Expected:
    """What is declared of a component.

    every           how often it runs; a component that trains: how often it succeeds
    inputs_within   how old the newest input may be when it starts
    trains          whether it trains a model; by its name where None
    """

    every: timedelta | None = None
    inputs_within: timedelta | None = None
    trains: bool | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong with a component.

    since      when it began: the start of the first run concerned, or when the missing one was due
    runs       those concerned, in the order of time; none where one is missing
    judged     runs of the window that were looked at; where runs were long or inputs old, all that began since then
    lasting    whether it is so now
    size       the largest duration, pause or age; None of failures
    usual      what it usually is, or may be at most where that is declared
    declared   whether `usual` is declared
    succeeded  when the component last did; None where it never has
    """

    kind: Kind
    component: str
    since: datetime
    runs: tuple[Run, ...]
    judged: int
    lasting: bool
    size: timedelta | None = None
    usual: timedelta | None = None
    declared: bool = False
    succeeded: datetime | None = None


def troubles(runs: Sequence[Run], expected: Mapping[str, Expected], window: Window, now: datetime) -> list[Trouble]:
    """All that is wrong with runs of a window, in the order in which it began: one trouble a kind and component.

    runs       of all components and all times up to `now`, in any order
    expected   by component; one that is declared and never ran is late
    now        when it is asked; pauses that go on are measured up to it

    What is compared with history shares one chance of `CHANCE` of finding anything where nothing changed (Bonferroni).
    """
    each, chance = _components(runs, expected, window, now)
    found = [trouble for one in each for trouble in one.troubles(chance)]
    return sorted(found, key=lambda trouble: (trouble.since, trouble.component, trouble.kind))


@dataclass(frozen=True, slots=True)
class Told:
    """Whether something is wrong with a run, or with one that is missing; known `at`."""

    at: datetime
    wrong: bool


def told(
    runs: Sequence[Run], expected: Mapping[str, Expected], window: Window, now: datetime
) -> Mapping[str, Mapping[str, tuple[Told, ...]]]:
    """By component and what may be wrong ("failed", "late", "long", "stale"): each run of which it can be told.

    As in `troubles`, of runs of all times; history is told apart as finely as in the window.
    """
    each, chance = _components(runs, expected, window, now)
    return {one.name: one.told(chance) for one in each}


def _components(
    runs: Sequence[Run], expected: Mapping[str, Expected], window: Window, now: datetime
) -> tuple[list[_Component], float]:
    """The components, and the chance that one comparison of them with history may have."""
    by_component: dict[str, list[Run]] = {name: [] for name in expected}
    for run in sorted(runs, key=lambda run: run.started):
        by_component.setdefault(run.component, []).append(run)
    each = [
        _Component(name, every, expected.get(name, Expected()), window, now) for name, every in by_component.items()
    ]
    return each, CHANCE / max(sum(one.compared for one in each), 1)


@dataclass(frozen=True)
class _Component:
    """One component: its runs in the order of time."""

    name: str
    runs: Sequence[Run]
    expected: Expected
    window: Window
    now: datetime

    def troubles(self, chance: float) -> Iterator[Trouble]:
        yield from self._failed()
        yield from self._paused(chance)
        yield from self._long(chance)
        yield from self._stale(chance)

    def told(self, chance: float) -> dict[str, tuple[Told, ...]]:
        ended = (run for run in self.runs if run.succeeded is not None)
        late = [Told(each.at, wrong) for each, wrong in self._late(chance) if wrong or each.run is not None]
        if self._never:
            late.append(Told(self.now, wrong=True))
        long, stale = (
            tuple(Told(each.at, wrong) for each, wrong in found)
            for found in (_compared(self._durations, chance), self._old(chance))
        )
        failed = tuple(Told(run.finished or run.started, not run.succeeded) for run in ended)
        return {"failed": failed, "late": tuple(late), "long": long, "stale": stale}

    @property
    def trains(self) -> bool:
        if self.expected.trains is not None:
            return self.expected.trains
        return _TRAINS.search(self.name.lower()) is not None

    @property
    def compared(self) -> int:
        """Values that are compared with history: durations, pauses and ages of the window."""
        found = self._judged(self._durations)
        found += self._judged(self._pauses) if self.expected.every is None else 0
        return found + (self._judged(self._ages) if self.expected.inputs_within is None else 0)

    def _judged(self, values: Sequence[_Value]) -> int:
        return sum(self._inside(each.at) for each in values[LEAST:])

    def _inside(self, at: datetime) -> bool:
        return self.window.start <= at < self.window.end or at == self.now

    def _success(self) -> datetime | None:
        return next((run.finished or run.started for run in reversed(self.runs) if run.succeeded), None)

    # Failures -----------------------------------------------------------------------------------------------------

    def _failed(self) -> Iterator[Trouble]:
        ended = [run for run in self.runs if run.succeeded is not None and self._inside(run.finished or run.started)]
        failed = tuple(run for run in ended if not run.succeeded)
        if failed:
            lasting = not ended[-1].succeeded
            yield Trouble(
                Kind.FAILED, self.name, failed[0].started, failed, len(ended), lasting, succeeded=self._success()
            )

    # Pauses -------------------------------------------------------------------------------------------------------

    @cached_property
    def _pauses(self) -> list[_Value]:
        """From each start to the next one, or of what trains from each success; the last one goes on."""
        runs = [run for run in self.runs if run.succeeded] if self.trains else list(self.runs)
        times = [(run.finished or run.started) if self.trains else run.started for run in runs]
        pairs = zip(times, [*times[1:], self.now], [*runs[1:], None], strict=True) if times else ()
        return [_Value(end, begin, (end - begin).total_seconds(), run) for begin, end, run in pairs]

    @property
    def _never(self) -> bool:
        """Whether it is to run, or to succeed, and never has."""
        return self.expected.every is not None and not self._pauses

    def _late(self, chance: float) -> list[tuple[_Value, bool]]:
        """Whether a pause was too long, of those of which it can be told."""
        every, pauses = self.expected.every, self._pauses
        return _compared(pauses, chance) if every is None else _beyond(pauses, every)

    def _paused(self, chance: float) -> Iterator[Trouble]:
        kind = Kind.OVERDUE if self.trains else Kind.LATE
        every, pauses = self.expected.every, self._pauses
        if self._never and self.now >= self.window.start:
            since = self.runs[0].started if self.runs else self.window.start
            yield Trouble(kind, self.name, since, (), len(self.runs), lasting=True, usual=every, declared=True)
            return
        told = [each for each, late in self._late(chance) if late and self._inside(each.at)]
        if self.trains:
            told = [each for each in told if each.run is None]  # a model that was trained since is trained
        if told:
            usual = every or _median(pauses[:-1])
            since = told[0].begin + usual
            runs = tuple(each.run for each in told if each.run is not None)
            lasting, size = told[-1].run is None, max(each.seconds for each in told)
            yield Trouble(
                kind,
                self.name,
                since,
                runs,
                sum(self._inside(each.at) for each in pauses),
                lasting,
                timedelta(seconds=size),
                usual,
                every is not None,
                self._success(),
            )

    # Durations and ages -------------------------------------------------------------------------------------------

    @cached_property
    def _durations(self) -> list[_Value]:
        """Of runs that succeeded, and of those that go on, as long as these have been running."""
        found = []
        for run in self.runs:
            if (run.succeeded and run.finished is not None) or run.runs:
                end = run.finished or self.now
                found.append(_Value(end, run.started, max((end - run.started).total_seconds(), 0.0), run))
        return found

    @cached_property
    def _ages(self) -> list[_Value]:
        return [
            _Value(run.started, run.started, max((run.started - run.inputs_at).total_seconds(), 0.0), run)
            for run in self.runs
            if run.inputs_at is not None
        ]

    def _old(self, chance: float) -> list[tuple[_Value, bool]]:
        """Whether inputs were too old, of those of which it can be told."""
        within = self.expected.inputs_within
        return _compared(self._ages, chance) if within is None else _beyond(self._ages, within)

    def _long(self, chance: float) -> Iterator[Trouble]:
        yield from self._of_values(Kind.LONG, self._durations, _compared(self._durations, chance), None)

    def _stale(self, chance: float) -> Iterator[Trouble]:
        yield from self._of_values(Kind.STALE, self._ages, self._old(chance), self.expected.inputs_within)

    def _of_values(
        self,
        kind: Kind,
        values: Sequence[_Value],
        compared: Sequence[tuple[_Value, bool]],
        declared: timedelta | None,
    ) -> Iterator[Trouble]:
        told = [each for each, wrong in compared if wrong and self._inside(each.at)]
        if not told:
            return
        runs = tuple(each.run for each in told if each.run is not None)
        yield Trouble(
            kind,
            self.name,
            runs[0].started,
            runs,
            sum(each.started >= runs[0].started for each in self.runs),
            told[-1] is values[-1] or any(run.runs for run in runs),
            timedelta(seconds=max(each.seconds for each in told)),
            declared or _median([each for each in values if each not in told]),
            declared is not None,
            self._success(),
        )


@dataclass(frozen=True, slots=True)
class _Value:
    """A stretch of time that is compared with others, from `begin`; known `at`; of a run, or of none that came."""

    at: datetime
    begin: datetime
    seconds: float
    run: Run | None


def _compared(values: Sequence[_Value], chance: float) -> list[tuple[_Value, bool]]:
    """Whether values are larger than the ones before them let expect, where these are enough.

    Unusual ones are no history, unless they last.
    """
    history: list[float] = []
    found: list[tuple[_Value, bool]] = []
    in_a_row: list[float] = []
    for each in values:
        size, past = math.log(max(each.seconds, 1.0)), history[-MOST:]
        enough = len(past) >= LEAST
        large = enough and each.seconds >= TIMES * math.exp(float(np.median(past)))
        unusual = large and p_above(size, past, SPREAD) < chance
        if enough:
            found.append((each, unusual))
        if not unusual:
            in_a_row = []
            history.append(size)
            continue
        in_a_row.append(size)
        if len(in_a_row) == LASTING:
            history, in_a_row = in_a_row, []
    return found


def _beyond(values: Sequence[_Value], limit: timedelta) -> list[tuple[_Value, bool]]:
    most = (limit + max(SLACK * limit, MINUTE)).total_seconds()
    return [(each, each.seconds > most) for each in values]


def _median(values: Sequence[_Value]) -> timedelta:
    return timedelta(seconds=float(np.median([each.seconds for each in values]))) if values else timedelta()
