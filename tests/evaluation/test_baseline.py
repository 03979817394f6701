"""A baseline beside a regression, and what a declaration's fingerprint does not hold."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

import leadline
from leadline.log.reference import declared
from leadline.spec import SpecError, from_mapping

START = datetime(2025, 1, 1)


def log(rows: int = 600) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    label = random.normal(size=rows)
    old = label + random.normal(size=rows)
    table = pa.table(
        {
            "id": np.arange(rows),
            "ts": pa.array([START + timedelta(hours=hour) for hour in range(rows)]),
            "predicted": label + 0.3 * random.normal(size=rows),
            "old": old,
            "label": label,
        }
    )
    return table, label, old


@pytest.mark.parametrize("baseline", [{"score": "old"}, {"constant": 0.25}])
def test_a_regression_has_a_baseline(baseline):
    table, label, old = log()
    found = leadline.check(
        table, task="regression", prediction="predicted", label="label", window="1mo", baseline=baseline,
        metrics=["mae", "median_absolute_error"], slices=[],
    )  # fmt: skip
    rows = {row["metric"]: row for row in found.estimates if row["version"] == "(baseline)"}
    error = np.abs((old if "score" in baseline else 0.25) - label)
    assert rows["mae"]["value"] == pytest.approx(error.mean(), abs=1e-9)
    median = np.quantile(error, 0.5, method="inverted_cdf")
    assert abs(rows["median_absolute_error"]["value"] - median) <= rows["median_absolute_error"]["bound"] + 1e-12


MULTICLASS = {
    "version": 1,
    "model": "m",
    "task": "multiclass",
    "predictions": {"source": "p.parquet", "columns": {"id": "id", "timestamp": "ts", "prediction": "p"}},
}


def test_a_classifier_of_several_classes_has_no_baseline():
    with pytest.raises(SpecError, match="a baseline is for binary models and regressions"):
        from_mapping({**MULTICLASS, "baseline": {"constant": 0.2}})


def test_a_password_is_in_no_fingerprint():
    source = {"engine": "postgres", "table": "t", "url": "postgresql://me:secret@127.0.0.1/db"}
    spec = from_mapping({**MULTICLASS, "predictions": {**MULTICLASS["predictions"], "source": source}})
    assert "secret" not in str(declared(spec))
    assert declared(spec)["predictions"]["source"]["table"] == "t"
