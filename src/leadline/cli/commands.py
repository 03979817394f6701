"""What each command takes. Nothing heavy is imported here, so that `--help` is quick for every command."""

from __future__ import annotations

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
from leadline.values import LeadlineError

DEFAULT = "leadline.yaml"
INTERRUPTED = 130  # as shells have it: 128 + SIGINT

EXIT_CODES = """
\b
Exit codes:
  0  all objectives judged, none breached
  1  some objective is breached
  2  wrong usage, declaration or input
  3  could not run
  4  none breached, but some have no data or are undefined
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


def _run(module: str, quiet: bool, *arguments: Any) -> int:
    """Load what a command does, and do it. Loading may take a second: progress begins before."""
    with import_module("leadline.cli.terminal").Progress(quiet) as progress:
        code: int = import_module(f"leadline.cli.{module}").run(progress, *arguments)
    return code


class Program(click.Group):
    """Commands in the order in which one needs them; called, it ends the process with the code of DESIGN §7."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def __call__(self, arguments: Sequence[str] | None = None) -> NoReturn:
        """End the process: what a script's entry point calls."""
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
