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
    wide_bins,
)
from leadline.metrics.expected import bin_scores, probability_bins
from leadline.metrics.sums import Histogram
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
    for b in range(16):
        drawn = []
        for g in range(3):
            mine = (leaf == g) & (wide == b)
            drawn.append((label - chance)[mine].sum() / (mine.sum() + SHRINKAGE))
        mean = np.mean([drawn[g] for g in leaf[wide == b]])
        assert found[:, b] == pytest.approx(np.array(drawn) - mean)
    by_row = np.clip(chance + found[leaf, wide], 0, 1) - chance
    more = added(sums, found)
    for p in range(2):
        for b in range(16):
            assert more[p, b] == pytest.approx(by_row[(said == p) & (wide == b)].mean())
    assert (more[2] == 0).all()


def test_leaves_add_nothing_to_all_rows_of_the_reference_however_uneven_they_are():
    """A small leaf is far riskier than its scores say, and is drawn towards 0 more than the large ones are."""
    rows, chance = np.zeros((3, 3, 4)), np.zeros((3, 3, 4))
    rows[0] = np.array([[400.0], [300.0], [20.0]])
    chance[0] = 0.2 * rows[0]
    positives = chance + rows * np.array([-0.02, -0.01, 0.55])[:, None]
    found = corrections(LeafSums(rows, chance), positives)
    assert (rows[0] * found).sum(0) == pytest.approx(np.zeros(4))
    assert (found[2] > 0).all()
    assert (corrections(LeafSums(0 * rows, 0 * rows), 0 * rows) == 0).all()


def test_wide_bins_hold_equal_rows_and_keep_to_thresholds():
    scores = np.random.default_rng(7).beta(1, 40, 20_000)  # a rare class: nearly all scores are below .1
    bins = probability_bins()
    place = np.abs(bin_scores(bins) - scores[:, None]).argmin(1)
    rows = np.bincount(place, minlength=len(bins)).astype(float)
    bins[:, 2] = bin_scores(bins) >= 0.03
    found = wide_bins(Histogram(rows, 0 * rows, rows, 0 * rows, 0 * rows, bins))
    assert (np.diff(found) >= 0).all()
    counted = np.bincount(found[place])
    assert len(counted) == 9  # eight, and one is cut by the threshold
    assert counted.max() < 1.3 * len(scores) / 8
    assert np.array_equal(np.diff(found)[np.diff(bins[:, 2]) > 0], [1])
