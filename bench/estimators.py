"""What each way to estimate a binary model without labels would have been off by: which of them is used, and why.

usage: estimators.py [--only NAME] [--table]

CBPE, leaf-CBPE and leaf-PAPE as Leadline makes them, and PAPE by row: scikit-learn's HistGradientBoostingClassifier
tells a window's rows from the reference's, out of fold in two folds, its odds weigh the reference, and isotonic
regression calibrates on it (Białek and others, arXiv 2401.08348, with the calibrator that did better on these data).
Real windows are those of `estimates.py`. Tilted ones have no change of what a score means: half of the rows of the
reference are its reference, and of the others windows of 2,000 rows are drawn with chances that are exp(strength · z),
z a standardised sum of three features in a random direction. Each gate is open where it says so: effective rows of at
least 2,000 and 40 % of the reference, and an AUC of reference against window in [.55, .9]. Writes bench/estimators.json
and its table in bench/README.md; takes some forty minutes. What it needs stands in `estimates.py`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import estimates
import numpy as np
import pandas as pd
from estimates import BINARY, CHUNK, HERE, LATE, NANNYML, NO_FEATURES, README, START
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from leadline.estimate.pape import LEAST_APART, LEAST_EFFECTIVE, LEAST_EFFECTIVE_SHARE, MOST_APART
from leadline.evaluation.run import evaluate_log
from leadline.spec.load import from_mapping

RESULTS = HERE / "estimators.json"
BEGIN, END = "<!-- estimators -->", "<!-- /estimators -->"
REAL = ("car_loan", "ma_employment", "flights", "flights_by_week", "hotel_bookings")
TILTED = ("car_loan", "ma_employment", "flights", "hotel_bookings")
STRENGTHS = (0.5, 1.0)
DRAWN = 60
#: categories that boosting takes apart; rarer ones are one
MOST_WORDS = 200


def rows_of(name: str, directory: Path, strength: float | None) -> pd.DataFrame:
    rows = estimates.NAMES[name](directory)
    rows = rows[rows["score"].notna()].astype({"label": float}).reset_index(drop=True)
    if strength is None:
        return rows
    rng = np.random.default_rng(0)
    known = rows[rows["reference"] & rows["label"].notna()].sample(frac=1, random_state=0).reset_index(drop=True)
    half = len(known) // 2
    pool, parts = known.iloc[half:].reset_index(drop=True), [known.iloc[:half]]
    parts[0] = parts[0].assign(window=np.arange(half) // CHUNK)
    first = half // CHUNK + 1
    for place in range(DRAWN):
        chosen = rng.choice(features_of(rows), 3, replace=False)
        z = sum(direction(pool[feature], rng) for feature in chosen)
        chance = np.exp(strength * np.clip((z - z.mean()) / z.std(), -4, 4))
        taken = rng.choice(len(pool), CHUNK, p=chance / chance.sum())
        parts.append(pool.iloc[taken].assign(reference=False, window=first + place))
    return pd.concat(parts, ignore_index=True)


def direction(values: pd.Series, rng: np.random.Generator) -> np.ndarray:
    """A number for each row that rises or falls with a feature, or differs by its words."""
    if values.dtype.kind in "fiub":
        return np.asarray(rng.normal() * (values.astype(float).rank(pct=True).fillna(0.5) - 0.5) * np.sqrt(12))
    codes, words = pd.factorize(values.astype("string"), sort=True)
    return np.append(rng.normal(size=len(words)), 0.0)[codes]


def features_of(rows: pd.DataFrame) -> list[str]:
    return [column for column in rows.columns if column not in NO_FEATURES]


def by_leadline(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """By estimator its figures, shape (metrics, windows); NaN where its gate is shut."""
    at = pd.to_datetime([START + timedelta(days=int(each)) for each in rows["window"]])
    rows = rows.assign(at=at, key=range(len(rows)))
    first = int(rows.loc[rows["reference"], "window"].max()) + 1
    columns = {"id": "key", "timestamp": "at", "score": "score", "prediction": "prediction"}
    spec = {
        "version": 1,
        "model": "bench",
        "task": "binary",
        "positive": 1,
        "predictions": {"source": rows, "columns": columns, "features": features_of(rows)},
        "outcomes": {"source": rows, "columns": {"id": "key", "value": "label"}, "matures_after": f"{LATE}d"},
        "timezone": "UTC",
        "window": "1d",
        "metrics": list(BINARY.metrics),
        "reference": {"until": datetime.combine(START, time(), UTC) + timedelta(days=first)},
    }
    without = evaluate_log(from_mapping(spec)).without_labels
    windows = np.sort(rows.loc[~rows["reference"], "window"].unique())
    places = (windows - rows["window"].min()).tolist()
    found = without.figures([(place, place + 1) for place in places])
    return {each.name: found[place] for place, each in enumerate(without.estimators[: len(found)])}


def by_row(reference: pd.DataFrame, window: pd.DataFrame, words: list[bool]) -> tuple[np.ndarray | None, float, float]:
    """The calibrated chances of a window's rows, the effective rows of the reference, and the AUC."""
    if len(window) < 50:
        return None, 0.0, 0.5
    inputs = np.concatenate([reference["inputs"].to_list(), window["inputs"].to_list()])
    later, odds = np.repeat([0, 1], [len(reference), len(window)]), np.zeros(len(inputs))
    for train, test in StratifiedKFold(2, shuffle=True, random_state=0).split(inputs, later):
        model = HistGradientBoostingClassifier(categorical_features=words, random_state=0)
        odds[test] = model.fit(inputs[train], later[train]).predict_proba(inputs[test])[:, 1]
    of_reference = odds[: len(reference)]
    weights = np.maximum(len(reference) / len(window) * of_reference / np.maximum(0.05, 1 - of_reference), 0.001)
    fit = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1)
    fit.fit(reference["score"], reference["label"], sample_weight=weights)
    effective = weights.sum() ** 2 / (weights**2).sum()
    return fit.predict(window["score"]), float(effective), float(roc_auc_score(later, odds))


