from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from leadline.stats.logistic import logistic_fit, logistic_influence


def drawn(rng, bins: int = 30, rows: int = 8):
    x = np.sort(rng.normal(size=bins) * 2 - 1)
    n = rng.poisson(rows, bins)
    positives = rng.binomial(n, expit(0.3 + 0.8 * x)).astype(float)
    return x, n - positives, positives


def loss(parameters, x, negatives, positives):
    at = parameters[0] + parameters[1] * x
    return (positives * np.logaddexp(0, -at) + negatives * np.logaddexp(0, at)).sum()


@pytest.mark.parametrize("seed", range(20))
def test_against_a_general_optimiser(seed):
    state = drawn(np.random.default_rng(seed))
    wanted = minimize(loss, [0.0, 0.0], args=state, method="BFGS", options={"gtol": 1e-9})
    assert np.array(logistic_fit(*state)) == pytest.approx(wanted.x, abs=1e-5)


def test_many_at_once_are_what_each_is_alone():
    states = [drawn(np.random.default_rng(seed)) for seed in range(6)]
    together = logistic_fit(*(np.stack(part) for part in zip(*states, strict=True)))
    for place, state in enumerate(states):
        assert [float(each[place]) for each in together] == pytest.approx(
            [float(each) for each in logistic_fit(*state)]
        )


@pytest.mark.parametrize("factor", [1e-3, 1, 1e6])
def test_scale_and_place_of_x(factor):
    x, negatives, positives = drawn(np.random.default_rng(1))
    a, b = logistic_fit(x, negatives, positives)
    moved = logistic_fit(factor * (x - 7), negatives, positives)
    assert float(moved[1]) == pytest.approx(float(b) / factor)
    assert float(moved[0]) == pytest.approx(float(a + 7 * b))


def test_nearly_parted_classes_still_have_a_slope():
    x = np.array([-3.0, -0.01, 0.01, 3.0])
    a, b = logistic_fit(x, [500, 500, 1, 0], [0, 1, 500, 500])
    assert np.isfinite([a, b]).all()
    gap = np.array([0, 1, 500, 500]) - np.array([500, 501, 501, 500]) * expit(a + b * x)
    assert [gap.sum(), (gap * x).sum()] == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("x", "negatives", "positives"),
    [
        ([0, 1], [1, 1], [0, 0]),
        ([0, 1], [0, 0], [0, 0]),
        ([2, 2], [3, 1], [1, 3]),
        ([0, 1, 2], [4, 4, 0], [0, 0, 4]),
        ([0, 1, 2], [4, 4, 0], [0, 4, 4]),  # parted but for one value, where both stand
        ([0, 1, 2], [0, 4, 4], [4, 4, 0]),
    ],
    ids=["one class", "none", "one value", "parted", "parted by a value", "parted the other way"],
)
def test_without_a_finite_fit_it_is_nan(x, negatives, positives):
    assert np.isnan(logistic_fit(x, np.array(negatives, float), np.array(positives, float))).all()


def test_influences_are_those_of_a_further_row():
    x, negatives, positives = drawn(np.random.default_rng(3))
    a, b = logistic_fit(x, negatives, positives)
    of_negative, of_positive, moved = logistic_influence(x, negatives, positives, a, b)
    assert (negatives * of_negative + positives * of_positive).sum() == pytest.approx(0, abs=1e-10)
    for place in range(0, 30, 7):
        one = np.eye(30)[place] * 1e-5
        for told, more in (
            (of_negative, (x, negatives + one, positives)),
            (of_positive, (x, negatives, positives + one)),
        ):
            assert told[place] == pytest.approx(float(logistic_fit(*more)[1] - b) / 1e-5, rel=1e-3, abs=1e-7)
        change = abs(float(logistic_fit(x + one, negatives, positives)[1] - b)) / 1e-5
        assert change <= moved[place] * (1 + 1e-3) + 1e-8


def test_refusals():
    with pytest.raises(ValueError, match="same bins"):
        logistic_fit([0, 1], [1, 1], [1])
    with pytest.raises(ValueError, match="finite"):
        logistic_fit([0, np.inf], [1, 1], [1, 1])
    with pytest.raises(ValueError, match=">= 0"):
        logistic_fit([0, 1], [-1, 1], [1, 1])
