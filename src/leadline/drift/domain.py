"""Whether a classifier can tell a window's rows from the reference's, all columns together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.metrics.sums import Array
from leadline.stats.auc import auc
from leadline.stats.boosting import Boosted, boosted

Ints = NDArray[np.int64]

FOLDS = 4


@dataclass(frozen=True, slots=True)
class Domain:
    """How well rows of two samples can be told apart, out of fold.

    auc          area under the ROC curve: .5 where they cannot be
    floor        standard deviation of that area where they are alike and rows are independent
    importances  by column how much of the area is lost where its values are shuffled among the rows, shape (columns,);
                 columns that say the same share it, so that each may show little
    """

    auc: float
    floor: float
    importances: Array


def domain(before: Ints, after: Ints, ordered: Sequence[bool], importances: bool = True) -> Domain:
    """Tell rows apart by boosted trees; each row by trees that were fitted without it.

    before, after   codes of the rows, shape (rows, columns) each, at least `FOLDS` rows
    ordered         by column, whether its codes are split by their order
    importances     whether to shuffle columns, which takes as long again for each; else all are NaN

    Both samples count as much, whatever their sizes. The same rows give the same answer.
    Source: Lopez-Paz and Oquab (2017), "Revisiting classifier two-sample tests"; METHODS §5.
    """
    rng = np.random.default_rng(0)
    least = min(len(before), len(after))
    parts = [each if len(each) == least else rng.permutation(each)[:least] for each in (before, after)]
    codes = np.concatenate(parts).astype(np.int64)
    late = np.repeat([False, True], least)
    fold = np.concatenate([rng.permutation(least) % FOLDS for _ in parts])
    fits = [boosted(codes[fold != each], late[fold != each], ordered) for each in range(FOLDS)]
    area = _area(codes, late, fold, fits)
    lost = np.full(codes.shape[1], np.nan)
    for column in range(codes.shape[1]) if importances else ():
        shuffled = codes.copy()
        for each in range(FOLDS):
            rows = np.flatnonzero(fold == each)
            shuffled[rows, column] = codes[rng.permutation(rows), column]
        lost[column] = area - _area(shuffled, late, fold, fits)
    return Domain(area, float(np.sqrt((2 * least + 1) / (12 * least**2))), lost)


def _area(codes: Ints, late: NDArray[np.bool_], fold: Ints, fits: Sequence[Boosted]) -> float:
    """The mean of the folds' areas: scores of two fits are not on one scale."""
    found = []
    for each, fit in enumerate(fits):
        rows = fold == each
        _, place = np.unique(fit.log_odds(codes[rows]), return_inverse=True)
        counts = [np.bincount(place[late[rows] == label], minlength=place.max() + 1) for label in (False, True)]
        found.append(float(auc(*counts)))
    return float(np.mean(found))
