"""Delays of labels are the same on every engine, and those of a loop over rows."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from homes import ENGINES, Home
from leadline.engine import open_engine
from leadline.log.delays import EDGES, label_delays
from leadline.log.labels import codes
from leadline.log.profile import profile
from leadline.log.reading import open_log, sources
from leadline.spec.load import from_mapping

START, NOW = datetime(2024, 1, 1), datetime(2025, 6, 1)
LATE = [timedelta(), timedelta(seconds=-5), timedelta(hours=1), timedelta(hours=1, seconds=1), timedelta(hours=12),
        timedelta(hours=23), timedelta(days=1), timedelta(days=30), timedelta(days=64), timedelta(days=64, seconds=1),
        timedelta(days=96), timedelta(days=400)]  # fmt: skip


def drawn(rows: int = 3000) -> tuple[pa.Table, pa.Table, list[tuple[datetime, datetime, int, str]]]:
    """Predictions, outcomes (some twice), and of each label when it was made and known, what and where."""
    chance = random.Random(2)
    predictions, outcomes, labels = [], [], []
    for number in range(rows):
        at = START + timedelta(hours=chance.randrange(24 * 500))
        side = "left" if number % 2 else "right"
        predictions.append({"id": number, "at": at.replace(tzinfo=UTC), "score": 0.5, "side": side})
        known, label = at + chance.choice(LATE), number % 3 == 0
        if known > NOW or number % 10 == 0:
            continue
        outcomes.append({"id": number, "value": label, "seen": known.replace(tzinfo=UTC)})
        if number % 7 == 0:
            outcomes.append({"id": number, "value": label, "seen": (known + timedelta(days=3)).replace(tzinfo=UTC)})
        labels.append((at, known, int(label), side))
    return pa.Table.from_pylist(predictions), pa.Table.from_pylist(outcomes), labels


def by_hand(labels: list[tuple[datetime, datetime, int, str]]) -> np.ndarray:
    counts: Counter[tuple[int, int, int]] = Counter()
    for at, known, label, _ in labels:
        age, delay = (NOW - at).total_seconds(), (known - at).total_seconds()
        over = sum(edge <= age for edge in EDGES)
        step = next((place for place, edge in enumerate(EDGES) if delay <= edge), None)
        if over and step is not None:
            counts[over, step, label] += 1
    found = np.zeros((len(EDGES) + 1, len(EDGES), 2))
    for place, count in counts.items():
        found[place] = count
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_delays_are_those_of_a_loop(home: Home) -> None:
    predictions, outcomes, labels = drawn()
    named: dict[str, Any] = home.sources(predictions=predictions, outcomes=outcomes)
    columns = {"id": "id", "timestamp": "at", "score": "score"}
    spec = from_mapping(
        {
            "version": 1,
            "model": "m",
            "task": "binary",
            "predictions": {"source": named["predictions"], "columns": columns},
            "outcomes": {
                "source": named["outcomes"],
                "columns": {"id": "id", "value": "value", "observed_at": "seen"},
            },
            "slices": ["side"],
        }
    )
    with open_engine(sources(spec)) as opened:
        log = open_log(spec, opened)
        found = profile(log, spec)
        coding, _ = codes(log, spec, found)
        late = label_delays(log, spec, found, coding, NOW)
    assert late is not None
    every, *slices = late.every
    assert (every.counts == by_hand(labels)).all()
    assert (late.rows, late.labelled) == (3000, len(labels))
    assert [each.where for each in slices] == [("side", "left"), ("side", "right")]
    for each in slices:
        assert each.where is not None
        assert (each.counts == by_hand([label for label in labels if label[3] == each.where[1]])).all()
