"""Two tables beside each other, such as what a model was trained on and what it gets, as text and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from leadline.quality.fault import Fault, Figure, subject
from leadline.quality.tables import ColumnParity, Discrepancy, Drifted, RowParity, fault_sentence, unread_sentence
from leadline.report import words
from leadline.report.document import SCHEMA
from leadline.report.text import Row, aligned, bullet, question, sentence
from leadline.values import counted

#: columns that are shown one by one
SHOWN = 20
#: names of columns that only one table has
SHOWN_NAMES = 10


@dataclass(frozen=True)
class TablesContent:
    """What a comparison of two tables is shown from.

    training, production   their names, as asked for
    rows                   production on the left, training on the right; None where rows were not compared
    """

    training: str
    production: str
    discrepancy: Discrepancy
    rows: RowParity | None = None

    @property
    def agrees(self) -> bool:
        """Whether there is no fault, no column missing, and all rows that are in both agree. Drift is no fault.

        Where something could not be compared, they do not: `Discrepancy.agrees`, `RowParity.shared_agrees`.
        """
        found = replace(self.discrepancy, not_compared=self.not_compared)
        return found.agrees and (self.rows is None or self.rows.shared_agrees)

    @property
    def not_compared(self) -> tuple[tuple[str, str], ...]:
        """Columns whose values were compared neither as a whole nor row by row."""
        row_by_row = set() if self.rows is None else {each.column for each in self.rows.columns}
        return tuple(each for each in self.discrepancy.not_compared if each[0] not in row_by_row)


# Text ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TablesReport:
    """A comparison of two tables to be printed by Rich."""

    content: TablesContent

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        content, width = self.content, options.max_width
        found = content.discrepancy
        yield Text("What production gets beside what training had", style="bold")
        for side, name, rows in (
            ("training", content.training, found.training_rows),
            ("production", content.production, found.production_rows),
        ):
            yield Text(f"{side}: {words.named(name)}, {counted(rows, 'row')}", style="dim")
        yield from question("What is wrong?")
        yield from sentence(tables_summary(found), width)
        for names, said in ((found.missing, "In production there is no"), (found.further, "Only in production:")):
            if names:
                yield from sentence(f"{said} {_names(names)}.", width)
        for fault in found.faults[:SHOWN]:
            yield from bullet(fault_sentence(fault), fault.next, width)
        yield from _more(len(found.faults), width)
        for told in filter(None, (found.too_few, unread_sentence(content.not_compared))):
            yield from sentence(words.printable(told), width)
        if found.drifted:
            yield from question("What drifted?")
            yield from aligned(
                [_drifted(each) for each in found.drifted[:SHOWN]],
                width,
                right={1, 2, 4, 5},
                elastic=(0, 3),
                head=["column", "distance", "by chance", "most in", "training", "production"],
            )
            yield from _more(len(found.drifted), width)
        if content.rows is not None:
            yield from _row_by_row(content.rows, width)


def tables_summary(found: Discrepancy) -> str:
    """How many columns were compared, and how many have a fault or drifted.

    >>> tables_summary(Discrepancy(100, 100, ("a", "b"), (), (), (), ()))
    '2 columns compared: no fault with a name was found, and none drifted.'
    """
    faults = f"{counted(len(found.faults), 'fault')} found" if found.faults else "no fault with a name was found"
    drifted = f"{counted(len(found.drifted), 'column')} drifted" if found.drifted else "none drifted"
    compared = f"{counted(len(found.columns), 'column')} compared"
    if found.too_few and not (found.faults or found.drifted):
        return f"{compared}."
    return f"{compared}: {faults}, and {drifted}."


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(words.named(each) for each in names[:SHOWN_NAMES])
    return shown + (f" and {len(names) - SHOWN_NAMES:,} more" if len(names) > SHOWN_NAMES else "")


def _more(count: int, width: int) -> Iterator[Text]:
    if count > SHOWN:
        yield from sentence(f"… and {count - SHOWN:,} more.", width, style="dim")


def _drifted(each: Drifted) -> Row:
    figures = (f"{each.js_distance:.3f}", f"{each.floor:.3f}"), (words.percent(each.before), words.percent(each.now))
    return Row(
        (
            Text(words.named(each.column)),
            *map(Text, figures[0]),
            Text(words.named(each.where), style="dim"),
            *(Text(one, style="dim") for one in figures[1]),
        )
    )


def _row_by_row(rows: RowParity, width: int) -> Iterator[Text]:
    yield from question("Row by row")
    for said in rows.matched:
        yield from sentence(words.printable(said), width)
    apart = [each for each in rows.columns if not each.agrees]
    for column in apart[:SHOWN]:
        yield from bullet(column.sentence(rows.left, rows.right), _example(column, rows), width)
    yield from _more(len(apart), width)
    if rows.same:
        yield from sentence(rows.same, width)


def _example(column: ColumnParity, rows: RowParity) -> str:
    """One of the rows that differ."""
    if not column.examples:
        return ""
    key, left, right = column.examples[0]
    ends = [
        f"{'no value' if value is None else repr(value)} in {side}"
        for value, side in ((left, rows.left), (right, rows.right))
    ]
    return f"As in {rows.by} {key}: {', '.join(ends)}."


# JSON ---------------------------------------------------------------------------------------------------------------


def tables_document(content: TablesContent) -> dict[str, Any]:
    """The comparison as JSON's own types."""
    found = content.discrepancy
    return {
        "schema": SCHEMA,
        "training": content.training,
        "production": content.production,
        "training_rows": found.training_rows,
        "production_rows": found.production_rows,
        "agrees": content.agrees,
        "columns": list(found.columns),
        "only_training": list(found.missing),
        "only_production": list(found.further),
        "not_compared": _not_compared(content.not_compared),
        "too_few_rows": found.too_few,
        "faults": [_fault(each) for each in found.faults],
        "drifted": [asdict(each) for each in found.drifted],
        "rows": None if content.rows is None else _rows(content.rows),
    }


def _fault(each: Fault) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "columns": list(each.columns),
        "what": f"{subject(each)}{each.what}",
        "before": each.before,
        "next": each.next,
        "share": each.share,
        "figures": [_figure(one) for one in each.figures],
    }


def _figure(each: Figure) -> dict[str, Any]:
    shares = [hits / rows if rows else None for hits, rows in (each.before or (0, 0), each.now)]
    return {"name": each.name, "training": shares[0], "production": shares[1]}


def _rows(each: RowParity) -> dict[str, Any]:
    """Production is on the left."""
    return {
        "id": each.by,
        "pairs": each.pairs,
        "only_training": each.only_right,
        "only_production": each.only_left,
        "repeated_training": each.repeated_right,
        "repeated_production": each.repeated_left,
        "without_id_training": each.without_right,
        "without_id_production": each.without_left,
        "not_compared": _not_compared(each.not_compared),
        "too_few_rows": each.too_few,
        "columns": [_column(one) for one in each.columns],
    }


def _not_compared(columns: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"column": name, "type": kind} for name, kind in columns]


def _column(each: ColumnParity) -> dict[str, Any]:
    return {
        "column": each.column,
        "rows": each.rows,
        "different": each.different,
        "mismatch": each.mismatch,
        "low": each.low,
        "high": each.high,
        "only_training": each.only_right,
        "only_production": each.only_left,
        "both_missing": each.both_null,
        "types": None if each.types is None else {"training": each.types[1], "production": each.types[0]},
        "cause": each.cause,
        "examples": [{"id": key, "training": right, "production": left} for key, left, right in each.examples],
    }
