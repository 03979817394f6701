"""Which model really answered: versions whose answers are an older one's, or no longer those that were validated.

Answers are scores where there are two classes and scores, the predicted numbers of a regression, else predicted
classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leadline.cells.fill import Cells, Ints
from leadline.evaluation.columns import ColumnCells, Columns
from leadline.evaluation.estimates import Evaluation
from leadline.metrics.errors import ERROR_BINS
from leadline.metrics.metric import SQUARE, SQUARE_SUM, SUM, SUM_OF_SQUARES, WEIGHT
from leadline.metrics.regression import SIGNED
from leadline.metrics.sums import Array
from leadline.stats.shift import of_equal_rows
from leadline.why.wrong_model import (
    LEAST_ERROR,
    LEAST_ROWS,
    LEAST_SHARE,
    Strange,
    by_chance,
    come_true,
    distance,
    like_older,
    spread,
    stepped,
)

SCORES = ("scores", "")
NUMBERS = ("predictions",)
BINS = 16
POSITIVE = 1  # the code of a positive label
#: part of the change of answers that a feature's change has to be, for the rows and not the model to be others
OF_INPUTS = 1 / 3
Kind = Literal["scores", "classes", "numbers"]


@dataclass(frozen=True)
class Mistaken:
    """A version that answers otherwise than it should.

    version   None where versions are not told apart
    like      the version whose answers it has; None where it is like none
    last      the version before it, where it is a new one; None where it changed while it was in production
    begin     the grain since which it does, and `after` the first one that was not looked at
    kind      what its answers are
    strange   how its answers changed, where it is like no other version
    """

    version: str | None
    like: str | None
    last: str | None
    begin: int
    after: int
    kind: Kind
    strange: Strange | None = None


@dataclass(frozen=True)
class Answers:
    """What the model answered, by cell of the evaluation.

    place     of each cell the place of its answer, from 0
    count     how many answers there are
    outcomes  of each cell's labelled rows Σw, Σwx, Σw², Σw²x, Σw²x², shape (cells, 5). x is 1 where the label is
              positive, or of classes what was predicted; of numbers how far the label is above the prediction
    kind      what answers are: ranges of scores or of numbers, or classes
    """

    cells: Cells
    place: Ints
    count: int
    outcomes: Array
    kind: Kind


@dataclass(frozen=True)
class WrongModel:
    """The answers of an evaluation by version, day and predicted class or wide bin of the score or predicted number."""

    of: Evaluation

    def mistaken(self) -> Iterator[Mistaken]:
        """First new versions that answer as an older one did, then versions that changed while they were in use."""
        if self.of.spec.task == "regression" and NUMBERS not in self.of.series.pieces:  # too many cells
            return
        yield from self._new()
        for code in self._versions:
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
    def _versions(self) -> dict[int, tuple[Ints, Array]]:
        """By version that has rows: the grains with some, and the rows by answer from the first of these to the last.

        Of all rows where versions are not told apart. The order is that of their first rows.
        """
        found = {}
        for code in range(max(len(self._names), 1)):
            rows = self._rows(code)
            some = np.flatnonzero(rows.sum(axis=1))
            if len(some):
                found[code] = some, rows[some[0] : some[-1] + 1].copy()
        return dict(sorted(found.items(), key=lambda each: int(each[1][0][0])))

    def _rows(self, code: int) -> Array:
        """The rows of a version by grain and answer."""
        return self._by_answer(code, self._answers.cells.rows.astype(np.float64))

    def _between(self, code: int, begin: int, after: int) -> Array:
        """The rows of a version by answer in the grains between two that it has."""
        some, rows = self._versions[code]
        return rows[max(begin - some[0], 0) : max(after - some[0], 0)]

    @cached_property
    def _answers(self) -> Answers:
        series = self.of.series
        if SCORES in series.pieces and series.classes == 2:
            cells, bins = series.binned(SCORES)
            wide = of_equal_rows(np.bincount(cells.keys["bin"], weights=cells.rows, minlength=len(bins)), BINS)
            hit = cells.keys["actual"] == POSITIVE
            return Answers(
                cells, wide[cells.keys["bin"]], int(wide.max(initial=0)) + 1, self._hits(cells, hit), "scores"
            )
        if NUMBERS in series.pieces:
            cells = series.pieces[NUMBERS]
            fine = ERROR_BINS + np.where(cells.keys["negative"], -1, 1) * cells.keys["size"]
            wide = of_equal_rows(np.bincount(fine, weights=cells.rows, minlength=2 * ERROR_BINS), BINS)
            below = np.zeros((len(cells), 5))
            if SIGNED.name in cells.losses:  # else there are no labels
                error = cells.losses[SIGNED.name]
                below = error[:, [WEIGHT, SUM, SQUARE, SQUARE_SUM, SUM_OF_SQUARES]] * [1, -1, 1, -1, 1]
            return Answers(cells, wide[fine], BINS, below, "numbers")
        total = series.pieces["total",]
        cells = total.where(total.keys["predicted"] < series.classes)
        said = cells.keys["predicted"]
        return Answers(cells, said, series.classes, self._hits(cells, cells.keys["actual"] == said), "classes")

    def _hits(self, cells: Cells, hit: NDArray[np.bool_]) -> Array:
        known = cells.keys["actual"] < self.of.series.classes
        weight, square = known * cells.weight, known * cells.square
        return np.stack([weight, hit * weight, square, hit * square, hit * square], axis=1)

    def _by_answer(self, code: int, values: Array) -> Array:
        """The sums of a version's cells by grain and answer, shape (grains, answers, ...)."""
        answers, grains = self._answers, self.of.series.grains
        kept = answers.cells.keys["version"] == code if self._names else np.ones(len(answers.cells), bool)
        summed = np.zeros((grains * answers.count, *values.shape[1:]))
        np.add.at(summed, (answers.cells.keys["grain"] * answers.count + answers.place)[kept], values[kept])
        return summed.reshape(grains, answers.count, *values.shape[1:])

    def _recent(self, code: int, end: int) -> Array:
        """A version's rows in its last days before some grain."""
        some, _ = self._versions[code]
        days = some[some < end]
        last = int(days[-1]) + 1 if len(days) else 0
        return self._between(code, last - self._days, last)

    @property
    def has_features(self) -> bool:
        """Whether it can be told from features that other rows came."""
        return bool(self._features)

    @property
    def _features(self) -> list[ColumnCells]:
        columns = self.of.columns
        every = columns.columns if isinstance(columns, Columns) else ()
        return [each for each in every if each.column.role == "feature"]

    def _other_rows(self, begin: int, far: float) -> bool:
        """Whether a feature changed at a grain, too, by a good part of what answers did.

        Then other rows came, and a model that is not right for all of them answers otherwise as it is.
        """
        of, columns = self.of, self.of.columns
        if not isinstance(columns, Columns):
            return False
        before, after = (
            of.window(first, last) for first, last in ((max(begin - self._days, 0), begin), (begin, begin + self._days))
        )
        # whole grains of the columns, which may be coarser
        number, late = columns.grain.number_of, columns.grain.number_of(after.start)
        late += columns.grain.start(late) < after.start
        ranges = (number(before.start), number(before.end)), (late, number(after.end))
        rows = ([_of_column(each, one, columns.first) for one in ranges] for each in self._features)
        return any(
            min(one.sum(), other.sum()) >= LEAST_ROWS
            and distance(one, other) - by_chance(one, other) >= far * OF_INPUTS
            for one, other in rows
        )

    # What is strange ---------------------------------------------------------------------------------------------

    def _new(self) -> Iterator[Mistaken]:
        """New versions that answer as an older one did, not as the last one."""
        order = list(self._versions)
        for at in range(2, len(order)):
            code, begin = order[at], int(self._versions[order[at]][0][0])
            days = max(begin - self._days, 0), begin
            last = max(order[:at], key=lambda each: float(self._between(each, *days).sum()))
            older = [each for each in order[:at] if each != last]
            after = min(begin + self._days, self.of.series.grains)
            spreads = [self._recent(each, begin) for each in older]
            rows, before = self._between(code, begin, after), self._between(last, *days)
            like = like_older(rows, before, spreads)
            if like is not None and not self._other_rows(begin, distance(before, rows)):
                kind = self._answers.kind
                yield Mistaken(self._names[code], self._names[older[like]], self._names[last], begin, after, kind)

    def _changed(self, code: int) -> Mistaken | None:
        """Whether a version that was validated, in the reference, answers otherwise since some day."""
        rows, validated = self._rows(code), self.of.without_labels.fitted_until
        until = int(self._versions[code][0][-1]) + 1
        found = stepped(rows, validated, until, self._days) if validated else None
        if found is None:
            return None
        begin, far = found
        if self._other_rows(begin, far):
            return None
        every = self.of.reference.versions
        version = self._names[code] if self._names else every[0] if len(every) == 1 else None
        others = [each for each, (some, _) in self._versions.items() if each != code and some[0] < begin]
        spreads = [self._recent(each, begin) for each in others]
        like = like_older(rows[begin : begin + self._days], rows[max(begin - self._days, 0) : begin], spreads)
        if like is not None:
            return Mistaken(version, self._names[others[like]], None, begin, until, self._answers.kind)
        mature = min(self.of.mature_until, until)
        if mature <= begin:
            return None
        outcomes, kind = self._by_answer(code, self._answers.outcomes), self._answers.kind
        least = LEAST_ERROR * spread(outcomes[:begin]) if kind == "numbers" else LEAST_SHARE
        residual = come_true(rows, outcomes, begin, mature - begin, least)
        # other rows that come all at once are spread otherwise, too: but then their scores come true, and classes that
        # come more often are predicted rightly more often
        if not residual or (residual > 0 and kind == "classes"):
            return None
        return Mistaken(version, None, None, begin, until, kind, Strange(begin, far, residual))


def _of_column(of: ColumnCells, span: tuple[int, int], first: int) -> Array:
    """The rows of a column by bin in a span of grains, shape (1, bins).

    first   the number of the first grain of its cells
    """
    grain = of.rows.keys["grain"] + first
    inside = (grain >= span[0]) & (grain < span[1])
    counted = np.bincount(of.rows.keys["bin"][inside], of.rows.rows[inside], len(of.bins))
    return counted.astype(np.float64)[None]
