"""A number or a word that stands for "no value", and was not there before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from leadline.quality.comparison import Comparison, Pair
from leadline.quality.fault import Fault, Figure
from leadline.quality.faults.null_jump import quoted_name
from leadline.quality.grid import Ints
from leadline.quality.summary import SENTINEL_NUMBERS, SENTINEL_WORDS
from leadline.quality.words import percent, quoted
from leadline.values import Scalar

#: the share of rows that it needs now, and the one that it may have had before
LEAST, ABSENT = 0.005, 0.001
LEAST_ROWS = 5
#: of the values in bins that were nearly empty before, the share that it has to be: else all values have moved
ALONE, NEARLY_EMPTY = 1 / 3, 0.1
#: empty bins between a lump and all other values, 5 % each
GAP = 15


def sentinel(found: Comparison) -> Iterator[Fault]:
    """A value that often stands for a missing one, or one far from all others, has come up."""
    for pair in found.open:
        new = [(rows, value) for value, rows, past in _candidates(pair) if _came(pair, rows, past, found.level)]
        if new:
            rows, value = max(new, key=lambda each: each[0])
            yield _fault(pair, value, rows)


def _candidates(pair: Pair) -> Iterator[tuple[Scalar, int, int]]:
    """A value, its rows now, and its rows before."""
    now = pair.now
    before = dict(zip(pair.before.values, pair.past.value_counts[0], strict=True))
    for value, rows in zip(now.values, now.value_counts[0], strict=True):
        if is_sentinel(value):
            yield value, int(rows), int(before.get(value, 0))
    yield from _lumps(pair)


def is_sentinel(value: Scalar) -> bool:
    """Whether a value often stands for a missing one.

    >>> is_sentinel(-999.0), is_sentinel(" N/A "), is_sentinel("Lisbon")
    (True, True, False)
    """
    if isinstance(value, str):
        return value.strip().lower() in SENTINEL_WORDS
    return value in SENTINEL_NUMBERS


def _lumps(pair: Pair) -> Iterator[tuple[Scalar, int, int]]:
    """The least or the largest value, where it is less or more than ever before, and nothing lies near."""
    if pair.now.text or not len(pair.now.bins):
        return
    some = np.flatnonzero(pair.now.counts[0])
    if len(some) < 2:
        return
    low, high = float(pair.now.low[0]), float(pair.now.high[0])
    for end, next_, value, new in (
        (some[0], some[1], low, low < np.nanmin(pair.before.low)),
        (some[-1], some[-2], high, high > np.nanmax(pair.before.high)),
    ):
        if new and abs(int(pair.now.bins[end]) - int(pair.now.bins[next_])) > GAP and value not in SENTINEL_NUMBERS:
            yield value, int(pair.now.counts[0, end]), int(pair.past.counts[0, end])


def _came(pair: Pair, rows: int, past: int, level: float) -> bool:
    if rows < LEAST_ROWS or rows / pair.n < LEAST:
        return False
    share = past / max(int(pair.past.known[0]), 1)
    if share > min(ABSENT, rows / pair.n / 10) or not _alone(pair, rows):
        return False
    return pair.jumped(_spread(pair, past), rows, level)


def _alone(pair: Pair, rows: int) -> bool:
    """Whether most that is new is this value; after a change of sign or unit it is one of many."""
    now, past = pair.now.counts[0], pair.past.counts[0]
    new = now[past / max(int(pair.past.known[0]), 1) < NEARLY_EMPTY * now / pair.n]
    return bool(rows >= ALONE * new.sum())


def _spread(pair: Pair, past: int) -> Ints:
    """So many rows spread evenly over the partitions before: how so few lay does not matter."""
    passed = np.concatenate([[0], np.cumsum(pair.before.known)])
    upto = np.round(past * passed / max(int(passed[-1]), 1)).astype(np.int64)
    return upto[1:] - upto[:-1]


def _fault(pair: Pair, value: Scalar, rows: int) -> Fault:
    now = int(pair.now.missing[0]) / int(pair.now.rows[0])
    past = int(pair.past.missing[0]) / int(pair.past.rows[0])
    share = rows / int(pair.now.rows[0])
    counted = dict(zip(pair.before.values, pair.past.value_counts[0], strict=True))
    seen, of = int(counted.get(value, 0)), int(pair.past.rows[0])
    before = f"before in {percent(seen / of)}" if seen else "never before"
    if past - now > share / 2:
        before += f"; {percent(past - now)} fewer rows are missing: it seems to stand for them"
    literal = "'" + value.replace("'", "''") + "'" if isinstance(value, str) else f"{value:g}"
    return Fault(
        "sentinel",
        (pair.name,),
        value_in(value, share),
        before,
        "Look at whether the value stands for a missing one; if so, deliver it as NULL.",
        share,
        (Figure("sentinel_share", (seen, of), (rows, int(pair.now.rows[0]))),),
        where=f"{quoted_name(pair.name)} = {literal}",
        detail=(value,),
    )


def value_in(value: Scalar, share: float) -> str:
    """In what share of the rows a value is.

    >>> value_in(-999.0, 0.05)
    '-999 in 5 % of the rows'
    """
    return f"{quoted(value)} in {percent(share)} of the rows"
