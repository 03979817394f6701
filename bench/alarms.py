"""False alarms and time to detect: Leadline beside the defaults of NannyML and Evidently and the usual rules.

usage: alarms.py [--streams 1000] [--data DIRECTORY] [--only PART] [--table]

Simulated: streams of looks of 200 labelled rows each, three in ten of them positive, whose accuracy is promised to be
at least .90. A stream begins with 10 healthy looks, the reference of those that need one. Leadline's figures come from
its own code for streams (`objectives.bets.stream`, `objectives.detector.fold`), with overdispersion estimated; the
peers' rules are written again here for arrays, and have to fire on the same looks as the libraries themselves
(bench/peers/jobs/alarms_*.py, in their own environments) on a few of the same streams, else this stops.

Real: logs with an objective by a rule told below the table; peers are run by their own libraries on the rows of each
look, with all labels that ever came. Whether an alarm is false is told by the windows of the objective around it
(docs/how-to/backtest.md). DIRECTORY (default $LEADLINE_DATA) holds hotel_bookings and beijing_air_quality; without it
only the flights that ship with the package are run.

Writes bench/alarms.json and the table into bench/README.md; `--only` measures one part again (same,
healthy, drops or real), `--table` only writes the table. About five minutes.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from run import HOME, environment, python_of, versions
from scipy.spatial.distance import jensenshannon
from scipy.stats import norm

import leadline
from leadline.demo import DECLARATION
from leadline.metrics import MetricCall, build
from leadline.metrics.sums import Sums
from leadline.objectives.backtest import cried_wolf
from leadline.objectives.bets import Stream, stream
from leadline.objectives.detector import fold
from leadline.values import Replay, Target

HERE = Path(__file__).resolve().parent
JOBS = HERE / "peers" / "jobs"
RESULTS, README = HERE / "alarms.json", HERE / "README.md"
BEGIN, END = "<!-- alarms -->", "<!-- /alarms -->"

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

ROWS, POSITIVE = 200, 0.3
ALLOWED = 0.10
PROMISE = Target("at_least", 1 - ALLOWED)
ALPHA = 0.05
REFERENCE = slice(0, 10)
SHORT = slice(5, 10)  # 1,000 rows: up to there Evidently tests shares, above it measures distance
AFTER = 10
LOOKS = 10_000
WEEKLY, HOURLY, DAILY = 365.25 / 7, 365.25 * 24, 365.25
TOGETHER = 100  # streams that are simulated at once
CHANGE, HORIZON = 200, 400
WEEK_OF_DAYS = (0.065,) * 5 + (0.1175,) * 2  # .08 over the week
DROPS = (0.12, 0.15, 0.20)
TP, FP, FN, TN = range(4)
SEED, PARTS = 20261121, ("same", "healthy", "drops", "real")
CHECKED, CHECKED_LOOKS = 2, 40


# Streams ------------------------------------------------------------------------------------------------------------


def cells(random: np.random.Generator, wrong: Floats, phi: float = 1.0) -> Floats:
    """True and false positives, false and true negatives of looks, shape (..., looks, 4).

    wrong  chance that a row is wrong, shape (..., looks)
    phi    variance of a look's errors over that of independent rows: looks then have rates of their own (beta)
    """
    if phi > 1:
        size = (ROWS - 1) / (phi - 1) - 1
        wrong = random.beta(wrong * size, (1 - wrong) * size)
    positive = random.binomial(ROWS, POSITIVE, wrong.shape)
    missed, raised = random.binomial(positive, wrong), random.binomial(ROWS - positive, wrong)
    return np.stack([positive - missed, raised, missed, ROWS - positive - raised], axis=-1).astype(np.float64)


def of_leadline(looks: Floats) -> Stream:
    """What Leadline bets on one stream, shape (looks, 4)."""
    counts = np.zeros((len(looks), 3, 3))
    counts[:, 1, 1], counts[:, 1, 0], counts[:, 0, 1], counts[:, 0, 0] = looks.T
    rows = looks.sum(-1)
    sums = Sums(rows, rows, rows, np.zeros_like(rows), counts, counts)
    return stream(build(MetricCall("accuracy"), "binary"), sums, PROMISE)


def told(streams: list[Stream], year: float) -> list[list[int]]:
    """The looks at which Leadline finds breaches, stream by stream: each has a budget of its own."""
    nothing = [frozenset[int]()] * len(streams)
    return [[breach.found for breach in story.breaches] for story in fold(streams, ALPHA, year, 1, nothing)]


# Rules of others: looks → where they fire ----------------------------------------------------------------------------


def accuracy(looks: Floats) -> Floats:
    return np.asarray((looks[..., TP] + looks[..., TN]) / looks.sum(-1))


def nannyml(looks: Floats, reference: slice) -> Bools:
    """Mean ± 3 standard deviations of the reference's chunks; a limit outside [0, 1] is dropped."""
    figure = accuracy(looks)
    known = figure[..., reference]
    mean, off = known.mean(-1, keepdims=True), 3 * known.std(-1, keepdims=True)
    low, high = mean - off, mean + off
    return np.asarray((figure < np.where(low <= 0, -np.inf, low)) | (figure > np.where(high >= 1, np.inf, high)))


