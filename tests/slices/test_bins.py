"""Bins part a sample into about equal groups, with edges that people can read."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leadline.estimate.leaves import Words
from leadline.slices.bins import NUMERIC_BINS, bins, is_free_text, lengths

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=200))
def test_edges_rise_and_part_the_sample_as_quantiles_do(numbers):
    values = np.array(numbers)
    found = bins("x", values)
    known = np.sort(values[~np.isnan(values)])
    if found is None:
        assert len(np.unique(known)) <= 1
        return
    edges = np.array(found.edges)
    assert (np.diff(edges) > 0).all()
    assert len(edges) < NUMERIC_BINS
    quantiles = known[(np.arange(1, NUMERIC_BINS) * len(known)) // NUMERIC_BINS]
    below = np.unique(np.searchsorted(known, quantiles[quantiles > known.min()]))
    assert np.searchsorted(known, edges).tolist() == below.tolist()
    assert found.of(values)[np.isnan(values)].tolist() == [0] * int(np.isnan(values).sum())


@given(st.lists(finite, min_size=30, max_size=60, unique=True))
def test_any_numbers_have_edges(numbers):
    found = bins("x", np.array(numbers))
    assert found is not None
    assert len(found.edges or ()) >= 1


def test_edges_have_few_digits():
    values = np.random.default_rng(0).standard_normal(40_000)
    found = bins("x", values)
    assert found is not None
    assert max(len(repr(abs(edge))) for edge in found.edges or ()) <= 8
    counts = np.bincount(found.of(values))[1:]
    assert counts.min() > 3_900


def test_few_values_are_bins_of_their_own():
    found = bins("hour", np.array([1.0, 2.0, 3.0] * 30))
    assert found is not None
    assert found.edges == (2.0, 3.0)


def test_rare_words_are_one_bin():
    words = tuple(f"w{number:03}" for number in range(100))
    number = np.concatenate([np.repeat(np.arange(40), np.arange(80, 40, -1)), np.arange(40, 100), [-1] * 5])
    found = bins("kind", Words(number, words))
    assert found is not None
    assert len(found.words) == 30
    assert set(found.words) == set(words[:30])
    assert found.gaps


def test_texts_are_told_by_their_length():
    texts = tuple("x" * (1 + number % 50) + str(number) for number in range(1000))
    values = Words(np.append(np.arange(1000), -1), texts)
    assert is_free_text(values)
    assert lengths(values)[3] == len(texts[3])
    assert np.isnan(lengths(values)[-1])
    assert not is_free_text(Words(np.arange(1000) % 7, tuple("abcdefg")))
    assert not is_free_text(Words(np.full(5, -1), ()))


def test_what_is_the_same_in_all_rows_is_no_feature():
    assert bins("x", np.full(50, 3.0)) is None
    assert bins("x", np.full(50, np.nan)) is None
    assert bins("kind", Words(np.full(50, -1), ())) is None
    assert bins("kind", Words(np.zeros(50, int), ("a",))) is not None  # another word may come
    assert bins("x", np.array([1.0] * 25 + [np.nan] * 25)) is not None
