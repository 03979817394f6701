"""Who comes: the change of each slice's share of the rows between two windows."""

from __future__ import annotations

import numpy as np

from leadline.metrics.sums import Array
from leadline.stats.difference import Errors, Influences, errors, influences


def share_changes(first: Array, second: Array, before: Array) -> tuple[Array, Array, Array, Errors]:
    """The share of each slice in both windows, its change, and how sure that is.

    first, second   rows by grain and slice of a partition of all rows, shape (grains, slices); not all 0
    before          the same of the grains before the second window

    >>> shares = share_changes(np.full((28, 2), 50.0), np.full((28, 2), [30.0, 70.0]), np.zeros((0, 2)))
    >>> shares[2].round(2).tolist()
    [-0.2, 0.2]
    """
    totals = [np.asarray(each.sum(axis=0)) for each in (first, second)]
    shares = [each / each.sum() for each in totals]
    sides = []
    for rows, share, total, sign in zip((first, second), shares, totals, (-1.0, 1.0), strict=True):
        sides.append(_influences(rows, share, sign / total.sum()))
    history = _influences(before, shares[1], 1 / totals[1].sum()) if len(before) > 1 else None
    return *shares, shares[1] - shares[0], errors(sides, [None, history])


def _influences(rows: Array, share: Array, scale: float) -> Influences:
    """A row adds 1 to its own slice and to all: the ratio of which is the share."""
    own = np.eye(len(share)) * scale
    whole = np.broadcast_to(-share[:, None] * scale, own.shape)
    count = rows.sum(axis=0)
    return influences(own, whole, rows, rows, (count, count, count), rows.sum(axis=1))
