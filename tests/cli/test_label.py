"""`leadline label next` and `import`: rows to people and back, as spreadsheets leave them."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.conftest import HOLDS
from leadline.evaluation.run import evaluate_log
from leadline.spec import load
from leadline.stats.sampling import row_number

pytestmark = pytest.mark.usefixtures("unlabelled")
WINDOW = ("--window", "2024-01-01..2024-02-20")
COLUMNS = "{id: id, value: label, received_at: received_at, label_probability: label_probability}"
OUTCOMES = f"outcomes:\n  source: labels/imported-*.parquet\n  columns: {COLUMNS}\n"


@pytest.fixture
def unlabelled(log, monkeypatch):
    """The log without outcomes, in the current directory."""
    path = Path(log.declare())
    text = path.read_text()
    path.write_text(text[: text.index("outcomes:")] + text[text.index("slices:") :])
    monkeypatch.chdir(log.directory)
    return path


def rows_of(file="rows.csv", delimiter=","):
    with Path(file).open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text, delimiter=delimiter))


def fill(rows, label=None):
    """The rows with the labels that the log's own outcomes have, or one for all."""
    table = pq.read_table("outcomes.parquet")
    truth = dict(zip(table["id"].to_pylist(), table["late"].to_pylist(), strict=True))
    return [{**row, "label": label if label is not None else str(truth.get(row["id"], False)).lower()} for row in rows]


def write(rows, file="filled.csv", delimiter=",", encoding="utf-8"):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    Path(file).write_bytes(text.getvalue().encode(encoding))
    return file


def chosen(leadline, budget=150, out="rows.csv", *more):
    done = leadline("label", "next", "--budget", str(budget), "--out", out, *WINDOW, *more)
    assert done.code == 0, done.err
    return rows_of(out)


