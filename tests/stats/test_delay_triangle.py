from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.stats.delay_triangle import (
    at_risk,
    completeness,
    completeness_variance,
    development_factors,
    dispersion,
    drawn_completeness,
)

# Taylor and Ashe (1983), J. Econometrics 23, 37-61: the cumulative triangle of Mack (1993), ASTIN Bulletin 23, 213-225.
TAYLOR_ASHE = """
357848 1124788 1735330 2218270 2745596 3319994 3466336 3606286 3833515 3901463
352118 1236139 2170033 3353322 3799067 4120063 4647867 4914039 5339085
290507 1292306 2218525 3235179 3985995 4132918 4628910 4909315
310608 1418858 2195047 3757447 4029929 4381982 4588268
443160 1136350 2128333 2897821 3402672 3873311
396132 1333217 2180715 2985752 3691712
440832 1288463 2419861 3483130
359480 1421128 2864498
376686 1363294
344014
"""
FACTORS = [3.4906, 1.7473, 1.4574, 1.1739, 1.1038, 1.0863, 1.0539, 1.0766, 1.0177]  # Mack's, to four decimals
RESERVE = 18_680_856  # Mack's


@pytest.fixture
def triangle() -> np.ndarray:
    rows = [[float(each) for each in line.split()] for line in TAYLOR_ASHE.strip().splitlines()]
    return np.array([row + [np.nan] * (10 - len(row)) for row in rows])


def test_factors_are_those_published(triangle):
    assert development_factors(triangle) == pytest.approx(FACTORS, abs=5e-5)


def by_steps(triangle: np.ndarray) -> np.ndarray:
    """A triangle of whole ages as counts by what is over and by when it came."""
    steps = triangle.shape[1]
    counts = np.zeros((steps + 1, steps))
    for row in triangle:
        over = int(np.isfinite(row).sum())
        counts[over, :over] += np.diff(row[:over], prepend=0.0)
    return counts


def test_completeness_is_what_the_factors_leave_and_gives_the_published_reserve(triangle):
    found = completeness(*at_risk(by_steps(triangle)))
    factors = development_factors(triangle)
    assert found[1:-1] == pytest.approx(1 / np.cumprod(factors[::-1])[::-1], rel=1e-12)
    latest = np.array([row[np.isfinite(row)][-1] for row in triangle])
    over = np.isfinite(triangle).sum(axis=1)
    assert (latest / found[over] - latest).sum() == pytest.approx(RESERVE, abs=1)


triangles = st.integers(2, 7).flatmap(
    lambda steps: st.lists(
        st.tuples(st.integers(0, steps), st.lists(st.integers(0, 30), min_size=steps, max_size=steps)),
        min_size=1,
        max_size=12,
    )
)


def split(cohorts) -> np.ndarray:
    steps = len(cohorts[0][1])
    counts = np.zeros((steps + 1, steps))
    for over, came in cohorts:
        counts[over] += came
    return counts


@given(triangles)
def test_against_label_by_label(cohorts):
    """A loop over labels: of those known by the end of a step, whose cohort has it behind it, how many came in it."""
    steps = len(cohorts[0][1])
    labels = [(over, step) for over, came in cohorts for step, count in enumerate(came) for _ in range(count)]
    wanted = [1.0] * (steps + 1)
    for step in reversed(range(steps)):
        risk = [(over, at) for over, at in labels if over > step and at <= step]
        stay = 1.0 if not risk else sum(at < step for _, at in risk) / len(risk)
        wanted[step] = wanted[step + 1] * stay
    assert completeness(*at_risk(split(cohorts))) == pytest.approx(wanted, abs=1e-12)


@given(triangles)
def test_parts_add_up_and_it_rises_to_one(cohorts):
    halves = [split(cohorts[: len(cohorts) // 2] or cohorts[:1]), split(cohorts[len(cohorts) // 2 :])]
    sums = [np.array(at_risk(half)) for half in halves]
    assert sums[0] + sums[1] == pytest.approx(np.array(at_risk(halves[0] + halves[1])))
    found = completeness(*at_risk(split(cohorts)))
    assert (np.diff(found) >= -1e-12).all()
    assert found[-1] == 1


def test_without_truncation_it_is_the_share_that_has_come():
    counts = np.zeros((5, 4))
    counts[4] = [40, 30, 20, 10]
    came, known = at_risk(counts)
    assert completeness(came, known) == pytest.approx([0, 0.4, 0.7, 0.9, 1])
    # then it is a share of 100, and Greenwood's formula is the binomial variance
    assert completeness_variance(came, known)[1:-1] == pytest.approx([0.0024, 0.0021, 0.0009])


def test_labels_that_come_all_at_once_are_complete_from_then_on():
    counts = np.zeros((5, 4))
    counts[4, 2] = 50
    assert completeness(*at_risk(counts)).tolist() == [0, 0, 0, 1, 1]
    assert not completeness_variance(*at_risk(counts)).any()
    assert not np.diff(drawn_completeness(*at_risk(counts), 5, np.random.default_rng(0)), axis=0).any()


def test_no_labels_say_nothing_and_are_no_error():
    assert completeness([0, 0], [0, 0]).tolist() == [1, 1, 1]
    assert dispersion(np.zeros((0, 3)), np.zeros(0)) == 1
    assert dispersion([[3, 4, 5]], [3]) == 1


TRUE = np.array([0.35, 0.25, 0.2, 0.12, 0.08])


def simulated(rng, cohorts: int = 40, rows: int = 60, correlation: float = 0.0):
    """Labels by cohort and step as they are known: the last cohorts have not seen all steps."""
    chance = rng.dirichlet(TRUE * (1 / correlation - 1), cohorts) if correlation else np.tile(TRUE, (cohorts, 1))
    counts = rng.multinomial(rng.poisson(rows, cohorts), chance)
    over = np.minimum(np.arange(cohorts)[::-1], 5)
    known = np.where(np.arange(5) < over[:, None], counts, 0)
    by_over = np.zeros((6, 5))
    np.add.at(by_over, over, known)
    return by_over, known, over


@pytest.mark.parametrize("correlation", [0.0, 0.02], ids=["independent", "days together"])
@pytest.mark.parametrize("kind", ["delta", "draws"])
def test_its_interval_covers(kind, correlation):
    rng = np.random.default_rng(7)
    covered = []
    for _ in range(400):
        counts, known, over = simulated(rng, correlation=correlation)
        came, seen = at_risk(counts)
        phi = dispersion(known, over)
        if kind == "delta":
            found, sd = completeness(came, seen), np.sqrt(completeness_variance(came, seen, phi))
            low, high = found - 1.96 * sd, found + 1.96 * sd
        else:
            low, high = np.quantile(drawn_completeness(came, seen, 200, rng, phi), [0.025, 0.975], axis=0)
        truth = np.cumsum(TRUE)[:-1]
        covered.append((low[1:-1] <= truth) & (truth <= high[1:-1]))
    share = np.mean(covered, axis=0)
    print(share)
    assert (share > 0.91).all()
    assert (share < 0.99).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: development_factors([1.0, 2.0]),
        lambda: at_risk([[1, 2], [3, 4]]),
        lambda: completeness_variance([1], [2], 0.5),
    ],
)
def test_refusals(call):
    with pytest.raises(ValueError, match=r"triangle|row|dispersion"):
        call()
