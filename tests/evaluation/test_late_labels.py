"""Labels that come late, never, or before their prediction: what a check says of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import leadline
from estimate.logs import DAY, Rows, fraud, tables
from evaluation.small import check, evaluation, notes, row, spec

AS_OF = "2026-04-01"


def checked(rows: Rows, as_of: str = AS_OF, segment: np.ndarray | None = None, **declared: Any) -> leadline.Result:
    known = {"window": "7d", "metrics": ["precision", "recall", "specificity", "roc_auc"], "timezone": "UTC"}
    predictions, outcomes = tables(rows, segment=segment)
    found = [each for each in known["metrics"] if each != "roc_auc"]
    return check(predictions, outcomes, as_of, **(known | {"metrics": found} | declared))


def by_status(result: leadline.Result, metric: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for each in result.estimates:
        if each["metric"] == metric and each["slice"] is None:
            found.setdefault(each["status"], []).append(each)
    return found


@pytest.fixture(scope="module")
def rows() -> Rows:
    return fraud(0)


@pytest.fixture(scope="module")
def result(rows: Rows) -> leadline.Result:
    return checked(rows)


def true_precision(rows: Rows, estimate: dict[str, Any]) -> float:
    start = (np.datetime64(estimate["window_start"][:10]) - np.datetime64("2026-01-01")).astype(int)
    flagged = (rows.day >= start) & (rows.day < start + 7) & (rows.predicted == 1)
    return float(rows.actual[flagged].mean())


def test_maturity_is_inferred_and_told_as_a_guess(result):
    assert result.spec.label.matures_after == timedelta(days=30)
    assert "30d is inferred" in notes(result)["maturity_inferred"]
    assert "matures_too_early" not in notes(result)


def test_labels_so_far_are_never_realised_and_say_what_they_lack(result):
    provisional = by_status(result, "precision")["provisional"]
    assert [each["value"] for each in provisional[-3:]] == [1.0, 1.0, 1.0]  # every flagged row that is known was fraud
    assert "0 % of the negative labels have come" in provisional[-3]["why"]
    assert all(each["window_end"] <= "2026-03-03" for each in by_status(result, "precision")["realised"])


def test_a_nowcast_stands_beside_them(rows, result):
    estimated = by_status(result, "precision")["estimated"]
    assert len(estimated) >= 3
    for each in estimated:
        assert each["value"] == pytest.approx(true_precision(rows, each), abs=0.03)
        assert each["low"] <= each["value"] <= each["high"]
        assert each["interval"] == "delay_bootstrap"
        assert "the negative ones are taken to be the rest" in each["why"] or "100 %" in each["why"]
    refused = by_status(result, "precision")["provisional"][-1]
    assert refused["window_start"] not in [each["window_start"] for each in estimated]
    assert "of the positive labels have come by this age" in refused["why"]


def test_a_window_without_a_figure_so_far_gets_one(result):
    undefined, estimated = (by_status(result, "specificity")[each] for each in ("undefined", "estimated"))
    assert {each["window_start"] for each in undefined} & {each["window_start"] for each in estimated}


def test_it_is_a_function_of_the_log_as_of_the_moment(rows):
    """What is delivered later changes nothing: as of the same moment all is the same."""
    predictions, outcomes = tables(rows, today=140)
    declared = {"window": "7d", "metrics": ["precision"], "timezone": "UTC"}
    later = check(predictions, outcomes, AS_OF, **declared)
    assert list(later.estimates) == list(checked(rows, metrics=["precision"]).estimates)
    assert notes(later)["maturity_inferred"] == notes(checked(rows))["maturity_inferred"]


def test_charts_are_of_what_labels_say_and_nowcasts_stand_below(result):
    page = result.to_html()
    assert page.count("Estimated, beside what the labels that are in say") == 3
    from leadline.report.answers import series

    windows = [each.window for each in series(result.content)["precision", leadline.values.Slice(), None]]
    assert len(windows) == len(set(windows))


def test_a_declared_wait_that_is_too_short_is_said_with_what_to_write(rows):
    found = checked(rows, matures_after="7d", window="1d")
    assert found.spec.label.matures_after == timedelta(days=7)
    text = notes(found)["matures_too_early"]
    assert text.startswith("`matures_after: 7d` is too short: by then only 0 % of the negative labels have come")
    assert text.endswith("Declare `matures_after: 30d`.")
    assert "maturity_inferred" not in notes(found)
    assert "matures_too_early" not in notes(checked(rows, matures_after="30d", window="1d"))


def test_a_wait_between_two_steps_of_the_ledger_is_not_called_too_short_for_what_came_before_it(rows):
    """Lags above 32 days are known in steps that double: a label of the step up to 64 days may have taken 40."""
    late = Rows(rows.day, rows.predicted, rows.actual, np.where(rows.delay > 20, 38.0, rows.delay))
    assert "matures_too_early" not in notes(checked(late, matures_after="40d", window="1d"))
    assert "matures_too_early" in notes(checked(late, matures_after="32d", window="1d"))


def test_a_slice_that_is_slower_is_named(rows):
    segment = np.where(np.arange(len(rows.day)) % 4 == 0, "slow", "usual")
    slow = Rows(rows.day, rows.predicted, rows.actual, np.where(segment == "slow", 50.0, rows.delay))
    found = checked(slow, segment=segment, slices=["segment"], matures_after="30d", window="1d")
    assert "labels of segment=slow have come" in notes(found)["matures_too_early"]
    assert checked(slow, segment=segment, slices=["segment"]).spec.label.matures_after == timedelta(days=50)


def test_no_time_of_knowledge_is_as_before(rows):
    predictions, outcomes = tables(rows)
    found = check(predictions, outcomes.drop_columns("observed_at"), window="7d", metrics=["precision"])
    assert found.spec.label.matures_after == timedelta()
    assert "knowledge_time_unknown" in notes(found)
    assert not {"maturity_inferred", "matures_too_early"} & notes(found).keys()
    assert {each["status"] for each in found.estimates} <= {"realised", "undefined"}


def test_an_explicit_zero_stays(rows):
    found = checked(rows, matures_after="0d")
    assert found.spec.label.matures_after == timedelta()
    assert {each["status"] for each in found.estimates} <= {"realised", "undefined"}
    assert "matures_too_early" in notes(found)


def test_slices_of_objectives_are_nowcast(rows):
    segment = np.where(np.arange(len(rows.day)) % 3 == 0, "a", "b")
    objective = {"metric": "precision", "at_least": 0.4, "window": "28d", "slices": ["segment"]}
    found = checked(rows, segment=segment, slices=["segment"], objectives=[objective], metrics=[])
    of_slices = [each for each in found.estimates if each["slice"] and each["status"] == "estimated"]
    assert {each["slice"]["segment"] for each in of_slices} == {"a", "b"}
    for each in of_slices:
        start = (np.datetime64(each["window_start"][:10]) - np.datetime64("2026-01-01")).astype(int)
        mine = (segment == each["slice"]["segment"]) & (rows.predicted == 1)
        flagged = mine & (rows.day >= start) & (rows.day < start + 7)
        assert each["low"] <= rows.actual[flagged].mean() <= each["high"]


def test_corrected_labels_count_once(rows):
    """Every fraud is first reported as none: the ledger has three rows of it, and the nowcast is the same."""
    predictions, outcomes = tables(rows)
    positive = outcomes.filter(outcomes["label"])
    first = positive.set_column(1, "label", [np.zeros(len(positive), bool)])
    earlier = np.asarray(first["observed_at"]) - np.timedelta64(60, "s")
    first = first.set_column(2, "observed_at", [pa.array(earlier, pa.timestamp("us", "UTC"))])
    declared = {"window": "7d", "metrics": ["precision"], "timezone": "UTC", "matures_after": "30d"}
    found = check(predictions, pa.concat_tables([first, outcomes]), AS_OF, **declared)
    plain = check(predictions, outcomes, AS_OF, **declared)
    for each, other in zip(by_status(found, "precision")["estimated"], by_status(plain, "precision")["estimated"],
                           strict=True):  # fmt: skip
        assert each["value"] == pytest.approx(other["value"], abs=0.02)


# Labels that never come, and odd times ------------------------------------------------------------------------------


def selected(seen: Sequence[float], n: int = 4000) -> list[dict[str, Any]]:
    """Rows of which a share gets a label, by whether they are predicted positive."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(n):
        positive = number % 4 == 0
        label = bool(rng.random() < 0.5) if rng.random() < seen[positive] else None
        at = f"2024-01-{number % 20 + 1:02d}"
        made.append(row(str(number), at, 0.9 if positive else 0.1, label, observed_at=None if label is None else at,
                        region="n" if number % 3 else "s"))  # fmt: skip
    return made


