from __future__ import annotations

import json
from typing import Any

import pytest

from leadline.spec import json_schema

SCHEMA = json_schema()


def objects(schema: Any) -> list[tuple[str, dict[str, Any]]]:
    """Every object of the schema that has properties, with its name."""
    named = {"Spec": schema, **schema["$defs"]}
    found: list[tuple[str, dict[str, Any]]] = []
    for name, each in named.items():
        found += [(name, form) for form in (each, *each.get("anyOf", [])) if "properties" in form]
    return found


def test_it_is_json_of_the_2020_12_draft() -> None:
    assert json.loads(json.dumps(SCHEMA))["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(("name", "each"), objects(SCHEMA))
def test_every_key_is_described_and_no_other_allowed(name: str, each: dict[str, Any]) -> None:
    assert each["additionalProperties"] is False, name
    for key, field in each["properties"].items():
        assert len(field.get("description", "")) > 10, f"{name}.{key}"


def test_what_cannot_be_written_in_yaml_is_not_in_it() -> None:
    assert "Memory" not in json.dumps(SCHEMA)
