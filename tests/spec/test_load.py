"""Declarations: the one of the issue, and what is said when one is wrong, with file and line."""

from __future__ import annotations

import copy
import math
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import given

from leadline.spec import Spec, SpecError, from_mapping, load
from leadline.spec.fields import Files, Memory, TableSource
from leadline.spec.load import _MODELS, _choices
from leadline.spec.model import BinSlice, ColumnSlice, CrossSlice, WhereSlice
from leadline.values import InputError, Span, Target

ISSUE = """\
version: 1
model: flight-delay
task: binary
predictions:
  source: predictions/*.parquet
  columns: {id: prediction_id, timestamp: scheduled_at, score: score, prediction: predicted, entity: tailnum}
  threshold: 0.5
  features: auto
positive: true
outcomes:
  source: outcomes.parquet
  columns: {id: prediction_id, value: late, observed_at: observed_at}
  where: "kind = 'label'"
  matures_after: 2d
  absent: unknown
feedback: [{name: click, source: clicks.parquet, absent: 0}]
timezone: America/New_York
reference: {until: 2013-05-01}
window: 1d
slices: [carrier, origin, {name: long_haul, where: "distance > 1500"},
         {name: hour, bin: {column: sched_hour, width: 6}}, {cross: [carrier, hour]}]
metrics: [recall, precision, roc_auc]
baseline: {score: previous_model_score}
objectives:
  - {metric: recall, at_least: 0.60, window: 28d, slices: [carrier]}
"""

LEAST: dict[str, Any] = {
    "version": 1,
    "model": "m",
    "task": "binary",
    "predictions": {"source": "p.parquet", "columns": {"id": "id", "timestamp": "ts", "score": "score"}},
}


def changed(**changes: Any) -> dict[str, Any]:
    """LEAST with `changes`; `predictions__threshold=1` changes what is inside."""
    mapping = copy.deepcopy(LEAST)
    for key, value in changes.items():
        *outer, last = key.split("__")
        inner = mapping
        for name in outer:
            inner = inner.setdefault(name, {})
        inner[last] = value
    return mapping


def refused(mapping: dict[str, Any]) -> str:
    with pytest.raises(SpecError) as error:
        from_mapping(mapping, environment={})
    return str(error.value)


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        path = tmp_path / "leadline.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def said(path: Path, **environment: str) -> list[str]:
    """The lines of the error, with the directory cut off."""
    with pytest.raises(SpecError) as error:
        load(path, environment=environment)
    return [str(problem).removeprefix(f"{path.parent}/") for problem in error.value.problems]


def test_the_declaration_of_the_issue(written: Any) -> None:
    path = written(ISSUE)
    spec = load(path)
    assert spec.predictions.source == Files("predictions/*.parquet", str(path.parent / "predictions/*.parquet"))
    assert str(spec.predictions.source) == "predictions/*.parquet"
    assert spec.positive is True
    assert spec.zone == ZoneInfo("America/New_York")
    assert spec.reference_until == datetime(2013, 5, 1, tzinfo=ZoneInfo("America/New_York"))
    assert spec.window == Span(1, "d")
    assert [type(entry) for entry in spec.slices] == [ColumnSlice, ColumnSlice, WhereSlice, BinSlice, CrossSlice]
    assert [entry.name for entry in spec.slices] == ["carrier", "origin", "long_haul", "hour", "carrier:hour"]
    assert [part.name for part in spec.parts(spec.slices[-1])] == ["carrier", "hour"]
    assert spec.objectives[0].target == Target("at_least", 0.6)
    label, click = spec.outcome_tables
    assert (label.name, label.id, label.value, label.matures_after) == (
        "label",
        "prediction_id",
        "late",
        timedelta(days=2),
    )
    assert (click.name, click.value, click.absent, str(click.source)) == ("click", "late", 0, "clicks.parquet")


def test_what_is_written_out_is_read_back(written: Any) -> None:
    path = written(ISSUE)
    spec = load(path)
    assert from_mapping(spec.model_dump(mode="json"), directory=path.parent) == spec


def test_a_declaration_does_not_change(written: Any) -> None:
    spec = load(written(ISSUE))
    with pytest.raises(ValueError, match="frozen"):
        spec.model = "other"


