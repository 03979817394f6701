"""The rule `detector`: a breach is found when evidence, taken in look by look, crosses a limit (DESIGN §8).

The verdict is a pure fold over looks. It knows no clock and no store: the same looks give the same story, whether they
were taken in one by one or a year at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.metrics.sums import Array
from leadline.objectives.bets import Stream, spread
from leadline.stats.detector import change, e_bh

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Breach:
    """One time that a promise was broken. Looks are numbered from 0.

    since    the first look of the stretch that the evidence is about
    found    the look at whose close the evidence was enough
    cleared  the look at whose close there was as much evidence that the promise is kept again, or at whose beginning
             the breach was acknowledged; None while it lasts
    """

    since: int
    found: int
    cleared: int | None


@dataclass(frozen=True)
class Story:
    """What a detector said of one stream, look by look.

    breaches  in the order of time; only the last one may last
    phi       how much more looks differ than independent rows, as told before each look; NaN for one without figure
    evidence  log of the evidence that the promise is broken at each look, -inf before there was any
    ticket    whether the evidence of the last look, among that of all slices, is enough for a ticket
    """

    breaches: tuple[Breach, ...]
    phi: Array
    evidence: Array
    ticket: bool

    @property
    def breach(self) -> Breach | None:
        """The breach that lasts."""
        return self.breaches[-1] if self.breaches and self.breaches[-1].cleared is None else None


def fold(
    streams: Sequence[Stream],
    alpha: float,
    year: float,
    slots: int,
    restarts: Sequence[frozenset[int]],
    first: int = 0,
) -> list[Story]:
    """The stories of the streams of one objective, which share a budget.

    alpha     the chance of any false alarm in a year that they may have together
    year      looks in a year
    slots     how many streams there could be (the fixed list of slices); at least as many as there are
    restarts  for each stream the looks at whose beginning its breaches were acknowledged
    first     the first look that is taken in; those before only tell how much looks differ
    """
    if not streams:
        return []
    against = np.stack([each.against for each in streams])
    behind = np.stack([each.behind for each in streams])
    phi = _spread(streams, slots)
    limit, start = math.log(slots / alpha), -math.log(max(year, 1.0))
    looks = phi.shape[1]
    wealth = np.full((len(streams), against.shape[-1]), -np.inf)
    mirror = np.full((len(streams), behind.shape[-1]), -np.inf)
    evidence = np.full(phi.shape, -np.inf)
    latched: Bools = np.zeros(len(streams), dtype=bool)
    begun = np.full(len(streams), first, dtype=np.int64)
    breaches: list[list[Breach]] = [[] for _ in streams]

    def clear(place: int, look: int) -> None:
        breaches[place][-1] = Breach(breaches[place][-1].since, breaches[place][-1].found, look)

    for look in range(looks):
        for place, acknowledged in enumerate(restarts):
            if look in acknowledged:
                if latched[place]:
                    clear(place, look)
                latched[place] = False
                wealth[place], begun[place] = -np.inf, max(look, first)
        usable = np.isfinite(phi[:, look]) & (look >= first)
        _grow(wealth, against[:, look], phi[:, look], start, usable & ~latched)
        _grow(mirror, behind[:, look], phi[:, look], start, usable & latched)
        for place in np.flatnonzero(latched & (_score(mirror) >= limit)).tolist():
            clear(place, look)
            latched[place] = False
            wealth[place], begun[place] = -np.inf, look + 1
        evidence[:, look] = _score(wealth)
        for place in np.flatnonzero(usable & ~latched & (evidence[:, look] >= limit)).tolist():
            each, fed = streams[place], slice(int(begun[place]), look + 1)
            since = fed.start + change(each.against[fed], phi[place, fed], look - fed.start)
            breaches[place].append(Breach(since, look, None))
            latched[place] = True
            mirror[place] = -np.inf
    ticket = _tickets(evidence[:, -1], alpha, slots) if looks else np.zeros(len(streams), dtype=bool)
    return [
        Story(tuple(breaches[place]), phi[place], evidence[place], bool(ticket[place])) for place in range(len(streams))
    ]


def _spread(streams: Sequence[Stream], slots: int) -> Array:
    """`bets.spread` of all streams, which share a budget among `slots`; shape (streams, looks)."""
    value, variance, size, floor = (
        np.stack([getattr(each, name) for each in streams]) for name in ("value", "variance", "size", "floor")
    )
    return spread(value, variance, size, floor, slots)


def _grow(wealth: Array, growth: Array, phi: Array, start: float, which: Bools) -> None:
    """W ← (W + π) exp(growth / φ), in logs, of the streams in `which`."""
    if which.any():
        wealth[which] = np.logaddexp(wealth[which], start) + growth[which] / phi[which, None]


def _score(wealth: Array) -> Array:
    """Log of the mean over bets."""
    return np.asarray(np.logaddexp.reduce(wealth, axis=-1) - math.log(wealth.shape[-1]))


def _tickets(evidence: Array, alpha: float, slots: int) -> Bools:
    """e-BH over all slots: those without a stream have no evidence."""
    padded = np.concatenate([evidence, np.full(max(slots - len(evidence), 0), -np.inf)])
    return np.asarray(e_bh(padded, alpha))[: len(evidence)]
