"""The traps of DESIGN §5: what engines do differently, each by name, against Python.

All expressions are run in one statement an engine, over one table whose columns are as long as the longest.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pytest

from homes import ENGINES, Home
from leadline.cells.bins import FIRST, MISSING, Grid, grid
from leadline.cells.columns import NOTHING, numeric_code
from leadline.cells.fill import _summed
from leadline.cells.plan import binned
from leadline.engine import Engine
from leadline.log import calendar
from leadline.log.calendar import Grain
from leadline.log.facts import LAG_EDGES, _bucket, _canonical, _late
from leadline.log.labels import as_text, truth
from leadline.log.reading import _has_offset, number
from leadline.metrics.sums import LINEAR_BINS, LOGIT_BINS, LOGIT_RANGE, SCORE_UNIT, Measure
from leadline.values import EngineError

ZONES = ("America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
GRAINS = [
    Grain(unit, count, zone) for zone in ZONES for unit, count in (("h", 1), ("d", 1), ("d", 3), ("d", 7), ("mo", 1))
]


@cache
def grids() -> dict[str, Grid]:
    """Fine cells of columns of several shapes: few values, one stretch, many stretches, far from 0, next to nothing."""
    rng = np.random.default_rng(6)
    shapes = {
        "few": np.array([0.0, 0.1, 0.5, 7.0]),
        "normal": rng.normal(size=2000),
        "heavy": 10.0 ** rng.uniform(-9, 9, 2000),
        "far": 1.7e9 + rng.normal(size=2000),
        "tiny": rng.normal(size=2000) * 1e-280,
        "huge": rng.normal(size=2000) * 1e290,
        "none": np.zeros(0),
    }
    return {name: grid(values) for name, values in shapes.items()}


def near_edges() -> list[float]:
    """All edges of these cells and the numbers next to them."""
    edges = np.unique(np.concatenate([each.edges()[1:-1] for each in grids().values()]))
    ends = [0.0, -0.0, 5e-324, -5e-324, 1.7e308, -1.7e308]
    return [*edges, *np.nextafter(edges, math.inf), *np.nextafter(edges, -math.inf), *ends]


@cache
def inputs() -> dict[str, pa.Array]:
    """What is tried, by name; every column holds None, too."""
    chance = random.Random(4)
    around = [datetime(2024, *day) for day in ((3, 10, 7), (11, 3, 6), (4, 6, 15), (10, 5, 15, 30), (2, 29), (12, 31))]
    times = [at + timedelta(minutes=15 * step) for at in around for step in range(-130, 130)]
    old = [datetime(1970, 1, 1) + timedelta(seconds=chance.randrange(-(10**7) * 5, 10**6)) for _ in range(300)]
    old += [datetime(1969, 12, 31, 23, 59, 59, 999_999), datetime(1970, 1, 5), datetime(1970, 1, 4, 23, 59, 59)]
    clocks = [at + timedelta(minutes=15 * step) for at in around for step in range(-40, 40)]
    linear = [step / LINEAR_BINS for step in range(LINEAR_BINS + 1)]
    logit = [1 / (1 + math.exp(-(2 * LOGIT_RANGE * step / LOGIT_BINS - LOGIT_RANGE))) for step in range(LOGIT_BINS + 1)]
    scores = [edge + off / SCORE_UNIT for edge in (*linear, *logit) for off in (-1, -0.5, 0, 0.5, 1)]
    scores = (
        [min(max(score, 0.0), 1.0) for score in scores] + [chance.random() for _ in range(500)] + [0.0, 1.0, 5e-324]
    )
    numbers = [math.nan, math.inf, -math.inf, 0.0, -0.0, 0.5, 1.0, -1.5, 1e300, -1e300, 5e-324]
    columns: dict[str, tuple[list[Any], pa.DataType]] = {
        "number": (numbers, pa.float64()),
        "integer": ([-(2**62), -21, -20, -1, 0, 19, 20, 2**53 + 1], pa.int64()),
        "score": (scores, pa.float64()),
        "edge": (near_edges(), pa.float64()),
        "naive": (times, pa.timestamp("us")),
        "old": (old, pa.timestamp("us")),
        "zoned": (times, pa.timestamp("us", "Asia/Tokyo")),
        "clock": (clocks, pa.timestamp("us")),
        "day": ([date(1969, 12, 31), date(1970, 1, 4), date(1970, 1, 5), date(2024, 2, 29)], pa.date32()),
        "text": (TEXTS, pa.string()),
        "figure": ([text for text, _ in FIGURES], pa.string()),
        "written": ([text for text, _ in WRITTEN], pa.string()),
        "decimal": ([Decimal("1.50"), Decimal("-2.25"), Decimal("3.00")], pa.decimal128(9, 2)),
        "truth": ([True, False], pa.bool_()),
        "class": (["Yes", "yes", "it's", 'O"H', "\\n", "ünï", "select", ""], pa.string()),
    }
    longest = max(len(values) for values, _ in columns.values()) + 1
    return {
        name: pa.array([*values, *[None] * (longest - len(values))], kind) for name, (values, kind) in columns.items()
    }


TEXTS = ["", "a", "A", "0", "user 17", "ü", "日本語", "🙂", "it's", 'O"H', "\\", "a\nb"]
# first 8 hex digits of md5 of the UTF-8 text, made with GNU md5sum
GOLDEN = {"": "d41d8cd9", "a": "0cc175b9", "0": "cfcd2084", "ü": "c03410a5", "日本語": "00110af8"}
FIGURES = [
    ("1.5", 1.5), (" 2 ", 2.0), ("-7", -7.0), ("+3.25", 3.25), ("1e3", 1000.0), (".5", 0.5), ("4.", 4.0), ("abc", None),
    ("", None), ("nan", None), ("inf", None), ("1,5", None), ("12 apples", None), ("-", None), ("true", None),
]  # fmt: skip
WRITTEN = [
    ("2024-03-10T01:30:00", (datetime(2024, 3, 10, 1, 30), False)),
    ("2024-03-10 01:30:00.250000", (datetime(2024, 3, 10, 1, 30, 0, 250_000), False)),
    ("2024-03-10T01:30:00Z", (datetime(2024, 3, 10, 1, 30), True)),
    ("2024-03-10T01:30:00+02:00", (datetime(2024, 3, 9, 23, 30), True)),
    ("2024-03-10 01:30:00-05:30", (datetime(2024, 3, 10, 7, 0), True)),
    ("1969-12-31T23:59:59.999999+00:00", (datetime(1969, 12, 31, 23, 59, 59, 999_999), True)),
    ("2024-02-29", (datetime(2024, 2, 29), False)),
    ("2023-02-29", None),
    ("2024-13-01", None),
    ("2024-04-31T00:00:00", None),
    ("2024-03-10T25:00:00", None),
    ("soon", None),
    ("", None),
]


def expressions(engine: Engine, t: ir.Table) -> dict[str, ir.Value]:
    """What is asked, by name."""
    far = (datetime(2024, 1, 1), datetime(2025, 1, 10) + timedelta(days=max(LATE) + 1))
    span, before = (datetime(2024, 1, 1), datetime(2025, 1, 10)), (datetime(1968, 5, 1), datetime(1970, 2, 1))
    found: dict[str, ir.Value] = {name: t[name] for name in ("number", "integer", "score", "naive", "text")}
    finite = number(t.number, "number")
    found |= {
        "finite": finite,
        "above": finite >= 0.5,
        "missing": finite.isnull(),
        "greatest": ibis.greatest(finite, 0.25),
        "of_integer": number(t.integer, "integer"),
        "of_decimal": number(t.decimal, "decimal"),
        "of_truth": number(t.truth, "truth"),
        "of_text": number(t.figure, "figure"),
        "floored": (t.integer / 20).floor().cast("int64"),
        "instant": engine.without_zone(t.zoned),
        "midnight": t.day.cast("timestamp(6)"),
        "parsed": engine.parsed_time(t.written),
        "offset": _has_offset(t.written),
        "md5": engine.md5(t.text),
        "digit": ibis.literal("0123456789abcdef").find(engine.md5(t.text).substr(7, 1)).cast("int64"),
        "positive": truth(t["class"], "it's", "class"),
        "backslash": truth(t["class"], "\\n", "class"),
        "class_text": as_text(t.truth),
        "decimal_text": as_text(t.decimal),
    }
    found |= {f"grain_{place}": grain.number(t.naive, *span) for place, grain in enumerate(GRAINS)}
    found |= {f"old_{place}": grain.number(t.old, *before) for place, grain in enumerate(GRAINS)}
    found |= {f"local_{place}": calendar.local_time(t.naive, zone, *span) for place, zone in enumerate(ZONES)}
    found |= {f"utc_{place}": calendar.utc_time(t.clock, zone, *span) for place, zone in enumerate(ZONES)}
    found |= {
        f"lag_{late}": _bucket(_late(t.naive, t.naive + ibis.interval(days=late), far, GRAINS[5])) for late in LATE
    }
    found |= {f"code_{name}": numeric_code(t.edge, of) for name, of in grids().items()}
    summed = Measure("score", lambda rows: rows.score, 1.0)
    found["sum"] = _summed(t.score, summed).over(ibis.window())
    log: Any = SimpleNamespace(engine=engine)
    for name in ("number", "text", "truth", "decimal", "naive"):
        order = [*_canonical(log, [t[name]]), t.place]
        found[f"order_{name}"] = ibis.row_number().over(ibis.window(order_by=order))
    return found


LATE = (-3, 0, 1, 32, 33, 64, 65, 129)
_answers: dict[str, dict[str, list[Any]]] = {}


@pytest.fixture
def answers(engine: str, home: Home) -> Mapping[str, list[Any]]:
    """The engine's answers by name, in the order of the inputs."""
    if engine not in _answers:
        table = pa.table({"place": pa.array(range(len(inputs()["edge"])), pa.int64()), **inputs()})
        with home.open() as opened:
            t = opened.lookup(table)
            scored = binned(t, {"score": "score"}, (0.5,), None)
            bins = {name: scored[name] for name in ("linear_score", "logit_score", "step_score")}
            found = opened.run(scored.select(place=scored.place, **bins, **expressions(opened, scored)))
        _answers[engine] = found.sort_by("place").to_pydict()
    return _answers[engine]


