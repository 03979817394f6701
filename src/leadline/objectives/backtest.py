"""What rules would have said of a promise, look by look, and whether what is known today bears them out.

The usual rules are here to be compared with, not to be used: a mean ± 3σ, p < .05, and the target as a threshold for
every look. Everything is a pure function of arrays by look, NaN where a look has no figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.metrics.sums import Array
from leadline.values import Target, Undefined

Bools = NDArray[np.bool_]

SIGMAS = 3.0
CRITICAL = 1.959963984540054
"""Standard errors that independent rows stay within in 95 cases of 100."""
LEAST = 3
"""Looks with a figure that a reference must have."""
FIRST_PART = 4
"""Without a reference of its own a rule learns from the first of so many parts of the looks."""


@dataclass(frozen=True)
class Looked:
    """What the looks of one promise say, as it was known when each closed. Arrays by look.

    figure    the metric
    value     the figure that variances are of (of F1 the share TP / (TP + FP + FN), of RMSE its square)
    variance  of that figure, if rows were independent
    weight    what the look's rows weigh in the figure
    """

    figure: Array
    value: Array
    variance: Array
    weight: Array


def reference_looks(figure: Array, inside: int) -> tuple[int, int] | Undefined:
    """The looks that a rule learns from: their number from the first, and whether these are the declared reference.

    inside   how many looks, from the first on, lie in the declared reference

    Those, if `LEAST` of them have a figure; else the first quarter of all looks, if `LEAST` of them have one. Returns
    the look after the last of them, and how many of them have a figure.

    >>> figure = np.linspace(0.7, 0.8, 16)
    >>> reference_looks(figure, 5), reference_looks(figure, 2)
    ((5, 5), (4, 4))
    >>> reference_looks(figure[:8], 0).why
    'the first quarter of 8 looks has 2 with a figure, and 3 are needed to learn from'
    """
    known = np.isfinite(figure)
    for after in (inside, len(figure) // FIRST_PART):
        count = int(known[:after].sum())
        if count >= LEAST:
            return after, count
    looks = "1 look" if len(figure) == 1 else f"{len(figure):,} looks"
    return Undefined(f"the first quarter of {looks} has {count} with a figure, and {LEAST} are needed to learn from")


def outside_three_sigma(figure: Array, after: int) -> Bools:
    """Where a figure lies more than 3 standard deviations off the mean of the looks before `after`, on either side.

    The deviation is that of the reference's looks themselves (their number as divisor), as NannyML takes it.

    >>> outside_three_sigma(np.array([0.7, 0.8, 0.75, 0.86, 0.9]), 3).tolist()
    [False, False, False, False, True]
    """
    known = figure[:after][np.isfinite(figure[:after])]
    fires = np.abs(figure - known.mean()) > SIGMAS * known.std()
    return _later(fires, after)


def differs_by_p(looked: Looked, after: int) -> Bools:
    """Where a look differs from all looks before `after` taken together with p < .05: two-sided, rows as independent.

    A look that differs where neither has any variance counts as different.
    """
    known = np.isfinite(looked.value[:after]) & (looked.weight[:after] > 0)
    weight = looked.weight[:after][known]
    share = weight / weight.sum()
    usual = float(share @ looked.value[:after][known])
    spread = float(share**2 @ looked.variance[:after][known])
    fires = np.abs(looked.value - usual) > CRITICAL * np.sqrt(looked.variance + spread)
    return _later(fires, after)


def beyond_threshold(figure: Array, target: Target) -> Bools:
    """Where the figure of a look is on the wrong side of the target.

    >>> beyond_threshold(np.array([0.5, np.nan, 0.6]), Target("at_least", 0.6)).tolist()
    [True, False, False]
    """
    wrong = figure < target.limit if target.side == "at_least" else figure > target.limit
    return np.asarray(wrong, dtype=bool)  # NaN compares as neither


def cried_wolf(wrong: Sequence[bool | None], span: int) -> list[bool | None]:
    """Whether an alarm at each look would have been a false one, by the windows that the promise is about.

    wrong   whether the window that ends with each look broke the promise, as it is known today; None where it has no
            figure
    span    looks in a window, at least 1: a look lies in the windows that end with it and with the span - 1 after it

    False where one of these windows broke the promise: to fire was right. True where all of them kept it. None where
    none is known to have broken it and some have not closed, or have no figure.

    >>> cried_wolf([False, False, True, False, False], 2)
    [True, False, False, True, None]
    """
    found: list[bool | None] = []
    for look in range(len(wrong)):
        around = wrong[look : look + span]
        if any(each is True for each in around):
            found.append(False)
        else:
            found.append(None if len(around) < span or None in around else True)
    return found


def first_wrong(figure: Array, target: Target, since: int, after: int) -> int | None:
    """The first look in [since, after) at whose close the figure of the window was on the wrong side, if there is one.

    >>> first_wrong(np.array([0.7, 0.65, 0.58, 0.5]), Target("at_least", 0.6), 1, 4)
    2
    """
    places = np.flatnonzero(beyond_threshold(figure[since:after], target))
    return since + int(places[0]) if len(places) else None


def _later(fires: Bools, after: int) -> Bools:
    """A rule says nothing of the looks that it learnt from."""
    return np.asarray(fires & (np.arange(len(fires)) >= after))