def test_the_example_of_the_brief(written: Any) -> None:
    path = written(ISSUE.replace("timestamp: scheduled_at", "timestmap: scheduled_at"))
    assert said(path) == [
        "leadline.yaml:6: predictions.columns: 'timestamp' is missing",
        "leadline.yaml:6: predictions.columns: unknown key 'timestmap'; did you mean 'timestamp'?",
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "text"),
    [
        ("task: binary", "task: binry", 3, "task: 'binry' is not one of binary, multiclass, regression; did you mean"),
        ("version: 1", "version: 2", 1, "version: only 1 is known here, found 2"),
        ("version: 1", "version: true", 1, "version: a number is needed, found true"),
        ("model: flight-delay", "model: 5", 2, "model: text is needed, found 5; put it in quotes"),
        ("  threshold: 0.5", "  threshold: .nan", 7, "predictions.threshold: a finite number is needed"),
        ("  threshold: 0.5", "  threshold: true", 7, "predictions.threshold: a number is needed, found true"),
        ("  threshold: 0.5", "  score: x", 7, "predictions: unknown key 'score'; it stands below 'columns'"),
        ("features: auto", "features: lead_time", 8, "neither auto nor a list; for one name write [lead_time]"),
        ("features: auto", "features: {a: {type: text, min: 0}}", 8, "features.a.min: min is for numeric features"),
        ("features: auto", "features: {a: {typ: text}}", 8, "features.a: unknown key 'typ'; did you mean 'type'?"),
        ("value: late, ", "", 12, "outcomes.columns: 'value' is missing"),
        ("kind = 'label'", "t.kind = 'label'", 13, "outcomes.where: names have one part"),
        ("matures_after: 2d", "matures_after: 2", 14, "a length of time has a unit"),
        ("matures_after: 2d", "matures_after: -2d", 14, "'-2d' is not a length of time"),
        ("matures_after: 2d", "matures_after: 1000000d", 14, "1000000d is too long: 36525d at most"),
        ("name: click", "name: label", 16, "'label' already means something else"),
        ("matures_after: 2d", "matures_after: 99999999999d", 14, "too long"),
        ("absent: unknown", "absent: [1]", 15, "outcomes.absent: one value is needed"),
        ("name: click", "name: recall", 16, "feedback[0].name: 'recall' is already the name of a metric"),
        ("America/New_York", "America/NewYork", 17, "timezone: unknown time zone 'America/NewYork'; did you mean"),
        ("America/New_York", "Berlin", 17, "did you mean 'Europe/Berlin'?"),
        ("America/New_York", "../etc/passwd", 17, "unknown time zone '../etc/passwd'"),
        ("America/New_York", "Europe", 17, "unknown time zone 'Europe'"),
        ("until: 2013-05-01", "until: 1 May", 18, "reference.until: a date or time is written 2013-05-01"),
        ("{until: 2013-05-01}", "{}", 18, "reference: exactly one of until and source is needed; none is given"),
        ("window: 1d", "window: 7", 19, "window: a window has a unit: for 7 days write 7d"),
        ("window: 1d", "window: 3h", 19, "window: '3h' is not a window"),
        ("carrier, origin,", "carrier, carrier,", 20, "slices[1]: two slices are called 'carrier'"),
        ("carrier, origin,", "carrier, 5,", 20, "slices[1]: a slice is a column or a mapping"),
        ('where: "distance', 'wher: "distance', 20, "slices[2]: unknown key 'wher'; did you mean 'where'?"),
        ("width: 6", "width: 0", 21, "slices[3].bin.width: a number above 0 is needed, found 0"),
        ("width: 6", "edges: [2, 1]", 21, "slices[3].bin.edges: edges ascend, each once"),
        ("width: 6", "width: 6, edges: [1]", 21, "slices[3].bin: exactly one of width and edges is needed"),
        ("cross: [carrier, hour]", "cross: [carrier]", 21, "slices[4].cross: at least 2 are needed"),
        ("cross: [carrier, hour]", "cross: [hour, hour]", 21, "slices[4].cross: 'hour' is named twice"),
        (
            "[recall, precision, roc_auc]",
            "recall",
            22,
            "'recall' is neither all nor a list; for one name write [recall]",
        ),
        (
            "[recall, precision, roc_auc]",
            "[recal]",
            22,
            "metrics[0]: 'recal' is not a metric of a binary model; did you",
        ),
        (
            "[recall, precision, roc_auc]",
            "[all]",
            22,
            "metrics[0]: all metrics are asked for by `metrics: all`, without a",
        ),
        ("[recall, precision, roc_auc]", "['f_beta(b=2)']", 22, "metrics[0]: f_beta has no parameter 'b'"),
        ("[recall, precision, roc_auc]", "['f_beta(2)']", 22, "metrics[0]: 'f_beta(2)': '2' is not a parameter"),
        ("baseline: {score: ", "baseline: {constant: 1, score: ", 23, "exactly one of score and constant is needed"),
        ("{metric: recall", "{metric: roc-auc", 25, "objectives[0].metric: 'roc-auc' is not a metric"),
        ("at_least: 0.60", "at_least: 0.60, at_most: 1", 25, "objectives[0]: exactly one of at_least, at_most and no"),
        ("at_least: 0.60, ", "", 25, "exactly one of at_least, at_most and no_worse_than is needed; none is given"),
        ("at_least: 0.60", "at_lest: 0.60", 25, "objectives[0]: unknown key 'at_lest'; did you mean 'at_least'?"),
        ("slices: [carrier]}", "slices: [carier]}", 25, "'carier' is not a declared slice; did you mean 'carrier'?"),
    ],
)
def test_an_error_names_its_line_and_what_to_do(written: Any, old: str, new: str, line: int, text: str) -> None:
    assert ISSUE.count(old) >= 1
    lines = said(written(ISSUE.replace(old, new, 1)))
    assert any(each.startswith(f"leadline.yaml:{line}: ") and text in each for each in lines), lines


