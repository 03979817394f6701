"""Which partitions are taken for usual, by column: those without a fault, and those of a fault that has lasted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leadline.quality.grid import Ints

#: partitions that are looked back to: eight weeks of days
BACK = 56
#: partitions that have to be known of a column before the next one is judged
LEAST = 7
#: partitions after which what was a fault is how things are
LASTING = 14
#: faults that a column may have had among the partitions that are looked back to; a further one is how it is
OFTEN = 3


@dataclass
class Memory:
    """What is remembered of each of several columns while partitions are gone through in the order of time.

    usual   shape (P, columns), partitions that are taken for usual
    begin   shape (columns,), nothing before is looked at
    broken  shape (columns,), partitions with a fault in a row
    began   by column, when its faults began
    """

    usual: NDArray[np.bool_]
    begin: Ints
    broken: Ints
    began: dict[int, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, partitions: int, columns: int) -> Memory:
        """Of nothing yet."""
        none = np.zeros(columns, np.int64)
        return cls(np.zeros((partitions, columns), bool), none, none.copy())

    def before(self, now: int, column: int) -> Ints:
        """The last partitions that are usual for a column."""
        begin = max(int(self.begin[column]), now - BACK)
        return begin + np.flatnonzero(self.usual[begin:now, column])

    def looked_back(self, now: int) -> NDArray[np.bool_]:
        """Which of the partitions just before are usual, shape (H, columns); none of a column that is hardly known."""
        first = max(0, now - BACK)
        usual = self.usual[first:now] & (np.arange(first, now)[:, None] >= self.begin)
        return np.asarray(usual & (usual.sum(axis=0) >= LEAST))

    def learn(self, now: int, present: NDArray[np.bool_], faulty: Collection[int]) -> None:
        """Take in a partition: of the columns that have rows, those at the places `faulty` have a fault."""
        fine = present.copy()
        fine[list(faulty)] = False
        self.usual[now, fine], self.broken[fine] = True, 0
        for column in faulty:
            self._fault(now, column)

    def _fault(self, now: int, column: int) -> None:
        if not self.broken[column]:
            recent = [each for each in self.began.get(column, []) if each > now - BACK]
            if len(recent) >= OFTEN:
                self.usual[now, column] = True
                return
            self.began[column] = [*recent, now]
        self.broken[column] += 1
        if self.broken[column] == LASTING:
            self.begin[column] = now - LASTING + 1
            self.usual[now - LASTING + 1 : now + 1, column] = True
            self.broken[column] = 0
