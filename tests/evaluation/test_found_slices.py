"""Slices that are found: what is planted is told with figures that brute force has, too."""

from __future__ import annotations

import io
import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

import leadline
from evaluation.small import spec
from leadline.evaluation import slice_search
from leadline.values import ALL_ROWS, Finding, Status

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, A_DAY = 60, 150
#: no other findings
ALONE = {"check_columns": False, "find_faults": False}


def planted(
    days: int = DAYS,
    a_day: int = A_DAY,
    *,
    since: int = 0,
    seed: int = 1,
    harm: float = 0.35,
    version: int | None = None,
    labelled_until: int | None = None,
) -> pa.Table:
    """Rows of a binary model with labels: 15 % are wrong, and of `country = O'X` with basket >= 50 more.

    since           the day from which on they are wrong more often
    version         the day from which on the version is v2
    labelled_until  the day from which on there are no labels
    """
    chance = random.Random(seed)
    rows = []
    for number in range(days * a_day):
        day = number // a_day
        country = chance.choice(["DE", "FR", "O'X", None])
        basket = chance.randint(1, 80)
        bad = country == "O'X" and basket >= 50 and day >= since
        score = chance.random()
        predicted = score >= 0.5
        wrong = chance.random() < (0.15 + harm if bad else 0.15)
        rows.append(
            {
                "id": f"row {number}",
                "timestamp": START + timedelta(days=day, minutes=number % a_day),
                "score": score,
                "country": country,
                "basket size": float(basket),
                "noise": chance.choice(["a", "b", "c"]),
                "label": None if labelled_until is not None and day >= labelled_until else predicted != wrong,
                **({} if version is None else {"version": "v2" if day >= version else "v1"}),
            }
        )
    return pa.Table.from_pylist(rows)


def found(table: Any, **declared: Any) -> tuple[Finding, ...]:
    declared = {"matures_after": "1d", "reference": {"until": "2024-01-15"}} | ALONE | declared
    every = leadline.check(spec(table, **declared)).findings
    return tuple(each for each in every if each.kind == "slice")


def in_slice(row: dict[str, Any]) -> bool:
    return row["country"] == "O'X" and row["basket size"] is not None and row["basket size"] >= 50


def of_window(table: pa.Table, finding: Finding) -> list[dict[str, Any]]:
    window = finding.window
    return [row for row in table.to_pylist() if window.start <= row["timestamp"] < window.end]


def wrong(row: dict[str, Any]) -> bool:
    return (row["score"] >= 0.5) != row["label"]


def test_a_planted_slice_is_found_with_the_figures_of_brute_force() -> None:
    table = planted()
    (finding,) = found(table)
    assert finding.kind == "slice"
    assert finding.columns == ("country", "basket size")
    low = float(str(dict(finding.slice.parts)["basket size"])[1:].split(",")[0])
    assert 45 <= low <= 65  # 50; of many ranges the best is a little narrow
    assert finding.where == f"country = 'O''X' AND \"basket size\" >= {low:g}"
    rows = [row for row in of_window(table, finding) if row["label"] is not None]
    mine = [row for row in rows if row["country"] == "O'X" and row["basket size"] >= low]
    rest = [row for row in rows if row not in mine]
    assert finding.rows == len(mine)
    estimate, whole = finding.evidence
    assert estimate.value == pytest.approx(1 - sum(map(wrong, mine)) / len(mine))
    assert whole.value == pytest.approx(1 - sum(map(wrong, rows)) / len(rows))
    assert (estimate.slice, whole.slice, estimate.n) == (finding.slice, ALL_ROWS, len(mine))
    of_rest = 1 - sum(map(wrong, rest)) / len(rest)
    assert finding.effect is not None
    assert finding.effect.value == pytest.approx(whole.value - of_rest)
    assert finding.effect.low < finding.effect.value < finding.effect.high < 0  # type: ignore[operator]  # they are there
    excess = sum(map(wrong, mine)) - len(mine) * (1 - of_rest)
    assert f"{sum(map(wrong, mine))} of {len(mine)} wrong" in finding.what
    assert f"{excess:.0f} errors fewer ({100 * excess / sum(map(wrong, rows)):.0f} % of all)" in finding.what
    by_id = {row["id"]: row for row in mine}
    assert len(finding.examples) == 5
    assert all(wrong(by_id[example]) for example in finding.examples)


