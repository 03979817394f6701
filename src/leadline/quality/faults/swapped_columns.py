"""Two columns that have changed places."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from leadline.quality.comparison import Comparison, Pair, strangeness, together
from leadline.quality.fault import Fault
from leadline.quality.grid import WIDTH, Ints
from leadline.quality.summary import Column

#: how strange both have to be as they are, and one of them, and how strange they may be in each other's place (see
#: `strangeness`); in each other's place they have to be less than half as strange (METHODS §8)
STRANGE, STRANGER, USUAL = 1.5, 2.0, 1.5
LEAST_ROWS = 20
#: values that a column has to have, or the share of its rows that have values which it never had
LEAST_VALUES, NEW = 5, 0.9


def swapped_columns(found: Comparison) -> Iterator[Fault]:
    """Each of two columns of a kind is strange as it is, and usual in the other's place."""
    strange = [pair for pair in found.open if pair.n >= LEAST_ROWS and _as_it_is(pair) >= STRANGE and _telling(pair)]
    taken: set[str] = set()
    ranked = sorted((_in_place(a, b) + _in_place(b, a), a.name, b.name, a, b) for a, b in _alike(strange))
    for both, name, other, one, two in ranked:
        apart = _as_it_is(one), _as_it_is(two)
        usual = max(_in_place(one, two), _in_place(two, one)) <= USUAL and both < sum(apart) / 2
        if not usual or max(apart) < STRANGER or taken & {name, other}:
            continue
        taken |= {name, other}
        yield Fault(
            "swapped_columns",
            (name, other),
            "each has the values of the other",
            "in each other's place they are as before",
            "Look at the order in which the columns are written or read.",
            max(one.n, two.n) / int(one.now.rows[0]),
        )


def _telling(pair: Pair) -> bool:
    """Whether its values are many enough, or new enough, to tell it from others: flags are all alike."""
    before, now = _same(pair.before, pair.now)
    past = before.sum(axis=0)
    return bool((past > 0).sum() >= LEAST_VALUES or now[past == 0].sum() >= NEW * now.sum())


def _alike(pairs: list[Pair]) -> Iterator[tuple[Pair, Pair]]:
    return ((a, b) for a, b in combinations(sorted(pairs, key=lambda each: each.name), 2) if a.now.text == b.now.text)


def _as_it_is(pair: Pair) -> float:
    return strangeness(*_same(pair.before, pair.now))


def _in_place(one: Pair, other: Pair) -> float:
    """How strange the values of the other would be as those of the one."""
    if not one.now.text and one.column.origin != other.column.origin:
        # the grid of the other column was laid for its own values: here it is as coarse as these lie away from there
        return one.away(other.quantiles, (WIDTH - 1) * np.abs(other.quantiles - other.column.origin))
    before, now = _same(one.before, other.now)
    return strangeness(before, now)


def _same(before: Column, now: Column) -> tuple[Ints, Ints]:
    """Both columns as histograms of the same values (where all are counted) or bins, with a place for missing ones."""
    if before.complete and now.complete and before.text:
        values = sorted({*map(str, before.values), *map(str, now.values)})
        counts = [_by_value(each, values) for each in (before, now)]
    else:
        _, *counts = together(before, now)
    one, two = (
        np.concatenate([count, column.missing[:, None]], axis=1)
        for count, column in zip(counts, (before, now), strict=True)
    )
    return one, two[0]


def _by_value(column: Column, values: list[str]) -> Ints:
    place = {value: at for at, value in enumerate(values)}
    found = np.zeros((len(column.rows), len(values)), np.int64)
    for at, value in enumerate(column.values):
        found[:, place[str(value)]] += column.value_counts[:, at]
    return found
