"""Guesses from samples: which column plays which part, the task, the positive class. Each guess says its reason.

Names come first, then types and values; a guess is made only where a reader would make it too. `propose.to_yaml` writes
what was guessed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leadline.spec.columns import Column, columns, plain
from leadline.spec.fields import LONGEST_DAYS
from leadline.spec.model import Task
from leadline.spec.names import (
    ENTITY,
    ERROR,
    ID,
    LABEL,
    LABEL_WORDS,
    LATENCY_WORDS,
    NEGATIVE_WORDS,
    NOT_TIMESTAMP_WORDS,
    OBSERVED,
    OBSERVED_WORDS,
    OTHER_UNITS,
    POSITIVE_WORDS,
    PREDICTION,
    RECEIVED,
    SCORE,
    SCORE_WORDS,
    SCORES_PREFIXES,
    SECONDS,
    TIMESTAMP,
    VERSION,
    WEIGHT,
)
from leadline.values import Scalar

Seconds = np.ndarray[Any, np.dtype[np.float64]]
SAMPLE_ROWS: Final = 10_000
MAX_SLICES: Final = 5
GIVEN: Final = "as given"


@dataclass(frozen=True, slots=True)
class Role:
    """A column and the part it is guessed to play, with the reason."""

    role: str
    column: str
    reason: str

    def __str__(self) -> str:
        return f"{self.role}: `{self.column}`, {self.reason}"


@dataclass(frozen=True, slots=True)
class Guess:
    """What a sample was taken for.

    predictions    which table holds the predictions
    outcomes       which holds the outcomes: the same where they stand in one table; None where no label was found
    roles          of the predictions' columns; `outcome_roles` of the outcomes'
    scores         multiclass: class and column
    where          the condition for rows that are labels, if the outcomes have several kinds
    features       columns with no other part
    slices         columns that may part the rows
    missing        what could not be found and is needed, with what to do
    notes          what else a reader must know of the guess
    """

    task: Task
    task_reason: str
    predictions: int
    outcomes: int | None
    roles: tuple[Role, ...]
    outcome_roles: tuple[Role, ...]
    scores: tuple[tuple[str, str], ...] = ()
    scores_list: tuple[str, tuple[str, ...]] | None = None
    positive: Scalar = None
    positive_reason: str = ""
    where: str | None = None
    matures_after: timedelta | None = None
    matures_reason: str = ""
    features: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def column(self, role: str) -> str | None:
        """The column of the predictions that plays `role`, if one was found."""
        return next((each.column for each in self.roles if each.role == role), None)

    def outcome_column(self, role: str) -> str | None:
        """The column of the outcomes that plays `role`, if one was found."""
        return next((each.column for each in self.outcome_roles if each.role == role), None)

    @property
    def sentences(self) -> tuple[str, ...]:
        """All that was guessed, one sentence each; what is missing comes last."""
        said = [f"task: {self.task}, {self.task_reason}"]
        said += [str(each) for each in self.roles]
        if self.scores:
            said.append(f"scores: {', '.join(f'`{column}` for {name}' for name, column in self.scores)}")
        if self.scores_list:
            said.append(f"scores: `{self.scores_list[0]}`, a list with one score for each class")
        said += [f"outcome {each}" for each in self.outcome_roles]
        if self.positive is not None:
            said.append(f"positive: {self.positive!r}, {self.positive_reason}")
        if self.matures_after is not None:
            said.append(f"matures_after: {self.matures_reason}")
        if self.slices:
            said.append(f"slices: {', '.join(f'`{name}`' for name in self.slices)}, columns with few values")
        return (*said, *self.notes, *self.missing)


def guess(
    tables: Sequence[pa.Table],
    task: Task | None = None,
    named: Mapping[str, str] | None = None,
    *,
    given_order: bool = False,
) -> Guess:
    """Guess the declaration for one table, or for predictions and outcomes in tables of their own.

    tables   samples of at most some ten thousand rows each, with the types of the source
    task     the task, where it is known
    named    columns whose part is known: parts of a prediction, and `label`, `observed_at` and `label_probability` of
             an outcome
    given_order   the first table is known to hold the predictions, the second the outcomes

    Raises ValueError for no table at all.

    >>> log = pa.table({"id": ["a", "b", "c"], "score": [0.2, 0.9, 0.4], "label": [0, 1, 0]})
    >>> print(guess([log]).roles[1])
    score: `score`, decimals in [0, 1]
    """
    if not tables:
        raise ValueError("at least one table is needed")
    tables = [table.slice(0, SAMPLE_ROWS) for table in tables]
    known = [columns(table) for table in tables]
    first, second, notes = (0, 1 if len(known) > 1 else None, []) if given_order else _tell_apart(known)
    return _Guesser(tables, known, first, second, task, named or {}, notes).guess()


def _tell_apart(known: Sequence[Sequence[Column]]) -> tuple[int, int | None, list[str]]:
    """Which table holds predictions, which (if another) holds outcomes."""
    if len(known) == 1:
        return 0, None, []

    def predicts(each: Sequence[Column]) -> tuple[bool, int]:
        keys = {column.key for column in each}
        return bool(keys & {*SCORE, *PREDICTION} or any(_class_columns(each))), len(each)

    first = max(range(len(known)), key=lambda index: (predicts(known[index]), -index))
    ids = {column.key for column in known[first] if _is_id_name(column.key)}
    others = [index for index in range(len(known)) if index != first]

    def tells(index: int) -> tuple[bool, bool, bool, int]:
        keys = {column.key for column in known[index]}
        named = bool(keys & {*LABEL, "value"})
        return bool(keys & ids), named, bool(keys & set(OBSERVED)), -len(known[index])

    second = max(others, key=tells)
    notes = [
        f"table {index + 1}: not used; further outcomes go below feedback, a reference below reference"
        for index in others
        if index != second
    ]
    return first, second, notes


#: parts of an outcome beside its value that may be named
OF_OUTCOMES = ("observed_at", "label_probability")


def _is_id_name(name: str) -> bool:
    return name in ID or name.endswith(("_id", "_uuid"))


class _Guesser:
    """One run of guessing; remembers which columns are taken."""

    def __init__(
        self,
        tables: Sequence[pa.Table],
        known: Sequence[Sequence[Column]],
        first: int,
        second: int | None,
        task: Task | None,
        named: Mapping[str, str],
        notes: Sequence[str],
    ) -> None:
        self.tables, self.known, self.first, self.second, self.task = tables, known, first, second, task
        self.own = known[first]
        given = {role: Role(role, column, GIVEN) for role, column in named.items()}
        self.roles = {role: each for role, each in given.items() if role not in ("label", *OF_OUTCOMES)}
        self.outcome_roles: dict[str, Role] = {}
        if "label" in given:
            self.outcome_roles["value"] = Role("value", given["label"].column, GIVEN)
        self.outcome_roles |= {role: given[role] for role in OF_OUTCOMES if role in given}
        self.notes = list(notes)
        self.missing: list[str] = []

    def guess(self) -> Guess:
        self.find_id()
        self.find_times()
        scores = _class_columns(self.own)
        taken = {column for _, column in scores}
        self.find_predicted(taken)
        outcomes = self.second if self.second is not None else self.first
        self.find_chance(outcomes)
        where = self.find_label(outcomes, taken)
        task, reason = self.find_task(scores)
        if task != "multiclass" or len(scores) < 2:
            scores = ()
        scores_list = self.find_list(task, scores)
        if task == "multiclass":
            self.roles.pop("score", None)  # one number is not the score of several classes
        self.find_others(taken)
        self.check_predicted(task, scores, scores_list)
        positive, positive_reason = self.find_positive(task, outcomes)
        matures_after, matures_reason = self.find_maturity(outcomes)
        features = self.find_features(taken)
        return Guess(
            task=task,
            task_reason=reason,
            predictions=self.first,
            outcomes=outcomes if "value" in self.outcome_roles else None,
            roles=tuple(self.roles.values()),
            outcome_roles=tuple(self.outcome_roles.values()) if "value" in self.outcome_roles else (),
            scores=scores,
            scores_list=scores_list,
            positive=positive,
            positive_reason=positive_reason,
            where=where,
            matures_after=matures_after,
            matures_reason=matures_reason,
            features=features,
            slices=self.find_slices(features, outcomes),
            missing=tuple(self.missing),
            notes=tuple(self.notes),
        )

    # The parts of a prediction

    def free(self, index: int | None = None) -> list[Column]:
        """Columns of a table that play no part yet."""
        index = self.first if index is None else index
        roles = [*self.outcome_roles.values()] if index == self.second else [*self.roles.values()]
        if index == self.first and self.second is None:
            roles += self.outcome_roles.values()
        taken = {role.column for role in roles}
        return [column for column in self.known[index] if column.name not in taken]

    def take(self, role: str, column: Column | None, reason: str) -> None:
        if column is not None:
            self.roles.setdefault(role, Role(role, column.name, reason))

    def take_outcome(self, role: str, column: Column | None, reason: str) -> None:
        if column is not None:
            self.outcome_roles.setdefault(role, Role(role, column.name, reason))

    def find_id(self) -> None:
        found, reason = _id_of(self.own)
        if "id" in self.roles:
            found = next((each for each in self.own if each.name == self.roles["id"].column), None)
        if self.second is not None:
            other = self.known[self.second]
            shared = {column.name for column in other}
            common, _ = _id_of([column for column in self.own if column.name in shared])
            if common is not None and "id" not in self.roles:
                own = "with a value of its own in every row" if common.unique else "an id by its name"
                found, reason = common, f"in both tables, {own}"
            outcome_id = next((each for each in other if found and each.name == found.name), None)
            outcome_id = outcome_id or _id_of(other)[0] or _named(other, ID)
            if outcome_id is not None:
                self.take_outcome("id", outcome_id, "refers to a prediction")
        self.take("id", found, reason)
        if "id" not in self.roles:
            self.missing.append(self.propose_id())

    def propose_id(self) -> str:
        start = "id: no column has a value of its own in every row"
        times = [column for column in self.own if column.kind == "time" and not column.unique]
        texts = [column for column in self.own if column.kind == "text" and column.distinct > 1]
        for time in times[:3]:
            for text in texts[:10]:
                if _pairs(self.tables[self.first], time.name, text.name) == time.rows:
                    both = f"`{text.name}` and `{time.name}` together have"
                    return f"{start}; {both}: make a column of them and name it"
        return f"{start}; add one to the predictions and to the outcomes, such as a UUID, and name it"

    def find_times(self) -> None:
        times = [column for column in self.free() if column.kind == "time"]
        received = _named(times, RECEIVED)
        observed = _named(times, OBSERVED) or _worded(times, OBSERVED_WORDS)
        others = [column for column in times if column not in (received, observed)]
        sensible = [column for column in others if not NOT_TIMESTAMP_WORDS & set(column.key.split("_"))]
        named = _named(sensible, TIMESTAMP)
        found = named or min((column for column in sensible if column.known), key=self.median, default=None)
        found = found or next(iter(sensible or others), None)
        if found is None and "timestamp" not in self.roles and self.second is None:
            found, observed = observed, None
        reason = "a time" if named else "the earliest of the times" if len(times) > 1 else "the only time"
        self.take("timestamp", found, reason)
        self.take("received_at", received, "a time of arrival by its name")
        if self.second is None:
            self.take_outcome("observed_at", observed, "a time that an outcome has, by its name")
        if "timestamp" not in self.roles:
            self.no_time()

    def no_time(self) -> None:
        def is_year(column: Column) -> bool:
            return (
                column.key.endswith("year") and column.whole and column.low is not None and 1900 <= column.low <= 2200
            )

        year = next((column for column in self.own if is_year(column)), None)
        if year is not None:
            self.take("timestamp", year, "whole numbers that are years: each is read as its 1 January")
        else:
            self.missing.append(
                "timestamp: no column is a date or time; add when each prediction was made, and name it"
            )

    def median(self, column: Column) -> float:
        moments = self.tables[self.first].column(column.name).cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        return float(pc.approximate_median(moments).as_py())

    def find_predicted(self, taken: set[str]) -> None:
        free = [column for column in self.free() if column.name not in taken]
        numbers = [column for column in free if column.kind == "number"]
        named = _named(numbers, SCORE)
        score = named or next((each for each in numbers if each.share and SCORE_WORDS & set(each.key.split("_"))), None)
        usable = [each for each in free if each is not score and each.kind in ("text", "number", "boolean")]
        prediction = _named(usable, PREDICTION)
        if prediction is not None and prediction.share and score is None:
            # A decimal in [0, 1] that is called a prediction is a score, unless the label is a decimal too.
            label = _named([column for each in self.known for column in each], LABEL)
            if label is not None and not (label.kind == "number" and not label.whole):
                score, prediction = prediction, None
        if score is not None:
            decimals = (
                "decimals in [0, 1]" if score.low is not None and score.low >= 0 and score.high <= 1 else "numbers"
            )
            self.take("score", score, decimals)
        if prediction is not None:
            self.take("prediction", prediction, f"{_described(prediction)}, by its name")

    def find_chance(self, index: int) -> None:
        """Labels of rows that were chosen are never taken for those of all rows."""
        chance = next((each for each in self.free(index) if each.key == "label_probability"), None)
        self.take_outcome("label_probability", chance, "with which probability its row was chosen, by its name")

    def find_label(self, index: int, taken: set[str]) -> str | None:
        """Fill the outcome's roles; return the condition for labels among several kinds."""
        table = self.known[index]
        if index == self.second:
            times = [column for column in table if column.kind == "time"]
            received = _named(times, RECEIVED)
            rest = [column for column in times if column is not received]
            observed = _named(rest, OBSERVED) or _worded(rest, OBSERVED_WORDS) or next(iter(rest), None)
            if observed is not None:
                reason = "when the outcome was known" if len(rest) == 1 else "the time of the outcome by its name"
                self.take_outcome("observed_at", observed, reason)
            if received is not None:
                self.take_outcome("received_at", received, "a time of arrival by its name")
        free = [
            each for each in self.free(index) if each.name not in taken and each.kind in ("text", "number", "boolean")
        ]
        where = None
        if index == self.second:
            kinds = next(
                (each for each in free if each.key in ("kind", "type", "event") and "label" in each.values), None
            )
            if kinds is not None and kinds.distinct > 1:
                quoted = '"' + kinds.name.replace('"', '""') + '"' if not kinds.name.isidentifier() else kinds.name
                where = f"{quoted} = 'label'"
            free = [each for each in free if each is not kinds]
        if "value" in self.outcome_roles:
            return where
        found, reason = self.label_of(free, index)
        if found is None:
            self.outcome_roles = {}
            where_to = "the outcomes" if index == self.second else "this table, or give a second one with the outcomes"
            self.missing.append(
                f"outcomes: no column looks like a label; name it below outcomes, or add it to {where_to}"
            )
            return None
        self.take_outcome("value", found, reason)
        return where

    def label_of(self, free: Sequence[Column], index: int) -> tuple[Column | None, str]:
        named = _named(free, LABEL)
        if named is None and index == self.second:
            named = _named(free, ("value", "result"))
        if named is not None:
            return named, f"{_described(named)}, by its name"
        if index == self.second:
            usable = [column for column in free if not _is_id_name(column.key)]
            if len(usable) == 1:
                return usable[0], "the only column of the outcomes with no other part"
        found = self.label_by_prediction(free) if index == self.first else None
        if found is not None:
            return found
        worded = [each for each in free if LABEL_WORDS & set(each.key.split("_")) and 1 < each.distinct <= 100]
        if worded:
            shortest = min(worded, key=lambda each: len(each.key))
            return shortest, f"{_described(shortest)}, by its name"
        return None, ""

    def label_by_prediction(self, free: Sequence[Column]) -> tuple[Column, str] | None:
        """The column that agrees with what was predicted, as a label would."""
        role = self.roles.get("prediction") or self.roles.get("score")
        if role is None:
            return None
        predicted = next(column for column in self.own if column.name == role.column)
        sample = self.tables[self.first]
        if (
            role.role == "prediction"
            and predicted.values
            and not (predicted.kind == "number" and predicted.distinct > 20)
        ):
            alike = [
                each for each in free if each.values and each.distinct > 1 and set(each.values) == set(predicted.values)
            ]
            shares = [(_agreement(sample, each.name, predicted.name), each) for each in alike]
            share, best = max(shares, key=lambda pair: pair[0], default=(0.0, None))
            if best is not None and share >= 0.5:
                return best, f"agrees with `{predicted.name}` in {100 * share:.0f} % of the rows"
            return None
        regression = role.role == "prediction"
        usable = [
            each
            for each in free
            if (each.kind == "number" and not each.zero_one and regression) or (each.zero_one and not regression)
        ]
        close = [(_correlation(sample, each.name, predicted.name), each) for each in usable if each.distinct > 1]
        strength, nearest_ = max(close, key=lambda pair: pair[0], default=(0.0, None))
        if nearest_ is not None and strength >= (0.5 if regression else 0.15):
            return nearest_, f"goes with `{predicted.name}` more than any other column (correlation {strength:.2f})"
        return None

    def find_others(self, taken: set[str]) -> None:
        free = [column for column in self.free() if column.name not in taken]
        self.take("version", _named([each for each in free if each.distinct <= 100], VERSION), "by its name")
        weight = _named(
            [each for each in free if each.kind == "number" and (each.low is None or each.low >= 0)], WEIGHT
        )
        self.take("weight", weight, "numbers from 0, by its name")
        self.find_service(free)
        entity = _named(free, ENTITY) or next((each for each in free if _repeats(each)), None)
        if entity is not None:
            self.take("entity", entity, f"{entity.distinct} different in {entity.rows} rows: whom the rows are about")

    def find_service(self, free: Sequence[Column]) -> None:
        """Latency and errors. A number that does not say its unit, or another one, is told and not taken."""
        sizes = [each for each in free if each.kind == "number" and (each.low is None or each.low >= 0)]
        seconds = _named(sizes, [f"{word}_{unit}" for word in LATENCY_WORDS for unit in SECONDS])
        self.take("latency_s", seconds, "numbers from 0, seconds by its name")
        units = {
            f"{word}_{unit}": name for name, units in OTHER_UNITS.items() for unit in units for word in LATENCY_WORDS
        }
        other, bare = _named(sizes, tuple(units)), _named(sizes, LATENCY_WORDS)
        if seconds is None and other is not None:
            self.notes.append(
                f"latency_s: `{other.name}` reads as {units[other.key]}: make a column of seconds of it and name that"
            )
        elif seconds is None and bare is not None:
            self.notes.append(f"latency_s: `{bare.name}` does not say its unit: name it there if it is in seconds")
        flags = [each for each in free if each.zero_one or (each.kind == "text" and each.known < each.rows / 2)]
        error = _named(flags, ERROR)
        if error is not None:
            text = "text where a prediction failed, by its name"
            self.take("error", error, text if error.kind == "text" else f"{_described(error)}, by its name")

    # The task

    def label(self) -> Column | None:
        role = self.outcome_roles.get("value")
        table = self.own if self.second is None else self.known[self.second]
        return next((each for each in table if role is not None and each.name == role.column), None)

    def predicted(self) -> Column | None:
        role = self.roles.get("prediction")
        return next((each for each in self.own if role is not None and each.name == role.column), None)

    def find_task(self, scores: Sequence[tuple[str, str]]) -> tuple[Task, str]:
        if self.task is not None:
            return self.task, "as given"
        label, prediction = self.label(), self.predicted()
        if len(scores) > 2:
            return "multiclass", f"there are scores of {len(scores)} classes"
        for column, what in ((label, "the label"), (prediction, "the prediction")):
            if column is not None and column.known:
                found = self.task_of(column, what)
                if found is not None:
                    return found
        if "score" in self.roles or len(scores) == 2:
            return "binary", "there is a score"
        return "binary", "for want of a label and a prediction that say otherwise"

    def task_of(self, column: Column, what: str) -> tuple[Task, str] | None:
        prediction = self.predicted()
        if column.zero_one:
            return "binary", f"{what} is {'true or false' if column.kind == 'boolean' else '0 or 1'}"
        if column.kind == "text":
            kind: Task = "binary" if column.distinct <= 2 else "multiclass"
            return kind, f"{what} has {column.distinct} different values"
        if column.kind != "number":
            return None
        decimal = prediction is not None and prediction.kind == "number" and not prediction.whole
        if not column.whole or column.distinct > 20 or decimal:
            return "regression", f"{what} is a number with many values"
        if column.distinct == 2:
            return "binary", f"{what} has 2 different values"
        return "multiclass", f"{what} has {column.distinct} different whole numbers"

    def find_list(self, task: Task, scores: Sequence[tuple[str, str]]) -> tuple[str, tuple[str, ...]] | None:
        """A list column with one score for each class, in the sorted order of the label's values."""
        if task != "multiclass" or scores:
            return None
        lists = [column for column in self.own if column.kind == "list"]
        found = _named(lists, (*SCORE, "scores", "probas", "probabilities", "probs"))
        label = self.label()
        if found is None or label is None or not label.values:
            return None
        lengths = pc.list_value_length(self.tables[self.first].column(found.name))
        if not found.known or set(pc.unique(lengths.drop_null()).to_pylist()) != {label.distinct}:
            self.notes.append(f"scores: `{found.name}` is a list, but not of one number for each class of the sample")
            return None
        self.notes.append(f"scores: the classes of `{found.name}` are written in the order of the alphabet; check it")
        return found.name, tuple(str(value) for value in sorted(label.values))

    def check_predicted(
        self, task: Task, scores: Sequence[tuple[str, str]], scores_list: tuple[str, tuple[str, ...]] | None
    ) -> None:
        has = {"score", "prediction"} & self.roles.keys()
        if task == "regression" and "prediction" not in has:
            score = self.roles.pop("score", None)
            if score is not None:
                self.roles["prediction"] = Role("prediction", score.column, "a number, and the label is one too")
            else:
                self.missing.append("prediction: no column looks like what the model predicted; name it")
        elif task == "multiclass" and "prediction" not in has and not scores and scores_list is None:
            self.missing.append(
                "prediction: no column looks like the predicted class; name it, or the scores of all classes"
            )
        elif task == "binary" and not has:
            self.missing.append("score: no column looks like the model's score or prediction; name one of them")
        if task == "regression":
            self.roles.pop("score", None)

    def find_positive(self, task: Task, index: int) -> tuple[Scalar, str]:
        label = self.label()
        if task != "binary" or label is None or not label.known:
            return None, ""
        if label.kind == "boolean":
            return True, "the label is true or false"
        if label.zero_one:
            return 1, "the label is 0 or 1"
        values = [value for value in label.values if isinstance(value, str | int | float)][:2]
        for value in values:
            others = {str(other).lower() for other in values if other != value}
            if str(value).lower() in POSITIVE_WORDS or (others and others <= NEGATIVE_WORDS):
                return value, f"of {' and '.join(map(repr, values))} it reads as the positive one; check it"
        score = self.roles.get("score")
        if score is not None and index == self.first and len(values) == 2:
            means = {value: _mean_where(self.tables[index], score.column, label.name, value) for value in values}
            best = max(values, key=lambda value: means[value])
            return best, f"its rows have the higher `{score.column}`; check it"
        if not values:
            return None, ""
        return values[-1], "the rarer of the two values; check it"

    def find_maturity(self, index: int) -> tuple[timedelta | None, str]:
        """After how long nearly all labels of the sample had come."""
        made, known = self.roles.get("timestamp"), self.outcome_roles.get("observed_at")
        label = self.outcome_roles.get("value")
        if made is None or known is None or label is None or any(each.startswith("timestamp") for each in self.missing):
            return None, ""
        delays = self.delays(index, made.column, known.column)
        if len(delays) < 2:
            return None, ""
        late = float(np.quantile(delays, 0.95))
        if late > LONGEST_DAYS * 86400:
            return None, ""  # no wait, but a time that stands for none
        unit, seconds = ("d", 86400) if late > 86400 / 2 else ("h", 3600)
        count = max(0, math.ceil(late / seconds))
        wait = timedelta(seconds=count * seconds)
        return wait, f"{count}{unit}, for 95 % of the labels of the sample came within that time"

    def delays(self, index: int, made: str, known: str) -> Seconds:
        """Seconds from prediction to outcome, for the rows of the sample that have both."""
        first, second = _seconds(self.tables[self.first].column(made)), _seconds(self.tables[index].column(known))
        if index == self.first:
            difference = second - first
            return difference[np.isfinite(difference)]
        own, other = self.roles.get("id"), self.outcome_roles.get("id")
        if own is None or other is None:
            return np.array([])
        moments = dict(zip(_texts(self.tables[self.first].column(own.column)), first, strict=True))
        ids = _texts(self.tables[index].column(other.column))
        difference = np.array([when - moments.get(name, math.nan) for name, when in zip(ids, second, strict=True)])
        return difference[np.isfinite(difference)]

    # The rest

    def find_features(self, taken: set[str]) -> tuple[str, ...]:
        return tuple(
            column.name
            for column in self.free()
            if column.name not in taken and column.kind in ("text", "number", "boolean") and column.known
        )

    def find_slices(self, features: Sequence[str], index: int) -> tuple[str, ...]:
        """Columns with few values, none of them nearly everywhere; not those that spell out the label."""
        label = self.label() if index == self.first else None
        found = []
        for column in self.own:
            few = 2 <= column.distinct <= 50 and column.top <= 0.98 and column.known >= column.rows / 2
            words = column.kind == "boolean" or (column.kind == "text" and _short(column.values))
            if column.name not in features or not few or not words:
                continue
            if label is not None and label.distinct > 1 and label.values:
                table = self.tables[index]
                if _pairs(table, column.name, label.name) == column.distinct:
                    self.notes.append(f"`{column.name}` spells out the label: it can be no feature, and is no slice")
                    continue
            found.append(column.name)
        return tuple(found[:MAX_SLICES])


