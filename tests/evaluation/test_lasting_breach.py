"""A drop that lasts is told every day that it lasts, and since when."""

from datetime import datetime, timedelta

import pyarrow as pa
import pytest

import leadline

START = datetime(2025, 3, 3)
GOOD_DAYS, ROWS = 20, 50


def log(bad_days: int) -> pa.Table:
    """50 rows a day, 2 of them wrong; from the 21st day on 45."""
    days = [day for day in range(GOOD_DAYS + bad_days) for _ in range(ROWS)]
    wrong = [place % ROWS < (2 if day < GOOD_DAYS else 45) for place, day in enumerate(days)]
    label = [place % 2 == 0 for place in range(len(days))]
    return pa.table(
        {
            "id": range(len(days)),
            "ts": [START + timedelta(days=day, minutes=place % ROWS) for place, day in enumerate(days)],
            "predicted": [yes != error for yes, error in zip(label, wrong, strict=True)],
            "label": label,
        }
    )


CASES = [*(("interval", days) for days in (1, 2, 3, 5, 8, 13, 21, 40)), *(("detector", days) for days in (2, 8, 40))]


@pytest.mark.parametrize(("rule", "bad_days"), CASES)  # a detector takes in whole days only: the last has not closed
def test_a_lasting_drop_is_breached_since_its_first_day(rule, bad_days):
    found = leadline.check(
        log(bad_days), task="binary", prediction="predicted", label="label", metrics=["accuracy"], slices=[],
        objectives=[{"metric": "accuracy", "at_least": 0.8, "window": "1d", "rule": rule}],
    )  # fmt: skip
    judged = found.objectives[0]
    assert judged["status"] == "breached"
    assert judged["since"] == (START + timedelta(days=GOOD_DAYS)).isoformat() + "Z"


def test_a_version_with_few_labels_shares_the_reference_and_says_so():
    table = log(2)
    old = table.num_rows - 120
    table = table.append_column("version", pa.array(["v1"] * old + ["v2"] * 120))
    found = leadline.check(table, task="binary", prediction="predicted", label="label", version="version", slices=[])
    said = [note.text for note in found.notes if note.code == "version_shares_reference"]
    assert [text.split(":")[0] for text in said] == [
        f"Version 'v1' has {old:,} mature labels"] * (old < 1000) + ["Version 'v2' has 120 mature labels"
    ]  # fmt: skip
