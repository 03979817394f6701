"""Figures of all rows from the labels of few: augmented inverse-probability weighting (AIPW), or PPI++ (METHODS §2.1).

A row with a control c (the score), labelled (ξ = 1) with the known probability π, has the pseudo-label

    ỹ = λ c + ξ/π (y - λ c)

whose expectation is that of the label y, whatever c is. All sums that figures are made of are taken of ỹ in place of y.
Rows are given as cells, sums over rows that are alike for the figure; a row of its own is a cell too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leadline.stats.arrays import Floats, floats, require

#: the sums of a cell, over all of its rows of weight v, and over the labelled ones, whose weight is w = v/π
V, VV, VC, VVC, VVCC, W, WW, WC, WWC, WWCC, VW, VWC, VWCC = range(13)
MOMENTS = 13


def row_moments(control: ArrayLike, probability: ArrayLike, weight: ArrayLike = 1.0) -> Floats:
    """The sums of cells of one row each, shape (rows, 13).

    control      c of each row; any number
    probability  π of the labelled rows, in (0, 1]; NaN for the others
    weight       v >= 0

    >>> row_moments([0.5], [0.1]).round(6).tolist()
    [[1.0, 1.0, 0.5, 0.5, 0.25, 10.0, 100.0, 5.0, 50.0, 25.0, 10.0, 5.0, 2.5]]
    """
    c, chance = floats(control), floats(probability)
    v = np.broadcast_to(floats(weight), c.shape)
    labelled = ~np.isnan(chance)
    require((chance[labelled] > 0) & (chance[labelled] <= 1), "probabilities must be above 0 and up to 1")
    w = np.divide(v, chance, out=np.zeros_like(c), where=labelled)
    of_all = [v, v * v, v * c, v * v * c, v * v * c * c]
    of_labelled = [w, w * w, w * c, w * w * c, w * w * c * c, v * w, v * w * c, v * w * c * c]
    return np.stack([*of_all, *of_labelled], axis=-1)


@dataclass(frozen=True, slots=True)
class PseudoLabels:
    """Rows of which some are labelled, as cells.

    moments   sums of each cell, shape (cells, 13)
    positive  whether the labelled rows of a cell are positive, shape (cells,); all of a cell are or none
    stratum   numbers from 0 of parts of the rows, shape (cells,). In each the labels stand for all of its rows: their
              weights are brought to its size (post-stratification), so that rows that were chosen and came back
              without a label do no harm where they are like the others. Each needs a label.
    """

    moments: Floats
    positive: NDArray[np.bool_]
    stratum: NDArray[np.int64]

    @classmethod
    def of(cls, moments: Floats, positive: ArrayLike, stratum: ArrayLike | None = None) -> Self:
        """Checked. Raises ValueError where a stratum with rows has no label."""
        parts = np.zeros(len(moments), np.int64) if stratum is None else np.asarray(stratum, np.int64)
        made = cls(floats(moments), np.asarray(positive, np.bool_), parts)
        size, labelled = made._by_stratum(V), made._by_stratum(W)
        require(((size == 0) | (labelled > 0)).all() and labelled.sum() > 0, "each stratum needs a label")
        return made

    def _by_stratum(self, moment: int, factor: Floats | None = None) -> Floats:
        values = self.moments[:, moment] if factor is None else self.moments[:, moment] * factor
        return floats(np.bincount(self.stratum, weights=values))

    @property
    def ratio(self) -> Floats:
        """How much the weights of each cell's labels are raised so that they stand for its stratum, shape (cells,)."""
        size, labelled = self._by_stratum(V), self._by_stratum(W)
        return np.asarray(np.divide(size, labelled, out=np.ones_like(size), where=labelled > 0)[self.stratum])

    def sums(self, lam: float) -> Floats:
        """Σ v ỹ of each cell, shape (cells,)."""
        m, y = self.moments, self.positive
        return np.asarray(lam * m[:, VC] + self.ratio * (m[:, W] * y - lam * m[:, WC]))

    def own_pairs(self, lam: float) -> float:
        """Σ v² ỹ (1 - ỹ): what the rows add to Σ v ỹ · Σ v (1 - ỹ) as pairs of themselves."""
        zero, one = np.zeros(len(self.moments)), np.ones(len(self.moments))
        positive = _Form(zero, lam * one, self.positive.astype(np.float64), -lam * one)
        negative = _Form(one, -lam * one, -self.positive.astype(np.float64), lam * one)
        return float(self._product(positive, negative).sum())

    def _product(self, first: _Form, second: _Form) -> Floats:
        """Σ ψ ψ' over the rows of each cell."""
        m, h = self.moments, self.ratio
        a, b, c, d = first.parts
        e, f, g, k = second.parts
        of_all = a * e * m[:, VV] + (a * f + b * e) * m[:, VVC] + b * f * m[:, VVCC]
        both = (a * g + c * e) * m[:, VW] + (a * k + b * g + c * f + d * e) * m[:, VWC] + (b * k + d * f) * m[:, VWCC]
        of_labelled = c * g * m[:, WW] + (c * k + d * g) * m[:, WWC] + d * k * m[:, WWCC]
        return np.asarray(of_all + h * both + h * h * of_labelled)

    def _forms(self, of_negative: Floats, of_positive: Floats) -> tuple[_Form, _Form]:
        """The rows' influence on a figure, which is the first form plus λ times the second."""
        gain, y = of_positive - of_negative, self.positive
        labelled = self._by_stratum(W)
        mean_y, mean_c = (
            np.divide(self._by_stratum(moment, factor), labelled, out=np.zeros_like(labelled), where=labelled > 0)
            for moment, factor in ((W, gain * y), (WC, gain))
        )
        of_y, of_c = mean_y[self.stratum], mean_c[self.stratum]
        zero = np.zeros(len(gain))
        return _Form(of_negative + of_y, zero, gain * y - of_y, zero), _Form(-of_c, gain, of_c, -gain)

    def tuned(self, of_negative: ArrayLike, of_positive: ArrayLike) -> float:
        """The λ in [0, 1] that makes the figure's variance least (power tuning).

        of_negative, of_positive   what one more negative, or positive, of a cell adds to the figure, shape (cells,)

        Source: Angelopoulos, Duchi, Zrnic (2023), PPI++, for the mean; here for the influence on any figure.
        """
        first, second = self._forms(floats(of_negative), floats(of_positive))
        top, bottom = self._product(first, second).sum(), self._product(second, second).sum()
        return float(np.clip(-top / bottom, 0.0, 1.0)) if bottom > 0 else 0.0

    def influence(self, of_negative: ArrayLike, of_positive: ArrayLike, lam: float) -> tuple[float, Floats]:
        """Variance of a figure over independent rows, and the sum of the rows' influences by cell, shape (cells,).

        Source: linearisation (sandwich), Cochran (1977) 6.13 and 5A.9, with n/(n - 1 - strata) for n labels, of which
        a weighted sum has (Σ w)²/Σ w².
        """
        first, second = self._forms(floats(of_negative), floats(of_positive))
        form = _Form(*(a + lam * b for a, b in zip(first.parts, second.parts, strict=True)))
        m, h = self.moments, self.ratio
        a, b, c, d = form.parts
        by_cell = a * m[:, V] + b * m[:, VC] + h * (c * m[:, W] + d * m[:, WC])
        labels = self.labels
        spent = 1 + len(np.unique(self.stratum[m[:, V] > 0]))
        variance = float(self._product(form, form).sum()) * labels / max(labels - spent, 1.0)
        return max(variance, 0.0), np.asarray(by_cell)

    @property
    def labels(self) -> float:
        """Labels of equal weight that would say as much, (Σ w)² / Σ w²."""
        return float(self.moments[:, W].sum() ** 2 / self.moments[:, WW].sum())


