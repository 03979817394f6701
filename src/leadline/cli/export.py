"""`leadline export`: the objectives of a declaration in the forms of other tools."""

from __future__ import annotations

from leadline.cli.commands import declared_place
from leadline.cli.terminal import Progress, require_writable, save, write
from leadline.spec import load, to_openslo


def run(progress: Progress, declaration: str | None, output: str | None) -> int:
    """Print the objectives as OpenSLO documents, or write them to a file."""
    progress.stop()
    require_writable(output)
    text = to_openslo(load(declared_place(declaration, "export --openslo")))
    if output is None:
        write(text)
    else:
        save(text, output)
    return 0
