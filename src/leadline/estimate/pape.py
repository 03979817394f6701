"""Leaf-PAPE: what a score would have meant in the reference, had its kinds of rows been as frequent as in a window.

PAPE weighs each row of the reference by how much likelier its inputs are in the window, and calibrates on these rows.
Here the leaves of a tree over features, fitted to the reference, say which inputs are alike: a weight is a ratio of
shares, and a window needs no more than its rows by leaf (METHODS 1.2, 1.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leadline.estimate.calibrator import fitted
from leadline.estimate.leaves import LeafRows
from leadline.metrics.expected import bin_scores
from leadline.metrics.sums import Array
from leadline.stats.auc import told_apart

#: rows of the reference that have to count after weighting, and which share of it
LEAST_EFFECTIVE, LEAST_EFFECTIVE_SHARE = 2_000, 0.4
#: rows of a window; of fewer, shares of two dozen leaves differ by chance alone
LEAST_WINDOW = 400
#: how well leaves have to tell a window from the reference, and how well they may: below nothing is to be gained, above
#: the reference has too few rows like the window's
LEAST_APART, MOST_APART = 0.55, 0.9


@dataclass(frozen=True, slots=True)
class ByLeaf:
    """Labelled rows of the reference by leaf and score bin, shape (leaves, bins).

    positives   Σw of rows with label 1
    weight      Σw; the rows themselves where they have no weights
    square      Σw²
    bins        as in `Histogram`
    """

    positives: Array
    weight: Array
    square: Array
    bins: Array

    @property
    def rows(self) -> LeafRows:
        """The same rows by leaf."""
        return LeafRows(self.weight.sum(-1), self.square.sum(-1))


def importance(reference: LeafRows, window: LeafRows) -> Array:
    """How much likelier a leaf is in a window than in the reference, shape (..., leaves); 0 where either has no row.

    >>> importance(LeafRows(np.array([50.0, 50.0]), np.ones(2)), LeafRows(np.array([1.0, 3.0]), np.ones(2)))
    array([0.5, 1.5])
    """
    share = reference.weight / max(float(reference.weight.sum()), 1e-300)
    rows = window.weight.sum(-1, keepdims=True)
    shares = np.divide(window.weight, rows, out=np.zeros_like(window.weight), where=rows > 0)
    return np.asarray(np.divide(shares, share, out=np.zeros_like(shares), where=share > 0))


def effective_rows(rows: LeafRows, weights: Array) -> Array:
    """Rows of equal weight that would tell as much as weighted ones, shape (...): (Σw)² / Σw² over the rows.

    weights   by leaf, shape (..., leaves); beside what the rows weigh of their own

    Source: Kish (1965), Survey Sampling.

    >>> rows = LeafRows(np.array([600.0, 400.0]), np.array([600.0, 400.0]))
    >>> effective_rows(rows, np.array([[1.0, 1.0], [1.0, 0.0]]))
    array([1000.,  600.])
    """
    total, squares = (weights * rows.weight).sum(-1), (weights**2 * rows.square).sum(-1)
    return np.asarray(np.divide(total**2, squares, out=np.zeros_like(squares), where=squares > 0))


def usable(reference: LeafRows, window: LeafRows) -> Array:
    """Whether the reference can be weighted like each window, shape (...): leaves tell the two apart, but not too well.

    The effective rows have to be 2,000 and 40 % of the reference, the window has to have 400 rows, and the AUC of the
    leaves has to lie in [.55, .9], each pair of rows left out of the shares that it is told apart by. Of windows of 400
    rows like the reference's own, 1.4 % pass; of 100 rows, 15 % would.
    Source: METHODS 1.2.
    """
    unit_then, unit_now = (
        np.divide(rows.square, rows.weight, out=np.zeros_like(rows.weight), where=rows.weight > 0)
        for rows in (reference, window)
    )
    apart = told_apart(np.broadcast_to(reference.weight, window.weight.shape), window.weight, unit_then, unit_now)
    rows = effective_rows(reference, importance(reference, window))
    every = effective_rows(reference, np.ones_like(reference.weight))
    enough = rows >= np.maximum(LEAST_EFFECTIVE, LEAST_EFFECTIVE_SHARE * every)
    enough &= effective_rows(window, np.ones_like(window.weight)) >= LEAST_WINDOW
    return np.asarray(enough & (apart >= LEAST_APART) & (apart <= MOST_APART))


def reweighted(reference: ByLeaf, weights: Array) -> Array:
    """The chance of a positive by score bin, which never falls as the score rises, in the weighted reference.

    weights   by window and leaf, shape (windows, leaves); each window has some above 0 where the reference has rows

    Shape (windows, bins), in [0, 1]. What isotonic regression gives on rows that are repeated as often as they weigh.
    Source: Białek and others (2024), arXiv 2401.08348, with leaves in place of a classifier.
    """
    scores = bin_scores(reference.bins)
    each = zip(weights @ reference.positives, weights @ reference.weight, strict=True)
    found = [fitted(positives, weight, scores) for positives, weight in each]
    return np.stack(found) if found else np.zeros((0, len(scores)))
