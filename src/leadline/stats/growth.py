"""What a look adds to the log wealth of a few bets against a promise.

A *look* is one feeding of the detector: the rows that matured in a week, mostly. Each bet stakes a share of its wealth
on the promise being broken, at odds that are fair or worse as long as it is kept. So `growth`, the logarithm of the
factor that a look multiplies the wealth by, is the logarithm of an e-value: E[exp(growth)] <= 1 while the promise is
kept, and wealth of 20 / (chance of being wrong) comes by luck in one case of 20 at most (Ville's inequality). All of it
is sums over rows, or over cells of rows that are equal.

For the mirrored bet, on a promise that was broken being kept again, turn the signs: gains to -gains, values and limit
of groups to 1 - values and 1 - limit. Losses without an upper bound allow none: there only `growth_of_figures` helps.

Everywhere: leading axes (...) are slices; the result has shape (..., looks, bets), in nats, 0 where a look has no rows.
Counts are rows. Weighted ones must go through `effective_counts`, or a heavy row is taken for many that agree.
Source: Waudby-Smith, Ramdas (2024), JRSS B 86, 1-27, for betting; METHODS §3.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from leadline.stats.arrays import Floats, floats, require
from leadline.stats.overdispersion import MEMORY

ODDS = (1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.5)
"""By which the odds of an error are multiplied under the alternatives that bets on shares are made for."""
GAIN_STAKES = (0.01, 0.02, 0.04, 0.075, 0.14, 0.25, 0.4, 0.6)
"""Stakes for three gains or more, as shares of the largest stake that one row cannot ruin."""
LOSS_STAKES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5)
GROUP_STAKES = (0.1, 0.2, 0.4, 0.7)
WILD = 10.0
"""Times the median of the looks before: a larger variance of a row is that of a look with a wild value."""
SHIFTS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Changes, in standard errors of a look's figure (overdispersion included), that bets on figures which are only known
to be nearly normal are made for."""


def jaccard_target(f1: float) -> float:
    """The Jaccard index TP / (TP + FP + FN) that an F1 of `f1`, in (0, 1), stands for: f1 / (2 - f1).

    F1 >= f1 if and only if the Jaccard index is at least this, and that is a share: hits are TP, errors FP and FN.

    >>> jaccard_target(0.8)
    0.6666666666666667
    """
    require(0 < f1 < 1, "an F1 to hold must lie inside (0, 1)")
    return f1 / (2 - f1)


def share_gains(target: float) -> Floats:
    """Gains of (hits, errors) for the promise that hits are at least this share, in (0, 1), of both.

    >>> share_gains(0.75).tolist()
    [0.25, -0.75]
    """
    require(0 < target < 1, "a share to hold must lie inside (0, 1)")
    return np.array([1 - target, -target])


def f_beta_gains(target: float, beta: float) -> Floats:
    """Gains of (TP, FN, FP) for the promise F-beta >= target, in (0, 1); beta > 0.

    F-beta = (1 + β²) TP / ((1 + β²) TP + β² FN + FP), which is at least c if and only if the gains' mean is at least 0.

    >>> f_beta_gains(0.5, 2).tolist()
    [2.5, -2.0, -0.5]
    """
    require(0 < target < 1 and beta > 0, "an F-beta to hold must lie inside (0, 1), with beta > 0")
    square = beta * beta
    return np.array([(1 + square) * (1 - target), -square * target, -target])


