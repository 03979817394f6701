"""The command `leadline`. Declarations only: what a command does is a module of its own, loaded when it runs."""

from leadline.cli.commands import main

__all__ = ["main"]
