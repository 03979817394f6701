"""YAML as plain values, each with its place in the text.

Read by the rules of YAML 1.2, as editors do: only `true` and `false` are booleans (not `yes`, `no`, `on`, `off`), and
dates and sexagesimals (`12:30`) stay text. Keys are always the text as written, so a class named `no` or `1` keeps its
name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


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
    if len(text) > MAX_BYTES:
        raise YamlError(f"the file is larger than {MAX_BYTES >> 10} KiB; is it a declaration?", None)
    try:
        _check_events(text)
        node = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _place(mark) if mark else None
        near = text.splitlines()[place.line - 1 : place.line] if place else []
        raise YamlError(_told(error, "".join(near)), place) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(f"character #x{error.character:04x} cannot stand in YAML", Place(line, 1)) from None
    if node is None:
        return Document(None, {(): Place(1, 1)})
    reader = _Reader()
    value = reader.value(node, ())
    return Document(value, reader.places)


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


def _check_events(text: str) -> None:
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
            if documents > 1:
                raise YamlError("a second document begins here; a file holds one declaration", _place(event.start_mark))


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
