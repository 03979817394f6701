"""What it costs to tell 10 M distinct text ids apart when they do not fit in memory: time, memory, disk space.

usage: ids.py [--size 10m] [--memory 512MB] [--side floor|window|ours]

`floor` counts the distinct ids with DuckDB under the memory limit, `window` orders the rows of each id (what identity
needs where ids repeat), `ours` is `leadline.check` on the predictions and their outcomes. The data are those of
`perf_day_two_files`: 10 M distinct UUIDs of 36 characters, 1 % of them repeated. The disk space is the most that the
files in the engine's temporary directory took, seen every 50 ms. Peak memory is that of the whole process; the limit
binds DuckDB's own.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

JOBS = Path(__file__).resolve().parent / "peers" / "jobs"
sys.path.insert(0, str(JOBS))


def count_with_duckdb(log: str, folder: str, memory: str, window: bool) -> int:
    import duckdb

    connection = duckdb.connect(config={"memory_limit": memory, "temp_directory": folder})
    connection.execute("set preserve_insertion_order = false")
    if window:
        rows = f"""select score from read_parquet('{log}')
                   qualify row_number() over (partition by prediction_id order by timestamp) = 1"""
        query = f"select count(score) from ({rows})"
    else:
        query = f"select count(distinct prediction_id) from read_parquet('{log}')"
    row = connection.execute(query).fetchone()
    connection.close()
    if row is None:
        raise RuntimeError("an aggregate has one row")
    return int(row[0])


def count_with_leadline(name: str) -> int:
    """Predictions with one id counted once, as `check` reports them."""
    from _c import path
    from _ours import load, two_files

    result = load().check(two_files(path(f"{name}_predictions"), path(f"{name}_outcomes")))
    return int(result.labels.predictions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="10m")
    parser.add_argument("--memory", default="512MB", help="DuckDB's memory_limit")
    parser.add_argument("--side", choices=["floor", "window", "ours"], default="floor")
    options = parser.parse_args()
    from _c import Spill, path

    name = f"uuid_{options.size}"
    with tempfile.TemporaryDirectory() as folder, Spill(folder) as spill:
        began = time.perf_counter()
        if options.side == "ours":
            os.environ["LEADLINE_MEMORY_LIMIT"], os.environ["LEADLINE_TEMP_DIRECTORY"] = options.memory, folder
            ids = count_with_leadline(name)
        else:
            log = path(f"{name}_predictions")
            ids = count_with_duckdb(log, folder, options.memory, options.side == "window")
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(
        f"| {options.side} | {options.memory} | {ids:,} | {seconds:.1f} s | {peak:,.0f} MB | {spill.peak_mb:,.0f} MB |",
        flush=True,
    )


if __name__ == "__main__":
    main()
