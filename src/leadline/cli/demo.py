"""`leadline demo`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from leadline.cli.terminal import Progress, require_writable, save, show
from leadline.demo import ABOUT
from leadline.demo import run as evaluate
from leadline.report.document import Content
from leadline.report.html import html
from leadline.report.text import Report, wrapped

REPORT = "report.html"


class Story:
    """What the log is, its report, and what to do next."""

    def __init__(self, content: Content, report: str) -> None:
        self.content, self.report = content, report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from (Text(line, no_wrap=True) for line in wrapped(ABOUT, options.max_width))
        yield Text()
        yield Report(self.content)
        yield Text()
        yield Text(f"Charts are in {self.report}. Your own log:")
        yield Text("  leadline init predictions.parquet outcomes.parquet", style="bold")
        yield Text("  leadline check", style="bold")


def run(progress: Progress, directory: str) -> int:
    """Evaluate, print, write the report. A breach that is shown is what the demo is for: it exits with 0."""
    report = str(Path(directory) / REPORT)
    require_writable(report)
    with progress as told:
        content = evaluate(told)
        page = html(content)
    save(page, report)
    show(Story(content, report))
    return 0
