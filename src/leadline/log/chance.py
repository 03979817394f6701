"""The probability with which a row was chosen for labelling, as it is delivered beside its label (METHODS §2.1)."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from leadline.log.columns import number
from leadline.values import InputError, counted

#: the column of outcomes and of facts
CHANCE = "label_probability"
#: a rarer row would stand for more than a million others, in any figure it is in
LEAST = 1e-6


def chance(column: ir.Value) -> ir.Value:
    """The probability as a double in [LEAST, 1], NULL where there is none that can be used."""
    value = number(column, CHANCE)
    return ibis.ifelse((value >= LEAST) & (value <= 1), value, ibis.null("float64"))


def asked_of(column: ir.Value, label: ir.Value) -> dict[str, ir.Value]:
    """Counts over deliveries: labels, those that say no probability, and those that say one that cannot be used."""
    kind = column.type()
    if kind.is_string():
        said = column.notnull() & (column.strip() != "")
    else:  # NaN is how frames write that there is nothing
        said = number(column, CHANCE).notnull() if kind.is_numeric() else column.notnull()
    return {
        "chance_labels": label.count(),
        "chance_without": (label.notnull() & ~said).sum(),
        "chance_unusable": (label.notnull() & said & chance(column).isnull()).sum(),
    }


def require_usable(found: Mapping[str, int], column: str) -> None:
    """Raise InputError where labels are to be a sample and do not say of which rows.

    found   counts by the names of `asked_of`, without `chance_`; nothing where no probability is declared
    """
    if not found or not found["labels"]:
        return
    place = ("outcomes", "columns", CHANCE)
    if found["unusable"]:
        has = "has" if found["unusable"] == 1 else "have"
        some = f"{found['unusable']:,} of {counted(found['labels'], 'label')} {has}"
        raise InputError(
            f"outcomes: {some} a {column!r} that is no probability: it is to be a number above 0 (from {LEAST:g} on)"
            " and up to 1, with a point and not a comma, as `leadline label next` wrote it",
            place,
        )
    if found["without"] == found["labels"]:
        raise InputError(
            f"outcomes: none of {counted(found['labels'], 'label')} says in {column!r} with which probability its row"
            " was chosen: nobody knows which rows they stand for, so that no figure can be made of them. Choose rows"
            " with `leadline label next`; labels that come for all rows need no label_probability: leave it out",
            place,
        )
