"""SliceLine's score of a slice of rows, and what no part of it can score more than."""

from __future__ import annotations

import numpy as np

from leadline.stats.arrays import Each, Floats, floats, require


def slice_score(size: Each, error: Each, whole_size: float, whole_error: float, alpha: float) -> Floats:
    """α (ē_S / ē - 1) - (1 - α) (n / n_S - 1): how much worse a slice is than all rows, less for smaller ones.

    size, error              n_S >= 0 and the slice's errors >= 0, of one shape: rows, or sums of weights
    whole_size, whole_error  the same of all rows, size > 0
    alpha                    in (0, 1]; the smaller, the larger a slice must be

    Returns -inf where the slice has no size, and for all where there are no errors. It is above 0 if and only if the
    errors that the slice has in excess of the average are more than (1 - α) / α of the average of the other rows:
    with the .95 of the paper 5.3 % of their errors. Raises ValueError outside those ranges.
    Source: Sagadeeva, Boehm (2021), SliceLine: Fast, Linear-Algebra-based Slice Finding, SIGMOD, 2290-2299, eq. 5.

    >>> slice_score([100.0, 400.0], [30.0, 40.0], 1000.0, 100.0, 0.95).round(2).tolist()
    [1.45, -0.08]
    """
    n, e = floats(size), floats(error)
    require(0 < alpha <= 1 and whole_size > 0, "alpha must lie in (0, 1], and there must be rows")
    require((n >= 0).all() and (e >= 0).all() and whole_error >= 0, "sizes and errors must be >= 0")
    if whole_error == 0:
        return np.full(n.shape, -np.inf)
    some = np.where(n > 0, n, 1.0)
    worse = e / some * (whole_size / whole_error) - 1
    return np.where(n > 0, alpha * worse - (1 - alpha) * (whole_size / some - 1), -np.inf)


def slice_score_bound(
    size: Each, error: Each, most: Each, least: float, whole_size: float, whole_error: float, alpha: float
) -> Floats:
    """No part of a slice with at least the size `least` has a score above this.

    size, error              an upper bound of the part's size and of its errors, of one shape
    most                     no row of it has a larger error
    least                    >= 0
    others                   as in `slice_score`

    A part of the size s has at most min(s · most, error) errors. Its score rises with s up to where all errors are in,
    and falls from there, or is monotone: so that its largest value lies at `least`, at error / most or at `size`.
    Returns -inf where the size is below `least`. Raises ValueError outside those ranges.
    Source: as above, eq. 9, with the number of rows where SystemDS and the package `sliceline` have the number of
    one-hot columns: fewer, so that their bound holds, but cuts off next to nothing (METHODS §7).

    >>> slice_score_bound([100.0], [30.0], 1.0, 10.0, 1000.0, 100.0, 0.95).round(2).tolist()
    [6.93]
    """
    n, e, m = floats(size), floats(error), floats(most)
    require((m >= 0).all() and least >= 0, "the largest error and the least size must be >= 0")
    dense = np.maximum(np.divide(e, m, out=np.zeros(np.broadcast(e, m).shape), where=m > 0), least)
    best = np.full(n.shape, -np.inf)
    for part in (np.broadcast_to(floats(least), n.shape), np.minimum(dense, n), n):
        score = slice_score(part, np.minimum(part * m, e), whole_size, whole_error, alpha)
        best = np.maximum(best, score)
    return np.where((n > 0) & (n >= least), best, -np.inf)
