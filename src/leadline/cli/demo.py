"""`leadline demo`."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from leadline.cli.terminal import progress, require_writable, save, show
from leadline.demo import ABOUT, MISSING
from leadline.demo import run as evaluate
from leadline.evaluation.result import Result
from leadline.report.answers import missing_windows
from leadline.report.html import html
from leadline.report.text import Report

REPORT = "report.html"


class Story:
    """The report of the demo, with what a reader cannot know of its data."""

    def __init__(self, result: Result, report: str) -> None:
        self.result, self.report = result, report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _wrapped(ABOUT, options.max_width)
        yield Text()
        yield Report(self.result.content)
        if self.result.labels.missing and missing_windows(self.result.content):
            yield from _wrapped(MISSING, options.max_width, "  ")
        yield Text()
        yield Text(f"Charts are in {self.report}. Your own log:")
        yield Text("  leadline init predictions.parquet outcomes.parquet", style="bold")
        yield Text("  leadline check", style="bold")


def run(directory: str, quiet: bool) -> int:
    """Evaluate, print, write the report. A breach that is shown is what the demo is for: it exits with 0."""
    report = os.path.join(directory, REPORT)
    require_writable(report)
    with progress(quiet) as told:
        result = evaluate(told)
        told("computing the figures")
        page = html(result.content)
    save(page, report)
    show(Story(result, str(Path(report))))
    return 0


def _wrapped(text: str, width: int, indent: str = "") -> list[Text]:
    return [Text(line, no_wrap=True) for line in textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent)]
