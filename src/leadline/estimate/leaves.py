"""Leaf-CBPE: what a score meant in the reference for rows of a kind, told by a shallow tree over features.

The tree is fitted to what calibration leaves over, label - chance, on a sample of the reference; what each leaf adds to
the chance by score is then read from all of it (METHODS 1.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.estimate.resampling import merged
from leadline.metrics.sums import Array, Histogram
from leadline.stats.tree import Split, regression_tree
from leadline.values import Undefined

MOST_LEAVES = 24
LEAST_SHARE = 0.01
#: score bins of a leaf, beside those that thresholds make
SCORE_BINS = 8
#: rows of no difference that are added to each leaf and score bin
SHRINKAGE = 100.0
#: codes of a numeric feature beside the missing one, and of words beside the missing and the rare ones
NUMERIC_CODES, WORDS = 32, 30
#: a tree that explains more of the labels' variance than this knows the label itself
TELLS_THE_LABEL = 0.5
MISSING, RARE = 0, 1
#: an empty word, in words
EMPTY = "(empty)"
#: of a word among others that are shown
MOST_CHARACTERS = 24

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Words:
    """The values of a feature of words: `number` is the place of each row's among the `words`, -1 where missing."""

    number: Ints
    words: tuple[str, ...]

    def __getitem__(self, rows: NDArray[np.bool_]) -> Words:
        return Words(self.number[rows], self.words)


Values = Array | Words
"""Numbers, NaN where missing, or words; of `rows` rows."""


@dataclass(frozen=True, slots=True)
class Codes:
    """How a feature's values become small integers: 0 is missing.

    edges   numeric: 1 + number of edges at or below the value; None for words
    words   words: 2 + place in this list, 1 for any other
    gaps    whether the sample had missing values
    """

    name: str
    edges: tuple[float, ...] | None
    words: tuple[str, ...] = ()
    gaps: bool = False

    @property
    def codes(self) -> frozenset[int]:
        """All codes that the sample may have."""
        return frozenset(range(0 if self.gaps else 1, 2 + len(self.words if self.edges is None else self.edges)))

    def of(self, values: Values) -> Ints:
        """The codes of a feature's values, shape (rows,)."""
        if isinstance(values, Words):
            places = {word: place for place, word in enumerate(self.words, start=RARE + 1)}
            code = np.array([*(places.get(word, RARE) for word in values.words), MISSING], np.int64)
            return code[values.number]
        code = 1 + np.searchsorted(np.array(self.edges), values, side="right")
        return np.where(np.isnan(values), MISSING, code)


def codes_of(name: str, values: Values) -> Codes:
    """Codes from a sample: up to 32 groups of about equal size of numbers, the 30 most frequent words."""
    if isinstance(values, Words):
        counts = np.bincount(values.number[values.number >= 0], minlength=len(values.words))
        order = sorted(range(len(values.words)), key=lambda place: (-counts[place], values.words[place]))
        words = tuple(sorted(values.words[place] for place in order[:WORDS]))
        return Codes(name, None, words, bool((values.number < 0).any()))
    known = values[~np.isnan(values)]
    if not len(known):
        return Codes(name, (), gaps=True)
    at = (np.arange(1, NUMERIC_CODES) * len(known)) // NUMERIC_CODES
    places = np.partition(known, at)[at]
    edges = tuple(dict.fromkeys(places[places > known.min()].tolist()))
    return Codes(name, edges, gaps=len(known) < len(values))


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree over coded features, with the words for its leaves."""

    features: tuple[Codes, ...]
    root: Split | int
    leaves: int

    def leaf_of(self, columns: Sequence[Values]) -> Ints:
        """The number of the leaf of each row, shape (rows,); `columns` are the values by feature."""
        codes = np.stack([of.of(values) for of, values in zip(self.features, columns, strict=True)], axis=1)
        return np.zeros(len(codes), np.int64) if isinstance(self.root, int) else self.root.leaves(codes)

    def names(self) -> list[str]:
        """Each leaf as people say it: "distance < 500, carrier in (B6, EV)"."""
        found: dict[int, str] = {}

        def walk(node: Split | int, left: Mapping[int, frozenset[int]]) -> None:
            if isinstance(node, int):
                said = [_said(of, left[place]) for place, of in enumerate(self.features) if left[place] != of.codes]
                found[node] = ", ".join(said) or "all rows"
                return
            low = left[node.column] & self._low(node)
            walk(node.low, {**left, node.column: low})
            walk(node.high, {**left, node.column: left[node.column] - low})

        walk(self.root, {place: of.codes for place, of in enumerate(self.features)})
        return [found[number] for number in range(self.leaves)]

    def _low(self, node: Split) -> frozenset[int]:
        """The codes that go to the low side, those too that no row of the sample had there."""
        of = self.features[node.column]
        if of.edges is None:
            return node.codes
        return frozenset(range(1, max(node.codes) + 1)) | (node.codes & {MISSING})


def _said(of: Codes, codes: frozenset[int]) -> str:
    """A feature's values with these codes, in words."""
    known = sorted(codes - {MISSING})
    missing = MISSING in codes
    if of.edges is not None:
        if not known:
            return f"{of.name} is missing"
        # code 1 lies below the first edge, and the last one above the last
        low = f"{of.edges[known[0] - 2]:g} <= " if known[0] > 1 else ""
        high = f" < {of.edges[known[-1] - 1]:g}" if known[-1] <= len(of.edges) else ""
        plain = f"{of.name} >= {low.removesuffix(' <= ')}" if low and not high else f"{low}{of.name}{high}"
        return f"{plain} or missing" if missing and (low or high) else plain if low or high else f"{of.name} is known"
    rest = of.codes - codes
    shown, word = (codes, "in") if RARE not in codes or len(codes) <= len(rest) else (rest, "not in")
    names = [
        "(missing)" if code == MISSING else "(other)" if code == RARE else _word(of.words[code - 2])
        for code in sorted(shown)
    ]
    more = f", … {len(names) - 4} more" if len(names) > 5 else ""
    return f"{of.name} {word} ({', '.join(names[:4] if more else names)}{more})"


