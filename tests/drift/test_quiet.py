"""Quiet windows are seldom called drifted, real change is; both simulated with a fixed seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import norm

from leadline.drift.distances import KINDS, scale
from leadline.drift.quiet import ALPHA, Histograms, Measured, measured
from leadline.metrics.sums import Array

LATER = 40


def law(k: int) -> Array:
    """A column of few categories, or one of bins of equal mass."""
    shares = 1 / np.arange(1, k + 1) ** 0.8 if k < 50 else np.ones(k)
    return np.asarray(shares / shares.sum())


def independent(_: np.random.Generator, p: Array, windows: int) -> Array:
    return np.tile(p, (windows, 1))


def overdispersed(rng: np.random.Generator, p: Array, windows: int) -> Array:
    return rng.dirichlet(p * 1000, windows)


def weekly(_: np.random.Generator, p: Array, windows: int) -> Array:
    """Two days of seven are quite different."""
    tilt = np.where(np.arange(windows) % 7 >= 5, 0.5, 0.0)[:, None] * np.linspace(-1, 1, len(p))
    shares = p * np.exp(tilt)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def following(correlation: float, size: float) -> Callable[[np.random.Generator, Array, int], Array]:
    """Windows whose logarithms of shares swing by a straight line, each like the one before it."""

    def laws(rng: np.random.Generator, p: Array, windows: int) -> Array:
        swing = rng.normal(size=windows)
        for place in range(1, windows):
            swing[place] = correlation * swing[place - 1] + np.sqrt(1 - correlation**2) * swing[place]
        shares = p * np.exp(size * swing[:, None] * np.linspace(-1, 1, len(p)))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    return laws


def drawn(rng: np.random.Generator, laws: Array, rows: int) -> Histograms:
    counts = rng.multinomial(rows, laws).astype(np.float64)
    return Histograms(counts, counts)


def compared(own: Histograms, later: Histograms) -> Measured:
    k = own.weight.shape[1]
    return measured(own, later, scale(np.arange(k) * 1.0, own.total().weight[0]))


def called(
    laws: Callable[[np.random.Generator, Array, int], Array], k: int, rows: int, reference: int, runs: int
) -> float:
    """The share of quiet windows that are called drifted."""
    rng, found = np.random.default_rng(11), 0
    for _ in range(runs):
        windows = drawn(rng, laws(rng, law(k), reference + LATER), rows)
        own, later = (Histograms(windows.weight[part], windows.square[part]) for part in parts(reference))
        found += int(compared(own, later).drifted.sum())
    return found / (runs * LATER)


def parts(reference: int) -> tuple[slice, slice]:
    return slice(reference), slice(reference, None)


@pytest.mark.parametrize("laws", [independent, overdispersed, weekly])
@pytest.mark.parametrize(("k", "rows"), [(2, 1000), (54, 1000), (54, 10_000), (200, 10_000)])
def test_quiet_windows_are_seldom_called_drifted(
    laws: Callable[[np.random.Generator, Array, int], Array], k: int, rows: int
) -> None:
    assert called(laws, k, rows, reference=28, runs=3) <= 0.025  # three of 120 windows


@pytest.mark.slow
@pytest.mark.parametrize("laws", [independent, overdispersed, weekly])
@pytest.mark.parametrize("k", [2, 6, 54, 200])
@pytest.mark.parametrize("rows", [1000, 10_000])
@pytest.mark.parametrize("reference", [7, 28])
def test_at_most_one_quiet_window_of_a_hundred_is_called_drifted(
    laws: Callable[[np.random.Generator, Array, int], Array], k: int, rows: int, reference: int
) -> None:
    assert called(laws, k, rows, reference, runs=40) <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("correlation", "reference", "most"), [(0.7, 28, 0.02), (0.9, 28, 0.05), (0.7, 7, 0.10), (0.9, 7, 0.25)]
)
def test_windows_that_follow_each_other_are_called_so_often(correlation: float, reference: int, most: float) -> None:
    found = [
        called(following(correlation, size), k, rows, reference, runs=40)
        for size in (0.05, 0.2)
        for k in (2, 54, 200)
        for rows in (1000, 10_000)
    ]
    assert max(found) <= most


@pytest.mark.parametrize("reference", [7, 28])
def test_a_shift_is_found(reference: int) -> None:
    """A fifth of a standard deviation in 10,000 rows, half of one in 1,000."""
    rng, edges = np.random.default_rng(12), norm.ppf(np.arange(51) / 50)
    for rows, shift in ((10_000, 0.2), (1000, 0.5)):
        own = drawn(rng, independent(rng, law(50), reference), rows)
        later = drawn(rng, np.tile(np.diff(norm.cdf(edges - shift)), (20, 1)), rows)
        assert compared(own, later).drifted.all()


def test_missing_values_that_turn_up_are_found() -> None:
    rng = np.random.default_rng(13)
    own = drawn(rng, np.tile([0.5, 0.49, 0.01], (28, 1)), 1000)
    later = drawn(rng, np.tile([0.47, 0.46, 0.07], (20, 1)), 1000)
    assert compared(own, later).drifted.all()


@pytest.mark.parametrize(
    ("k", "rows", "shift"),
    [
        (k, *each)
        for each in ((100, 3.0), (1000, 1.0), (10_000, 0.5))
        for k in (10, 50, 256)
        if k <= 50 or each[0] > 100
    ],
)
def test_the_excess_of_quiet_windows_is_far_below_that_of_a_change(k: int, rows: int, shift: float) -> None:
    """Its 95 % quantile is below .3 of the smallest planted effect (METHODS §12), but of 100 rows in 256 bins."""
    rng, edges = np.random.default_rng(14), norm.ppf(np.arange(k + 1) / k)
    p = np.ones(k) / k
    own = drawn(rng, independent(rng, p, 28), rows)
    quiet = compared(own, drawn(rng, independent(rng, p, 200), rows)).distances
    changed = compared(own, drawn(rng, np.tile(np.diff(norm.cdf(edges - shift)), (20, 1)), rows)).distances
    for kind in KINDS:
        smallest = changed[kind.name].excess.min()
        assert np.quantile(quiet[kind.name].excess, 0.95) <= 0.3 * smallest, kind.name


@pytest.mark.parametrize(("k", "sizes"), [(10, (100, 1000, 10_000)), (54, (1000, 5000, 25_000)), (256, (2000, 10_000))])
def test_floors_are_the_means_of_quiet_windows_of_any_size(k: int, sizes: tuple[int, ...]) -> None:
    """Windows of a fifth of the rows lie further off by chance; nannyml's default limits do not know that. A bin of the
    smallest has 5 rows or more."""
    rng, p = np.random.default_rng(15), np.ones(k) / k
    shown: dict[str, list[Array]] = {kind.name: [] for kind in KINDS}
    drifted = 0.0
    for _ in range(8):  # all windows of one reference share how far it lies off by chance itself
        own = drawn(rng, independent(rng, p, 28), 5000)
        later = [drawn(rng, independent(rng, p, 50), rows) for rows in sizes]
        found = compared(own, Histograms(*(np.concatenate([each.weight for each in later]) for _ in range(2))))
        drifted += found.drifted.mean() / 8
        for kind in KINDS:
            of = found.distances[kind.name]
            shown[kind.name].append(np.stack([of.value, of.floor, of.high]).reshape(3, len(sizes), 50))
    for name, every in shown.items():
        value, floor, high = np.concatenate(every, axis=2)
        np.testing.assert_allclose(value.mean(axis=1), floor.mean(axis=1), rtol=0.05, err_msg=name)
        assert ((value > high).mean(axis=1) <= 0.03).all(), name
    assert drifted <= 0.01


def test_weights_count_as_so_many_rows_as_say_as_much() -> None:
    rows = Histograms(np.array([[4.0, 0.0]]), np.array([[8.0, 0.0]]))
    assert rows.rows.tolist() == [2.0]


def test_a_window_without_rows_has_no_distance_and_has_not_drifted() -> None:
    rng = np.random.default_rng(16)
    own = drawn(rng, independent(rng, law(6), 10), 500)
    later = Histograms(np.zeros((2, 6)), np.zeros((2, 6)))
    found = compared(own, later)
    assert not found.drifted.any()
    assert all(np.isnan(found.distances[kind.name].value).all() for kind in KINDS)


def test_a_column_that_never_changes_drifts_when_it_does() -> None:
    own = np.zeros((10, 3))
    own[:, 1] = 500
    later = own[:2].copy()
    later[1] = [500, 0, 0]
    found = compared(Histograms(own, own), Histograms(later, later))
    assert found.drifted.tolist() == [False, True]
    assert [found.distances[kind.name].value[0] for kind in KINDS if kind.name != "wasserstein"] == [0.0] * 7


def test_a_reference_that_is_one_window_lets_shares_swing_by_a_tenth() -> None:
    rng, p = np.random.default_rng(17), law(20)
    own = drawn(rng, p[None], 20_000)
    swung = p * np.exp(0.1 * rng.standard_normal((200, 20)))
    swung /= swung.sum(axis=1, keepdims=True)
    assert compared(own, drawn(rng, swung, 5000)).drifted.mean() <= 0.02
    far = p[::-1]
    assert compared(own, drawn(rng, np.tile(far, (5, 1)), 5000)).drifted.all()


def test_the_same_histograms_give_the_same_answer() -> None:
    rng = np.random.default_rng(18)
    own, later = (drawn(rng, independent(rng, law(6), count), 500) for count in (10, 5))
    once, again = compared(own, later), compared(own, later)
    for kind in KINDS:
        np.testing.assert_array_equal(once.distances[kind.name].high, again.distances[kind.name].high)
    assert ALPHA * 3 <= 0.005
