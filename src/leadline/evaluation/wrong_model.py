"""Which model really answered: versions whose scores are an older one's, or no longer those that were validated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from leadline.cells.fill import Ints
from leadline.evaluation.estimates import Evaluation
from leadline.metrics.sums import Array
from leadline.stats.shift import of_equal_rows
from leadline.why.wrong_model import Strange, come_true, like_older, stepped

SCORES = ("scores", "")
BINS = 16
POSITIVE = 1  # the code of a positive label


@dataclass(frozen=True)
class Mistaken:
    """A version that scores otherwise than it should.

    version   None where versions are not told apart
    like      the version whose scores it has; None where it is like none
    last      the version before it, where it is a new one; None where it changed while it was in production
    begin     the grain since which it does, and `after` the first one that was not looked at
    strange   how its scores changed, where it is like no other version
    """

    version: str | None
    like: str | None
    last: str | None
    begin: int
    after: int
    strange: Strange | None = None


@dataclass(frozen=True)
class WrongModel:
    """The scores of an evaluation of two classes, by version, day and wide bin."""

    of: Evaluation

    def mistaken(self) -> Iterator[Mistaken]:
        """First new versions that score as an older one did, then versions that changed while they were in use."""
        if SCORES not in self.of.series.pieces or self.of.series.classes != 2:
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
        return self.of.reference.versions if "version" in self.of.series.binned(SCORES)[0].keys else ()

    @property
    def _days(self) -> int:
        return 2 * self.of.grain.in_a_week

    @cached_property
    def _rows(self) -> list[Array]:
        """Rows of each version by grain and wide bin; of all where versions are not told apart."""
        return [self._counted(code, None) for code in range(max(len(self._names), 1))]

    @cached_property
    def _spans(self) -> list[Ints]:
        return [np.flatnonzero(each.sum(axis=1)) for each in self._rows]

    @cached_property
    def _order(self) -> list[int]:
        """The versions that have rows, by their first one."""
        some = (code for code in range(len(self._rows)) if len(self._spans[code]))
        return sorted(some, key=lambda code: int(self._spans[code][0]))

    @cached_property
    def _wide(self) -> Ints:
        cells, bins = self.of.series.binned(SCORES)
        return of_equal_rows(np.bincount(cells.keys["bin"], weights=cells.rows, minlength=len(bins)), BINS)

    def _counted(self, code: int, actual: tuple[int, ...] | None) -> Array:
        """Rows of a version by grain and wide bin, of some labels or all."""
        cells, _ = self.of.series.binned(SCORES)
        kept = np.ones(len(cells), bool) if actual is None else np.isin(cells.keys["actual"], actual)
        if self._names:
            kept &= cells.keys["version"] == code
        cells = cells.where(kept)
        bins = int(self._wide.max(initial=0)) + 1
        at = cells.keys["grain"] * bins + self._wide[cells.keys["bin"]]
        counted = np.bincount(at, weights=cells.rows, minlength=self.of.series.grains * bins)
        return counted.reshape(self.of.series.grains, bins).astype(np.float64)

    def _recent(self, code: int, end: int) -> Array:
        """A version's rows in its last days before some grain."""
        days = self._spans[code][self._spans[code] < end]
        last = int(days[-1]) + 1 if len(days) else 0
        return self._rows[code][max(last - self._days, 0) : last]

    # What is strange ---------------------------------------------------------------------------------------------

    def _new(self) -> Iterator[Mistaken]:
        """New versions that score as an older one did, not as the last one."""
        for at in range(2, len(self._order)):
            code, begin = self._order[at], int(self._spans[self._order[at]][0])
            days = slice(max(begin - self._days, 0), begin)
            last = max(self._order[:at], key=lambda each: float(self._rows[each][days].sum()))
            older = [each for each in self._order[:at] if each != last]
            after = min(begin + self._days, self.of.series.grains)
            spreads = [self._recent(each, begin) for each in older]
            like = like_older(self._rows[code][begin:after], self._rows[last][days], spreads)
            if like is not None:
                yield Mistaken(self._names[code], self._names[older[like]], self._names[last], begin, after)

    def _changed(self, code: int) -> Mistaken | None:
        """Whether a version that was validated, in the reference, scores otherwise since some day."""
        rows, validated = self._rows[code], self.of.without_labels.fitted_until
        until = int(self._spans[code][-1]) + 1
        found = stepped(rows, validated, until, self._days) if validated else None
        if found is None:
            return None
        begin, far = found
        known = self.of.reference.versions
        version = self._names[code] if self._names else known[0] if len(known) == 1 else None
        others = [each for each in self._order if each != code and self._spans[each][0] < begin]
        spreads = [self._recent(each, begin) for each in others]
        like = like_older(rows[begin : begin + self._days], rows[max(begin - self._days, 0) : begin], spreads)
        if like is not None:
            return Mistaken(version, self._names[others[like]], None, begin, until)
        mature = min(self.of.mature_until, until)
        if mature <= begin:
            return None
        labelled, positive = self._counted(code, (0, POSITIVE)), self._counted(code, (POSITIVE,))
        residual = come_true(rows, labelled, positive, begin, mature - begin)
        # other rows that come all at once are spread otherwise, too: but then their scores come true
        return Mistaken(version, None, None, begin, until, Strange(begin, far, residual)) if residual else None
