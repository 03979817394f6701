"""From the user's predictions and labels to class codes and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from leadline.engine import Engine
from leadline.log.reading import LABEL, Log, number
from leadline.spec.model import ListScores, OutcomeTable, Spec
from leadline.values import InputError, Note, Scalar

MOST_CLASSES = 200


@dataclass(frozen=True)
class Codes:
    """How the task's predictions and labels become codes. Binary: 0 negative, 1 positive, 2 missing."""

    task: str
    classes: tuple[str, ...]
    positive: Scalar
    threshold: float
    thresholds: tuple[float, ...]
    constant: float | None
    absent_values: Mapping[str, Scalar]

    @property
    def missing(self) -> int:
        """The code of a prediction or label that is not there; codes below it are classes (regression: any number)."""
        return {"binary": 2, "regression": 1}.get(self.task, len(self.classes))

    def of_predictions(self, rows: ir.Table) -> dict[str, ir.Value]:
        """`predicted` and what belongs to it. Binary: the prediction decides where present, else score >= threshold."""
        if self.task == "regression":
            value = number(rows.prediction, "prediction")
            return {"prediction_value": value, "predicted": value.isnull().cast("int8")}
        if self.task == "multiclass":
            return {"predicted": self._class_code(rows).fill_null(self.missing)}
        by_score = (rows.score >= self.threshold).cast("int8") if "score" in rows.columns else None
        columns: dict[str, ir.Value] = {}
        if "prediction" in rows.columns:
            said = truth(rows.prediction, self.positive, "prediction")
            if by_score is not None:
                columns["disagrees"] = (said != by_score).cast("int8")
                said = said.coalesce(by_score)
        else:
            said = by_score
        columns["predicted"] = said.fill_null(2).cast("int8")
        if "baseline" in rows.columns or self.constant is not None:
            score = rows.baseline if "baseline" in rows.columns else ibis.literal(self.constant, "float64")
            columns |= {"baseline": score, "baseline_predicted": (score >= self.threshold).cast("int8").fill_null(2)}
        return columns

    def of_outcomes(self, rows: ir.Table, kind: str, column: str) -> dict[str, ir.Value]:
        """KIND_code: a class code, 1 or 0, or the number of a regression; NULL where the label is."""
        value = rows[column]
        if kind != LABEL:
            code = truth(value, None, kind)
        elif self.task == "regression":
            code = number(value, "label")
        elif self.task == "binary":
            code = truth(value, self.positive, "label")
        else:
            code = _code_of(as_text(value), self.classes)
        return {f"{kind}_code": code}

    def finished(self, kind: str, code: ir.Value) -> dict[str, ir.Value]:
        """The column of facts that a kind's code becomes."""
        if kind != LABEL:
            return {f"hit_{kind}": code}
        if self.task == "regression":
            return {"label_value": code, "actual": code.isnull().cast("int8")}
        return {"actual": code.fill_null(self.missing).cast("int16")}

    def absent(self, kind: str) -> int | float | None:
        """What a missing outcome means once its row is mature, as a code; None where it means nothing."""
        value = self.absent_values.get(kind, "unknown")
        if value == "unknown":
            return None
        if kind == LABEL and self.task == "regression":
            return float(value)  # type: ignore[arg-type]  # the spec takes numbers only here
        if kind == LABEL and self.task == "multiclass":
            text = _text(value)
            if text not in self.classes:
                raise InputError(f"outcomes.absent: {text!r} is not one of the classes {', '.join(self.classes)}")
            return self.classes.index(text)
        positive = self.positive if kind == LABEL else None
        return int(_text(value) == _text(positive)) if positive is not None else int(_text(value) in ("true", "1"))

    def _class_code(self, rows: ir.Table) -> ir.Value:
        by_score: ir.Value | None = None
        scores = [rows[f"score_{index}"] for index in range(len(self.classes)) if f"score_{index}" in rows.columns]
        if scores:
            best = ibis.greatest(*scores)
            steps = [(score == best, ibis.literal(index, "int64")) for index, score in enumerate(scores)]
            by_score = ibis.cases(*steps, else_=ibis.null("int64"))
        if "prediction" not in rows.columns:
            if by_score is None:
                raise InputError("a multiclass model needs a prediction column or scores of its classes")
            return by_score
        said = _code_of(as_text(rows.prediction), self.classes)
        return said if by_score is None else said.coalesce(by_score)


def codes(log: Log, spec: Spec) -> tuple[Codes, tuple[Note, ...]]:
    """The codes of a spec for its log; reads the labels' values where the declaration does not settle them."""
    label = spec.label
    absent = {table.name: table.absent for table in spec.outcome_tables}
    classes: tuple[str, ...] = ()
    notes: list[Note] = []
    positive = spec.positive
    if spec.task == "binary" and label is not None:
        value, table = _labels(log)
        if value is not None:
            positive, found = _positive(log.engine, value, table, spec.positive, label)
            notes += found
    if spec.task == "multiclass":
        classes = _classes(log, spec)
    constant = spec.baseline.constant if spec.baseline else None
    threshold = spec.predictions.threshold
    return Codes(spec.task, classes, positive, threshold, spec.predictions.thresholds, constant, absent), tuple(notes)


