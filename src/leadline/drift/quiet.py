"""How far windows lie from the reference while nothing changes.

Real windows differ more than independent rows do: there are weekends, campaigns, one large customer. The windows of
the reference itself tell by how much. Their squared distances from the rest of the reference, over what chance alone
makes of windows of their size, are taken for a scaled chi-square, and a later window has drifted where its own lies
beyond what is to be expected of the next draw.

Simulated with 2 to 200 bins, windows of 1,000 and 10,000 rows and 7 to 28 windows of reference: independent rows, and
rows whose shares follow a Dirichlet law, are called drifted in at most .5 % of quiet windows, days of a week that
differ in at most .5 % where the reference has whole weeks. Windows that follow each other are called so more often, for
a short reference does not show how far they swing: with 28 windows of reference in up to 2 % (autocorrelation .7) and
5 % (.9), with 7 in up to 10 % and 25 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, fdtri

from leadline.drift.distances import DECIDING, KINDS, Kind, Noise, Scale, Tables, compared
from leadline.metrics.sums import Array

#: chance that one distance of a quiet window is called drifted; three of them decide
ALPHA = 0.001
#: with which chance the spread of the reference's windows is understated
UNSURE = 0.1
#: standard deviations by which what windows differ by may be larger than it was found
UNSURE_WITH = 1.28
#: fewer windows of reference say nothing of how windows differ
LEAST_WINDOWS = 4
#: then the share of each bin is taken to swing by so much of itself
SWING = 0.1
#: a law whose spread is larger than that of one squared normal has no mean to speak of
LEAST_FREEDOM = 1.0
#: with more, a law is as good as without any spread; a column that is always the same has infinitely many
MOST_FREEDOM = 1e6
#: neighbouring windows are never taken to be more alike than this
MOST_ALIKE = 0.9
#: of what windows differ by at least this share is no chance
LEAST_SWING = 0.2


@dataclass(frozen=True, slots=True)
class Histograms:
    """Windows by bin, shape (windows, k): weights and squared weights; both are rows where these have no weights."""

    weight: Array
    square: Array

    @property
    def rows(self) -> Array:
        """How many independent rows of equal weight say as much; 0 for a window without rows."""
        total, square = self.weight.sum(axis=-1), self.square.sum(axis=-1)
        return np.asarray(np.divide(total**2, square, out=np.zeros(total.shape), where=square > 0))

    @property
    def shares(self) -> Array:
        """Shares of the bins; 0 throughout for a window without rows."""
        total = self.weight.sum(axis=-1, keepdims=True)
        return np.asarray(np.divide(self.weight, total, out=np.zeros(self.weight.shape), where=total > 0))

    def some(self, chosen: NDArray[np.bool_]) -> Histograms:
        """Some of the windows."""
        return Histograms(self.weight[chosen], self.square[chosen])

    @property
    def rest(self) -> Histograms:
        """For each window all others together."""
        return Histograms(self.weight.sum(axis=0) - self.weight, self.square.sum(axis=0) - self.square)

    def total(self) -> Histograms:
        """All windows together, as one."""
        return Histograms(self.weight.sum(axis=0, keepdims=True), self.square.sum(axis=0, keepdims=True))


@dataclass(frozen=True, slots=True)
class Distances:
    """One distance of many windows from the reference, shape (windows,); NaN where it has none.

    value    the distance
    floor    its mean if rows were independent and nothing had changed
    high     what it then exceeds in one window of a hundred
    excess   what of it is above the floor: sqrt(max(0, value² - floor²)), or for divergences max(0, value - floor)
    limit    above which a window has drifted; None for distances that do not decide
    """

    value: Array
    floor: Array
    high: Array
    excess: Array
    limit: Array | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """The distances of many windows by name, and which of them drifted."""

    distances: Mapping[str, Distances]
    drifted: NDArray[np.bool_]


def measured(own: Histograms, windows: Histograms, of: Scale | None, parts: float = 1.0) -> Measured:
    """Compare windows with the reference.

    own      the reference's own windows, at least one of them with rows
    windows  those that are compared
    of       where the bins lie, for numeric columns
    parts    how many windows as long as the reference's make one of those that are compared

    A window without rows has no distances and has not drifted.
    """
    own = own.some(own.rows > 0)
    reference = own.total()
    n, p = float(reference.rows[0]), reference.shares[0]
    sizes, q = windows.rows, windows.shares
    some = sizes > 0
    few = len(own.rows) < LEAST_WINDOWS
    asked = np.maximum(np.concatenate([sizes[some], own.rows]), 1.0)
    noise = Noise(p, n, asked, of)
    swung = Noise(p, n, asked, of, SWING) if few else None
    values = compared(Tables(p, q, n, sizes, of))
    ours = compared(Tables(own.rest.shares, own.shares, own.rest.rows, own.rows, of))
    found: dict[str, Distances] = {}
    drifted = np.zeros(len(sizes), bool)
    for kind in KINDS:
        value = np.where(some, values[kind.name], np.nan)
        chance = noise.chance(kind, np.maximum(sizes, 1.0))
        found[kind.name] = _above(kind, value, np.where(np.isfinite(value), chance.mean, np.nan), chance.high)
        if kind.name in DECIDING:
            limit = _guessed(kind, swung, sizes) if swung else _limits(kind, noise, own, ours[kind.name], sizes, parts)
            drifted |= np.nan_to_num(value) ** 2 > limit
            found[kind.name] = replace(found[kind.name], limit=np.sqrt(limit))
    return Measured(found, drifted)


def _above(kind: Kind, value: Array, floor: Array, high: Array) -> Distances:
    excess = value - floor if kind.squared else np.sqrt(np.maximum(value**2 - floor**2, 0.0))
    return Distances(value, floor, np.where(np.isfinite(value), high, np.nan), np.maximum(excess, 0.0))


def _guessed(kind: Kind, swung: Noise, sizes: Array) -> Array:
    """What a squared distance exceeds by chance where the reference cannot tell how windows differ."""
    chance = swung.chance(kind, np.maximum(sizes, 1.0))
    freedom = np.clip(chance.freedom, LEAST_FREEDOM, MOST_FREEDOM)
    return np.asarray(chance.square * chdtri(freedom, ALPHA) / freedom)


def _limits(kind: Kind, noise: Noise, own: Histograms, ours: Array, sizes: Array, parts: float) -> Array:
    """What the squared distance of a quiet window exceeds with a chance of `ALPHA`.

    ours   the distances of the reference's own windows from the rest of it
    """
    count, rows, rest = len(own.rows), own.rows, own.rest.rows
    chance = noise.chance(kind, np.maximum(rows, 1.0))
    # each is compared with the rest, which has fewer rows than the whole
    smaller = (1 / np.maximum(rest, 1.0) + 1 / rows) / (1 / own.total().rows[0] + 1 / rows)
    usual = chance.square * smaller
    if not usual.any():  # a column that is always the same
        return np.zeros(len(sizes))
    ratio = np.divide(np.nan_to_num(ours) ** 2, usual, out=np.ones(count), where=usual > 0)
    mean, spread = float(ratio.mean()), max(float(ratio.var(ddof=1)), 1e-12)
    telling, swinging = _telling(own)
    sure = float(chdtri(telling - 1, 1 - UNSURE)) / (telling - 1)
    # what windows differ by beside chance, in units of chance; no less than it may be
    swing = max(mean - 1, 0.0) + UNSURE_WITH * float(np.sqrt(spread / telling))
    # windows that are alike lie nearer to their own mean than later ones will; long windows swing less than short ones,
    # but for values that are new in each, such as running numbers
    new = float((own.shares * (own.rest.weight <= 0)).sum(axis=1).mean())
    longer = max(min(count / swinging / parts, 1.0), new)
    more = (longer + 1 / swinging) / (1 + 1 / count) * (1 - 1 / count) / (1 - 1 / swinging)
    apart = swing * float(usual.mean()) * more
    later = noise.chance(kind, np.maximum(sizes, 1.0))
    both = later.square + apart
    freedom = np.minimum(later.freedom, 2 * mean**2 / spread * sure)
    if parts > 1:  # of longer windows the part of chance is smaller: the spread of both, each as a chi-square law
        by_chance = 1 / np.maximum(chance.freedom.mean(), LEAST_FREEDOM)
        of_swing = min(max((spread / sure / 2 - by_chance) / swing**2, by_chance), 1 / LEAST_FREEDOM)
        spreads = later.square**2 / np.maximum(later.freedom, LEAST_FREEDOM) + apart**2 * of_swing
        freedom = np.divide(both**2, spreads, out=np.ones(len(both)), where=spreads > 0)
    freedom = np.clip(freedom, LEAST_FREEDOM, MOST_FREEDOM)
    return np.asarray(both * fdtri(freedom, telling * freedom, 1 - ALPHA))


def _telling(own: Histograms) -> tuple[float, float]:
    """How many independent windows say as much as these, which follow each other, and as much of how they swing.

    (1 - r) / (1 + r) of them, at least 2, where r is the correlation of neighbours: of all that they differ by, and of
    what is left of it without chance, which has no memory. Of few windows r is found too small: by (1 + 3 r) / count.
    Source: Kendall (1954), Biometrika 41, 403-404.
    """
    p = own.total().shares[0]
    apart = (own.shares - p) / np.sqrt(np.where(p > 0, p, 1.0))
    count, total = len(apart), float((apart**2).mean(axis=0).sum())
    if total <= 0:
        return float(count), float(count)
    together = float((apart[1:] * apart[:-1]).sum()) / (count - 1)
    chance = float((1 / own.rows).mean() * (np.count_nonzero(p) - 1))
    found = []
    for whole in (total, max(total - chance, LEAST_SWING * total)):
        alike = (together / total * count + 1) / max(count - 3, 1) * total / whole
        alike = min(max(alike, 0.0), MOST_ALIKE)
        found.append(max(count * (1 - alike) / (1 + alike), 2.0))
    return found[0], found[1]
