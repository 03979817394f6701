"""The interval of a rate covers what it promises: exactly reckoned for Poisson counts, no simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, nbinom, poisson

from leadline.stats.rate import rate_interval


@pytest.mark.parametrize("time", [0.25, 1.0, 30.0])
def test_covers_poisson_counts_of_any_size(time):
    for mean in np.concatenate([np.geomspace(0.05, 60, 200), [300.0, 5_000.0]]):
        counts = np.arange(int(poisson.isf(1e-9, mean)) + 2)
        low, high = rate_interval(counts, time)
        inside = (low <= mean / time) & (mean / time <= high)
        assert poisson.pmf(counts, mean)[inside].sum() >= 0.93, mean


def test_covers_counts_that_vary_more_when_it_is_told_how_much_more():
    for mean, more in ((20.0, 3.0), (200.0, 10.0), (1_000.0, 25.0)):
        counts = np.arange(int(mean + 12 * np.sqrt(more * mean)) + 2)
        low, high = rate_interval(counts, 1.0, more)
        chance = nbinom.pmf(counts, mean / (more - 1), 1 / more)
        assert chance[(low <= mean) & (mean <= high)].sum() >= 0.935, (mean, more)


def test_is_near_the_exact_interval_and_holds_the_rate():
    counts = np.array([0.0, 1.0, 5.0, 40.0, 1e6])
    low, high = rate_interval(counts, 2.0)
    exact = chi2.ppf(0.025, 2 * counts) / 4, chi2.ppf(0.975, 2 * counts + 2) / 4
    assert low[0] == 0
    assert low[2:] == pytest.approx(exact[0][2:], rel=0.3)  # of few events its tail is larger than the exact one's
    assert high == pytest.approx(exact[1], rel=0.1)
    assert np.all((low <= counts / 2) & (counts / 2 <= high))


def test_no_time_is_no_rate():
    with pytest.raises(ValueError, match="time > 0"):
        rate_interval(3, 0)