def evidently_quality(looks: Floats, reference: slice) -> Bools:
    """Any of the eight figures of its classification preset is more than 20 % off that of the reference."""

    def figures(each: Floats) -> Floats:
        tp, fp, fn, tn = (each[..., place] for place in range(4))
        recall, specificity, precision = tp / (tp + fn), tn / (tn + fp), tp / (tp + fp)
        f1 = 2 * tp / (2 * tp + fp + fn)
        return np.stack([accuracy(each), precision, recall, f1, specificity, 1 - specificity, 1 - recall], axis=-1)

    usual = figures(looks[..., reference, :].sum(-2))[..., None, :]
    off = np.abs(figures(looks) - usual)
    return np.asarray((off > 0.2 * usual + 1e-9).any(-1))


def evidently_drift(looks: Floats, reference: slice) -> Bools:
    """Drift of the column that says whether a row is wrong: z-test p < .05 up to 1,000 rows, else distance ≥ .1."""
    wrong, rows = looks[..., FP] + looks[..., FN], looks.sum(-1)
    usual, known = wrong[..., reference].sum(-1, keepdims=True), rows[..., reference].sum(-1, keepdims=True)
    one, other = usual / known, wrong / rows
    if known.max() <= 1_000:
        pooled = (usual + wrong) / (known + rows)
        z = (one - other) / np.sqrt(pooled * (1 - pooled) * (1 / known + 1 / rows))
        return np.asarray(2 * (1 - norm.cdf(np.abs(z))) < 0.05)
    one = np.broadcast_to(one, other.shape)
    return np.asarray(jensenshannon(np.stack([one, 1 - one]), np.stack([other, 1 - other]), axis=0) >= 0.1)


def three_sigma(looks: Floats, reference: slice) -> Bools:
    """A control chart for shares: 3 binomial standard errors off the reference."""
    figure, rows = accuracy(looks), looks.sum(-1)
    usual = accuracy(looks[..., reference, :].sum(-2))[..., None]
    return np.asarray(np.abs(figure - usual) > 3 * np.sqrt(usual * (1 - usual) / rows))


RULES: dict[str, Callable[[Floats], Bools]] = {
    "NannyML, default threshold for accuracy": lambda looks: nannyml(looks, REFERENCE),
    "Evidently, default tests of its classification preset": lambda looks: evidently_quality(looks, REFERENCE),
    "Evidently, drift of wrong rows, reference of 5 looks": lambda looks: evidently_drift(looks, SHORT),
    "Evidently, drift of wrong rows, reference of 10 looks": lambda looks: evidently_drift(looks, REFERENCE),
    "3σ control chart": lambda looks: three_sigma(looks, REFERENCE),
}
OURS = "Leadline"


# The peers' own libraries -------------------------------------------------------------------------------------------


def run_job(name: str, rows: pd.DataFrame) -> Any:
    """What a peer's library says of rows."""
    with tempfile.TemporaryDirectory() as place:
        source, out = Path(place) / "rows.parquet", Path(place) / "out.json"
        rows.to_parquet(source, index=False)
        command = [python_of(name), str(JOBS / f"alarms_{name}.py"), str(source), str(out)]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{name} failed: {done.stderr.strip().splitlines()[-1:]}")
        return json.loads(out.read_text())


