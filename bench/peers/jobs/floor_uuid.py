"""Floor of perf_day_two_files under memory_limit = 1 GB: repeated predictions removed, latest outcome of each id, join,
cells.

`window` is what a careful engineer writes first, `arg` the same by aggregates; `repeated` finds the repeated ids by
hash and orders only their rows. `clean` takes the files without repeats.
"""

import tempfile

import duckdb
from _c import ARGS, SIZE, Spill, emit, path, phase
from _floor import cells, digest, five

phase("import")
name = f"uuid_{SIZE}_clean" if "clean" in ARGS else f"uuid_{SIZE}"
predictions, outcomes = (f"read_parquet('{path(f'{name}_{kind}')}')" for kind in ("predictions", "outcomes"))
FIRST = "qualify row_number() over (partition by prediction_id order by timestamp) = 1"
LATEST = "qualify row_number() over (partition by prediction_id order by observed_at desc) = 1"
SCORED = f"select prediction_id, timestamp, score, predicted from {predictions}"
KNOWN = f"select prediction_id, value as actual from {outcomes}"


def only_repeated(connection: duckdb.DuckDBPyConnection, table: str, rows: str, order: str) -> str:
    source = rows.rsplit(" from ", 1)[1]
    connection.execute(
        f"create temp table {table} as select hash(prediction_id) as h from {source} group by h having count(*) > 1"
    )
    once = f"{rows} where hash(prediction_id) not in (select h from {table})"
    return f"{once} union all ({rows} where hash(prediction_id) in (select h from {table}) {order})"


with tempfile.TemporaryDirectory() as folder, Spill(folder) as spill:
    connection = duckdb.connect(config={"memory_limit": "1GB", "temp_directory": folder})
    connection.execute("set timezone = 'UTC'; set preserve_insertion_order = false")
    if "arg" in ARGS:
        scored = f"""select prediction_id, min(timestamp) as timestamp, arg_min(score, timestamp) as score,
                     arg_min(predicted, timestamp) as predicted from {predictions} group by prediction_id"""
        known = f"select prediction_id, arg_max(value, observed_at) as actual from {outcomes} group by prediction_id"
    elif "repeated" in ARGS:
        scored = only_repeated(connection, "repeated_predictions", SCORED, FIRST)
        known = only_repeated(connection, "repeated_outcomes", KNOWN, LATEST)
    else:
        scored, known = f"{SCORED} {FIRST}", f"{KNOWN} {LATEST}"
    phase("identity")
    joined = f"select timestamp, score, predicted, actual from ({scored}) join ({known}) using (prediction_id)"
    found = connection.execute(cells(joined)).fetchnumpy()
    phase("cells")
    result = five(found["key"], found["n"])
    phase("metrics")
    connection.close()
emit(**digest(result), spill_mb=round(spill.peak_mb))