def test_all_errors_are_listed_in_the_order_of_the_file(written: Any) -> None:
    text = (
        ISSUE.replace("task: binary", "task: binry").replace("window: 1d", "window: 7").replace("late,", "late, x: y,")
    )
    assert [line.split(":")[1] for line in said(written(text))] == ["3", "12", "19"]


def test_an_error_ends_the_command_with_2(written: Any) -> None:
    with pytest.raises(InputError) as error:
        load(written("version: 2"))
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "said_"),
    [
        ("", "leadline.yaml: the file is empty"),
        ("# nothing", "leadline.yaml: the file is empty"),
        ("- 1", "leadline.yaml:1: a declaration is a mapping"),
        ("version: 1\nversion: 1", "leadline.yaml:2: key 'version' is written twice; first in line 1"),
        ("a: 1\n---\nb: 1", "leadline.yaml:2: a second document begins here"),
        ("a: !!python/object:os.system x", "leadline.yaml:1: tags such as !!python/object:os.system are not read"),
        ("a: !x y", "leadline.yaml:1: tags such as !x are not read"),
        ("a: &a {b: 1}\nc:\n  <<: *a", "leadline.yaml:3: merge keys (<<) are not read"),
        ("a: 1\n b: 2", "leadline.yaml:2: not valid YAML"),
        ("a: 1\n\tb: 2", "leadline.yaml:2: not valid YAML"),
        ("a: [1", "leadline.yaml:2: not valid YAML"),
        ("a: *x", "leadline.yaml:1: not valid YAML"),
        ("a: \x01", "leadline.yaml:1: character #x0001 cannot stand in YAML"),
        ("[a, b]: 1", "leadline.yaml:1: a key must be a word or text"),
        ("a: &a [*a]", "leadline.yaml:1: the document is too large once its aliases"),
        ("[" * 100_000, "leadline.yaml:1: nested deeper than"),
        ("- " * 100_000, "leadline.yaml:1: nested deeper than"),
        ("a: x" * 300_000, "leadline.yaml: larger than 1024 KiB"),
    ],
)
def test_what_is_not_a_declaration_is_refused_with_its_line(written: Any, text: str, said_: str) -> None:
    lines = said(written(text))
    assert len(lines) == 1
    assert lines[0].startswith(said_)


def test_an_alias_bomb_is_refused_at_once(written: Any) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    assert "too large once its aliases" in said(written(bomb))[0]


def test_an_alias_saves_writing(written: Any) -> None:
    text = (
        ISSUE.replace("slices: [carrier]", "slices: &s [carrier]")
        + "  - {metric: recall, at_least: .5, window: 7d, slices: *s}"
    )
    assert load(written(text)).objectives[1].slices == ("carrier",)


