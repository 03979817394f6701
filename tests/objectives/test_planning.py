"""Plans against simulation: how long drops take to be found after a year that was as the plan saw it."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.metrics import MetricCall, build
from leadline.metrics.errors import error_edges
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array, Histogram, Sums
from leadline.objectives.bets import Stream, group_figures, spread, stream
from leadline.objectives.detector import fold
from leadline.objectives.planning import Usual, advice, drops, looks_to_find, usual, with_rows
from leadline.values import KEEPS, Target, Undefined

YEAR, ALPHA, RUNS = 52.18, 0.05, 60
HISTORY, AFTER = 52, 60


def counted(hits: Array, rows: Array) -> Sums:
    counts = np.zeros((len(rows), 3, 3))
    counts[:, 1, 1], counts[:, 0, 1] = hits, rows - hits
    return Sums(rows, rows, rows, np.zeros(len(rows)), counts, counts)


def shares(random: np.random.Generator, before: float, after: float, alike: float, rows: int = 150) -> Sums:
    """Looks of positives, of which a share is found; rows of a look have the correlation `alike`."""
    level = np.repeat([before, after], [HISTORY, AFTER])
    if alike:
        level = random.beta(level * (1 / alike - 1), (1 - level) * (1 / alike - 1))
    return counted(random.binomial(rows, level).astype(float), np.full(len(level), float(rows)))


def losses(random: np.random.Generator, before: float, after: float, _: float, rows: int = 100) -> Sums:
    """Looks of absolute errors, exponential ones."""
    edges = error_edges()
    level = np.repeat([before, after], [HISTORY, AFTER])
    errors = random.exponential(level[:, None], (len(level), rows))
    bins = np.stack([np.histogram(each, edges)[0] for each in errors]).astype(float)
    n = np.full(len(level), float(rows))
    total, squares = errors.sum(1), (errors**2).sum(1)
    of = np.stack([n, n, n, total, total, squares], axis=-1)
    counts = np.zeros((len(level), 2, 2))
    counts[:, 0, 0] = n
    return Sums(n, n, n, 0 * n, counts, counts, {"absolute_error": of}, {}, {"errors": bins})


def planned(metric: Metric, target: Target, sums: Sums) -> tuple[Stream, Array, Array]:
    made = stream(metric, sums, target)
    return made, metric.parts(sums), spread(made.value, made.variance, made.size, made.floor, 1)


CASES = [
    ("recall", Target("at_least", 0.7), shares, 0.78, 0.6, 0.0),
    ("recall", Target("at_least", 0.7), shares, 0.75, 0.55, 0.02),
    ("f1", Target("at_least", 0.8), shares, 0.78, 0.55, 0.0),
    ("mae", Target("at_most", 1.2), losses, 1.0, 1.5, 0.0),
    pytest.param("mae", Target("at_most", 1.2), losses, 1.0, 2.0, 0.0, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "target", "log", "before", "after", "alike"), CASES)
def test_days_are_within_30_percent_of_simulated_ones(name, target, log, before, after, alike):
    metric = build(MetricCall(name), "regression" if name == "mae" else "binary")
    random = np.random.default_rng(11)
    said, simulated = [], []
    for _ in range(RUNS):
        sums = log(random, before, after, alike)
        made, parts, phi = planned(metric, target, sums)
        year = Sums.__getitem__(sums, slice(0, HISTORY))
        seen = stream(metric, year, target)
        plan = usual(metric, target, year, parts[:HISTORY], seen, phi[:HISTORY], None, np.ones(HISTORY, dtype=bool))
        assert not isinstance(plan, Undefined)
        figure = 2 * after / (1 + after) if name == "f1" else after
        looks = looks_to_find(plan, target, figure, ALPHA, YEAR)
        assert not isinstance(looks, Undefined)
        said.append(looks)
        (story,) = fold([made], ALPHA, YEAR, 1, [frozenset()])
        found = [each.found for each in story.breaches if each.found >= HISTORY]
        if found:
            simulated.append(found[0] - HISTORY + 1)
    assert len(simulated) >= 0.97 * RUNS
    assert np.mean(said) == pytest.approx(np.mean(simulated), rel=0.3)


def ranked(random: np.random.Generator, shifts: Array, positives: int = 60, negatives: int = 200) -> Histogram:
    """Scores by look and hash group: the classes' scores are normal, `shift` apart."""
    edges = np.concatenate([[-np.inf], np.linspace(-3, 5, 63), [np.inf]])
    of = np.zeros((2, len(shifts), 16, 64))
    for look, shift in enumerate(shifts):
        for label, rows in ((0, negatives), (1, positives)):
            group, score = random.integers(0, 16, rows), random.normal(label * shift, 1.0, rows)
            np.add.at(of[label, look], (group, np.searchsorted(edges, score) - 1), 1.0)
    negative, positive = of.reshape(2, -1, 64)
    return Histogram(negative, positive, negative, positive, 0 * negative, np.zeros((64, 3)))


