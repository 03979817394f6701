"""OpenSLO: what is exported is valid by the published rules and read back as it was; what is not ours is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given, settings

from leadline.spec import SpecError, from_mapping, load, to_openslo
from leadline.spec.openslo import ALWAYS, label
from leadline.spec.yaml_nodes import read_all, write
from leadline.values import InputError

LEAST: dict[str, Any] = {
    "version": 1,
    "model": "flights",
    "task": "binary",
    "predictions": {"source": "p.parquet", "columns": {"id": "id", "timestamp": "at", "score": "score"}},
    "outcomes": {"source": "o.parquet", "columns": {"value": "late"}},
    "feedback": [{"name": "click", "source": "c.parquet"}],
    "reference": {"until": "2024-01-01"},
    "baseline": {"constant": 0.5},
    "slices": ["carrier", "1e3", "yes", {"name": "far: 'x'", "where": "distance > 5"}],
}
PROMISES: list[dict[str, Any]] = [
    {"metric": "recall", "at_least": 0.6, "window": "28d", "slices": ["carrier", "1e3", "yes", "far: 'x'"]},
    {"metric": "false_positive_rate", "at_most": 0.1, "window": "1mo", "look": "1d", "false_alarms": 0.01},
    {"metric": "click", "at_least": 0.05, "window": "1w"},
    {"metric": "recall(threshold=0.3)", "at_least": 0.9, "window": "7d", "rule": "interval"},
    {"metric": "roc_auc", "at_least": 0.75, "window": "28d", "acknowledged": ["2024-05-01"]},
    {"metric": "log_loss", "at_most": 0.4, "window": "1h"},
    {"metric": "accuracy", "at_least": 1, "window": "28d"},
    {"metric": "false_negative_rate", "at_most": 0, "window": "28d"},
    {"metric": "recall", "no_worse_than": "reference", "by": 0.02, "window": "28d", "slices": ["carrier"],
     "acknowledged": [{"at": "2024-05-01T12:00:00+02:00", "slice": {"carrier": "null"}}]},
    {"metric": "accuracy", "no_worse_than": "baseline", "by": 0, "window": "28d"},
]  # fmt: skip


def spec(*objectives: dict[str, Any], **more: Any) -> Any:
    return from_mapping({**LEAST, **more, "objectives": list(objectives)})


def back(text: str, directory: Path, **more: Any) -> Any:
    """A declaration that reads its objectives from a file with this text."""
    (directory / "slos.yaml").write_text(text, encoding="utf-8")
    return from_mapping({**LEAST, **more, "objectives": {"openslo": "slos.yaml"}}, directory)


# There and back -----------------------------------------------------------------------------------------------------


def test_what_is_exported_is_read_back_as_it_was(tmp_path: Path) -> None:
    of = spec(*PROMISES)
    again = back(to_openslo(of), tmp_path)
    assert again.objectives == of.objectives
    assert again.left_out == ()
    assert to_openslo(again) == to_openslo(of)


shares = st.floats(0, 1) | st.sampled_from([0.0, 1.0, 5e-324, 1 - 2**-53, 0.1, 1 / 3])
numbers = st.floats(-1e300, 1e300) | st.integers(-5, 5).map(float)
binary = st.tuples(
    st.sampled_from(["recall", "f1", "brier", "click", "positive_rate", "cost(fp=2)"]),
    st.sampled_from(["at_least", "at_most"]),
    shares | numbers,
    st.sampled_from(["1h", "1d", "3d", "1w", "28d", "1mo"]),
    st.lists(st.sampled_from(["carrier", "1e3", "yes", "far: 'x'"]), unique=True),
)


@settings(max_examples=60)
@given(st.lists(binary, min_size=1, max_size=6, unique_by=lambda each: (each[0], each[3])), st.text(min_size=1))
def test_any_objectives_and_any_model_s_name_come_back(tmp_path_factory: Any, every: Any, model: str) -> None:
    promises = [
        {"metric": metric, side: limit, "window": window, "slices": slices}
        for metric, side, limit, window, slices in every
    ]
    of = spec(*promises, model=model)
    directory = tmp_path_factory.mktemp("slos")
    text = to_openslo(of)
    assert back(text, directory, model=model).objectives == of.objectives
    assert valid(text)


def test_a_regression_s_and_a_multiclass_model_s_metrics_come_back(tmp_path: Path) -> None:
    regression = {"task": "regression", "predictions": {
        "source": "p.parquet", "columns": {"id": "id", "timestamp": "at", "prediction": "minutes"}}}  # fmt: skip
    promises = [{"metric": "mae", "at_most": 3, "window": "28d"}, {"metric": "r2", "at_least": -0.5, "window": "28d"}]
    of = spec(*promises, **regression)
    assert back(to_openslo(of), tmp_path, **regression).objectives == of.objectives
    multiclass = {"task": "multiclass", "baseline": None, "predictions": {
        "source": "p.parquet", "columns": {"id": "id", "timestamp": "at", "prediction": "kind"}}}  # fmt: skip
    promises = [{"metric": "recall(class='a, b')", "at_least": 0.5, "window": "28d"}]
    of = spec(*promises, **multiclass)
    text = to_openslo(of)
    assert "target: 0.5" in text
    assert back(text, tmp_path, **multiclass).objectives == of.objectives


# Valid by the published rules ---------------------------------------------------------------------------------------

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def valid(text: str) -> bool:
    """What https://github.com/OpenSLO/go-sdk (pkg/openslo/v1) asks of Services and SLOs, with PyYAML's own reader."""
    names = set()
    for each in yaml.safe_load_all(text):
        assert each["apiVersion"] == "openslo/v1"
        metadata, body = each["metadata"], each["spec"]
        assert LABEL.fullmatch(metadata["name"])
        assert len(metadata.get("displayName", "")) <= 63
        assert len(body.get("description", "")) <= 1050
        assert (each["kind"], metadata["name"]) not in names
        names.add((each["kind"], metadata["name"]))
        if each["kind"] != "SLO":
            assert each["kind"] == "Service"
            continue
        assert ("Service", body["service"]) in names
        assert body["budgetingMethod"] == "Occurrences"
        (window,) = body["timeWindow"]
        assert window["isRolling"] is True
        assert "calendar" not in window
        assert re.fullmatch(r"[1-9][0-9]*[mhdwMQY]", window["duration"])
        (objective,) = body["objectives"]
        assert 0 <= objective["target"] < 1
        assert LABEL.fullmatch(body["indicator"]["metadata"]["name"])
        indicator = body["indicator"]["spec"]
        assert len({"thresholdMetric", "ratioMetric"} & set(indicator)) == 1
        if "ratioMetric" in indicator:
            ratio = indicator["ratioMetric"]
            assert set(ratio) == {"counter", "rawType", "raw"}
            assert ratio["rawType"] in ("success", "failure")
            assert set(objective) == {"target"}
            source = ratio["raw"]["metricSource"]
        else:
            assert objective["op"] in ("lte", "gte", "lt", "gt")
            assert isinstance(objective["value"], int | float)
            source = indicator["thresholdMetric"]["metricSource"]
        assert source["type"] == "leadline"
        assert source["spec"]
    return True


