"""What a report says, in the order in which it says it: judged objectives, worst slices, labels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from leadline.report.document import Content
from leadline.report.words import (
    VERDICTS,
    alike,
    bracketed,
    day,
    day_after,
    days,
    interval,
    length,
    listed,
    named,
    numbers,
    printable,
    promised,
    share,
)
from leadline.values import (
    ALL_ROWS,
    Breach,
    Estimate,
    Finding,
    Judgement,
    Labels,
    Note,
    Relative,
    Slice,
    Span,
    Standing,
    Status,
    Target,
    TrackRecord,
    Undefined,
    Verdict,
    Window,
    counted,
)

Declared = tuple[str, Relative | Target | Undefined, Span]
"""What tells objectives apart."""

#: in which order verdicts are shown
ORDER = tuple(VERDICTS)
#: how many slices of one objective are shown before they are folded
SHOWN = {
    Verdict.BREACHED: 10,
    Verdict.AT_RISK: 5,
    Verdict.UNCERTAIN: 3,
    Verdict.NO_DATA: 2,
    Verdict.UNDEFINED: 2,
    Verdict.HOLDS: 2,
}
WORST = 5  # slices of a metric that are named
CHANCE = 0.025  # how often one side of a 95 % interval misses


# Is it working? -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fold:
    """Slices of one objective that are not shown one by one.

    >>> Fold(Verdict.HOLDS, 9).sentence
    '… and 9 more hold'
    """

    status: Verdict
    count: int

    @property
    def sentence(self) -> str:
        """In words."""
        return f"… and {self.count:,} more {_plural(VERDICTS[self.status], 2)}"


def exit_code(objectives: Sequence[Judgement], allow_no_data: bool = False) -> int:
    """1 some breached, 4 some could not be judged, else 0 (DESIGN §7)."""
    verdicts = {each.status for each in objectives}
    if Verdict.BREACHED in verdicts:
        return 1
    unjudged = verdicts & {Verdict.NO_DATA, Verdict.UNDEFINED}
    return 4 if unjudged and not allow_no_data else 0


def summary(objectives: Sequence[Judgement]) -> str:
    """How many objectives there are, and how many of each verdict.

    >>> summary([])
    'Nothing is judged, for no objectives are declared.'
    """
    if not objectives:
        return "Nothing is judged, for no objectives are declared."
    declared = len({_objective(each) for each in objectives})
    counts = Counter(each.status for each in objectives)
    said = [f"{counts[status]:,} {_plural(VERDICTS[status], counts[status])}" for status in ORDER if counts[status]]
    many = f" ({len(objectives):,} with their slices)" if len(objectives) > declared else ""
    return f"{counted(declared, 'objective')}{many}: {', '.join(said)}."


def to_promise(content: Content) -> str | None:
    """What to do where nothing is judged; None where something is."""
    if content.objectives:
        return None
    names = [each.metric for each in content.estimates if each.value is not None and content.better.get(each.metric)]
    metric = next(iter(names), None)
    example = "" if metric is None else f", such as {{metric: {metric}, {_side(content, metric)}: ..., window: 28d}}"
    return (
        f"Write under `objectives` what is promised{example}. Until then `leadline check` exits with 0, whatever the"
        " figures are."
    )


def _side(content: Content, metric: str) -> str:
    return "at_most" if content.better[metric] == "lower" else "at_least"


def _plural(verdict: str, count: int) -> str:
    if verdict == "no data":
        return "without data"
    return "hold" if verdict == "holds" and count > 1 else verdict


def distance(value: float, target: Target) -> float:
    """How far a value lies on the wrong side of its target; negative on the right side."""
    return target.limit - value if target.side == "at_least" else value - target.limit


def ordered(objectives: Sequence[Judgement]) -> list[Judgement]:
    """Breached first and what holds last; then as declared, all rows before slices, and the worst slice first."""
    declared: dict[Declared, int] = {}
    for each in objectives:
        declared.setdefault(_objective(each), len(declared))

    def place(each: Judgement) -> tuple[int, int, bool, float]:
        off = -math.inf
        if each.value is not None and isinstance(each.target, Target):
            off = distance(each.value, each.target)
        return ORDER.index(each.status), declared[_objective(each)], each.slice != ALL_ROWS, -off

    return sorted(objectives, key=place)


def folded(objectives: Sequence[Judgement]) -> Iterator[Judgement | Fold]:
    """`ordered`, with long lists of slices of one objective cut; one that would be cut alone is shown."""
    groups: dict[tuple[Verdict, Declared], list[Judgement]] = {}
    for each in ordered(objectives):
        groups.setdefault((each.status, _objective(each)), []).append(each)
    for (status, _), group in groups.items():
        room = SHOWN[status] + sum(each.slice == ALL_ROWS for each in group)
        if len(group) <= room + 1:
            yield from group
        else:
            yield from group[:room]
            yield Fold(status, len(group) - room)


def _objective(each: Judgement) -> Declared:
    """What the judgements of one objective have in common: slices may have limits of their own."""
    return each.metric, each.relative or each.target, each.window


#: breaches that are told one by one
TOLD = 6


def breach_sentences(content: Content) -> Iterator[str]:
    """What detectors found: since when, when it was found, the figure since, and what the window says beside it.

    Then why others are at risk, and which breaches ended.
    """
    lasting = [each for each in ordered(content.objectives) if each.breaches and each.breaches[-1].cleared is None]
    for each in lasting[:TOLD]:
        yield _lasting(each, each.breaches[-1], ZoneInfo(content.zone))
    if len(lasting) > TOLD:
        yield f"… and {len(lasting) - TOLD:,} more that are breached."
    risky = [each for each in ordered(content.objectives) if each.status is Verdict.AT_RISK and each.why]
    for each in risky[:TOLD]:
        yield f"{_promise(each)} is at risk: {each.why}."
    if len(risky) > TOLD:
        yield f"… and {len(risky) - TOLD:,} more that are at risk."
    yield from _because([each for each in ordered(content.objectives) if each.status is Verdict.UNCERTAIN])
    ended = [(each, breach) for each in content.objectives for breach in each.breaches if breach.cleared is not None]
    latest = sorted(ended, key=lambda item: item[1].found, reverse=True)
    for each, breach in latest[:TOLD]:
        yield _ended(each, breach, ZoneInfo(content.zone))
    if len(latest) > TOLD:
        yield f"… and {len(latest) - TOLD:,} earlier breaches that ended."


def reasons(judged: Sequence[Judgement]) -> Iterator[str]:
    """Why these could not be judged, once for each reason."""
    by_why: dict[str, list[str]] = {}
    for each in judged:
        if each.why:
            by_why.setdefault(each.why, []).append(_promise(each))
    for why, promises in by_why.items():
        more = [] if len(promises) <= NAMED else [f"{len(promises) - NAMED:,} more"]
        yield f"{listed([*promises[:NAMED], *more])}: {printable(why)}."


def _because(uncertain: Sequence[Judgement]) -> Iterator[str]:
    """What makes these uncertain, where it is not the width of their interval."""
    for said in reasons(uncertain):
        yield f"Uncertain is {said}"


def _promise(each: Judgement) -> str:
    where = "" if each.slice == ALL_ROWS else f" for {named(each.slice)}"
    return f"{named(each.metric)} {promised(each)}{where}"


def _lasting(each: Judgement, breach: Breach, zone: ZoneInfo) -> str:
    value, between = interval(breach.value, breach.low, breach.high)
    said = f"{_promise(each)} is broken since {day(breach.since, zone)}"
    said += f" (found {day(breach.found, zone)})"
    if breach.value is not None:
        said += f": {value} {between} since then"
    if each.value is not None:
        shown = numbers(each.value, each.low, each.high)[0]
        said += f"; over the last {length(each.window)} it is {shown}"
        if isinstance(each.target, Target) and each.target.met(each.value):
            said += ", which keeps it: not yet evidence enough that it is over"
    return said + "."


def _ended(each: Judgement, breach: Breach, zone: ZoneInfo) -> str:
    cleared = "" if breach.cleared is None else f", cleared {day(breach.cleared, zone)}"
    value, between = interval(breach.value, breach.low, breach.high)
    figure = "" if breach.value is None else f": {value} {between}"
    found = f"found {day(breach.found, zone)}{cleared}"
    return f"{_promise(each)} was broken since {day(breach.since, zone)} ({found}){figure}."


def budget_sentence(content: Content) -> str | None:
    """How much of the error budgets of all rows is spent, in the words of site reliability engineering."""
    said = [
        f"{_promise(each)} {100 * each.budget.spent:.0f} %"
        + ("" if each.budget.burn is None else f" (burn rate {each.budget.burn:.1f})")
        for each in content.objectives
        if each.slice == ALL_ROWS and each.budget is not None
    ]
    return f"Error budget spent over the window: {'; '.join(said)}." if said else None


# Without labels -----------------------------------------------------------------------------------------------------


NOWCAST = "nowcast"
"""What the estimator is called that reads the labels so far."""


AWAITED_HEAD = ("", "#estimate", "95 % interval", "#off by", "#a constant", "#band held")
"""The columns of estimates; # stands over numbers."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """What is known of a metric without labels; one row of a table.

    estimate  of the newest window that has no figure of mature labels yet; None where there is none
    record    how far earlier estimates from predictions alone were off; None where nobody knows yet
    """

    metric: str
    estimate: Estimate | None
    record: TrackRecord | None

    @property
    def cells(self) -> tuple[str, ...]:
        """Written below `AWAITED_HEAD`, all numbers with the same decimals."""
        value = low = high = None
        if self.estimate is not None:
            value, low, high = self.estimate.value, self.estimate.low, self.estimate.high
        off = () if self.record is None else (self.record.mean_error or 0.0, self.record.constant_error or 0.0)
        half_width = 0.0 if low is None or high is None else (high - low) / 2
        scale = None if self.record is None else self.record.reference_value
        shown = alike((value, low, high, scale, *off), half_width)
        between = "" if low is None or high is None else bracketed(*shown[1:3])
        return self.metric, shown[0], between, *(shown[4:] or ("", "")), self.held

    @property
    def held(self) -> str:
        """How many 90 % bands held the figure."""
        if self.record is None or self.record.band_covered is None:
            return ""
        return f"{round(self.record.band_covered * self.record.band_windows)} of {self.record.band_windows}"


def awaited(content: Content) -> list[Awaited]:
    """One a metric that has an estimate or a record, in the order of the records."""
    newest = {each.metric: each for each in believed(content)}
    records = {
        each.metric: each
        for each in content.track_record
        if each.status is Standing.IN_USE and each.mean_error is not None and each.constant_error is not None
    }
    names = dict.fromkeys([*(each.metric for each in content.track_record), *newest])
    return [Awaited(name, newest.get(name), records.get(name)) for name in names if name in newest or name in records]


def believed(content: Content) -> list[Estimate]:
    """The estimates of all rows for windows that have no figure of mature labels, one a metric and window, by time.

    Of two for one window the nowcast is believed: it is made where half of the labels of each class (but one) have come
    by the age of the rows, and it needs not assume that a score means what it meant.
    """
    realised = {
        (each.metric, each.window)
        for each in content.estimates
        if each.slice == ALL_ROWS and each.version is None and each.status is Status.REALISED
    }
    found: dict[tuple[str, Window], Estimate] = {}
    for each in (*content.estimated, *content.estimates):
        key = each.metric, each.window
        usable = each.value is not None and each.status is Status.ESTIMATED and each.slice == ALL_ROWS
        better = key not in found or each.estimator == NOWCAST
        if usable and better and each.version is None and key not in realised:
            found[key] = each
    return sorted(found.values(), key=lambda each: each.window)


def awaited_sentences(content: Content) -> Iterator[str]:
    """What the columns of `awaited` say."""
    rows = awaited(content)
    estimates = [each.estimate for each in rows if each.estimate is not None]
    zone = ZoneInfo(content.zone)
    if len({each.window for each in estimates}) == 1:
        yield f"The estimates are for {days(estimates[0].window, zone)}, the newest window that has one."
    come = [each.metric for each in estimates if each.estimator == NOWCAST]
    if come:
        yield (
            f"{listed(come)}: from the labels so far, which are believed rather than scores where half of them are in."
        )
    if len({each.window for each in estimates}) > 1:
        by_window: dict[Window, list[str]] = {}
        for each in estimates:
            by_window.setdefault(each.window, []).append(each.metric)
        said = "; ".join(f"of {listed(names)} for {days(window, zone)}" for window, names in by_window.items())
        yield f"The estimates are for the newest window that has one: {said}."
    records = [each.record for each in rows if each.record is not None]
    if records:
        counts = {each.windows for each in records}
        last = f"{'up to ' if len(counts) > 1 else ''}{counted(max(counts), 'window')}"
        held = "; band held: in how many their 90 % band held it" if any(each.held for each in rows) else ""
        yield (
            "Off by: how far estimates from predictions alone were from what labels showed, on average over the last"
            f" {last}; a constant: the same of the reference's figure{held}."
        )


def record_sentences(content: Content) -> Iterator[str]:
    """Which estimates are not made, and what no estimate can see."""
    by_why: dict[str, list[str]] = {}
    for each in content.track_record:
        if each.status is not Standing.IN_USE:
            withdrawn = "are withdrawn" if each.status is Standing.WITHDRAWN else "cannot be made"
            by_why.setdefault(f"{withdrawn}: {each.why}.", []).append(each.metric)
    for why, metrics in by_why.items():
        yield f"Estimates of {listed(metrics)} without labels {why}"
    if any(each.status is Standing.IN_USE for each in content.track_record):
        unseen = "a change of that cannot be seen without labels"
        yield f"Estimates assume that {_still(content)} in the reference: {unseen}."


def _still(content: Content) -> str:
    """What estimates assume."""
    of_errors, of_scores = "rows of a kind are predicted as well as", "a score means what it meant"
    return of_errors if content.task == "regression" else of_scores


def proxy_sentences(content: Content) -> Iterator[str]:
    """How well proxies tell of wrong predictions, and whether to keep them: those that do first."""
    for each in sorted(content.proxies, key=lambda grade: {True: 0, False: 1, None: 2}[grade.kept]):
        if each.kept is None or each.precision is None or each.wrong is None:
            yield f"{named(each.proxy)} is not graded: {each.why}."
            continue
        meeting = (
            f"of 100 rows that meet it {_per_100(each.precision, each.precision_low, each.precision_high)} are wrong"
        )
        beside = f"of all rows {_per_100(each.wrong)}"
        if each.kept:
            found = f"it meets {_per_100(each.recall, each.recall_low, each.recall_high)} of 100 wrong ones"
            yield f"{named(each.proxy)} tells of wrong predictions, keep it: {meeting}, {beside}; {found}."
        else:
            yield f"{named(each.proxy)} tells no more than chance: {meeting}, {beside}."


def _per_100(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A share of rows as a number of 100, with its interval."""
    ends = [None if each is None else 100 * each for each in (value, low, high)]
    shown, between = interval(*ends)
    return f"{shown} {between}" if between else shown


