"""Proxies through the real path: rates that wait for no label, promises about them, and their grades."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from evaluation.small import check, days, evaluation, notes, one, slices
from leadline.report.answers import proxy_sentences
from leadline.spec.load import SpecError, from_mapping
from leadline.spec.model import TextProxies

START = datetime(2024, 1, 1, tzinfo=UTC)
EMPTY = {"name": "empty_answer", "where": "length(answer) = 0"}
OVERRIDE = {"name": "override", "where": "final <> prediction"}


def log(n: int = 1200, days_: int = 12) -> pa.Table:
    """Answers of which a fifth is wrong; of these half are empty, and people override the wrong ones mostly."""
    rng = np.random.default_rng(0)
    times = [START + timedelta(seconds=float(each)) for each in np.sort(rng.uniform(0, days_ * 86400, n))]
    wrong = rng.random(n) < 0.2
    answer = np.where(wrong & (rng.random(n) < 0.5), "", "All is well.").astype(object)
    answer[rng.random(n) < 0.05] = None
    right, predicted = np.full(n, "a"), np.where(wrong, "b", "a")
    seen = rng.random(n) < 0.5
    return pa.table(
        {
            "id": np.arange(n),
            "timestamp": pa.array(times, pa.timestamp("us", "UTC")),
            "prediction": predicted,
            "label": right,
            "observed_at": pa.array([each + timedelta(days=2) for each in times], pa.timestamp("us", "UTC")),
            "answer": pa.array(answer, pa.string()),
            "final": pa.array(np.where(seen, np.where(wrong, "a", predicted), None), pa.string()),
            "region": rng.choice(["x", "y"], n),
        }
    )


def declared(**more: object) -> dict[str, object]:
    return {"task": "multiclass", "proxies": [EMPTY, OVERRIDE], "matures_after": "2d"} | more


def test_rates_are_those_of_the_rows_that_say_it_and_wait_for_no_label():
    rows = log()
    frame = rows.to_pandas()
    result = check(rows, window="28d", as_of="2024-01-13", **declared(slices=["region"]))
    assert one(result, "empty_answer")["value"] == pytest.approx((frame["answer"].dropna() == "").mean())
    seen = frame.dropna(subset=["final"])
    assert one(result, "override")["value"] == pytest.approx((seen["final"] != seen["prediction"]).mean())
    by_region = {
        (region,): pytest.approx((mine["answer"].dropna() == "").mean()) for region, mine in frame.groupby("region")
    }
    once = check(rows, window="28d", as_of="2024-02-13", **declared(slices=["region"]))
    assert slices(once, "empty_answer", "value") == by_region
    daily = check(rows, as_of="2024-01-13", **declared())
    assert set(days(daily, "empty_answer", "status").values()) == {"realised"}
    assert list(days(daily, "accuracy", "status").values())[-1] == "undefined"


def test_promises_about_them_are_judged_like_others():
    objectives = [{"metric": "empty_answer", "at_most": limit, "window": "7d"} for limit in (0.05, 0.3)]
    result = check(log(8000, 80), **declared(objectives=objectives))
    assert [each["status"] for each in result.objectives] == ["breached", "holds"]
    assert {each["rule"] for each in result.objectives} == {"detector"}
    assert result.objectives[0]["budget_spent"] > 1


def test_grades_are_those_of_the_labels_that_are_due():
    rows = log()
    of = evaluation(rows, as_of="2024-01-10", **declared())
    frame = rows.to_pandas()
    frame = frame[frame["timestamp"] < "2024-01-08"]
    for grade, flag in zip(
        of.proxies,
        (
            frame["answer"].eq("").where(frame["answer"].notna()),
            frame["final"].ne(frame["prediction"]).where(frame["final"].notna()),
        ),
        strict=True,
    ):
        known = flag.notna()
        flagged, wrong = flag[known].astype(bool), (frame["prediction"] != frame["label"])[known]
        assert grade.n == known.sum()
        assert grade.precision == pytest.approx(wrong[flagged].mean())
        assert grade.recall == pytest.approx(flagged[wrong].mean())
        assert grade.kept
    assert of.proxies[0].window.end == datetime(2024, 1, 8, tzinfo=UTC)


def test_what_is_said_of_grades():
    useless = {"name": "in_x", "where": "region = 'x'"}
    result = check(log(), **declared(proxies=[{"name": "never", "where": "region = 'z'"}, useless, EMPTY]))
    keep, chance, none = proxy_sentences(result.content)
    assert keep.startswith("empty_answer tells of wrong predictions, keep it: of 100 rows that meet it 100.0")
    assert chance.startswith("in_x tells no more than chance: of 100 rows that meet it ")
    assert none == "never is not graded: no labelled row meets the condition."
    assert [each["kept"] for each in result._document["proxies"]] == [None, False, True]


def test_labels_that_are_a_sample_are_weighed():
    """Wrong ones are labelled surely, right ones in a tenth of the cases."""
    rows = log(6000)
    wrong = np.array(rows.column("prediction").to_pylist()) == "b"
    chance = np.where(wrong, 1.0, 0.1)
    chosen = np.random.default_rng(3).random(len(wrong)) < chance
    label = pa.array(np.where(chosen, "a", None), pa.string())
    table = rows.set_column(3, "label", label).append_column("chance", pa.array(np.where(chosen, chance, None)))
    of = from_mapping(
        {
            "version": 1,
            "model": "m",
            "task": "multiclass",
            "metrics": ["accuracy"],
            "proxies": [EMPTY],
            "predictions": {
                "source": table,
                "columns": {"id": "id", "timestamp": "timestamp", "prediction": "prediction"},
            },
            "outcomes": {"columns": {"value": "label", "label_probability": "chance"}},
        }
    )
    from leadline.evaluation.run import evaluate_log

    (grade,) = evaluate_log(of).proxies
    assert grade.wrong == pytest.approx(wrong.mean(), abs=0.03)
    assert grade.recall == pytest.approx(0.5, abs=0.05)


def test_a_regression_is_not_right_or_wrong():
    rows = [{"id": n, "timestamp": START, "prediction": 1.0, "label": 2.0, "odd": n % 2} for n in range(20)]
    proxies = [{"name": "odd_one", "where": "odd = 1"}]
    result = check(rows, task="regression", metrics=["mae"], proxies=proxies)
    assert one(result, "odd_one")["value"] == 0.5
    assert "not right or wrong" in result.evaluation.proxies[0].why


def test_without_labels_there_are_rates_and_no_grades():
    result = check(log().drop(["label", "observed_at"]), task="multiclass", proxies=[EMPTY])
    assert len(days(result, "empty_answer")) == 12
    assert result.evaluation.proxies == ()


def test_a_condition_on_a_column_that_is_gone_is_said_and_the_check_goes_on():
    objective = {"metric": "empty_answer", "at_most": 0.1, "window": "1d"}
    result = check(log().drop(["answer"]), **declared(objectives=[objective]))
    (judged,) = result.objectives
    assert (judged["status"], judged["why"]) == ("undefined", "it cannot be read")
    assert notes(result)["proxy_left_out"].startswith("Proxy 'empty_answer' is left out: there is no column 'answer'")
    assert one(check(log().drop(["answer"]), window="28d", **declared()), "override")["value"] > 0


def came_before(times: list[datetime], values: list[str | None]) -> list[bool]:
    """Whether another row of the day up to each one has its value, of those that have one; times in whole seconds."""
    at = [int(each.timestamp()) for each in times]
    return [
        any(other == value and 0 <= at[one] - at[two] <= 86_400 and one != two for two, other in enumerate(values))
        for one, value in enumerate(values)
        if value is not None
    ]


def test_text_has_ready_made_ones():
    rows = log(400).append_column("asked", pa.array(["All is well."] * 400))
    result = check(rows, window="28d", **declared(proxies=[{"text": "answer", "prompt": "asked", "script": "latin"}]))
    shown = {each["metric"]: each["value"] for each in result.estimates if each["metric"].startswith("answer_")}
    answers = rows.column("answer").to_pylist()
    some = [each for each in answers if each]
    assert shown == pytest.approx(
        {
            "answer_empty": np.mean([not each for each in answers]),
            "answer_refuses": 0.0,
            "answer_cut_off": 0.0,
            "answer_repeats": 0.0,
            "answer_off_script": 0.0,
            "answer_echoes": len(some) / len([each for each in answers if each is not None]),
            "answer_same": np.mean(came_before(rows.column("timestamp").to_pylist(), answers)),
        }
    )
    more = {"text": "asked", "name": "asked", "is_json": True, "blocked": ["well", "it's"]}
    asked = check(rows, window="28d", **declared(proxies=[more]))
    assert one(asked, "asked_not_json")["value"] == 1.0
    assert one(asked, "asked_blocked")["value"] == 1.0


# Numbers and values that come again -----------------------------------------------------------------------------------


def test_the_mean_of_a_number_is_a_metric_with_promises_and_no_grade():
    rows = log(8000, 80)
    words = np.array([None if each is None else len(each.split()) for each in rows.column("answer").to_pylist()], float)
    proxy = {"name": "said", "value": "words(answer)"}
    objectives = [{"metric": "said", "at_least": limit, "window": "28d", "slices": ["region"]} for limit in (1.5, 2.9)]
    result = check(rows, slices=["region"], **declared(proxies=[proxy], objectives=objectives))
    assert [each["status"] for each in result.objectives] == ["holds"] * 3 + ["breached"] * 3
    last = result.objectives[0]
    assert last["value"] == pytest.approx(np.nanmean(words[-2800:]), rel=0.02)
    assert last["low"] < last["value"] < last["high"]
    assert last["rule"] == "detector"
    assert result.evaluation.proxies == ()
    signed = {"name": "off", "value": "length(answer) - 20"}
    found = one(check(rows.slice(0, 1000), window="28d", **declared(proxies=[signed])), "off")
    lengths = [len(each) - 20 for each in rows.column("answer").to_pylist()[:1000] if each is not None]
    assert found["value"] == pytest.approx(np.mean(lengths))
    assert found["low"] < found["value"] < found["high"]


def test_values_that_came_before_are_counted_within_their_time():
    hours = [0, 1, 1, 5, 30, 31, 60, 61]
    answers = ["a", "a", "b", None, "b", "a", "c", "c"]
    rows = [
        {"id": place, "timestamp": START + timedelta(hours=hour), "prediction": "x", "label": "x", "answer": answer}
        for place, (hour, answer) in enumerate(zip(hours, answers, strict=True))
    ]
    rows.append(rows[6] | {"label": "y"})  # delivered again: not another row

    def share(within: str) -> float:
        proxy = {"name": "again", "same": "answer", "within": within}
        return one(check(rows, window="28d", **declared(proxies=[proxy], matures_after="0d")), "again")["value"]

    assert share("30m") == 0.0
    assert share("1h") == pytest.approx(2 / 7)
    assert share("1d") == pytest.approx(2 / 7)
    assert share("29h") == pytest.approx(3 / 7)
    assert share("30h") == pytest.approx(4 / 7)


def test_a_stuck_answer_is_graded_as_other_conditions_are():
    rows = log(3000, 30)
    proxies = [{"name": "stuck", "same": "answer", "within": "2h"}]
    (grade,) = evaluation(rows, **declared(proxies=proxies)).proxies
    assert grade.proxy == "stuck"
    assert grade.n > 2000
    gone = notes(check(rows.drop(["answer"]), **declared(proxies=proxies)))["proxy_left_out"]
    assert gone == "Proxy 'stuck' is left out: there is no column 'answer'"


def test_a_text_that_is_not_there_is_told_once():
    told = check(log(50), **declared(proxies=[{"text": "anser"}])).notes
    (gone,) = [note.text for note in told if note.code == "proxy_left_out"]
    assert gone == "The proxies of the text 'anser' are left out: there is no column 'anser'; did you mean 'answer'?"


@pytest.mark.parametrize(
    ("proxies", "says"),
    [
        ([{"name": "accuracy", "where": "region = 'x'"}], "'accuracy' is already the name of a metric"),
        ([EMPTY, EMPTY], "two proxies are called 'empty_answer'"),
        ([{"name": "x y", "where": "region = 'x'"}], "is not a name: letters, digits and _"),
        ([{"name": "x", "wher": "region = 'x'"}], "unknown key 'wher'; did you mean 'where'?"),
        ([{"txt": "answer"}], "unknown key 'txt'; did you mean 'text'?"),
        ([{"text": "1st answer"}], "no name can be made of '1st answer': give the one"),
        ([{"text": "answer", "script": "latn"}], "did you mean 'latin'?"),
        ([{"name": "x", "where": "word(answer) > 2"}], "'word' is not a function of conditions; did you mean 'words'?"),
        ([{"name": "x", "where": "words(answer, 2) > 2"}], "words takes 1 argument"),
        ([{"name": "x", "where": "in_script(answer, 'x') > 2"}], "in_script takes one of 'arabic', "),
        ([{"name": "x", "where": "mentions(answer) > 2"}], "mentions takes 2 arguments or more"),
        ([{"name": "x", "where": "mentions(answer, '!')"}], "mentions takes words in quotes after the text"),
        ([{"text": "answer", "blocked": ["a" * 80] * 200}], "these are too many words: the condition is longer than"),
        ([{"name": "x", "same": "answer", "within": "soon"}], "within"),
        ([{"name": "x", "valu": "words(answer)"}], "unknown key 'valu'; did you mean 'value'?"),
        ([{"name": "x", "where": "words(region) > 'a'"}], None),
        ([{"name": "x", "value": "region = 'x'"}], None),
    ],
)
def test_declarations_that_cannot_be_used_say_why(proxies, says):
    if says is None:  # a condition that does not fit its column is known once the column is
        assert "proxy_left_out" in notes(check(log(50), **declared(proxies=proxies)))
        return
    with pytest.raises(SpecError) as raised:
        check(log(50), **declared(proxies=proxies))
    assert says in str(raised.value)


def test_names_begin_with_the_columns_or_the_given_one():
    assert TextProxies(text="the answer").proxies[0].name == "the_answer_empty"
    assert TextProxies(text="1", name="reply").proxies[0].name == "reply_empty"
    assert TextProxies(text='a "b"', name="x").proxies[0].where.text == 'empty("a ""b""")'


def test_a_metric_of_theirs_takes_no_parameters():
    with pytest.raises(SpecError, match="'empty_answer' is a proxy and takes no parameters"):
        check(log(50), **declared(metrics=["empty_answer(threshold=1)"]))
