"""Shows our docstrings, which are plain text, as they were meant: paragraphs, lists of names, code and examples.

Ours are written to be read in an editor: `code` in single backticks, and names explained in aligned columns

    hits    rows that count
    n       rows seen,
            at least 1

reStructuredText reads such lines as broken markup; this turns them into definition lists and escapes the rest.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

ENTRY = re.compile(r"(?P<name>[\w.`*\[\]=, ]+?)(?: {2,})(?P<text>\S.*)")
CODE = re.compile(r"(`+)(.+?)\1")


def prose(line: str) -> str:
    r"""One line with `code` as literal text and no other markup.

    >>> prose("`x` and |x| * 2_")
    '``x`` and \\|x\\| \\* 2\\_'
    """
    parts = []
    end = 0
    for found in CODE.finditer(line):
        parts += [_escaped(line[end : found.start()]), f"``{found[2]}``"]
        if line[found.end() : found.end() + 1].isalnum():
            parts.append("\\ ")  # a literal must not touch a word
        end = found.end()
    return "".join([*parts, _escaped(line[end:])])


def _escaped(text: str) -> str:
    return re.sub(r"([\\*|`]|_(?!\w)|:(?=\w+:))", r"\\\1", text)


def plain(lines: list[str]) -> list[str]:
    """The docstring in reStructuredText, paragraph by paragraph."""
    shown: list[str] = []
    for paragraph in _paragraphs(lines):
        first = paragraph[0]
        if first.startswith(">>>"):
            shown += paragraph
        elif first.startswith(" "):
            shown += ["::", "", *(f"    {line}" for line in paragraph)]
        elif ENTRY.fullmatch(first) and all(line.startswith(" ") or ENTRY.fullmatch(line) for line in paragraph):
            for line in paragraph:
                entry = None if line.startswith(" ") else ENTRY.fullmatch(line)
                if entry:
                    shown += [f"``{entry['name'].strip('`')}``", f"    {prose(entry['text'])}"]
                else:
                    shown.append(f"    {prose(line.strip())}")
        elif first.startswith(("* ", "- ")):
            shown += [
                f"* {prose(line[2:])}" if line[:2] in ("* ", "- ") else f"  {prose(line.strip())}" for line in paragraph
            ]
        else:
            shown += [f"| {prose(line.strip())}" if _is_table(paragraph) else prose(line.strip()) for line in paragraph]
        shown.append("")
    return shown


def _is_table(paragraph: list[str]) -> bool:
    """Lines with columns that do not begin with a name keep their breaks."""
    return len(paragraph) > 1 and all(re.search(r"\S {2,}\S", line) for line in paragraph)


def _paragraphs(lines: list[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            if found[-1] and line.startswith(">>>") and not found[-1][0].startswith(">>>"):
                found.append([])  # an example may follow its sentence at once
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [paragraph for paragraph in found if paragraph]


def _process(_app: Sphinx, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    lines[:] = plain(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True}
