"""Why a metric changed, from a log to findings: planted causes are named in words, quiet logs say nothing."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

import leadline
from evaluation.small import spec
from leadline.evaluation.causes import KINDS
from leadline.metrics import build
from leadline.values import ALL_ROWS, Finding

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, FITTED, WINDOW = 84, 56, 28


def log(rng: np.random.Generator, rows: np.ndarray, rates: np.ndarray, names: list[str], **columns: Any) -> pa.Table:
    """Negatives, of which a share is predicted positive; rows and shares of shape (days, countries)."""
    parts = []
    for day in range(len(rows)):
        for place, name in enumerate(names):
            n = int(rows[day, place])
            start = np.datetime64(MONDAY.replace(tzinfo=None), "us") + np.timedelta64(day, "D")
            minutes = rng.integers(0, 1440, n) * np.timedelta64(60_000_000, "us")
            parts.append((start + minutes, rng.random(n) < rates[day, place], np.full(n, name)))
    at, said, country = (np.concatenate(each) for each in zip(*parts, strict=True))
    return pa.table(
        {
            "id": np.arange(len(at)),
            "timestamp": pa.array(at, pa.timestamp("us", "UTC")),
            "prediction": said,
            "label": np.zeros(len(at), bool),
            "country": country,
        }
        | {name: values(rng, at, country) for name, values in columns.items()}
    )


def checked(table: pa.Table, **declared: Any) -> leadline.Result:
    promise = {"metric": "false_positive_rate", "at_most": 0.2, "window": f"{WINDOW}d"}
    parts = {
        "metrics": ["false_positive_rate"],
        "reference": {"until": (MONDAY + timedelta(days=FITTED)).date().isoformat()},
        "slices": ["country"],
        "objectives": [promise],
        "features": [],
        "find_slices": False,
        "check_columns": False,
        "find_faults": False,
    } | declared
    return leadline.check(spec(table, **parts))


def causes(result: leadline.Result) -> list[Finding]:
    """What was found of why a metric changed; faults of the data have tests of their own."""
    return [each for each in result.findings if each.kind in KINDS]


def german(n: int = 4000, seed: int = 0) -> pa.Table:
    """METHODS 6: .110 → .1075, for the German slice went .20 → .35 while its share fell from 10 % to 3 %."""
    share = np.where(np.arange(DAYS) < FITTED, 0.10, 0.03)
    rows = np.stack([n * (1 - share), n * share], axis=1).round()
    rates = np.stack([np.full(DAYS, 0.10), np.where(np.arange(DAYS) < FITTED, 0.20, 0.35)], axis=1)
    return log(np.random.default_rng(seed), rows, rates, ["FR", "DE"])


def test_found_slices_are_split_too() -> None:
    """Of each, and of all other rows: what was found is served worse, and comes less often."""
    result = checked(german(), find_slices=True, slices=[], features=["country"])
    assert "slice" in {each.kind for each in result.findings}
    (told,) = result.content.mix_rates
    assert (told.by, told.found) == ("country = DE", True)
    assert told.rate + told.mix == pytest.approx(told.after - told.before, abs=1e-12)
    assert [str(term.slice) for term in told.terms] == ["country = DE=true", "country = DE=false"]
    assert told.mix == pytest.approx(-0.0122, abs=0.002)
    (declared,) = checked(german()).content.mix_rates
    assert (told.rate, told.mix) == (pytest.approx(declared.rate), pytest.approx(declared.mix))


@pytest.fixture(scope="module")
def loop() -> leadline.Result:
    return checked(german())


def test_a_negative_feedback_loop_is_found_and_told_in_words(loop: leadline.Result) -> None:
    first = causes(loop)[0]
    assert first.kind == "feedback_loop"
    assert str(first.slice) == "country=DE"
    assert first.what.startswith("false_positive_rate improves from 0.1")
    assert "because rows of country=DE, served worse and ever worse (0." in first.what
    assert "are leaving (10.0 % to 3.0 % of all rows)" in first.what
    assert "At the reference's mix it would be 0.12" in first.what
    assert first.since == MONDAY + timedelta(days=FITTED)
    assert first.columns == ("country",)
    assert first.effect is not None
    assert first.effect.low is not None
    assert first.effect.low < first.effect.value < 0
    assert [each.value for each in first.evidence] == [pytest.approx(0.2, abs=0.01), pytest.approx(0.35, abs=0.02)]
    # what the loop says already is not said again
    assert not [each for each in causes(loop) if each.slice == first.slice and each is not first]


def test_the_split_adds_up_and_is_the_methods_own(loop: leadline.Result) -> None:
    (split,) = loop.content.mix_rates
    assert split.rate + split.mix == pytest.approx(split.after - split.before, abs=1e-12)
    assert sum(term.rate + term.mix for term in split.terms) == pytest.approx(split.after - split.before, abs=1e-12)
    assert split.rate_low < 0.00975 < split.rate_high
    assert split.mix_low < -0.01225 < split.mix_high
    assert split.frozen_mix_low < 0.125 < split.frozen_mix_high
    assert split.noise < 0.2
    assert "At the reference's mix it would be 0.12" in _printed(loop)


def test_a_slice_that_leaves_and_is_served_as_before_is_mix_alone() -> None:
    share = np.where(np.arange(DAYS) < FITTED, 0.4, 0.1)
    rows = np.stack([1000 * (1 - share), 1000 * share], axis=1).round()
    found = _found(log(np.random.default_rng(1), rows, np.full((DAYS, 2), [0.1, 0.3]), ["FR", "DE"]))
    assert {each.kind for each in found} == {"mix"}
    assert "comes less often (4" in found[0].what or "comes more often (6" in found[0].what
    assert found[0].effect is not None
    assert found[0].effect.value < -0.02


def test_one_slice_that_is_served_worse_is_named_and_the_others_are_not() -> None:
    worse = np.where(np.arange(DAYS)[:, None] < FITTED, [0.1, 0.1, 0.1], [0.1, 0.3, 0.1])
    found = _found(log(np.random.default_rng(2), np.full((DAYS, 3), 200), worse, ["FR", "DE", "IT"]))
    assert [(each.kind, str(each.slice)) for each in found] == [("rate", "country=DE")]
    assert found[0].effect is not None
    assert found[0].effect.low is not None
    assert found[0].effect.high is not None
    assert found[0].effect.low < 0.2 / 3 < found[0].effect.high
    assert found[0].since == MONDAY + timedelta(days=FITTED)


def test_what_happens_to_all_slices_alike_names_none_of_them() -> None:
    worse = np.where(np.arange(DAYS)[:, None] < FITTED, 0.1, 0.2) * np.ones(3)
    assert _found(log(np.random.default_rng(3), np.full((DAYS, 3), 300), worse, ["FR", "DE", "IT"])) == []


def test_a_share_that_changes_without_effect_is_told_as_that() -> None:
    share = np.where(np.arange(DAYS) < FITTED, 0.1, 0.3)
    rows = np.stack([600 * (1 - share), 600 * share], axis=1).round()
    found = _found(log(np.random.default_rng(4), rows, np.full((DAYS, 2), 0.1), ["FR", "DE"]))
    assert [each.kind for each in found] == ["share"]
    assert found[0].what == "country=DE went from 10.0 % to 30.0 % of all rows. Since about 2024-02-26."
    assert found[0].effect is not None
    assert found[0].effect.value == pytest.approx(0.2)


def test_the_data_or_the_world() -> None:
    """Scores that mean what they meant, of other rows; and the same rows, with other labels."""
    rng = np.random.default_rng(5)
    for harder, meant, kind in ((True, 0.0, "data_changed"), (False, 0.8, "world_changed")):
        day = np.repeat(np.arange(DAYS), 300)
        late = day >= FITTED
        # of harder rows the score says that it does not know
        score = np.where(rng.random(len(day)) < 0.2 + 0.6 * (late & harder), 0.45 + 0.1 * rng.random(len(day)), 0.0)
        score = np.where(score == 0, np.where(rng.random(len(day)) < 0.5, 0.05, 0.95), score)
        chance = 1 / (1 + np.exp(-(np.log(score / (1 - score)) - meant * 3 * late)))
        table = pa.table(
            {
                "id": np.arange(len(day)),
                "timestamp": pa.array(
                    np.datetime64("2024-01-01", "us") + day * np.timedelta64(86_400_000_000, "us"),
                    pa.timestamp("us", "UTC"),
                ),
                "score": score,
                "label": rng.random(len(day)) < chance,
            }
        )
        promise = {"metric": "accuracy", "at_least": 0.5, "window": f"{WINDOW}d"}
        result = checked(table, metrics=["accuracy"], slices=[], objectives=[promise])
        assert [each.kind for each in causes(result)] == [kind]
        (told,) = result.content.changes
        parts = {"data_changed": told.by_inputs, "world_changed": told.by_labels}
        assert parts.pop(kind) == pytest.approx(told.value - told.reference_value, abs=0.02)
        assert abs(next(iter(parts.values()))) < 0.02
        assert causes(result)[0].slice == ALL_ROWS


def test_rows_that_were_never_seen() -> None:
    rng = np.random.default_rng(6)
    day = np.repeat(np.arange(DAYS), 300)
    new = (day >= FITTED) & (rng.random(len(day)) < 0.3)
    score = np.where(new, 0.97, rng.choice([0.1, 0.6], len(day)))
    table = pa.table(
        {
            "id": np.arange(len(day)),
            "timestamp": pa.array(
                np.datetime64("2024-01-01", "us") + day * np.timedelta64(86_400_000_000, "us"),
                pa.timestamp("us", "UTC"),
            ),
            "score": score,
            "label": rng.random(len(day)) < np.where(new, 0.5, score),
        }
    )
    promise = {"metric": "precision", "at_least": 0.5, "window": f"{WINDOW}d"}
    result = checked(table, metrics=["precision"], slices=[], objectives=[promise])
    assert [each.kind for each in causes(result)] == ["never_seen"]
    (told,) = result.content.changes
    assert told.unseen_share == pytest.approx(0.3, abs=0.02)
    assert told.by_unseen is not None
    assert told.by_unseen < -0.03
    printed = _printed(result)
    assert "never seen before" in printed
    assert "(29.5 % of the rows)" in printed


@pytest.mark.parametrize("runs", [12, pytest.param(300, marks=pytest.mark.slow)])
def test_of_quiet_logs_at_most_one_in_twenty_names_a_driver(runs: int) -> None:
    """Days differ in volume, mix and rates; nothing else happens."""
    named = 0
    for seed in range(runs):
        rng = np.random.default_rng([7, seed])
        mix = rng.dirichlet(np.full(6, 2.0)) * np.exp(0.1 * rng.normal(size=(DAYS, 6)))
        rows = rng.poisson(400 * mix / mix.sum(axis=1, keepdims=True))
        rates = np.clip(rng.uniform(0.05, 0.3, 6) * np.exp(0.1 * rng.normal(size=(DAYS, 1))), 0, 0.9) * np.ones(
            (DAYS, 6)
        )
        region = {"region": lambda _, __, country: np.where(np.isin(country, ["A", "B"]), "north", "south")}
        table = log(rng, rows, rates, list("ABCDEF"), **region)
        named += bool(_found(table, slices=["country", "region"], metrics=["false_positive_rate", "accuracy"]))
    assert named <= max(1, runs * 0.05)  # 7 of 300


def test_nothing_is_compared_without_a_reference_or_without_labels_in() -> None:
    table = german(200)
    young = leadline.check(
        spec(
            table,
            slices=["country"],
            matures_after="200d",
            reference={"until": "2024-02-26"},
            check_columns=False,
            find_faults=False,
        )
    )
    assert (causes(young), young.content.mix_rates) == ([], [])
    assert causes(checked(table.slice(0, 0))) == []
    assert checked(table, reference={"until": "2023-01-01"}).content.mix_rates == []


def test_metrics_that_are_no_ratios_are_not_split() -> None:
    result = checked(german(300), metrics=["mcc", "false_positive_rate"])
    assert {each.metric for each in result.content.mix_rates} == {"false_positive_rate"}
    assert build("mcc", "binary").as_ratio(np.zeros(18)) is None


def test_a_loss_is_split_too_and_so_is_its_root() -> None:
    rng = np.random.default_rng(8)
    day = np.repeat(np.arange(DAYS), 300)
    far = rng.random(len(day)) < np.where(day < FITTED, 0.2, 0.5)
    table = pa.table(
        {
            "id": np.arange(len(day)),
            "timestamp": pa.array(
                np.datetime64("2024-01-01", "us") + day * np.timedelta64(86_400_000_000, "us"),
                pa.timestamp("us", "UTC"),
            ),
            "prediction": np.full(len(day), 10.0),
            "label": 10.0 + rng.normal(0, np.where(far, 4.0, 1.0)),
            "far": far,
        }
    )
    promise = {"metric": "mae", "at_most": 5, "window": f"{WINDOW}d"}
    names = ["mae", "rmse", "wape"]
    result = checked(table, task="regression", metrics=names, slices=["far"], objectives=[promise])
    assert [each.metric for each in result.content.mix_rates] == names
    for each in result.content.mix_rates:
        assert each.rate + each.mix == pytest.approx(each.after - each.before, abs=1e-12)
        assert abs(each.rate) < 3 * (each.rate_high - each.rate)
        assert each.mix_low > 0
    assert {each.kind for each in causes(result)} == {"mix"}


def test_of_a_regression_no_scores_are_spoken_of() -> None:
    rng = np.random.default_rng(8)
    day = np.repeat(np.arange(DAYS), 100)
    at = np.datetime64("2024-01-01", "us") + day * np.timedelta64(86_400_000_000, "us")
    prediction = rng.choice([5.0, 10.0], len(day))
    table = pa.table(
        {
            "id": np.arange(len(day)),
            "timestamp": pa.array(at, pa.timestamp("us", "UTC")),
            "prediction": prediction,
            "label": prediction + rng.normal(0, np.where(day < FITTED, 1.0, 4.0)),
        }
    )
    promise = {"metric": "mae", "at_most": 5, "window": f"{WINDOW}d"}
    found = _found(table, task="regression", metrics=["mae"], objectives=[promise])
    (changed,) = (each for each in found if each.kind == "world_changed")
    assert changed.what.startswith("Rows of the same kind come out differently")


def _found(table: pa.Table, **declared: Any) -> list[Finding]:
    return causes(checked(table, **declared))


def _printed(result: leadline.Result) -> str:
    told = io.StringIO()
    Console(file=told, width=100).print(result)
    return " ".join(told.getvalue().split())
