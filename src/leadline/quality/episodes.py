"""A fault from when it began to when it ended, and faults that are one: what people want to be told once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from leadline.quality.fault import Episode, Relation, Together
from leadline.quality.faults import OVER_TIME
from leadline.quality.faults.null_jump import MOST_OF_IT, missing_in
from leadline.quality.grid import Ints
from leadline.quality.history import GAP, Sighting
from leadline.quality.memory import LASTING
from leadline.quality.runs import over_all, runs
from leadline.quality.stretch import column_of
from leadline.quality.summary import Partitions
from leadline.quality.words import listed, percent, quoted
from leadline.stats.arrays import Floats
from leadline.values import ALL_ROWS

#: partitions by which a new value and a vanished one may begin apart and still be one renamed
APART = 2
#: shares of rows that missing columns of one join, or two names of a value, may differ by, and as a share of them
SHARE_APART, SHARE_RATIO = 0.01, 0.25
#: rows in which columns have no value together, of those in which the one has none that misses the fewest, so that
#: they are one; another may have missed values before
IN_THE_SAME_ROWS = 0.9


@dataclass(frozen=True, slots=True)
class Likeness:
    """How the rows of two values of a column lie in another column; counts by that column's values.

    old, new   the rows of the two values
    every      all rows before
    """

    old: Ints
    new: Ints
    every: Ints


@dataclass(frozen=True, slots=True)
class Common:
    """Rows in which all of some columns have no value, and rows in which that one has none that misses the fewest."""

    all: int
    least: int


Question = Relation | Together
#: of a relation, how the rows lie in each other column
Answer = tuple[Likeness, ...] | Common


def episodes(log: Partitions, found: Sequence[Sighting]) -> tuple[Episode, ...]:
    """Sightings of the same fault in partitions that follow each other, as one; in the order in which they began."""
    by_key: dict[object, list[Sighting]] = {}
    for sighting in found:
        fault = sighting.fault
        key = (fault.kind, fault.columns) if fault.kind == "unusual" else fault.key
        by_key.setdefault(key, []).append(sighting)
    every = [each for mine in by_key.values() for each in runs(log, mine)]
    every = [each for each in every if not any(_ends(each, other) or _of_slice(log, each, other) for other in every)]
    every += _not_explained([each for over_time in OVER_TIME for each in over_time(log)], every)
    return tuple(sorted(_joined(log, every), key=lambda each: each.first))


def _ends(each: Episode, other: Episode) -> bool:
    """Whether an episode is but the end of another one that lasted so long that it had become usual."""
    if not each.usual or not each.fault.columns or each.fault.slice != other.fault.slice:
        return False
    after = other.last < each.first <= other.last + GAP
    within = other.first <= min(each.usual) and max(each.usual) <= other.last
    return after and within and set(each.fault.columns) <= set(other.fault.columns)


def _of_slice(log: Partitions, each: Episode, other: Episode) -> bool:
    """Whether what is missing in all rows is mostly what is missing in a slice, where that began before.

    A slice that has been without values for long is usual; a day of it that stands out in all rows is no news.
    """
    kinds = {each.fault.kind, other.fault.kind}
    if kinds != {"null_jump"} or each.fault.slice != ALL_ROWS or other.fault.slice == ALL_ROWS:
        return False
    if each.fault.columns != other.fault.columns or not other.first <= each.first <= other.last:
        return False
    name, days = each.fault.columns[0], slice(each.first, each.last + 1)
    missing, mine = (column_of(log, name, of).missing[days].sum() for of in (ALL_ROWS, other.fault.slice))
    return bool(mine >= MOST_OF_IT * missing)


def _not_explained(found: Sequence[Episode], named: Sequence[Episode]) -> list[Episode]:
    """Of what is found over time, that which no fault with a name explains that began at about the same time."""
    begun = {
        (name, each.first + apart)
        for each in named
        if each.fault.kind not in ("unusual", "null_jump", "cut_off")
        for name in each.fault.columns
        for apart in range(-APART, APART + 1)
    }
    return [each for each in found if (each.fault.columns[0], each.first) not in begun]


def _joined(log: Partitions, every: Sequence[Episode]) -> list[Episode]:
    left = _renamed(log, _begun_before(log, list(every)))
    left = _without_values(left)
    return _alike(left)


def _begun_before(log: Partitions, every: list[Episode]) -> list[Episode]:
    """What was only unusual just before a fault with a name, or while it began, belongs to it."""
    vague = [each for each in every if each.fault.kind == "unusual"]
    found = [each for each in every if each.fault.kind != "unusual"]
    for each in vague:
        name = each.fault.columns[0]
        later = [
            (at, other)
            for at, other in enumerate(found)
            if name in other.fault.columns
            and other.fault.kind != "null_jump"
            and other.first - GAP <= each.first <= min(other.last, other.first + LASTING)
            and each.last >= other.first - 1
        ]
        if later:
            at, other = later[0]
            found[at] = _from(log, other, max(each.first, other.first - 1))
        else:
            found.append(each)
    return found


def _from(log: Partitions, each: Episode, first: int) -> Episode:
    """The episode from an earlier partition on, where all rows from there on show it, and more of them; else as it is.

    A fault that begins in the middle of a day may not be plain on that day.
    """
    fault = over_all(log, each.fault, each.usual, first, each.last) if first < each.first else None
    if fault is None or (fault.figures and fault.figures[0].now[0] <= each.fault.figures[0].now[0]):
        return each
    return replace(each, fault=fault, first=first, usual=tuple(at for at in each.usual if at < first))


def _renamed(log: Partitions, every: list[Episode]) -> list[Episode]:
    """A value that is gone and one that came as often at about the same time, as one: to be asked of the rows."""
    gone = [each for each in every if each.fault.kind == "vanished_category"]
    come = [each for each in every if each.fault.kind == "new_category"]
    pairs = [
        (abs(_share(old, 0) - _share_at_first(log, new)), old, new)
        for old in gone
        for new in come
        if old.fault.columns == new.fault.columns
        and abs(old.first - new.first) <= APART
        and _near(_share(old, 0), _share_at_first(log, new))
    ]
    taken: list[Episode] = []
    found = []
    for _, old, new in sorted(pairs, key=lambda each: each[0]):
        if old in taken or new in taken:
            continue
        taken += [old, new]
        value, name = old.fault.detail[0], new.fault.detail[0]
        fault = replace(
            new.fault,
            kind="renamed_category",
            what=f"{quoted(value)} is now called {quoted(name)}",
            before=f"the one was {percent(_share(old, 0))} of the rows, the other came in"
            f" {percent(_share_at_first(log, new))}",
            next="Look at the list of codes in the source, and map the new one to that on which the model was trained.",
            figures=(*old.fault.figures, *new.fault.figures),
            question=Relation(new.fault.columns[0], value, name, new.first),
            detail=(value, name),
        )
        ongoing = old.ongoing or new.ongoing
        found.append(Episode(fault, min(old.first, new.first), max(old.last, new.last), ongoing, parts=(old, new)))
    return [each for each in every if each not in taken] + found


def _share(episode: Episode, now: int) -> float:
    """The share that an episode's first figure had before, or has now."""
    figure = episode.fault.figures[0]
    hits, rows = figure.now if now else figure.before or (0, 0)
    return hits / rows if rows else 0.0


