"""A result as text for people: in a terminal with colours, in a pipe without, and never wider than the line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from leadline.report import words
from leadline.report.answers import (
    AWAITED_HEAD,
    WORST,
    Fold,
    Ranking,
    Served,
    awaited,
    awaited_sentences,
    breach_sentences,
    budget_sentence,
    folded,
    found_parities,
    found_reasons,
    found_slices,
    label_sentences,
    latest,
    none_found,
    ordered,
    other_notes,
    overall,
    proxy_sentences,
    rankings,
    reasons,
    record_sentences,
    served_cells,
    span,
    summary,
    to_promise,
)
from leadline.report.document import Content
from leadline.report.drift import drift_heading, drift_sentence, joint_sentences, told_above, told_drifts
from leadline.report.why import (
    CHANGE_HEAD,
    EVENT_HEAD,
    change_cells,
    change_sentences,
    event_cells,
    event_sentence,
    explained,
    mix_rate_sentences,
    parity_sentence,
    told_changes,
    told_events,
)
from leadline.values import ALL_ROWS, Finding, Judgement, Verdict, counted

STYLES = {
    Verdict.BREACHED: "bold red",
    Verdict.AT_RISK: "yellow",
    Verdict.UNCERTAIN: "yellow",
    Verdict.NO_DATA: "magenta",
    Verdict.UNDEFINED: "magenta",
    Verdict.HOLDS: "green",
}
INDENT = 2
GAP = 2
READABLE = 120  # columns of a sentence; tables may be wider
EVENTS = 6  # lines of the table of events
LEAST = 8  # an elastic column is not cut below this
FOUND = 5  # findings that are told


@dataclass(frozen=True)
class Report:
    """A result to be printed by Rich: `rich.print(result)`."""

    content: Content

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The four questions as far as they can be answered, then what the figures rest on."""
        content, width = self.content, options.max_width
        yield from heading(content, width)
        yield from working(content, width)
        yield from without_labels(content, width)
        yield from for_whom(content, width)
        yield from served_alike(content, width)
        yield from why(content, width)
        yield from drifted(content, width)
        yield from rests_on(content, width)


@dataclass(frozen=True)
class Trouble:
    """Only what is breached or could not be judged, or that nothing is judged."""

    content: Content

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        content = self.content
        if not content.objectives:
            yield from sentence(summary(content.objectives), options.max_width)
            return
        yield from title(content.model, content.task, content.as_of, content.zone, options.max_width)
        held = (Verdict.HOLDS, Verdict.AT_RISK, Verdict.UNCERTAIN)
        judged = [each for each in ordered(self.content.objectives) if each.status not in held]
        yield from _objectives(self.content, judged, options.max_width)


def heading(content: Content, width: int) -> Iterator[Text]:
    """What was evaluated: model, as of, first and last day."""
    yield from title(content.model, content.task, content.as_of, content.zone, width)
    window = span(content)
    said = counted(content.labels.predictions, "prediction")
    if window is not None and content.labels.predictions:
        said += f", {words.days(window, ZoneInfo(content.zone))}"
    yield Text(said, style="dim")


def title(model: str, task: str, as_of: datetime, zone: str, width: int) -> Iterator[Text]:
    """What is spoken of, on one line or two."""
    name = Text(words.named(model), style="bold", no_wrap=True)
    about = f"({task}) as of {words.clock(as_of, ZoneInfo(zone))}"
    if cell_len(name.plain) + 1 + cell_len(about) <= width:
        yield Text.assemble(name, f" {about}")
    else:
        yield _cut(name, width)
        yield _cut(Text(about), width)


# Is it working? -----------------------------------------------------------------------------------------------------


def working(content: Content, width: int) -> Iterator[Text]:
    """The objectives; where none is declared, the metrics of all rows."""
    yield from question("Is it working?")
    yield from sentence(summary(content.objectives), width)
    if content.objectives:
        yield Text()
        yield from _objectives(content, list(folded(content.objectives)), width)
        yield from _found(content, width)
        return
    yield from sentence(to_promise(content) or "", width)
    shown = latest(content)
    for window in dict.fromkeys(each.window for each in shown):
        yield Text()
        yield Text(f"  The latest figures, for {words.days(window, ZoneInfo(content.zone))}:", style="dim")
        rows = [
            Row(
                (
                    Text(words.named(each.metric)),
                    *_value(each.value, each.low, each.high),
                    Text(each.status.value, style="dim"),
                )
            )
            for each in shown
            if each.window == window
        ]
        yield from aligned(rows, width, right={1}, elastic=(0,))


