"""Leadline on perf_day and perf_day_slices: `ours_day.py SIZE N` with N declared slices (0: none)."""

from _c import ARGS, SIZE, emit, path, phase
from _ours import digest, load, one_file

leadline = load()
phase("import")
columns = [column for i in range(10) for column in (f"cat_{i:02d}", f"num_{i:02d}")][: int(ARGS[0])]
slices: list[object] = [
    name if name.startswith("cat") else {"name": f"{name}_bin", "bin": {"column": name, "width": 0.5}}
    for name in columns
]
result = leadline.check(one_file(path(f"clf_{SIZE}"), slices))
phase("check")
found = digest(result)
phase("estimates")
emit(**found)
