"""How far estimates without labels are from what labels show: Leadline, NannyML's CBPE and DLE, and a constant.

usage: estimates.py [--only NAME] [--table]

Real data: NannyML's car loans (its own, synthetic) and Massachusetts employment (a census) in windows of 2,000 rows,
the flights of our demo by day and by week, hotel bookings by week (bench/trials/hotel_bookings.py trains the model);
a regression and three classes, NannyML's car prices and credit cards (synthetic, too) in windows of 6,000 rows.
Each side is fitted on the same reference and estimates the same windows from predictions alone; the truth is reckoned
here with scikit-learn from all labels. Labels come five windows late, so that Leadline's record is what it would be;
where it withdraws, it is given the constant's error. Writes bench/estimates.json and the table in bench/README.md.
`bench/peers/build_venvs.py nannyml` makes NannyML's environment; $LEADLINE_DATA holds hotel_bookings.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    mean_absolute_error,
    precision_score,
    recall_score,
    roc_auc_score,
    root_mean_squared_error,
)

import leadline

HERE = Path(__file__).resolve().parent
HOME = Path(os.environ.get("PEERS_HOME", "~/.cache/leadline-peers")).expanduser()
NANNYML = HOME / "venvs" / "nannyml" / "bin" / "python"
DEMO = Path(leadline.__file__).parent / "demo" / "data"
RESULTS, README = HERE / "estimates.json", HERE / "README.md"
BEGIN, END = "<!-- estimates -->", "<!-- /estimates -->"
START = date(2024, 1, 1)
CHUNK, LATE = 2_000, 5
SCORE = "score_"


# Tasks: which metrics, and what scikit-learn makes of labelled rows -------------------------------------------------

Figures = dict[str, float]


def of_binary(rows: pd.DataFrame) -> Figures:
    y, predicted = rows["label"].astype(int), rows["prediction"]
    if y.nunique() < 2:
        return {}
    return {
        "roc_auc": roc_auc_score(y, rows["score"]),
        "accuracy": accuracy_score(y, predicted),
        "f1": f1_score(y, predicted),
        "precision": precision_score(y, predicted),
        "recall": recall_score(y, predicted),
    }


def of_classes(rows: pd.DataFrame) -> Figures:
    y, predicted, scores = rows["label"], rows["prediction"], scores_of(rows)
    return {
        "roc_auc": roc_auc_score(y, rows[[*scores.values()]], multi_class="ovr", labels=[*scores]),
        "accuracy": accuracy_score(y, predicted),
        "macro_f1": f1_score(y, predicted, average="macro"),
    }


def of_numbers(rows: pd.DataFrame) -> Figures:
    y, predicted = rows["label"], rows["prediction"]
    return {"mae": mean_absolute_error(y, predicted), "rmse": root_mean_squared_error(y, predicted)}


def scores_of(rows: pd.DataFrame) -> dict[str, str]:
    """Class and column of its score, in alphabetical order of the classes."""
    columns = sorted(name for name in rows.columns if name.startswith(SCORE))
    return {name.removeprefix(SCORE): name for name in columns}


@dataclass(frozen=True)
class Task:
    """What is measured of a task's models; `columns` are those of the score or scores."""

    name: str
    metrics: tuple[str, ...]
    figures: Callable[[pd.DataFrame], Figures]
    columns: Callable[[pd.DataFrame], dict[str, Any]]


BINARY = Task("binary", ("roc_auc", "accuracy", "f1", "precision", "recall"), of_binary, lambda _: {"score": "score"})
CLASSES = Task("multiclass", ("roc_auc", "accuracy", "macro_f1"), of_classes, lambda rows: {"scores": scores_of(rows)})
NUMBERS = Task("regression", ("mae", "rmse"), of_numbers, lambda _: {})


# Data: score, prediction, label, reference, window, and features ----------------------------------------------------


