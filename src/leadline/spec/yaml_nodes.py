"""YAML as plain values, each with its place in the text.

Read by the rules of YAML 1.2, as editors do: only `true` and `false` are booleans (not `yes`, `no`, `on`, `off`), and
dates and sexagesimals (`12:30`) stay text. Keys are always the text as written, so a class named `no` or `1` keeps its
name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

Path = tuple[str | int, ...]

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 50  # libyaml composes recursively in C: 100,000 levels end the process (measured), not the call
MAX_VALUES: Final = 50_000  # after aliases are written out, so that a few lines cannot fill the memory


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written; both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """A value made of dicts with text keys, lists, text, numbers, booleans and None, and the places of its parts."""

    value: object
    places: Mapping[Path, Place]

    def place(self, path: Path) -> Place:
        """Where `path` is written, or the nearest part around it that is."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return self.places.get((), Place(1, 1))


class YamlError(ValueError):
    """The text is not YAML that we read; `place` says where, None where it cannot be said."""

    def __init__(self, message: str, place: Place | None) -> None:
        super().__init__(message)
        self.place = place


_Base: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc, valid-type]  # the class is chosen when it is imported
    """PyYAML's scanner and composer, with our own rules for plain scalars."""

    yaml_implicit_resolvers: Mapping[str, list[tuple[str, re.Pattern[str]]]] = {}


class _Dumper(yaml.SafeDumper):
    """PyYAML's writer, which quotes what any reader takes for something else than text: YAML 1.1's as well as ours."""

    yaml_implicit_resolvers: dict[Any, Any] = {  # noqa: RUF012  # the class's own, as PyYAML has it
        first: list(known) for first, known in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def ignore_aliases(self, data: object) -> bool:
        """Values that are equal are written out."""
        return True

    def text(self, value: str) -> yaml.Node:
        """Text; in double quotes, with escapes, where it holds more than what is printed on one line."""
        return self.represent_scalar("tag:yaml.org,2002:str", value, None if value.isprintable() else '"')


_Dumper.add_representer(str, _Dumper.text)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    # A number with leading zeros is a code (a postcode, a class), not a number: it keeps its zeros.
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,37})", list("-+0123456789")),
    (
        "float",
        (
            r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]{0,37})(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
        list("-+0123456789."),
    ),
):
    for _each in (_Loader, _Dumper):
        _each.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)

_Dumper.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"0o[0-7]+\Z"), ["0"])  # YAML 1.2 elsewhere


def read(text: str) -> Document:
    r"""Read the one document of `text`.

    Raises YamlError on a duplicate key, a second document, a tag or merge key, and where it is too long, too deep,
    or too large once its aliases are written out.

    >>> read("on: yes\nwidth: 6").value
    {'on': 'yes', 'width': 6}
    >>> read("a: {b: [1, 2]}").place(("a", "b", 1))
    Place(line=1, column=12)
    >>> read("a: 1\na: 2")
    Traceback (most recent call last):
    ...
    leadline.spec.yaml_nodes.YamlError: key 'a' is written twice; first in line 1
    """
    found = _documents(text, "a second document begins here; a file holds one declaration")
    return found[0] if found else Document(None, {(): Place(1, 1)})


def read_all(text: str) -> tuple[Document, ...]:
    r"""As `read`, for a text of several documents; the limits are for all of them together.

    >>> [document.value for document in read_all("a: 1\n---\na: 2")]
    [{'a': 1}, {'a': 2}]
    """
    return _documents(text, None)


def write(documents: Sequence[object]) -> str:
    """Documents made of dicts, lists, text, numbers, booleans and None, as YAML that `read_all` gives back.

    >>> print(write([{"version": "1", "window": "1e3"}]), end="")
    version: '1'
    window: '1e3'
    """
    return yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, explicit_start=len(documents) > 1
    )


