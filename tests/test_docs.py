"""The documents say what is so: their code runs, their commands exist, their paths and packages are there."""

from __future__ import annotations

import doctest
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Example, Sybil
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser

import leadline

ROOT = Path(__file__).parent.parent
PACKAGE = Path(leadline.__file__).parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if not {"_build", "_generated"} & set(path.parts)),
]
SHOWN = {"sh", "yaml", "json", "text", "toml", "sql", ""}  # not run; `python` and `console` are
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def console(example: Example) -> None:
    """Run the lines after `$` in a shell; what follows a command must be what it prints, `...` standing for anything.

    A command whose output is not shown must succeed. `$?` is the exit code of the command before, as at a terminal.
    """
    place = Path(example.namespace["directory"])
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    before = example.namespace.get("exit_code", 0)
    text = str(example.parsed).replace("\\\n", "")
    for command, expected in re.findall(r"^\$ (.*)\n?((?:(?!\$ ).*\n?)*)", text, re.MULTILINE):
        done = subprocess.run(
            ["bash", "-c", f"(exit {before}); {command}"],
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        before = done.returncode
        where = f"{example.path}:{example.line}: $ {command}\n{done.stdout}"
        if expected.strip():
            wanted = doctest.Example(command, expected)
            checker = doctest.OutputChecker()
            assert checker.check_output(wanted.want, done.stdout, LOOSE), where + checker.output_difference(
                wanted, done.stdout, LOOSE | doctest.REPORT_NDIFF
            )
        else:
            assert done.returncode == 0, where
    example.namespace["exit_code"] = before


SYBIL = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS), CodeBlockParser("console", console)]
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def examples(path: Path) -> Document:
    return SYBIL.parse(path)


RUN = [path for path in PAGES if list(examples(path).examples())]


@pytest.mark.parametrize("path", RUN, ids=name_of)
def test_code_blocks_run(path, tmp_path, monkeypatch):
    """All of a page's blocks, in order, in one empty directory and one namespace."""
    monkeypatch.chdir(tmp_path)
    document = examples(path)
    document.namespace["directory"] = str(tmp_path)
    for example in document.examples():
        example.evaluate()


