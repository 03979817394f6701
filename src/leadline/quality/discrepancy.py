"""Two tables beside each other, such as what a model was trained on and what it gets: their columns' faults by name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from leadline.quality.comparison import CHANCE, Comparison, Pair
from leadline.quality.fault import Fault, Figure
from leadline.quality.faults.categories import LEAST, LEAST_ROWS
from leadline.quality.history import named_faults
from leadline.quality.summary import Column, Partitions
from leadline.quality.words import listed, percent, quoted
from leadline.values import ALL_ROWS

#: the chance that is left to one share of one column to look unusual by accident
LEVEL = 1e-4


def discrepancies(columns: Sequence[Column]) -> tuple[Fault, ...]:
    """The faults of the second table beside the first, what touches the most rows first.

    columns   each over two partitions: the first and the second table

    Only what has a name: how far distributions differ otherwise is a question of drift.
    """
    pairs = {
        (each.name, ALL_ROWS): pair
        for each in columns
        if each.rows.all() and not (pair := Pair(each, np.array([0]), 1)).repeats
    }
    named = named_faults(Comparison(pairs, _NOTHING, _NOTHING, LEVEL))
    known = {name for fault in named if fault.kind != "null_jump" for name in fault.columns}
    values = [fault for each in columns if each.name not in known for fault in _merged(list(_categories(each)))]
    return tuple(sorted((*named, *values), key=lambda each: (-each.share, each.columns)))


def _categories(column: Column) -> Iterator[Fault]:
    """Values that are in one table only, though the other has so many rows that they would be there."""
    if not (column.text and column.complete):
        return
    known = column.known
    for at, value in enumerate(column.values):
        for mine, other in ((1, 0), (0, 1)):
            rows = int(column.value_counts[mine, at])
            if rows < LEAST_ROWS or column.value_counts[other, at] or rows < LEAST * known[mine]:
                continue
            share = rows / int(known[mine])
            if share * int(known[other]) < -math.log(CHANCE):
                continue
            new = mine == 1
            figures = (0, int(known[other])), (rows, int(known[mine]))
            yield Fault(
                "new_category" if new else "vanished_category",
                (column.name,),
                f"{quoted(value)} in {percent(share)} of the rows" if new else f"{quoted(value)} in no row",
                "before in none" if new else f"before in {percent(share)}",
                "Look at where the new value comes from, and whether the model was trained on it."
                if new
                else "Look at whether the value has another name now, or whether its rows are left out.",
                share,
                (Figure("category_share", *(figures if new else figures[::-1])),),
                detail=(value,),
            )


def _merged(found: list[Fault]) -> Iterator[Fault]:
    """One fault for all new values, one for all that vanished; one for both where only case or spaces changed."""
    new, gone = ([each for each in found if each.kind == kind] for kind in ("new_category", "vanished_category"))
    plain = {_plain(each): each for each in gone}
    if new and len(new) == len(gone) and {_plain(each) for each in new} == plain.keys():
        pairs = [(plain[_plain(each)], each) for each in sorted(new, key=lambda each: -each.share)]
        old, lead = pairs[0]
        names = [f"{quoted(a.detail[0])} as {quoted(b.detail[0])}" for a, b in pairs[1:]]
        yield replace(
            lead,
            kind="renamed_category",
            what=f"{quoted(old.detail[0])} is now called {quoted(lead.detail[0])}{_further(names)}",
            before="only upper and lower case differ, or spaces around",
            next="Write the values as those on which the model was trained: to it they are other ones.",
            share=sum(each.share for each in new),
            figures=(*old.figures, *lead.figures),
            detail=(old.detail[0], lead.detail[0]),
        )
        return
    for some in (new, gone):
        if some:
            some.sort(key=lambda each: -each.share)
            names = [quoted(each.detail[0]) for each in some[1:]]
            yield replace(some[0], what=f"{some[0].what}{_further(names)}", share=sum(each.share for each in some))


def _plain(fault: Fault) -> str:
    return str(fault.detail[0]).strip().lower()


def _further(names: Sequence[str]) -> str:
    return f" (and {len(names)} more: {listed(names)})" if names else ""


_NONE = np.zeros(0, np.int64)
#: nothing is counted of the tables as a whole
_NOTHING = Partitions(
    (), (), _NONE, _NONE, _NONE, np.zeros((0, 24), np.int64), (), np.zeros(0, bool), np.zeros(0, bool)
)