@dataclass(frozen=True, slots=True)
class _Form:
    """v (a + b c) + ξ h w (c' + d c) of each row, with numbers a, b, c', d for each cell."""

    all_one: Floats
    all_control: Floats
    labelled_one: Floats
    labelled_control: Floats

    @property
    def parts(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.all_one, self.all_control, self.labelled_one, self.labelled_control


Controlled = Callable[[float], tuple[float, Floats, Floats]]
"""λ → the figure, and what one more negative, or positive, of each cell adds to it, shape (cells,) each."""


@dataclass(frozen=True, slots=True)
class Estimated:
    """A figure, its variance over independent rows, the λ that was used, and influences by cell."""

    value: float
    variance: float
    lam: float
    influence: Floats


def estimated(rows: PseudoLabels, figure: Controlled, lam: float | None = None) -> Estimated:
    """A figure of all rows. `lam` is tuned where absent; 0 leaves the controls out, 1 trusts their scale.

    A share of 4 rows, two of which were chosen, with probability 1/2 each:

    >>> rows = PseudoLabels.of(
    ...     row_moments([0.8, 0.6, 0.4, 0.2], [0.5, np.nan, 0.5, np.nan]), [True, False, False, False]
    ... )
    >>> round(estimated(rows, ratio(rows, (0, 1), (1, 1)), lam=1.0).value, 3)
    0.4
    """
    if lam is None:
        lam = rows.tuned(*figure(1.0)[1:])
    value, of_negative, of_positive = figure(lam)
    variance, influence = rows.influence(of_negative, of_positive, lam)
    return Estimated(value, variance, lam, influence)


def ratio(rows: PseudoLabels, top: tuple[ArrayLike, ArrayLike], bottom: tuple[ArrayLike, ArrayLike]) -> Controlled:
    """R = ΣA / ΣB of all rows, with A and B linear in the label: a mean, precision, recall.

    top, bottom   A, and B, of a negative and of a positive of each cell, shape (cells,) or one for all

    The figure raises ValueError where ΣB is not above 0.
    """
    a, b = ([np.broadcast_to(floats(each), rows.positive.shape) for each in pair] for pair in (top, bottom))

    def figure(lam: float) -> tuple[float, Floats, Floats]:
        y = rows.sums(lam)
        above, below = (float((pair[0] * (rows.moments[:, V] - y) + pair[1] * y).sum()) for pair in (a, b))
        require(below > 0, "the denominator of a ratio must be above 0")
        of_negative, of_positive = (
            np.asarray((over - above / below * under) / below) for over, under in zip(a, b, strict=True)
        )
        return above / below, of_negative, of_positive

    return figure


def soft_auc(negatives: Floats, positives: Floats, own: float) -> tuple[float, Floats, Floats]:
    """AUC of rows with pseudo-labels, and what one more negative, or positive, of each bin adds; shape (bins,).

    negatives, positives   Σ(1 - ỹ) and Σỹ by bin, in rising order of score; single ones may be below 0
    own                    Σ ỹ (1 - ỹ) over rows, the pairs of a row with itself; 0 for labels that are 0 or 1

    In [0, 1], NaN where the totals of both are not above 0. Source: METHODS §1.1 and B2.

    >>> soft_auc(np.array([2.0, 1, 0]), np.array([0.0, 1, 2]), 0.0)[0]
    0.9444444444444444
    """
    below = np.cumsum(negatives) - negatives / 2
    above = positives.sum() - (np.cumsum(positives) - positives / 2)
    total_negative, total_positive = negatives.sum(), positives.sum()
    pairs = total_negative * total_positive - own
    if not (total_negative > 0 and total_positive > 0 and pairs > 0):
        return float("nan"), np.zeros_like(negatives), np.zeros_like(negatives)
    area = float(np.clip(((positives * below).sum() - own / 2) / pairs, 0.0, 1.0))
    of_positive = (below / total_negative - area) / total_positive
    of_negative = (above / total_positive - area) / total_negative
    return area, of_negative, of_positive


def auc(rows: PseudoLabels, bins: NDArray[np.int64]) -> Controlled:
    """The AUC of all rows; NaN where the sum of their pseudo-labels leaves no positives, or no negatives.

    bins   number of each cell's score bin, shape (cells,), from 0 in rising order of score
    """

    def figure(lam: float) -> tuple[float, Floats, Floats]:
        y = rows.sums(lam)
        positives, negatives = (floats(np.bincount(bins, weights=each)) for each in (y, rows.moments[:, V] - y))
        area, of_negative, of_positive = soft_auc(negatives, positives, rows.own_pairs(lam))
        return area, of_negative[bins], of_positive[bins]

    return figure


def strata_of(labels: ArrayLike, most: int = 4, least: int = 25) -> NDArray[np.int64]:
    """Parts of neighbouring bins with about as many labels each: at most `most`, each with at least `least` labels.

    labels   labelled rows by bin, shape (bins,)

    >>> strata_of([30, 0, 10, 30, 30], least=30).tolist()
    [0, 0, 1, 1, 2]
    """
    counts = floats(labels)
    parts = int(max(min(most, counts.sum() // max(least, 1)), 1))
    below = np.cumsum(counts) - counts / 2
    found = np.minimum((below / max(counts.sum(), 1.0) * parts).astype(np.int64), parts - 1)
    # a bin with many labels may leave a part with few: join it to the one below
    for part in range(parts - 1, 0, -1):
        if counts[found == part].sum() < least:
            found[found == part] = part - 1
    if counts[found == 0].sum() < least and found.max() > 0:
        found[found == 0] = found[found > 0].min()
    return np.unique(found, return_inverse=True)[1]
