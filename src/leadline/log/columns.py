"""Values of columns in the forms that facts are made of: finite numbers, truth, text."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from leadline.spec.finite import is_finite
from leadline.values import InputError, Scalar


def number(column: ir.Value, name: str) -> ir.Value:
    """A column as a finite double: NaN and infinity become NULL, for engines differ on how they compare them."""
    kind = column.type()
    if kind.is_boolean():
        return column.cast("int8").cast("float64")
    if kind.is_null():
        return ibis.null("float64")
    if kind.is_string():
        column = column.try_cast("float64")
    elif not kind.is_numeric():
        raise InputError(f"column {name!r} has the type {kind} and is to be a number")
    else:
        column = column.cast("float64")
    if kind.is_integer():
        return column
    return ibis.ifelse(is_finite(column), column, ibis.null("float64"))


def truth(value: ir.Value, positive: Scalar, what: str) -> ir.Value:
    """1 where a value is the positive class, 0 where it is another, NULL where it is missing; as int8.

    True and 1 are positive where the value is boolean or a number and `positive` is a word: a column of decisions
    need not use the words of the labels.
    """
    kind = value.type()
    word = None if positive is None else text_of(positive)
    if kind.is_null():
        return value.cast("int8")
    if kind.is_boolean():
        return (~value if word in ("false", "0") else value).cast("int8")
    if kind.is_numeric():
        return (number(value, what) == _as_number(word)).cast("int8")
    text = value.cast("string")
    if word is None:
        return text.lower().isin(["true", "1"]).cast("int8")
    return ((text.lower() == word) if isinstance(positive, bool) else (text == word)).cast("int8")


def _as_number(word: str | None) -> float:
    """The number that a word stands for; 1 for a word that is none."""
    if word in ("false", "0"):
        return 0.0
    try:
        return 1.0 if word is None else float(word)
    except ValueError:
        return 1.0


def failed(value: ir.Value, name: str) -> ir.Value:
    """Whether a prediction failed, as int8. Of truth and numbers NULL where nothing is said; of text, which may be a
    message, NULL and nothing stand for no failure.
    """
    kind = value.type()
    if kind.is_null():
        return value.cast("int8")
    if kind.is_string():
        return (~value.fill_null("").strip().lower().isin(["", "false", "0"])).cast("int8")
    if not (kind.is_boolean() or kind.is_numeric()):
        raise InputError(f"column {name!r} has the type {kind} and is to say whether a prediction failed")
    return truth(value, None, name)


#: words of a status, in lower case: success; what goes on; what was ended by hand; what never ran
SUCCEEDED = ("success", "successful", "succeeded", "ok", "done", "complete", "completed", "finished", "passed", "true")
RUNNING = (
    *("running", "started", "queued", "pending", "scheduled", "in_progress", "in progress", "waiting", "retrying"),
    *("up_for_retry", "deferred"),
)
CANCELLED = ("cancelled", "canceled", "aborted")
SKIPPED = ("skipped", "omitted")


def succeeded(value: ir.Value, words: Sequence[Scalar] | None, name: str) -> ir.Value:
    """Whether a run succeeded, as int8: 1, 0, or NULL where its status says neither.

    words  values that mean success; those of `SUCCEEDED` where None

    Raises InputError for numbers without `words`.
    """
    kind = value.type()
    if kind.is_null():
        return value.cast("int8")
    if kind.is_boolean() and words is None:
        return value.cast("int8")
    if kind.is_numeric() and words is None:
        raise InputError(f"column {name!r} has numbers: say under `succeeded` which of them mean success, such as [0]")
    text = as_text(value).lower().strip()
    good = SUCCEEDED if words is None else tuple(text_of(word).lower() for word in words)
    neither = [word for word in (*RUNNING, *CANCELLED, *SKIPPED) if word not in good]
    return ibis.cases(
        (text.isin(good), ibis.literal(1, "int8")),
        (text.isin(neither) | (text == ""), ibis.null("int8")),
        (text.notnull(), ibis.literal(0, "int8")),
        else_=ibis.null("int8"),
    )


def has_status(value: ir.Value, words: Sequence[str], succeeded: Sequence[Scalar] | None) -> ir.BooleanValue:
    """Whether the status of a run is one of some words, where these do not mean success."""
    good = () if succeeded is None else tuple(text_of(word).lower() for word in succeeded)
    return as_text(value).lower().strip().isin([word for word in words if word not in good]).fill_null(False)


def as_text(value: ir.Value) -> ir.StringValue:
    """A class or an id as text: true and false in lower case, whole numbers without a point, NaN as NULL."""
    kind = value.type()
    if kind.is_boolean():
        return ibis.cases((value, "true"), (~value, "false"), else_=ibis.null("string"))
    if kind.is_floating() or kind.is_decimal():
        finite = number(value, "")
        whole = (finite == finite.floor()) & (finite.abs() < 2.0**63)
        other = ibis.ifelse(finite.notnull(), value.cast("string"), ibis.null("string"))
        return ibis.ifelse(whole, finite.cast("int64").cast("string"), other)
    return value.cast("string")


def text_of(value: Scalar) -> str:
    """A declared value as text, in the form of `as_text`.

    >>> text_of(True), text_of(2)
    ('true', '2')
    """
    return str(value).lower() if isinstance(value, bool) else str(value)
