"""Rows with a planted slice, and without one."""

from __future__ import annotations

import numpy as np

from leadline.slices.distinct import Rows
from leadline.slices.search import Column

ROWS = 20_000


def world(
    seed: int, *, planted: bool = True, ordered: bool = False, rate: float = 0.1, inside: float = 0.2
) -> tuple[Rows, np.ndarray, np.ndarray]:
    """20,000 rows with 8 features: the rows, which are in the slice (about 800, by two features), and one half.

    ordered   whether every second feature has ranges for conditions, of which the planted one is the last two codes
    """
    chance = np.random.default_rng(seed)
    columns = []
    for place in range(8):
        size = 10 if ordered and place == 0 else 5 if place < 2 else int(chance.integers(4, 11))
        share = np.full(size, 1 / size) if place < 2 else chance.dirichlet(np.full(size, 3.0))
        codes = 1 + chance.choice(size, ROWS, p=share)
        columns.append(Column(codes.astype(np.uint8), size + 1, ordered and place % 2 == 0))
    first = columns[0].codes >= 9 if ordered else columns[0].codes == 3
    slice_ = first & (columns[1].codes == 2)
    errors = (chance.random(ROWS) < np.where(slice_ & planted, inside, rate)).astype(float)
    return Rows(columns, errors), slice_, chance.random(ROWS) < 0.5
