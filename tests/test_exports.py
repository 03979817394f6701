"""What `import leadline` gives: the names, whatever was imported before, and nothing heavy."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import leadline

SOURCE = Path(leadline.__file__)


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_names_load_in_any_order():
    """From the package first, from the module first, and by `from`: the same objects, and still after the other.

    One process for all, which forgets the package before each: what it needs of others is imported once.
    """
    forget = "for known in [m for m in sys.modules if m.partition('.')[0] == 'leadline']: del sys.modules[known]"
    lines = ["import sys", "from importlib import import_module"]
    for module in sorted(set(leadline.EXPORTS.values())):
        names = [name for name, source in leadline.EXPORTS.items() if source == module]
        same = "; ".join(f"assert leadline.{name} is source.{name} is vars(leadline)[{name!r}]" for name in names)
        source = f"source = import_module({module!r})"
        first = f"first = [{', '.join(f'leadline.{name}' for name in names)}]"
        lines += [forget, f"import leadline; {first}; {source}; {same}"]
        lines += [forget, f"{source}; import leadline; {same}; import {module}; {same}"]
        lines += [forget, f"from leadline import {', '.join(names)}; import leadline; {source}; {same}"]
    python("\n".join(lines))


def test_no_name_is_a_modules_name():
    """Importing `leadline.x` binds the attribute `x` of the package to the module, over any function of that name."""
    assert not set(leadline.EXPORTS) & {module.name for module in pkgutil.iter_modules(leadline.__path__)}


def test_type_checkers_see_the_same_names():
    tree = ast.parse(SOURCE.read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == leadline.EXPORTS


def test_dir_and_all_list_the_names():
    assert set(leadline.EXPORTS) < set(dir(leadline))
    assert set(leadline.__all__) == {"__version__", *leadline.EXPORTS}


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'chek'"):
        leadline.chek  # noqa: B018


def test_no_import_of_ours_inside_a_function():
    """Layers are read from the imports at the top; one inside a function is a cycle in disguise."""
    inside = [
        f"{path}:{node.lineno}"
        for path in sorted(SOURCE.parent.rglob("*.py"))
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if (isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "leadline"))
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "leadline" for alias in node.names))
    ]
    assert inside == []
