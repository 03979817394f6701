"""NannyML: which columns its default thresholds call drifted, by day, and by method."""

import sys

import nannyml as nml
import pandas as pd
from _c import emit, path, phase
from _quiet import NO_FEATURES, of_frame, summed

phase("import")
unused = NO_FEATURES - {"timestamp"}
production, reference = (pd.read_parquet(path(name)).drop(columns=unused, errors="ignore") for name in sys.argv[1:3])
numbers, text = of_frame(reference)
phase("read")
methods = {
    "jensen_shannon": numbers + text,
    "wasserstein": numbers,
    "kolmogorov_smirnov": numbers,
    "chi2": text,
}
calculator = nml.UnivariateDriftCalculator(
    column_names=numbers + text,
    timestamp_column_name="timestamp",
    chunk_period="D",
    continuous_methods=[name for name, of in methods.items() if of is not text],
    categorical_methods=[name for name, of in methods.items() if of is not numbers],
)
calculator.fit(reference)
found = calculator.calculate(production).filter(period="analysis").to_df()
phase("calculate")
days = found[("chunk", "chunk", "start_date")].astype(str)
by_method = {
    name: summed(
        (
            (column, day, bool(alert))
            for column in of
            for day, alert in zip(days, found[(column, name, "alert")], strict=True)
        ),
        text,
    )
    for name, of in methods.items()
    if of
}
emit(**by_method.pop("jensen_shannon"), others={name: found["called"] for name, found in by_method.items()})
