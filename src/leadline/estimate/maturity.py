"""After how long labels have come: inferred where it is not declared, and checked where it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np

from leadline.log.delays import EDGES, Arrivals, LabelDelays
from leadline.stats.arrays import Floats
from leadline.stats.delay_triangle import at_risk, completeness
from leadline.values import Note, counted

#: labels are complete where this share of those that come at all has come
COMPLETE = 0.95
#: fewer labels of a class do not say how late its labels are
FEW = 50
DAY = timedelta(days=1)


def inferred(delays: LabelDelays, classes: Sequence[str], absence_means: bool = False) -> tuple[timedelta, Note]:
    """The smallest age at which 95 % of the labels of every class, and of every larger slice, have come.

    delays         of the labels known at a moment: the answer is a function of the log as of then
    classes        what the classes are called, in the order of their codes
    absence_means  whether a label that never comes is declared to mean something, so that a class may have none

    A whole number of hours up to twelve, else of days; 0 where fewer than 50 labels say nothing. Where only one class
    has labels and most rows have none, the labels of the other class are still to come, nobody knows when: then it is
    the age of the oldest row, so that no figure is called realised.
    """
    every = delays.every[0]
    if delays.labelled < FEW:
        few = counted(delays.labelled, "label is", "labels are")
        text = f"`matures_after` is not declared, and {few} too few to infer it"
        return timedelta(), Note("maturity_inferred", f"{text}: every row counts as old enough for its label.")
    seen = every.counts.sum(axis=(0, 1)) > 0
    if seen.sum() == 1 < len(classes) and delays.labelled < COMPLETE * delays.rows and not absence_means:
        wait = math.ceil(delays.oldest / DAY + 1e-9) * DAY
        return wait, Note(
            "maturity_inferred",
            f"`matures_after` is not declared and cannot be inferred: all labels so far are {_name(classes, seen)}, and"
            f" {_percent(1 - delays.labelled / delays.rows)} of the predictions have none yet. No row counts as old"
            " enough for its label; declare `matures_after`, or what `absent` means.",
        )
    found = [(_complete_at(came, known), each, code) for each in delays.every for code, came, known in _by_class(each)]
    # two classes that are equally late: the first one is named, and all rows before slices
    latest, where, code = max(found, key=lambda item: item[0])
    wait = timedelta(seconds=latest)
    whose = f"{classes[code]} labels" if code is not None and len(classes) > 1 else "labels"
    whose += f" of {where.where[0]}={where.where[1]}" if where.where else ""
    said = [f"`matures_after` is not declared: {written(wait)} is inferred, after which 95 % of the {whose} have come"]
    others = [age for age, each, other in found if each is where and other not in (code, None)]
    if others and max(others) < latest:
        said[0] += f" (of the other class after {written(timedelta(seconds=max(others)))})"
    if 2 * wait > delays.oldest:
        said.append(f"The log goes back no more than {written(delays.oldest)}: later labels may not be seen yet")
    return wait, Note("maturity_inferred", f"{'. '.join(said)}.")


def label_names(task: str, classes: Sequence[str]) -> tuple[str, ...]:
    """What the classes of labels are called in sentences, in the order of their codes."""
    return {"binary": ("negative", "positive"), "regression": ("",)}.get(task, tuple(classes))


def _by_class(each: Arrivals) -> Iterator[tuple[int | None, Floats, Floats]]:
    """Classes with enough labels, and all classes together (None) where none has."""
    came, known = at_risk(each.counts)
    enough = [code for code in range(came.shape[1]) if came[:, code].sum() >= FEW]
    for code in enough:
        yield code, came[:, code], known[:, code]
    if not enough:
        yield None, came.sum(axis=1), known.sum(axis=1)


def _complete_at(came: Floats, known: Floats) -> int:
    """The age in seconds from which labels are complete."""
    over = int(np.argmax(completeness(came, known) >= COMPLETE))
    return EDGES[max(over - 1, 0)]


def _name(classes: Sequence[str], seen: Floats) -> str:
    return classes[int(np.argmax(seen))]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def written(wait: timedelta) -> str:
    """A length of time as a declaration has it: hours below a day, else days; rounded up.

    >>> written(timedelta(hours=6)), written(timedelta(days=30)), written(timedelta(0)), written(timedelta(days=1.5))
    ('6h', '30d', '0d', '2d')
    """
    if timedelta() < wait < DAY:
        return f"{math.ceil(wait / timedelta(hours=1))}h"
    return f"{math.ceil(wait / DAY)}d"