def test_what_is_found_can_be_declared_and_is_the_same_rows() -> None:
    table = planted()
    (finding,) = found(table)
    result = leadline.check(
        spec(
            table,
            matures_after="1d",
            reference={"until": "2024-01-15"},
            slices=[{"name": "found", "where": finding.where}],
            objectives=[{"metric": "accuracy", "at_least": 0.5, "window": "28d", "slices": ["found"]}],
        )
    )
    (judged,) = [each for each in result.objectives if each["slice"] == {"found": True}]
    assert judged["value"] == finding.evidence[0].value
    assert (judged["low"], judged["high"]) == (finding.evidence[0].low, finding.evidence[0].high)


def test_an_objective_says_whose_errors_count() -> None:
    """Positives that are missed in one country: recall finds them, and says so in its words."""
    chance = random.Random(4)
    rows = []
    for number in range(9_000):
        country, label = chance.choice(["DE", "FR", "NO"]), chance.random() < 0.4
        seen = label and not (country == "NO" and chance.random() < 0.6)
        score = 0.5 + chance.random() / 2 if seen else chance.random() / 2
        at = START + timedelta(minutes=9 * number)
        rows.append({"id": number, "timestamp": at, "score": score, "country": country, "label": label})
    table = pa.Table.from_pylist(rows)
    objective = {"metric": "recall", "at_least": 0.5, "window": "28d"}
    (finding,) = found(table, objectives=[objective, {**objective, "metric": "false_negative_rate"}])
    assert finding.where == "country = 'NO'"
    assert "actual positives missed" in finding.what
    assert "misses fewer (100 % of all)" in finding.what
    assert finding.effect is not None
    assert finding.effect.metric == "recall"


def test_a_slice_that_is_worse_by_two_metrics_is_told_once() -> None:
    objectives = [{"metric": metric, "at_least": 0.5, "window": "28d"} for metric in ("accuracy", "recall")]
    table = planted(harm=0.45)
    (finding,) = found(table, metrics=["accuracy", "recall"], objectives=objectives)
    assert finding.where is not None
    assert [each.metric for each in finding.evidence[::2]] in (["accuracy", "recall"], ["recall", "accuracy"])
    low = float(str(dict(finding.slice.parts)["basket size"])[1:].split(",")[0])
    mine = [row for row in of_window(table, finding) if row["country"] == "O'X" and row["basket size"] >= low]
    positives = [row for row in mine if row["label"]]
    for rows, what in ((mine, "wrong"), (positives, "actual positives missed")):
        assert f"{sum(map(wrong, rows))} of {len(rows)} {what}" in finding.what
    assert finding.what.count(" Also ") == 1


def test_since_when_and_with_which_version() -> None:
    (finding,) = found(planted(days=110, since=70, version=70))
    assert finding.since is not None
    assert abs((finding.since - START).days - 70) <= 4
    assert f"New since {finding.since:%Y-%m-%d}, with version v2." in finding.what
    (always,) = found(planted())
    assert always.since is None
    assert "It was so before, too." in always.what


def test_more_so_since_some_day() -> None:
    before, after = planted(days=60, harm=0.2), planted(days=60, harm=0.7, seed=2)
    shift = [
        row | {"id": f"later {row['id']}", "timestamp": row["timestamp"] + timedelta(days=60)}
        for row in after.to_pylist()
    ]
    (finding,) = found(pa.Table.from_pylist([*before.to_pylist(), *shift]))
    assert finding.since is not None
    assert abs(finding.since - (START + timedelta(days=60))) <= timedelta(days=2)
    assert f"It was worse before, too, and is more so since {finding.since:%Y-%m-%d}." in finding.what


