"""`init`, `schema`, `doctor`, `demo`, and the help of all of them."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.conftest import HOLDS
from leadline import spec
from leadline.cli import doctor
from leadline.cli import main as group


@pytest.mark.parametrize("name", [None, *group.commands])
def test_help_fits_and_loads_nothing_heavy(name):
    arguments = [*([name] if name else []), "--help"]
    code = (
        f"import sys\nfrom leadline.cli.commands import outcome\nassert outcome({arguments!r}) == 0\n"
        "print(sorted({'duckdb', 'ibis', 'numpy', 'pyarrow', 'pydantic', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *lines, loaded = done.stdout.splitlines()
    assert loaded == "[]"
    assert max(map(len, lines)) <= 80


def test_every_command_and_option_is_described():
    for command in group.commands.values():
        assert command.help
        assert command.get_short_help_str(60).endswith(".")
        assert all(each.help for each in command.params if isinstance(each, click.Option))


def test_exit_codes_are_told(leadline):
    told = leadline("check", "--help").out
    assert re.findall(r"^ +(\d)  ", told, re.MULTILINE) == ["0", "1", "2", "3", "4"]


def test_version(leadline):
    assert leadline("--version").out.startswith("leadline 0")


def test_schema_is_the_spec_s(leadline):
    assert json.loads(leadline("schema").out) == spec.json_schema()


# init ---------------------------------------------------------------------------------------------------------------


def test_init_writes_what_check_reads(leadline, log, monkeypatch):
    monkeypatch.chdir(log.directory)
    done = leadline("init", "outcomes.parquet", "predictions.parquet", "--model", "m", "--timezone", "Europe/Berlin")
    assert done.code == 0
    assert "task: binary" in done.out
    assert "leadline check" in done.out
    found = spec.load("leadline.yaml")
    assert (found.model, found.timezone, str(found.predictions.source)) == ("m", "Europe/Berlin", "predictions.parquet")
    assert found.objectives
    assert leadline("check").code in (0, 1, 4)


@pytest.mark.parametrize("seed", range(3))
def test_init_proposes_a_wait_that_check_does_not_call_too_short(leadline, tmp_path, monkeypatch, seed):
    """The labels of one class, and of one slice, come later than most, and the newest ones have not come yet."""
    chance = random.Random(seed)
    start, count, days = datetime(2026, 1, 1, tzinfo=UTC), 4000, chance.choice([40, 90])
    at = [start + timedelta(days=days * row / count) for row in range(count)]
    score = [round(chance.betavariate(1, 3), 3) for _ in at]
    segment = [chance.choice("abc") for _ in at]
    late = [chance.random() < each for each in score]
    slow = [1 + 2 * y + 2 * (s == "c") for y, s in zip(late, segment, strict=True)]
    known = [
        when + timedelta(days=min(chance.expovariate(1 / (1.5 * times)), 38))
        for when, times in zip(at, slow, strict=True)
    ]
    in_ = [row for row in range(count) if known[row] < start + timedelta(days=days)]
    ids = [f"p{row}" for row in range(count)]
    pq.write_table(
        pa.table({"id": ids, "at": at, "score": score, "segment": segment}), tmp_path / "predictions.parquet"
    )
    outcomes = {
        "id": [ids[row] for row in in_],
        "late": [late[row] for row in in_],
        "observed_at": [known[row] for row in in_],
    }
    pq.write_table(pa.table(outcomes), tmp_path / "outcomes.parquet")
    monkeypatch.chdir(tmp_path)
    assert "matures_after: " in leadline("init", "predictions.parquet", "outcomes.parquet").out
    notes = json.loads(leadline("check", "--format", "json").out)["notes"]
    assert [each["text"] for each in notes if each["code"] == "matures_too_early"] == []


def test_init_overwrites_only_when_told_to(leadline, log, monkeypatch):
    monkeypatch.chdir(log.directory)
    path = log.declare(HOLDS)
    done = leadline("init", "predictions.parquet", "outcomes.parquet")
    assert done.code == 2
    assert "--force" in done.err
    assert spec.load(path).model == "small"
    assert leadline("init", "predictions.parquet", "outcomes.parquet", "--force").code == 0


def test_init_says_what_is_missing_and_still_writes(leadline, log, monkeypatch):
    monkeypatch.chdir(log.directory)
    done = leadline("init", "predictions.parquet")
    assert done.code == 0
    assert "TO DO" in done.out
    assert "leadline.yaml" in done.out
    spec.load("leadline.yaml")


def test_init_of_no_file(leadline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = leadline("init", "nothing.parquet")
    assert done.code == 2
    assert "nothing.parquet" in done.err
    assert list(tmp_path.iterdir()) == []


# doctor -------------------------------------------------------------------------------------------------------------


def test_doctor_tells_versions_and_sizes(leadline, log):
    done = leadline("doctor", log.declare(HOLDS))
    assert done.code == 0, done.out
    for part in (
        "Python",
        "duckdb",
        "ibis-framework",
        "small (binary)",
        "counts, all rows",
        "a row",
        "nothing is wrong",
    ):
        assert part in done.out, part


def test_doctor_says_what_is_wrong_and_what_to_do(leadline, log):
    done = leadline("doctor", log.declare())
    assert done.code == 2
    assert "declares no objectives" in done.out
    done = leadline("doctor", str(log.directory / "none.yaml"))
    assert done.code == 2
    assert "leadline init" in done.out


def test_doctor_finds_what_is_missing_or_old(leadline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    versions = {"duckdb": None, "rich": "1.0", "pyspark": "4.1.0"}
    monkeypatch.setattr(doctor, "installed", lambda name: versions.get(name, "999"))
    monkeypatch.setattr(doctor, "java", lambda: 8)
    done = leadline("doctor")
    assert done.code == 3
    for part in ("duckdb is missing: pip install", "rich 1.0 is older than", "Java 8 is too old for Spark"):
        assert part in done.out, part


def test_requirements_are_read_as_they_are_written():
    found = {name: (least, extra) for name, least, extra in doctor.requirements()}
    assert found["ibis-framework"][0] is not None
    assert found["pyspark"] == ("4.0", "spark")
    assert found["duckdb"][1] is None


# demo ---------------------------------------------------------------------------------------------------------------


def test_demo_tells_its_story_and_writes_the_report(leadline, tmp_path):
    done = leadline("demo", "--output", str(tmp_path))
    assert done.code == 0
    for part in (
        "as of 2013-12-30",
        "✗ breached",
        "For whom is it not?",
        "never got one",
        "cancelled or diverted",
        "leadline init",
    ):
        assert part in done.out, part
    assert max(map(len, done.out.splitlines())) <= 80
    page = tmp_path / "report.html"
    assert 50_000 < page.stat().st_size <= 1_000_000
    assert "cancelled or diverted" in page.read_text()
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_doctor_tells_of_extras_that_are_not_there(leadline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "installed", lambda name: None if name in ("psycopg", "pandas") else "9999")
    monkeypatch.setattr(doctor, "java", lambda: None)
    done = leadline("doctor")
    assert done.code == 0
    for part in ("pip install 'leadline[postgres]'", "pip install pandas", "java"):
        assert part in done.out, part


@pytest.mark.parametrize(
    ("said", "version"),
    [('openjdk version "17.0.9" 2023', 17), ('java version "1.8.0_392"', 8), ("no idea", None)],
)
def test_java_says_its_version_in_two_ways(tmp_path, monkeypatch, said, version):
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert doctor.java() == version
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "none"))
    assert doctor.java() is None


def test_doctor_knows_outcomes_of_other_predictions(leadline, log):
    path = log.declare(HOLDS)
    text = (log.directory / "leadline.yaml").read_text()
    (log.directory / "leadline.yaml").write_text(text.replace("{id: id, timestamp: at", "{id: carrier, timestamp: at"))
    done = leadline("doctor", path)
    assert done.code == 2
    assert "no outcome has the id of a prediction" in done.out
