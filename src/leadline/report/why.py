"""Why a metric changed, in sentences: by cause, by slice, and what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import NormalDist
from zoneinfo import ZoneInfo

from leadline.report.document import Content
from leadline.report.words import alike, day, days, decimals, difference, interval, margin, named, numbers, printable
from leadline.values import Change, EventEffect, LeafChange, MixRate, counted

BASE_RATE = "positive_rate"
#: leaves that are named
APART = 2


def explained(content: Content) -> str | None:
    """What is compared, as a heading of the rest; None where nothing is."""
    if not content.changes and not content.mix_rates:
        return None
    window = content.changes[0].window if content.changes else content.mix_rates[0].window
    zone = ZoneInfo(content.zone)
    reference = f" of {days(content.mix_rates[0].reference, zone)}" if content.mix_rates else ""
    return f"{days(window, zone)}, against the reference{reference}:"


CHANGE_HEAD = ("", "#reference", "#now", "#the data changed", "#the world changed", "#never seen before")
"""The columns of changes; # stands over numbers."""


def told_changes(content: Content) -> list[Change]:
    """The changes since the reference that have an interval."""
    return [each for each in content.changes if each.low is not None and each.high is not None]


def change_cells(each: Change) -> tuple[str, ...]:
    """The cells of a change below `CHANGE_HEAD`, all numbers with the same decimals."""
    halves = [
        None if low is None or high is None else (high - low) / 2
        for low, high in (
            (each.inputs_low, each.inputs_high),
            (each.low, each.high),
            (each.unseen_low, each.unseen_high),
        )
    ]
    # where all rows are of kinds that the reference knows, nothing is to be said of others
    unseen = each.by_unseen if each.unseen_share else None
    values = (each.reference_value, each.value, each.by_inputs, each.by_labels, unseen, *halves)
    before, now, *parts = alike(values, max((half for half in halves if half), default=0.0))
    return each.metric, before, now, *(margin(*pair) for pair in zip(parts[:3], parts[3:], strict=True))


def change_sentences(content: Content) -> Iterator[str]:
    """What the columns of changes mean and what follows from them; the leaves that moved most come last."""
    told = told_changes(content)
    if not told:
        return
    like = "of the same kind" if content.task == "regression" else "of the same kind and score"
    yield f"The data: other rows come. The world: rows {like} come out differently.{_unseen(told)}"
    estimated = [named(each.metric) for each in told if each.estimator is not None]
    if estimated:
        yield (
            f"Of {', '.join(estimated)} the first is what an estimate from predictions alone explains, the second what"
            " is left."
        )
    shown = ", ".join(named(each.metric) for each in told if each.shown)
    if shown:
        no_longer = "rows of a kind are no longer predicted as they were"
        if content.task != "regression":
            no_longer = "a score no longer means what it meant"
        yield (
            f"Labels show that {no_longer} in the reference ({shown}). How that goes on cannot be seen without labels:"
            " estimates of later windows do not hold it."
        )
    yield from _leaves(content)


def _unseen(told: Sequence[Change]) -> str:
    share = max(each.unseen_share or 0.0 for each in told)
    if not share:
        return ""
    return f" Never seen: kinds of rows of which the reference has few or none ({100 * share:.1f} % of the rows)."


def _leaves(content: Content) -> Iterator[str]:
    apart: list[LeafChange] = sorted(
        (each for each in content.leaf_changes if each.shown), key=lambda each: -abs(each.change)
    )
    are = "predicted right" if content.task == "multiclass" else "positive"
    for leaf in apart[:APART]:
        if content.task == "regression":
            side = "larger" if leaf.change > 0 else "smaller"
            yield (
                f"Of rows with {printable(leaf.rows)}, the absolute error is {numbers(abs(leaf.change))[0]} {side} on"
                f" average than in the reference{_ends(leaf.change, leaf.low, leaf.high)}."
            )
            continue
        side = "more" if leaf.change > 0 else "fewer"
        yield (
            f"Of 100 rows with {printable(leaf.rows)}, {numbers(100 * abs(leaf.change))[0]} {side} are {are}"
            f" than their scores meant{_ends(100 * leaf.change, 100 * leaf.low, 100 * leaf.high)}."
        )


EVENT_HEAD = ("", "since", "metric", "#before", "#change", "#as much")
"""The columns of events."""


def told_events(content: Content, most: int) -> list[EventEffect]:
    """What metrics did at events, in the order of time; where these are too many, the most unusual."""
    every = [each for each in content.events if each.difference is not None]
    ranked = sorted(range(len(every)), key=lambda at: _usual(every[at]))
    return [every[at] for at in sorted(ranked[:most])]


