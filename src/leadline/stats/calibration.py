"""Calibration from binned sums: expected error and its floor, the unbiased squared error, Brier's parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf

from leadline.stats.arrays import Floats, floats, require
from leadline.stats.proportion import Z95


def calibration_error(n: ArrayLike, predicted: ArrayLike, actual: ArrayLike) -> float:
    """Expected calibration error Σ (n_b / n) |mean outcome - mean probability|, in [0, 1].

    n          rows by bin, shape (bins,), >= 0, not all 0
    predicted  Σ of probabilities by bin, 0 <= predicted <= n
    actual     Σ of 0/1 outcomes by bin, 0 <= actual <= n

    Biased upwards: read it next to `calibration_floor`. Raises ValueError outside those ranges.
    Source: Naeini, Cooper, Hauskrecht (2015).

    >>> calibration_error([10, 10], [2.0, 7.0], [3, 5])
    0.15
    """
    rows, p, y = _bins(n, predicted, actual)
    return float(np.abs(y - p).sum() / rows.sum())


def calibration_floor(n: ArrayLike, actual: ArrayLike) -> float:
    """About what `calibration_error` comes to for a perfectly calibrated model with these rows, in [0, 1].

    Σ (n_b / n) sqrt(2/π) sqrt(ȳ_b (1 - ȳ_b) / n_b). Arguments and errors as in `calibration_error`. METHODS §9.

    >>> round(calibration_floor([100, 100], [20, 70]), 4)
    0.0342
    """
    rows, _, y = _bins(n, actual, actual)
    share = np.divide(y, rows, out=np.zeros_like(rows), where=rows > 0)
    return float(np.sqrt(2 / np.pi * rows * share * (1 - share)).sum() / rows.sum())


def calibration_interval(
    n: ArrayLike, predicted: ArrayLike, actual: ArrayLike, critical: float = Z95, deff: float = 1.0
) -> tuple[float, float]:
    """Two-sided interval for the calibration error that infinitely many rows would show in these bins, in [0, 1].

    n, predicted, actual   as in `calibration_error`
    critical               quantile of the normal or t distribution, > 0
    deff                   design effect > 0 of the outcomes

    Both ends allow for the upward bias, so the interval may lie far below `calibration_error`; low is 0 where a
    calibrated model could have given these rows.
    High: error + critical · sd of the signed gaps, which bounds the error from below whatever the true gaps are.
    Low: the true gaps are a multiple of the observed ones; the least multiple at which the error's mean + critical · sd
    (folded normal gaps) reaches the observed error.
    Raises ValueError outside the ranges. Assumes independent rows (deff 1) and bins fixed beforehand.
    Source: ours, a test inverted; simulated in tests/stats (a basic bootstrap covers .38 to .95 there).

    >>> low, high = calibration_interval([100, 100], [20.0, 70.0], [23, 66])
    >>> low, round(high, 3)
    (0.0, 0.098)
    """
    rows, p, y = (part[floats(n) > 0] for part in _bins(n, predicted, actual))
    require(deff > 0 and critical > 0, "deff and critical must be > 0")
    weight, gap = rows / rows.sum(), (y - p) / rows
    error = float(weight @ np.abs(gap))
    share = (y + 0.5) / (rows + 1)
    noise = deff * share * (1 - share) / np.maximum(rows - 1, 1.0)
    spread = float(weight @ (np.abs(gap) - error) ** 2) * deff / float(rows.sum())  # how rows fall into the bins
    high = min(error + critical * float(np.sqrt(weight**2 @ noise + spread)), 1.0)

    def excess(multiple: float) -> float:
        """Mean + critical · sd of the error at these gaps, less the observed error."""
        true, sd = multiple * np.abs(gap), np.sqrt(noise)
        mean = sd * np.sqrt(2 / np.pi) * np.exp(-((true / sd) ** 2) / 2) + true * erf(true / sd / np.sqrt(2))
        variance = weight**2 @ np.maximum(true**2 + noise - mean**2, 0.0) + multiple**2 * spread
        return float(weight @ mean + critical * np.sqrt(variance)) - error

    if excess(0.0) >= 0:
        return 0.0, high
    from scipy.optimize import brentq  # noqa: PLC0415  # loading it takes longer than all that is left to do

    return float(brentq(excess, 0.0, 1.0)) * error, high


def squared_calibration_error(n: ArrayLike, effective: ArrayLike, predicted: ArrayLike, actual: ArrayLike) -> Floats:
    """Σ (n_b / n) [(ȳ_b - p̄_b)² - ȳ_b (1 - ȳ_b) / (m_b - 1)]: the squared calibration error without the upward bias.

    n          rows (or weights) by bin, shape (..., bins), >= 0
    effective  rows of equal weight that would say as much, (Σw)² / Σw²; n itself for rows without weights
    predicted  Σ of probabilities by bin
    actual     Σ of 0/1 outcomes by bin

    Its mean is 0 for a calibrated model, so that it is below 0 as often as above. Bins of a single row, for which the
    correction is unknown, are left out of sum and weights; NaN where there are no others.
    Source: METHODS §9 (the estimate of Bröcker 2012 and Ferro, Fricker 2012, without their resolution).

    >>> float(squared_calibration_error([10, 10], [10, 10], [2.0, 7.0], [3, 5]).round(6))
    -0.000556
    """
    rows, several, share, gap = _shares(n, effective, predicted, actual)
    told = several > 1.5
    noise = np.divide(share * (1 - share), several - 1, out=np.zeros_like(share), where=told)
    weight = np.where(told, rows, 0.0)
    total = weight.sum(-1)
    found = (weight * (gap * gap - noise)).sum(-1)
    return np.asarray(np.divide(found, total, out=np.full(total.shape, np.nan), where=total > 0))


def brier_parts(n: ArrayLike, predicted: ArrayLike, actual: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Reliability, resolution and uncertainty: Brier = REL - RES + UNC + `within_bins`; shape (...) each.

    Arguments as in `squared_calibration_error`. NaN where there are no rows.
    REL = Σ n_b (p̄_b - ȳ_b)² / n, RES = Σ n_b (ȳ_b - ȳ)² / n, UNC = ȳ (1 - ȳ). REL and RES are biased
    upwards: shares of bins with few rows differ by chance.
    Source: Murphy (1973), J. Appl. Meteorology 12, 595-600.

    >>> [float(part.round(4)) for part in brier_parts([10, 10], [2.0, 7.0], [3, 5])]
    [0.025, 0.01, 0.24]
    """
    rows, _, share, gap = _shares(n, n, predicted, actual)
    total = rows.sum(-1)
    mean = np.divide(floats(actual).sum(-1), total, out=np.full(total.shape, np.nan), where=total > 0)
    each = np.divide(rows, total[..., None], out=np.zeros_like(rows), where=total[..., None] > 0)
    reliability = (each * gap * gap).sum(-1)
    resolution = (each * (share - mean[..., None]) ** 2).sum(-1)
    known = np.isfinite(mean)
    return np.where(known, reliability, np.nan), np.where(known, resolution, np.nan), mean * (1 - mean)


