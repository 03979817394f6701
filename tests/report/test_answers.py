"""What is said, and in which order."""

from __future__ import annotations

import random

import pytest

from leadline.report.answers import (
    Fold,
    breach_sentences,
    exit_code,
    folded,
    label_sentences,
    missing_windows,
    ordered,
    overall,
    rankings,
    series,
    summary,
    to_promise,
)
from leadline.values import ALL_ROWS, Breach, Labels, Slice, Status, Target, Verdict
from report.conftest import LABELS, START, estimate, judgement, of

B, U, N, X, H = Verdict.BREACHED, Verdict.UNCERTAIN, Verdict.NO_DATA, Verdict.UNDEFINED, Verdict.HOLDS


@pytest.mark.parametrize(
    ("verdicts", "strict", "lenient"),
    [
        ([], 0, 0),
        ([H, U], 0, 0),
        ([H, N], 4, 0),
        ([X], 4, 0),
        ([H, N, B], 1, 1),
    ],
)
def test_exit_code(verdicts, strict, lenient):
    judged = [judgement(each) for each in verdicts]
    assert (exit_code(judged), exit_code(judged, allow_no_data=True)) == (strict, lenient)


def test_order_is_breached_uncertain_no_data_undefined_holds_whatever_came_first():
    judged = [judgement(each, of("carrier", at)) for at, each in enumerate([H, N, X, B, U, H, B])]
    for seed in range(5):
        random.Random(seed).shuffle(judged)
        assert [each.status for each in ordered(judged)] == [B, B, U, N, X, H, H]


def test_worst_slice_first_and_all_rows_before_slices():
    near, far = (judgement(B, of("carrier", name), value=value) for name, value in (("near", 0.5), ("far", 0.1)))
    every = judgement(B)
    assert ordered([near, far, every]) == [every, far, near]
    over = judgement(B, of("carrier", "a"), metric="mae", target=Target("at_most", 1), value=9)
    slightly = judgement(B, of("carrier", "b"), metric="mae", target=Target("at_most", 1), value=2)
    assert ordered([slightly, over]) == [over, slightly]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 30])
def test_folding_loses_none(count):
    judged = [judgement(H, of("carrier", at)) for at in range(count)] + [judgement(H)]
    shown = list(folded(judged))
    folds = [each for each in shown if isinstance(each, Fold)]
    assert len(shown) - len(folds) + sum(each.count for each in folds) == count + 1
    assert all(each.count > 1 for each in folds)
    assert shown[0] == judgement(H)


def test_summary_counts_objectives_and_slices():
    judged = [judgement(B), judgement(H, of("carrier", "a")), judgement(H, of("carrier", "b"))]
    assert summary(judged) == "1 objective (3 with their slices): 1 breached, 2 hold."
    assert summary([judgement(N)]) == "1 objective: 1 without data."


# For whom is it not? ------------------------------------------------------------------------------------------------


def slices(values, days=28):
    """A metric of all rows at 0.7 and of slices, over the same four weeks."""
    found = [estimate("precision", ALL_ROWS, 0, days)]
    for name, (value, low, high) in values.items():
        found.append(estimate("precision", of("carrier", name), 0, days, value=value, low=low, high=high))
    return found


def test_only_slices_apart_from_all_rows_are_named_worst_first(content):
    found = slices({"a": (0.5, 0.4, 0.6), "b": (0.3, 0.2, 0.4), "c": (0.1, 0.0, 0.9), "d": (0.9, 0.85, 0.95)})
    ranking = rankings(content(found, ()))[0]
    assert [str(each.slice) for each in ranking.worst] == ["carrier=b", "carrier=a"]
    assert (ranking.whole, ranking.looked) == (0.7, 4)


def test_lower_is_better_turns_it_round(content):
    found = [estimate("mae", ALL_ROWS, 0, 28, value=1.0)]
    found += [
        estimate("mae", of("x", at), 0, 28, value=v, low=v - 0.1, high=v + 0.1) for at, v in enumerate([0.5, 2.0])
    ]
    assert [each.value for each in rankings(content(found, ()))[0].worst] == [2.0]


def test_none_apart_names_the_furthest_off(content):
    ranking = rankings(content(slices({"a": (0.6, 0.4, 0.8), "b": (0.65, 0.4, 0.8)}), ()))[0]
    assert ranking.worst == ()
    assert ranking.nearest is not None
    assert str(ranking.nearest.slice) == "carrier=a"


def test_a_breached_slice_is_named_even_where_all_rows_are_as_bad(content):
    judged = [judgement(B), judgement(B, of("carrier", "a"), n=50)]
    assert [str(each.slice) for each in rankings(content((), judged))[0].worst] == ["carrier=a"]