# For whom is it not? ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Served:
    """How a metric is for one slice, over `window` (a judged one's is named by its span and end).

    whole    the metric for all rows over the same window, where it is known
    target   what was promised for the slice
    off      how far it is on the wrong side of the target where that is breached, else of `whole`
    """

    metric: str
    slice: Slice
    value: float
    low: float | None
    high: float | None
    n: int
    whole: float | None
    target: Target | None
    breached: bool
    apart: bool
    off: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The slices of one metric.

    worst    those that are breached, or whose whole interval is worse than all rows: the furthest off first
    nearest  where there is none of these, the one that is the furthest off
    looked   how many slices were looked at
    """

    metric: str
    whole: float | None
    worst: tuple[Served, ...]
    nearest: Served | None
    looked: int

    @property
    def by_chance(self) -> int:
        """About how many of the slices would lie apart on the worse side if none were different."""
        return math.ceil(CHANCE * self.looked)


def rankings(content: Content) -> list[Ranking]:
    """One a metric that has a better side, in the order of the estimates; without slices that are all rows."""
    every: dict[str, dict[Slice, Served]] = {}
    for served in (*_judged(content), *_estimated(content)):
        kept = every.setdefault(served.metric, {})
        before = kept.get(served.slice)
        if before is None or (
            served.target is not None and (served.breached, served.off) > (before.breached, before.off)
        ):
            kept[served.slice] = served
    return [
        _ranking(metric, _distinct(list(slices.values())), -1 if content.better.get(metric) == "lower" else 1)
        for metric, slices in every.items()
    ]


def _ranking(metric: str, slices: Sequence[Served], sign: int) -> Ranking:
    by_distance = sorted(slices, key=lambda each: (not each.breached, -each.off))
    worst = tuple(_telling([each for each in by_distance if each.breached or each.apart], sign))
    whole = next((each.whole for each in slices if each.whole is not None), None)
    rest = max(slices, key=lambda each: each.off, default=None)
    return Ranking(metric, whole, worst, None if worst else rest, len(slices))


def served_cells(each: Served) -> tuple[str, str, str]:
    """The value, its interval and that of all rows, with the same decimals."""
    if each.low is None or each.high is None:
        value, whole = alike((each.value, each.whole))
        return value, "", "" if each.whole is None else whole
    value, low, high, whole = alike((each.value, each.low, each.high, each.whole), (each.high - each.low) / 2)
    return value, bracketed(low, high), "" if each.whole is None else whole


def _telling(slices: Sequence[Served], sign: int) -> Iterator[Served]:
    """Without crosses that are no worse than a part of theirs that is here already, as far as their interval tells."""
    simple = {each.slice.parts[0]: each.value for each in slices if len(each.slice.parts) == 1}
    for each in slices:
        worse_end = each.high if sign > 0 else each.low
        parts = [simple[part] for part in each.slice.parts if part in simple] if len(each.slice.parts) > 1 else []
        if worse_end is None or all(sign * (value - worse_end) > 0 for value in parts):
            yield each


def _distinct(slices: Sequence[Served]) -> list[Served]:
    """Without crosses that are the same rows as one of their parts."""
    simple = {(each.slice.parts[0], each.n, each.value) for each in slices if len(each.slice.parts) == 1}

    def same(each: Served) -> bool:
        return len(each.slice.parts) > 1 and any((part, each.n, each.value) in simple for part in each.slice.parts)

    return [each for each in slices if not same(each)]


def _judged(content: Content) -> Iterator[Served]:
    whole = {_objective(each): each for each in content.objectives if each.slice == ALL_ROWS}
    for each in content.objectives:
        of_all = whole.get(_objective(each))
        apart = each.slice != ALL_ROWS and (of_all is None or (each.n, each.value) != (of_all.n, of_all.value))
        if apart and each.value is not None and isinstance(each.target, Target):
            better = "higher" if each.target.side == "at_least" else "lower"
            yield _served(each, each.value, better, None if of_all is None else of_all.value, each.target)


def _estimated(content: Content) -> Iterator[Served]:
    window = overall(content)
    if window is None:
        return
    whole = _whole(content, window)
    of_window = [each for each in content.estimates if each.window == window and not each.version]
    of_all = {each.metric: (each.n, each.value) for each in of_window if each.slice == ALL_ROWS}
    for each in of_window:
        better = content.better.get(each.metric)
        apart = each.slice != ALL_ROWS and (each.n, each.value) != of_all.get(each.metric)
        if apart and each.value is not None and better:
            yield _served(each, each.value, better, whole(each.metric), None)


def _served(
    each: Estimate | Judgement, value: float, better: str, whole: float | None, target: Target | None
) -> Served:
    sign = 1 if better == "higher" else -1
    worse_end = each.high if better == "higher" else each.low
    apart = whole is not None and worse_end is not None and sign * (whole - worse_end) > 0
    breached = each.status is Verdict.BREACHED
    if target is not None and (breached or whole is None):
        off = distance(value, target)
    else:
        off = sign * ((0.0 if whole is None else whole) - value)
    return Served(each.metric, each.slice, value, each.low, each.high, each.n, whole, target, breached, apart, off)


def overall(content: Content) -> Window | None:
    """The window over which slices are shown once: that of most metrics with a single estimate for a slice."""
    single = [group[0].window for key, group in _groups(content).items() if key[1] != ALL_ROWS and len(group) == 1]
    return Counter(single).most_common(1)[0][0] if single else None


def _whole(content: Content, window: Window) -> Callable[[str], float | None]:
    """The value for all rows over `window`: an estimate's, or that of the objective with the longest window."""
    judged = [each for each in content.objectives if each.slice == ALL_ROWS and each.window_end == window.end]
    found = {each.metric: each.value for each in sorted(judged, key=lambda each: each.window.days or 0)}
    for each in content.estimates:
        if each.slice == ALL_ROWS and each.version is None and each.window == window:
            found[each.metric] = each.value
    return found.get


