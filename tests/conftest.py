"""Set-up that all tests share: Hypothesis profiles, what a machine may lack, Spark and PostgreSQL for a session."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

CI = os.environ.get("CI") == "true"

# Nothing may depend on where the machine stands: 5 h 45 min from UTC, an offset that no mistake hides in.
os.environ["TZ"] = "Asia/Kathmandu"
time.tzset()

hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=2000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if CI else "dev"))


def java() -> str | None:
    """The java that Spark would start, if it runs (Spark 4 needs 17)."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None)
    if found is None:
        return None
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', said.stderr)
    return found if version and int(version[1]) >= 17 else None


def postgres_bin() -> Path | None:
    """The directory of pg_ctl, initdb and createdb: Debian keeps it off the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("pg_ctl")
    found = debian[-1] if debian else Path(on_path).resolve() if on_path else None
    return found.parent if found else None


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")


NEEDS = {
    "spark": (java, "Java 17 or newer (Debian: openjdk-17-jre-headless)"),
    "postgres": (postgres_bin, "PostgreSQL's programs (Debian: postgresql)"),
    "browser": (chromium, "Chromium (Debian: chromium)"),
}
USES = {"spark": "spark", "postgres_url": "postgres"}  # fixture -> mark
lacking: dict[str, int] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        engine = _engine_of(item)
        used = {mark for fixture, mark in USES.items() if fixture in getattr(item, "fixturenames", ())}
        for mark in used | ({engine} & NEEDS.keys()):
            item.add_marker(mark)
        for gap in item.iter_markers("gap"):
            if str(gap.args[0]) == engine:
                item.add_marker(pytest.mark.xfail(reason=f"declared gap: {gap.args[1]} on {engine}", strict=True))


class OneSpark(LoadScopeScheduling):
    """Where tests run in several processes, one of them has Spark, and what a file sets up is set up once."""

    def _split_scope(self, nodeid: str) -> str:
        path, _, test = nodeid.partition("::")
        if path.endswith("test_docs.py"):
            return nodeid  # a page sets nothing up for another
        return "spark" if "spark" in test else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneSpark:
    return OneSpark(config, log)


def _engine_of(item: pytest.Item) -> str | None:
    """The value of a test's parameter `engine`, if it has one."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return str(parameters["engine"]) if "engine" in parameters else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark, (find, what) in NEEDS.items():
        if item.get_closest_marker(mark) and find() is None:
            if CI:
                pytest.fail(f"{what} is missing, and CI must test with it", pytrace=False)
            lacking[what] = lacking.get(what, 0) + 1
            pytest.skip(f"{what} is missing")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for what, count in lacking.items():
        terminalreporter.write_line(f"NOT TESTED here: {count} tests, for want of {what}", red=True, bold=True)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A small Spark for the session: two cores, UTC, no pages, nothing left on the disk."""
    from pyspark.sql import SparkSession  # slow to load: only the tests that need it pay

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "2g",
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.local.dir": str(tmp_path_factory.mktemp("spark")),
        "spark.log.level": "ERROR",
        "spark.sql.adaptive.enabled": "false",  # re-planning costs more than tables of this size
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.master("local[2]").appName("leadline tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL of the session's own on a free port of loopback, as `postgresql://leadline@127.0.0.1:PORT/leadline`."""
    programs = postgres_bin()
    assert programs is not None
    # Not pytest's own temporary directory: only its owner may enter that, and PostgreSQL refuses to run as root.
    home = Path(tempfile.mkdtemp(prefix="leadline-postgres-"))
    user = None
    if os.geteuid() == 0:
        user = "postgres"
        shutil.chown(home, user, user)

    log = home / "set-up.log"

    def run(program: str, *arguments: str) -> None:
        with log.open("a") as output:  # not a pipe: the server would keep it open
            done = subprocess.run(
                [programs / program, *arguments],
                user=user,
                group=user,
                extra_groups=[] if user else None,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        assert done.returncode == 0, f"{program}: {log.read_text()}"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    data = str(home / "data")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {home} -c fsync=off -c full_page_writes=off"
    try:
        run("initdb", "-D", data, "-U", "leadline", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        run("pg_ctl", "start", "-w", "-D", data, "-l", str(home / "server.log"), "-o", options)
        try:
            run("createdb", "-h", "127.0.0.1", "-p", port, "-U", "leadline", "leadline")
            yield f"postgresql://leadline@127.0.0.1:{port}/leadline"
        finally:
            run("pg_ctl", "stop", "-D", data, "-m", "immediate")
    finally:
        shutil.rmtree(home)
