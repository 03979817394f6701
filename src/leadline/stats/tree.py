"""A small regression tree on columns that are already in bins: which rows differ in the mean of a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.stats.arrays import Floats, floats, require

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Split:
    """A row goes to `low` where its code in a column is among `codes`, else to `high`; both are a `Split` or a leaf.

    >>> Split(0, frozenset({1}), 0, 1).leaves(np.array([[1], [2]])).tolist()
    [0, 1]
    """

    column: int
    codes: frozenset[int]
    low: Split | int
    high: Split | int

    def leaves(self, codes: Ints) -> Ints:
        """The number of the leaf of each row of codes, shape (rows, columns)."""
        inside = np.isin(codes[:, self.column], list(self.codes))
        found = np.empty(len(codes), np.int64)
        for side, rows in ((self.low, inside), (self.high, ~inside)):
            found[rows] = side if isinstance(side, int) else side.leaves(codes[rows])
        return found


@dataclass(slots=True)
class _Open:
    """A leaf that may yet be split: its rows, and its best split with what it gains."""

    rows: Ints
    gain: float
    column: int
    codes: frozenset[int]


def regression_tree(
    codes: Ints, values: Floats, ordered: Sequence[bool], most_leaves: int = 24, least_rows: int = 1
) -> tuple[Split | int, int]:
    """The tree that explains the most of the variance of `values`, leaf by leaf; and how many leaves it has.

    codes        small integers >= 0, shape (rows, columns)
    values       shape (rows,), finite
    ordered      by column, whether its codes are split by their order; else in the order of their means, among which
                 the best split of a mean is
    most_leaves  at least 1
    least_rows   that a leaf holds, at least 1

    Each step splits the leaf whose best split lowers the sum of squares the most; ties go to the first column. It stops
    where no split lowers it, so that noise is split, too: shrink what is read from the leaves.
    Source: Breiman et al. (1984), Classification and Regression Trees, 4.2 and 8.3; best-first as in Shi (2007).

    >>> codes, values = np.array([[0], [0], [1], [1]] * 50), np.array([0.0, 0.1, 1.0, 1.1] * 50)
    >>> regression_tree(codes, values, [True], 24, 10)
    (Split(column=0, codes=frozenset({0}), low=0, high=1), 2)
    """
    values = floats(values)
    require(codes.ndim == 2 and len(codes) == len(values), "codes and values need the same rows")
    require(codes.shape[1] == len(ordered), "each column is ordered or is not")
    require(np.isfinite(values).all() and (codes >= 0).all(), "values must be finite and codes >= 0")
    require(most_leaves >= 1 and least_rows >= 1, "a tree needs a leaf, and a leaf a row")
    width = int(codes.max(initial=0)) + 1
    codes = np.ascontiguousarray(codes.T)  # a column's codes side by side, for they are read column by column
    leaves = [_best(codes, values, ordered, np.arange(len(values)), width, least_rows)]
    children: dict[int, tuple[_Open, _Open]] = {}
    root = leaves[0]
    while len(leaves) < most_leaves:
        place = max(range(len(leaves)), key=lambda index: leaves[index].gain)
        chosen = leaves[place]
        if chosen.gain <= 0:
            break
        inside = np.isin(codes[chosen.column, chosen.rows], list(chosen.codes))
        pair = (
            _best(codes, values, ordered, chosen.rows[inside], width, least_rows),
            _best(codes, values, ordered, chosen.rows[~inside], width, least_rows),
        )
        children[id(chosen)] = pair
        leaves[place : place + 1] = pair
    numbers = {id(leaf): number for number, leaf in enumerate(leaves)}

    def built(node: _Open) -> Split | int:
        if id(node) in numbers:
            return numbers[id(node)]
        low, high = children[id(node)]
        return Split(node.column, node.codes, built(low), built(high))

    return built(root), len(leaves)


def _best(codes: Ints, values: Floats, ordered: Sequence[bool], rows: Ints, width: int, least_rows: int) -> _Open:
    """A leaf with its best split; a gain of 0 where there is none. `codes` has shape (columns, rows)."""
    best = _Open(rows, 0.0, 0, frozenset())
    if len(rows) < 2 * least_rows:
        return best
    mine = values[rows]
    total, count, total_of_squares = mine.sum(), len(rows), float(mine @ mine)
    for column, of_column in enumerate(codes):
        code = of_column[rows]
        n = np.bincount(code, minlength=width)
        found = np.flatnonzero(n)
        if len(found) < 2:
            continue
        sums = np.bincount(code, weights=mine, minlength=width)
        order = found if ordered[column] else found[np.argsort(sums[found] / n[found], kind="stable")]
        low_n, low_sum = np.cumsum(n[order])[:-1], np.cumsum(sums[order])[:-1]
        high_n, high_sum = count - low_n, total - low_sum
        gain = low_sum**2 / low_n + high_sum**2 / high_n - total**2 / count
        gain[(low_n < least_rows) | (high_n < least_rows) | (gain <= 1e-12 * total_of_squares)] = 0.0
        place = int(np.argmax(gain))
        if gain[place] > best.gain:
            best = _Open(rows, float(gain[place]), column, frozenset(order[: place + 1].tolist()))
    return best
