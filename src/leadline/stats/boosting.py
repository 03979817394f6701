"""Chances of two classes by boosted trees on columns that are already in bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.stats.arrays import Floats, floats, require
from leadline.stats.tree import Split, regression_tree

Ints = NDArray[np.int64]

#: rows of no difference that are added to each leaf
SHRINKAGE = 5.0


@dataclass(frozen=True, slots=True)
class Boosted:
    """Log odds that are a sum of small trees.

    base    log odds of all rows
    trees   each tree with what its leaves add
    """

    base: float
    trees: tuple[tuple[Split | int, Floats], ...]

    def log_odds(self, codes: Ints) -> Floats:
        """Of each row of codes, shape (rows, columns) -> (rows,)."""
        found = np.full(len(codes), self.base)
        for tree, values in self.trees:
            found += values[0] if isinstance(tree, int) else values[tree.leaves(codes)]
        return found


def boosted(
    codes: Ints,
    positive: NDArray[np.bool_],
    ordered: Sequence[bool],
    trees: int = 40,
    leaves: int = 8,
    rate: float = 0.2,
    least_rows: int = 20,
) -> Boosted:
    """Fit trees one after the other to what is left of the labels, label - chance.

    codes      small integers >= 0, shape (rows, columns)
    positive   labels, shape (rows,), both of them present
    ordered    by column, whether its codes are split by their order
    rate       in (0, 1], by how much of its fit each tree counts

    A leaf adds rate · Σ(label - chance) / (Σ chance (1 - chance) + shrinkage), a shrunken Newton step.
    Source: Friedman (2001), "Greedy function approximation", algorithm 5; leaves shrunken as in Chen and Guestrin
    (2016), "XGBoost".

    >>> codes = np.arange(400)[:, None] % 4
    >>> found = boosted(codes, codes[:, 0] == 3, [True])
    >>> (found.log_odds(np.array([[3], [0]])) > 0).tolist()
    [True, False]
    """
    labels = floats(positive)
    require(len(labels) == len(codes) and 0 < labels.mean() < 1, "codes and labels need the same rows, and both labels")
    require(trees >= 1 and leaves >= 2 and 0 < rate <= 1, "at least a tree of two leaves, and a rate in (0, 1]")
    base = float(np.log(labels.mean() / (1 - labels.mean())))
    log_odds, made = np.full(len(labels), base), []
    for _ in range(trees):
        chance = 1 / (1 + np.exp(-log_odds))
        left = labels - chance
        tree, count = regression_tree(codes, left, ordered, leaves, least_rows)
        place = np.zeros(len(labels), np.int64) if isinstance(tree, int) else tree.leaves(codes)
        sums = np.bincount(place, weights=left, minlength=count)
        curvature = np.bincount(place, weights=chance * (1 - chance), minlength=count)
        values = rate * sums / (curvature + SHRINKAGE)
        log_odds = log_odds + values[place]
        made.append((tree, values))
    return Boosted(base, tuple(made))