def effective_counts(counts: ArrayLike, squares: ArrayLike) -> Floats:
    """Weighted rows as so many independent ones of weight 1 as they are worth: each look's times Σw / Σw².

    counts    Σ w by cell, >= 0, shape (..., looks, cells)
    squares   Σ w² by cell, same shape

    A look's cells then add up to (Σw)² / Σw², and growth has the variance it must have. With weights that are
    lognormal(1) or Pareto(1.5), or where one row weighs a million, at most .013 of first years at the limit then see a
    false alarm; with weights merely scaled to a mean of 1 it is .03 to .40, although phi is estimated (tests/stats).
    Assumes weights that were fixed before the outcomes. Raises ValueError outside those ranges.
    Source: Kish (1965), Survey Sampling, for the effective size.

    >>> effective_counts([[3.0, 1.0]], [[5.0, 1.0]]).round(3).tolist()
    [[2.0, 0.667]]
    """
    weight, square = floats(counts), floats(squares)
    require(weight.shape == square.shape and weight.ndim > 1, "counts and squares need the shape (..., looks, cells)")
    require(np.isfinite(weight + square) & (weight >= 0) & (square >= 0), "weights by cell must be >= 0")
    total, squared = weight.sum(-1, keepdims=True), square.sum(-1, keepdims=True)
    return np.asarray(weight * np.divide(total, squared, out=np.zeros_like(total), where=squared > 0))


def growth_of_gains(counts: ArrayLike, gains: ArrayLike) -> Floats:
    """Growth for the promise that rows gain at least 0 on average, where a row's gain is one of a few.

    counts   rows by cell, >= 0, shape (..., looks, cells)
    gains    gain of a row of each cell, shape (cells,), at least one above 0 and one below; only ratios matter

    Every promise on a confusion matrix is one: `share_gains` for accuracy, recall, precision, specificity, and for F1
    by its Jaccard index (`jaccard_target`), `f_beta_gains` for other F-beta, and minus cost plus promised cost for
    costs. Cells that the metric does not look at gain 0.

    Returns Σ_cells count · ln(1 - λ gain) for 8 λ. With two gains above and below 0 they are the Bernoulli likelihood
    ratios of errors with odds `ODDS` times those promised; with more, `GAIN_STAKES` of 1 / max(gain).
    Raises ValueError outside those ranges: a share of 1 cannot be bet on, as one error breaks it, and one of 0 cannot
    be broken.
    Assumes that given the past the mean gain of a look's rows is at least 0, and independent rows within a look;
    `overdispersion` is for where they are not.

    >>> growth = growth_of_gains([[90, 10], [80, 20]], share_gains(0.9))
    >>> growth.shape, growth[:, 5].round(2).tolist()
    ((2, 8), [-2.6, 4.33])
    """
    rows, gain = floats(counts), floats(gains)
    require(
        rows.ndim > 1 and gain.shape == rows.shape[-1:], "counts need the shape (..., looks, cells), one gain a cell"
    )
    require(np.isfinite(rows) & (rows >= 0), "rows by cell must be >= 0")
    require(
        np.isfinite(gain).all() and gain.max(initial=0) > 0 and gain.min(initial=0) < 0,
        "some cells must gain and some lose, or the promise cannot be told from luck",
    )
    return _growth(rows, 1 - _stakes(gain)[:, None] * gain)


def _stakes(gain: Floats) -> Floats:
    """λ for each bet; 1 - λ gain > 0 for all gains."""
    distinct = np.unique(gain[gain != 0])
    if len(distinct) > 2:
        return np.asarray(np.array(GAIN_STAKES) / distinct[-1])
    width = distinct[1] - distinct[0]
    limit = distinct[1] / width  # the share of errors that the promise allows
    odds = limit / (1 - limit) * np.array(ODDS)
    return np.asarray((odds / (1 + odds) - limit) / (limit * (1 - limit) * width))


