"""Why a figure changed: other rows came, like rows came out differently, or rows came that were not known before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leadline.stats.arrays import Floats, floats, require

#: a kind of rows is new where it is so many times as frequent as in the first window, and there had few rows
NEW_RATIO, NEW_ROWS = 10.0, 50.0
#: share of the rows that both windows have in common, below which nothing is told apart
LEAST_SHARED = 0.05
DATA, WORLD, UNSEEN = range(3)

Figure = Callable[[Floats], Floats]
"""Sums over rows, shape (..., sums) → the figure, shape (...); the same when all sums double, NaN where it has none."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A change and its three terms.

    before, after   the figure in both windows
    terms           what changed because other rows came; because like rows came out differently; because of rows that
                    the first window hardly knows. Their sum is after - before. Shape (3,)
    shared          share of the rows that both windows have in common, Σ min(p, q), in [0, 1]
    new             share of the second window's rows that the first one hardly knows
    slopes          how the terms change with the sums of each kind in the first and in the second window, shape
                    (3, kinds, sums) each
    """

    before: float
    after: float
    terms: Floats
    shared: float
    new: float
    slopes: tuple[Floats, Floats]


def shift(first: ArrayLike, second: ArrayLike, figure: Figure, rows: ArrayLike) -> Shift | None:
    """Tell the change of a figure apart over kinds of rows, exactly; None where the windows have too little in common.

    first, second   sums over the rows of each kind, shape (kinds, sums)
    figure          of the sums over all rows
    rows            how many rows a sum counts, shape (sums,): of counts all 1, of a loss's (Σw, Σwx) it is (1, 0)

    With shares p and q of a kind, rows are weighed by h = q / (p + q) in the first window and by 1 - h in the second:
    both then have the same mix, pq / (p + q), in which kinds count that both windows have (R_S0, R_S1). The world is
    R_S1 - R_S0. R_S0 - R_0 and R_1 - R_S1 are changes of who comes, at the first window's outcomes and at the
    second's; both are the data's, but for what the rows add that the first window hardly knows: R_1 less the second
    window's figure without them. (The source calls all of R_1 - R_S1 new or rare. Of two windows that only differ in
    how often the same kinds come that is half the change of mix, in which nothing is new.)
    What differs within a kind counts as the world: kinds must tell rows as finely as the model does, by its score.
    Raises ValueError where shapes do not go together.
    Source: Cai, Namkoong, Yadlowsky (2023), "Diagnosing model performance under distribution shift", with the
    domain classifier's chance by kind (METHODS §6).

    >>> right = lambda sums: sums[..., 0] / sums.sum(-1)
    >>> found = shift([[90, 10], [50, 50]], [[45, 5], [75, 75]], right, [1, 1])  # more of the difficult half
    >>> found.terms.round(3).tolist(), round(found.after - found.before, 3)
    ([-0.1, 0.0, 0.0], -0.1)
    """
    x, y, count = floats(first), floats(second), floats(rows)
    require(x.shape == y.shape and x.ndim == 2 and count.shape == x.shape[1:], "windows must have the same kinds")
    n, m = x @ count, y @ count
    if min(n.sum(), m.sum()) <= 0:
        return None
    p, q = n / n.sum(), m / m.sum()
    shared = float(np.minimum(p, q).sum())
    fresh = (n < NEW_ROWS) & (q > NEW_RATIO * p)
    if shared < LEAST_SHARED:
        return None
    both = np.where(fresh, 0.0, p + q)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(both > 0, 1 / both, 0.0)
    old = np.where(fresh, 0.0, 1.0)
    wholes = [x.sum(axis=0), q * inverse @ x, p * inverse @ y, old @ y, y.sum(axis=0)]
    values = [float(figure(each)) for each in wholes]
    if not np.isfinite(values).all():
        return None
    terms = np.array([values[1] - values[0] + values[3] - values[2], values[2] - values[1], values[4] - values[3]])
    # how the five sums, weighed by each figure's gradient, move with one more row of each kind
    gradient = [_gradient(figure, each) for each in wholes]
    bend = (p * inverse**2, q * inverse**2)
    by_p = [-bend[1] * (x @ gradient[1]), bend[1] * (y @ gradient[2])]
    by_q = [bend[0] * (x @ gradient[1]), -bend[0] * (y @ gradient[2])]
    in_first = _moved(n, by_p, count, [q * inverse, None], gradient)
    in_second = _moved(m, by_q, count, [None, p * inverse], gradient)
    start = np.broadcast_to(gradient[0], x.shape)
    seen, end = old[:, None] * gradient[3], np.broadcast_to(gradient[4], y.shape)
    slopes = (
        np.stack([in_first[0] - in_first[1] - start, in_first[1] - in_first[0], np.zeros_like(x)]),
        np.stack([in_second[0] - in_second[1] + seen, in_second[1] - in_second[0], end - seen]),
    )
    return Shift(values[0], values[4], terms, shared, float(q[fresh].sum()), slopes)


def merged(counts: ArrayLike, least: float) -> NDArray[np.int64]:
    """Kinds by leaf and score bin: a leaf's own in a bin where it has enough rows, else all others of the bin together.

    counts   rows of the first window, shape (leaves, bins)
    least    how many a kind of its own needs

    Returns the number of the kind by leaf and bin, shape (leaves, bins).

    >>> merged([[60, 10], [70, 20], [5, 30]], 50).tolist()
    [[0, 3], [1, 3], [2, 3]]
    """
    rows = floats(counts)
    own = rows >= least
    kinds = np.where(own, np.arange(rows.size).reshape(rows.shape), rows.size + np.arange(rows.shape[1]))
    return np.unique(kinds, return_inverse=True)[1].reshape(rows.shape).astype(np.int64)


def of_equal_rows(rows: ArrayLike, count: int) -> NDArray[np.int64]:
    """The wide bin of each fine bin, of `count` with about equally many rows.

    rows   by fine bin in rising order, shape (bins,)

    >>> of_equal_rows([100, 0, 100], 16).tolist()
    [4, 8, 12]
    """
    counts = floats(rows)
    behind = np.cumsum(counts) - counts / 2
    return np.asarray(np.minimum(behind / max(counts.sum(), 1.0) * count, count - 1), np.int64)


def _gradient(figure: Figure, sums: Floats) -> Floats:
    """By differences: of sums of rows a millionth of the whole up and down."""
    step = 1e-6 * max(float(np.abs(sums).max()), 1e-300)
    moves = np.eye(len(sums)) * step
    found = (figure(sums + moves) - figure(sums - moves)) / (2 * step)
    return np.where(np.isfinite(found), found, 0.0)


def _moved(
    rows: Floats,
    by_share: list[Floats],
    count: Floats,
    weights: list[Floats | None],
    gradient: list[Floats],
) -> list[Floats]:
    """How R_S0 and R_S1 move with the sums of each kind in one window: by their own weight, and by the kinds' shares.

    by_share   what one more of a kind's share adds, for each of the two
    weights    of the kinds where the window's own sums are weighed
    """
    total, share = rows.sum(), rows / rows.sum()
    found = []
    for place, (part, weight) in enumerate(zip(by_share, weights, strict=True), start=1):
        through = (part - part @ share) / total
        own = np.zeros((len(rows), len(count))) if weight is None else weight[:, None] * gradient[place]
        found.append(own + through[:, None] * count)
    return found