def given(name: str) -> list[Any]:
    return inputs()[name].to_pylist()


def each(function: Callable[[Any], Any], name: str) -> list[Any]:
    return [None if value is None else function(value) for value in given(name)]


pytestmark = pytest.mark.parametrize("engine", ENGINES)
Answers = Mapping[str, list[Any]]


def test_nan_and_infinity_are_missing_before_any_comparison(answers: Answers) -> None:
    finite = [value if value is not None and math.isfinite(value) else None for value in given("number")]
    assert answers["finite"] == finite
    assert answers["above"] == [None if value is None else value >= 0.5 for value in finite]
    assert answers["missing"] == [value is None for value in finite]


def test_numbers_of_all_types(answers: Answers) -> None:
    assert answers["of_integer"] == each(float, "integer")
    assert answers["of_decimal"] == each(float, "decimal")
    assert answers["of_truth"] == each(float, "truth")


def test_text_that_is_no_number_is_missing(answers: Answers) -> None:
    figures = dict(FIGURES)
    assert answers["of_text"] == each(lambda text: figures[text], "figure")


def test_negative_integers_are_divided_downwards(answers: Answers) -> None:
    assert answers["floored"] == each(lambda value: math.floor(value / 20), "integer")


def test_a_zoned_time_keeps_its_instant(answers: Answers) -> None:
    assert answers["instant"] == each(lambda at: at.astimezone(UTC).replace(tzinfo=None), "zoned")
    assert answers["naive"] == given("naive")


