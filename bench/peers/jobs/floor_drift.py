"""Floor of drift_day: histograms of 30 columns per day by hand-written DuckDB SQL, and Jensen-Shannon distances.

`plain` bins numbers with DuckDB's own histogram() at 49 quantiles of the reference; `tuned` counts 256 cells of equal
width, whose edges are multiples of a power of two, and puts them together to bins in numpy. Both have a bin for NULL.
"""

import math
from typing import Any

import duckdb
import numpy as np
from _c import ARGS, SIZE, emit, path, phase

NUMERIC = [f"num_{place:02d}" for place in range(20)]
TEXT = [f"cat_{place:02d}" for place in range(10)]
BINS, CELLS, NAMED = 50, 256, 200

phase("import")
connection = duckdb.connect()
production, reference = (f"read_parquet('{path(name)}')" for name in (f"clf_{SIZE}", "clf_ref"))
asked = [place / BINS for place in range(1, BINS)] if "plain" in ARGS else [0.0005, 0.9995]
quantiles = connection.execute(
    "select " + ", ".join(f"quantile_cont({name}, {asked})" for name in NUMERIC) + f" from {reference}"
).fetchall()[0]
phase("edges")


def js(p: np.ndarray[Any, Any], q: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    p, q = p / p.sum(), q / q.sum(axis=1, keepdims=True)
    middle = np.where(p + q > 0, (p + q) / 2, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / middle), 0) + np.where(q > 0, q * np.log(q / middle), 0)
    return np.sqrt(np.maximum(terms.sum(axis=1) / 2, 0))


def of_text(source: str) -> dict[str, dict[tuple[int, str | None], int]]:
    statement = " union all ".join(
        f"select {place} p, epoch(timestamp)::bigint // 86400 d, {name} v, count(*) n from {source} group by all"
        for place, name in enumerate(TEXT)
    )
    found: dict[str, dict[tuple[int, str | None], int]] = {name: {} for name in TEXT}
    for place, day, value, n in connection.execute(statement).fetchall():
        found[TEXT[place]][day, value] = n
    return found


def with_histogram(source: str) -> dict[str, np.ndarray[Any, Any]]:
    shown = ", ".join(
        f"histogram({name}, {sorted(set(edges))} || ['inf'::double]) as {name}, count(*) - count({name}) as null_{name}"
        for name, edges in zip(NUMERIC, quantiles, strict=True)
    )
    rows = connection.execute(
        f"select epoch(timestamp)::bigint // 86400 d, {shown} from {source} group by d order by d"
    ).fetchall()
    return {
        name: np.array([[*row[1 + 2 * place].values(), row[2 + 2 * place]] for row in rows], float)
        for place, name in enumerate(NUMERIC)
    }


def with_cells(source: str) -> dict[str, np.ndarray[Any, Any]]:
    parts = []
    for place, (name, (low, high)) in enumerate(zip(NUMERIC, quantiles, strict=True)):
        width = 2.0 ** math.ceil(math.log2((high - low) / CELLS))
        first, last = math.floor(low / width) - 1, math.ceil(high / width)
        cell = f"floor(least(greatest({name}, {first * width!r}), {last * width!r}) * {1 / width!r})::int - {first - 1}"
        parts.append(
            f"select {place} p, (epoch(timestamp)::bigint // 86400)::int * 1024 + coalesce({cell}, 0) k, count(*) n"
            f" from {source} group by all"
        )
    found = connection.execute(" union all ".join(parts)).fetchnumpy()
    days, place = np.unique(found["k"] // 1024, return_inverse=True)
    counts = np.zeros((len(NUMERIC), len(days), 1024))
    counts[found["p"], place, found["k"] % 1024] = found["n"]
    return dict(zip(NUMERIC, counts, strict=True))


histograms = with_histogram if "plain" in ARGS else with_cells
before, now, words, text = histograms(reference), histograms(production), of_text(reference), of_text(production)
phase("histograms")
distances = {}
for name in NUMERIC:
    p, q = before[name].sum(axis=0), now[name]
    if "plain" not in ARGS:
        running = np.cumsum(p[1:]) / p[1:].sum()
        bin_of = np.concatenate([[0], 1 + np.minimum(np.floor(running * BINS - 1e-9), BINS - 1)]).astype(int)
        p = np.bincount(bin_of, p, BINS + 1)
        q = np.stack([np.bincount(bin_of, day, BINS + 1) for day in q])
    distances[name] = js(p, q)
for name in TEXT:
    total: dict[str | None, int] = {}
    for (_, value), n in words[name].items():
        total[value] = total.get(value, 0) + n
    named = sorted((value for value in total if value is not None), key=lambda value: -total[value])[:NAMED]
    codes = {None: 0} | {value: 1 + code for code, value in enumerate(named)}
    rest, new = len(codes), len(codes) + 1
    days = sorted({day for day, _ in text[name]})
    p, q = np.zeros(new + 1), np.zeros((len(days), new + 1))
    for value, n in total.items():
        p[codes.get(value, rest)] += n
    for (day, value), n in text[name].items():
        q[day - days[0], codes.get(value, rest if value in total else new)] += n
    distances[name] = js(p, q)
phase("distances")
emit(windows=len(distances["cat_01"]), js_first=distances["cat_01"][0], js_last=distances["cat_01"][-1])
