"""`spreads` and `designs` say of many figures what `spread` and `design` say of each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.stats.design import design, designs
from leadline.stats.groups import Spreads, own_size, spread, spreads


def drawn(rng, figures, groups):
    """Sizes, influences and row variances of figures; some groups are empty, some figures have none or no variance."""
    size = rng.integers(0, 40, (figures, groups)) * rng.choice([0, 1, 1], (figures, groups)) * 1.0
    influence = rng.normal(size=(figures, groups)) * rng.choice([0.3, 3], (figures, 1)) * (size > 0)
    variance = rng.choice([0.0, 1.0, 2.5], figures, p=[0.1, 0.6, 0.3]) * groups
    return variance, influence, size


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 5, 7, 28]))
def test_many_at_once_are_what_each_is_alone(seed, groups):
    rng = np.random.default_rng(seed)
    figures = 12
    given_ = [drawn(rng, figures, count) for count in (groups, 28, 16)]
    many = [spreads(*each) for each in given_]
    sizes = given_[0][2].copy()
    sizes[:, 0] += 1
    size = np.array([own_size(row) for row in sizes])
    found = designs(many[0], many[1], many[2], size)
    for place in range(figures):
        alone = [spread(variance[place], part[place], rows[place]) for variance, part, rows in given_]
        for one, all_of in zip(alone, many, strict=True):
            assert (one is not None) == all_of.known[place]
            if one is not None:
                for name in ("phi", "groups", "effective", "size"):
                    assert getattr(all_of, name)[place] == pytest.approx(getattr(one, name))
        wanted = design(*alone, size[place])
        assert found.deff[place] == pytest.approx(wanted.deff)
        assert found.critical[place] == pytest.approx(wanted.critical)
        assert found.methods[place] == wanted.method


def test_what_cannot_be_known_is_marked():
    none = Spreads.unknown(2)
    assert not none.known.any()
    assert designs(none, none, none, np.ones(2)).methods == ("within_grain", "within_grain")


def test_sizes_and_variances_below_0_are_refused():
    with pytest.raises(ValueError, match="must be >= 0"):
        spreads([-1.0], [[0.0]], [[1.0]])
    with pytest.raises(ValueError, match="one influence and size a group"):
        spreads([1.0], [[0.0, 1.0]], [[1.0]])
