"""A comparison of two versions or periods as text, JSON and CSV."""

from __future__ import annotations

import csv as writer
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from leadline.report import words
from leadline.report.csv import cell
from leadline.report.document import SCHEMA, estimate_document, mix_rate_document, rfc3339
from leadline.report.text import Row, aligned, question, sentence
from leadline.report.why import mix_rate_sentence, told_splits
from leadline.values import ALL_ROWS, Compared, Estimate, MixRate, Slice, Trend, Window, counted

#: slices of one kind that are shown one by one
SHOWN = 10
STYLES = {Trend.WORSE: "bold red", Trend.BETTER: "green", Trend.CHANGED: "yellow"}
COLUMNS: Final = (
    "metric",
    "slice",
    "before",
    "before_low",
    "before_high",
    "before_n",
    "after",
    "after_low",
    "after_high",
    "after_n",
    "difference",
    "low",
    "high",
    "trend",
    "paired",
)


@dataclass(frozen=True, slots=True)
class Side:
    """One side: a version or a period, its window, and how many rows it has there."""

    name: str
    window: Window
    rows: int


@dataclass(frozen=True)
class CompareContent:
    """What a comparison is shown from.

    together   both sides were served on the same days
    compared   all rows first, then slices
    notes      what has to be known of the sides, in sentences
    """

    model: str
    task: str
    zone: str
    as_of: datetime
    sides: tuple[Side, Side]
    together: bool
    compared: tuple[Compared, ...]
    mix_rates: tuple[MixRate, ...] = ()
    notes: tuple[str, ...] = ()


# Text ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CompareReport:
    """A comparison to be printed by Rich."""

    content: CompareContent

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        content, width = self.content, options.max_width
        zone = ZoneInfo(content.zone)
        yield Text(f"{words.named(content.model)} as of {words.clock(content.as_of, zone)}", style="bold")
        for side, label in zip(content.sides, ("before", "after"), strict=True):
            when = words.days(side.window, zone)
            name = words.named(side.name)
            shown = when if name == when else f"{name}, {when}"
            yield Text(f"{label}: {shown}, {counted(side.rows, 'prediction')}", style="dim")
        yield from question("What changed?")
        yield from sentence(compare_summary(content), width)
        if content.together:
            both = "Both served on the same days: what lifts both on a day is no difference."
            yield from sentence(both, width, style="dim")
        for note in content.notes:
            yield from sentence(note, width, style="dim")
        whole = [each for each in content.compared if each.slice == ALL_ROWS]
        yield from _table(whole, width)
        yield from _slices(content, width)
        yield from _vanished(content, width)
        telling = told_splits(content.mix_rates)
        if telling:
            yield from question("Why?")
        for each in telling:
            yield from sentence(mix_rate_sentence(each, "the mix before"), width)


def compare_summary(content: CompareContent) -> str:
    """How many metrics of all rows, and how many figures of slices, became what.

    >>> from datetime import UTC
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> side = Side("v1", Window(now, now), 0)
    >>> compare_summary(CompareContent("m", "binary", "UTC", now, (side, side), False, ()))
    'There is nothing to compare.'
    """
    if not content.compared:
        return "There is nothing to compare."
    parts = []
    for name, some in (
        ("all rows", [each for each in content.compared if each.slice == ALL_ROWS]),
        ("slices", [each for each in content.compared if each.slice != ALL_ROWS]),
    ):
        counts = Counter(each.trend for each in some)
        said = [f"{counts[trend]:,} {trend.value}" for trend in Trend if counts[trend]]
        if said:
            parts.append(f"{name}: {', '.join(said)}")
    return f"Metrics of {'; of '.join(parts)}."


