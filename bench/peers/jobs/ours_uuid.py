"""Leadline on perf_day_two_files: `ours_uuid.py SIZE [clean]`."""

from _c import ARGS, SIZE, emit, path, phase
from _ours import digest, load, two_files

leadline = load()
phase("import")
name = f"uuid_{SIZE}_clean" if "clean" in ARGS else f"uuid_{SIZE}"
result = leadline.check(two_files(path(f"{name}_predictions"), path(f"{name}_outcomes")))
phase("check")
found = digest(result)
phase("estimates")
emit(**found)
