"""The difference of two independent figures, from their own intervals."""

from __future__ import annotations

import numpy as np

from leadline.stats.arrays import require

Ends = tuple[float, float, float]
"""A figure and the ends of its interval: low <= value <= high."""


def difference_interval(first: Ends, second: Ends) -> Ends:
    """second - first, with an interval of the same level as theirs.

    Each end lies as far from the difference as those ends of the two figures that lead there, squared and added: an
    interval that is not symmetric, such as a share's near 0, stays so. Raises ValueError where an end is on the wrong
    side of its value. Assumes independent figures; of the same days or rows it is too wide.
    Source: Zou and Donner (2008), Stat. Med. 27, 1693-1702 (MOVER); Newcombe (1998), method 10, for shares.

    >>> from leadline.stats.proportion import wilson
    >>> [round(end, 4) for end in difference_interval((48 / 80, *wilson(48, 80)), (56 / 70, *wilson(56, 70)))]
    [0.2, 0.0524, 0.3339]
    """
    (a, a_low, a_high), (b, b_low, b_high) = first, second
    require(a_low <= a <= a_high and b_low <= b <= b_high, "an interval holds its value")
    found = b - a
    return found, found - float(np.hypot(b - b_low, a_high - a)), found + float(np.hypot(b_high - b, a - a_low))
