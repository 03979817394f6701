"""Seeded synthetic production logs, as Parquet. Run with a Python that has numpy and pyarrow.

usage: make_data.py [--out DIRECTORY] [--sizes 1m,10m] [--force]

**clf_SIZE**: labels in the predictions' file, unique integer ids. 100 days whatever the row count, so that "per day"
is always 100 windows; clf_ref is the 1e5 rows of the 40 days before (the peers need a reference). 20 numeric features
num_00..num_19, 10 categorical cat_00..cat_09 with 5..1000 distinct values (Zipf-like), nulls in six of the numeric and
four of the categorical.

  * days  0-49: same joint law as the reference
  * days 50-69: covariate shift: num_00 and num_05 drift (mean), cat_01's law tilts,
                null rate of num_02 goes up - P(y|x) unchanged
  * days 70-99: concept shift: the sign of part of the signal flips, so y_pred_proba is no
                longer calibrated
  * a planted weak slice all through production: cat_02 == 'c02_3' and num_07 above its 70th centile
    (labels there are half noise)
  * correlation: num_10..num_14 are linear mixes of num_00..num_04 in the reference; the mix is permuted
    from day 60: mostly a multivariate drift (the marginal variances of those five move too)

y_true is drawn Bernoulli(p) with p the served probability in reference: calibrated by construction.

**uuid_SIZE_predictions, uuid_SIZE_outcomes**: two files, text UUIDs, 100 days. 3 % of the predictions never get an
outcome; outcomes lie in random order and come 5 days late on average. As deliveries go wrong: 0.7 % of the predictions
are there twice, 0.3 % a second time one second later with another score (the first counts); 0.5 % of the outcomes are
there twice, 0.5 % are corrected later (the last counts), 0.2 % belong to no prediction. **uuid_SIZE_clean_...** are
the same without any of that.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CARD = [5, 8, 12, 20, 35, 60, 120, 250, 500, 1000]
NULL_NUM = {2: 0.02, 6: 0.05, 9: 0.10, 13: 0.01, 17: 0.30, 19: 0.005}
NULL_CAT = {1: 0.02, 4: 0.05, 7: 0.10, 9: 0.01}
DAY_US = 86_400_000_000
T_REF = int(np.datetime64("2025-01-01T00:00:00", "us").astype("int64"))
T_PROD = T_REF + 40 * DAY_US
DAYS = 100
CHUNK = 1_000_000
ROW_GROUP = 131_072
Q70 = 0.5244005127080407  # standard normal 70th centile
SIZES = {"100k": 100_000, "1m": 1_000_000, "10m": 10_000_000}


def zipf_p(k: int, tilt: float = 0.0) -> Floats:
    p = 1.0 / np.arange(1, k + 1) ** 0.8
    if tilt:
        p = p * np.exp(tilt * np.linspace(-1, 1, k))
    return np.asarray(p / p.sum())


def law() -> tuple[Floats, Floats, Floats, list[Floats]]:
    r = np.random.default_rng(7)
    mix = r.normal(size=(5, 5)) / np.sqrt(5)
    w = r.normal(size=20) * 0.35
    effects = [r.normal(size=k) * 0.4 for k in CARD]
    return mix, mix[:, ::-1].copy(), w, effects


MIX, MIX2, W, EFFECTS = law()


def block(seed: int, ts_us: Ints, day: Ints, production: bool, first_id: int) -> pa.Table:
    r = np.random.default_rng(seed)
    n = len(ts_us)
    nowhere = np.zeros(n, bool)
    covariate, mixture, concept = ((day >= since) if production else nowhere for since in (50, 60, 70))
    x = r.standard_normal((n, 20))
    x[:, 0] += 0.5 * covariate
    x[:, 5] += np.where(covariate, (day - 50) * 0.02, 0.0)
    base = x[:, :5].copy()
    x[:, 10:15] = np.where(mixture[:, None], base @ MIX2, base @ MIX) + 0.2 * x[:, 10:15]
    x[:, 15] = np.exp(x[:, 15] * 0.8)  # heavy right tail
    x[:, 16] = np.floor(np.abs(x[:, 16]) * 4)  # small counts
    codes = []
    for i, k in enumerate(CARD):
        c = np.searchsorted(np.cumsum(zipf_p(k)), r.random(n)).clip(0, k - 1)
        if i == 1 and covariate.any():
            tilted = np.cumsum(zipf_p(k, 0.9))
            c[covariate] = np.searchsorted(tilted, r.random(int(covariate.sum()))).clip(0, k - 1)
        codes.append(c.astype(np.int32))
    z = x.copy()
    z[:, 15] = np.log(z[:, 15])
    z[:, 16] = z[:, 16] / 4
    lin = z @ W
    for i in range(10):
        lin = lin + EFFECTS[i][codes[i]]
    lin = lin - 0.8
    weak = (codes[2] == 3) & (x[:, 7] > Q70)
    flip = z[:, [0, 3, 6]] @ W[[0, 3, 6]] + EFFECTS[3][codes[3]]
    lin_true = np.where(concept, lin - 1.6 * flip + 0.3, lin)
    columns: dict[str, pa.Array] = {
        "id": pa.array(np.arange(first_id, first_id + n, dtype=np.int64)),
        "timestamp": pa.array(ts_us, type=pa.timestamp("us")),
    }
    for j in range(20):
        missing = None
        if j in NULL_NUM:
            rate = np.where(covariate & (j == 2), 0.12, NULL_NUM[j])
            missing = r.random(n) < rate
        columns[f"num_{j:02d}"] = pa.array(x[:, j], mask=missing)
    for i in range(10):
        missing = r.random(n) < NULL_CAT[i] if i in NULL_CAT else None
        codes_i = pa.array(codes[i], mask=missing)
        levels = pa.array([f"c{i:02d}_{j}" for j in range(CARD[i])])
        columns[f"cat_{i:02d}"] = pa.DictionaryArray.from_arrays(codes_i, levels).dictionary_decode()
    p_hat, p_true = 1 / (1 + np.exp(-lin)), 1 / (1 + np.exp(-lin_true))
    if production:
        p_true = np.where(weak, 0.5 * p_true + 0.25, p_true)
    columns["y_pred_proba"] = pa.array(p_hat)
    columns["y_pred"] = pa.array((p_hat >= 0.5).astype(np.int64))
    columns["y_true"] = pa.array((r.random(n) < p_true).astype(np.int64))
    version = np.where((day < 60) | (not production), 0, 1).astype(np.int32)
    columns["model_version"] = pa.DictionaryArray.from_arrays(
        pa.array(version), pa.array(["v1", "v2"])
    ).dictionary_decode()
    return pa.table(columns)


def classifier(production: bool, n: int, days: int, start: int, seed: int) -> Iterator[pa.Table]:
    """Exact equal spacing over the period: sorted timestamps, n / days rows a day."""
    for number, done in enumerate(range(0, n, CHUNK)):
        rows = np.arange(done, min(done + CHUNK, n), dtype=np.float64)
        ts = start + (rows * (days * DAY_US / n)).astype(np.int64)
        yield block(seed * 1000 + number, ts, (ts - start) // DAY_US, production, done + 1_000_000_000 * production)


def uuids(raw: npt.NDArray[np.uint8]) -> pa.Array:
    """(n, 16) random bytes as n strings of 36 characters."""
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    text = np.full((len(raw), 36), ord("-"), dtype=np.uint8)
    places = [i for i in range(36) if i not in (8, 13, 18, 23)]
    text[:, places[0::2]] = digits[raw >> 4]
    text[:, places[1::2]] = digits[raw & 15]
    offsets = np.arange(len(raw) + 1, dtype=np.int32) * 36
    return pa.StringArray.from_buffers(len(raw), pa.py_buffer(offsets), pa.py_buffer(text))


def slices_of(n: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK))


class Pair:
    """Predictions and outcomes in two files; the same rows underneath with and without faulty deliveries."""

    def __init__(self, n: int, seed: int, clean: bool) -> None:
        r = np.random.default_rng(seed)
        lin = r.normal(-0.8, 1.5, n)
        score = 1 / (1 + np.exp(-lin))
        key = r.integers(0, 256, (n, 16), dtype=np.uint8)
        key[:, 6] = (key[:, 6] & 0x0F) | 0x40
        key[:, 8] = (key[:, 8] & 0x3F) | 0x80
        at = T_PROD + (np.arange(n) * (DAYS * DAY_US / n)).astype(np.int64)
        label = r.random(n) < score
        seen = at + r.exponential(5 * DAY_US, n).astype(np.int64) + 3_600_000_000
        labelled = np.flatnonzero(r.random(n) < 0.97)
        twice, other = (r.choice(n, int(n * share), replace=False) for share in (0.007, 0.003))
        again, corrected = (r.choice(labelled, int(n * 0.005), replace=False) for _ in range(2))
        orphan = r.integers(0, 256, (n // 500, 16), dtype=np.uint8)
        if clean:
            twice = other = again = corrected = np.zeros(0, np.int64)
            orphan = orphan[:0]
        rows = np.concatenate([np.arange(n), twice, other])
        self.key, self.at, self.score = key[rows], at[rows], score[rows]
        changed = slice(n + len(twice), None)
        self.at[changed] += 1_000_000
        self.score[changed] = 1 - self.score[changed]
        rows = np.concatenate([labelled, again, corrected])
        self.outcome_key = np.concatenate([key[rows], orphan])
        self.value = np.concatenate([label[rows], np.zeros(len(orphan), bool)])
        self.seen = np.concatenate([seen[rows], np.full(len(orphan), T_PROD + DAY_US)])
        changed = slice(len(labelled) + len(again), len(rows))
        self.seen[changed] += 10 * DAY_US
        self.value[changed] = ~self.value[changed]
        self.order = r.permutation(len(self.seen))

    def predictions(self) -> Iterator[pa.Table]:
        for part in slices_of(len(self.at)):
            yield pa.table(
                {
                    "prediction_id": uuids(self.key[part]),
                    "timestamp": pa.array(self.at[part], type=pa.timestamp("us", tz="UTC")),
                    "score": self.score[part],
                    "predicted": self.score[part] >= 0.5,
                }
            )

    def outcomes(self) -> Iterator[pa.Table]:
        for part in slices_of(len(self.order)):
            rows = self.order[part]
            yield pa.table(
                {
                    "prediction_id": uuids(self.outcome_key[rows]),
                    "value": self.value[rows],
                    "observed_at": pa.array(self.seen[rows], type=pa.timestamp("us", tz="UTC")),
                }
            )


def write(path: Path, parts: Iterator[pa.Table]) -> None:
    began, unfinished = time.perf_counter(), path.with_suffix(".tmp")
    writer = None
    for part in parts:
        writer = writer or pq.ParquetWriter(unfinished, part.schema, compression="zstd")
        writer.write_table(part, row_group_size=ROW_GROUP)
    assert writer is not None
    writer.close()
    unfinished.replace(path)
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {time.perf_counter() - began:.1f} s", flush=True)


def default_home() -> Path:
    return Path(os.environ.get("PEERS_HOME", "~/.cache/leadline-peers")).expanduser()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=default_home() / "data")
    parser.add_argument("--sizes", default="1m,10m")
    parser.add_argument("--force", action="store_true")
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)

    def wanted(*names: str) -> bool:
        return options.force or not all((out / f"{name}.parquet").exists() for name in names)

    if wanted("clf_ref"):
        write(out / "clf_ref.parquet", classifier(False, 100_000, 40, T_REF, 1))
    for size in options.sizes.split(","):
        n, seed = SIZES[size], 11 + list(SIZES).index(size)
        if wanted(f"clf_{size}"):
            write(out / f"clf_{size}.parquet", classifier(True, n, DAYS, T_PROD, seed))
        for name, clean in ((f"uuid_{size}", False), (f"uuid_{size}_clean", True)):
            if wanted(f"{name}_predictions", f"{name}_outcomes"):
                pair = Pair(n, 31 + seed, clean)
                write(out / f"{name}_predictions.parquet", pair.predictions())
                write(out / f"{name}_outcomes.parquet", pair.outcomes())


if __name__ == "__main__":
    main()
