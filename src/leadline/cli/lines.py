"""Sentences for people, folded to the width that there is; what is to be copied is never folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from leadline.report.text import LEAST, READABLE, wrapped


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence, or something to be copied.

    indent   columns before it; a sentence that is folded goes on two columns further in
    copied   it is a command or a part of a file: it stays on one line, however long
    """

    text: str
    indent: int = 0
    style: str = ""
    copied: bool = False


@dataclass(frozen=True)
class Lines:
    """Lines to be printed by Rich."""

    lines: Sequence[Line]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines:
            if line.copied or not line.text:
                yield Text(" " * line.indent + line.text, style=line.style, no_wrap=True, overflow="ignore")
                continue
            hanging = line.indent + 2 if line.indent else 0
            first, *rest = wrapped(line.text, max(min(options.max_width, READABLE) - hanging, LEAST))
            yield Text(" " * line.indent + first, style=line.style, no_wrap=True)
            for each in rest:
                yield Text(" " * hanging + each, style=line.style, no_wrap=True)
