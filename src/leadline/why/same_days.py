"""The difference of two ratios whose rows are of the same days, which move both."""

from __future__ import annotations

import numpy as np

from leadline.metrics.sums import Array
from leadline.stats.difference import Errors, errors, influences
from leadline.why.split import AA, AB, BB, A, B


def difference_on_same_days(first: Array, second: Array) -> tuple[float, Errors] | None:
    """second - first of ΣA / ΣB over the same grains, and how sure that is; None where one has no figure.

    first, second   A, B, A², AB, B² by grain, shape (grains, 5)

    What happens on a day and lifts both sides is no difference: the influences of each day are added with their signs
    before they are squared.

    >>> rng = np.random.default_rng(0)
    >>> lift = rng.normal(0, 20, 28)
    >>> sides = [np.stack([50 + lift + more, *[np.full(28, 100.0)] * 4], axis=1) for more in (0.0, 5.0)]
    >>> found, sure = difference_on_same_days(*sides)
    >>> round(found, 3), bool(sure.se[0] < 0.02)
    (0.05, True)
    """
    sides = []
    figures = []
    for sums, sign in ((first, -1.0), (second, 1.0)):
        total = sums.sum(axis=0)
        if total[B] <= 0:
            return None
        ratio = total[A] / total[B]
        figures.append(float(ratio))
        slope = np.array([[sign / total[B]]])
        moments = total[AA, None], total[AB, None], total[BB, None]
        sides.append(influences(slope, -ratio * slope, sums[:, [A]], sums[:, [B]], moments, sums[:, B]))
    return figures[1] - figures[0], errors([sides[0] + sides[1]])
