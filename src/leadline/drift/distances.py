"""The distances that are shown of a column, and how large they are where nothing changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadline.metrics.sums import Array
from leadline.stats import distances

#: tables that are drawn to tell how far chance alone goes
DRAWS = 500
#: the share of the draws that `high` is above
HIGH = 0.99
#: sizes of windows that are drawn lie this far apart, at most
RATIO = 4.0
#: units from the middle of a scale at which bins lie at most: the fourth power of a distance is a number
FURTHEST = 1e60


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the bins of a numeric column lie, so that distances between numbers can be told.

    bins    places of the bins that are numbers, in rising order
    at      where they lie
    unit    the reference's interquartile range, or where that is 0 its standard deviation
    """

    bins: NDArray[np.int64]
    at: Array
    unit: float


def scale(centre: Array, reference: Array) -> Scale | None:
    """The scale of a column whose bins have these centres (NaN for those that are no numbers).

    reference   the reference's rows by bin

    None where there are no numbers, or all are the same.
    """
    bins = np.flatnonzero(np.isfinite(centre))
    rows, at = reference[bins], centre[bins]
    if not len(bins) or rows.sum() <= 0:
        return None
    share = rows / rows.sum()
    low, high = (at[np.searchsorted(np.cumsum(share), part)] for part in (0.25, 0.75))
    unit = float(high - low) or _deviation(at, share)
    if not (unit > 0 and np.isfinite(unit)):
        return None
    middle = float(at[np.searchsorted(np.cumsum(share), 0.5)])
    return Scale(bins, np.clip(at, middle - FURTHEST * unit, middle + FURTHEST * unit), unit)


def _deviation(at: Array, share: Array) -> float:
    """The standard deviation of numbers that may be too large for their squares."""
    away = at - (share * at).sum()
    largest = float(np.abs(away).max())
    return largest * float(np.sqrt((share * (away / largest) ** 2).sum())) if largest > 0 else 0.0


def scaled_wasserstein(p: Array, q: Array, of: Scale | None) -> Array:
    """The Wasserstein distance of the rows that have a number, in units of the scale; NaN without any."""
    if of is None:
        return np.full(np.broadcast_shapes(p.shape, q.shape)[:-1], np.nan)
    ours, theirs = (_among(shares[..., of.bins]) for shares in (p, q))
    return distances.wasserstein(ours, theirs, of.at) / of.unit


def _among(shares: Array) -> Array:
    """Shares of some bins among these; NaN where they hold nothing."""
    total = shares.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(shares, total, out=np.full(shares.shape, np.nan), where=total > 0))


class Tables(NamedTuple):
    """Histograms that are compared: shares p of n rows with shares q of m rows."""

    p: Array
    q: Array
    n: Array | float
    m: Array | float
    of: Scale | None


@dataclass(frozen=True, slots=True)
class Kind:
    """A distance.

    squared   whether it grows with the square of what changed, as divergences do
    """

    name: str
    squared: bool = False


KINDS = (
    Kind("l_infinity"),
    Kind("l1"),
    Kind("total_variation"),
    Kind("wasserstein"),
    Kind("js_distance"),
    Kind("js_divergence", squared=True),
    Kind("hellinger"),
    Kind("psi", squared=True),
)
#: the distances that decide: all bins together, where numbers lie, and one bin alone
DECIDING = ("js_distance", "wasserstein", "l_infinity")


def compared(t: Tables) -> dict[str, Array]:
    """Every distance by name, shape (...) each; NaN where it has none."""
    divergence = distances.js_divergence(t.p, t.q)
    variation = distances.total_variation(t.p, t.q)
    return {
        "l_infinity": distances.largest_difference(t.p, t.q),
        "l1": 2 * variation,
        "total_variation": variation,
        "wasserstein": scaled_wasserstein(t.p, t.q, t.of),
        "js_distance": np.sqrt(divergence),
        "js_divergence": divergence,
        "hellinger": distances.hellinger(t.p, t.q),
        "psi": distances.psi(t.p, t.q, t.n, t.m),
    }


@dataclass(frozen=True, slots=True)
class Chance:
    """How large a distance is by chance alone, between a reference and windows of several sizes.

    mean      its mean: the floor
    high      what it exceeds in one window of a hundred
    square    the mean of its square
    freedom   how sure that is: the square is spread like a chi-square of so many degrees of freedom, scaled
    """

    mean: Array
    high: Array
    square: Array
    freedom: Array


class Noise:
    """Distances by chance alone between a reference and windows of several sizes.

    Both are drawn from the same shares. Windows of m rows lie as far from a reference of n rows as those of
    1 / (1 / n + 1 / m) rows lie from the shares themselves; these are drawn, for a few sizes, and others lie between.
    """

    def __init__(self, shares: Array, rows: float, sizes: Array, of: Scale | None, swing: float = 0.0) -> None:
        """Draw them.

        shares   of the reference, shape (k,)
        rows     of the reference
        sizes    of the windows for which it is asked, at least 1 each
        swing    by how much of itself the share of a bin differs between windows; 0 for rows that are independent
        """
        rng = np.random.default_rng(0)
        self._n = rows
        low, high = (float(each) for each in (self._alone(sizes).min(), self._alone(sizes).max()))
        count = int(np.ceil(np.log(high / low) / np.log(RATIO))) + 1
        self._sizes = np.maximum(np.unique(np.round(np.geomspace(low, high, count))), 1.0)
        self._drawn: dict[str, list[Array]] = {kind.name: [] for kind in KINDS}
        for size in self._sizes:
            law = shares
            if swing:
                law = shares * np.exp(swing * rng.standard_normal((DRAWS, len(shares))))
                law /= law.sum(axis=1, keepdims=True)
            drawn = rng.multinomial(int(size), law, None if swing else DRAWS) / size
            for name, value in compared(Tables(shares, drawn, rows, float(size), of)).items():
                self._drawn[name].append(np.nan_to_num(value))

    def chance(self, kind: Kind, sizes: Array) -> Chance:
        """For windows of these sizes, at least 1 each."""
        drawn = np.stack(self._drawn[kind.name])
        square = drawn if kind.squared else drawn**2
        mean, spread = square.mean(axis=1), square.var(axis=1)
        freedom = np.divide(2 * mean**2, spread, out=np.full(len(mean), np.inf), where=spread > 0)
        # squares are about proportional to 1 / rows
        here, power = self._alone(sizes), 1.0 if kind.squared else 0.5
        return Chance(
            self._between(drawn.mean(axis=1) * self._sizes**power, here) / here**power,
            self._between(np.quantile(drawn, HIGH, axis=1) * self._sizes**power, here) / here**power,
            self._between(mean * self._sizes, here) / here,
            self._between(freedom, here),
        )

    def _alone(self, sizes: Array) -> Array:
        """How many rows lie as far from the shares themselves, at least 1."""
        return np.asarray(np.maximum(1 / (1 / self._n + 1 / sizes), 1.0))

    def _between(self, values: Array, sizes: Array) -> Array:
        return np.asarray(np.interp(np.log(sizes), np.log(self._sizes), values))