def growth_of_losses(counts: ArrayLike, losses: ArrayLike, limit: float) -> Floats:
    """Growth for the promise that losses (absolute errors, squared errors, costs) are at most `limit` on average.

    counts   rows by bin of loss, >= 0, shape (..., looks, bins)
    losses   the least loss of a bin's rows, >= 0, shape (bins,): then what a bin hides can only make the alarm later
    limit    the mean loss that was promised, > 0, in the losses' unit

    No upper bound on losses is needed. Returns Σ_bins count · ln(1 + λ (loss / limit - 1)) for λ in `LOSS_STAKES`.
    Raises ValueError outside those ranges.

    >>> growth_of_losses([[50, 50]], [1.0, 4.0], 2.0)[0].round(2).tolist()
    [0.49, 1.17, 2.2, 3.85, 5.39, 5.89]
    """
    rows, loss = floats(counts), floats(losses)
    require(rows.ndim > 1 and loss.shape == rows.shape[-1:], "counts need the shape (..., looks, bins), one loss a bin")
    require(np.isfinite(rows) & (rows >= 0), "rows by bin must be >= 0")
    require(np.isfinite(loss) & (loss >= 0), "losses must be >= 0")
    require(np.isfinite(limit) and limit > 0, "the loss that was promised must be > 0")
    return _growth(rows, 1 + np.array(LOSS_STAKES)[:, None] * (loss / limit - 1))


def growth_of_sums(rows: ArrayLike, totals: ArrayLike, squares: ArrayLike, limit: float) -> Floats:
    """As `growth_of_losses`, from sums of losses and of their squares only.

    rows, totals, squares   Σ 1, Σ x, Σ x² over a look's rows, each >= 0, shape (..., looks)
    limit                   the mean loss that was promised, > 0

    From ln(1 + λ y) >= λ y + (ln(1 - λ) + λ) y² for y = x / limit - 1 >= -1, so it never promises more than
    `growth_of_losses`; it takes about 1.6 times as many looks, and more the heavier the tail of the losses.
    Raises ValueError outside those ranges. Source: Fan, Grama, Liu (2015), EJP 20, no. 1, lemma 4.1.

    >>> growth_of_sums([100], [250.0], [850.0], 2.0)[0].round(2).tolist()
    [0.49, 1.17, 2.16, 3.55, 3.7, 0.43]
    """
    n, sums, squared = np.broadcast_arrays(floats(rows), floats(totals), floats(squares))
    require(n.ndim > 0 and np.isfinite(limit) and limit > 0, "sums by look, and a promised loss > 0")
    require(np.isfinite(n + sums + squared) & (n >= 0) & (sums >= 0) & (squared >= 0), "sums must be >= 0")
    stake = np.array(LOSS_STAKES)
    excess = sums / limit - n
    curvature = np.maximum(squared / limit**2 - 2 * sums / limit + n, 0.0)
    return np.asarray(excess[..., None] * stake + curvature[..., None] * (np.log1p(-stake) + stake))


def growth_of_groups(values: ArrayLike, limit: float) -> Floats:
    """Growth for the promise that a figure which is not a mean over rows, such as ROC AUC, is at least `limit`.

    values   the figure of each independent group of a look's rows, unbiased, in [0, 1]; NaN where a group has none;
             shape (..., looks, groups). `group_areas` makes them for the AUC.
    limit    the promised figure, in [0, 1)

    Returns Σ_groups ln(1 + λ (limit - value)) for λ in `GROUP_STAKES` / (1 - limit). Raises ValueError outside those
    ranges. Assumes that whether a group has a figure does not depend on what it would be.

    >>> growth_of_groups([[0.7, 0.9, np.nan], [0.5, 0.6, 0.4]], 0.8).round(2).tolist()
    [[-0.0, -0.01, -0.04, -0.13], [0.42, 0.78, 1.39, 2.12]]
    """
    value = floats(values)
    known = ~np.isnan(value)
    require(value.ndim > 1 and 0 <= limit < 1, "values need the shape (..., looks, groups), the limit to be in [0, 1)")
    require(~known | ((value >= 0) & (value <= 1)), "figures of groups must lie in [0, 1]")
    stake = np.array(GROUP_STAKES) / (1 - limit)
    return np.asarray(np.log1p(stake * np.where(known, limit - value, 0.0)[..., None]).sum(-2))


