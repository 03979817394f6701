"""A backtest as text for people, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from leadline.report import words
from leadline.report.document import breach_document, rfc3339, target
from leadline.report.text import STYLES, Row, aligned, question, sentence, slice_cell, title
from leadline.values import BreachReplay, Replay, RuleReplay, Verdict, counted

SCHEMA: Final = 1
RULES = {
    "mean_3_sigma": "mean ± 3σ of the reference",
    "p_below_05": "p < .05 against the reference",
    "fixed_threshold": "the target for every look",
}
DETECTOR = "Leadline's detector"
#: breaches that are told one by one
MOST = 30
#: reasons that are told
REASONS = 5
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Replayed:
    """What a backtest found. `zone` is the IANA name in which people are shown times."""

    model: str
    task: str
    zone: str
    as_of: datetime
    objectives: tuple[Replay, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a rule fired, over all objectives and slices of which it could say something.

    looks       looks on which it could fire
    fired       on how many of them it did
    right, cried_wolf, unknown   of these
    """

    looks: int
    fired: int
    right: int
    cried_wolf: int
    unknown: int

    @classmethod
    def of(cls, looks: int, verdicts: Sequence[bool | None]) -> Tally:
        """Count the alarms by whether they cried wolf.

        >>> Tally.of(40, [True, False, None, True])
        Tally(looks=40, fired=4, right=1, cried_wolf=2, unknown=1)
        """
        known = [each for each in verdicts if each is not None]
        return cls(looks, len(verdicts), len(known) - sum(known), sum(known), len(verdicts) - len(known))


def detector_tally(objectives: Sequence[Replay]) -> Tally:
    """Of the detector: it fires once a breach."""
    breaches = [each.cried_wolf for replay in objectives for each in replay.breaches]
    return Tally.of(sum(replay.looks for replay in objectives), breaches)


def rule_tallies(objectives: Sequence[Replay]) -> dict[str, Tally]:
    """Of each usual rule, by its name in the document."""
    rules = [rule for replay in objectives for rule in replay.rules]
    return {
        name: Tally.of(
            sum(rule.looks for rule in rules if rule.rule == name),
            [alarm.cried_wolf for rule in rules if rule.rule == name for alarm in rule.alarms],
        )
        for name in RULES
    }


def backtest_summary(replayed: Replayed) -> str:
    """In one sentence."""
    if not replayed.objectives:
        return "No objectives are declared."
    told = [each for each in replayed.objectives if each.looks]
    found = [breach for each in told for breach in each.breaches]
    declared = len({(each.metric, words.declared(each), each.window) for each in replayed.objectives})
    many = f" ({len(replayed.objectives):,} with their slices)" if len(replayed.objectives) > declared else ""
    return f"{counted(declared, 'objective')}{many}: {counted(len(found), 'breach', 'breaches')} found."


# JSON ---------------------------------------------------------------------------------------------------------------


def backtest_document(replayed: Replayed) -> dict[str, Any]:
    """The backtest as JSON's own types (docs/reference/backtest.md)."""
    return {
        "schema": SCHEMA,
        "model": replayed.model,
        "task": replayed.task,
        "timezone": replayed.zone,
        "as_of": rfc3339(replayed.as_of),
        "objectives": [_objective(each) for each in replayed.objectives],
    }


def _objective(each: Replay) -> dict[str, Any]:
    return {
        "metric": each.metric,
        "slice": each.slice.as_dict(),
        "target": target(each),
        "window": str(each.window),
        "look": None if each.look is None else str(each.look),
        "looks": each.looks,
        "start": None if each.start is None else rfc3339(each.start),
        "end": None if each.end is None else rfc3339(each.end),
        "why": each.why,
        "broken": each.broken,
        "breaches": [_breach(breach) for breach in each.breaches],
        "rules": [_rule(rule) for rule in each.rules],
    }


def _breach(each: BreachReplay) -> dict[str, Any]:
    return {
        **breach_document(each.breach),
        "window_wrong": None if each.window_wrong is None else rfc3339(each.window_wrong),
        "lead_days": None if each.lead is None else each.lead / DAY,
        "cried_wolf": each.cried_wolf,
    }


def _rule(each: RuleReplay) -> dict[str, Any]:
    return {
        "rule": each.rule,
        "reference": each.reference,
        "looks": each.looks,
        "alarms": [{"at": rfc3339(alarm.at), "cried_wolf": alarm.cried_wolf} for alarm in each.alarms],
        "why": each.why,
    }


