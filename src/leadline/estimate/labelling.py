"""Which rows people should label: chosen with known probabilities, more where the score is unsure (METHODS §2.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from leadline.engine import Engine
from leadline.estimate.few_labels import LEAST_LABELS
from leadline.log.calendar import Grain
from leadline.log.chance import CHANCE, chance
from leadline.log.columns import as_text
from leadline.log.facts import facts
from leadline.log.labels import codes
from leadline.log.profile import as_of, profile
from leadline.log.reading import LABEL, Log, open_log
from leadline.log.reference import FIRST, Reference, coded, reference, slice_of
from leadline.spec.model import ListScores, Spec
from leadline.stats.sampling import FLOOR, NUMBERS, label_probabilities
from leadline.values import InputError, Slice, Span, Window, counted

#: uncertainties are cut to multiples of 1 / LEVELS, so that rows need not leave the engine to be weighed
LEVELS = 128


@dataclass(frozen=True, slots=True)
class Policy:
    """How rows are chosen.

    budget   labels to ask for in the window, in expectation
    floor    labels for each slice at least, where it has as many rows
    seed     which of the equally good choices: the same seed chooses the same rows
    """

    budget: float
    floor: float = FLOOR
    seed: int = 0

    def __str__(self) -> str:
        return f"0.8 sqrt(c(1-c)) + 0.2 even, budget {self.budget:g}, floor {self.floor:g}, seed {self.seed}"


@dataclass(frozen=True)
class Choice:
    """Rows that were chosen.

    window         of the event time
    rows           predictions in it
    probabilities  id (as text) → probability, of all that are chosen, in a random order that stays the same
    labelled       of these the ids that have a label of a sample already
    table          one row each of the others, in the same order: the id, time, scores, slices and features as they are
                   in the log, without probabilities
    few            slices of objectives that get fewer labels than their judgement needs: labels, in expectation
    """

    window: Window
    rows: int
    probabilities: Mapping[str, float]
    labelled: frozenset[str]
    table: pa.Table
    few: Mapping[Slice, float]


def choose(
    spec: Spec,
    engine: Engine,
    policy: Policy,
    now: datetime,
    between: tuple[datetime, datetime] | None = None,
    earlier: Mapping[str, float] | None = None,
) -> Choice:
    """Choose rows of a window for labelling.

    now       the clock's time, with a time zone
    between   event times [from, until) with a time zone; the report's latest window that is over where None
    earlier   id → probability of rows chosen before with the same seed; those of this window stay chosen, with the
              larger of both probabilities (see `sampling.row_number`)

    All rows of the window may be chosen, also those that have a label already: a label that just came does not say
    with which probability, and to leave its row out would leave such rows out of all figures.
    Raises InputError where there are no rows, or fewer than the budget.
    """
    log = open_log(spec, engine)
    found = profile(log, spec)
    moment = as_of(None, found, log)
    spans = [spec.window, *(objective.window for objective in spec.objectives)]
    grain = Grain.dividing(spans, spec.timezone)
    if found.first is None or found.last is None:
        raise InputError("there are no predictions to choose from")
    coding, _ = codes(log, spec, found)
    known = facts(log, spec, found, coding, moment, grain)
    window = _latest(grain, spec.window, found.first, found.last, now) if between is None else Window(*between)
    rows = _within(known.predictions, window)
    fixed = reference(log, spec, found, known.predictions, moment, grain)
    level = _level(rows, (found.low, found.high))
    names = [f"slice_code_{place}" for place in range(len(fixed.partitions))]
    weighed = coded(engine, rows.mutate(level=level, text=as_text(rows.id)), fixed.partitions, ())
    weighed = engine.keep(weighed.select("level", "text", *names))
    cells = engine.run(weighed.group_by(["level", *names]).aggregate(rows=weighed.count()))
    # in one order, so that the probabilities are the same to the last bit on every engine
    cells = cells.sort_by([(name, "ascending") for name in ("level", *names)])
    total = sum(cells.column("rows").to_pylist())
    if not total:
        raise InputError(f"there are no predictions from {_shown(window, spec)}")
    if policy.budget > total:
        asked = counted(round(policy.budget), "label")
        raise InputError(
            f"a budget of {asked} is more than there are predictions from {_shown(window, spec)}: {total:,}"
        )
    cells = cells.append_column(CHANCE, pa.array(_probabilities(cells, names, policy).tolist()))
    ordered = _drawn(engine, weighed, cells, names, policy, earlier or {})
    labelled = _labelled(engine, log, ordered)
    wanted = [key for key in ordered if key not in labelled]
    return Choice(window, total, ordered, labelled, _table(spec, engine, wanted), _few(spec, fixed, cells))


def _few(spec: Spec, fixed: Reference, cells: pa.Table) -> dict[Slice, float]:
    """The slices of objectives that this choice alone cannot make judgeable, the fewest labels first."""
    wanted = {name for objective in spec.objectives for name in objective.slices}
    labels = np.array(cells.column("rows").to_pylist(), float) * np.array(cells.column(CHANCE).to_pylist(), float)
    found: dict[Slice, float] = {}
    for place, partition in enumerate(fixed.partitions):
        codes_of = np.array(cells.column(f"slice_code_{place}").to_pylist(), np.int64)
        for code in np.unique(codes_of).tolist() if partition.name in wanted else ():
            expected = float(labels[codes_of == code].sum())
            if expected < LEAST_LABELS and (not partition.condition or code == FIRST):
                found[slice_of(partition, code, spec)] = expected
    return dict(sorted(found.items(), key=lambda each: each[1]))


def _shown(window: Window, spec: Spec) -> str:
    """A window in the declared time zone."""
    start, end = (each.astimezone(spec.zone).strftime("%Y-%m-%d %H:%M") for each in (window.start, window.end))
    return f"{start.removesuffix(' 00:00')} up to {end.removesuffix(' 00:00')} ({spec.timezone})"


def _latest(grain: Grain, span: Span, first: datetime, last: datetime, now: datetime) -> Window:
    """The report's latest window with predictions that is over, or the only one."""
    begin, after = grain.window_at(span, grain.number_of(min(last.replace(tzinfo=UTC), now)))
    if grain.window(begin, after).end > now and begin > grain.number_of(first.replace(tzinfo=UTC)):
        begin, after = grain.window_at(span, begin - 1)
    return grain.window(begin, after)


