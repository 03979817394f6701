"""The promise of every interval, simulated: a 95 % interval covers the truth in .93 to .985 of runs.

Each test draws data with a known truth, 1,000 times here and 10,000 times under the mark `slow` (where every run is a
loop of its own, 300 and 5,000). The band is opened at both ends by three standard errors of the simulated share (.024
and .012 of 1,000 runs, .008 and .004 of 10,000), so that a true coverage at the very edge fails once in 700. Seeds are
fixed: a test that passes will pass again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from leadline.stats.auc import auc, auc_gradient, delong_variance, score_newcombe
from leadline.stats.average_precision import (
    average_precision,
    average_precision_gradient,
    average_precision_interval,
)
from leadline.stats.calibration import calibration_interval
from leadline.stats.counts import delta_interval, group_influence, row_variance
from leadline.stats.design import Design, design
from leadline.stats.groups import Spread, own_size, spread
from leadline.stats.macro import macro_f1_interval, macro_recall_interval
from leadline.stats.proportion import jaccard_wilson, share_interval
from leadline.stats.quantile import quantile_interval
from leadline.stats.ratio import ratio_influence, sandwich_variance
from leadline.stats.scale import log_interval

LOW, HIGH = 0.93, 0.985
Z = 1.959964


@pytest.fixture(params=[1000, pytest.param(10_000, marks=pytest.mark.slow)])
def reps(request) -> int:
    return request.param


@pytest.fixture(params=[300, pytest.param(5000, marks=pytest.mark.slow)])
def loops(request) -> int:
    return request.param


@pytest.fixture
def rng(request) -> np.random.Generator:
    """Its own stream for every test, the same in every run."""
    return np.random.default_rng(list(request.node.name.encode()))


def check(covered, low: float = LOW, high: float = HIGH) -> None:
    share, n = float(np.mean(covered)), len(covered)
    print(f"covers {share:.4f} of {n}")
    assert low - 3 * (low * (1 - low) / n) ** 0.5 <= share <= high + 3 * (high * (1 - high) / n) ** 0.5


def holds(truth: float, interval) -> np.ndarray:
    return (interval[0] <= truth) & (truth <= interval[1])


# Rankings


def by_bin(score: np.ndarray, bins: int = 256) -> np.ndarray:
    """Rows by bin of a score between -6 and 12, for each run."""
    place = np.clip(((score + 6) / 18 * bins).astype(int), 0, bins - 1)
    runs = len(score)
    flat = (place + bins * np.arange(runs)[:, None]).ravel()
    return np.bincount(flat, minlength=bins * runs).reshape(runs, bins).astype(float)


Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def normal(rng, size):
    return rng.normal(size=size)


def shifted(area: float, sd: float = 1.0) -> Draw:
    shift = norm.ppf(area) * (1 + sd**2) ** 0.5
    return lambda rng, size: sd * rng.normal(size=size) + shift


def mixed(rng, size):
    """One in five positives looks like a negative."""
    return rng.normal(size=size) + norm.ppf(0.975) * 2**0.5 * (rng.random(size) < 0.8)


RANKINGS: dict[str, tuple[Draw, Draw, int, int]] = {  # positives, negatives, rows of each
    "binormal .60, 50": (shifted(0.60), normal, 50, 450),
    "binormal .75, 30": (shifted(0.75), normal, 30, 470),
    "binormal .90, 20": (shifted(0.90), normal, 20, 480),
    "binormal .90, 50": (shifted(0.90), normal, 50, 450),
    "binormal .95, 10": (shifted(0.95), normal, 10, 490),
    "binormal .97, 10": (shifted(0.97), normal, 10, 490),
    "binormal .97, 30": (shifted(0.97), normal, 30, 470),
    "wide positives .85, 20": (shifted(0.85, sd=2.0), normal, 20, 480),
    "exponential .90, 15": (lambda r, s: 9 * r.exponential(size=s), lambda r, s: r.exponential(size=s), 15, 485),
    "mixture .88, 30": (mixed, normal, 30, 470),
}


@pytest.fixture(params=RANKINGS)
def ranking(request, rng, reps):
    """Histograms of the runs, and those of the population (its own error is under .001)."""
    positive, negative, p, n = RANKINGS[request.param]
    runs = by_bin(negative(rng, (reps, n))), by_bin(positive(rng, (reps, p)))
    whole = by_bin(negative(rng, (1, 1_000_000)))[0] * n / 1e6, by_bin(positive(rng, (1, 1_000_000)))[0] * p / 1e6
    return runs, whole


def test_auc(ranking):
    (neg, pos), whole = ranking
    size = pos.sum(1), neg.sum(1)
    check(holds(float(auc(*whole)), score_newcombe(auc(neg, pos), *size, delong_variance(neg, pos))))


def test_average_precision(ranking):
    (neg, pos), whole = ranking
    of_negative, of_positive = average_precision_gradient(neg, pos)
    variance = (of_negative**2 * neg + of_positive**2 * pos).sum(-1)
    interval = average_precision_interval(average_precision(neg, pos), pos.sum(1), variance)
    check(holds(float(average_precision(*whole)), interval))


# Figures of a confusion matrix; shares themselves are summed exactly in test_proportion.py


def two_classes(prevalence: float, recall: float, specificity: float) -> np.ndarray:
    hit, miss = prevalence * recall, prevalence * (1 - recall)
    return np.array([hit, (1 - prevalence) * (1 - specificity), miss, (1 - prevalence) * specificity])


CONFUSIONS = {
    "6 relevant rows of 500": (two_classes(0.012, 0.7, 0.9964), 500),
    "10 of 500, recall .9": (two_classes(0.02, 0.9, 0.95), 500),
    "30 of 500": (two_classes(0.06, 0.95, 0.9), 500),
    "half of 400": (two_classes(0.5, 0.9, 0.85), 400),
    "100 of 1000, poor": (two_classes(0.1, 0.2, 0.85), 1000),
    "12 of 40": (two_classes(0.3, 0.8, 0.8), 40),
}


@pytest.fixture(params=CONFUSIONS)
def confusion(request, rng):
    """Runs in which every figure is defined, and the population's shares."""
    cells, n = CONFUSIONS[request.param]
    runs = rng.multinomial(n, cells, size=10_000).astype(float)
    tp, fp, fn, tn = runs.T
    return runs[(tp + fp > 0) & (tp + fn > 0) & (tn + fp > 0)], cells


