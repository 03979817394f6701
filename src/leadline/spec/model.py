"""What a user declares: one frozen `Spec`, checked when it is made.

Tags in angle brackets name the alternative that a value was read as. They are in the paths of pydantic's errors only;
`load` uses them to say which keys there are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    PrivateAttr,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

from leadline.metrics import MetricCall, UnknownMetric, metric
from leadline.metrics.frozen_mix import PARAMETER as FROZEN_MIX
from leadline.metrics.frozen_mix import named as at_frozen_mix
from leadline.metrics.paired import OVER_BASELINE
from leadline.spec.fields import (
    ClassName,
    ClosedField,
    ColumnName,
    ConditionField,
    Frozen,
    MetricField,
    Moment,
    Number,
    Source,
    SpanField,
    Value,
    Wait,
    ZoneName,
    not_boolean,
)
from leadline.spec.text import SCRIPTS, text_conditions
from leadline.spec.where import Condition, ConditionError
from leadline.spec.words import instead, listed, nearest, shown
from leadline.values import Scalar, Span, Target

Task = Literal["binary", "multiclass", "regression"]
#: kinds of rows that are no feedback
RESERVED: Final = ("label", "predictions")
#: what may be declared of a feature's values
FEATURE_RULES: Final = ("min", "max", "allowed", "not_null", "unique", "matches")
Problem = tuple[tuple[str | int, ...], str]  # where, and what is wrong there


# Predictions --------------------------------------------------------------------------------------------------------


class ListScores(Frozen):
    """Scores of all classes in one list column, in the order of `classes`."""

    list: ColumnName = Field(description="The column that holds a list with one score for each class.")
    classes: tuple[ClassName, ...] = Field(min_length=2, description="The classes, in the order of the list.")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        _refuse([(("classes",), f"{name!r} is named twice") for name in _twice(self.classes)], self)
        return self


def _scores_kind(value: object) -> str:
    if isinstance(value, Mapping):
        return "<ListScores>" if "classes" in value or set(value) == {"list"} else "<columns>"
    return "<ListScores>" if isinstance(value, ListScores) else "<columns>"


Scores = Annotated[
    Annotated[ListScores, Tag("<ListScores>")]
    | Annotated[dict[ClassName, ColumnName], Field(min_length=2), Tag("<columns>")],
    Discriminator(_scores_kind),
]


class PredictionColumns(Frozen):
    """Which column plays which part in a prediction."""

    id: ColumnName = Field(description="The column that identifies a prediction; outcomes refer to it.")
    timestamp: ColumnName = Field(description="When the prediction was made: decides which window it belongs to.")
    score: ColumnName | None = Field(default=None, description="Binary: the score of the positive class.")
    prediction: ColumnName | None = Field(
        default=None,
        description="What was predicted: a class, or a regression's number. Without it, score >= threshold decides.",
    )
    scores: Scores | None = Field(
        default=None,
        description="Multiclass: the score of each class, as {class: column} or {list: column, classes: [...]}.",
    )
    version: ColumnName | None = Field(default=None, description="The version of the model that predicted.")
    entity: ColumnName | None = Field(
        default=None, description="Whom or what the prediction is about, such as a user: its rows are not independent."
    )
    received_at: ColumnName | None = Field(default=None, description="When the row arrived; timestamp where absent.")
    weight: ColumnName | None = Field(default=None, description="How much a row counts; 1 where absent.")
    latency_s: ColumnName | None = Field(default=None, description="How long the prediction took, in seconds.")
    error: ColumnName | None = Field(
        default=None,
        description="Whether the prediction failed: true and false, 1 and 0, or text that is empty where it did not.",
    )


class Feature(Frozen):
    """What is known of a feature beforehand; the rest is read from the reference."""

    type: Literal["numeric", "categorical", "text", "boolean"] | None = Field(
        default=None, description="How the column is to be read; guessed from its type where absent."
    )
    min: Number | None = Field(default=None, description="The least value that makes sense.")
    max: Number | None = Field(default=None, description="The largest value that makes sense.")
    allowed: tuple[Value, ...] = Field(default=(), description="The values that make sense; any where absent.")
    not_null: bool = Field(default=False, description="Whether every row has a value.")
    unique: bool = Field(default=False, description="Whether no two rows have the same value.")
    matches: str | None = Field(
        default=None,
        description="A regular expression that every text matches somewhere; ^ and $ stand for its ends.",
    )

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of what is declared of its values."""
        values = {name: getattr(self, name) for name in FEATURE_RULES}  # 0 is a number, and equal to False
        return tuple(name for name, value in values.items() if not (value is None or value is False or value == ()))

    @model_validator(mode="after")
    def _range(self) -> Self:
        problems: list[Problem] = []
        if self.type not in (None, "numeric"):
            given = [key for key in ("min", "max") if getattr(self, key) is not None]
            problems += [((key,), f"{key} is for numeric features") for key in given]
        if self.type in ("numeric", "boolean") and self.matches is not None:
            problems.append((("matches",), "matches is for features of text"))
        if self.matches is not None:
            try:
                re.compile(self.matches)
            except re.error as problem:
                problems.append((("matches",), f"{self.matches!r} is no regular expression: {problem}"))
            else:
                if (part := _of_python_alone(self.matches)) is not None:
                    text = f"{self.matches!r} has {part!r}: engines have no lookaround, no groups that refer to"
                    problems.append((("matches",), f"{text} others and no possessive repetition"))
        if self.min is not None and self.max is not None and self.min > self.max:
            problems.append((("min",), f"min {self.min:g} is above max {self.max:g}"))
        _refuse(problems, self)
        return self


