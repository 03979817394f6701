"""The JSON Schema of a declaration, for editors."""

from __future__ import annotations

from typing import Any, Final

from leadline.spec.model import Spec

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """A schema (draft 2020-12) of what `load` reads, with a sentence for each key.

    >>> schema = json_schema()
    >>> schema["required"]
    ['version', 'model', 'task', 'predictions']
    """
    schema = Spec.model_json_schema(mode="validation")
    return {"$schema": DIALECT, **schema, "title": "leadline.yaml"}
