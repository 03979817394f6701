"""Drift end to end: what is planted is called by its name, and what is quiet is not."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

import leadline
from leadline.cells.bins import Kind
from leadline.evaluation.columns import Columns
from leadline.evaluation.drifts import Drifts
from leadline.evaluation.result import DRIFT
from leadline.values import DriftVerdict, Undefined

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, REFERENCE, A_DAY = 42, 28, 300
Rows = dict[str, Any]


def rows(seed: int = 1, days: int = DAYS, change: Callable[[int, Rows], None] | None = None) -> pa.Table:
    """A log whose model is wrong more often for `hard` rows; `plain` says nothing of how well it predicts."""
    rng = np.random.default_rng(seed)
    made: list[Rows] = []
    for number in range(days * A_DAY):
        row: Rows = {
            "id": number,
            "at": START + timedelta(minutes=number * 1440 / A_DAY),
            "hard": float(rng.normal()),
            "plain": float(rng.normal()),
            "kind": str(rng.choice(["a", "b", "c"])),
        }
        if change is not None and number >= REFERENCE * A_DAY:
            change(number // A_DAY, row)
        wrong = 0.1 + 0.35 / (1 + math.exp(-2 * (row["hard"] or 0.0)))
        row["label"] = bool(rng.random() < 0.4)
        row["said"] = row["label"] != bool(rng.random() < wrong)
        made.append(row)
    return pa.Table.from_pylist(made)


def declared(table: pa.Table, **more: Any) -> Mapping[str, Any]:
    columns = {"id": "id", "timestamp": "at", "prediction": "said"}
    return {
        "version": 1,
        "model": "drifting",
        "task": "binary",
        "predictions": {"source": table, "columns": columns},
        "outcomes": {"columns": {"value": "label"}},
        "timezone": "UTC",
        "window": "1d",
        "metrics": ["accuracy"],
        "reference": {"until": "2024-01-29"},
        "find_slices": False,
        "find_faults": False,
        "objectives": [{"metric": "accuracy", "at_least": 0.5, "window": "7d"}],
    } | more


def check(table: pa.Table, **more: Any) -> leadline.Result:
    return leadline.check(declared(table, **more))


def drifts(result: leadline.Result) -> Drifts:
    found = result.evaluation.drifts
    assert found is not None
    return found


def verdicts(result: leadline.Result) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in drifts(result).every:
        found.setdefault(each.column, set()).add(each.verdict.value)
    return found


def of_findings(result: leadline.Result) -> list[Any]:
    return [each for each in result.findings if each.kind == "drift"]


def shifted(column: str, by: float) -> Callable[[int, Rows], None]:
    def change(day: int, row: Rows) -> None:
        if day >= 35:
            row[column] += by

    return change


@pytest.fixture(scope="module")
def quiet() -> leadline.Result:
    return check(rows())


@pytest.fixture(scope="module")
def harmful() -> leadline.Result:
    def change(day: int, row: Rows) -> None:
        if day >= 35:
            row["hard"] += 1.5
            row["plain"] += 1.0

    return check(rows(change=change))


def test_quiet_columns_have_not_drifted(quiet: leadline.Result) -> None:
    found = drifts(quiet).every
    assert {each.column for each in found} == {"hard", "plain", "kind", "said"}
    assert len(found) == 4 * (DAYS - REFERENCE)
    assert sum(each.drifted for each in found) <= 1
    assert of_findings(quiet) == []


def test_a_column_that_makes_rows_harder_explains_the_fall(harmful: leadline.Result) -> None:
    first, _ = of_findings(harmful)
    assert first.columns == ("hard",)
    assert "hard drifted since 2024-02-05: its median went from" in first.what
    assert "lowers accuracy by" in first.what
    assert " that it fell" in first.what
    assert first.effect.value == pytest.approx(-0.1, abs=0.04)
    assert first.effect.low <= first.effect.value <= first.effect.high < 0
    assert first.since == datetime(2024, 2, 5, tzinfo=UTC)
    assert "accuracy was" in first.next
    assert {each.metric for each in first.evidence} >= {"js_distance of hard", "wasserstein of hard"}


def test_a_column_that_changes_nothing_is_harmless(harmful: leadline.Result) -> None:
    last = of_findings(harmful)[-1]
    assert last.columns == ("plain",)
    assert last.what.startswith("1 column drifted, harmlessly: by itself it moves accuracy by less than")
    late = [each for each in drifts(harmful).every if each.column == "plain" and each.drifted]
    assert len(late) >= 7
    assert DriftVerdict.EXPLAINS not in {each.verdict for each in late}


def test_the_effect_is_that_of_weighing_the_reference_s_rows(harmful: leadline.Result) -> None:
    """Brute force over rows, with the bins that the check made."""
    columns = harmful.evaluation.columns
    assert isinstance(columns, Columns)
    of = next(each for each in columns.columns if each.column.name == "hard")
    (recent,) = [each for each in harmful.evaluation.latest_drifts.every if each.column == "hard"]  # type: ignore[union-attr]
    table = rows(change=lambda day, row: None if day < 35 else row.update(hard=row["hard"] + 1.5, plain=0.0))
    hard, right = np.array(table["hard"]), np.array(table["said"]) == np.array(table["label"])
    place = np.array([int(np.flatnonzero((of.bins.low <= x) & (x < of.bins.high))[0]) for x in hard])
    first = REFERENCE * A_DAY
    begin = DAYS * A_DAY - (7 + 1) * A_DAY  # the last day is not over, as its newest row is its end
    window = slice(begin, DAYS * A_DAY - A_DAY)
    p, q = (np.bincount(place[part], minlength=len(of.bins)) for part in (slice(first), window))
    p, q = p / p.sum(), q / q.sum()
    mean = np.array([right[:first][place[:first] == bin_].mean() if p[bin_] else np.nan for bin_ in range(len(p))])
    mean[of.bins.places(Kind.ABOVE)] = mean[of.bins.places(Kind.RANGE)[-1]]  # beyond all of the reference
    mean = np.nan_to_num(mean)
    assert recent.effects[0].value == pytest.approx(float(((q - p) * mean).sum()), abs=1e-12)


def test_what_a_few_rows_of_the_reference_did_is_not_taken_for_many() -> None:
    """A third of the rows get values of which the reference has four, all right; labels stay as they are."""

    def beyond(day: int, row: Rows) -> None:
        if day >= 35 and row["id"] % 3 == 0:
            row["plain"] = 5.0 + row["plain"] ** 2

    table = rows(change=beyond).to_pylist()
    for row in table[: REFERENCE * A_DAY : 2100]:
        row |= {"plain": 21.0, "said": row["label"]}
    found = check(pa.Table.from_pylist(table))
    latest = {each.column: each for each in found.evaluation.latest_drifts.every}["plain"]  # type: ignore[union-attr]
    assert latest.drifted
    assert latest.verdict is DriftVerdict.UNCLEAR
    assert "for which the reference has no labels, or too few" in str(latest.why)
    (effect,) = latest.effects
    assert effect.low is not None
    assert effect.high is not None
    assert effect.low < 0 < effect.high
    (told,) = of_findings(found)
    assert "What it does by itself to accuracy is not clear" in told.what
    assert told.next.startswith("Ask where the values come from; most changed are ")


def test_a_column_with_a_fault_is_named_where_drift_is_told() -> None:
    def metres(day: int, row: Rows) -> None:
        if day >= 35:
            row["plain"] *= 1000.0

    found = check(rows(change=metres), find_faults=True)
    assert [each.kind for each in found.findings if "plain" in each.columns] == ["unit_change"]
    printed = io.StringIO()
    Console(file=printed, width=120).print(found)
    text = " ".join(printed.getvalue().split())
    assert re.search(r"1 of 4 columns lies further from the reference .*?\. Of plain more is said above\.", text)
    assert "Of plain more is said above." in found.to_html()


def test_missing_values_and_new_categories_are_told() -> None:
    def change(day: int, row: Rows) -> None:
        if day >= 35:
            row["kind"] = "brand new" if row["id"] % 3 == 0 else row["kind"]
            row["plain"] = None if row["id"] % 2 else row["plain"]

    found = check(rows(change=change))
    latest = {each.column: each for each in found.evaluation.latest_drifts.every}  # type: ignore[union-attr]
    share = latest["kind"].unseen
    assert share == pytest.approx(1 / 3 * 6 / 7, abs=0.001)  # the seven days before the last one, which is not over
    assert latest["kind"].unseen_low < share < latest["kind"].unseen_high  # type: ignore[operator]
    assert latest["plain"].missing == pytest.approx(1 / 2 * 6 / 7, abs=0.001)
    told = {each.columns[0]: each.what for each in of_findings(found)}
    assert "values that the reference does not have went from 0 % to 29 % of the rows" in told["kind"]
    assert "rows without a value went from 0 % to 43 % of the rows" in told["plain"]
    assert latest["kind"].verdict is DriftVerdict.UNCLEAR
    assert "for which the reference has no labels" in str(latest["kind"].why)


def test_values_that_say_who_a_row_is_about_do_not_drift_but_may_be_missing() -> None:
    """Each comes three times and never again."""
    table = rows()
    sessions = [f"session {number // 3}" for number in range(len(table))]
    place = table.column_names.index("kind")
    quiet = check(table.set_column(place, "kind", pa.array(sessions)))
    assert verdicts(quiet)["kind"] == {"not_drifted"}
    half = [None if number % 2 and number >= 40 * A_DAY else name for number, name in enumerate(sessions)]
    broken = check(table.set_column(place, "kind", pa.array(half)))
    (latest,) = [each for each in broken.evaluation.latest_drifts.every if each.column == "kind"]  # type: ignore[union-attr]
    assert (latest.drifted, latest.unseen) == (True, None)  # what is new cannot be told
    assert latest.missing == pytest.approx(1 / 14, abs=0.001)  # one of the seven days that are over


def test_the_table_has_a_row_a_distance_and_the_document_the_latest_window(harmful: leadline.Result) -> None:
    table = harmful.drift
    assert len(table) == (8 + 8 + 7 + 7) * (DAYS - REFERENCE)  # words have no Wasserstein distance
    assert table.to_arrow().schema == DRIFT
    latest = json.loads(harmful.to_json())["drift"]
    assert {row["window_start"] for row in latest} == {"2024-02-04T00:00:00Z"}
    assert set(latest[0]) == set(DRIFT.names)
    for row in (*table, *latest):
        assert row["value"] >= 0
        assert row["excess"] <= row["value"]
        assert 0 <= row["floor"] <= row["floor_p99"]


def test_without_labels_drift_is_told_without_an_effect() -> None:
    change = shifted("hard", 1.5)
    made = dict(declared(rows(change=change).drop_columns(["label"])))
    for name in ("outcomes", "metrics", "objectives"):
        del made[name]
    found = leadline.check(made)
    (first, *_) = of_findings(found)
    assert first.columns == ("hard",)
    assert first.effect is None
    assert "no labelled rows" in first.what


def test_rows_of_the_reference_without_a_label_count_by_their_scores() -> None:
    """Where labels come for rows that were predicted positive, rows with labels say something else of recall."""
    rng = np.random.default_rng(7)
    count, late = DAYS * A_DAY, 35 * A_DAY
    x = rng.normal(size=count)
    x[late:] += 0.8
    score = 1 / (1 + np.exp(-(1.5 * x + rng.normal(size=count) * 0.3)))
    label = rng.random(count) < score
    known = (score >= 0.5) | (rng.random(count) < 0.1)
    table = {
        "id": range(count),
        "at": [START + timedelta(minutes=number * 1440 / A_DAY) for number in range(count)],
        "score": score,
        "x": x,
    }
    columns = {"id": "id", "timestamp": "at", "score": "score"}
    goal = {"metric": "recall", "at_least": 0.2, "window": "7d"}
    found = {}
    for name, labels in (
        ("all", label),
        ("some", [bool(y) if some else None for y, some in zip(label, known, strict=True)]),
    ):
        given = pa.table({**table, "label": pa.array(labels, pa.bool_())})
        result = check(given, predictions={"source": given, "columns": columns}, metrics=["recall"], objectives=[goal])
        (found[name],) = [each for each in result.evaluation.latest_drifts.every if each.column == "x"]  # type: ignore[union-attr]
    truth, expected = found["all"].effects[0], found["some"].effects[0]
    assert found["some"].why == "rows of the reference without a label count by their calibrated scores"
    assert truth.value > 0.05
    assert expected.value == pytest.approx(truth.value, abs=0.02)


def test_a_reference_of_its_own_is_compared_with() -> None:
    change = shifted("plain", 2.0)
    table = rows(change=change)
    own = table.slice(0, REFERENCE * A_DAY).append_column("more", pa.array([1] * (REFERENCE * A_DAY)))
    later = table.slice(REFERENCE * A_DAY).append_column("new one", pa.array([1.0] * ((DAYS - REFERENCE) * A_DAY)))
    found = check(later, reference={"source": own})
    seen = verdicts(found)
    assert seen["plain"] == {"not_drifted", "unclear"}
    columns = found.evaluation.columns
    assert isinstance(columns, Columns)
    assert columns.left_out == {"new one": "the reference has no such column"}


def test_without_features_score_and_prediction_are_read_from_the_metrics_cells() -> None:
    """The same verdicts as where they are read with a feature beside them."""
    rng = np.random.default_rng(5)
    count, late = DAYS * A_DAY, 35 * A_DAY
    score = rng.beta(2, 3, count)
    score[late:] = rng.beta(4, 3, count - late)
    table = pa.table(
        {
            "id": range(count),
            "at": [START + timedelta(minutes=number * 1440 / A_DAY) for number in range(count)],
            "score": score,
            "label": rng.random(count) < score,
        }
    )
    columns = {"id": "id", "timestamp": "at", "score": "score"}
    alone = check(table, predictions={"source": table, "columns": columns, "features": []})
    beside = table.append_column("constant", pa.array([1.0] * count))
    both = check(beside, predictions={"source": beside, "columns": columns, "features": ["constant"]})
    for name in ("score", "prediction"):
        ours, theirs = (
            [each.drifted for each in drifts(result).every if each.column == name] for result in (alone, both)
        )
        assert ours == theirs
        assert ours[8:] == [True] * 6
        effects = [
            next(each.effects[0] for each in result.evaluation.latest_drifts.every if each.column == name)  # type: ignore[union-attr]
            for result in (alone, both)
        ]
        assert effects[0].value == pytest.approx(effects[1].value, abs=0.01)


def test_a_regression_s_prediction_and_mean_error() -> None:
    def change(day: int, row: Rows) -> None:
        if day >= 35:
            row["hard"] += 2.0

    table = rows(change=change)
    rng = np.random.default_rng(6)
    hard = np.array(table["hard"])
    label = rng.normal(size=len(hard)) * (1 + np.exp(hard / 2))
    table = table.set_column(table.column_names.index("label"), "label", pa.array(label))
    table = table.set_column(table.column_names.index("said"), "said", pa.array(np.zeros(len(hard)) + 0.1 * hard))
    goal = {"metric": "mae", "at_most": 100, "window": "7d"}
    found = check(table, task="regression", metrics=["mae"], objectives=[goal])
    first = of_findings(found)[0]
    assert first.columns[0] in ("hard", "said")
    assert "raises mae by" in first.what
    assert first.effect.value > 0.3


def test_columns_of_all_odd_kinds_have_a_verdict_or_are_left_out() -> None:
    table = rows()
    count = table.num_rows
    odd = {
        "nothing": pa.nulls(count, pa.float64()),
        "no text": pa.nulls(count, pa.string()),
        "same": pa.array(["x"] * count),
        "flag": pa.array([number % 3 == 0 for number in range(count)]),
        "ids": pa.array([f"user {number}" for number in range(count)]),
        "numbers": pa.array(range(count)),
        "when": table["at"],
        "list": pa.array([[1.0, 2.0]] * count),
        "infinite": pa.array([math.inf if number % 5 else math.nan for number in range(count)]),
        "decimal": pa.array(range(count), pa.decimal128(12, 0)),
    }
    for name, values in odd.items():
        table = table.append_column(name, values)
    found = verdicts(check(table))
    assert found["nothing"] == found["no text"] == found["same"] == found["infinite"] == {"not_drifted"}
    assert found["flag"] == {"not_drifted"}
    assert "when" not in found
    assert "list" not in found
    # what is new every day was so in the reference
    assert found["numbers"] == found["decimal"] == found["ids"] == {"not_drifted"}


def test_a_log_that_is_all_reference_has_nothing_to_compare() -> None:
    found = check(rows(days=20))
    assert list(found.drift) == []
    assert of_findings(found) == []


def test_an_empty_log_has_no_drift() -> None:
    found = check(rows().slice(0, 0))
    assert isinstance(found.evaluation.columns, Undefined)
    assert list(found.drift) == []


def test_it_can_be_left_out() -> None:
    found = check(rows(), check_columns=False)
    assert found.evaluation.columns is None
    assert json.loads(found.to_json())["drift"] == []


def test_windows_without_rows_say_so() -> None:
    table = rows()
    kept = [number for number in range(table.num_rows) if number // A_DAY != 30]
    found = [each for each in drifts(check(table.take(kept))).every if each.column == "plain"]
    (empty,) = [each for each in found if not each.rows]
    assert empty.verdict is DriftVerdict.NO_DATA
    assert empty.distances == ()
    assert empty.why == "no rows"


def test_hours_are_compared_by_day_where_hours_would_be_too_many_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadline.evaluation.column_reading.MOST_CELLS", 200_000)
    goal = {"metric": "accuracy", "at_least": 0.5, "window": "1d"}
    found = check(rows(change=shifted("plain", 2.0)), window="1h", objectives=[goal])
    every = [each for each in drifts(found).every if each.column == "plain"]
    assert len(every) == DAYS - REFERENCE
    assert [each.drifted for each in every] == [False] * 7 + [True] * 7
