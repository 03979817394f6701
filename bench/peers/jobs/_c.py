"""Shared by every job: arguments, phase timers, the result line. No library of any side is imported here.

A job is called as `python jobs/NAME.py SIZE [ARG ...]`. Its last line of output, `@@RESULT {...}`, holds the seconds
of each phase and a digest of the answer (`roc_auc` and `f1` of the first and the last day), by which the runner sees
that all sides computed the same thing.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

HOME = Path(os.environ.get("PEERS_HOME", "~/.cache/leadline-peers")).expanduser()
DATA = Path(os.environ.get("BENCH_DATA", HOME / "data"))
SIZE = sys.argv[1] if len(sys.argv) > 1 else "1m"
ARGS = sys.argv[2:]
LABELLED = ["timestamp", "y_pred_proba", "y_pred", "y_true"]

_closed = [time.perf_counter()]
_phases: dict[str, float] = {}


def path(name: str) -> str:
    return str(DATA / f"{name}.parquet")


def phase(name: str) -> None:
    """Close the phase that just ran."""
    now = time.perf_counter()
    _phases[name] = round(_phases.get(name, 0.0) + now - _closed[-1], 4)
    _closed.append(now)


def read() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reference and production frames with pandas, as the peer's user would; only the columns that the job needs."""
    import pandas as pd  # only the peers' environments have it

    return pd.read_parquet(path("clf_ref"), columns=LABELLED), pd.read_parquet(path(f"clf_{SIZE}"), columns=LABELLED)


def emit(**result: object) -> None:
    phase("finish")
    print("@@RESULT " + json.dumps({"phases": _phases, "result": result}, default=float))


class Spill:
    """The most disk space that the files below a directory take while the block runs."""

    def __init__(self, directory: str | Path) -> None:
        self.directory, self.peak_mb = str(directory), 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            total = 0
            for folder, _, names in os.walk(self.directory):
                for name in names:
                    try:
                        total += Path(folder, name).stat().st_blocks * 512
                    except FileNotFoundError:  # the engine has just removed it
                        continue
            self.peak_mb = max(self.peak_mb, total / 1e6)

    def __enter__(self) -> Spill:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
