"""How often quiet columns are called drifted, how long that takes, and in how much memory.

usage: drift.py [--only REGEX] [--runs 3] [--table]

**Quiet days.** Days of 1,000 or 10,000 rows beside a reference of 40 days of 2,500, in 30 columns of
`peers/make_data.py`, of which some drift from the 50th day on; and the columns of real logs, whose reference and days
are drawn with replacement from the same rows, so that nothing can have drifted: NannyML's car loans and Massachusetts
employment, and hotel bookings. Each library decides by its own defaults. Evidently has no windows, and is asked on ten
quiet days and five of those that drift.

**Speed and memory.** From Parquet files to the distances of 30 columns on 100 days, each side in its own environment,
one at a time; the figures are those of `run.py`. The floor counts the same histograms by hand-written DuckDB SQL and
makes one distance of each. Leadline makes eight, with their floors and limits, and those of score and prediction.

Writes bench/drift.json and the tables in bench/README.md. `peers/build_venvs.py` makes the environments; $LEADLINE_DATA
holds hotel_bookings.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import run as harness
from run import HOME, PEERS, Run, environment, prepare, python_of, timed, versions, write_table

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "drift.json"
BEGIN, END = "<!-- drift -->", "<!-- /drift -->"
NAMED = {"ours": "Leadline", "limits": "floor", "nannyml": "NannyML", "evidently": "Evidently"}
#: days of the quiet logs, and the rows of one in the reference
BEFORE, DAYS, A_DAY = 40, 50, 2_500
SIZES = {"1,000": 1_000, "10,000": 10_000}
LOGS = {"car_loan": "car loans", "ma_employment": "employment", "hotel_bookings": "hotel bookings"}
SPEED = (
    ("ours", ("ours_drift.py",), ("100k", "1m", "10m")),
    ("limits", ("floor_drift.py", "plain"), ("100k", "1m", "10m")),
    ("limits", ("floor_drift.py", "tuned"), ("100k", "1m", "10m")),
    ("nannyml", ("nannyml_drift.py", "js"), ("100k", "1m", "10m")),
    ("nannyml", ("nannyml_drift.py", "all"), ("100k", "1m")),
    ("evidently", ("evidently_drift.py", "3"), ("100k", "1m")),
)
PLANTED = {
    "num_00": "shifted by half a standard deviation",
    "num_02": "2 % → 12 % missing",
    "num_05": "rises by .02 standard deviations a day",
    "num_10": "mixed otherwise, from day 60 on",
    "cat_01": "shares tilted",
}


# Quiet logs ---------------------------------------------------------------------------------------------------------


def real(name: str) -> pa.Table:
    """The features of a real log: numbers and text."""
    if name == "hotel_bookings":
        data = Path(os.environ.get("LEADLINE_DATA", HOME / "data"))
        rows = pq.read_table(data / "hotel_bookings" / "hotel_bookings.parquet")
        rows = rows.drop_columns([each for each in rows.column_names if each in ("is_canceled", "reservation_status")])
    else:
        if not (HOME / "data" / f"{name}.parquet").exists():
            program = [python_of("nannyml"), str(PEERS / "jobs" / "nannyml_data.py"), str(HOME / "data")]
            subprocess.run(program, check=True, env=environment())
        rows = pq.read_table(HOME / "data" / f"{name}.parquet")
        early = [place for place, one in enumerate(rows["reference"].to_pylist()) if one]
        rows = rows.take(pa.array(early)).drop_columns(["reference", "label", "prediction"])
    kept = {}
    for each in rows.column_names:
        kind = rows.schema.field(each).type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            kept[each] = rows[each].cast(pa.float64())
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            kept[each] = rows[each].cast(pa.string())
    return pa.table(kept)


def quiet_log(name: str) -> None:
    """Reference and days drawn from the same rows."""
    if (HOME / "data" / f"quiet_{name}_10,000.parquet").exists():
        return
    rows = real(name)
    rng = np.random.default_rng(0)
    start = np.datetime64("2025-01-01", "us")

    def write(to: str, first: int, days: int, a_day: int) -> None:
        count = days * a_day
        at = (
            start
            + np.timedelta64(first, "D")
            + (np.arange(count) * (86_400_000_000 // a_day)).astype("timedelta64[us]")
        )
        drawn = rows.take(pa.array(rng.integers(0, len(rows), count)))
        columns = {"id": np.arange(count), "timestamp": at, "y_pred": rng.integers(0, 2, count)}
        drawn = pa.table({**columns, **{each: drawn[each] for each in drawn.column_names}})
        pq.write_table(drawn, HOME / "data" / f"{to}.parquet", compression="zstd")

    write(f"quiet_{name}_ref", 0, BEFORE, A_DAY)
    for shown, a_day in SIZES.items():
        write(f"quiet_{name}_{shown}", BEFORE, DAYS, a_day)


def quiet_jobs() -> dict[str, list[str]]:
    """By name the program that counts a library's calls on a log."""
    found = {}
    for shown, size in (("1,000", "100k"), ("10,000", "1m")):
        logs = {"made": (f"clf_{size}", "clf_ref")}
        logs |= {name: (f"quiet_{name}_{shown}", f"quiet_{name}_ref") for name in LOGS}
        for log, files in logs.items():
            for side in ("ours", "nannyml", "evidently"):
                found[f"quiet {log} {shown} {side}"] = [
                    python_of(side),
                    str(PEERS / "jobs" / f"quiet_{side}.py"),
                    *files,
                ]
    return found