# What is asked of columns -------------------------------------------------------------------------------------------


def _named(known: Iterable[Column], names: Sequence[str]) -> Column | None:
    """The column with the surest of `names`."""
    order = {name: place for place, name in enumerate(names)}
    return min((column for column in known if column.key in order), key=lambda each: order[each.key], default=None)


def _worded(known: Iterable[Column], words: set[str]) -> Column | None:
    return next((column for column in known if words & set(column.key.split("_"))), None)


def _id_of(known: Sequence[Column]) -> tuple[Column | None, str]:
    """The column that identifies a row, and the reason."""
    usable = [
        column for column in known if column.kind in ("text", "other") or (column.kind == "number" and column.whole)
    ]
    named = _named(usable, ID)
    if named is not None and (named.kind == "other" or named.rows == 0 or named.distinct >= 0.95 * named.rows):
        return named, "a value of its own in every row" if named.unique else "an id by its name"
    unique = [column for column in usable if column.unique and column.kind != "other"]
    called = [column for column in unique if _is_id_name(column.key)]
    if called:
        return called[0], "a value of its own in every row"
    if len(unique) == 1 and unique[0].rows > 1:
        return unique[0], "the only column with a value of its own in every row"
    return None, ""


def _repeats(column: Column) -> bool:
    """An id that stands in several rows, as that of a user does."""
    return _is_id_name(column.key) and 10 < column.distinct < column.known


