"""A result as one HTML file that needs nothing else: no script, no network; and as a cell of a notebook."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console

from leadline.report import words
from leadline.report.answers import (
    AWAITED_HEAD,
    Fold,
    Key,
    Ranking,
    Served,
    awaited,
    awaited_sentences,
    breach_sentences,
    budget_sentence,
    estimated,
    folded,
    found_parities,
    found_reasons,
    found_slices,
    label_sentences,
    none_found,
    ordered,
    other_notes,
    overall,
    proxy_sentences,
    rankings,
    record_sentences,
    series,
    served_cells,
    span,
    summary,
    to_promise,
)
from leadline.report.document import Content
from leadline.report.drift import (
    DRIFT_HEAD,
    EXPLAINED,
    drift_cells,
    drift_heading,
    found_drifts,
    joint_sentences,
    ranked_drifts,
    told_above,
)
from leadline.report.markup import Markup, join, raw, tag
from leadline.report.svg import CHART, SPARK, Mark, chart, reliability_chart, trace
from leadline.report.text import Report
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
    told_splits,
)
from leadline.values import (
    ALL_ROWS,
    Estimate,
    Finding,
    Judgement,
    MixRateTerm,
    Parity,
    Slice,
    Span,
    Status,
    Target,
    Window,
    counted,
)

#: points of charts and figures of tables that one file may hold
MOST_POINTS: Final = 20_000
#: what they may take of the file, so that the whole stays below 1 MB
MOST_BYTES: Final = 850_000
MOST_ROWS: Final = 1_000  # objectives that are not among the first ones
MARKED: Final = 100  # events on one chart
NUMBERED: Final = 5  # findings whose beginning is marked on charts; more would stand upon each other
LISTED: Final = 100  # rows of one table of slices
TABLE_WINDOWS: Final = 400  # rows of one table of windows
SPARK_WINDOWS: Final = 120  # windows of a small chart

STYLE: Final = """
:root{color-scheme:light dark;
--ink:#1d2129;--soft:#5b6472;--line:#d9dde3;--page:#fff;--bad:#b3261e;--open:#8a5a00;--good:#1b6e3c}
@media(prefers-color-scheme:dark){:root{
--ink:#e6e8eb;--soft:#a2abb8;--line:#383e47;--page:#16191d;--bad:#ff8a80;--open:#f0c36d;--good:#7fd6a0}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2rem 1rem 4rem;max-width:66rem;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
h1{font-size:1.6rem;margin:0;overflow-wrap:anywhere}h2{font-size:1.25rem;margin:2.6rem 0 .3rem}
h3{font-size:1rem;margin:1.8rem 0 .2rem}
p{margin:.4rem 0;max-width:46rem;overflow-wrap:anywhere}.soft{color:var(--soft)}
.wide{overflow-x:auto}table{border-collapse:collapse;margin:.6rem 0;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding:.2rem 0}
th,td{text-align:left;padding:.22rem 1rem .22rem 0;border-bottom:1px solid var(--line);
vertical-align:middle;white-space:nowrap}
th{color:var(--soft);font-weight:500}td.n,th.n{text-align:right}
td.name{white-space:normal;overflow-wrap:anywhere;min-width:9rem}td.why{white-space:normal;max-width:14rem;color:var(--soft)}
.breached{color:var(--bad);font-weight:700}.at_risk,.uncertain{color:var(--open)}
.no_data,.undefined{color:var(--open);font-style:italic}
.holds{color:var(--good)}svg{display:block;max-width:100%;height:auto}td svg{color:var(--soft)}
details{margin:.5rem 0}summary{cursor:pointer;color:var(--soft)}
@media print{body{max-width:none;padding:0}details:not([open]){display:none}}
"""


def html(content: Content) -> str:
    """The whole page. Every value from the data is escaped; nothing is loaded and nothing can run (CSP)."""
    budget = _Budget(MOST_POINTS, MOST_BYTES)
    body = join(
        tag("header", *_heading(content)),
        tag("section", tag("h2", "Is it working?"), *_working(content, budget)),
        tag("section", *_for_whom(content, budget)),
        tag("section", *_served_alike(content, budget)),
        tag("section", *_why(content, budget)),
        tag("section", *_drifted(content, budget)),
        tag("section", *_calibration(content, budget)),
        tag("section", tag("h2", "What do these figures rest on?"), *_rests_on(content)),
    )
    left_out = tag("p", budget.sentence, class_="soft") if budget.sentence else None
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{words.named(content.model)} · Leadline"),
        tag("style", raw(STYLE)),
    )
    made = tag("footer", tag("p", f"Made by Leadline. Fingerprint {content.fingerprint}.", class_="soft"))
    return f"<!doctype html>\n{tag('html', head, tag('body', body, left_out, made), lang='en')}\n"


def notebook(content: Content) -> str:
    """A cell of a notebook: the text of the terminal, and one chart of the metric that matters most."""
    text = io.StringIO()
    Console(file=text, width=100, color_system=None, legacy_windows=False).print(Report(content))
    lines = [Markup(escape(line) + "\n") for line in text.getvalue().splitlines()]
    parts = [tag("pre", *lines, style="white-space:pre;overflow-x:auto")]
    found = series(content)
    first = next((key for key in found if key[1] == ALL_ROWS and key[2] is None), None)
    if first is not None:
        parts.append(tag("div", first[0], _chart(content, found[first]), style="max-width:720px"))
    return tag("div", *parts)


class _Budget:
    """How much of the figures still fits, and what did not. Spent from the most to the least important."""

    def __init__(self, points: int, size: int) -> None:
        self.points, self.size = points, size
        self.left_out = 0

    def spend(self, points: int, made: Markup) -> Markup | None:
        """`made` where it fits, else None, and it is counted as left out."""
        size = len(made.encode())
        if points > self.points or size > self.size:
            self.left_out += points
            return None
        self.points -= points
        self.size -= size
        return made

    @property
    def sentence(self) -> str:
        """What was left out, in words."""
        if not self.left_out:
            return ""
        return (
            f"{self.left_out:,} figures are left out of this file, which holds at most {MOST_POINTS:,} and stays below"
            " 1 MB. All are in `leadline check --format json` and `--format csv`."
        )


def _heading(content: Content) -> Iterator[Markup]:
    zone = ZoneInfo(content.zone)
    window = span(content)
    yield tag("h1", words.named(content.model))
    said = f"{content.task} model, as of {words.clock(content.as_of, zone)}"
    if window is not None and content.labels.predictions:
        said += f"; {counted(content.labels.predictions, 'prediction')}, {words.days(window, zone)}"
    yield tag("p", said, class_="soft")


# Is it working? -----------------------------------------------------------------------------------------------------


def _working(content: Content, budget: _Budget) -> Iterator[Markup | None]:
    found = series(content)
    yield tag("p", summary(content.objectives))
    yield tag("p", said) if (said := to_promise(content)) else None
    charts = list(_charts(content, found, budget))  # the budget goes to these first
    if content.objectives:
        shown = list(folded(content.objectives))
        table = _Objectives(content, found, budget)
        yield table.of(shown)
        seen = {id(each) for each in shown}
        rest = [each for each in ordered(content.objectives) if id(each) not in seen]
        if rest:
            others = table.of(rest[:MOST_ROWS])
            budget.left_out += len(rest[MOST_ROWS:])
            yield tag("details", tag("summary", f"The other {counted(len(rest), 'slice')}"), others)
        found_by_detectors = [tag("li", said) for said in breach_sentences(content)]
        if found_by_detectors:
            yield tag("ul", *found_by_detectors)
        yield tag("p", said, class_="soft") if (said := budget_sentence(content)) else None
    yield from _without_labels(content)
    yield from charts


def _without_labels(content: Content) -> Iterator[Markup]:
    """The newest estimates of windows whose labels are not in, and how good earlier ones were; proxies."""
    rows, sentences = awaited(content), [*record_sentences(content), *proxy_sentences(content)]
    if not rows and not sentences:
        return
    yield tag("h3", "Without labels")
    yield _columns(AWAITED_HEAD, [each.cells for each in rows])
    for said in (*awaited_sentences(content), *sentences):
        yield tag("p", said, class_="soft")


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> Markup:
    """A table of written cells; # in a heading stands over numbers."""
    classes = ["n" if name.startswith("#") else None for name in head]
    return _table(
        head,
        [tag("tr", *(tag("td", each, class_=of) for each, of in zip(row, classes, strict=True))) for row in rows],
        caption,
    )


class _Objectives:
    """Tables of judged objectives with the same columns, each row with a chart of its windows where there are some."""

    def __init__(self, content: Content, found: Mapping[Key, Sequence[Estimate]], budget: _Budget) -> None:
        self.found, self.budget, self.zone, self.as_of = found, budget, ZoneInfo(content.zone), content.as_of
        self.windows = {(each.window, end) for each in content.objectives if (end := each.window_end) is not None}
        self.since = any(each.since for each in content.objectives)
        drawn = [found[key] for each in content.objectives if (key := (each.metric, each.slice, None)) in found]
        self.drawn = bool(drawn)
        self.cut = any(len(points) > SPARK_WINDOWS for points in drawn)

    @property
    def head(self) -> list[str]:
        """The columns' names."""
        head = ["", "objective", "slice", "#value", "95 % interval", "#rows"]
        head += ["window"] if len(self.windows) > 1 else []
        head += ["breached since"] if self.since else []
        return [*head, f"the last {SPARK_WINDOWS} windows" if self.cut else "windows"] if self.drawn else head

    def of(self, shown: Sequence[Judgement | Fold]) -> Markup:
        """A table of these, as far as they fit."""
        caption = ""
        if len(self.windows) == 1:
            window, last = next(iter(self.windows))
            caption = words.judged_over(window, last, self.as_of, self.zone)
        return _table(self.head, [row for each in shown if (row := self._row(each)) is not None], caption)

    def _row(self, each: Judgement | Fold) -> Markup | None:
        if isinstance(each, Fold):
            return self.budget.spend(0, tag("tr", tag("td", each.sentence, class_="soft", colspan=len(self.head))))
        points = self.found.get((each.metric, each.slice, None), [])[-SPARK_WINDOWS:]
        spark = None
        if points:
            title = f"{each.metric}, {words.named(each.slice)}"
            spark = self.budget.spend(len(points), chart(points, title, self.zone, _limits(each), SPARK))
        cells = self._cells(each)
        done = self.budget.spend(1, tag("tr", *cells, tag("td") if self.drawn else None))
        return done if spark is None or done is None else tag("tr", *cells, tag("td", spark))

    def _cells(self, each: Judgement) -> list[Markup]:
        value, between = words.interval(each.value, each.low, each.high)
        cells = [
            tag("td", f"{words.SYMBOLS[each.status]} {words.VERDICTS[each.status]}", class_=each.status.value),
            tag("td", f"{each.metric} {words.promised(each)}"),
            tag("td", words.named(each.slice), class_="name"),
            tag("td", value, class_="n"),
            tag("td", between) if each.value is not None else tag("td", each.why or "", class_="why"),
            tag("td", f"{each.n:,}", class_="n"),
        ]
        if len(self.windows) > 1:
            cells.append(tag("td", _over(each.window, each.window_end, self.zone) if each.window_end else ""))
        if self.since:
            cells.append(tag("td", words.day(each.since, self.zone) if each.since else ""))
        return cells


def _over(window: Span, end: datetime, zone: ZoneInfo) -> str:
    return f"{words.length(window)} to {words.last_day(end, zone)}"


def _charts(content: Content, found: dict[Key, list[Estimate]], budget: _Budget) -> Iterator[Markup]:
    """A chart and a table for each metric of all rows and each version."""
    zone = ZoneInfo(content.zone)
    for (metric, where, version), points in found.items():
        if where != ALL_ROWS:
            continue
        name = metric if version is None else f"{metric}, {words.printable(version)}"
        drawn = budget.spend(len(points), _chart(content, points))
        if drawn is None:
            continue
        young = sum(each.status is Status.PROVISIONAL for each in points)
        yield tag("h3", name)
        if young:
            said = f"The last {counted(young, 'window')} (dashed, hollow) may still change: labels are to come."
            yield tag("p", said.replace("The last 1 window", "The last window"), class_="soft")
        yield drawn
        open_ = {each.window for each in points if each.status is not Status.REALISED}
        told = [each for each in estimated(content, (metric, where, version)) if each.window in open_]
        yield from _estimated(told, zone, budget)
        listed = points[-TABLE_WINDOWS:]
        last = f", the last {TABLE_WINDOWS}" if len(listed) < len(points) else ""
        head = ("window", "#value", "95 % interval", "#rows", "#labelled", "")
        table = _table(head, [_window(each, zone) for each in listed])
        kept = budget.spend(0, tag("details", tag("summary", f"{name} window by window, as a table{last}"), table))
        if kept is not None:
            yield kept


def _estimated(points: Sequence[Estimate], zone: ZoneInfo, budget: _Budget) -> Iterator[Markup]:
    """What stands beside windows that may still change."""
    rows = []
    for each in points[-TABLE_WINDOWS:]:
        value, between = words.interval(each.value, each.low, each.high)
        cells = [tag("td", words.days(each.window, zone)), tag("td", value, class_="n"), tag("td", between)]
        rows.append(tag("tr", *cells, tag("td", each.why or "", class_="name soft")))
    caption = "Estimated, beside what the labels that are in say"
    made = budget.spend(len(rows), _table(("window", "#value", "95 % interval", ""), rows, caption)) if rows else None
    if made is not None:
        yield made


def _chart(content: Content, points: Sequence[Estimate]) -> Markup:
    metric = points[0].metric
    judged = [each for each in content.objectives if each.metric == metric and each.slice == ALL_ROWS]
    limits = [limit for each in judged for limit in _limits(each)]
    happened = {
        (each.at, each.name): Mark(each.at, each.until or each.at, words.named(each.name)) for each in content.events
    }
    began = [
        Mark(each.since, each.since, each.what, place)
        for place, each in enumerate(found_reasons(content)[:NUMBERED], 1)
        if each.since is not None
    ]
    marks = [*list(happened.values())[-MARKED:], *began]
    return chart(points, f"{metric} for all rows", ZoneInfo(content.zone), limits, CHART, marks)


def _limits(each: Judgement) -> list[float]:
    """The limit of the promise, where it is told."""
    return [each.target.limit] if isinstance(each.target, Target) else []


def _window(each: Estimate, zone: ZoneInfo) -> Markup:
    value, between = words.interval(each.value, each.low, each.high)
    said = each.why if each.value is None else "" if each.status is Status.REALISED else each.status.value
    return tag(
        "tr",
        tag("td", words.days(each.window, zone)),
        tag("td", value, class_="n"),
        tag("td", between),
        tag("td", f"{each.n:,}", class_="n"),
        tag("td", f"{each.labelled:,}", class_="n"),
        tag("td", said or ""),
    )


# For whom is it not? ------------------------------------------------------------------------------------------------


def _for_whom(content: Content, budget: _Budget) -> Iterator[Markup | None]:
    ranked, found = [ranking for ranking in rankings(content) if ranking.looked], found_slices(content)
    none = none_found(content)
    if ranked or found or none:
        yield tag("h2", "For whom is it not?")
    if ranked:
        yield from _rankings(content, ranked, budget)
    if found:
        window = words.days(found[0].window, ZoneInfo(content.zone))
        yield tag("h3", "Found among all combinations of features")
        yield tag("p", f"{window}; the declared slices have no part in it.", class_="soft")
        yield _findings(found)
    for text in none:
        yield tag("p", text)


def _findings(found: Sequence[Finding]) -> Markup:
    """Findings of any kind, each with what to look at next."""
    items = [
        tag("li", tag("p", each.what), tag("p", each.next, class_="soft") if each.next else None) for each in found
    ]
    return tag("ol", *items)


def _rankings(content: Content, found: Sequence[Ranking], budget: _Budget) -> Iterator[Markup | None]:
    window = overall(content)
    said = "Slices that break a promise, or whose whole interval is worse than the figure of all rows"
    yield tag("p", f"{said}{'' if window is None else f', {words.days(window, ZoneInfo(content.zone))}'}.")
    yield _table(
        ("metric", "slice", "#value", "95 % interval", "#all rows", "#rows"),
        [
            row
            for ranking in found
            for each in ranking.worst[:LISTED]
            if (row := budget.spend(1, _served(each))) is not None
        ],
    )
    for ranking in found:
        yield _none(ranking)
    chance = max(ranking.by_chance for ranking in found)
    looked = max(ranking.looked for ranking in found)
    if looked >= 10:
        many = f"Up to {counted(looked, 'slice')} were looked at for each metric"
        yield tag("p", f"{many}; about {chance} of them would lie apart by chance alone.", class_="soft")
    yield from _every(content, budget)
    yield _represented(content, budget)


def _represented(content: Content, budget: _Budget) -> Markup | None:
    """Who comes, week by week: a line for each declared slice."""
    windows, slices = content.representation.windows, content.representation.slices
    if not slices:
        return None
    rows = []
    for each in slices:
        told = [each.share, each.predicted_positive_rate, each.values]
        name = words.named(each.slice)
        cells = [tag("td", name, class_="name")]
        for values, of in zip(told, ("share", "predicted positive", each.metric or ""), strict=True):
            known = [value for value in values if value is not None]
            if not known:
                cells += [tag("td"), tag("td")]
                continue
            last = words.numbers(known[-1])[0]
            cells += [tag("td", trace(values, f"{of}, {name}")), tag("td", last, class_="n")]
        cells.append(tag("td", each.metric or "", class_="soft"))
        row = budget.spend(sum(len(values) for values in told), tag("tr", *cells))
        if row is not None:
            rows.append(row)
    zone = ZoneInfo(content.zone)
    whole = words.days(Window(windows[0].start, windows[-1].end), zone)
    head = ("slice", "share of all rows", "#last", "predicted positive", "#last", "served", "#last", "by")
    weekly = windows[0].end - windows[0].start <= timedelta(days=7, hours=1)  # one hour more where clocks are put back
    title = f"Who comes, over {counted(len(windows), 'week' if weekly else 'window')}"
    return tag("details", tag("summary", title), _table(head, rows, f"{whole}; each line from 0 to its largest value"))


def _none(ranking: Ranking) -> Markup | None:
    if ranking.worst or ranking.nearest is None:
        return None
    nearest = ranking.nearest
    value, between = words.interval(nearest.value, nearest.low, nearest.high)
    told = "no slice is clearly worse than all rows; the furthest off"
    if ranking.whole is None:
        told = f"the worst of {counted(ranking.looked, 'slice')}"
    return tag("p", f"{ranking.metric}: {told} is {words.named(nearest.slice)} with {value} {between}.")


def _served(each: Served) -> Markup:
    value, between, whole = served_cells(each)
    return tag(
        "tr",
        tag("td", each.metric),
        tag("td", words.named(each.slice), class_="name breached" if each.breached else "name"),
        tag("td", value, class_="n"),
        tag("td", between),
        tag("td", whole, class_="n"),
        tag("td", f"{each.n:,}", class_="n"),
    )


def _every(content: Content, budget: _Budget) -> Iterator[Markup | None]:
    """All slices of each partition, metrics side by side."""
    window = overall(content)
    partitions: dict[tuple[str, ...], dict[Slice, dict[str, Estimate]]] = {}
    metrics: dict[str, None] = {}
    for each in _of_slices(content):
        if each.window == window:
            by_slice = partitions.setdefault(tuple(name for name, _ in each.slice.parts), {})
            by_slice.setdefault(each.slice, {})[each.metric] = each
            metrics.setdefault(each.metric)
    for names, by_slice in partitions.items():
        shown = [name for name in metrics if any(name in found for found in by_slice.values())]
        head = ("slice", "#rows", *(f"#{name}" for name in shown))
        kept = dict(list(by_slice.items())[:LISTED])
        rows = [_side_by_side(where, found, shown) for where, found in kept.items()]
        title = f"All slices by {words.named(' and '.join(names))}"
        if len(kept) < len(by_slice):
            title += f" (the first {len(kept)} of {len(by_slice)})"
        points = sum(len(found) for found in kept.values())
        yield budget.spend(points, tag("details", tag("summary", title), _table(head, rows)))


def _of_slices(content: Content) -> Iterator[Estimate]:
    """Estimates of slices over the window that they are shown for; a judged one's figure stands in for its windows."""
    for each in content.estimates:
        if each.slice != ALL_ROWS and each.version is None:
            yield each
    window = overall(content)
    if window is None:
        return
    for judged in content.objectives:
        if judged.slice != ALL_ROWS and judged.window_end == window.end:
            status = Status.UNDEFINED if judged.value is None else Status.REALISED
            yield Estimate(
                judged.metric,
                judged.slice,
                None,
                window,
                judged.value,
                judged.low,
                judged.high,
                judged.n,
                judged.n,
                status,
                judged.why,
            )


def _side_by_side(where: Slice, found: dict[str, Estimate], metrics: Iterable[str]) -> Markup:
    cells = []
    for name in metrics:
        each = found.get(name)
        value, between = ("", "") if each is None else words.interval(each.value, each.low, each.high)
        cells.append(tag("td", value, " ", tag("span", between, class_="soft"), class_="n"))
    rows = max((each.n for each in found.values()), default=0)
    return tag("tr", tag("td", words.named(where), class_="name"), tag("td", f"{rows:,}", class_="n"), *cells)


# What drifted? ------------------------------------------------------------------------------------------------------


def _drifted(content: Content, budget: _Budget) -> Iterator[Markup | None]:
    said = drift_heading(content)
    if said is None:
        return
    yield tag("h2", "What drifted?")
    yield tag("p", said)
    if found := found_drifts(content):
        yield _findings(found)
    if above := told_above(content):
        yield tag("p", above)
    for together in joint_sentences(content):
        yield tag("p", together)
    zone = ZoneInfo(content.zone)
    cells = [drift_cells(each, zone) for each in ranked_drifts(content)]
    kept = [at for at in range(len(DRIFT_HEAD)) if not at or any(row[at] not in ("", "–") for row in cells)]
    table = _columns([DRIFT_HEAD[at] for at in kept], [[row[at] for at in kept] for row in cells])
    shown = budget.spend(len(cells), table)
    if shown is not None:
        yield tag("details", tag("summary", f"All {counted(len(cells), 'column')}"), shown)
        yield tag("p", EXPLAINED, class_="soft")


# Do scores come true? -----------------------------------------------------------------------------------------------


def _calibration(content: Content, budget: _Budget) -> Iterator[Markup | None]:
    """The reliability of all rows; that of slices is in the JSON document."""
    found = next((each for each in content.calibration if each.slice == ALL_ROWS), None)
    if found is None or not found.bins:
        return
    zone = ZoneInfo(content.zone)
    drawn = reliability_chart(found.bins, found.reference, "Share of positives against the score")
    shown = budget.spend(len(found.bins) + len(found.reference), drawn)
    if shown is None:
        return
    yield tag("h2", "Do scores come true?")
    said = f"How often what a score says came true, {words.days(found.window, zone)}: on the dashed line just as often."
    said += " Hollow dots are the reference." if found.reference else ""
    yield tag("p", said)
    yield shown
    rows = [
        tag(
            "tr",
            tag("td", f"{each.low:.3g} to {each.high:.3g}"),
            tag("td", f"{each.predicted:.4f}", class_="n"),
            tag("td", words.interval(each.observed, each.observed_low, each.observed_high)[0], class_="n"),
            tag("td", words.interval(each.observed, each.observed_low, each.observed_high)[1]),
            tag("td", f"{each.n:,.10g}", class_="n"),
        )
        for each in found.bins
    ]
    head = ("scores", "#mean score", "#came true", "95 % interval", "#labelled")
    yield budget.spend(0, tag("details", tag("summary", "The same as a table"), _table(head, rows)))


# Are groups served alike? ------------------------------------------------------------------------------------------


def _served_alike(content: Content, budget: _Budget) -> Iterator[Markup | None]:
    if not content.parities:
        return
    yield tag("h2", "Are groups served alike?")
    found = found_parities(content)
    if found:
        yield tag("ul", *(tag("li", each.what) for each in found))
    rows = [row for each in content.parities if (row := budget.spend(1, _parity(each))) is not None]
    between = "95 % interval"
    yield _table(("group", "figure", "#value", "#others", "#gap", between, "#times", between, "#rows"), rows)
    yield tag("p", parity_sentence(content), class_="soft")


def _parity(each: Parity) -> Markup:
    gap, around = words.interval(each.gap, each.gap_low, each.gap_high)
    times, between = words.interval(each.ratio, each.ratio_low, each.ratio_high)
    value, other = words.numbers(each.other + each.gap)[0], words.numbers(each.other)[0]
    numbers = (tag("td", text, class_="n") for text in (value, other, gap))
    return tag(
        "tr",
        tag("td", words.named(each.slice), class_="name"),
        tag("td", words.named(each.metric)),
        *numbers,
        tag("td", around),
        tag("td", times, class_="n"),
        tag("td", between),
        tag("td", f"{each.value.n:,}", class_="n"),
    )


# Why? ---------------------------------------------------------------------------------------------------------------


def _why(content: Content, budget: _Budget) -> Iterator[Markup | None]:
    found, sentences = found_reasons(content), [*change_sentences(content), *mix_rate_sentences(content)]
    events = told_events(content, LISTED)
    if not found and not sentences and not events:
        return
    zone = ZoneInfo(content.zone)
    yield tag("h2", "Why?")
    if found:
        yield _findings(found)
        if any(each.since is not None for each in found[:NUMBERED]):
            first = f", of the first {NUMBERED}" if len(found) > NUMBERED else ""
            yield tag("p", f"A dotted line in a chart is where what has its number began{first}.", class_="soft")
    compared = explained(content)
    yield tag("p", compared) if compared is not None else None
    changes = [change_cells(each) for each in told_changes(content)]
    if changes:
        kept = [at for at in range(len(CHANGE_HEAD)) if not at or any(row[at] != "–" for row in changes)]
        yield _columns([CHANGE_HEAD[at] for at in kept], [[row[at] for at in kept] for row in changes])
    for said in sentences:
        yield tag("p", said, class_="soft")
    yield from _splits(content, budget)
    if events:
        yield tag("h3", "Events")
        yield budget.spend(len(events), _columns(EVENT_HEAD, [event_cells(each, zone) for each in events]))
        yield tag("p", event_sentence(content, events), class_="soft")


def _splits(content: Content, budget: _Budget) -> Iterator[Markup | None]:
    between = ("95 % interval",)
    for each in told_splits(content.mix_rates):
        rows = [
            row
            for term in sorted(each.terms, key=lambda term: -abs(term.rate) - abs(term.mix))[:LISTED]
            if (row := budget.spend(1, _term(term, each.found))) is not None
        ]
        head = ("slice", "#share before", "#now", "#value before", "#now", "#rate", *between, "#mix", *between)
        title = f"{words.named(each.metric)} by {words.named(each.by)}: what each slice adds to the change"
        yield tag("details", tag("summary", title), _table(head, rows))


def _term(term: MixRateTerm, found: bool) -> Markup:
    def number(value: float | None) -> Markup:
        return tag("td", "–" if value is None else words.numbers(value)[0], class_="n")

    rate, mix = (words.difference(value) for value in (term.rate, term.mix))
    ends = [
        words.interval(term.rate, term.rate_low, term.rate_high)[1],
        words.interval(term.mix, term.mix_low, term.mix_high)[1],
    ]
    return tag(
        "tr",
        tag("td", _side_of(term.slice) if found else words.named(term.slice), class_="name"),
        *(number(each) for each in (term.share_before, term.share_after, term.before, term.after)),
        tag("td", rate, class_="n"),
        tag("td", ends[0]),
        tag("td", mix, class_="n"),
        tag("td", ends[1]),
    )


def _side_of(where: Slice) -> str:
    """A slice that was found, or all other rows."""
    ((_, inside),) = where.parts
    return "these rows" if inside == "true" else "all others"


# What the figures rest on -------------------------------------------------------------------------------------------


def _rests_on(content: Content) -> Iterator[Markup]:
    for said in label_sentences(content):
        yield tag("p", said)
    for note in other_notes(content):
        yield tag("p", note.text)


def _table(head: Sequence[str], rows: Sequence[Markup], caption: str = "") -> Markup:
    """A table that scrolls by itself; a heading that begins with # stands over numbers."""
    cells = [tag("th", each.lstrip("#"), scope="col", class_="n" if each.startswith("#") else None) for each in head]
    if not rows:
        return raw("")
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption) if caption else None,
            tag("thead", tag("tr", *cells)),
            tag("tbody", *rows),
        ),
        class_="wide",
    )


__all__ = ["MOST_POINTS", "html", "notebook"]