def _objectives(content: Content, shown: Sequence[Judgement | Fold], width: int) -> Iterator[Text]:
    zone = ZoneInfo(content.zone)
    judged = [each for each in shown if isinstance(each, Judgement)]
    windows = {(each.window, last) for each in judged if (last := each.window_end) is not None}
    ends = {last for _, last in windows}
    since = any(each.since for each in judged)
    head = ["", "objective", "slice", "value", "95 % interval", *(["window"] if len(windows) > 1 else [])]
    rows: list[Row] = []
    for each in shown:
        if isinstance(each, Fold):
            rows.append(Row(tail=Text(f"  {each.sentence}", style="dim")))
            continue
        value, between = _value(each.value, each.low, each.high)
        row = [
            Text(f"{words.SYMBOLS[each.status]} {words.VERDICTS[each.status]}", style=STYLES[each.status]),
            Text(f"{words.named(each.metric)} {words.promised(each)}"),
            slice_cell(each.slice),
            value,
        ]
        if each.value is None:
            rows.append(Row(tuple(row), Text(words.printable(each.why or ""), style="dim")))
            continue
        row.append(between)
        if len(windows) > 1:
            end = f" to {words.last_day(each.window_end, zone)}" if each.window_end and len(ends) > 1 else ""
            row.append(Text(f"{each.window}{end}", style="dim"))
        if since:
            row.append(Text(words.day(each.since, zone) if each.since else ""))
        rows.append(Row(tuple(row)))
    table = list(aligned(rows, width, right={3}, elastic=(2, 1), head=[*head, *(["since"] if since else [])]))
    yield from table
    cut = [
        each
        for each, line in zip(shown, table[1:], strict=True)
        if isinstance(each, Judgement) and each.value is None and line.plain.endswith("…")
    ]
    for said in reasons(cut):
        yield from sentence(said, width, style="dim")
    if len(ends) == 1:
        lengths = {window for window, _ in windows}
        said = words.judged_over(lengths.pop() if len(lengths) == 1 else None, ends.pop(), content.as_of, zone)
        yield from sentence(said, width, style="dim")


def _found(content: Content, width: int) -> Iterator[Text]:
    """What the detectors found, and the error budgets."""
    sentences = list(breach_sentences(content))
    if sentences:
        yield Text()
    for said in sentences:
        yield from sentence(said, width)
    spent = budget_sentence(content)
    if spent is not None:
        yield from sentence(spent, width, style="dim")


# Without labels -----------------------------------------------------------------------------------------------------


def without_labels(content: Content, width: int) -> Iterator[Text]:
    """The newest estimates of windows whose labels are not in, and how good earlier ones were; proxies."""
    rows, sentences = awaited(content), [*record_sentences(content), *proxy_sentences(content)]
    if not rows and not sentences:
        return
    yield from question("Without labels")
    if rows:
        yield from _columns(AWAITED_HEAD, [each.cells for each in rows], width)
    for said in (*awaited_sentences(content), *sentences):
        yield from sentence(said, width, style="dim")


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[Text]:
    """A table of written cells: the first is a name, # in a heading stands over numbers; empty columns are left out."""
    kept = [at for at in range(len(head)) if not at or any(row[at] not in ("", "–") for row in rows)]
    right = {place for place, at in enumerate(kept) if head[at].startswith("#")}
    styles = ["" if place in right else "dim" for place in range(len(kept))]
    cells = [
        Row((Text(words.named(row[0])), *(Text(row[at], style=styles[place]) for place, at in enumerate(kept) if at)))
        for row in rows
    ]
    yield from aligned(cells, width, right=right, elastic=(0,), head=[head[at].lstrip("#") for at in kept])


# For whom is it not? ------------------------------------------------------------------------------------------------


def for_whom(content: Content, width: int) -> Iterator[Text]:
    """The declared slices that are breached or apart from all rows, metric by metric, and those that were found."""
    ranked, found = [ranking for ranking in rankings(content) if ranking.looked], found_slices(content)
    none = none_found(content)
    if not (ranked or found or none):
        return
    yield from question("For whom is it not?")
    if ranked:
        yield from _rankings(content, ranked, width)
    if found:
        window = words.days(found[0].window, ZoneInfo(content.zone))
        if ranked:
            yield Text()
        yield from sentence(f"Found among all combinations of features, {window}:", width)
        yield from findings(found, width)
    for text in none:
        yield from sentence(words.printable(text), width)


def findings(found: Sequence[Finding], width: int) -> Iterator[Text]:
    """The first findings of any kind, each with what to look at next."""
    for each in found[:FOUND]:
        yield from bullet(each.what, each.next, width)
    if len(found) > FOUND:
        yield from sentence(f"… and {len(found) - FOUND:,} more.", width, style="dim")


