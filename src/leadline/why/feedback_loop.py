"""The negative feedback loop: a metric looks no worse because those whom it serves worse are leaving."""

from __future__ import annotations

import numpy as np

from leadline.metrics.sums import Array
from leadline.stats.difference import Errors
from leadline.why.split import Split

#: chance of a deviation of three standard errors, two-sided
THREE_SIGMA = 0.0027


def leaving(told: Split, better: str | None, shares: Array, sure: Errors) -> list[int]:
    """The groups of slices that are served worse than the rest and ever worse, and whose share of the rows falls.

    better   which side of the metric is good: "higher" or "lower"; nothing is found of a metric that has none
    shares   change of each group's share of all rows, labelled or not, shape (groups,); `sure` are its errors

    A group counts where the metric as a whole is not certainly worse than it was (the 95 % interval of its change
    reaches the better side), the group is worse than the whole, so that its going makes the whole look better, and two
    things are certain at three standard errors: it became worse, and its share of the rows fell. Small slices that
    stand together are left out. By chance both come together in fewer than one of a hundred thousand groups.
    Source: METHODS §6.
    """
    if better not in ("higher", "lower"):
        return []
    bad = 1.0 if better == "lower" else -1.0
    change = told.of("change")
    if bad * float(told.figures[change][0]) > float(told.errors[change].half()[0]):
        return []
    rate, mix = told.of("rate"), told.of("mix")
    ends = told.errors.half(THREE_SIGMA)
    with np.errstate(invalid="ignore"):
        worse = bad * (told.values_after - (told.before + told.after) / 2) > 0
        worsening = bad * told.figures[rate] > ends[rate]
        # a share that falls where the figure is worse than elsewhere makes the whole look better
        hidden = bad * told.figures[mix] < 0
        falling = shares < -sure.half(THREE_SIGMA)
    groups = np.flatnonzero(worse & worsening & hidden & falling & told.known)
    return [int(group) for group in groups if not (told.small and group == told.groups - 1)]
