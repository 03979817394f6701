"""`leadline check`: a declaration → a result, printed and written as asked."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from leadline.cli.commands import CheckSettings, declared_place
from leadline.cli.terminal import Progress, rendered, require_writable, save, write
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.result import Result, moment
from leadline.evaluation.run import evaluate_log
from leadline.report.answers import exit_code
from leadline.report.csv import csv
from leadline.report.document import Content, document
from leadline.report.html import html
from leadline.report.junit import junit
from leadline.report.text import Report, Trouble
from leadline.spec import Spec, from_mapping, load
from leadline.spec.load import told_with_lines
from leadline.values import ALL_ROWS, InputError, Judgement, Slice

KINDS = ("metric", "slice")


def run(progress: Progress, asked: CheckSettings) -> int:
    """Evaluate, print, and say with the exit code what was found."""
    wanted = selectors(asked.select)
    require_writable(asked.html, asked.output)
    path = declared_place(asked.declaration, "check")
    with progress as told:
        told("reading the declaration")
        spec = narrowed(load(path), asked.metrics, asked.slices)
        with told_with_lines(path):
            every = asked.slices == "all"
            evaluation = evaluate_log(spec, moment(asked.as_of, spec), every, progress=told, search=True)
        require_told(evaluation, asked.slices)
        told("computing the figures")
        content = selected(Result(evaluation).content, wanted)
    code = exit_code(content.objectives, asked.allow_no_data)
    if asked.html is not None:
        save(html(content), asked.html)
    if asked.output is not None:
        save(printed(content, asked, to_terminal=False, code=code), asked.output)
    else:
        write(printed(content, asked, sys.stdout.isatty(), code), people=asked.format == "text")
    return code


def printed(content: Content, asked: CheckSettings, to_terminal: bool, code: int) -> str:
    """The result in the format that was asked for."""
    if asked.format == "json":
        return json.dumps(document(content), ensure_ascii=False, allow_nan=False, indent=2) + "\n"
    if asked.format == "csv":
        return csv(content)
    if asked.format == "junit":
        return junit(content)
    if asked.quiet:
        return rendered(Trouble(content), to_terminal) if code or not content.objectives else ""
    return rendered(Report(content), to_terminal)


# What is evaluated --------------------------------------------------------------------------------------------------


def narrowed(spec: Spec, metrics: str | None, slices: str | None) -> Spec:
    """The spec with other metrics (`all`, or names with commas) and slices (names of declared ones, or columns).

    Slices that an objective needs stay. Raises InputError where a metric is unknown.
    """
    changed: dict[str, object] = {}
    if metrics is not None:
        changed["metrics"] = "all" if metrics.strip() == "all" else listed(metrics, "--metrics")
    if slices is not None and slices.strip() != "all":
        names = listed(slices, "--slices")
        needed = {name for each in spec.objectives for name in (*each.slices, each.frozen_mix)}
        kept = [each for each in spec.slices if each.name in needed or each.name in names]
        changed["slices"] = [*kept, *(name for name in names if name not in {each.name for each in kept})]
    if not changed:
        return spec
    declared = {name: getattr(spec, name) for name in spec.model_fields_set}
    return from_mapping({**declared, **changed}, environment={}).leaving_out(spec.left_out)


def require_told(found: Evaluation, slices: str | None) -> None:
    """Raise InputError where a slice that was asked for by name could not be told."""
    if slices is None or slices.strip() == "all":
        return
    told = {partition.name for partition in found.reference.partitions}
    for name in listed(slices, "--slices"):
        if name not in told:
            why = next(
                (note.text for note in found.notes if note.code == "slice_left_out" and repr(name) in note.text), ""
            )
            raise InputError(f"--slices {slices!r}: {why or f'slice {name!r} cannot be told'}")


def listed(text: str, option: str) -> list[str]:
    """Names between commas; commas inside brackets or quotes belong to a name.

    >>> listed("recall, f_beta(beta=2),recall(class='a, b', threshold=0.3)", "--metrics")
    ['recall', 'f_beta(beta=2)', "recall(class='a, b', threshold=0.3)"]
    """
    parts = re.findall(r"""(?:\([^)]*\)|'[^']*'|"[^"]*"|[^,])+""", text)
    names = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not names:
        raise InputError(f"{option} {text!r} names nothing: write all, or names with commas between them")
    return names


# Which objectives are judged ----------------------------------------------------------------------------------------


def selectors(asked: Sequence[str]) -> dict[str, list[str]]:
    """By kind the patterns that were asked for. One without a kind is of a metric.

    >>> selectors(["metric:recall", "slice:carrier=*", "roc_*"])
    {'metric': ['recall', 'roc_*'], 'slice': ['carrier=*']}
    """
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for each in asked:
        kind, colon, pattern = each.partition(":")
        if not colon:
            kind, pattern = "metric", each
        if kind not in KINDS or not pattern.strip():
            raise InputError(
                f"--select {each!r}: write metric:GLOB or slice:GLOB, such as metric:recall or slice:carrier"
            )
        found[kind].append(pattern.strip())
    return found


def selected(content: Content, wanted: dict[str, list[str]]) -> Content:
    """The content with the objectives that match one pattern of every kind that has some.

    Raises InputError where nothing is left: nothing would be judged, and the exit code would say that all is well.
    """
    if not any(wanted.values()):
        return content
    kept = [each for each in content.objectives if _matches(each, wanted)]
    if not kept:
        metrics = ", ".join(dict.fromkeys(each.metric for each in content.objectives)) or "none"
        slices = ", ".join(dict.fromkeys(_partition(each.slice) for each in content.objectives)) or "none"
        raise InputError(f"--select leaves no objective; there are objectives of {metrics}, for {slices}")
    return replace(content, objectives=kept)


def _matches(each: Judgement, wanted: dict[str, list[str]]) -> bool:
    names = {"metric": {each.metric}, "slice": {_partition(each.slice), str(each.slice)}}
    return all(
        not patterns
        or any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns for name in names[kind])
        for kind, patterns in wanted.items()
    )


def _partition(where: Slice) -> str:
    return "all" if where == ALL_ROWS else ":".join(name for name, _ in where.parts)