def test_nothing_is_found_where_nothing_is_planted() -> None:
    count = sum(len(found(planted(harm=0.0, seed=seed))) > 0 for seed in range(8))
    assert count <= 1


def test_it_can_be_switched_off() -> None:
    assert found(planted(), find_slices=False) == ()


@pytest.mark.parametrize("missing", ["labels", "features", "rows", "both classes of errors"])
def test_nothing_is_found_where_there_is_nothing_to_look_at(missing: str) -> None:
    table = planted()
    if missing == "labels":
        assert leadline.check(spec(table.drop_columns(["label"]), metrics=["predicted_positive_rate"])).findings == ()
    elif missing == "features":
        assert found(table.drop_columns(["country", "basket size", "noise"])) == ()
    elif missing == "rows":
        assert found(table.slice(0, 300)) == ()
        assert found(table.slice(0, 0)) == ()
    else:
        right = pa.array([row["score"] >= 0.5 for row in table.to_pylist()])
        assert found(table.set_column(table.column_names.index("label"), "label", right)) == ()


def test_a_label_a_score_or_an_id_is_no_feature() -> None:
    """Each of them tells which rows are wrong."""
    table = planted(harm=0.0)
    rows = table.to_pylist()
    wrong_ids = [f"{'wrong' if wrong(row) else 'right'} {number}" for number, row in enumerate(rows)]
    table = table.set_column(0, "id", pa.array(wrong_ids))
    when = pa.array([row["timestamp"] + timedelta(hours=1 if wrong(row) else 9) for row in rows])
    table = table.append_column("observed_at", when)
    told = table.append_column("weight", pa.array([1.0 if wrong(row) else 1.5 for row in rows]))
    assert found(told) == ()
    named = ["country", "basket size", "label", "score", "id", "weight", "observed_at"]
    assert found(told, features=named) == ()


def test_a_declared_slice_counts_as_a_feature_and_so_does_the_version() -> None:
    table = planted()
    (finding,) = found(
        table, features=["noise"], slices=["country", {"name": "b", "bin": {"column": "basket size", "width": 10}}]
    )
    assert finding.columns == ("country", "basket size")
    rows = planted(harm=0.0, version=40).to_pylist()
    for row in rows[::4]:
        if row["version"] == "v2":
            row["label"] = row["score"] < 0.5
    objective = {"metric": "accuracy", "at_least": 0.5, "window": "40d"}
    (broken,) = found(pa.Table.from_pylist(rows), objectives=[objective])
    assert broken.where == "version = 'v2'"


def test_the_order_of_rows_does_not_matter() -> None:
    table = planted()
    order = np.random.default_rng(0).permutation(len(table))
    assert found(table.take(pa.array(order))) == found(table)


def test_of_many_rows_some_are_looked_at_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    table = planted(harm=0.5)
    (whole,) = found(table)
    monkeypatch.setattr(slice_search, "MOST_ROWS", 2_500)
    (finding,) = found(table)
    assert finding.columns == whole.columns
    rows = of_window(table, finding)
    low = float(str(dict(finding.slice.parts)["basket size"])[1:].split(",")[0])
    assert finding.rows == sum(row["country"] == "O'X" and row["basket size"] >= low for row in rows)


