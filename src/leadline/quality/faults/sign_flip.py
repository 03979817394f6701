"""All values with the other sign."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from leadline.quality.comparison import Comparison, Pair
from leadline.quality.fault import Fault
from leadline.quality.words import number

#: how far off the quantiles have to be as they are, and may be with the other sign (see `Pair.away`)
OFF, USUAL = 4.0, 2.0
#: share of the variance of the quantiles that a line explains once the sign is turned, and how far off 1 its slope is
STRAIGHT, OFF_SLOPE = 0.98, 0.15
#: of a column far from zero, how far its middle may be off that with the other sign, and its range
OFF_MIDDLE, OFF_RANGE = 0.02, 3.0
LEAST_ROWS = 20


def sign_flip(found: Comparison) -> Iterator[Fault]:
    """As they are the quantiles of a column are far off; with the other sign they are as before."""
    for pair in found.numbers():
        if pair.n < LEAST_ROWS or pair.is_away < OFF:
            continue
        if _turned(pair):
            usual, now = float(pair.past.quantiles[0][9]), float(pair.quantiles[9])
            yield Fault(
                "sign_flip",
                (pair.name,),
                "all values with the other sign",
                f"the median was {number(usual)} and is {number(now)}",
                "Look at what computes the column: which of two numbers is taken from which.",
                pair.n / int(pair.now.rows[0]),
            )


def _turned(pair: Pair) -> bool:
    """Whether it is as before with the other sign."""
    if pair.column.origin != 0:
        middle, range_ = pair.stretched
        return abs(middle + 1) <= OFF_MIDDLE and 1 / OFF_RANGE <= range_ <= OFF_RANGE
    turned = -pair.quantiles[::-1]
    return pair.away(turned) <= min(USUAL, pair.is_away / 3) and _as_before(pair, turned)


def _as_before(pair: Pair, turned: np.ndarray) -> bool:
    """Whether the turned quantiles have the shape of the usual ones: seasons change signs, too."""
    usual = pair.past.quantiles[0]
    if usual.std() == 0 or turned.std() == 0:
        return bool(np.allclose(usual, turned, rtol=OFF_SLOPE))
    correlation = float(np.corrcoef(usual, turned)[0, 1])
    slope = correlation * float(turned.std() / usual.std())
    return correlation**2 >= STRAIGHT and abs(slope - 1) <= OFF_SLOPE + 2 / float(np.sqrt(pair.n))
