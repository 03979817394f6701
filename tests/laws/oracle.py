"""DESIGN §3 told row by row: slow, without an engine, and meant to be read beside it.

Nothing is imported from `leadline`: what is shared would be wrong in both.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]
Classify = Callable[[Row], int | None]


@dataclass(frozen=True)
class Kind:
    """A kind of outcome. `code` tells the class code of an outcome's row; `absent` is the code of what never came."""

    rows: Sequence[Row]
    code: Classify
    matures_after: timedelta = timedelta()
    absent: int | None = None


@dataclass(frozen=True)
class Question:
    """What is asked of a log.

    predictions  deliveries with id, timestamp, and where they have them received_at, entity, version, weight; the
                 columns of `content`, in this order, break the last ties between deliveries of one id
    predicted    the class code of a delivery; `missing` where it has none
    slices       name of an entry → (names of its parts, the parts' values of a row)
    until        end of the reference; None: all rows
    """

    predictions: Sequence[Row]
    label: Kind
    predicted: Classify
    as_of: datetime
    zone: str = "UTC"
    unit: str = "d"
    count: int = 1
    missing: int = 2
    content: tuple[str, ...] = ()
    slices: Mapping[str, Callable[[Row], tuple[Any, ...]]] = field(default_factory=dict)
    fixed: Mapping[str, Sequence[tuple[Any, ...]]] = field(default_factory=dict)
    feedback: Mapping[str, Kind] = field(default_factory=dict)
    until: datetime | None = None


def known_at(row: Row, otherwise: str) -> datetime | None:
    received: datetime | None = row.get("received_at")
    return received if received is not None else row.get(otherwise)


def grain(moment: datetime, q: Question) -> int:
    """The number of the grain of a moment: hours, days counted from Monday 1970-01-05, or months of the year 0."""
    if q.unit == "h":
        offset = datetime(2020, 1, 1, tzinfo=ZoneInfo(q.zone)).utcoffset()
        assert offset is not None
        return math.floor((moment.timestamp() + offset.total_seconds() % 3600) / 3600)
    local = moment.astimezone(ZoneInfo(q.zone))
    if q.unit == "mo":
        return local.year * 12 + local.month - 1
    return (local.date() - date(1970, 1, 5)).days // q.count


def lag(timestamp: datetime, known: datetime | None, q: Question) -> int:
    """Grains from the prediction to its label: 0 to 32, then 33 for (32, 64], 34 for (64, 128], ..."""
    unit = Question(**{**q.__dict__, "unit": "d"}) if q.unit == "h" else q
    late = 0 if known is None else max(0, grain(known, unit) - grain(timestamp, unit))
    if late <= 32:
        return late
    return next((33 + k for k in range(10) if late <= 64 * 2**k), 43)


