"""`leadline backtest`: a declaration → its log replayed, printed as asked."""

from __future__ import annotations

import sys

from leadline.cli.commands import place_of
from leadline.cli.terminal import Progress, rendered, write
from leadline.evaluation.backtest import backtest
from leadline.report.backtest import BacktestReport
from leadline.values import InputError


def run(progress: Progress, declaration: str | None, as_of: str | None, form: str) -> int:
    """Replay and print. What fired long ago is no reason to fail: it exits with 0."""
    path = place_of(declaration)
    if path is None:
        raise InputError("there is no leadline.yaml here: name one (leadline backtest FILE)")
    with progress as told:
        found = backtest(path, as_of=as_of, progress=told)
        told("replaying the looks")
        replayed = found.replayed
    if form == "json":
        write(found.to_json(indent=2) + "\n")
    else:
        write(rendered(BacktestReport(replayed), sys.stdout.isatty()), people=True)
    return 0
