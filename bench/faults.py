"""Data quality: planted faults called by name, quiet days left alone, and the stories of real tables.

usage: faults.py [--data DIRECTORY] [--runs 100] [--only planted|quiet|stories]

DIRECTORY (default $LEADLINE_DATA) holds hotel_bookings, beijing_air_quality, online_retail and
longbeach_animal_shelter. Planted: 28 days of 300 rows drawn from all of a table, whenever they were, so that no day
differs from another. From day 22 on a fault is planted into a column chosen by chance (tests/quality/tables.py).
It counts as found where a finding of that name is about that column and begins within a day. Quiet: the same days
without a fault; the share of days from the eighth on at which any finding begins; and of checks of four weeks of an
uneventful synthetic log the share that tells anything. Stories: what is known of the real
tables (their publishers' facts), looked for by `leadline check` as of a day shortly after; the place of the first
finding that tells it.

Writes bench/faults.json and the tables in bench/README.md. About ten minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from run import write_table

import leadline
from leadline.quality.episodes import episodes
from leadline.quality.findings import ranked
from leadline.quality.history import sightings
from leadline.quality.memory import LASTING, LEAST
from leadline.values import Finding, Window

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "faults.json"
BEGIN, END = "<!-- faults -->", "<!-- /faults -->"
sys.path.insert(0, str(HERE.parent / "tests"))


@dataclass(frozen=True)
class Story:
    """Something that is known of a table: where and when, and the finding that tells it.

    rows     SQL of the rows, with `moment`; `{}` stands for the table
    kinds    names of findings that tell it
    about    a part of the sentence that it needs
    """

    name: str
    table: str
    rows: str
    as_of: str
    kinds: tuple[str, ...]
    about: str
    window: str = "7d"
    zone: str = "UTC"
    features: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    expected: Mapping[str, Any] = field(default_factory=dict)


AIR = ("PM10", "SO2", "NO2", "CO", "O3", "TEMP", "PRES", "DEWP", "RAIN", "wd", "WSPM")
AIR_ROWS = 'SELECT *, "timestamp" AS moment, "PM2.5" AS prediction FROM {}'
HOTEL = ("lead_time", "adr", "adults", "meal", "market_segment", "deposit_type", "customer_type", "agent")
HOTEL_ROWS = "SELECT *, booking_date AS moment, is_canceled AS prediction FROM {} WHERE booking_date >= '2015-07-01'"
SHELTER = ("animal_type", "intake_condition", "intake_type", "jurisdiction", "sex", "animal_name", "outcome_type")
SHELTER_ROWS = "SELECT *, intake_date AS moment, was_outcome_alive AS prediction FROM {}"
RETAIL = ("CustomerID", "Quantity", "UnitPrice", "Country", "StockCode", "Description")
RETAIL_ROWS = "SELECT *, InvoiceDate AS moment, Quantity AS prediction FROM {}"
RETAIL_DAYS = {"closed": ["saturday", "2010-12-24/2011-01-03", "2011-04-22/2011-04-25", "2011-05-01/2011-05-02"]}


def _air(name: str, as_of: str, about: str) -> Story:
    return Story(
        name, "beijing_air_quality", AIR_ROWS, as_of, ("null_jump",), about, "7d", "Asia/Shanghai", AIR, ("station",)
    )


def _shelter(name: str, as_of: str, kinds: tuple[str, ...], about: str, window: str = "84d") -> Story:
    zone = "America/Los_Angeles"
    return Story(name, "longbeach_animal_shelter", SHELTER_ROWS, as_of, kinds, about, window, zone, SHELTER)


NEW = ("new_category", "renamed_category")
STORIES: tuple[Story, ...] = (
    _air("CO at Dongsi fails 2013-06-11", "2013-06-18", "CO (station=Dongsi): missing in all"),
    _air("CO at Dingling fails 2013-09-30", "2013-10-07", "CO (station=Dingling): missing in all"),
    _air("CO at Dongsi fails 2013-11-13", "2013-11-18", "CO (station=Dongsi): missing in all"),
    _air("NO2 at Dongsi fails 2014-01-19", "2014-01-24", "NO2 (station=Dongsi): missing in all"),
    # it is missing in 77 % of the rows of 2010-12-17, too; but so it was in 62 % ten days before, and in 74 % four days
    # after: nobody could have called that a fault then
    Story(
        "CustomerID is missing on 2011-08-30",
        *("online_retail", RETAIL_ROWS, "2011-08-31", ("null_jump",), "CustomerID: missing in 89 %"),
        *("7d", "Europe/London", RETAIL, (), RETAIL_DAYS),
    ),
    Story(
        "long lead times are missing in 2017",
        *("hotel_bookings", HOTEL_ROWS, "2017-06-01", ("cut_off",), "lead_time: cut off", "28d", "UTC", HOTEL),
    ),
    _shelter("fractious appears in 2017-12", "2018-02-15", NEW, "intake_condition: 'fractious'"),
    _shelter("feral is fractious now", "2018-06-15", ("renamed_category",), "'feral' is now called", "252d"),
    _shelter("i/i report appears in 2023", "2023-04-15", NEW, "intake_condition: 'i/i report'"),
    _shelter("districts appear in 2019", "2019-12-31", NEW, "jurisdiction: 'District", "252d"),
    _shelter("policy: foster to adopt from 2019-06", "2020-08-15", NEW, "outcome_type: 'foster to adopt'", "420d"),
    _shelter("policy: community cats from 2021-03", "2021-05-15", NEW, "outcome_type: 'community cat'"),
    _shelter("policy: trap, neuter, release from 2021-11", "2022-01-31", NEW, "outcome_type: 'trap, neuter, release'"),
)


def told(story: Story, data: Path) -> tuple[Finding, ...]:
    """The findings of a check as of the story's day."""
    path = data / story.table / f"{story.table}.parquet"
    rows = story.rows.format(f"read_parquet('{path}')")
    known = f"SELECT * FROM ({rows}) WHERE moment < '{story.as_of}'"
    numbered = f"SELECT row_number() OVER () AS row, * FROM ({known})"
    table = duckdb.sql(numbered).to_arrow_table()
    spec = {
        "version": 1,
        "model": story.table,
        "task": "regression",
        "timezone": story.zone,
        "window": story.window,
        "metrics": ["share"],
        "slices": list(story.slices),
        "predictions": {
            "source": table,
            "columns": {"id": "row", "timestamp": "moment", "prediction": "prediction"},
            "features": list(story.features),
            "expected": dict(story.expected) or None,
        },
    }
    return leadline.check(spec).findings


