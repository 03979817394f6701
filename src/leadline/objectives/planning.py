"""How long a detector would take to find a drop, at the volume and spread that were seen (DESIGN §8).

The growth of evidence that a look would bring after a drop is reckoned from the looks that were seen: shares get the
new share, losses are all larger by a factor, groups' AUC are all lower. From its mean and spread comes the time
(`stats.detection_delay`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from leadline.metrics.errors import error_edges
from leadline.metrics.metric import (
    F1,
    SQUARE,
    SUM,
    SUM_OF_SQUARES,
    WEIGHT,
    CountRatio,
    Mean,
    MeanShare,
    Metric,
    Share,
    divided,
)
from leadline.metrics.paired import Difference
from leadline.metrics.ranking import RocAuc
from leadline.metrics.regression import ABSOLUTE, SQUARED
from leadline.metrics.sums import Array, Sums
from leadline.objectives.bets import Stream, has_bet, inside, of_difference
from leadline.stats.detection_delay import expected_looks
from leadline.stats.growth import (
    SHIFTS,
    growth_of_gains,
    growth_of_groups,
    growth_of_losses,
    growth_of_sums,
    jaccard_target,
    share_gains,
)
from leadline.values import KEEPS, Target, Undefined, counted

#: how far a metric between 0 and 1 is imagined to fall, and by which factor a loss to grow
POINTS = (0.02, 0.05, 0.10, 0.20)
FACTORS = (1.1, 1.25, 1.5, 2.0)
#: of a figure, beside its square
LEAST_VARIANCE = 1e-6
#: looks on which a plan rests at least
LEAST_LOOKS = 3
#: looks after which it can be told how much they differ: a quarter of weeks
LEARNT = 13
#: how much looks differ where that is worth a word; what share of the time twice the labels leave, and waiting takes
DIFFER, HELPS, WAITING = 3.0, 0.8, 0.3

Growth = Callable[[float], tuple[Array, Array]]
"""The figure after a drop → mean and variance of the growth of one look by bet, as if its rows were independent."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What looks were like while the promise was kept, or all of them where it never was.

    value           the figure over all of these looks
    rows            rows that count, in a look
    overdispersion  phi that the next look would have: an upper bound, far too high where few looks tell it
    learnt          whether enough looks tell it
    """

    value: float
    rows: float
    overdispersion: float
    learnt: bool
    growth: Growth


def usual(
    metric: Metric,
    target: Target,
    sums: Sums,
    parts: Array,
    stream: Stream,
    phi: Array,
    groups: Array | None,
    chosen: Array,
) -> Usual | Undefined:
    """What the looks in `chosen` were like.

    sums, parts, stream, phi   by look, as the detector reads them
    groups                for AUC: figures of groups, shape (looks, groups)
    """
    known = np.asarray(chosen) & np.isfinite(stream.value) & np.isfinite(phi)
    if known.sum() < LEAST_LOOKS:
        return Undefined(f"fewer than {LEAST_LOOKS} looks have a figure")
    told = phi[np.isfinite(phi)]
    if not len(told):
        return Undefined("no look tells how much looks differ")
    total = parts[known].sum(axis=0, keepdims=True)
    rows = float(metric.rows(total)[0] / known.sum())
    growth = _growth(metric, target, sums, parts, stream, groups, known)
    return Usual(float(metric.value(total)[0]), rows, float(told[-1]), len(told) >= LEARNT, growth)


def drops(metric: Metric, target: Target, value: float) -> list[tuple[str, float]]:
    """Sizes, and the figures to which a metric is imagined to fall from its usual one, the smallest drop first.

    >>> from leadline.metrics import MetricCall, build
    >>> drops(build(MetricCall("recall"), "binary"), Target("at_least", 0.6), 0.25)
    [('-0.02', 0.23), ('-0.05', 0.2), ('-0.1', 0.15), ('-0.2', 0.05)]
    """
    worse = -1 if target.side == "at_least" else 1
    if (metric.low, metric.high) == (0.0, 1.0):
        found = [(f"{worse * size:+g}", round(value + worse * size, 12)) for size in POINTS]
        return [(size, after) for size, after in found if 0 < after < 1]
    if metric.low == 0 and worse > 0:
        return [(f"×{factor:g}", value * factor) for factor in FACTORS]
    unit = abs(target.limit - value) or abs(value) or 1.0
    return [(f"{worse * unit * factor:+.3g}", value + worse * unit * factor) for factor in FACTORS]


def looks_to_find(found: Usual, target: Target, after: float, alpha: float, year: float) -> float | Undefined:
    """Looks, on average, from a drop to `after` until the detector finds it.

    alpha   the share of false alarms a year that this slice has
    year    looks in a year
    """
    if target.met(after):
        return Undefined(KEEPS)
    phi = found.overdispersion
    kept = found.value if target.met(found.value) else target.limit
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        fall, _ = found.growth(kept)
        drift, variance = found.growth(after)
    if not np.isfinite([*fall, *drift, *variance]).all():
        return Undefined("numbers are too large to reckon with")
    looks = expected_looks(fall / phi, drift / phi, np.sqrt(variance / phi), alpha, max(year, 1.0))
    if not math.isfinite(looks):
        return Undefined("too near to the limit to be found but by luck")
    return looks


def with_rows(found: Usual, factor: float) -> Usual:
    """The same with more rows in each look: what looks have in common then weighs more."""
    phi = 1 + (found.overdispersion - 1) * factor

    def growth(after: float) -> tuple[Array, Array]:
        mean, variance = found.growth(after)
        return mean * factor, variance * factor

    return Usual(found.value, found.rows * factor, phi, found.learnt, growth)


def _growth(
    metric: Metric, target: Target, sums: Sums, parts: Array, stream: Stream, groups: Array | None, known: Array
) -> Growth:
    side = 1.0 if target.side == "at_least" else -1.0
    many = int(known.sum())
    if isinstance(metric, F1):
        rows = float((parts[known, 1] ** 2 / parts[known, 3]).sum() / many)
        return _of_share(rows, jaccard_target(inside(target.limit)), side, lambda f1: f1 / (2 - f1))
    if isinstance(metric, Share):
        return _of_share(float((parts[known, 1] ** 2 / parts[known, 3]).sum() / many), target.limit, side)
    if isinstance(metric, MeanShare):
        return _of_share(float((parts[known, WEIGHT] ** 2 / parts[known, SQUARE]).sum() / many), target.limit, side)
    if isinstance(metric, RocAuc) and groups is not None:
        return _of_groups(groups[known], float(np.nanmean(groups[known])), inside(target.limit), side)
    if isinstance(metric, Difference) and has_bet(metric):
        return _of_difference(metric, parts[known].sum(axis=0) / many, target.limit, side)
    loss = isinstance(metric, Mean) and metric.low == 0 and side < 0 and target.limit > 0
    if isinstance(metric, Mean) and loss:
        power = 2 if metric.root else 1
        mean = float(metric.value(parts[known].sum(axis=0, keepdims=True))[0]) ** power
        errors = sums.sizes.get("errors")
        if errors is not None and metric.measure in (ABSOLUTE, SQUARED):
            counts = errors[known].sum(axis=0) / many
            losses = error_edges()[: len(counts)] ** (1 if metric.measure == ABSOLUTE else 2)
            return _of_losses(counts, losses, mean, target.limit**power, power)
        return _of_sums(parts[known].sum(axis=0) / many, mean, target.limit**power, power)
    unit = _bottom(metric, sums, target)[known].mean() if isinstance(metric, CountRatio) else 1.0
    return _of_figure(float(np.median(stream.variance[known])), target.limit, side, float(unit))


def _bottom(metric: CountRatio, sums: Sums, target: Target) -> Array:
    """What a row that gains or loses adds to the ratio's bottom, by look: so much wider is the scale of gains."""
    bottom = metric.bottom(sums.classes)
    used = metric.top(sums.classes) != target.limit * bottom
    return divided((sums.counts * bottom).sum((-2, -1)), sums.counts[..., used].sum(-1))


