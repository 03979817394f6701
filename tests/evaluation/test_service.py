"""How the service does: latency, errors, volume and age, through the real path, against the rows themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from evaluation.small import at, check, days, evaluation, found, notes, one, slices, spec
from leadline.evaluation.judging import Judging
from leadline.evaluation.planning import plans
from leadline.metrics.evaluate import evaluate_windows
from leadline.values import InputError, Undefined

START = datetime(2024, 1, 1, tzinfo=UTC)


def log(n: int = 600, days_: int = 6, seed: int = 0, **more: object) -> pa.Table:
    """Rows at random times of some days, with labels three days later, latencies, errors and weights."""
    rng = np.random.default_rng(seed)
    times = [START + timedelta(seconds=float(each)) for each in np.sort(rng.uniform(0, days_ * 86400, n))]
    zone = pa.timestamp("us", "UTC")
    score = rng.random(n)
    columns: dict[str, object] = {
        "id": np.arange(n),
        "timestamp": pa.array(times, zone),
        "score": score,
        "label": (rng.random(n) < score).astype(int),
        "observed_at": pa.array([each + timedelta(days=3) for each in times], zone),
        "weight": rng.integers(1, 9, n) / 4,
        "latency_s": rng.lognormal(-2, 0.7, n),
        "error": rng.random(n) < 0.05,
        "region": rng.choice(["a", "b"], n),
    }
    return pa.table(columns | more)


# Latency --------------------------------------------------------------------------------------------------------------


def test_quantiles_of_latencies_are_numpys_in_every_range_of_days():
    rows = log()
    calls = ["latency_p50", "latency_p95", "latency_p99", "latency_quantile(quantile=0.25)"]
    of = evaluation(rows, metrics=calls, matures_after="3d")
    values, weight = (rows.column(name).to_numpy() for name in ("latency_s", "weight"))
    day = (rows.column("timestamp").to_numpy() - np.datetime64(START.replace(tzinfo=None))) // np.timedelta64(1, "D")
    windows = [(begin, after) for begin in range(6) for after in range(begin + 1, 7)]
    for metric, q in zip(of.metrics, (0.5, 0.95, 0.99, 0.25), strict=False):
        for (begin, after), got in zip(windows, evaluate_windows(metric, of.series.sums(), windows), strict=True):
            inside = (day >= begin) & (day < after)
            wanted = np.quantile(values[inside], q, weights=weight[inside], method="inverted_cdf")
            assert abs(got.value - wanted) <= got.bound, metric.name
            assert wanted <= got.value, "rounded to the unfavourable side"
            if got.interval is not None:
                assert 0 <= got.interval.low <= got.value <= got.interval.high


def test_latencies_of_slices_are_those_of_their_rows():
    rows = log()
    result = check(rows, metrics=["latency_p95"], slices=["region"], matures_after="0d", window="7d")
    for region in "ab":
        mine = rows.filter(pa.compute.equal(rows.column("region"), region))
        wanted = np.quantile(
            mine.column("latency_s").to_numpy(), 0.95, weights=mine.column("weight").to_numpy(), method="inverted_cdf"
        )
        each = one(result, "latency_p95", {"region": region})
        assert wanted <= each["value"] <= wanted * 1.011


def test_latencies_that_are_none_are_left_out_and_said():
    rows = log(20, 1).set_column(6, "latency_s", pa.array([-1.0, np.nan, np.inf, None] + [0.5] * 16))
    result = check(rows, metrics=["latency_p99"])
    assert one(result, "latency_p99")["value"] == pytest.approx(0.5, rel=0.011)
    assert notes(result)["missing_numbers"] == (
        "4 predictions have no finite latency_s from 0 on: left out of all figures that need it."
    )


def test_a_log_without_latencies_says_so():
    (each,) = found(check(log(20, 1).drop(["latency_s"]), metrics=["latency_p95"]), "latency_p95")
    assert (each["value"], each["why"]) == (None, "no column of latencies is declared")
    empty = log(20, 1).set_column(6, "latency_s", pa.array([None] * 20, pa.float64()))
    assert one(check(empty, metrics=["latency_p95"]), "latency_p95")["why"] == "no rows with a latency"


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "share"),
    [
        (pa.array([True, False, None, False]), 1 / 3),
        (pa.array([1, 0, None, 0]), 1 / 3),
        (pa.array([1.0, 0.0, np.nan, 0.0]), 1 / 3),
        (pa.array(["timeout", "", None, " "]), 1 / 4),  # no message is no failure
        (pa.array(["true", "false", "False", "0"]), 1 / 4),
        (pa.array([None] * 4, pa.bool_()), None),
    ],
    ids=["truth", "integers", "doubles", "messages", "words", "nothing"],
)
def test_what_says_that_a_prediction_failed(values, share):
    rows = log(4, 1).drop(["weight"]).set_column(6, "error", values)
    assert one(check(rows, metrics=["error_rate"]), "error_rate")["value"] == pytest.approx(share)


def test_numbers_of_which_nobody_knows_which_are_failures_are_refused():
    rows = log(4, 1).set_column(7, "error", pa.array([200, 200, 500, 404]))
    with pytest.raises(InputError, match=r'4 values in column .error. are neither 0 nor 1: .*where: "error >= 500"'):
        check(rows, metrics=["error_rate"])


def test_what_was_declared_is_shown_unasked():
    shown = {each["metric"] for each in check(log(), metrics=["accuracy"]).estimates}
    assert shown == {"accuracy", "latency_p95", "error_rate"}


# Volume ---------------------------------------------------------------------------------------------------------------


def test_throughput_counts_only_the_time_that_the_log_covers():
    rows = [
        *({"id": n, "timestamp": at("2024-01-01T12") + timedelta(minutes=30 * n), "score": 0.5} for n in range(72)),
        {"id": 99, "timestamp": "2024-01-03T06", "score": 0.5},
    ]
    result = check(rows, metrics=["throughput"])
    assert days(result, "throughput") == pytest.approx({"2024-01-01": 48, "2024-01-02": 48, "2024-01-03": 4})
    # asked for a time, the log covers all until then
    later = check(rows, as_of="2024-01-03T12", metrics=["throughput"])
    assert days(later, "throughput")["2024-01-03"] == pytest.approx(2)


def test_a_day_of_23_hours_is_shorter():
    times = [datetime(2024, 3, 9, 5, tzinfo=UTC) + timedelta(hours=n) for n in range(24 * 3)]
    rows = [{"id": n, "timestamp": each, "score": 0.5} for n, each in enumerate(times)]
    result = check(rows, metrics=["throughput"], timezone="America/New_York")
    assert [each["n"] for each in found(result, "throughput")] == [24, 23, 24, 1]
    assert [each["value"] for each in found(result, "throughput")][:3] == pytest.approx([24, 24, 24])


def test_no_rows_is_a_rate_of_0_and_slices_add_up():
    rows = log().filter(pa.array([not 200 <= n < 300 for n in range(600)]))
    result = check(rows, metrics=["throughput"], slices=["region"], window="7d")
    assert sum(slices(result, "throughput", "value").values()) == pytest.approx(one(result, "throughput")["value"])
    hourly = check(rows, metrics=["throughput"], window="1h")
    silent = [each for each in found(hourly, "throughput") if each["n"] == 0]
    assert {each["value"] for each in silent} == {0.0}
    assert all(each["low"] == 0 < each["high"] for each in silent)


def test_days_that_differ_more_than_by_chance_have_a_wider_interval():
    """200 rows a day by chance, or 100 and 300 in turns."""
    rng = np.random.default_rng(1)

    def width(counts: np.ndarray) -> float:
        times = [START + timedelta(days=day, seconds=86_399 * n / c) for day, c in enumerate(counts) for n in range(c)]
        rows = pa.table({"id": range(len(times)), "timestamp": times, "score": [0.5] * len(times)})
        of = evaluation(rows, metrics=["throughput"], as_of="2024-01-29")
        (got,) = evaluate_windows(of.metrics[0], of.series.sums(), [(0, 28)])
        return got.interval.high - got.interval.low

    quiet = width(rng.poisson(200, 28))
    assert width(np.tile([100, 300], 14)) > 4 * quiet
    assert quiet < 8 * np.sqrt(200 / 28)


def test_an_empty_log_has_no_rate():
    (each,) = found(check(log().slice(0, 0), metrics=["throughput", "latency_p95"]), "throughput")
    assert each["value"] is None


# Age ------------------------------------------------------------------------------------------------------------------


def test_the_age_of_the_newest_row_at_the_end_of_windows_and_now():
    rows = [
        {"id": 1, "timestamp": "2024-01-01T20", "score": 0.5, "region": "a"},
        {"id": 2, "timestamp": "2024-01-02T06", "score": 0.5, "region": "b"},
        {"id": 3, "timestamp": "2024-01-04T21", "score": 0.5, "region": "b"},
    ]
    hour = 3600.0
    objective = {"metric": "freshness", "at_most": 9 * hour, "window": "1d", "slices": ["region"]}
    declared = {"slices": ["region"], "objectives": [objective], "metrics": [], "reference": {"until": "2024-01-03"}}
    result = check(rows, as_of="2024-01-05T07", **declared)
    ages = {"2024-01-01": 4, "2024-01-02": 18, "2024-01-03": 42, "2024-01-04": 10}
    assert days(result, "freshness") == {day: hours * hour for day, hours in ages.items()}
    assert {each["interval"] for each in found(result, "freshness")} == {None}
    judged = {tuple((each["slice"] or {}).values()): each for each in result.objectives}
    assert {where: (each["status"], each["value"] / hour) for where, each in judged.items()} == {
        (): ("breached", 10),
        ("a",): ("breached", 83),
        ("b",): ("breached", 10),
    }
    assert judged[()]["window_end"] == "2024-01-05T07:00:00Z"
    assert judged[()]["since"] == "2024-01-05T06:00:00Z"
    assert judged["a",]["since"] == "2024-01-02T05:00:00Z"
    fresh = check(rows, as_of="2024-01-05T05", **declared)
    assert [each["status"] for each in fresh.objectives] == ["holds", "breached", "holds"]


def test_unasked_the_clock_says_how_old_the_newest_row_is():
    """A log that stopped looks fresh as of its own end."""
    rows = [{"id": 1, "timestamp": datetime.now(UTC) - timedelta(days=2), "score": 0.5}]
    objective = {"metric": "freshness", "at_most": 3600, "window": "1d"}
    (judged,) = check(rows, objectives=[objective], metrics=[]).objectives
    assert judged["status"] == "breached"
    assert 0 <= judged["value"] - 2 * 86400 < 600
    (ahead,) = check(
        [{**rows[0], "timestamp": datetime.now(UTC) + timedelta(hours=3)}], objectives=[objective], metrics=[]
    ).objectives
    assert (ahead["status"], ahead["value"]) == ("holds", 0.0)


def test_the_age_is_no_figure_that_depends_on_the_moment_unasked():
    assert "freshness" not in {each["metric"] for each in check(log(), metrics="all").estimates}
    objective = {"metric": "freshness", "no_worse_than": "reference", "by": 10, "window": "1d"}
    with pytest.raises(InputError, match="promise it by at_most, in seconds"):
        check(log(), objectives=[objective], reference={"until": "2024-01-03"})
    of = evaluation(log(), objectives=[{"metric": "freshness", "at_most": 60, "window": "1d"}])
    assert plans(Judging(of)).content.plans[0].why == "it is known at any time, and nothing of it is left to chance"


# What it waits for ----------------------------------------------------------------------------------------------------


def test_nothing_of_it_waits_for_labels():
    objectives = [{"metric": metric, "at_most": 1e6, "window": "1d"} for metric in ("latency_p95", "throughput")]
    objectives += [{"metric": "accuracy", "at_least": 0.1, "window": "1d"}]
    result = check(log(), as_of="2024-01-07", matures_after="3d", objectives=objectives, metrics=["error_rate"])
    assert set(days(result, "error_rate", "status").values()) == {"realised"}
    assert list(days(result, "accuracy", "status").values()) == ["realised"] * 3 + ["undefined"] * 3
    ends = {each["metric"]: each["window_end"] for each in result.objectives}
    assert ends == {
        "latency_p95": "2024-01-07T00:00:00Z",
        "throughput": "2024-01-07T00:00:00Z",
        "accuracy": "2024-01-04T00:00:00Z",
    }


def test_feedback_still_waits():
    rows = log(200, 4).drop(["label", "observed_at"])
    clicks = [{"id": n, "label": True, "observed_at": START} for n in range(0, 200, 7)]
    feedback = [{"name": "click", "source": pa.Table.from_pylist(clicks), "columns": {"value": "label"}}]
    of = spec(rows, feedback=feedback, metrics=["predicted_positive_rate"])
    assert of.outcome_tables[0].name == "click"
    result = check(rows, feedback=feedback, metrics=["predicted_positive_rate"], as_of="2024-01-05")
    assert set(days(result, "predicted_positive_rate", "status").values()) == {"realised"}


def test_what_is_known_of_the_reference_does_not_hang_on_labels():
    """A promise to be no worse than the reference reads what was known when its labels were due."""
    rows = log(3000, 30).drop(["weight"])
    objective = {"metric": "error_rate", "no_worse_than": "reference", "by": 0.01, "window": "7d"}
    result = check(
        rows,
        matures_after="3d",
        objectives=[objective],
        metrics=[],
        reference={"until": "2024-01-11"},
        as_of="2024-02-05",
    )
    failed = rows.column("error").to_numpy(zero_copy_only=False)[
        rows.column("timestamp").to_numpy() < np.datetime64("2024-01-11")
    ]
    (judged,) = result.objectives
    assert failed.mean() < judged["target"]["at_most"] < failed.mean() + 0.05


# The detector ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "limit", "side"),
    [("latency_p95", 0.6, "at_most"), ("error_rate", 0.08, "at_most"), ("throughput", 150, "at_least")],
)
def test_a_change_is_found_and_an_unchanged_service_is_left_alone(metric, limit, side):
    rows = log(42_000, 210, 3)
    late = np.arange(42_000) >= 30_000
    worse = rows
    if metric == "throughput":
        worse = rows.filter(pa.array(~late | (np.arange(42_000) % 3 == 0)))
    elif metric == "error_rate":
        worse = rows.set_column(
            7, "error", pa.array(np.random.default_rng(5).random(42_000) < np.where(late, 0.2, 0.05))
        )
    else:
        worse = rows.set_column(6, "latency_s", pa.array(rows.column("latency_s").to_numpy() * np.where(late, 3, 1)))
    objective = {"metric": metric, side: limit, "window": "28d", "slices": ["region"] if metric != "throughput" else []}
    for table, wanted in ((rows, "holds"), (worse, "breached")):
        plain = table.drop(["label", "observed_at", "weight"])
        judged = check(plain, slices=["region"], objectives=[objective], metrics=[], as_of="2024-07-29").objectives
        assert {each["status"] for each in judged} == {wanted}
        if wanted == "breached":
            assert all(at("2024-05-20") <= at(each["since"][:10]) <= at("2024-06-24") for each in judged)
            assert {each["rule"] for each in judged} == {"detector"}


def test_undefined_is_told_of_a_window_without_rows_that_say_it():
    of = evaluation(log(20, 1).set_column(7, "error", pa.array([None] * 20, pa.bool_())), metrics=["error_rate"])
    (metric, *_) = of.metrics
    assert isinstance(evaluate_windows(metric, of.series.sums(), [(0, 1)])[0].value, Undefined)
