"""Guesses: what common logs are taken for, that odd ones do not break them, and that what is proposed can be loaded."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from leadline.spec import from_mapping, load
from leadline.spec.infer import Guess, guess
from leadline.spec.propose import to_mapping, to_yaml

N = 200
START = datetime(2013, 4, 1, tzinfo=UTC)
RANDOM = np.random.default_rng(0)
SCORES = RANDOM.random(N).round(4)
LATE = RANDOM.random(N) < SCORES
TIMES = [START + timedelta(hours=n) for n in range(N)]


def predictions(**more: Any) -> dict[str, Any]:
    return {
        "prediction_id": [f"p{n}" for n in range(N)],
        "scheduled_at": TIMES,
        "score": SCORES,
        "carrier": [("B6", "AA", "DL")[n % 3] for n in range(N)],
        **more,
    }


def parts(found: Guess) -> dict[str, str]:
    return {role.role: role.column for role in found.roles}


def outcome_parts(found: Guess) -> dict[str, str]:
    return {role.role: role.column for role in found.outcome_roles}


def reloaded(found: Guess, tmp_path: Path, count: int = 1, **more: Any) -> Any:
    """The proposal as `load` reads it; the mapping says the same."""
    sources = [f"table {n}.parquet" for n in range(count)]
    path = tmp_path / "leadline.yaml"
    path.write_text(to_yaml(found, sources, **more), encoding="utf-8")
    spec = load(path)
    mapped = from_mapping({"model": "my-model", **to_mapping(found, sources)}, directory=tmp_path)
    assert spec.model_copy(update={"objectives": ()}).model_dump() == mapped.model_dump()
    return spec


def test_one_table(tmp_path: Path) -> None:
    seen = [time + timedelta(hours=30) for time in TIMES]
    table = pa.table(predictions(late=LATE, observed_at=seen, tail_id=[f"N{n % 50}" for n in range(N)]))
    found = guess([table])
    assert parts(found) == {
        "id": "prediction_id",
        "timestamp": "scheduled_at",
        "score": "score",
        "entity": "tail_id",
    }
    assert outcome_parts(found) == {"observed_at": "observed_at", "value": "late"}
    assert (found.task, found.positive, found.slices, found.missing) == ("binary", True, ("carrier",), ())
    assert found.matures_after == timedelta(days=2)
    assert "score: `score`, decimals in [0, 1]" in found.sentences
    assert reloaded(found, tmp_path).label.value == "late"


def test_predictions_and_outcomes_are_told_apart(tmp_path: Path) -> None:
    made = pa.table(predictions(predicted=SCORES >= 0.5, model_version=["v1"] * N))
    order = RANDOM.permutation(N)[:150]
    known = pa.table(
        {
            "prediction_id": [f"p{n}" for n in order],
            "late": [str(LATE[n]) for n in order],
            "observed_at": [TIMES[n] + timedelta(minutes=90) for n in order],
            "kind": ["label" if n % 2 else "click" for n in range(150)],
        }
    )
    for tables, first, second in ([made, known], 0, 1), ([known, made], 1, 0):
        found = guess(tables)
        assert (found.predictions, found.outcomes) == (first, second)
        assert parts(found)["prediction"] == "predicted"
        assert parts(found)["version"] == "model_version"
        assert outcome_parts(found) == {"id": "prediction_id", "observed_at": "observed_at", "value": "late"}
        assert (found.task, found.positive, found.where) == ("binary", "True", "kind = 'label'")
        assert found.matures_after == timedelta(hours=2)
        spec = reloaded(found, tmp_path, 2)
        assert str(spec.label.source) == f"table {second}.parquet"


def test_the_label_is_found_by_what_was_predicted() -> None:
    other = RANDOM.integers(0, 2, N)
    by_score = guess([pa.table(predictions(is_canceled=LATE.astype(int), is_repeated=other))])
    assert outcome_parts(by_score)["value"] == "is_canceled"
    assert "goes with `score`" in by_score.outcome_roles[0].reason
    by_class = guess([pa.table(predictions(other=other, employed=LATE.astype(int), prediction=(SCORES > 0.5)))])
    assert outcome_parts(by_class)["value"] == "employed"
    assert "agrees with `prediction` in" in by_class.outcome_roles[0].reason


def test_a_column_that_spells_out_the_label_is_no_slice() -> None:
    status = np.where(LATE, "Canceled", "Check-Out")
    found = guess([pa.table(predictions(label=LATE, status=status))])
    assert found.slices == ("carrier",)
    assert any("`status` spells out the label" in note for note in found.notes)


def test_multiclass_by_columns_and_by_list(tmp_path: Path) -> None:
    animals = ["cat", "dog", "no"]
    label = [animals[n % 3] for n in range(N)]
    by_column = guess([pa.table(predictions(label=label, p_cat=SCORES, p_dog=SCORES, p_no=SCORES))])
    assert (by_column.task, by_column.column("score")) == ("multiclass", None)
    assert reloaded(by_column, tmp_path).predictions.columns.scores == {"cat": "p_cat", "dog": "p_dog", "no": "p_no"}
    by_list = guess([pa.table({**predictions(label=label), "score": [[0.2, 0.3, 0.5]] * N})])
    assert reloaded(by_list, tmp_path).predictions.columns.scores.classes == ("cat", "dog", "no")
    assert "scores" not in str(by_list.missing)


def test_regression(tmp_path: Path) -> None:
    found = guess([pa.table(predictions(y_pred=SCORES * 100, y_true=SCORES * 100 + 1))])
    assert (found.task, parts(found)["prediction"], outcome_parts(found)["value"]) == ("regression", "y_pred", "y_true")
    assert reloaded(found, tmp_path).task == "regression"


@pytest.mark.parametrize(
    ("label", "positive"),
    [(["yes", "no"], "yes"), (["good", "bad"], "bad"), (["Stayed", "Churned"], "Churned"), ([1, 2], None)],
)
def test_the_positive_class(label: list[Any], positive: Any) -> None:
    values = [label[n % 7 != 0] for n in range(N)]
    found = guess([pa.table(predictions(label=values))])
    assert found.positive in ((positive,) if positive is not None else (1, 2))
    assert "check it" in found.positive_reason


@pytest.mark.parametrize(
    ("dropped", "said"),
    [
        ("prediction_id", "id: no column has a value of its own in every row"),
        ("scheduled_at", "timestamp: no column is a date or time; add when each prediction was made"),
        ("score", "score: no column looks like the model's score or prediction"),
        ("late", "outcomes: no column looks like a label; name it below outcomes"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(dropped: str, said: str, tmp_path: Path) -> None:
    table = pa.table(predictions(late=LATE, hour=[n % 24 for n in range(N)])).drop_columns([dropped])
    found = guess([table])
    assert any(each.startswith(said) for each in found.missing)
    text = to_yaml(found, ["x.parquet"])
    assert f"# TO DO: {said}" in text
    assert reloaded(found, tmp_path)


def test_two_columns_that_make_an_id_are_proposed() -> None:
    times = [START + timedelta(hours=n // 2) for n in range(N)]
    table = pa.table({"timestamp": times, "station": ["a", "b"] * (N // 2), "score": SCORES})
    assert "`station` and `timestamp` together have: make a column of them" in guess([table]).missing[0]


def test_whole_numbers_that_are_years_are_times_where_there_are_no_others() -> None:
    found = guess([pa.table({"id": range(N), "year": [2015 + n % 4 for n in range(N)], "score": SCORES})])
    assert parts(found)["timestamp"] == "year"
    assert not any(each.startswith("timestamp") for each in found.missing)


def test_objectives_are_proposed_on_the_safe_side(tmp_path: Path) -> None:
    found = guess([pa.table(predictions(late=LATE))])
    spec = reloaded(found, tmp_path, observed={"recall": 0.8123, "brier": 0.1, "predicted_positive_rate": 0.3, "x": 1})
    targets = {str(objective.metric): objective for objective in spec.objectives}
    assert "predicted_positive_rate" not in targets  # it has no good side
    assert 0.7 < targets["recall"].at_least < 0.8123
    assert targets["recall"].slices == ()  # the level is that of all rows


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("latency_s", SCORES, "latency_s"),
        ("responseTimeSeconds", SCORES, "latency_s"),
        ("latency_s", SCORES - 1, None),  # below 0
        ("duration_s", SCORES, None),  # of what?
        ("is_error", LATE, "error"),
        ("error", ["timeout" if n % 9 == 0 else None for n in range(N)], "error"),
        ("error", SCORES, None),  # a residual
        ("error", ["ok" if n % 9 else "timeout" for n in range(N)], None),
    ],
)
def test_latency_and_errors_are_found_by_name_and_values(
    name: str, values: Any, role: str | None, tmp_path: Path
) -> None:
    found = guess([pa.table(predictions(label=LATE, **{name: values}))])
    taken = {"latency_s", "error"} & parts(found).keys()
    assert taken == ({role} if role else set())
    spec = reloaded(found, tmp_path)
    if role is not None:
        assert getattr(spec.predictions.columns, role) == name
        text = (tmp_path / "leadline.yaml").read_text()
        assert f"    {role}: {name}" in text
        assert "# The service can be promised as well, e.g. `- {metric: " in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("latency_ms", "latency_s: `latency_ms` reads as milliseconds: make a column of seconds of it and name that"),
        ("latency", "latency_s: `latency` does not say its unit: name it there if it is in seconds"),
    ],
)
def test_a_latency_in_another_unit_is_told_and_not_taken(name: str, said: str, tmp_path: Path) -> None:
    found = guess([pa.table(predictions(label=LATE, **{name: 1000 * SCORES}))])
    assert "latency_s" not in parts(found)
    assert said in found.notes
    reloaded(found, tmp_path)
    assert f"# {said}" in (tmp_path / "leadline.yaml").read_text()


@pytest.mark.parametrize(
    "table",
    [
        pa.table({}),
        pa.table({"score": pa.array([], pa.float64())}),
        pa.table(predictions(late=LATE)).slice(0, 0),
        pa.table(predictions(late=LATE)).slice(0, 1),
        pa.table({"id": pa.nulls(3), "ts": pa.nulls(3, pa.timestamp("us")), "score": pa.nulls(3, pa.float32())}),
        pa.table({"label": pa.nulls(2), "score": [0.1, float("nan")], "timestamp": [START, None]}),
        pa.table(
            {"select": [1, 2], 'a "b"': ["x", None], "x: y # z": [True, False], "": [1.5, 2.5], "a\nb": ["p", "q"]}
        ),
        pa.table({"score": [Decimal("0.1"), Decimal("0.9")], "label": pa.array(["a", "b"]).dictionary_encode()}),
        pa.table({"score": [float("inf"), 0.1], "day": [date(2020, 1, 1), date(2020, 1, 2)], "label": [0.0, 1.0]}),
        pa.table({"s": [{"a": 1}], "l": [[1]], "b": [b"x"], "d": [timedelta(1)], "u": pa.array([2**63], pa.uint64())}),
        pa.table({"ts": pa.array([1, 2], pa.timestamp("ns", "UTC")), "id": pa.array(["a", "b"], pa.string_view())}),
    ],
)
def test_odd_tables_give_a_proposal_that_loads(table: pa.Table, tmp_path: Path) -> None:
    found = guess([table])
    assert found.missing or table.num_columns > 3
    reloaded(found, tmp_path)
    reloaded(guess([table, table]), tmp_path, 2)


cells = st.sampled_from(
    [
        pa.array([1, 2, 3]),
        pa.array([0, 1, None]),
        pa.array([0.1, 0.5, float("nan")]),
        pa.array([1.5, None, float("-inf")]),
        pa.array(["a", "b", "a"]),
        pa.array(["it's", '"', "${x}"]),
        pa.array([True, False, None]),
        pa.array([START, None, START + timedelta(days=1)]),
        pa.array([date(2020, 1, 1)] * 3),
        pa.nulls(3),
        pa.array([[0.1, 0.9]] * 3),
    ]
)
named = st.sampled_from(
    ["id", "ts", "score", "label", "prediction", "p_a", "p_b", "outcome_date", "kind", "user_id", "year"]
)
names = named | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
anything = st.dictionaries(names, cells, max_size=7).map(pa.table)


@given(tables=st.lists(anything, min_size=1, max_size=3))
def test_any_tables_give_a_proposal_that_loads(
    tables: list[pa.Table], tmp_path_factory: pytest.TempPathFactory
) -> None:
    reloaded(guess(tables), tmp_path_factory.mktemp("guess"), len(tables), observed={"recall": 0.5, "mae": 1.0})


def test_no_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one table"):
        guess([])


#: the public tables: where $LEADLINE_DATA says, or else beside the checkout
DATA = Path(os.environ.get("LEADLINE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
ROLES = {
    "hotel_bookings": {"id": "booking_id", "timestamp": "booking_date"},
    "longbeach_animal_shelter": {"id": "intake_id", "timestamp": "intake_date", "entity": "animal_id"},
    "crisislex_t26": {"id": "tweet_id", "timestamp": "timestamp"},
    "beijing_air_quality": {"timestamp": "timestamp"},
    "online_retail": {"timestamp": "InvoiceDate", "entity": "CustomerID"},
    "ma_employment": {
        "id": "id",
        "timestamp": "year",
        "score": "predicted_probability",
        "prediction": "prediction",
    },
}


@pytest.mark.skipif(not DATA.exists(), reason="there is no directory of public tables")
@pytest.mark.parametrize("name", ROLES)
def test_real_tables(name: str, tmp_path: Path) -> None:
    rows = next(pq.ParquetFile(DATA / name / f"{name}.parquet").iter_batches(10_000))
    found = guess([pa.Table.from_batches([rows])])
    assert parts(found) == ROLES[name]
    assert reloaded(found, tmp_path)
