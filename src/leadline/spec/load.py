"""From YAML or a mapping to a `Spec`, with errors in the words of the declaration and the lines of the file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from leadline.spec import model
from leadline.spec.fields import Frozen, TableSource
from leadline.spec.model import Spec
from leadline.spec.openslo import Found, from_openslo
from leadline.spec.words import dotted, instead, shown
from leadline.spec.yaml_nodes import MAX_BYTES, Document, Place, YamlError, read
from leadline.spec.yaml_nodes import Path as Path_
from leadline.values import InputError

_VARIABLE: Final = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
MAX_PROBLEMS: Final = 20  # more are not read at once
#: what tables are called, in whose place a declaration is wanted
TABLES: Final = frozenset({".parquet", ".pq", ".csv", ".tsv", ".jsonl", ".ndjson", ".arrow", ".feather", ".ipc"})


@dataclass(frozen=True, slots=True)
class SpecProblem:
    """One thing that is wrong: `where` in the declaration, and its place in the file if it came from one."""

    text: str
    where: str = ""
    file: str | None = None
    place: Place | None = None

    def __str__(self) -> str:
        at = self.file or ""
        if self.file and self.place:
            at += f":{self.place.line}"
        return ": ".join(part for part in (at, self.where, self.text) if part)


class SpecError(InputError):
    """A declaration that cannot be used; `problems` has all that was found."""

    def __init__(self, problems: tuple[SpecProblem, ...]) -> None:
        self.problems = problems
        lines = [str(problem) for problem in problems[:MAX_PROBLEMS]]
        if len(problems) > MAX_PROBLEMS:
            lines.append(f"and {len(problems) - MAX_PROBLEMS} more")
        super().__init__("\n".join(lines))


def load(path: str | os.PathLike[str], environment: Mapping[str, str] = os.environ) -> Spec:
    """Read the declaration in the file `path`.

    environment   what `${env:NAME}` and `${env:NAME:-default}` stand for in values; read after the YAML, so that a
                  variable is text and nothing else

    Relative sources are relative to the file's directory. Raises SpecError that lists every problem with its line.
    """
    shown_path = os.fspath(path)
    text = _text(shown_path)
    try:
        document = read(text)
    except YamlError as error:
        raise SpecError((SpecProblem(str(error), file=shown_path, place=error.place),)) from None
    if document.value is None:
        raise SpecError((SpecProblem("the file is empty; `leadline init` writes a declaration", file=shown_path),))
    return _spec(document, shown_path, Path(shown_path).parent, environment)


def from_mapping(
    mapping: Mapping[str, Any],
    directory: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Spec:
    """Make a `Spec` of a mapping with the keys of the YAML; sources may be frames and other objects in memory.

    directory     what relative sources are relative to; the current directory where None
    environment   as for `load`; give `{}` for a mapping that came from somebody else

    Raises SpecError that lists every problem.

    >>> from_mapping({"version": 1, "model": "m", "task": "binry"})
    Traceback (most recent call last):
    leadline.spec.load.SpecError: task: 'binry' is not one of binary, multiclass, regression; did you mean 'binary'?
    'predictions' is missing
    """
    return _spec(Document(mapping, {}), None, Path(directory) if directory is not None else None, environment)


@contextmanager
def told_with_lines(path: str | os.PathLike[str]) -> Iterator[None]:
    """While what the file `path` declares is evaluated: errors about a part of it say its line."""
    try:
        yield
    except InputError as problem:
        if not problem.at:
            raise
        shown_path = os.fspath(path)
        declared = _Declared.read(read(_text(shown_path)), shown_path, Path(shown_path).parent, os.environ)
        raise SpecError((declared.problem(problem.at, str(problem), where=""),)) from problem


def _text(path: str, missing: str = "there is no such file; `leadline init FILE...` writes one") -> str:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SpecError((SpecProblem(missing, file=path),)) from None
    except OSError as error:
        raise SpecError((SpecProblem(f"cannot be read: {error.strerror or error}", file=path),)) from None
    if Path(path).suffix.lower() in TABLES:
        text = f"this is a table, and a declaration (YAML) is wanted; `leadline init {path}` writes one for it"
        raise SpecError((SpecProblem(text, file=path),))
    if len(raw) > MAX_BYTES:
        raise SpecError((SpecProblem(f"larger than {MAX_BYTES >> 10} KiB; is it a declaration?", file=path),))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = Place(raw.count(b"\n", 0, error.start) + 1, 1)
        raise SpecError((SpecProblem("not UTF-8 text", file=path, place=place),)) from None


@dataclass(frozen=True)
class _Declared:
    """A declaration before it is checked: its values with everything filled in, and where they are written.

    slos   what was read where `objectives` names a file of OpenSLO documents, and that file
    """

    value: Mapping[str, Any]
    document: Document
    file: str | None
    slos: tuple[str, Found] | None = None

    @classmethod
    def read(
        cls, document: Document, file: str | None, directory: Path | None, environment: Mapping[str, str]
    ) -> _Declared:
        """Fill in variables, and the objectives from a file of their own."""
        if not isinstance(document.value, Mapping):
            text = f"a declaration is a mapping (version: 1, model: ...); found {shown(document.value)}"
            raise SpecError((SpecProblem(text, file=file, place=Place(1, 1) if file else None),))
        missing: list[tuple[Path_, str]] = []
        value: Any = _substituted(document.value, (), environment, missing)
        declared = cls(value, document, file)
        if missing:
            raise SpecError(tuple(declared.problem(path, text) for path, text in missing))
        return declared._with_slos(directory) if isinstance(value.get("objectives"), Mapping) else declared

    def _with_slos(self, directory: Path | None) -> _Declared:
        place = ("objectives",)
        form = "objectives are a list, or {openslo: FILE}"
        asked = self.value["objectives"]
        if set(asked) != {"openslo"} or not isinstance(asked["openslo"], str | os.PathLike):
            raise SpecError((self.problem(place, form),))
        if not isinstance(self.value.get("model"), str):
            return _Declared({**self.value, "objectives": []}, self.document, self.file)
        path = str((directory or Path()) / Path(asked["openslo"]).expanduser())
        text = _text(path, "there is no such file; `leadline export --openslo` writes one")
        try:
            found = from_openslo(text, self.value["model"])
        except YamlError as error:
            raise SpecError((SpecProblem(str(error), file=path, place=error.place),)) from None
        problems = [SpecProblem(str(each), file=path, place=each.place) for each in found.problems]
        if not problems and not found.objectives:
            text = f"it has no SLO of the model {self.value['model']!r}: nothing would be judged"
            left_out = [SpecProblem(str(each), file=path, place=each.place) for each in found.skipped]
            problems = [SpecProblem(text, file=path), *left_out]
        if problems:
            raise SpecError(tuple(problems))
        value = {**self.value, "objectives": [objective for objective, _ in found.objectives]}
        return _Declared(value, self.document, self.file, (path, found))

    def problem(self, path: Path_, text: str, owner: Path_ | None = None, where: str | None = None) -> SpecProblem:
        """Something about a place, told where that is written."""
        if self.slos is not None and path[:1] == ("objectives",) and len(path) > 1:
            file, found = self.slos
            finding = found.objectives[int(path[1])][1].finding(path[2:], text)
            return SpecProblem(str(finding), file=file, place=finding.place)
        if where is None:
            where = dotted(path if owner is None else owner)
        return SpecProblem(text, where, self.file, self.document.place(path) if self.file else None)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What the file of objectives has that is not read, in sentences."""
        if self.slos is None:
            return ()
        file, found = self.slos
        return tuple(str(SpecProblem(str(each), file=file, place=each.place)) for each in found.skipped)