def test_labels_that_never_come_for_one_predicted_class_are_named():
    text = notes(check(selected((0.8, 0.0)), as_of="2024-03-01", matures_after="1d"))["selective_labels"]
    assert text.startswith(
        "Of the rows that are predicted positive 0 of 1,000 have a label, though they are old enough,"
    )
    assert "80 % of the others" in text
    assert "exploration traffic" in text


def test_what_needs_the_unobserved_class_is_undefined_and_the_rest_is_not():
    promised = [{"metric": each, "at_least": 0.3, "window": "28d"} for each in ("precision", "recall", "roc_auc")]
    found = check(selected((0.0, 0.8)), as_of="2024-02-01", matures_after="1d", objectives=promised, metrics="all")
    verdicts = {each["metric"]: (each["status"], each["why"]) for each in found.objectives}
    unknown = ("undefined", "outcomes of rows that are predicted negative are never observed")
    assert verdicts == {"precision": ("holds", None), "recall": unknown, "roc_auc": unknown}
    shown = {each["metric"] for each in found.estimates if each["value"] is not None}
    assert shown == {"precision", "predicted_positive_rate", "share", "throughput"}


@pytest.mark.parametrize("seen", [(0.8, 0.05), (0.05, 0.05), (0.0, 0.0), (1.0, 1.0), (0.1, 0.0)])
def test_labels_that_are_only_rare_are_not(seen):
    assert "selective_labels" not in notes(check(selected(seen), as_of="2024-03-01", matures_after="1d"))


