from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from leadline.stats.pseudo_labels import MOMENTS, PseudoLabels, auc, estimated, ratio, row_moments, soft_auc, strata_of

ORACLE = json.loads((Path(__file__).parent / "oracles" / "ppi_mean.json").read_text())


def oracle(name: str) -> PseudoLabels:
    case = ORACLE[name]
    chance = np.array([np.nan if p is None else p for p in case["probability"]])
    return PseudoLabels.of(row_moments(case["control"], chance), [y == 1 for y in case["label"]])


@pytest.mark.parametrize("name", ["uniform", "by_score"])
@pytest.mark.parametrize("lam", ["0", "0.5", "1"])
def test_the_mean_equals_that_of_ppi_py(name, lam):
    rows = oracle(name)
    found = estimated(rows, ratio(rows, (0, 1), (1, 1)), lam=float(lam))
    assert found.value == pytest.approx(ORACLE[name]["mean_by_lam"][lam], abs=1e-10)


def test_the_interval_is_near_that_of_ppi_py():
    """It takes the labelled rows for others than those that the scores are of, and divides by n."""
    rows = oracle("uniform")
    low, high = ORACLE["uniform"]["interval_at_lam_1"]
    found = estimated(rows, ratio(rows, (0, 1), (1, 1)), lam=1.0)
    assert 2 * 1.96 * found.variance**0.5 == pytest.approx(high - low, rel=0.15)


def drawn(seed: int, count: int = 60, least: float = 0.2):
    """Control, label, probability (NaN where not labelled), weight; some of both classes are labelled."""
    rng = np.random.default_rng(seed)
    control = rng.random(count).round(2)
    label = rng.random(count) < control
    chance = rng.uniform(least, 1, count)
    labelled = rng.random(count) < chance
    labelled[:2], label[:2] = True, [True, False]
    return control, label, np.where(labelled, chance, np.nan), rng.uniform(0.5, 2, count)


