"""A guess as a commented `leadline.yaml`, and as the mapping that `from_mapping` reads."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import yaml

from leadline.metrics import UnknownMetric, build
from leadline.spec.infer import Guess, Role
from leadline.values import Scalar

_PLAIN: Final = re.compile(r"[A-Za-z_/.][A-Za-z0-9_/.*-]*")
# Words that some reader of YAML takes for something else.
_NOT_PLAIN: Final = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
_COLUMN: Final = 46  # where comments begin
WINDOW: Final = "28d"
MARGIN: Final = 0.05  # a proposed level is this share below what was observed

# Stand where something essential was not found, so that the file can be loaded and `check` names what to fill in.
PLACEHOLDERS: Final = {"id": "prediction_id", "timestamp": "timestamp", "score": "score", "prediction": "prediction"}


def _placeholder(guess: Guess, role: str) -> str:
    """A name for the column of a part that was not found; another column's name would give it two parts."""
    usual = PLACEHOLDERS[role]
    return f"{usual}_column" if usual in {each.column for each in (*guess.roles, *guess.outcome_roles)} else usual


def to_mapping(guess: Guess, sources: Sequence[Any]) -> dict[str, Any]:
    """The declaration without model name and objectives, for `from_mapping`.

    sources   one for each table that was guessed from: a path, a frame, anything a source may be
    """
    columns: dict[str, Any] = {role.role: role.column for role in guess.roles}
    for role in _missing_roles(guess):
        columns[role] = _placeholder(guess, role)
    if guess.scores:
        columns["scores"] = dict(guess.scores)
    if guess.scores_list:
        columns["scores"] = {"list": guess.scores_list[0], "classes": list(guess.scores_list[1])}
    mapping: dict[str, Any] = {
        "version": 1,
        "task": guess.task,
        "predictions": {"source": sources[guess.predictions], "columns": columns},
    }
    if guess.positive is not None:
        mapping["positive"] = guess.positive
    if guess.outcomes is not None:
        outcomes: dict[str, Any] = {"columns": {role.role: role.column for role in guess.outcome_roles}}
        if guess.outcomes != guess.predictions:
            outcomes["source"] = sources[guess.outcomes]
        if guess.where is not None:
            outcomes["where"] = guess.where
        if guess.matures_after is not None:
            outcomes["matures_after"] = guess.matures_after
        mapping["outcomes"] = outcomes
    if guess.slices:
        mapping["slices"] = list(guess.slices)
    return mapping


def to_yaml(
    guess: Guess,
    sources: Sequence[str],
    observed: Mapping[str, float] | None = None,
    model: str = "my-model",
    timezone: str = "UTC",
) -> str:
    """A commented declaration that `load` reads.

    sources    one for each table that was guessed from, as they are to be written
    observed   metrics and their values, from which objectives are proposed a little on the safe side

    What could not be found stands there under a usual name, with a comment that says so.
    """
    lines = [
        "# What leadline is to know of this model. Guessed from a sample: check the lines, then run `leadline check`."
    ]
    lines += [f"# TO DO: {_one_line(sentence)}" for sentence in guess.missing]
    lines += [f"# {_one_line(note)}" for note in guess.notes]
    lines += ["version: 1", f"model: {_written(model)}", _line(f"task: {guess.task}", guess.task_reason), ""]
    lines += [*_predictions(guess, sources), ""]
    if guess.positive is not None:
        lines += [_line(f"positive: {_written(guess.positive)}", guess.positive_reason), ""]
    lines += [*_outcomes(guess, sources), ""]
    zone = "of days and weeks, and of times without a zone"
    lines += [
        _line(f"timezone: {_written(timezone)}", zone),
        _line("window: 1d", "of the report: 1h, Nd, 1w or 1mo"),
        "",
    ]
    lines += [*_slices(guess), "", *_objectives(guess, observed or {})]
    return "\n".join(lines) + "\n"


def _missing_roles(guess: Guess) -> list[str]:
    """Roles that `load` insists on and the guess has not."""
    found = {role.role for role in guess.roles}
    missing = [role for role in ("id", "timestamp") if role not in found]
    if guess.task == "regression":
        enough = {"prediction"}
    else:
        enough = {"prediction", "score"} if guess.task == "binary" else {"prediction"}
    if not enough & found and not guess.scores and not guess.scores_list:
        missing.append("score" if guess.task == "binary" else "prediction")
    return missing


def _predictions(guess: Guess, sources: Sequence[str]) -> list[str]:
    lines = ["predictions:", f"  source: {_written(sources[guess.predictions])}", "  columns:"]
    lines += [_role(role) for role in guess.roles]
    lines += [
        _line(f"    {role}: {_placeholder(guess, role)}", "NOT FOUND: see above") for role in _missing_roles(guess)
    ]
    if guess.scores:
        lines.append("    scores:")
        lines += [f"      {_written(name)}: {_written(column)}" for name, column in guess.scores]
    if guess.scores_list:
        column, classes = guess.scores_list
        listed = ", ".join(_written(name) for name in classes)
        lines += ["    scores:", f"      list: {_written(column)}", f"      classes: [{listed}]"]
    if guess.task == "binary" and guess.column("prediction") is None:
        lines.append(_line("  threshold: 0.5", "a score at or above it counts as predicted positive"))
    lines.append(_line("  features: auto", _counted(guess.features)))
    return lines