def _labels(log: Log) -> tuple[ir.Value | None, ir.Table]:
    if LABEL in log.outcomes:
        return log.outcomes[LABEL].value, log.outcomes[LABEL]
    table = log.predictions
    return (table[f"value_{LABEL}"] if f"value_{LABEL}" in table.columns else None), table


def _positive(
    engine: Engine, value: ir.Value, table: ir.Table, declared: Scalar, label: OutcomeTable
) -> tuple[Scalar, list[Note]]:
    """The positive class, and a note where it never occurs. Boolean and 0/1 labels need no declaration."""
    kind = value.type()
    if kind.is_boolean() or kind.is_null():
        return declared, []
    if declared is None and kind.is_string():
        text = as_text(value)
        other = table.aggregate(other=(~text.isin(["0", "1", "true", "false"]) & text.notnull()).sum())
        if engine.run(other).to_pylist()[0]["other"]:
            few = (
                table.group_by(text=value.cast("string"))
                .aggregate(n=lambda t: t.count())
                .order_by(ibis.desc("n"))
                .limit(5)
            )
            shown = [row["text"] for row in engine.run(few).to_pylist() if row["text"] is not None]
            raise InputError(
                f"the labels in column {label.value!r} are text such as {', '.join(map(repr, shown))}: say which is `positive`"
            )
        return None, []
    if declared is None:
        other = table.aggregate(other=((value != 0) & (value != 1)).sum(), low=value.min(), high=value.max())
        found = engine.run(other).to_pylist()[0]
        if found["other"]:
            raise InputError(
                f"the labels in column {label.value!r} are numbers from {found['low']} to {found['high']}, not 0 and 1:"
                " say which is `positive`, or set `task`"
            )
        return None, []
    hits = engine.run(table.aggregate(hits=truth(value, declared, label.value).sum(), rows=value.count())).to_pylist()[
        0
    ]
    if hits["rows"] and not hits["hits"]:
        return declared, [
            Note("positive_never_seen", f"No label equals the positive class {declared!r}: check `positive`.")
        ]
    return declared, []


def _classes(log: Log, spec: Spec) -> tuple[str, ...]:
    """Classes as declared by the scores, else all that occur, in the order of their text."""
    scores = spec.predictions.columns.scores
    if isinstance(scores, ListScores):
        declared = tuple(scores.classes)
    else:
        declared = tuple(scores) if scores else ()
    columns: list[tuple[ir.Table, ir.Value]] = []
    value, table = _labels(log)
    if value is not None:
        columns.append((table, value))
    if "prediction" in log.predictions.columns:
        columns.append((log.predictions, log.predictions.prediction))
    seen: set[str] = set()
    for table, value in columns:
        found = table.select(text=as_text(value)).distinct().limit(MOST_CLASSES + 2)
        seen |= {row["text"] for row in log.engine.run(found).to_pylist() if row["text"] is not None}
    every = (*declared, *sorted(seen - set(declared)))
    if len(every) > MOST_CLASSES:
        raise InputError(
            f"there are more than {MOST_CLASSES} classes, such as {', '.join(map(repr, every[:5]))}: is this a regression?"
        )
    return every


def truth(value: ir.Value, positive: Scalar, what: str) -> ir.Value:
    """1 where a value is the positive class, 0 where it is another, NULL where it is missing; as int8."""
    kind = value.type()
    if kind.is_null():
        return ibis.null("int8")
    if positive is None:
        if kind.is_boolean():
            return value.cast("int8")
        if kind.is_numeric():
            return (number(value, what) == 1).cast("int8")
        return as_text(value).isin(["true", "1"]).cast("int8")
    if kind.is_boolean():
        hit = value if _text(positive) in ("true", "1") else ~value
        return hit.cast("int8")
    if kind.is_numeric():
        try:
            return (number(value, what) == float(positive)).cast("int8")
        except ValueError:
            raise InputError(f"`positive` is {positive!r} and the {what} column holds numbers") from None
    text = value.cast("string")
    return ((text.lower() == _text(positive)) if isinstance(positive, bool) else (text == str(positive))).cast("int8")


def as_text(value: ir.Value) -> ir.StringValue:
    """A class as text: true and false in lower case, whole numbers without a point."""
    kind = value.type()
    if kind.is_boolean():
        return ibis.ifelse(value, "true", "false")
    if kind.is_floating() or kind.is_decimal():
        whole = value.cast("float64")
        return ibis.ifelse(whole == whole.floor(), whole.cast("int64").cast("string"), value.cast("string"))
    return value.cast("string")


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _code_of(text: ir.StringValue, classes: tuple[str, ...]) -> ir.Value:
    return ibis.cases(
        *((text == name, ibis.literal(code, "int64")) for code, name in enumerate(classes)), else_=ibis.null("int64")
    )
