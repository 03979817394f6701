"""Deepchecks' weak segments: `deepchecks_slices.py SIZE FEATURES DEPTH [all]`; two features a segment, ever.

It samples 10,000 rows by default; with `all` it is given every row.
"""

import numpy as np
import pandas as pd
from _c import ARGS, SIZE, emit, path, phase
from _slices import FEATURES, names_the_planted
from deepchecks.tabular import Dataset
from deepchecks.tabular.checks import WeakSegmentsPerformance

phase("import")
rows = pd.read_parquet(path(f"clf_{SIZE}"), columns=[*FEATURES, "y_true", "y_pred", "y_pred_proba"])
phase("read")
chance = rows["y_pred_proba"].to_numpy()
words = [name for name in FEATURES if name.startswith("cat")]
dataset = Dataset(rows[[*FEATURES, "y_true"]], label="y_true", cat_features=words)
check = WeakSegmentsPerformance(**({"n_samples": 10**9} if "all" in ARGS else {}))
chances = np.column_stack([1 - chance, chance])
predicted = rows["y_pred"].to_numpy()
value = check.run(dataset, y_pred=predicted, y_proba=chances, with_display=False, model_classes=[0, 1]).value
phase("search")
shown = []
for row in value["weak_segments_list"].to_dict("records"):
    parts = [(row[f"Feature{n} "[:8]], row[f"Feature{n} Range"]) for n in (1, 2) if row.get(f"Feature{n}")]
    shown.append(" & ".join(f"{name} in {within}" for name, within in parts))
emit(searched=len(shown), found=len(shown), top=shown[:3], planted=names_the_planted(shown))
