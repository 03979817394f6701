"""Calibrators of several classes, on bins that hold every probability, and the spread of what is estimated of them."""

from __future__ import annotations

import numpy as np
import pytest

from estimate.binned import grid, histogram
from leadline.estimate.calibrator import Calibrator, calibrator
from leadline.estimate.classes import class_calibrators, class_corrections, class_spread, on_probability_bins
from leadline.metrics import build
from leadline.metrics.expected import ClassSums, bin_scores, expected_of_classes, figure, probability_bins
from leadline.metrics.sums import LINEAR_BINS, LOGIT_BINS, LOGIT_RANGE, SCORE_UNIT, Array
from leadline.values import Undefined


def binned(scores: Array) -> Array:
    """1,024 · linear + logit of probabilities, as engines bin them."""
    units = np.floor(scores * SCORE_UNIT + 0.5)
    linear = np.minimum(units // (SCORE_UNIT // LINEAR_BINS), LINEAR_BINS - 1)
    with np.errstate(divide="ignore"):
        place = np.floor((np.log(units / (SCORE_UNIT - units)) + LOGIT_RANGE) * LOGIT_BINS / (2 * LOGIT_RANGE))
    return np.asarray(linear * 1024 + np.clip(place, 0, LOGIT_BINS - 1))


def test_what_leaves_add_adds_up_to_nothing_in_a_row_and_over_the_reference():
    rng = np.random.default_rng(2)
    chance = rng.dirichlet((1, 2, 3), (5, 4)) * rng.integers(0, 900, (5, 4, 1))
    labels = rng.dirichlet((3, 2, 1), (5, 4)) * chance.sum(-1, keepdims=True)
    more = class_corrections(chance, labels)
    assert more.sum(-1) == pytest.approx(0, abs=1e-12)
    assert (more * chance.sum(-1, keepdims=True)).sum(0) == pytest.approx(0, abs=1e-9)
    assert class_corrections(labels, labels) == pytest.approx(0)
    assert np.abs(class_corrections(np.zeros((1, 4, 3)), np.zeros((1, 4, 3)))).max() == 0


def test_every_probability_is_in_one_of_the_bins():
    """A row whose bin were not among them would be lost."""
    rng = np.random.default_rng(1)
    bins = probability_bins()
    packed = bins[:, 0] * 1024 + bins[:, 1]
    assert (np.diff(packed) > 0).all()
    logits = 1 / (1 + np.exp(LOGIT_RANGE - np.arange(LOGIT_BINS + 1) * 2 * LOGIT_RANGE / LOGIT_BINS))
    edges = np.concatenate([np.arange(LINEAR_BINS + 1) / LINEAR_BINS, logits])
    near = np.concatenate([edges + step / SCORE_UNIT for step in range(-3, 4)])
    scores = np.concatenate([near, rng.random(100_000), 1 / (1 + np.exp(rng.normal(size=100_000) * 8))])
    assert np.isin(binned(np.clip(scores, 0, 1)), packed).all()


def reference(seed: int = 1) -> dict[str, Array]:
    """Counts by prediction, label and bin of three classes, one against the rest."""
    rng = np.random.default_rng(seed)
    least = np.array([[[90], [5]], [[5], [90]]])
    return {name: least + rng.poisson(9, (2, 2, 3)) for name in ("ant", "bee", "cow")}


def test_a_calibrator_on_all_bins_is_the_one_on_its_own_bins():
    bins = grid(binned(np.array([0.2, 0.6, 0.9])))
    for counts in reference().values():
        plain, wide = calibrator(histogram(counts, bins)), calibrator(on_probability_bins(histogram(counts, bins)))
        assert isinstance(plain, Calibrator)
        assert isinstance(wide, Calibrator)
        place = np.searchsorted(bin_scores(wide.reference.bins), bin_scores(bins))
        assert wide.chance[place] == pytest.approx(plain.chance)
        assert (np.diff(wide.chance) >= 0).all()


def test_the_first_class_that_cannot_be_learnt_is_named():
    bins = grid(binned(np.array([0.2, 0.6, 0.9])))
    found = {name: histogram(counts, bins) for name, counts in reference().items()}
    assert not isinstance(class_calibrators(found), Undefined)
    none = reference()["bee"] * np.array([1, 0])[:, None]
    why = class_calibrators(found | {"bee": histogram(none, bins)})
    assert isinstance(why, Undefined)
    assert why.why.startswith("class 'bee' against the rest: the reference has no positive label")


def rows(weight: float = 1.0, windows: int = 3) -> ClassSums:
    chance = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.0, 0.0, 0.0]])
    count = np.array([50.0, 30.0, 20.0, 0.0])
    one = (count, count * weight, count * weight**2)
    sums = chance * count[:, None]
    variance = chance * (1 - chance) * count[:, None]
    every = [np.stack([each] * windows) for each in (*one, sums * weight, variance * weight**2)]
    return ClassSums(*every)


METRICS = tuple(build(name, "multiclass", ("ant", "bee", "cow")) for name in ("accuracy", "macro_f1", "mcc"))


def test_figures_are_those_of_the_mean_chances():
    found = expected_of_classes(rows())
    assert figure(METRICS[0], found) == pytest.approx(np.full(3, (50 * 0.8 + 30 * 0.7 + 20 * 0.4) / 100))


@pytest.mark.parametrize("weight", [1.0, 7.0])
def test_the_spread_is_that_of_labels_and_of_the_reference(weight):
    """Of accuracy it has a formula: a share of 100 rows, and of a reference of 10,000 next to nothing."""
    counts = rows().chance[0] * 100
    low, high = class_spread(METRICS, {}, counts, counts, rows(weight))["accuracy"]
    spread = np.sqrt((50 * 0.8 * 0.2 + 30 * 0.7 * 0.3 + 20 * 0.4 * 0.6) / 100**2)
    assert (high - low) / (2 * 1.96) == pytest.approx(np.full(3, spread), rel=0.15)


def test_a_small_reference_makes_it_wider_and_no_rows_have_none():
    counts = rows().chance[0]
    widths = [
        float(np.subtract(*class_spread(METRICS, {}, counts * size, counts * size, rows())["macro_f1"][::-1])[0])
        for size in (0.2, 100)
    ]
    assert widths[0] > 1.5 * widths[1]
    none = ClassSums(*(np.zeros_like(each) for each in (rows().rows,) * 3), *(np.zeros((3, 4, 3)),) * 2)
    for ends in class_spread(METRICS, {}, counts, counts, none).values():
        assert np.isnan(ends).all()