def test_nor_where_absence_means_something():
    found = check(selected((0.8, 0.0)), as_of="2024-03-01", matures_after="1d", absent=False)
    assert "selective_labels" not in notes(found)


def test_labels_that_never_come_for_a_slice_are_named():
    rows = [{**each, "label": each["label"] if each["region"] == "n" else None} for each in selected((0.8, 0.8))]
    text = notes(check(rows, as_of="2024-03-01", matures_after="1d", slices=["region"]))["selective_labels"]
    assert "Of the rows that are region=s 0 of" in text


def test_labels_before_their_prediction_are_counted_and_named():
    rows = [
        row("a", "2024-01-02T12", 0.9, True, observed_at="2024-01-02T11:59:59"),
        row("b", "2024-01-02T12", 0.9, True, observed_at="2023-06-01"),
        row("c", "2024-01-02T12", 0.9, True, observed_at="2024-01-02T12"),
    ]
    text = notes(check(rows, as_of="2024-01-05"))["labels_before_predictions"]
    assert text.startswith("2 labels are dated before the prediction")
    cells = evaluation(rows, as_of="2024-01-05").series.ledger()
    assert cells.keys["lag"].tolist() == [0]
    assert "labels_before_predictions" not in notes(check(rows[2:], as_of="2024-01-05"))


def test_labels_of_later_than_the_time_of_the_evaluation_are_counted():
    rows = [row(key, "2024-01-02", 0.9, True, observed_at=at) for key, at in zip("ab", ("2024-01-03", "2099-01-01"),
                                                                                strict=True)]  # fmt: skip
    text = notes(check(rows, as_of="2024-01-05"))["labels_later_than_as_of"]
    assert text.startswith("1 label became known later than the time of this evaluation")
    predictions = [{key: each[key] for key in ("id", "timestamp", "score")} for each in rows]
    outcomes = [{key: each[key] for key in ("id", "label", "observed_at")} for each in rows]
    assert "labels_later_than_as_of" in notes(check(predictions, outcomes, "2024-01-05"))
    assert "labels_later_than_as_of" not in notes(check(predictions, outcomes, "2099-01-02"))


