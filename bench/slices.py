"""How long it takes to find slices: Leadline, the package sliceline, and Deepchecks' weak segments.

usage: slices.py [--sizes 100k,1m] [--runs 3] [--only REGEX] [--table]

The log is `peers/make_data.py`'s: in it a slice is planted (2.6 % of the rows, 35 % of them wrong where others have
24 %), and from day 70 on the world changes. Each side is given the same 30 or 8 columns and the same wrong rows, one
thread, its own environment (`peers/build_venvs.py sliceline deepchecks` makes those of the peers), and 400 seconds.
`work` is reading, coding and searching; imports are left out. Writes bench/slices.json and the table in
bench/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import run as harness
from run import PEERS, Run, prepare, python_of, timed, write_table

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "slices.json"
BEGIN, END = "<!-- slices -->", "<!-- /slices -->"
LIMIT_S = 400
#: of the machine's memory: sliceline takes all there is for a million rows, and the system would end some process
MOST_MEMORY = 0.8
#: what is searched: features and conditions
TASKS = (("30", "2"), ("8", "3"))
SIDES = (("ours", ()), ("sliceline", ()), ("deepchecks", ()), ("deepchecks", ("all",)))
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BENCH_THREADS"), "1")


def jobs(sizes: list[str]) -> list[tuple[str, str, list[str]]]:
    """Name of the row, side, and the program with its arguments."""
    found = []
    for size in sizes:
        for features, depth in TASKS:
            for side, more in SIDES:
                if side == "deepchecks" and depth == "3":
                    continue  # its segments have two features
                args = [f"{side}_slices.py", size, features, depth, *more]
                found.append((" ".join([side, *more, size, features, depth]), side, args))
        checks = ([], ["find"])
        found += [(" ".join(["check", *more, size]), "ours", ["ours_check.py", size, *more]) for more in checks]
    return found


def summed(runs: list[Run]) -> Run:
    whole = [run for run in runs if "error" not in run]
    if not whole:
        return {"error": runs[-1]["error"], "wall_s": runs[-1]["wall_s"], "peak_mb": runs[-1]["peak_mb"]}
    middle = {name: round(statistics.median(run[name] for run in whole), 2) for name in ("wall_s", "work_s", "cpu_s")}
    phases = {
        name: round(statistics.median(run["phases"].get(name, 0.0) for run in whole), 2) for name in whole[-1]["phases"]
    }
    return {
        **middle,
        "phases": phases,
        "peak_mb": max(run["peak_mb"] for run in whole),
        "load": max(run["load"] for run in whole),
        **whole[-1]["result"],
    }


def measure(options: argparse.Namespace, results: dict[str, Any]) -> None:
    sizes = options.sizes.split(",")
    os.environ |= ONE_THREAD
    harness.LIMIT_S = LIMIT_S
    wanted = [job for job in jobs(sizes) if re.search(options.only, job[0])]
    prepare({side for _, side, _ in wanted}, sizes)
    runs: dict[str, list[Run]] = {}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for number in range(options.runs):
        for name, side, args in wanted:
            if number and ("error" in runs[name][0] or runs[name][0]["wall_s"] > 60):
                continue  # once is enough
            program = [python_of(side), str(PEERS / "jobs" / args[0]), *args[1:]]
            run = timed(["prlimit", f"--data={int(MOST_MEMORY * memory)}", *program])
            runs.setdefault(name, []).append(run)
            results["jobs"][name] = summed(runs[name])
            RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
            print(name, {key: each for key, each in run.items() if key != "result"}, file=sys.stderr, flush=True)
    about = f"{os.cpu_count()} cores of which one is used, {memory / 2**30:.0f} GiB, Python {platform.python_version()}"
    results["machine"] = f"{about}, {time.strftime('%Y-%m-%d')}"
    for side in ("sliceline", "deepchecks"):
        code = f"from importlib.metadata import version as v; print('{side}', v('{side}') + ', numpy', v('numpy'))"
        done = subprocess.run([python_of(side), "-c", code], capture_output=True, text=True, check=False)
        results["versions"][side] = done.stdout.strip() or f"{side} not installed"


def table(results: dict[str, Any]) -> str:
    lines = [
        "| rows | features | conditions | side | search s | work s | peak MB | slices | names the planted one |",
        "|--:|--:|--:|---|--:|--:|--:|--:|---|",
    ]
    named = {"ours": "Leadline", "sliceline": "sliceline", "deepchecks": "Deepchecks, its sample of 10,000 rows"}
    known = results["jobs"]
    sizes = dict.fromkeys(name.split()[-3] for name in known if not name.startswith("check"))
    for size in sizes:
        for features, depth in TASKS:
            for side, more in SIDES:
                run = known.get(" ".join([side, *more, size, features, depth]))
                if run is None:
                    continue
                shown = named[side] if not more else "Deepchecks, every row"
                start = f"| {size} | {features} | {depth} | {shown} |"
                if "error" in run:
                    said = "killed, out of memory" if run["error"] == "no result" else run["error"]
                    why = re.sub(r"\s+", " ", said.replace("|", "/")).split(". ")[0].rpartition("errors.")[-1]
                    lines.append(f"{start} {why} | after {run['wall_s']:.0f} | {run['peak_mb']:,} | | |")
                    continue
                search = run["phases"]["search"]
                if "find" in run["phases"]:
                    search_shown = f"{search:.2f} (found and confirmed: {run['phases']['find']:.2f})"
                else:
                    search_shown = f"{search:.2f}"
                planted = "yes" if run["planted"] else "no"
                lines.append(
                    f"{start} {search_shown} | {run['work_s']:.2f} | {run['peak_mb']:,} | {run['found']} | {planted} |"
                )
    for size in dict.fromkeys(name.split()[-1] for name in known if name.startswith("check")):
        without, with_search = (known.get(name) for name in (f"check {size}", f"check find {size}"))
        if without and with_search and "error" not in without and "error" not in with_search:
            peaks = f"peak {without['peak_mb']:,} and {with_search['peak_mb']:,} MB"
            both = f"{without['work_s']:.2f} s without the search, {with_search['work_s']:.2f} s with it; {peaks}"
            lines += ["", f"A whole check of {size} rows with 30 features, on two cores: {both}."]
    load = max((run.get("load", 0) for run in known.values()), default=0)
    used = "; ".join(results["versions"].values())
    return "\n".join([*lines, "", f"{results['machine']}, 1-minute load at most {load}. {used}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100k,1m")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"jobs": {}, "versions": {}}
    if not options.table:
        measure(options, results)
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    write_table(table(results), BEGIN, END)
    print(table(results))


if __name__ == "__main__":
    main()
