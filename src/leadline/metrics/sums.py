"""The state of all metrics: sums of facts that add (DESIGN §2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields

import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Places = slice | NDArray[np.intp]
"""Of grains."""

#: scores are cut at multiples of 2^-32 before they are binned or summed
SCORE_UNIT = 2**32
LINEAR_BINS = 512
LOGIT_BINS = 512
LOGIT_RANGE = 15.0


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of each row of facts that is summed.

    expression   from facts, NULL where a row has none
    bound        the largest magnitude it can have, or None: then it is summed as a double, and sums of different
                 engines agree to 1e-12 · Σ|x| only. A bounded one is rounded to a multiple of `unit` and summed in
                 integers, the same bit for bit everywhere.
    counted      it is 1 wherever it is, so that only rows are counted; whatever they weigh
    """

    name: str
    expression: Callable[[ir.Table], ir.Value] = field(compare=False)
    bound: float | None = None
    counted: bool = False

    @property
    def unit(self) -> float | None:
        """The multiple of which a bounded measure is summed: 2^-32 up to a bound of 64, coarser above.

        A sum that does not fit 64 bits is an error on every engine, never a wrong number; at an average of 1 a cell
        holds two thousand million rows, at 36 (the worst log loss there is, in every row) 60 million.

        >>> Measure("squared_error", lambda facts: facts.score, 1.0).unit == 2.0**-32
        True
        """
        if self.bound is None:
            return None
        return float(2.0 ** (math.ceil(math.log2(max(self.bound / 64, 1.0))) - 32))


@dataclass(frozen=True, slots=True)
class Histogram:
    """Weights of labelled rows by score bin, in rising order of score; shape (..., bins).

    squares   sums of squared weights
    scored    sums of weight · score, for calibration
    bins      shape (bins, 3): linear bin, logit bin and number of declared thresholds at or below the scores of a bin
    span      how many bins of the fixed grid make one of these
    """

    negatives: Array
    positives: Array
    negative_squares: Array
    positive_squares: Array
    scored: Array
    bins: Array
    span: int = 1

    def __add__(self, other: Histogram) -> Histogram:
        return self._each(lambda name: getattr(self, name) + getattr(other, name))

    def __getitem__(self, index: Places) -> Histogram:
        return self._each(lambda name: getattr(self, name)[index])

    def total(self) -> Histogram:
        """The sum over the first axis."""
        return self._each(lambda name: getattr(self, name).sum(axis=0))

    def folded(self, groups: int) -> Histogram:
        """The sum over every `groups` neighbours on the first axis."""

        def sums(name: str) -> Array:
            array = getattr(self, name)
            return np.asarray(array.reshape(-1, groups, array.shape[-1]).sum(axis=1))

        return self._each(sums)

    def _each(self, array: Callable[[str], Array]) -> Histogram:
        sums = {each.name: array(each.name) for each in fields(self) if each.name not in ("bins", "span")}
        return Histogram(**sums, bins=self.bins, span=self.span)


PARTS = ("rows", "all_rows", "labelled", "immature", "counts", "squares")


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of the facts of a slice. The first axis of all arrays, if they have one, is grains or hash groups.

    rows      rows, labelled or not; shape (...)
    all_rows  rows of all slices together, for the share of a slice
    labelled  rows that have a label
    immature  rows that are too young for their label
    counts    weight by (predicted, actual), each with a last place for what is missing; shape (..., k + 1, k + 1)
    squares   the same for squared weights; equal to counts where rows have no weights
    losses    by measure, shape (..., 6): rows, Σw, Σw², Σwx, Σw²x, Σw²x² over labelled rows that have it
    scores    by class name ("" for binary), the histogram of scores
    sizes     "errors", "latencies": weights by bin (`metrics.errors`), shape (..., bins), of those that a metric reads
    days      days that the rows were collected in, where it is known; shape (...)
    slices    by name of a partition the sums of its slices, in the order of their codes, where a metric reads them
    """

    rows: Array
    all_rows: Array
    labelled: Array
    immature: Array
    counts: Array
    squares: Array
    losses: Mapping[str, Array] = field(default_factory=dict)
    scores: Mapping[str, Histogram] = field(default_factory=dict)
    sizes: Mapping[str, Array] = field(default_factory=dict)
    days: Array | None = None
    slices: Mapping[str, tuple[Sums, ...]] = field(default_factory=dict)

    def __add__(self, other: Sums) -> Sums:
        added: dict[str, Array] = {name: getattr(self, name) + getattr(other, name) for name in PARTS}
        return Sums(
            **added,
            losses={name: sums + other.losses[name] for name, sums in self.losses.items()},
            scores={name: histogram + other.scores[name] for name, histogram in self.scores.items()},
            sizes={name: binned + other.sizes[name] for name, binned in self.sizes.items()},
            days=None if self.days is None or other.days is None else self.days + other.days,
            slices={
                name: tuple(mine + others for mine, others in zip(each, other.slices[name], strict=True))
                for name, each in self.slices.items()
            },
        )

    def __getitem__(self, index: Places) -> Sums:
        return self._each(lambda array: array[index], lambda histogram: histogram[index])

    def total(self) -> Sums:
        """The sum over the first axis."""
        return self._each(lambda array: array.sum(axis=0), lambda histogram: histogram.total())

    def _each(self, array: Callable[[Array], Array], histogram: Callable[[Histogram], Histogram]) -> Sums:
        each: dict[str, Array] = {name: array(getattr(self, name)) for name in PARTS}
        return Sums(
            **each,
            losses={name: array(sums) for name, sums in self.losses.items()},
            scores={name: histogram(found) for name, found in self.scores.items()},
            sizes={name: array(binned) for name, binned in self.sizes.items()},
            days=None if self.days is None else array(self.days),
            slices={name: tuple(one._each(array, histogram) for one in found) for name, found in self.slices.items()},
        )

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.counts.shape[-1]) - 1
