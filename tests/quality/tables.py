"""Columns of tables, drawn as days without a change, and faults that are planted into them.

The tables are real where $LEADLINE_DATA names their directory; else made up, with the same columns.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import duckdb
import numpy as np

from leadline.quality.summary import Partitions
from quality.summaries import partitions

DAYS, ROWS, START = 28, 300, 22

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "hotel_bookings": (
        *("lead_time", "adr", "stays_in_week_nights", "adults", "agent", "meal", "market_segment"),
        *("country", "reserved_room_type", "deposit_type"),
    ),
    "beijing_air_quality": ("PM2.5", "SO2", "NO2", "CO", "O3", "TEMP", "PRES", "DEWP", "WSPM", "wd", "station"),
    "online_retail": ("Quantity", "UnitPrice", "CustomerID", "Description", "Country", "StockCode"),
    "longbeach_animal_shelter": (
        *("latitude", "longitude", "animal_type", "intake_condition", "primary_color", "sex"),
        *("crossing", "animal_name", "intake_type"),
    ),
}
POSITIVE = ("lead_time", "adr", "PM2.5", "SO2", "NO2", "CO", "O3", "PRES", "UnitPrice", "latitude")
NUMBERS = (*POSITIVE, "TEMP", "DEWP", "WSPM", "stays_in_week_nights", "Quantity", "longitude")
WORDS = ("meal", "market_segment", "reserved_room_type", "wd", "station", "animal_type", "primary_color", "sex")
TEXTS = ("Description", "crossing")
PAIRS = (
    ("lead_time", "adr"),
    ("SO2", "O3"),
    ("NO2", "CO"),
    ("PM2.5", "PRES"),
    ("TEMP", "O3"),
    ("Quantity", "UnitPrice"),
)
PAIRS += (("latitude", "longitude"), ("meal", "market_segment"), ("animal_type", "primary_color"), ("wd", "station"))
FACTORS = (1000.0, 1e-3, 100.0, 0.01, 60.0, 1 / 60, 3600.0, 2.20462, 1 / 2.20462, 3.28084, 1 / 3.28084, 1.609344, 25.4)


def there() -> bool:
    return bool(os.environ.get("LEADLINE_DATA"))


@cache
def table(name: str) -> dict[str, np.ndarray]:
    return real(name) if there() else made(name)


MADE = 12_000
#: how numbers of a made-up column are drawn
DRAWN: Mapping[str, Callable[[np.random.Generator], np.ndarray]] = {
    "lead_time": lambda random: np.floor(random.gamma(0.8, 130, MADE)),
    "adr": lambda random: np.round(random.lognormal(4.5, 0.4, MADE), 2),
    "stays_in_week_nights": lambda random: random.poisson(2.5, MADE).astype(float),
    "adults": lambda random: random.choice([1.0, 2.0, 3.0], MADE, p=[0.2, 0.7, 0.1]),
    "agent": lambda random: random.choice([9.0, 14.0, 240.0, np.nan], MADE),
    "CustomerID": lambda random: np.where(random.random(MADE) < 0.25, np.nan, random.integers(12_000, 18_000, MADE)),
    "PM2.5": lambda random: np.round(random.gamma(1.2, 70, MADE)),
    "SO2": lambda random: np.round(random.gamma(0.9, 17, MADE)),
    "NO2": lambda random: np.round(random.gamma(2.0, 25, MADE)),
    "CO": lambda random: np.round(random.gamma(1.2, 1000, MADE), -2),
    "O3": lambda random: np.round(random.gamma(1.5, 38, MADE)),
    "TEMP": lambda random: np.round(random.normal(13, 11, MADE), 1),
    "PRES": lambda random: np.round(random.normal(1010, 10, MADE), 1),
    "DEWP": lambda random: np.round(random.normal(2, 13, MADE), 1),
    "WSPM": lambda random: np.round(random.gamma(1.7, 1, MADE), 1),
    "Quantity": lambda random: np.minimum(random.geometric(0.1, MADE), 500).astype(float),
    "UnitPrice": lambda random: np.round(random.lognormal(0.7, 0.9, MADE), 2),
    "latitude": lambda random: np.round(random.normal(33.8, 0.03, MADE), 4),
    "longitude": lambda random: np.round(random.normal(-118.17, 0.03, MADE), 4),
}


def made(name: str) -> dict[str, np.ndarray]:
    """Numbers of the same kind, words of which a few are frequent, and texts of a few words."""
    random = np.random.default_rng(len(name))
    found: dict[str, np.ndarray] = {}
    for column in COLUMNS[name]:
        if column in DRAWN:
            found[column] = DRAWN[column](random)
            continue
        words = np.array([f"{column} {number}" for number in range(8)], object)
        shares = 0.3 * 0.8 ** np.arange(8)
        if column in TEXTS:
            several = random.choice(["WHITE", "HANGING", "HEART", "LANTERN", "BOTTLE", "WATER"], (MADE, 5))
            found[column] = np.array([" ".join(each) for each in several], object)
        else:
            found[column] = random.choice(words, MADE, p=shares / shares.sum())
    if name == "online_retail":
        found["hour"] = np.clip(np.round(random.normal(13, 2.5, MADE)), 6, 20)
    return found


def real(name: str) -> dict[str, np.ndarray]:
    path = Path(os.environ["LEADLINE_DATA"]) / name / f"{name}.parquet"
    listed = ", ".join(f'"{column}"' for column in COLUMNS[name])
    hour = ", hour(InvoiceDate) AS hour" if name == "online_retail" else ""
    rows = duckdb.sql(f"SELECT {listed}{hour} FROM '{path}' USING SAMPLE 60000 ROWS (reservoir, 7)").to_arrow_table()
    found = {}
    for column in rows.column_names:
        values = rows.column(column).to_pylist()
        text = any(isinstance(value, str) for value in values)
        found[column] = (
            np.array(values, object) if text else np.array([np.nan if v is None else v for v in values], float)
        )
    return found


@dataclass(frozen=True)
class Rows:
    """Rows of several days: columns, the day and the id of each, and its hour where the table has one."""

    frame: dict[str, np.ndarray]
    day: np.ndarray
    ids: np.ndarray
    hours: np.ndarray | None

    def at(self, chosen: np.ndarray) -> Rows:
        frame = {name: values[chosen] for name, values in self.frame.items()}
        hours = None if self.hours is None else self.hours[chosen]
        return Rows(frame, self.day[chosen], self.ids[chosen], hours)

    def put(self, column: str, where: np.ndarray, values: object) -> Rows:
        changed = self.frame[column].copy()
        changed[where] = values
        return replace(self, frame={**self.frame, column: changed})

    def summary(self) -> Partitions:
        return partitions(self.frame, self.day, DAYS, ids=self.ids, hours=self.hours, season=7, alike=True)


def clean(name: str, random: np.random.Generator) -> Rows:
    """Days without a change: their rows are drawn from all of the table, whenever they were."""
    every = table(name)
    n = len(next(iter(every.values())))
    chosen = random.choice(n, DAYS * ROWS, replace=False)
    frame = {column: values[chosen] for column, values in every.items() if column != "hour"}
    hours = every["hour"][chosen].astype(int) if "hour" in every else None
    return Rows(frame, np.repeat(np.arange(DAYS), ROWS), np.arange(DAYS * ROWS), hours)


def uneventful(random: np.random.Generator, days: int = 120, rows: int = 200) -> Partitions:
    """Eleven columns over some months; what they are drawn from swings a little from day to day, no more."""
    day = np.repeat(np.arange(days), rows)
    n = len(day)

    def swing(size: float) -> np.ndarray:
        return random.normal(0, size, days)[day]

    frame = {f"normal_{at}": random.normal(10, 2, n) + swing(0.1) for at in range(3)}
    frame |= {f"skewed_{at}": random.gamma(2, 3, n) * np.exp(swing(0.03)) for at in range(3)}
    frame["normal_1"][random.random(n) < 0.05] = np.nan
    for at in range(2):
        frame[f"word_{at}"] = random.choice(list("abcde"), n, p=[0.4, 0.3, 0.15, 0.1, 0.05]).astype(object)
    frame["count"] = random.poisson(3, n).astype(float)
    frame["score"] = random.beta(2, 5, n)
    frame["text"] = np.array(["x" * length for length in random.poisson(12, n) + 1], object)
    return partitions(frame, day, days, season=7)


def owner(column: str) -> str:
    return next(name for name, columns in COLUMNS.items() if column in columns)


def frequent(values: np.ndarray, least: float, random: np.random.Generator) -> str:
    words, counts = np.unique(values[values != None].astype(str), return_counts=True)  # noqa: E711
    usual = words[(counts >= least * len(values)) & (counts <= 0.6 * len(values))]
    return str(random.choice(usual))


def planted(kind: str, random: np.random.Generator) -> tuple[Rows, tuple[str, ...]]:
    """A table with a fault from day `START` on, and the columns that it is about."""
    return PLANTS[kind](random)


def _late(rows: Rows) -> np.ndarray:
    return rows.day >= START


def _some(rows: Rows, share: float, random: np.random.Generator) -> np.ndarray:
    return _late(rows) & (random.random(len(rows.day)) < share)


def _of(columns: tuple[str, ...], random: np.random.Generator) -> tuple[str, Rows]:
    column = str(random.choice(columns))
    return column, clean(owner(column), random)


def unit_change(random):
    column, rows = _of(POSITIVE, random)
    late = _late(rows)
    return rows.put(column, late, rows.frame[column][late] * random.choice(FACTORS)), (column,)


def degrees(random):
    column, rows = _of(("TEMP", "DEWP"), random)
    late = _late(rows)
    return rows.put(column, late, rows.frame[column][late] * 1.8 + 32), (column,)


def sign_flip(random):
    column, rows = _of(
        ("lead_time", "adr", "PM2.5", "SO2", "TEMP", "UnitPrice", "Quantity", "longitude", "latitude"), random
    )
    late = _late(rows)
    return rows.put(column, late, -rows.frame[column][late]), (column,)


def swapped_columns(random):
    one, other = PAIRS[random.integers(len(PAIRS))]
    rows = clean(owner(one), random)
    late = _late(rows)
    return rows.put(one, late, rows.frame[other][late]).put(other, late, rows.frame[one][late]), (one, other)


def type_change(random):
    column, rows = _of(("adr", "lead_time", "PM2.5", "TEMP", "UnitPrice", "Quantity"), random)
    texts = np.array([None if np.isnan(v) else f"{v:g}" for v in rows.frame[column]], object)
    rows = replace(rows, frame={**rows.frame, column: texts})
    some = _some(rows, random.choice([0.15, 0.5, 1.0]), random)
    return rows.put(column, some, [None if v is None else f"{v} units" for v in texts[some]]), (column,)


def sentinel(random):
    column, rows = _of((*NUMBERS, "Description", "crossing", "wd"), random)
    text = rows.frame[column].dtype == object
    value = random.choice(["N/A", "unknown", "null"]) if text else random.choice([-999.0, 9999.0, -9999.0, 99999.0])
    return rows.put(column, _some(rows, 0.05, random), str(value) if text else value), (column,)


def frozen(random):
    column, rows = _of((*NUMBERS, *WORDS), random)
    values = rows.frame[column]
    known = values[values != None] if values.dtype == object else values[np.isfinite(values)]  # noqa: E711
    return rows.put(column, _late(rows), random.choice(known)), (column,)


def null_jump(random):
    column, rows = _of((*NUMBERS, *WORDS, *TEXTS, "CustomerID", "agent"), random)
    nothing = None if rows.frame[column].dtype == object else np.nan
    return rows.put(column, _some(rows, random.choice([0.15, 0.6, 1.0]), random), nothing), (column,)


def null_join_keys(random):
    name = str(random.choice(list(COLUMNS)))
    rows = clean(name, random)
    columns = tuple(str(each) for each in random.choice(COLUMNS[name][:5], 3, replace=False))
    some = _some(rows, 0.4, random)
    for column in columns:
        rows = rows.put(column, some, None if rows.frame[column].dtype == object else np.nan)
    return rows, columns


def new_category(random):
    column, rows = _of(WORDS, random)
    return rows.put(column, _some(rows, 0.05, random), "brand new"), (column,)


def vanished_category(random):
    column, rows = _of(WORDS, random)
    value = frequent(rows.frame[column], 0.05, random)
    return rows.at(~(_late(rows) & (rows.frame[column] == value))), (column,)


def renamed_category(random):
    column, rows = _of(WORDS, random)
    value = frequent(rows.frame[column], 0.05, random)
    return rows.put(column, _late(rows) & (rows.frame[column] == value), f"{value}_2"), (column,)


def truncated_text(random):
    column, rows = _of(TEXTS, random)
    length, late = int(random.choice([15, 20, 25])), _late(rows)
    return rows.put(column, late, [None if v is None else v[:length] for v in rows.frame[column][late]]), (column,)


def broken_encoding(random):
    column, rows = _of(TEXTS, random)
    some = _some(rows, 0.1, random)
    broken = random.choice(["Ã©", "\ufffd", "â€™"])
    return rows.put(column, some, [None if v is None else v[:5] + broken + v[5:] for v in rows.frame[column][some]]), (
        column,
    )


def time_zone_shift(random):
    rows = clean("online_retail", random)
    hours = np.where(_late(rows), (rows.hours + int(random.choice([-5, -2, -1, 1, 2, 6]))) % 24, rows.hours)
    return replace(rows, hours=hours), ()


def duplicated_rows(random):
    rows = clean(str(random.choice(list(COLUMNS))), random)
    again = np.flatnonzero(_some(rows, random.choice([0.1, 0.5, 1.0]), random))
    return rows.at(np.concatenate([np.arange(len(rows.day)), again])), ()


def fan_out(random):
    name = str(random.choice(list(COLUMNS)))
    rows = clean(name, random)
    late = np.flatnonzero(_late(rows))
    column = COLUMNS[name][0]
    both = rows.at(np.concatenate([np.arange(len(rows.day)), late]))
    added = np.arange(len(both.day)) >= len(rows.day)
    return both.put(column, added, both.frame[column][added] + 1.0), ()


def missing_partition(random):
    rows = clean(str(random.choice(list(COLUMNS))), random)
    return rows.at(rows.day != START), ()


def volume(random):
    rows = clean(str(random.choice(list(COLUMNS))), random)
    return rows.at(~_some(rows, 0.6, random)), ()


def cut_off(random):
    column, rows = _of(("lead_time", "adr", "PM2.5", "SO2", "O3", "TEMP", "CO"), random)
    limit = np.floor(np.nanquantile(rows.frame[column], random.choice([0.8, 0.9])))
    if random.random() < 0.5:
        return rows.at(~(_late(rows) & (rows.frame[column] > limit))), (column,)
    return rows.put(column, _late(rows) & (rows.frame[column] > limit), limit), (column,)


#: by name of the fault what plants it
PLANTS = {
    each.__name__: each
    for each in (
        unit_change,
        degrees,
        sign_flip,
        swapped_columns,
        type_change,
        sentinel,
        frozen,
        null_jump,
        null_join_keys,
        new_category,
        vanished_category,
        renamed_category,
        truncated_text,
        broken_encoding,
        time_zone_shift,
        duplicated_rows,
        fan_out,
        missing_partition,
        volume,
        cut_off,
    )
}
#: names of faults that are found under another one
FOUND_AS = {"degrees": "unit_change"}
