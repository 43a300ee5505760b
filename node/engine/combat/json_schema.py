"""The JSON Schema of configs and rotations, made of the shapes that check them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine.combat import rotation, schema, shapes
from node.engine.combat.actions import KINDS, options_of
from node.engine.combat.expressions import LARGEST_LITERAL
from node.engine.combat.operands import FAMILIES
from node.engine.combat.operators import MOST_ARGUMENTS, OPERATORS
from node.engine.combat.shapes import IDENTIFIER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from node.engine.combat.operands.family import Family
    from node.engine.combat.operators import Operator
    from node.engine.combat.shapes import Shape

    Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAME = f"^{IDENTIFIER.pattern}$"
_EXPRESSION: Schema = {"$ref": "#/$defs/expression"}
#: shapes that have a name in the schema and a section in the reference, in its order
NAMED: Mapping[str, Shape] = {
    "profile": schema.PROFILE,
    "player": schema.PLAYER,
    "target": schema.TARGET,
    "event": schema.HAPPENING,
    "spec": schema.SPEC,
    "resource": schema.RESOURCE,
    "ability": schema.ABILITY,
    "aura": schema.AURA,
    "effect": schema.EFFECT,
    "modifier": schema.MODIFIER,
    "trigger": schema.TRIGGER,
    "number": schema.NUMBER,
    "pet": schema.PET,
    "swing": schema.SWING,
}


def config_schema() -> Schema:
    """Give the schema of a config."""
    config = schema_of(schema.CONFIG)
    config["properties"]["rotation"] = {
        "anyOf": [
            schema_of(rotation.SHAPE),
            {
                "type": "object",
                "description": "A rotation that the pool holds, by the SHA-256 of its text.",
                "properties": {"checksum": {"type": "string", "pattern": "^[0-9a-f]{64}$"}},
                "required": ["checksum"],
                "additionalProperties": False,
            },
        ]
    }
    return _document("A config of the combat engine", config)


def rotation_schema() -> Schema:
    """Give the schema of a rotation."""
    return _document("A rotation of the combat engine", schema_of(rotation.SHAPE))


def schema_of(shape: Shape) -> Schema:
    """Give the schema of a shape; one that has a name is referred to."""
    for name, named in NAMED.items():
        if named is shape:
            return {"$ref": f"#/$defs/{name}"}
    return _WRITERS[type(shape)](shape)


def _document(title: str, content: Schema) -> Schema:
    return {
        "$schema": DIALECT,
        "title": title,
        **content,
        "$defs": _definitions(content),
    }


def _definitions(content: Schema) -> Schema:
    """Give the named parts that a schema refers to, and those that these refer to."""
    written = {"action": _action(), "expression": _expression()}
    written |= {"formula": _formula(), "operand": _operand()}
    written |= {name: _WRITERS[type(shape)](shape) for name, shape in NAMED.items()}
    needed: set[str] = set()
    found = {"expression", *_references(content)}
    while found:
        needed |= found
        found = {one for name in found for one in _references(written[name])} - needed
    return {name: written[name] for name in sorted(needed)}


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"].rsplit("/", 1)[-1]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _object(shape: shapes.Object) -> Schema:
    fields = {**shape.required, **shape.optional}
    return {
        "type": "object",
        "properties": {name: schema_of(field) for name, field in fields.items()},
        "required": sorted(shape.required),
        "additionalProperties": False,
    }


def _map(shape: shapes.MapOf) -> Schema:
    return {
        "type": "object",
        "propertyNames": {"pattern": _NAME},
        "additionalProperties": schema_of(shape.item),
        "maxProperties": shape.most,
    }


def _one_key(shape: shapes.OneKey) -> Schema:
    return {
        "type": "object",
        "properties": {kind: schema_of(item) for kind, item in shape.kinds.items()},
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }


def _kinds(shape: shapes.Kinds) -> Schema:
    fields = {**shape.kinds, **shape.beside}
    return {
        "type": "object",
        "properties": {name: schema_of(field) for name, field in fields.items()},
        "anyOf": [{"required": [kind]} for kind in shape.kinds],
        "additionalProperties": False,
    }


def _amount(shape: shapes.Amount) -> Schema:
    number = {"type": "number", "minimum": shape.least, "maximum": shape.most}
    return {"anyOf": [number, {"$ref": "#/$defs/formula"}]}


def _list(shape: shapes.ListOf) -> Schema:
    return {"type": "array", "items": schema_of(shape.item), "maxItems": shape.most}


def _any_of(shape: shapes.AnyOf) -> Schema:
    return {"anyOf": [schema_of(option) for _, option in shape.options]}


def _number(shape: shapes.Number | shapes.Integer, name: str) -> Schema:
    return {"type": name, "minimum": shape.least, "maximum": shape.most}


_WRITERS: dict[type, Callable[[Any], Schema]] = {
    shapes.Object: _object,
    shapes.MapOf: _map,
    shapes.OneKey: _one_key,
    shapes.Kinds: _kinds,
    shapes.Later: lambda shape: schema_of(shape.shape()),
    shapes.Either: lambda shape: {"anyOf": [schema_of(shape.first), schema_of(shape.second)]},
    shapes.Amount: _amount,
    shapes.ListOf: _list,
    shapes.AnyOf: _any_of,
    shapes.Number: lambda shape: _number(shape, "number"),
    shapes.Integer: lambda shape: _number(shape, "integer"),
    shapes.Flag: lambda _: {"type": "boolean"},
    shapes.Text: lambda _: {"type": "string"},
    shapes.Name: lambda _: {"type": "string", "pattern": _NAME},
    shapes.Reference: lambda _: {
        "type": "string",
        "pattern": rf"^({IDENTIFIER.pattern}\.)?{IDENTIFIER.pattern}$",
    },
    shapes.Choice: lambda shape: {"enum": list(shape.options)},
    shapes.Expression: lambda _: _EXPRESSION,
    shapes.Action: lambda _: {"$ref": "#/$defs/action"},
    shapes.Anything: lambda _: {},
}


def _action() -> Schema:
    kinds = [
        {
            "type": "object",
            "properties": {
                kind: schema_of(shape),
                **{name: schema_of(option) for name, option in options_of(kind).items()},
            },
            "required": [kind],
            "additionalProperties": False,
        }
        for kind, shape in KINDS.items()
    ]
    return {"description": "A line of a rotation.", "anyOf": kinds}


def _expression() -> Schema:
    most = LARGEST_LITERAL
    return {
        "description": "A number, a boolean, or what is worked out in the fight.",
        "anyOf": [
            {"type": "number", "minimum": -most, "maximum": most},
            {"type": "boolean"},
            {"$ref": "#/$defs/formula"},
        ],
    }


def _formula() -> Schema:
    return {
        "description": "The name of an operand or a variable, or an operator.",
        "anyOf": [
            {"$ref": "#/$defs/operand"},
            {
                "type": "object",
                "properties": {name: _arguments(one) for name, one in OPERATORS.items()},
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": False,
            },
        ],
    }


def _arguments(operator: Operator) -> Schema:
    count = len(operator.takes_kinds)
    most = MOST_ARGUMENTS if operator.is_open else count
    several = {"type": "array", "items": _EXPRESSION, "minItems": count, "maxItems": most}
    about: Schema = {"description": operator.about}
    return {**about, **(several if count > 1 else {"anyOf": [_EXPRESSION, several]})}


def _operand() -> Schema:
    variable = {
        "type": "string",
        "description": "A variable.",
        "pattern": rf"^(variable\.)?{IDENTIFIER.pattern}$",
    }
    families = [
        {"type": "string", "description": family.about, "pattern": _pattern(family)}
        for family in FAMILIES
    ]
    return {"anyOf": [variable, *families]}


def _pattern(family: Family) -> str:
    head = [family.name.replace(".", r"\.")]
    if family.numbered:
        head.append(r"\d+")
    if family.subject:
        head.append(rf"[a-z0-9_]+(\.{IDENTIFIER.pattern})??")
    names = [name.replace(".", r"\.").replace("N", r"\d+") for name in family.operands if name]
    tail = rf"\.({'|'.join(names)})" if names else ""
    if tail and (family.default or "" in family.operands):
        tail = f"({tail})?"
    return "^" + r"\.".join(head) + tail + "$"
