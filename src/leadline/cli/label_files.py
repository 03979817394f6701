"""The files of labelling: what was chosen, what people fill in, what was imported. None is ever overwritten.

Beside the declaration, in `labels/`: `chosen-*.parquet`, a log of which rows were chosen with which probability, and,
unless the declared outcomes are elsewhere, `imported-*.parquet`, the labels as outcomes. Each run adds a file.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from leadline.estimate.labelling import Choice
from leadline.log.chance import CHANCE
from leadline.log.columns import text_of
from leadline.spec.fields import Files
from leadline.spec.model import Spec
from leadline.values import InputError, Scalar, Window

DIRECTORY = "labels"
#: columns of a file for people beside those of the log
ASSIGNED, DUE, LABEL = "assigned_to", "due", "label"
#: how far a probability may be from the logged one: spreadsheets write what they show, in few digits
ROUNDED = 5e-3
#: the words that people write for the two classes of a binary model that declares no other
WORDS = {"1": True, "1.0": True, "true": True, "yes": True, "0": False, "0.0": False, "false": False, "no": False}


# What was chosen ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choices:
    """All rows that were ever chosen for a declaration.

    probabilities  id (as text) → the largest probability with which the row was chosen
    seeds          the seeds that were used
    id_type        the type of the ids in the predictions, as Arrow calls it
    """

    probabilities: Mapping[str, float]
    seeds: frozenset[int]
    id_type: str = "string"


def read_choices(declaration: Path) -> Choices:
    """The log of choices beside a declaration; empty where there is none."""
    found: dict[str, float] = {}
    seeds, kind = set(), "string"
    for file in sorted((declaration.parent / DIRECTORY).glob("chosen-*.parquet")):
        table = _parquet(file)
        try:
            ids, chances = table.column("id").to_pylist(), table.column(CHANCE).to_pylist()
            seeds |= set(table.column("seed").to_pylist())
            kind = next(iter(table.column("id_type").to_pylist()), kind)
        except KeyError as problem:
            raise InputError(f"{str(file)!r} is no log of choices: {problem}") from None
        for key, chance in zip(ids, chances, strict=True):
            found[key] = max(chance, found.get(key, 0.0))
    return Choices(found, frozenset(seeds), kind)


def write_choices(
    declaration: Path, chosen: Mapping[str, float], policy: str, seed: int, window: Window, id_type: str
) -> Path:
    """Add a file to the log of choices."""
    count = len(chosen)
    now = datetime.now(UTC)
    columns = {
        "id": pa.array(list(chosen), pa.string()),
        CHANCE: pa.array(list(chosen.values()), pa.float64()),
        "policy": pa.array([policy] * count, pa.string()),
        "seed": pa.array([seed] * count, pa.int64()),
        "window_start": pa.array([window.start] * count, pa.timestamp("us", "UTC")),
        "window_end": pa.array([window.end] * count, pa.timestamp("us", "UTC")),
        "chosen_at": pa.array([now] * count, pa.timestamp("us", "UTC")),
        "id_type": pa.array([id_type] * count, pa.string()),
    }
    return _write_parquet(pa.table(columns), declaration.parent / DIRECTORY / f"chosen-{_stamp(now)}.parquet")


# What people fill in ------------------------------------------------------------------------------------------------


def write_rows(out: Path, spec: Spec, found: Choice, people: Sequence[str], due: date | None) -> None:
    """The rows to be labelled, as CSV or Parquet: the columns of the log, then those of labelling."""
    ours = (CHANCE, ASSIGNED, DUE, LABEL)
    table = found.table.drop_columns([name for name in found.table.column_names if name in ours])
    ids = [key for key in found.probabilities if key not in found.labelled]
    count = len(ids)
    columns = {
        CHANCE: pa.array([found.probabilities[key] for key in ids], pa.float64()),
        ASSIGNED: pa.array([people[place % len(people)] if people else None for place in range(count)], pa.string()),
        DUE: pa.array([due] * count, pa.date32()),
        LABEL: pa.nulls(count, pa.string()),
    }
    for name, values in columns.items():
        table = table.append_column(name, values)
    if out.suffix.lower() == ".parquet":
        _write_parquet(table, out)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(table.column_names)
    writer.writerows([_shown(value, spec) for value in row.values()] for row in table.to_pylist())
    _write_bytes(codecs.BOM_UTF8 + text.getvalue().encode(), out)  # without the mark Excel takes it for Latin-1


def _shown(value: Any, spec: Spec) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return (value.astimezone(spec.zone) if value.tzinfo else value).isoformat()
    return text_of(value) if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Filled:
    """A file that came back.

    labels   id as it was chosen → the label
    empty    rows without a label
    unknown  ids that were never chosen
    """

    labels: Mapping[str, Scalar]
    empty: int
    unknown: tuple[str, ...] = field(default=())


def read_filled(file: Path, spec: Spec, choices: Choices) -> Filled:
    """Read a file with labels, as people's programs write it.

    Raises InputError where it cannot be read, where a row's probability is not the logged one, where a label is none,
    or where one id has two labels.
    """
    rows = list(_rows(file))
    name = spec.predictions.columns.id
    header = list(rows[0][1]) if rows else []
    _require_columns(file, header, name)
    known = _spellings(choices.probabilities)
    labels: dict[str, Scalar] = {}
    empty, unknown = 0, []
    for place, row in rows:
        written = row[name].strip()
        text = row[LABEL].strip()
        if not written and not any(value.strip() for value in row.values()):
            continue  # a line of nothing, as spreadsheets leave at the end
        key = known.get(written) or known.get(_spelt(written))
        if key is None:
            unknown.append(written)
            continue
        _same_chance(row.get(CHANCE, ""), choices.probabilities[key], f"{file}, {place}")
        if not text:
            empty += 1
            continue
        try:
            label = label_of(text, spec)
        except ValueError as problem:
            raise InputError(f"{file}, {place}: {problem}") from None
        if key in labels and labels[key] != label:
            raise InputError(f"{file}, {place}: {written!r} has two labels, {labels[key]!r} and {label!r}: keep one")
        labels[key] = label
    return Filled(labels, empty, tuple(dict.fromkeys(unknown)))


def _rows(file: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row with its place in the file, as text."""
    if not file.is_file():
        raise InputError(f"{str(file)!r}: no such file")
    suffix = file.suffix.lower()
    if suffix in (".xlsx", ".xls", ".ods", ".numbers"):
        raise InputError(f"{str(file)!r} is a spreadsheet: save it as CSV, and import that")
    if suffix == ".parquet":
        for number, row in enumerate(_parquet(file).to_pylist(), start=1):
            yield f"row {number}", {name: _plain(value) for name, value in row.items()}
        return
    lines = _decoded(file).splitlines(keepends=True)
    skipped = 1 if lines and lines[0].lower().startswith("sep=") else 0  # Excel's own first line
    if len(lines) <= skipped:
        raise InputError(f"{str(file)!r} is empty")
    mark = max(",;\t|", key=lines[skipped].count)
    reader = csv.reader(lines[skipped:], delimiter=mark)
    try:
        header = [name.strip() for name in next(reader)]
        for cells in reader:
            if len(cells) > len(header) and any(cells[len(header) :]):
                raise InputError(
                    f"{file}, line {reader.line_num + skipped}: there are more values than columns; a value with"
                    f" {mark!r} in it needs quotes around it"
                )
            filled = [*cells, *[""] * (len(header) - len(cells))]
            yield f"line {reader.line_num + skipped}", dict(zip(header, filled, strict=False))
    except csv.Error as problem:
        raise InputError(f"{file}, line {reader.line_num + skipped}: {problem}") from None


