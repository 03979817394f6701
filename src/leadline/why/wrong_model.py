"""The wrong model in production: a new version whose scores are spread as those of an older one, not of the last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leadline.metrics.sums import Array
from leadline.why.shares import share_changes

#: rows that each version needs
LEAST_ROWS = 1_000
#: total variation from which on two spreads of scores are clearly apart, and up to which they are alike
APART, ALIKE = 0.10, 0.05
CHANCE = 0.01


def scores_like(new: Array, last: Array, older: Sequence[Array]) -> int | None:
    """The place of the older version whose scores a new one has, where the last version's were others; else None.

    new     rows of the new version by grain and score bin in its first days, shape (grains, bins)
    last    the same of the version that it replaces, in the days before
    older   the same of still older versions, in their last days

    The new version has to be clearly apart from the last one (total variation of at least .10, and some bin certain
    among all at .01), so has the older one, and the two are to be alike: at most .05 and a third of that distance.
    That a new version is spread as the last one was says nothing: a model that is fitted again often is.

    >>> low, high = np.full((14, 2), [90.0, 10.0]), np.full((14, 2), [40.0, 60.0])
    >>> scores_like(new=low, last=high, older=[low])
    0
    >>> scores_like(new=low, last=low, older=[high]) is None
    True
    """
    if min(new.sum(), last.sum()) < LEAST_ROWS or not _apart(last, new):
        return None
    far = _distance(last, new)
    found = [
        (_distance(each, new), place)
        for place, each in enumerate(older)
        if each.sum() >= LEAST_ROWS and _apart(each, last) and _distance(each, new) <= min(ALIKE, far / 3)
    ]
    return min(found)[1] if found else None


def _distance(first: Array, second: Array) -> float:
    """Total variation: half the sum of the differences of shares."""
    one, other = (each.sum(axis=0) / each.sum() for each in (first, second))
    return float(np.abs(one - other).sum() / 2)


def _apart(first: Array, second: Array) -> bool:
    *_, change, sure = share_changes(first, second, np.zeros((0, first.shape[1])))
    return _distance(first, second) >= APART and bool(sure.certain(change, CHANCE).any())
