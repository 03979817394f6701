"""Leadline on drift_day: 30 columns, score and prediction, eight distances with their floors, per day."""

from _c import SIZE, emit, path, phase
from _ours import load

leadline = load()
phase("import")
columns = {"id": "id", "timestamp": "timestamp", "score": "y_pred_proba", "prediction": "y_pred"}
features = [f"num_{place:02d}" for place in range(20)] + [f"cat_{place:02d}" for place in range(10)]
result = leadline.check(
    {
        "version": 1,
        "model": "bench",
        "task": "binary",
        "predictions": {"source": path(f"clf_{SIZE}"), "columns": columns, "features": features},
        "reference": {"source": path("clf_ref")},
        "timezone": "UTC",
        "window": "1d",
        "find_slices": False,
        "find_faults": False,
    }
)
phase("check")
rows = [row for row in result.drift if row["column"] == "cat_01" and row["distance"] == "js_distance"]
every = [row for row in result.drift if row["distance"] == "js_distance"]
quiet = [row for row in every if row["window_start"] < "2025-04-01"]
phase("drift")
emit(
    windows=len(rows),
    js_first=rows[0]["value"],
    js_last=rows[-1]["value"],
    quiet_called=sum(row["verdict"] != "not_drifted" for row in quiet) / len(quiet),
)