# Runs ---------------------------------------------------------------------------------------------------------------


def summed(runs: list[Run]) -> Run:
    whole = [run for run in runs if "error" not in run]
    if not whole:
        return {"error": runs[-1]["error"], "peak_mb": runs[-1]["peak_mb"]}
    middle = {name: round(statistics.median(run[name] for run in whole), 2) for name in ("wall_s", "work_s", "cpu_s")}
    return {
        **middle,
        "peak_mb": max(run["peak_mb"] for run in whole),
        "load": max(run["load"] for run in whole),
        "runs": len(whole),
        "phases": whole[-1]["phases"],
        **whole[-1]["result"],
    }


def measure(options: argparse.Namespace, results: dict[str, Any]) -> None:
    prepare({side for side, _, _ in SPEED}, ["100k", "1m", "10m"])
    for name in LOGS:
        quiet_log(name)
    jobs = [
        (f"speed {size} {side} {' '.join(program)}", side, [program[0], size, *program[1:]])
        for size in ("100k", "1m", "10m")
        for side, program, sizes in SPEED
        if size in sizes
    ]
    wanted = [job for job in jobs if re.search(options.only, job[0])]
    runs: dict[str, list[Run]] = {}
    for number in range(options.runs):
        for name, side, args in wanted:
            if number and (side == "evidently" or runs[name][0].get("wall_s", 0.0) > 60):
                continue  # once is enough
            run = timed([python_of(side), str(PEERS / "jobs" / args[0]), *args[1:]])
            runs.setdefault(name, []).append(run)
            keep(results, name, summed(runs[name]), run)
    for name, program in quiet_jobs().items():
        if re.search(options.only, name):
            run = timed(program)
            keep(results, name, {"error": run["error"]} if "error" in run else run["result"], run)
    results["versions"] = versions({side for side, _, _ in SPEED})
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    results["machine"] = f"{os.cpu_count()} cores, {memory:.0f} GiB"


def keep(results: dict[str, Any], name: str, entry: Run, run: Run) -> None:
    results["jobs"][name] = entry
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    shown = {key: each for key, each in run.items() if key not in ("result", "phases")}
    print(name, shown, file=sys.stderr, flush=True)


# Tables -------------------------------------------------------------------------------------------------------------


