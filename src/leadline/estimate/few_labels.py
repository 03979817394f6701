"""Figures of all rows from the labels of some, which were chosen with known probabilities (METHODS §2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from leadline.cells.series import Series
from leadline.log.chance import CHANCE
from leadline.metrics.evaluate import Evaluated, evaluate_windows
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Array, Sums
from leadline.values import Undefined

#: labels, and labels of each class of a binary model, below which intervals were not seen to cover
LEAST_LABELS, LEAST_OF_CLASS = 100, 10


@dataclass(frozen=True)
class Sample:
    """The labels of a slice, each weighed with how many rows it stands for.

    sums      by grain; labelled rows only, of weight 1 / label_probability
    labels    labelled rows by grain and class, shape (grains, classes), unweighted
    entities  sums by grain and hash group of the entities, where one is declared
    """

    sums: Sums
    labels: Array
    entities: Sums | None


@dataclass(frozen=True)
class Sampled:
    """The labels of an evaluation, where they are a sample.

    series    as of the evaluation, of the labelled rows alone, weighed with 1 / label_probability
    baseline  the same, as seen by the baseline; None where there is none
    """

    series: Series
    baseline: Series | None

    def sample(self, place: int | None, code: int | None, version: int | None, of_baseline: bool) -> Sample:
        """The labels of all rows, of one version, of one slice, or of the baseline."""
        series = self.baseline if of_baseline and self.baseline is not None else self.series
        entities = None if of_baseline or version is not None else series.entities(place, code)
        return Sample(series.sums(place, code, version), series.labels(place, code, version), entities)


def of_sample(facts: ir.Table) -> ir.Table:
    """The labelled facts, each with the weight of the rows that it stands for: its own over its label_probability."""
    weight = facts.weight if "weight" in facts.columns else ibis.literal(1.0, "float64")
    return facts.filter(facts[CHANCE].notnull()).mutate(weight=weight / facts[CHANCE])


def evaluate_sample(metric: Metric, sample: Sample, windows: Sequence[tuple[int, int]]) -> list[Evaluated]:
    """Value and 95 % interval of a metric of all rows in many windows, from the labels of some.

    windows   first grain and the one after the last, places in the sums
    """
    found = evaluate_windows(metric, sample.sums, windows, sample.entities)
    return [
        each if why is None else Evaluated(Undefined(why))
        for each, why in zip(
            found, (too_few(sample.labels[begin:after].sum(0)) for begin, after in windows), strict=True
        )
    ]


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
