"""`leadline check` from end to end: what it prints, what it writes, what it exits with."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cli.conftest import BREACHED, HOLDS, Log
from leadline.cli.check import listed, selected, selectors
from leadline.values import InputError
from report.test_document import require


def test_holding_exits_with_0_and_a_breach_with_1(leadline, log):
    assert leadline("check", log.declare(HOLDS)).code == 0
    done = leadline("check", log.declare(HOLDS, BREACHED))
    assert done.code == 1
    assert "✗ breached" in done.out
    assert done.err == ""


def test_not_judged_exits_with_4_unless_allowed(leadline, log):
    path = log.declare(HOLDS)
    early = ("check", path, "--as-of", "2024-01-01T12:00:00Z")
    done = leadline(*early)
    assert (done.code, "? no data" in done.out) == (4, True)
    assert leadline(*early, "--allow-no-data").code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "--format", "xml"], "'xml' is not one of"),
        (["chek"], "No such command"),
        (["check", "there/is/none.yaml"], "there is no such file"),
        (["init"], "Missing argument"),
        (["check", "--html", "/no/such/directory/x.html"], "there is no directory"),
        (["check", "--select", "colour:red"], "write metric:GLOB"),
        (["demo", "--output", "/no/such/directory"], "does not exist"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what(leadline, arguments, told):
    done = leadline(*arguments)
    assert done.code == 2
    assert told in done.err
    assert done.out == ""


def test_without_a_declaration_it_says_what_to_do(leadline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = leadline("check")
    assert done.code == 2
    assert "leadline init" in done.err


def test_the_declaration_here_is_found(leadline, log, monkeypatch):
    log.declare(HOLDS)
    monkeypatch.chdir(log.directory)
    assert leadline("check").code == 0


def test_a_wrong_declaration_names_file_and_line(leadline, log):
    done = leadline("check", log.declare("  - {metric: recal, at_least: 0.1, window: 28d}\n"))
    assert done.code == 2
    assert "leadline.yaml:14" in done.err
    assert "'recall'" in done.err


def test_a_bug_exits_with_3_in_one_sentence(leadline, log, monkeypatch):
    def broken(*_arguments):
        raise RuntimeError("the ship sank")

    path = log.declare(HOLDS)
    monkeypatch.setattr("leadline.cli.check.evaluate_log", broken)
    monkeypatch.delenv("LEADLINE_DEBUG", raising=False)

    def again(*_arguments, **_named):
        broken()

    monkeypatch.setattr("leadline.cli.check.evaluate_log", again)
    done = leadline("check", path)
    assert done.code == 3
    assert "RuntimeError: the ship sank" in done.err
    assert "LEADLINE_DEBUG=1" in done.err
    assert "Traceback" not in done.err
    monkeypatch.setenv("LEADLINE_DEBUG", "1")
    assert "Traceback" in leadline("check", path).err


def test_an_interrupt_exits_with_130(leadline, log, monkeypatch):
    def interrupted(*_arguments, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr("leadline.cli.check.evaluate_log", interrupted)
    done = leadline("check", log.declare(HOLDS))
    assert (done.code, done.out) == (130, "")


# Formats ------------------------------------------------------------------------------------------------------------


def test_json_is_the_contract(leadline, log):
    done = leadline("check", log.declare(HOLDS, BREACHED), "--format", "json")
    found = json.loads(done.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    require(found)
    assert done.code == 1
    assert {json.dumps(each["slice"]) for each in found["objectives"]} >= {"null", '{"carrier": "B6"}'}


def test_csv_and_junit_tell_the_same_verdicts(leadline, log):
    path = log.declare(HOLDS, BREACHED)
    rows = list(csv.DictReader(io.StringIO(leadline("check", path, "--format", "csv").out)))
    judged = [each["status"] for each in rows if each["kind"] == "objective"]
    root = ET.fromstring(leadline("check", path, "--format", "junit").out)  # noqa: S314  # our own
    assert root.get("tests") == str(len(judged))
    assert root.get("failures") == str(judged.count("breached"))


def test_output_and_html_are_written(leadline, log):
    text, page = str(log.directory / "out.json"), str(log.directory / "report.html")
    done = leadline("check", log.declare(HOLDS), "--format", "json", "--output", text, "--html", page)
    assert (done.code, done.out) == (0, "")
    require(json.loads((log.directory / "out.json").read_text()))
    written = (log.directory / "report.html").read_text()
    assert "<script" not in written
    assert "&lt;script&gt;" in written
    assert sorted(each.name for each in log.directory.iterdir()) == sorted(
        ["leadline.yaml", "out.json", "outcomes.parquet", "predictions.parquet", "report.html"]
    )


def test_quiet_is_silent_unless_something_is_wrong(leadline, log):
    assert leadline("check", log.declare(HOLDS), "--quiet").out == ""
    done = leadline("check", log.declare(), "--quiet")
    assert (done.code, done.out) == (0, "  Nothing is judged, for no objectives are declared.\n")
    done = leadline("check", log.declare(HOLDS, BREACHED), "-q")
    assert "breached" in done.out
    assert "holds" not in done.out


# What is evaluated --------------------------------------------------------------------------------------------------


def test_select_judges_only_what_is_asked_for(leadline, log):
    path = log.declare(HOLDS, BREACHED, "  - {metric: precision, at_least: 0.01, window: 28d}\n")
    assert leadline("check", path, "--select", "metric:prec*").code == 0
    found = json.loads(leadline("check", path, "--select", "slice:carrier=B6", "--format", "json").out)
    assert [each["slice"] for each in found["objectives"]] == [{"carrier": "B6"}]
    done = leadline("check", path, "--select", "metric:mae")
    assert done.code == 2
    assert "recall, precision" in done.err


def test_metrics_and_slices_narrow_and_widen(leadline, log):
    path = log.declare(HOLDS)
    found = json.loads(leadline("check", path, "--metrics", "f_beta(beta=2),accuracy", "--format", "json").out)
    assert {each["metric"] for each in found["estimates"]} >= {"recall", "f_beta(beta=2)", "accuracy"}
    assert "roc_auc" not in {each["metric"] for each in found["estimates"]}
    found = json.loads(leadline("check", path, "--slices", "carrier", "--format", "json").out)
    assert {name for each in found["estimates"] for name in each["slice"] or ()} == {"carrier"}
    done = leadline("check", path, "--metrics", "recal")
    assert done.code == 2
    assert "recall" in done.err


def test_names_between_commas():
    assert listed("a, b(c=1, d='x, y') ,a", "--metrics") == ["a", "b(c=1, d='x, y')"]
    with pytest.raises(InputError, match="names nothing"):
        listed(" , ", "--metrics")


def test_no_selector_selects_all():
    marker = object()
    assert selected(marker, selectors(())) is marker  # type: ignore[arg-type]


# A process of its own -----------------------------------------------------------------------------------------------


def process(log: Log, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "leadline", *arguments]
    return subprocess.run(command, cwd=log.directory, capture_output=True, check=False, env=os.environ | environment)


def test_a_pipe_gets_plain_text_of_80_columns(log):
    log.declare(HOLDS, BREACHED)
    done = process(log, "check", COLUMNS="200", FORCE_COLOR="1")
    assert done.returncode == 1
    assert done.stderr == b""
    text = done.stdout.decode()
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert "\\x1b" in text or "…" in text


def test_an_encoding_without_the_signs_gets_others(log):
    log.declare(HOLDS, BREACHED)
    done = process(log, "check", PYTHONIOENCODING="ascii")
    assert b"x breached" in done.stdout
    assert b">= 0.999" in done.stdout


def test_a_reader_that_goes_away_is_no_error(log):
    log.declare(HOLDS, BREACHED)
    command = [sys.executable, "-m", "leadline", "check", "--format", "json"]
    running = subprocess.Popen(command, cwd=log.directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    assert running.stderr.read() == b""
    running.stderr.close()
    assert running.wait() == 1


def test_what_the_files_lack_is_told_with_file_and_line(leadline, log):
    path = Path(log.declare(HOLDS))
    text = path.read_text()
    for part, wrong, told in (
        ("score: score", "score: scroe", "did you mean 'score'"),
        ("source: ", "source: no", "no such file"),
    ):
        path.write_text(text.replace(part, wrong, 1))
        line = next(number for number, each in enumerate(path.read_text().splitlines(), 1) if wrong in each)
        done = leadline("check", str(path))
        assert (done.code, done.out) == (2, "")
        assert f"leadline.yaml:{line}: " in done.err
        assert told in done.err


def test_a_slice_that_was_asked_for_and_is_not_there_is_refused(leadline, log):
    done = leadline("check", log.declare(HOLDS), "--slices", "contry")
    assert done.code == 2
    assert "there is no column 'contry'" in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told(log):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "leadline", "check", log.declare(HOLDS)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "leadline: standard output cannot be written: No space left on device\n"