def _described(column: Column) -> str:
    if not column.known:
        return "empty in the sample"
    if column.kind == "boolean":
        return "true or false"
    if column.zero_one:
        return "0 or 1"
    if column.values and column.distinct <= 20:
        return f"{column.distinct} different values"
    return "numbers" if column.kind == "number" else "text"


def _short(values: Sequence[Any]) -> bool:
    return all(len(value) <= 40 for value in values if isinstance(value, str))


def _class_columns(known: Sequence[Column]) -> tuple[tuple[str, str], ...]:
    """Columns such as p_cat, p_dog: class and column."""
    for prefix in SCORES_PREFIXES:
        found = [
            (column.name[len(prefix) :], column.name)
            for column in known
            if column.name.lower().startswith(prefix)
            and len(column.name) > len(prefix)
            and column.kind == "number"
            and column.low is not None
            and column.low >= 0
            and column.high <= 1
        ]
        if len(found) >= 2:
            return tuple(found)
    return ()


def _pairs(table: pa.Table, *names: str) -> int:
    """Different combinations of values of these columns."""
    arrays = [plain(table.column(name)) for name in names]
    numbered = pa.table(dict(zip("ab", arrays, strict=True)))
    return len(numbered.group_by(["a", "b"]).aggregate([]))


def _agreement(table: pa.Table, first: str, second: str) -> float:
    left, right = (_comparable(plain(table.column(name))) for name in (first, second))
    if left.type != right.type:
        left, right = left.cast(pa.string()), right.cast(pa.string())
    share = pc.mean(pc.equal(left, right)).as_py()
    return 0.0 if share is None else float(share)


def _comparable(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """True and 1 are the same label."""
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    return array.cast(pa.float64(), safe=False) if pa.types.is_integer(array.type) else array


def _correlation(table: pa.Table, first: str, second: str) -> float:
    pair = [
        _comparable(plain(table.column(name))).cast(pa.float64(), safe=False).to_numpy() for name in (first, second)
    ]
    both = np.isfinite(pair[0]) & np.isfinite(pair[1])
    left, right = pair[0][both], pair[1][both]
    if len(left) < 3 or left.std() == 0 or right.std() == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def _mean_where(table: pa.Table, number: str, label: str, value: Any) -> float:
    rows = pc.equal(plain(table.column(label)), pa.scalar(value))
    mean = pc.mean(plain(table.column(number)).filter(rows)).as_py()
    return -math.inf if mean is None else float(mean)


def _seconds(array: pa.ChunkedArray) -> Seconds:
    micro = array.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).cast(pa.float64(), safe=False)
    seconds: Seconds = np.asarray(micro.to_numpy(), dtype=np.float64) / 1e6
    return seconds


def _texts(array: pa.ChunkedArray) -> list[str | None]:
    return [None if value is None else str(value) for value in plain(array).to_pylist()]