def stories(data: Path) -> list[dict[str, Any]]:
    found = []
    for story in STORIES:
        begin = time.perf_counter()
        every = told(story, data)
        place = next(
            (at + 1 for at, each in enumerate(every) if each.kind in story.kinds and story.about in each.what), None
        )
        shown = every[place - 1].what if place else "; ".join(each.what for each in every[:3])
        took = time.perf_counter() - begin
        print(f"{place or '-':>2}  {story.name} ({took:.1f} s)\n    {shown}", flush=True)
        found.append({"story": story.name, "as_of": story.as_of, "place": place, "what": shown, "found": len(every)})
    return found


def planted(runs: int) -> dict[str, float]:
    from quality import tables  # of the tests, whose path is put first above

    shares = {}
    for at, kind in enumerate(tables.PLANTS):
        hits = 0
        for seed in range(runs):
            rows, columns = tables.planted(kind, np.random.default_rng([seed, at]))
            log, wanted = rows.summary(), tables.FOUND_AS.get(kind, kind)
            hits += any(
                each.fault.kind == wanted
                and set(columns) <= set(each.fault.columns)
                and abs(each.first - tables.START) <= 1
                for each in episodes(log, sightings(log))
            )
        shares[kind] = hits / runs
        print(f"{kind:20} {shares[kind]:.2f}", flush=True)
    return shares


def quiet(runs: int) -> dict[str, float]:
    from quality import tables  # of the tests, whose path is put first above

    shares = {}
    for name in tables.COLUMNS:
        days = 0
        for seed in range(runs):
            log = tables.clean(name, np.random.default_rng([seed, 77])).summary()
            days += len({each.first for each in episodes(log, sightings(log))})
        shares[name] = days / (runs * (tables.DAYS - LEAST))
        print(f"{name:28} {shares[name]:.4f}", flush=True)
    return shares


def quiet_checks(runs: int) -> dict[str, float]:
    """Of checks of the last 28 of 120 days without a change, the share that tells anything, and anything unusual."""
    from quality import tables  # of the tests, whose path is put first above

    told_of = {"any finding": 0, "something unusual": 0, "a day that the rules call unusual": 0}
    for seed in range(runs):
        log = tables.uneventful(np.random.default_rng([seed, 78]))
        begin = len(log) - 28
        every = episodes(log, sightings(log, begin - LASTING))
        kinds = [each.fault.kind for each in ranked(log, every, Window(log.starts[begin], log.ends[-1]))]
        told_of["any finding"] += bool(kinds)
        told_of["something unusual"] += "unusual" in kinds
        unusual = (each.fault.kind == "unusual" and each.first >= begin for each in every)
        told_of["a day that the rules call unusual"] += any(unusual)
    shares = {name: count / runs for name, count in told_of.items()}
    print(shares, flush=True)
    return shares


def table(results: Mapping[str, Any]) -> str:
    """What was found, for people."""
    kinds = [(name.replace("_", " "), share) for name, share in results["planted"].items()]
    half = (len(kinds) + 1) // 2
    lines = ["| fault | found | fault | found |", "|---|--:|---|--:|"]
    for one, other in zip(kinds[:half], [*kinds[half:], ("", None)][:half], strict=True):
        cells = (f"{name} | {'' if share is None else f'{share:.0%}'}" for name, share in (one, other))
        lines.append(f"| {' | '.join(cells)} |")
    quiet = (f"{name.replace('_', ' ')} {share:.1%}" for name, share in results["quiet"].items())
    checks = ", ".join(f"{name.replace('_', ' ')} {share:.0%}" for name, share in results["quiet_checks"].items())
    lines += ["", f"Days without a fault: {', '.join(quiet)}. Uneventful checks: {checks}.", ""]
    lines += ["| story | place | sentence |", "|---|--:|---|"]
    lines += [f"| {each['story']} | {each['place'] or '–'} | {each['what']} |" for each in results["stories"]]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("LEADLINE_DATA"))
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--only", choices=("planted", "quiet", "stories"))
    options = parser.parse_args()
    if options.data is None:
        parser.error("give --data DIRECTORY, or set LEADLINE_DATA")
    os.environ["LEADLINE_DATA"] = str(options.data)
    parts = {
        "planted": lambda: planted(options.runs),
        "quiet": lambda: quiet(options.runs),
        "quiet_checks": lambda: quiet_checks(options.runs),
        "stories": lambda: stories(options.data),
    }
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name, measure in parts.items():
        if options.only in (None, name.partition("_")[0]):
            results[name] = measure()
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    write_table(table(results), BEGIN, END)


if __name__ == "__main__":
    main()
