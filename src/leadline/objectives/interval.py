"""The rule `interval`: an objective is breached when the whole interval is on the wrong side (DESIGN §7)."""

from __future__ import annotations

from leadline.metrics.evaluate import Evaluated
from leadline.values import Target, Undefined, Verdict

#: rows from which on a figure without an interval has another reason than that they are few
MANY = 30


#: why a figure that rows alone would tell is uncertain
HIDDEN = "the bins that it is read from hide as much as lies between it and the limit"


def verdict(found: Evaluated, target: Target, rows: float, labelled: float) -> tuple[Verdict, str | None]:
    """What a window says of a promise, and why where it says nothing.

    rows, labelled   of the window and slice; with none of them there is no data to judge

    >>> from leadline.values import Interval
    >>> verdict(Evaluated(0.5, Interval(0.4, 0.55, "wilson")), Target("at_least", 0.6), 100, 90)
    (<Verdict.BREACHED: 'breached'>, None)
    >>> verdict(Evaluated(0.5, Interval(0.4, 0.65, "wilson")), Target("at_least", 0.6), 100, 90)[0].value
    'uncertain'
    """
    if isinstance(found.value, Undefined):
        if not rows:
            return Verdict.NO_DATA, "no rows"
        if not labelled:
            return Verdict.NO_DATA, "no labels"
        return Verdict.UNDEFINED, found.value.why
    if found.interval is None:
        alike = "rows that are all alike tell nothing of chance" if labelled >= MANY else "too few rows for an interval"
        return Verdict.UNCERTAIN, alike
    low, high = target.met(found.interval.low), target.met(found.interval.high)
    if low and high:
        return Verdict.HOLDS, None
    if not low and not high:
        return Verdict.BREACHED, None
    # whether the rows alone would have told, without what the bins of their scores or errors hide
    inner = found.interval.low + found.bound, found.interval.high - found.bound
    if found.bound > 0 and (inner[0] > inner[1] or target.met(inner[0]) == target.met(inner[1])):
        return Verdict.UNCERTAIN, HIDDEN
    return Verdict.UNCERTAIN, None
