"""The engines that the tests start for themselves are there, and mean UTC whatever the machine's clock says."""

from __future__ import annotations

import time

import psycopg


def test_the_clock_is_odd():
    """Seen from the tests the machine stands 5 h 45 min from UTC, so that a naive local time shows."""
    assert time.timezone == -(5 * 3600 + 45 * 60)


def test_spark_starts(spark):
    assert spark.sql("SELECT CAST(TIMESTAMP '2024-03-10 12:00:00' AS BIGINT) AS s").toArrow().to_pydict() == {
        "s": [1710072000]
    }


def test_postgres_starts(postgres_url):
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT current_user, current_database()").fetchone() == ("leadline", "leadline")