def test_a_slice_of_all_rows_is_none(content):
    judged = [judgement(B), judgement(B, of("carrier", "a"))]
    assert rankings(content(slices({"a": (0.7, 0.6, 0.8)}), judged)) == []


def test_words_of_a_breach_follow_whether_the_window_keeps_the_promise(content):
    def told(value):
        breach = Breach(START, START, None, 0.4, 0.3, 0.5)
        (said,) = breach_sentences(content((), [judgement(B, value=value, breaches=(breach,))]))
        return said

    assert told(0.4).endswith("over the last 28 days it is 0.400.")
    kept = "it is 0.600, which keeps it: not yet evidence enough that it is over."
    assert told(0.6).endswith(kept)


def test_a_cross_that_says_no_more_than_its_part_is_not_named(content):
    found = slices({"a": (0.3, 0.2, 0.4)})
    same = Slice((("carrier", "a"), ("origin", "x")))
    alike = Slice((("carrier", "a"), ("origin", "y")))
    worse = Slice((("carrier", "a"), ("origin", "z")))
    found += [estimate("precision", same, 0, 28, value=0.3, low=0.2, high=0.4)]
    found += [estimate("precision", alike, 0, 28, value=0.25, low=0.1, high=0.45, n=50)]
    found += [estimate("precision", worse, 0, 28, value=0.05, low=0.0, high=0.1, n=50)]
    ranking = rankings(content(found, ()))[0]
    assert [each.slice for each in ranking.worst] == [worse, of("carrier", "a")]


def test_metrics_without_a_better_side_rank_nothing(content):
    assert rankings(content([estimate("share", of("carrier", "a"), 0, 28)], ())) == []


def test_series_leave_out_the_window_of_slices(content):
    days = [estimate("precision", day=day) for day in range(28)]
    found = content([*days, *slices({"a": (0.5, 0.4, 0.6)})], ())
    assert overall(found) == estimate(days=28).window
    assert len(series(found)["precision", ALL_ROWS, None]) == 28


# Labels -------------------------------------------------------------------------------------------------------------


def said(content, **changed):
    return " ".join(label_sentences(content(**changed)))


def test_labels_are_told_in_sentences(content):
    text = said(content, labels=Labels(1000, 950, 900, 70, 3, 2, 1, 4))
    for part in (
        "900 of 1,000 predictions (90.0 %)",
        "70 (7.4 % of those old enough) never got one",
        "50 are too young",
        "20 of them have their label already",
        "4 labels were taken back",
        "1 outcome has no prediction",
        "3 deliveries repeated",
        "2 deliveries of a prediction differed",
    ):
        assert part in text, part


def test_one_is_singular(content):
    text = said(content, labels=Labels(1, 0, 1, 0, 1, 1, 1, 1))
    for part in (
        "1 prediction (100 %) has its label",
        "1 is too young",
        "1 of them has its label",
        "1 label was taken",
    ):
        assert part in text, part


def test_nothing_odd_is_not_told(content):
    text = said(content, labels=Labels(10, 10, 10, 0, 0, 0, 0, 0))
    assert text == "10 of 10 predictions (100 %) have their label."


def test_no_predictions_and_no_labels(content):
    assert said(content, labels=Labels(0, 0, 0, 0, 0, 0, 0, 0)) == "There are no predictions."
    none = "5 predictions; none has a label, so figures that need labels have no value."
    assert said(content, labels=Labels(5, 0, 0, 0, 0, 0, 0, 0)) == f"{none} 5 are too young to count as missing."
    assert "`leadline label next`" in said(content, labels=Labels(5, 5, 0, 5, 0, 0, 0, 0))
    assert "check the columns of both ids" in said(content, labels=Labels(5, 5, 0, 5, 0, 0, 9, 0))


def test_what_to_do_where_nothing_is_judged(content):
    text = to_promise(content(objectives=[]))
    assert "{metric: recall, at_least: ..., window: 28d}" in text
    assert "exits with 0" in text
    assert "such as" not in to_promise(content([estimate(value=None, status=Status.UNDEFINED)], objectives=[]))
    assert to_promise(content(objectives=[judgement()])) is None


def test_windows_with_by_far_the_most_missing_are_named(content):
    days = [estimate(day=day, labelled=40 if day == 3 else 93) for day in range(5)]
    days.append(estimate(day=5, labelled=5, status=Status.PROVISIONAL))
    found = content(days, labels=LABELS)
    assert [each.labelled for each in missing_windows(found)] == [40]
    assert "2024-03-03 19:00" in said(content, estimates=days)
