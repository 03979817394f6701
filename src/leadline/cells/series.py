"""Cells as series of sums over grains: what metrics read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.cells.fill import Cells, Ints
from leadline.log.facts import GROUPS
from leadline.metrics.sums import Array, Histogram, Sums

Name = tuple[str | int, ...]


@dataclass(frozen=True)
class Series:
    """All cells of an evaluation. Grains are numbered from `first` to `last`; arrays have one place for each.

    pieces   by name: ("total",), ("slice", place), ("scores", class), ("slice_scores", place, class), ...
    classes  number of classes (2 for binary; 1 for regression, whose one class is any number)
    """

    pieces: Mapping[Name, Cells]
    first: int
    last: int
    classes: int

    @property
    def grains(self) -> int:
        """Number of grains."""
        return self.last - self.first + 1

    def sums(self, place: int | None = None, code: int | None = None, version: int | None = None) -> Sums:
        """The sums of all rows, of one version, or of one slice (its partition's place and its code), by grain."""
        if place is None:
            total = self._chosen(("total",), version=version)
            return self._sums(
                total, total, self._scores("scores", None, None, version), self._errors("errors", None, None, version)
            )
        cells = self._chosen(("slice", place), slice=code)
        histograms = self._scores("slice_scores", place, code, None)
        return self._sums(cells, self.pieces["total",], histograms, self._errors("slice_errors", place, code, None))

    def entities(self, begin: int, after: int, place: int | None = None, code: int | None = None) -> Sums | None:
        """The sums of a window by hash group of the entities, counted in grains from `first`; None without entities."""
        name: Name = ("total",) if place is None else ("slice", place)
        if "group" not in self.pieces[name].keys:
            return None
        chosen = {} if code is None else {"slice": code}
        inside, every = (
            self._window(self._chosen(piece, **kept), begin, after)
            for piece, kept in ((name, chosen), (("total",), {}))
        )
        return self._sums(inside, every, {}, None, axis="group")

    def _window(self, cells: Cells, begin: int, after: int) -> Cells:
        grain = cells.keys["grain"]
        return cells.where((grain >= begin) & (grain < after))

    def _chosen(self, name: Name, **keys: int | None) -> Cells:
        cells = self.pieces[name]
        for key, value in keys.items():
            if value is not None and key in cells.keys:
                cells = cells.where(cells.keys[key] == value)
        return cells

    def _sums(
        self, cells: Cells, every: Cells, scores: Mapping[str, Histogram], errors: Array | None, axis: str = "grain"
    ) -> Sums:
        length = self.grains if axis == "grain" else GROUPS
        k = self.classes + 1
        at = cells.keys[axis]
        predicted, actual = cells.keys["predicted"], cells.keys["actual"]
        place = (at * k + predicted) * k + actual
        labelled = actual < self.classes

        def by_axis(where: Ints, values: NDArray[np.number]) -> Array:
            return np.bincount(where, weights=values, minlength=length)[:length]

        def by_place(values: Array) -> Array:
            return np.bincount(place, weights=values, minlength=length * k * k).reshape(length, k, k)

        losses = {
            name: np.stack([by_axis(at, sums[:, part]) for part in range(sums.shape[1])], axis=1)
            for name, sums in cells.losses.items()
        }
        return Sums(
            rows=by_axis(at, cells.rows),
            all_rows=by_axis(every.keys[axis], every.rows),
            labelled=by_axis(at, cells.rows * labelled),
            immature=by_axis(at, cells.rows * (cells.keys["mature"] == 0)),
            counts=by_place(cells.weight),
            squares=by_place(cells.square),
            losses=losses,
            scores=scores,
            errors=errors,
        )

    def _scores(self, kind: str, place: int | None, code: int | None, version: int | None) -> dict[str, Histogram]:
        found = {}
        for name in self.pieces:
            if name[0] == kind and (place is None or name[1] == place):
                cells = self._chosen(name, slice=code, version=version)
                found[str(name[-1])] = self._histogram(cells, self.pieces[name])
        return found

    def _histogram(self, cells: Cells, every: Cells) -> Histogram:
        """Bins are those that occur anywhere in the piece, in rising order."""
        grid = np.stack([every.keys[name] for name in ("linear", "logit", "step")], axis=1)
        bins = np.unique(grid, axis=0) if len(grid) else np.zeros((1, 3), np.int64)
        size = bins.max(axis=0) + 1
        radix = np.array([size[1] * size[2], size[2], 1])
        place = np.searchsorted(
            bins @ radix, np.stack([cells.keys[name] for name in ("linear", "logit", "step")], axis=1) @ radix
        )
        at = cells.keys["grain"] * len(bins) + place
        positive = cells.keys["actual"] == 1

        def by_bin(values: Array) -> Array:
            return np.bincount(at, weights=values, minlength=self.grains * len(bins)).reshape(self.grains, len(bins))

        scored = cells.losses["score"][:, 3] if "score" in cells.losses else np.zeros(len(cells))
        return Histogram(
            negatives=by_bin(cells.weight * ~positive),
            positives=by_bin(cells.weight * positive),
            negative_squares=by_bin(cells.square * ~positive),
            positive_squares=by_bin(cells.square * positive),
            scored=by_bin(scored),
            bins=bins.astype(np.float64),
        )

    def _errors(self, kind: str, place: int | None, code: int | None, version: int | None) -> Array | None:
        name: Name = (kind,) if place is None else (kind, place)
        if name not in self.pieces:
            return None
        cells = self._chosen(name, slice=code, version=version)
        bins = int(self.pieces[name].keys["error"].max(initial=0)) + 1
        at = cells.keys["grain"] * bins + cells.keys["error"]
        return np.bincount(at, weights=cells.weight, minlength=self.grains * bins).reshape(self.grains, bins)
