"""Two tables row by row: counts against a comparison in Python, and the cause of what differs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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


TEXTS = {
    "as they are": str,
    "with six decimals": "{:.6f}".format,
    "with an exponent and spaces": " {:.12e} ".format,
}


@pytest.mark.parametrize("written", TEXTS.values(), ids=TEXTS)
def test_the_same_numbers_as_text_do_not_differ_but_their_type_does(written):
    given = right()
    for text, numbers in (("x", "left"), ("x", "right")):
        sides = [{**given, text: [written(x) for x in given[text]]}, given]
        found = of(compare(*(sides if numbers == "right" else sides[::-1])), "x")
        assert (found.different, found.only_left, found.only_right) == (0, 0, 0)
        assert found.types == (("text", "numbers") if numbers == "right" else ("numbers", "text"))
        assert not found.agrees
        assert "the same numbers as text" in str(found)


def test_a_text_that_is_no_number_differs_from_a_number():
    given = right()
    texts = ["n/a" if at % 4 == 0 else f"{x:.9f}" for at, x in enumerate(given["x"])]
    texts[1], texts[2] = None, ""
    found = of(compare({**given, "x": texts}, given), "x")
    assert (found.different, found.only_right) == (N // 4 + 1, 1)
    assert "a text that is no number" in (found.cause or "")
    assert all(left in ("n/a", "") and isinstance(right_, float) for _, left, right_ in found.examples if left)
    unit = of(compare({**given, "x": [str(1000 * x) for x in given["x"]]}, given), "x")
    assert "the unit is another one: × 1000" in (unit.cause or "")
    missing = [None if at % 3 else x for at, x in enumerate(given["x"])]
    filled = ["missing" if x is None else str(x) for x in missing]
    default = of(compare({**given, "x": filled}, {**given, "x": missing}), "x")
    assert (default.different, default.only_left) == (0, sum(x is None for x in missing))
    words = of(compare({**given, "x": ["far" for _ in missing]}, given), "x")
    assert (words.different, words.types) == (N, ("text", "numbers"))


def test_true_and_false_as_text_are_the_same_values():
    given = right()
    found = of(compare({**given, "flag": [str(each) for each in given["flag"]]}, given), "flag")
    assert (found.different, found.types, found.agrees) == (0, ("text", "true or false"), False)


def vectors(seed: int = 4) -> list[list[float] | None]:
    r = np.random.default_rng(seed)
    return [r.normal(size=3).tolist() for _ in range(N)]


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.list_(pa.float64(), 3), pa.large_list(pa.float64())], ids=str
)
def test_lists_of_numbers_are_compared_element_by_element(kind):
    given, lists = right(), vectors()
    changed = [
        None if at % 7 == 0 else [a, b + 0.5 if at % 5 == 0 else b * (1 + 1e-5), c]
        for at, (a, b, c) in enumerate(lists)
    ]
    left, other = ({**given, "vector": pa.array(each, kind)} for each in (changed, lists))
    assert of(compare(other, other), "vector").agrees
    found = of(compare(left, other), "vector")
    missing = sum(each is None for each in changed)
    assert (found.only_right, found.rows) == (missing, N - missing)
    assert found.different == sum(each is not None and at % 5 == 0 for at, each in enumerate(changed))


def test_lists_of_another_length_and_lists_of_texts():
    given, lists = right(), vectors()
    shorter = of(compare({**given, "v": [each[:2] for each in lists]}, {**given, "v": lists}), "v")
    assert (shorter.different, "not equally long" in (shorter.cause or "")) == (N, True)
    words = [["a", "b"] if at % 2 else ["c"] for at in range(N)]
    turned = [each[::-1] for each in words]
    assert of(compare({**given, "v": words}, {**given, "v": words}), "v").agrees
    assert of(compare({**given, "v": turned}, {**given, "v": words}), "v").different == N // 2
    holes = [[None, float("nan"), 1.0]] * N
    assert of(compare({**given, "v": holes}, {**given, "v": holes}), "v").agrees
    assert of(compare({**given, "v": holes}, {**given, "v": [[1.0, float("nan"), 1.0]] * N}), "v").different == N


def test_columns_that_cannot_be_compared_are_named_and_do_not_agree():
    given = {**right(), "meta": [{"a": at} for at in range(N)]}
    found = compare(given, given)
    assert found.not_compared == (("meta", "structs"),)
    assert not found.agrees
    assert "cannot be compared: meta (structs)" in str(found)
    with pytest.raises(InputError, match="meta: structs"):
        compare(given, given, columns=["meta"])


def test_times_are_compared_as_moments():
    given = right()
    times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=at) for at in range(N)]
    zoned = pa.array(times, pa.timestamp("us", "Asia/Tokyo"))
    naive = pa.array([each.replace(tzinfo=None) for each in times], pa.timestamp("ns"))
    assert of(compare({**given, "at": zoned}, {**given, "at": naive}), "at").agrees
    later = pa.array([each + timedelta(hours=1) for each in times], pa.timestamp("us", "UTC"))
    assert of(compare({**given, "at": later}, {**given, "at": naive}), "at").different == N


def test_rows_without_an_id_are_counted_and_do_not_agree():
    given = right()
    left = {**given, "id": [None if at % 3 == 0 else each for at, each in enumerate(given["id"])]}
    found = compare(left, given)
    assert (found.without_left, found.without_right, found.only_right) == (N // 3, 0, N // 3)
    assert not found.shared_agrees
    assert "Without id in the left table, and not compared: 200 rows." in str(found)


def test_ids_of_one_table_leave_what_is_shared_in_agreement_but_few_pairs_tell_nothing():
    given = right()
    for rows, agree in ((N - 100, True), (29, False), (1, False), (0, False)):
        found = compare({name: values[:rows] for name, values in given.items()}, given)
        assert (found.shared_agrees, found.agrees) == (agree, False), rows
    assert "1 row in both is too few to tell of 600." in str(
        compare({name: values[:1] for name, values in given.items()}, given)
    )
    three = {name: values[:3] for name, values in given.items()}
    assert compare(three, three).agrees
