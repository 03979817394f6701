"""Figures of all rows from the labels of some, which were chosen with known probabilities (METHODS §2.1).

Two estimates, both of which hold whatever the model is worth. Of all metrics: each labelled row counts as
1 / probability rows. Where scores are probabilities, metrics of counts and the AUC are sharper: the score of each row
says what to expect of it, and the labels only how far that is off (`leadline.stats.pseudo_labels`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from leadline.cells.fill import Cells, Ints
from leadline.cells.series import Series, grid
from leadline.log.chance import CHANCE
from leadline.metrics.evaluate import Evaluated, evaluate_windows
from leadline.metrics.metric import CountFunction, CountRatio, Metric, Share
from leadline.metrics.ranking import RocAuc
from leadline.metrics.sums import Array, Measure, Sums
from leadline.metrics.thresholds import AtThreshold
from leadline.stats.auc import binning_bound, score_newcombe
from leadline.stats.design import Designs, designs
from leadline.stats.groups import Spreads, own_size, spreads
from leadline.stats.pseudo_labels import Estimated, PseudoLabels, V, W, auc, estimated, strata_of
from leadline.values import Interval, Undefined

#: labels, and labels of each class of a binary model, below which intervals were not seen to cover
LEAST_LABELS, LEAST_OF_CLASS = 100, 10
#: labels of equal weight, (Σw)²/Σw², that the labels have to be worth: else one of them decides all, and hides it
LEAST_WORTH = 30


@dataclass(frozen=True)
class Sample:
    """The labels of a slice, each weighed with how many rows it stands for.

    sums      by grain; labelled rows only, of weight 1 / label_probability
    labels    labelled rows by grain and class, shape (grains, classes), unweighted
    entities  sums by grain and hash group of the entities, where one is declared
    counts    all rows by predicted class, and `scores` by score bin, where scores are controls; else None
    """

    sums: Sums
    labels: Array
    entities: Sums | None
    counts: Controls | None = None
    scores: Controls | None = None


@dataclass(frozen=True)
class Sampled:
    """The labels of an evaluation, where they are a sample.

    every     all rows, with the sums of `CONTROL` where scores are controls
    series    as of the evaluation, of the labelled rows alone, weighed with 1 / label_probability
    baseline  the same, as seen by the baseline; None where there is none
    """

    every: Series
    series: Series
    baseline: Series | None

    def sample(self, place: int | None, code: int | None, version: int | None, of_baseline: bool) -> Sample:
        """The labels of all rows, of one version, of one slice, or of the baseline."""
        series = self.baseline if of_baseline and self.baseline is not None else self.series
        sums, labels = series.sums(place, code, version), series.labels(place, code, version)
        if of_baseline:
            return Sample(sums, labels, None)
        entities = None if version is not None or series.few_entities else series.entities(place, code)
        counts, scores = (self._controls(kind, place, code, version) for kind in ("control", "control_scores"))
        return Sample(sums, labels, entities, counts, scores)

    def _controls(self, kind: str, place: int | None, code: int | None, version: int | None) -> Controls | None:
        cells = self.every.pieces.get((kind,) if place is None else (kind, place))
        if cells is None:
            return None
        for key, value in (("slice", code), ("version", version)):
            if value is not None and key in cells.keys:
                cells = cells.where(cells.keys[key] == value)
        if "linear" not in cells.keys:
            return Controls.of(cells, cells.keys["predicted"], np.zeros(0, np.int64))
        _, first, bins = np.unique(grid(cells), return_index=True, return_inverse=True)
        return Controls.of(cells, bins, cells.keys["step"][first])


def of_sample(facts: ir.Table) -> ir.Table:
    """The labelled facts, each with the weight of the rows that it stands for: its own over its label_probability."""
    weight = facts.weight if "weight" in facts.columns else ibis.literal(1.0, "float64")
    return facts.filter(facts[CHANCE].notnull()).mutate(weight=weight / facts[CHANCE])


# Scores as controls -------------------------------------------------------------------------------------------------

#: what is summed of each row for its pseudo-label, beside the row itself; c is the score, π the label_probability
CONTROL = (
    Measure("control", lambda rows: rows.score, 1.0),
    Measure("weight_of_label", lambda rows: 1 / rows[CHANCE]),
    Measure("weighed_control", lambda rows: rows.score / rows[CHANCE]),
    Measure("twice_weighed_control", lambda rows: rows.score / (rows[CHANCE] * rows[CHANCE])),
    Measure("weighed_square", lambda rows: rows.score * rows.score / rows[CHANCE]),
)


@dataclass(frozen=True)
class Controls:
    """Rows with their scores as cells, in the order of their grains.

    grain     number of each cell's grain, shape (cells,)
    place     class that was predicted (2 for none), or number of the score bin
    actual    class of the label, 2 for none
    rows      number of rows; moments   see `PseudoLabels`
    steps     of bins, how many of the declared thresholds are at or below each; else empty
    """

    grain: Ints
    place: Ints
    actual: Ints
    rows: Ints
    moments: Array
    steps: Ints

    @classmethod
    def of(cls, cells: Cells, place: Ints, steps: Ints) -> Controls:
        """From the cells with the sums of `CONTROL`."""
        control, weight, weighed, twice, square = (cells.losses[measure.name] for measure in CONTROL)
        # Σ, and Σ with the weights of rows squared: of x and x² (`Cells.losses`)
        columns = (
            cells.weight,
            cells.square,
            control[:, 3],
            control[:, 4],
            control[:, 5],
            weight[:, 3],
            weight[:, 5],
            weighed[:, 3],
            twice[:, 4],
            weighed[:, 5],
            weight[:, 4],
            weighed[:, 4],
            square[:, 4],
        )
        order = np.argsort(cells.keys["grain"], kind="stable")
        moments = np.stack(columns, axis=1)[order]
        return cls(
            cells.keys["grain"][order], place[order], cells.keys["actual"][order], cells.rows[order], moments, steps
        )

    def of_window(self, begin: int, after: int) -> Controls:
        """The cells of the grains from `begin` to the one before `after`."""
        mine = slice(*np.searchsorted(self.grain, [begin, after]).tolist())
        return replace(
            self,
            grain=self.grain[mine],
            place=self.place[mine],
            actual=self.actual[mine],
            rows=self.rows[mine],
            moments=self.moments[mine],
        )

    def at(self, step: int) -> Controls:
        """As if what scores at or above a declared threshold (its place, from 1) were predicted positive."""
        return replace(self, place=(self.steps[self.place] >= step).astype(np.int64), steps=self.steps[:0])

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Cells of labelled rows."""
        return self.actual < 2

    def pseudo(self, stratum: Ints) -> PseudoLabels:
        """The rows with their labels; strata with few labels are put together."""
        labels = np.bincount(stratum, weights=self.rows * self.labelled)
        sizes = np.bincount(stratum, weights=self.moments[:, V])
        thin = ((labels < LEAST_OF_CLASS) & (sizes > 0)).any()
        return PseudoLabels.of(self.moments, self.actual == 1, np.zeros_like(stratum) if thin else stratum)


