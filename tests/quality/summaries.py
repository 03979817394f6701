"""Partitions from rows in memory: what the engine is to read, worked out by numpy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from leadline.quality.grid import bin_of
from leadline.quality.summary import (
    BLANK,
    FIRST,
    FORMS,
    MOST_NUMBERS,
    MOST_WORDS,
    NUMBER,
    SENTINEL_NUMBERS,
    SENTINEL_WORDS,
    TIME,
    TRUTH,
    WORDS,
    Column,
    Partitions,
    origin,
)
from leadline.values import ALL_ROWS, Slice

BROKEN = re.compile("\ufffd|[ÃÂ][\x80-\xbf\xa0-\xff]|â€")
TIMES = re.compile(r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}.*)?$")
TRUTHS = {"true", "false", "yes", "no"}
START = datetime(2024, 1, 1, tzinfo=UTC)


def origin_of(values: np.ndarray) -> float:
    if not len(values):
        return 0.0
    return origin(len(values), float(values.sum()), float((values**2).sum()))


def form(text: str) -> int:
    word = text.strip().lower()
    if not word:
        return BLANK
    try:
        float(word)
    except ValueError:
        return TIME if TIMES.match(word) else TRUTH if word in TRUTHS else WORDS
    return NUMBER if word not in ("nan", "inf", "-inf", "infinity", "-infinity") else WORDS


def column(name: str, values, place: np.ndarray, partitions: int, where: Slice = ALL_ROWS) -> Column:
    given = np.asarray(values)
    text = given.dtype == object or given.dtype.kind in "US"
    if text:
        missing = np.array([value is None for value in given], bool)
    else:
        given = given.astype(float)
        missing = ~np.isfinite(given)
    here, known = place[~missing], given[~missing]
    words: list = []
    size = known if not text else np.zeros(0)
    kinds = np.zeros((0,), int)
    broken = np.zeros(0, bool)
    if text:
        words, code = np.unique(known.astype(str), return_inverse=True)
        words = words.tolist()
        size = np.array([len(word) for word in words], float)[code] if len(words) else np.zeros(0)
        kinds = np.array([form(word) for word in words], int)[code] if len(words) else kinds
        broken = np.array([bool(BROKEN.search(word)) for word in words], bool)[code] if len(words) else broken

    def by(weights=None, where_=slice(None)):
        return np.bincount(here[where_], weights=None if weights is None else weights[where_], minlength=partitions)

    origin = origin_of(size[here < FIRST]) if not text else 0.0
    bins, at = np.unique(bin_of(size - origin), return_inverse=True)
    counts = np.bincount(here * max(len(bins), 1) + at, minlength=partitions * max(len(bins), 1))
    low, high = np.full(partitions, np.nan), np.full(partitions, np.nan)
    np.fmin.at(low, here, size)
    np.fmax.at(high, here, size)
    if text:
        complete = len(words) <= MOST_WORDS
        shown = [word for word in words if complete or word.strip().lower() in SENTINEL_WORDS]
        values_, code = tuple(shown), code if len(words) else np.zeros(0, int)
        at_ = {word: number for number, word in enumerate(words)}
        value_counts = (
            np.stack([by(None, code == at_[word]) for word in shown], 1) if shown else np.zeros((partitions, 0), int)
        )
    else:
        distinct = np.unique(known)
        complete = len(distinct) <= MOST_NUMBERS
        shown = distinct if complete else [each for each in SENTINEL_NUMBERS if each in distinct]
        values_ = tuple(float(each) for each in shown)
        value_counts = (
            np.stack([by(None, known == each) for each in shown], 1) if len(shown) else np.zeros((partitions, 0), int)
        )
    forms = (
        np.stack([by(None, kinds == each) for each in range(len(FORMS))], 1) if text else np.zeros((partitions, 5), int)
    )
    return Column(
        name,
        text,
        np.bincount(place, minlength=partitions),
        np.bincount(place[missing], minlength=partitions),
        origin,
        bins,
        counts.reshape(partitions, len(bins)) if len(bins) else np.zeros((partitions, 0), int),
        low,
        high,
        by(None, known == np.round(known)) if not text else np.zeros(partitions, int),
        forms,
        by(None, broken) if text else np.zeros(partitions, int),
        values_,
        value_counts,
        complete,
        where,
    )


def partitions(
    frame: Mapping[str, np.ndarray],
    place: np.ndarray,
    count: int | None = None,
    *,
    ids: np.ndarray | None = None,
    hours: np.ndarray | None = None,
    season: int = 1,
    slices: Mapping[str, np.ndarray] | None = None,
    step: timedelta = timedelta(days=1),
    alike: bool = False,
) -> Partitions:
    """Rows as columns of equal length, each in partition `place`."""
    count = int(place.max()) + 1 if count is None else count
    rows = np.bincount(place, minlength=count)
    columns = [column(name, values, place, count) for name, values in frame.items()]
    for entry, values in (slices or {}).items():
        for value in np.unique(values):
            here = values == value
            columns += [
                column(name, np.asarray(each)[here], place[here], count, Slice(((entry, value),)))
                for name, each in frame.items()
                if name != entry
            ]
    different = rows
    if alike:
        keys = {name: np.unique(np.asarray(each).astype(str), return_inverse=True)[1] for name, each in frame.items()}
        stacked = np.stack([place, *keys.values()], 1)
        different = np.bincount(np.unique(stacked, axis=0)[:, 0], minlength=count)
    distinct = rows
    if ids is not None:
        distinct = np.bincount(np.unique(np.stack([place, ids], 1), axis=0)[:, 0], minlength=count)
    by_hour = np.zeros((count, 24), int)
    if hours is not None:
        np.add.at(by_hour, (place, hours), 1)
    starts = tuple(START + step * number for number in range(count))
    return Partitions(
        starts,
        tuple(each + step for each in starts),
        rows,
        distinct,
        different,
        by_hour,
        tuple(columns),
        np.ones(count, bool),
        np.zeros(count, bool),
        season,
    )