def _of_share(rows: float, limit: float, side: float, share: Callable[[float], float] = lambda value: value) -> Growth:
    hit, miss = growth_of_gains(np.eye(2), side * share_gains(inside(limit)))

    def growth(after: float) -> tuple[Array, Array]:
        hits = share(after)
        return rows * (hits * hit + (1 - hits) * miss), rows * hits * (1 - hits) * (hit - miss) ** 2

    return growth


def _of_difference(metric: Difference, total: Array, limit: float, side: float) -> Growth:
    """Differences that are all shifted alike; of steps, some of one kind become the other."""
    rows = float(total[WEIGHT] ** 2 / total[SQUARE])
    mean, second = float(total[SUM] / total[WEIGHT]), float(total[SUM_OF_SQUARES] / total[SQUARE])

    def look(of: float, squares: float) -> Array:
        return np.array([rows, rows, rows, rows * of, rows * of, rows * squares])

    def growth(after: float) -> tuple[Array, Array]:
        squares = max(second, abs(after)) if metric.steps else second + after**2 - mean**2
        grown = of_difference(metric, look(after, squares)[None], limit, side)[0]
        step = 1e-4
        slope = (of_difference(metric, look(after + step, squares)[None], limit, side)[0] - grown) / step / rows
        return grown, rows * slope**2 * max(squares - after**2, 0.0)

    return growth


