"""The report as text: never wider than the line, no colours without a terminal, nothing that steers one."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from leadline.report.text import Report, Trouble
from leadline.values import Status, Verdict
from report.conftest import estimate, judgement, of


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
    judged = [judgement(), judgement(window=judgement().window.parse("7d"))]
    text = printed(content(objectives=judged), 120)
    assert "28d to 2024" in text
    assert "7d to 2024" in text


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
