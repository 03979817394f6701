"""Which service has the fault: calls of a microservice system with injected faults, hour by hour, by their latency.

usage: train_ticket.py [--data DIRECTORY]

DIRECTORY holds spans.parquet, logs.parquet and faults.parquet (default $LEADLINE_DATA/trainticket_incidents): the data
of Nezha (Yu et al., ESEC/FSE 2023), MIT, with 45 faults injected into TrainTicket. There are three minutes of spans
after each injection; a clock that runs 18 times as fast makes an hour of each, as an hour is the shortest window.

A row is a call of one service by another. Its latency is the caller's span less the called one's: the time on the
network. Its error is an ERROR in the called service's log of the same trace. One promise for each service that is
called: half of its calls take at most .1 s. Each hour is then checked as of its end, as a scheduler would.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

import leadline

START = datetime(2023, 1, 29, tzinfo=UTC)
CALLS = """
WITH spans AS (SELECT DISTINCT ON (span_no) * FROM '{data}/spans.parquet'),
failures AS (SELECT DISTINCT trace_no, service FROM '{data}/logs.parquet' WHERE level = 'ERROR'),
calls AS (
    SELECT called.span_no AS id, called.start_time AS started, called.service, caller.service AS caller,
        greatest(caller.duration_us - called.duration_us, 0) / 1e6 AS latency_s, failures.service IS NOT NULL AS error
    FROM spans AS called
    JOIN spans AS caller ON called.parent_span_no = caller.span_no AND called.service <> caller.service
    LEFT JOIN failures ON failures.trace_no = called.trace_no AND failures.service = called.service
)
SELECT calls.*, faults.fault_id, date_diff('millisecond', faults.inject_time, started) / 1000 AS since_s
FROM calls JOIN '{data}/faults.parquet' AS faults
ON started >= faults.inject_time AND started < faults.inject_time + INTERVAL 200 SECOND
ORDER BY fault_id, started, id
"""


def table(data: Path) -> tuple[pa.Table, list[tuple[int, str, str]]]:
    """The calls on the fast clock, hour 0 that of the first fault, and number, service and type of each fault."""
    with duckdb.connect() as connection:
        rows = connection.sql(CALLS.format(data=data)).to_arrow_table().to_pylist()
        faults = connection.sql(f"SELECT fault_id, service, inject_type FROM '{data}/faults.parquet' ORDER BY 1")
        known = faults.fetchall()
    kept = [
        {
            "id": f"{row['fault_id']}-{row['id']}",
            "at": START + timedelta(hours=row["fault_id"], seconds=row["since_s"] * 3600 / 200),
            "score": 0.5,
            "service": row["service"],
            "latency_s": row["latency_s"],
            "error": row["error"],
        }
        for row in rows
    ]
    return pa.Table.from_pylist(kept), known


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("LEADLINE_DATA", ".")) / "trainticket_incidents"
    )
    calls, faults = table(parser.parse_args().data)
    promise = {"metric": "latency_p50", "at_most": 0.1, "window": "1h", "slices": ["service"], "rule": "interval"}
    columns = {"id": "id", "timestamp": "at", "score": "score", "latency_s": "latency_s", "error": "error"}
    spec = {
        "version": 1,
        "model": "train-ticket",
        "task": "binary",
        "predictions": {"source": calls, "columns": columns, "features": []},
        "reference": {"until": (START + timedelta(hours=24)).isoformat()},
        "window": "1h",
        "slices": ["service"],
        "metrics": ["error_rate"],
        "objectives": [promise],
    }
    print(f"{calls.num_rows:,} calls, {len(faults)} faults")
    found, others, started = Counter[str](), Counter[str](), time.perf_counter()
    for number, service, kind in faults:
        at = (START + timedelta(hours=number + 1) - timedelta(seconds=1)).isoformat()
        result = leadline.check(spec, as_of=at)
        breached = {
            each["slice"]["service"]: each
            for each in result.objectives
            if each["status"] == "breached" and each["slice"]
        }
        found[kind] += service in breached
        others[kind] += len(breached.keys() - {service})
        named = ", ".join(
            f"{name} {each['value']:.2f} s [{each['low']:.2f}-{each['high']:.2f}] of {each['n']} calls"
            for name, each in sorted(breached.items(), key=lambda item: -item[1]["value"])
        )
        print(f"{number:2} {kind:15} {service:30} {named or '-'}")
    for kind, count in Counter(kind for _, _, kind in faults).items():
        print(f"{kind}: the service named in {found[kind]} of {count}, others in {others[kind]} places")
    print(f"{(time.perf_counter() - started) / len(faults):.2f} s a check")


if __name__ == "__main__":
    main()
