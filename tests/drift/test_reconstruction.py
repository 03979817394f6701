"""Reconstruction from sums alone is that of principal components of the rows themselves."""

from __future__ import annotations

import numpy as np
import pytest

from leadline.cells.moments import Moments
from leadline.drift.reconstruction import KEPT, Reconstruction, components, errors, reconstruction
from leadline.metrics.sums import Array


def moments(windows: list[Array]) -> Moments:
    return Moments(
        np.array([float(len(each)) for each in windows]),
        np.array([each.sum(axis=0) for each in windows]),
        np.array([each.T @ each for each in windows]),
    )


def drawn(rng: np.random.Generator, rows: int, sign: float = 1.0) -> Array:
    """Three columns: the second goes with the first, or against it, the third with none."""
    x = rng.normal(size=(rows, 3))
    x[:, 1] = sign * 0.9 * x[:, 0] + np.sqrt(1 - 0.81) * x[:, 1]
    return x * [1.0, 20.0, 0.1] + [5.0, -100.0, 0.0]


def by_hand(reference: Array, rows: Array) -> Array:
    """The mean squared error by column: standardise, project on the first components, put together again."""
    z, x = ((each - reference.mean(axis=0)) / reference.std(axis=0) for each in (reference, rows))
    _, lengths, vectors = np.linalg.svd(z, full_matrices=False)
    share = np.cumsum(lengths**2) / (lengths**2).sum()
    kept = vectors[: int(np.searchsorted(share, KEPT)) + 1]
    return np.asarray(((x - x @ kept.T @ kept) ** 2).mean(axis=0))


def compared(own: list[Array], later: list[Array]) -> Reconstruction:
    found = reconstruction(moments(own), moments(later))
    assert found is not None
    return found


def test_errors_are_those_of_the_rows() -> None:
    rng = np.random.default_rng(1)
    own, later = [drawn(rng, 200) for _ in range(5)], [drawn(rng, 150, -1.0), drawn(rng, 30)]
    reference = np.concatenate(own)
    found = compared(own, later)
    for place, rows in enumerate(later):
        assert found.error[place] ** 2 == pytest.approx(by_hand(reference, rows).sum())
        more = by_hand(reference, rows) - by_hand(reference, reference)
        np.testing.assert_allclose(found.more[place], more, atol=1e-9)
    assert found.usual**2 == pytest.approx(by_hand(reference, reference).sum())


def test_parts_add_up() -> None:
    rng = np.random.default_rng(2)
    parts = [drawn(rng, rows) for rows in (50, 60, 70)]
    together, whole = moments(parts).total(), moments([np.concatenate(parts)])
    fit = components(whole)
    assert fit is not None
    np.testing.assert_allclose(errors(fit, together), errors(fit, whole))
    np.testing.assert_allclose(moments(parts).of([(0, 2)]).sums, moments([np.concatenate(parts[:2])]).sums)


def test_columns_that_go_against_each_other_are_found_where_each_alone_is_as_before() -> None:
    rng = np.random.default_rng(3)
    found = compared([drawn(rng, 500) for _ in range(14)], [drawn(rng, 500), drawn(rng, 500, -1.0)])
    assert (found.away > found.limit).tolist() == [False, True]
    assert found.more[1, 2] < found.more[1, :2].min()


def test_a_shift_along_the_components_is_not_seen() -> None:
    rng = np.random.default_rng(4)
    along = np.array([1.0, 20 * 0.9, 0.0])
    found = compared([drawn(rng, 500) for _ in range(14)], [drawn(rng, 500) + along])
    assert found.away[0] < found.limit * 3


def test_quiet_windows_are_seldom_called() -> None:
    rng, called = np.random.default_rng(5), 0
    for _ in range(60):
        found = compared([drawn(rng, 300) for _ in range(7)], [drawn(rng, 300) for _ in range(20)])
        called += int((found.away > found.limit).sum())
    assert called <= 0.005 * 60 * 20


def test_the_unit_of_a_column_does_not_matter() -> None:
    rng = np.random.default_rng(6)
    own, later = [drawn(rng, 200) for _ in range(6)], [drawn(rng, 200, 0.0)]
    unit = np.array([1e-3, 1e4, -7.0])
    found, other = compared(own, later), compared([each * unit for each in own], [each * unit for each in later])
    assert found.error == pytest.approx(other.error, rel=1e-6)


def test_what_is_always_the_same_has_no_part() -> None:
    rng = np.random.default_rng(7)
    own, later = [drawn(rng, 200) for _ in range(6)], [drawn(rng, 200)]

    def with_constant(parts: list[Array]) -> list[Array]:
        return [np.column_stack([each, np.full(len(each), 3.0)]) for each in parts]

    found = compared(with_constant(own), with_constant(later))
    assert found.error == pytest.approx(compared(own, later).error)
    assert found.more[0, 3] == 0


def test_where_there_is_nothing_to_tell_there_is_no_answer() -> None:
    rng = np.random.default_rng(8)
    some = [drawn(rng, 50) for _ in range(6)]
    assert reconstruction(moments(some[:3]), moments(some)) is None
    assert reconstruction(moments([each[:, :1] for each in some]), moments([each[:, :1] for each in some])) is None
    nothing = Moments(np.zeros(2), np.zeros((2, 3)), np.zeros((2, 3, 3)))
    assert reconstruction(nothing, moments(some)) is None
    empty = reconstruction(moments(some), nothing)
    assert empty is not None
    assert np.isnan(empty.error).all()