def _word(word: str) -> str:
    """A word among others: told from its neighbours, and not too long."""
    short = word if len(word) <= MOST_CHARACTERS else f"{word[: MOST_CHARACTERS - 1]}…"
    return f"{short!r}" if "," in short else short or EMPTY


def below(of: Codes, codes: frozenset[int]) -> float | None:
    """The edge below which a number is among these codes of an ordered feature; None where only missing ones are."""
    last = max(codes)
    return None if last == MISSING or of.edges is None else of.edges[min(last, len(of.edges)) - 1]


def grown(names: Sequence[str], columns: Sequence[Values], residuals: Array, labels: Array) -> Tree | Undefined:
    """The tree on what is left of the labels of a sample, or why there is none.

    columns     values by feature
    residuals   label - chance, shape (rows,)
    labels      0 or 1, shape (rows,)
    """
    if not names or not len(residuals):
        return Undefined("no features are known")
    tree, left = shallow_tree(names, columns, residuals)
    if tree.leaves < 2:
        return Undefined("no feature tells more of the label than the score does")
    if left < (1 - TELLS_THE_LABEL) * float((residuals**2).mean()) or left < 1e-3 * float(labels.var()):
        return Undefined("the features tell the label itself: declare those that are known before it")
    return tree


def shallow_tree(
    names: Sequence[str], columns: Sequence[Values], target: Array, most_leaves: int = MOST_LEAVES
) -> tuple[Tree, float]:
    """The tree that tells the most of a number of each row of a sample, and the variance that is left in its leaves.

    columns   values by feature, at least one
    target    shape (rows,), finite, at least one row
    """
    features = tuple(codes_of(name, values) for name, values in zip(names, columns, strict=True))
    codes = np.stack([of.of(values) for of, values in zip(features, columns, strict=True)], axis=1)
    least = max(int(np.ceil(LEAST_SHARE * len(target))), 20)
    ordered = [of.edges is not None for of in features]
    root, leaves = regression_tree(codes, target, ordered, most_leaves, least)
    number = np.zeros(len(target), np.int64) if isinstance(root, int) else root.leaves(codes)
    means = np.bincount(number, weights=target) / np.bincount(number)
    return Tree(features, root, leaves), float(((target - means[number]) ** 2).mean())


@dataclass(frozen=True, slots=True)
class LeafRows:
    """Rows by leaf, labelled or not, shape (..., leaves).

    weight   Σw; the rows themselves where they have no weights
    square   Σw²
    """

    weight: Array
    square: Array


@dataclass(frozen=True, slots=True)
class LeafSums:
    """Rows by prediction, leaf and wide score bin, shape (..., 3, leaves, bins).

    weight      Σw
    chance      Σ of the calibrated chance, weighted
    """

    weight: Array
    chance: Array


def corrections(reference: LeafSums, positives: Array) -> Array:
    """What each leaf adds to the calibrated chance, shape (leaves, bins), over all predictions.

    reference   labelled rows of the reference, shape (3, leaves, bins)
    positives   Σw of those with label 1, the same shape

    Σ(y - c) / (n + 100), less the mean of that over the rows of the bin: leaves take from each other and add nothing to
    all rows of the reference. Without that small leaves, which are drawn towards 0 the most, would leave the large ones
    one-sided: where a tenth of the rows is far riskier than its scores say, all others would look too safe.
    """
    return left_over(reference.weight.sum(0), (positives - reference.chance).sum(0))


def left_over(rows: Array, left: Array) -> Array:
    """What is left on average in each leaf of its rows, drawn towards 0; the mean over all leaves is 0.

    rows   Σw, the first axis is leaves
    left   Σw(y - c), the same shape or more axes behind
    """
    rows = rows.reshape(rows.shape + (1,) * (left.ndim - rows.ndim))
    drawn = left / (rows + SHRINKAGE)
    every, total = rows.sum(0), (rows * drawn).sum(0)
    return np.asarray(drawn - np.divide(total, every, out=np.zeros_like(total), where=every > 0))


def added(rows: LeafSums, correction: Array) -> Array:
    """What the leaves of a window add to the chance of its rows on average, shape (..., 3, bins); 0 without rows.

    No leaf's chance goes below 0 or above 1.
    """
    some = rows.weight > 0
    chance = np.divide(rows.chance, rows.weight, out=np.zeros_like(rows.weight), where=some)
    more = np.clip(chance + correction, 0.0, 1.0) - chance
    total = rows.weight.sum(-2)
    summed = (rows.weight * more).sum(-2)
    return np.asarray(np.divide(summed, total, out=np.zeros_like(total), where=total > 0))


def wide_bins(reference: Histogram) -> Ints:
    """The wide score bin of each fine bin: 8 of about equal rows of the reference, and none across a threshold.

    Of equal width they would put all rows of a rare class into one, whose rows then all had as much added.
    """
    return np.asarray(merged(reference.negatives + reference.positives, reference.bins, SCORE_BINS), np.int64)