def controlled(metric: Metric) -> bool:
    """Whether a metric can be read from pseudo-labels: those of counts, and the AUC."""
    inner = metric.inner if isinstance(metric, AtThreshold) else metric
    return "labels" in metric.needs and isinstance(inner, Share | CountRatio | CountFunction | RocAuc)


def evaluate_controlled(metric: Metric, rows: Controls) -> Evaluated:
    """Value and 95 % interval of a metric of one window.

    Interval: the metric's own formula, with as many rows as the variance is worth; `clustered` by grain where there are
    7 or more, else `within_grain`. It does not allow for users whose rows move together, as that of all labels does.
    """
    if isinstance(metric, AtThreshold):
        return evaluate_controlled(metric.inner, rows.at(metric.place))
    return _auc(rows) if isinstance(metric, RocAuc) else _of_counts(metric, rows)


def _of_counts(metric: Metric, rows: Controls) -> Evaluated:
    pseudo = rows.pseudo(rows.place)
    unit = metric.parts(_counts(np.eye(9).reshape(9, 3, 3)))  # what each place of the counts adds to the parts

    def parts(lam: float) -> Array:
        y = pseudo.sums(lam)
        counts = np.zeros((1, 3, 3))
        counts[0, :, 1] = np.bincount(rows.place, weights=y, minlength=3)
        counts[0, :, 0] = np.bincount(rows.place, weights=rows.moments[:, V] - y, minlength=3)
        # a pseudo-label may leave [0, 1], and so may the sums of few
        return metric.parts(_counts(np.clip(counts, 0.0, counts.sum(axis=-1, keepdims=True).clip(0.0))))

    def figure(lam: float) -> tuple[float, Array, Array]:
        slope = metric.slope(parts(lam))[0]
        of_place = (unit[:, : len(slope)] @ slope).reshape(3, 3)
        return float(metric.value(parts(lam))[0]), of_place[rows.place, 0], of_place[rows.place, 1]

    if not np.isfinite(metric.value(parts(1.0))[0]) or not np.isfinite(metric.value(parts(0.0))[0]):
        return Evaluated(Undefined(metric.why(parts(1.0)[0])))
    found = estimated(pseudo, figure)
    total = parts(found.lam)
    value, plain = metric.value(total), metric.row_variance(total)
    # a share of exactly 0 or 1 has no variance: then as many rows as the labels say
    own = found.variance / plain if plain[0] > 0 else np.array([rows.moments[:, V].sum() / pseudo.labels])
    design = _design(rows, found, own)
    low, high, formula = metric.interval(total, value, plain, design)
    return _told(float(value[0]), float(low[0]), float(high[0]), design, formula)