#: kinds of findings that have a place of their own; others say why
OF_SLICES, OF_GROUPS, OF_COLUMNS = "slice", "parity", "drift"


def found_reasons(content: Content) -> list[Finding]:
    """What was found that may be why, in its order; columns that drifted are told apart."""
    return [each for each in content.findings if each.kind not in (OF_SLICES, OF_GROUPS, OF_COLUMNS)]


def found_slices(content: Content) -> list[Finding]:
    """What was found without being declared, in its order."""
    return [each for each in content.findings if each.kind == OF_SLICES]


def found_parities(content: Content) -> list[Finding]:
    """The sensitive groups that are not served as the others are, in its order."""
    return [each for each in content.findings if each.kind == OF_GROUPS]


# Series -------------------------------------------------------------------------------------------------------------

Key = tuple[str, Slice, str | None]


def _groups(content: Content) -> dict[Key, list[Estimate]]:
    groups: dict[Key, list[Estimate]] = {}
    for each in content.estimates:
        if each.status is not Status.ESTIMATED:  # it stands beside another of the same window
            groups.setdefault((each.metric, each.slice, each.version), []).append(each)
    return groups


def estimated(content: Content, key: Key) -> list[Estimate]:
    """What is estimated of a metric, slice and version beside what its labels say, in order of time."""
    found = [
        each
        for each in content.estimates
        if each.status is Status.ESTIMATED and (each.metric, each.slice, each.version) == key
    ]
    return sorted(found, key=lambda each: each.window)


