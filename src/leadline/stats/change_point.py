"""When a ratio of sums changed its level, if it did so once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from leadline.stats.arrays import floats, require


def change_point(a: ArrayLike, b: ArrayLike, first: int = 1) -> int | None:
    """The first grain of the later of two levels of R = ΣA / ΣB that fit best, by least squares; None where none can.

    a, b    sums by grain in the order of time, shape (grains,); b >= 0, the weight of each grain
    first   the first grain that may begin the later level

    Of a gradual change it is about the middle. It says nothing of whether there was a change.
    Raises ValueError where shapes differ or B is negative.
    Source: Hinkley (1970), Biometrika 57, 1-17, for a normal mean.

    >>> change_point([1, 1, 1, 9, 9], [10, 10, 10, 10, 10])
    3
    """
    top, bottom = floats(a), floats(b)
    require(top.shape == bottom.shape and top.ndim == 1 and (bottom >= 0).all(), "one A and one B >= 0 for each grain")
    left_a, left_b = np.cumsum(top)[:-1], np.cumsum(bottom)[:-1]
    right_a, right_b = top.sum() - left_a, bottom.sum() - left_b
    some = (left_b > 0) & (right_b > 0) & (np.arange(1, len(top)) >= first)
    if not some.any():
        return None
    apart = np.full(len(left_a), -1.0)
    step = right_a[some] / right_b[some] - left_a[some] / left_b[some]
    apart[some] = step**2 * left_b[some] * right_b[some]
    return int(np.argmax(apart)) + 1
