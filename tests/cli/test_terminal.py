"""What is written where: standard output, files, and progress for a person who is looking."""

from __future__ import annotations

import io
import os
import sys
import threading
import time

import pytest
from rich.text import Text

from leadline.cli import terminal
from leadline.values import InputError


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def terminal_of(monkeypatch) -> Screen:
    """A terminal as standard error. Not a fixture: pytest's capture takes standard error back after the set-up."""
    found = Screen()
    monkeypatch.setattr(sys, "stderr", found)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return found


def test_progress_is_shown_on_a_terminal_once_it_takes_a_moment(monkeypatch):
    screen = terminal_of(monkeypatch)
    monkeypatch.setattr(terminal, "PATIENCE_S", 0.01)
    with terminal.Progress(quiet=False) as told:
        told("counting")
        end = time.monotonic() + 10
        while "counting" not in screen.getvalue() and time.monotonic() < end:
            time.sleep(0.01)
    assert "counting …" in screen.getvalue()
    told.stop()
    told("nobody is told any more")
    assert "nobody" not in screen.getvalue()


def test_quick_work_shows_no_progress(monkeypatch):
    screen = terminal_of(monkeypatch)
    with terminal.Progress(quiet=False) as told:
        told("counting")
    assert "counting" not in screen.getvalue()


def test_no_progress_when_quiet_or_in_a_pipe(monkeypatch):
    screen = terminal_of(monkeypatch)
    monkeypatch.setattr(terminal, "PATIENCE_S", 0.0)
    with terminal.Progress(quiet=True) as told:
        told("counting")
        time.sleep(0.05)
    assert screen.getvalue() == ""
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    with terminal.Progress(quiet=False) as told:
        told("counting")
        time.sleep(0.05)
    assert pipe.getvalue() == ""


def test_a_terminal_gets_colours_and_its_own_width(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Screen())
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = Text("word " * 20, style="bold red")
    lines = terminal.rendered(text, to_terminal=True).splitlines()
    assert lines[0].startswith("\x1b[1;31m")
    assert all(len(line) <= 40 + len("\x1b[1;31m\x1b[0m") for line in lines)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "31m" not in terminal.rendered(text, to_terminal=True)


def test_output_without_bytes_below_takes_text(monkeypatch):
    page = io.StringIO()
    monkeypatch.setattr(sys, "stdout", page)
    terminal.write("✓ holds\n", people=True)
    assert page.getvalue() == "✓ holds\n"


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    target = tmp_path / "report.html"
    target.write_text("before")
    with pytest.raises(InputError, match="cannot be written"):
        terminal.save("now", str(tmp_path / "none" / "report.html"))
    terminal.save("now", str(target))
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    assert target.read_text() == "now"
    with pytest.raises(InputError, match="it is a directory"):
        terminal.require_writable(None, str(tmp_path))


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "report.html", tmp_path / "latest.html"
    link.symlink_to(target)
    terminal.save("now", str(link))
    assert link.is_symlink()
    assert target.read_text() == "now"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["latest.html", "report.html"]


def test_what_is_no_plain_file_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    terminal.save("now", str(pipe))
    reader.join(10)
    assert read == ["now"]
    assert pipe.is_fifo()
