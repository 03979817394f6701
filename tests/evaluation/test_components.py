"""Runs of a pipeline through the real path: read, promised about, and told as findings."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from evaluation.small import at, check, days, evaluation, found, notes, one
from leadline.evaluation.judging import Judging
from leadline.evaluation.planning import plans
from leadline.log.runs import read_runs
from leadline.spec.load import SpecError
from leadline.values import InputError

START = datetime(2024, 1, 1, tzinfo=UTC)
COLUMNS = {"component": "job", "started_at": "began", "finished_at": "ended", "status": "state"}


def rows(n: int = 40) -> list[dict[str, Any]]:
    return [{"id": place, "timestamp": START + timedelta(hours=24 * place + 1), "score": 0.5} for place in range(n)]


def runs(
    n: int = 40, failing: tuple[int, ...] = (30, 38, 39), name: str = "features", **more: Any
) -> list[dict[str, Any]]:
    """A run every morning at three that takes half an hour."""
    begins = [START + timedelta(days=place, hours=3) for place in range(n)]
    return [
        {
            "job": name,
            "run": f"{name}-{place}",
            "began": begin,
            "ended": begin + timedelta(minutes=30 + place % 3),
            "state": "failed" if place in failing else "success",
        }
        | more
        for place, begin in enumerate(begins)
    ]


def declared(table: list[dict[str, Any]] | pa.Table, **more: Any) -> dict[str, Any]:
    source = pa.Table.from_pylist(table) if isinstance(table, list) else table
    columns = COLUMNS | ({"id": "run"} if "run" in source.column_names else {})
    return {"metrics": [], "runs": {"source": source, "columns": columns | more.pop("columns", {}), **more}}


AS_OF = "2024-02-09T12"


def findings(table: Any, as_of: str | None = AS_OF, **more: Any) -> list[Any]:
    of = evaluation(rows(), as_of=as_of, **declared(table, **more))
    return of.pipeline.findings(of.spec.zone)


OBJECTIVE = {"metric": "run_failure_rate", "at_most": 0.5, "window": "28d"}

# Objectives -----------------------------------------------------------------------------------------------------------


def test_the_share_of_runs_that_failed_is_a_metric_by_day_and_component():
    both = [*runs(), *runs(failing=(), name="train")]
    result = check(
        rows(), as_of=AS_OF, window="28d", **declared(both) | {"metrics": ["run_failure_rate(component=train)"]}
    )
    shares = [(each["value"], each["n"]) for each in found(result, "run_failure_rate")]
    assert sum(n for _, n in shares) == 80
    assert sum(value * n for value, n in shares) == pytest.approx(3)
    assert {each["value"] for each in found(result, "run_failure_rate(component=train)")} == {0.0}
    assert {each["status"] for each in found(result, "run_failure_rate")} == {"realised"}


def test_promises_about_runs_are_judged_by_their_interval_up_to_now():
    objectives = [{"metric": "run_failure_rate", "at_most": limit, "window": "7d"} for limit in (0.05, 0.99)]
    of = declared(runs(failing=tuple(range(35, 40)))) | {"objectives": objectives}
    result = check(rows(), as_of=AS_OF, **of)
    breached, holds = result.objectives
    assert (breached["status"], breached["value"], breached["n"], breached["rule"]) == (
        "breached",
        pytest.approx(5 / 7),
        7,
        "interval",
    )
    assert holds["status"] == "holds"
    assert holds["window_end"] == "2024-02-10T00:00:00Z"
    why = "runs are few: their interval judges it"
    assert plans(Judging(result.evaluation)).content.plans[0].why == why
    # the pipeline runs on though no prediction has come for a week
    later = check(rows(33), as_of=AS_OF, **of)
    assert later.objectives[0]["n"] == 7


def test_promises_that_cannot_be_are_refused_and_unknown_components_are_undefined():
    objective = {"metric": "run_failure_rate(component=trian)", "at_most": 0.1, "window": "7d"}
    both = [*runs(), *runs(failing=(), name="train")]
    (judged,) = check(rows(), as_of=AS_OF, **declared(both) | {"objectives": [objective]}).objectives
    assert (judged["status"], judged["why"]) == ("undefined", "there are no runs of 'trian'; did you mean 'train'?")
    sliced = {"metric": "run_failure_rate", "at_most": 0.1, "window": "7d", "slices": ["score"]}
    with pytest.raises(InputError, match="has no slices: name a component"):
        check(rows(), as_of=AS_OF, slices=["score"], **declared(runs()) | {"objectives": [sliced]})
    relative = {"metric": "run_failure_rate", "no_worse_than": "reference", "by": 0.1, "window": "7d"}
    with pytest.raises(InputError, match="promise it by at_most"):
        check(rows(), reference={"until": "2024-01-10"}, **declared(runs()) | {"objectives": [relative]})
    without = check(rows(), metrics=["run_failure_rate"], window="28d", as_of=AS_OF)
    assert {each["why"] for each in found(without, "run_failure_rate")} == {"no runs are declared"}


def promised(metric: str, limit: float, table: Any, **more: Any) -> dict[str, Any]:
    objective = {"metric": metric, "at_most": limit, "window": "28d"}
    (judged,) = check(rows(), as_of=AS_OF, **declared(table, **more) | {"objectives": [objective]}).objectives
    return judged


def test_runs_that_are_late_long_or_stale_are_promised_about_as_they_are_found():
    late = [*runs(36, ()), *runs(40, ())[37:]]  # a morning was missed
    judged = promised("run_late_rate(component=features)", 0.001, late)
    assert (judged["status"], judged["n"]) == ("breached", 27)
    assert judged["value"] == pytest.approx(1 / 27)
    assert promised("run_late_rate", 0.001, late, components={"features": {"expected_every": "3d"}})["value"] == 0
    table = runs(40, ())
    for place in (35, 37):
        table[place] |= {"ended": table[place]["began"] + timedelta(hours=5)}
    assert promised("run_long_rate", 0.5, table)["value"] == pytest.approx(2 / 28)
    for day in (36, 38, 39):
        table[day] |= {"ended": table[day]["began"] + timedelta(hours=4)}
    table[37] |= {"state": "failed"}
    (_, long) = sorted(findings(table), key=lambda each: each.kind)
    assert long.what == "features took up to 5 hours in 4 of 5 runs since 2024-02-05 03:00, usually 31 minutes."
    began = table[35]["began"]
    (evidence,) = long.evidence
    assert (evidence.window.start, evidence.n) == (began, sum(row["began"] >= began for row in table))
    fed = [row | {"fed": row["began"] - timedelta(hours=1)} for row in runs(40, ())]
    fed[39] |= {"fed": fed[39]["began"] - timedelta(days=3)}
    assert promised("run_stale_rate", 0.5, fed, columns={"inputs_at": "fed"})["value"] == pytest.approx(1 / 28)
    within = {"features": {"inputs_within": "30m"}}
    assert promised("run_stale_rate", 0.5, fed, columns={"inputs_at": "fed"}, components=within)["value"] == 1.0
    assert promised("run_stale_rate", 0.5, runs())["why"].startswith("no run says how new its inputs were")


def test_one_that_is_missing_now_is_late_and_one_that_is_not_due_is_not_counted():
    daily_ = {"features": {"expected_every": "1d"}}
    assert promised("run_late_rate", 0.5, runs(38, ()), components=daily_)["value"] == pytest.approx(1 / 27)
    assert promised("run_late_rate", 0.5, runs(40, ()), components=daily_)["value"] == 0
    other = {"other": {"expected_every": "1d"}}
    never = promised("run_late_rate(component=other)", 0.5, runs(40, ()), components=other)
    assert (never["value"], never["n"], never["status"]) == (1.0, 1, "uncertain")


def test_the_age_of_the_last_success_is_exact_and_judged_at_once():
    both = [*runs(40, ()), *runs(31, (), "train")]
    ended = START + timedelta(days=30, hours=3, minutes=30)
    judged = promised("run_success_age(component=train)", 7 * 86_400, both)
    assert judged["value"] == (at(AS_OF) - ended).total_seconds()
    assert (judged["status"], judged["n"], judged["interval"]) == ("breached", 31, None)
    assert judged["since"] == "2024-02-07T03:30:00Z"
    assert judged["window_end"] == "2024-02-09T12:00:00Z"
    assert promised("run_success_age", 7 * 86_400, both)["value"] == judged["value"]
    assert promised("run_success_age", 7 * 86_400, both, components={"features": {}})["status"] == "holds"
    never = promised("run_success_age", 7 * 86_400, both, components={"score": {"expected_every": "1d"}})
    assert (never["status"], never["why"]) == ("no_data", "score has not succeeded yet")
    ages = days(
        check(rows(), as_of=AS_OF, **declared(both) | {"metrics": ["run_success_age(component=train)"]}),
        "run_success_age(component=train)",
    )
    assert ages["2024-01-10"] == pytest.approx(timedelta(hours=20.5).total_seconds(), abs=120)
    assert ages["2024-02-05"] == timedelta(days=5, hours=20.5).total_seconds()
    relative = {"metric": "run_success_age", "no_worse_than": "reference", "by": 0.1, "window": "7d"}
    with pytest.raises(InputError, match="promise it by at_most, in seconds"):
        check(rows(), reference={"until": "2024-01-10"}, **declared(runs()) | {"objectives": [relative]})


def test_all_failed_one_run_and_no_predictions():
    assert promised("run_failure_rate", 0.5, runs(40, tuple(range(40))))["status"] == "breached"
    only = check(rows(), as_of=AS_OF, **declared(runs(1, ())) | {"metrics": "all"}, window="28d")
    first = [each for each in only.estimates if each["window_start"] <= "2024-01-01" and each["metric"][:4] == "run_"]
    said_ = {each["metric"]: (each["value"], each["why"]) for each in first}
    assert said_["run_failure_rate"][0] == 0
    assert said_["run_late_rate"][1] == "no run followed another one, or history is too short"
    assert said_["run_long_rate"][1] == "no run has a history of runs that ended"
    assert "run_success_age" not in said_  # it depends on when one asks
    assert only.findings == ()
    table = pa.Table.from_pylist(rows(1)).slice(0, 0)
    empty = check(table, as_of=AS_OF, **declared(runs()) | {"objectives": [OBJECTIVE]})
    assert (empty.objectives[0]["value"], empty.objectives[0]["n"]) == (1.0, 1)  # of the day that the log consists of
    assert [each.kind for each in empty.findings] == ["run_failed"]


def test_a_run_that_never_ends_is_told_also_where_later_ones_did():
    table = runs(40, ())
    table[20] |= {"state": "running", "ended": None}
    what = said(table)
    assert what == "run_long: features has been running for 19 days since 2024-01-21 03:00, usually 31 minutes."
    assert promised("run_long_rate", 0.5, table)["value"] == pytest.approx(1 / 28)


# Reading --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "more", "told"),
    [
        (
            ["success", "SUCCEEDED", "Done", "failed", "error", "running", "cancelled", ""],
            {},
            [1, 1, 1, 0, 0, None, None, None],
        ),
        ([True, False, None, True, True, True, True, True], {}, [1, 0, None, 1, 1, 1, 1, 1]),
        ([0, 1, 0, 137, None, 0, 0, 0], {"succeeded": [0]}, [1, 0, 1, 0, None, 1, 1, 1]),
        (
            ["green", "red", "GREEN", "ok", None, "green", "green", "green"],
            {"succeeded": ["green"]},
            [1, 0, 1, 0, None, 1, 1, 1],
        ),
    ],
    ids=["words", "truth", "numbers", "declared"],
)
def test_what_a_status_means(states, more, told):
    table = [row | {"state": state} for row, state in zip(runs(8), states, strict=True)]
    of = evaluation(rows(), as_of=AS_OF, **declared(table, **more))
    assert [None if run.succeeded is None else int(run.succeeded) for run in of.pipeline.runs] == told


def test_what_was_skipped_is_no_run_and_what_was_cancelled_does_not_go_on():
    table = runs(40, ())
    table[38] |= {"state": "skipped", "began": None}
    table[39] |= {"state": "cancelled", "ended": None}
    of = evaluation(rows(), as_of=AS_OF, **declared(table, components={"features": {"expected_every": "1d"}}))
    assert "runs_unusable" not in {note.code for note in of.notes}
    assert len(of.pipeline.runs) == 39
    last = of.pipeline.runs[-1]
    assert (last.cancelled, last.runs, last.succeeded) == (True, False, None)
    assert {found.kind for found in of.pipeline.findings(of.spec.zone)} == {"run_late"}  # a morning without a run
    green = [row | {"state": "skipped"} for row in table[:3]]
    assert len(evaluation(rows(), as_of=AS_OF, **declared(green, succeeded=["skipped"])).pipeline.runs) == 3


def test_numbers_say_nothing_unless_they_are_declared():
    table = [row | {"state": 0} for row in runs(3)]
    with pytest.raises(InputError, match=r"say under `succeeded` which of them mean success, such as \[0\]"):
        evaluation(rows(), **declared(table))


def test_what_came_later_was_not_known():
    of = evaluation(rows(), as_of="2024-01-20T03:10", **declared(runs()))
    known = of.pipeline.runs
    assert len(known) == 20
    assert (known[-1].finished, known[-1].succeeded) == (None, None)
    assert known[-2].succeeded


def test_times_as_text_in_a_file_are_those_of_the_declared_zone(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(
        "job,began,ended,state\ntrain,2024-01-05 03:00:00,2024-01-05 04:00:00,success\n,2024-01-06 03:00:00,,failed\n"
        "train,2024-01-07 03:00:00,,running\n"
    )
    columns = {**COLUMNS}
    of = evaluation(
        rows(), as_of=AS_OF, timezone="America/New_York", metrics=[], runs={"source": str(path), "columns": columns}
    )
    assert [run.started for run in of.pipeline.runs] == [at("2024-01-05T08"), at("2024-01-07T08")]
    assert {note.code: note.text for note in of.notes}["runs_unusable"].startswith("1 run has no component")


def test_columns_that_are_not_there_are_named():
    with pytest.raises(InputError, match=r"runs.columns.status: there is no column 'stat'; did you mean 'state'\?"):
        evaluation(rows(), **declared(runs(), columns={"status": "stat"}))
    with pytest.raises(SpecError, match="unknown key 'expected_ever'; did you mean 'expected_every'"):
        evaluation(rows(), **declared(runs(), components={"features": {"expected_ever": "1d"}}))


def test_only_the_newest_of_very_many_are_read(monkeypatch):
    monkeypatch.setattr("leadline.log.runs.MOST_RUNS", 10)
    result = check(rows(), as_of=AS_OF, **declared(runs()))
    assert len(result.evaluation.pipeline.runs) == 10
    assert notes(result)["runs_cut"] == "Of 40 runs the newest 10 are read."


def test_nothing_is_read_where_nothing_is_declared():
    of = evaluation(rows(), metrics=["predicted_positive_rate"])
    assert of.pipeline is None
    assert read_runs(of.spec, datetime(2024, 1, 1)) == ((), ())
    empty = pa.Table.from_pylist(runs(1)).slice(0, 0)
    result = check(rows(), as_of=AS_OF, window="28d", **declared(empty))
    assert {each["why"] for each in found(result, "run_failure_rate")} == {"no run has ended"}


# Findings -------------------------------------------------------------------------------------------------------------


def said(table: Any, as_of: str | None = AS_OF, **more: Any) -> str:
    (finding,) = findings(table, as_of, **more)
    return f"{finding.kind}: {finding.what}"


def test_failures():
    wanted = (
        "run_failed: features failed in 3 of 28 runs, first on 2024-01-31 03:00; it has not succeeded since"
        " 2024-02-07 03:31."
    )
    assert said(runs()) == wanted
    (finding,) = findings(runs())
    assert (finding.since, finding.rows) == (at("2024-01-31T03"), 3)
    assert finding.examples == ("features-30", "features-38", "features-39")
    assert finding.next == "Look at the log of run features-39."
    (share,) = finding.evidence
    assert share.value == pytest.approx(3 / 28)
    assert 0 < share.low < share.value < share.high < 0.5
    assert "failed in 1 of 28 runs, on 2024-01-31 03:00; it has succeeded since" in said(runs(failing=(30,)))


def test_late_and_overdue():
    late = said(runs(38, ()), components={"features": {"expected_every": "1d"}})
    assert late == "run_late: features was due on 2024-02-08 03:00 and is 33 hours late; it is to start every day."
    usual = said(runs(38, ()))
    assert usual.endswith("is 33 hours late; it usually starts every day.")
    never = said(runs(40, ()), components={"other": {"expected_every": "1d"}})
    assert never == "run_late: other has never run; it is to start every day."
    overdue = said(runs(20, (), "train"), components={"train": {"expected_every": "7d"}})
    assert (
        overdue
        == "retraining_overdue: train last succeeded on 2024-01-20 03:31, 20 days ago; it is to succeed every 7 days."
    )


def test_long_and_stale():
    table = runs(40, ())
    table[35] |= {"ended": table[35]["began"] + timedelta(hours=5)}
    assert said(table) == "run_long: features took 5 hours on 2024-02-05 03:00, usually 31 minutes."
    fed = [row | {"fed": row["began"] - timedelta(hours=1)} for row in runs(40, ())]
    fed[39] |= {"fed": fed[39]["began"] - timedelta(days=3)}
    declared_too = {"columns": {"inputs_at": "fed"}}
    assert (
        said(fed, **declared_too)
        == "inputs_stale: features read inputs 3 days old on 2024-02-09 03:00; usually 1 hour."
    )
    within = said(fed, components={"features": {"inputs_within": "1d"}}, **declared_too)
    assert within.endswith("on 2024-02-09 03:00; 1 day is the most.")


def test_unasked_the_clock_tells_of_a_pipeline_that_stopped():
    now = datetime.now(UTC)
    table = [{"job": "features", "began": now - timedelta(days=2), "ended": now, "state": "ok"}]
    what = said(table, as_of=None, components={"features": {"expected_every": "1d"}})
    assert what.startswith("run_late: features was due on ")
    assert "is 24 hours late" in what


def test_they_stand_on_the_time_line_of_the_metric():
    both = [*runs(failing=(36,)), *runs(failing=(34,), name="train")]
    since = [finding.since for finding in findings(both)]
    assert since == [at("2024-02-04T03"), at("2024-02-06T03")]
    result = check(rows(), as_of=AS_OF, **declared(both))
    assert days(result, "run_failure_rate")["2024-02-06"] == 0.5
    assert one(check(rows(1), window="28d", **declared(runs(1, ()))), "run_failure_rate")["n"] == 1


def test_findings_stand_in_the_document_the_text_and_the_page_beside_what_broke_after_them():
    table = [row | {"timestamp": row["timestamp"] - timedelta(hours=12)} for row in rows(40)]
    scored = [row | {"score": 0.5 if place < 36 else 1.0} for place, row in enumerate(table)]
    objective = {"metric": "predicted_positive_rate", "at_most": 0.9, "window": "1d", "rule": "interval"}
    more = [row | {"id": row["id"] + 1000 * copy} for copy in range(60) for row in scored]
    spec = declared(runs(failing=(34,))) | {"objectives": [objective]}
    result = check(more, as_of="2024-02-08T20", threshold=0.7, **spec)
    (finding,) = [each for each in result._document["findings"] if each["kind"] == "run_failed"]
    assert finding["since"] == "2024-02-04T03:00:00Z"
    assert finding["slice"] is None
    assert finding["evidence"][0]["metric"] == "run_failure_rate"
    assert finding["next"].startswith("predicted_positive_rate ≤ 0.9 broke 1 day after this began. Look at the log of")
    text = io.StringIO()
    Console(file=text, width=100).print(result)
    assert "Why?" in text.getvalue()
    assert "features failed in 1 of 28 runs" in text.getvalue()
    page = result.to_html()
    assert "1 began on 2024-02-04 03:00" in page
    assert "A dotted line in a chart is where what has its number began." in page
