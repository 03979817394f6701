"""`leadline compare`: two versions or two periods side by side, printed as asked."""

from __future__ import annotations

import sys

from leadline.cli.commands import CompareSettings, declared_place
from leadline.cli.terminal import Progress, rendered, write
from leadline.evaluation.compare import compare
from leadline.report.compare import CompareReport
from leadline.values import InputError


def run(progress: Progress, asked: CompareSettings) -> int:
    """Compare and print. A difference is no breach: it exits with 0."""
    path = declared_place(asked.declaration, "compare")
    versions = None
    if asked.by is not None:
        column, *names = asked.by
        if column != "version":
            raise InputError(f"--by {column}: only versions are compared so, write --by version OLD NEW")
        versions = names[0], names[1]
    if (versions is None) == (asked.periods is None):
        raise InputError("say what to compare: --by version OLD NEW, or --periods A..B C..D")
    with progress as told:
        told("reading the declaration")
        found = compare(path, versions=versions, periods=asked.periods, as_of=asked.as_of, progress=told)
        told("computing the figures")
        content = found.content
    if asked.format == "json":
        write(found.to_json(indent=2) + "\n")
    elif asked.format == "csv":
        write(found.to_csv())
    else:
        write(rendered(CompareReport(content), sys.stdout.isatty()), people=True)
    return 0
