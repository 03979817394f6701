"""Objectives as OpenSLO v1 documents, written and read.

An SLO of ours has an indicator whose metric source has the type `leadline`; its `spec` says in the words of our own
declaration what OpenSLO has no words for: the metric, its slices, the rule. Everything else stands where OpenSLO has
it, once: the limit, the window, the service. So a number that is changed there is changed.

Shares of good rows (accuracy, recall, precision, rates) are ratio metrics of the form `raw`, as they come as ratios:
at least 0.6 is the target 0.6 of a success ratio, at most 0.1 the target 0.9 of a failure ratio. All other figures
(ROC AUC, F1, an error of 3) are threshold metrics with `op` and `value`; so are shares whose target would be 1, which
OpenSLO's targets lie below. What is promised of a threshold metric holds always; the target that says so is `ALWAYS`.

Source: OpenSLO specification v1, https://github.com/OpenSLO/OpenSLO (README.md), and the validation in its Go SDK,
https://github.com/OpenSLO/go-sdk (pkg/openslo/v1), which also wants names that are RFC 1123 labels everywhere.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any, Final

from leadline.metrics import MetricCall, build
from leadline.metrics.metric import F1, MeanShare, Share
from leadline.metrics.thresholds import AtThreshold
from leadline.spec.model import Objective, Spec
from leadline.spec.words import dotted, instead, listed, shown
from leadline.spec.yaml_nodes import Document, Path, Place, read_all, write
from leadline.values import InputError, Span, Target

VERSION: Final = "openslo/v1"
KINDS: Final = (
    "SLO", "SLI", "Service", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget",
)  # fmt: skip
#: the type of our metric sources
TYPE: Final = "leadline"
#: OpenSLO's targets lie below 1
ALWAYS: Final = 0.999
LONGEST_NAME: Final = 63
LONGEST_TITLE: Final = 63
LONGEST_DESCRIPTION: Final = 1050

#: what a metric source of ours says in our own words: the keys of an objective that have no place in OpenSLO
OWN: Final = ("metric", "no_worse_than", "slices", "frozen_mix", "rule", "look", "false_alarms", "acknowledged")


# Writing ------------------------------------------------------------------------------------------------------------


def to_openslo(spec: Spec) -> str:
    """The objectives of a declaration as OpenSLO v1: one `Service`, the model, and one `SLO` an objective.

    Raises InputError where it has none. Names are RFC 1123 labels, told apart by a number where they would be equal.
    """
    if not spec.objectives:
        raise InputError("the declaration has no objectives to export: add some under `objectives`")
    service: dict[str, Any] = {"name": label(spec.model)}
    if service["name"] != spec.model:
        service["displayName"] = spec.model[:LONGEST_TITLE]
    documents: list[dict[str, Any]] = [
        {
            "apiVersion": VERSION,
            "kind": "Service",
            "metadata": service,
            "spec": {"description": f"The {spec.task} model {spec.model}"[:LONGEST_DESCRIPTION]},
        }
    ]
    names: set[str] = set()
    for objective in spec.objectives:
        name = _name(spec, objective, names)
        names.add(name)
        documents.append(_slo(spec, objective, name))
    return write(documents)


def label(text: str, longest: int = LONGEST_NAME) -> str:
    """A name of lower-case letters, digits and `-` (RFC 1123), at most 63 characters.

    >>> label("Flight delay (v2)"), label("模型")
    ('flight-delay-v2', 'model')
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:longest].rstrip("-") or "model"


def _name(spec: Spec, objective: Objective, taken: set[str]) -> str:
    """The end of a name tells objectives apart, so that of a long one the beginning is cut."""
    end = label(f"{objective.figure}-{objective.window}", 40)
    ends = (end if number == 1 else f"{end}-{number}" for number in count(1))
    names = (f"{label(spec.model, LONGEST_NAME - 1 - len(each))}-{each}" for each in ends)
    return next(name for name in names if name not in taken)