#: of regular expressions: what is escaped and what stands in a class, either of which is read over; then what Python
#: has and linear-time engines have not: references, groups that look around or refer, possessive repetition
_PATTERN_PARTS: Final = re.compile(
    r"""(?P<alone>\\[1-9] | \(\?(?:<?[=!]|P=|>|\() | [*+?}]\+) | \\. | \[\^?\]?(?:\\.|[^\]\\])*\]""",
    re.VERBOSE | re.DOTALL,
)


def _of_python_alone(pattern: str) -> str | None:
    r"""What a regular expression has that only Python understands; None where there is nothing of the kind.

    >>> _of_python_alone("^(?=B)"), _of_python_alone(r"(a)\1"), _of_python_alone(r"[(?=]\(?=")
    ('(?=', '\\1', None)
    """
    return next((found["alone"] for found in _PATTERN_PARTS.finditer(pattern) if found["alone"]), None)


def _no_time(of: Frozen, key: str) -> list[Problem]:
    """That a length of time is 0 where nothing would ever keep it."""
    return [((key,), f"{key} is 0, which nothing can keep")] if getattr(of, key) == timedelta() else []


class Expected(Frozen):
    """How predictions are expected to come; what does not is told among the findings."""

    within: Wait | None = Field(default=None, description="The newest prediction is at most this old.")
    at_least: Annotated[Number, Field(ge=0)] | None = Field(default=None, description="Rows a day, at least.")
    at_most: Annotated[Number, Field(ge=0)] | None = Field(default=None, description="Rows a day, at most.")
    closed: tuple[ClosedField, ...] = Field(
        default=(), description="Days without rows: days of the week, dates, or FIRST/LAST."
    )

    @model_validator(mode="after")
    def _range(self) -> Self:
        _refuse(_no_time(self, "within"), self)
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            text = f"at_least {self.at_least:g} is above at_most {self.at_most:g}"
            _refuse([(("at_least",), text)], self)
        return self


def _features_kind(value: object) -> str:
    return "<auto>" if isinstance(value, str) else "<types>" if isinstance(value, Mapping) else "<list>"


Features = Annotated[
    Annotated[Literal["auto"], Tag("<auto>")]
    | Annotated[tuple[ColumnName, ...], Tag("<list>")]
    | Annotated[dict[ColumnName, Feature], Tag("<types>")],
    Discriminator(_features_kind),
]


class Predictions(Frozen):
    """Where the predictions are and how to read them."""

    source: Source = Field(description="A file, a glob, a directory, or {engine: ..., table: ...}.")
    columns: PredictionColumns = Field(description="Which column plays which part.")
    threshold: Number = Field(default=0.5, description="Binary: a score at or above it counts as predicted positive.")
    thresholds: tuple[Number, ...] = Field(default=(), description="Further thresholds to evaluate, as a what-if.")
    features: Features = Field(
        default="auto",
        description="What the model was given: auto (columns with no other part), a list, or {name: {type, min, max,"
        " allowed, not_null, unique, matches}}.",
    )
    expected: Expected | None = Field(default=None, description="How they are expected to come: how often, how many.")


# Outcomes -----------------------------------------------------------------------------------------------------------


class OutcomeColumns(Frozen):
    """Which column plays which part in an outcome."""

    id: ColumnName | None = Field(default=None, description="The prediction's id; the same name as there where absent.")
    value: ColumnName = Field(description="What was learnt: the label, the number.")
    observed_at: ColumnName | None = Field(default=None, description="When the outcome came to be known.")
    received_at: ColumnName | None = Field(default=None, description="When the row arrived; observed_at where absent.")
    label_probability: ColumnName | None = Field(
        default=None,
        description="With which probability the row was chosen for labelling: the labels are then a sample.",
    )


class FeedbackColumns(Frozen):
    """As `OutcomeColumns`; what is absent is named as in `outcomes`."""

    id: ColumnName | None = Field(default=None, description="The prediction's id.")
    value: ColumnName | None = Field(default=None, description="What was learnt.")
    observed_at: ColumnName | None = Field(default=None, description="When it came to be known.")
    received_at: ColumnName | None = Field(default=None, description="When the row arrived.")


class Outcomes(Frozen):
    """Where the labels are, and when to expect them."""

    source: Source | None = Field(default=None, description="As for predictions; the predictions' own where absent.")
    columns: OutcomeColumns = Field(description="Which column plays which part.")
    where: ConditionField | None = Field(default=None, description="Which rows are labels: a condition in SQL.")
    matures_after: Wait | None = Field(
        default=None,
        description="How long after a prediction its label has come, if ever; younger rows are provisional. Inferred"
        " from the labels' own times where absent.",
    )
    absent: Value = Field(
        default="unknown",
        description="What a missing label means once the row is mature: unknown, or a value ('no click means no').",
    )


