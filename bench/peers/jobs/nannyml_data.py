"""NannyML's bundled data sets as Parquet, one file each, with the period that each row belongs to.

usage: nannyml_data.py DIRECTORY
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml as nml
import pandas as pd

NAMES = {
    "repaid": "label",
    "employed": "label",
    "y_pred_proba": "score",
    "y_pred": "prediction",
    "predicted_probability": "score",
    "y_true": "label",
    **{f"y_pred_proba_{name}": f"score_{name}" for name in ("highstreet_card", "prepaid_card", "upmarket_card")},
}
LOADERS = {
    "car_loan": nml.load_synthetic_car_loan_dataset,
    "ma_employment": nml.load_us_census_ma_employment_data,
    "car_price": nml.load_synthetic_car_price_dataset,
    "credit_cards": nml.load_synthetic_multiclass_classification_dataset,
}


def main() -> None:
    for name, load in LOADERS.items():
        reference, analysis, targets = load()
        rows = pd.concat([reference.assign(reference=True), analysis.merge(targets, on="id").assign(reference=False)])
        rows = rows.rename(columns=NAMES).drop(columns=["id", "timestamp", "year"], errors="ignore")
        words = rows.select_dtypes("category").columns
        rows.astype(dict.fromkeys(words, str)).to_parquet(Path(sys.argv[1]) / f"{name}.parquet", index=False)


if __name__ == "__main__":
    main()
