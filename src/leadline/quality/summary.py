"""What partitions of a log hold, by column: sums that add, so that any run of partitions is the sum of its parts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.quality.grid import LEVELS, Ints, bin_of, ends_of, quantiles
from leadline.stats.arrays import Floats
from leadline.values import ALL_ROWS, Scalar, Slice

#: what a text may be read as: a number, a date or time, a word for true or false, nothing (blank), or none of these
FORMS = ("number", "time", "truth", "blank", "words")
NUMBER, TIME, TRUTH, BLANK, WORDS = range(len(FORMS))
#: numbers and words that stand for "no value" in many systems; a column's own counts of them are always kept
MARKS = (-1.0, 0.0, 99.0, -99.0, 999.0, -999.0, 9999.0, -9999.0, 99999.0, -99999.0, 999999.0, -999999.0, 9999999.0)
LIMITS = (32767.0, -32768.0, 65535.0, 2147483647.0, -2147483648.0, 4294967295.0, 1e9)
SENTINEL_NUMBERS = (*MARKS, *LIMITS)
SENTINEL_WORDS = (
    *("", "null", "none", "nan", "nat", "n/a", "na", "nil", "(null)", "#n/a", "\\n", "missing", "unknown", "undefined"),
    *("?", "-", "--", ".", "0", "-1", "99", "999", "-999", "9999", "-9999"),
    *("1970-01-01", "1900-01-01", "0001-01-01", "9999-12-31", "1970-01-01 00:00:00", "1970-01-01t00:00:00"),
)
#: a column of text with up to so many values has all of them counted, a column of numbers with up to so many
MOST_WORDS, MOST_NUMBERS = 200, 50
#: what texts are read as, the same in Python as on any engine: stripped and in lower case, one after the other
A_NUMBER = r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]+)?$"
A_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ t][0-9]{2}:[0-9]{2}.*)?$"
#: no single letters: N is the north, F a female, T a tonne
TRUTHS = ("true", "false", "yes", "no")
#: the replacement character, and the first characters of UTF-8 that was read as Latin-1 or Windows-1252
BROKEN = "\ufffd|[ÃÂ][\u0080-\u00bf]|â€"
#: partitions with which the grid of a column is laid: the fewest before one is judged
FIRST = 7
#: how many deviations from 0 the mean of numbers lies that are counted from elsewhere
OFFSET = 10.0


@dataclass(frozen=True)
class Column:
    """One column over P partitions. A text is summed by its length in characters where a number is by its value.

    text          whether its values are text
    rows          shape (P,), rows of each partition
    missing       shape (P,), of these without a value
    origin        the number from which the grid is counted: 0, but of numbers that all lie far from it, such as years
    bins          shape (B,), the bins of the grid that occur, rising; of texts, of their lengths
    counts        shape (P, B), values by bin
    low, high     shape (P,), the least and the largest; NaN where there is none
    whole         shape (P,), numbers that are whole; of texts 0
    forms         shape (P, len(FORMS)), texts by what they may be read as; of numbers 0
    broken        shape (P,), texts with characters that a wrong encoding leaves behind; of numbers 0
    values        the values that are counted each: all where `complete`, else marks of missing values only
    value_counts  shape (P, len(values))
    complete      whether `values` are all values that the column has
    slice         the rows that it is about. Of a slice only `rows`, `missing`, `low` and `high` need be known
    """

    name: str
    text: bool
    rows: Ints
    missing: Ints
    origin: float
    bins: Ints
    counts: Ints
    low: Floats
    high: Floats
    whole: Ints
    forms: Ints
    broken: Ints
    values: tuple[Scalar, ...]
    value_counts: Ints
    complete: bool
    slice: Slice = ALL_ROWS

    @property
    def known(self) -> Ints:
        """Rows with a value, shape (P,)."""
        return self.rows - self.missing

    @cached_property
    def quantiles(self) -> Floats:
        """The nineteen quantiles of each partition, shape (P, 19), NaN where it has no values."""
        return quantiles(self.bins, self.counts, LEVELS) + self.origin

    @cached_property
    def sizes(self) -> Floats:
        """The nineteen quantiles of the values other than zero, shape (P, 19), NaN where there are none."""
        if self.origin != 0:
            return self.quantiles
        some = self.bins != 0
        return quantiles(self.bins[some], self.counts[:, some], LEVELS)

    @cached_property
    def ends(self) -> tuple[Floats, Floats]:
        """The lower and upper end of each bin, shape (B,) each."""
        low, high = ends_of(self.bins)
        return low + self.origin, high + self.origin

    def at(self, chosen: Any) -> Column:
        """These partitions: a mask, numbers, or a slice of them."""
        parts: dict[str, Any] = {name: getattr(self, name)[chosen] for name in _BY_PARTITION}
        return replace(self, **parts)

    def beside(self, usual: Ints, places: Ints) -> Column:
        """The usual partitions, and after them the partitions at `places` as one."""
        before, now = self.at(usual), self.at(places).pooled()
        parts: dict[str, Any] = {
            name: np.concatenate([getattr(before, name), getattr(now, name)]) for name in _BY_PARTITION
        }
        return replace(self, **parts)

    def pooled(self) -> Column:
        """All partitions as one, shape (1, ...)."""
        parts: dict[str, Any] = {name: getattr(self, name).sum(axis=0, keepdims=True) for name in _SUMS}
        parts["low"] = np.fmin.reduce(self.low, keepdims=True, initial=np.nan)
        parts["high"] = np.fmax.reduce(self.high, keepdims=True, initial=np.nan)
        return replace(self, **parts)


_SUMS = ("rows", "missing", "counts", "whole", "forms", "broken", "value_counts")
_BY_PARTITION = (*_SUMS, "low", "high")


def counted(name: str, text: bool, rows: Ints, origin_: float, values: Sequence[Scalar], value_counts: Ints) -> Column:
    """A column of which every value is counted.

    rows          shape (P,)
    values        texts, or finite numbers
    value_counts  shape (P, len(values))
    """
    sizes = np.array([len(str(value)) if text else value for value in values], np.float64)
    code = bin_of(sizes - origin_)
    bins, at = np.unique(code, return_inverse=True)
    counts = np.zeros((len(rows), len(bins)), np.int64)
    np.add.at(counts.T, at, value_counts.T)
    forms, broken = np.zeros((len(rows), len(FORMS)), np.int64), np.zeros(len(rows), np.int64)
    if text:
        np.add.at(forms.T, np.array([form(str(value)) for value in values], np.int64), value_counts.T)
        broken = value_counts @ np.array([bool(re.search(BROKEN, str(value))) for value in values], np.int64)
    some = value_counts > 0
    return Column(
        name,
        text,
        rows,
        rows - value_counts.sum(axis=1),
        origin_,
        bins,
        counts,
        _extreme(np.where(some, sizes, np.inf).min(axis=1, initial=np.inf)),
        _extreme(np.where(some, sizes, -np.inf).max(axis=1, initial=-np.inf)),
        np.zeros(len(rows), np.int64) if text else value_counts @ (sizes == np.floor(sizes)).astype(np.int64),
        forms,
        broken,
        tuple(values),
        value_counts,
        complete=True,
    )


def form(text: str) -> int:
    """What a text may be read as, the place of it in `FORMS`.

    >>> [FORMS[form(text)] for text in (" 1.5e3", "2024-02-29", "Yes", " ", "1,5")]
    ['number', 'time', 'truth', 'blank', 'words']
    """
    word = text.strip().lower()
    if not word:
        return BLANK
    if re.search(A_NUMBER, word):
        return NUMBER
    if re.search(A_TIME, word):
        return TIME
    return TRUTH if word in TRUTHS else WORDS


def _extreme(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


@dataclass(frozen=True)
class Partitions:
    """A log in P partitions that follow each other in time.

    starts, ends   when each begins and ends, with a time zone; a partition without rows is there all the same
    rows           shape (P,), rows as delivered
    ids            shape (P,), of these, different ids
    different      shape (P,), rows that differ in some column other than the id and the time
    hours          shape (P, 24), rows by the hour of the declared zone's clock; all zero where the log has dates only
    columns        what is known of each column, and of columns in slices
    complete       shape (P,), whether the partition had ended when the log was read
    closed         shape (P,), whether no rows are expected, as declared
    season         partitions in a season: 7 for days, 24 for hours, 1 for none
    """

    starts: tuple[datetime, ...]
    ends: tuple[datetime, ...]
    rows: Ints
    ids: Ints
    different: Ints
    hours: Ints
    columns: tuple[Column, ...]
    complete: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    season: int = 1

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def named(self) -> Mapping[str, Column]:
        """The columns of all rows by name."""
        return {column.name: column for column in self.columns if column.slice == ALL_ROWS}


def origin(n: int, total: float, squares: float) -> float:
    """From where the grid of a column is counted, from its first values: their sum and the sum of their squares.

    0 unless they lie far from it beside how far they lie from each other, as years and pressures do; then their mean,
    with as many digits as it needs to lie among them.

    >>> origin(3, 6048.0, 12192770.0), origin(3, 6.0, 14.0)
    (2016.0, 0.0)
    """
    if n < 2:
        return 0.0
    mean = total / n
    deviation = math.sqrt(max(squares / n - mean**2, 0.0))
    if abs(mean) < OFFSET * deviation or mean == 0 or deviation <= 1e-9 * abs(mean):
        return 0.0
    return round(mean, -math.floor(math.log10(deviation)))


def shares(hits: NDArray[Any], n: NDArray[Any]) -> Floats:
    """Hits over n, NaN where n is 0.

    >>> shares(np.array([1, 0]), np.array([2, 0])).tolist()
    [0.5, nan]
    """
    return np.asarray(hits / np.where(n > 0, n, np.nan), np.float64)


def log_at(log: Partitions, chosen: Any) -> Partitions:
    """These partitions, of what is counted of the log as a whole; without columns."""
    places = np.arange(len(log))[chosen]
    return replace(
        log,
        starts=tuple(log.starts[place] for place in places),
        ends=tuple(log.ends[place] for place in places),
        columns=(),
        **{name: getattr(log, name)[places] for name in ("rows", "ids", "different", "hours", "complete", "closed")},
    )


def log_pooled(log: Partitions) -> Partitions:
    """All partitions as one, P >= 1, of what is counted of the log as a whole; without columns."""
    parts: dict[str, Any] = {
        name: getattr(log, name).sum(axis=0, keepdims=True) for name in ("rows", "ids", "different", "hours")
    }
    parts |= {name: getattr(log, name).all(keepdims=True) for name in ("complete", "closed")}
    return replace(log, starts=log.starts[:1], ends=log.ends[-1:], columns=(), **parts)
