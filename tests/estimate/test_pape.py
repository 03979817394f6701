"""Leaf-PAPE against rows that are repeated as often as they weigh, its gate, and what it gains in a planted shift."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from leadline.estimate.calibrator import fitted
from leadline.estimate.leaves import LeafRows
from leadline.estimate.pape import ByLeaf, effective_rows, importance, reweighted, usable
from leadline.metrics.expected import bin_scores, probability_bins

BINS = probability_bins()
SCORES = bin_scores(BINS)


def places(score: np.ndarray) -> np.ndarray:
    """The bin of each score."""
    return np.abs(SCORES - score[:, None]).argmin(1)


def by_leaf(leaf: np.ndarray, bins: np.ndarray, label: np.ndarray, leaves: int, weight: np.ndarray | None = None):
    weight = np.ones(len(leaf)) if weight is None else weight

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(leaf * len(SCORES) + bins, values, leaves * len(SCORES)).reshape(leaves, len(SCORES))

    return ByLeaf(summed(weight * label), summed(weight), summed(weight**2), BINS)


def rows(*counts: float) -> LeafRows:
    return LeafRows(np.array(counts, float), np.array(counts, float))


def reference(size: int, seed: int = 0, leaves: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    leaf, score = rng.integers(0, leaves, size), rng.beta(1, 2, size)
    label = rng.random(size) < np.clip(score * np.array([0.5, 1.0, 1.8])[leaf], 0, 1)
    return leaf, places(score), label.astype(float)


def test_weighted_calibration_is_that_of_rows_repeated_as_often_as_they_weigh():
    leaf, bins, label = reference(900)
    times = np.array([1, 0, 4])
    (found,) = reweighted(by_leaf(leaf, bins, label, 3), times[None].astype(float))
    again = np.repeat(np.arange(len(leaf)), times[leaf])
    fit = IsotonicRegression(out_of_bounds="clip").fit(SCORES[bins[again]], label[again])
    known = np.unique(bins[again])
    assert found[known] == pytest.approx(fit.predict(SCORES[known]), abs=1e-12)
    assert (np.diff(found) >= 0).all()


def test_rows_with_weights_are_rows_repeated():
    leaf, bins, label = reference(600, seed=1)
    weight = np.random.default_rng(2).integers(1, 4, len(leaf)).astype(float)
    again = np.repeat(np.arange(len(leaf)), weight.astype(int))
    whole = by_leaf(leaf[again], bins[again], label[again], 3)
    weighted = by_leaf(leaf, bins, label, 3, weight)
    now = LeafRows(np.array([[10.0, 30.0, 60.0]]), np.array([[10.0, 30.0, 60.0]]))
    assert importance(weighted.rows, now) == pytest.approx(importance(whole.rows, now))
    mine, other = (reweighted(each, importance(each.rows, now)) for each in (weighted, whole))
    assert mine == pytest.approx(other, abs=1e-12)
    # repeated rows pass for more than they are, weighted ones do not
    assert effective_rows(weighted.rows, np.ones(3)) < effective_rows(whole.rows, np.ones(3))


def test_a_window_like_the_reference_changes_nothing():
    leaf, bins, label = reference(900, seed=3)
    found = by_leaf(leaf, bins, label, 3)
    (again,) = reweighted(found, importance(found.rows, found.rows)[None])
    assert again == pytest.approx(fitted(found.positives.sum(0), found.weight.sum(0), SCORES), abs=1e-12)


def test_effective_rows_are_those_of_the_rows_weights():
    leaf = np.random.default_rng(4).integers(0, 3, 500)
    count = np.bincount(leaf).astype(float)
    weights = np.array([0.2, 1.0, 3.0])
    of_rows = weights[leaf]
    expected = of_rows.sum() ** 2 / (of_rows**2).sum()
    assert float(effective_rows(LeafRows(count, count), weights)) == pytest.approx(expected)
    assert float(effective_rows(LeafRows(np.zeros(3), np.zeros(3)), weights)) == 0


def test_the_gate_opens_between_none_and_too_much():
    then = rows(20_000, 20_000, 20_000)
    for now, opens in (
        ((500, 500, 500), False),  # the same shares
        ((200, 500, 800), True),
        ((5, 45, 1_450), False),  # a third of the reference is left, less than 40 %
        ((0, 0, 0), False),  # no rows
        ((0, 0, 1), False),  # one row is not told from the reference by itself
    ):
        assert bool(usable(then, rows(*now))) is opens, now
    assert not usable(then, rows(20, 50, 80))  # by chance
    few = rows(700, 700, 700)
    assert not usable(few, rows(200, 500, 800))  # never 2,000 rows that count
    # told apart too well: one leaf of a hundred has all the window's rows
    shares = np.full(100, 600.0)
    one = np.append(np.full(99, 1.0), 1_000.0)
    assert not usable(LeafRows(shares, shares), LeafRows(one, one))


def test_the_gate_stays_shut_where_nothing_moved_however_few_the_rows():
    rng = np.random.default_rng(5)
    shares = rng.dirichlet(np.ones(24))
    then = np.bincount(rng.choice(24, 30_000, p=shares), minlength=24).astype(float)
    for size, most in ((40, 0.0), (400, 0.05), (4_000, 0.0)):
        now = rng.multinomial(size, shares, 200).astype(float)
        opened = usable(LeafRows(then, then), LeafRows(now, now)).mean()
        assert opened <= most, size


def test_a_planted_shift_between_kinds_is_followed():
    """Of kinds whose scores mean something else the shares move: weighting finds the new meaning of a score."""
    rng = np.random.default_rng(6)

    def drawn(size: int, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        kind, score = (rng.random(size) < share).astype(int), rng.beta(1, 3, size)
        return kind, places(score), (rng.random(size) < np.where(kind == 1, 0.9, 0.4) * score).astype(float)

    kind, bins, label = drawn(20_000, 0.3)
    found = by_leaf(kind, bins, label, 2)
    plain = fitted(found.positives.sum(0), found.weight.sum(0), SCORES)
    errors: dict[str, list[float]] = {"plain": [], "weighted": []}
    for _ in range(20):
        now, bin_, truth = drawn(5_000, 0.7)
        window = rows(*np.bincount(now, minlength=2))
        assert usable(found.rows, window)
        (weighted,) = reweighted(found, importance(found.rows, window)[None])
        high = SCORES[bin_] >= 0.3
        for name, chance in (("plain", plain), ("weighted", weighted)):
            errors[name].append(abs(chance[bin_][high].mean() - truth[high].mean()))
    assert np.mean(errors["weighted"]) < 0.3 * np.mean(errors["plain"])


def test_no_windows():
    leaf, bins, label = reference(300)
    assert reweighted(by_leaf(leaf, bins, label, 3), np.zeros((0, 3))).shape == (0, len(SCORES))
