"""NannyML: univariate drift of 30 columns per day. `js`: its Jensen-Shannon distance alone; `all`: with Wasserstein,
Kolmogorov-Smirnov, chi-square and L-infinity."""

import nannyml as nml
import pandas as pd
from _c import ARGS, SIZE, emit, path, phase

NUMERIC = [f"num_{place:02d}" for place in range(20)]
TEXT = [f"cat_{place:02d}" for place in range(10)]

phase("import")
reference, production = (
    pd.read_parquet(path(name), columns=["timestamp", *NUMERIC, *TEXT]) for name in ("clf_ref", f"clf_{SIZE}")
)
phase("read")
every = "all" in ARGS
calculator = nml.UnivariateDriftCalculator(
    column_names=NUMERIC + TEXT,
    timestamp_column_name="timestamp",
    chunk_period="D",
    continuous_methods=["jensen_shannon", *(["wasserstein", "kolmogorov_smirnov"] if every else [])],
    categorical_methods=["jensen_shannon", *(["chi2", "l_infinity"] if every else [])],
)
calculator.fit(reference)
phase("fit")
found = calculator.calculate(production).filter(period="analysis").to_df()
phase("calculate")
alerts = [found[(name, "jensen_shannon", "alert")].iloc[:50].mean() for name in NUMERIC + TEXT]
emit(windows=len(found), quiet_called=sum(alerts) / len(alerts))