def _usual(each: EventEffect) -> tuple[bool, float, float]:
    """How little it tells: not certain, often as much at other moments, small beside its interval."""
    if each.difference is None or each.low is None or each.high is None:
        return True, 1.0, 0.0
    certain = each.low > 0 or each.high < 0
    return not certain, 1.0 if each.as_large is None else each.as_large, -abs(each.difference) / (each.high - each.low)


def event_cells(each: EventEffect, zone: ZoneInfo) -> tuple[str, ...]:
    """The cells of an event below `EVENT_HEAD`."""
    half = None if each.low is None or each.high is None else (each.high - each.low) / 2
    before, change, around = alike((each.value_before, each.difference, half), half or 0.0)
    often = "–" if each.as_large is None else "never" if not each.as_large else f"{100 * each.as_large:.0f} %"
    return named(each.name), day(each.at, zone), named(each.metric), before, margin(change, around), often


def event_sentence(content: Content, shown: Sequence[EventEffect]) -> str:
    """How to read events, and how many are not shown."""
    lasting = ", or while it lasted" if any(each.until for each in shown) else ""
    text = f"Change: from the two weeks before to the two weeks after{lasting}."
    if any(each.as_large is not None for each in shown):
        text += " As much: at how many moments without an event the metric moved at least as far by itself."
    more = sum(each.difference is not None for each in content.events) - len(shown)
    return f"{text} {counted(more, 'line')} less unusual {'is' if more == 1 else 'are'} not shown." if more else text


def mix_rate_sentences(content: Content) -> Iterator[str]:
    """Of each metric the split whose mix explains the most; where none is certain, how much any could explain."""
    telling = {each.metric: each for each in told_splits(content.mix_rates)}
    for metric, splits in _by_metric(content.mix_rates).items():
        if metric in telling:
            yield mix_rate_sentence(telling[metric])
            continue
        declared = [each for each in splits if not each.found]
        if not declared:
            continue
        most = max(max(abs(each.mix_low), abs(each.mix_high)) for each in declared)
        *most_of, last = (named(each.by) for each in declared)
        by = f"{', '.join(most_of)} or {last}" if most_of else last
        yield f"{named(metric)}: how often each {by} comes moved it by {numbers(most)[0]} at most."


def told_splits(found: Sequence[MixRate]) -> list[MixRate]:
    """Of each metric the split over the slices whose mix explains the most, where that is certain.

    Certain among all splits (Bonferroni, as if the terms were normal): one of many would else be told on quiet days.
    """
    usual = NormalDist()
    wider = usual.inv_cdf(1 - 0.025 / max(len(found), 1)) / usual.inv_cdf(0.975)
    certain = (
        [each for each in splits if abs(each.mix) > wider * (each.mix_high - each.mix_low) / 2]
        for splits in _by_metric(found).values()
    )
    return [max(each, key=lambda split: abs(split.mix)) for each in certain if each]


def _by_metric(every: Sequence[MixRate]) -> dict[str, list[MixRate]]:
    found: dict[str, list[MixRate]] = {}
    for each in every:
        found.setdefault(each.metric, []).append(each)
    return found


def mix_rate_sentence(each: MixRate, kept: str = "the reference's mix") -> str:
    """A split in a sentence: how much is who comes, and how much is how well they are served; `kept` is which mix the
    frozen one is."""
    places = decimals([each.before, each.after])
    frozen, between = interval(each.frozen_mix, each.frozen_mix_low, each.frozen_mix_high)
    rate, mix = (
        difference(*ends, places)
        for ends in ((each.rate, each.rate_low, each.rate_high), (each.mix, each.mix_low, each.mix_high))
    )
    by = f"rows with {named(each.by)} and all others" if each.found else named(each.by)
    terms = f"{rate} within the same {by} (rate), {mix} by which of them come (mix)"
    if each.found:
        terms = f"{rate} within each (rate), {mix} by how many of each come (mix)"
    text = f"{named(each.metric)} by {by}: {terms}."
    return text if each.frozen_mix is None else f"{text} At {kept} it would be {frozen} {between}."


def parity_sentence(content: Content) -> str:
    """What sensitive groups are compared with, and what to make of base rates."""
    against = dict.fromkeys("all others" if each.against is None else named(each.against) for each in content.parities)
    text = f"Each group beside {', '.join(against)}: how many times their figure its own is."
    if any(each.metric == BASE_RATE for each in content.parities):
        equal = "where it differs, not all of the others can be equal"
        text += f" {BASE_RATE} is the share of labels that are positive: {equal}."
    return text


def _ends(value: float, low: float, high: float) -> str:
    return f" {interval(value, low, high)[1]}"
