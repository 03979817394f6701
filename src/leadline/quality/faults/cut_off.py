"""Values beyond a limit that no longer come."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from leadline.quality.comparison import Comparison, Pair, apartness, strangeness
from leadline.quality.fault import Fault, Figure
from leadline.quality.grid import Ints, bin_of
from leadline.quality.words import number, percent

#: share of the values that lay beyond
LEAST, MOST = 0.02, 0.5
#: how strange what is left may be (see `strangeness`), and how far from what lay there before (`apartness`): after a
#: shift of all values one end of them is out of reach, too
USUAL, APART = 1.5, 1.0


def cut_off(found: Comparison) -> Iterator[Fault]:
    """No value beyond one that values of every partition before went beyond, and those that are left are as before."""
    for pair in found.numbers():
        if pair.n:
            yield from _beyond(pair, found.level)


def _beyond(pair: Pair, level: float) -> Iterator[Fault]:
    for above in (True, False):
        ends = pair.before.high if above else -pair.before.low
        end = float(pair.now.high[0] if above else -pair.now.low[0])
        limit = end if above else -end
        code = int(bin_of([limit - pair.column.origin])[0])
        outside = pair.past.bins > code if above else pair.past.bins < code
        beyond = pair.before.counts[:, outside].sum(axis=1)
        past = int(beyond.sum())
        share = past / max(int(pair.past.known[0]), 1)
        if not (LEAST <= share <= MOST and np.nanmin(ends) > end and pair.jumped(beyond, 0, level)):
            continue
        inside = pair.before.counts[:, ~outside]
        now = pair.now.counts[0, ~outside]
        place = -1 if above else 0
        held = inside.copy()
        held[:, place] += beyond
        piled = now[place] / pair.n - inside[:, place].sum() / pair.past.known[0] >= share / 2
        # the last bin within the limit belongs to it in part: values are compared with those beyond that bin
        edge = float(pair.past.ends[1 if above else 0][~outside][place])
        if piled and _alike(held, now):
            yield _fault(pair, limit, edge, above, past, "values held to")
        elif _alike(inside, now):
            yield _fault(pair, limit, edge, above, past, "no value " + ("above" if above else "below"))


def _alike(before: Ints, now: Ints) -> bool:
    return strangeness(before, now) <= USUAL and apartness(before, now) <= APART


def _fault(pair: Pair, limit: float, edge: float, above: bool, past: int, words: str) -> Fault:
    side, share = "above" if above else "below", past / int(pair.past.known[0])
    shown = number(edge)
    return Fault(
        "cut_off",
        (pair.name,),
        f"{words} {number(limit)}",
        f"before {percent(share)} of the values lay {side}" + ("" if shown == number(limit) else f" {shown}"),
        "Look at whether rows with such values are left out, or values are held to a limit.",
        share,
        (Figure("beyond_share", (past, int(pair.past.known[0])), (0, pair.n)),),
        detail=(side,),
    )