def within_bins(
    n: ArrayLike, predicted: ArrayLike, actual: ArrayLike, squares: ArrayLike, products: ArrayLike
) -> Floats:
    """What Brier's three parts leave, as probabilities of one bin differ: Σ(p - p̄_b)² / n - 2 Σ(p - p̄_b)(y - ȳ_b) / n.

    squares    Σ p² by bin; products Σ p y by bin; the rest as in `brier_parts`
    With it the parts add up to the Brier score exactly (Stephenson, Coelho, Jolliffe 2008).

    >>> float(within_bins([2], [1.0], [1], [0.58], [0.7]).round(3))
    -0.16
    """
    rows, p, y = floats(n), floats(predicted), floats(actual)
    p_mean = np.divide(p, rows, out=np.zeros_like(p), where=rows > 0)
    spread = floats(squares) - p * p_mean
    together = floats(products) - y * p_mean
    return np.asarray((spread - 2 * together).sum(-1) / rows.sum(-1))


def _shares(
    n: ArrayLike, effective: ArrayLike, predicted: ArrayLike, actual: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats]:
    """Rows, effective rows, the share of positives, and its gap to the mean probability, by bin."""
    rows, several, p, y = (floats(each) for each in (n, effective, predicted, actual))
    require((rows >= 0) & (several >= 0), "rows by bin must be >= 0")
    share = np.divide(y, rows, out=np.zeros_like(rows), where=rows > 0)
    mean = np.divide(p, rows, out=np.zeros_like(rows), where=rows > 0)
    return rows, several, np.clip(share, 0.0, 1.0), share - mean


def equal_count_bins(reference: ArrayLike, bins: int) -> NDArray[np.int64]:
    """Join neighbouring bins of a fine grid into at most `bins` that hold about equally many of the reference's rows.

    reference   rows by bin of the fine grid, in rising order of score, shape (fine,)

    Returns the number of the joined bin of each fine one, rising from 0; one bin where the reference has no rows.

    >>> equal_count_bins([1, 1, 0, 1, 1], 2).tolist()
    [0, 0, 1, 1, 1]
    """
    rows = floats(reference)
    require((rows >= 0) & (bins >= 1), "rows must be >= 0 and bins at least 1")
    total = rows.sum()
    if not total > 0:
        return np.zeros(len(rows), np.int64)
    middle = (np.cumsum(rows) - rows / 2) / total
    place = np.minimum((middle * bins).astype(np.int64), bins - 1)
    return np.unique(place, return_inverse=True)[1].astype(np.int64)


def _bins(n: ArrayLike, predicted: ArrayLike, actual: ArrayLike) -> tuple[Floats, Floats, Floats]:
    rows, p, y = floats(n), floats(predicted), floats(actual)
    require(rows.shape == p.shape == y.shape and rows.ndim == 1, "n, predicted and actual need the same bins")
    slack = 1e-9 * rows + 1e-12  # sums of fixed-point probabilities may round past n
    require((rows >= 0).all() and rows.sum() > 0, "rows by bin must be >= 0 and not all 0")
    require(
        (p >= 0) & (p <= rows + slack) & (y >= 0) & (y <= rows + slack), "sums must lie between 0 and n in each bin"
    )
    return rows, p, np.minimum(y, rows)