def test_the_export_keeps_the_published_rules() -> None:
    long = "A model whose name goes on and on and on and on and on and on and on and on and on"
    assert valid(to_openslo(spec(*PROMISES, model=long)))
    assert valid(to_openslo(spec(*PROMISES, model="模型")))


def test_shares_are_ratios_and_other_figures_are_thresholds() -> None:
    found = [each["spec"] for each in yaml.safe_load_all(to_openslo(spec(*PROMISES))) if each["kind"] == "SLO"]
    written = [
        (each["indicator"]["spec"].get("ratioMetric", {}).get("rawType"), *each["objectives"][0].values())
        for each in found
    ]
    assert written == [
        ("success", 0.6),
        ("failure", 0.9),
        ("success", 0.05),
        ("success", 0.9),
        (None, "gte", 0.75, ALWAYS),
        (None, "lte", 0.4, ALWAYS),
        (None, "gte", 1.0, ALWAYS),
        (None, "lte", 0.0, ALWAYS),
        (None, "lte", 0.02, ALWAYS),
        (None, "lte", 0.0, ALWAYS),
    ]


def test_names_are_labels_and_tell_objectives_apart() -> None:
    assert [label(each) for each in ("Flights!", "-a-", "é", "", "a" * 80)] == [
        "flights", "a", "e", "model", "a" * 63
    ]  # fmt: skip
    same = [{**PROMISES[0], "slices": []}, PROMISES[0], {**PROMISES[0], "rule": "interval"}]
    names = [each["metadata"]["name"] for each in yaml.safe_load_all(to_openslo(spec(*same)))]
    assert names == ["flights", "flights-recall-28d", "flights-recall-28d-2", "flights-recall-28d-3"]


def test_without_objectives_there_is_nothing_to_export() -> None:
    with pytest.raises(InputError, match="has no objectives to export"):
        to_openslo(spec())


