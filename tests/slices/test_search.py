"""The search finds what brute force finds: every slice over every set of columns, one by one."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.slices.search import Column, Condition, Scored, search
from leadline.stats.slice_score import slice_score


def every_condition(columns: list[Column]) -> list[list[Condition]]:
    found = []
    for place, column in enumerate(columns):
        if column.ordered:
            ranges = [(0, 0), *((a, b) for a in range(1, column.size) for b in range(a, column.size))]
        else:
            ranges = [(code, code) for code in range(column.size)]
        found.append([Condition(place, low, high) for low, high in ranges])
    return found


def brute_force(columns, errors, *, count, depth=2, least=32, most=None, alpha=0.98, weights=None, apart=True):
    """Each slice is a mask over the rows; nothing is shared with the search but the score's formula."""
    weight = np.ones(len(errors)) if weights is None else weights
    most = len(errors) if most is None else most

    def inside(conditions: tuple[Condition, ...]) -> np.ndarray:
        masks = [(columns[c.column].codes >= c.low) & (columns[c.column].codes <= c.high) for c in conditions]
        return np.logical_and.reduce(masks)

    alone = every_condition(columns)
    # a condition that all rows fulfil is none
    alone = [[c for c in each if not inside((c,)).all()] for each in alone]
    found = []
    for number in range(1, depth + 1):
        for places in combinations(range(len(columns)), number):
            mine = []
            for conditions in product(*(alone[place] for place in places)):
                mask = inside(conditions)
                if not least <= mask.sum() <= most:
                    continue
                size, error = float(weight[mask].sum()), float((weight * errors)[mask].sum())
                score = slice_score([size], [error], weight.sum(), (weight * errors).sum(), alpha)[0]
                if score > 0:
                    mine.append(Scored(conditions, float(score), int(mask.sum()), size, error))
            mine.sort(key=lambda each: (-each.score, each.conditions))
            kept: list[Scored] = []
            for each in mine:
                if not apart or all(
                    any(a.high < b.low or b.high < a.low for a, b in zip(each.conditions, o.conditions, strict=True))
                    for o in kept
                ):
                    kept.append(each)
            found += kept
    return sorted(found, key=lambda each: (-each.score, each.conditions))[:count]


def same(found: list[Scored], expected: list[Scored]) -> None:
    """Scores that differ in their last bits may change places."""
    assert [each.score for each in found] == pytest.approx([each.score for each in expected])
    floor = expected[-1].score if expected else 0.0
    clear = [{each.conditions for each in some if each.score > floor + 1e-9} for some in (found, expected)]
    assert clear[0] == clear[1]
    by_name = {each.conditions: each for each in expected}
    for each in found:
        if each.conditions in by_name:
            other = by_name[each.conditions]
            assert (each.rows, each.size, each.error) == pytest.approx((other.rows, other.size, other.error))


def made(seed: int, rows: int, kinds: str, loss: str) -> tuple[list[Column], np.ndarray, np.ndarray | None]:
    """`kinds`: one letter a column, o for ordered."""
    chance = np.random.default_rng(seed)
    columns = []
    for kind in kinds:
        size = int(chance.integers(2, 6))
        codes = np.minimum(chance.integers(0, size, rows), chance.integers(0, size, rows))
        columns.append(Column(codes.astype(np.uint8), size, kind == "o"))
    rate = 0.1 + 0.3 * ((columns[0].codes == 1) & (columns[-1].codes >= 1))
    errors = (chance.random(rows) < rate).astype(float)
    if loss != "0/1":
        errors *= chance.exponential(2.0, rows)
    weights = chance.exponential(1.0, rows) * (chance.random(rows) < 0.9) if loss == "weighted" else None
    return columns, errors, weights


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["oo", "cc", "oco", "ccoc", "ooo"]),
    st.sampled_from(["0/1", "loss", "weighted"]),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from([0.9, 0.97, 0.99]),
    st.integers(1, 40),
)
def test_it_finds_what_brute_force_finds(seed, kinds, loss, depth, apart, alpha, count):
    columns, errors, weights = made(seed, 300, kinds, loss)
    asked = {"count": count, "depth": depth, "least": 12, "most": 200, "alpha": alpha, "apart": apart}
    found = search(columns, errors, weights=weights, **asked)
    same(found, brute_force(columns, errors, weights=weights, **asked))


@pytest.mark.parametrize("loss", ["0/1", "loss"])
def test_it_finds_what_brute_force_finds_in_20_000_rows(loss):
    """Three conditions, and few slices to find: most sets of three columns are then cut off by the bound."""
    columns, errors, _ = made(7, 20_000, "ococ", loss)
    asked = {"count": 10, "depth": 3, "least": 200, "alpha": 0.97}
    same(search(columns, errors, **asked), brute_force(columns, errors, **asked))


def test_the_order_of_rows_and_columns_does_not_matter():
    columns, errors, _ = made(3, 500, "oco", "0/1")
    order = np.random.default_rng(0).permutation(500)
    found = search(columns, errors, count=20, depth=3, least=10)
    moved = [Column(c.codes[order], c.size, c.ordered) for c in columns]
    assert search(moved, errors[order], count=20, depth=3, least=10) == found
    turned = search(columns[::-1], errors, count=20, depth=3, least=10)
    assert {each.score for each in turned} == {each.score for each in found}


def test_more_to_find_does_not_change_what_comes_first():
    columns, errors, _ = made(4, 500, "oco", "0/1")
    many = search(columns, errors, count=50, depth=3, least=10)
    assert search(columns, errors, count=7, depth=3, least=10) == many[:7]


def test_nothing_is_found_in_nothing():
    column = Column(np.array([1, 2] * 50), 3)
    assert search([], np.ones(100), count=3) == []
    assert search([Column(np.zeros(0, np.uint8), 3)], np.zeros(0), count=3) == []
    assert search([column], np.zeros(100), count=3) == []  # no errors
    assert search([column], np.ones(100), count=3, least=10) == []  # nothing but errors
    assert search([column], np.ones(100), count=3, weights=np.zeros(100)) == []


def test_one_giant_weight_does_not_break_it():
    columns, errors, _ = made(5, 300, "oc", "0/1")
    weights = np.ones(300)
    weights[17] = 1e12
    asked = {"count": 10, "depth": 2, "least": 12}
    same(search(columns, errors, weights=weights, **asked), brute_force(columns, errors, weights=weights, **asked))


def test_what_is_out_of_range_is_refused():
    column = Column(np.array([1, 2]), 3)
    for wrong, why in (
        ({"errors": np.array([0.0, -1.0])}, "errors"),
        ({"errors": np.array([0.0, np.nan])}, "errors"),
        ({"depth": 4}, "depth"),
        ({"count": 0}, "count"),
        ({"weights": np.array([1.0, -1.0])}, "weights"),
        ({"weights": np.array([1.0])}, "weight"),
    ):
        with pytest.raises(ValueError, match=why):
            search([column], **({"errors": np.array([0.0, 1.0]), "count": 1} | wrong))
    with pytest.raises(ValueError, match="same rows"):
        search([column], np.zeros(3), count=1)
