"""Mix and rate add up, whatever the slices are, and their slopes are those of the terms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.stats.mix_rate import frozen_mix, mix_rate, mix_rate_slopes, pooled


def drawn(seed: int, slices: int, kind: str):
    """Sums of two windows over slices, of which some have nothing in one window or in both."""
    rng = np.random.default_rng(seed)
    b = rng.integers(0, 2000, (2, slices)) * (rng.random((2, slices)) < 0.7)
    b[:, 0] += 1
    if kind == "share":
        return [part.astype(float) for window in b for part in (rng.binomial(window, rng.random(slices)), window)]
    return [part for window in b.astype(float) for part in (window * rng.normal(3, 50, slices), window)]


worlds = st.builds(drawn, st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from(["share", "loss"]))


@settings(max_examples=1000)
@given(worlds)
def test_the_terms_add_up_to_the_change(world):
    a0, b0, a1, b1 = world
    found = mix_rate(*world)
    change = a1.sum() / b1.sum() - a0.sum() / b0.sum()
    scale = max(1.0, float(np.abs(np.divide(a0, b0, out=np.zeros_like(a0), where=b0 > 0)).max()))
    assert found.rate.sum() + found.mix.sum() == pytest.approx(change, abs=1e-12 * scale)


@given(worlds, st.integers(0, 2**32 - 1))
def test_roll_ups_add_up_too(world, seed):
    """A view by coarser slices is the sum of the finer one's terms, so that every view sums to the change."""
    group = np.random.default_rng(seed).integers(0, 5, len(world[0]))
    found = mix_rate(*world)
    views = [np.bincount(group, weights=part, minlength=5) for part in (found.rate, found.mix)]
    assert sum(map(np.sum, views)) == pytest.approx(float(found.rate.sum() + found.mix.sum()), abs=1e-9)


def test_of_a_thousand_trees_every_node_is_the_sum_of_what_is_below_it():
    """Three levels; of every tree some slices appear and some vanish. What is left over is below 1e-12."""
    rng = np.random.default_rng(8)
    for _ in range(1000):
        a0, b0, a1, b1 = drawn(int(rng.integers(2**32)), int(rng.integers(3, 60)), "share")
        b0[:2], a0[:2], b1[:2], a1[:2] = (0, 5), (0, 1), (7, 0), (2, 0)  # one comes, one goes
        found = mix_rate(a0, b0, a1, b1)
        both = np.stack([found.rate, found.mix])
        change = a1.sum() / b1.sum() - a0.sum() / b0.sum()
        middle = rng.integers(0, 12, both.shape[1])
        top = rng.integers(0, 3, 12)  # each node of the middle has one above it
        nodes = np.stack([np.bincount(middle, weights=part, minlength=12) for part in both])
        above = np.stack([np.bincount(top, weights=part, minlength=3) for part in nodes])
        for level in (both, nodes, above):
            assert abs(level.sum() - change) < 1e-12
        leaves = np.stack([np.bincount(top[middle], weights=part, minlength=3) for part in both])
        assert np.abs(leaves - above).max() < 1e-12


@given(worlds)
def test_back_is_there_with_the_other_sign_and_order_does_not_matter(world):
    a0, b0, a1, b1 = world
    there, back = mix_rate(a0, b0, a1, b1), mix_rate(a1, b1, a0, b0)
    assert np.allclose(there.rate, -back.rate, atol=1e-12)
    assert np.allclose(there.mix, -back.mix, atol=1e-12)
    turned = mix_rate(*(part[::-1] for part in world))
    assert np.allclose(turned.rate[::-1], there.rate, atol=1e-12)


@given(worlds)
def test_only_who_comes_or_only_how_they_are_served(world):
    a0, b0, _, b1 = world
    b1 = b1 * (b0 > 0)
    same_ratio = mix_rate(a0, b0, np.divide(a0, b0, out=np.zeros_like(a0), where=b0 > 0) * b1, b1)
    assert np.abs(same_ratio.rate).max() < 1e-9
    same_share = mix_rate(a0, b0, a0 * 7 + b0, b0 * 3)
    assert np.abs(same_share.mix).max() < 1e-9


def test_a_slice_that_comes_or_goes_is_mix_alone():
    found = mix_rate([50, 0, 30], [100, 0, 100], [50, 90, 0], [100, 100, 0])
    assert found.rate.tolist() == [0, 0, 0]
    assert found.mix.sum() == pytest.approx(140 / 200 - 80 / 200)


def test_the_german_example_of_the_methods():
    sums = [900 * 0.1, 100 * 0.2], [900, 100], [970 * 0.1, 30 * 0.35], [970, 30]
    found = mix_rate(*sums)
    assert (found.rate.sum(), found.mix.sum()) == (pytest.approx(0.00975), pytest.approx(-0.01225))
    assert frozen_mix([0.9, 0.1], *sums[2:]) == pytest.approx(0.125)


@settings(max_examples=50)
@given(worlds)
def test_slopes_are_those_of_the_terms(world):
    """Against differences: half a row more and less in one slice of one window at a time."""
    slopes = mix_rate_slopes(*world)
    for window, slope in enumerate(slopes):
        a, b = world[2 * window], world[2 * window + 1]
        for k in np.flatnonzero(b > 20)[:4]:
            for place, parts in ((0, (slope.rate_a, slope.mix_a)), (1, (slope.rate_b, slope.mix_b))):
                ends = []
                for step in (-1e-4, 1e-4):
                    moved = [part.copy() for part in world]
                    moved[2 * window + place][k] += step
                    ends.append(mix_rate(*moved))
                for name, part in zip(("rate", "mix"), parts, strict=True):
                    brute = (getattr(ends[1], name) - getattr(ends[0], name)) / 2e-4
                    assert np.allclose(part[:, k], brute, rtol=1e-3, atol=1e-4 * max(1.0, np.abs(brute).max()))
        assert np.allclose(slope.rate_a @ a + slope.rate_b @ b, 0, atol=1e-9)
        assert np.allclose(slope.mix_a @ a + slope.mix_b @ b, 0, atol=1e-9)


@given(worlds)
def test_the_frozen_mix_of_the_same_window_is_its_ratio(world):
    a0, b0, _, _ = world
    assert frozen_mix(b0, a0, b0) == pytest.approx(a0.sum() / b0.sum(), rel=1e-9, abs=1e-9)


def test_what_cannot_be_split_is_refused():
    for sums in (
        ([1], [0], [1], [1]),
        ([1, 2], [1, 0], [1, 2], [1, 1]),
        ([1], [1, 2], [1], [1]),
        ([1], [-1], [1], [1]),
    ):
        with pytest.raises(ValueError, match="B"):
            mix_rate(*sums)
    assert np.isnan(frozen_mix([1, 0], [0, 5], [0, 10]))
    with pytest.raises(ValueError, match="shares"):
        frozen_mix([0, 0], [1, 1], [1, 1])


def test_slices_that_tell_nothing_are_put_together():
    assert pooled([500, 300], [400, 250], 200).tolist() == [0, 1]
    assert pooled([5, 3], [4, 2], 200).tolist() == [0, 0]
    assert pooled([0, 300], [0, 250], 200).tolist() == [1, 0]
    assert pooled([300, 300], [9, 10], 200).tolist() == [1, 0]
