"""What a window's counts will be once its labels are in: a nowcast from the ledger, which is the delay triangle.

Labels that come early are a biased sample (METHODS §2.2). How complete each class is at each age is read by the chain
ladder from all rows of the log; a label that is in then stands for 1 / completeness rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leadline.cells.fill import Cells
from leadline.cells.series import Series
from leadline.estimate.maturity import COMPLETE, FEW
from leadline.log.facts import LAG_EDGES
from leadline.metrics.evaluate import Evaluated, evaluate
from leadline.metrics.metric import CountFunction, CountRatio, Metric, Share
from leadline.metrics.sums import Array, Sums
from leadline.stats.delay_triangle import at_risk, completeness, dispersion, drawn_completeness
from leadline.stats.design import MIN_GRAINS
from leadline.values import Interval, Undefined

#: a nowcast is refused where less of a class has come, and where more classes would take too much room
LEAST, MOST_CLASSES = 0.5, 20
#: days at which less of a class has come are taken to be like the window's others
LEAST_OF_A_DAY = 0.2
#: classes whose completeness differs by more make the labels so far a biased sample worth a word
SKEWED = 0.1
#: grains of a window for which its history tells how much they differ (`stats.design`)
MOST_ALIKE = MIN_GRAINS - 1
DRAWS, SEED = 400, 20_130_401
STEPS = len(LAG_EDGES)

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Nowcast:
    """A metric once the labels are in: its value, a 95 % interval, and how complete each class is."""

    value: float
    interval: Interval
    complete: tuple[float, ...]
    remainder: int | None


def reads_counts(metric: Metric) -> bool:
    """Whether a metric is read from the counts of labels and predictions, and from nothing else."""
    counted = isinstance(metric, Share | CountRatio | CountFunction)
    return counted and "labels" in metric.needs and metric.histogram is None


def steps_over(ages: Ints) -> Ints:
    """How many steps of the ledger's lag are over, by the whole days (or coarser grains) since each grain; < 0: none.

    >>> steps_over(np.array([-1, 0, 5, 40, 64])).tolist()
    [0, 1, 6, 33, 34]
    """
    return np.searchsorted(np.array(LAG_EDGES), ages, side="right")


@dataclass(frozen=True)
class Ledger:
    """Labels of some rows as they came, and the rows: what a nowcast is made from.

    cells    counts with the keys grain, lag, predicted and actual
    over     how many steps of the lag are over for each grain, shape (grains,)
    classes  number of classes
    whole    the ledger of all rows, whose delays stand in where this one has too few labels
    """

    cells: Cells
    over: Ints
    classes: int
    whole: Ledger | None = None

    @classmethod
    def of(
        cls,
        series: Series,
        ages: Ints,
        place: int | None = None,
        code: int | None = None,
        whole: Ledger | None = None,
    ) -> Ledger | None:
        """The ledger of all rows or of a slice; None where labels do not say when they came, or classes are many.

        ages    whole days (or coarser grains) that have passed since each grain
        whole   for a slice, the ledger of all rows
        """
        cells = series.ledger(place, code)
        if "lag" not in cells.keys or not 1 < series.classes <= MOST_CLASSES:
            return None
        return cls(cells, steps_over(ages), series.classes, whole)

    @cached_property
    def _arrived(self) -> tuple[Array, Array]:
        """What came in each step and what was known by its end, by predicted and actual class: (steps, k + 1, k)."""
        cells, k = self.cells, self.classes
        labelled = (cells.keys["actual"] < k) & (cells.keys["lag"] < STEPS)
        over, lag = self.over[cells.keys["grain"]], cells.keys["lag"]
        shape = (STEPS + 1, STEPS, k + 1, k)
        place = ((over * STEPS + lag) * (k + 1) + cells.keys["predicted"]) * k + cells.keys["actual"]
        counts = np.bincount(place[labelled], weights=cells.rows[labelled], minlength=int(np.prod(shape)))
        return at_risk(counts.reshape(shape))

    @cached_property
    def _arrived_of_class(self) -> tuple[Array, Array]:
        """The same by actual class alone, shape (steps, 1, k); of all rows where a slice has too few labels."""
        came, known = (each.sum(axis=1, keepdims=True) for each in self._arrived)
        if self.whole is None:
            return came, known
        thin = came.sum(axis=0) < FEW
        every = self.whole._arrived_of_class  # another of our own
        return np.where(thin, every[0], came), np.where(thin, every[1], known)

    @cached_property
    def arrivals(self) -> tuple[Array, Array]:
        """What came and what was known, shape (steps, k + 1, k): that of the class where a prediction has too few
        labels of its own."""
        came, known = self._arrived
        thin = came.sum(axis=0) < FEW
        of_class = self._arrived_of_class
        return np.where(thin, of_class[0], came), np.where(thin, of_class[1], known)

    @property
    def labels(self) -> Array:
        """Labels by actual class that say how late they come, shape (k,)."""
        return np.asarray(self._arrived_of_class[0].sum(axis=(0, 1)))

    @property
    def own_labels(self) -> Array:
        """The same of these rows alone."""
        return np.asarray(self._arrived[0].sum(axis=(0, 1)))

    @cached_property
    def complete(self) -> Array:
        """Completeness by steps over, predicted and actual class, shape (STEPS + 1, k + 1, k)."""
        return completeness(*self.arrivals)

    @cached_property
    def complete_of_class(self) -> Array:
        """Completeness by steps over and actual class, shape (STEPS + 1, k)."""
        return completeness(*self._arrived_of_class)[:, 0]

    @cached_property
    def dispersion(self) -> float:
        """How many times the binomial variance the days' arrivals differ, the largest of the classes'."""
        if self.whole is not None:
            return self.whole.dispersion
        cells, grains = self.cells, len(self.over)
        found = [1.0]
        for code in range(self.classes):
            mine = (cells.keys["actual"] == code) & (cells.keys["lag"] < STEPS)
            place = cells.keys["grain"][mine] * STEPS + cells.keys["lag"][mine]
            counts = np.bincount(place, weights=cells.rows[mine], minlength=grains * STEPS)
            found.append(dispersion(counts.reshape(grains, STEPS), self.over))
        return max(found)

    @cached_property
    def drawn(self) -> Array:
        """`complete` as it might have come out, shape (DRAWS, STEPS + 1, k + 1, k); the same in every run."""
        return drawn_completeness(*self.arrivals, DRAWS, np.random.default_rng(SEED), self.dispersion)

    def counts(self, begin: int, after: int) -> tuple[Array, Array]:
        """Weights, and squared weights, of the rows of a range of grains, shape (STEPS + 1, k + 1, k + 1) each.

        By steps over, predicted and actual class; a label of a step that is not over counts as still to come.
        """
        grain = self.cells.keys["grain"]
        cells = self.cells.where((grain >= begin) & (grain < after))
        over, k = self.over[cells.keys["grain"]], self.classes
        actual = np.where(cells.keys["lag"] < over, cells.keys["actual"], k)
        place = (over * (k + 1) + cells.keys["predicted"]) * (k + 1) + actual
        shape = (STEPS + 1, k + 1, k + 1)
        size = int(np.prod(shape))
        weight, square = (
            np.bincount(place, weights=values, minlength=size).astype(np.float64).reshape(shape)
            for values in (cells.weight, cells.square)
        )
        return weight, square

    def grains(self, begin: int, after: int) -> float:
        """How many grains of equal size the rows of a range are worth: (Σ rows)² / Σ rows²."""
        grain = self.cells.keys["grain"]
        mine = (grain >= begin) & (grain < after)
        rows = np.bincount(grain[mine], weights=self.cells.weight[mine])
        return float(rows.sum() ** 2 / max((rows**2).sum(), 1e-300))

    @cached_property
    def labelled_share(self) -> Array:
        """The share of rows that get a label at all, by predicted class, shape (k + 1,); NaN where no row is old."""
        old = (self.complete_of_class >= COMPLETE).all(axis=-1)
        weight = self.counts(0, len(self.over))[0][old]
        rows, labels = weight.sum(axis=(0, 2)), weight[..., : self.classes].sum(axis=(0, 2))
        each = np.divide(labels, rows, out=np.full(len(rows), np.nan), where=rows >= FEW)
        every = labels.sum() / rows.sum() if rows.sum() >= FEW else np.nan
        return np.minimum(np.where(np.isnan(each), every, each), 1.0)


@dataclass(frozen=True)
class Waiting:
    """The rows of a window whose labels are still coming, and how far they are.

    over      the numbers of steps that are over for some row, shape (ages,)
    weight    weights by age, predicted and actual class, shape (ages, k + 1, k + 1); `square` of squared weights
    complete  by class: the share of its labels that has come, of rows of these ages
    grains    how many grains of equal size the rows are worth
    """

    ledger: Ledger
    over: Ints
    weight: Array
    square: Array
    complete: Array
    grains: float

    @classmethod
    def of(cls, ledger: Ledger, begin: int, after: int) -> Waiting | None:
        """The rows of a range of grains; None where there are none."""
        weight, square = ledger.counts(begin, after)
        over = np.flatnonzero(weight.sum(axis=(1, 2)) > 0)
        if not len(over):
            return None
        rows = weight[over].sum(axis=(1, 2))
        complete = rows @ ledger.complete_of_class[over] / rows.sum()
        weight, square = (np.maximum(each[over], 0.0) for each in (weight, square))
        return cls(ledger, over, weight, square, complete, ledger.grains(begin, after))

    @property
    def skewed(self) -> bool:
        """Whether the labels that are in are a biased sample of the classes."""
        return bool(self.complete.max() - self.complete.min() > SKEWED)

    @property
    def remainder(self) -> int | None:
        """The one class that has hardly come: what is left of the rows when the others are counted."""
        young = np.flatnonzero(self.complete < LEAST)
        return int(young[0]) if len(young) else None

    def refused(self, names: Sequence[str]) -> str | None:
        """Why there is no nowcast, or None; `names` are the classes'."""
        few = [place for place, labels in enumerate(self.ledger.labels) if labels < FEW]
        young = [place for place, share in enumerate(self.complete) if share < LEAST]
        if few:
            said = " and ".join(f"{int(self.ledger.labels[place]):,} {names[place]}" for place in few)
            return f"{said} labels are too few to say how late they come"
        if len(young) > 1:
            said = " and ".join(f"{100 * self.complete[place]:.0f} % of the {names[place]}" for place in young)
            return f"only {said} labels have come by this age"
        if young and np.isnan(self.ledger.labelled_share).any():
            return f"no rows are so old that all their {names[young[0]]} labels have come"
        return None

    def expected(self, weight: Array, complete: Array) -> Array:
        """The counts once all labels are in, shape (..., k + 1, k + 1).

        weight     shape (..., ages, k + 1, k + 1), and completeness, shape (..., ages, k + 1, k): own or drawn ones
        """
        k = self.ledger.classes
        used = self.ledger.complete[self.over] >= LEAST_OF_A_DAY
        labels, rows = weight[..., :k], weight.sum(axis=-1, keepdims=True)
        told = used & (complete > 0)
        found = np.divide(labels, complete, out=np.zeros(np.broadcast(labels, complete).shape), where=told).sum(-3)
        seen, every = (rows * told).sum(axis=-3), rows.sum(axis=-3)
        found *= np.divide(every, seen, out=np.zeros(np.broadcast(seen, every).shape), where=seen > 0)
        left = self.remainder
        if left is not None:
            found[..., left] = 0.0
            come = every[..., 0] * self.ledger.labelled_share
            found[..., left] = np.maximum(come - found.sum(axis=-1), 0.0)
        without = np.maximum(every[..., 0] - found.sum(axis=-1), 0.0)
        return np.concatenate([found, without[..., None]], axis=-1)

    @cached_property
    def _drawn(self) -> Array:
        """The counts as they might have come out: rows drawn anew (Poisson), with drawn completeness."""
        unit = np.divide(self.square, self.weight, out=np.ones_like(self.weight), where=self.weight > 0)
        rng = np.random.default_rng([SEED, 1])
        again = rng.poisson(self.weight / unit, size=(DRAWS, *self.weight.shape)).astype(np.float64) * unit
        return self.expected(again, self.ledger.drawn[:, self.over])

    def nowcast(self, metric: Metric, history: Sums | None) -> Nowcast | Undefined:
        """A metric as it is expected to be once the labels are in.

        history   sums by grain before the window whose labels are in: they say how much days differ

        The interval holds the middle 95 % of the figure over rows and delays drawn anew, and is nowhere narrower than
        that of a window whose labels are all in.
        """
        expected = self.expected(self.weight, self.ledger.complete[self.over])
        told, shrunk = self._as_labelled(metric, expected, history)
        if isinstance(told.value, Undefined):
            return told.value
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = metric.value(metric.parts(_sums(self._drawn, self._drawn)))
        drawn = drawn[np.isfinite(drawn)]
        ends = np.quantile(drawn, [0.025, 0.975]).tolist() if len(drawn) > DRAWS / 2 else [metric.low, metric.high]
        if told.interval is not None:
            ends += [told.value + (end - told.value) * shrunk for end in (told.interval.low, told.interval.high)]
        interval = Interval(min(*ends, told.value), max(*ends, told.value), "delay_bootstrap")
        return Nowcast(told.value, interval, tuple(self.complete.tolist()), self.remainder)

    def _as_labelled(self, metric: Metric, expected: Array, history: Sums | None) -> tuple[Evaluated, float]:
        """The figure of the expected counts as if they were labels, and by how much its interval is too wide.

        They are spread over grains that are all alike, which say nothing of how much grains differ; so there are six at
        most, for which the history is asked. Of more grains the interval is narrower by the root of their number.
        """
        some = int(min(max(round(self.grains), 1), MOST_ALIKE))
        unit = self.square.sum() / self.weight.sum()
        each = np.repeat(expected[None] / self.grains, some, axis=0)
        return evaluate(metric, _sums(each, each * unit), history), (some / max(self.grains, some)) ** 0.5


def _sums(counts: Array, squares: Array) -> Sums:
    none = np.zeros(counts.shape[:-2])
    return Sums(none, none, none, none, counts, squares)
