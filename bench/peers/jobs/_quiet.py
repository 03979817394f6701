"""Shared by the jobs that count quiet days: which columns a log has, and which days nothing changed on.

A job is called as `python jobs/quiet_SIDE.py LOG REFERENCE`, names of Parquet files with `timestamp` and the columns
that are compared. Nothing changes before 1 April 2025; what is called from then on was planted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LATER = "2025-04-01"
NO_FEATURES = {"id", "timestamp", "y_pred", "y_pred_proba", "y_true", "model_version"}
Called = tuple[str, str, bool]


def columns(kinds: dict[str, bool]) -> tuple[list[str], list[str]]:
    """Columns with numbers and those with text, by whether a column is text."""
    names = [name for name in kinds if name not in NO_FEATURES]
    return [name for name in names if not kinds[name]], [name for name in names if kinds[name]]


def of_frame(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    return columns({name: rows[name].dtype == object for name in rows})


def summed(called: Iterable[Called], text: list[str]) -> dict[str, object]:
    """Shares of pairs of day and column that were called, on quiet days by kind and later by column."""
    quiet: dict[str, list[bool]] = {}
    later: dict[str, list[bool]] = {}
    for column, day, drifted in called:
        if day < LATER:
            quiet.setdefault("text" if column in text else "numbers", []).append(drifted)
        else:
            later.setdefault(column, []).append(drifted)
    return {
        "pairs": {kind: len(each) for kind, each in quiet.items()},
        "called": {kind: sum(each) / len(each) for kind, each in quiet.items()},
        "later": {column: sum(each) / len(each) for column, each in later.items()},
    }