def _slo(spec: Spec, objective: Objective, name: str) -> dict[str, Any]:
    said = objective.model_dump(mode="json", exclude_defaults=True, include=set(OWN))
    source = {"metricSource": {"type": TYPE, "spec": {key: said[key] for key in OWN if key in said}}}
    ratio = _ratio(spec, objective)
    if ratio is not None:
        kind, target = ratio
        indicator: dict[str, Any] = {"ratioMetric": {"counter": False, "rawType": kind, "raw": source}}
        promise: dict[str, Any] = {"target": target}
    else:
        indicator = {"thresholdMetric": source}
        op, value = _compared(objective)
        promise = {"op": op, "value": value, "target": ALWAYS}
    return {
        "apiVersion": VERSION,
        "kind": "SLO",
        "metadata": {"name": name},
        "spec": {
            "description": _described(objective)[:LONGEST_DESCRIPTION],
            "service": label(spec.model),
            "indicator": {"metadata": {"name": name}, "spec": indicator},
            "timeWindow": [{"duration": _shorthand(objective.window), "isRolling": True}],
            "budgetingMethod": "Occurrences",
            "objectives": [promise],
        },
    }


def _described(objective: Objective) -> str:
    target = objective.target
    promise = f"no worse than the {objective.no_worse_than} by more than {objective.by:g}" if target is None else target
    where = f", for all rows and each slice of {listed(objective.slices)}" if objective.slices else ""
    mix = "" if objective.frozen_mix is None else f" at the reference's mix of {objective.frozen_mix}"
    return f"{objective.metric}{mix} {promise}{where}"


def _ratio(spec: Spec, objective: Objective) -> tuple[str, float] | None:
    """The type of ratio and the target of a share; None where it cannot be said so that it is read back."""
    target = objective.target
    if target is None or objective.frozen_mix is not None or not _is_share(spec, objective.metric):
        return None
    kind = "success" if target.side == "at_least" else "failure"
    told = target.limit if kind == "success" else _complement(target.limit)
    return (kind, told) if 0 <= told < 1 and _target(kind, told) == target else None


def _is_share(spec: Spec, call: MetricCall) -> bool:
    """Whether a metric counts good rows among all that it looks at."""
    if call.name in {*(each.name for each in spec.feedback), *(each.name for each in spec.every_proxy)}:
        return True
    # the classes that it names are enough to tell what kind of figure it is
    built = build(call, spec.task, tuple({value for _, value in call.parameters if isinstance(value, str)}))
    inner = built.inner if isinstance(built, AtThreshold) else built
    return isinstance(inner, Share | MeanShare) and not isinstance(inner, F1)


def _complement(share: float) -> float:
    """1 - share, as one writes it: 0.9 for 0.1."""
    return float(1 - Decimal(repr(share)))


def _target(kind: str, told: float) -> Target:
    """What a ratio's target promises."""
    return Target("at_least", told) if kind == "success" else Target("at_most", _complement(told))


def _compared(objective: Objective) -> tuple[str, float]:
    """Operator and value; of what is no worse than something the figure is how much worse it is."""
    if objective.at_least is not None:
        return "gte", objective.at_least
    value = objective.at_most if objective.at_most is not None else objective.by
    assert value is not None  # noqa: S101  # an objective has one of the three
    return "lte", value


def _shorthand(span: Span) -> str:
    """A window in OpenSLO's units, where months are M."""
    return f"{span.count}{'M' if span.unit == 'mo' else span.unit}"


# Reading ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """Something in a text that is wrong or is not read: of what, where, and why."""

    name: str
    path: Path
    place: Place
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.name, dotted(self.path), self.text) if part)


class _NotReadError(Exception):
    """Why a document is not read, and where."""

    def __init__(self, part: Part, text: str) -> None:
        super().__init__(text)
        self.finding = Finding(part.name, part.path, part.place, text)


class _Refused(_NotReadError):  # noqa: N818  # the name says it
    """It has to be put right first."""


class _Skipped(_NotReadError):  # noqa: N818
    """It is not ours to read."""


