"""Whether columns still go together as they did: how well principal components of the reference put rows together.

All is read from sums of the columns and of their products, by window: rows of two days add up, and no row is kept.
A shift along the kept components cannot be seen; the distances of single columns see that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leadline.cells.moments import Moments
from leadline.metrics.sums import Array
from leadline.stats.prediction import limit_above

#: share of the variance that the kept components explain
KEPT = 0.65
#: chances that a quiet window passes the two limits
HIGH, ALPHA = 0.01, 0.001
#: fewer windows of reference say nothing of how windows differ
LEAST_WINDOWS = 4
#: share of the reference's own error by which windows are taken to differ at least
LEAST_SPREAD = 0.01
#: variance below which a column is always the same
CONSTANT = 1e-9


@dataclass(frozen=True, slots=True)
class Components:
    """Principal components of a reference whose columns have mean 0 and variance 1.

    mean, scale   of the columns, shape (d,); the scale is 0 for a column that is always the same, which has no part
    left          projects on what the kept components do not explain, shape (d, d)
    kept          number of components
    """

    mean: Array
    scale: Array
    left: Array
    kept: int


def components(reference: Moments) -> Components | None:
    """The components that explain 65 % of the reference's variance; None where fewer than two columns vary.

    reference   one window
    """
    rows = float(reference.rows[0])
    if rows <= 0:
        return None
    mean = reference.sums[0] / rows
    covariance = reference.products[0] / rows - np.outer(mean, mean)
    variance = np.diag(covariance)
    varies = variance > CONSTANT
    if varies.sum() < 2:
        return None
    scale = np.where(varies, np.sqrt(np.maximum(variance, 0.0)), 0.0)
    inverse = np.where(varies, 1 / np.where(varies, scale, 1.0), 0.0)
    values, vectors = np.linalg.eigh(covariance * np.outer(inverse, inverse))
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = int(np.searchsorted(np.cumsum(values) / values.sum(), KEPT)) + 1
    kept = min(kept, int(varies.sum()) - 1)
    left = np.diag(varies.astype(np.float64)) - vectors[:, :kept] @ vectors[:, :kept].T
    return Components(mean, scale, left, kept)


def errors(of: Components, windows: Moments) -> Array:
    """The mean squared error of reconstruction, by column; shape (windows, d), NaN for windows without rows.

    Its sum over columns is the mean over rows of ‖x - x'‖², with x the standardised row and x' what is put together.
    Source: Jolliffe (2002), Principal Component Analysis, 10.1; by row NannyML's DataReconstructionDriftCalculator.
    """
    rows = np.where(windows.rows > 0, windows.rows, np.nan)[:, None]
    inverse = np.where(of.scale > 0, 1 / np.where(of.scale > 0, of.scale, 1.0), 0.0)
    mean = windows.sums / rows
    away = mean - of.mean
    second = windows.products / rows[..., None]
    # about the reference's mean: E[(x - μ)(x - μ)ᵀ]
    about = second - mean[:, :, None] * mean[:, None, :] + away[:, :, None] * away[:, None, :]
    about = about * np.outer(inverse, inverse)
    found = np.einsum("ij,wjk,ik->wi", of.left, about, of.left)
    return np.asarray(np.maximum(found, 0.0) + 0.0 * rows)


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """The error of windows beside the reference's own, as root of the mean square, in standard deviations.

    error   shape (windows,); NaN without rows
    usual   over the reference
    away    how far the error lies from the usual one, on either side, shape (windows,)
    floor   the mean of that over the reference's own windows
    high    what it exceeds in one quiet window of a hundred
    limit   what it exceeds in one of a thousand: above it columns no longer go together as they did
    more    by column how much of the change of the squared error is its own, shape (windows, d)
    kept    number of components
    """

    error: Array
    usual: float
    away: Array
    floor: float
    high: float
    limit: float
    more: Array
    kept: int


def reconstruction(own: Moments, windows: Moments) -> Reconstruction | None:
    """Compare windows with the reference.

    own   the reference's own windows; limits are told by how these differ, by the predictive t of a normal sample

    None where fewer than two columns vary, or the reference has fewer than four windows.
    """
    some = own.rows > 0
    own = Moments(own.rows[some], own.sums[some], own.products[some])
    fit = components(own.total()) if len(own.rows) >= LEAST_WINDOWS else None
    if fit is None:
        return None
    usual = errors(fit, own.total())[0]
    ours = np.sqrt(errors(fit, own).sum(axis=1))
    whole = float(np.sqrt(usual.sum()))
    least = LEAST_SPREAD * whole or CONSTANT
    high, limit = (
        max(limit_above(chance / 2, ours, least) - whole, whole - limit_above(1 - chance / 2, ours, least))
        for chance in (HIGH, ALPHA)
    )
    each = errors(fit, windows)
    error = np.sqrt(each.sum(axis=1))
    floor = float(np.abs(ours - whole).mean())
    return Reconstruction(error, whole, np.abs(error - whole), floor, high, limit, each - usual, fit.kept)
