"""Plans at the ends of a metric's range, and of promises that are made from something else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from evaluation.test_promises import MONDAY, PROMISE, RIVAL, beside, declared, log, scored
from leadline.evaluation.planning import plan
from leadline.metrics import build
from leadline.metrics.paired import Difference, over_baseline
from leadline.metrics.sums import Sums
from leadline.objectives.bets import stream
from leadline.objectives.detector import fold
from leadline.objectives.planning import looks_to_find, usual
from leadline.values import KEEPS, Target, Undefined

METRICS = ["recall", "f1", "f_beta(beta=2)", "accuracy", "balanced_accuracy", "brier"]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("side", "limit"), [("at_least", 0.0), ("at_most", 1.0), ("at_least", 1.0), ("at_most", 0.0)])
def test_promises_at_the_ends_of_the_range_are_planned(metric: str, side: str, limit: float) -> None:
    of = beside(scored([0.8] * 8, 20), {"metric": metric, side: limit, "window": "28d"})
    (made,) = plan(of, as_of=MONDAY + timedelta(weeks=8, days=1))
    assert made.why is None
    assert made.drops
    cannot_be_broken = (side, limit) in (("at_least", 0.0), ("at_most", 1.0))
    for drop in made.drops:
        if cannot_be_broken:
            assert drop.days == Undefined(KEEPS)
        else:
            assert isinstance(drop.days, float)
            assert 7 <= drop.days < 40


def test_a_promise_without_a_reference_has_no_plan_and_says_why() -> None:
    of = declared(log([0.1] * 6), {**PROMISE, "by": 0.9})
    (made,) = plan(of, as_of=MONDAY + timedelta(weeks=6, days=1))
    assert made.why == "a limit that far from the reference could not be broken"
    assert made.drops == ()


def test_a_promise_to_be_no_worse_than_the_reference_is_planned_at_its_limit() -> None:
    of = declared(log([0.1] * 12), PROMISE)
    (made,) = plan(of, as_of=MONDAY + timedelta(weeks=12, days=1))
    assert isinstance(made.target, Target)
    for drop in made.drops:
        assert (drop.days == Undefined(KEEPS)) == made.target.met(drop.after)


@pytest.mark.parametrize("metric", ["recall", "brier"])
def test_larger_losses_of_a_lead_are_found_sooner(metric: str) -> None:
    of = beside(scored([0.6] * 12, 60), {**RIVAL, "metric": metric})
    (made,) = plan(of, as_of=MONDAY + timedelta(weeks=12, days=1))
    days = [drop.days for drop in made.drops]
    assert all(isinstance(each, float) for each in days)
    assert days == sorted(days, reverse=True)


@pytest.mark.parametrize("lost", [0.05, 0.1])
def test_plans_of_differences_are_near_what_is_simulated(lost: float) -> None:
    random = np.random.default_rng(5)
    metric, target, weeks, change = over_baseline(build("accuracy", "binary")), Target("at_least", 0.0), 78, 26
    assert isinstance(metric, Difference)
    found, planned = [], []
    for _ in range(60):
        right = random.beta(4, 1, (weeks, 280))
        old = random.random(right.shape) < right
        new = random.random(right.shape) < right - lost * (np.arange(weeks) >= change)[:, None]
        sums = _differences(metric, new.astype(float) - old)
        made = stream(metric, sums, target)
        (story,) = fold([made], 0.05, 52.18, 1, [frozenset()])
        found += [breach.found - change + 1 for breach in story.breaches[:1]]
        like = usual(metric, target, sums, metric.parts(sums), made, np.ones(weeks), None, np.arange(weeks) < change)
        assert not isinstance(like, Undefined)
        planned.append(looks_to_find(like, target, -lost, 0.05, 52.18))
    assert len(found) == 60
    assert np.mean(planned) == pytest.approx(np.mean(found), rel=0.5)


def _differences(metric: Difference, rows: Any) -> Sums:
    """Sums of looks, from the difference of each row."""
    one = np.full(len(rows), float(rows.shape[1]))
    empty, (measure,) = np.zeros((len(rows), 3, 3)), metric.measures
    total, squares = rows.sum(axis=1), (rows**2).sum(axis=1)
    losses = {measure.name: np.stack([one, one, one, total, total, squares], axis=-1)}
    return Sums(
        rows=one, all_rows=one, labelled=one, immature=0 * one, counts=empty, squares=empty, losses=losses
    )  # fmt: skip
