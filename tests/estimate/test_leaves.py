"""Codes of features, words for leaves, leaks, and what leaves add, against brute force by row."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.estimate.leaves import (
    SHRINKAGE,
    Codes,
    LeafSums,
    Tree,
    Words,
    added,
    below,
    codes_of,
    corrections,
    grown,
)
from leadline.stats.tree import Split
from leadline.values import Undefined


def test_numbers_are_coded_by_edges_and_missing_is_0():
    values = np.array([1.0, 2.0, 2.0, 3.0, np.nan])
    codes = codes_of("x", values)
    assert codes.edges == (2.0, 3.0)
    assert codes.gaps
    assert codes.of(np.array([np.nan, -9.0, 1.9, 2.0, 2.5, 3.0, 99.0])).tolist() == [0, 1, 1, 2, 2, 3, 3]
    assert below(codes, frozenset({0, 1})) == 2.0
    assert below(codes, frozenset({0})) is None


def test_words_are_coded_by_their_frequency_and_the_rest_is_1():
    words = tuple(f"w{place:02d}" for place in range(40))
    number = np.concatenate([np.repeat(np.arange(40), 2), np.arange(30), [-1]])
    codes = codes_of("w", Words(number, words))
    assert codes.words == words[:30]
    assert codes.of(Words(np.array([-1, 0, 1, 2]), ("w05", "w35", "new"))).tolist() == [0, 7, 1, 1]


def test_a_column_of_nothing_is_one_code():
    assert set(codes_of("x", np.full(5, np.nan)).of(np.full(5, np.nan)).tolist()) == {0}
    assert set(codes_of("x", Words(np.full(5, -1), ())).of(Words(np.full(5, -1), ())).tolist()) == {0}


def test_leaves_are_named_by_their_rows():
    distance, carrier = Codes("distance", (100.0, 500.0)), Codes("carrier", None, ("AA", "B6", "EV"), gaps=True)
    near = Split(0, frozenset({1}), 0, 1)
    tree = Tree((distance, carrier), Split(1, frozenset({3}), near, Split(0, frozenset({1, 2}), 2, 3)), 4)
    assert tree.names() == [
        "distance < 100, carrier in (B6)",
        "distance >= 100, carrier in (B6)",
        "distance < 500, carrier not in (B6)",
        "distance >= 500, carrier not in (B6)",
    ]
    between = Tree((distance,), Split(0, frozenset({1}), 0, Split(0, frozenset({2}), 1, 2)), 3)
    assert between.names() == ["distance < 100", "100 <= distance < 500", "distance >= 500"]
    gaps = Tree((Codes("x", (1.0,), gaps=True),), Split(0, frozenset({0}), 0, Split(0, frozenset({1}), 1, 2)), 3)
    assert gaps.names() == ["x is missing", "x < 1", "x >= 1"]


def test_a_leak_is_no_tree():
    rng = np.random.default_rng(1)
    labels = (rng.random(2000) < 0.5).astype(float)
    found = grown(["leak"], [labels + 0.0], labels - 0.5, labels)
    assert isinstance(found, Undefined)
    assert "tell the label itself" in found.why
    assert isinstance(grown([], [], labels, labels), Undefined)
    assert isinstance(grown(["same"], [np.ones(2000)], labels - 0.5, labels), Undefined)


def test_a_tree_finds_the_kinds():
    rng = np.random.default_rng(2)
    kind, noise = rng.integers(0, 2, 4000), rng.normal(size=4000)
    labels = (rng.random(4000) < np.where(kind == 1, 0.6, 0.4)).astype(float)
    found = grown(["kind", "noise"], [Words(kind, ("a", "b")), noise], labels - 0.5, labels)
    assert isinstance(found, Tree)
    assert isinstance(found.root, Split)
    assert found.root.column == 0


def test_corrections_and_what_they_add_equal_brute_force_by_row():
    rng = np.random.default_rng(3)
    rows = 5000
    leaf, wide, said = rng.integers(0, 3, rows), rng.integers(0, 16, rows), rng.integers(0, 2, rows)
    chance = np.round((wide + 0.5) / 16, 3)
    label = rng.random(rows) < np.clip(chance + 0.1 * (leaf - 1), 0, 1)

    def summed(values: np.ndarray) -> np.ndarray:
        found = np.zeros((3, 3, 16))
        np.add.at(found, (said, leaf, wide), values)
        return found

    sums = LeafSums(summed(np.ones(rows)), summed(chance))
    found = corrections(sums, summed(label))
    for g in range(3):
        for b in range(16):
            mine = (leaf == g) & (wide == b)
            assert found[g, b] == pytest.approx((label - chance)[mine].sum() / (mine.sum() + SHRINKAGE))
    by_row = np.clip(chance + found[leaf, wide], 0, 1) - chance
    more = added(sums, found)
    for p in range(2):
        for b in range(16):
            assert more[p, b] == pytest.approx(by_row[(said == p) & (wide == b)].mean())
    assert (more[2] == 0).all()