def growth_of_figures(
    values: ArrayLike, variances: ArrayLike, rows: ArrayLike, limit: float, overdispersion: ArrayLike
) -> Floats:
    """Growth for the promise that any other figure (RMSE, MCC, a quantile) is at least `limit`, if looks are large.

    values      the look's figure, shape (..., looks); NaN where it has none
    variances   its variance over independent rows, >= 0
    rows        rows that it is made of (of weighted ones (Σw)² / Σw²), >= 0
    limit       the promised figure. For one that must not exceed a limit turn the signs of both, values and limit.
    overdispersion   phi >= 1 by look, by which `evidence` will divide; NaN for looks that are not fed

    Returns d (limit - value) / s - d²/2 for d in `SHIFTS` times √phi, where s² = mean of variance · rows of the looks
    before, divided by rows: the look's own variance goes with its figure and would turn bad looks into unsure ones. A
    variance · rows counts as `WILD` times the median of the looks before at most: one wild row makes a variance so
    large that nothing would tell anything ever after. 0 for looks without a figure, and until an earlier look has a
    variance. Raises ValueError outside those ranges.
    Holds its promise as far as figures are normal with mean `limit` at the limit: with estimated phi, at their limit,
    means of 50 and 200 lognormal losses alarm in .035 and .024 of first years, MCC in .013 and .005 (budget .05; 3 to 7
    times as often with phi = 1, so let phi be estimated). Of the same losses `WILD` changes nothing; where their
    logarithm deviates by 1.5, 200 of them alarm in .139 instead of .124. The other functions of this module need no
    such assumption; use them where they fit.

    >>> growth_of_figures([0.8, 0.8, 0.7], [0.01] * 3, [50] * 3, 0.8, [1.0] * 3).round(2).tolist()[2]
    [0.22, 0.38, 0.5, 0.38, 0.0, -1.5]
    """
    value, variance, size, phi = np.broadcast_arrays(*map(floats, (values, variances, rows, overdispersion)))
    known = ~np.isnan(value)
    require(np.isnan(phi) | (phi >= 1), "phi must be >= 1, or NaN")
    require(value.ndim > 0 and np.isfinite(limit), "figures by look and a finite limit are needed")
    require(~known | (np.isfinite(value) & (variance >= 0) & np.isfinite(variance)), "variances must be >= 0")
    require(~known | ((size > 0) & np.isfinite(size)), "a look with a figure must have rows")
    weight = np.where(known, size, 0.0)
    before = _row_variance_before(np.where(known, variance, 0.0) * weight, weight)
    told = known & (before > 0)
    error = np.sqrt(np.divide(before, weight, out=np.ones_like(before), where=told))
    away = np.where(told, limit - np.where(known, value, limit), 0.0) / error
    shift = np.array(SHIFTS) * np.sqrt(np.where(np.isnan(phi), 1.0, phi))[..., None]
    return np.asarray(np.where(told[..., None], away[..., None] * shift - shift * shift / 2, 0.0))


def _row_variance_before(of_a_row: Floats, weight: Floats) -> Floats:
    """The mean of `of_a_row` over the looks before each, by weight, without wild ones; 0 where there is none above 0.

    Both have shape (..., looks). What is wild is told from the last `MEMORY` looks.
    """
    mean = np.zeros_like(of_a_row)
    told = np.where(of_a_row > 0, of_a_row, np.nan)
    for look in range(1, of_a_row.shape[-1]):
        recent = slice(max(look - MEMORY, 0), look)
        some = (of_a_row[..., recent] > 0).any(axis=-1)
        usual = np.zeros(some.shape)
        usual[some] = np.nanmedian(told[..., recent][some], axis=-1)
        capped = np.minimum(of_a_row[..., recent], WILD * usual[..., None])
        total = weight[..., recent].sum(-1)
        summed = (capped * weight[..., recent]).sum(-1)
        mean[..., look] = np.divide(summed, total, out=np.zeros_like(total), where=total > 0)
    return mean


