"""Imports every module of the installed package and says which versions it ran with. Uses nothing but the package."""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import leadline


def versions() -> str:
    required = importlib.metadata.requires("leadline") or []
    names = sorted({re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in required})
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def main() -> int:
    print(f"Python {sys.version.split()[0]}; {versions()}")
    modules = sorted(found.name for found in pkgutil.walk_packages(leadline.__path__, "leadline."))
    for name in modules:
        importlib.import_module(name)
    for name in leadline.EXPORTS:
        getattr(leadline, name)
    print(f"imported {len(modules)} modules and {len(leadline.EXPORTS)} names")
    command = Path(sys.executable).with_name("leadline")
    if "leadline.cli" in modules:
        with tempfile.TemporaryDirectory() as directory:
            for arguments in (["--version"], ["doctor"], ["demo"]):
                print("$ leadline", *arguments)
                done = subprocess.run([command, *arguments], cwd=directory, capture_output=True, text=True, check=False)
                if done.returncode not in (0, 1):  # 1: the demo's model breaks a promise
                    print(done.stdout, done.stderr, sep="\n")
                    return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
