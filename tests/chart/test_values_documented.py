"""Every value has a comment, a place in the schema and a row in the README."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from chart import CHART, TOOLS, Helm, Refused
from values_table import README, values, with_table

TEXT = (CHART / "values.yaml").read_text()
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
# Values that Helm sets where this chart is a dependency of another.
OF_HELM = {("global",), ("enabled",)}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference: str | None = schema.get("$ref")
    return SCHEMA["definitions"][reference.rpartition("/")[2]] if reference else schema


def leaves(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, child in resolved(schema).get("properties", {}).items():
        deeper = list(leaves(child, (*path, name)))
        yield from deeper or [(*path, name)]


def objects(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object of the schema that lists its properties."""
    if "properties" in schema:
        yield schema
    for child in schema.values():
        for each in child if isinstance(child, list) else [child]:
            if isinstance(each, dict):
                yield from objects(each)


def test_every_value_has_a_comment() -> None:
    assert [value.path for value in values(TEXT) if not value.comment] == []


def test_every_value_is_in_the_schema_and_the_schema_has_no_other() -> None:
    documented = {value.path for value in values(TEXT)}
    # A map that is documented as a whole, such as `resources`, may have properties of its own in the schema.
    described = {
        next((path[:length] for length in range(1, len(path)) if path[:length] in documented), path)
        for path in leaves(SCHEMA)
    }
    assert described - OF_HELM == documented


def test_whatever_lists_its_properties_refuses_others() -> None:
    found = list(objects(SCHEMA))
    assert len(found) > 10
    assert all(each["additionalProperties"] is False for each in found)


@pytest.mark.parametrize("path", [value.path for value in values(TEXT)], ids=".".join)
def test_every_value_has_a_type(path: tuple[str, ...]) -> None:
    # No value of this chart is a fraction.
    wrong: Any = 1.5
    for name in reversed(path):
        wrong = {name: wrong}
    with pytest.raises(Refused, match=path[-1]):
        Helm(TOOLS / "helm4").template(wrong)


def test_the_readme_has_the_table_of_these_values() -> None:
    readme = README.read_text()
    assert readme == with_table(readme, TEXT), "run python tests/chart/values_table.py"
