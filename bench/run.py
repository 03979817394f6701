"""Measure Leadline beside NannyML, Evidently and a floor, in one run, and write the table into bench/README.md.

usage: run.py [--sizes 1m,10m] [--runs 3] [--only REGEX] [--table]

Makes the environments and the data that are missing (below $PEERS_HOME, default ~/.cache/leadline-peers: about 6 GB),
then runs every job once a round, one at a time, and takes the median of the rounds; so a busy minute hits all sides.
`--only` measures the jobs whose "task side job size" matches and keeps the other figures of the last run
(bench/results.json); `--table` only writes the table again.

wall    the whole process, imports too: what a scheduled job pays
work    reading and computing, imports left out
cpu     user and system time of the whole process
peak    the most memory that the process held (resident)
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
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PEERS = HERE / "peers"
RESULTS = HERE / "results.json"
README = HERE / "README.md"
HOME = Path(os.environ.get("PEERS_HOME", "~/.cache/leadline-peers")).expanduser()
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
LIMIT_S = 900

Run = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One program that is timed; `floor` marks what the work of its task is compared with."""

    task: str
    side: str
    name: str
    args: tuple[str, ...] = ()
    floor: bool = False
    sizes: tuple[str, ...] = ("1m", "10m")

    @property
    def label(self) -> str:
        return " ".join([self.name, *self.args])

    def key(self, size: str) -> str:
        return f"{self.task} {self.side} {self.label} {size}"


JOBS = (
    Job("perf_day", "ours", "ours_day", ("0",)),
    Job("perf_day", "limits", "floor_day", ("plain",), floor=True),
    Job("perf_day", "limits", "floor_day", ("tuned",)),
    Job("perf_day", "nannyml", "nannyml_perf"),
    Job("perf_day", "evidently", "evidently_perf", sizes=("1m",)),
    Job("estimates_day", "ours", "ours_estimates", ("with",), sizes=("1m",)),
    Job("estimates_day", "ours", "ours_estimates", ("without",), floor=True, sizes=("1m",)),
    Job("estimates_day", "nannyml", "nannyml_cbpe", sizes=("1m",)),
    Job("perf_day_two_files", "ours", "ours_uuid"),
    Job("perf_day_two_files", "limits", "floor_uuid", ("window",)),
    Job("perf_day_two_files", "limits", "floor_uuid", ("arg",), floor=True),
    Job("perf_day_two_files", "limits", "floor_uuid", ("repeated",)),
    Job("perf_day_two_files_clean", "ours", "ours_uuid", ("clean",)),
    Job("perf_day_two_files_clean", "limits", "floor_uuid", ("window", "clean")),
    Job("perf_day_two_files_clean", "limits", "floor_uuid", ("arg", "clean"), floor=True),
    Job("perf_day_two_files_clean", "limits", "floor_uuid", ("repeated", "clean")),
    Job("perf_day_slices_1", "ours", "ours_day", ("1",)),
    Job("perf_day_slices_1", "limits", "floor_slices", ("1",), floor=True),
    Job("perf_day_slices_20", "ours", "ours_day", ("20",)),
    Job("perf_day_slices_20", "limits", "floor_slices", ("20",), floor=True),
)


def python_of(side: str) -> str:
    return sys.executable if side == "ours" else str(HOME / "venvs" / side / "bin" / "python")


def prepare(sides: set[str], sizes: list[str]) -> None:
    subprocess.run([sys.executable, str(PEERS / "build_venvs.py"), *sorted(sides - {"ours"} | {"limits"})], check=True)
    make = [python_of("limits"), str(PEERS / "make_data.py"), "--out", str(HOME / "data"), "--sizes", ",".join(sizes)]
    subprocess.run(make, check=True)
    for side in sorted(sides | {"limits", "ours"}):
        compile_bytecode(side)


def environment() -> dict[str, str]:
    """What jobs run under: no telemetry, bytecode from a place of ours, nothing that the caller set for Leadline."""
    ours = {"PEERS_HOME": str(HOME), "PYTHONPYCACHEPREFIX": str(HOME / "bytecode")}
    quiet = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1", "MPLBACKEND": "Agg", "PYTHONWARNINGS": "ignore"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEADLINE_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, **quiet, **ours}


def compile_bytecode(side: str) -> None:
    """As pip does when it installs, and uv does not: without it every start compiles all that it imports."""
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run([python_of(side), "-c", where], capture_output=True, text=True, check=True).stdout.strip()
    own = [str(HERE.parent / "src")] if side == "ours" else []
    command = [python_of(side), "-m", "compileall", "-q", "-q", "-j", "2", packages, *own]
    subprocess.run(command, env=environment(), stdout=subprocess.DEVNULL, check=False)  # some ship broken templates