def _counted(features: Sequence[str]) -> str:
    shown = ", ".join(features[:4]) + (", ..." if len(features) > 4 else "")
    return f"columns with no other part ({len(features)}): {shown}" if features else "no column is left for them"


def _outcomes(guess: Guess, sources: Sequence[str]) -> list[str]:
    if guess.outcomes is None:
        others = [source for place, source in enumerate(sources) if place != guess.predictions]
        return [
            _line("# outcomes:", "NOT FOUND: see above"),
            f"#   source: {_written(others[0]) if others else 'outcomes.parquet'}",
            "#   columns: {id: prediction_id, value: label, observed_at: observed_at}",
            "#   matures_after: 7d",
        ]
    if guess.outcomes == guess.predictions:
        lines = [_line("outcomes:", "in the predictions' own source")]
    else:
        lines = ["outcomes:", f"  source: {_written(sources[guess.outcomes])}"]
    lines += ["  columns:", *(_role(role) for role in guess.outcome_roles)]
    if guess.where is not None:
        lines.append(_line(f"  where: {_written(guess.where)}", "the table has other kinds of outcomes too"))
    if guess.matures_after is not None:
        lines.append(_line(f"  matures_after: {_wait(guess.matures_after)}", guess.matures_reason.partition(", ")[2]))
    else:
        lines.append(_line("  # matures_after: 2d", "how long after a prediction its label has come, if ever"))
    lines.append(_line("  absent: unknown", "or a value, where no row means that value"))
    return lines


def _slices(guess: Guess) -> list[str]:
    if not guess.slices:
        return [_line("# slices: [column]", "no column with few values was found")]
    return ["slices:", *(f"  - {_written(name)}" for name in guess.slices)]


def _objectives(guess: Guess, observed: Mapping[str, float]) -> list[str]:
    found = []
    for name, value in observed.items():
        level = _level(guess, name, value)
        if level is not None:
            side, limit = level
            promised = f"  - {{metric: {_written(name)}, {side}: {limit}, window: {WINDOW}}}"
            found.append(_line(promised, f"a little on the safe side of the {value:.3g} seen"))
    slices = f", slices: [{_written(guess.slices[0])}]" if guess.slices else ""
    of_service = [
        f"# The service can be promised as well, e.g. `- {{metric: {metric}, window: 7d}}`."
        for role, metric in (("latency_s", "latency_p95, at_most: 0.5"), ("error", "error_rate, at_most: 0.01"))
        if guess.column(role) is not None
    ]
    if found:
        # the levels are those of all rows, so they are not promised to every slice unasked
        hint = [f"# Add e.g. `{slices.removeprefix(', ')}` to promise it for every value of a slice."] if slices else []
        return [
            "# What is promised. The levels are proposals: what the users need is yours to say.",
            *hint,
            *of_service,
            "objectives:",
            *found,
        ]
    example = {
        "binary": "recall, at_least: 0.8",
        "multiclass": "accuracy, at_least: 0.8",
        "regression": "mae, at_most: 1.0",
    }
    return [
        "# What is promised: a metric, its level, over how long. Fill one in:",
        "# objectives:",
        f"#   - {{metric: {example[guess.task]}, window: {WINDOW}{slices}}}",
        *of_service,
    ]


def _level(guess: Guess, name: str, value: float) -> tuple[str, str] | None:
    """The side and level of a proposed objective; None for a metric that has no good side."""
    try:
        better = build(name, guess.task).better
    except UnknownMetric:
        return None
    if better is None or not math.isfinite(value):
        return None
    side, direction = ("at_least", -1) if better == "higher" else ("at_most", 1)
    limit = value + direction * MARGIN * abs(value)
    digits = 2 - (math.floor(math.log10(abs(limit))) + 1) if limit else 2
    step = 10.0**-digits
    rounded = (math.floor if direction < 0 else math.ceil)(limit / step) * step
    return side, f"{rounded:.{max(digits, 0)}f}"


def _role(role: Role) -> str:
    return _line(f"    {role.role}: {_written(role.column)}", role.reason)


def _line(text: str, comment: str) -> str:
    return f"{text.ljust(_COLUMN - 1)} # {_one_line(comment)}" if comment else text


def _one_line(text: str) -> str:
    """A comment ends with its line, whatever a column is called."""
    return "".join(each if each.isprintable() else " " for each in text)


def _wait(wait: timedelta) -> str:
    days, seconds = wait.days, wait.seconds
    return f"{days}d" if not seconds else f"{days * 24 + math.ceil(seconds / 3600)}h"


def _written(value: Scalar) -> str:
    """A scalar that YAML reads back as it is.

    >>> print(*(_written(each) for each in ("carrier", "no", "a b", "x: y", True, 1)))
    carrier "no" "a b" "x: y" true 1
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN:
        return value
    written: str = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=10**6)
    return written.strip()
