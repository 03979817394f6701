"""Slices that a model fails for, as they were found: which rows, and the cells with which they are told."""

from __future__ import annotations

from dataclasses import dataclass

from leadline.cells.series import Series
from leadline.metrics.row_errors import RowError
from leadline.values import Slice


@dataclass(frozen=True)
class FoundSlice:
    """A slice that a metric is worse for.

    error     what is held against its rows
    said      its conditions in words
    where     the same as a condition of the declaration; None where it cannot be written
    columns   the user's columns in it
    examples  ids of some of its rows with large errors
    """

    error: RowError
    slice: Slice
    said: str
    where: str | None
    columns: tuple[str, ...]
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Basis:
    """What the errors of rows without labels are expected from.

    estimator  as results say it: `cbpe`, ...
    assumes    what that assumes
    said       what errors are, as the end of a sentence
    of_time    whether it tells one time from another; else nothing is said of since when
    """

    estimator: str
    assumes: str
    said: str
    of_time: bool = True


@dataclass(frozen=True)
class FoundSlices:
    """What was found, and the cells of all rows with which it is told.

    window   places of the grains in which slices were looked for
    series   ("total",) and ("slice", place) of the place of each slice in `slices`; ("slice", -1 - place) of all others
    rows     rows that were looked at
    features names of the columns by which slices were looked for
    basis    what errors are expected from, where labels are missing; None where errors are those of labels
    """

    window: tuple[int, int]
    series: Series
    slices: tuple[FoundSlice, ...]
    rows: int
    features: tuple[str, ...]
    basis: Basis | None = None
