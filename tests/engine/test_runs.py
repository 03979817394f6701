"""The runs of a pipeline are read alike on every engine: statuses, times without a zone, what has no start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from homes import ENGINES, Home
from leadline.log.runs import read_runs
from leadline.spec.load import from_mapping

STATES = ["Success", "failed", "running", None, "skipped", "cancelled", " ok ", "upstream_failed", "done", ""]
BEGAN = datetime(2024, 3, 31, 0, 30)
MOMENT = datetime(2024, 3, 31, 9, 45)  # while one of them was running


def table() -> pa.Table:
    hours = [timedelta(hours=place) for place in range(len(STATES))]
    began = [None if place == 8 else BEGAN + hour for place, hour in enumerate(hours)]
    ended = [BEGAN + hour + timedelta(minutes=45) if place != 2 else None for place, hour in enumerate(hours)]
    columns = {"job": ["load", "tra'in"] * 5, "began": began, "ended": ended, "state": STATES}
    kinds = {"began": pa.timestamp("us"), "ended": pa.timestamp("us")}
    made = {name: pa.array(values, kinds.get(name)) for name, values in columns.items()}
    return pa.table(made | {"run": pa.array(range(len(STATES)), pa.int64())})


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.usefixtures("engine")
def test_runs_are_read_alike(home: Home) -> None:
    columns = {"component": "job", "started_at": "began", "finished_at": "ended", "status": "state", "id": "run"}
    one = pa.table({"id": [1], "at": [BEGAN], "score": [0.5]})
    spec = from_mapping(
        {
            "version": 1,
            "model": "m",
            "task": "binary",
            "timezone": "Europe/Berlin",
            "predictions": {"source": one, "columns": {"id": "id", "timestamp": "at", "score": "score"}},
            "runs": {"source": home.sources(runs=table())["runs"], "columns": columns},
        }
    )
    runs, notes = read_runs(spec, MOMENT - timedelta(hours=2))
    assert [note.text for note in notes] == ["1 run has no component or no readable start: left out."]
    assert [(int(run.id or -1), run.component, run.succeeded, run.runs, run.cancelled) for run in runs] == [
        (0, "load", True, False, False),
        (1, "tra'in", False, False, False),
        (2, "load", None, True, False),
        (3, "tra'in", None, False, False),
        (5, "tra'in", None, False, True),
        (6, "load", True, False, False),
        (7, "tra'in", False, False, False),
        (9, "tra'in", None, True, False),  # had not ended yet
    ]
    berlin = ZoneInfo("Europe/Berlin")  # where there is no 02:30 on that day
    assert [run.started for run in runs] == [
        (BEGAN + timedelta(hours=int(run.id or 0))).replace(tzinfo=berlin).astimezone(UTC) for run in runs
    ]