def pseudo(control, label, chance, lam, weight=None):
    """ỹ of each row, by the formula, with weights brought to the number of rows."""
    v = np.ones_like(control) if weight is None else weight
    w = np.where(np.isnan(chance), 0.0, v / np.where(np.isnan(chance), 1.0, chance))
    return (lam * v * control + v.sum() / w.sum() * w * (label - lam * control)) / v


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_sums_are_those_of_the_formula(seed, lam):
    control, label, chance, weight = drawn(seed)
    rows = PseudoLabels.of(row_moments(control, chance, weight), label & ~np.isnan(chance))
    y = pseudo(control, label, chance, lam, weight)
    np.testing.assert_allclose(rows.sums(lam), weight * y, atol=1e-12)
    assert rows.own_pairs(lam) == pytest.approx(float((weight**2 * y * (1 - y)).sum()), abs=1e-8)


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_cells_that_are_put_together_say_the_same(seed, parts):
    """Rows that are alike for the figure may be one cell: only sums of them count."""
    control, label, chance, weight = drawn(seed)
    known = ~np.isnan(chance)
    bins = np.minimum((control * parts).astype(int), parts - 1)
    cell = bins * 3 + np.where(known, label, 2)
    moments = row_moments(control, chance, weight)
    joined = np.zeros((parts * 3, MOMENTS))
    np.add.at(joined, cell, moments)
    one = PseudoLabels.of(moments, label & known)
    other = PseudoLabels.of(joined, np.arange(parts * 3) % 3 == 1)
    for figure in (lambda rows, _: ratio(rows, (0, 1), (1, 1)), auc):
        first = estimated(one, figure(one, bins))
        second = estimated(other, figure(other, np.arange(parts * 3) // 3))
        assert first.value == pytest.approx(second.value, abs=1e-9)
        assert first.variance == pytest.approx(second.variance, rel=1e-6, abs=1e-12)
        assert first.lam == pytest.approx(second.lam, abs=1e-6)


def test_where_all_rows_are_labelled_it_is_the_figure_itself():
    rng = np.random.default_rng(3)
    score = rng.random(400)
    label = rng.random(400) < score
    rows = PseudoLabels.of(row_moments(score, np.ones(400)), label)
    predicted = score >= 0.4
    assert estimated(rows, ratio(rows, (0, predicted * 1.0), (0, 1))).value == pytest.approx(predicted[label].mean())
    bins = np.argsort(np.argsort(score))
    assert estimated(rows, auc(rows, bins)).value == pytest.approx(roc_auc_score(label, score), abs=1e-12)


def test_its_variance_is_that_of_a_bootstrap():
    """Rows are drawn anew: so are the labels, and the weights that they are brought to."""
    control, label, chance, _ = drawn(5, count=3_000, least=0.05)
    known = ~np.isnan(chance)
    moments, positive = row_moments(control, chance), label & known
    bins = (control * 20).astype(int)
    rng = np.random.default_rng(6)
    for figure in (lambda rows, at: ratio(rows, (0, (at >= 10) * 1.0), (0, 1)), auc):
        rows = PseudoLabels.of(moments, positive)
        found = estimated(rows, figure(rows, bins))
        values = []
        for _ in range(300):
            some = rng.integers(0, len(control), len(control))
            again = PseudoLabels.of(moments[some], positive[some])
            values.append(estimated(again, figure(again, bins[some]), lam=found.lam).value)
        assert found.variance**0.5 == pytest.approx(np.std(values), rel=0.12)


def test_the_tuned_share_of_the_control_is_the_best():
    control, label, chance, _ = drawn(7, count=2_000, least=0.05)
    rows = PseudoLabels.of(row_moments(2 * control, chance), label & ~np.isnan(chance))
    figure = ratio(rows, (0, 1), (1, 1))
    best = estimated(rows, figure)
    others = [rows.influence(*figure(best.lam)[1:], lam)[0] for lam in np.linspace(0, 1, 21)]
    assert best.variance <= min(others) * (1 + 1e-9)
    assert 0.2 < best.lam < 0.8  # half of it, but for chance: then it says what the score said


def test_a_control_that_says_nothing_does_no_harm():
    _, label, chance, _ = drawn(8, count=2_000, least=0.05)
    noise = np.random.default_rng(9).random(2_000)
    rows = PseudoLabels.of(row_moments(noise, chance), label & ~np.isnan(chance))
    figure = ratio(rows, (0, 1), (1, 1))
    assert estimated(rows, figure).variance <= estimated(rows, figure, lam=0.0).variance


def test_strata_stand_for_their_own_rows():
    """Where few of the chosen rows of one part came back, the others are not taken to be like the rest."""
    part = np.repeat([0, 1], [100, 300])
    chance = np.where(np.arange(400) % 4 == 0, 0.25, np.nan)
    chance[:60] = np.nan
    label = part == 0
    moments = row_moments(np.zeros(400), chance)
    apart, together = (PseudoLabels.of(moments, label & ~np.isnan(chance), stratum) for stratum in (part, None))
    figures = [estimated(rows, ratio(rows, (0, 1), (1, 1))).value for rows in (apart, together)]
    assert figures[0] == pytest.approx(0.25)
    assert figures[1] < 0.15


def test_a_stratum_without_labels_is_an_error():
    with pytest.raises(ValueError, match="needs a label"):
        PseudoLabels.of(row_moments([0.5, 0.5], [1.0, np.nan]), [True, False], [0, 1])


@pytest.mark.parametrize("chance", [0.0, -0.1, 1.1])
def test_probabilities_are_in_range(chance):
    with pytest.raises(ValueError, match="probabilities"):
        row_moments([0.5], [chance])


def test_an_auc_of_one_class_is_unknown():
    assert np.isnan(soft_auc(np.array([1.0, 1.0]), np.zeros(2), 0.0)[0])


@given(st.lists(st.integers(0, 40), min_size=1, max_size=40))
def test_strata_have_enough_labels(labels):
    found = strata_of(labels, most=4, least=25)
    per = np.bincount(found, weights=labels)
    assert (np.diff(found) >= 0).all()
    assert found.min() == 0
    assert len(per) == 1 or per.min() >= 25