def test_a_wrong_console_block_fails(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo one; exit 3\none\n$ echo $?\n3\n```\n```console\n$ echo two\nthree\n```\n")
    document = examples(page)
    document.namespace["directory"] = str(tmp_path)
    right, wrong = document.examples()
    right.evaluate()
    with pytest.raises(AssertionError, match="echo two"):
        wrong.evaluate()


def test_the_readme_and_the_tutorial_are_run():
    # The README's block comes with the command that it shows.
    assert ROOT / "docs" / "tutorial.md" in RUN
    assert ROOT / "README.md" in RUN or find_spec("leadline.cli") is None


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_blocks_are_run_or_meant_to_be_shown(path):
    languages = set(re.findall(r"^```([\w-]*)$(?:\n(?!```).*)*\n```$", path.read_text(), re.MULTILINE))
    assert languages <= SHOWN | {"python", "console"}


def shell_lines() -> list[tuple[str, str]]:
    blocks = [
        (name_of(path), block)
        for path in PAGES
        for block in re.findall(r"^```(?:sh|console)\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)
    ]
    return [
        (page, line.split("#")[0].removeprefix("$ ").strip()) for page, block in blocks for line in block.splitlines()
    ]


def test_shown_commands_exist():
    """`make X` is a target, `leadline[X]` an extra, and a file of ours that is named is there."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    extras = PROJECT["project"]["optional-dependencies"].keys()
    for page, line in shell_lines():
        for target in re.findall(r"\bmake ([a-z]+)", line):
            assert target in targets, f"{page}: {line}"
        for extra in re.findall(r"leadline\[([\w,]+)\]", line):
            assert set(extra.split(",")) <= extras, f"{page}: {line}"
        for path in re.findall(r"\b(?:scripts|tests|src|bench|docs)/[\w./-]+", line):
            assert (ROOT / path).exists(), f"{page}: {line}"


def layers() -> list[str]:
    """The layers that import-linter holds, highest first, without the brackets of those that need not exist yet."""
    (contract,) = (c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    names = [name for line in contract["layers"] for name in re.findall(r"\w+", line)]
    return [name for name in names if not name.startswith("__")]


def packages() -> set[str]:
    return {
        path.stem
        for path in PACKAGE.iterdir()
        if (path.suffix == ".py" and not path.stem.startswith("__")) or (path / "__init__.py").exists()
    }


def test_architecture_has_one_paragraph_a_package():
    text = (ROOT / "docs" / "architecture.md").read_text()
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == layers()
    assert packages() <= set(layers())


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_path_named_exists(path):
    named = set(re.findall(r"`((?:src|tests|docs|scripts|bench)/[\w./-]*)`", path.read_text()))
    planned = {f"src/leadline/{layer}" for layer in set(layers()) - packages()}
    assert {name for name in named - planned if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_between_files_lead_somewhere(path):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", path.read_text())
    made = "_generated/"  # by the build of the documents, which looks at these links itself
    assert [link for link in links if made not in link and not (path.parent / link).exists()] == []


def test_the_changelog_has_this_version_or_an_unreleased_part():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0].split()[0] == leadline.__version__


def test_plain_docstrings_are_shown_as_meant(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    import plain_docstrings

    shown = plain_docstrings.plain(
        [
            "Counts |x|, see `n`.",
            "",
            "hits    rows that count",
            "n       rows seen,",
            "        at least 1",
            "",
            ">>> 1",
            "1",
        ]
    )
    assert shown == [
        "Counts \\|x\\|, see ``n``.",
        "",
        "``hits``",
        "    rows that count",
        "``n``",
        "    rows seen,",
        "    at least 1",
        "",
        ">>> 1",
        "1",
        "",
    ]


@pytest.fixture(scope="module")
def command_line() -> Any:
    """The command's own tree of subcommands."""
    if find_spec("leadline.cli") is None:
        pytest.skip("there is no command yet")
    from leadline.cli import main

    return main


def test_shown_subcommands_exist(command_line):
    for page, line in shell_lines():
        for subcommand in re.findall(r"(?:^|[|;&] *)leadline ([a-z]+)", line):
            assert subcommand in command_line.commands, f"{page}: {line}"


def test_make_lists_its_commands():
    make = shutil.which("make")
    assert make is not None
    done = subprocess.run([make, "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^make ([a-z]+)", done.stdout, re.MULTILINE))
    assert {"demo", "test", "fmt", "bench", "docs", "resolutions"} <= listed


def documented_keys(section: str) -> set[str]:
    text = (ROOT / "docs" / "reference" / "document.md").read_text()
    (part,) = re.findall(rf"^##+ {section}\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]*)\|", part, re.MULTILINE))))


@pytest.mark.usefixtures("command_line")
def test_the_json_document_is_as_documented(tmp_path):
    """The command's own output on the demo's log: every key is documented, and every documented key is there."""
    shutil.copytree(PACKAGE / "demo" / "data", tmp_path, dirs_exist_ok=True)
    done = subprocess.run(
        [Path(sys.executable).with_name("leadline"), "check", "--format", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1, 4), done.stderr
    document = json.loads(done.stdout)
    assert document.keys() == documented_keys("document")
    assert document["labels"].keys() == documented_keys("labels")
    for section in (
        "estimates",
        "objectives",
        "track_record",
        "changes",
        "leaf_changes",
        "findings",
        "mix_rates",
        "events",
        "drift",
    ):
        assert document[section], section
        for entry in document[section]:
            assert entry.keys() == documented_keys(section)
    assert all(each.keys() == documented_keys("representation") for each in document["representation"]["slices"])
    assert all(term.keys() == documented_keys("terms") for entry in document["mix_rates"] for term in entry["terms"])
    breaches = [breach for entry in document["objectives"] for breach in entry["breaches"]]
    assert breaches
    assert all(breach.keys() == documented_keys("breaches") for breach in breaches)


def test_statuses_verdicts_intervals_and_codes_are_documented():
    from leadline.values import DriftVerdict, Status, Verdict

    text = (ROOT / "docs" / "reference" / "document.md").read_text()
    assert set(re.findall(r"`(\w+)`", "".join(rows_of("Statuses of an estimate", text)))) >= set(Status)
    assert {row.split("`")[1] for row in rows_of("Verdicts on an objective", text)} == set(Verdict)
    assert {row.split("`")[1] for row in rows_of("Verdicts on a column", text)} == set(DriftVerdict)
    formulas = source(r'^ +return .*, "([a-z_]+)"$', "metrics") | source(r'Interval\(.*, "([a-z_]+)"\)$', "estimate")
    designs = {"clustered", "entity", "within_grain"}
    assert {name for name in designs if f'"{name}"' not in (PACKAGE / "stats" / "design.py").read_text()} == set()
    assert documented_keys("Intervals") == formulas | designs
    assert documented_keys("notes") == source(r'\bNote\(\s*"(\w+)"')


def test_environment_variables_are_documented():
    listed = re.findall(r"^\| `(\w+)`", (ROOT / "docs" / "reference" / "settings.md").read_text(), re.MULTILINE)
    assert set(listed) == source(r"\b(LEADLINE_[A-Z_]+[A-Z])\b")


def rows_of(section: str, text: str) -> list[str]:
    (part,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"^\| `.*$", part, re.MULTILINE)


def source(pattern: str, package: str = "") -> set[str]:
    """What a pattern finds in the package's own files."""
    files = (PACKAGE / package).rglob("*.py")
    return {found for file in files for found in re.findall(pattern, file.read_text(), re.MULTILINE)}


def shown_declarations() -> list[tuple[str, str]]:
    blocks = [
        (name_of(path), block)
        for path in PAGES
        for block in re.findall(r"^```yaml\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)
    ]
    return [(page, block) for page, block in blocks if not re.search(r"^(jobs|on):", block, re.MULTILINE)]


WHOLE = """
version: 1
model: m
task: binary
predictions: {source: p.parquet, columns: {id: id, timestamp: at, score: score}}
outcomes: {source: o.parquet, columns: {value: label}}
slices: [country, {name: returning, where: "orders > 1"}]
"""


@pytest.mark.parametrize("block", [pytest.param(block, id=page) for page, block in shown_declarations()])
def test_shown_declarations_are_valid(block, monkeypatch):
    """A whole declaration, or some of its keys, which must then fit the rest of an ordinary one."""
    import yaml

    from leadline.spec import from_mapping

    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://reader@localhost/shop")
    declared = yaml.safe_load(block)
    from_mapping(declared if "version" in declared else yaml.safe_load(WHOLE) | declared)


def test_every_key_of_the_declaration_is_explained(monkeypatch):
    """The page is made from the JSON Schema; a key without a description would leave its cell empty."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    import reference

    rows = re.findall(r"^\| `(\w+)` \| (.*) \| .* \| (.*) \|$", reference.declaration_page(), re.MULTILINE)
    assert len(rows) > 20
    assert [name for name, kind, meaning in rows if not kind or not meaning] == []


def test_every_metric_is_explained(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    import reference

    from leadline.metrics import METRICS

    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", reference.metrics_page(), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(name for known in METRICS.values() for name in known)
    assert [name for name, meaning in rows if not meaning] == []
