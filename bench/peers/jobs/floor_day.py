"""Floor of perf_day: ids proved unique, cells, five metrics per day.

`plain` proves uniqueness by count(distinct id); `tuned` by one bit an id, which needs integers in a range that is not
much longer than they are many.
"""

import duckdb
from _c import ARGS, SIZE, emit, path, phase
from _floor import cells, digest, five

phase("import")
log = f"read_parquet('{path(f'clf_{SIZE}')}')"
connection = duckdb.connect()
rows, least, greatest = connection.execute(f"select count(*), min(id), max(id) from {log}").fetchall()[0]
if "tuned" in ARGS and greatest - least < 32 * rows:
    proof = f"select bit_count(bitstring_agg(id, {least}, {greatest})) from {log}"
else:
    proof = f"select count(distinct id) from {log}"
if connection.execute(proof).fetchall()[0][0] != rows:
    raise SystemExit("the ids are not unique")
phase("identity")
labelled = f"select timestamp, y_pred_proba as score, y_pred as predicted, y_true as actual from {log}"
found = connection.execute(cells(labelled)).fetchnumpy()
phase("cells")
result = five(found["key"], found["n"])
phase("metrics")
emit(**digest(result))
