"""What each command takes. Nothing heavy is imported here, so that `--help` is quick for every command."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

import leadline as package
from leadline.values import InputError, LeadlineError

DEFAULT = "leadline.yaml"
#: objects after which Python looks for cycles of them: as often as it does by itself, that is a tenth of a check's time
RARELY = 10_000, 20, 100
INTERRUPTED = 130  # as shells have it: 128 + SIGINT

EXIT_CODES = """
\b
Exit codes:
  0  all objectives judged, none breached; or none declared
  1  some objective is breached
  2  wrong usage, declaration or input
  3  could not run
  4  none breached, but some have no data or are undefined
"""

EXIT_CODES_OF_COMPARE = """
\b
Exit codes:
  0  compared, whatever was found
  1  with --exit-code: the tables differ
  2  wrong usage, declaration or input
  3  could not run
"""


@dataclass(frozen=True)
class CheckSettings:
    """What `leadline check` was asked for."""

    declaration: str | None
    format: str
    as_of: str | None
    select: tuple[str, ...]
    metrics: str | None
    slices: str | None
    html: str | None
    output: str | None
    allow_no_data: bool
    quiet: bool


@dataclass(frozen=True)
class InitSettings:
    """What `leadline init` was asked for."""

    files: tuple[str, ...]
    output: str
    force: bool
    model: str | None
    timezone: str
    task: str | None


@dataclass(frozen=True)
class PlanSettings:
    """What `leadline plan` was asked for."""

    declaration: str | None
    format: str
    as_of: str | None


@dataclass(frozen=True)
class CompareSettings:
    """What `leadline compare` was asked for: two sides of a log, or two tables."""

    paths: tuple[str, ...]
    by: tuple[str, str, str] | None
    periods: tuple[str, str] | None
    as_of: str | None
    id: str | None
    columns: str | None
    absolute: float | None
    relative: float | None
    entity: str | None
    order: str | None
    exit_code: bool
    format: str


@dataclass(frozen=True)
class NextSettings:
    """What `leadline label next` was asked for."""

    declaration: str | None
    budget: int
    out: str
    assign: str | None
    due: str | None
    window: str
    floor: int
    seed: int
    quiet: bool


@dataclass(frozen=True)
class ImportSettings:
    """What `leadline label import` was asked for."""

    file: str
    declaration: str | None
    quiet: bool


def _run(module: str, quiet: bool, *arguments: Any, function: str = "run") -> int:
    """Load what a command does, and do it. Loading may take a second: progress begins before."""
    with import_module("leadline.cli.terminal").Progress(quiet) as progress:
        code: int = getattr(import_module(f"leadline.cli.{module}"), function)(progress, *arguments)
    return code


class Program(click.Group):
    """Commands in the order in which one needs them; called, it ends the process with the code of DESIGN §7."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def __call__(self, arguments: Sequence[str] | None = None) -> NoReturn:
        """End the process: what a script's entry point calls."""
        gc.set_threshold(*RARELY)
        sys.exit(outcome(arguments))


@click.group("leadline", cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package.__version__, "-V", "--version", message="leadline %(version)s")
def main() -> None:
    """Tells whether a model in production works for its users, and for whom it does not.

    Begin with `leadline demo`; then `leadline init FILE...` on a log of your own, and `leadline check`.
    """


quiet = click.option("-q", "--quiet", is_flag=True, help="No progress.")


@main.command()
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    default=".",
    type=click.Path(exists=True, file_okay=False, writable=True),
    help="Where report.html goes; the current directory by default.",
)
@quiet
def demo(output: str, quiet: bool) -> int:
    """Evaluate a real log that ships with Leadline.

    Flights from New York in 2013: what works, for whom it does not, which labels never come. Needs no network; writes
    report.html.
    """
    return _run("demo", quiet, output)


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-o", "--output", default=DEFAULT, show_default=True, metavar="FILE", help="Where the declaration goes.")
@click.option("--force", is_flag=True, help="Overwrite a declaration that is there already.")
@click.option("--model", metavar="NAME", help="The model's name; that of the directory by default.")
@click.option("--timezone", default="UTC", show_default=True, metavar="ZONE", help="Of days, such as Europe/Berlin.")
@click.option("--task", type=click.Choice(["binary", "multiclass", "regression"]), help="Guessed by default.")
@quiet
def init(
    files: tuple[str, ...], output: str, force: bool, model: str | None, timezone: str, task: str | None, quiet: bool
) -> int:
    """Write a leadline.yaml for your files.

    Reads a sample, says what it guessed, and asks nothing. FILE is Parquet, CSV, JSON or Arrow: predictions,
    or predictions and their outcomes, in any order.
    """
    return _run("init", quiet, InitSettings(files, output, force, model, timezone, task))


