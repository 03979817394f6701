"""The wrong model in production: answers spread as an older version's were, or not as those that were validated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leadline.metrics.sums import Array
from leadline.stats.change_point import change_point
from leadline.why.before_after import before_after
from leadline.why.shares import share_changes

#: rows that each side needs
LEAST_ROWS = 1_000
#: total variation from which on two spreads of scores are clearly apart, and up to which they are alike
APART, ALIKE = 0.10, 0.05
#: how far labels have to move away from what answers meant: shares, and of standard deviations of a regression's errors
LEAST_SHARE, LEAST_ERROR = 0.03, 0.1
CHANCE = 0.01


@dataclass(frozen=True, slots=True)
class Strange:
    """From where on scores are not those that were validated.

    begin      the grain
    distance   total variation between the spreads of scores before and after it
    residual   of rows with scores that have become more frequent: how much more often than before they are positive;
               of numbers how much more their labels lie above them. 0 where labels do not tell
    """

    begin: int
    distance: float
    residual: float


def like_older(new: Array, last: Array, older: Sequence[Array]) -> int | None:
    """The place of the older version whose scores a new one has, where the last version's were others; else None.

    new     rows of the new version by grain and score bin in its first days, shape (grains, bins)
    last    the same of the version that it replaces, in the days before
    older   the same of still older versions, in their last days

    The new version has to be clearly apart from the last one (total variation of at least .10, and some bin certain
    among all at .01), so has the older one, and the two are to be alike: at most .05 and a third of that distance more
    than chance.
    That a new version is spread as the last one was says nothing: a model that is fitted again often is.

    >>> low, high = np.full((14, 2), [90.0, 10.0]), np.full((14, 2), [40.0, 60.0])
    >>> like_older(new=low, last=high, older=[low])
    0
    >>> like_older(new=low, last=low, older=[high]) is None
    True
    """
    if min(new.sum(), last.sum()) < LEAST_ROWS or not apart(last, new):
        return None
    near = min(ALIKE, distance(last, new) / 3)
    found = [
        (distance(each, new), place)
        for place, each in enumerate(older)
        if each.sum() >= LEAST_ROWS and apart(each, last) and distance(each, new) <= near + by_chance(each, new)
    ]
    return min(found)[1] if found else None


def stepped(rows: Array, validated: int, until: int, days: int) -> tuple[int, float] | None:
    """Where the spread of a version's scores changed at one step after it was validated, and how far; else None.

    rows        its rows by grain and score bin, shape (grains, bins)
    validated   number of leading grains in which it was
    until       grains that are looked at
    days        grains before and after the step that are compared

    Before the step its scores are to be spread as those that were validated, after it clearly otherwise, and still so
    at the end: what comes gradually, or goes away again, is no other model.

    >>> rows = np.vstack([np.full((40, 2), [90.0, 10.0]), np.full((20, 2), [40.0, 60.0])])
    >>> begin, far = stepped(rows, validated=28, until=60, days=14)
    >>> begin, round(far, 2)
    (40, 0.5)
    """
    reference, last = rows[:validated], rows[max(until - days, validated) : until]
    if min(reference.sum(), last.sum()) < LEAST_ROWS or not apart(reference, last):
        return None
    more = last.sum(axis=0) / last.sum() > reference.sum(axis=0) / reference.sum()
    place = change_point(rows[:until, more].sum(axis=1), rows[:until].sum(axis=1))
    if place is None or not validated <= place < until:
        return None
    before, after = rows[max(place - days, 0) : place], rows[place : min(place + days, until)]
    if min(before.sum(), after.sum()) < LEAST_ROWS or not apart(before, after):
        return None
    far = distance(before, after)
    near = max(ALIKE, far / 3)
    pairs = (reference, before), (after, last)
    return (place, far) if all(distance(*each) <= near + by_chance(*each) for each in pairs) else None


def come_true(rows: Array, outcomes: Array, begin: int, days: int, least: float) -> float:
    """How far outcomes of answers that became frequent at a step moved from what the same answers meant before; 0 where
    that is not certain, or less than `least`.

    rows       by grain and answer, shape (grains, answers)
    outcomes   of labelled rows Σw, Σwx, Σw², Σw²x, Σw²x² by grain and answer, shape (grains, answers, 5). x is what is
               to be as before: whether a row of a score is positive, whether a class is right, the error of a number
    begin      the grain of the step
    days       grains after it that have labels

    What came is no other model but other rows where their answers come true as before.

    >>> rows = np.vstack([np.full((14, 2), [90.0, 10.0]), np.full((14, 2), [10.0, 90.0])])
    >>> positive = np.vstack([np.full((14, 2), [9.0, 9.0]), np.full((14, 2), [1.0, 27.0])])
    >>> outcomes = np.stack([rows, positive, rows, positive, positive], axis=2)
    >>> round(come_true(rows, outcomes, 14, 14, 0.03), 2)
    -0.6
    """
    total = outcomes[:begin].sum(axis=0)
    counts = total[:, 0]
    meant = np.divide(total[:, 1], counts, out=np.zeros(len(counts)), where=counts > 0)
    before, after = rows[:begin].sum(axis=0), rows[begin : begin + days].sum(axis=0)
    more = (after / max(after.sum(), 1) > before / max(before.sum(), 1)) & (counts > 0)
    weight, hits, square, square_hits, squares = np.moveaxis(outcomes[:, more], 2, 0)
    mean = meant[more]
    residual = hits - mean * weight
    of_squares = squares - 2 * mean * square_hits + mean**2 * square
    crossed = square_hits - mean * square
    ratio = np.stack([each.sum(axis=1) for each in (residual, weight, of_squares, crossed, square)], axis=1)
    step = before_after(ratio, (max(begin - 2 * days, 0), begin), (begin, begin + days), [])
    if step is None:
        return 0.0
    moved = np.array([step.after - step.before])
    return float(moved[0]) if step.sure.certain(moved, CHANCE)[0] and abs(moved[0]) >= least else 0.0


def spread(outcomes: Array) -> float:
    """The standard deviation of what outcomes are of, over all grains and answers; shape (grains, answers, 5)."""
    weight, total, square, crossed, squares = outcomes.sum(axis=(0, 1))
    if weight <= 0:
        return 0.0
    mean = total / weight
    return float(np.sqrt(max(squares - 2 * mean * crossed + mean**2 * square, 0.0) / square))


def distance(first: Array, second: Array) -> float:
    """Total variation between two spreads: half the sum of the differences of shares."""
    one, other = (each.sum(axis=0) / each.sum() for each in (first, second))
    return float(np.abs(one - other).sum() / 2)


def by_chance(first: Array, second: Array) -> float:
    """The total variation to be expected between two samples of the same spread, about.

    >>> rows = np.full((14, 16), 10.0)
    >>> round(by_chance(rows, rows), 3)
    0.046
    """
    counts = first.sum(axis=0), second.sum(axis=0)
    share = sum(counts) / sum(each.sum() for each in counts)
    variance = share * (1 - share) * sum(1 / each.sum() for each in counts)
    return float(np.sqrt(variance * 2 / np.pi).sum() / 2)


def apart(first: Array, second: Array) -> bool:
    """Whether two spreads of scores are clearly apart."""
    if distance(first, second) < APART:
        return False
    *_, change, sure = share_changes(first, second, np.zeros((0, first.shape[1])))
    return bool(sure.certain(change, CHANCE).any())