def labels():
    """All imported rows, in the order in which they were imported."""
    files = sorted(Path("labels").glob("imported-*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


# next ---------------------------------------------------------------------------------------------------------------


def test_next_writes_rows_for_people(leadline):
    rows = chosen(leadline, 150, "rows.csv", "--assign", "alice, bob", "--due", "2024-03-01")
    assert list(rows[0]) == ["id", "at", "score", "carrier", "label_probability", "assigned_to", "due", "label"]
    assert 110 < len(rows) < 190
    assert {row["label"] for row in rows} == {""}
    assert {row["due"] for row in rows} == {"2024-03-01"}
    assert [row["assigned_to"] for row in rows[:3]] == ["alice", "bob", "alice"]
    assert len({row["id"] for row in rows}) == len(rows)


def test_rows_are_chosen_by_their_number_and_come_in_a_random_order(leadline):
    rows = chosen(leadline)
    places = [row_number(row["id"]) / 2**32 / float(row["label_probability"]) for row in rows]
    assert max(places) < 1
    assert places == sorted(places)
    assert [row["at"] for row in rows] != sorted(row["at"] for row in rows)


def test_the_choice_is_logged(leadline):
    rows = chosen(leadline)
    (file,) = Path("labels").glob("chosen-*.parquet")
    logged = {row["id"]: row for row in pq.read_table(file).to_pylist()}
    assert {row["id"]: float(row["label_probability"]) for row in rows} == {
        key: row["label_probability"] for key, row in logged.items()
    }
    one = logged[rows[0]["id"]]
    assert "budget 150" in one["policy"]
    assert (one["seed"], str(one["window_start"].date())) == (0, "2024-01-01")


def test_a_second_run_chooses_the_same_rows_and_logs_nothing_new(leadline):
    first, second = chosen(leadline), chosen(leadline, 150, "again.csv")
    assert first == second
    assert len(list(Path("labels").glob("chosen-*"))) == 1


def test_a_larger_budget_chooses_these_and_more(leadline):
    few, more = chosen(leadline, 100), chosen(leadline, 300, "more.csv")
    chances = {row["id"]: float(row["label_probability"]) for row in more}
    assert {row["id"] for row in few} < set(chances)
    assert all(chances[row["id"]] >= float(row["label_probability"]) for row in few)


def test_probabilities_are_those_with_which_rows_come(leadline):
    """Over many seeds a row is chosen as often as is said."""
    count, total = dict.fromkeys(range(600), 0), dict.fromkeys(range(600), 0.0)
    for seed in range(8):
        for row in chosen_of_seed(leadline, seed):
            count[int(row["id"][1:])] += 1
            total[int(row["id"][1:])] = float(row["label_probability"])
    often = [key for key, chance in total.items() if chance > 0.2]
    expected = 8 * sum(total[key] for key in often)
    assert sum(count[key] for key in often) == pytest.approx(expected, rel=0.15)


def chosen_of_seed(leadline, seed):
    for file in Path("labels").glob("chosen-*"):
        file.unlink()
    return chosen(leadline, 150, f"seed{seed}.csv", "--seed", str(seed))


def test_floors_reach_slices(leadline):
    rows = chosen(leadline, 150, "rows.csv", "--floor", "40")
    for carrier in {row["carrier"] for row in rows}:
        assert sum(row["carrier"] == carrier for row in rows) > 25


def test_slices_that_cannot_be_judged_with_these_labels_are_named(leadline, unlabelled):
    text = unlabelled.read_text()
    said = []
    for slices, out in (("[]", "a.csv"), ("[carrier]", "b.csv")):
        objectives = f"objectives: [{{metric: recall, at_least: 0.5, window: 28d, slices: {slices}}}]\n"
        unlabelled.write_text(
            text[: text.index("objectives:")] + objectives if "objectives:" in text else text + objectives
        )
        said.append(" ".join(leadline("label", "next", "--budget", "20", "--out", out, *WINDOW).out.split()))
    told = "judged for a slice from 100 labels in its window on. This choice alone asks for fewer of carrier="
    assert [told in each for each in said] == [False, True]


def test_last_is_the_latest_window_that_is_over(leadline):
    done = leadline("label", "next", "--budget", "5", "--out", "rows.parquet")
    assert done.code == 0
    assert "of 12 from 2024-02-19 up to 2024-02-20 (UTC)" in " ".join(done.out.split())
    assert "label_probability" in pq.read_table("rows.parquet").column_names


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--budget", "0"], "ask for 1 label at least"),
        (["--budget", "601"], "more than there are predictions"),
        (["--budget", "10", "--window", "yesterday"], "write LAST, or START..END"),
        (["--budget", "10", "--window", "2024-02-02..2024-02-01"], "ends before it begins"),
        (["--budget", "10", "--window", "2020-01-01..2020-02-01"], "there are no predictions from"),
        (["--budget", "10", "--due", "Friday"], "write a day"),
        (["--budget", "10", "--floor", "-1"], "write 0 or more"),
        (["--budget", "10", "--out", "rows.xlsx"], ".csv or .parquet"),
        (["--budget", "10", "--out", "predictions.parquet"], "is there already"),
        (["--budget", "10", "--out", "no/where.csv"], "there is no directory"),
    ],
)
def test_what_next_refuses(leadline, arguments, told):
    usual = {"--out": "rows.csv", "--window": WINDOW[1]}
    asked = [each for name, value in usual.items() if name not in arguments for each in (name, value)]
    done = leadline("label", "next", *asked, *arguments)
    assert done.code == 2
    assert told in done.err
    assert not Path("labels").exists()


def test_another_seed_is_refused(leadline):
    chosen(leadline)
    done = leadline("label", "next", "--budget", "9", "--out", "x.csv", "--seed", "1")
    assert done.code == 2
    assert "--seed 0" in done.err


# import -------------------------------------------------------------------------------------------------------------


