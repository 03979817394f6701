"""Whether vectors still lie where they lay: maximum mean discrepancy by random Fourier features, norms and direction.

Of each window only sums are kept, Σφ(x), Σx / ‖x‖ and Σ‖x‖ with its square: windows add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.metrics.sums import Array
from leadline.stats.arrays import over_runs
from leadline.stats.prediction import limit_above

#: random frequencies; each gives a cosine and a sine
FREQUENCIES = 128
#: rows whose distances tell the length scale
PAIRED = 1_000
#: chance that one of the three passes its limit, if it were normal. They are skewed: simulated quiet windows of 100
#: rows are called drifted in .3 %, and at .001 in 4 %
ALPHA = 0.00002
#: how often one quiet window of a hundred is passed
HIGH = 0.01
#: fewer windows of reference say nothing of how windows differ
LEAST_WINDOWS = 4
#: what is compared: the whole distribution, lengths, and the mean direction
NAMES = ("mmd", "norm", "cosine")


@dataclass(frozen=True, slots=True)
class Features:
    """Random Fourier features of a Gaussian kernel exp(-‖x - y‖² / 2 l²).

    frequencies   shape (d, FREQUENCIES), divided by the length scale l
    """

    frequencies: Array

    def of(self, vectors: Array) -> Array:
        """φ, shape (rows, 2 FREQUENCIES), so that φ(x) · φ(y) is about the kernel and ‖φ‖ = 1."""
        angles = vectors @ self.frequencies
        both = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
        return np.asarray(both / np.sqrt(self.frequencies.shape[1]))


def features(reference: Array) -> Features | None:
    """Features whose length scale is the median distance of the reference's rows; None where all are the same.

    reference   shape (rows, d); distances are those of the first 1,000 rows
    Source: Rahimi and Recht (2007); the median heuristic of Gretton et al. (2012).
    """
    some = reference[:PAIRED]
    squares = (some**2).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares - 2 * some @ some.T, 0.0)
    distances = np.sqrt(apart[np.triu_indices(len(some), 1)])
    scale = float(np.median(distances)) if len(distances) else 0.0
    if not scale > 1e-9 * float(np.sqrt(squares.max(initial=0.0))) or not np.isfinite(scale):
        return None
    rng = np.random.default_rng(0)
    return Features(rng.standard_normal((reference.shape[1], FREQUENCIES)) / scale)


@dataclass(frozen=True, slots=True)
class EmbeddingSums:
    """Sums over vectors by window.

    rows     shape (windows,)
    phi      Σφ(x), shape (windows, features)
    unit     Σx / ‖x‖, shape (windows, d)
    lengths  Σ ln(1 + ‖x‖), shape (windows,)
    """

    rows: Array
    phi: Array
    unit: Array
    lengths: Array

    def rest(self) -> EmbeddingSums:
        """For each window all others together."""
        return EmbeddingSums(*(each.sum(axis=0) - each for each in self._arrays))

    def of(self, places: Sequence[tuple[int, int]]) -> EmbeddingSums:
        """Of runs of windows, from one place to before another, each as one."""
        return EmbeddingSums(*(over_runs(each, places) for each in self._arrays))

    @property
    def _arrays(self) -> tuple[Array, Array, Array, Array]:
        return self.rows, self.phi, self.unit, self.lengths

    def total(self) -> EmbeddingSums:
        """All windows as one."""
        return EmbeddingSums(*(each.sum(axis=0, keepdims=True) for each in self._arrays))


def summed(vectors: Array, window: NDArray[np.int64], windows: int, by: Features) -> EmbeddingSums:
    """Sums by window.

    vectors   shape (rows, d), finite
    window    of each row, shape (rows,)
    """
    norms = np.sqrt((vectors**2).sum(axis=1))
    unit = np.divide(vectors, norms[:, None], out=np.zeros_like(vectors), where=norms[:, None] > 0)
    rows = np.bincount(window, minlength=windows).astype(np.float64)
    lengths = np.bincount(window, weights=np.log1p(norms), minlength=windows).astype(np.float64)
    phi, directions = np.zeros((windows, 2 * FREQUENCIES)), np.zeros((windows, vectors.shape[1]))
    np.add.at(phi, window, by.of(vectors))
    np.add.at(directions, window, unit)
    return EmbeddingSums(rows, phi, directions, lengths)


def squared_mmd(a: EmbeddingSums, b: EmbeddingSums) -> Array:
    """The unbiased estimate of the squared maximum mean discrepancy, shape (windows,); mean 0 where nothing changed.

    Source: Gretton et al. (2012), JMLR 13, lemma 6, with random features.
    """
    n, m = a.rows, b.rows
    with np.errstate(divide="ignore", invalid="ignore"):
        ours = ((a.phi**2).sum(axis=-1) - n) / (n * (n - 1))
        theirs = ((b.phi**2).sum(axis=-1) - m) / (m * (m - 1))
        return np.asarray(ours + theirs - 2 * (a.phi * b.phi).sum(axis=-1) / (n * m))


def _compared(a: EmbeddingSums, b: EmbeddingSums) -> dict[str, Array]:
    """Of windows and what they are compared with: squared MMD, difference of lengths, 1 - cosine of mean directions."""
    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = np.abs(a.lengths / a.rows - b.lengths / b.rows)
        sizes = np.sqrt((a.unit**2).sum(axis=-1) * (b.unit**2).sum(axis=-1))
        cosine = (a.unit * b.unit).sum(axis=-1) / sizes
    return {"mmd": squared_mmd(a, b), "norm": lengths, "cosine": 1 - cosine}


@dataclass(frozen=True, slots=True)
class Away:
    """One figure of a window beside those of the reference's own windows.

    value   mmd: the discrepancy, 0 to √2; norm: by how much the mean of ln(1 + length) differs; cosine: 1 - cosine of
            the mean directions, 0 to 2
    floor   mean of the reference's own windows
    high    what one quiet window of a hundred exceeds
    limit   what quiet windows stay below
    """

    value: float
    floor: float
    high: float
    limit: float


def compared(own: EmbeddingSums, window: EmbeddingSums) -> Mapping[str, Away] | None:
    """How far a window lies from the reference, by name of the figure.

    own      the reference's own windows, with about as many rows as the one that is compared
    window   one window

    None where the reference has fewer than four windows with rows, or the window has fewer than two.
    """
    some = own.rows > 1
    if some.sum() < LEAST_WINDOWS or window.rows[0] < 2:
        return None
    own = EmbeddingSums(own.rows[some], own.phi[some], own.unit[some], own.lengths[some])
    ours, now = _compared(own, own.rest()), _compared(window, own.total())
    found: dict[str, Away] = {}
    # windows of fewer rows swing more: the squares by as much as they are shorter
    shorter = max(float(np.median(own.rows)) / float(window.rows[0]), 1.0)
    for name in NAMES:
        history, value = ours[name], float(now[name][0])
        if not (np.isfinite(history).all() and np.isfinite(value)):
            continue
        least = max(float(np.abs(history).max()), 1e-12) * 0.1
        high, limit = (limit_above(chance, history, least) * shorter for chance in (HIGH, ALPHA))
        shown = [float(np.sqrt(max(each, 0.0))) if name == "mmd" else max(each, 0.0) for each in (value, high, limit)]
        floor = float(np.sqrt(max(history.mean(), 0.0))) if name == "mmd" else float(history.mean())
        found[name] = Away(shown[0], floor, shown[1], shown[2])
    return found