def latest(content: Content) -> list[Estimate]:
    """By metric the last figure of all rows; what labels so far will come to before what they say so far."""
    found: dict[str, Estimate] = {}
    for each in content.estimates:
        if each.slice == ALL_ROWS and each.version is None and each.value is not None:
            before = found.get(each.metric)
            told = before is not None and before.window == each.window and before.status is Status.ESTIMATED
            if not told or each.status is Status.REALISED:
                found[each.metric] = each
    return list(found.values())


def series(content: Content) -> dict[Key, list[Estimate]]:
    """By metric, slice and version: the estimates of successive windows, where there are at least two."""
    whole = overall(content)
    found: dict[Key, list[Estimate]] = {}
    for key, group in _groups(content).items():
        by_window = {each.window: each for each in group}
        if whole in by_window and any(whole.start <= w.start and w.end <= whole.end for w in by_window if w != whole):
            del by_window[whole]
        if len(by_window) > 1:
            found[key] = [by_window[window] for window in sorted(by_window)]
    return found


def span(content: Content) -> Window | None:
    """From the first window to the last, or to the day of the evaluation where that one is not over."""
    if not content.estimates:
        return None
    start, end = (
        min(each.window.start for each in content.estimates),
        max(each.window.end for each in content.estimates),
    )
    return Window(start, max(min(end, day_after(content.as_of, ZoneInfo(content.zone))), start))


