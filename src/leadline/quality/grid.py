"""One fixed grid for the numbers of any column, so that a column can be compared with another, or in another unit.

Bins are 5 % wide on both sides of zero and do not depend on the data: after a change of unit no value falls off the
grid, as it would off bins that were chosen for the reference. A number is first rounded to single precision. No such
number is nearer to an edge than any engine's logarithm errs (a test goes through all edges), so that all engines
choose the same bin.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leadline.stats.arrays import Floats, floats

Ints = NDArray[np.int64]

#: smaller numbers count as zero, those from the second on have no bin of their own; powers of two, hence exact
LEAST, MOST = 2.0**-20, 2.0**40
WIDTH = 1.05
INNER = math.ceil(math.log(MOST / LEAST) / math.log(WIDTH))
#: the codes of bins go from -LAST to LAST; 0 is zero, ± LAST hold what is too large for the grid
LAST = INNER + 1
#: nineteen quantiles, .05 to .95
LEVELS: Floats = np.arange(1, 20) / 20


def bin_of(values: ArrayLike) -> Ints:
    """The code of each number's bin; numbers are finite.

    >>> bin_of([0, 1e-9, 1, -1, 1e300]).tolist()
    [0, 0, 285, -285, 854]
    """
    given = floats(values)
    size = np.abs(given).clip(LEAST / 2, MOST * 2).astype(np.float32).astype(np.float64)
    step = np.floor(np.log(size / LEAST) / math.log(WIDTH)).clip(max=INNER - 1)
    code = np.where(size < LEAST, 0, np.where(size >= MOST, LAST, 1 + step))
    return np.asarray(np.sign(given) * code, np.int64)


@functools.cache
def _ends() -> Floats:
    """The smaller ends in size of the bins 1, 2, ..., LAST, and the larger one of the last but one."""
    ends = np.concatenate([LEAST * WIDTH ** np.arange(INNER), [MOST]])
    ends.setflags(write=False)
    return ends


def ends_of(codes: ArrayLike) -> tuple[Floats, Floats]:
    """The lower and upper end of each bin; of the outermost ones only their inner end.

    >>> low, high = ends_of([0, 285, -285])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 0.993, -1.043], [0.0, 1.043, -0.993])
    """
    code = np.asarray(codes, np.int64)
    size = np.abs(code)
    near = np.where(size > 0, _ends()[np.maximum(size - 1, 0)], 0.0)
    far = np.where(size > 0, _ends()[np.minimum(size, LAST - 1)], 0.0)
    return np.where(code < 0, -far, near), np.where(code < 0, -near, far)


def quantiles(codes: Ints, counts: NDArray[Any], levels: Floats = LEVELS) -> Floats:
    """Quantiles of histograms on the grid, each at its place between the ends of its bin.

    codes    shape (bins,), rising
    counts   shape (..., bins)
    levels   shape (levels,), in (0, 1)

    Returns shape (..., levels), NaN where a histogram is empty. Off by at most 5 % of the value, half of that at most
    where the values of a bin lie evenly.

    >>> quantiles(np.array([0, 285]), np.array([[9, 1], [0, 0]]), np.array([0.5])).tolist()
    [[0.0], [nan]]
    """
    rows = floats(counts)
    found = np.full((*rows.shape[:-1], len(levels)), np.nan)
    if not len(codes):
        return found
    low, high = ends_of(codes)
    flat, out = rows.reshape(-1, len(codes)), found.reshape(-1, len(levels))
    passed = np.cumsum(flat, axis=1)
    for place in np.flatnonzero(passed[:, -1] > 0):
        ranks = levels * passed[place, -1]
        at = np.searchsorted(passed[place], ranks * (1 - 1e-12))
        here = flat[place, at]
        inside = np.clip((ranks - passed[place, at] + here) / np.where(here > 0, here, 1.0), 0.0, 1.0)
        out[place] = low[at] + inside * (high - low)[at]
    return found


def moved(codes: Ints, counts: NDArray[Any], onto: Ints) -> NDArray[Any]:
    """Histograms on other bins of the grid: shape (..., len(onto)); what lies in none of them is lost."""
    found = np.zeros((*counts.shape[:-1], len(onto)), counts.dtype)
    place = np.searchsorted(onto, codes)
    here = (place < len(onto)) & (onto[np.minimum(place, len(onto) - 1)] == codes) if len(onto) else np.zeros(0, bool)
    found[..., place[here]] = counts[..., here]
    return found