def as_rows(looks: Floats, name: str, reference: slice) -> Iterator[pd.DataFrame]:
    """The rows of one stream from the reference on; `y_score` is the prediction."""
    kinds = {TP: (1, 1), FP: (0, 1), FN: (1, 0), TN: (0, 0)}
    learnt = range(*reference.indices(len(looks)))
    for look in range(learnt.start, len(looks)):
        for cell, (actual, said) in kinds.items():
            yield pd.DataFrame(
                {"stream": name, "metric": "accuracy", "look": look, "reference": look in learnt, "y_true": actual,
                 "y_pred": said, "y_score": float(said)}, index=range(int(looks[look, cell]))
            )  # fmt: skip


def require_same(random: np.random.Generator) -> int:
    """Stop unless the rules here fire where the libraries do; returns on how many looks that was looked at."""
    rates = np.full((CHECKED, AFTER + CHECKED_LOOKS), 0.10)
    rates[1::2, AFTER + CHECKED_LOOKS // 2 :] = 0.20
    looks = cells(random, rates)
    frames = [frame for place in range(CHECKED) for frame in as_rows(looks[place], f"long {place}", REFERENCE)]
    frames += [frame for place in range(CHECKED) for frame in as_rows(looks[place], f"short {place}", SHORT)]
    rows = pd.concat(frames, ignore_index=True)
    evidently, nanny = run_job("evidently", rows), run_job("nannyml", rows)
    pairs = [(nannyml, nanny), (evidently_quality, evidently["quality"]), (evidently_drift, evidently["drift"])]
    compared = 0
    for rule, found in pairs:
        for length, reference in (("long", REFERENCE), ("short", SHORT)):
            ours = rule(looks, reference)
            for place in range(CHECKED):
                fired = [look for look in np.flatnonzero(ours[place]).tolist() if look >= AFTER]
                if fired != found[f"{length} {place}"]:
                    both = f"{fired} here, {found[f'{length} {place}']} there"
                    raise SystemExit(f"{rule.__name__} is not what the library does, {length} {place}: {both}")
                compared += CHECKED_LOOKS
    return compared


# Simulated ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Healthy:
    """A kind of healthy stream.

    wrong  chance of a wrong row, over and over: one, or one for each day of the week
    days   stretches of `ROWS` rows that make a look
    year   looks a year of the budget under which it is asked whether there is ever an alarm
    usual  the same where alarms a year are counted
    """

    name: str
    wrong: tuple[float, ...]
    phi: float = 1.0
    days: int = 1
    year: float = HOURLY
    usual: float = WEEKLY


HEALTHY = (
    Healthy("errors .08", (0.08,)),
    Healthy("errors .10, the limit", (0.10,)),
    Healthy("errors .08, φ = 3", (0.08,), 3.0),
    Healthy("errors .10, φ = 3", (0.10,), 3.0),
    Healthy("worse at weekends, looks of a day", WEEK_OF_DAYS, year=DAILY, usual=DAILY),
    Healthy("worse at weekends, looks of a week", WEEK_OF_DAYS, days=7, year=WEEKLY),
)


def healthy(random: np.random.Generator, kind: Healthy, streams: int) -> dict[str, dict[str, float]]:
    """For each rule the share of streams that it ever alarms, and how many alarms a year brings."""
    ever: dict[str, int] = dict.fromkeys((OURS, *RULES), 0)
    fired: dict[str, int] = dict.fromkeys((OURS, *RULES), 0)
    looks_each = LOOKS // kind.days
    rates = np.resize(kind.wrong, (AFTER + looks_each) * kind.days)
    for _ in range(0, streams, TOGETHER):
        days = cells(random, np.tile(rates, (TOGETHER, 1)), kind.phi)
        looks = days.reshape(TOGETHER, -1, kind.days, 4).sum(2)
        streamed = [of_leadline(each) for each in looks]
        ever[OURS] += sum(bool(found) for found in told(streamed, kind.year))
        fired[OURS] += sum(len(found) for found in told(streamed, kind.usual))
        for name, rule in RULES.items():
            fires = rule(looks)[:, AFTER:]
            ever[name] += int(fires.any(1).sum())
            fired[name] += int(fires.sum())
    years = streams * looks_each / kind.usual
    return {name: {"ever": ever[name] / streams, "a_year": fired[name] / years} for name in ever}


def drop(random: np.random.Generator, wrong: float, streams: int) -> dict[str, dict[str, float]]:
    """For each rule the looks that it takes to find errors of .08 rising to `wrong`, and how often it cried before."""
    delays: dict[str, list[float]] = {f"{OURS}, weekly": [], f"{OURS}, hourly": [], **{name: [] for name in RULES}}
    before = dict.fromkeys(delays, 0)
    rates = np.full(AFTER + CHANGE + HORIZON, 0.08)
    begins = AFTER + CHANGE
    rates[begins:] = wrong

    def count(name: str, found: list[int]) -> None:
        before[name] += any(look < begins for look in found)
        after = [look for look in found if look >= begins]
        delays[name].append(after[0] - begins + 1 if after else math.inf)

    for _ in range(0, streams, TOGETHER):
        looks = cells(random, np.tile(rates, (TOGETHER, 1)))
        streamed = [of_leadline(each) for each in looks]
        for budget, year in (("weekly", WEEKLY), ("hourly", HOURLY)):
            for found in told(streamed, year):
                count(f"{OURS}, {budget}", found)
        for name, rule in RULES.items():
            for fires in rule(looks):
                count(name, [look for look in np.flatnonzero(fires).tolist() if look >= AFTER])
    found = {}
    for name, each in delays.items():
        known = [delay for delay in each if math.isfinite(delay)]
        mean = float(np.mean(known)) if known else None
        found[name] = {"mean": mean, "found": len(known) / streams, "before": before[name] / streams}
    return found


def bound(wrong: float, year: float) -> float:
    """Looks that no rule with the same budget can undercut by much, ln(looks a year / α) / (rows · KL); at least 1."""
    divergence = wrong * math.log(wrong / ALLOWED) + (1 - wrong) * math.log((1 - wrong) / (1 - ALLOWED))
    return max(math.log(year / ALPHA) / (ROWS * divergence), 1.0)


# Real ---------------------------------------------------------------------------------------------------------------

MONDAY = pd.Timestamp("1970-01-05")
WEEK = pd.Timedelta(weeks=1)
SPAN = 4  # looks in a window of 28 days


@dataclass(frozen=True)
class Log:
    """A real log: y_true, y_pred, y_score, timestamp (local) and known by row, and what it is evaluated with."""

    name: str
    rows: pd.DataFrame
    declared: Any
    metrics: tuple[str, ...]
    wait: pd.Timedelta
    as_of: str | None = None


def flights() -> Log:
    place = DECLARATION.parent
    rows = pd.read_parquet(place / "predictions.parquet").merge(
        pd.read_parquet(place / "outcomes.parquet")[["prediction_id", "late"]].drop_duplicates("prediction_id"),
        on="prediction_id",
    )
    rows = rows.assign(timestamp=pd.to_datetime(rows["scheduled_at"], utc=True).dt.tz_convert("America/New_York"))
    rows = rows.assign(timestamp=rows["timestamp"].dt.tz_localize(None)).dropna(subset=["late"])
    rows = rows.rename(columns={"late": "y_true", "predicted": "y_pred", "score": "y_score"})
    wait = pd.Timedelta(days=2)
    return Log("flights", rows, DECLARATION, ("recall", "precision", "roc_auc"), wait, "2013-12-30")


def hotels(data: Path) -> Log:
    place = HOME / "data" / "hotel_bookings"
    if not (place / "outcomes.parquet").exists():
        trial = [sys.executable, str(HERE / "trials" / "hotel_bookings.py"), str(place), "--data"]
        subprocess.run([*trial, str(data / "hotel_bookings")], check=True, stdout=subprocess.DEVNULL)
    rows = pd.read_parquet(place / "predictions.parquet").merge(
        pd.read_parquet(place / "outcomes.parquet"), on="booking_id"
    )
    rows = rows.rename(
        columns={"is_canceled": "y_true", "predicted": "y_pred", "score": "y_score", "booking_date": "timestamp"}
    )
    return _declared("hotel bookings", rows, "binary", ("recall", "precision", "roc_auc"), 235)


def beijing(data: Path) -> Log:
    """The forecast that PM2.5 at a station will be what it was 24 hours before."""
    rows = pd.read_parquet(data / "beijing_air_quality" / "beijing_air_quality.parquet")
    rows = rows[["timestamp", "station", "PM2.5"]].sort_values(["station", "timestamp"])
    before = rows.assign(timestamp=rows["timestamp"] + pd.Timedelta(hours=24)).rename(columns={"PM2.5": "y_pred"})
    rows = rows.rename(columns={"PM2.5": "y_true"}).merge(before, on=["station", "timestamp"]).dropna()
    rows = rows.assign(observed_at=rows["timestamp"] + pd.Timedelta(hours=1))
    return _declared("Beijing PM2.5, as 24 hours before", rows, "regression", ("mae",), 1, entity="station")


def _declared(
    name: str, rows: pd.DataFrame, task: str, metrics: tuple[str, ...], wait: int, entity: str | None = None
) -> Log:
    """A log whose promise is what its first quarter of looks kept, rounded by one step to the lenient side."""
    wanted = ["timestamp", "y_true", "y_pred", "observed_at", *(["y_score"] if "y_score" in rows else [])]
    rows = rows.reset_index(drop=True)
    rows = rows[[*wanted, *([entity] if entity else [])]].assign(id=range(len(rows)))
    due = _look(rows["timestamp"], pd.Timedelta(days=wait))
    first, last = due.min(), _look(rows["observed_at"], pd.Timedelta(0)).max()
    quarter = rows[due < first + (min(due.max() + 1, last) - first) // 4]
    objectives = []
    for metric in metrics:
        value = figure(metric, quarter)
        step = 5.0 if metric == "mae" else 0.05
        side, limit = (
            ("at_most", math.ceil(value / step)) if metric == "mae" else ("at_least", math.floor(value / step))
        )
        objectives.append({"metric": metric, side: round(limit * step, 2), "window": "28d"})
    table = rows.astype({"y_true": bool, "y_pred": bool}) if task == "binary" else rows
    columns = {"id": "id", "timestamp": "timestamp", "prediction": "y_pred"}
    columns |= {"score": "y_score"} if "y_score" in wanted else {}
    columns |= {"entity": entity} if entity else {}
    declared = {
        "version": 1, "model": name, "task": task, "predictions": {"source": table, "columns": columns},
        "outcomes": {"columns": {"value": "y_true", "observed_at": "observed_at"}, "matures_after": f"{wait}d"},
        "metrics": [metrics[0]], "objectives": objectives,
    }  # fmt: skip
    return Log(name, rows, declared, metrics, pd.Timedelta(days=wait))


def _look(times: Any, wait: pd.Timedelta) -> Any:
    """The week in which the label is due, from a Monday."""
    return (times + wait - MONDAY) // WEEK


def figure(metric: str, rows: pd.DataFrame) -> float:
    """A metric of rows; NaN where there is none."""
    if not len(rows):
        return math.nan
    if metric == "mae":
        return float((rows["y_true"] - rows["y_pred"]).abs().mean())
    actual, said = rows["y_true"].to_numpy(bool), rows["y_pred"].to_numpy(bool)
    if metric == "roc_auc":
        positives, negatives = int(actual.sum()), int((~actual).sum())
        ranks = rows["y_score"].rank().to_numpy()[actual].sum()
        pairs = positives * negatives
        return float((ranks - positives * (positives + 1) / 2) / pairs) if pairs else math.nan
    of = actual if metric == "recall" else said
    return float((actual & said).sum() / of.sum()) if of.any() else math.nan


def real(log: Log) -> list[dict[str, Any]]:
    """For each objective of all rows how often each rule fired, and how often that was false."""
    replays = leadline.backtest(log.declared, as_of=log.as_of).objectives
    found = []
    chosen: dict[str, Replay] = {}
    for each in replays:
        if not each.slice.parts:
            chosen.setdefault(each.metric, each)
    for metric in log.metrics:
        replay = chosen[metric]
        assert replay.start is not None
        assert replay.end is not None
        zone = "America/New_York" if log.as_of else "UTC"
        first = int(_look(_local(replay.start, zone), pd.Timedelta(0)))
        rows = log.rows.assign(look=_look(log.rows["timestamp"], log.wait) - first)
        rows = rows[(rows["look"] >= 0) & (rows["look"] < replay.looks)]
        learnt = _learnt(replay)
        by_look = dict(tuple(rows.groupby("look")))
        windows = [
            figure(metric, pd.concat([by_look[at] for at in range(max(end - SPAN + 1, 0), end + 1) if at in by_look]))
            for end in range(replay.looks)
        ]
        wolf = cried_wolf([None if math.isnan(each) else not replay.target.met(each) for each in windows], SPAN)
        ends = [_local(replay.start, zone) + (at + 1) * WEEK for at in range(replay.looks)]
        asked = rows.assign(stream=log.name, metric=metric, reference=rows["look"] < learnt)
        columns = ["stream", "metric", "look", "reference", "y_true", "y_pred"]
        asked = asked[[*columns, *(["y_score"] if "y_score" in asked else [])]].astype(
            {"y_true": float, "y_pred": float}
        )
        nanny = run_job("nannyml", asked)[log.name]
        evidently = run_job("evidently", asked)["quality"][log.name]
        verdicts = {
            OURS: [(ends.index(_local(each.breach.found, zone)), each.cried_wolf) for each in replay.breaches],
            "NannyML": [(look, wolf[look]) for look in nanny],
            "Evidently": [(look, wolf[look]) for look in evidently],
        }
        for name, rule in zip(("mean ± 3σ", "p < .05", "target"), replay.rules, strict=True):
            verdicts[name] = [(ends.index(_local(alarm.at, zone)), alarm.cried_wolf) for alarm in rule.alarms]
            # both ways to read the windows have to agree
            assert all(wolf[look] == told for look, told in verdicts[name]), (log.name, metric, name)
        found.append(
            {
                "log": log.name,
                "metric": metric,
                "target": f"{'≥' if replay.target.side == 'at_least' else '≤'} {replay.target.limit:g}",
                "looks": replay.looks,
                "wrong": sum(each is False for each in wolf),
                "rules": {name: _counted(each) for name, each in verdicts.items()},
            }
        )
        print(f"{log.name} {metric}: {found[-1]['rules']}", file=sys.stderr, flush=True)
    return found


def _local(moment: datetime, zone: str) -> pd.Timestamp:
    """Clock time."""
    return pd.Timestamp(moment).tz_convert(zone).tz_localize(None)


def _learnt(replay: Replay) -> int:
    """The looks that the peers learn from: as `backtest` does, those of the declared reference or a quarter."""
    quarter = replay.looks // 4
    return max(quarter, replay.rules[0].reference)


def _counted(alarms: list[tuple[int, bool | None]]) -> dict[str, int | None]:
    """From looks and whether an alarm there is false."""
    return {
        "fired": len(alarms),
        "wolf": sum(told is True for _, told in alarms),
        "first": min((look + 1 for look, told in alarms if told is False), default=None),
    }


# Table --------------------------------------------------------------------------------------------------------------


EVER = "Healthy streams, of {streams:,}, that are ever alarmed in 10,000 looks (1,428 looks of a week):"
A_YEAR = "False alarms a year on the same streams, at 52 looks a year (365 looks of a day):"
FOUND = (
    f"Looks from errors of .08 rising until that is found: the mean, and how many streams are found within {HORIZON};"
    f" *before* are the streams that had been alarmed already in the {CHANGE} healthy looks before:"
)
REAL = (
    "Real logs, weekly looks: alarms, how many of them are false, and the look of the first right one. *Broken around*"
    " are looks around which some window of 28 days broke the promise:"
)


def share(part: float) -> str:
    return f"{100 * part:.1f} %" if 0 < part < 0.1 or 0.995 <= part < 1 else f"{100 * part:.0f} %"


def a_year(count: float) -> str:
    if 0 < count < 0.001:
        return "under 0.001"
    return f"{count:.0f}" if count >= 10 else f"{count:.2g}"


def grid(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table in Markdown whose first column is text."""
    lines = [f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1)]
    return [*lines, *(f"| {' | '.join(each)} |" for each in rows), ""]


def table(results: dict[str, Any]) -> str:
    kinds = results["healthy"]
    told_ever = [[name, *(share(kinds[kind][name]["ever"]) for kind in kinds)] for name in (OURS, *RULES)]
    told_year = [[name, *(a_year(kinds[kind][name]["a_year"]) for kind in kinds)] for name in (OURS, *RULES)]
    drops = []
    budgets = {f"{OURS}, weekly": f"{OURS}, 52 looks a year", f"{OURS}, hourly": f"{OURS}, 8,766 looks a year"}
    for name in (*budgets, *RULES):
        each = [results["drops"][f"{wrong}"][name] for wrong in DROPS]
        means = ["never" if of["mean"] is None else f"{of['mean']:.1f}" for of in each]
        cells_of = [f"{mean} ({share(of['found'])})" for mean, of in zip(means, each, strict=True)]
        drops.append([budgets.get(name, name), *cells_of, share(float(np.mean([of["before"] for of in each])))])
    for budget, year in (("52", WEEKLY), ("8,766", HOURLY)):
        drops.append([f"bound, {budget} looks a year", *(f"{bound(wrong, year):.1f}" for wrong in DROPS), ""])
    names = list(results["real"][0]["rules"])
    logs = []
    for each in results["real"]:
        counts = []
        for name in names:
            of = each["rules"][name]
            first = "" if of["first"] is None else f"; look {of['first']}"
            counts.append(f"{of['fired']}, {of['wolf']} false{first}")
        logs.append(
            [f"{each['log']}, {each['metric']} {each['target']}", f"{each['looks']}", f"{each['wrong']}", *counts]
        )
    parts = [
        (EVER.format(streams=results["streams"]), grid(["rule", *kinds], told_ever)),
        (A_YEAR, grid(["rule", *kinds], told_year)),
        (FOUND, grid(["rule", *(f"→ {wrong:.2f}" for wrong in DROPS), "before"], drops)),
        (REAL, grid(["log and objective", "looks", "broken around", *names], logs)),
    ]
    return "\n".join([*(line for caption, lines in parts for line in (caption, "", *lines)), results["made"]])


def write(text: str) -> None:
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--data", type=Path, default=os.environ.get("LEADLINE_DATA"))
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if not options.table:
        measure(options, results)
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    write(table(results))


def measure(options: argparse.Namespace, results: dict[str, Any]) -> None:
    asked = options.only or PARTS
    seconds: dict[str, float] = results.setdefault("seconds", {})

    if {"same", "real"} & set(asked):
        build_peers = [sys.executable, str(HERE / "peers" / "build_venvs.py"), "nannyml", "evidently"]
        subprocess.run(build_peers, check=True)
    for part in asked:
        began = time.monotonic()
        random = np.random.default_rng([SEED, PARTS.index(part)])
        if part == "same":
            results["compared"] = require_same(random)
        elif part == "healthy":
            results["streams"] = options.streams
            results["healthy"] = {kind.name: healthy(random, kind, options.streams) for kind in HEALTHY}
        elif part == "drops":
            results["drops"] = {f"{wrong}": drop(random, wrong, options.streams) for wrong in DROPS}
        else:
            logs: list[Callable[[], Log]] = [flights]
            if options.data is not None:
                logs += [lambda: hotels(options.data), lambda: beijing(options.data)]
            results["real"] = [found for log in logs for found in real(log())]
        seconds[part] = round(time.monotonic() - began, 1)
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")  # half a run is kept
        print(f"{part}: {seconds[part]} s", file=sys.stderr, flush=True)
    used = versions({"nannyml", "evidently"})
    results["made"] = (
        f"Made by `python bench/alarms.py` on {time.strftime('%Y-%m-%d')} in {sum(seconds.values()):.0f} s with"
        f" {used['nannyml']} and {used['evidently']}; the peers' rules fire as the libraries do on"
        f" {results.get('compared', 0):,} looks that were compared."
    )


if __name__ == "__main__":
    main()
