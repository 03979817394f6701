"""The small values that a declaration is made of, each read from what people write and checked once."""

from __future__ import annotations

import math
import os
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    Tag,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticOmit

from leadline.metrics import MetricCall
from leadline.spec.where import Condition
from leadline.spec.words import instead, shown
from leadline.values import Scalar, Span, duration


class Frozen(BaseModel):
    """What all parts of a declaration share: they do not change, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, validate_default=False)


# Numbers and text ---------------------------------------------------------------------------------------------------


def not_boolean(value: object) -> object:
    """Pass on what is not true or false, for a number was meant."""
    if isinstance(value, bool):  # Python takes true for 1
        raise ValueError(f"a number is needed, found {shown(value)}")
    return value


def _class_name(value: object) -> object:
    """Labels are compared as text, as SQL casts them: YAML's `true` and `1` are the classes 'true' and '1'."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _scalar(value: object) -> Scalar:
    if not isinstance(value, str | int | float | bool) and hasattr(value, "item") and hasattr(value, "dtype"):
        value = value.item()  # a numpy scalar
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a value that is a number is finite")
    if not isinstance(value, str | int | float | bool):
        raise ValueError(f"one value is needed (text, a number, true or false), found {shown(value)}")
    return value


def _unsigned_zero(value: float) -> float:
    """The number; 0 for -0."""
    return value + 0.0


Number = Annotated[float, BeforeValidator(not_boolean), AfterValidator(_unsigned_zero), Field(allow_inf_nan=False)]
ColumnName = Annotated[str, Field(min_length=1)]
ClassName = Annotated[str, BeforeValidator(_class_name)]
Value = Annotated[
    Scalar,
    PlainValidator(_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]


# Time ---------------------------------------------------------------------------------------------------------------

#: a hundred years; calendars end soon after
LONGEST_DAYS: Final = 36_525


def _span(value: object) -> Span:
    if isinstance(value, Span):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"a window has a unit: for {value} days write {value}d (also 1h, 1w, 1mo)")
    if not isinstance(value, str):
        raise ValueError(f"a window is written 1h, Nd such as 28d, 1w or 1mo; found {shown(value)}")
    span = Span.parse(value)
    if span.count > LONGEST_DAYS:
        raise ValueError(f"{value!r} is too long: {LONGEST_DAYS}d at most")
    return span


def _wait(value: object) -> timedelta:
    if isinstance(value, str):
        try:
            value = duration(value)
        except OverflowError:
            raise ValueError(f"{value!r} is too long") from None
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        return timedelta()
    if not isinstance(value, timedelta):
        raise ValueError(f"a length of time has a unit, such as 90s, 30m, 36h, 2d or 1w; found {shown(value)}")
    if value < timedelta():
        raise ValueError("a length of time is not negative")
    if value > timedelta(days=LONGEST_DAYS):
        raise ValueError(f"{_wait_text(value)} is too long: {LONGEST_DAYS}d at most")
    return value


def _wait_text(value: timedelta) -> str:
    """The form that `duration` reads back.

    >>> _wait_text(timedelta(days=2)), _wait_text(timedelta(hours=36)), _wait_text(timedelta(seconds=1.5))
    ('2d', '36h', '1.5s')
    """
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60)):
        if value % timedelta(seconds=seconds) == timedelta():
            return f"{value // timedelta(seconds=seconds)}{unit}"
    return f"{value.total_seconds():f}".rstrip("0").rstrip(".") + "s"


def _moment(value: object) -> date | datetime:
    if isinstance(value, date):  # datetime is a date too
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(f"a date or time is written 2013-05-01 or 2013-05-01T12:00:00+02:00; found {shown(value)}")


def _zone(value: object) -> str:
    if isinstance(value, zoneinfo.ZoneInfo) and value.key:
        return value.key
    if not isinstance(value, str):
        raise ValueError(f"a time zone is written like Europe/Berlin; found {shown(value)}")
    try:
        zoneinfo.ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # OSError: 'Europe' is a directory of zones
        raise ValueError(f"unknown time zone {value!r}{_near_zone(value)}") from None
    return value


def _near_zone(name: str) -> str:
    zones = sorted(zoneinfo.available_timezones())
    ends = [zone for zone in zones if zone.rpartition("/")[2].lower() == name.lower().replace(" ", "_")]
    if ends:
        return f"; did you mean {ends[0]!r}?"
    found = instead(name, zones)
    return found if "did you mean" in found else "; write an IANA name such as Europe/Berlin"


SpanField = Annotated[
    Span,
    PlainValidator(_span),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^\s*(1h|[1-9]\d*d|1w|1mo)\s*$", "examples": ["1d", "28d", "1w"]}),
]
Wait = Annotated[
    timedelta,
    PlainValidator(_wait),
    PlainSerializer(_wait_text),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*[smhdw]\s*$", "examples": ["36h", "2d"]}),
]
Moment = Annotated[
    date | datetime,
    PlainValidator(_moment),
    PlainSerializer(lambda value: value.isoformat()),
    WithJsonSchema({"type": "string", "examples": ["2013-05-01", "2013-05-01T12:00:00Z"]}),
]
ZoneName = Annotated[str, PlainValidator(_zone), WithJsonSchema({"type": "string", "examples": ["Europe/Berlin"]})]


WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class ClosedDays:
    """Days on which nothing is expected: a day of every week, or the dates from `first` to `last`."""

    weekday: int | None = None
    first: date | None = None
    last: date | None = None

    def holds(self, day: date) -> bool:
        """Whether a day is one of them.

        >>> ClosedDays(weekday=5).holds(date(2024, 1, 6)), ClosedDays(first=date(2024, 1, 1)).holds(date(2024, 1, 2))
        (True, False)
        """
        if self.weekday is not None:
            return day.weekday() == self.weekday
        return self.first is not None and self.first <= day <= (self.last or self.first)

    def __str__(self) -> str:
        if self.weekday is not None:
            return WEEKDAYS[self.weekday]
        return f"{self.first}/{self.last}" if self.last else str(self.first)


def _closed(value: object) -> ClosedDays:
    if isinstance(value, ClosedDays):
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return ClosedDays(first=value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in WEEKDAYS:
            return ClosedDays(weekday=WEEKDAYS.index(word))
        first, _, last = word.partition("/")
        try:
            found = ClosedDays(first=date.fromisoformat(first), last=date.fromisoformat(last) if last else None)
        except ValueError:
            found = ClosedDays()
        if found.first is not None and (found.last is None or found.first <= found.last):
            return found
    raise ValueError(
        "closed days are written saturday, 2010-12-25 or 2010-12-24/2011-01-03 (first and last day);"
        f" found {shown(value)}"
    )


ClosedField = Annotated[
    ClosedDays,
    PlainValidator(_closed),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["sunday", "2010-12-25", "2010-12-24/2011-01-03"]}),
]


# Conditions and metrics ---------------------------------------------------------------------------------------------


def _condition(value: object) -> Condition:
    if isinstance(value, Condition):
        return value
    if not isinstance(value, str):
        raise ValueError(f"a condition is text such as \"kind = 'label'\"; found {shown(value)}")
    return Condition.parse(value)


def _metric(value: object) -> MetricCall:
    if isinstance(value, MetricCall):
        return value
    if not isinstance(value, str):
        raise ValueError(f"a metric is a name such as recall or f_beta(beta=2); found {shown(value)}")
    return MetricCall.parse(value)


ConditionField = Annotated[
    Condition,
    PlainValidator(_condition),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["kind = 'label'", "distance > 1500 AND origin IN ('JFK', 'EWR')"]}),
]
MetricField = Annotated[
    MetricCall,
    PlainValidator(_metric),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["recall", "f_beta(beta=2)", "recall(class=cat)"]}),
]


# Where rows come from -----------------------------------------------------------------------------------------------

_SOURCE: Final = "a source is a file, a glob, a directory or {engine: ..., table: ...}"
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True, slots=True)
class Files:
    """A file, a glob or a directory: `text` as declared, `path` with the declaration's directory before it.

    A path with a scheme (`s3://...`) is taken as it is.
    """

    text: str
    path: str

    def __str__(self) -> str:
        return self.text


class TableSource(Frozen):
    """A table that an engine already holds; it is evaluated where it is."""

    engine: Literal["duckdb", "spark", "postgres"] = Field(description="The engine that holds the table.")
    table: str = Field(min_length=1, description="The table's name.")
    url: str | None = Field(
        default=None,
        repr=False,  # often holds a password
        description="A DuckDB file or postgresql://...; ${env:NAME} keeps secrets out. Spark uses the active session.",
    )
    catalog: str | None = Field(default=None, description="The catalog that holds the database, where there are some.")
    database: str | None = Field(default=None, description="The database or schema that holds the table.")

    def __str__(self) -> str:
        return ".".join(part for part in (self.engine, self.catalog, self.database, self.table) if part)


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """An object in memory: a frame, an Arrow table, a DuckDB relation, an Ibis table. Equal to itself only."""

    value: Any

    def __str__(self) -> str:
        return f"{type(self.value).__name__} in memory"

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        raise PydanticOmit  # it cannot be written in YAML


def _files(value: object, info: ValidationInfo) -> Files:
    if isinstance(value, Files):
        return value
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{_SOURCE}; found an empty text")
    if _URL.match(text):
        return Files(text, text)
    base = (info.context or {}).get("directory") if isinstance(info.context, Mapping) else None
    return Files(text, str(Path(base or "") / Path(text).expanduser()))


def _memory(value: object) -> Memory:
    if isinstance(value, Memory):
        return value
    if value is None or isinstance(value, bool | int | float | list | tuple | set | frozenset | date):
        raise ValueError(f"{_SOURCE}; found {shown(value)}")
    return Memory(value)


def _source_kind(value: object) -> str:
    if isinstance(value, str | os.PathLike | Files):
        return "<files>"
    return "<TableSource>" if isinstance(value, Mapping | TableSource) else "<memory>"


Source = Annotated[
    Annotated[
        Files,
        PlainValidator(_files),
        PlainSerializer(str),
        WithJsonSchema({"type": "string", "examples": ["predictions/*.parquet", "outcomes.csv"]}),
        Tag("<files>"),
    ]
    | Annotated[TableSource, Tag("<TableSource>")]
    | Annotated[Memory, PlainValidator(_memory), PlainSerializer(str), Tag("<memory>")],
    Discriminator(_source_kind),
]