def _counts(counts: Array) -> Sums:
    rows = counts.sum((-2, -1))
    return Sums(rows=rows, all_rows=rows, labelled=rows, immature=0 * rows, counts=counts, squares=counts)


def _auc(rows: Controls) -> Evaluated:
    bins = rows.place
    labels = np.bincount(bins, weights=rows.rows * rows.labelled)
    pseudo = rows.pseudo(strata_of(labels)[bins])
    figure = auc(pseudo, bins)
    if np.isnan(figure(1.0)[0]) or np.isnan(figure(0.0)[0]):
        return Evaluated(Undefined("one class only, as far as the labels tell"))
    found = estimated(pseudo, figure)
    positives = np.bincount(bins, weights=pseudo.sums(found.lam))
    negatives = np.bincount(bins, weights=rows.moments[:, V]) - positives
    bound = float(binning_bound(positives.clip(0.0), negatives.clip(0.0)))
    design = _design(rows, found, np.array([1.0]))
    low, high = score_newcombe(
        np.array([found.value]),
        np.array([max(positives.sum(), 1.0)]),
        np.array([max(negatives.sum(), 1.0)]),
        np.array([found.variance]),
        design.critical,
        design.deff,
    )
    told = _told(
        found.value, max(float(low[0]) - bound, 0.0), min(float(high[0]) + bound, 1.0), design, "score_newcombe"
    )
    return replace(told, bound=bound)


def _design(rows: Controls, found: Estimated, own: Array) -> Designs:
    """How much wider than the metric's formula says, because of the labels (`own`) and because grains differ."""
    first = int(rows.grain[0])
    influence = np.bincount(rows.grain - first, weights=found.influence)
    size = np.bincount(rows.grain - first, weights=rows.moments[:, W])
    grains = Spreads.unknown(1)
    if len(size) > 1 and found.variance > 0:
        grains = spreads([found.variance], influence[None], size[None])
    chosen = designs(grains, Spreads.unknown(1), Spreads.unknown(1), np.array([own_size(size)]))
    return replace(chosen, deff=chosen.deff * own)


def _told(value: float, low: float, high: float, design: Designs, formula: str) -> Evaluated:
    method = design.methods[0] or formula
    return Evaluated(value, Interval(low, high, method) if np.isfinite(low + high) else None)


# Windows ------------------------------------------------------------------------------------------------------------

#: by how many standard deviations a sum of weights may be off before figures are refused, and before it is told
CHANCE_DEVIATIONS, TOLD = 4.0, 2.0
#: share of the rows that labels have to stand for, and of the labels that may be missing before it is said
LEAST_SHARE, USUAL_SHARE = 0.5, 0.8
#: labels that would be expected from grains without any before it is said
SILENT = 7.0


