"""Values that are missing far more often than before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from leadline.quality.comparison import Comparison, Pair, jumped
from leadline.quality.fault import Fault, Figure
from leadline.quality.summary import shares
from leadline.quality.words import percent
from leadline.values import ALL_ROWS

#: a share has to rise by so much to matter; in a slice, of which there are many, by more
LEAST_RISE, LEAST_RISE_OF_SLICE = 0.01, 0.2
#: slices with a jump are named where they hold so much of what is missing more, and are no more than half of all slices
MOST_OF_IT = 0.8
#: share of the rows from which on the column is taken to be no longer delivered; the first day is one in part
NEARLY_ALL = 0.9


def null_jump(found: Comparison) -> Iterator[Fault]:
    """The share of rows without a value has risen: for a column, or where it rose in few slices only, for these."""
    sliced: dict[str, list[Pair]] = {}
    for (name, where), pair in found.pairs.items():
        if where != ALL_ROWS:
            sliced.setdefault(name, []).append(pair)
    for (name, where), pair in found.pairs.items():
        if where == ALL_ROWS:
            whole = pair if _jumped(pair, LEAST_RISE, found.level) else None
            # one slice of many may be without values and hardly move the share of all rows
            partly = _slices(found, whole, sliced.get(name, []))
            yield from (missing(each) for each in partly or ([] if whole is None else [whole]))


def missing_more(pair: Pair, level: float) -> Fault | None:
    """The fault as the partition, or several as one, shows it; None where no more is missing than before."""
    return missing(pair) if _jumped(pair, LEAST_RISE, level) else None


def _jumped(pair: Pair, least: float, level: float) -> bool:
    column, places, at = pair.column, pair.places, pair.at
    rows, missing = int(column.rows[at]), int(column.missing[at])
    if not rows or missing < 3 or missing / rows - _before(pair) < least:
        return False
    return jumped(column.missing[places], column.rows[places], missing, rows, level, pair.season, chance=level)


def _slices(found: Comparison, whole: Pair | None, sliced: list[Pair]) -> list[Pair]:
    """The slices that have jumped, where they are few and explain what all rows have more, if these have."""
    by_entry: dict[str, list[Pair]] = {}
    for each in sliced:
        by_entry.setdefault(each.column.slice.parts[0][0], []).append(each)
    for entry, every in by_entry.items():
        slices = found.slices.get((every[0].name, entry), len(every))
        mine = [each for each in every if _jumped(each, LEAST_RISE_OF_SLICE, found.level / slices)]
        if not mine or len(mine) > slices / 2:
            continue
        if whole is None or sum(map(_more, mine)) >= MOST_OF_IT * _more(whole):
            return mine
    return []


def _more(pair: Pair) -> float:
    """Rows that are missing more than before would lead to expect."""
    return float(pair.column.missing[pair.at] - _before(pair) * pair.column.rows[pair.at])


def _before(pair: Pair) -> float:
    rows = int(pair.column.rows[pair.places].sum())
    return int(pair.column.missing[pair.places].sum()) / rows if rows else 0.0


def missing(pair: Pair) -> Fault:
    """What share of a column is missing, now and before."""
    now = int(pair.now.missing[0]), int(pair.now.rows[0])
    past = int(pair.past.missing[0]), int(pair.past.rows[0])
    most = float(np.nanmax(shares(pair.before.missing, pair.before.rows)))
    share = now[0] / now[1]
    before = f"before in {percent(past[0] / past[1])}" if past[0] else "before in none"
    if past[0] and len(pair.before.rows) > 1:
        before += f", at times in {percent(most)}" if most < 1 else ", never for long in all of them"
    gone = share >= NEARLY_ALL and most < 0.5
    look = "whether the source still delivers the column" if gone else "what fills the column, and what changed there"
    return Fault(
        "null_jump",
        (pair.name,),
        missing_in(share),
        before,
        f"Look at {look} at that time.",
        share,
        (Figure("missing_share", past, now),),
        pair.column.slice,
        where=f"{quoted_name(pair.name)} IS NULL",
    )


def missing_in(share: float, together: bool = False) -> str:
    """What share of the rows is missing, of one column or of several at once, in words.

    >>> missing_in(0.392), missing_in(1.0)
    ('missing in 39 % of the rows', 'missing in all rows')
    """
    rows = "all rows" if share == 1 else f"{percent(share)} of the rows"
    return f"missing together in {rows}, as where a join or a source fails" if together else f"missing in {rows}"


def quoted_name(name: str) -> str:
    """A column in a condition: in double quotes where it is no plain word.

    >>> quoted_name("CO"), quoted_name("PM2.5")
    ('CO', '"PM2.5"')
    """
    plain = name.isidentifier() and name.isascii()
    return name if plain else '"' + name.replace('"', '""') + '"'
