"""DESIGN §3: what was known when, which delivery counts, when a row is mature. Each test is named after its rule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from evaluation.small import check, days, evaluation, found, notes, one, row, table
from leadline.log.facts import LAG_EDGES
from leadline.values import InputError, Labels


def made(key: str, timestamp: str, score: float, **more: Any) -> dict[str, Any]:
    """A prediction whose label is elsewhere."""
    return {"id": key, "timestamp": timestamp, "score": score, **more}


def told(key: str, observed_at: str | None, label: bool | None, **more: Any) -> dict[str, Any]:
    return {"id": key, "observed_at": observed_at, "label": label, **more}


# As of --------------------------------------------------------------------------------------------------------------


def test_a_label_months_late_does_not_move_its_window() -> None:
    result = check(
        [made("a", "2024-01-01T12", 0.9), made("b", "2024-01-02T12", 0.9)],
        [told("a", "2024-05-20", True), told("b", "2024-01-03", False)],
    )
    assert days(result) == {"2024-01-01": 1.0, "2024-01-02": 0.0}


def test_as_of_is_the_newest_known_at_of_predictions_and_outcomes() -> None:
    predictions = [made("a", "2024-01-01", 0.9), made("b", "2024-01-02", 0.1)]
    assert check(predictions, [told("a", "2024-01-05", True)]).as_of.isoformat() == "2024-01-05T00:00:00+00:00"
    assert check(predictions, [told("a", "2024-01-01T06", True)]).as_of.isoformat() == "2024-01-02T00:00:00+00:00"
    received = [told("a", "2024-01-05", True, received_at="2024-01-07T01:02:03")]
    assert check(predictions, received).as_of.isoformat() == "2024-01-07T01:02:03+00:00"


def test_known_at_is_received_at_else_observed_at() -> None:
    predictions = [made(key, "2024-01-01", 0.9) for key in "abc"]
    outcomes = [
        told("a", "2024-01-02", True, received_at="2024-01-09"),
        told("b", "2024-01-02", True, received_at=None),
        told("c", "2024-01-08", True, received_at="2024-01-04"),  # odd, but the time of arrival is what counts
    ]
    assert check(predictions, outcomes, "2024-01-05").labels.labelled == 2
    assert check(predictions, outcomes, "2024-01-03").labels.labelled == 1


def test_known_at_of_a_prediction_is_received_at_else_timestamp() -> None:
    rows = [
        row("a", "2024-01-01", 0.9, True, received_at="2024-01-09"),
        row("b", "2024-01-01", 0.9, True, received_at=None),
    ]
    rows = [{**each, "observed_at": "2024-01-01T06"} for each in rows]
    assert check(rows, as_of="2024-01-02").labels.predictions == 1
    assert check(rows, as_of="2024-01-09").labels.predictions == 2


def test_rows_later_than_as_of_are_left_out_and_counted() -> None:
    predictions = [made(f"p{day}", f"2024-01-0{day}", 0.9) for day in range(1, 6)]
    result = check(predictions, [told("p1", "2024-01-01T06", True)], "2024-01-03")
    assert result.labels.predictions == 3
    assert notes(result)["later_than_as_of"].startswith("2 predictions are later")
    assert days(result, key="n") == {"2024-01-01": 1, "2024-01-02": 1, "2024-01-03": 1}
    assert "later_than_as_of" not in notes(check(predictions, [told("p1", "2024-01-01T06", True)]))


def test_an_as_of_before_the_newest_data_is_refused_where_outcomes_carry_no_time() -> None:
    rows = [row("a", "2024-01-01", 0.9, True), row("b", "2024-01-02", 0.9, True)]
    with pytest.raises(InputError, match=r"as of 2024-01-01T12:00:00\+00:00 cannot be told: the outcomes have no"):
        check(rows, as_of="2024-01-01T12")
    assert check(rows, as_of="2024-01-02").labels.labelled == 2
    assert "do not say when they became known" in notes(check(rows))["knowledge_time_unknown"]


def test_a_label_in_the_future_is_not_known_yet() -> None:
    predictions = [made("a", "2024-01-01", 0.9), made("b", "2024-01-01", 0.9)]
    outcomes = [told("a", "2024-01-02", True), told("b", "2099-01-01", True)]
    assert check(predictions, outcomes, "2024-01-03").labels.labelled == 1


LATER: Sequence[dict[str, Any]] = (
    made("c", "2024-01-08", 0.7, carrier="AA", received_at="2024-01-08"),
    made("d", "2024-01-02", 7.0, carrier="ZZ", received_at="2024-01-09"),  # a score that is no probability
    made("a", "2024-01-01", 0.2, carrier="AA", received_at="2024-01-10"),  # a conflicting delivery
)


def test_the_result_as_known_on_an_earlier_date_is_found_again() -> None:
    then = [made("a", "2024-01-01", 0.9, carrier="B6", received_at="2024-01-01T01"),
            made("b", "2024-01-02", 0.6, carrier=None, received_at="2024-01-02T01")]  # fmt: skip
    known = [told("a", "2024-01-03", True), told("b", "2024-01-04", False)]
    later = [told("a", "2024-01-07", False), told("b", "2024-01-08", None), told("c", "2024-01-09", True)]
    metrics = ["accuracy", "roc_auc", "brier", "share"]
    declared = {"metrics": metrics, "slices": ["carrier"], "matures_after": "1d", "timezone": "Asia/Kathmandu"}
    before = check(then, known, "2024-01-05", **declared)
    after = check([*then, *LATER], [*later, *known], "2024-01-05", **declared)
    assert list(after.estimates) == list(before.estimates)
    assert after.labels == before.labels
    assert check([*then, *LATER], [*later, *known], **declared).labels != before.labels


# Identity -----------------------------------------------------------------------------------------------------------


def delivered(score: float, received_at: str, timestamp: str = "2024-01-01", **more: Any) -> dict[str, Any]:
    return row("a", timestamp, score, True, received_at=received_at, **more)


@pytest.mark.parametrize(
    ("wins", "loses"),
    [
        (delivered(0.9, "2024-01-02"), delivered(0.1, "2024-01-03")),
        (delivered(0.9, "2024-01-02", "2024-01-01T06"), delivered(0.1, "2024-01-02", "2024-01-01T07")),
        (delivered(0.9, "2024-01-02", "2024-01-01T09"), delivered(0.1, "2024-01-03", "2024-01-01T01")),
    ],
    ids=["least received_at", "then least timestamp", "received_at before timestamp"],
)
def test_of_several_deliveries_the_first_counts(wins: Any, loses: Any) -> None:
    for rows in ([wins, loses], [loses, wins]):
        result = check(rows)
        assert one(result)["value"] == 1.0  # 0.9 and a positive label: right
        assert result.labels.predictions == 1
        assert result.labels.conflicting == 1


def test_where_times_are_equal_the_content_decides_whatever_the_order() -> None:
    rows = [delivered(score, "2024-01-02", carrier=carrier) for score in (0.9, 0.1) for carrier in ("B6", "AA", None)]
    chosen = {
        (one(result)["value"], next(iter(found_slice["slice"].values())))
        for order in (rows, rows[::-1])
        for result in [check(order, slices=["carrier"])]
        for found_slice in [each for each in result.estimates if each["slice"] is not None][:1]
    }
    assert len(chosen) == 1


def test_identical_deliveries_are_repeated_and_differing_ones_are_conflicting_with_examples() -> None:
    first = row("a", "2024-01-01", 0.9, True, received_at="2024-01-01T01")
    rows = [
        first,
        first,
        {**first, "received_at": "2024-01-01T02"},  # the same content, only later: repeated
        {**first, "score": 0.2, "received_at": "2024-01-01T03"},  # another score: conflicting
        row("b", "2024-01-01", 0.9, False, received_at="2024-01-01T01"),
    ]
    result = check(rows)
    assert (result.labels.predictions, result.labels.repeated, result.labels.conflicting) == (2, 2, 1)
    assert notes(result)["conflicting"].startswith("1 delivery repeats a prediction with other content, such as a;")
    assert one(result)["value"] == 0.5


def test_rows_without_an_id_or_a_time_are_left_out_and_counted() -> None:
    rows = [
        row("a", "2024-01-01", 0.9, True),
        row(None, "2024-01-01", 0.9, True),
        row("b", None, 0.9, True),  # type: ignore[arg-type]
    ]
    result = check(rows)
    assert result.labels.predictions == 1
    assert notes(result)["without_id"].startswith("1 prediction has no id")
    assert notes(result)["without_time"].startswith("1 prediction has no readable time")


# Outcomes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (told("a", "2024-01-02", False), told("a", "2024-01-03", True)),
        (
            told("a", "2024-01-02", False, received_at="2024-01-05"),
            told("a", "2024-01-02", True, received_at="2024-01-06"),
        ),
        (
            told("a", "2024-01-02", False, received_at="2024-01-09"),  # loaded later, observed earlier
            told("a", "2024-01-03", True, received_at="2024-01-04"),
        ),
        (told("a", "2024-01-02", False), told("a", "2024-01-02", True)),
        (told("a", None, False), told("a", "2024-01-02", True)),
    ],
    ids=["observed_at", "then known_at", "observed_at before known_at", "then the value", "no time is least"],
)
def test_of_several_outcomes_the_latest_counts(earlier: Any, later: Any) -> None:
    for outcomes in ([earlier, later], [later, earlier]):
        result = check([made("a", "2024-01-01", 0.9)], outcomes)
        assert one(result)["value"] == 1.0
        assert result.labels.conflicting == 0


def test_a_null_value_withdraws_a_label() -> None:
    result = check(
        [made(key, "2024-01-01", 0.9) for key in "abc"],
        [told("a", "2024-01-02", True), told("a", "2024-01-03", None), told("b", "2024-01-02", True)],
    )
    labels = result.labels
    assert (labels.labelled, labels.withdrawn, labels.missing, labels.orphaned) == (1, 1, 2, 0)
    assert one(result)["labelled"] == 1


def test_a_corrected_label_counts_once_and_as_corrected() -> None:
    predictions = [made("a", "2024-01-01", 0.9), made("b", "2024-01-01", 0.9)]
    outcomes = [told("a", "2024-01-02", False), told("a", "2024-01-05", True), told("b", "2024-01-02", True)]
    assert one(check(predictions, outcomes))["value"] == 1.0
    assert one(check(predictions, outcomes, "2024-01-03"))["value"] == 0.5


def test_a_repeated_outcome_is_counted_as_repeated() -> None:
    outcomes = [told("a", "2024-01-02", True)] * 3
    assert check([made("a", "2024-01-01", 0.9)], outcomes).labels.repeated == 2


def test_outcomes_without_a_prediction_are_counted_as_orphaned() -> None:
    outcomes = [told("a", "2024-01-02", True), *(told(key, "2024-01-02", True) for key in ("x", "x", "y", None))]
    result = check([made("a", "2024-01-01", 0.9), made("b", "2024-01-01", 0.9)], outcomes)
    assert result.labels.orphaned == 2  # x and y; the one without an id can belong to nobody


def test_orphans_are_counted_in_rows_also_where_rows_have_weights() -> None:
    predictions = [made("a", "2024-01-01", 0.9, weight=5.0), made("b", "2024-01-01", 0.9, weight=0.25)]
    outcomes = [told(key, "2024-01-02", True) for key in "abc"]
    assert check(predictions, outcomes).labels.orphaned == 1


def test_a_row_delivered_again_with_its_label_brings_it() -> None:
    first = row("a", "2024-01-01", 0.9, None, received_at="2024-01-01T01", observed_at=None)
    again = {**first, "label": True, "received_at": "2024-01-03", "observed_at": "2024-01-03"}
    result = check([first, again])
    assert result.labels == Labels(1, 1, 1, 0, repeated=1, conflicting=0, orphaned=0, withdrawn=0)


# The ledger ---------------------------------------------------------------------------------------------------------

PREDICTIONS = [made(f"p{n}", f"2024-01-{1 + n % 4:02d}T12", 0.9 if n % 3 else 0.2) for n in range(12)]
OUTCOMES = [
    *(told(f"p{n}", f"2024-01-{1 + n % 4 + n % 5:02d}T13", bool(n % 2)) for n in range(10)),
    told("p1", "2024-01-09", False),  # a correction
    told("p2", "2024-01-10", None),  # and a withdrawal
]


def test_the_cells_of_one_run_tell_every_earlier_day() -> None:
    whole = evaluation(PREDICTIONS, OUTCOMES)
    for day in (2, 4, 8, 9):
        then = evaluation(PREDICTIONS, OUTCOMES, f"2024-01-{day:02d}T23:59:59.999999")
        known = whole.series.known_by(whole.grain.number_of(then.as_of)).sums()
        asked = then.series.sums()
        grains = asked.counts.shape[0]
        assert np.array_equal(known.counts[:grains, :, :2], asked.counts[:, :, :2])
        assert not known.counts[grains:, :, :2].any()


def test_a_correction_stands_in_the_ledger_as_a_negative_and_a_positive_row() -> None:
    found_ = evaluation([made("a", "2024-01-01", 0.9)], [told("a", "2024-01-02", False), told("a", "2024-01-05", True)])
    cells = found_.series.pieces["total",]
    rows = sorted(zip(cells.keys["lag"].tolist(), cells.keys["actual"].tolist(), cells.rows.tolist(), strict=True))
    assert rows == [(1, 0, 1), (4, 0, -1), (4, 1, 1)]
    assert int(cells.rows.sum()) == 1


def test_lags_are_exact_to_32_days_and_then_in_doubling_buckets() -> None:
    late = {"2024-01-01T23": 0, "2024-01-02": 1, "2024-02-02": 32, "2024-02-03": 33, "2024-03-05": 33, "2024-03-06": 34}
    predictions = [made(f"p{n}", "2024-01-01T12", 0.9) for n in range(len(late))]
    outcomes = [told(f"p{n}", day, True) for n, day in enumerate(late)]
    cells = evaluation(predictions, outcomes).series.pieces["total",]
    counts = dict.fromkeys(sorted(set(late.values())), 0)
    for lag, n in zip(cells.keys["lag"].tolist(), cells.rows.tolist(), strict=True):
        counts[lag] += n
    assert counts == {0: 1, 1: 1, 32: 1, 33: 2, 34: 1}
    assert LAG_EDGES[32:35] == (32, 64, 128)


def test_coarser_grains_have_lags_in_their_own_unit() -> None:
    predictions = [made("a", "2024-01-31T12", 0.9), made("b", "2024-01-01T12", 0.9)]
    outcomes = [told("a", "2024-02-01", True), told("b", "2024-01-30", True)]
    cells = evaluation(predictions, outcomes, window="1mo").series.pieces["total",]
    assert sorted(cells.keys["lag"].tolist()) == [0, 1]


# Maturity -----------------------------------------------------------------------------------------------------------


def test_a_row_is_mature_when_its_age_reaches_matures_after_whether_or_not_its_label_came() -> None:
    predictions = [made("a", "2024-01-01T00", 0.9), made("b", "2024-01-01T01", 0.9), made("c", "2024-01-01T02", 0.9)]
    outcomes = [told("c", "2024-01-01T03", True)]
    result = check(predictions, outcomes, "2024-01-03T01", matures_after="2d")
    assert (result.labels.mature, result.labels.missing, result.labels.labelled) == (2, 2, 1)


def test_a_window_is_realised_when_all_its_rows_are_mature_and_else_provisional() -> None:
    predictions = [made(key, f"2024-01-0{day}T12", 0.9) for key, day in zip("abc", (1, 2, 2), strict=True)]
    outcomes = [told(key, "2024-01-02T13", True) for key in "ab"]
    result = check([*predictions, made("d", "2024-01-02T18", 0.9)], outcomes, "2024-01-04T12", matures_after="48h")
    assert days(result, key="status") == {"2024-01-01": "realised", "2024-01-02": "provisional"}
    assert days(result, key="why")["2024-01-02"] == "1 of 3 rows is too young for its label"


def test_mature_rows_without_a_label_are_missing_and_not_in_the_figure() -> None:
    result = check([made("a", "2024-01-01", 0.9), made("b", "2024-01-01", 0.9)], [told("a", "2024-01-02", True)])
    estimate = one(result)
    assert result.labels.missing == 1
    assert (estimate["value"], estimate["n"], estimate["labelled"]) == (1.0, 2, 1)


def test_absence_means_something_only_once_the_row_is_mature() -> None:
    predictions = [made("a", "2024-01-01", 0.9), made("b", "2024-01-01", 0.2), made("c", "2024-01-05", 0.2)]
    outcomes = [told("a", "2024-01-02", True)]
    declared = {"absent": False, "matures_after": "3d"}
    result = check(predictions, outcomes, "2024-01-06", **declared)
    assert days(result)["2024-01-01"] == 1.0  # a is right; b never came, which means False: right too
    assert days(result, key="labelled") == {
        "2024-01-01": 2, "2024-01-02": 0, "2024-01-03": 0, "2024-01-04": 0, "2024-01-05": 0,
    }  # fmt: skip
    assert result.labels.missing == 0
    assert check(predictions, outcomes, "2024-01-03", **declared).labels.labelled == 1


def test_a_withdrawn_label_is_not_absent() -> None:
    outcomes = [told("a", "2024-01-02", True), told("a", "2024-01-03", None)]
    result = check([made("a", "2024-01-01", 0.9)], outcomes, "2024-02-01", absent=False)
    assert (result.labels.labelled, result.labels.withdrawn) == (0, 1)


def test_the_window_of_an_objective_ends_with_the_last_grain_whose_rows_are_all_mature() -> None:
    predictions = [made(f"p{day}", f"2024-01-{day:02d}T12", 0.9) for day in range(1, 11)]
    outcomes = [told(f"p{day}", f"2024-01-{day:02d}T13", True) for day in range(1, 11)]
    objective = {"metric": "accuracy", "at_least": 0.5, "window": "3d"}
    result = check(predictions, outcomes, "2024-01-10T13", matures_after="4d", objectives=[objective])
    (judged,) = result.objectives
    assert judged["window_end"] == "2024-01-07T00:00:00Z"  # the 6th at 12:00 is 4 days and 1 hour old, the 7th is not
    assert judged["n"] == 3
    young = check(predictions[:1], outcomes[:1], "2024-01-02", matures_after="4d", objectives=[objective])
    assert (young.objectives[0]["status"], young.objectives[0]["why"]) == (
        "no_data", "no row is old enough for its label",
    )  # fmt: skip


def test_a_log_without_repeats_reads_the_same_as_with_them() -> None:
    rows = table([row("a", "2024-01-01", 0.9, True), row("b", "2024-01-01", 0.9, False)])
    assert found(check(rows))[0]["value"] == 0.5


def test_a_log_that_ended_long_before_the_time_that_is_asked_for_has_no_data() -> None:
    rows = [row(f"p{n}", f"2024-01-0{n + 1}", 0.9, True, observed_at=f"2024-01-0{n + 1}") for n in range(9)]
    promise = {"metric": "accuracy", "at_least": 0.1, "window": "7d"}

    def judged(as_of: str | None) -> tuple[str, str | None]:
        (found,) = check(rows, as_of=as_of, matures_after="2d", objectives=[promise]).objectives
        return found["status"], found["why"]

    assert judged(None)[0] == judged("2024-01-10")[0] == judged("2024-01-15")[0] == "holds"
    assert judged("2024-03-01") == ("no_data", "no predictions since 2024-01-10")


def test_a_time_in_the_future_is_said() -> None:
    rows = [row("a", "2024-01-01", 0.9, True, observed_at="2199-01-01")]
    assert notes(check(rows))["as_of_in_the_future"].startswith(
        "The newest time in the data, 2199-01-01 00:00 UTC, lies"
    )
    assert "as_of_in_the_future" not in notes(check(rows, as_of="2199-01-02"))


def test_one_wrong_date_does_not_move_the_evaluation() -> None:
    rows = [row(str(n), f"2024-01-0{n}", 0.9, True, observed_at=f"2024-01-0{n + 1}") for n in range(1, 8)]
    wrong = [*rows, row("b", "2024-01-08", 0.9, True, observed_at="2199-01-01")]
    right = [*rows, row("b", "2024-01-08", 0.9)]
    result = check(wrong, matures_after="2d")
    assert result.as_of == check(right, matures_after="2d").as_of
    assert list(result.estimates) == list(check(right, matures_after="2d").estimates)
    assert next(iter(result.notes)).code == "as_of_in_the_future"


def test_an_empty_log_is_evaluated_as_of_now() -> None:
    result = check(table([row("a", "2024-01-01", 0.9, True)]).slice(1))
    assert abs(result.content.as_of - datetime.now(UTC)) < timedelta(minutes=5)