def test_weights_count() -> None:
    """The rows of the slice that are wrong weigh next to nothing: by weight it is as good as the others."""
    table = planted(harm=0.5)
    light = [0.001 if in_slice(row) and wrong(row) else 1.0 for row in table.to_pylist()]
    assert found(table.append_column("weight", pa.array(light))) == ()
    even = table.append_column("weight", pa.array([2.5] * len(table)))
    (weighed,), (plain,) = found(even), found(table)
    assert weighed.slice == plain.slice
    assert weighed.evidence[0].value == pytest.approx(plain.evidence[0].value)
    (errors, rows) = (int(each) for each in re.findall(r": (\d+) of (\d+) wrong", plain.what)[0])
    assert f": {2.5 * errors:,.0f} of {2.5 * rows:,.0f} (by weight) wrong" in weighed.what
    giant = [1e9 if number == 5_000 else 1.0 for number in range(len(table))]
    assert len(found(table.append_column("weight", pa.array(giant)))) <= 1


def test_rows_of_an_entity_are_all_in_one_half() -> None:
    """A few users whose rows are all wrong are no slice: the other half has none of them."""
    chance = random.Random(9)
    rows = planted(harm=0.0).to_pylist()
    for row in rows:
        user = chance.randrange(60)
        row["entity"] = f"user {user}"
        row["noise"] = f"group {user % 20}"
        if user == 7:
            row["label"] = row["score"] < 0.5
    table = pa.Table.from_pylist(rows)
    assert [each.where for each in found(table.drop_columns(["entity"]))] == ["noise = 'group 7'"]
    assert found(table) == ()


def test_labels_that_are_a_sample_stand_for_all_rows() -> None:
    chance = random.Random(3)
    rows = planted(days=80, harm=0.5).to_pylist()
    labels = []
    for row in rows:
        probability = 0.9 if row["noise"] == "a" else 0.4
        if chance.random() < probability:
            labels.append({"id": row["id"], "label": row["label"], "label_probability": probability})
        del row["label"]
    declared = spec(pa.Table.from_pylist(rows), pa.Table.from_pylist(labels), matures_after="1d")
    outcomes = declared.outcomes
    assert outcomes is not None
    columns = outcomes.columns.model_copy(update={"label_probability": "label_probability"})
    sampled = declared.model_copy(update={"outcomes": outcomes.model_copy(update={"columns": columns})})
    (finding,) = leadline.check(sampled).findings
    assert finding.columns == ("country", "basket size")
    assert finding.evidence[0].value == pytest.approx(0.35, abs=0.08)


def test_without_labels_the_scores_say_what_to_expect() -> None:
    """Scores of one country say little: of its rows more are expected to be wrong."""
    chance = random.Random(5)
    rows = []
    for number in range(12_000):
        day, country = number // 200, chance.choice(["DE", "FR", "NO", "SE"])
        score = chance.choice([0.4, 0.6]) if country == "NO" else chance.choice([0.1, 0.9])
        label = chance.random() < score if day < 25 else None
        at = START + timedelta(days=day, minutes=number % 200)
        rows.append({"id": number, "timestamp": at, "score": score, "country": country, "label": label})
    (finding,) = found(pa.Table.from_pylist(rows), reference={"until": "2024-01-22"})
    assert finding.where == "country = 'NO'"
    assert "by their scores" in finding.what
    assert "Labels are not in" in finding.what
    estimate = finding.evidence[0]
    assert (estimate.status, estimate.labelled, estimate.estimator) == (Status.ESTIMATED, 0, "cbpe")
    assert estimate.value == pytest.approx(0.6, abs=0.04)
    assert finding.window.end == START + timedelta(days=60)


def amounts() -> list[dict[str, Any]]:
    """45 days of a regression that is four times as far off for large ones of kind b."""
    chance = random.Random(6)
    rows = []
    for number in range(8_000):
        kind, size = chance.choice(["a", "b", "c"]), chance.uniform(0, 10)
        spread = 4.0 if kind == "b" and size >= 7 else 1.0
        at = START + timedelta(minutes=8 * number)
        rows.append(
            {
                "id": number,
                "timestamp": at,
                "prediction": 50.0,
                "kind": kind,
                "size": size,
                "label": 50 + chance.gauss(0, spread),
            }
        )
    return rows


