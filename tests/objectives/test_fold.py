"""The fold of a detector: against a slow one written down from its description, and its false alarms by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from leadline.metrics import MetricCall, build
from leadline.metrics.sums import Array, Sums
from leadline.objectives.bets import Stream, spread, stream
from leadline.objectives.detector import fold
from leadline.values import Target

YEAR = 52.18
RECALL = build(MetricCall("recall"), "binary")


def sums(hits: Array, rows: Array) -> Sums:
    """Looks of positives, of which some were found."""
    counts = np.zeros((len(rows), 3, 3))
    counts[:, 1, 1], counts[:, 0, 1] = hits, rows - hits
    return Sums(rows, rows, rows, np.zeros(len(rows)), counts, counts)


def of(hits: Array, rows: int, limit: float) -> Stream:
    return stream(RECALL, sums(hits, np.full(len(hits), float(rows))), Target("at_least", limit))


def hits(random: np.random.Generator, share: Array, rows: int, alike: float, runs: int) -> Array:
    """Hits by run and look, where rows of a look have the correlation `alike`."""
    if alike:
        size = 1 / alike - 1
        share = random.beta(share * size, (1 - share) * size, (runs, len(share)))
    return random.binomial(rows, np.broadcast_to(share, (runs, np.shape(share)[-1]))).astype(np.float64)


def test_the_fold_is_what_its_description_says() -> None:
    random = np.random.default_rng(1)
    shares = np.array([0.8] * 15 + [0.5] * 5 + [0.9] * 30)
    made = [of(row, 100, 0.75) for row in hits(random, shares, 100, 0.0, 20)]
    stories = fold(made, 0.05, YEAR, 1, [frozenset()] * 20)
    phi = np.stack([spread(each.value, each.variance, each.size, each.floor, 1) for each in made])
    for place, story in enumerate(stories):
        found: list[list[int | None]] = []
        wealth = [0.0] * 8
        latched = False
        for look in range(50):
            growth = made[place].behind if latched else made[place].against
            wealth = [
                (w + 1 / YEAR) * math.exp(g / phi[place, look]) for w, g in zip(wealth, growth[look], strict=True)
            ]
            if sum(wealth) / 8 >= 20 and not latched:
                found.append([look, None])
                latched, wealth = True, [0.0] * 8
            elif sum(wealth) / 8 >= 20:
                found[-1][1] = look
                latched, wealth = False, [0.0] * 8
        assert [[each.found, each.cleared] for each in story.breaches] == found
        assert all(each.since <= each.found for each in story.breaches)
    assert sum(bool(story.breaches) for story in stories) >= 19
    first = [story.breaches[0] for story in stories if story.breaches]
    assert np.median([each.since for each in first]) == 15
    assert np.median([each.found for each in first]) <= 17
    assert np.mean([each.cleared is not None for each in first]) > 0.9


def test_a_breach_that_is_cleared_leaves_no_evidence_behind() -> None:
    """Not even for a ticket at the look that clears it."""
    made = of(np.array([80.0] * 15 + [50.0] * 5 + [95.0] * 30), 100, 0.75)
    (whole,) = fold([made], 0.05, YEAR, 1, [frozenset()])
    cleared = whole.breaches[0].cleared
    assert cleared is not None
    parts = [getattr(made, name)[: cleared + 1] for name in ("value", "variance", "size", "floor", "against", "behind")]
    (story,) = fold([Stream(*parts)], 0.05, YEAR, 1, [frozenset()])
    assert (story.breaches[0].cleared, story.ticket, story.evidence[-1]) == (cleared, False, -np.inf)


@pytest.mark.parametrize(
    ("rows", "alike", "years"),
    [
        (200, 0.0, 3),
        (200, 0.01, 1),
        (200, 0.01, 3),
        pytest.param(1500, 0.05, 3, marks=pytest.mark.slow),
        pytest.param(1500, 0.2, 3, marks=pytest.mark.slow),
    ],
)
def test_false_alarms_are_as_rare_as_stated_at_the_very_limit(rows: int, alike: float, years: int) -> None:
    random = np.random.default_rng(7)
    runs, looks = 400, round(years * YEAR)
    made = [of(row, rows, 0.9) for row in hits(random, np.full(looks, 0.9), rows, alike, runs)]
    stories = fold(made, 0.05, YEAR, 1, [frozenset()] * runs)
    ever = np.mean([bool(story.breaches) for story in stories])
    assert ever <= 0.05 * years + 3 * math.sqrt(0.05 * years * 0.95 / runs)
    if years == 1:
        assert ever <= 0.05


def test_an_acknowledgement_begins_anew_and_keeps_what_was() -> None:
    random = np.random.default_rng(3)
    shares = np.array([0.9] * 10 + [0.5] * 10)
    (row,) = hits(random, shares, 200, 0.0, 1)
    (plain,) = fold([of(row, 200, 0.85)], 0.05, YEAR, 1, [frozenset()])
    (again,) = fold([of(row, 200, 0.85)], 0.05, YEAR, 1, [frozenset({15})])
    assert [each.found for each in plain.breaches] == [10]
    assert [(each.found, each.cleared) for each in again.breaches] == [(10, 15), (15, None)]
    assert again.breaches[1].since == 15


def test_looks_without_a_figure_change_nothing() -> None:
    random = np.random.default_rng(5)
    shares = np.array([0.9] * 12 + [0.6] * 4)
    (row,) = hits(random, shares, 100, 0.0, 1)
    rows = np.full(16, 100.0)
    gaps = np.array([0, 3, 3, 7, 13])
    with_gaps = stream(RECALL, sums(np.insert(row, gaps, 0.0), np.insert(rows, gaps, 0.0)), Target("at_least", 0.85))
    (story,) = fold([with_gaps], 0.05, YEAR, 1, [frozenset()])
    (plain,) = fold([of(row, 100, 0.85)], 0.05, YEAR, 1, [frozenset()])
    kept = np.isfinite(story.phi)
    assert story.phi[kept] == pytest.approx(plain.phi)
    assert story.evidence[kept] == pytest.approx(plain.evidence)
    assert len(story.breaches) == len(plain.breaches) == 1
