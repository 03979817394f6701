"""The forms of a `Result` in Python: HTML, notebook, Rich."""

from __future__ import annotations

import io

from rich.console import Console

from cli.conftest import BREACHED, HOLDS
from leadline.evaluation.result import check


def test_result_draws_itself(log):
    result = check(log.declare(HOLDS, BREACHED))
    path = log.directory / "report.html"
    assert result.to_html(path) == path.read_text(encoding="utf-8")
    assert "<svg" in result._repr_html_()
    text = io.StringIO()
    Console(file=text, width=80).print(result)
    assert "✗ breached" in text.getvalue()
    assert result.exit_code() == 1
