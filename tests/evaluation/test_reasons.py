"""Findings of several kinds in one order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from leadline.evaluation.reasons import reasons
from leadline.values import ALL_ROWS, Effect, Estimate, Finding, Status, Window


def days(first, last):
    return Window(datetime(2024, 3, first, tzinfo=UTC), datetime(2024, 3, last, tzinfo=UTC))


def finding(kind, what, columns=(), effect=None, window=None):
    return Finding(kind, what, ALL_ROWS, window or days(1, 3), "", columns, effect=effect)


SURE, UNSURE = Effect("recall", -0.1, -0.15, -0.05), Effect("recall", -0.1, -0.3, 0.1)


def told(*found):
    return [each.what for each in reasons(*found)]


def test_the_first_of_each_come_before_the_second_of_any():
    causes = [finding("world_changed", "a1"), finding("event", "a2"), finding("mix", "a3")]
    faults = [finding("null_jump", "b1", ("x",)), finding("unit_change", "b2", ("y",))]
    drifted = [finding("drift", "c1", ("z",), SURE)]
    assert told(causes, faults, drifted, [finding("run_late", "d1")]) == ["a1", "b1", "c1", "d1", "a2", "b2", "a3"]


def test_what_moves_no_metric_for_certain_comes_last_and_shares_at_the_very_end():
    causes = [finding("share", "share", ("s",), SURE), finding("event", "event")]
    drifted = [finding("drift", "sure", ("z",), SURE), finding("drift", "unsure", ("u",), UNSURE)]
    drifted.append(finding("drift", "harmless", ("v", "w")))
    assert told(causes, [], drifted, []) == ["event", "sure", "unsure", "harmless", "share"]


def test_that_a_column_with_a_fault_has_other_values_is_not_told_again_but_what_it_does_is():
    faults = [finding("unit_change", "fault", ("z", "u"))]
    drifted = [finding("drift", "sure", ("z",), SURE), finding("drift", "unsure", ("u",), UNSURE)]
    drifted += [finding("drift", "harmless", ("u", "z")), finding("drift", "others", ("u", "v"))]
    assert told([], faults, drifted, []) == ["fault", "sure", "others"]


def test_what_a_column_does_in_a_window_is_its_fault_s_where_that_lasts_for_half_of_it():
    drifted = [finding("drift", "it drifted", ("z",), SURE, days(1, 11))]
    for first, effect, what in (
        (7, None, "it is missing."),
        (6, SURE, "it is missing. By itself that lowers recall by 0.100 [0.050–0.150]."),
    ):
        now = Estimate("missing", ALL_ROWS, None, days(first, 20), 0.6, 0.5, 0.7, 9, 9, Status.REALISED)
        fault = replace(finding("null_jump", "it is missing.", ("z",), None, days(1, 20)), evidence=(now,))
        told = reasons([], [fault], drifted, [])[0]
        assert (told.effect, told.what) == (effect, what)


def test_a_value_with_another_name_is_no_slice_that_comes_less_often():
    causes = [finding("mix", "less FR", ("country",), SURE), finding("rate", "FR is worse", ("country",), SURE)]
    causes.append(finding("mix", "more phones", ("device",), SURE))
    faults = [finding("renamed_category", "FR is now France", ("country",))]
    assert told(causes, faults, [], []) == ["FR is worse", "FR is now France", "more phones"]
    assert "less FR" in told(causes, [], [], [])