# Reading ------------------------------------------------------------------------------------------------------------

SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: recall}
spec:
  service: flights
  indicator:
    metadata: {name: recall}
    spec:
      ratioMetric:
        rawType: success
        raw:
          metricSource:
            type: leadline
            spec: {metric: recall}
  timeWindow:
    - duration: 4w
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - target: 0.6
"""
THRESHOLD = "      thresholdMetric: {metricSource: {type: leadline, spec: {metric: roc_auc}}}\n"
FOREIGN = """\
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: latency}
spec:
  service: flights
  indicator:
    metadata: {name: latency}
    spec:
      thresholdMetric:
        metricSource: {type: Prometheus, spec: {query: "latency"}}
  timeWindow: [{duration: 1Q, calendar: {startTime: 2024-01-01 00:00:00, timeZone: UTC}}]
  budgetingMethod: Timeslices
  objectives: [{op: lte, value: 1, target: 0.9, timeSliceTarget: 0.9, timeSliceWindow: 1m}]
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: page}
spec: {anything: [at, all]}
"""


def test_an_slo_that_people_write_is_read(tmp_path: Path) -> None:
    of = back(SLO, tmp_path)
    (found,) = of.objectives
    assert found == spec({"metric": "recall", "at_least": 0.6, "window": "28d"}).objectives[0]
    percent = back(SLO.replace("target: 0.6", "targetPercent: 99.95"), tmp_path).objectives[0]
    assert percent.at_least == 0.9995
    failure = back(SLO.replace("success", "failure"), tmp_path).objectives[0]
    assert failure.at_most == 0.4


def test_indicators_and_data_sources_may_stand_in_documents_of_their_own(tmp_path: Path) -> None:
    apart = """\
