"""Are two tables the same, row by row? What was served beside what was computed again, column by column."""

from __future__ import annotations

from dataclasses import dataclass, field

from leadline.quality.tables import ColumnParity
from leadline.quality.words import percent
from leadline.stats.proportion import wilson
from leadline.values import Scalar

#: share of the rows that differ that a cause has to explain to be named
EXPLAINS = 0.9
#: a number may differ from another by this much, and by this share of it
ABSOLUTE, RELATIVE = 1e-6, 1e-3

#: causes in the order in which they are asked, and in words; `{}` stands for what the engine found of them
CAUSES: dict[str, str] = {
    "sign": "the sign is the other one",
    "unit": "the unit is another one: × {}",
    "rounding": "one of them is rounded, to this many decimals: {}",
    "case": "upper and lower case differ, or spaces around",
    "words": "one of them is a text that is no number",
    "length": "the lists are not equally long",
    "default": "what is missing in one is {} in the other",
    "lag": "it is the value of the row before, of the same entity",
    "lead": "it is the value of the row after, of the same entity",
}


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of both tables with the same id, by what a column has in them.

    pairs        ids that are in both tables
    both_null    rows without a value in either
    only_left, only_right   rows with a value in the one and none in the other
    different    rows with values that differ by more than the tolerance
    explained    by cause, how many of the rows that differ it explains; `default` explains of those with a value in one
                 table only how many have a value there that stands for none
    detail       by cause, what it is: the factor, the decimals, the value
    examples     up to five of the rows that do not agree: id, left, right
    types        what the values of the left and of the right are, in words, where that is not the same; else None
    """

    pairs: int
    both_null: int
    only_left: int
    only_right: int
    different: int
    explained: dict[str, int] = field(default_factory=dict)
    detail: dict[str, Scalar] = field(default_factory=dict)
    examples: tuple[tuple[str, Scalar, Scalar], ...] = ()
    types: tuple[str, str] | None = None


def compared(column: str, counts: Counts) -> ColumnParity:
    """What the counts of a column say.

    >>> print(compared("age", Counts(100, 0, 0, 0, 61, {"unit": 61}, {"unit": 1000})))
    age: 61 of 100 rows differ, 61 % [51 %–70 %]; all of them because the unit is another one: × 1000.
    >>> print(compared("age", Counts(100, 0, 0, 0, 0, types=("text", "numbers"))))
    age: the same numbers as text; text in the left table, numbers in the right table.
    """
    rows = counts.pairs - counts.both_null - counts.only_left - counts.only_right
    mismatch = low = high = None
    if rows:
        mismatch = counts.different / rows
        low, high = wilson(float(counts.different), float(rows))
    return ColumnParity(
        column,
        rows,
        counts.different,
        mismatch,
        low,
        high,
        counts.only_left,
        counts.only_right,
        counts.both_null,
        _cause(counts),
        counts.examples,
        counts.types,
    )


def _cause(counts: Counts) -> str | None:
    """The first cause that explains nearly all rows that do not agree."""
    one_sided = counts.only_left + counts.only_right
    for name, words in CAUSES.items():
        of = one_sided if name == "default" else counts.different
        explained = counts.explained.get(name, 0)
        if not explained or explained < EXPLAINS * of:
            continue
        shown = words.format(counts.detail.get(name, ""))
        return f"{'all' if explained == of else percent(explained / of)} of them because {shown}"
    if counts.types is not None and not (counts.different or one_sided):
        return (
            "the same numbers as text"
            if set(counts.types) == {"numbers", "text"}
            else "the same values in another type"
        )
    return None
