"""A small log in files, with a declaration, and a way to run the command in this process."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leadline.cli.commands import outcome

START = datetime(2024, 1, 1, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\x1b[31m"

DECLARATION = """
version: 1
model: small
task: binary
predictions:
  source: predictions.parquet
  columns: {id: id, timestamp: at, score: score}
outcomes:
  source: outcomes.parquet
  columns: {id: id, value: late, observed_at: observed_at}
  matures_after: 1d
slices: [carrier]
objectives:
"""
HOLDS = "  - {metric: recall, at_least: 0.1, window: 28d}\n"
BREACHED = "  - {metric: recall, at_least: 0.999, window: 28d, slices: [carrier]}\n"
NO_DATA = "  - {metric: recall, at_least: 0.1, window: 28d, slices: [empty]}\n"


@dataclass(frozen=True)
class Log:
    """The directory of a log; `declare` writes a declaration and returns its path."""

    directory: Path

    def declare(self, *objectives: str, **replaced: str) -> str:
        text = DECLARATION + "".join(objectives)
        for old, new in replaced.items():
            text = text.replace(f"{old}:", f"{new}:") if old in text else text
        path = self.directory / "leadline.yaml"
        path.write_text(text if objectives else text.replace("objectives:\n", ""))
        return str(path)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    chance = random.Random(7)
    rows = range(600)
    scores = [round(chance.random(), 3) for _ in rows]
    at = [START + timedelta(hours=2 * row) for row in rows]
    carriers = [("B6", "DL", HOSTILE)[row % 3] for row in rows]
    predictions = pa.table({"id": [f"p{row}" for row in rows], "at": at, "score": scores, "carrier": carriers})
    kept = [row for row in rows if row % 10]
    outcomes = pa.table(
        {
            "id": [f"p{row}" for row in kept],
            "late": [chance.random() < 0.2 + 0.6 * scores[row] for row in kept],
            "observed_at": [at[row] + timedelta(hours=5) for row in kept],
        }
    )
    pq.write_table(predictions, tmp_path / "predictions.parquet")
    pq.write_table(outcomes, tmp_path / "outcomes.parquet")
    return Log(tmp_path)


@dataclass(frozen=True)
class Done:
    """What a run of the command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def leadline(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs the command as `leadline ARGUMENTS` would, without a new process."""

    def run(*arguments: str) -> Done:
        code = outcome(arguments)
        return Done(code, *capfd.readouterr())

    return run
