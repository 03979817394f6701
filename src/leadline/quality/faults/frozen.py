"""A column that no longer changes, or that is the one of the partition before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from leadline.quality.comparison import Comparison, Pair
from leadline.quality.fault import Fault, Figure
from leadline.quality.grid import Ints
from leadline.quality.summary import shares
from leadline.quality.words import number, percent, quoted

LEAST_ROWS = 20
#: a single value has to be in nearly all rows; of a number that was rare in most of them
NEARLY_ALL, MOST, RARE = 0.98, 0.8, 0.1
#: width of a bin as a share of the distance of the .05 and .95 quantiles
NARROW = 0.05
#: what partitions are called, by their season
UNITS = {7: "day", 24: "hour"}
#: `detail` of a column that is that of the partition before
REPEATED = ("repeated",)
#: rows and bins from which on the same counts twice are no accident
ROWS, BINS = 50, 10


def frozen(found: Comparison) -> Iterator[Fault]:
    """One value in all rows, or in most, or exactly the values of the partition before."""
    for pair in found.open:
        if pair.n < LEAST_ROWS:
            continue
        if pair.repeats and pair.n >= ROWS and np.count_nonzero(pair.now.counts[0]) >= BINS:
            fault = _fault(
                pair,
                f"the very values of the {UNITS.get(pair.season, 'partition')} before, row for row",
                "before they differed from one to the next",
                1.0,
            )
            yield replace(fault, detail=REPEATED)
            continue
        top = _top(pair)
        if top is None or not (pair.now.complete or _narrow(pair)):
            continue
        share, past = top.now / pair.n, top.before.sum() / max(int(pair.past.known[0]), 1)
        rare = not pair.now.text and past <= RARE
        if share >= (MOST if rare else NEARLY_ALL) and pair.jumped(top.before, top.now, found.level):
            most = float(np.nanmax(shares(top.before, pair.before.known)))
            of = "rows" if pair.n == int(pair.now.rows[0]) else "values"
            what = f"{top.words} in {'all' if share == 1 else percent(share) + ' of the'} {of}"
            if most < share:
                before = int(top.before.sum()), int(pair.past.known[0])
                figure = Figure("same_value_share", before if top.counted else None, (top.now, pair.n))
                yield _fault(pair, what, f"before in {percent(past)}" if top.counted else _range(pair), share, figure)


def _range(pair: Pair) -> str:
    """From where to where values went before."""
    return f"before values went from {number(float(pair.past.low[0]))} to {number(float(pair.past.high[0]))}"


def _narrow(pair: Pair) -> bool:
    """Whether all rows have one value, or each value is counted, or the fullest bin is narrow beside all values."""
    if pair.now.complete or pair.now.low[0] == pair.now.high[0]:
        return True
    at = int(np.argmax(pair.now.counts[0]))
    if pair.now.counts[0, at] == pair.n or np.count_nonzero(pair.past.counts[0]) < BINS:
        return False  # they differ within the bin, or bins are too wide to tell how much values usually differ
    usual = pair.past.quantiles[0]
    width = float(pair.now.ends[1][at] - pair.now.ends[0][at])
    return width < NARROW * float(usual[-1] - usual[0])


@dataclass(frozen=True, slots=True, eq=False)
class _Top:
    """What is the most frequent.

    words    the value, or the bin from where to where
    now      its rows
    before   shape (P,); of a value that is not counted the rows of its bin, which are more
    counted  whether `before` are the rows of what `words` say
    """

    words: str
    now: int
    before: Ints
    counted: bool


def _top(pair: Pair) -> _Top | None:
    """The most frequent value, where values are counted or all are the same; else the fullest bin."""
    if pair.now.complete and pair.now.values:
        at = int(np.argmax(pair.now.value_counts[0]))
        before = pair.before.value_counts[:, at]
        return _Top(quoted(pair.now.values[at]), int(pair.now.value_counts[0, at]), before, counted=True)
    if pair.now.text or not len(pair.now.bins):
        return None
    at = int(np.argmax(pair.now.counts[0]))
    now, before = int(pair.now.counts[0, at]), pair.before.counts[:, at]
    low, high = float(pair.now.low[0]), float(pair.now.high[0])
    if low == high:
        return _Top(number(low), now, before, counted=False)
    ends = [float(each[at]) for each in pair.now.ends]
    return _Top(f"a value between {number(ends[0])} and {number(ends[1])}", now, before, counted=True)


def _fault(pair: Pair, what: str, before: str, share: float, *figures: Figure) -> Fault:
    return Fault(
        "frozen",
        (pair.name,),
        what,
        before,
        "Look at whether the source still measures, or delivers what it has from before.",
        share * pair.n / int(pair.now.rows[0]),
        figures,
    )
