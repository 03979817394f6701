"""Features in few codes, read from a sample of the reference: ranges of numbers, frequent words, lengths of texts."""

from __future__ import annotations

import math

import numpy as np

from leadline.estimate.leaves import WORDS, Codes, Values, Words
from leadline.stats.arrays import Floats

#: ranges of a number, at most
NUMERIC_BINS = 10
#: a feature of words of which the 30 most frequent are less than this share of all is told apart by its lengths
FEW_WORDS = 0.2


def is_free_text(values: Words) -> bool:
    """Whether hardly any word comes twice: what tells such texts apart is how long they are.

    >>> is_free_text(Words(np.arange(200), tuple(map(str, range(200)))))
    True
    """
    known = values.number[values.number >= 0]
    counts = np.sort(np.bincount(known, minlength=1))[::-1]
    return bool(len(known) and counts[:WORDS].sum() < FEW_WORDS * len(known))


def lengths(values: Words) -> Floats:
    """How many characters each text has; NaN where it is missing."""
    long = np.array([*map(len, values.words), math.nan], np.float64)
    return np.asarray(long[values.number])


def bins(name: str, values: Values) -> Codes | None:
    """The codes of a feature, or None where it tells no rows of the sample apart, nor could tell later ones.

    Numbers: up to 10 ranges with about equally many rows; each edge is the number with the fewest digits that parts the
    same rows. Words: the 30 most frequent, and all others.

    >>> bins("age", np.array([20.125, 20.25, 31.0, 31.0, 47.75, 47.875] * 50)).edges
    (20.2, 30.0, 40.0, 47.8)
    """
    if isinstance(values, Words):
        return _of_words(name, values) if (values.number >= 0).any() else None
    found = Codes(name, _edges(values), gaps=bool(np.isnan(values).any()))
    return found if len(np.unique(found.of(values))) > 1 else None


def _of_words(name: str, values: Words) -> Codes:
    counts = np.bincount(values.number[values.number >= 0], minlength=len(values.words))
    order = sorted(range(len(values.words)), key=lambda place: (-counts[place], values.words[place]))
    words = tuple(values.words[place] for place in order[:WORDS])
    return Codes(name, None, tuple(sorted(words)), bool((values.number < 0).any()))


def _edges(values: Floats) -> tuple[float, ...]:
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return ()
    distinct = known[np.concatenate([[True], known[1:] > known[:-1]])]
    chosen = known[(np.arange(1, NUMERIC_BINS) * len(known)) // NUMERIC_BINS]
    places = np.unique(np.searchsorted(distinct, chosen))
    return tuple(_shortest(float(distinct[place - 1]), float(distinct[place])) for place in places if place > 0)


def _shortest(below: float, above: float) -> float:
    """The number with the fewest digits in (below, above]; `above` itself where none has fewer.

    >>> _shortest(0.52264, 0.52341), _shortest(12.0, 13.0), _shortest(-0.5, 900.0)
    (0.523, 13.0, 0.0)
    """
    if below < 0 <= above:
        return 0.0
    size = max(abs(below), abs(above))
    for digits in range(-math.floor(math.log10(size)), 18):
        rounded = round(math.floor(above * 10.0**digits) / 10.0**digits, max(digits, 0))
        if below < rounded <= above:
            return rounded
    return above
