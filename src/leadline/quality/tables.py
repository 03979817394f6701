"""Two tables beside each other, as values: how their columns differ, and how far their rows agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leadline.quality.fault import Fault, subject
from leadline.quality.words import listed, percent
from leadline.values import Scalar, counted

#: rows of a table, or pairs of rows, from which on something is said of it: of 30 numbers that are larger by one
#: standard deviation, or of values in another unit, nearly every table is called so, of 10 half or none (measured)
LEAST_ROWS = 30
#: types in words whose values differ from table to table though nothing is wrong
MOVING = ("times",)


@dataclass(frozen=True, slots=True)
class Drifted:
    """A column whose values are distributed otherwise in production than in training, by more than chance.

    js_distance  the Jensen-Shannon distance of both histograms in nats, in [0, .83]; missing values are a bin
    floor        its mean if nothing had changed and rows were independent
    limit        what it stays below if the share of each bin changed by about a tenth of itself
    wasserstein  of numbers: how far their distribution moved, in interquartile ranges of training; else None
    where        the value, or the range of numbers, whose share changed most
    before, now  its share in training and in production, in [0, 1]
    """

    column: str
    js_distance: float
    floor: float
    limit: float
    wasserstein: float | None
    where: str
    before: float
    now: float

    def __str__(self) -> str:
        """A sentence for people."""
        return (
            f"{self.column} drifted: its distance from training is {self.js_distance:.2g}, by chance it would be"
            f" {self.floor:.2g}; most in {self.where}: {percent(self.before)} in training, {percent(self.now)} now."
        )


@dataclass(frozen=True)
class Discrepancy:
    """How what a model gets differs from what it was trained on.

    training_rows, production_rows   rows of each table
    columns    those that both have and that were compared
    faults     what has a name, what touches the most rows first
    drifted    columns without such a fault that are distributed otherwise, the farthest first
    missing    columns that only the training table has
    further    columns that only the production table has
    not_compared   columns that both have of which only the missing values were compared, and of lists how long they
               are: name, and what they hold in words
    """

    training_rows: int
    production_rows: int
    columns: tuple[str, ...]
    faults: tuple[Fault, ...]
    drifted: tuple[Drifted, ...]
    missing: tuple[str, ...]
    further: tuple[str, ...]
    not_compared: tuple[tuple[str, str], ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether nothing is wrong: no fault, no column missing. Drift is none, nor what only production has.

        Where something could not be looked at, it is not said that they agree: too few rows, lists, structs. Times of
        two tables differ by themselves, and are left to `row_parity`.
        """
        unread = any(words not in MOVING for _, words in self.not_compared)
        return not (self.faults or self.missing or unread or self.too_few)

    @property
    def too_few(self) -> str | None:
        """Which table has too few rows to say whether anything is wrong, as a sentence; None where both have enough."""
        for side, rows in (("training", self.training_rows), ("production", self.production_rows)):
            if rows < LEAST_ROWS:
                few = f"{counted(rows, 'row')} of {side} {'is' if rows == 1 else 'are'} too few"
                return f"{few} to tell what is wrong or drifted: {LEAST_ROWS} are needed."
        return None

    @property
    def only(self) -> Iterator[str]:
        """Sentences about columns that only one of the tables has."""
        if self.missing:
            yield f"In production there is no {', '.join(self.missing)}."
        if self.further:
            yield f"Only in production: {', '.join(self.further)}."

    def __str__(self) -> str:
        """The report in lines."""
        rows = f"{self.training_rows:,} rows of training, {self.production_rows:,} of production"
        lines = [f"{rows}; {counted(len(self.columns), 'column')} compared.", *self.only]
        for each in self.faults:
            lines += [fault_sentence(each), f"    {each.next}"]
        if not self.faults:
            lines.append("No fault with a name was found.")
        lines += map(str, self.drifted)
        return "\n".join([*lines, *filter(None, (self.too_few, unread_sentence(self.not_compared)))])


def unread_sentence(columns: Sequence[tuple[str, str]]) -> str | None:
    """Of which columns values were not compared: name, and what they hold; None where there are none.

    >>> unread_sentence([("e", "lists"), ("at", "times")])
    'Not compared: the values of e (lists) and at (times), only which are missing and how long lists are.'
    """
    if not columns:
        return None
    named = listed([f"{name} ({words})" for name, words in columns])
    long = " and how long lists are" if any(words == "lists" for _, words in columns) else ""
    return f"Not compared: the values of {named}, only which are missing{long}."


def fault_sentence(fault: Fault) -> str:
    """What is wrong, and how it was before."""
    return f"{subject(fault)}{fault.what}{f'; {fault.before}' if fault.before else ''}."


