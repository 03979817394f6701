"""From the user's predictions and labels to class codes and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from leadline.log.columns import as_text, number, text_of, truth
from leadline.log.profile import Profile
from leadline.log.reading import LABEL, Log, labels
from leadline.spec.model import ListScores, OutcomeTable, Spec
from leadline.values import InputError, Note, Scalar

MOST_CLASSES = 200
#: what is true or false without a declaration, as text
TRUTHS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Codes:
    """How the task's predictions and labels become codes. Binary: 0 negative, 1 positive, 2 missing."""

    task: str
    classes: tuple[str, ...]
    positive: Scalar
    threshold: float
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
            columns = {"prediction_value": value, "predicted": value.isnull().cast("int8")}
            baseline = self._baseline(rows)
            if baseline is not None:
                columns |= {"baseline": baseline, "baseline_predicted": baseline.isnull().cast("int8")}
            return columns
        if self.task == "multiclass":
            return {"predicted": self._class_code(rows).fill_null(self.missing)}
        by_score = (rows.score >= self.threshold).cast("int8") if "score" in rows.columns else None
        columns = {}
        if "prediction" in rows.columns:
            said = truth(rows.prediction, self.positive, "prediction")
            if by_score is not None:
                columns["disagrees"] = (said != by_score).cast("int8")
                said = said.coalesce(by_score)
        else:
            said = by_score
        columns["predicted"] = said.fill_null(2).cast("int8")
        baseline = self._baseline(rows)
        if baseline is not None:
            decided = (baseline >= self.threshold).cast("int8").fill_null(2)
            columns |= {"baseline": baseline, "baseline_predicted": decided}
        return columns

    def _baseline(self, rows: ir.Table) -> ir.Value | None:
        """What the baseline says of each row: a score, or a regression's prediction."""
        if "baseline" in rows.columns:
            return rows.baseline
        return None if self.constant is None else ibis.literal(self.constant, "float64")

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
            text = text_of(value)
            if text not in self.classes:
                raise InputError(f"outcomes.absent: {text!r} is not one of the classes {', '.join(self.classes)}")
            return self.classes.index(text)
        positive, text = self.positive if kind == LABEL else None, text_of(value)
        word = "true" if positive is None else text_of(positive)
        if word not in TRUTHS:
            return int(text == word)
        if text not in TRUTHS:
            where = "outcomes" if kind == LABEL else f"feedback {kind!r}"
            raise InputError(f"{where}: absent: {text!r} is neither true nor false, 1 nor 0")
        return int(TRUTHS[text] == TRUTHS[word])

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


def codes(log: Log, spec: Spec, found: Profile) -> tuple[Codes, tuple[Note, ...]]:
    """The codes of a spec for its log. Raises InputError where the labels do not say which class is positive."""
    notes: list[Note] = []
    _feedback_is_known(spec, found)
    _errors_are_known(spec, found)
    if spec.task == "binary" and spec.label is not None:
        notes += _positive(log, spec, found, spec.label)
    classes = _classes(log, spec) if spec.task == "multiclass" else ()
    absent = {table.name: table.absent for table in spec.outcome_tables}
    constant = spec.baseline.constant if spec.baseline else None
    return Codes(spec.task, classes, spec.positive, spec.predictions.threshold, constant, absent), tuple(notes)


def _feedback_is_known(spec: Spec, found: Profile) -> None:
    """Refuse feedback that is neither boolean nor 0 and 1: it would count as "no"."""
    for table in spec.outcome_tables:
        strange = found.strange_feedback.get(table.name, 0)
        if strange:
            raise InputError(
                f"feedback {table.name!r}: {strange:,} {'value' if strange == 1 else 'values'} in column"
                f" {table.value!r} {'is' if strange == 1 else 'are'} neither true and false nor 1 and 0: make such a"
                " column of them"
            )


def _errors_are_known(spec: Spec, found: Profile) -> None:
    """Refuse numbers such as HTTP's, of which nobody knows which are failures."""
    if found.strange_errors:
        column = spec.predictions.columns.error
        values = f"{found.strange_errors:,} {'value' if found.strange_errors == 1 else 'values'}"
        raise InputError(
            f"predictions.columns.error: {values} in column {column!r} {'is' if found.strange_errors == 1 else 'are'}"
            f' neither 0 nor 1: say which are failures in a proxy, such as {{name: failed, where: "{column} >= 500"}}',
            ("predictions", "columns", "error"),
        )


def _positive(log: Log, spec: Spec, found: Profile, label: OutcomeTable) -> list[Note]:
    """Refuse labels that are neither boolean nor 0 and 1 where no positive class is declared."""
    value, table = labels(log)
    if spec.positive is not None:
        if found.labels["rows"] and not found.labels["positive"]:
            text = f"No label equals the positive class {spec.positive!r}: check `positive`."
            return [Note("positive_never_seen", text)]
        values = found.labels.get("values") or 0
        if values > 2:
            text = f"The labels have {values:,} different values: all but {spec.positive!r} count as negative."
            return [Note("more_than_two_labels", text)]
        return []
    kind = value.type()
    if not (kind.is_boolean() or kind.is_numeric() or kind.is_string() or kind.is_null()):
        raise InputError(f"the labels in column {label.value!r} have the type {kind}: say which value is `positive`")
    low, high = found.labels.get("low"), found.labels.get("high")
    if not found.labels.get("other") and (low is None or high is None or (low >= 0 and high <= 1)):
        return []
    if value.type().is_numeric():
        raise InputError(
            f"the labels in column {label.value!r} are numbers from {low:g} to {high:g},"
            " not 0 and 1: say which is `positive`, or set `task`"
        )
    counts = (
        table.group_by(text=value.cast("string")).aggregate(n=lambda t: t.count()).order_by(ibis.desc("n")).limit(6)
    )
    shown = [row["text"] for row in log.engine.run(counts).to_pylist() if row["text"] is not None]
    raise InputError(
        f"the labels in column {label.value!r} are text such as {', '.join(map(repr, shown))}: say which is `positive`"
    )


def _classes(log: Log, spec: Spec) -> tuple[str, ...]:
    """Classes as declared by the scores, else all that occur, in the order of their text."""
    scores = spec.predictions.columns.scores
    declared = tuple(scores.classes if isinstance(scores, ListScores) else scores or ())
    texts: list[ir.Table] = []
    if spec.label is not None:
        value, table = labels(log)
        texts.append(table.select(text=as_text(value)))
    if "prediction" in log.predictions.columns:
        texts.append(log.predictions.select(text=as_text(log.predictions.prediction)))
    seen: set[str] = set()
    if texts:
        found = (texts[0].union(*texts[1:], distinct=True) if texts[1:] else texts[0].distinct()).limit(
            MOST_CLASSES + 2
        )
        seen = {row["text"] for row in log.engine.run(found).to_pylist() if row["text"] is not None}
    every = (*declared, *sorted(seen - set(declared)))
    if len(every) > MOST_CLASSES:
        raise InputError(
            f"there are more than {MOST_CLASSES} classes, such as {', '.join(map(repr, every[:5]))}:"
            " is this a regression?"
        )
    return every


def _code_of(text: ir.StringValue, classes: tuple[str, ...]) -> ir.Value:
    return ibis.cases(
        *((text == name, ibis.literal(code, "int64")) for code, name in enumerate(classes)), else_=ibis.null("int64")
    )
