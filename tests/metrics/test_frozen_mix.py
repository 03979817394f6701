"""A metric at the reference's mix: against a loop over slices, its sums add, and its interval covers."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.metrics import build
from leadline.metrics.evaluate import evaluate, evaluate_windows
from leadline.metrics.frozen_mix import FrozenMix
from leadline.metrics.sums import Sums
from leadline.values import Undefined

SHARES = np.array([0.5, 0.3, 0.2])


def sums(counts: np.ndarray) -> Sums:
    """Of counts by grain, slice, predicted and actual: the sums of all rows, with those of the slices."""

    def one(each: np.ndarray) -> Sums:
        none = np.zeros(len(each))
        whole = np.pad(each, ((0, 0), (0, 1), (0, 1)))
        return Sums(none, none, none, none, whole, whole)

    whole = one(counts.sum(axis=1))
    slices = {"country": tuple(one(counts[:, place]) for place in range(counts.shape[1]))}
    return Sums(whole.rows, whole.rows, whole.rows, whole.rows, whole.counts, whole.squares, slices=slices)


def frozen(name: str, groups: tuple[int, ...] = (0, 1, 2), shares: np.ndarray = SHARES) -> FrozenMix:
    found = FrozenMix.around(build(name, "binary"), "country")
    assert isinstance(found, FrozenMix)
    return found.fixed(np.array(groups), shares)


@pytest.mark.parametrize("name", ["recall", "precision", "accuracy", "f1", "f_beta(beta=2)", "cost(fp=1,fn=5)"])
def test_it_is_the_weighted_mean_of_the_slices_own(name):
    counts = np.random.default_rng(0).integers(5, 60, (4, 3, 2, 2)).astype(float)
    of_each = [evaluate(build(name, "binary"), each).value for each in sums(counts).slices["country"]]
    assert evaluate(frozen(name), sums(counts)).value == pytest.approx(SHARES @ np.array(of_each, float))


def test_at_the_window_s_own_mix_it_is_the_metric():
    counts = np.random.default_rng(1).integers(5, 60, (4, 3, 2, 2)).astype(float)
    positives = counts[..., 1].sum(axis=(0, 2))
    plain = evaluate(build("recall", "binary"), sums(counts))
    found = evaluate(frozen("recall", shares=positives / positives.sum()), sums(counts))
    assert found.value == pytest.approx(plain.value)


def test_sums_of_parts_are_the_sums_of_the_whole():
    counts = np.random.default_rng(2).integers(5, 60, (6, 3, 2, 2)).astype(float)
    every, metric = sums(counts), frozen("recall")
    added = metric.parts(every[:2].total() + every[2:].total())
    assert metric.value(added[None])[0] == pytest.approx(evaluate(metric, every).value)


def test_small_slices_stand_together_and_new_ones_do_not_count():
    counts = np.random.default_rng(3).integers(5, 60, (4, 4, 2, 2)).astype(float)
    metric = frozen("recall", groups=(0, 1, 1, -1), shares=np.array([0.6, 0.4]))
    first, *together = counts.sum(axis=0)[:3]
    recall = [each[1, 1] / each[:, 1].sum() for each in (first, sum(together))]
    assert evaluate(metric, sums(counts)).value == pytest.approx(0.6 * recall[0] + 0.4 * recall[1])


def test_slices_without_rows_are_left_out_while_they_are_few():
    counts = np.random.default_rng(4).integers(5, 60, (4, 3, 2, 2)).astype(float)
    counts[:, 2] = 0
    few = frozen("recall", shares=np.array([0.5, 0.47, 0.03]))
    of_each = [each[1, 1] / each[:, 1].sum() for each in counts.sum(axis=0)[:2]]
    assert evaluate(few, sums(counts)).value == pytest.approx(np.array([0.5, 0.47]) @ np.array(of_each) / 0.97)
    lost = evaluate(frozen("recall"), sums(counts)).value
    assert lost == Undefined("slices of country that are 20 % of the reference's mix have no rows")
    assert evaluate(frozen("recall"), sums(counts * 0)).value == Undefined("no actual positives")


def test_what_is_no_ratio_has_none():
    for name in ("roc_auc", "mcc", "average_precision", "recall(threshold=.3)", "share"):
        assert isinstance(FrozenMix.around(build(name, "binary"), "country"), Undefined)


@pytest.mark.parametrize("reps", [500, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("rows", "rates", "correlation"), [(60, (0.1, 0.3, 0.6), 0.0), (200, (0.05, 0.1, 0.5), 0.02)])
def test_its_interval_covers(reps, rows, rates, correlation):
    """Windows of 14 days with another mix than the reference's; the band as in tests/stats/test_coverage.py."""
    rng = np.random.default_rng([rows, reps])
    metric, truth, days = frozen("recall"), float(SHARES @ np.array(rates)), 14
    covered = []
    for _ in range(reps):
        total = 1 / correlation - 1 if correlation else 1e6
        chance = rng.beta(np.array(rates) * total, (1 - np.array(rates)) * total, (days, 3))
        n = rng.multinomial(rows, [0.2, 0.2, 0.6], days)
        hits = rng.binomial(n, chance)
        counts = np.zeros((days, 3, 2, 2))
        counts[..., 1, 1], counts[..., 0, 1] = hits, n - hits
        found = evaluate_windows(metric, sums(counts), [(0, days)])[0].interval
        assert found is not None
        covered.append(found.low <= truth <= found.high)
    share = float(np.mean(covered))
    assert 0.93 - 3 * (0.93 * 0.07 / reps) ** 0.5 <= share <= 0.985 + 3 * (0.985 * 0.015 / reps) ** 0.5


def test_all_hits_or_none_have_an_interval_of_some_width():
    counts = np.zeros((10, 3, 2, 2))
    counts[..., 1, 1] = 20
    found = evaluate(frozen("recall"), sums(counts))
    assert found.value == 1
    assert found.interval is not None
    assert 0.9 < found.interval.low < 1 == found.interval.high