def timed(command: list[str]) -> Run:
    """Run one program to its end; wall, CPU and peak memory are the operating system's own figures of that process."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment())
        limit = threading.Timer(LIMIT_S, process.kill)
        limit.start()
        _, status, usage = os.wait4(process.pid, 0)
        limit.cancel()
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        found = re.search(r"^@@RESULT (.*)$", out.read(), re.MULTILINE)
        complaint = err.read().strip().splitlines()
    run: Run = {
        "wall_s": round(wall, 3),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        "peak_mb": round(usage.ru_maxrss * 1024 / 1e6),
        "load": round(os.getloadavg()[0], 1),
    }
    if process.returncode or not found:
        timeout = wall >= LIMIT_S
        run["error"] = f"no answer in {LIMIT_S} s" if timeout else (complaint or ["no result"])[-1][:200]
        return run
    run.update(json.loads(found.group(1)))
    run["work_s"] = round(sum(s for name, s in run["phases"].items() if name not in {"import", "finish"}), 3)
    return run


def median_of(job: Job, size: str, runs: list[Run]) -> Run:
    whole = [run for run in runs if "error" not in run]
    kept = {"task": job.task, "side": job.side, "job": job.label, "size": size, "runs": len(whole)}
    if not whole:
        return {**kept, "error": runs[-1]["error"]}
    figures = {name: round(statistics.median(run[name] for run in whole), 3) for name in ("wall_s", "work_s", "cpu_s")}
    peak = max(run["peak_mb"] for run in whole)
    loads = [run["load"] for run in whole]
    return {
        **kept,
        **figures,
        "peak_mb": peak,
        "load": max(loads),
        "phases": whole[-1]["phases"],
        **whole[-1]["result"],
    }


def import_times(repeats: int = 11) -> dict[str, int | None]:
    """Median wall milliseconds of `import leadline` beyond an empty interpreter, and of the whole `leadline --help`."""

    def median_ms(*command: str) -> float | None:
        walls = []
        for _ in range(repeats):
            began = time.perf_counter()
            if subprocess.run(command, capture_output=True, env=environment(), check=False).returncode:
                return None
            walls.append((time.perf_counter() - began) * 1000)
        return statistics.median(walls)

    empty = median_ms(sys.executable, "-c", "pass")
    full = median_ms(sys.executable, "-c", "import leadline")
    program = Path(sys.executable).parent / "leadline"
    shown = median_ms(str(program), "--help") if program.exists() else None
    beyond = full - empty if full is not None and empty is not None else None
    times = {"python -c pass": empty, "import leadline, beyond that": beyond, "leadline --help": shown}
    return {what: ms if ms is None else round(ms) for what, ms in times.items()}


def versions(sides: set[str]) -> dict[str, str]:
    listed = {"ours": ("duckdb", "numpy", "pyarrow", "ibis-framework"), "limits": ("duckdb", "numpy")}
    found = {}
    for side in sorted(sides):
        names = listed.get(side, (side, "pandas"))
        code = f"from importlib.metadata import version; print(', '.join(f'{{n}} {{version(n)}}' for n in {names!r}))"
        done = subprocess.run([python_of(side), "-c", code], capture_output=True, text=True, check=False)
        found[side] = done.stdout.strip() or "not installed"
    return found


def agree(one: Run, floor: Run) -> bool:
    """F1 and histograms are made of counts and have to be equal; binned and exact AUC may differ by 0.001."""
    counts = all(abs(one[name] - floor[name]) < 1e-8 for name in ("f1_first", "f1_last"))
    return counts and all(abs(one[name] - floor[name]) < 1e-3 for name in ("roc_auc_first", "roc_auc_last"))


def row(entry: Run, peers: dict[str, Run]) -> str:
    start = f"| {entry['task']} | {entry['size']} | {entry['job']} |"
    if "error" in entry:
        return f"{start} {entry['error'].replace('|', '/')} | | | | | | |"
    floor, nannyml = peers.get("floor", {}), peers.get("nannyml", {})
    over_floor = f"{entry['work_s'] / floor['work_s']:.2f}×" if floor.get("work_s") else ""
    faster = f"{nannyml['wall_s'] / entry['wall_s']:.1f}×" if nannyml.get("wall_s") else ""
    same = ("yes" if agree(entry, floor) else "**no**") if "f1_first" in entry.keys() & floor.keys() else ""
    spill = f" + {entry['spill_mb']:,} on disk" if entry.get("spill_mb") else ""
    return (
        f"{start} {entry['wall_s']:.2f} | {entry['work_s']:.2f} | {entry['cpu_s']:.2f} | {entry['peak_mb']:,}{spill} |"
        f" {over_floor} | {faster} | {same} |"
    )


def slice_cost(jobs: dict[str, Run]) -> list[str]:
    """How much twenty declared slices cost beside one, by work time and side."""
    work = {(e["task"], e["size"], e["side"]): e["work_s"] for e in jobs.values() if "work_s" in e}
    lines = []
    for (task, size, side), one in sorted(work.items()):
        if task == "perf_day_slices_1" and ("perf_day_slices_20", size, side) in work:
            lines.append(f"- {side}, {size}: {work['perf_day_slices_20', size, side] / one:.1f}×")
    return ["", "Twenty slices beside one, work time:", "", *lines] if lines else []


def table(results: dict[str, Any]) -> str:
    lines = [
        "| task | rows | job | wall s | work s | cpu s | peak MB | work / floor | NannyML / wall | same answer |",
        "|---|--:|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    jobs = results["jobs"]
    for job in sorted(JOBS, key=lambda job: [known.task for known in JOBS].index(job.task)):
        for size in job.sizes:
            if job.key(size) not in jobs:
                continue
            peers = {}
            for other in JOBS:
                entry = jobs.get(other.key(size), {"error": "not run"})
                if other.task == job.task and "error" not in entry:
                    peers.setdefault("floor" if other.floor else other.side, entry)  # a side's first job is its least
            lines.append(row(jobs[job.key(size)], peers))
    if "imports_ms" in results:
        lines += ["", "| start | ms |", "|---|--:|"]
        lines += [f"| {what} | {'not there' if ms is None else ms} |" for what, ms in results["imports_ms"].items()]
    if "ids" in results:
        lines += ["", "| 10 M text ids | memory limit | distinct | time | peak | disk |", "|---|--:|--:|--:|--:|--:|"]
        lines += results["ids"]
    lines += slice_cost(jobs)
    load = max((entry.get("load", 0) for entry in jobs.values()), default=0)
    used = "; ".join(f"{side}: {what}" for side, what in results["versions"].items())
    lines += ["", f"{results['machine']}, 1-minute load at most {load}. {used}."]
    return "\n".join(lines)


def write_table(text: str, begin: str = BEGIN, end: str = END) -> None:
    """Put a table in its place in bench/README.md, between two marks."""
    before, _, rest = README.read_text().partition(begin)
    README.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


def measure(options: argparse.Namespace, results: dict[str, Any]) -> None:
    sizes = options.sizes.split(",")
    wanted = [
        (job, size) for size in sizes for job in JOBS if size in job.sizes and re.search(options.only, job.key(size))
    ]
    prepare({job.side for job, _ in wanted}, sizes)
    runs: dict[str, list[Run]] = {}
    for number in range(options.runs):
        for job, size in wanted:
            run = timed([python_of(job.side), str(PEERS / "jobs" / f"{job.name}.py"), size, *job.args])
            runs.setdefault(job.key(size), []).append(run)
            shown = run.get("error") or f"wall {run['wall_s']:.2f} work {run['work_s']:.2f} peak {run['peak_mb']} MB"
            print(
                f"{number + 1}/{options.runs} {job.key(size)}: {shown} (load {run['load']})",
                file=sys.stderr,
                flush=True,
            )
            results["jobs"][job.key(size)] = median_of(job, size, runs[job.key(size)])
    if re.search(options.only, "imports"):
        results["imports_ms"] = import_times()
    if re.search(options.only, "ids") and "10m" in sizes:
        results["ids"] = []
        for side in ("floor", "window", "ours"):
            python = python_of("ours" if side == "ours" else "limits")
            done = subprocess.run(
                [python, str(HERE / "ids.py"), "--side", side],
                capture_output=True,
                text=True,
                check=False,
                env=environment(),
            )
            why = (done.stderr.strip().splitlines() or ["no answer"])[-1][:120]
            results["ids"].append(done.stdout.strip() or f"| {side} | {why} | | | | |")
    results["versions"] = versions({job.side for job in JOBS})
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    results["machine"] = (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1m,10m")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"jobs": {}}
    if not options.table:
        measure(options, results)
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    write_table(table(results))
    print(table(results))


if __name__ == "__main__":
    main()