def _plain(value: Any) -> str:
    """A value of a Parquet file as a person would have written it."""
    if value is None or value != value:  # noqa: PLR0124  # NaN
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return text_of(value)


def _decoded(file: Path) -> str:
    """A file's text: UTF-8 or UTF-16 by their marks, else UTF-8, else as Excel writes it in the West."""
    try:
        content = file.read_bytes()
    except OSError as problem:
        raise InputError(f"{str(file)!r} cannot be read: {problem.strerror or problem}") from None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _require_columns(file: Path, header: Sequence[str], name: str) -> None:
    for column in (name, LABEL):
        if column not in header:
            shown = ", ".join(map(repr, header[:10])) or "nothing"
            raise InputError(
                f"{str(file)!r} has no column {column!r}; found {shown}. It is to be the file that"
                " `leadline label next` wrote, with labels in it"
            )


def _spelt(key: str) -> str:
    """An id without what spreadsheets add or take away: a point and zeros at the end, zeros at the beginning."""
    return re.sub(r"[.,]0+$", "", key).lstrip("0") if re.fullmatch(r"\d+([.,]0+)?", key) else key


def _spellings(ids: Mapping[str, float]) -> dict[str, str]:
    """How an id may be written → the id; never one that could be two."""
    by_spelling: dict[str, list[str]] = {}
    for key in ids:
        by_spelling.setdefault(_spelt(key), []).append(key)
    return {text: keys[0] for text, keys in by_spelling.items() if len(keys) == 1} | {key: key for key in ids}