def _table(shown: Sequence[Compared], width: int) -> Iterator[Text]:
    """All rows with what became of them, or slices of which that is said above."""
    whole = all(each.slice == ALL_ROWS for each in shown)
    rows = []
    for each in shown:
        known = [end.value for end in (each.before, each.after) if end.value is not None]
        told = iter(words.numbers(*known) if known else ())
        before, after = (Text("–" if end.value is None else next(told)) for end in (each.before, each.after))
        difference = "–" if each.difference is None else words.difference(each.difference, each.low, each.high)
        trend = Text(each.trend.value, style=STYLES.get(each.trend, "dim"))
        first, last = ([], [trend]) if whole else ([Text(words.named(each.slice))], [])
        rows.append(Row((Text(words.named(each.metric)), *first, before, after, Text(difference), *last)))
    head = ["metric", *([] if whole else ["slice"]), "before", "after", "difference [95 %]"]
    yield from aligned(rows, width, right={1, 2} if whole else {2, 3}, elastic=(0,) if whole else (1, 0), head=head)


def _slices(content: CompareContent, width: int) -> Iterator[Text]:
    """The slices of which something is certain, the largest difference first."""
    for trend, title in ((Trend.WORSE, "Worse"), (Trend.BETTER, "Better"), (Trend.CHANGED, "Changed")):
        some = [each for each in content.compared if each.trend is trend and each.slice != ALL_ROWS]
        if not some:
            continue
        some.sort(key=lambda each: -abs(each.difference or 0.0))
        yield from question(title)
        yield from _table(some[:SHOWN], width)
        if len(some) > SHOWN:
            yield Text(f"    … and {len(some) - SHOWN:,} more", style="dim")


def _vanished(content: CompareContent, width: int) -> Iterator[Text]:
    for trend, title in ((Trend.NEW, "New"), (Trend.VANISHED, "Vanished")):
        rows: dict[Slice, int] = {}
        for each in content.compared:
            if each.trend is trend:
                rows[each.slice] = max(each.before.n, each.after.n)
        if rows:
            shown = sorted(rows.items(), key=lambda item: -item[1])[:SHOWN]
            said = ", ".join(f"{words.named(where)} ({counted(count, 'row')})" for where, count in shown)
            more = f", and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
            yield from question(title)
            yield from sentence(f"{said}{more}.", width)


# JSON and CSV -------------------------------------------------------------------------------------------------------


def compare_document(content: CompareContent) -> dict[str, Any]:
    """The comparison as JSON's own types."""
    return {
        "schema": SCHEMA,
        "model": content.model,
        "task": content.task,
        "timezone": content.zone,
        "as_of": rfc3339(content.as_of),
        "sides": [
            {
                "name": side.name,
                "window_start": rfc3339(side.window.start),
                "window_end": rfc3339(side.window.end),
                "rows": side.rows,
            }
            for side in content.sides
        ],
        "same_days": content.together,
        "differences": [_compared(each) for each in content.compared],
        "mix_rates": [mix_rate_document(each) for each in content.mix_rates],
        "notes": list(content.notes),
    }


def _compared(each: Compared) -> dict[str, Any]:
    return {
        "metric": each.metric,
        "slice": each.slice.as_dict(),
        "before": estimate_document(each.before),
        "after": estimate_document(each.after),
        "difference": each.difference,
        "low": each.low,
        "high": each.high,
        "trend": each.trend.value,
        "paired": each.paired,
    }


def compare_csv(content: CompareContent) -> str:
    """One line for each metric and slice; `slice` is JSON text and empty for all rows."""
    text = io.StringIO()
    lines = writer.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for each in content.compared:
        where = each.slice.as_dict()
        row = {
            "metric": each.metric,
            "slice": None if where is None else json.dumps(where, ensure_ascii=False),
            **_ends("before", each.before),
            **_ends("after", each.after),
            "difference": each.difference,
            "low": each.low,
            "high": each.high,
            "trend": each.trend.value,
            "paired": each.paired,
        }
        lines.writerow([cell(row[column]) for column in COLUMNS])
    return text.getvalue()


def _ends(side: str, each: Estimate) -> dict[str, Any]:
    return {side: each.value, f"{side}_low": each.low, f"{side}_high": each.high, f"{side}_n": each.n}