def test_labels_come_back_and_are_evaluated(leadline, unlabelled):
    rows = chosen(leadline, 400)
    done = leadline("label", "import", write(fill(rows)))
    assert done.code == 0
    assert f"Took {len(rows)} labels: {len(rows)} new." in done.out
    yaml = done.out[done.out.index("outcomes:") :].replace("\n\n", "\n")
    assert "source: labels/imported-*.parquet" in yaml
    unlabelled.write_text(f"{unlabelled.read_text()}{yaml}objectives:\n{HOLDS}")
    checked = leadline("check", "--format", "csv", "--metrics", "accuracy")
    assert checked.code == 0, checked.out
    assert "few_labels" in checked.out
    rows = [row for row in csv.DictReader(io.StringIO(checked.out)) if row["value"] and row["metric"] == "accuracy"]
    assert {row["status"] for row in rows} == {"few_labels"}


def declare_labels(path):
    path.write_text(path.read_text() + OUTCOMES + "window: 28d\n")


@pytest.mark.parametrize(
    ("delimiter", "encoding", "comma"),
    [(",", "utf-8", False), (";", "utf-8-sig", True), ("\t", "utf-16", True), (";", "cp1252", True)],
)
def test_what_spreadsheets_make_of_it_is_read(leadline, delimiter, encoding, comma):
    rows = fill(chosen(leadline))
    for row in rows:
        row["carrier"] = "Zürich"
        row["label"] = row["label"].upper()
        if comma:
            row["label_probability"] = f"{float(row['label_probability']):.4g}".replace(".", ",")
    rows.append(dict.fromkeys(rows[0], ""))  # an empty line at the end
    done = leadline("label", "import", write(rows, delimiter=delimiter, encoding=encoding))
    assert done.code == 0, done.err
    assert len(labels()) == len(rows) - 1


def test_parquet_comes_back_too(leadline):
    leadline("label", "next", "--budget", "100", "--out", "rows.parquet", *WINDOW)
    table = pq.read_table("rows.parquet")
    filled = table.set_column(
        table.column_names.index("label"), "label", pa.array([row % 2 == 0 for row in range(table.num_rows)])
    )
    pq.write_table(filled, "filled.parquet")
    assert leadline("label", "import", "filled.parquet").code == 0
    assert len(labels()) == table.num_rows


def test_a_half_filled_file_is_taken_with_what_is_filled(leadline):
    rows = fill(chosen(leadline))
    half = [row if place % 2 else {**row, "label": "  "} for place, row in enumerate(rows)]
    done = leadline("label", "import", write(half))
    assert "not filled in yet" in done.out
    assert len(labels()) == len(rows) // 2
    again = leadline("label", "import", write(rows))
    assert f"{len(rows) - len(rows) // 2} new, {len(rows) // 2} known already" in " ".join(again.out.split())


def test_importing_twice_changes_nothing(leadline):
    file = write(fill(chosen(leadline)))
    leadline("label", "import", file)
    before = labels()
    done = leadline("label", "import", file)
    assert done.code == 0
    assert labels() == before
    assert "0 new" in done.out


def test_a_label_that_differs_is_a_correction(leadline, unlabelled):
    rows = fill(chosen(leadline, 200), label="0")
    leadline("label", "import", write(rows))
    rows[0]["label"] = "1"
    done = leadline("label", "import", write(rows))
    assert "1 corrected" in done.out
    assert labels()[-1]["id"] == rows[0]["id"]
    declare_labels(unlabelled)
    table = pa.concat_tables([pq.read_table(file) for file in sorted(Path("labels").glob("imported-*"))])
    found = evaluate_log(load(unlabelled))
    assert found.labels.labelled == len(rows)
    assert found.labels.repeated == table.num_rows - len(rows) - 1  # the correction is no repetition
    assert found.series.labels().sum(0).tolist() == [len(rows) - 1, 1]


def test_nothing_filled_in_is_no_error(leadline):
    done = leadline("label", "import", write(chosen(leadline)))
    assert done.code == 0
    assert "No labels are filled in yet." in done.out
    assert labels() == []


