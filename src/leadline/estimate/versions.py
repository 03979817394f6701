"""Whether versions of a model mean different things by the same score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import fdtrc

from leadline.estimate.calibrator import Calibrator
from leadline.estimate.resampling import merged
from leadline.metrics.sums import Histogram

#: labelled rows of a version in the reference before it may have a calibrator of its own
LEAST_OF_VERSION = 1_000
#: score bins in which versions are compared
SCORE_BINS = 8
#: how sure it must be that they differ
CERTAIN = 0.001
#: days (or other grains) of versions, beyond one for each, without which nobody knows how far days differ
LEAST_GRAINS = 6


def differ(fit: Calibrator, versions: Sequence[Histogram]) -> bool:
    """Whether the labels of versions lie apart, score for score, by more than rows and days do by chance (p < .001).

    fit        the calibrator of all versions together
    versions   labelled rows of the reference of each, by grain and bin, shape (grains, bins), on the calibrator's bins

    Σ (labels - chance)² / variance over versions and eight wide score bins, divided by the overdispersion of days
    within a version: F with 8 (versions - 1) and days - versions degrees of freedom. False where days are too few.
    Assumes that days of a version are independent of each other.
    Source: quasi-likelihood F test, McCullagh and Nelder (1989), 4.5; cells of calibration as in Hosmer and Lemeshow.
    """
    if len(versions) < 2:
        return False
    group = merged(fit.reference.negatives + fit.reference.positives, fit.reference.bins, SCORE_BINS)
    member = np.asarray(group[:, None] == np.arange(group.max() + 1), np.float64)
    left = np.stack([(rows.positives * (1 - fit.chance) - rows.negatives * fit.chance) @ member for rows in versions])
    binomial = fit.chance * (1 - fit.chance)
    variance = np.stack([((rows.negative_squares + rows.positive_squares) * binomial) @ member for rows in versions])
    of_version, spread = left.sum(1), variance.sum(1)
    between = float(np.divide(of_version**2, spread, out=np.zeros_like(spread), where=spread > 0).sum())
    freedom = (len(versions) - 1) * int((spread > 0).any(axis=0).sum())
    by_day, of_day = left.sum(2), variance.sum(2)
    mean = by_day.sum(1, keepdims=True) / np.maximum(of_day.sum(1, keepdims=True), 1e-300)
    within = np.divide((by_day - of_day * mean) ** 2, of_day, out=np.zeros_like(of_day), where=of_day > 0)
    days = int((of_day > 0).sum()) - len(versions)
    if days < LEAST_GRAINS or not freedom:
        return False
    overdispersion = max(1.0, float(within.sum()) / days)
    return bool(fdtrc(freedom, days, between / freedom / overdispersion) < CERTAIN)
