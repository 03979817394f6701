"""Vectors that moved are told from those that lie where they lay, from sums alone."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.drift.embeddings import NAMES, EmbeddingSums, Features, compared, features, squared_mmd, summed
from leadline.metrics.sums import Array

D = 16


def drawn(rng: np.random.Generator, rows: int, shift: float = 0.0, scale: float = 1.0) -> Array:
    found = rng.normal(size=(rows, D)) * scale + 0.5
    found[:, 0] += shift
    return found


def sums(parts: list[Array], by: Features) -> EmbeddingSums:
    window = np.repeat(np.arange(len(parts)), [len(each) for each in parts])
    return summed(np.concatenate(parts), window, len(parts), by)


def fitted(reference: Array) -> Features:
    found = features(reference)
    assert found is not None
    return found


def exact(a: Array, b: Array, scale: float) -> float:
    """The unbiased estimate with the Gaussian kernel itself: all pairs."""

    def kernel(x: Array, y: Array) -> Array:
        return np.asarray(np.exp(-((x[:, None] - y) ** 2).sum(axis=-1) / (2 * scale**2)))

    n, m = len(a), len(b)
    ours, theirs = kernel(a, a).sum() - n, kernel(b, b).sum() - m
    return float(ours / (n * (n - 1)) + theirs / (m * (m - 1)) - 2 * kernel(a, b).mean())


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_the_discrepancy_is_that_of_the_kernel(shift: float) -> None:
    rng = np.random.default_rng(1)
    a, b = drawn(rng, 400), drawn(rng, 300, shift)
    scale = float(np.median(np.sqrt(((a[:, None] - a) ** 2).sum(axis=-1))[np.triu_indices(400, 1)]))
    by = fitted(a)
    found = float(squared_mmd(sums([a], by), sums([b], by))[0])
    assert found == pytest.approx(exact(a, b, scale), abs=0.015)


def test_the_estimate_is_unbiased_for_these_features() -> None:
    rng = np.random.default_rng(2)
    by = fitted(drawn(rng, 500))
    found = [float(squared_mmd(sums([drawn(rng, 40)], by), sums([drawn(rng, 60)], by))[0]) for _ in range(200)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(200)


def test_parts_add_up() -> None:
    rng = np.random.default_rng(3)
    parts = [drawn(rng, rows) for rows in (30, 40, 50)]
    by = fitted(parts[0])
    one, whole = sums(parts, by), sums([np.concatenate(parts)], by)
    for name in ("rows", "phi", "unit", "lengths"):
        np.testing.assert_allclose(getattr(one.total(), name), getattr(whole, name))
        np.testing.assert_allclose(getattr(one.of([(0, 3)]), name), getattr(whole, name))
        np.testing.assert_allclose(getattr(one.rest(), name)[0], getattr(one.of([(1, 3)]), name)[0])


def called(rng: np.random.Generator, later: Array, windows: int = 10) -> set[str]:
    own = [drawn(rng, 200) for _ in range(windows)]
    by = fitted(np.concatenate(own))
    found = compared(sums(own, by), sums([later], by))
    assert found is not None
    return {name for name, each in found.items() if each.value > each.limit}


def test_each_figure_sees_its_own_change() -> None:
    rng = np.random.default_rng(4)
    assert "mmd" in called(rng, drawn(rng, 200, shift=1.5))
    assert "norm" in called(rng, drawn(rng, 200, scale=1.5))
    turned = drawn(rng, 200) - 1.0
    assert "cosine" in called(rng, turned)


def test_quiet_windows_are_seldom_called() -> None:
    rng, found = np.random.default_rng(5), 0
    for _ in range(30):
        own = [drawn(rng, 100) for _ in range(7)]
        by = fitted(np.concatenate(own))
        history = sums(own, by)
        for rows in (100, 30):
            away = compared(history, sums([drawn(rng, rows)], by))
            assert away is not None
            found += any(each.value > each.limit for each in away.values())
    assert found <= 1


def test_where_there_is_nothing_to_tell_there_is_no_answer() -> None:
    rng = np.random.default_rng(6)
    assert features(np.ones((10, 3))) is None
    by = fitted(drawn(rng, 50))
    few = sums([drawn(rng, 20) for _ in range(3)], by)
    assert compared(few, sums([drawn(rng, 20)], by)) is None
    enough = sums([drawn(rng, 20) for _ in range(5)], by)
    assert compared(enough, sums([drawn(rng, 1)], by)) is None
    nowhere = compared(enough, sums([np.zeros((20, D))], by))
    assert nowhere is not None
    assert set(nowhere) == set(NAMES) - {"cosine"}