def test_labelled_rows_are_not_asked_for_again(leadline, unlabelled):
    rows = chosen(leadline, 200)
    leadline("label", "import", write(fill(rows[:50])))
    declare_labels(unlabelled)
    rest = chosen(leadline, 200, "rest.csv")
    assert [row["id"] for row in rest] == [row["id"] for row in rows[50:]]
    leadline("label", "import", write(fill(rest)))
    done = leadline("label", "next", "--budget", "200", "--out", "none.csv", *WINDOW)
    assert done.code == 2
    assert "none waits for a label: a larger --budget" in done.err


def test_the_outcomes_may_be_declared_before_there_are_any(leadline, unlabelled):
    declare_labels(unlabelled)
    rows = chosen(leadline, 200)
    assert leadline("label", "import", write(fill(rows))).code == 0
    assert leadline("check", "--quiet").code in (0, 4)


def test_a_second_round_raises_the_probability_of_labels_that_are_there(leadline, unlabelled):
    """A row of the first round was in either round with the larger of both probabilities."""
    first = chosen(leadline, 100)
    leadline("label", "import", write(fill(first)))
    declare_labels(unlabelled)
    more = chosen(leadline, 300, "more.csv")
    assert not {row["id"] for row in first} & {row["id"] for row in more}
    done = leadline("label", "import", write(fill(more)))
    assert done.code == 0
    latest = {row["id"]: row["label_probability"] for row in labels()}
    whole = {}
    for file in Path("labels").glob("chosen-*.parquet"):
        for row in pq.read_table(file).to_pylist():
            whole[row["id"]] = max(row["label_probability"], whole.get(row["id"], 0))
    assert latest == {key: whole[key] for key in latest}
    assert len(latest) == len(first) + len(more)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"label_probability": "0.9999"}, "but the row was chosen with"),
        ({"label_probability": "many"}, "is no number"),
        ({"label": "maybe"}, "the label 'maybe' is none of 1, 0, true, false, yes and no"),
    ],
)
def test_what_import_refuses_in_a_row(leadline, change, told):
    rows = fill(chosen(leadline))
    rows[3] |= change
    done = leadline("label", "import", write(rows))
    assert done.code == 2
    assert told in done.err
    assert "line 5" in done.err
    assert labels() == []


def test_two_labels_for_one_row_are_refused(leadline):
    rows = fill(chosen(leadline), label="1")
    done = leadline("label", "import", write([*rows, {**rows[0], "label": "0"}]))
    assert done.code == 2
    assert "has two labels" in done.err


def test_an_unknown_id_is_named_and_the_others_are_taken(leadline):
    rows = fill(chosen(leadline))
    rows[0]["id"] = "1,2E+05"
    done = leadline("label", "import", write(rows))
    assert done.code == 0
    assert "1 id was never chosen for labelling: 1,2E+05" in done.out
    assert len(labels()) == len(rows) - 1


def test_the_file_of_another_declaration_is_refused(leadline):
    rows = [{**row, "id": f"x{row['id']}"} for row in fill(chosen(leadline))]
    done = leadline("label", "import", write(rows))
    assert done.code == 2
    assert "of another declaration" in done.err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"id;value\n1;2\n", "has no column 'label'"),
        (b"label\n1\n", "has no column 'id'"),
        (b'id,label\np1,1,2,"x\n', "more values than columns"),
    ],
)
def test_files_that_are_none(leadline, content, told):
    chosen(leadline)
    Path("odd.csv").write_bytes(content)
    done = leadline("label", "import", "odd.csv")
    assert done.code == 2
    assert told in done.err


@pytest.mark.parametrize(("name", "told"), [("none.csv", "no such file"), ("rows.xlsx", "save it as CSV")])
def test_files_that_cannot_be_read(leadline, name, told):
    chosen(leadline)
    if name.endswith("xlsx"):
        Path(name).write_bytes(b"PK")
    done = leadline("label", "import", name)
    assert done.code == 2
    assert told in done.err


