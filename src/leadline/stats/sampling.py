"""With which probability each row is chosen for labelling, so that few labels say much (METHODS §2.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leadline.stats.arrays import Floats, floats, require

#: the share of the budget that goes evenly to all rows: no row then stands for more than five times the average
UNIFORM = 0.2
#: labels that a slice gets where it has as many rows and the budget suffices
FLOOR = 30
#: how many values a row's number has: the first eight hexadecimal digits of an md5
NUMBERS = 2**32


def label_probabilities(
    uncertainty: ArrayLike,
    budget: float,
    rows: ArrayLike | None = None,
    slices: Sequence[ArrayLike] = (),
    floor: float = FLOOR,
) -> Floats:
    """Probabilities with which rows are chosen, whose sum is the budget: more for rows of which the score is unsure.

    uncertainty   sqrt(c (1 - c)) of the score c, the label's standard deviation, >= 0; shape (cells,). All alike
                  (zeros) where nothing is known
    budget        labels to be asked for in expectation, above 0 and at most as many as there are rows
    rows          rows of each cell, that is, rows with the same uncertainty and slices; 1 where absent
    slices        for each partition of the rows the number of each cell's slice, >= 0, shape (cells,)
    floor         labels that each slice gets at least, in expectation, where it has as many rows

    A fifth of the budget is spread evenly, the rest in proportion to the uncertainty; then slices below the floor are
    raised, at the cost of the others. The even part is never given up, so that 1 / probability is at most five times
    rows / budget; where the budget does not suffice for all floors, all slices below get the same part of theirs.
    Raises ValueError outside those ranges. In the budget nothing falls: a larger one gives no row a smaller chance.
    Source: Zrnic and Candès (2024), active statistical inference; Neyman (1934) for the square root.

    >>> label_probabilities([0.5, 0.5, 0.1, 0.1], 2, floor=0).round(3).tolist()
    [0.767, 0.767, 0.233, 0.233]
    """
    spread = floats(uncertainty)
    count = np.ones_like(spread) if rows is None else floats(rows)
    total = float(count.sum())
    require((spread >= 0) & np.isfinite(spread) & (count >= 0), "uncertainty and rows must be >= 0")
    require(0 < budget <= total and floor >= 0, f"a budget above 0 and up to the {total:g} rows is needed")
    mean = float((count * spread).sum()) / total
    even = np.full_like(spread, budget / total)
    share = UNIFORM * even + (1 - UNIFORM) * even * (spread / mean if mean > 0 else 1.0)
    least = np.minimum(UNIFORM * even, 1.0)

    raised = np.zeros_like(spread)
    for partition in slices:
        raised = np.maximum(raised, _floors(share, count, np.asarray(partition, np.int64), floor))
    room = budget - float((count * least).sum())
    needed = _root(lambda part: float((count * np.maximum(part * raised - least, 0)).sum()), room, 1.0)
    fixed = np.maximum(least, needed * raised)
    scale = _root(lambda k: float((count * np.maximum(np.minimum(k * share, 1.0), fixed)).sum()), budget, _most(share))
    return np.asarray(np.maximum(np.minimum(scale * share, 1.0), fixed))


def _floors(share: Floats, count: Floats, partition: NDArray[np.int64], floor: float) -> Floats:
    """Probabilities in proportion to `share` that give each slice `floor` labels, or all of its rows."""
    found = np.zeros_like(share)
    for code in np.unique(partition):
        mine = partition == code
        wanted = min(floor, float(count[mine].sum()))

        def labels(k: float, mine: NDArray[np.bool_] = mine) -> float:
            return float((count[mine] * np.minimum(k * share[mine], 1.0)).sum())

        found[mine] = np.minimum(_root(labels, wanted, _most(share[mine])) * share[mine], 1.0)
    return found


def _most(share: Floats) -> float:
    """The factor at which all are certain."""
    return 1 / float(share.min())


def _root(rising: Callable[[float], float], wanted: float, most: float) -> float:
    """Where a function that rises from 0 on reaches `wanted`; `most` where it does not before."""
    if rising(most) <= wanted:
        return most
    low, high = 0.0, most
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return high


def row_number(row_id: str, seed: int = 0) -> int:
    """The number of a row, evenly spread over 0..2^32 - 1 and the same for ever: it is chosen if that is below
    probability · 2^32.

    As numbers stay, a larger probability chooses the same rows and more. So of rows that were chosen twice, with
    probabilities p and q, any was in either choice with the probability max(p, q).
    Source: permanent random numbers, Ohlsson (1995); the first eight hexadecimal digits of the md5 of "seed:id".

    >>> row_number("7"), row_number("7", seed=1)
    (2263107895, 2844097313)
    """
    digest = hashlib.md5(f"{seed}:{row_id}".encode(), usedforsecurity=False).hexdigest()
    return int(digest[:8], 16)
