"""`leadline demo`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from leadline.cli.terminal import Progress, require_writable, save, show
from leadline.demo import ABOUT, Shown
from leadline.demo import run as evaluate
from leadline.report.html import html
from leadline.report.plan import plan_sentence
from leadline.report.text import Report, sentence, wrapped
from leadline.values import ALL_ROWS

REPORT = "report.html"


class Story:
    """What the log is, its report, and what to do next."""

    def __init__(self, shown: Shown, report: str) -> None:
        self.shown, self.report = shown, report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from (Text(line, no_wrap=True) for line in wrapped(ABOUT, options.max_width))
        yield Text()
        yield Report(self.shown.content)
        yield from self._plan(options.max_width)
        yield Text()
        yield Text(f"Charts are in {self.report}. Your own log:")
        yield Text("  leadline init predictions.parquet outcomes.parquet", style="bold")
        yield Text("  leadline check", style="bold")

    def _plan(self, width: int) -> Iterator[Text]:
        """How long a drop of all rows would take to be found."""
        yield Text()
        yield Text("How long would a drop take to be found?", style="bold")
        for each in self.shown.plans:
            said = plan_sentence(each) if each.slice == ALL_ROWS else None
            if said is not None:
                yield from sentence(said, width)
        text = "On average, waiting for labels included; more in `leadline plan`. Weeks of storms differ so much from"
        yield from sentence(f"{text} others that only large drops can be told from weather.", width, style="dim")


def run(progress: Progress, directory: str) -> int:
    """Evaluate, print, write the report. A breach that is shown is what the demo is for: it exits with 0."""
    report = str(Path(directory) / REPORT)
    require_writable(report)
    with progress as told:
        shown = evaluate(told)
        page = html(shown.content)
    save(page, report)
    show(Story(shown, report))
    return 0
