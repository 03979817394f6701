"""Which columns the model was given, as numbers and text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from leadline.log.columns import as_text, number
from leadline.spec.fields import Memory
from leadline.spec.model import BinSlice, ColumnSlice, Feature, Spec, WhereSlice
from leadline.values import InputError

#: what the names of features begin with among our columns
FEATURE = "feature_"
#: what those of columns of vectors begin with
VECTOR = f"{FEATURE}vector_"
#: features that are read; the rest of a very wide table is not
MOST_FEATURES = 64
#: how pandas names the index of a frame in the files that it writes: numbers of rows, which tell a model nothing
INDEX = re.compile(r"__index_level_\d+__")
#: columns of vectors that are read
MOST_VECTORS = 8


def features(spec: Spec, table: ir.Table) -> dict[str, ir.Value]:
    """By the user's name: a finite double, or text, NULL where missing.

    Declared ones that the table has; for `auto` all columns with no other part but pandas' index. Times, lists and the
    like are left out.
    """
    declared, names = spec.predictions.features, _named(spec, table)
    types: Mapping[str, Feature] = declared if isinstance(declared, dict) else {}
    found = {}
    for name in names:
        value = _value(table[name], name, types.get(name, Feature()).type)
        if value is not None:
            found[name] = value
    return dict(list(found.items())[:MOST_FEATURES])


def vectors(spec: Spec, table: ir.Table) -> dict[str, ir.Value]:
    """By the user's name, lists of numbers where these are to be looked at: as lists of doubles."""
    if "embeddings" not in spec.multivariate:
        return {}
    found = {}
    for name in _named(spec, table):
        kind = table[name].type()
        if kind.is_array() and kind.value_type.is_numeric():
            found[name] = table[name].cast("array<float64>")
    return dict(list(found.items())[:MOST_VECTORS])


def _named(spec: Spec, table: ir.Table) -> list[str]:
    """Columns of the table that are features, of whatever type."""
    declared = spec.predictions.features
    if declared != "auto":
        return [name for name in declared if name in table.columns]
    taken = _taken(spec)
    return [name for name in table.columns if name not in taken and not INDEX.fullmatch(name)]


def further(spec: Spec, table: ir.Table, known: Mapping[str, ir.Value]) -> dict[str, ir.Value]:
    """What rows can be told apart by beside features, in the same form: columns of declared slices, and the version.

    known   features, which are not named again
    """
    names: dict[str, None] = {}
    for entry in spec.slices:
        for part in spec.parts(entry):
            columns = part.where.columns if isinstance(part, WhereSlice) else (_column(part),)
            names |= dict.fromkeys(columns)
    version = spec.predictions.columns.version
    taken = _taken(spec) - {version}
    names |= dict.fromkeys([version] if version is not None else [])
    found = {}
    for name in names:
        if name in table.columns and name not in taken and name not in known:
            value = _value(table[name], name, "categorical" if name == version else None)
            if value is not None:
                found[name] = value
    return found


def searchable(spec: Spec, names: Iterable[str]) -> frozenset[str]:
    """Those of these columns by which rows may be told apart: none that plays another part, except the version."""
    return frozenset(names) - (_taken(spec) - {spec.predictions.columns.version})


def _column(part: ColumnSlice | BinSlice) -> str:
    return part.column if isinstance(part, ColumnSlice) else part.bin.column


def _value(column: ir.Value, name: str, kind: str | None) -> ir.Value | None:
    stored = column.type()
    if stored.is_null():  # no value in any row: an engine has a type for it all the same
        column, stored = column.cast("string"), dt.string
    if kind in ("categorical", "text"):
        return as_text(column) if stored.is_primitive() or stored.is_string() else None
    if stored.is_boolean() or stored.is_numeric() or kind == "numeric":
        try:
            return number(column, name)
        except InputError:
            return None
    return column if stored.is_string() else None


def _taken(spec: Spec) -> set[str]:
    """Columns that play another part."""
    columns = spec.predictions.columns.model_dump()
    scores = columns.pop("scores", None) or {}
    of_scores = list(scores.values()) if isinstance(scores, dict) else []
    found = {each for each in (*columns.values(), *of_scores) if isinstance(each, str)}
    if spec.baseline is not None and spec.baseline.score is not None:
        found.add(spec.baseline.score)
    for outcome in spec.outcome_tables:
        if _same(outcome.source, spec.predictions.source):
            names = (
                outcome.id,
                outcome.value,
                outcome.observed_at,
                outcome.received_at,
                outcome.label_probability,
            )
            found |= {name for name in names if name is not None}
    return found


def _same(one: object, other: object) -> bool:
    """Whether two sources are one; a frame is wrapped anew at each place where it is named."""
    if isinstance(one, Memory) and isinstance(other, Memory):
        return one.value is other.value
    return one == other