@dataclass(frozen=True, slots=True)
class ColumnParity:
    """How far a column of two tables agrees.

    rows       ids in both tables with a value in both
    different  of these, rows whose values differ by more than the tolerance
    mismatch   their share; None where there are no such rows
    low, high  its 95 % interval (Wilson; assumes independent rows)
    only_left, only_right   rows with a value in the one and none in the other
    both_null  rows without a value in either
    cause      the likely cause in words, where one explains 90 % of them; else None
    examples   up to five rows that do not agree: id, left, right
    types      what the values of the left and of the right are, in words, where that is not the same; else None
    """

    column: str
    rows: int
    different: int
    mismatch: float | None
    low: float | None
    high: float | None
    only_left: int
    only_right: int
    both_null: int
    cause: str | None
    examples: tuple[tuple[str, Scalar, Scalar], ...]
    types: tuple[str, str] | None = None

    @property
    def agrees(self) -> bool:
        """Whether all rows agree, those without a value too, and values are of one type."""
        return not (self.different or self.only_left or self.only_right or self.types)

    def sentence(self, left: str, right: str) -> str:
        """A sentence for people, with what the tables are called."""
        parts = []
        if self.different:
            shown = f"{self.different:,} of {counted(self.rows, 'row')} differ"
            if self.different == self.rows:
                shown = f"all {self.rows:,} rows differ"
            elif self.mismatch is not None and self.low is not None and self.high is not None:
                shown += f", {percent(self.mismatch)} [{percent(self.low)}–{percent(self.high)}]"
            parts.append(shown)
        for side, rows in ((left, self.only_left), (right, self.only_right)):
            if rows:
                parts.append(f"{counted(rows, 'row')} with a value in {side} only")
        if self.cause is not None:
            parts.append(self.cause)
        if self.types is not None:
            parts.append(f"{self.types[0]} in {left}, {self.types[1]} in {right}")
        return f"{self.column}: {'; '.join(parts) or f'all {self.rows:,} rows agree'}."

    def __str__(self) -> str:
        """A sentence for people."""
        return self.sentence("the left table", "the right table")


@dataclass(frozen=True)
class RowParity:
    """How far two tables agree, row by row.

    by                      the column that identifies a row
    left, right             what the tables are called in sentences
    left_rows, right_rows   rows of each table
    pairs                   ids that are in both, once in each
    only_left, only_right   ids that are in one table only
    repeated_left, repeated_right   ids that come more than once in a table: their rows are not compared
    columns                 by column that both have, those first that agree least
    missing_left, missing_right     columns that only the other table has
    without_left, without_right     rows without an id: they are not compared
    not_compared            columns that both have and whose values cannot be compared: name, and what they hold
    """

    by: str
    left: str
    right: str
    left_rows: int
    right_rows: int
    pairs: int
    only_left: int
    only_right: int
    repeated_left: int
    repeated_right: int
    columns: tuple[ColumnParity, ...]
    missing_left: tuple[str, ...]
    missing_right: tuple[str, ...]
    without_left: int = 0
    without_right: int = 0
    not_compared: tuple[tuple[str, str], ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the tables have the same ids and columns, and all rows agree."""
        apart = (self.only_left, self.only_right, *self.missing_left, *self.missing_right)
        return not any(apart) and self.shared_agrees

    @property
    def shared_agrees(self) -> bool:
        """Whether what is in both tables agrees: ids that only one of them has do not count.

        Rows that cannot be found again in the other table, without an id or with one that comes more than once, do not
        agree, nor do columns that cannot be compared, nor tables with too few rows in common.
        """
        lost = (self.repeated_left, self.repeated_right, self.without_left, self.without_right)
        unknown = any(lost) or bool(self.not_compared) or self.too_few is not None
        return not unknown and all(each.agrees for each in self.columns)

    @property
    def too_few(self) -> str | None:
        """Whether there are too few pairs to say anything of the larger table, as a sentence; None where enough."""
        rows = max(self.left_rows, self.right_rows)
        if self.pairs >= LEAST_ROWS or 2 * self.pairs >= rows:
            return None
        if not self.pairs:
            return "Nothing is known of whether rows agree."
        return f"{counted(self.pairs, 'row')} in both {'is' if self.pairs == 1 else 'are'} too few to tell of {rows:,}."

    @property
    def matched(self) -> Iterator[str]:
        """Sentences about which rows were compared."""
        sides = f"{self.left_rows:,} in {self.left}, {self.right_rows:,} in {self.right}"
        yield f"{counted(self.pairs, 'row')} with the same {self.by} in both ({sides})."
        for count, words in (
            (self.only_left, f"In {self.left} only"),
            (self.only_right, f"In {self.right} only"),
            (self.repeated_left, f"More than once in {self.left}, and not compared"),
            (self.repeated_right, f"More than once in {self.right}, and not compared"),
        ):
            if count:
                yield f"{words}: {counted(count, 'value')} of {self.by}."
        for count, side in ((self.without_left, self.left), (self.without_right, self.right)):
            if count:
                yield f"Without {self.by} in {side}, and not compared: {counted(count, 'row')}."
        if self.not_compared:
            named = listed([f"{name} ({words})" for name, words in self.not_compared])
            yield f"Columns whose values cannot be compared: {named}."
        if self.too_few is not None:
            yield self.too_few

    @property
    def same(self) -> str | None:
        """How many columns agree in all rows, as a sentence."""
        count = sum(each.agrees for each in self.columns) if self.pairs else 0
        where = "all rows" if self.too_few is None else f"the {counted(self.pairs, 'row')} in both"
        return f"{counted(count, 'column')} {'agree' if count > 1 else 'agrees'} in {where}." if count else None

    def __str__(self) -> str:
        """The report in lines."""
        lines = list(self.matched)
        for names, side in ((self.missing_left, self.right), (self.missing_right, self.left)):
            if names:
                lines.append(f"In {side} only there is {', '.join(names)}.")
        lines += [each.sentence(self.left, self.right) for each in self.columns if not each.agrees]
        return "\n".join([*lines, self.same] if self.same else lines)
