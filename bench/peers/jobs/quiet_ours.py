"""Leadline: which columns it calls drifted, by day."""

import sys

import pyarrow as pa
import pyarrow.parquet as pq
from _c import emit, path, phase
from _ours import load
from _quiet import columns, summed

leadline = load()
phase("import")
log, reference = sys.argv[1:3]
schema = pq.read_schema(path(log))
numbers, text = columns({each.name: pa.types.is_string(each.type) for each in schema})
used: dict[str, object] = {"id": "id", "timestamp": "timestamp"}
used |= {"score": "y_pred_proba"} if "y_pred_proba" in schema.names else {"prediction": "y_pred"}
result = leadline.check(
    {
        "version": 1,
        "model": "bench",
        "task": "binary",
        "predictions": {"source": path(log), "columns": used, "features": numbers + text},
        "reference": {"source": path(reference)},
        "timezone": "UTC",
        "window": "1d",
        "find_slices": False,
        "find_faults": False,
    }
)
asked = {*numbers, *text}
by_day = {
    (row["column"], row["window_start"]): row["verdict"] != "not_drifted"
    for row in result.drift
    if row["column"] in asked
}
phase("check")
emit(**summed(((column, day, drifted) for (column, day), drifted in by_day.items()), text))