def canonical(value: Any) -> tuple[Any, ...]:
    """Numbers and times in their order, text by its md5, nothing last."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return (True,)
    return (False, md5(value) if isinstance(value, str) else value)


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def group(entity: Any) -> int:
    """Hash group of an entity, 0 to 15."""
    return 0 if entity is None else int(md5(str(entity))[:8], 16) % 16


def deliveries(q: Question) -> list[Row]:
    """What was delivered by `as_of` of predictions that were made by then."""
    found = [row for row in q.predictions if row["id"] is not None and row["timestamp"] is not None]
    return [row for row in found if row["timestamp"] <= q.as_of and known_at(row, "timestamp") <= q.as_of]  # type: ignore[operator]


def first(rows: Iterable[Row], q: Question) -> dict[Any, Row]:
    """By id the delivery that counts."""
    found: dict[Any, Row] = {}

    def rank(row: Row) -> tuple[Any, ...]:
        return (known_at(row, "timestamp"), row["timestamp"], *(canonical(row.get(name)) for name in q.content))

    for row in rows:
        if row["id"] not in found or rank(row) < rank(found[row["id"]]):
            found[row["id"]] = row
    return found


def known_outcomes(kind: Kind, as_of: datetime) -> list[Row]:
    """Outcomes known by `as_of`; one that does not say when it came to be known always was."""
    rows = [row for row in kind.rows if row["id"] is not None]
    return [row for row in rows if (known_at(row, "observed_at") or as_of) <= as_of]


def latest(rows: Iterable[Row], kind: Kind) -> dict[Any, Row]:
    """By id the outcome that counts: the greatest (observed_at, known_at, value), where nothing is least."""

    def rank(row: Row) -> tuple[Any, ...]:
        values = (row.get("observed_at"), known_at(row, "observed_at"), kind.code(row))
        return tuple((value is not None, value if value is not None else 0) for value in values)

    found: dict[Any, Row] = {}
    for row in rows:
        if row["id"] not in found or rank(row) > rank(found[row["id"]]):
            found[row["id"]] = row
    return found


@dataclass(frozen=True)
class Fact:
    row: Row
    grain: int
    mature: bool
    lag: int
    predicted: int
    actual: int
    hits: Mapping[str, int | None]


def facts(q: Question) -> list[Fact]:
    """One for each prediction that counts."""
    labels = latest(known_outcomes(q.label, q.as_of), q.label)
    clicks = {name: latest(known_outcomes(kind, q.as_of), kind) for name, kind in q.feedback.items()}
    found = []
    for key, row in first(deliveries(q), q).items():
        mature = q.as_of - row["timestamp"] >= q.label.matures_after
        actual, known = outcome(q.label, labels.get(key), row, q.as_of)
        late = lag(row["timestamp"], known, q) if actual is not None else 0
        said = q.predicted(row)
        hits = {name: outcome(kind, clicks[name].get(key), row, q.as_of)[0] for name, kind in q.feedback.items()}
        found.append(
            Fact(
                row,
                grain(row["timestamp"], q),
                mature,
                late,
                q.missing if said is None else said,
                q.missing if actual is None else actual,
                hits,
            )
        )
    return found


def outcome(kind: Kind, came: Row | None, row: Row, as_of: datetime) -> tuple[int | None, datetime | None]:
    """The code of what is known, and when it was; what never came is assumed when it is due."""
    if came is not None:
        return kind.code(came), known_at(came, "observed_at")
    due = row["timestamp"] + kind.matures_after
    return (kind.absent, due) if kind.absent is not None and due <= as_of else (None, None)


def values(q: Question) -> dict[str, list[tuple[Any, ...]]]:
    """By entry the values that the reference fixes: the 100 most frequent, ties by the md5 of their text."""
    rows = list(first(deliveries(q), q).values())
    rows = [row for row in rows if q.until is None or row["timestamp"] < q.until]
    found: dict[str, list[tuple[Any, ...]]] = {}
    for name, parts in q.slices.items():
        counts = Counter(parts(row) for row in rows)
        counts = Counter({value: n for value, n in counts.items() if any(part is not None for part in value)})
        order = sorted(counts, key=lambda value: (-counts[value], *(_text(part) for part in value)))
        found[name] = list(q.fixed.get(name, order[:100]))
    return found


def _text(value: Any) -> tuple[bool, str]:
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return (value is None, md5(shown))


OTHER = "(other)"
Cell = tuple[Any, ...]  # entry, slice, version, grain, mature, lag, group, predicted, actual


def cells(q: Question) -> Counter[Cell]:
    """Rows by (entry, values, version, grain, mature, lag, group, predicted, actual); entry is None for all rows.

    A label that counted for a while stands there twice: from when it was known on, and taken back.
    """
    fixed = values(q)
    found: Counter[Cell] = Counter()
    for fact in facts(q):
        for late, actual, sign in [(fact.lag, fact.actual, 1), *superseded(fact.row, q)]:
            key = (fact.grain, fact.mature, late, group(fact.row.get("entity")), fact.predicted, actual)
            found[None, (), fact.row.get("version"), *key] += sign
            for name, parts in q.slices.items():
                value = parts(fact.row)
                if any(part is not None for part in value) and value not in fixed[name]:
                    value = (OTHER,) * len(value)
                found[name, value, fact.row.get("version"), *key] += sign
    return Counter({key: n for key, n in found.items() if n})


def superseded(row: Row, q: Question) -> list[tuple[int, int, int]]:
    """(lag, code, 1) and (lag, code, -1) for each label that counted from one time on until another."""
    rows = [each for each in known_outcomes(q.label, q.as_of) if each["id"] == row["id"]]
    always = datetime.min.replace(tzinfo=UTC)
    moments = sorted({known_at(each, "observed_at") or always for each in rows})
    counted: list[tuple[datetime, Row]] = []
    for at in moments:
        winner = latest([r for r in rows if (known_at(r, "observed_at") or always) <= at], q.label)[row["id"]]
        if not counted or winner is not counted[-1][1]:  # what came late with an older time changes nothing
            counted.append((at, winner))
    found = []
    for (at, each), (until, _) in pairwise(counted):
        code = q.label.code(each)
        if code is not None:
            since = None if at == always else at
            found += [(lag(row["timestamp"], since, q), code, 1), (lag(row["timestamp"], until, q), code, -1)]
    return found


def labels(q: Question) -> dict[str, int]:
    """The counts of `Labels`."""
    every = facts(q)
    by_id: defaultdict[Any, Counter[Any]] = defaultdict(Counter)
    for row in deliveries(q):
        by_id[row["id"]][row["timestamp"], tuple(canonical(row.get(name)) for name in q.content)] += 1
    repeated = sum(n - 1 for variants in by_id.values() for n in variants.values())
    orphaned = withdrawn = 0
    for kind in (q.label, *q.feedback.values()):
        rows = known_outcomes(kind, q.as_of)
        said = Counter((r["id"], r.get("observed_at"), known_at(r, "observed_at"), kind.code(r)) for r in rows)
        repeated += sum(n - 1 for n in said.values())
        last = latest(rows, kind)
        orphaned += len(last.keys() - by_id.keys())
        if kind is q.label:
            ever = {row["id"] for row in rows if kind.code(row) is not None}
            withdrawn = sum(kind.code(last[key]) is None for key in ever)
    return {
        "predictions": len(every),
        "mature": sum(fact.mature for fact in every),
        "labelled": sum(fact.actual < q.missing for fact in every),
        "missing": sum(fact.mature and fact.actual == q.missing for fact in every),
        "repeated": repeated,
        "conflicting": sum(len(variants) - 1 for variants in by_id.values()),
        "orphaned": orphaned,
        "withdrawn": withdrawn,
    }


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def look_cells(q: Question, look: Callable[[datetime], int], close: Callable[[int], datetime]) -> Counter[Cell]:
    """Rows by (look, group, predicted, actual), as each look knew them when it closed.

    look    number of the look that a moment is in
    close   when a look ends; only those that have closed by `as_of` count
    """
    found: Counter[Cell] = Counter()
    for row in first(deliveries(q), q).values():
        number = look(row["timestamp"] + q.label.matures_after)
        end = close(number)
        known = known_at(row, "timestamp")
        if end > q.as_of or known is None or known >= end:
            continue
        just_before = end - timedelta(microseconds=1)
        came = latest(known_outcomes(q.label, just_before), q.label).get(row["id"])
        actual = outcome(q.label, came, row, end)[0]
        said = q.predicted(row)
        predicted, label = (q.missing if each is None else each for each in (said, actual))
        found[number, group(row.get("entity")), predicted, label] += 1
    return found
