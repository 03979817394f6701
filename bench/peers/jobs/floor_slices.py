"""Floor of perf_day_slices: perf_day's cells, and for each of N slices the counts by day and the histogram of scores by
week.

N counts from the first of ten categorical columns (the 100 most frequent values of the reference, the rest together)
and ten numeric ones cut every 0.5. Two queries a slice, each grouping by one packed integer: (day, value, predicted,
actual), and (week, value, actual, 64 bins).
"""

import duckdb
from _c import ARGS, SIZE, emit, path, phase
from _floor import DAY_US, cells, digest, five

phase("import")
columns = [column for i in range(10) for column in (f"cat_{i:02d}", f"num_{i:02d}")][: int(ARGS[0])]
log, reference = (f"read_parquet('{path(name)}')" for name in (f"clf_{SIZE}", "clf_ref"))
connection = duckdb.connect()
labelled = f"select timestamp, y_pred_proba as score, y_pred as predicted, y_true as actual from {log}"
found = connection.execute(cells(labelled)).fetchnumpy()
phase("cells")
DAY = f"(epoch_us(timestamp) // {DAY_US})"
BIN = "least(floor(y_pred_proba * 64), 63)::bigint"
groups = 0
for column in columns:
    value, source = f"coalesce(greatest(least(floor({column} * 2), 100), -100)::bigint + 101, 0)", log
    if column.startswith("cat"):
        connection.execute(
            f"""create or replace temp table codes as
                select value, row_number() over (order by n desc, value) as code
                from (select {column} as value, count(*) as n from {reference} group by value)
                where value is not null order by code limit 100"""
        )
        value = f"case when {column} is null then 0 else coalesce(code, 101) end"
        source = f"{log} left join codes on {column} = codes.value"
    for key in (
        f"((({DAY} * 256 + {value}) * 2 + y_pred) * 2 + y_true)",
        f"((({DAY} + 3) // 7 * 256 + {value}) * 2 + y_true) * 64 + {BIN}",
    ):
        answer = connection.execute(f"select {key} as key, count(*) as n from {source} group by key").fetchnumpy()
        groups += len(answer["key"])
phase("slices")
result = five(found["key"], found["n"])
phase("metrics")
emit(**digest(result), slice_cells=groups)
