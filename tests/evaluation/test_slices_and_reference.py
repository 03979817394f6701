"""DESIGN §3: slices and the reference that fixes their values. Each test is named after its rule."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from evaluation.small import at, check, evaluation, notes, one, row, slices, table
from leadline.log.reference import MOST_VALUES

EARLY = {"until": "2024-02-01"}


def rows_of(values: list[Any], day: str = "2024-01-01", column: str = "carrier", **more: Any) -> list[dict[str, Any]]:
    return [row(f"{day}{n}", day, 0.9, n % 2 == 0, **{column: value}, **more) for n, value in enumerate(values)]


# Slices -------------------------------------------------------------------------------------------------------------


def test_each_entry_is_a_partition_of_its_own() -> None:
    rows = [row(f"p{n}", "2024-01-01", 0.9, True, carrier="AB"[n % 2], origin="JKL"[n % 3]) for n in range(12)]
    found = slices(check(rows, slices=["carrier", "origin"], reference=EARLY))
    assert found == {("A",): 6, ("B",): 6, ("J",): 4, ("K",): 4, ("L",): 4}


def test_a_null_is_a_slice_of_its_own_and_null_in_the_document() -> None:
    result = check(rows_of(["B6", None, None]), slices=["carrier"], reference=EARLY)
    assert slices(result) == {("B6",): 1, (None,): 2}
    assert one(result, where={"carrier": None})["n"] == 2


def test_an_empty_text_is_a_value_and_not_missing() -> None:
    assert slices(check(rows_of(["", "", None]), slices=["carrier"], reference=EARLY)) == {("",): 2, (None,): 1}


def test_values_are_the_100_most_frequent_of_the_reference_and_the_rest_is_other() -> None:
    reference = [f"v{n:03d}" for n in range(MOST_VALUES + 5) for _ in range(2 if n < MOST_VALUES else 1)]
    later = ["v000", "new", "new", "v104"]
    found = slices(check(rows_of(reference) + rows_of(later, "2024-03-01"), slices=["carrier"], reference=EARLY))
    assert len(found) == MOST_VALUES + 1
    assert found["v000",] == 3
    assert found["(other)",] == 5 + 3  # the rare ones of the reference, and what it does not know
    assert ("new",) not in found


def test_a_tie_for_the_last_place_is_broken_the_same_way_in_any_order() -> None:
    values = [f"v{n:03d}" for n in range(MOST_VALUES + 20)]
    first, second = (
        set(slices(check(rows_of(each), slices=["carrier"], reference=EARLY))) for each in (values, values[::-1])
    )
    assert first == second


def test_crossing_is_explicit() -> None:
    pairs = [("A", "J"), ("A", "K"), ("B", "J"), ("A", None), (None, None)]
    rows = [row(f"p{n}", "2024-01-01", 0.9, True, carrier=c, origin=o) for n, (c, o) in enumerate(pairs)]
    result = check(rows, slices=[{"cross": ["carrier", "origin"]}], reference=EARLY)
    assert slices(result) == dict.fromkeys(pairs, 1)
    assert one(result, where={"carrier": "A", "origin": None})["n"] == 1


def test_a_cross_may_name_other_slices() -> None:
    rows = [row(f"p{n}", "2024-01-01", 0.9, True, carrier="AB"[n % 2], distance=400 * n) for n in range(6)]
    far = {"name": "far", "where": "distance > 1000"}
    found = slices(check(rows, slices=[far, {"cross": ["carrier", "far"]}], reference=EARLY))
    assert found == {(True,): 3, (False,): 3, ("A", True): 1, ("A", False): 2, ("B", True): 2, ("B", False): 1}


def test_a_condition_parts_rows_and_unknown_does_not_hold() -> None:
    rows = [row(f"p{n}", "2024-01-01", 0.9, True, distance=value) for n, value in enumerate([100, 2000, None])]
    found = slices(check(rows, slices=[{"name": "far", "where": "distance > 1500"}], reference=EARLY))
    assert found == {(True,): 1, (False,): 2}


def test_bins_include_their_lower_end_and_are_written_as_ranges() -> None:
    rows = [row(f"p{n}", "2024-01-01", 0.9, True, hour=value) for n, value in enumerate([0, 5.9, 6, -1, None])]
    by_width = {"name": "hour", "bin": {"column": "hour", "width": 6}}
    assert slices(check(rows, slices=[by_width], reference=EARLY)) == {
        ("[-6, 0)",): 1, ("[0, 6)",): 2, ("[6, 12)",): 1, (None,): 1,
    }  # fmt: skip
    by_edges = {"name": "hour", "bin": {"column": "hour", "edges": [0, 6]}}
    assert slices(check(rows, slices=[by_edges], reference=EARLY)) == {
        ("(-inf, 0)",): 1, ("[0, 6)",): 2, ("[6, inf)",): 1, (None,): 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([True, False, None], {(True,): 1, (False,): 1, (None,): 1}),
        ([1, 2, None], {(1,): 1, (2,): 1, (None,): 1}),
        ([0.5, float("nan"), float("inf")], {(0.5,): 1, (None,): 2}),
    ],
    ids=["boolean", "integer", "float"],
)
def test_values_keep_their_type(values: list[Any], shown: dict[Any, int]) -> None:
    found = slices(check(rows_of(values), slices=["carrier"], reference=EARLY))
    assert found == shown
    assert {type(value) for (value,) in found} == {type(value) for (value,) in shown}


def test_a_share_of_all_rows_is_told_for_each_slice() -> None:
    found = slices(check(rows_of(["A", "A", "A", "B"]), slices=["carrier"], reference=EARLY), "share", "value")
    assert found == {("A",): 0.75, ("B",): 0.25}


# The reference ------------------------------------------------------------------------------------------------------


def daily(count: int, per_day: int = 1, start: str = "2024-01-01T12") -> list[dict[str, Any]]:
    first = at(start)
    return [
        {"id": f"p{n}", "timestamp": first + timedelta(days=n // per_day), "score": 0.9, "label": True, "day": n}
        for n in range(count)
    ]


def test_the_reference_is_the_rows_before_the_declared_time() -> None:
    found = evaluation(daily(10), slices=["day"], reference={"until": "2024-01-04"}, timezone="America/New_York")
    assert found.reference.until == at("2024-01-04T05")  # midnight there
    assert found.reference.rows == 3
    assert not found.reference.guessed


def test_the_reference_may_be_a_source_of_its_own() -> None:
    own = table([{"id": "x", "timestamp": "2020-01-01", "score": 0.5, "carrier": "OLD"}])
    result = check(rows_of(["B6", "OLD"]), slices=["carrier"], reference={"source": own})
    assert slices(result) == {("OLD",): 1, ("(other)",): 1}
    assert "reference_guessed" not in notes(result)


def test_the_reference_is_guessed_as_the_first_mature_quarter_and_said() -> None:
    found = evaluation(daily(40), slices=["day"])
    assert found.reference.until == at("2024-01-11")  # ten of forty days
    assert found.reference.guessed
    (said,) = [note.text for note in found.notes if note.code == "reference_guessed"]
    assert "before 2024-01-11" in said
    young = evaluation(daily(40), as_of="2024-02-09T12", slices=["day"], matures_after="20d")
    assert young.reference.until == at("2024-01-06")  # twenty are mature, a quarter of them is five


def test_the_guess_is_at_most_30_days_long() -> None:
    assert evaluation(daily(200), slices=["day"]).reference.until == at("2024-01-31")


def test_a_reference_that_holds_all_rows_is_said_once() -> None:
    for until, said in (("2024-02-20", True), ("2024-02-09", False), ("2024-01-15", False)):
        codes = [note.code for note in evaluation(daily(40), slices=["day"], reference={"until": until}).notes]
        assert codes.count("reference_covers_all") == said


def test_a_reference_without_rows_is_said() -> None:
    result = check(rows_of(["B6"]), slices=["carrier"], reference={"until": "2001-01-01"})
    assert "no rows" in notes(result)["reference_empty"]
    assert slices(result) == {("(other)",): 1}


def test_the_fingerprint_changes_with_the_declaration_and_with_what_the_reference_fixed() -> None:
    rows, declared = table(rows_of(["A", "A", "B"])), {"slices": ["carrier"], "reference": EARLY}

    def fingerprint(more: list[dict[str, Any]], **changed: Any) -> str:
        source = table([*rows.to_pylist(), *more])
        return evaluation(source, **{**declared, **changed}).reference.fingerprint

    same = fingerprint([])
    assert fingerprint([]) == same
    assert fingerprint(rows_of(["A", "C"], "2024-03-01")) == same  # after the reference
    assert fingerprint(rows_of(["C"], "2024-01-02")) != same  # in it
    assert fingerprint([], threshold=0.4) != same
    assert fingerprint([], reference={"until": "2024-02-02"}) != same


def test_all_versions_share_one_reference() -> None:
    rows = rows_of(["A", "B"], version="m1") + rows_of(["A", "C"], "2024-03-01", version="m2")
    found = slices(check(rows, slices=["carrier"], reference=EARLY))
    assert found == {("A",): 2, ("B",): 1, ("(other)",): 1}


def test_bins_of_a_column_without_numbers_are_told():
    rows = [row(f"p{n}", "2024-01-01", 0.9, True, fare=fare) for n, fare in enumerate(("low", "high"))]
    bins = [{"name": "fares", "bin": {"column": "fare", "width": 5}}]
    assert "column 'fare' holds no numbers" in notes(check(rows, slices=bins))["bin_without_numbers"]
    numbers = [{**each, "fare": "7"} for each in rows]
    assert "bin_without_numbers" not in notes(check(numbers, slices=bins))
