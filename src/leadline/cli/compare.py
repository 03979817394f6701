"""`leadline compare`: two versions, two periods or two tables side by side, printed as asked."""

from __future__ import annotations

import json
import sys

from leadline.cli.commands import CompareSettings, declared_place
from leadline.cli.terminal import Progress, rendered, write
from leadline.evaluation.compare import compare
from leadline.evaluation.discrepancy import discrepancy
from leadline.evaluation.row_parity import row_parity
from leadline.quality.row_parity import ABSOLUTE, RELATIVE
from leadline.report.compare import CompareReport
from leadline.report.tables import TablesContent, TablesReport, tables_document
from leadline.values import InputError

DECLARATIONS = (".yaml", ".yml")
ROW_BY_ROW = ("--absolute", "--relative", "--entity", "--order")


def run(progress: Progress, asked: CompareSettings) -> int:
    """Compare and print. A difference is no breach: it exits with 0, unless --exit-code asks for another code."""
    return _tables(progress, asked) if len(asked.paths) > 1 else _sides(progress, asked)


# Two versions or periods of a log -----------------------------------------------------------------------------------


def _sides(progress: Progress, asked: CompareSettings) -> int:
    _refuse(_of_tables(asked), "is for two tables: leadline compare TRAINING PRODUCTION")
    if asked.paths and not asked.by and not asked.periods and not asked.paths[0].endswith(DECLARATIONS):
        raise InputError(
            f"{asked.paths[0]!r} is one table: name the other too, leadline compare TRAINING PRODUCTION;"
            " or a declaration with --by or --periods"
        )
    path = declared_place(asked.paths[0] if asked.paths else None, "compare")
    versions = None
    if asked.by is not None:
        column, *names = asked.by
        if column != "version":
            raise InputError(f"--by {column}: only versions are compared so, write --by version OLD NEW")
        versions = names[0], names[1]
    if (versions is None) == (asked.periods is None):
        raise InputError(
            "say what to compare: --by version OLD NEW, or --periods A..B C..D, or two tables, TRAINING PRODUCTION"
        )
    with progress as told:
        told("reading the declaration")
        found = compare(path, versions=versions, periods=asked.periods, as_of=asked.as_of, progress=told)
        told("computing the figures")
        content = found.content
    if asked.format == "json":
        write(found.to_json(indent=2) + "\n")
    elif asked.format == "csv":
        write(found.to_csv())
    else:
        write(rendered(CompareReport(content), sys.stdout.isatty()), people=True)
    return 0


# Two tables ---------------------------------------------------------------------------------------------------------


def _of_tables(asked: CompareSettings) -> dict[str, bool]:
    """The options that are for tables, and whether each is given."""
    given = {
        f"--{name}": getattr(asked, name) is not None
        for name in ("id", "columns", "absolute", "relative", "entity", "order")
    }
    return {**given, "--exit-code": asked.exit_code}


def _refuse(given: dict[str, bool], why: str) -> None:
    for name, is_given in given.items():
        if is_given:
            raise InputError(f"{name} {why}")


def _tables(progress: Progress, asked: CompareSettings) -> int:
    of_logs = {"--by": asked.by, "--periods": asked.periods, "--as-of": asked.as_of}
    _refuse(
        {name: value is not None for name, value in of_logs.items()},
        "is for one declaration; two tables are compared without it",
    )
    if len(asked.paths) > 2:
        raise InputError(
            f"two tables are compared, and {len(asked.paths)} paths are given: put a glob in quotes, 'train/*.parquet'"
        )
    for path in asked.paths:
        if path.endswith(DECLARATIONS):
            raise InputError(f"{path!r} is a declaration: two tables are files of rows, and need none")
    if asked.format == "csv":
        raise InputError("--format csv is for versions and periods; of two tables there is text and json")
    if asked.id is None:
        row_by_row = {name: is_given for name, is_given in _of_tables(asked).items() if name in ROW_BY_ROW}
        _refuse(row_by_row, "needs --id COLUMN: it is asked of rows with the same id")
    training, production = asked.paths
    columns = None if asked.columns is None else [each.strip() for each in asked.columns.split(",") if each.strip()]
    if columns is not None and not columns:
        raise InputError("--columns names none: write --columns age,country")
    with progress as told:
        told("comparing the columns")
        found = discrepancy(training, production, columns, leave_out=() if asked.id is None else (asked.id,))
        rows = None
        if asked.id is not None:
            told("comparing the rows")
            rows = row_parity(
                production,
                training,
                asked.id,
                columns=columns,
                entity=asked.entity,
                order=asked.order,
                absolute=ABSOLUTE if asked.absolute is None else asked.absolute,
                relative=RELATIVE if asked.relative is None else asked.relative,
                names=("production", "training"),
            )
    content = TablesContent(training, production, found, rows)
    if asked.format == "json":
        write(json.dumps(tables_document(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        write(rendered(TablesReport(content), sys.stdout.isatty()), people=True)
    return 1 if asked.exit_code and not content.agrees else 0