def expected(window: pd.DataFrame, chance: np.ndarray) -> list[float]:
    """The metrics of rows that are positive with these chances, in the order of BINARY.metrics."""
    said = window["prediction"].to_numpy(float)
    tp, fp, fn, tn = ((a * b).sum() for a in (said, 1 - said) for b in (chance, 1 - chance))
    at = np.unique(window["score"], return_inverse=True)[1]
    positives, negatives = np.bincount(at, chance), np.bincount(at, 1 - chance)
    same = (chance * (1 - chance)).sum()
    below = (positives * (np.cumsum(negatives) - negatives / 2)).sum() - same / 2
    pairs = positives.sum() * negatives.sum() - same
    precision = tp / (tp + fp) if tp + fp else np.nan
    return [below / pairs, (tp + tn) / len(said), 2 * tp / (2 * tp + fp + fn), precision, tp / (tp + fn)]


def inputs_of(rows: pd.DataFrame) -> tuple[np.ndarray, list[bool]]:
    columns, words = [], []
    for feature in features_of(rows):
        values = rows[feature]
        words.append(values.dtype.kind not in "fiub")
        if words[-1]:
            frequent = values.value_counts().index[:MOST_WORDS]
            values = pd.Series(pd.Categorical(values, frequent).codes).replace(-1, MOST_WORDS)
        columns.append(values.to_numpy(float))
    return np.stack(columns, axis=1), words


