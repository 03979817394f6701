"""A whole check of 100 days with all 30 features, `ours_check.py SIZE [find]`: without the search, or with it."""

from _c import ARGS, SIZE, emit, path, phase
from _ours import load, one_file

leadline = load()
phase("import")
declared = one_file(path(f"clf_{SIZE}"), [])
declared["predictions"]["features"] = [*(f"num_{i:02d}" for i in range(20)), *(f"cat_{i:02d}" for i in range(10))]  # type: ignore[index]  # it is a mapping
declared["metrics"] = ["accuracy"]
declared["find_slices"] = "find" in ARGS
declared |= {"check_columns": False, "find_faults": False}  # searches of their own
result = leadline.check(declared)
phase("check")
told = [finding.what for finding in result.findings]
phase("findings")
emit(searched=0, found=len(told), top=told[:3], planted=False)
