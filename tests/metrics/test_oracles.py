"""Every metric from cells equals somebody else's on the rows: through the real path, in every range of days."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from leadline.metrics import METRICS, MetricCall
from leadline.metrics.evaluate import HISTORY, evaluate, evaluate_windows
from leadline.values import Undefined
from metrics_of import evaluation
from oracles import NO_ORACLE, ORACLES, Rows, draw

TASKS = list(METRICS)


@functools.cache
def drawn(task: str, seed: int, weighted: bool):
    rows = draw(task, seed)
    if not weighted:
        rows = Rows(task, rows.day, rows.predicted, rows.actual, np.ones(len(rows)), rows.score)
    return rows, evaluation(rows, weighted, ORACLES[task])


def near(wanted, bound) -> float:
    """How far a figure may be from its oracle; bounded losses are summed in multiples of 2^-32, which is less."""
    return 1e-9 * max(1.0, abs(wanted)) + bound


@pytest.mark.parametrize("task", TASKS)
def test_every_metric_has_an_oracle_or_a_reason(task):
    assert {MetricCall.parse(call).name for call in ORACLES[task]} | NO_ORACLE.keys() == METRICS[task].keys()


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=3, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # an example takes a second
@given(seed=st.integers(0, 2**32 - 1))
def test_equals_the_oracle_in_every_range_of_days(task, weighted, seed):
    rows, found = drawn(task, seed, weighted)
    sums = found.series.sums()
    days = found.series.grains
    windows = [*((day, day + 1) for day in range(days)), (0, 3), (3, 8), (2, 11), (0, days)]
    for call, metric in zip(ORACLES[task], found.metrics, strict=True):
        for (begin, after), got in zip(windows, evaluate_windows(metric, sums, windows), strict=True):
            wanted = ORACLES[task][call](rows.where((rows.day >= begin) & (rows.day < after)))
            where = f"{call} on days {begin} to {after}: {got}, not {wanted}"
            if wanted is None:
                assert isinstance(got.value, Undefined), where
                assert got.value.why, where
                continue
            assert not isinstance(got.value, Undefined), where
            assert abs(got.value - wanted) <= near(wanted, got.bound), where
            if got.interval is not None:
                assert metric.low <= got.interval.low <= got.value <= got.interval.high <= metric.high, where


@pytest.mark.parametrize("task", TASKS)
def test_many_windows_at_once_are_what_each_is_alone(task):
    _, found = drawn(task, 1, True)
    sums = found.series.sums()
    windows = [(begin, after) for begin in range(12) for after in range(begin + 1, 13)]
    for metric in found.metrics:
        for (begin, after), got in zip(windows, evaluate_windows(metric, sums, windows), strict=True):
            alone = evaluate(metric, sums[begin:after], sums[:begin] if begin else None)
            assert (
                alone.value == got.value
                if isinstance(got.value, Undefined)
                else alone.value == pytest.approx(got.value)
            )
            if got.interval is None:
                assert alone.interval is None
            else:
                assert alone.interval.method == got.interval.method
                assert alone.interval.low == pytest.approx(got.interval.low, rel=1e-9, abs=1e-12)
                assert alone.interval.high == pytest.approx(got.interval.high, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("task", TASKS)
def test_days_without_rows_change_nothing(task):
    """Where most days are empty they are left out before figures are worked out, and nobody can tell."""
    _, found = drawn(task, 2, True)
    apart = 5

    def spread(array):
        wide = np.zeros((apart * len(array), *array.shape[1:]))
        wide[::apart] = array
        return wide

    sums = found.series.sums()._each(spread, lambda each: each._each(lambda name: spread(getattr(each, name))))
    windows = [(begin, after) for begin in range(0, 60, 3) for after in (begin + 1, min(begin + 14, 60), 60)]
    for metric in found.metrics:
        for (begin, after), got in zip(windows, evaluate_windows(metric, sums, windows), strict=True):
            alone = evaluate(metric, sums[begin:after], sums[max(begin - HISTORY, 0) : begin] if begin else None)
            assert isinstance(alone.value, Undefined) == isinstance(got.value, Undefined), metric.name
            if isinstance(got.value, Undefined):
                assert got.value == alone.value
                continue
            assert got.value == pytest.approx(alone.value, rel=1e-12)
            assert (got.interval is None) == (alone.interval is None)
            if got.interval is not None:
                assert got.interval.method == alone.interval.method
                ends = alone.interval.low, alone.interval.high
                assert (got.interval.low, got.interval.high) == pytest.approx(ends, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("task", TASKS)
def test_order_of_rows_and_other_columns_do_not_matter(task):
    rows, found = drawn(task, 1, False)
    table = rows.table(False)
    mixed = table.take(np.random.default_rng(0).permutation(len(table)))
    mixed = mixed.append_column("weight", mixed.column("id")).append_column("Σ \"x'", mixed.column("ts"))
    again = evaluation(rows, False, ORACLES[task], table=mixed)
    windows = [(day, day + 1) for day in range(12)]
    for metric in found.metrics:
        one, other = (evaluate_windows(metric, each.series.sums(), windows) for each in (found, again))
        for got, repeated in zip(one, other, strict=True):
            # sums of unbounded numbers depend on the order of their rows in the last digits
            assert repeated.value == (got.value if task != "regression" else _close(got.value)), metric.name


def _close(value):
    return value if isinstance(value, Undefined) else pytest.approx(value, rel=1e-12)


def test_share_of_a_slice():
    rows = draw("binary", 3)
    side = np.random.default_rng(0).integers(0, 3, len(rows))
    table = rows.table(False).append_column("side", [side])
    found = evaluation(rows, False, ["share"], table=table, slices=["side"])
    estimates = {
        int(each.slice.parts[0][1]): each
        for each in found.estimates()
        if each.metric == "share" and each.slice.parts and isinstance(each.slice.parts[0][1], int)
    }
    assert {value: each.value for value, each in estimates.items()} == pytest.approx(
        {value: float(np.mean(side == value)) for value in range(3)}
    )


@pytest.mark.parametrize("task", TASKS)
def test_slices_equal_the_oracle_on_their_rows(task):
    """Their histograms are coarser: so are the bounds, and calibration still is exact."""
    rows = draw(task, 5)
    side = np.random.default_rng(0).integers(0, 3, len(rows))
    table = rows.table(True).append_column("side", [side])
    found = evaluation(rows, True, ORACLES[task], table=table, slices=["side"])
    seen = set()
    for each in found.estimates():
        value = each.slice.parts[0][1] if each.slice.parts else None
        if each.metric not in ORACLES[task] or not isinstance(value, int):
            continue
        seen.add(each.metric)
        wanted = ORACLES[task][each.metric](rows.where(side == value))
        assert (each.value is None) == (wanted is None), each
        if wanted is not None:
            assert abs(each.value - wanted) <= near(wanted, each.bound), (each, wanted)
    assert seen == set(ORACLES[task])


def test_the_baseline_equals_the_oracle_with_its_scores():
    rows = draw("binary", 5)
    score = np.random.default_rng(0).random(len(rows))
    table = rows.table(True).append_column("b", [score])
    calls = [call for call in ORACLES["binary"] if "threshold" not in call and call != "positive_rate"]
    found = evaluation(rows, True, [*calls, "positive_rate", "share"], table=table, baseline={"score": "b"})
    instead = Rows("binary", rows.day, (score >= 0.5).astype(int), rows.actual, rows.weight, score)
    estimates = [each for each in found.estimates() if each.version == "(baseline)"]
    assert {each.metric for each in estimates} == set(calls)
    first = min(each.window.start for each in estimates)
    for each in estimates:
        wanted = ORACLES["binary"][each.metric](instead.where(rows.day == (each.window.start - first).days))
        assert (each.value is None) == (wanted is None), each
        if wanted is not None:
            assert abs(each.value - wanted) <= near(wanted, each.bound), (each, wanted)
