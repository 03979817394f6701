"""Where the rows live. Only this package knows an engine's name."""

from leadline.engine.engine import Engine
from leadline.engine.opening import open_engine

__all__ = ["Engine", "open_engine"]
