"""A fault as the partitions of a stretch of time show it together, which is how it is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from leadline.quality.comparison import Comparison, Key, Pair
from leadline.quality.fault import Fault
from leadline.quality.faults import FAULTS, OF_LOG, Named
from leadline.quality.faults.duplicated_rows import duplicated_rows
from leadline.quality.faults.frozen import REPEATED
from leadline.quality.faults.null_jump import missing_more
from leadline.quality.faults.volume import rows_of
from leadline.quality.grid import Ints
from leadline.quality.summary import Column, Partitions, log_at, log_pooled
from leadline.values import Slice

#: the chance that is left to a fault that is known already to be none
LEVEL = 1e-3

#: by the kind of a fault the function that names it
NAMED: Mapping[str, Named] = {each.__name__: each for each in (*FAULTS, *OF_LOG)} | {"fan_out": duplicated_rows}


def shown(log: Partitions, fault: Fault, usual: Ints, places: Ints) -> Fault | None:
    """The same fault with the figures of all rows of some partitions; None where together they do not show it.

    usual, places   numbers of the partitions that it is compared with, and of those that are one now
    """
    if not len(usual) or not len(places) or fault.kind not in NAMED:
        return None
    if fault.detail == REPEATED:
        every = (_same(_found(log, fault, usual, places[at : at + 1]), fault) for at in range(len(places)))
        return fault if all(every) else None
    return _same(_found(log, fault, usual, places), fault)


def _found(log: Partitions, fault: Fault, usual: Ints, places: Ints) -> Iterator[Fault]:
    if not fault.columns:
        yield from _of_log(log, fault, usual, places)
        return
    pairs: dict[Key, Pair] = {}
    for name in fault.columns:
        column = column_of(log, name, fault.slice).beside(usual, places)
        pairs[name, fault.slice] = Pair(column, np.arange(len(usual)), len(usual), log.season)
    if fault.kind == "null_jump":
        missing = missing_more(pairs[fault.columns[0], fault.slice], LEVEL)
        yield from () if missing is None else (missing,)
    else:
        yield from NAMED[fault.kind](Comparison(pairs, log_at(log, usual), log_at(log, []), LEVEL))


def _of_log(log: Partitions, fault: Fault, usual: Ints, places: Ints) -> Iterator[Fault]:
    before, now = log_at(log, usual), log_at(log, places)
    if fault.kind == "volume":
        rows = rows_of(before, now)
        yield from () if rows is None else (rows,)
    elif fault.kind == "missing_partition":
        yield from () if now.rows.any() else (fault,)
    else:
        yield from NAMED[fault.kind](Comparison({}, before, log_pooled(now), LEVEL))


def _same(found: Iterator[Fault], fault: Fault) -> Fault | None:
    return next((each for each in found if each.key == fault.key), None)


def column_of(log: Partitions, name: str, where: Slice) -> Column:
    """A column of all rows, or of those of a slice."""
    return next(each for each in log.columns if (each.name, each.slice) == (name, where))
