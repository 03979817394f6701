"""What may be why, from all who look for it, in one order."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from itertools import chain, zip_longest

from leadline.evaluation.drift_findings import by_itself
from leadline.values import Finding, Window

#: share of a window that a fault has to last for what its column does to a metric in that window to be the fault's
MOSTLY = 0.5
#: the fault that one value came in place of another
RENAMED = "renamed_category"


def reasons(
    causes: Sequence[Finding],
    faults: Sequence[Finding],
    drifted: Sequence[Finding],
    components: Sequence[Finding],
) -> list[Finding]:
    """The first of each, then the second of each, and so on: one who reads five has seen what matters most of each.

    causes       of a change of metrics, the most telling first
    faults       of the data, what touches most rows first
    drifted      columns that drifted, those first that do most to a metric
    components   what is wrong with them, in the order in which it began

    Last comes what moves no metric for certain: columns that drifted, slices that come more or less often. Of a column
    with a fault that is not told again; what it does to a metric for certain is told of the fault that lasts, too. Nor
    is it told that slices come more or less often whose value has got another name.
    """
    faults = [_with_effect(each, drifted) for each in faults]
    faulty = {column for each in faults for column in each.columns}
    renamed = {column for each in faults if each.kind == RENAMED for column in each.columns}
    told = [
        [each for each in found if not (_follows(each, faulty) or _is_renamed(each, renamed))]
        for found in (causes, faults, drifted, components)
    ]
    moving = [[each for each in found if _moves(each)] for found in told]
    first = [each for each in chain.from_iterable(zip_longest(*moving)) if each is not None]
    still = [each for found in told for each in found if not _moves(each)]
    return [*first, *sorted(still, key=lambda each: each.kind == "share")]


def _with_effect(fault: Finding, drifted: Sequence[Finding]) -> Finding:
    for each in drifted:
        lasts = fault.evidence and _overlap(fault.evidence[-1].window, each.window) >= MOSTLY  # of now
        if lasts and each.columns == fault.columns and each.effect is not None and _moves(each):
            return replace(fault, what=f"{fault.what} {by_itself(each.effect)}.", effect=each.effect)
    return fault


def _overlap(one: Window, of: Window) -> float:
    """The share of a window that another one covers."""
    both = min(one.end, of.end) - max(one.start, of.start)
    return both / (of.end - of.start)


def _moves(each: Finding) -> bool:
    """Whether it is more than that other values come."""
    if each.kind not in ("share", "drift"):
        return True
    if each.kind == "share" or each.effect is None or each.effect.low is None or each.effect.high is None:
        return False
    return not each.effect.low <= 0 <= each.effect.high


def _is_renamed(each: Finding, renamed: Set[str]) -> bool:
    """Whether it says that slices come more or less often of which a column's values got other names."""
    return each.kind in ("mix", "share") and not renamed.isdisjoint(each.columns)


def _follows(each: Finding, faulty: Set[str]) -> bool:
    """Whether it only says of columns with a fault that other values come."""
    return bool(each.columns) and faulty >= set(each.columns) and not _moves(each)