def _of_groups(groups: Array, mean: float, limit: float, side: float) -> Growth:
    """Groups whose AUC are all shifted alike."""
    each = groups[np.isfinite(groups)]
    per_look = len(each) / len(groups)

    def growth(after: float) -> tuple[Array, Array]:
        shifted = np.clip(each + after - mean, 0.0, 1.0)
        values, edge = (shifted, limit) if side > 0 else (1 - shifted, 1 - limit)
        grown = growth_of_groups(values[:, None], edge)
        return per_look * grown.mean(axis=0), per_look * grown.var(axis=0)

    return growth


def _of_losses(counts: Array, losses: Array, mean: float, limit: float, power: int) -> Growth:
    """Losses that are all larger by one factor."""
    rows = counts.sum()

    def growth(after: float) -> tuple[Array, Array]:
        grown = growth_of_losses(np.eye(len(counts)), losses * (after**power / mean), limit)
        first, second = counts @ grown, counts @ grown**2
        return first, second - first**2 / rows

    return growth


def _of_sums(total: Array, mean: float, limit: float, power: int) -> Growth:
    """Losses that are all larger by one factor, of which only sums are known."""
    rows = float(total[WEIGHT] ** 2 / total[SQUARE])
    second = float(total[SUM_OF_SQUARES] / total[SQUARE])
    first = float(total[SUM] / total[WEIGHT])

    def growth(after: float) -> tuple[Array, Array]:
        factor = after**power / mean
        squares = np.array([second * factor**2 * rows])
        mean_growth = growth_of_sums(np.array([rows]), np.array([first * factor * rows]), squares, limit)[0]
        tiny = growth_of_sums(np.array([1.0]), np.array([first * factor + limit * 1e-3]), squares / rows, limit)[0]
        slope = (tiny - growth_of_sums(np.array([1.0]), np.array([first * factor]), squares / rows, limit)[0]) * 1e3
        return mean_growth, rows * (slope / limit) ** 2 * max(second - first**2, 0.0) * factor**2

    return growth


def _of_figure(variance: float, limit: float, side: float, unit: float) -> Growth:
    """A nearly normal figure; `unit` is by how much its bets' scale is wider than its own."""
    shifts = np.array(SHIFTS)

    def growth(after: float) -> tuple[Array, Array]:
        # figures that never varied say at once that a promise is broken, as far as numbers go
        off = unit * side * (limit - after) / math.sqrt(max(variance, LEAST_VARIANCE * max(after, limit, 1.0) ** 2))
        return shifts * off - shifts**2 / 2, shifts**2

    return growth


def advice(
    found: Usual, size: str, looks: float, wait: float, look_days: float, twice: float | Undefined
) -> Sequence[str]:
    """What would shorten the time to find a drop, in sentences; empty where nothing would by much.

    size       of the drop
    looks      looks to find it
    wait       days until a label is due
    look_days  days in a look
    twice      looks with twice the labels
    """
    said = []
    looking, phi = looks * look_days, found.overdispersion
    if phi > DIFFER and not found.learnt:
        said.append(
            f"more looks: too few tell how much they differ by themselves (at most {phi:.0f} times as much as chance)"
        )
    elif not isinstance(twice, Undefined) and twice < HELPS * looks:
        said.append(
            f"a drop of {size} would be found in {twice * look_days:.0f} instead of {counted(round(looking), 'day')} of"
            " looking with twice the labels"
        )
    elif phi > DIFFER and looks > 1.5:
        said.append(
            f"looks differ up to {phi:.0f} times as much as chance alone, so that more labels hardly help: find what"
            " they differ by, and slice by it"
        )
    if wait > WAITING * (looking + wait):
        waiting = counted(round(wait), "day is", "days are")
        said.append(f"{waiting} waiting for labels: a proxy that comes earlier would tell sooner")
    return tuple(said)