# Labels -------------------------------------------------------------------------------------------------------------

#: windows whose missing share is this many times that of all are named
MARKED = 3.0
NAMED = 3
#: the note that tells that labels are of rows that were chosen
SAMPLED = "labels_are_a_sample"
#: the note of a search that found nothing; it stands where slices do
NO_SLICE = "no_slice_found"


def none_found(content: Content) -> list[str]:
    """That slices were looked for and none was found; nothing where some were, or nobody looked."""
    return [note.text for note in content.notes if note.code == NO_SLICE]


def other_notes(content: Content) -> list[Note]:
    """The notes that stand nowhere else."""
    return [note for note in content.notes if note.code != NO_SLICE]


def label_sentences(content: Content) -> Iterator[str]:
    """How many labels are in, how many will never come, and what is odd about their delivery."""
    labels = content.labels
    if not labels.predictions:
        yield "There are no predictions."
        return
    if labels.labelled:
        has = "has its label" if labels.predictions == 1 else "have their label"
        yield (
            f"{labels.labelled:,} of {counted(labels.predictions, 'prediction')}"
            f" ({share(labels.labelled, labels.predictions)}) {has}."
        )
        yield from _missing(content)
    else:
        none = (
            f"{counted(labels.predictions, 'prediction')}; none has a label, so figures that need labels have no value."
        )
        yield f"{none}{_to_label(labels)}"
    young = labels.predictions - labels.mature
    if young:
        known = labels.labelled - (labels.mature - labels.missing)
        already = f"; {known:,} of them {'has its' if known == 1 else 'have their'} label already" if known > 0 else ""
        yield f"{young:,} {'is' if young == 1 else 'are'} too young to count as missing{already}."
    yield from _odd(labels)


