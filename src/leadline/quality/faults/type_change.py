"""Values of another type: numbers that became words, decimals that became whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from leadline.quality.comparison import Comparison, Pair
from leadline.quality.fault import Fault, Figure
from leadline.quality.grid import Ints
from leadline.quality.summary import NUMBER, TIME, TRUTH, WORDS, shares
from leadline.quality.words import percent

#: a share has to change by so much
LEAST = 0.05
#: shares that count as all, or as few, of numbers that are whole
ALL, SOME = 0.999, 0.5
#: whole numbers that a column has to have had for decimals to be new
LEAST_VALUES = 10
READ_AS = {NUMBER: "numbers", TIME: "dates or times", TRUTH: "true or false", WORDS: "words"}


def type_change(found: Comparison) -> Iterator[Fault]:
    """The share of texts that read as a number, a time or a truth has changed, or numbers got or lost decimals."""
    for pair in found.texts():
        forms = {form: (pair.before.forms[:, form], int(pair.now.forms[0, form])) for form in READ_AS}
        changed = [form for form, counts in forms.items() if _changed(pair, *counts, found.level)]
        if changed:
            yield _of_text(pair, max(changed, key=lambda form: _rise(pair, form)))
    for pair in found.numbers():
        before, now = int(pair.past.whole[0]) / max(int(pair.past.known[0]), 1), int(pair.now.whole[0]) / max(pair.n, 1)
        known = shares(pair.before.whole, pair.before.known)
        lost = (
            (pair.past.counts[0] > 0).sum() >= LEAST_VALUES
            and before >= ALL
            and float(np.nanmin(known)) >= ALL
            and now < 1 - LEAST
        )
        rounded = now >= ALL and before <= SOME and float(np.nanmax(known)) <= 1 - LEAST
        if (lost or rounded) and _changed(pair, pair.before.whole, int(pair.now.whole[0]), found.level):
            yield _fault(
                pair,
                f"decimals in {percent(1 - now)} of the values" if lost else "whole numbers only",
                "before there were whole numbers only" if lost else f"before {percent(1 - before)} had decimals",
                (1 - now) if lost else 1.0,
                Figure(
                    "whole_share", (int(pair.past.whole[0]), int(pair.past.known[0])), (int(pair.now.whole[0]), pair.n)
                ),
            )


def _changed(pair: Pair, before: Ints, now: int, level: float) -> bool:
    if pair.n < 5 or not pair.past.known[0]:
        return False
    away = abs(now / pair.n - before.sum() / pair.past.known[0])
    return bool(away >= LEAST) and pair.jumped(before, now, level)


def _rise(pair: Pair, form: int) -> float:
    return float(pair.now.forms[0, form] / pair.n - pair.past.forms[0, form] / pair.past.known[0])


def _of_text(pair: Pair, form: int) -> Fault:
    """Told by the form that has become more; where none has, by the one that has become less."""
    now, past = int(pair.now.forms[0, form]), int(pair.past.forms[0, form])
    share, before = now / pair.n, past / int(pair.past.known[0])
    usual = int(np.argmax(pair.past.forms[0]))
    was = (
        f"{READ_AS[usual]} in {percent(pair.past.forms[0, usual] / pair.past.known[0])}"
        if usual in READ_AS
        else "blank"
    )
    return _fault(
        pair,
        f"{READ_AS[form]} in {percent(share)} of the values",
        f"before {READ_AS[form]} in {percent(before)}" if usual == form else f"before {was}",
        abs(share - before),
        Figure(
            f"{('number', 'time', 'truth', '', 'words')[form]}_share", (past, int(pair.past.known[0])), (now, pair.n)
        ),
    )


def _fault(pair: Pair, what: str, before: str, share: float, figure: Figure) -> Fault:
    return Fault(
        "type_change",
        (pair.name,),
        what,
        before,
        "Look at the type that the source declares for the column, and at how it is written.",
        share * pair.n / int(pair.now.rows[0]),
        (figure,),
    )