@dataclass(frozen=True)
class Part:
    """A part of a document: its value, its place, and what the document is called in messages.

    What is asked of it that it has not is refused, with the reason.
    """

    value: object
    path: Path
    document: Document
    name: str

    @property
    def place(self) -> Place:
        """Where it is written."""
        return self.document.place(self.path)

    def has(self, key: str) -> bool:
        """Whether something stands under a key."""
        return isinstance(self.value, Mapping) and self.value.get(key) is not None

    def get(self, key: str | int) -> Part:
        """What stands under a key of a mapping or in a place of a list; refused where it is missing."""
        value = self.value
        if isinstance(key, str):
            if not isinstance(value, Mapping):
                raise _Refused(self, f"a mapping (key: value) is needed, found {shown(value)}")
            if value.get(key) is None:
                raise _Refused(self, f"{key!r} is missing")
            return Part(value[key], (*self.path, key), self.document, self.name)
        assert isinstance(value, list)  # noqa: S101
        return Part(value[key], (*self.path, key), self.document, self.name)

    def only(self, *known: str) -> Part:
        """Itself, where it is a mapping with no other keys than these."""
        if not isinstance(self.value, Mapping):
            raise _Refused(self, f"a mapping (key: value) is needed, found {shown(self.value)}")
        for key in self.value:
            if key not in known:
                text = f"unknown key {key!r}{instead(str(key), known)}"
                raise _Refused(Part(None, (*self.path, key), self.document, self.name), text)
        return self

    def one(self, what: str) -> Part:
        """The only member of a list."""
        if not isinstance(self.value, list):
            raise _Refused(self, f"a list is needed, found {shown(self.value)}")
        if len(self.value) != 1:
            raise _Refused(self, f"{what}, found {len(self.value)}")
        return self.get(0)

    @property
    def text(self) -> str:
        """Itself, where it is text."""
        if not isinstance(self.value, str) or not self.value:
            raise _Refused(self, f"text is needed, found {shown(self.value)}")
        return self.value

    @property
    def number(self) -> float:
        """Itself, where it is a number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or not math.isfinite(self.value):
            raise _Refused(self, f"a finite number is needed, found {shown(self.value)}")
        return float(self.value)

    def word(self, *words: str) -> str:
        """One of some words."""
        if self.value not in words:
            raise _Refused(self, f"{shown(self.value)} is not read: {' or '.join(words)} is needed")
        return str(self.value)


@dataclass(frozen=True)
class Origin:
    """Where an objective is written: the document of its SLO, and the parts that its keys are read from."""

    whole: Part
    parts: Mapping[str, Part]

    def finding(self, inside: Path, text: str) -> Finding:
        """Something about a place in the objective, such as ("slices", 0), as one in the text."""
        part = self.parts.get(str(inside[0])) if inside else None
        if part is None:
            return Finding(self.whole.name, (), self.whole.place, text)
        path = (*part.path, *inside[1:])
        return Finding(part.name, path, part.document.place(path), text)


@dataclass(frozen=True)
class Found:
    """What a text of OpenSLO documents says of a model.

    objectives  as in a declaration, each with its origin
    problems    what must be put right before any is used
    skipped     SLOs, and parts of ours, that are somebody else's
    """

    objectives: tuple[tuple[dict[str, Any], Origin], ...]
    problems: tuple[Finding, ...]
    skipped: tuple[Finding, ...]


def from_openslo(text: str, model: str) -> Found:
    """Read the SLOs of a model, by the name of its service: the model's, or its `label`.

    Raises YamlError where the text is not YAML that is read. What we have no words for is a problem: windows of the
    calendar, several objectives in one SLO, composites, time slices. SLOs of other services and of other metric
    sources are skipped.
    """
    problems: list[Finding] = []
    skipped: list[Finding] = []
    objects: dict[tuple[str, str], Part] = {}
    for number, document in enumerate(read_all(text), start=1):
        if document.value is None:
            continue
        whole = Part(document.value, (), document, f"document {number}")
        try:
            kind, name, named = _object(whole)
            if (kind, name) in objects:
                first = objects[kind, name].place.line
                raise _Refused(whole.get("metadata"), f"{kind} {name!r} is declared twice; first in line {first}")
            objects[kind, name] = named
        except _Refused as problem:
            problems.append(problem.finding)
    made: list[tuple[dict[str, Any], Origin]] = []
    for (kind, _), slo in objects.items():
        if kind != "SLO":
            continue
        try:
            made.append(_objective(slo, model, objects))
            if slo.get("spec").has("alertPolicies"):
                text_ = "alert policies are not read: Leadline alerts by its own rule"
                skipped.append(_Skipped(slo.get("spec").get("alertPolicies"), text_).finding)
        except _Refused as problem:
            problems.append(problem.finding)
        except _Skipped as other:
            skipped.append(other.finding)
    return Found(tuple(made), tuple(problems), tuple(skipped))


#: shorter than what implementations have to know; these also know what they are encouraged to
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.|/\\]{0,253}[a-z0-9])?")


def _object(part: Part) -> tuple[str, str, Part]:
    """Kind and name of a document, and the document called by them in messages."""
    part.get("apiVersion").word(VERSION)
    kind = part.get("kind").word(*KINDS)
    metadata = part.get("metadata").only("name", "displayName", "labels", "annotations")
    name = metadata.get("name").text
    if not _NAME.fullmatch(name):
        text = f"{shown(name)} is not a name: lower-case letters, digits and -, at most 63 characters"
        raise _Refused(metadata.get("name"), text)
    part.only("apiVersion", "kind", "metadata", "spec")
    return kind, name, Part(part.value, part.path, part.document, f"{kind} {name!r}")


def _objective(slo: Part, model: str, objects: Mapping[tuple[str, str], Part]) -> tuple[dict[str, Any], Origin]:
    """An SLO of ours as an objective of a declaration."""
    spec = slo.get("spec")
    indicator = _indicator(spec, objects)
    source, kind = _source(indicator, objects)
    service = spec.get("service")
    if service.text not in (model, label(model)):
        raise _Skipped(service, f"it is of the service {service.text!r}, not of {label(model)!r}: left out")
    spec.only(
        "description", "service", "indicator", "indicatorRef", "timeWindow", "budgetingMethod", "objectives",
        "alertPolicies",
    )  # fmt: skip
    spec.get("budgetingMethod").word("Occurrences")
    window = _window(spec.get("timeWindow").one("exactly one window is needed"))
    promise = spec.get("objectives").one("Leadline reads one objective in an SLO: write an SLO for each")
    limits = _limits(promise, kind, source)
    found: dict[str, tuple[object, Part]] = {"window": (window.value, window), **limits}
    for key in OWN:
        if source.has(key):
            found[key] = (source.get(key).value, source.get(key))
    source.get("metric")
    mapping = {key: value for key, (value, _) in found.items()}
    return mapping, Origin(slo, {key: part for key, (_, part) in found.items()})


def _indicator(spec: Part, objects: Mapping[tuple[str, str], Part]) -> Part:
    """The `spec` of an SLO's indicator, in place or by its name."""
    if not spec.has("indicator") and not spec.has("indicatorRef"):
        objectives = spec.get("objectives")
        every = objectives.value if isinstance(objectives.value, list) else []
        if any(isinstance(each, Mapping) and {"indicator", "indicatorRef"} & set(each) for each in every):
            raise _Skipped(objectives, "an SLO that is composed of several is not read: left out")
        raise _Refused(spec, "'indicator' is missing")
    if spec.has("indicator"):
        return spec.get("indicator").only("metadata", "spec").get("spec")
    name = spec.get("indicatorRef")
    if ("SLI", name.text) not in objects:
        raise _Skipped(name, f"its indicator {name.text!r} is not in this file: left out")
    return objects["SLI", name.text].get("spec")


