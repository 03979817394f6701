"""`leadline compare` from end to end."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.conftest import HOLDS, HOSTILE

PERIODS = ("--periods", "2024-01-01..2024-01-20", "2024-01-20..2024-02-10")


def test_it_compares_and_exits_with_0(leadline, log):
    done = leadline("compare", log.declare(HOLDS), *PERIODS)
    assert (done.code, done.err) == (0, "")
    assert "What changed?" in done.out
    assert "\x1b" not in done.out


def test_json_is_as_documented_and_csv_has_a_line_for_each_difference(leadline, log):
    keys = documented()
    found = json.loads(leadline("compare", log.declare(HOLDS), *PERIODS, "--format", "json").out)
    assert found.keys() == keys["compare"]
    assert all(side.keys() == keys["sides"] for side in found["sides"])
    assert found["differences"]
    assert all(each.keys() == keys["differences"] for each in found["differences"])
    table = leadline("compare", log.declare(HOLDS), *PERIODS, "--format", "csv").out
    assert len(list(csv.DictReader(io.StringIO(table)))) == len(found["differences"])


def documented() -> dict[str, set[str]]:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "compare.md").read_text()
    parts = {part.partition("\n")[0]: part for part in page.split("\n## ")[1:]}
    return {name: set(re.findall(r"^\| `(\w+)`", part, re.MULTILINE)) for name, part in parts.items()}


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> tuple[str, str]:
    """Training, and production with a column in another unit, one that drifted, one less and a row of its own."""
    r, rows = np.random.default_rng(1), 2000
    place = tmp_path_factory.mktemp("tables")
    training = {
        "id": [f"r{at}" for at in range(rows)],
        "km": r.gamma(3, 2, rows),
        "age": r.normal(40, 10, rows),
        "shop": r.choice(["Bern", "Graz", HOSTILE], rows),
        "late": r.random(rows) < 0.2,
    }
    served = {**training, "km": training["km"] * 1000, "age": training["age"] + 8, "id": [*training["id"][1:], "new"]}
    served = {name: values for name, values in served.items() if name != "late"}
    served = {name: values if name == "id" else [*values[1:], values[0]] for name, values in served.items()}
    paths = str(place / "train.parquet"), str(place / "served.parquet")
    for path, table in zip(paths, (training, served), strict=True):
        pq.write_table(pa.table(table), path)
    return paths


def test_two_tables_are_compared_without_a_declaration(leadline, tables):
    done = leadline("compare", *tables, "--id", "id")
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    told = " ".join(done.out.split())
    for part in (
        "In production there is no late.",
        "km: all values × 1000",
        "What drifted? column distance by chance most in training production age 0.",
        "1,999 rows with the same id in both (2,000 in production, 2,000 in training).",
        "km: all 1,999 rows differ; all of them because the unit is another one: × 1000.",
    ):
        assert part in told, told


def test_two_tables_as_json_are_as_documented(leadline, tables):
    keys = documented()
    found = json.loads(leadline("compare", *tables, "--id", "id", "-f", "json").out)
    assert found.keys() == keys["tables"]
    assert [each["kind"] for each in found["faults"]] == ["unit_change"]
    assert [each["column"] for each in found["drifted"]] == ["age"]
    assert all(each.keys() == keys["faults"] for each in found["faults"])
    assert all(each.keys() == keys["drifted"] for each in found["drifted"])
    assert found["rows"].keys() == keys["rows"]
    assert all(each.keys() == keys["columns of rows"] for each in found["rows"]["columns"])
    assert (found["rows"]["only_training"], found["rows"]["only_production"]) == (1, 1)
    first = next(each for each in found["rows"]["columns"] if each["column"] == "km")
    assert all(one["production"] == pytest.approx(1000 * one["training"]) for one in first["examples"])
    assert json.loads(leadline("compare", *tables, "-f", "json").out)["rows"] is None


def test_a_pipeline_may_ask_for_an_exit_code(leadline, tables):
    assert leadline("compare", *tables, "--exit-code").code == 1
    assert leadline("compare", *tables, "--columns", "age,shop", "--exit-code").code == 0  # drift is no fault
    assert leadline("compare", *tables, "--columns", "shop", "--id", "id", "--exit-code").code == 0
    assert leadline("compare", *tables, "--columns", "age", "--id", "id", "--exit-code").code == 1


@pytest.fixture
def pair(tmp_path, tables):
    """Write training, and production with one column changed; their paths."""

    def written(name: str, values: list | None, rows: int | None = None) -> tuple[str, str]:
        given = pq.read_table(tables[0])
        changed = given if values is None else given.set_column(given.column_names.index(name), name, [values])
        paths = str(tmp_path / "given.parquet"), str(tmp_path / "changed.parquet")
        pq.write_table(given, paths[0])
        pq.write_table(changed.slice(0, rows), paths[1])
        return paths

    return written


def test_numbers_as_text_do_not_agree_and_their_cause_is_told(leadline, pair, tables):
    given = pq.read_table(tables[0])["km"].to_pylist()
    paths = pair("km", [f"{each:.6f}" for each in given])
    done = leadline("compare", *paths, "--id", "id", "--exit-code")
    told = " ".join(done.out.split())
    assert done.code == 1
    assert "km: numbers written as text; before numbers." in told
    assert "km: the same numbers as text; text in production, numbers in training." in told
    rows = json.loads(leadline("compare", *paths, "--id", "id", "-f", "json").out)["rows"]
    km = next(each for each in rows["columns"] if each["column"] == "km")
    assert (km["different"], km["types"]) == (0, {"training": "numbers", "production": "text"})


def test_rows_without_an_id_and_few_rows_do_not_agree(leadline, pair):
    paths = pair("id", [None if at % 2 else f"r{at}" for at in range(2000)])
    done = leadline("compare", *paths, "--id", "id", "--exit-code")
    assert (done.code, "Without id in production, and not compared: 1,000 rows." in done.out) == (1, True)
    document = json.loads(leadline("compare", *paths, "--id", "id", "-f", "json").out)
    assert (document["agrees"], document["rows"]["without_id_production"]) == (False, 1000)
    assert leadline("compare", paths[0], paths[0], "--id", "id", "--exit-code").code == 0
    paths = pair("id", None, 1)
    done = leadline("compare", *paths, "--id", "id", "--exit-code")
    told = " ".join(done.out.split())
    assert done.code == 1
    assert "1 row of production is too few" in told
    assert "none drifted" not in told
    assert json.loads(leadline("compare", *paths, "-f", "json").out)["too_few_rows"] is not None


def test_lists_are_compared_by_id_and_without_one_it_is_said_that_they_are_not(leadline, tmp_path):
    paths = str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")
    table = {"id": list(range(50)), "vector": [[float(at), 1.0] for at in range(50)]}
    meta = [{"a": at} for at in range(50)]
    for path in paths:
        pq.write_table(pa.table(table), path)
    assert leadline("compare", *paths, "--id", "id", "--exit-code").code == 0
    done = leadline("compare", *paths, "--exit-code")
    assert (done.code, "Not compared: the values of vector (lists)" in done.out) == (1, True)
    assert leadline("compare", *paths, "--columns", "id", "--exit-code").code == 0
    document = json.loads(leadline("compare", *paths, "-f", "json").out)
    assert document["not_compared"] == [{"column": "vector", "type": "lists"}]
    for path in paths:
        pq.write_table(pa.table({**table, "meta": meta}), path)
    document = json.loads(leadline("compare", *paths, "--id", "id", "-f", "json").out)
    assert document["agrees"] is False
    assert document["not_compared"] == document["rows"]["not_compared"] == [{"column": "meta", "type": "structs"}]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("T",), "is one table: name the other too"),
        (("T", "nothing.parquet"), "no such file"),
        (("T", "P", "P"), "put a glob in quotes"),
        (("T", "P", "--id", "late"), "production has no column 'late'"),
        (("T", "P", "--columns", "late"), "production has no column 'late'"),
        (("T", "P", "--columns", ","), "--columns names none"),
        (("T", "P", "--by", "version", "a", "b"), "--by is for one declaration"),
        (("T", "P", "--as-of", "now"), "--as-of is for one declaration"),
        (("T", "P", "--order", "km"), "--order needs --id"),
        (("T", "P", "--id", "id", "--entity", "shop"), "entity needs order"),
        (("T", "P", "--id", "id", "--absolute", "-1"), "not negative"),
        (("T", "P", "--format", "csv"), "there is text and json"),
        (("leadline.yaml", "P"), "is a declaration"),
        (("leadline.yaml", "--exit-code"), "--exit-code is for two tables"),
    ],
)
def test_tables_that_cannot_be_compared_exit_with_2(leadline, tables, asked, says):
    named = {"T": tables[0], "P": tables[1]}
    done = leadline("compare", *(named.get(each, each) for each in asked))
    assert (done.code, done.out, says in done.err) == (2, "", True), done.err


def test_what_cannot_be_used_exits_with_2(leadline, log):
    path = log.declare(HOLDS)
    for asked, says in (
        ((), "say what to compare"),
        (("--by", "carrier", "B6", "DL"), "only versions are compared so"),
        (("--by", "version", "v1", "v2"), "by a column of their own"),
        (("--periods", "yesterday", "today"), "write START..END"),
    ):
        done = leadline("compare", path, *asked)
        assert (done.code, says in done.err) == (2, True), done.err