def measured(name: str, directory: Path, strength: float | None) -> list[dict[str, Any]]:
    rows = rows_of(name, directory, strength)
    inputs, words = inputs_of(rows)
    rows = rows.assign(inputs=list(inputs))
    labelled = rows[rows["label"].notna()]
    reference, later = labelled[labelled["reference"]], rows[~rows["reference"]]
    sides = by_leadline(rows.drop(columns="inputs"))
    truth, of_rows, is_open = [], [], []
    for _, window in later.groupby("window"):
        known = BINARY.figures(window[window["label"].notna()])
        truth.append([known.get(metric, np.nan) for metric in BINARY.metrics])
        chance, effective, auc = by_row(reference, window, words)
        of_rows.append([np.nan] * 5 if chance is None else expected(window, chance))
        enough = effective >= max(LEAST_EFFECTIVE, LEAST_EFFECTIVE_SHARE * len(reference))
        is_open.append(enough and LEAST_APART <= auc <= MOST_APART)
    sides["pape"] = np.where(is_open, np.array(of_rows).T, np.nan)
    sides["pape_without_gate"] = np.array(of_rows).T
    constant = BINARY.figures(reference)
    sides["constant"] = np.repeat([[constant[metric]] for metric in BINARY.metrics], len(truth), axis=1)
    errors = {side: np.abs(figures - np.array(truth).T) for side, figures in sides.items()}
    table = []
    for place, metric in enumerate(BINARY.metrics):
        plain = errors["cbpe"][place]
        row = {"data": name, "strength": strength, "metric": metric, "windows": int(np.isfinite(plain).sum())}
        for side, each in errors.items():
            known = np.isfinite(each[place]) & np.isfinite(plain)
            apart = (each[place] - plain)[known]
            row[side] = {
                "windows": int(known.sum()),
                "error": float(each[place][known].mean()) if known.any() else None,
                "of_cbpe": float(plain[known].mean()) if known.any() else None,
                "of_leaf_cbpe": float(errors["leaf_cbpe"][place][known].mean()) if known.any() else None,
                "less": float(apart.mean()) if known.any() else None,
                "standard_error": float(apart.std(ddof=1) / np.sqrt(len(apart))) if len(apart) > 1 else None,
            }
        table.append(row)
    return table


def table(rows: list[dict[str, Any]]) -> str:
    heads = ["data", "metric", "constant", "CBPE", "leaf-CBPE", "leaf-PAPE open", "its error - CBPE's", "- leaf-CBPE's"]
    heads += ["PAPE by row open", "its error - CBPE's", "in all windows"]
    lines = [f"| {' | '.join(heads)} |", f"|---|---|{'--:|' * (len(heads) - 2)}"]
    for each in rows:
        name = each["data"] if each["strength"] is None else f"{each['data']}, tilted by {each['strength']:g}"
        cells = [name, each["metric"], *(f"{each[side]['error']:.4f}" for side in ("constant", "cbpe", "leaf_cbpe"))]
        by_leaf, by_row_ = each["leaf_pape"], each["pape"]
        cells += [f"{by_leaf['windows']} of {each['windows']}", less(by_leaf)]
        cells += ["" if by_leaf["error"] is None else f"{by_leaf['error'] - by_leaf['of_leaf_cbpe']:+.4f}"]
        cells += [f"{by_row_['windows']} of {each['windows']}", less(by_row_), less(each["pape_without_gate"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def less(side: dict[str, Any]) -> str:
    if side["less"] is None:
        return ""
    error = side["standard_error"]
    return f"{side['less']:+.4f}" + ("" if error is None else f" ± {error:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=REAL)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    wanted = [(name, None) for name in REAL] + [(name, strength) for name in TILTED for strength in STRENGTHS]
    if not options.table:
        with tempfile.TemporaryDirectory() as made:
            job = HERE / "peers" / "jobs" / "nannyml_data.py"
            subprocess.run([str(NANNYML), str(job), made], check=True, stderr=subprocess.DEVNULL)
            for name, strength in wanted:
                if options.only in (None, name):
                    new = measured(name, Path(made), strength)
                    found = [each for each in found if (each["data"], each["strength"]) != (name, strength)] + new
                    print(table(new), flush=True)
        found.sort(key=lambda each: wanted.index((each["data"], each["strength"])))
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    text = README.read_text()
    if BEGIN in text:
        before, _, rest = text.partition(BEGIN)
        README.write_text(f"{before}{BEGIN}\n{table(found)}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
