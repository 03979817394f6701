"""`leadline init`: a sample of files → a commented declaration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from leadline.cli.commands import InitSettings
from leadline.cli.lines import Line, Lines
from leadline.cli.terminal import Progress, require_writable, save, show
from leadline.engine import open_engine
from leadline.estimate.maturity import FEW, written
from leadline.evaluation.result import Result
from leadline.evaluation.run import evaluate_log
from leadline.report.words import printable
from leadline.spec import from_mapping
from leadline.spec.fields import Files
from leadline.spec.infer import SAMPLE_ROWS, Guess, guess
from leadline.spec.propose import to_mapping, to_yaml
from leadline.values import ALL_ROWS, InputError, LeadlineError, counted

#: by task: metrics for which an objective is proposed, with what a log needs to have for them
PROPOSED = {
    "binary": {"recall": "prediction", "precision": "prediction", "roc_auc": "score"},
    "multiclass": {"accuracy": "prediction"},
    "regression": {"mae": "prediction"},
}
WINDOW = "28d"


def run(progress: Progress, asked: InitSettings) -> int:
    """Write the declaration and tell what was guessed."""
    require_writable(asked.output)
    if Path(asked.output).exists() and not asked.force:
        raise InputError(f"{asked.output!r} is there already: --force overwrites it, --output writes another file")
    directory = Path(asked.output).absolute().parent
    model = asked.model or printable(directory.name) or "my-model"
    sources = [_relative(file, directory) for file in asked.files]
    with progress as told:
        told("reading a sample")
        tables = samples(asked.files)
        found = guess(tables, asked.task)  # type: ignore[arg-type]  # click lets nothing else through
        told("evaluating once")
        found, observed = observe(found, sources, directory, asked.timezone)
        text = to_yaml(found, sources, observed, model, asked.timezone)
    save(text, asked.output)
    show(told_of(asked, found, tables))
    return 0


def samples(files: Sequence[str]) -> list[pa.Table]:
    """The first rows of each file, with the types of the file."""
    read = [Files(file, file) for file in files]
    with open_engine(read) as engine:
        return [engine.run(engine.read(each).limit(SAMPLE_ROWS)) for each in read]


def observe(found: Guess, sources: Sequence[str], directory: Path, timezone: str) -> tuple[Guess, dict[str, float]]:
    """The guess with a wait for labels as the whole log shows it, and what is observed of the metrics that get an
    objective; the guess as it is and nothing where it cannot be evaluated yet.

    A sample's labels are those of all classes and slices together. `check` looks at each, so that a wait from the
    sample would be called too short by the next command.
    """
    if found.missing or found.outcomes is None:
        return found, {}
    has_score = found.column("score") is not None
    names = [name for name, needs in PROPOSED[found.task].items() if needs != "score" or has_score]
    # without a wait that is declared the evaluation infers one
    mapping: dict[str, Any] = to_mapping(replace(found, matures_after=None), sources)
    mapping |= {"model": "init", "timezone": timezone, "metrics": names[:1]}
    mapping["objectives"] = [{"metric": name, "at_least": 0, "window": WINDOW} for name in names]
    try:
        evaluation = evaluate_log(from_mapping(mapping, directory, environment={}))
        judged = Result(evaluation).content.objectives
    except LeadlineError:
        return found, {}  # a guess that does not fit is told by `check`, with its reason
    observed = {each.metric: each.value for each in judged if each.slice == ALL_ROWS and each.value is not None}
    label = evaluation.spec.label
    if found.matures_after is None or label is None or evaluation.labels.labelled < FEW or not evaluation.mature_until:
        return found, observed  # too few labels to say more than the sample does
    wait = label.matures_after
    reason = f"{written(wait)}, for 95 % of the labels of each class and larger slice came within that time"
    return replace(found, matures_after=wait, matures_reason=reason), observed


def told_of(asked: InitSettings, found: Guess, tables: Sequence[pa.Table]) -> Lines:
    """What was guessed, as sentences, and what to do next."""
    rows = " and ".join(
        f"{counted(len(table), 'row')} of {printable(file)}" for file, table in zip(asked.files, tables, strict=False)
    )
    missing = set(found.missing)
    lines = [Line(f"Guessed from {rows}:"), Line("")]
    lines += [Line(printable(each), 2) for each in found.sentences if each not in missing]
    lines += [Line(f"TO DO {printable(each)}", 2, "bold red") for each in found.missing]
    lines += [Line("")]
    if missing:
        lines.append(Line(f"Wrote {asked.output}. Fill in what is TO DO there, then run: leadline check"))
    else:
        named = "" if asked.output == "leadline.yaml" else f" {asked.output}"
        lines.append(Line(f"Wrote {asked.output}. Read it, set the objectives that your users need, then run:"))
        lines.append(Line(f"leadline check{named}", 2, "bold", copied=True))
    return Lines(lines)


def _relative(file: str, directory: Path) -> str:
    """A source as it is written: relative to the declaration where it is below it."""
    if "://" in file:
        return file
    path = Path(file).expanduser().absolute()
    return (path.relative_to(directory) if path.is_relative_to(directory) else path).as_posix()
