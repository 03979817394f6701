"""Quantiles of absolute errors and of latencies: read from histograms of 1 % relative width, with one fixed grid for
ever.

A number is first rounded to single precision. No such number is nearer to an edge than any engine's logarithm errs (a
test goes through all edges), so that all engines choose the same bin.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from leadline.metrics.metric import ROWS, SQUARE, WEIGHT, Ends, Metric
from leadline.metrics.sums import Array, Measure, Sums
from leadline.stats.design import Designs
from leadline.stats.quantile import quantile_interval

#: numbers below the first count as none, those from the second on have no bin of their own; powers of two, hence exact
LEAST, MOST = 2.0**-30, 2.0**40
WIDTH = 1.01
INNER = math.ceil(math.log(MOST / LEAST) / math.log(WIDTH))
#: bin 0 holds numbers below LEAST, the last one those from MOST on
ERROR_BINS = INNER + 2
#: single precision moves a number by less than this share of it
ROUNDING = 2.0**-23


@functools.cache
def error_edges() -> Array:
    """The ends of all bins, shape (ERROR_BINS + 1,).

    >>> [float(round(edge, 12)) for edge in error_edges()[[0, 1, 2, -2, -1]]]
    [0.0, 9.31e-10, 9.41e-10, 1099511627776.0, inf]
    """
    inner = LEAST * WIDTH ** np.arange(INNER)
    edges = np.concatenate([[0.0], inner, [MOST, np.inf]])
    edges.setflags(write=False)
    return edges


def size_bin(size: ir.Value) -> ir.Value:
    """The number of the bin of a number from 0 on; NULL where it is."""
    # some engines refuse to round a double that is too large or too small for single precision
    inside = ibis.greatest(ibis.least(size, MOST * 2), LEAST / 2).cast("float32").cast("float64")
    step = ((inside / LEAST).ln() / math.log(WIDTH)).floor()
    return ibis.cases(
        (size.isnull(), ibis.null("int64")),
        (inside < LEAST, ibis.literal(0, "int64")),
        (inside >= MOST, ibis.literal(INNER + 1, "int64")),
        else_=1 + ibis.least(step, INNER - 1).cast("int64"),
    )


def error_bin(facts: ir.Table) -> ir.Value:
    """The number of the bin of a row's absolute error; NULL where it lacks prediction or label."""
    return size_bin((facts.prediction_value - facts.label_value).abs())


def latency_bin(facts: ir.Table) -> ir.Value:
    """The number of the bin of a row's latency; NULL where it has none."""
    return size_bin(facts.latency_s)


#: what histograms of sizes hold, as `Sums` and metrics call them
SIZES: Mapping[str, Callable[[ir.Table], ir.Value]] = {"errors": error_bin, "latencies": latency_bin}


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeQuantile(Metric):
    """The smallest x with a share of at least q of the sizes at or below it: of absolute errors, or of latencies.

    count   the measure that tells how many rows have one, and their squared weights
    """

    q: float
    count: Measure

    def parts(self, sums: Sums) -> Array:
        """Rows, Σw, Σw², then the weights by bin."""
        return np.concatenate([sums.losses[self.count.name][..., : SQUARE + 1], self.sizes(sums)], axis=-1)

    def sizes(self, sums: Sums) -> Array:
        """The histogram that it reads."""
        found = sums.sizes.get(self.histogram or "")
        if found is None:
            raise ValueError(f"{self.name} needs the histogram of {self.histogram}")
        return found

    def _place(self, parts: Array) -> NDArray[np.int64]:
        """The bin at whose end the share q is reached, as `stats.quantile` finds it; shape (...)."""
        passed = np.cumsum(parts[..., SQUARE + 1 :], axis=-1)
        return np.asarray((passed < self.q * (1 - 1e-12) * passed[..., -1:]).sum(axis=-1))

    def value(self, parts: Array) -> Array:
        ends = error_edges()[self._place(parts) + 1] * (1 + ROUNDING)
        return np.where((parts[..., WEIGHT] > 0) & np.isfinite(ends), ends, np.nan)

    def why(self, parts: Array) -> str:
        return f"the quantile lies above {MOST:.3g}" if parts[WEIGHT] > 0 else self.undefined

    def bound(self, parts: Array) -> Array:
        place, edges = self._place(parts), error_edges()
        return np.asarray(edges[place + 1] * (1 + 2 * ROUNDING) - edges[place])

    def _share(self, parts: Array) -> tuple[Array, Array]:
        """The share of rows at or below the quantile, shape (...), and which bins they are in."""
        bins = parts[..., SQUARE + 1 :]
        below = np.arange(bins.shape[-1]) <= self._place(parts)[..., None]
        return (bins * below).sum(-1) / parts[..., WEIGHT], below.astype(np.float64)

    def row_variance(self, parts: Array) -> Array:
        """Of the share of rows at or below the quantile."""
        share, _ = self._share(parts)
        return np.maximum(share * (1 - share), 0.0) * parts[..., SQUARE] / parts[..., WEIGHT] ** 2

    def slope(self, parts: Array) -> Array:
        share, below = self._share(parts)
        slope = (below - share[:, None]) / parts[..., WEIGHT, None]
        return np.concatenate([np.zeros((len(parts), SQUARE + 1)), slope], axis=-1)

    def size(self, parts: Array) -> Array:
        return parts[..., WEIGHT]

    def interval(self, parts: Array, value: Array, variance: Array, design: Designs) -> Ends:
        ends = np.full((len(parts), 2), np.nan)
        for place, each in enumerate(parts):
            bins = each[SQUARE + 1 :]
            unit = each[SQUARE] / each[WEIGHT]  # rows of equal weight that would say as much
            edges = error_edges()[: len(bins) + 1]
            low, high = quantile_interval(
                bins / unit, edges, self.q, float(design.critical[place]), float(design.deff[place])
            )
            if math.isfinite(high) and each[ROWS] > 1:  # else n is too small for q
                ends[place] = low * (1 - ROUNDING), high * (1 + ROUNDING)
        return ends[:, 0], ends[:, 1], "order_statistics"