def test_a_table_is_no_declaration(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    path.write_bytes(b"PAR1")
    assert said(path) == [
        f"scores.parquet: this is a table, and a declaration (YAML) is wanted; `leadline init {path}` writes one for it"
    ]


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", b"version: 1\nmodel: \xe9"])
def test_other_encodings_are_told(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "leadline.yaml"
    path.write_bytes(text)
    assert "not UTF-8 text" in said(path)[0]


def test_a_file_that_is_not_there_or_no_file(tmp_path: Path) -> None:
    assert "there is no such file; `leadline init FILE...` writes one" in said(tmp_path / "leadline.yaml")[0]
    assert "cannot be read" in said(tmp_path)[0]


def test_words_that_yaml_1_1_takes_for_something_else_stay_what_they_are(written: Any) -> None:
    text = """\
version: 1
model: m
task: multiclass
predictions:
  source: p.parquet
  columns: {id: id, timestamp: on, scores: {yes: p_yes, no: p_no, 1: p_1, 012: p_012, null: p_null, 1e3: p_e}}
outcomes: {columns: {value: off}, absent: no}
window: 1d
"""
    spec = load(written(text))
    assert spec.predictions.columns.scores == {
        "yes": "p_yes",
        "no": "p_no",
        "1": "p_1",
        "012": "p_012",
        "null": "p_null",
        "1e3": "p_e",
    }
    assert spec.predictions.columns.timestamp == "on"
    assert spec.label is not None
    assert (spec.label.value, spec.label.absent) == ("off", "no")


def test_class_names_are_text() -> None:
    columns = {"id": "id", "timestamp": "ts", "scores": {"list": "probs", "classes": [True, 2, "x"]}}
    spec = from_mapping(changed(task="multiclass", predictions__columns=columns))
    assert spec.predictions.columns.scores.classes == ("true", "2", "x")  # type: ignore[union-attr]


# Variables ----------------------------------------------------------------------------------------------------------


def test_variables_are_filled_in_after_the_yaml(written: Any) -> None:
    path = written(ISSUE.replace("predictions/*.parquet", "${env:ROOT}/x-${env:DAY:-today}.parquet"))
    injected = "a\nobjectives: []  # "
    assert str(load(path, environment={"ROOT": injected}).predictions.source) == f"{injected}/x-today.parquet"


def test_a_missing_variable_is_named_with_its_line(written: Any) -> None:
    path = written(
        ISSUE.replace("outcomes.parquet", "${env:NOWHERE}/${env:X:-x}").replace("clicks.parquet", "'${env:3}'")
    )
    assert said(path) == [
        (
            "leadline.yaml:11: outcomes.source: the environment variable NOWHERE is not set; "
            "set it or write ${env:NOWHERE:-default}"
        ),
        "leadline.yaml:16: feedback[0].source: a variable is written ${env:NAME} or ${env:NAME:-default}",
    ]


def test_keys_hold_no_variables(written: Any) -> None:
    text = ISSUE.replace("\nwindow:", "\n${env:HOME}:")
    assert "unknown key '${env:HOME}'" in said(written(text), HOME="window")[0]


def test_a_variable_in_braces_needs_quotes(written: Any) -> None:
    text = ISSUE.replace("clicks.parquet", "${env:CLICKS}")
    assert "inside {...} and [...] a variable needs quotes: '${env:NAME}'" in said(written(text))[0]


@pytest.mark.parametrize(("value", "filled"), [("x", "x"), ("", "d"), (None, "d")])
def test_a_default_stands_for_what_is_not_set_or_empty(value: str | None, filled: str) -> None:
    environment = {} if value is None else {"A": value}
    assert from_mapping(changed(model="${env:A:-d}"), environment=environment).model == filled


# Sources ------------------------------------------------------------------------------------------------------------


def test_sources_in_files(tmp_path: Path) -> None:
    for text, path in {
        "a/*.csv": tmp_path / "a/*.csv",
        "/abs/x.parquet": Path("/abs/x.parquet"),
        "s3://bucket/x": "s3://bucket/x",
    }.items():
        spec = from_mapping(changed(predictions__source=text), directory=tmp_path)
        assert spec.predictions.source == Files(text, str(path))


def test_sources_in_an_engine_hide_their_address() -> None:
    table = {"engine": "postgres", "table": "t", "database": "public", "url": "${env:URL}"}
    spec = from_mapping(changed(predictions__source=table), environment={"URL": "postgresql://me:secret@db/x"})
    assert isinstance(spec.predictions.source, TableSource)
    assert spec.predictions.source.url == "postgresql://me:secret@db/x"
    assert str(spec.predictions.source) == "postgres.public.t"
    assert "secret" not in repr(spec)


def test_sources_in_memory_are_kept_as_they_are() -> None:
    class Frame:
        def __eq__(self, other: object) -> bool:
            raise TypeError("frames are compared cell by cell")

        __hash__ = None  # type: ignore[assignment]

    frame = Frame()
    source = from_mapping(changed(predictions__source=frame)).predictions.source
    assert isinstance(source, Memory)
    assert source.value is frame
    assert str(source) == "Frame in memory"


@pytest.mark.parametrize("source", [None, 5, True, ["a.csv"], "", " ", date(2020, 1, 1)])
def test_what_is_no_source_is_refused(source: object) -> None:
    assert "predictions.source: a source is a file, a glob, a directory or {engine: ..., table: ...}" in refused(
        changed(predictions__source=source)
    )


def test_outcomes_default_to_the_predictions_own_source_and_id() -> None:
    label = from_mapping(changed(outcomes={"columns": {"value": "y"}})).label
    assert label is not None
    assert (str(label.source), label.id, label.matures_after) == ("p.parquet", "id", timedelta())
    assert from_mapping(LEAST).label is None


# Rules across parts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "columns", "text"),
    [
        ("binary", {}, "a binary model needs the column of its 'score' or of its 'prediction'"),
        ("multiclass", {"score": "s"}, "a multiclass model needs the column of its 'prediction', or 'scores'"),
        ("regression", {"score": "s"}, "a regression needs the column of its 'prediction'"),
        ("regression", {"prediction": "p", "scores": {"a": "x", "b": "y"}}, "scores of classes do not go with"),
    ],
)
def test_a_task_needs_its_columns(task: str, columns: dict[str, Any], text: str) -> None:
    columns = {"id": "id", "timestamp": "ts", **columns}
    assert text in refused(changed(task=task, predictions__columns=columns))


@pytest.mark.parametrize("key", ["positive", "predictions__threshold"])
def test_what_is_for_binary_models_is_refused_elsewhere(key: str) -> None:
    mapping = changed(task="regression", predictions__columns__prediction="p", **{key: 1})
    assert "is for binary models, this one is regression" in refused(mapping)


def test_metrics_are_those_of_the_task() -> None:
    regression = changed(task="regression", predictions__columns__prediction="p", metrics=["recall"])
    assert "metrics[0]: 'recall' is not a metric of a regression model" in refused(regression)
    assert from_mapping(changed(metrics="all")).metrics == "all"
    assert "recall is asked for twice" in refused(changed(metrics=["recall", "recall"]))


def test_a_feedback_is_a_metric() -> None:
    clicks = {"name": "click", "columns": {"value": "clicked"}}
    promised = [{"metric": "click", "at_least": 0.1, "window": "7d"}]
    assert from_mapping(changed(feedback=[clicks], objectives=promised)).outcome_tables[0].name == "click"
    assert "did you mean 'click'?" in refused(changed(feedback=[clicks], metrics=["clik"]))
    assert "takes no parameters" in refused(changed(feedback=[clicks], metrics=["click(a=1)"]))
    assert "two feedbacks are called 'click'" in refused(changed(feedback=[clicks, clicks]))
    assert "there are no outcomes to take it from" in refused(changed(feedback=[{"name": "click"}]))


def test_crosses_do_not_nest() -> None:
    slices = ["a", {"cross": ["a", "b"]}, {"cross": ["a:b", "c"]}]
    assert "slices[2].cross: 'a:b' is a cross itself; name its parts instead" in refused(changed(slices=slices))


def test_zero_has_no_sign() -> None:
    promises = [{"metric": "bias", side: -0.0, "window": "28d"} for side in ("at_least", "at_most")]
    found = from_mapping(changed(task="regression", predictions__columns__prediction="p", objectives=promises))
    assert [str(each.target) for each in found.objectives] == ["at least 0", "at most 0"]
    assert [math.copysign(1, each.target.limit) for each in found.objectives if each.target] == [1, 1]


def test_objectives_without_slices_to_name() -> None:
    promised = {"metric": "recall", "at_most": 0.1, "window": "7d"}
    assert "none are declared: add it to slices" in refused(changed(objectives=[{**promised, "slices": ["a"]}]))
    assert "this objective is declared twice" in refused(changed(objectives=[promised, promised]))


def test_regression_outcomes_are_numbers() -> None:
    mapping = changed(task="regression", predictions__columns__prediction="p", outcomes__columns__value="y")
    mapping["outcomes"]["absent"] = "none"
    assert "outcomes.absent: a regression's outcome is a number" in refused(mapping)


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2013-05-01", "2013-05-01T00:00:00+02:00"),
        ("2013-05-01T12:00:00", "2013-05-01T12:00:00+02:00"),
        ("2013-05-01T12:00:00Z", "2013-05-01T12:00:00+00:00"),
        (date(2013, 5, 1), "2013-05-01T00:00:00+02:00"),
    ],
)
def test_a_reference_ends_in_the_declared_zone(until: object, expected: str) -> None:
    until_ = from_mapping(changed(timezone="Europe/Berlin", reference={"until": until})).reference_until
    assert until_ is not None
    assert until_.isoformat() == expected


