"""A quick model of cancelled hotel bookings, as predictions and outcomes for `leadline init` and `leadline check`.

usage: hotel_bookings.py OUTPUT [--data DIRECTORY]

DIRECTORY holds hotel_bookings.parquet (default $LEADLINE_DATA/hotel_bookings): the data of Antonio, de Almeida and
Nunes, Data in Brief 22 (2019) 41-49, CC BY 4.0, with booking_id, booking_date and arrival_date added. The model learns
from bookings made in July to December 2015 for stays that had ended with the year: of the later ones only the
cancellations were known then, and with them the model would learn that far-off stays are cancelled. It scores the
bookings made from 2016 on with what was known at booking. The label comes on the day of cancellation or departure.
Writes predictions.parquet and outcomes.parquet into OUTPUT.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import precision_score, recall_score, roc_auc_score

TRAINED_FROM, DEPLOYED = pd.Timestamp("2015-07-01"), pd.Timestamp("2016-01-01")
CATEGORICAL = [
    "hotel",
    "meal",
    "market_segment",
    "distribution_channel",
    "reserved_room_type",
    "deposit_type",
    "customer_type",
]
# Not here: what is only known later (assigned_room_type, booking_changes, required_car_parking_spaces,
# days_in_waiting_list), and country, which is corrected at check-in.
NUMERIC = [
    "lead_time",
    "stays_in_weekend_nights",
    "stays_in_week_nights",
    "adults",
    "children",
    "babies",
    "is_repeated_guest",
    "previous_cancellations",
    "previous_bookings_not_canceled",
    "agent",
    "adr",
    "total_of_special_requests",
]


def design(rows: pd.DataFrame, levels: dict[str, list[str]]) -> pd.DataFrame:
    out = rows[NUMERIC].astype(float)
    for name, known in levels.items():
        out[name] = pd.Categorical(rows[name].where(rows[name].isin(known)), categories=known)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("LEADLINE_DATA", ".")) / "hotel_bookings")
    options = parser.parse_args()
    rows = pd.read_parquet(options.data / "hotel_bookings.parquet").sort_values(["booking_date", "booking_id"])
    known = rows[["reservation_status_date", "booking_date"]].max(axis=1)
    nights = rows["stays_in_weekend_nights"] + rows["stays_in_week_nights"]
    ended = (rows["arrival_date"] + pd.to_timedelta(nights, unit="D") < DEPLOYED) & (known < DEPLOYED)
    learnt_from = rows["booking_date"].between(TRAINED_FROM, DEPLOYED, inclusive="left") & ended
    past, live = rows[learnt_from], rows[rows["booking_date"] >= DEPLOYED]
    levels = {name: sorted(past[name].dropna().unique()) for name in CATEGORICAL}
    model = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=150, categorical_features="from_dtype", early_stopping=False, random_state=0
    ).fit(design(past, levels), past["is_canceled"])
    score = model.predict_proba(design(live, levels))[:, 1].round(4)
    live = live.assign(score=score, predicted=(score >= 0.5).astype(int), observed_at=known)
    options.output.mkdir(parents=True, exist_ok=True)
    columns = ["booking_id", "booking_date", "score", "predicted", *CATEGORICAL, *NUMERIC]
    live[columns].to_parquet(options.output / "predictions.parquet", index=False)
    outcomes = live[["booking_id", "is_canceled", "observed_at"]]
    outcomes.to_parquet(options.output / "outcomes.parquet", index=False)
    print(f"{len(past):,} bookings learnt from, {len(live):,} scored, {live['is_canceled'].mean():.3f} cancelled")
    for month, group in live.groupby(live["booking_date"].dt.to_period("Q")):
        y, said = group["is_canceled"], group["predicted"]
        auc = roc_auc_score(y, group["score"])
        print(f"{month} n {len(group):6,} auc {auc:.3f} recall {recall_score(y, said):.3f}", end=" ")
        print(f"precision {precision_score(y, said):.3f} mean score {group['score'].mean():.3f} share {y.mean():.3f}")


if __name__ == "__main__":
    main()
