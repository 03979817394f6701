"""The package sliceline: `sliceline_slices.py SIZE FEATURES DEPTH`; ten quantile bins, α of .95, support of 1 %."""

import numpy as np
import pandas as pd
from _c import SIZE, emit, path, phase
from _slices import DEPTH, FEATURES, names_the_planted
from sliceline.slicefinder import Slicefinder

phase("import")
rows = pd.read_parquet(path(f"clf_{SIZE}"), columns=[*FEATURES, "y_true", "y_pred"])
coded = np.empty((len(rows), len(FEATURES)), np.int64)
words = {}
for place, name in enumerate(FEATURES):
    if name.startswith("num"):
        bins = pd.qcut(rows[name], 10, duplicates="drop")
        coded[:, place], words[name] = bins.cat.codes + 1, [str(each) for each in bins.cat.categories]
    else:
        codes, found = pd.factorize(rows[name])
        coded[:, place], words[name] = codes + 1, list(found)
errors = (rows["y_true"] != rows["y_pred"]).to_numpy().astype(float)
phase("read")
finder = Slicefinder(alpha=0.95, k=10, max_l=DEPTH, min_sup=max(32, len(rows) // 100), verbose=False)
finder.fit(coded, errors)
phase("search")
shown = []
for each in finder.top_slices_:
    parts = [(name, code) for name, code in zip(FEATURES, each, strict=True) if code is not None]
    shown.append(" & ".join(f"{name} = {words[name][int(code) - 1] if code else 'missing'}" for name, code in parts))
emit(searched=len(shown), found=len(shown), top=shown[:3], planted=names_the_planted(shown))
