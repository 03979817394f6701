"""A table of production beside that of training: what differs is called by its name, the rest is left alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import leadline
from leadline.values import InputError

N = 4000


def made(seed: int, rows: int = N) -> dict[str, np.ndarray]:
    r = np.random.default_rng(seed)
    return {
        "distance": r.gamma(3, 2, rows),
        "height": r.normal(170, 10, rows),
        "degrees": r.normal(15, 8, rows),
        "year": r.integers(2005, 2020, rows),
        "carrier": r.choice(["AA", "B6", "UA"], rows, p=[0.5, 0.3, 0.2]),
        "note": np.array([f"gate {each} of the terminal" for each in r.integers(0, 10**6, rows)]),
    }


def compare(training, production, **asked):
    return leadline.discrepancy(pa.table(training), pa.table(production), **asked)


@pytest.mark.parametrize("seed", range(5))
def test_rows_of_one_source_differ_in_nothing(seed):
    found = compare(made(seed), made(seed + 100, N // 3))
    assert found.agrees, str(found)
    assert (found.training_rows, found.production_rows) == (N, N // 3)


def test_a_table_agrees_with_itself():
    assert compare(made(1), made(1)).agrees


CHANGES = {
    "unit_change": ("distance", lambda x: x * 1000),
    "sign_flip": ("distance", lambda x: -x),
    "null_jump": ("height", lambda x: pa.array([None if at % 3 else v for at, v in enumerate(x.tolist())])),
    "sentinel": ("height", lambda x: np.where(np.arange(len(x)) % 9 == 0, -999.0, x)),
    "frozen": ("degrees", lambda x: np.full(len(x), 15.0)),
    "new_category": ("carrier", lambda x: np.where(np.arange(len(x)) % 20 == 0, "ZZ", x)),
    "vanished_category": ("carrier", lambda x: np.where(x == "UA", "AA", x)),
    "truncated_text": ("note", lambda x: np.array([each[:9] for each in x])),
    "type_change": ("height", lambda x: np.array([f"{each:.0f} cm" for each in x])),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_what_differs_is_called_by_its_name(kind):
    name, change = CHANGES[kind]
    production = made(7)
    found = compare(made(1), {**production, name: change(production[name])})
    assert [(each.kind, each.columns) for each in found.faults] == [(kind, (name,))]
    assert found.faults[0].next in str(found)


def test_degrees_and_columns_that_changed_places():
    production = made(8)
    production["degrees"] = production["degrees"] * 1.8 + 32
    production["distance"], production["height"] = production["height"], production["distance"]
    found = {each.kind: each for each in compare(made(1), production).faults}
    assert "Celsius to Fahrenheit" in found["unit_change"].what
    assert set(found["swapped_columns"].columns) == {"distance", "height"}


def test_columns_of_one_table_are_named(tmp_path):
    training, production = made(1), made(2)
    del production["note"]
    pq.write_table(pa.table(training), tmp_path / "train.parquet")
    pq.write_table(pa.table({**production, "score": production["height"]}), tmp_path / "production.parquet")
    found = leadline.discrepancy(str(tmp_path / "train.parquet"), str(tmp_path / "production.parquet"))
    assert (found.missing, found.further) == (("note",), ("score",))
    assert "In production there is no note." in str(found)


@pytest.mark.parametrize(
    ("production", "asked", "words"),
    [
        ({"x": [1.0]}, {}, "no column in common"),
        (made(1, 0), {}, "production has no rows"),
        (made(1), {"columns": ["y"]}, "training has no column 'y'"),
    ],
)
def test_what_cannot_be_compared_is_said(production, asked, words):
    with pytest.raises(InputError, match=words):
        compare(made(1), production, **asked)
