"""Texts with the characters that a wrong encoding leaves behind."""

from __future__ import annotations

from collections.abc import Iterator

from leadline.quality.comparison import Comparison
from leadline.quality.fault import Fault, Figure
from leadline.quality.words import percent

#: a share has to rise by so much
LEAST = 0.002
LEAST_ROWS = 5


def broken_encoding(found: Comparison) -> Iterator[Fault]:
    """The share of texts with U+FFFD, or with UTF-8 that was read as Latin-1, has risen."""
    for pair in found.texts():
        now, past = int(pair.now.broken[0]), int(pair.past.broken[0])
        before = past / max(int(pair.past.known[0]), 1)
        if now < LEAST_ROWS or now / pair.n - before < LEAST or not pair.jumped(pair.before.broken, now, found.level):
            continue
        yield Fault(
            "broken_encoding",
            (pair.name,),
            f"broken characters (such as � or Ã©) in {percent(now / pair.n)} of the texts",
            f"before in {percent(before)}",
            "Look at the encoding in which the text is written and read: UTF-8 read as Latin-1, or the reverse.",
            now / int(pair.now.rows[0]),
            (Figure("broken_share", (past, int(pair.past.known[0])), (now, pair.n)),),
        )
