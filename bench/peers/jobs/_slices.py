"""Slices: the features that all sides search, and whether what is planted in the log is named."""

from __future__ import annotations

from collections.abc import Sequence

from _c import ARGS

EVERY = [*(f"num_{i:02d}" for i in range(20)), *(f"cat_{i:02d}" for i in range(10))]
#: the two planted ones, and others with few values
EIGHT = ["num_07", "num_00", "num_03", "num_16", "cat_00", "cat_01", "cat_02", "cat_03"]
FEATURES = EIGHT if "8" in ARGS else EVERY
DEPTH = 3 if "3" in ARGS else 2


def names_the_planted(slices: Sequence[str]) -> bool:
    """Whether a slice holds both planted conditions: cat_02 = c02_3, and num_07 from some range above its median on."""
    return any("cat_02" in each and "c02_3" in each and "num_07" in each for each in slices)
