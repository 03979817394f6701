"""Logs for the laws: deliveries as rows, as tables, as a declaration, and as a question to the oracle."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from laws import oracle
from leadline.evaluation.estimates import Evaluation
from leadline.log.reference import MISSING, OTHER
from leadline.spec.load import from_mapping
from leadline.spec.model import Spec
from leadline.values import Span

AS_OF = datetime(2024, 4, 20, 3, 30, tzinfo=UTC)
TIME = pa.timestamp("us", "UTC")
PREDICTIONS = pa.schema(
    {
        "id": pa.string(),
        "timestamp": TIME,
        "received_at": TIME,
        "score": pa.float64(),
        "prediction": pa.bool_(),
        "version": pa.string(),
        "entity": pa.string(),
        "carrier": pa.string(),
        "distance": pa.int64(),
        "example": pa.int64(),
    }
)
OUTCOMES = pa.schema({"id": pa.string(), "value": pa.bool_(), "observed_at": TIME, "received_at": TIME})
#: what deliveries of one id are compared by: what is used of them, so a bin instead of its number
CONTENT = ("prediction", "version", "entity", "score", "carrier", "example", "far", "step")


@dataclass(frozen=True)
class Settings:
    """What a declaration says beside columns."""

    zone: str = "America/New_York"
    window: str = "1d"
    matures_after: timedelta = timedelta(days=2)
    absent: bool | None = None


@dataclass(frozen=True)
class Example:
    predictions: tuple[Mapping[str, Any], ...]
    labels: tuple[Mapping[str, Any], ...]
    clicks: tuple[Mapping[str, Any], ...] = ()
    settings: Settings = field(default_factory=Settings)


# Strategies ---------------------------------------------------------------------------------------------------------

# the last hours of winter time and the first of summer time in New York, a month's end, midnights there and in UTC
_NEAR = [
    oracle.utc(text)
    for text in ("2024-03-10T06:59:59", "2024-03-10T07:00:00", "2024-03-01T05:00:00", "2024-04-01T00:00:00")
]
_MINUTES = st.integers(-3 * 1440, 50 * 1440).map(lambda minutes: timedelta(minutes=minutes))
_EXACT = st.sampled_from([timedelta(), timedelta(microseconds=1), timedelta(hours=1), timedelta(days=2)])
_TIMES = st.builds(lambda start, after: start + after, st.sampled_from([*_NEAR, AS_OF]), _EXACT | _MINUTES)
_DELAYS = st.sampled_from([0, 1, 30, 24 * 60, 3 * 24 * 60, 33 * 24 * 60]).map(lambda m: timedelta(minutes=m))
_IDS = st.sampled_from(["a", "b", "c", "d", "ü", None])


@st.composite
def _prediction(draw: st.DrawFn) -> dict[str, Any]:
    timestamp = draw(st.none() | _TIMES) if draw(st.integers(0, 9)) == 9 else draw(_TIMES)
    delay = draw(st.none() | _DELAYS)
    return {
        "id": draw(_IDS),
        "timestamp": timestamp,
        "received_at": None if delay is None or timestamp is None else timestamp + delay,
        "score": draw(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, None, math.nan, math.inf])),
        "prediction": draw(st.sampled_from([None, None, True, False])),
        "version": draw(st.sampled_from(["m1", "m2"])),
        "entity": draw(st.sampled_from(["u1", "u2", "Zoë", None])),
        "carrier": draw(st.sampled_from(["B6", "AA", 'O"H', "select", "", None])),
        "distance": draw(st.sampled_from([-1, 0, 9, 10, -10, None])),
    }


@st.composite
def _outcome(draw: st.DrawFn) -> dict[str, Any]:
    observed = draw(st.none() | _TIMES)
    delay = draw(st.none() | _DELAYS)
    return {
        "id": draw(_IDS),
        "value": draw(st.sampled_from([True, False, True, False, None])),
        "observed_at": observed,
        "received_at": None if delay is None or observed is None else observed + delay,
    }


def _with_repeats(rows: list[dict[str, Any]], again: list[int]) -> tuple[dict[str, Any], ...]:
    return (*rows, *(rows[place % len(rows)] for place in again if rows))


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """A small log: a few ids that come once, several times, the same and differing; labels early, late, withdrawn."""

    def rows(each: st.SearchStrategy[dict[str, Any]], most: int) -> tuple[dict[str, Any], ...]:
        again = draw(st.lists(st.integers(0, 20), max_size=2))
        return _with_repeats(draw(st.lists(each, max_size=most)), again)

    return Example(rows(_prediction(), 6), rows(_outcome(), 6), rows(_outcome(), 3))


@st.composite
def own_examples(draw: st.DrawFn) -> Example:
    """Labels that stand in the predictions' rows: a row that comes again may bring one, or another."""
    one = st.builds(
        lambda row, label, at: {**row, "label": label, "label_at": at},
        _prediction().filter(lambda row: row["timestamp"] is not None),
        st.sampled_from([True, False, None]),
        st.none() | _TIMES,
    )
    rows = draw(st.lists(one, max_size=6))
    told = [row for row in rows if draw(st.booleans())]
    brought = [
        {**row, "label": True, "label_at": AS_OF - timedelta(days=2), "received_at": row["timestamp"] + draw(_DELAYS)}
        for row in told
    ]
    return Example((*rows, *brought), ())