def quiet_table(jobs: dict[str, Run]) -> list[str]:
    lines = [
        "| log | rows a day | columns | Leadline | NannyML | Evidently |",
        "|---|--:|---|--:|--:|--:|",
    ]
    for log, title in {"made": "made", **LOGS}.items():
        for shown in SIZES:
            sides = {side: jobs.get(f"quiet {log} {shown} {side}", {}) for side in ("ours", "nannyml", "evidently")}
            for kind in ("numbers", "text"):
                cells = [_called(sides[side], kind) for side in sides]
                if any(cells):
                    lines.append(f"| {title} | {shown} | {kind} | {' | '.join(cells)} |")
    return lines


def _called(run: Run, kind: str) -> str:
    if kind not in run.get("called", {}):
        return ""
    return f"{run['called'][kind]:.1%} of {run['pairs'][kind]:,}"


def planted_table(jobs: dict[str, Run]) -> list[str]:
    lines = ["| planted | rows a day | Leadline | NannyML | Evidently |", "|---|--:|--:|--:|--:|"]
    for column, what in PLANTED.items():
        for shown in SIZES:
            sides = [jobs.get(f"quiet made {shown} {side}", {}) for side in ("ours", "nannyml", "evidently")]
            cells = [f"{run['later'][column]:.0%}" if "later" in run else "" for run in sides]
            lines.append(f"| {column}: {what} | {shown} | {' | '.join(cells)} |")
    return lines


def speed_table(jobs: dict[str, Run]) -> list[str]:
    lines = [
        "| rows | side | wall s | work s | cpu s | peak MB | work / floor | Leadline is faster by work, wall |",
        "|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for size in ("100k", "1m", "10m"):
        ours = jobs.get(f"speed {size} ours ours_drift.py", {})
        floor = jobs.get(f"speed {size} limits floor_drift.py plain", {})
        for side, program, sizes in SPEED:
            run = jobs.get(f"speed {size} {side} {' '.join(program)}")
            if size not in sizes or run is None:
                continue
            start = f"| {size} | {' '.join([NAMED[side], *program[1:]])} |"
            if "error" in run:
                lines.append(f"{start} {run['error'].replace('|', '/')} | | | | | |")
                continue
            scale = run["windows"] / run["days_run"] if "days_run" in run else 1.0
            wall, work = (_whole(run, name, scale) for name in ("wall_s", "work_s"))
            sign = "~" if scale > 1 else ""
            figures = [
                f"{sign}{wall:.2f}",
                f"{sign}{work:.2f}",
                "" if sign else f"{run['cpu_s']:.2f}",
                f"{run['peak_mb']:,}",
            ]
            over = f"{work / floor['work_s']:.2f}×" if "work_s" in floor else ""
            faster = f"{work / ours['work_s']:.1f}×, {wall / ours['wall_s']:.1f}×" if "work_s" in ours else ""
            lines.append(
                f"{start} {' | '.join(figures)} | {over} | {faster if side not in ('ours', 'limits') else ''} |"
            )
    return lines


def _whole(run: Run, figure: str, scale: float) -> float:
    """A time for all windows, where only some were run."""
    once = run[figure] - run["phases"]["calculate"] if scale > 1 else 0.0
    return once + (run[figure] - once) * scale


def table(results: dict[str, Any]) -> str:
    jobs = results["jobs"]
    load = max((run.get("load", 0) for run in jobs.values()), default=0)
    used = "; ".join(results["versions"].values())
    return "\n".join(
        [
            "Pairs of day and column called drifted, where nothing changed:",
            "",
            *quiet_table(jobs),
            "",
            "Days on which what was planted is called:",
            "",
            *planted_table(jobs),
            "",
            "30 columns, 100 days (`~`: three days were run):",
            "",
            *speed_table(jobs),
            "",
            f"{results['machine']}, 1-minute load at most {load}. {used}.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    harness.LIMIT_S = 900
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"jobs": {}, "versions": {}}
    if not options.table:
        measure(options, results)
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    write_table(table(results), BEGIN, END)
    print(table(results))


if __name__ == "__main__":
    main()