def test_losses_of_a_regression() -> None:
    table = pa.Table.from_pylist(amounts())
    for metric in ("mae", "rmse", "wape", "r2"):
        objective = [{"metric": metric, "at_least" if metric == "r2" else "at_most": 0.5, "window": "28d"}]
        (finding,) = found(table, task="regression", metrics=[metric], objectives=objective)
        assert finding.columns == ("kind", "size")
        assert finding.effect is not None
        assert finding.effect.value > 0
        assert finding.effect.metric == ("mae" if metric == "r2" else metric)
        assert "without the difference it would be" in finding.what
        window = of_window(table, finding)
        low = float(str(dict(finding.slice.parts)["size"])[1:].split(",")[0])
        mine = [row for row in window if row["kind"] == "b" and row["size"] >= low]
        assert finding.rows == len(mine)
        if metric == "mae":
            assert finding.evidence[0].value == pytest.approx(np.mean([abs(row["label"] - 50) for row in mine]))


@pytest.mark.parametrize(("place", "findings"), [(100, 1), (7_000, 0)])
def test_an_error_too_large_for_its_square_is_all_that_its_day_tells(place: int, findings: int) -> None:
    rows = amounts()
    rows[place]["label"] = 1e200
    objective = [{"metric": "mae", "at_most": 0.5, "window": "28d"}]
    told = found(pa.Table.from_pylist(rows), task="regression", metrics=["mae"], objectives=objective)
    assert len(told) == findings
    assert all("new since" not in each.what.lower() and np.isfinite(each.effect.value) for each in told if each.effect)


def test_classes_of_several() -> None:
    chance = random.Random(7)
    rows = []
    for number in range(8_000):
        label, shop = chance.choice(["cat", "dog", "owl"]), chance.choice(["x", "y", "z"])
        bad = shop == "y" and label == "owl"
        predicted = "cat" if bad and chance.random() < 0.7 else label
        at = START + timedelta(minutes=8 * number)
        rows.append({"id": number, "timestamp": at, "prediction": predicted, "shop": shop, "label": label})
    table = pa.Table.from_pylist(rows)
    (finding,) = found(table, task="multiclass")
    assert finding.where == "shop = 'y'"
    recall = [{"metric": "recall(class=owl)", "at_least": 0.5, "window": "28d"}]
    (owls,) = found(table, task="multiclass", objectives=recall)
    assert owls.where == "shop = 'y'"
    assert owls.effect is not None
    assert owls.effect.metric == "recall(class=owl)"


def test_the_document_has_what_is_found() -> None:
    result = leadline.check(spec(planted(), matures_after="1d", reference={"until": "2024-01-15"}))
    (finding,) = result.findings
    (told,) = result._document["findings"]
    assert told["what"] == finding.what
    assert told["where"] == finding.where
    assert told["slice"] == finding.slice.as_dict()
    assert told["effect"]["metric"] == "accuracy"
    assert [each["metric"] for each in told["evidence"]] == ["accuracy", "accuracy"]
    assert finding.what in result.to_html().replace("&#x27;", "'").replace("&gt;", ">")


def test_that_none_was_found_is_said_where_slices_stand() -> None:
    said = "Among all combinations of 3 features, 4,200 rows of 2024-02-01 to 2024-02-28: no slice is clearly worse"
    quiet, with_slice = (
        leadline.check(spec(planted(harm=harm), matures_after="1d", reference={"until": "2024-01-15"}))
        for harm in (0.0, 0.4)
    )
    assert [note.code for note in quiet.notes].count("no_slice_found") == 1
    printed = io.StringIO()
    Console(file=printed, width=200).print(quiet)
    text = " ".join(printed.getvalue().split())
    assert text.count(said) == quiet.to_html().count(said) == 1
    assert text.index("For whom is it not?") < text.index(said) < text.index("What do these figures rest on?")
    assert "no_slice_found" not in [note.code for note in with_slice.notes]