def _spec(document: Document, file: str | None, directory: Path | None, environment: Mapping[str, str]) -> Spec:
    declared = _Declared.read(document, file, directory, environment)
    try:
        spec = Spec.model_validate(declared.value, context={"directory": directory})
    except ValidationError as error:
        found = [told(each) for each in error.errors(include_url=False)]
    else:
        return spec.leaving_out(declared.left_out)
    problems = [declared.problem(*each) for each in found]
    if file:
        problems.sort(key=lambda each: (each.place.line, each.place.column) if each.place else (0, 0))
    raise SpecError(tuple(problems))


def _substituted(
    value: object,
    path: Path_,
    environment: Mapping[str, str],
    missing: list[tuple[Path_, str]],
) -> object:
    """`value` with variables filled in; what cannot be filled in is added to `missing`."""
    if isinstance(value, str) and "${env:" in value:
        return _filled(value, path, environment, missing)
    if isinstance(value, Mapping):
        return {key: _substituted(each, (*path, str(key)), environment, missing) for key, each in value.items()}
    if isinstance(value, list):
        return [_substituted(each, (*path, index), environment, missing) for index, each in enumerate(value)]
    return value


def _filled(
    text: str,
    path: Path_,
    environment: Mapping[str, str],
    missing: list[tuple[Path_, str]],
) -> str:
    if "${env:" in _VARIABLE.sub("", text):
        missing.append((path, "a variable is written ${env:NAME} or ${env:NAME:-default}"))

    def fill(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        given = environment.get(name)
        if given or (given is not None and default is None):
            return given
        if default is not None:
            return default
        missing.append((path, f"the environment variable {name} is not set; set it or write ${{env:{name}:-default}}"))
        return ""

    return _VARIABLE.sub(fill, text)


# Pydantic's errors in our words -------------------------------------------------------------------------------------

_MODELS: Final[Mapping[str, type[BaseModel]]] = {
    name: each for name, each in vars(model).items() if isinstance(each, type) and issubclass(each, Frozen)
} | {"TableSource": TableSource}

_NEEDED: Final = {
    "string_type": "text is needed",
    "float_type": "a number is needed",
    "float_parsing": "a number is needed",
    "finite_number": "a finite number is needed",
    "bool_type": "true or false is needed",
    "bool_parsing": "true or false is needed",
    "tuple_type": "a list is needed",
    "list_type": "a list is needed",
    "dict_type": "a mapping (key: value) is needed",
    "mapping_type": "a mapping (key: value) is needed",
    "invalid_key": "a key that is text is needed",
    "model_type": "a mapping (key: value) is needed",
    "model_attributes_type": "a mapping (key: value) is needed",
}


def told(error: ErrorDetails) -> tuple[Path_, str, Path_ | None]:
    """Where one of pydantic's errors is, its sentence, and the part that the sentence is about if not that place."""
    location = error["loc"]
    path = tuple(part for part in location if not _is_tag(part))
    if error["type"] == "extra_forbidden":
        return path, _unknown_key(location), path[:-1]
    if error["type"] == "missing":
        return path[:-1], f"{path[-1]!r} is missing", None
    return path, _sentence(error, location), None


def _sentence(error: ErrorDetails, location: Path_) -> str:
    kind, found, context = error["type"], error["input"], error.get("ctx", {})
    match kind:
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return _not_one_of(location, found)
        case "string_type" if isinstance(found, bool | int | float):
            return f"text is needed, found {shown(found)}; put it in quotes"
        case "string_too_short" | "too_short":
            least = context.get("min_length", 1)
            return "it is empty" if not found else f"at least {least} are needed"
        case "string_pattern_mismatch":
            return f"{shown(found)} is not a name: letters, digits and _, not beginning with a digit"
        case "greater_than":
            return f"a number above {context['gt']:g} is needed, found {shown(found)}"
        case "greater_than_equal":
            return f"a number of at least {context['ge']:g} is needed, found {shown(found)}"
        case "less_than":
            return f"a number below {context['lt']:g} is needed, found {shown(found)}"
        case _ if kind in _NEEDED:
            return f"{_NEEDED[kind]}, found {shown(found)}"
        case _:
            return error["msg"]


def _is_tag(part: str | int) -> bool:
    # "[key]" is how pydantic marks an error about a mapping's key.
    return isinstance(part, str) and (part == "[key]" or (part.startswith("<") and part.endswith(">")))


def _unknown_key(location: Path_) -> str:
    key = str(location[-1])
    owner = _model_at(location[:-1])
    if owner is None:
        return f"unknown key {key!r}"
    for name, field in owner.model_fields.items():
        if any(key in inner.model_fields for inner in _models_in(field.annotation)):
            return f"unknown key {key!r}; it stands below {name!r}"
    return f"unknown key {key!r}{instead(key, tuple(owner.model_fields))}"


def _not_one_of(location: Path_, found: object) -> str:
    if location[-1] in ("<all>", "<auto>"):
        word = str(location[-1])[1:-1]
        return f"{shown(found)} is neither {word} nor a list; for one name write [{found}]"
    *above, name = (part for part in location if not isinstance(part, int))  # entries of a list have no field
    owner = _model_at(tuple(above))
    names = tuple(map(str, _choices(owner.model_fields[str(name)].annotation))) if owner else ()
    if len(names) == 1:
        return f"only {names[0]} is known here, found {shown(found)}"
    listed = f"{shown(found)} is not one of {', '.join(names)}"
    near = instead(str(found), names)
    return listed + (near if "did you mean" in near else "")


def _choices(annotation: object) -> list[object]:
    """The values that a type allows, also within a list or beside None."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [found for each in get_args(annotation) for found in _choices(each)]


def _model_at(location: Path_) -> type[BaseModel] | None:
    """The model that an error's location leads to, following fields and tags."""
    current: type[BaseModel] | None = Spec
    for part in location:
        if isinstance(part, str) and _is_tag(part):
            current = _MODELS.get(part[1:-1], current)
        elif isinstance(part, str) and current is not None and part in current.model_fields:
            inner = _models_in(current.model_fields[part].annotation)
            current = inner[0] if inner else current
    return current


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for each in get_args(annotation) for found in _models_in(each)]
