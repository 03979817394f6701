"""Numbers and names as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.report import words
from leadline.values import Slice, Span, Verdict, Window
from report.conftest import PAYLOADS

finite = st.floats(-1e12, 1e12)


@given(finite)
def test_a_number_shown_is_near_the_number(value):
    shown = float(words.numbers(value)[0].replace(",", ""))
    assert math.isclose(shown, value, rel_tol=6e-3, abs_tol=6e-7)


@given(finite, st.floats(0, 1e6), st.floats(0, 1e6))
def test_value_lies_within_the_interval_shown(value, below, above):
    shown = words.numbers(value, value - below, value + above)
    low, high = (float(each.replace(",", "")) for each in shown[1:])
    assert low <= float(shown[0].replace(",", "")) <= high


@given(st.floats(-1, 1), st.floats(0.001, 1))
def test_all_three_have_the_same_decimals(value, width):
    shown = words.numbers(value, value - width, value + width)
    assert len({len(each.partition(".")[2]) for each in shown if "e" not in each}) == 1


def test_no_minus_zero():
    assert words.numbers(-0.0, -1e-9, 1.0)[:2] == ("0.000", "0.000")


def test_a_negative_interval_can_be_read():
    assert words.interval(-0.1, -0.2, 0.3) == ("-0.100", "[-0.200 to 0.300]")


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_share_is_none_or_all_only_when_it_is(part, rest):
    shown = words.share(part, part + rest)
    if part + rest:
        assert (shown == "0 %") == (part == 0)
        assert (shown == "100 %") == (rest == 0)


def test_share_of_nothing():
    assert words.share(0, 0) == "none"


def test_days_are_local_and_include_the_last():
    zone = ZoneInfo("America/New_York")
    assert words.days(Window(datetime(2013, 11, 2, 4, tzinfo=UTC), datetime(2013, 11, 4, 5, tzinfo=UTC)), zone) == (
        "2013-11-02 to 2013-11-03"
    )
    one = Window(datetime(2013, 11, 2, 4, tzinfo=UTC), datetime(2013, 11, 3, 4, tzinfo=UTC))
    assert words.days(one, zone) == "2013-11-02"
    hour = Window(datetime(2013, 11, 2, 14, tzinfo=UTC), datetime(2013, 11, 2, 15, tzinfo=UTC))
    assert words.days(hour, zone) == "2013-11-02 10:00 to 2013-11-02 11:00"


def test_every_verdict_has_a_word_and_a_sign():
    assert set(words.VERDICTS) == set(words.SYMBOLS) == set(Verdict)


@pytest.mark.parametrize("text", PAYLOADS)
def test_printable_steers_nothing(text):
    shown = words.printable(text)
    assert "\n" not in shown
    assert all(each.isprintable() or each == " " for each in shown)
    assert words.printable(shown) == shown


def test_a_missing_value_has_a_name():
    assert words.named(Slice((("carrier", None),))) == "carrier=(missing)"


@pytest.mark.parametrize(("span", "said"), [("1h", "1 hour"), ("28d", "28 days"), ("1w", "1 week"), ("1mo", "1 month")])
def test_lengths(span, said):
    assert words.length(Span.parse(span)) == said
