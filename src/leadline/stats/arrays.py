"""Types and checks that the other files share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Number = TypeVar("Number", float, Floats)
"""A float, or an array: what goes in as a float comes out as a float."""
Each = float | Floats
"""One number for all, or one for each."""


def floats(values: ArrayLike) -> Floats:
    """The values as an array of floats; the caller's array is never written to."""
    return np.asarray(values, dtype=np.float64)


def plain(values: Any) -> Any:
    """A Python float where there is a single number, else the array.

    >>> plain(np.float64(2))
    2.0
    """
    return values if np.ndim(values) else float(values)


def over_runs(values: Floats, runs: Sequence[tuple[int, int]]) -> Floats:
    """Sums along the first axis, from one place to before another; shape (runs, ...).

    >>> over_runs(np.array([1.0, 2.0, 4.0, 8.0]), [(0, 2), (1, 4)]).tolist()
    [3.0, 14.0]
    """
    sums = [values[begin:after].sum(axis=0) for begin, after in runs]
    return np.array(sums, np.float64).reshape(len(runs), *values.shape[1:])


def require(condition: Any, why: str) -> None:
    """Raise ValueError(why) unless the condition holds everywhere (a NaN makes it fail).

    >>> require(np.array([True, False]), "n must be > 0")
    Traceback (most recent call last):
    ValueError: n must be > 0
    """
    if not np.all(condition):
        raise ValueError(why)
