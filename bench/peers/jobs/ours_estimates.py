"""Leadline on perf_day with estimates without labels of the 90 days after a reference of 10, and without them.

usage: ours_estimates.py SIZE with|without: without, all rows are the reference, and nothing is left to estimate
"""

from _c import ARGS, SIZE, emit, path, phase
from _ours import load, one_file

leadline = load()
phase("import")
until = {"with": "2025-02-20", "without": "2026-01-01"}[ARGS[0]]
result = leadline.check(one_file(path(f"clf_{SIZE}"), []) | {"reference": {"until": until}})
phase("check")
rows = list(result.estimates)
phase("estimates")
emit(
    windows=len({row["window_end"] for row in rows if row["estimator"] is None}),
    estimated=len({row["window_end"] for row in rows if row["estimator"] is not None}),
)
