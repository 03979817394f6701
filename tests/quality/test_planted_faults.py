"""Faults planted into columns of tables are called by their name, and days without one are left alone.

$LEADLINE_DATA is the directory of the tables (hotel_bookings, beijing_air_quality, online_retail and
longbeach_animal_shelter); without it they are made up, and what is promised of real ones is not tried.
"""

from __future__ import annotations

import numpy as np
import pytest

from leadline.quality.episodes import episodes
from leadline.quality.fault import Episode
from leadline.quality.history import sightings
from leadline.quality.memory import LEAST
from leadline.quality.summary import Partitions
from quality import tables

real = pytest.mark.skipif(not tables.there(), reason="LEADLINE_DATA names no directory of tables")


def found(log: Partitions) -> tuple[Episode, ...]:
    return episodes(log, sightings(log))


def named(kind: str, seed: int) -> bool:
    """Whether the fault is found under its name, for its columns, from about the day on which it was planted."""
    rows, columns = tables.planted(kind, np.random.default_rng([seed, list(tables.PLANTS).index(kind)]))
    wanted = tables.FOUND_AS.get(kind, kind)
    return any(
        each.fault.kind == wanted and set(columns) <= set(each.fault.columns) and abs(each.first - tables.START) <= 1
        for each in found(rows.summary())
    )


@pytest.mark.parametrize("kind", tables.PLANTS)
def test_a_planted_fault_is_called_by_its_name(kind):
    assert sum(named(kind, seed) for seed in range(4)) >= 3


@real
@pytest.mark.slow
@pytest.mark.parametrize("kind", tables.PLANTS)
def test_of_a_hundred_planted_faults_95_are_called_by_their_name(kind):
    assert sum(named(kind, seed) for seed in range(100)) >= 95


def days_with_findings(name: str, runs: int) -> float:
    """Share of the days, from the first that is judged, on which anything begins to be found."""
    days = 0
    for seed in range(runs):
        log = tables.clean(name, np.random.default_rng([seed, 77])).summary()
        days += len({each.first for each in found(log)})
    return days / (runs * (tables.DAYS - LEAST))


@real
@pytest.mark.slow
def test_at_most_7_of_100_days_without_a_change_have_a_finding():
    assert np.mean([days_with_findings(name, 40) for name in tables.COLUMNS]) <= 0.07


def test_few_days_without_a_change_have_a_finding():
    assert np.mean([days_with_findings(name, 4) for name in tables.COLUMNS]) <= 0.1
