"""Values of a column that come up or are gone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from leadline.quality.comparison import Comparison, Fault, Figure, Pair
from leadline.quality.faults.null_jump import quoted_name
from leadline.quality.words import percent, quoted
from leadline.values import Scalar

#: the share of rows that a value needs to be told of
LEAST = 0.01
LEAST_ROWS = 10


def new_category(found: Comparison) -> Iterator[Fault]:
    """A value of which there was no row in the partitions before."""
    for pair, at, value in _values(found):
        now, past = int(pair.now.value_counts[0, at]), int(pair.past.value_counts[0, at])
        if (
            past
            or now < LEAST_ROWS
            or now / pair.n < LEAST
            or not pair.jumped(pair.before.value_counts[:, at], now, found.level)
        ):
            continue
        yield _fault(
            "new_category",
            pair,
            value,
            now / int(pair.now.rows[0]),
            f"{quoted(value)} in {percent(now / pair.n)} of the rows",
            "never before",
            "Look at where the new value comes from, and whether the model was trained on it.",
            (0, int(pair.past.known[0])),
            (now, pair.n),
        )


def vanished_category(found: Comparison) -> Iterator[Fault]:
    """A value that was in every partition before, often enough that its absence is no accident."""
    for pair, at, value in _values(found):
        before = pair.before.value_counts[:, at]
        past = int(pair.past.value_counts[0, at])
        share = past / max(int(pair.past.known[0]), 1)
        if pair.now.value_counts[0, at] or share < LEAST or np.any(before[pair.before.known > 0] == 0):
            continue
        if not pair.jumped(before, 0, found.level):
            continue
        yield _fault(
            "vanished_category",
            pair,
            value,
            share,
            f"{quoted(value)} in no row",
            f"before in {percent(share)}",
            "Look at whether the value has another name now, or whether its rows are left out.",
            (past, int(pair.past.known[0])),
            (0, pair.n),
        )


def _values(found: Comparison) -> Iterator[tuple[Pair, int, Scalar]]:
    for pair in found.open:
        if pair.now.complete and pair.now.text and pair.n:
            yield from ((pair, at, value) for at, value in enumerate(pair.now.values))


def _fault(
    kind: str,
    pair: Pair,
    value: Scalar,
    share: float,
    what: str,
    before: str,
    next_: str,
    past: tuple[int, int],
    now: tuple[int, int],
) -> Fault:
    literal = "'" + str(value).replace("'", "''") + "'"
    return Fault(
        kind,
        (pair.name,),
        what,
        before,
        next_,
        share,
        (Figure("category_share", past, now),),
        where=f"{quoted_name(pair.name)} = {literal}",
        detail=(value,),
    )
