"""Which model really answered: versions whose answers are an older one's, or no longer those that were validated.

Answers are scores where there are two classes and scores, else predicted classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leadline.cells.fill import Cells, Ints
from leadline.evaluation.estimates import Evaluation
from leadline.metrics.sums import Array
from leadline.stats.shift import of_equal_rows
from leadline.why.wrong_model import Strange, come_true, like_older, stepped

SCORES = ("scores", "")
BINS = 16
POSITIVE = 1  # the code of a positive label


@dataclass(frozen=True)
class Mistaken:
    """A version that answers otherwise than it should.

    version   None where versions are not told apart
    like      the version whose answers it has; None where it is like none
    last      the version before it, where it is a new one; None where it changed while it was in production
    begin     the grain since which it does, and `after` the first one that was not looked at
    scored    whether its answers are scores, not predicted classes
    strange   how its answers changed, where it is like no other version
    """

    version: str | None
    like: str | None
    last: str | None
    begin: int
    after: int
    scored: bool
    strange: Strange | None = None


@dataclass(frozen=True)
class Answers:
    """What the model answered, by cell of the evaluation.

    place   of each cell the place of its answer, from 0
    count   how many answers there are
    hit     whether a cell's labels are positive, or of classes what was predicted; nothing where there is no label
    scored  whether answers are ranges of scores, not classes
    """

    cells: Cells
    place: Ints
    count: int
    hit: NDArray[np.bool_]
    scored: bool


@dataclass(frozen=True)
class WrongModel:
    """The answers of an evaluation of classes, by version, day and wide bin of the score, or predicted class."""

    of: Evaluation

    def mistaken(self) -> Iterator[Mistaken]:
        """First new versions that answer as an older one did, then versions that changed while they were in use."""
        if self.of.series.classes < 2:  # numbers are not counted by version
            return
        yield from self._new()
        for code in self._order:
            found = self._changed(code)
            if found is not None:
                yield found

    # Versions ----------------------------------------------------------------------------------------------------

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """None of them where rows are not counted by version."""
        return self.of.reference.versions if "version" in self._answers.cells.keys else ()

    @property
    def _days(self) -> int:
        return 2 * self.of.grain.in_a_week

    @cached_property
    def _rows(self) -> list[Array]:
        """Rows of each version by grain and wide bin; of all where versions are not told apart."""
        every = np.ones(len(self._answers.cells), bool)
        return [self._counted(code, every) for code in range(max(len(self._names), 1))]

    @cached_property
    def _spans(self) -> list[Ints]:
        return [np.flatnonzero(each.sum(axis=1)) for each in self._rows]

    @cached_property
    def _order(self) -> list[int]:
        """The versions that have rows, by their first one."""
        some = (code for code in range(len(self._rows)) if len(self._spans[code]))
        return sorted(some, key=lambda code: int(self._spans[code][0]))

    @cached_property
    def _answers(self) -> Answers:
        series = self.of.series
        if SCORES in series.pieces and series.classes == 2:
            cells, bins = series.binned(SCORES)
            wide = of_equal_rows(np.bincount(cells.keys["bin"], weights=cells.rows, minlength=len(bins)), BINS)
            hit = cells.keys["actual"] == POSITIVE
            return Answers(cells, wide[cells.keys["bin"]], int(wide.max(initial=0)) + 1, hit, scored=True)
        total = series.pieces["total",]
        cells = total.where(total.keys["predicted"] < series.classes)
        said = cells.keys["predicted"]
        return Answers(cells, said, series.classes, cells.keys["actual"] == said, scored=False)

    def _counted(self, code: int, kept: NDArray[np.bool_]) -> Array:
        """Rows of a version by grain and answer, of some cells."""
        answers, grains = self._answers, self.of.series.grains
        if self._names:
            kept = kept & (answers.cells.keys["version"] == code)
        cells = answers.cells.where(kept)
        at = cells.keys["grain"] * answers.count + answers.place[kept]
        counted = np.bincount(at, weights=cells.rows, minlength=grains * answers.count)
        return counted.reshape(grains, answers.count).astype(np.float64)

    def _recent(self, code: int, end: int) -> Array:
        """A version's rows in its last days before some grain."""
        days = self._spans[code][self._spans[code] < end]
        last = int(days[-1]) + 1 if len(days) else 0
        return self._rows[code][max(last - self._days, 0) : last]

    # What is strange ---------------------------------------------------------------------------------------------

    def _new(self) -> Iterator[Mistaken]:
        """New versions that answer as an older one did, not as the last one."""
        for at in range(2, len(self._order)):
            code, begin = self._order[at], int(self._spans[self._order[at]][0])
            days = slice(max(begin - self._days, 0), begin)
            last = max(self._order[:at], key=lambda each: float(self._rows[each][days].sum()))
            older = [each for each in self._order[:at] if each != last]
            after = min(begin + self._days, self.of.series.grains)
            spreads = [self._recent(each, begin) for each in older]
            like = like_older(self._rows[code][begin:after], self._rows[last][days], spreads)
            if like is not None:
                scored = self._answers.scored
                yield Mistaken(self._names[code], self._names[older[like]], self._names[last], begin, after, scored)

    def _changed(self, code: int) -> Mistaken | None:
        """Whether a version that was validated, in the reference, answers otherwise since some day."""
        rows, validated = self._rows[code], self.of.without_labels.fitted_until
        until = int(self._spans[code][-1]) + 1
        found = stepped(rows, validated, until, self._days) if validated else None
        if found is None:
            return None
        begin, far = found
        every = self.of.reference.versions
        version = self._names[code] if self._names else every[0] if len(every) == 1 else None
        others = [each for each in self._order if each != code and self._spans[each][0] < begin]
        spreads = [self._recent(each, begin) for each in others]
        like = like_older(rows[begin : begin + self._days], rows[max(begin - self._days, 0) : begin], spreads)
        if like is not None:
            return Mistaken(version, self._names[others[like]], None, begin, until, self._answers.scored)
        mature = min(self.of.mature_until, until)
        if mature <= begin:
            return None
        answers = self._answers
        known = answers.cells.keys["actual"] < self.of.series.classes
        residual = come_true(
            rows, self._counted(code, known), self._counted(code, known & answers.hit), begin, mature - begin
        )
        # other rows that come all at once are spread otherwise, too: but then their scores come true, and classes that
        # come more often are predicted rightly more often
        if not residual or (residual > 0 and not answers.scored):
            return None
        return Mistaken(version, None, None, begin, until, answers.scored, Strange(begin, far, residual))