def _share_at_first(log: Partitions, new: Episode) -> float:
    """The share of a new value in its first partitions, but that in which it came: later it may change for itself."""
    column = log.named[new.fault.columns[0]]
    at = column.values.index(new.fault.detail[0])
    span = slice(new.first + 1, new.first + 1 + LASTING)
    rows = int(column.known[span].sum())
    return int(column.value_counts[span, at].sum()) / rows if rows else _share(new, 1)


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= max(SHARE_APART, SHARE_RATIO * max(one, other))


def _without_values(every: list[Episode]) -> list[Episode]:
    """Columns that began to be missing at once and in as many rows, as one: to be asked of the rows."""
    jumps = [each for each in every if each.fault.kind == "null_jump"]
    groups: list[list[Episode]] = []
    for each in jumps:
        for group in groups:
            first = group[0]
            same = each.first == first.first and each.fault.slice == first.fault.slice
            if same and each.fault.columns != first.fault.columns and _near(_rise(each), _rise(first)):
                group.append(each)
                break
        else:
            groups.append([each])
    made = []
    for group in (each for each in groups if len(each) > 1):
        columns = tuple(dict.fromkeys(name for each in group for name in each.fault.columns))
        lead = max(group, key=lambda each: each.fault.share)
        share, last = lead.fault.share, max(each.last for each in group)
        fault = replace(
            lead.fault,
            kind="null_join_keys" if lead.fault.slice == ALL_ROWS else "null_jump",
            columns=columns,
            what=missing_in(share, together=True),
            next="Look at the join from which these columns come: are its keys the same, are its partners all there?",
            question=Together(columns, lead.first, last),
        )
        ongoing = any(each.ongoing for each in group)
        made.append(Episode(fault, lead.first, last, ongoing, lead.earlier, None, tuple(group), usual=lead.usual))
    taken = [each for episode in made for each in episode.parts]
    return [each for each in every if each not in taken] + made


