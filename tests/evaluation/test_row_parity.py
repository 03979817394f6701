"""Two tables row by row: counts against a comparison in Python, and the cause of what differs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import leadline
from leadline.quality.tables import RowParity
from leadline.values import InputError

N = 600


def right(seed: int = 1) -> dict[str, list]:
    r = np.random.default_rng(seed)
    return {
        "id": [f"r{at}" for at in range(N)],
        "user": r.integers(0, 30, N).tolist(),
        "t": list(range(N)),
        "x": r.normal(5, 2, N).tolist(),
        "word": r.choice(["Lisbon", "Porto", "Faro"], N).tolist(),
        "flag": (r.random(N) < 0.5).tolist(),
    }


def compare(left: dict[str, list], other: dict[str, list], **asked) -> RowParity:
    return leadline.row_parity(pa.table(left), pa.table(other), "id", **asked)


def of(found: RowParity, name: str):
    return next(each for each in found.columns if each.column == name)


def test_a_table_agrees_with_itself_in_any_order():
    given = right()
    order = np.random.default_rng(2).permutation(N)
    found = compare({name: [values[at] for at in order] for name, values in given.items()}, given)
    assert found.agrees
    assert found.pairs == N
    assert all(each.low == 0.0 for each in found.columns)
    assert "5 columns agree in all rows." in str(found)


def test_counts_are_those_of_a_comparison_in_python():
    r = np.random.default_rng(3)
    given = right()
    left = {
        **given,
        "x": [
            None if u < 0.1 else x + (0.5 if u < 0.3 else 1e-7) for x, u in zip(given["x"], r.random(N), strict=True)
        ],
    }
    other = {**given, "x": [None if u < 0.05 else x for x, u in zip(given["x"], r.random(N), strict=True)]}
    found = of(compare(left, other), "x")
    pairs = list(zip(left["x"], other["x"], strict=True))
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    different = sum(abs(a - b) > 1e-6 + 1e-3 * abs(b) for a, b in both)
    assert (found.rows, found.different) == (len(both), different)
    assert found.only_left == sum(a is not None and b is None for a, b in pairs)
    assert found.only_right == sum(a is None and b is not None for a, b in pairs)
    assert found.both_null == sum(a is None and b is None for a, b in pairs)
    assert found.mismatch == different / len(both)
    assert found.low < found.mismatch < found.high
    assert found.cause is None
    shown = {example[0] for example in found.examples}
    assert len(shown) == 5
    for key, a, b in found.examples:
        at = int(key[1:])
        assert (a, b) == (left["x"][at], other["x"][at])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: 1000 * x, "the unit is another one: × 1000"),
        (lambda x: x / 60, "the unit is another one: × 0.0167"),
        (lambda x: -x, "the sign is the other one"),
        (lambda x: round(x, 1), "one of them is rounded, to this many decimals: 1"),
        (round, "one of them is rounded, to this many decimals: 0"),
    ],
)
def test_the_cause_of_numbers_that_differ(change, words):
    given = right()
    found = of(compare({**given, "x": [float(change(x)) for x in given["x"]]}, given), "x")
    assert words in (found.cause or "")


def test_a_value_that_stands_for_a_missing_one():
    given = right()
    some = [None if at % 7 == 0 else x for at, x in enumerate(given["x"])]
    found = of(compare({**given, "x": [-999.0 if x is None else x for x in some]}, {**given, "x": some}), "x")
    assert found.different == 0
    assert "what is missing in one is -999 in the other" in (found.cause or "")


def test_a_value_of_the_row_before():
    given = right()
    last: dict[int, float] = {}
    late = []
    for user, x in zip(given["user"], given["x"], strict=True):
        late.append(last.get(user))
        last[user] = x
    found = of(compare({**given, "x": late}, given, entity="user", order="t"), "x")
    assert "the row before, of the same entity" in (found.cause or "")


def test_upper_and_lower_case():
    given = right()
    found = of(compare({**given, "word": [f" {word.upper()}" for word in given["word"]]}, given), "word")
    assert found.different == N
    assert "case differ" in (found.cause or "")


def test_ids_that_are_in_one_table_or_come_twice_are_counted_and_left_out():
    given = right()
    left = {name: [*values[:-10], values[0], values[1]] for name, values in given.items()}
    found = compare(left, given)
    assert (found.only_left, found.only_right) == (0, 10)
    assert (found.repeated_left, found.repeated_right) == (2, 0)
    assert found.pairs == N - 12
    assert not found.agrees


def test_columns_of_one_table_are_named_and_types_need_not_be_the_same():
    given = right()
    left = {**given, "flag": [int(each) for each in given["flag"]], "more": given["x"]}
    found = compare(left, given)
    assert of(found, "flag").agrees
    assert found.missing_right == ("more",)
    assert "In the left table only there is more." in str(found)


def test_files_are_compared_where_they_lie(tmp_path):
    given = right()
    pq.write_table(pa.table(given), tmp_path / "train.parquet")
    pq.write_table(pa.table({**given, "x": [-x for x in given["x"]]}), tmp_path / "served.parquet")
    found = leadline.row_parity(str(tmp_path / "served.parquet"), str(tmp_path / "train.parquet"), "id", columns=["x"])
    assert [each.column for each in found.columns] == ["x"]
    assert found.columns[0].different == N


def test_sentences_call_the_tables_by_their_names():
    given = right()
    left = {name: values[:-1] for name, values in given.items()}
    left["x"] = [None, *left["x"][1:]]
    said = str(compare(left, given, names=("production", "training")))
    assert "In training only: 1 value of id." in said
    assert "x: 1 row with a value in training only." in said


def test_without_rows_in_both_nothing_is_said():
    given = right()
    found = compare(
        {name: values[:5] for name, values in given.items()}, {name: values[5:] for name, values in given.items()}
    )
    assert found.pairs == 0
    assert of(found, "x").mismatch is None


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"columns": ["y"]}, "has no column 'y'"),
        ({"entity": "user"}, "entity needs order"),
        ({"absolute": -1.0}, "are not negative"),
        ({"relative": float("nan")}, "are not negative"),
        ({"entity": "who", "order": "t"}, "the right table has no column 'who'"),
    ],
)
def test_what_cannot_be_compared_is_said(asked, words):
    given = right()
    with pytest.raises(InputError, match=words):
        compare(given, given, **asked)