def labels_of_rows(example: Example, as_of: datetime) -> Example:
    """The same with labels apart: each is known when its row has come, and not before it was observed."""
    labels = []
    for row in example.predictions:
        arrived = row["received_at"] or row["timestamp"]
        if row["label"] is not None and row["timestamp"] <= as_of and arrived <= as_of:
            known = [at for at in (row["received_at"], row["label_at"]) if at is not None]
            label = {"id": row["id"], "value": row["label"], "observed_at": row["label_at"]}
            labels.append({**label, "received_at": max(known) if row["received_at"] is not None else None})
    return replace(example, labels=tuple(labels))


def labels_in_time(example: Example) -> Example:
    """Predictions that came at once, and labels that came within 32 days: what the ledger tells exactly."""
    made: dict[Any, list[datetime]] = {}
    for row in example.predictions:
        if row["timestamp"] is not None:
            made.setdefault(row["id"], []).append(row["timestamp"])

    def in_time(row: Mapping[str, Any]) -> bool:
        known = oracle.known_at(row, "observed_at")
        return known is None or all(known - at < timedelta(days=31) for at in made.get(row["id"], []))

    predictions = tuple({**row, "received_at": None} for row in example.predictions)
    return replace(example, predictions=predictions, labels=tuple(row for row in example.labels if in_time(row)))


SETTINGS = st.builds(
    Settings,
    zone=st.sampled_from(["America/New_York", "UTC", "Asia/Kolkata", "Australia/Lord_Howe"]),
    window=st.sampled_from(["1h", "1d", "3d", "1w", "1mo"]),
    matures_after=st.sampled_from([timedelta(), timedelta(hours=36), timedelta(days=40)]),
    absent=st.sampled_from([None, False, True]),
)


def batched(found: Sequence[Example], chosen: Settings | None = None) -> Example:
    """All examples in one log, told apart by their ids and by the column `example`."""

    def told(rows: Sequence[Mapping[str, Any]], number: int) -> list[dict[str, Any]]:
        return [
            {**row, "id": None if row["id"] is None else f"{number}-{row['id']}", "example": number} for row in rows
        ]

    parts = [[row for n, each in enumerate(found) for row in told(getattr(each, name), n)] for name in _PARTS]
    return Example(*(tuple(part) for part in parts), chosen or Settings())


def known_by(example: Example, as_of: datetime) -> Example:
    """Only the rows that had come by then."""
    return replace(
        example,
        predictions=tuple(r for r in example.predictions if (oracle.known_at(r, "timestamp") or as_of) <= as_of),
        labels=tuple(r for r in example.labels if (oracle.known_at(r, "observed_at") or as_of) <= as_of),
        clicks=tuple(r for r in example.clicks if (oracle.known_at(r, "observed_at") or as_of) <= as_of),
    )


_PARTS = ("predictions", "labels", "clicks")


# As tables, as a declaration, as a question -------------------------------------------------------------------------


def tables(example: Example) -> dict[str, pa.Table]:
    filled = [{**dict.fromkeys(PREDICTIONS.names), **row} for row in example.predictions]
    outcomes = [
        [{name: row[name] for name in OUTCOMES.names} for row in rows] for rows in (example.labels, example.clicks)
    ]
    return {
        "predictions": pa.Table.from_pylist(filled, PREDICTIONS),
        "labels": pa.Table.from_pylist(outcomes[0], OUTCOMES),
        "clicks": pa.Table.from_pylist(outcomes[1], OUTCOMES),
    }


COLUMNS = {"id": "id", "value": "value", "observed_at": "observed_at", "received_at": "received_at"}


def declaration(sources: Mapping[str, Any], settings: Settings, **more: Any) -> Spec:
    days = settings.matures_after / timedelta(hours=1)
    return from_mapping(
        {
            "version": 1,
            "model": "law",
            "task": "binary",
            "predictions": {
                "source": sources["predictions"],
                "columns": {
                    name: name
                    for name in ("id", "timestamp", "received_at", "score", "prediction", "version", "entity")
                },
            },
            "outcomes": {
                "source": sources["labels"],
                "columns": COLUMNS,
                "matures_after": f"{days:g}h",
                "absent": "unknown" if settings.absent is None else settings.absent,
            },
            "feedback": [{"name": "clicked", "source": sources["clicks"], "columns": COLUMNS, "absent": False}],
            "timezone": settings.zone,
            "reference": {"until": "2030-01-01"},
            "window": settings.window,
            "slices": [
                "carrier",
                "example",
                {"name": "far", "where": "distance > 5"},
                {"name": "step", "bin": {"column": "distance", "width": 10}},
                {"cross": ["carrier", "example"]},
            ],
            "metrics": ["accuracy"],
            **more,
        }
    )