@main.command(epilog=EXIT_CODES)
@click.argument("declaration", required=False, metavar="[leadline.yaml]")
@click.option(
    "-f",
    "--format",
    type=click.Choice(["text", "json", "csv", "junit"]),
    default="text",
    show_default=True,
    help="What to print.",
)
@click.option(
    "--as-of", metavar="TIME", help="Only what was known then counts: 2013-12-30, 2013-12-30T12:00:00Z or now."
)
@click.option(
    "--select",
    multiple=True,
    metavar="SELECTOR",
    help="Judge these objectives only: metric:GLOB, or slice:GLOB over 'carrier', 'carrier=B6' or 'all'."
    " Several of one kind: any of them.",
)
@click.option("--metrics", metavar="LIST", help="all, or names with commas, instead of those declared.")
@click.option("--slices", metavar="LIST", help="all: every metric for every slice; or declared slices or columns.")
@click.option("--html", metavar="FILE", help="Write a report as one HTML file too.")
@click.option("-o", "--output", metavar="FILE", help="Write there instead of printing.")
@click.option("--allow-no-data", is_flag=True, help="Exit with 0 where objectives have no data or are undefined.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; as text only what is breached or cannot be judged.")
def check(declaration: str | None, **options: Any) -> int:
    """Evaluate a declaration.

    That is leadline.yaml in the current directory where none is named.
    """
    return _run("check", options["quiet"], CheckSettings(declaration, **options))


@main.group()
def label() -> None:
    """Give people rows to label, and take the labels back.

    From few labels figures are estimated for all rows, because it is known with which probability each row was chosen.
    """


@label.command("next")
@click.argument("declaration", required=False, metavar="[leadline.yaml]")
@click.option("--budget", type=int, required=True, metavar="N", help="How many labels to ask for, in expectation.")
@click.option("-o", "--out", required=True, metavar="FILE", help="Where the rows go: a new .csv or .parquet file.")
@click.option("--assign", metavar="NAMES", help="Whom to ask, with commas between them; rows go to them in turn.")
@click.option("--due", metavar="DAY", help="By when, such as 2013-12-31; written beside each row.")
@click.option(
    "--window",
    default="LAST",
    show_default=True,
    metavar="WINDOW",
    help="Rows of which time: LAST, the report's latest window that is over, or START..END, without END itself.",
)
@click.option("--floor", type=int, default=30, show_default=True, help="Labels for each slice at least, where it can.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed chooses other rows.")
@quiet
def next_(declaration: str | None, **options: Any) -> int:
    """Choose rows for people to label.

    More of those of which the score is unsure, some of all, and enough of each slice. The same call chooses the same
    rows; a larger budget chooses these and more. What was chosen is logged in labels/ beside the declaration.
    """
    settings = NextSettings(declaration, **options)
    return _run("label", options["quiet"], settings, function="run_next")


@label.command("import")
@click.argument("file", metavar="FILE")
@click.argument("declaration", required=False, metavar="[leadline.yaml]")
@quiet
def import_(file: str, declaration: str | None, quiet: bool) -> int:
    """Take back a file that people filled in.

    FILE is what `label next` wrote, with something in the column `label`. Rows that are still empty may be filled in
    later; importing a file twice changes nothing; a label that differs from an earlier one corrects it.
    """
    return _run("label", quiet, ImportSettings(file, declaration, quiet), function="run_import")


@main.command()
@click.argument("declaration", required=False, metavar="[leadline.yaml]")
@click.option(
    "-f", "--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="What to print."
)
@click.option("--as-of", metavar="TIME", help="Only what was known then counts; as for check.")
@quiet
def plan(declaration: str | None, quiet: bool, **options: Any) -> int:
    """Say how long it would take to find out that a promise is broken.

    For each objective and slice: the days until a drop of some size is found, at the volume and the spread that the
    log shows, and what would shorten them.
    """
    return _run("plan", quiet, PlanSettings(declaration, **options))


@main.command()
@click.argument("declaration", required=False, metavar="[leadline.yaml]")
@click.option("--openslo", is_flag=True, help="As OpenSLO v1: a Service, and an SLO an objective.")
@click.option("-o", "--output", metavar="FILE", help="Write there instead of printing.")
def export(declaration: str | None, openslo: bool, output: str | None) -> int:
    """Write a declaration's objectives for other tools.

    A declaration reads them back with `objectives: {openslo: FILE}`.
    """
    if not openslo:
        raise click.UsageError("say in which form: --openslo")
    return _run("export", True, declaration, output)