def _source(indicator: Part, objects: Mapping[tuple[str, str], Part]) -> tuple[Part, str]:
    """The `spec` of an indicator's metric source, where that is ours, and its kind: threshold, success, failure."""
    places = list(_places(indicator))
    if not places:
        raise _Refused(indicator, "one of thresholdMetric and ratioMetric is needed")
    for place in places:
        found = _type(place, objects)
        if found != TYPE:
            raise _Skipped(place, f"its metric source is {shown(found)}, not {TYPE!r}: left out")
    indicator.only("description", "thresholdMetric", "ratioMetric")
    if indicator.has("ratioMetric") and indicator.has("thresholdMetric"):
        raise _Refused(indicator, "one of thresholdMetric and ratioMetric is needed; both are given")
    if indicator.has("ratioMetric"):
        ratio = indicator.get("ratioMetric")
        if not ratio.has("raw"):
            raise _Refused(ratio, "a metric of Leadline is a ratio already: write it under raw, with rawType")
        kind = ratio.only("counter", "raw", "rawType").get("rawType").word("success", "failure")
    else:
        kind = "threshold"
    return places[0].only("metricSourceRef", "type", "spec").get("spec").only(*OWN), kind


def _places(indicator: Part) -> Iterator[Part]:
    """All metric sources of an indicator."""
    if indicator.has("thresholdMetric"):
        yield indicator.get("thresholdMetric").get("metricSource")
    if indicator.has("ratioMetric"):
        ratio = indicator.get("ratioMetric")
        for key in ("good", "bad", "total", "raw"):
            if ratio.has(key):
                yield ratio.get(key).get("metricSource")


