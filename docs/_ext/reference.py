"""Writes, before each build, the pages of the reference that the code itself can tell: docs/reference/_generated/."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from sphinx.application import Sphinx

import leadline

GENERATED = Path(__file__).parent.parent / "reference" / "_generated"


# Modules ------------------------------------------------------------------------------------------------------------


def modules() -> Iterator[str]:
    """All public modules of the package, by name."""
    for found in pkgutil.walk_packages(leadline.__path__, "leadline."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            yield found.name


def module_page(name: str) -> str:
    """A page for one module, in MyST, for autodoc to fill; what it only passes on is told where it is from.

    It stands in the list of modules alone: every page would draw a navigation with every module in it.
    """
    directive = f".. automodule:: {name}\n   :members:\n   :ignore-module-all:"
    return f"---\norphan: true\n---\n\n# `{name}`\n\n```{{eval-rst}}\n{directive}\n```\n"


# The declaration ----------------------------------------------------------------------------------------------------


def declaration_page() -> str:
    """Every key of leadline.yaml, from its JSON Schema: one table an object, in the order they are met."""
    schema = importlib.import_module("leadline.spec").json_schema()
    known = schema.get("$defs", {})
    parts = [
        "# The declaration: leadline.yaml\n",
        "An unknown key is an error. `leadline schema` prints the same as a JSON Schema, for editors.\n",
        table(schema),
    ]
    waiting, met = list(references(schema.get("properties", {}))), set()
    while waiting:
        name = waiting.pop(0)
        if name in met:
            continue
        met.add(name)
        for shape in objects(known[name]):
            parts += [f"## {name}\n\n{shape.get('description', '')}\n", table(shape)]
        waiting += references(known[name])
    return "\n".join(parts)


def references(node: Any) -> Iterator[str]:
    """Names of the definitions that a piece of a schema uses."""
    if isinstance(node, Mapping):
        if "$ref" in node:
            yield node["$ref"].rsplit("/", 1)[-1]
        for key, value in node.items():
            if key not in ("$defs", "default", "examples"):
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def objects(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The object shapes of a definition: itself, or those among its alternatives."""
    if "properties" in node:
        yield node
    for key in ("anyOf", "oneOf"):
        for each in node.get(key, ()):
            yield from objects(each)


def table(shape: Mapping[str, Any]) -> str:
    rows = ["| key | value | where absent | meaning |", "|---|---|---|---|"]
    for name, node in shape.get("properties", {}).items():
        absent = "required" if name in shape.get("required", ()) else default(node)
        meaning = cell(node.get("description", ""))
        examples = [code(example) for example in deep(node, "examples")[:2] if code(example) not in meaning]
        if examples:
            meaning += f" Such as {', '.join(f'`{example}`' for example in examples)}."
        rows.append(f"| `{name}` | {kind(node)} | {absent} | {meaning} |")
    return "\n".join(rows) + "\n"


def default(node: Mapping[str, Any]) -> str:
    value = node.get("default")
    if value in (None, "", [], {}) or isinstance(value, Mapping):
        return ""
    return f"`{code(value)}`"


def deep(node: Mapping[str, Any], key: str) -> list[Any]:
    """The first list under `key` in a node or its alternatives."""
    if key in node:
        return list(node[key])
    for each in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        if found := deep(each, key):
            return found
    return []


def kind(node: Mapping[str, Any]) -> str:
    """What may stand as the value, in words."""
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "const" in node:
        return f"`{code(node['const'])}`"
    if "enum" in node:
        return " or ".join(f"`{code(value)}`" for value in node["enum"])
    alternatives = [*node.get("anyOf", ()), *node.get("oneOf", ())]
    if alternatives:
        return " or ".join(dict.fromkeys(word for each in alternatives if (word := kind(each))))
    word = node.get("type", "")
    if isinstance(word, list):
        return " or ".join(kind({"type": each}) for each in word)
    if word == "array":
        return f"list of {inner}" if (inner := kind(node.get("items", {}))) else "list"
    if word == "object" and isinstance(node.get("additionalProperties"), Mapping):
        return f"names → {kind(node['additionalProperties']) or 'values'}"
    return {"object": "mapping", "string": "text", "null": ""}.get(word, str(word))


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def code(value: Any) -> str:
    return cell(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


# Metrics ------------------------------------------------------------------------------------------------------------


def metrics_page() -> str:
    """Every metric by task, with its parameters and which side is good."""
    metrics = importlib.import_module("leadline.metrics")
    parts = [
        "# Metrics\n",
        "As they are written in a declaration: `recall`, `f_beta(beta=2)`. Parameters in brackets may be left out.\n",
        "A metric is undefined, with a reason, where its rows do not say it.\n",
    ]
    for task, known in metrics.METRICS.items():
        rows = ["| metric | parameters | meaning |", "|---|---|---|"]
        for name, definition in known.items():
            needed = [f"`{parameter}`" for parameter, _ in definition.required]
            further = [f"[`{parameter}`]" for parameter, _ in definition.optional]
            rows.append(f"| `{name}` | {', '.join(needed + further)} | {cell(definition.summary)} |")
        parts.append(f"## {task}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


# The command --------------------------------------------------------------------------------------------------------


def command_page() -> str:
    """What `leadline COMMAND --help` prints, for every command."""
    main = importlib.import_module("leadline.cli").main
    parts = ["# The command: leadline\n"]
    for path, command in commands(main, ("leadline",)):
        with click.Context(command, info_name=" ".join(path), terminal_width=100) as context:
            text = command.get_help(context)
        parts.append(f"## {' '.join(path)}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in sorted(command.commands.items()):
            yield from commands(inner, (*path, name))


# All pages ----------------------------------------------------------------------------------------------------------

#: page → the module that it needs, and what makes it
MADE: dict[str, tuple[str, Callable[[], str]]] = {
    "declaration": ("leadline.spec", declaration_page),
    "metrics": ("leadline.metrics", metrics_page),
    "command": ("leadline.cli", command_page),
}


def pages() -> dict[str, str]:
    """Path under `_generated` -> text of every generated page."""
    found = {f"{name}.md": make() for name, (module, make) in MADE.items() if find_spec(module)}
    names = sorted(modules())
    listed = "\n".join(f"- [`{name}`](modules/{name}.md)" for name in names)
    found["python.md"] = f"# Python modules\n\n{listed}\n"
    return found | {f"modules/{name}.md": module_page(name) for name in names}


def write(_app: Sphinx) -> None:
    """Write what has changed and remove what is gone, so that a second build has little to do."""
    wanted = pages()
    (GENERATED / "modules").mkdir(parents=True, exist_ok=True)
    for path in GENERATED.rglob("*.md"):
        if str(path.relative_to(GENERATED)) not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = GENERATED / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
