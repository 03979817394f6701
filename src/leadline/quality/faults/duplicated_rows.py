"""Rows that come more than once."""

from __future__ import annotations

from collections.abc import Iterator

from leadline.quality.comparison import Comparison, jumped
from leadline.quality.fault import Fault, Figure
from leadline.quality.words import number, percent

#: a share has to rise by so much: of rows whose id came already, of rows that only look like another
LEAST, LEAST_ALIKE = 0.01, 0.05
#: share of the copies that have to be alike to be called so
ALIKE = 0.5


def duplicated_rows(found: Comparison) -> Iterator[Fault]:
    """Rows whose id came already, or that are like another row in all columns, are more than before.

    Copies of one id that differ from each other are called a fan-out: a join has found several partners.
    """
    before, now = found.before, found.now
    rows = int(now.rows[0])
    if not rows or not before.rows.sum():
        return
    copies, past = rows - int(now.ids[0]), before.rows - before.ids
    alike, past_alike = rows - int(now.different[0]), before.rows - before.different
    usual = past.sum() / before.rows.sum()
    usual_alike = past_alike.sum() / before.rows.sum()
    if copies / rows - usual >= LEAST and jumped(past, before.rows, copies, rows, found.level):
        fanned = alike - usual_alike * rows < ALIKE * copies
        what = "come several times" if not fanned else "come several times, with values that differ"
        yield Fault(
            "fan_out" if fanned else "duplicated_rows",
            (),
            f"predictions that {what}: {number(rows / int(now.ids[0]))} rows for each id on average",
            f"before {percent(usual)} of the rows were copies" if usual else "before each came once",
            "Look at the join that makes the rows: its key finds several partners."
            if fanned
            else "Look at whether a batch was loaded twice.",
            copies / rows,
            (Figure("copies_share", (int(past.sum()), int(before.rows.sum())), (copies, rows)),),
        )
    elif alike / rows - usual_alike >= LEAST_ALIKE and jumped(past_alike, before.rows, alike, rows, found.level):
        yield Fault(
            "duplicated_rows",
            (),
            f"{percent(alike / rows)} of the rows like another one in all columns, under ids of their own",
            f"before {percent(usual_alike)} of them",
            "Look at whether a batch was loaded twice, with new ids.",
            alike / rows,
            (Figure("alike_share", (int(past_alike.sum()), int(before.rows.sum())), (alike, rows)),),
        )
