"""Plans as text and JSON: how long it would take to find out that a promise is broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from leadline.report import words
from leadline.report.document import SCHEMA, rfc3339, target
from leadline.report.text import Row, aligned, sentence
from leadline.values import ALL_ROWS, KEEPS, Plan, Target, Undefined

#: slices of one objective that are shown one by one
SHOWN = 8
YEAR = 365.25
MOST_YEARS = 10


@dataclass(frozen=True)
class PlanContent:
    """What plans are shown from."""

    model: str
    task: str
    zone: str
    as_of: datetime
    plans: tuple[Plan, ...]


@dataclass(frozen=True)
class PlanReport:
    """Plans to be printed by Rich."""

    content: PlanContent

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        content, width = self.content, options.max_width
        yield Text(
            f"{words.named(content.model)} as of {words.clock(content.as_of, ZoneInfo(content.zone))}", style="bold"
        )
        yield Text()
        if not content.plans:
            yield from sentence("No objectives are declared: there is nothing to plan for.", width)
            return
        yield Text("How long would it take to find out?", style="bold")
        yield from _tables(content.plans, width)
        if all(each.value is None for each in content.plans):
            return
        yield Text()
        yield from sentence(
            "Days on average from the first prediction after a drop to the day it is found, waiting for labels"
            " included; – keeps the promise, never is too near to the limit. `differ`: how much more looks vary than"
            " independent rows would, at most; high where few looks tell it.",
            width,
            style="dim",
        )
        shorter = {
            f"{words.named(each.metric)} {words.promised(each)}: {'; '.join(each.advice)}."
            for each in content.plans
            if each.slice == ALL_ROWS and each.advice
        }
        if shorter:
            yield Text()
            yield Text("What would shorten it?", style="bold")
        for said in sorted(shorter):
            yield from sentence(said, width)


def _tables(plans: Sequence[Plan], width: int) -> Iterator[Text]:
    """One table for each objective, as each has drops of its own."""
    by_objective: dict[tuple[str, str, str], list[Plan]] = {}
    for each in plans:
        by_objective.setdefault((each.metric, words.declared(each), str(each.window)), []).append(each)
    for group in by_objective.values():
        first = group[0]
        yield Text()
        title = f"{words.named(first.metric)} {words.declared(first)} over {words.length(first.window)}"
        whys = {each.why for each in group}
        if all(each.value is None for each in group) and len(whys) == 1:
            yield from sentence(f"{title}: {words.printable(whys.pop() or '')}.", width)
            continue
        alarms = sum(each.false_alarms for each in group)
        yield from sentence(
            f"{title}, a look every {words.length(first.look)}; at most {alarms:.2g} false alarms a year.", width
        )
        head = ["slice", "usual", "rows a look", "differ", *_heads(group)]
        rows = [_row(each) for each in group[: SHOWN + 1]]
        yield from aligned(rows, width, right=set(range(1, len(head))), elastic=(0,), head=head)
        if len(group) > SHOWN + 1:
            yield Text(f"    … and {len(group) - SHOWN - 1:,} more slices", style="dim")


def _heads(group: Sequence[Plan]) -> list[str]:
    """How far the metric falls in each column, or by which factor it grows."""
    whole = max(group, key=lambda each: len(each.drops))
    if whole.value is None:
        return []
    return [drop.size for drop in whole.drops]


def _row(each: Plan) -> Row:
    name = Text(words.named(each.slice))
    if each.value is None:
        return Row((name,), Text(each.why or "", style="dim"))
    cells = (
        name,
        Text(words.numbers(each.value)[0]),
        Text(f"{each.rows:,.0f}"),
        Text(f"{each.overdispersion:.1f}×"),
        *(Text(_days(drop.days)) for drop in each.drops),
    )
    return Row(cells)


def _days(days: float | Undefined) -> str:
    if isinstance(days, Undefined):
        return "–" if days.why == KEEPS else "never"
    if days > MOST_YEARS * YEAR:
        return f"> {MOST_YEARS} y"
    return f"{days:,.0f} d" if days < 2 * YEAR else f"{days / YEAR:.0f} y"


def plan_sentence(each: Plan) -> str | None:
    """How long drops of some sizes would take to be found; None where none would."""
    found = [f"{drop.size} after {_days(drop.days)}" for drop in each.drops if not isinstance(drop.days, Undefined)]
    if each.value is None or not found:
        return None
    where = "" if each.slice == ALL_ROWS else f" for {words.named(each.slice)}"
    kept = isinstance(each.target, Target) and each.target.met(each.value)
    usual = f"{'usually' if kept else 'already broken,'} {words.numbers(each.value)[0]}"
    return f"{words.named(each.metric)} {words.declared(each)}{where} ({usual}): {', '.join(found)}."


def plan_document(content: PlanContent) -> dict[str, Any]:
    """The plans as JSON's own types; `days` is null with a `why` where a drop is not found."""
    return {
        "schema": SCHEMA,
        "model": content.model,
        "as_of": rfc3339(content.as_of),
        "plans": [_plan(each) for each in content.plans],
    }


def _plan(each: Plan) -> dict[str, Any]:
    return {
        "metric": each.metric,
        "slice": each.slice.as_dict(),
        "target": target(each),
        "window": str(each.window),
        "look": str(each.look),
        "value": each.value,
        "rows": each.rows,
        "overdispersion": each.overdispersion,
        "label_delay_days": each.wait,
        "false_alarms_a_year": each.false_alarms,
        "drops": [
            {
                "size": drop.size,
                "after": drop.after,
                "days": None if isinstance(drop.days, Undefined) else drop.days,
                "why": drop.days.why if isinstance(drop.days, Undefined) else None,
            }
            for drop in each.drops
        ],
        "advice": list(each.advice),
        "why": each.why,
    }