class Feedback(Frozen):
    """A further kind of outcome, such as a click; its rate is a metric of that name."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="The name of the rate metric.")
    source: Source | None = Field(default=None, description="As for outcomes; the outcomes' own source where absent.")
    columns: FeedbackColumns = Field(default=FeedbackColumns(), description="Columns; as in outcomes where absent.")
    where: ConditionField | None = Field(default=None, description="Which rows count: a condition in SQL.")
    matures_after: Wait | None = Field(default=None, description="As in outcomes where absent.")
    absent: Value = Field(default="unknown", description="What no row means once the prediction is mature.")


@dataclass(frozen=True, slots=True)
class OutcomeTable:
    """One kind of outcome with everything filled in: `name` is `label`, or that of a feedback."""

    name: str
    source: Any  # Files | TableSource | Memory
    id: str
    value: str
    observed_at: str | None
    received_at: str | None
    where: Any  # Condition | None
    matures_after: timedelta
    absent: Scalar
    label_probability: str | None = None


# Events -------------------------------------------------------------------------------------------------------------


class Event(Frozen):
    """Something that was done or that happened around the model."""

    at: Moment = Field(description="When: a date or time, in the declared time zone.")
    until: Moment | None = Field(
        default=None, description="When it was over, as the first day after it or a time; absent where it did not last."
    )
    name: str = Field(min_length=1, description="What: a few words that a colleague understands.")
    kind: str | None = Field(default=None, description="Of which kind, such as deploy, data_change or incident.")


class EventColumns(Frozen):
    """Which column plays which part in an event."""

    at: ColumnName = Field(default="at", description="When it happened.")
    until: ColumnName | None = Field(
        default=None, description="When it was over; empty for an event that did not last."
    )
    name: ColumnName = Field(default="name", description="What happened.")
    kind: ColumnName | None = Field(default=None, description="Of which kind it is.")


class Events(Frozen):
    """Where events are written down."""

    source: Source = Field(description="As for predictions; it may live on another engine.")
    columns: EventColumns = Field(default=EventColumns(), description="Which column plays which part.")


def _events_kind(value: object) -> str:
    return "<Events>" if isinstance(value, Mapping | Events) else "<list>"


EventsField = Annotated[
    Annotated[Events, Tag("<Events>")] | Annotated[tuple[Event, ...], Tag("<list>")],
    Discriminator(_events_kind),
]


# Proxies ------------------------------------------------------------------------------------------------------------

BlockedWord = Annotated[str, Field(pattern=r"[^\W_]", max_length=80)]
_METRIC_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"


class Proxy(Frozen):
    """A condition that rows may meet, such as an empty answer; its rate is a metric of that name."""

    name: str = Field(pattern=_METRIC_NAME, description="The name of the rate metric.")
    where: ConditionField = Field(description="Which rows it is about: a condition in SQL over the predictions.")


class NumberProxy(Frozen):
    """A number of each row, such as the words of an answer; its mean is a metric of that name."""

    name: str = Field(pattern=_METRIC_NAME, description="The name of the metric.")
    value: ConditionField = Field(description="The number: an expression as in conditions, such as words(answer).")


class SameProxy(Frozen):
    """That a row shortly before has the same value, such as the same answer; its rate is a metric of that name."""

    name: str = Field(pattern=_METRIC_NAME, description="The name of the rate metric.")
    same: ColumnName = Field(description="The column, such as an answer; rows without a value do not count.")
    within: Wait = Field(
        default=timedelta(days=1), description="How long before a row, and at the same time, another one may lie."
    )


AnyProxy = Proxy | NumberProxy | SameProxy


class TextProxies(Frozen):
    """The ready-made proxies of a text column: empty, refuses, cut_off, repeats, same, and what is asked for."""

    text: ColumnName = Field(description="A column of text, such as an answer.")
    name: str = Field(
        default="",
        pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$",
        description="What the names of the metrics begin with; the column's where absent.",
    )
    prompt: ColumnName | None = Field(default=None, description="What the text answers: to tell answers that echo it.")
    script: Literal[tuple(SCRIPTS)] | None = Field(  # type: ignore[valid-type]  # of a tuple that is there
        default=None, description="The script that the text should be in, such as latin."
    )
    is_json: bool = Field(default=False, description="Whether the text should be JSON.")
    blocked: tuple[BlockedWord, ...] = Field(default=(), description="Words or phrases that the text should not have.")

    @property
    def _begin(self) -> str:
        return re.sub(r"\W+", "_", self.text, flags=re.ASCII).strip("_")

    @model_validator(mode="after")
    def _nameable(self) -> Self:
        if not self.name and not re.match("[A-Za-z]", self._begin):
            _refuse(
                [(("name",), f"no name can be made of {self.text!r}: give the one that the metrics begin with")], self
            )
        return self

    @model_validator(mode="after")
    def _short(self) -> Self:
        try:
            self.proxies  # noqa: B018  # words make the condition, which may be too long
        except ConditionError as problem:
            _refuse([(("blocked",), f"these are too many words: {problem}")], self)
        return self

    @property
    def proxies(self) -> tuple[AnyProxy, ...]:
        """One by one."""
        begin = self.name or self._begin
        asked = text_conditions(self.text, self.prompt, self.script, self.is_json, self.blocked)
        conditions = (Proxy(name=f"{begin}_{name}", where=Condition.parse(text)) for name, text in asked.items())
        return (*conditions, SameProxy(name=f"{begin}_same", same=self.text))


_PROXIES: Final = {"text": "<TextProxies>", "where": "<Proxy>", "value": "<NumberProxy>", "same": "<SameProxy>"}


def _proxy_kind(value: object) -> str:
    if not isinstance(value, Mapping):
        return f"<{type(value).__name__}>"
    meant = next((name for name in value if name in _PROXIES), None)
    near = (nearest(str(name), tuple(_PROXIES)) for name in value if name != "name")
    return _PROXIES.get(meant or next((name for name in near if name), None) or "where", "<Proxy>")


ProxyField = Annotated[
    Annotated[Proxy, Tag("<Proxy>")]
    | Annotated[NumberProxy, Tag("<NumberProxy>")]
    | Annotated[SameProxy, Tag("<SameProxy>")]
    | Annotated[TextProxies, Tag("<TextProxies>")],
    Discriminator(_proxy_kind),
]


# Components ---------------------------------------------------------------------------------------------------------


class RunColumns(Frozen):
    """Which column plays which part in a run."""

    component: ColumnName = Field(description="The component that ran, such as training.")
    started_at: ColumnName = Field(description="When the run began.")
    finished_at: ColumnName | None = Field(default=None, description="When it ended; empty while it goes on.")
    status: ColumnName = Field(description="How it ended: text such as success and failed, true, false, or a number.")
    inputs_at: ColumnName | None = Field(default=None, description="The time of the newest input that it read.")
    id: ColumnName | None = Field(default=None, description="What identifies the run.")


class Component(Frozen):
    """What is expected of a component; where nothing is declared, its runs are compared with those before them."""

    expected_every: Wait | None = Field(
        default=None, description="How often it runs; one that trains a model: how often it succeeds."
    )
    inputs_within: Wait | None = Field(default=None, description="How old its newest input may be when a run begins.")
    trains: bool | None = Field(
        default=None, description="Whether it trains a model; where absent its name says it, such as train or refit."
    )

    @model_validator(mode="after")
    def _pause(self) -> Self:
        _refuse(_no_time(self, "expected_every"), self)
        return self


class Runs(Frozen):
    """Executions of the components of the pipeline around the model."""

    source: Source = Field(description="As for predictions; it may live on another engine.")
    columns: RunColumns = Field(description="Which column plays which part.")
    succeeded: tuple[Value, ...] | None = Field(
        default=None,
        min_length=1,
        description="Values of the status that mean success; success, succeeded, ok, done, completed, finished, passed"
        " and true where absent. A number means nothing without it.",
    )
    components: dict[str, Component] = Field(default={}, description="What is expected of components, by name.")


# Reference, baseline ------------------------------------------------------------------------------------------------


class DeclaredReference(Frozen):
    """What later windows are compared with: the rows before a date, or a source of their own."""

    until: Moment | None = Field(default=None, description="Rows before this date or time, in the declared time zone.")
    source: Source | None = Field(default=None, description="A source of their own, with the predictions' columns.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        _one_of(self, "until", "source")
        return self


class Baseline(Frozen):
    """Something simple that the model has to beat, evaluated beside it."""

    score: ColumnName | None = Field(
        default=None, description="A column with another model's score (regression: prediction)."
    )
    constant: Number | None = Field(default=None, description="One score (regression: prediction) for all rows.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        _one_of(self, "score", "constant")
        return self


# Slices -------------------------------------------------------------------------------------------------------------

SENSITIVE: Final = "Whether its groups are to be compared with each other: how often they are selected, found, flagged."


class ColumnSlice(Frozen):
    """Rows by the values of a column."""

    column: ColumnName = Field(description="The column whose values part the rows.")
    name: str = Field(default="", description="The name of the slice; the column's where absent.")
    sensitive: bool = Field(default=False, description=SENSITIVE)
    against: Value | None = Field(
        default=None,
        description="Of a sensitive slice the value that the others are compared with; all others where absent.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, str):
            value = {"column": value}
        elif not isinstance(value, Mapping | ColumnSlice):
            raise ValueError(f"a slice is a column or a mapping with where, bin or cross; found {shown(value)}")
        if isinstance(value, Mapping) and isinstance(value.get("column"), str):
            return {"name": value["column"], **value}
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        short = {"type": "string", "description": "A column whose values part the rows."}
        return {"anyOf": [short, handler(schema)]}


class WhereSlice(Frozen):
    """Rows for which a condition holds; the others are shown beside them, and objectives do not judge those."""

    name: str = Field(min_length=1, description="The name of the slice.")
    where: ConditionField = Field(description="A condition in SQL over the columns of the predictions.")
    sensitive: bool = Field(default=False, description=SENSITIVE)


class Bin(Frozen):
    """Ranges of a number: equally wide ones, or between edges. A bin includes its lower end."""

    column: ColumnName = Field(description="A numeric column.")
    width: Annotated[Number, Field(gt=0)] | None = Field(
        default=None, description="Bins of this width, counted from 0."
    )
    edges: tuple[Number, ...] | None = Field(default=None, min_length=1, description="Edges between bins, ascending.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        _one_of(self, "width", "edges")
        edges = self.edges or ()
        if any(low >= high for low, high in pairwise(edges)):
            _refuse([(("edges",), "edges ascend, each once")], self)
        return self


class BinSlice(Frozen):
    """Rows by ranges of a number."""

    name: str = Field(min_length=1, description="The name of the slice.")
    bin: Bin = Field(description="The column and its ranges.")
    sensitive: bool = Field(default=False, description=SENSITIVE)


class CrossSlice(Frozen):
    """Rows by the values of several slices at once."""

    cross: tuple[ColumnName, ...] = Field(min_length=2, description="Names of other slices, or columns.")
    name: str = Field(default="", description="The name of the slice; where absent, the names joined by ':'.")
    sensitive: bool = Field(default=False, description=SENSITIVE)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if isinstance(value, Mapping):
            parts = value.get("cross")
            if isinstance(parts, list | tuple) and all(isinstance(part, str) for part in parts):
                return {"name": ":".join(parts), **value}
        return value

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        _refuse([(("cross",), f"{name!r} is named twice") for name in _twice(self.cross)], self)
        return self


Part = ColumnSlice | WhereSlice | BinSlice
SliceEntry = Part | CrossSlice
_SLICE_KEYS: Final = {"where": "<WhereSlice>", "bin": "<BinSlice>", "cross": "<CrossSlice>"}


def _slice_kind(value: object) -> str:
    if isinstance(value, Mapping):
        exact = next((key for key in _SLICE_KEYS if key in value), None)
        # A misspelt key still tells which kind was meant, and then the error can name the right one.
        near = (nearest(str(key), _SLICE_KEYS) for key in value if key not in ColumnSlice.model_fields)
        meant = exact or next((key for key in near if key), None)
        return _SLICE_KEYS[meant] if meant else "<ColumnSlice>"
    return f"<{type(value).__name__}>" if isinstance(value, Part | CrossSlice) else "<ColumnSlice>"


SliceField = Annotated[
    Annotated[ColumnSlice, Tag("<ColumnSlice>")]
    | Annotated[WhereSlice, Tag("<WhereSlice>")]
    | Annotated[BinSlice, Tag("<BinSlice>")]
    | Annotated[CrossSlice, Tag("<CrossSlice>")],
    Discriminator(_slice_kind),
]


# Objectives ---------------------------------------------------------------------------------------------------------


def _acknowledged_kind(value: object) -> str:
    return "<Acknowledgement>" if isinstance(value, Mapping | Acknowledgement) else "<moment>"


class Acknowledgement(Frozen):
    """A breach of one slice that was seen to."""

    at: Moment = Field(description="When: a date or time, in the declared time zone.")
    slice: dict[str, Scalar] = Field(
        default={}, description="The slice as the report names it, such as {carrier: VX}; all rows where absent."
    )


Acknowledged = Annotated[
    Annotated[Moment, Tag("<moment>")] | Annotated[Acknowledgement, Tag("<Acknowledgement>")],
    Discriminator(_acknowledged_kind),
]


class Objective(Frozen):
    """What the team promised: a metric, the level it keeps, over which window, for which slices."""

    metric: MetricField = Field(description="A metric, such as recall, or the name of a feedback.")
    at_least: Number | None = Field(default=None, description="The metric is to be at least this.")
    at_most: Number | None = Field(default=None, description="The metric is to be at most this.")
    no_worse_than: Literal["reference", "baseline"] | None = Field(
        default=None,
        description="Instead of a number: no worse by more than `by` than in the reference (of a slice: its own), or"
        " than the baseline on the same rows.",
    )
    by: Annotated[Number, Field(ge=0)] | None = Field(
        default=None, description="How much worse it may be, in the metric's own unit; needed with no_worse_than."
    )
    window: SpanField = Field(description="Over how long: 1h, a number of days such as 28d, 1w or 1mo.")
    slices: tuple[str, ...] = Field(default=(), description="Names of declared slices for which it is to hold as well.")
    frozen_mix: str | None = Field(
        default=None,
        description="The name of declared slices: what is promised is the metric as it would be if these had kept their"
        " shares in the reference, so that it does not hide that the rows it fails for are leaving. Judged by the rule"
        " `interval`.",
    )
    rule: Literal["detector", "interval"] = Field(
        default="detector",
        description="detector: breached when evidence, look by look, crosses a limit that false alarms rarely reach;"
        " interval: breached when the 95 % interval of the window lies wholly on the wrong side.",
    )
    look: SpanField | None = Field(
        default=None,
        description="How much the detector takes in at once: 7d where the window is 7d or longer, else 1d or 1h.",
    )
    false_alarms: Annotated[Number, Field(gt=0, lt=1)] = Field(
        default=0.05,
        description="The chance of any false alarm in a year that is allowed, for all rows and all slices together.",
    )
    acknowledged: tuple[Acknowledged, ...] = Field(
        default=(), description="Breaches that were seen to: the detector starts anew at these times."
    )

    @model_validator(mode="before")
    @classmethod
    def _rule(cls, value: object) -> object:
        """A detector takes in rows as they come, not as they would have come: the interval of the window judges."""
        if isinstance(value, Mapping) and value.get(FROZEN_MIX) is not None:
            return {"rule": "interval", **value}
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        _one_of(self, "at_least", "at_most", "no_worse_than")
        problems: list[Problem] = [(("slices",), f"{name!r} is named twice") for name in _twice(self.slices)]
        if (self.no_worse_than is None) != (self.by is None):
            missing = "'by' is missing: how much worse it may be" if self.by is None else "by goes with no_worse_than"
            problems.append((() if self.by is None else ("by",), missing))
        if self.frozen_mix is not None:
            if self.rule == "detector":
                problems.append((("rule",), "with frozen_mix the rule is `interval`: a detector cannot keep the mix"))
            if self.slices:
                problems.append(
                    (("slices",), "frozen_mix is for all rows: promise for slices in an objective of its own")
                )
            if self.no_worse_than == "baseline":
                problems.append((("frozen_mix",), "frozen_mix does not go with the baseline"))
        if self.rule == "interval":
            given = [key for key in ("look", "false_alarms", "acknowledged") if key in self.model_fields_set]
            problems += [((key,), f"{key} is for the rule `detector`") for key in given]
        _refuse(problems, self)
        return self

    @property
    def figure(self) -> str:
        """The name of what is judged: the metric, at which mix, or how much more of it there is than of the
        baseline's."""
        if self.frozen_mix is not None:
            return at_frozen_mix(str(self.metric), self.frozen_mix)
        return f"{self.metric}{OVER_BASELINE}" if self.no_worse_than == "baseline" else str(self.metric)

    @property
    def target(self) -> Target | None:
        """The promised side and its limit; None where the limit is to be read from the log first (`no_worse_than`)."""
        if self.at_least is not None:
            return Target("at_least", self.at_least)
        return None if self.at_most is None else Target("at_most", self.at_most)


