"""Model less baseline, row by row: fair bets while the promise is just kept, and no more than what the rows say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leadline.metrics import METRICS, build
from leadline.metrics.metric import Metric
from leadline.metrics.paired import OVER_BASELINE, Difference, over_baseline
from leadline.metrics.sums import Array, Sums
from leadline.objectives.bets import stream
from leadline.objectives.detector import fold
from leadline.values import Target, Undefined

COMPARED = {
    "binary": {"accuracy", "recall", "specificity", "false_positive_rate", "false_negative_rate", "brier", "log_loss"},
    "regression": {"mae", "mse", "mape", "smape"},
}


def sums_of(metric: Metric, rows: list[tuple[float, float]]) -> Sums:
    """One look for each row, of a difference and a weight."""
    size = len(rows)
    difference, weight = np.array(rows, dtype=float).reshape(-1, 2).T
    one, empty = np.ones(size), np.zeros((size, 3, 3))
    parts = np.stack([one, weight, weight**2, weight * difference, weight**2 * difference, (weight * difference) ** 2])
    (measure,) = metric.measures
    return Sums(
        rows=one, all_rows=one, labelled=one, immature=0 * one, counts=empty, squares=empty,
        losses={measure.name: parts.T},
    )  # fmt: skip


def growth(metric: Metric, differences: list[float], target: Target) -> Array:
    return stream(metric, sums_of(metric, [(each, 1.0) for each in differences]), target).against


def paired(name: str) -> Difference:
    found = over_baseline(build(name, "binary"))
    assert isinstance(found, Difference)
    return found


def test_metrics_are_compared_row_by_row_or_a_reason_is_given() -> None:
    for task in ("binary", "regression"):
        for name, definition in METRICS[task].items():
            if definition.required:
                continue
            found = over_baseline(build(name, task))
            kept = isinstance(found, Difference) and found.better is not None
            assert kept == (name in COMPARED[task]), name
            if isinstance(found, Undefined):
                assert found.why
            else:
                assert found.name == name + OVER_BASELINE
                assert not found.needs & {"score", "prediction"}  # it is not asked of the baseline itself


tolerances = st.floats(0, 0.95)


@given(tolerances, st.floats(0, 1), st.sampled_from(["at_least", "at_most"]))
def test_a_difference_at_its_limit_is_a_fair_bet(by: float, discordant: float, side: str) -> None:
    limit = -by if side == "at_least" else by
    moved = abs(limit) + (1 - abs(limit)) * discordant  # share of rows with a difference
    more, less = (moved + limit) / 2, (moved - limit) / 2
    e = np.exp(growth(paired("recall"), [-1, 0, 1], Target(side, limit)))
    assert np.allclose(np.array([less, 1 - more - less, more]) @ e, 1.0)


@given(tolerances, st.lists(st.floats(-1, 1), min_size=2, max_size=6), st.sampled_from(["at_least", "at_most"]))
def test_a_bounded_difference_that_keeps_its_limit_is_no_winning_bet(by: float, values: list[float], side: str) -> None:
    limit = -by if side == "at_least" else by
    worst, best = (min(values), max(values)) if side == "at_least" else (max(values), min(values))
    target = Target(side, limit)
    if not target.met(best) or target.met(worst):
        return
    # two values mixed so that their mean is the limit
    share = (limit - worst) / (best - worst)
    e = np.exp(growth(paired("brier"), [worst, best], target))
    assert (np.array([1 - share, share]) @ e <= 1 + 1e-9).all()


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=20), tolerances)
def test_looks_are_read_from_their_sums(differences: list[float], by: float) -> None:
    metric, target = paired("recall"), Target("at_least", -by)
    each = sums_of(metric, [(one, 1.0) for one in differences])
    (measure,) = metric.measures
    together = sums_of(metric, [(0.0, 1.0)])
    together.losses[measure.name][0] = each.losses[measure.name].sum(axis=0)  # type: ignore[index]
    apart = growth(metric, differences, target).sum(axis=0)
    assert np.allclose(stream(metric, together, target).against[0], apart)


def test_no_rows_and_one_giant_weight() -> None:
    metric, target = paired("recall"), Target("at_least", -0.05)
    none = sums_of(metric, [(0.0, 0.0)])
    assert (stream(metric, none, target).against == 0).all()
    giant = stream(metric, sums_of(metric, [(-1.0, 1e12)]), target).against
    alone = stream(metric, sums_of(metric, [(-1.0, 1.0)]), target).against
    assert np.allclose(giant, alone)  # one row, whatever it weighs


def test_a_season_that_is_hard_for_both_is_no_breach_and_a_lost_lead_is() -> None:
    """A year, a look a week: rows are as hard for both, and harder in waves; one model loses ten points in July."""
    random = np.random.default_rng(12)
    metric, weeks, change = paired("accuracy"), 52, 26
    (measure,) = metric.measures
    found: dict[float, list[int]] = {0.0: [], 0.1: []}
    for lost in found:
        for _ in range(60):
            right = random.beta(4, 1, (weeks, 280)) + 0.05 * np.sin(np.arange(weeks) / 52 * 6 * np.pi)[:, None]
            old = random.random(right.shape) < right
            new = random.random(right.shape) < right - lost * (np.arange(weeks) >= change)[:, None]
            rows = new.astype(float) - old
            looks = sums_of(metric, [(0.0, 1.0)] * weeks)
            one, total, moved = np.full(weeks, 280.0), rows.sum(axis=1), (rows**2).sum(axis=1)
            looks.losses[measure.name][:] = np.stack([one, one, one, total, total, moved], axis=-1)
            made = stream(metric, looks, Target("at_least", 0.0))
            (story,) = fold([made], 0.05, 52.18, 1, [frozenset()])
            found[lost] += [breach.found - change + 1 for breach in story.breaches[:1]]
    assert len(found[0.0]) <= 3  # 5 % are allowed
    assert len(found[0.1]) == 60
    assert 0 < np.mean(found[0.1]) < 8
