"""Faults of the data as findings of a check: learnt from history, declared, and columns that go away or change."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv
from rich.console import Console

import leadline
from evaluation.small import at, spec
from leadline.values import Finding

DAYS, ROWS = 35, 120
#: no other findings
ALONE = {"find_slices": False, "check_columns": False}
LAST = DAYS - 2


def rows(days: int = DAYS, seed: int = 1) -> dict[str, Any]:
    r, n = np.random.default_rng(seed), days * ROWS
    moments = [
        datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day, minutes=11 * place)
        for day in range(days)
        for place in range(ROWS)
    ]
    score = r.random(n)
    return {
        "id": np.arange(n),
        "timestamp": moments,
        "score": score,
        "prediction": score > 0.5,
        "label": r.random(n) < score,
        "distance": r.gamma(3, 2, n),
        "carrier": r.choice(["AA", "B6", "UA"], n),
        "code": r.integers(1, 90, n).astype(float),
    }


def late(day: int = LAST) -> np.ndarray:
    return np.repeat(np.arange(DAYS), ROWS) >= day


def findings(given: Any, as_of: str | None = None, **declared: Any) -> tuple[Finding, ...]:
    table = (
        given if not isinstance(given, dict) else pa.table({name: pa.array(values) for name, values in given.items()})
    )
    if "label" in getattr(table, "column_names", ["label"]):
        declared = {"matures_after": "0d", **declared}
    declared = {"threshold": 0.5, "window": "7d", **ALONE, **declared}
    return leadline.check(spec(table, **declared), as_of=None if as_of is None else at(as_of)).findings


def test_a_quiet_log_has_no_finding():
    assert findings(rows()) == ()


def test_a_change_of_unit_is_found_with_its_day_and_what_to_look_at():
    given = rows()
    given["distance"] = np.where(late(), given["distance"] * 1000, given["distance"])
    (found,) = findings(given)
    assert found.kind == "unit_change"
    assert found.columns == ("distance",)
    assert found.since == datetime(2024, 2, 3, tzinfo=UTC)
    assert found.what.startswith("distance: all values × 1000, as from kilometres to metres")
    assert "since 2024-02-03" in found.what
    assert "never so before" in found.what
    assert found.rows == 2 * ROWS


def test_missing_values_are_told_by_the_hour_with_both_shares_and_a_condition():
    given = rows()
    hit = late(DAYS - 1) & (np.tile(np.arange(ROWS), DAYS) * 11 >= 14 * 60)
    given["code"] = pa.array(np.where(hit, np.nan, given["code"]), from_pandas=True)
    (found,) = findings(given)
    assert found.kind == "null_jump"
    assert found.since == datetime(2024, 2, 4, 14, tzinfo=UTC)
    assert found.where == "code IS NULL"
    before, now = found.evidence
    assert (before.value, before.metric) == (0.0, "missing_share")
    assert now.window.start == found.since
    assert (now.value, now.n, found.rows) == (1.0, hit.sum(), hit.sum())
    assert now.low is not None
    assert now.low < now.value
    assert "missing in all rows since 2024-02-04 14:00" in found.what


ZONE = "America/New_York"


def local(given: dict[str, Any]) -> list[datetime]:
    return [moment.astimezone(ZoneInfo(ZONE)) for moment in given["timestamp"]]


def some_missing(values: Any, hit: np.ndarray) -> pa.Array:
    return pa.array(np.where(hit, np.nan, values), from_pandas=True)


def test_a_share_since_an_hour_is_that_of_the_rows_from_this_hour_on():
    given, r = rows(), np.random.default_rng(8)
    begin = datetime(2024, 1, 30, 16, tzinfo=ZoneInfo(ZONE))
    since = np.array([moment >= begin for moment in local(given)])
    hit = since & (r.random(DAYS * ROWS) < 0.4)
    (found,) = findings({**given, "code": some_missing(given["code"], hit)}, timezone=ZONE)
    assert found.since is not None
    assert abs(found.since - begin) <= timedelta(hours=1)
    mine = np.array([moment >= found.since for moment in local(given)])
    now = found.evidence[-1]
    assert now.window.start == found.since
    assert (now.n, now.value) == (mine.sum(), pytest.approx(hit[mine].mean()))
    assert found.rows == hit[mine].sum()
    assert f"missing in {100 * hit[mine].mean():.2g} % of the rows since 2024-01-30 " in found.what


def test_a_share_of_a_slice_is_that_of_its_rows_from_the_hour_on():
    given, r = rows(), np.random.default_rng(9)
    mine = (given["carrier"] == "AA") & late(DAYS - 6)
    hit = mine & (r.random(DAYS * ROWS) < np.where(late(DAYS - 1), 0.8, 0.5))
    given["code"] = some_missing(given["code"], hit)
    (found,) = findings(given, slices=["carrier"])
    assert str(found.slice) == "carrier=AA"
    assert found.since is not None
    since = mine & np.array([moment >= found.since for moment in given["timestamp"]])
    assert found.since < datetime(2024, 1, 30, 12, tzinfo=UTC)
    assert (found.rows, found.evidence[-1].n) == (hit[since].sum(), since.sum())
    assert found.evidence[-1].value == pytest.approx(hit[since].mean())


def test_a_value_that_stands_for_none_is_counted_apart_from_those_beside_it():
    given, r = rows(), np.random.default_rng(10)
    hit = late() & (r.random(DAYS * ROWS) < 0.2)
    given["distance"] = np.where(hit, np.where(r.random(DAYS * ROWS) < 0.7, -500.0, -495.5), given["distance"])
    (found,) = findings(given)
    assert found.kind == "sentinel"
    assert found.since is not None
    since = np.array([moment >= found.since for moment in given["timestamp"]])
    exact = given["distance"] == -500
    assert found.where == "distance = -500"
    assert (found.rows, found.evidence[-1].n) == (exact.sum(), since.sum())
    assert f"-500 in {100 * exact[since].mean():.2g} % of the rows" in found.what


def test_columns_that_are_missing_together_are_told_with_the_share_of_rows_in_which_all_are():
    given, r = rows(), np.random.default_rng(11)
    hit = late(DAYS - 5) & (r.random(DAYS * ROWS) < 0.4)
    more = hit | (late(DAYS - 5) & (r.random(DAYS * ROWS) < 0.01))
    (found,) = findings(
        {**given, "code": some_missing(given["code"], more), "distance": some_missing(given["distance"], hit)}
    )
    assert found.kind == "null_join_keys"
    assert found.since is not None
    since = np.array([moment >= found.since for moment in given["timestamp"]])
    assert (found.rows, found.evidence[-1].n) == (hit[since].sum(), since.sum())
    assert f"missing together in {100 * hit[since].mean():.2g} % of the rows" in found.what


def test_findings_stand_in_the_document_in_the_text_and_in_the_report():
    given = rows()
    given["distance"] = np.where(late(), -given["distance"], given["distance"])
    table = pa.table({name: pa.array(values) for name, values in given.items()})
    result = leadline.check(spec(table, threshold=0.5, matures_after="0d", **ALONE))
    (found,) = json.loads(result.to_json())["findings"]
    assert found["kind"] == "sign_flip"
    assert found["since"] == "2024-02-03T00:00:00Z"
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(result)
    text = console.export_text()
    assert "Why?" in text
    assert "distance: all values with the other sign" in text
    assert found["next"] in result.to_html()
    assert result.exit_code() == leadline.check(spec(table, threshold=0.5, find_faults=False)).exit_code()


def test_a_code_of_one_letter_is_no_truth():
    given, r = rows(), np.random.default_rng(5)
    given["wind"] = np.where(late(), r.choice(["N", "E", "SW"], DAYS * ROWS), r.choice(["NW", "S", "W"], DAYS * ROWS))
    kinds = {each.kind for each in findings(given, features=["wind"])}
    assert kinds
    assert "type_change" not in kinds


def test_the_index_that_pandas_writes_is_no_feature():
    given = rows()
    index = np.where(late(), np.arange(DAYS * ROWS) * 1000.0, 1.0)
    assert findings({**given, "counter": index})
    assert findings({**given, "__index_level_0__": index}) == ()


def test_what_is_not_wanted_is_not_looked_for():
    given = rows()
    given["distance"] = -given["distance"]
    given["distance"][late()] *= -1000
    assert findings(given, find_faults=False) == ()


def test_as_of_before_a_fault_it_is_not_known():
    given = rows()
    given["distance"] = np.where(late(), given["distance"] * 1000, given["distance"])
    del given["label"]
    assert findings(given, as_of="2024-02-02T23:30", metrics=["share"]) == ()
    assert findings(given, as_of="2024-02-03T23:30", metrics=["share"])[0].kind == "unit_change"


# Declared ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "feature", "value", "words", "where"),
    [
        ("distance", {"min": 0}, -5.0, "distance: below 0 in", "distance < 0"),
        ("distance", {"max": 1000}, 2000.0, "distance: above 1000 in", "distance > 1000"),
        (
            "carrier",
            {"allowed": ["AA", "B6", "UA"]},
            "ZZ",
            "carrier: with a value that is not allowed",
            "carrier NOT IN",
        ),
        ("carrier", {"matches": "^[A-Z][A-Z0-9]$"}, "aa", "carrier: with text that does not match", None),
        ("carrier", {"not_null": True}, None, "carrier: missing in", "carrier IS NULL"),
    ],
)
def test_rows_that_break_what_is_declared_are_found_whatever_history_says(name, feature, value, words, where):
    given = rows()
    values = given[name].astype(object)
    place = DAYS * ROWS - 5
    values[place] = value
    found = findings({**given, name: pa.array(values.tolist())}, features={name: feature})
    (broken,) = (each for each in found if each.kind == next(iter(feature)))
    assert broken.what.startswith(words)
    assert "2024-02-04" in broken.what
    assert "declared is" in broken.what
    assert (broken.where or "").startswith(where or "")
    assert broken.rows == 1
    assert findings(given, features={name: feature}) == ()


@pytest.mark.parametrize(
    ("name", "feature", "broken"),
    [
        ("code", {"allowed": ["1", "2"]}, "code NOT IN (1, 2)"),
        ("code", {"allowed": ["one", "two"]}, "code IS NOT NULL"),
        ("carrier", {"allowed": [1, 2]}, "carrier NOT IN ('1', '2')"),
        ("carrier", {"min": 3}, None),
    ],
)
def test_rules_of_another_type_than_their_column_are_judged_where_they_can_be(name, feature, broken):
    found = findings(rows(), features={name: feature})
    assert [each.where for each in found] == ([] if broken is None else [broken])


def test_numbers_that_are_written_as_text_are_judged_as_numbers():
    given = rows()
    words = [str(value) for value in given["distance"]]
    words[-1], words[-2] = "5000", "far"
    found = findings({**given, "distance": words}, features={"distance": {"max": 1000}})
    (broken,) = (each for each in found if each.kind == "max")
    assert broken.rows == 1
    assert broken.where is None


def test_a_column_without_a_type_is_said_to_have_no_value():
    (found,) = findings({**rows(), "carrier": pa.nulls(DAYS * ROWS)}, features=["carrier"])
    assert found.kind == "always_missing"


def test_what_has_always_been_broken_is_told_as_that():
    given = rows()
    (found,) = findings(given, features={"distance": {"max": 1}})
    assert found.since is None
    assert "it has been so in all of the log" in found.what


def test_values_that_are_to_be_unique():
    given = rows()
    given["code"] = np.random.default_rng(3).permutation(DAYS * ROWS).astype(float)
    assert findings(given, features={"code": {"unique": True, "type": "numeric"}}) == ()
    given["code"][-1] = given["code"][-2]
    (found,) = findings(given, features={"code": {"unique": True}})
    assert found.rows == 2


def test_a_declared_feature_that_is_not_there_is_a_finding_and_the_check_goes_on():
    (found,) = findings(rows(), features=["distance", "weather"])
    assert found.kind == "missing_column"
    assert found.columns == ("weather",)


def expected(given: dict[str, Any], as_of: str | None, **parts: Any) -> tuple[Finding, ...]:
    table = pa.table({name: pa.array(values) for name, values in given.items()})
    made = spec(table, threshold=0.5, matures_after="0d", window="7d", **ALONE)
    predictions = made.predictions.model_copy(update={"expected": leadline.spec.model.Expected(**parts)})
    made = made.model_copy(update={"predictions": predictions})
    return leadline.check(made, as_of=None if as_of is None else at(as_of)).findings


def test_the_newest_prediction_may_be_so_old_and_closed_days_do_not_count():
    given = rows()
    assert expected(given, "2024-02-05T08:00", within="12h") == ()
    (found,) = expected(given, "2024-02-07T00:00", within="12h")
    assert found.kind == "freshness"
    assert "declared is at most 12 hours" in found.what


def test_days_with_fewer_rows_than_declared_are_told_but_for_closed_ones():
    given = rows()
    day = np.repeat(np.arange(DAYS), ROWS)
    few = {
        name: np.asarray(values)[(day != 31) | (np.tile(np.arange(ROWS), DAYS) < 70)] for name, values in given.items()
    }
    told = [each for each in expected(few, None, at_least=100) if "a day" in each.what and "declared" in each.what]
    assert len(told) == 1
    assert "70 rows a day" in told[0].what
    assert "on 2024-02-01" in told[0].what
    assert not [each for each in expected(few, None, at_least=100, closed=["thursday"]) if "declared" in each.what]


def test_a_declared_number_of_rows_that_was_never_kept_is_told_however_long_ago_it_began():
    (found,) = expected(rows(), None, at_least=ROWS + 10)
    assert f"{ROWS} rows a day" in found.what


# Columns that go away or change their type ---------------------------------------------------------------------------


def written(tmp_path: Path, second: dict[str, Any], suffix: str) -> str:
    """Two files, the second from day `LAST` on with other columns."""
    given = rows()
    halves = (~late(), late())
    for at_, (chosen, change) in enumerate(zip(halves, ({}, second), strict=True)):
        frame = {name: np.asarray(values)[chosen] for name, values in given.items()}
        frame = {name: values for name, values in {**frame, **change}.items() if values is not None}
        table = pa.table({name: pa.array(values.tolist()) for name, values in frame.items()})
        if suffix == "csv":
            csv.write_csv(table, tmp_path / f"{at_}.csv")
        else:
            pq.write_table(table, tmp_path / f"{at_}.parquet")
    return str(tmp_path / f"*.{suffix}")


def of_files(path: str, names: Any) -> tuple[Finding, ...]:
    return findings(path, named=names)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_feature_that_vanishes_half_way_is_a_finding(tmp_path, suffix):
    path = written(tmp_path, {"distance": None}, suffix)
    (found,) = of_files(path, rows())
    assert found.kind == "null_jump"
    assert found.what.startswith("distance: missing in all rows since 2024-02-03")
    assert "whether the source still delivers the column" in found.next


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_feature_that_changes_its_type_half_way_is_a_finding(tmp_path, suffix):
    words = np.array([f"{value:.1f} km" for value in rows()["distance"][late()]])
    path = written(tmp_path, {"distance": words}, suffix)
    (found,) = of_files(path, rows())
    assert found.kind == "type_change"
    assert found.columns == ("distance",)
    assert found.since == datetime(2024, 2, 3, tzinfo=UTC)