def chunked(rows: pd.DataFrame, size: int = CHUNK) -> pd.DataFrame:
    """Windows of so many rows in their order; the reference in whole windows before; a short last one left out."""
    place = rows.groupby("reference").cumcount() // size
    before = place[rows["reference"]].max() + 1
    full = rows["reference"] | (rows.groupby(["reference", place])["prediction"].transform("size") == size)
    return rows.assign(window=place + np.where(rows["reference"], 0, before))[full]


def car_loan(directory: Path) -> pd.DataFrame:
    return chunked(pd.read_parquet(directory / "car_loan.parquet"))


def ma_employment(directory: Path) -> pd.DataFrame:
    return chunked(pd.read_parquet(directory / "ma_employment.parquet"))


def flights(_: Path, days: int = 1) -> pd.DataFrame:
    rows = pd.read_parquet(DEMO / "predictions.parquet")
    labels = pd.read_parquet(DEMO / "outcomes.parquet").set_index("prediction_id")["late"]
    local = rows["scheduled_at"].dt.tz_convert("America/New_York")
    day = (local.dt.tz_localize(None).dt.normalize() - pd.Timestamp("2013-04-01")).dt.days
    reference = day < 28
    rows = rows.assign(
        label=rows["prediction_id"].map(labels).astype("float"),
        prediction=rows["predicted"].astype(int),
        window=day // days,
        reference=reference,
    )
    return rows.drop(columns=["prediction_id", "scheduled_at", "predicted", "model_version", "tailnum"])


def flights_by_week(directory: Path) -> pd.DataFrame:
    return flights(directory, days=7)


def hotel_bookings(directory: Path) -> pd.DataFrame:
    trial = [sys.executable, str(HERE / "trials" / "hotel_bookings.py"), str(directory)]
    subprocess.run(trial, check=True, stdout=subprocess.DEVNULL)
    rows = pd.read_parquet(directory / "predictions.parquet")
    outcomes = pd.read_parquet(directory / "outcomes.parquet").set_index("booking_id")["is_canceled"]
    week = (rows["booking_date"] - rows["booking_date"].min()).dt.days // 7
    rows = rows.assign(
        label=rows["booking_id"].map(outcomes).astype(float),
        prediction=rows["predicted"],
        window=week,
        reference=week < 13,
    )
    rows = rows[week < 52]  # later bookings are cut: only stays up to August 2017 are in the data
    return rows.drop(columns=["booking_id", "booking_date", "predicted"])


def car_price(directory: Path) -> pd.DataFrame:
    return chunked(pd.read_parquet(directory / "car_price.parquet"), 6_000)


def credit_cards(directory: Path) -> pd.DataFrame:
    return chunked(pd.read_parquet(directory / "credit_cards.parquet"), 6_000)


DATA = {
    car_loan: BINARY,
    ma_employment: BINARY,
    flights: BINARY,
    flights_by_week: BINARY,
    hotel_bookings: BINARY,
    credit_cards: CLASSES,
    car_price: NUMBERS,
}
NAMES = {of.__name__: of for of in DATA}
NO_FEATURES = ("score", "prediction", "label", "reference", "window", "at", "key")


# Sides --------------------------------------------------------------------------------------------------------------

By = dict[str, Figures]


def truth(rows: pd.DataFrame, task: Task) -> tuple[By, Figures]:
    """By metric and day the figure of all labels; and the reference's."""
    labelled = rows[rows["label"].notna()]
    by: By = {name: {} for name in task.metrics}
    for day, some in labelled[~labelled["reference"]].groupby("at"):
        for name, value in task.figures(some).items():
            by[name][str(day.date())] = float(value)
    return by, task.figures(labelled[labelled["reference"]])