def _to_label(labels: Labels) -> str:
    """What to do where there is no label."""
    if labels.orphaned:
        return " Outcomes are there, and of none the id is that of a prediction: check the columns of both ids."
    if not labels.mature:
        return ""  # they are to come
    return " Declare where the outcomes are (`outcomes`), or have some rows labelled (`leadline label next`)."


def _missing(content: Content) -> Iterator[str]:
    labels = content.labels
    if not labels.missing or any(note.code == SAMPLED for note in content.notes):
        return  # what was not chosen for labelling is not missing
    yield (
        f"{labels.missing:,} ({share(labels.missing, labels.mature)} of those old enough) never got one"
        " and are in no figure that needs labels."
    )
    worst = missing_windows(content)
    zone = ZoneInfo(content.zone)
    named = [f"{days(each.window, zone)} ({share(each.n - each.labelled, each.n)})" for each in worst]
    if named:
        yield f"Their share is largest on {', '.join(named)}."


def missing_windows(content: Content, most: int = NAMED) -> list[Estimate]:
    """Realised windows of all rows with by far the largest share of rows without a label, the largest first."""
    labels = content.labels
    if not labels.mature:
        return []
    usual = labels.missing / labels.mature
    first = next((key for key in series(content) if key[1] == ALL_ROWS and key[2] is None), None)
    if first is None:
        return []
    known = [each for each in series(content)[first] if each.status is Status.REALISED and each.n]
    marked = [
        each for each in known if (each.n - each.labelled) / each.n >= MARKED * usual and each.n - each.labelled > 9
    ]
    return sorted(marked, key=lambda each: (each.labelled - each.n) / each.n)[:most]


def _odd(labels: Labels) -> Iterator[str]:
    if labels.withdrawn:
        yield f"{counted(labels.withdrawn, 'label')} {_was(labels.withdrawn)} taken back."
    if labels.orphaned:
        yield f"{counted(labels.orphaned, 'outcome')} {_have(labels.orphaned)} no prediction and count nowhere."
    if labels.repeated:
        yield f"{counted(labels.repeated, 'delivery', 'deliveries')} repeated an earlier one, which counts once."
    if labels.conflicting:
        yield (
            f"{counted(labels.conflicting, 'delivery', 'deliveries')} of a prediction differed from the first one,"
            " which counts."
        )


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
