"""The report as text: never wider than the line, no colours without a terminal, nothing that steers one."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import timedelta
from html import escape

import pytest
from rich.cells import cell_len
from rich.console import Console

from leadline.report.answers import awaited, awaited_sentences
from leadline.report.html import html
from leadline.report.text import Report, Trouble
from leadline.report.why import change_cells, event_sentence, mix_rate_sentences, told_splits
from leadline.values import ALL_ROWS, Change, EventEffect, MixRate, Standing, Status, TrackRecord, Verdict
from report.conftest import START, estimate, judgement, of, window


def printed(content, width=80, colours=False):
    text = io.StringIO()
    system = "truecolor" if colours else None
    Console(file=text, width=width, color_system=system, force_terminal=colours, legacy_windows=False).print(
        Report(content)
    )
    return text.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_asked(hostile, content, width):
    for each in (hostile, content()):
        assert max(cell_len(line) for line in printed(each, width).splitlines()) <= width


def test_nothing_from_the_data_steers_the_terminal(hostile):
    text = printed(hostile)
    assert all(line.isprintable() for line in text.split("\n"))
    assert [line for line in text.split("\n") if line.endswith(" ")] == []


def test_questions_come_in_order(content):
    judged = [judgement(), judgement(Verdict.BREACHED, of("carrier", "B6"))]
    text = printed(content(objectives=judged))
    places = [text.index(each) for each in ("flight-delay", "Is it working?", "For whom is it not?", "rest on?")]
    assert places == sorted(places)
    assert "as of 2024-04-09 20:00 America/New_York" in text


def test_status_reads_without_colour(content):
    judged = [judgement(each, of("carrier", str(each))) for each in Verdict]
    text = printed(content(objectives=judged))
    for sign, word in (("✗", "breached"), ("~", "uncertain"), ("?", "no data"), ("?", "undefined"), ("✓", "holds")):
        assert f"{sign} {word}" in text


def test_a_line_tells_value_interval_and_since(content):
    text = printed(content(objectives=[judgement(Verdict.BREACHED)]))
    line = next(line for line in text.splitlines() if "✗" in line)
    assert line.split() == [
        "✗",
        "breached",
        "recall",
        "≥",
        "0.55",
        "all",
        "rows",
        "0.400",
        "[0.300–0.500]",
        "2024-02-29",
        "19:00",
    ]


def test_what_has_no_value_says_why(content):
    assert "–  no labels" in printed(content(objectives=[judgement(Verdict.NO_DATA)]))


def test_windows_of_several_lengths_are_told_in_the_line(content):
    week = judgement().window.parse("7d")
    text = printed(content(objectives=[judgement(), judgement(window=week)]), 120)
    assert re.findall(r" (28d|7d)$", text, re.MULTILINE) == ["28d", "7d"]
    assert "Each over its window to 2024-03-2" in text
    later = judgement(window=week, window_end=START + timedelta(days=35))
    text = printed(content(objectives=[judgement(), later]), 120)
    assert "28d to 2024-03-2" in text
    assert "7d to 2024-04-0" in text


def test_what_is_known_of_a_promise_is_cut_last(content):
    long = judgement(metric="false_negative_rate", since=START, low=0.0696, high=0.0918, value=0.08)
    week = judgement(window=judgement().window.parse("7d"))
    text = printed(content(objectives=[long, week]), 80)
    assert "[0.0696–0.0918]" in text
    assert " 2024-02-29 19:00\n" in text


def test_a_window_that_is_not_over_is_told_as_that_and_the_log_ends_with_the_evaluation(content):
    young = content([estimate(days=28)], as_of=START + timedelta(days=20, hours=9), zone="UTC")
    text = printed(young, 120)
    assert "Over the 28 days to 2024-03-28, a time that is not over yet." in text
    assert "2024-03-01 to 2024-03-21" in text
    assert "a time that is not over yet." in html(young)
    over = printed(content([estimate(days=28)], as_of=START + timedelta(days=27, hours=9), zone="UTC"), 120)
    assert "Over the 28 days to 2024-03-28, the last day whose labels should be in." in over


def test_of_events_that_are_compared_with_no_other_moment_nothing_is_said_of_those(content):
    told = EventEffect("move", "deploy", START, None, "recall", difference=-0.1, low=-0.2, high=-0.05)
    assert "As much" not in event_sentence(content(), [told])
    assert "As much" in event_sentence(content(), [replace(told, as_large=0.1)])


def test_without_objectives_the_latest_figures_are_shown(content):
    text = printed(content(objectives=()))
    assert "Nothing is judged, for no objectives are declared." in text
    assert "0.700  [0.600–0.800]  realised" in text


def test_an_empty_result_is_told_not_crashed_on(content):
    undefined = estimate(value=None, low=None, high=None, status=Status.UNDEFINED, why="no rows", n=0, labelled=0)
    for each in (content((), ()), content([undefined], [judgement(Verdict.NO_DATA, window_end=None)])):
        assert "Is it working?" in printed(each)


def test_without_a_figure_of_all_rows_the_worst_slice_is_shown(content):
    found = [estimate("mae", of("x", at), 0, 28, value=float(at), low=0.0, high=9.0) for at in range(3)]
    text = printed(content(found, ()))
    assert "x=2" in text
    assert "no slice is clearly worse" not in text


def test_colours_only_where_asked(content):
    assert "\x1b[" not in printed(content())
    assert "\x1b[" in printed(content(), colours=True)


def test_brief_has_only_what_is_wrong(content):
    judged = [judgement(), judgement(Verdict.BREACHED, of("carrier", "B6")), judgement(Verdict.UNCERTAIN, of("x", 1))]
    text = io.StringIO()
    Console(file=text, width=80).print(Trouble(content(objectives=judged)))
    assert "carrier=B6" in text.getvalue()
    assert "holds" not in text.getvalue()
    assert "uncertain" not in text.getvalue()


# Tables -------------------------------------------------------------------------------------------------------------


def waiting(**changed):
    """A day whose labels are not in: provisional, with a nowcast and an estimate from predictions alone."""
    known = {"value": 0.64321, "low": 0.5512, "high": 0.7203, "labelled": 60, "status": Status.ESTIMATED}
    nowcast = estimate(day=4, **(known | {"estimator": "nowcast"} | changed))
    alone = estimate(day=4, **(known | {"value": 0.61, "labelled": 0, "estimator": "cbpe"}))
    young = estimate(day=4, value=0.95, labelled=60, status=Status.PROVISIONAL)
    return [*(estimate(day=day) for day in range(4)), young, nowcast], [alone]


RECORD = TrackRecord("recall", ALL_ROWS, None, "cbpe", Standing.IN_USE, START, 0.71, 40, 0.0312, 0.0443, 0.06, 40, 0.9)
CHANGE = Change("recall", ALL_ROWS, window(0, 28), 0.70112, 0.70444, 0.00331, -0.000566, -0.0456, 0.0405)


def test_estimates_and_their_record_are_one_line_a_metric(content):
    figures, alone = waiting()
    found = content(figures, estimated=alone, track_record=[RECORD])
    lines = printed(found).splitlines()
    at = next(number for number, line in enumerate(lines) if line == "Without labels")
    assert re.split(r"\s{2,}", lines[at + 1].strip()) == [
        "estimate",
        "95 % interval",
        "off by",
        "a constant",
        "band held",
    ]
    assert lines[at + 2].split() == ["recall", "0.643", "[0.551–0.720]", "0.031", "0.044", "36", "of", "40"]


def test_of_two_estimates_for_one_window_the_nowcast_is_shown_and_said(content):
    figures, alone = waiting()
    for shown in (printed(content(figures, estimated=alone)), html(content(figures, estimated=alone))):
        assert "0.643" in shown
        assert "0.610" not in shown.partition("Without labels")[2].partition("window by window")[0]
        assert "which are believed rather than scores" in " ".join(shown.split())
    only = printed(content(figures[:-1], estimated=alone))
    assert "0.610" in only
    assert "believed" not in only


def test_without_objectives_the_nowcast_stands_for_its_window(content):
    figures, _ = waiting()
    latest = printed(content(figures, ())).partition("The latest figures")[2].splitlines()[1]
    assert latest.split() == ["recall", "0.643", "[0.551–0.720]", "estimated"]


def test_numbers_of_one_row_have_the_same_decimals(content):
    text = printed(content(changes=[CHANGE]))
    line = next(line for line in text.splitlines() if "0.701" in line)
    assert line.split() == ["recall", "0.701", "0.704", "+0.003", "-0.001", "±", "0.043"]
    slices = [estimate(where=of("x", 1), days=28, value=0.05123, low=0.01, high=0.0991), estimate(days=28, value=0.2)]
    line = next(line for line in printed(content(slices)).splitlines() if "x=1" in line)
    assert line.split() == ["recall", "x=1", "0.051", "[0.010–0.099]", "0.200", "100"]


def test_html_has_the_same_tables(content):
    figures, alone = waiting()
    found = content(figures, estimated=alone, track_record=[RECORD], changes=[CHANGE])
    page = html(found)
    for cell in (*awaited(found)[0].cells, *change_cells(CHANGE), *awaited_sentences(found)):
        assert cell == "–" or f">{escape(cell)}</" in page, cell


@pytest.mark.parametrize("name", ["a segment whose name goes on and on, with its end that tells", "b" * 30 + "end"])
def test_names_use_the_width_that_there_is_and_keep_their_end(content, name):
    judged = [judgement(Verdict.BREACHED, of("a_long_column_name", name))]
    assert f"a_long_column_name={name}" in printed(content(objectives=judged), 180)
    assert name[-5:] in printed(content(objectives=judged), 80)


def test_a_reason_that_does_not_fit_its_line_is_told_in_full(content):
    why = "all weights are 0, so that there is nothing to be weighed in any of the windows that were looked at"
    judged = [judgement(Verdict.UNDEFINED, why=why), judgement(Verdict.NO_DATA)]
    text = printed(content(objectives=judged))
    assert f"recall ≥ 0.55: {why}." in " ".join(text.split())
    assert "no labels." not in text


def test_why_something_is_uncertain_is_told(content):
    judged = [judgement(Verdict.UNCERTAIN, of("x", at), why="too few rows for an interval") for at in range(5)]
    said = " ".join(printed(content(objectives=judged)).split())
    assert (
        "Uncertain is recall ≥ 0.55 for x=0, recall ≥ 0.55 for x=1, recall ≥ 0.55 for x=2 and 2 more: too few" in said
    )


def test_how_much_a_mix_could_explain_at_most_reads_as_no_share_of_the_change(content):
    rate, mix, frozen = (-0.01, -0.1, 0.08), (0.0, -0.02, 0.01), (0.69, 0.6, 0.8)
    split = MixRate("recall", "shop", window(0), window(1), 0.7, 0.69, *rate, *mix, *frozen, 1.0, 0, ())
    assert list(mix_rate_sentences(content(mix_rates=[split]))) == [
        "recall: how often each shop comes moved it by 0.0200 at most."
    ]


def test_of_many_splits_one_that_is_barely_certain_is_not_told():
    rate, frozen = (-0.01, -0.1, 0.08), (0.69, 0.6, 0.8)

    def split(by, mix):
        return MixRate("recall", by, window(0), window(1), 0.7, 0.69, *rate, *mix, *frozen, 1.0, 0, ())

    barely, surely = split("shop", (0.011, 0.001, 0.021)), split("kind", (0.03, 0.01, 0.05))
    others = [split(str(each), (0.0, -0.02, 0.02)) for each in range(9)]
    assert told_splits([barely]) == [barely]
    assert told_splits([barely, *others]) == []
    assert told_splits([barely, surely, *others]) == [surely]