def _type(source: Part, objects: Mapping[tuple[str, str], Part]) -> object:
    """The type of a metric source: its own, or that of the data source that it names."""
    if source.has("type"):
        return source.get("type").value
    if not source.has("metricSourceRef"):
        raise _Refused(source, "'type' is missing, and no metricSourceRef says it")
    named = objects.get(("DataSource", source.get("metricSourceRef").text))
    return None if named is None or not named.get("spec").has("type") else named.get("spec").get("type").value


_LENGTH: Final = re.compile(r"([1-9][0-9]{0,5})([mhdwMQY])")


def _window(part: Part) -> Part:
    """A rolling window as its length in our words, in the place of its duration."""
    if part.has("calendar"):
        raise _Refused(part.get("calendar"), "windows of the calendar are not read: Leadline's windows roll")
    part.only("duration", "isRolling", "calendar")
    if part.get("isRolling").value is not True:
        raise _Refused(part.get("isRolling"), "only rolling windows are read: isRolling: true")
    duration = part.get("duration")
    found = _LENGTH.fullmatch(duration.text)
    if not found:
        raise _Refused(duration, f"{duration.text!r} is not a length such as 28d, 4w or 1M")
    count, unit = int(found[1]), found[2]
    if (unit in "hM" and count != 1) or unit in "mQY":
        raise _Refused(duration, f"{duration.text!r} is none of Leadline's windows: 1h, days such as 28d, weeks or 1M")
    ours = {"M": "1mo", "h": "1h"}.get(unit) or (f"{7 * count}d" if unit == "w" and count > 1 else duration.text)
    return Part(ours, duration.path, duration.document, duration.name)


def _limits(promise: Part, kind: str, source: Part) -> dict[str, tuple[object, Part]]:
    """The keys of an objective that say its limit, with their values and places."""
    promise.only(
        "displayName", "op", "value", "target", "targetPercent", "timeSliceTarget", "timeSliceWindow", "indicator",
        "indicatorRef", "compositeWeight",
    )  # fmt: skip
    for key in ("timeSliceTarget", "timeSliceWindow", "indicator", "indicatorRef", "compositeWeight"):
        if promise.has(key):
            raise _Refused(
                promise.get(key), f"{key} is not read: Leadline judges the rows of the whole window together"
            )
    target, part = _share(promise)
    if kind != "threshold":
        for key in ("op", "value"):
            if promise.has(key):
                raise _Refused(
                    promise.get(key), f"{key} goes with a thresholdMetric; of a ratio the target is the limit"
                )
        if source.has("no_worse_than"):
            text = "how much worse it is than something else is no ratio: write a thresholdMetric with op: lte"
            raise _Refused(source.get("no_worse_than"), text)
        limit = _target(kind, target)
        return {limit.side: (limit.limit, part)}
    if target != ALWAYS:
        text = f"a figure of the whole window has to keep its limit always: write target: {ALWAYS}, found {target:g}"
        raise _Refused(part, text)
    value = promise.get("value")
    if source.has("no_worse_than"):
        promise.get("op").word("lte")
        return {"by": (value.number, value)}
    side = {"gte": "at_least", "lte": "at_most"}[promise.get("op").word("gte", "lte")]
    return {side: (value.number, value)}


def _share(promise: Part) -> tuple[float, Part]:
    """The target of an objective as a share, and where it is written."""
    given = [key for key in ("target", "targetPercent") if promise.has(key)]
    if len(given) != 1:
        said = "both are given" if given else "none is given"
        raise _Refused(promise, f"exactly one of target and targetPercent is needed; {said}")
    part = promise.get(given[0])
    share = part.number if given == ["target"] else float(Decimal(repr(part.number)) / 100)
    if not 0 <= share < 1:
        most = "1" if given == ["target"] else "100"
        raise _Refused(part, f"{given[0]} is from 0 to below {most}, found {shown(part.value)}")
    return share, part