@main.command()
@click.argument("declaration", required=False, metavar="[leadline.yaml]")
@click.option("--as-of", metavar="TIME", help="Only what was known then counts: the replay ends there.")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What to print.",
)
@quiet
def backtest(declaration: str | None, as_of: str | None, form: str, quiet: bool) -> int:
    """Replay the log as it became known.

    Which objectives would have fired, when, and how long before their window went wrong; and how often three usual
    rules would have cried wolf on the same log. Exits with 0 whatever fired.
    """
    return _run("backtest", quiet, declaration, as_of, form)


@main.command(epilog=EXIT_CODES_OF_COMPARE)
@click.argument("paths", nargs=-1, metavar="[leadline.yaml | TRAINING PRODUCTION]")
@click.option("--by", nargs=3, metavar="version OLD NEW", help="Compare two versions: --by version v1 v2.")
@click.option(
    "--periods", nargs=2, metavar="A..B C..D", help="Compare two periods: 2013-04-01..2013-05-01, without its end."
)
@click.option("--as-of", metavar="TIME", help="Only what was known then counts; as for check. Not of tables.")
@click.option("--id", metavar="COLUMN", help="Compare the tables row by row, too: rows with the same id.")
@click.option("--columns", metavar="LIST", help="Compare these columns of the tables, with commas; else all in both.")
@click.option("--absolute", type=float, metavar="X", help="With --id: numbers may differ by this much; 0.000001.")
@click.option("--relative", type=float, metavar="X", help="And by this share of the number in TRAINING; 0.001.")
@click.option("--order", metavar="COLUMN", help="With --id: look whether a value is that of the row before or after.")
@click.option("--entity", metavar="COLUMN", help="With --order: the row before or after of the same entity.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where the tables differ; drift alone is no difference.")
@click.option(
    "-f",
    "--format",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="What to print. Tables have no csv.",
)
@quiet
def compare(quiet: bool, **options: Any) -> int:
    """Compare two versions of the model, two periods, or two tables.

    Versions and periods: per metric and slice the difference, with its interval; which slices are new, worse, better or
    gone; and how much is who comes and how much how well they are served.

    Tables, such as what the model was trained on and what it gets: what differs by its name, which columns drifted,
    and with --id which rows differ, and why. Each is a file, a directory or a glob in quotes; nothing is declared.
    """
    return _run("compare", quiet, CompareSettings(**options))


@main.command()
def schema() -> int:
    """Print the JSON Schema of leadline.yaml, for editors."""
    return _run("schema", True)


@main.command()
@click.argument("declaration", required=False, metavar="[leadline.yaml]")
@quiet
def doctor(declaration: str | None, quiet: bool) -> int:
    """Say what is installed and what is wrong.

    With a declaration (leadline.yaml here by default) it is evaluated once: how large that is, and what is odd.
    """
    return _run("doctor", quiet, declaration)


def outcome(arguments: Sequence[str] | None = None) -> int:
    """Run the command; problems go to standard error, each as a sentence. LEADLINE_DEBUG=1 shows where."""
    try:
        code = main.main(None if arguments is None else list(arguments), "leadline", standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        return INTERRUPTED
    except LeadlineError as problem:
        _traceback()
        _say(str(problem))
        return problem.exit_code
    except Exception as problem:  # noqa: BLE001  # the edge: a bug ends in a sentence, and never with the code of a verdict
        _traceback()
        _say(
            f"something went wrong inside Leadline ({type(problem).__name__}: {problem});"
            " LEADLINE_DEBUG=1 shows where, please report it"
        )
        return 3
    return code if isinstance(code, int) else 0


def _traceback() -> None:
    if os.environ.get("LEADLINE_DEBUG"):
        traceback.print_exc()


def _say(text: str) -> None:
    click.echo(f"leadline: {text}", err=True)


def place_of(declaration: str | None) -> str | None:
    """The declaration to use; None where none is named and there is none here."""
    return declaration or (DEFAULT if Path(DEFAULT).is_file() else None)


def declared_place(declaration: str | None, command: str) -> str:
    """The declaration to use. Raises InputError where there is none for a command that needs one."""
    path = place_of(declaration)
    if path is None:
        raise InputError(
            f"there is no leadline.yaml here: name one (leadline {command} FILE), or let `leadline init FILE...` write"
            " one from your predictions and outcomes"
        )
    return path