def bullet(what: str, further: str, width: int) -> Iterator[Text]:
    """What was found, and dim below it what to look at next or an example."""
    first, *others = wrapped(words.printable(what), max(width - INDENT - 2, LEAST))
    yield Text(f"{' ' * INDENT}• {first}", no_wrap=True)
    for line in others:
        yield Text(" " * (INDENT + 2) + line, no_wrap=True)
    for line in wrapped(words.printable(further), max(width - INDENT - 2, LEAST)):
        yield Text(" " * (INDENT + 2) + line, style="dim", no_wrap=True)


def _rankings(content: Content, found: Sequence[Ranking], width: int) -> Iterator[Text]:
    rows: list[Row] = []
    for ranking in found:
        if rows and ranking.whole is not None:
            rows.append(Row())
        rows += list(_ranked(ranking))
    window = overall(content)
    head = ["metric", "slice", "value", "95 % interval", "all rows", "rows"]
    yield from aligned(rows, width, right={2, 4, 5}, elastic=(1, 0), head=head)
    if window is not None:
        yield Text(f"  {words.days(window, ZoneInfo(content.zone))}.", style="dim")
    chance = max(ranking.by_chance for ranking in found)
    looked = max(ranking.looked for ranking in found)
    if any(ranking.worst for ranking in found) and looked >= 10:
        yield from sentence(
            f"Up to {counted(looked, 'slice')} were looked at for each metric; about {chance} of them"
            " would lie apart by chance alone.",
            width,
            style="dim",
        )


def _ranked(ranking: Ranking) -> Iterator[Row]:
    if not ranking.worst:
        nearest = ranking.nearest
        if ranking.whole is not None:
            told = "no slice is clearly worse than all rows; the furthest off:"
            yield Row(tail=Text(f"{words.named(ranking.metric)}: {told}"))
        if nearest is not None:
            yield _served(nearest)
        return
    for each in ranking.worst[:WORST]:
        yield _served(each)
    rest = len(ranking.worst) - WORST
    if rest > 0:
        yield Row(tail=Text(f"  … and {rest:,} more", style="dim"))


def _served(each: Served) -> Row:
    value, between, whole = served_cells(each)
    style = STYLES[Verdict.BREACHED] if each.breached else ""
    cells = (
        Text(words.named(each.metric)),
        Text(words.named(each.slice), style=style),
        Text(value),
        Text(between, style="dim"),
        Text(whole, style="dim"),
        Text(f"{each.n:,}", style="dim"),
    )
    return Row(cells)


# Are groups served alike? ------------------------------------------------------------------------------------------


def served_alike(content: Content, width: int) -> Iterator[Text]:
    """Sensitive groups beside the others, figure by figure; the base rate of each first."""
    if not content.parities:
        return
    yield from question("Are groups served alike?")
    for finding in found_parities(content):
        yield from sentence(f"• {words.printable(finding.what)}", width)
    rows: list[Row] = []
    before = None
    for each in content.parities:
        if before is not None and each.slice != before:
            rows.append(Row())
        before = each.slice
        value, other = words.numbers(each.other + each.gap)[0], words.numbers(each.other)[0]
        times, between = words.interval(each.ratio, each.ratio_low, each.ratio_high)
        cells = (words.named(each.slice), words.named(each.metric), value, other, times, between)
        rows.append(Row(tuple(Text(cell) for cell in cells)))
    head = ["group", "figure", "value", "others", "times", "95 % interval"]
    yield from aligned(rows, width, right={2, 3, 4}, elastic=(0, 1), head=head)
    yield from sentence(parity_sentence(content), width, style="dim")


# Why? ---------------------------------------------------------------------------------------------------------------


def why(content: Content, width: int) -> Iterator[Text]:
    """What explains the metrics' changes since the reference: what was found, by cause, and by slice."""
    found, sentences = found_reasons(content), [*change_sentences(content), *mix_rate_sentences(content)]
    events = told_events(content, EVENTS)
    if not found and not sentences and not events:
        return
    yield from question("Why?")
    zone = ZoneInfo(content.zone)
    yield from findings(found, width)
    compared = explained(content)
    if found and compared is not None:
        yield Text()
    if compared is not None:
        yield from sentence(compared, width)
    changes = [change_cells(each) for each in told_changes(content)]
    if changes:
        yield from _columns(CHANGE_HEAD, changes, width)
    for said in sentences:
        yield from sentence(said, width, style="dim")
    if events:
        yield Text()
        yield from sentence("Events:", width)
        yield from _columns(EVENT_HEAD, [event_cells(each, zone) for each in events], width)
        yield from sentence(event_sentence(content, events), width, style="dim")


