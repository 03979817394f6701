"""What the interval of few labels promises, simulated, and that it is narrower than that of the labels alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from leadline.estimate.few_labels import Controls, evaluate_controlled, too_few
from leadline.metrics import MetricCall, build
from leadline.metrics.evaluate import evaluate
from leadline.metrics.sums import Histogram, Sums
from leadline.stats.pseudo_labels import MOMENTS, row_moments
from leadline.stats.sampling import label_probabilities

ROWS, LABELS, BINS, THRESHOLD = 20_000, 400, 1024, 0.3
METRICS = {name: build(MetricCall(name), "binary", ()) for name in ("accuracy", "precision", "recall", "f1", "roc_auc")}


@dataclass(frozen=True)
class Drawn:
    """20,000 rows of which about 400 are labelled."""

    score: np.ndarray
    label: np.ndarray
    probability: np.ndarray  # NaN where not labelled

    @property
    def bins(self) -> np.ndarray:
        return np.minimum((self.score * BINS).astype(np.int64), BINS - 1)

    @property
    def predicted(self) -> np.ndarray:
        return (self.score >= THRESHOLD).astype(np.int64)

    def controls(self, place: np.ndarray, size: int) -> Controls:
        cell = place * 3 + np.where(np.isnan(self.probability), 2, self.label)
        moments = row_moments(self.score, self.probability)
        sums = [np.bincount(cell, weights=moments[:, each], minlength=size * 3) for each in range(MOMENTS)]
        rows = np.bincount(cell, minlength=size * 3)
        some = rows.nonzero()[0]
        zero = np.zeros(len(some), np.int64)
        return Controls(zero, some // 3, some % 3, rows[some], np.stack(sums, axis=1)[some], zero[:0])

    def intervals(self) -> dict[str, tuple[float, float]]:
        by_bin, by_class = self.controls(self.bins, BINS), self.controls(self.predicted, 2)
        found = {}
        for name, metric in METRICS.items():
            interval = evaluate_controlled(metric, by_bin if name == "roc_auc" else by_class).interval
            assert interval is not None
            found[name] = interval.low, interval.high
        return found

    def of_labels_alone(self, name: str) -> tuple[float, float]:
        """As if the labelled rows were all there is."""
        some = ~np.isnan(self.probability)
        counts = np.zeros((1, 3, 3))
        np.add.at(counts[0], (self.predicted[some], self.label[some].astype(int)), 1)
        of_class = [np.bincount(self.bins[some & (self.label == y)], minlength=BINS)[None] * 1.0 for y in (0, 1)]
        histogram = Histogram(*of_class, *of_class, of_class[0], np.zeros((BINS, 3)))
        rows = counts.sum((1, 2))
        interval = evaluate(METRICS[name], Sums(rows, rows, rows, 0 * rows, counts, counts, scores={"": histogram}))
        assert interval.interval is not None
        return interval.interval.low, interval.interval.high


def scores_of(chance: np.ndarray, shift: float) -> np.ndarray:
    """Scores off by `shift` on the scale of the logit; 0 is calibrated."""
    return expit(logit(np.clip(chance, 1e-12, 1 - 1e-12)) + shift)


def draw(rng: np.random.Generator, shift: float, adaptive: bool = True) -> Drawn:
    chance = rng.beta(1, 6, ROWS)
    label = (rng.random(ROWS) < chance).astype(int)
    score = scores_of(chance, shift)
    even = np.full(ROWS, LABELS / ROWS)
    probability = label_probabilities(np.sqrt(score * (1 - score)), LABELS) if adaptive else even
    return Drawn(score, label, np.where(rng.random(ROWS) < probability, probability, np.nan))


def truth(shift: float) -> dict[str, float]:
    rng = np.random.default_rng(99)
    chance = rng.beta(1, 6, 2_000_000)
    label = rng.random(len(chance)) < chance
    score = scores_of(chance, shift)
    predicted = score >= THRESHOLD
    hit, flagged, positive = (float(each.sum()) for each in (label & predicted, predicted, label))
    return {
        "accuracy": float((label == predicted).mean()),
        "precision": hit / flagged,
        "recall": hit / positive,
        "f1": 2 * hit / (flagged + positive),
        "roc_auc": float(roc_auc_score(label, score)),
    }


def covered(shift: float, runs: int, adaptive: bool = True) -> dict[str, float]:
    rng, true = np.random.default_rng(1), truth(shift)
    ends = [draw(rng, shift, adaptive).intervals() for _ in range(runs)]
    return {name: float(np.mean([each[name][0] <= true[name] <= each[name][1] for each in ends])) for name in METRICS}


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_intervals_cover_calibrated_and_not(shift):
    """150 runs cannot tell .95 from .92; the slow test can."""
    found = covered(shift, 150)
    assert min(found.values()) > 0.90, found


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "adaptive"), [(0.0, True), (0.7, True), (-0.7, True), (0.0, False)])
def test_intervals_cover(shift, adaptive):
    found = covered(shift, 1_500, adaptive)
    assert min(found.values()) >= 0.92, found
    assert max(found.values()) <= 0.975, found


def test_recall_is_a_fifth_narrower_than_from_as_many_labels_alone():
    rng = np.random.default_rng(2)
    widths = []
    for _ in range(40):
        ours = draw(rng, 0.0).intervals()["recall"]
        alone = draw(rng, 0.0, adaptive=False).of_labels_alone("recall")
        widths.append((ours[1] - ours[0], alone[1] - alone[0]))
    ours, alone = np.mean(widths, axis=0)
    assert ours <= 0.8 * alone


@pytest.mark.parametrize("metric", METRICS)
def test_where_every_row_is_labelled_it_is_the_figure(metric):
    drawn = draw(np.random.default_rng(3), 0.0)
    every = Drawn(drawn.score[:2_000], drawn.label[:2_000], np.ones(2_000))
    by = every.controls(every.bins, BINS) if metric == "roc_auc" else every.controls(every.predicted, 2)
    found = evaluate_controlled(METRICS[metric], by)
    low, high = every.of_labels_alone(metric)
    hit = float((every.label & every.predicted).sum())
    exact = {
        "accuracy": float((every.label == every.predicted).mean()),
        "precision": hit / every.predicted.sum(),
        "recall": hit / every.label.sum(),
        "f1": 2 * hit / (every.predicted.sum() + every.label.sum()),
        "roc_auc": roc_auc_score(every.label, every.bins),
    }
    assert found.value == pytest.approx(exact[metric], abs=1e-9)
    assert found.interval is not None
    assert found.interval.high - found.interval.low == pytest.approx(high - low, rel=0.06)


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ([0, 0], "no labels"),
        ([60, 39], "too few labels: 99, and 100 are needed"),
        ([95, 9], "too few labels: 9 positives, and 10 are needed"),
        ([9, 200], "too few labels: 9 negatives, and 10 are needed"),
        ([90, 10], None),
        ([100], None),
    ],
)
def test_too_few(labels, why):
    assert too_few(np.array(labels, float)) == why


def test_weighted_shares_cover_where_the_rows_that_are_chosen_rarely_are_the_wrong_ones():
    """By (Σw)²/Σw² rows alone .83 are covered: the labels that weigh most are not like the others."""
    rng, covers = np.random.default_rng(5), []
    for _ in range(500):
        hard = rng.random(ROWS) < 0.3
        right = rng.random(ROWS) < np.where(hard, 0.5, 0.97)
        chance = np.where(hard, 0.008, 0.05)
        labelled = rng.random(ROWS) < chance
        weight, actual = 1 / chance[labelled], right[labelled].astype(int)
        counts, squares = np.zeros((1, 3, 3)), np.zeros((1, 3, 3))
        np.add.at(counts[0, 1], actual, weight)
        np.add.at(squares[0, 1], actual, weight**2)
        one = np.ones(1)
        found = evaluate(METRICS["accuracy"], Sums(one, one, one, 0 * one, counts, squares)).interval
        assert found is not None
        covers.append(found.low <= 0.7 * 0.97 + 0.3 * 0.5 <= found.high)
    assert np.mean(covers) > 0.92
