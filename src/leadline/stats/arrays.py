"""Types and checks that the other files share."""

from __future__ import annotations

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


def require(condition: Any, why: str) -> None:
    """Raise ValueError(why) unless the condition holds everywhere (a NaN makes it fail).

    >>> require(np.array([True, False]), "n must be > 0")
    Traceback (most recent call last):
    ValueError: n must be > 0
    """
    if not np.all(condition):
        raise ValueError(why)