def _within(rows: ir.Table, window: Window) -> ir.Table:
    start, end = (
        ibis.literal(each.astimezone(UTC).replace(tzinfo=None), "timestamp(6)") for each in (window.start, window.end)
    )
    return rows.filter(rows.timestamp >= start, rows.timestamp < end)


def _level(rows: ir.Table, ranges: tuple[Mapping[str, float], Mapping[str, float]]) -> ir.Value:
    """sqrt(c (1 - c)) in steps, of the score or of the largest score of the classes; -1 where that is not known."""
    scores = [name for name in rows.columns if name == "score" or name.removeprefix("score_").isdigit()]
    low, high = ranges
    if not scores or any(low.get(name, 0.0) < 0 or high.get(name, 0.0) > 1 for name in scores):
        return ibis.literal(-1, "int64")
    score = ibis.greatest(*(rows[name] for name in scores)) if len(scores) > 1 else rows[scores[0]]
    return ((score * (1 - score)).sqrt() * LEVELS).ceil().cast("int64").fill_null(-1)


def _probabilities(cells: pa.Table, names: Sequence[str], policy: Policy) -> np.ndarray:
    level = np.array(cells.column("level").to_pylist(), np.float64)
    rows = np.array(cells.column("rows").to_pylist(), np.float64)
    known = level >= 0
    usual = (level * rows)[known].sum() / rows[known].sum() if known.any() else 0.0
    slices = [np.array(cells.column(name).to_pylist(), np.int64) for name in names]
    return label_probabilities(np.where(known, level, usual) / LEVELS, policy.budget, rows, slices, policy.floor)


def _number(engine: Engine, text: ir.StringValue, seed: int) -> ir.Value:
    """`sampling.row_number` on the engine."""
    digest = engine.md5(ibis.literal(f"{seed}:") + text)
    digits = ibis.literal("0123456789abcdef")
    # in doubles, which hold it exactly: engines have the place of a text in 32 bits, and Ibis takes it for 64
    places = [digits.find(digest.substr(place, 1)) * ibis.literal(16.0 ** (7 - place)) for place in range(8)]
    return sum(places[1:], places[0])