def _documents(text: str, second: str | None) -> tuple[Document, ...]:
    """All documents; `second` is what to say where there must be one only."""
    if len(text) > MAX_BYTES:
        raise YamlError(f"the file is larger than {MAX_BYTES >> 10} KiB; is it a declaration?", None)
    try:
        _check_events(text, second)
        nodes = list(_nodes(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _place(mark) if mark else None
        near = text.splitlines()[place.line - 1 : place.line] if place else []
        raise YamlError(_told(error, "".join(near)), place) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(f"character #x{error.character:04x} cannot stand in YAML", Place(line, 1)) from None
    found, values = [], 0
    for node in nodes:
        reader = _Reader(values=values)
        found.append(Document(reader.value(node, ()), reader.places))
        values = reader.values
    return tuple(found)


def _nodes(text: str) -> Iterator[yaml.Node]:
    loader = _Loader(text)
    while loader.check_node():
        yield loader.get_node()


def _told(error: yaml.MarkedYAMLError, line: str) -> str:
    problem = error.problem or "this is not YAML"
    if "${env:" in line:
        problem += " (inside {...} and [...] a variable needs quotes: '${env:NAME}')"
    elif "cannot start any token" in problem:
        problem += " (a tab cannot indent in YAML, and values that begin with @, ` or % need quotes)"
    elif "mapping values are not allowed" in problem:
        problem += " (text that holds ': ' needs quotes)"
    return f"not valid YAML: {problem}"


def _place(mark: Any) -> Place:  # PyYAML has two classes of marks, for its two parsers
    return Place(mark.line + 1, mark.column + 1)


def _check_events(text: str, second: str | None) -> None:
    """Refuse what must not be composed: too deep, several documents. Events come without recursion."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise YamlError(f"nested deeper than {MAX_DEPTH} levels", _place(event.start_mark))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1 and second is not None:
                raise YamlError(second, _place(event.start_mark))


@dataclass(slots=True)
class _Reader:
    """Turns nodes into values and notes their places."""

    places: dict[Path, Place] = field(default_factory=dict)
    values: int = 0

    def value(self, node: yaml.Node, path: Path) -> object:
        self.values += 1
        if self.values > MAX_VALUES or len(path) > MAX_DEPTH:
            text = "the document is too large once its aliases (*name) are written out"
            raise YamlError(text, _place(node.start_mark))
        self.places.setdefault(path, _place(node.start_mark))
        tag = node.tag.removeprefix("tag:yaml.org,2002:")
        if isinstance(node, yaml.MappingNode) and tag == "map":
            return {key: self.value(child, (*path, key)) for key, child in self.items(node, path)}
        if isinstance(node, yaml.SequenceNode) and tag == "seq":
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and tag in ("str", "null", "bool", "int", "float"):
            return _scalar(tag, node)
        raise YamlError(f"tags such as {_shown_tag(node.tag)} are not read", _place(node.start_mark))

    def items(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, yaml.Node]]:
        lines: dict[str, int] = {}
        for key, child in node.value:
            place = _place(key.start_mark)
            if not isinstance(key, yaml.ScalarNode) or key.value == "":
                raise YamlError("a key must be a word or text", place)
            name = key.value
            if name == "<<":
                raise YamlError("merge keys (<<) are not read; write the keys out", place)
            if name in lines:
                raise YamlError(f"key {name!r} is written twice; first in line {lines[name]}", place)
            lines[name] = place.line
            self.places.setdefault((*path, name), place)
            yield name, child


def _scalar(tag: str, node: yaml.ScalarNode) -> str | int | float | bool | None:
    text: str = node.value
    try:
        match tag:
            case "null":
                return None
            case "bool":
                return {"true": True, "false": False}[text.lower()]
            case "int":
                return int(text)
            case "float":
                # Python spells what YAML writes .inf and .nan without the dot.
                return float(re.sub(r"\.(?=[iInN])", "", text))
            case _:
                return text
    except (ValueError, KeyError):
        raise YamlError(f"{text!r} is not a {tag}", _place(node.start_mark)) from None


def _shown_tag(tag: str) -> str:
    return "!!" + tag.removeprefix("tag:yaml.org,2002:") if tag.startswith("tag:yaml.org,2002:") else tag
