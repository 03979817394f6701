"""Labels that never come for one kind of prediction, and declared waits that are too short: told in notes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

import numpy as np

from leadline.cells.series import Series
from leadline.estimate.late import Ints, Ledger, steps_over
from leadline.estimate.maturity import COMPLETE, DAY, FEW, written
from leadline.log.facts import LAG_EDGES
from leadline.metrics.sums import Array
from leadline.stats.proportion import wilson
from leadline.values import Note

#: a kind of row gets no labels where their share is surely below the first, and another kind's surely above the second
NEVER, OFTEN = 0.01, 0.2
#: slices of fewer labels say nothing of their own delays
FEW_OF_SLICE = 1_000

Where = Mapping[tuple[int, int], str]
"""Place of a partition and code → what the slice is called, such as carrier=B6."""


def too_early(
    series: Series, ages: Ints, wait: timedelta, unit: timedelta, names: Sequence[str], slices: Where
) -> Iterator[Note]:
    """A note where labels are not complete at the declared age: which, how complete, and what to declare instead.

    wait    as declared
    unit    of the ledger's lag: a day, or the coarser grain
    names   what the classes of labels are called
    """
    declared = _steps_within(math.ceil(wait / unit))
    whole = Ledger.of(series, ages)
    if whole is None:
        return
    found: list[tuple[float, int, str]] = []
    of_slices = ((Ledger.of(series, ages, *each, whole), f" of {name}") for each, name in slices.items())
    for ledger, where in ((whole, ""), *of_slices):
        if ledger is None:
            continue
        labels = ledger.own_labels
        if where and labels.sum() < FEW_OF_SLICE:
            continue
        for of_class in np.flatnonzero(labels >= FEW).tolist():
            complete = ledger.complete_of_class[:, of_class]
            if complete[declared] < COMPLETE:
                needed = LAG_EDGES[max(int(np.argmax(complete >= COMPLETE)) - 1, 0)]
                found.append((float(complete[declared]), needed, f"{names[of_class]} labels{where}"))
    if found:
        share, _, whose = min(found)
        enough = max(needed for _, needed, _ in found) * unit
        yield Note(
            "matures_too_early",
            f"`matures_after: {written(wait)}` is too short: by then only {100 * share:.0f} % of the {whose} have come,"
            " and figures called realised lean towards labels that come fast. Declare"
            f" `matures_after: {written(max(enough, DAY))}`.",
        )


def _steps_within(wait: int) -> int:
    """Steps of the ledger's lag that are over after so many units, and the one that is not: what came in it may have
    come in time.

    >>> _steps_within(5), _steps_within(40)
    (6, 34)
    """
    edges = np.array(LAG_EDGES)
    return int(steps_over(edges[[min(int(np.searchsorted(edges, wait)), len(edges) - 1)]])[0])


def selective(series: Series, names: Sequence[str], slices: Where) -> Iterator[Note]:
    """A note where the outcomes of one predicted class, or of one slice, are never observed.

    names   what the predicted classes are called
    """
    by_class = _old(series, "predicted", series.classes)
    yield from _never(by_class, lambda code: f"predicted {names[code]}")
    for place in sorted({place for place, _ in slices}):
        codes = [code for each, code in slices if each == place]
        by_code = _old(series, "slice", max(codes) + 1, place)
        yield from _never(by_code, lambda code, place=place: slices.get((place, code), "(others)"))  # type: ignore[misc]


def _old(series: Series, key: str, size: int, place: int | None = None) -> Array:
    """Mature rows, and those of them that have a label, by a key of the ledger: shape (2, size)."""
    cells = series.ledger(place)
    mature = (cells.keys["mature"] == 1) & (cells.keys[key] < size)
    labelled = cells.rows * (cells.keys["actual"] < series.classes)
    return np.stack(
        [np.bincount(cells.keys[key][mature], weights=each[mature], minlength=size) for each in (cells.rows, labelled)]
    )


def unobserved(series: Series) -> list[int]:
    """The predicted classes whose outcomes are never observed, while those of another are."""
    return _without_labels(*_old(series, "predicted", series.classes))


def _without_labels(rows: Array, labels: Array) -> list[int]:
    """The codes that surely get no labels, where another surely gets them; none else."""
    ends = {
        int(code): wilson(float(min(labels[code], rows[code])), float(rows[code])) for code in np.flatnonzero(rows > 0)
    }
    never = [code for code, (_, high) in ends.items() if high < NEVER]
    return never if any(low > OFTEN for low, _ in ends.values()) else []


def _never(rows_and_labels: Array, named: Callable[[int], str]) -> Iterator[Note]:
    rows, labels = rows_and_labels
    never = _without_labels(rows, labels)
    if not never:
        return
    rest = np.setdiff1d(np.flatnonzero(rows > 0), never)
    known = f"{int(labels[never].sum()):,} of {int(rows[never].sum()):,}"
    yield Note(
        "selective_labels",
        f"Of the rows that are {' or '.join(map(named, never))} {known} have a label, though they are old enough, and"
        f" {100 * labels[rest].sum() / rows[rest].sum():.0f} % of the others: their outcomes are not observed, and"
        " waiting does not help. No figure here speaks of them. Let a small random share of such cases through"
        " (exploration traffic), or have some of them labelled by hand.",
    )
