"""A promise at the reference's mix: it sees what a change of mix hides, and is judged by its interval."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

import leadline
from evaluation.small import spec
from evaluation.test_causes import DAYS, FITTED, MONDAY, german, log
from leadline.spec import from_mapping
from leadline.spec.openslo import to_openslo
from leadline.values import InputError

UNTIL = (MONDAY + timedelta(days=FITTED)).date().isoformat()
PROMISE = {"metric": "false_positive_rate", "at_most": 0.115, "window": "28d", "frozen_mix": "country"}


def checked(table: Any, *objectives: dict[str, Any], **declared: Any) -> leadline.Result:
    parts = {"metrics": [], "reference": {"until": UNTIL}, "slices": ["country"], "features": []} | declared
    return leadline.check(spec(table, objectives=list(objectives), **parts))


@pytest.fixture(scope="module")
def both() -> leadline.Result:
    plain = {key: value for key, value in PROMISE.items() if key != "frozen_mix"}
    return checked(german(), plain, PROMISE)


def test_what_the_mix_hides_is_seen(both: leadline.Result) -> None:
    plain, frozen = both.objectives
    assert (plain["metric"], plain["status"]) == ("false_positive_rate", "holds")
    assert (frozen["metric"], frozen["status"]) == ("false_positive_rate(frozen_mix=country)", "breached")
    assert frozen["value"] == pytest.approx(0.125, abs=0.004)
    assert frozen["low"] < 0.125 < frozen["high"]
    assert frozen["rule"] == "interval"
    # since enough of the window's days are later ones
    assert MONDAY + timedelta(days=FITTED) < datetime.fromisoformat(frozen["since"]) < MONDAY + timedelta(days=DAYS)


def test_it_stands_beside_the_metric_in_every_window(both: leadline.Result) -> None:
    names = {each["metric"] for each in both.estimates if each["slice"] is None}
    assert names == {"false_positive_rate", "false_positive_rate(frozen_mix=country)"}
    frozen = [each for each in both.estimates if "frozen" in each["metric"]]
    assert len(frozen) == DAYS + 1
    assert all(each["slice"] is None for each in frozen)


def test_no_worse_than_the_reference_at_its_own_mix() -> None:
    relative = {**PROMISE, "no_worse_than": "reference", "by": 0.005}
    del relative["at_most"]
    (said,) = checked(german(), relative).objectives
    assert said["status"] == "breached"
    assert said["target"]["at_most"] == pytest.approx(0.11 + 0.005, abs=0.003)


def test_users_widen_it_too() -> None:
    rng = np.random.default_rng(0)
    user = {"entity": lambda rng, at, _: rng.integers(0, 50, len(at)).astype(str)}
    table = log(rng, np.full((DAYS, 2), 60), np.full((DAYS, 2), [0.1, 0.3]), ["FR", "DE"], **user)
    (said,) = checked(table, {**PROMISE, "at_most": 0.3}).objectives
    assert said["status"] == "holds"
    assert said["value"] == pytest.approx(0.2, abs=0.03)


def test_where_it_cannot_be_told_it_is_undefined() -> None:
    table = german(200)
    early = {"reference": {"until": "2023-01-01"}}
    (said,) = checked(table, PROMISE, **early).objectives
    assert (said["status"], said["why"]) == ("undefined", "no rows before 2023-01-01, where the reference ends")
    gone = table.drop_columns(["country"])
    (said,) = checked(gone, PROMISE).objectives
    assert said["why"] == "the slice 'country' is left out"
    (said,) = checked(table, PROMISE, matures_after="60d").objectives
    assert "labels are due on" in said["why"]


@pytest.mark.parametrize(
    ("promise", "says"),
    [
        ({"frozen_mix": "contry"}, "'contry' is not a declared slice; did you mean 'country'?"),
        ({"rule": "detector"}, "with frozen_mix the rule is `interval`"),
        ({"slices": ["country"]}, "frozen_mix is for all rows"),
        ({"look": "7d"}, "look is for the rule `detector`"),
    ],
)
def test_what_does_not_go_together_is_refused(promise, says) -> None:
    with pytest.raises(InputError, match=says):
        checked(german(50), PROMISE | promise)


def test_a_guessed_reference_and_a_metric_that_is_no_ratio_are_refused() -> None:
    with pytest.raises(InputError, match="no reference is declared, and a guessed one would move the promise"):
        checked(german(50), PROMISE, reference=None)
    with pytest.raises(
        InputError, match=r"objectives\[0\]: mcc cannot be told at a frozen mix: it is no ratio of sums"
    ):
        checked(german(50), PROMISE | {"metric": "mcc", "at_most": 0.5})


def test_it_is_written_and_read_back(tmp_path) -> None:
    of = spec(german(50), slices=["country"], reference={"until": UNTIL}, objectives=[PROMISE], metrics=[])
    dumped = of.objectives[0].model_dump(mode="json", exclude_defaults=True)
    assert dumped["frozen_mix"] == "country"
    (tmp_path / "slo.yaml").write_text(to_openslo(of))
    assert "at the reference's mix of country" in (tmp_path / "slo.yaml").read_text()
    declared = of.model_dump(mode="json", exclude={"predictions", "outcomes", "objectives"}) | {
        "predictions": {"source": "p.parquet", "columns": {"id": "id", "timestamp": "at", "prediction": "p"}},
        "outcomes": {"source": "o.parquet", "columns": {"value": "label"}},
        "objectives": {"openslo": str(tmp_path / "slo.yaml")},
    }
    (tmp_path / "leadline.yaml").write_text(json.dumps(declared))
    assert leadline.load(tmp_path / "leadline.yaml").objectives == of.objectives
    assert from_mapping({**declared, "objectives": [dumped]}).objectives == of.objectives