def _drawn(
    engine: Engine,
    rows: ir.Table,
    cells: pa.Table,
    names: Sequence[str],
    policy: Policy,
    earlier: Mapping[str, float],
) -> dict[str, float]:
    """Ids and probabilities of the rows whose number is below their probability, and of those chosen earlier.

    In the order of number / probability: the first of them are themselves a sample with smaller probabilities, if
    people do not come to the end.
    """
    keys = ["level", *names]
    lookup = engine.lookup(cells.drop_columns("rows").rename_columns([*(f"of_{name}" for name in keys), CHANCE]))
    chosen = {"known": pa.array(list(earlier), pa.string()), "earlier": pa.array(list(earlier.values()), pa.float64())}
    before = engine.lookup(pa.table(chosen))
    joined = rows.inner_join(lookup, [rows[name] == lookup[f"of_{name}"] for name in keys])
    joined = joined.select("text", CHANCE)
    joined = joined.left_join(before, joined.text == before.known)
    number = _number(engine, joined.text, policy.seed)
    found = joined.select("text", CHANCE, "earlier", number=number)
    found = engine.run(found.filter((found.number < found[CHANCE] * NUMBERS) | found.earlier.notnull()))
    # with numbers that stay, a row is in either of two choices with the larger of both probabilities
    chances = {row["text"]: max(row[CHANCE], row["earlier"] or 0.0) for row in found.to_pylist()}
    numbers = {row["text"]: float(row["number"]) for row in found.to_pylist()}  # a decimal on some engines
    return dict(sorted(chances.items(), key=lambda each: (numbers[each[0]] / each[1], each[0])))


def _among(engine: Engine, rows: ir.Table, ids: Sequence[str]) -> ir.Table:
    """The rows with these ids; `text` is the id."""
    lookup = engine.lookup(pa.table({"wanted": pa.array(list(ids), pa.string())}))
    return rows.semi_join(lookup, rows.text == lookup.wanted)


def _labelled(engine: Engine, log: Log, ids: Mapping[str, float]) -> frozenset[str]:
    """Which of the ids have a label that says its probability."""
    if LABEL in log.outcomes:
        table = log.outcomes[LABEL]
        value, said = table.value, table[CHANCE] if CHANCE in table.columns else None
    else:
        table = log.predictions
        if f"{CHANCE}_{LABEL}" not in table.columns:
            return frozenset()
        value, said = table[f"value_{LABEL}"], table[f"{CHANCE}_{LABEL}"]
    if said is None:
        return frozenset()
    with_label = table.filter(value.notnull() & chance(said).notnull())
    with_label = with_label.select(text=as_text(with_label.id))
    return frozenset(engine.run(_among(engine, with_label, list(ids))).column("text").to_pylist())


def _table(spec: Spec, engine: Engine, ids: Sequence[str]) -> pa.Table:
    """What people see of each row, in the order of the ids."""
    columns = spec.predictions.columns
    raw = engine.read(spec.predictions.source, frozenset({columns.id}))
    some = raw.mutate(text=as_text(raw[columns.id]))
    found = engine.run(_among(engine, some, ids).select("text", *_columns_shown(spec, raw.columns)))
    first: dict[str, int] = {}
    for place, key in enumerate(found.column("text").to_pylist()):
        first.setdefault(key, place)
    return found.take(pa.array([first[key] for key in ids], pa.int64())).drop_columns("text")


def _columns_shown(spec: Spec, present: Sequence[str]) -> list[str]:
    """Id, time, what the model said, then the features: all columns that have no part in the outcomes."""
    columns, features = spec.predictions.columns, spec.predictions.features
    scores = columns.scores
    of_classes = [scores.list] if isinstance(scores, ListScores) else list((scores or {}).values())
    parts = [columns.id, columns.timestamp, columns.score, columns.prediction, *of_classes]
    hidden = {columns.received_at, columns.weight}
    for table in spec.outcome_tables:
        if table.source == spec.predictions.source:
            hidden |= {table.value, table.observed_at, table.received_at, table.label_probability}
    others = [name for name in present if name not in hidden] if isinstance(features, str) else list(features)
    of_slices = [
        column
        for entry in spec.slices
        for part in spec.parts(entry)
        for column in [getattr(part, "column", None) or getattr(getattr(part, "bin", None), "column", None)]
    ]
    asked = [*parts, *of_slices, *others]
    return [name for name in dict.fromkeys(asked) if name is not None and name in present]
