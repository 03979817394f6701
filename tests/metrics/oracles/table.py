"""The seeded rows that NannyML and Leadline both evaluate. Standard library only: NannyML has its own environment."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

ROWS, DAYS = 5_000, 8
START = datetime(2024, 3, 4)
BINARY = ("roc_auc", "f1", "precision", "recall", "specificity", "accuracy", "average_precision")
REGRESSION = ("mae", "mape", "mse", "msle", "rmse", "rmsle")


def rows(task: str, seed: int) -> dict[str, list[Any]]:
    """Columns id, timestamp, score (binary only), prediction and label; the days are of unequal size.

    `random.Random` promises the same numbers in every release of Python.
    """
    draw = random.Random(seed).random
    found: dict[str, list[Any]] = {"id": list(range(ROWS)), "timestamp": [], "prediction": [], "label": []}
    if task == "binary":
        found["score"] = []
    for _ in range(ROWS):
        found["timestamp"].append(START + timedelta(seconds=int(DAYS * 86_400 * draw() ** 1.5)))
        if task == "binary":
            score = round(draw() ** 2, 4)
            found["score"].append(score)
            found["prediction"].append(int((score >= 0.5) != (draw() < 0.05)))
            found["label"].append(int(draw() < 0.1 + 0.7 * score))
        else:
            label = 0.5 + 20 * draw() ** 3
            found["label"].append(label)
            found["prediction"].append(max(label + 4 * (draw() - 0.45), 0.0))
    return found