def test_a_key_of_a_mapping_is_text() -> None:
    assert "a key that is text is needed" in refused({**LEAST, 1: 2})  # type: ignore[dict-item]


def test_many_errors_are_cut_short() -> None:
    text = refused(changed(**{f"x{n}": 1 for n in range(30)}))
    assert text.endswith("and 10 more")


json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
keys = sorted({*Spec.model_fields, "columns", "id", "where", "bin", "cross", "name", "scores", "list", "classes"})
places = st.sampled_from(
    ["predictions", "predictions__columns", "predictions__columns__scores", "predictions__features", *keys]
)


@given(st.dictionaries(places, json_like | st.dictionaries(st.sampled_from(keys), json_like, max_size=3), max_size=2))
def test_anything_is_read_or_refused_in_our_words(changes: dict[str, Any]) -> None:
    changes = {
        key: value for key, value in changes.items() if not any(key.startswith(f"{other}__") for other in changes)
    }
    try:
        from_mapping(changed(**changes), environment={})
    except SpecError as error:
        assert "Input should" not in str(error)  # noqa: PT017  # the words are pydantic's then


@given(st.text(max_size=60))
def test_any_text_is_a_document_or_an_error(text: str) -> None:
    from leadline.spec.yaml_nodes import YamlError, read

    try:
        read(text)
    except YamlError:
        return


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"score": "p", "prediction": "p"}, "'p' is the score already"),
        ({"score": "late"}, "'late' is the score already"),
        ({"score": "p", "weight": "id"}, "'id' is the id already"),
    ],
)
def test_a_column_plays_one_part(columns, said):
    predictions = {"source": "p.parquet", "columns": {"id": "id", "timestamp": "ts", **columns}}
    with pytest.raises(SpecError, match=said):
        from_mapping(
            {
                "version": 1,
                "model": "m",
                "task": "binary",
                "predictions": predictions,
                "outcomes": {"columns": {"value": "late"}},
            }
        )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"multivariate": ["reconstrution"]}, "not one of reconstruction, classifier, embeddings; did you mean 'recon"),
        ({"task": "binry"}, "not one of binary, multiclass, regression; did you mean 'binary'"),
        ({"predictions__features": {"a": {"type": "numerc"}}}, "not one of numeric, categorical, text, boolean; did"),
        ({"objectives": [{"metric": "f1", "no_worse_than": "basline"}]}, "not one of reference, baseline; did you"),
        ({"objectives": [{"metric": "f1", "at_least": 0.5, "rule": "x"}]}, "'x' is not one of detector, interval"),
        ({"predictions__source": {"engine": "x", "table": "t"}}, "'x' is not one of duckdb, spark, postgres"),
        ({"version": 2}, "only 1 is known here, found 2"),
    ],
)
def test_a_word_that_is_no_choice_is_told_beside_the_choices(change: dict[str, Any], says: str) -> None:
    assert says in refused(changed(**change))


def test_of_every_choice_only_its_words_are_named() -> None:
    fields = [(each, name) for each in _MODELS.values() for name in each.model_fields]
    choices = [_choices(each.model_fields[name].annotation) for each, name in fields]
    assert sum(map(bool, choices)) > 8
    assert {type(word) for words in choices for word in words} == {str, int}
