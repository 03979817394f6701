"""A metric in a window: value, interval, and why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array, Sums
from leadline.stats.design import designs
from leadline.stats.groups import Spreads, spreads, successive_spreads
from leadline.values import Interval, Undefined

#: how many earlier grains tell how much grains differ
HISTORY = 28
#: windows that are worked out together; more would only take more memory
TOGETHER = 64
#: the same for slices, of which each brings its own grains
SLICES_TOGETHER = 16
TOO_LARGE = "the sums are too large for double precision"
EXACT = 2.0**52
#: with fewer windows than one in so many grains, a sum for each is faster than running sums of all
FEW = 16

#: share of grains with rows above which those without are no burden
FILLED = 0.5

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What sums say of a metric. `interval` is None where there is no value or no way to tell."""

    value: float | Undefined
    interval: Interval | None = None
    bound: float = 0.0


def evaluate(metric: Metric, window: Sums, history: Sums | None = None, entities: Sums | None = None) -> Evaluated:
    """Value and 95 % interval of a metric in one window.

    window    sums by grain of the window
    history   sums by grain of up to `HISTORY` grains before it; how much they differ widens a short window's interval
    entities  sums of the window by grain and hash group of the entities, where one is declared
    """
    parts = metric.parts(window)
    before = 0 if history is None else len(history.rows)
    if history is not None:
        parts = np.concatenate([metric.parts(history), parts])
    groups = None if entities is None else metric.parts(entities)
    if groups is not None:
        groups = np.concatenate([np.zeros((before, *groups.shape[1:])), groups])
    return _evaluated(metric, parts, [(before, len(parts))], [0], groups)[0]


def evaluate_windows(
    metric: Metric, sums: Sums, windows: Sequence[Range], entities: Sums | None = None
) -> list[Evaluated]:
    """As `evaluate`, for many windows of the same grains at once.

    sums      by grain of the whole log
    windows   first grain and the one after the last, places in `sums`; the `HISTORY` grains before are its history
    entities  by grain and hash group of the entities, where one is declared; not for metrics that read histograms
    """
    found: list[Evaluated] = []
    for start in range(0, len(windows), TOGETHER):
        some = windows[start : start + TOGETHER]
        first, last = max(min(begin for begin, _ in some) - HISTORY, 0), max(after for _, after in some)
        # grains without rows change nothing: where most are, as with times that are wrong by decades, they are left out
        filled = sums.rows[first:last] > 0
        kept = filled if 0 < filled.mean() <= FILLED else np.ones_like(filled)
        chosen = slice(first, last) if kept.all() else first + np.flatnonzero(kept)
        parts = metric.parts(sums[chosen])
        groups = None if entities is None or metric.histogram is not None else metric.parts(entities[chosen])
        place = np.concatenate([[0], np.cumsum(kept)])
        moved = [(int(place[begin - first]), int(place[after - first])) for begin, after in some]
        earlier = [int(place[max(begin - HISTORY - first, 0)]) for begin, _ in some]
        found += _evaluated(metric, parts, moved, earlier, groups)
    return found


def evaluate_each(metric: Metric, sums: Sequence[Sums], window: Range) -> list[Evaluated]:
    """As `evaluate_windows`, for one window in the sums of many slices, each with its own history."""
    begin, after = window
    first = max(begin - HISTORY, 0)
    found: list[Evaluated] = []
    for start in range(0, len(sums), SLICES_TOGETHER):
        # one after the other, so far apart that no slice is in another's history
        rows = [metric.parts(each[first:after]) for each in sums[start : start + SLICES_TOGETHER]]
        apart = np.zeros((HISTORY, rows[0].shape[1]))
        stride = HISTORY + after - first
        windows = [(place * stride + HISTORY + begin - first, (place + 1) * stride) for place in range(len(rows))]
        earlier = [max(begin - HISTORY, 0) for begin, _ in windows]
        together = np.concatenate([part for row in rows for part in (apart, row)])
        found += _evaluated(metric, together, windows, earlier, None)
    return found


def _extremes_allowed() -> np.errstate:
    """Numbers may be too large or small for their squares: what comes of it is looked at, and has no interval."""
    return np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore")


def _evaluated(
    metric: Metric, by_grain: Array, windows: Sequence[Range], earlier: Sequence[int], groups: Array | None
) -> list[Evaluated]:
    """by_grain has shape (grains, parts), groups (grains, hash groups, parts); `earlier`: where each history begins."""
    broken = np.logical_not(np.isfinite(by_grain).all(axis=1, keepdims=True))
    if broken.any():
        by_grain = np.where(broken, 0.0, by_grain)
    begin, after = np.array(windows).T
    totals = _Totals(by_grain, len(windows))
    total = totals(begin, after)
    with _extremes_allowed():
        value = metric.value(total)
    lost = np.asarray(np.isinf(value) | ((_members(begin, after, len(by_grain)) @ broken)[:, 0] > 0))
    defined = np.flatnonzero(np.isfinite(value) & np.logical_not(lost))
    some: list[Evaluated] = []
    if len(defined):
        with _extremes_allowed():
            history = _history(metric, totals, np.array(earlier)[defined], begin[defined])
            some = _of_defined(
                metric, totals, total[defined], value[defined], begin[defined], after[defined], history, groups
            )
    found = dict(zip(defined.tolist(), some, strict=True))
    return [
        found.get(place) or Evaluated(Undefined(TOO_LARGE if lost[place] else metric.why(total[place])))
        for place in range(len(windows))
    ]