def evaluate_sample(metric: Metric, sample: Sample, every: Sums, windows: Sequence[tuple[int, int]]) -> list[Evaluated]:
    """Value and 95 % interval of a metric of all rows in many windows, from the labels of some.

    every     sums by grain of all rows of the slice, labelled or not
    windows   first grain and the one after the last, places in the sums
    """
    reasons = [_why_not(sample, every, begin, after) for begin, after in windows]
    of_threshold = isinstance(metric, AtThreshold | RocAuc)
    controls = (sample.scores if of_threshold else sample.counts) if controlled(metric) else None
    if controls is None:
        found = evaluate_windows(metric, sample.sums, windows, sample.entities)
        return [each if why is None else Evaluated(Undefined(why)) for each, why in zip(found, reasons, strict=True)]
    return [
        Evaluated(Undefined(why)) if why is not None else evaluate_controlled(metric, controls.of_window(begin, after))
        for (begin, after), why in zip(windows, reasons, strict=True)
    ]


def _why_not(sample: Sample, every: Sums, begin: int, after: int) -> str | None:
    """Why the labels say nothing of the rows of a window."""
    few = too_few(sample.labels[begin:after].sum(0))
    if few is not None:
        return few
    weight, square = _weights(sample, begin, after)
    worth = weight * weight / square
    if worth < LEAST_WORTH:
        labels = int(sample.labels[begin:after].sum())
        return (
            f"too few labels: {labels:,} of so different probabilities that they say as much as {worth:.0f},"
            f" and {LEAST_WORTH} are needed"
        )
    rows, least, most = _stood_for(sample, every, begin, after)
    if most < LEAST_SHARE * rows:
        return (
            f"the labels stand for {most:,.0f} of {rows:,.0f} rows at most: a part of the window was not chosen from,"
            " or most of the rows that were chosen came back without a label"
        )
    if least > rows / USUAL_SHARE:
        return (
            f"the labels stand for {least:,.0f} rows at least, and there are {rows:,.0f}: the rows were not chosen with"
            f" the probabilities in {CHANCE}"
        )
    return None


def _weights(sample: Sample, begin: int, after: int) -> tuple[float, float]:
    """Σw and Σw² of the labels of a window, w the rows that a label stands for."""
    return float(sample.sums.counts[begin:after].sum()), float(sample.sums.squares[begin:after].sum())


def _stood_for(sample: Sample, every: Sums, begin: int, after: int) -> tuple[float, float, float]:
    """The weight of all rows, and between which ends lies how much of it the labels stand for."""
    weight, square = _weights(sample, begin, after)
    off = CHANCE_DEVIATIONS * math.sqrt(square)
    return float(every.counts[begin:after].sum()), weight - off, weight + off


def said_of(sample: Sample, every: Sums, begin: int, after: int) -> str:
    """What a reader of an estimate from few labels must know."""
    labels, rows = sample.labels[begin:after].sum(1), every.rows[begin:after]
    said = f"estimated for all rows from {int(labels.sum()):,} that were chosen for labelling"
    silent = (rows > 0) & (labels == 0)
    if labels.sum() * rows[silent].sum() > SILENT * rows.sum():
        said += f"; none are from {int(silent.sum()):,} of the {int((rows > 0).sum()):,} days or grains"
    total, least, most = _stood_for(sample, every, begin, after)
    share, off = (least + most) / 2 / total, (most - least) / 2 / total
    if share < USUAL_SHARE and share + off * TOLD / CHANCE_DEVIATIONS < 1:
        said += f"; they stand for about {100 * share:.0f} % of the rows, the others are taken to be like them"
    return said


def too_few(labels: Array) -> str | None:
    """Why so few labels say nothing, or None; `labels` are those of a window by class, shape (classes,).

    >>> import numpy as np
    >>> too_few(np.array([70.0, 20.0]))
    'too few labels: 90, and 100 are needed'
    >>> too_few(np.array([95.0, 5.0]))
    'too few labels: 5 positives, and 10 are needed'
    """
    total = int(labels.sum())
    if not total:
        return "no labels"
    if total < LEAST_LABELS:
        return f"too few labels: {total:,}, and {LEAST_LABELS} are needed"
    if len(labels) == 2 and labels.min() < LEAST_OF_CLASS:
        which = "positives" if labels[1] < labels[0] else "negatives"
        return f"too few labels: {int(labels.min())} {which}, and {LEAST_OF_CLASS} are needed"
    return None
