"""Runs what `make test` runs, one part after the other, and lists at the end how long each took.

`scripts/check.py` runs all parts, `scripts/check.py types layers` those; every part runs, also after one has failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parent.parent
APART = ("tests/test_docs.py", "tests/test_budgets.py")  # parts of their own, so that their times are seen
TWO = ("--numprocesses=2",)  # processes; more would not fit CI's two cores

PARTS: dict[str, list[str]] = {
    "lint": ["ruff", "check", "--quiet"],
    "format": ["ruff", "format", "--check", "--quiet"],
    "types": ["mypy"],
    "layers": ["lint-imports"],
    "tests": [
        "pytest",
        *TWO,
        "--cov",
        "--cov-report=term",
        "--durations=15",
        *(f"--ignore={path}" for path in APART),
    ],
    "docs code": ["pytest", *TWO, "tests/test_docs.py"],
    "docs build": ["sphinx-build", "--fail-on-warning", "--keep-going", "-q", "-E", "docs", "docs/_build/html"],
    "budgets": ["pytest", "tests/test_budgets.py", "-rP"],
}


def run(name: str, command: list[str]) -> tuple[str, float, bool]:
    print(f"\n=== {name}: {' '.join(command)}", flush=True)
    start = time.monotonic()
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, stdin=subprocess.DEVNULL, check=False)
    return name, time.monotonic() - start, done.returncode == 0


def main(names: list[str]) -> int:
    unknown = set(names) - PARTS.keys()
    if unknown:
        print(f"no such part: {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}")
        return 2
    results = [run(name, PARTS[name]) for name in PARTS if not names or name in names]
    if "SETUP_S" in os.environ:
        results.insert(0, ("set-up", float(os.environ["SETUP_S"]), True))
    print("\n=== times")
    for name, seconds, passed in results:
        print(f"{name:12}{seconds:7.1f} s  {'ok' if passed else 'FAILED'}")
    print(f"{'all':12}{sum(seconds for _, seconds, _ in results):7.1f} s")
    failed = [name for name, _, passed in results if not passed]
    print(f"FAILED: {', '.join(failed)}" if failed else "all parts passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