def test_a_date_is_its_midnight(answers: Answers) -> None:
    assert answers["midnight"] == each(lambda day: datetime(day.year, day.month, day.day), "day")


def test_a_time_in_text_keeps_its_offset(answers: Answers) -> None:
    written = dict(WRITTEN)
    expected = [None if text is None or written[text] is None else written[text] for text in given("written")]
    assert answers["parsed"] == [None if known is None else known[0] for known in expected]
    offsets = [flag for flag, known in zip(answers["offset"], expected, strict=True) if known is not None]
    assert offsets == [known[1] for known in expected if known is not None]


def test_local_time_is_python_s_on_days_of_23_and_25_hours(answers: Answers) -> None:
    for place, zone in enumerate(ZONES):
        tz = ZoneInfo(zone)

        def local(at: datetime, tz: ZoneInfo = tz) -> datetime:
            return at.replace(tzinfo=UTC).astimezone(tz).replace(tzinfo=None)

        assert answers[f"local_{place}"] == each(local, "naive"), zone


def test_clock_times_are_read_as_python_reads_them(answers: Answers) -> None:
    """The earlier of two in a repeated hour; a skipped one with the offset before it."""
    for place, zone in enumerate(ZONES):
        tz = ZoneInfo(zone)

        def instant(at: datetime, tz: ZoneInfo = tz) -> datetime:
            return at.replace(tzinfo=tz).astimezone(UTC).replace(tzinfo=None)

        assert answers[f"utc_{place}"] == each(instant, "clock"), zone


@pytest.mark.parametrize("place", range(len(GRAINS)), ids=[f"{g.count}{g.unit} {g.zone}" for g in GRAINS])
def test_grains_are_python_s_before_1970_and_when_clocks_change(answers: Answers, place: int) -> None:
    def number(at: datetime) -> int:
        return GRAINS[place].number_of(at.replace(tzinfo=UTC))

    assert answers[f"grain_{place}"] == each(number, "naive")
    assert answers[f"old_{place}"] == each(number, "old")


