"""What is published of the documents is what the code reads."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from node.engine.combat.actions import KINDS
from node.engine.combat.json_schema import config_schema, rotation_schema
from node.engine.combat.operands import FAMILIES
from node.engine.combat.operators import OPERATORS
from node.engine.combat.reference import reference
from node.engine.configs import default_config, spec_names
from node.engine.publish import HERE, published


def accepts(schema: Any, value: Any, root: Any) -> bool:
    """Validate by the keywords of JSON Schema that ours use; any other is an error of ours."""
    return all(_KEYWORDS[keyword](part, value, schema, root) for keyword, part in schema.items())


def _type(name: str, value: Any, *_: Any) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    kinds: dict[str, Any] = {
        "string": str,
        "object": dict,
        "array": list,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
    }
    return isinstance(value, kinds[name])


def _properties(properties: Any, value: Any, _schema: Any, root: Any) -> bool:
    known = [(properties[name], item) for name, item in value.items() if name in properties]
    return all(accepts(part, item, root) for part, item in known)


def _additional(part: Any, value: Any, schema: Any, root: Any) -> bool:
    others = [item for name, item in value.items() if name not in schema.get("properties", {})]
    return not others if part is False else all(accepts(part, item, root) for item in others)


def _matches(pattern: str, value: Any, *_: Any) -> bool:
    return isinstance(value, str) and re.search(pattern, value) is not None


def _reference(path: str, value: Any, _schema: Any, root: Any) -> bool:
    return accepts(root["$defs"][path.rsplit("/", 1)[-1]], value, root)


_KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("$schema", "title", "description", "$defs"), lambda *_: True),
    "$ref": _reference,
    "type": _type,
    "properties": lambda p, v, s, r: isinstance(v, dict) and _properties(p, v, s, r),
    "additionalProperties": lambda p, v, s, r: isinstance(v, dict) and _additional(p, v, s, r),
    "required": lambda names, v, *_: isinstance(v, dict) and all(name in v for name in names),
    "propertyNames": lambda p, v, _, r: isinstance(v, dict) and all(accepts(p, n, r) for n in v),
    "minProperties": lambda n, v, *_: isinstance(v, dict) and len(v) >= n,
    "maxProperties": lambda n, v, *_: isinstance(v, dict) and len(v) <= n,
    "items": lambda p, v, _, r: isinstance(v, list) and all(accepts(p, item, r) for item in v),
    "minItems": lambda n, v, *_: isinstance(v, list) and len(v) >= n,
    "maxItems": lambda n, v, *_: isinstance(v, list) and len(v) <= n,
    "minimum": lambda n, v, *_: _type("number", v) and v >= n,
    "maximum": lambda n, v, *_: _type("number", v) and v <= n,
    "pattern": _matches,
    "enum": lambda options, v, *_: v in options,
    "anyOf": lambda parts, v, _, r: any(accepts(part, v, r) for part in parts),
}


@pytest.mark.parametrize("name", spec_names())
def test_every_config_that_ships_fits_the_schema(name: str) -> None:
    """The schema accepts configs, and their rotations alone."""
    config = default_config(name)

    assert accepts(config_schema(), config, config_schema())
    assert accepts(rotation_schema(), config["rotation"], rotation_schema())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("duration_ms",), 0),
        (("duration_ms",), "long"),
        (("extra",), 1),
        (("target", "count"), 1000),
        (("spec", "abilities", "kill_shot", "cast_ms"), -1),
        (("spec", "abilities", "kill_shot", "effects", 0), {"dmage": {}}),
        (("spec", "auras", "frenzy", "refresh"), "never"),
        (("rotation", "variables"), {"Not A Name": 1}),
        (("rotation", "actions"), "cast"),
        (("rotation", "actions", 0, "iff"), True),
        (("rotation", "actions", 0), {"name": "nothing"}),
        (("rotation", "actions", 0, "if"), {"nand": [True]}),
        (("rotation", "actions", 0, "if"), {"and": []}),
        (("rotation", "actions", 0, "if"), "buff.frenzy.actve"),
        (("rotation", "variables", "frenzy_ending"), None),
    ],
)
def test_the_schema_refuses_what_the_code_refuses(path: tuple[Any, ...], value: Any) -> None:
    """A wrong field is found by the schema too."""
    config = copy.deepcopy(default_config("modern/beast_mastery"))
    inside: Any = config
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value

    assert not accepts(config_schema(), config, config_schema())


def test_what_is_published_is_up_to_date() -> None:
    """The files beside the code are what it writes; `make docs` writes them anew."""
    for name, text in published().items():
        assert (HERE / name).read_text("utf-8") == text, name


def test_the_reference_names_every_operator_operand_and_action() -> None:
    """Each has a line in the page."""
    page = reference()

    for name in (*OPERATORS, *KINDS):
        assert f"| `{name}` |" in page
    for family in FAMILIES:
        assert f"### `{family.name}" in page
        for name, operand in family.operands.items():
            assert f"{name}`" in page
            assert operand.about in page
