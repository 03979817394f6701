"""Writing: results to standard output or a file, progress to standard error where a person is looking."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.status import Status

from leadline.values import InputError

PIPE_WIDTH = 80
MOST_WIDTH = 200
PATIENCE_S = 0.7  # work that is over by then shows no progress

# What a console that speaks no Unicode shows instead.
_PLAIN = str.maketrans(
    {"✗": "x", "✓": "+", "≥": ">=", "≤": "<=", "–": "-", "−": "-", "…": "...", "·": "-", "×": "x", "’": "'"}
)


def rendered(what: RenderableType, to_terminal: bool) -> str:
    """As text: with colours and as wide as the terminal, or plain and 80 columns wide."""
    width = min(shutil.get_terminal_size((PIPE_WIDTH, 24)).columns, MOST_WIDTH) if to_terminal else PIPE_WIDTH
    text = StringIO()
    colours = Console().color_system if to_terminal else None
    console = Console(
        file=text,
        width=width,
        force_terminal=to_terminal,
        color_system=colours,  # type: ignore[arg-type]  # one of the names that it takes
        highlight=False,
        legacy_windows=False,
    )
    console.print(what)
    return text.getvalue()


def show(what: RenderableType) -> None:
    """Print something made for people."""
    write(rendered(what, sys.stdout.isatty()), people=True)


def write(text: str, people: bool = False) -> None:
    """Write to standard output. A reader that has gone away (`| head`) is no error.

    people   the text is for eyes: in an encoding without its signs, others stand for them; else it is UTF-8
    """
    encoding = (sys.stdout.encoding or "utf-8") if people else "utf-8"
    if people and not _encodes(encoding):
        text = text.translate(_PLAIN)
    try:
        sys.stdout.flush()
        buffer = getattr(sys.stdout, "buffer", None)
        if buffer is None:
            sys.stdout.write(text)
        else:
            buffer.write(text.encode(encoding, "replace"))
            buffer.flush()
    except OSError as problem:
        # Python would complain again when it closes standard output at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(problem, BrokenPipeError):
            raise InputError(f"standard output cannot be written: {problem.strerror or problem}") from None


def _encodes(encoding: str) -> bool:
    try:
        "✗✓≥–…".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def save(text: str, path: str) -> None:
    """Write a file, all of it or nothing: a reader never sees half of a report.

    A link stays a link, and what is no plain file (a device, a pipe) is written to, never replaced.
    """
    target = Path(path).resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    plain = target.is_file() or not target.exists()
    try:
        (draft if plain else target).write_text(text, encoding="utf-8", errors="replace", newline="\n")
        if plain:
            draft.replace(target)
    except OSError as problem:
        if plain:
            draft.unlink(missing_ok=True)
        raise InputError(f"{path!r} cannot be written: {problem.strerror or problem}") from None


def require_writable(*paths: str | None) -> None:
    """Raise InputError before the work where a file could not be written after it."""
    for path in paths:
        if path is None:
            continue
        directory = Path(path).absolute().parent
        if not directory.is_dir():
            raise InputError(f"{path!r} cannot be written: there is no directory {str(directory)!r}")
        if Path(path).is_dir():
            raise InputError(f"{path!r} cannot be written: it is a directory")


class Progress:
    """Says what is being done, on a terminal and once the work has taken a moment; silent in a pipe.

    It begins when it is made. As a context it ends with the context, so that what is printed next stands alone.
    """

    def __init__(self, quiet: bool) -> None:
        self._status: Status | None = None
        if quiet or not sys.stderr.isatty():
            return
        self._status = Console(stderr=True).status("starting …")
        self._timer = threading.Timer(PATIENCE_S, self._status.start)
        self._timer.daemon = True
        self._timer.start()

    def __call__(self, text: str) -> None:
        """Say what is being done now."""
        if self._status is not None:
            self._status.update(f"{text} …")

    def stop(self) -> None:
        """End it; more than once is no error."""
        if self._status is not None:
            self._timer.cancel()
            self._timer.join()
            self._status.stop()
            self._status = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
