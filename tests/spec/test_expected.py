"""What may be declared of features and of how predictions come."""

from __future__ import annotations

from datetime import date

import pytest

from leadline.spec.fields import ClosedDays
from leadline.spec.load import from_mapping
from leadline.spec.model import Spec
from leadline.values import InputError


def made(**predictions: object) -> Spec:
    parts = {"source": "predictions.parquet", "columns": {"id": "id", "timestamp": "t", "prediction": "p"}}
    return from_mapping({"version": 1, "model": "m", "task": "binary", "predictions": {**parts, **predictions}})


def test_closed_days_are_weekdays_dates_and_ranges():
    expected = made(expected={"closed": ["Saturday", "2010-12-25", "2010-12-24/2011-01-03"]}).predictions.expected
    saturday, christmas, holidays = expected.closed
    assert saturday.holds(date(2024, 1, 6))
    assert not saturday.holds(date(2024, 1, 5))
    assert christmas == ClosedDays(first=date(2010, 12, 25))
    assert [holidays.holds(date(2011, 1, day)) for day in (3, 4)] == [True, False]
    assert [str(each) for each in expected.closed] == ["saturday", "2010-12-25", "2010-12-24/2011-01-03"]


@pytest.mark.parametrize("text", ["someday", "2010-13-01", "2011-01-03/2010-12-24", 7])
def test_what_is_no_day_is_told(text):
    with pytest.raises(InputError, match="closed days are written"):
        made(expected={"closed": [text]})


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ({"matches": "("}, "is no regular expression"),
        ({"matches": "^(?=B)"}, "no lookaround"),
        ({"matches": r"(a)\1"}, "no lookaround"),
        ({"matches": "a", "type": "numeric"}, "matches is for features of text"),
        ({"min": 3, "max": 1}, "min 3 is above max 1"),
        ({"min": 3, "type": "text"}, "min is for numeric features"),
    ],
)
def test_rules_that_make_no_sense_are_told(feature, words):
    with pytest.raises(InputError, match=words):
        made(features={"x": feature})


@pytest.mark.parametrize("pattern", [r"[(?=]", r"\(\?=", "(?i)^a", "(?:a|b)+$", "(?P<x>a)", r"[\]*+]a", r"a*?b+?"])
def test_patterns_that_engines_share_are_taken(pattern):
    assert made(features={"x": {"matches": pattern}}).predictions.features["x"].matches == pattern


def test_a_range_of_rows_has_its_ends_in_order():
    with pytest.raises(InputError, match="at_least 10 is above at_most 5"):
        made(expected={"at_least": 10, "at_most": 5})


def test_a_time_that_nothing_can_keep_is_told():
    with pytest.raises(InputError, match=r"expected\.within: within is 0"):
        made(expected={"within": "0h"})


def test_rules_are_those_that_are_declared():
    feature = made(features={"x": {"min": 0, "not_null": True}}).predictions.features["x"]
    assert feature.rules == ("min", "not_null")
    assert made(features={"x": {}}).predictions.features["x"].rules == ()
