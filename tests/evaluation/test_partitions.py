"""What the engine reads of partitions against the same worked out by numpy from the rows."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from evaluation.small import spec
from leadline.engine import open_engine
from leadline.evaluation.partitions import placed, read_partitions, rows_of
from leadline.log.calendar import Grain
from leadline.log.profile import profile
from leadline.log.reading import open_log, sources
from quality.summaries import column

DAYS, ROWS = 10, 150
MOMENT = datetime(2024, 2, 1)


def frame(seed: int = 1) -> dict[str, list]:
    """Odd columns: NULL, NaN, infinity, negative and huge numbers, years, flags, dates and numbers as text."""
    r, n = np.random.default_rng(seed), DAYS * ROWS
    day = np.repeat(np.arange(DAYS), ROWS)
    wide = r.normal(0, 1e3, n)
    wide[r.random(n) < 0.05] = np.nan
    wide[3], wide[7] = np.inf, -999.0
    wide[9] = 1e14
    words = r.choice(["a", "B", " c ", "", "N/A", "é", "Ã©", "�"], n)
    texts = [
        f"{value:.3f}" if value < 0.5 else f"street {value}" if value < 0.9 else "2024-02-29" for value in r.random(n)
    ]
    return {
        "id": [f"r{at}" for at in range(n)],
        "timestamp": [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=int(at), minutes=7) for at in day],
        "prediction": [bool(value) for value in r.random(n) < 0.5],
        "wide": wide.tolist(),
        "year": r.integers(2010, 2025, n).tolist(),
        "few": r.choice([0.0, 1.0, 2.5], n).tolist(),
        "word": [None if u < 0.1 else str(word) for u, word in zip(r.random(n), words, strict=True)],
        "text": texts,
        "nothing": [None] * n,
    }


def read(rows: dict[str, list]):
    declared = spec(
        pa.table(
            {name: pa.array(values, pa.string()) if name == "nothing" else values for name, values in rows.items()}
        )
    )
    with open_engine(sources(declared)) as engine:
        log = open_log(declared, engine)
        found = profile(log, declared)
        place = placed(declared, found, MOMENT, Grain("d", 1, "UTC"))
        assert place is not None
        return read_partitions(rows_of(log, declared, found, MOMENT, place), declared, found, None, MOMENT)


@pytest.fixture(scope="module")
def log():
    return read(frame())


def test_days_are_partitions(log):
    assert len(log) == DAYS
    assert log.rows.tolist() == [ROWS] * DAYS
    assert log.ids.tolist() == [ROWS] * DAYS
    assert log.starts[0] == datetime(2024, 1, 1, tzinfo=UTC)
    assert log.complete.all()
    assert not log.closed.any()
    assert log.hours[:, 0].tolist() == [0] * DAYS or log.hours.sum() == 0


@pytest.mark.parametrize("name", ["wide", "year", "few", "word", "text", "nothing"])
def test_a_column_is_read_as_numpy_counts_it(log, name):
    rows = frame()
    values = np.array(rows[name], object if name in ("word", "text", "nothing") else float)
    wanted = column(name, values, np.repeat(np.arange(DAYS), ROWS), DAYS)
    given = log.named[name]
    for field in dataclasses.fields(wanted):
        one, other = getattr(given, field.name), getattr(wanted, field.name)
        if field.name == "value_counts":
            counts = dict(zip(given.values, given.value_counts.T.tolist(), strict=True))
            assert counts == dict(zip(wanted.values, other.T.tolist(), strict=True))
        elif field.name == "values":
            assert sorted(one, key=str) == sorted(other, key=str)
        elif isinstance(other, np.ndarray):
            np.testing.assert_allclose(one, other, rtol=1e-12, err_msg=field.name)
        else:
            assert one == other, field.name


def test_the_order_of_rows_does_not_matter(log):
    rows = frame()
    turned = read({name: values[::-1] for name, values in rows.items()})
    for name, each in log.named.items():
        other = turned.named[name]
        assert (each.counts == other.counts).all()
        assert (each.value_counts == other.value_counts).all()


def test_rows_that_are_kept_and_rows_that_are_read_again_count_alike(log, monkeypatch):
    monkeypatch.setattr("leadline.evaluation.partitions.MOST_KEPT", 0)
    again = read(frame())
    for name, each in log.named.items():
        assert (each.counts == again.named[name].counts).all()
        assert (each.missing == again.named[name].missing).all()


def test_numbers_too_large_for_an_integer_are_read():
    rows = frame()
    rows["wide"][:3] = [1e300, -1e80, 2.0**53]
    given = read(rows).named["wide"]
    values = np.array(rows["wide"], float)[:ROWS]
    known = values[np.isfinite(values)]
    assert given.whole[0] == (known == np.floor(known)).sum()
    assert (given.low[0], given.high[0]) == (-1e80, 1e300)
