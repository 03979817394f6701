"""Labels that come late, drawn with a known truth: as cells, and as a log of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from leadline.cells.fill import Cells
from leadline.cells.series import Series

DAY = 86_400


@dataclass(frozen=True)
class Rows:
    """Rows of a model: the day on which they were made, what was predicted, the label, and when it came (in days)."""

    day: np.ndarray
    predicted: np.ndarray
    actual: np.ndarray
    delay: np.ndarray

    def series(self, today: int, mature: int = 30) -> tuple[Series, np.ndarray]:
        """Their cells as known when day `today` begins, and how many days have passed since each."""
        lag = np.floor(self.delay).astype(int)
        known = self.day + lag < today
        actual = np.where(known, self.actual, 2)
        edges = np.array([*range(33), *(2**power for power in range(6, 16))])
        code = np.where(known, np.searchsorted(edges, lag), 0)
        keys = {
            "grain": self.day,
            "mature": (today - self.day > mature).astype(int),
            "lag": code,
            "predicted": self.predicted,
            "actual": actual,
        }
        every = np.stack(list(keys.values()))
        found, rows = np.unique(every, axis=1, return_counts=True)
        weight = rows.astype(float)
        cells = Cells(dict(zip(keys, found, strict=True)), rows, weight, weight, {})
        return Series({("total",): cells}, 0, today - 1, 2), today - 1 - np.arange(today)


def fraud(seed: int, days: int = 90, a_day: int = 300, day_effect: float = 0.0) -> Rows:
    """METHODS 2.2: frauds are confirmed in about 5 days, that a payment was good is known after 30 only."""
    rng = np.random.default_rng(seed)
    n = days * a_day
    day = np.sort(rng.integers(0, days, n))
    rate = 0.05 * np.exp(day_effect * rng.normal(size=days))[day]
    actual = (rng.random(n) < rate).astype(int)
    score = np.where(actual == 1, rng.beta(6, 3, n), rng.beta(2, 6.4965, n))
    delay = np.where(actual == 1, rng.exponential(5, n), 30.0)
    return Rows(day, (score >= 0.5).astype(int), actual, delay)


def tables(rows: Rows, seed: int = 0, segment: np.ndarray | None = None, today: int | None = None):
    """The same as a log: predictions and outcomes with the times at which they came to be known."""
    rng = np.random.default_rng(seed)
    start = np.datetime64("2026-01-01T00:00:00", "us")
    made = rows.day * DAY + np.sort(rng.integers(0, DAY, len(rows.day)))
    known = made + (rows.delay * DAY).astype(int)
    today = int(rows.day.max()) + 1 if today is None else today
    seen = known <= today * DAY

    def times(seconds: np.ndarray) -> pa.Array:
        return pa.array(start + seconds.astype("timedelta64[s]"), pa.timestamp("us", "UTC"))

    ids = np.arange(len(made))
    predictions = {"id": ids, "timestamp": times(made), "prediction": rows.predicted == 1}
    if segment is not None:
        predictions["segment"] = segment
    outcomes = {"id": ids[seen], "label": rows.actual[seen] == 1, "observed_at": times(known[seen])}
    return pa.table(predictions), pa.table(outcomes)
