"""The forms for many figures at once say what the forms for one say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.stats.design import design, designs
from leadline.stats.groups import Spread, Spreads, spread, spreads


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_spreads(seed, groups):
    rng = np.random.default_rng(seed)
    size = rng.integers(0, 4, (5, groups)).astype(float)
    size[:, 0] += 1
    influence = rng.normal(size=(5, groups)) * (size > 0)
    variance = rng.choice([0.0, 0.5, 2.0], 5)
    found = spreads(variance, influence, size)
    for i in range(5):
        one = spread(float(variance[i]), influence[i], size[i])
        assert bool(found.known[i]) == (one is not None)
        if one is not None:
            many = Spread(float(found.phi[i]), int(found.groups[i]), float(found.effective[i]), float(found.size[i]))
            assert many == Spread(*map(pytest.approx, (one.phi, one.groups, one.effective, one.size)))
            assert found.at(np.full(5, 30.0))[i] == pytest.approx(one.at(30.0))


def drawn(rng: np.random.Generator, count: int, most: int) -> tuple[Spreads, list[Spread | None]]:
    groups = rng.integers(2, most, count)
    known = rng.random(count) < 0.7
    phi, effective, size = rng.gamma(1, 1.5, count), 1 + (groups - 1) * rng.random(count), rng.uniform(5, 50, count)
    many = Spreads(known, phi, groups.astype(float), effective, size)
    singly = [Spread(*(part[i].item() for part in (phi, groups, effective, size))) for i in range(count)]
    return many, [one if seen else None for one, seen in zip(singly, known, strict=True)]


@given(st.integers(0, 2**32 - 1))
def test_designs(seed):
    rng = np.random.default_rng(seed)
    (grains, own), (history, past), (entity, users) = (drawn(rng, 20, most) for most in (30, 30, 17))
    size = rng.uniform(5, 50, 20)
    found = designs(grains, history, entity, size)
    for i in range(20):
        one = design(own[i], past[i], users[i], float(size[i]))
        assert (found.deff[i], found.critical[i]) == pytest.approx((one.deff, one.critical))
        assert found.methods[i] == one.method


def test_nothing_known():
    none = Spreads.unknown(2)
    found = designs(none, none, none, np.ones(2))
    assert found.methods == ("within_grain", "within_grain")
    assert found.deff.tolist() == [1, 1]
    with pytest.raises(ValueError, match="row_variance"):
        spreads([-1.0], [[0.0, 0.0]], [[1.0, 1.0]])
