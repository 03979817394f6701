"""From rows to the slices that a model fails for: found in one half of the rows, confirmed in the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leadline.slices.distinct import Rows, distinct
from leadline.slices.search import ALPHA, Conditions, search
from leadline.stats.comparison import hypergeometric_tail, welch_tail

#: errors from which on a slice counts with half as many in excess; losses count for (Σe)² / Σe² errors
MANY_ERRORS, ALPHA_OF_MANY = 5_000, 0.99
#: slices that score best; the rest of them says the same in other words
BEST = 200
#: slices that are tested at most
TESTED = 20
#: the chance that any slice is reported where all rows have the same errors
FALSE_FINDS = 0.05
#: rows of a slice, at least: this many, and this share of all
LEAST_ROWS, LEAST_SHARE = 32, 0.01
#: rows of a slice, at most
MOST_SHARE = 0.5


def find(
    rows: Rows, half: NDArray[np.bool_], depth: int, alpha: float | None = None, chance: float = FALSE_FINDS
) -> list[Conditions]:
    """Slices with more errors than the other rows, of which chance explains none; best first.

    half     the rows in which slices are looked for; they are tested in the others. It must say nothing of the errors:
             the hash of an id does
    depth    conditions of a slice, at most
    alpha    of `slice_score`; where None .98, and .99 where there are many errors, so that chance says less
    chance   that any slice is reported where all rows have the same errors

    Slices are looked for with `search`, those that say the same are left out (`distinct`), and the up to 20 that are
    left are tested on the other half: Fisher's exact test for errors of 0 and 1 without weights, Welch's for others,
    each at `chance` divided by how many are tested (Bonferroni). As the tested rows had no part in the choice, this
    is all that the many slices that were looked at cost. Assumes rows that do not move together: whether they do is
    for the interval of what is reported to say.
    """
    return confirmed(rows.where(~half), candidates(rows.where(half), depth, alpha), chance)


def candidates(here: Rows, depth: int, alpha: float | None = None) -> list[Conditions]:
    """The up to 20 slices with the most errors that tell something of their own, best first; not tested yet."""
    count = len(here.errors)
    least, most = max(LEAST_ROWS, int(np.ceil(LEAST_SHARE * count))), int(MOST_SHARE * count)
    if alpha is None:
        squared = float(here.errors @ here.errors)
        many = squared > 0 and float(here.errors.sum()) ** 2 / squared >= MANY_ERRORS
        alpha = ALPHA_OF_MANY if many else ALPHA
    scored = search(
        here.columns,
        here.errors,
        count=BEST,
        depth=depth,
        least=least,
        most=most,
        alpha=alpha,
        weights=here.weights,
    )
    return distinct(here, [each.conditions for each in scored], TESTED, least, most)


def confirmed(there: Rows, chosen: list[Conditions], chance: float = FALSE_FINDS) -> list[Conditions]:
    """Those of some slices that have more errors in rows that had no part in the choice; as `find` tests them."""
    return [each for each in chosen if _tail(there, there.inside(each)) <= chance / len(chosen)]


def _tail(rows: Rows, inside: NDArray[np.bool_]) -> float:
    """The chance of a slice at least this bad where it is like the other rows."""
    if rows.weights is None and bool(((rows.errors == 0) | (rows.errors == 1)).all()):
        hits, all_hits = int(rows.errors[inside].sum()), int(rows.errors.sum())
        return hypergeometric_tail(hits, int(inside.sum()), all_hits, len(inside))
    weights, other = (None, None) if rows.weights is None else (rows.weights[inside], rows.weights[~inside])
    return welch_tail(rows.errors[inside], rows.errors[~inside], weights, other)