# What drifted? ------------------------------------------------------------------------------------------------------


def drifted(content: Content, width: int) -> Iterator[Text]:
    """The columns that drifted and what they do to a metric, those that are harmless in one sentence."""
    said = drift_heading(content)
    if said is None:
        return
    yield from question("What drifted?")
    yield from sentence(said, width)
    yield from findings(told_drifts(content), width)
    more = drift_sentence(content)
    if more is not None:
        yield from sentence(more, width, style="dim")
    above = told_above(content)
    if above is not None:
        yield from sentence(above, width)
    for together in joint_sentences(content):
        yield from sentence(together, width)


# What the figures rest on -------------------------------------------------------------------------------------------


def rests_on(content: Content, width: int) -> Iterator[Text]:
    """Labels, then what is odd about the data."""
    yield from question("What do these figures rest on?")
    for said in label_sentences(content):
        yield from sentence(said, width)
    for note in other_notes(content):
        yield from sentence(words.printable(note.text), width)


# Pieces -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """Cells of a table, all or the first few; `tail` follows them and may run across the other columns."""

    cells: tuple[Text, ...] = ()
    tail: Text | None = None


def aligned(
    rows: Sequence[Row], width: int, right: set[int], elastic: Sequence[int], head: Sequence[str] = ()
) -> Iterator[Text]:
    """Lines of columns that are never wrapped: where they are too wide, cells of the elastic columns are cut.

    right     columns that are aligned to the right
    elastic   columns that may be cut, the first of them first
    """
    titled = [Row(tuple(Text(each, style="dim") for each in head)), *rows] if head else rows
    columns = max((len(row.cells) for row in titled), default=0)
    widths = [max(cell_len(row.cells[at].plain) for row in titled if len(row.cells) > at) for at in range(columns)]
    over = INDENT + sum(widths) + GAP * (columns - 1) - width
    for at in elastic:
        if over > 0 and at < columns:
            cut = min(over, max(widths[at] - LEAST, 0))
            widths[at] -= cut
            over -= cut
    for row in titled:
        line = Text(" " * INDENT, no_wrap=True)
        for at, cell in enumerate(row.cells):
            padding = Text(" " * max(widths[at] - cell_len(cell.plain), 0))
            fitted = _elided(cell, widths[at])
            line += padding + fitted if at in right else fitted + padding
            line += Text(" " * GAP)
        if row.tail is not None:
            line += row.tail
        line.rstrip()
        yield _cut(line, width)


def _cut(text: Text, width: int) -> Text:
    if cell_len(text.plain) <= width:
        return text
    cut = Text(set_cell_size(text.plain, max(width - 1, 0)) + "…", style=text.style, no_wrap=True)
    for part in text.spans:
        cut.stylize(part.style, part.start, part.end)
    return cut


def _elided(text: Text, width: int) -> Text:
    """A cell without its middle where it is too wide: names differ at their ends, and a promise's limit is there."""
    if cell_len(text.plain) <= width:
        return text
    head, tail = (width - 1) // 2, text.plain
    while cell_len(tail) > width - 1 - head:
        tail = tail[1:]
    start = set_cell_size(text.plain, head)
    return Text(f"{start}…{tail}", style=text.style, no_wrap=True)


def _value(value: float | None, low: float | None, high: float | None) -> tuple[Text, Text]:
    shown, between = words.interval(value, low, high)
    return Text(shown), Text(between, style="dim")


def slice_cell(where: object) -> Text:
    """The name of a slice; all rows are dim."""
    return Text(words.named(str(where)), style="dim" if where == ALL_ROWS else "")


def question(text: str) -> Iterator[Text]:
    """The heading of a part."""
    yield Text()
    yield Text(text, style="bold")


def sentence(text: str, width: int, style: str = "") -> Iterator[Text]:
    """A sentence in as many lines as it takes, none too long to be read."""
    for line in wrapped(text, max(min(width, READABLE) - INDENT, LEAST)):
        yield Text(" " * INDENT + line, style=style, no_wrap=True)


def wrapped(text: str, width: int) -> Iterator[str]:
    """Lines of at most `width` cells, broken between words; a word that is longer is broken anywhere.

    >>> list(wrapped("a word, and averylongword", 8))
    ['a word,', 'and', 'averylon', 'gword']
    """
    line = ""
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if cell_len(joined) <= width:
            line = joined
            continue
        if line:
            yield line
        *full, line = chop_cells(word, width)
        yield from full
    if line:
        yield line
