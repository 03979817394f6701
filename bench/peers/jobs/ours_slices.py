"""Leadline's search: `ours_slices.py SIZE FEATURES DEPTH`: 30 or 8 features, 2 or 3 conditions, every row.

Rows are read and coded by DuckDB, with bins from a sample of 40,000 rows; then the search alone, at SliceLine's own α,
and after it all that a check does: found in one half, told apart, tested in the other.
"""

import os

import numpy as np
from _c import SIZE, emit, path, phase
from _slices import DEPTH, FEATURES, names_the_planted

import leadline.engine.duckdb
from leadline.engine import open_engine
from leadline.evaluation.arrays import array, values
from leadline.evaluation.sampling import sample
from leadline.evaluation.searched import read_bins, with_codes
from leadline.log.features import FEATURE
from leadline.log.reading import open_log, sources
from leadline.slices.distinct import Rows
from leadline.slices.find import find
from leadline.slices.search import Column, search
from leadline.spec.load import from_mapping

assert leadline.engine.duckdb  # loaded late otherwise, and then not with the imports
phase("import")
os.environ["LEADLINE_THREADS"] = "1"
log_file = path(f"clf_{SIZE}")
columns = {"id": "id", "timestamp": "timestamp", "score": "y_pred_proba", "prediction": "y_pred"}
spec = from_mapping(
    {
        "version": 1,
        "model": "bench",
        "task": "binary",
        "predictions": {"source": log_file, "columns": columns, "features": FEATURES},
        "positive": 1,
        "outcomes": {"source": log_file, "columns": {"id": "id", "value": "y_true"}, "matures_after": "0d"},
    }
)
with open_engine(sources(spec)) as engine:
    log = open_log(spec, engine)
    read = [f"{FEATURE}{place}" for place in range(len(FEATURES))]
    rows = log.predictions
    count = engine.scalars(rows.aggregate(n=rows.count()))[0]["n"]
    searched = read_bins(sample(engine, rows, read, 40_000, count), log, read)
    wrong = (rows.prediction != rows.value_label).cast("float64")
    half = (engine.md5(rows.id.cast("string")).substr(8, 1) < "8").cast("int8")
    coded = with_codes(engine, rows.select(*read, wrong=wrong, half=half), searched)
    names = [f"code_{place}" for place in range(len(searched))]
    table = engine.run(coded.select(*names, "wrong", "half"))
features = [Column(array(table, name), each.size, each.ordered) for name, each in zip(names, searched, strict=True)]
errors, chosen = np.asarray(values(table, "wrong")), array(table, "half") == 1
phase("read")
found = search(features, errors, count=10, depth=DEPTH, least=max(32, len(errors) // 100), alpha=0.95)
phase("search")
told = find(Rows(features, errors), chosen, DEPTH)
phase("find")


def said(conditions):
    return " & ".join(searched[each.column].said(each) for each in conditions)


shown = [said(each) for each in told]
emit(searched=len(found), found=len(told), top=shown[:3], planted=names_the_planted(shown))
