"""Two tables are compared alike on every engine: numbers beside text, lists, times, and ids that are missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import leadline
from homes import Home
from leadline.quality.tables import RowParity

N = 90


def tables() -> tuple[pa.Table, pa.Table]:
    """Production and training."""
    r = np.random.default_rng(3)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lists: list[Any] = [r.normal(size=3).tolist() for _ in range(N)]
    right: dict[str, Any] = {
        "id": [f"r{at}" for at in range(N)],
        "t": list(range(N)),
        "x": r.normal(5, 2, N).tolist(),
        "text": r.normal(5, 2, N).tolist(),
        "flag": (r.random(N) < 0.5).tolist(),
        "vector": lists,
        "words": [["a", "b"] if at % 2 else ["c"] for at in range(N)],
        "at": pa.array([start + timedelta(minutes=at) for at in range(N)], pa.timestamp("us", "UTC")),
    }
    left = {
        **right,
        "id": [None if at % 9 == 8 else f"r{at}" for at in range(N)],
        "x": [None if at % 7 == 0 else 1000 * x for at, x in enumerate(right["x"])],
        "text": ["n/a" if at % 4 == 0 else f" {x:.9f}" for at, x in enumerate(right["text"])],
        "flag": [str(each) for each in right["flag"]],
        "vector": [None if at % 5 == 0 else each[: 2 + at % 2] for at, each in enumerate(lists)],
        "words": [each[::-1] for each in right["words"]],
        "at": pa.array([start.replace(tzinfo=None) + timedelta(minutes=at) for at in range(N)], pa.timestamp("us")),
    }
    return pa.table(left), pa.table(right)


def without_texts(found: RowParity) -> RowParity:
    """As engines write lists differently, without examples of them."""
    return replace(
        found,
        columns=tuple(
            replace(each, examples=()) if each.column in ("vector", "words") else each for each in found.columns
        ),
    )


@pytest.mark.parametrize("engine", [pytest.param("spark", marks=pytest.mark.slow), "postgres"])
def test_rows_are_compared_alike_on_every_engine(home: Home) -> None:
    left, right = tables()
    expected = leadline.row_parity(left, right, "id", order="t")
    home.put("served", left)
    home.put("again", right)
    served = home.live("served")
    again = served.get_backend().table("again")
    found = leadline.row_parity(served, again, "id", order="t")
    assert without_texts(found) == without_texts(expected)
    assert [(each.column, each.different) for each in found.columns if each.agrees is False] == [
        (each.column, each.different) for each in expected.columns if each.agrees is False
    ]
    assert found.without_left == N // 9
    assert next(each for each in found.columns if each.column == "at").agrees
    assert leadline.discrepancy(again, served) == leadline.discrepancy(right, left)