def _metrics_kind(value: object) -> str:
    return "<all>" if isinstance(value, str) else "<list>"


Metrics = Annotated[
    Annotated[Literal["all"], Tag("<all>")] | Annotated[tuple[MetricField, ...], Tag("<list>")],
    Discriminator(_metrics_kind),
]


class _OrOpenSlo:
    """In the schema for editors: objectives may stand in a file of OpenSLO documents, which `load` reads."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        path = {"type": "string", "description": "A file of OpenSLO v1 documents."}
        named = {"type": "object", "properties": {"openslo": path}, "required": ["openslo"]}
        return {"anyOf": [handler(schema), {**named, "additionalProperties": False}]}


class Spec(Frozen):
    """A declaration: which predictions, which outcomes, which slices, and what was promised.

    Made by `load`, `from_mapping`, or directly; `model_dump(mode="json")` writes what `from_mapping` reads.
    """

    version: Annotated[Literal[1], BeforeValidator(not_boolean)] = Field(description="The version of this format.")
    model: str = Field(min_length=1, description="The name of the model.")
    task: Task = Field(description="What the model does.")
    predictions: Predictions = Field(description="The rows that the model predicted.")
    positive: Value | None = Field(
        default=None,
        description="Binary: the label that counts as positive; needed unless labels are boolean or 0 and 1.",
    )
    outcomes: Outcomes | None = Field(default=None, description="What came to be known of the predictions.")
    feedback: tuple[Feedback, ...] = Field(default=(), description="Further outcomes, each a rate metric.")
    proxies: tuple[ProxyField, ...] = Field(
        default=(),
        description="What tells of a wrong prediction before its label does: conditions as {name, where}, numbers as"
        " {name, value}, values that come again as {name, same}, or the conditions of a text column as {text: COLUMN};"
        " each a metric, conditions graded against the labels.",
    )
    runs: Runs | None = Field(default=None, description="Executions of the pipeline's components.")
    timezone: ZoneName = Field(
        default="UTC", description="The time zone of days, weeks and months, such as Europe/Berlin."
    )
    reference: DeclaredReference | None = Field(
        default=None,
        description="What later windows are compared with; the first mature quarter of the rows where absent.",
    )
    window: SpanField = Field(default=Span(1, "d"), description="The windows of the report: 1h, Nd, 1w or 1mo.")
    slices: tuple[SliceField, ...] = Field(
        default=(), description="Columns, {name, where}, {name, bin} or {cross: [...]}: each parts the rows on its own."
    )
    metrics: Metrics | None = Field(
        default=None,
        description="Metrics beside those of the objectives, or all; a few that fit the task where absent.",
    )
    find_faults: bool = Field(
        default=True, description="Whether to look for faults of the data: columns that are not as they were."
    )
    find_slices: bool = Field(
        default=True, description="Whether to look for slices that the model fails for, over all features."
    )
    check_columns: bool = Field(
        default=True,
        description="Whether to look at the values of features, scores and predictions, for what drifted.",
    )
    multivariate: tuple[Literal["reconstruction", "classifier", "embeddings"], ...] = Field(
        default=(),
        description="What else to look at in features together: how well the principal components of the numeric ones"
        " still put rows together; whether a classifier can tell the latest rows from the reference's; whether columns"
        " of vectors (lists of numbers) lie where they lay.",
    )
    baseline: Baseline | None = Field(default=None, description="Something simple that the model has to beat.")
    events: EventsField = Field(
        default=(),
        description="What was done or happened around the model, as a list of {at, until, name, kind} or as"
        " {source: FILE}: shown with what the metrics did after it, or while it lasted. A new version is one without"
        " being named.",
    )
    objectives: Annotated[tuple[Objective, ...], _OrOpenSlo()] = Field(
        default=(), description="What was promised; {openslo: FILE} reads it from OpenSLO documents."
    )
    _left_out: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _refuse([problem for rule in RULES for problem in rule(self)], self)
        return self

    @property
    def left_out(self) -> tuple[str, ...]:
        """What was not read of the files that the declaration names, in sentences."""
        return self._left_out

    def leaving_out(self, sentences: tuple[str, ...]) -> Spec:
        """The same declaration, of which something more was not read."""
        copy = self.model_copy()
        copy._left_out = (*self._left_out, *sentences)
        return copy

    @property
    def zone(self) -> ZoneInfo:
        """The declared time zone."""
        return ZoneInfo(self.timezone)

    @property
    def reference_until(self) -> datetime | None:
        """The end of the reference with its zone; a date is its first moment in the declared time zone."""
        until = self.reference.until if self.reference else None
        return None if until is None else self.moment(until)

    def moment(self, at: date | datetime) -> datetime:
        """A declared time with its zone; a date is its first moment in the declared time zone."""
        moment = at if isinstance(at, datetime) else datetime.combine(at, time())
        return moment if moment.tzinfo else moment.replace(tzinfo=self.zone)

    @property
    def label(self) -> OutcomeTable | None:
        """The outcome that metrics compare with, with everything filled in."""
        if self.outcomes is None:
            return None
        columns = self.outcomes.columns
        return OutcomeTable(
            name="label",
            source=self.outcomes.source or self.predictions.source,
            id=columns.id or self.predictions.columns.id,
            value=columns.value,
            observed_at=columns.observed_at,
            received_at=columns.received_at,
            where=self.outcomes.where,
            matures_after=self.outcomes.matures_after or timedelta(),
            absent=self.outcomes.absent,
            label_probability=columns.label_probability,
        )

    @property
    def lacks_maturity(self) -> bool:
        """Whether labels are declared and not after how long they have come."""
        return self.outcomes is not None and self.outcomes.matures_after is None

    def maturing_after(self, wait: timedelta) -> Spec:
        """The same, with that declared."""
        if self.outcomes is None:
            return self
        return self.model_copy(update={"outcomes": self.outcomes.model_copy(update={"matures_after": wait})})

    @property
    def outcome_tables(self) -> tuple[OutcomeTable, ...]:
        """The label and each feedback, with everything filled in."""
        label = self.label
        return (*([label] if label else []), *(self._feedback_table(each, label) for each in self.feedback))

    @property
    def every_proxy(self) -> tuple[AnyProxy, ...]:
        """The proxies, those of text columns one by one."""
        return tuple(
            each for entry in self.proxies for each in (entry.proxies if isinstance(entry, TextProxies) else (entry,))
        )

    def _feedback_table(self, feedback: Feedback, label: OutcomeTable | None) -> OutcomeTable:
        own = feedback.columns
        value = own.value or (label.value if label else None)
        assert value is not None  # noqa: S101  # _feedback lets nothing else through
        wait = feedback.matures_after
        return OutcomeTable(
            name=feedback.name,
            source=feedback.source or (label.source if label else self.predictions.source),
            id=own.id or (label.id if label else self.predictions.columns.id),
            value=value,
            observed_at=own.observed_at or (label.observed_at if label else None),
            received_at=own.received_at or (label.received_at if label else None),
            where=feedback.where,
            matures_after=wait if wait is not None else label.matures_after if label else timedelta(),
            absent=feedback.absent,
        )

    def parts(self, entry: SliceEntry) -> tuple[Part, ...]:
        """What `entry` is made of: itself, or the slices that a cross names (a column where it names none)."""
        if not isinstance(entry, CrossSlice):
            return (entry,)
        named = {each.name: each for each in self.slices if not isinstance(each, CrossSlice)}
        return tuple(named.get(name, ColumnSlice(column=name)) for name in entry.cross)


# Rules across parts -------------------------------------------------------------------------------------------------


def _columns_of_task(spec: Spec) -> Iterator[Problem]:
    columns = spec.predictions.columns
    place = ("predictions", "columns")
    if spec.task == "binary" and columns.score is None and columns.prediction is None and columns.scores is None:
        yield place, "a binary model needs the column of its 'score' or of its 'prediction'"
    if spec.task == "multiclass" and columns.prediction is None and columns.scores is None:
        yield place, "a multiclass model needs the column of its 'prediction', or 'scores' of its classes"
    if spec.task == "regression" and columns.prediction is None:
        yield place, "a regression needs the column of its 'prediction'"
    if spec.task == "regression" and columns.scores is not None:
        yield (*place, "scores"), "scores of classes do not go with a regression"
    yield from _one_part_each(spec)


def _one_part_each(spec: Spec) -> Iterator[Problem]:
    """A column that is prediction and label at once makes a perfect model of any."""
    columns = spec.predictions.columns
    places = {name: ("predictions", "columns", name) for name in ("id", "timestamp", "score", "prediction", "weight")}
    parts = [(place, getattr(columns, name)) for name, place in places.items()]
    if spec.label is not None and spec.label.source == spec.predictions.source and spec.label.where is None:
        parts.append((("outcomes", "columns", "value"), spec.label.value))
    seen: dict[str, str] = {}
    for where, column in parts:
        if column is not None and column in seen:
            yield where, f"{column!r} is the {seen[column]} already: a column plays one of these parts only"
        elif column is not None:
            seen[column] = where[-1]


def _only_binary(spec: Spec) -> Iterator[Problem]:
    if spec.task == "binary":
        return
    if spec.task == "multiclass" and spec.baseline is not None:
        yield ("baseline",), "a baseline is for binary models and regressions: evaluate another classifier as a version"
    if spec.positive is not None:
        yield ("positive",), f"positive is for binary models, this one is {spec.task}"
    for key in ("threshold", "thresholds"):
        if key in spec.predictions.model_fields_set:
            yield ("predictions", key), f"{key} is for binary models, this one is {spec.task}"


def _outcomes(spec: Spec) -> Iterator[Problem]:
    absent = spec.outcomes.absent if spec.outcomes else "unknown"
    if spec.task == "regression" and absent != "unknown" and isinstance(absent, str | bool):
        yield (
            ("outcomes", "absent"),
            f"a regression's outcome is a number: unknown or a number is needed, found {shown(absent)}",
        )
    if spec.outcomes and spec.outcomes.columns.label_probability is not None and absent != "unknown":
        yield (
            ("outcomes", "absent"),
            "with a label_probability a row without a label was not chosen, which says nothing of it: leave one out",
        )


def _feedback(spec: Spec) -> Iterator[Problem]:
    for index, feedback in enumerate(spec.feedback):
        place = ("feedback", index)
        if feedback.columns.value is None and spec.outcomes is None:
            yield (*place, "columns"), "the column of the 'value' is missing, and there are no outcomes to take it from"
        if feedback.name in RESERVED:
            yield (*place, "name"), f"{feedback.name!r} already means something else; give the feedback another name"
        if _is_metric(feedback.name, spec):
            yield (*place, "name"), f"{feedback.name!r} is already the name of a metric"
    for name in _twice([feedback.name for feedback in spec.feedback]):
        yield ("feedback",), f"two feedbacks are called {name!r}"


def _proxies(spec: Spec) -> Iterator[Problem]:
    feedback = {each.name for each in spec.feedback}
    for index, entry in enumerate(spec.proxies):
        for proxy in entry.proxies if isinstance(entry, TextProxies) else (entry,):
            place = ("proxies", index, "name")
            if _is_metric(proxy.name, spec):
                yield place, f"{proxy.name!r} is already the name of a metric"
            if proxy.name in feedback:
                yield place, f"{proxy.name!r} is already the name of a feedback"
    for name in _twice([proxy.name for proxy in spec.every_proxy]):
        yield ("proxies",), f"two proxies are called {name!r}"


def _is_metric(name: str, spec: Spec) -> bool:
    """Whether `name` is taken; its parameters do not matter."""
    try:
        metric(name, spec.task)
    except UnknownMetric as unknown:
        return name in unknown.candidates
    return True


def _metrics(spec: Spec) -> Iterator[Problem]:
    asked: list[tuple[tuple[str | int, ...], MetricCall]] = [
        (("objectives", index, "metric"), objective.metric) for index, objective in enumerate(spec.objectives)
    ]
    if isinstance(spec.metrics, tuple):
        asked += [(("metrics", index), call) for index, call in enumerate(spec.metrics)]
        yield from ((("metrics",), f"{twice} is asked for twice") for twice in _twice(spec.metrics))
    for place, call in asked:
        problem = _metric_problem(call, spec)
        if problem:
            yield place, problem


def _metric_problem(call: MetricCall, spec: Spec) -> str | None:
    feedback, proxies = (tuple(each.name for each in kind) for kind in (spec.feedback, spec.every_proxy))
    if call.name == "all":
        return "all metrics are asked for by `metrics: all`, without a list; an objective names one of them"
    if call.name in (*feedback, *proxies):
        what = "feedback" if call.name in feedback else "proxy"
        return f"{call.name!r} is a {what} and takes no parameters" if call.parameters else None
    try:
        metric(call, spec.task)
    except UnknownMetric as unknown:
        if call.name in unknown.candidates:
            return str(unknown)  # the name is right, a parameter is not
        known = instead(call.name, (*unknown.candidates, *feedback, *proxies))
        return f"{call.name!r} is not a metric of a {spec.task} model{known}"
    return None


def _slices(spec: Spec) -> Iterator[Problem]:
    for name in _twice([entry.name for entry in spec.slices]):
        places = [index for index, entry in enumerate(spec.slices) if entry.name == name]
        yield ("slices", places[-1]), f"two slices are called {name!r}; give one another name"
    crosses = {entry.name for entry in spec.slices if isinstance(entry, CrossSlice)}
    for index, entry in enumerate(spec.slices):
        if isinstance(entry, ColumnSlice) and entry.against is not None and not entry.sensitive:
            yield ("slices", index, "against"), "against goes with sensitive: true"
        if isinstance(entry, CrossSlice):
            for nested in crosses.intersection(entry.cross):
                yield ("slices", index, "cross"), f"{nested!r} is a cross itself; name its parts instead"


def _objectives(spec: Spec) -> Iterator[Problem]:
    names = tuple(entry.name for entry in spec.slices)
    for index, objective in enumerate(spec.objectives):
        for position, name in enumerate(objective.slices):
            if name not in names:
                known = instead(name, names) if names else "; none are declared: add it to slices"
                yield ("objectives", index, "slices", position), f"{name!r} is not a declared slice{known}"
        parts = {part.name for entry in spec.slices if entry.name in objective.slices for part in spec.parts(entry)}
        for position, entry in enumerate(objective.acknowledged):
            for name in [] if not isinstance(entry, Acknowledgement) else sorted(set(entry.slice) - parts):
                known = instead(name, tuple(sorted(parts))) if parts else "; this objective has no slices"
                yield ("objectives", index, "acknowledged", position, "slice"), f"{name!r} is not a slice of it{known}"
        if objective.frozen_mix is not None and objective.frozen_mix not in names:
            known = instead(objective.frozen_mix, names) if names else "; none are declared: add it to slices"
            yield ("objectives", index, FROZEN_MIX), f"{objective.frozen_mix!r} is not a declared slice{known}"
        for key in ("no_worse_than", FROZEN_MIX):
            given = getattr(objective, key)
            problem = _no_fixed_reference(spec) if given is not None and given != "baseline" else None
            if problem:
                yield ("objectives", index, key), problem
        if objective.no_worse_than == "baseline" and spec.baseline is None:
            yield ("objectives", index, "no_worse_than"), "no baseline is declared: add one under baseline"
        if objective in spec.objectives[:index]:
            yield ("objectives", index), "this objective is declared twice"


def _events(spec: Spec) -> Iterator[Problem]:
    declared = () if isinstance(spec.events, Events) else spec.events
    for index, each in enumerate(declared):
        if each.until is not None and spec.moment(each.until) <= spec.moment(each.at):
            yield ("events", index, "until"), f"{each.name!r} is over before it began: until has to be later than at"


def _multivariate(spec: Spec) -> Iterator[Problem]:
    yield from ((("multivariate",), f"{twice} is asked for twice") for twice in _twice(spec.multivariate))
    if spec.multivariate and not spec.check_columns:
        yield ("multivariate",), "it looks at columns, which check_columns: false leaves out; leave out one of the two"


def _no_fixed_reference(spec: Spec) -> str | None:
    """Why the reference cannot be promised: it has no labels, or would change from one day to the next."""
    if spec.reference is None:
        return "no reference is declared, and a guessed one would move the promise: add reference: {until: DATE}"
    if spec.reference.until is None:
        return "a reference with a source of its own has no labels: declare reference: {until: DATE} instead"
    return None


RULES: Final[tuple[Callable[[Spec], Iterator[Problem]], ...]] = (
    _columns_of_task,
    _only_binary,
    _outcomes,
    _feedback,
    _proxies,
    _metrics,
    _slices,
    _objectives,
    _events,
    _multivariate,
)


def _twice(names: Sequence[Any]) -> list[Any]:
    return [name for name, count in Counter(names).items() if count > 1]


def _one_of(part: Frozen, *keys: str) -> None:
    given = [key for key in keys if getattr(part, key) is not None]
    if len(given) != 1:
        said = f"{listed(given)} are {'both' if len(given) == 2 else 'all'} given" if given else "none is given"
        _refuse([((), f"exactly one of {listed(keys)} is needed; {said}")], part)


def _refuse(problems: Sequence[Problem], value: Frozen) -> None:
    """Raise all problems at once, each with its place below `value`. Pydantic adds the place of `value` itself."""
    if problems:
        raise ValidationError.from_exception_data(
            type(value).__name__,
            [
                InitErrorDetails(type=PydanticCustomError("declared", "{text}", {"text": text}), loc=place, input=None)
                for place, text in problems
            ],
        )
