"""Cells as series of sums over grains: what metrics read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from mmap import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.cells.fill import Cells, Ints
from leadline.cells.plan import COARSE
from leadline.log.facts import GROUPS, LAG_EDGES
from leadline.metrics.errors import SIZES
from leadline.metrics.expected import IF_LABEL, Scored
from leadline.metrics.sums import Array, Histogram, Sums

Name = tuple[str | int, ...]
#: what the names of the sums begin with that do not wait for the label
NEED_NO_LABEL = ("hit_", "matched_", "disagrees", "latency_s", "failed", "proxy_")

#: hash groups below which how much they differ is told by luck (two groups: t with one degree of freedom, 12.7)
LEAST_GROUPS = 4

#: the keys of a cell that say its score bin
GRID = ("linear", "logit", "step")
#: what stands for the label in histograms of scores where there is none
UNLABELLED = 2


@dataclass(frozen=True)
class Series:
    """All cells of an evaluation. Grains are numbered from `first` to `last`; arrays have one place for each.

    pieces   by name: ("total",), ("slice", place), ("scores", class), ("slice_scores", place, class), ...
    classes  number of classes (2 for binary; 1 for regression, whose one class is any number)
    days     days of each grain that the log covers, where a metric reads them
    """

    pieces: Mapping[Name, Cells]
    first: int
    last: int
    classes: int
    days: Array | None = None

    @property
    def grains(self) -> int:
        """Number of grains."""
        return self.last - self.first + 1

    def sums(self, place: int | None = None, code: int | None = None, version: int | None = None) -> Sums:
        """The sums of all rows, of one version, or of one slice (its partition's place and its code), by grain.

        Those of a version's slice where cells tell them apart; else of the slice, whichever version predicted.
        """
        if place is None:
            total = self._chosen(("total",), version=version)
            return self._sums(
                total, total, self._scores("scores", None, None, version), self._sizes(None, None, version)
            )
        cells, every = self._chosen(("slice", place), slice=code, version=version), self.pieces["total",]
        if "version" in cells.keys:
            every = self._chosen(("total",), version=version)
        histograms = self._scores("slice_scores", place, code, version)
        return self._sums(cells, every, histograms, self._sizes(place, code, version))

    def ledger(self, place: int | None = None, code: int | None = None) -> Cells:
        """The counts of all rows, or of one slice, with the lag after which each label came."""
        return self._chosen(("total",) if place is None else ("slice", place), slice=code)

    def ledger_sums(self, place: int | None = None, code: int | None = None) -> Sums:
        """The sums of all rows or of one slice by grain, without histograms."""
        return self._sums(self.ledger(place, code), self.pieces["total",], {}, {})

    def known_by(self, day: int, days: Ints | None = None) -> Series:
        """The counts as they were known at the end of a day (number of the grain of days, or of the coarser grain).

        days    the number of the day of each grain, where grains are hours

        Later predictions are left out, and labels that came later stand among the unlabelled rows. Exact for labels up
        to 32 days (or grains) late; of a wider bucket nothing counts before its end. Which rows are mature is as it
        was for the cells. Histograms carry no lag and are left out.
        """
        ages = day - (np.arange(self.first, self.last + 1) if days is None else days)
        lagged = {name: cells for name, cells in self.pieces.items() if "lag" in cells.keys}
        found = {name: _known_by(cells, ages, self.classes) for name, cells in lagged.items()}
        return Series(found, self.first, self.last, self.classes, self.days)

    def labels(self, place: int | None = None, code: int | None = None, version: int | None = None) -> Array:
        """Labelled rows of all rows, of one version, or of one slice by grain and class, shape (grains, classes)."""
        name: Name = ("total",) if place is None else ("slice", place)
        cells = self._chosen(name, slice=code, version=version if place is None else None)
        cells = cells.where(cells.keys["actual"] < self.classes)
        at = cells.keys["grain"] * self.classes + cells.keys["actual"]
        counts = np.bincount(at, weights=cells.rows, minlength=self.grains * self.classes)
        return counts.reshape(self.grains, self.classes).astype(np.float64)

    def entities(self, place: int | None = None, code: int | None = None, version: int | None = None) -> Sums | None:
        """The sums of all rows or of one slice by grain and hash group of the entities; None without entities.

        Of one version, where cells tell versions apart.
        """
        name: Name = ("total",) if place is None else ("slice", place)
        if "group" not in self.pieces[name].keys:
            return None
        every = self.pieces["total",]
        return self._sums(self._chosen(name, slice=code, version=version), every, {}, {}, groups=GROUPS)

    @cached_property
    def few_entities(self) -> bool:
        """Whether all rows fall into so few hash groups of entities that these tell nothing of other entities."""
        keys = self.pieces["total",].keys
        return "group" in keys and len(np.unique(keys["group"])) < LEAST_GROUPS

    def told(self, proxy: str) -> Series:
        """How often a proxy told of a wrong prediction: of mature rows with prediction, label and what it needs.

        The counts are those of a binary model that predicts errors: [meets the condition, is wrong].
        """
        cells = self.pieces["total",]
        decided = (cells.keys["predicted"] < self.classes) & (cells.keys["actual"] < self.classes)
        cells = cells.where(decided & (cells.keys["mature"] == 1))
        rows, weight, square, met, _, met_square = np.moveaxis(cells.losses[f"proxy_{proxy}"], -1, 0)
        wrong = (cells.keys["predicted"] != cells.keys["actual"]).astype(np.int64)

        def told(flag: int, n: Ints, w: Array, ww: Array) -> Cells:
            keys = {**cells.keys, "predicted": np.full(len(cells), flag), "actual": wrong}
            return Cells(keys, n, w, ww, {})

        both = told(0, rows, weight - met, square - met_square) + told(1, 0 * rows, met, met_square)
        return replace(self, pieces={("total",): both}, classes=2)

    def scores(self, place: int | None = None, code: int | None = None) -> dict[str, Histogram]:
        """The histograms of scores by class and grain, of all rows or of one slice."""
        return self._scores("scores" if place is None else "slice_scores", place, code, None)

    def scores_of_version(self, version: int, grains: int) -> Histogram:
        """The histogram of a binary model's scores by grain, of one version and the first grains only."""
        name: Name = ("scores", "")
        cells = self._chosen(name, version=version)
        return self._histogram(cells.where(cells.keys["grain"] < grains), name, grains)

    def _chosen(self, name: Name, **keys: int | None) -> Cells:
        cells = self._cells(name)
        code = keys.pop("slice", None)
        if code is not None:
            cells = self._of_slice(name, code)
        for key, value in keys.items():
            if value is not None and key in cells.keys:
                cells = cells.where(cells.keys[key] == value)
        return cells

    def _of_slice(self, name: Name, code: int) -> Cells:
        if name not in self._by_slice:
            cells = self._cells(name)
            self._by_slice[name] = cells.where(np.argsort(cells.keys["slice"], kind="stable"))
        cells = self._by_slice[name]
        begin, end = np.searchsorted(cells.keys["slice"], [code, code + 1]).tolist()
        return cells.where(slice(begin, end))

    @cached_property
    def _by_slice(self) -> dict[Name, Cells]:
        """The cells of partitions in the order of their slices, made when first asked for."""
        return {}

    def _sums(
        self,
        cells: Cells,
        every: Cells,
        scores: Mapping[str, Histogram],
        sizes: Mapping[str, Array],
        groups: int = 0,
    ) -> Sums:
        """Sums by grain, or by grain and hash group."""
        shape = (self.grains, groups) if groups else (self.grains,)
        size = self.grains * max(groups, 1)
        k = self.classes + 1

        def axis(of: Cells) -> Ints:
            return of.keys["grain"] * groups + of.keys["group"] if groups else of.keys["grain"]

        at = axis(cells)
        place = (at * k + cells.keys["predicted"]) * k + cells.keys["actual"]

        def by_axis(where: Ints, values: NDArray[Any]) -> Array:
            return np.bincount(where, weights=values, minlength=size).reshape(shape).astype(np.float64)

        def by_place(values: Array) -> Array:
            return np.bincount(place, weights=values, minlength=size * k * k).reshape(*shape, k, k).astype(np.float64)

        losses = {
            name: np.stack([by_axis(at, sums[:, part]) for part in range(sums.shape[1])], axis=-1)
            for name, sums in cells.losses.items()
        }
        return Sums(
            rows=by_axis(at, cells.rows),
            all_rows=by_axis(axis(every), every.rows),
            labelled=by_axis(at, cells.rows * (cells.keys["actual"] < self.classes)),
            immature=by_axis(at, cells.rows * (cells.keys["mature"] == 0)),
            counts=by_place(cells.weight),
            squares=by_place(cells.square),
            losses=losses,
            scores=scores,
            sizes=sizes,
            # a group of users has its share of the time
            days=None
            if self.days is None
            else np.broadcast_to(self.days[:, None] / groups, shape)
            if groups
            else self.days,
        )

    def _scores(self, kind: str, place: int | None, code: int | None, version: int | None) -> dict[str, Histogram]:
        found = {}
        for name in self.pieces:
            if name[0] == kind and (place is None or name[1] == place):
                cells = self._chosen(name, slice=code, version=version)
                found[str(name[-1])] = self._histogram(cells, name)
        return found

    def scored(self, groups: Ints, count: int, version: int | None = None) -> Scored:
        """Rows with a score by prediction and bin, labelled or not, in groups of grains.

        groups   of each grain the number of its group, 0 to count - 1, or -1 for a grain that is in none
        """
        name: Name = ("scores", "")
        cells = self._chosen(name, version=version)
        cells = cells.where(groups[cells.keys["grain"]] >= 0)
        bins = self._binned[name][1]
        shape = (count, 3, len(bins))
        at = groups[cells.keys["grain"]] * 3 + cells.keys["predicted"]
        at = at * len(bins) + cells.keys["bin"]

        def summed(values: NDArray[Any]) -> Array:
            return np.bincount(at, weights=values, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)

        score = _of_score(cells)
        losses = {
            key.removeprefix(IF_LABEL[0]): np.stack(
                [
                    np.stack([summed(each[:, part]) for part in range(each.shape[1])], axis=-1)
                    for each in (sums, cells.losses[IF_LABEL[1] + key.removeprefix(IF_LABEL[0])])
                ],
                axis=-2,
            )
            for key, sums in cells.losses.items()
            if key.startswith(IF_LABEL[0])
        }
        return Scored(summed(cells.rows), summed(cells.weight), summed(cells.square), summed(score), losses, bins)

    def _histogram(self, cells: Cells, name: Name, grains: int | None = None) -> Histogram:
        grains = self.grains if grains is None else grains
        cells = cells.where(cells.keys["actual"] < UNLABELLED)
        bins = self._binned[name][1]
        at = cells.keys["grain"] * len(bins) + cells.keys["bin"]
        positive = cells.keys["actual"] == 1

        def by_bin(values: Array) -> Array:
            return _summed(at, values, grains * len(bins)).reshape(grains, len(bins))

        return Histogram(
            negatives=by_bin(cells.weight * ~positive),
            positives=by_bin(cells.weight * positive),
            negative_squares=by_bin(cells.square * ~positive),
            positive_squares=by_bin(cells.square * positive),
            scored=by_bin(_of_score(cells)),
            bins=bins,
            span=COARSE if name[0] == "slice_scores" else 1,
        )

    def binned(self, name: Name) -> tuple[Cells, Array]:
        """The cells of a piece of scores, with the place of their bin as `bin`, and the bins, shape (bins, 3)."""
        return self._binned[name]

    def _cells(self, name: Name) -> Cells:
        """The cells of a piece; those of scores with the place of their bin."""
        return self._binned[name][0] if "linear" in self.pieces[name].keys else self.pieces[name]

    @cached_property
    def _binned(self) -> dict[Name, tuple[Cells, Array]]:
        """By piece of scores: its cells, with `bin` in place of the grid, and the bins that occur anywhere in it.

        The bins stand in rising order, shape (bins, 3); `bin` is a place among them.
        """
        found = {}
        for name, cells in self.pieces.items():
            if "linear" in cells.keys:
                packed = grid(cells)
                known = np.unique(packed) if len(packed) else np.zeros(1, np.int64)
                bins = np.stack([known >> 20, known >> 10 & 1023, known & 1023], axis=1).astype(np.float64)
                if name[0] == "slice_scores":
                    bins[:, 0] *= COARSE  # in the fine edges' numbers, as for all rows
                keys = {key: place for key, place in cells.keys.items() if key not in GRID}
                found[name] = replace(cells, keys={**keys, "bin": np.searchsorted(known, packed)}), bins
        return found

    def _sizes(self, place: int | None, code: int | None, version: int | None) -> dict[str, Array]:
        found = {}
        for kind in SIZES:
            name: Name = (kind,) if place is None else (f"slice_{kind}", place)
            if name not in self.pieces:
                continue
            cells = self._chosen(name, slice=code, version=version)
            bins = int(self.pieces[name].keys["size"].max(initial=0)) + 1
            at = cells.keys["grain"] * bins + cells.keys["size"]
            found[kind] = _summed(at, cells.weight, self.grains * bins).reshape(self.grains, bins)
        return found


#: places for each number from which on most of them stay empty
SPARSE = 16


def _summed(at: Ints, values: Array, size: int) -> Array:
    """The sums of the values at each of so many places; of places in long runs of empty ones no memory is touched."""
    if size < SPARSE * len(at):
        return np.bincount(at, weights=values, minlength=size).astype(np.float64, copy=False)
    # not np.zeros, which asks for huge pages: the first number in one of them clears two megabytes
    found: Array = np.frombuffer(mmap(-1, size * 8), dtype=np.float64)
    np.add.at(found, at, values)
    return found


def _of_score(cells: Cells) -> Array:
    """Σw · score of each cell, where calibration is asked for; else 0."""
    sums = next((sums for name, sums in cells.losses.items() if not name.startswith(IF_LABEL)), None)
    return np.zeros(len(cells)) if sums is None else np.asarray(sums[:, 3])


def grid(cells: Cells) -> Ints:
    """The three numbers of each cell's score bin as one that rises with the score."""
    return (cells.keys["linear"] * 1024 + cells.keys["logit"]) * 1024 + cells.keys["step"]


def _known_by(cells: Cells, ages: Ints, classes: int) -> Cells:
    """`ages`: how many days before the day each grain is."""
    cells = cells.where(ages[cells.keys["grain"]] >= 0)
    latest = np.append(np.array(LAG_EDGES), np.iinfo(np.int64).max)[cells.keys["lag"]]
    known = (latest <= ages[cells.keys["grain"]]) | (cells.keys["actual"] == classes)
    keys = {**cells.keys, "actual": np.where(known, cells.keys["actual"], classes)}
    losses = {
        name: sums if name.startswith(NEED_NO_LABEL) else sums * known[:, None] for name, sums in cells.losses.items()
    }
    return Cells(keys, cells.rows, cells.weight, cells.square, losses)