def test_labels_of_rows_that_were_never_chosen_are_refused(leadline):
    """Their probability is not known, so that they say nothing of the others."""
    Path("labels.csv").write_text("id,label\np1,1\n")
    done = leadline("label", "import", "labels.csv")
    assert done.code == 2
    assert "whose probability is not known" in done.err


def test_ids_that_a_spreadsheet_took_for_numbers(leadline):
    table = pq.read_table("predictions.parquet")
    ids = pa.array([f"{row:05d}" for row in range(table.num_rows)])
    pq.write_table(table.set_column(0, "id", ids), "predictions.parquet")
    rows = [{**row, "label": "1"} for row in chosen(leadline)]
    done = leadline("label", "import", write([{**row, "id": str(float(row["id"]))} for row in rows]))
    assert done.code == 0, done.err
    assert {row["id"] for row in labels()} == {row["id"] for row in rows}


def test_labels_go_where_the_declared_outcomes_are(leadline, unlabelled):
    """Where these are a glob of Parquet files with a label_probability: with its names and types."""
    first = chosen(leadline, 200)
    Path("truth").mkdir()
    there = pa.table(
        {"key": [first[0]["id"]], "late": [True], "p": [float(first[0]["label_probability"])]},
        schema=pa.schema({"key": pa.string(), "late": pa.bool_(), "p": pa.float64()}),
    )
    pq.write_table(there, "truth/day-1.parquet")
    columns = "{id: key, value: late, label_probability: p}"
    unlabelled.write_text(
        unlabelled.read_text() + f"outcomes:\n  source: truth/day-*.parquet\n  columns: {columns}\nwindow: 28d\n"
    )
    done = leadline("label", "import", write(fill(first[1:])))
    assert done.code == 0, done.err
    assert "Add this" not in done.out
    (file,) = Path("truth").glob("day-imported-*.parquet")
    assert pq.read_schema(file) == there.schema
    assert pq.read_table("truth/day-1.parquet") == there
    told = leadline("check", "--format", "csv", "--metrics", "positive_rate")
    assert told.code in (0, 4), told.err
    assert "few_labels" in told.out


@pytest.mark.parametrize(
    ("task", "positive", "written", "stored"),
    [
        ("binary", None, "Yes", 1),
        ("binary", "true", "1", True),
        ("binary", "late", "LATE", "late"),
        ("binary", "late", "on time", "on time"),
        ("multiclass", None, "cat", "cat"),
        ("regression", None, "1,5", 1.5),
    ],
)
def test_labels_of_each_task(leadline, unlabelled, task, positive, written, stored):
    text = unlabelled.read_text().replace("task: binary", f"task: {task}")
    predicted = {"binary": "score: score", "multiclass": "prediction: carrier", "regression": "prediction: score"}
    text = text.replace("score: score", predicted[task])
    unlabelled.write_text(text + (f"positive: {positive}\n" if positive else ""))
    rows = fill(chosen(leadline), label=written)
    done = leadline("label", "import", write(rows, delimiter=";"))
    assert done.code == 0, done.err
    assert {row["label"] for row in labels()} == {stored}


def test_words_that_are_drawn_at_random_never_crash(leadline):
    """What people may write: an error is a sentence, never a bug."""
    rows = fill(chosen(leadline))
    chance = random.Random(3)
    for words in (["=1+1", "#N/A", "1e400"], ["nan", "-inf", '"'], ["\x00", "💥", "0x1"]):
        rows[0]["label"] = chance.choice(words)
        rows[1]["label_probability"] = chance.choice([*words, ""])
        rows[2]["id"] = chance.choice(words)
        done = leadline("label", "import", write(rows))
        assert done.code in (0, 2), done.err
        assert "something went wrong" not in done.err