def own_declaration(source: Any, settings: Settings) -> Spec:
    """Labels in the predictions' rows."""
    columns = {"value": "label", "observed_at": "label_at"}
    outcomes = {"columns": columns, "matures_after": f"{settings.matures_after / timedelta(hours=1):g}h"}
    return declaration(dict.fromkeys(_PARTS, source), settings, outcomes=outcomes, feedback=[])


def own_table(example: Example) -> pa.Table:
    schema = PREDICTIONS.append(pa.field("label", pa.bool_())).append(pa.field("label_at", TIME))
    return pa.Table.from_pylist([{**dict.fromkeys(schema.names), **row} for row in example.predictions], schema)


def question(example: Example, as_of: datetime) -> oracle.Question:
    settings = example.settings
    span = Span.parse(settings.window)
    unit, count = ("d", span.days) if span.days is not None else (span.unit, 1)

    def predicted(row: Mapping[str, Any]) -> int | None:
        score = row["score"]
        if row["prediction"] is not None:
            return int(row["prediction"])
        return None if score is None or not math.isfinite(score) else int(score >= 0.5)

    def code(row: Mapping[str, Any]) -> int | None:
        return None if row["value"] is None else int(row["value"])

    def used(row: Mapping[str, Any]) -> Mapping[str, Any]:
        distance = row["distance"]
        far, step = distance is not None and distance > 5, None if distance is None else math.floor(distance / 10)
        return {**row, "score": _finite(row["score"]), "far": far, "step": step}

    return oracle.Question(
        predictions=[used(row) for row in example.predictions],
        label=oracle.Kind(example.labels, code, settings.matures_after, _code(settings.absent)),
        predicted=predicted,
        as_of=as_of,
        zone=settings.zone,
        unit=unit,
        count=count or 1,
        content=CONTENT,
        slices={
            "carrier": lambda row: (row["carrier"],),
            "example": lambda row: (row.get("example"),),
            "far": lambda row: (row["far"],),
            "step": lambda row: (row["step"],),
            "carrier:example": lambda row: (row["carrier"], row.get("example")),
        },
        fixed={"far": [(True,), (False,)]},
        feedback={"clicked": oracle.Kind(example.clicks, code, settings.matures_after, 0)},
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _code(absent: bool | None) -> int | None:
    return None if absent is None else int(absent)


# Cells under the oracle's keys --------------------------------------------------------------------------------------

_ORDER = ("grain", "mature", "lag", "group", "predicted", "actual")


def counted(found: Evaluation) -> Counter[oracle.Cell]:
    """The rows of an evaluation's cells by (entry, values, version, *keys); keys that a piece has not are None."""
    counts: Counter[oracle.Cell] = Counter()
    series = found.series
    for name, piece in series.pieces.items():
        if name[0] not in ("total", "slice"):
            continue
        partition = found.reference.partitions[int(name[1])] if name[0] == "slice" else None
        for at in range(len(piece)):
            key = {each: int(values[at]) for each, values in piece.keys.items()}
            key["grain"] += series.first
            value: tuple[Any, ...] = ()
            if partition is not None:
                value = tuple(part for _, part in partition.slice(key["slice"]).parts)
                assert (key["slice"] == MISSING) == all(part is None for part in value)
                assert (key["slice"] == OTHER) == (value == (oracle.OTHER,) * len(value))
            version = found.reference.versions[key["version"]] if "version" in key else None
            entry = None if partition is None else partition.name
            counts[entry, value, version, *(key.get(each) for each in _ORDER)] += int(piece.rows[at])
    return Counter({key: n for key, n in counts.items() if n})


def projected(counts: Counter[oracle.Cell], like: Counter[oracle.Cell]) -> Counter[oracle.Cell]:
    """The oracle's cells without the keys that the cells of an entry have not in `like`."""
    without: dict[Any, list[bool]] = {}
    for key in like:
        without[key[0]] = [part is None for part in key[2:]]
    found: Counter[oracle.Cell] = Counter()
    for key, n in counts.items():
        absent = without.get(key[0], [False] * len(key[2:]))
        found[key[0], key[1], *(None if gone else part for gone, part in zip(absent, key[2:], strict=True))] += n
    return Counter({key: n for key, n in found.items() if n})
