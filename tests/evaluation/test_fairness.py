"""Sensitive groups beside the others: figures against a loop over rows, findings of planted gaps, none without one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import leadline
from evaluation.small import spec
from leadline.values import InputError, Parity

FIGURES = ["positive_rate", "predicted_positive_rate", "recall", "false_positive_rate", "precision", "accuracy"]


def log(
    seed: int = 0, days: int = 28, a_day: int = 300, gap: float = 0.0, wave: float = 0.0, base: float = 0.0
) -> pa.Table:
    """Of women `gap` fewer of those who would repay are granted; `wave` moves all on a day, `base` their labels."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), a_day)
    sex = rng.choice(["f", "m", "x"], len(day), p=[0.45, 0.5, 0.05])
    good = rng.random(len(day)) < 0.5 - base * (sex == "f")
    lift = wave * rng.normal(size=days)[day]
    chance = 1 / (1 + np.exp(-(np.where(good, 1.4, -1.4) + lift))) - gap * ((sex == "f") & good)
    granted = rng.random(len(day)) < chance
    start = np.datetime64("2024-01-01", "us")
    return pa.table(
        {
            "id": np.arange(len(day)),
            "timestamp": pa.array(start + day * np.timedelta64(86_400_000_000, "us"), pa.timestamp("us", "UTC")),
            "prediction": granted,
            "score": np.clip(chance, 0, 1),
            "label": good,
            "sex": sex,
        }
    )


def checked(table: pa.Table, **declared: Any) -> leadline.Result:
    parts = {"metrics": ["accuracy"], "features": [], "slices": [{"column": "sex", "sensitive": True}]}
    parts |= {"find_slices": False, "check_columns": False} | declared
    return leadline.check(spec(table, **parts))


def by_group(result: leadline.Result) -> dict[tuple[str, str], Parity]:
    return {(str(each.slice), each.metric): each for each in result.content.parities}


def figure(name: str, said: np.ndarray, label: np.ndarray) -> float:
    return {
        "positive_rate": label.mean(),
        "predicted_positive_rate": said.mean(),
        "recall": said[label].mean(),
        "false_positive_rate": said[~label].mean(),
        "precision": label[said].mean(),
        "accuracy": (said == label).mean(),
    }[name]


@pytest.mark.parametrize("against", [None, "m"])
def test_figures_are_those_of_the_rows(against: str | None) -> None:
    table = log(gap=0.2)
    said, label, sex = (np.array(table[name].to_pylist()) for name in ("prediction", "label", "sex"))
    found = by_group(checked(table, slices=[{"column": "sex", "sensitive": True, "against": against}]))
    groups = ["f", "x"] if against else ["f", "m", "x"]
    assert {where for where, _ in found} == {f"sex={group}" for group in groups}
    for group in groups:
        mine, others = sex == group, (sex == against) if against else (sex != group)
        for name in FIGURES:
            each = found[f"sex={group}", name]
            own, other = (figure(name, said[rows], label[rows]) for rows in (mine, others))
            assert (each.value.value, each.other) == (pytest.approx(own), pytest.approx(other))
            assert (each.gap, each.ratio) == (pytest.approx(own - other), pytest.approx(own / other))
            assert str(each.against) == (f"sex={against}" if against else "None")
    score = np.array(table["score"].to_pylist())
    mine = sex == "f"
    each = found["sex=f", "calibration_ratio"]
    assert each.value.value == pytest.approx(label[mine].sum() / score[mine].sum(), rel=1e-6)


def test_a_group_beyond_four_fifths_is_a_finding() -> None:
    result = checked(log(gap=0.4))
    first = next(each for each in result.findings if each.kind == "parity")
    assert first.what.startswith("recall of sex=f is 0.")
    assert (
        "times that of the others; the share of their labels that are positive is 1.0" in first.what
        or "0.9" in first.what
    )
    assert str(first.slice) in {"sex=f", "sex=m"}
    assert first.effect is not None
    assert first.effect.value == pytest.approx(-0.4, abs=0.05)
    assert {each.kind for each in result.findings} == {"parity"}


def test_base_rates_alone_are_no_finding_of_themselves() -> None:
    found = by_group(checked(log(base=0.25)))
    each = found["sex=f", "positive_rate"]
    assert each.ratio is not None
    assert each.ratio < 0.7
    kinds = [each.effect.metric for each in checked(log(base=0.25)).findings if each.kind == "parity" and each.effect]
    assert "positive_rate" not in kinds


@pytest.mark.parametrize("runs", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_of_groups_that_are_alike_none_is_found_and_intervals_cover(runs: int) -> None:
    named, covered = 0, []
    for seed in range(runs):
        result = checked(log(seed, days=14, a_day=150, wave=0.5))
        named += any(each.kind == "parity" for each in result.findings)
        ends = [(each.gap_low, each.gap_high) for each in result.content.parities if str(each.slice) == "sex=f"]
        covered += [low <= 0 <= high for low, high in ends if low is not None and high is not None]
    assert named == 0
    # the six figures of a log are not independent: as if they were two
    assert np.mean(covered) >= 0.95 - 3 * (0.05 * 0.95 / (2 * runs)) ** 0.5


def test_groups_with_few_rows_are_left_out_and_so_is_what_has_no_label() -> None:
    few = log(a_day=3)
    assert "sex=x" not in {where for where, _ in by_group(checked(few))}
    unlabelled = few.drop_columns(["label"])
    names = {name for _, name in by_group(checked(unlabelled, metrics=["predicted_positive_rate"]))}
    assert names == {"predicted_positive_rate"}
    assert checked(log().slice(0, 0)).content.parities == []
    assert checked(log(), slices=["sex"]).content.parities == []


def test_a_condition_is_compared_with_the_other_rows() -> None:
    found = by_group(checked(log(gap=0.2), slices=[{"name": "women", "where": "sex = 'f'", "sensitive": True}]))
    assert {where for where, _ in found} == {"women=True"}


def test_regressions_and_several_classes_have_figures_of_their_own() -> None:
    rng = np.random.default_rng(1)
    table = log()
    numbers = {"prediction": pa.array(np.full(len(table), 5.0)), "label": pa.array(5 + rng.normal(0, 1, len(table)))}
    table = table.drop_columns(["prediction", "label", "score"])
    for name, values in numbers.items():
        table = table.append_column(name, values)
    found = by_group(checked(table, task="regression", metrics=["mae", "bias"]))
    assert {name for _, name in found} == {"mae", "bias"}
    assert found["sex=f", "bias"].ratio is None


def test_a_group_that_is_not_there_is_said_and_against_needs_sensitive() -> None:
    result = checked(log(), slices=[{"column": "sex", "sensitive": True, "against": "z"}])
    (note,) = [each for each in result.notes if each.code == "group_not_in_reference"]
    assert note.text == "The reference has no sex=z: its groups are compared with all others."
    with pytest.raises(InputError, match="against goes with sensitive: true"):
        checked(log(), slices=[{"column": "sex", "against": "m"}])