def _same_chance(written: str, logged: float, where: str) -> None:
    """Refuse a row whose probability was changed; what counts is the logged one anyway."""
    text = written.strip()
    if not text:
        return
    try:
        value = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError:
        raise InputError(f"{where}: the {CHANCE} {written!r} is no number; it is not to be changed") from None
    if not abs(value - logged) <= ROUNDED * logged:
        raise InputError(
            f"{where}: the {CHANCE} is {value:g}, but the row was chosen with {logged:.6g}: it is not to be changed,"
            " for figures are only right with the probability with which a row really was chosen"
        )


def label_of(text: str, spec: Spec) -> Scalar:
    """A label as people write it → the value for the outcomes. Raises ValueError where it is none of this task."""
    if spec.task == "regression":
        return _number(text)
    if spec.task == "multiclass":
        return text
    positive = spec.positive
    if positive is None or isinstance(positive, bool):
        truth = WORDS.get(text.lower())
        if truth is None:
            raise ValueError(f"the label {text!r} is none of 1, 0, true, false, yes and no")
        return truth if isinstance(positive, bool) else int(truth)
    if isinstance(positive, int | float):
        return _number(text)
    return positive if text.lower() == positive.lower() else text


def _number(text: str) -> float:
    plain = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    try:
        value = float(plain)
    except ValueError:
        raise ValueError(f"the label {text!r} is no number") from None
    if not abs(value) < float("inf"):
        raise ValueError(f"the label {text!r} is no finite number")
    return value


# What was imported --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Destination:
    """Where labels go.

    directory, pattern  the files: new ones have a stamp instead of the `*`
    columns             our name of a part → the column's name
    declared            whether the declaration reads them from there already
    """

    directory: Path
    pattern: str
    columns: Mapping[str, str]
    declared: bool

    @property
    def ours(self) -> str:
        """The pattern of the files that were imported."""
        return self.pattern.replace("*", "imported-*" if "imported-" not in self.pattern else "*")

    def file(self, now: datetime) -> Path:
        """The name of a new file."""
        return self.directory / self.ours.replace("*", _stamp(now))


def destination(spec: Spec, declaration: Path) -> Destination:
    """Where imported labels are written: among the declared outcomes where these are a directory or a glob of Parquet
    files and labels with probabilities, else beside the declaration."""
    usual = {"id": spec.predictions.columns.id, "value": LABEL, "received_at": "received_at", CHANCE: CHANCE}
    beside = Destination(declaration.parent / DIRECTORY, "imported-*.parquet", usual, declared=False)
    label = spec.label
    if label is None or label.label_probability is None or not isinstance(label.source, Files):
        return beside
    named = {
        "id": label.id,
        "value": label.value,
        "observed_at": label.observed_at,
        "received_at": label.received_at,
        CHANCE: label.label_probability,
    }
    columns = {part: name for part, name in named.items() if name is not None}
    source = Path(label.source.path).expanduser()
    if source.is_dir():
        found = Destination(source, "*.parquet", columns, declared=True)
    elif source.name.count("*") == 1 and source.suffix == ".parquet" and not set("*?[") & set(str(source.parent)):
        found = Destination(source.parent, source.name, columns, declared=True)
    else:
        return beside
    others = [file for file in found.directory.glob("*") if file.suffix in (".csv", ".json", ".arrow")]
    return beside if "://" in label.source.path or (source.is_dir() and others) else found