apiVersion: openslo/v1
kind: DataSource
metadata: {name: ours}
spec: {type: leadline, connectionDetails: {}}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: recall}
spec:
  ratioMetric: {rawType: success, raw: {metricSource: {metricSourceRef: ours, spec: {metric: recall}}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: recall}
spec:
  service: flights
  indicatorRef: recall
  timeWindow: [{duration: 1M, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.6}]
"""
    (found,) = back(apart, tmp_path).objectives
    assert (str(found.metric), str(found.window)) == ("recall", "1mo")
    with pytest.raises(SpecError) as wrong:
        back(apart.replace("{metric: recall}", "{metric: recal}"), tmp_path)
    assert "slos.yaml:10: SLI 'recall': spec.ratioMetric.raw.metricSource.spec.metric: 'recal'" in str(wrong.value)


def test_what_is_not_ours_is_skipped_with_a_sentence_and_its_line(tmp_path: Path) -> None:
    other = SLO.replace("name: recall", "name: other").replace("service: flights", "service: trains")
    composed = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: composed}
spec:
  service: flights
  budgetingMethod: Occurrences
  objectives: [{target: 0.6, compositeWeight: 1, indicatorRef: recall}, {target: 0.5, indicatorRef: latency}]
"""
    text = SLO + "  alertPolicies: [{alertPolicyRef: page}]\n" + FOREIGN + "---\n" + other + "---\n" + composed
    of = back(text, tmp_path)
    assert len(of.objectives) == 1
    told = [each.removeprefix(str(tmp_path / "slos.yaml")) for each in of.left_out]
    assert told == [
        ":21: SLO 'recall': spec.alertPolicies: alert policies are not read: Leadline alerts by its own rule",
        (
            ":32: SLO 'latency': spec.indicator.spec.thresholdMetric.metricSource: its metric source is 'Prometheus',"
            " not 'leadline': left out"
        ),
        ":46: SLO 'other': spec.service: it is of the service 'trains', not of 'flights': left out",
        ":69: SLO 'composed': spec.objectives: an SLO that is composed of several is not read: left out",
    ]
    with pytest.raises(SpecError, match="has no SLO of the model 'flights': nothing would be judged"):
        back(FOREIGN, tmp_path)
    elsewhere = SLO[: SLO.index("  indicator:")] + "  indicatorRef: apart\n" + SLO[SLO.index("  timeWindow") :]
    with pytest.raises(SpecError, match="its indicator 'apart' is not in this file: left out"):
        back(elsewhere, tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("openslo/v1", "openslo/v1alpha", 1, "document 1: apiVersion: 'openslo/v1alpha' is not read: openslo/v1 is"),
        ("kind: SLO", "kind: Slo", 2, "document 1: kind: 'Slo' is not read: SLO or SLI or Service"),
        ("metadata: {name: recall}\nspec", "metadata: {}\nspec", 3, "document 1: metadata: 'name' is missing"),
        ("metadata: {name: recall}\nspec", "metadata: {name: A b}\nspec", 3, "'A b' is not a name"),
        ("metadata: {name: recall}\nspec", "metadata: {name: recall, nam: x}\nspec", 3, "unknown key 'nam'; did you"),
        ("spec:\n  service", "spec: 5\nservice:\n  service", 5, "unknown key 'service'"),
        ("  service: flights\n", "", 4, "SLO 'recall': spec: 'service' is missing"),
        ("Occurrences", "Timeslices", 18, "'Timeslices' is not read: Occurrences is needed"),
        ("Occurrences", "[a]", 18, "a list is not read: Occurrences is needed"),
        ("    - duration: 4w\n      isRolling: true", "    []", 15, "exactly one window is needed, found 0"),
        ("isRolling: true", "isRolling: false", 17, "only rolling windows are read"),
        ("isRolling: true", "isRolling: true\n      calendar: {timeZone: UTC}", 18, "windows of the calendar are not"),
        ("4w", "1Q", 16, "'1Q' is none of Leadline's windows"),
        ("4w", "0d", 16, "'0d' is not a length such as 28d"),
        ("4w", "28", 16, "text is needed, found 28"),
        ("4w", "99999999d", 16, "is not a length"),
        ("4w", "999999d", 16, "SLO 'recall': spec.timeWindow[0].duration: '999999d' is too long"),
        ("    - target: 0.6", "    - target: 0.6\n    - target: 0.5", 19, "one objective in an SLO: write an SLO for"),
        ("target: 0.6", "target: 0.6\n      timeSliceTarget: 0.9", 21, "timeSliceTarget is not read: Leadline judges"),
        ("target: 0.6", "target: 0.6\n      compositeWeight: 1", 21, "compositeWeight is not read"),
        ("target: 0.6", "target: 0.6\n      targetPercent: 60", 20, "exactly one of target and targetPercent is need"),
        ("target: 0.6", "displayName: x", 20, "exactly one of target and targetPercent is needed; none is given"),
        ("target: 0.6", "target: 1", 20, "target is from 0 to below 1, found 1"),
        ("target: 0.6", "target: '0.6'", 20, "a finite number is needed, found '0.6'"),
        ("target: 0.6", "target: .nan", 20, "a finite number is needed"),
        ("target: 0.6", "target: true", 20, "a finite number is needed, found true"),
        ("target: 0.6", "target: 0.6\n      op: gte", 21, "op goes with a thresholdMetric"),
        ("rawType: success", "rawType: good", 10, "'good' is not read: success or failure is needed"),
        ("        raw:", "        total:", 10, "it as a raw ratio"),
        ("{metric: recall}", "{metric: recall, at_least: 0.9}", 14, "unknown key 'at_least'"),
        ("{metric: recall}", "{slices: []}", 14, "'metric' is missing"),
        ("{metric: recall}", "{metric: recall, slices: [carrier, carier]}", 14, "'carier' is not a declared slice"),
        ("{metric: recall}", "{metric: recall, false_alarms: 7}", 14, "a number below 1 is needed, found 7"),
        ("{metric: recall}", "{metric: recall, no_worse_than: reference}", 14, "is no ratio: write a thresholdMetric"),
        ("{metric: recall}", "recall", 14, "a mapping (key: value) is needed, found 'recall'"),
        ("{metric: recall}", "*x", 14, "undefined alias"),
        ("    - duration: 4w\n      isRolling: true", "    duration: 4w", 15, "a list is needed, found a mapping"),
        ("            type: leadline\n", "", 12, "'type' is missing, and no metricSourceRef says it"),
        ("      ratioMetric:", f"{THRESHOLD}      ratioMetric:", 8, "ratioMetric is needed; both are given"),
        ("      ratioMetric:", "      ratio:", 8, "one of thresholdMetric and ratioMetric is needed"),
        ("  indicator:\n    metadata: {name: recall}\n    spec:", "  other:\n    spec:", 4, "'indicator' is missing"),
        ("{metric: recall}", "!!python/object/apply:os.system [id]", 14, "tags such as"),
        ("{metric: recall}", "{<<: {metric: recall}}", 14, "merge keys (<<) are not read"),
        ("{metric: recall}", "{metric: recall, metric: f1}", 14, "key 'metric' is written twice"),
        ("{metric: recall}", "{metric: " + "[" * 60 + "]" * 60 + "}", 14, "nested deeper than"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_document_and_line(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    assert SLO.count(old) >= 1
    if said == "it as a raw ratio":
        new, said = (
            "        good: {metricSource: {type: leadline, spec: {metric: recall}}}\n        total:",
            "is a ratio",
        )
        line = 9
    with pytest.raises(SpecError) as wrong:
        back(SLO.replace(old, new, 1), tmp_path)
    lines = str(wrong.value).splitlines()
    start = f"{tmp_path / 'slos.yaml'}:{line}: "
    assert any(each.startswith(start) and said in each for each in lines), lines


@pytest.mark.parametrize(
    ("promise", "said"),
    [
        ("{op: gt, value: 0.6, target: 0.999}", "'gt' is not read: gte or lte is needed"),
        ("{op: gte, target: 0.999}", "'value' is missing"),
        ("{op: gte, value: 0.6, target: 0.9}", "has to keep its limit always: write target: 0.999, found 0.9"),
    ],
)
def test_thresholds_are_kept_always(tmp_path: Path, promise: str, said: str) -> None:
    ratio = SLO[SLO.index("      ratioMetric") : SLO.index("  timeWindow")]
    text = SLO.replace(ratio, THRESHOLD).replace("target: 0.6", f"@{promise}").replace("- @", "- ")
    with pytest.raises(SpecError, match=said):
        back(text, tmp_path)
    kept = text.replace(promise, "{op: gte, value: 0.6, target: 0.999}")
    assert back(kept, tmp_path).objectives[0].at_least == 0.6


def test_names_come_once_and_objectives_too(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"slos\.yaml:24: document 2: metadata: SLO 'recall' is declared twice; first"):
        back(f"{SLO}---\n{SLO}", tmp_path)
    again = SLO.replace("metadata: {name: recall}\nspec", "metadata: {name: again}\nspec")
    with pytest.raises(SpecError, match=r"slos\.yaml:22: SLO 'again': this objective is declared twice"):
        back(f"{SLO}---\n{again}", tmp_path)


def test_aliases_are_written_out_but_not_without_end(tmp_path: Path) -> None:
    text = SLO.replace("metadata: {name: recall}\nspec", "metadata: &m {name: recall}\nspec").replace(
        "    metadata: {name: recall}", "    metadata: *m"
    )
    assert len(back(text, tmp_path).objectives) == 1
    bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcd", "bcde", strict=True)
    )
    with pytest.raises(SpecError, match="too large once its aliases"):
        back(f"{SLO}---\n{bomb}", tmp_path)
    half = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abc", "bcd", strict=True)
    )
    with pytest.raises(SpecError, match="too large once its aliases"):
        back("---\n".join([half] * 6), tmp_path)  # the limit is for all documents together


def test_the_declaration_says_where_its_objectives_are(tmp_path: Path) -> None:
    declaration = write([{**LEAST, "objectives": {"openslo": "${env:SLOS}"}}])
    (tmp_path / "leadline.yaml").write_text(declaration)
    (tmp_path / "slos.yaml").write_text(SLO)
    assert len(load(tmp_path / "leadline.yaml", {"SLOS": "slos.yaml"}).objectives) == 1
    with pytest.raises(SpecError, match="there is no such file; `leadline export --openslo` writes one"):
        load(tmp_path / "leadline.yaml", {"SLOS": "none.yaml"})
    for form in ({"openslo": 5}, {"openslo": "a", "b": 1}, {}, {"opensl": "a"}):
        with pytest.raises(SpecError, match=r"objectives are a list, or \{openslo: FILE\}"):
            from_mapping({**LEAST, "objectives": form}, tmp_path)
    with pytest.raises(SpecError, match="'model' is missing"):
        from_mapping(
            {key: value for key, value in LEAST.items() if key != "model"} | {"objectives": {"openslo": "slos.yaml"}},
            tmp_path,
        )
    for text in ("", "---\n---\n", "[]", "5", "a"):
        with pytest.raises(SpecError, match=r"slos\.yaml"):
            back(text, tmp_path)


scalars = st.text() | st.sampled_from(
    ["1e3", "0o7", "yes", "12:30", "~", "=", "<<", "2024-01-01", ".5", "\u2028", "\x85"]
)


@given(st.recursive(
    scalars | st.floats(allow_nan=False) | st.integers(-(10**30), 10**30) | st.booleans() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), inner),
    max_leaves=10,
))  # fmt: skip
def test_yaml_that_is_written_is_read_back(value: Any) -> None:
    (found,) = read_all(write([value]))
    assert found.value == value