# Text ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BacktestReport:
    """A backtest to be printed by Rich."""

    replayed: Replayed

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What fired and when, then the usual rules beside it, then what could not be replayed."""
        replayed, width = self.replayed, options.max_width
        yield from title(replayed.model, replayed.task, replayed.as_of, replayed.zone, width)
        told = [each for each in replayed.objectives if each.looks]
        yield from question("What would have fired?")
        yield from sentence(backtest_summary(replayed), width)
        if told:
            yield from _breaches(told, ZoneInfo(replayed.zone), width)
            yield from question("Who would have cried wolf?")
            yield from _rules(told, ZoneInfo(replayed.zone), width)
        yield from _untold(replayed.objectives, width)


def _breaches(told: Sequence[Replay], zone: ZoneInfo, width: int) -> Iterator[Text]:
    found = [(each, breach) for each in told for breach in each.breaches]
    if not found:
        return
    rows = [
        Row(
            (
                Text(f"{words.named(each.metric)} {words.promised(each)}"),
                slice_cell(each.slice),
                Text(words.day(replay.breach.found, zone), style=STYLES[Verdict.BREACHED]),
                Text(words.day(replay.breach.since, zone)),
                Text("" if replay.breach.cleared is None else words.day(replay.breach.cleared, zone)),
                Text(lead(replay)),
            )
        )
        for each, replay in sorted(found, key=lambda item: item[1].breach.found)
    ]
    hidden = len(rows) - MOST
    if hidden > 0:
        rows = [*rows[:MOST], Row(tail=Text(f"  … and {hidden:,} later ones", style="dim"))]
    yield Text()
    yield from aligned(
        rows, width, set(), (1, 0, 5), ("objective", "slice", "found", "since", "cleared", "before the window")
    )
    yield from sentence(
        "“Before the window”: how long before the close of a look at which the figure of the objective's whole window,"
        " as it was known then, was on the wrong side.",
        width,
        style="dim",
    )


def lead(replay: BreachReplay) -> str:
    """How long before the window a breach was found, in words.

    >>> from datetime import UTC
    >>> from leadline.values import Breach
    >>> monday = datetime(2024, 1, 8, tzinfo=UTC)
    >>> breach = Breach(monday, monday + 7 * DAY, None, None, None, None)
    >>> lead(BreachReplay(breach, monday + 21 * DAY, False)), lead(BreachReplay(breach, monday, False))
    ('14 days', '7 days after it')
    >>> lead(BreachReplay(breach, None, None))
    'it kept the promise'
    """
    span = replay.lead
    if span is None:
        return "it kept the promise"
    if not span:
        return "at the same time"
    # a clock that is set in between makes a day of 23 or 25 hours
    days = round(abs(span) / DAY)
    length = counted(days, "day") if days else counted(round(abs(span) / timedelta(hours=1)), "hour")
    return length if span > timedelta() else f"{length} after it"


def _rules(told: Sequence[Replay], zone: ZoneInfo, width: int) -> Iterator[Text]:
    tallies = {DETECTOR: detector_tally(told)} | {RULES[name]: of for name, of in rule_tallies(told).items()}
    rows = [_tallied(name, of) for name, of in tallies.items()]
    yield from aligned(rows, width, {1, 2, 3, 4, 5}, (0,), ("", "fired", "right", "cried wolf", "open", "in looks"))
    start, end = min(each.start for each in told if each.start), max(each.end for each in told if each.end)
    yield from sentence(
        f"From {words.day(start, zone)} to {words.last_day(end, zone)}, over"
        f" {counted(len(told), 'objective or slice', 'objectives and slices')}. An alarm cried wolf where every"
        " window of the objective's length with the look in it kept the promise, as it is known today; it is open while"
        " one of these windows has not closed. The detector fires once a breach; the others once a look.",
        width,
        style="dim",
    )
    broken = [each for each in told if each.broken]
    found = sum(any(breach.cried_wolf is False for breach in each.breaches) for each in broken)
    yield from sentence(
        f"In {len(broken):,} of {len(told):,} some window broke the promise, by luck or for a reason, as it is known"
        f" today; the detector found {found:,} of them.",
        width,
        style="dim",
    )
    silent = [rule.why for each in told for rule in each.rules if rule.why is not None]
    if silent:
        promises = sum(any(rule.why is not None for rule in each.rules) for each in told)
        yield from sentence(
            f"Rules that need a reference say nothing of {counted(promises, 'objective or slice', 'of them')}:"
            f" {silent[0]}.",
            width,
            style="dim",
        )


def _tallied(name: str, of: Tally) -> Row:
    if not of.looks:  # a rule that could not fire was not right never to fire
        return Row((Text(name),), Text("no look on which it could fire", style="dim"))
    return Row(
        (
            Text(name),
            *(Text(f"{count:,}") for count in (of.fired, of.right)),
            Text(f"{of.cried_wolf:,}", style=STYLES[Verdict.BREACHED] if of.cried_wolf else ""),
            *(Text(f"{count:,}", style="dim") for count in (of.unknown, of.looks)),
        )
    )


def _untold(objectives: Sequence[Replay], width: int) -> Iterator[Text]:
    untold = [each for each in objectives if not each.looks]
    if not untold:
        return
    yield from question("What could not be replayed?")
    for each in untold[:REASONS]:
        promise = f"{words.named(each.metric)} {words.promised(each)} for {words.named(each.slice)}"
        yield from sentence(f"{promise}: {words.printable(each.why or '')}.", width)
    if len(untold) > REASONS:
        yield from sentence(f"… and {len(untold) - REASONS:,} more.", width)