@dataclass(frozen=True, slots=True)
class Label:
    """An imported label: its value, and the probability of its row as it was then."""

    value: Scalar
    probability: float


def imported(place: Destination, spec: Spec) -> dict[str, Label]:
    """The labels that were imported before: id as text → the latest."""
    found: dict[str, Label] = {}
    names = [place.columns[part] for part in ("id", "value", CHANCE)]
    for file in sorted(place.directory.glob(place.ours)):
        table = _parquet(file)
        if not set(names) <= set(table.column_names):
            raise InputError(
                f"{str(file)!r} has not the columns {', '.join(map(repr, names))}: labels were imported with other"
                " names than are declared now"
            )
        for key, value, chance in zip(*(table.column(name).to_pylist() for name in names), strict=True):
            found[text_of(key)] = Label(label_of(text_of(value), spec), chance)
    return found


def write_labels(place: Destination, rows: Mapping[str, Label], spec: Spec, id_type: str) -> Path:
    """Add a file of labels to the outcomes."""
    now = datetime.now(UTC)
    times = pa.array([now] * len(rows), pa.timestamp("us", "UTC"))
    parts = {
        "id": pa.array(list(rows), pa.string()).cast(_id_type(id_type)),
        "value": pa.array([each.value for each in rows.values()], _value_type(spec)),
        "observed_at": times,
        "received_at": times,
        CHANCE: pa.array([each.probability for each in rows.values()], pa.float64()),
    }
    table = pa.table({name: parts[part] for part, name in place.columns.items()})
    return _write_parquet(_as_others(table, place), place.file(now))


def _id_type(name: str) -> pa.DataType:
    return pa.int64() if name.startswith(("int", "uint")) else pa.string()


def _value_type(spec: Spec) -> pa.DataType:
    """One type for all files of a declaration, whatever their labels are."""
    if spec.task == "regression":
        return pa.float64()
    if spec.task == "multiclass" or isinstance(spec.positive, str):
        return pa.string()
    if isinstance(spec.positive, bool):
        return pa.bool_()
    return pa.int64() if spec.positive is None else pa.float64()


def _as_others(table: pa.Table, place: Destination) -> pa.Table:
    """The table with the types of the files that are there already."""
    there = next(iter(sorted(place.directory.glob(place.pattern))), None)
    if there is None:
        return table
    schema = pq.read_schema(there)
    for name in [name for name in table.column_names if name in schema.names]:
        kind = schema.field(name).type
        try:
            column = table.column(name).cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
            raise InputError(f"labels do not fit the column {name!r} of {str(there)!r}: {problem}") from None
        table = table.set_column(table.column_names.index(name), name, column)
    return table


# Files --------------------------------------------------------------------------------------------------------------


def _stamp(now: datetime) -> str:
    """Rises with time, and never the same twice."""
    return f"{now:%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(2)}"


def _parquet(file: Path) -> pa.Table:
    try:
        return pq.ParquetFile(file).read()
    except (pa.ArrowInvalid, OSError) as problem:
        raise InputError(f"{str(file)!r} cannot be read: {str(problem).strip().splitlines()[0]}") from None


def _write_parquet(table: pa.Table, target: Path) -> Path:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return _write_bytes(sink.getvalue().to_pybytes(), target)


def _write_bytes(content: bytes, target: Path) -> Path:
    """A new file, all of it or nothing; one that is there already is an error."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(2)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content)
        if target.exists():
            raise FileExistsError(None, "it is there already")
        draft.replace(target)
    except OSError as problem:
        draft.unlink(missing_ok=True)
        raise InputError(f"{str(target)!r} cannot be written: {problem.strerror or problem}") from None
    return target