def test_ages_are_those_of_the_declared_zone_and_hours_are_told_in_days():
    from leadline.evaluation.nowcasts import whole_ages

    rows = [row("a", "2024-01-02T12", 0.9, True, observed_at="2024-01-03"), row("b", "2024-01-05T02", 0.9)]
    found = evaluation(rows, as_of="2024-01-06T03", timezone="America/New_York", window="1h")
    ages = whole_ages(found.series, found.grain, found.as_of)
    # as of 5 January, 22 hours in New York: the 4th is the last whole day
    assert (ages[0], ages[-1]) == (2, 0)
    assert spec(rows).outcomes.matures_after is None
    assert DAY == 86_400


def test_classes_are_nowcast_too():
    """Three classes: eels are told apart at once, cats slowly, dogs after a month only."""
    rng = np.random.default_rng(5)
    n = 70 * 200
    day, actual = np.sort(rng.integers(0, 70, n)), rng.choice(3, n, p=[0.5, 0.3, 0.2])
    predicted = np.where(rng.random(n) < 0.8, actual, rng.integers(0, 3, n))
    delay = np.choose(actual, [np.full(n, 30.0), rng.exponential(6, n), np.zeros(n)])
    predictions, outcomes = tables(Rows(day, predicted, actual, delay))
    names = np.array(["dog", "cat", "eel"])
    predictions = predictions.set_column(2, "prediction", [names[predicted]])
    outcomes = outcomes.set_column(1, "label", [names[actual[np.asarray(outcomes["id"])]]])
    metrics = ["accuracy", "macro_f1", "recall(class=cat)"]
    found = check(predictions, outcomes, "2026-03-12", task="multiclass", metrics=metrics, window="7d")
    assert "95 % of the dog labels have come" in notes(found)["maturity_inferred"]
    for name in metrics:
        estimated = by_status(found, name)["estimated"]
        assert estimated
        for each in estimated:
            start = (np.datetime64(each["window_start"][:10]) - np.datetime64("2026-01-01")).astype(int)
            mine = (day >= start) & (day < start + 7) & ((actual == 1) | (name != "recall(class=cat)"))
            if name != "macro_f1":
                assert each["low"] <= (predicted == actual)[mine].mean() <= each["high"]
            assert "the dog ones are taken to be the rest" in each["why"]


def test_numbers_have_no_nowcast_and_their_maturity_is_inferred_all_the_same():
    rng = np.random.default_rng(6)
    rows = [
        {"id": n, "timestamp": f"2024-01-{n % 28 + 1:02d}", "prediction": 1.0, "label": float(rng.normal()),
         "observed_at": np.datetime64(f"2024-01-{n % 28 + 1:02d}") + np.timedelta64(int(rng.integers(0, 49)), "h")}
        for n in range(2000)
    ]  # fmt: skip
    rows = [{**each, "observed_at": str(each["observed_at"])} for each in rows]
    found = check(rows, as_of="2024-01-29", task="regression", metrics=["mae"])
    assert found.spec.label.matures_after == timedelta(days=2)
    assert {each["status"] for each in found.estimates} <= {"realised", "provisional"}


@pytest.mark.parametrize("window", ["1h", "1d", "28d", "1mo"])
def test_every_length_of_windows_has_an_answer(rows, window):
    few = rows.day >= 45
    short = Rows(rows.day[few], rows.predicted[few], rows.actual[few], rows.delay[few])
    found = checked(short, window=window, metrics=["precision"])
    realised = [each for each in found.estimates if each["status"] == "realised"]
    assert all(each["window_end"] <= "2026-03-03" for each in realised)
    for each in found.estimates:
        assert each["value"] is not None or each["why"]
        if each["status"] == "estimated":
            assert 0 <= each["low"] <= each["value"] <= each["high"] <= 1
