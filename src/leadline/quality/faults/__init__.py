"""Faults that have a name: one function each, from a partition and those before it. Adding one touches one file.

The more a fault explains, the earlier it stands: columns that it names are not looked at by those after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from leadline.quality.comparison import Comparison
from leadline.quality.fault import Episode, Fault
from leadline.quality.faults.broken_encoding import broken_encoding
from leadline.quality.faults.categories import new_category, vanished_category
from leadline.quality.faults.cut_off import cut_off
from leadline.quality.faults.duplicated_rows import duplicated_rows
from leadline.quality.faults.frozen import frozen
from leadline.quality.faults.not_yet_there import not_yet_there
from leadline.quality.faults.null_jump import missing_in, null_jump
from leadline.quality.faults.sentinel import sentinel, value_in
from leadline.quality.faults.sign_flip import sign_flip
from leadline.quality.faults.swapped_columns import swapped_columns
from leadline.quality.faults.time_zone_shift import time_zone_shift
from leadline.quality.faults.truncated_text import truncated_text
from leadline.quality.faults.type_change import type_change
from leadline.quality.faults.unit_change import unit_change
from leadline.quality.faults.volume import missing_partition, volume
from leadline.quality.summary import Partitions


class Named(Protocol):
    """Names a fault of a partition, where it has it. Reads only."""

    __name__: str

    def __call__(self, found: Comparison, /) -> Iterator[Fault]: ...


class OverTime(Protocol):
    """Names a fault from all partitions at once, with the one in which it began. Reads only."""

    def __call__(self, log: Partitions, /) -> Iterator[Episode]: ...


#: of the log as a whole: the first that has something to say
OF_LOG: tuple[Named, ...] = (missing_partition, duplicated_rows, volume)
#: of columns. `null_jump` says nothing of the values that are there, and explains none of the others
FAULTS: tuple[Named, ...] = (
    null_jump,
    swapped_columns,
    broken_encoding,
    sentinel,
    frozen,
    sign_flip,
    unit_change,
    type_change,
    time_zone_shift,
    truncated_text,
    cut_off,
)
#: what explains no other fault of its columns
BESIDE: frozenset[Named] = frozenset({null_jump})
#: what shows over many partitions rather than in one
OVER_TIME: tuple[OverTime, ...] = (new_category, vanished_category, not_yet_there)

#: of kinds whose rows a condition tells, so that they can be counted, what is said of their share of all rows
COUNTED: Mapping[str, Callable[[Fault, float], str]] = {
    "null_jump": lambda fault, share: missing_in(share, together=len(fault.columns) > 1),
    "null_join_keys": lambda _, share: missing_in(share, together=True),
    "sentinel": lambda fault, share: value_in(fault.detail[0], share),
}


def counted(fault: Fault, hits: int, rows: int) -> Fault:
    """A fault of a kind in `COUNTED` with the share of rows that was counted: 0 <= hits <= rows, rows >= 1."""
    words, share = COUNTED[fault.kind], hits / rows
    also = fault.what.removeprefix(words(fault, fault.share))
    first, *others = fault.figures
    figures = (replace(first, now=(hits, rows)), *others)
    return replace(fault, what=f"{words(fault, share)}{also}", share=share, figures=figures)
