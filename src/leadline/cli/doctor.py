"""`leadline doctor`: what is installed, how large an evaluation is, what is wrong and what to do."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from leadline.cells.plan import MOST_CELLS
from leadline.cli.commands import place_of
from leadline.cli.terminal import Progress, show
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.run import evaluate_log
from leadline.report.text import Row, aligned
from leadline.report.words import clock, printable
from leadline.spec import load
from leadline.spec.load import told_with_lines
from leadline.values import LeadlineError, counted

#: Java that Spark 4 needs, and how long it may take to say its version
JAVA = 17
PATIENCE_S = 20
SETTINGS = ("LEADLINE_MEMORY_LIMIT", "LEADLINE_THREADS", "LEADLINE_TEMP_DIRECTORY")
_REQUIREMENT = re.compile(
    r"([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*(?:>=\s*([0-9.]+))?\s*(?:;\s*extra\s*==\s*['\"](\w+)['\"])?"
)


class Findings:
    """Lines under headings, and what is wrong: a sentence with what to do, and the exit code that it asks for."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, list[Row]]] = []
        self.wrong: list[str] = []
        self.code = 0

    def part(self, title: str) -> list[Row]:
        """A new heading, and the list for its lines."""
        self.parts.append((title, []))
        return self.parts[-1][1]

    def complain(self, text: str, code: int) -> None:
        """Note what is wrong. 2 comes before 3 (DESIGN §7)."""
        self.wrong.append(text)
        self.code = code if not self.code else min(self.code, code)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for title, rows in self.parts:
            yield Text(title, style="bold")
            yield from aligned(rows, options.max_width, right=set(), elastic=(1,))
            yield Text()
        if not self.wrong:
            yield Text("✓ nothing is wrong", style="green")
        for each in self.wrong:
            yield Text(f"✗ {each}", style="bold red")


def run(progress: Progress, declaration: str | None) -> int:
    """Look at everything, tell all of it, then exit: 0 where nothing is wrong, 2 or 3 as `check` would."""
    found = Findings()
    machine(found)
    libraries(found)
    spark(found)
    path = place_of(declaration)
    if path is not None:
        try:
            with told_with_lines(path):
                evaluated(found, path, evaluate_log(load(path), progress=progress))
        except LeadlineError as problem:
            found.complain(str(problem), problem.exit_code)
    progress.stop()
    show(found)
    return found.code


# What is installed --------------------------------------------------------------------------------------------------


def machine(found: Findings) -> None:
    """Python, the machine, and the settings that change how an evaluation runs."""
    rows = found.part("Machine")
    rows.append(_row("leadline", metadata.version("leadline")))
    rows.append(_row("Python", f"{platform.python_version()} ({platform.python_implementation()})"))
    rows.append(_row("system", f"{platform.platform(terse=True)}, {counted(os.cpu_count() or 1, 'core')}"))
    directory = Path(os.environ.get("LEADLINE_TEMP_DIRECTORY") or ".").absolute()
    free = shutil.disk_usage(directory if directory.is_dir() else Path.cwd()).free
    rows.append(_row("space to spill", f"{free / 2**30:.1f} GiB in {printable(str(directory))}"))
    rows += [_row(name, printable(os.environ[name])) for name in SETTINGS if os.environ.get(name)]


def libraries(found: Findings) -> None:
    """Each library that is asked for, its version, and whether it is new enough."""
    core, extras = found.part("Libraries"), found.part("Extras")
    for name, least, extra in requirements():
        has = installed(name)
        if has is None and extra is None:
            core.append(_row(name, "missing", "bold red"))
            found.complain(f"{name} is missing: pip install --upgrade leadline", 3)
        elif has is None:
            extras.append(_row(name, f"not installed; if you need it: pip install 'leadline[{extra}]'", "dim"))
        else:
            (core if extra is None else extras).append(_row(name, has))
            if least and numbers_of(has) < numbers_of(least):
                wanted = "leadline" if extra is None else f"'leadline[{extra}]'"
                found.complain(f"{name} {has} is older than {least}: pip install --upgrade {wanted}", 3)
    for name, use in (("pandas", "to_frame() gives pandas frames"),):
        has = installed(name)
        extras.append(_row(name, has) if has else _row(name, f"not installed; {use}: pip install {name}", "dim"))


