"""The law of DESIGN §2: however rows are split, ordered, repeated or late, and whenever we look, cells are the same."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from homes import ENGINES, Home, cells
from laws import logs, oracle
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.looks import Seen
from leadline.evaluation.run import evaluate_log
from leadline.log.calendar import Grain

MOMENTS = st.sampled_from([logs.AS_OF, logs.AS_OF - timedelta(days=25)])
BATCHES = st.lists(logs.examples(), min_size=1, max_size=30)


def law(examples: int) -> settings:
    """Without shrinking: an evaluation takes a second, and a failure says which cells differ."""
    return settings(max_examples=examples, phases=[Phase.explicit, Phase.generate])


def evaluated(tables: dict[str, Any], chosen: logs.Settings, as_of: datetime) -> Evaluation:
    return evaluate_log(logs.declaration(tables, chosen), as_of)


def same_as_oracle(found: Evaluation, question: oracle.Question, only: tuple[str, ...] = ()) -> None:
    counts = logs.counted(found)
    wanted = logs.projected(oracle.cells(question), counts)
    off = {key: (wanted[key], counts[key]) for key in {*wanted, *counts} if wanted[key] != counts[key]}
    assert off == {}, "wanted and found, by cell"
    labels = {name: n for name, n in oracle.labels(question).items() if not only or name in only}
    assert {name: getattr(found.labels, name) for name in labels} == labels


@given(BATCHES, logs.SETTINGS, MOMENTS)
@law(12)
def test_cells_are_what_the_design_says(batch: list[logs.Example], chosen: logs.Settings, as_of: datetime) -> None:
    example = logs.batched(batch, chosen)
    same_as_oracle(evaluated(logs.tables(example), chosen, as_of), logs.question(example, as_of))


@given(BATCHES, st.randoms(use_true_random=False), MOMENTS)
@law(5)
def test_split_and_order_of_the_rows_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, batch: list[logs.Example], chance: random.Random, as_of: datetime
) -> None:
    tables = logs.tables(logs.batched(batch))
    files = {
        name: _scattered(table, tmp_path_factory.mktemp(name), chance) if len(table) else table
        for name, table in tables.items()
    }
    one, other = (evaluated(each, logs.Settings(), as_of) for each in (tables, files))
    assert cells(one) == cells(other)
    assert one.labels == other.labels


def _scattered(table: pa.Table, home: Path, chance: random.Random) -> str:
    """The rows in any order, in up to four files."""
    order = list(range(len(table)))
    chance.shuffle(order)
    parts = 1 + chance.randrange(4)
    for part in range(parts):
        pq.write_table(table.take(pa.array(order[part::parts], pa.int64())), home / f"{part}.parquet")
    return f"{home}/*.parquet"


@given(BATCHES, st.randoms(use_true_random=False))
@law(5)
def test_deliveries_that_come_again_change_no_cell(batch: list[logs.Example], chance: random.Random) -> None:
    tables = logs.tables(logs.batched(batch))
    again = {name: pa.concat_tables([table, table.filter(_some(table, chance))]) for name, table in tables.items()}
    one, other = (evaluated(each, logs.Settings(), logs.AS_OF) for each in (tables, again))
    assert cells(one) == cells(other)
    assert other.labels.repeated - one.labels.repeated == sum(
        sum(row["id"] is not None and _usable(name, row) for row in again[name].slice(len(table)).to_pylist())
        for name, table in tables.items()
    )


def _usable(name: str, row: dict[str, Any]) -> bool:
    if name == "predictions":
        known = row["received_at"] or row["timestamp"]
        return row["timestamp"] is not None and row["timestamp"] <= logs.AS_OF and known <= logs.AS_OF
    return (row["received_at"] or row["observed_at"] or logs.AS_OF) <= logs.AS_OF


def _some(table: pa.Table, chance: random.Random) -> pa.Array:
    return pa.array([chance.random() < 0.5 for _ in range(len(table))], pa.bool_())


@given(BATCHES, MOMENTS)
@law(5)
def test_what_came_after_the_moment_changes_no_cell(batch: list[logs.Example], as_of: datetime) -> None:
    """The schedule of runs does not matter: a run then saw what a run now sees as of then."""
    example = logs.batched(batch)
    then = logs.known_by(example, as_of)
    one, other = (evaluated(logs.tables(each), logs.Settings(), as_of) for each in (example, then))
    assert {key: sums for key, sums in cells(one).items() if key[0][0] != "slice"} == {
        key: sums for key, sums in cells(other).items() if key[0][0] != "slice"
    }
    assert logs.counted(one) == logs.counted(other)
    assert one.labels == other.labels


@given(st.lists(logs.own_examples(), min_size=1, max_size=30), MOMENTS)
@law(6)
def test_labels_in_the_predictions_rows_are_known_when_both_are(batch: list[logs.Example], as_of: datetime) -> None:
    example = logs.batched(batch)
    found = evaluate_log(logs.own_declaration(logs.own_table(example), example.settings), as_of)
    same_as_oracle(found, logs.question(logs.labels_of_rows(example, as_of), as_of), ("predictions", "labelled"))


@given(BATCHES, st.sampled_from(["1d", "1h"]), st.lists(st.integers(5, 50), min_size=1, max_size=2))
@law(5)
def test_the_ledger_tells_what_was_known_on_each_day(batch: list[logs.Example], window: str, days: list[int]) -> None:
    """`known_by` a day equals a run as of its end."""
    chosen = logs.Settings(window=window)
    example = logs.labels_in_time(logs.batched(batch, chosen))
    whole = evaluated(logs.tables(example), chosen, logs.AS_OF)
    day = Grain("d", 1, chosen.zone)
    last = day.number_of(logs.AS_OF)
    of_grain = np.array([day.number_of(whole.grain.start(n)) for n in range(whole.series.first, whole.series.last + 1)])
    for ago in days:
        then = evaluated(logs.tables(example), chosen, day.start(last - ago + 1) - timedelta(microseconds=1))
        known = replace(whole, series=whole.series.known_by(last - ago, of_grain))
        assert timeless(known) == timeless(then)


def timeless(found: Evaluation) -> Counter[oracle.Cell]:
    """Cells without what depends on the day one looks: lag, maturity, which versions and crossed values there are."""
    counts: Counter[oracle.Cell] = Counter()
    for (entry, value, _, grain, _, _, *rest), n in logs.counted(found).items():
        if entry not in ("carrier:example", "example"):
            counts[entry, value, grain, *rest] += n
    return Counter({key: n for key, n in counts.items() if n})


@given(BATCHES, logs.SETTINGS, st.sampled_from(["1h", "1d", "28d", "1mo"]), MOMENTS)
@law(8)
def test_looks_hold_what_was_known_when_they_closed(
    batch: list[logs.Example], chosen: logs.Settings, window: str, as_of: datetime
) -> None:
    chosen = replace(chosen, absent=None)
    example = logs.batched(batch, chosen)
    found, looks = looked(example, window, as_of)
    grain = looks.of.calendar.grain
    assert found == oracle.look_cells(
        logs.question(example, as_of), grain.number_of, lambda number: grain.start(number + 1)
    )


@given(BATCHES, st.sampled_from(["1d", "28d"]), st.integers(1, 40))
@law(5)
def test_a_look_is_the_same_whenever_one_looks(batch: list[logs.Example], window: str, days: int) -> None:
    """One run over all looks sees what a run at the close of each saw: so the verdict is a fold over the log."""
    example = logs.batched(batch)
    whole, _ = looked(example, window, logs.AS_OF)
    then, earlier = looked(example, window, logs.AS_OF - timedelta(days=days))
    closed = earlier.of.begin + earlier.of.looks
    assert then == Counter({key: n for key, n in whole.items() if key[0] < closed})


def looked(example: logs.Example, window: str, as_of: datetime) -> tuple[Counter[oracle.Cell], Seen]:
    """Rows by (look, group, predicted, actual), and the looks."""
    promise = {"metric": "accuracy", "at_least": 0.5, "window": window}
    spec = logs.declaration(logs.tables(example), example.settings, objectives=[promise])
    (seen,) = evaluate_log(spec, as_of).looks
    counts: Counter[oracle.Cell] = Counter()
    if seen.of.looks and seen.counts.pieces:
        cells_ = seen.counts.pieces["total",]
        for at in range(len(cells_)):
            grain, *rest = (int(cells_.keys[name][at]) for name in ("grain", "group", "predicted", "actual"))
            counts[seen.of.begin + grain, *rest] += int(cells_.rows[at])
    return Counter({key: n for key, n in counts.items() if n}), seen


# All engines --------------------------------------------------------------------------------------------------------


def many(most: int) -> list[logs.Example]:
    """Examples that Hypothesis makes, always the same ones."""
    found: list[logs.Example] = []

    @given(logs.examples())
    @settings(max_examples=most, derandomize=True, database=None, phases=[Phase.generate])
    def collect(example: logs.Example) -> None:
        found.append(example)

    collect()
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_all_engines_find_what_the_design_says(home: Home) -> None:
    example = logs.batched(many(300), logs.Settings(absent=False))
    sources = home.sources(**logs.tables(example))
    found = evaluated(sources, example.settings, logs.AS_OF)
    same_as_oracle(found, logs.question(example, logs.AS_OF))


def test_many_examples_are_in_a_batch() -> None:
    """What the engines are tried on has what it is meant to have."""
    counts = oracle.labels(logs.question(logs.batched(many(300)), logs.AS_OF))
    assert min(counts.values()) > 5, counts