def test_lags_are_days_to_32_then_doubling(answers: Answers) -> None:
    zone = ZoneInfo(GRAINS[5].zone)

    def day(at: datetime) -> int:
        return at.replace(tzinfo=UTC).astimezone(zone).date().toordinal()

    for late in LATE:

        def code(at: datetime, late: int = late) -> int:
            days = day(at + timedelta(days=late)) - day(at)
            return next((place for place, edge in enumerate(LAG_EDGES) if days <= edge), len(LAG_EDGES))

        expected = [0 if at is None else code(at) for at in given("naive")]
        assert answers[f"lag_{late}"] == expected, late


def test_md5_is_that_of_the_utf_8_text(answers: Answers) -> None:
    assert answers["md5"] == each(lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(), "text")
    found = dict(zip(given("text"), answers["md5"], strict=True))
    assert {text: found[text][:8] for text in GOLDEN} == GOLDEN
    digits = each(lambda text: int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16) % 16, "text")
    assert [digit for digit in answers["digit"] if digit is not None] == [
        digit for digit in digits if digit is not None
    ]


def test_scores_fall_into_the_same_bins(answers: Answers) -> None:
    """All edges of the grid and their neighbours."""
    scores = np.array([score for score in given("score") if score is not None])
    units = np.floor(scores * SCORE_UNIT + 0.5)
    linear = np.minimum(np.floor(units / (SCORE_UNIT // LINEAR_BINS)), LINEAR_BINS - 1)
    with np.errstate(divide="ignore"):
        inner = (np.log(units / (SCORE_UNIT - units)) + LOGIT_RANGE) * LOGIT_BINS / (2 * LOGIT_RANGE)
    logit = np.clip(np.floor(inner), 0, LOGIT_BINS - 1)
    assert answers["linear_score"][: len(scores)] == linear.tolist()
    assert answers["logit_score"][: len(scores)] == logit.tolist()
    assert answers["step_score"][: len(scores)] == (scores >= 0.5).tolist()


@pytest.mark.parametrize("name", list(grids()))
def test_numbers_fall_into_the_same_fine_cells(answers: Answers, name: str) -> None:
    """All edges and their neighbours, as comparisons with the edges tell them."""
    values = np.array([value for value in given("edge") if value is not None])
    stretches = grids()[name].stretches
    wide = next((each.width for each in reversed(stretches) if each.low <= 0), stretches[0].width)
    plain = np.where((np.abs(values) < wide * NOTHING) & (wide > 1), 0.0, values)
    cell = np.searchsorted(grids()[name].edges(), plain, side="right") - 1
    assert answers[f"code_{name}"][: len(values)] == (FIRST + cell).tolist()
    assert set(answers[f"code_{name}"][len(values) :]) == {MISSING}


def test_sums_of_bounded_doubles_are_integers_bit_for_bit(answers: Answers) -> None:
    expected = sum(math.floor(score * SCORE_UNIT + 0.5) for score in given("score") if score is not None)
    assert set(answers["sum"]) == {expected}


def test_the_order_of_content_is_the_same(answers: Answers) -> None:
    """NaN and nothing come last, text in the order of its md5, equal values in the order of delivery."""

    def rank(value: Any) -> Any:
        if isinstance(value, str):
            return hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()
        return value

    for name in ("number", "text", "truth", "decimal", "naive"):
        values = given(name)

        def key(place: int, values: list[Any] = values) -> Any:
            value = values[place]
            nan = isinstance(value, float) and math.isnan(value)
            return (value is None, nan, 0 if value is None or nan else rank(value), place)

        order = sorted(range(len(values)), key=key)
        found = sorted(range(len(values)), key=answers[f"order_{name}"].__getitem__)
        assert found == order, name


def test_classes_are_compared_as_written(answers: Answers) -> None:
    assert answers["positive"] == each(lambda text: int(text == "it's"), "class")
    assert answers["backslash"] == each(lambda text: int(text == "\\n"), "class")
    assert answers["class_text"] == each(lambda value: str(value).lower(), "truth")
    assert answers["decimal_text"] == ["1.50", "-2.25", "3"] + [None] * (len(given("decimal")) - 3)


def test_a_sum_that_overflows_is_an_error(home: Home) -> None:
    with home.open() as opened:
        t = opened.lookup(pa.table({"big": pa.array([2**62, 2**62], pa.int64())}))
        with pytest.raises(EngineError):
            opened.run(t.aggregate(total=t.big.sum()))