def test_days_of_an_auc_are_within_30_percent_of_simulated_ones():
    metric, target = build(MetricCall("roc_auc"), "binary"), Target("at_least", 0.8)
    random = np.random.default_rng(4)
    shifts = np.repeat([1.35, 0.8], [HISTORY, AFTER])  # AUC .83, then .714
    n = np.full(HISTORY + AFTER, 260.0)
    said, simulated = [], []
    for _ in range(30):
        each = ranked(random, shifts)
        sums = Sums(n, n, n, 0 * n, np.zeros((len(n), 3, 3)), np.zeros((len(n), 3, 3)), {}, {"": each.folded(16)})
        made = stream(metric, sums, target, None, each)
        phi = spread(made.value, made.variance, made.size, made.floor, 1)
        year = slice(0, HISTORY)
        figures = group_figures(each, len(n))[year]
        seen = stream(metric, sums[year], target, None, each[slice(0, HISTORY * 16)])
        chosen = np.ones(HISTORY, dtype=bool)
        plan = usual(metric, target, sums[year], metric.parts(sums)[year], seen, phi[year], figures, chosen)
        assert not isinstance(plan, Undefined)
        looks = looks_to_find(plan, target, 0.714, ALPHA, YEAR)
        assert not isinstance(looks, Undefined)
        said.append(looks)
        (story,) = fold([made], ALPHA, YEAR, 1, [frozenset()])
        found = [breach.found for breach in story.breaches if breach.found >= HISTORY]
        simulated.append(found[0] - HISTORY + 1 if found else AFTER)
    assert np.mean(said) == pytest.approx(np.mean(simulated), rel=0.3)


def test_what_keeps_the_promise_is_no_drop_and_more_labels_never_take_longer():
    metric, target = build(MetricCall("recall"), "binary"), Target("at_least", 0.7)
    sums = shares(np.random.default_rng(2), 0.8, 0.8, 0.0)
    made, parts, phi = planned(metric, target, sums)
    plan = usual(metric, target, sums, parts, made, phi, None, np.ones(len(phi), dtype=bool))
    assert not isinstance(plan, Undefined)
    assert looks_to_find(plan, target, 0.75, ALPHA, YEAR) == Undefined(KEEPS)
    times = [looks_to_find(with_rows(plan, factor), target, 0.6, ALPHA, YEAR) for factor in (0.5, 1.0, 2.0, 4.0)]
    assert times == sorted(times, reverse=True)
    budgets = [looks_to_find(plan, target, 0.65, alpha, YEAR) for alpha in (0.01, 0.05, 0.2)]
    assert budgets == sorted(budgets, reverse=True)


def test_drops_stay_inside_the_metrics_range():
    recall, mae = build(MetricCall("recall"), "binary"), build(MetricCall("mae"), "regression")
    assert [after for _, after in drops(recall, Target("at_least", 0.9), 0.08)] == [0.06, 0.03]
    assert drops(mae, Target("at_most", 3.0), 2.0) == [("×1.1", 2.2), ("×1.25", 2.5), ("×1.5", 3.0), ("×2", 4.0)]


def test_too_few_looks_are_no_plan():
    metric, target = build(MetricCall("recall"), "binary"), Target("at_least", 0.7)
    sums = counted(np.array([8.0, 7.0]), np.array([10.0, 10.0]))
    made, parts, phi = planned(metric, target, sums)
    plan = usual(metric, target, sums, parts, made, phi, None, np.ones(2, dtype=bool))
    assert plan == Undefined("fewer than 3 looks have a figure")


def test_advice_says_what_would_help():
    def usual_with(phi: float, learnt: bool) -> Usual:
        return Usual(0.8, 100.0, phi, learnt, lambda _: (np.zeros(1), np.zeros(1)))

    never = Undefined("never")
    assert advice(usual_with(1.2, True), "-0.1", 4.0, 30.0, 7.0, never)[0].startswith("30 days are waiting for labels")
    (twice,) = advice(usual_with(1.2, True), "-0.1", 4.0, 0.0, 7.0, 2.2)
    assert twice == "a drop of -0.1 would be found in 15 instead of 28 days of looking with twice the labels"
    assert "hardly help" in advice(usual_with(20.0, True), "-0.1", 4.0, 0.0, 7.0, 3.9)[0]
    assert advice(usual_with(20.0, False), "-0.1", 4.0, 0.0, 7.0, 3.9)[0].startswith("more looks: too few")
    assert not advice(usual_with(1.0, True), "-0.1", 1.0, 0.0, 7.0, 1.0)