def _rise(episode: Episode) -> float:
    """The share of the rows that had a value before, and have none now."""
    before = _share(episode, 0)
    return (_share(episode, 1) - before) / (1 - before) if before < 1 else 0.0


def _alike(every: list[Episode]) -> list[Episode]:
    """Faults of one kind that began at once: values of one column, and columns that go together."""
    groups: dict[object, list[Episode]] = {}
    for place, each in enumerate(every):
        groups.setdefault(_common(each, place), []).append(each)
    return [_one(group) for group in groups.values()]


def _common(each: Episode, place: int) -> object:
    fault = each.fault
    if fault.kind in ("new_category", "vanished_category", "renamed_category"):
        return fault.kind, each.first, fault.columns
    if fault.kind == "unusual":
        return fault.kind, each.group
    if fault.kind in ("null_jump", "null_join_keys") or not fault.columns:
        return place
    return fault.kind, each.first, fault.slice, fault.detail


def _one(group: list[Episode]) -> Episode:
    lead = max(group, key=lambda each: each.fault.share)
    if len(group) == 1:
        return lead
    others = [each for each in group if each is not lead]
    columns = tuple(dict.fromkeys((*lead.fault.columns, *(name for each in others for name in each.fault.columns))))
    if len(columns) > len(lead.fault.columns):
        more = [name for name in columns if name not in lead.fault.columns]
        also = f"likewise {listed(more)}"
    else:
        also = f"and {len(others)} more: {listed([quoted(each.fault.detail[-1]) for each in others])}"
    chance = min(each.fault.chance for each in group)
    fault = replace(lead.fault, columns=columns, what=f"{lead.fault.what} ({also})", chance=chance)
    last, ongoing = max(each.last for each in group), any(each.ongoing for each in group)
    seen = max(each.seen for each in group)
    return replace(lead, fault=fault, last=last, ongoing=ongoing, parts=tuple(group), seen=seen)


def questions(found: Sequence[Episode]) -> tuple[Question, ...]:
    """What has to be asked of the rows before these episodes can be told."""
    asked: list[Question] = []
    for each in found:
        if each.fault.question is not None:
            asked.append(each.fault.question)
        asked += questions(each.parts)
    return tuple(dict.fromkeys(asked))


def answered(found: Sequence[Episode], answers: Mapping[Question, Answer]) -> tuple[Episode, ...]:
    """The episodes that the answers bear out, and the parts of the others; those without an answer as they are."""
    told: list[Episode] = []
    for each in found:
        question = each.fault.question
        if question is None or question not in answers or _borne_out(answers[question]):
            told.append(each)
        else:
            told += answered(each.parts, answers)
    return tuple(told)


def _borne_out(answer: Answer) -> bool:
    if isinstance(answer, Common):
        return answer.least > 0 and answer.all >= IN_THE_SAME_ROWS * answer.least
    return alike(answer)


def alike(found: Sequence[Likeness]) -> bool:
    """Whether the rows of two values lie alike in other columns: nearer to each other than the old ones to all rows.

    Distances are total variations less what as many rows of one distribution would have by chance. Where the old
    value's rows lie as all rows do, other columns say nothing, and it is taken for true.
    """
    apart = sum(_excess(each.old, each.new) for each in found)
    usual = sum(_excess(each.old, each.every) for each in found)
    return apart <= max(usual / 2, 0.05 * len(found))


def _excess(one: Ints, other: Ints) -> float:
    n, m = int(one.sum()), int(other.sum())
    if not n or not m:
        return 0.0
    share: Floats = (one + other) / (n + m)
    noise = np.sqrt(share * (1 - share) * (1 / n + 1 / m) * 2 / np.pi).sum() / 2
    return max(0.0, float(0.5 * np.abs(one / n - other / m).sum() - 1.2 * noise))