def group_areas(negatives: ArrayLike, positives: ArrayLike, least: float = 5.0) -> Floats:
    """ROC AUC of a look's groups of entities, neighbours merged until a group has about `least` positives.

    negatives, positives   rows by group and bin of score, in rising order, >= 0, shape (..., groups, bins)

    Returns shape (..., groups): merged figures first, then NaN; a merged group without both classes has NaN too.
    With G groups and P positives there are min(G, P / least) merged groups, at least 1: fewer positives make figures
    that vary more than their number makes up for. Bins hide at most `binning_bound` of `auc`.
    Assumes that groups are made by a hash of the entity, independent of scores.

    >>> group_areas([[[4, 2], [3, 3]]], [[[1, 4], [2, 3]]]).round(3).tolist()
    [[0.733, 0.55]]
    """
    neg, pos = floats(negatives), floats(positives)
    require(neg.shape == pos.shape and neg.ndim > 1, "negatives and positives need the same groups and bins")
    require((neg >= 0) & (pos >= 0) & np.isfinite(neg + pos), "rows by bin must be >= 0")
    groups = neg.shape[-2]
    merged = np.clip(pos.sum((-2, -1)) // least, 1, groups)
    # group g of G goes to g · merged / G, so that merged groups have equally many to within one
    home = (np.arange(groups) * merged[..., None] // groups).astype(int)
    sort = (home[..., None, :] == np.arange(groups)[:, None]).astype(np.float64)
    neg, pos = sort @ neg, sort @ pos
    pairs = neg.sum(-1) * pos.sum(-1)
    above = (pos * (np.cumsum(neg, axis=-1) - neg / 2)).sum(-1)
    areas = np.divide(above, pairs, out=np.full_like(pairs, np.nan), where=pairs > 0)
    return np.asarray(np.clip(areas, 0.0, 1.0))  # weights may round it past 1


def mean_of_cells(counts: ArrayLike, gains: ArrayLike) -> tuple[Floats, Floats]:
    """A look's mean gain (or loss) and its variance if rows were independent: what `overdispersion` is to be told.

    counts, gains   as in `growth_of_gains` or `growth_of_losses`

    Returns two arrays of shape (..., looks); NaN where a look has no rows.

    >>> mean, variance = mean_of_cells([[80, 20], [0, 0]], share_gains(0.9))
    >>> mean.round(3).tolist(), variance.round(5).tolist()
    ([-0.1, nan], [0.0016, nan])
    """
    rows, gain = floats(counts), floats(gains)
    require(
        rows.ndim > 1 and gain.shape == rows.shape[-1:], "counts need the shape (..., looks, cells), one gain a cell"
    )
    require(np.isfinite(rows) & (rows >= 0), "rows by cell must be >= 0")
    total = rows.sum(-1)
    share = np.divide(rows, total[..., None], out=np.full_like(rows, np.nan), where=total[..., None] > 0)
    mean = share @ gain
    return mean, np.asarray((share * (gain - mean[..., None]) ** 2).sum(-1) / np.where(total > 0, total, np.nan))


def mean_of_groups(values: ArrayLike) -> tuple[Floats, Floats]:
    """A look's mean over groups and its variance if groups were alike: what `overdispersion` is to be told.

    values   as in `growth_of_groups`

    Returns two arrays of shape (..., looks); NaN where fewer than 2 groups have a figure.

    >>> mean, variance = mean_of_groups([[0.7, 0.9, np.nan], [0.8, np.nan, np.nan]])
    >>> mean.round(3).tolist(), variance.round(3).tolist()
    ([0.8, nan], [0.01, nan])
    """
    value = floats(values)
    known = ~np.isnan(value)
    groups = np.where(known.sum(-1) > 1, known.sum(-1), np.nan)
    mean = np.where(known, value, 0.0).sum(-1) / groups
    apart = np.where(known, value - mean[..., None], 0.0)
    return mean, np.asarray((apart * apart).sum(-1) / (groups - 1) / groups)


def _growth(rows: Floats, factors: Floats) -> Floats:
    """Σ rows · ln(factor): (..., looks, cells) and (bets, cells) to (..., looks, bets)."""
    return np.asarray(rows @ np.log(factors).T)
