"""`leadline schema`."""

from __future__ import annotations

import json

from leadline.cli.terminal import Progress, write
from leadline.spec import json_schema


def run(progress: Progress) -> int:
    """Print the JSON Schema of a declaration."""
    progress.stop()
    write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
    return 0
