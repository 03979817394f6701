"""The nowcast of a window whose labels are still coming: against the truth, and when it is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from estimate.logs import Rows, fraud
from leadline.estimate.late import DRAWS, Ledger, Waiting, reads_counts, steps_over
from leadline.metrics import METRICS, build
from leadline.metrics.evaluate import evaluate
from leadline.values import Undefined

NAMES = ("negative", "positive")
PRECISION, RECALL = build("precision", "binary"), build("recall", "binary")


def waiting(rows: Rows, begin: int, after: int, today: int | None = None) -> Waiting:
    series, ages = rows.series(int(rows.day.max()) + 1 if today is None else today)
    ledger = Ledger.of(series, ages)
    assert ledger is not None
    found = Waiting.of(ledger, begin, after)
    assert found is not None
    return found


def of(rows: Rows, begin: int, after: int) -> Rows:
    some = (rows.day >= begin) & (rows.day < after)
    return Rows(rows.day[some], rows.predicted[some], rows.actual[some], rows.delay[some])


def truth(rows: Rows, metric: str) -> float:
    hits = (rows.predicted == 1) & (rows.actual == 1)
    return hits.sum() / {"precision": rows.predicted == 1, "recall": rows.actual == 1}[metric].sum()


def test_fraud_is_nowcast_within_three_hundredths_where_the_labels_so_far_say_one():
    """METHODS row 7: true precision .489, of the labels so far 1.000."""
    shown, wanted = [], []
    for seed in range(8):
        rows = fraud(seed)
        found = waiting(rows, 60, 82)
        so_far = found.weight[..., :2].sum(axis=0)
        assert so_far[1, 0] == 0  # no predicted positive is known to be wrong: precision is 1
        made = found.nowcast(PRECISION, None)
        shown.append(made.value)
        wanted.append(truth(of(rows, 60, 82), "precision"))
    assert np.mean(wanted) == pytest.approx(0.489, abs=0.02)
    assert np.abs(np.subtract(shown, wanted)).max() < 0.03
    assert np.mean(shown) == pytest.approx(np.mean(wanted), abs=0.01)


@pytest.mark.parametrize("metric", ["precision", "recall"])
@pytest.mark.parametrize(
    ("begin", "after"), [(75, 82), (56, 63), (40, 68)], ids=["positives come", "negatives come", "both"]
)
@pytest.mark.parametrize("runs", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_its_interval_covers_the_true_figure(metric, begin, after, runs):
    every = of(fraud(10_000, days=90, a_day=20_000), 0, 90)
    true = truth(every, metric)
    covered = []
    for seed in range(runs):
        made = waiting(fraud(seed), begin, after).nowcast(build(metric, "binary"), None)
        covered.append(made.interval.low <= true <= made.interval.high)
    print(metric, begin, after, np.mean(covered))
    assert np.mean(covered) >= 0.93 - 3 * (0.93 * 0.07 / runs) ** 0.5


def test_where_all_labels_are_in_it_is_the_figure_itself():
    rows = fraud(3)
    series, ages = rows.series(200)
    ledger = Ledger.of(series, ages)
    found = Waiting.of(ledger, 0, 90)
    for name in METRICS["binary"]:
        definition = METRICS["binary"][name]
        if definition.required or name in ("cost", "value"):
            continue
        metric = build(name, "binary")
        if reads_counts(metric):
            exact = evaluate(metric, series.ledger_sums()[0:90])
            assert found.nowcast(metric, None).value == pytest.approx(exact.value, rel=1e-9), name


def test_delays_that_depend_on_what_was_predicted_do_not_bias_it():
    """Flagged cases are looked at at once, the others come to light slowly: by class alone recall would be .9."""
    rng = np.random.default_rng(1)
    rows = fraud(1, a_day=2000)
    slow = np.where(rows.predicted == 1, rng.exponential(1, len(rows.day)), rng.exponential(8, len(rows.day)))
    rows = replace(rows, delay=np.where(rows.actual == 1, slow, 30.0))
    found = waiting(rows, 76, 83)
    assert found.nowcast(RECALL, None).value == pytest.approx(truth(of(rows, 76, 83), "recall"), abs=0.04)


def test_it_is_refused_where_more_than_one_class_has_hardly_come():
    found = waiting(fraud(0), 86, 90)
    assert found.refused(NAMES) == "only 0 % of the negative and 38 % of the positive labels have come by this age"
    assert waiting(fraud(0), 76, 83).refused(NAMES) is None


def test_it_is_refused_where_labels_are_few():
    rows = fraud(0, a_day=3)
    assert "positive labels are too few to say how late they come" in waiting(rows, 76, 83).refused(NAMES)


def test_it_is_refused_where_no_rows_are_so_old_that_all_labels_have_come():
    rows = fraud(0, days=31)  # one day's good payments are known
    found = waiting(rows, 18, 25)
    assert found.remainder == 0
    assert found.refused(NAMES) is None
    rows = fraud(0, days=25)
    assert waiting(rows, 10, 17).refused(NAMES) == "0 negative labels are too few to say how late they come"


def test_the_labels_so_far_are_called_skewed_only_where_one_class_lags():
    assert waiting(fraud(0), 70, 77).skewed
    rng = np.random.default_rng(0)
    rows = fraud(0)
    assert not waiting(replace(rows, delay=rng.exponential(5, len(rows.day))), 70, 85).skewed


def test_it_is_the_same_in_every_run_and_changes_nothing():
    rows = fraud(5)
    found = waiting(rows, 74, 81)
    before = found.weight.copy(), found.ledger.cells.rows.copy()
    assert found.nowcast(PRECISION, None) == waiting(rows, 74, 81).nowcast(PRECISION, None)
    assert (found.weight == before[0]).all()
    assert (found.ledger.cells.rows == before[1]).all()
    assert found.ledger.drawn.shape[0] == DRAWS


def test_rows_of_equal_weight_are_worth_what_they_say():
    """Weighted by 4, all is as without weights; half as many rows of weight 2 are worth half as many."""
    rows = fraud(2)
    series, ages = rows.series(90)
    cells = series.pieces["total",]
    heavy = replace(series, pieces={("total",): replace(cells, weight=4 * cells.weight, square=16 * cells.square)})
    one, other = (Waiting.of(Ledger.of(each, ages), 70, 80).nowcast(PRECISION, None) for each in (series, heavy))
    assert other.value == pytest.approx(one.value)
    assert other.interval.low == pytest.approx(one.interval.low, abs=1e-9)


def test_days_that_differ_widen_the_interval():
    def width(rows: Rows) -> float:
        series, ages = rows.series(90)
        history = series.ledger_sums()[30:58]
        made = Waiting.of(Ledger.of(series, ages), 70, 77).nowcast(build("positive_rate", "binary"), history)
        return made.interval.high - made.interval.low

    assert width(fraud(4, day_effect=0.6)) > 1.3 * width(fraud(4))


def test_a_window_without_rows_has_none_and_one_without_the_class_is_undefined():
    rows = fraud(0)
    series, ages = rows.series(90)
    ledger = Ledger.of(series, ages)
    assert Waiting.of(ledger, 0, 0) is None
    none = replace(rows, predicted=np.where(rows.day >= 70, 0, rows.predicted))
    assert waiting(none, 72, 79).nowcast(PRECISION, None) == Undefined("no predicted positives")


def test_labels_without_times_and_too_many_classes_have_no_ledger():
    series, ages = fraud(0).series(90)
    cells = series.pieces["total",]
    untimed = replace(cells, keys={name: key for name, key in cells.keys.items() if name != "lag"})
    assert Ledger.of(replace(series, pieces={("total",): untimed}), ages) is None
    assert Ledger.of(replace(series, classes=21), ages) is None
    assert Ledger.of(replace(series, classes=1), ages) is None


def test_steps_are_those_of_the_ledger():
    assert steps_over(np.array([-5, 0, 32, 63, 64, 10**6])).tolist() == [0, 1, 33, 33, 34, 43]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("recall", True),
        ("mcc", True),
        ("predicted_positive_rate", False),
        ("roc_auc", False),
        ("brier", False),
        ("recall(threshold=0.3)", False),
    ],
)
def test_only_metrics_of_counts_are_nowcast(name, told):
    assert reads_counts(build(name, "binary")) is told


@pytest.mark.parametrize("days", [1, 4, 14])
def test_where_all_labels_are_in_its_interval_is_about_that_of_the_figure(days):
    """Days that differ are allowed for as often as there are days; the draws may add a little."""
    rows = fraud(7, a_day=1000, day_effect=0.5)
    series, ages = rows.series(200)
    metric, by_grain = build("positive_rate", "binary"), series.ledger_sums()
    found = Waiting.of(Ledger.of(series, ages), 50, 50 + days).nowcast(metric, by_grain[22:50])
    exact = evaluate(metric, by_grain[50 : 50 + days], by_grain[22:50])
    ratio = (found.interval.high - found.interval.low) / (exact.interval.high - exact.interval.low)
    assert 0.75 < ratio < 1.35