def ours(rows: pd.DataFrame, task: Task, features: list[str]) -> tuple[By, dict[str, Any]]:
    days = rows.loc[rows["reference"], "at"].max() + timedelta(days=1)
    columns = {"id": "key", "timestamp": "at", "prediction": "prediction", **task.columns(rows)}
    result = leadline.check(
        {
            "version": 1,
            "model": "bench",
            "task": task.name,
            **({"positive": 1} if task is BINARY else {}),
            "predictions": {"source": rows, "columns": columns, "features": features},
            "outcomes": {"source": rows, "columns": {"id": "key", "value": "label"}, "matures_after": f"{LATE}d"},
            "timezone": "UTC",
            "window": "1d",
            "metrics": list(task.metrics),
            "reference": {"until": days.to_pydatetime()},
        }
    )
    by: By = {name: {} for name in task.metrics}
    for each in result.estimates:
        if each["estimator"] and each["value"] is not None:
            by[each["metric"]][each["window_start"][:10]] = each["value"]
    record = {each["metric"]: each for each in result.track_record}
    return by, record


def theirs(task: Task, path: Path, out: Path) -> By:
    job = HERE / "peers" / "jobs" / "nannyml_estimates.py"
    command = [str(NANNYML), str(job), task.name, str(path), str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found: By = json.loads(out.read_text())["estimates"]
    return found


def measured(name: str, directory: Path) -> list[dict[str, Any]]:
    task, rows = DATA[NAMES[name]], NAMES[name](directory).reset_index(drop=True)
    at = pd.to_datetime([START + timedelta(days=int(each)) for each in rows["window"]])
    rows = rows.assign(at=at + pd.to_timedelta(rows.groupby("window").cumcount(), unit="us"), key=range(len(rows)))
    path = directory / "rows.parquet"
    rows = rows.astype({"label": float} if task is BINARY else {})
    rows.to_parquet(path, index=False)
    rows["at"] = rows["at"].dt.normalize()
    shown, reference = truth(rows, task)
    features = [column for column in rows.columns if column not in NO_FEATURES and not column.startswith(SCORE)]
    mine, record = ours(rows, task, features)
    plain, _ = ours(rows, task, [])
    other = theirs(task, path, directory / "estimates.json")
    table = []
    for metric in task.metrics:
        days = [day for day in shown[metric] if np.isfinite(other[metric].get(day, np.nan))]
        figures = np.array([shown[metric][day] for day in days])
        errors = {
            side: np.abs(np.array([by[metric].get(day, reference[metric]) for day in days]) - figures)
            for side, by in (("leadline", mine), ("leadline_without_features", plain), ("nannyml", other))
        }
        errors["constant"] = np.abs(reference[metric] - figures)
        difference = errors["leadline"] - errors["nannyml"]
        table.append(
            {
                "data": name,
                "metric": metric,
                "windows": len(days),
                **{side: float(each.mean()) for side, each in errors.items()},
                "difference": float(difference.mean()),
                "standard_error": float(difference.std(ddof=1) / np.sqrt(len(days))),
                "withdrawn": sum(day not in mine[metric] for day in days),
                "band_covered": record[metric]["band_covered"],
            }
        )
    return table


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| data | metric | windows | Leadline | without features | NannyML | constant | Leadline - NannyML | band |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for each in rows:
        sides = [f"{each[side]:.4f}" for side in ("leadline", "leadline_without_features", "nannyml", "constant")]
        covered = "" if each["band_covered"] is None else f"{each['band_covered']:.2f}"
        apart = f"{each['difference']:+.4f} ± {each['standard_error']:.4f}"
        cells = (each["data"], each["metric"], str(each["windows"]), *sides, apart, covered)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=sorted(NAMES))
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    if not options.table:
        with tempfile.TemporaryDirectory() as made:
            job = HERE / "peers" / "jobs" / "nannyml_data.py"
            subprocess.run([str(NANNYML), str(job), made], check=True, stderr=subprocess.DEVNULL)
            for name in [options.only] if options.only else NAMES:
                new = measured(name, Path(made))
                found = [each for each in found if each["data"] != name] + new
                print(table(new), flush=True)
        found.sort(key=lambda each: list(NAMES).index(each["data"]))
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    text = README.read_text()
    if BEGIN in text:
        before, _, rest = text.partition(BEGIN)
        README.write_text(f"{before}{BEGIN}\n{table(found)}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
