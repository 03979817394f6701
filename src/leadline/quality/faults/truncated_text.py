"""Texts that are cut off at a length."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from leadline.quality.comparison import Comparison, Pair
from leadline.quality.fault import Fault, Figure
from leadline.quality.grid import bin_of
from leadline.quality.summary import NUMBER
from leadline.quality.words import percent
from leadline.stats.arrays import Floats

#: the share of texts that were longer, and how many of them should have come
LEAST, EXPECTED = 0.02, 10


def truncated_text(found: Comparison) -> Iterator[Fault]:
    """No text is longer than one length, at which those lie up that were longer before."""
    for pair in found.texts():
        if pair.past.forms[0, NUMBER] > pair.past.known[0] / 2:
            continue  # a number with fewer digits is not cut off
        longest = float(pair.now.high[0])
        if not np.isfinite(longest) or longest < 1 or not _shortened(pair, longest):
            continue
        longer = pair.past.bins > int(bin_of([longest])[0])
        at = pair.past.bins == int(bin_of([longest])[0])
        beyond = float(pair.past.counts[0, longer].sum()) / max(int(pair.past.known[0]), 1)
        if beyond < LEAST or beyond * pair.n < EXPECTED or np.any(_highest(pair.before.high) <= longest):
            continue
        here, before = int(pair.now.counts[0, at].sum()), pair.before.counts[:, at].sum(axis=1)
        piled = here / pair.n - before.sum() / max(int(pair.past.known[0]), 1)
        if piled < beyond / 2 or not pair.jumped(before, here, found.level):
            continue
        yield Fault(
            "truncated_text",
            (pair.name,),
            f"cut off at {longest:.0f} characters, as {percent(here / pair.n)} of the texts are",
            f"before {percent(beyond)} were longer",
            "Look at the width of the field through which the text goes.",
            piled,
            (Figure("longest_share", (int(before.sum()), int(pair.past.known[0])), (here, pair.n)),),
            detail=(longest,),
        )


def _highest(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _shortened(pair: Pair, longest: float) -> bool:
    """Whether a new value begins one from before, where all values are known; else there is no telling."""
    if not (pair.now.complete and pair.before.complete):
        return True
    values = [str(value) for value in pair.now.values]
    before, now = pair.past.value_counts[0] > 0, pair.now.value_counts[0] > 0
    new = [
        value for value, was, is_ in zip(values, before, now, strict=True) if is_ and not was and len(value) == longest
    ]
    return any(value.startswith(each) and was for each in new for value, was in zip(values, before, strict=True))
