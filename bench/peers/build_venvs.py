"""One environment for each library that is measured, below $PEERS_HOME/venvs (default ~/.cache/leadline-peers).

usage: build_venvs.py [NAME ...]

An environment that is there and can import its library is left alone. Pins repair what does not run as plainly
installed (2026-11): nannyml does not declare statsmodels and not all of it runs on pandas 3, evidently does not import
there. Uses uv where it is there, else venv and pip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path(os.environ.get("PEERS_HOME", "~/.cache/leadline-peers")).expanduser()
QUIET = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}  # each library's own way to opt out of telemetry

# name -> (requirements, what has to run)
PEERS = {
    "limits": (["duckdb>=1.4", "numpy>=2", "pyarrow>=19"], "import duckdb, numpy, pyarrow"),
    "nannyml": (["nannyml==0.13.1", "statsmodels", "pandas<3"], "import nannyml"),
    "evidently": (["evidently==0.7.23", "pandas<3", "pyarrow"], "from evidently import Report; import pyarrow"),
    "sliceline": (
        ["sliceline==0.3.0", "pandas", "pyarrow"],
        "from sliceline.slicefinder import Slicefinder; import pandas",
    ),
    # not on numpy 2, pandas 3, scikit-learn 1.8, nor without pkg_resources
    "deepchecks": (
        ["deepchecks==0.19.1", "setuptools<81", "scikit-learn>=1.6,<1.8", "numpy<2", "pandas<3", "pyarrow<22"],
        "from deepchecks.tabular.checks import WeakSegmentsPerformance",
    ),
}


def python_of(name: str) -> Path:
    return HOME / "venvs" / name / "bin" / "python"


def runs(name: str) -> bool:
    python = python_of(name)
    command = [str(python), "-c", PEERS[name][1]]
    quiet = {**os.environ, **QUIET}
    return python.exists() and subprocess.run(command, env=quiet, capture_output=True, check=False).returncode == 0


def build(name: str) -> None:
    python = python_of(name)
    where, requirements = str(python.parent.parent), PEERS[name][0]
    uv = shutil.which("uv")
    if uv:
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, where], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *requirements], check=True)
    else:
        subprocess.run([sys.executable, "-m", "venv", "--clear", where], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *requirements], check=True)


def main(names: list[str]) -> None:
    for name in names or PEERS:
        if not runs(name):
            print(f"building {python_of(name).parent.parent}", flush=True)
            build(name)
        if not runs(name):
            raise SystemExit(f"{name} is installed and does not run: {PEERS[name][1]}")


if __name__ == "__main__":
    main(sys.argv[1:])
