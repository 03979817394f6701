"""Two ratios of the same days, which move both: their difference, and how many times one is the other."""

from __future__ import annotations

import numpy as np

from leadline.metrics.sums import Array
from leadline.stats.difference import Errors, errors, influences
from leadline.why.split import AA, AB, BB, A, B


def difference_on_same_days(first: Array, second: Array) -> tuple[float, Errors] | None:
    """second - first of ΣA / ΣB over the same grains, and how sure that is; None where one has no figure.

    first, second   A, B, A², AB, B² by grain, shape (grains, 5), of different rows

    What happens on a day and lifts both sides is no difference: the influences of each day are added with their signs
    before they are squared.

    >>> rng = np.random.default_rng(0)
    >>> lift = rng.normal(0, 20, 28)
    >>> sides = [np.stack([50 + lift + more, *[np.full(28, 100.0)] * 4], axis=1) for more in (0.0, 5.0)]
    >>> found, sure = difference_on_same_days(*sides)
    >>> round(found, 3), bool(sure.se[0] < 0.02)
    (0.05, True)
    """
    ratios = _ratios(first, second)
    if ratios is None:
        return None
    return ratios[1] - ratios[0], _errors(first, second, ratios, (1.0, 1.0))


def log_ratio_on_same_days(first: Array, second: Array) -> tuple[float, Errors] | None:
    """The same for ln(second / first); None also where one of them is not above 0.

    >>> sides = [
    ...     np.stack([np.full(28, hits), *[np.full(28, 100.0)] * 2, *[np.full(28, 100.0)] * 2], axis=1)
    ...     for hits in (50.0, 40.0)
    ... ]
    >>> round(float(np.exp(log_ratio_on_same_days(*sides)[0])), 3)
    0.8
    """
    ratios = _ratios(first, second)
    if ratios is None or min(ratios) <= 0:
        return None
    return float(np.log(ratios[1] / ratios[0])), _errors(first, second, ratios, (1 / ratios[0], 1 / ratios[1]))


def _ratios(first: Array, second: Array) -> tuple[float, float] | None:
    totals = [each.sum(axis=0) for each in (first, second)]
    if min(total[B] for total in totals) <= 0:
        return None
    before, after = (float(total[A] / total[B]) for total in totals)
    return before, after


def _errors(first: Array, second: Array, ratios: tuple[float, float], bend: tuple[float, float]) -> Errors:
    """`bend`: how the figure changes with each ratio, without its sign."""
    sides = []
    for sums, ratio, stretch, sign in zip((first, second), ratios, bend, (-1.0, 1.0), strict=True):
        total = sums.sum(axis=0)
        slope = np.array([[sign * stretch / total[B]]])
        moments = total[AA, None], total[AB, None], total[BB, None]
        sides.append(influences(slope, -ratio * slope, sums[:, [A]], sums[:, [B]], moments, sums[:, B]))
    return errors([sides[0] + sides[1]])