def requirements() -> Iterator[tuple[str, str | None, str | None]]:
    """Name, lowest version and extra of each library that the package asks for."""
    for line in metadata.requires("leadline") or []:
        read = _REQUIREMENT.match(line)
        if read:
            yield read[1], read[2], read[3]


def installed(name: str) -> str | None:
    """The version that is installed, if one is."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def numbers_of(version: str) -> tuple[int, ...]:
    """The numbers of a release, without what follows them.

    >>> numbers_of("3.0.1rc2") < numbers_of("3.0.10")
    True
    """
    release = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in release[0].split(".")) if release else ()


def spark(found: Findings) -> None:
    """Spark needs Java: which one it would start."""
    if installed("pyspark") is None:
        return
    _, rows = found.parts[-1]
    version = java()
    if version is None:
        rows.append(
            _row("java", f"missing; the engine spark needs {JAVA} (Debian: openjdk-{JAVA}-jre-headless)", "dim")
        )
    elif version < JAVA:
        rows.append(_row("java", str(version)))
        found.complain(f"Java {version} is too old for Spark, which needs {JAVA}: install it, or set JAVA_HOME", 3)
    else:
        rows.append(_row("java", str(version)))


def java() -> int | None:
    """The major version of the Java that Spark would start; None where there is none that runs."""
    home = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if program is None:
        return None
    try:
        said = subprocess.run(  # noqa: S603  # the user's own Java, as Spark would start it
            [program, "-version"], capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r'version "(?:1\.)?(\d+)', said.stderr)
    return int(version[1]) if version else None


# How large an evaluation is -----------------------------------------------------------------------------------------


def evaluated(found: Findings, path: str, evaluation: Evaluation) -> None:
    """The log, and the cells that an evaluation of it makes."""
    spec = evaluation.spec
    rows = found.part(f"{printable(path)}")
    rows.append(_row("model", f"{printable(spec.model)} ({spec.task})"))
    rows.append(
        _row("predictions", f"{evaluation.labels.predictions:,} from {printable(str(spec.predictions.source))}")
    )
    rows.append(_row("as of", clock(evaluation.as_of, ZoneInfo(spec.timezone))))
    rows.append(_row("objectives", f"{len(spec.objectives):,}"))
    sizes = found.part("Cells")
    pieces = {**evaluation.series.pieces}
    total = sum(len(cells) for cells in pieces.values())
    predictions = max(evaluation.labels.predictions, 1)
    for name, cells in sorted(pieces.items(), key=lambda item: -len(item[1])):
        if len(cells):
            sizes.append(
                _row(_named(name, evaluation), f"{len(cells):,}", tail=f"{len(cells) / predictions:.3f} a row")
            )
    sizes.append(_row("all", f"{total:,}", tail=f"{total / predictions:.3f} a row; refused above {MOST_CELLS:,}"))
    for note in evaluation.notes:
        rows.append(Row(tail=Text(printable(note.text), style="yellow")))
    if not spec.objectives:
        found.complain(f"{printable(path)} declares no objectives: nothing is judged; add what you promise", 2)
    if not evaluation.labels.predictions:
        found.complain("there are no predictions: see whether the source and the columns are the right ones", 2)
    elif spec.label is not None and not evaluation.labels.labelled:
        found.complain("no outcome has the id of a prediction: see whether the id columns are the right ones", 2)


def _named(name: tuple[str | int, ...], evaluation: Evaluation) -> str:
    """A piece of the cells in words."""
    kind, *rest = name
    of = str(kind).removeprefix("slice_")
    what = {"total": "counts", "slice": "counts"}.get(of, of)
    if not str(kind).startswith("slice"):
        return f"{what}, all rows"
    partition = printable(evaluation.reference.partitions[int(rest[0])].name)
    return f"{what}, by {partition}"


def _row(name: str, value: str, style: str = "", tail: str | None = None) -> Row:
    return Row((Text(name), Text(value, style=style)), None if tail is None else Text(tail, style="dim"))
