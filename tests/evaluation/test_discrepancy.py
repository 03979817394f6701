"""A table of production beside that of training: what differs is called by its name, the rest is left alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import leadline
from leadline.quality.tables import LEAST_ROWS
from leadline.values import InputError

N = 4000


def made(seed: int, rows: int = N) -> dict[str, np.ndarray]:
    r = np.random.default_rng(seed)
    return {
        "distance": r.gamma(3, 2, rows),
        "height": r.normal(170, 10, rows),
        "degrees": r.normal(15, 8, rows),
        "year": r.integers(2005, 2020, rows),
        "carrier": r.choice(["AA", "B6", "UA"], rows, p=[0.5, 0.3, 0.2]),
        "note": np.array([f"gate {each} of the terminal" for each in r.integers(0, 10**6, rows)]),
    }


def compare(training, production, **asked):
    return leadline.discrepancy(pa.table(training), pa.table(production), **asked)


@pytest.mark.parametrize("seed", range(5))
def test_rows_of_one_source_differ_in_nothing(seed):
    found = compare(made(seed), made(seed + 100, N // 3))
    assert found.agrees, str(found)
    assert found.drifted == ()
    assert (found.training_rows, found.production_rows) == (N, N // 3)


def test_a_table_agrees_with_itself():
    assert compare(made(1), made(1)).agrees


CHANGES = {
    "unit_change": ("distance", lambda x: x * 1000),
    "sign_flip": ("distance", lambda x: -x),
    "null_jump": ("height", lambda x: pa.array([None if at % 3 else v for at, v in enumerate(x.tolist())])),
    "sentinel": ("height", lambda x: np.where(np.arange(len(x)) % 9 == 0, -999.0, x)),
    "frozen": ("degrees", lambda x: np.full(len(x), 15.0)),
    "new_category": ("carrier", lambda x: np.where(np.arange(len(x)) % 20 == 0, "ZZ", x)),
    "vanished_category": ("carrier", lambda x: np.where(x == "UA", "AA", x)),
    "truncated_text": ("note", lambda x: np.array([each[:9] for each in x])),
    "type_change": ("height", lambda x: np.array([f"{each:.0f} cm" for each in x])),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_what_differs_is_called_by_its_name(kind):
    name, change = CHANGES[kind]
    production = made(7)
    found = compare(made(1), {**production, name: change(production[name])})
    assert [(each.kind, each.columns) for each in found.faults] == [(kind, (name,))]
    assert name not in {each.column for each in found.drifted}
    assert found.faults[0].next in str(found)


def test_degrees_and_columns_that_changed_places():
    production = made(8)
    production["degrees"] = production["degrees"] * 1.8 + 32
    production["distance"], production["height"] = production["height"], production["distance"]
    found = {each.kind: each for each in compare(made(1), production).faults}
    assert "Celsius to Fahrenheit" in found["unit_change"].what
    assert set(found["swapped_columns"].columns) == {"distance", "height"}


def test_values_whose_case_changed_are_one_fault():
    training = made(1)
    found = compare(training, {**made(2), "carrier": [f"{each.lower()} " for each in made(2)["carrier"]]})
    assert [each.kind for each in found.faults] == ["renamed_category"]
    assert found.faults[0].share == 1.0
    assert "'AA' is now called 'aa '" in found.faults[0].what


def test_several_new_values_are_one_fault():
    carrier = made(2)["carrier"]
    carrier[:400], carrier[400:600] = "YY", "ZZ"
    (fault,) = compare(made(1), {**made(2), "carrier": carrier}).faults
    assert (fault.kind, fault.share) == ("new_category", pytest.approx(0.15))
    assert "'YY' in 10 % of the rows (and 1 more: 'ZZ')" in fault.what


def test_columns_that_are_distributed_otherwise_have_drifted_and_agree():
    training, production = made(3), made(4)
    production["height"] = production["height"] + 5
    production["carrier"] = np.random.default_rng(5).choice(["AA", "B6", "UA"], N, p=[0.2, 0.6, 0.2])
    found = compare(training, production)
    assert found.agrees
    moved = {each.column: each for each in found.drifted}
    assert set(moved) == {"height", "carrier"}
    assert all(each.js_distance > each.limit > each.floor for each in found.drifted)
    spread = np.subtract(*np.quantile(training["height"], [0.75, 0.25]))
    assert moved["height"].wasserstein == pytest.approx(5 / spread, rel=0.15)
    carrier, words = moved["carrier"], ("AA", "B6", "UA")
    shares = [np.array([(each["carrier"] == name).mean() for name in words]) for each in (training, production)]
    middle = sum(shares) / 2
    divergence = sum((each * np.log(each / middle)).sum() / 2 for each in shares)
    assert carrier.js_distance == pytest.approx(divergence**0.5, rel=1e-9)
    place = int(np.abs(shares[1] - shares[0]).argmax())
    assert (carrier.where, carrier.before, carrier.now) == (
        repr(words[place]),
        *(pytest.approx(each[place]) for each in shares),
    )
    assert carrier.wasserstein is None
    assert "carrier drifted" in str(found)


def test_a_whole_number_has_its_range_and_missing_values_are_a_bin():
    training, production = made(3), made(4)
    production["year"] = np.where(np.arange(N) % 4 == 0, 2007, production["year"])
    (drifted,) = compare(training, production, columns=["year"]).drifted
    assert drifted.where == "2007"
    height = [None if at % 40 == 0 else each for at, each in enumerate(made(4)["height"].tolist())]
    training["height"] = [None if at % 9 == 0 else each for at, each in enumerate(training["height"].tolist())]
    assert [each.where for each in compare(training, {**made(4), "height": height}).drifted] in ([], ["missing values"])


def test_a_column_without_values_and_one_that_never_changes():
    same = {"one": [1.0] * 300, "none": pa.array([None] * 300, pa.float64()), "word": ["a"] * 300}
    found = compare(same, same)
    assert (found.faults, found.drifted) == ((), ())


def test_what_is_left_out_is_not_compared():
    assert "year" not in compare(made(1), made(2), leave_out=("year",)).columns


def test_columns_of_one_table_are_named(tmp_path):
    training, production = made(1), made(2)
    del production["note"]
    pq.write_table(pa.table(training), tmp_path / "train.parquet")
    pq.write_table(pa.table({**production, "score": production["height"]}), tmp_path / "production.parquet")
    found = leadline.discrepancy(str(tmp_path / "train.parquet"), str(tmp_path / "production.parquet"))
    assert (found.missing, found.further) == (("note",), ("score",))
    assert "In production there is no note." in str(found)


@pytest.mark.parametrize(
    ("production", "asked", "words"),
    [
        ({"x": [1.0]}, {}, "no column in common"),
        (made(1, 0), {}, "production has no rows"),
        (made(1), {"columns": ["y"]}, "training has no column 'y'"),
    ],
)
def test_what_cannot_be_compared_is_said(production, asked, words):
    with pytest.raises(InputError, match=words):
        compare(made(1), production, **asked)


def as_text(values, form=str):
    return [form(each) for each in values.tolist()]


@pytest.mark.parametrize("side", ["training", "production"])
def test_numbers_as_text_are_another_type_and_are_compared_as_numbers(side):
    numbers, text = made(1), {**made(2), "distance": as_text(made(2)["distance"])}
    training, production = (text, numbers) if side == "training" else (numbers, text)
    found = compare(training, production)
    (fault,) = found.faults
    assert (fault.kind, fault.columns, fault.share) == ("type_change", ("distance",), 1.0)
    assert {fault.what, fault.before.removeprefix("before ")} == {"numbers written as text", "numbers"}
    assert found.drifted == ()
    metres = {**text, "distance": as_text(1000 * made(2)["distance"])}
    kinds = [each.kind for each in compare(numbers, metres).faults if each.columns == ("distance",)]
    assert sorted(kinds) == ["type_change", "unit_change"]
    moved = {**text, "height": as_text(made(2)["height"] + 5)}
    assert "height" in {each.column for each in compare(numbers, moved).drifted}


def test_words_among_numbers_as_text_are_told_and_are_no_missing_values():
    height = [("n/a" if at % 4 == 0 else f"{each:.2f}") for at, each in enumerate(made(2)["height"])]
    found = compare(made(1), {**made(2), "height": height})
    (fault,) = found.faults
    assert (fault.kind, fault.columns) == ("type_change", ("height",))
    assert "75 % are numbers and others are not, such as 'n/a'" in fault.what
    assert [(each.before, each.now) for each in fault.figures] == [((N, N), (3 * N // 4, N))]
    assert found.drifted == ()
    gaps = [None if at % 3 == 0 else each for at, each in enumerate(height)]
    kinds = {each.kind for each in compare(made(1), {**made(2), "height": gaps}).faults}
    assert kinds == {"type_change", "null_jump"}


def test_a_text_without_values_says_nothing_of_its_type_and_truth_as_text_is_told():
    empty = {**made(2), "height": pa.array([None] * N, pa.string())}
    assert [each.kind for each in compare(made(1), empty).faults] == ["null_jump"]
    flags = np.arange(N) % 3 == 0
    (fault,) = compare({**made(1), "flag": flags}, {**made(2), "flag": as_text(flags)}).faults
    assert (fault.kind, fault.what, fault.before) == ("type_change", "text", "before true or false")
    assert compare({**made(1), "flag": flags}, {**made(2), "flag": flags.astype(int)}).agrees


def test_of_lists_and_structs_missing_values_are_compared_and_it_is_said():
    lists = [[float(at), 1.0, 2.0] for at in range(N)]
    found = compare({**made(1), "vector": lists}, {**made(2), "vector": lists})
    assert (found.faults, found.not_compared) == ((), (("vector", "lists"),))
    assert not found.agrees
    assert "Not compared: the values of vector (lists), only which are missing and how long lists are." in str(found)
    assert "vector" not in found.columns
    shorter = [each[:2] if at % 3 else None for at, each in enumerate(lists)]
    faults = compare({**made(1), "vector": lists}, {**made(2), "vector": shorter}, columns=["vector"]).faults
    assert [(each.kind, each.columns) for each in faults] == [("type_change", ("vector",)), ("null_jump", ("vector",))]
    assert (faults[0].what, faults[0].before) == ("lists of 2 elements", "before of 3")
    assert faults[0].share == pytest.approx(2 / 3, abs=1e-3)
    ragged = [each[: 1 + at % 3] for at, each in enumerate(lists)]
    (fault,) = compare({"v": lists}, {"v": ragged}).faults
    assert fault.what == "lists of 1 to 3 elements"
    assert compare({"v": ragged}, {"v": lists}).faults == ()
    meta = [{"a": at} for at in range(N)]
    assert compare({"meta": meta}, {"meta": meta}).not_compared == (("meta", "structs"),)
    (fault,) = compare({"v": lists}, {"v": np.arange(N)}).faults
    assert (fault.what, fault.before) == ("numbers", "before lists")


def test_times_of_two_tables_differ_by_themselves():
    first = {**made(1), "at": np.datetime64("2026-01-01", "us") + np.arange(N).astype("timedelta64[m]")}
    later = {**made(2), "at": first["at"] + np.timedelta64(90, "D")}
    found = compare(first, later)
    assert (found.agrees, found.not_compared) == (True, (("at", "times"),))
    assert [each.kind for each in compare(first, {**later, "at": as_text(later["at"])}).faults] == ["type_change"]


def test_with_few_rows_nothing_is_said_to_agree():
    for rows, few in ((LEAST_ROWS, False), (LEAST_ROWS - 1, True), (1, True)):
        found = compare(made(1), made(2, rows))
        assert (found.too_few is not None, found.agrees) == (few, not few), rows
    assert "1 row of production is too few" in str(found)
    assert "29 rows of training are too few" in (compare(made(1, 29), made(2)).too_few or "")


@pytest.mark.parametrize("seed", range(5))
def test_what_differs_plainly_is_seen_in_as_many_rows_as_are_asked_for(seed):
    production = made(seed + 20, LEAST_ROWS)
    production["height"] = production["height"] + 10  # one standard deviation
    production["distance"] = production["distance"] * 1000
    found = compare(made(seed), production)
    assert ("unit_change", ("distance",)) in {(each.kind, each.columns) for each in found.faults}
    assert "height" in {each.column for each in found.drifted} | {
        name for each in found.faults for name in each.columns
    }


def test_an_empty_text_is_a_missing_value_in_csv_and_a_value_in_parquet(tmp_path):
    words = ["" if at % 5 == 0 else "x" for at in range(200)]
    (tmp_path / "words.csv").write_text("word\n" + "".join(f'"{word}"\n' for word in words))
    pq.write_table(pa.table({"word": words}), tmp_path / "words.parquet")
    full = {"word": ["x"] * 200}
    for name, kind in (("words.csv", "null_jump"), ("words.parquet", "sentinel")):
        found = leadline.discrepancy(pa.table(full), str(tmp_path / name))
        assert [each.kind for each in found.faults] == [kind], name