def f1(c):
    return 2 * c[0] / (2 * c[0] + c[1] + c[2])


def f2(c):
    return 5 * c[0] / (5 * c[0] + c[1] + 4 * c[2])


def balanced_accuracy(c):
    return (c[0] / (c[0] + c[2]) + c[3] / (c[1] + c[3])) / 2


def mcc(c):
    tp, fp, fn, tn = c
    return (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


def test_f1(confusion):
    runs, truth = confusion
    check(holds(f1(truth), jaccard_wilson(*runs.T[:3])))


@pytest.mark.parametrize(("figure", "low"), [(f2, 0.0), (balanced_accuracy, 0.0), (mcc, -1.0)])
def test_delta_interval(confusion, figure, low, loops):
    runs, truth = confusion
    check([holds(figure(truth), delta_interval(figure, run, low, 1.0)) for run in runs[:loops]])


def test_macro_recall_of_two_classes(confusion, loops):
    runs, truth = confusion
    found = [macro_recall_interval([c[0], c[3]], [c[0] + c[2], c[1] + c[3]]) for c in runs[:loops]]
    check([holds(balanced_accuracy(truth), interval) for interval in found])


CLASSES = {
    "three, the least with 4 of 40": ([[0.5, 0.05, 0.02], [0.05, 0.25, 0.03], [0.02, 0.03, 0.05]], 40),
    "three, the least with 10 of 300": ([[0.8, 0.02, 0.003], [0.02, 0.12, 0.003], [0.01, 0.004, 0.02]], 300),
    "five of 20 rows": (np.full((5, 5), 0.02) + 0.1 * np.eye(5), 100),
}


@pytest.mark.parametrize("name", CLASSES)
def test_macro_f1(name, rng, loops):
    cells, n = np.array(CLASSES[name][0]), CLASSES[name][1]
    cells = cells / cells.sum()
    truth = float((2 * cells.diagonal() / (cells.sum(0) + cells.sum(1))).mean())
    runs = rng.multinomial(n, cells.ravel(), size=loops).reshape(loops, *cells.shape)
    whole = (runs.sum(1) + runs.sum(2)).all(1)
    check([holds(truth, macro_f1_interval(run)) for run in runs[whole]])


# Losses, quantiles, calibration


def log_loss(rng, size):
    p = rng.beta(1, 9, size)
    return -np.log(np.where(rng.random(size) < p, p, 1 - p))


def brier(rng, size):
    p = rng.beta(1, 9, size)
    return ((rng.random(size) < p) - p) ** 2


LOSSES = {  # the shorter the tail, the fewer rows it takes
    "absolute, 30": (lambda r, s: abs(r.normal(size=s)), 30),
    "squared, 100": (lambda r, s: r.normal(size=s) ** 2, 100),
    "lognormal .8, 100": (lambda r, s: r.lognormal(0, 0.8, s), 100),
    "lognormal 1.2, 500": (lambda r, s: r.lognormal(0, 1.2, s), 500),
    "log loss, 100": (log_loss, 100),
    "brier, 100": (brier, 100),
}


@pytest.mark.parametrize("name", LOSSES)
def test_mean_loss(name, rng, reps):
    draw, n = LOSSES[name]
    x = draw(rng, (reps, n))
    a, rows = x.sum(1), np.full(reps, float(n))
    variance = sandwich_variance(rows, a, rows, (x * x).sum(1), a, rows)
    check(holds(float(draw(rng, (2_000_000,)).mean()), log_interval(a / n, variance, Z)))


@pytest.mark.parametrize(("n", "q"), [(20, 0.5), (100, 0.5), (50, 0.9), (100, 0.95), (1000, 0.95), (40, 0.95)])
def test_quantile(n, q, rng, loops):
    edges = np.concatenate([[0.0], 1.01 ** np.arange(-700, 701)])
    x = rng.lognormal(0, 1, (loops, n))
    truth = float(np.exp(norm.ppf(q)))
    check([holds(truth, quantile_interval(np.histogram(row, edges)[0], edges, q)) for row in x])


BENT = {
    "calibrated": lambda p: p,
    "shifted": lambda p: np.clip(p + 0.03, 0, 1),
    "much shifted": lambda p: np.clip(p + 0.1, 0, 1),
    "scaled": lambda p: 0.7 * p,
    "too sure": lambda p: expit(0.5 * np.log(p / (1 - p))),
}


@pytest.mark.parametrize("n", [300, 3000])
@pytest.mark.parametrize("bend", BENT)
def test_calibration_error(bend, n, rng, loops):
    """15 bins of equal width; from 100 rows on, where it covers more, not less."""

    def state(rows):
        p = rng.random(rows)
        true = BENT[bend](p)
        place = (15 * p).astype(int)
        return [np.bincount(place, part, 15) for part in (np.ones(rows), p, rng.random(rows) < true, true)]

    whole = state(1_000_000)
    truth = 0.0 if bend == "calibrated" else float(abs(whole[3] - whole[1]).sum() / 1e6)
    check([holds(truth, calibration_interval(*state(n)[:3])) for _ in range(loops)])


# Windows of grains whose rows move together


def sizes(rng, runs: int, grains: int, rows: int, uneven: float) -> np.ndarray:
    """Rows by grain: the same, or lognormal about `rows`."""
    drawn = rows * np.exp(uneven * rng.normal(size=(runs, grains)) - uneven**2 / 2)
    return np.maximum(1, np.round(drawn))


def beta_binomial(rng, n: np.ndarray, p: float, icc: float) -> np.ndarray:
    """Hits by grain, rows of a grain correlated by icc."""
    rate = rng.beta(p * (1 - icc) / icc, (1 - p) * (1 - icc) / icc, n.shape) if icc else np.full(n.shape, p)
    return rng.binomial(n.astype(int), rate)


def share_spread(hits: np.ndarray, n: np.ndarray) -> Spread | None:
    share = hits.sum() / n.sum()
    return spread(share * (1 - share) / n.sum(), ratio_influence(hits, n), n)


def window_covers(rng, reps, grains, rows, p, icc, uneven, earlier) -> list[bool]:
    n, past_n = sizes(rng, reps, grains, rows, uneven), sizes(rng, reps, earlier, rows, uneven)
    hits, past_hits = beta_binomial(rng, n, p, icc), beta_binomial(rng, past_n, p, icc)
    covered = []
    for run in range(reps):
        past = share_spread(past_hits[run], past_n[run])
        found = design(share_spread(hits[run], n[run]), past, size=own_size(n[run]))
        interval = share_interval(hits[run].sum() / found.deff, n[run].sum() / found.deff, found.critical)
        covered.append(bool(holds(p, interval)))
    return covered


@pytest.mark.parametrize("earlier", [28, pytest.param(14, marks=pytest.mark.slow)])
@pytest.mark.parametrize("p", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("icc", [0.0, 0.02])
@pytest.mark.parametrize("grains", [1, 2, 4, 7, 28])
def test_share_in_a_window(grains, icc, p, earlier, rng, loops):
    check(window_covers(rng, loops, grains, 200, p, icc, 0.0, earlier))


@pytest.mark.parametrize(
    ("rows", "p", "icc", "uneven"),
    [
        (200, 0.3, 0.0, 0.6),
        (200, 0.3, 0.02, 0.6),
        (200, 0.3, 0.02, 1.0),
        (2000, 0.1, 0.02, 0.6),
        (2000, 0.02, 0.005, 0.3),
        (10, 0.1, 0.02, 0.0),
        (5, 0.9, 0.02, 0.6),
    ],
)
@pytest.mark.parametrize("grains", [1, pytest.param(4, marks=pytest.mark.slow), 7, 28])
def test_share_in_a_window_of_uneven_or_small_grains(grains, rows, p, icc, uneven, rng, loops):
    check(window_covers(rng, loops, grains, rows, p, icc, uneven, 28))


def test_without_history_rows_that_move_together_are_not_covered(rng, reps):
    """Why such an interval is marked `within_grain`: it covers .7 here, and says so."""
    n = sizes(rng, reps, 1, 200, 0.0)
    hits = beta_binomial(rng, n, 0.3, 0.02)
    found = design(None)
    assert found.method == "within_grain"
    assert 0.6 < np.mean(holds(0.3, share_interval(hits[:, 0].astype(float), n[:, 0]))) < 0.8


@pytest.mark.parametrize(
    ("users", "rows", "p", "icc"),
    [(200, 50, 0.3, 0.02), (200, 50, 0.1, 0.02), (500, 20, 0.3, 0.02), (500, 20, 0.3, 0.0)],
)
def test_share_with_rows_of_users(users, rows, p, icc, rng, loops):
    """METHODS row 4, cluster data: 16 hash groups of users."""
    n = np.full((loops, users), float(rows))
    hits = beta_binomial(rng, n, p, icc)
    group = rng.integers(0, 16, (loops, users))
    covered = []
    for run in range(loops):
        a, b = np.bincount(group[run], hits[run], 16), np.bincount(group[run], n[run], 16)
        found = design(None, None, share_spread(a, b))
        covered.append(bool(holds(p, share_interval(a.sum() / found.deff, b.sum() / found.deff, found.critical))))
    check(covered)


@pytest.mark.parametrize(("by_day", "by_user"), [(0.3, 0.3), (0.3, 0.6), (0.0, 0.6), (0.0, 0.0)])
@pytest.mark.parametrize(("grains", "users"), [(7, 200), (28, 300)])
def test_share_with_days_and_users(grains, users, by_day, by_user, rng, loops):
    """Both at once: standard deviations on the logit scale. Each run draws its rows."""
    truth = expit(-0.85 + by_day * rng.normal(size=1_000_000) + by_user * rng.normal(size=1_000_000)).mean()
    rows = grains * 200
    day = np.repeat(np.arange(grains), 200)
    covered = []
    for _ in range(loops):
        user = rng.integers(0, users, rows)
        logit = -0.85 + by_day * rng.normal(size=grains)[day] + by_user * rng.normal(size=users)[user]
        y = rng.random(rows) < expit(logit)
        group = rng.integers(0, 16, users)[user]
        spreads = [
            share_spread(np.bincount(by, y, k), np.bincount(by, minlength=k)) for by, k in ((day, grains), (group, 16))
        ]
        found = design(spreads[0], None, spreads[1])
        covered.append(bool(holds(truth, share_interval(y.sum() / found.deff, rows / found.deff, found.critical))))
    check(covered)


# The same design for other figures: days on which the model separates better, and worse


def ranked_days(rng, runs: int, days: int, apart: float, bins: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Negatives and positives by (run, day, bin): 300 rows a day, one in ten positive, separation moving by the day."""
    p = rng.binomial(300, 0.1, (runs, days))
    shift = 1.8 + apart * rng.normal(size=(runs, days))

    def histogram(count, shifts):
        owner = np.repeat(np.arange(runs * days), count.ravel())
        score = norm.cdf(rng.normal(size=len(owner)) + shifts.ravel()[owner] - 0.9)
        place = np.minimum((score * bins).astype(int), bins - 1)
        return np.bincount(owner * bins + place, minlength=runs * days * bins).reshape(runs, days, bins).astype(float)

    return histogram(300 - p, 0 * shift), histogram(p, shift)


@cache
def ranked_population(apart: float) -> tuple[np.ndarray, np.ndarray]:
    """All rows of 20,000 days: the error of a figure is under .0005."""
    neg, pos = ranked_days(np.random.default_rng(0), 1, 20_000, apart)
    return neg.sum((0, 1)), pos.sum((0, 1))


def ranked_window(neg, pos, value, gradient, past: Spread | None):
    """Value, row variance, design: what a metric does with its states by grain."""
    total = neg.sum(0), pos.sum(0)
    slopes = gradient(*total)
    variance = sum(row_variance(slope, part) for slope, part in zip(slopes, total, strict=True))
    influence = sum(group_influence(slope, part) for slope, part in zip(slopes, (neg, pos), strict=True))
    seen = spread(variance, influence, pos.sum(1))
    return float(value(*total)), variance, seen, design(seen, past, size=own_size(pos.sum(1)))


@pytest.mark.parametrize("apart", [pytest.param(0.0, marks=pytest.mark.slow), 0.3])
@pytest.mark.parametrize("days", [1, pytest.param(4, marks=pytest.mark.slow), 7, 28])
@pytest.mark.parametrize(("value", "gradient"), [(auc, auc_gradient), (average_precision, average_precision_gradient)])
def test_ranking_in_a_window(value, gradient, days, apart, rng, loops):
    truth = float(value(*ranked_population(apart)))
    covered = []
    for _ in range(loops // 100):  # a hundred at a time, to keep memory small
        earlier, now = ranked_days(rng, 100, 28, apart), ranked_days(rng, 100, days, apart)
        for past_neg, past_pos, neg, pos in zip(*earlier, *now, strict=True):
            past = ranked_window(past_neg, past_pos, value, gradient, None)[2]
            found, variance, _, chosen = ranked_window(neg, pos, value, gradient, past)
            interval = ranked_interval(value, found, pos.sum(), neg.sum(), variance, chosen)
            covered.append(bool(holds(truth, interval)))
    check(covered)


def ranked_interval(value, found: float, p: float, n: float, variance: float, chosen: Design) -> tuple[float, float]:
    if value is auc:
        return score_newcombe(found, p, n, variance, chosen.critical, chosen.deff)
    return average_precision_interval(found, p, variance, chosen.critical, chosen.deff)


@pytest.mark.parametrize("apart", [0.0, 0.15])
@pytest.mark.parametrize("days", [1, 4, 7, 28])
def test_loss_in_a_window(days, apart, rng, loops):
    """Absolute errors, 50 a day, whose scale moves by the day (as a logarithm, by a standard deviation of `apart`).

    A limit that is known: at .3 (phi 9) a window of one day covers .919 (10,000 runs), of 4 days .936, for the
    history's row variance then holds that of the days too, and its phi is too small for a single day by a fifth.
    """

    def draw(runs, count):
        scale = np.exp(apart * rng.normal(size=(runs, count, 1)))
        return abs(rng.normal(size=(runs, count, 50))) * scale

    truth = (2 / np.pi) ** 0.5 * np.exp(apart**2 / 2)

    def seen(x):
        a, n, rows = x.sum(), float(x.size), np.full(len(x), 50.0)
        variance = sandwich_variance(n, a, n, (x * x).sum(), a, n)
        return a / n, variance, spread(variance, ratio_influence(x.sum(1), rows), rows)

    covered = []
    for now, earlier in zip(draw(loops, days), draw(loops, 28), strict=True):
        value, variance, grains = seen(now)
        chosen = design(grains, seen(earlier)[2], size=50.0)
        covered.append(bool(holds(truth, log_interval(value, variance * chosen.deff, chosen.critical))))
    check(covered)
