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
RATIO = 2.0


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
    mean = float((share * at).sum())
    unit = float(high - low) or float(np.sqrt((share * (at - mean) ** 2).sum()))
    return Scale(bins, at, unit) if unit > 0 and np.isfinite(unit) else None


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
    """Distances between a reference and windows that are drawn from the same shares."""

    def __init__(self, shares: Array, rows: float, sizes: Array, of: Scale | None, swing: float = 0.0) -> None:
        """Draw them.

        shares   of the reference, shape (k,)
        rows     of the reference
        sizes    of the windows for which it is asked, all above 0
        swing    by how much of itself the share of a bin differs between windows; 0 for rows that are independent
        """
        rng = np.random.default_rng(0)
        self._n = rows
        low, high = max(float(sizes.min()), 1.0), max(float(sizes.max()), 1.0)
        count = int(np.ceil(np.log(high / low) / np.log(RATIO))) + 1
        self._sizes = np.unique(np.round(np.geomspace(low, high, count)))
        p = _drawn(rng, shares[None], rows)
        self._drawn: dict[str, list[Array]] = {kind.name: [] for kind in KINDS}
        for size in self._sizes:
            law = shares[None]
            if swing:
                law = shares * np.exp(swing * rng.standard_normal((DRAWS, len(shares))))
                law /= law.sum(axis=1, keepdims=True)
            tables = Tables(p, _drawn(rng, law, size), rows, float(size), of)
            for name, value in compared(tables).items():
                self._drawn[name].append(np.nan_to_num(value))

    def chance(self, kind: Kind, sizes: Array) -> Chance:
        """For windows of these sizes, each above 0."""
        drawn = np.stack(self._drawn[kind.name])
        square = drawn if kind.squared else drawn**2
        mean = square.mean(axis=1)
        spread = square.var(axis=1)
        freedom = np.divide(2 * mean**2, spread, out=np.full(len(mean), np.inf), where=spread > 0)
        unit = self._unit(self._sizes)
        root = unit if kind.squared else np.sqrt(unit)
        here = self._unit(sizes)
        here_root = here if kind.squared else np.sqrt(here)
        return Chance(
            self._between(drawn.mean(axis=1) / root, sizes) * here_root,
            self._between(np.quantile(drawn, HIGH, axis=1) / root, sizes) * here_root,
            self._between(mean / unit, sizes) * here,
            self._between(freedom, sizes),
        )

    def _unit(self, sizes: Array) -> Array:
        """1 / n + 1 / m, to which squared distances are about proportional."""
        return np.asarray(1 / self._n + 1 / np.maximum(sizes, 1.0))

    def _between(self, values: Array, sizes: Array) -> Array:
        return np.asarray(np.interp(np.log(np.maximum(sizes, 1.0)), np.log(self._sizes), values))


def _drawn(rng: np.random.Generator, law: Array, rows: float) -> Array:
    """Shares of `DRAWS` tables of so many rows."""
    size = max(round(rows), 1)
    return np.asarray(rng.multinomial(size, law, (DRAWS,) if len(law) == 1 else None)).reshape(DRAWS, -1) / size
