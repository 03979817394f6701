"""A spec from sources and a few words, everything else inferred: the short form of `leadline.check`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from leadline.spec.fields import Files, Memory, Source, TableSource
from leadline.spec.infer import OF_OUTCOMES, guess
from leadline.spec.load import SpecError, SpecProblem, from_mapping, told
from leadline.spec.model import Outcomes, PredictionColumns, Predictions, Spec, Task
from leadline.spec.propose import to_mapping
from leadline.spec.words import instead, shown
from leadline.values import InputError

# Words of the short form that stand deeper in a declaration. `version` names a column here: the format's is known.
_COLUMNS: Final = tuple(PredictionColumns.model_fields)
_PREDICTIONS: Final = tuple(key for key in Predictions.model_fields if key not in ("source", "columns"))
_OUTCOME_COLUMNS: Final = {"label": "value"} | {role: role for role in OF_OUTCOMES}
_OUTCOMES: Final = tuple(key for key in Outcomes.model_fields if key not in ("source", "columns"))
_TOP: Final = tuple(key for key in Spec.model_fields if key not in ("version", "predictions", "outcomes"))
_SOURCE: Final[TypeAdapter[Any]] = TypeAdapter(Source)
WORDS: Final = (*_TOP, *_COLUMNS, *_OUTCOME_COLUMNS, *_PREDICTIONS, *_OUTCOMES)


def spec_of_frames(
    predictions: Any,
    outcomes: Any,
    declared: Mapping[str, Any],
    sample: Callable[[Files | TableSource | Memory], pa.Table],
) -> tuple[Spec, tuple[str, ...]]:
    """The spec for `predictions` and `outcomes` (None: in the same rows), and a sentence for each guess.

    declared   keys of the declaration, and without nesting: columns by their part (`score="p"`, `label="late"`,
               `version="model_version"`), `threshold`, `features`, `matures_after`, `absent`, `where`
    sample     reads at most `infer.SAMPLE_ROWS` rows of a source

    Raises InputError for an unknown word, and where something needed is neither given nor found.

    >>> log = pa.table(
    ...     {"id": ["a", "b"], "ts": pa.array([0, 1], pa.timestamp("s")), "p": [0.2, 0.9], "late": [False, True]}
    ... )
    >>> spec, said = spec_of_frames(log, None, {"score": "p", "label": "late"}, lambda source: source.value)
    >>> spec.task, spec.predictions.columns.timestamp, spec.label.value
    ('binary', 'ts', 'late')
    """
    unknown = [SpecProblem(f"unknown word {word!r}{instead(word, WORDS)}") for word in declared if word not in WORDS]
    if unknown:
        raise SpecError(tuple(unknown))
    task = declared.get("task")
    if task is not None and task not in get_args(Task):
        problem = f"{shown(task)} is not one of {', '.join(get_args(Task))}{instead(str(task), get_args(Task))}"
        raise SpecError((SpecProblem(problem, "task"),))
    given = {"predictions": predictions} if outcomes is None else {"predictions": predictions, "outcomes": outcomes}
    sources = [source_of(each, name) for name, each in given.items()]
    named = {key: value for key, value in declared.items() if key in (*_COLUMNS, *_OUTCOME_COLUMNS)}
    texts = {key: value for key, value in named.items() if isinstance(value, str)}
    found = guess([sample(source) for source in sources], task, texts, given_order=True)
    known = {*named, "prediction", "score"} if "scores" in named else {*named}
    missing = [sentence for sentence in found.missing if sentence.partition(":")[0] not in known]
    if missing:
        raise InputError("not everything could be inferred:\n" + "\n".join(f"- {each}" for each in missing))
    mapping = to_mapping(found, sources)
    # of the first rows only: an evaluation infers it from all of them
    mapping.get("outcomes", {}).pop("matures_after", None)
    sentences = tuple(each for each in found.sentences if not each.startswith("matures_after:"))
    for word, value in declared.items():
        if word == "version" and not isinstance(value, str):
            mapping[word] = value  # that of the format, from a declaration that was unpacked
        elif word in _TOP:
            mapping[word] = value
        elif word in _COLUMNS:
            mapping["predictions"]["columns"][word] = value
        elif word in _PREDICTIONS:
            mapping["predictions"][word] = value
        elif word in _OUTCOMES:
            mapping.setdefault("outcomes", {})[word] = value
    return from_mapping({"model": "model", **mapping}), sentences


def source_of(given: Any, name: str) -> Files | TableSource | Memory:
    """A source as `from_mapping` reads it. Raises SpecError naming it where it is none."""
    try:
        source: Files | TableSource | Memory = _SOURCE.validate_python(given)
    except ValidationError as error:
        problems = tuple(SpecProblem(told(each)[1], name) for each in error.errors())
        raise SpecError(problems) from None
    return source