def _of_defined(
    metric: Metric,
    totals: _Totals,
    total: Array,
    value: Array,
    begin: Array,
    after: Array,
    history: Spreads,
    groups: Array | None,
) -> list[Evaluated]:
    variance, slope = metric.row_variance(total), metric.slope(total)
    # numbers so small or large that a variance is lost: there is a value and no interval
    lost = ~np.isfinite(variance) | (variance < 0) | ~np.isfinite(slope).all(axis=1)
    variance, slope = np.where(lost, 0.0, variance), np.where(lost[:, None], 0.0, slope)
    member = _members(begin, after, len(totals.by_grain))
    own = metric.size(totals.by_grain) * member
    grains = entity = Spreads.unknown(len(value))
    if (after - begin).max() > 1:
        grains = spreads(variance, _influence(slope, totals.by_grain) * member, own)
    if groups is not None:
        by_group = np.tensordot(member, np.nan_to_num(groups), 1)  # window, group, part
        influence = np.einsum("wp,wgp->wg", slope, by_group[..., : slope.shape[1]])
        entity = spreads(variance, influence, metric.size(by_group))
    own_size = (own * own).sum(1) / np.maximum(own.sum(1), 1e-300)
    chosen = designs(grains, history, entity, own_size)
    low, high, formula = metric.interval(total, value, variance, chosen)
    bound = metric.bound(total)
    low = np.where(bound > 0, np.maximum(low - bound, metric.low), low)
    high = np.where(bound > 0, np.minimum(high + bound, metric.high), high)
    ends = zip(low.tolist(), high.tolist(), chosen.methods, (np.isfinite(low + high) & ~lost).tolist(), strict=True)
    intervals = [Interval(bottom, top, method or formula) if told else None for bottom, top, method, told in ends]
    return [Evaluated(*each) for each in zip(value.tolist(), intervals, bound.tolist(), strict=True)]


def _history(metric: Metric, totals: _Totals, first: Array, begin: Array) -> Spreads:
    """How much the figure varied from grain to grain before each window, from `first` on."""
    total = totals(first, begin)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        known = np.isfinite(metric.value(total)) & (begin > first)
    if not known.any():
        return Spreads.unknown(len(begin))
    # the others are given the figures of one that is known, and are forgotten afterwards
    total = np.where(known[:, None], total, total[np.argmax(known)])
    member = _members(first, begin, len(totals.by_grain)) * known[:, None]
    influence = _influence(metric.slope(total), totals.by_grain) * member
    variance = metric.row_variance(total)
    told = np.isfinite(variance) & (variance >= 0) & np.isfinite(influence).all(axis=1)
    variance, influence = np.where(told, variance, 0.0), np.where(told[:, None], influence, 0.0)
    return successive_spreads(variance, influence, metric.size(totals.by_grain) * member)


def _influence(slope: Array, by_grain: Array) -> Array:
    """What each grain adds to the figure of each window, shape (windows, grains)."""
    return np.asarray(slope @ by_grain[:, : slope.shape[1]].T)


def _members(begin: Array, after: Array, grains: int) -> Array:
    """Which grains belong to each window, 0 or 1, shape (windows, grains)."""
    grain = np.arange(grains)
    return ((grain >= begin[:, None]) & (grain < after[:, None])).astype(np.float64)


def _exact(by_grain: Array) -> bool:
    """Whether sums of these are exact in any order."""
    return bool((np.floor(by_grain) == by_grain).all() and np.abs(by_grain).sum(axis=0).max(initial=0.0) < EXACT)


class _Totals:
    """Sums over ranges of grains: differences of running sums where these are exact and ranges many, else each range
    on its own."""

    def __init__(self, by_grain: Array, windows: int) -> None:
        self.by_grain = by_grain
        self._running = None
        if windows * FEW > len(by_grain) and _exact(by_grain):
            self._running = np.zeros((len(by_grain) + 1, by_grain.shape[1]))
            np.cumsum(by_grain, axis=0, out=self._running[1:])

    def __call__(self, begin: Array, after: Array) -> Array:
        if self._running is not None:
            return np.asarray(self._running[after] - self._running[begin])
        return np.stack([self.by_grain[first:last].sum(axis=0) for first, last in zip(begin, after, strict=True)])
