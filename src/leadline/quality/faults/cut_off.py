"""Values beyond a limit that no longer come."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from leadline.quality.comparison import Comparison, Pair, strangeness
from leadline.quality.fault import Fault, Figure
from leadline.quality.grid import bin_of
from leadline.quality.words import number, percent

#: share of the values that lay beyond
LEAST, MOST = 0.02, 0.5
#: how strange what is left may be (see `strangeness`)
USUAL = 1.5


def cut_off(found: Comparison) -> Iterator[Fault]:
    """No value beyond one that values of every partition before went beyond, and those that are left are as before."""
    for pair in found.numbers():
        if pair.n:
            yield from _beyond(pair, found.level)


def _beyond(pair: Pair, level: float) -> Iterator[Fault]:
    for above in (True, False):
        ends = pair.before.high if above else -pair.before.low
        end = float(pair.now.high[0] if above else -pair.now.low[0])
        code = int(bin_of([(end if above else -end) - pair.column.origin])[0])
        outside = pair.past.bins > code if above else pair.past.bins < code
        beyond = pair.before.counts[:, outside].sum(axis=1)
        past = int(beyond.sum())
        share = past / max(int(pair.past.known[0]), 1)
        if not (LEAST <= share <= MOST and np.nanmin(ends) > end and pair.jumped(beyond, 0, level)):
            continue
        inside = pair.before.counts[:, ~outside]
        now = pair.now.counts[0, ~outside]
        limit = -1 if above else 0
        held = inside.copy()
        held[:, limit] += beyond
        piled = now[limit] / pair.n - inside[:, limit].sum() / pair.past.known[0] >= share / 2
        if piled and strangeness(held, now) <= USUAL:
            yield _fault(pair, end if above else -end, above, share, past, "values held to")
        elif strangeness(inside, now) <= USUAL:
            yield _fault(
                pair, end if above else -end, above, share, past, "no value " + ("above" if above else "below")
            )


def _fault(pair: Pair, end: float, above: bool, share: float, past: int, words: str) -> Fault:
    side = "above" if above else "below"
    return Fault(
        "cut_off",
        (pair.name,),
        f"{words} {number(end)}",
        f"before {percent(share)} of the values lay {side}",
        "Look at whether rows with such values are left out, or values are held to a limit.",
        share,
        (Figure("beyond_share", (past, int(pair.past.known[0])), (0, pair.n)),),
        detail=(side,),
    )
