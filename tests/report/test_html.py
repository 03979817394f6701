"""The HTML report: one file, small, nothing in it runs or is loaded, and what comes from data is text."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape
from html.parser import HTMLParser

import pytest

from leadline.report.html import MOST_POINTS, html, notebook
from leadline.report.words import named, printable
from leadline.values import Status, Verdict
from report.conftest import PAYLOADS, estimate, judgement, of

VOID = {"meta"}


class Page(HTMLParser):
    """Collects elements, attributes and text; sees to it that elements close in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.comments: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        self.comments.append(data)


ELEMENTS = """html head meta title style body header section footer h1 h2 h3 p div table caption thead tbody tr th td
details summary span svg desc path circle text pre"""


@pytest.mark.parametrize("draw", [html, notebook])
def test_payloads_are_text(hostile, draw):
    page = Page(draw(hostile))
    assert page.open == []
    assert set(page.tags) <= set(ELEMENTS.split())
    assert page.comments == []
    names = {name for name, _ in page.attributes}
    assert not any(name.startswith("on") for name in names)
    assert not names & {"href", "src", "action", "formaction", "srcdoc", "background", "data", "xlink:href"}


def test_payloads_are_all_there(hostile):
    shown = "".join(Page(html(hostile)).texts)
    for payload in PAYLOADS:
        assert printable(payload) in shown, payload
        assert named(f"carrier={payload}") in shown, payload


def test_nothing_hidden_is_in_the_file(hostile):
    text = html(hostile)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]", text)
    text.encode("utf-8")


def test_policy_allows_our_style_only(content):
    text = html(content())
    policy = unescape(next(re.finditer(r'Policy" content="([^"]*)"', text))[1])
    style = next(re.finditer(r"<style>(.*?)</style>", text, re.DOTALL))[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert text.index("Content-Security-Policy") < text.index("<title>")
    assert "style=" not in text  # such attributes would need 'unsafe-inline'
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


def large(content, slices, days):
    judged = [judgement(Verdict.BREACHED, of("carrier", f"c{at}")) for at in range(slices)]
    estimates = [estimate(day=day) for day in range(days)]
    estimates += [estimate(where=each.slice, day=day) for each in judged for day in range(days)]
    return content(estimates, judged)


def test_size_and_points_are_bounded_and_what_is_left_out_is_said(content):
    text = html(large(content, slices=170, days=130))
    assert len(text.encode()) <= 1_000_000
    points = sum(path.count(",") for path in re.findall(r'd="(M[^"Z]*)"', text))
    assert points <= MOST_POINTS
    assert "are left out of this file" in text
    assert "left out of this file" not in html(large(content, slices=3, days=30))


def test_ten_thousand_slices_of_long_names_still_fit(content):
    long = [judgement(Verdict.HOLDS, of("carrier", "x" * 500 + str(at))) for at in range(10_000)]
    assert len(html(content(objectives=long)).encode()) <= 1_000_000


def test_charts_are_described_and_named(content):
    text = html(content())
    assert text.count("<svg") == text.count("<title>") - 1 == text.count("<desc>")
    assert 'role="img"' in text
    assert "5 windows from" in text


def test_provisional_windows_are_dashed_and_hollow(content):
    days = [estimate(day=day) for day in range(5)]
    young = [*days[:4], estimate(day=4, status=Status.PROVISIONAL)]
    assert 'stroke-dasharray="2 2"' not in html(content(days))
    text = html(content(young))
    assert 'stroke-dasharray="2 2"' in text
    assert re.search(r'<circle [^>]*fill="none"', text)
    assert "The last window (dashed, hollow) may still change" in text


def test_a_window_without_a_value_is_a_gap(content):
    none = estimate(day=2, value=None, low=None, high=None, status=Status.UNDEFINED, why="no rows")
    text = html(content([estimate(day=0), estimate(day=1), none, estimate(day=3), estimate(day=4)]))
    chart = text[text.index("<h3>recall") :]
    assert len(re.findall(r'<path d="M[^"]*" stroke-width="1.5"', chart)) == 2
    assert "nan" not in text.lower().replace("finance", "")
    assert "1 without a value" in text


def test_works_in_light_dark_and_print(content):
    text = html(content())
    assert "prefers-color-scheme:dark" in text
    assert "@media print" in text


def test_many_slices_are_cut_and_it_is_said(content):
    found = [estimate("precision", of("x", at), 0, 28, n=at) for at in range(150)]
    text = html(content([*found, estimate("precision", days=28)], ()))
    assert "All slices by x (the first 100 of 150)" in text


def test_a_file_that_is_full_drops_whole_charts_and_says_so(content):
    hours = [estimate(metric=f"m{at}", day=day) for at in range(30) for day in range(900)]
    text = html(content(hours, ()))
    assert len(text.encode()) <= 1_000_000
    assert text.count("<svg") < 30
    assert "left out of this file" in text
    assert "as a table, the last 400" in text


def test_windows_of_several_lengths_have_their_own_column(content):
    judged = [judgement(), judgement(window=judgement().window.parse("7d")), judgement(window_end=None)]
    text = html(content(objectives=judged))
    assert "7 days to 2024" in text
    assert "28 days to 2024" in text


def test_an_empty_result_has_a_page(content):
    assert "There are no predictions" in html(content((), (), labels=type(content().labels)(*[0] * 8)))


def test_notebook_has_text_and_one_chart(content):
    text = notebook(content())
    assert text.count("<svg") == 1
    assert "Is it working?" in text
    assert "<style" not in text  # it would change the whole notebook
    assert len(text) < 50_000
    assert "<svg" not in notebook(content(()))
