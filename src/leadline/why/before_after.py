"""What a metric did at a moment: a window before and one after it, beside what it does at other moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leadline.metrics.sums import Array
from leadline.stats.difference import Errors, Influences, errors, influences
from leadline.why.split import AA, AB, BB, A, B

Range = tuple[int, int]
#: moments without an event that are needed to say how often the metric moves as much by itself
LEAST_OTHERS = 20
#: grains before a window that tell how much grains differ, where it has few of its own
HISTORY = 28


@dataclass(frozen=True, slots=True)
class Step:
    """A metric before and after a moment.

    before, after   the metric in both windows
    sure            errors of after - before, of one figure
    as_large        share of moments around which nothing happened, at which it moved at least as much; None where there
                    are too few of these
    """

    before: float
    after: float
    sure: Errors
    as_large: float | None


def before_after(ratio: Array, before: Range, after: Range, others: Sequence[int], rooted: bool = False) -> Step | None:
    """A ratio ΣA / ΣB before and after a moment; None where one window has none.

    ratio           A, B, A², AB, B² by grain, shape (grains, 5)
    others          places of moments around which nothing is known to have happened: the grain that begins the second
                    window. The windows there have the same lengths.
    rooted          the metric is the root of the ratio

    >>> ratio = np.stack([np.r_[np.full(14, 10.0), np.full(14, 30.0)], *[np.full(28, 100.0)] * 4], axis=1)
    >>> step = before_after(ratio, (0, 14), (14, 28), [])
    >>> round(step.before, 2), round(step.after, 2), step.as_large
    (0.1, 0.3, None)
    """
    sides, histories, figures = [], [], []
    for (begin, end), sign in ((before, -1.0), (after, 1.0)):
        sums = ratio[begin:end]
        total = sums.sum(axis=0)
        if total[B] <= 0:
            return None
        value = total[A] / total[B]
        shown = float(np.sqrt(max(value, 0.0))) if rooted else float(value)
        bend = (0.5 / shown if shown > 0 else 0.0) if rooted else 1.0
        slope = np.array([[sign * bend / total[B]]])
        past = ratio[max(begin - HISTORY, 0) : begin]
        sides.append(_influences(sums, slope))
        histories.append(_influences(past, slope) if len(past) > 1 else None)
        figures.append(shown)
    moved = _moves(ratio, np.array(others, np.int64), (before[1] - before[0], after[1] - after[0]), rooted)
    known = moved[np.isfinite(moved)]
    as_large = None
    if len(known) >= LEAST_OTHERS:
        as_large = float((np.abs(known) >= abs(figures[1] - figures[0])).mean())
    return Step(figures[0], figures[1], errors(sides, histories), as_large)


def _influences(sums: Array, slope: Array) -> Influences:
    """Of the rows of some grains on their ratio, which moves the figure by `slope` for each unit of A."""
    total = sums.sum(axis=0)
    ratio = total[A] / total[B] if total[B] > 0 else 0.0
    moments = total[AA, None], total[AB, None], total[BB, None]
    return influences(slope, -ratio * slope, sums[:, [A]], sums[:, [B]], moments, sums[:, B])


def _moves(ratio: Array, places: Array, lengths: tuple[int, int], rooted: bool) -> Array:
    """How far the metric moved at each of some places, between windows of these lengths; NaN where one has nothing."""
    running = np.concatenate([np.zeros((1, 2)), np.cumsum(ratio[:, [A, B]], axis=0)])
    first = running[places] - running[places - lengths[0]]
    second = running[places + lengths[1]] - running[places]
    with np.errstate(divide="ignore", invalid="ignore"):
        sides = [np.where(each[:, 1] > 0, each[:, 0] / each[:, 1], np.nan) for each in (first, second)]
    if rooted:
        sides = [np.sqrt(np.maximum(each, 0.0)) for each in sides]
    return np.asarray(sides[1] - sides[0])
