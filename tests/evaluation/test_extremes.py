"""Values at the edge of what numbers and calendars hold: an answer or a clear refusal, never a crash."""

from datetime import datetime, timedelta

import pyarrow as pa
import pytest

import leadline

START = datetime(2025, 1, 1)


def log(rows: int = 40, **more) -> pa.Table:
    columns = {
        "id": list(range(rows)),
        "ts": [START + timedelta(hours=place) for place in range(rows)],
        "score": [(place % 10) / 10 for place in range(rows)],
        "label": [place % 3 == 0 for place in range(rows)],
    }
    return pa.table({**columns, **more})


def checked(table: pa.Table, **declared) -> leadline.Result:
    return leadline.check(table, task="binary", score="score", label="label", **{"slices": [], **declared})


def slices(found: leadline.Result, name: str) -> dict[str, int]:
    rows = [row for row in found.estimates if row["metric"] == "share" and row["slice"] and name in row["slice"]]
    return {row["slice"][name]: row["n"] for row in rows}


def test_a_value_on_an_edge_is_in_the_bin_that_begins_there():
    bins = {"name": "x", "bin": {"column": "x", "width": 0.1}}
    found = checked(log(x=[(place % 10) / 10 for place in range(40)]), slices=[bins])
    assert set(slices(found, "x").values()) == {4}
    assert len(slices(found, "x")) == 10


def test_a_value_beyond_all_bins_is_missing_and_stops_nothing():
    found = checked(log(x=[1e300, -1e300] + [1.0] * 38), slices=[{"name": "x", "bin": {"column": "x", "width": 1e-9}}])
    assert slices(found, "x")[None] == 2


def test_declared_edges_do_not_depend_on_the_data():
    low_then_high = [-20.0] * 10 + [5.0] * 30
    found = checked(
        log(x=low_then_high), slices=[{"name": "x", "bin": {"column": "x", "edges": [-10, 0, 10]}}],
        reference={"until": START + timedelta(hours=10)},
    )  # fmt: skip
    assert slices(found, "x") == {"(-inf, -10)": 10, "[0, 10)": 30}


def test_an_objective_of_a_condition_judges_where_it_holds():
    found = checked(
        log(x=list(range(40))), slices=[{"name": "long", "where": "x > 20"}], metrics=["accuracy"],
        objectives=[{"metric": "accuracy", "at_least": 0.1, "window": "7d", "slices": ["long"]}],
    )  # fmt: skip
    assert [row["slice"] for row in found.objectives] == [None, {"long": True}]


def test_one_wrong_year_is_refused_by_its_times():
    times = [datetime(1678, 1, 1), *[START + timedelta(hours=place) for place in range(39)]]
    with pytest.raises(leadline.InputError, match="from 1678-01-01 00:00 to 2025-01-02 14:00 UTC, more than"):
        checked(log(ts=times))


def test_the_first_day_of_the_calendar_is_before_all_labels():
    found = leadline.check(log(seen=[START] * 40), task="binary", score="score", label="label", observed_at="seen",
                           slices=[], matures_after="2d", as_of="0001-01-01")  # fmt: skip
    assert found.labels.predictions == 0


@pytest.mark.parametrize("weight", [1e-300, 1e300])
def test_extreme_weights_have_no_interval_rather_than_a_crash(weight):
    found = checked(log(weight=[weight] * 40), weight="weight", metrics=["accuracy", "brier", "roc_auc"])
    assert all(row["value"] is not None or row["why"] for row in found.estimates)


def test_tiny_errors_are_no_crash():
    table = log(predicted=[1e-300] * 40, number=[2e-300] * 40)
    found = leadline.check(table, task="regression", prediction="predicted", label="number", metrics="all", slices=[])
    assert all(row["value"] is not None or row["why"] for row in found.estimates)


def test_a_reference_without_a_slices_column_leaves_the_slice_out():
    found = checked(log(g=["a", "b"] * 20), slices=["g"], reference={"source": log(rows=5)})
    assert "slice_left_out" in {note.code for note in found.notes}
