"""How much grains differ, told from the steps between neighbours."""

import numpy as np
import pytest

from leadline.stats.design import designs
from leadline.stats.groups import Spreads, spreads, successive_spreads
from leadline.stats.proportion import share_interval

ROWS = 200


def shares(random, share, correlation, shape):
    """Hits of ROWS rows a grain, whose chance varies from grain to grain."""
    if not correlation:
        return random.binomial(ROWS, share, shape)
    total = (1 - correlation) / correlation
    return random.binomial(ROWS, random.beta(share * total, (1 - share) * total, shape))


def phi_of(way, hits):
    figure = hits / ROWS
    mean = figure.mean(axis=1, keepdims=True)
    grains = hits.shape[1]
    return way((mean * (1 - mean) / (ROWS * grains))[:, 0], (figure - mean) / grains, np.full(hits.shape, float(ROWS)))


def coverage(share, correlation, grains, history, runs):
    random = np.random.default_rng(7)
    past = phi_of(successive_spreads, shares(random, share, correlation, (runs, history)))
    hits = shares(random, share, correlation, (runs, grains)).sum(axis=1)
    unknown = Spreads.unknown(runs)
    chosen = designs(unknown, past, unknown, np.full(runs, float(ROWS)))
    rows = ROWS * grains / chosen.deff
    low, high = share_interval(hits / (ROWS * grains) * rows, rows, chosen.critical)
    return float(np.mean((low <= share) & (share <= high)))


@pytest.mark.parametrize("history", [14, 28])
@pytest.mark.parametrize("grains", [1, 2, 4])
@pytest.mark.parametrize("correlation", [0.0, 0.02])
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_short_windows_are_covered(share, correlation, grains, history):
    found = coverage(share, correlation, grains, history, 4000)
    noise = 3 * np.sqrt(0.05 * 0.95 / 4000)
    assert 0.93 - noise <= found <= 0.985 + noise


def test_a_lasting_drop_does_not_pass_for_noise():
    random = np.random.default_rng(1)
    hits = np.concatenate([random.binomial(ROWS, 0.95, (500, 14)), random.binomial(ROWS, 0.3, (500, 14))], axis=1)
    assert np.median(phi_of(successive_spreads, hits).phi) < 3
    assert np.median(phi_of(spreads, hits).phi) > 50


def test_grains_without_rows_are_passed_over():
    random = np.random.default_rng(2)
    hits = shares(random, 0.3, 0.02, (50, 20))
    full = phi_of(successive_spreads, hits)
    figure = hits / ROWS
    mean = figure.mean(axis=1, keepdims=True)
    gaps = np.zeros((50, 40))
    part, size = gaps.copy(), gaps.copy()
    part[:, ::2], size[:, ::2] = (figure - mean) / 20, ROWS
    found = successive_spreads((mean * (1 - mean) / (ROWS * 20))[:, 0], part, size)
    assert np.allclose(found.phi, full.phi)
