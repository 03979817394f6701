"""A column that no longer changes, or that is the one of the partition before."""

from __future__ import annotations

from collections.abc import Iterator

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
#: rows and bins from which on the same counts twice are no accident
ROWS, BINS = 50, 10


def frozen(found: Comparison) -> Iterator[Fault]:
    """One value in all rows, or in most, or exactly the values of the partition before."""
    for pair in found.open:
        if pair.n < LEAST_ROWS:
            continue
        if pair.repeats and pair.n >= ROWS and np.count_nonzero(pair.now.counts[0]) >= BINS:
            yield _fault(
                pair, "the very values of the day before, row for row", "before they differed from day to day", 1.0
            )
            continue
        value, now, before = _top(pair)
        if value is None:
            continue
        if not pair.now.complete and not _narrow(pair):
            continue
        share, past = now / pair.n, before.sum() / max(int(pair.past.known[0]), 1)
        rare = not pair.now.text and past <= RARE
        if share >= (MOST if rare else NEARLY_ALL) and pair.jumped(before, now, found.level):
            most = float(np.nanmax(shares(before, pair.before.known)))
            what = f"{value} in {'all' if share == 1 else percent(share) + ' of the'} rows"
            if most < share:
                figure = Figure("same_value_share", (int(before.sum()), int(pair.past.known[0])), (now, pair.n))
                yield _fault(pair, what, f"before in {percent(past)}", share, figure)


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


def _top(pair: Pair) -> tuple[str | None, int, Ints]:
    """The most frequent value in words, its rows now, and by partition before."""
    if pair.now.complete and pair.now.values:
        at = int(np.argmax(pair.now.value_counts[0]))
        return quoted(pair.now.values[at]), int(pair.now.value_counts[0, at]), pair.before.value_counts[:, at]
    if pair.now.text or not len(pair.now.bins):
        return None, 0, np.zeros(0, np.int64)
    at = int(np.argmax(pair.now.counts[0]))
    low, high = float(pair.now.low[0]), float(pair.now.high[0])
    middle = float(pair.quantiles[9])
    value = number(low) if low == high else f"about {number(middle)}"
    return value, int(pair.now.counts[0, at]), pair.before.counts[:, at]


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
